//! What attackers write: each text ends in a problem, soon, without much memory.

// Helpers of tests may fail as tests do.
#![allow(
    clippy::indexing_slicing,
    clippy::format_collect,
    clippy::format_push_string
)]

use seawall_model::FileId;
use seawall_yaml::{Limits, Node, Stream, Value, parse, to_json, to_yaml};
use std::time::{Duration, Instant};

fn read(text: &str) -> Stream {
    let start = Instant::now();
    let stream = parse(text, FileId(1), &Limits::default());
    // Generous: these run in a debug build on a busy machine. Quadratic time on a megabyte
    // would be minutes.
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{} bytes took too long",
        text.len()
    );
    stream
}

fn only_problem(text: &str) -> String {
    let stream = read(text);
    assert!(stream.documents.is_empty());
    assert_eq!(
        stream.problems.len(),
        1,
        "{:?}",
        &text[..text.len().min(60)]
    );
    stream.problems[0].message.clone()
}

#[test]
fn deep_nesting_is_refused() {
    let deep: &[String] = &[
        "[".repeat(100_000),
        "{".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        "? ".repeat(100_000),
        (0..3_000)
            .map(|i| format!("{}a:\n", " ".repeat(i)))
            .collect(),
        "{\"a\":".repeat(100_000),
        format!("{{\"a\":{}", "[".repeat(100_000)),
        "[a: ".repeat(50_000),
    ];
    for text in deep {
        only_problem(text);
    }
    let at_limit = format!("{}{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(read(&at_limit).documents.len(), 1);
    let beyond = format!("{}{}", "[".repeat(201), "]".repeat(201));
    assert_eq!(only_problem(&beyond), "nested deeper than 200 levels");
}

#[test]
fn alias_bombs_are_refused() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..20 {
        let items = vec![format!("*a{}", i - 1); 9].join(", ");
        laughs.push_str(&format!("a{i}: &a{i} [{items}]\n"));
    }
    assert_eq!(
        only_problem(&laughs),
        "the document expands too many aliases"
    );

    let mut deep = "a0: &a0 [x]\n".to_owned();
    for i in 1..300 {
        deep.push_str(&format!("a{i}: &a{i} [*a{}]\n", i - 1));
    }
    assert!(only_problem(&deep).starts_with("nested deeper"));

    // Many documents, each of which is let through.
    let limits = Limits {
        max_nodes: 10_000,
        ..Limits::default()
    };
    let list = vec!["x"; 100].join(", ");
    let document = format!("a: &a [{list}]\nb: [*a, *a, *a]\n---\n");
    let stream = parse(&document.repeat(100), FileId(1), &limits);
    assert!(stream.documents.len() < 30);
    assert!(
        stream
            .problems
            .iter()
            .all(|p| p.message.contains("more than 10000 values"))
    );
}

#[test]
fn merge_bombs_are_refused() {
    let mut text = "a0: &a0 {k0: 1, k1: 1, k2: 1, k3: 1}\n".to_owned();
    for i in 1..40 {
        let items = vec![format!("*a{}", i - 1); 9].join(", ");
        text.push_str(&format!("a{i}: &a{i} {{<<: [{items}]}}\n"));
    }
    only_problem(&text);
}

#[test]
fn time_grows_with_the_text() {
    let many = 100_000;
    let texts: Vec<String> = vec![
        "a".repeat(1_000_000),
        "a: ".to_owned() + &"b ".repeat(500_000),
        (0..many).map(|i| format!("k{i}: v\n")).collect(),
        (0..many)
            .map(|i| format!("k{}: .inf\n", i % 1000))
            .collect(),
        format!(
            "{{{}}}",
            (0..many)
                .map(|i| format!("\"k{i}\":1"))
                .collect::<Vec<_>>()
                .join(",")
        ),
        format!("[{}]", "a,".repeat(many)),
        "- a\n".repeat(many),
        "---\n".repeat(many),
        "\n".repeat(1_000_000),
        "# c\n".repeat(many),
        "'".repeat(many),
        "\"\\\n".repeat(many),
        "a: |\n".to_owned() + &"  x\n\n".repeat(many),
        "!!a ".repeat(many),
        "&a ".repeat(many),
        "%TAG !a! b\n".repeat(many),
        "{{ .Values.a }}\n".repeat(many),
        "{{ .Values.a }}\n---\n".repeat(10_000),
        "{\"a\":1}".repeat(many),
        "{\"a\":1,".repeat(many),
        format!("{{\"a\":\"{}\"}}", "\\u0041".repeat(many)),
        "a\n b\n".repeat(many),
        ": ".repeat(many),
        "?\n".repeat(many),
        "- - - - -\n".repeat(10_000),
        "\u{feff}".repeat(many),
        "\r".repeat(many),
        "\u{2028}".repeat(many),
        "a: *b\n".repeat(many),
        "<<: ".repeat(many),
        "--- x\n".repeat(10_000),
    ];
    for text in &texts {
        read(text);
    }
}

#[test]
fn too_long_a_text_is_refused() {
    let limits = Limits {
        max_bytes: 10,
        ..Limits::default()
    };
    let stream = parse("a: 1234567890", FileId(1), &limits);
    assert_eq!(stream.problems[0].message, "larger than 10 bytes");
    assert!(parse("a: 1", FileId(1), &limits).problems.is_empty());
}

#[test]
fn an_order_that_is_none_does_not_panic() {
    let keys = [
        "10", "1a", "2", "1e+06", "16", "02", "2a", "010", "a", "0", "00",
    ];
    let text: String = (0..400)
        .map(|i| format!("\"{}-{}\": 1\n", keys[i % 11], i / 11))
        .collect();
    let stream = read(&text);
    assert_eq!(to_yaml(&stream.documents[0].root).lines().count(), 400);
}

#[test]
fn large_maps_compare_quickly() {
    let text =
        |range: Vec<u32>| -> String { range.iter().map(|i| format!("k{i}: {i}\n")).collect() };
    let forward = read(&text((0..50_000).collect()));
    let backward = read(&text((0..50_000).rev().collect()));
    let start = Instant::now();
    assert_eq!(forward.documents[0].root, backward.documents[0].root);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_tree_that_was_made_deep_is_written() {
    let mut node = Node::null();
    for _ in 0..1_000 {
        node = Node::seq(vec![node], seawall_model::Span::NONE);
    }
    assert_eq!(to_json(&node).len(), 2_004);
    assert!(to_yaml(&node).ends_with("null\n"));
    assert!(matches!(node.value, Value::Seq(_)));
}
