//! Who reaches whom: for the terminal, for programs and for drawing.
//!
//! The terminal gathers what a reader would: sources by namespace, workloads that are reached
//! alike. Machine formats hold every pair that was asked for.

mod draw;
mod graph;
mod least;
mod machine;
mod proof;
mod terminal;

pub(crate) use draw::drawing;
pub use least::{least, observed, uncovered};
pub use proof::{asserted, proofs};
pub use terminal::{blast, change};

use seawall_assessment::reach::Flows;
use seawall_model::SourceMap;
use std::str::FromStr;

/// A way to tell who reaches whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Terminal,
    /// Everything.
    Json,
    /// One line per pair.
    Csv,
    /// For Graphviz.
    Dot,
    /// A drawing.
    Svg,
    /// For Markdown that draws.
    Mermaid,
}

impl Format {
    /// All of them, by the names of flags.
    pub const ALL: [(&'static str, Format); 6] = [
        ("terminal", Format::Terminal),
        ("json", Format::Json),
        ("csv", Format::Csv),
        ("dot", Format::Dot),
        ("svg", Format::Svg),
        ("mermaid", Format::Mermaid),
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

/// Tells who reaches whom. `all` leaves nothing out that the terminal would gather.
pub fn flows(flows: &Flows, format: Format, map: &SourceMap, all: bool) -> String {
    match format {
        Format::Terminal => terminal::flows(flows, map, all),
        Format::Json => machine::json(flows, map),
        Format::Csv => machine::csv(flows),
        Format::Dot => graph::dot(flows),
        Format::Svg => draw::svg(flows),
        Format::Mermaid => graph::mermaid(flows),
    }
}
