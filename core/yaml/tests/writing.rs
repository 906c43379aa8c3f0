//! What is written, byte for byte as Go writes it.

// Helpers of tests may fail as tests do.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::format_collect)]

use seawall_model::{FileId, Span};
use seawall_yaml::{
    Limits, Node, Value, parse_single, to_json, to_json_pretty, to_yaml, try_to_yaml,
};

fn node(text: &str) -> Node {
    let stream = parse_single(text, FileId(1), &Limits::default());
    assert_eq!(stream.problems, [], "{text:?}");
    stream.documents[0].root.clone()
}

fn string(text: &str) -> Node {
    Node::string(text, Span::NONE)
}

#[test]
fn strings_get_gos_style() {
    let cases: &[(&str, &str)] = &[
        ("text", "text\n"),
        ("", "\"\"\n"),
        ("yes", "\"yes\"\n"),
        ("null", "\"null\"\n"),
        ("123", "\"123\"\n"),
        ("0o7", "\"0o7\"\n"),
        ("1_0", "\"1_0\"\n"),
        ("1.0", "\"1.0\"\n"),
        (".inf", "\".inf\"\n"),
        ("12:30", "\"12:30\"\n"),
        ("1:60", "1:60\n"),
        ("2001-12-14", "\"2001-12-14\"\n"),
        ("2001-13-14", "2001-13-14\n"),
        ("<<", "<<\n"),
        ("=", "=\n"),
        ("- a", "'- a'\n"),
        ("-a", "-a\n"),
        ("a: b", "'a: b'\n"),
        ("a #b", "'a #b'\n"),
        ("it's", "it's\n"),
        ("'a", "'''a'\n"),
        (" a", "' a'\n"),
        ("a ", "'a '\n"),
        ("{a}", "'{a}'\n"),
        ("a\tb", "\"a\\tb\"\n"),
        ("a\nb", "|-\n  a\n  b\n"),
        ("a\nb\n", "|\n  a\n  b\n"),
        ("a\n\n", "|+\n  a\n\n"),
        ("\na", "|2-\n\n  a\n"),
        (" a\nb", "|2-\n   a\n  b\n"),
        ("a \nb", "\"a \\nb\"\n"),
        ("a\nb ", "\"a\\nb \"\n"),
        ("ä\u{1f600}", "\"ä\\U0001F600\"\n"),
        ("\u{a0}", "\u{a0}\n"),
        ("\u{feff}a", "\"\\uFEFF\\x61\"\n"),
        ("---", "'---'\n"),
        ("--- a", "'--- a'\n"),
        ("a\u{2028}b", "'a\u{2028}  b'\n"),
    ];
    for (text, expected) in cases {
        assert_eq!(to_yaml(&string(text)), *expected, "{text:?}");
        assert_eq!(
            try_to_yaml(&string(text)).as_deref(),
            Ok(*expected),
            "{text:?}"
        );
    }
}

#[test]
fn collections_get_gos_layout() {
    let text = "a: [x, [y, [], {}], {z: 1, l: [2]}]\nb: {}\nc: {d: [], e: {f: ~}}\n";
    let expected = "\
a:
- x
- - \"y\"
  - []
  - {}
- l:
  - 2
  z: 1
b: {}
c:
  d: []
  e:
    f: null
";
    // `y` is a truth in the text above, and text here.
    let text = text.replace("[y,", "[\"y\",");
    assert_eq!(to_yaml(&node(&text)), expected);
    assert_eq!(to_yaml(&node("[]")), "[]\n");
    assert_eq!(to_yaml(&node("{}")), "{}\n");
}

#[test]
fn keys_are_in_gos_natural_order() {
    let keys = [
        "b", "a10", "a2", "a02", "A", "10", "9", "-", "a", "kube/10", "kube/9", "é", "a1b", "a1",
    ];
    let text: String = keys.iter().map(|k| format!("\"{k}\": 1\n")).collect();
    let written = to_yaml(&node(&text));
    let order: Vec<_> = written
        .lines()
        .map(|l| l.split(": ").next().unwrap())
        .collect();
    let expected = [
        "'-'", "\"9\"", "\"10\"", "A", "a", "a1", "a1b", "a2", "a02", "a10", "b", "kube/9",
        "kube/10", "é",
    ];
    assert_eq!(order, expected);
}

#[test]
fn long_text_is_folded_at_eighty_columns() {
    let long = "word ".repeat(30);
    let long = long.trim();
    let written = to_yaml(&node(&format!("a: {long}\n")));
    let lines: Vec<_> = written.lines().collect();
    assert_eq!(
        lines[0].len(),
        82,
        "go-yaml folds at the first blank after column 80"
    );
    assert!(lines[1].starts_with("  word"));
    assert_eq!(node(&written), node(&format!("a: {long}\n")));
    let key = format!("? {}\n: 1\n", "k".repeat(129));
    assert_eq!(
        to_yaml(&node(&key)),
        key,
        "beyond 128 bytes a key is not simple"
    );
}

#[test]
fn numbers_are_gos() {
    let cases: &[(f64, &str, &str)] = &[
        (1.0, "1", "1"),
        (1.5, "1.5", "1.5"),
        (1e20, "100000000000000000000", "1e+20"),
        (1e21, "1e+21", "1e+21"),
        (1e-6, "0.000001", "1e-06"),
        (1e-7, "1e-7", "1e-07"),
        (1.25e-10, "1.25e-10", "1.25e-10"),
        (1_234_567.5, "1234567.5", "1.2345675e+06"),
        (123_456.5, "123456.5", "123456.5"),
        (-0.0, "-0", "0"),
        (
            1_152_921_504_606_846_976.0,
            "1152921504606847000",
            "1152921504606847000",
        ),
        (5e-324, "5e-324", "5e-324"),
        (
            f64::MAX,
            "1.7976931348623157e+308",
            "1.7976931348623157e+308",
        ),
    ];
    for (float, json, yaml) in cases {
        let node = Node::new(Value::Float(*float), Span::NONE);
        assert_eq!(to_json(&node), *json);
        assert_eq!(to_yaml(&node), format!("{yaml}\n"));
    }
    let node = Node::new(Value::UInt(u64::MAX), Span::NONE);
    assert_eq!(to_json(&node), "18446744073709551615");
    assert_eq!(to_yaml(&node), "18446744073709551615\n");
}

#[test]
fn json_is_escaped_for_html() {
    let text = string("<a href=\"x\">&\u{2028}\u{1}\u{7f}\n\t\u{8}é");
    assert_eq!(
        to_json(&text),
        "\"\\u003ca href=\\\"x\\\"\\u003e\\u0026\\u2028\\u0001\u{7f}\\n\\t\\bé\""
    );
}

#[test]
fn pretty_json_has_two_blanks() {
    let expected =
        "{\n  \"a\": [\n    1,\n    {\n      \"b\": {}\n    },\n    []\n  ],\n  \"c\": \"x\"\n}";
    assert_eq!(
        to_json_pretty(&node("c: x\na: [1, {b: {}}, []]\n")),
        expected
    );
}

#[test]
fn where_go_fails_it_is_an_error() {
    for text in ["\u{7f}", "\u{80}", "\u{fffe}"] {
        assert!(try_to_yaml(&string(text)).is_err());
        assert_eq!(
            node(&to_yaml(&string(text))),
            string(text),
            "written with escapes"
        );
    }
    let key = format!("? {}\n: 1\n", "k".repeat(1023));
    assert!(try_to_yaml(&node(&key)).is_err());
    let key = format!("? {}\n: 1\n", "k".repeat(1022));
    assert!(try_to_yaml(&node(&key)).is_ok());
    assert!(try_to_yaml(&Node::new(Value::Float(f64::NAN), Span::NONE)).is_err());
}
