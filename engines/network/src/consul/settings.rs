//! Consul's settings: those of its servers, of its injector, and the defaults of proxies.
//!
//! What nothing in the picture says is as Consul's chart has it: ACLs are off, so that what no
//! intention speaks about is allowed; a pod is in the mesh when it asks; its proxy is
//! transparent; there are no namespaces.

use super::GROUP;
use crate::istio::mesh::nested;
use crate::world::World;
use seawall_model::{Span, Str};
use seawall_snapshot::Object;
use seawall_yaml::Node;

/// A service, as Consul calls it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// Its namespace in Consul: `default` without Enterprise.
    pub namespace: Str,
    /// Its name.
    pub name: Str,
}

impl Name {
    /// Reads `web`, `namespace/web` or a SPIFFE id that ends in `/svc/web`.
    pub fn read(word: &str) -> Self {
        let name = word.rsplit('/').next().unwrap_or(word);
        let parts: Vec<&str> = word.split('/').collect();
        let namespace = match parts.as_slice() {
            [namespace, _] | [.., "ns", namespace, "dc", _, "svc", _] => namespace,
            _ => "default",
        };
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

/// How Consul names the namespaces of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenancy {
    /// It has none.
    None,
    /// All are one.
    One(Str),
    /// Each has its own, with this before its name.
    Mirrored(Str),
}

impl Tenancy {
    /// Consul's name for a namespace.
    pub fn of(&self, namespace: &str) -> Str {
        match self {
            Tenancy::None => "default".into(),
            Tenancy::One(name) => name.clone(),
            Tenancy::Mirrored(prefix) => format!("{prefix}{namespace}").into(),
        }
    }
}

/// What holds where no intention speaks.
#[derive(Debug, Clone)]
pub struct Default<'s> {
    /// Whether it is allowed.
    pub is_allow: bool,
    /// What says so; `None` where nothing in the picture does.
    pub by: Option<(&'s Object, String, Span)>,
}

/// A ProxyDefaults or a ServiceDefaults.
#[derive(Debug)]
pub struct Defaults<'s> {
    /// The object.
    pub object: &'s Object,
    /// Its service; `None` is all.
    pub service: Option<Name>,
    /// What the service speaks.
    pub protocol: Option<&'s str>,
    /// Whether plaintext is accepted, and where that stands; `None` where nothing is said.
    pub is_permissive: Option<(bool, Span)>,
    /// Paths that everybody gets at.
    pub exposed: Vec<Exposed<'s>>,
}

/// A path that a proxy gives to everybody at a port of its own.
#[derive(Debug, Clone)]
pub struct Exposed<'s> {
    /// The proxy's port.
    pub listener: u16,
    /// The application's.
    pub local: u16,
    /// The path.
    pub path: &'s str,
    /// JSON pointer of the piece.
    pub pointer: String,
    /// Where it stands.
    pub span: Span,
}

/// Everything together.
#[derive(Debug)]
pub struct Settings<'s> {
    /// Whether pods that say nothing are in the mesh.
    pub injects_all: bool,
    /// Namespaces that the injector takes; `None` is all.
    pub allowed: Option<Vec<Str>>,
    /// Namespaces that it leaves alone.
    pub denied: Vec<Str>,
    /// Whether proxies are transparent where nothing else is said.
    pub transparent: bool,
    /// Whether that is the chart's default, for want of an injector in the picture.
    pub is_injector_unseen: bool,
    /// Namespaces of Enterprise.
    pub tenancy: Tenancy,
    /// Whether identities are given by ACLs; `None` where nothing says it. Without them
    /// whoever reaches the servers is given the certificate of any service.
    pub acls: Option<bool>,
    /// What holds where no intention speaks.
    pub default_intention: Default<'s>,
    /// ProxyDefaults and ServiceDefaults.
    pub defaults: Vec<Defaults<'s>>,
}

impl<'s> Settings<'s> {
    /// Reads them off a world.
    pub fn new(world: &World<'s>) -> Self {
        let flags = injector(world);
        let is = |name: &str| flag(&flags, name).map(|value| value != "false");
        let every = |name: &str| -> Vec<Str> {
            let all = flags.iter().filter(|(key, _)| &**key == name);
            all.map(|(_, value)| value.clone()).collect()
        };
        let allowed = every("allow-k8s-namespace");
        let takes_all = allowed.is_empty() || allowed.iter().any(|name| &**name == "*");
        let tenancy = tenancy(world, &flags);
        let has_auth = flag(&flags, "acl-auth-method").is_some_and(|value| !value.is_empty());
        let (acls, default_intention) = servers(world, has_auth);
        Self {
            injects_all: is("default-inject").unwrap_or(false),
            allowed: (!takes_all).then_some(allowed),
            denied: every("deny-k8s-namespace"),
            transparent: is("default-enable-transparent-proxy").unwrap_or(true),
            is_injector_unseen: flags.is_empty(),
            acls,
            default_intention,
            defaults: defaults(world, &tenancy),
            tenancy,
        }
    }

    /// What is set for a service: its own settings, then those of all.
    fn of<'a>(&'a self, service: &'a Name) -> impl Iterator<Item = &'a Defaults<'s>> {
        let all = || self.defaults.iter();
        let own = all().filter(move |one| one.service.as_ref() == Some(service));
        own.chain(all().filter(|one| one.service.is_none()))
    }

    /// Whether a service speaks HTTP; `None` where nothing says what it speaks.
    pub fn is_http(&self, service: &Name) -> Option<bool> {
        let protocol = self.of(service).find_map(|one| one.protocol)?;
        Some(matches!(protocol, "http" | "http2" | "grpc"))
    }

    /// What lets plaintext in at a service's port, if something does.
    pub fn permissive<'a>(&'a self, service: &'a Name) -> Option<(&'a Defaults<'s>, Span)> {
        // Two objects for one service: Consul takes one, and nobody knows which.
        let is_own = |one: &&Defaults<'s>| one.service.is_some();
        let said = |one: &Defaults<'s>| one.is_permissive.is_some();
        let all: Vec<&Defaults<'s>> = self.of(service).filter(|one| said(one)).collect();
        let has_own = all.iter().any(is_own);
        let mut counted = all.into_iter().filter(|one| is_own(one) == has_own);
        counted.find_map(|one| match one.is_permissive {
            Some((true, span)) => Some((one, span)),
            _ => None,
        })
    }

    /// The paths of a service that everybody gets at.
    pub fn exposed<'a>(&'a self, service: &'a Name) -> Vec<(&'a Defaults<'s>, &'a Exposed<'s>)> {
        let all: Vec<&Defaults<'s>> = self.of(service).collect();
        let own = all
            .iter()
            .any(|one| one.service.is_some() && !one.exposed.is_empty());
        let counted = all.into_iter().filter(|one| !own || one.service.is_some());
        counted
            .flat_map(|one| one.exposed.iter().map(move |path| (one, path)))
            .collect()
    }
}

type Flags = Vec<(Str, Str)>;

/// The flags of the injector, if its pods are in the picture.
fn injector(world: &World<'_>) -> Flags {
    let containers = world.endpoints.iter().flat_map(|e| &e.template.containers);
    for container in containers {
        let words = container.command.iter().chain(&container.args);
        let words: Vec<&str> = words
            .flat_map(|word| word.value.split_whitespace())
            .collect();
        if !words.contains(&"inject-connect") {
            continue;
        }
        let mut flags = Flags::new();
        for (index, word) in words.iter().enumerate() {
            let Some(flag) = word.strip_prefix('-') else {
                continue;
            };
            let flag = flag.strip_prefix('-').unwrap_or(flag);
            let next = words
                .get(index + 1)
                .filter(|next| !next.starts_with(['-', '\\']));
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, value.trim_matches('"')),
                None => (flag, next.map_or("", |next| next.trim_matches('"'))),
            };
            flags.push((name.into(), value.into()));
        }
        return flags;
    }
    Flags::new()
}

fn flag<'f>(flags: &'f Flags, name: &str) -> Option<&'f str> {
    let mut all = flags.iter().filter(|(key, _)| &**key == name);
    all.next_back().map(|(_, value)| &**value)
}

/// Who says that there are namespaces: the injector, else an intention that names one.
fn tenancy(world: &World<'_>, flags: &Flags) -> Tenancy {
    let is_on = |name: &str| flag(flags, name).is_some_and(|value| value != "false");
    if !flags.is_empty() {
        if !is_on("enable-namespaces") {
            return Tenancy::None;
        }
        if is_on("enable-k8s-namespace-mirroring") {
            let prefix = flag(flags, "k8s-namespace-mirroring-prefix");
            return Tenancy::Mirrored(prefix.unwrap_or_default().into());
        }
        let one = flag(flags, "consul-destination-namespace");
        return Tenancy::One(one.unwrap_or("default").into());
    }
    let is_named = |node: Option<&Node>| {
        let name = node.and_then(|node| node.get("namespace")?.as_str());
        name.is_some_and(|name| !matches!(name, "" | "default"))
    };
    let mut intentions = world.of_kind(GROUP, "ServiceIntentions").iter();
    let has_namespaces = intentions.any(|object| {
        let destination = object
            .body()
            .and_then(|body| body.at(&["spec", "destination"]));
        let sources = object.items(&["spec", "sources"]);
        is_named(destination) || sources.iter().any(|source| is_named(Some(source)))
    });
    if has_namespaces {
        Tenancy::Mirrored("".into())
    } else {
        Tenancy::None
    }
}

/// Whether there are ACLs, and what holds where no intention speaks. Of several servers' the
/// weaker settings count.
fn servers<'s>(world: &World<'s>, has_auth: bool) -> (Option<bool>, Default<'s>) {
    let mut found: Option<(bool, Default<'s>)> = None;
    for object in world.of_kind("", "ConfigMap").iter().copied() {
        let Some(one) = server(object) else { continue };
        let is_weaker = found
            .as_ref()
            .is_none_or(|(acls, known)| (one.0, !one.1.is_allow) < (*acls, !known.is_allow));
        if is_weaker {
            found = Some(one);
        }
    }
    match found {
        Some((acls, default)) => (Some(acls || has_auth), default),
        // The chart's ACLs deny.
        None => (
            has_auth.then_some(true),
            Default {
                is_allow: !has_auth,
                by: None,
            },
        ),
    }
}

/// A server's settings: files of JSON in a ConfigMap.
fn server(object: &Object) -> Option<(bool, Default<'_>)> {
    let data = object.body()?.get("data")?.as_map()?;
    let files: Vec<(&str, Span, Node)> = data
        .iter()
        .filter(|entry| {
            entry
                .key
                .rsplit_once('.')
                .is_some_and(|(_, end)| end == "json")
        })
        .filter_map(|entry| {
            let tree = nested(entry.value.as_str()?, entry.value.span);
            Some((&*entry.key, entry.value.span, tree))
        })
        .collect();
    let is_server = |tree: &Node| {
        tree.get("server").and_then(Node::as_bool) == Some(true)
            && (tree.get("bootstrap_expect").is_some() || tree.get("connect").is_some())
    };
    let (key, span, _) = files.iter().find(|(_, _, tree)| is_server(tree))?;
    let text = |path: &[&str]| {
        let mut all = files.iter();
        all.find_map(|(key, span, tree)| Some((tree.at(path)?.as_str()?, *key, *span)))
    };
    let mut acls = files
        .iter()
        .filter_map(|(_, _, tree)| tree.at(&["acl", "enabled"]));
    let has_acls = acls.any(|node| node.as_bool() == Some(true));
    let said = text(&["default_intention_policy"])
        .or_else(|| text(&["acl", "default_policy"]).filter(|_| has_acls));
    let (word, key, span) = said.unwrap_or(("allow", key, *span));
    let pointer = format!("/data/{}", key.replace('~', "~0").replace('/', "~1"));
    let default = Default {
        is_allow: word != "deny",
        by: Some((object, pointer, span)),
    };
    Some((has_acls, default))
}

fn defaults<'s>(world: &World<'s>, tenancy: &Tenancy) -> Vec<Defaults<'s>> {
    let mut all = Vec::new();
    for kind in ["ProxyDefaults", "ServiceDefaults"] {
        for object in world.of_kind(GROUP, kind).iter().copied() {
            let is_for_all = kind == "ProxyDefaults";
            // Consul knows one ProxyDefaults, by this name.
            if is_for_all && &*object.reference.name != "global" {
                continue;
            }
            let Some(spec) = object.body().and_then(|body| body.get("spec")) else {
                continue;
            };
            let protocol: &[&str] = if is_for_all {
                &["config", "protocol"]
            } else {
                &["protocol"]
            };
            let mode = spec.get("mutualTLSMode");
            let mode = mode.and_then(|node| Some((node.as_str()?, node.span)));
            all.push(Defaults {
                object,
                service: (!is_for_all).then(|| Name {
                    namespace: tenancy.of(object.namespace()),
                    name: object.reference.name.clone(),
                }),
                protocol: spec
                    .at(protocol)
                    .and_then(Node::as_str)
                    .filter(|p| !p.is_empty()),
                is_permissive: mode
                    .filter(|(word, _)| !word.is_empty())
                    .map(|(word, span)| (word == "permissive", span)),
                exposed: exposed(object),
            });
        }
    }
    all
}

fn exposed(object: &Object) -> Vec<Exposed<'_>> {
    let paths = object
        .items(&["spec", "expose", "paths"])
        .iter()
        .enumerate();
    paths
        .filter_map(|(index, node)| {
            let port = |key| u16::try_from(node.get(key)?.as_i64()?).ok();
            Some(Exposed {
                listener: port("listenerPort")?,
                local: port("localPathPort")?,
                path: node.get("path").and_then(Node::as_str).unwrap_or("/"),
                pointer: format!("/spec/expose/paths/{index}"),
                span: node.span,
            })
        })
        .collect()
}
