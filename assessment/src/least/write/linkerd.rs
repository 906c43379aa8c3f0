//! Linkerd's policies: a Server for each port, which closes it, and for each a list of who may
//! come in. A port that a Server of the picture holds keeps that one: two never hold one port.
//!
//! Where requests are known a Server has routes, each for the requests that the same clients make,
//! and the lists are the routes'. A request picks one route only, so that each names all who may
//! make it. What picks none is refused, and with routes the proxy no longer lets the kubelet's
//! probes pass by itself: these have a route of their own, which anybody may take, as before.

use super::{Draft, Type, dns_name, list, map, number, public_blocks, selector, text};
use crate::least::ends::{Place, Pods};
use crate::least::requests::{Path, Request};
use crate::least::rules::Atom;
use seawall_model::Str;
use seawall_yaml::Node;
use std::collections::{BTreeMap, BTreeSet};

const GROUP: &str = "policy.linkerd.io";
const SERVER: Type = Type {
    group: GROUP,
    version: "v1beta3",
    kind: "Server",
};
const POLICY: Type = Type {
    group: GROUP,
    version: "v1alpha1",
    kind: "AuthorizationPolicy",
};
const ACCOUNTS: Type = Type {
    group: GROUP,
    version: "v1alpha1",
    kind: "MeshTLSAuthentication",
};
const NETWORKS: Type = Type {
    group: GROUP,
    version: "v1alpha1",
    kind: "NetworkAuthentication",
};

const ROUTE: Type = Type {
    group: GROUP,
    version: "v1beta3",
    kind: "HTTPRoute",
};
/// Matches that one rule of a route has at most.
const MOST_MATCHES: usize = 8;

/// A port of pods, named by their labels alone: no two Servers may hold it.
type Port<'a> = (&'a Str, &'a BTreeMap<Str, Str>, u16);

pub(super) fn write(draft: &mut Draft<'_, '_, '_>) {
    let mut ports: BTreeMap<Port<'_>, (&Pods, Vec<&Atom>)> = BTreeMap::new();
    for deny in draft.rules.denies() {
        if let Some(port) = deny.port {
            let subject = &deny.subject;
            let key = (&subject.namespace, &subject.labels, port);
            ports.entry(key).or_insert((subject, Vec::new()));
        }
    }
    for atom in draft.rules.atoms() {
        let subject = &atom.subject;
        let key = (&subject.namespace, &subject.labels, atom.port);
        let (_, atoms) = ports.entry(key).or_insert((subject, Vec::new()));
        atoms.push(atom);
    }
    for ((namespace, _, port), (subject, atoms)) in ports {
        let known = draft.ends.server(subject, port);
        let server = known.unwrap_or_else(|| server(draft, subject, port));
        if atoms.iter().any(|atom| atom.request.is_some()) {
            routes(draft, subject, (&server, port), &atoms);
            continue;
        }
        let accounts: Vec<(&Str, &Str)> = atoms
            .iter()
            .filter_map(|atom| match &atom.peer {
                Place::Account(space, name) => Some((space, name)),
                _ => None,
            })
            .collect();
        if !accounts.is_empty() {
            let spec = map([("identityRefs", list(accounts.iter().map(account)))]);
            let one_of = |atom: &&Atom| matches!(atom.peer, Place::Account(..));
            let who = Who("clients", ACCOUNTS, spec);
            let to = (SERVER, &*server);
            allow(draft, namespace, to, &kept(&atoms, one_of), who);
        }
        for (place, who) in networks() {
            let atoms = kept(&atoms, |atom| atom.peer == place);
            if !atoms.is_empty() {
                allow(draft, namespace, (SERVER, &server), &atoms, who);
            }
        }
    }
}

/// Who comes in from somewhere and not by an account.
fn networks() -> [(Place, Who); 2] {
    let whole = ["0.0.0.0/0", "::/0"].map(|all| map([("cidr", text(all))]));
    let of = |networks| map([("networks", networks)]);
    [
        (
            Place::Internet,
            Who("internet", NETWORKS, of(list(public_blocks()))),
        ),
        (Place::Anybody, Who("anybody", NETWORKS, of(list(whole)))),
    ]
}

/// Writes the routes of a Server, with who may take each.
fn routes(
    draft: &mut Draft<'_, '_, '_>,
    subject: &Pods,
    (server, port): (&str, u16),
    atoms: &[&Atom],
) {
    let namespace = &subject.namespace;
    let probes: Vec<Request> = draft
        .ends
        .probed(subject, port)
        .into_iter()
        .map(|path| Request::read("GET", &path))
        .collect();
    let asked: BTreeSet<&Request> = atoms
        .iter()
        .filter_map(|atom| atom.request.as_ref())
        .collect();
    let asked = asked
        .into_iter()
        .filter(|request| !probes.contains(request));
    let mut alike: BTreeMap<BTreeSet<&Place>, Vec<&Request>> = BTreeMap::new();
    for request in asked {
        let may = atoms.iter().filter(|atom| {
            let wider = atom.request.as_ref();
            wider.is_none_or(|wider| wider.holds(request))
        });
        let peers = may.map(|atom| &atom.peer).collect();
        alike.entry(peers).or_default().push(request);
    }
    for (peers, requests) in alike {
        for some in requests.chunks(MOST_MATCHES) {
            let of = |atom: &&Atom| {
                let request = atom.request.as_ref();
                peers.contains(&atom.peer)
                    && some
                        .iter()
                        .any(|one| request.is_some_and(|wider| wider.holds(one)))
            };
            let atoms = kept(atoms, of);
            let name = route(draft, namespace, (server, server), some.iter().copied());
            let accounts: Vec<(&Str, &Str)> = peers
                .iter()
                .filter_map(|peer| match peer {
                    Place::Account(space, name) => Some((space, name)),
                    _ => None,
                })
                .collect();
            if !accounts.is_empty() {
                let spec = map([("identityRefs", list(accounts.iter().map(account)))]);
                let who = Who("clients", ACCOUNTS, spec);
                allow(draft, namespace, (ROUTE, &name), &atoms, who);
            }
            for (_, who) in networks()
                .into_iter()
                .filter(|(place, _)| peers.contains(place))
            {
                allow(draft, namespace, (ROUTE, &name), &atoms, who);
            }
        }
    }
    if !probes.is_empty() {
        let wish = format!("{server}-probes");
        let name = route(draft, namespace, (server, &wish), probes.iter());
        if let Some(route) = draft.all.last_mut() {
            route.yaml = format!("# The kubelet's probes.\n{}", route.yaml);
        }
        let [_, (_, anybody)] = networks();
        allow(draft, namespace, (ROUTE, &name), &[], anybody);
    }
}

/// Writes a route; its name.
fn route<'r>(
    draft: &mut Draft<'_, '_, '_>,
    namespace: &Str,
    (server, wish): (&str, &str),
    requests: impl Iterator<Item = &'r Request>,
) -> String {
    let matches = requests.map(|request| {
        let path = match &request.path {
            Path::Exact(path) => Some(("Exact", path)),
            Path::Below(folder) => Some(("PathPrefix", folder)),
            Path::Any => None,
        };
        let path = path.map(|(how, path)| {
            let path = map([("type", text(how)), ("value", text(path))]);
            ("path", path)
        });
        let method = [("method", text(&request.method))].into_iter();
        map(method.chain(path))
    });
    let parent = map([
        ("group", text(GROUP)),
        ("kind", text(SERVER.kind)),
        ("name", text(server)),
    ]);
    let spec = map([
        ("parentRefs", list([parent])),
        ("rules", list([map([("matches", list(matches))])])),
    ]);
    let name = draft.named(ROUTE, namespace, wish);
    draft.put(ROUTE, namespace, name.clone(), "", spec);
    name
}

fn kept<'a>(atoms: &[&'a Atom], test: impl Fn(&&Atom) -> bool) -> Vec<&'a Atom> {
    atoms.iter().copied().filter(|atom| test(atom)).collect()
}

/// Writes a Server, which closes its port; its name.
fn server(draft: &mut Draft<'_, '_, '_>, subject: &Pods, port: u16) -> String {
    let wish = format!("{}-{port}", dns_name(&subject.name));
    let name = draft.named(SERVER, &subject.namespace, &wish);
    let mut spec = vec![
        ("podSelector", selector(&subject.labels)),
        ("port", number(port)),
    ];
    // With a Server of its own a port is no longer opaque by default.
    if draft.ends.is_opaque(subject, port) {
        spec.push(("proxyProtocol", text("opaque")));
    }
    let comment = format!("# Nothing reaches port {port} but what is allowed by name.\n");
    draft.put(
        SERVER,
        &subject.namespace,
        name.clone(),
        &comment,
        map(spec),
    );
    name
}

/// Who comes in: the end of names, and the object that says it.
struct Who(&'static str, Type, Node);

/// Lets somebody in at a Server or a route.
fn allow(
    draft: &mut Draft<'_, '_, '_>,
    namespace: &Str,
    (at, target): (Type, &str),
    atoms: &[&Atom],
    Who(suffix, what, spec): Who,
) {
    let wish = format!("{target}-{suffix}");
    let name = draft.named(what, namespace, &wish);
    draft.put(what, namespace, name.clone(), "", spec);
    let refer = |kind: &str, name: &str| {
        map([
            ("group", text(GROUP)),
            ("kind", text(kind)),
            ("name", text(name)),
        ])
    };
    let spec = map([
        ("targetRef", refer(at.kind, target)),
        (
            "requiredAuthenticationRefs",
            list([refer(what.kind, &name)]),
        ),
    ]);
    let name = draft.named(POLICY, namespace, &wish);
    let comment = draft.comment(atoms);
    draft.put(POLICY, namespace, name, &comment, spec);
}

fn account((space, name): &(&Str, &Str)) -> Node {
    map([
        ("kind", text("ServiceAccount")),
        ("name", text(name)),
        ("namespace", text(space)),
    ])
}
