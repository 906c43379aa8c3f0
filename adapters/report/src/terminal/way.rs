//! The worst way in, a line for each step: what a reader looks at first.

use super::{Role, Screen};
use crate::text::{clean, cut, width};
use seawall_model::Severity;

impl Screen<'_, '_> {
    /// The worst way in, if there is one.
    pub(super) fn way(&self) -> Vec<String> {
        let ways = self.view.assessment.ways.as_ref();
        let Some((ways, path)) = ways.and_then(|ways| Some((ways, ways.paths.first()?))) else {
            return Vec::new();
        };
        let steps = match path.lines.len() {
            1 => "1 step".to_owned(),
            n => format!("{n} steps"),
        };
        let head = format!(
            "Worst way in: {} → {} · {steps}, {}",
            path.entry.name,
            path.goal.name(),
            path.ease().name()
        );
        let head = cut(&clean(&head), self.width).into_owned();
        let mut lines = vec![
            String::new(),
            self.paint(Role::Severity(Severity::Critical), &head),
        ];
        for line in &path.lines {
            let technique = line.technique.as_str();
            let room = self.width.saturating_sub(width(technique) + 5);
            let gains = cut(&clean(&line.gains), room).into_owned();
            let gap = " ".repeat(room.saturating_sub(width(&gains)));
            lines.push(format!(
                "  → {gains}{gap} {}",
                self.paint(Role::Faint, technique)
            ));
        }
        let more = format!(
            "  {} of {} entries and goals connect · seawall paths · seawall paths --cuts",
            ways.left.pairs, ways.possible
        );
        lines.push(self.paint(Role::Faint, &cut(&more, self.width)));
        lines
    }
}
