//! The closed forms of intersection and difference, against all short texts.

#![allow(clippy::expect_used)] // helpers of tests may fail loudly

use proptest::prelude::*;
use seawall_network::request::{Block, Pattern};

/// All texts of these letters up to this length.
fn texts(letters: &[char], length: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..length {
        last = last
            .iter()
            .flat_map(|text| letters.iter().map(move |letter| format!("{text}{letter}")))
            .collect();
        all.extend(last.iter().cloned());
    }
    all
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let text = "[ab]{0,3}";
    prop_oneof![
        text.prop_map(|text| Pattern::Exact(text.into())),
        (text, text).prop_map(|(prefix, suffix)| Pattern::Affix {
            prefix: prefix.into(),
            suffix: suffix.into(),
        }),
    ]
}

fn block() -> impl Strategy<Value = (u8, u8)> {
    (any::<u8>(), 0_u8..=8)
}

/// A block in the last byte.
fn as_block((address, length): (u8, u8)) -> Block {
    Block::read(&format!("10.0.0.{address}/{}", 24 + length)).expect("a block")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn an_intersection_holds_what_both_hold(one in pattern(), two in pattern()) {
        let both = one.meets(&two);
        for text in texts(&['a', 'b'], 7) {
            let got = both.as_ref().is_some_and(|both| both.holds(&text));
            prop_assert_eq!(got, one.holds(&text) && two.holds(&text), "{}", text);
        }
    }

    #[test]
    fn a_difference_is_empty_only_if_it_is(
        set in pattern(),
        others in prop::collection::vec(pattern(), 0..4),
    ) {
        match set.without(&others) {
            Some(text) => {
                prop_assert!(set.holds(&text), "{}", text);
                prop_assert!(!others.iter().any(|other| other.holds(&text)), "{}", text);
            }
            None => {
                for text in texts(&['a', 'b', 'z'], 7) {
                    let covered = others.iter().any(|other| other.holds(&text));
                    prop_assert!(!set.holds(&text) || covered, "{}", text);
                }
            }
        }
    }

    #[test]
    fn addresses_too(set in block(), others in prop::collection::vec(block(), 0..6)) {
        let patterns: Vec<Pattern> = others.iter().map(|one| Pattern::Block(as_block(*one))).collect();
        let set = Pattern::Block(as_block(set));
        let all: Vec<String> = (0..=255).map(|last| format!("10.0.0.{last}")).collect();
        let free = |text: &&String| set.holds(text) && !patterns.iter().any(|p| p.holds(text));
        let expected = all.iter().find(free);
        let got = set.without(&patterns);
        prop_assert_eq!(got.is_some(), expected.is_some());
        if let Some(text) = got {
            prop_assert!(set.holds(&text) && !patterns.iter().any(|p| p.holds(&text)), "{}", text);
        }
        let other = patterns.first().cloned().unwrap_or_else(|| set.clone());
        let both = set.meets(&other);
        for text in &all {
            let got = both.as_ref().is_some_and(|both| both.holds(text));
            prop_assert_eq!(got, set.holds(text) && other.holds(text));
        }
    }
}

#[test]
fn templates_take_whole_parts() {
    for (template, path, want) in [
        ("/a/{*}", "/a/b", true),
        ("/a/{*}", "/a/", false),
        ("/a/{*}", "/a/b/c", false),
        ("/a/{**}", "/a/b/c", true),
        ("/a/{**}", "/a", false),
        ("/a/{**}", "/a/", true),
        ("/{*", "/{*", true),
        ("/é{*}/b", "/éé/b", true),
        ("/{**}/z", "/a/b/z", true),
        ("/{**}/z", "/a/b/y", false),
        ("/{*}.js", "/app.js", true),
        ("/{*}.js", "/.js", false),
    ] {
        assert_eq!(
            Pattern::read_path(template).holds(path),
            want,
            "{template} {path}"
        );
    }
}

#[test]
fn only_edges_are_wildcards() {
    assert!(Pattern::read("/a*").holds("/ab"));
    assert!(Pattern::read("*a").holds("ba"));
    assert!(!Pattern::read("/a/*/b").holds("/a/x/b"));
    assert!(Pattern::read("/a/*/b").holds("/a/*/b"));
    // The star in front is looked at first: the other one is a letter then.
    assert!(!Pattern::read("*a*").holds("bab"));
    assert!(Pattern::read("*a*").holds("ba*"));
}

#[test]
fn blocks_are_read_as_they_are_written() {
    let all = Block::read("0.0.0.0/0").expect("a block");
    assert!(all.is_everything());
    assert!(!Block::read("10.0.0.0/8").expect("a block").is_everything());
    assert!(Block::read("::/0").expect("a block").is_everything());
    assert_eq!(Block::read("10.1.2.3/8"), Block::read("10.0.0.0/8"));
    for bad in [
        "",
        "10.0.0.0/33",
        "::/129",
        "10.0.0/8",
        "a",
        "10.0.0.0/-1",
        "1.2.3.4/",
    ] {
        assert_eq!(Block::read(bad), None, "{bad}");
    }
    assert_eq!(all.to_string(), "0.0.0.0/0");
    assert_eq!(
        Block::read("10.1.0.0/16").map(|b| b.to_string()).as_deref(),
        Some("10.1.0.0/16")
    );
}
