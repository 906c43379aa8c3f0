//! The user's own policies: `--policy` and `policies` of the configuration.
//!
//! A policy that cannot be read or compiled is a wrong command line: all that is wrong is
//! told, with its places, and nothing is scanned.

use crate::config::Config;
use crate::exit::Failure;
use seawall_assessment::{Policies, PolicyProblem};
use seawall_model::{Gap, Rule, SourceMap};
use seawall_sources::load::{self, LoadError, Request};
use std::sync::Arc;

/// What ids of policies begin with, as rules.
pub(crate) const PREFIX: &str = "policy:";

/// Reads the policies that the configuration names; none without.
pub(crate) fn load(config: &Config, map: &SourceMap) -> Result<Option<Arc<Policies>>, Failure> {
    let paths = &config.policies.value;
    let words = config.only.value.iter().chain(&config.skip.value);
    let mut named = words.filter(|word| word.starts_with(PREFIX));
    if paths.is_empty() {
        return match named.next() {
            Some(word) => Err(Failure::usage(
                format!("no policy is loaded for `{word}`"),
                "name the policies: --policy DIR",
            )),
            None => Ok(None),
        };
    }
    let request = Request {
        paths: paths
            .iter()
            .map(|path| path.display().to_string())
            .collect(),
        no_ignore: true,
        ..Request::default()
    };
    let (trees, coverage) = load::render(&request, map).map_err(|error| unreadable(&error))?;
    let (policies, problems) = Policies::read(&trees);
    let mut wrong: Vec<String> = coverage.gaps.iter().map(|gap| of_gap(gap, map)).collect();
    wrong.extend(problems.iter().map(|problem| of_problem(problem, map)));
    if let Some(first) = wrong.first() {
        let message = match wrong.len() {
            1 => first.clone(),
            count => format!("{count} errors in the policies\n{}", wrong.join("\n")),
        };
        return Err(Failure::usage(
            message,
            "policies are ValidatingAdmissionPolicy objects, or Gatekeeper templates and constraints",
        ));
    }
    if policies.is_empty() {
        let paths = request.paths.join(", ");
        return Err(Failure::usage(
            format!(
                "there is no policy in {paths}: neither a ValidatingAdmissionPolicy nor a Gatekeeper constraint"
            ),
            "check the path; `seawall generate vap` makes policies of the built-in rules",
        ));
    }
    for word in named {
        let is_known = policies
            .rules()
            .iter()
            .any(|rule| rule.id.as_str().eq_ignore_ascii_case(word));
        if !is_known {
            let ids: Vec<&str> = policies
                .rules()
                .iter()
                .map(|rule| rule.id.as_str())
                .collect();
            let known = format!("the policies are {}", ids.join(", "));
            let hint = crate::suggest::hint(word, ids.into_iter(), &known);
            return Err(Failure::usage(format!("no policy `{word}`"), hint));
        }
    }
    Ok(Some(Arc::new(policies)))
}

/// The rule that a policy is.
pub(crate) fn rule(config: &Config, id: &str) -> Result<Option<Rule>, Failure> {
    let policies = load(config, &SourceMap::new())?;
    let rules = policies.iter().flat_map(|policies| policies.rules());
    let mut named = rules.filter(|rule| rule.id.as_str().eq_ignore_ascii_case(id));
    Ok(named.next().cloned())
}

fn unreadable(error: &LoadError) -> Failure {
    Failure::usage(format!("--policy: {error}"), "check the path")
}

fn of_gap(gap: &Gap, map: &SourceMap) -> String {
    if gap.span.is_known() {
        format!("{}: {}", map.display(gap.span), gap.reason)
    } else {
        format!("{}: {}", gap.subject, gap.reason)
    }
}

fn of_problem(problem: &PolicyProblem, map: &SourceMap) -> String {
    let place = map.display(problem.span);
    format!("{place}: {}: {}", problem.subject, problem.message)
}
