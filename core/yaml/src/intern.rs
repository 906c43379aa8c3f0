//! Sharing of repeated text: manifests say `name`, `apiVersion` and `Deployment` over and
//! over, and one allocation serves them all.

use seawall_model::Str;

/// Slots to begin with, and at most: a long text earns more of them.
const FEWEST: usize = 1 << 10;
const MOST: usize = 1 << 15;
/// Longer texts are rarely repeated.
const LONGEST: usize = 128;

/// A cache of recent short texts with one slot per hash. It forgets on collision, so a
/// hostile text can make it useless but not slow or large.
pub(crate) struct Interner {
    slots: Vec<Option<Str>>,
    /// Texts that were not there since the last growth.
    missed: usize,
}

impl Interner {
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            missed: 0,
        }
    }

    pub(crate) fn get(&mut self, text: &str) -> Str {
        if text.len() > LONGEST {
            return Str::from(text);
        }
        if self.missed >= 2 * self.slots.len() && self.slots.len() < MOST {
            self.grow();
        }
        let index = hash(text.as_bytes()) % self.slots.len().max(1);
        let Some(slot) = self.slots.get_mut(index) else {
            return Str::from(text);
        };
        match slot {
            Some(known) if **known == *text => known.clone(),
            _ => {
                self.missed += 1;
                slot.insert(Str::from(text)).clone()
            }
        }
    }

    fn grow(&mut self) {
        self.missed = 0;
        let known = std::mem::take(&mut self.slots);
        let count = (2 * known.len()).max(FEWEST);
        self.slots.resize(count, None);
        for text in known.into_iter().flatten() {
            if let Some(slot) = self.slots.get_mut(hash(text.as_bytes()) % count) {
                *slot = Some(text);
            }
        }
    }
}

fn hash(bytes: &[u8]) -> usize {
    let mut state = bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    let mut mix = |word: u64| {
        state = (state.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    };
    for chunk in &mut chunks {
        mix(u64::from_le_bytes(chunk.try_into().unwrap_or_default()));
    }
    let mut last = 0;
    for &byte in chunks.remainder() {
        last = (last << 8) | u64::from(byte);
    }
    mix(last);
    // The upper bits are the well-mixed ones.
    (state >> 40) as usize
}
