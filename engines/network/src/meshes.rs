//! The meshes as layers behind the network policies: what they make of a connection.
//!
//! What a mesh enforces is enforced by the destination's proxy; what the source's proxy would
//! do is left aside by whoever owns the source. So a mesh that tunnels opens more than the
//! policies show, and one that accepts plaintext holds nobody who speaks it.

mod istio;
mod linkerd;

pub(crate) use istio::IstioLayer;
pub(crate) use linkerd::LinkerdLayer;
