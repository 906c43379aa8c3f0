//! The parts around the worst three.

use super::Screen;
use super::style::Role;
use crate::news::News;
use crate::text::{self, clean, cut, number, width, wrap};
use crate::view::{View, verdict};
use seawall_assessment::{ControlStatus, Verdict};
use seawall_model::{Finding, Gap, Severity};
use std::time::Duration;

/// Gaps, notices and failed controls that one screen shows.
const GAPS: usize = 3;
const NOTICES: usize = 2;
const CONTROLS: usize = 5;

impl Screen<'_, '_> {
    /// ` seawall 0.1.0 · 38 objects in 12 files, 2 charts · Kubernetes v1.37 · 41 ms`
    pub(super) fn header(&self) -> String {
        let header = self.view.header;
        let name = format!("seawall {}", clean(&header.tool_version));
        let mut rest = format!(" · {}", self.view.size());
        let mut optional = Vec::new();
        if !header.kubernetes_version.is_empty() {
            optional.push(format!(
                " · Kubernetes {}",
                clean(&header.kubernetes_version)
            ));
        }
        if let Some(elapsed) = header.elapsed {
            optional.push(format!(" · {}", duration(elapsed)));
        }
        for part in optional {
            if width(&name) + width(&rest) + width(&part) <= self.width {
                rest += &part;
            }
        }
        let rest = cut(&rest, self.width.saturating_sub(width(&name))).into_owned();
        format!("{}{rest}", self.paint(Role::Strong, &name))
    }

    /// Counts by severity and by area.
    pub(super) fn counts(&self) -> Vec<String> {
        let mut out = vec![String::new()];
        let all = self.view.told_findings().count() as u64;
        let hidden = self.view.hidden();
        if all == 0 {
            let coverage = &self.view.assessment.coverage;
            let text = if coverage.looked_at == 0 {
                self.paint(
                    Role::Warn,
                    "Nothing was judged: no object could be looked at.",
                )
            } else {
                self.paint(Role::Good, self.view.no_findings())
            };
            out.push(text);
            return out;
        }
        let lead = text::count(all - hidden, self.view.one());
        let left = width(&lead) + 2;
        let mut severities = Vec::new();
        for (severity, n) in View::by_severity(self.view.told_findings()) {
            if n > 0 && severity >= self.view.display.severity {
                severities.push((
                    Role::Severity(severity),
                    format!("{} {severity}", number(n)),
                ));
            }
        }
        self.list((Role::Strong, &lead), left, &severities, &mut out);
        let mut areas = Vec::new();
        let mut named = 0;
        for (area, n) in self.view.by_area(self.shown()) {
            named += n;
            if n > 0 {
                areas.push((Role::Plain, format!("{} {}", area.name(), number(n))));
            }
        }
        if named < all - hidden {
            areas.push((
                Role::Plain,
                format!("other {}", number(all - hidden - named)),
            ));
        }
        let label = format!("{:>w$}", "in", w = left.saturating_sub(3));
        self.list((Role::Plain, &label), left, &areas, &mut out);
        if hidden > 0 {
            let limit = self.view.display.severity;
            out.push(self.paint(
                Role::Faint,
                &format!(
                    "{} below {limit} not shown (--severity {limit})",
                    number(hidden)
                ),
            ));
        }
        out
    }

    fn shown(&self) -> impl Iterator<Item = &Finding> {
        let shown = self.view.shown();
        shown.filter_map(|index| self.view.finding(index))
    }

    /// What became of things since the baseline.
    pub(super) fn comparison(&self) -> Vec<String> {
        let Some(news) = News::of(self.view) else {
            return Vec::new();
        };
        let verbose = self.view.display.verbose > 0;
        let lead = format!("Since {}", clean(news.baseline));
        let mut out = vec![String::new()];
        let whole = format!("{lead}  {}", news.counts);
        for (at, line) in wrap(&whole, self.prose - 2).iter().enumerate() {
            out.push(match line.strip_prefix(lead.as_str()) {
                Some(rest) if at == 0 => format!("{}{rest}", self.paint(Role::Strong, &lead)),
                _ => format!("  {line}"),
            });
        }
        let most = if verbose { usize::MAX } else { GAPS };
        for (lead, items) in &news.lists {
            out.push(format!("  {lead}"));
            for item in items.iter().take(most) {
                out.push(format!("    {}", cut(&clean(item), self.width - 4)));
            }
            if items.len() > most {
                let more = number((items.len() - most) as u64);
                out.push(self.paint(Role::Faint, &format!("    … {more} more: -v")));
            }
        }
        out
    }

    /// `lead  item · item · item`, broken where it gets too wide.
    fn list(
        &self,
        lead: (Role, &str),
        left: usize,
        items: &[(Role, String)],
        out: &mut Vec<String>,
    ) {
        if items.is_empty() {
            out.push(self.paint(lead.0, lead.1));
            return;
        }
        let mut line = format!(
            "{}{}",
            self.paint(lead.0, lead.1),
            " ".repeat(left - width(lead.1))
        );
        let mut used = left;
        for (at, (role, item)) in items.iter().enumerate() {
            if at > 0 && used + 3 + width(item) > self.width {
                out.push(std::mem::replace(&mut line, " ".repeat(left)));
                used = left;
            } else if at > 0 {
                line += " · ";
                used += 3;
            }
            line += &self.paint(*role, item);
            used += width(item);
        }
        out.push(line);
    }

    /// Results of the chosen frameworks.
    pub(super) fn frameworks(&self) -> Vec<String> {
        let mut out = Vec::new();
        for result in &self.view.assessment.frameworks {
            out.push(String::new());
            let count = |status| {
                result
                    .controls
                    .iter()
                    .filter(|c| c.status == status)
                    .count() as u64
            };
            let line = format!(
                "  {} pass · {} fail · {} not assessed",
                number(count(ControlStatus::Pass)),
                number(count(ControlStatus::Fail)),
                number(count(ControlStatus::NotAssessed)),
            );
            let title = result.framework.title();
            let painted = self.paint(Role::Strong, title);
            if width(title) + width(&line) <= self.width {
                out.push(format!("{painted}{line}"));
            } else {
                out.push(painted);
                out.push(line);
            }
            let verbose = self.view.display.verbose > 0;
            let listed = result
                .controls
                .iter()
                .filter(|control| verbose || control.status == ControlStatus::Fail);
            let ids = listed
                .clone()
                .map(|control| width(control.control))
                .max()
                .unwrap_or(0)
                .min(24);
            let all = listed.clone().count();
            let most = if verbose { usize::MAX } else { CONTROLS };
            for control in listed.take(most) {
                let (role, status) = match control.status {
                    ControlStatus::Pass => (Role::Good, "pass"),
                    ControlStatus::Fail => (Role::Bad, "fail"),
                    ControlStatus::NotAssessed => (Role::Faint, "not assessed"),
                };
                let rules: Vec<&str> = control
                    .rules
                    .iter()
                    .map(seawall_model::RuleId::as_str)
                    .collect();
                let tail = match control.status {
                    ControlStatus::Fail => format!(
                        " ({}: {})",
                        text::count(control.findings as u64, "finding"),
                        clean(&rules.join(", "))
                    ),
                    ControlStatus::Pass => {
                        format!(" ({} looked at)", number(control.subjects))
                    }
                    ControlStatus::NotAssessed => String::new(),
                };
                let text = format!("{:<ids$}  {}{tail}", control.control, control.title);
                let pad = if verbose { 12 } else { 4 };
                out.push(format!(
                    "  {}  {}",
                    self.paint(role, &format!("{status:<pad$}")),
                    cut(&text, self.width - pad - 4)
                ));
            }
            if all > most {
                let more = format!(
                    "  … {} more failed: seawall scan -v",
                    number((all - most) as u64)
                );
                out.push(self.paint(Role::Faint, &more));
            }
        }
        out
    }

    /// What was not covered; what was, in one line.
    pub(super) fn uncovered(&self) -> Vec<String> {
        let gaps = self.view.gaps();
        let mut out = vec![String::new()];
        let missed = self.view.assessment.coverage.missed();
        if missed == 0 && self.view.assessment.coverage.looked_at > 0 {
            out.push(format!(
                "{}  {}",
                self.paint(Role::Strong, "Covered"),
                self.view.coverage()
            ));
        } else {
            out.push(format!(
                "{}  {}",
                self.paint(Role::Warn, "Not covered"),
                self.view.coverage()
            ));
        }
        let most = if self.view.display.verbose > 0 {
            usize::MAX
        } else {
            GAPS
        };
        for (at, gap) in gaps.iter().take(most).enumerate() {
            self.gap(gap, at == 0, &mut out);
        }
        if gaps.len() > most {
            let more = text::count((gaps.len() - most) as u64, "more gap");
            out.push(self.paint(Role::Faint, &format!("  … {more}: seawall scan -v")));
        }
        out
    }

    /// One gap; in one screen only the worst one gets a second line and its hint.
    fn gap(&self, gap: &Gap, worst: bool, out: &mut Vec<String>) {
        let place = self.view.place(gap.span);
        let subject = clean(&gap.subject);
        // The place says the subject again when the subject is a file.
        let subject = if place.starts_with(subject.as_ref()) {
            place
        } else {
            subject.into_owned()
        };
        let kind = match (gap.units, gap.kind.name()) {
            (0, kind) => format!("{kind}, hides nothing"),
            (1, kind) => kind.to_owned(),
            (n, kind) => format!("{kind}, {} missed", number(u64::from(n))),
        };
        let subject = self.view.short_path(&subject, self.width / 2);
        let text = format!("{subject}: {} ({kind})", clean(&gap.reason));
        let verbose = self.view.display.verbose > 0;
        if !verbose && !worst {
            out.push(format!("  {}", cut(&text, self.width - 2)));
            return;
        }
        for (at, line) in wrap(&text, self.prose - 4)
            .iter()
            .take(self.most_lines())
            .enumerate()
        {
            out.push(format!("{}{line}", if at == 0 { "  " } else { "    " }));
        }
        if !gap.hint.is_empty() {
            let hint = format!("hint: {}", clean(&gap.hint));
            for line in wrap(&hint, self.prose - 4).iter().take(self.most_lines()) {
                out.push(format!("    {}", self.paint(Role::Faint, line)));
            }
        }
    }

    /// Lines that one gap or notice may take.
    fn most_lines(&self) -> usize {
        if self.view.display.verbose > 0 {
            usize::MAX
        } else {
            2
        }
    }

    /// What the user accepted, and suppressions that did nothing.
    pub(super) fn suppressed(&self) -> Vec<String> {
        let assessment = self.view.assessment;
        let (n, notices) = (assessment.suppressed.len(), &assessment.suppression_notices);
        if n == 0 && notices.is_empty() {
            return Vec::new();
        }
        let verbose = self.view.display.verbose > 0;
        let mut out = Vec::new();
        let line = format!("{} suppressed", text::count(n as u64, "finding"));
        if verbose || self.view.display.severity > Severity::Info {
            out.push(String::new());
        }
        out.push(format!("{}  {line}", self.paint(Role::Strong, "Accepted")));
        if verbose {
            for suppressed in &assessment.suppressed {
                let finding = &suppressed.finding;
                let text = format!(
                    "{} {}: {} ({})",
                    finding.rule, finding.asset, finding.message, suppressed.reason
                );
                for (at, line) in wrap(&clean(&text), self.prose - 4).iter().enumerate() {
                    out.push(format!("{}{line}", if at == 0 { "  " } else { "    " }));
                }
            }
        }
        let most = if verbose { usize::MAX } else { NOTICES };
        for notice in notices.iter().take(most) {
            let place = self.view.place(notice.span);
            let place = if place.is_empty() {
                place
            } else {
                format!(" ({place})")
            };
            let text = format!("{}{place}", clean(&notice.message));
            for (at, line) in wrap(&text, self.prose - 4)
                .iter()
                .take(self.most_lines())
                .enumerate()
            {
                let lead = if at == 0 { "! " } else { "  " };
                out.push(format!("  {}{line}", self.paint(Role::Warn, lead)));
            }
        }
        if notices.len() > most {
            let more = number((notices.len() - most) as u64);
            out.push(self.paint(Role::Faint, &format!("  … {more} more: seawall scan -v")));
        }
        out
    }

    /// The verdict.
    pub(super) fn gate(&self) -> String {
        let assessment = self.view.assessment;
        let (word, line) = verdict(assessment);
        let role = match assessment.gate.verdict {
            Verdict::Findings => Role::Bad,
            Verdict::Incomplete => Role::Warn,
            Verdict::Pass if self.view.is_gating() => Role::Good,
            Verdict::Pass => Role::Strong,
        };
        format!("{} {line}", self.paint(role, word))
    }
}

fn duration(elapsed: Duration) -> String {
    match elapsed.as_millis() {
        0 => "under 1 ms".to_owned(),
        ms @ 1..=999 => format!("{ms} ms"),
        _ => format!("{:.1} s", elapsed.as_secs_f64()),
    }
}
