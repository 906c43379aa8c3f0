//! The lists of the Pod Security Standards, by policy version.
//!
//! The verdict is admission's; hardening rules read the same lists. Source:
//! kubernetes/pod-security-admission `policy/`, read at v1.37. Strings are compared exactly,
//! as upstream does.

use crate::KubernetesVersion;

/// Capabilities that baseline lets a container add.
pub const BASELINE_CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The one capability that restricted lets a container add.
pub const RESTRICTED_CAPABILITY: &str = "NET_BIND_SERVICE";

/// Volume sources that restricted allows.
pub const RESTRICTED_VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Sysctls that baseline allows, with the policy version that added each.
pub const SAFE_SYSCTLS: [(&str, u16); 14] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
    ("net.ipv4.tcp_slow_start_after_idle", 37),
    ("net.ipv4.tcp_notsent_lowat", 37),
];

/// SELinux types that baseline allows, with the policy version that added each.
pub const SELINUX_TYPES: [(&str, u16); 5] = [
    ("", 0),
    ("container_t", 0),
    ("container_init_t", 0),
    ("container_kvm_t", 0),
    ("container_engine_t", 31),
];

/// Whether baseline of this version allows a sysctl.
pub fn is_safe_sysctl(name: &str, version: KubernetesVersion) -> bool {
    SAFE_SYSCTLS
        .iter()
        .any(|(safe, since)| *safe == name && version.minor >= *since)
}

/// Whether baseline of this version allows a SELinux type.
pub fn is_allowed_selinux_type(name: &str, version: KubernetesVersion) -> bool {
    SELINUX_TYPES
        .iter()
        .any(|(allowed, since)| *allowed == name && version.minor >= *since)
}

/// From this policy version on, three restricted checks (privilege escalation, capabilities,
/// seccomp) skip Windows pods.
pub const WINDOWS_SINCE: KubernetesVersion = KubernetesVersion::new(25);

/// From this policy version on, user namespaces (`hostUsers: false`) relax procMount,
/// runAsNonRoot and runAsUser.
pub const USER_NAMESPACES_SINCE: KubernetesVersion = KubernetesVersion::new(35);

/// From this policy version on, `host` in probes and lifecycle hooks is refused.
pub const HOST_PROBES_SINCE: KubernetesVersion = KubernetesVersion::new(34);

/// Before this policy version seccomp is judged by annotations, from it on by fields, and
/// restricted demands a profile.
pub const SECCOMP_FIELDS_SINCE: KubernetesVersion = KubernetesVersion::new(19);

/// Whether baseline allows this `type` of a seccomp or AppArmor profile.
pub fn is_allowed_profile(name: &str) -> bool {
    matches!(name, "RuntimeDefault" | "Localhost")
}

/// Whether baseline allows this value of an AppArmor annotation.
pub fn is_allowed_apparmor_annotation(value: &str) -> bool {
    value.is_empty() || value == "runtime/default" || value.starts_with("localhost/")
}

/// Whether baseline before v1.19 allows this value of a seccomp annotation. Unlike AppArmor's,
/// an empty one is refused.
pub fn is_allowed_seccomp_annotation(value: &str) -> bool {
    matches!(value, "runtime/default" | "docker/default") || value.starts_with("localhost/")
}
