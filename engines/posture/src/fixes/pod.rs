//! The pod of a finding as it is written, and what its containers lack.

use super::up;
use seawall_model::Data;
use seawall_model::Operation;
use seawall_yaml::Node;

const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// A pod's `spec` in the tree of an object.
pub(super) struct Pod<'n> {
    /// Where it is.
    pub(super) pointer: String,
    pub(super) spec: &'n Node,
}

/// A container of it.
pub(super) struct Piece<'n> {
    pub(super) pointer: String,
    pub(super) node: &'n Node,
    /// Whether somebody attached it to a running pod.
    pub(super) debug: bool,
}

impl<'n> Pod<'n> {
    /// The pod whose spec a pointer leads into: the innermost thing on the way that has
    /// containers.
    pub(super) fn around(object: &'n Node, pointer: &str) -> Option<Self> {
        let mut pointer = pointer;
        loop {
            let here = object.pointer(pointer);
            if let Some(spec) = here.filter(|node| LISTS.iter().any(|key| has_list(node, key))) {
                return Some(Self {
                    pointer: pointer.to_owned(),
                    spec,
                });
            }
            // Annotations of a pod stand beside its spec.
            if let Some(spec) = here.and_then(|node| node.get("spec"))
                && LISTS.iter().any(|key| has_list(spec, key))
                && here.is_some_and(|node| node.get("metadata").is_some())
            {
                return Some(Self {
                    pointer: format!("{pointer}/spec"),
                    spec,
                });
            }
            if pointer.is_empty() {
                return None;
            }
            pointer = up(pointer);
        }
    }

    /// The containers, init containers first.
    pub(super) fn containers(&self) -> Vec<Piece<'n>> {
        LISTS
            .iter()
            .flat_map(|list| {
                let items = self.spec.get(list).and_then(Node::as_seq);
                let items = items.unwrap_or_default().iter().enumerate();
                items.map(move |(index, node)| Piece {
                    pointer: format!("{}/{list}/{index}", self.pointer),
                    node,
                    debug: *list == "ephemeralContainers",
                })
            })
            .collect()
    }

    /// The containers that hardening is asked of.
    pub(super) fn hardened(&self) -> Vec<Piece<'n>> {
        let mut containers = self.containers();
        containers.retain(|c| !c.debug && c.node.get("image").is_some() && !c.is_privileged());
        containers
    }

    /// A value of the pod's own security context.
    pub(super) fn context(&self, path: &[&str]) -> Option<&'n Node> {
        set(self.spec.get("securityContext")?.at(path))
    }

    /// Whether a volume is mounted somewhere.
    pub(super) fn mounts(&self, volume: &str) -> bool {
        self.containers().iter().any(|c| {
            ["volumeMounts", "volumeDevices"].iter().any(|key| {
                let mounts = c.node.get(key).and_then(Node::as_seq).unwrap_or_default();
                mounts
                    .iter()
                    .any(|mount| mount.get("name").and_then(Node::as_str) == Some(volume))
            })
        })
    }

    /// What makes every container run as somebody else than root.
    pub(super) fn non_root(&self) -> Vec<Operation> {
        let open = |c: &&Piece<'_>| {
            c.context(&["runAsNonRoot"]).is_none() && c.context(&["runAsUser"]).is_none_or(above_0)
        };
        // On the pod it would also hold for those that have to be root.
        let stays_root =
            |c: &Piece<'_>| c.is_privileged() || !c.context(&["runAsUser"]).is_none_or(above_0);
        if self.containers().iter().any(stays_root) {
            let hardened = self.hardened();
            let open = hardened.iter().filter(open);
            return open.map(|c| c.set("runAsNonRoot", true)).collect();
        }
        vec![super::truth(
            &format!("{}/securityContext", self.pointer),
            "runAsNonRoot",
            true,
        )]
    }

    /// What gives every container the runtime's seccomp profile.
    pub(super) fn seccomp(&self) -> Operation {
        Operation::set(
            format!("{}/securityContext/seccompProfile/type", self.pointer),
            Data::text("RuntimeDefault"),
        )
    }

    /// What keeps every container from gaining privileges.
    pub(super) fn no_escalation(&self) -> Vec<Operation> {
        let open = |c: &&Piece<'_>| {
            let adds = c.words(&["capabilities", "add"]);
            let admin = ["SYS_ADMIN", "CAP_SYS_ADMIN", "ALL"];
            c.context(&["allowPrivilegeEscalation"]).is_none()
                && !adds.iter().any(|word| admin.contains(word))
        };
        let hardened = self.hardened();
        let open = hardened.iter().filter(open);
        open.map(|c| c.set("allowPrivilegeEscalation", false))
            .collect()
    }

    /// What takes the default capabilities from every container.
    pub(super) fn drop_all(&self) -> Vec<Operation> {
        let hardened = self.hardened();
        let open = hardened.iter().filter(|c| !c.drops_all());
        open.map(Piece::drop_all).collect()
    }

    /// What makes every root file system read-only.
    pub(super) fn read_only(&self) -> Vec<Operation> {
        let open = |c: &&Piece<'_>| {
            c.context(&["readOnlyRootFilesystem"])
                .and_then(Node::as_bool)
                != Some(true)
        };
        let hardened = self.hardened();
        let open = hardened.iter().filter(open);
        open.map(|c| c.set("readOnlyRootFilesystem", true))
            .collect()
    }
}

impl<'n> Piece<'n> {
    /// A value of its security context.
    pub(super) fn context(&self, path: &[&str]) -> Option<&'n Node> {
        set(self.node.get("securityContext")?.at(path))
    }

    /// The words of a list in its security context.
    pub(super) fn words(&self, path: &[&str]) -> Vec<&'n str> {
        let items = self.context(path).and_then(Node::as_seq);
        items
            .unwrap_or_default()
            .iter()
            .filter_map(Node::as_str)
            .collect()
    }

    pub(super) fn is_privileged(&self) -> bool {
        self.context(&["privileged"]).and_then(Node::as_bool) == Some(true)
    }

    pub(super) fn name(&self) -> &'n str {
        self.node
            .get("name")
            .and_then(Node::as_str)
            .unwrap_or_default()
    }

    pub(super) fn drops_all(&self) -> bool {
        let words = self.words(&["capabilities", "drop"]);
        words.iter().any(|word| word.eq_ignore_ascii_case("ALL"))
    }

    pub(super) fn drop_all(&self) -> Operation {
        Operation::set(
            format!("{}/securityContext/capabilities/drop", self.pointer),
            Data::List(vec![Data::text("ALL")]),
        )
    }

    fn set(&self, key: &str, value: bool) -> Operation {
        super::truth(&format!("{}/securityContext", self.pointer), key, value)
    }
}

fn set(node: Option<&Node>) -> Option<&Node> {
    node.filter(|node| !node.is_null())
}

fn has_list(node: &Node, key: &str) -> bool {
    node.get(key).is_some_and(|list| list.as_seq().is_some())
}

fn above_0(user: &Node) -> bool {
    user.as_i64().is_some_and(|user| user > 0)
}
