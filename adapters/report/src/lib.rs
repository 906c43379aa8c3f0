//! How an answer is told: terminal, JSON, SARIF, JUnit, Markdown, HTML, CSV, and as GitHub's
//! and GitLab's annotations.
//!
//! [`write`] turns one [`Assessment`] into one format; [`write_file`] does the same into a
//! file that is either complete or not touched. [`explain`] shows one rule or one finding,
//! and [`saved`] reads a JSON report back.
//!
//! Two kinds of format share one view. *Machine formats* (JSON, SARIF, JUnit, CSV) hold
//! every finding whatever [`Display`] says, know no clock, and are equal for equal input.
//! *Human formats* (terminal, Markdown, HTML) hide what is below [`Display::severity`], say
//! how much they hid, and replace every character that a terminal or a browser would obey.
//!
//! Where the answer is compared with an earlier one, human formats and annotations tell what
//! is new, and machine formats mark it.
//!
//! **Invariants:** no format shows a credential that stands near a finding ([`source lines
//! are masked`](crate::write)); nothing is built in memory that grows with the number of
//! findings, except small indices.

pub mod access;
mod credentials;
mod csv;
pub mod explain;
mod file;
pub mod fixes;
mod github;
mod gitlab;
mod html;
mod json;
mod junit;
mod markdown;
mod news;
pub mod paths;
pub mod reach;
mod redact;
mod restore;
mod sarif;
pub mod saved;
mod source;
mod terminal;
mod text;
mod view;

pub use file::{is_free, write_directory, write_file, write_text};
pub use json::catalogue;
pub use restore::{baseline, restore};
pub use text::clean;
pub use view::exit_code;

use seawall_assessment::Assessment;
use seawall_model::{Rule, Severity, SourceMap, SourceText};
use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

/// A way to tell an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// For people, at once: the worst three first, one screen.
    Terminal,
    /// Everything, in a documented schema (`schema/seawall-report-v1.json`).
    Json,
    /// SARIF 2.1.0 for code-scanning services.
    Sarif,
    /// JUnit XML for test reports in CI.
    Junit,
    /// GitHub-flavoured Markdown for comments.
    Markdown,
    /// One self-contained page.
    Html,
    /// One line per finding for spreadsheets.
    Csv,
    /// GitHub's workflow commands: annotations on the lines of a pull request.
    Github,
    /// GitLab's code-quality report.
    Gitlab,
}

impl Format {
    /// All formats, in the order help texts list them.
    pub const ALL: [Format; 9] = [
        Format::Terminal,
        Format::Json,
        Format::Sarif,
        Format::Junit,
        Format::Markdown,
        Format::Html,
        Format::Csv,
        Format::Github,
        Format::Gitlab,
    ];

    /// The name used in flags.
    pub fn name(self) -> &'static str {
        match self {
            Format::Terminal => "terminal",
            Format::Json => "json",
            Format::Sarif => "sarif",
            Format::Junit => "junit",
            Format::Markdown => "markdown",
            Format::Html => "html",
            Format::Csv => "csv",
            Format::Github => "github",
            Format::Gitlab => "gitlab",
        }
    }

    /// What a help text says about it.
    pub fn description(self) -> &'static str {
        match self {
            Format::Terminal => "for people: the worst three things first, one screen",
            Format::Json => "everything, in a documented and versioned schema",
            Format::Sarif => "SARIF 2.1.0, for code-scanning services",
            Format::Junit => "JUnit XML, for test reports in CI",
            Format::Markdown => "GitHub-flavoured Markdown, for comments",
            Format::Html => "one self-contained page, also good on paper",
            Format::Csv => "one line per finding, for spreadsheets",
            Format::Github => "annotations on a pull request, in a GitHub workflow",
            Format::Gitlab => "GitLab's code-quality report",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that is not a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFormat {
    /// What was given.
    pub word: String,
    /// What was perhaps meant.
    pub suggestion: Option<&'static str>,
}

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown format `{}`", text::clean(&self.word))?;
        if let Some(suggestion) = self.suggestion {
            write!(f, ": did you mean `{suggestion}`?")?;
        } else {
            f.write_str(":")?;
        }
        f.write_str(" Formats are ")?;
        for (at, format) in Format::ALL.into_iter().enumerate() {
            let before = match at {
                0 => "",
                _ if at + 1 == Format::ALL.len() => " and ",
                _ => ", ",
            };
            write!(f, "{before}{format}")?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownFormat {}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let word = s.trim().to_ascii_lowercase();
        let alias = match word.as_str() {
            "md" => "markdown",
            "table" | "text" | "human" | "tty" => "terminal",
            "htm" => "html",
            "xml" | "junit-xml" => "junit",
            other => other,
        };
        Format::ALL
            .into_iter()
            .find(|format| format.name() == alias)
            .ok_or_else(|| UnknownFormat {
                word: s.to_owned(),
                suggestion: text::suggest(&word, &Format::ALL.map(Format::name)),
            })
    }
}

/// Everything a report is made of.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The answer.
    pub assessment: &'a Assessment,
    /// Files and values keys.
    pub map: &'a SourceMap,
    /// The user's own lines.
    pub text: &'a dyn SourceText,
    /// The catalogue of rules.
    pub rules: &'a [Rule],
    /// What was run on what.
    pub header: &'a Header,
    /// How people want to see it.
    pub display: &'a Display,
}

/// What was run on what.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// Seawall's version, without `v`.
    pub tool_version: String,
    /// What the user asked for: paths, `-`, a revision.
    pub targets: Vec<String>,
    /// The Kubernetes version that verdicts are for, as printed: `v1.37`.
    pub kubernetes_version: String,
    /// How long it took; only the terminal says so.
    pub elapsed: Option<Duration>,
    /// Files read.
    pub files: u64,
}

/// How people want to see it.
#[derive(Debug, Clone)]
pub struct Display {
    /// The lowest severity that human formats show. Never changes a verdict.
    pub severity: Severity,
    /// 0: one screen; 1: every finding, by rule; 2: each with its source lines.
    pub verbose: u8,
    /// Only the gate's line.
    pub quiet: bool,
    /// Whether to colour.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// Whether places are clickable (OSC 8).
    pub hyperlinks: bool,
}

impl Default for Display {
    fn default() -> Self {
        Self {
            severity: Severity::Info,
            verbose: 0,
            quiet: false,
            color: false,
            width: 80,
            hyperlinks: false,
        }
    }
}

/// Writes one format. Buffers by itself; a closed pipe comes back as
/// [`io::ErrorKind::BrokenPipe`].
pub fn write(format: Format, context: &Context<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(64 << 10, out);
    let view = view::View::new(context);
    match format {
        Format::Terminal => terminal::write(&view, &mut out)?,
        Format::Json => json::write(&view, &mut out)?,
        Format::Sarif => sarif::write(&view, &mut out)?,
        Format::Junit => junit::write(&view, &mut out)?,
        Format::Markdown => markdown::write(&view, &mut out)?,
        Format::Html => html::write(&view, &mut out)?,
        Format::Csv => csv::write(&view, &mut out)?,
        Format::Github => github::write(&view, &mut out)?,
        Format::Gitlab => gitlab::write(&view, &mut out)?,
    }
    io::Write::flush(&mut out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_and_typos_answered() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert_eq!("MD".parse(), Ok(Format::Markdown));
        let error = "srif".parse::<Format>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown format `srif`: did you mean `sarif`? Formats are terminal, json, sarif, \
             junit, markdown, html, csv, github and gitlab"
        );
        let error = "docx\x1b".parse::<Format>().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("unknown format `docx␛`: Formats are terminal")
        );
    }
}
