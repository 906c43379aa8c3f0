//! The checks that level restricted adds: everybody must *put up* the walls.

use super::Found;
use super::baseline::{any_proc_mount, bad_seccomp_type};
use super::subject::{Subject, quoted};
use seawall_model::KubernetesVersion;
use seawall_model::pod_security::{
    RESTRICTED_CAPABILITY, RESTRICTED_VOLUMES, USER_NAMESPACES_SINCE, WINDOWS_SINCE,
};
use seawall_snapshot::PodTemplate;

/// Windows has none of the things that three of the checks are about.
fn is_spared_windows(pod: &PodTemplate, version: KubernetesVersion) -> bool {
    version >= WINDOWS_SINCE && pod.is_windows()
}

/// Root of a user namespace is nobody on the node.
fn is_spared_user_namespace(pod: &PodTemplate, version: KubernetesVersion) -> bool {
    version >= USER_NAMESPACES_SINCE && pod.has_user_namespace()
}

pub(super) fn privilege_escalation(
    pod: &PodTemplate,
    version: KubernetesVersion,
    found: &mut Found,
) {
    if is_spared_windows(pod, version) {
        return;
    }
    for subject in Subject::containers(pod) {
        let field = subject.context().allow_privilege_escalation.as_ref();
        if field.is_none_or(|field| field.value) {
            found.add(|| {
                let locus = subject.locus("allowPrivilegeEscalation", field.map(|f| f.span));
                let message =
                    format!("{subject} must set securityContext.allowPrivilegeEscalation=false");
                (locus, message)
            });
        }
    }
}

pub(super) fn capabilities(pod: &PodTemplate, version: KubernetesVersion, found: &mut Found) {
    if is_spared_windows(pod, version) {
        return;
    }
    for subject in Subject::containers(pod) {
        let context = subject.context();
        if !context
            .capabilities_drop
            .iter()
            .any(|capability| &*capability.value == "ALL")
        {
            found.add(|| {
                let span = context
                    .capabilities_drop
                    .first()
                    .map(|capability| capability.span);
                let message =
                    format!("{subject} must set securityContext.capabilities.drop=[\"ALL\"]");
                (subject.locus("capabilities/drop", span), message)
            });
        }
        let mut bad = context
            .capabilities_add
            .iter()
            .filter(|capability| &*capability.value != RESTRICTED_CAPABILITY)
            .peekable();
        if let Some(first) = bad.peek() {
            let span = first.span;
            found.add(|| {
                let names = quoted(bad.map(|capability| &*capability.value));
                let message = format!(
                    "{subject} must not include {names} in securityContext.capabilities.add"
                );
                (subject.locus("capabilities/add", Some(span)), message)
            });
        }
    }
}

/// Baseline of these versions is content with a user namespace; restricted is not.
pub(super) fn proc_mount(pod: &PodTemplate, _: KubernetesVersion, found: &mut Found) {
    any_proc_mount(pod, found);
}

pub(super) fn volumes(pod: &PodTemplate, _: KubernetesVersion, found: &mut Found) {
    for volume in &pod.volumes {
        let source = volume.source_name();
        if RESTRICTED_VOLUMES.contains(&source) {
            continue;
        }
        found.add(|| {
            let span = volume.source.as_ref().map(|source| source.span);
            let message = format!(
                "volume \"{}\" must not use restricted volume type \"{source}\"",
                volume.name
            );
            (pod.volume_locus(volume, source, span), message)
        });
    }
}

pub(super) fn run_as_non_root(pod: &PodTemplate, version: KubernetesVersion, found: &mut Found) {
    if is_spared_user_namespace(pod, version) {
        return;
    }
    let of_pod = pod.security_context.run_as_non_root.as_ref();
    for subject in Subject::all(pod) {
        match &subject.context().run_as_non_root {
            Some(field) if !field.value => found.add(|| {
                let message = format!("{subject} must not set securityContext.runAsNonRoot=false");
                (subject.locus("runAsNonRoot", Some(field.span)), message)
            }),
            // A container without a value of its own has the pod's; a wrong one of the pod is
            // told once, at the pod.
            None if of_pod.is_none() && matches!(subject, Subject::Container(..)) => {
                found.add(|| {
                    let message =
                        format!("pod or {subject} must set securityContext.runAsNonRoot=true");
                    (subject.locus("runAsNonRoot", None), message)
                });
            }
            _ => {}
        }
    }
}

pub(super) fn run_as_user(pod: &PodTemplate, version: KubernetesVersion, found: &mut Found) {
    if is_spared_user_namespace(pod, version) {
        return;
    }
    for subject in Subject::all(pod) {
        let field = subject.context().run_as_user.as_ref();
        if let Some(field) = field.filter(|field| field.value == 0) {
            found.add(|| {
                let message = format!("{subject} must not set securityContext.runAsUser=0");
                (subject.locus("runAsUser", Some(field.span)), message)
            });
        }
    }
}

pub(super) fn seccomp_profile(pod: &PodTemplate, version: KubernetesVersion, found: &mut Found) {
    if is_spared_windows(pod, version) {
        return;
    }
    let of_pod = pod.security_context.seccomp_type.as_ref();
    for subject in Subject::all(pod) {
        let is_bad = bad_seccomp_type(subject, found);
        let is_unset = !is_bad && subject.context().seccomp_type.is_none();
        if is_unset && of_pod.is_none() && matches!(subject, Subject::Container(..)) {
            found.add(|| {
                let message = format!(
                    "pod or {subject} must set securityContext.seccompProfile.type to \
                     \"RuntimeDefault\" or \"Localhost\""
                );
                (subject.locus("seccompProfile/type", None), message)
            });
        }
    }
}
