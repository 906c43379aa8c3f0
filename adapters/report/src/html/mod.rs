//! `-o html`: one self-contained page, to be mailed, archived and printed.
//!
//! Nothing is loaded from anywhere and nothing from outside is markup: the content security
//! policy allows the page's own style and script, by hash, and nothing else. Without
//! JavaScript everything is there; with it one can filter.

mod finding;

use crate::news::News;
use crate::reach::drawing;
use crate::text::{self, escaped as e, number};
use crate::view::{Group, View, verdict};
use seawall_assessment::reach::Flows;
use seawall_assessment::{ControlStatus, Verdict};
use sha2::{Digest, Sha256};
use std::io;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Findings of one rule that are shown with their lines; the others follow as a table.
const FULL: usize = 25;
/// Findings on the whole page that are shown with their lines.
const FULL_IN_ALL: usize = 1_000;
/// Rules with up to this many findings on the page are unfolded from the start.
const UNFOLDED: usize = 60;

const WAVE: &str = "<svg viewBox=\"0 0 32 32\" fill=\"none\" stroke=\"currentColor\" \
    stroke-width=\"2.6\" stroke-linecap=\"round\" aria-hidden=\"true\"><path d=\"M6 5v12M16 5v12M26 \
    5v12\"/><path d=\"M2 22c3.5-4 7-4 9.3 0s5.8 4 9.4 0 6-4 9.3 0\"/><path d=\"M2 28c3.5-4 7-4 9.3 \
    0s5.8 4 9.4 0 6-4 9.3 0\" opacity=\".5\"/></svg>";

pub(crate) fn write(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let groups = view.groups(view.shown());
    head(view, out)?;
    top(view, out)?;
    writeln!(out, "<main>")?;
    summary(view, out)?;
    comparison(view, out)?;
    first(view, &groups, out)?;
    network(view, out)?;
    findings(view, &groups, out)?;
    coverage(view, out)?;
    frameworks(view, out)?;
    suppressed(view, out)?;
    writeln!(out, "</main>")?;
    writeln!(
        out,
        "<footer>Made by Seawall {}. Values that look like credentials are masked. This file \
         loads nothing from anywhere.</footer>\n<script>{SCRIPT}</script>\n</body>\n</html>",
        e(&view.header.tool_version)
    )
}

fn head(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>Seawall: {}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>",
        e(&targets(view))
    )
}

/// The SHA-256 of a text in Base64, as a content security policy names it.
fn hash(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digest = Sha256::digest(text.as_bytes());
    let mut out = String::new();
    for chunk in digest.chunks(3) {
        let byte = |at: usize| chunk.get(at).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let six = (bits >> (18 - 6 * at)) & 63;
            let letter = ALPHABET.get(six as usize).copied().unwrap_or(b'A');
            out.push(if at <= chunk.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    out
}

fn targets(view: &View<'_>) -> String {
    match view.header.targets.as_slice() {
        [] => "report".to_owned(),
        targets => text::cut(&targets.join(", "), 120).into_owned(),
    }
}

fn top(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(
        out,
        "<header class=\"top\"><div>\n<div class=\"brand\">{WAVE}<h1>Seawall <span>· {}</span></h1></div>",
        e(&targets(view))
    )?;
    write!(out, "<p>{}", e(&view.size()))?;
    if !view.header.kubernetes_version.is_empty() {
        write!(
            out,
            " · judged for Kubernetes {}",
            e(&view.header.kubernetes_version)
        )?;
    }
    writeln!(out, "</p>")?;
    let assessment = view.assessment;
    write!(
        out,
        "<nav aria-label=\"Contents\"><a href=\"#findings\">Findings</a>"
    )?;
    if mapped(view).is_some() {
        write!(out, "<a href=\"#network\">Network</a>")?;
    }
    write!(out, "<a href=\"#coverage\">Coverage</a>")?;
    if !assessment.frameworks.is_empty() {
        write!(out, "<a href=\"#frameworks\">Frameworks</a>")?;
    }
    if !assessment.suppressed.is_empty() {
        write!(out, "<a href=\"#accepted\">Accepted</a>")?;
    }
    writeln!(out, "</nav>\n</div></header>")
}

fn summary(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let assessment = view.assessment;
    let (word, line) = verdict(assessment);
    let class = match assessment.gate.verdict {
        Verdict::Pass if view.is_gating() => "pass",
        Verdict::Pass => "info",
        Verdict::Findings => "findings",
        Verdict::Incomplete => "incomplete",
    };
    writeln!(
        out,
        "<p class=\"verdict {class}\"><b>{word}</b> {}</p>",
        e(&line)
    )?;
    writeln!(out, "<div class=\"tiles\">")?;
    for (severity, n) in View::by_severity(view.told_findings()) {
        let zero = if n == 0 { " zero" } else { "" };
        writeln!(
            out,
            "<div class=\"tile {severity}{zero}\"><b>{}</b><span>{severity}</span></div>",
            number(n)
        )?;
    }
    let percent = assessment
        .coverage
        .percent()
        .map_or("none".to_owned(), text::percent);
    writeln!(
        out,
        "<div class=\"tile\"><b>{percent}</b><span>covered</span></div>\n</div>"
    )?;
    let areas = view.by_area(view.told_findings());
    let most = areas.iter().map(|(_, n)| *n).max().unwrap_or(0).max(1);
    writeln!(out, "<div class=\"areas\">")?;
    for (area, n) in areas {
        // Nothing found where nobody looked would read like good news.
        if n == 0 && !view.looked_at(area) {
            continue;
        }
        // At least a sliver where there is something at all.
        let share = (n * 100).div_ceil(most);
        writeln!(
            out,
            "<div><span>{}</span><svg viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" \
             aria-hidden=\"true\"><rect width=\"{share}\" height=\"8\"/></svg><span>{}</span></div>",
            area.name(),
            number(n)
        )?;
    }
    writeln!(out, "</div>")
}

/// What became of things since the baseline.
fn comparison(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let Some(news) = News::of(view) else {
        return Ok(());
    };
    writeln!(
        out,
        "<h2 id=\"comparison\">Since {}</h2>\n<p>{}</p>",
        e(news.baseline),
        e(&news.counts)
    )?;
    for (lead, items) in &news.lists {
        writeln!(
            out,
            "<details><summary>{} <span class=\"soft\">{}</span></summary>\n<ul>",
            e(lead),
            number(items.len() as u64)
        )?;
        for item in items {
            writeln!(out, "<li>{}</li>", finding::prose(item))?;
        }
        writeln!(out, "</ul></details>")?;
    }
    Ok(())
}

fn first(view: &View<'_>, groups: &[Group<'_>], out: &mut dyn io::Write) -> io::Result<()> {
    let top = view.top(groups);
    if top.len() < 2 {
        return Ok(());
    }
    writeln!(out, "<h2>Fix these first</h2>")?;
    for found in top.iter().filter_map(|index| view.finding(*index)) {
        finding::card(view, found, out)?;
    }
    Ok(())
}

/// The map, where there is somebody on it.
fn mapped<'a>(view: &View<'a>) -> Option<&'a Flows> {
    let map = view.assessment.map.as_ref();
    map.filter(|map| map.workloads > 1)
}

fn network(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let Some(map) = mapped(view) else {
        return Ok(());
    };
    writeln!(
        out,
        "<h2 id=\"network\">Who reaches whom</h2>\n<p class=\"soft\">Sources are taken as \
         compromised. Everything that the policies and meshes say together is in it; \
         <code>seawall reach --from … --to …</code> proves one connection.</p>\n\
         <div class=\"map\">{}</div>",
        drawing(map, "")
    )
}

fn findings(view: &View<'_>, groups: &[Group<'_>], out: &mut dyn io::Write) -> io::Result<()> {
    let shown: usize = groups.iter().map(|group| group.members.len()).sum();
    writeln!(
        out,
        "<h2 id=\"findings\">All findings <span class=\"soft\">{}</span></h2>",
        number(shown as u64)
    )?;
    if view.hidden() > 0 {
        let limit = view.display.severity;
        writeln!(
            out,
            "<p class=\"soft\">{} below {limit} not shown.</p>",
            number(view.hidden())
        )?;
    }
    if groups.is_empty() {
        return writeln!(out, "<p class=\"none\">{}</p>", view.no_findings());
    }
    write!(
        out,
        "<div class=\"tools\" hidden><input type=\"search\" aria-label=\"Search findings\" \
         placeholder=\"Search: name, file, rule, words\">"
    )?;
    for (severity, n) in View::by_severity(view.told_findings()) {
        if n > 0 && severity >= view.display.severity {
            write!(
                out,
                "<button type=\"button\" class=\"{severity}\" data-toggle=\"{severity}\" \
                 aria-pressed=\"true\">{severity}</button>"
            )?;
        }
    }
    writeln!(
        out,
        "<span id=\"shown\" class=\"soft\" role=\"status\"></span></div>"
    )?;
    let mut left = FULL_IN_ALL;
    for group in groups {
        let open = if shown <= UNFOLDED { " open" } else { "" };
        writeln!(out, "<details class=\"group {}\"{open}>", group.severity)?;
        writeln!(
            out,
            "<summary><span class=\"badge\">{}</span><code>{}</code><b>{}</b>\
             <span class=\"count\">× {}</span></summary>\n<div class=\"body\">",
            group.severity,
            e(group.rule.as_str()),
            e(view.title(group.rule)),
            number(group.members.len() as u64)
        )?;
        if let Some(rule) = view.rule(group.rule) {
            finding::rule(rule, out)?;
        }
        let full = group.members.len().min(FULL).min(left);
        left -= full;
        let (full, rest) = group.members.split_at(full);
        for found in full.iter().filter_map(|index| view.finding(*index)) {
            finding::article(view, found, out)?;
        }
        finding::rows(view, rest, out)?;
        writeln!(out, "</div></details>")?;
    }
    Ok(())
}

fn coverage(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let gaps = view.gaps();
    writeln!(
        out,
        "<h2 id=\"coverage\">Coverage</h2>\n<p>{}</p>",
        e(&view.coverage())
    )?;
    if gaps.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<p class=\"soft\">What was not looked at may hold findings.</p>\n<div class=\"table\"><table>\
         <thead><tr><th>Not covered</th><th>Why</th><th>What to do</th><th class=\"n\">Missed</th></tr></thead><tbody>"
    )?;
    for gap in gaps {
        let place = view.place(gap.span);
        let subject = if place.is_empty() {
            gap.subject.to_string()
        } else {
            place
        };
        writeln!(
            out,
            "<tr><td><code>{}</code></td><td>{} <span class=\"soft\">({})</span></td><td>{}</td><td class=\"n\">{}</td></tr>",
            e(&subject),
            finding::prose(&gap.reason),
            gap.kind.name(),
            finding::prose(&gap.hint),
            gap.units
        )?;
    }
    writeln!(out, "</tbody></table></div>")
}

fn frameworks(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    for (at, result) in view.assessment.frameworks.iter().enumerate() {
        let count = |status| {
            result
                .controls
                .iter()
                .filter(|c| c.status == status)
                .count()
        };
        let id = if at == 0 { " id=\"frameworks\"" } else { "" };
        writeln!(
            out,
            "<h2{id}>{}</h2>\n<p>{} pass · {} fail · {} not assessed</p>\n<div class=\"table\"><table>\
             <thead><tr><th>Result</th><th>Control</th><th>Title</th><th>Rules</th>\
             <th class=\"n\">Findings</th><th class=\"n\">Looked at</th></tr></thead><tbody>",
            e(result.framework.title()),
            count(ControlStatus::Pass),
            count(ControlStatus::Fail),
            count(ControlStatus::NotAssessed),
        )?;
        for control in &result.controls {
            let (class, status) = match control.status {
                ControlStatus::Pass => ("pass", "pass"),
                ControlStatus::Fail => ("findings", "fail"),
                ControlStatus::NotAssessed => ("", "not assessed"),
            };
            let rules: Vec<String> = control.rules.iter().map(|id| e(id.as_str())).collect();
            writeln!(
                out,
                "<tr><td class=\"s {class}\">{status}</td><td><code>{}</code></td><td>{}</td>\
                 <td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                e(control.control),
                e(control.title),
                rules.join(" "),
                control.findings,
                control.subjects
            )?;
        }
        writeln!(out, "</tbody></table></div>")?;
    }
    Ok(())
}

fn suppressed(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let assessment = view.assessment;
    if assessment.suppressed.is_empty() && assessment.suppression_notices.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<h2 id=\"accepted\">Accepted <span class=\"soft\">{}</span></h2>",
        number(assessment.suppressed.len() as u64)
    )?;
    for notice in &assessment.suppression_notices {
        let place = view.place(notice.span);
        let place = if place.is_empty() {
            place
        } else {
            format!(" <code>{}</code>", e(&place))
        };
        writeln!(
            out,
            "<p class=\"verdict incomplete\"><b>!</b> {}{place}</p>",
            finding::prose(&notice.message)
        )?;
    }
    if assessment.suppressed.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<div class=\"table\"><table><thead><tr><th>Severity</th><th>Rule</th><th>Asset</th>\
         <th>What</th><th>Reason</th></tr></thead><tbody>"
    )?;
    for suppressed in &assessment.suppressed {
        let found = &suppressed.finding;
        writeln!(
            out,
            "<tr><td class=\"s {s}\">{s}</td><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
            e(found.rule.as_str()),
            e(&found.asset.to_string()),
            finding::prose(&found.message),
            e(&suppressed.reason),
            s = found.severity,
        )?;
    }
    writeln!(out, "</tbody></table></div>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_what_browsers_compute() {
        // printf '' | openssl dgst -sha256 -binary | base64
        assert_eq!(hash(""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(hash("abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    }
}
