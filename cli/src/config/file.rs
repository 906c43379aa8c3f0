//! Small files of ours: bounded, UTF-8, and if they are YAML one document.

use crate::exit::Failure;
use seawall_model::{FileId, SourceFile, SourceKind, SourceMap, Span};
use seawall_yaml::{Limits, Node};
use std::io::Read;
use std::path::Path;

/// The longest file of ours, in bytes.
const LONGEST: u64 = 1 << 20;

/// Reads a small file of ours, or a pipe. It may be anything, also one without an end.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            Failure::usage(
                format!("cannot read {}: {error}", path.display()),
                "check the path",
            )
        })?;
    Ok(bytes)
}

/// Reads a small file of ours that the user did not name: nobody writes to a pipe that lies in
/// a directory, and to pass over it would be to judge otherwise than was meant.
pub(crate) fn read_regular(path: &Path) -> Result<Vec<u8>, Failure> {
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(Failure::usage(
            format!("{} is no regular file", path.display()),
            "remove it, or put a file in its place",
        ));
    }
    read(path)
}

/// The text of a small file of ours.
pub(crate) fn text<'b>(path: &Path, bytes: &'b [u8]) -> Result<&'b str, Failure> {
    let shown = path.display();
    if bytes.len() as u64 > LONGEST {
        return Err(Failure::usage(
            format!("{shown} is longer than {} MiB", LONGEST >> 20),
            "check the path",
        ));
    }
    std::str::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("{shown} is not UTF-8 text"), "check the path"))
}

/// The tree of a small YAML file of ours; problems are usage errors with their place.
pub(crate) fn read_yaml(path: &Path, bytes: &[u8]) -> Result<(SourceMap, Node), Failure> {
    let shown = path.display().to_string();
    let text = text(path, bytes)?;
    let map = SourceMap::new();
    let file = map.add_file(SourceFile {
        path: shown.as_str().into(),
        kind: SourceKind::File,
    });
    let limits = Limits {
        max_nodes: 100_000,
        ..Limits::default()
    };
    let mut stream = seawall_yaml::parse(text, file, &limits);
    if let Some(problem) = stream.problems.first() {
        return Err(at(&map, problem.span, &problem.message, ""));
    }
    let root = match (stream.documents.pop(), stream.documents.pop()) {
        (None, _) => Node::map(seawall_yaml::Map::default(), whole(file)),
        (Some(document), None) => document.root,
        (Some(second), Some(_)) => {
            return Err(at(
                &map,
                second.root.span,
                "only one document is expected here",
                "",
            ));
        }
    };
    Ok((map, root))
}

fn whole(file: FileId) -> Span {
    Span {
        file,
        line: 1,
        column: 1,
        ..Span::NONE
    }
}

/// A usage error at a place in a file.
pub(crate) fn at(map: &SourceMap, span: Span, message: &str, hint: &str) -> Failure {
    Failure::usage(format!("{}: {message}", map.display(span)), hint)
}
