//! Helm charts, rendered natively.
//!
//! Templates are read and run by [`template`], with the functions in [`funcs`]; [`chart`] is
//! what a chart is made of, and how its values come together. What all of them do is held to
//! what Helm does by tests that ask it, and every span of a rendered object points at the
//! template's line and at the values key that decided it.
//!
//! What a real rendering draws at random or takes from the clock is a fixed placeholder
//! here ([`funcs`]).

mod chart;
mod encoding;
mod error;
mod fmt;
mod funcs;
mod glob;
mod limits;
mod manifest;
mod places;
mod render;
mod semver;
mod template;
#[cfg(test)]
mod tests;
mod time;
mod toml;
mod url;
mod value;

use crate::Rendered;
use crate::tree::{Kind, Tree, join};
use chart::strvals::{self, Mode};
use seawall_model::{Gap, GapKind, SourceMap, Span};

/// What `helm template` takes from its command line.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Values files, later ones win.
    pub values_files: Vec<String>,
    /// `--set key=value`, after the files.
    pub set: Vec<String>,
    /// `--set-string key=value`, after `set`.
    pub set_string: Vec<String>,
    /// `--set-json key=value`, after the files and before `set`.
    pub set_json: Vec<String>,
    /// `--set-file key=path`, after `set_string`.
    pub set_file: Vec<String>,
    /// Release name; `release-name` when empty, as `helm template` has it.
    pub release_name: String,
    /// Release namespace; `default` when empty.
    pub namespace: String,
    /// `--kube-version`; Helm's own when empty.
    pub kube_version: String,
    /// `--api-versions`, besides those Helm knows.
    pub api_versions: Vec<String>,
}

/// Whether the values given on the command line can be read at all: what is wrong with the
/// first that cannot.
pub fn check(options: &Options) -> Result<(), String> {
    let mut places = places::Places::new("");
    let arguments = [
        ("--set-json", &options.set_json, Mode::Json),
        ("--set", &options.set, Mode::Typed),
        ("--set-string", &options.set_string, Mode::Text),
    ];
    let base = value::Map::new(value::MapKind::Any);
    for (flag, texts, mode) in arguments {
        for text in texts {
            // The value may be a secret, the key is none.
            let key = text.split('=').next().unwrap_or_default();
            strvals::parse(text, &base, &mode, &mut places)
                .map_err(|why| format!("{flag} {key}: {why}"))?;
        }
    }
    Ok(())
}

/// Whether a directory holds a chart.
pub fn is_chart(tree: &dyn Tree, dir: &str) -> bool {
    tree.kind(&join(dir, "Chart.yaml")) == Some(Kind::File)
}

/// Renders a chart directory as `helm template --include-crds` would. An error in one
/// template is a gap there, and the other templates are still rendered.
pub fn render(tree: &dyn Tree, dir: &str, options: &Options, map: &SourceMap) -> Rendered {
    // Templates call each other, and deep calls need a deep stack.
    let done = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("helm".to_owned())
            .stack_size(limits::STACK)
            .spawn_scoped(scope, || render::chart(tree, dir, options, map))
            .ok()
            .and_then(|thread| thread.join().ok())
    });
    done.unwrap_or_else(|| Rendered {
        objects: Vec::new(),
        gaps: vec![Gap {
            kind: GapKind::NotRendered,
            subject: dir.into(),
            span: Span::NONE,
            reason: "the rendering of this chart failed inside seawall".to_owned(),
            hint: "please report the chart".to_owned(),
            units: 1,
        }],
    })
}
