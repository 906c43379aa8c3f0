//! Intentions: who may call whom, and with which requests.
//!
//! Of all intentions that speak about a pair the most exact one decides alone: first by the
//! destination, then by the source. Within it the first permission that fits a request decides;
//! where none does, it is not the next intention but the default that holds. An object that
//! Consul refuses as a whole is not in force.

use super::GROUP;
use super::settings::{Default, Name, Settings};
use crate::meshes::settled;
use crate::request::{Condition, Field, Pattern, Test};
use crate::why::Cite;
use crate::world::World;
use seawall_model::{Span, Str};
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::collections::HashSet;

/// Any name, or any namespace.
const ANY: &str = "*";

/// Of more permissions than these only that they are conditions is said.
const MOST_PERMISSIONS: usize = 64;

/// One source of a ServiceIntentions.
#[derive(Debug)]
struct Intention<'s> {
    object: &'s Object,
    /// Place among the sources.
    index: usize,
    span: Span,
    destination: Name,
    source: Name,
    /// Whether it is only perhaps about sources of this cluster: it names a partition or a
    /// sameness group.
    is_perhaps: bool,
    /// Whether it allows anything by itself.
    may_allow: bool,
    /// The requests that pass.
    condition: Condition,
}

#[derive(Debug)]
enum Ruling {
    Bytes { is_allow: bool },
    Requests(Vec<Permission>),
}

#[derive(Debug)]
struct Permission {
    is_allow: bool,
    requests: Condition,
    token: Option<Condition>,
}

/// All intentions.
#[derive(Debug)]
pub struct Intentions<'s> {
    all: Vec<Intention<'s>>,
}

/// What passes of a call, and what decided.
#[derive(Debug, Clone)]
pub struct Decision<'s> {
    /// The requests that pass.
    pub condition: Condition,
    /// What decided.
    pub because: Vec<Cite<'s>>,
    /// Whether no intention speaks about it.
    pub is_default: bool,
}

impl<'s> Intentions<'s> {
    /// Reads them off a world.
    pub fn new(world: &World<'s>, settings: &Settings<'s>) -> Self {
        let objects = world.of_kind(GROUP, "ServiceIntentions").iter();
        let all = objects.filter_map(|object| read(object, settings));
        Self {
            all: all.flatten().collect(),
        }
    }

    /// What passes from a caller to a service.
    pub fn decide(&self, service: &Name, caller: &Name, default: &Default<'s>) -> Decision<'s> {
        let speaking = self
            .all
            .iter()
            .filter(|one| is_within(service, &one.destination) && is_within(caller, &one.source));
        let speaking: Vec<&Intention<'s>> = speaking.collect();
        let sure = speaking.iter().filter(|one| !one.is_perhaps);
        let rank = sure.map(|one| one.rank()).max();
        // Of equal ones Consul would have refused all but one; nobody knows which.
        let deciding = speaking.iter().filter(|one| {
            if one.is_perhaps {
                Some(one.rank()) >= rank && one.may_allow
            } else {
                Some(one.rank()) == rank
            }
        });
        let deciding: Vec<&&Intention<'s>> = deciding.collect();
        let is_default = deciding.is_empty();
        let mut conditions: Vec<Condition> =
            deciding.iter().map(|one| one.condition.clone()).collect();
        if rank.is_none() {
            conditions.push(Condition::settled(default.is_allow));
        }
        let by = default.by.iter().filter(|_| is_default);
        let by = by.map(|(object, pointer, span)| Cite {
            object,
            pointer: pointer.clone(),
            span: *span,
            condition: None,
            is_assumed: false,
        });
        Decision {
            condition: Condition::any(conditions),
            because: deciding.iter().map(|one| one.cite()).chain(by).collect(),
            is_default,
        }
    }
}

/// Whether a service is one that a name with stars means.
fn is_within(service: &Name, pattern: &Name) -> bool {
    (&*pattern.namespace == ANY || pattern.namespace == service.namespace)
        && (&*pattern.name == ANY || pattern.name == service.name)
}

/// How exact a name is.
fn exactness(name: &Name) -> u8 {
    if &*name.namespace == ANY {
        0
    } else if &*name.name == ANY {
        1
    } else {
        2
    }
}

impl<'s> Intention<'s> {
    fn rank(&self) -> (u8, u8) {
        (exactness(&self.destination), exactness(&self.source))
    }

    fn cite(&self) -> Cite<'s> {
        Cite {
            object: self.object,
            pointer: format!("/spec/sources/{}", self.index),
            span: self.span,
            condition: None,
            is_assumed: self.is_perhaps,
        }
    }
}

impl Ruling {
    fn may_allow(&self) -> bool {
        match self {
            Ruling::Bytes { is_allow } => *is_allow,
            Ruling::Requests(permissions) => permissions.iter().any(|one| one.is_allow),
        }
    }

    /// The requests that pass. Only what differs from the default is written to the proxy, and
    /// tokens are asked for only there.
    ///
    /// `is_http` is what the service speaks, `None` where nothing says it: Consul takes
    /// permissions for services of HTTP only, so that with any it counts as one.
    fn condition(
        &self,
        is_http: Option<bool>,
        token: Option<&Condition>,
        default: bool,
    ) -> Condition {
        let permissions = match self {
            Ruling::Bytes { is_allow } => {
                let token = token.filter(|_| is_http == Some(true));
                return action(*is_allow, token.cloned(), default);
            }
            // What is no HTTP has no requests: all of it is refused.
            Ruling::Requests(_) if is_http == Some(false) => return Condition::Never,
            Ruling::Requests(permissions) => permissions,
        };
        if permissions.len() > MOST_PERMISSIONS {
            return Condition::unknown(format!("one of {} permissions", permissions.len()));
        }
        let mut before: Vec<Condition> = Vec::new();
        let mut passing = Vec::new();
        for one in permissions {
            let tokens: Vec<Condition> = token.into_iter().chain(&one.token).cloned().collect();
            let token = (!tokens.is_empty()).then(|| Condition::all(tokens));
            let mut parts = before.clone();
            parts.push(one.requests.clone());
            parts.push(action(one.is_allow, token, default));
            passing.push(Condition::all(parts));
            before.push(one.requests.clone().negated());
        }
        before.push(Condition::settled(default));
        passing.push(Condition::all(before));
        settled(Condition::any(passing))
    }
}

/// What an action comes to, given the token that it asks for and the default.
fn action(is_allow: bool, token: Option<Condition>, default: bool) -> Condition {
    match token.filter(|_| is_allow != default) {
        Some(token) if is_allow => token,
        Some(token) => token.negated(),
        None => Condition::settled(is_allow),
    }
}

/// The intentions of an object; `None` where Consul refuses it.
fn read<'s>(object: &'s Object, settings: &Settings<'s>) -> Option<Vec<Intention<'s>>> {
    let spec = object.body()?.get("spec")?;
    let text = |node: &'s Node, key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
    let destination = spec.get("destination")?;
    let home = match text(destination, "namespace") {
        "" => settings.tenancy.of(object.namespace()),
        name => name.into(),
    };
    let destination = Name {
        namespace: home.clone(),
        name: text(destination, "name").into(),
    };
    if !is_well_named(&destination) {
        return None;
    }
    let token = spec.get("jwt").and_then(token);
    let is_http = settings.is_http(&destination);
    let default = settings.default_intention.is_allow;
    let sources = object.items(&["spec", "sources"]);
    let mut known = HashSet::new();
    let mut all = Vec::new();
    for (index, node) in sources.iter().enumerate() {
        let namespace = match text(node, "namespace") {
            "" if &*home == ANY => "default".into(),
            "" => home.clone(),
            name => name.into(),
        };
        let source = Name {
            namespace,
            name: text(node, "name").into(),
        };
        let (peer, group) = (text(node, "peer"), text(node, "samenessGroup"));
        let partition = text(node, "partition");
        let is_new = known.insert((source.clone(), peer, group, partition));
        if !is_new || !is_well_named(&source) {
            return None;
        }
        let ruling = ruling(node, &destination)?;
        // Peers are other clusters.
        if !peer.is_empty() {
            continue;
        }
        all.push(Intention {
            object,
            index,
            span: node.span,
            destination: destination.clone(),
            source,
            is_perhaps: !group.is_empty() || !matches!(partition, "" | "default"),
            may_allow: ruling.may_allow(),
            condition: ruling.condition(is_http, token.as_ref(), default),
        });
    }
    (!sources.is_empty()).then_some(all)
}

/// A star stands alone, and one for the namespace wants one for the name.
fn is_well_named(name: &Name) -> bool {
    let is_plain = |word: &str| word == ANY || !word.contains(ANY);
    !name.name.is_empty()
        && is_plain(&name.name)
        && is_plain(&name.namespace)
        && (&*name.namespace != ANY || &*name.name == ANY)
}

fn ruling(node: &Node, destination: &Name) -> Option<Ruling> {
    let permissions = node
        .get("permissions")
        .and_then(Node::as_seq)
        .unwrap_or_default();
    let action = node
        .get("action")
        .and_then(Node::as_str)
        .filter(|word| !word.is_empty());
    if permissions.is_empty() {
        let is_allow = is_allow(action?)?;
        return Some(Ruling::Bytes { is_allow });
    }
    let is_exact = exactness(destination) == 2;
    if action.is_some() || !is_exact {
        return None;
    }
    let all: Option<Vec<Permission>> = permissions.iter().map(permission).collect();
    all.map(Ruling::Requests)
}

fn is_allow(word: &str) -> Option<bool> {
    match word {
        "allow" => Some(true),
        "deny" => Some(false),
        _ => None,
    }
}

fn permission(node: &Node) -> Option<Permission> {
    let is_allow = is_allow(node.get("action").and_then(Node::as_str)?)?;
    let requests = match node.get("http").filter(|http| !http.is_null()) {
        Some(http) => requests(http)?,
        None => Condition::Always,
    };
    Some(Permission {
        is_allow,
        requests,
        token: node.get("jwt").and_then(token),
    })
}

/// The requests that a permission means; `None` where Consul refuses it.
fn requests(http: &Node) -> Option<Condition> {
    let text = |key: &str| {
        let value = http.get(key).and_then(Node::as_str);
        value.filter(|value| !value.is_empty())
    };
    let (exact, prefix, regex) = (text("pathExact"), text("pathPrefix"), text("pathRegex"));
    let mut parts = Vec::new();
    let paths = [exact, prefix, regex].into_iter().flatten().count();
    let is_rooted = |path: Option<&str>| path.is_none_or(|path| path.starts_with('/'));
    if paths > 1 || !is_rooted(exact) || !is_rooted(prefix) {
        return None;
    }
    parts.extend(exact.map(|path| Condition::is(Field::Path, Pattern::Exact(path.into()))));
    parts.extend(prefix.map(|path| Condition::is(Field::Path, Pattern::beginning(path))));
    parts.extend(regex.map(expression));
    let methods = http
        .get("methods")
        .and_then(Node::as_seq)
        .unwrap_or_default();
    if !methods.is_empty() {
        let named = methods.iter().filter_map(Node::as_str);
        let each = named.map(|name| {
            let name = Str::from(name.to_ascii_uppercase());
            Condition::is(Field::Method, Pattern::Exact(name))
        });
        parts.push(Condition::any(each));
    }
    let headers = http
        .get("header")
        .and_then(Node::as_seq)
        .unwrap_or_default();
    for one in headers {
        parts.push(header(one)?);
    }
    Some(Condition::all(parts))
}

/// A path that a regular expression matches as a whole.
fn expression(regex: &str) -> Condition {
    match Pattern::read_regex(regex) {
        Some(patterns) => Condition::Is(Test {
            field: Field::Path,
            patterns,
        }),
        None => Condition::unknown(format!("path ~ {regex}")),
    }
}

fn header(node: &Node) -> Option<Condition> {
    let text = |key: &str| {
        node.get(key)
            .and_then(Node::as_str)
            .filter(|v| !v.is_empty())
    };
    let is = |key: &str| node.get(key).and_then(Node::as_bool) == Some(true);
    let name = text("name")?.to_ascii_lowercase();
    let field = || Field::Header(name.as_str().into());
    let present = || Condition::is(field(), Pattern::any());
    let is_inverted = is("invert");
    let kinds = ["exact", "prefix", "suffix", "contains", "regex"];
    let mut said = kinds
        .into_iter()
        .filter_map(|kind| Some((kind, text(kind)?)));
    let Some((kind, value)) = said.next() else {
        let found = present();
        return Some(if is_inverted { found.negated() } else { found });
    };
    if said.next().is_some() || is("present") {
        return None;
    }
    let matched = match kind {
        _ if is("ignoreCase") => {
            Condition::unknown(format!("header {name} {kind} {value} in any case"))
        }
        "exact" => Condition::is(field(), Pattern::Exact(value.into())),
        "prefix" => Condition::is(field(), Pattern::beginning(value)),
        "suffix" => Condition::is(
            field(),
            Pattern::Affix {
                prefix: "".into(),
                suffix: value.into(),
            },
        ),
        _ => Condition::unknown(format!("header {name} {kind} {value}")),
    };
    // A header that is not there has no value, and no other one either.
    Some(if is_inverted {
        Condition::all([present(), matched.negated()])
    } else {
        matched
    })
}

/// The tokens one of which a `jwt` asks for.
fn token(node: &Node) -> Option<Condition> {
    let providers = node.get("providers").and_then(Node::as_seq)?;
    let names = providers
        .iter()
        .filter_map(|one| one.get("name").and_then(Node::as_str));
    let each: Vec<Condition> = names
        .map(|name| Condition::unknown(format!("token of {name}")))
        .collect();
    (!each.is_empty()).then(|| Condition::any(each))
}
