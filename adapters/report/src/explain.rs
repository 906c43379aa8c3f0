//! `seawall explain`: one rule of the catalogue, or one finding with everything that is
//! known about it.

use crate::terminal::{self, Role, Screen};
use crate::text::clean;
use crate::view::View;
use crate::{Context, Display, markdown as md};
use seawall_assessment::fixes::repairable;
use seawall_model::{Finding, Framework, Repairable, Rule, SourceMap, SourceText};
use std::fmt::Write as _;
use std::io;

/// Writes one rule for the terminal.
pub fn rule(rule: &Rule, display: &Display, out: &mut dyn io::Write) -> io::Result<()> {
    let assessment = seawall_assessment::Assessment::default();
    let (map, header) = (SourceMap::new(), crate::Header::default());
    let context = Context {
        assessment: &assessment,
        map: &map,
        text: &NoText,
        rules: &[],
        header: &header,
        display,
    };
    let view = View::new(&context);
    let screen = Screen::new(&view);
    let label = format!(" {} ", rule.severity.name().to_ascii_uppercase());
    let title = format!("{} {}", clean(rule.id.as_str()), clean(&rule.title));
    let mut lines = vec![
        format!(
            "{} {}",
            screen.paint(Role::Label(rule.severity), &label),
            screen.paint(Role::Strong, &title)
        ),
        String::new(),
    ];
    screen.paragraph("why", Role::Strong, &rule.why, usize::MAX, &mut lines);
    screen.paragraph("fix", Role::Fix, &rule.fix, usize::MAX, &mut lines);
    let repair = repairable(&rule.id).sentence();
    screen.paragraph("apply", Role::Strong, repair, usize::MAX, &mut lines);
    lines.push(String::new());
    screen.paragraph(
        "area",
        Role::Strong,
        rule.area.name(),
        usize::MAX,
        &mut lines,
    );
    for framework in Framework::ALL {
        let controls = controls(rule, framework);
        if !controls.is_empty() {
            let body = format!("{} ({})", controls.join(", "), framework.title());
            screen.paragraph(
                framework.name(),
                Role::Strong,
                &body,
                usize::MAX,
                &mut lines,
            );
        }
    }
    if !rule.aliases.is_empty() {
        let body = rule.aliases.join(", ");
        screen.paragraph("alias", Role::Strong, &body, usize::MAX, &mut lines);
    }
    screen.paragraph("since", Role::Strong, rule.since, usize::MAX, &mut lines);
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn controls(rule: &Rule, framework: Framework) -> Vec<&'static str> {
    rule.references
        .iter()
        .filter(|reference| reference.framework == framework)
        .map(|reference| reference.control)
        .collect()
}

/// One rule as Markdown: the text of its documentation page, and of SARIF's help.
pub fn markdown(rule: &Rule) -> String {
    let mut out = format!(
        "# {} {}\n\n**Severity:** {} · **Area:** {} · **Since:** {}\n\n",
        md::text(rule.id.as_str()),
        md::text(&rule.title),
        rule.severity,
        rule.area.name(),
        rule.since,
    );
    let _ = write!(
        out,
        "{}\n\n**Fix:** {}\n",
        md::prose(&rule.why),
        md::prose(&rule.fix)
    );
    let repair = repairable(&rule.id);
    if repair != Repairable::ByHand {
        let _ = writeln!(out, "\n{}.", repair.sentence());
    }
    let lists: Vec<(Framework, Vec<&str>)> = Framework::ALL
        .into_iter()
        .map(|framework| (framework, controls(rule, framework)))
        .filter(|(_, controls)| !controls.is_empty())
        .collect();
    if !lists.is_empty() || !rule.aliases.is_empty() {
        out.push('\n');
    }
    for (framework, controls) in lists {
        let _ = writeln!(out, "- {}: {}", framework.title(), controls.join(", "));
    }
    if !rule.aliases.is_empty() {
        let _ = writeln!(
            out,
            "- The same check in other tools: {}",
            rule.aliases.join(", ")
        );
    }
    out
}

/// Why an id names no finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupError {
    /// No finding's id begins like this.
    Unknown,
    /// More than one does; this many.
    Ambiguous(usize),
    /// Too short, or not hexadecimal: this is no finding's id at all.
    NotAnId,
}

/// The finding whose id begins with `prefix` (at least four hexadecimal digits), suppressed
/// ones included.
pub fn find<'a>(context: &Context<'a>, prefix: &str) -> Result<&'a Finding, LookupError> {
    let prefix = prefix.to_ascii_lowercase();
    if !(4..=32).contains(&prefix.len()) || !prefix.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(LookupError::NotAnId);
    }
    let open = context.assessment.findings.iter();
    let all = open.chain(context.assessment.suppressed.iter().map(|s| &s.finding));
    let mut found = all.filter(|finding| finding.id.to_string().starts_with(&prefix));
    let Some(first) = found.next() else {
        return Err(LookupError::Unknown);
    };
    match found.filter(|other| other.id != first.id).count() {
        0 => Ok(first),
        more => Err(LookupError::Ambiguous(more + 1)),
    }
}

/// Writes one finding for the terminal: all evidence, all assets, the rule's reason.
pub fn finding(
    finding: &Finding,
    context: &Context<'_>,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let view = View::new(context);
    terminal::explain_finding(&view, finding, out)
}

/// One finding as Markdown.
pub fn finding_markdown(finding: &Finding, context: &Context<'_>) -> String {
    let view = View::new(context);
    md::explain(&view, finding)
}

/// A rule is explained without any source.
struct NoText;

impl SourceText for NoText {
    fn text(&self, _: seawall_model::FileId) -> Option<String> {
        None
    }
}
