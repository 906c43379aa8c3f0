//! Ends of flows to workloads of the picture, and to what policies can name: pods by labels of
//! their own that stay, accounts where a mesh proves them, the internet.

use super::kind::Kind;
use super::lines::{End, Observed, Pod};
use super::members::{self, Mesh};
use super::tunnel;
use core::net::IpAddr;
use seawall_model::Str;
use seawall_network::istio::Istio;
use seawall_network::{Cidr, Endpoint, EndpointId, NOT_PUBLIC, Peer, World};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a policy names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Pods(Pods),
    Internet,
    /// Whoever proves to have a service account: namespace and name.
    Account(Str, Str),
    /// Whoever proves none.
    Nobody,
    /// Everybody.
    Anybody,
}

/// Pods of a namespace that have these labels; without any all of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pods {
    pub(super) namespace: Str,
    pub(super) labels: BTreeMap<Str, Str>,
    /// What to call them.
    pub(super) name: Str,
    /// The Service that these are behind, where its waypoint is meant and not the pods.
    pub(super) service: Option<Str>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Pods(pods) => write!(f, "{}/{}", pods.namespace, pods.name),
            Place::Internet => f.write_str("internet"),
            Place::Account(space, name) => write!(f, "account {space}/{name}"),
            Place::Nobody => f.write_str("whoever proves no identity"),
            Place::Anybody => f.write_str("everybody"),
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
            service: None,
        }
    }

    /// What answers DNS, as every distribution of Kubernetes labels it.
    pub(super) fn dns() -> Self {
        let label = (Str::from("k8s-app"), Str::from("kube-dns"));
        Self {
            namespace: "kube-system".into(),
            labels: BTreeMap::from([label]),
            name: "dns".into(),
            service: None,
        }
    }
}

/// The label of a pod that stands in for one that is not in the picture, so that rules for it can
/// be tried. It is in no count.
const STAND_IN: &str = "seawall-stands-in";

/// A pod that stands in for what answers DNS, or for a waypoint, which istiod makes.
pub(super) fn stand_in(namespace: &str, name: &str, (key, value): (&str, &str)) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: \"{name}\"\n  namespace: \"{namespace}\"\n  \
         labels: {{{key}: \"{value}\", {STAND_IN}: \"true\"}}\nspec:\n  containers: [{{name: c, \
         image: c}}]\n"
    )
}

/// A workload as policies see it.
#[derive(Debug)]
pub(super) struct Group<'s> {
    namespace: &'s str,
    name: &'s str,
    pub(super) endpoints: Vec<EndpointId>,
    /// Whether its pods are in their node's network, where no policy names them.
    is_host: bool,
    /// Whether it stands in for one that is not in the picture.
    is_stand_in: bool,
    /// Why no policy of this kind holds its pods.
    pub(super) outside: Option<&'static str>,
    /// Labels that all its pods have.
    labels: BTreeMap<Str, Str>,
}

/// Finds ends in a world.
#[derive(Debug)]
pub(super) struct Ends<'w, 's> {
    pub(super) kind: Kind,
    pub(super) world: &'w World<'s>,
    pub(super) mesh: Mesh<'s>,
    /// Whose traffic a mesh encrypts, where a kind would look into it.
    pub(super) encrypted: BTreeSet<EndpointId>,
    /// Istio where a kind holds what it tunnels.
    pub(super) ambient: Option<Istio<'s>>,
    /// Namespaces that are left open.
    left_open: BTreeSet<&'s str>,
    groups: Vec<Group<'s>>,
}

/// An end that was found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found<'e, 's> {
    Group(&'e Group<'s>),
    Account(&'e Str, &'e Str),
    Dns,
    Internet,
}

impl fmt::Display for Found<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Group(group) => write!(f, "{}/{}", group.namespace, group.name),
            Found::Account(space, name) => write!(f, "account {space}/{name}"),
            Found::Dns => f.write_str("kube-system/dns"),
            Found::Internet => f.write_str("internet"),
        }
    }
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
    PASSING.contains(&key)
        || key == STAND_IN
        || key.contains("istio.io/")
        || key.contains("linkerd.io/")
}

impl<'w, 's> Ends<'w, 's> {
    pub(super) fn new(world: &'w World<'s>, kind: Kind) -> Self {
        let mesh = Mesh::new(world, kind);
        let mut groups: Vec<Group<'s>> = Vec::new();
        let mut last = None;
        for (id, endpoint) in world.endpoint_ids() {
            let outside = mesh.outside(endpoint, id);
            // Endpoints are by workload.
            if last == Some(&endpoint.workload.owner)
                && let Some(group) = groups.last_mut()
            {
                group.endpoints.push(id);
                group.is_host |= endpoint.is_host_network();
                group.outside = group.outside.or(outside);
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
                is_stand_in: endpoint.label(STAND_IN).is_some(),
                outside,
                labels: labels(endpoint),
            });
        }
        let left_open = mesh.left_open(world);
        Self {
            kind,
            world,
            mesh,
            encrypted: members::encrypted(world, kind),
            ambient: tunnel::below(world, kind),
            left_open,
            groups,
        }
    }

    /// The namespaces that policies close, by name: those that workloads which they hold are in.
    pub(super) fn closed(&self) -> impl Iterator<Item = &'s str> + use<'s> {
        let held = self.groups().filter(|group| group.outside.is_none());
        let closed = held.filter(|group| !self.is_left_open(group.namespace));
        let mut names: Vec<&'s str> = closed.map(|group| group.namespace).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter()
    }

    /// Whether policies leave a namespace as it is.
    pub(super) fn is_left_open(&self, namespace: &str) -> bool {
        self.left_open.contains(namespace)
    }

    /// Those of the picture that are left open.
    pub(super) fn left_open(&self) -> Vec<String> {
        let here = |space: &&&str| {
            let mut groups = self.groups.iter();
            groups.any(|group| group.namespace == **space && group.outside.is_none())
        };
        let names = self.left_open.iter().filter(here);
        names.map(|space| (*space).to_owned()).collect()
    }

    /// Workloads that no policy holds, and why.
    pub(super) fn outside(&self) -> Vec<(String, &'static str)> {
        let known = self
            .groups()
            .filter(|group| !self.is_left_open(group.namespace));
        let out = known.filter_map(|group| {
            let name = format!("{}/{}", group.namespace, group.name);
            Some((name, group.outside?))
        });
        out.collect()
    }

    /// Workloads by a number that pairs are counted with.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Group<'s>> {
        self.groups.iter().filter(|group| !group.is_stand_in)
    }

    /// The workloads of a namespace that a policy can hold and name.
    pub(super) fn workloads_of(&self, namespace: &str) -> Vec<(Pods, &Group<'s>)> {
        let here = self.groups.iter();
        let here = here.filter(|group| group.namespace == namespace && group.outside.is_none());
        here.filter_map(|group| Some((self.pods(group).ok()?, group)))
            .collect()
    }

    /// Workloads that policies can hold, outside of namespaces that are left open.
    pub(super) fn held(&self) -> impl Iterator<Item = (String, Peer)> {
        let held = self
            .groups()
            .filter(|group| group.outside.is_none() && !self.is_left_open(group.namespace));
        held.flat_map(|group| {
            let name = format!("{}/{}", group.namespace, group.name);
            peers(group)
                .into_iter()
                .map(move |peer| (name.clone(), peer))
        })
    }

    /// Who a place is; nobody where the picture does not hold it.
    pub(super) fn peers(&self, place: &Place) -> Vec<Peer> {
        let all = self.world.endpoint_ids();
        let peers = |test: &dyn Fn(EndpointId, &Endpoint<'s>) -> bool| -> Vec<Peer> {
            let chosen = all.filter(|(id, endpoint)| test(*id, endpoint));
            chosen.map(|(id, _)| Peer::Endpoint(id)).collect()
        };
        match place {
            Place::Internet => vec![Peer::Internet],
            Place::Pods(pods) => peers(&|_, endpoint| self.is_in(endpoint, pods)),
            Place::Account(space, name) => peers(&|id, _| {
                let account = self.mesh.account(self.world, id);
                account.is_some_and(|(s, n)| s == &**space && n == &**name)
            }),
            // Whoever has an identity may have to leave it at home.
            Place::Nobody | Place::Anybody => {
                let mut all = peers(&|_, _| true);
                all.push(Peer::Internet);
                all
            }
        }
    }

    fn is_in(&self, endpoint: &Endpoint<'_>, pods: &Pods) -> bool {
        let space = self.world.namespace_at(endpoint.namespace);
        let mut wanted = pods.labels.iter();
        !endpoint.is_host_network()
            && space.is_some_and(|space| *space.name == *pods.namespace)
            && wanted.all(|(key, value)| endpoint.label(key) == Some(&**value))
    }

    /// The endpoints of pods by their labels.
    pub(super) fn endpoints(&self, pods: &Pods) -> impl Iterator<Item = &'w Endpoint<'s>> {
        let all = self.world.endpoints.iter();
        all.filter(move |endpoint| self.is_in(endpoint, pods))
    }

    /// Who an end is.
    pub(super) fn meant(&self, found: Found<'_, 's>) -> Vec<Peer> {
        match found {
            Found::Group(group) => peers(group),
            Found::Account(space, name) => self.peers(&Place::Account(space.clone(), name.clone())),
            Found::Dns => self.peers(&Place::Pods(Pods::dns())),
            Found::Internet => vec![Peer::Internet],
        }
    }

    /// What a policy calls an end by its labels; `Err` says why it cannot.
    pub(super) fn place(&self, found: Found<'_, 's>) -> Result<Place, String> {
        match found {
            Found::Group(group) => self.pods(group).map(Place::Pods),
            Found::Account(space, name) => Ok(Place::Account(space.clone(), name.clone())),
            Found::Dns => Ok(Place::Pods(Pods::dns())),
            Found::Internet => Ok(Place::Internet),
        }
    }

    /// Finds an end that is one in the picture; `Err` says why it is none.
    pub(super) fn find<'e>(
        &'e self,
        end: &'e End,
        seen: &'e Observed,
    ) -> Result<Found<'e, 's>, String> {
        match end {
            End::Internet => Ok(Found::Internet),
            End::Dns => Ok(Found::Dns),
            End::Node => Err("a node is no pod; a pod and its own node always talk".to_owned()),
            End::Address(address) => match seen.pod_at(*address) {
                Some(pod) => self.pod(pod),
                None if is_public(*address) => Ok(Found::Internet),
                None => Err(format!(
                    "{address} is no pod of the picture, and addresses inside move"
                )),
            },
            End::Workload(space, name) => {
                let named =
                    |group: &&Group<'_>| group.namespace == &**space && group.name == &**name;
                let found: Vec<&Group<'s>> = self.groups.iter().filter(named).collect();
                only(&found, &format!("{space}/{name}"))
            }
            End::Account(space, name) => self.account(space, name),
            End::Service(..) => Err("a Service sends nothing".to_owned()),
            End::Pod(pod) => self.pod(pod),
        }
    }

    /// Whoever has an account. Labels name it where it is one workload.
    fn account<'e>(&'e self, space: &'e Str, name: &'e Str) -> Result<Found<'e, 's>, String> {
        let has = |group: &&Group<'s>| {
            let mut endpoints = group.endpoints.iter();
            group.namespace == &**space
                && endpoints.any(|id| {
                    let endpoint = self.world.endpoint_at(*id);
                    endpoint.is_some_and(|e| e.template.service_account() == &**name)
                })
        };
        let found: Vec<&Group<'s>> = self.groups.iter().filter(has).collect();
        match found.as_slice() {
            [] => Err(format!(
                "no workload of the picture has the account {space}/{name}"
            )),
            [group] => Ok(Found::Group(group)),
            _ if self.kind.is_mesh() => Ok(Found::Account(space, name)),
            _ => Err(format!(
                "several workloads have the account {space}/{name}, and labels name one"
            )),
        }
    }

    /// The group of an endpoint.
    pub(super) fn group_of(&self, id: EndpointId) -> Option<&Group<'s>> {
        let mut groups = self.groups.iter();
        groups.find(|group| group.endpoints.contains(&id))
    }

    /// Waypoints of the picture whose pods are not in it; a name that is none of Kubernetes' is
    /// nobody's.
    pub(super) fn waypoints_of_no_pods(&self) -> Vec<(&'s str, &'s str)> {
        let is_name = |text: &str| {
            let mut chars = text.chars();
            chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'))
        };
        let all = self.ambient.iter().flat_map(|one| &one.ambient.waypoints);
        let names = all.map(|one| (one.object.namespace(), &*one.object.reference.name));
        let unknown = names.filter(|(space, name)| {
            let is_known = self.waypoint(&((*space).into(), (*name).into())).is_ok();
            !is_known && is_name(space) && is_name(name)
        });
        unknown.collect()
    }

    /// The pods of a waypoint.
    pub(super) fn waypoint(&self, (space, name): &(Str, Str)) -> Result<&Group<'s>, String> {
        let is_one = |id: &EndpointId| {
            let endpoint = self.world.endpoint_at(*id);
            endpoint.and_then(|endpoint| endpoint.label(tunnel::GATEWAY)) == Some(name)
        };
        let mut groups = self.groups.iter();
        let found =
            groups.find(|group| group.namespace == &**space && group.endpoints.iter().any(is_one));
        found.ok_or_else(|| format!("it goes through the waypoint {space}/{name}, of no pods"))
    }

    /// The workload of a pod: as the log names it, else by its name, else by its labels.
    fn pod<'e>(&'e self, pod: &Pod) -> Result<Found<'e, 's>, String> {
        let anywhere = pod.namespace.is_empty();
        let inside = |group: &&Group<'_>| anywhere || group.namespace == &*pod.namespace;
        let here: Vec<&'e Group<'s>> = self.groups.iter().filter(inside).collect();
        let name = if anywhere {
            pod.name.to_string()
        } else {
            format!("{}/{}", pod.namespace, pod.name)
        };
        let of = |test: &dyn Fn(&Group<'_>) -> bool| -> Vec<&'e Group<'s>> {
            here.iter().copied().filter(|group| test(group)).collect()
        };
        let named = of(&|group| pod.workload.as_deref() == Some(group.name));
        if !named.is_empty() {
            return only(&named, &name);
        }
        let by_name = of(&|group| is_pod_of(&pod.name, group.name));
        // Of `web` and `web-api`, the pod web-api-5d4c-abcde is one of the longer.
        let longest = by_name.iter().map(|group| group.name.len()).max();
        let by_name: Vec<_> = by_name
            .into_iter()
            .filter(|group| Some(group.name.len()) == longest)
            .collect();
        if !by_name.is_empty() {
            return only(&by_name, &name);
        }
        let is_dns = |(key, value): &(Str, Str)| {
            &*pod.namespace == "kube-system" && &**key == "k8s-app" && &**value == "kube-dns"
        };
        if pod.labels.iter().any(is_dns) {
            return Ok(Found::Dns);
        }
        let by_labels = of(&|group| {
            let mut wanted = group.labels.iter();
            !group.labels.is_empty()
                && wanted.all(|(key, value)| pod.labels.iter().any(|(k, v)| (k, v) == (key, value)))
        });
        only(&by_labels, &name)
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
            service: None,
        })
    }

    /// Whether pods of a workload have a label.
    fn may_have(&self, group: &Group<'_>, key: &str, value: &str) -> bool {
        let endpoints = group.endpoints.iter();
        let mut endpoints = endpoints.filter_map(|id| self.world.endpoint_at(*id));
        endpoints.any(|endpoint| endpoint.label(key) == Some(value))
    }
}

/// The one workload of a name.
fn only<'e, 's>(found: &[&'e Group<'s>], name: &str) -> Result<Found<'e, 's>, String> {
    match found {
        [] => Err(format!("no workload `{name}` is in the picture")),
        [group] => Ok(Found::Group(group)),
        _ => Err(format!("`{name}` is more than one workload")),
    }
}

fn peers(group: &Group<'_>) -> Vec<Peer> {
    let ids = group.endpoints.iter();
    ids.map(|id| Peer::Endpoint(*id)).collect()
}

fn labels(endpoint: &Endpoint<'_>) -> BTreeMap<Str, Str> {
    let all = endpoint.template.labels.iter();
    all.filter(|(key, _)| !is_passing(key)).cloned().collect()
}

pub(super) fn is_public(address: IpAddr) -> bool {
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
