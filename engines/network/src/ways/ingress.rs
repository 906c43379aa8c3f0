//! Ingress: rules of hosts and paths, served by whatever controller its class names.

use super::picks::{Match, Picks, Rank};
use super::{BackendPort, Link, Route, endpoints_where};
use crate::places::Peer;
use crate::policy::At;
use crate::request::matches::{self, MatchRank};
use crate::request::{Condition, Field, Pattern, Test};
use crate::world::{Endpoint, World};
use seawall_model::Str;
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::collections::{BTreeMap, HashSet};

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
    // Ingresses of one class are served together.
    let mut served: BTreeMap<Option<String>, Vec<&'s Object>> = BTreeMap::new();
    for group in ["networking.k8s.io", "extensions"] {
        for object in world.of_kind(group, "Ingress") {
            let class = class_of(object, world);
            served.entry(class).or_default().push(object);
        }
    }
    let mut routes = Vec::new();
    for (class, objects) in served {
        let through = controllers(class.as_deref(), world);
        let loose = loose_hosts(&objects);
        let mut read = Vec::new();
        for object in objects {
            read_one(object, &loose, &mut read);
        }
        let (backends, matches): (Vec<Backend<'s>>, Vec<Match>) = read.into_iter().unzip();
        let picks = Picks::split(matches, backends.iter().map(|_| 1));
        let both = backends.into_iter().zip(picks);
        routes.extend(both.map(|(backend, picks)| Route {
            through: through.clone(),
            listens: None,
            hosts: backend.host.into_iter().collect(),
            requests: picks.requests(),
            picks,
            is_encrypted: backend.is_encrypted,
            links: vec![backend.link],
            to: backend.to,
        }));
    }
    routes
}

/// Hosts of which nginx takes every path as a regular expression, because one Ingress asks for
/// it.
fn loose_hosts<'s>(objects: &[&'s Object]) -> HashSet<&'s str> {
    let asks = |object: &&&Object| {
        let is = |key: &str| object.annotation(&format!("nginx.ingress.kubernetes.io/{key}"));
        is("use-regex").is_some_and(|field| &*field.value == "true")
            || is("rewrite-target").is_some()
    };
    let rules = objects.iter().filter(asks);
    let rules = rules.flat_map(|object| object.items(&["spec", "rules"]));
    rules
        .map(|rule| rule.get("host").and_then(Node::as_str).unwrap_or_default())
        .collect()
}

/// Where a path leads.
struct Backend<'s> {
    host: Option<Str>,
    is_encrypted: bool,
    link: Link<'s>,
    to: Target<'s>,
}

/// The Service's place, and its port.
type Target<'s> = (&'s str, &'s str, Option<BackendPort>);

fn read_one<'s>(object: &'s Object, loose: &HashSet<&str>, all: &mut Vec<(Backend<'s>, Match)>) {
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
    let mut add = |host: Option<&str>, rank, requests: Condition, backend: &At<'s>| {
        let Some(to) = target(backend, object) else {
            return;
        };
        let picks = Match {
            hosts: host.map(Str::from).into_iter().collect(),
            rank: Some(rank),
            requests,
        };
        let link = Link {
            object,
            pointer: backend.pointer.clone(),
            span: backend.span(),
        };
        let backend = Backend {
            host: host.map(Str::from),
            is_encrypted: host.is_some_and(|host| encrypted.contains(&host)),
            link,
            to,
        };
        all.push((backend, picks));
    };
    for key in ["defaultBackend", "backend"] {
        if let Ok(Some(backend)) = spec.map(key) {
            add(None, Rank::default(), Condition::Always, &backend);
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
            let kind = path.text("pathType").ok().flatten();
            let is_loose = loose.contains(host.unwrap_or_default());
            let (rank, requests) = requests(kind.filter(|_| !is_loose), text);
            if let Ok(Some(backend)) = path.map("backend") {
                add(host, rank, requests, &backend);
            }
        }
    }
}

/// The requests of a path, and how exact it is.
fn requests(kind: Option<&str>, path: &str) -> (Rank, Condition) {
    let length = path.trim_end_matches('/').len().max(1);
    let rank = |length, is_exact| (length, is_exact, MatchRank::default());
    match kind {
        Some("Exact") => {
            let exact = Pattern::Exact(path.into());
            (rank(path.len(), true), Condition::is(Field::Path, exact))
        }
        Some("Prefix") => (rank(length, false), matches::below(path)),
        _ => (rank(length, false), as_implemented(path)),
    }
}

/// A path that every controller reads in its own way. All of them let a plain one pass; beyond
/// it they take it as a beginning, as a pattern with stars, or as a regular expression for one.
fn as_implemented(path: &str) -> Condition {
    if matches!(path, "" | "/") {
        return Condition::Always;
    }
    let is_plain = path
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "/-_.~%".contains(letter));
    let exact = is_plain.then(|| Condition::is(Field::Path, Pattern::Exact(path.into())));
    let begins = path.split('*').next().unwrap_or_default();
    let read = Pattern::read_regex(&format!("(?i)(?:{path}).*"));
    let wide = read.map(|mut patterns| {
        patterns.push(Pattern::beginning(begins));
        let field = Field::Path;
        Condition::Is(Test { field, patterns })
    });
    let unknown = Condition::unknown("reading of the path that is wide enough");
    let wide = Condition::all(wide.into_iter().chain([unknown]));
    Condition::any(exact.into_iter().chain([wide]))
}

/// The Service of a backend, in the words of either version of the API.
fn target<'s>(backend: &At<'s>, object: &'s Object) -> Option<Target<'s>> {
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
