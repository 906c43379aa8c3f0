//! The namespaces of a picture: what they let in, and what is wrong with their labels.

use crate::catalogue::{BAD_LABEL, NOT_ENFORCED, UNKNOWN_VERSION};
use crate::cluster::Cluster;
use crate::namespace::{Mode, NamespacePolicy, PREFIX, PolicyVersion, Problem, ProblemKind};
use crate::workloads;
use seawall_model::fact::PodSecurityLevel;
use seawall_model::{
    Asset, Finding, KubernetesVersion, Locus, Outcome, Proof, ResourceRef, RuleId, Severity, Str,
};
use seawall_snapshot::{Object, ScopeId, Snapshot};
use std::collections::BTreeMap;

/// A namespace that was seen.
pub(crate) struct Judged<'s> {
    pub(crate) object: &'s Object,
    pub(crate) labels: NamespacePolicy,
    /// Its workloads by the strictest level they meet: their number, and the names of the
    /// first few.
    pub(crate) workloads: BTreeMap<PodSecurityLevel, (usize, Vec<String>)>,
}

/// All namespaces that were seen.
pub(crate) struct Namespaces<'s> {
    by_name: BTreeMap<(ScopeId, Str), Judged<'s>>,
}

impl<'s> Namespaces<'s> {
    pub(crate) fn of(snapshot: &'s Snapshot, cluster: &Cluster) -> Self {
        let mut by_name: BTreeMap<(ScopeId, Str), Judged<'s>> = BTreeMap::new();
        for (_, object) in snapshot.of_kind("", "Namespace") {
            let labels = NamespacePolicy::of(object, &cluster.defaults);
            let key = (object.scope, object.reference.name.clone());
            // Two manifests of one namespace: the one that says something counts.
            if by_name
                .get(&key)
                .is_none_or(|known| known.labels.labels.is_empty())
            {
                by_name.insert(
                    key,
                    Judged {
                        object,
                        labels,
                        workloads: BTreeMap::new(),
                    },
                );
            }
        }
        Self { by_name }
    }

    pub(crate) fn any(&self) -> bool {
        !self.by_name.is_empty()
    }

    /// The namespace as an object of `scope` sees it: in its own rendering first, then among
    /// the plain manifests, as [`Snapshot::find`] looks.
    pub(crate) fn get(&mut self, scope: ScopeId, name: &str) -> Option<&mut Judged<'s>> {
        let mut key = (scope, Str::from(name));
        if !self.by_name.contains_key(&key) {
            key.0 = ScopeId::PLAIN;
        }
        self.by_name.get_mut(&key)
    }

    /// All of them, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Judged<'s>> {
        self.by_name.values()
    }

    /// Findings about the namespaces themselves.
    pub(crate) fn check(
        &self,
        cluster: &Cluster,
        version: KubernetesVersion,
        outcome: &mut Outcome,
    ) {
        for judged in self.by_name.values() {
            outcome.assess(&NOT_ENFORCED);
            outcome
                .findings
                .extend(judged.not_enforced(cluster, version));
            if judged.labels.labels.is_empty() {
                continue;
            }
            outcome.assess(&BAD_LABEL);
            let problems = judged.labels.problems.iter();
            outcome
                .findings
                .extend(problems.map(|problem| judged.bad_label(problem)));
            if Mode::ALL
                .iter()
                .any(|mode| judged.labels.version_label(*mode).is_some())
            {
                outcome.assess(&UNKNOWN_VERSION);
            }
            outcome.findings.extend(judged.unknown_version(version));
        }
    }
}

impl Judged<'_> {
    pub(crate) fn name(&self) -> &str {
        &self.object.reference.name
    }

    fn finding(
        &self,
        rule: RuleId,
        severity: Severity,
        locus: Locus,
        message: String,
        remediation: String,
    ) -> Finding {
        let asset = Asset::Resource(self.object.reference.clone());
        Finding::new(rule, severity, asset, locus, message, remediation)
    }

    fn not_enforced(&self, cluster: &Cluster, version: KubernetesVersion) -> Option<Finding> {
        let name = self.name();
        let enforce = self.labels.policy.enforce;
        let level_label = self.labels.level_label(Mode::Enforce);
        if let (true, Some(span)) = (cluster.exempts(name), cluster.source) {
            let severity = if is_system(name) {
                Severity::Info
            } else {
                Severity::Low
            };
            let finding = self.finding(
                NOT_ENFORCED,
                severity,
                self.missing_label(),
                format!("namespace {name} is exempt from Pod Security: every pod is let in"),
                format!(
                    "take {name} out of the exemptions, then: {}",
                    self.advice(version)
                ),
            );
            let note = "the API server's configuration exempts the namespace";
            return Some(finding.with_evidence(note, Proof::Source(span)));
        }
        if enforce.level == PodSecurityLevel::Privileged {
            let (severity, locus, message) = match level_label {
                Some(label) => (
                    Severity::Low,
                    label.locus(),
                    format!("namespace {name} enforces privileged: every pod is let in"),
                ),
                None => (
                    Severity::Medium,
                    self.missing_label(),
                    format!("namespace {name} enforces no Pod Security level"),
                ),
            };
            let is_system = is_system(name);
            let severity = if is_system { Severity::Info } else { severity };
            let remediation = if is_system {
                "nothing, as long as only cluster administrators may create pods here".to_owned()
            } else {
                self.advice(version)
            };
            let finding = self.finding(NOT_ENFORCED, severity, locus, message, remediation);
            return Some(match (level_label, cluster.source) {
                (Some(_), _) => finding,
                (None, Some(span)) => finding.with_evidence(
                    "the cluster's configuration sets no other default",
                    Proof::Source(span),
                ),
                (None, None) => finding.with_evidence(
                    "without this label the API server enforces privileged",
                    Proof::ApiDefault("pod-security.kubernetes.io/enforce: privileged"),
                ),
            });
        }
        // An enforce label that cannot be read has its own finding.
        let floats = enforce.version == PolicyVersion::Latest
            && self
                .labels
                .problems
                .iter()
                .all(|p| p.kind != ProblemKind::Version(Mode::Enforce));
        let label = self.labels.version_label(Mode::Enforce).or(level_label)?;
        if !floats {
            return None;
        }
        let path = "metadata/labels/pod-security.kubernetes.io~1enforce-version".to_owned();
        let locus = Locus {
            path,
            ..label.locus()
        };
        Some(self.finding(
            NOT_ENFORCED,
            Severity::Info,
            locus,
            format!("namespace {name} enforces {enforce}, which changes with every upgrade of the cluster"),
            format!("set the label {PREFIX}enforce-version: {version}"),
        ))
    }

    /// Where the enforce label belongs.
    fn missing_label(&self) -> Locus {
        Locus {
            pointer: "/metadata/labels".to_owned(),
            path: "metadata/labels/pod-security.kubernetes.io~1enforce".to_owned(),
            span: self.object.name_span,
        }
    }

    /// The strictest label that refuses none of the workloads that were seen.
    fn advice(&self, version: KubernetesVersion) -> String {
        let set = |level: PodSecurityLevel| {
            format!(
                "{PREFIX}enforce: {} and {PREFIX}enforce-version: {version}",
                level.name()
            )
        };
        let all: usize = self.workloads.values().map(|(count, _)| count).sum();
        let seen = match all {
            0 => {
                return format!(
                    "set the labels {}; try them as {PREFIX}warn first, no workload of this \
                     namespace was seen",
                    set(PodSecurityLevel::Restricted)
                );
            }
            1 => "the one workload seen here meets it".to_owned(),
            all => format!("all {all} workloads seen here meet it"),
        };
        match self.workloads.first_key_value() {
            Some((PodSecurityLevel::Privileged, (count, names))) => {
                let more = if *count > names.len() { ", …" } else { "" };
                format!(
                    "{count} of {all} workloads seen here would be refused by baseline ({}{more}): \
                     change or move them, then set the labels {}",
                    names.join(", "),
                    set(PodSecurityLevel::Baseline)
                )
            }
            Some((level, _)) => format!("set the labels {}: {seen}", set(*level)),
            None => String::new(),
        }
    }

    fn bad_label(&self, problem: &Problem) -> Finding {
        let Problem { label, kind } = problem;
        let name = self.name();
        let key = format!("{PREFIX}{}", label.name);
        let value = &label.value;
        let levels = ["privileged", "baseline", "restricted"];
        let (severity, message, remediation) = match kind {
            ProblemKind::Level(mode) => {
                let effect = match mode {
                    Mode::Enforce => "counts as restricted",
                    Mode::Audit | Mode::Warn => "switches it off",
                };
                let severity = match mode {
                    Mode::Enforce => Severity::Medium,
                    Mode::Audit | Mode::Warn => Severity::Low,
                };
                (
                    severity,
                    format!(
                        "\"{value}\" is no Pod Security level: the API server refuses to create \
                         namespace {name} with it; in one that is there it {effect}"
                    ),
                    match nearest(value, &levels) {
                        Some(level) => format!("write {key}: {level}"),
                        None => format!("write {key}: {}", levels.join(", or ")),
                    },
                )
            }
            ProblemKind::Version(_) => (
                Severity::Low,
                format!(
                    "\"{value}\" is no Pod Security version: the API server refuses to create \
                     namespace {name} with it; in one that is there it counts as latest"
                ),
                format!("write {key}: v1.N, such as v1.37, or latest"),
            ),
            ProblemKind::Key => {
                let keys = Mode::ALL
                    .map(|mode| [mode.name(), mode.version_name()])
                    .concat();
                (
                    Severity::Medium,
                    format!("nobody reads the label {key}: it has no effect on namespace {name}"),
                    match nearest(&label.name, &keys) {
                        Some(meant) => format!("write {PREFIX}{meant}: {value}"),
                        None => format!("use one of {}", keys.join(", ")),
                    },
                )
            }
            ProblemKind::Annotation => (
                Severity::Medium,
                format!(
                    "{key} is an annotation here: it has no effect on namespace {name}, only the \
                     label of this name has"
                ),
                format!("move {key}: {value} to metadata.labels"),
            ),
        };
        self.finding(BAD_LABEL, severity, label.locus(), message, remediation)
    }

    fn unknown_version(&self, cluster: KubernetesVersion) -> Option<Finding> {
        let mut newer = Mode::ALL.into_iter().filter_map(|mode| {
            let label = self.labels.version_label(mode)?;
            match PolicyVersion::parse(&label.value)? {
                PolicyVersion::Pinned(version) if version > cluster => Some((mode, label)),
                _ => None,
            }
        });
        let (mode, label) = newer.next()?;
        // One version for all modes is one decision.
        let locus = Locus {
            path: "metadata/labels".to_owned(),
            ..label.locus()
        };
        let mut finding = self.finding(
            UNKNOWN_VERSION,
            Severity::Info,
            locus,
            format!(
                "namespace {} asks for {} {}, a cluster of version {cluster} judges by {cluster}",
                self.name(),
                mode.version_name(),
                label.value
            ),
            format!(
                "set {PREFIX}{}: {cluster}, or upgrade the cluster first",
                mode.version_name()
            ),
        );
        for (mode, label) in newer {
            let note = format!("{} {} is newer, too", mode.version_name(), label.value);
            finding = finding.with_evidence(note, Proof::Source(label.span));
        }
        Some(finding)
    }

    /// Counts a workload of this namespace.
    pub(crate) fn count(&mut self, level: PodSecurityLevel, workload: &ResourceRef) {
        let (count, names) = self.workloads.entry(level).or_default();
        *count += 1;
        if names.len() < workloads::NAMED {
            names.push(format!("{} {}", workload.kind, workload.name));
        }
    }
}

/// Namespaces of the cluster itself, whose pods need the node.
fn is_system(name: &str) -> bool {
    matches!(name, "kube-system" | "kube-public" | "kube-node-lease")
        || name.starts_with("openshift-")
}

/// The word that was probably meant: the same but for case and spaces, or at most two letters
/// away.
fn nearest<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    if word.len() > 64 {
        return None;
    }
    let word = word.trim().to_lowercase();
    words
        .iter()
        .map(|candidate| (distance(&word, candidate), *candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, a) in from.chars().enumerate() {
        let mut next = vec![line + 1];
        for ((b, above), diagonal) in to.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or(0);
            let change = diagonal + usize::from(a != *b);
            next.push(change.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_are_understood_and_guesses_not_made() {
        let levels = ["privileged", "baseline", "restricted"];
        for (word, want) in [
            ("Baseline", Some("baseline")),
            ("base-line", Some("baseline")),
            ("restrictive", None),
            ("restrict", Some("restricted")),
            ("privilegd ", Some("privileged")),
            ("", None),
            ("strict", None),
        ] {
            assert_eq!(nearest(word, &levels), want, "{word}");
        }
    }
}
