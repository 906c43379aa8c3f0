//! Go's template language.
//!
//! Templates are read by the crate `gotmpl`, between two passes of our own: [`layout`] cuts
//! the text into what is printed as it stands and what is an action, because the crate
//! trims more than Go does, joins lines around comments and forgives blocks that do not
//! match; [`read`] turns its tree into a [`program`] where functions and variables are found
//! already, and refuses what the crate lets pass and Go does not.
//!
//! Programs are run by [`run`] and not by the crate: every piece of the output must know the
//! template line and the values key that it comes from, functions like `set` change maps in
//! place, and a hostile template may neither loop nor grow without bound.

mod layout;
pub(crate) mod literal;
mod member;
pub(crate) mod program;
pub(crate) mod read;
pub(crate) mod run;
pub(crate) mod scope;
#[cfg(test)]
mod tests;

/// Bytes of a template's text, end exclusive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// What is wrong with a template's text, and where.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) offset: u32,
    pub(crate) message: String,
}

impl SyntaxError {
    fn new(offset: u32, message: impl Into<String>) -> Self {
        Self {
            offset,
            message: message.into(),
        }
    }
}

/// The text of some bytes.
pub(crate) fn cut(text: &str, at: At) -> &str {
    text.get(at.start as usize..at.end as usize).unwrap_or("")
}

/// Template files are far below 4 GiB ([`crate::helm::limits`]).
fn offset(pos: usize) -> u32 {
    u32::try_from(pos).unwrap_or(u32::MAX)
}
