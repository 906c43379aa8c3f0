//! What the proxies of Istio write: access logs of Envoy in JSON (sidecars, gateways,
//! waypoints) and those of ztunnel, bare or in what log collectors put around them.
//!
//! Envoy names its peers by addresses, and what names them better is taken where it is there:
//! `upstream_cluster` the Service that was called, `downstream_peer_uri_san` the account that
//! calls, the collector the pod that wrote the line. A pod's own lines also say which address it
//! has, so that others' lines that have only the address can be understood.

use super::ends::is_public;
use super::lines::{End, Flow, Pod, Read, json, request, sized};
use super::requests::Asked;
use core::net::{IpAddr, SocketAddr};
use seawall_model::Str;
use seawall_network::Protocol;
use seawall_yaml::{Node, Value};
use std::collections::BTreeMap;

/// How deep a log may stand in what collectors put around it.
const DEEPEST: usize = 4;
/// Where collectors keep what a container wrote.
const INNER: [&str; 8] = [
    "log",
    "message",
    "msg",
    "body",
    "jsonPayload",
    "textPayload",
    "attributes",
    "payload",
];
/// Where collectors keep the pod that wrote it: namespace, name.
const PODS: [(&[&str], &[&str]); 10] = [
    (
        &["kubernetes", "namespace_name"],
        &["kubernetes", "pod_name"],
    ),
    (
        &["kubernetes", "pod_namespace"],
        &["kubernetes", "pod_name"],
    ),
    (&["kubernetes", "namespace"], &["kubernetes", "pod", "name"]),
    (
        &["resource", "labels", "namespace_name"],
        &["resource", "labels", "pod_name"],
    ),
    (
        &["resource", "attributes", "k8s.namespace.name"],
        &["resource", "attributes", "k8s.pod.name"],
    ),
    (
        &["resource", "k8s.namespace.name"],
        &["resource", "k8s.pod.name"],
    ),
    (&["k8s.namespace.name"], &["k8s.pod.name"]),
    (&["pod_namespace"], &["pod_name"]),
    (&["namespace"], &["podName"]),
    (&["namespace"], &["pod"]),
];
/// Envoy's marks of what did not get to its peer.
const REFUSED: [&str; 8] = ["NR", "NC", "UH", "UF", "UO", "UAEX", "RL", "RLSE"];
/// Clusters of the proxy's own business.
const OWN: [&str; 7] = [
    "BlackHoleCluster",
    "xds-grpc",
    "sds-grpc",
    "prometheus_stats",
    "agent",
    "zipkin",
    "InternalProxyCluster",
];

/// One log: its fields, and the pod that wrote it.
#[derive(Debug, Default)]
struct Entry {
    fields: BTreeMap<Str, Str>,
    pod: Option<Pod>,
}

/// Reads a line; `pod` is the name that stands before it.
pub(super) fn read(root: &Node, pod: Option<&str>) -> Result<Read, String> {
    let pod = pod.map(|name| named("", name)).transpose()?;
    let mut entries = Vec::new();
    if !collect(root, pod.as_ref(), 0, &mut entries)? {
        return Err("it is no flow of Hubble and no access log of Envoy or ztunnel".to_owned());
    }
    let mut read = Read::default();
    for entry in &entries {
        entry.read(&mut read)?;
    }
    Ok(read)
}

fn named(namespace: &str, name: &str) -> Result<Pod, String> {
    sized(&[namespace, name])?;
    Ok(Pod {
        namespace: namespace.into(),
        workload: None,
        name: name.into(),
        labels: Vec::new(),
    })
}

/// Collects the logs of a line; whether there is one, or a message of a proxy that is none.
fn collect(
    node: &Node,
    outer: Option<&Pod>,
    depth: usize,
    entries: &mut Vec<Entry>,
) -> Result<bool, String> {
    if depth > DEEPEST {
        return Ok(false);
    }
    if let Some(resources) = node.get("resourceLogs").and_then(Node::as_seq) {
        return telemetry(resources, outer, entries);
    }
    let own = pod_of(&|path| node.at(path).and_then(Node::as_str))?;
    let pod = own.as_ref().or(outer);
    let mut entry = Entry {
        fields: BTreeMap::new(),
        pod: pod.cloned(),
    };
    for field in node.as_map().into_iter().flat_map(seawall_yaml::Map::iter) {
        entry.put(&field.key, &field.value);
    }
    if entry.is_log() {
        entries.push(entry);
        return Ok(true);
    }
    let mut is_found = entry.is_message();
    for key in INNER {
        is_found |= match node.get(key) {
            Some(inner) if inner.as_map().is_some() => collect(inner, pod, depth + 1, entries)?,
            Some(inner) => match inner.as_str().map(str::trim) {
                Some(text) if text.starts_with('{') => {
                    collect(&json(text)?, pod, depth + 1, entries)?
                }
                _ => false,
            },
            None => false,
        };
    }
    Ok(is_found)
}

/// The pod that wrote a log, by what a collector says about it.
fn pod_of<'n>(text: &dyn Fn(&[&str]) -> Option<&'n str>) -> Result<Option<Pod>, String> {
    let found = PODS
        .iter()
        .find_map(|(space, name)| Some((text(space)?, text(name)?)));
    let pod = found.map(|(space, name)| named(space, name));
    pod.transpose()
}

/// OpenTelemetry's own JSON: many logs of many pods in one line.
fn telemetry(
    resources: &[Node],
    outer: Option<&Pod>,
    entries: &mut Vec<Entry>,
) -> Result<bool, String> {
    for resource in resources {
        let mut about = Entry::default();
        if let Some(node) = resource.get("resource") {
            about.put_all(node.get("attributes"));
        }
        let own = pod_of(&|path| match path {
            [key] => about.get(key),
            _ => None,
        })?;
        let pod = own.as_ref().or(outer);
        for scope in items(resource, "scopeLogs") {
            for record in items(scope, "logRecords") {
                let mut entry = Entry {
                    fields: BTreeMap::new(),
                    pod: pod.cloned(),
                };
                entry.put_all(record.get("attributes"));
                let body = record.get("body");
                entry.put_all(body.and_then(|body| body.at(&["kvlistValue", "values"])));
                let text = body.and_then(|body| body.get("stringValue"));
                if entry.is_log() {
                    entries.push(entry);
                } else if let Some(text) = text.and_then(Node::as_str)
                    && text.trim().starts_with('{')
                {
                    collect(&json(text.trim())?, pod, 1, entries)?;
                }
            }
        }
    }
    Ok(true)
}

fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    let items = node.get(key).and_then(Node::as_seq);
    items.unwrap_or_default()
}

impl Entry {
    fn put(&mut self, key: &str, value: &Node) {
        let text = match &value.value {
            Value::String(text) => text.clone(),
            Value::Int(number) => number.to_string().into(),
            Value::Null => "-".into(),
            _ => return,
        };
        self.fields.insert(key.into(), text);
    }

    /// Fields as OpenTelemetry has them: a list of keys and values.
    fn put_all(&mut self, list: Option<&Node>) {
        for item in list.and_then(Node::as_seq).unwrap_or_default() {
            let value = item.get("value");
            let value = value.and_then(|v| v.get("stringValue").or(v.get("intValue")));
            if let (Some(key), Some(value)) = (item.get("key").and_then(Node::as_str), value) {
                self.put(key, value);
            }
        }
    }

    /// A field that says something.
    fn get(&self, key: &str) -> Option<&str> {
        let text: &str = self.fields.get(key)?;
        (!text.is_empty() && text != "-").then_some(text)
    }

    fn is_log(&self) -> bool {
        let has = |key: &str| self.fields.contains_key(key);
        has("upstream_cluster") || has("dst.addr")
    }

    /// Whether it is something else that a proxy says.
    fn is_message(&self) -> bool {
        let has = |key: &str| self.fields.contains_key(key);
        has("level") && (has("msg") || has("message"))
    }

    fn read(&self, read: &mut Read) -> Result<(), String> {
        let found = if self.fields.contains_key("dst.addr") {
            self.ztunnel()?
        } else {
            self.envoy(read)?
        };
        if let Some(found) = found {
            read.flows.push(found);
            let time = self.get("start_time").or_else(|| self.get("time"));
            // Only times of one form compare as text.
            let time = time.filter(|time| time.len() <= 40 && time.ends_with('Z'));
            read.times.extend(time.map(Str::from));
        }
        Ok(())
    }

    fn envoy(&self, read: &mut Read) -> Result<Option<(Flow, Asked)>, String> {
        if self.is_refused() {
            return Ok(None);
        }
        let Some(cluster) = self.get("upstream_cluster") else {
            return Ok(None);
        };
        let found = match cluster.split('|').collect::<Vec<&str>>().as_slice() {
            ["inbound-vip", port, _, host, ..] => {
                let (to, port) = self.service(host, port)?;
                Some((self.peer()?, to, port))
            }
            ["inbound", port, ..] => Some(self.inbound(port, read)?),
            ["outbound", port, _, host] => {
                let (to, port) = self.service(host, port)?;
                Some((self.writer(read)?, to, port))
            }
            _ if cluster.starts_with("InboundPassthrough") => Some(self.inbound("", read)?),
            _ if cluster.starts_with("Passthrough") => {
                let (address, port) = self.upstream()?;
                Some((self.writer(read)?, End::Address(address), port))
            }
            _ => match server_name(cluster) {
                Some((host, port)) => {
                    let (to, port) = self.service(host, port)?;
                    Some((self.writer(read)?, to, port))
                }
                None if OWN.contains(&cluster) => None,
                None => {
                    return Err("its upstream_cluster is none of Istio's".to_owned());
                }
            },
        };
        let Some((from, to, port)) = found else {
            return Ok(None);
        };
        let flow = Flow {
            from,
            to,
            protocol: Protocol::Tcp,
            port,
        };
        Ok(Some((flow, self.asked()?)))
    }

    /// Whether it did not get to whom it was for.
    fn is_refused(&self) -> bool {
        let has_no_peer = self
            .fields
            .get("upstream_host")
            .is_some_and(|h| &**h == "-");
        let flags = self.get("response_flags").unwrap_or_default();
        let is_denied = |key: &str| {
            let text = self.get(key).unwrap_or_default();
            text.starts_with("rbac_access_denied") || text.starts_with("ext_authz_denied")
        };
        has_no_peer
            || flags.split(',').any(|flag| REFUSED.contains(&flag))
            || is_denied("response_code_details")
            || is_denied("connection_termination_details")
    }

    fn asked(&self) -> Result<Asked, String> {
        let (Some(method), Some(path)) = (self.get("method"), self.get("path")) else {
            return Ok(Asked::Anything);
        };
        // What the application does not have nobody needs.
        if matches!(self.get("response_code"), Some("404" | "405")) {
            return Ok(Asked::Nothing);
        }
        let request = request(method, path)?;
        let cluster = self.get("upstream_cluster").unwrap_or_default();
        Ok(if cluster.starts_with("outbound") {
            Asked::Sent(request)
        } else {
            Asked::Request(request)
        })
    }

    /// What comes in to the pod that writes.
    fn inbound(&self, port: &str, read: &mut Read) -> Result<(End, End, u16), String> {
        let local = self.get("downstream_local_address").and_then(socket);
        // The proxy's own ports are not those that were called.
        let is_proxy = |port: u16| (15000..=15100).contains(&port);
        let called = local.filter(|(_, port)| !is_proxy(*port));
        let number = called.map(|(_, port)| port).or_else(|| number(port).ok());
        if let (Some(pod), Some((address, _))) = (&self.pod, local)
            && !address.is_loopback()
        {
            read.addresses.push((address, pod.clone()));
        }
        let from = self.peer()?;
        if let (Some(pod), Some(port)) = (&self.pod, number) {
            return Ok((from, End::Pod(pod.clone()), port));
        }
        let name = self.get("requested_server_name").and_then(server_name);
        if let Some((host, port)) = name {
            let (to, port) = self.service(host, port)?;
            return Ok((from, to, port));
        }
        match (called, number) {
            (Some((address, _)), Some(port)) => Ok((from, End::Address(address), port)),
            _ => Err("it says neither which pod wrote it nor what was called".to_owned()),
        }
    }

    /// Who calls.
    fn peer(&self) -> Result<End, String> {
        if let Some(account) = self.get("downstream_peer_uri_san").and_then(account) {
            return account;
        }
        match self.get("downstream_remote_address").and_then(socket) {
            Some((address, _)) => Ok(End::Address(address)),
            None => Err("it does not say who calls: downstream_peer_uri_san or \
                         downstream_remote_address is needed"
                .to_owned()),
        }
    }

    /// The pod that writes, where it is the one that calls.
    fn writer(&self, read: &mut Read) -> Result<End, String> {
        let remote = self.get("downstream_remote_address").and_then(socket);
        let Some(pod) = &self.pod else {
            return match remote {
                Some((address, _)) => Ok(End::Address(address)),
                None => Err("it does not say which pod wrote it".to_owned()),
            };
        };
        if let Some((address, _)) = self.get("upstream_local_address").and_then(socket)
            && !address.is_loopback()
        {
            read.addresses.push((address, pod.clone()));
        }
        // A gateway is called itself, by who is outside.
        let local = self.get("downstream_local_address").and_then(socket);
        if let (Some((client, _)), Some((_, port))) = (remote, local)
            && is_public(client)
        {
            let flow = Flow {
                from: End::Address(client),
                to: End::Pod(pod.clone()),
                protocol: Protocol::Tcp,
                port,
            };
            read.flows.push((flow, Asked::Anything));
        }
        Ok(End::Pod(pod.clone()))
    }

    /// What stands behind a host: a Service of the cluster, else the address that was called.
    fn service(&self, host: &str, port: &str) -> Result<(End, u16), String> {
        let host = host.split(';').next().unwrap_or_default();
        let mut parts = host.split('.');
        if let (Some(name), Some(space), Some("svc")) = (parts.next(), parts.next(), parts.next()) {
            sized(&[name, space])?;
            let service = End::Service(space.into(), name.into());
            return Ok((service, number(port)?));
        }
        let (address, port) = self.upstream()?;
        Ok((End::Address(address), port))
    }

    fn upstream(&self) -> Result<(IpAddr, u16), String> {
        let host = self.get("upstream_host").and_then(socket);
        host.ok_or_else(|| "its upstream_host is no address with a port".to_owned())
    }

    fn ztunnel(&self) -> Result<Option<(Flow, Asked)>, String> {
        if self.get("error").is_some() {
            return Ok(None);
        }
        let (from, to) = (self.ztunnel_end("src")?, self.ztunnel_end("dst")?);
        let tunnelled = self.get("dst.hbone_addr").and_then(socket);
        let called = tunnelled.or_else(|| self.get("dst.addr").and_then(socket));
        let Some((_, port)) = called else {
            return Err("its dst.addr is no address with a port".to_owned());
        };
        let flow = Flow {
            from,
            to,
            protocol: Protocol::Tcp,
            port,
        };
        Ok(Some((flow, Asked::Anything)))
    }

    fn ztunnel_end(&self, side: &str) -> Result<End, String> {
        let get = |key: &str| self.get(&format!("{side}.{key}"));
        if let (Some(space), Some(name)) = (get("namespace"), get("workload")) {
            return named(space, name).map(End::Pod);
        }
        if let Some(account) = get("identity").and_then(account) {
            return account;
        }
        match get("addr").and_then(socket) {
            Some((address, _)) => Ok(End::Address(address)),
            None => Err(format!("its {side} is neither a pod nor an address")),
        }
    }
}

/// `spiffe://cluster.local/ns/shop/sa/web`.
fn account(text: &str) -> Option<Result<End, String>> {
    let (_, rest) = text.split(',').next()?.split_once("/ns/")?;
    let (space, name) = rest.split_once("/sa/")?;
    let sized = sized(&[space, name]);
    Some(sized.map(|()| End::Account(space.into(), name.into())))
}

/// `outbound_.80_._.web.shop.svc.cluster.local`, as TLS of the mesh asks for it.
fn server_name(text: &str) -> Option<(&str, &str)> {
    let (port, rest) = text.strip_prefix("outbound_.")?.split_once("_.")?;
    let (_, host) = rest.split_once("_.")?;
    Some((host, port))
}

/// `10.1.2.3:80`, `[::1]:80`, `envoy://connect_originate/10.1.2.3:80`.
fn socket(text: &str) -> Option<(IpAddr, u16)> {
    let text = text.rsplit('/').next()?;
    let socket: SocketAddr = text.parse().ok()?;
    (socket.port() > 0).then(|| (socket.ip(), socket.port()))
}

fn number(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| "the port in its upstream_cluster is none".to_owned())
}
