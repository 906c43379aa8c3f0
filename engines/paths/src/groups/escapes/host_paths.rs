//! J2. What a path of the node gives to whom it is mounted, as data.
//!
//! A mount counts for a path that it holds and, where a part is as good, for one that it is in.
//! Files stay what they are through a user namespace (volumes are mapped) and through a runtime
//! with its own kernel (they are passed in); sockets and the kernel's own files do not.

use super::containers::{Running, has_own_kernel};
use super::paths::{Mount, covers, is_within, read_only};
use super::{Rights, Row};
use crate::acts::Act;
use crate::graph::{Because, Ease, Needs};
use crate::machines::{CONTROL_PLANE, clouds, machines};
use crate::picture::{Picture, Workload};
use crate::spot::{
    BeyondId, IdentityId, NameId, NamespaceId, NodeId, PlaceId, Scope, Spot, WorkloadId,
};
use crate::techniques::Id;

/// What has to be possible with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// To read files of root.
    Read,
    /// To write files of root.
    Write,
    /// To write files of the kernel.
    WriteKernel,
    /// To connect to a socket; a mount that is read-only does not forbid that.
    Connect,
    /// To connect to a socket that asks who is there.
    ConnectAsRoot,
    /// To open a device, which only privileged containers may.
    Open,
}

/// What it gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Gain {
    /// Root on the node.
    Node,
    /// What its pods are given.
    Volumes,
    /// Code in its pods.
    Pods,
    /// The node's own identity.
    Identity,
    /// The cluster, where the node is of the control plane.
    Cluster,
    /// Credentials of registries.
    Registries,
    /// The node's account of the cloud.
    Cloud,
    /// Any file, for who may read logs of pods; or logs of nodes.
    PodLogs,
    NodeLogs,
}

struct Target {
    id: Id,
    paths: &'static [&'static str],
    needs: Use,
    gain: Gain,
    ease: Ease,
    /// Which mounts count.
    mounts: Mounts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mounts {
    /// Those that hold the path.
    Above,
    /// Those, and those of a part of it.
    Around,
    /// Only those of the path or a part of it: most nodes do not have it.
    Named,
    /// Those that hold the path and not the directory above it that has a rule of its own.
    Below(&'static str),
}

const fn target(
    id: Id,
    needs: Use,
    gain: Gain,
    ease: Ease,
    mounts: Mounts,
    paths: &'static [&'static str],
) -> Target {
    Target {
        id,
        paths,
        needs,
        gain,
        ease,
        mounts,
    }
}

use Ease::{Easy, Lucky, Skilled};
use Mounts::{Above, Around, Below, Named};

#[rustfmt::skip]
const TARGETS: &[Target] = &[
    target(Id::HP_ALL, Use::Write, Gain::Node, Easy, Above, &["/"]),
    target(Id::HP_ETC, Use::Write, Gain::Node, Easy, Around, &[
        "/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly",
        "/etc/cron.monthly", "/var/spool/cron",
    ]),
    target(Id::HP_ETC_SHADOW, Use::Write, Gain::Node, Easy, Around, &[
        "/etc/shadow", "/etc/passwd", "/etc/sudoers", "/etc/sudoers.d", "/etc/ld.so.preload",
        "/etc/profile.d", "/etc/systemd/system", "/lib/systemd", "/usr/lib/systemd", "/bin",
        "/sbin", "/lib64", "/usr/bin", "/usr/sbin", "/usr/lib64", "/usr/local/bin",
        "/usr/local/sbin", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
    ]),
    target(Id::HP_ROOT, Use::Write, Gain::Node, Skilled, Around, &["/root/.ssh"]),
    target(Id::HP_ROOT, Use::Write, Gain::Node, Lucky, Around, &["/home/*/.ssh"]),
    target(Id::HP_ROOT_KUBE, Use::Read, Gain::Cluster, Easy, Around, &[
        "/root/.kube", "/home/*/.kube", "/etc/kubernetes/admin.conf",
        "/etc/kubernetes/super-admin.conf", "/etc/kubernetes/controller-manager.conf",
        "/etc/kubernetes/scheduler.conf",
    ]),
    target(Id::HP_ETC_KUBERNETES, Use::Read, Gain::Cluster, Easy, Around, &[
        "/etc/kubernetes/pki",
    ]),
    target(Id::HP_ETC_KUBERNETES, Use::Write, Gain::Node, Easy, Around, &[
        "/etc/kubernetes/manifests",
    ]),
    target(Id::HP_VAR_LIB_KUBELET, Use::Read, Gain::Volumes, Easy, Above, &[
        "/var/lib/kubelet/pods",
    ]),
    target(Id::HP_VAR_LIB_KUBELET_PKI, Use::Read, Gain::Identity, Easy, Around, &[
        "/var/lib/kubelet/pki", "/var/lib/kubelet/kubeconfig", "/etc/kubernetes/kubelet.conf",
        "/etc/kubernetes/bootstrap-kubelet.conf",
    ]),
    target(Id::HP_VAR_LIB_KUBELET_PLUGINS, Use::Write, Gain::Node, Skilled, Above, &[
        "/var/lib/kubelet/plugins_registry", "/var/lib/kubelet/device-plugins",
    ]),
    target(Id::HP_VAR_LIB_KUBELET_PLUGINS, Use::Write, Gain::Node, Easy, Around, &[
        "/usr/libexec/kubernetes/kubelet-plugins",
    ]),
    target(Id::HP_VAR_LIB_KUBELET_CONFIG, Use::Read, Gain::Registries, Easy, Named, &[
        "/var/lib/kubelet/config.json", "/root/.docker",
        "/etc/kubernetes/image-credential-provider",
    ]),
    target(Id::HP_VAR_LIB_ETCD, Use::Read, Gain::Cluster, Easy, Around, &["/var/lib/etcd"]),
    target(Id::HP_VAR_RUN_DOCKER_SOCK, Use::Connect, Gain::Node, Easy, Below("/run"), &[
        "/run/docker.sock",
    ]),
    target(Id::HP_RUN_CONTAINERD_SOCK, Use::Connect, Gain::Node, Easy, Below("/run"), &[
        "/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock",
        "/run/crio/crio.sock", "/run/cri-dockerd.sock", "/run/dockershim.sock",
        "/run/podman/podman.sock", "/run/buildkit/buildkitd.sock",
    ]),
    target(Id::HP_RUN, Use::Connect, Gain::Node, Easy, Above, &["/run"]),
    target(Id::HP_RUN_DBUS, Use::ConnectAsRoot, Gain::Node, Skilled, Below("/run"), &[
        "/run/dbus/system_bus_socket", "/run/systemd/private",
    ]),
    target(Id::HP_PROC, Use::WriteKernel, Gain::Node, Skilled, Above, &[
        "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger",
    ]),
    target(Id::HP_SYS, Use::WriteKernel, Gain::Node, Lucky, Around, &[
        "/sys/kernel/uevent_helper", "/sys/kernel/debug", "/sys/kernel/tracing",
        "/sys/fs/cgroup", "/sys/fs/bpf",
    ]),
    target(Id::HP_DEV, Use::Open, Gain::Node, Easy, Above, &[
        "/dev/mem", "/dev/sd*", "/dev/vd*", "/dev/xvd*", "/dev/nvme*", "/dev/dm-*",
    ]),
    target(Id::HP_VAR_LOG, Use::Write, Gain::PodLogs, Skilled, Above, &[
        "/var/log/pods", "/var/log/containers",
    ]),
    target(Id::HP_VAR_LOG, Use::Write, Gain::NodeLogs, Skilled, Around, &["/var/log"]),
    target(Id::HP_OPT_CNI_BIN, Use::Write, Gain::Node, Easy, Around, &["/opt/cni/bin"]),
    target(Id::HP_OPT_CNI_BIN, Use::Write, Gain::Node, Skilled, Around, &["/etc/cni/net.d"]),
    target(Id::HP_LIB_MODULES, Use::Write, Gain::Node, Skilled, Around, &[
        "/lib/modules", "/usr/lib/modules", "/boot",
    ]),
    target(Id::HP_VAR_LIB_DOCKER, Use::Write, Gain::Pods, Skilled, Above, &[
        "/var/lib/docker", "/var/lib/containerd", "/var/lib/containers",
    ]),
    target(Id::HP_VAR_LIB_RANCHER, Use::Read, Gain::Cluster, Easy, Around, &[
        "/var/lib/rancher/k3s/server", "/var/lib/rancher/rke2/server",
        "/etc/rancher/k3s/k3s.yaml", "/etc/rancher/rke2/rke2.yaml",
    ]),
    target(Id::HP_VAR_LIB_RANCHER, Use::Read, Gain::Identity, Easy, Named, &[
        "/var/lib/rancher/k3s/agent", "/var/lib/rancher/rke2/agent",
    ]),
    target(Id::HP_VAR_LIB_CLOUD, Use::Read, Gain::Cloud, Skilled, Named, &[
        "/var/lib/cloud", "/etc/kubernetes/azure.json", "/etc/kubernetes/cloud-config",
    ]),
];

ascent::ascent! {
    /// What mounts of the node's paths lead to.
    struct HostPaths;
    relation on(WorkloadId, NodeId);
    relation lives_in(WorkloadId, NamespaceId);
    relation is_in(NamespaceId, Scope);
    relation may(Act, Scope, NameId);
    /// A mount opens something; whether it names it.
    relation opens(WorkloadId, Id, Gain, bool, Ease, PlaceId);
    relation identity(NodeId, IdentityId);
    relation beyond(Gain, BeyondId);
    /// How sure it is that some pods are on the control plane, for mounts that name its files
    /// and for others.
    relation on_control_plane(WorkloadId, bool, Ease);
    relation step(Id, Needs, Spot, Ease, Because);

    step(*id, Needs::one(Spot::Workload(*w)), spot, *ease, Because::Place(*place)) <--
        opens(w, id, gain, _, ease, place),
        on(w, node),
        if let Some(spot) = gain.on_node(*node);

    step(*id, Needs::one(Spot::Workload(*w)), Spot::Identity(*user), *ease, Because::Place(*place)) <--
        opens(w, id, gain, _, ease, place), if *gain == Gain::Identity,
        on(w, node),
        identity(node, user);

    step(*id, Needs::one(Spot::Workload(*w)), Spot::Admin(Scope::All), *ease.max(sure), Because::Place(*place)) <--
        opens(w, id, gain, named, ease, place), if *gain == Gain::Cluster,
        on_control_plane(w, named, sure);

    step(*id, Needs::one(Spot::Workload(*w)), Spot::Beyond(*what), *ease, Because::Place(*place)) <--
        opens(w, id, gain, _, ease, place),
        beyond(gain, what);

    // HP_VAR_LOG: the kubelet follows links when it reads logs; somebody has to ask for them.
    relation reads(Gain, Act);
    reads(Gain::PodLogs, Act::GetLogs);
    reads(Gain::PodLogs, Act::GetNodeProxy);
    reads(Gain::NodeLogs, Act::GetNodeLogs);
    reads(Gain::NodeLogs, Act::GetNodeProxy);
    step(*id, Needs::two(Spot::Workload(*w), Spot::May(*act, *scope, *any)), Spot::Files(*node), *ease, Because::Place(*place)) <--
        opens(w, id, gain, _, ease, place),
        reads(gain, act),
        may(act, scope, any), if *any == NameId::ANY,
        lives_in(w, space),
        is_in(space, scope),
        on(w, node);
}

impl Gain {
    fn on_node(self, node: NodeId) -> Option<Spot> {
        match self {
            Gain::Node => Some(Spot::Node(node)),
            Gain::Volumes => Some(Spot::Volumes(node)),
            Gain::Pods => Some(Spot::PodsOf(node)),
            _ => None,
        }
    }
}

/// The steps of this table.
pub(super) fn rows(
    picture: &mut Picture<'_>,
    rights: &Rights,
    all: &[Running<'_>],
    mounts: &[Mount],
) -> Vec<Row> {
    let mut rules = HostPaths {
        on: picture.on_nodes(),
        is_in: rights.is_in.clone(),
        may: rights.may.clone(),
        ..HostPaths::default()
    };
    for mount in mounts {
        if let Some(one) = all.get(mount.container.0 as usize) {
            opens(picture, one, mount, &mut rules);
        }
    }
    if rules.opens.is_empty() {
        return Vec::new();
    }
    let nodes: Vec<NodeId> = picture.nodes.iter().map(|(n, _)| NodeId(n)).collect();
    for node in nodes {
        rules.identity.push((node, picture.node_identity(node)));
    }
    beyond(picture, &mut rules);
    let workloads = picture.workload_ids();
    rules.lives_in = workloads.map(|(id, one)| (id, one.namespace)).collect();
    rules.on_control_plane = on_control_plane(picture);
    rules.run();
    rules.step
}

fn opens(picture: &mut Picture<'_>, one: &Running<'_>, mount: &Mount, rules: &mut HostPaths) {
    let is_all = mount.path == "/" && mount.is_writable;
    for target in TARGETS {
        // Who writes everything needs no other path.
        if is_all && target.id != Id::HP_ALL {
            break;
        }
        let Some(ease) = usable(one, mount, target) else {
            continue;
        };
        let Some(is_named) = found_in(mount, target) else {
            continue;
        };
        let needs_writing = matches!(target.needs, Use::Write | Use::WriteKernel);
        let known = picture.places.get(mount.place.index());
        let other = known.and_then(|place| read_only(one, place));
        let place = match other.filter(|_| needs_writing) {
            Some(place) => picture.place(place),
            None => mount.place,
        };
        let ease = ease.max(target.ease);
        rules
            .opens
            .push((one.workload, target.id, target.gain, is_named, ease, place));
    }
}

/// How sure it is that a container can use a mount for something.
fn usable(one: &Running<'_>, mount: &Mount, target: &Target) -> Option<Ease> {
    match target.needs {
        Use::Read => one.root(),
        Use::Write if mount.is_writable => one.root(),
        Use::WriteKernel if mount.is_writable && one.is_bare() => one.root(),
        Use::ConnectAsRoot if one.is_bare() => one.root(),
        // Others may be in the group of the socket.
        Use::Connect if !has_own_kernel(one.template) => Some(one.root().unwrap_or(Lucky)),
        Use::Open if one.is_privileged() && one.is_bare() => one.root(),
        _ => None,
    }
}

/// Whether a mount counts for a target; and whether it names it.
fn found_in(mount: &Mount, target: &Target) -> Option<bool> {
    let path = &*mount.path;
    // A certificate is no key.
    if path.rsplit_once('.').is_some_and(|(_, end)| end == "crt") {
        return None;
    }
    let above = target.paths.iter().any(|wanted| covers(path, wanted));
    let within = target.paths.iter().any(|wanted| is_within(path, wanted));
    let counts = match target.mounts {
        Above => above,
        Around => above || within,
        Named => within,
        Below(directory) => above && !covers(path, directory),
    };
    counts.then_some(within)
}

fn beyond(picture: &mut Picture<'_>, rules: &mut HostPaths) {
    let opens = |gain| rules.opens.iter().any(|(_, _, one, ..)| *one == gain);
    let (registries, cloud) = (opens(Gain::Registries), opens(Gain::Cloud));
    if registries {
        let name = "the registries that the nodes pull from".into();
        let number = BeyondId(picture.beyond.number(&name));
        rules.beyond.push((Gain::Registries, number));
    }
    if !cloud {
        return;
    }
    let known = clouds(picture);
    let names = known.keys().map(|cloud| cloud.account_of_nodes());
    let mut names: Vec<_> = names.collect();
    if names.is_empty() {
        names.push("the account of the cloud that the nodes have".into());
    }
    for name in names {
        let number = BeyondId(picture.beyond.number(&name));
        rules.beyond.push((Gain::Cloud, number));
    }
}

/// Which workloads have pods on the control plane, as far as anybody knows.
fn on_control_plane(picture: &mut Picture<'_>) -> Vec<(WorkloadId, bool, Ease)> {
    let seen = machines(picture);
    let controls: Vec<NodeId> = seen
        .iter()
        .filter(|machine| machine.control_plane().is_some())
        .map(|machine| machine.id)
        .collect();
    let mut all = Vec::new();
    for (id, workload) in picture.workload_ids() {
        if workload.nodes.iter().any(|node| controls.contains(node)) {
            all.extend([(id, true, Easy), (id, false, Easy)]);
            continue;
        }
        // All of its pods were seen elsewhere, or the control plane is not a part of the cluster.
        let is_elsewhere = !workload.nodes.is_empty() && !seen.is_empty();
        if is_elsewhere || controls.is_empty() && !seen.is_empty() {
            continue;
        }
        match drawn_to_control_plane(workload) {
            Some(ease) => all.extend([(id, true, ease), (id, false, ease)]),
            None => all.push((id, true, Lucky)),
        }
    }
    all
}

/// How sure it is that the scheduler brings pods of a workload to the control plane.
fn drawn_to_control_plane(workload: &Workload<'_>) -> Option<Ease> {
    let template = workload.template;
    let mut selected = template.node_selector.iter();
    if selected.any(|(key, _)| CONTROL_PLANE.contains(&&**key)) {
        return Some(Easy);
    }
    let tolerates = template.tolerations.iter().any(|toleration| {
        let key = toleration.key.as_deref();
        key.is_none_or(|key| CONTROL_PLANE.contains(&key))
    });
    tolerates.then_some(if workload.is_everywhere { Easy } else { Lucky })
}
