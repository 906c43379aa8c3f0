//! Policies and routes of systems that are not computed: one gap for each kind that is there, so
//! that nobody takes the answer for the whole truth.

use crate::world::World;
use seawall_model::{Gap, GapKind};

/// What a kind would change.
enum Effect {
    /// It stops traffic, or lets some pass before others are asked.
    Policy,
    /// It publishes pods.
    Way,
    /// It makes other networks.
    Network,
}

const KINDS: [(&str, &str, Effect); 19] = [
    ("crd.projectcalico.org", "NetworkPolicy", Effect::Policy),
    (
        "crd.projectcalico.org",
        "GlobalNetworkPolicy",
        Effect::Policy,
    ),
    ("projectcalico.org", "NetworkPolicy", Effect::Policy),
    ("projectcalico.org", "GlobalNetworkPolicy", Effect::Policy),
    ("crd.antrea.io", "NetworkPolicy", Effect::Policy),
    ("crd.antrea.io", "ClusterNetworkPolicy", Effect::Policy),
    ("k8s.ovn.org", "EgressFirewall", Effect::Policy),
    ("k8s.ovn.org", "UserDefinedNetwork", Effect::Network),
    ("k8s.ovn.org", "ClusterUserDefinedNetwork", Effect::Network),
    (
        "k8s.cni.cncf.io",
        "NetworkAttachmentDefinition",
        Effect::Network,
    ),
    ("k8s.cni.cncf.io", "MultiNetworkPolicy", Effect::Policy),
    ("cilium.io", "CiliumLocalRedirectPolicy", Effect::Policy),
    ("route.openshift.io", "Route", Effect::Way),
    ("traefik.io", "IngressRoute", Effect::Way),
    ("traefik.containo.us", "IngressRoute", Effect::Way),
    ("projectcontour.io", "HTTPProxy", Effect::Way),
    ("configuration.konghq.com", "TCPIngress", Effect::Way),
    ("k8s.nginx.org", "VirtualServer", Effect::Way),
    ("getambassador.io", "Mapping", Effect::Way),
];

/// A gap for each kind that is in a world and not computed.
pub(crate) fn gaps(world: &World<'_>) -> Vec<Gap> {
    let gap = |(group, kind, effect): &(&str, &str, Effect)| {
        let objects = world.of_kind(group, kind);
        let first = objects.first()?;
        let what = match effect {
            Effect::Policy => "what they stop is taken as open",
            Effect::Way => "the ways in that they make are not among those found",
            Effect::Network => "pods are taken as if they were in one network",
        };
        let count = objects.len();
        Some(Gap {
            kind: GapKind::Unsupported,
            subject: first.reference.to_string().into(),
            span: first.name_span,
            reason: format!(
                "{count} {kind}{} of {group} {} not computed: {what}",
                if count == 1 { "" } else { "s" },
                if count == 1 { "is" } else { "are" },
            ),
            hint: String::new(),
            units: u32::try_from(count).unwrap_or(u32::MAX),
        })
    };
    KINDS.iter().filter_map(gap).collect()
}
