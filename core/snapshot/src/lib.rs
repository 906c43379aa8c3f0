//! One immutable picture of an environment.
//!
//! Sources give [`Node`](seawall_yaml::Node) trees; [`object::read`] turns each into an
//! [`Object`] (name, labels, owners) with its security facts, and a [`Builder`] makes a
//! [`Snapshot`] of them: workloads resolved to their top owner, namespaces, look-ups.
//! Workloads are kept as *facts* ([`pod::PodTemplate`]), not as API objects: 10,000 pods of
//! 10 KB JSON each would take over 900 MB as typed API objects. All other kinds keep their
//! pruned tree, since later engines read fields that nobody can foresee (meshes, RBAC,
//! policies). Where admission policies are to be judged, workloads keep their trees, too
//! ([`Keep::Trees`]).
//!
//! A Snapshot is a value: [`Snapshot::apply`] gives a new one that shares every object that
//! did not change. [`reach::of`] says whose verdicts a change can move.
//!
//! **Invariant:** building never fails as a whole; what is not a valid object is a
//! [`Gap`](seawall_model::Gap) with a place.

pub mod definition;
pub mod extract;
pub mod object;
pub mod pod;
pub mod reach;
pub mod reader;
pub mod selector;
pub mod service;
mod shapes;
mod snapshot;

pub use definition::{Definition, Embeds};
pub use object::{Details, Keep, Object, OwnerRef, Scope, ScopeId, ScopeKind};
pub use pod::{Container, ContainerKind, Field, PodTemplate};
pub use reach::Reach;
pub use selector::LabelSelector;
pub use snapshot::{Builder, Change, ObjectId, Snapshot, Workload};
