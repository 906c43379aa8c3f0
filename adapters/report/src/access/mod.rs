//! Who can do something, and what somebody can do: for the terminal and for programs.
//!
//! The terminal tells what the input gives, and gathers what every cluster has; machine
//! formats hold all of it.

mod machine;
mod review;
mod terminal;

pub use review::{ReviewFormat, review};

use seawall_assessment::access::{WhatCan, WhoCan};
use seawall_model::SourceMap;
use std::str::FromStr;

/// A way to tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Terminal,
    /// Everything.
    Json,
    /// One line for each right.
    Csv,
}

impl Format {
    /// All of them, by the names of flags.
    pub const ALL: [(&'static str, Format); 3] = [
        ("terminal", Format::Terminal),
        ("json", Format::Json),
        ("csv", Format::Csv),
    ];
}

impl FromStr for Format {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        let mut all = Self::ALL.iter();
        all.find(|(name, _)| *name == word)
            .map(|(_, format)| *format)
            .ok_or(())
    }
}

/// Tells who can do something. `all` lists what every cluster has, too.
pub fn who_can(answer: &WhoCan, format: Format, map: &SourceMap, all: bool) -> String {
    match format {
        Format::Terminal => terminal::who_can(answer, map, all),
        Format::Json => machine::who_can(answer, map),
        Format::Csv => machine::grants(&answer.grants, map),
    }
}

/// Tells what somebody can do. `all` lists what everybody has, too.
pub fn what_can(answer: &WhatCan, format: Format, map: &SourceMap, all: bool) -> String {
    match format {
        Format::Terminal => terminal::what_can(answer, map, all),
        Format::Json => machine::what_can(answer, map),
        Format::Csv => machine::rights(answer, map),
    }
}
