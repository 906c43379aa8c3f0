//! What is wrong: the checks behind the catalogue, those of policies and those of meshes.

mod composites;
mod envoy;
mod gateway_api;
mod meshes;
mod outward;
mod policies;
mod report;

use crate::network::Network;
use crate::sink::Sink;

/// Judges a network.
pub(crate) fn check(network: &Network<'_, '_>, sink: &mut Sink) {
    policies::check(network, sink);
    meshes::check(network, sink);
    composites::check(network, sink);
    gateway_api::check(network, sink);
    envoy::check(network, sink);
}
