//! Policies of Linkerd that let in more than they look like, or do nothing.

use super::super::{Report, get, place};
use super::{Scene, asset, routes_of};
use crate::linkerd::{Authorization, Clients, DefaultPolicy, POLICY, Server, Target, fits, is_for};
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::NamespaceId;
use seawall_model::{Asset, Proof, Severity};
use seawall_snapshot::Object;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The namespace whose EgressNetworks hold for all others, unless the mesh says otherwise.
const EGRESS: &str = "linkerd-egress";

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let mut homes: HashMap<&str, Vec<Own<'_, '_>>> = HashMap::new();
    for server in &scene.linkerd.servers {
        let mut policies = scene.linkerd.of_server(server);
        policies.retain(|policy| policy.target != Target::Namespace);
        let home = homes.entry(server.object.namespace()).or_default();
        home.push((server, policies));
    }
    for one in &scene.linkerd.authorizations {
        if one.target == Target::Namespace {
            report.assess(&[Id::LNK_10], 1);
            let servers = homes.get(one.object.namespace());
            let servers = servers.map_or(&[][..], Vec::as_slice);
            for_namespace(scene, one, servers, report);
        }
    }
    for server in &scene.linkerd.servers {
        routes_held_open(scene, server, report);
    }
    for object in scene.world.of_kind(POLICY, "EgressNetwork").iter().copied() {
        report.assess(&[Id::LNK_28], 1);
        egress(scene, object, report);
    }
    overlaps(scene, report);
}

/// A Server with the policies that are for it alone.
type Own<'a, 's> = (&'a Server<'s>, Vec<&'a Authorization<'s>>);

/// LNK-10: one policy for all Servers of a namespace.
fn for_namespace(
    scene: &Scene<'_, '_>,
    one: &Authorization<'_>,
    servers: &[Own<'_, '_>],
    report: &mut Report,
) {
    let object = one.object;
    let home = object.namespace();
    let clients = one.clients.as_ref();
    // Other rules speak of policies without an identity, and of those that are ignored.
    let Some(identities) = clients.and_then(|clients| clients.identities.as_ref()) else {
        return;
    };
    let span = get(object, &["spec", "targetRef"]).map(|node| node.span);
    let locus = place(object, "/spec/targetRef", span);
    let near = scene.within(home).iter();
    let near = near.filter(|(id, _)| servers.is_empty() && scene.is_meshed(*id));
    let affected: Vec<Asset> = near.map(|(_, endpoint)| asset(endpoint)).collect();
    let count = servers.len();
    if count == 0 && !affected.is_empty() {
        let message = "the policy is for the Servers of the namespace, and there is none: the \
                       default policy holds, whatever stands here"
            .to_owned();
        let fix = "Add Servers for the ports that it was meant for".to_owned();
        let draft = Draft::new(Id::LNK_10, locus, message, fix).affects(affected);
        report.add(object, draft);
        return;
    }
    if count < 2 {
        return;
    }
    let is_wide = identities.iter().any(|identity| identity.starts_with('*'));
    let has_narrower = |(_, lists): &&Own<'_, '_>| {
        let mut lists = lists.iter();
        lists.any(|list| !lets_in_all(list, clients))
    };
    let narrower = servers.iter().find(has_narrower).map(|(server, _)| server);
    let also = narrower.map_or_else(String::new, |server| {
        let name = &server.object.reference.name;
        format!("; {name} was to let in others")
    });
    let message = format!(
        "the policy opens all {count} Servers of the namespace, and those that will come{also}"
    );
    let fix = "Refer to the Server or the route that the clients call".to_owned();
    let severity = if is_wide || narrower.is_some() {
        Severity::Medium
    } else {
        Severity::Low
    };
    let draft = Draft::new(Id::LNK_10, locus, message, fix)
        .severity(severity)
        .affects(
            servers
                .iter()
                .map(|(server, _)| Asset::Resource(server.object.reference.clone())),
        )
        .maybe(narrower.map(|server| {
            let note = "a Server with a policy of its own stands here".to_owned();
            (note, Proof::Source(server.object.name_span))
        }));
    report.add(object, draft);
}

/// Whether a list lets in everybody that others are.
fn lets_in_all(list: &Authorization<'_>, others: Option<&Clients>) -> bool {
    let (Some(own), Some(others)) = (&list.clients, others) else {
        return true;
    };
    holds_all(own, others)
}

/// Whether one set of clients is in another, as far as identities go.
fn holds_all(outer: &Clients, inner: &Clients) -> bool {
    let Some(patterns) = &outer.identities else {
        return true;
    };
    let Some(identities) = &inner.identities else {
        return false;
    };
    let holds = |identity: &str| {
        patterns
            .iter()
            .any(|pattern| **pattern == *identity || fits(pattern, identity))
    };
    identities.iter().all(|identity| holds(identity))
}

/// LNK-13: what is let in to the Server gets to its routes, too.
fn routes_held_open(scene: &Scene<'_, '_>, server: &Server<'_>, report: &mut Report) {
    let home = server.object.namespace();
    let routes = routes_of(scene, server.object);
    let guarded: Vec<(&Object, Vec<&Clients>)> = routes
        .into_iter()
        .filter_map(|route| {
            let name = &route.reference.name;
            let all = scene.linkerd.authorizations.iter();
            let own = all.filter(|one| {
                matches!(&one.target, Target::Route(target) if target == name)
                    && one.object.namespace() == home
            });
            let clients: Vec<&Clients> = own.filter_map(|one| one.clients.as_ref()).collect();
            (!clients.is_empty()).then_some((route, clients))
        })
        .collect();
    if guarded.is_empty() {
        return;
    }
    report.assess(&[Id::LNK_13], 1);
    let opened = |let_in: &Clients| {
        let mut routes = guarded.iter();
        routes.find(|(_, own)| !own.iter().any(|one| holds_all(one, let_in)))
    };
    let fix = "Point the policy at the route that its clients need, not at the Server";
    for list in scene.linkerd.of_server(server) {
        let Some(clients) = &list.clients else {
            continue;
        };
        let Some((route, _)) = opened(clients) else {
            continue;
        };
        let nobody = clients.identities.is_none();
        let whom = if nobody { "everybody" } else { "whoever" };
        let message = format!(
            "{whom} it lets in to Server {} gets in at route {}, too, whatever the policy of the \
             route says",
            server.object.reference.name, route.reference.name
        );
        let severity = if nobody {
            Severity::High
        } else {
            Severity::Medium
        };
        let pointer = "/spec";
        let span = get(list.object, &["spec"]).map(|node| node.span);
        let locus = place(list.object, pointer, span);
        let draft = Draft::new(Id::LNK_13, locus, message, fix.to_owned())
            .severity(severity)
            .evidence("the route stands here", Proof::Source(route.name_span));
        report.add(list.object, draft);
    }
    // Others speak of a Server that lets in everybody.
    let by_identity = DefaultPolicy::Deny < server.access && !server.access.is_open();
    let any = Clients {
        identities: Some(vec!["*".into()]),
        ..Clients::everybody()
    };
    let Some((route, _)) = opened(&any).filter(|_| by_identity) else {
        return;
    };
    let message = format!(
        "every identity gets in at route {}, whatever the policy of the route says (accessPolicy)",
        route.reference.name
    );
    let locus = place(server.object, "/spec/accessPolicy", server.access_span);
    let fix = "Remove accessPolicy: without it only authorisations let in".to_owned();
    let draft = Draft::new(Id::LNK_13, locus, message, fix)
        .evidence("the route stands here", Proof::Source(route.name_span));
    report.add(server.object, draft);
}

/// LNK-28.
fn egress(scene: &Scene<'_, '_>, object: &Object, report: &mut Report) {
    let node = get(object, &["spec", "trafficPolicy"]);
    let Some(node) = node.filter(|node| node.as_str() == Some("Allow")) else {
        return;
    };
    let home = object.namespace();
    let is_for_all = home == EGRESS;
    let held = scene
        .meshed()
        .filter(|(_, e)| is_for_all || scene.namespace(e) == home);
    let message = "what no route speaks about leaves the cluster all the same".to_owned();
    let fix =
        "Set trafficPolicy to Deny, with routes for what is needed; add network policies for \
               egress, for a compromised pod leaves the proxy aside"
            .to_owned();
    let locus = place(object, "/spec/trafficPolicy", Some(node.span));
    let draft = Draft::new(Id::LNK_28, locus, message, fix);
    report.add(object, draft.affects(held.map(|(_, e)| asset(e))));
}

/// LNK-30: ports that two Servers select. The webhook refuses the second one; where it is not
/// asked, which of the two holds is a matter of luck.
fn overlaps(scene: &Scene<'_, '_>, report: &mut Report) {
    let servers = &scene.linkerd.servers;
    report.assess(&[Id::LNK_30], servers.len());
    let mut by_home: BTreeMap<NamespaceId, Vec<usize>> = BTreeMap::new();
    for (index, server) in servers.iter().enumerate() {
        if let Some(home) = scene.world.namespace(server.object.namespace()) {
            by_home.entry(home).or_default().push(index);
        }
    }
    let mut pairs: BTreeMap<(usize, usize), (u16, BTreeSet<Asset>)> = BTreeMap::new();
    for (_, endpoint) in scene.world.endpoint_ids() {
        let near = by_home.get(&endpoint.namespace).filter(|all| all.len() > 1);
        let Some(near) = near else { continue };
        for (_, port) in endpoint.declared_ports() {
            let holds = |index: &&usize| {
                servers
                    .get(**index)
                    .is_some_and(|server| is_for(server, endpoint, port))
            };
            let mut holding = near.iter().filter(holds).copied();
            let Some(first) = holding.next() else {
                continue;
            };
            for other in holding {
                let known = pairs.entry((first, other));
                let known = known.or_insert_with(|| (port, BTreeSet::new()));
                known.1.insert(asset(endpoint));
            }
        }
    }
    for ((first, other), (port, pods)) in pairs {
        let (Some(first), Some(other)) = (servers.get(first), servers.get(other)) else {
            continue;
        };
        let message = format!(
            "Server {} selects port {port} of the same pods: which of the two holds is not said",
            first.object.reference.name
        );
        let fix = "Let each port of a pod be selected by one Server".to_owned();
        let span = get(other.object, &["spec", "podSelector"]).map(|node| node.span);
        let locus = place(other.object, "/spec/podSelector", span);
        let draft = Draft::new(Id::LNK_30, locus, message, fix)
            .affects(pods)
            .evidence(
                "the other Server stands here",
                Proof::Source(first.object.name_span),
            );
        report.add(other.object, draft);
    }
}
