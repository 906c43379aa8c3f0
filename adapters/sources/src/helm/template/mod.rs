//! Go's template language: text to nodes ([`parse`]), nodes to text ([`exec`]).

pub(crate) mod ast;
pub(crate) mod exec;
mod field;
mod lex;
pub(crate) mod literal;
pub(crate) mod parse;
mod pipeline;
mod range;

/// The text of some bytes.
pub(crate) fn cut(text: &str, at: ast::At) -> &str {
    text.get(at.start as usize..at.end as usize).unwrap_or("")
}
