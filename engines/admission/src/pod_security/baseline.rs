//! The checks of level baseline: nobody may *switch off* the container's walls.

use super::Found;
use super::subject::{Subject, annotation_locus, quoted};
use seawall_model::KubernetesVersion;
use seawall_model::pod_security::{
    BASELINE_CAPABILITIES, HOST_PROBES_SINCE, SECCOMP_FIELDS_SINCE, USER_NAMESPACES_SINCE,
    is_allowed_apparmor_annotation, is_allowed_profile, is_allowed_seccomp_annotation,
    is_allowed_selinux_type, is_safe_sysctl,
};
use seawall_snapshot::{ContainerKind, PodTemplate};

const APPARMOR_PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER_PREFIX: &str = "container.seccomp.security.alpha.kubernetes.io/";

/// Fields are judged under old policy versions, too, as upstream does.
pub(super) fn app_armor_profile(pod: &PodTemplate, _: KubernetesVersion, found: &mut Found) {
    for subject in Subject::all(pod) {
        let Some(profile) = &subject.context().app_armor_type else {
            continue;
        };
        if !is_allowed_profile(&profile.value) {
            found.add(|| {
                let locus = subject.locus("appArmorProfile/type", Some(profile.span));
                let value = &profile.value;
                (
                    locus,
                    format!("{subject} must not set AppArmor profile type to \"{value}\""),
                )
            });
        }
    }
    for (key, profile) in &pod.annotations {
        if key.starts_with(APPARMOR_PREFIX) && !is_allowed_apparmor_annotation(&profile.value) {
            found.add(|| {
                let locus = annotation_locus(pod, key, profile.span);
                (
                    locus,
                    format!("annotation {key} must not be \"{}\"", profile.value),
                )
            });
        }
    }
}

pub(super) fn capabilities(pod: &PodTemplate, _: KubernetesVersion, found: &mut Found) {
    for subject in Subject::containers(pod) {
        let mut bad = subject
            .context()
            .capabilities_add
            .iter()
            .filter(|capability| !BASELINE_CAPABILITIES.contains(&&*capability.value))
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

pub(super) fn host_namespaces(pod: &PodTemplate, _: KubernetesVersion, found: &mut Found) {
    let fields = [
        ("hostNetwork", &pod.host_network),
        ("hostPID", &pod.host_pid),
        ("hostIPC", &pod.host_ipc),
    ];
    for (name, field) in fields {
        if let Some(field) = field.as_ref().filter(|field| field.value) {
            found.add(|| {
                (
                    pod.locus(name, Some(field.span)),
                    format!("pod must not set {name}=true"),
                )
            });
        }
    }
}

pub(super) fn host_path_volumes(pod: &PodTemplate, _: KubernetesVersion, found: &mut Found) {
    for volume in pod
        .volumes
        .iter()
        .filter(|volume| volume.source_name() == "hostPath")
    {
        found.add(|| {
            let span = volume.source.as_ref().map(|source| source.span);
            let message = format!("volume \"{}\" must not be a hostPath", volume.name);
            (pod.volume_locus(volume, "hostPath", span), message)
        });
    }
}

/// With `hostNetwork` the API server itself makes every container port a host port.
pub(super) fn host_ports(pod: &PodTemplate, _: KubernetesVersion, found: &mut Found) {
    let host_network = pod.host_network.as_ref().is_some_and(|field| field.value);
    for container in &pod.containers {
        let defaulted = host_network && container.kind != ContainerKind::Ephemeral;
        for (index, port) in container.ports.iter().enumerate() {
            let set = port.host_port.as_ref().filter(|field| field.value != 0);
            let default = port
                .container_port
                .as_ref()
                .filter(|field| defaulted && field.value != 0);
            let Some(field) = set.or(default) else {
                continue;
            };
            found.add(|| {
                let pointer = format!("ports/{index}/hostPort");
                let mut locus = pod.container_locus(container, &pointer, Some(field.span));
                let rest = format!("ports[{}]/hostPort", field.value);
                locus.path = pod.container_locus(container, &rest, None).path;
                let why = if set.is_some() {
                    ""
                } else {
                    " (the default under hostNetwork)"
                };
                let message = format!(
                    "container \"{}\" must not use hostPort {}{why}",
                    container.name, field.value
                );
                (locus, message)
            });
        }
    }
}

pub(super) fn hook_hosts(pod: &PodTemplate, version: KubernetesVersion, found: &mut Found) {
    debug_assert!(version >= HOST_PROBES_SINCE, "the table of checks says so");
    for container in &pod.containers {
        for hook in &container.hooks {
            let Some((action, host)) = &hook.host else {
                continue;
            };
            if host.value.is_empty() {
                continue;
            }
            found.add(|| {
                let holder = match hook.name {
                    "postStart" | "preStop" => "lifecycle/",
                    _ => "",
                };
                let rest = format!("{holder}{}/{action}/host", hook.name);
                let message = format!(
                    "container \"{}\" must not set host \"{}\" in {}.{action}",
                    container.name, host.value, hook.name
                );
                (
                    pod.container_locus(container, &rest, Some(host.span)),
                    message,
                )
            });
        }
    }
}

pub(super) fn privileged(pod: &PodTemplate, _: KubernetesVersion, found: &mut Found) {
    for subject in Subject::containers(pod) {
        let field = subject
            .context()
            .privileged
            .as_ref()
            .filter(|field| field.value);
        if let Some(field) = field {
            found.add(|| {
                let message = format!("{subject} must not set securityContext.privileged=true");
                (subject.locus("privileged", Some(field.span)), message)
            });
        }
    }
}

pub(super) fn proc_mount(pod: &PodTemplate, version: KubernetesVersion, found: &mut Found) {
    if version >= USER_NAMESPACES_SINCE && pod.has_user_namespace() {
        return;
    }
    any_proc_mount(pod, found);
}

/// Refuses any `procMount` but the default, whatever the user namespace.
pub(super) fn any_proc_mount(pod: &PodTemplate, found: &mut Found) {
    for subject in Subject::containers(pod) {
        let field = subject.context().proc_mount.as_ref();
        if let Some(field) = field.filter(|field| &*field.value != "Default") {
            found.add(|| {
                let value = &field.value;
                let message =
                    format!("{subject} must not set securityContext.procMount to \"{value}\"");
                (subject.locus("procMount", Some(field.span)), message)
            });
        }
    }
}

pub(super) fn selinux_options(pod: &PodTemplate, version: KubernetesVersion, found: &mut Found) {
    for subject in Subject::all(pod) {
        let context = subject.context();
        let bad_type = context.selinux_type.as_ref();
        if let Some(field) = bad_type.filter(|f| !is_allowed_selinux_type(&f.value, version)) {
            found.add(|| {
                let value = &field.value;
                let message = format!(
                    "{subject} must not set securityContext.seLinuxOptions.type to \"{value}\""
                );
                (
                    subject.locus("seLinuxOptions/type", Some(field.span)),
                    message,
                )
            });
        }
        for (name, field) in [
            ("user", &context.selinux_user),
            ("role", &context.selinux_role),
        ] {
            if let Some(field) = field.as_ref().filter(|field| !field.value.is_empty()) {
                found.add(|| {
                    let message =
                        format!("{subject} must not set securityContext.seLinuxOptions.{name}");
                    (
                        subject.locus(&format!("seLinuxOptions/{name}"), Some(field.span)),
                        message,
                    )
                });
            }
        }
    }
}

/// Annotations under the policies before v1.19, fields from there on; never both.
pub(super) fn seccomp_profile(pod: &PodTemplate, version: KubernetesVersion, found: &mut Found) {
    if version >= SECCOMP_FIELDS_SINCE {
        for subject in Subject::all(pod) {
            bad_seccomp_type(subject, found);
        }
        return;
    }
    for (key, profile) in &pod.annotations {
        // Only annotations for containers that are there are looked at.
        let is_meant = match key.strip_prefix(SECCOMP_CONTAINER_PREFIX) {
            Some(name) => pod
                .containers
                .iter()
                .any(|container| &*container.name == name),
            None => &**key == SECCOMP_POD,
        };
        if is_meant && !is_allowed_seccomp_annotation(&profile.value) {
            found.add(|| {
                let locus = annotation_locus(pod, key, profile.span);
                (
                    locus,
                    format!("annotation {key} must not be \"{}\"", profile.value),
                )
            });
        }
    }
}

/// Refuses a profile that is set to something weak; whether it is.
pub(super) fn bad_seccomp_type(subject: Subject<'_>, found: &mut Found) -> bool {
    let field = subject.context().seccomp_type.as_ref();
    let Some(field) = field.filter(|field| !is_allowed_profile(&field.value)) else {
        return false;
    };
    found.add(|| {
        let value = &field.value;
        let message =
            format!("{subject} must not set securityContext.seccompProfile.type to \"{value}\"");
        (
            subject.locus("seccompProfile/type", Some(field.span)),
            message,
        )
    });
    true
}

pub(super) fn sysctls(pod: &PodTemplate, version: KubernetesVersion, found: &mut Found) {
    for (index, sysctl) in pod.security_context.sysctls.iter().enumerate() {
        if is_safe_sysctl(&sysctl.value, version) {
            continue;
        }
        found.add(|| {
            let rest = |item: &str| format!("securityContext/sysctls{item}");
            let mut locus = pod.locus(&rest(&format!("/{index}/name")), Some(sysctl.span));
            locus.path = pod.locus(&rest(&format!("[{}]", sysctl.value)), None).path;
            (
                locus,
                format!("pod must not set sysctl \"{}\"", sysctl.value),
            )
        });
    }
}

pub(super) fn windows_host_process(pod: &PodTemplate, _: KubernetesVersion, found: &mut Found) {
    for subject in Subject::all(pod) {
        let field = subject.context().windows_host_process.as_ref();
        if let Some(field) = field.filter(|field| field.value) {
            found.add(|| {
                let message = format!(
                    "{subject} must not set securityContext.windowsOptions.hostProcess=true"
                );
                (
                    subject.locus("windowsOptions/hostProcess", Some(field.span)),
                    message,
                )
            });
        }
    }
}
