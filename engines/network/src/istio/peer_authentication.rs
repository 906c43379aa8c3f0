//! Where plaintext is accepted: the effective mode of mutual TLS per port.
//!
//! The mesh's policy, then the namespace's, then the workload's; each overrides the one
//! before where it says something, and a workload's may say something else for a port. Of
//! several at one level the oldest holds. Files do not say which that is, so all that could
//! hold are kept ([`Effective::modes`]), and the worst of them is the answer.

use super::SECURITY;
use super::membership::Place;
use super::mesh::Mesh;
use crate::world::{Endpoint, World};
use seawall_model::{Span, Str};
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;
use std::collections::HashMap;

/// A mode of mutual TLS, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Only mutual TLS comes in.
    Strict,
    /// Mutual TLS and plaintext come in.
    Permissive,
    /// Only plaintext comes in.
    Disable,
}

impl Mode {
    /// The mode as manifests have it.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Strict => "STRICT",
            Mode::Permissive => "PERMISSIVE",
            Mode::Disable => "DISABLE",
        }
    }

    fn read(node: Option<&Node>) -> Option<Self> {
        match node?.as_str()? {
            "STRICT" => Some(Mode::Strict),
            "PERMISSIVE" => Some(Mode::Permissive),
            "DISABLE" => Some(Mode::Disable),
            _ => None,
        }
    }
}

/// A mode of its own for a port.
#[derive(Debug, Clone)]
pub struct PortMode {
    /// The container's port.
    pub port: u16,
    /// The mode; `None` is what holds for the workload.
    pub mode: Option<Mode>,
    /// Where the mode stands.
    pub span: Span,
}

/// For whom a policy is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The mesh.
    Mesh,
    /// Its namespace.
    Namespace,
    /// Some workloads of its namespace.
    Workload,
    /// Nobody: one with a selector in the root namespace is ignored.
    Nobody,
}

/// One PeerAuthentication.
#[derive(Debug)]
pub struct PeerAuthentication<'s> {
    /// The object.
    pub object: &'s Object,
    /// For whom.
    pub level: Level,
    /// Which pods, at level [`Level::Workload`].
    pub selector: LabelSelector,
    /// The mode; `None` is unset.
    pub mode: Option<Mode>,
    /// Where the mode stands.
    pub span: Span,
    /// Modes of single ports.
    pub ports: Vec<PortMode>,
    /// When it was made, as the API server writes it; empty in files.
    created: Str,
}

/// All of them.
#[derive(Debug)]
pub struct PeerAuthentications<'s> {
    /// In the order of the picture.
    pub all: Vec<PeerAuthentication<'s>>,
    /// Places in `all` by namespace.
    by_namespace: HashMap<Str, Vec<usize>>,
    root_namespace: Str,
}

/// What decided a mode.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'s> {
    /// The policy.
    pub object: &'s Object,
    /// The field in it.
    pub span: Span,
    /// At which level.
    pub level: Level,
    /// Whether it speaks about this port alone.
    pub is_port: bool,
}

/// The mode of a port.
#[derive(Debug, Clone)]
pub struct Effective<'s> {
    /// What may hold, each with what decided it; no decision is the default.
    pub modes: Vec<(Mode, Option<Decision<'s>>)>,
}

impl<'s> Effective<'s> {
    /// The cautious answer: the worst of what may hold.
    pub fn worst(&self) -> (Mode, Option<Decision<'s>>) {
        let worst = self.modes.iter().copied().max_by_key(|(mode, _)| *mode);
        worst.unwrap_or((Mode::Permissive, None))
    }

    /// Whether only mutual TLS comes in, whatever holds.
    pub fn is_strict(&self) -> bool {
        self.worst().0 == Mode::Strict
    }

    /// Whether it depends on which policy is older.
    pub fn is_ambiguous(&self) -> bool {
        let first = self.modes.first().map(|(mode, _)| *mode);
        self.modes.iter().any(|(mode, _)| Some(*mode) != first)
    }
}

impl<'s> PeerAuthentications<'s> {
    /// Reads them off a world.
    pub fn new(world: &World<'s>, mesh: &Mesh<'_>) -> Self {
        let objects = world.of_kind(SECURITY, "PeerAuthentication").iter();
        let read = |object: &&'s Object| read(object, &mesh.root_namespace);
        let all: Vec<PeerAuthentication<'s>> = objects.filter_map(read).collect();
        let mut by_namespace: HashMap<Str, Vec<usize>> = HashMap::new();
        for (index, policy) in all.iter().enumerate() {
            let namespace = policy.object.namespace().into();
            by_namespace.entry(namespace).or_default().push(index);
        }
        Self {
            all,
            by_namespace,
            root_namespace: mesh.root_namespace.clone(),
        }
    }

    /// The mode at a port of an endpoint of a namespace.
    pub fn effective(
        &self,
        namespace: &str,
        endpoint: &Endpoint<'_>,
        place: Place,
        port: u16,
    ) -> Effective<'s> {
        self.for_labels(namespace, &endpoint.template.labels, place, port)
    }

    /// The mode at a port of pods with these labels (sorted by key).
    pub fn for_labels(
        &self,
        namespace: &str,
        labels: &[(Str, Str)],
        place: Place,
        port: u16,
    ) -> Effective<'s> {
        let mut modes = self.of_workload(namespace, labels, place, Some(port));
        if place == Place::Ambient {
            // ztunnel refuses plaintext or takes both; it has no way to refuse TLS.
            for (mode, _) in &mut modes {
                *mode = (*mode).min(Mode::Permissive);
            }
        }
        Effective { modes }
    }

    /// The mode of a namespace's pods that no policy of their own speaks about.
    pub fn of_namespace(&self, namespace: &str) -> Effective<'s> {
        Effective {
            modes: self.inherited(namespace),
        }
    }

    /// The mode of the mesh.
    pub fn of_mesh(&self) -> Effective<'s> {
        Effective {
            modes: override_with(
                vec![(Mode::Permissive, None)],
                &self.at(&self.root_namespace, Level::Mesh, |_| true),
            ),
        }
    }

    fn inherited(&self, namespace: &str) -> Vec<(Mode, Option<Decision<'s>>)> {
        let of_namespace = self.at(namespace, Level::Namespace, |_| true);
        override_with(self.of_mesh().modes, &of_namespace)
    }

    fn of_workload(
        &self,
        namespace: &str,
        labels: &[(Str, Str)],
        place: Place,
        port: Option<u16>,
    ) -> Vec<(Mode, Option<Decision<'s>>)> {
        let inherited = self.inherited(namespace);
        let own = self.at(namespace, Level::Workload, |policy| {
            policy.selector.matches(labels)
        });
        if own.is_empty() {
            return inherited;
        }
        let mut modes = Vec::new();
        for policy in own {
            let base = match policy.mode {
                Some(mode) => vec![(mode, Some(decision(policy, policy.span, false)))],
                None => inherited.clone(),
            };
            let special = policy.ports.iter().find(|one| Some(one.port) == port);
            let Some((special, mode)) = special.and_then(|one| Some((one, one.mode?))) else {
                for (mode, by) in base {
                    add(&mut modes, mode, by);
                }
                continue;
            };
            for (parent, by) in base {
                let is_ignored =
                    place == Place::Ambient && is_ignored_in_ambient(policy, parent, mode);
                if is_ignored {
                    add(&mut modes, parent, by);
                } else {
                    add(&mut modes, mode, Some(decision(policy, special.span, true)));
                }
            }
        }
        modes
    }

    /// The policies of a level that may hold: the oldest where that is known.
    fn at(
        &self,
        namespace: &str,
        level: Level,
        holds: impl Fn(&PeerAuthentication<'s>) -> bool,
    ) -> Vec<&PeerAuthentication<'s>> {
        let indices = self.by_namespace.get(namespace).into_iter().flatten();
        let all = indices.filter_map(|index| self.all.get(*index));
        let found: Vec<_> = all
            .filter(|policy| policy.level == level && holds(policy))
            .collect();
        // What was made at a time that is known and not the first of those is not the oldest;
        // what has no time may be.
        let times = found.iter().map(|policy| &policy.created);
        let first = times.filter(|time| !time.is_empty()).min().cloned();
        let may_be_oldest = |policy: &&PeerAuthentication<'s>| {
            policy.created.is_empty() || Some(&policy.created) == first.as_ref()
        };
        found.into_iter().filter(may_be_oldest).collect()
    }
}

fn override_with<'s>(
    below: Vec<(Mode, Option<Decision<'s>>)>,
    policies: &[&PeerAuthentication<'s>],
) -> Vec<(Mode, Option<Decision<'s>>)> {
    if policies.is_empty() {
        return below;
    }
    let mut modes = Vec::new();
    for policy in policies {
        match policy.mode {
            Some(mode) => add(&mut modes, mode, Some(decision(policy, policy.span, false))),
            None => below
                .iter()
                .for_each(|(mode, by)| add(&mut modes, *mode, *by)),
        }
    }
    modes
}

/// Of many policies that say one thing the first is told.
fn add<'s>(modes: &mut Vec<(Mode, Option<Decision<'s>>)>, mode: Mode, by: Option<Decision<'s>>) {
    let mut known = modes.iter();
    if !known.any(|(other, reason)| *other == mode && reason.is_none() == by.is_none()) {
        modes.push((mode, by));
    }
}

/// In ambient a policy that leaves the workload's mode to a strict parent is only converted
/// when one of its ports is PERMISSIVE. One with DISABLE alone changes nothing.
fn is_ignored_in_ambient(policy: &PeerAuthentication<'_>, parent: Mode, mode: Mode) -> bool {
    let has_permissive = || {
        policy
            .ports
            .iter()
            .any(|p| p.mode == Some(Mode::Permissive))
    };
    policy.mode.is_none() && parent == Mode::Strict && mode == Mode::Disable && !has_permissive()
}

fn decision<'s>(policy: &PeerAuthentication<'s>, span: Span, is_port: bool) -> Decision<'s> {
    Decision {
        object: policy.object,
        span,
        level: policy.level,
        is_port,
    }
}

fn read<'s>(object: &'s Object, root: &str) -> Option<PeerAuthentication<'s>> {
    let body = object.body()?;
    let selector = body.at(&["spec", "selector"]).and_then(LabelSelector::read);
    let selector = selector.unwrap_or_default();
    let is_root = object.namespace() == root;
    let level = match (selector.requirements.is_empty(), is_root) {
        (true, true) => Level::Mesh,
        (true, false) => Level::Namespace,
        (false, false) => Level::Workload,
        (false, true) => Level::Nobody,
    };
    let mode = body.at(&["spec", "mtls", "mode"]);
    let created = body
        .at(&["metadata", "creationTimestamp"])
        .and_then(Node::as_str);
    let ports = body.at(&["spec", "portLevelMtls"]).and_then(Node::as_map);
    let ports = ports.into_iter().flatten().filter_map(|entry| {
        let mode = entry.value.get("mode");
        Some(PortMode {
            port: entry.key.parse().ok()?,
            mode: Mode::read(mode),
            span: mode.map_or(entry.key_span, |node| node.span),
        })
    });
    Some(PeerAuthentication {
        object,
        level,
        // A port's mode needs a selector; without one the API server refuses it.
        ports: if level == Level::Workload {
            ports.collect()
        } else {
            Vec::new()
        },
        selector,
        mode: Mode::read(mode),
        span: mode.map_or(object.name_span, |node| node.span),
        created: created.unwrap_or_default().into(),
    })
}
