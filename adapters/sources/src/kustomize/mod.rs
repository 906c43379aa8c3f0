//! Kustomize overlays, built natively.
//!
//! [`Builder::build`] gives the objects that `kustomize build` (v5.7.1) prints, in its order,
//! with spans that point at the base, the patch or the line of the kustomization that wrote
//! each value. Where Kustomize would stop with an error, this goes on with everything else
//! and leaves a [`Gap`] at the place of the trouble: what is remote, missing or refused never
//! hides the rest.
//!
//! How it is put together: [`kust_reader`] reads the kustomization file; [`build`] walks bases and
//! components and [`steps`] runs generators and transformers in Kustomize's order over a list of
//! [`resource::Resource`]s; [`specs`] and [`schema`] are the tables of what Kustomize knows
//! about Kubernetes kinds; the other modules are one transformer each. Objects are
//! copy-on-write [`Node`](seawall_yaml::Node)s, so a base that twenty overlays share is
//! parsed and built once.
//!
//! **Invariants:** no process is started and no network asked; files outside the
//! kustomization's directory are refused as Kustomize refuses them; recursion, the number of
//! objects and the length of replaced texts are bounded.

mod build;
mod crds;
mod date;
mod decode;
mod fields;
mod finish;
mod generators;
mod hash;
mod helm;
mod ids;
mod inputs;
mod jsonpatch;
mod kept;
mod keyed;
mod kust;
mod kust_reader;
mod merge;
mod nameref;
mod parse;
mod patches;
mod paths;
mod plugins;
mod read;
mod remote;
mod replace;
mod resmap;
mod resource;
mod schema;
mod select;
mod specs;
mod steps;
mod store;
mod transform;
mod value;
mod valueadd;
mod vars;

use crate::Rendered;
use crate::tree::{self, Tree};
use seawall_model::{Gap, GapKind, SourceMap, Span, Str};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

pub use inputs::Inputs;
pub use store::FILE_NAMES;

/// Something that Kustomize would refuse, and where.
#[derive(Debug, Clone, PartialEq)]
struct Fail {
    kind: GapKind,
    span: Span,
    message: String,
    hint: String,
    subject: Option<Str>,
}

impl Fail {
    fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            kind: GapKind::NotRendered,
            span,
            message: message.into(),
            hint: String::new(),
            subject: None,
        }
    }
}

/// Builds overlays; keeps what files and bases yield while others will need it, so that a
/// hundred overlays of one base read it once. Can be shared between threads.
pub struct Builder<'a> {
    store: store::Store<'a>,
    bases: kept::Kept<build::Cached>,
    kustomizations: Mutex<HashMap<String, Arc<kust::Kust>>>,
}

/// The path of a directory's kustomization file, if it has one.
pub fn is_overlay(tree: &dyn Tree, dir: &str) -> Option<String> {
    FILE_NAMES
        .iter()
        .map(|name| tree::join(dir, name))
        .find(|path| tree.kind(path) == Some(tree::Kind::File))
}

impl<'a> Builder<'a> {
    /// A builder over a tree.
    pub fn new(tree: &'a dyn Tree, map: &'a SourceMap) -> Self {
        Self {
            store: store::Store::new(tree, map),
            bases: kept::Kept::default(),
            kustomizations: Mutex::default(),
        }
    }

    /// Says how often each file and each base is going to be asked for, by overlays together,
    /// so that none is kept longer than that. What is not listed is kept to the end.
    pub fn expect(&self, files: HashMap<String, u32>, bases: HashMap<String, u32>) {
        self.store.parsed.expect(files);
        self.bases.expect(bases);
    }

    /// Whether a directory holds a component, which only other kustomizations can build.
    pub fn is_component(&self, dir: &str) -> bool {
        self.kustomization(&tree::normalise(dir), Span::NONE)
            .is_ok_and(|kust| kust.component)
    }

    /// What `kustomize build DIR` prints.
    pub fn build(&self, dir: &str) -> Rendered {
        let dir = tree::normalise(dir);
        let (objects, fails) = build::run(self, &dir);
        let mut gaps: Vec<Gap> = Vec::new();
        for fail in fails {
            let gap = Gap {
                kind: fail.kind,
                subject: fail.subject.unwrap_or_else(|| Str::from(dir.as_str())),
                span: fail.span,
                reason: fail.message,
                hint: fail.hint,
                units: 1,
            };
            if !gaps.contains(&gap) {
                gaps.push(gap);
            }
        }
        Rendered { objects, gaps }
    }

    /// The files and directories that the kustomization of a directory names; what those of
    /// its bases and components name is theirs.
    pub fn inputs(&self, dir: &str) -> Inputs {
        inputs::of(self, &tree::normalise(dir))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;

    #[test]
    fn what_nobody_asks_for_again_is_let_go() {
        let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec().into());
        let tree = Memory::new([
            file("base/kustomization.yaml", "resources: [a.yaml]"),
            file(
                "base/a.yaml",
                "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}",
            ),
            file(
                "x/kustomization.yaml",
                "{resources: [../base], namePrefix: x-}",
            ),
            file(
                "y/kustomization.yaml",
                "{resources: [../base], namePrefix: y-}",
            ),
        ]);
        let map = SourceMap::default();
        let keeping = Builder::new(&tree, &map);
        let builder = Builder::new(&tree, &map);
        let uses = |path: &str, n| (path.to_owned(), n);
        let bases = [uses("base", 2), uses("x", 1), uses("y", 1)];
        builder.expect([uses("base/a.yaml", 1)].into(), bases.into());
        for overlay in ["x", "y", "y"] {
            let built = builder.build(overlay);
            assert_eq!(built.objects.len(), 1);
            assert_eq!(built.objects, keeping.build(overlay).objects);
        }
        let kept = |builder: &Builder<'_>| builder.bases.len();
        assert_eq!(kept(&keeping), 3);
        assert_eq!(kept(&builder), 2, "what was asked for against expectation");
    }
}
