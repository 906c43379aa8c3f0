//! CIL rules about Cilium's policies.

mod elsewhere;
mod identity;
mod requests;
mod settings;
mod united;

use super::peers::is_empty_selector;
use super::{Report, Scene, place, plugin};
use crate::policy::{At, Direction, Policy, Tier};
use crate::reach::{Cidr, METADATA, Protocol};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Asset, Proof, Severity};
use seawall_snapshot::Object;
use std::collections::BTreeMap;

const KINDS: [&str; 2] = ["CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"];

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    settings::check(scene, report);
    identity::check(scene, report);
    elsewhere::check(scene, report);
    united::check(scene, report);
    let world = scene.network.world();
    let all: Vec<&Object> = KINDS
        .iter()
        .flat_map(|kind| world.of_kind("cilium.io", kind))
        .copied()
        .collect();
    if let Some(first) = all.first() {
        open_namespaces(scene, first, report);
    }
    for object in all {
        let policies = scene.policies(object);
        let Some(body) = object.body().filter(|_| !policies.is_empty()) else {
            continue; // not applied, which is a gap
        };
        report.assess_each(&RULES);
        let root = At::root(body);
        let mut specs = root.maps("specs").unwrap_or_default();
        specs.extend(root.map("spec").ok().flatten());
        for spec in &specs {
            let policy = Read {
                scene,
                object,
                policies,
                is_wide: &*object.reference.kind == KINDS[1],
            };
            policy.check(spec, report);
            requests::check(scene, object, spec, report);
        }
    }
}

const RULES: [Id; 14] = [
    Id::CIL_04,
    Id::CIL_05,
    Id::CIL_06,
    Id::CIL_07,
    Id::CIL_08,
    Id::CIL_09,
    Id::CIL_10,
    Id::CIL_11,
    Id::CIL_12,
    Id::CIL_13,
    Id::CIL_17,
    Id::CIL_18,
    Id::CIL_19,
    Id::CIL_21,
];

/// CIL-02: pods that nothing holds, where others are held by Cilium's policies.
fn open_namespaces(scene: &Scene<'_, '_>, first: &Object, report: &mut Report) {
    let world = scene.network.world();
    let mut open: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (index, endpoint) in world.endpoints.iter().enumerate() {
        let held = scene.network.ingress.holding.get(index);
        let is_held = held.is_some_and(|held| {
            let mut held = held
                .iter()
                .filter_map(|(i, _)| scene.network.policies.all.get(*i));
            held.any(|policy| policy.isolates || policy.tier != Tier::Namespace)
        });
        let kind = &*endpoint.workload.owner.kind;
        if endpoint.is_host_network() || matches!(kind, "Job" | "CronJob" | "PodTemplate") {
            continue;
        }
        let space = world.namespace_at(endpoint.namespace);
        if space.is_some_and(|space| space.name.starts_with("kube-")) {
            continue;
        }
        report.assess_each(&[Id::CIL_02]);
        if !is_held {
            open.entry(endpoint.namespace.0).or_default().push(index);
        }
    }
    for endpoints in open.into_values() {
        let Some(endpoint) = endpoints.first().and_then(|e| world.endpoints.get(*e)) else {
            continue;
        };
        let space = world
            .namespace_at(endpoint.namespace)
            .and_then(|space| space.object);
        let object = space.unwrap_or(endpoint.object);
        let message = format!(
            "no policy holds {}: every pod of the cluster gets there",
            scene.names(&endpoints)
        );
        let fix = "Add a CiliumClusterwideNetworkPolicy that denies ingress by default";
        let locus = seawall_model::Locus {
            pointer: String::new(),
            path: "networkpolicies".to_owned(),
            span: object.name_span,
        };
        let draft = Draft::new(Id::CIL_02, locus, message, fix.to_owned())
            .severity(scene.weighed(Severity::Medium, &endpoints))
            .affects(scene.assets(&endpoints))
            .evidence(
                "other pods are held by Cilium's policies",
                Proof::Object(first.reference.clone()),
            )
            .maybe(scene.exposure_claim(&endpoints));
        report.add(object, draft);
    }
}

/// One policy as it is written, with what it came to.
struct Read<'n, 's> {
    scene: &'n Scene<'n, 's>,
    object: &'n Object,
    policies: &'n [&'n Policy<'s>],
    is_wide: bool,
}

impl Read<'_, '_> {
    fn check(&self, spec: &At<'_>, report: &mut Report) {
        self.without_default(spec, report);
        for (direction, key, denies) in [
            (Direction::Ingress, "ingress", false),
            (Direction::Ingress, "ingressDeny", true),
            (Direction::Egress, "egress", false),
            (Direction::Egress, "egressDeny", true),
        ] {
            for rule in spec.maps(key).unwrap_or_default() {
                self.authentication(&rule, report);
                self.requires(&rule, direction, report);
                if denies {
                    self.denied_blocks(&rule, direction, report);
                } else {
                    self.rule(&rule, direction, report);
                }
            }
        }
    }

    fn held(&self, direction: Direction) -> Vec<usize> {
        let own = self
            .policies
            .iter()
            .filter(|policy| policy.direction == direction);
        let mut held: Vec<usize> = own
            .flat_map(|policy| policy.subjects.iter().copied())
            .collect();
        held.sort_unstable();
        held.dedup();
        held
    }

    fn draft(&self, id: Id, at: &At<'_>, message: String, fix: &str, held: &[usize]) -> Draft {
        Draft::new(id, place(&at.pointer, at.span()), message, fix.to_owned())
            .affects(self.scene.assets(held).into_iter().collect::<Vec<Asset>>())
    }

    /// CIL-04: enableDefaultDeny false, and nothing else holds the pods.
    fn without_default(&self, spec: &At<'_>, report: &mut Report) {
        let Ok(Some(setting)) = spec.map("enableDefaultDeny") else {
            return;
        };
        for direction in Direction::ALL {
            if setting.flag(direction.name()).ok().flatten() != Some(false) {
                continue;
            }
            let rows = match direction {
                Direction::Ingress => &self.scene.network.ingress,
                Direction::Egress => &self.scene.network.egress,
            };
            let allows = spec
                .maps(direction.name())
                .is_ok_and(|rules| !rules.is_empty());
            let open: Vec<usize> = self
                .held(direction)
                .into_iter()
                .filter(|subject| {
                    let held = rows.holding.get(*subject).into_iter().flatten();
                    let mut held =
                        held.filter_map(|(i, _)| self.scene.network.policies.all.get(*i));
                    !held.any(|policy| policy.isolates || policy.tier != Tier::Namespace)
                })
                .collect();
            if open.is_empty() || !allows {
                continue;
            }
            let at = setting
                .get(direction.name())
                .unwrap_or_else(|| setting.clone());
            let message = format!(
                "the rules allow what is open anyway: without default deny nothing holds {}",
                self.scene.names(&open)
            );
            let fix = "Remove enableDefaultDeny, or add a policy that denies by default";
            let draft = self.draft(Id::CIL_04, &at, message, fix, &open);
            report.add(self.object, draft.maybe(self.scene.exposure_claim(&open)));
        }
    }

    /// CIL-17: authentication that proves nothing, or protects nothing on the way.
    fn authentication(&self, rule: &At<'_>, report: &mut Report) {
        let Ok(Some(setting)) = rule.map("authentication") else {
            return;
        };
        let Some(mode) = setting.get("mode") else {
            return;
        };
        let (message, fix) = match mode.node.as_str() {
            Some("disabled") => (
                "authentication is disabled: it always succeeds",
                "Set authentication.mode to required",
            ),
            Some("required") if !plugin::is_encrypted(self.scene.network.world()) => (
                "authentication is required and traffic is not encrypted: what was proved once \
                 is not bound to the connection",
                "Enable WireGuard or IPsec as well",
            ),
            _ => return,
        };
        let draft = self.draft(Id::CIL_17, &mode, message.to_owned(), fix, &[]);
        report.add(self.object, draft);
    }

    /// CIL-21: a constraint that newer releases ignore.
    fn requires(&self, rule: &At<'_>, direction: Direction, report: &mut Report) {
        let key = match direction {
            Direction::Ingress => "fromRequires",
            Direction::Egress => "toRequires",
        };
        let Some(at) = rule.get(key) else { return };
        let message =
            format!("Cilium 1.19 and newer ignore {key}: the rule allows more than it says");
        let fix = "Write the requirement into the selectors of the peers";
        let held = self.held(direction);
        report.add(
            self.object,
            self.draft(Id::CIL_21, &at, message, fix, &held),
        );
    }

    /// CIL-13: a denied block that is meant for pods.
    fn denied_blocks(&self, rule: &At<'_>, direction: Direction, report: &mut Report) {
        let pods = &self.scene.network.places.pods;
        for (at, cidr) in blocks(rule, direction) {
            let of_pods = pods.is_known && pods.ranges.iter().any(|range| range.holds(cidr));
            if !of_pods && !cidr.is_everything() {
                continue;
            }
            let message = format!("denying {cidr} stops no pod: blocks never choose pods");
            let fix = "Deny pods by fromEndpoints or toEndpoints, or the entity cluster";
            let held = self.held(direction);
            let mut draft = self.draft(Id::CIL_13, &at, message, fix, &held);
            if !of_pods {
                draft = draft.severity(Severity::Medium);
            }
            report.add(self.object, draft);
        }
    }

    fn rule(&self, rule: &At<'_>, direction: Direction, report: &mut Report) {
        let map = rule.node.as_map();
        if map.is_none_or(seawall_yaml::Map::is_empty) {
            let message =
                "an empty rule allows nothing here; in a NetworkPolicy it allows everything";
            let fix =
                "Keep it if everything is to be denied; else name peers (fromEntities: [all])";
            report.add(
                self.object,
                self.draft(Id::CIL_05, rule, message.to_owned(), fix, &[]),
            );
            return;
        }
        self.nobody(rule, direction, report);
        self.entities(rule, direction, report);
        match direction {
            Direction::Ingress => self.all_pods(rule, report),
            Direction::Egress => {
                self.names(rule, report);
                self.metadata(rule, report);
            }
        }
    }

    /// CIL-10: an empty list of endpoints.
    fn nobody(&self, rule: &At<'_>, direction: Direction, report: &mut Report) {
        let key = match direction {
            Direction::Ingress => "fromEndpoints",
            Direction::Egress => "toEndpoints",
        };
        let list = rule.list(key).ok().flatten();
        let Some(at) = rule
            .get(key)
            .filter(|_| list.is_some_and(|list| list.is_empty()))
        else {
            return;
        };
        let message = format!("{key} is an empty list, which is nobody: the rule allows nothing");
        let fix = format!("Name the endpoints, or remove {key} to mean everyone on the ports");
        report.add(self.object, self.draft(Id::CIL_10, &at, message, &fix, &[]));
    }

    /// CIL-06, CIL-07 and CIL-08: entities that are more than they look like.
    fn entities(&self, rule: &At<'_>, direction: Direction, report: &mut Report) {
        let key = match direction {
            Direction::Ingress => "fromEntities",
            Direction::Egress => "toEntities",
        };
        let held = self.held(direction);
        if held.is_empty() {
            return;
        }
        let names = self.scene.names(&held);
        let ports = rule.maps("toPorts").unwrap_or_default();
        let limits = |key: &str| ports.iter().all(|item| item.get(key).is_some());
        let has_ports = !ports.is_empty();
        let has_requests = has_ports && limits("rules");
        for at in rule.texts(key).unwrap_or_default() {
            let entity = at.node.as_str().unwrap_or_default();
            let on_purpose = held.iter().all(|e| self.scene.doors.contains(e));
            match (direction, entity) {
                (Direction::Ingress, "ingress") if !has_requests => {
                    let message = format!(
                        "whoever gets to Cilium's ingress gets to {names}: it hides who asks"
                    );
                    let fix = "Add rules for HTTP, or let the application check who asks";
                    let draft = self.draft(Id::CIL_08, &at, message, fix, &held);
                    report.add(self.object, draft.severity(Severity::Medium));
                }
                (Direction::Ingress, "cluster" | "remote-node") if self.is_native() => {
                    let message = format!(
                        "with native routing traffic from outside that another node forwards is \
                         of {entity}: it gets to {names}"
                    );
                    let fix = "Name the endpoints instead of the entity";
                    report.add(
                        self.object,
                        self.draft(Id::CIL_07, &at, message, fix, &held),
                    );
                }
                (Direction::Ingress, "all" | "world") if on_purpose && has_ports => {}
                (_, "all" | "world" | "cluster" | "cluster-mesh" | "unmanaged" | "init")
                    if !has_requests =>
                {
                    let egress_inside =
                        direction == Direction::Egress && entity != "all" && entity != "world";
                    if egress_inside {
                        continue;
                    }
                    let whom = match entity {
                        "all" => "everyone",
                        "world" => "every address beyond the cluster",
                        "cluster" => "every pod and node of the cluster",
                        "cluster-mesh" => "every pod of every connected cluster",
                        _ => "pods that Cilium knows nothing of",
                    };
                    let message = match direction {
                        Direction::Ingress => format!("{whom} gets to {names}"),
                        Direction::Egress => format!("{names} gets to {whom}"),
                    };
                    let fix = "Name endpoints, names in DNS or blocks, and ports";
                    let mut severity = Severity::Medium;
                    if !has_ports && direction == Direction::Ingress {
                        severity = severity.raised();
                    }
                    let draft = self
                        .draft(Id::CIL_06, &at, message, fix, &held)
                        .severity(severity);
                    report.add(self.object, draft.maybe(self.scene.exposure_claim(&held)));
                }
                _ => {}
            }
        }
    }

    fn is_native(&self) -> bool {
        let config = plugin::config(self.scene.network.world());
        config.is_some_and(|data| data.text("routing-mode").ok().flatten() == Some("native"))
    }

    /// CIL-09: every pod of the cluster, by an empty selector.
    fn all_pods(&self, rule: &At<'_>, report: &mut Report) {
        if !self.is_wide {
            return;
        }
        let held = self.held(Direction::Ingress);
        for at in rule
            .list("fromEndpoints")
            .ok()
            .flatten()
            .unwrap_or_default()
        {
            if !is_empty_selector(at.node) || held.is_empty() {
                continue;
            }
            let message = format!(
                "every pod of every namespace gets to {}: in a policy for the cluster {{}} is all",
                self.scene.names(&held)
            );
            let fix = "Name the endpoints by labels";
            let mut severity = Severity::High;
            if !rule.maps("toPorts").unwrap_or_default().is_empty() {
                severity = Severity::Medium;
            }
            let draft = self
                .draft(Id::CIL_09, &at, message, fix, &held)
                .severity(severity);
            report.add(self.object, draft.maybe(self.scene.exposure_claim(&held)));
        }
    }

    /// CIL-11: names that everyone can have.
    fn names(&self, rule: &At<'_>, report: &mut Report) {
        let held = self.held(Direction::Egress);
        for at in rule.maps("toFQDNs").unwrap_or_default() {
            let Ok(Some(pattern)) = at.text("matchPattern") else {
                continue;
            };
            let labels: Vec<&str> = pattern.trim_end_matches('.').split('.').collect();
            let is_wide = match labels.as_slice() {
                [only] => only.contains('*'),
                [first, _] => *first == "*" || *first == "**",
                _ => false,
            };
            if !is_wide || held.is_empty() {
                continue;
            }
            let message = format!(
                "{} gets to every name like {pattern}, which anybody can register",
                self.scene.names(&held)
            );
            let fix = "Name the hosts, or a domain that is yours";
            let severity = self.scene.weighed(Severity::Medium, &held);
            let draft = self
                .draft(Id::CIL_11, &at, message, fix, &held)
                .severity(severity);
            report.add(self.object, draft.maybe(self.scene.exposure_claim(&held)));
        }
    }

    /// CIL-12: the way to the cloud's metadata is open.
    fn metadata(&self, rule: &At<'_>, report: &mut Report) {
        let network = self.scene.network;
        let all = blocks(rule, Direction::Egress);
        for known in METADATA.into_iter().filter_map(Cidr::read) {
            let Some(region) = network.places.regions.find(known) else {
                continue;
            };
            let place = network.places.first_region() + region;
            let Some((at, cidr)) = all.iter().find(|(_, cidr)| cidr.holds(known)) else {
                continue;
            };
            let mut held = self.held(Direction::Egress);
            held.retain(|e| {
                network
                    .policies_pass(*e, place)
                    .any()
                    .has(Protocol::Tcp, 80)
            });
            if held.is_empty() {
                continue;
            }
            let address = known.to_string();
            let address = address.split('/').next().unwrap_or_default();
            let message = format!(
                "{} may ask {address} for the node's cloud credentials: it is in {cidr}",
                self.scene.names(&held)
            );
            let fix = format!("Use toCIDRSet with {known} in except, or deny it");
            let severity = self.scene.weighed(Severity::Medium, &held);
            let draft = self
                .draft(Id::CIL_12, at, message, &fix, &held)
                .severity(severity);
            report.add(self.object, draft.maybe(self.scene.exposure_claim(&held)));
            return;
        }
    }
}

/// The blocks of a rule.
fn blocks<'n>(rule: &At<'n>, direction: Direction) -> Vec<(At<'n>, Cidr)> {
    let way = match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let mut found = Vec::new();
    for at in rule.texts(&format!("{way}CIDR")).unwrap_or_default() {
        if let Some(cidr) = at.node.as_str().and_then(Cidr::read_loosely) {
            found.push((at, cidr));
        }
    }
    for at in rule.maps(&format!("{way}CIDRSet")).unwrap_or_default() {
        let cidr = at.text("cidr").ok().flatten().and_then(Cidr::read);
        if let Some(cidr) = cidr {
            found.push((at, cidr));
        }
    }
    found
}
