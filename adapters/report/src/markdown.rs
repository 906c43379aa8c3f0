//! `-o markdown`: GitHub-flavoured, for comments; never longer than a comment may be.

use crate::news::News;
use crate::source::Snippet;
use crate::text::{self, capital, clean, first_sentence, number};
use crate::view::{Group, View, short_id, split_at_mark, verdict, yaml_trap};
use seawall_assessment::{ControlStatus, Verdict};
use seawall_model::{Finding, Proof, Span};
use std::fmt::Write as _;
use std::io;

/// GitHub refuses comments above 65,536 characters; GitLab takes more.
const LIMIT: usize = 60_000;
/// Rows of a table: a comment is no spreadsheet.
const ROWS: usize = 50;
const GAPS: usize = 20;

pub(crate) fn write(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::default();
    page.add(&head(view));
    page.add(&comparison(view));
    let groups = view.groups(view.shown());
    for index in view.top(&groups) {
        if let Some(found) = view.finding(index) {
            page.add(&finding(view, found));
        }
    }
    page.add(&table(view, &groups));
    page.add(&frameworks(view));
    page.add(&coverage(view));
    page.add(&suppressed(view));
    out.write_all(page.text.as_bytes())?;
    if page.cut {
        out.write_all(
            b"\n_Cut to the length of a comment: the whole report is in the other formats._\n",
        )?;
    }
    Ok(())
}

/// Whole blocks as long as there is room.
#[derive(Default)]
struct Page {
    text: String,
    cut: bool,
}

impl Page {
    fn add(&mut self, block: &str) {
        if self.text.len() + block.len() > LIMIT {
            self.cut = true;
        } else {
            self.text += block;
        }
    }
}

/// Words from outside as literal text: no markup, no mention, no reference, one line.
pub(crate) fn text(words: &str) -> String {
    let mut out = String::with_capacity(words.len() + 8);
    let words = clean(words);
    let mut chars = words.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '!' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // `@team` and `http://` do not become what they look like.
            '@' => out.push_str("@<!-- -->"),
            ':' if chars.peek() == Some(&'/') => out.push_str("&#58;"),
            c => out.push(c),
        }
    }
    out
}

/// The same, but pieces between backticks stay code: for the catalogue's sentences and for
/// messages that quote names.
pub(crate) fn prose(words: &str) -> String {
    let words = clean(words);
    let mut out = String::with_capacity(words.len() + 8);
    let mut rest: &str = &words;
    while let Some((before, after)) = rest.split_once('`') {
        out += &text(before);
        let Some((inner, tail)) = after.split_once('`') else {
            rest = after;
            break;
        };
        out += &code(inner);
        rest = tail;
    }
    out += &text(rest);
    out
}

/// A name or path as code, whatever is in it. `|` would end a table's cell even in code.
fn code(words: &str) -> String {
    let words = clean(words);
    if words.trim().is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(&words, '`') + 1);
    let pad = if words.contains('`') { " " } else { "" };
    format!("{ticks}{pad}{}{pad}{ticks}", words.replace('|', "\\|"))
}

fn longest_run(text: &str, of: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == of { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

fn head(view: &View<'_>) -> String {
    let assessment = view.assessment;
    let (word, line) = verdict(assessment);
    let sign = match assessment.gate.verdict {
        Verdict::Pass if view.is_gating() => "✅",
        Verdict::Pass => "ℹ️",
        Verdict::Findings => "❌",
        Verdict::Incomplete => "⚠️",
    };
    let mut out = format!("## Seawall: {sign} {word}\n\n{}\n\n", text(&line));
    out += "| critical | high | medium | low | info | coverage |\n|--:|--:|--:|--:|--:|--:|\n|";
    for (_, n) in View::by_severity(view.told_findings()) {
        let _ = write!(out, " {} |", number(n));
    }
    let percent = assessment
        .coverage
        .percent()
        .map_or("none".to_owned(), text::percent);
    let _ = writeln!(out, " {percent} |\n");
    let _ = write!(out, "{}", view.size());
    if !view.header.kubernetes_version.is_empty() {
        let _ = write!(
            out,
            ", judged for Kubernetes {}",
            text(&view.header.kubernetes_version)
        );
    }
    out.push('\n');
    if view.hidden() > 0 {
        let limit = view.display.severity;
        let _ = writeln!(out, "\n{} below {limit} not shown.", number(view.hidden()));
    }
    out
}

/// What became of things since the baseline.
fn comparison(view: &View<'_>) -> String {
    let Some(news) = News::of(view) else {
        return String::new();
    };
    let mut out = format!("\n**Since {}:** {}\n", text(news.baseline), news.counts);
    for (lead, items) in &news.lists {
        let n = items.len();
        let _ = writeln!(out, "\n<details><summary>{lead} ({n})</summary>\n");
        for item in items.iter().take(ROWS) {
            let _ = writeln!(out, "- {}", prose(item));
        }
        if n > ROWS {
            let _ = writeln!(out, "- … and {} more", n - ROWS);
        }
        out += "\n</details>\n";
    }
    out
}

/// One of the worst, with its lines.
fn finding(view: &View<'_>, finding: &Finding) -> String {
    let mut out = format!(
        "\n### {} · {}\n\n**{}**",
        finding.severity.name().to_ascii_uppercase(),
        prose(&capital(&finding.message)),
        text(&finding.asset.to_string()),
    );
    if finding.affected.len() > 1 {
        let _ = write!(
            out,
            " and {} more",
            number(finding.affected.len() as u64 - 1)
        );
    }
    let _ = writeln!(out, " · rule {}\n", code(finding.rule.as_str()));
    places(view, finding, &mut out);
    if let Some(rule) = view.rule(&finding.rule) {
        let _ = writeln!(out, "{}\n", prose(first_sentence(&rule.why)));
    }
    if !finding.remediation.is_empty() {
        let _ = writeln!(out, "**Fix:** {}", prose(&capital(&finding.remediation)));
    }
    out
}

fn places(view: &View<'_>, finding: &Finding, out: &mut String) {
    let span = finding.locus.span;
    place(view, finding, span, "", out);
    if let Some(cause) = view.cause(span) {
        let verb = if cause.direct {
            "decided by"
        } else {
            "there because of"
        };
        let lead = format!("{verb} {} of {}", code(&cause.key), text(&cause.owner));
        if cause.span.is_known() {
            place(view, finding, cause.span, &format!("{lead} in "), out);
        } else {
            let _ = writeln!(out, "{lead}, which no values file sets\n");
        }
    }
}

fn place(view: &View<'_>, finding: &Finding, span: Span, lead: &str, out: &mut String) {
    let place = view.place(span);
    if place.is_empty() {
        return;
    }
    let _ = writeln!(out, "{lead}{}\n", code(&place));
    let Some(snippet) = view.snippet(finding, span, 1) else {
        return;
    };
    let block = fence(&snippet);
    let _ = writeln!(out, "{block}");
    if let Some(trap) = snippet.marked.as_deref().and_then(yaml_trap) {
        let _ = writeln!(out, "{}\n", prose(&trap));
    }
}

/// Source lines as a code block, underlined with `^`.
fn fence(snippet: &Snippet) -> String {
    let mut body = String::new();
    let block = snippet.is_block();
    for line in &snippet.lines {
        let mark = line.mark.clone().unwrap_or(0..0);
        let (before, marked, after) = split_at_mark(&line.text, &mark);
        let [before, marked, after] = [before, marked, after].map(|part| {
            let mut shown = String::new();
            part.chars()
                .for_each(|c| text::push_source_char(&mut shown, c));
            shown
        });
        let lead = if block && line.mark.is_some() {
            ">"
        } else {
            " "
        };
        let source = format!("{lead}{:>4} | {before}{marked}{after}", line.number);
        let _ = writeln!(body, "{}", source.trim_end());
        if line.mark.is_some() && !block {
            let carets = "^".repeat(text::width(&marked).max(1));
            let _ = writeln!(body, "      | {}{carets}", " ".repeat(text::width(&before)));
        }
    }
    if snippet.omitted > 0 {
        let _ = writeln!(
            body,
            "> ... | {}",
            text::count(snippet.omitted as u64, "more line")
        );
    }
    let ticks = "`".repeat((longest_run(&body, '`') + 1).max(3));
    format!("{ticks}yaml\n{body}{ticks}\n")
}

fn table(view: &View<'_>, groups: &[Group<'_>]) -> String {
    if groups.is_empty() {
        let words = view.no_findings();
        return format!("\n{words}\n");
    }
    let mut out = "\n### All findings by rule\n\n| severity | rule | what | number | first |\n|---|---|---|--:|---|\n".to_owned();
    for group in groups.iter().take(ROWS) {
        let first = group.members.first().and_then(|index| view.finding(*index));
        let place = first.map(|finding| {
            let place = view.place(finding.locus.span);
            if place.is_empty() {
                finding.asset.to_string()
            } else {
                place
            }
        });
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            group.severity,
            code(group.rule.as_str()),
            prose(view.title(group.rule)),
            number(group.members.len() as u64),
            code(&place.unwrap_or_default()),
        );
    }
    if groups.len() > ROWS {
        let _ = writeln!(
            out,
            "\n… and {}.",
            text::count((groups.len() - ROWS) as u64, "more rule")
        );
    }
    out
}

fn frameworks(view: &View<'_>) -> String {
    let mut out = String::new();
    for result in &view.assessment.frameworks {
        let count = |status| {
            result
                .controls
                .iter()
                .filter(|c| c.status == status)
                .count()
        };
        let _ = writeln!(
            out,
            "\n### {}\n\n{} pass, {} fail, {} not assessed\n",
            result.framework.title(),
            count(ControlStatus::Pass),
            count(ControlStatus::Fail),
            count(ControlStatus::NotAssessed),
        );
        let failed: Vec<_> = result
            .controls
            .iter()
            .filter(|c| c.status == ControlStatus::Fail)
            .collect();
        if failed.is_empty() {
            continue;
        }
        out += "| failed control | title | findings | rules |\n|---|---|--:|---|\n";
        for control in failed.into_iter().take(ROWS) {
            let rules: Vec<String> = control.rules.iter().map(|id| code(id.as_str())).collect();
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} |",
                code(control.control),
                text(control.title),
                control.findings,
                rules.join(" "),
            );
        }
    }
    out
}

fn coverage(view: &View<'_>) -> String {
    let mut out = format!("\n### Coverage\n\n{}\n", text(&view.coverage()));
    let gaps = view.gaps();
    if gaps.is_empty() {
        return out;
    }
    out += "\n| not covered | why | what to do | missed |\n|---|---|---|--:|\n";
    for gap in gaps.iter().take(GAPS) {
        let place = view.place(gap.span);
        let subject = if place.is_empty() {
            gap.subject.to_string()
        } else {
            place
        };
        let _ = writeln!(
            out,
            "| {} | {}: {} | {} | {} |",
            code(&subject),
            gap.kind.name(),
            prose(&gap.reason),
            prose(&gap.hint),
            gap.units,
        );
    }
    if gaps.len() > GAPS {
        let _ = writeln!(
            out,
            "\n… and {}.",
            text::count((gaps.len() - GAPS) as u64, "more gap")
        );
    }
    out
}

fn suppressed(view: &View<'_>) -> String {
    let assessment = view.assessment;
    if assessment.suppressed.is_empty() && assessment.suppression_notices.is_empty() {
        return String::new();
    }
    let n = text::count(assessment.suppressed.len() as u64, "finding");
    let mut out = format!("\n<details><summary>{n} accepted</summary>\n\n");
    if !assessment.suppressed.is_empty() {
        out += "| rule | asset | what | reason |\n|---|---|---|---|\n";
    }
    for suppressed in assessment.suppressed.iter().take(ROWS) {
        let finding = &suppressed.finding;
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            code(finding.rule.as_str()),
            text(&finding.asset.to_string()),
            prose(&finding.message),
            text(&suppressed.reason),
        );
    }
    out += "\n</details>\n";
    for notice in assessment.suppression_notices.iter().take(GAPS) {
        let place = view.place(notice.span);
        let place = if place.is_empty() {
            place
        } else {
            format!(" ({})", code(&place))
        };
        let _ = writeln!(out, "\n⚠️ {}{place}", prose(&notice.message));
    }
    out
}

/// Everything about one finding.
pub(crate) fn explain(view: &View<'_>, finding: &Finding) -> String {
    let mut out = format!(
        "# {}\n\n**{}** · {} · rule {} · id {}\n\n",
        prose(&capital(&finding.message)),
        text(&finding.asset.to_string()),
        finding.severity,
        code(finding.rule.as_str()),
        code(&short_id(finding)),
    );
    places(view, finding, &mut out);
    for evidence in finding.evidence.iter().skip(1) {
        let proof = match &evidence.proof {
            Proof::Source(span) => code(&view.place(*span)),
            Proof::Object(object) => text(&object.to_string()),
            Proof::ApiDefault(default) => format!("Kubernetes default: {}", code(default)),
        };
        let _ = writeln!(out, "- {} ({proof})", prose(&evidence.note));
    }
    if finding.affected.len() > 1 {
        let names: Vec<String> = finding
            .affected
            .iter()
            .map(|a| text(&a.to_string()))
            .collect();
        let _ = writeln!(out, "\n**Affected:** {}", names.join(", "));
    }
    if !finding.remediation.is_empty() {
        let _ = writeln!(out, "\n**Fix:** {}", prose(&capital(&finding.remediation)));
    }
    if let Some(rule) = view.rule(&finding.rule) {
        let _ = write!(
            out,
            "\n{}",
            crate::explain::markdown(rule).replacen("# ", "## ", 1)
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_from_outside_stay_words() {
        assert_eq!(
            text("a|b <script> @team [x](http://e)"),
            "a\\|b &lt;script&gt; @<!-- -->team \\[x\\](http&#58;//e)"
        );
        assert_eq!(prose("set `a|b` to *x*"), "set `a\\|b` to \\*x\\*");
        assert_eq!(prose("an open ` tick"), "an open  tick");
        assert_eq!(code("a`b``c"), "``` a`b``c ```");
    }
}
