//! One text on its way to documents: which reader gets which piece of it.

use crate::admit::{admit, has_read};
use crate::build::{Builder, span};
use crate::chunk::{Chunk, Chunks, advance};
use crate::event::{Fault, Mark};
use crate::json::JsonReader;
use crate::reader::Reader;
use crate::{Document, Limits, Problem};
use seawall_model::FileId;

const BOM: char = '\u{feff}';
/// How far kubectl looks for the `{` that makes a stream JSON.
pub(crate) const GUESS: usize = 4096;

pub(crate) struct Job<'t> {
    text: &'t str,
    file: FileId,
    limits: &'t Limits,
    builder: Builder<'t>,
    /// Who gets the documents.
    each: &'t mut dyn FnMut(Document),
    problems: Vec<Problem>,
    /// Where bytes were no UTF-8 and are NUL now, in order.
    broken: Vec<usize>,
}

impl<'t> Job<'t> {
    pub(crate) fn new(
        text: &'t str,
        file: FileId,
        limits: &'t Limits,
        each: &'t mut dyn FnMut(Document),
    ) -> Self {
        let builder = Builder::new(file, text.len(), limits);
        Self {
            text,
            file,
            limits,
            builder,
            each,
            problems: Vec::new(),
            broken: Vec::new(),
        }
    }

    /// Reads bytes that are not all UTF-8. Each wrong byte becomes a NUL, which no reader
    /// lets in either and which leaves every offset as it is.
    pub(crate) fn from_bytes(
        bytes: &[u8],
        file: FileId,
        limits: &Limits,
        each: &mut dyn FnMut(Document),
    ) -> Vec<Problem> {
        if bytes.len() > limits.max_bytes {
            return too_long(file, limits);
        }
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            // kubectl splits bytes at line feeds before it looks at the encoding, so what
            // it makes of UTF-16 depends on the byte order and the last line.
            let message =
                "the text is UTF-16, which kubectl does not read reliably: save it as UTF-8";
            let at = span(file, Mark::default(), 0);
            let problem = Problem {
                span: at,
                message: message.to_owned(),
            };
            return vec![problem];
        }
        let mut text = String::with_capacity(bytes.len());
        let mut broken = Vec::new();
        for piece in bytes.utf8_chunks() {
            text.push_str(piece.valid());
            for _ in piece.invalid() {
                broken.push(text.len());
                text.push('\0');
            }
        }
        let mut job = Job::new(&text, file, limits, each);
        job.broken = broken;
        job.stream()
    }

    /// Reads a stream as kubectl does.
    pub(crate) fn stream(mut self) -> Vec<Problem> {
        if !self.fits() {
            return too_long(self.file, self.limits);
        }
        let trimmed = self.text.trim_start();
        if trimmed.starts_with('{') && self.text.len() - trimmed.len() < GUESS {
            self.json();
        } else {
            self.yaml(Mark::default());
        }
        self.problems
    }

    /// Reads one text as `yaml.Unmarshal` does.
    pub(crate) fn single(mut self) -> Vec<Problem> {
        if !self.fits() {
            return too_long(self.file, self.limits);
        }
        if let Err(fault) = self.whole(self.text, Mark::default()) {
            self.problem(fault);
        }
        self.problems
    }

    fn fits(&self) -> bool {
        self.text.len() <= self.limits.max_bytes && u32::try_from(self.text.len()).is_ok()
    }

    fn problem(&mut self, mut fault: Fault) {
        if self.broken.binary_search(&fault.at.offset).is_ok() {
            "these bytes are not UTF-8".clone_into(&mut fault.message);
        }
        let span = span(self.file, fault.at, fault.at.offset);
        self.problems.push(Problem {
            span,
            message: fault.message,
        });
    }

    fn yaml(&mut self, at: Mark) {
        for (count, chunk) in Chunks::new(self.text, at).enumerate() {
            if count == MAX_DOCUMENTS {
                let at = chunk.map_or_else(|fault| fault.at, |chunk| chunk.at);
                let message = format!("more than {MAX_DOCUMENTS} documents: the rest is not read");
                return self.problem(Fault { at, message });
            }
            if let Err(fault) = chunk.and_then(|chunk| self.chunk(chunk)) {
                self.problem(fault);
            }
        }
    }

    fn chunk(&mut self, chunk: Chunk<'_>) -> Result<(), Fault> {
        if chunk.text.ends_with('\n') {
            return self.whole(chunk.text, chunk.at);
        }
        // The stream reader ends the last line where its author did not, and a block
        // scalar there has one line feed more.
        self.whole(&format!("{}\n", chunk.text), chunk.at)
    }

    /// A text of which the first document counts.
    fn whole(&mut self, text: &str, mut at: Mark) -> Result<(), Fault> {
        let text = match text.strip_prefix(BOM) {
            Some(rest) => {
                at.offset += BOM.len_utf8();
                rest
            }
            None => text,
        };
        if text.starts_with(BOM) {
            // go-yaml then drops the first character of every line until its buffer moves.
            return crate::build::fault(at, "there is a second byte order mark");
        }
        let (known, refused) = admit(text, at);
        let mut reader = Reader::new(known, at, refused.clone());
        let document = self.builder.document(&mut reader).map_err(|mut fault| {
            let visible = text.trim_end();
            if fault.at.offset >= at.offset + visible.len() {
                // Where something is missing at the end, show the end, not the line after.
                fault.at = advance(at, visible);
            }
            if text.contains("{{") {
                fault
                    .message
                    .push_str(" (this looks like a template before rendering)");
            }
            fault
        })?;
        if let Some(refused) = refused
            && has_read(
                text,
                refused.at.offset - at.offset,
                reader.offset() - at.offset,
            )
        {
            return Err(refused);
        }
        let Some(mut document) = document else {
            return Ok(());
        };
        document.notices.extend(self.builder.ignored(&mut reader));
        (self.each)(document);
        Ok(())
    }

    /// JSON values one after another. kubectl changes to YAML if one of the first two
    /// cannot be read.
    fn json(&mut self) {
        let broken = self.broken.clone();
        let mut reader = JsonReader::new(self.text, Mark::default(), &broken);
        let mut at = Mark::default();
        let mut count = 0;
        while reader.next_value() {
            match self.builder.document(&mut reader) {
                Ok(document) => {
                    count += 1;
                    at = reader.mark();
                    document.into_iter().for_each(&mut self.each);
                }
                Err(fault) if count > 1 => return self.problem(fault),
                Err(fault) => return self.yaml_instead(at, fault),
            }
        }
    }

    fn yaml_instead(&mut self, at: Mark, json_fault: Fault) {
        let rest = self.text.get(at.offset..).unwrap_or_default();
        // Blanks up to the next line would be indentation to YAML.
        let mut blank = 0;
        for c in rest.chars() {
            if rest.len() - blank < 4 {
                // kubectl looks at four bytes here, and gives up if there are fewer.
                return self.problem(json_fault);
            }
            if !c.is_whitespace() {
                break;
            }
            blank += c.len_utf8();
            if c == '\n' {
                break;
            }
        }
        self.yaml(advance(at, rest.get(..blank).unwrap_or_default()));
    }
}

/// Most documents of one text: eight bytes are enough for one.
const MAX_DOCUMENTS: usize = 1_000_000;

fn too_long(file: FileId, limits: &Limits) -> Vec<Problem> {
    let message = format!("larger than {} bytes", limits.max_bytes);
    let problem = Problem {
        span: span(file, Mark::default(), 0),
        message,
    };
    vec![problem]
}
