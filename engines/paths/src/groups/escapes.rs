//! J. Out of a container onto its node.
//!
//! Facts are about single containers, because what one has does not help another; what an
//! attacker holds is code in a workload, any of its containers. Init containers that have ended
//! do not count. A privileged container has every capability and every device:
//! `CE_PRIV_MOUNT` says so once, and the rules about single capabilities leave it out.
//!
//! What holds a process back stands in the rules: a user namespace or a kernel of its own
//! ([`Escapes::bare`](Escapes)), not being root, `AppArmor`. The runtime's filter of system
//! calls lets each call pass that a granted capability is for, so it stands only where no
//! capability is needed. `SELinux` is not in the picture of a node and does not count.

mod containers;
mod host_paths;
mod paths;

use super::{Rights, Row};
use crate::graph::{Because, Ease, Needs};
use crate::machines::{KernelNeeds, RuntimeNeeds};
use crate::picture::Picture;
use crate::spot::{Effect, NodeId, PlaceId, Scope, Spot, WorkloadId};
use crate::techniques::Id;
use containers::{Capability, ContainerId};

ascent::ascent! {
    /// What lets a container's process out.
    struct Escapes;
    /// A workload, and a node that its pods are on.
    relation on(WorkloadId, NodeId);
    relation container(ContainerId, WorkloadId);
    /// It shares the kernel with the node, users and all.
    relation bare(ContainerId);
    /// How sure it is that its process is root or can be.
    relation root(ContainerId, Ease);
    relation privileged(ContainerId, PlaceId);
    /// A capability that somebody gave it.
    relation given(ContainerId, Capability, PlaceId);
    /// A capability that it has, given or by default.
    relation has(ContainerId, Capability);
    relation host_pid(WorkloadId, PlaceId);
    relation host_network(WorkloadId, PlaceId);
    relation host_ipc(WorkloadId, PlaceId);
    relation host_process(WorkloadId, PlaceId);
    relation unmasked(ContainerId, PlaceId);
    /// No `AppArmor` profile holds it; or one does where nodes have it.
    relation unconfined(ContainerId);
    relation confined(ContainerId);
    /// No filter of system calls holds it.
    relation unfiltered(ContainerId);
    /// How sure it is that a node has no `AppArmor`, and that it has old control groups.
    relation without_app_armor(NodeId, Ease);
    relation old_groups(NodeId, Ease);
    relation kernel_flaw(NodeId, KernelNeeds, PlaceId);
    relation release_agent_flaw(NodeId, PlaceId);
    relation runtime_flaw(NodeId, RuntimeNeeds, PlaceId);
    relation sub_path(ContainerId, PlaceId);
    relation git_repo(WorkloadId, PlaceId);
    relation git_flaw(NodeId, Ease);
    /// The memory of the node, as a device; a disk of it, and how sure that is.
    relation memory(ContainerId, PlaceId);
    relation disk(WorkloadId, Ease, PlaceId);
    relation step(Id, Needs, Spot, Ease, Because);

    /// No profile holds a container on a node, as far as that is known.
    relation lax(ContainerId, NodeId, Ease);
    lax(c, node, Ease::Easy) <-- unconfined(c), container(c, w), on(w, node);
    lax(c, node, ease) <-- confined(c), container(c, w), on(w, node), without_app_armor(node, ease);

    /// A container whose root is the node's, its workload, and how sure it is that it has it.
    relation strong(ContainerId, WorkloadId, Ease);
    strong(c, w, ease) <-- bare(c), root(c, ease), container(c, w);

    // CE_PRIV_MOUNT
    step(Id::CE_PRIV_MOUNT, Needs::one(Spot::Workload(*w)), Spot::Node(*node), *sure, Because::Place(*place)) <--
        privileged(c, place),
        strong(c, w, sure),
        on(w, node);

    // CE_PRIV_NSENTER
    step(Id::CE_PRIV_NSENTER, Needs::one(Spot::Workload(*w)), Spot::Node(*node), *sure, Because::Places(*place, *pid)) <--
        privileged(c, place),
        strong(c, w, sure),
        host_pid(w, pid),
        on(w, node);

    // CE_NSENTER_CAPS
    step(Id::CE_NSENTER_CAPS, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Skilled.max(*sure).max(*held), Because::Places(*pid, *admin)) <--
        given(c, Capability::SysAdmin, admin),
        given(c, Capability::SysPtrace, _),
        strong(c, w, sure),
        host_pid(w, pid),
        lax(c, node, held);

    // CE_SYS_PTRACE
    step(Id::CE_SYS_PTRACE, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Skilled.max(*sure).max(*held), Because::Places(*pid, *trace)) <--
        given(c, Capability::SysPtrace, trace),
        strong(c, w, sure),
        host_pid(w, pid),
        lax(c, node, held);

    // CE_PROC_ROOT: what processes of other pods have; with the right to trace, of the node.
    step(Id::CE_PROC_ROOT, Needs::one(Spot::Workload(*w)), Spot::Volumes(*node), Ease::Skilled.max(*sure), Because::Place(*pid)) <--
        strong(c, w, sure),
        host_pid(w, pid),
        on(w, node);
    step(Id::CE_PROC_ROOT, Needs::one(Spot::Workload(*w)), Spot::Files(*node), Ease::Skilled.max(*sure).max(*held), Because::Places(*pid, *trace)) <--
        given(c, Capability::SysPtrace, trace),
        strong(c, w, sure),
        host_pid(w, pid),
        lax(c, node, held);

    // CE_MODULE_LOAD
    step(Id::CE_MODULE_LOAD, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Skilled.max(*sure), Because::Place(*place)) <--
        given(c, Capability::SysModule, place),
        strong(c, w, sure),
        on(w, node);

    // CE_CGROUP_RELEASE: with the right to mount; or by a flaw of the kernel without it.
    step(Id::CE_CGROUP_RELEASE, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Skilled.max(*sure).max(*held).max(*old), Because::Place(*place)) <--
        given(c, Capability::SysAdmin, place),
        strong(c, w, sure),
        lax(c, node, held),
        old_groups(node, old);
    step(Id::CE_CGROUP_RELEASE, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Skilled.max(*sure).max(*held).max(*old), Because::Place(*place)) <--
        release_agent_flaw(node, place),
        old_groups(node, old),
        lax(c, node, held),
        unfiltered(c),
        strong(c, w, sure);

    // CE_SYS_ADMIN_MISC: half of what the kernel asks for is this one capability.
    step(Id::CE_SYS_ADMIN_MISC, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Lucky, Because::Place(*place)) <--
        given(c, Capability::SysAdmin, place),
        strong(c, w, _),
        lax(c, node, _);

    // CE_DAC_READ: any file by its number; root may write its own.
    step(Id::CE_DAC_READ, Needs::one(Spot::Workload(*w)), Spot::Files(*node), Ease::Skilled.max(*sure), Because::Place(*place)) <--
        given(c, Capability::DacReadSearch, place),
        strong(c, w, sure),
        on(w, node);
    step(Id::CE_DAC_READ, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Skilled.max(*sure), Because::Place(*place)) <--
        given(c, Capability::DacReadSearch, place),
        has(c, Capability::DacOverride),
        strong(c, w, sure),
        on(w, node);

    // CE_BPF
    step(Id::CE_BPF, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Skilled.max(*sure), Because::Places(*bpf, *perfmon)) <--
        given(c, Capability::Bpf, bpf),
        given(c, Capability::Perfmon, perfmon),
        strong(c, w, sure),
        on(w, node);
    step(Id::CE_BPF, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Skilled.max(*sure), Because::Place(*place)) <--
        given(c, Capability::SysAdmin, place),
        strong(c, w, sure),
        on(w, node);

    // CE_RAWIO: the kernel may be built to refuse it.
    step(Id::CE_RAWIO, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Lucky, Because::Places(*place, *device)) <--
        given(c, Capability::SysRawio, place),
        memory(c, device),
        strong(c, w, _),
        on(w, node);

    // CE_DEV_BLOCK: a volume that is a disk of the node, given as a device.
    step(Id::CE_DEV_BLOCK, Needs::one(Spot::Workload(*w)), Spot::Node(*node), *ease.max(sure), Because::Place(*place)) <--
        disk(w, ease, place),
        strong(_, w, sure),
        on(w, node);

    // CE_NET_ADMIN_HOST, CE_NET_RAW
    step(Id::CE_NET_ADMIN_HOST, Needs::one(Spot::Workload(*w)), Spot::Effect(Effect::Traffic, Scope::All), Ease::Skilled.max(*sure), Because::Places(*net, *place)) <--
        given(c, Capability::NetAdmin, place),
        strong(c, w, sure),
        host_network(w, net);
    step(Id::CE_NET_RAW, Needs::one(Spot::Workload(*w)), Spot::Effect(Effect::Traffic, Scope::All), Ease::Skilled.max(*sure), Because::Place(*net)) <--
        has(c, Capability::NetRaw),
        strong(c, w, sure),
        host_network(w, net);

    // CE_HOSTIPC
    step(Id::CE_HOSTIPC, Needs::one(Spot::Workload(*w)), Spot::Effect(Effect::Memory, Scope::All), Ease::Lucky, Because::Place(*place)) <--
        host_ipc(w, place),
        container(c, w),
        bare(c);

    // CE_HOSTPROCESS
    step(Id::CE_HOSTPROCESS, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Easy, Because::Place(*place)) <--
        host_process(w, place),
        on(w, node);

    // CE_PROCMOUNT
    step(Id::CE_PROCMOUNT, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Skilled.max(*sure), Because::Place(*place)) <--
        unmasked(c, place),
        strong(c, w, sure),
        on(w, node);

    // CE_UNCONFINED_KERNEL: distributions may have mended what the number does not show.
    step(Id::CE_UNCONFINED_KERNEL, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Lucky, Because::Place(*place)) <--
        kernel_flaw(node, needs, place), if *needs == KernelNeeds::Nothing,
        on(w, node),
        container(c, w),
        bare(c);
    step(Id::CE_UNCONFINED_KERNEL, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Lucky, Because::Place(*place)) <--
        kernel_flaw(node, needs, place), if *needs == KernelNeeds::Unfiltered,
        on(w, node),
        container(c, w),
        bare(c),
        unfiltered(c);

    // CE_RUNTIME_CVE
    step(Id::CE_RUNTIME_CVE, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Skilled.max(*sure), Because::Place(*place)) <--
        runtime_flaw(node, needs, place), if *needs == RuntimeNeeds::Root,
        on(w, node),
        strong(_, w, sure);
    step(Id::CE_RUNTIME_CVE, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Skilled.max(*sure), Because::Places(*place, *net)) <--
        runtime_flaw(node, needs, place), if *needs == RuntimeNeeds::RootInHostNetwork,
        on(w, node),
        strong(_, w, sure),
        host_network(w, net);
    step(Id::CE_RUNTIME_CVE, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Skilled.max(*sure), Because::Places(*place, *mount)) <--
        runtime_flaw(node, needs, place), if *needs == RuntimeNeeds::SubPath,
        on(w, node),
        strong(c, w, sure),
        sub_path(c, mount);

    // CE_GITREPO: whoever writes the repository; it takes that, too.
    step(Id::CE_GITREPO, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Lucky, Because::Place(*place)) <--
        git_repo(w, place),
        on(w, node),
        git_flaw(node, _);
}

/// The steps of this group.
pub(super) fn rows(picture: &mut Picture<'_>, rights: &Rights) -> Vec<Row> {
    let mut rules = Escapes {
        on: picture.on_nodes(),
        ..Escapes::default()
    };
    let all = containers::read(picture);
    containers::tell(picture, &all, &mut rules);
    containers::tell_of_nodes(picture, &mut rules);
    let mounts = paths::mounts(picture, &all);
    paths::tell_devices(&mounts, &mut rules);
    paths::tell_disks(picture, &mut rules);
    rules.run();
    let mut rows = rules.step;
    rows.extend(host_paths::rows(picture, rights, &all, &mounts));
    rows
}
