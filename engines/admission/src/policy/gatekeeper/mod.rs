//! Policies in Rego, as Gatekeeper takes them: a `ConstraintTemplate` holds the program, and
//! each constraint of the kind that it names says where it applies and with which parameters.
//!
//! The interpreter is a crate (`regorus`) behind the cargo feature `rego`: it weighs more
//! than everything else of this engine, and few users need it beside CEL. What it does not
//! bound is bounded here before it runs: recursion (`calls`), nesting, length; a program that
//! runs for longer than a second on one object is stopped and told. Where it reads a negation
//! differently than OPA, the program is written anew (`negation`).
//!
//! An object is judged as if it was created now, as by the policies in CEL, and the pods
//! that a workload is going to make are judged where the constraint does not mean the
//! workload itself.

mod calls;
mod check;
mod constraint;
mod negation;
mod rego;
mod template;

pub(super) use check::check;
pub(super) use constraint::Constraint;

use super::definition::Problem;
use super::policies::{GATEKEEPER as GROUPS, group_of};
use seawall_yaml::Node;
use std::sync::Arc;
use template::Template;

/// Reads the constraints among such trees.
pub(super) fn read(trees: &[&Node], problems: &mut Vec<Problem>) -> Vec<Constraint> {
    let (templates, constraints): (Vec<&Node>, Vec<&Node>) = trees
        .iter()
        .partition(|tree| group_of(tree) == Some(GROUPS[0]));
    let before = problems.len();
    let templates: Vec<Arc<Template>> = templates
        .into_iter()
        .filter_map(|tree| Template::read(tree, problems))
        .map(Arc::new)
        .collect();
    let templates_are_whole = problems.len() == before;
    let mut read: Vec<Constraint> = Vec::new();
    for tree in constraints {
        let known = |kind: &str| templates.iter().find(|template| &*template.kind == kind);
        match Constraint::read(tree, known) {
            Ok(constraint) => read.push(constraint),
            // A broken template has been told, what hangs on it need not be.
            Err(problem) if templates_are_whole || !problem.is_about_template => {
                problems.push(problem.problem);
            }
            Err(_) => {}
        }
    }
    for template in &templates {
        if !read.iter().any(|c| Arc::ptr_eq(&c.template, template)) {
            let message = format!(
                "there is no constraint of the kind {}: the template applies to nothing",
                template.kind
            );
            problems.push(template.problem(template.span, message));
        }
    }
    read.sort_by(|a, b| a.rule.cmp(&b.rule));
    read
}
