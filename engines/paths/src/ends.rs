//! Where attackers begin, and what they want.

use crate::graph::Graph;
use crate::picture::Picture;
use crate::spot::{BeyondId, IdentityId, NodeId, Scope, SecretId, Spot};
use crate::techniques::Id;
use seawall_model::Str;
use seawall_model::access::Identity;
use std::collections::BTreeMap;

/// Where attackers begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Anybody on the internet.
    Internet,
    /// Anybody who reaches the API server, without a login.
    Anonymous,
    /// Anybody with a login, whatever it is for.
    Authenticated,
    /// A credential that lies where everybody reads it.
    Credential,
    /// A person or pipeline with rights in some namespaces.
    Developer,
    /// A pod whose application an attacker has taken.
    Pod,
}

impl Class {
    /// All of them, the widest first.
    pub const ALL: [Class; 6] = [
        Class::Internet,
        Class::Anonymous,
        Class::Authenticated,
        Class::Credential,
        Class::Developer,
        Class::Pod,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Class::Internet => "internet",
            Class::Anonymous => "anonymous",
            Class::Authenticated => "authenticated",
            Class::Credential => "credential",
            Class::Developer => "developer",
            Class::Pod => "pod",
        }
    }
}

impl Class {
    /// The technique that beginning there is, if it is one and no step says so.
    pub(crate) fn technique(self) -> Option<Id> {
        match self {
            Class::Pod => Some(Id::ENTRY_COMPROMISED_POD),
            Class::Credential => Some(Id::ENTRY_LEAKED_CRED),
            _ => None,
        }
    }
}

/// One place where attackers begin.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entry {
    /// Of which class.
    pub class: Class,
    /// Its name: `internet`, `Deployment shop/web`, `User alice`.
    pub name: Str,
}

/// What attackers want.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Goal {
    /// To administer the cluster.
    Cluster,
    /// A workload that somebody marked as most important: to talk to it, or to be in it.
    Jewel(Str),
    /// Root on a node.
    Node,
    /// Something beyond the cluster: an account of a cloud, another cluster.
    Beyond(Str),
    /// Secrets of a namespace.
    Secrets(Str),
}

impl Goal {
    /// How it is called.
    pub fn name(&self) -> String {
        match self {
            Goal::Cluster => "cluster-admin".to_owned(),
            Goal::Node => "a node".to_owned(),
            Goal::Jewel(name) | Goal::Beyond(name) => name.to_string(),
            Goal::Secrets(namespace) => format!("Secrets of {namespace}"),
        }
    }
}

/// The entries of a picture from which any step goes out, in order.
pub(crate) fn entries(picture: &Picture<'_>, graph: &Graph) -> Vec<(Entry, Spot)> {
    let mut entries = vec![(Class::Internet, "internet".to_owned(), Spot::Internet)];
    for (id, workload) in picture.workload_ids() {
        let name = workload.owner.to_string();
        entries.push((Class::Pod, name, Spot::Workload(id)));
    }
    for (number, identity) in picture.identities.iter() {
        if let Some(class) = class_of(identity) {
            let spot = Spot::Identity(IdentityId(number));
            entries.push((class, identity.to_string(), spot));
        }
    }
    for leak in &picture.leaks {
        let spot = Spot::Identity(leak.identity);
        entries.push((Class::Credential, leak.name.clone(), spot));
    }
    let mut entries: Vec<(Entry, Spot)> = entries
        .into_iter()
        .filter(|(_, _, spot)| graph.find(*spot).is_some())
        .map(|(class, name, spot)| {
            let name = name.into();
            (Entry { class, name }, spot)
        })
        .collect();
    entries.sort();
    entries.dedup();
    entries
}

/// The class of an identity that attackers begin as. Kubernetes' own users are none of theirs.
fn class_of(identity: &Identity) -> Option<Class> {
    match identity {
        Identity::User(name) if &**name == "system:anonymous" => Some(Class::Anonymous),
        Identity::Group(name) if &**name == "system:unauthenticated" => Some(Class::Anonymous),
        Identity::Group(name)
            if matches!(&**name, "system:authenticated" | "system:serviceaccounts") =>
        {
            Some(Class::Authenticated)
        }
        Identity::User(name) | Identity::Group(name) if !name.starts_with("system:") => {
            Some(Class::Developer)
        }
        _ => None,
    }
}

/// The goals of a picture, each with the spots that are as good, by number, in order.
pub(crate) fn goals(picture: &Picture<'_>, graph: &Graph) -> Vec<(Goal, Vec<u32>)> {
    let mut goals: BTreeMap<Goal, Vec<Spot>> = BTreeMap::new();
    goals.insert(Goal::Cluster, vec![Spot::Admin(Scope::All)]);
    let mut nodes = vec![Spot::Nodes];
    let all = picture.nodes.iter();
    nodes.extend(all.map(|(number, _)| Spot::Node(NodeId(number))));
    goals.insert(Goal::Node, nodes);
    for jewel in &picture.jewels {
        if let Some(workload) = picture.workloads.get(jewel.index()) {
            let spots = vec![Spot::Workload(*jewel), Spot::Door(*jewel)];
            goals.insert(Goal::Jewel(workload.owner.to_string().into()), spots);
        }
    }
    for (number, name) in picture.beyond.iter() {
        let spot = Spot::Beyond(BeyondId(number));
        goals.insert(Goal::Beyond(name.clone()), vec![spot]);
    }
    for (number, (namespace, _)) in picture.secrets.iter() {
        let name = picture.namespaces.get(namespace.0);
        let goal = Goal::Secrets(name.cloned().unwrap_or_default());
        let hub = Spot::Secrets(Scope::In(*namespace));
        let spots = goals.entry(goal).or_insert_with(|| vec![hub]);
        spots.push(Spot::Secret(SecretId(number)));
    }
    let numbers = |spots: Vec<Spot>| {
        let numbers = spots.into_iter().filter_map(|spot| graph.find(spot));
        numbers.collect()
    };
    let goals = goals.into_iter();
    goals.map(|(goal, spots)| (goal, numbers(spots))).collect()
}
