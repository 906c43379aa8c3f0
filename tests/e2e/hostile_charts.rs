//! Charts and overlays that want too much: every one ends, says where, and costs neither the
//! good objects beside it nor the machine.

use crate::support::{Dir, HARMLESS};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

const CHART: &str = "apiVersion: v2\nname: c\nversion: 1.0.0\n";
const DEPENDS: &str = "apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies:\n- {name: s, version: 1.0.0, repository: 'https://charts.example'}\n";
const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: NAME}\nspec: {hostPID: true, containers: [{name: a, image: 'b:1'}]}\n";

/// A map that holds another one twice, sixty times over: 2^60 values in a few kilobytes.
const NESTED: &str =
    r#"{{ $x := dict "a" 1 }}{{ range until 60 }}{{ $x = dict "a" $x "b" $x }}{{ end }}"#;

/// A template, and what its gap says.
const TEMPLATES: &[(&str, &str, &str)] = &[
    (
        "range",
        "{{ range until 9000000000000000000 }}x{{ end }}",
        "1000000 items",
    ),
    (
        "number",
        "{{ range 100000000000 }}x{{ end }}",
        "10 million steps",
    ),
    (
        "step",
        "{{ range untilStep 0 9000000000000 1 }}x{{ end }}",
        "1000000 items",
    ),
    ("seq", "{{ seq 1 900000000000 }}", "16 MiB"),
    ("repeat", r#"a: {{ repeat 2000000000 "x" }}"#, "16 MiB"),
    (
        "repeats",
        r#"a: {{ repeat 100000 "x" | repeat 100000 | len }}"#,
        "16 MiB",
    ),
    (
        "double",
        r#"{{ $x := "xxxxxxxx" }}{{ range until 60 }}{{ $x = printf "%s%s" $x $x }}{{ end }}"#,
        "16 MiB",
    ),
    (
        "lists",
        "{{ $x := list 1 2 }}{{ range until 60 }}{{ $x = concat $x $x }}{{ end }}",
        "1000000 items",
    ),
    (
        "indent",
        r#"a: {{ repeat 100000 "\n" | indent 100000 | len }}"#,
        "16 MiB",
    ),
    (
        "nindent",
        r#"a: {{ "x" | nindent 2000000000 | len }}"#,
        "16 MiB",
    ),
    (
        "replace",
        r#"a: {{ repeat 99999 "x" | replace "x" (repeat 99999 "y") }}"#,
        "16 MiB",
    ),
    (
        "join",
        r#"a: {{ until 100000 | join (repeat 100000 "y") | len }}"#,
        "16 MiB",
    ),
    (
        "to-json",
        "NESTED{{ $x | toJson | len }}",
        "10 million steps",
    ),
    (
        "merge",
        "NESTED{{ merge (dict) $x | len }}",
        "10 million steps",
    ),
    (
        "equal",
        "NESTED{{ deepEqual $x (dict) }}",
        "10 million steps",
    ),
    // Walks through what is small and looks like 2^60 values, one for each way of writing it.
    (
        "to-yaml",
        "NESTED{{ $x | toYaml | len }}",
        "10 million steps",
    ),
    (
        "to-toml",
        "NESTED{{ $x | toToml | len }}",
        "10 million steps",
    ),
    ("copy", "NESTED{{ deepCopy $x | len }}", "10 million steps"),
    (
        "split",
        r#"{{ splitList "" (repeat 16000000 "x") | len }}"#,
        "192 MiB",
    ),
    (
        "from-json",
        r#"{{ printf "[%s0]" (repeat 8000000 "0,") | fromJsonArray | len }}"#,
        "192 MiB",
    ),
    (
        "dicts",
        r#"{{ $x := dict }}{{ range until 300000 }}{{ $x = dict "a" $x }}{{ end }}"#,
        "192 MiB",
    ),
    (
        "merges",
        r"{{ $x := dict }}{{ range until 2000 }}{{ $_ := set $x (toString .) . }}{{ end }}{{ range until 2000 }}{{ $_ := merge (dict) $x }}{{ end }}",
        "192 MiB",
    ),
    (
        "sort",
        r#"{{ $x := splitList " " (seq 1 50000) }}{{ range until 100000 }}{{ $_ := sortAlpha $x }}{{ end }}"#,
        "10 million steps",
    ),
    (
        "long-regex",
        r#"{{ if regexMatch (repeat 20000 "a") "a" }}a: b{{ end }}"#,
        "regular expression has more than 16 KiB",
    ),
    (
        "long-json",
        r#"{{ $x := repeat 9000000 "x" }}{{ list $x $x $x | toJson }}"#,
        "16 MiB",
    ),
    (
        "tpl",
        r#"a: {{ tpl (.Files.Get "self") . }}"#,
        "without end",
    ),
    (
        "include",
        r#"{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}"#,
        "itself more than",
    ),
    (
        "include-twice",
        r#"{{ define "a" }}{{ include "b" . }}{{ include "b" . }}{{ end }}{{ define "b" }}{{ include "a" . }}{{ end }}{{ include "a" . }}"#,
        "itself more than",
    ),
    (
        "regex",
        r#"{{ regexFindAll "((a{1000}){1000}){1000}" (repeat 99999 "a") -1 }}"#,
        "regular expression",
    ),
    (
        "regex-replace",
        r#"{{ regexReplaceAll "" (repeat 1000000 "a") (repeat 1000000 "b") }}"#,
        "16 MiB",
    ),
    ("brackets", "{{ PARENS }}", "deep"),
    ("divide", "a: {{ div 1 0 }}", "by zero"),
    ("index", "a: {{ index (list 1) 7 }}", "index"),
    (
        "fail",
        r#"{{ fail (repeat 1000000 "\u001b[31mred") }}"#,
        "red",
    ),
];

fn chart(dir: &Dir, name: &str, template: &str) {
    let pod = POD.replace("NAME", name);
    dir.write(&format!("{name}/Chart.yaml"), CHART)
        .write(&format!("{name}/templates/a.yaml"), template)
        .write(&format!("{name}/templates/ok.yaml"), pod);
}

fn gaps(report: &Value) -> &[Value] {
    report["coverage"]["gaps"].as_array().unwrap()
}

/// What is said about places that begin so.
fn said(report: &Value, start: &str) -> String {
    let here = gaps(report).iter().filter(|gap| {
        let file = gap["location"]["file"].as_str();
        file.or(gap["subject"].as_str())
            .is_some_and(|file| file.starts_with(start))
    });
    here.map(|gap| gap["reason"].as_str().unwrap())
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn templates_that_loop_or_blow_up_are_gaps_at_their_place() {
    let dir = Dir::new("hostile_templates");
    let parens = format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000));
    for (name, template, _) in TEMPLATES {
        let template = template.replace("NESTED", NESTED);
        chart(&dir, name, &template.replace("PARENS", &parens));
    }
    dir.write("tpl/self", r#"{{ tpl (.Files.Get "self") . }}"#);
    // Rendering all of them takes long enough to be done only once.
    let outputs = ["-v", "-o", "terminal", "-o", "json=r.json"];
    let args = [&["scan", "--min-coverage", "100"], &outputs[..]].concat();
    let ran = dir.run(&args).exits(3);
    assert_nothing_obeyed(&ran.out);
    let report: Value = serde_json::from_str(&dir.read("r.json")).unwrap();
    for (name, _, want) in TEMPLATES {
        let start = format!("{name}/");
        let said = said(&report, &start);
        assert!(!said.is_empty(), "{name}: no gap");
        assert!(said.contains(want), "{name}: no `{want}` in: {said}");
        assert!(said.len() < 5_000, "{name}: {} bytes", said.len());
    }
    // The template beside each of them is judged.
    assert_eq!(report["inventory"]["objects"], TEMPLATES.len());
}

#[track_caller]
fn assert_nothing_obeyed(out: &str) {
    let obeyed = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
    let found = out.chars().find(|&c| obeyed(c));
    assert_eq!(found, None, "a terminal would obey this:\n{out}");
}

#[test]
fn charts_and_values_that_blow_up_are_gaps() {
    let dir = Dir::new("hostile_values");
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let nine = vec![format!("*a{}", level - 1); 9].join(",");
        let _ = writeln!(bomb, "a{level}: &a{level} [{nine}]");
    }
    chart(&dir, "bomb", "a: {{ .Values | toJson | len }}");
    dir.write("bomb/values.yaml", bomb);
    chart(&dir, "schema", "");
    dir.write("schema/values.schema.json", r##"{"$ref":"#"}"##);
    chart(&dir, "nested", "");
    for depth in 1..50 {
        let path = format!("nested/{}Chart.yaml", "charts/s/".repeat(depth));
        dir.write(&path, CHART.replace("name: c", "name: s"));
    }
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    for (start, want) in [
        ("bomb/values.yaml", "aliases"),
        ("schema/values.schema.json", "too deep"),
        ("nested/charts", "nested deeper"),
    ] {
        let said = said(&report, start);
        assert!(said.contains(want), "{start}: {said}");
    }
}

#[test]
fn a_missing_subchart_is_a_gap_where_it_is_asked_for() {
    let dir = Dir::new("missing_subchart");
    dir.write("c/Chart.yaml", DEPENDS)
        .write("c/templates/ok.yaml", POD);
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    let gap = &gaps(&report)[0];
    assert_eq!(gap["location"]["file"], "c/Chart.yaml");
    assert_eq!(gap["location"]["line"], 5);
    assert!(gap["reason"].as_str().unwrap().contains("not in charts/"));
    assert_eq!(report["inventory"]["objects"], 1);
}

#[test]
fn links_that_leave_a_chart_are_gaps() {
    use std::os::unix::fs::symlink;
    let outside = Dir::new("links_chart_outside");
    outside.write("secret.yaml", POD);
    let dir = Dir::new("links_chart");
    chart(&dir, "c", "");
    dir.write("c/shared.yaml", POD.replace("NAME", "shared"));
    let link = |target: &std::path::Path, name: &str| {
        symlink(target, dir.path().join("c/templates").join(name)).unwrap();
    };
    link(&outside.path().join("secret.yaml"), "out.yaml");
    link(outside.path(), "outdir");
    link("nowhere".as_ref(), "broken.yaml");
    link("../templates".as_ref(), "circle");
    link("../shared.yaml".as_ref(), "inside.yaml");
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    for name in ["out.yaml", "outdir", "broken.yaml", "circle"] {
        let said = said(&report, &format!("c/templates/{name}"));
        assert!(said.contains("is a link"), "{name}: `{said}`");
    }
    // `inside.yaml` stays in the chart, as Helm reads it.
    assert_eq!(report["inventory"]["objects"], 2, "{report}");
}

/// A tar header with a name and the length or the target of what follows.
fn header(name: &str, kind: u8, link: &str, size: u64) -> Vec<u8> {
    let mut block = vec![0u8; 512];
    let mut put = |at: usize, text: &str| {
        block[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, name);
    put(100, "0000644\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(157, link);
    put(257, "ustar\x0000");
    block[156] = kind;
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn file(name: &str, text: &str) -> Vec<u8> {
    let mut bytes = header(name, b'0', "", text.len() as u64);
    bytes.extend(text.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// A chart archive of these entries and `zeros` bytes more; `None` where there is no `gzip`.
fn archive(entries: &[Vec<u8>], zeros: usize) -> Option<Vec<u8>> {
    let mut child = Command::new("gzip")
        .args(["-c", "-9"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut input = child.stdin.take()?;
    let entries = entries.concat();
    let writer = std::thread::spawn(move || {
        input.write_all(&entries).unwrap();
        let block = vec![0u8; 1 << 20];
        for _ in 0..zeros >> 20 {
            input.write_all(&block).unwrap();
        }
        input.write_all(&[0; 1024]).unwrap();
    });
    let output = child.wait_with_output().ok()?;
    writer.join().ok()?;
    Some(output.stdout)
}

/// Its name, entries, zeros behind them, and what the gap says; none for what Helm takes, too.
type Archive = (&'static str, Vec<Vec<u8>>, usize, Option<&'static str>);

#[test]
fn hostile_archives_are_gaps_and_leave_nothing_behind() {
    let base = || {
        vec![
            file("s/Chart.yaml", "apiVersion: v2\nname: s\nversion: 1.0.0\n"),
            file("s/templates/p.yaml", &POD.replace("NAME", "sub")),
        ]
    };
    let with = |more: Vec<Vec<u8>>| [base(), more].concat();
    let huge = header("s/big", b'0', "", 4 << 30);
    let many = (0..25_000).map(|n| header(&format!("s/f{n}"), b'0', "", 0));
    let cases: [Archive; 8] = [
        ("good", base(), 0, None),
        ("bomb", with(vec![huge]), 256 << 20, Some("larger than")),
        ("many", with(many.collect()), 0, Some("files")),
        (
            "up",
            with(vec![file("s/../../../evil.yaml", "x: 1")]),
            0,
            Some("leaves its directory"),
        ),
        (
            "absolute",
            with(vec![file("/s/evil.yaml", "x: 1")]),
            0,
            None,
        ),
        (
            "link",
            with(vec![header("s/templates/l.yaml", b'2', "/etc/passwd", 0)]),
            0,
            Some("is a link or a device"),
        ),
        (
            "hard-link",
            with(vec![header("s/templates/l.yaml", b'1', "/etc/passwd", 0)]),
            0,
            Some("is a link or a device"),
        ),
        (
            "device",
            with(vec![header("s/templates/l.yaml", b'3', "", 0)]),
            0,
            Some("is a link or a device"),
        ),
    ];
    let dir = Dir::new("hostile_archives");
    for (name, entries, zeros, _) in &cases {
        let Some(bytes) = archive(entries, *zeros) else {
            println!("skipped: no gzip here");
            return;
        };
        dir.write(&format!("{name}/Chart.yaml"), DEPENDS)
            .write(&format!("{name}/charts/s-1.0.0.tgz"), bytes);
    }
    dir.write("text/Chart.yaml", DEPENDS)
        .write("text/charts/s-1.0.0.tgz", "no archive");
    let ran = dir.run(&["scan", "-o", "json"]).exits(0);
    assert!(!ran.out.contains("root:"), "a link was followed");
    let report = ran.json();
    for (name, _, _, want) in &cases {
        let start = format!("{name}/charts");
        let said = said(&report, &start);
        match want {
            Some(want) => assert!(said.contains(want), "{name}: `{said}`"),
            None => assert_eq!(said, "", "{name}"),
        }
    }
    assert!(!said(&report, "text/charts").is_empty());
    // What is told of links and devices leaves the rest of the chart to be judged.
    let judged = |want: Option<&str>| want.is_none_or(|want| want.contains("link"));
    let good = cases.iter().filter(|case| judged(case.3)).count();
    assert_eq!(report["inventory"]["objects"], good);
    assert!(!dir.path().join("evil.yaml").try_exists().unwrap());
}

fn overlay(dir: &Dir, name: &str, text: &str) {
    dir.write(&format!("{name}/kustomization.yaml"), text);
}

#[test]
fn overlays_that_loop_or_blow_up_are_gaps() {
    let dir = Dir::new("hostile_overlays");
    dir.write("good.yaml", HARMLESS);
    overlay(&dir, "a", "resources: [../b]\n");
    overlay(&dir, "b", "resources: [../a]\n");
    overlay(&dir, "self", "resources: [.]\n");
    // Two ways to everything below, forty times over.
    overlay(&dir, "x0", "resources: [p.yaml]\n");
    dir.write("x0/p.yaml", HARMLESS);
    for level in 1..40 {
        for side in ["l", "r"] {
            let text = format!("namePrefix: {side}\nresources: [../x{}]\n", level - 1);
            overlay(&dir, &format!("x{level}{side}"), &text);
        }
        let text = format!("resources: [../x{level}l, ../x{level}r]\n");
        overlay(&dir, &format!("x{level}"), &text);
    }
    // Every object patched thousands of times, every patch making it larger.
    let mut patches = String::from("resources: [r.yaml]\npatches:\n");
    let mut copies = String::from(
        "resources: [r.yaml]\npatches:\n- target: {kind: Pod}\n  patch: |-\n    \
         - {op: add, path: /metadata/x, value: {a: b}}\n",
    );
    for number in 0..800 {
        let _ = writeln!(
            patches,
            "- target: {{kind: Pod}}\n  patch: '[{{op: add, path: /metadata/labels/x{number}, value: y}}]'"
        );
        let _ = writeln!(
            copies,
            "    - {{op: copy, from: /metadata/x, path: /metadata/x/y{number}}}"
        );
    }
    let pods: Vec<String> = (0..200)
        .map(|n| {
            let pod = POD.replace("NAME", &format!("p{n}, labels: {{a: b}}"));
            pod.replace("hostPID: true, ", "")
        })
        .collect();
    for (name, text) in [("patches", patches), ("copies", copies)] {
        overlay(&dir, name, &text);
        dir.write(&format!("{name}/r.yaml"), pods.join("---\n"));
    }
    overlay(
        &dir,
        "outside",
        "resources: [/etc/passwd, ../../../../../etc/passwd]\n",
    );
    overlay(
        &dir,
        "types",
        "resources: 5\npatches: x\nimages: {a: b}\nnamespace: [a]\n",
    );
    let ran = dir.run(&["scan", "-o", "json"]).exits(0);
    assert!(!ran.out.contains("root:"), "a file outside was read");
    let report = ran.json();
    for (start, want) in [
        ("b/", "cycle of bases"),
        ("self/", "cycle of bases"),
        ("x", "nested more than"),
        ("patches/", "too many steps"),
        ("copies/", "too large"),
        ("outside/", "outside the kustomization's directory"),
        ("types/", "must be a list"),
    ] {
        let said = said(&report, start);
        assert!(said.contains(want), "{start}: {said}");
    }
}

#[test]
fn bad_values_on_the_command_line_are_2() {
    let dir = Dir::new("bad_values");
    dir.write("c/Chart.yaml", CHART)
        .write("list.yaml", "- 1\n")
        .write("open.yaml", "a: 1\nb: [\n")
        .write("bytes.yaml", b"\xff\xfe")
        .write("text.yaml", "hello");
    for (args, want) in [
        (["--values", "nope.yaml"], "nope.yaml"),
        (["--values", "c"], "is a directory"),
        (["--values", "list.yaml"], "must be a mapping"),
        (["--values", "text.yaml"], "must be a mapping"),
        (["--values", "open.yaml"], "open.yaml:"),
        (["--values", "bytes.yaml"], "UTF-8"),
        (["--values", "/dev/zero"], "neither a file nor a directory"),
        (["--set", "a["], "--set"),
        (["--set", "a"], "a=value"),
        (["--set", "a[1000000000]=1"], "larger than 65536"),
        (["--set", "a[-1]=1"], "smaller than 0"),
        (["--set", "a={1,2"], "never closed"),
    ] {
        let ran = dir
            .run(&["scan", "c", args[0], args[1]])
            .exits(2)
            .says(want);
        assert!(ran.err.starts_with("seawall: "), "{}", ran.err);
        assert_nothing_obeyed(&ran.err);
    }
    let deep = format!("{}=1", vec!["a"; 5_000].join("."));
    let ran = dir.run(&["scan", "c", "--set", &deep]).exits(2);
    assert!(ran.err.len() < 3_000, "{} bytes", ran.err.len());
    // An empty file of values is none.
    dir.write("empty.yaml", "").write("c/templates/p.yaml", POD);
    dir.run(&["scan", "c", "--values", "empty.yaml"]).exits(0);
}
