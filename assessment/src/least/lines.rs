//! Lines of flows: JSON of Hubble and of a mesh's proxies, and a format for people,
//! `shop/web -> data/db tcp/5432`, with a request behind it where that is known (`GET /items`).
//!
//! Many lines say one thing, so only different flows are kept, with the place of the first, a
//! count, and what was asked. What is no flow (a reply, something refused, another message) is
//! counted, and what is not understood is told with its line.

use super::requests::{Asked, Request, Requests};
use super::{envoy, hubble};
use crate::reach::read_port;
use core::net::IpAddr;
use seawall_model::{FileId, Str};
use seawall_network::Protocol;
use seawall_yaml::{Limits, Node, parse_single};
use std::collections::BTreeMap;
use std::fmt;

/// Different flows that are kept at most; a cluster has far fewer.
const MOST_FLOWS: usize = 200_000;
/// Addresses of pods that are kept at most.
const MOST_ADDRESSES: usize = 200_000;
/// Lines not understood that are told; more are counted.
const MOST_WRONG: usize = 20;
/// A name in a cluster has at most 253 characters.
const LONGEST_NAME: usize = 253;
/// Paths are longer than names, but what is longer than this is nothing to write down.
const LONGEST_PATH: usize = 2_000;

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
    /// Whoever has a service account.
    Account(Str, Str),
    /// Whoever is behind a Service; the port of such a flow is the Service's.
    Service(Str, Str),
    Internet,
    Dns,
    Node,
    Address(IpAddr),
}

/// A pod as a log knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pod {
    /// Empty where the log does not say it.
    pub(super) namespace: Str,
    /// Its workload, where that is known.
    pub(super) workload: Option<Str>,
    pub(super) name: Str,
    pub(super) labels: Vec<(Str, Str)>,
}

/// Who sends to whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flow {
    pub(super) from: End,
    pub(super) to: End,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
}

/// How often, where first, and what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) line: Line,
    pub(super) count: u64,
    pub(super) asked: Requests,
}

impl Seen {
    /// Takes in what was seen elsewhere.
    pub(super) fn join(&mut self, other: &Seen) {
        self.count += other.count;
        self.asked.join(&other.asked);
        if other.line < self.line {
            self.line = other.line.clone();
        }
    }
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Observed {
    flows: BTreeMap<Flow, Seen>,
    /// Who has an address, as the lines themselves say; nobody where several had it.
    addresses: BTreeMap<IpAddr, Option<Pod>>,
    /// Lines, empty ones left out.
    pub lines: u64,
    /// Lines that were not understood.
    pub bad: u64,
    /// The first of them.
    pub wrong: Vec<Wrong>,
    /// Lines that are no flow to allow: replies, what was refused, other messages.
    pub skipped: u64,
    /// Flows beyond what is kept.
    pub beyond: u64,
    /// The first and the last time that a flow was seen, as written.
    pub window: Option<(Str, Str)>,
}

/// What a line says.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) flows: Vec<(Flow, Asked)>,
    /// Pods with their addresses.
    pub(super) addresses: Vec<(IpAddr, Pod)>,
    /// Times of the flows, in UTC and of one form, so that they compare as text.
    pub(super) times: Vec<Str>,
}

impl Observed {
    /// Takes a line.
    pub fn line(&mut self, line: &Line, text: &str) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return;
        }
        self.lines += 1;
        let read = match json_in(text) {
            Some((pod, text)) => json(text).and_then(|root| from_json(&root, pod)),
            None => plain(text).map(|flow| Read {
                flows: vec![flow],
                ..Read::default()
            }),
        };
        match read {
            Ok(read) => self.take(read, line),
            Err(reason) => self.refuse(line, reason),
        }
    }

    fn take(&mut self, read: Read, line: &Line) {
        if read.flows.is_empty() {
            self.skipped += 1;
        }
        for (flow, asked) in read.flows {
            self.add(flow, &asked, line);
        }
        for (address, pod) in read.addresses {
            self.learn(address, pod);
        }
        for time in read.times {
            self.mark(&time);
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

    /// The pod that had an address while the lines were written; `None` where none or more than
    /// one is known.
    pub(super) fn pod_at(&self, address: IpAddr) -> Option<&Pod> {
        self.addresses.get(&address)?.as_ref()
    }

    pub(super) fn add(&mut self, flow: Flow, asked: &Asked, line: &Line) {
        if let Some(seen) = self.flows.get_mut(&flow) {
            seen.count += 1;
            seen.asked.add(asked);
        } else if self.flows.len() < MOST_FLOWS {
            let mut seen = Seen {
                line: line.clone(),
                count: 1,
                asked: Requests::default(),
            };
            seen.asked.add(asked);
            self.flows.insert(flow, seen);
        } else {
            self.beyond += 1;
        }
    }

    fn learn(&mut self, address: IpAddr, pod: Pod) {
        if let Some(known) = self.addresses.get_mut(&address) {
            let is_it = |one: &Pod| (&one.namespace, &one.name) == (&pod.namespace, &pod.name);
            if !known.as_ref().is_some_and(is_it) {
                *known = None;
            }
        } else if self.addresses.len() < MOST_ADDRESSES {
            self.addresses.insert(address, Some(pod));
        }
    }

    fn refuse(&mut self, line: &Line, reason: String) {
        self.bad += 1;
        if self.wrong.len() < MOST_WRONG {
            let line = line.clone();
            self.wrong.push(Wrong { line, reason });
        }
    }

    fn mark(&mut self, time: &Str) {
        let window = self.window.take();
        let (first, last) = window.unwrap_or_else(|| (time.clone(), time.clone()));
        self.window = Some((first.min(time.clone()), last.max(time.clone())));
    }
}

/// The JSON of a line, with what `kubectl logs --prefix` writes before it: the pod.
fn json_in(text: &str) -> Option<(Option<&str>, &str)> {
    if text.starts_with('{') {
        return Some((None, text));
    }
    let (prefix, rest) = text.strip_prefix("[pod/")?.split_once("] ")?;
    let pod = prefix.split('/').next()?;
    Some((Some(pod), rest))
}

/// Reads JSON.
pub(super) fn json(text: &str) -> Result<Node, String> {
    let limits = Limits {
        max_bytes: 1 << 20,
        max_depth: 32,
        max_nodes: 20_000,
    };
    let stream = parse_single(text, FileId::UNKNOWN, &limits);
    match stream.documents.into_iter().next() {
        Some(document) if stream.problems.is_empty() => Ok(document.root),
        _ => Err("it is no JSON".to_owned()),
    }
}

fn from_json(root: &Node, pod: Option<&str>) -> Result<Read, String> {
    match hubble::read(root) {
        Some(read) => read,
        None => envoy::read(root, pod),
    }
}

/// `shop/web -> data/db tcp/5432`, and perhaps `GET /items`.
fn plain(text: &str) -> Result<(Flow, Asked), String> {
    let words: Vec<&str> = text.split_whitespace().take(7).collect();
    let [from, "->", to, port, rest @ ..] = words.as_slice() else {
        return Err("it reads `shop/web -> data/db tcp/5432`".to_owned());
    };
    let (protocol, port) =
        read_port(port).ok_or_else(|| "its port is none: write tcp/5432".to_owned())?;
    let flow = Flow {
        from: word(from)?,
        to: word(to)?,
        protocol,
        port,
    };
    let asked = match rest {
        [] => Asked::Anything,
        [method, path] => Asked::Request(request(method, path)?),
        _ => return Err("behind the port only a request may stand: `GET /items`".to_owned()),
    };
    Ok((flow, asked))
}

/// A request as a log or a person wrote it.
pub(super) fn request(method: &str, target: &str) -> Result<Request, String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if method.is_empty() || method.len() > 32 || !method.chars().all(is_token) {
        return Err("its method is none".to_owned());
    }
    if target.len() > LONGEST_PATH {
        return Err(format!("its path has more than {LONGEST_PATH} characters"));
    }
    if target.chars().any(char::is_control) {
        return Err("its path has characters that no path has".to_owned());
    }
    Ok(Request::read(method, target))
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

/// Refuses names that are longer than names are.
pub(super) fn sized(names: &[&str]) -> Result<(), String> {
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
            End::Account(space, name) => write!(f, "account {space}/{name}"),
            End::Service(space, name) => write!(f, "Service {space}/{name}"),
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
