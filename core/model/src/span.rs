//! Where something stands: file, line, column, and the values key that decided it.
//!
//! A [`Span`] is 24 bytes and `Copy`, because every YAML node carries one. Paths and
//! values keys are therefore interned in a [`SourceMap`]; source text is not kept at all,
//! it is read again through [`SourceText`] when a report prints a line.

use crate::Str;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// A file (or stream) in a [`SourceMap`]. `FileId::UNKNOWN` stands for "no file".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

impl FileId {
    /// Objects made by nobody's file, such as API defaults.
    pub const UNKNOWN: FileId = FileId(0);
}

/// A [`Cause`] in a [`SourceMap`]. `CauseId::NONE` stands for "nothing but the line itself".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct CauseId(pub u32);

impl CauseId {
    /// The line itself decided; there is no values key behind it.
    pub const NONE: CauseId = CauseId(0);
}

/// A piece of a source file. Lines and columns count from 1, columns in characters;
/// `start` and `end` are byte offsets into the file, `end` exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The file the bytes are in.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Line of the first byte, from 1; 0 when unknown.
    pub line: u32,
    /// Column of the first character, from 1; 0 when unknown.
    pub column: u32,
    /// The values key that decided this piece, when a template produced it.
    pub cause: CauseId,
}

impl Span {
    /// A place that is not in any file.
    pub const NONE: Span = Span {
        file: FileId::UNKNOWN,
        start: 0,
        end: 0,
        line: 0,
        column: 0,
        cause: CauseId::NONE,
    };

    /// Whether the span points into a file at all.
    pub fn is_known(&self) -> bool {
        self.file != FileId::UNKNOWN && (self.line > 0 || self.end > self.start)
    }
}

/// What kind of thing a [`SourceFile`] is; it decides how its text is read again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// A file on disk.
    File,
    /// Standard input.
    Stdin,
    /// A file at a git revision.
    GitRevision {
        /// The commit, resolved to its full hash.
        commit: Str,
    },
    /// Text that a generator made and that is in no file (a Kustomize generator, say).
    Generated,
    /// A file embedded in the program (`seawall demo`).
    Embedded,
    /// An object of a live cluster: it has places, but no text and no lines.
    Cluster,
}

/// One entry of a [`SourceMap`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SourceFile {
    /// The path as the user would type it, with `/` between parts; of an object in a
    /// cluster, which one it is.
    pub path: Str,
    /// What it is.
    pub kind: SourceKind,
}

/// The values key behind a rendered line: `image.tag` of chart `payments`, set in
/// `values.yaml:12`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cause {
    /// The chart (or overlay) whose key it is, by name.
    pub owner: Str,
    /// The key as a user writes it after `--set`, seen from the top chart:
    /// `redis.image.tag`.
    pub key: Str,
    /// Where the deciding value is written; [`Span::NONE`] for `--set` and for keys that
    /// are set nowhere.
    pub span: Span,
    /// Whether the key's value itself stands in the output. Otherwise the key only decided
    /// that the piece is there (an `if`, `with` or `range` around it).
    pub direct: bool,
}

/// Interns files and causes. Shared by all threads of one load; ids are not stable from
/// run to run, so nothing may sort by them or print them.
#[derive(Debug, Default)]
pub struct SourceMap {
    inner: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    files: Vec<SourceFile>,
    file_ids: HashMap<SourceFile, FileId>,
    causes: Vec<Cause>,
    cause_ids: HashMap<Cause, CauseId>,
}

impl SourceMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Tables> {
        // A panic while holding the lock cannot leave the tables half-written: both
        // tables only grow by whole entries.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of a file, new or known.
    pub fn add_file(&self, file: SourceFile) -> FileId {
        let mut tables = self.lock();
        if let Some(id) = tables.file_ids.get(&file) {
            return *id;
        }
        tables.files.push(file.clone());
        let id = FileId(u32::try_from(tables.files.len()).unwrap_or(u32::MAX));
        tables.file_ids.insert(file, id);
        id
    }

    /// The file behind an id; `None` for [`FileId::UNKNOWN`].
    pub fn file(&self, id: FileId) -> Option<SourceFile> {
        let index = (id.0 as usize).checked_sub(1)?;
        self.lock().files.get(index).cloned()
    }

    /// The path behind an id, or `<unknown>`.
    pub fn path(&self, id: FileId) -> Str {
        self.file(id)
            .map_or_else(|| Str::from("<unknown>"), |f| f.path)
    }

    /// The id of a cause, new or known.
    pub fn add_cause(&self, cause: Cause) -> CauseId {
        let mut tables = self.lock();
        if let Some(id) = tables.cause_ids.get(&cause) {
            return *id;
        }
        tables.causes.push(cause.clone());
        let id = CauseId(u32::try_from(tables.causes.len()).unwrap_or(u32::MAX));
        tables.cause_ids.insert(cause, id);
        id
    }

    /// The cause behind an id; `None` for [`CauseId::NONE`].
    pub fn cause(&self, id: CauseId) -> Option<Cause> {
        let index = (id.0 as usize).checked_sub(1)?;
        self.lock().causes.get(index).cloned()
    }

    /// `path:line:column` as editors and terminals link it.
    pub fn display(&self, span: Span) -> String {
        if span.line == 0 {
            return self.path(span.file).to_string();
        }
        format!("{}:{}:{}", self.path(span.file), span.line, span.column)
    }
}

/// Reads source text again, for reports. Implemented by the sources adapter.
pub trait SourceText: Sync {
    /// The whole text of a file, or `None` when it cannot be had any more.
    fn text(&self, file: FileId) -> Option<String>;
    /// The whole lines around a range of bytes, with up to `margin` bytes before and behind
    /// it, and the byte that they begin at: for a file that is too long to be read whole.
    /// `None` means that the file is not, and [`SourceText::text`] is to be asked.
    fn piece(&self, file: FileId, range: Range<u32>, margin: u32) -> Option<(u32, String)> {
        let _ = (file, range, margin);
        None
    }
}
