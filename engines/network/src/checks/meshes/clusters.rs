//! The rules about several clusters that are one mesh: what the way between them opens, and
//! what in this cluster counts for the others.
//!
//! Each mesh has its own words for this; those of Linkerd, Consul and Kuma are judged with the
//! rest of them ([`super::linkerd`], [`super::consul`], [`super::kuma`]).

mod cilium;
mod istio;

pub(super) use istio::check as istio;

use super::Report;
use crate::network::Network;
use crate::ways::Exposure;
use seawall_model::Proof;

pub(super) fn check(network: &Network<'_, '_>, report: &mut Report) {
    cilium::check(network, report);
}

/// The ports that stores of data listen at: what is behind them is worth having.
pub(super) fn is_store(port: u16) -> bool {
    const STORES: [u16; 17] = [
        1433, 1521, 2379, 3306, 5432, 5672, 5984, 6379, 7000, 8200, 9042, 9092, 9200, 9300, 11211,
        26257, 27017,
    ];
    STORES.contains(&port)
}

/// What leads in, as a claim.
pub(super) fn door(way: &Exposure<'_>) -> Option<(String, Proof)> {
    let link = way.links.first()?;
    let note = format!("{} leads in", link.object.reference);
    Some((note, Proof::Source(link.span)))
}
