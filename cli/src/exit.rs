//! Exit codes and the one way to complain.

use std::borrow::Cow;
use std::io::Write;
use std::process::ExitCode;

/// What the exit code says. README and `--help` document the same table; a test holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Clean at the gate.
    Clean = 0,
    /// Findings at or above `--fail-on`.
    Findings = 1,
    /// The command line or a configuration file is wrong.
    Usage = 2,
    /// Coverage below `--min-coverage`, or nothing could be read.
    Incomplete = 3,
    /// A bug, or the result could not be written.
    Internal = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// An error that ends a command.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Failure {
    /// The user can mend it: exit code 2.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// A result that could not be written: exit code 4.
    pub(crate) fn write(what: &str, error: &std::io::Error) -> Self {
        Self {
            exit: Exit::Internal,
            message: format!("cannot write {what}: {error}"),
            hint: "nothing was left half-written; free some space or choose another place".into(),
        }
    }
}

/// Writes an error to standard error: what and where, then what to do next. Names of files
/// and keys in it may come from strangers, so nothing in it reaches the terminal that the
/// terminal would obey.
pub(crate) fn complain(message: &str, hint: &str) {
    let mut err = std::io::stderr().lock();
    // When standard error is closed there is nobody to tell.
    for (position, line) in message.lines().take(MOST_LINES).enumerate() {
        let start = if position == 0 { "seawall: " } else { "  " };
        let line = shortened(line);
        let _ = writeln!(err, "{start}{}", seawall_report::clean(&line));
    }
    if !hint.is_empty() {
        let _ = writeln!(err, "  hint: {}", seawall_report::clean(hint));
    }
}

/// Says something beside the output, on standard error.
pub(crate) fn note(message: &str) {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "seawall: {}", seawall_report::clean(message));
}

/// The most lines of a message.
const MOST_LINES: usize = 100;

/// A line of a message may quote what somebody else wrote, at any length.
fn shortened(message: &str) -> Cow<'_, str> {
    const LONGEST: usize = 1_000;
    if message.len() <= LONGEST {
        return message.into();
    }
    let end = message.floor_char_boundary(LONGEST);
    format!("{}…", message.get(..end).unwrap_or_default()).into()
}

/// Writes what is told beside a result to standard error.
pub(crate) fn say(text: &str) {
    // When standard error is closed there is nobody to tell.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
