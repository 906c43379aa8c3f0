//! Linkerd's policies: a Server for each port, which closes it, and for each a list of who may
//! come in. A port that a Server of the picture holds keeps that one: two never hold one port.

use super::{Draft, Type, dns_name, list, map, number, public_blocks, selector, text};
use crate::least::ends::{Place, Pods};
use crate::least::rules::Atom;
use seawall_model::Str;
use seawall_yaml::Node;
use std::collections::BTreeMap;

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
            allow(draft, namespace, &server, &kept(&atoms, one_of), who);
        }
        let whole = ["0.0.0.0/0", "::/0"].map(|all| map([("cidr", text(all))]));
        for (place, suffix, networks) in [
            (Place::Internet, "internet", list(public_blocks())),
            (Place::Anybody, "anybody", list(whole)),
        ] {
            let atoms = kept(&atoms, |atom| atom.peer == place);
            if !atoms.is_empty() {
                let who = Who(suffix, NETWORKS, map([("networks", networks)]));
                allow(draft, namespace, &server, &atoms, who);
            }
        }
    }
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

/// Lets somebody in at a Server.
fn allow(
    draft: &mut Draft<'_, '_, '_>,
    namespace: &Str,
    server: &str,
    atoms: &[&Atom],
    Who(suffix, what, spec): Who,
) {
    let wish = format!("{server}-{suffix}");
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
        ("targetRef", refer("Server", server)),
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
