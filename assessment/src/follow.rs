//! An answer that is kept current.
//!
//! A change of one pod cannot move what is said of another namespace, so a [`Follower`]
//! judges again only what the engines say a change can reach: usually one namespace, else
//! everything. What it has said then equals, at every moment, what [`assess`] would say of
//! the whole picture; a test over random changes holds that.

use crate::{Assessment, Config, assess};
use seawall_model::{Asset, Coverage, Finding, ResourceRef, SourceMap, Str};
use seawall_snapshot::reach::{self, Reach};
use seawall_snapshot::{Object, Snapshot};
use std::collections::BTreeSet;

/// What was judged again, and the findings of it.
#[derive(Debug)]
pub enum Judged {
    /// All there is.
    Everything(Box<Assessment>),
    /// These namespaces; whatever was found of them before is replaced.
    Namespaces(BTreeSet<Str>, Vec<Finding>),
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
        for object in changed {
            match reach::of(object) {
                Reach::Namespace(namespace) if is_local => namespaces.insert(namespace),
                _ => {
                    let sources = Coverage::default();
                    return Judged::Everything(self.judge_everything(snapshot, sources));
                }
            };
        }
        let needed = |object: &Object| {
            let namespace = object.reference.namespace.as_ref();
            reach::is_shared(object) || namespace.is_some_and(|name| namespaces.contains(name))
        };
        let part = snapshot.part(needed);
        let mut found = assess(&part, Coverage::default(), self.map, &self.config).findings;
        found.retain(|finding| {
            namespace_of(&finding.asset).is_some_and(|namespace| namespaces.contains(namespace))
        });
        Judged::Namespaces(namespaces, found)
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

/// The namespace whose findings those about an asset are.
pub fn namespace_of(asset: &Asset) -> Option<&Str> {
    let Asset::Resource(ResourceRef {
        group,
        kind,
        namespace,
        name,
    }) = asset
    else {
        return None;
    };
    let is_namespace = group.is_empty() && &**kind == "Namespace";
    namespace.as_ref().or(is_namespace.then_some(name))
}
