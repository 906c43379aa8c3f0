//! PeerAuthentication and AuthorizationPolicy once more, as simply as can be: pair by pair,
//! straight from what Istio's documents and sources say, sharing no code with the engine. On
//! generated clusters both must say the same.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::expect_used)] // helpers of tests may fail loudly

mod support;

use proptest::prelude::*;
use seawall_network::World;
use seawall_network::istio::Istio;
use seawall_network::istio::authorization::{Call, Identity, Point};
use seawall_network::istio::membership::Place;
use seawall_network::istio::peer_authentication::Mode;
use seawall_network::istio::ports::{Protocol, Services};
use seawall_network::request::{Field, Possible, Request as Fields};
use seawall_snapshot::Snapshot;
use std::collections::BTreeSet;
use std::path::Path;
use support::Loader;

// ---- What a cluster is made of ----

#[derive(Debug, Clone)]
struct Pa {
    namespace: &'static str,
    app: Option<&'static str>,
    mode: Option<&'static str>,
    ports: Vec<(u16, &'static str)>,
    age: Option<u8>,
}

#[derive(Debug, Clone, Default)]
struct Clause {
    /// Field as in the manifest (with `not` where it is negated), and values.
    fields: Vec<(&'static str, Vec<&'static str>)>,
}

#[derive(Debug, Clone)]
struct When {
    key: &'static str,
    values: Vec<&'static str>,
    not_values: Vec<&'static str>,
}

#[derive(Debug, Clone)]
struct Rule {
    from: Vec<Clause>,
    to: Vec<Clause>,
    when: Vec<When>,
}

#[derive(Debug, Clone)]
struct Ap {
    namespace: &'static str,
    action: &'static str,
    app: Option<&'static str>,
    target: Option<&'static str>,
    dry_run: bool,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Cluster {
    ambient: bool,
    trust_domain: &'static str,
    alias: bool,
    port_name: Option<&'static str>,
    pas: Vec<Pa>,
    aps: Vec<Ap>,
}

#[derive(Debug, Clone)]
struct Query {
    namespace: &'static str,
    app: &'static str,
    port: u16,
    identity: Option<(&'static str, &'static str, &'static str)>,
    source_ip: &'static str,
    method: &'static str,
    path: &'static str,
    host: &'static str,
    header: Option<&'static str>,
    token: Option<(&'static str, &'static str)>,
    external_says_yes: bool,
}

const ROOT: &str = "istio-system";
const NAMESPACES: [&str; 3] = [ROOT, "a", "b"];

// ---- The naive answers ----

fn naive_modes(cluster: &Cluster, query: &Query) -> BTreeSet<Mode> {
    let mut modes = BTreeSet::new();
    permute(
        &cluster.pas,
        &mut Vec::new(),
        &mut vec![false; cluster.pas.len()],
        &mut |order| {
            // An order of age is possible if the times that are known agree with it.
            let known: Vec<u8> = order.iter().filter_map(|pa| pa.age).collect();
            if known.windows(2).all(|two| two[0] <= two[1]) {
                modes.insert(naive_mode(cluster.ambient, order, query));
            }
        },
    );
    modes
}

fn permute<'a>(
    all: &'a [Pa],
    order: &mut Vec<&'a Pa>,
    used: &mut Vec<bool>,
    then: &mut dyn FnMut(&[&'a Pa]),
) {
    if order.len() == all.len() {
        then(order);
        return;
    }
    for index in 0..all.len() {
        if !used[index] {
            used[index] = true;
            order.push(&all[index]);
            permute(all, order, used, then);
            order.pop();
            used[index] = false;
        }
    }
}

/// The mode with the policies in order of age.
fn naive_mode(ambient: bool, order: &[&Pa], query: &Query) -> Mode {
    let word = |mode: &str| match mode {
        "STRICT" => Mode::Strict,
        "PERMISSIVE" => Mode::Permissive,
        _ => Mode::Disable,
    };
    let mut mode = Mode::Permissive;
    let mesh = order
        .iter()
        .find(|pa| pa.namespace == ROOT && pa.app.is_none());
    if let Some(set) = mesh.and_then(|pa| pa.mode) {
        mode = word(set);
    }
    let in_namespace = |pa: &&&Pa| pa.namespace == query.namespace && pa.namespace != ROOT;
    let namespace = order
        .iter()
        .filter(in_namespace)
        .find(|pa| pa.app.is_none());
    if let Some(set) = namespace.and_then(|pa| pa.mode) {
        mode = word(set);
    }
    let parent = mode;
    let workload = order
        .iter()
        .filter(in_namespace)
        .find(|pa| pa.app == Some(query.app));
    if let Some(set) = workload.and_then(|pa| pa.mode) {
        mode = word(set);
    }
    if let Some(pa) = workload
        && let Some((_, port)) = pa.ports.iter().find(|(port, _)| *port == query.port)
        && *port != "UNSET"
    {
        let some_permissive = pa.ports.iter().any(|(_, mode)| *mode == "PERMISSIVE");
        let unseen = ambient
            && pa.mode.is_none()
            && parent == Mode::Strict
            && *port == "DISABLE"
            && !some_permissive;
        if !unseen {
            mode = word(port);
        }
    }
    if ambient && mode == Mode::Disable {
        mode = Mode::Permissive;
    }
    mode
}

fn naive_allows(cluster: &Cluster, query: &Query) -> bool {
    match (cluster.ambient, cluster.port_name) {
        (true, _) => naive_ztunnel(cluster, query),
        (false, Some("http")) => naive_envoy(cluster, query, true),
        (false, Some("tcp")) => naive_envoy(cluster, query, false),
        (false, _) => naive_envoy(cluster, query, true) || naive_envoy(cluster, query, false),
    }
}

fn attached<'a>(cluster: &'a Cluster, query: &Query) -> Vec<&'a Ap> {
    let here = |ap: &&Ap| {
        (ap.namespace == ROOT || ap.namespace == query.namespace)
            && ap.target.is_none()
            && ap.app.is_none_or(|app| app == query.app)
            && !ap.dry_run
    };
    cluster.aps.iter().filter(here).collect()
}

fn naive_envoy(cluster: &Cluster, query: &Query, http: bool) -> bool {
    let policies = attached(cluster, query);
    let matched = |action: &str| {
        let of = policies.iter().filter(|ap| ap.action == action);
        let mut rules = of.flat_map(|ap| ap.rules.iter().map(move |rule| (ap, rule)));
        rules.any(|(ap, rule)| envoy_rule(cluster, query, http, ap, rule))
    };
    if matched("CUSTOM") && !query.external_says_yes {
        return false;
    }
    if matched("DENY") {
        return false;
    }
    let has_allow = policies.iter().any(|ap| ap.action == "ALLOW");
    !has_allow || matched("ALLOW")
}

const HTTP_ONLY: [&str; 4] = ["requestPrincipals", "hosts", "methods", "paths"];
const HTTP_KEYS: [&str; 4] = [
    "request.headers[x-user]",
    "request.auth.principal",
    "request.auth.claims[group]",
    "request.headers[X-User]",
];

fn plain(field: &str) -> String {
    match field.strip_prefix("not") {
        Some(rest) => format!("{}{}", rest[..1].to_lowercase(), &rest[1..]),
        None => field.to_owned(),
    }
}

fn envoy_rule(cluster: &Cluster, query: &Query, http: bool, ap: &Ap, rule: &Rule) -> bool {
    if rule
        .when
        .iter()
        .any(|w| w.key == "foo.bar" && !(w.values.is_empty() && w.not_values.is_empty()))
    {
        return false;
    }
    let clauses = || rule.from.iter().chain(&rule.to);
    let has_http = clauses().any(|c| {
        c.fields
            .iter()
            .any(|(f, _)| HTTP_ONLY.contains(&&*plain(f)))
    }) || rule
        .when
        .iter()
        .any(|w| HTTP_KEYS.contains(&w.key) && !(w.values.is_empty() && w.not_values.is_empty()));
    let bad_port =
        |field: &str, values: &[&str]| plain(field) == "ports" && values.contains(&"nope");
    let has_bad_port = clauses().any(|c| c.fields.iter().any(|(f, v)| bad_port(f, v)));
    if ap.action == "ALLOW" && ((has_http && !http) || has_bad_port) {
        return false;
    }
    let clause = |clause: &Clause| {
        clause.fields.iter().all(|(field, values)| {
            let name = plain(field);
            if !http && HTTP_ONLY.contains(&&*name) {
                return true;
            }
            let usable: Vec<&&str> = values
                .iter()
                .filter(|v| !(name == "ports" && **v == "nope"))
                .collect();
            if usable.is_empty() {
                return true;
            }
            let any = usable
                .iter()
                .any(|v| envoy_value(cluster, query, ap, &name, v));
            any != field.starts_with("not")
        })
    };
    let when = |when: &When| {
        if !http && HTTP_KEYS.contains(&when.key) {
            return true;
        }
        let name = match when.key {
            "source.ip" => "ipBlocks",
            "source.namespace" => "namespaces",
            "source.principal" => "principals",
            "source.trustDomain" => "trustDomains",
            "destination.port" => "ports",
            "request.auth.principal" => "requestPrincipals",
            other => other,
        };
        let one = when.values.is_empty()
            || when
                .values
                .iter()
                .any(|v| envoy_value(cluster, query, ap, name, v));
        one && !when
            .not_values
            .iter()
            .any(|v| envoy_value(cluster, query, ap, name, v))
    };
    (rule.from.is_empty() || rule.from.iter().any(clause))
        && (rule.to.is_empty() || rule.to.iter().any(clause))
        && rule.when.iter().all(when)
}

/// A text against a value with at most one star that counts.
fn text_matches(value: &str, text: &str) -> bool {
    if value == "*" {
        !text.is_empty()
    } else if let Some(end) = value.strip_prefix('*') {
        text.ends_with(end)
    } else if let Some(begin) = value.strip_suffix('*') {
        text.starts_with(begin)
    } else {
        text == value
    }
}

/// A text against a value where every star is any number of letters.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        Some((letter, rest)) => text.first() == Some(letter) && glob(rest, &text[1..]),
    }
}

fn in_block(block: &str, ip: &str) -> bool {
    let number = |ip: &str| {
        ip.split('.').fold(0_u32, |all, part| {
            all * 256 + part.parse::<u32>().expect("a number")
        })
    };
    let (address, length) = block.split_once('/').unwrap_or((block, "32"));
    let length: u32 = length.parse().expect("a length");
    let cut = |ip| {
        if length == 0 {
            0
        } else {
            number(ip) >> (32 - length)
        }
    };
    cut(address) == cut(ip)
}

fn envoy_value(cluster: &Cluster, query: &Query, ap: &Ap, name: &str, value: &str) -> bool {
    let spiffe = query
        .identity
        .map(|(domain, ns, sa)| format!("spiffe://{domain}/ns/{ns}/sa/{sa}"));
    let spiffe = spiffe.as_deref();
    match name {
        "principals" => {
            let Some(spiffe) = spiffe else { return false };
            let mut values = vec![value.to_owned()];
            let mut own = vec![cluster.trust_domain];
            if cluster.alias {
                own.push("td2");
            }
            if let Some((domain, rest)) = value.split_once('/')
                && (domain == "cluster.local" || own.contains(&domain))
            {
                values.extend(own.iter().map(|domain| format!("{domain}/{rest}")));
            }
            values.iter().any(|value| {
                if value == "*" {
                    true
                } else if let Some(end) = value.strip_prefix('*') {
                    glob(format!("spiffe://*{end}").as_bytes(), spiffe.as_bytes())
                        && spiffe.ends_with(end)
                } else {
                    text_matches(&format!("spiffe://{value}"), spiffe)
                }
            })
        }
        "namespaces" => spiffe
            .is_some_and(|spiffe| glob(format!("*/ns/{value}/*").as_bytes(), spiffe.as_bytes())),
        "serviceAccounts" => query.identity.is_some_and(|(_, ns, sa)| {
            let full = if value.contains('/') {
                value.to_owned()
            } else {
                format!("{}/{value}", ap.namespace)
            };
            full == format!("{ns}/{sa}")
        }),
        "trustDomains" => query
            .identity
            .is_some_and(|(domain, _, _)| glob(value.as_bytes(), domain.as_bytes())),
        "ipBlocks" => in_block(value, query.source_ip),
        "ports" => value == query.port.to_string(),
        "hosts" => text_matches(&value.to_lowercase(), &query.host.to_lowercase()),
        "methods" => text_matches(value, query.method),
        "paths" if value.contains('{') => template(value, query.path),
        "paths" => text_matches(value, query.path),
        "request.headers[x-user]" | "request.headers[X-User]" => query
            .header
            .is_some_and(|header| text_matches(value, header)),
        "requestPrincipals" => query.token.is_some_and(|(issuer, subject)| match value {
            "*" => true,
            "iss/*" => issuer == "iss",
            "*/sub" => subject == "sub",
            "https://iss/x/sub" => issuer == "https://iss/x" && subject == "sub",
            "iss/sub" => issuer == "iss" && subject == "sub",
            other => panic!("{other}"),
        }),
        "request.auth.claims[group]" => false, // no token of these tests has it
        other => panic!("{other}"),
    }
}

/// `{*}` is one letter or more but no slash, `{**}` anything.
fn template(template: &str, path: &str) -> bool {
    if let Some(rest) = template.strip_prefix("{**}") {
        return (0..=path.len()).any(|skip| self::template(rest, &path[skip..]));
    }
    if let Some(rest) = template.strip_prefix("{*}") {
        let part = path.find('/').unwrap_or(path.len());
        return (1..=part).any(|skip| self::template(rest, &path[skip..]));
    }
    match template.chars().next() {
        None => path.is_empty(),
        Some(letter) => path
            .strip_prefix(letter)
            .is_some_and(|path| self::template(&template[letter.len_utf8()..], path)),
    }
}

fn naive_ztunnel(cluster: &Cluster, query: &Query) -> bool {
    let policies = attached(cluster, query);
    let matched = |action: &str| {
        let of = policies.iter().filter(|ap| ap.action == action);
        let mut rules = of.flat_map(|ap| ap.rules.iter().map(move |rule| (ap, rule)));
        rules.any(|(ap, rule)| ztunnel_rule(query, ap, rule))
    };
    if matched("DENY") {
        return false;
    }
    let has_allow = policies.iter().any(|ap| ap.action == "ALLOW");
    !has_allow || matched("ALLOW")
}

fn ztunnel_rule(query: &Query, ap: &Ap, rule: &Rule) -> bool {
    const L4: [&str; 4] = [
        "source.ip",
        "source.namespace",
        "source.principal",
        "destination.port",
    ];
    let clauses = || rule.from.iter().chain(&rule.to);
    let has_http = clauses().any(|c| {
        c.fields
            .iter()
            .any(|(f, _)| HTTP_ONLY.contains(&&*plain(f)))
    }) || rule.when.iter().any(|w| !L4.contains(&w.key));
    if ap.action == "ALLOW" && has_http {
        return false;
    }
    // A match is empty when nothing of it was copied; an empty one is skipped.
    let copied = |field: &str, values: &[&'static str]| -> Vec<&'static str> {
        match &*plain(field) {
            "principals" | "namespaces" | "serviceAccounts" | "ipBlocks" => values.to_vec(),
            "ports" => values.iter().copied().filter(|v| *v != "nope").collect(),
            _ => Vec::new(),
        }
    };
    let id = query.identity;
    let value = |name: &str, value: &str| match name {
        "principals" => id.is_some_and(|(domain, ns, sa)| {
            text_matches(value, &format!("{domain}/ns/{ns}/sa/{sa}"))
        }),
        "namespaces" => text_matches(value, id.map_or("", |(_, ns, _)| ns)),
        "serviceAccounts" => id.is_some_and(|(_, ns, sa)| {
            value.split_once('/').unwrap_or((ap.namespace, value)) == (ns, sa)
        }),
        "ipBlocks" => in_block(value, query.source_ip),
        "ports" => value == query.port.to_string(),
        other => panic!("{other}"),
    };
    let one = |clause: &Clause| {
        let fields: Vec<(&str, Vec<&'static str>)> = clause
            .fields
            .iter()
            .map(|(f, v)| (*f, copied(f, v)))
            .filter(|(_, v)| !v.is_empty())
            .collect();
        !fields.is_empty()
            && fields.iter().all(|(field, values)| {
                let name = plain(field);
                values.iter().any(|v| value(&name, v)) != field.starts_with("not")
            })
    };
    let when = |when: &When| {
        let name = match when.key {
            "source.ip" => "ipBlocks",
            "source.namespace" => "namespaces",
            "source.principal" => "principals",
            "destination.port" => "ports",
            _ => return false, // an empty match, and it is the only one
        };
        if when.values.is_empty() && when.not_values.is_empty() {
            return false;
        }
        (when.values.is_empty() || when.values.iter().any(|v| value(name, v)))
            && !when.not_values.iter().any(|v| value(name, v))
    };
    (rule.from.is_empty() || rule.from.iter().any(one))
        && (rule.to.is_empty() || rule.to.iter().any(one))
        && rule.when.iter().all(when)
}

// ---- The same cluster as manifests ----

fn manifests(cluster: &Cluster) -> String {
    let mut all = Vec::new();
    let alias = if cluster.alias { "[td2]" } else { "[]" };
    all.push(format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: {ROOT}}}\ndata:\n  mesh: |\n    \
         trustDomain: {}\n    trustDomainAliases: {alias}\n",
        cluster.trust_domain
    ));
    let label = if cluster.ambient {
        "istio.io/dataplane-mode: ambient"
    } else {
        "istio-injection: enabled"
    };
    for namespace in NAMESPACES {
        all.push(format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}, labels: {{{label}}}}}\n"
        ));
        for app in ["one", "two"] {
            all.push(format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {app}, namespace: {namespace}}}\nspec:\n  \
                 template:\n    metadata: {{labels: {{app: {app}}}}}\n    spec:\n      containers: [{{name: c, image: i, \
                 ports: [{{containerPort: 8080}}, {{containerPort: 9090}}]}}]\n"
            ));
            if let Some(name) = cluster.port_name {
                all.push(format!(
                    "apiVersion: v1\nkind: Service\nmetadata: {{name: {app}, namespace: {namespace}}}\nspec:\n  \
                     selector: {{app: {app}}}\n  ports: [{{name: {name}, port: 80, targetPort: 8080}}, \
                     {{name: {name}-2, port: 90, targetPort: 9090}}]\n"
                ));
            }
        }
    }
    for (index, pa) in cluster.pas.iter().enumerate() {
        let age = pa.age.map_or(String::new(), |age| {
            format!(", creationTimestamp: \"2026-01-{age:02}T00:00:00Z\"")
        });
        let selector = pa.app.map_or(String::new(), |app| {
            format!("selector: {{matchLabels: {{app: {app}}}}}, ")
        });
        let mode = pa
            .mode
            .map_or(String::new(), |mode| format!("mtls: {{mode: {mode}}}, "));
        let ports: Vec<String> = pa
            .ports
            .iter()
            .map(|(port, mode)| format!("{port}: {{mode: {mode}}}"))
            .collect();
        let ports = if ports.is_empty() {
            String::new()
        } else {
            format!("portLevelMtls: {{{}}}", ports.join(", "))
        };
        all.push(format!(
            "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: pa{index}, namespace: {}{age}}}\n\
             spec: {{{selector}{mode}{ports}}}\n",
            pa.namespace
        ));
    }
    for (index, ap) in cluster.aps.iter().enumerate() {
        all.push(policy(index, ap));
    }
    all.join("---\n")
}

fn list(values: &[&str]) -> String {
    let values: Vec<String> = values.iter().map(|v| format!("\"{v}\"")).collect();
    format!("[{}]", values.join(", "))
}

fn policy(index: usize, ap: &Ap) -> String {
    let clauses = |name: &str, inner: &str, clauses: &[Clause]| {
        if clauses.is_empty() {
            return String::new();
        }
        let all: Vec<String> = clauses
            .iter()
            .map(|clause| {
                let fields: Vec<String> = clause
                    .fields
                    .iter()
                    .map(|(f, v)| format!("{f}: {}", list(v)))
                    .collect();
                format!("{{{inner}: {{{}}}}}", fields.join(", "))
            })
            .collect();
        format!("{name}: [{}], ", all.join(", "))
    };
    let rules: Vec<String> = ap
        .rules
        .iter()
        .map(|rule| {
            let when: Vec<String> = rule
                .when
                .iter()
                .map(|w| {
                    format!(
                        "{{key: \"{}\", values: {}, notValues: {}}}",
                        w.key,
                        list(&w.values),
                        list(&w.not_values)
                    )
                })
                .collect();
            let when = if when.is_empty() {
                String::new()
            } else {
                format!("when: [{}]", when.join(", "))
            };
            format!(
                "{{{}{}{when}}}",
                clauses("from", "source", &rule.from),
                clauses("to", "operation", &rule.to)
            )
        })
        .collect();
    let selector = ap.app.map_or(String::new(), |app| {
        format!("selector: {{matchLabels: {{app: {app}}}}}, ")
    });
    let target = ap.target.map_or(String::new(), |name| {
        format!("targetRefs: [{{group: \"\", kind: Service, name: {name}}}], ")
    });
    let provider = if ap.action == "CUSTOM" {
        "provider: {name: ext}, "
    } else {
        ""
    };
    let dry = if ap.dry_run {
        ", annotations: {istio.io/dry-run: \"true\"}"
    } else {
        ""
    };
    format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: ap{index}, namespace: {}{dry}}}\n\
         spec: {{{selector}{target}{provider}action: {}, rules: [{}]}}\n",
        ap.namespace,
        ap.action,
        rules.join(", ")
    )
}

fn snapshot(text: &str) -> Snapshot {
    let mut loader = Loader::new();
    loader.add(Path::new("a.yaml"), text);
    assert_eq!(loader.problems, 0, "{text}");
    assert!(loader.gaps.is_empty(), "{:?}\n{text}", loader.gaps);
    loader.build().0
}

// ---- Generators ----

fn some_of(pool: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(pool), 1..3)
}

fn field(
    pool: &'static [(&'static str, &'static [&'static str])],
) -> impl Strategy<Value = (&'static str, Vec<&'static str>)> {
    prop::sample::select(pool)
        .prop_flat_map(|(name, values)| some_of(values).prop_map(move |v| (name, v)))
}

const PRINCIPALS: &[&str] = &[
    "cluster.local/ns/a/sa/web",
    "td1/ns/a/sa/web",
    "td2/ns/b/sa/db",
    "*/sa/web",
    "cluster.local/ns/a/*",
    "*",
    "*/ns/a/*",
    "cluster*",
    "td1/ns/*/sa/web",
];
const SPACES: &[&str] = &["a", "b", "*", "a*", "*a", "*b*", "x*y"];
const ACCOUNTS: &[&str] = &["web", "a/web", "b/web", "b/db", "istio-system/web"];
const DOMAINS: &[&str] = &["cluster.local", "td1", "*", "td*"];
const BLOCKS: &[&str] = &[
    "10.0.0.0/8",
    "10.1.2.3",
    "0.0.0.0/0",
    "192.168.0.0/16",
    "10.1.2.0/24",
];
const TOKENS: &[&str] = &["iss/sub", "*", "iss/*", "*/sub", "https://iss/x/sub"];
const PORTS: &[&str] = &["8080", "9090", "80", "nope"];
const HOSTS: &[&str] = &[
    "example.com",
    "EXAMPLE.com",
    "*.com",
    "exa*",
    "*",
    "ex*.com",
];
const METHODS: &[&str] = &["GET", "POST", "get", "*", "P*"];
const PATHS: &[&str] = &[
    "/a", "/a/*", "*/z", "/a/{*}", "/a/{**}", "*", "/x*y", "/{**}/z", "/a*",
];

const SOURCES: &[(&str, &[&str])] = &[
    ("principals", PRINCIPALS),
    ("notPrincipals", PRINCIPALS),
    ("namespaces", SPACES),
    ("notNamespaces", SPACES),
    ("serviceAccounts", ACCOUNTS),
    ("notServiceAccounts", ACCOUNTS),
    ("trustDomains", DOMAINS),
    ("notTrustDomains", DOMAINS),
    ("ipBlocks", BLOCKS),
    ("notIpBlocks", BLOCKS),
    ("requestPrincipals", TOKENS),
    ("notRequestPrincipals", TOKENS),
];
const OPERATIONS: &[(&str, &[&str])] = &[
    ("hosts", HOSTS),
    ("notHosts", HOSTS),
    ("methods", METHODS),
    ("notMethods", METHODS),
    ("paths", PATHS),
    ("notPaths", PATHS),
    ("ports", PORTS),
    ("notPorts", PORTS),
];
const KEYS: &[(&str, &[&str])] = &[
    ("source.ip", BLOCKS),
    ("source.namespace", SPACES),
    ("source.principal", PRINCIPALS),
    ("source.trustDomain", DOMAINS),
    ("destination.port", &["8080", "9090"]),
    ("request.headers[x-user]", &["bob", "*", "b*"]),
    ("request.headers[X-User]", &["bob", "*"]),
    ("request.auth.principal", TOKENS),
    ("request.auth.claims[group]", &["admin"]),
    ("foo.bar", &["x"]),
];

fn clause(
    pool: &'static [(&'static str, &'static [&'static str])],
) -> impl Strategy<Value = Clause> {
    prop::collection::vec(field(pool), 1..3).prop_map(|mut fields| {
        fields.sort_by_key(|(name, _)| *name);
        fields.dedup_by_key(|(name, _)| *name);
        Clause { fields }
    })
}

fn when() -> impl Strategy<Value = When> {
    (field(KEYS), any::<bool>(), any::<bool>()).prop_map(|((key, values), negative, both)| When {
        key,
        not_values: if negative || both {
            values.clone()
        } else {
            Vec::new()
        },
        values: if negative { Vec::new() } else { values },
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    (
        prop::collection::vec(clause(SOURCES), 0..3),
        prop::collection::vec(clause(OPERATIONS), 0..3),
        prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(when(), 1..3)],
    )
        .prop_map(|(from, to, when)| Rule { from, to, when })
}

fn ap() -> impl Strategy<Value = Ap> {
    (
        prop::sample::select(&NAMESPACES[..]),
        prop_oneof![4 => Just("ALLOW"), 4 => Just("DENY"), 1 => Just("CUSTOM"), 1 => Just("AUDIT")],
        prop_oneof![2 => Just(None), 1 => Just(Some("one")), 1 => Just(Some("two"))],
        prop_oneof![9 => Just(None), 1 => Just(Some("one"))],
        prop::bool::weighted(0.1),
        prop::collection::vec(rule(), 0..3),
    )
        .prop_map(|(namespace, action, app, target, dry_run, rules)| Ap {
            namespace,
            action,
            app: if target.is_some() { None } else { app },
            target,
            dry_run,
            rules,
        })
}

fn pa() -> impl Strategy<Value = Pa> {
    const MODES: [&str; 4] = ["STRICT", "PERMISSIVE", "DISABLE", "UNSET"];
    (
        prop::sample::select(&NAMESPACES[..]),
        prop::option::of(prop::sample::select(&["one", "two"][..])),
        prop::option::of(prop::sample::select(&MODES[..3])),
        prop::collection::vec(
            (
                prop::sample::select(&[8080_u16, 9090][..]),
                prop::sample::select(&MODES[..]),
            ),
            0..3,
        ),
        prop::option::of(1_u8..4),
    )
        .prop_map(|(namespace, app, mode, mut ports, age)| {
            ports.sort_unstable();
            ports.dedup_by_key(|(port, _)| *port);
            if app.is_none() {
                ports.clear();
            }
            Pa {
                namespace,
                app,
                mode,
                ports,
                age,
            }
        })
}

fn cluster() -> impl Strategy<Value = Cluster> {
    (
        any::<bool>(),
        prop::sample::select(&["cluster.local", "td1"][..]),
        any::<bool>(),
        prop_oneof![2 => Just(Some("http")), 1 => Just(Some("tcp")), 1 => Just(None)],
        prop::collection::vec(pa(), 0..5),
        prop::collection::vec(ap(), 0..5),
    )
        .prop_map(
            |(ambient, trust_domain, alias, port_name, pas, aps)| Cluster {
                ambient,
                trust_domain,
                alias,
                port_name,
                pas,
                aps,
            },
        )
}

fn query() -> impl Strategy<Value = Query> {
    const WHO: [(&str, &str, &str); 5] = [
        ("cluster.local", "a", "web"),
        ("td1", "a", "web"),
        ("td2", "b", "db"),
        ("cluster.local", "aa", "web"),
        ("td1", "istio-system", "web"),
    ];
    let who = prop_oneof![1 => Just(None), 3 => prop::sample::select(&WHO[..]).prop_map(Some)];
    let token = prop_oneof![
        2 => Just(None),
        1 => Just(Some(("iss", "sub"))),
        1 => Just(Some(("https://iss/x", "sub"))),
        1 => Just(Some(("iss", "other"))),
    ];
    (
        (
            prop::sample::select(&NAMESPACES[..]),
            prop::sample::select(&["one", "two"][..]),
        ),
        prop::sample::select(&[8080_u16, 9090][..]),
        who,
        prop::sample::select(&["10.1.2.3", "10.9.9.9", "192.168.1.1", "8.8.8.8"][..]),
        prop::sample::select(&["GET", "POST", "PUT"][..]),
        prop::sample::select(&["/a", "/a/b", "/a/b/z", "/z", "/x*y", "/", "/a/"][..]),
        prop::sample::select(&["example.com", "Example.COM", "other.org"][..]),
        prop::option::of(prop::sample::select(&["bob", "eve"][..])),
        token,
        any::<bool>(),
    )
        .prop_map(
            |(
                (namespace, app),
                port,
                identity,
                source_ip,
                method,
                path,
                host,
                header,
                token,
                yes,
            )| Query {
                namespace,
                app,
                port,
                identity,
                source_ip,
                method,
                path,
                host,
                header,
                token,
                external_says_yes: yes,
            },
        )
}

fn fields(query: &Query) -> Fields {
    let mut fields = Fields::new();
    let mut put = |field, text: &str| {
        fields.insert(field, text.into());
    };
    put(Field::SourceIp, query.source_ip);
    put(Field::Method, query.method);
    put(Field::Path, query.path);
    put(Field::Host, &query.host.to_lowercase());
    if let Some(header) = query.header {
        put(Field::Header("x-user".into()), header);
    }
    if let Some((issuer, subject)) = query.token {
        put(Field::Issuer, issuer);
        put(Field::Subject, subject);
    }
    if query.external_says_yes {
        put(Field::External("ext".into()), "yes");
    }
    fields
}

fn cases() -> u32 {
    std::env::var("CASES").map_or(2_000, |cases| cases.parse().expect("a number"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn the_engine_and_the_naive_evaluator_agree(
        cluster in cluster(),
        queries in prop::collection::vec(query(), 1..8),
    ) {
        let text = manifests(&cluster);
        let snapshot = snapshot(&text);
        let world = World::new(&snapshot);
        let istio = Istio::new(&world).expect("a mesh");
        let protocol = match cluster.port_name {
            Some("http") => Protocol::Http,
            Some(_) => Protocol::Tcp,
            None => Protocol::Either,
        };
        for query in &queries {
            let (id, endpoint) = world
                .endpoint_ids()
                .find(|(_, e)| {
                    let owner = &e.workload.owner;
                    owner.namespace.as_deref() == Some(query.namespace) && &*owner.name == query.app
                })
                .expect("an endpoint");
            let place = istio.membership(id).expect("a membership").place;
            prop_assert_eq!(place, if cluster.ambient { Place::Ambient } else { Place::Sidecar });

            let effective =
                istio.peer_authentications.effective(query.namespace, endpoint, place, query.port);
            let got: BTreeSet<Mode> = effective.modes.iter().map(|(mode, _)| *mode).collect();
            prop_assert_eq!(got, naive_modes(&cluster, query), "modes for {:?}\n{}", query, text);

            let services = Services::new(&world).of(&world, endpoint);
            let ports = seawall_network::istio::ports::of(endpoint, &services);
            let port = ports.iter().find(|port| port.number == query.port).expect("a port");
            prop_assert_eq!(port.protocol, protocol);
            let identity = query.identity.map(|(domain, namespace, account)| Identity {
                trust_domain: domain.into(),
                namespace: namespace.into(),
                service_account: account.into(),
            });
            let point = Point::Pods {
                namespace: query.namespace,
                labels: &endpoint.template.labels,
                place,
            };
            let call = Call { identity: identity.as_ref(), port: query.port, protocol };
            let verdict = istio.policies.authorize(point, &call);
            let allowed = naive_allows(&cluster, query);
            prop_assert_eq!(
                verdict.condition.holds(&fields(query)),
                allowed,
                "{:?}\n{}\n{}",
                query, verdict.condition, text
            );
            match verdict.condition.possible() {
                Possible::No => prop_assert!(!allowed, "{}\n{}", verdict.condition, text),
                Possible::Yes(example) => prop_assert!(verdict.condition.holds(&example)),
                Possible::Unknown => {}
            }
            let door = istio.door(&world, id, query.port, identity.as_ref()).expect("a door");
            let modes = naive_modes(&cluster, query);
            prop_assert_eq!(door.as_nobody.is_some(), modes.iter().any(|m| *m != Mode::Strict));
            let may_speak_tls = identity.is_some() && modes.iter().any(|m| *m != Mode::Disable);
            prop_assert_eq!(door.as_itself.is_some(), may_speak_tls);
            if let Some(as_itself) = &door.as_itself {
                prop_assert_eq!(&as_itself.condition, &verdict.condition);
            }
            let refused = verdict.condition.clone().negated();
            if refused.possible() == Possible::No {
                prop_assert!(allowed, "{}\n{}", verdict.condition, text);
            }
            prop_assert!(verdict.condition.implies(&verdict.condition) != Some(false));
        }
    }
}
