//! The rules about Linkerd.

mod annotations;
mod installation;
mod links;
mod pods;
mod policies;

use super::settings::flag;
use super::{Below, Report, get, place};
use crate::linkerd::{
    Authorization, Clients, DEFAULT, DefaultPolicy, Linkerd, POLICY, Place, PortRef, Server,
    Target, default_policy,
};
use crate::network::Network;
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::{Endpoint, EndpointId, World};
use seawall_model::{Asset, Locus, Proof, Severity, Span};
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::collections::HashMap;

struct Scene<'w, 's> {
    network: &'w Network<'w, 's>,
    world: &'w World<'s>,
    linkerd: &'w Linkerd<'s>,
    outsiders: Below<'w, 'w, 's>,
    /// The endpoints of each namespace.
    by_namespace: HashMap<&'s str, Vec<(EndpointId, &'w Endpoint<'s>)>>,
}

pub(super) fn check<'w, 's>(
    network: &'w Network<'w, 's>,
    linkerd: &'w Linkerd<'s>,
    report: &mut Report,
) {
    let world = network.world();
    let is_outside = |id: EndpointId| linkerd.place(id) == Place::Outside;
    let mut by_namespace: HashMap<&'s str, Vec<(EndpointId, &'w Endpoint<'s>)>> = HashMap::new();
    for (id, endpoint) in world.endpoint_ids() {
        if let Some(space) = world.namespace_at(endpoint.namespace) {
            by_namespace
                .entry(space.name)
                .or_default()
                .push((id, endpoint));
        }
    }
    let scene = Scene {
        network,
        world,
        linkerd,
        outsiders: Below::new(network, is_outside, "linkerd"),
        by_namespace,
    };
    mesh_default(&scene, report);
    defaults(&scene, report);
    servers(&scene, report);
    authorizations(&scene, report);
    for (id, endpoint) in scene.world.endpoint_ids() {
        report.assess(&[Id::LNK_15, Id::LNK_18, Id::LNK_20], 1);
        pods::check(&scene, id, endpoint, report);
    }
    pods::webhooks(&scene, report);
    pods::tunnel_port(&scene, report);
    annotations::check(&scene, report);
    policies::check(&scene, report);
    installation::check(&scene, report);
    links::check(&scene, report);
}

fn asset(endpoint: &Endpoint<'_>) -> Asset {
    Asset::Resource(endpoint.workload.owner.clone())
}

fn annotation_place(object: &Object, key: &str, span: Span) -> Locus {
    let key = key.replace('/', "~1");
    place(object, &format!("/metadata/annotations/{key}"), Some(span))
}

fn pod_place(endpoint: &Endpoint<'_>, key: &str, span: Span) -> Locus {
    let key = key.replace('/', "~1");
    let pointer = &endpoint.template.pointer;
    Locus {
        pointer: format!("{pointer}/metadata/annotations/{key}"),
        path: format!("pod/metadata/annotations/{key}"),
        span,
    }
}

impl<'w, 's> Scene<'w, 's> {
    /// The pods of the mesh.
    fn meshed(&self) -> impl Iterator<Item = (EndpointId, &'w Endpoint<'s>)> {
        let places = self.linkerd;
        self.world
            .endpoint_ids()
            .filter(move |(id, _)| matches!(places.place(*id), Place::Meshed | Place::Ingress))
    }

    /// The endpoints of a namespace.
    fn within(&self, namespace: &str) -> &[(EndpointId, &'w Endpoint<'s>)] {
        let all = self.by_namespace.get(namespace);
        all.map_or(&[], Vec::as_slice)
    }

    /// Whether an endpoint has a proxy.
    fn is_meshed(&self, id: EndpointId) -> bool {
        matches!(self.linkerd.place(id), Place::Meshed | Place::Ingress)
    }

    fn namespace(&self, endpoint: &Endpoint<'s>) -> &'s str {
        self.world
            .namespace_at(endpoint.namespace)
            .map_or("", |n| n.name)
    }
}

/// What a default policy lets in, and how bad that is.
fn open(policy: DefaultPolicy) -> Option<(&'static str, Severity)> {
    Some(match policy {
        DefaultPolicy::AllUnauthenticated => ("whoever reaches the pod", Severity::High),
        DefaultPolicy::Audit => (
            "whoever reaches the pod, and writes it down",
            Severity::High,
        ),
        DefaultPolicy::ClusterUnauthenticated => ("every pod of the cluster", Severity::High),
        _ => return None,
    })
}

/// LNK-01: the policy where nothing else is said.
fn mesh_default(scene: &Scene<'_, '_>, report: &mut Report) {
    let stated = stated_defaults(scene);
    let bare = scene
        .meshed()
        .find(|(_, e)| default_policy(scene.world, e).is_none());
    if let Some((_, endpoint)) = bare.filter(|_| stated.is_empty()) {
        report.gap(
            "Linkerd",
            endpoint.object.name_span,
            "the default inbound policy of the mesh is not in the input: whom ports without a \
             Server let in is not known",
            "scan the namespace of Linkerd, too, or the cluster",
        );
    }
    for (object, pointer, span, word) in stated {
        report.assess(&[Id::LNK_01], 1);
        let Some((whom, severity)) = DefaultPolicy::read(&word).and_then(open) else {
            continue;
        };
        let message = format!("where no Server says anything, proxies let in {whom} ({word})");
        let fix = "Set proxy.defaultInboundPolicy to deny, after giving ports Servers and \
                   authorisations; cluster-authenticated is a first step"
            .to_owned();
        let bare = scene
            .meshed()
            .filter(|(_, endpoint)| default_policy(scene.world, endpoint).is_none());
        let draft = Draft::new(
            Id::LNK_01,
            place(object, &pointer, Some(span)),
            message,
            fix,
        )
        .severity(severity)
        .affects(bare.map(|(_, endpoint)| asset(endpoint)));
        report.add(object, draft);
    }
}

/// Where the mesh's default is said: in the settings, else in the arguments of the policy
/// controller.
fn stated_defaults<'s>(scene: &Scene<'_, 's>) -> Vec<(&'s Object, String, Span, String)> {
    let mut found = Vec::new();
    for values in installation::values(scene.world) {
        if let Some(word) = values.get(&["proxy", "defaultInboundPolicy"]) {
            let pointer = "/data/values/proxy/defaultInboundPolicy".to_owned();
            let word = word.as_str().unwrap_or_default().to_owned();
            found.push((values.object, pointer, values.span, word));
        }
    }
    if !found.is_empty() {
        return found;
    }
    for (endpoint, container) in installation::policy_controllers(scene.world) {
        if let Some((word, span)) = flag(container, "default-policy") {
            let template = endpoint.template;
            let locus = template.container_locus(container, "args", Some(span));
            found.push((endpoint.object, locus.pointer, span, word.to_owned()));
        }
    }
    found
}

/// LNK-02 and LNK-03: policies of namespaces and pods.
fn defaults(scene: &Scene<'_, '_>, report: &mut Report) {
    let fix = "Set it to deny, after giving ports Servers and authorisations".to_owned();
    let mut judge = |word: &str, locus: Locus, asset: Asset, affected: Vec<Asset>| {
        let Some(policy) = DefaultPolicy::read(word) else {
            return;
        };
        let Some((whom, severity)) = open(policy) else {
            return;
        };
        let is_audit = policy == DefaultPolicy::Audit;
        let id = if is_audit { Id::LNK_03 } else { Id::LNK_02 };
        let message = format!("ports without a Server let in {whom} ({word})");
        let draft = Draft::new(id, locus, message, fix.clone()).severity(severity);
        report.add_to(asset, draft.affects(affected));
    };
    for object in scene
        .world
        .namespaces
        .iter()
        .filter_map(|namespace| namespace.object)
    {
        let Some(field) = object.annotation(DEFAULT) else {
            continue;
        };
        let locus = annotation_place(object, DEFAULT, field.span);
        let inside = scene.meshed().filter(|(_, e)| {
            scene.namespace(e) == &*object.reference.name && e.annotation(DEFAULT).is_none()
        });
        let affected = inside.map(|(_, endpoint)| asset(endpoint)).collect();
        judge(
            &field.value,
            locus,
            Asset::Resource(object.reference.clone()),
            affected,
        );
    }
    for (_, endpoint) in scene.meshed() {
        if let Some(field) = endpoint.annotation(DEFAULT) {
            let locus = pod_place(endpoint, DEFAULT, field.span);
            judge(&field.value, locus, asset(endpoint), Vec::new());
        }
    }
    let namespaces = scene.world.namespaces.len();
    report.assess(
        &[Id::LNK_02, Id::LNK_03],
        namespaces + scene.meshed().count(),
    );
}

/// LNK-03, 04, 05 and 12.
fn servers(scene: &Scene<'_, '_>, report: &mut Report) {
    let servers = &scene.linkerd.servers;
    report.assess(
        &[Id::LNK_03, Id::LNK_05, Id::LNK_12, Id::LNK_29],
        servers.len(),
    );
    for server in servers {
        let object = server.object;
        if let Some((whom, severity)) = open(server.access) {
            let message = format!("the Server lets in {whom}, whatever policies say");
            let fix = "Remove accessPolicy: without it only authorisations let in".to_owned();
            let locus = place(object, "/spec/accessPolicy", server.access_span);
            report.add(
                object,
                Draft::new(Id::LNK_03, locus, message, fix).severity(severity),
            );
        }
        undeclared_port(scene, server, report);
        let lists = scene.linkerd.of_server(server);
        let routes = routes_of(scene, object);
        if server.access == DefaultPolicy::Deny && lists.is_empty() && routes.is_empty() {
            let message =
                "nothing lets anybody in to this Server: calls to it are refused".to_owned();
            let fix = "Add an AuthorizationPolicy for its clients".to_owned();
            report.add(
                object,
                Draft::new(Id::LNK_05, place(object, "", None), message, fix),
            );
        }
        let guarded = routes.iter().find(|route| {
            let name = &route.reference.name;
            scene.linkerd.authorizations.iter().any(|one| {
                matches!(&one.target, Target::Route(target) if target == name)
                    && one.object.namespace() == route.namespace()
            })
        });
        let Some(route) =
            guarded.filter(|_| !matches!(server.protocol, "HTTP/1" | "HTTP/2" | "gRPC"))
        else {
            continue;
        };
        let when = match server.protocol {
            "unknown" => " when the proxy does not see HTTP in time",
            _ => "",
        };
        let message = format!(
            "policies for the route {} do not hold{when} (proxyProtocol: {})",
            route.reference.name, server.protocol
        );
        let fix = "Set proxyProtocol to HTTP/1, HTTP/2 or gRPC".to_owned();
        let node = get(object, &["spec", "proxyProtocol"]).map(|node| node.span);
        let draft = Draft::new(
            Id::LNK_12,
            place(object, "/spec/proxyProtocol", node),
            message,
            fix,
        )
        .evidence("the route stands here", Proof::Source(route.name_span));
        report.add(object, draft);
    }
    forgotten_ports(scene, report);
}

/// LNK-29: a Server holds only ports that pods declare.
fn undeclared_port(scene: &Scene<'_, '_>, server: &Server<'_>, report: &mut Report) {
    let home = server.object.namespace();
    let chosen: Vec<&Endpoint<'_>> = scene
        .meshed()
        .map(|(_, endpoint)| endpoint)
        .filter(|endpoint| scene.namespace(endpoint) == home)
        .filter(|endpoint| server.selector.matches(&endpoint.template.labels))
        .collect();
    let declares = |endpoint: &&Endpoint<'_>| {
        let mut ports = endpoint.template.containers.iter().flat_map(|c| &c.ports);
        ports.any(|port| match &server.port {
            Some(PortRef::Number(number)) => {
                port.container_port.as_ref().map(|field| field.value) == Some(i64::from(*number))
            }
            Some(PortRef::Name(name)) => port.name.as_ref() == Some(name),
            None => false,
        })
    };
    // The proxy that is injected brings ports of its own.
    let is_proxy = match &server.port {
        Some(PortRef::Number(number)) => matches!(number, 4143 | 4191),
        Some(PortRef::Name(name)) => matches!(&**name, "linkerd-proxy" | "linkerd-admin"),
        None => false,
    };
    if is_proxy || chosen.is_empty() || chosen.iter().any(declares) {
        return;
    }
    let message = "no selected pod declares the port: the Server holds nothing, and the default \
                   policy lets in"
        .to_owned();
    let fix = "Declare the port in containerPorts of the pods".to_owned();
    let span = get(server.object, &["spec", "port"]).map(|node| node.span);
    let draft = Draft::new(
        Id::LNK_29,
        place(server.object, "/spec/port", span),
        message,
        fix,
    )
    .affects(chosen.into_iter().map(asset));
    report.add(server.object, draft);
}

/// Routes that are attached to a Server.
fn routes_of<'s>(scene: &Scene<'_, 's>, server: &Object) -> Vec<&'s Object> {
    let groups = [POLICY, crate::istio::GATEWAY_API];
    let kinds = ["HTTPRoute", "GRPCRoute"];
    let pairs = groups
        .iter()
        .flat_map(|group| kinds.iter().map(move |kind| (group, kind)));
    let all = pairs.flat_map(|(group, kind)| scene.world.of_kind(group, kind).iter().copied());
    all.filter(|route| {
        route.namespace() == server.namespace()
            && route.items(&["spec", "parentRefs"]).iter().any(|parent| {
                let text = |key| parent.get(key).and_then(Node::as_str);
                text("kind") == Some("Server") && text("name") == Some(&*server.reference.name)
            })
    })
    .collect()
}

/// LNK-04: where some ports of a workload have a Server, the others were forgotten.
fn forgotten_ports(scene: &Scene<'_, '_>, report: &mut Report) {
    for (_, endpoint) in scene.meshed() {
        report.assess(&[Id::LNK_04], 1);
        let containers = endpoint.template.containers.iter();
        let ports = containers.flat_map(|c| &c.ports).filter_map(|port| {
            let field = port.container_port.as_ref()?;
            Some((u16::try_from(field.value).ok()?, field.span))
        });
        let ports: Vec<(u16, Span)> = ports.collect();
        let is_bare = |port: u16| {
            let access = scene.linkerd.access(scene.world, endpoint, port);
            access.server.is_none() && access.default.is_none_or(DefaultPolicy::is_open)
        };
        let bare: Vec<&(u16, Span)> = ports.iter().filter(|(port, _)| is_bare(*port)).collect();
        let Some((_, span)) = bare.first().copied().filter(|_| bare.len() < ports.len()) else {
            continue;
        };
        let names: Vec<String> = bare.iter().map(|(port, _)| port.to_string()).collect();
        let message = format!(
            "port {} has no Server, though others have: the default holds",
            names.join(", ")
        );
        let fix = "Add a Server for the port, and authorisations for its clients".to_owned();
        let locus = endpoint.template.locus("containers", Some(*span));
        report.add_to(asset(endpoint), Draft::new(Id::LNK_04, locus, message, fix));
    }
}

/// LNK-06 to 09.
fn authorizations(scene: &Scene<'_, '_>, report: &mut Report) {
    let all = &scene.linkerd.authorizations;
    report.assess(&[Id::LNK_06, Id::LNK_07, Id::LNK_09, Id::LNK_11], all.len());
    for one in all {
        let is_policy = &*one.object.reference.kind == "AuthorizationPolicy";
        let Some(clients) = &one.clients else {
            dangling(one.object, report);
            continue;
        };
        if is_policy {
            policy(one, clients, report);
        } else {
            server_authorization(one, clients, report);
        }
    }
    let lists = scene.world.of_kind(POLICY, "MeshTLSAuthentication");
    report.assess(&[Id::LNK_08], lists.len());
    for object in lists.iter().copied() {
        for (index, node) in object.items(&["spec", "identities"]).iter().enumerate() {
            let Some(rest) = node.as_str().and_then(|text| text.strip_prefix('*')) else {
                continue;
            };
            let whom = if rest.is_empty() {
                "every identity of the mesh, of other clusters too"
            } else {
                "every account with that end"
            };
            let message = format!("identity *{rest} stands for {whom}");
            let fix = "List the identities, or use identityRefs".to_owned();
            let locus = place(
                object,
                &format!("/spec/identities/{index}"),
                Some(node.span),
            );
            let severity = if rest.is_empty() {
                Severity::Medium
            } else {
                Severity::Low
            };
            report.add(
                object,
                Draft::new(Id::LNK_08, locus, message, fix).severity(severity),
            );
        }
    }
}

/// LNK-11.
fn dangling(object: &Object, report: &mut Report) {
    let message =
        "the policy refers to an authentication that is not there, and is ignored".to_owned();
    let fix = "Correct requiredAuthenticationRefs".to_owned();
    let node = get(object, &["spec", "requiredAuthenticationRefs"]);
    let span = node.map(|node| node.span);
    let locus = place(object, "/spec/requiredAuthenticationRefs", span);
    report.add(object, Draft::new(Id::LNK_11, locus, message, fix));
}

fn is_anywhere(networks: Option<&Vec<seawall_model::Str>>) -> bool {
    let everything = |one: &seawall_model::Str| matches!(&**one, "0.0.0.0/0" | "::/0");
    networks.is_none_or(|all| all.iter().any(everything))
}

fn policy(one: &Authorization<'_>, clients: &Clients, report: &mut Report) {
    if clients.identities.is_some() {
        return;
    }
    let object = one.object;
    let node = get(object, &["spec", "requiredAuthenticationRefs"]);
    let locus = place(
        object,
        "/spec/requiredAuthenticationRefs",
        node.map(|n| n.span),
    );
    let fix = "Refer to a MeshTLSAuthentication or a ServiceAccount".to_owned();
    let draft = match &clients.networks {
        None => {
            let message =
                "the policy asks for nothing: everybody gets in, without an identity".to_owned();
            Draft::new(Id::LNK_06, locus, message, fix)
        }
        networks => {
            let anywhere = is_anywhere(networks.as_ref());
            let message = if anywhere {
                "the policy asks for an address only, and takes every address".to_owned()
            } else {
                "the policy asks for an address only: no identity is needed".to_owned()
            };
            let severity = if anywhere {
                Severity::High
            } else {
                Severity::High.lowered()
            };
            Draft::new(Id::LNK_07, locus, message, fix).severity(severity)
        }
    };
    report.add(object, draft);
}

fn server_authorization(one: &Authorization<'_>, clients: &Clients, report: &mut Report) {
    if clients.identities.is_some() {
        return;
    }
    let object = one.object;
    let client = |path: &[&str]| {
        let full: Vec<&str> = ["spec", "client"].iter().chain(path).copied().collect();
        get(object, &full).map(|node| node.span)
    };
    let (pointer, span) = match client(&["unauthenticated"]) {
        Some(span) => ("/spec/client/unauthenticated", Some(span)),
        None => (
            "/spec/client/meshTLS/unauthenticatedTLS",
            client(&["meshTLS", "unauthenticatedTLS"]),
        ),
    };
    let anywhere = is_anywhere(clients.networks.as_ref());
    let severity = if anywhere {
        Severity::High
    } else {
        Severity::High.lowered()
    };
    let from = if anywhere {
        "everybody"
    } else {
        "whoever is in the listed networks"
    };
    let message = format!("{from} gets in without an identity");
    let fix = "List identities or service accounts under meshTLS".to_owned();
    let draft = Draft::new(Id::LNK_09, place(object, pointer, span), message, fix);
    report.add(object, draft.severity(severity));
}
