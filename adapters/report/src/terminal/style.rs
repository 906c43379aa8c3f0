//! Colour and links. Nothing is told by colour alone: without it every word is still there.

use seawall_model::Severity;

/// What a piece of text is, for colouring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A severity's label at the head of a finding.
    Label(Severity),
    /// A severity in running text.
    Severity(Severity),
    Plain,
    /// What the eye should find first.
    Strong,
    /// Line numbers, frames, side notes.
    Faint,
    /// What to do.
    Fix,
    Good,
    Bad,
    Warn,
}

/// Wraps text in escape sequences, or not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) color: bool,
    pub(crate) hyperlinks: bool,
}

impl Style {
    /// Colours a text that is already safe to print.
    pub(crate) fn paint(self, role: Role, text: &str) -> String {
        if !self.color || text.is_empty() || role == Role::Plain {
            return text.to_owned();
        }
        // The sixteen basic colours only: they follow the user's theme.
        let code = match role {
            Role::Label(Severity::Critical) => "1;97;41",
            Role::Label(Severity::High) | Role::Severity(Severity::Critical) | Role::Bad => "1;31",
            Role::Severity(Severity::High) => "31",
            Role::Label(Severity::Medium) => "1;33",
            Role::Severity(Severity::Medium) | Role::Warn => "33",
            Role::Label(Severity::Low) => "1;36",
            Role::Severity(Severity::Low) => "36",
            Role::Label(Severity::Info) | Role::Severity(Severity::Info) | Role::Faint => "90",
            Role::Plain => "0",
            Role::Strong => "1",
            Role::Fix | Role::Good => "32",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Makes a text clickable where the terminal can.
    pub(crate) fn link(self, url: Option<&str>, text: &str) -> String {
        match url {
            Some(url) if self.hyperlinks => format!("\x1b]8;;{url}\x1b\\{text}\x1b]8;;\x1b\\"),
            _ => text.to_owned(),
        }
    }
}
