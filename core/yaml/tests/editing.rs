//! Edits keep a text's looks: each case is a text, a change and the text that a careful
//! person would make of it.

#![allow(clippy::unwrap_used)] // tests may fail loudly

use seawall_model::{Data, Operation};
use seawall_yaml::edit::edit;

fn set(pointer: &str, value: Data) -> Operation {
    Operation::set(pointer, value)
}

fn no(pointer: &str) -> Operation {
    set(pointer, Data::Bool(false))
}

fn words(words: &[&str]) -> Data {
    Data::List(words.iter().map(|word| Data::text(*word)).collect())
}

fn becomes(text: &str, operations: &[Operation], want: &str) {
    let got = edit(text, 0, operations).unwrap();
    assert_eq!(got, want, "\n--- got\n{got}\n--- want\n{want}");
    if operations
        .iter()
        .all(|op| matches!(op, Operation::Set { .. }))
    {
        assert_eq!(edit(&got, 0, operations).unwrap(), got, "a second time");
    }
    // Lines may end otherwise.
    if text.contains('\n') && !text.contains('\r') && !text.starts_with('{') {
        let got = edit(&text.replace('\n', "\r\n"), 0, operations).unwrap();
        assert_eq!(got, want.replace('\n', "\r\n"));
    }
}

fn refused(text: &str, operation: Operation, why: &str) {
    let error = edit(text, 0, &[operation]).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

#[test]
fn a_scalar_changes_where_it_stands() {
    becomes(
        "a: true  # why\nb: 1\n",
        &[no("/a")],
        "a: false  # why\nb: 1\n",
    );
    becomes("a: \"x\"\n", &[set("/a", Data::text("y"))], "a: \"y\"\n");
    becomes("a: 'x'\n", &[set("/a", Data::text("it's"))], "a: 'it''s'\n");
    becomes("a: x\n", &[set("/a", Data::text("yes"))], "a: \"yes\"\n");
    becomes("a:\nb: 1\n", &[no("/a")], "a: false\nb: 1\n");
    becomes("a: ~ # c\n", &[no("/a")], "a: false # c\n");
    becomes("a: &x true\n", &[no("/a")], "a: &x false\n");
    becomes(
        "a:\n- x\n- y # z\n",
        &[set("/a/1", Data::text("w"))],
        "a:\n- x\n- w # z\n",
    );
    becomes(
        "a: |\n  long\n  text\nb: 1\n",
        &[set("/a", Data::text("x"))],
        "a: x\nb: 1\n",
    );
}

const POD: &str = "\
# a pod
kind: Pod
spec:
    # the program
    containers:
    -   name: app   # the one
        image: x

    -   name: b
        securityContext:
            privileged: true
            # needs more
        # resources:
        #   limits
---
kind: Other
";

#[test]
fn a_new_key_stands_with_its_siblings() {
    becomes(
        POD,
        &[
            no("/spec/containers/0/securityContext/allowPrivilegeEscalation"),
            set(
                "/spec/containers/0/securityContext/capabilities/drop",
                words(&["ALL"]),
            ),
            no("/spec/containers/1/securityContext/privileged"),
            set(
                "/spec/containers/1/securityContext/readOnlyRootFilesystem",
                Data::Bool(true),
            ),
            no("/spec/automountServiceAccountToken"),
            set("/spec/securityContext/runAsNonRoot", Data::Bool(true)),
        ],
        "\
# a pod
kind: Pod
spec:
    automountServiceAccountToken: false
    securityContext:
        runAsNonRoot: true
    # the program
    containers:
    -   name: app   # the one
        image: x
        securityContext:
            allowPrivilegeEscalation: false
            capabilities:
                drop:
                - ALL

    -   name: b
        securityContext:
            privileged: false
            readOnlyRootFilesystem: true
            # needs more
        # resources:
        #   limits
---
kind: Other
",
    );
}

#[test]
fn lists_hang_as_they_do_elsewhere() {
    let op = || set("/s/drop", words(&["ALL"]));
    becomes(
        "l:\n  - 1\ns:\n  k: 1\n",
        &[op()],
        "l:\n  - 1\ns:\n  k: 1\n  drop:\n    - ALL\n",
    );
    becomes(
        "l:\n- 1\ns:\n  k: 1\n",
        &[op()],
        "l:\n- 1\ns:\n  k: 1\n  drop:\n  - ALL\n",
    );
    let add = || Operation::append("/l", Data::text("B"));
    becomes(
        "l:\n  - A # a\n  # more\nm: 1\n",
        &[add()],
        "l:\n  - A # a\n  - B\n  # more\nm: 1\n",
    );
    becomes("l:\n- \"A\"\n", &[add()], "l:\n- \"A\"\n- \"B\"\n");
    becomes("l: [A]\n", &[add()], "l: [A, B]\n");
    becomes("l: []\n", &[add()], "l:\n  - B\n");
    becomes("k: 1\n", &[add()], "k: 1\nl:\n  - B\n");
    becomes("l:\nk: 1\n", &[add()], "l:\n  - B\nk: 1\n");
    becomes(
        "l:\n  - name: a\n    v: 1\n",
        &[Operation::append(
            "/l",
            Data::Map(vec![
                ("name".into(), Data::text("t")),
                ("emptyDir".into(), Data::Map(vec![])),
            ]),
        )],
        "l:\n  - name: a\n    v: 1\n  - name: t\n    emptyDir: {}\n",
    );
}

#[test]
fn nothing_becomes_something() {
    let op = || set("/s/a/b", Data::Int(1));
    becomes("s:\nk: 1\n", &[op()], "s:\n  a:\n    b: 1\nk: 1\n");
    becomes(
        "s: # later\nk: 1\n",
        &[op()],
        "s: # later\n  a:\n    b: 1\nk: 1\n",
    );
    becomes("s: {} # later\n", &[op()], "s: # later\n  a:\n    b: 1\n");
    becomes("s: null\n", &[op()], "s:\n  a:\n    b: 1\n");
    becomes("s: {x: y}\n", &[op()], "s: {x: y, a: {b: 1}}\n");
    becomes("{s: {}}\n", &[op()], "{s: {a: {b: 1}}}\n");
    becomes(
        "k: {s: { x: y }, t: 1}\n",
        &[set("/k/s/b", Data::Int(1))],
        "k: {s: { x: y, b: 1 }, t: 1}\n",
    );
    becomes("k: 1", &[op()], "k: 1\ns:\n  a:\n    b: 1");
}

#[test]
fn json_stays_json() {
    becomes(
        "{\n\t\"a\": {\n\t\t\"b\": true\n\t}\n}\n",
        &[no("/a/b"), set("/a/c/d", words(&["ALL"]))],
        "{\n\t\"a\": {\n\t\t\"b\": false,\n\t\t\"c\": {\n\t\t\t\"d\": [\n\t\t\t\t\"ALL\"\n\t\t\t]\n\t\t}\n\t}\n}\n",
    );
    becomes(
        "{\"a\":1,\"s\":{}}",
        &[no("/s/x"), no("/y")],
        "{\"a\":1,\"s\":{\"x\": false},\"y\":false}",
    );
    becomes(
        "{\n  \"a\": {}\n}",
        &[no("/a/x")],
        "{\n  \"a\": {\n    \"x\": false\n  }\n}",
    );
    becomes(
        "{\"a\": [1, 2], \"b\": 3}",
        &[Operation::remove("/a/0"), Operation::remove("/b")],
        "{\"a\": [2]}",
    );
}

#[test]
fn what_is_removed_leaves_no_hole() {
    let rm = |pointer: &str| Operation::remove(pointer);
    becomes("a: 1\nb: 2 # x\nc: 3\n", &[rm("/b")], "a: 1\nc: 3\n");
    becomes(
        "a: 1\nb:\n  c: 2\n  # of b\nd: 3\n",
        &[rm("/b/c")],
        "a: 1\nd: 3\n",
    );
    becomes("- a: 1\n  b: 2\n", &[rm("/0/a")], "- b: 2\n");
    becomes("- a: 1\n", &[rm("/0/a")], "- {}\n");
    becomes("a:\n- x\n- y\n- z\n", &[rm("/a/1")], "a:\n- x\n- z\n");
    becomes("k: 1\na:\n- x\n", &[rm("/a/0")], "k: 1\n");
    becomes("a: {b: 1, c: 2}\n", &[rm("/a/b")], "a: {c: 2}\n");
    becomes("a: {b: 1, c: 2}\n", &[rm("/a/c")], "a: {b: 1}\n");
    becomes("a: [x, y]\n", &[rm("/a/0")], "a: [y]\n");
    becomes("k: 1\na: [x]\n", &[rm("/a/0")], "k: 1\n");
    becomes("k: 1\nb: 2", &[rm("/b")], "k: 1");
    becomes(
        "a: 1\nb: |\n  x\n\n  y\nc: 1\n",
        &[rm("/b")],
        "a: 1\nc: 1\n",
    );
    becomes("a: 1\n", &[rm("/b"), rm("/c/d")], "a: 1\n");
    // An operation of a JSON patch needs its value.
    becomes(
        "[{\"op\": \"add\", \"path\": \"/a\", \"value\": {\"b\": 1}}]",
        &[rm("/0/value/b")],
        "[{\"op\": \"add\", \"path\": \"/a\", \"value\": {}}]",
    );
}

/// A comment goes with the only thing that it can speak of, and stays above a group.
#[test]
fn a_comment_goes_with_what_it_speaks_of() {
    let rm = |pointer: &str| Operation::remove(pointer);
    let list = "a:\n- x\n# old\n# agents\n- y\nb: 1\n";
    becomes(list, &[rm("/a/1")], "a:\n- x\nb: 1\n");
    let group = "a:\n# old agents\n- x\n- y\nb: 1\n";
    becomes(group, &[rm("/a/0")], "a:\n# old agents\n- y\nb: 1\n");
    let map = "a:\n  x: 1\n  # old\n  old: 2\n  # new\n  z: 3\n";
    becomes(map, &[rm("/a/old")], "a:\n  x: 1\n  # new\n  z: 3\n");
    let keys = "a:\n  # both\n  x: 1\n  y: 2\n";
    becomes(keys, &[rm("/a/x")], "a:\n  # both\n  y: 2\n");
}

#[test]
fn aliases_and_merges_are_left_alone() {
    let text = "base: &b\n  x: 1\n  in:\n    y: 1\none: *b\ntwo:\n  <<: *b\n  z: 1\n";
    refused(text, no("/one/x"), "shared through the alias `*b`");
    refused(text, no("/base/x"), "an anchor shares this value");
    refused(text, no("/two/in/y"), "merge key");
    refused(text, Operation::remove("/two/x"), "merge key");
    // A key of its own goes over a merged one, and an alias can give way.
    becomes(
        text,
        &[no("/two/x")],
        &text.replace("  z: 1\n", "  z: 1\n  x: false\n"),
    );
    becomes(text, &[no("/one")], &text.replace("one: *b", "one: false"));
}

#[test]
fn what_reads_otherwise_is_written_plainly() {
    let text = "a: 1\nb: yes # really\n";
    let at = u32::try_from(text.find("yes").unwrap()).unwrap();
    let got = edit(text, 0, &[Operation::Respell { at }]).unwrap();
    assert_eq!(got, "a: 1\nb: true # really\n");

    let text = "m:\n  k: 1\n  # old\n  o:\n    k: 2\n  k: 3\n  # last\n  k: 4\nz: 1\n";
    let at = u32::try_from(text.rfind("k: 4").unwrap()).unwrap();
    let got = edit(text, 0, &[Operation::Deduplicate { at }]).unwrap();
    assert_eq!(got, "m:\n  # old\n  o:\n    k: 2\n  # last\n  k: 4\nz: 1\n");
}

#[test]
fn what_cannot_be_done_is_refused() {
    refused("a: 1\n", no("/a/b"), "`b` belongs into a mapping");
    refused("a: [1]\n", no("/a/3/x"), "no item 3");
    refused("a: 1\n", Operation::remove(""), "whole document");
    assert!(edit("a: 1\n", 3, &[no("/a")]).is_err());
    assert!(edit(&" ".repeat(seawall_yaml::edit::LONGEST + 1), 0, &[no("/a")]).is_err());
}
