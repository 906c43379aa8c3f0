//! The network of a world that is another one's but for some policies.
//!
//! Policies are what changes alone and often. So long as the places stay what they are, a
//! policy that did not change decides what it decided, and so does a row that the same policies
//! make: both are shared with the network before. What is the same is asked of the objects
//! themselves: a snapshot shares those that do not change with the one that it was made from.

use crate::Config;
use crate::network::{Network, named_elsewhere, pod_ranges};
use crate::policy::{self, Drafts, Policies, Reading};
use crate::reach::{PodRanges, Regions};
use crate::selection::Selection;
use crate::world::{Endpoint, Namespace, World};
use std::collections::HashMap;
use std::sync::Arc;

impl<'w, 's> Network<'w, 's> {
    /// The network of a world, from that of the world before. It equals [`new`](Self::new),
    /// and takes less time where only policies differ.
    pub fn after(before: &Network<'_, '_>, world: &'w World<'s>, config: &Config) -> Self {
        let pods = PodRanges::new(pod_ranges(world, config));
        let is_same_but = pods == before.places.pods && is_same_but_policies(before.world, world);
        let policies = is_same_but.then(|| policies_after(before, world)).flatten();
        match policies {
            Some(policies) => {
                let places = Arc::clone(&before.places);
                Self::of(world, places, policies, Some(before))
            }
            None => Self::new(world, config),
        }
    }
}

/// The policies of a world, if they name the blocks of addresses that were named before.
fn policies_after<'s>(before: &Network<'_, '_>, world: &World<'s>) -> Option<Policies<'s>> {
    let readings = before.policies.readings.iter();
    let known: HashMap<*const _, &Reading<'_>> = readings
        .map(|reading| (std::ptr::from_ref(reading.object), reading))
        .collect();
    let objects = policy::objects(world);
    let unknown: Vec<_> = objects
        .iter()
        .copied()
        .filter(|object| !known.contains_key(&std::ptr::from_ref(*object)))
        .collect();
    let drafts = Drafts::read(world, &unknown);
    let made = drafts.compile(&Selection::new(world, &before.places));
    let mut fresh = made.readings.iter();
    let mut policies = Policies::default();
    for object in objects {
        match known.get(&std::ptr::from_ref(object)) {
            Some(reading) => policies.take(object, &before.policies, reading),
            None => policies.take(object, &made, fresh.next()?),
        }
    }
    let regions = Regions::new(policies.blocks().chain(named_elsewhere(world)));
    (regions == before.places.regions).then_some(policies)
}

/// Whether nothing but policies differs between two worlds, and no name of a namespace.
fn is_same_but_policies(before: &World<'_>, world: &World<'_>) -> bool {
    let same_endpoint = |(one, other): (&Endpoint<'_>, &Endpoint<'_>)| {
        std::ptr::eq(one.object, other.object)
            && std::ptr::eq(one.template, other.template)
            && one.namespace == other.namespace
            && one.workload.owner == other.workload.owner
    };
    let same_space = |(one, other): (&Namespace<'_>, &Namespace<'_>)| {
        one.name == other.name && one.labels == other.labels
    };
    before.endpoints.len() == world.endpoints.len()
        && before.namespaces.len() == world.namespaces.len()
        && before.endpoints.iter().zip(&world.endpoints).all(same_endpoint)
        && before.namespaces.iter().zip(&world.namespaces).all(same_space)
        && before.is_same_but(world, policy::is_policy)
        // To Cilium the blocks of NetworkPolicies mean something else.
        && policy::has_cilium(before) == policy::has_cilium(world)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may fail loudly
mod tests {
    use super::*;
    use crate::Config;
    use seawall_model::{SourceFile, SourceKind, SourceMap};
    use seawall_snapshot::{Builder, Change, Object, ScopeId, object};

    const PODS: &str = "
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: n, labels: {app: a}}, spec: {}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: n, labels: {app: b}}, spec: {}}
";

    fn read(text: &str) -> Vec<Object> {
        let map = SourceMap::new();
        let file = map.add_file(SourceFile {
            path: "x.yaml".into(),
            kind: SourceKind::File,
        });
        let documents = seawall_yaml::parse(text, file, &seawall_yaml::Limits::default()).documents;
        let nodes = documents
            .into_iter()
            .flat_map(|one| object::flatten(one.root));
        let mut gaps = Vec::new();
        let read = nodes.map(|node| object::read(&node, ScopeId::PLAIN, &map, &mut gaps));
        read.flatten().collect()
    }

    fn policy(of: &str, peer: &str) -> String {
        format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: {of}, \
             namespace: n}}, spec: {{podSelector: {{matchLabels: {{app: {of}}}}}, \
             ingress: [{{from: [{peer}]}}]}}}}"
        )
    }

    /// Whether the places, the row of pod `a` and that of pod `b` are shared after the policy
    /// of `b` came to name a peer.
    fn shared(peer: &str) -> [bool; 3] {
        let mut builder = Builder::new();
        let all = [
            PODS,
            &policy("a", "{podSelector: {}}"),
            &policy("b", "{podSelector: {}}"),
        ];
        for object in all.iter().flat_map(|text| read(text)) {
            builder.add(object);
        }
        let old = builder.build();
        let changes = read(&policy("b", peer)).into_iter();
        let changes = changes.map(|object| Change::Put(Box::new(object)));
        let new = old.clone().apply(changes.collect());
        let (world, next) = (World::new(&old), World::new(&new));
        let before = Network::new(&world, &Config::default());
        let after = Network::after(&before, &next, &Config::default());
        let row = |pod| {
            let rows = (
                before.ingress.row(pod).unwrap(),
                after.ingress.row(pod).unwrap(),
            );
            Arc::ptr_eq(rows.0, rows.1)
        };
        [Arc::ptr_eq(&before.places, &after.places), row(0), row(1)]
    }

    #[test]
    fn what_the_change_does_not_touch_is_shared() {
        assert_eq!(
            shared("{podSelector: {matchLabels: {app: a}}}"),
            [true, true, false]
        );
    }

    #[test]
    fn another_block_of_addresses_makes_other_places() {
        assert_eq!(
            shared("{ipBlock: {cidr: 20.0.0.0/8}}"),
            [false, false, false]
        );
    }
}
