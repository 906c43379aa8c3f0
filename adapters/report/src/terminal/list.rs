//! What there is beside the worst three: by rule, in one line each or in full.

use super::finding::{Detail, asset};
use super::frame::GUTTER;
use super::style::Role;
use super::{Screen, put};
use crate::text::{self, clean, cut, number, width, wrap};
use crate::view::{Group, short_id};
use seawall_model::{Finding, Severity};
use std::io;

/// Rules that are listed even when the worst three fill the screen.
const FEWEST: usize = 3;
/// Lines that those take with their heading.
pub(super) const LEAST_OTHERS: usize = FEWEST + 3;
/// One rule in the table of what else there is; all texts safe to print.
struct Row {
    severity: Severity,
    id: String,
    title: String,
    count: String,
    place: String,
    url: Option<String>,
}

impl Screen<'_, '_> {
    /// What else there is: one line per rule that is not among the worst three, as far as
    /// `room` lines allow.
    pub(super) fn others(&self, groups: &[Group<'_>], top: &[usize], room: usize) -> Vec<String> {
        let all: usize = groups.iter().map(|group| group.members.len()).sum();
        let is_told = |group: &&Group<'_>| group.members.iter().any(|index| top.contains(index));
        let mut rest: Vec<&Group<'_>> = groups.iter().filter(|group| !is_told(group)).collect();
        // Stable: rules of one severity stay in the order of the ranking.
        rest.sort_by_key(|group| std::cmp::Reverse(group.severity));
        if all == top.len() {
            return Vec::new();
        }
        // Two lines go for the heading and a blank, one for what does not fit.
        let room = room.saturating_sub(3).max(FEWEST);
        let (listed, left) = rest.split_at(rest.len().min(room));
        let mut out = vec![String::new()];
        if !listed.is_empty() {
            out.push(self.paint(Role::Strong, "Also found"));
        }
        let rows: Vec<Row> = listed.iter().map(|group| self.row(group)).collect();
        self.table(&rows, &mut out);
        let told: usize = listed.iter().map(|group| group.members.len()).sum();
        let mut line = match (all - told - top.len(), left.len()) {
            (0, _) => "  all of them: seawall scan -v".to_owned(),
            (n, 0) => {
                let n = text::count(n as u64, "more finding");
                format!("  … {n} of the rules above: seawall scan -v")
            }
            (n, rules) => {
                let n = text::count(n as u64, "more finding");
                let rules = text::count(rules as u64, "more rule");
                format!("  … {n}, {rules}: seawall scan -v")
            }
        };
        if let Some(first) = listed.first().copied().or_else(|| groups.first()) {
            let more = format!(" · why: seawall explain {}", clean(first.rule.as_str()));
            if width(&line) + width(&more) <= self.width {
                line += &more;
            }
        }
        out.push(self.paint(Role::Faint, &line));
        out
    }

    fn row(&self, group: &Group<'_>) -> Row {
        let first = group
            .members
            .first()
            .and_then(|index| self.view.finding(*index));
        let place = first.map(|finding| {
            let place = self.view.place(finding.locus.span);
            if place.is_empty() {
                clean(&finding.asset.to_string()).into_owned()
            } else {
                place
            }
        });
        Row {
            severity: group.severity,
            id: cut(&clean(group.rule.as_str()), 16).into_owned(),
            title: clean(self.view.title(group.rule)).into_owned(),
            count: format!("×{}", number(group.members.len() as u64)),
            place: place.unwrap_or_default(),
            url: first.and_then(|finding| self.url(finding.locus.span)),
        }
    }

    /// `  medium    W12  privilege escalation not switched off  ×38  deploy/b.yaml:9:7`
    fn table(&self, rows: &[Row], out: &mut Vec<String>) {
        let widest = |cell: fn(&Row) -> &str| rows.iter().map(|row| width(cell(row))).max();
        let ids = widest(|row| &row.id).unwrap_or(0);
        let counts = widest(|row| &row.count).unwrap_or(0);
        let titles = widest(|row| &row.title).unwrap_or(0);
        let places = widest(|row| &row.place).unwrap_or(0);
        let room = self
            .width
            .saturating_sub(2 + 8 + 2 + ids + 2 + 2 + counts + 2);
        // The title first, but the place keeps two fifths where it needs it.
        let places = (room * 2 / 5).max(room.saturating_sub(titles)).min(places);
        let titles = titles.min(room - places);
        for row in rows {
            let severity = format!("{:<8}", row.severity);
            let title = cut(&row.title, titles);
            let place = self.view.short_path(&row.place, places);
            let line = format!(
                "  {}  {}{}  {title}{}  {}{}  {}",
                self.paint(Role::Severity(row.severity), &severity),
                row.id,
                " ".repeat(ids - width(&row.id)),
                " ".repeat(titles - width(&title)),
                " ".repeat(counts - width(&row.count)),
                row.count,
                self.paint(Role::Faint, &self.style.link(row.url.as_deref(), &place)),
            );
            out.push(line.trim_end().to_owned());
        }
    }

    /// `-v`: every finding, by rule; `-vv` with its lines.
    pub(super) fn all(&self, groups: &[Group<'_>], out: &mut dyn io::Write) -> io::Result<()> {
        for group in groups {
            let label = format!(" {} ", group.severity.name().to_ascii_uppercase());
            let count = format!("×{}", number(group.members.len() as u64));
            let title = match self.view.rule(group.rule) {
                Some(rule) => format!("{} {}", clean(rule.id.as_str()), clean(&rule.title)),
                None => clean(group.rule.as_str()).into_owned(),
            };
            let title = cut(&title, self.width - width(&label) - width(&count) - 2);
            writeln!(out)?;
            writeln!(
                out,
                "{} {} {}",
                self.paint(Role::Label(group.severity), &label),
                self.paint(Role::Strong, &title),
                self.paint(Role::Faint, &count),
            )?;
            let mut lines = Vec::new();
            if let Some(rule) = self.view.rule(group.rule) {
                self.paragraph("why", Role::Strong, &rule.why, usize::MAX, &mut lines);
                if self.view.display.verbose < 2 {
                    self.paragraph("fix", Role::Fix, &rule.fix, usize::MAX, &mut lines);
                }
            }
            put(out, &lines)?;
            for finding in group
                .members
                .iter()
                .filter_map(|index| self.view.finding(*index))
            {
                let mut lines = Vec::new();
                if self.view.display.verbose < 2 {
                    self.short(finding, group.severity, &mut lines);
                } else {
                    lines.push(String::new());
                    self.finding(finding, Detail::Listed, &mut lines);
                }
                put(out, &lines)?;
            }
        }
        Ok(())
    }

    /// A finding in two lines: what, and where with its id.
    fn short(&self, finding: &Finding, usual: Severity, out: &mut Vec<String>) {
        let worse = if finding.severity == usual {
            ""
        } else {
            finding.severity.name()
        };
        let label = if worse.is_empty() {
            String::new()
        } else {
            format!("({worse}) ")
        };
        let text = format!("{label}{}: {}", asset(finding), clean(&finding.message));
        let left = GUTTER - 2;
        for (at, line) in wrap(&text, self.prose - GUTTER).iter().enumerate() {
            let bullet = if at == 0 { "·" } else { "" };
            out.push(format!("{bullet:>left$}  {line}"));
        }
        let id = short_id(finding);
        let place = self.view.place(finding.locus.span);
        let room = self.width.saturating_sub(GUTTER + id.len() + 2);
        let shown = self.view.short_path(&place, room);
        let link = self
            .style
            .link(self.url(finding.locus.span).as_deref(), &shown);
        let gap = if place.is_empty() { "" } else { "  " };
        out.push(format!(
            "{}{link}{gap}{}",
            " ".repeat(GUTTER),
            self.paint(Role::Faint, &id)
        ));
    }
}
