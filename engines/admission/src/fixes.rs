//! What repairs the findings of this engine that a change of labels repairs.

use crate::namespace::PREFIX;
use crate::{NOT_ENFORCED, pod_security};
use seawall_model::fact::PodSecurityLevel;
use seawall_model::fix::below;
use seawall_model::{
    Asset, Data, Finding, KubernetesVersion, Mend, Operation, Repair, Repairable, RuleId,
};
use seawall_snapshot::Snapshot;

/// What can be done about a finding of this engine.
pub fn mend(finding: &Finding, snapshot: &Snapshot, version: KubernetesVersion) -> Repair {
    enforced(finding, snapshot, version)
        .unwrap_or_else(|| Repair::ByHand(finding.remediation.to_string()))
}

/// How the findings of a rule are repaired, as a rule.
pub fn repairable(rule: &RuleId) -> Repairable {
    if *rule == NOT_ENFORCED {
        Repairable::WithCaution
    } else {
        Repairable::ByHand
    }
}

/// N01: the strictest level that every workload of the namespace meets as it is, in a version, so
/// that an upgrade of the cluster refuses nothing by itself. `warn` and `audit` are left alone:
/// the API server warns of what `enforce` refuses also where `warn` is not set, its refusals are
/// in the audit log, and a stricter level there would be a finding of its own (A02) about every
/// workload, which nobody asked for.
fn enforced(finding: &Finding, snapshot: &Snapshot, version: KubernetesVersion) -> Option<Repair> {
    let Asset::Resource(namespace) = &finding.asset else {
        return None;
    };
    if finding.rule != NOT_ENFORCED || finding.message.contains("is exempt") {
        return None;
    }
    let templates = snapshot
        .workloads()
        .iter()
        .filter(|workload| workload.owner.namespace.as_deref() == Some(&*namespace.name))
        .flat_map(|workload| &workload.members)
        .filter_map(|id| snapshot.get(*id))
        .flat_map(seawall_snapshot::Object::templates);
    let levels = templates.map(|template| pod_security::strictest(template, version));
    // What nobody has seen may need more than restricted grants.
    let level = levels.min().unwrap_or(PodSecurityLevel::Baseline);
    if level == PodSecurityLevel::Privileged || finding.remediation.starts_with("nothing") {
        return None;
    }
    let label = |name: &str, value: String| {
        let pointer = below("/metadata/labels", &format!("{PREFIX}{name}"));
        Operation::set(pointer, Data::text(value))
    };
    Some(Repair::Mechanical(Mend {
        operations: vec![
            label("enforce", level.name().to_owned()),
            label("enforce-version", version.to_string()),
        ],
        caution: Some(format!(
            "pods below {} are refused, also those of workloads that are not in what was read: \
             check with `kubectl label --dry-run=server` first, and that the cluster is {version} \
             or newer",
            level.name()
        )),
    }))
}
