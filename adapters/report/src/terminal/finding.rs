//! One finding: what, where, why, and what to do.

use super::Screen;
use super::frame::{Frame, GUTTER};
use super::style::Role;
use crate::text::{self, capital, clean, cut, first_sentence, width, wrap};
use crate::view::{View, short_id, yaml_trap};
use seawall_model::{Finding, Proof, SourceKind, Span};
use std::fmt::Write as _;
use std::io;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// One of the worst three: short.
    Top,
    /// The same where the screen is small: without the reason.
    Brief,
    /// `-vv`: with all evidence, without the rule's reason, which stands above the list.
    Listed,
    /// `seawall explain`: everything.
    Full,
}

impl Screen<'_, '_> {
    /// Adds one finding.
    pub(crate) fn finding(&self, finding: &Finding, detail: Detail, out: &mut Vec<String>) {
        self.headline(finding, detail, out);
        self.places(finding, detail, out);
        let rule = self.view.rule(&finding.rule);
        if matches!(detail, Detail::Top | Detail::Full)
            && let Some(rule) = rule
        {
            let why = match detail {
                Detail::Top => first_sentence(&rule.why),
                _ => &rule.why,
            };
            self.paragraph("why", Role::Strong, why, limit(detail), out);
        }
        if detail == Detail::Full {
            self.evidence(finding, out);
        }
        let fix = match (finding.remediation.is_empty(), rule) {
            (true, Some(rule)) => rule.fix.as_ref(),
            _ => &finding.remediation,
        };
        self.paragraph("fix", Role::Fix, fix, limit(detail), out);
        let others = finding
            .affected
            .iter()
            .filter(|other| **other != finding.asset);
        let names: Vec<String> = others.map(ToString::to_string).collect();
        let text = match detail {
            Detail::Full => names.join(", "),
            // Two lines, with room for words that do not fit at the first one's end.
            _ => some_of(&names, (self.prose - GUTTER) * 2 - 24),
        };
        self.paragraph("also", Role::Strong, &text, limit(detail), out);
    }

    /// ` HIGH  Deployment payments/api: container app runs privileged           W01`
    fn headline(&self, finding: &Finding, detail: Detail, out: &mut Vec<String>) {
        let severity = finding.severity.name().to_ascii_uppercase();
        let label = self.paint(Role::Label(finding.severity), &format!(" {severity} "));
        let used = severity.len() + 3;
        let id = match detail {
            // How often the rule fires: its other findings are listed nowhere else.
            Detail::Top | Detail::Brief => match self.repeats.get(finding.rule.as_str()) {
                Some(n) if *n > 1 => format!("{} ×{}", finding.rule, text::number(*n as u64)),
                _ => finding.rule.as_str().to_owned(),
            },
            _ => format!("{} {}", finding.rule, short_id(finding)),
        };
        let id = cut(&clean(&id), self.width / 3).into_owned();
        let text = format!("{}: {}", asset(finding), clean(&finding.message));
        let room = self.prose.saturating_sub(used + width(&id) + 2);
        let lines = shorten(wrap(&text, room), limit(detail), room);
        for (at, line) in lines.iter().enumerate() {
            let strong = self.paint(Role::Strong, line);
            if at == 0 {
                let gap = self.prose.saturating_sub(used + width(line) + width(&id));
                let id = self.paint(Role::Faint, &id);
                out.push(format!("{label} {strong}{}{id}", " ".repeat(gap)));
            } else {
                out.push(format!("{}{strong}", " ".repeat(used)));
            }
        }
    }

    /// The source lines, and those of the values key that decided them.
    fn places(&self, finding: &Finding, detail: Detail, out: &mut Vec<String>) {
        let span = finding.locus.span;
        let cause = self.view.cause(span);
        let decided = cause.as_ref().map_or(Span::NONE, |cause| cause.span);
        let note_first = if decided.is_known() {
            None
        } else {
            self.trap(finding, span)
        };
        self.place(finding, span, "┌─", None, note_first.as_deref(), out);
        if let Some(cause) = cause {
            let key = format!("`{}`", cut(&clean(&cause.key), self.width / 2 - 12));
            let note = self.trap(finding, decided);
            let verb = if cause.direct {
                "decided by"
            } else {
                "there because of"
            };
            let lead = format!("{verb} {key} in ");
            if decided.is_known() {
                self.place(finding, decided, "├─", Some(&lead), note.as_deref(), out);
            } else {
                let owner = clean(&cause.owner);
                let heading = format!("{verb} {key} of {owner}, which no values file sets");
                self.frame("└─", finding, cut(&heading, self.room()).into_owned())
                    .open(out);
            }
        }
        if matches!(detail, Detail::Top | Detail::Brief) {
            self.second_proof(finding, out);
        }
    }

    /// A default or another object that the claim rests on, in one line.
    fn second_proof(&self, finding: &Finding, out: &mut Vec<String>) {
        let proof = finding
            .evidence
            .iter()
            .skip(1)
            .find(|evidence| evidence.note != finding.message);
        if let Some(evidence) = proof {
            let text = self.proof_line(finding, evidence);
            let room = self.prose.saturating_sub(GUTTER + 1);
            let mut lines = shorten(wrap(&text, room), 2, room).into_iter();
            let first = lines.next().unwrap_or_default();
            self.frame("└─", finding, first).open(out);
            out.extend(lines.map(|line| format!("{}{line}", " ".repeat(GUTTER + 1))));
        }
    }

    fn evidence(&self, finding: &Finding, out: &mut Vec<String>) {
        for evidence in finding.evidence.iter().skip(1) {
            self.paragraph(
                "proof",
                Role::Strong,
                &self.proof_line(finding, evidence),
                usize::MAX,
                out,
            );
        }
    }

    fn proof_line(&self, finding: &Finding, evidence: &seawall_model::Evidence) -> String {
        let note = clean(&evidence.note);
        match &evidence.proof {
            Proof::Source(span) if span.is_known() && span.file == finding.locus.span.file => {
                match span.line {
                    0 => note.into_owned(),
                    line => format!("{note} (line {line})"),
                }
            }
            Proof::Source(span) => {
                let place = self.view.short_place(*span, self.width / 2);
                if place.is_empty() {
                    note.into_owned()
                } else {
                    format!("{note} ({place})")
                }
            }
            Proof::Object(object) => format!("{note} ({})", clean(&object.to_string())),
            Proof::ApiDefault(default) => format!("{note} (Kubernetes default: {default})"),
        }
    }

    fn trap(&self, finding: &Finding, span: Span) -> Option<String> {
        let marked = self.view.snippet(finding, span, 0)?.marked?;
        yaml_trap(&clean(&marked))
    }

    fn place(
        &self,
        finding: &Finding,
        span: Span,
        corner: &str,
        lead: Option<&str>,
        note: Option<&str>,
        out: &mut Vec<String>,
    ) {
        let place = self.view.place(span);
        if place.is_empty() {
            return;
        }
        let lead = lead.unwrap_or("");
        let room = self.room().saturating_sub(width(lead)).max(12);
        let shown = self.view.short_path(&place, room);
        let url = self.url(span);
        let heading = format!("{lead}{}", self.style.link(url.as_deref(), &shown));
        let frame = self.frame(corner, finding, heading);
        frame.open(out);
        match self.view.snippet(finding, span, 1) {
            Some(snippet) => frame.lines(&snippet, note, out),
            None if span.line > 0 => {
                let text = self.paint(Role::Faint, "(this line cannot be shown)");
                out.push(format!("{}{text}", " ".repeat(GUTTER)));
            }
            None => {}
        }
    }

    fn frame<'s>(&self, corner: &'s str, finding: &Finding, heading: String) -> Frame<'s> {
        Frame {
            style: self.style,
            severity: finding.severity,
            width: self.width,
            corner,
            heading,
        }
    }

    /// Columns after a frame's corner.
    fn room(&self) -> usize {
        self.width.saturating_sub(GUTTER + 1)
    }

    /// `file://` of a place on disk.
    pub(super) fn url(&self, span: Span) -> Option<String> {
        let here = self.here.as_ref()?;
        let file = self.view.file(span)?;
        if file.kind != SourceKind::File {
            return None;
        }
        let path = here.join(file.path.as_ref());
        Some(text::uri(&path.to_string_lossy()))
    }

    /// A labelled, wrapped text of at most `limit` lines.
    pub(crate) fn paragraph(
        &self,
        label: &str,
        role: Role,
        body: &str,
        limit: usize,
        out: &mut Vec<String>,
    ) {
        if body.is_empty() {
            return;
        }
        let left = GUTTER.max(label.len() + 2);
        let room = self.prose - left;
        let lines = shorten(wrap(&capital(&clean(body)), room), limit, room);
        for (at, line) in lines.iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            let pad = " ".repeat(left - 2 - width(label).min(left - 2));
            out.push(format!("{pad}{}  {line}", self.paint(role, label)));
        }
    }
}

/// Keeps the first lines, and says when there are more.
fn shorten(mut lines: Vec<String>, limit: usize, room: usize) -> Vec<String> {
    if lines.len() > limit {
        lines.truncate(limit);
        if let Some(last) = lines.last_mut() {
            while width(last) + 2 > room
                && let Some(at) = last.rfind(' ')
            {
                last.truncate(at);
            }
            *last = format!("{} …", cut(last, room - 2).trim_end_matches('…'));
        }
    }
    lines
}

fn limit(detail: Detail) -> usize {
    match detail {
        Detail::Top | Detail::Brief => 3,
        Detail::Listed => 4,
        Detail::Full => usize::MAX,
    }
}

/// The asset, and how many more the same cause breaks.
pub(super) fn asset(finding: &Finding) -> String {
    let asset = clean(&finding.asset.to_string()).into_owned();
    match finding.affected.len() as u64 {
        0 | 1 => asset,
        n => format!("{asset} and {} more", text::number(n - 1)),
    }
}

/// As many names as fit, and how many more.
fn some_of(names: &[String], room: usize) -> String {
    let mut out = String::new();
    for (at, name) in names.iter().enumerate() {
        let left = names.len() - at;
        if at > 0 && width(&out) + width(name) + 14 > room && left > 1 {
            let _ = write!(out, " and {} more", text::number(left as u64));
            return out;
        }
        if at > 0 {
            out += ", ";
        }
        out += name;
    }
    out
}

/// Everything about one finding, for `seawall explain`.
pub(crate) fn explain(
    view: &View<'_>,
    finding: &Finding,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut lines = Vec::new();
    Screen::new(view).finding(finding, Detail::Full, &mut lines);
    super::put(out, &lines)
}
