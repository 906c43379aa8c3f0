//! Who can do what?
//!
//! [`Access`] is everything that roles and bindings give, exactly as the API server decides:
//! [`role`] and [`binding`] read the objects, `aggregate` follows aggregated roles, [`request`]
//! compares token for token. What the API server makes for itself counts where the input does
//! not say otherwise. Other engines ask through the traits of `seawall_model::access`.
//!
//! **Invariant:** what is not in the input is a gap, never a "nobody can".

mod access;
mod aggregate;
mod authorizer;
pub mod binding;
mod defaults;
mod gaps;
mod index;
pub mod request;
pub mod resources;
pub mod role;

pub use access::{Access, Dangling, Grant, Right};
pub use authorizer::MASTERS;
pub use binding::{Binding, Subject};
pub use request::{Request, ResourceRequest};
pub use role::{Role, Rule};
