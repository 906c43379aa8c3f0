//! The single dangers: what a rule gives that an attacker asks for by name.

use super::Scale;
use crate::request::is_resource;
use crate::role::Rule;
use crate::rules::Id;
use seawall_model::{KubernetesVersion, Severity};

/// One dangerous thing.
#[derive(Debug)]
pub(super) struct Danger {
    /// The rule that speaks of it.
    pub(super) id: Id,
    /// Any of these verbs.
    pub(super) verbs: &'static [&'static str],
    /// In one of these groups.
    groups: &'static [&'static str],
    /// On any of these resources.
    resources: &'static [&'static str],
    /// How bad it is.
    pub(super) scale: Scale,
    /// How bad it is where it is limited to some names; `None` is silent.
    pub(super) named: Option<Severity>,
    /// Whether its objects are in no namespace: then a right in one is none.
    pub(super) is_of_cluster: bool,
    /// What it does: "reads Secrets".
    pub(super) what: &'static str,
}

const fn scale(everywhere: Severity, system: Severity, namespace: Option<Severity>) -> Scale {
    Scale {
        everywhere,
        system,
        namespace,
    }
}

const WRITE: &[&str] = &["create", "update", "patch"];
const CHANGE: &[&str] = &["create", "update", "patch", "delete", "deletecollection"];
const DELETE: &[&str] = &["delete", "deletecollection"];

use Severity::{Critical, High, Low, Medium};

const DANGERS: &[Danger] = &[
    Danger {
        id: Id::R02,
        verbs: &["get", "list", "watch"],
        groups: &[""],
        resources: &["secrets"],
        scale: scale(High, High, Some(Medium)),
        named: None,
        is_of_cluster: false,
        what: "reads Secrets",
    },
    Danger {
        id: Id::R04,
        verbs: &["create"],
        groups: &[""],
        resources: &["pods"],
        scale: scale(High, High, Some(Medium)),
        named: None,
        is_of_cluster: false,
        what: "creates pods",
    },
    Danger {
        id: Id::R04,
        verbs: WRITE,
        groups: &["", "apps", "batch"],
        resources: &[
            "replicationcontrollers",
            "deployments",
            "daemonsets",
            "statefulsets",
            "replicasets",
            "jobs",
            "cronjobs",
        ],
        scale: scale(High, High, Some(Medium)),
        named: None,
        is_of_cluster: false,
        what: "creates pods through workloads",
    },
    Danger {
        id: Id::R06,
        verbs: &[
            "impersonate",
            "impersonate:user-info",
            "impersonate:serviceaccount",
            "impersonate:arbitrary-node",
        ],
        groups: &["", "authentication.k8s.io"],
        resources: &["users", "groups", "serviceaccounts", "nodes", "uids"],
        scale: scale(Critical, Critical, Some(High)),
        named: Some(Medium),
        is_of_cluster: false,
        what: "acts as somebody else",
    },
    Danger {
        id: Id::R06,
        verbs: &["escalate"],
        groups: &["rbac.authorization.k8s.io"],
        resources: &["roles", "clusterroles"],
        scale: scale(Critical, Critical, Some(High)),
        named: Some(Medium),
        is_of_cluster: false,
        what: "writes roles with more than it has",
    },
    Danger {
        id: Id::R06,
        verbs: &["bind"],
        groups: &["rbac.authorization.k8s.io"],
        resources: &["roles", "clusterroles"],
        scale: scale(Critical, Critical, Some(High)),
        named: Some(Medium),
        is_of_cluster: false,
        what: "binds roles with more than it has",
    },
    Danger {
        id: Id::R07,
        verbs: WRITE,
        groups: &[""],
        resources: &["persistentvolumes"],
        scale: scale(High, High, Some(High)),
        named: None,
        is_of_cluster: true,
        what: "makes PersistentVolumes",
    },
    Danger {
        id: Id::R08,
        verbs: &["get", "create", "update", "patch", "delete"],
        groups: &[""],
        resources: &["nodes/proxy"],
        scale: scale(High, High, Some(High)),
        named: Some(High),
        is_of_cluster: true,
        what: "speaks to kubelets as it likes",
    },
    Danger {
        id: Id::R09,
        verbs: &["update", "patch"],
        groups: &["certificates.k8s.io"],
        resources: &["certificatesigningrequests/approval"],
        scale: scale(High, High, Some(High)),
        named: Some(High),
        is_of_cluster: true,
        what: "approves requests for certificates",
    },
    Danger {
        id: Id::R09,
        verbs: &["approve", "sign"],
        groups: &["certificates.k8s.io"],
        resources: &["signers"],
        scale: scale(High, High, Some(High)),
        named: Some(Medium),
        is_of_cluster: true,
        what: "approves or signs certificates",
    },
    Danger {
        id: Id::R10,
        verbs: CHANGE,
        groups: &["admissionregistration.k8s.io"],
        resources: &[
            "mutatingwebhookconfigurations",
            "validatingwebhookconfigurations",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
        ],
        scale: scale(High, High, Some(High)),
        named: None,
        is_of_cluster: true,
        what: "changes what admission does",
    },
    Danger {
        id: Id::R11,
        verbs: &["create"],
        groups: &[""],
        resources: &["serviceaccounts/token"],
        scale: scale(Critical, Critical, Some(High)),
        named: None,
        is_of_cluster: false,
        what: "makes tokens of service accounts",
    },
    Danger {
        id: Id::R12,
        verbs: &["create"],
        groups: &[""],
        resources: &["pods/exec", "pods/attach", "pods/portforward"],
        scale: scale(High, High, Some(Medium)),
        named: None,
        is_of_cluster: false,
        what: "runs commands in pods, or connects to them",
    },
    Danger {
        id: Id::R12,
        verbs: &["update", "patch"],
        groups: &[""],
        resources: &["pods/ephemeralcontainers"],
        scale: scale(High, High, Some(Medium)),
        named: None,
        is_of_cluster: false,
        what: "adds containers to running pods",
    },
    Danger {
        id: Id::R14,
        verbs: DELETE,
        groups: &["", "apiextensions.k8s.io", "apiregistration.k8s.io"],
        resources: &[
            "namespaces",
            "nodes",
            "persistentvolumes",
            "customresourcedefinitions",
            "apiservices",
        ],
        scale: scale(Medium, Medium, None),
        named: None,
        is_of_cluster: true,
        what: "deletes what holds the things of others",
    },
    Danger {
        id: Id::R14,
        verbs: DELETE,
        groups: &["", "events.k8s.io"],
        resources: &["events"],
        scale: scale(Medium, Medium, Some(Low)),
        named: None,
        is_of_cluster: false,
        what: "deletes events, which are traces",
    },
    Danger {
        id: Id::R15,
        verbs: WRITE,
        groups: &[""],
        resources: &["configmaps"],
        scale: scale(Medium, High, None),
        named: None,
        is_of_cluster: false,
        what: "writes ConfigMaps of the cluster",
    },
    Danger {
        id: Id::R16,
        verbs: CHANGE,
        groups: &[
            "networking.k8s.io",
            "policy.networking.k8s.io",
            "cilium.io",
            "crd.projectcalico.org",
        ],
        resources: &[
            "networkpolicies",
            "adminnetworkpolicies",
            "baselineadminnetworkpolicies",
            "clusternetworkpolicies",
            "ciliumnetworkpolicies",
            "ciliumclusterwidenetworkpolicies",
            "globalnetworkpolicies",
        ],
        scale: scale(Medium, Medium, Some(Low)),
        named: None,
        is_of_cluster: false,
        what: "changes network policies",
    },
    Danger {
        id: Id::R16,
        verbs: WRITE,
        groups: &["", "discovery.k8s.io", "networking.k8s.io"],
        resources: &["services", "endpoints", "endpointslices", "ingresses"],
        scale: scale(Medium, Medium, None),
        named: None,
        is_of_cluster: false,
        what: "sends traffic elsewhere",
    },
];

/// Before this version a WebSocket needs `get` only, to run commands.
const EXEC_CREATES_SINCE: KubernetesVersion = KubernetesVersion::new(35);

/// Before 1.35 `get` is enough to run commands.
const OLD_EXEC: Danger = Danger {
    id: Id::R12,
    verbs: &["get"],
    groups: &[""],
    resources: &["pods/exec", "pods/attach", "pods/portforward"],
    scale: scale(High, High, Some(Medium)),
    named: None,
    is_of_cluster: false,
    what: "runs commands in pods through a WebSocket, which begins as GET",
};

/// All dangers at a version.
pub(super) fn all(version: KubernetesVersion) -> impl Iterator<Item = &'static Danger> {
    let old = (version < EXEC_CREATES_SINCE).then_some(&OLD_EXEC);
    DANGERS.iter().chain(old)
}

/// What a rule says that is dangerous: a verb of its, and a resource as it is written.
pub(super) fn said(rule: &Rule, danger: &Danger) -> Option<(String, String)> {
    let verb = danger.verbs.iter().find(|verb| rule.has_verb(verb))?;
    danger.groups.iter().find(|group| rule.has_group(group))?;
    let means = |word: &str| {
        // A wildcard over all resources is a finding of its own.
        word != "*"
            && danger.resources.iter().any(|resource| {
                let (parent, sub) = resource.split_once('/').unwrap_or((resource, ""));
                is_resource(word, parent, sub)
            })
    };
    let resource = rule.resources.iter().find(|word| means(word))?;
    let verb = if rule.verbs.iter().any(|one| &**one == "*") {
        "*"
    } else {
        verb
    };
    Some((verb.to_owned(), resource.to_string()))
}
