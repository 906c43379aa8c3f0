//! For tools that draw: Graphviz and Mermaid. Workloads of one namespace are one box; of many
//! workloads only the namespaces are drawn, with how many pairs are open between them.

use super::machine::name;
use seawall_assessment::reach::{Flows, Verdict};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// More workloads than this are drawn as their namespaces.
const MOST: usize = 40;

/// The edges of a drawing.
pub(super) struct Graph {
    /// Boxes with what is in them.
    pub(super) boxes: BTreeMap<String, Vec<String>>,
    /// From, to, and what stands at the line.
    pub(super) edges: Vec<(String, String, String)>,
    /// Whether the boxes themselves are what the edges lead to.
    pub(super) is_gathered: bool,
}

impl Graph {
    pub(super) fn of(flows: &Flows) -> Self {
        let space = |place: usize| -> String {
            let place = flows.places.get(place);
            let space = place.and_then(|place| place.namespace.as_deref());
            space.unwrap_or("outside").to_owned()
        };
        let mut seen: Vec<usize> = flows.flows.iter().map(|flow| flow.to).collect();
        seen.extend(
            flows
                .flows
                .iter()
                .flat_map(|flow| flow.from.iter().copied()),
        );
        seen.extend(flows.ways.iter().map(|way| way.to));
        seen.retain(|place| *place < flows.workloads);
        seen.sort_unstable();
        seen.dedup();
        let is_gathered = seen.len() > MOST;
        let mut boxes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for place in &seen {
            let inside = boxes.entry(space(*place)).or_default();
            inside.push(name(flows, *place).to_owned());
        }
        let end = |place: usize| {
            if is_gathered && place < flows.workloads {
                space(place)
            } else {
                name(flows, place).to_owned()
            }
        };
        let mut edges: BTreeMap<(String, String), (usize, String)> = BTreeMap::new();
        let mut edge = |from: String, to: String, ports: &str| {
            let known = edges.entry((from, to)).or_insert((0, String::new()));
            known.0 += 1;
            if !known.1.split(", ").any(|one| one == ports) {
                if !known.1.is_empty() {
                    known.1.push_str(", ");
                }
                known.1.push_str(ports);
            }
        };
        for flow in &flows.flows {
            let ports = if flow.ports.is_empty() {
                &flow.conditional
            } else {
                &flow.ports
            };
            for from in &flow.from {
                edge(end(*from), end(flow.to), ports);
            }
        }
        for way in flows
            .ways
            .iter()
            .filter(|way| way.verdict != Verdict::Closed)
        {
            edge("internet".to_owned(), end(way.to), &way.port);
        }
        let edges = edges.into_iter().map(|((from, to), (count, ports))| {
            let label = if is_gathered && from != "internet" {
                format!("{count} open")
            } else {
                ports
            };
            (from, to, label)
        });
        Self {
            boxes,
            edges: edges.collect(),
            is_gathered,
        }
    }
}

pub(super) fn dot(flows: &Flows) -> String {
    let graph = Graph::of(flows);
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut text = String::from("digraph reach {\n  rankdir=LR;\n  node [shape=box];\n");
    if !graph.is_gathered {
        for (number, (space, inside)) in graph.boxes.iter().enumerate() {
            let label = quoted(space);
            let _ = writeln!(text, "  subgraph cluster_{number} {{\n    label={label};");
            for name in inside {
                let _ = writeln!(text, "    {};", quoted(name));
            }
            text.push_str("  }\n");
        }
    }
    for (from, to, label) in &graph.edges {
        let colour = if from == "internet" {
            ", color=red"
        } else {
            ""
        };
        let (from, to, label) = (quoted(from), quoted(to), quoted(label));
        let _ = writeln!(text, "  {from} -> {to} [label={label}{colour}];");
    }
    text.push_str("}\n");
    text
}

pub(super) fn mermaid(flows: &Flows) -> String {
    let graph = Graph::of(flows);
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    let mut id = |name: &str| {
        let next = format!("n{}", ids.len());
        ids.entry(name.to_owned()).or_insert(next).clone()
    };
    let shown = |text: &str| text.replace('"', "#quot;");
    let mut text = String::from("flowchart LR\n");
    if !graph.is_gathered {
        for (number, (space, inside)) in graph.boxes.iter().enumerate() {
            let _ = writeln!(text, "  subgraph s{number}[\"{}\"]", shown(space));
            for name in inside {
                let _ = writeln!(text, "    {}[\"{}\"]", id(name), shown(name));
            }
            text.push_str("  end\n");
        }
    }
    for (from, to, label) in &graph.edges {
        let (from, to) = (
            format!("{}[\"{}\"]", id(from), shown(from)),
            format!("{}[\"{}\"]", id(to), shown(to)),
        );
        let _ = writeln!(text, "  {from} -->|\"{}\"| {to}", shown(label));
    }
    text
}
