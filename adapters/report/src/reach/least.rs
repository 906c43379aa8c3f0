//! What generated policies do, for whoever applies them.

use crate::text::{clean, count, paragraph};
use seawall_assessment::least::{Answer, Kind, Observed, Uncovered};
use seawall_model::SourceMap;
use std::fmt::Write as _;

/// Names that are told of a kind at most.
const MOST_NAMES: usize = 6;
/// Flows, lines and policies that are told one by one at most.
const MOST_TOLD: usize = 20;

/// What was read.
pub fn observed(seen: &Observed, is_declared: bool) -> String {
    let mut text = String::new();
    if is_declared {
        paragraph(
            &mut text,
            "",
            "FLOWS none were given: what the manifests declare counts (hosts in variables, \
             arguments and ConfigMaps, ways in from the internet). What they do not say is \
             closed; --flows takes what was seen.",
        );
        return text;
    }
    let mut head = format!("FLOWS {}", count(seen.lines, "line"));
    if seen.skipped > 0 {
        head = format!("{head} · {} to leave out (replies, refusals)", seen.skipped);
    }
    if seen.bad > 0 {
        head = format!("{head} · {} not understood", seen.bad);
    }
    if seen.beyond > 0 {
        head = format!("{head} · {} beyond what is kept", seen.beyond);
    }
    paragraph(&mut text, "", &head);
    for wrong in seen.wrong.iter().take(MOST_TOLD) {
        let told = format!("{}: not understood: {}", wrong.line, wrong.reason);
        paragraph(&mut text, "  ", &told);
    }
    if let Some((first, last)) = &seen.window {
        let told = format!("seen from {first} to {last}; what happens more rarely is closed");
        paragraph(&mut text, "  ", &told);
    }
    text
}

/// What policies do.
pub fn least(answer: &Answer, kind: Kind, map: &SourceMap) -> String {
    let mut text = String::new();
    let (before, after) = answer.pairs;
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let policies = answer.policies.len();
    let head = format!(
        "{} closes {} of {before} open pairs · {} kept open · {policies} {}",
        kind.name().to_uppercase(),
        before.saturating_sub(after),
        count(number(answer.flows), "flow"),
        if policies == 1 { "policy" } else { "policies" },
    );
    paragraph(&mut text, "", &head);
    let mut proof = if policies == 0 {
        "nothing to add: what is there keeps the flows open and closes the rest that policies can"
    } else {
        "proved: every flow still passes, nothing new does, and without any part of any rule a \
         flow would be closed"
    }
    .to_owned();
    if answer.needless > 0 {
        let left = count(number(answer.needless), "rule");
        proof = format!("{proof}; {left} left out, as other policies allow the same");
    }
    paragraph(&mut text, "  ", &proof);
    text.push_str(&uncovered(&answer.uncovered));
    keepers(answer, map, &mut text);
    let mut told = |words: &str| paragraph(&mut text, "  ", words);
    if answer.narrowed_pairs > 0 {
        told(&format!(
            "{} still open for the requests that were seen, and for no others",
            count(number(answer.narrowed_pairs), "pair"),
        ));
    }
    if answer.unheld_pairs > 0 {
        told(&format!(
            "{} still open {}",
            count(number(answer.unheld_pairs), "pair"),
            if kind.is_mesh() {
                "to pods outside of the mesh, which its policies do not hold"
            } else {
                "to or from pods in their node's network, which no policy holds"
            },
        ));
    }
    for (name, why) in answer.outside.iter().take(MOST_NAMES) {
        told(&format!(
            "none is made for {name}, where it would do nothing: {why}"
        ));
    }
    if answer.outside.len() > MOST_NAMES {
        let more = answer.outside.len() - MOST_NAMES;
        told(&format!(
            "and {more} more that policies would do nothing for"
        ));
    }
    if !answer.unproved.is_empty() {
        told(&format!(
            "{} proved no identity: whoever proves none comes in where they go",
            some(&answer.unproved)
        ));
    }
    if answer.through_waypoint > 0 {
        told(&format!(
            "{} through a waypoint, which lets pass what is allowed there; pairs count what goes \
             straight to the pods",
            count(number(answer.through_waypoint), "flow"),
        ));
    }
    if answer.unsettled > 0 {
        told(&format!(
            "{} not proved: other policies ask for hosts, headers or expressions that no flow \
             settles",
            if answer.unsettled == 1 {
                "1 request is".to_owned()
            } else {
                format!("{} requests are", answer.unsettled)
            },
        ));
    }
    if answer.tunnelled > 0 {
        told(&format!(
            "{} in ambient's tunnel, where policies see TCP 15008 and not the port: whom they let \
             in reaches every port, unless `seawall generate authz` holds these",
            count(number(answer.tunnelled), "flow"),
        ));
    }
    if !answer.waypoints_assumed.is_empty() {
        told(&format!(
            "the pods of {} are not in the input; they are taken to have the label \
             gateway.networking.k8s.io/gateway-name, as istiod makes them",
            some(&answer.waypoints_assumed)
        ));
    }
    if answer.has_ambient_probes {
        told(
            "the kubelet's probes reach pods of ambient from 169.254.7.127, which Cilium does not \
             take for a node: let that address in with a CiliumClusterwideNetworkPolicy",
        );
    }
    if answer.is_enforcer_unseen {
        told(&format!(
            "nothing in the input shows that {} is there; without it the policies do nothing",
            kind.enforcer()
        ));
    }
    if answer.alike_pairs > 0 {
        told(&format!(
            "{} that no flow uses stay open: by their {} these workloads are others that do",
            count(number(answer.alike_pairs), "pair"),
            if kind.is_mesh() {
                "accounts or labels"
            } else {
                "labels"
            },
        ));
    }
    if !answer.closed_ways.is_empty() {
        told(&format!(
            "closes the way in from the internet to {}",
            some(&answer.closed_ways)
        ));
    }
    if !answer.silent.is_empty() {
        told(&format!(
            "no flow reaches {}: closed but for what other policies allow",
            some(&answer.silent)
        ));
    }
    if !answer.left_open.is_empty() {
        told(&format!(
            "left open: {}, as no flow shows what nodes and the control plane send there",
            answer.left_open.join(", ")
        ));
    }
    if answer.has_internet {
        told(
            "internet is all public addresses; where a load balancer hides its clients, allow \
             the addresses of the nodes by hand",
        );
    }
    if answer.is_dns_assumed {
        told(
            "DNS is taken to be answered by pods of kube-system with k8s-app=kube-dns; they are \
             not in the input",
        );
    }
    if answer.is_mesh_cut {
        told(
            "a mesh is here: its proxies have to reach its control plane (Istio: TCP 15012); see \
             that flows or other policies allow it",
        );
    }
    text
}

/// What generated policies cannot close, since policies only add to each other.
fn keepers(answer: &Answer, map: &SourceMap, text: &mut String) {
    for (policy, pairs) in answer.keepers.iter().take(MOST_TOLD) {
        let pairs = count(u64::try_from(*pairs).unwrap_or(u64::MAX), "pair");
        let told = format!("{} keeps {pairs} open that no flow uses:", policy.object);
        paragraph(text, "  ", &told);
        // A place is for copying: it is not broken.
        let _ = writeln!(text, "    {}", clean(&map.display(policy.span)));
    }
    if !answer.keepers.is_empty() {
        let why = "policies only add to each other: narrow these by hand";
        paragraph(text, "  ", why);
    }
}

/// Flows that policies do not cover.
pub fn uncovered(all: &[Uncovered]) -> String {
    let mut text = String::new();
    for one in all.iter().take(MOST_TOLD) {
        let told = format!("{}: not covered: {}: {}", one.line, one.flow, one.reason);
        paragraph(&mut text, "  ", &told);
    }
    if all.len() > MOST_TOLD {
        let more = format!("and {} more that are not covered", all.len() - MOST_TOLD);
        paragraph(&mut text, "  ", &more);
    }
    text
}

fn some(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
    let more = match names.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}
