//! Service accounts and secrets of workloads.

use super::{Entry, Id, cis, mitre, nsa};
use seawall_model::{Area, Severity};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: Id::W29,
        title: "API token mounted that nobody needs",
        severity: Severity::Low,
        area: Area::Secrets,
        why: "The token lies in every container of the pod. Whoever gets in speaks to the API server as the service account, with every right it has or will ever get.",
        fix: "Set automountServiceAccountToken to false on the pod or the service account.",
        references: &[cis("5.1.6"), nsa("C-0034"), mitre("T1528")],
        aliases: &["KSV-0036", "C-0034", "C-0190", "C-0261"],
    },
    Entry {
        id: Id::W30,
        title: "token of the default service account mounted",
        severity: Severity::Low,
        area: Area::Secrets,
        why: "All pods of a namespace that name no account share the default one: what one of them needs, every one of them gets, and a stolen token cannot be told from another.",
        fix: "Give the workload a service account of its own, or set automountServiceAccountToken to false.",
        references: &[cis("5.1.5"), cis("5.1.6"), nsa("C-0034"), mitre("T1528")],
        aliases: &["C-0189"],
    },
    Entry {
        id: Id::W31,
        title: "service account does not exist",
        severity: Severity::Low,
        area: Area::Containers,
        why: "The pods are not created until someone makes the account; whoever may create service accounts then decides what they run as.",
        fix: "Create the ServiceAccount, or correct serviceAccountName.",
        references: &[],
        aliases: &["C-0307"],
    },
    Entry {
        id: Id::W32,
        title: "credential in plain configuration",
        severity: Severity::High,
        area: Area::Secrets,
        why: "Whoever reads the manifest, the repository, the object or the process list has the credential; no rotation and no audit log follows it.",
        fix: "Move the value to a Secret (best one that an external store fills), mount it as a file, and rotate it.",
        references: &[nsa("C-0012"), mitre("T1552.001")],
        aliases: &["KSV-01010", "KSV-0109", "C-0012"],
    },
    Entry {
        id: Id::W33,
        title: "Secret as environment variable",
        severity: Severity::Low,
        area: Area::Secrets,
        why: "An environment is inherited by every child process and ends up in crash reports, debug pages and logs.",
        fix: "Mount the Secret as a volume and read the file.",
        references: &[cis("5.4.1"), mitre("T1552.007")],
        aliases: &["C-0207"],
    },
];
