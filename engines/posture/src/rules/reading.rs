//! How the manifest itself is read.

use super::{Entry, Id, mitre};
use seawall_model::{Area, Severity};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: Id::Y01,
        title: "key that stands twice",
        severity: Severity::Medium,
        area: Area::Containers,
        why: "Kubernetes takes the last one, a reviewer sees the first, and other tools take either: a harmless line can hide the one that counts.",
        fix: "Keep one of the two.",
        references: &[mitre("T1562")],
        aliases: &[],
    },
    Entry {
        id: Id::Y02,
        title: "truth that newer YAML reads as text",
        severity: Severity::Low,
        area: Area::Containers,
        why: "Kubernetes reads `yes` and `on` as true (YAML 1.1), tools with a YAML 1.2 reader as text: a scanner that looks for true does not see the setting.",
        fix: "Write true or false.",
        references: &[mitre("T1562")],
        aliases: &[],
    },
];
