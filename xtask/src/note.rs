//! One thing to put right.

use std::fmt;

/// Something that breaks an invariant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Note {
    /// Path from the root of the repository.
    pub(crate) path: String,
    /// Line, from 1; 0 for the file as a whole.
    pub(crate) line: usize,
    /// The check that says it, as `xtask/exceptions.txt` names it.
    pub(crate) check: &'static str,
    /// What is wrong, and what to do.
    pub(crate) text: String,
}

impl Note {
    pub(crate) fn new(
        check: &'static str,
        path: &str,
        line: usize,
        text: impl Into<String>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            line,
            check,
            text: text.into(),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {} [{}]", self.text, self.check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_with_the_place_first() {
        let note = Note::new("size", "a/b.rs", 3, "too long, split it");
        assert_eq!(note.to_string(), "a/b.rs:3: too long, split it [size]");
        let whole = Note::new("size", "a/b.rs", 0, "too long, split it");
        assert_eq!(whole.to_string(), "a/b.rs: too long, split it [size]");
    }
}
