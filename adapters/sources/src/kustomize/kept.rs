//! What was made once, kept while somebody will ask for it again.
//!
//! Bases and files are shared by many overlays, and the trees of all of them together are most
//! of what a scan would hold at the end. So each is counted, where it is known how often it
//! will be asked for, and let go with the last use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Things by path. Can be shared between threads.
pub(super) struct Kept<T>(Mutex<Inner<T>>);

struct Inner<T> {
    made: HashMap<String, Arc<T>>,
    /// How often a path will yet be asked for, where that is known.
    uses: HashMap<String, u32>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(Inner {
            made: HashMap::new(),
            uses: HashMap::new(),
        }))
    }
}

/// What there is at a path.
pub(super) struct Known<T> {
    pub(super) there: Option<Arc<T>>,
    /// Whether it is to be kept, once it is made. What is asked for after its last expected
    /// use is kept from then on, so nothing is made more than twice.
    pub(super) keeps: bool,
}

impl<T> Kept<T> {
    /// See [`super::Builder::expect`].
    pub(super) fn expect(&self, uses: HashMap<String, u32>) {
        self.lock(|inner| inner.uses = uses);
    }

    /// Asks for what is at a path, which counts as a use.
    pub(super) fn ask(&self, path: &str) -> Known<T> {
        self.lock(|inner| {
            let keeps = match inner.uses.get_mut(path) {
                None => true,
                Some(1) => inner.uses.remove(path).is_none(),
                Some(more) => {
                    *more -= 1;
                    true
                }
            };
            let there = if keeps {
                inner.made.get(path).cloned()
            } else {
                inner.made.remove(path)
            };
            Known { there, keeps }
        })
    }

    /// Keeps what was made for a path.
    pub(super) fn keep(&self, path: &str, made: &Arc<T>) {
        self.lock(|inner| inner.made.insert(path.to_owned(), Arc::clone(made)));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock(|inner| inner.made.len())
    }

    fn lock<R>(&self, work: impl FnOnce(&mut Inner<T>) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
