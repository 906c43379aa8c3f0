//! What is printed: formats, determinism, secrets.

use crate::support::{Dir, PRIVILEGED};

#[test]
fn every_format_can_be_written_in_one_run() {
    let dir = Dir::new("every_format");
    dir.write("pod.yaml", PRIVILEGED);
    let formats = [
        "json", "sarif", "junit", "markdown", "html", "csv", "terminal",
    ];
    let outputs: Vec<String> = formats.iter().map(|f| format!("{f}=out.{f}")).collect();
    let mut args = vec!["scan", "pod.yaml"];
    for output in &outputs {
        args.extend(["-o", output]);
    }
    dir.run(&args).exits(0);
    for format in formats {
        let text = dir.read(&format!("out.{format}"));
        assert!(
            text.contains("W01"),
            "{format} does not name the rule:\n{text}"
        );
        assert!(text.ends_with('\n'), "{format} ends without a line end");
    }
    let sarif: serde_json::Value = serde_json::from_str(&dir.read("out.sarif")).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert!(sarif["runs"][0]["results"][0]["partialFingerprints"].is_object());
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let dir = Dir::new("same_bytes");
    for pod in 0..40 {
        dir.write(
            &format!("{pod}.yaml"),
            PRIVILEGED.replace("breaker", &format!("b{pod}")),
        );
    }
    for format in ["json", "sarif", "html", "csv", "junit", "markdown"] {
        let once = dir.run(&["scan", "-o", format]).exits(0).out;
        for _ in 0..3 {
            assert!(
                once == dir.run(&["scan", "-o", format]).exits(0).out,
                "{format} differs"
            );
        }
    }
}

#[test]
fn no_secret_value_is_ever_printed() {
    let dir = Dir::new("no_secret_value");
    let secret = "hunter2-Zq83kd92jf";
    dir.write(
        "pod.yaml",
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec:\n  containers:\n  - name: a\n    \
             image: b:1\n    env:\n    - name: DB_PASSWORD\n      value: {secret}\n    - {{name: \
             DATABASE_URL, value: \"postgres://app:{secret}@db/shop\"}}\n---\napiVersion: \
             v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata:\n  password: {secret}\n---\n\
             apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData:\n  password: {secret}\n"
        ),
    );
    for format in [
        "terminal", "json", "sarif", "junit", "markdown", "html", "csv",
    ] {
        let ran = dir.run(&["scan", "-vv", "-o", format]).exits(0);
        assert!(
            !ran.out.contains(secret),
            "{format} prints the secret:\n{}",
            ran.out
        );
        assert!(
            ran.out.contains("W32"),
            "{format} does not report the secret:\n{}",
            ran.out
        );
    }
}

#[test]
fn no_colour_without_a_terminal_and_colour_on_demand() {
    let dir = Dir::new("colour");
    dir.write("pod.yaml", PRIVILEGED);
    assert!(!dir.run(&["scan"]).out.contains('\x1b'));
    assert!(dir.run(&["scan", "--color", "always"]).out.contains('\x1b'));
    let mut command = dir.command(&["scan"]);
    let output = command
        .env("CLICOLOR_FORCE", "1")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(
        !String::from_utf8_lossy(&output.stdout).contains('\x1b'),
        "NO_COLOR wins"
    );
}

#[test]
fn one_screen_unless_asked() {
    let dir = Dir::new("one_screen");
    for pod in 0..200 {
        dir.write(
            &format!("{pod}.yaml"),
            PRIVILEGED.replace("breaker", &format!("b{pod}")),
        );
    }
    let short = dir.run(&["scan"]).exits(0).out;
    assert!(
        short.lines().count() <= 60,
        "{} lines",
        short.lines().count()
    );
    for line in short.lines() {
        assert!(line.chars().count() <= 80, "wider than 80 columns: {line}");
    }
    let long = dir.run(&["scan", "-v"]).exits(0).out;
    assert!(long.lines().count() > 200);
    let quiet = dir.run(&["scan", "-q"]).exits(0).out;
    assert!(quiet.lines().count() <= 2, "{quiet}");
}

#[test]
fn rules_and_findings_explain_themselves() {
    let dir = Dir::new("explain");
    dir.write("pod.yaml", PRIVILEGED);
    dir.run(&["explain", "W01"]).exits(0).says("privileged");
    dir.run(&["explain", "KSV-0017"]).exits(0).says("W01");
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    let id = report["findings"][0]["id"].as_str().unwrap().to_owned();
    dir.run(&["explain", &id[..12]])
        .exits(0)
        .says("pod.yaml:11:");
    dir.run(&["rules", "list"]).exits(0).says("W01");
    let rules = dir.run(&["rules", "list", "--json"]).exits(0).json();
    assert!(rules.as_array().unwrap().len() > 50);
}

#[test]
fn configuration_shows_where_it_comes_from() {
    let dir = Dir::new("config_show");
    dir.write("seawall.yaml", "fail-on: high\nskip: [W39, W40]\n");
    let ran = dir.run(&["config", "show", "--severity", "low"]).exits(0);
    for (setting, origin) in [
        ("fail-on", "seawall.yaml:1:1"),
        ("severity", "--severity"),
        ("only", "default"),
    ] {
        let line = ran
            .out
            .lines()
            .find(|line| line.starts_with(setting))
            .unwrap();
        assert!(line.contains(origin), "{line}");
    }
}

#[test]
fn suppressions_need_reasons_and_expire() {
    let dir = Dir::new("suppressions");
    dir.write("pod.yaml", PRIVILEGED);
    dir.write(".seawallignore.yaml", "ignore:\n  - id: W01\n");
    dir.run(&["scan"])
        .exits(2)
        .says("reason")
        .says(".seawallignore.yaml:2:");
    dir.write(
        ".seawallignore.yaml",
        "ignore:\n  - {id: W01, reason: the device driver}\n",
    );
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    let rules = |report: &serde_json::Value| serde_json::to_string(&report["findings"]).unwrap();
    assert!(!rules(&report).contains("\"W01\""));
    assert!(
        serde_json::to_string(&report["suppressed"])
            .unwrap()
            .contains("the device driver")
    );
    dir.write(
        ".seawallignore.yaml",
        "ignore:\n  - {id: W01, reason: old, expires: 2020-01-01}\n  - {id: W02, reason: unused}\n",
    );
    let ran = dir.run(&["scan", "-o", "json"]).exits(0);
    assert!(rules(&ran.json()).contains("\"W01\""));
    let ran = ran
        .says("expired on 2020-01-01")
        .says("W02 matches no finding");
    drop(ran);
    dir.write(".seawallignore.yaml", "ignore: []\n");
    let annotated = PRIVILEGED.replace(
        "  namespace: shop\n",
        "  namespace: shop\n  annotations:\n    seawall.dev/ignore.W01: the device driver, until 2099-01-31\n",
    );
    dir.write("pod.yaml", annotated);
    let report = dir.run(&["scan", "-o", "json"]).exits(0).json();
    assert!(!rules(&report).contains("\"W01\""));
}

#[test]
fn frameworks_say_what_was_not_assessed() {
    let dir = Dir::new("frameworks");
    dir.write("pod.yaml", PRIVILEGED);
    let report = dir
        .run(&["scan", "--framework", "cis", "-o", "json"])
        .exits(0)
        .json();
    let text = serde_json::to_string(&report["frameworks"]).unwrap();
    assert!(text.contains("5.2.2"), "{text}");
    assert!(
        text.contains("not-assessed") || text.contains("notAssessed"),
        "{text}"
    );
}

#[test]
fn completions_and_the_manual_are_generated() {
    let dir = Dir::new("completions");
    for shell in ["bash", "zsh", "fish"] {
        dir.run(&["completions", shell]).exits(0).says("seawall");
    }
    dir.run(&["man"]).exits(0).says(".TH");
}
