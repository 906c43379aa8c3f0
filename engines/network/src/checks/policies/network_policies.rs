//! NP rules about NetworkPolicies themselves.

use super::peers::{Everyone, everyone, is_empty_selector, on, peers};
use super::{Report, Scene, place};
use crate::policy::{Direction, Policy, Rule};
use crate::reach::{Cidr, METADATA, Ports, Protocol};
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::World;
use seawall_model::{Proof, Severity};
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;

/// So many ports in a range are no list of services any more.
const WIDE: u32 = 10_000;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    for group in ["networking.k8s.io", "extensions"] {
        for object in scene.network.world().of_kind(group, "NetworkPolicy") {
            policy(scene, object, report);
        }
    }
}

fn policy(scene: &Scene<'_, '_>, object: &Object, report: &mut Report) {
    let policies = scene.policies(object);
    if policies.is_empty() {
        return; // not applied, which is a gap
    }
    report.assess_each(&[
        Id::NP_03,
        Id::NP_04,
        Id::NP_05,
        Id::NP_06,
        Id::NP_07,
        Id::NP_09,
        Id::NP_11,
        Id::NP_12,
        Id::NP_13,
        Id::NP_22,
    ]);
    without_effect(object, policies, report);
    on_nodes(scene, object, report);
    for policy in policies {
        for rule in &policy.rules {
            let Some(node) = object.body().and_then(|body| body.pointer(&rule.pointer)) else {
                continue;
            };
            let written = Written {
                scene,
                object,
                policy,
                rule,
                node,
            };
            written.check(report);
        }
    }
}

/// NP-06: rules for a direction that `policyTypes` leaves out.
fn without_effect(object: &Object, policies: &[&Policy<'_>], report: &mut Report) {
    for direction in Direction::ALL {
        let rules = object.items(&["spec", direction.name()]);
        let is_held = policies.iter().any(|policy| policy.direction == direction);
        if let Some(first) = rules.first().filter(|_| !is_held) {
            let types = match direction {
                Direction::Ingress => "Ingress",
                Direction::Egress => "Egress",
            };
            let pointer = format!("/spec/{}", direction.name());
            let message = format!(
                "rules for {} have no effect: policyTypes does not name {types}",
                direction.name()
            );
            let fix = format!("Add {types} to policyTypes, or remove the rules");
            report.add(
                object,
                Draft::new(Id::NP_06, place(&pointer, first.span), message, fix),
            );
        }
    }
}

/// NP-09: the policy chooses pods that are in their node's network.
fn on_nodes(scene: &Scene<'_, '_>, object: &Object, report: &mut Report) {
    let node = object
        .body()
        .and_then(|body| body.at(&["spec", "podSelector"]));
    let selector = node.and_then(LabelSelector::read);
    // Who writes a policy for the whole namespace does not mean these pods in particular.
    let Some(selector) = selector.filter(|selector| !selector.requirements.is_empty()) else {
        return;
    };
    let world = scene.network.world();
    let space = world.namespace(object.namespace());
    let chosen: Vec<usize> = world
        .endpoints
        .iter()
        .enumerate()
        .filter(|(_, endpoint)| Some(endpoint.namespace) == space && endpoint.is_host_network())
        .filter(|(_, endpoint)| selector.matches(&endpoint.template.labels))
        .map(|(index, _)| index)
        .collect();
    if chosen.is_empty() {
        return;
    }
    let message = format!(
        "the policy does not hold {}: pods in their node's network are as open as the node",
        scene.names(&chosen)
    );
    let fix = "Set hostNetwork to false, or hold the node by a host firewall".to_owned();
    let span = node.map_or(object.name_span, |node| node.span);
    let draft = Draft::new(Id::NP_09, place("/spec/podSelector", span), message, fix);
    report.add(object, draft.affects(scene.assets(&chosen)));
}

/// A rule of a policy as it is written and as it works.
struct Written<'n, 's> {
    scene: &'n Scene<'n, 's>,
    object: &'n Object,
    policy: &'n Policy<'s>,
    rule: &'n Rule,
    node: &'n Node,
}

impl Written<'_, '_> {
    fn check(&self, report: &mut Report) {
        self.names_without_port(report);
        self.wide_range(report);
        self.nobody(report);
        self.own_addresses(report);
        match self.policy.direction {
            Direction::Ingress => {
                self.everyone_in(report);
                self.two_items(report);
            }
            Direction::Egress => {
                self.metadata(report);
                self.names_to_anyone(report);
            }
        }
    }

    fn key(&self) -> &'static str {
        match self.policy.direction {
            Direction::Ingress => "from",
            Direction::Egress => "to",
        }
    }

    fn draft(&self, id: Id, rest: &str, node: &Node, message: String, fix: &str) -> Draft {
        let pointer = format!("{}{rest}", self.rule.pointer);
        let subjects = &self.policy.subjects;
        Draft::new(id, place(&pointer, node.span), message, fix.to_owned())
            .affects(self.scene.assets(subjects))
    }

    /// The ports of the rule where names are resolved by what the policy holds.
    fn ports(&self) -> Ports {
        let places = &self.scene.network.places;
        let mut ports = self.rule.ports.numbers.clone();
        for (protocol, name) in &self.rule.ports.names {
            for subject in &self.policy.subjects {
                ports = ports.or(&places.resolve(*subject, *protocol, name));
            }
        }
        ports
    }

    /// NP-03 and NP-12: everyone is let in.
    fn everyone_in(&self, report: &mut Report) {
        let Some((how, node, rest)) = everyone(self.node, "from") else {
            return;
        };
        let held = &self.policy.subjects;
        let ports = self.ports();
        if held.is_empty() || ports.is_empty() {
            return;
        }
        let (scene, whole) = (self.scene, self.rule.ports.numbers.is_all());
        let all = |test: &dyn Fn(&usize) -> bool| held.iter().all(test);
        // What is published itself, or called by the API server, has to let everyone in.
        let on_purpose = all(&|e| scene.doors.contains(e) || scene.called.contains(e));
        if on_purpose && !whole {
            return;
        }
        if !held.iter().any(|e| scene.is_reached_from_elsewhere(*e)) {
            return; // something above the policy stops it
        }
        let names = scene.names(held);
        let behind = |e: &usize| {
            scene
                .exposed
                .get(e)
                .is_some_and(|way| way.through.is_some())
        };
        if how == Everyone::Block && all(&behind) {
            let message = format!(
                "every address reaches {names} {}, past the proxy that publishes it",
                on(&ports)
            );
            let fix = "Allow the pods of the ingress controller or gateway instead of a block";
            report.add(
                self.object,
                self.draft(Id::NP_12, &rest, node, message, fix),
            );
            return;
        }
        let mut severity = Severity::Medium;
        if on_purpose {
            severity = severity.lowered();
        } else if whole {
            severity = severity.raised();
        }
        let message = format!("{}: everyone reaches {names} {}", how.words(), on(&ports));
        let fix = "Name the pods and namespaces that need to talk to these pods";
        let draft = self
            .draft(Id::NP_03, &rest, node, message, fix)
            .severity(severity);
        report.add(self.object, draft.maybe(scene.exposure_claim(held)));
    }

    /// NP-04: two items where one with both selectors was meant. The proof is that the second
    /// item chooses nobody here, and somebody in the namespaces of the first.
    fn two_items(&self, report: &mut Report) {
        let all = peers(self.node, self.key());
        for (index, pair) in all.windows(2).enumerate() {
            let [one, two] = pair else { continue };
            let only = |peer: &Node, key: &str| {
                let map = peer.as_map();
                map.is_some_and(|map| map.len() == 1 && map.contains_key(key))
            };
            if !only(one, "namespaceSelector") || !only(two, "podSelector") {
                continue;
            }
            let read = |peer: &Node, key: &str| peer.get(key).and_then(LabelSelector::read);
            let (Some(spaces), Some(pods)) =
                (read(one, "namespaceSelector"), read(two, "podSelector"))
            else {
                continue;
            };
            let world = self.scene.network.world();
            let here = is_chosen(world, &pods, |space| space == self.object.namespace());
            let there = is_chosen(world, &pods, |space| {
                let space = world.namespace(space).and_then(|id| world.namespace_at(id));
                space.is_some_and(|space| spaces.matches(&space.labels))
            });
            if here || !there {
                continue;
            }
            let message = format!(
                "two items are OR: every pod of the namespaces gets to {}, and the pods that the \
                 second one names are only there",
                self.scene.names(&self.policy.subjects)
            );
            let fix = "Write both selectors into one item of the list";
            let rest = format!("/from/{index}");
            report.add(self.object, self.draft(Id::NP_04, &rest, one, message, fix));
        }
    }

    /// NP-05: a named port that no pod has.
    fn names_without_port(&self, report: &mut Report) {
        let places = &self.scene.network.places;
        let resolving: Vec<usize> = match self.policy.direction {
            Direction::Ingress => self.policy.subjects.clone(),
            Direction::Egress => {
                let parties = self.rule.parties.iter();
                parties
                    .take_while(|place| *place < places.endpoints())
                    .collect()
            }
        };
        if resolving.is_empty() || self.policy.subjects.is_empty() {
            return;
        }
        let items = self
            .node
            .get("ports")
            .and_then(Node::as_seq)
            .unwrap_or_default();
        for (index, item) in items.iter().enumerate() {
            let Some((node, name)) = item.get("port").and_then(|n| Some((n, n.as_str()?))) else {
                continue;
            };
            let protocol = item.get("protocol").and_then(Node::as_str).unwrap_or("TCP");
            let protocol = Protocol::named(protocol);
            if resolving
                .iter()
                .any(|place| !places.resolve(*place, protocol, name).is_empty())
            {
                continue;
            }
            let message = format!(
                "no pod has a {} port named `{name}`: the rule lets nothing pass on it",
                protocol.map_or("", Protocol::name)
            );
            let fix = "Correct the name, or name the port in the pods' containers";
            let rest = format!("/ports/{index}/port");
            report.add(
                self.object,
                self.draft(Id::NP_05, &rest, node, message, fix),
            );
        }
    }

    /// NP-05: a range that is no list of services any more.
    fn wide_range(&self, report: &mut Report) {
        let items = self
            .node
            .get("ports")
            .and_then(Node::as_seq)
            .unwrap_or_default();
        for (index, item) in items.iter().enumerate() {
            let number = |key: &str| item.get(key).and_then(Node::as_i64);
            let Some((first, last)) = number("port").zip(number("endPort")) else {
                continue;
            };
            if last - first < i64::from(WIDE) {
                continue;
            }
            let message = format!(
                "the rule opens {} ports ({first} to {last})",
                last - first + 1
            );
            let fix = "List the ports that are needed";
            let draft = self.draft(Id::NP_05, &format!("/ports/{index}"), item, message, fix);
            report.add(self.object, draft.severity(Severity::Low));
        }
    }

    /// NP-07: a peer that chooses no pod of the namespace, whose pods are in the input.
    fn nobody(&self, report: &mut Report) {
        let world = self.scene.network.world();
        let is_own = |space: &str| space == self.object.namespace();
        for (index, peer) in peers(self.node, self.key()).iter().enumerate() {
            let map = peer.as_map();
            let Some(node) = peer
                .get("podSelector")
                .filter(|_| map.is_some_and(|m| m.len() == 1))
            else {
                continue;
            };
            let Some(selector) = LabelSelector::read(node) else {
                continue;
            };
            let has_pods = is_chosen(world, &LabelSelector::default(), is_own);
            if is_empty_selector(node) || !has_pods || is_chosen(world, &selector, is_own) {
                continue;
            }
            let message = "the peer chooses no pod of the namespace".to_owned();
            let fix = "Correct the labels, add a namespaceSelector if the pods are elsewhere, or \
                       remove the peer";
            let rest = format!("/{}/{index}", self.key());
            let draft = self.draft(Id::NP_07, &rest, node, message, fix);
            report.add(self.object, draft.severity(Severity::Low));
        }
    }

    /// NP-22: a block that only pods have addresses in.
    fn own_addresses(&self, report: &mut Report) {
        let pods = &self.scene.network.places.pods;
        if !pods.is_known {
            return;
        }
        for (index, peer) in peers(self.node, self.key()).iter().enumerate() {
            let Some(node) = peer.get("ipBlock").and_then(|block| block.get("cidr")) else {
                continue;
            };
            let Some(cidr) = node.as_str().and_then(Cidr::read) else {
                continue;
            };
            if !pods.ranges.iter().any(|range| range.holds(cidr)) {
                continue;
            }
            let message = format!("the block {cidr} is of pods, whose addresses change");
            let fix = "Choose the pods by their labels";
            let rest = format!("/{}/{index}/ipBlock/cidr", self.key());
            report.add(
                self.object,
                self.draft(Id::NP_22, &rest, node, message, fix),
            );
        }
    }

    /// NP-11: the way to the cloud's metadata is open.
    fn metadata(&self, report: &mut Report) {
        if !self.ports().has(Protocol::Tcp, 80) {
            return;
        }
        let network = self.scene.network;
        let regions = METADATA.into_iter().filter_map(Cidr::read);
        let known = regions.filter_map(|cidr| Some((cidr, network.places.regions.find(cidr)?)));
        let first = network.places.first_region();
        for (cidr, region) in known {
            let place = first + region;
            // An open list of peers is another rule's matter.
            let named = peers(self.node, "to")
                .iter()
                .enumerate()
                .find_map(|(index, peer)| {
                    let block = peer.get("ipBlock")?.get("cidr")?.as_str()?;
                    Cidr::read(block)?.holds(cidr).then_some((index, peer))
                });
            let Some((index, peer)) = named.filter(|_| self.rule.parties.has(place)) else {
                continue;
            };
            let open: Vec<usize> = self
                .policy
                .subjects
                .iter()
                .copied()
                .filter(|e| {
                    network
                        .policies_pass(*e, place)
                        .any()
                        .has(Protocol::Tcp, 80)
                })
                .collect();
            if open.is_empty() {
                continue;
            }
            let address = cidr.to_string();
            let address = address.split('/').next().unwrap_or_default();
            let message = format!(
                "{} may ask {address} for the node's cloud credentials",
                self.scene.names(&open)
            );
            let fix = format!("Add {cidr} to the block's except");
            let severity = self.scene.weighed(Id::NP_11.severity().lowered(), &open);
            let rest = format!("/to/{index}");
            let draft = self
                .draft(Id::NP_11, &rest, peer, message, &fix)
                .severity(severity);
            report.add(self.object, draft.maybe(self.scene.exposure_claim(&open)));
            return;
        }
    }

    /// NP-13: names can be asked of anyone.
    fn names_to_anyone(&self, report: &mut Report) {
        let ports = &self.rule.ports;
        let dns = [Protocol::Udp, Protocol::Tcp].map(|p| Ports::one(p, 53));
        let dns = Ports::union(&dns);
        let only_dns = ports.names.is_empty() && !ports.numbers.is_empty();
        if !only_dns || !ports.numbers.without(&dns).is_empty() {
            return;
        }
        let Some((_, node, rest)) = everyone(self.node, "to") else {
            return;
        };
        let held = &self.policy.subjects;
        let place = self.scene.network.places.internet.iter().next();
        let is_open = |e: &usize| {
            place.is_some_and(|p| {
                !self
                    .scene
                    .network
                    .policies_pass(*e, p)
                    .any()
                    .and(&dns)
                    .is_empty()
            })
        };
        if !held.iter().any(is_open) {
            return;
        }
        let message = format!(
            "{} may ask any server for names, and so send data out in questions",
            self.scene.names(held)
        );
        let fix = "Allow port 53 to the pods of the cluster's DNS only";
        let severity = self.scene.weighed(Severity::Low, held);
        let draft = self
            .draft(Id::NP_13, &rest, node, message, fix)
            .severity(severity);
        report.add(self.object, draft.maybe(self.scene.exposure_claim(held)));
    }
}

/// Whether a selector chooses a pod of a namespace that a test holds for.
fn is_chosen(world: &World<'_>, selector: &LabelSelector, test: impl Fn(&str) -> bool) -> bool {
    world.endpoints.iter().any(|endpoint| {
        let space = world.namespace_at(endpoint.namespace);
        space.is_some_and(|space| test(space.name)) && selector.matches(&endpoint.template.labels)
    })
}

/// The proof that a policy holds something.
pub(super) fn holds(object: &Object) -> Proof {
    Proof::Object(object.reference.clone())
}
