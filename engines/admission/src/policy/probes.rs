//! What the policies of the picture say about pods that nobody has written: those that an
//! attacker might create.

use super::check::{Job, environment, jobs, steps};
use super::constraint::{Constraint, Matched};
use super::params::Param;
use super::policies::Policies;
use super::target::Target;
use crate::cel::FaultKind;
use rayon::prelude::*;
use seawall_model::Outcome;
use seawall_model::access::Authorizer;
use seawall_snapshot::{Object, Snapshot};
use seawall_yaml::Node;
use std::collections::BTreeSet;

/// What the policies say about a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Voice {
    /// All of them let it in.
    Admits,
    /// None is known to refuse it for what it is, and for one of them that is all that can
    /// be said.
    Unknown,
    /// One refuses it.
    Refuses,
}

/// What a policy refuses about one pod.
#[derive(Default)]
struct Refusal {
    /// The demands that are not met: their index; `None` for a condition.
    demands: BTreeSet<Option<usize>>,
    /// Whether there may be more.
    is_partial: bool,
}

/// Asks the policies in force about groups of pods, each group for one namespace. The first
/// pod of a group has nothing dangerous: what is demanded of it, too (labels, a registry), is
/// no answer to whether the others are refused for their danger.
pub(crate) fn voices(
    snapshot: &Snapshot,
    groups: &[Vec<Object>],
    authorizer: Option<&dyn Authorizer>,
) -> Vec<Vec<Voice>> {
    let mut voices: Vec<Vec<Voice>> = groups
        .iter()
        .map(|group| vec![Voice::Admits; group.len()])
        .collect();
    // What is wrong with a policy is told where workloads are judged.
    let none = Policies::default();
    let found = environment(snapshot, &none, &mut Outcome::default());
    let jobs = jobs(&none, &found, &mut Outcome::default());
    if jobs.is_empty() {
        return voices;
    }
    let policies: Vec<_> = jobs.iter().map(|job| job.policy).collect();
    let params = Param::in_picture(snapshot, &policies);
    let params: Vec<&Param> = params.iter().collect();
    let groups: Vec<Vec<Target<'_>>> = groups
        .iter()
        .map(|group| {
            let targets = group.iter().map(|pod| Target::pod(pod, snapshot));
            targets.collect::<Option<_>>().unwrap_or_default()
        })
        .collect();
    let steps = steps(jobs.len(), groups.iter().map(Vec::len).sum());
    let said: Vec<Vec<Vec<Voice>>> = jobs
        .par_iter()
        .map(|job| said(job, &groups, &params, authorizer, steps))
        .collect();
    for said in said {
        for (all, one) in voices.iter_mut().zip(said) {
            for (all, one) in all.iter_mut().zip(one) {
                *all = (*all).max(one);
            }
        }
    }
    voices
}

/// What one policy says about all pods.
fn said(
    job: &Job<'_>,
    groups: &[Vec<Target<'_>>],
    params: &[&Param],
    authorizer: Option<&dyn Authorizer>,
    mut steps: u64,
) -> Vec<Vec<Voice>> {
    let params = job.params(params);
    let of_group = |group: &Vec<Target<'_>>| {
        let mut careful = None;
        let voices = group.iter().map(|pod| {
            let refusal = refusal(job, pod, &params, authorizer, &mut steps);
            let careful = careful.get_or_insert_with(|| refusal.demands.clone());
            if !refusal.demands.is_subset(careful) {
                Voice::Refuses
            } else if refusal.is_partial || !refusal.demands.is_empty() {
                Voice::Unknown
            } else {
                Voice::Admits
            }
        });
        voices.collect()
    };
    groups.iter().map(of_group).collect()
}

fn refusal(
    job: &Job<'_>,
    pod: &Target<'_>,
    params: &[Vec<&Param>],
    authorizer: Option<&dyn Authorizer>,
    steps: &mut u64,
) -> Refusal {
    let mut refusal = Refusal::default();
    let subject = pod.subject();
    if !job.sees(pod) || job.policy.constraint.matches(&subject) != Matched::Yes {
        return refusal;
    }
    let bindings = job.bindings.iter().zip(params).filter(|(binding, _)| {
        let constraint = binding.constraint.as_ref();
        constraint.is_none_or(|constraint| constraint.matches(&subject) == Matched::Yes)
    });
    for (binding, params) in bindings {
        for judgement in job.judge(binding, pod, params, authorizer, steps) {
            let violated = judgement.violations.iter().map(|(index, _)| Some(*index));
            refusal.demands.extend(violated);
            for failure in judgement.failures {
                match failure.kind {
                    FaultKind::Error if job.policy.fails_closed => {
                        refusal.demands.insert(failure.validation);
                    }
                    FaultKind::Error => {}
                    FaultKind::Cost | FaultKind::Unanswerable => {
                        refusal.is_partial = true;
                    }
                }
            }
        }
    }
    refusal
}

/// For each of these pods, whether a validating webhook is asked about it: what it would
/// refuse is not known.
pub(crate) fn webhooks_on_pods(snapshot: &Snapshot, pods: &[&Object]) -> Vec<bool> {
    const KIND: &str = "ValidatingWebhookConfiguration";
    let targets: Vec<Option<Target<'_>>> =
        pods.iter().map(|pod| Target::pod(pod, snapshot)).collect();
    let mut asked = vec![false; pods.len()];
    for (_, object) in snapshot.of_kind(super::definition::GROUP, KIND) {
        let webhooks = object.tree().and_then(|tree| tree.get("webhooks"));
        for webhook in webhooks.and_then(Node::as_seq).unwrap_or_default() {
            let Ok(constraint) = Constraint::of_webhook(webhook) else {
                continue; // the API server would refuse it
            };
            for (target, asked) in targets.iter().zip(&mut asked) {
                let Some(target) = target else { continue };
                *asked |= constraint.is_about_something()
                    && constraint.matches(&target.subject()) != Matched::No;
            }
        }
    }
    asked
}
