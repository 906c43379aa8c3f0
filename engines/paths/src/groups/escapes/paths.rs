//! Which paths of the node containers mount: by a hostPath, or by a claim whose volume is a path
//! of the node.

use super::Escapes;
use super::containers::{ContainerId, Running};
use crate::graph::{Ease, Place};
use crate::picture::Picture;
use crate::spot::{PlaceId, WorkloadId};
use seawall_model::{Data, Operation, Str};
use seawall_snapshot::Object;
use seawall_snapshot::pod::{Volume, VolumeKind};
use seawall_yaml::Node as Tree;
use std::collections::HashMap;

/// A path of the node in a container.
#[derive(Debug)]
pub(super) struct Mount {
    /// The container, by its place in the list of those that run.
    pub(super) container: ContainerId,
    /// The path as the node resolves it.
    pub(super) path: String,
    /// Whether the container can change what is there.
    pub(super) is_writable: bool,
    /// What proves it.
    pub(super) place: PlaceId,
}

/// All paths of nodes that containers mount.
pub(super) fn mounts(picture: &mut Picture<'_>, all: &[Running<'_>]) -> Vec<Mount> {
    let volumes = Volumes::of(picture);
    let mut found = Vec::new();
    for one in all {
        // Windows has other paths.
        if one.template.is_windows() {
            continue;
        }
        for (index, mount) in one.container.mounts.iter().enumerate() {
            let mut volumes_of_pod = one.template.volumes.iter();
            let Some(volume) = volumes_of_pod.find(|volume| volume.name == mount.name) else {
                continue;
            };
            let Some(path) = volumes.path_of(one.object, volume) else {
                continue;
            };
            let path = joined(&path, mount.sub_path.as_deref());
            let how = if mount.read_only { "" } else { ", to write" };
            let note = format!(
                "container {} mounts {path} of the node{how}",
                one.container.name
            );
            let at = one.pointer(&format!("volumeMounts/{index}"));
            let mend = (
                vec![Operation::remove(at.clone())],
                "check what the container does with the path",
            );
            let place = picture.place(one.place(note, mount.span, Some(mend)));
            found.push(Mount {
                container: one.id,
                path,
                is_writable: !mount.read_only,
                place,
            });
        }
    }
    found
}

/// The change that leaves a mount and takes writing away.
pub(super) fn read_only(one: &Running<'_>, place: &Place) -> Option<Place> {
    let mut mounts = one.container.mounts.iter();
    let index = mounts.position(|mount| mount.span == place.span)?;
    let pointer = one.pointer(&format!("volumeMounts/{index}/readOnly"));
    let mend = (
        vec![Operation::set(pointer, Data::Bool(true))],
        "check that the container only reads there",
    );
    Some(Place {
        mend: Some(mend),
        ..place.clone()
    })
}

/// Tells the rules which devices are mounted.
pub(super) fn tell_devices(mounts: &[Mount], rules: &mut Escapes) {
    const MEMORY: [&str; 3] = ["/dev/mem", "/dev/port", "/dev/kmem"];
    for mount in mounts {
        if MEMORY.iter().any(|path| covers(&mount.path, path)) {
            rules.memory.push((mount.container, mount.place));
        }
    }
}

/// Tells the rules which pods have a disk of their node as a device: a claim in mode Block whose
/// volume is a path under `/dev`.
pub(super) fn tell_disks(picture: &mut Picture<'_>, rules: &mut Escapes) {
    let volumes = Volumes::of(picture);
    let mut found: Vec<(WorkloadId, Ease, Place)> = Vec::new();
    for (id, workload) in picture.workload_ids() {
        for volume in &workload.template.volumes {
            let Some((object, path, true)) = volumes.claimed(workload.object, volume) else {
                continue;
            };
            if !path.starts_with("/dev/") {
                continue;
            }
            let is_first = FIRST_DISKS.iter().any(|disk| path.starts_with(disk));
            let ease = if is_first { Ease::Skilled } else { Ease::Lucky };
            let note = format!("volume {} is the node's disk {path}", volume.name);
            let place = Place {
                note: note.into(),
                object: object.reference.clone(),
                span: object.name_span,
                mend: None,
            };
            found.push((id, ease, place));
        }
    }
    for (id, ease, place) in found {
        let place = picture.place(place);
        rules.disk.push((id, ease, place));
    }
}

/// Where the system usually is.
const FIRST_DISKS: [&str; 4] = ["/dev/sda", "/dev/vda", "/dev/xvda", "/dev/nvme0n1"];

/// Volumes of the picture that are paths of nodes, by the claim that is bound to them.
struct Volumes<'s> {
    by_name: HashMap<&'s str, &'s Object>,
    by_claim: HashMap<(String, String), &'s Object>,
    claims: HashMap<(String, String), &'s Object>,
}

impl<'s> Volumes<'s> {
    fn of(picture: &Picture<'s>) -> Self {
        let snapshot = picture.snapshot;
        let mut all = Self {
            by_name: HashMap::new(),
            by_claim: HashMap::new(),
            claims: HashMap::new(),
        };
        for (_, object) in snapshot.objects() {
            let reference = &object.reference;
            match (&*reference.group, &*reference.kind) {
                ("", "PersistentVolume") => {
                    all.by_name.insert(&reference.name, object);
                    let text = |key| object.body()?.at(&["spec", "claimRef", key])?.as_str();
                    if let (Some(namespace), Some(name)) = (text("namespace"), text("name")) {
                        let key = (namespace.to_owned(), name.to_owned());
                        all.by_claim.insert(key, object);
                    }
                }
                ("", "PersistentVolumeClaim") => {
                    let key = (object.namespace().to_owned(), reference.name.to_string());
                    all.claims.insert(key, object);
                }
                _ => {}
            }
        }
        all
    }

    /// The path of the node that a volume of a pod is.
    fn path_of(&self, pod: &Object, volume: &Volume) -> Option<Str> {
        if let VolumeKind::HostPath(path, _) = &volume.kind {
            return Some(path.value.clone());
        }
        let (_, path, is_block) = self.claimed(pod, volume)?;
        (!is_block).then(|| path.into())
    }

    /// The persistent volume behind a claim, its path, and whether it is given as a device.
    fn claimed(&self, pod: &Object, volume: &Volume) -> Option<(&'s Object, &'s str, bool)> {
        let VolumeKind::Claim(name) = &volume.kind else {
            return None;
        };
        let key = (pod.namespace().to_owned(), name.to_string());
        let object = self.by_claim.get(&key).copied().or_else(|| {
            let claim = self.claims.get(&key)?;
            let volume = claim.body()?.at(&["spec", "volumeName"])?.as_str()?;
            self.by_name.get(volume).copied()
        })?;
        let body = object.body()?;
        let at = |path: &[&str]| body.at(path).and_then(Tree::as_str);
        let path = at(&["spec", "hostPath", "path"]).or_else(|| at(&["spec", "local", "path"]))?;
        Some((object, path, at(&["spec", "volumeMode"]) == Some("Block")))
    }
}

/// A path with the part of it that is mounted. What comes after a variable is some part that
/// nobody knows: nothing that a table names.
fn joined(path: &str, sub_path: Option<&str>) -> String {
    let Some(part) = sub_path else {
        return normal(path);
    };
    let (known, variable) = match part.split_once("$(") {
        Some((known, _)) => (known, "/?"),
        None => (part, ""),
    };
    normal(&format!("{path}/{known}{variable}"))
}

/// The path as the node resolves it: no empty or dot parts, `/var/run` is `/run`.
fn normal(path: &str) -> String {
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
    let parts = match parts.as_slice() {
        ["var", "run", ..] => parts.get(1..).unwrap_or_default(),
        all => all,
    };
    format!("/{}", parts.join("/"))
}

/// Whether a mount holds all of a path, which may have `*` in its parts.
pub(super) fn covers(mount: &str, path: &str) -> bool {
    let mut path = parts(path);
    parts(mount).all(|part| path.next().is_some_and(|other| fits(part, other)))
}

/// Whether a mount is a path, or a part of what is in there.
pub(super) fn is_within(mount: &str, path: &str) -> bool {
    let mut mount = parts(mount);
    parts(path).all(|other| mount.next().is_some_and(|part| fits(part, other)))
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

fn fits(part: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => part.starts_with(start),
        None => part == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_node() {
        for (path, part, want) in [
            ("/var/run/docker.sock", None, "/run/docker.sock"),
            ("//var//lib/../run/", None, "/run"),
            ("/", None, "/"),
            ("/", Some("etc/cron.d"), "/etc/cron.d"),
            ("/var/log", Some("$(POD_NAME)"), "/var/log/?"),
            ("/var/runner", None, "/var/runner"),
        ] {
            assert_eq!(joined(path, part), want);
        }
    }

    #[test]
    fn a_mount_holds_what_is_below_it() {
        for (mount, path, holds, within) in [
            ("/", "/etc/cron.d", true, false),
            ("/etc", "/etc/cron.d", true, false),
            ("/etc/cron.d", "/etc/cron.d", true, true),
            ("/etc/cron.d/x", "/etc/cron.d", false, true),
            ("/etc/cron", "/etc/cron.d", false, false),
            ("/home", "/home/*/.ssh", true, false),
            ("/home/bob", "/home/*/.ssh", true, false),
            ("/home/bob/.ssh/id", "/home/*/.ssh", false, true),
            ("/dev/sda1", "/dev/sd*", true, true),
        ] {
            assert_eq!(covers(mount, path), holds, "{mount} {path}");
            assert_eq!(is_within(mount, path), within, "{mount} {path}");
        }
    }
}
