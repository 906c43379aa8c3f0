//! Ingress: rules of hosts and paths, served by whatever controller its class names.

use super::{BackendPort, Link, Route, endpoints_where};
use crate::places::Peer;
use crate::policy::At;
use crate::world::{Endpoint, World};
use seawall_model::Str;
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::collections::HashMap;

/// A kind of controller: what its IngressClass says, the class's usual name, and how its image
/// or a label of its pods is called.
struct Family {
    controller: &'static str,
    class: &'static str,
    images: &'static [&'static str],
    labels: &'static [(&'static str, &'static str)],
}

const FAMILIES: [Family; 8] = [
    Family {
        controller: "k8s.io/ingress-nginx",
        class: "nginx",
        images: &["ingress-nginx/controller", "nginx-ingress-controller"],
        labels: &[],
    },
    Family {
        controller: "nginx.org/ingress-controller",
        class: "nginx",
        images: &["nginx/nginx-ingress", "nginx-ic/nginx-plus-ingress"],
        labels: &[],
    },
    Family {
        controller: "traefik.io/ingress-controller",
        class: "traefik",
        images: &["traefik"],
        labels: &[],
    },
    Family {
        controller: "haproxy",
        class: "haproxy",
        images: &["haproxytech/kubernetes-ingress", "haproxy-ingress"],
        labels: &[],
    },
    Family {
        controller: "ingress-controllers.konghq.com/kong",
        class: "kong",
        images: &["kong"],
        labels: &[],
    },
    Family {
        controller: "projectcontour.io/",
        class: "contour",
        images: &[],
        labels: &[("app.kubernetes.io/component", "envoy"), ("app", "envoy")],
    },
    Family {
        controller: "istio.io/ingress-controller",
        class: "istio",
        images: &[],
        labels: &[("istio", "ingressgateway")],
    },
    Family {
        controller: "getambassador.io/ingress-controller",
        class: "ambassador",
        images: &["emissary", "ambassador"],
        labels: &[],
    },
];

pub(super) fn routes<'s>(world: &World<'s>) -> Vec<Route<'s>> {
    let mut routes = Vec::new();
    // Many Ingresses are of one class.
    let mut served: HashMap<Option<String>, Vec<Peer>> = HashMap::new();
    for group in ["networking.k8s.io", "extensions"] {
        for object in world.of_kind(group, "Ingress") {
            let class = class_of(object, world);
            let through = served
                .entry(class)
                .or_insert_with_key(|class| controllers(class.as_deref(), world));
            read(object, through, &mut routes);
        }
    }
    routes
}

fn read<'s>(object: &'s Object, through: &[Peer], routes: &mut Vec<Route<'s>>) {
    let Some(body) = object.body() else { return };
    let root = At::root(body);
    let Ok(Some(spec)) = root.map("spec") else {
        return;
    };
    let encrypted: Vec<&str> = spec
        .maps("tls")
        .unwrap_or_default()
        .iter()
        .flat_map(|tls| tls.texts("hosts").unwrap_or_default())
        .filter_map(|host| host.node.as_str())
        .collect();
    let mut add = |host: Option<&str>, request: Option<String>, backend: &At<'s>| {
        let Some(to) = target(backend, object) else {
            return;
        };
        routes.push(Route {
            through: through.to_vec(),
            listens: None,
            hosts: host.map(Str::from).into_iter().collect(),
            requests: request.into_iter().collect(),
            is_encrypted: host.is_some_and(|host| encrypted.contains(&host)),
            links: vec![Link {
                object,
                pointer: backend.pointer.clone(),
                span: backend.span(),
            }],
            to,
        });
    };
    for key in ["defaultBackend", "backend"] {
        if let Ok(Some(backend)) = spec.map(key) {
            add(None, None, &backend);
        }
    }
    for rule in spec.maps("rules").unwrap_or_default() {
        let host = rule
            .text("host")
            .ok()
            .flatten()
            .filter(|host| !host.is_empty());
        let Ok(Some(http)) = rule.map("http") else {
            continue;
        };
        for path in http.maps("paths").unwrap_or_default() {
            let text = path.text("path").ok().flatten().unwrap_or("/");
            let exact = path.text("pathType").ok().flatten() == Some("Exact");
            let request = match (exact, text) {
                (true, _) => Some(format!("path {text}")),
                (false, "/" | "") => None,
                (false, _) => Some(format!("paths from {text}")),
            };
            if let Ok(Some(backend)) = path.map("backend") {
                add(host, request, &backend);
            }
        }
    }
}

/// The Service of a backend, in the words of either version of the API.
fn target<'s>(
    backend: &At<'s>,
    object: &'s Object,
) -> Option<(&'s str, &'s str, Option<BackendPort>)> {
    let service = backend.map("service").ok().flatten();
    let (name, port) = match &service {
        Some(service) => {
            let port = service.map("port").ok().flatten();
            let number = port.as_ref().and_then(|port| port.get("number"));
            let name = port.as_ref().and_then(|port| port.get("name"));
            (service.text("name").ok()??, number.or(name))
        }
        None => (
            backend.text("serviceName").ok()??,
            backend.get("servicePort"),
        ),
    };
    let port = port.and_then(|at| match at.node.as_i64() {
        Some(number) => Some(BackendPort::Number(number)),
        None => at.node.as_str().map(|name| BackendPort::Name(name.into())),
    });
    Some((object.namespace(), name, port))
}

/// The pods that serve a class, or the stand-in for those that the picture does not hold.
fn controllers(class: Option<&str>, world: &World<'_>) -> Vec<Peer> {
    let named = class.and_then(|name| {
        let mut classes = world.of_kind("networking.k8s.io", "IngressClass").iter();
        let class = classes.find(|class| &*class.reference.name == name)?;
        class.body()?.at(&["spec", "controller"])?.as_str()
    });
    let fits = |family: &&Family| match (named, class) {
        (Some(controller), _) => controller.starts_with(family.controller),
        (None, Some(class)) => class.contains(family.class),
        (None, None) => true,
    };
    let families: Vec<&Family> = FAMILIES.iter().filter(fits).collect();
    let found = endpoints_where(world, |endpoint| {
        families.iter().any(|family| is_of(family, endpoint)) && serves(endpoint, class)
    });
    if found.is_empty() {
        vec![Peer::Controller]
    } else {
        found
    }
}

fn class_of(object: &Object, world: &World<'_>) -> Option<String> {
    let field = object.body()?.at(&["spec", "ingressClassName"]);
    if let Some(name) = field.and_then(Node::as_str) {
        return Some(name.to_owned());
    }
    if let Some(field) = object.annotation("kubernetes.io/ingress.class") {
        return Some(field.value.to_string());
    }
    let classes = world.of_kind("networking.k8s.io", "IngressClass").iter();
    let default = classes.filter(|class| {
        let field = class.annotation("ingressclass.kubernetes.io/is-default-class");
        field.is_some_and(|field| &*field.value == "true")
    });
    default.map(|class| class.reference.name.to_string()).next()
}

fn is_of(family: &Family, endpoint: &Endpoint<'_>) -> bool {
    let template = endpoint.template;
    let images = template.containers.iter().filter_map(|c| c.image.as_ref());
    let mut images = images.map(|image| without_tag(&image.value));
    let by_label = family.labels.iter().any(|(key, value)| {
        template
            .labels
            .iter()
            .any(|(k, v)| &**k == *key && &**v == *value)
    });
    by_label || images.any(|image| family.images.iter().any(|known| image.ends_with(known)))
}

fn without_tag(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

/// Whether a controller serves a class, as far as its arguments say.
fn serves(endpoint: &Endpoint<'_>, class: Option<&str>) -> bool {
    let Some(class) = class else { return true };
    let containers = endpoint.template.containers.iter();
    let mut args = containers.flat_map(|c| c.command.iter().chain(&c.args));
    args.all(|arg| match arg.value.split_once("-ingress-class=") {
        Some((_, named)) => named == class,
        None => true,
    })
}
