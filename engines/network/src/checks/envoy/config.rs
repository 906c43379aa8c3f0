//! Envoy's configuration where it is found: text in ConfigMaps, and Cilium's objects that hold
//! pieces of it.
//!
//! Envoy reads the JSON form of its API, in which every field has two names (`http_filters`,
//! `httpFilters`); [`Piece`] knows both. Text that looks like Envoy's and cannot be read is a
//! gap.

use crate::checks::report::Report;
use crate::world::{EndpointId, World};
use seawall_model::{Asset, FileId, Locus, Proof, Span};
use seawall_snapshot::Object;
use seawall_snapshot::pod::VolumeKind;
use seawall_yaml::{Limits, Node, parse};
use std::collections::HashMap;

/// A ConfigMap holds at most a megabyte.
const LIMITS: Limits = Limits {
    max_bytes: 1 << 20,
    max_depth: 100,
    max_nodes: 200_000,
};

/// One configuration.
pub(super) struct Config<'s> {
    pub(super) object: &'s Object,
    /// JSON pointer of what holds it, in the object.
    pointer: String,
    /// The same for people.
    path: String,
    /// The place of the text that it is, if it is text.
    text: Option<Span>,
    tree: Node,
    /// The pods that run with it.
    pub(super) users: Users,
}

/// A node of a configuration, and where it is.
#[derive(Debug, Clone)]
pub(super) struct Piece<'n> {
    pub(super) node: &'n Node,
    path: String,
}

/// Every configuration of a world.
pub(super) fn all<'s>(
    world: &World<'s>,
    mounts: &Mounts<'s>,
    report: &mut Report,
) -> Vec<Config<'s>> {
    let mut found = Vec::new();
    for object in world.of_kind("", "ConfigMap").iter().copied() {
        for (key, text, span) in texts(object) {
            // Most ConfigMaps hold something else: do not read it all.
            let looks_like_it = text.contains("static_resources")
                || text.contains("staticResources")
                || text.contains("type.googleapis.com/envoy.");
            if !looks_like_it {
                continue;
            }
            let Some(tree) = read(object, key, text, span, report) else {
                continue;
            };
            if is_envoy(&tree) {
                found.push(Config {
                    object,
                    pointer: format!("/data/{}", seawall_snapshot::extract::escape(key)),
                    path: format!("data[{key}]"),
                    text: Some(span),
                    tree,
                    users: mounts.of(object).to_vec(),
                });
            }
        }
    }
    for kind in ["CiliumEnvoyConfig", "CiliumClusterwideEnvoyConfig"] {
        for object in world.of_kind("cilium.io", kind).iter().copied() {
            let spec = object.body().and_then(|body| body.get("spec"));
            found.extend(spec.map(|spec| Config {
                object,
                pointer: "/spec".to_owned(),
                path: "spec".to_owned(),
                text: None,
                tree: spec.clone(),
                users: Vec::new(),
            }));
        }
    }
    found
}

/// The texts of a ConfigMap: key, text and place.
pub(super) fn texts(object: &Object) -> impl Iterator<Item = (&str, &str, Span)> {
    let data = object.body().and_then(|body| body.get("data")?.as_map());
    let entries = data.into_iter().flatten();
    entries.filter_map(|entry| Some((&*entry.key, entry.value.as_str()?, entry.value.span)))
}

/// Reads a text of a ConfigMap as YAML or JSON.
pub(super) fn read(
    object: &Object,
    key: &str,
    text: &str,
    span: Span,
    report: &mut Report,
) -> Option<Node> {
    let stream = parse(text, FileId::UNKNOWN, &LIMITS);
    if let (Some(problem), true) = (stream.problems.first(), stream.documents.is_empty()) {
        let reason = format!(
            "data[{key}] looks like a proxy's configuration and cannot be read (line {})",
            problem.span.line
        );
        let hint = "if it is a template, look at what it is rendered to";
        report.gap(&object.reference.to_string(), span, &reason, hint);
    }
    stream.documents.into_iter().next().map(|first| first.root)
}

fn is_envoy(tree: &Node) -> bool {
    let root = Piece::root(tree);
    let has_type = |piece: &Piece<'_>| piece.kind().starts_with("type.googleapis.com/envoy.");
    root.get("static_resources").is_some()
        || root.items("resources").iter().any(has_type)
        || has_type(&root)
}

/// Who mounts which ConfigMap, by namespace and name.
#[derive(Debug, Default)]
pub(super) struct Mounts<'s>(HashMap<&'s str, HashMap<&'s str, Users>>);

/// Pods, each with its workload.
pub(super) type Users = Vec<(EndpointId, Asset)>;

impl<'s> Mounts<'s> {
    pub(super) fn new(world: &World<'s>) -> Self {
        let mut mounts = Self::default();
        for (id, endpoint) in world.endpoint_ids() {
            let Some(space) = world.namespace_at(endpoint.namespace) else {
                continue;
            };
            let template = endpoint.template;
            let names = template
                .volumes
                .iter()
                .flat_map(|volume| match &volume.kind {
                    VolumeKind::ConfigMap(name) => std::slice::from_ref(name),
                    VolumeKind::Projected { config_maps, .. } => config_maps,
                    _ => &[],
                });
            let mut names: Vec<&'s str> = names.map(|name| &**name).collect();
            names.sort_unstable();
            names.dedup();
            let here = mounts.0.entry(space.name).or_default();
            for name in names {
                let users = here.entry(name).or_default();
                users.push((id, Asset::Resource(endpoint.workload.owner.clone())));
            }
        }
        mounts
    }

    /// The pods that mount a ConfigMap.
    pub(super) fn of(&self, object: &Object) -> &[(EndpointId, Asset)] {
        let here = self.0.get(object.namespace());
        let users = here.and_then(|here| here.get(&*object.reference.name));
        users.map_or(&[], Vec::as_slice)
    }
}

impl Config<'_> {
    pub(super) fn root(&self) -> Piece<'_> {
        Piece::root(&self.tree)
    }

    pub(super) fn listeners(&self) -> Vec<Piece<'_>> {
        self.resources("listeners", ".Listener")
    }

    pub(super) fn clusters(&self) -> Vec<Piece<'_>> {
        self.resources("clusters", ".Cluster")
    }

    /// Those of a bootstrap, or those of a list of resources.
    fn resources(&self, list: &str, kind: &str) -> Vec<Piece<'_>> {
        let root = self.root();
        let fixed = root.get("static_resources");
        let mut all = fixed.map_or_else(Vec::new, |fixed| fixed.items(list));
        let is_it = |piece: &Piece<'_>| piece.kind().ends_with(kind);
        all.extend(root.items("resources").into_iter().filter(is_it));
        if is_it(&root) {
            all.push(root);
        }
        all
    }

    /// The place of a piece: that of the ConfigMap's key, with the path in the text.
    pub(super) fn locus(&self, piece: &Piece<'_>) -> Locus {
        let pointer = match self.text {
            Some(_) => self.pointer.clone(),
            None => format!("{}{}", self.pointer, piece.path),
        };
        Locus {
            pointer,
            path: format!("{}{}", self.path, piece.path),
            span: self.text.unwrap_or(piece.node.span),
        }
    }

    /// Which line of the text a piece is in.
    pub(super) fn line(&self, piece: &Piece<'_>) -> Option<(String, Proof)> {
        let span = self.text?;
        let line = piece.node.span.line;
        (line > 0).then(|| (format!("line {line} of the text"), Proof::Source(span)))
    }
}

impl<'n> Piece<'n> {
    pub(super) fn root(node: &'n Node) -> Self {
        Self {
            node,
            path: String::new(),
        }
    }

    /// What is under a field, by either of its names; null is nothing.
    pub(super) fn get(&self, field: &str) -> Option<Piece<'n>> {
        let camel = camel(field);
        [field, &camel].into_iter().find_map(|name| {
            let node = self.node.get(name).filter(|node| !node.is_null())?;
            Some(Piece {
                node,
                path: format!("{}/{name}", self.path),
            })
        })
    }

    pub(super) fn at(&self, fields: &[&str]) -> Option<Piece<'n>> {
        let start = Some(self.clone());
        fields
            .iter()
            .fold(start, |piece, field| piece.and_then(|one| one.get(field)))
    }

    /// The items under a field.
    pub(super) fn items(&self, field: &str) -> Vec<Piece<'n>> {
        let Some(list) = self.get(field) else {
            return Vec::new();
        };
        let items = list.node.as_seq().unwrap_or_default().iter().enumerate();
        items
            .map(|(index, node)| Piece {
                node,
                path: format!("{}/{index}", list.path),
            })
            .collect()
    }

    pub(super) fn text(&self, field: &str) -> Option<&'n str> {
        self.get(field)?.node.as_str()
    }

    pub(super) fn is_on(&self, field: &str) -> bool {
        self.get(field).and_then(|at| at.node.as_bool()) == Some(true)
    }

    /// The type that it says to be.
    pub(super) fn kind(&self) -> &'n str {
        let kind = self.node.get("@type").and_then(Node::as_str);
        kind.unwrap_or_default()
    }

    /// The settings of an extension.
    pub(super) fn settings(&self) -> Option<Piece<'n>> {
        self.get("typed_config").or_else(|| self.get("config"))
    }

    /// Whether it is an extension of a name: by its type, or by what it calls itself.
    pub(super) fn is(&self, name: &str) -> bool {
        let kind = self.settings().map_or("", |settings| settings.kind());
        if kind.is_empty() {
            let own = self.text("name").unwrap_or_default();
            return own.rsplit('.').next() == Some(name);
        }
        kind.split('.').any(|word| word == name)
    }

    /// Whether something within it has a field of one of some names.
    pub(super) fn has_within(&self, test: &dyn Fn(&str, &Node) -> bool) -> bool {
        within(self.node, test)
    }
}

fn within(node: &Node, test: &dyn Fn(&str, &Node) -> bool) -> bool {
    if let Some(map) = node.as_map() {
        return map
            .iter()
            .any(|entry| test(&entry.key, &entry.value) || within(&entry.value, test));
    }
    let items = node.as_seq().unwrap_or_default();
    items.iter().any(|item| within(item, test))
}

/// `http_filters` as `httpFilters`.
fn camel(field: &str) -> String {
    let mut words = field.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

/// The port of a socket address.
pub(super) fn port(address: &Piece<'_>) -> Option<u16> {
    u16::try_from(address.get("port_value")?.node.as_i64()?).ok()
}

/// Whether a socket address is the pod's own.
pub(super) fn is_loopback(address: &Piece<'_>) -> bool {
    is_local(address.text("address").unwrap_or_default())
}

/// Whether a host is the pod itself.
pub(super) fn is_local(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<core::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
