//! Policies of administrators: AdminNetworkPolicy and BaselineAdminNetworkPolicy (v1alpha1),
//! ClusterNetworkPolicy (v1alpha2).
//!
//! Both versions are of one group and mean the same with other words. A peer or protocol
//! without any field that is known comes from a newer version; then the rule closes: one that
//! accepts matches nothing, any other denies everything.

use super::read::{At, PortSpec, Read};
use super::{Action, Asks, Direction, Draft, DraftRule, Party, Subjects, Tier};
use crate::reach::{Block, Ports, Protocol};
use crate::selection::Certainty;
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;
use std::sync::Arc;

pub(super) const GROUP: &str = "policy.networking.k8s.io";
pub(super) const KINDS: [&str; 3] = [
    "AdminNetworkPolicy",
    "BaselineAdminNetworkPolicy",
    "ClusterNetworkPolicy",
];

/// The one BaselineAdminNetworkPolicy comes behind every ClusterNetworkPolicy of its tier.
const BASELINE: i64 = 1001;

pub(super) fn policy(object: &Object) -> Read<Vec<Draft<'_>>> {
    let Some(body) = object.body() else {
        return Ok(Vec::new());
    };
    let root = At::root(body);
    let Some(spec) = root.map("spec")? else {
        return root.fault("it has no spec");
    };
    let (tier, priority) = match &*object.reference.kind {
        "AdminNetworkPolicy" => (Tier::Admin, read_priority(&spec)?),
        "BaselineAdminNetworkPolicy" => (Tier::Baseline, BASELINE),
        _ => (read_tier(&spec)?, read_priority(&spec)?),
    };
    let subjects = Arc::new(read_subject(&spec)?);
    let mut drafts = Vec::new();
    for direction in [Direction::Ingress, Direction::Egress] {
        let mut rules = Vec::new();
        for rule in spec.maps(direction.name())? {
            read_rule(&rule, direction, tier, &mut rules)?;
        }
        let Some(place) = spec.get(direction.name()).filter(|_| !rules.is_empty()) else {
            continue;
        };
        drafts.push(Draft {
            object,
            tier,
            priority,
            direction,
            subjects: Arc::clone(&subjects),
            isolates: false,
            is_cilium: false,
            pointer: place.pointer.clone(),
            span: place.span(),
            rules,
        });
    }
    Ok(drafts)
}

fn read_tier(spec: &At<'_>) -> Read<Tier> {
    match spec.text("tier")? {
        Some("Admin") => Ok(Tier::Admin),
        Some("Baseline") => Ok(Tier::Baseline),
        _ => spec.fault("the tier is Admin or Baseline"),
    }
}

fn read_priority(spec: &At<'_>) -> Read<i64> {
    match spec.number("priority")? {
        Some(priority @ 0..=1000) => Ok(priority),
        Some(_) => spec.fault("the priority is a number from 0 to 1000"),
        None => spec.fault("it has no priority"),
    }
}

fn read_subject(spec: &At<'_>) -> Read<Subjects> {
    let Some(subject) = spec.map("subject")? else {
        return spec.fault("it has no subject");
    };
    match read_pods(&subject)? {
        Some((spaces, pods)) => Ok(Subjects::Across(spaces, pods)),
        None => subject.fault("the subject names neither namespaces nor pods"),
    }
}

/// `namespaces` or `pods`: selectors for namespaces and for pods in them.
fn read_pods(at: &At<'_>) -> Read<Option<(LabelSelector, LabelSelector)>> {
    let selector = |at: Option<At<'_>>| at.map_or(Ok(LabelSelector::default()), |at| at.selector());
    if let Some(spaces) = at.get("namespaces") {
        return Ok(Some((spaces.selector()?, LabelSelector::default())));
    }
    let Some(pods) = at.map("pods")? else {
        return Ok(None);
    };
    let spaces = selector(pods.get("namespaceSelector"))?;
    Ok(Some((spaces, selector(pods.get("podSelector"))?)))
}

fn read_rule(
    rule: &At<'_>,
    direction: Direction,
    tier: Tier,
    rules: &mut Vec<DraftRule>,
) -> Read<()> {
    let action = match (rule.text("action")?, tier) {
        (Some("Allow" | "Accept"), _) => Action::Allow,
        (Some("Deny"), _) => Action::Deny,
        (Some("Pass"), _) => Action::Pass,
        _ => return rule.fault("the action is none of Accept (Allow), Deny and Pass"),
    };
    let key = match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let peers = rule.maps(key)?;
    if peers.is_empty() {
        return rule.fault(format!("`{key}` names nobody"));
    }
    let mut parties = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut is_understood = true;
    for peer in &peers {
        match read_peer(peer)? {
            Some(Peer::Parties(more)) => parties.extend(more),
            Some(Peer::Names(more)) => names.extend(more),
            None => is_understood = false,
        }
    }
    let ports = read_ports(rule)?;
    is_understood &= ports.is_some();
    let ports = ports.unwrap_or_else(PortSpec::all);
    let draft = |action, parties, ports, condition| DraftRule {
        action,
        parties,
        ports,
        condition,
        pointer: rule.pointer.clone(),
        span: rule.span(),
    };
    if !is_understood {
        // Closed, as the API asks for.
        if action != Action::Allow {
            let everyone = vec![Party::Everyone];
            rules.push(draft(Action::Deny, everyone, PortSpec::all(), None));
        }
        return Ok(());
    }
    if !names.is_empty() && action != Action::Allow {
        return rule.fault("domainNames are for rules that accept only");
    }
    if !names.is_empty() {
        let condition = format!("only to {}", names.join(", "));
        let internet = vec![Party::Internet];
        rules.push(draft(
            action,
            internet,
            ports.clone(),
            Some(Asks::only(condition)),
        ));
    }
    rules.push(draft(action, parties, ports, None));
    Ok(())
}

enum Peer {
    Parties(Vec<Party>),
    /// Names in DNS.
    Names(Vec<String>),
}

/// A peer, or nothing when it comes from a newer version.
fn read_peer(peer: &At<'_>) -> Read<Option<Peer>> {
    if let Some((spaces, pods)) = read_pods(peer)? {
        return Ok(Some(Peer::Parties(vec![Party::Across(spaces, pods)])));
    }
    if let Some(nodes) = peer.get("nodes") {
        let every = nodes.selector()?.requirements.is_empty();
        let certainty = if every {
            Certainty::Yes
        } else {
            Certainty::Perhaps
        };
        return Ok(Some(Peer::Parties(vec![Party::Nodes(certainty)])));
    }
    let networks = peer.texts("networks")?;
    if !networks.is_empty() {
        let block = |at: &At<'_>| {
            let except = Vec::new();
            Ok(Party::Block(Block {
                cidr: at.cidr()?,
                except,
            }))
        };
        let parties = networks.iter().map(block).collect::<Read<_>>()?;
        return Ok(Some(Peer::Parties(parties)));
    }
    let names = peer.texts("domainNames")?;
    if !names.is_empty() {
        let names = names.iter().filter_map(|at| at.node.as_str());
        return Ok(Some(Peer::Names(names.map(str::to_owned).collect())));
    }
    Ok(None)
}

/// The ports of a rule, or nothing when a way to name them is not known.
fn read_ports(rule: &At<'_>) -> Read<Option<PortSpec>> {
    let mut items = rule.maps("ports")?;
    items.extend(rule.maps("protocols")?);
    if items.is_empty() {
        return Ok(Some(PortSpec::all()));
    }
    let mut ports = PortSpec::default();
    for item in items {
        if !read_port(&item, &mut ports)? {
            return Ok(None);
        }
    }
    Ok(Some(ports))
}

fn read_port(item: &At<'_>, ports: &mut PortSpec) -> Read<bool> {
    if let Some(one) = item.map("portNumber")? {
        let port = one.port("port")?.unwrap_or(0);
        ports.add(&Ports::one(one.protocol()?, port));
    } else if let Some(range) = item.map("portRange")? {
        let ends = (range.port("start")?, range.port("end")?);
        let (Some(start), Some(end)) = ends else {
            return range.fault("a range needs start and end");
        };
        ports.add(&Ports::range(range.protocol()?, start, end));
    } else if let Some(name) = item
        .text("namedPort")?
        .or(item.text("destinationNamedPort")?)
    {
        ports.names.push((None, name.into()));
    } else if let Some((protocol, of)) = by_protocol(item)? {
        ports.add(&destination(&of, protocol)?);
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// `tcp`, `udp` or `sctp`, which may be an empty mapping.
fn by_protocol<'n>(item: &At<'n>) -> Read<Option<(Protocol, At<'n>)>> {
    for (key, protocol) in [
        ("tcp", Protocol::Tcp),
        ("udp", Protocol::Udp),
        ("sctp", Protocol::Sctp),
    ] {
        if let Some(of) = item.map(key)? {
            return Ok(Some((protocol, of)));
        }
    }
    Ok(None)
}

fn destination(of: &At<'_>, protocol: Protocol) -> Read<Ports> {
    let Some(port) = of.map("destinationPort")? else {
        return Ok(Ports::every(protocol));
    };
    if let Some(number) = port.port("number")? {
        return Ok(Ports::one(protocol, number));
    }
    let range = port.map("range")?;
    let Some(range) = range.filter(|at| at.node.as_map().is_some_and(|m| !m.is_empty())) else {
        return port.fault("a destinationPort needs a number or a range");
    };
    let end = |key: &str| range.get(key).and_then(|at| Node::as_i64(at.node));
    let (Some(_), Some(_)) = (end("start"), end("end")) else {
        return range.fault("a range needs start and end");
    };
    let (start, last) = (range.port("start")?, range.port("end")?);
    Ok(Ports::range(
        protocol,
        start.unwrap_or(1),
        last.unwrap_or(0),
    ))
}
