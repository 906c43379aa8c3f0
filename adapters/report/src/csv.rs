//! `-o csv`: RFC 4180, one line per finding, suppressed ones included. Cells that a
//! spreadsheet would run as a formula get an apostrophe in front.

use crate::text::clean;
use crate::view::View;
use seawall_assessment::Change;
use seawall_model::{Asset, Finding};
use std::io;

const HEADER: [&str; 19] = [
    "id",
    "status",
    "severity",
    "rule",
    "title",
    "area",
    "kind",
    "namespace",
    "name",
    "file",
    "line",
    "column",
    "path",
    "message",
    "remediation",
    "values_key",
    "references",
    "affected",
    "reason",
];

pub(crate) fn write(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    record(out, HEADER.into_iter())?;
    for (at, finding) in view.assessment.findings.iter().enumerate() {
        let status = match view.change(at) {
            None => "open",
            Some(Change::New) => "new",
            Some(Change::Worse(_)) => "worse",
            Some(Change::Unchanged) => "unchanged",
        };
        line(view, finding, status, "", out)?;
    }
    for suppressed in &view.assessment.suppressed {
        line(
            view,
            &suppressed.finding,
            "suppressed",
            &suppressed.reason,
            out,
        )?;
    }
    Ok(())
}

fn line(
    view: &View<'_>,
    finding: &Finding,
    status: &str,
    reason: &str,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let rule = view.rule(&finding.rule);
    let (kind, namespace, name) = match &finding.asset {
        Asset::Resource(object) => (
            object.kind.as_ref(),
            object.namespace.as_deref().unwrap_or(""),
            object.name.as_ref(),
        ),
        Asset::File(path) => ("File", "", path.as_ref()),
        Asset::ValuesKey { chart, key } => ("ValuesKey", chart.as_ref(), key.as_ref()),
    };
    let span = finding.locus.span;
    let file = view.file(span).map(|file| file.path);
    let place = |n: u32| if n == 0 { String::new() } else { n.to_string() };
    let references: Vec<String> = rule
        .iter()
        .flat_map(|rule| rule.references.iter())
        .map(|reference| format!("{}/{}", reference.framework.name(), reference.control))
        .collect();
    let cause = view.cause(span);
    let cells: [&str; 19] = [
        &finding.id.to_string(),
        status,
        finding.severity.name(),
        finding.rule.as_str(),
        rule.map_or("", |rule| &rule.title),
        rule.map_or("", |rule| rule.area.name()),
        kind,
        namespace,
        name,
        file.as_deref().unwrap_or(""),
        &place(span.line),
        &place(span.column),
        &finding.locus.path,
        &finding.message,
        &finding.remediation,
        cause.as_ref().map_or("", |cause| &cause.key),
        &references.join(" "),
        &finding.affected.len().to_string(),
        reason,
    ];
    record(out, cells.into_iter())
}

fn record<'c>(out: &mut dyn io::Write, cells: impl Iterator<Item = &'c str>) -> io::Result<()> {
    for (at, value) in cells.enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        out.write_all(cell(value).as_bytes())?;
    }
    out.write_all(b"\r\n")
}

pub(crate) fn cell(value: &str) -> String {
    let value = clean(value);
    // What a spreadsheet takes for a formula, also after blanks.
    let formula = value
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let guard = if formula { "'" } else { "" };
    if value.contains(['"', ',', '\n', '\r', ';']) {
        format!("\"{guard}{}\"", value.replace('"', "\"\""))
    } else {
        format!("{guard}{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_formulas_disarmed() {
        for (value, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=cmd()", "'=cmd()"),
            (" @x,", "\"' @x,\""),
            ("two\nlines", "two lines"),
        ] {
            assert_eq!(cell(value), expected);
        }
    }
}
