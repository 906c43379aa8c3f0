//! `seawall rules`.

use super::print;
use crate::exit::{Exit, Failure};
use seawall_assessment::catalogue;
use seawall_assessment::fixes::repairable;
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
    for rule in &rules {
        let _ = writeln!(
            text,
            "{:<10} {:<8} {:<15} {:<9} {}",
            rule.id,
            rule.severity,
            rule.area.name(),
            repairable(&rule.id).name(),
            rule.title
        );
    }
    let _ = writeln!(
        text,
        "\n{} rules; `seawall explain ID` says more, also of how `seawall fix` repairs it",
        rules.len()
    );
    print(text.as_bytes())
}
