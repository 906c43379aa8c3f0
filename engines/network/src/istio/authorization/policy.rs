//! AuthorizationPolicies as they are written, with every value's place.

use crate::istio::SECURITY;
use crate::world::World;
use seawall_model::{Span, Str};
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;

/// What a policy does with what it matches.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// Lets it in; what no such policy matches stays out.
    Allow,
    /// Keeps it out.
    Deny,
    /// Asks the authoriser of this name.
    Custom(Str),
    /// Writes it down.
    Audit,
}

impl Action {
    /// The action as manifests have it.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Allow => "ALLOW",
            Action::Deny => "DENY",
            Action::Custom(_) => "CUSTOM",
            Action::Audit => "AUDIT",
        }
    }
}

/// What a check looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// Identities of peers.
    Principals,
    /// Namespaces of their identities.
    Namespaces,
    /// Service accounts of their identities.
    ServiceAccounts,
    /// Trust domains of their identities.
    TrustDomains,
    /// Addresses of peers.
    IpBlocks,
    /// Addresses of clients.
    RemoteIpBlocks,
    /// Issuer and subject of tokens.
    RequestPrincipals,
    /// Hosts.
    Hosts,
    /// Ports of the pod.
    Ports,
    /// Methods.
    Methods,
    /// Paths.
    Paths,
    /// A header.
    Header(Str),
    /// A claim of the token.
    Claim(Str),
    /// The address that was called.
    DestinationIp,
    /// The server name of TLS.
    ServerName,
    /// Something of Envoy's.
    Filter(Str),
    /// Nothing that Istio knows: a rule with it is dropped.
    Unknown(Str),
}

impl Key {
    /// Whether a request is needed to look at it: it means nothing for bytes.
    pub fn is_http(&self) -> bool {
        matches!(
            self,
            Key::RequestPrincipals
                | Key::Hosts
                | Key::Methods
                | Key::Paths
                | Key::Header(_)
                | Key::Claim(_)
        )
    }

    /// Whether it looks at the peer's identity.
    pub fn is_identity(&self) -> bool {
        matches!(
            self,
            Key::Principals | Key::Namespaces | Key::ServiceAccounts | Key::TrustDomains
        )
    }

    /// Whether it looks at a token.
    pub fn is_token(&self) -> bool {
        matches!(self, Key::RequestPrincipals | Key::Claim(_))
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Word {
    /// The value.
    pub text: Str,
    /// Where it stands.
    pub span: Span,
    /// JSON pointer below the object.
    pub pointer: String,
}

/// One thing that a rule asks: one of `values`, none of `not_values`.
#[derive(Debug, Clone)]
pub struct Check {
    /// What it looks at.
    pub key: Key,
    /// It is one of these, if there are any.
    pub values: Vec<Word>,
    /// It is none of these.
    pub not_values: Vec<Word>,
    /// The field's name in the manifest, without `not`.
    pub field: Str,
}

impl Check {
    /// Whether it asks for anything.
    pub fn asks(&self) -> bool {
        !self.values.is_empty() || !self.not_values.is_empty()
    }

    /// The first value, to point at.
    pub fn first_word(&self) -> Option<&Word> {
        self.values.first().or(self.not_values.first())
    }
}

/// Checks that hold together: one `source`, `operation` or condition.
#[derive(Debug, Clone)]
pub struct Clause {
    /// All must hold.
    pub checks: Vec<Check>,
    /// Where it stands.
    pub span: Span,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// One of these, if there are any.
    pub from: Vec<Clause>,
    /// One of these, if there are any.
    pub to: Vec<Clause>,
    /// All of these.
    pub when: Vec<Clause>,
    /// Where it stands.
    pub span: Span,
}

impl Rule {
    /// All checks of the rule.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        let clauses = self.from.iter().chain(&self.to).chain(&self.when);
        clauses.flat_map(|clause| &clause.checks)
    }

    /// Whether it asks nothing at all.
    pub fn is_empty(&self) -> bool {
        !self.checks().any(Check::asks)
    }
}

/// An object that a policy is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its group; empty for the core group.
    pub group: Str,
    /// Its kind.
    pub kind: Str,
    /// Its name.
    pub name: Str,
    /// Its namespace, where that is written.
    pub namespace: Option<Str>,
    /// Where it stands.
    pub span: Span,
}

/// One AuthorizationPolicy.
#[derive(Debug)]
pub struct Policy<'s> {
    /// The object.
    pub object: &'s Object,
    /// What it does.
    pub action: Action,
    /// Where the action stands, else the name.
    pub action_span: Span,
    /// Whether it only pretends.
    pub is_dry_run: bool,
    /// Labels of the pods that it is for; `None` is all of its namespace.
    pub selector: Option<LabelSelector>,
    /// Objects that it is for, instead.
    pub targets: Vec<Target>,
    /// Its rules.
    pub rules: Vec<Rule>,
}

impl Policy<'_> {
    /// Its namespace.
    pub fn namespace(&self) -> &str {
        self.object.namespace()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.object.reference.name
    }
}

/// Reads all policies off a world.
pub(super) fn all<'s>(world: &World<'s>) -> Vec<Policy<'s>> {
    let objects = world.of_kind(SECURITY, "AuthorizationPolicy").iter();
    objects.filter_map(|object| policy(object)).collect()
}

fn policy(object: &Object) -> Option<Policy<'_>> {
    let body = object.body()?;
    let action = body.at(&["spec", "action"]).filter(|node| !node.is_null());
    let provider = body
        .at(&["spec", "provider", "name"])
        .and_then(Node::as_str);
    let dry_run = object.annotation("istio.io/dry-run");
    let selector = body
        .at(&["spec", "selector"])
        .filter(|node| !node.is_null());
    let rules = items(body.at(&["spec", "rules"]));
    let rule = |(index, node)| rule(node, &format!("/spec/rules/{index}"));
    Some(Policy {
        object,
        action: match action.and_then(Node::as_str) {
            Some("DENY") => Action::Deny,
            Some("AUDIT") => Action::Audit,
            Some("CUSTOM") => Action::Custom(provider.unwrap_or_default().into()),
            _ => Action::Allow,
        },
        action_span: action.map_or(object.name_span, |node| node.span),
        is_dry_run: dry_run.is_some_and(|field| is_true(&field.value)),
        selector: selector.map(|node| {
            let labels = node.get("matchLabels").and_then(LabelSelector::read_map);
            labels.unwrap_or_default()
        }),
        targets: targets(body),
        rules: rules.iter().enumerate().map(rule).collect(),
    })
}

/// What Go takes for true.
fn is_true(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

pub(crate) fn targets(body: &Node) -> Vec<Target> {
    let several = items(body.at(&["spec", "targetRefs"]));
    let single = body
        .at(&["spec", "targetRef"])
        .filter(|node| !node.is_null());
    let single = single.into_iter().filter(|_| several.is_empty());
    let text = |node: &Node, key| node.get(key).and_then(Node::as_str).map(Str::from);
    let all = several.iter().chain(single);
    all.map(|node| Target {
        group: text(node, "group")
            .filter(|g| &**g != "core")
            .unwrap_or_default(),
        kind: text(node, "kind").unwrap_or_default(),
        name: text(node, "name").unwrap_or_default(),
        namespace: text(node, "namespace").filter(|namespace| !namespace.is_empty()),
        span: node.span,
    })
    .collect()
}

fn items(node: Option<&Node>) -> &[Node] {
    node.and_then(Node::as_seq).unwrap_or_default()
}

/// Fields of a `source`, with what they look at.
const SOURCE: [(&str, Key); 7] = [
    ("principals", Key::Principals),
    ("namespaces", Key::Namespaces),
    ("serviceAccounts", Key::ServiceAccounts),
    ("trustDomains", Key::TrustDomains),
    ("ipBlocks", Key::IpBlocks),
    ("remoteIpBlocks", Key::RemoteIpBlocks),
    ("requestPrincipals", Key::RequestPrincipals),
];

/// Fields of an `operation`.
const OPERATION: [(&str, Key); 4] = [
    ("hosts", Key::Hosts),
    ("ports", Key::Ports),
    ("methods", Key::Methods),
    ("paths", Key::Paths),
];

fn rule(node: &Node, pointer: &str) -> Rule {
    let clauses = |list: &str, inner: &str, fields: &[(&str, Key)]| -> Vec<Clause> {
        let all = items(node.get(list)).iter().enumerate();
        all.map(|(index, item)| {
            let pointer = format!("{pointer}/{list}/{index}/{inner}");
            let inner = item.get(inner);
            Clause {
                checks: inner
                    .map(|inner| checks(inner, &pointer, fields))
                    .unwrap_or_default(),
                span: inner.unwrap_or(item).span,
            }
        })
        .collect()
    };
    let when = items(node.get("when")).iter().enumerate();
    Rule {
        from: clauses("from", "source", &SOURCE),
        to: clauses("to", "operation", &OPERATION),
        when: when
            .map(|(index, item)| condition(item, &format!("{pointer}/when/{index}")))
            .collect(),
        span: node.span,
    }
}

fn checks(node: &Node, pointer: &str, fields: &[(&str, Key)]) -> Vec<Check> {
    let check = |(field, key): &(&str, Key)| {
        let mut letters = field.chars();
        let first = letters.next()?.to_ascii_uppercase();
        let not = format!("not{first}{}", letters.as_str());
        let values = words(node.get(field), &format!("{pointer}/{field}"));
        let not_values = words(node.get(&not), &format!("{pointer}/{not}"));
        (!values.is_empty() || !not_values.is_empty()).then(|| Check {
            key: key.clone(),
            values,
            not_values,
            field: (*field).into(),
        })
    };
    fields.iter().filter_map(check).collect()
}

fn condition(node: &Node, pointer: &str) -> Clause {
    let key = node.get("key").and_then(Node::as_str).unwrap_or_default();
    let check = Check {
        key: key_of(key),
        values: words(node.get("values"), &format!("{pointer}/values")),
        not_values: words(node.get("notValues"), &format!("{pointer}/notValues")),
        field: key.into(),
    };
    Clause {
        checks: vec![check],
        span: node.span,
    }
}

fn key_of(text: &str) -> Key {
    let inside = |start: &str| {
        let rest = text.strip_prefix(start)?.strip_prefix('[')?;
        rest.strip_suffix(']').filter(|name| !name.is_empty())
    };
    if let Some(name) = inside("request.headers") {
        return Key::Header(name.to_ascii_lowercase().into());
    }
    if let Some(name) = inside("request.auth.claims") {
        return Key::Claim(name.into());
    }
    match text {
        "source.ip" => Key::IpBlocks,
        "remote.ip" => Key::RemoteIpBlocks,
        "source.namespace" => Key::Namespaces,
        "source.principal" => Key::Principals,
        "source.serviceAccount" => Key::ServiceAccounts,
        "source.trustDomain" => Key::TrustDomains,
        "request.auth.principal" => Key::RequestPrincipals,
        "request.auth.audiences" => Key::Claim("aud".into()),
        "request.auth.presenter" => Key::Claim("azp".into()),
        "destination.ip" => Key::DestinationIp,
        "destination.port" => Key::Ports,
        "connection.sni" => Key::ServerName,
        other if other.starts_with("experimental.envoy.filters.") => Key::Filter(other.into()),
        other => Key::Unknown(other.into()),
    }
}

fn words(node: Option<&Node>, pointer: &str) -> Vec<Word> {
    let all = items(node).iter().enumerate();
    all.filter_map(|(index, item)| {
        // A number is refused by the API server; here it is what it looks like.
        let text = match (item.as_str(), item.as_i64()) {
            (Some(text), _) => Str::from(text),
            (None, Some(number)) => number.to_string().into(),
            _ => return None,
        };
        Some(Word {
            text,
            span: item.span,
            pointer: format!("{pointer}/{index}"),
        })
    })
    .collect()
}
