//! W05–W07, W22, W46: volumes that reach out of the pod.

use super::agent::excuse;
use super::{Subject, is_privileged, paths};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::words::{counted, list};
use seawall_model::{KubernetesVersion, Proof, Severity, Str, pod_security};
use seawall_snapshot::pod::{Volume, VolumeKind, VolumeMount};
use seawall_snapshot::{Container, Field};
use std::collections::HashMap;

const PER_POD: &[Id] = &[Id::W05, Id::W06, Id::W07, Id::W22, Id::W46];

pub(super) fn check(s: &Subject<'_>, sink: &mut Sink) {
    sink.assess_all(PER_POD);
    let mut mounts = mounts(s);
    for volume in &s.template.volumes {
        match (&volume.kind, &volume.source) {
            (VolumeKind::HostPath(path, _), _) => {
                // Of two volumes of one name, which the API server refuses, the first is mounted.
                let mounts = mounts.remove(&*volume.name).unwrap_or_default();
                host_path(s, volume, path, &mounts, sink);
            }
            (_, Some(source)) => by_type(s, volume, source, sink),
            _ => {}
        }
    }
}

type Mounts<'a> = HashMap<&'a str, Vec<(&'a Container, &'a VolumeMount)>>;

/// Who mounts what, by the volume's name.
fn mounts<'a>(s: &Subject<'a>) -> Mounts<'a> {
    let mut mounts = Mounts::new();
    for container in &s.template.containers {
        for mount in &container.mounts {
            let users = mounts.entry(&*mount.name).or_default();
            users.push((container, mount));
        }
    }
    mounts
}

/// A mount of a volume by a container.
struct Use<'a> {
    container: &'a Container,
    mount: &'a VolumeMount,
    /// The path of the node that the container sees.
    path: String,
}

fn host_path(
    s: &Subject<'_>,
    volume: &Volume,
    path: &Field<Str>,
    mounts: &[(&Container, &VolumeMount)],
    sink: &mut Sink,
) {
    let base = paths::normal(&path.value).into_owned();
    let uses: Vec<Use<'_>> = mounts
        .iter()
        .map(|&(container, mount)| {
            // An expanded subPath is not known; the volume's path is then the safe guess.
            let below = mount.sub_path.as_deref().filter(|sub| !sub.contains("$("));
            let path = match below {
                Some(below) => paths::normal(&format!("{base}/{below}")).into_owned(),
                None => base.clone(),
            };
            Use {
                container,
                mount,
                path,
            }
        })
        .collect();
    let worst = uses
        .iter()
        .filter_map(|u| {
            Some((
                u,
                paths::worth(&u.path, !u.mount.read_only, s.may_run_on_control_plane())?,
            ))
        })
        .max_by_key(|(_, worth)| (worth.socket, worth.severity));
    let locus = || {
        s.numbered(
            s.template
                .volume_locus(volume, "hostPath/path", Some(path.span)),
        )
    };
    let Some((found, worth)) = worst else {
        plain_host_path(s, volume, path, &uses, locus(), sink);
        return;
    };
    let names: Vec<&str> = users(&uses);
    let how = if found.mount.read_only {
        "read-only"
    } else {
        "writable"
    };
    let message = format!(
        "{} {} the node's `{}` {how}, which gives {}",
        counted("container", &names),
        if names.len() == 1 { "mounts" } else { "mount" },
        found.path,
        worth.gives
    );
    let mounted = format!("mounted at `{}`", found.mount.path);
    if worth.socket {
        let fix = format!(
            "Remove the volume `{}`; a read-only mount does not protect a socket",
            volume.name
        );
        let draft = Draft::new(Id::W07, locus(), message, fix)
            .evidence(mounted, Proof::Source(found.mount.span));
        sink.add(s.asset, excuse(draft, Severity::Critical, s.agent));
        return;
    }
    let fix = if found.mount.read_only {
        format!(
            "Remove the volume `{}`, or narrow its path to the files needed",
            volume.name
        )
    } else {
        format!(
            "Remove the volume `{}`, or narrow its path to the files needed and set readOnly: true \
             on its mounts",
            volume.name
        )
    };
    let draft = Draft::new(Id::W06, locus(), message, fix)
        .evidence(mounted, Proof::Source(found.mount.span));
    // The paths of the table belong to root: another user gets at less of them.
    let rootless = uses.iter().all(|u| runs_as_other(s, u.container));
    let severity = if rootless {
        worth.severity.lowered()
    } else {
        worth.severity
    };
    sink.add(s.asset, excuse(draft, severity, s.agent));
}

fn plain_host_path(
    s: &Subject<'_>,
    volume: &Volume,
    path: &Field<Str>,
    uses: &[Use<'_>],
    locus: seawall_model::Locus,
    sink: &mut Sink,
) {
    let writable = uses.iter().find(|u| !u.mount.read_only);
    let names = users(uses);
    let (message, severity, fix) = match writable {
        _ if uses.is_empty() => (
            format!(
                "volume `{}` is the node's `{}`, but nobody mounts it",
                volume.name, path.value
            ),
            Severity::Info,
            format!("Remove the volume `{}`", volume.name),
        ),
        Some(_) => (
            format!(
                "{} can write to the node's `{}`",
                counted("container", &names),
                path.value
            ),
            Severity::Medium,
            format!(
                "Use an emptyDir or a PersistentVolumeClaim for `{}`, or set readOnly: true on its \
                 mounts",
                volume.name
            ),
        ),
        None => (
            format!(
                "{} can read the node's `{}`",
                counted("container", &names),
                path.value
            ),
            if uses.iter().all(|u| paths::is_harmless(&u.path)) {
                Severity::Info
            } else {
                Severity::Low
            },
            format!(
                "Replace the hostPath `{}` where the content can come from elsewhere",
                volume.name
            ),
        ),
    };
    let mut draft = Draft::new(Id::W05, locus, message, fix);
    if let Some(first) = writable.or_else(|| uses.first()) {
        let how = if first.mount.read_only {
            "read-only"
        } else {
            "writable"
        };
        draft = draft.evidence(
            format!("mounted {how} at `{}`", first.mount.path),
            Proof::Source(first.mount.span),
        );
    }
    sink.add(s.asset, excuse(draft, severity, s.agent));
}

fn users<'a>(uses: &[Use<'a>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = uses.iter().map(|u| &*u.container.name).collect();
    names.dedup();
    names
}

/// Whether a container surely is not root.
fn runs_as_other(s: &Subject<'_>, c: &Container) -> bool {
    let pod = &s.template.security_context;
    let own = &c.security_context;
    if is_privileged(c) {
        return false;
    }
    match own.run_as_user.as_ref().or(pod.run_as_user.as_ref()) {
        Some(user) => user.value > 0,
        None => own
            .run_as_non_root
            .as_ref()
            .or(pod.run_as_non_root.as_ref())
            .is_some_and(|field| field.value),
    }
}

/// In-tree drivers that are no more, with the version that removed them.
const REMOVED: &[(&str, u16)] = &[
    ("glusterfs", 26),
    ("quobyte", 25),
    ("storageos", 25),
    ("scaleIO", 22),
    ("cephfs", 31),
    ("rbd", 31),
    ("flocker", 25),
];

/// From here on the gitRepo driver is off unless a gate brings it back.
const GIT_REPO_OFF: KubernetesVersion = KubernetesVersion::new(33);

fn by_type(s: &Subject<'_>, volume: &Volume, source: &Field<Str>, sink: &mut Sink) {
    let kind = &*source.value;
    let locus = s.numbered(s.template.volume_locus(volume, kind, Some(source.span)));
    match kind {
        "gitRepo" => {
            let off = s.version() >= GIT_REPO_OFF;
            let message = if off {
                format!(
                    "volume `{}` is a gitRepo, which {} runs only with a feature gate that brings \
                     CVE-2024-10220 back",
                    volume.name,
                    s.version()
                )
            } else {
                format!(
                    "volume `{}` is a gitRepo: git runs as root on the node (CVE-2024-10220)",
                    volume.name
                )
            };
            let fix = "Clone in an init container into an emptyDir".to_owned();
            let severity = if off {
                Severity::Medium
            } else {
                Severity::High
            };
            sink.add(
                s.asset,
                Draft::new(Id::W46, locus, message, fix).severity(severity),
            );
        }
        "flexVolume" => {
            let message = format!(
                "volume `{}` is a flexVolume: a driver's program runs as root on the node",
                volume.name
            );
            let fix = "Move to the driver's CSI successor".to_owned();
            let draft = Draft::new(Id::W46, locus, message, fix).severity(Severity::Medium);
            sink.add(s.asset, draft);
        }
        _ => {
            if let Some((_, version)) = REMOVED
                .iter()
                .find(|(name, version)| *name == kind && s.version().minor >= *version)
            {
                let message = format!(
                    "volume `{}` uses the driver `{kind}`, which v1.{version} removed",
                    volume.name
                );
                let fix = "Move to the driver's CSI successor".to_owned();
                let draft = Draft::new(Id::W46, locus, message, fix).severity(Severity::Medium);
                sink.add(s.asset, draft);
                return;
            }
            if pod_security::RESTRICTED_VOLUMES.contains(&kind) || kind == "hostPath" {
                return;
            }
            let message = format!(
                "volume `{}` has the type {}, which points the node at storage of the pod author's \
                 choice",
                volume.name,
                list(&[kind])
            );
            let fix = format!("Use a PersistentVolumeClaim for `{}`", volume.name);
            sink.add(s.asset, Draft::new(Id::W22, locus, message, fix));
        }
    }
}
