//! What the server serves.

use crate::error::Error;
use crate::server::{Failure, JSON, PATIENCE, Server};
use seawall_model::{Gap, GapKind, KubernetesVersion, Span, Str};
use seawall_yaml::Node;
use std::fmt::Write as _;

/// Everything in two answers, since Kubernetes 1.26; older servers answer with the group list.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// More groups and resources than any cluster has.
const MOST: usize = 20_000;

/// A resource that can be listed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Resource {
    /// API group; empty for the core group.
    pub(crate) group: Str,
    /// The name in paths and roles: `deployments`.
    pub(crate) plural: Str,
    /// The version to read it in.
    pub(crate) version: Str,
    /// The kind of its objects.
    pub(crate) kind: Str,
    /// Whether its objects are in namespaces.
    pub(crate) namespaced: bool,
}

impl Resource {
    /// `apps/deployments`, or `pods`.
    pub(crate) fn name(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_string()
        } else {
            format!("{}/{}", self.group, self.plural)
        }
    }

    /// `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The path of its list.
    pub(crate) fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() {
            "/api"
        } else {
            "/apis"
        };
        let base = format!("{root}/{}", self.api_version());
        match namespace {
            Some(namespace) => format!("{base}/namespaces/{}/{}", encoded(namespace), self.plural),
            None => format!("{base}/{}", self.plural),
        }
    }
}

/// A piece of a path or query without anything that has a meaning there.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// What the server serves, sorted, and what could not be found out.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) resources: Vec<Resource>,
    pub(crate) gaps: Vec<Gap>,
}

/// Asks the server.
pub(crate) async fn discover(server: &Server) -> Result<Served, Error> {
    let mut served = Served::default();
    for root in ["/api", "/apis"] {
        let document = server.document(root, AGGREGATED).await.map_err(|failure| {
            let hint = if failure.code() == 403 {
                "the identity needs the ClusterRole system:discovery"
            } else {
                ""
            };
            let reason = failure.reason();
            Error::unreadable(
                format!("cannot ask the cluster what it serves: {reason}"),
                hint,
            )
        })?;
        if document.get("kind").and_then(Node::as_str) == Some("APIGroupDiscoveryList") {
            aggregated(&document, &mut served);
        } else {
            one_by_one(server, root, &document, &mut served).await;
        }
    }
    served.resources.sort_unstable();
    Ok(served)
}

fn text<'n>(node: &'n Node, path: &[&str]) -> &'n str {
    node.at(path).and_then(Node::as_str).unwrap_or_default()
}

fn items<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = &'n Node> {
    let items = node.get(key).and_then(Node::as_seq).unwrap_or_default();
    items.iter().take(MOST)
}

fn has_list(node: &Node) -> bool {
    items(node, "verbs").any(|verb| verb.as_str() == Some("list"))
}

fn aggregated(document: &Node, served: &mut Served) {
    for group in items(document, "items") {
        let name = text(group, &["metadata", "name"]);
        for version in items(group, "versions") {
            let number = text(version, &["version"]);
            if text(version, &["freshness"]) == "Stale" {
                served.gaps.push(unavailable(
                    name,
                    number,
                    "the API behind it does not answer",
                ));
                continue;
            }
            for resource in items(version, "resources").filter(|r| has_list(r)) {
                served.add(Resource {
                    group: name.into(),
                    plural: text(resource, &["resource"]).into(),
                    version: number.into(),
                    kind: text(resource, &["responseKind", "kind"]).into(),
                    namespaced: text(resource, &["scope"]) == "Namespaced",
                });
            }
        }
    }
}

impl Served {
    /// Versions come in the order of preference: the first one with a resource counts.
    fn add(&mut self, resource: Resource) {
        let known = self
            .resources
            .iter()
            .rev()
            .take_while(|known| known.group == resource.group)
            .any(|known| known.plural == resource.plural);
        let usable = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
        };
        let valid = usable(&resource.plural)
            && usable(&resource.version)
            && (resource.group.is_empty() || usable(&resource.group));
        if !known && valid && self.resources.len() < MOST {
            self.resources.push(resource);
        }
    }
}

/// Servers before 1.26: one question for each version of each group.
async fn one_by_one(server: &Server, root: &str, document: &Node, served: &mut Served) {
    let mut versions: Vec<(String, String)> = items(document, "versions")
        .filter_map(|version| Some((String::new(), version.as_str()?.to_owned())))
        .collect();
    for group in items(document, "groups") {
        let name = text(group, &["name"]);
        let preferred = text(group, &["preferredVersion", "version"]);
        let mut of_group: Vec<&str> = items(group, "versions")
            .map(|version| text(version, &["version"]))
            .collect();
        of_group.sort_by_key(|version| *version != preferred);
        versions.extend(
            of_group
                .into_iter()
                .map(|v| (name.to_owned(), v.to_owned())),
        );
    }
    for (group, version) in versions {
        let path = if group.is_empty() {
            format!("{root}/{}", encoded(&version))
        } else {
            format!("{root}/{}/{}", encoded(&group), encoded(&version))
        };
        let list = match server.get(&path, JSON, PATIENCE).await {
            Ok(bytes) => crate::server::parse(&bytes),
            Err(failure) => {
                served
                    .gaps
                    .push(unavailable(&group, &version, &failure.reason()));
                continue;
            }
        };
        for resource in list.iter().flat_map(|list| items(list, "resources")) {
            let plural = text(resource, &["name"]);
            if plural.contains('/') || !has_list(resource) {
                continue;
            }
            served.add(Resource {
                group: group.as_str().into(),
                plural: plural.into(),
                version: version.as_str().into(),
                kind: text(resource, &["kind"]).into(),
                namespaced: resource.get("namespaced").and_then(Node::as_bool) == Some(true),
            });
        }
    }
}

fn unavailable(group: &str, version: &str, reason: &str) -> Gap {
    Gap {
        kind: GapKind::Remote,
        subject: format!("API group {group}/{version}").into(),
        span: Span::NONE,
        reason: format!("the cluster announces it, but it is not available: {reason}"),
        hint: format!("`kubectl get apiservice {version}.{group}` says why"),
        units: 1,
    }
}

/// The version that the server behaves as, and how it writes it.
pub(crate) fn version(document: &Node) -> Option<KubernetesVersion> {
    let number = |key: &str| {
        let text = text(document, &[key]);
        // Providers write `29+`.
        text.trim_end_matches(|c: char| !c.is_ascii_digit())
            .parse::<u16>()
            .ok()
    };
    let emulated = number("emulationMajor").zip(number("emulationMinor"));
    match emulated.or_else(|| number("major").zip(number("minor"))) {
        Some((1, minor)) => Some(KubernetesVersion::new(minor)),
        _ => None,
    }
}

/// Whether a failure says that a resource is not there after all.
pub(crate) fn is_gone(failure: &Failure) -> bool {
    matches!(failure.code(), 404 | 405)
}
