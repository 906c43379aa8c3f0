//! Settings in three layers: defaults, `seawall.yaml`, the command line. Every setting
//! remembers where it came from.

mod file;
mod values;

pub(crate) use file::{at, read, read_regular, read_yaml, text};

use crate::args::{Judge, Reading};
use crate::exit::Failure;
use crate::{demands, suggest};
use seawall_assessment::FailOn;
use seawall_model::{Framework, KubernetesVersion, Severity, SourceMap, Span};
use seawall_report::Format;
use seawall_yaml::{Node, Value};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use values::{framework, gate, output, percent, rule, severity, version_of};

/// The name that is looked for, here and in the directories above.
pub(crate) const FILE_NAME: &str = "seawall.yaml";

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of a configuration file: `path:line:column`.
    File(String),
    /// An option of the command line.
    Flag(&'static str),
}

impl Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(place) => f.write_str(place),
            Origin::Flag(flag) => write!(f, "option {flag}"),
        }
    }
}

/// A setting with its origin.
#[derive(Debug, Clone)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

impl<T> Setting<T> {
    fn default(value: T) -> Self {
        Self {
            value,
            origin: Origin::Default,
        }
    }
}

/// An output: the format and, if not standard output, the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) format: Format,
    pub(crate) file: Option<PathBuf>,
}

/// All settings.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) output: Setting<Vec<Output>>,
    pub(crate) severity: Setting<Severity>,
    pub(crate) only: Setting<Vec<String>>,
    pub(crate) skip: Setting<Vec<String>>,
    pub(crate) frameworks: Setting<Vec<Framework>>,
    pub(crate) fail_on: Setting<FailOn>,
    pub(crate) min_coverage: Setting<Option<f64>>,
    pub(crate) kubernetes_version: Setting<Option<KubernetesVersion>>,
    pub(crate) allowed_registries: Setting<Vec<String>>,
    pub(crate) policies: Setting<Vec<PathBuf>>,
    pub(crate) demands: Setting<Vec<demands::Entry>>,
    pub(crate) ignore_file: Setting<Option<PathBuf>>,
}

/// Every key of the file, for suggestions.
const KEYS: [&str; 12] = [
    "output",
    "severity",
    "only",
    "skip",
    "framework",
    "fail-on",
    "min-coverage",
    "kubernetes-version",
    "allowed-registries",
    "policies",
    "demands",
    "ignore-file",
];

/// What fails, as it is written.
fn gate_words(gate: FailOn) -> Option<String> {
    let severity = gate.severity.map(|severity| severity.to_string());
    let path = gate.path.then(|| "path".to_owned());
    let words: Vec<String> = severity.into_iter().chain(path).collect();
    (!words.is_empty()).then(|| words.join(","))
}

impl Default for Config {
    fn default() -> Self {
        let terminal = Output {
            format: Format::Terminal,
            file: None,
        };
        Config {
            output: Setting::default(vec![terminal]),
            severity: Setting::default(Severity::Info),
            only: Setting::default(Vec::new()),
            skip: Setting::default(Vec::new()),
            frameworks: Setting::default(Vec::new()),
            fail_on: Setting::default(FailOn::default()),
            min_coverage: Setting::default(None),
            kubernetes_version: Setting::default(None),
            allowed_registries: Setting::default(Vec::new()),
            policies: Setting::default(Vec::new()),
            demands: Setting::default(Vec::new()),
            ignore_file: Setting::default(None),
        }
    }
}

impl Config {
    /// Puts the layers together.
    pub(crate) fn load(judge: &Judge, reading: Option<&Reading>) -> Result<Self, Failure> {
        let mut config = Config::default();
        if let Some(path) = file(judge) {
            let text = match judge.files.config {
                Some(_) => read(&path)?,
                None => read_regular(&path)?,
            };
            config.read_text(&path, &text)?;
        }
        config.read_flags(judge, reading)?;
        let on_stdout = config
            .output
            .value
            .iter()
            .filter(|output| output.file.is_none())
            .count();
        if on_stdout > 1 {
            return Err(Failure::usage(
                "two outputs would go to standard output",
                "name a file for all but one: -o terminal -o sarif=seawall.sarif",
            ));
        }
        Ok(config)
    }

    fn read_flags(&mut self, judge: &Judge, reading: Option<&Reading>) -> Result<(), Failure> {
        let flag = |value: &str| value.to_owned();
        set_list(&mut self.output, "-o", &judge.output, output)?;
        set(
            &mut self.severity,
            "--severity",
            judge.severity.as_ref(),
            severity,
        )?;
        set_list(&mut self.only, "--only", &judge.only, rule)?;
        set_list(&mut self.skip, "--skip", &judge.skip, rule)?;
        set_list(
            &mut self.frameworks,
            "--framework",
            &judge.framework,
            framework,
        )?;
        set(&mut self.fail_on, "--fail-on", judge.fail_on.as_ref(), gate)?;
        set(
            &mut self.min_coverage,
            "--min-coverage",
            judge.min_coverage.as_ref(),
            percent,
        )?;
        let version = reading.and_then(|reading| reading.kubernetes_version.as_ref());
        set(
            &mut self.kubernetes_version,
            "--kubernetes-version",
            version,
            version_of,
        )?;
        set_list(
            &mut self.allowed_registries,
            "--allowed-registry",
            &judge.allowed_registry,
            |text| Ok(flag(text)),
        )?;
        set_list(&mut self.policies, "--policy", &judge.policy, |text| {
            Ok(PathBuf::from(text))
        })?;
        let path = |text: &str| Ok(Some(PathBuf::from(text)));
        set(
            &mut self.ignore_file,
            "--ignore-file",
            judge.files.ignore_file.as_ref(),
            path,
        )
    }

    /// Takes over what the text of a configuration file says.
    pub(crate) fn read_text(&mut self, path: &Path, text: &[u8]) -> Result<(), Failure> {
        let (map, root) = read_yaml(path, text)?;
        let Some(entries) = root.as_map() else {
            return Err(at(
                &map,
                root.span,
                "the configuration must be a mapping",
                "",
            ));
        };
        for entry in entries {
            let node = &entry.value;
            let origin = Origin::File(map.display(entry.key_span));
            let texts = || texts(&map, &entry.key, node);
            let bad = |error: Failure| at(&map, node.span, &error.message, &error.hint);
            let one = || -> Result<String, Failure> {
                let mut all = texts()?;
                match (all.pop(), all.pop()) {
                    (Some(text), None) => Ok(text),
                    _ => Err(at(
                        &map,
                        node.span,
                        &format!("`{}` takes one value", entry.key),
                        "",
                    )),
                }
            };
            match &*entry.key {
                "output" => put(
                    &mut self.output,
                    origin,
                    all(&texts()?, output).map_err(bad)?,
                ),
                "severity" => put(&mut self.severity, origin, severity(&one()?).map_err(bad)?),
                "only" => put(&mut self.only, origin, all(&texts()?, rule).map_err(bad)?),
                "skip" => put(&mut self.skip, origin, all(&texts()?, rule).map_err(bad)?),
                "framework" => {
                    put(
                        &mut self.frameworks,
                        origin,
                        all(&texts()?, framework).map_err(bad)?,
                    );
                }
                "fail-on" => put(&mut self.fail_on, origin, gate(&one()?).map_err(bad)?),
                "min-coverage" => {
                    put(
                        &mut self.min_coverage,
                        origin,
                        percent(&one()?).map_err(bad)?,
                    );
                }
                "kubernetes-version" => {
                    put(
                        &mut self.kubernetes_version,
                        origin,
                        version_of(&one()?).map_err(bad)?,
                    );
                }
                "allowed-registries" => put(&mut self.allowed_registries, origin, texts()?),
                "policies" => {
                    let dir = path.parent().unwrap_or(Path::new("."));
                    let beside = texts()?.iter().map(|text| dir.join(text)).collect();
                    put(&mut self.policies, origin, beside);
                }
                "demands" => put(&mut self.demands, origin, lines(path, node, texts()?)),
                "ignore-file" => {
                    let beside = path.parent().unwrap_or(Path::new(".")).join(one()?);
                    put(&mut self.ignore_file, origin, Some(beside));
                }
                unknown => {
                    let hint = suggest::hint(
                        unknown,
                        KEYS.into_iter(),
                        &format!("known settings: {}", KEYS.join(", ")),
                    );
                    let message = format!("unknown setting `{unknown}`");
                    return Err(at(&map, entry.key_span, &message, &hint));
                }
            }
        }
        Ok(())
    }

    /// Each setting as text, with its origin, in the order of the documentation.
    pub(crate) fn show(&self) -> Vec<(&'static str, String, String)> {
        fn list<T: ToString>(items: &[T]) -> String {
            items
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        }
        let none = || "none".to_owned();
        let outputs: Vec<String> = self
            .output
            .value
            .iter()
            .map(|output| match &output.file {
                Some(file) => format!("{}={}", output.format.name(), file.display()),
                None => output.format.name().to_owned(),
            })
            .collect();
        let frameworks: Vec<&str> = self
            .frameworks
            .value
            .iter()
            .map(|framework| framework.name())
            .collect();
        let version = self
            .kubernetes_version
            .value
            .unwrap_or(KubernetesVersion::NEWEST);
        let ignore_file = self
            .ignore_file
            .value
            .as_ref()
            .map_or_else(none, |path| path.display().to_string());
        let policies: Vec<String> = self
            .policies
            .value
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let policies = policies.join(", ");
        let demands: Vec<&str> = self.demands.value.iter().map(|line| &*line.text).collect();
        let row = |name, value: String, origin: &Origin| (name, value, origin.to_string());
        vec![
            row("output", list(&outputs), &self.output.origin),
            row(
                "severity",
                self.severity.value.to_string(),
                &self.severity.origin,
            ),
            row("only", list(&self.only.value), &self.only.origin),
            row("skip", list(&self.skip.value), &self.skip.origin),
            row("framework", list(&frameworks), &self.frameworks.origin),
            row(
                "fail-on",
                gate_words(self.fail_on.value).unwrap_or_else(none),
                &self.fail_on.origin,
            ),
            row(
                "min-coverage",
                self.min_coverage
                    .value
                    .map_or_else(none, |percent| percent.to_string()),
                &self.min_coverage.origin,
            ),
            row(
                "kubernetes-version",
                version.to_string(),
                &self.kubernetes_version.origin,
            ),
            row(
                "allowed-registries",
                list(&self.allowed_registries.value),
                &self.allowed_registries.origin,
            ),
            row("policies", policies, &self.policies.origin),
            row("demands", list(&demands), &self.demands.origin),
            row("ignore-file", ignore_file, &self.ignore_file.origin),
        ]
    }
}

/// The configuration file to read: the named one, or the first found upward.
fn file(judge: &Judge) -> Option<PathBuf> {
    if judge.files.no_config {
        return None;
    }
    judge
        .files
        .config
        .as_ref()
        .map(PathBuf::from)
        .or_else(|| find_upward(FILE_NAME))
}

/// What has this name in the working directory or the nearest directory above, up to the
/// root of the repository: what lies outside is not this project's. It may be no file.
pub(crate) fn find_upward(name: &str) -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    // Relative paths read better than absolute ones.
    let mut shown = PathBuf::new();
    for dir in here.ancestors() {
        if dir.join(name).symlink_metadata().is_ok() {
            return Some(shown.join(name));
        }
        if dir.join(".git").symlink_metadata().is_ok() {
            break;
        }
        shown.push("..");
    }
    None
}

/// The texts of a scalar or a list of scalars.
fn texts(map: &SourceMap, key: &str, node: &Node) -> Result<Vec<String>, Failure> {
    let one = |node: &Node| match &node.value {
        Value::String(text) => Ok(text.to_string()),
        Value::Int(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        _ => {
            let message = format!("`{key}` cannot be a {}", node.type_name());
            Err(at(
                map,
                node.span,
                &message,
                "write a text or a list of texts",
            ))
        }
    };
    match &node.value {
        Value::Seq(items) => items.iter().map(one).collect(),
        Value::Null => Ok(Vec::new()),
        _ => Ok(vec![one(node)?]),
    }
}

/// Texts with the places where they stand.
fn lines(path: &Path, node: &Node, texts: Vec<String>) -> Vec<demands::Entry> {
    let spans = match &node.value {
        Value::Seq(items) => items.iter().map(|item| item.span).collect(),
        _ => vec![node.span],
    };
    let line = |(text, span): (String, Span)| demands::Entry {
        text,
        file: path.to_owned(),
        line: span.line,
        column: span.column,
    };
    texts.into_iter().zip(spans).map(line).collect()
}

fn put<T>(setting: &mut Setting<T>, origin: Origin, value: T) {
    *setting = Setting { value, origin };
}

fn set<T>(
    setting: &mut Setting<T>,
    flag: &'static str,
    text: Option<&String>,
    read: impl Fn(&str) -> Result<T, Failure>,
) -> Result<(), Failure> {
    if let Some(text) = text {
        let value = read(text).map_err(|error| of_flag(flag, error))?;
        put(setting, Origin::Flag(flag), value);
    }
    Ok(())
}

fn set_list<T>(
    setting: &mut Setting<Vec<T>>,
    flag: &'static str,
    texts: &[String],
    read: impl Fn(&str) -> Result<T, Failure>,
) -> Result<(), Failure> {
    if !texts.is_empty() {
        let value = all(texts, read).map_err(|error| of_flag(flag, error))?;
        put(setting, Origin::Flag(flag), value);
    }
    Ok(())
}

fn of_flag(flag: &str, error: Failure) -> Failure {
    Failure {
        message: format!("{flag}: {}", error.message),
        ..error
    }
}

fn all<T>(texts: &[String], read: impl Fn(&str) -> Result<T, Failure>) -> Result<Vec<T>, Failure> {
    texts.iter().map(|text| read(text)).collect()
}
