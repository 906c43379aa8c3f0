//! What a path of the node is worth to an attacker.
//!
//! A mount matches a target when it is the target or a directory above it. Some targets
//! need a writable mount, for others reading is enough; a socket is *used*, so a read-only
//! mount of it is as good as any.

use seawall_model::Severity;
use std::borrow::Cow;

/// What a mount of the node gives away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Worth {
    /// Whether it is a container runtime's socket.
    pub(super) socket: bool,
    /// What it gives, to complete "…, which gives".
    pub(super) gives: &'static str,
    /// How bad that is.
    pub(super) severity: Severity,
}

struct Target {
    paths: &'static [&'static str],
    gives: &'static str,
    /// Whether only a writable mount gives it.
    write: bool,
    /// Whether only nodes of the control plane have it.
    control_plane: bool,
    severity: Severity,
}

const RUNTIME_SOCKETS: &[&str] = &[
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/cri-dockerd.sock",
    "/run/dockershim.sock",
    "/run/podman/podman.sock",
    "/run/buildkit/buildkitd.sock",
];

/// Worst first, so that the first match is the answer.
const TARGETS: &[Target] = &[
    Target {
        paths: &["/var/lib/etcd"],
        gives: "every Secret of the cluster",
        write: false,
        control_plane: true,
        severity: Severity::Critical,
    },
    Target {
        paths: &[
            "/etc/kubernetes/pki",
            "/etc/kubernetes/admin.conf",
            "/etc/kubernetes/super-admin.conf",
            "/etc/kubernetes/controller-manager.conf",
            "/etc/kubernetes/scheduler.conf",
            "/root/.kube",
            "/etc/rancher/k3s/k3s.yaml",
            "/etc/rancher/rke2/rke2.yaml",
            "/var/lib/rancher/k3s/server",
            "/var/lib/rancher/rke2/server",
        ],
        gives: "keys and credentials of the cluster",
        write: false,
        control_plane: true,
        severity: Severity::Critical,
    },
    Target {
        paths: &["/etc/kubernetes/manifests"],
        gives: "static pods: any container on the node, past the API server",
        write: true,
        control_plane: false,
        severity: Severity::Critical,
    },
    Target {
        paths: &[
            "/etc/cron.d",
            "/etc/crontab",
            "/etc/cron.hourly",
            "/etc/cron.daily",
            "/var/spool/cron",
            "/etc/systemd/system",
            "/lib/systemd",
            "/usr/lib/systemd",
            "/etc/ld.so.preload",
            "/etc/profile.d",
            "/etc/passwd",
            "/etc/sudoers.d",
            "/bin",
            "/sbin",
            "/lib64",
            "/usr/bin",
            "/usr/sbin",
            "/usr/local/bin",
            "/usr/local/sbin",
        ],
        gives: "programs and start-up files that the node runs as root",
        write: true,
        control_plane: false,
        severity: Severity::Critical,
    },
    Target {
        paths: &["/var/lib/kubelet/pods"],
        gives: "tokens and Secrets of every pod on the node",
        write: false,
        control_plane: false,
        severity: Severity::High,
    },
    Target {
        paths: &[
            "/var/lib/kubelet/pki",
            "/var/lib/kubelet/kubeconfig",
            "/etc/kubernetes/kubelet.conf",
            "/etc/kubernetes/bootstrap-kubelet.conf",
        ],
        gives: "the node's own identity",
        write: false,
        control_plane: false,
        severity: Severity::High,
    },
    Target {
        paths: &["/var/lib/kubelet/config.json", "/root/.docker"],
        gives: "registry credentials",
        write: false,
        control_plane: false,
        severity: Severity::High,
    },
    Target {
        paths: &["/root/.ssh", "/home", "/etc/shadow", "/etc/ssl/private"],
        gives: "private keys and password hashes of the node's users",
        write: false,
        control_plane: false,
        severity: Severity::High,
    },
    Target {
        paths: &["/run/dbus/system_bus_socket", "/run/systemd/private"],
        gives: "systemd, which starts anything as root",
        write: false,
        control_plane: false,
        severity: Severity::High,
    },
    Target {
        paths: &[
            "/var/lib/docker",
            "/var/lib/containerd",
            "/var/lib/containers",
        ],
        gives: "the files of all containers on the node",
        write: false,
        control_plane: false,
        severity: Severity::High,
    },
    Target {
        paths: &[
            "/var/lib/cloud",
            "/etc/kubernetes/azure.json",
            "/etc/kubernetes/cloud-config",
        ],
        gives: "the node's cloud credentials",
        write: false,
        control_plane: false,
        severity: Severity::High,
    },
    Target {
        paths: &[
            "/var/lib/kubelet/plugins",
            "/var/lib/kubelet/plugins_registry",
            "/var/lib/kubelet/device-plugins",
            "/usr/libexec/kubernetes/kubelet-plugins",
        ],
        gives: "plug-ins that the kubelet trusts",
        write: true,
        control_plane: false,
        severity: Severity::High,
    },
    Target {
        paths: &["/opt/cni/bin", "/etc/cni/net.d"],
        gives: "network plug-ins that the node runs as root for every pod",
        write: true,
        control_plane: false,
        severity: Severity::High,
    },
    Target {
        paths: &["/lib/modules", "/usr/lib/modules", "/boot"],
        gives: "kernel modules and boot files",
        write: true,
        control_plane: false,
        severity: Severity::High,
    },
    Target {
        paths: &["/proc/sys/kernel", "/proc/sysrq-trigger"],
        gives: "kernel settings that run a program as root on the node",
        write: true,
        control_plane: false,
        severity: Severity::High,
    },
    Target {
        paths: &[
            "/sys/kernel/debug",
            "/sys/kernel/tracing",
            "/sys/kernel/uevent_helper",
            "/sys/fs/cgroup",
            "/sys/fs/bpf",
        ],
        gives: "kernel interfaces: cgroups, tracing, loaded BPF programs",
        write: true,
        control_plane: false,
        severity: Severity::High,
    },
    Target {
        paths: &["/dev/mem", "/dev/sda", "/dev/nvme0n1", "/dev/kmsg"],
        gives: "raw devices of the node",
        write: true,
        control_plane: false,
        severity: Severity::Medium,
    },
    Target {
        paths: &["/var/log/pods", "/var/log/containers"],
        gives: "a way to read any file of the node as a log, for whoever may read logs",
        write: true,
        control_plane: false,
        severity: Severity::Medium,
    },
];

/// Files that every program may read and that tell little.
const HARMLESS: &[&str] = &[
    "/etc/localtime",
    "/etc/timezone",
    "/usr/share/zoneinfo",
    "/etc/machine-id",
    "/var/lib/dbus/machine-id",
    "/etc/os-release",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/ssl/certs",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/lib/modules",
    "/usr/lib/modules",
    "/usr/src",
    "/boot",
];

/// The path as the node resolves it: no empty or dot parts, `/var/run` is `/run`.
pub(super) fn normal(path: &str) -> Cow<'_, str> {
    let odd = path.contains("//") || path.contains("/.") || path.ends_with('/');
    let mut path = Cow::Borrowed(path);
    if odd {
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        path = Cow::Owned(format!("/{}", parts.join("/")));
    }
    match path.strip_prefix("/var/run") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Cow::Owned(format!("/run{rest}")),
        _ => path,
    }
}

/// Whether a mount of `mount` contains `target`.
fn contains(mount: &str, target: &str) -> bool {
    mount == "/"
        || target
            .strip_prefix(mount)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a mount of this (normal) path contains a runtime's socket. The root is left to
/// [`worth`]: it gives more than that.
fn is_socket(path: &str) -> bool {
    let pipe = path.to_ascii_lowercase();
    path != "/" && RUNTIME_SOCKETS.iter().any(|socket| contains(path, socket))
        || pipe.ends_with("pipe\\docker_engine")
        || pipe.ends_with("pipe\\containerd-containerd")
}

/// What a mount gives away; `None` when the path is known for nothing. What only nodes of
/// the control plane have counts when it is mounted by name, or when the pod may run there.
pub(super) fn worth(path: &str, writable: bool, on_control_plane: bool) -> Option<Worth> {
    if is_socket(path) {
        return Some(Worth {
            socket: true,
            gives: "a way to start containers with any right",
            severity: Severity::Critical,
        });
    }
    if path == "/" {
        let (gives, severity) = if writable {
            (
                "every file of the node, to read and to change",
                Severity::Critical,
            )
        } else {
            (
                "every file of the node to read, tokens and keys among them",
                Severity::High,
            )
        };
        return Some(Worth {
            socket: false,
            gives,
            severity,
        });
    }
    TARGETS
        .iter()
        .filter(|target| writable || !target.write)
        .find(|target| {
            let anywhere = !target.control_plane || on_control_plane;
            target
                .paths
                .iter()
                .any(|t| *t == path || anywhere && contains(path, t))
        })
        .map(|target| Worth {
            socket: false,
            gives: target.gives,
            severity: target.severity,
        })
}

/// Whether reading the path tells nothing worth a finding above `info`.
pub(super) fn is_harmless(path: &str) -> bool {
    HARMLESS.iter().any(|known| contains(known, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_before_they_are_judged() {
        for (path, want) in [
            ("/var/run/docker.sock", "/run/docker.sock"),
            ("//var//run/", "/run"),
            ("/var/lib/../run/x", "/run/x"),
            ("/etc/./cron.d", "/etc/cron.d"),
            ("/", "/"),
            ("/var/runner", "/var/runner"),
        ] {
            assert_eq!(normal(path), want, "{path}");
        }
    }

    #[test]
    fn worth_depends_on_the_mount_and_what_lies_below_it() {
        let severity = |path, writable| worth(path, writable, false).map(|worth| worth.severity);
        for (path, writable, want) in [
            ("/", true, Some(Severity::Critical)),
            ("/", false, Some(Severity::High)),
            ("/etc", false, Some(Severity::High)),
            ("/etc", true, Some(Severity::Critical)),
            ("/etc/kubernetes/pki", false, Some(Severity::Critical)),
            ("/etc/cron.d", false, None),
            ("/etc/cron.d", true, Some(Severity::Critical)),
            ("/etc/ssl/certs", false, None),
            ("/var/log", true, Some(Severity::Medium)),
            ("/var/log", false, None),
            ("/run", false, Some(Severity::Critical)),
            ("/run/netns", true, None),
            ("/var/lib/kubelet", false, Some(Severity::High)),
            ("/data", true, None),
        ] {
            assert_eq!(severity(path, writable), want, "{path} writable={writable}");
        }
    }
}
