//! The invariants of the house, one module each.

mod commands;
mod dependencies;
mod engines;
mod floors;
mod places;
mod printing;
mod purity;
mod rooms;
mod size;
mod sources;
mod unsafety;
mod world;

use crate::exceptions;
use crate::house::House;
use crate::note::Note;

type Check = fn(&House) -> Vec<Note>;

const CHECKS: [Check; 12] = [
    floors::check,
    purity::check,
    printing::check,
    world::check,
    unsafety::check,
    dependencies::check,
    sources::check,
    size::check,
    engines::check,
    rooms::check,
    commands::check,
    places::check,
];

/// All that is to put right, by place.
pub(crate) fn check(house: &House) -> Vec<Note> {
    let notes = CHECKS.iter().flat_map(|check| check(house)).collect();
    let mut notes = exceptions::apply(house, notes);
    notes.sort();
    notes
}
