//! Plain files to objects.

use crate::tree::Tree;
use seawall_model::{FileId, Gap, GapKind, SourceMap, Span, Str};
use seawall_snapshot::{Keep, Object, ScopeId, object};
use seawall_yaml::{Document, Limits, Node, NoticeKind};
use std::io;

/// The largest file that is read, in bytes; a dump of 10,000 pods has about 100 MB.
pub(crate) const MAX_FILE: u64 = 256 << 20;

/// From this size on, in bytes, a list is read item by item. That takes longer for each
/// item and no more memory than one of them.
const LARGE: u64 = 4 << 20;

/// Most objects of one file that are looked at: small ones take more room than their text.
pub(crate) const MAX_OBJECTS: usize = 250_000;

/// Parser budgets for whole files.
pub(crate) fn limits() -> Limits {
    Limits {
        max_bytes: usize::try_from(MAX_FILE).unwrap_or(usize::MAX),
        ..Limits::default()
    }
}

/// What a file held.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Trees that claim to be Kubernetes objects, lists taken apart.
    pub(crate) nodes: Vec<Node>,
    /// The objects made of them, when asked for.
    pub(crate) objects: Vec<Object>,
    /// What could not be read.
    pub(crate) gaps: Vec<Gap>,
    /// Objects beyond [`MAX_OBJECTS`].
    pub(crate) left_out: u32,
    /// Items of lists that are no objects.
    pub(crate) strays: Strays,
}

/// Items of lists that are no objects. There may be millions of them: they are one gap.
#[derive(Debug, Default)]
pub(crate) struct Strays {
    first: Option<Span>,
    count: u32,
}

impl Strays {
    pub(crate) fn add(&mut self, span: Span) {
        self.first.get_or_insert(span);
        self.count = self.count.saturating_add(1);
    }

    /// What is said of them.
    pub(crate) fn told(&self, map: &SourceMap) -> Option<Gap> {
        let span = self.first?;
        let reason = match self.count {
            1 => {
                "this item of the list is no object: it has no `apiVersion` or no `kind`".to_owned()
            }
            count => format!(
                "{count} items of the list, this one the first, are no objects: they have no \
                 `apiVersion` or no `kind`"
            ),
        };
        Some(gap(
            GapKind::Malformed,
            &map.path(span.file),
            span,
            reason,
            self.count,
        ))
    }
}

/// What to make of the trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Objects with facts; trees are dropped as soon as they are read.
    Objects,
    /// The same, but workloads keep their trees, for admission policies.
    Trees,
    /// Trees.
    Nodes,
}

impl Want {
    /// What objects keep.
    pub(crate) fn keep(self) -> Keep {
        match self {
            Want::Objects => Keep::Facts,
            Want::Trees | Want::Nodes => Keep::Trees,
        }
    }
}

/// Reads a file of a tree.
pub(crate) fn read(tree: &dyn Tree, path: &str, want: Want, map: &SourceMap) -> Read {
    if let Ok(Some(_)) = tree.open_large(path, LARGE) {
        let file = map.add_file(tree.source(path));
        let mut open = || {
            let large = tree.open_large(path, 0)?;
            large.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        };
        if let Some(read) = read_list(&mut open, path, file, want, map) {
            return read;
        }
    }
    let bytes = match tree.read(path, MAX_FILE) {
        Ok(bytes) => bytes,
        Err(error) => {
            if error.kind() == io::ErrorKind::FileTooLarge {
                return too_large(path);
            }
            let reason = format!("cannot be read: {error}");
            return Read {
                gaps: vec![gap(GapKind::Unreadable, path, Span::NONE, reason, 1)],
                ..Read::default()
            };
        }
    };
    let file = map.add_file(tree.source(path));
    read_bytes(&bytes, path, file, want, map)
}

/// Reads a list item by item; `None` when it is none, or cannot be read at all.
fn read_list<R: io::Read>(
    open: &mut dyn FnMut() -> io::Result<R>,
    path: &str,
    file: FileId,
    want: Want,
    map: &SourceMap,
) -> Option<Read> {
    let mut read = Read::default();
    // Without its items a list is no object.
    let splits = |list: &Node| object::flatten(list.clone()).is_empty();
    let mut any = false;
    let mut each = |part| {
        any = true;
        take(part, want, map, &mut read);
    };
    match seawall_yaml::parse_list(open, file, &limits(), &splits, &mut each) {
        Ok(true) => Some(read),
        Err(error) if any => {
            let reason = format!("cannot be read: {error}");
            read.gaps
                .push(gap(GapKind::Unreadable, path, Span::NONE, reason, 1));
            Some(read)
        }
        _ => None,
    }
}

/// Nothing but the gap of something that is too long.
pub(crate) fn too_large(path: &str) -> Read {
    let reason = format!("it is larger than {} MiB", MAX_FILE >> 20);
    Read {
        gaps: vec![gap(GapKind::Unreadable, path, Span::NONE, reason, 1)],
        ..Read::default()
    }
}

/// Reads the bytes of a file or of standard input.
pub(crate) fn read_bytes(
    bytes: &[u8],
    path: &str,
    file: FileId,
    want: Want,
    map: &SourceMap,
) -> Read {
    if bytes.len() as u64 >= LARGE
        && let Some(read) = read_list(&mut || Ok(bytes), path, file, want, map)
    {
        return read;
    }
    let mut read = Read::default();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
            if utf16 || error.valid_up_to() > 0 || mentions_objects(&String::from_utf8_lossy(bytes))
            {
                let line = bytes
                    .iter()
                    .take(error.valid_up_to())
                    .filter(|b| **b == b'\n')
                    .count();
                let span = Span {
                    file,
                    line: u32::try_from(line + 1).unwrap_or(u32::MAX),
                    column: 1,
                    ..Span::NONE
                };
                let reason = "not UTF-8 text".to_owned();
                let mut gap = gap(GapKind::Unreadable, path, span, reason, 1);
                if utf16 {
                    "kubectl reads UTF-16; convert the file to UTF-8".clone_into(&mut gap.hint);
                }
                read.gaps.push(gap);
            }
            return read;
        }
    };
    let mut taken = Read::default();
    let problems = seawall_yaml::parse_each(text, file, &limits(), &mut |document| {
        take(document, want, map, &mut taken);
    });
    let manifest = mentions_objects(text);
    let hint = if !problems.is_empty() && text.contains("{{") {
        "this looks like a template: scan the chart or the rendered output instead"
    } else {
        ""
    };
    for problem in problems {
        let mut gap = gap(GapKind::Malformed, path, problem.span, problem.message, 1);
        hint.clone_into(&mut gap.hint);
        // A broken file that nowhere speaks of `kind` and `apiVersion` hides no object.
        gap.units = u32::from(manifest);
        read.gaps.push(gap);
    }
    // What is wrong with the text comes before what is wrong with its objects.
    read.gaps.append(&mut taken.gaps);
    Read {
        gaps: read.gaps,
        ..taken
    }
}

fn take(document: Document, want: Want, map: &SourceMap, read: &mut Read) {
    let Document { root, mut notices } = document;
    notices.sort_by_key(|notice| notice.span.start);
    for notice in notices
        .iter()
        .filter(|notice| notice.kind == NoticeKind::IgnoredDocument)
    {
        let path = map.path(root.span.file);
        let reason = "Kubernetes reads only the first document here and ignores the rest: \
                      put `---` on a line of its own"
            .to_owned();
        read.gaps
            .push(gap(GapKind::Malformed, &path, notice.span, reason, 1));
    }
    let is_list = object::is_list(&root);
    for node in object::flatten(root) {
        if !object::looks_like_object(&node) {
            if is_list {
                read.strays.add(node.span);
            }
            continue;
        }
        if is_tool_file(&node) {
            continue;
        }
        match want {
            Want::Nodes => read.nodes.push(node),
            _ if read.objects.len() >= MAX_OBJECTS => {
                read.left_out = read.left_out.saturating_add(1);
            }
            Want::Objects | Want::Trees => {
                let object =
                    object::read_keeping(&node, ScopeId::PLAIN, map, &mut read.gaps, want.keep());
                if let Some(mut object) = object {
                    // A list of thousands may have thousands of them.
                    let from = notices.partition_point(|n| n.span.start < node.span.start);
                    let to = notices.partition_point(|n| n.span.start <= node.span.end);
                    let near = notices.get(from..to).unwrap_or_default();
                    object.notices = object::notices_within(near, node.span);
                    read.objects.push(object);
                }
            }
        }
    }
}

/// Files of tools that look like objects but are never sent to a cluster.
fn is_tool_file(node: &Node) -> bool {
    let group = node
        .get("apiVersion")
        .and_then(Node::as_str)
        .unwrap_or_default();
    [
        "kustomize.config.k8s.io/",
        "builtin",
        "skaffold/",
        "config.kubernetes.io/",
        "kind.x-k8s.io/",
    ]
    .iter()
    .any(|tool| group.starts_with(tool))
}

/// Whether a text speaks of Kubernetes objects at all.
fn mentions_objects(text: &str) -> bool {
    text.contains("apiVersion") && text.contains("kind")
}

fn gap(kind: GapKind, path: &str, span: Span, reason: String, units: u32) -> Gap {
    Gap {
        kind,
        subject: Str::from(path),
        span,
        reason,
        hint: String::new(),
        units,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Disk;
    use seawall_model::{SourceFile, SourceKind};
    use std::fmt::Write as _;

    /// A dump of as many pods, `LARGE` or not by the length of their notes.
    fn dump(kind: &str, note: usize) -> String {
        let mut pods = Vec::new();
        for i in 0..50 {
            let mut pod = String::new();
            let odd = if i == 7 { "\"name\":\"x\"," } else { "" };
            let _ = write!(
                pod,
                "{{\"metadata\":{{{odd}\"name\":\"p{i}\"}},\"spec\":{{\"containers\":[]}},\"note\":\"{}\"}}",
                "x".repeat(note)
            );
            pods.push(pod);
        }
        format!(
            "{{\"apiVersion\":\"v1\",\"items\":[{}],\"kind\":\"{kind}\"}}\n",
            pods.join(",\n")
        )
    }

    fn told(text: &str, want: Want) -> Vec<String> {
        let map = SourceMap::new();
        let file = map.add_file(SourceFile {
            path: "dump.json".into(),
            kind: SourceKind::File,
        });
        let read = read_bytes(text.as_bytes(), "dump.json", file, want, &map);
        let objects = read.objects.iter().map(|object| {
            format!(
                "{:?} line {} {:?}",
                object.reference,
                object.span.line,
                object
                    .notices
                    .iter()
                    .map(|n| n.span.line)
                    .collect::<Vec<_>>()
            )
        });
        let nodes = read
            .nodes
            .iter()
            .map(|node| format!("{:?} line {}", node.get("kind"), node.span.line));
        let gaps = read.gaps.iter().map(|gap| gap.reason.clone());
        objects.chain(nodes).chain(gaps).collect()
    }

    #[test]
    fn long_lists_give_what_short_ones_give() {
        let long = usize::try_from(LARGE).unwrap_or(usize::MAX) / 50;
        for want in [Want::Objects, Want::Nodes] {
            // A menu is not a list, whatever it has.
            for (kind, count) in [("PodList", 50), ("Menu", 1)] {
                let short = told(&dump(kind, 1), want);
                let told_of_long: Vec<_> = told(&dump(kind, long), want);
                if want == Want::Objects {
                    assert_eq!(told_of_long, short);
                }
                assert_eq!(told_of_long.len(), short.len());
                assert!(short.len() >= count, "{short:?}");
            }
        }
        let broken = |note| told(dump("PodList", note).trim_end_matches("}\n"), Want::Objects);
        assert_eq!(broken(long), broken(1));
    }

    #[test]
    fn long_files_are_read_in_pieces() {
        let path = std::env::temp_dir().join(format!("seawall-list-{}", std::process::id()));
        let path = path.to_string_lossy();
        let long = usize::try_from(LARGE).unwrap_or(usize::MAX) / 50;
        std::fs::write(&*path, dump("PodList", long)).expect("a file");
        let map = SourceMap::new();
        let pieces = Disk.open_large(&path, LARGE).expect("a file");
        assert!(pieces.is_some());
        let objects = read(&Disk, &path, Want::Objects, &map).objects;
        std::fs::remove_file(&*path).expect("the file");
        assert_eq!(objects.len(), 50);
    }
}
