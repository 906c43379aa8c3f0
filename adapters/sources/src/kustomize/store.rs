//! Files of one tree, each read and parsed once, and the rules about which may be read.

use super::Fail;
use super::decode::Text;
use super::value;
use crate::tree::{self, Kind, Tree};
use seawall_model::{FileId, GapKind, SourceMap, Span, Str};
use seawall_yaml::{Limits, Node, NoticeKind, Value};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// No file that an overlay names may be larger.
const MAX_FILE: u64 = 64 << 20;

/// The names a kustomization may have.
pub const FILE_NAMES: [&str; 3] =
    ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// A parsed file.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// The documents as Kubernetes reads them.
    pub(super) kubernetes: Vec<Node>,
    /// The documents as Kustomize reads resources: YAML 1.2 truths.
    pub(super) resources: Vec<Node>,
    /// What could not be read.
    pub(super) problems: Vec<Fail>,
    /// Keys that Kustomize stops at: those that stand twice in one mapping, or are no text.
    pub(super) duplicates: Vec<Fail>,
}

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
    parsed: Mutex<HashMap<String, Arc<Parsed>>>,
    here: Mutex<Option<Arc<str>>>,
}

/// Whether `path` is `dir` or below it; both canonical.
pub(super) fn is_within(path: &str, dir: &str) -> bool {
    dir == "/"
        || dir == "."
        || path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path is a URL that Kustomize would fetch as a file.
pub(super) fn is_url(path: &str) -> bool {
    let lower = path.get(..8).unwrap_or(path).to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

impl<'a> Store<'a> {
    pub(super) fn new(tree: &'a dyn Tree, map: &'a SourceMap) -> Self {
        Self { tree, map, parsed: Mutex::default(), here: Mutex::default() }
    }

    /// The working directory, canonical.
    fn here(&self) -> Arc<str> {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        here.get_or_insert_with(|| {
            self.tree.canonical(".").map_or_else(|_| Arc::from("."), Arc::from)
        })
        .clone()
    }

    /// A directory as the root of a kustomization.
    pub(super) fn root(&self, dir: &str) -> Option<Root> {
        if self.tree.kind(dir) != Some(Kind::Directory) {
            return None;
        }
        let canonical = self.tree.canonical(dir).ok()?;
        // Behind a link, `..` leads elsewhere than the text says: go on from the real place.
        let linked = tree::join(&self.here(), dir) != canonical && !dir.starts_with('/');
        let dir = if linked { canonical.clone() } else { dir.to_owned() };
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
            (None, _) => Err((None, format!("there is no {} in {dir}", FILE_NAMES.join(", ")))),
            (Some(found), None) => Ok(found),
            (Some(_), Some((second, _))) => {
                Err((Some(second), format!("there is more than one kustomization in {dir}")))
            }
        }
    }

    /// Where a file that the kustomization in `root` names is, if it may be read.
    pub(super) fn locate(&self, root: &Root, path: &Text) -> Result<String, Fail> {
        let fail = |kind, message: String| {
            Err(Fail { kind, subject: Some(path.value.clone()), ..Fail::new(path.span, message) })
        };
        if is_url(path) {
            return Err(remote(path));
        }
        if path.is_empty() {
            return fail(GapKind::NotRendered, "the path of a file is empty".to_owned());
        }
        let full = tree::join(&root.dir, path);
        match self.tree.kind(&full) {
            None => return fail(GapKind::NotRendered, format!("there is no file {full}")),
            Some(Kind::Directory) => {
                return fail(GapKind::NotRendered, format!("{full} is a directory, not a file"));
            }
            Some(Kind::File) => {}
        }
        let canonical = match self.tree.canonical(&full) {
            Ok(canonical) => canonical,
            Err(error) => return fail(GapKind::Unreadable, format!("{full}: {error}")),
        };
        if !is_within(&canonical, &root.canonical) {
            let message =
                format!("{full} is outside the kustomization's directory {}", root.dir);
            return fail(GapKind::NotRendered, message);
        }
        Ok(full)
    }

    /// The bytes of a file that the kustomization in `root` names.
    pub(super) fn bytes(&self, root: &Root, path: &Text) -> Result<Vec<u8>, Fail> {
        let full = self.locate(root, path)?;
        self.tree.read(&full, MAX_FILE).map_err(|error| unreadable(&full, path.span, &error))
    }

    /// A file that the kustomization in `root` names, parsed.
    pub(super) fn file(&self, root: &Root, path: &Text) -> Result<(Str, Arc<Parsed>), Fail> {
        let full = self.locate(root, path)?;
        let parsed = self.parse_file(&full, path.span)?;
        Ok((full.into(), parsed))
    }

    /// A file at a path that has been checked.
    pub(super) fn parse_file(&self, full: &str, span: Span) -> Result<Arc<Parsed>, Fail> {
        let lock = || self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parsed) = lock().get(full) {
            return Ok(parsed.clone());
        }
        let bytes =
            self.tree.read(full, MAX_FILE).map_err(|error| unreadable(full, span, &error))?;
        let file = self.map.add_file(self.tree.source(full));
        let parsed = Arc::new(match String::from_utf8(bytes) {
            Ok(text) => parse(&text, file),
            Err(_) => Parsed {
                problems: vec![Fail {
                    kind: GapKind::Unreadable,
                    ..Fail::new(Span { file, ..Span::NONE }, format!("{full} is not UTF-8"))
                }],
                ..Parsed::default()
            },
        });
        lock().insert(full.to_owned(), parsed.clone());
        Ok(parsed)
    }

    /// Parses text that stands in a scalar of another file, with spans that point there.
    pub(super) fn inline(&self, text: &Text) -> Parsed {
        self.inline_part(text, text, 0)
    }

    /// The same without the white space around the text.
    pub(super) fn inline_trimmed(&self, text: &Text) -> Parsed {
        let body = text.trim();
        let skipped = text.get(..text.len() - text.trim_start().len()).unwrap_or_default();
        let lines = u32::try_from(skipped.matches('\n').count()).unwrap_or(0);
        self.inline_part(text, body, lines)
    }

    fn inline_part(&self, text: &Text, body: &str, skipped: u32) -> Parsed {
        let mut parsed = parse(body, text.span.file);
        let place = self.block_lines(text.span);
        let mut rewrite = |inner: Span| -> Span {
            let (Some((lines, indent)), true) = (&place, inner.line > 0) else { return text.span };
            let line = text.span.line.saturating_add(inner.line).saturating_add(skipped);
            let index = line.saturating_sub(1) as usize;
            let Some(start) = lines.get(index) else { return text.span };
            let start = start.saturating_add(*indent).saturating_add(inner.column.max(1) - 1);
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
        ..Fail::new(path.span, format!("{} is remote and was not fetched", &**path))
    }
}

fn unreadable(path: &str, span: Span, error: &std::io::Error) -> Fail {
    Fail {
        kind: GapKind::Unreadable,
        subject: Some(path.into()),
        ..Fail::new(span, format!("{path}: {error}"))
    }
}

fn parse(text: &str, file: FileId) -> Parsed {
    let stream = seawall_yaml::parse(text, file, &Limits::default());
    let mut parsed = Parsed::default();
    for problem in stream.problems {
        parsed.problems.push(Fail {
            kind: GapKind::Malformed,
            ..Fail::new(problem.span, problem.message)
        });
    }
    let dates = has_dates(text);
    for document in stream.documents {
        let mut legacy: HashMap<(u32, u32), Str> = HashMap::new();
        for notice in &document.notices {
            match notice.kind {
                NoticeKind::LegacyBool => {
                    legacy.insert((notice.span.start, notice.span.end), notice.text.as_str().into());
                }
                NoticeKind::DuplicateKey => parsed.duplicates.push(Fail::new(
                    notice.span,
                    format!("the key \"{}\" stands twice in one mapping", notice.text),
                )),
                _ => {}
            }
        }
        parsed.kubernetes.push(document.root.clone());
        let mut root = document.root;
        if !text.ends_with('\n') {
            cut_last_break(&mut root, text);
        }
        if !legacy.is_empty() || dates {
            let reader = Reader { legacy: &legacy, text };
            reader.to_yaml_1_2(&mut root, &mut Vec::new(), false);
        }
        annotations_as_written(&mut root, text);
        odd_keys(&root, text, &mut parsed.duplicates);
        parsed.resources.push(root);
    }
    parsed
}

/// kubectl ends every text with a line break, Kustomize does not: a block scalar at the very
/// end of a text without one has none either.
fn cut_last_break(node: &mut Node, text: &str) {
    let last = match &mut node.value {
        Value::Map(map) => map
            .iter()
            .enumerate()
            .max_by_key(|(_, entry)| entry.value.span.start)
            .map(|(index, _)| index)
            .and_then(|index| map.entries_mut().get_mut(index))
            .map(|entry| &mut entry.value),
        Value::Seq(items) => Arc::make_mut(items).last_mut(),
        Value::String(string) => {
            let block = matches!(text.as_bytes().get(node.span.start as usize), Some(b'|' | b'>'));
            let end = (node.span.end as usize).saturating_add(1) >= text.trim_end_matches(' ').len();
            if let (true, true, Some(cut)) = (block, end, string.strip_suffix('\n')) {
                *string = cut.into();
            }
            None
        }
        _ => None,
    };
    if let Some(last) = last {
        cut_last_break(last, text);
    }
}

/// The values of annotations end up as text; numbers keep the form in which they are written.
fn annotations_as_written(root: &mut Node, text: &str) {
    let number = |node: &Node| {
        matches!(node.value, Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_))
    };
    let Some(found) = root.at(&["metadata", "annotations"]).and_then(Node::as_map) else { return };
    if !found.iter().any(|entry| number(&entry.value)) {
        return;
    }
    let annotations = root
        .as_map_mut()
        .and_then(|map| map.get_mut("metadata")?.as_map_mut()?.get_mut("annotations")?.as_map_mut());
    for entry in annotations.into_iter().flat_map(|map| map.entries_mut()) {
        let span = entry.value.span;
        if number(&entry.value)
            && let Some(written) = text.get(span.start as usize..span.end as usize)
        {
            entry.value = value::string(written, span);
        }
    }
}

/// Keys that YAML 1.2 reads as numbers, truths or null.
fn odd_keys(node: &Node, text: &str, fails: &mut Vec<Fail>) {
    match &node.value {
        Value::Map(map) => {
            for entry in map {
                let span = entry.key_span;
                let first = entry.key.as_bytes().first().copied().unwrap_or(b'~');
                let suspect = first.is_ascii_digit() || b"+-.~tTfFnN".contains(&first);
                if suspect
                    && value::resolve(&entry.key, span).as_str().is_none()
                    && text.get(span.start as usize..span.end as usize) == Some(&*entry.key)
                    && span.is_known()
                {
                    let message = format!("the key {} is no text", entry.key);
                    fails.push(Fail::new(span, message));
                }
                odd_keys(&entry.value, text, fails);
            }
        }
        Value::Seq(items) => items.iter().for_each(|item| odd_keys(item, text, fails)),
        _ => {}
    }
}

/// Whether some plain scalar of the text could be a date at all.
fn has_dates(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Few bytes are hyphens, so they are looked at first: ` 2024-01…`, ` 2024-1-…`.
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'-').any(|(at, _)| {
        let around = at.checked_sub(5).and_then(|start| bytes.get(start..at + 3));
        let Some([before, y1, y2, y3, y4, _, month, next]) = around else { return false };
        matches!(before, b' ' | b'[' | b',')
            && [y1, y2, y3, y4, month].into_iter().all(u8::is_ascii_digit)
            && (next.is_ascii_digit() || *next == b'-')
    })
}

/// What a second look at a parsed text needs.
struct Reader<'t> {
    legacy: &'t HashMap<(u32, u32), Str>,
    text: &'t str,
}

impl Reader<'_> {
    /// Turns `yes`, `on` … back into text, and dates into points in time, as Kustomize's YAML
    /// library has them. Annotations stay as they are written, and so do times of day within
    /// brackets, which the library puts into quotes on the way.
    fn to_yaml_1_2(&self, node: &mut Node, path: &mut Vec<Str>, flow: bool) {
        let start = node.span.start as usize;
        let container = matches!(node.value, Value::Seq(_) | Value::Map(_));
        let bracket = |at: usize| matches!(self.text.as_bytes().get(at), Some(b'[' | b'{'));
        let before = || self.text.get(..start).unwrap_or_default().trim_end().len();
        let flow = flow || (container && (bracket(start) || bracket(before().wrapping_sub(1))));
        match &mut node.value {
            Value::Map(map) => {
                for entry in map.entries_mut() {
                    let key = (entry.key_span.start, entry.key_span.end);
                    if let Some(written) = self.legacy.get(&key) {
                        entry.key = written.clone();
                    }
                    path.push(entry.key.clone());
                    self.to_yaml_1_2(&mut entry.value, path, flow);
                    path.pop();
                }
            }
            Value::Seq(items) => {
                for item in Arc::make_mut(items) {
                    self.to_yaml_1_2(item, path, flow);
                }
            }
            Value::Bool(_) => {
                if let Some(written) = self.legacy.get(&(node.span.start, node.span.end)) {
                    *node = value::string(written.clone(), node.span);
                }
            }
            Value::String(string) => {
                let written = self.text.get(node.span.start as usize..node.span.end as usize);
                let annotation = matches!(path.as_slice(), [m, a, _] if &**m == "metadata" && &**a == "annotations");
                if written == Some(&**string)
                    && !annotation
                    && !(flow && string.contains(':'))
                    && let Some(time) = super::date::timestamp(string)
                {
                    *node = value::string(time, node.span);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kustomize_reads_yaml_1_2() {
        let parsed = parse("a: yes\nb: 2020-01-02\nc: '2020-01-02'\nd: 0777\n", FileId(1));
        let [doc] = parsed.resources.as_slice() else { panic!() };
        assert_eq!(doc.get("a").and_then(Node::as_str), Some("yes"));
        assert_eq!(doc.get("b").and_then(Node::as_str), Some("2020-01-02T00:00:00Z"));
        assert_eq!(doc.get("c").and_then(Node::as_str), Some("2020-01-02"));
        assert_eq!(doc.get("d").and_then(Node::as_i64), Some(511));
        assert_eq!(parsed.kubernetes[0].get("a").and_then(Node::as_bool), Some(true));
    }

    #[test]
    fn within_means_whole_parts() {
        assert!(is_within("/a/b", "/a"));
        assert!(is_within("/a", "/a"));
        assert!(!is_within("/ab", "/a"));
    }
}
