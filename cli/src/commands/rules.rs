//! `seawall rules`.

use super::print;
use crate::exit::{Exit, Failure};
use seawall_assessment::catalogue;
use seawall_assessment::fixes::repairable;
use seawall_model::{Area, Repairable, Rule};
use std::fmt::Write as _;

pub(crate) fn list(json: bool) -> Result<Exit, Failure> {
    let rules = catalogue();
    if json {
        let mut bytes = Vec::new();
        seawall_report::catalogue(&rules, &mut bytes)
            .map_err(|error| Failure::write("the rules", &error))?;
        return print(&bytes);
    }
    let mut text = String::new();
    for area in Area::ALL {
        let members: Vec<&Rule> = rules.iter().filter(|rule| rule.area == area).collect();
        if members.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{}", area.name());
        for rule in members {
            let mark = match repairable(&rule.id) {
                Repairable::ByHand => ' ',
                Repairable::Safe | Repairable::WithCaution | Repairable::Decision => '+',
            };
            let (id, severity) = (&rule.id, rule.severity);
            let _ = writeln!(text, "{id:<10} {severity:<8} {mark} {}", rule.title);
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "{} rules; `seawall explain ID` says more, and of those with + how `seawall fix`\n\
         repairs them",
        rules.len()
    );
    print(text.as_bytes())
}

/// The steps that attack paths are made of.
pub(crate) fn techniques() -> Result<Exit, Failure> {
    let techniques = seawall_assessment::paths::techniques();
    let mut text = String::new();
    for rule in techniques {
        let title = &rule.title;
        let _ = writeln!(text, "{:<23} {title}", rule.id);
    }
    let _ = writeln!(
        text,
        "{} techniques; `seawall explain ID` says more",
        techniques.len()
    );
    print(text.as_bytes())
}
