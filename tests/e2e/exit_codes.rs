//! The exit codes are a promise: README and `--help` print the same table.

use crate::support::{Dir, HARMLESS, PRIVILEGED};

#[test]
fn clean_is_0() {
    let dir = Dir::new("clean_is_0");
    dir.write("map.yaml", HARMLESS);
    dir.run(&["scan", "--fail-on", "low"]).exits(0);
}

#[test]
fn findings_without_a_gate_are_0_and_say_so() {
    let dir = Dir::new("findings_without_a_gate");
    dir.write("pod.yaml", PRIVILEGED);
    dir.run(&["scan"]).exits(0).says("not gating");
}

#[test]
fn findings_at_the_gate_are_1() {
    let dir = Dir::new("findings_at_the_gate_are_1");
    dir.write("pod.yaml", PRIVILEGED);
    dir.run(&["scan", "--fail-on", "high"]).exits(1);
    dir.run(&["scan", "--fail-on", "none"]).exits(0);
    // What is shown does not change what is gated.
    dir.run(&["scan", "--fail-on", "low", "--severity", "critical"])
        .exits(1);
}

#[test]
fn usage_is_2_with_a_suggestion() {
    let dir = Dir::new("usage_is_2");
    dir.write("pod.yaml", PRIVILEGED);
    dir.run(&["scan", "--fial-on", "high"])
        .exits(2)
        .says("--fail-on");
    dir.run(&["scan", "--fail-on", "hihg"])
        .exits(2)
        .says("did you mean `high`?");
    dir.run(&["scan", "-o", "sarfi"])
        .exits(2)
        .says("did you mean `sarif`?");
    dir.run(&["scan", "-o", "json", "-o", "sarif"])
        .exits(2)
        .says("standard output");
    dir.run(&["scan", "--min-coverage", "101"]).exits(2);
    dir.run(&["scan", "--kubernetes-version", "1.99"])
        .exits(2)
        .says("v1.37");
    dir.run(&["scan", "--only", "W0l"]).exits(2);
    dir.run(&["scan", "nowhere"]).exits(2).says("nowhere");
    dir.run(&["scna"]).exits(2).says("scan");
    dir.run(&["explain", "W999x"]).exits(2);
}

#[test]
fn a_typo_in_the_configuration_is_2_and_located() {
    let dir = Dir::new("a_typo_in_the_configuration");
    dir.write("pod.yaml", PRIVILEGED);
    dir.write("seawall.yaml", "severity: low\nfail-onn: high\n");
    dir.run(&["scan"])
        .exits(2)
        .says("seawall.yaml:2:1")
        .says("did you mean `fail-on`?");
    dir.write("seawall.yaml", "fail-on: hgih\n");
    dir.run(&["scan"])
        .exits(2)
        .says("seawall.yaml:1:10")
        .says("did you mean `high`?");
    dir.write("seawall.yaml", "fail-on: [high\n");
    dir.run(&["scan"]).exits(2).says("seawall.yaml:");
    dir.write("seawall.yaml", "fail-on: high\n");
    dir.run(&["scan"]).exits(1);
    dir.run(&["scan", "--no-config"]).exits(0);
    dir.run(&["scan", "--fail-on", "none"]).exits(0);
}

#[test]
fn nothing_to_judge_is_3() {
    let dir = Dir::new("nothing_to_judge_is_3");
    dir.run(&["scan"]).exits(3);
    dir.write("README.md", "# nothing here")
        .write("values.yaml", "a: 1\n");
    dir.run(&["scan"]).exits(3);
    dir.run(&["scan", "--fail-on", "low"]).exits(3);
}

#[test]
fn missing_coverage_is_3() {
    let dir = Dir::new("missing_coverage_is_3");
    dir.write("good.yaml", HARMLESS);
    dir.write("bad.yaml", "apiVersion: v1\nkind: Pod\nmetadata: [\n");
    dir.run(&["scan"]).exits(0).says("bad.yaml");
    dir.run(&["scan", "--min-coverage", "100"]).exits(3);
    dir.run(&["scan", "--min-coverage", "50"]).exits(0);
}

#[test]
fn an_output_that_cannot_be_written_is_4() {
    let dir = Dir::new("an_output_that_cannot_be_written");
    dir.write("map.yaml", HARMLESS);
    let ran = dir.run(&["scan", "-o", "json=nowhere/out.json"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("nowhere/out.json"), "{}", ran.err);
}

#[test]
fn help_prints_the_table() {
    let dir = Dir::new("help_prints_the_table");
    for args in [&["--help"][..], &["scan", "--help"]] {
        let ran = dir.run(args).exits(0);
        for line in [
            "0  clean",
            "1  findings",
            "2  wrong",
            "3  incomplete",
            "4  internal",
        ] {
            assert!(ran.out.contains(line), "{line} is missing in {}", ran.out);
        }
    }
}
