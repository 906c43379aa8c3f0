//! Ways in as findings, so that they gate, are compared and reach every report.
//!
//! One finding says who of a class gets to a goal, and by which way most easily: the steps are
//! its evidence. What only follows from administering the cluster is not said again.

use crate::answers::{Found, Path, Paths};
use crate::ends::{Class, Goal};
use crate::graph::Ease;
use seawall_model::catalogue::mitre;
use seawall_model::{
    Area, Asset, Evidence, Finding, FindingId, Locus, Outcome, Proof, Rule, RuleId, Severity, Span,
    Str,
};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// To the administration of the cluster.
const CLUSTER: RuleId = RuleId::new("PATH-01");
/// To a workload that matters most.
const JEWEL: RuleId = RuleId::new("PATH-02");
/// To a node.
const NODE: RuleId = RuleId::new("PATH-03");
/// Beyond the cluster.
const BEYOND: RuleId = RuleId::new("PATH-04");
/// To Secrets.
const SECRETS: RuleId = RuleId::new("PATH-05");

/// All of them.
pub(crate) fn catalogue() -> &'static [Rule] {
    static CATALOGUE: LazyLock<Vec<Rule>> = LazyLock::new(|| {
        let rule = |id: RuleId, title, severity, why| Rule {
            id,
            title: Cow::Borrowed(title),
            severity,
            area: Area::Containers,
            why: Cow::Borrowed(why),
            fix: Cow::Borrowed(
                "`seawall paths --cuts` names the changes that cut the most ways, and tries them.",
            ),
            references: Cow::Owned(vec![mitre("T1078"), mitre("T1611")]),
            aliases: Cow::Borrowed(&[]),
            since: "0.1.0",
        };
        vec![
            rule(
                CLUSTER,
                "a way to the administration of the cluster",
                Severity::Critical,
                "Weaknesses that are harmless alone chain: whoever begins at the entry has every right in the end, every Secret, every workload and every node.",
            ),
            rule(
                JEWEL,
                "a way to a workload that matters most",
                Severity::High,
                "Somebody marked this workload as most important, and whoever begins at the entry gets to talk to it or runs code in it.",
            ),
            rule(
                NODE,
                "a way to a node",
                Severity::High,
                "Root on a node is root in every pod on it, with their tokens and Secrets.",
            ),
            rule(
                BEYOND,
                "a way beyond the cluster",
                Severity::High,
                "Whoever begins at the entry gets credentials of a cloud account or of another cluster.",
            ),
            rule(
                SECRETS,
                "a way to Secrets of others",
                Severity::Medium,
                "Whoever begins at the entry reads Secrets that they were not given.",
            ),
        ]
    });
    &CATALOGUE
}

fn rule_of(goal: &Goal) -> RuleId {
    match goal {
        Goal::Cluster => CLUSTER,
        Goal::Jewel(_) => JEWEL,
        Goal::Node => NODE,
        Goal::Beyond(_) => BEYOND,
        Goal::Secrets(_) => SECRETS,
    }
}

/// How bad it is that this class gets there: the wider the class and the easier the way.
fn severity(rule: &RuleId, class: Class, ease: Ease) -> Severity {
    let known = catalogue().iter().find(|known| known.id == *rule);
    let mut severity = known.map_or(Severity::High, |known| known.severity);
    let is_wide = class <= Class::Credential;
    if !is_wide && severity == Severity::Critical {
        severity = Severity::High;
    }
    if is_wide && ease < Ease::Lucky && severity == Severity::High {
        severity = Severity::Critical;
    }
    if ease == Ease::Lucky || (!is_wide && *rule == SECRETS) {
        severity = match severity {
            Severity::Critical => Severity::High,
            Severity::High => Severity::Medium,
            _ => Severity::Low,
        };
    }
    severity
}

/// Judges all ways.
pub(crate) fn check(paths: &Paths<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    let entries = paths.entries.len() as u64;
    for (goal, _) in &paths.goals {
        *outcome.assessed.entry(rule_of(goal)).or_insert(0) += entries;
    }
    let mut groups: BTreeMap<(Class, Goal), Vec<&Found>> = BTreeMap::new();
    for found in paths.found.iter().filter(|found| !found.is_implied) {
        let ends = paths
            .entries
            .get(found.entry)
            .zip(paths.goals.get(found.goal));
        if let Some(((entry, _), (goal, _))) = ends {
            // Secrets of all namespaces are one matter.
            let goal = match goal {
                Goal::Secrets(_) => Goal::Secrets(Str::default()),
                goal => goal.clone(),
            };
            groups.entry((entry.class, goal)).or_default().push(found);
        }
    }
    for ((class, goal), group) in groups {
        let easiest = group.iter().min_by_key(|found| (found.cost, found.entry));
        let path = easiest.and_then(|found| paths.path(&[found]));
        if let Some(path) = path {
            outcome
                .findings
                .push(finding(paths, class, &goal, &group, &path));
        }
    }
    outcome
}

fn finding(paths: &Paths<'_>, class: Class, goal: &Goal, group: &[&Found], path: &Path) -> Finding {
    let rule = rule_of(goal);
    let mut evidence: Vec<Evidence> = Vec::new();
    for line in &path.lines {
        let note = format!("{}: {}, then {}", line.technique, line.said, line.gains);
        let mut proofs = line.evidence.iter();
        let at = proofs.find_map(|one| match one.proof {
            Proof::Source(span) if span.is_known() => Some(span),
            _ => None,
        });
        evidence.push(Evidence {
            note: note.into(),
            proof: Proof::Source(at.unwrap_or(Span::NONE)),
        });
    }
    let first = evidence.iter().find_map(|one| match one.proof {
        Proof::Source(span) if span.is_known() => Some(span),
        _ => None,
    });
    let span = first.unwrap_or(Span::NONE);
    let owner = |found: &&Found| paths.workload_of(found);
    let mut affected: Vec<Asset> = group
        .iter()
        .filter_map(owner)
        .map(Asset::Resource)
        .collect();
    // What is at stake: the entry that gets there most easily may be another tomorrow, and it is
    // still the same finding.
    let asset = Asset::File("cluster".into());
    affected.push(asset.clone());
    affected.sort_unstable();
    affected.dedup();
    let entries: std::collections::BTreeSet<usize> =
        group.iter().map(|found| found.entry).collect();
    let who = match (class, entries.len()) {
        (Class::Internet, _) => "the internet".to_owned(),
        (_, 1) => path.entry.name.to_string(),
        (_, more) => format!("{} and {} more", path.entry.name, more - 1),
    };
    let steps = path.lines.len();
    let plural = if steps == 1 { "" } else { "s" };
    let message = format!("{who} → {} in {steps} step{plural}", path.goal.name());
    let place = match goal {
        Goal::Secrets(_) => format!("paths/{}/secrets", class.name()),
        goal => format!("paths/{}/{}", class.name(), goal.name()),
    };
    Finding {
        id: FindingId::of(&rule, &asset, &place),
        severity: severity(&rule, class, path.ease()),
        rule,
        asset,
        locus: Locus {
            pointer: String::new(),
            path: place,
            span,
        },
        message: message.into(),
        evidence,
        remediation: "Cut it where it costs least: seawall paths --cuts".into(),
        affected,
    }
}
