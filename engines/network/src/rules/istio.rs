//! Istio, with sidecars and ambient.

mod ambient;
mod authorization;
mod capture;
mod control_plane;
mod gateways;
mod peers;
mod tokens;
mod traffic;

use super::{Entry, Id, mesh};

/// The parts of the catalogue.
pub(super) const PARTS: &[&[Entry]] = &[
    peers::ENTRIES,
    authorization::ENTRIES,
    tokens::ENTRIES,
    traffic::ENTRIES,
    gateways::ENTRIES,
    capture::ENTRIES,
    ambient::ENTRIES,
    control_plane::ENTRIES,
];
