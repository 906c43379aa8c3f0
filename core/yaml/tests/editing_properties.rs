//! Random documents in random styles, changed at random places: nearly every change can be
//! made, the tree is what it should be, and no line changes but those that have to.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests may fail loudly

use proptest::prelude::*;
use seawall_model::{Data, FileId, Operation};
use seawall_yaml::edit::{changed, edit};
use seawall_yaml::{Limits, Node, Value, parse};
use std::fmt::Write as _;

/// A tree with the way in which it is written.
#[derive(Debug, Clone)]
enum Piece {
    Scalar(&'static str),
    Map(Vec<(&'static str, Piece)>),
    List(Vec<Piece>),
    Flow(&'static str),
}

#[derive(Debug, Clone, Copy)]
struct Looks {
    step: usize,
    dash: usize,
    comments: u8,
    crlf: bool,
    ends: bool,
}

const SCALARS: &[&str] = &[
    "1",
    "true",
    "yes",
    "x",
    "'it''s'",
    "\"q \\\" q\"",
    "~",
    "",
    "a b c",
    "|LITERAL",
    ">FOLDED",
    "é",
];
const KEYS: &[&str] = &[
    "name",
    "image",
    "spec",
    "securityContext",
    "labels",
    "\"quoted\"",
    "é",
    "on",
];

fn piece() -> impl Strategy<Value = Piece> {
    let leaf = prop_oneof![
        6 => prop::sample::select(SCALARS).prop_map(Piece::Scalar),
        1 => prop::sample::select(&["{}", "[]", "{a: b, c: [1, 2]}", "{ a: b }", "[x, \"y\"]"][..])
            .prop_map(Piece::Flow),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Piece::List),
            prop::collection::vec(inner, 1..5).prop_map(|values| {
                let keys = KEYS.iter().copied();
                Piece::Map(keys.zip(values).collect())
            }),
        ]
    })
}

fn document() -> impl Strategy<Value = Piece> {
    prop::collection::vec(piece(), 1..6)
        .prop_map(|values| Piece::Map(KEYS.iter().copied().zip(values).collect()))
}

fn looks() -> impl Strategy<Value = Looks> {
    (
        1usize..5,
        any::<bool>(),
        any::<u8>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(step, dash, comments, crlf, ends)| Looks {
            step,
            dash: if dash { step } else { 0 },
            comments,
            crlf,
            ends,
        })
}

struct Pen {
    out: String,
    looks: Looks,
    lines: usize,
}

impl Pen {
    fn odd(&self, bit: u8) -> bool {
        self.looks.comments >> bit & 1 == 1 && self.lines.is_multiple_of(3)
    }

    fn line_end(&mut self, scalar: bool) {
        self.lines += 1;
        if scalar && self.odd(0) {
            let _ = write!(self.out, "  # trailing {}", self.lines);
        }
        self.out.push('\n');
        if self.odd(1) {
            self.out.push('\n');
        }
    }

    fn comment(&mut self, indent: usize) {
        if self.odd(2) {
            let _ = writeln!(self.out, "{}# above {}", " ".repeat(indent), self.lines);
        }
    }

    fn scalar(&mut self, text: &str, indent: usize) {
        let block = match text {
            "|LITERAL" => Some('|'),
            ">FOLDED" => Some('>'),
            _ => None,
        };
        if let Some(sign) = block {
            let pad = " ".repeat(indent + 1);
            let _ = writeln!(self.out, " {sign}\n{pad}one # no comment\n\n{pad}two");
            self.lines += 4;
            return;
        }
        if !text.is_empty() {
            let _ = write!(self.out, " {text}");
        }
        self.line_end(true);
    }

    fn value(&mut self, piece: &Piece, indent: usize) {
        match piece {
            Piece::Scalar(text) | Piece::Flow(text) => self.scalar(text, indent),
            Piece::Map(entries) => {
                self.line_end(true);
                self.entries(entries, indent + self.looks.step, false);
            }
            Piece::List(items) => {
                self.line_end(false);
                self.items(items, indent + self.looks.dash);
            }
        }
    }

    fn entries(&mut self, entries: &[(&str, Piece)], indent: usize, mut open: bool) {
        for (key, value) in entries {
            if !std::mem::take(&mut open) {
                self.comment(indent);
                self.out.push_str(&" ".repeat(indent));
            }
            let _ = write!(self.out, "{key}:");
            self.value(value, indent);
        }
    }

    fn items(&mut self, items: &[Piece], indent: usize) {
        for item in items {
            self.comment(indent);
            let _ = write!(self.out, "{}-", " ".repeat(indent));
            match item {
                Piece::Scalar(text) | Piece::Flow(text) => self.scalar(text, indent),
                Piece::Map(entries) => {
                    self.out.push(' ');
                    self.entries(entries, indent + 2, true);
                }
                Piece::List(items) => {
                    self.line_end(false);
                    self.items(items, indent + 2);
                }
            }
        }
    }
}

fn written(document: &Piece, looks: Looks) -> String {
    let mut pen = Pen {
        out: String::new(),
        looks,
        lines: 0,
    };
    if let Piece::Map(entries) = document {
        pen.entries(entries, 0, false);
    }
    let mut text = pen.out;
    if !looks.ends {
        text.truncate(text.trim_end_matches('\n').len());
    }
    if looks.crlf {
        text = text.replace('\n', "\r\n");
    }
    text
}

/// Every place of a tree.
fn places(node: &Node, pointer: &str, out: &mut Vec<String>) {
    out.push(pointer.to_owned());
    match &node.value {
        Value::Map(map) => {
            for entry in map {
                places(&entry.value, &format!("{pointer}/{}", entry.key), out);
            }
        }
        Value::Seq(items) => {
            for (at, item) in items.iter().enumerate() {
                places(item, &format!("{pointer}/{at}"), out);
            }
        }
        _ => {}
    }
}

fn root(text: &str) -> Node {
    let stream = parse(text, FileId(1), &Limits::default());
    assert!(stream.problems.is_empty(), "{text}\n{:?}", stream.problems);
    stream.documents[0].root.clone()
}

fn operation(which: u8, pointer: &str) -> Operation {
    let drop = Data::List(vec![Data::text("ALL")]);
    match which % 7 {
        0 => Operation::set(pointer, Data::Bool(false)),
        1 => Operation::set(pointer, Data::text("word")),
        2 => Operation::set(format!("{pointer}/new"), Data::Bool(true)),
        3 => Operation::set(format!("{pointer}/new/deep"), drop),
        4 => Operation::set(format!("{pointer}/securityContext/new"), Data::Int(7)),
        5 => Operation::append(pointer, Data::text("item")),
        _ => Operation::remove(pointer),
    }
}

/// The lines of `old` that are not in `new` in the same order.
fn lost<'a>(old: &'a str, new: &str) -> Vec<&'a str> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // Longest common parts of what is left of both.
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut lost) = (0, 0, Vec::new());
    while i < old.len() {
        if j < new.len() && old[i] == new[j] {
            i += 1;
            j += 1;
        } else if j < new.len() && common[i][j + 1] >= common[i + 1][j] {
            j += 1;
        } else {
            lost.push(old[i]);
            i += 1;
        }
    }
    lost
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_change_is_exact_and_small(
        document in document(), looks in looks(), which in any::<u8>(), place in any::<prop::sample::Index>(),
    ) {
        let text = written(&document, looks);
        let tree = root(&text);
        let mut all = Vec::new();
        places(&tree, "", &mut all);
        let operation = operation(which, &all[place.index(all.len())]);
        let Ok(wanted) = changed(&tree, &operation) else { return Ok(()) };
        if operation.pointer() == Some("") { return Ok(()) }
        let head = if looks.crlf { "# first\r\nother: 1\r\n---\r\n" } else { "# first\nother: 1\n---\n" };
        let stream = format!("{head}{text}");
        match edit(&stream, 1, std::slice::from_ref(&operation)) {
            Ok(new) => {
                let streams = parse(&new, FileId(1), &Limits::default());
                prop_assert_eq!(&streams.documents[1].root, &wanted);
                prop_assert!(new.starts_with(head));
                if looks.crlf {
                    prop_assert_eq!(new.matches('\n').count(), new.matches("\r\n").count());
                }
                let removed = matches!(operation, Operation::Remove { .. });
                prop_assert!(removed || new.ends_with('\n') == stream.ends_with('\n') , "{}", new);
                let is_scalar = |pointer: &str| {
                    seawall_model::fix::tokens(pointer).iter().try_fold(&tree, |node, token| match &node.value {
                        Value::Map(map) => map.get(token),
                        Value::Seq(items) => items.get(token.parse::<usize>().ok()?),
                        _ => None,
                    }).is_none_or(|node| !matches!(node.value, Value::Map(_) | Value::Seq(_)))
                };
                let lost = lost(&stream, &new);
                match &operation {
                    Operation::Set { pointer, .. } if is_scalar(pointer) => {
                        let block = lost.iter().any(|line| line.ends_with('|') || line.ends_with('>'));
                        prop_assert!(lost.len() <= 1 || block, "lost {:?}\n{}\n---\n{}", lost, stream, new);
                        prop_assert!(lost.iter().all(|l| !l.trim_start().starts_with('#')));
                    }
                    Operation::Append { .. } => prop_assert!(lost.len() <= 1 || stream.contains("|\n"), "lost {:?}\n{}\n---\n{}", lost, stream, new),
                    _ => {}
                }
            }
            Err(refusal) => {
                // What is left to refuse: nothing that a mend would do to these documents.
                let why = refusal.to_string();
                let known = why.contains("item of a list is not replaced") || why.contains("does not stand behind a dash")
                    || why.contains("a comment stands between");
                prop_assert!(known, "{}: {:?}\n{}", why, operation, stream);
            }
        }
    }
}
