//! Lines of flows: Hubble's JSON (`hubble observe -o json`, with and without the outer `flow`)
//! and a format for people, `shop/web -> data/db tcp/5432`.
//!
//! Many lines say one thing, so only different flows are kept, with the place of the first and
//! a count. What is no flow (a reply, something dropped, a message of Hubble) is counted, and
//! what is not understood is told with its line.

use crate::reach::read_port;
use core::net::IpAddr;
use seawall_model::{FileId, Str};
use seawall_network::Protocol;
use seawall_yaml::{Limits, Node, parse_single};
use std::collections::BTreeMap;
use std::fmt;

/// Different flows that are kept at most; a cluster has far fewer.
const MOST_FLOWS: usize = 200_000;
/// Lines not understood that are told; more are counted.
const MOST_WRONG: usize = 20;
/// A name in a cluster has at most 253 characters.
const LONGEST_NAME: usize = 253;

/// Where a flow was read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Line {
    /// The file as the user named it; empty where it was in none.
    pub file: Str,
    /// From 1; 0 where there are no lines.
    pub number: u64,
}

/// A line that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Which one.
    pub line: Line,
    /// Why.
    pub reason: String,
}

/// One end of a flow, as it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Workload(Str, Str),
    Pod(Pod),
    Internet,
    Dns,
    Node,
    Address(IpAddr),
}

/// A pod as Hubble knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pod {
    pub(super) namespace: Str,
    /// Its workload, where Hubble knows it.
    pub(super) workload: Option<Str>,
    pub(super) name: Str,
    pub(super) labels: Vec<(Str, Str)>,
}

/// Who sends what to whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flow {
    pub(super) from: End,
    pub(super) to: End,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
}

/// How often and where first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) line: Line,
    pub(super) count: u64,
}

impl Seen {
    /// Takes in what was seen elsewhere.
    pub(super) fn join(&mut self, other: &Seen) {
        self.count += other.count;
        if other.line < self.line {
            self.line = other.line.clone();
        }
    }
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Observed {
    flows: BTreeMap<Flow, Seen>,
    /// Lines, empty ones left out.
    pub lines: u64,
    /// Lines that were not understood.
    pub bad: u64,
    /// The first of them.
    pub wrong: Vec<Wrong>,
    /// Lines that are no flow to allow: replies, what was dropped, other messages.
    pub skipped: u64,
    /// Flows beyond what is kept.
    pub beyond: u64,
    /// The first and the last time that a flow was seen, as written.
    pub window: Option<(Str, Str)>,
}

impl Observed {
    /// Takes a line.
    pub fn line(&mut self, line: &Line, text: &str) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return;
        }
        self.lines += 1;
        let read = if text.starts_with('{') {
            self.hubble(text)
        } else {
            plain(text).map(Some)
        };
        match read {
            Ok(Some(flow)) => self.add(flow, line),
            Ok(None) => self.skipped += 1,
            Err(reason) => self.refuse(line, reason),
        }
    }

    /// Takes note of a line that could not be read.
    pub fn unreadable(&mut self, line: &Line, reason: &str) {
        self.lines += 1;
        self.refuse(line, reason.to_owned());
    }

    pub(super) fn flows(&self) -> impl Iterator<Item = (&Flow, &Seen)> {
        self.flows.iter()
    }

    pub(super) fn add(&mut self, flow: Flow, line: &Line) {
        if let Some(seen) = self.flows.get_mut(&flow) {
            seen.count += 1;
        } else if self.flows.len() < MOST_FLOWS {
            let line = line.clone();
            self.flows.insert(flow, Seen { line, count: 1 });
        } else {
            self.beyond += 1;
        }
    }

    fn refuse(&mut self, line: &Line, reason: String) {
        self.bad += 1;
        if self.wrong.len() < MOST_WRONG {
            let line = line.clone();
            self.wrong.push(Wrong { line, reason });
        }
    }

    /// A message of Hubble; `None` where it is no flow to allow.
    fn hubble(&mut self, text: &str) -> Result<Option<Flow>, String> {
        let limits = Limits {
            max_bytes: 1 << 20,
            max_depth: 32,
            max_nodes: 20_000,
        };
        let stream = parse_single(text, FileId::UNKNOWN, &limits);
        let (Some(document), true) = (stream.documents.first(), stream.problems.is_empty()) else {
            return Err("it is no JSON".to_owned());
        };
        let root = &document.root;
        let flow = root.get("flow").unwrap_or(root);
        if flow.get("source").is_none() && flow.get("destination").is_none() {
            let is_message = ["node_status", "lost_events", "agent_event", "debug_event"]
                .iter()
                .any(|key| root.get(key).is_some());
            return if is_message || flow.get("verdict").is_some() {
                Ok(None)
            } else {
                Err("it has neither source nor destination".to_owned())
            };
        }
        let verdict = flow.get("verdict").and_then(Node::as_str);
        let is_reply = flow.get("is_reply").and_then(Node::as_bool);
        let passed = matches!(verdict, Some("FORWARDED" | "REDIRECTED"));
        if !passed || is_reply == Some(true) {
            return Ok(None);
        }
        let Some((protocol, port)) = destination_port(flow)? else {
            return Ok(None);
        };
        let read = Flow {
            from: end(flow, "source")?,
            to: end(flow, "destination")?,
            protocol,
            port,
        };
        self.mark(flow);
        Ok(Some(read))
    }

    fn mark(&mut self, flow: &Node) {
        let Some(time) = flow.get("time").and_then(Node::as_str) else {
            return;
        };
        // Times of Hubble are in UTC and of one form, so that they compare as text.
        let (first, last) = self
            .window
            .get_or_insert_with(|| (time.into(), time.into()));
        if time < &**first {
            *first = time.into();
        }
        if time > &**last {
            *last = time.into();
        }
    }
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

/// `shop/web -> data/db tcp/5432`.
fn plain(text: &str) -> Result<Flow, String> {
    let words: Vec<&str> = text.split_whitespace().take(5).collect();
    let [from, "->", to, port] = words.as_slice() else {
        return Err("it reads `shop/web -> data/db tcp/5432`".to_owned());
    };
    let (protocol, port) =
        read_port(port).ok_or_else(|| "its port is none: write tcp/5432".to_owned())?;
    Ok(Flow {
        from: word(from)?,
        to: word(to)?,
        protocol,
        port,
    })
}

fn word(word: &str) -> Result<End, String> {
    match word {
        "internet" => return Ok(End::Internet),
        "dns" => return Ok(End::Dns),
        "node" => return Ok(End::Node),
        _ => {}
    }
    if let Ok(address) = word.parse() {
        return Ok(End::Address(address));
    }
    match word.split_once('/') {
        Some((space, name)) if !space.is_empty() && !name.is_empty() && !name.contains('/') => {
            sized(&[space, name])?;
            Ok(End::Workload(space.into(), name.into()))
        }
        _ => Err("an end is `namespace/workload`, internet, dns, node or an address".to_owned()),
    }
}

fn sized(names: &[&str]) -> Result<(), String> {
    if names.iter().any(|name| name.len() > LONGEST_NAME) {
        return Err(format!("a name has more than {LONGEST_NAME} characters"));
    }
    Ok(())
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.protocol.name().to_ascii_lowercase();
        write!(f, "{} -> {} {protocol}/{}", self.from, self.to, self.port)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Workload(space, name) => write!(f, "{space}/{name}"),
            End::Pod(pod) => {
                let name = pod.workload.as_ref().unwrap_or(&pod.name);
                write!(f, "{}/{name}", pod.namespace)
            }
            End::Internet => f.write_str("internet"),
            End::Dns => f.write_str("dns"),
            End::Node => f.write_str("node"),
            End::Address(address) => write!(f, "{address}"),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => f.write_str(&self.file),
            number => write!(f, "{}:{number}", self.file),
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            0 | 1 => write!(f, "{}", self.line),
            count => write!(f, "{}, {count} times", self.line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Observed {
        let mut seen = Observed::default();
        for (number, text) in (1..).zip(lines) {
            let file = Str::from("f");
            seen.line(&Line { file, number }, text);
        }
        seen
    }

    fn told(seen: &Observed) -> Vec<String> {
        let all = seen.flows();
        all.map(|(flow, seen)| format!("{flow} ({seen})")).collect()
    }

    #[test]
    fn the_plain_format() {
        let seen = read(&[
            "# the shop",
            "",
            "shop/web -> data/db tcp/5432",
            "  shop/web  ->  data/db 5432/tcp ",
            "internet -> shop/web 8080",
            "shop/web -> dns udp/53",
            "shop/web -> 10.1.2.3 tcp/443",
        ]);
        assert_eq!(
            told(&seen),
            [
                "shop/web -> data/db tcp/5432 (f:3, 2 times)",
                "shop/web -> dns udp/53 (f:6)",
                "shop/web -> 10.1.2.3 tcp/443 (f:7)",
                "internet -> shop/web tcp/8080 (f:5)",
            ]
        );
        assert_eq!((seen.lines, seen.bad), (5, 0));
    }

    #[test]
    fn lines_that_are_not_understood_are_told() {
        let long = format!("{}/web -> data/db tcp/1", "x".repeat(300));
        let lines = [
            "shop/web => data/db tcp/5432",
            "shop/web -> data/db",
            "shop/web -> data/db tcp/0",
            "shop/web -> data/db tcp/70000",
            "shop/web -> data/db http/80",
            "web -> data/db tcp/5432",
            "a/b/c -> data/db tcp/5432",
            "shop/web -> data/db tcp/5432 often",
            "{\"flow\": ",
            "{}",
            "{\"source\":{},\"destination\":{},\"verdict\":\"FORWARDED\",\"l4\":{\"TCP\":{\"destination_port\":99999}}}",
            "{\"source\":{},\"destination\":{},\"verdict\":\"FORWARDED\",\"l4\":{\"TCP\":{\"destination_port\":9}}}",
            &long,
        ];
        let seen = read(&lines);
        assert_eq!(seen.bad, lines.len() as u64, "{:?}", seen.wrong);
        assert!(told(&seen).is_empty());
        assert_eq!(seen.wrong[0].line.number, 1);
        let many = vec!["?"; 100];
        let seen = read(&many);
        assert_eq!((seen.bad, seen.wrong.len()), (100, MOST_WRONG));
    }

    const WEB: &str = r#""source":{"namespace":"shop","pod_name":"web-5d4-abcde","labels":["k8s:app=web","k8s:io.kubernetes.pod.namespace=shop","k8s:pod-template-hash=5d4"],"workloads":[{"name":"web","kind":"Deployment"}]}"#;
    const DB: &str =
        r#""destination":{"namespace":"data","pod_name":"db-0","labels":["k8s:app=db"]}"#;

    #[test]
    fn messages_of_hubble() {
        let tcp = |verdict: &str, more: &str| {
            format!(
                r#"{{"flow":{{"time":"2026-01-02T03:04:05Z","verdict":"{verdict}",{WEB},{DB},"l4":{{"TCP":{{"source_port":40000,"destination_port":5432}}}}{more}}},"node_name":"n"}}"#
            )
        };
        let inner = format!(
            r#"{{"time":"2026-01-02T03:04:06Z","verdict":"FORWARDED",{WEB},{DB},"l4":{{"TCP":{{"destination_port":5432}}}},"is_reply":false}}"#
        );
        let world = r#"{"flow":{"verdict":"FORWARDED","IP":{"source":"203.0.113.7","destination":"10.0.0.1"},"source":{"identity":2,"labels":["reserved:world"]},"destination":{"namespace":"shop","pod_name":"web-5d4-abcde"},"l4":{"UDP":{"destination_port":8080}}}}"#.to_owned();
        let ping = format!(
            r#"{{"flow":{{"verdict":"FORWARDED",{WEB},{DB},"l4":{{"ICMPv4":{{"type":8}}}}}}}}"#
        );
        let lines = [
            tcp("FORWARDED", ""),
            inner,
            tcp("FORWARDED", r#","is_reply":true"#),
            tcp("DROPPED", ""),
            ping,
            r#"{"lost_events":{"source":"HUBBLE_RING_BUFFER"}}"#.to_owned(),
            world,
        ];
        let seen = read(&lines.each_ref().map(String::as_str));
        assert_eq!(
            told(&seen),
            [
                "shop/web -> data/db-0 tcp/5432 (f:1, 2 times)",
                "203.0.113.7 -> shop/web-5d4-abcde udp/8080 (f:7)",
            ],
            "{:?}",
            seen.wrong
        );
        assert_eq!((seen.lines, seen.skipped, seen.bad), (7, 4, 0));
        let window = seen.window.map(|(first, last)| format!("{first} {last}"));
        assert_eq!(
            window.as_deref(),
            Some("2026-01-02T03:04:05Z 2026-01-02T03:04:06Z")
        );
    }
}
