//! What all formats share: findings grouped, counted and located, and the gate in words.

use crate::source::{Snippet, Sources};
use crate::text;
use crate::{Context, Display, Header};
use seawall_assessment::{Assessment, Change, FailOn, Verdict};
use seawall_model::{Area, Asset, Cause, Finding, Gap, Rule, RuleId, Severity, SourceFile, Span};
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::ops::Range;

/// How many findings are told first.
pub(crate) const TOP: usize = 3;

/// The exit code of a verdict; 2 (usage) and 4 (internal) are not verdicts.
pub fn exit_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => 0,
        Verdict::Findings => 1,
        Verdict::Incomplete => 3,
    }
}

/// The findings of one rule.
#[derive(Debug, Clone)]
pub(crate) struct Group<'a> {
    pub(crate) rule: &'a RuleId,
    /// The worst of its findings.
    pub(crate) severity: Severity,
    /// Indices into the assessment's findings, worst first.
    pub(crate) members: Vec<usize>,
}

/// One assessment with everything that it takes to tell it.
pub(crate) struct View<'a> {
    pub(crate) assessment: &'a Assessment,
    pub(crate) header: &'a Header,
    pub(crate) display: &'a Display,
    pub(crate) sources: Sources<'a>,
    context: &'a Context<'a>,
    rules: HashMap<&'a str, &'a Rule>,
}

impl<'a> View<'a> {
    pub(crate) fn new(context: &'a Context<'a>) -> Self {
        Self {
            assessment: context.assessment,
            header: context.header,
            display: context.display,
            sources: Sources::new(context.text),
            context,
            rules: context
                .rules
                .iter()
                .map(|rule| (rule.id.as_str(), rule))
                .collect(),
        }
    }

    pub(crate) fn rule(&self, id: &RuleId) -> Option<&'a Rule> {
        self.rule_by_name(id.as_str())
    }

    pub(crate) fn rule_by_name(&self, id: &str) -> Option<&'a Rule> {
        self.rules.get(id).copied()
    }

    /// A rule's title; a rule that is not in the catalogue has only its id.
    pub(crate) fn title<'b>(&self, id: &'b RuleId) -> &'b str
    where
        'a: 'b,
    {
        self.rule(id)
            .map_or(id.as_str(), |rule| rule.title.as_ref())
    }

    pub(crate) fn area(&self, finding: &Finding) -> Option<Area> {
        self.rule(&finding.rule).map(|rule| rule.area)
    }

    pub(crate) fn file(&self, span: Span) -> Option<SourceFile> {
        self.context.map.file(span.file)
    }

    pub(crate) fn cause(&self, span: Span) -> Option<Cause> {
        self.context.map.cause(span.cause)
    }

    /// `path:line:column`, safe to print; empty when there is no place.
    pub(crate) fn place(&self, span: Span) -> String {
        match self.file(span) {
            Some(_) => text::clean(&self.context.map.display(span)).into_owned(),
            None => String::new(),
        }
    }

    /// A place cut to `room` columns: first what the user typed himself goes, then the
    /// directories in front.
    pub(crate) fn short_place(&self, span: Span, room: usize) -> String {
        self.short_path(&self.place(span), room)
    }

    /// A path, or a text that begins with one, cut likewise.
    pub(crate) fn short_path(&self, path: &str, room: usize) -> String {
        if text::width(path) <= room {
            return path.to_owned();
        }
        let below = self.header.targets.iter().find_map(|target| {
            let target = text::clean(target);
            let rest = path.strip_prefix(target.trim_end_matches('/'))?;
            rest.strip_prefix('/')
                .filter(|rest| !rest.is_empty())
                .map(str::to_owned)
        });
        let path = below.map_or_else(|| path.to_owned(), |below| format!("…/{below}"));
        text::cut_start(&path, room).into_owned()
    }

    /// The lines of a span.
    pub(crate) fn snippet(&self, finding: &Finding, span: Span, context: usize) -> Option<Snippet> {
        self.sources.snippet(span, context, self.is_secret(finding))
    }

    /// Whether the value that a finding marks is itself a credential.
    pub(crate) fn is_secret(&self, finding: &Finding) -> bool {
        let path = finding.locus.path.as_str();
        let last = path.rsplit('/').next().unwrap_or("");
        self.area(finding) == Some(Area::Secrets)
            && (last == "value"
                || path.contains("/data/")
                || path.contains("/stringData/")
                || path.contains("/args")
                || path.contains("/command")
                || path.contains("/annotations"))
    }

    /// What became of a finding since the baseline, if there is one.
    pub(crate) fn change(&self, index: usize) -> Option<Change> {
        let comparison = self.assessment.comparison.as_ref()?;
        comparison.changes.get(index).copied()
    }

    /// The findings that are told at all: all of them, or those that a comparison calls new
    /// or worse.
    pub(crate) fn told(&self) -> impl Iterator<Item = (usize, &'a Finding)> + '_ {
        let findings = self.assessment.findings.iter().enumerate();
        let comparison = self.assessment.comparison.as_ref();
        findings.filter(move |(index, _)| comparison.is_none_or(|one| one.is_news(*index)))
    }

    /// Indices of the findings that human formats show.
    pub(crate) fn shown(&self) -> impl Iterator<Item = usize> + '_ {
        self.told()
            .filter(|(_, finding)| finding.severity >= self.display.severity)
            .map(|(at, _)| at)
    }

    pub(crate) fn finding(&self, index: usize) -> Option<&'a Finding> {
        self.assessment.findings.get(index)
    }

    /// Findings by rule, in the order in which the rules first appear: the worst rule first.
    pub(crate) fn groups(&self, indices: impl Iterator<Item = usize>) -> Vec<Group<'a>> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        let mut known: HashMap<&'a str, usize> = HashMap::new();
        for index in indices {
            let Some(finding) = self.finding(index) else {
                continue;
            };
            let at = *known.entry(finding.rule.as_str()).or_insert_with(|| {
                groups.push(Group {
                    rule: &finding.rule,
                    severity: finding.severity,
                    members: Vec::new(),
                });
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(at) {
                group.severity = group.severity.max(finding.severity);
                group.members.push(index);
            }
        }
        groups
    }

    /// The findings to tell first: the worst of each of the worst rules, about different
    /// assets where equally severe ones allow it. A rule that only speaks of a line that a
    /// worse one has told makes room for the next.
    pub(crate) fn top(&self, groups: &[Group<'a>]) -> Vec<usize> {
        let mut assets: HashSet<&Asset> = HashSet::new();
        let mut places = HashSet::new();
        let place = |finding: &Finding| (finding.locus.span.file, finding.locus.span.line);
        let mut top = Vec::new();
        for group in groups {
            if top.len() == TOP {
                break;
            }
            let mut chosen = None;
            for index in group.members.iter().copied().take(1000) {
                let Some(finding) = self.finding(index) else {
                    continue;
                };
                let told = finding.locus.span.is_known() && places.contains(&place(finding));
                if finding.severity != group.severity || told {
                    continue;
                }
                chosen = chosen.or(Some((index, finding)));
                if !assets.contains(&finding.asset) {
                    chosen = Some((index, finding));
                    break;
                }
            }
            if let Some((index, finding)) = chosen {
                assets.insert(&finding.asset);
                places.insert(place(finding));
                top.push(index);
            }
        }
        top
    }

    /// How many of some findings there are of each severity, worst first.
    pub(crate) fn by_severity<'f>(
        findings: impl Iterator<Item = &'f Finding>,
    ) -> [(Severity, u64); 5] {
        let mut counts = Severity::ALL.map(|severity| (severity, 0));
        for finding in findings {
            let of_it = counts.iter_mut().find(|(one, _)| *one == finding.severity);
            if let Some((_, count)) = of_it {
                *count += 1;
            }
        }
        counts
    }

    /// How many of some findings there are of each area.
    pub(crate) fn by_area<'f>(
        &self,
        findings: impl Iterator<Item = &'f Finding>,
    ) -> [(Area, u64); 5] {
        let mut counts = Area::ALL.map(|area| (area, 0));
        for finding in findings {
            if let Some(area) = self.area(finding)
                && let Some((_, count)) = counts.iter_mut().find(|(known, _)| *known == area)
            {
                *count += 1;
            }
        }
        counts
    }

    /// Whether a rule of an area was applied to anything.
    pub(crate) fn looked_at(&self, area: Area) -> bool {
        self.assessment.assessed.iter().any(|(id, subjects)| {
            *subjects > 0 && self.rule(id).is_some_and(|rule| rule.area == area)
        })
    }

    /// Findings that human formats hide.
    pub(crate) fn hidden(&self) -> u64 {
        self.told()
            .filter(|(_, finding)| finding.severity < self.display.severity)
            .count() as u64
    }

    /// The told findings themselves.
    pub(crate) fn told_findings(&self) -> impl Iterator<Item = &'a Finding> + '_ {
        self.told().map(|(_, finding)| finding)
    }

    /// What a told finding is called.
    pub(crate) fn one(&self) -> &'static str {
        match &self.assessment.comparison {
            None => "finding",
            Some(comparison) if comparison.counts().worse > 0 => "new or worse finding",
            Some(_) => "new finding",
        }
    }

    /// What to say when there is nothing to tell.
    pub(crate) fn no_findings(&self) -> &'static str {
        if self.assessment.comparison.is_some() {
            "Nothing new in what was looked at."
        } else {
            "No findings in what was looked at."
        }
    }

    /// Gaps, those that hide most first.
    pub(crate) fn gaps(&self) -> Vec<&'a Gap> {
        let mut gaps: Vec<&Gap> = self.assessment.coverage.gaps.iter().collect();
        gaps.sort_by_key(|gap| std::cmp::Reverse(gap.units));
        gaps
    }

    /// `38 objects in 12 files, 2 charts`.
    pub(crate) fn size(&self) -> String {
        let inventory = &self.assessment.inventory;
        let mut out = text::count(inventory.objects, "object");
        if self.header.files > 0 {
            let _ = write!(out, " in {}", text::count(self.header.files, "file"));
        }
        for (n, one) in [(inventory.charts, "chart"), (inventory.overlays, "overlay")] {
            if n > 0 {
                let _ = write!(out, ", {}", text::count(n, one));
            }
        }
        out
    }

    /// Whether the verdict is worth a colour: nothing was demanded, nothing was met.
    pub(crate) fn is_gating(&self) -> bool {
        let gate = &self.assessment.gate;
        gate.fail_on != FailOn::default() || gate.min_coverage.is_some() || gate.demands > 0
    }

    /// Coverage in one sentence.
    pub(crate) fn coverage(&self) -> String {
        let coverage = &self.assessment.coverage;
        let missed = coverage.missed();
        match coverage.percent() {
            None => "nothing was looked at".to_owned(),
            Some(_) if missed == 0 => {
                format!("100 % looked at ({})", text::number(coverage.looked_at))
            }
            Some(percent) => format!(
                "{} looked at: {} of {}, {} missed",
                text::percent(percent),
                text::number(coverage.looked_at),
                text::number(coverage.looked_at + missed),
                text::number(missed),
            ),
        }
    }
}

/// How many demands on the network were tried.
fn demands_tried(assessment: &Assessment) -> u64 {
    let count = assessment.assessed.get(&seawall_assessment::DEMAND);
    count.copied().unwrap_or(0)
}

/// What the gate says, in one line that names the exit code.
pub(crate) fn verdict(assessment: &Assessment) -> (&'static str, String) {
    let (gate, coverage) = (&assessment.gate, &assessment.coverage);
    let (one, nothing) = if assessment.comparison.is_some() {
        ("new finding", "nothing new")
    } else {
        ("finding", "nothing")
    };
    let exit = format!("exit {}", exit_code(gate.verdict));
    let demanded = gate.min_coverage.map(text::percent);
    let percent = coverage.percent();
    match gate.verdict {
        Verdict::Findings => {
            let mut why = Vec::new();
            if gate.broken > 0 {
                why.push(text::count(gate.broken as u64, "broken demand"));
            }
            if gate.fail_on.path && gate.paths > 0 {
                let what = match assessment.comparison {
                    Some(_) => "way in that was not there",
                    None => "way in",
                };
                let ways = match gate.paths {
                    1 => format!("1 {what}"),
                    n => format!(
                        "{n} {}",
                        what.replacen("way", "ways", 1).replace("was", "were")
                    ),
                };
                why.push(format!("{ways} (--fail-on path)"));
            }
            if gate.failing > 0 {
                let limit = gate.fail_on.severity.map_or("", Severity::name);
                let n = text::count(gate.failing as u64, one);
                why.push(format!("{n} at or above {limit} (--fail-on {limit})"));
            }
            ("FAIL", format!("{exit} · {}", why.join(", ")))
        }
        Verdict::Incomplete => match (percent, demanded) {
            (Some(percent), Some(demanded)) if coverage.looked_at > 0 => (
                "INCOMPLETE",
                format!(
                    "{exit} · coverage {} is below --min-coverage {demanded}",
                    text::percent(percent)
                ),
            ),
            _ => ("INCOMPLETE", format!("{exit} · nothing could be looked at")),
        },
        Verdict::Pass => {
            let enough = demanded.map(|demanded| {
                let percent = percent.map_or_else(String::new, text::percent);
                format!("coverage {percent} meets --min-coverage {demanded}")
            });
            match (gate.fail_on.severity, enough) {
                (Some(limit), enough) => {
                    let mut line = format!("{exit} · {nothing} at or above {limit}");
                    if let Some(enough) = enough {
                        let _ = write!(line, "; {enough}");
                    }
                    ("PASS", line)
                }
                (None, _) if gate.fail_on.path => {
                    let news = match assessment.comparison {
                        Some(_) => "no way in that was not there",
                        None => "no way in",
                    };
                    ("PASS", format!("{exit} · {news}"))
                }
                (None, Some(enough)) => (
                    "PASS",
                    format!("{exit} · {enough}; findings not gating: pass --fail-on high"),
                ),
                (None, None) if gate.demands > 0 => {
                    let (kept, all) = (demands_tried(assessment), gate.demands as u64);
                    let kept = if kept == all {
                        format!("{} kept", text::count(all, "demand"))
                    } else {
                        format!("{kept} of {} kept", text::count(all, "demand"))
                    };
                    ("PASS", format!("{exit} · {kept}"))
                }
                (None, None) => ("DONE", format!("{exit} · not gating: pass --fail-on high")),
            }
        }
    }
}

/// What Kubernetes makes of a plain YAML scalar that people read otherwise.
pub(crate) fn yaml_trap(marked: &str) -> Option<String> {
    let value = match marked.trim() {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => "true".to_owned(),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => "false".to_owned(),
        octal if octal.len() > 1 && octal.starts_with('0') => {
            u64::from_str_radix(octal.strip_prefix("0o").unwrap_or(octal), 8)
                .ok()?
                .to_string()
        }
        _ => return None,
    };
    Some(format!("Kubernetes reads `{}` as {value}", marked.trim()))
}

/// The first characters of a finding's id: enough to name it to `seawall explain`.
pub(crate) fn short_id(finding: &Finding) -> String {
    let mut id = finding.id.to_string();
    id.truncate(12);
    id
}

/// Marks `text` on both sides: before, marked, after.
pub(crate) fn split_at_mark<'t>(text: &'t str, mark: &Range<usize>) -> (&'t str, &'t str, &'t str) {
    (
        text.get(..mark.start).unwrap_or(text),
        text.get(mark.clone()).unwrap_or(""),
        text.get(mark.end..).unwrap_or(""),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_says_its_exit_code_and_why() {
        use seawall_assessment::Gate;
        use seawall_model::Coverage;
        let some = Coverage {
            looked_at: 10,
            gaps: Vec::new(),
        };
        let gate = |severity, min_coverage, failing, verdict| Gate {
            fail_on: FailOn {
                severity,
                path: false,
            },
            min_coverage,
            failing,
            demands: 0,
            broken: 0,
            paths: 0,
            verdict,
        };
        for (gate, expected) in [
            (
                gate(None, None, 0, Verdict::Pass),
                "DONE exit 0 · not gating: pass --fail-on high",
            ),
            (
                gate(Some(Severity::High), None, 2, Verdict::Findings),
                "FAIL exit 1 · 2 findings at or above high (--fail-on high)",
            ),
            (
                gate(Some(Severity::High), Some(90.0), 0, Verdict::Pass),
                "PASS exit 0 · nothing at or above high; coverage 100 % meets --min-coverage 90 %",
            ),
        ] {
            let mut answer = Assessment::default();
            (answer.gate, answer.coverage) = (gate, some.clone());
            let (word, line) = verdict(&answer);
            assert_eq!(format!("{word} {line}"), expected);
        }
        let answer = Assessment {
            gate: gate(None, None, 0, Verdict::Incomplete),
            ..Assessment::default()
        };
        let none = verdict(&answer);
        assert_eq!(none.1, "exit 3 · nothing could be looked at");
    }

    #[test]
    fn yaml_traps_are_told() {
        assert_eq!(
            yaml_trap("yes").as_deref(),
            Some("Kubernetes reads `yes` as true")
        );
        assert_eq!(
            yaml_trap("Off").as_deref(),
            Some("Kubernetes reads `Off` as false")
        );
        assert_eq!(
            yaml_trap("0777").as_deref(),
            Some("Kubernetes reads `0777` as 511")
        );
        for plain in ["true", "0", "08", "name", "\"yes\""] {
            assert_eq!(yaml_trap(plain), None);
        }
    }
}
