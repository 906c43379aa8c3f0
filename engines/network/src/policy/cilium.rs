//! CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy, `cilium.io/v2`.
//!
//! Words mean other things here than in NetworkPolicy: a rule without peers and ports allows
//! nothing, an empty list of peers is nobody while none at all is everybody on the ports, and
//! blocks of addresses never choose pods. What denies wins over what allows, whichever policy
//! says it.

mod labels;
mod ports;

use super::read::{At, PortSpec, Read};
use super::{Action, Asks, Direction, Draft, DraftRule, Party, Subjects, Tier};
use crate::reach::{Block, Cidr};
use crate::request::Condition;
use crate::selection::Certainty;
use crate::world::World;
use seawall_model::{Gap, GapKind};
use seawall_snapshot::{LabelSelector, Object};
use std::sync::Arc;

pub(crate) use labels::Endpoints;

pub(super) const GROUP: &str = "cilium.io";
const CLUSTERWIDE: &str = "CiliumClusterwideNetworkPolicy";
pub(super) const KINDS: [&str; 2] = ["CiliumNetworkPolicy", CLUSTERWIDE];

/// Whether a world has policies of Cilium.
pub(crate) fn is_here(world: &World<'_>) -> bool {
    let mut kinds = KINDS.iter();
    kinds.any(|kind| !world.of_kind(GROUP, kind).is_empty())
}

/// Reads a policy; what of it is not computed goes to the gaps.
pub(super) fn policy<'s>(
    world: &World<'s>,
    object: &'s Object,
    gaps: &mut Vec<Gap>,
) -> Read<Vec<Draft<'s>>> {
    let is_wide = &*object.reference.kind == CLUSTERWIDE;
    let reader = Reader {
        world,
        object,
        namespace: (!is_wide).then(|| object.namespace()),
    };
    reader.policy(gaps)
}

struct Reader<'w, 's> {
    world: &'w World<'s>,
    object: &'s Object,
    /// The policy's, unless it is for the whole cluster.
    namespace: Option<&'s str>,
}

/// One of the four lists of rules.
#[derive(Clone, Copy)]
struct List {
    key: &'static str,
    direction: Direction,
    action: Action,
}

const LISTS: [List; 4] = [
    List {
        key: "ingress",
        direction: Direction::Ingress,
        action: Action::Allow,
    },
    List {
        key: "ingressDeny",
        direction: Direction::Ingress,
        action: Action::Deny,
    },
    List {
        key: "egress",
        direction: Direction::Egress,
        action: Action::Allow,
    },
    List {
        key: "egressDeny",
        direction: Direction::Egress,
        action: Action::Deny,
    },
];

impl<'s> Reader<'_, 's> {
    fn policy(&self, gaps: &mut Vec<Gap>) -> Read<Vec<Draft<'s>>> {
        let Some(body) = self.object.body() else {
            return Ok(Vec::new());
        };
        let root = At::root(body);
        let mut specs = root.maps("specs")?;
        specs.extend(root.map("spec")?);
        if specs.is_empty() {
            return root.fault("it has neither spec nor specs");
        }
        let mut drafts = Vec::new();
        for spec in specs {
            drafts.extend(self.spec(&spec, gaps)?);
        }
        Ok(drafts)
    }

    fn spec(&self, spec: &At<'_>, gaps: &mut Vec<Gap>) -> Read<Vec<Draft<'s>>> {
        let subjects = match (spec.get("endpointSelector"), spec.get("nodeSelector")) {
            (Some(_), Some(_)) => return spec.fault("it has endpointSelector and nodeSelector"),
            (None, None) => return spec.fault("it has neither endpointSelector nor nodeSelector"),
            (None, Some(nodes)) => {
                nodes.selector()?;
                gaps.push(self.host_policy(&nodes));
                return Ok(Vec::new());
            }
            (Some(pods), None) => Endpoints::held(&pods, self.namespace)?,
        };
        let subjects = Arc::new(Subjects::Cilium(subjects));
        let chosen = spec.map("enableDefaultDeny")?;
        let mut drafts = Vec::new();
        for direction in [Direction::Ingress, Direction::Egress] {
            let mut rules = Vec::new();
            let mut place = None;
            for list in LISTS.iter().filter(|list| list.direction == direction) {
                let items = spec.maps(list.key)?;
                for item in &items {
                    self.rule(item, *list, &mut rules)?;
                }
                if !items.is_empty() && place.is_none() {
                    place = spec.get(list.key);
                }
            }
            let chosen = chosen.as_ref().map(|at| at.flag(direction.name()));
            let isolates = chosen.transpose()?.flatten().unwrap_or(true);
            // Without rules Cilium has nothing to hang a default on, whatever is chosen.
            let Some(place) = place else { continue };
            drafts.push(Draft {
                object: self.object,
                tier: Tier::Namespace,
                priority: 0,
                direction,
                subjects: Arc::clone(&subjects),
                isolates,
                is_cilium: true,
                pointer: place.pointer.clone(),
                span: place.span(),
                rules,
            });
        }
        if drafts.is_empty() {
            return spec.fault("it has no rules, so Cilium refuses it");
        }
        Ok(drafts)
    }

    fn host_policy(&self, nodes: &At<'_>) -> Gap {
        let object = &self.object.reference;
        Gap {
            kind: GapKind::Unsupported,
            subject: object.to_string().into(),
            span: nodes.span(),
            reason: format!(
                "{object} is for nodes, and whether the host firewall is on is not in the \
                 input: nodes are taken as open"
            ),
            hint: String::new(),
            units: 0,
        }
    }

    fn rule(&self, rule: &At<'_>, list: List, rules: &mut Vec<DraftRule>) -> Read<()> {
        let Peers {
            parties,
            names,
            is_named,
            is_nobody,
        } = self.peers(rule, list)?;
        let ports = ports::read(rule, list.action)?;
        let has_icmp = rule.get("icmps").is_some();
        let draft = |parties, ports, condition| DraftRule {
            action: list.action,
            parties,
            ports,
            condition,
            pointer: rule.pointer.clone(),
            span: rule.span(),
        };
        // A list of peers that is there and empty is nobody; a rule without peers and ports
        // allows nothing; one for ICMP alone says nothing of ports.
        let says_nothing = ports.is_none() && (!is_named || has_icmp);
        if is_nobody || says_nothing {
            let nobody = vec![Party::Nobody];
            rules.push(draft(nobody, PortSpec::all(), None));
            return Ok(());
        }
        let whole = || vec![(PortSpec::all(), None)];
        for (ports, condition) in ports.unwrap_or_else(whole) {
            if !names.is_empty() {
                let mut asks = Asks::only(format!("only to {}", names.join(", ")));
                if let Some(more) = condition {
                    asks.words = format!("{}; {}", asks.words, more.words).into();
                    asks.requests = Condition::all([asks.requests, more.requests]);
                }
                let internet = vec![Party::Internet];
                rules.push(draft(internet, ports.clone(), Some(asks)));
                continue;
            }
            let parties = if is_named {
                parties.clone()
            } else {
                vec![Party::Everyone]
            };
            rules.push(draft(parties, ports, condition));
        }
        Ok(())
    }

    fn peers(&self, rule: &At<'_>, list: List) -> Read<Peers> {
        let way = match list.direction {
            Direction::Ingress => "from",
            Direction::Egress => "to",
        };
        let mut peers = Peers::default();
        let mut used: Vec<&str> = Vec::new();
        for field in FIELDS {
            let key = format!("{way}{field}");
            let Some(items) = rule.list(&key)? else {
                continue;
            };
            if items.is_empty() {
                peers.is_nobody |= EMPTY_IS_NOBODY.contains(&field);
                continue;
            }
            if let Some(other) = used.first() {
                return rule.fault(format!("{way}{other} and {key} in one rule"));
            }
            used.push(field);
            peers.is_named = true;
            for item in &items {
                self.peer(item, field, &mut peers)?;
            }
            if field == "Entities" && list.action == Action::Deny {
                doubt_nodes(&items, &mut peers.parties);
            }
        }
        Ok(peers)
    }

    fn peer(&self, item: &At<'_>, field: &str, peers: &mut Peers) -> Read<()> {
        match field {
            "Endpoints" => {
                let party = Endpoints::peers(item, self.namespace)?;
                peers.parties.push(Party::Cilium(party));
            }
            "Entities" => entity(item, &mut peers.parties)?,
            "CIDR" => {
                let text = item.node.as_str().unwrap_or_default();
                let Some(cidr) = Cidr::read_loosely(text) else {
                    return item.fault(format!("`{text}` is no block of addresses"));
                };
                let except = Vec::new();
                peers.parties.push(Party::Beyond(Block { cidr, except }));
            }
            "CIDRSet" => self.cidr_set(item, &mut peers.parties)?,
            "FQDNs" => {
                let name = item.text("matchName")?;
                let pattern = item.text("matchPattern")?;
                let Some(name) = name.or(pattern) else {
                    return item.fault("a name needs matchName or matchPattern");
                };
                peers.names.push(name.to_owned());
            }
            "Services" => self.service(item, &mut peers.parties)?,
            "Nodes" => {
                let every = item.selector()?.requirements.is_empty();
                let sure = if every {
                    Certainty::Yes
                } else {
                    Certainty::Perhaps
                };
                peers.parties.push(Party::Nodes(sure));
            }
            // Groups of a cloud provider: some of its machines.
            _ => peers.names.push("the groups that it names".to_owned()),
        }
        Ok(())
    }

    /// A block with exceptions, or a CiliumCIDRGroup by name or label.
    fn cidr_set(&self, item: &At<'_>, parties: &mut Vec<Party>) -> Read<()> {
        let mut except = Vec::new();
        for out in item.texts("except")? {
            except.push(out.cidr()?);
        }
        if let Some(cidr) = item.get("cidr").filter(|at| at.node.as_str() != Some("")) {
            let cidr = cidr.cidr()?;
            if let Some(out) = except.iter().find(|out| !cidr.holds(**out)) {
                return item.fault(format!("the exception {out} is no part of {cidr}"));
            }
            parties.push(Party::Beyond(Block { cidr, except }));
            return Ok(());
        }
        let name = item.text("cidrGroupRef")?;
        let selector = item.get("cidrGroupSelector");
        let selector = selector.map(|at| at.selector()).transpose()?;
        if name.is_none() && selector.is_none() {
            return item.fault("an item needs cidr, cidrGroupRef or cidrGroupSelector");
        }
        for group in self.world.of_kind(GROUP, "CiliumCIDRGroup") {
            let is_it = name.is_some_and(|name| name == &*group.reference.name)
                || selector.as_ref().is_some_and(|s| s.matches(&group.labels));
            let Some(body) = group.body().filter(|_| is_it) else {
                continue;
            };
            let Some(spec) = At::root(body).map("spec")? else {
                continue;
            };
            for at in spec.texts("externalCIDRs")? {
                let text = at.node.as_str().unwrap_or_default();
                if let Some(cidr) = Cidr::read_loosely(text) {
                    let except = except.clone();
                    parties.push(Party::Beyond(Block { cidr, except }));
                }
            }
        }
        parties.push(Party::Nobody);
        Ok(())
    }

    fn service(&self, item: &At<'_>, parties: &mut Vec<Party>) -> Read<()> {
        let mut chosen: Vec<&Object> = Vec::new();
        let own = self.namespace.unwrap_or("default");
        let services = self.world.of_kind("", "Service");
        if let Some(by_name) = item.map("k8sService")? {
            let name = by_name.text("serviceName")?.unwrap_or_default();
            let space = by_name.text("namespace")?.unwrap_or(own);
            let is_it = |o: &&&Object| &*o.reference.name == name && o.namespace() == space;
            chosen.extend(services.iter().filter(is_it));
        } else if let Some(by_label) = item.map("k8sServiceSelector")? {
            let space = by_label.text("namespace")?.unwrap_or(own);
            let Some(selector) = by_label.get("selector") else {
                return by_label.fault("it has no selector");
            };
            let selector = selector.selector()?;
            let is_it = |o: &&&Object| o.namespace() == space && selector.matches(&o.labels);
            chosen.extend(services.iter().filter(is_it));
        }
        for service in chosen {
            let selector = service
                .body()
                .and_then(|body| body.at(&["spec", "selector"]));
            let selector = selector.and_then(LabelSelector::read_map);
            if let Some(selector) = selector.filter(|s| !s.requirements.is_empty()) {
                parties.push(Party::Behind(service.namespace().into(), selector));
            }
        }
        parties.push(Party::Nobody);
        Ok(())
    }
}

/// What a rule may name its peers with; one of them in each rule.
const FIELDS: [&str; 8] = [
    "Endpoints",
    "Entities",
    "CIDR",
    "CIDRSet",
    "FQDNs",
    "Services",
    "Nodes",
    "Groups",
];

/// The lists that choose nobody when they are there and empty (since Cilium 1.16).
const EMPTY_IS_NOBODY: [&str; 5] = ["Endpoints", "Entities", "CIDR", "CIDRSet", "Nodes"];

#[derive(Default)]
struct Peers {
    parties: Vec<Party>,
    /// Names in DNS, whose addresses are beyond the cluster.
    names: Vec<String>,
    is_named: bool,
    /// Whether a list is there and empty.
    is_nobody: bool,
}

/// Which node a pod of the node's network is on is not in the input, so a rule that denies only
/// the pod's own node, or only all others, denies it perhaps.
fn doubt_nodes(entities: &[At<'_>], parties: &mut [Party]) {
    let has = |name: &str| entities.iter().any(|at| at.node.as_str() == Some(name));
    if has("host") && has("remote-node") {
        return;
    }
    for party in parties {
        if let Party::Nodes(sure) = party {
            *sure = Certainty::Perhaps;
        }
    }
}

fn entity(item: &At<'_>, parties: &mut Vec<Party>) -> Read<()> {
    let name = item.node.as_str().unwrap_or_default();
    match name {
        "all" => parties.push(Party::Everyone),
        "world" => parties.push(Party::World),
        "world-ipv4" | "world-ipv6" => {
            let text = if name == "world-ipv4" {
                "0.0.0.0/0"
            } else {
                "::/0"
            };
            if let Some(cidr) = Cidr::read(text) {
                let except = Vec::new();
                parties.push(Party::Beyond(Block { cidr, except }));
            }
        }
        "cluster" => parties.push(Party::Cluster),
        "host" | "remote-node" | "kube-apiserver" => parties.push(Party::Nodes(Certainty::Yes)),
        "ingress" => parties.push(Party::Edge),
        // Pods of other clusters, pods that Cilium does not manage or does not know yet, its own
        // health checks: none of the picture.
        "cluster-mesh" | "init" | "unmanaged" | "health" | "none" => parties.push(Party::Nobody),
        _ => return item.fault(format!("`{name}` is no entity")),
    }
    Ok(())
}
