//! Files to charts: `chart/loader`.

use super::archive::unpack;
use super::ignore::Rules;
use super::metadata::{Complaints, Metadata};
use super::{Chart, File};
use crate::helm::limits::{MAX_CHART, MAX_CHART_DEPTH, MAX_FILE, MAX_FILES};
use crate::helm::value::{Map, MapKind};
use crate::tree::{Entry, Tree, join};
use seawall_model::{Gap, GapKind, SourceFile, SourceKind, SourceMap, Span};
use seawall_yaml::{Limits, Node};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Reads files and keeps what could not be read.
pub(crate) struct Reader<'a> {
    pub(crate) tree: &'a dyn Tree,
    pub(crate) map: &'a SourceMap,
    pub(crate) gaps: Vec<Gap>,
}

impl Reader<'_> {
    /// A gap at a place.
    pub(crate) fn gap(&mut self, subject: &str, span: Span, reason: String, units: u32) {
        self.gaps.push(Gap {
            kind: GapKind::NotRendered,
            subject: subject.into(),
            span,
            reason,
            hint: String::new(),
            units,
        });
    }

    /// The first byte of a file.
    pub(crate) fn start_of(&self, source: &SourceFile) -> Span {
        let file = self.map.add_file(source.clone());
        Span {
            file,
            line: 1,
            column: 1,
            ..Span::NONE
        }
    }

    /// A YAML file as Helm reads it: the first document. Nothing, and a gap, when it cannot
    /// be read.
    pub(crate) fn yaml(&mut self, file: &File, what: &str) -> Option<Node> {
        let id = self.map.add_file(file.source.clone());
        let start = self.start_of(&file.source);
        let Some(text) = file.text() else {
            let path = file.source.path.clone();
            self.gap(&path, start, format!("cannot load {what}: not UTF-8"), 1);
            return None;
        };
        let read = seawall_yaml::parse_single(text, id, &Limits::default());
        if let Some(problem) = read.problems.first() {
            let path = file.source.path.clone();
            self.gap(
                &path,
                problem.span,
                format!("cannot load {what}: {}", problem.message),
                1,
            );
            return None;
        }
        Some(
            read.documents
                .into_iter()
                .next()
                .map_or_else(Node::null, |document| document.root),
        )
    }
}

/// Builds charts of files.
pub(crate) struct Loader<'r, 'a> {
    pub(crate) reader: &'r mut Reader<'a>,
    left: u64,
    count: usize,
}

impl<'r, 'a> Loader<'r, 'a> {
    pub(crate) fn new(reader: &'r mut Reader<'a>) -> Self {
        Self {
            reader,
            left: MAX_CHART,
            count: 0,
        }
    }

    /// The chart in a directory.
    pub(crate) fn directory(&mut self, dir: &str) -> Option<Chart> {
        let rules = self.rules(dir);
        let mut files = Vec::new();
        self.walk(dir, "", &rules, 0, &mut files);
        self.chart(dir, files, 0)
    }

    fn rules(&mut self, dir: &str) -> Rules {
        let path = join(dir, ".helmignore");
        // As the listing has it: it may be a link to anywhere.
        let listed = self.reader.tree.list(dir, dir).unwrap_or_default();
        if !listed.contains(&(".helmignore".to_owned(), Entry::File)) {
            return Rules::default().with_defaults();
        }
        let Ok(bytes) = self.reader.tree.read(&path, MAX_FILE) else {
            return Rules::default().with_defaults();
        };
        match Rules::parse(&String::from_utf8_lossy(&bytes)) {
            Ok(rules) => rules.with_defaults(),
            Err(why) => {
                let span = self.reader.start_of(&self.reader.tree.source(&path));
                // Nothing is left out then; Helm refuses the chart.
                self.reader.gap(&path, span, why, 0);
                Rules::default().with_defaults()
            }
        }
    }

    fn walk(&mut self, dir: &str, below: &str, rules: &Rules, depth: u32, out: &mut Vec<File>) {
        let at = if below.is_empty() {
            dir.to_owned()
        } else {
            join(dir, below)
        };
        let entries = match self.reader.tree.list(&at, dir) {
            Ok(entries) => entries,
            Err(error) => {
                self.reader.gap(
                    &at,
                    Span::NONE,
                    format!("cannot read the directory: {error}"),
                    1,
                );
                return;
            }
        };
        for (name, entry) in entries {
            let path = if below.is_empty() {
                name
            } else {
                format!("{below}/{name}")
            };
            if rules.ignores(&path, entry == Entry::Directory) {
                continue;
            }
            let full = join(dir, &path);
            if let Entry::LeftOut(why) = entry {
                // No place within: it must not be opened.
                self.reader.gap(&full, Span::NONE, format!("it {why}"), 1);
                continue;
            }
            if entry == Entry::Directory {
                if depth >= MAX_CHART_DEPTH {
                    let why = format!("directories are nested deeper than {MAX_CHART_DEPTH}");
                    self.reader.gap(&full, Span::NONE, why, 1);
                    continue;
                }
                self.walk(dir, &path, rules, depth + 1, out);
                continue;
            }
            let bytes = match self.reader.tree.read(&full, MAX_FILE.min(self.left)) {
                Ok(bytes) => bytes,
                Err(error) => {
                    let why = if error.kind() == std::io::ErrorKind::FileTooLarge {
                        format!("the file is larger than {MAX_FILE} bytes, which Helm refuses")
                    } else {
                        format!("cannot read the file: {error}")
                    };
                    let span = self.reader.start_of(&self.reader.tree.source(&full));
                    self.reader.gap(&full, span, why, 1);
                    continue;
                }
            };
            self.left -= bytes.len() as u64;
            self.count += 1;
            if self.count > MAX_FILES {
                let why = format!("the chart has more than {MAX_FILES} files");
                self.reader.gap(dir, Span::NONE, why, 1);
                return;
            }
            out.push(File {
                name: Rc::from(path),
                bytes: without_mark(&bytes),
                source: self.reader.tree.source(&full),
            });
        }
    }

    /// The chart that some files are; nothing, and a gap, when they are none.
    fn chart(&mut self, place: &str, files: Vec<File>, depth: u32) -> Option<Chart> {
        let Some(file) = files.iter().find(|file| &*file.name == "Chart.yaml") else {
            let reason = "Chart.yaml file is missing".to_owned();
            self.reader.gap(place, Span::NONE, reason, 1);
            return None;
        };
        let node = self.reader.yaml(file, "Chart.yaml")?;
        let path = file.source.path.clone();
        let mut complaints = Complaints::new();
        let mut meta = Metadata::parse(&node, &mut complaints);
        let start = self.reader.start_of(&file.source);
        meta.span.get_or_insert(start);
        let mut chart = Chart {
            meta,
            templates: Vec::new(),
            files: Vec::new(),
            written: None,
            values: Map::new(MapKind::Any),
            key: 0,
            schema: None,
            dependencies: Vec::new(),
        };
        let mut below: BTreeMap<String, Vec<File>> = BTreeMap::new();
        for file in files {
            let name = file.name.clone();
            match &*name {
                "Chart.yaml" | "Chart.lock" => {}
                "values.yaml" => chart.written = self.reader.yaml(&file, "values.yaml"),
                "values.schema.json" => chart.schema = Some(file),
                "requirements.yaml" => {
                    if let Some(node) = self.reader.yaml(&file, "requirements.yaml") {
                        chart.meta.add_dependencies(&node, &mut complaints);
                    }
                    if chart.meta.api_version == "v1" {
                        chart.files.push(file);
                    }
                }
                "requirements.lock" => {
                    if chart.meta.api_version == "v1" {
                        chart.files.push(file);
                    }
                }
                name if name.starts_with("templates/") => chart.templates.push(file),
                name => match name.strip_prefix("charts/") {
                    Some(rest) if !ends_with(rest, ".prov") => {
                        let top = rest.split('/').next().unwrap_or(rest).to_owned();
                        let file = File {
                            name: Rc::from(rest),
                            ..file
                        };
                        below.entry(top).or_default().push(file);
                    }
                    _ => chart.files.push(file),
                },
            }
        }
        if let Some(node) = chart
            .written
            .as_ref()
            .filter(|n| !n.is_null() && n.as_map().is_none())
        {
            let why = format!(
                "cannot load values.yaml: it is a {}, not a map",
                node.type_name()
            );
            let span = node.span;
            self.reader.gap(&path, span, why, 0);
        }
        for (span, why) in complaints {
            let why = format!("Helm refuses this chart: in Chart.yaml, {why}");
            self.reader.gap(&path, span, why, 0);
        }
        if let Err(why) = chart.meta.validate() {
            let span = chart.meta.span.unwrap_or(start);
            self.reader
                .gap(&path, span, format!("Helm refuses this chart: {why}"), 0);
        }
        for (name, files) in below {
            if name.starts_with(['_', '.']) {
                continue;
            }
            let place = join(place, &format!("charts/{name}"));
            chart
                .dependencies
                .extend(self.below(&place, &name, files, depth + 1));
        }
        Some(chart)
    }

    /// A chart in `charts/`: a directory or an archive.
    fn below(&mut self, place: &str, name: &str, files: Vec<File>, depth: u32) -> Option<Chart> {
        if depth > MAX_CHART_DEPTH {
            let why = format!("charts are nested deeper than {MAX_CHART_DEPTH}");
            self.reader.gap(place, Span::NONE, why, 1);
            return None;
        }
        if ends_with(name, ".tgz") {
            let packed = files.first().filter(|file| &*file.name == name)?;
            let unpacked = match unpack(&packed.bytes) {
                Ok(unpacked) => unpacked,
                Err(why) => {
                    let span = self.reader.start_of(&packed.source);
                    self.reader.gap(
                        place,
                        span,
                        format!("this chart cannot be unpacked: {why}"),
                        1,
                    );
                    return None;
                }
            };
            if unpacked.odd > 0 {
                let first = &unpacked.first_odd;
                let which = match unpacked.odd {
                    1 => format!("`{first}` is a link or a device"),
                    all => format!("`{first}` and {} more are links or devices", all - 1),
                };
                // Helm installs no more than that, so nothing is missing.
                let why = format!("in this archive {which}, which is read as an empty file");
                let span = self.reader.start_of(&packed.source);
                self.reader.gap(place, span, why, 0);
            }
            let unpacked = unpacked.files;
            let size: u64 = unpacked.iter().map(|(_, bytes)| bytes.len() as u64).sum();
            self.left = self.left.saturating_sub(size);
            self.count += unpacked.len();
            if self.left == 0 || self.count > MAX_FILES {
                let why = "the chart with all charts in it is too large".to_owned();
                self.reader.gap(place, Span::NONE, why, 1);
                return None;
            }
            let files = unpacked.into_iter().map(|(inner, bytes)| File {
                bytes: without_mark(&bytes),
                // Nobody can read the line again without unpacking.
                source: SourceFile {
                    path: format!("{}!/{inner}", packed.source.path).into(),
                    kind: SourceKind::Generated,
                },
                name: Rc::from(inner),
            });
            return self.chart(place, files.collect(), depth);
        }
        let files = files.into_iter().filter_map(|file| {
            let (_, rest) = file.name.split_once('/')?;
            let name = Rc::from(rest);
            Some(File { name, ..file })
        });
        self.chart(place, files.collect(), depth)
    }
}

/// Helm looks at the exact letters.
fn ends_with(name: &str, ending: &str) -> bool {
    name.ends_with(ending)
}

/// The bytes without a byte-order mark.
fn without_mark(bytes: &[u8]) -> Rc<[u8]> {
    Rc::from(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes))
}
