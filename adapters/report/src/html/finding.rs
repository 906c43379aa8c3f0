//! One finding on the page: as a card, as an article below its rule, or as a row.

use crate::source::Snippet;
use crate::text::{self, capital, clean, escaped as e, number, push_escaped, push_source_char};
use crate::view::{View, short_id, split_at_mark, yaml_trap};
use seawall_model::{Finding, Proof, Rule, Span};
use std::fmt::Write as _;
use std::io;

/// Escaped words with pieces between backticks as code.
pub(super) fn prose(words: &str) -> String {
    let words = clean(words);
    let mut out = String::with_capacity(words.len() + 16);
    let mut rest: &str = &words;
    while let Some((before, after)) = rest.split_once('`') {
        let Some((inner, tail)) = after.split_once('`') else {
            break;
        };
        push_escaped(&mut out, before);
        out += "<code>";
        push_escaped(&mut out, inner);
        out += "</code>";
        rest = tail;
    }
    push_escaped(&mut out, rest);
    out
}

/// One of the worst three.
pub(super) fn card(view: &View<'_>, finding: &Finding, out: &mut dyn io::Write) -> io::Result<()> {
    let id = finding.id.to_string();
    writeln!(
        out,
        "<article class=\"card {s}\"><div class=\"line\"><span class=\"badge\">{s}</span>\
         <a href=\"#{id}\"><code>{}</code></a><span class=\"soft\">{}</span></div>\n<h3>{}</h3>",
        e(finding.rule.as_str()),
        asset(finding),
        prose(&capital(&finding.message)),
        s = finding.severity,
    )?;
    places(view, finding, out)?;
    if let Some(rule) = view.rule(&finding.rule) {
        writeln!(out, "<p class=\"why\">{}</p>", prose(&rule.why))?;
    }
    fix(finding, out)?;
    writeln!(out, "</article>")
}

/// What the catalogue says, above a rule's findings.
pub(super) fn rule(rule: &Rule, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "<p class=\"why\"><b>Why</b> {}</p>", prose(&rule.why))?;
    writeln!(out, "<p class=\"fix\"><b>Fix</b> {}</p>", prose(&rule.fix))?;
    write!(
        out,
        "<div class=\"chips\"><span>{}</span>",
        rule.area.name()
    )?;
    for reference in rule.references.iter() {
        let framework = reference.framework.name().to_ascii_uppercase();
        write!(out, "<span>{framework} {}</span>", e(reference.control))?;
    }
    for alias in rule.aliases.iter() {
        write!(out, "<span>{}</span>", e(alias))?;
    }
    writeln!(out, "</div>")
}

/// A finding with its lines.
pub(super) fn article(
    view: &View<'_>,
    finding: &Finding,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    writeln!(
        out,
        "<article class=\"finding {s}\" data-severity=\"{s}\" id=\"{}\"><div><b>{}</b> {}</div>",
        finding.id,
        asset(finding),
        prose(&finding.message),
        s = finding.severity,
    )?;
    places(view, finding, out)?;
    for evidence in finding.evidence.iter().skip(1) {
        let proof = match &evidence.proof {
            Proof::Source(span) => view.place(*span),
            Proof::Object(object) => object.to_string(),
            Proof::ApiDefault(default) => format!("Kubernetes default: {default}"),
        };
        let note = prose(&evidence.note);
        writeln!(
            out,
            "<p class=\"where\">{note} <code>{}</code></p>",
            e(&proof)
        )?;
    }
    let others: Vec<String> = finding
        .affected
        .iter()
        .filter(|asset| **asset != finding.asset)
        .map(ToString::to_string)
        .collect();
    if !others.is_empty() {
        writeln!(
            out,
            "<p class=\"also\"><b>Also</b> {}</p>",
            e(&others.join(", "))
        )?;
    }
    fix(finding, out)?;
    writeln!(
        out,
        "<div class=\"id\">{}</div>\n</article>",
        short_id(finding)
    )
}

/// The rest of a rule with very many findings: one row each.
pub(super) fn rows(view: &View<'_>, members: &[usize], out: &mut dyn io::Write) -> io::Result<()> {
    if members.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<details class=\"more\"><summary>{} more</summary><div class=\"table\"><table><thead><tr>\
         <th>Asset</th><th>What</th><th>Place</th></tr></thead><tbody>",
        number(members.len() as u64)
    )?;
    for finding in members.iter().filter_map(|index| view.finding(*index)) {
        writeln!(
            out,
            "<tr data-severity=\"{}\" id=\"{}\"><td>{}</td><td>{}</td><td><code>{}</code></td></tr>",
            finding.severity,
            finding.id,
            asset(finding),
            prose(&finding.message),
            e(&view.place(finding.locus.span)),
        )?;
    }
    writeln!(out, "</tbody></table></div></details>")
}

fn asset(finding: &Finding) -> String {
    let asset = e(&clean(&finding.asset.to_string()));
    match finding.affected.len() as u64 {
        0 | 1 => asset,
        n => format!("{asset} and {} more", number(n - 1)),
    }
}

fn fix(finding: &Finding, out: &mut dyn io::Write) -> io::Result<()> {
    if finding.remediation.is_empty() {
        return Ok(());
    }
    let text = prose(&capital(&finding.remediation));
    writeln!(out, "<p class=\"fix\"><b>Fix</b> {text}</p>")
}

fn places(view: &View<'_>, finding: &Finding, out: &mut dyn io::Write) -> io::Result<()> {
    let span = finding.locus.span;
    let Some(cause) = view.cause(span) else {
        return place(view, finding, span, "", true, out);
    };
    let decided = cause.span.is_known();
    place(view, finding, span, "", !decided, out)?;
    let verb = if cause.direct {
        "Decided by"
    } else {
        "There because of"
    };
    let (key, owner) = (e(&clean(&cause.key)), e(&clean(&cause.owner)));
    let lead = format!("{verb} <code>{key}</code> of {owner}");
    if decided {
        place(view, finding, cause.span, &format!("{lead} in "), true, out)
    } else {
        writeln!(
            out,
            "<p class=\"where\">{lead}, which no values file sets</p>"
        )
    }
}

fn place(
    view: &View<'_>,
    finding: &Finding,
    span: Span,
    lead: &str,
    trap: bool,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let place = view.place(span);
    if place.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<p class=\"where\">{lead}<code>{}</code></p>",
        e(&place)
    )?;
    match view.snippet(finding, span, 1) {
        Some(snippet) => out.write_all(lines(&snippet, trap).as_bytes()),
        None => Ok(()),
    }
}

fn lines(snippet: &Snippet, trap: bool) -> String {
    let mut out = String::from("<pre class=\"src\">");
    let trap = snippet
        .marked
        .as_deref()
        .filter(|_| trap)
        .and_then(yaml_trap);
    for line in &snippet.lines {
        let _ = write!(out, "<span class=\"l\"><i>{}</i>", line.number);
        let mark = line.mark.clone().unwrap_or(0..0);
        let (before, marked, after) = split_at_mark(&line.text, &mark);
        source(&mut out, before);
        if line.mark.is_some() {
            out += if marked.is_empty() {
                "<mark class=\"empty\">"
            } else {
                "<mark>"
            };
            source(&mut out, marked);
            out += "</mark>";
        }
        source(&mut out, after);
        if let (Some(trap), Some(_)) = (&trap, &line.mark) {
            let _ = write!(out, "<em>{}</em>", e(&trap.replace('`', "")));
        }
        out += "</span>";
    }
    if snippet.omitted > 0 {
        let more = text::count(snippet.omitted as u64, "more line");
        let _ = write!(out, "<span class=\"l\"><i>⋮</i>{more}</span>");
    }
    out += "</pre>\n";
    out
}

fn source(out: &mut String, part: &str) {
    let mut shown = String::with_capacity(part.len());
    part.chars().for_each(|c| push_source_char(&mut shown, c));
    push_escaped(out, &shown);
}
