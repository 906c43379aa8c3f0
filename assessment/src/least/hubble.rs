//! What Hubble writes: `hubble observe -o json`, with and without the outer `flow`.

use super::lines::{End, Flow, Pod, Read, sized};
use super::requests::Asked;
use core::net::IpAddr;
use seawall_model::Str;
use seawall_network::Protocol;
use seawall_yaml::Node;

/// Messages of Hubble that are no flows.
const MESSAGES: [&str; 4] = ["node_status", "lost_events", "agent_event", "debug_event"];

/// Reads a message; `None` where it is none of Hubble's.
pub(super) fn read(root: &Node) -> Option<Result<Read, String>> {
    let flow = root.get("flow").unwrap_or(root);
    let has = |key: &str| flow.get(key).is_some();
    if has("source") || has("destination") {
        return Some(message(flow));
    }
    let is_message = has("verdict") || MESSAGES.iter().any(|key| root.get(key).is_some());
    is_message.then(|| Ok(Read::default()))
}

fn message(flow: &Node) -> Result<Read, String> {
    let mut read = Read::default();
    let verdict = flow.get("verdict").and_then(Node::as_str);
    let is_reply = flow.get("is_reply").and_then(Node::as_bool);
    let passed = matches!(verdict, Some("FORWARDED" | "REDIRECTED"));
    if !passed || is_reply == Some(true) {
        return Ok(read);
    }
    let Some((protocol, port)) = destination_port(flow)? else {
        return Ok(read);
    };
    let seen = Flow {
        from: end(flow, "source")?,
        to: end(flow, "destination")?,
        protocol,
        port,
    };
    read.flows.push((seen, asked(flow)?));
    let time = flow.get("time").and_then(Node::as_str);
    read.times.extend(time.map(Str::from));
    Ok(read)
}

/// What was asked, if it was Cilium's proxy that saw it. The connection has lines of its own.
fn asked(flow: &Node) -> Result<Asked, String> {
    let Some(http) = flow.at(&["l7", "http"]) else {
        return Ok(Asked::Elsewhere);
    };
    let text = |key: &str| http.get(key).and_then(Node::as_str);
    let (Some(method), Some(url)) = (text("method"), text("url")) else {
        return Ok(Asked::Anything);
    };
    // `http://cart.shop/items?page=2`, or the path alone.
    let path = match url.split_once("://") {
        Some((_, rest)) => rest
            .find('/')
            .map_or("/", |at| rest.get(at..).unwrap_or("/")),
        None => url,
    };
    super::lines::request(method, path).map(Asked::Request)
}

/// The port that a flow goes to; `None` for what has no ports.
fn destination_port(flow: &Node) -> Result<Option<(Protocol, u16)>, String> {
    let Some(l4) = flow.get("l4") else {
        return Ok(None);
    };
    for protocol in Protocol::ALL {
        let Some(found) = l4.get(protocol.name()) else {
            continue;
        };
        let port = found.get("destination_port").and_then(Node::as_i64);
        let port = port.and_then(|port| u16::try_from(port).ok());
        let port = port.filter(|port| *port > 0);
        return match port {
            Some(port) => Ok(Some((protocol, port))),
            None => Err("its destination_port is no port".to_owned()),
        };
    }
    Ok(None)
}

fn end(flow: &Node, key: &str) -> Result<End, String> {
    let text = |node: Option<&Node>, key: &str| {
        let value = node.and_then(|node| node.get(key)).and_then(Node::as_str);
        value.filter(|v| !v.is_empty()).map(Str::from)
    };
    let node = flow.get(key);
    let labels = node.and_then(|node| node.get("labels"));
    let labels: Vec<&str> = labels
        .and_then(Node::as_seq)
        .unwrap_or_default()
        .iter()
        .filter_map(Node::as_str)
        .collect();
    if let (Some(namespace), Some(name)) = (text(node, "namespace"), text(node, "pod_name")) {
        let workloads = node.and_then(|node| node.get("workloads"));
        let first = workloads.and_then(Node::as_seq).and_then(<[Node]>::first);
        let mut labels: Vec<(Str, Str)> = labels.into_iter().filter_map(label).collect();
        labels.sort_unstable();
        labels.dedup();
        let pod = Pod {
            namespace,
            workload: text(first, "name"),
            name,
            labels,
        };
        return sized(&[&pod.namespace, &pod.name]).map(|()| End::Pod(pod));
    }
    let reserved: Vec<&str> = labels
        .iter()
        .filter_map(|label| label.strip_prefix("reserved:"))
        .collect();
    let address = text(flow.get("IP"), key);
    let address = address.and_then(|text| text.parse::<IpAddr>().ok());
    let is_node = ["host", "remote-node", "kube-apiserver", "health"];
    if reserved.iter().any(|identity| is_node.contains(identity)) {
        return Ok(End::Node);
    }
    match address {
        Some(address) => Ok(End::Address(address)),
        None if reserved.contains(&"world") => Ok(End::Internet),
        None => Err(format!("its {key} is neither a pod nor an address")),
    }
}

/// `k8s:app=web`. Labels that Cilium makes itself say what is known already.
fn label(text: &str) -> Option<(Str, Str)> {
    let (key, value) = text.strip_prefix("k8s:")?.split_once('=')?;
    let is_made = key.starts_with("io.cilium.") || key.starts_with("io.kubernetes.pod.");
    (!is_made && !super::ends::is_passing(key)).then(|| (key.into(), value.into()))
}
