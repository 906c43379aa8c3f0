//! How much root on one node is worth: which nodes host a pod whose account leads on to the
//! administration of the cluster (`NODE_TRAMPOLINE`). One figure to drive down.

use crate::answers::Paths;
use crate::search::Search;
use crate::spot::{IdentityId, NodeId, Scope, Spot};
use std::collections::BTreeMap;

/// Nodes from which it is one token to the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trampolines {
    /// How many nodes host such an account.
    pub nodes: usize,
    /// How many were seen.
    pub of: usize,
    /// The workloads that bring such accounts to nodes, with their accounts; those that are on
    /// every node first.
    pub workloads: Vec<(String, String)>,
}

impl Paths<'_> {
    /// Which nodes host an account that leads to the administration of the cluster by its
    /// rights; another node on the way does not count.
    pub fn trampolines(&self) -> Trampolines {
        let mut search = Search::new(&self.graph);
        let over_nodes = (0u32..).zip(&self.graph.steps).filter(|(_, step)| {
            let is_node = |spot: &Spot| matches!(spot, Spot::Node(_) | Spot::Nodes);
            is_node(&step.gives) || step.needs.iter().any(|need| is_node(&need))
        });
        let over_nodes: Vec<u32> = over_nodes.map(|(step, _)| step).collect();
        search.leave_out(&over_nodes);
        let mut leads: BTreeMap<IdentityId, bool> = BTreeMap::new();
        let mut hosts: Vec<NodeId> = Vec::new();
        let mut workloads: Vec<(bool, String, String)> = Vec::new();
        for (_, workload) in self.picture.workload_ids() {
            let account = workload.account;
            let is_powerful = *leads.entry(account).or_insert_with(|| {
                search.run(&[Spot::Identity(account)]);
                search.cost(Spot::Admin(Scope::All)).is_some()
            });
            if !is_powerful {
                continue;
            }
            hosts.extend(&workload.nodes);
            let name = self.picture.identities.get(account.0);
            workloads.push((
                !workload.is_everywhere,
                workload.owner.to_string(),
                name.map_or_else(String::new, ToString::to_string),
            ));
        }
        hosts.sort_unstable();
        hosts.dedup();
        workloads.sort();
        Trampolines {
            nodes: hosts.len(),
            // The first stands for those that nobody saw.
            of: self.picture.nodes.len().saturating_sub(1),
            workloads: workloads.into_iter().map(|(_, w, a)| (w, a)).collect(),
        }
    }
}
