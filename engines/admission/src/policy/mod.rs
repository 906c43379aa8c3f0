//! Admission policies: `ValidatingAdmissionPolicy` and its bindings, those that a user names
//! and those that are found in the picture.
//!
//! An object is judged as if it was created now: there is no old object, and who asks is not
//! known. It is seen as the API server shows it to policies, with defaults (`defaults`). A
//! workload is judged as itself and, by policies that do not mean it, as the pods it is going
//! to make: those are what the API server would refuse.
//!
//! **Invariant:** the same picture and policies give the same outcome, byte for byte, also
//! when a policy runs into its bound: objects are judged in order, and a policy ends at the
//! object where it has used up its steps.
//!
//! **Invariant:** what cannot be answered (who sends the request, a namespace that was not
//! seen) is a gap, never a verdict.

mod check;
mod constraint;
mod defaults;
mod definition;
mod evaluate;
mod findings;
#[cfg(feature = "rego")]
mod gatekeeper;
mod params;
mod place;
mod plugins;
mod policies;
mod probes;
mod resources;
mod target;

pub(crate) use check::check;
pub(crate) use definition::GROUP;
pub use definition::Problem;
pub use policies::Policies;
pub(crate) use probes::{Voice, voices, webhooks_on_pods};
