//! AuthorizationPolicies and ServerAuthorizations: whom they let in, and from where.

use super::{POLICY, skipped_subnets};
use crate::reach::{Block, Cidr};
use crate::world::World;
use seawall_model::Str;
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;

/// Whom an authorisation lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clients {
    /// Identities as patterns; `None` is no identity needed.
    pub identities: Option<Vec<Str>>,
    /// Networks; `None` is from anywhere.
    pub networks: Option<Vec<Str>>,
    /// The same, to compute with; where nothing is said, what that means.
    pub(crate) blocks: Option<Vec<Block>>,
}

impl Clients {
    /// Everybody.
    pub fn everybody() -> Self {
        Self {
            identities: None,
            networks: None,
            blocks: None,
        }
    }

    /// Whether an identity (or nobody) gets in from somewhere.
    pub fn admits(&self, identity: Option<&str>) -> bool {
        self.identities.as_ref().is_none_or(|patterns| {
            identity.is_some_and(|one| patterns.iter().any(|pattern| fits(pattern, one)))
        })
    }
}

/// An identity against a pattern: `*` is any, `*.rest` what ends so, else exactly it.
pub fn fits(pattern: &str, identity: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some("") => true,
        Some(rest) => identity.len() > rest.len() && identity.ends_with(rest),
        None => pattern == identity,
    }
}

/// What an authorisation is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One Server of its namespace.
    Server(Str),
    /// All Servers of its namespace.
    Namespace,
    /// Servers by label.
    Selected(LabelSelector),
    /// A route.
    Route(Str),
    /// Something else.
    Other,
}

/// An AuthorizationPolicy or a ServerAuthorization.
#[derive(Debug)]
pub struct Authorization<'s> {
    /// The object.
    pub object: &'s Object,
    /// What it is for.
    pub target: Target,
    /// Group and kind of that, as they are written.
    pub target_kind: Option<(Str, Str)>,
    /// Whom it lets in; `None` where it refers to nothing and is ignored.
    pub clients: Option<Clients>,
}

/// The networks that count as the cluster's where Linkerd is not told others.
pub(crate) fn cluster_networks() -> Vec<Block> {
    let ranges = [
        "10.0.0.0/8",
        "100.64.0.0/10",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fd00::/8",
    ];
    let read = ranges.into_iter().filter_map(Cidr::read);
    read.map(|cidr| Block {
        cidr,
        except: Vec::new(),
    })
    .collect()
}

/// All blocks of addresses that policies and annotations name.
pub(crate) fn blocks(world: &World<'_>) -> Vec<Cidr> {
    let skipped = world.endpoints.iter();
    let skipped = skipped.flat_map(|endpoint| skipped_subnets(world, endpoint));
    let mut all: Vec<Cidr> = skipped.map(|block| block.cidr).collect();
    all.sort_unstable();
    all.dedup();
    if !world.has_group(POLICY) {
        return all;
    }
    let mut lists: Vec<Vec<Block>> = vec![cluster_networks()];
    for object in world.of_kind(POLICY, "NetworkAuthentication") {
        lists.push(listed(object.items(&["spec", "networks"])));
    }
    for object in world.of_kind(POLICY, "ServerAuthorization") {
        lists.push(listed(object.items(&["spec", "client", "networks"])));
    }
    let named = lists.into_iter().flatten();
    all.extend(named.flat_map(|block| block.except.into_iter().chain([block.cidr])));
    all
}

/// Blocks with what is left out of them.
fn listed(nodes: &[Node]) -> Vec<Block> {
    let read = |node: &Node| {
        let except = node
            .get("except")
            .and_then(Node::as_seq)
            .unwrap_or_default();
        let except = except.iter().filter_map(Node::as_str);
        Some(Block {
            cidr: Cidr::read_loosely(node.get("cidr")?.as_str()?)?,
            except: except.filter_map(Cidr::read_loosely).collect(),
        })
    };
    nodes.iter().filter_map(read).collect()
}

pub(super) fn authorizations<'s>(world: &World<'s>) -> Vec<Authorization<'s>> {
    let policies = world.of_kind(POLICY, "AuthorizationPolicy").iter();
    let mut all: Vec<Authorization<'s>> = policies
        .filter_map(|object| policy(world, object))
        .collect();
    let servers = world.of_kind(POLICY, "ServerAuthorization").iter();
    all.extend(servers.filter_map(|object| server_authorization(object)));
    all
}

fn policy<'s>(world: &World<'s>, object: &'s Object) -> Option<Authorization<'s>> {
    let body = object.body()?;
    let target = body.at(&["spec", "targetRef"])?;
    let text = |node: &'s Node, key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
    let name = Str::from(text(target, "name"));
    let kind = text(target, "kind");
    let target_kind = Some((Str::from(text(target, "group")), Str::from(kind)));
    let target = match kind {
        "Server" => Target::Server(name),
        "Namespace" => Target::Namespace,
        "HTTPRoute" | "GRPCRoute" => Target::Route(name),
        _ => Target::Other,
    };
    Some(Authorization {
        object,
        target,
        target_kind,
        clients: required(world, object),
    })
}

/// Whom a policy asks for: an identity, and a network. `None` where it refers to something that
/// is not there, or to two of a kind.
fn required(world: &World<'_>, object: &Object) -> Option<Clients> {
    let mut clients = Clients::everybody();
    for reference in object.items(&["spec", "requiredAuthenticationRefs"]) {
        let text = |key: &str| {
            reference
                .get(key)
                .and_then(Node::as_str)
                .unwrap_or_default()
        };
        let (kind, name) = (text("kind"), text("name"));
        let namespace = Some(text("namespace")).filter(|name| !name.is_empty());
        let namespace = namespace.unwrap_or(object.namespace());
        let is_network = kind == "NetworkAuthentication";
        let is_second = if is_network {
            clients.networks.is_some()
        } else {
            clients.identities.is_some()
        };
        if is_second {
            return None;
        }
        match kind {
            "MeshTLSAuthentication" => {
                clients.identities = Some(identities(world, namespace, name)?);
            }
            "ServiceAccount" => {
                let identity =
                    format!("{name}.{namespace}.serviceaccount.identity.linkerd.cluster.local");
                clients.identities = Some(vec![Str::from(identity)]);
            }
            "NetworkAuthentication" => {
                let nodes = networks(world, namespace, name)?;
                clients.networks = Some(cidrs(nodes));
                clients.blocks = Some(listed(nodes));
            }
            _ => return None,
        }
    }
    Some(clients)
}

fn cidrs(nodes: &[Node]) -> Vec<Str> {
    let cidr = |node: &Node| node.get("cidr").and_then(Node::as_str).map(Str::from);
    nodes.iter().filter_map(cidr).collect()
}

fn find<'s>(world: &World<'s>, kind: &str, namespace: &str, name: &str) -> Option<&'s Node> {
    let mut all = world.of_kind(POLICY, kind).iter().copied();
    let found = all.find(|o| o.namespace() == namespace && &*o.reference.name == name)?;
    found.body()
}

fn identities(world: &World<'_>, namespace: &str, name: &str) -> Option<Vec<Str>> {
    let body = find(world, "MeshTLSAuthentication", namespace, name)?;
    let listed = body
        .at(&["spec", "identities"])
        .and_then(Node::as_seq)
        .unwrap_or_default();
    let mut all: Vec<Str> = listed
        .iter()
        .filter_map(|n| n.as_str().map(Str::from))
        .collect();
    let referred = body
        .at(&["spec", "identityRefs"])
        .and_then(Node::as_seq)
        .unwrap_or_default();
    for one in referred {
        let text = |key| one.get(key).and_then(Node::as_str);
        let name = text("name").unwrap_or_default();
        let home = text("namespace").unwrap_or(namespace);
        all.push(match text("kind") {
            Some("Namespace") => {
                format!("*.{name}.serviceaccount.identity.linkerd.cluster.local").into()
            }
            _ => format!("{name}.{home}.serviceaccount.identity.linkerd.cluster.local").into(),
        });
    }
    Some(all)
}

/// The networks of an authentication; one without any is refused.
fn networks<'s>(world: &World<'s>, namespace: &str, name: &str) -> Option<&'s [Node]> {
    let body = find(world, "NetworkAuthentication", namespace, name)?;
    let listed = body.at(&["spec", "networks"]).and_then(Node::as_seq)?;
    (!listed.is_empty()).then_some(listed)
}

fn server_authorization(object: &Object) -> Option<Authorization<'_>> {
    let body = object.body()?;
    let server = body.at(&["spec", "server"])?;
    let target = match server.get("name").and_then(Node::as_str) {
        Some(name) => Target::Server(name.into()),
        None => Target::Selected(LabelSelector::read(server.get("selector")?)?),
    };
    let client = body.at(&["spec", "client"])?;
    let is_true = |path: &[&str]| client.at(path).and_then(Node::as_bool) == Some(true);
    let list = |path: &[&str]| client.at(path).and_then(Node::as_seq).unwrap_or_default();
    let needs_none = is_true(&["unauthenticated"]) || is_true(&["meshTLS", "unauthenticatedTLS"]);
    let mut identities: Vec<Str> = list(&["meshTLS", "identities"])
        .iter()
        .filter_map(|n| n.as_str().map(Str::from))
        .collect();
    for one in list(&["meshTLS", "serviceAccounts"]) {
        let text = |key| one.get(key).and_then(Node::as_str);
        let name = text("name").unwrap_or_default();
        let home = text("namespace").unwrap_or(object.namespace());
        identities
            .push(format!("{name}.{home}.serviceaccount.identity.linkerd.cluster.local").into());
    }
    let networks = list(&["networks"]);
    // Without networks the cluster's own are meant.
    let blocks = if networks.is_empty() {
        cluster_networks()
    } else {
        listed(networks)
    };
    Some(Authorization {
        object,
        target,
        target_kind: None,
        clients: Some(Clients {
            identities: (!needs_none).then_some(identities),
            networks: (!networks.is_empty()).then(|| cidrs(networks)),
            blocks: Some(blocks),
        }),
    })
}
