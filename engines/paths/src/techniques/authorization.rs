//! How rights over rights lead to all of them.

use super::{Entry, Id, mitre, technique};

pub(super) const ENTRIES: &[Entry<Id>] = &[
    technique(
        Id::ROLE_ESCALATE,
        "writes more into a role than they have",
        "`escalate` lets its holder write any rule into a role; the holder has the role, or one that others aggregate.",
        "Take `escalate` from the role: nobody but controllers of RBAC needs it.",
        &[mitre("T1098")],
    ),
    technique(
        Id::ROLE_BIND,
        "binds themselves to a powerful role",
        "`bind` lets its holder give a role away that is worth more than their own rights.",
        "Limit `bind` with `resourceNames` to the roles that are meant.",
        &[mitre("T1098")],
    ),
    technique(
        Id::AGGREGATION_INJECT,
        "adds rules to a role that collects them",
        "A ClusterRole with the right label is aggregated into `admin`, `edit` or `view`, and everybody who has those has its rules.",
        "Take `escalate` on ClusterRoles from the role.",
        &[mitre("T1098")],
    ),
    technique(
        Id::WILDCARD_ADMIN,
        "may do everything",
        "The role allows every verb on every resource of every group, in the whole cluster, or the identity is in `system:masters`.",
        "Give a role that names what is needed, or delete the binding.",
        &[mitre("T1078")],
    ),
    technique(
        Id::NS_LABEL_PSA,
        "takes the Pod Security label off a namespace",
        "Who may change a namespace relaxes what its label enforces, and then starts the pod that was refused.",
        "Take `update` and `patch` on namespaces from the role; set a default level in the API server's configuration.",
        &[mitre("T1562.001"), mitre("T1610")],
    ),
    technique(
        Id::BINDING_ADD_SUBJECT,
        "lets others share its rights",
        "Who changes bindings gives what it has to others, and keeps it when its own access is taken.",
        "Take `update` and `patch` on bindings from the role.",
        &[mitre("T1098.006")],
    ),
    technique(
        Id::DANGLING_ROLE,
        "makes what an old binding waits for",
        "A binding refers to an account or a role that is not there. Who makes one of that name has the rights.",
        "Delete the binding.",
        &[mitre("T1098")],
    ),
    technique(
        Id::CONTROLLER_SA_TAKEOVER,
        "acts as a controller of the control plane",
        "Controllers have accounts in kube-system. Some of them write any role, start pods everywhere or read every Secret: any of these accounts leads to all rights.",
        "Give nobody tokens, pods or Secrets in kube-system.",
        &[mitre("T1078")],
    ),
];
