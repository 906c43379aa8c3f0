//! For programs: JSON and CSV.

use crate::csv::cell;
use seawall_assessment::reach::{Flows, Verdict};
use seawall_model::SourceMap;
use serde::Serialize;
use std::fmt::Write as _;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'r> {
    schema: &'static str,
    workloads: Vec<&'r str>,
    flows: Vec<Pair<'r>>,
    exposed: Vec<Exposed<'r>>,
    gaps: Vec<Gap<'r>>,
    left_aside: usize,
}

/// What passes from some to one.
#[derive(Serialize)]
struct Pair<'r> {
    to: &'r str,
    from: Vec<&'r str>,
    ports: &'r str,
    conditional: &'r str,
    /// Whether it passes under an identity that a mesh proves and not without.
    proven: bool,
}

#[derive(Serialize)]
struct Exposed<'r> {
    to: &'r str,
    port: &'r str,
    by: &'r str,
    through: Option<&'r str>,
    hosts: Vec<&'r str>,
    requests: &'r [String],
    encrypted: bool,
    verdict: &'static str,
    links: Vec<Link<'r>>,
}

#[derive(Serialize)]
struct Link<'r> {
    object: &'r str,
    at: String,
}

#[derive(Serialize)]
struct Gap<'r> {
    at: String,
    subject: &'r str,
    reason: &'r str,
}

pub(super) fn json(flows: &Flows, map: &SourceMap) -> String {
    let report = Report {
        schema: "seawall-reach-v1",
        workloads: (0..flows.workloads)
            .map(|place| name(flows, place))
            .collect(),
        flows: flows
            .flows
            .iter()
            .map(|flow| Pair {
                to: name(flows, flow.to),
                from: flow.from.iter().map(|place| name(flows, *place)).collect(),
                ports: &flow.ports,
                conditional: &flow.conditional,
                proven: flow.is_proven,
            })
            .collect(),
        exposed: flows
            .ways
            .iter()
            .map(|way| Exposed {
                to: name(flows, way.to),
                port: &way.port,
                by: way.entry,
                through: way.through.as_deref(),
                hosts: way.hosts.iter().map(|host| &**host).collect(),
                requests: &way.requests,
                encrypted: way.is_encrypted,
                verdict: word(way.verdict),
                links: way
                    .links
                    .iter()
                    .map(|link| Link {
                        object: &link.object,
                        at: map.display(link.span),
                    })
                    .collect(),
            })
            .collect(),
        gaps: flows
            .gaps
            .iter()
            .map(|gap| Gap {
                at: map.display(gap.span),
                subject: &gap.subject,
                reason: &gap.reason,
            })
            .collect(),
        left_aside: flows.variants,
    };
    // Texts, numbers and lists of them always become JSON.
    let mut text = serde_json::to_string_pretty(&report).unwrap_or_default();
    text.push('\n');
    text
}

pub(super) fn csv(flows: &Flows) -> String {
    let mut text = String::from("from,to,ports,conditional\n");
    for flow in &flows.flows {
        for from in &flow.from {
            let cells = [
                name(flows, *from),
                name(flows, flow.to),
                &flow.ports,
                &flow.conditional,
            ];
            let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
            let _ = writeln!(text, "{}", cells.join(","));
        }
    }
    for way in flows
        .ways
        .iter()
        .filter(|way| way.verdict != Verdict::Closed)
    {
        let to = cell(name(flows, way.to));
        let port = cell(&way.port);
        let (open, some) = match way.verdict {
            Verdict::Open => (port.as_str(), ""),
            _ => ("", port.as_str()),
        };
        let _ = writeln!(text, "internet,{to},{open},{some}");
    }
    text
}

pub(super) fn name(flows: &Flows, place: usize) -> &str {
    let place = flows.places.get(place);
    place.map_or("", |place| &place.name)
}

pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Open => "open",
        Verdict::Some => "some-requests",
        Verdict::Closed => "closed",
    }
}
