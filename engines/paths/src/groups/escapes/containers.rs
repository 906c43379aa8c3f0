//! What containers may do and what holds them back, a fact for each thing.

use super::Escapes;
use crate::graph::{Ease, Place};
use crate::machines::{
    GIT_REPO, KERNEL, Machine, RELEASE_AGENT, RUNTIME, Version, kubelet_settings, machines,
};
use crate::picture::{Picture, Workload};
use crate::spot::{NodeId, PlaceId, WorkloadId};
use seawall_model::{Operation, Span};
use seawall_snapshot::pod::SecurityContext;
use seawall_snapshot::{Container, Field, Object, PodTemplate};

/// A container, by its place in the list of those that run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ContainerId(pub(super) u32);

/// A container that runs, with all that it is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Running<'s> {
    pub(super) id: ContainerId,
    pub(super) workload: WorkloadId,
    pub(super) object: &'s Object,
    pub(super) template: &'s PodTemplate,
    pub(super) container: &'s Container,
}

/// A capability that leads out of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Capability {
    SysAdmin,
    SysPtrace,
    SysModule,
    SysRawio,
    DacReadSearch,
    DacOverride,
    Bpf,
    Perfmon,
    NetAdmin,
    NetRaw,
}

/// By name; and whether runtimes give it to every container.
const CAPABILITIES: [(&str, Capability, bool); 10] = [
    ("SYS_ADMIN", Capability::SysAdmin, false),
    ("SYS_PTRACE", Capability::SysPtrace, false),
    ("SYS_MODULE", Capability::SysModule, false),
    ("SYS_RAWIO", Capability::SysRawio, false),
    ("DAC_READ_SEARCH", Capability::DacReadSearch, false),
    ("DAC_OVERRIDE", Capability::DacOverride, true),
    ("BPF", Capability::Bpf, false),
    ("PERFMON", Capability::Perfmon, false),
    ("NET_ADMIN", Capability::NetAdmin, false),
    ("NET_RAW", Capability::NetRaw, true),
];

/// All containers that run.
pub(super) fn read<'s>(picture: &Picture<'s>) -> Vec<Running<'s>> {
    let each = picture.workload_ids().flat_map(|(workload, known)| {
        let running = known.running();
        running.map(move |(object, template, container)| (workload, object, template, container))
    });
    (0..)
        .map(ContainerId)
        .zip(each)
        .map(|(id, (workload, object, template, container))| Running {
            id,
            workload,
            object,
            template,
            container,
        })
        .collect()
}

impl Running<'_> {
    /// Whether it is privileged.
    pub(super) fn is_privileged(&self) -> bool {
        let field = self.container.security_context.privileged.as_ref();
        field.is_some_and(|field| field.value)
    }

    /// Whether it shares kernel and users with the node.
    pub(super) fn is_bare(&self) -> bool {
        !has_own_kernel(self.template) && !self.template.has_user_namespace()
    }

    /// How sure it is that its process is root, or can be.
    pub(super) fn root(&self) -> Option<Ease> {
        let own = &self.container.security_context;
        let pod = &self.template.security_context;
        let user = own.run_as_user.as_ref().or(pod.run_as_user.as_ref());
        let forbidden = own
            .run_as_non_root
            .as_ref()
            .or(pod.run_as_non_root.as_ref());
        let is_other = match user {
            Some(user) => user.value != 0,
            None => forbidden.is_some_and(|field| field.value),
        };
        if !is_other {
            // The image decides where nothing else does, and most are root's.
            return Some(Ease::Easy);
        }
        // A program of the image with the owner's rights may help, unless that is off.
        let escalates = own.allow_privilege_escalation.as_ref();
        let escalates = escalates.is_none_or(|field| field.value);
        escalates.then_some(Ease::Lucky)
    }

    /// A place in it.
    pub(super) fn place(&self, note: String, span: Span, mend: Mend) -> Place {
        Place {
            note: note.into(),
            object: self.object.reference.clone(),
            span,
            mend,
        }
    }

    /// The JSON pointer of something in it.
    pub(super) fn pointer(&self, rest: &str) -> String {
        let locus = self.template.container_locus(self.container, rest, None);
        locus.pointer
    }
}

type Mend = Option<(Vec<Operation>, &'static str)>;

fn remove(pointer: String, check: &'static str) -> (Vec<Operation>, &'static str) {
    (vec![Operation::remove(pointer)], check)
}

/// Whether a runtime brings a kernel of its own, or one between it and the node's.
pub(super) fn has_own_kernel(template: &PodTemplate) -> bool {
    const SANDBOXES: [&str; 4] = ["gvisor", "runsc", "kata", "firecracker"];
    let runtime = template.runtime_class_name.as_ref();
    runtime.is_some_and(|name| {
        let name = name.value.to_ascii_lowercase();
        SANDBOXES.iter().any(|known| name.contains(known))
    })
}

/// Tells the rules of all containers and their pods.
pub(super) fn tell(picture: &mut Picture<'_>, all: &[Running<'_>], rules: &mut Escapes) {
    let filters = kubelet_settings(picture, &["seccompDefault"]);
    let filters_all = filters
        .into_iter()
        .any(|(_, node)| node.as_bool() == Some(true));
    for one in all {
        windows(picture, one, rules);
        if one.template.is_windows() {
            continue;
        }
        rules.container.push((one.id, one.workload));
        if one.is_bare() {
            rules.bare.push((one.id,));
        }
        rules.root.extend(one.root().map(|ease| (one.id, ease)));
        if is_unconfined(one) {
            rules.unconfined.push((one.id,));
        } else {
            rules.confined.push((one.id,));
        }
        if is_unfiltered(one, filters_all) {
            rules.unfiltered.push((one.id,));
        }
        capabilities(picture, one, rules);
        settings(picture, one, rules);
    }
    let pods: Vec<(WorkloadId, Vec<(Shared, Place)>)> = picture
        .workload_ids()
        .filter(|(_, workload)| !workload.template.is_windows())
        .map(|(id, workload)| (id, pod(workload)))
        .collect();
    for (id, found) in pods {
        for (shared, place) in found {
            let place = picture.place(place);
            match shared {
                Shared::Processes => rules.host_pid.push((id, place)),
                Shared::Network => rules.host_network.push((id, place)),
                Shared::Memory => rules.host_ipc.push((id, place)),
                Shared::Repository => rules.git_repo.push((id, place)),
            }
        }
    }
}

/// What a pod has of its node, or brings to it.
enum Shared {
    Processes,
    Network,
    Memory,
    Repository,
}

fn pod(workload: &Workload<'_>) -> Vec<(Shared, Place)> {
    let template = workload.template;
    let mut found = Vec::new();
    let place = |note: &str, span, pointer: String, check| Place {
        note: note.into(),
        object: workload.object.reference.clone(),
        span,
        mend: Some(remove(pointer, check)),
    };
    let at = |field: &str| format!("{}/{field}", template.spec_pointer());
    let is_on = |field: &Option<Field<bool>>| {
        let field = field.as_ref().filter(|field| field.value);
        field.map(|field| field.span)
    };
    if let Some(span) = is_on(&template.host_pid) {
        let note = "the pod sees the node's processes";
        let check = "check whether the container looks at the node's processes";
        found.push((Shared::Processes, place(note, span, at("hostPID"), check)));
    }
    if let Some(span) = is_on(&template.host_network) {
        let note = "the pod is in the node's network";
        let check = "check which of the node's addresses the container uses";
        found.push((Shared::Network, place(note, span, at("hostNetwork"), check)));
    }
    if let Some(span) = is_on(&template.host_ipc) {
        let note = "the pod shares memory with the node's processes";
        let check = "check whether the container exchanges data this way";
        found.push((Shared::Memory, place(note, span, at("hostIPC"), check)));
    }
    for volume in &template.volumes {
        if volume.source_name() == "gitRepo" {
            let note = format!("volume {} is cloned by the kubelet", volume.name);
            let pointer = at(&format!("volumes/{}/gitRepo", volume.index));
            let check = "clone the repository in an init container";
            found.push((
                Shared::Repository,
                place(&note, volume.span, pointer, check),
            ));
        }
    }
    found
}

fn capabilities(picture: &mut Picture<'_>, one: &Running<'_>, rules: &mut Escapes) {
    if one.is_privileged() {
        return;
    }
    let context = &one.container.security_context;
    let named = |list: &[Field<seawall_model::Str>], wanted: &str| {
        let is_it = |field: &Field<seawall_model::Str>| {
            let name = field.value.to_ascii_uppercase();
            name.strip_prefix("CAP_").unwrap_or(&name) == wanted
        };
        list.iter().position(is_it)
    };
    let drops_all = named(&context.capabilities_drop, "ALL").is_some();
    for (name, capability, is_default) in CAPABILITIES {
        // A single one that is dropped is gone, whatever is added.
        if named(&context.capabilities_drop, name).is_some() {
            continue;
        }
        let added = named(&context.capabilities_add, name)
            .or_else(|| named(&context.capabilities_add, "ALL"));
        if added.is_some() || is_default && !drops_all {
            rules.has.push((one.id, capability));
        }
        let Some(index) = added else { continue };
        let field = context.capabilities_add.get(index);
        let span = field.map_or(one.container.span, |field| field.span);
        let pointer = one.pointer(&format!("securityContext/capabilities/add/{index}"));
        let note = format!("container {} has the capability {name}", one.container.name);
        let mend = remove(pointer, "check what the container needs the capability for");
        let place = picture.place(one.place(note, span, Some(mend)));
        rules.given.push((one.id, capability, place));
    }
}

fn settings(picture: &mut Picture<'_>, one: &Running<'_>, rules: &mut Escapes) {
    let name = &one.container.name;
    let context = &one.container.security_context;
    let privileged = context.privileged.as_ref().filter(|field| field.value);
    if let Some(field) = privileged {
        let note = format!("container {name} is privileged");
        let pointer = one.pointer("securityContext/privileged");
        let mend = remove(
            pointer,
            "check what the container does with the node's devices",
        );
        let place = picture.place(one.place(note, field.span, Some(mend)));
        rules.privileged.push((one.id, place));
    }
    let unmasked = context.proc_mount.as_ref();
    if let Some(field) = unmasked.filter(|field| &*field.value == "Unmasked") {
        let note = format!("container {name} sees the kernel's settings in /proc as they are");
        let pointer = one.pointer("securityContext/procMount");
        let mend = remove(pointer, "check whether it runs containers of its own");
        let place = picture.place(one.place(note, field.span, Some(mend)));
        rules.unmasked.push((one.id, place));
    }
    let parts = one.container.mounts.iter().enumerate();
    let mut parts = parts.filter(|(_, mount)| mount.sub_path.is_some() && !mount.read_only);
    if let Some((_, mount)) = parts.next() {
        let note = format!("container {name} mounts a part of volume {}", mount.name);
        let place = picture.place(one.place(note, mount.span, None));
        rules.sub_path.push((one.id, place));
    }
}

/// Windows has one way out, and it needs nothing else.
fn windows(picture: &mut Picture<'_>, one: &Running<'_>, rules: &mut Escapes) {
    let process = |context: &SecurityContext| {
        let field = context.windows_host_process.as_ref();
        field.map(|field| (field.value, field.span))
    };
    let own = process(&one.container.security_context);
    let spec = one.template.spec_pointer();
    let (span, pointer) = match (own, process(&one.template.security_context)) {
        (Some((true, span)), _) => {
            let rest = "securityContext/windowsOptions/hostProcess";
            (span, one.pointer(rest))
        }
        (None, Some((true, span))) => {
            let rest = "securityContext/windowsOptions/hostProcess";
            (span, format!("{spec}/{rest}"))
        }
        _ => return,
    };
    let note = format!("container {} is a process of the node", one.container.name);
    let mend = remove(pointer, "check what the container does with the node");
    let place = picture.place(one.place(note, span, Some(mend)));
    rules.host_process.push((one.workload, place));
}

/// Whether its `AppArmor` profile is off. Nothing set is the runtime's profile, on nodes that
/// have `AppArmor`.
fn is_unconfined(one: &Running<'_>) -> bool {
    let own = one.container.security_context.app_armor_type.as_ref();
    let pod = one.template.security_context.app_armor_type.as_ref();
    let key = format!(
        "container.apparmor.security.beta.kubernetes.io/{}",
        one.container.name
    );
    let mut annotations = one.template.annotations.iter();
    let annotation = annotations.find(|(name, _)| **name == *key);
    one.is_privileged()
        || match own.or(pod) {
            Some(field) => &*field.value == "Unconfined",
            None => annotation.is_some_and(|(_, field)| &*field.value == "unconfined"),
        }
}

/// Whether no filter of system calls holds it. Nothing set is none, unless kubelets say so.
fn is_unfiltered(one: &Running<'_>, filters_all: bool) -> bool {
    let own = one.container.security_context.seccomp_type.as_ref();
    let pod = one.template.security_context.seccomp_type.as_ref();
    one.is_privileged()
        || match own.or(pod) {
            Some(field) => &*field.value == "Unconfined",
            None => !filters_all,
        }
}

/// Tells the rules what is known of nodes, and what is not.
pub(super) fn tell_of_nodes(picture: &mut Picture<'_>, rules: &mut Escapes) {
    let seen = machines(picture);
    let keeps_old =
        kubelet_settings(picture, &["failCgroupV1"]).any(|(_, node)| node.as_bool() == Some(false));
    // From 1.35 on kubelets do not start on nodes with old control groups.
    let may_be_old = picture.version < 35 || keeps_old;
    let numbers: Vec<NodeId> = picture.nodes.iter().map(|(n, _)| NodeId(n)).collect();
    for node in numbers {
        let machine = seen.iter().find(|machine| machine.id == node);
        match machine.and_then(Machine::has_app_armor) {
            Some(true) => {}
            Some(false) => rules.without_app_armor.push((node, Ease::Easy)),
            None => rules.without_app_armor.push((node, Ease::Lucky)),
        }
        match machine.and_then(Machine::has_old_groups) {
            _ if !may_be_old => {}
            Some(true) => rules.old_groups.push((node, Ease::Easy)),
            Some(false) => {}
            None => rules.old_groups.push((node, Ease::Lucky)),
        }
        let kubelet = machine
            .and_then(|machine| machine.info("kubeletVersion"))
            .and_then(|(text, _)| Version::read(text));
        let has_flaw = match kubelet {
            Some(version) => GIT_REPO.is_in(version),
            // Of a version without its last number some are mended.
            None => picture.version <= 30,
        };
        if has_flaw {
            rules.git_flaw.push((node, Ease::Lucky));
        }
    }
    for machine in &seen {
        flaws(picture, machine, rules);
    }
}

fn flaws(picture: &mut Picture<'_>, machine: &Machine<'_>, rules: &mut Escapes) {
    let mut place = |what: &str, span| -> PlaceId {
        let reference = &machine.object.reference;
        picture.place(Place {
            note: format!("{reference} has {what}").into(),
            object: reference.clone(),
            span,
            mend: None,
        })
    };
    if let Some((version, text, span)) = machine.kernel() {
        for flaw in KERNEL.iter().filter(|flaw| flaw.is_in(version)) {
            let place = place(&format!("kernel {text}, with {}", flaw.name), span);
            rules.kernel_flaw.push((machine.id, flaw.needs, place));
        }
        if RELEASE_AGENT.is_in(version) {
            let place = place(&format!("kernel {text}, with {}", RELEASE_AGENT.name), span);
            rules.release_agent_flaw.push((machine.id, place));
        }
    }
    for (field, prefix, flaw) in RUNTIME {
        let Some((text, span)) = machine.info(field) else {
            continue;
        };
        let version = text.strip_prefix(prefix).and_then(Version::read);
        if version.is_some_and(|version| flaw.is_in(version)) {
            let place = place(&format!("{text}, with {}", flaw.name), span);
            rules.runtime_flaw.push((machine.id, flaw.needs, place));
        }
    }
}
