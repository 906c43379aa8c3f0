//! A second opinion: whether a connection passes, pair by pair and rule by rule, straight from
//! the specifications. It shares no code with the engine and does everything the slow way:
//! policies are JSON as they were written, and every question reads them again.
//!
//! Where the input does not say something, the specification of the engine does: rules that
//! let pass take in whom they may mean, rules that stop do not.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "test code")]

use serde_json::Value;
use std::net::IpAddr;

/// A namespace; `labels` is nothing when the input does not hold it.
#[derive(Debug, Clone)]
pub(crate) struct Space {
    pub(crate) name: String,
    pub(crate) labels: Option<Vec<(String, String)>>,
}

/// Pods that are alike.
#[derive(Debug, Clone)]
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) space: usize,
    pub(crate) labels: Vec<(String, String)>,
    /// Name, protocol, number.
    pub(crate) ports: Vec<(String, String, u16)>,
    pub(crate) host_network: bool,
    pub(crate) account: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) spaces: Vec<Space>,
    pub(crate) pods: Vec<Pod>,
    pub(crate) policies: Vec<Value>,
}

/// The address of every pod and node.
pub(crate) const INSIDE: &str = "192.168.7.7";

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Pod(usize),
    Address(IpAddr),
}

/// What passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Passes {
    Nothing,
    SomeRequests,
    Everything,
}

/// Whether something is so; `Perhaps` where the input does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Truth {
    No,
    Perhaps,
    Yes,
}

fn sure(truth: bool) -> Truth {
    if truth { Truth::Yes } else { Truth::No }
}

fn both(a: Truth, b: Truth) -> Truth {
    a.min(b)
}

/// One connection.
#[derive(Clone, Copy)]
struct Case<'c> {
    cluster: &'c Cluster,
    /// The pod whose policies are asked.
    subject: usize,
    other: End,
    /// Whether the subject sends.
    sends: bool,
    protocol: &'c str,
    port: u16,
}

/// What passes from one end to another.
pub(crate) fn passes(cluster: &Cluster, from: End, to: End, protocol: &str, port: u16) -> Passes {
    let mut result = Passes::Everything;
    for (subject, other, sends) in [(from, to, true), (to, from, false)] {
        let End::Pod(subject) = subject else { continue };
        if cluster.pods[subject].host_network {
            continue;
        }
        let case = Case {
            cluster,
            subject,
            other,
            sends,
            protocol,
            port,
        };
        result = result.min(case.decide());
    }
    result
}

impl<'c> Case<'c> {
    fn decide(self) -> Passes {
        let mut some = false;
        if let Some(verdict) = self.administrators(true, &mut some) {
            return verdict;
        }
        let mut held = false;
        let mut allowed = false;
        let mut some_here = false;
        let mut cilium_holds = false;
        let mut denied = false;
        for policy in &self.cluster.policies {
            match policy["kind"].as_str().unwrap() {
                "NetworkPolicy" if self.network_policy_holds(policy) => {
                    held = true;
                    allowed |= self.network_policy_allows(policy);
                }
                "CiliumNetworkPolicy" | "CiliumClusterwideNetworkPolicy" => {
                    let holds = self.cilium_holds(policy);
                    if holds == Truth::No {
                        continue;
                    }
                    let spec = &policy["spec"];
                    let (allow, deny) = if self.sends {
                        ("egress", "egressDeny")
                    } else {
                        ("ingress", "ingressDeny")
                    };
                    let has = |key: &str| spec[key].as_array().is_some_and(|l| !l.is_empty());
                    let default = spec["enableDefaultDeny"][allow].as_bool();
                    let has_rules = has(allow) || has(deny);
                    if holds == Truth::Yes && has_rules && default.unwrap_or(true) {
                        held = true;
                        cilium_holds = true;
                    }
                    for rule in spec[allow].as_array().into_iter().flatten() {
                        match self.cilium_matches(policy, rule) {
                            (Truth::No, _) => {}
                            (_, true) => some_here = true,
                            (_, false) => allowed = true,
                        }
                    }
                    for rule in spec[deny].as_array().into_iter().flatten() {
                        if holds == Truth::Yes && self.cilium_matches(policy, rule).0 == Truth::Yes
                        {
                            denied = true;
                        }
                    }
                }
                _ => {}
            }
        }
        if denied {
            return some_or(some, Passes::Nothing);
        }
        if allowed {
            return Passes::Everything;
        }
        some |= some_here;
        if held {
            // A pod and its node always reach each other; Cilium knows only one direction.
            let own_node = self.other_is_host() && (!self.sends || !cilium_holds);
            if own_node {
                return Passes::Everything;
            }
            return some_or(some, Passes::Nothing);
        }
        if let Some(verdict) = self.administrators(false, &mut some) {
            return some_or(some, verdict);
        }
        Passes::Everything
    }

    fn other_is_host(&self) -> bool {
        matches!(self.other, End::Pod(pod) if self.cluster.pods[pod].host_network)
    }

    /// Policies of administrators of one tier; nothing when they leave it to the next.
    fn administrators(&self, is_admin: bool, some: &mut bool) -> Option<Passes> {
        let mut ranked: Vec<(i64, &Value)> = Vec::new();
        for policy in &self.cluster.policies {
            let spec = &policy["spec"];
            let priority = spec["priority"].as_i64().unwrap_or(1001);
            let admin = match policy["kind"].as_str().unwrap() {
                "AdminNetworkPolicy" => true,
                "BaselineAdminNetworkPolicy" => false,
                "ClusterNetworkPolicy" => spec["tier"] == "Admin",
                _ => continue,
            };
            if admin == is_admin {
                ranked.push((priority, policy));
            }
        }
        let mut priorities: Vec<i64> = ranked.iter().map(|(priority, _)| *priority).collect();
        priorities.sort_unstable();
        priorities.dedup();
        for priority in priorities {
            let (mut accept, mut pass, mut deny) = (false, false, false);
            for (_, policy) in ranked.iter().filter(|(p, _)| *p == priority) {
                match self.first_action(policy, some) {
                    Some("Allow" | "Accept") => accept = true,
                    Some("Pass") => pass = true,
                    Some("Deny") => deny = true,
                    _ => {}
                }
            }
            if accept {
                return Some(Passes::Everything);
            }
            if pass {
                return None;
            }
            if deny {
                // What administrators deny is denied for nodes, too.
                return Some(some_or(*some, Passes::Nothing));
            }
        }
        None
    }

    fn first_action(&self, policy: &'c Value, some: &mut bool) -> Option<&'c str> {
        let spec = &policy["spec"];
        let holds = self.namespaces_or_pods(&spec["subject"], End::Pod(self.subject))?;
        let (list, peers) = if self.sends {
            ("egress", "to")
        } else {
            ("ingress", "from")
        };
        if holds == Truth::No {
            return None;
        }
        for rule in spec[list].as_array().into_iter().flatten() {
            let action = rule["action"].as_str().unwrap();
            let allows = matches!(action, "Allow" | "Accept");
            if !allows && holds != Truth::Yes {
                continue;
            }
            let mut truth = Truth::No;
            let mut by_name = false;
            let mut unknown = false;
            for peer in rule[peers].as_array().unwrap() {
                if peer["domainNames"].is_array() {
                    by_name |= self.is_public();
                    continue;
                }
                match self.administrators_peer(peer) {
                    Some(more) => truth = truth.max(more),
                    None => unknown = true,
                }
            }
            if unknown {
                if allows {
                    continue;
                }
                return Some("Deny");
            }
            if !self.administrators_ports(rule) {
                continue;
            }
            let needed = if allows { Truth::Perhaps } else { Truth::Yes };
            if by_name && truth < needed {
                *some = true;
            }
            if truth >= needed {
                return Some(action);
            }
        }
        None
    }

    fn is_public(&self) -> bool {
        match self.other {
            End::Address(IpAddr::V4(v4)) => !v4.is_private() && !v4.is_link_local(),
            End::Address(IpAddr::V6(_)) => true,
            End::Pod(_) => false,
        }
    }

    fn administrators_peer(&self, peer: &Value) -> Option<Truth> {
        if let Some(truth) = self.namespaces_or_pods(peer, self.other) {
            return Some(truth);
        }
        if let Some(networks) = peer["networks"].as_array() {
            let apart = self.is_cilium() && matches!(self.other, End::Pod(_));
            let any = networks
                .iter()
                .any(|net| contains(net.as_str().unwrap(), self.address()) && !apart);
            return Some(sure(any));
        }
        if peer["nodes"].is_object() {
            let all = peer["nodes"].as_object().unwrap().is_empty();
            let host = self.other_is_host();
            return Some(match (host, all) {
                (false, _) => Truth::No,
                (true, true) => Truth::Yes,
                (true, false) => Truth::Perhaps,
            });
        }
        None
    }

    /// `namespaces` or `pods` of a subject or peer.
    fn namespaces_or_pods(&self, value: &Value, end: End) -> Option<Truth> {
        let none = Value::Object(serde_json::Map::new());
        let (spaces, pods) = if value["namespaces"].is_object() {
            (&value["namespaces"], &none)
        } else if value["pods"].is_object() {
            let pods = &value["pods"];
            let spaces = if pods["namespaceSelector"].is_object() {
                &pods["namespaceSelector"]
            } else {
                &none
            };
            (spaces, &pods["podSelector"])
        } else {
            return None;
        };
        Some(self.pod_in(spaces, pods, end))
    }

    fn pod_in(&self, spaces: &Value, pods: &Value, end: End) -> Truth {
        let End::Pod(pod) = end else { return Truth::No };
        let pod = &self.cluster.pods[pod];
        if pod.host_network {
            return Truth::No;
        }
        let space = &self.cluster.spaces[pod.space];
        both(
            space_matches(spaces, space),
            sure(matches(pods, &pod.labels)),
        )
    }

    fn administrators_ports(&self, rule: &Value) -> bool {
        let items: Vec<&Value> = ["ports", "protocols"]
            .iter()
            .filter_map(|key| rule[*key].as_array())
            .flatten()
            .collect();
        if items.is_empty() {
            return true;
        }
        items.into_iter().any(|item| {
            let is = |name: &Value| name.as_str().unwrap_or("TCP") == self.protocol;
            let number = |value: &Value| value.as_u64().unwrap();
            let port = u64::from(self.port);
            if item["portNumber"].is_object() {
                let one = &item["portNumber"];
                return is(&one["protocol"]) && number(&one["port"]) == port;
            }
            if item["portRange"].is_object() {
                let range = &item["portRange"];
                return is(&range["protocol"])
                    && (number(&range["start"])..=number(&range["end"])).contains(&port);
            }
            let name = item["namedPort"]
                .as_str()
                .or(item["destinationNamedPort"].as_str());
            if let Some(name) = name {
                return self.named(name, self.protocol);
            }
            let own = &item[self.protocol.to_lowercase()];
            if !own.is_object() {
                return false;
            }
            let port_of = &own["destinationPort"];
            if port_of.is_null() {
                return true;
            }
            if port_of["number"].is_u64() {
                return number(&port_of["number"]) == port;
            }
            let range = &port_of["range"];
            (number(&range["start"])..=number(&range["end"])).contains(&port)
        })
    }

    /// Whether the destination calls the port so.
    fn named(&self, name: &str, protocol: &str) -> bool {
        let destination = if self.sends {
            self.other
        } else {
            End::Pod(self.subject)
        };
        let End::Pod(pod) = destination else {
            return false;
        };
        let ports = &self.cluster.pods[pod].ports;
        protocol == self.protocol
            && ports
                .iter()
                .any(|(n, p, number)| n == name && p == protocol && *number == self.port)
    }

    fn address(&self) -> IpAddr {
        match self.other {
            End::Address(address) => address,
            End::Pod(_) => INSIDE.parse().unwrap(),
        }
    }

    fn network_policy_holds(&self, policy: &Value) -> bool {
        let subject = &self.cluster.pods[self.subject];
        let spec = &policy["spec"];
        let types: Vec<&str> = match spec["policyTypes"].as_array() {
            Some(list) if !list.is_empty() => list.iter().filter_map(Value::as_str).collect(),
            _ => {
                let egress = spec["egress"].as_array().is_some_and(|l| !l.is_empty());
                if egress {
                    vec!["Ingress", "Egress"]
                } else {
                    vec!["Ingress"]
                }
            }
        };
        let wanted = if self.sends { "Egress" } else { "Ingress" };
        policy["metadata"]["namespace"] == self.cluster.spaces[subject.space].name.as_str()
            && types.contains(&wanted)
            && matches(&spec["podSelector"], &subject.labels)
    }

    fn network_policy_allows(&self, policy: &Value) -> bool {
        let (list, peers) = if self.sends {
            ("egress", "to")
        } else {
            ("ingress", "from")
        };
        let own = policy["metadata"]["namespace"].as_str().unwrap();
        let rules = policy["spec"][list].as_array();
        rules.into_iter().flatten().any(|rule| {
            let peer_ok = match rule[peers].as_array() {
                Some(all) if !all.is_empty() => {
                    all.iter().any(|peer| self.network_policy_peer(peer, own))
                }
                _ => true,
            };
            let port_ok = match rule["ports"].as_array() {
                Some(all) if !all.is_empty() => all.iter().any(|p| self.network_policy_port(p)),
                _ => true,
            };
            peer_ok && port_ok
        })
    }

    fn network_policy_peer(&self, peer: &Value, own: &str) -> bool {
        if peer["ipBlock"].is_object() {
            if self.is_cilium() && matches!(self.other, End::Pod(_)) {
                return false;
            }
            let block = &peer["ipBlock"];
            let except = block["except"].as_array();
            return contains(block["cidr"].as_str().unwrap(), self.address())
                && !except
                    .into_iter()
                    .flatten()
                    .any(|out| contains(out.as_str().unwrap(), self.address()));
        }
        let End::Pod(pod) = self.other else {
            return false;
        };
        let pod = &self.cluster.pods[pod];
        if pod.host_network {
            return false;
        }
        let space = &self.cluster.spaces[pod.space];
        let space_ok = if peer["namespaceSelector"].is_object() {
            space_matches(&peer["namespaceSelector"], space) >= Truth::Perhaps
        } else {
            space.name == own
        };
        space_ok && matches(&peer["podSelector"], &pod.labels)
    }

    /// Where Cilium's policies are, Cilium enforces all of them: to it no block is a pod.
    fn is_cilium(&self) -> bool {
        let mut policies = self.cluster.policies.iter();
        policies.any(|policy| policy["kind"].as_str().unwrap().starts_with("Cilium"))
    }

    fn network_policy_port(&self, item: &Value) -> bool {
        let protocol = item["protocol"].as_str().unwrap_or("TCP");
        if protocol != self.protocol {
            return false;
        }
        match &item["port"] {
            Value::Null => true,
            Value::String(name) => self.named(name, protocol),
            number => {
                let first = number.as_u64().unwrap();
                let last = item["endPort"].as_u64().unwrap_or(first);
                (first..=last).contains(&u64::from(self.port))
            }
        }
    }

    fn cilium_holds(&self, policy: &Value) -> Truth {
        let subject = &self.cluster.pods[self.subject];
        let space = &self.cluster.spaces[subject.space];
        let own = policy["metadata"]["namespace"].as_str();
        if own.is_some_and(|own| own != space.name) {
            return Truth::No;
        }
        let mut selector = policy["spec"]["endpointSelector"].clone();
        // The policy's namespace takes the place of another one in the labels.
        if own.is_some()
            && let Some(labels) = selector["matchLabels"].as_object_mut()
        {
            labels.remove("k8s:io.kubernetes.pod.namespace");
        }
        cilium_selector(&selector, subject, space)
    }

    /// Whether a rule of Cilium matches, and whether only for some requests.
    fn cilium_matches(&self, policy: &Value, rule: &Value) -> (Truth, bool) {
        let way = if self.sends { "to" } else { "from" };
        let field = |name: &str| rule[format!("{way}{name}")].as_array();
        let names = ["Endpoints", "Entities", "CIDR", "CIDRSet", "FQDNs"];
        let named = names
            .iter()
            .any(|name| field(name).is_some_and(|l| !l.is_empty()));
        let ports = rule["toPorts"].as_array().filter(|list| !list.is_empty());
        let lists = ["Endpoints", "Entities", "CIDR", "CIDRSet"];
        let mut lists = lists.iter().filter_map(|name| field(name));
        if lists.any(Vec::is_empty) || (!named && ports.is_none()) {
            return (Truth::No, false);
        }
        let mut peer = if named { Truth::No } else { Truth::Yes };
        let mut by_name = false;
        let own = policy["metadata"]["namespace"].as_str();
        for selector in field("Endpoints").into_iter().flatten() {
            peer = peer.max(self.cilium_peer(selector, own));
        }
        let entities: Vec<&Value> = field("Entities").into_iter().flatten().collect();
        let every_node = ["host", "remote-node"].map(|name| entities.contains(&&Value::from(name)));
        for entity in &entities {
            let is_pod = matches!(self.other, End::Pod(_));
            peer = peer.max(match entity.as_str().unwrap() {
                "all" => Truth::Yes,
                "world" => sure(!is_pod),
                "cluster" => sure(is_pod),
                // Which node it is on is not in the input.
                "host" | "remote-node" if !self.other_is_host() => Truth::No,
                "host" | "remote-node" => match every_node {
                    [true, true] => Truth::Yes,
                    _ => Truth::Perhaps,
                },
                _ => Truth::No,
            });
        }
        if let End::Address(address) = self.other {
            for block in field("CIDR").into_iter().flatten() {
                peer = peer.max(sure(contains(block.as_str().unwrap(), address)));
            }
            for block in field("CIDRSet").into_iter().flatten() {
                let out = block["except"].as_array();
                let out = out
                    .into_iter()
                    .flatten()
                    .any(|out| contains(out.as_str().unwrap(), address));
                let inside = contains(block["cidr"].as_str().unwrap(), address);
                peer = peer.max(sure(inside && !out));
            }
        }
        if field("FQDNs").is_some_and(|l| !l.is_empty()) {
            by_name = true;
            peer = sure(self.is_public());
        }
        let Some(ports) = ports else {
            return (peer, by_name);
        };
        // Of several items the one that lets most pass counts.
        let mut best: Option<bool> = None;
        for item in ports {
            if !self.cilium_port(item) {
                continue;
            }
            let http = item["rules"]["http"]
                .as_array()
                .is_some_and(|l| !l.is_empty());
            let limited = http || by_name;
            best = Some(best.unwrap_or(true) && limited);
        }
        match best {
            Some(limited) => (peer, limited),
            None => (Truth::No, false),
        }
    }

    fn cilium_peer(&self, selector: &Value, own: Option<&str>) -> Truth {
        let End::Pod(pod) = self.other else {
            return Truth::No;
        };
        let pod = &self.cluster.pods[pod];
        if pod.host_network {
            return Truth::No;
        }
        let space = &self.cluster.spaces[pod.space];
        let names_space = selector_keys(selector).iter().any(|key| {
            key.contains("io.kubernetes.pod.namespace") || key.contains("namespace.labels.")
        });
        if !names_space && own.is_some_and(|own| own != space.name) {
            return Truth::No;
        }
        cilium_selector(selector, pod, space)
    }

    fn cilium_port(&self, item: &Value) -> bool {
        let ports = item["ports"].as_array().unwrap();
        ports.iter().any(|port| {
            let protocol = port["protocol"].as_str().unwrap_or("ANY");
            if protocol != "ANY" && protocol != self.protocol {
                return false;
            }
            let text = port["port"].as_str().unwrap();
            let Ok(first) = text.parse::<u16>() else {
                return self.named(text, self.protocol);
            };
            if first == 0 {
                return true;
            }
            let last = port["endPort"]
                .as_u64()
                .map_or(first, |p| u16::try_from(p).unwrap());
            (first..=last.max(first)).contains(&self.port)
        })
    }
}

fn some_or(some: bool, verdict: Passes) -> Passes {
    if some {
        verdict.max(Passes::SomeRequests)
    } else {
        verdict
    }
}

fn requirements(selector: &Value) -> Vec<(String, String, Vec<String>)> {
    let mut all = Vec::new();
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        let values = vec![value.as_str().unwrap().to_owned()];
        all.push((key.clone(), "In".to_owned(), values));
    }
    for expression in selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let values = expression["values"].as_array().into_iter().flatten();
        all.push((
            expression["key"].as_str().unwrap().to_owned(),
            expression["operator"].as_str().unwrap().to_owned(),
            values.map(|v| v.as_str().unwrap().to_owned()).collect(),
        ));
    }
    all
}

fn selector_keys(selector: &Value) -> Vec<String> {
    requirements(selector)
        .into_iter()
        .map(|(key, _, _)| key)
        .collect()
}

fn holds(operator: &str, values: &[String], value: Option<&str>) -> bool {
    match operator {
        "In" => value.is_some_and(|value| values.iter().any(|v| v == value)),
        "NotIn" => value.is_none_or(|value| values.iter().all(|v| v != value)),
        "Exists" => value.is_some(),
        _ => value.is_none(),
    }
}

fn matches(selector: &Value, labels: &[(String, String)]) -> bool {
    requirements(selector)
        .iter()
        .all(|(key, operator, values)| {
            let value = labels
                .iter()
                .find(|(k, _)| k == key)
                .map(|(_, v)| v.as_str());
            holds(operator, values, value)
        })
}

fn space_requirement(key: &str, operator: &str, values: &[String], space: &Space) -> Truth {
    if key == "kubernetes.io/metadata.name" {
        return sure(holds(operator, values, Some(&space.name)));
    }
    let Some(labels) = &space.labels else {
        return Truth::Perhaps;
    };
    let value = labels
        .iter()
        .find(|(k, _)| k == key)
        .map(|(_, v)| v.as_str());
    sure(holds(operator, values, value))
}

fn space_matches(selector: &Value, space: &Space) -> Truth {
    let all = requirements(selector);
    let all = all
        .iter()
        .map(|(k, o, v)| space_requirement(k, o, v, space));
    all.min().unwrap_or(Truth::Yes)
}

fn cilium_selector(selector: &Value, pod: &Pod, space: &Space) -> Truth {
    let mut truth = Truth::Yes;
    for (key, operator, values) in requirements(selector) {
        let key = key
            .strip_prefix("k8s:")
            .or(key.strip_prefix("any:"))
            .unwrap_or(&key);
        let one = if key == "io.kubernetes.pod.namespace" {
            sure(holds(&operator, &values, Some(&space.name)))
        } else if let Some(label) = key.strip_prefix("io.cilium.k8s.namespace.labels.") {
            space_requirement(label, &operator, &values, space)
        } else if key == "io.cilium.k8s.policy.serviceaccount" {
            sure(holds(&operator, &values, Some(&pod.account)))
        } else {
            let value = pod
                .labels
                .iter()
                .find(|(k, _)| k == key)
                .map(|(_, v)| v.as_str());
            sure(holds(&operator, &values, value))
        };
        truth = both(truth, one);
    }
    truth
}

fn contains(block: &str, address: IpAddr) -> bool {
    let (base, length) = block.split_once('/').unwrap();
    let length: u32 = length.parse().unwrap();
    match (base.parse().unwrap(), address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let mask = if length == 0 {
                0
            } else {
                u32::MAX << (32 - length)
            };
            u32::from(a) & mask == u32::from(b) & mask
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let mask = if length == 0 {
                0
            } else {
                u128::MAX << (128 - length)
            };
            u128::from(a) & mask == u128::from(b) & mask
        }
        _ => false,
    }
}
