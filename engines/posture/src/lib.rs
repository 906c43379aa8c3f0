//! Is this workload, node or control plane hardened?
//!
//! [`check`] judges every workload, namespace and configuration file of a
//! [`Snapshot`] by a closed catalogue ([`rules`]). What it promises:
//!
//! * **One finding per root cause and place.** A Deployment, its ReplicaSets and its Pods
//!   are one workload, so twenty pods make one finding; what only a Pod has (a debug
//!   container) still shows. Of several rules that one setting breaks, the most telling one
//!   speaks: a privileged container (W01) says nothing more about capabilities, seccomp or
//!   privilege escalation; a hostPath volume is a runtime socket (W07), or sensitive (W06),
//!   or just a hostPath (W05).
//! * **What is missing is said once per workload, what is wrong once per place.** A value
//!   that weakens a container (`allowPrivilegeEscalation: true`) is a finding at that value.
//!   Settings that are merely absent are gathered over all containers of a workload: if
//!   none of the four that stop an escalation (non-root, no privilege escalation, dropped
//!   capabilities, seccomp) is complete, one W27 says so; else each missing one is one
//!   finding with the list of containers. W27 stands for exactly those four, so framework
//!   controls that rest on it are neither failed nor passed by accident.
//! * **Silence where nothing can be known.** A service account that is not in the input, a
//!   namespace that nobody named, a control plane started by a shell script: no finding, and
//!   where a user would expect a verdict, a coverage gap.
//! * **Secrets never leave.** W32 says which variable holds a credential, never its value.
//!
//! Severity starts from the catalogue and moves with evidence: down for a node agent that
//! cannot work otherwise (and the finding says so) or for a pod in a user namespace, up when
//! two weaknesses add up.

mod cluster;
mod control_plane;
pub mod fixes;
pub mod image;
mod index;
mod reading;
mod rules;
mod sink;
pub mod vap;
mod words;
mod workload;

use seawall_model::{KubernetesVersion, Outcome, Rule};
use seawall_snapshot::Snapshot;

/// What the verdicts depend on besides the snapshot.
#[derive(Debug, Clone)]
pub struct Config {
    /// The cluster's version, which decides defaults and which settings exist.
    pub kubernetes_version: KubernetesVersion,
    /// Registries (or registry/path prefixes, `*.` for subdomains) that images may come
    /// from. Empty means that nobody said, and the rule about it is not applied.
    pub allowed_registries: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kubernetes_version: KubernetesVersion::NEWEST,
            allowed_registries: Vec::new(),
        }
    }
}

/// The catalogue, in order of ids.
pub fn rules() -> &'static [Rule] {
    rules::catalogue()
}

/// Whether a value under a name is a credential, as W32 judges it: for whoever must not pass
/// it on.
pub fn is_credential(name: &str, value: &str) -> bool {
    workload::credentials::judge(name, value).is_some()
}

/// Judges everything in the snapshot that the catalogue speaks about.
pub fn check(snapshot: &Snapshot, config: &Config) -> Outcome {
    let index = index::Index::new(snapshot);
    let mut sink = sink::Sink::new();
    workload::check(&index, config, &mut sink);
    cluster::check(&index, config, &mut sink);
    control_plane::check(&index, config, &mut sink);
    reading::check(snapshot, &mut sink);
    sink.finish()
}
