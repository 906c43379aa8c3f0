//! `seawall rules`.

use super::print;
use crate::exit::{Exit, Failure};
use seawall_assessment::catalogue;
use std::fmt::Write as _;

pub(crate) fn list(json: bool) -> Result<Exit, Failure> {
    let rules = catalogue();
    if json {
        return print(seawall_report::rules_json(&rules).as_bytes());
    }
    let mut text = String::new();
    for rule in &rules {
        let _ = writeln!(
            text,
            "{:<8} {:<8} {:<15} {}",
            rule.id,
            rule.severity,
            rule.area.name(),
            rule.title
        );
    }
    let _ = writeln!(text, "\n{} rules; `seawall explain ID` says more", rules.len());
    print(text.as_bytes())
}
