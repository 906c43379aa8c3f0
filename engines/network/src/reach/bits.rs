//! Sets of small numbers as words of bits: places of the network, mostly.
//!
//! All sets of one network have the same length, so that joining two is a walk over words.

/// A set of numbers below a length that it was made with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bits {
    words: Box<[u64]>,
}

impl Bits {
    /// The empty set, with room for numbers below `length`.
    pub fn new(length: usize) -> Self {
        Self {
            words: vec![0; length.div_ceil(64)].into_boxed_slice(),
        }
    }

    /// All numbers below `length`.
    pub fn full(length: usize) -> Self {
        let mut bits = Self::new(length);
        bits.insert_range(0, length);
        bits
    }

    /// Puts a number in; one that there is no room for is left out.
    pub fn insert(&mut self, number: usize) {
        if let Some(word) = self.words.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    /// Takes a number out.
    pub fn remove(&mut self, number: usize) {
        if let Some(word) = self.words.get_mut(number / 64) {
            *word &= !(1 << (number % 64));
        }
    }

    /// Puts the numbers from `start` to below `end` in.
    pub fn insert_range(&mut self, start: usize, end: usize) {
        for (index, word) in self.words.iter_mut().enumerate() {
            *word |= mask(index, start, end);
        }
    }

    /// Takes the numbers from `start` to below `end` out.
    pub fn remove_range(&mut self, start: usize, end: usize) {
        for (index, word) in self.words.iter_mut().enumerate() {
            *word &= !mask(index, start, end);
        }
    }

    /// Whether a number is in.
    pub fn has(&self, number: usize) -> bool {
        self.words
            .get(number / 64)
            .is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Whether nothing is in.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// How many numbers are in.
    pub fn count(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// Adds what is in the other set.
    pub fn add(&mut self, other: &Bits) {
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    /// Takes out what is in the other set.
    pub fn subtract(&mut self, other: &Bits) {
        for (word, less) in self.words.iter_mut().zip(&other.words) {
            *word &= !less;
        }
    }

    /// Keeps what is in the other set, too.
    pub fn keep(&mut self, other: &Bits) {
        for (word, only) in self.words.iter_mut().zip(&other.words) {
            *word &= only;
        }
    }

    /// Adds what is in both of two other sets.
    pub fn add_common(&mut self, one: &Bits, two: &Bits) {
        let others = one.words.iter().zip(&two.words);
        for (word, (a, b)) in self.words.iter_mut().zip(others) {
            *word |= a & b;
        }
    }

    /// Adds what is in one other set and not in a second.
    pub fn add_except(&mut self, one: &Bits, except: &Bits) {
        let others = one.words.iter().zip(&except.words);
        for (word, (a, b)) in self.words.iter_mut().zip(others) {
            *word |= a & !b;
        }
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// What is in both.
    #[must_use]
    pub fn and(&self, other: &Bits) -> Bits {
        let mut both = self.clone();
        both.keep(other);
        both
    }

    /// What is in this one only.
    #[must_use]
    pub fn without(&self, other: &Bits) -> Bits {
        let mut rest = self.clone();
        rest.subtract(other);
        rest
    }

    /// Whether something is in both.
    pub fn meets(&self, other: &Bits) -> bool {
        let mut words = self.words.iter().zip(&other.words);
        words.any(|(one, two)| one & two != 0)
    }

    /// The numbers, least first.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                if left == 0 {
                    return None;
                }
                let bit = left.trailing_zeros() as usize;
                left &= left - 1;
                Some(index * 64 + bit)
            })
        })
    }
}

/// The bits of one word that stand for the numbers from `start` to below `end`.
fn mask(index: usize, start: usize, end: usize) -> u64 {
    let first = start.saturating_sub(index * 64).min(64);
    let last = end.saturating_sub(index * 64).min(64);
    let below = |count: usize| {
        if count == 64 {
            u64::MAX
        } else {
            (1 << count) - 1
        }
    };
    below(last) & !below(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cross_words() {
        let mut bits = Bits::new(200);
        bits.insert_range(60, 130);
        assert_eq!(bits.count(), 70);
        assert!(bits.has(60) && bits.has(129) && !bits.has(59) && !bits.has(130));
        bits.remove_range(64, 128);
        assert_eq!(bits.iter().collect::<Vec<_>>(), [60, 61, 62, 63, 128, 129]);
        bits.insert(9999);
        assert_eq!(Bits::full(128).count(), 128);
    }
}
