//! Changes of objects as changes of the files that they come from.
//!
//! An object of a snapshot may be a document of a manifest, the outcome of a base and its
//! patches, or what a chart's template and values make. Every node of it knows where it
//! stands, so a change goes there: into the document, the base or the patch, into the value
//! of a values key, or onto the line of a template. Whether that has the effect that it should
//! is for others to find out, by reading everything again ([`crate::load::Request::texts`]).
//!
//! **Invariant:** nothing is written here. The answer is new texts.

mod place;
mod template;

use crate::patched::Texts;
use crate::tree::{Disk, Tree};
use place::Place;
use seawall_model::{Operation, SourceFile, SourceKind, SourceMap};
use seawall_yaml::Node;
use seawall_yaml::edit::{Editor, LONGEST};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Texts that are being changed.
pub struct Bench {
    map: Arc<SourceMap>,
    files: BTreeMap<String, File>,
}

/// A file as it was read.
enum File {
    /// Text with documents.
    Plain(Box<Editor>),
    /// A template, or other text that is no YAML by itself.
    Template(String),
    /// One that is not changed, and why.
    Closed(String),
}

/// A change of a file: of one of its documents, or of a line of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The file, as the user knows it.
    pub path: String,
    /// The line that it is about, from 1, in the file as it is.
    pub line: u32,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Edit {
        document: usize,
        operation: Operation,
    },
    Replace {
        start: usize,
        end: usize,
        text: String,
    },
}

impl Bench {
    /// Nothing is changed yet.
    pub fn new(map: Arc<SourceMap>) -> Self {
        Self {
            map,
            files: BTreeMap::new(),
        }
    }

    /// What has to be done to files for an operation on an object: the reason why it cannot
    /// be done, with the place for a person, otherwise.
    pub fn plan(&mut self, object: &Node, operation: &Operation) -> Result<Step, String> {
        let mut why = String::new();
        for place in place::places(object, operation, &self.map) {
            match self.step(&place, operation) {
                Ok(step) => return Ok(step),
                Err(reason) if why.is_empty() => why = reason,
                Err(_) => {}
            }
        }
        if why.is_empty() {
            "it stands in no file".clone_into(&mut why);
        }
        Err(why)
    }

    fn step(&mut self, place: &Place<'_>, operation: &Operation) -> Result<Step, String> {
        let source = self.map.file(place.span.file);
        let known = |source: &SourceFile| source.kind == SourceKind::File;
        let Some(source) = source.filter(known) else {
            return Err("it was not read from a file".to_owned());
        };
        let path = source.path.to_string();
        let line = place.span.line;
        let file = self
            .files
            .entry(path.clone())
            .or_insert_with(|| open(&path));
        match file {
            File::Closed(why) => Err(format!("{path}:{line}: {why}")),
            File::Plain(editor) => {
                let Some((document, pointer)) = place::find(editor, place) else {
                    return Err(format!("{path}:{line}: change it there by hand"));
                };
                let operation = place::moved(operation, &pointer, &place.rest);
                Ok(Step {
                    path,
                    line,
                    what: What::Edit {
                        document,
                        operation,
                    },
                })
            }
            File::Template(text) => {
                let part = template::change(text, place, operation)
                    .ok_or_else(|| format!("{path}:{line}: change the template there by hand"))?;
                Ok(Step {
                    path,
                    line,
                    what: What::Replace {
                        start: part.0,
                        end: part.1,
                        text: part.2,
                    },
                })
            }
        }
    }

    /// Makes steps, all of them, each once. Which one could not be made, and why, otherwise.
    pub fn make(&self, steps: &[&Step]) -> Result<Texts, (usize, String)> {
        let mut texts = Texts::new();
        let mut by_file: BTreeMap<&str, Vec<(usize, &Step)>> = BTreeMap::new();
        for (index, step) in steps.iter().enumerate() {
            let steps = by_file.entry(&step.path).or_default();
            if !steps.iter().any(|(_, known)| known == step) {
                steps.push((index, step));
            }
        }
        for (path, steps) in by_file {
            let (old, new) = match self.files.get(path) {
                Some(File::Plain(editor)) => (editor.text(), edited(editor, steps)?),
                Some(File::Template(text)) => (&**text, template::replaced(text, steps)?),
                _ => continue,
            };
            if old != new {
                texts.insert(path.to_owned(), new);
            }
        }
        Ok(texts)
    }

    /// The text of a file as it was read.
    pub fn original(&self, path: &str) -> Option<&str> {
        match self.files.get(path)? {
            File::Plain(editor) => Some(editor.text()),
            File::Template(text) => Some(text),
            File::Closed(_) => None,
        }
    }
}

impl Step {
    fn replace(&self) -> Option<(usize, usize, &str)> {
        match &self.what {
            What::Replace { start, end, text } => Some((*start, *end, text)),
            What::Edit { .. } => None,
        }
    }
}

/// Makes the steps of one file, each in its turn.
fn edited(editor: &Editor, mut steps: Vec<(usize, &Step)>) -> Result<String, (usize, String)> {
    steps.sort_by_cached_key(|(_, step)| match &step.what {
        What::Edit { operation, .. } => Some(operation.turn()),
        What::Replace { .. } => None,
    });
    let mut editor = editor.clone();
    for (index, step) in steps {
        if let What::Edit {
            document,
            operation,
        } = &step.what
        {
            editor
                .apply(*document, operation)
                .map_err(|refusal| (index, format!("{}:{}: {refusal}", step.path, step.line)))?;
        }
    }
    Ok(editor.text().to_owned())
}

/// Reads a file that is to be changed.
fn open(path: &str) -> File {
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().readonly()) {
        return File::Closed("the file is read-only".to_owned());
    }
    let text = match Disk.read(path, LONGEST as u64) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => return File::Closed("the file is not UTF-8 text".to_owned()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => {
            return File::Closed("the file is too large to be edited in place".to_owned());
        }
        Err(error) => return File::Closed(format!("the file cannot be read again: {error}")),
    };
    if is_generated(&text) {
        let why = "the file says that it is generated: change what it is made from";
        return File::Closed(why.to_owned());
    }
    if is_vendored(path) {
        let why = "the file belongs to a chart in charts/, which comes from elsewhere: override \
                   its values";
        return File::Closed(why.to_owned());
    }
    if template::is_template(path, &text) {
        return File::Template(text);
    }
    match Editor::new(text) {
        Ok(editor) => File::Plain(Box::new(editor)),
        Err(refusal) => File::Closed(refusal.0),
    }
}

/// Whether the head of a text says that a program wrote it.
fn is_generated(text: &str) -> bool {
    text.lines()
        .take(20)
        .filter(|line| line.trim_start().starts_with(['#', '/']))
        .any(|line| {
            let line = line.to_ascii_lowercase();
            line.contains("do not edit") || line.contains("do not modify")
        })
}

/// Whether a chart around the file keeps it among its dependencies.
fn is_vendored(path: &str) -> bool {
    let mut dir = crate::tree::parent(path);
    while dir != "." && dir != "/" {
        let up = crate::tree::parent(dir);
        let name = dir.rsplit('/').next().unwrap_or(dir);
        if name == "charts" && Disk.kind(&crate::tree::join(up, "Chart.yaml")).is_some() {
            return true;
        }
        dir = up;
    }
    false
}
