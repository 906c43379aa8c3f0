//! Lists that are read item by item say what their tree says.

// Helpers of tests may fail as tests do.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use proptest::prelude::*;
use seawall_model::FileId;
use seawall_yaml::{Document, Limits, Node, Value, parse, parse_each, parse_list};
use std::cell::Cell;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

const FILE: FileId = FileId(3);

/// What a text gives in parts, put together again; `None` where it is no such list.
fn parts(text: &str, limits: &Limits) -> Option<Document> {
    let mut parts: Vec<Document> = Vec::new();
    let all = |_: &Node| true;
    let read = parse_list(
        &mut || Ok(text.as_bytes()),
        FILE,
        limits,
        &all,
        &mut |part| parts.push(part),
    );
    if !read.unwrap() {
        assert!(parts.is_empty(), "nothing is handed out of {text:?}");
        return None;
    }
    let mut items = Vec::new();
    let mut notices = Vec::new();
    for part in &parts {
        let list = part.root.get("items").unwrap().as_seq().unwrap();
        assert_eq!(list.len(), 1);
        items.extend_from_slice(list);
        notices.extend(part.notices.clone());
    }
    let mut root = parts[0].root.clone();
    let list = root.as_map_mut().unwrap().get_mut("items").unwrap();
    list.value = Value::Seq(Arc::new(items));
    Some(Document { root, notices })
}

/// Compares with the tree, places and notices included; says whether there were parts.
fn compare(text: &str, limits: &Limits) -> bool {
    let Some(mut list) = parts(text, limits) else {
        return false;
    };
    let mut tree = parse(text, FILE, limits);
    assert!(tree.problems.is_empty(), "{text:?}: {:?}", tree.problems);
    assert_eq!(tree.documents.len(), 1, "{text:?}");
    let mut tree = tree.documents.remove(0);
    list.notices.sort_by_key(|notice| notice.span.start);
    tree.notices.sort_by_key(|notice| notice.span.start);
    assert_eq!(format!("{list:?}"), format!("{tree:?}"), "{text:?}");
    true
}

#[test]
fn only_one_object_with_items_is_a_list() {
    let limits = Limits {
        max_depth: 5,
        max_nodes: 30,
        ..Limits::default()
    };
    for text in [
        r#"{"items":[1]}"#,
        "\n {\"apiVersion\": \"v1\",\r\n\t\"items\" : [ {\"a\": {\"ü\": \"ü\"}} , 2.0 ],\"kind\":\"List\"}\n",
        r#"{"it\u0065ms":[{"a":1,"a":2},"\"]"],"metadata":{"b":1,"b":2}}"#,
        r#"{"items":[[[[]]]]}"#,
        r#"{"a":{"b":{"c":{"d":{}}}},"items":[null]}"#,
    ] {
        assert!(compare(text, &limits), "{text}");
    }
    for text in [
        "",
        "{}",
        "items: [1]",
        r#"[{"items":[1]}]"#,
        r#"{"items":[]}"#,
        r#"{"items":{"a":1}}"#,
        r#"{"items":[1]}{"items":[1]}"#,
        r#"{"items":[1],"items":[2]}"#,
        r#"{"items":[1],"a":1,"a":2}"#,
        r#"{"items":[1,]}"#,
        r#"{"items":[1 2]}"#,
        r#"{"items":[1{}]}"#,
        r#"{"items":[1]"#,
        r#"{"items":[1e999]}"#,
        r#"{"items":[yes]}"#,
        "{\"items\":[\"\u{1}\"]}",
        "\u{feff}{\"items\":[1]}",
        r#"{"items":[[[[[]]]]]}"#,
        r#"{"a":{"b":{"c":{"d":{"e":{}}}}},"items":[null]}"#,
        r#"{"items":[[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30]]}"#,
    ] {
        assert!(parts(text, &limits).is_none(), "{text}");
    }
    // Each item may have as many nodes as a text: only one of them is in memory.
    let many = vec![r#"{"a":[1,2,3]}"#; 100].join(",");
    assert!(parts(&format!(r#"{{"items":[{many}]}}"#), &limits).is_some());
    let late = format!("{}{{\"items\":[1]}}", " ".repeat(5_000));
    assert!(parts(&late, &limits).is_none());
    let short = Limits {
        max_bytes: 10,
        ..limits
    };
    assert!(parts(r#"{"items":[1]}"#, &short).is_none());
}

#[test]
fn whoever_reads_says_what_is_taken_apart() {
    let text = r#"{"items":[{"kind":"Pod"}],"kind":"Menu"}"#;
    let is_list = |root: &Node| {
        assert_eq!(root.get("items").unwrap().as_seq().unwrap().len(), 0);
        root.get("kind").and_then(Node::as_str) == Some("List")
    };
    let read = parse_list(
        &mut || Ok(text.as_bytes()),
        FILE,
        &Limits::default(),
        &is_list,
        &mut |_| unreachable!(),
    );
    assert!(!read.unwrap());
}

#[test]
fn a_text_that_changes_is_an_error() {
    for (before, after) in [
        (r#"{"items":[1,2]}"#, r#"{"items":[1,"#),
        (r#"{"items":[1,2]}"#, r#"{"items":[1,2,3]}"#),
        (r#"{"items":[1,2]}"#, r#"{"items":[1,2]} "#),
    ] {
        let first = Cell::new(true);
        let read = parse_list(
            &mut || {
                let text = if first.replace(false) { before } else { after };
                Ok(text.as_bytes())
            },
            FILE,
            &Limits::default(),
            &|_| true,
            &mut |_| {},
        );
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}

/// A dump as kubectl prints it, longer than what is read at a time.
fn dump(pods: usize) -> String {
    let mut text = "{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n".to_owned();
    for i in 0..pods {
        let comma = if i > 0 { ",\n" } else { "" };
        let note = "ä\\n\\\"\\\\".repeat(i % 700);
        let _ = write!(
            text,
            "{comma}        {{\n            \"kind\": \"Pod\",\n            \"metadata\": {{\n                \"annotations\": {{\"note\": \"{note}\"}},\n                \"name\": \"pod-{i}\"\n            }},\n            \"spec\": {{\"containers\": [], \"priority\": {i}.0}}\n        }}"
        );
    }
    text + "\n    ],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n"
}

#[test]
fn long_lists_agree() {
    let text = dump(700);
    assert!(text.len() > 1 << 20);
    assert!(compare(&text, &Limits::default()));
    let line = text.replace('\n', "");
    assert!(compare(&line, &Limits::default()));
}

#[test]
fn documents_are_handed_out_one_by_one() {
    let text = "a: 1\n---\nb: [\n---\nc: 3\n";
    let mut roots = Vec::new();
    let problems = parse_each(text, FILE, &Limits::default(), &mut |document| {
        roots.push(document.root);
    });
    let stream = parse(text, FILE, &Limits::default());
    assert_eq!(problems, stream.problems);
    let all: Vec<Node> = stream.documents.into_iter().map(|d| d.root).collect();
    assert_eq!(format!("{roots:?}"), format!("{all:?}"));
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(
            &[
                "null",
                "true",
                "1",
                "-1.0",
                "1e3",
                "\"\"",
                "\"\\\"]}\"",
                "{}",
                "[]"
            ][..]
        )
        .prop_map(str::to_owned),
        "\"[a-zä]{0,9}\"",
    ];
    let space = prop::sample::select(&["", "", " ", "\n    ", "\r\n\t"][..]);
    leaf.prop_recursive(3, 24, 4, move |inner| {
        let items = prop::collection::vec((space.clone(), inner.clone()), 0..4);
        let members = prop::collection::vec((space.clone(), "\"[a-c]\"", inner), 0..4);
        prop_oneof![
            items.prop_map(|items| {
                let items: Vec<_> = items.iter().map(|(s, v)| format!("{s}{v}{s}")).collect();
                format!("[{}]", items.join(","))
            }),
            members.prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(s, k, v)| format!("{s}{k}{s}:{s}{v}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn lists_agree(
        items in prop::collection::vec(json(), 1..5),
        member in json(),
        behind in any::<bool>(),
        space in prop::sample::select(&["", " ", "\n  "][..]),
    ) {
        let items = items.join(&format!("{space},"));
        let (before, after) = if behind {
            (String::new(), format!(",{space}\"m\":{member}"))
        } else {
            (format!("\"m\":{space}{member},"), String::new())
        };
        let text = format!("{space}{{{space}{before}\"items\":[{space}{items}]{after}{space}}}{space}");
        prop_assert!(compare(&text, &Limits::default()), "{text}");
    }

    #[test]
    fn broken_lists_agree(
        items in prop::collection::vec(json(), 0..4),
        at in any::<prop::sample::Index>(),
        what in "[\\[\\]{}\",:0 a\\\\]{0,2}",
        cut in 0usize..3,
    ) {
        let text = format!("{{\"items\":[{}],\"kind\":\"List\"}}", items.join(","));
        let at: usize = at.index(text.len());
        let (head, tail) = (text.get(..at).unwrap_or(""), text.get(at + cut..).unwrap_or(""));
        compare(&format!("{head}{what}{tail}"), &Limits::default());
    }
}
