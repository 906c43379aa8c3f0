//! The workloads of a picture against their namespaces' labels.

use crate::catalogue::{REFUSED, WARNED};
use crate::cluster::Cluster;
use crate::namespace::{LevelVersion, Mode};
use crate::namespaces::{Judged, Namespaces};
use crate::pod_security::{Violation, evaluate, strictest};
use seawall_model::fact::PodSecurityLevel;
use seawall_model::{
    Asset, CauseId, Fact, Finding, KubernetesVersion, Locus, Outcome, Proof, RuleId, Severity, Span,
};
use seawall_snapshot::{Object, PodTemplate, Snapshot, Workload};

/// How many workloads a text names before it says "…".
pub(crate) const NAMED: usize = 3;

pub(crate) fn check(
    snapshot: &Snapshot,
    version: KubernetesVersion,
    cluster: &Cluster,
    namespaces: &mut Namespaces<'_>,
    is_judged: bool,
    outcome: &mut Outcome,
) {
    for workload in snapshot.workloads() {
        let pods = deciding(snapshot, workload);
        let Some((object, _)) = pods.first() else {
            continue;
        };
        let maker = Maker::of(object);
        let level = pods
            .iter()
            .map(|(_, template)| strictest(template, version))
            .min()
            .unwrap_or(PodSecurityLevel::Privileged);
        // What an operator makes of the template in its custom resource is its own business:
        // it adds what is unset, but hardly takes away what is set.
        let is_known = maker != Maker::Operator || level == PodSecurityLevel::Privileged;
        if is_known {
            outcome.facts.push(Fact::Meets {
                workload: workload.owner.clone(),
                level,
            });
        }
        // Without a namespace it goes where `kubectl -n` says.
        let Some(namespace) = &workload.owner.namespace else {
            continue;
        };
        let Some(judged) = namespaces.get(workload.scope, namespace) else {
            continue;
        };
        if is_known && maker != Maker::Nobody {
            judged.count(level, &workload.owner);
        }
        let is_exempt = cluster.exempts(namespace);
        if !is_judged || is_exempt {
            continue;
        }
        let judge = Judge {
            workload,
            judged,
            cluster,
            maker,
            version,
        };
        judge.run(&pods, outcome);
    }
}

/// The templates that decide what new pods look like: those of the top owner, or of the
/// highest object that was seen. (An owned ReplicaSet or Pod only shows what it was.)
fn deciding<'s>(
    snapshot: &'s Snapshot,
    workload: &'s Workload,
) -> Vec<(&'s Object, &'s PodTemplate)> {
    let highest = workload.members.first().and_then(|id| snapshot.get(*id));
    snapshot
        .templates(workload)
        .filter(|(object, _)| highest.is_some_and(|highest| highest.reference == object.reference))
        // An object without a pod spec is refused for another reason.
        .filter(|(_, template)| !template.containers.is_empty())
        .collect()
}

/// Who makes pods of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Maker {
    /// It is a pod.
    Itself,
    /// A controller of Kubernetes, exactly as written.
    Controller,
    /// An operator, from a custom resource.
    Operator,
    /// Nobody: a PodTemplate lies there for others.
    Nobody,
}

impl Maker {
    fn of(object: &Object) -> Self {
        match (&*object.reference.group, &*object.reference.kind) {
            ("", "Pod") => Maker::Itself,
            ("", "PodTemplate") => Maker::Nobody,
            ("" | "apps" | "batch" | "extensions", _) => Maker::Controller,
            _ => Maker::Operator,
        }
    }
}

struct Judge<'a, 's> {
    workload: &'a Workload,
    judged: &'a Judged<'s>,
    cluster: &'a Cluster,
    maker: Maker,
    version: KubernetesVersion,
}

impl Judge<'_, '_> {
    fn run(&self, pods: &[(&Object, &PodTemplate)], outcome: &mut Outcome) {
        let pods: Vec<&PodTemplate> = pods
            .iter()
            .map(|(_, template)| *template)
            .filter(|template| !self.is_exempt(template))
            .collect();
        if pods.is_empty() {
            return;
        }
        let labels = &self.judged.labels;
        let is_enforced = labels.level_label(Mode::Enforce).is_some()
            || self.cluster.source.is_some() && labels.policy.enforce.level != NOTHING;
        if is_enforced && self.maker != Maker::Nobody {
            outcome.assess(&REFUSED);
            if let Some(finding) = self.refused(&pods) {
                outcome.findings.push(finding);
                return; // a warning besides would say the same again
            }
        }
        let is_told = |mode: Mode| labels.policy.mode(mode).level != NOTHING;
        if (is_told(Mode::Warn) || is_told(Mode::Audit)) && self.maker != Maker::Operator {
            outcome.assess(&WARNED);
            outcome.findings.extend(self.warned(&pods));
        }
    }

    fn is_exempt(&self, template: &PodTemplate) -> bool {
        template
            .runtime_class_name
            .as_ref()
            .is_some_and(|class| self.cluster.exempt_runtime_classes.contains(&class.value))
    }

    /// What a level refuses about the pods, as far as the template decides it.
    fn violations(&self, pods: &[&PodTemplate], of: LevelVersion) -> Vec<Violation> {
        let level = match self.maker {
            Maker::Operator => of.level.min(PodSecurityLevel::Baseline),
            _ => of.level,
        };
        let version = of.version.at(self.version);
        pods.iter()
            .flat_map(|template| evaluate(template, level, version))
            .collect()
    }

    fn refused(&self, pods: &[&PodTemplate]) -> Option<Finding> {
        let enforce = self.judged.labels.policy.enforce;
        let violations = self.violations(pods, enforce);
        let namespace = &self.judged.object.reference.name;
        let what = match self.maker {
            Maker::Itself => "the pod is".to_owned(),
            Maker::Operator => "pods made from this template are".to_owned(),
            _ => format!(
                "the {} is accepted, but its pods are",
                self.workload.owner.kind
            ),
        };
        let message = format!(
            "{what} refused: namespace {namespace} enforces {enforce} ({})",
            named(&violations)
        );
        let remediation = format!(
            "{}. Or move it to a namespace of its own that enforces less, and leave the label of \
             {namespace} as it is",
            demands(&violations)
        );
        let severity = Severity::Medium;
        let finding = self.finding(REFUSED, severity, pods, &violations, message, remediation)?;
        Some(self.with_proofs(finding, &[Mode::Enforce], &violations))
    }

    fn warned(&self, pods: &[&PodTemplate]) -> Option<Finding> {
        let policy = &self.judged.labels.policy;
        // The stricter of the two says all that the other says.
        let (first, second) = if policy.audit.level > policy.warn.level {
            (Mode::Audit, Mode::Warn)
        } else {
            (Mode::Warn, Mode::Audit)
        };
        let of_first = self.violations(pods, policy.mode(first));
        let of_second = self.violations(pods, policy.mode(second));
        let (modes, violations): (&[Mode], _) = match (of_first.is_empty(), of_second.is_empty()) {
            (true, true) => return None,
            (false, true) => (&[first], of_first),
            (true, false) => (&[second], of_second),
            (false, false) => (&[first, second], of_first),
        };
        let level = policy.mode(*modes.first()?);
        let verbs: Vec<&str> = modes
            .iter()
            .map(|mode| {
                if *mode == Mode::Warn {
                    "warns about"
                } else {
                    "audits"
                }
            })
            .collect();
        let message = format!(
            "namespace {} only {} what {level} refuses: {}",
            self.judged.object.reference.name,
            verbs.join(" and "),
            named(&violations)
        );
        let below_baseline = !self
            .violations(
                pods,
                LevelVersion {
                    level: PodSecurityLevel::Baseline,
                    ..level
                },
            )
            .is_empty();
        let severity = if below_baseline {
            Severity::Low
        } else {
            Severity::Info
        };
        let remediation = demands(&violations);
        let finding = self.finding(WARNED, severity, pods, &violations, message, remediation)?;
        Some(self.with_proofs(finding, modes, &violations))
    }

    /// A finding at the pod as a whole: which of its fields are wrong may change, the finding
    /// stays the same. `None` when nothing is wrong.
    fn finding(
        &self,
        rule: RuleId,
        severity: Severity,
        pods: &[&PodTemplate],
        violations: &[Violation],
        message: String,
        remediation: String,
    ) -> Option<Finding> {
        let span = violations.first()?.locus.span;
        let is_one_cause = violations.iter().all(|v| v.locus.span.cause == span.cause);
        let template = pods.iter().find(|template| template.span.is_some())?;
        let locus = Locus {
            pointer: template.spec_pointer(),
            path: "pod".to_owned(),
            // A values key decided only where it is behind every wrong field.
            span: if is_one_cause {
                span
            } else {
                Span {
                    cause: CauseId::NONE,
                    ..span
                }
            },
        };
        let asset = Asset::Resource(self.workload.owner.clone());
        Some(Finding::new(
            rule,
            severity,
            asset,
            locus,
            message,
            remediation,
        ))
    }

    /// Adds the labels that decide and every place that they refuse.
    fn with_proofs(&self, finding: Finding, modes: &[Mode], violations: &[Violation]) -> Finding {
        let mut finding = finding;
        for mode in modes {
            let labels = &self.judged.labels;
            let label = labels.level_label(*mode).or_else(|| {
                // `warn` follows `enforce`.
                labels
                    .level_label(Mode::Enforce)
                    .filter(|_| *mode == Mode::Warn)
            });
            let level = labels.policy.mode(*mode);
            let namespace = &self.judged.object.reference.name;
            let name = mode.name();
            let (note, span) = match (label, self.cluster.source) {
                (Some(label), _) => (
                    format!("namespace {namespace}: {name} is {level}"),
                    label.span,
                ),
                (None, Some(span)) => (format!("the cluster's default: {name} is {level}"), span),
                (None, None) => continue,
            };
            finding = finding.with_evidence(note, Proof::Source(span));
        }
        for Violation {
            check,
            locus,
            message,
        } in violations
        {
            finding =
                finding.with_evidence(format!("{check}: {message}"), Proof::Source(locus.span));
        }
        finding
    }
}

const NOTHING: PodSecurityLevel = PodSecurityLevel::Privileged;

/// The checks, each once, in order.
fn named(violations: &[Violation]) -> String {
    let mut checks: Vec<&str> = violations.iter().map(|violation| violation.check).collect();
    checks.dedup();
    checks.join(", ")
}

/// What to change, as far as one line goes.
fn demands(violations: &[Violation]) -> String {
    let mut messages: Vec<&str> = violations.iter().map(|v| &*v.message).take(NAMED).collect();
    let more = violations.len().saturating_sub(messages.len());
    let rest = format!("and {more} more, see the evidence");
    if more > 0 {
        messages.push(&rest);
    }
    format!("change the pods: {}", messages.join("; "))
}
