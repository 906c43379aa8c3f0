//! How a container lets its process out.

use super::{Entry, Id, mitre, technique};

pub(super) const ENTRIES: &[Entry<Id>] = &[
    technique(
        Id::CE_PRIV_MOUNT,
        "mounts the disk of the node",
        "A privileged container has all devices of the node: it mounts the disk and writes what root runs.",
        "Take `privileged` away; name the one capability that is needed.",
        &[mitre("T1611")],
    ),
    technique(
        Id::CE_PRIV_NSENTER,
        "enters the namespaces of the node",
        "A privileged container that sees the node's processes enters those of its first process: it is on the node.",
        "Take `privileged` and `hostPID` away.",
        &[mitre("T1611")],
    ),
];
