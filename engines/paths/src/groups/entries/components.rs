//! Components of the cluster that ask nobody who they are, by their configuration and flags as
//! far as the input has them.

use crate::Facts;
use crate::graph::Place;
use crate::machines::{kubelet_settings, machines};
use crate::picture::{Picture, Workload};
use crate::spot::{IdentityId, PlaceId, Scope, Spot, WorkloadId};
use crate::techniques::Id;
use core::net::{IpAddr, Ipv4Addr};
use seawall_model::access::Identity;
use seawall_model::{Data, Operation, Span, Str};
use seawall_snapshot::{Container, Field};
use seawall_yaml::Node as Tree;

/// The port where kubelets take requests, and that of etcd.
const KUBELET: u16 = 10250;
const ETCD: u16 = 2379;

/// Something of the cluster's own that answers everybody who gets there.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) technique: Id,
    /// What it takes to use it.
    pub(super) needs: Spot,
    pub(super) gives: Spot,
    pub(super) place: PlaceId,
}

/// Everything that is open.
pub(super) fn openings(picture: &mut Picture<'_>, facts: &Facts<'_>) -> Vec<Opening> {
    let mut all = kubelets(picture);
    all.extend(etcd(picture));
    all.extend(api_server(picture));
    let ports = all.iter().filter_map(|opening| match opening.needs {
        Spot::Inside(port) => Some(port),
        _ => None,
    });
    let mut ports: Vec<u16> = ports.collect();
    ports.sort_unstable();
    ports.dedup();
    for port in ports {
        insiders(picture, facts, port);
    }
    all
}

/// Addresses that nodes have where theirs are not known: one of each private range.
const SOMEWHERE: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 10)),
    IpAddr::V4(Ipv4Addr::new(172, 16, 0, 10)),
    IpAddr::V4(Ipv4Addr::new(192, 168, 0, 10)),
];

/// Notes whose pods get to a port of the nodes: pods do, unless a policy says otherwise.
fn insiders(picture: &mut Picture<'_>, facts: &Facts<'_>, port: u16) {
    let seen = machines(picture);
    let mut seen: Vec<_> = seen.iter().collect();
    // etcd is where the control plane is.
    seen.sort_by_key(|machine| (machine.control_plane().is_none(), machine.id));
    let address = seen.iter().find_map(|machine| machine.address());
    let workloads = picture.workload_ids();
    let addresses = address.map_or(SOMEWHERE.to_vec(), |address| vec![address]);
    let inside = workloads.filter(|(_, workload)| {
        let mut addresses = addresses.iter();
        addresses.any(|address| facts.network.gets_to(workload.owner, *address, port))
    });
    let inside: Vec<(WorkloadId, u16)> = inside.map(|(id, _)| (id, port)).collect();
    picture.inside.extend(inside);
}

/// ENTRY_KUBELET_ANON: a kubelet that takes requests without a login and allows all.
fn kubelets(picture: &mut Picture<'_>) -> Vec<Opening> {
    let modes = kubelet_settings(picture, &["authorization", "mode"]);
    let allowing: Vec<&Str> = modes
        .filter(|(_, mode)| mode.as_str() == Some("AlwaysAllow"))
        .map(|(object, _)| &object.reference.name)
        .collect();
    let anonymous = kubelet_settings(picture, &["authentication", "anonymous", "enabled"]);
    let open: Vec<Place> = anonymous
        .filter(|(object, on)| {
            on.as_bool() == Some(true) && allowing.contains(&&object.reference.name)
        })
        .map(|(object, on)| Place {
            note: "kubelets take requests of everybody and allow them".into(),
            object: object.reference.clone(),
            span: on.span,
            mend: Some((
                vec![
                    Operation::set("/authentication/anonymous/enabled", Data::Bool(false)),
                    Operation::set("/authorization/mode", Data::text("Webhook")),
                ],
                "check that those who ask kubelets have the right to",
            )),
        })
        .collect();
    open.into_iter()
        .map(|place| Opening {
            technique: Id::ENTRY_KUBELET_ANON,
            needs: Spot::Inside(KUBELET),
            gives: Spot::Pods(Scope::All),
            place: picture.place(place),
        })
        .collect()
}

/// ENTRY_ETCD_OPEN: the cluster's etcd, which takes requests without a certificate; on the
/// loopback address from pods in the network of the same node.
fn etcd(picture: &mut Picture<'_>) -> Vec<Opening> {
    let mut found: Vec<(Spot, Place)> = Vec::new();
    for (id, workload, container) in running(picture, "etcd") {
        let host_network = workload.template.host_network.as_ref();
        if !host_network.is_some_and(|field| field.value) {
            continue;
        }
        let Some((urls, span)) = flag(container, "listen-client-urls") else {
            continue;
        };
        let asks = flag(container, "trusted-ca-file").is_some()
            || flag(container, "client-cert-auth").is_some_and(|(value, _)| value != "false");
        let place = || Place {
            note: "etcd takes requests without a certificate".into(),
            object: workload.object.reference.clone(),
            span,
            mend: None,
        };
        for url in urls.split(',').map(str::trim) {
            let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
            if asks && scheme == "https" {
                continue;
            }
            if !is_loopback(rest) {
                found.push((Spot::Inside(ETCD), place()));
                continue;
            }
            let neighbours = picture.workload_ids().filter(|(other, neighbour)| {
                let field = neighbour.template.host_network.as_ref();
                let is_near = neighbour.nodes.iter().any(|at| workload.nodes.contains(at));
                *other != id && is_near && field.is_some_and(|field| field.value)
            });
            found.extend(neighbours.map(|(id, _)| (Spot::Workload(id), place())));
        }
    }
    found
        .into_iter()
        .map(|(needs, place)| Opening {
            technique: Id::ENTRY_ETCD_OPEN,
            needs,
            gives: Spot::Admin(Scope::All),
            place: picture.place(place),
        })
        .collect()
}

/// An API server that allows everything to whoever has a login. Without one nobody gets in: it
/// turns anonymous requests off by itself then.
fn api_server(picture: &mut Picture<'_>) -> Vec<Opening> {
    let allows = running(picture, "kube-apiserver").find_map(|(_, workload, container)| {
        let (modes, span) = flag(container, "authorization-mode")?;
        let mut modes = modes.split(',');
        modes.any(|mode| mode == "AlwaysAllow").then(|| Place {
            note: "the API server allows everything to everybody".into(),
            object: workload.object.reference.clone(),
            span,
            mend: None,
        })
    });
    let Some(place) = allows else {
        return Vec::new();
    };
    let everybody = Identity::Group("system:authenticated".into());
    let everybody = IdentityId(picture.identities.number(&everybody));
    picture.open_groups.push(everybody.0);
    vec![Opening {
        technique: Id::ENTRY_ANY_AUTHENTICATED,
        needs: Spot::Identity(everybody),
        gives: Spot::Admin(Scope::All),
        place: picture.place(place),
    }]
}

/// Whether requests without a login get nothing but a few harmless paths, as far as the API
/// server's flags and its configuration of authentication were seen.
pub(in crate::groups) fn refuses_anonymous(picture: &Picture<'_>) -> bool {
    let mut servers = running(picture, "kube-apiserver");
    let by_flag = servers.any(|(_, _, container)| {
        flag(container, "anonymous-auth").is_some_and(|(value, _)| value == "false")
    });
    let snapshot = picture.snapshot;
    let mut files = snapshot.of_kind("apiserver.config.k8s.io", "AuthenticationConfiguration");
    by_flag
        || files.any(|(_, object)| {
            let at = |key| object.body()?.at(&["anonymous", key]);
            let is_off = at("enabled").and_then(Tree::as_bool) == Some(false);
            let conditions = at("conditions").and_then(Tree::as_seq);
            is_off || conditions.is_some_and(|list| !list.is_empty())
        })
}

/// Containers of the control plane that run a program.
fn running<'p, 's>(
    picture: &'p Picture<'s>,
    program: &'p str,
) -> impl Iterator<Item = (WorkloadId, &'p Workload<'s>, &'s Container)> {
    let workloads = picture.workload_ids();
    let own = workloads.filter(|(_, workload)| workload.object.namespace() == "kube-system");
    own.flat_map(move |(id, workload)| {
        let containers = workload.template.containers.iter();
        let run = containers.filter(move |container| {
            let mut words = container.command.iter().chain(&container.args);
            let first = words.next().map(|word| word.value.rsplit('/').next());
            first.flatten() == Some(program)
        });
        run.map(move |container| (id, workload, container))
    })
}

/// The value of a flag, and where it stands; of one without a value `true`.
fn flag<'c>(container: &'c Container, name: &str) -> Option<(&'c str, Span)> {
    let words: Vec<&Field<Str>> = container.command.iter().chain(&container.args).collect();
    words.iter().enumerate().find_map(|(index, word)| {
        let text = word.value.trim_start_matches('-');
        if text.len() == word.value.len() {
            return None;
        }
        if let Some((own, value)) = text.split_once('=') {
            return (own == name).then_some((value, word.span));
        }
        let next = words.get(index + 1).map(|next| &*next.value);
        let value = next.filter(|next| !next.starts_with('-'));
        (text == name).then_some((value.unwrap_or("true"), word.span))
    })
}

fn is_loopback(address: &str) -> bool {
    ["127.", "localhost", "[::1]"]
        .iter()
        .any(|own| address.starts_with(own))
}
