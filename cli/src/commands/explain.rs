//! `seawall explain`.

use super::{judge, print, scan};
use crate::args::{Explain, Global, Judge};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::{color, policies, suggest};
use seawall_assessment::{find_rule, selectable_words};
use seawall_model::SourceMap;
use seawall_report::{Context, Display, Header, explain};
use std::sync::Arc;

pub(crate) fn run(arguments: &Explain, global: &Global) -> Result<Exit, Failure> {
    let display = Display {
        color: global.color.enabled(),
        width: color::width(),
        ..Display::default()
    };
    let rule = if arguments.id.starts_with(policies::PREFIX) {
        let config = Config::load(&Judge::default(), Some(&arguments.source.reading))?;
        policies::rule(&config, &arguments.id)?
    } else {
        find_rule(&arguments.id)
    };
    if let Some(rule) = rule {
        if arguments.markdown {
            return print(explain::markdown(&rule).as_bytes());
        }
        let mut text = Vec::new();
        explain::rule(&rule, &display, &mut text)
            .map_err(|error| Failure::write("the explanation", &error))?;
        return print(&text);
    }
    if arguments.id.len() < 8 || !arguments.id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let words = selectable_words();
        let hint = suggest::hint(
            &arguments.id,
            words.iter().map(String::as_str),
            "`seawall rules list` shows all rules; a finding's id has eight or more digits",
        );
        return Err(Failure::usage(format!("no rule `{}`", arguments.id), hint));
    }
    explain_finding(arguments, global, &display)
}

/// A finding is explained from a fresh scan: its evidence is in the sources.
fn explain_finding(
    arguments: &Explain,
    global: &Global,
    display: &Display,
) -> Result<Exit, Failure> {
    let config = Config::load(&Judge::default(), Some(&arguments.source.reading))?;
    let map = Arc::new(SourceMap::new());
    let loaded = scan::read(&arguments.source, &config, global, &map)?;
    let assessment = judge::judge(&loaded, &config, None, &map)?;
    let rules = assessment.rules.clone();
    let header = Header::default();
    let context = Context {
        assessment: &assessment,
        map: &map,
        text: &loaded.text,
        rules: &rules,
        header: &header,
        display,
    };
    let paths = arguments.source.paths.join(", ");
    let finding = explain::find(&context, &arguments.id).map_err(|error| match error {
        explain::LookupError::Ambiguous(count) => Failure::usage(
            format!("{count} findings begin with {}", arguments.id),
            "give more digits of the id",
        ),
        _ => Failure::usage(
            format!("no finding {} in {paths}", arguments.id),
            "name the path that was scanned: seawall explain ID PATH",
        ),
    })?;
    if arguments.markdown {
        return print(explain::finding_markdown(finding, &context).as_bytes());
    }
    let mut text = Vec::new();
    explain::finding(finding, &context, &mut text)
        .map_err(|error| Failure::write("the explanation", &error))?;
    print(&text)
}
