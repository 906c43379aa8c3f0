//! Istio's AuthorizationPolicies: one without rules that closes each namespace, and one that
//! allows for each workload. Who sends is named by what its certificate proves.

use super::{Draft, Type, dns_name, list, map, selector, text};
use crate::least::ends::Place;
use crate::least::requests::Path;
use crate::least::rules::Atom;
use seawall_model::Str;
use seawall_yaml::Node;
use std::collections::{BTreeMap, BTreeSet};

const POLICY: Type = Type {
    group: "security.istio.io",
    version: "v1",
    kind: "AuthorizationPolicy",
};

pub(super) fn write(draft: &mut Draft<'_, '_, '_>) {
    for deny in draft.rules.denies() {
        let namespace = &deny.subject.namespace;
        if let Some(service) = &deny.subject.service {
            // Rules for a Service close it, too.
            if draft.rules.atoms().any(|atom| atom.subject == deny.subject) {
                continue;
            }
            let wish = format!("{}-allow-nothing", dns_name(service));
            let name = draft.named(POLICY, namespace, &wish);
            let comment = "# Nothing goes through the waypoint to this Service.\n";
            let spec = map([("targetRefs", target(service))]);
            draft.put(POLICY, namespace, name, comment, spec);
            continue;
        }
        let name = draft.named(POLICY, namespace, "allow-nothing");
        let comment =
            "# Nothing reaches the pods of the mesh here but what other policies allow.\n";
        draft.put(POLICY, namespace, name, comment, map([]));
    }
    let domain = draft.ends.mesh.trust_domain();
    for ((subject, _), atoms) in draft.by_subject() {
        let (wish, held) = match &subject.service {
            // A node's proxy knows no requests; the waypoint of a Service does.
            Some(service) => (
                format!("{}-waypoint-allow", dns_name(service)),
                ("targetRefs", target(service)),
            ),
            None => (
                format!("{}-allow", dns_name(&subject.name)),
                ("selector", selector(&subject.labels)),
            ),
        };
        let name = draft.named(POLICY, &subject.namespace, &wish);
        let comment = draft.comment(&atoms);
        let spec = map([
            held,
            ("action", text("ALLOW")),
            ("rules", list(rules(&atoms, &domain))),
        ]);
        draft.put(POLICY, &subject.namespace, name, &comment, spec);
    }
}

fn target(service: &Str) -> Node {
    list([map([
        ("group", text("")),
        ("kind", text("Service")),
        ("name", text(service)),
    ])])
}

/// What is asked for: methods with paths, where these are looked at, at ports.
type Operations<'a> = BTreeMap<Asked<'a>, BTreeSet<u16>>;
type Asked<'a> = Option<(BTreeSet<&'a Str>, BTreeSet<&'a Path>)>;

fn rules(atoms: &[&Atom], domain: &str) -> Vec<Node> {
    // Where bytes are spoken a rule that asks for a request anywhere is left out as a whole.
    let mut by_peer: BTreeMap<(&Place, bool), Vec<&Atom>> = BTreeMap::new();
    for atom in atoms {
        let key = (&atom.peer, atom.request.is_some());
        by_peer.entry(key).or_default().push(atom);
    }
    // Accounts that may do the same are together; who has none is a rule of its own.
    let mut alike: BTreeMap<(bool, Operations<'_>), Vec<&Place>> = BTreeMap::new();
    for ((peer, _), atoms) in by_peer {
        let is_account = matches!(peer, Place::Account(..));
        let key = (!is_account, operations(&atoms));
        alike.entry(key).or_default().push(peer);
    }
    let mut rules = Vec::new();
    for ((is_alone, operations), peers) in alike {
        let to: Vec<Node> = operations.into_iter().filter_map(operation).collect();
        let to = (!to.is_empty()).then(|| list(to));
        if is_alone {
            for peer in peers {
                rules.push(rule(from(&[peer], domain), to.clone()));
            }
        } else {
            rules.push(rule(from(&peers, domain), to));
        }
    }
    rules
}

fn rule(from: Option<Node>, to: Option<Node>) -> Node {
    let from = from.map(|source| ("from", list([map([("source", source)])])));
    let to = to.map(|to| ("to", to));
    map(from.into_iter().chain(to))
}

fn from(peers: &[&Place], domain: &str) -> Option<Node> {
    if peers.contains(&&Place::Anybody) {
        return None;
    }
    let principals: Vec<Node> = peers
        .iter()
        .filter_map(|peer| match peer {
            Place::Account(space, name) => Some(text(&format!("{domain}/ns/{space}/sa/{name}"))),
            _ => None,
        })
        .collect();
    Some(if principals.is_empty() {
        map([("notPrincipals", list([text("*")]))])
    } else {
        map([("principals", list(principals))])
    })
}

fn operations<'a>(atoms: &[&'a Atom]) -> Operations<'a> {
    let mut methods: BTreeMap<(u16, &Path), BTreeSet<&Str>> = BTreeMap::new();
    let mut operations = Operations::new();
    for atom in atoms {
        match &atom.request {
            None => {
                operations.entry(None).or_default().insert(atom.port);
            }
            Some(request) => {
                let of = methods.entry((atom.port, &request.path)).or_default();
                of.insert(&request.method);
            }
        }
    }
    let mut paths: BTreeMap<(u16, BTreeSet<&Str>, bool), BTreeSet<&Path>> = BTreeMap::new();
    for ((port, path), methods) in methods {
        // Any path is no list of paths.
        let is_any = *path == Path::Any;
        paths
            .entry((port, methods, is_any))
            .or_default()
            .insert(path);
    }
    for ((port, methods, _), paths) in paths {
        let asked = Some((methods, paths));
        operations.entry(asked).or_default().insert(port);
    }
    operations
}

/// One operation; `None` where it is any.
fn operation((asked, ports): (Asked<'_>, BTreeSet<u16>)) -> Option<Node> {
    let ports = ports.into_iter().filter(|port| *port > 0);
    let ports: Vec<Node> = ports.map(|port| text(&port.to_string())).collect();
    let mut entries = Vec::new();
    if !ports.is_empty() {
        entries.push(("ports", list(ports)));
    }
    if let Some((methods, paths)) = asked {
        let methods = methods.into_iter().map(|method| text(method));
        entries.push(("methods", list(methods)));
        let paths: Vec<Node> = paths.into_iter().filter_map(pattern).collect();
        if !paths.is_empty() {
            entries.push(("paths", list(paths)));
        }
    }
    (!entries.is_empty()).then(|| map([("operation", map(entries))]))
}

fn pattern(path: &Path) -> Option<Node> {
    match path {
        Path::Exact(path) => Some(text(path)),
        Path::Below(folder) => Some(text(&format!("{folder}*"))),
        Path::Any => None,
    }
}
