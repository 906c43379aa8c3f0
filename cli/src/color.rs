//! Colour and width of the terminal.

use clap::ValueEnum;
use std::io::IsTerminal;

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum Color {
    /// When standard output is a terminal and `NO_COLOR` is not set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether to colour standard output. `NO_COLOR` and `CLICOLOR_FORCE` count when they
    /// are set and not empty (no-color.org, bixense.com/clicolors).
    pub(crate) fn enabled(self) -> bool {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if set("NO_COLOR") => false,
            Color::Auto if set("CLICOLOR_FORCE") => true,
            Color::Auto => {
                std::io::stdout().is_terminal()
                    && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        }
    }
}

/// Columns to write for: the terminal's, `COLUMNS`, or 80.
pub(crate) fn width() -> usize {
    if let Some((terminal_size::Width(width), _)) = terminal_size::terminal_size() {
        return usize::from(width).max(40);
    }
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    columns
        .filter(|columns| (40..=1000).contains(columns))
        .unwrap_or(80)
}
