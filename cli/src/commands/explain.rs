//! `seawall explain`.

use super::{judge, print, scan};
use crate::args::{Explain, Global, Judge};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::{color, suggest};
use seawall_assessment::{catalogue, find_rule, selectable_words};
use seawall_model::SourceMap;
use seawall_report::explain;
use std::sync::Arc;

pub(crate) fn run(arguments: &Explain, global: &Global) -> Result<Exit, Failure> {
    let style = explain::Style {
        markdown: arguments.markdown,
        color: !arguments.markdown && global.color.enabled(),
        width: color::width(),
    };
    if let Some(rule) = find_rule(&arguments.id) {
        return print(explain::rule(&rule, &style).as_bytes());
    }
    let is_finding =
        arguments.id.len() >= 8 && arguments.id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_finding {
        let words = selectable_words();
        let hint = suggest::hint(
            &arguments.id,
            words.iter().map(String::as_str),
            "`seawall rules list` shows all rules; a finding's id has eight or more digits",
        );
        return Err(Failure::usage(format!("no rule `{}`", arguments.id), hint));
    }
    let config = Config::load(&Judge::default(), Some(&arguments.source))?;
    let map = Arc::new(SourceMap::new());
    let loaded = scan::read(&arguments.source, global, &map)?;
    let assessment = judge::judge(&loaded, &config, &map)?;
    let id = arguments.id.to_ascii_lowercase();
    let found = assessment
        .findings
        .iter()
        .chain(assessment.suppressed.iter().map(|suppressed| &suppressed.finding))
        .find(|finding| finding.id.to_string().starts_with(&id));
    let Some(finding) = found else {
        return Err(Failure::usage(
            format!("no finding {id} in {}", arguments.source.paths.join(", ")),
            "name the path that was scanned: seawall explain ID PATH",
        ));
    };
    print(explain::finding(finding, &catalogue(), &map, &loaded.text, &style).as_bytes())
}
