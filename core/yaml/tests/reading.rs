//! What is read, where it stands, and what a reader is told about it. The values are what
//! Kubernetes' own reader gives; `tests/tests/yaml_differential.rs` asks that reader.

// Helpers of tests may fail as tests do.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::type_complexity)]

use seawall_model::FileId;
use seawall_yaml::{Limits, NoticeKind, Stream, parse, parse_bytes, parse_single, to_json};

const FILE: FileId = FileId(7);

fn read(text: &str) -> Stream {
    parse(text, FILE, &Limits::default())
}

/// Documents as JSON and problems as `line:column message`, in this order.
fn told(stream: &Stream) -> Vec<String> {
    let documents = stream.documents.iter().map(|d| to_json(&d.root));
    let problems = stream
        .problems
        .iter()
        .map(|p| format!("{}:{} {}", p.span.line, p.span.column, p.message));
    documents.chain(problems).collect()
}

#[test]
fn texts_give_documents() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        ("# nothing\n---\n# still nothing\n", &[]),
        ("a: yes\n", &[r#"{"a":true}"#]),
        (
            "a: 0777\nb: 0o17\nc: 1_000\nd: 08\n",
            &[r#"{"a":511,"b":15,"c":1000,"d":8}"#],
        ),
        ("a: 1.0\nb: 1e3\nc: .5\n", &[r#"{"a":1,"b":1000,"c":0.5}"#]),
        (
            "on: 1\n2: b\n1.5: c\n~x: d\n",
            &[r#"{"1.5":"c","2":"b","true":1,"~x":"d"}"#],
        ),
        ("a: 2001-12-14\n", &[r#"{"a":"2001-12-14"}"#]),
        (
            "a: !!str 5\nb: !!int \"5\"\nc: !x 5\n",
            &[r#"{"a":"5","b":5,"c":"5"}"#],
        ),
        ("a: !!binary aGk=\n", &[r#"{"a":"hi"}"#]),
        ("a: 1\n---\nb: 2\n", &[r#"{"a":1}"#, r#"{"b":2}"#]),
        (
            "---\na: 1\n--- # x\n---   \nb: 2",
            &[r#"{"a":1}"#, r#"{"b":2}"#],
        ),
        (
            "a: 1\r\nb: |\r\n  x\r\n  y\r\n",
            &[r#"{"a":1,"b":"x\ny\n"}"#],
        ),
        (
            "\u{feff}a: 1\n---\n\u{feff}b: 2\n",
            &[r#"{"a":1}"#, r#"{"b":2}"#],
        ),
        ("b: &x {k: 1}\na: *x\n", &[r#"{"a":{"k":1},"b":{"k":1}}"#]),
        // Explicit keys win over merged ones that stand before them, and only over these.
        ("<<: {a: 1, b: 1}\na: 2\n", &[r#"{"a":2,"b":1}"#]),
        ("a: 2\n<<: {a: 1, b: 1}\n", &[r#"{"a":1,"b":1}"#]),
        ("<<: [{a: 1}, {a: 2, b: 2}]\n", &[r#"{"a":1,"b":2}"#]),
        ("a: 1\na: 2\n", &[r#"{"a":2}"#]),
        // Replaced values never become JSON, so it does not matter that they cannot.
        ("a: .inf\na: 2\n", &[r#"{"a":2}"#]),
        (
            "a: .inf\n",
            &["1:4 `.inf` has no form in JSON, which Kubernetes reads"],
        ),
        ("~: 1\n", &["1:1 null cannot be a key"]),
        ("[a]: 1\n", &["1:1 a mapping or list cannot be a key"]),
        ("a: *x\n", &["1:4 there is no anchor `x`"]),
        (
            "a: &x [*x]\n",
            &["1:8 the value of anchor `x` contains itself"],
        ),
        (
            "<<: 1\n",
            &["1:1 `<<` wants a mapping or a list of mappings"],
        ),
        ("a: !!int b\n", &["1:4 cannot decode a !!str as a !!int"]),
        // A document that cannot be read does not hide the others.
        (
            "a: 1\n---\nb: [\n---\nc: 3\n",
            &[
                r#"{"a":1}"#,
                r#"{"c":3}"#,
                "3:5 the document ends inside of brackets: close them with `]` or `}`",
            ],
        ),
        (
            "a: 1\n--- b\nc: 3\n",
            &[
                r#"{"c":3}"#,
                "2:1 only a comment may follow the document separator `---`",
            ],
        ),
        ("a:\n\tb: 1\n", &["2:1 a tab cannot indent: use spaces"]),
        (
            "a: b: c\n",
            &["1:5 `key: value` cannot start here: quote the text, or start a new line"],
        ),
        ("a: 'b\n", &["1:4 this quote is never closed"]),
        (
            "a: b\nc\n",
            &["2:1 this is no `key: value`: write the `:` and a space, or check the indentation"],
        ),
        (
            "%YAML 1.2\n---\na: 1\n",
            &[
                r#"{"a":1}"#,
                "1:1 Kubernetes reads YAML 1.1 only: remove the `%YAML` directive",
            ],
        ),
        (
            "a: \u{7}\n",
            &["1:4 control characters are not allowed, here U+0007"],
        ),
        (
            "x: {{ .Values.x }}\n",
            &[
                "1:5 a mapping or list cannot be a key (this looks like a template before rendering)",
            ],
        ),
        // JSON: values one after another, and YAML where that does not do.
        (
            r#" {"a": 1.0, "b": "\ud83d\ude00\ud800"}{"a": 2}"#,
            &["{\"a\":1,\"b\":\"\u{1f600}\u{fffd}\"}", r#"{"a":2}"#],
        ),
        (
            "{\"a\": yes}\n---\n{b: 0777}\n",
            &[r#"{"a":true}"#, r#"{"b":511}"#],
        ),
        (
            "{\"a\":1}{\"a\":2}{\"a\":}\n",
            &[
                r#"{"a":1}"#,
                r#"{"a":2}"#,
                "1:20 invalid JSON: unexpected character '}' where a value should start",
            ],
        ),
        ("[1, 0777]\n", &["[1,511]"]),
    ];
    for (text, expected) in cases {
        assert_eq!(told(&read(text)), *expected, "{text:?}");
    }
}

#[test]
fn one_text_has_one_document() {
    let single = |text: &str| told(&parse_single(text, FILE, &Limits::default()));
    assert_eq!(single("---\na: 1\n---\nb: 2\n"), [r#"{"a":1}"#]);
    // Only the stream reader ends a last line.
    assert_eq!(single("a: |\n  x"), [r#"{"a":"x"}"#]);
    assert_eq!(told(&read("a: |\n  x")), [r#"{"a":"x\n"}"#]);
    assert_eq!(single("%YAML 1.1\n---\na: 1\n"), [r#"{"a":1}"#]);
}

#[test]
fn oddities_are_noticed_where_they_stand() {
    use NoticeKind::{DuplicateKey, IgnoredDocument, LegacyBool, LegacyNumber};
    let cases: &[(&str, &[(NoticeKind, &str, u32, u32)])] = &[
        (
            "a: yes\nb: true\nc: \"yes\"\n",
            &[(LegacyBool, "yes", 1, 4)],
        ),
        ("a:\n  - Off\n", &[(LegacyBool, "Off", 2, 5)]),
        ("on: 1\n", &[(LegacyBool, "on", 1, 1)]),
        (
            "a: 0644\nb: 644\nc: 0\nd: 0.5\ne: 1_0\nf: 0b1\n",
            &[
                (LegacyNumber, "0644", 1, 4),
                (LegacyNumber, "1_0", 5, 4),
                (LegacyNumber, "0b1", 6, 4),
            ],
        ),
        ("a: 1\nb: 2\na: 3\n", &[(DuplicateKey, "a", 3, 1)]),
        ("<<: {a: 1}\na: 3\n", &[]),
        ("a: 3\n<<: {a: 1}\n", &[(DuplicateKey, "a", 2, 1)]),
        ("{\"a\": 1, \"a\": 2}", &[(DuplicateKey, "a", 1, 10)]),
        ("a: 1\n...\nb: 2\n", &[(IgnoredDocument, "", 3, 1)]),
        ("[a]: b\n...\n", &[]),
        ("a: 1\n...\n# only a comment\n", &[]),
    ];
    for (text, expected) in cases {
        let stream = read(text);
        let notices = stream.documents.iter().flat_map(|d| &d.notices);
        let notices: Vec<_> = notices
            .map(|n| (n.kind, n.text.as_str(), n.span.line, n.span.column))
            .collect();
        assert_eq!(notices, *expected, "{text:?}");
    }
}

#[test]
fn spans_point_into_the_whole_text() {
    let text = "# äöü\n---\nkey: value # c\nlist:\n- one\n- 'two'\nmap: {a: \"ü\", b: 2}\n---\nblock: |\n  x\n  y\n\nnext: *no\n---\nlast:\n  deep:\n    - ünder: here\n";
    let stream = read(text);
    let slice = |span: seawall_model::Span| {
        assert_eq!(span.file, FILE);
        let line = text.lines().nth(span.line as usize - 1).unwrap();
        let rest: String = line.chars().skip(span.column as usize - 1).collect();
        let piece = &text[span.start as usize..span.end as usize];
        assert!(rest.starts_with(piece.lines().next().unwrap()), "{span:?}");
        piece
    };
    let first = &stream.documents[0].root;
    assert_eq!(
        slice(first.span),
        "key: value # c\nlist:\n- one\n- 'two'\nmap: {a: \"ü\", b: 2}"
    );
    assert_eq!(
        slice(first.as_map().unwrap().entry("key").unwrap().key_span),
        "key"
    );
    assert_eq!(slice(first.get("key").unwrap().span), "value");
    assert_eq!(slice(first.get("list").unwrap().span), "- one\n- 'two'");
    assert_eq!(
        slice(first.get("list").unwrap().as_seq().unwrap()[1].span),
        "'two'"
    );
    assert_eq!(slice(first.get("map").unwrap().span), "{a: \"ü\", b: 2}");
    assert_eq!(slice(first.at(&["map", "b"]).unwrap().span), "2");
    let problem = &stream.problems[0];
    assert_eq!((problem.span.line, problem.span.column), (13, 7));
    let last = stream.documents[1].root.at(&["last", "deep"]).unwrap();
    assert_eq!(
        slice(last.as_seq().unwrap()[0].get("ünder").unwrap().span),
        "here"
    );

    let block = read("a: |\n  x\n  y\n\nb: >-\n  z\nc: &t 1\nd: *t\n");
    let text = "a: |\n  x\n  y\n\nb: >-\n  z\nc: &t 1\nd: *t\n";
    let piece = |key: &str| {
        let span = block.documents[0].root.get(key).unwrap().span;
        &text[span.start as usize..span.end as usize]
    };
    assert_eq!(piece("a"), "|\n  x\n  y");
    assert_eq!(piece("b"), ">-\n  z");
    assert_eq!(piece("c"), "&t 1");
    assert_eq!(piece("d"), "*t", "an alias stands where it is used");
}

#[test]
fn json_spans_point_into_the_text() {
    let text = "{\n  \"ä\": [1, {\"b\": \"c\"}]\n}\n{\"d\": true}";
    let stream = read(text);
    let spans = |node: &seawall_yaml::Node| {
        (
            node.span.line,
            node.span.column,
            text[node.span.start as usize..node.span.end as usize].to_owned(),
        )
    };
    let list = stream.documents[0].root.get("ä").unwrap();
    assert_eq!(spans(list), (2, 8, "[1, {\"b\": \"c\"}]".to_owned()));
    assert_eq!(
        spans(&list.as_seq().unwrap()[1]),
        (2, 12, "{\"b\": \"c\"}".to_owned())
    );
    assert_eq!(
        spans(stream.documents[1].root.get("d").unwrap()),
        (4, 7, "true".to_owned())
    );
}

#[test]
fn bytes_that_are_no_text_spoil_one_document() {
    let bytes = b"a: 1\n---\nb: \xff\xfe\n---\nc: 3\n";
    let stream = parse_bytes(bytes, FILE, &Limits::default());
    assert_eq!(
        told(&stream),
        [r#"{"a":1}"#, r#"{"c":3}"#, "3:4 these bytes are not UTF-8"]
    );
    let json = parse_bytes(b"{\"a\":\"x\xff\xfe\"}", FILE, &Limits::default());
    assert_eq!(
        told(&json),
        ["{\"a\":\"x\u{fffd}\u{fffd}\"}"],
        "as encoding/json"
    );
    let utf16: Vec<u8> = "\u{feff}a: 1\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let stream = parse_bytes(&utf16, FILE, &Limits::default());
    assert!(stream.documents.is_empty() && stream.problems[0].message.contains("UTF-16"));
}

#[test]
fn repeated_text_is_shared() {
    let stream = read("- {name: a, kind: Pod}\n- {name: b, kind: Pod}\n");
    let list = stream.documents[0].root.as_seq().unwrap();
    let key = |i: usize| &list[i].as_map().unwrap().entry("name").unwrap().key;
    assert!(std::sync::Arc::ptr_eq(key(0), key(1)));
}

#[test]
fn documents_without_end_are_not_read_without_end() {
    let text = "---\n".repeat(2_000_010);
    let stream = parse(&text, FileId(1), &Limits::default());
    let told: Vec<_> = stream.problems.iter().map(|p| &*p.message).collect();
    assert_eq!(told, ["more than 1000000 documents: the rest is not read"]);
}
