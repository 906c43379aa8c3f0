//! Text to [`Document`]s.

use crate::Node;
use crate::job::Job;
use seawall_model::{FileId, Span};

/// Budgets against hostile input. Exceeding one is a located [`Problem`].
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest text that is parsed at all, in bytes.
    pub max_bytes: usize,
    /// Deepest nesting of mappings and lists.
    pub max_depth: usize,
    /// Most nodes in one text, aliases expanded.
    pub max_nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_depth: 200,
            max_nodes: 10_000_000,
        }
    }
}

/// Everything a text holds.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// The documents that could be read, empty ones left out.
    pub documents: Vec<Document>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// One document of a stream.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its value.
    pub root: Node,
    /// What a careful reader would stumble over.
    pub notices: Vec<Notice>,
}

/// Something that Kubernetes reads otherwise than it looks.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// What it is.
    pub kind: NoticeKind,
    /// Where it stands.
    pub span: Span,
    /// The text as written: `yes`, `0777`, or the duplicate key.
    pub text: String,
}

/// What is odd about a piece of YAML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    /// `yes`, `on`, `n`, …: a truth in YAML 1.1, text in 1.2.
    LegacyBool,
    /// `0777`: 511 in YAML 1.1, 777 in 1.2.
    LegacyNumber,
    /// The key is there twice; the last one counts.
    DuplicateKey,
    /// Text after a document end that Kubernetes ignores.
    IgnoredDocument,
}

/// A document (or a whole text) that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Where.
    pub span: Span,
    /// Why, one sentence without a full stop.
    pub message: String,
}

/// Reads a YAML stream or a JSON text (one that starts with `{`) as `kubectl` and the API
/// server would. Never fails as a whole: what could not be read is in
/// [`Stream::problems`].
pub fn parse(text: &str, file: FileId, limits: &Limits) -> Stream {
    collect(|each| Job::new(text, file, limits, each).stream())
}

/// Like [`parse`], but hands out each document as soon as it is read, so that not all of
/// them are in memory. The answer is what could not be read.
pub fn parse_each(
    text: &str,
    file: FileId,
    limits: &Limits,
    each: &mut dyn FnMut(Document),
) -> Vec<Problem> {
    Job::new(text, file, limits, each).stream()
}

fn collect(read: impl FnOnce(&mut dyn FnMut(Document)) -> Vec<Problem>) -> Stream {
    let mut documents = Vec::new();
    let problems = read(&mut |document| documents.push(document));
    Stream {
        documents,
        problems,
    }
}

/// Like [`parse`], for bytes that may be anything. A document with bytes that are no UTF-8
/// is a problem, the others of the stream are still read.
pub fn parse_bytes(bytes: &[u8], file: FileId, limits: &Limits) -> Stream {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(text, file, limits),
        Err(_) => collect(|each| Job::from_bytes(bytes, file, limits, each)),
    }
}

/// Reads one YAML text as `sigs.k8s.io/yaml.Unmarshal` would: only its first document
/// counts, and nothing splits it before. This is how Helm reads values and charts.
pub fn parse_single(text: &str, file: FileId, limits: &Limits) -> Stream {
    collect(|each| Job::new(text, file, limits, each).single())
}
