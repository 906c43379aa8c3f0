//! Ends of flows to what policies can name: pods by labels of their own that stay, and the
//! internet.

use super::lines::{End, Pod};
use core::net::IpAddr;
use seawall_model::Str;
use seawall_network::{Cidr, Endpoint, EndpointId, NOT_PUBLIC, Peer, World};
use std::collections::BTreeMap;
use std::fmt;

/// What a policy names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Pods(Pods),
    Internet,
}

/// Pods of a namespace that have these labels; without any all of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pods {
    pub(super) namespace: Str,
    pub(super) labels: BTreeMap<Str, Str>,
    /// What to call them.
    pub(super) name: Str,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Pods(pods) => write!(f, "{}/{}", pods.namespace, pods.name),
            Place::Internet => f.write_str("internet"),
        }
    }
}

impl Pods {
    /// All pods of a namespace.
    pub(super) fn all(namespace: &str) -> Self {
        Self {
            namespace: namespace.into(),
            labels: BTreeMap::new(),
            name: "pods".into(),
        }
    }

    /// What answers DNS, as every distribution of Kubernetes labels it.
    pub(super) fn dns() -> Self {
        let label = (Str::from("k8s-app"), Str::from("kube-dns"));
        Self {
            namespace: "kube-system".into(),
            labels: BTreeMap::from([label]),
            name: "dns".into(),
        }
    }
}

/// A pod that stands in for what answers DNS where that is not in the picture, so that rules
/// for it can be tried. It is in no count.
pub(super) const STAND_IN: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: seawall-stands-in-for-dns
  namespace: kube-system
  labels: {k8s-app: kube-dns}
spec:
  containers: [{name: dns, image: dns}]
";

/// A workload as policies see it.
#[derive(Debug)]
pub(super) struct Group<'s> {
    namespace: &'s str,
    name: &'s str,
    pub(super) endpoints: Vec<EndpointId>,
    /// Whether its pods are in their node's network, where no policy holds them.
    pub(super) is_host: bool,
    /// Labels that all its pods have.
    labels: BTreeMap<Str, Str>,
}

/// Finds ends in a world.
#[derive(Debug)]
pub(super) struct Ends<'w, 's> {
    world: &'w World<'s>,
    groups: Vec<Group<'s>>,
}

/// Labels that say who a pod is, the most telling first.
const TELLING: [&str; 8] = [
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
    "app",
    "k8s-app",
    "name",
    "component",
    "role",
];

/// Labels that change with a revision, a release or a pod.
const PASSING: [&str; 16] = [
    "pod-template-hash",
    "pod-template-generation",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "batch.kubernetes.io/job-completion-index",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
    "version",
    "chart",
    "heritage",
];

/// Whether a label passes with a revision, a release or a pod, or is a mesh's.
pub(super) fn is_passing(key: &str) -> bool {
    PASSING.contains(&key) || key.contains("istio.io/") || key.contains("linkerd.io/")
}

impl<'w, 's> Ends<'w, 's> {
    pub(super) fn new(world: &'w World<'s>) -> Self {
        let mut groups: Vec<Group<'s>> = Vec::new();
        let mut last = None;
        for (id, endpoint) in world.endpoint_ids() {
            // Endpoints are by workload.
            if last == Some(&endpoint.workload.owner)
                && let Some(group) = groups.last_mut()
            {
                group.endpoints.push(id);
                group.is_host |= endpoint.is_host_network();
                let own = labels(endpoint);
                group
                    .labels
                    .retain(|key, value| own.get(key) == Some(value));
                continue;
            }
            last = Some(&endpoint.workload.owner);
            let space = world.namespace_at(endpoint.namespace);
            groups.push(Group {
                namespace: space.map_or("", |space| space.name),
                name: &endpoint.workload.owner.name,
                endpoints: vec![id],
                is_host: endpoint.is_host_network(),
                labels: labels(endpoint),
            });
        }
        Self { world, groups }
    }

    /// The namespaces that pods of a network of their own are in, by name.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &'s str> + use<'s> {
        let held = self.groups.iter().filter(|group| !group.is_host);
        let mut names: Vec<&'s str> = held.map(|group| group.namespace).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter()
    }

    /// Workloads by a number that pairs are counted with.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Group<'s>> {
        let real = |group: &&Group<'_>| group.name != "seawall-stands-in-for-dns";
        self.groups.iter().filter(real)
    }

    /// The workloads of a namespace that a policy can name.
    pub(super) fn workloads_of(&self, namespace: &str) -> Vec<Pods> {
        let here = self.groups.iter();
        let here = here.filter(|group| group.namespace == namespace);
        here.filter_map(|group| self.pods(group).ok()).collect()
    }

    /// Workloads that policies can hold, outside of namespaces that are left open.
    pub(super) fn held(&self) -> impl Iterator<Item = (String, Peer)> {
        let held = self
            .groups
            .iter()
            .filter(|group| !group.is_host && !super::LEFT_OPEN.contains(&group.namespace));
        held.flat_map(|group| {
            let name = format!("{}/{}", group.namespace, group.name);
            let peers = group.endpoints.iter().map(|id| Peer::Endpoint(*id));
            peers.map(move |peer| (name.clone(), peer))
        })
    }

    /// Who a place is; nobody where the picture does not hold it.
    pub(super) fn peers(&self, place: &Place) -> Vec<Peer> {
        let pods = match place {
            Place::Internet => return vec![Peer::Internet],
            Place::Pods(pods) => pods,
        };
        let all = self.world.endpoint_ids();
        all.filter(|(_, endpoint)| self.is_in(endpoint, pods))
            .map(|(id, _)| Peer::Endpoint(id))
            .collect()
    }

    fn is_in(&self, endpoint: &Endpoint<'_>, pods: &Pods) -> bool {
        let space = self.world.namespace_at(endpoint.namespace);
        let mut wanted = pods.labels.iter();
        !endpoint.is_host_network()
            && space.is_some_and(|space| *space.name == *pods.namespace)
            && wanted.all(|(key, value)| endpoint.label(key) == Some(&**value))
    }

    /// Whether a place is named after a peer; else it is that peer only by its labels.
    pub(super) fn is_called(&self, place: &Place, peer: Peer) -> bool {
        let (Place::Pods(pods), Peer::Endpoint(id)) = (place, peer) else {
            return true;
        };
        let endpoint = self.world.endpoint_at(id);
        *pods == Pods::dns() || endpoint.is_some_and(|e| e.workload.owner.name == pods.name)
    }

    /// What a policy can call an end; `Err` says why it cannot.
    pub(super) fn find(&self, end: &End) -> Result<Place, String> {
        match end {
            End::Internet => Ok(Place::Internet),
            End::Dns => Ok(Place::Pods(Pods::dns())),
            End::Node => Err("a node is no pod; a pod and its own node always talk".to_owned()),
            End::Address(address) if is_public(*address) => Ok(Place::Internet),
            End::Address(address) => Err(format!(
                "{address} is no pod of the picture, and addresses inside move"
            )),
            End::Workload(space, name) => {
                let named =
                    |group: &&Group<'_>| group.namespace == &**space && group.name == &**name;
                let found: Vec<&Group<'s>> = self.groups.iter().filter(named).collect();
                self.only(&found, &format!("{space}/{name}"))
            }
            End::Pod(pod) => self.pod(pod),
        }
    }

    fn only(&self, found: &[&Group<'s>], name: &str) -> Result<Place, String> {
        match found {
            [] => Err(format!("no workload `{name}` is in the picture")),
            [group] => self.pods(group).map(Place::Pods),
            _ => Err(format!("`{name}` is more than one workload")),
        }
    }

    /// The workload of a pod: as Hubble names it, else by its name, else by its labels.
    fn pod(&self, pod: &Pod) -> Result<Place, String> {
        let inside = |group: &&Group<'_>| group.namespace == &*pod.namespace;
        let here: Vec<&Group<'s>> = self.groups.iter().filter(inside).collect();
        let name = format!("{}/{}", pod.namespace, pod.name);
        let of = |test: &dyn Fn(&Group<'_>) -> bool| -> Vec<&Group<'s>> {
            here.iter().copied().filter(|group| test(group)).collect()
        };
        let named = of(&|group| pod.workload.as_deref() == Some(group.name));
        if !named.is_empty() {
            return self.only(&named, &name);
        }
        let by_name = of(&|group| is_pod_of(&pod.name, group.name));
        // Of `web` and `web-api`, the pod web-api-5d4c-abcde is one of the longer.
        let longest = by_name.iter().map(|group| group.name.len()).max();
        let by_name: Vec<_> = by_name
            .into_iter()
            .filter(|group| Some(group.name.len()) == longest)
            .collect();
        if !by_name.is_empty() {
            return self.only(&by_name, &name);
        }
        let is_dns = |(key, value): &(Str, Str)| {
            &*pod.namespace == "kube-system" && &**key == "k8s-app" && &**value == "kube-dns"
        };
        if pod.labels.iter().any(is_dns) {
            return Ok(Place::Pods(Pods::dns()));
        }
        let by_labels = of(&|group| {
            let mut wanted = group.labels.iter();
            !group.labels.is_empty()
                && wanted.all(|(key, value)| pod.labels.iter().any(|(k, v)| (k, v) == (key, value)))
        });
        self.only(&by_labels, &name)
    }

    /// The shortest list of labels that chooses a workload and, where that is possible, no
    /// other one of its namespace.
    fn pods(&self, group: &Group<'s>) -> Result<Pods, String> {
        let name = format!("{}/{}", group.namespace, group.name);
        if group.is_host {
            return Err(format!(
                "{name} is in its node's network, which no policy holds or names"
            ));
        }
        let mut candidates: Vec<(&Str, &Str)> = group.labels.iter().collect();
        let rank = |key: &str| TELLING.iter().position(|known| *known == key);
        candidates.sort_by_key(|(key, _)| (rank(key).unwrap_or(TELLING.len()), *key));
        let mut others: Vec<&Group<'s>> = self
            .groups
            .iter()
            .filter(|other| !std::ptr::eq(*other, group))
            .filter(|other| other.namespace == group.namespace && !other.is_host)
            .collect();
        let mut labels = BTreeMap::new();
        for (key, value) in candidates {
            let before = others.len();
            others.retain(|other| self.may_have(other, key, value));
            if others.len() < before || labels.is_empty() {
                labels.insert(key.clone(), value.clone());
            }
            if others.is_empty() {
                break;
            }
        }
        if labels.is_empty() {
            return Err(format!("{name} has no label of its own that stays"));
        }
        Ok(Pods {
            namespace: group.namespace.into(),
            labels,
            name: group.name.into(),
        })
    }

    /// Whether pods of a workload have a label.
    fn may_have(&self, group: &Group<'_>, key: &str, value: &str) -> bool {
        let endpoints = group.endpoints.iter();
        let mut endpoints = endpoints.filter_map(|id| self.world.endpoint_at(*id));
        endpoints.any(|endpoint| endpoint.label(key) == Some(value))
    }
}

fn labels(endpoint: &Endpoint<'_>) -> BTreeMap<Str, Str> {
    let all = endpoint.template.labels.iter();
    all.filter(|(key, _)| !is_passing(key)).cloned().collect()
}

fn is_public(address: IpAddr) -> bool {
    let Some(single) = Cidr::read_loosely(&address.to_string()) else {
        return false;
    };
    let mut closed = NOT_PUBLIC.into_iter().filter_map(Cidr::read);
    !closed.any(|range| range.holds(single))
}

/// Whether a pod's name is one that the controller of a workload gives: the workload's, and
/// up to three parts of letters and digits behind it.
fn is_pod_of(pod: &str, workload: &str) -> bool {
    let Some(rest) = pod.strip_prefix(workload) else {
        return false;
    };
    let Some(parts) = rest.strip_prefix('-') else {
        return rest.is_empty();
    };
    let mut parts = parts.split('-').peekable();
    let is_made = |part: &str| {
        let mut chars = part.chars();
        part.len() <= 10 && !part.is_empty() && chars.all(|c| c.is_ascii_alphanumeric())
    };
    // The generated parts of names have no vowels; numbers are of StatefulSets and CronJobs.
    let is_random = |part: &str| is_made(part) && !part.contains(['a', 'e', 'i', 'o', 'u']);
    parts.peek().is_some() && parts.by_ref().take(2).all(is_random) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_pods() {
        for (pod, workload) in [
            ("web", "web"),
            ("web-6d4cf56db6-x2zbc", "web"),
            ("web-api-6d4cf56db6-x2zbc", "web-api"),
            ("db-0", "db"),
            ("agent-x2zbc", "agent"),
            ("backup-28931245-x2zbc", "backup"),
        ] {
            assert!(is_pod_of(pod, workload), "{pod} {workload}");
        }
        for (pod, workload) in [
            ("web-api-6d4cf56db6-x2zbc", "web"),
            ("webserver-0", "web"),
            ("web-", "web"),
            ("web-admin", "web"),
            ("web-1-2-3-4", "web"),
        ] {
            assert!(!is_pod_of(pod, workload), "{pod} {workload}");
        }
    }

    #[test]
    fn the_internet_is_what_is_public() {
        for (text, public) in [
            ("203.0.113.7", true),
            ("2001:4860:4860::8888", true),
            ("10.1.2.3", false),
            ("169.254.169.254", false),
            ("fd00::1", false),
        ] {
            assert_eq!(is_public(text.parse().unwrap()), public, "{text}");
        }
    }
}
