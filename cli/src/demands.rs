//! What a team demands of its network: files with a demand on each line, and `demands` of the
//! configuration, where an item is a demand or names such a file.

use crate::config::{self, Config};
use crate::exit::Failure;
use seawall_assessment::Demand;
use seawall_assessment::reach::Assertion;
use seawall_model::{FileId, SourceFile, SourceKind, SourceMap, SourceText, Span};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "for example: deny from internet to app=payments-db on 5432";

/// A line of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// A demand, or the name of a file.
    pub(crate) text: String,
    /// The configuration's path.
    pub(crate) file: PathBuf,
    /// Where in it, by line and column.
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// All that the configuration demands; `map` is the scan's, so that reports can point at it.
pub(crate) fn load(config: &Config, map: &SourceMap) -> Result<Vec<Demand>, Failure> {
    let mut all = Vec::new();
    for line in &config.demands.value {
        if is_demand(&line.text) {
            all.push(demand(
                &line.text,
                &line.file,
                (line.line, line.column),
                map,
            )?);
            continue;
        }
        let dir = line.file.parent().unwrap_or(Path::new(""));
        let place = format!("{}:{}", line.file.display(), line.line);
        let read = read(&dir.join(&line.text), map).map_err(|failure| Failure {
            message: format!("{place}: {}", failure.message),
            ..failure
        })?;
        all.extend(read);
    }
    Ok(all)
}

/// The demands of a file: one on each line, `#` begins a comment.
pub(crate) fn read(path: &Path, map: &SourceMap) -> Result<Vec<Demand>, Failure> {
    let bytes = config::read(path)?;
    let text = config::text(path, &bytes)?;
    let lines = (1_u32..).zip(text.lines());
    let lines =
        lines.filter(|(_, line)| !matches!(line.trim(), "") && !line.trim().starts_with('#'));
    lines
        .map(|(number, line)| demand(line.trim(), path, (number, 1), map))
        .collect()
}

fn is_demand(text: &str) -> bool {
    text.contains(char::is_whitespace)
}

fn demand(
    text: &str,
    path: &Path,
    (line, column): (u32, u32),
    map: &SourceMap,
) -> Result<Demand, Failure> {
    let shown = path.display().to_string();
    let assertion = Assertion::read(text)
        .map_err(|wrong| Failure::usage(format!("{shown}:{line}: `{text}`: {wrong}"), EXAMPLE))?;
    let file = map.add_file(SourceFile {
        path: shown.as_str().into(),
        kind: SourceKind::File,
    });
    Ok(Demand {
        assertion,
        file: shown.into(),
        span: Span {
            file,
            line,
            column,
            ..Span::NONE
        },
    })
}

/// Source text as it was loaded, and that of files with demands, which may lie elsewhere.
pub(crate) struct Texts<'l> {
    loaded: &'l dyn SourceText,
    own: HashMap<FileId, String>,
}

impl<'l> Texts<'l> {
    pub(crate) fn new(loaded: &'l dyn SourceText, demands: &[Demand], map: &SourceMap) -> Self {
        let files: HashSet<FileId> = demands.iter().map(|demand| demand.span.file).collect();
        let read = |id: FileId| {
            let bytes = config::read(Path::new(&*map.file(id)?.path)).ok()?;
            Some((id, String::from_utf8(bytes).ok()?))
        };
        Self {
            loaded,
            own: files.into_iter().filter_map(read).collect(),
        }
    }
}

impl SourceText for Texts<'_> {
    fn text(&self, file: FileId) -> Option<String> {
        let own = self.own.get(&file).cloned();
        own.or_else(|| self.loaded.text(file))
    }

    fn piece(&self, file: FileId, range: Range<u32>, margin: u32) -> Option<(u32, String)> {
        if self.own.contains_key(&file) {
            return None;
        }
        self.loaded.piece(file, range, margin)
    }
}

/// What the command line demands: demands, and files of them.
pub(crate) fn asked(words: &[String], map: &SourceMap) -> Result<Vec<Assertion>, Failure> {
    let mut all = Vec::new();
    for word in words {
        if is_demand(word) && !Path::new(word).is_file() {
            let assertion = Assertion::read(word)
                .map_err(|wrong| Failure::usage(format!("--assert: `{word}`: {wrong}"), EXAMPLE));
            all.push(assertion?);
        } else {
            let read = read(Path::new(word), map)?;
            all.extend(read.into_iter().map(|demand| demand.assertion));
        }
    }
    if all.is_empty() {
        let message = "--assert: nothing is demanded".to_owned();
        return Err(Failure::usage(message, EXAMPLE));
    }
    Ok(all)
}
