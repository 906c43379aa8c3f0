//! All policies over all objects.

use super::constraint::{ByKind, Matched};
use super::definition::{Binding, Policy};
use super::evaluate::{Failure, Judgement, judge};
use super::findings::Violation;
use super::params::{Given, Param, given, named};
use super::policies::Policies;
use super::resources::Resources;
use super::target::{Target, targets};
use crate::catalogue::REFUSED_BY_POLICY;
use crate::cel::{FaultKind, Program, Value};
use rayon::prelude::*;
use seawall_model::access::Authorizer;
use seawall_model::{Finding, FindingId, Gap, GapKind, Outcome, RuleId, Severity, Span, Str};
use seawall_snapshot::{ScopeId, Snapshot};
use std::collections::{BTreeMap, HashSet};

/// Steps that all policies of a run share, besides those for each object.
const SHARED_STEPS: u64 = 100_000_000;
/// Steps that every policy has at least, and for each object besides.
const LEAST_STEPS: u64 = 2_000_000;
const STEPS_PER_OBJECT: u64 = 2_000;

/// A policy with everything it takes to run it.
pub(super) struct Job<'j> {
    pub(super) policy: &'j Policy,
    pub(super) bindings: Vec<Binding>,
    rule: RuleId,
    severity: Severity,
    /// The user's own policy, or one of the environment.
    is_own: bool,
    /// Where a policy of the environment stands.
    pub(super) scope: ScopeId,
}

/// What one policy said.
#[derive(Default)]
struct Said {
    findings: Vec<Finding>,
    assessed: u64,
    gaps: BTreeMap<(u32, u32, String), Trouble>,
    known: HashSet<FindingId>,
}

/// What could not be judged, for one reason.
struct Trouble {
    span: Span,
    count: u32,
    reason: String,
    first: String,
    kind: GapKind,
}

/// Judges every object by every policy.
pub(crate) fn check(
    snapshot: &Snapshot,
    own: Option<&Policies>,
    authorizer: Option<&dyn Authorizer>,
    outcome: &mut Outcome,
) {
    let none = Policies::default();
    let own = own.unwrap_or(&none);
    let found = environment(snapshot, own, outcome);
    if own.is_empty() && found.iter().all(|(_, policies)| policies.is_empty()) {
        return;
    }
    let jobs = jobs(own, &found, outcome);
    if jobs.is_empty() && own.is_empty() {
        return;
    }
    tell_without_tree(snapshot, own, outcome);
    let resources = Resources::of(snapshot);
    let targets = targets(snapshot, &resources);
    #[cfg(feature = "rego")]
    super::gatekeeper::check(&own.constraints, &targets, outcome);
    let policies: Vec<&Policy> = jobs.iter().map(|job| job.policy).collect();
    let params = Param::in_picture(snapshot, &policies);
    let steps = steps(jobs.len(), targets.len());
    let all: Vec<&Param> = own.params.iter().chain(&params).collect();
    let said: Vec<Said> = jobs
        .par_iter()
        .map(|job| job.run(&targets, &all, authorizer, steps))
        .collect();
    for (job, said) in jobs.iter().zip(said) {
        outcome.findings.extend(said.findings);
        if said.assessed > 0 {
            *outcome.assessed.entry(job.rule.clone()).or_insert(0) += said.assessed;
        }
        for trouble in said.gaps.into_values() {
            outcome.coverage.gaps.push(trouble.gap(job));
        }
    }
}

/// The steps that each of some policies may take on some objects.
pub(super) fn steps(policies: usize, objects: usize) -> u64 {
    let share = SHARED_STEPS / u64::try_from(policies).unwrap_or(1).max(1);
    let objects = u64::try_from(objects).unwrap_or(u64::MAX);
    share
        .max(LEAST_STEPS)
        .saturating_add(STEPS_PER_OBJECT.saturating_mul(objects))
}

/// The policies of the picture, by the rendering they are in. What is wrong with one is told;
/// a policy of the same name as the user's is the user's.
pub(super) fn environment(
    snapshot: &Snapshot,
    own: &Policies,
    outcome: &mut Outcome,
) -> Vec<(ScopeId, Policies)> {
    let mut trees: BTreeMap<ScopeId, Vec<seawall_yaml::Node>> = BTreeMap::new();
    for kind in [
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ] {
        for (_, object) in snapshot.of_kind(super::definition::GROUP, kind) {
            let is_own = own
                .all
                .iter()
                .any(|policy| policy.name == object.reference.name);
            if let Some(tree) = object.tree()
                && !(is_own && kind == "ValidatingAdmissionPolicy")
            {
                trees
                    .entry(object.scope)
                    .or_default()
                    .push((**tree).clone());
            }
        }
    }
    let mut found = Vec::new();
    for (scope, trees) in trees {
        let (policies, problems) = Policies::read(&trees);
        for problem in problems {
            outcome.coverage.gaps.push(Gap {
                kind: GapKind::Invalid,
                subject: problem.subject,
                span: problem.span,
                reason: format!("{}: the API server would refuse it", problem.message),
                hint: String::new(),
                units: 0,
            });
        }
        found.push((scope, policies));
    }
    found
}

pub(super) fn jobs<'j>(
    own: &'j Policies,
    found: &'j [(ScopeId, Policies)],
    outcome: &mut Outcome,
) -> Vec<Job<'j>> {
    let mut jobs = Vec::new();
    let mut unbound: Vec<&str> = Vec::new();
    for (policy, rule) in own.all.iter().zip(own.rules()) {
        let mut bindings: Vec<Binding> = own
            .bindings
            .iter()
            .filter(|binding| binding.policy == policy.name)
            .cloned()
            .collect();
        if bindings.is_empty() {
            if policy.param_kind.is_some() {
                outcome.coverage.gaps.push(Gap {
                    kind: GapKind::Unsupported,
                    subject: format!("policy {}", policy.name).into(),
                    span: policy.span,
                    reason: "it takes parameters and no binding names them, so it was not applied"
                        .to_owned(),
                    hint: "put a ValidatingAdmissionPolicyBinding with spec.paramRef beside it"
                        .to_owned(),
                    units: 1,
                });
                continue;
            }
            unbound.push(&policy.name);
            bindings.push(Binding::to_everything(policy));
        }
        jobs.push(Job {
            policy,
            bindings,
            rule: policy.rule.clone(),
            severity: rule.severity,
            is_own: true,
            scope: ScopeId::PLAIN,
        });
    }
    tell_unbound(own, &unbound, outcome);
    for (scope, policies) in found {
        for policy in &policies.all {
            let near = found
                .iter()
                .filter(|(other, _)| other == scope || *other == ScopeId::PLAIN);
            let bindings: Vec<Binding> = near
                .flat_map(|(_, policies)| &policies.bindings)
                .filter(|binding| binding.policy == policy.name && binding.deny)
                .cloned()
                .collect();
            if bindings.is_empty() {
                continue; // it refuses nothing
            }
            jobs.push(Job {
                policy,
                bindings,
                rule: REFUSED_BY_POLICY,
                severity: Severity::Medium,
                is_own: false,
                scope: *scope,
            });
        }
    }
    jobs
}

/// Says which objects policies cannot be asked about, because their source kept facts only.
fn tell_without_tree(snapshot: &Snapshot, own: &Policies, outcome: &mut Outcome) {
    let count = snapshot
        .objects()
        .filter(|(_, object)| object.tree().is_none())
        .count();
    if count > 0 && !own.is_empty() {
        outcome.coverage.gaps.push(Gap {
            kind: GapKind::Unsupported,
            subject: "policies".into(),
            span: Span::NONE,
            reason: format!(
                "{count} objects were not judged by the policies: only facts about them are known"
            ),
            hint: "dump them to files and scan those".to_owned(),
            units: u32::try_from(count).unwrap_or(u32::MAX),
        });
    }
}

/// Says once how policies without a binding are applied, and that bindings lack a policy.
fn tell_unbound(own: &Policies, unbound: &[&str], outcome: &mut Outcome) {
    let mut tell = |subject: Str, span: Span, reason: String, hint: &str| {
        outcome.coverage.gaps.push(Gap {
            kind: GapKind::Unsupported,
            subject,
            span,
            reason,
            hint: hint.to_owned(),
            units: 0,
        });
    };
    if let Some(first) = unbound.first() {
        let span = own
            .all
            .iter()
            .find(|policy| &*policy.name == *first)
            .map_or(Span::NONE, |policy| policy.span);
        let more = match unbound.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        tell(
            "policies".into(),
            span,
            format!(
                "{first}{more} has no binding: here it applies to everything its constraints \
                 match, in a cluster to nothing"
            ),
            "put a ValidatingAdmissionPolicyBinding beside it",
        );
    }
    for binding in &own.bindings {
        if !own.all.iter().any(|p| p.name == binding.policy) {
            tell(
                format!("binding {}", binding.name).into(),
                binding.span,
                format!(
                    "there is no policy {} among the policies given",
                    binding.policy
                ),
                "check spec.policyName",
            );
        }
    }
    for policy in &own.all {
        let programs = policy
            .validations
            .iter()
            .map(|validation| &validation.expression.program)
            .chain(&policy.variables);
        let foreign: Option<Str> = programs.flat_map(Program::foreign).next().cloned();
        if let Some(function) = foreign {
            tell(
                format!("policy {}", policy.name).into(),
                policy.span,
                format!(
                    "{function} is not known to API servers: a cluster would refuse the policy"
                ),
                "write it without",
            );
        }
    }
}

impl Job<'_> {
    fn run(
        &self,
        targets: &[Target<'_>],
        params: &[&Param],
        authorizer: Option<&dyn Authorizer>,
        mut steps: u64,
    ) -> Said {
        let mut said = Said::default();
        let params = self.params(params);
        let mut by_kind = ByKind::default();
        // The object that the policy meant last: its pods are not judged again.
        let mut meant: Option<*const seawall_snapshot::Object> = None;
        for target in targets {
            if !self.sees(target) {
                continue;
            }
            let identity: *const seawall_snapshot::Object = target.object;
            if !target.pointer.is_empty() && meant == Some(identity) {
                continue;
            }
            let subject = target.subject();
            let constraint = &self.policy.constraint;
            if !by_kind.rules_match(constraint, target.kind_number, &subject) {
                continue;
            }
            match constraint.selects(&subject) {
                Matched::No => continue,
                Matched::NamespaceUnknown => {
                    said.namespace_unknown(self.policy, target);
                    continue;
                }
                Matched::Yes => {}
            }
            meant = Some(identity);
            let mut is_assessed = false;
            for (binding, params) in self.bindings.iter().zip(&params) {
                match binding.constraint.as_ref().map(|c| c.matches(&subject)) {
                    None | Some(Matched::Yes) => {}
                    Some(Matched::No) => continue,
                    Some(Matched::NamespaceUnknown) => {
                        said.namespace_unknown(self.policy, target);
                        continue;
                    }
                }
                let judgements = self.judge(binding, target, params, authorizer, &mut steps);
                for judgement in judgements {
                    is_assessed |= judgement.is_meant;
                    if self.take(&mut said, binding, target, judgement) {
                        said.assessed += u64::from(is_assessed);
                        return said;
                    }
                }
            }
            said.assessed += u64::from(is_assessed);
        }
        said
    }

    /// The objects that each binding may hand to the policy.
    pub(super) fn params<'p>(&self, params: &[&'p Param]) -> Vec<Vec<&'p Param>> {
        self.bindings
            .iter()
            .map(|binding| named(self.policy, binding, params))
            .collect()
    }

    /// Whether a policy of the environment is there where the object is.
    pub(super) fn sees(&self, target: &Target<'_>) -> bool {
        self.is_own || self.scope == ScopeId::PLAIN || target.object.scope == self.scope
    }

    pub(super) fn judge(
        &self,
        binding: &Binding,
        target: &Target<'_>,
        params: &[&Param],
        authorizer: Option<&dyn Authorizer>,
        steps: &mut u64,
    ) -> Vec<Judgement> {
        let once = |roots: &[Value], steps: &mut u64| {
            let judgement = judge(self.policy, roots, authorizer, target.is_secret(), *steps);
            *steps = steps.saturating_sub(judgement.steps + 1);
            judgement
        };
        match given(self.policy, binding, target, params) {
            Given::Nothing => vec![once(target.roots(), steps)],
            Given::Each(values) => values
                .into_iter()
                .map(|value| {
                    let mut roots = target.roots().clone();
                    let [.., params, _, _] = &mut roots;
                    *params = value.clone();
                    once(&roots, steps)
                })
                .collect(),
            Given::Skip => Vec::new(),
            Given::Missing => {
                let message = format!(
                    "the binding {} names parameters that are not there",
                    binding.name
                );
                vec![Judgement {
                    is_meant: true,
                    failures: vec![Failure {
                        kind: FaultKind::Unanswerable,
                        validation: None,
                        span: binding.span,
                        message,
                    }],
                    ..Judgement::default()
                }]
            }
        }
    }

    /// Takes over a judgement; true when the policy has to stop here.
    fn take(
        &self,
        said: &mut Said,
        binding: &Binding,
        target: &Target<'_>,
        judgement: Judgement,
    ) -> bool {
        let mut stop = false;
        for (index, message) in judgement.violations {
            let violation = Violation {
                policy: self.policy,
                binding,
                target,
                validation: Some(index),
                message,
                failed_at: None,
            };
            said.add(violation.finding(self.rule.clone(), self.severity, self.is_own));
        }
        for failure in judgement.failures {
            stop |= failure.kind == FaultKind::Cost;
            // An error refuses the object as a violation does. About policies of the
            // environment nothing is said then: the object may have what is missing here.
            if failure.kind == FaultKind::Error && self.policy.fails_closed {
                if !self.is_own {
                    continue;
                }
                let violation = Violation {
                    policy: self.policy,
                    binding,
                    target,
                    validation: failure.validation,
                    message: format!(
                        "the policy refuses what its expression fails on: {}",
                        failure.message
                    ),
                    failed_at: Some(failure.span),
                };
                said.add(violation.finding(self.rule.clone(), self.severity, self.is_own));
            } else {
                said.failed(failure, target);
            }
        }
        stop
    }
}

impl Said {
    fn add(&mut self, finding: Finding) {
        // Two bindings, or two pods of one workload, say the same.
        if !self.known.insert(finding.id) {
            return;
        }
        // Two demands on one place are one finding: reports show a place once.
        if let Some(last) = self.findings.last_mut()
            && last.asset == finding.asset
            && last.locus.span == finding.locus.span
        {
            last.message = format!("{}; {}", last.message, finding.message).into();
            last.evidence.extend(finding.evidence.into_iter().skip(1));
            return;
        }
        self.findings.push(finding);
    }

    fn trouble(&mut self, kind: GapKind, span: Span, reason: String, target: &Target<'_>) {
        let key = (span.line, span.column, reason.clone());
        let trouble = self.gaps.entry(key).or_insert_with(|| Trouble {
            span,
            count: 0,
            reason,
            first: target.asset.to_string(),
            kind,
        });
        trouble.count += 1;
    }

    fn failed(&mut self, failure: Failure, target: &Target<'_>) {
        let kind = match failure.kind {
            FaultKind::Error => GapKind::Invalid,
            FaultKind::Cost | FaultKind::Unanswerable => GapKind::Unsupported,
        };
        let reason = if failure.kind == FaultKind::Cost {
            format!(
                "{}; the objects from there on were not judged by it",
                failure.message
            )
        } else {
            failure.message
        };
        self.trouble(kind, failure.span, reason, target);
    }

    fn namespace_unknown(&mut self, policy: &Policy, target: &Target<'_>) {
        let reason = format!(
            "it depends on labels of the namespace {}, which is not in the picture",
            target.namespace()
        );
        self.trouble(GapKind::Unsupported, policy.span, reason, target);
    }
}

impl Trouble {
    fn gap(self, job: &Job<'_>) -> Gap {
        let about = match self.count {
            1 => self.first,
            count => format!("{} and {} more", self.first, count - 1),
        };
        Gap {
            kind: self.kind,
            subject: format!("policy {}", job.policy.name).into(),
            span: self.span,
            reason: format!("{} (at {about})", self.reason),
            hint: String::new(),
            units: if job.is_own { self.count } else { 0 },
        }
    }
}
