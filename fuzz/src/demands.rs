//! Demands on the network: lines of `seawall reach --assert`.

use crate::dice::hash;
use crate::{Target, corpus, news};
use seawall_assessment::reach::{Assertion, check};
use seawall_model::SourceMap;
use seawall_sources::load::load_embedded;
use seawall_sources::memory::Memory;
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

/// See the module.
pub const TARGET: Target = Target {
    name: "demands",
    corpus: || corpus::seeds("demands"),
    dictionary: &[
        "deny from ", "allow from ", " to ", " on ", "internet", "node", "shop/", "shop/web",
        "shop/cart", "data/db", "old/batch", "app=web", "app in (web, db)", "!app", "app!=web",
        "10.0.0.0/8", "10.0.0.1", "2001:db8::1", "5432", "udp/53", "53/udp", "tcp/0", "tcp/65536",
        "sctp/1", "*", "/", "//", "=", "\u{202e}", "\u{0}", "\n", "  ", "\t", "#",
    ],
    run,
};

/// A world with members of every mesh, and one outside.
const WORLD: &str = include_str!("../../tests/e2e/least/mixed/world.yaml");
/// Demands of an input that are tried.
const MOST: usize = 20;

fn run(input: &[u8], features: &mut HashSet<u64>) {
    let mut demands = Vec::new();
    for line in String::from_utf8_lossy(input).lines() {
        match Assertion::read(line) {
            Ok(demand) => demands.push(demand),
            Err(reason) => {
                assert!(!reason.is_empty());
                features.insert(hash(news::words(&reason).as_bytes()));
            }
        }
    }
    let map = Arc::new(SourceMap::new());
    let world = [("world.yaml".to_owned(), Cow::Borrowed(WORLD.as_bytes()))];
    let Ok(loaded) = load_embedded(Memory::new(world), &map) else {
        panic!("the world is read");
    };
    for demand in demands.into_iter().take(MOST) {
        let demand = std::slice::from_ref(&demand);
        let Ok(checked) = check(&loaded.snapshot, demand) else {
            features.insert(1);
            continue;
        };
        assert_eq!(checked.len(), 1);
        for one in &checked {
            assert!(one.tried > 0, "nobody was there to try: {}", one.text);
            // What is written down again says the same.
            let Ok(again) = Assertion::read(&one.text) else {
                panic!("not read again: {}", one.text);
            };
            let Ok(again) = check(&loaded.snapshot, &[again]) else {
                panic!("not found again: {}", one.text);
            };
            let holds = again.iter().all(|again| again.witness.is_none());
            assert_eq!(holds, one.witness.is_none(), "{}", one.text);
            let form = (one.tried.min(20), one.witness.is_some(), one.certificate.len());
            features.insert(hash(format!("{form:?}").as_bytes()));
        }
    }
}
