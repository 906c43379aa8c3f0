//! MeshIdentity and MeshTrust: which pods get which SPIFFE id, and whose ids count.
//!
//! An id is made of a template. What goes into it may not be in the picture (the zone, more
//! often than not): such an id has gaps, and a match that they decide holds perhaps: it counts
//! where it lets in and not where it refuses.

use super::membership::{MESH, Member, NAMESPACE};
use super::{Caller, GROUP};
use crate::selection::Certainty;
use crate::world::World;
use seawall_model::Str;
use seawall_snapshot::Object;
use seawall_yaml::Node;
use std::fmt;

/// An id: texts, and between them what nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(Vec<Option<Str>>);

/// `*` stands for what nobody knows.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pieces = self.0.iter().map(|piece| piece.as_deref().unwrap_or("*"));
        pieces.try_for_each(|piece| f.write_str(piece))
    }
}

impl Id {
    /// One that is known.
    pub(crate) fn known(text: &str) -> Self {
        Self(vec![Some(text.into())])
    }

    fn head(&self) -> String {
        let known = self.0.iter().map_while(|piece| piece.as_deref());
        known.collect()
    }

    fn is_known(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    fn ends_with(&self, text: &str) -> bool {
        match self.0.last() {
            Some(Some(last)) => text.ends_with(&**last),
            _ => true,
        }
    }

    /// Whether it is a text.
    pub(crate) fn is(&self, text: &str) -> Certainty {
        let head = self.head();
        if self.is_known() {
            return sure(head == text);
        }
        perhaps(text.starts_with(&head) && self.ends_with(text))
    }

    /// Whether it begins with a text.
    pub(crate) fn begins(&self, text: &str) -> Certainty {
        let head = self.head();
        if head.starts_with(text) {
            Certainty::Yes
        } else if self.is_known() {
            Certainty::No
        } else {
            perhaps(text.starts_with(&head))
        }
    }
}

fn sure(truth: bool) -> Certainty {
    if truth { Certainty::Yes } else { Certainty::No }
}

fn perhaps(truth: bool) -> Certainty {
    if truth {
        Certainty::Perhaps
    } else {
        Certainty::No
    }
}

/// A MeshIdentity.
#[derive(Debug)]
pub struct Identity<'s> {
    /// The object.
    pub object: &'s Object,
    mesh: Str,
    labels: Vec<(Str, Str)>,
    domain: &'s str,
    path: &'s str,
}

/// All identities, and the domains that meshes trust.
#[derive(Debug)]
pub struct Identities<'s> {
    all: Vec<Identity<'s>>,
    trusted: Vec<(Str, Str)>,
}

/// The mesh of an object.
pub(crate) fn mesh_of(object: &Object) -> Str {
    object.label(MESH).unwrap_or("default").into()
}

impl<'s> Identities<'s> {
    /// Reads them off a world.
    pub(crate) fn new(world: &World<'s>) -> Self {
        let objects = world.of_kind(GROUP, "MeshIdentity").iter();
        let trusts = world.of_kind(GROUP, "MeshTrust").iter();
        Self {
            all: objects.filter_map(|object| identity(object)).collect(),
            trusted: trusts
                .filter_map(|object| {
                    let domain = object.body()?.at(&["spec", "trustDomain"])?.as_str()?;
                    Some((mesh_of(object), domain.into()))
                })
                .collect(),
        }
    }

    /// The identity of a pod: of those that choose it the one with most labels.
    pub fn of(&self, member: &Member<'_>) -> Option<&Identity<'s>> {
        let fitting = self.all.iter().filter(|one| {
            let mut labels = one.labels.iter();
            one.mesh == member.mesh && labels.all(|(key, value)| member.has_label(key, value))
        });
        fitting.min_by_key(|one| {
            (
                std::cmp::Reverse(one.labels.len()),
                &one.object.reference.name,
            )
        })
    }

    /// Whether a mesh trusts the domain of a caller's id.
    pub(crate) fn is_trusted(&self, mesh: &str, caller: &Caller) -> bool {
        let domains = self.trusted.iter().filter(|(of, _)| &**of == mesh);
        let begins = |domain: &str| {
            let text = format!("spiffe://{domain}/");
            caller
                .ids
                .iter()
                .any(|id| id.begins(&text) != Certainty::No)
        };
        domains.into_iter().any(|(_, domain)| begins(domain))
    }
}

fn identity(object: &Object) -> Option<Identity<'_>> {
    let spec = object.body()?.get("spec")?;
    // Without a provider it makes no certificates; without a selector it is nobody's.
    spec.get("provider")?.get("type")?.as_str()?;
    let selector = spec
        .at(&["selector", "dataplane"])
        .filter(|node| !node.is_null())?;
    let labels = selector.get("matchLabels").and_then(Node::as_map);
    let text = |key: &str| spec.at(&["spiffeID", key]).and_then(Node::as_str);
    Some(Identity {
        object,
        mesh: mesh_of(object),
        labels: labels
            .into_iter()
            .flatten()
            .filter_map(|entry| Some((entry.key.clone(), entry.value.as_str()?.into())))
            .collect(),
        domain: text("trustDomain").unwrap_or("{{ .Mesh }}.{{ .Zone }}.mesh.local"),
        path: text("path").unwrap_or("/ns/{{ .Namespace }}/sa/{{ .ServiceAccount }}"),
    })
}

impl Identity<'_> {
    /// The id of a pod.
    pub(crate) fn id(&self, member: &Member<'_>, zone: Option<&str>) -> Id {
        let mut pieces: Vec<Option<Str>> = Vec::new();
        let template = format!("spiffe://{}{}", self.domain, self.path);
        let mut rest = template.as_str();
        while let Some((before, behind)) = rest.split_once("{{") {
            let (name, after) = behind.split_once("}}").unwrap_or((behind, ""));
            pieces.push(Some(before.into()));
            pieces.push(match name.trim() {
                ".Mesh" => Some(self.mesh.clone()),
                ".Zone" => zone.map(Str::from),
                ".Namespace" => Some(member.namespace.clone()),
                ".ServiceAccount" => Some(member.account.clone()),
                other => {
                    let key = other
                        .strip_prefix("label")
                        .map(|key| key.trim().trim_matches('"'));
                    key.and_then(|key| member.label(key)).map(Str::from)
                }
            });
            rest = after;
        }
        pieces.push(Some(rest.into()));
        Id(pieces)
    }
}

impl Member<'_> {
    /// The value of a label, as the control plane knows it.
    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        match key {
            NAMESPACE => Some(&self.namespace),
            "k8s.kuma.io/service-account" => Some(&self.account),
            MESH => Some(&self.mesh),
            _ => {
                let mut labels = self.labels.iter();
                labels
                    .find(|(name, _)| &**name == key)
                    .map(|(_, value)| &**value)
            }
        }
    }

    pub(crate) fn has_label(&self, key: &str, value: &str) -> bool {
        self.label(key) == Some(value)
    }
}
