//! What would the cluster accept?
//!
//! [`pod_security`] judges one pod as the API server does; [`namespace`] reads what a
//! namespace's labels mean; [`check`] puts both together: which namespaces let anything in,
//! whose pods would be refused, which labels do not work. [`policy`] judges objects by
//! admission policies, whose expressions [`cel`] runs. `admits` tells other engines which
//! dangerous pods all of that lets in.
//!
//! **Invariant:** an answer about admission rests on labels (or a configuration file) that were
//! seen. A namespace that is not in the picture is not guessed at.

mod admits;
mod catalogue;
pub mod cel;
mod cluster;
pub mod fixes;
pub mod namespace;
mod namespaces;
pub mod pod_security;
pub mod policy;
mod workloads;

pub use catalogue::{BAD_LABEL, NOT_ENFORCED, REFUSED, REFUSED_BY_POLICY, UNKNOWN_VERSION, WARNED};
pub use cluster::Cluster;

use namespaces::Namespaces;
use policy::Policies;
use seawall_model::access::Authorizer;
use seawall_model::{Gap, GapKind, KubernetesVersion, Outcome, Rule, Span};
use seawall_snapshot::Snapshot;
use std::sync::Arc;

/// What the verdicts depend on besides the picture.
#[derive(Debug, Clone)]
pub struct Config {
    /// The cluster's version.
    pub kubernetes_version: KubernetesVersion,
    /// The user's own policies.
    pub policies: Option<Arc<Policies>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kubernetes_version: KubernetesVersion::NEWEST,
            policies: None,
        }
    }
}

/// The first version whose API server reads Pod Security labels without being told to.
const POD_SECURITY_SINCE: KubernetesVersion = KubernetesVersion::new(23);

/// All rules of this engine, by id.
pub fn rules() -> &'static [Rule] {
    &catalogue::RULES
}

/// What the cluster would accept and refuse.
pub fn check(snapshot: &Snapshot, config: &Config) -> Outcome {
    check_asking(snapshot, config, None)
}

/// The same, where somebody answers what policies ask about access.
pub fn check_asking(
    snapshot: &Snapshot,
    config: &Config,
    authorizer: Option<&dyn Authorizer>,
) -> Outcome {
    let mut outcome = Outcome::default();
    let cluster = Cluster::of(snapshot);
    let mut namespaces = Namespaces::of(snapshot, &cluster);
    let version = config.kubernetes_version;
    let is_judged = version >= POD_SECURITY_SINCE;
    workloads::check(
        snapshot,
        version,
        &cluster,
        &mut namespaces,
        is_judged,
        &mut outcome,
    );
    if is_judged {
        namespaces.check(&cluster, version, &mut outcome);
        admits::check(
            snapshot,
            &namespaces,
            &cluster,
            version,
            authorizer,
            &mut outcome,
        );
    } else if namespaces.any() {
        outcome.coverage.gaps.push(Gap {
            kind: GapKind::Unsupported,
            subject: "Pod Security admission".into(),
            span: Span::NONE,
            reason: format!(
                "API servers judge pods by these labels from {POD_SECURITY_SINCE} on, not at {version}"
            ),
            hint: "choose the cluster's version with --kubernetes-version".to_owned(),
            units: 0,
        });
    }
    policy::check(
        snapshot,
        config.policies.as_deref(),
        authorizer,
        &mut outcome,
    );
    outcome
}
