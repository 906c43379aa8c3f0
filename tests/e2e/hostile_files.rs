//! Files that are no files, names that are no names, and texts that are too much of something:
//! a coverage gap or a clear message, the right exit code, and the good objects still judged.

use crate::support::{Dir, HARMLESS};
use serde_json::Value;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {hostPID: true, containers: [{name: a, image: 'b:1'}]}\n";

fn reasons(report: &Value) -> String {
    let gaps = report["coverage"]["gaps"].as_array().unwrap();
    let mut text = String::new();
    for gap in gaps {
        let file = gap["location"]["file"].as_str();
        let place = file.or(gap["subject"].as_str()).unwrap_or_default();
        let _ = writeln!(text, "{place}: {}", gap["reason"].as_str().unwrap());
    }
    text
}

/// A named pipe that nobody writes to: whoever opens it waits for ever.
fn pipe(path: &Path) -> bool {
    let made = Command::new("mkfifo").arg(path).status();
    let made = made.is_ok_and(|status| status.success());
    if !made {
        println!("skipped: no mkfifo here");
    }
    made
}

#[test]
fn pipes_and_sockets_are_gaps_and_nobody_waits() {
    let dir = Dir::new("special_files");
    dir.write("good.yaml", HARMLESS)
        .write("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n")
        .write("c/templates/ok.yaml", POD)
        .write("o/kustomization.yaml", "resources: [r.yaml]\n");
    for name in [
        "p.yaml",
        "sub.yaml",
        "o/r.yaml",
        "c/values.yaml",
        "c/templates/a.yaml",
        "c/.helmignore",
    ] {
        if !pipe(&dir.path().join(name)) {
            return;
        }
    }
    // The path of a socket must be short, so it is bound from within.
    let here = dir.path().join("s.yaml");
    let bound = UnixListener::bind(&here);
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    let said = reasons(&report);
    for name in ["p.yaml", "o/r.yaml", "c/values.yaml", "c/templates/a.yaml"] {
        let line = format!("{name}: it is neither a file nor a directory");
        assert!(said.contains(&line), "{name} in:\n{said}");
    }
    if bound.is_ok() {
        assert!(said.contains("s.yaml: it is neither"), "{said}");
    }
    assert_eq!(report["inventory"]["objects"], 2);
    for path in ["p.yaml", "/dev/zero", "/dev/null"] {
        dir.run(&["scan", path]).exits(2).says("neither a file nor");
    }
    dir.run(&["scan", "--config", "/dev/zero"]).exits(2);
    dir.run(&["scan", "--ignore-file", "/dev/zero"]).exits(2);
}

/// They decide what is told: one that cannot be read must not be passed over.
#[test]
fn settings_that_are_no_files_are_errors() {
    for name in ["seawall.yaml", ".seawallignore.yaml"] {
        let dir = Dir::new(&format!("settings_no_file_{}", name.trim_matches('.')));
        dir.write("good.yaml", HARMLESS);
        let path = dir.path().join(name);
        let refused = || {
            let ran = dir.run(&["scan"]).exits(2);
            assert!(ran.err.contains(name), "{}", ran.err);
        };
        fs::create_dir(&path).unwrap();
        refused();
        fs::remove_dir(&path).unwrap();
        symlink("/dev/zero", &path).unwrap();
        refused();
        fs::remove_file(&path).unwrap();
        symlink("nowhere", &path).unwrap();
        refused();
        fs::remove_file(&path).unwrap();
        if pipe(&path) {
            refused();
            fs::remove_file(&path).unwrap();
        }
        dir.run(&["scan"]).exits(0);
    }
    let dir = Dir::new("settings_name_a_pipe");
    dir.write("good.yaml", HARMLESS)
        .write("seawall.yaml", "ignore-file: accepted.yaml\n");
    if pipe(&dir.path().join("accepted.yaml")) {
        dir.run(&["scan"]).exits(2).says("no regular file");
    }
}

#[test]
fn items_of_lists_that_are_no_objects_are_gaps() {
    let dir = Dir::new("strays");
    dir.write("a.yaml", "apiVersion: v1\nkind: List\nitems:\n- 5\n");
    let report = dir.run(&["scan", "-o", "json"]).exits(3).json();
    let gap = &report["coverage"]["gaps"][0];
    assert_eq!(gap["location"]["line"], 4);
    assert!(gap["reason"].as_str().unwrap().contains("is no object"));
    dir.write(
        "a.yaml",
        format!("{HARMLESS}---\nkind: List\napiVersion: v1\nitems: [5, {{}}]\n"),
    );
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    assert!(reasons(&report).contains("2 items of the list"), "{report}");
}

#[test]
fn ignore_files_that_are_none_hide_nothing() {
    let dir = Dir::new("ignore_files_that_are_none");
    dir.write("good.yaml", HARMLESS).write("sub/pod.yaml", POD);
    symlink("/dev/zero", dir.path().join("sub/.gitignore")).unwrap();
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    assert_eq!(report["inventory"]["objects"], 2);
    let said = reasons(&report);
    assert!(
        said.contains("sub/.gitignore: it is no regular file"),
        "{said}"
    );
    let inside = Dir::at(dir.path().join("sub"));
    inside.run(&["scan"]).exits(0).says(".gitignore");
    if pipe(&dir.path().join(".ignore")) {
        inside.run(&["scan"]).exits(0).says(".ignore");
        dir.run(&["scan"]).exits(0).says(".ignore");
    }
}

#[test]
fn links_out_and_in_circles_are_gaps() {
    let outside = Dir::new("links_told_outside");
    outside.write("secret.yaml", POD);
    let dir = Dir::new("links_told");
    dir.write("good.yaml", HARMLESS).write("sub/a.txt", POD);
    let link = |target: &Path, name: &str| symlink(target, dir.path().join(name)).unwrap();
    link(&outside.path().join("secret.yaml"), "out.yaml");
    link(outside.path(), "outdir");
    link(Path::new("loop.yaml"), "loop.yaml");
    link(Path::new("."), "sub/circle");
    link(Path::new("sub/a.txt"), "inside.yaml");
    link(Path::new("/etc/hostname"), "no-manifest");
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    let said = reasons(&report);
    for want in [
        "out.yaml: it is a link out of what is read",
        "outdir: it is a link out of what is read",
        "loop.yaml: it is a link that leads nowhere or in a circle",
    ] {
        assert!(said.contains(want), "`{want}` in:\n{said}");
    }
    assert_eq!(said.lines().count(), 3, "{said}");
    assert_eq!(report["inventory"]["objects"], 2);
}

#[test]
fn names_never_reach_the_terminal_raw() {
    let dir = Dir::new("hostile_names");
    let broken = "apiVersion: v1\nkind: Pod\nmetadata: [";
    dir.write("\u{1b}[31mred\u{1b}[0m\n\r\u{7}.yaml", broken)
        .write("a\u{202e}b.yaml", broken)
        .write("\u{1b}]0;title\u{7}c/Chart.yaml", "apiVersion: v2\nname: \"\\e[2J\"\n")
        .write(
            "\u{1b}]0;title\u{7}c/templates/a.yaml",
            "{{ fail \"\\u001b[2Jx\" }}",
        )
        .write("k\u{9b}2J\n/kustomization.yaml", "resources: [\"\\e[2J\\nx\"]\n")
        .write(
            "object.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: \"\\e[2J\\u202Ex\", namespace: \"\\x9b\"}\n\
             spec: {hostPID: true, containers: [{name: \"\\e[31m\", image: \"\\e]0;x\\a\"}]}\n",
        );
    let bytes = OsStr::from_bytes(b"x\xff\x1b[31m.yaml");
    let odd = fs::write(dir.path().join(bytes), broken).is_ok();
    let obeyed = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
    for args in [
        &["scan", "-v"][..],
        &["scan", "-o", "markdown"],
        &["scan", "-o", "html"],
        &["scan", "nowhere\u{1b}[31m\n\u{202e}"],
        &["scan", "--set", "\u{1b}[31m[=1"],
        &["explain", "\u{1b}[31m"],
    ] {
        let ran = dir.run(args);
        assert!((0..=3).contains(&ran.code), "{args:?}: {}", ran.err);
        for text in [&ran.out, &ran.err] {
            assert_eq!(text.chars().find(|&c| obeyed(c)), None, "{args:?}:\n{text}");
        }
    }
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    let gaps = report["coverage"]["gaps"].as_array().unwrap();
    assert!(gaps.len() >= 4 + usize::from(odd), "{gaps:?}");
}

/// Bytes, whether the pod in them is found, and what the gap says.
#[test]
fn encodings_are_read_or_told() {
    let utf16 = |big: bool, text: &str| -> Vec<u8> {
        let units = text.encode_utf16();
        units
            .flat_map(|u| {
                if big {
                    u.to_be_bytes()
                } else {
                    u.to_le_bytes()
                }
            })
            .collect()
    };
    let marked = format!("\u{feff}{POD}");
    let cases: [(&str, Vec<u8>, u64, &str); 9] = [
        ("bom", marked.clone().into_bytes(), 1, ""),
        (
            "bom-inside",
            format!("{HARMLESS}---\n{marked}").into_bytes(),
            2,
            "",
        ),
        ("dos", POD.replace('\n', "\r\n").into_bytes(), 1, ""),
        ("utf16le", utf16(false, &marked), 0, "UTF-8"),
        ("utf16be", utf16(true, &marked), 0, "UTF-8"),
        ("utf16-unmarked", utf16(false, POD), 0, "control characters"),
        (
            "nul",
            POD.replace('x', "\0").into_bytes(),
            0,
            "control characters",
        ),
        (
            "latin1",
            POD.replace('x', "\u{0}")
                .bytes()
                .map(|b| if b == 0 { 0xe9 } else { b })
                .collect(),
            0,
            "UTF-8",
        ),
        (
            "escape",
            POD.replace('x', "\u{1b}[2J").into_bytes(),
            0,
            "control characters",
        ),
    ];
    for (name, bytes, objects, want) in cases {
        let dir = Dir::new(&format!("encoding_{name}"));
        dir.write("good.yaml", HARMLESS.replace("colours", "good"))
            .write("a.yaml", bytes);
        let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
        let said = reasons(&report);
        assert_eq!(
            report["inventory"]["objects"],
            objects + 1,
            "{name}: {said}"
        );
        assert_eq!(said.is_empty(), want.is_empty(), "{name}: {said}");
        assert!(said.contains(want), "{name}: {said}");
    }
}

/// Large in one way each: how many objects are found, and what the gap says.
#[test]
fn large_texts_are_read_or_told() {
    let many =
        |count: usize, line: &dyn Fn(usize) -> String| -> String { (0..count).map(line).collect() };
    let head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n";
    let cases: Vec<(&str, String, u64, &str)> = vec![
        (
            "line",
            format!("{head}data: {{a: \"{}\"}}\n", "y".repeat(10_000_000)),
            1,
            "",
        ),
        (
            "open",
            format!("{head}data: {{a: \"{}", "y".repeat(10_000_000)),
            0,
            "",
        ),
        (
            "documents",
            many(100_000, &|n| {
                format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x{n}}}\n---\n")
            }),
            100_000,
            "",
        ),
        ("empty-documents", "---\n".repeat(100_000), 0, ""),
        (
            "map",
            format!("{head}data:\n{}", many(50_000, &|n| format!("  k{n}: v\n"))),
            1,
            "",
        ),
        (
            "one-key",
            format!("{head}data:\n{}", "  k: v\n".repeat(50_000)),
            1,
            "",
        ),
        (
            "list",
            format!("{head}x:\n{}", many(50_000, &|n| format!("- {{a: {n}}}\n"))),
            1,
            "",
        ),
        (
            "mounts",
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec:\n  containers:\n  - name: a\n    \
                 image: b:1\n    volumeMounts:\n{}  volumes:\n{}",
                many(50_000, &|n| format!(
                    "    - {{name: v{n}, mountPath: /x}}\n"
                )),
                many(50_000, &|n| format!("  - {{name: v{n}, emptyDir: {{}}}}\n")),
            ),
            1,
            "",
        ),
        (
            "host-paths",
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec:\n  containers:\n  - name: a\n    \
                 image: b:1\n    volumeMounts:\n{}  volumes:\n{}",
                many(20_000, &|n| format!(
                    "    - {{name: v{n}, mountPath: /x{n}}}\n"
                )),
                many(20_000, &|n| format!(
                    "  - {{name: v{n}, hostPath: {{path: /}}}}\n"
                )),
            ),
            1,
            "",
        ),
        (
            "strays",
            format!(
                "{{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": [\n{}{{}}]}}",
                many(1_000_000, &|_| "5,\n".to_owned())
            ),
            0,
            "1000001 items of the list, this one the first, are no objects",
        ),
        (
            "anchors",
            format!(
                "{head}data:\n{}{}",
                many(20_000, &|n| format!("  a{n}: &a{n} v\n")),
                many(20_000, &|n| format!("  b{n}: *a{n}\n"))
            ),
            1,
            "",
        ),
        (
            "merges",
            format!(
                "{head}a: &a {{k: v}}\nb: {{<<: [{}]}}\n",
                vec!["*a"; 50_000].join(",")
            ),
            1,
            "",
        ),
        (
            "dashes",
            format!("{head}x:\n{}", "- ".repeat(100_000)),
            0,
            "deep",
        ),
        (
            "braces",
            format!("{head}x: {}", "{a: ".repeat(100_000)),
            0,
            "deep",
        ),
        (
            "quotes",
            format!("{head}x: {}", "\"".repeat(100_001)),
            0,
            "",
        ),
        (
            "digits",
            format!("{head}x: {}\n", "9".repeat(1_000_000)),
            1,
            "",
        ),
        (
            "tags",
            format!("{head}x: {}\n", "!a ".repeat(10_000)),
            0,
            "",
        ),
        (
            "directives",
            format!("{}---\n{head}", "%YAML 1.1\n".repeat(10_000)),
            1,
            "directive",
        ),
    ];
    for (name, text, objects, want) in cases {
        let dir = Dir::new(&format!("large_{name}"));
        dir.write("good.yaml", HARMLESS).write("a.yaml", text);
        let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
        let said = reasons(&report);
        assert_eq!(
            report["inventory"]["objects"],
            objects + 1,
            "{name}: {said}"
        );
        assert!(said.contains(want), "{name}: no `{want}` in {said}");
        fs::remove_dir_all(dir.path()).unwrap();
    }
}

#[test]
fn two_hundred_megabytes_are_read() {
    let dir = Dir::new("two_hundred_megabytes");
    dir.write("good.yaml", HARMLESS);
    let path = dir.path().join("a.yaml");
    // Notes of any length around an object, written in pieces: the test stays small itself.
    let mut file = std::io::BufWriter::new(fs::File::create(&path).unwrap());
    let note = format!("# {}\n", "x".repeat((1 << 20) - 3));
    for _ in 0..200 {
        std::io::Write::write_all(&mut file, note.as_bytes()).unwrap();
    }
    std::io::Write::write_all(&mut file, POD.as_bytes()).unwrap();
    drop(file);
    let report = dir.run(&["scan", "-o", "json"]).exits(0);
    fs::remove_file(&path).unwrap();
    assert_eq!(report.json()["inventory"]["objects"], 2);
    // As many bytes of nothing, in a file that takes no room on the disk.
    let path = dir.path().join("holes.yaml");
    fs::write(&path, POD).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(200 << 20).unwrap();
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    fs::remove_file(&path).unwrap();
    assert!(
        reasons(&report).contains("holes.yaml"),
        "{}",
        reasons(&report)
    );
}
