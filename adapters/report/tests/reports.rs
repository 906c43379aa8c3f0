//! Every format over the same hand-made answers, compared with `tests/expected`.
//! `UPDATE_EXPECT=1 cargo test -p seawall-report` rewrites the expected files: look at the
//! difference before committing it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod common;
#[path = "common/schema.rs"]
mod schema;

use common::{Fixture, full, hostile};
use seawall_report::{Display, Format, saved};
use std::path::Path;

fn expect(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/expected")
        .join(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    for (at, (e, a)) in expected.lines().zip(actual.lines()).enumerate() {
        assert_eq!(e, a, "{name}, line {}", at + 1);
    }
    assert_eq!(expected, actual, "{name}");
}

#[test]
fn terminal() {
    let fixture = full();
    for width in [80, 160] {
        let display = Display {
            width,
            ..Display::default()
        };
        expect(
            &format!("terminal-{width}.txt"),
            &fixture.render(Format::Terminal, &display),
        );
    }
    for (name, display) in [
        (
            "terminal-color.txt",
            Display {
                color: true,
                hyperlinks: false,
                ..Display::default()
            },
        ),
        (
            "terminal-v.txt",
            Display {
                verbose: 1,
                ..Display::default()
            },
        ),
        (
            "terminal-vv.txt",
            Display {
                verbose: 2,
                ..Display::default()
            },
        ),
        (
            "terminal-high.txt",
            Display {
                severity: seawall_model::Severity::High,
                ..Display::default()
            },
        ),
        (
            "terminal-quiet.txt",
            Display {
                quiet: true,
                ..Display::default()
            },
        ),
    ] {
        expect(name, &fixture.render(Format::Terminal, &display));
    }
    expect(
        "terminal-empty.txt",
        &Fixture::empty().render(Format::Terminal, &Display::default()),
    );
}

#[test]
fn the_terminal_report_fits_width_and_screen() {
    let plain = full().render(Format::Terminal, &Display::default());
    // One of everything, with a framework: as much as one screen has to hold.
    assert!(plain.lines().count() <= 50, "{}", plain.lines().count());
    let mut simple = full();
    simple.assessment.frameworks.clear();
    simple.assessment.suppression_notices.clear();
    simple.assessment.suppressed.clear();
    simple.assessment.coverage.gaps.truncate(1);
    let plain = simple.render(Format::Terminal, &Display::default());
    assert!(plain.lines().count() <= 44, "{}", plain.lines().count());
    for width in [60, 80, 100, 160, 1000] {
        for fixture in [full(), hostile(), Fixture::empty()] {
            for verbose in 0..3 {
                let display = Display {
                    width,
                    verbose,
                    ..Display::default()
                };
                let text = fixture.render(Format::Terminal, &display);
                for line in text.lines() {
                    let used = unicode_width::UnicodeWidthStr::width(line);
                    assert!(used <= width, "{used} columns of {width}: {line}");
                    assert_eq!(line, line.trim_end(), "blanks at the end");
                }
            }
        }
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    let color = Display {
        color: true,
        hyperlinks: true,
        verbose: 2,
        ..Display::default()
    };
    let painted = full().render(Format::Terminal, &color);
    assert!(painted.contains("\x1b[1;97;41m CRITICAL \x1b[0m"));
    assert!(painted.contains("\x1b]8;;file:///"));
    let mut plain = String::new();
    let mut rest = painted.as_str();
    while let Some(at) = rest.find('\x1b') {
        plain += &rest[..at];
        rest = &rest[at + 1..];
        let end = if rest.starts_with(']') {
            rest.find("\x1b\\").unwrap() + 2
        } else {
            rest.find('m').unwrap() + 1
        };
        rest = &rest[end..];
    }
    plain += rest;
    let without = Display {
        color: false,
        hyperlinks: false,
        ..color
    };
    assert_eq!(plain, full().render(Format::Terminal, &without));
}

#[test]
fn json() {
    let schema = include_str!("../../../schema/seawall-report-v1.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    for (name, fixture) in [
        ("full", full()),
        ("hostile", hostile()),
        ("empty", Fixture::empty()),
    ] {
        let text = fixture.render(Format::Json, &Display::default());
        let value = serde_json::from_str(&text).unwrap();
        let errors = schema::validate(&schema, &value);
        assert!(errors.is_empty(), "{name}: {errors:#?}");

        let report = saved::read(text.as_bytes()).unwrap();
        assert_eq!(report.schema, saved::SCHEMA);
        assert_eq!(report.findings.len(), fixture.assessment.findings.len());
        // The types that are read are the ones that are written, field by field.
        let again: serde_json::Value = serde_json::to_value(&report).unwrap();
        assert_eq!(again, value, "{name}");

        let vague = Display {
            severity: seawall_model::Severity::Critical,
            quiet: true,
            color: true,
            ..Display::default()
        };
        assert_eq!(
            text,
            fixture.render(Format::Json, &vague),
            "display changes no machine format"
        );
    }
    expect(
        "full.json",
        &full().render(Format::Json, &Display::default()),
    );
}

#[test]
fn the_validator_notices() {
    let schema = include_str!("../../../schema/seawall-report-v1.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let good = full().render(Format::Json, &Display::default());
    for (from, to) in [
        ("\"severity\":\"high\"", "\"severity\":\"huge\""),
        ("\"exitCode\":1", "\"exitCode\":2"),
        ("\"endByte\":", "\"lastByte\":"),
        ("\"type\":\"resource\"", "\"type\":\"thing\""),
    ] {
        let from = if good.contains(from) {
            from.to_owned()
        } else {
            from.replace(':', ": ")
        };
        assert!(good.contains(&from), "{from}");
        let bad = serde_json::from_str(&good.replacen(&from, to, 1)).unwrap();
        assert!(!schema::validate(&schema, &bad).is_empty(), "{to}");
    }
}

#[test]
fn no_report_shows_a_secret_or_lets_control_characters_through() {
    for format in Format::ALL {
        let display = Display {
            verbose: 2,
            ..Display::default()
        };
        let text = full().render(format, &display);
        assert!(!text.contains("correct-horse-battery"), "{format}");
        assert!(!text.contains("hunter2"), "{format}");
        let text = hostile().render(format, &display);
        let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r');
        let found: Vec<char> = text.chars().filter(|c| odd(*c)).collect();
        // JSON escapes C0 by itself; what is above is data there.
        let found: Vec<_> = found
            .into_iter()
            .filter(|c| !matches!(format, Format::Json | Format::Sarif) || *c < ' ')
            .collect();
        assert!(found.is_empty(), "{format}: {found:?}");
    }
}
