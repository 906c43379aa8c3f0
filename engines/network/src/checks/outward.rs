//! What gets out of pods by the policies: to the internet, to the node, and to where clouds
//! hand out credentials. Layers behind the policies are not asked: what a mesh decides on the
//! way out is decided by the source's own proxy, which a compromised pod leaves aside.

use crate::layer::Call;
use crate::network::Network;
use crate::places::Peer;
use crate::policy::Direction;
use crate::reach::{Cidr, METADATA, Protocol};
use crate::rows::Reach;
use crate::why::{Reason, Verdict};
use crate::world::{Endpoint, EndpointId, World};
use seawall_model::{Proof, ResourceRef, Span};
use seawall_snapshot::Object;
use seawall_snapshot::pod::{EnvSource, VolumeKind};
use seawall_yaml::Node;
use std::collections::{HashMap, HashSet};

/// What the policies let out of an endpoint to public addresses.
pub(super) fn to_internet(network: &Network<'_, '_>, id: EndpointId) -> Reach {
    let row = network.row_of(&network.egress, id.0 as usize);
    row.map_or_else(Reach::everything, |row| row.among(&network.places.internet))
}

/// The first of several ports of nodes that the policies let an endpoint call. Its own node it
/// always reaches; that is not looked at.
pub(super) fn to_nodes(network: &Network<'_, '_>, id: EndpointId, ports: &[u16]) -> Option<u16> {
    let mut ports = ports.iter().copied();
    ports.find(|port| {
        let why = network.why(&Call::new(
            Peer::Endpoint(id),
            Peer::Node,
            Protocol::Tcp,
            *port,
        ));
        let mut steps = why.steps.iter();
        let own = steps.any(|step| step.reason == Reason::OwnNode);
        why.verdict == Verdict::Open && !own
    })
}

/// Whether pods of a namespace belong to the cluster itself.
pub(super) fn is_system(namespace: &str) -> bool {
    namespace.starts_with("kube-")
}

/// Where clouds hand credentials to their machines, as the network sees it.
#[derive(Debug)]
pub(super) struct Metadata {
    /// The addresses, each with its place.
    places: Vec<(Cidr, usize)>,
    /// Endpoints whose own policy allows a block around one of them: that rule of that policy
    /// is what is wrong (NP-11, CIL-12).
    by_block: HashSet<usize>,
}

impl Metadata {
    pub(super) fn new(network: &Network<'_, '_>) -> Self {
        let first = network.places.first_region();
        let known = METADATA.into_iter().filter_map(Cidr::read);
        let places: Vec<(Cidr, usize)> = known
            .filter_map(|cidr| Some((cidr, first + network.places.regions.find(cidr)?)))
            .collect();
        let mut by_block = HashSet::new();
        for policy in &network.policies.all {
            if policy.direction != Direction::Egress {
                continue;
            }
            let names_it = policy.rules.iter().any(|rule| {
                let meant = places.iter().any(|(_, place)| rule.parties.has(*place));
                let node = policy.object.body().and_then(|b| b.pointer(&rule.pointer));
                let lists = ["to", "toCIDR", "toCIDRSet"].into_iter();
                let mut lists = lists.filter_map(|key| node?.get(key)?.as_seq());
                meant && lists.any(|list| !list.is_empty())
            });
            if names_it {
                by_block.extend(policy.subjects.iter().copied());
            }
        }
        Self { places, by_block }
    }

    /// The address that an endpoint gets to because nothing of its own policies stops it.
    pub(super) fn open_to(&self, network: &Network<'_, '_>, id: EndpointId) -> Option<String> {
        let endpoint = id.0 as usize;
        if self.by_block.contains(&endpoint) {
            return None;
        }
        let mut places = self.places.iter();
        let (cidr, _) = places.find(|(_, place)| {
            let open = network.policies_pass(endpoint, *place).any();
            open.has(Protocol::Tcp, 80)
        })?;
        let text = cidr.to_string();
        text.split('/').next().map(str::to_owned)
    }
}

/// What an attacker finds in a pod besides.
#[derive(Debug)]
pub(super) struct Worth<'w, 's> {
    world: &'w World<'s>,
    /// Service accounts with rights, by namespace and name, each with what gives them.
    bound: HashMap<(&'s str, &'s str), &'s Object>,
}

impl<'w, 's> Worth<'w, 's> {
    pub(super) fn new(world: &'w World<'s>) -> Self {
        const GROUP: &str = "rbac.authorization.k8s.io";
        let mut bound = HashMap::new();
        for kind in ["ClusterRoleBinding", "RoleBinding"] {
            for object in world.of_kind(GROUP, kind).iter().copied() {
                for subject in object.items(&["subjects"]) {
                    let text = |key: &str| subject.get(key).and_then(Node::as_str);
                    let space = text("namespace").unwrap_or(object.namespace());
                    if let (Some("ServiceAccount"), Some(name)) = (text("kind"), text("name")) {
                        bound.entry((space, name)).or_insert(object);
                    }
                }
            }
        }
        Self { world, bound }
    }

    /// What is worth taking over a pod for: a token with rights, or Secrets; with what proves it.
    pub(super) fn of(&self, endpoint: &Endpoint<'s>) -> Option<(String, Proof)> {
        let template = endpoint.template;
        let space = self.world.namespace_at(endpoint.namespace)?.name;
        let account = template.service_account();
        if let Some(binding) = self.bound.get(&(space, account))
            && self.is_mounted(endpoint, space, account)
        {
            let note = format!("its pods hold a token of {account}, which has rights");
            return Some((note, Proof::Source(binding.name_span)));
        }
        let is_secret = |kind: &VolumeKind| match kind {
            VolumeKind::Secret(_) => true,
            VolumeKind::Projected { secrets, .. } => !secrets.is_empty(),
            _ => false,
        };
        let mut volumes = template.volumes.iter();
        let mut containers = template.containers.iter();
        let has_secrets = volumes.any(|volume| is_secret(&volume.kind))
            || containers.any(|container| {
                let mut env = container.env.iter();
                let mut from = container.env_from.iter();
                env.any(|one| matches!(one.source, EnvSource::Secret(..)))
                    || from.any(|one| one.secret)
            });
        has_secrets.then(|| {
            let note = "its pods hold Secrets".to_owned();
            (note, Proof::Source(endpoint.object.name_span))
        })
    }

    fn is_mounted(&self, endpoint: &Endpoint<'_>, space: &str, account: &str) -> bool {
        if let Some(own) = &endpoint.template.automount_token {
            return own.value;
        }
        let mut accounts = self.world.of_kind("", "ServiceAccount").iter();
        let account = accounts
            .find(|one| one.namespace() == space && &*one.reference.name == account)
            .and_then(|one| one.body()?.get("automountServiceAccountToken")?.as_bool());
        account != Some(false)
    }
}

/// Something in the input that shows that the cluster is a cloud's: what, and where.
#[derive(Debug)]
pub(super) struct Cloud {
    pub(super) name: &'static str,
    pub(super) object: ResourceRef,
    pub(super) span: Span,
}

/// Beginnings of words that only objects of one cloud have.
const SIGNS: [(&str, &str); 12] = [
    ("aws://", "AWS"),
    ("ebs.csi.aws.com", "AWS"),
    ("kubernetes.io/aws-", "AWS"),
    ("eks.amazonaws.com/", "AWS"),
    ("service.beta.kubernetes.io/aws-", "AWS"),
    ("gce://", "Google Cloud"),
    ("pd.csi.storage.gke.io", "Google Cloud"),
    ("iam.gke.io/", "Google Cloud"),
    ("cloud.google.com/", "Google Cloud"),
    ("azure://", "Azure"),
    ("disk.csi.azure.com", "Azure"),
    ("azure.workload.identity/", "Azure"),
];

/// The first sign of a cloud.
pub(super) fn cloud(world: &World<'_>) -> Option<Cloud> {
    let sign = |text: &str| SIGNS.into_iter().find(|(start, _)| text.starts_with(start));
    let found = |name, object: &Object, span| Cloud {
        name,
        object: object.reference.clone(),
        span,
    };
    let by_text = |group: &str, kind: &str, path: &[&str]| {
        world.of_kind(group, kind).iter().find_map(|object| {
            let node: &Node = object.body()?.at(path)?;
            let (_, name) = sign(node.as_str()?)?;
            Some(found(name, object, node.span))
        })
    };
    let by_key = |kind: &str| {
        world.of_kind("", kind).iter().find_map(|object| {
            let mut keys = object.annotations.iter();
            let by_annotation = keys.find_map(|(key, field)| Some((sign(key)?.1, field.span)));
            let mut labels = object.labels.iter();
            let by_label = || Some((labels.find_map(|(key, _)| sign(key))?.1, object.name_span));
            let (name, span) = by_annotation.or_else(by_label)?;
            Some(found(name, object, span))
        })
    };
    by_text("", "Node", &["spec", "providerID"])
        .or_else(|| by_text("storage.k8s.io", "StorageClass", &["provisioner"]))
        .or_else(|| by_key("Service"))
        .or_else(|| by_key("ServiceAccount"))
        .or_else(|| by_key("Node"))
}
