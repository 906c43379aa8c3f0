//! What becomes of the ends of rows within a scalar.

use super::place::Place;

/// Blanks and ends of rows between two pieces of a scalar.
#[derive(Default)]
pub(super) struct Gap {
    first: &'static str,
    more: String,
}

impl Gap {
    pub(super) fn add(&mut self, end: &'static str) {
        if self.first.is_empty() {
            self.first = end;
        } else {
            self.more.push_str(end);
        }
    }

    /// Everything up to the next visible character. `known` says that a row has already
    /// ended, in a way that leaves nothing of it.
    pub(super) fn pass(place: &mut Place<'_>, known: bool) -> Self {
        let mut gap = Self::default();
        loop {
            place.blanks();
            if place.row_end() == 0 {
                return gap;
            }
            let end = place.next_row();
            if known {
                gap.more.push_str(end);
            } else {
                gap.add(end);
            }
        }
    }

    /// One end of a row is a space; of several, the first is nothing.
    pub(super) fn fold(&mut self, out: &mut String) {
        match (self.first, self.more.is_empty()) {
            ("\n", true) => out.push(' '),
            ("\n", false) => {}
            (other, _) => out.push_str(other),
        }
        out.push_str(&self.more);
        self.first = "";
        self.more.clear();
    }
}
