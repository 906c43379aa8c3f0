//! For people.

use crate::news::pairs;
use crate::text::{clean, count, paragraph};
use seawall_assessment::reach::{Change, Flow, Flows, Reached, Verdict, Way};
use seawall_model::SourceMap;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Names of one namespace that are told one by one.
const FEW: usize = 4;

/// Who reaches every workload.
pub(super) fn flows(flows: &Flows, map: &SourceMap, all: bool) -> String {
    let mut text = String::new();
    let mut spaces: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let asked = flows.flows.iter().map(|flow| flow.to);
    let asked = asked.chain(flows.ways.iter().map(|way| way.to));
    for place in asked {
        let space = flows.places.get(place).and_then(|p| p.namespace.as_deref());
        let places = spaces.entry(space.unwrap_or("")).or_default();
        if !places.contains(&place) {
            places.push(place);
        }
    }
    head(flows, &mut text);
    for (space, mut places) in spaces {
        places.sort_unstable();
        let space = if space.is_empty() { "outside" } else { space };
        let _ = writeln!(text, "\n{}", clean(space));
        for place in places {
            workload(flows, place, map, all, &mut text);
        }
    }
    if flows.variants > 0 {
        let note = format!(
            "{} with the name of another one were left aside: of several renderings of one \
             thing the first counts",
            count(u64::try_from(flows.variants).unwrap_or(u64::MAX), "object")
        );
        text.push('\n');
        paragraph(&mut text, "", &note);
    }
    for gap in &flows.gaps {
        let place = map.display(gap.span);
        paragraph(
            &mut text,
            "",
            &format!("not applied: {place}: {}", gap.reason),
        );
    }
    text
}

fn head(flows: &Flows, text: &mut String) {
    let workloads = flows.workloads;
    let pairs: usize = flows
        .flows
        .iter()
        .filter(|flow| flow.to < workloads)
        .map(|flow| flow.from.iter().filter(|from| **from < workloads).count())
        .sum();
    let most = workloads * workloads.saturating_sub(1);
    let per_cent = (pairs * 100).checked_div(most).unwrap_or(0);
    let mut exposed: Vec<usize> = flows
        .ways
        .iter()
        .filter(|way| is_open(way))
        .map(|way| way.to)
        .collect();
    exposed.sort_unstable();
    exposed.dedup();
    let _ = writeln!(
        text,
        "REACH {} · {pairs} of {most} pairs open ({per_cent} %) · {} from the internet",
        count(u64::try_from(workloads).unwrap_or(u64::MAX), "workload"),
        exposed.len(),
    );
    paragraph(
        text,
        "",
        "Sources are taken as compromised. Ports are those that a workload declares.",
    );
}

fn is_open(way: &Way) -> bool {
    way.verdict != Verdict::Closed
}

fn workload(flows: &Flows, place: usize, map: &SourceMap, all: bool, text: &mut String) {
    let Some(name) = flows.places.get(place) else {
        return;
    };
    let _ = writeln!(text, "  {}", clean(&name.name));
    let mut last = String::new();
    for way in flows
        .ways
        .iter()
        .filter(|way| way.to == place)
        .filter(|way| is_open(way))
    {
        let mut line = format!("{} ← internet", way.port);
        if !way.is_unseen || way.through.is_none() {
            let _ = write!(line, " by {}", way.entry);
        }
        if let Some(through) = &way.through {
            let _ = write!(line, " through {through}");
        }
        if !way.hosts.is_empty() {
            let _ = write!(line, " for {}", way.hosts.join(", "));
        }
        if all && !way.requests.is_empty() {
            let _ = write!(line, " if {}", way.requests.join(" or "));
        }
        if way.verdict == Verdict::Some {
            line.push_str(" (some requests)");
        }
        // Without its objects one way may look like another.
        if !all && last == line {
            continue;
        }
        paragraph(text, "    ", &line);
        last = line;
        if all {
            for link in &way.links {
                let line = format!("{} {}", link.object, map.display(link.span));
                paragraph(text, "      ", &line);
            }
        }
    }
    for flow in flows.flows.iter().filter(|flow| flow.to == place) {
        let ports = ports(flow);
        let from = sources(flows, flow, all);
        let how = if flow.is_proven { " by mTLS" } else { "" };
        paragraph(text, "    ", &format!("{ports}{how} ← {from}"));
    }
}

fn ports(flow: &Flow) -> String {
    match (flow.ports.as_str(), flow.conditional.as_str()) {
        (ports, "") => ports.to_owned(),
        ("", some) => format!("some requests on {some}"),
        (ports, some) => format!("{ports}, some requests on {some}"),
    }
}

/// Who sends, by namespace.
fn sources(flows: &Flows, flow: &Flow, all: bool) -> String {
    let is_workload = |place: &&usize| **place < flows.workloads;
    let place_of = |place: &usize| flows.places.get(*place);
    let workloads = flow.from.iter().filter(is_workload).count();
    // What is in a node's network is the node, to whoever looks at addresses.
    let has_node = flow
        .from
        .iter()
        .filter_map(place_of)
        .any(|p| p.name == "node");
    let is_told = |place: &&usize| {
        let on_host = place_of(place).is_some_and(|place| place.is_on_host);
        is_workload(place) && (all || !has_node || !on_host)
    };
    let mut parts: Vec<String> = Vec::new();
    let others = flows.workloads.saturating_sub(1);
    if workloads == others && others > 1 && !all {
        parts.push(format!("every other workload ({others})"));
    } else {
        let mut spaces: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for place in flow.from.iter().filter(is_told) {
            if let Some(place) = place_of(place) {
                let space = place.namespace.as_deref().unwrap_or_default();
                let name = place.name.rsplit('/').next().unwrap_or_default();
                spaces.entry(space).or_default().push(name);
            }
        }
        for (space, mut names) in spaces {
            names.sort_unstable();
            let there = flows.places.iter().take(flows.workloads);
            let there = there
                .filter(|p| p.namespace.as_deref() == Some(space))
                .count();
            let own = flows.places.get(flow.to);
            let is_own = own.is_some_and(|own| own.namespace.as_deref() == Some(space));
            let there = there - usize::from(is_own);
            parts.push(if names.len() <= FEW || all {
                format!("{space}/{}", names.join(&format!(", {space}/")))
            } else if names.len() == there {
                format!("all of {space} ({there})")
            } else {
                let (few, rest) = names.split_at(FEW - 1);
                format!(
                    "{space}/{} and {} more there",
                    few.join(&format!(", {space}/")),
                    rest.len()
                )
            });
        }
    }
    let outside = flow.from.iter().filter(|place| !is_workload(place));
    parts.extend(outside.filter_map(place_of).map(|p| p.name.clone()));
    parts.join(", ")
}

/// What a change opens and closes.
pub fn change(change: &Change, since: &str, all: bool) -> String {
    let mut text = format!(
        "REACH since {}: {} opened, {} closed\n",
        clean(since),
        pairs(&change.opened),
        pairs(&change.closed)
    );
    for (mark, differences) in [("+", &change.opened), ("-", &change.closed)] {
        for one in differences {
            let from = if one.from.len() <= FEW || all {
                one.from.join(", ")
            } else {
                let (few, rest) = one.from.split_at(FEW - 1);
                format!("{} and {} more", few.join(", "), rest.len())
            };
            paragraph(
                &mut text,
                "",
                &format!("{mark} {} · {} ← {from}", one.to, one.ports),
            );
        }
    }
    text
}

/// What somebody who is compromised reaches, by how many steps it takes.
pub fn blast(from: &str, reached: &[Reached]) -> String {
    let mut text = String::new();
    let farthest = reached.iter().map(|r| r.hops).max().unwrap_or(0);
    let workloads = u64::try_from(reached.len()).unwrap_or(u64::MAX);
    let line = match farthest {
        0 => format!("BLAST {from} reaches no workload"),
        _ => format!(
            "BLAST {from} reaches {} in at most {}",
            count(workloads, "workload"),
            count(u64::from(farthest), "step")
        ),
    };
    paragraph(&mut text, "", &line);
    for hops in 1..=farthest {
        let _ = writeln!(text, "\nstep {hops}");
        for reached in reached.iter().filter(|r| r.hops == hops) {
            let mut line = format!("{} · {}", reached.name, reached.ports);
            if reached.is_conditional {
                line.push_str(" (some requests)");
            }
            if hops > 1 {
                let _ = write!(line, " · from {}", reached.from);
            }
            if reached.is_own_node {
                line.push_str(" where both are on one node");
            }
            paragraph(&mut text, "  ", &line);
        }
    }
    text
}
