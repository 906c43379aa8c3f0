//! The order of a build: resources, configuration, generators, components, transformers.

use super::decode::Text;
use super::kust::{Kust, Var};
use super::kust_reader;
use super::resource::{Origin, Resource};
use super::schema::Schemas;
use super::specs::Config;
use super::store::{self, Root, is_within};
use super::{Builder, Fail, finish, nameref, read, remote, resmap, vars};
use crate::tree;
use seawall_model::{Span, Str};
use seawall_yaml::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

/// Bases within bases: more is a mistake or an attack.
const MAX_DEPTH: usize = 64;

/// What all steps of a build together may look at, in objects.
const MAX_VISITS: usize = 5_000_000;

/// Errors of bases are told up to this many.
const MAX_INHERITED: usize = 1_000;

/// What a kustomization has made so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Made {
    pub(super) resources: Vec<Resource>,
    pub(super) config: Config,
    pub(super) vars: BTreeMap<String, Var>,
}

/// A base that has been built.
#[derive(Debug)]
pub(super) struct Cached {
    made: Made,
    fails: Vec<Fail>,
    /// The directories that went into it, canonical.
    visited: BTreeSet<String>,
}

/// What a base has made; not copied where nobody else needs it.
fn made_of(base: Arc<Cached>) -> Made {
    Arc::try_unwrap(base).map_or_else(|base| base.made.clone(), |base| base.made)
}

/// One build of one overlay.
pub(super) struct Build<'b, 'a> {
    pub(super) builder: &'b Builder<'a>,
    pub(super) fails: Vec<Fail>,
    pub(super) schemas: Schemas,
    /// Whether origins are asked for.
    pub(super) tracks: bool,
    /// The kustomizations that led here.
    chain: Vec<Root>,
    visited: BTreeSet<String>,
    /// Whether results may be shared with other builds.
    shares: bool,
    /// How many objects bases have handed on so far.
    handled: usize,
    /// How many objects all steps together have looked at.
    visits: usize,
}

/// A kustomization in its directory.
pub(super) struct Place {
    pub(super) root: Root,
    pub(super) kust: Arc<Kust>,
    /// The path from the top overlay, for origins.
    pub(super) origin: String,
}

/// Builds the overlay in a directory.
pub(super) fn run(builder: &Builder<'_>, dir: &str) -> (Vec<Node>, Vec<Fail>) {
    let mut build = Build {
        builder,
        fails: Vec::new(),
        schemas: Schemas::default(),
        tracks: false,
        chain: Vec::new(),
        visited: BTreeSet::new(),
        shares: true,
        handled: 0,
        visits: 0,
    };
    let Some(root) = builder.store.root(dir) else {
        return (
            Vec::new(),
            vec![Fail::new(
                Span::NONE,
                format!("there is no directory {dir}"),
            )],
        );
    };
    let kust = match builder.kustomization(&root.dir, Span::NONE) {
        Ok(kust) => kust,
        Err(fail) => return (Vec::new(), vec![fail]),
    };
    let place = Place {
        root,
        kust: kust.clone(),
        origin: String::new(),
    };
    build.tracks = !kust.build_metadata.is_empty();
    let has_openapi = !kust.openapi.is_empty();
    build.shares = !build.tracks && !has_openapi;
    build.open_api(&place, true);
    // The top is built like a base, so that an overlay on top of it can use the result.
    let mut made = if build.shares {
        let cached = build.shared(&place);
        build.fails.extend(cached.fails.iter().cloned());
        made_of(cached)
    } else {
        build.enter(&place, Made::default())
    };
    finish::hash_names(&mut made.resources);
    if let Err(fail) = nameref::fix(&mut made.resources, &made.config.name_reference) {
        build.fails.push(fail);
    }
    let specs = made.config.var_reference.clone();
    build
        .fails
        .extend(vars::resolve(&mut made.resources, &made.vars, &specs));
    finish::drop_local(&mut made.resources);
    finish::sort(&mut made.resources, kust.sort.as_ref(), &mut build.fails);
    let option = |name: &str| kust.build_metadata.iter().any(|t| &**t == name);
    let marks = finish::Marks {
        origin: option("originAnnotations"),
        transformations: option("transformerAnnotations"),
        managed_by: option("managedByLabel"),
    };
    let span = kust.build_metadata.first().map_or(Span::NONE, |t| t.span);
    (finish::objects(made.resources, marks, span), build.fails)
}

impl Builder<'_> {
    /// The kustomization of a directory, read once.
    pub(super) fn kustomization(&self, dir: &str, span: Span) -> Result<Arc<Kust>, Fail> {
        let lock = || {
            self.kustomizations
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(kust) = lock().get(dir) {
            return Ok(kust.clone());
        }
        let (path, name) = self.store.kustomization(dir).map_err(|(file, message)| {
            let place = file.filter(|_| !span.is_known()).map_or(span, |file| {
                let file = self.store.map.add_file(self.store.tree.source(&file));
                Span {
                    file,
                    line: 1,
                    column: 1,
                    ..Span::NONE
                }
            });
            Fail {
                subject: Some(dir.into()),
                ..Fail::new(place, message)
            }
        })?;
        let parsed = self.store.parse_file(&path, span)?;
        let mut kust = if let Some(node) = parsed.kubernetes.first() {
            kust_reader::decode(node, &path, name)
        } else {
            let file = self.store.map.add_file(self.store.tree.source(&path));
            let place = Span {
                file,
                line: 1,
                column: 1,
                ..Span::NONE
            };
            let mut kust = Kust {
                file: path.as_str().into(),
                ..Kust::default()
            };
            if parsed.problems.is_empty() {
                kust.fails
                    .push(Fail::new(place, "the kustomization is empty"));
            }
            kust
        };
        kust.fails.extend(parsed.problems.iter().cloned());
        let kust = Arc::new(kust);
        lock().insert(dir.to_owned(), kust.clone());
        Ok(kust)
    }
}

impl Build<'_, '_> {
    /// Runs something that may fail; the failure is noted and the build goes on.
    pub(super) fn attempt(&mut self, result: Result<(), Fail>) {
        if let Err(fail) = result {
            self.fails.push(fail);
        }
    }

    /// Takes a schema from the kustomization, unless one is in force.
    fn open_api(&mut self, place: &Place, top: bool) {
        let get = |name: &str| {
            place
                .kust
                .openapi
                .iter()
                .find(|(key, _)| &**key == name)
                .map(|(_, text)| text)
        };
        if let Some(path) = get("path") {
            match self.builder.store.file(&place.root, path) {
                Ok((_, parsed)) if !self.schemas.has_custom() => {
                    if let Some(document) = parsed.kubernetes.first() {
                        self.schemas = Schemas::custom(document.clone(), top);
                    }
                }
                Ok(_) => {}
                Err(fail) => self.fails.push(fail),
            }
        } else if let Some(version) = get("version")
            && !version.is_empty()
            && &**version != "v1.21.2"
        {
            let message = format!("the OpenAPI version {} is not built in", &**version);
            self.fails.push(Fail::new(version.span, message));
        }
    }

    /// Counts the objects that a step is going to look at; true, with an error, when a build
    /// has had its share: thousands of steps over thousands of objects.
    pub(super) fn exhausts(&mut self, objects: usize, span: Span) -> bool {
        let before = self.visits;
        self.visits = before.saturating_add(objects);
        if self.visits <= MAX_VISITS {
            return false;
        }
        if before <= MAX_VISITS {
            let message = "the overlay has too many steps over too many objects";
            self.fails.push(Fail::new(span, message));
        }
        true
    }

    /// Takes over the errors of a base, those that are not known yet: a base on two ways tells
    /// them twice, and bases in pairs would double them at every level.
    fn inherit(&mut self, fails: &[Fail]) {
        for fail in fails {
            if self.fails.len() >= MAX_INHERITED {
                return;
            }
            if !self.fails.contains(fail) {
                self.fails.push(fail.clone());
            }
        }
    }

    /// A base, from the cache if it can be.
    fn shared(&mut self, place: &Place) -> Arc<Cached> {
        let known = self.builder.bases.ask(&place.root.dir);
        if let Some(cached) = known.there {
            // Where the base would lead back to one of its users, it has to fail again.
            let circular = self.chain.iter().any(|user| {
                cached
                    .visited
                    .iter()
                    .any(|dir| is_within(&user.canonical, dir))
            });
            if !circular {
                self.visited.extend(cached.visited.iter().cloned());
                return cached;
            }
        }
        let fails = std::mem::take(&mut self.fails);
        let visited = std::mem::take(&mut self.visited);
        let made = self.enter(place, Made::default());
        let cached = Arc::new(Cached {
            made,
            fails: std::mem::replace(&mut self.fails, fails),
            visited: std::mem::replace(&mut self.visited, visited),
        });
        self.visited.extend(cached.visited.iter().cloned());
        if self.shares && known.keeps {
            self.builder.bases.keep(&place.root.dir, &cached);
        }
        cached
    }

    /// Builds one kustomization on top of what is there (nothing, except for components).
    fn enter(&mut self, place: &Place, made: Made) -> Made {
        self.visited.insert(place.root.canonical.clone());
        self.chain.push(place.root.clone());
        let made = self.kustomize(place, made);
        self.chain.pop();
        made
    }

    fn kustomize(&mut self, place: &Place, mut made: Made) -> Made {
        let kust = &place.kust;
        self.fails.extend(kust.fails.iter().cloned());
        self.resources(place, &kust.resources, &mut made);
        self.configure(place, &mut made);
        self.generate(place, &mut made);
        for component in &kust.components {
            made = self.component(place, component, made);
        }
        self.transform(place, &mut made);
        let outcome = vars::merge(&mut made.resources, &mut made.vars, &kust.vars);
        self.attempt(outcome);
        made
    }

    /// Files and bases, in order.
    pub(super) fn resources(&mut self, place: &Place, paths: &[Text], made: &mut Made) {
        for path in paths {
            if made.resources.len() > resmap::MAX_RESOURCES {
                return;
            }
            if store::is_url(path) || remote::is_repository(path) {
                // A file of that name would win; nobody has one.
                self.fails.push(store::remote(path));
                continue;
            }
            let full = tree::join(&place.root.dir, path);
            if !path.is_empty()
                && self.builder.store.tree.kind(&full) == Some(tree::Kind::Directory)
            {
                self.base(place, path, &full, made);
            } else {
                self.file(place, path, made);
            }
        }
    }

    fn file(&mut self, place: &Place, path: &Text, made: &mut Made) {
        let (_, parsed) = match self.builder.store.file(&place.root, path) {
            Ok(found) => found,
            Err(fail) => {
                self.fails.push(fail);
                return;
            }
        };
        let (mut resources, fails) = read::resources(&parsed);
        self.fails.extend(fails);
        self.fails.extend(parsed.duplicates.iter().cloned());
        if self.tracks {
            let origin = Origin {
                path: joined(&place.origin, path),
                ..Origin::default()
            };
            for resource in &mut resources {
                resource.origin = Some(origin.clone());
            }
        }
        resmap::append_all(&mut made.resources, resources, path.span, &mut self.fails);
    }

    /// The directory behind a path, if it may be a base here.
    fn enterable(&mut self, path: &Text, full: &str) -> Option<(Root, Arc<Kust>)> {
        let fail = |message: String| Fail {
            subject: Some(Str::from(full)),
            ..Fail::new(path.span, message)
        };
        if path.starts_with('/') {
            self.fails
                .push(fail(format!("the base {} must not be absolute", &**path)));
            return None;
        }
        let Some(root) = self.builder.store.root(full) else {
            self.fails
                .push(fail(format!("there is no directory {full}")));
            return None;
        };
        if self
            .chain
            .iter()
            .any(|user| is_within(&user.canonical, &root.canonical))
        {
            self.fails
                .push(fail(format!("{full} includes itself: a cycle of bases")));
            return None;
        }
        if self.chain.len() >= MAX_DEPTH {
            self.fails
                .push(fail(format!("bases are nested more than {MAX_DEPTH} deep")));
            return None;
        }
        match self.builder.kustomization(&root.dir, path.span) {
            Ok(kust) => Some((root, kust)),
            Err(fail) => {
                self.fails.push(fail);
                None
            }
        }
    }

    fn base(&mut self, place: &Place, path: &Text, full: &str, made: &mut Made) {
        let Some((root, kust)) = self.enterable(path, full) else {
            return;
        };
        if kust.component {
            let message = format!("{full} is a component and must stand under components");
            self.fails.push(Fail::new(path.span, message));
            return;
        }
        let inner = Place {
            root,
            kust,
            origin: joined(&place.origin, path),
        };
        let had_schema = self.schemas.has_custom();
        let uses_schema = !inner.kust.openapi.is_empty();
        if uses_schema {
            self.shares = false;
            self.open_api(&inner, false);
        }
        let base = if self.shares && !had_schema {
            let cached = self.shared(&inner);
            self.inherit(&cached.fails);
            made_of(cached)
        } else {
            self.enter(&inner, Made::default())
        };
        self.handled = self.handled.saturating_add(base.resources.len());
        if self.handled > resmap::MAX_HANDLED {
            let message = "the overlay includes its bases too many times";
            self.fails.push(Fail::new(path.span, message));
            return;
        }
        resmap::append_all(
            &mut made.resources,
            base.resources,
            path.span,
            &mut self.fails,
        );
        let outcome = made.config.merge(&base.config);
        self.attempt(outcome.map_err(|message| Fail::new(path.span, message)));
        for var in base.vars.values() {
            let outcome = vars::add(&mut made.vars, var);
            self.attempt(outcome);
        }
    }

    fn component(&mut self, place: &Place, path: &Text, made: Made) -> Made {
        if store::is_url(path) || remote::is_repository(path) {
            self.fails.push(store::remote(path));
            return made;
        }
        let full = tree::join(&place.root.dir, path);
        if self.builder.store.tree.kind(&full) != Some(tree::Kind::Directory) {
            let message = format!("the component {full} is not a directory");
            let subject = Some(Str::from(full));
            self.fails.push(Fail {
                subject,
                ..Fail::new(path.span, message)
            });
            return made;
        }
        let Some((root, kust)) = self.enterable(path, &full) else {
            return made;
        };
        if !kust.component {
            let message = format!("{full} is not a component: its kind should be Component");
            self.fails.push(Fail::new(path.span, message));
            return made;
        }
        let inner = Place {
            root,
            kust,
            origin: joined(&place.origin, path),
        };
        if !inner.kust.openapi.is_empty() {
            self.shares = false;
            self.open_api(&inner, false);
        }
        self.enter(&inner, made)
    }
}

impl Place {
    /// The origin of what a built-in generator or transformer makes here.
    pub(super) fn origin_of(&self, kind: &str) -> Origin {
        let by = [
            "builtin".to_owned(),
            kind.to_owned(),
            String::new(),
            String::new(),
        ];
        Origin {
            path: String::new(),
            configured_in: joined(&self.origin, &self.kust.file_name),
            configured_by: Some(by),
        }
    }
}

/// A path seen from the top overlay.
pub(super) fn joined(origin: &str, path: &str) -> String {
    if origin.is_empty() {
        tree::normalise(path)
    } else {
        tree::join(origin, path)
    }
}
