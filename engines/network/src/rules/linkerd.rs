//! Linkerd.

use super::{Entry, Id, mesh};
use seawall_model::Severity::{High, Info, Medium};

pub(super) const ENTRIES: &[Entry] = &[
    mesh(
        Id::LNK_01,
        "Linkerd lets callers in without an identity",
        High,
        "Where no Server speaks about a port, the default policy of the mesh decides. This one asks for no identity.",
        "Set proxy.defaultInboundPolicy to deny or to cluster-authenticated.",
    ),
    mesh(
        Id::LNK_02,
        "namespace or pod with a weak default policy",
        High,
        "The annotation overrides the mesh's default when a pod is made: callers without an identity get in at all ports without a Server.",
        "Set the annotation to deny, or remove it.",
    ),
    mesh(
        Id::LNK_03,
        "Server or default that lets in and only writes down",
        High,
        "An access policy of audit or of an unauthenticated kind lets callers in whatever the authorisations say.",
        "Remove accessPolicy from the Server.",
    ),
    mesh(
        Id::LNK_04,
        "port without a Server",
        Medium,
        "Some ports of the workload are held by Servers; this one was forgotten, and the default lets callers in.",
        "Add a Server for the port.",
    ),
    mesh(
        Id::LNK_05,
        "Server that lets nobody in",
        Info,
        "A Server without any authorisation refuses all calls; mostly the next step is to open everything.",
        "Add an AuthorizationPolicy for the clients.",
    ),
    mesh(
        Id::LNK_06,
        "policy asks for nothing",
        High,
        "An empty list of required authentications is fulfilled by everybody, with an identity or without.",
        "Refer to a MeshTLSAuthentication or a ServiceAccount.",
    ),
    mesh(
        Id::LNK_07,
        "policy asks for an address only",
        High,
        "Addresses are not identities: every pod on the network has one of them.",
        "Refer to a MeshTLSAuthentication as well.",
    ),
    mesh(
        Id::LNK_08,
        "identity with a wide wildcard",
        Medium,
        "A star stands for every meshed client, those of linked clusters among them.",
        "List identities or refer to service accounts.",
    ),
    mesh(
        Id::LNK_09,
        "authorisation without an identity",
        High,
        "Callers get in without proving who they are.",
        "List identities under meshTLS.",
    ),
    mesh(
        Id::LNK_12,
        "route policies on a port of unknown protocol",
        High,
        "Policies of routes hold for HTTP only. A client that sends its first bytes slowly is taken for TCP and gets past them.",
        "Set proxyProtocol of the Server.",
    ),
    mesh(
        Id::LNK_15,
        "ports bypass the proxy on the way in",
        High,
        "At these ports neither mutual TLS nor any policy holds.",
        "Remove the annotation skip-inbound-ports.",
    ),
    mesh(
        Id::LNK_18,
        "pods stay out of an injected namespace",
        High,
        "Pods without a proxy speak plaintext, and no policy of the mesh protects them.",
        "Remove the annotation linkerd.io/inject: disabled.",
    ),
    mesh(
        Id::LNK_19,
        "pods start without a proxy when the injector is down",
        High,
        "While the injector does not answer, new pods are made without a proxy and stay so. Whoever can stop it keeps pods out of the mesh.",
        "Set the webhook's failurePolicy to Fail.",
    ),
    mesh(
        Id::LNK_20,
        "proxy in ingress mode",
        High,
        "The proxy sends each request to the service that a header names. If the header is not stripped at the edge, a client outside chooses any service of the cluster.",
        "Use linkerd.io/inject: enabled, or strip l5d-dst-override.",
    ),
    Entry {
        aliases: &["NP-21"],
        ..mesh(
            Id::LNK_27,
            "network policy opens the proxies' port",
            High,
            "Calls between proxies arrive at port 4143 whatever port they are for. Whoever a network policy lets in there reaches all ports.",
            "Hold every port by a Server.",
        )
    },
    mesh(
        Id::LNK_11,
        "policy that refers to nothing",
        Medium,
        "A reference to an authentication that is not there makes the controller ignore the policy: who should be let in stays out.",
        "Correct the reference.",
    ),
    mesh(
        Id::LNK_29,
        "Server that holds nothing",
        Medium,
        "Only ports that pods declare belong to a Server. The default policy holds instead, and mostly lets everybody in.",
        "Declare the port in the pods.",
    ),
];
