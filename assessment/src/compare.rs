//! What a change makes worse: the answer compared with an earlier one.
//!
//! Findings are compared by identity, which knows no lines, files or order, so that moved
//! lines, renamed files, reordered lists and reformatted YAML make no difference. A finding
//! that is gone because nobody could look any more is not called gone.

use crate::paths::{self, Entry, Goal};
use crate::{Assessment, Suppressed, reach};
use seawall_model::{Asset, Finding, FindingId, Gap, GapKind, RuleId, Severity, SourceMap};
use seawall_snapshot::Snapshot;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// An earlier answer, as much of it as a comparison needs.
#[derive(Debug, Clone, Default)]
pub struct Baseline {
    /// What it is called in reports: a file, a revision, a path.
    pub name: String,
    /// What was found.
    pub findings: Vec<Known>,
    /// What could not be looked at.
    pub gaps: Vec<KnownGap>,
    /// Coverage in per cent.
    pub percent: Option<f64>,
    /// The directory that was looked at then and the one that is looked at now, where they
    /// differ: paths are compared from there.
    pub roots: (String, String),
    /// Every entry that got to a goal, where that was looked for.
    pub pairs: Option<Vec<(Entry, Goal)>>,
    /// The picture that was judged, where it is there: then it is told what a change does to
    /// who reaches whom.
    pub snapshot: Option<Arc<Snapshot>>,
}

/// A finding of the earlier answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its identity.
    pub id: FindingId,
    /// The rule behind it.
    pub rule: RuleId,
    /// How bad it was.
    pub severity: Severity,
    /// What it was about.
    pub asset: Asset,
    /// Where in the asset.
    pub path: String,
    /// What was wrong.
    pub message: String,
    /// The file it stood in, or empty.
    pub file: String,
    /// Its line there, or 0.
    pub line: u32,
}

/// A gap of the earlier answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KnownGap {
    /// Why.
    pub kind: GapKind,
    /// What.
    pub subject: String,
    /// What went wrong.
    pub reason: String,
}

impl Baseline {
    /// What an assessment found.
    pub fn of(name: String, assessment: &Assessment, map: &SourceMap) -> Self {
        let known = |finding: &Finding| Known {
            id: finding.id,
            rule: finding.rule.clone(),
            severity: finding.severity,
            asset: finding.asset.clone(),
            path: finding.locus.path.clone(),
            message: finding.message.to_string(),
            file: map
                .file(finding.locus.span.file)
                .map_or_else(String::new, |file| file.path.to_string()),
            line: finding.locus.span.line,
        };
        Self {
            name,
            findings: assessment.findings.iter().map(known).collect(),
            gaps: assessment.coverage.gaps.iter().map(known_gap).collect(),
            percent: assessment.coverage.percent(),
            roots: Default::default(),
            pairs: assessment.ways.as_ref().map(|ways| ways.pairs.clone()),
            snapshot: None,
        }
    }
}

fn known_gap(gap: &Gap) -> KnownGap {
    KnownGap {
        kind: gap.kind,
        subject: gap.subject.to_string(),
        reason: gap.reason.clone(),
    }
}

/// What became of a finding since the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    New,
    /// It was there, less severe.
    Worse(Severity),
    /// It was there.
    Unchanged,
}

/// An answer compared with an earlier one.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// What the earlier one is called.
    pub baseline: String,
    /// What became of each finding of the answer, in its order.
    pub changes: Vec<Change>,
    /// What is not there any more, the worst first.
    pub gone: Vec<Known>,
    /// What is not found any more in things that cannot be looked at any more.
    pub unseen: Vec<Known>,
    /// Coverage of the earlier answer in per cent.
    pub percent_before: Option<f64>,
    /// Gaps that were not there, as indices into the answer's.
    pub new_gaps: Vec<usize>,
    /// Gaps that are not there any more.
    pub closed_gaps: Vec<KnownGap>,
    /// What the change opens and closes between workloads, where both pictures are there.
    pub reach: Option<reach::Change>,
    /// The ways in that the change opens and closes, where both were looked for.
    pub paths: Option<paths::Change>,
}

impl Comparison {
    /// Whether the change brought a finding or made it worse.
    pub fn is_news(&self, index: usize) -> bool {
        self.changes
            .get(index)
            .is_none_or(|change| *change != Change::Unchanged)
    }

    /// How many findings of the answer are new, worse and unchanged.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in &self.changes {
            match change {
                Change::New => counts.new += 1,
                Change::Worse(_) => counts.worse += 1,
                Change::Unchanged => counts.unchanged += 1,
            }
        }
        counts
    }
}

/// How many findings of an answer there are of each [`Change`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Not there before.
    pub new: usize,
    /// There before, less severe.
    pub worse: usize,
    /// There before.
    pub unchanged: usize,
}

/// Compares findings and gaps with those of a baseline.
pub(crate) fn compare(
    baseline: &Baseline,
    findings: &[Finding],
    suppressed: &[Suppressed],
    gaps: &[Gap],
) -> Comparison {
    let mut before: HashMap<FindingId, &Known> =
        baseline.findings.iter().map(|k| (k.id, k)).collect();
    let mut matched: Vec<Option<&Known>> = findings.iter().map(|f| before.remove(&f.id)).collect();
    for accepted in suppressed {
        before.remove(&accepted.finding.id);
    }
    // A file that is no API object is known by its path, and it may have been moved.
    let mut moved: HashMap<(&RuleId, &str, &str), Vec<&Known>> = HashMap::new();
    for known in baseline.findings.iter().rev() {
        if matches!(known.asset, Asset::File(_)) && before.contains_key(&known.id) {
            let key = (&known.rule, &*known.path, &*known.message);
            moved.entry(key).or_default().push(known);
        }
    }
    for (finding, slot) in findings.iter().zip(&mut matched) {
        if slot.is_none() && matches!(finding.asset, Asset::File(_)) {
            let key = (&finding.rule, &*finding.locus.path, &*finding.message);
            *slot = moved.get_mut(&key).and_then(Vec::pop);
            if let Some(known) = slot {
                before.remove(&known.id);
            }
        }
    }
    let changes = findings
        .iter()
        .zip(matched)
        .map(|(finding, known)| match known {
            None => Change::New,
            Some(known) if known.severity < finding.severity => Change::Worse(known.severity),
            Some(_) => Change::Unchanged,
        })
        .collect();
    let (root, root_now) = (&*baseline.roots.0, &*baseline.roots.1);
    let seen_from = |gap: &KnownGap, root: &str| KnownGap {
        subject: below(&gap.subject, root).to_owned(),
        ..gap.clone()
    };
    let known_gaps: HashSet<KnownGap> = baseline.gaps.iter().map(|g| seen_from(g, root)).collect();
    let gaps_now: Vec<KnownGap> = gaps
        .iter()
        .map(|gap| seen_from(&known_gap(gap), root_now))
        .collect();
    let new_gaps: Vec<usize> = gaps_now
        .iter()
        .enumerate()
        .filter(|(_, gap)| !known_gaps.contains(*gap))
        .map(|(at, _)| at)
        .collect();
    let still: HashSet<&KnownGap> = gaps_now.iter().collect();
    let blind: Vec<&str> = new_gaps
        .iter()
        .filter_map(|at| Some((gaps.get(*at)?, gaps_now.get(*at)?)))
        .filter(|(gap, _)| gap.units > 0)
        .map(|(_, known)| &*known.subject)
        .collect();
    let mut left: Vec<Known> = before.into_values().cloned().collect();
    left.sort_by(|a, b| {
        let key = |k: &Known| {
            (
                std::cmp::Reverse(k.severity),
                k.rule.clone(),
                k.asset.clone(),
            )
        };
        (key(a), &a.path).cmp(&(key(b), &b.path))
    });
    let (unseen, gone) = left
        .into_iter()
        .partition(|known| is_blind(known, root, &blind));
    Comparison {
        baseline: baseline.name.clone(),
        changes,
        gone,
        unseen,
        percent_before: baseline.percent,
        new_gaps,
        closed_gaps: baseline
            .gaps
            .iter()
            .filter(|gap| !still.contains(&seen_from(gap, root)))
            .cloned()
            .collect(),
        reach: None,
        paths: None,
    }
}

/// Whether a gap that is new hides what a finding was about: the gap's subject is its file, a
/// directory above it, or the object.
fn is_blind(known: &Known, root: &str, subjects: &[&str]) -> bool {
    let asset = known.asset.to_string();
    let file = below(&known.file, root);
    subjects.iter().any(|subject| {
        *subject == asset
            || file
                .strip_prefix(subject)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// A path as seen from a directory, or as it is when it is not below it.
fn below<'p>(path: &'p str, root: &str) -> &'p str {
    if root.is_empty() {
        return path;
    }
    path.strip_prefix(root)
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seawall_model::{Locus, ResourceRef, Span};

    fn finding(name: &str, severity: Severity) -> Finding {
        let asset = Asset::Resource(ResourceRef {
            group: "apps".into(),
            kind: "Deployment".into(),
            namespace: None,
            name: name.into(),
        });
        file_finding(asset, severity)
    }

    fn file_finding(asset: Asset, severity: Severity) -> Finding {
        let locus = Locus {
            pointer: "/spec".to_owned(),
            path: "/spec".to_owned(),
            span: Span::NONE,
        };
        let (message, fix) = ("wrong".to_owned(), "mend".to_owned());
        Finding::new(RuleId::new("W01"), severity, asset, locus, message, fix)
    }

    fn gap(subject: &str) -> Gap {
        Gap {
            kind: GapKind::Malformed,
            subject: subject.into(),
            span: Span::NONE,
            reason: "broken".to_owned(),
            hint: String::new(),
            units: 1,
        }
    }

    fn baseline(findings: Vec<Finding>, gaps: Vec<Gap>) -> Baseline {
        let answer = Assessment {
            findings,
            coverage: seawall_model::Coverage { looked_at: 1, gaps },
            ..Assessment::default()
        };
        Baseline::of("before".to_owned(), &answer, &SourceMap::new())
    }

    #[test]
    fn new_worse_unchanged_and_gone_are_told_apart() {
        let before = baseline(
            vec![
                finding("same", Severity::High),
                finding("worse", Severity::Low),
                finding("gone", Severity::Low),
            ],
            vec![gap("old.yaml")],
        );
        let now = [
            finding("new", Severity::High),
            finding("same", Severity::High),
            finding("worse", Severity::High),
        ];
        let result = compare(&before, &now, &[], &[gap("new.yaml")]);
        assert_eq!(
            result.changes,
            [Change::New, Change::Unchanged, Change::Worse(Severity::Low)]
        );
        assert_eq!(result.gone.len(), 1);
        assert_eq!(result.new_gaps, [0]);
        assert_eq!(result.closed_gaps.len(), 1);
        assert_eq!(result.counts().unchanged, 1);
    }

    #[test]
    fn what_cannot_be_seen_any_more_is_not_gone() {
        let mut before = baseline(vec![finding("web", Severity::High)], Vec::new());
        for known in &mut before.findings {
            known.file = "app/web.yaml".to_owned();
        }
        for subject in ["app/web.yaml", "app"] {
            let result = compare(&before, &[], &[], &[gap(subject)]);
            assert_eq!((result.gone.len(), result.unseen.len()), (0, 1));
        }
        let result = compare(&before, &[], &[], &[gap("app/web")]);
        assert_eq!((result.gone.len(), result.unseen.len()), (1, 0));
    }

    #[test]
    fn an_accepted_finding_is_not_gone_and_a_moved_file_is_the_same() {
        let accepted = Suppressed {
            finding: finding("web", Severity::High),
            reason: "because".to_owned(),
            span: Span::NONE,
        };
        let before = baseline(vec![finding("web", Severity::High)], Vec::new());
        assert!(compare(&before, &[], &[accepted], &[]).gone.is_empty());

        let at = |path: &str| file_finding(Asset::File(path.into()), Severity::High);
        let before = baseline(vec![at("a/kubelet.yaml")], Vec::new());
        let result = compare(&before, &[at("b/kubelet.yaml")], &[], &[]);
        assert_eq!(result.changes, [Change::Unchanged]);
        assert!(result.gone.is_empty());
    }
}
