//! What is known of nodes: which programs they run, what these have wrong, whose cloud they are
//! in, and how kubelets are set up.
//!
//! Versions come from a Node's status, so only a picture of a living cluster has them. A flaw
//! counts where the number of a version says that its fix is missing. Kernels of distributions
//! keep their number and take fixes in silently (`5.15.0-91-generic`): theirs says nothing, and
//! nothing is said about it.

use crate::graph::Place;
use crate::picture::Picture;
use crate::spot::NodeId;
use core::net::IpAddr;
use seawall_model::{Span, Str};
use seawall_snapshot::Object;
use seawall_yaml::Node as Tree;
use std::collections::BTreeMap;

/// The numbers of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) [u32; 3]);

impl Version {
    /// Reads `5.15.49-linuxkit`, `v1.27.3-gke.100`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim_start_matches('v');
        let mut numbers = text.split(['.', '-', '+', '_']).map(str::parse::<u32>);
        let mut next = || numbers.next()?.ok();
        Some(Self([next()?, next()?, next().unwrap_or(0)]))
    }

    /// Whether it has a flaw that came with a version and was mended in several branches. A
    /// branch that was never mended has it until the newest mended one.
    pub(crate) fn has(self, since: [u32; 3], fixed: &[[u32; 3]]) -> bool {
        let [major, minor, _] = self.0;
        let is_own = |[a, b, _]: &&[u32; 3]| (*a, *b) == (major, minor);
        let own = fixed.iter().find(is_own);
        let fix = own.or_else(|| fixed.iter().max());
        self.0 >= since && fix.is_some_and(|fix| self.0 < *fix)
    }
}

/// A node that the picture has an object of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine<'s> {
    pub(crate) id: NodeId,
    pub(crate) object: &'s Object,
}

/// Whether something holds of a node, where that can be known.
pub(crate) type Known = Option<bool>;

impl<'s> Machine<'s> {
    fn status(&self, path: &[&str]) -> Option<&'s Tree> {
        self.object.body()?.get("status")?.at(path)
    }

    /// What it says of itself, and where.
    pub(crate) fn info(&self, key: &str) -> Option<(&'s str, Span)> {
        let node = self.status(&["nodeInfo", key])?;
        Some((node.as_str()?, node.span))
    }

    /// The kernel's version, if its number says which fixes it has.
    pub(crate) fn kernel(&self) -> Option<(Version, &'s str, Span)> {
        let (text, span) = self.info("kernelVersion")?;
        let version = Version::read(text)?;
        let Version([_, _, patch]) = version;
        (patch > 0).then_some((version, text, span))
    }

    /// The label that says that it is of the control plane.
    pub(crate) fn control_plane(&self) -> Option<&'static str> {
        let mut labels = CONTROL_PLANE.iter().copied();
        labels.find(|label| self.object.label(label).is_some())
    }

    /// Its address in the cluster's network.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        let all = self.status(&["addresses"])?.as_seq()?;
        let text = |node: &'s Tree, key| node.get(key).and_then(Tree::as_str);
        let own = all
            .iter()
            .find(|one| text(one, "type") == Some("InternalIP"));
        text(own?, "address")?.parse().ok()
    }

    fn os(&self) -> Option<String> {
        let (os, _) = self.info("osImage")?;
        Some(os.to_ascii_lowercase())
    }

    /// Whether its kernel enforces AppArmor profiles on containers.
    pub(crate) fn has_app_armor(&self) -> Known {
        let os = self.os()?;
        let is = |words: &[&str]| words.iter().any(|word| os.contains(word));
        if is(&["ubuntu", "debian", "suse", "container-optimized"]) {
            return Some(true);
        }
        let without = [
            "amazon linux",
            "bottlerocket",
            "red hat",
            "rhcos",
            "centos",
            "rocky",
            "alma",
            "fedora",
            "flatcar",
            "talos",
            "mariner",
            "azure linux",
            "alpine",
            "oracle linux",
        ];
        is(&without).then_some(false)
    }

    /// Whether its processes are in control groups of the first version.
    pub(crate) fn has_old_groups(&self) -> Known {
        const OLD: [&str; 8] = [
            "amazon linux 2 ",
            "centos linux 7",
            "centos linux 8",
            "debian gnu/linux 10",
            "red hat enterprise linux 7",
            "red hat enterprise linux 8",
            "ubuntu 18.",
            "ubuntu 20.",
        ];
        const NEW: [&str; 13] = [
            "amazon linux 2023",
            "bottlerocket",
            "container-optimized",
            "debian gnu/linux 11",
            "debian gnu/linux 12",
            "debian gnu/linux 13",
            "fedora",
            "flatcar",
            "red hat enterprise linux 9",
            "talos",
            "ubuntu 22.",
            "ubuntu 24.",
            "ubuntu 26.",
        ];
        let os = format!("{} ", self.os()?);
        let is = |names: &[&str]| names.iter().any(|name| os.contains(name));
        is(&OLD).then_some(true).or(is(&NEW).then_some(false))
    }
}

/// Labels of nodes of the control plane, which are also the keys of their taints.
pub(crate) const CONTROL_PLANE: [&str; 3] = [
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
    "node-role.kubernetes.io/etcd",
];

/// The nodes that the picture has objects of.
pub(crate) fn machines<'s>(picture: &mut Picture<'s>) -> Vec<Machine<'s>> {
    let snapshot = picture.snapshot;
    let nodes = snapshot.objects().filter(|(_, object)| {
        let reference = &object.reference;
        (&*reference.group, &*reference.kind) == ("", "Node")
    });
    let mut machine = |object: &'s Object| Machine {
        id: NodeId(picture.nodes.number(&object.reference.name)),
        object,
    };
    nodes.map(|(_, object)| machine(object)).collect()
}

/// A cloud that nodes are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Cloud {
    Aws,
    Google,
    Azure,
}

impl Cloud {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Cloud::Aws => "AWS",
            Cloud::Google => "Google Cloud",
            Cloud::Azure => "Azure",
        }
    }

    /// The account that the nodes have there.
    pub(crate) fn account_of_nodes(self) -> Str {
        format!("the account of {} that the nodes have", self.name()).into()
    }
}

/// What shows which cloud the cluster is in: the field, and how its value begins.
const PROVIDERS: [(&str, Cloud); 3] = [
    ("aws://", Cloud::Aws),
    ("gce://", Cloud::Google),
    ("azure://", Cloud::Azure),
];
const PROVISIONERS: [(&str, Cloud); 6] = [
    ("ebs.csi.aws.com", Cloud::Aws),
    ("kubernetes.io/aws-ebs", Cloud::Aws),
    ("pd.csi.storage.gke.io", Cloud::Google),
    ("kubernetes.io/gce-pd", Cloud::Google),
    ("disk.csi.azure.com", Cloud::Azure),
    ("kubernetes.io/azure-disk", Cloud::Azure),
];
const ANNOTATIONS: [(&str, Cloud); 8] = [
    ("eks.amazonaws.com/", Cloud::Aws),
    ("service.beta.kubernetes.io/aws-", Cloud::Aws),
    ("iam.gke.io/", Cloud::Google),
    ("cloud.google.com/", Cloud::Google),
    ("networking.gke.io/", Cloud::Google),
    ("azure.workload.identity/", Cloud::Azure),
    ("service.beta.kubernetes.io/azure-", Cloud::Azure),
    ("kubernetes.azure.com/", Cloud::Azure),
];

/// The clouds that the cluster is in, with the first thing that shows it.
pub(crate) fn clouds(picture: &Picture<'_>) -> BTreeMap<Cloud, Place> {
    let mut found: BTreeMap<Cloud, Place> = BTreeMap::new();
    let begins = |table: &[(&str, Cloud)], text: &str| {
        let known = table.iter().find(|(start, _)| text.starts_with(start));
        known.map(|(_, cloud)| *cloud)
    };
    for (_, object) in picture.snapshot.objects() {
        let text = |path: &[&str]| {
            let node = object.body()?.at(path)?;
            Some((node.as_str()?, node.span))
        };
        let seen = match (&*object.reference.group, &*object.reference.kind) {
            ("", "Node") => text(&["spec", "providerID"])
                .and_then(|(id, span)| Some((begins(&PROVIDERS, id)?, span))),
            ("storage.k8s.io", "StorageClass") => text(&["provisioner"])
                .and_then(|(name, span)| Some((begins(&PROVISIONERS, name)?, span))),
            ("", "ServiceAccount" | "Service") => object
                .annotations
                .iter()
                .find_map(|(key, field)| Some((begins(&ANNOTATIONS, key)?, field.span))),
            _ => None,
        };
        if let Some((cloud, span)) = seen {
            found.entry(cloud).or_insert_with(|| Place {
                note: format!("{} says that this is {}", object.reference, cloud.name()).into(),
                object: object.reference.clone(),
                span,
                mend: None,
            });
        }
    }
    found
}

/// Whether pods get accounts of the cloud of their own, which takes those of the nodes away
/// from them where the cloud's metadata server does that.
pub(crate) fn has_own_accounts(picture: &Picture<'_>) -> bool {
    let mut accounts = picture.snapshot.of_kind("", "ServiceAccount");
    accounts.any(|(_, account)| {
        account
            .annotation("iam.gke.io/gcp-service-account")
            .is_some()
    })
}

/// A flaw of a program, by the versions that have it.
pub(crate) struct Flaw<N> {
    pub(crate) name: &'static str,
    since: [u32; 3],
    fixed: &'static [[u32; 3]],
    /// What else it needs.
    pub(crate) needs: N,
}

impl<N> Flaw<N> {
    /// Whether a version has it.
    pub(crate) fn is_in(&self, version: Version) -> bool {
        version.has(self.since, self.fixed)
    }
}

/// What a kernel's flaw needs besides a process in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum KernelNeeds {
    /// Nothing.
    Nothing,
    /// System calls that the runtime's filter refuses: a user namespace of one's own.
    Unfiltered,
}

pub(crate) const KERNEL: &[Flaw<KernelNeeds>] = &[
    Flaw {
        name: "CVE-2022-0847 (Dirty Pipe)",
        since: [5, 8, 0],
        fixed: &[[5, 10, 102], [5, 15, 25], [5, 16, 11]],
        needs: KernelNeeds::Nothing,
    },
    Flaw {
        name: "CVE-2022-0185 (file system contexts)",
        since: [5, 1, 0],
        fixed: &[[5, 4, 173], [5, 10, 93], [5, 15, 16], [5, 16, 2]],
        needs: KernelNeeds::Unfiltered,
    },
    Flaw {
        name: "CVE-2024-1086 (nf_tables)",
        since: [3, 15, 0],
        fixed: &[
            [4, 19, 307],
            [5, 4, 269],
            [5, 10, 210],
            [5, 15, 149],
            [6, 1, 76],
            [6, 6, 15],
            [6, 7, 3],
        ],
        needs: KernelNeeds::Unfiltered,
    },
];

/// Control groups of the first version let a container without rights write the program that
/// the kernel runs as root when a group empties.
pub(crate) const RELEASE_AGENT: Flaw<()> = Flaw {
    name: "CVE-2022-0492",
    since: [2, 6, 24],
    fixed: &[
        [4, 9, 301],
        [4, 14, 266],
        [4, 19, 229],
        [5, 4, 177],
        [5, 10, 97],
        [5, 15, 20],
        [5, 16, 6],
    ],
    needs: (),
};

/// What a runtime's or the kubelet's flaw needs of the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RuntimeNeeds {
    /// Its process is root.
    Root,
    /// Its process is root, in the node's network.
    RootInHostNetwork,
    /// It mounts a part of a volume that it can write.
    SubPath,
}

/// By the field that names the version, and how that begins.
pub(crate) const RUNTIME: &[(&str, &str, Flaw<RuntimeNeeds>)] = &[
    (
        "containerRuntimeVersion",
        "docker://",
        Flaw {
            name: "CVE-2019-5736 (runc, overwritten from inside)",
            since: [1, 0, 0],
            fixed: &[[18, 6, 2], [18, 9, 2]],
            needs: RuntimeNeeds::Root,
        },
    ),
    (
        "containerRuntimeVersion",
        "containerd://",
        Flaw {
            name: "CVE-2020-15257 (containerd's socket in the node's network)",
            since: [1, 0, 0],
            fixed: &[[1, 3, 9], [1, 4, 3]],
            needs: RuntimeNeeds::RootInHostNetwork,
        },
    ),
    (
        "kubeletVersion",
        "v",
        Flaw {
            name: "CVE-2021-25741 (subPath follows links to the node)",
            since: [1, 3, 0],
            fixed: &[[1, 19, 15], [1, 20, 11], [1, 21, 5], [1, 22, 2]],
            needs: RuntimeNeeds::SubPath,
        },
    ),
];

/// Hooks of a repository in a gitRepo volume run as root on the node.
pub(crate) const GIT_REPO: Flaw<()> = Flaw {
    name: "CVE-2024-10220",
    since: [1, 2, 0],
    fixed: &[[1, 28, 12], [1, 29, 7], [1, 30, 3]],
    needs: (),
};

/// What the configuration files of kubelets in the input say, at a path; with the object.
pub(crate) fn kubelet_settings<'s>(
    picture: &Picture<'s>,
    path: &'static [&'static str],
) -> impl Iterator<Item = (&'s Object, &'s Tree)> {
    let snapshot = picture.snapshot;
    let files = snapshot.of_kind("kubelet.config.k8s.io", "KubeletConfiguration");
    files.filter_map(move |(_, object)| Some((object, object.body()?.at(path)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_flaws_until_their_branch_is_mended() {
        let dirty_pipe = &KERNEL[0];
        for (text, is_in) in [
            ("5.4.210", false),
            ("5.10.101", true),
            ("5.10.102-cos", false),
            ("5.13.19", true),
            ("5.15.25", false),
            ("5.17.0", false),
            ("6.1.0-13-amd64", false),
        ] {
            let version = Version::read(text).unwrap();
            assert_eq!(dirty_pipe.is_in(version), is_in, "{text}");
        }
        assert_eq!(Version::read("v1.27.3-gke.100"), Some(Version([1, 27, 3])));
        assert_eq!(Version::read("unknown"), None);
    }
}
