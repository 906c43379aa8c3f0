//! Files of one tree, each read and parsed once while somebody needs it, and the rules about
//! which may be read.

use super::Fail;
use super::decode::Text;
use super::kept::Kept;
use super::parse::{Parsed, parse};
use crate::tree::{self, Kind, Tree};
use seawall_model::{GapKind, SourceMap, Span, Str};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// No file that an overlay names may be larger.
const MAX_FILE: u64 = 64 << 20;

/// The names a kustomization may have.
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// A directory with a kustomization in it.
#[derive(Debug, Clone)]
pub(super) struct Root {
    /// The path as the user would write it.
    pub(super) dir: String,
    /// The path with links resolved.
    pub(super) canonical: String,
}

/// See the module.
pub(super) struct Store<'a> {
    pub(super) tree: &'a dyn Tree,
    pub(super) map: &'a SourceMap,
    pub(super) parsed: Kept<Parsed>,
    roots: Mutex<HashMap<String, Option<Root>>>,
    here: Mutex<Option<Arc<str>>>,
}

/// Whether `path` is `dir` or below it; both canonical.
pub(super) fn is_within(path: &str, dir: &str) -> bool {
    dir == "/"
        || dir == "."
        || path
            .strip_prefix(dir)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path is a URL that Kustomize would fetch as a file.
pub(super) fn is_url(path: &str) -> bool {
    let lower = path.get(..8).unwrap_or(path).to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

impl<'a> Store<'a> {
    pub(super) fn new(tree: &'a dyn Tree, map: &'a SourceMap) -> Self {
        Self {
            tree,
            map,
            parsed: Kept::default(),
            roots: Mutex::default(),
            here: Mutex::default(),
        }
    }

    /// The working directory, canonical.
    fn here(&self) -> Arc<str> {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        here.get_or_insert_with(|| {
            self.tree
                .canonical(".")
                .map_or_else(|_| Arc::from("."), Arc::from)
        })
        .clone()
    }

    /// A directory as the root of a kustomization.
    pub(super) fn root(&self, dir: &str) -> Option<Root> {
        let lock = || self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(root) = lock().get(dir) {
            return root.clone();
        }
        let root = self.new_root(dir);
        lock().insert(dir.to_owned(), root.clone());
        root
    }

    fn new_root(&self, dir: &str) -> Option<Root> {
        if self.tree.kind(dir) != Some(Kind::Directory) {
            return None;
        }
        let canonical = self.tree.canonical(dir).ok()?;
        // Behind a link, `..` leads elsewhere than the text says: go on from the real place.
        let linked = tree::join(&self.here(), dir) != canonical && !dir.starts_with('/');
        let dir = if linked {
            canonical.clone()
        } else {
            dir.to_owned()
        };
        Some(Root { dir, canonical })
    }

    /// The path of the kustomization file in a directory, or why there is none; when there
    /// are too many, with one of them.
    pub(super) fn kustomization(
        &self,
        dir: &str,
    ) -> Result<(String, &'static str), (Option<String>, String)> {
        let mut found = FILE_NAMES.iter().filter_map(|name| {
            let path = tree::join(dir, name);
            (self.tree.kind(&path) == Some(Kind::File)).then_some((path, *name))
        });
        match (found.next(), found.next()) {
            (None, _) => Err((
                None,
                format!("there is no {} in {dir}", FILE_NAMES.join(", ")),
            )),
            (Some(found), None) => Ok(found),
            (Some(_), Some((second, _))) => Err((
                Some(second),
                format!("there is more than one kustomization in {dir}"),
            )),
        }
    }

    /// Where a file that the kustomization in `root` names is, if it may be read.
    pub(super) fn locate(&self, root: &Root, path: &Text) -> Result<String, Fail> {
        let fail = |kind, message: String| {
            Err(Fail {
                kind,
                subject: Some(path.value.clone()),
                ..Fail::new(path.span, message)
            })
        };
        if is_url(path) {
            return Err(remote(path));
        }
        if path.is_empty() {
            return fail(
                GapKind::NotRendered,
                "the path of a file is empty".to_owned(),
            );
        }
        let full = tree::join(&root.dir, path);
        match self.tree.kind(&full) {
            None => return fail(GapKind::NotRendered, format!("there is no file {full}")),
            Some(Kind::Directory) => {
                return fail(
                    GapKind::NotRendered,
                    format!("{full} is a directory, not a file"),
                );
            }
            Some(Kind::File) => {}
        }
        let canonical = match self.tree.canonical(&full) {
            Ok(canonical) => canonical,
            Err(error) => return fail(GapKind::Unreadable, format!("{full}: {error}")),
        };
        if !is_within(&canonical, &root.canonical) {
            let message = format!(
                "{full} is outside the kustomization's directory {}",
                root.dir
            );
            return fail(GapKind::NotRendered, message);
        }
        Ok(full)
    }

    /// The bytes of a file that the kustomization in `root` names.
    pub(super) fn bytes(&self, root: &Root, path: &Text) -> Result<Vec<u8>, Fail> {
        let full = self.locate(root, path)?;
        self.tree
            .read(&full, MAX_FILE)
            .map_err(|error| unreadable(&full, path.span, &error))
    }

    /// A file that the kustomization in `root` names, parsed.
    pub(super) fn file(&self, root: &Root, path: &Text) -> Result<(Str, Arc<Parsed>), Fail> {
        let full = self.locate(root, path)?;
        let known = self.parsed.ask(&full);
        let parsed = if let Some(parsed) = known.there {
            parsed
        } else {
            let parsed = Arc::new(self.parse_file(&full, path.span)?);
            if known.keeps {
                self.parsed.keep(&full, &parsed);
            }
            parsed
        };
        Ok((full.into(), parsed))
    }

    /// A file at a path that has been checked.
    pub(super) fn parse_file(&self, full: &str, span: Span) -> Result<Parsed, Fail> {
        let bytes = self
            .tree
            .read(full, MAX_FILE)
            .map_err(|error| unreadable(full, span, &error))?;
        let file = self.map.add_file(self.tree.source(full));
        Ok(match String::from_utf8(bytes) {
            Ok(text) => parse(&text, file),
            Err(_) => Parsed {
                problems: vec![Fail {
                    kind: GapKind::Unreadable,
                    ..Fail::new(Span { file, ..Span::NONE }, format!("{full} is not UTF-8"))
                }],
                ..Parsed::default()
            },
        })
    }

    /// Parses text that stands in a scalar of another file, with spans that point there.
    pub(super) fn inline(&self, text: &Text) -> Parsed {
        self.inline_part(text, text, 0)
    }

    /// The same without the white space around the text.
    pub(super) fn inline_trimmed(&self, text: &Text) -> Parsed {
        let body = text.trim();
        let skipped = text
            .get(..text.len() - text.trim_start().len())
            .unwrap_or_default();
        let lines = u32::try_from(skipped.matches('\n').count()).unwrap_or(0);
        self.inline_part(text, body, lines)
    }

    fn inline_part(&self, text: &Text, body: &str, skipped: u32) -> Parsed {
        let mut parsed = parse(body, text.span.file);
        let place = self.block_lines(text.span);
        let mut rewrite = |inner: Span| -> Span {
            let (Some((lines, indent)), true) = (&place, inner.line > 0) else {
                return text.span;
            };
            let line = text
                .span
                .line
                .saturating_add(inner.line)
                .saturating_add(skipped);
            let index = line.saturating_sub(1) as usize;
            let Some(start) = lines.get(index) else {
                return text.span;
            };
            let start = start
                .saturating_add(*indent)
                .saturating_add(inner.column.max(1) - 1);
            Span {
                file: text.span.file,
                start,
                end: start.saturating_add(inner.end.saturating_sub(inner.start)),
                line,
                column: indent.saturating_add(inner.column),
                cause: text.span.cause,
            }
        };
        for node in parsed.kubernetes.iter_mut().chain(&mut parsed.resources) {
            node.map_spans(&mut rewrite);
        }
        for fail in parsed.problems.iter_mut().chain(&mut parsed.duplicates) {
            fail.span = rewrite(fail.span);
        }
        parsed
    }

    /// For a block scalar: where the lines of its file start, and how far it is indented.
    fn block_lines(&self, span: Span) -> Option<(Vec<u32>, u32)> {
        let path = self.map.file(span.file)?.path;
        let text = String::from_utf8(self.tree.read(&path, MAX_FILE).ok()?).ok()?;
        let head = text.as_bytes().get(span.start as usize)?;
        if *head != b'|' {
            return None;
        }
        let body = text.get(span.start as usize..)?.split_once('\n')?.1;
        let first = body.lines().find(|line| !line.trim().is_empty())?;
        let indent = first.len() - first.trim_start_matches(' ').len();
        let mut lines = vec![0_u32];
        for (at, _) in text.match_indices('\n') {
            lines.push(u32::try_from(at + 1).ok()?);
        }
        Some((lines, u32::try_from(indent).ok()?))
    }
}

/// A gap for something that would have to be fetched.
pub(super) fn remote(path: &Text) -> Fail {
    Fail {
        kind: GapKind::Remote,
        subject: Some(path.value.clone()),
        hint: "vendor it into the repository, or scan the output of `kustomize build`".to_owned(),
        ..Fail::new(
            path.span,
            format!("{} is remote and was not fetched", &**path),
        )
    }
}

fn unreadable(path: &str, span: Span, error: &std::io::Error) -> Fail {
    Fail {
        kind: GapKind::Unreadable,
        subject: Some(path.into()),
        ..Fail::new(span, format!("{path}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_means_whole_parts() {
        assert!(is_within("/a/b", "/a"));
        assert!(is_within("/a", "/a"));
        assert!(!is_within("/ab", "/a"));
    }
}
