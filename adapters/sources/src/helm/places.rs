//! The files and values keys that origins point at, numbered for one rendering.

use super::value::text::{How, Origin};
use seawall_model::{Cause, FileId, SourceMap, Span, Str};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::rc::Rc;

/// Most keys that are remembered though they are set nowhere: a template can ask for any.
const MAX_MISSING: usize = 100_000;

/// A file that origins point at.
#[derive(Debug)]
pub(crate) struct PlaceFile {
    /// Its number in the source map.
    pub(crate) file: FileId,
    /// Byte offset of each line's first byte.
    lines: Vec<u32>,
    text: Rc<str>,
}

impl PlaceFile {
    /// Line and column, from 1, of a byte.
    fn line_column(&self, offset: u32) -> (u32, u32) {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start as usize..offset as usize).unwrap_or("");
        let column = before.chars().count() + 1;
        (
            u32::try_from(line).unwrap_or(0),
            u32::try_from(column).unwrap_or(0),
        )
    }
}

/// A step from a map or list to what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// A key of a map.
    Key(Rc<str>),
    /// An item of a list.
    Item(usize),
}

#[derive(Debug)]
struct Key {
    parent: u32,
    step: Step,
    span: Span,
}

/// Files and keys of one rendering. Number 0 is "unknown" in both; key 1 is `.Values`
/// itself.
#[derive(Debug)]
pub(crate) struct Places {
    files: Vec<PlaceFile>,
    keys: Vec<Key>,
    missing: HashMap<(u32, Step), u32>,
    owner: Str,
}

/// Number of the key that stands for `.Values`.
pub(crate) const ROOT: u32 = 1;

impl Places {
    /// Nothing yet; `owner` is the name of the top chart.
    pub(crate) fn new(owner: &str) -> Self {
        let root = || Key {
            parent: 0,
            step: Step::Item(0),
            span: Span::NONE,
        };
        Self {
            files: Vec::new(),
            keys: vec![root(), root()],
            missing: HashMap::new(),
            owner: Str::from(owner),
        }
    }

    pub(crate) fn add_file(&mut self, file: FileId, text: Rc<str>) -> u32 {
        let lines = std::iter::once(0)
            .chain(
                text.match_indices('\n')
                    .filter_map(|(at, _)| u32::try_from(at + 1).ok()),
            )
            .collect();
        self.files.push(PlaceFile { file, lines, text });
        u32::try_from(self.files.len()).unwrap_or(0)
    }

    pub(crate) fn file(&self, number: u32) -> Option<&PlaceFile> {
        self.files.get((number as usize).checked_sub(1)?)
    }

    /// A key that is written at a place.
    pub(crate) fn add_key(&mut self, parent: u32, step: Step, span: Span) -> u32 {
        self.keys.push(Key { parent, step, span });
        u32::try_from(self.keys.len() - 1).unwrap_or(0)
    }

    /// A key that a template asked for and that is set nowhere.
    pub(crate) fn missing(&mut self, parent: u32, key: &str) -> u32 {
        if parent == 0 {
            return 0;
        }
        let id = (parent, Step::Key(Rc::from(key)));
        if let Some(known) = self.missing.get(&id) {
            return *known;
        }
        if self.missing.len() >= MAX_MISSING {
            return 0;
        }
        let number = self.add_key(parent, id.1.clone(), Span::NONE);
        self.missing.insert(id, number);
        number
    }

    /// Where a key's value is written; nothing when it is set nowhere.
    pub(crate) fn written(&self, key: u32) -> Option<Span> {
        self.keys
            .get(key as usize)
            .map(|entry| entry.span)
            .filter(Span::is_known)
    }

    fn path(&self, key: u32) -> Option<String> {
        let mut steps = Vec::new();
        let mut at = key;
        // Parents have smaller numbers, so this ends.
        while at > ROOT {
            let entry = self.keys.get(at as usize)?;
            steps.push(&entry.step);
            at = entry.parent;
        }
        let mut path = String::new();
        for step in steps.iter().rev() {
            match step {
                Step::Key(key) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    // As a user must write it after `--set`.
                    for c in key.chars() {
                        if matches!(c, '.' | ',' | '=' | '[' | '\\') {
                            path.push('\\');
                        }
                        path.push(c);
                    }
                }
                Step::Item(index) => {
                    let _ = write!(path, "[{index}]");
                }
            }
        }
        (!path.is_empty()).then_some(path)
    }

    /// The span that a report shows for text that begins at one origin, ends at another and
    /// was decided by the key of a third. A container printed as a whole was decided by the
    /// key above its first element.
    pub(crate) fn span(
        &self,
        [start, end, decided]: [Origin; 3],
        container: bool,
        map: &SourceMap,
    ) -> Span {
        let mut span = Span::NONE;
        if let Some(file) = self.file(start.file) {
            let (line, column) = file.line_column(start.start);
            let mut last = if start.end == 0 {
                start.start
            } else {
                start.end
            };
            if end.file == start.file {
                last = last.max(if end.end == 0 { end.start + 1 } else { end.end });
            }
            span = Span {
                file: file.file,
                start: start.start,
                end: last,
                line,
                column,
                ..span
            };
        }
        let mut key = decided.cause;
        if container && decided.how == How::Element {
            key = self.keys.get(key as usize).map_or(0, |entry| entry.parent);
        }
        if let Some(path) = self.path(key) {
            let at = self
                .keys
                .get(key as usize)
                .map_or(Span::NONE, |entry| entry.span);
            span.cause = map.add_cause(Cause {
                owner: self.owner.clone(),
                key: path.into(),
                span: at,
                direct: decided.how != How::Around,
            });
        }
        span
    }
}
