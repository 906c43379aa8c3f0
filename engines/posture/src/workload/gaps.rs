//! W10, W12, W13, W17, W26 and W27: hardening that is absent, told once per workload.

use super::{Subject, is_privileged, who};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::words::counted;
use seawall_model::{Proof, Severity, Span, pod_security};
use seawall_snapshot::Container;
use seawall_snapshot::pod::SecurityContext;

/// A setting whose absence is a gap.
struct Setting {
    id: Id,
    /// Path below the container.
    path: &'static str,
    /// What is said about containers: "… keep the default capabilities".
    says: (&'static str, &'static str),
    /// What it means that it is unset.
    unset: &'static str,
    /// The value that Kubernetes takes then.
    default: &'static str,
    fix: &'static str,
}

const DROP: Setting = Setting {
    id: Id::W10,
    path: "securityContext/capabilities/drop",
    says: (
        "keeps the default capabilities",
        "keep the default capabilities",
    ),
    unset: "what is not dropped stays: the runtime's default set",
    default: "capabilities.drop: []",
    fix: "Set securityContext.capabilities.drop to [ALL] on {}",
};
const ESCALATION: Setting = Setting {
    id: Id::W12,
    path: "securityContext/allowPrivilegeEscalation",
    says: (
        "may gain privileges through set-uid programs",
        "may gain privileges through set-uid programs",
    ),
    unset: "set-uid programs work unless the field is false",
    default: "allowPrivilegeEscalation: true",
    fix: "Set securityContext.allowPrivilegeEscalation to false on {}",
};
const NON_ROOT: Setting = Setting {
    id: Id::W13,
    path: "securityContext/runAsNonRoot",
    says: (
        "runs as root if the image says so",
        "run as root if their images say so",
    ),
    unset: "without runAsNonRoot and runAsUser the image chooses the user",
    default: "runAsNonRoot: false",
    fix: "Set runAsNonRoot: true in the pod's securityContext",
};
const SECCOMP: Setting = Setting {
    id: Id::W17,
    path: "securityContext/seccompProfile",
    says: ("has no seccomp profile", "have no seccomp profile"),
    unset: "no system call is filtered unless the kubelet has seccompDefault",
    default: "seccompProfile.type: Unconfined",
    fix: "Set seccompProfile.type to RuntimeDefault in the pod's securityContext",
};
const READ_ONLY: Setting = Setting {
    id: Id::W26,
    path: "securityContext/readOnlyRootFilesystem",
    says: (
        "has a writable root filesystem",
        "have a writable root filesystem",
    ),
    unset: "programs can write wherever their user may",
    default: "readOnlyRootFilesystem: false",
    fix: "Set securityContext.readOnlyRootFilesystem to true on {} and mount an emptyDir where \
          the program writes",
};

/// The containers with a gap.
#[derive(Default)]
struct Gap<'a> {
    containers: Vec<&'a Container>,
}

/// Whether a context drops every capability. The runtime ignores case.
pub(super) fn drops_all(context: &SecurityContext) -> bool {
    context
        .capabilities_drop
        .iter()
        .any(|field| field.value.eq_ignore_ascii_case("ALL"))
}

pub(super) fn check(s: &Subject<'_>, sink: &mut Sink) {
    let pod = &s.template.security_context;
    let windows = s.is_windows() && s.version() >= pod_security::WINDOWS_SINCE;
    let user_namespace =
        s.template.has_user_namespace() && s.version() >= pod_security::USER_NAMESPACES_SINCE;
    let mut gaps: [Gap<'_>; 5] = Default::default();
    let [drop, escalation, non_root, seccomp, read_only] = &mut gaps;
    // Containers that are no root, but by number only.
    let mut numbered = Gap::default();
    let mut applied = [0_u64; 5]; // by setting
    for c in s.written() {
        // Without an image it is a fragment that something else completes.
        if c.image.is_none() || is_privileged(c) {
            continue;
        }
        let own = &c.security_context;
        if !windows {
            applied[0] += 1;
            if !drops_all(own) {
                drop.containers.push(c);
            }
            applied[1] += 1;
            // The API takes no `false` next to SYS_ADMIN, which is W09's.
            let admin = own
                .capabilities_add
                .iter()
                .any(|f| matches!(&*f.value, "SYS_ADMIN" | "CAP_SYS_ADMIN" | "ALL"));
            if own.allow_privilege_escalation.is_none() && !admin {
                escalation.containers.push(c);
            }
            applied[3] += 1;
            if own.seccomp_type.is_none() && pod.seccomp_type.is_none() {
                seccomp.containers.push(c);
            }
            applied[4] += 1;
            if own
                .read_only_root_filesystem
                .as_ref()
                .is_none_or(|field| !field.value)
            {
                read_only.containers.push(c);
            }
        }
        if !user_namespace {
            let set = own
                .run_as_non_root
                .as_ref()
                .or(pod.run_as_non_root.as_ref());
            let user = own.run_as_user.as_ref().or(pod.run_as_user.as_ref());
            match user.map(|user| user.value) {
                _ if set.is_some() => {} // judged where it is set
                None => non_root.containers.push(c),
                Some(0) => {} // W14 says it
                Some(_) => numbered.containers.push(c),
            }
        }
    }
    let settings = [&DROP, &ESCALATION, &NON_ROOT, &SECCOMP, &READ_ONLY];
    for (setting, count) in settings.iter().zip(applied) {
        sink.assess(setting.id, count); // W13 is counted where what is set is judged
    }
    sink.assess(Id::W27, 1);
    let annotation = seccomp_annotation(s);
    if gaps.iter().all(|gap| !gap.containers.is_empty()) {
        bundle(s, &gaps, annotation, sink);
        return;
    }
    for (setting, gap) in settings.iter().zip(&gaps) {
        if let Some(first) = gap.containers.first() {
            let claim = if setting.id == Id::W17 {
                annotation.clone()
            } else {
                None
            };
            single(s, setting, gap, first, claim, sink);
        }
    }
    let [_, _, non_root, ..] = &gaps;
    if let Some(first) = numbered.containers.first()
        && non_root.containers.is_empty()
    {
        let locus = s.in_container(first, NON_ROOT.path, first.security_context.span);
        let message = format!(
            "{} not root by number only: runAsNonRoot is unset, so nothing stops a later change \
             to root",
            subject_of(&numbered, "is", "are")
        );
        let draft = Draft::new(
            Id::W13,
            workload_wide(locus, NON_ROOT.path),
            message,
            NON_ROOT.fix.to_owned(),
        );
        sink.add(s.asset, draft.severity(Severity::Info));
    }
}

/// A pod annotation that asks for a seccomp profile and is ignored.
fn seccomp_annotation(s: &Subject<'_>) -> Option<(String, Proof)> {
    const PREFIXES: [&str; 2] = [
        "seccomp.security.alpha.kubernetes.io/pod",
        "container.seccomp.security.alpha.kubernetes.io/",
    ];
    let (key, value) = s
        .template
        .annotations
        .iter()
        .find(|(key, _)| PREFIXES.iter().any(|prefix| key.starts_with(prefix)))?;
    (s.version().minor >= 27).then(|| {
        (
            format!("the annotation `{key}` has no effect since v1.27"),
            Proof::Source(value.span),
        )
    })
}

fn subject_of(gap: &Gap<'_>, one: &str, many: &str) -> String {
    if let [only] = gap.containers.as_slice() {
        return format!("{} {one}", who(only));
    }
    let names: Vec<&str> = gap.containers.iter().map(|c| &*c.name).collect();
    format!("{} {many}", counted("container", &names))
}

/// The identity of a gap does not depend on which container shows it first.
fn workload_wide(mut locus: seawall_model::Locus, path: &str) -> seawall_model::Locus {
    let head = locus.path.split_once("pod/").map_or("", |(head, _)| head);
    locus.path = format!("{head}pod/containers[*]/{path}");
    locus
}

/// The place of a gap: an explicit weak value, the security context it belongs into, or the
/// container's name.
fn place(setting: &Setting, c: &Container) -> Option<Span> {
    let context = &c.security_context;
    let own = match setting.id {
        Id::W26 => context
            .read_only_root_filesystem
            .as_ref()
            .map(|field| field.span),
        Id::W10 => context.capabilities_drop.first().map(|field| field.span),
        _ => None,
    };
    own.or(context.span)
}

fn single(
    s: &Subject<'_>,
    setting: &Setting,
    gap: &Gap<'_>,
    first: &Container,
    claim: Option<(String, Proof)>,
    sink: &mut Sink,
) {
    let locus = s.in_container(first, setting.path, place(setting, first));
    let message = subject_of(gap, setting.says.0, setting.says.1);
    let fix = setting
        .fix
        .replace("{}", subject_of(gap, "", "").trim_end());
    let mut draft = Draft::new(setting.id, workload_wide(locus, setting.path), message, fix)
        .evidence(setting.unset, Proof::ApiDefault(setting.default))
        .maybe(claim);
    if setting.id == Id::W10
        && gap
            .containers
            .iter()
            .all(|c| drops_raw(&c.security_context))
    {
        draft = draft.severity(Severity::Low);
    }
    sink.add(s.asset, draft);
}

fn drops_raw(context: &SecurityContext) -> bool {
    context
        .capabilities_drop
        .iter()
        .any(|field| field.value.eq_ignore_ascii_case("NET_RAW"))
}

fn bundle(s: &Subject<'_>, gaps: &[Gap<'_>; 5], claim: Option<(String, Proof)>, sink: &mut Sink) {
    let mut open: Vec<&Container> = Vec::new();
    for c in gaps.iter().flat_map(|gap| &gap.containers) {
        if !open.iter().any(|known| std::ptr::eq(*known, *c)) {
            open.push(c);
        }
    }
    let Some(first) = open.first().copied() else {
        return;
    };
    let everywhere = gaps.iter().all(|gap| gap.containers.len() == open.len());
    let all = Gap { containers: open };
    let (verbs, between) = if everywhere {
        (("has", "have"), "")
    } else {
        (("have", "have"), " in all of them") // one container alone misses all five
    };
    let message = format!(
        "{} none of the usual hardening{between}: other user than root, no privilege escalation, \
         no capabilities, seccomp, read-only root filesystem",
        subject_of(&all, verbs.0, verbs.1),
    );
    let fix = "Set runAsNonRoot: true and seccompProfile.type: RuntimeDefault on the pod, and \
               allowPrivilegeEscalation: false, readOnlyRootFilesystem: true and \
               capabilities.drop: [ALL] on each container"
        .to_owned();
    let locus = s.in_container(first, "securityContext", first.security_context.span);
    let mut draft = Draft::new(
        Id::W27,
        workload_wide(locus, "securityContext"),
        message,
        fix,
    );
    for setting in [&NON_ROOT, &ESCALATION, &DROP, &SECCOMP, &READ_ONLY] {
        draft = draft.evidence(setting.unset, Proof::ApiDefault(setting.default));
    }
    sink.add(s.asset, draft.maybe(claim));
}
