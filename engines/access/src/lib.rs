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
mod defaults;
mod gaps;
pub mod guard;
pub mod impersonation;
mod index;
pub mod kubelet;
pub mod node;
pub mod request;
pub mod resources;
pub mod role;

pub use access::{Access, Breadth, Dangling, Grant, Right};
pub use authorizer::MASTERS;
pub use binding::{Binding, Subject};
pub use request::{Request, ResourceRequest};
pub use role::{Role, Rule};
