//! Helm itself is the judge: every chart of the shared manifests, of `examples/` and of
//! `tests/cases/helm/`, with its default values and with every values file of its `ci/`
//! folder, must give the same objects in the same order, or, where Helm refuses it, a gap.
//! So must every line of `tests/cases/helm/expressions*.txt`, each in a chart of its own, and
//! every request of `tests/cases/helm/requests.json` (`--set` and its kin).
//!
//! What differs between two runs of Helm itself (passwords and certificates that charts
//! draw at random, and hashes of them) is left out of the comparison, and nothing else.
//!
//! Skipped, with a line that says so, without Go or without the data. More charts can be
//! tried with `HELM_MORE=DIR:DIR cargo test -p seawall-tests --test helm_oracle`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::case_sensitive_file_extension_comparisons,
    clippy::many_single_char_names,
    reason = "test helpers may fail loudly and say what they skip"
)]

use seawall_model::SourceMap;
use seawall_sources::helm::{Options, is_chart, render};
use seawall_sources::tree::Disk;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// Where the judge is, built if need be.
fn judge() -> Option<PathBuf> {
    let built = Command::new(root().join("tests/oracle/build"))
        .output()
        .ok()?;
    if built.status.code() == Some(77) {
        println!("SKIPPED: no Go, so there is no judge");
        return None;
    }
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    Some(PathBuf::from(String::from_utf8(built.stdout).unwrap().trim()).join("helm"))
}

fn sorted(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// All charts below, but not those inside charts.
fn charts(dir: &Path, found: &mut Vec<PathBuf>) {
    if is_chart(&Disk, dir.to_str().unwrap()) {
        found.push(dir.to_owned());
        return;
    }
    for path in sorted(dir) {
        if path.is_dir() && !path.is_symlink() && !path.ends_with(".git") {
            charts(&path, found);
        }
    }
}

/// A chart with its default values and with those of its `ci/` folder.
fn requests(chart: &Path) -> Vec<Value> {
    let mut all = vec![json!({"chart": chart})];
    for path in sorted(&chart.join("ci")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.contains("values") && (name.ends_with(".yaml") || name.ends_with(".yml")) {
            all.push(json!({"chart": chart, "values_files": [path]}));
        }
    }
    all
}

/// The judge's answers.
fn ask(judge: &Path, requests: &[Value]) -> Vec<Value> {
    let mut judge = Command::new(judge)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = judge.stdin.take().unwrap();
    let lines: Vec<String> = requests.iter().map(Value::to_string).collect();
    let writer = std::thread::spawn(move || {
        for line in lines {
            writeln!(stdin, "{line}").unwrap();
        }
    });
    let answers = BufReader::new(judge.stdout.take().unwrap())
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    writer.join().unwrap();
    judge.wait().unwrap();
    answers
}

/// The first difference, as a path, but where two answers of the judge differ, too.
fn difference(ours: &Value, judged: &Value, again: &Value, path: &str) -> Option<String> {
    match (ours, judged, again) {
        (Value::Object(a), Value::Object(b), Value::Object(c)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            for key in keys {
                let path = format!("{path}.{key}");
                match (a.get(key), b.get(key)) {
                    (Some(x), Some(y)) => {
                        let again = c.get(key).unwrap_or(&Value::Null);
                        if let Some(found) = difference(x, y, again, &path) {
                            return Some(found);
                        }
                    }
                    (x, y) => return Some(format!("{path}: ours {x:?}, judge {y:?}")),
                }
            }
            None
        }
        (Value::Array(a), Value::Array(b), Value::Array(c))
            if a.len() == b.len() && b.len() == c.len() =>
        {
            a.iter()
                .zip(b.iter().zip(c))
                .enumerate()
                .find_map(|(index, (x, (y, z)))| difference(x, y, z, &format!("{path}[{index}]")))
        }
        (Value::Number(a), Value::Number(b), _) if a.as_f64() == b.as_f64() => None,
        (_, b, c) if b != c => None,
        (a, b, _) if a == b => None,
        (a, b, _) => Some(format!("{path}: ours {a}, judge {b}")),
    }
}

fn texts(request: &Value, field: &str) -> Vec<String> {
    let list = request[field].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

fn text(request: &Value, field: &str) -> String {
    request[field].as_str().unwrap_or("").to_owned()
}

#[derive(Default)]
struct Score {
    equal: usize,
    refused: usize,
    gaps: usize,
    total: usize,
    wrong: Vec<String>,
}

impl Score {
    fn report(&self, name: &str) {
        println!(
            "{name}: {} of {} equal, {} more refused by both, {} more with a gap",
            self.equal, self.total, self.refused, self.gaps
        );
        for wrong in &self.wrong {
            println!("  {wrong}");
        }
    }
}

fn compare(judge: &Path, requests: &[Value], name: &dyn Fn(&Value) -> String) -> Score {
    let asked: Vec<Value> = requests
        .iter()
        .map(|request| {
            let mut request = request.clone();
            request["include_crds"] = json!(true);
            request
        })
        .collect();
    // A chart that misses one of its charts is refused; the rest of it is compared, too.
    let without: Vec<Value> = asked
        .iter()
        .map(|request| {
            let mut request = request.clone();
            request["ignore_missing_dependencies"] = json!(true);
            request
        })
        .collect();
    let strict = ask(judge, &asked);
    let answers = ask(judge, &without);
    let again = ask(judge, &without);
    let mut score = Score {
        total: requests.len(),
        ..Score::default()
    };
    for (index, request) in requests.iter().enumerate() {
        let options = Options {
            values_files: texts(request, "values_files"),
            set: texts(request, "set"),
            set_string: texts(request, "set_string"),
            set_json: texts(request, "set_json"),
            set_file: texts(request, "set_file"),
            release_name: text(request, "release_name"),
            namespace: text(request, "namespace"),
            kube_version: text(request, "kube_version"),
            api_versions: texts(request, "api_versions"),
        };
        let map = SourceMap::new();
        let rendered = render(&Disk, request["chart"].as_str().unwrap(), &options, &map);
        let gaps: Vec<String> = rendered
            .gaps
            .iter()
            .map(|gap| format!("{}: {}", map.display(gap.span), gap.reason))
            .collect();
        let label = name(request);
        let refusal = strict[index]["error"]
            .as_str()
            .filter(|error| !error.is_empty());
        if let Some(error) = answers[index]["error"]
            .as_str()
            .filter(|error| !error.is_empty())
        {
            if gaps.is_empty() {
                let short: String = error.chars().take(500).collect();
                score.wrong.push(format!("{label}: no gap, but: {short}"));
            } else {
                if std::env::var_os("HELM_VERBOSE").is_some() {
                    println!(
                        "  refused: {label}\n    judge: {error}\n    ours: {}",
                        gaps.join("; ")
                    );
                }
                score.refused += 1;
            }
            continue;
        }
        if let Some(error) = refusal.filter(|_| gaps.is_empty()) {
            score.wrong.push(format!("{label}: no gap, but: {error}"));
            continue;
        }
        let objects = |answer: &Value| -> Vec<Value> {
            let list = answer["objects"].as_array().cloned().unwrap_or_default();
            list.iter().map(|object| object["object"].clone()).collect()
        };
        let (theirs, once_more) = (objects(&answers[index]), objects(&again[index]));
        let ours: Vec<Value> = rendered
            .objects
            .iter()
            .map(|node| serde_json::from_str(&seawall_yaml::to_json(node)).unwrap())
            .collect();
        let names = |list: &[Value]| -> Value {
            list.iter()
                .map(|o| format!("{}/{}", o["kind"], o["metadata"]["name"]).replace('"', ""))
                .collect::<Vec<_>>()
                .into()
        };
        let theirs_by_name = names(&theirs);
        let found = difference(&names(&ours), &theirs_by_name, &names(&once_more), "names")
            .or_else(|| difference(&json!(ours), &json!(theirs), &json!(once_more), ""));
        match found {
            None if gaps.is_empty() => score.equal += 1,
            None if refusal.is_some() => score.refused += 1,
            None => score
                .wrong
                .push(format!("{label}: needless gap {}", gaps.join("; "))),
            Some(found) => {
                let short: String = found.chars().take(700).collect();
                if gaps.is_empty() {
                    score.wrong.push(format!("{label}: {short}"));
                } else {
                    println!("  gap: {label}: {}", gaps.join("; "));
                    score.gaps += 1;
                }
            }
        }
    }
    score
}

fn short_name(root: &Path, request: &Value) -> String {
    let chart = PathBuf::from(request["chart"].as_str().unwrap());
    let chart = chart
        .strip_prefix(root)
        .unwrap_or(&chart)
        .display()
        .to_string();
    let mut rest = request.clone();
    rest.as_object_mut().unwrap().remove("chart");
    if let Some(files) = rest["values_files"].as_array() {
        let names: Vec<Value> = files
            .iter()
            .map(|file| json!(file.as_str().unwrap().rsplit('/').next().unwrap()))
            .collect();
        rest["values_files"] = json!(names);
    }
    if rest == json!({}) {
        chart
    } else {
        format!("{chart} {rest}")
    }
}

#[test]
fn charts_give_what_helm_gives() {
    let Some(judge) = judge() else { return };
    let mut places = vec![
        ("cases".to_owned(), root().join("tests/cases/helm")),
        ("examples".to_owned(), root().join("examples")),
    ];
    let shared = std::env::var_os("SEAWALL_MANIFESTS")
        .map_or_else(|| root().join("../shared/data/manifests"), PathBuf::from);
    places.push(("shared manifests".to_owned(), shared));
    if let Ok(more) = std::env::var("HELM_MORE") {
        places.extend(
            more.split(':')
                .map(|dir| (dir.to_owned(), PathBuf::from(dir))),
        );
    }
    let mut wrong = 0;
    for (name, dir) in places {
        if !dir.is_dir() {
            println!("SKIPPED: {} is not there", dir.display());
            continue;
        }
        let mut found = Vec::new();
        charts(&dir, &mut found);
        let mut all: Vec<Value> = found
            .iter()
            .flat_map(|chart| requests(chart.as_path()))
            .collect();
        if let Ok(text) = std::fs::read_to_string(dir.join("requests.json")) {
            let more: Vec<Value> = serde_json::from_str(&text).unwrap();
            let full = |path: &Value| json!(dir.join(path.as_str().unwrap()));
            all.extend(more.into_iter().map(|mut request| {
                let chart = full(&request["chart"]);
                request["chart"] = chart;
                if let Some(files) = request["values_files"].as_array() {
                    let files: Vec<Value> = files.iter().map(full).collect();
                    request["values_files"] = json!(files);
                }
                request
            }));
        }
        let score = compare(&judge, &all, &|request| short_name(&dir, request));
        score.report(&name);
        wrong += score.wrong.len();
    }
    assert_eq!(wrong, 0, "charts differ from what helm gives");
}

/// A chart whose only object shows what one line of template prints.
fn line_chart(dir: &Path, line: &str, values: &str) {
    std::fs::create_dir_all(dir.join("templates")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
    write(
        "Chart.yaml",
        "apiVersion: v2\nname: line\nversion: 1.2.3\nappVersion: \"4.5\"\n",
    );
    write("values.yaml", values);
    write("note.txt", "first line\nsecond line\n");
    write(
        "templates/_line.tpl",
        &format!("{{{{- define \"line\" -}}}}{line}{{{{- end -}}}}\n"),
    );
    write(
        "templates/_sub.tpl",
        "{{- define \"sub\" -}}sub:{{ . | toJson }}{{- end -}}\n",
    );
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n  out: \
                  {{ include \"line\" . | toJson }}\n";
    write("templates/x.yaml", object);
}

#[test]
fn expressions_print_what_helm_prints() {
    let Some(judge) = judge() else { return };
    let cases = root().join("tests/cases/helm");
    let values = std::fs::read_to_string(cases.join("expressions.values.yaml")).unwrap();
    let work = std::env::temp_dir().join(format!("seawall-helm-lines-{}", std::process::id()));
    let mut wrong = 0;
    for path in sorted(&cases) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !(name.starts_with("expressions") && name.ends_with(".txt")) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<String> = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| line.replace("⏎", "\n"))
            .collect();
        let mut all = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let dir = work.join(format!("{name}-{index}"));
            line_chart(&dir, line, &values);
            all.push(json!({"chart": dir}));
        }
        let score = compare(&judge, &all, &|request| {
            let chart = request["chart"].as_str().unwrap();
            let index: usize = chart.rsplit('-').next().unwrap().parse().unwrap();
            lines[index].clone()
        });
        score.report(&name);
        wrong += score.wrong.len();
    }
    std::fs::remove_dir_all(&work).unwrap();
    assert_eq!(wrong, 0, "expressions differ from what helm prints");
}
