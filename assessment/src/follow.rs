//! An answer that is kept current.
//!
//! A change of one pod cannot move what is said of another namespace, so a [`Follower`]
//! judges again only what the engines say a change can reach: usually one namespace, else
//! everything. The network is one piece: who reaches whom depends on everybody, so it is
//! judged as a whole, and only when it sees a difference; so are rights. What was said then
//! equals, at every moment, what [`assess`] would say of the whole picture; a test over random
//! changes holds that.

use crate::run::{Engines, assess_by};
use crate::{Assessment, Config, assess, demands};
use seawall_model::{Asset, Coverage, Finding, ResourceRef, SourceMap, Str};
use seawall_snapshot::reach::{self, Reach};
use seawall_snapshot::{Object, Snapshot};
use std::collections::{BTreeSet, HashMap};

/// What was judged again, and the findings of it.
#[derive(Debug)]
pub enum Judged {
    /// All there is.
    Everything(Box<Assessment>),
    /// These parts; whatever was found of them before is replaced.
    Parts(BTreeSet<Part>, Vec<Finding>),
}

/// A part of the answer that is judged by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What is of no namespace.
    Cluster,
    /// What is in a namespace, and the Namespace itself.
    Namespace(Str),
    /// What the network's rules say, wherever.
    Network,
    /// What the rules about rights say, wherever.
    Access,
}

/// See the module.
#[derive(Debug)]
pub struct Follower<'a> {
    map: &'a SourceMap,
    config: Config,
    /// Whether policies are in force: they may look at any object.
    has_policies: bool,
}

impl<'a> Follower<'a> {
    /// Judges everything, and from then on what changes.
    pub fn start(
        snapshot: &Snapshot,
        sources: Coverage,
        map: &'a SourceMap,
        config: Config,
    ) -> (Self, Box<Assessment>) {
        let mut follower = Self {
            map,
            config,
            has_policies: false,
        };
        let assessment = follower.judge_everything(snapshot, sources);
        (follower, assessment)
    }

    /// Judges what has changed since the last time: each object as it was, if it was there,
    /// and as it is, if it still is.
    pub fn next<'o>(
        &mut self,
        snapshot: &Snapshot,
        changed: impl IntoIterator<Item = &'o Object>,
    ) -> Judged {
        // Pieces that are put together later may be meant for any namespace.
        let is_local = snapshot.is_complete() && !self.has_policies;
        let mut namespaces = BTreeSet::new();
        let mut network = NetworkChange::default();
        let mut is_about_rights = false;
        for object in changed {
            match reach::of(object) {
                Reach::Namespace(namespace) if is_local => namespaces.insert(namespace),
                _ => {
                    let sources = Coverage::default();
                    return Judged::Everything(self.judge_everything(snapshot, sources));
                }
            };
            network.take(object);
            is_about_rights |= seawall_access::looks_at(object);
        }
        let needed = |object: &Object| {
            let namespace = object.reference.namespace.as_ref();
            reach::is_shared(object) || namespace.is_some_and(|name| namespaces.contains(name))
        };
        let judge = |snapshot: &Snapshot, engines| {
            let sources = Coverage::default();
            assess_by(engines, snapshot, sources, self.map, &self.config).findings
        };
        let mut found = judge(&snapshot.part(needed), Engines::Local);
        let mut parts: BTreeSet<Part> = namespaces.into_iter().map(Part::Namespace).collect();
        found.retain(|finding| parts.contains(&part_of(finding)));
        if network.is_one() {
            found.extend(judge(snapshot, Engines::Network));
            parts.insert(Part::Network);
        }
        if is_about_rights {
            found.extend(judge(snapshot, Engines::Access));
            parts.insert(Part::Access);
        }
        Judged::Parts(parts, found)
    }

    fn judge_everything(&mut self, snapshot: &Snapshot, sources: Coverage) -> Box<Assessment> {
        let mut bindings = snapshot.of_kind(
            "admissionregistration.k8s.io",
            "ValidatingAdmissionPolicyBinding",
        );
        self.has_policies = self.config.policies.is_some() || bindings.next().is_some();
        Box::new(assess(snapshot, sources, self.map, &self.config))
    }
}

/// What changed, as the network sees it: each object as it was and as it is.
#[derive(Default)]
struct NetworkChange<'o> {
    before: HashMap<&'o ResourceRef, &'o Object>,
    is_different: bool,
}

impl<'o> NetworkChange<'o> {
    fn take(&mut self, object: &'o Object) {
        if !seawall_network::looks_at(object) {
            return;
        }
        match self.before.remove(&object.reference) {
            Some(before) => self.is_different |= !seawall_network::are_same(before, object),
            None => {
                self.before.insert(&object.reference, object);
            }
        }
    }

    /// Whether the network sees a difference: an object that came or went alone is one.
    fn is_one(&self) -> bool {
        self.is_different || !self.before.is_empty()
    }
}

/// The part of the answer that a finding is in.
pub fn part_of(finding: &Finding) -> Part {
    let network = seawall_network::rules();
    if finding.rule == demands::ID || network.iter().any(|rule| rule.id == finding.rule) {
        return Part::Network;
    }
    let access = seawall_access::rules();
    if access.iter().any(|rule| rule.id == finding.rule) {
        return Part::Access;
    }
    let Asset::Resource(ResourceRef {
        group,
        kind,
        namespace,
        name,
    }) = &finding.asset
    else {
        return Part::Cluster;
    };
    let is_namespace = group.is_empty() && &**kind == "Namespace";
    let namespace = namespace.as_ref().or(is_namespace.then_some(name));
    namespace.map_or(Part::Cluster, |namespace| {
        Part::Namespace(namespace.clone())
    })
}
