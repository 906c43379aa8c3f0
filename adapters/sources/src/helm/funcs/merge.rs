//! Sprig's `merge` and `mergeOverwrite`: what `dario.cat/mergo` does with maps. Both say how
//! many values they have set.

use super::dicts::is_empty;
use crate::helm::value::convert::MAX_DEPTH;
use crate::helm::value::{Data, Map};

/// Fills in what `into` does not have, or has empty. Maps are merged in place.
pub(super) fn merge(into: &Map, from: &Map, depth: u32) -> u64 {
    if depth > MAX_DEPTH || into.same(from) {
        return 0;
    }
    let mut set = 0;
    for (key, value) in from.entries() {
        let old = into.get(&key);
        if value.is_nil() {
            continue;
        }
        if let (Some(Data::Map(old)), Data::Map(new)) = (old.as_ref().map(|v| &v.data), &value.data)
        {
            set += merge(old, new, depth + 1);
        }
        // Whether it is empty is asked after the merge of what is below.
        if old.is_none_or(|old| is_empty(&old)) {
            into.set(key, value);
            set += 1;
        }
    }
    set
}

/// Replaces what `from` has, even by empty values. Maps are merged in place.
pub(super) fn merge_overwrite(into: &Map, from: &Map, depth: u32) -> u64 {
    if depth > MAX_DEPTH || into.same(from) {
        return 0;
    }
    let mut set = 0;
    for (key, value) in from.entries() {
        let old = into.get(&key);
        if let (Some(Data::Map(old)), Data::Map(new)) = (old.as_ref().map(|v| &v.data), &value.data)
        {
            set += merge_overwrite(old, new, depth + 1);
            if old.len() > 0 {
                continue;
            }
        }
        into.set(key, value);
        set += 1;
    }
    set
}
