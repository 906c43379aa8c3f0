//! What the user accepts, why, and until when.

use seawall_model::{Finding, Span};

/// A calendar day, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Year.
    pub year: u16,
    /// Month from 1.
    pub month: u8,
    /// Day from 1.
    pub day: u8,
}

/// One accepted risk: every given field must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Rule id, alias or finding id.
    pub id: String,
    /// Glob over the asset (`Deployment payments/*`); `None` matches all.
    pub target: Option<String>,
    /// Glob over the file path; `None` matches all.
    pub path: Option<String>,
    /// Why it is accepted; never empty.
    pub reason: String,
    /// Last day on which it counts.
    pub expires: Option<Date>,
    /// Where it is written.
    pub span: Span,
}

/// A finding that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    /// What was found.
    pub finding: Finding,
    /// Why it is accepted.
    pub reason: String,
    /// Where that is written.
    pub span: Span,
}

/// A suppression that did nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressionNotice {
    /// What is the matter with it, one sentence without a full stop.
    pub message: String,
    /// Where it is written.
    pub span: Span,
}
