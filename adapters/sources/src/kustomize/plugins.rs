//! Generators, transformers and validators that are given as files.

use super::build::{Build, Made, Place};
use super::decode::Text;
use super::store::Root;
use super::{Builder, Fail};

pub(super) fn generate(build: &mut Build<'_, '_>, place: &Place, made: &mut Made) {
    let _ = made;
    for entry in &place.kust.generators {
        build.fails.push(Fail::new(entry.span, "generator plugins are not run yet"));
    }
}

pub(super) fn transform(build: &mut Build<'_, '_>, place: &Place, made: &mut Made) {
    let _ = made;
    for entry in place.kust.transformers.iter().chain(&place.kust.validators) {
        build.fails.push(Fail::new(entry.span, "transformer plugins are not run yet"));
    }
}

/// Files that a plugin's configuration names.
pub(super) fn paths(builder: &Builder<'_>, root: &Root, entry: &Text) -> Vec<String> {
    let _ = (builder, root, entry);
    Vec::new()
}
