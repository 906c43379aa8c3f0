//! N09 and N18: Services that are reachable from outside.

use super::{Thing, dangling};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use seawall_model::Severity;
use seawall_snapshot::service;
use seawall_yaml::Node;

/// Ports whose protocol is no business of the outside, and what listens there.
const SENSITIVE: &[(i64, &str)] = &[
    (22, "SSH"),
    (23, "Telnet"),
    (1433, "SQL Server"),
    (1521, "Oracle"),
    (2181, "ZooKeeper"),
    (2375, "Docker"),
    (2376, "Docker"),
    (2379, "etcd"),
    (2380, "etcd"),
    (3306, "MySQL"),
    (3389, "remote desktop"),
    (5432, "PostgreSQL"),
    (5672, "AMQP"),
    (5900, "VNC"),
    (5984, "CouchDB"),
    (6379, "Redis"),
    (8200, "Vault"),
    (8500, "Consul"),
    (9042, "Cassandra"),
    (9092, "Kafka"),
    (9200, "Elasticsearch"),
    (9300, "Elasticsearch"),
    (10250, "the kubelet"),
    (11211, "memcached"),
    (27017, "MongoDB"),
];

pub(super) fn service(t: &Thing<'_>, sink: &mut Sink) {
    sink.assess_all(&[Id::N09, Id::N18]);
    dangling::service(t, sink);
    external_ips(t, sink);
    let Some(kind_node) = t.get(&["spec", "type"]) else {
        return;
    };
    let kind = kind_node.as_str().unwrap_or_default();
    let span = Some(kind_node.span);
    if !matches!(kind, "LoadBalancer" | "NodePort") || is_limited(t) {
        return;
    }
    let locus = t.place("/spec/type", span);
    if is_dashboard(t) {
        let message = format!("the Kubernetes dashboard is open to the outside ({kind})");
        let fix = "Set type to ClusterIP and reach it through kubectl port-forward".to_owned();
        sink.add(t.asset, Draft::new(Id::N18, locus, message, fix));
        return;
    }
    let ports: Vec<i64> = t
        .items(&["spec", "ports"])
        .iter()
        .flat_map(|port| [port.get("port"), port.get("targetPort")])
        .filter_map(|node| node.and_then(Node::as_i64))
        .collect();
    let sensitive = SENSITIVE.iter().find(|(port, _)| ports.contains(port));
    let how = if kind == "NodePort" {
        "every node's address"
    } else {
        "a load balancer"
    };
    let (message, severity) = match sensitive {
        Some((port, what)) => (
            format!("{what} (port {port}) is reachable through {how}"),
            if kind == "NodePort" {
                Severity::Medium
            } else {
                Severity::High
            },
        ),
        None if kind == "LoadBalancer" && web_only(t) => (
            "a web port is reachable through a load balancer".to_owned(),
            Severity::Info,
        ),
        None => (
            format!("the Service is reachable through {how}"),
            Severity::Low,
        ),
    };
    let fix = if kind == "NodePort" {
        "Set type to ClusterIP and publish it through an ingress or gateway".to_owned()
    } else {
        "Set loadBalancerSourceRanges, or make the load balancer internal".to_owned()
    };
    sink.add(
        t.asset,
        Draft::new(Id::N09, locus, message, fix).severity(severity),
    );
}

fn web_only(t: &Thing<'_>) -> bool {
    let mut ports = t.items(&["spec", "ports"]).iter();
    ports.all(|port| {
        port.get("port")
            .and_then(Node::as_i64)
            .is_some_and(|p| matches!(p, 80 | 443))
    })
}

fn external_ips(t: &Thing<'_>, sink: &mut Sink) {
    let Some(node) = t.get(&["spec", "externalIPs"]) else {
        return;
    };
    if node.as_seq().unwrap_or_default().is_empty() {
        return;
    }
    let locus = t.place("/spec/externalIPs", Some(node.span));
    let message =
        "the Service takes traffic to addresses of its own choice (externalIPs, CVE-2020-8554)"
            .to_owned();
    let fix = "Remove externalIPs; use a load balancer".to_owned();
    sink.add(
        t.asset,
        Draft::new(Id::N09, locus, message, fix).severity(Severity::Medium),
    );
}

/// Whether only some networks reach the load balancer.
fn is_limited(t: &Thing<'_>) -> bool {
    let ranges = t.items(&["spec", "loadBalancerSourceRanges"]);
    let open = |range: &Node| matches!(range.as_str(), Some("0.0.0.0/0" | "::/0") | None);
    let ranged = !ranges.is_empty() && !ranges.iter().any(open);
    ranged || service::is_internal(t.object)
}

fn is_dashboard(t: &Thing<'_>) -> bool {
    let by_selector = ["k8s-app", "app.kubernetes.io/name", "app"]
        .into_iter()
        .filter_map(|key| t.text(&["spec", "selector", key]));
    t.name() == "kubernetes-dashboard"
        || by_selector
            .into_iter()
            .any(|value| value == "kubernetes-dashboard")
}
