//! NetworkPolicy, `networking.k8s.io/v1`: exactly as its API says.
//!
//! An absent or empty `from`, `to` or `ports` is everything; an empty list of rules is nothing;
//! an item without any field lets everything pass.

use super::read::{At, PortSpec, Read, is_port_name};
use super::{Action, Direction, Draft, DraftRule, Party, Subjects, Tier};
use crate::reach::{Block, Ports};
use seawall_model::Str;
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Value;
use std::sync::Arc;

pub(super) fn policy(object: &Object) -> Read<Vec<Draft<'_>>> {
    let Some(body) = object.body() else {
        return Ok(Vec::new());
    };
    let root = At::root(body);
    let spec = root.map("spec")?;
    // A policy without a spec holds every pod of its namespace.
    let Some(spec) = spec else {
        let subjects = Subjects::Local(object.namespace().into(), LabelSelector::default());
        let draft = draft(
            object,
            Direction::Ingress,
            &Arc::new(subjects),
            &root,
            Vec::new(),
        );
        return Ok(vec![draft]);
    };
    let namespace = object.namespace();
    let pods = spec.get("podSelector");
    let pods = pods.map_or(Ok(LabelSelector::default()), |at| at.selector())?;
    let subjects = Arc::new(Subjects::Local(namespace.into(), pods));
    let mut drafts = Vec::new();
    let types = types(&spec)?;
    for direction in [Direction::Ingress, Direction::Egress] {
        let rules = spec.maps(direction.name())?;
        // Rules are checked even where they have no effect.
        let rules: Vec<DraftRule> = rules
            .iter()
            .map(|rule| read_rule(rule, direction, namespace))
            .collect::<Read<_>>()?;
        if types.contains(&direction) {
            let place = spec.get(direction.name()).unwrap_or_else(|| spec.clone());
            drafts.push(draft(object, direction, &subjects, &place, rules));
        }
    }
    Ok(drafts)
}

fn draft<'s>(
    object: &'s Object,
    direction: Direction,
    subjects: &Arc<Subjects>,
    place: &At<'_>,
    rules: Vec<DraftRule>,
) -> Draft<'s> {
    Draft {
        object,
        tier: Tier::Namespace,
        priority: 0,
        direction,
        subjects: Arc::clone(subjects),
        isolates: true,
        is_cilium: false,
        pointer: place.pointer.clone(),
        span: place.span(),
        rules,
    }
}

/// The directions that the policy holds: as it says, else ingress, and egress when it has rules
/// for it.
fn types(spec: &At<'_>) -> Read<Vec<Direction>> {
    let named = spec.texts("policyTypes")?;
    if named.is_empty() {
        let egress = !spec.list("egress")?.unwrap_or_default().is_empty();
        let both = [Direction::Ingress, Direction::Egress];
        return Ok(both.into_iter().take(1 + usize::from(egress)).collect());
    }
    named
        .iter()
        .map(|at| match at.node.as_str() {
            Some("Ingress") => Ok(Direction::Ingress),
            Some("Egress") => Ok(Direction::Egress),
            _ => at.fault("a policy type is Ingress or Egress"),
        })
        .collect()
}

fn read_rule(rule: &At<'_>, direction: Direction, namespace: &str) -> Read<DraftRule> {
    let key = match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let peers = rule.maps(key)?;
    let mut parties: Vec<Party> = peers
        .iter()
        .map(|peer| read_peer(peer, namespace))
        .collect::<Read<_>>()?;
    if parties.is_empty() {
        parties.push(Party::Everyone);
    }
    Ok(DraftRule {
        action: Action::Allow,
        parties,
        ports: read_ports(rule)?,
        condition: None,
        pointer: rule.pointer.clone(),
        span: rule.span(),
    })
}

fn read_peer(peer: &At<'_>, namespace: &str) -> Read<Party> {
    let selector = |key: &str| peer.get(key).map(|at| at.selector()).transpose();
    let (spaces, pods) = (selector("namespaceSelector")?, selector("podSelector")?);
    match (peer.map("ipBlock")?, spaces, pods) {
        (Some(block), None, None) => read_block(&block).map(Party::Block),
        (Some(_), _, _) => peer.fault("a peer with ipBlock has no other field"),
        (None, None, None) => peer.fault("a peer needs a selector or an ipBlock"),
        (None, None, Some(pods)) => Ok(Party::Local(Str::from(namespace), pods)),
        (None, Some(spaces), pods) => Ok(Party::Across(spaces, pods.unwrap_or_default())),
    }
}

fn read_block(block: &At<'_>) -> Read<Block> {
    let Some(cidr) = block.get("cidr") else {
        return block.fault("an ipBlock needs a cidr");
    };
    let cidr = cidr.cidr()?;
    let mut except = Vec::new();
    for out in block.texts("except")? {
        let inner = out.cidr()?;
        if !cidr.holds(inner) || inner == cidr {
            return out.fault(format!("the exception {inner} is no part of {cidr}"));
        }
        except.push(inner);
    }
    Ok(Block { cidr, except })
}

fn read_ports(rule: &At<'_>) -> Read<PortSpec> {
    let items = rule.maps("ports")?;
    if items.is_empty() {
        return Ok(PortSpec::all());
    }
    let mut ports = PortSpec::default();
    for item in items {
        let protocol = item.protocol()?;
        let end = item.port("endPort")?;
        let Some(port) = item.get("port") else {
            if end.is_some() {
                return item.fault("endPort without port");
            }
            ports.add(&Ports::every(protocol));
            continue;
        };
        if let Value::String(name) = &port.node.value {
            if !is_port_name(name) {
                return port.fault(format!("`{name}` is no name of a port"));
            }
            if end.is_some() {
                return item.fault("endPort with a named port");
            }
            ports.names.push((Some(protocol), name.clone()));
            continue;
        }
        let first = item.port("port")?.unwrap_or(0);
        let last = end.unwrap_or(first);
        if last < first {
            return item.fault("endPort is before port");
        }
        ports.add(&Ports::range(protocol, first, last));
    }
    Ok(ports)
}
