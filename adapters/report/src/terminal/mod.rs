//! The terminal: the worst three first, one screen.
//!
//! The order never changes: what was run, the worst way in, the worst three with their lines, what else there
//! is, what was not covered, and the gate's verdict as the last line, where the eye and the
//! next command find it.

mod finding;
mod frame;
mod list;
mod sections;
mod style;
mod way;

pub(crate) use finding::{Detail, explain as explain_finding};
pub(crate) use style::{Role, Style};

use crate::view::View;
use std::collections::HashMap;
use std::io;

/// Lines of one screen.
const SCREEN: usize = 40;
/// The narrowest and the widest that is still read well.
const WIDTHS: (usize, usize) = (60, 200);
/// The eye loses the line when prose is wider than this.
const PROSE: usize = 110;

/// What all parts of the terminal report need.
pub(crate) struct Screen<'v, 'a> {
    pub(crate) view: &'v View<'a>,
    pub(crate) style: Style,
    pub(crate) width: usize,
    /// Columns for sentences.
    pub(crate) prose: usize,
    /// The working directory, for clickable places.
    pub(crate) here: Option<std::path::PathBuf>,
    /// How many findings the rules have that are told first.
    repeats: HashMap<&'a str, usize>,
}

impl<'v, 'a> Screen<'v, 'a> {
    pub(crate) fn new(view: &'v View<'a>) -> Self {
        let display = view.display;
        let here = display
            .hyperlinks
            .then(|| std::path::absolute(".").ok())
            .flatten();
        let width = display.width.clamp(WIDTHS.0, WIDTHS.1);
        Self {
            view,
            style: Style {
                color: display.color,
                hyperlinks: display.hyperlinks,
            },
            width,
            prose: width.min(PROSE),
            here,
            repeats: HashMap::new(),
        }
    }

    /// The worst findings. Where they do not fit, the last of them lose their reason first.
    fn first(&self, top: &[usize], room: usize) -> Vec<String> {
        let findings: Vec<_> = top
            .iter()
            .filter_map(|index| self.view.finding(*index))
            .collect();
        let full = findings.len();
        for reasons in (1..=full).rev() {
            let mut lines = Vec::new();
            for (at, finding) in findings.iter().enumerate() {
                lines.push(String::new());
                let detail = if at < reasons {
                    Detail::Top
                } else {
                    Detail::Brief
                };
                self.finding(finding, detail, &mut lines);
            }
            if lines.len() <= room || reasons == 1 || self.view.display.verbose > 0 {
                return lines;
            }
        }
        Vec::new()
    }

    pub(crate) fn paint(&self, role: Role, text: &str) -> String {
        self.style.paint(role, text)
    }
}

pub(crate) fn write(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let mut screen = Screen::new(view);
    if view.display.quiet {
        return writeln!(out, "{}", screen.gate());
    }
    let verbose = view.display.verbose;
    let header = screen.header();
    let groups = view.groups(view.shown());
    let top = view.top(&groups);
    let told = groups.iter().filter(|group| {
        let mut told = top.iter().filter_map(|index| view.finding(*index));
        told.any(|finding| finding.rule == *group.rule)
    });
    screen.repeats = told
        .map(|group| (group.rule.as_str(), group.members.len()))
        .collect();
    let counts = screen.counts();
    let comparison = screen.comparison();
    let frameworks = screen.frameworks();
    let uncovered = screen.uncovered();
    let suppressed = screen.suppressed();
    let gate = screen.gate();

    // The header, the blank line before the verdict, and the verdict.
    let way = screen.way();
    let parts = [
        &way,
        &counts,
        &comparison,
        &frameworks,
        &uncovered,
        &suppressed,
    ];
    let rest = parts.map(Vec::len);
    let rest = rest.iter().sum::<usize>() + 3;
    let first = screen.first(&top, SCREEN.saturating_sub(rest + list::LEAST_OTHERS));
    put(out, &[header])?;
    put(out, &way)?;
    put(out, &first)?;
    put(out, &counts)?;
    if verbose == 0 {
        let room = SCREEN.saturating_sub(rest + first.len());
        put(out, &screen.others(&groups, &top, room))?;
    } else {
        screen.all(&groups, out)?;
    }
    put(out, &comparison)?;
    put(out, &frameworks)?;
    put(out, &uncovered)?;
    put(out, &suppressed)?;
    put(out, &[String::new(), gate])
}

fn put(out: &mut dyn io::Write, lines: &[String]) -> io::Result<()> {
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}
