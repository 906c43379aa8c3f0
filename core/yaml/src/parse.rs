//! Text to [`Document`]s.

use crate::Node;
use crate::admit::admit;
use crate::build::{Builder, span};
use crate::chunk::{Chunk, Chunks};
use crate::event::{Fault, Mark};
use crate::reader::Reader;
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
    let mut job = Job::new(text, file, limits);
    if job.fits() {
        for chunk in Chunks::new(text) {
            job.chunk(chunk);
        }
    }
    job.stream
}

/// Reads one YAML text as `sigs.k8s.io/yaml.Unmarshal` would: only its first document
/// counts, and nothing splits it before. This is how Helm reads values and charts.
pub fn parse_single(text: &str, file: FileId, limits: &Limits) -> Stream {
    let mut job = Job::new(text, file, limits);
    if job.fits() {
        job.whole(text, Mark::default());
    }
    job.stream
}

/// One text on its way to documents.
struct Job<'t> {
    text: &'t str,
    file: FileId,
    limits: &'t Limits,
    builder: Builder<'t>,
    stream: Stream,
}

impl<'t> Job<'t> {
    fn new(text: &'t str, file: FileId, limits: &'t Limits) -> Self {
        let builder = Builder::new(file, limits);
        Self {
            text,
            file,
            limits,
            builder,
            stream: Stream::default(),
        }
    }

    fn fits(&mut self) -> bool {
        let fits =
            self.text.len() <= self.limits.max_bytes && u32::try_from(self.text.len()).is_ok();
        if !fits {
            let message = format!("larger than {} bytes", self.limits.max_bytes);
            self.problem(Fault {
                at: Mark::default(),
                message,
            });
        }
        fits
    }

    fn problem(&mut self, fault: Fault) {
        let span = span(self.file, fault.at, fault.at.offset);
        self.stream.problems.push(Problem {
            span,
            message: fault.message,
        });
    }

    fn chunk(&mut self, chunk: Result<Chunk<'t>, Fault>) {
        match chunk {
            // The stream reader ends the last line where its author did not.
            Ok(chunk) if !chunk.text.ends_with('\n') => {
                self.whole(&format!("{}\n", chunk.text), chunk.at);
            }
            Ok(chunk) => self.whole(chunk.text, chunk.at),
            Err(fault) => self.problem(fault),
        }
    }

    /// A text of which the first document counts.
    fn whole(&mut self, text: &str, mut at: Mark) {
        let text = match text.strip_prefix(BOM) {
            Some(rest) => {
                at.offset += BOM.len_utf8();
                rest
            }
            None => text,
        };
        let (known, refused) = admit(text, at);
        match self.builder.document(&mut Reader::new(known, at, refused)) {
            Ok(Some((root, notices))) => self.stream.documents.push(Document { root, notices }),
            Ok(None) => {}
            Err(mut fault) => {
                if text.contains("{{") {
                    fault
                        .message
                        .push_str(" (this looks like a template before rendering)");
                }
                self.problem(fault);
            }
        }
    }
}

const BOM: char = '\u{feff}';
