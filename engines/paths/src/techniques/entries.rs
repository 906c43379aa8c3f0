//! How an attacker comes in.

use super::{Entry, Id, mitre, technique};

pub(super) const ENTRIES: &[Entry<Id>] = &[
    technique(
        Id::ENTRY_LB,
        "published by a load balancer",
        "A Service of type LoadBalancer gives the pods behind it an address that anybody on the internet can send to, unless its source ranges or a network policy say otherwise.",
        "Keep the Service inside (an internal load balancer, `loadBalancerSourceRanges`), or put a proxy before it that asks who is there.",
        &[mitre("T1190"), mitre("T1133")],
    ),
    technique(
        Id::ENTRY_INGRESS,
        "published by an Ingress or a route",
        "An Ingress or a route of a Gateway carries requests from the internet to the pods behind a Service.",
        "Take the route away, ask for a login before it, or limit it to the paths that are meant for everybody.",
        &[mitre("T1190")],
    ),
    technique(
        Id::ENTRY_NODEPORT,
        "published on a port of the nodes",
        "A NodePort, a hostPort or an external IP takes connections on the nodes' own addresses; what the nodes' firewall lets through reaches the pods.",
        "Use a Service of type ClusterIP behind a proxy.",
        &[mitre("T1190")],
    ),
    technique(
        Id::ENTRY_HOSTNET,
        "listens in the network of its node",
        "A pod in its node's network listens on the node's address, where network policies do not hold it.",
        "Leave `hostNetwork` off, or let it listen on the loopback address.",
        &[mitre("T1190")],
    ),
    technique(
        Id::ENTRY_VULN_RCE,
        "a flaw in the application runs code",
        "Whoever can send to an application can use its flaws; one that runs code is enough to be in the container. Where the vulnerabilities of the image are not known here, the path says that it depends on one.",
        "Update the image, and limit who can send to it.",
        &[mitre("T1190")],
    ),
    technique(
        Id::ENTRY_UNAUTH_APP,
        "an application does what anybody tells it",
        "Some applications run what they are sent by design, act with the rights of their account, or give away what they keep, and are set up here to ask nobody who they are: a Docker daemon on TCP, a notebook server, a dashboard whose login can be skipped, a database without a password.",
        "Turn its authentication on, or let only those reach it who need it.",
        &[mitre("T1133"), mitre("T1190")],
    ),
    technique(
        Id::ENTRY_ANON_RBAC,
        "rights for everybody without a login",
        "A binding gives rights to `system:anonymous` or `system:unauthenticated`: whoever reaches the API server has them.",
        "Delete the binding.",
        &[mitre("T1078.001")],
    ),
    technique(
        Id::ENTRY_ANY_AUTHENTICATED,
        "rights for everybody with any login",
        "A binding, or an API server that allows everything, gives rights to `system:authenticated` or to all service accounts: any account at all, of some cloud providers any account of any customer, has them.",
        "Bind the role to those who need it, by name; leave `--authorization-mode` at Node,RBAC.",
        &[mitre("T1078")],
    ),
    technique(
        Id::ENTRY_KUBELET_ANON,
        "a kubelet runs commands for anybody",
        "The kubelet takes requests without a login and allows all of them: whoever gets to its port runs commands in every pod of the node, unseen by admission and audit.",
        "Set `authentication.anonymous.enabled: false` and `authorization.mode: Webhook`.",
        &[mitre("T1133"), mitre("T1609")],
    ),
    technique(
        Id::ENTRY_ETCD_OPEN,
        "etcd answers without a certificate",
        "Everything that the cluster is lies in etcd: every Secret, every binding. Whoever gets to a port of it that asks for no certificate reads and writes all of that.",
        "Set `--client-cert-auth` and `--trusted-ca-file`, and listen with TLS only.",
        &[mitre("T1552.001"), mitre("T1078")],
    ),
    technique(
        Id::ENTRY_LEAKED_CRED,
        "a credential that leaked",
        "Whoever holds a token, a kubeconfig or a client certificate acts as its owner until it ends.",
        "Revoke it, and give credentials a short life.",
        &[mitre("T1552.001")],
    ),
    technique(
        Id::ENTRY_COMPROMISED_POD,
        "a pod that an attacker is in",
        "Every application has a flaw some day. What its pod can reach then is decided today.",
        "Take from the pod what it does not need: its token, its rights, its ways out.",
        &[mitre("T1610")],
    ),
];
