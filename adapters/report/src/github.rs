//! `-o github`: workflow commands, which GitHub shows as annotations on the changed lines.
//!
//! The syntax is `::error file=F,line=L,…::message`, with `%`, line ends and, in properties,
//! `:` and `,` as `%XX` ("Workflow commands for GitHub Actions"). A step shows ten of each
//! level, so the worst come first and the log tells how many there are.

use crate::news::in_one_line;
use crate::text::{capital, clean};
use crate::view::{View, verdict};
use seawall_model::{Finding, Severity};
use std::fmt::Write as _;
use std::io;

/// Annotations of one level that a step shows.
const SHOWN: usize = 10;

pub(crate) fn write(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    for level in ["error", "warning", "notice"] {
        let of_it = view.shown().filter_map(|index| view.finding(index));
        let mut of_it = of_it.filter(|finding| self::level(finding.severity) == level);
        for finding in of_it.by_ref().take(SHOWN) {
            writeln!(out, "{}", annotation(view, level, finding))?;
        }
        let rest: Vec<&Finding> = of_it.collect();
        if !rest.is_empty() {
            writeln!(out, "::group::{} more of level {level}", rest.len())?;
            for finding in rest {
                let place = view.place(finding.locus.span);
                let text = format!("{place} {}: {}", finding.asset, finding.message);
                writeln!(out, "{}", harmless(&text))?;
            }
            writeln!(out, "::endgroup::")?;
        }
    }
    writeln!(out, "{}", harmless(&in_one_line(view)))?;
    let (word, line) = verdict(view.assessment);
    writeln!(out, "{word} {}", harmless(&line))
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "notice",
    }
}

fn annotation(view: &View<'_>, level: &str, finding: &Finding) -> String {
    let mut out = format!("::{level} ");
    let span = finding.locus.span;
    if let Some(file) = view.file(span) {
        let path = file.path.trim_start_matches("./");
        let _ = write!(out, "file={},", property(path));
        if span.line > 0 {
            let _ = write!(out, "line={},col={},", span.line, span.column);
            if let Some(end) = view.sources.end(span) {
                let _ = write!(out, "endLine={},", end.line);
            }
        }
    }
    let title = format!(
        "{} {} ({})",
        finding.rule,
        view.title(&finding.rule),
        finding.severity
    );
    let mut message = format!("{}: {}.", finding.asset, capital(&finding.message));
    if !finding.remediation.is_empty() {
        let _ = write!(message, " {}.", capital(&finding.remediation));
    }
    let _ = write!(out, "title={}::{}", property(&title), data(&message));
    out
}

/// A text after `::`.
fn data(text: &str) -> String {
    clean(text)
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A line of the log that is no command, whatever is in it: the runner looks for `::` at the
/// start of a line and for `##[` anywhere.
fn harmless(text: &str) -> String {
    let text = clean(text).replace("##[", "## [");
    let text = text.trim_start();
    if text.starts_with("::") {
        format!(". {text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_from_outside_are_no_commands() {
        assert_eq!(property("a:b,c%d"), "a%3Ab%2Cc%25d");
        assert!(!data("x\n::error::y").contains('\n'));
        assert_eq!(harmless(" ::set-output x"), ". ::set-output x");
        assert_eq!(harmless("a ##[error] b"), "a ## [error] b");
    }
}
