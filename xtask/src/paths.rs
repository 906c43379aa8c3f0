//! Paths to items of the standard library, in `use` trees and in expressions.

use crate::lexer::{Line, is_word};

/// One word of code with its line, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// The words and signs of the lines that are not test code. `::` is one sign.
pub(crate) fn tokens(lines: &[Line]) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| !line.test) {
        let mut rest = line.code.as_str();
        while let Some(c) = rest.chars().next() {
            let length = if is_word(c) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                c.len_utf8()
            };
            let (text, after) = rest.split_at(length);
            if !text.trim().is_empty() {
                tokens.push(Token {
                    line: number,
                    text: text.to_owned(),
                });
            }
            rest = after;
        }
    }
    tokens
}

/// A full path with its line, from 0, such as `std::fs::read`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) line: usize,
    pub(crate) path: String,
}

/// All paths that start with `root`, use trees taken apart.
pub(crate) fn used(lines: &[Line], root: &str) -> Vec<Used> {
    let tokens = tokens(lines);
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let inner = at
            .checked_sub(1)
            .and_then(|at| tokens.get(at))
            .is_some_and(|t| t.text == "::");
        // `::std` is the same crate; `x::std` is not.
        let outer = at.checked_sub(2).and_then(|at| tokens.get(at));
        let of_another = inner && outer.is_some_and(|t| t.text.starts_with(is_word));
        if token.text == root && !of_another {
            tree(&tokens, at + 1, root.to_owned(), token.line, &mut found);
        }
    }
    found
}

/// Reads the rest of a path from `at`; gives the position after it.
fn tree(
    tokens: &[Token],
    mut at: usize,
    mut path: String,
    mut line: usize,
    found: &mut Vec<Used>,
) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    while text(at) == "::" {
        let next = text(at + 1);
        if next == "{" {
            at += 2;
            while !matches!(text(at), "}" | "") {
                if text(at) == "," {
                    at += 1;
                    continue;
                }
                let line = tokens.get(at).map_or(line, |token| token.line);
                let inner = match text(at) {
                    "self" => path.clone(),
                    word => format!("{path}::{word}"),
                };
                at = tree(tokens, at + 1, inner, line, found);
                while !matches!(text(at), "," | "}" | "") {
                    at += 1; // `as name`
                }
            }
            return at + 1;
        }
        if next != "*" && !next.starts_with(is_word) {
            break; // `::<`
        }
        line = tokens.get(at + 1).map_or(line, |token| token.line);
        path.push_str("::");
        path.push_str(next);
        at += 2;
    }
    found.push(Used { line, path });
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::lines;

    fn std_paths(text: &str) -> Vec<String> {
        used(&lines(text), "std")
            .into_iter()
            .map(|used| used.path)
            .collect()
    }

    #[test]
    fn use_trees_are_taken_apart() {
        assert_eq!(
            std_paths("use std::{fmt, fs::{self, File as F}, time::{Duration, Instant}};"),
            [
                "std::fmt",
                "std::fs",
                "std::fs::File",
                "std::time::Duration",
                "std::time::Instant"
            ]
        );
        assert_eq!(std_paths("use std::io::*;"), ["std::io::*"]);
    }

    #[test]
    fn expressions_count_and_others_do_not() {
        assert_eq!(
            std_paths("let x = ::std::fs::read::<P>(p);"),
            ["std::fs::read"]
        );
        assert_eq!(std_paths("let x = mine::std::fs();"), Vec::<String>::new());
        assert_eq!(
            std_paths("#[cfg(test)]\nuse std::fs;\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn lines_are_those_of_the_item() {
        let found = used(&lines("use std::{\n    fmt,\n    fs,\n};"), "std");
        assert_eq!(
            found.last(),
            Some(&Used {
                line: 2,
                path: "std::fs".to_owned()
            })
        );
    }
}
