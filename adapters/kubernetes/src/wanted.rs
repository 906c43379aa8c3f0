//! What is read of all that a server serves, and which checks read it.

use crate::discovery::Resource;

/// A resource of Kubernetes or of a policy engine, with the rules that read it: ids, or the
/// beginning of ids.
struct Known {
    group: &'static str,
    plural: &'static str,
    rules: &'static [&'static str],
}

const fn known(group: &'static str, plural: &'static str, rules: &'static [&'static str]) -> Known {
    Known {
        group,
        plural,
        rules,
    }
}

/// Rules about pods, and rules that need to know which pods there are.
const PODS: &[&str] = &[
    "A", "K", "W", "N07", "N12", "N13", "N18", "NP", "CIL", "CMP", "GWA", "ENV", "IST", "LNK",
    "CSL", "KUM", "MC",
];
/// Rules about who reaches whom.
const NETWORK: &[&str] = &[
    "N07", "N12", "NP", "CIL", "CMP", "GWA", "ENV", "IST", "LNK", "CSL", "KUM", "MC",
];
/// Webhooks: of policies, and those that put proxies into pods.
const MUTATION: &[&str] = &[
    "N02", "N03", "N04", "N05", "W47", "IST", "LNK", "CSL", "KUM",
];
const ADMISSION: &[&str] = &["N02", "N03", "N04", "N05", "W47"];
const RBAC: &str = "rbac.authorization.k8s.io";
const REGISTRATION: &str = "admissionregistration.k8s.io";

/// Rules that look at names and labels of Secrets.
const SECRET_NAMES: [&str; 2] = ["IST-TLS-19", "IST-TLS-21"];

/// What is read of Kubernetes itself and of policy engines. `*` stands for every resource of a group.
const KNOWN: [Known; 53] = [
    known(
        "",
        "namespaces",
        &[
            "A", "N01", "N07", "N13", "W44", "NP", "CIL", "CMP", "GWA", "ENV", "IST", "LNK", "CSL",
            "KUM", "MC",
        ],
    ),
    known("", "pods", PODS),
    known("", "podtemplates", PODS),
    known("", "replicationcontrollers", PODS),
    known("apps", "daemonsets", PODS),
    known("apps", "deployments", PODS),
    known("apps", "replicasets", PODS),
    known("apps", "statefulsets", PODS),
    known("batch", "cronjobs", PODS),
    known("batch", "jobs", PODS),
    known(
        "",
        "configmaps",
        &[
            "K", "N11", "W32", "CIL", "GWA", "ENV", "IST", "CSL", "KUM", "LNK", "MC",
        ],
    ),
    known("", "limitranges", &["N13", "W39"]),
    known("", "resourcequotas", &["N13"]),
    known("", "serviceaccounts", &["W29", "W30", "W31", "R"]),
    known(
        "",
        "services",
        &[
            "N03", "N09", "N12", "N18", "NP", "CIL", "CMP", "GWA", "ENV", "IST", "LNK", "CSL",
            "KUM", "MC",
        ],
    ),
    known(RBAC, "clusterrolebindings", &["W29", "W30", "R"]),
    known(RBAC, "rolebindings", &["W29", "W30", "R"]),
    known(RBAC, "clusterroles", &["R"]),
    known(RBAC, "roles", &["R"]),
    known(
        "networking.k8s.io",
        "ingresses",
        &[
            "N10", "N11", "N12", "N18", "W47", "NP", "CIL", "GWA", "ENV", "IST",
        ],
    ),
    known("networking.k8s.io", "networkpolicies", NETWORK),
    known("policy.networking.k8s.io", "*", NETWORK),
    known("cilium.io", "ciliumnetworkpolicies", NETWORK),
    known("cilium.io", "ciliumclusterwidenetworkpolicies", NETWORK),
    known("cilium.io", "ciliumcidrgroups", &["CIL"]),
    known("cilium.io", "ciliumlocalredirectpolicies", &["CIL"]),
    known("cilium.io", "ciliumegressgatewaypolicies", &["CIL"]),
    known("cilium.io", "ciliumenvoyconfigs", &["ENV"]),
    known("cilium.io", "ciliumclusterwideenvoyconfigs", &["ENV"]),
    known("gateway.networking.k8s.io", "*", NETWORK),
    known("gateway.networking.x-k8s.io", "*", NETWORK),
    known("crd.projectcalico.org", "networkpolicies", &["N07"]),
    known("crd.projectcalico.org", "globalnetworkpolicies", &["N07"]),
    known("security.istio.io", "*", NETWORK),
    known(
        "networking.istio.io",
        "*",
        &["GWA", "ENV", "NP", "CIL", "IST"],
    ),
    known("policy.linkerd.io", "*", &["LNK"]),
    known("consul.hashicorp.com", "*", &["CSL"]),
    known("kuma.io", "*", &["KUM", "MC", "MC", "MC", "MC", "MC"]),
    known("autoscaling", "horizontalpodautoscalers", &["N12", "W47"]),
    known("policy", "poddisruptionbudgets", &["N12", "W47"]),
    known(REGISTRATION, "mutatingwebhookconfigurations", MUTATION),
    known(REGISTRATION, "validatingadmissionpolicies", ADMISSION),
    known(REGISTRATION, "validatingadmissionpolicybindings", ADMISSION),
    known(REGISTRATION, "validatingwebhookconfigurations", ADMISSION),
    known("kyverno.io", "*", ADMISSION),
    known("policies.kyverno.io", "*", ADMISSION),
    known("constraints.gatekeeper.sh", "*", ADMISSION),
    known("policies.kubewarden.io", "*", ADMISSION),
    // Read for the picture; no rule speaks about them alone.
    known("", "nodes", &[]),
    known("", "persistentvolumeclaims", &[]),
    known("", "persistentvolumes", &[]),
    known("apiextensions.k8s.io", "customresourcedefinitions", &[]),
    known("apiregistration.k8s.io", "apiservices", &[]),
];

/// Groups that hold reports, measurements and notes, not what a user wanted. A group whose
/// name ends in one of these is one, too.
const SKIPPED_GROUPS: [&str; 17] = [
    "aquasecurity.github.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "coordination.k8s.io",
    "custom.metrics.k8s.io",
    "events.k8s.io",
    "external.metrics.k8s.io",
    "internal.apiserver.k8s.io",
    "metrics.k8s.io",
    "openreports.io",
    "packages.operators.coreos.com",
    "reports.kyverno.io",
    "resource.k8s.io",
    "spdx.softwarecomposition.kubescape.io",
    "storagemigration.k8s.io",
    "subresources.kubevirt.io",
    "wgpolicyk8s.io",
];

/// Resources that say nothing about security, or say it again.
const SKIPPED: [(&str, &str); 15] = [
    ("", "bindings"),
    ("", "componentstatuses"),
    ("", "endpoints"),
    ("", "events"),
    ("apps", "controllerrevisions"),
    ("cilium.io", "ciliumendpoints"),
    ("cilium.io", "ciliumidentities"),
    ("cilium.io", "ciliumnodes"),
    ("crd.projectcalico.org", "blockaffinities"),
    ("crd.projectcalico.org", "ipamblocks"),
    ("crd.projectcalico.org", "ipamhandles"),
    ("projectcalico.org", "*"),
    ("storage.k8s.io", "csinodes"),
    ("storage.k8s.io", "csistoragecapacities"),
    ("storage.k8s.io", "volumeattachments"),
];

/// How a resource is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Whole objects.
    Whole,
    /// Names, labels and owners.
    Metadata,
    /// Not at all.
    Not,
}

/// How to read a resource.
pub(crate) fn how(resource: &Resource, rules: &[String], secrets: bool) -> How {
    let (group, plural) = (&*resource.group, &*resource.plural);
    let skipped = SKIPPED
        .iter()
        .any(|(g, p)| *g == group && (*p == plural || *p == "*"));
    // What older servers serve under `extensions` is in its new groups, too.
    if skipped || SKIPPED_GROUPS.contains(&group) || group == "extensions" {
        return How::Not;
    }
    if group.is_empty() && plural == "secrets" {
        let names = |rule: &String| SECRET_NAMES.contains(&rule.as_str());
        return match (secrets, rules.is_empty() || rules.iter().any(names)) {
            (true, _) => How::Whole,
            (false, true) => How::Metadata,
            (false, false) => How::Not,
        };
    }
    // With chosen rules, only what they read. Any custom resource may embed a pod template.
    let needed = rules.is_empty()
        || reads(group, plural, rules)
        || (is_custom(group)
            && PODS
                .iter()
                .any(|pods| rules.iter().any(|r| r.starts_with(pods))));
    if needed { How::Whole } else { How::Not }
}

/// Whether a resource is one that somebody added to Kubernetes.
pub(crate) fn is_custom(group: &str) -> bool {
    group.contains('.') && !group.ends_with(".k8s.io")
}

/// Whether a check would say more if it could read this resource.
pub(crate) fn is_judged(group: &str, plural: &str) -> bool {
    is_custom(group) || find(group, plural).is_some_and(|known| !known.rules.is_empty())
}

fn find(group: &str, plural: &str) -> Option<&'static Known> {
    KNOWN
        .iter()
        .find(|known| known.group == group && (known.plural == plural || known.plural == "*"))
}

fn reads(group: &str, plural: &str, rules: &[String]) -> bool {
    find(group, plural).is_some_and(|known| is_read_by(known, rules))
}

fn is_read_by(known: &Known, rules: &[String]) -> bool {
    // A demand on the network is about all that decides there.
    let is_network = |rule: &String| rule.starts_with("DEMAND") && known.rules.contains(&"NP");
    rules.iter().any(is_network)
        || rules
            .iter()
            .any(|rule| known.rules.iter().any(|prefix| rule.starts_with(prefix)))
}

/// The resources that rules read (all rules when none are given), by group.
pub(crate) fn of_rules(rules: &[String]) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for known in &KNOWN {
        if known.rules.is_empty() || !rules.is_empty() && !is_read_by(known, rules) {
            continue;
        }
        match groups.iter_mut().find(|(group, _)| *group == known.group) {
            Some((_, plurals)) => plurals.push(known.plural),
            None => groups.push((known.group, vec![known.plural])),
        }
    }
    groups.sort_unstable();
    for (_, plurals) in &mut groups {
        plurals.sort_unstable();
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(group: &str, plural: &str) -> Resource {
        Resource {
            group: group.into(),
            plural: plural.into(),
            version: "v1".into(),
            kind: "X".into(),
            namespaced: true,
        }
    }

    #[test]
    fn secrets_are_metadata_unless_asked_for() {
        let secrets = resource("", "secrets");
        assert_eq!(how(&secrets, &[], false), How::Metadata);
        assert_eq!(how(&secrets, &[], true), How::Whole);
        let rule = |id: &str| [id.to_owned()];
        assert_eq!(how(&secrets, &rule("IST-TLS-21"), false), How::Metadata);
        assert_eq!(how(&secrets, &rule("IST-TLS-20"), false), How::Not);
    }

    #[test]
    fn chosen_rules_read_less() {
        let rules = ["N10".to_owned()];
        assert_eq!(
            how(&resource("networking.k8s.io", "ingresses"), &rules, false),
            How::Whole
        );
        assert_eq!(how(&resource("", "pods"), &rules, false), How::Not);
        assert_eq!(
            how(&resource("example.org", "things"), &rules, false),
            How::Not
        );
        let rules = ["W01".to_owned()];
        assert_eq!(how(&resource("", "pods"), &rules, false), How::Whole);
        assert_eq!(
            how(&resource("example.org", "things"), &rules, false),
            How::Whole
        );
        assert_eq!(how(&resource("", "configmaps"), &rules, false), How::Not);
        assert_eq!(of_rules(&["N09".to_owned()]), [("", vec!["services"])]);
    }

    #[test]
    fn noise_is_not_read() {
        for (group, plural) in [
            ("", "events"),
            ("coordination.k8s.io", "leases"),
            ("metrics.k8s.io", "pods"),
            ("extensions", "ingresses"),
        ] {
            assert_eq!(
                how(&resource(group, plural), &[], true),
                How::Not,
                "{group}/{plural}"
            );
        }
        assert_eq!(
            how(
                &resource("gateway.networking.k8s.io", "gateways"),
                &[],
                false
            ),
            How::Whole
        );
    }
}
