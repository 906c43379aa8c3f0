//! `ConstraintTemplate` objects: the kind of constraint that they make, and its program.

use super::rego::Program;
use crate::policy::definition::{Problem, text};
use crate::policy::place;
use seawall_model::{Span, Str};
use seawall_yaml::Node;

/// A program with the kind of constraint that it judges for.
#[derive(Debug)]
pub(crate) struct Template {
    pub(super) kind: Str,
    pub(super) span: Span,
    pub(super) program: Program,
}

impl Template {
    /// Reads a template; what is wrong with it is a problem.
    pub(super) fn read(tree: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        let name = text(tree, &["metadata", "name"]).unwrap_or_default();
        let span = tree
            .at(&["metadata", "name"])
            .map_or(tree.span, |name| name.span);
        let mut problem = |span: Span, message: String| {
            problems.push(Problem {
                subject: format!("ConstraintTemplate {name}").into(),
                span,
                message,
            });
        };
        let Some(kind) = text(tree, &["spec", "crd", "spec", "names", "kind"]) else {
            problem(span, "spec.crd.spec.names.kind is required".to_owned());
            return None;
        };
        let Some(source) = Source::of(tree) else {
            let message = "there is no Rego in spec.targets; a policy in CEL is written as a \
                           ValidatingAdmissionPolicy";
            problem(span, message.to_owned());
            return None;
        };
        let libraries: Vec<&str> = source.libraries.iter().filter_map(|l| l.as_str()).collect();
        match Program::compile(source.main.1, &libraries, source.is_v1) {
            Ok(program) => Some(Self {
                kind,
                span,
                program,
            }),
            Err(wrong) => {
                let (node, text) = match wrong.library.and_then(|at| source.libraries.get(at)) {
                    Some(library) => (*library, library.as_str().unwrap_or_default()),
                    None => source.main,
                };
                let offset = offset_of(text, wrong.line, wrong.column);
                let place = place::within(node.span, text, offset).0;
                problem(place, wrong.message);
                None
            }
        }
    }

    pub(super) fn problem(&self, span: Span, message: String) -> Problem {
        Problem {
            subject: format!("ConstraintTemplate {}", self.kind).into(),
            span,
            message,
        }
    }
}

/// Where the program stands.
struct Source<'t> {
    main: (&'t Node, &'t str),
    libraries: Vec<&'t Node>,
    is_v1: bool,
}

impl<'t> Source<'t> {
    /// `targets[].code[]` with the engine Rego, or `targets[].rego` as templates had it first.
    fn of(tree: &'t Node) -> Option<Self> {
        let targets = tree.at(&["spec", "targets"])?.as_seq()?;
        let in_code = targets.iter().find_map(|target| {
            let code = target.get("code")?.as_seq()?;
            let rego = |code: &&Node| code.get("engine").and_then(Node::as_str) == Some("Rego");
            code.iter().find(rego)?.get("source")
        });
        let holder = in_code.or_else(|| targets.iter().find(|t| t.get("rego").is_some()))?;
        let main = holder.get("rego")?;
        let libraries = holder
            .get("libs")
            .and_then(Node::as_seq)
            .unwrap_or_default();
        Some(Self {
            main: (main, main.as_str()?),
            libraries: libraries.iter().collect(),
            is_v1: holder.get("version").and_then(Node::as_str) == Some("v1"),
        })
    }
}

/// The byte at a line and column, both from 1.
fn offset_of(text: &str, line: u32, column: u32) -> u32 {
    let before = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let start: usize = text.split_inclusive('\n').take(before).map(str::len).sum();
    let start = u32::try_from(start).unwrap_or(u32::MAX);
    start.saturating_add(column.saturating_sub(1))
}
