//! `seawall generate`.

use super::print;
use crate::args::Global;
use crate::exit::{Exit, Failure, note};
use crate::suggest;
use seawall_assessment::vap::{LeftOut, Mode};
use seawall_assessment::{find_rule, generate_vap, means, selectable_words};
use seawall_model::{Area, Rule};

/// Prints the policies; what could not be one goes to standard error.
pub(crate) fn vap(only: &[String], mode: &str, global: &Global) -> Result<Exit, Failure> {
    let Some(mode) = Mode::ALL.into_iter().find(|known| known.name() == mode) else {
        let names = Mode::ALL.map(Mode::name);
        let known = format!("use {}", names.join(", "));
        let hint = suggest::hint(mode, names.into_iter(), &known);
        return Err(Failure::usage(format!("unknown mode `{mode}`"), hint));
    };
    for word in only {
        let is_area = Area::ALL
            .iter()
            .any(|area| area.name().eq_ignore_ascii_case(word));
        if find_rule(word).is_none() && !is_area {
            let words = selectable_words();
            let hint = suggest::hint(
                word,
                words.iter().map(String::as_str),
                "`seawall rules list` shows all rules",
            );
            return Err(Failure::usage(format!("no rule or area `{word}`"), hint));
        }
    }
    let chosen = |rule: &Rule| only.is_empty() || only.iter().any(|word| means(rule, word));
    let (policies, others) = generate_vap(&chosen, mode);
    if !global.quiet {
        tell(&others, policies.len());
    }
    if policies.is_empty() {
        return Err(Failure::usage(
            "none of these rules can be a policy",
            "leave out --only for all that can",
        ));
    }
    let texts: Vec<&str> = policies.iter().map(|policy| policy.yaml.as_str()).collect();
    print(texts.join("---\n").as_bytes())
}

/// Says which rules are left out, by reason.
fn tell(others: &[LeftOut], made: usize) {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for other in others {
        let id = other.rule.as_str();
        match reasons
            .iter_mut()
            .find(|(reason, _)| *reason == other.reason)
        {
            Some((_, ids)) => ids.push(id),
            None => reasons.push((other.reason, vec![id])),
        }
    }
    let rules = |count: usize| format!("{count} rule{}", if count == 1 { "" } else { "s" });
    note(&format!(
        "{} as policies, {} left out",
        rules(made),
        rules(others.len())
    ));
    for (reason, ids) in reasons {
        let shown: Vec<&str> = ids.iter().take(12).copied().collect();
        let more = match ids.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        note(&format!("not {}{more}: {reason}", shown.join(" ")));
    }
}
