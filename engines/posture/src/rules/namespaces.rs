//! Namespaces, what they expose, and what points nowhere.

use super::{Entry, Id, cis, mitre, nsa};
use seawall_model::{Area, Severity};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: Id::N07,
        title: "pods that no network policy holds",
        severity: Severity::Medium,
        area: Area::Containers,
        why: "Without a policy that selects them, pods accept traffic from every pod of the cluster and send anywhere: one break-in reaches all.",
        fix: "Add a default-deny NetworkPolicy to the namespace, then allow what is needed.",
        references: &[cis("5.3.2"), nsa("C-0030"), nsa("C-0054"), mitre("T1046")],
        aliases: &[
            "KSV-0038", "C-0030", "C-0049", "C-0054", "C-0206", "C-0260", "NP-01", "NP-02",
        ],
    },
    Entry {
        id: Id::N09,
        title: "service open to the outside",
        severity: Severity::Low,
        area: Area::Containers,
        why: "A LoadBalancer or NodePort is reachable by whoever reaches the network around the cluster; externalIPs take over traffic to an address (CVE-2020-8554).",
        fix: "Use ClusterIP behind an ingress or gateway, or limit loadBalancerSourceRanges.",
        references: &[mitre("T1133")],
        aliases: &["KSV-0108", "C-0021", "C-0256", "C-0266"],
    },
    Entry {
        id: Id::N10,
        title: "ingress without TLS, host or backend",
        severity: Severity::Medium,
        area: Area::Containers,
        why: "Without TLS passwords and sessions cross networks readable; without a host the backend answers for every name; a backend that does not exist is free for whoever creates it.",
        fix: "Add spec.tls with a certificate for the host, name the host, and point at a Service that exists.",
        references: &[mitre("T1557")],
        aliases: &["C-0263", "C-0298"],
    },
    Entry {
        id: Id::N11,
        title: "ingress-nginx runs foreign configuration",
        severity: Severity::High,
        area: Area::Runtime,
        why: "Snippets put text of whoever may write an Ingress into the controller's configuration, and so give away its token and all its Secrets (CVE-2021-25742, CVE-2025-1974). The controller is no longer maintained.",
        fix: "Remove the snippet and set allow-snippet-annotations to false; move to a maintained ingress or gateway.",
        references: &[nsa("C-0059"), nsa("C-0292"), mitre("T1190")],
        aliases: &["KCV-0093", "C-0059", "C-0292"],
    },
    Entry {
        id: Id::N12,
        title: "selector or target that matches nothing",
        severity: Severity::Low,
        area: Area::Containers,
        why: "A policy that selects nothing protects nothing, and a Service that selects nothing sends its clients to whoever later takes the label.",
        fix: "Correct the selector or the target's name, or remove the object.",
        references: &[],
        aliases: &["C-0293", "C-0296", "C-0299", "C-0300"],
    },
    Entry {
        id: Id::N13,
        title: "namespace without quota and default limits",
        severity: Severity::Info,
        area: Area::Containers,
        why: "One workload, or whoever may create pods there, takes as much of the cluster as it likes.",
        fix: "Add a ResourceQuota and a LimitRange to the namespace.",
        references: &[mitre("T1499")],
        aliases: &["KSV-0039", "KSV-0040"],
    },
    Entry {
        id: Id::N18,
        title: "cluster administration exposed",
        severity: Severity::High,
        area: Area::Containers,
        why: "A dashboard that is reachable from outside or skips the login, and Tiller at all, hand their own rights to whoever finds them; that is how clusters are taken over to mine coins.",
        fix: "Reach dashboards through kubectl proxy or an authenticating proxy only; remove Tiller.",
        references: &[mitre("T1133"), mitre("T1190")],
        aliases: &["KSV-0102", "C-0014"],
    },
];
