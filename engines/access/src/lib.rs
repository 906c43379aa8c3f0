//! Who can do what?
//!
//! [`Access`] is everything that roles and bindings give, exactly as the API server decides:
//! [`role`] and [`binding`] read the objects, `aggregate` follows aggregated roles, [`request`]
//! compares token for token. What the API server makes for itself counts where the input does
//! not say otherwise. Other engines ask through the traits of `seawall_model::access`.
//!
//! [`guard`] is what keeps people from writing roles and bindings that give more than they have,
//! [`impersonation`] who acts as whom, [`node`] what nodes may do, [`kubelet`] what a request to
//! a kubelet is called.
//!
//! **Invariant:** what is not in the input is a gap, never a "nobody can".

mod access;
mod aggregate;
mod authorizer;
pub mod binding;
mod checks;
mod defaults;
mod gaps;
pub mod guard;
pub mod impersonation;
mod index;
pub mod kubelet;
pub mod node;
mod permissions;
mod read;
pub mod request;
pub mod resources;
mod right;
pub mod role;
mod rules;
mod sink;

pub use access::Access;
pub use authorizer::MASTERS;
pub use binding::{Binding, Subject};
pub use request::{Request, ResourceRequest};
pub use right::{Breadth, Dangling, Grant, Right};
pub use role::{Role, Rule};

use seawall_model::{GapKind, KubernetesVersion, Outcome, Rule as CatalogueRule};
use seawall_snapshot::{Object, Snapshot};

/// What the verdicts depend on besides the picture.
#[derive(Debug, Clone)]
pub struct Config {
    /// The cluster's version.
    pub kubernetes_version: KubernetesVersion,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kubernetes_version: KubernetesVersion::NEWEST,
        }
    }
}

/// All rules of this engine, by id.
pub fn rules() -> &'static [CatalogueRule] {
    rules::catalogue()
}

/// What is wrong with what is given to whom.
pub fn check(snapshot: &Snapshot, config: &Config) -> Outcome {
    check_access(&Access::of(snapshot, config.kubernetes_version))
}

/// The same, where the picture has been read already.
pub fn check_access(access: &Access) -> Outcome {
    let mut sink = sink::Sink::new();
    checks::check(access, &mut sink);
    let mut outcome = sink.finish();
    // What could not be read of a cluster is told by whoever read it.
    let gaps = access.gaps().iter();
    let gaps = gaps.filter(|gap| gap.kind != GapKind::Forbidden);
    outcome.coverage.gaps.extend(gaps.cloned());
    outcome
}

/// Whether verdicts of this engine can rest on an object.
pub fn looks_at(object: &Object) -> bool {
    let reference = &object.reference;
    &*reference.group == role::GROUP
        || (reference.group.is_empty() && &*reference.kind == "ServiceAccount")
}
