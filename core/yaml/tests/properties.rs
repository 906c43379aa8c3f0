//! What holds for every text and every tree.

// Helpers of tests may fail as tests do.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use proptest::prelude::*;
use seawall_model::{FileId, Span};
use seawall_yaml::{
    Entry, Limits, Map, Node, Value, parse, parse_bytes, parse_single, to_json, to_yaml,
    try_to_yaml,
};

const FILE: FileId = FileId(1);

#[rustfmt::skip]
const ODD: &[&str] = &[
    "\n", "\r\n", "\r", "\u{85}", "\u{2028}", "\u{feff}", "\n---\n", "\n...\n", "<<: ", "!!int ", "|2-\n", "\\x41", "{{",
];
#[rustfmt::skip]
const WORDS: &[&str] =
    &["yes", "null", "~", "<<", "=", "2001-12-14", "1:30", ".inf", "0x1f", "---", "", "\u{85}", "\u{feff}x"];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z0-9 ]{0,6}",
        4 => "[\\-\\?:,\\[\\]\\{\\}#&\\*!\\|>'\"%@` \n\t]{1,4}",
        1 => "\\PC{0,4}",
        1 => any::<char>().prop_map(String::from),
        1 => prop::sample::select(ODD).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// A string that has everything strings can have.
fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,8}",
        "\\PC{0,20}",
        "[-+.:0-9_eExob]{0,8}",
        "[a-z \n\t'\"#:&*\\\\-]{0,30}",
        prop::collection::vec(any::<char>(), 0..8).prop_map(String::from_iter),
        prop::sample::select(WORDS).prop_map(str::to_owned),
        "([a-z]{1,12} {1,2}){10,30}",
    ]
}

fn node(value: Value) -> Node {
    Node::new(value, Span::NONE)
}

fn tree() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        Just(node(Value::Null)),
        any::<bool>().prop_map(|b| node(Value::Bool(b))),
        any::<i64>().prop_map(|i| node(Value::Int(i))),
        (-1000i64..1000).prop_map(|i| node(Value::Int(i))),
        (i64::MAX as u64 + 1..).prop_map(|u| node(Value::UInt(u))),
        // Whole numbers are integers after reading.
        any::<f64>()
            .prop_filter("not whole", |f| f.is_finite() && f.fract() != 0.0)
            .prop_map(|f| node(Value::Float(f))),
        string().prop_map(|s| Node::string(s, Span::NONE)),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6)
                .prop_map(|items| Node::seq(items, Span::NONE)),
            // go-yaml writes the key `<<` as it is, and reads a merge.
            prop::collection::btree_map(string().prop_filter("merge", |k| k != "<<"), inner, 0..6)
                .prop_map(|map| {
                    let entry = |(key, value): (String, Node)| Entry {
                        key: key.into(),
                        key_span: Span::NONE,
                        value,
                    };
                    Node::map(
                        Map::from_entries(map.into_iter().map(entry).collect()),
                        Span::NONE,
                    )
                }),
        ]
    })
}

fn check_spans(node: &Node, text: &str) {
    let span = node.span;
    assert!(
        span.start <= span.end && span.end as usize <= text.len(),
        "{span:?}"
    );
    assert!(
        text.get(span.start as usize..span.end as usize).is_some(),
        "{span:?}"
    );
    assert!(span.line >= 1 && span.column >= 1);
    match &node.value {
        Value::Seq(items) => items.iter().for_each(|item| check_spans(item, text)),
        Value::Map(map) => map.iter().for_each(|entry| check_spans(&entry.value, text)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in text()) {
        let stream = parse(&text, FILE, &Limits::default());
        for document in &stream.documents {
            check_spans(&document.root, &text);
            for notice in &document.notices {
                prop_assert!(notice.span.end as usize <= text.len());
            }
        }
        for problem in &stream.problems {
            prop_assert!(problem.span.end as usize <= text.len(), "{problem:?}");
            prop_assert!(!problem.message.is_empty() && !problem.message.ends_with('.'));
        }
        parse_single(&text, FILE, &Limits::default());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        parse_bytes(&bytes, FILE, &Limits::default());
    }

    #[test]
    fn what_is_written_is_read_back(tree in tree()) {
        let yaml = to_yaml(&tree);
        let read = parse_single(&yaml, FILE, &Limits::default());
        prop_assert_eq!(&read.problems, &[], "{}", yaml);
        prop_assert_eq!(&read.documents[0].root, &tree, "{}", yaml);
        prop_assert!(read.documents[0].notices.is_empty(), "no odd spelling is written");
        prop_assert_eq!(to_yaml(&read.documents[0].root), yaml);

        // Inside of an object, so that it is JSON to the stream reader.
        let json = format!("{{\"x\":{}}}", to_json(&tree));
        let read = parse(&json, FILE, &Limits::default());
        prop_assert_eq!(&read.problems, &[], "{}", json);
        prop_assert_eq!(read.documents[0].root.get("x"), Some(&tree), "{}", json);
    }

    #[test]
    fn the_exact_text_is_the_lenient_one(tree in tree()) {
        // Except for U+0085, which go-yaml folds on the way through JSON.
        if let Ok(exact) = try_to_yaml(&tree)
            && !to_json(&tree).contains('\u{85}')
        {
            prop_assert_eq!(exact, to_yaml(&tree));
        }
    }
}
