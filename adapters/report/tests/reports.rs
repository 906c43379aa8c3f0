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
use seawall_assessment::Baseline;
use seawall_model::Severity::{Critical, High};
use seawall_report::explain::{self, LookupError};
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
                severity: High,
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
            severity: Critical,
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
fn sarif() {
    let text = full().render(Format::Sarif, &Display::default());
    expect("full.sarif", &text);
    for fixture in [full(), hostile(), Fixture::empty()] {
        let text = fixture.render(Format::Sarif, &Display::default());
        let log: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let results = run["results"].as_array().unwrap();
        let all = fixture.assessment.findings.len() + fixture.assessment.suppressed.len();
        assert_eq!(results.len(), all);
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
            assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
            let id = result["partialFingerprints"]["seawallFinding/v1"]
                .as_str()
                .unwrap();
            assert_eq!(id.len(), 32);
            let places = result["locations"].as_array().unwrap().iter();
            let related = result["relatedLocations"].as_array().into_iter().flatten();
            for place in places
                .chain(related)
                .filter_map(|l| l.get("physicalLocation"))
            {
                let uri = place["artifactLocation"]["uri"].as_str().unwrap();
                let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/%+=@,".contains(&b);
                assert!(uri.bytes().all(plain), "{uri}");
                assert_eq!(place["artifactLocation"]["uriBaseId"], "SRCROOT");
                if let Some(region) = place.get("region").filter(|r| r.get("endLine").is_some()) {
                    let at = |l: &str, c: &str| (region[l].as_u64(), region[c].as_u64());
                    assert!(at("startLine", "startColumn") < at("endLine", "endColumn"));
                }
            }
        }
        let accepted = results
            .iter()
            .filter(|result| result.get("suppressions").is_some());
        assert_eq!(accepted.count(), fixture.assessment.suppressed.len());
        let gaps = run["invocations"][0]["toolExecutionNotifications"]
            .as_array()
            .unwrap();
        assert_eq!(gaps.len(), fixture.assessment.coverage.gaps.len());
    }
}

#[test]
fn junit() {
    let text = full().render(Format::Junit, &Display::default());
    expect("full.junit.xml", &text);
    for fixture in [full(), hostile(), Fixture::empty()] {
        let text = fixture.render(Format::Junit, &Display::default());
        assert_eq!(
            text.matches("<failure").count(),
            fixture.assessment.findings.len()
        );
        assert_eq!(
            text.matches("<testcase").count(),
            text.matches("</testcase>").count() + text.matches("time=\"0\"/>").count()
        );
        // Outside of tags and entities no markup is left.
        assert!(!text.contains("<script") && !text.contains("]]>"));
    }
}

#[test]
fn csv() {
    expect("full.csv", &full().render(Format::Csv, &Display::default()));
    let text = hostile().render(Format::Csv, &Display::default());
    // Header, three findings, one accepted; hostile line ends make no further lines.
    assert_eq!(text.lines().count(), 5);
    assert!(!text.contains(",=cmd") && !text.contains("\n="));
}

#[test]
fn markdown() {
    let text = full().render(Format::Markdown, &Display::default());
    expect("full.md", &text);
    let text = hostile().render(Format::Markdown, &Display::default());
    // Whatever is not inside a code span or block.
    let mut outside = String::new();
    let mut block = false;
    for line in text.lines() {
        block ^= line.starts_with("```");
        if !block {
            let parts = line.split("``").enumerate().filter(|(at, _)| at % 2 == 0);
            parts.for_each(|(_, part)| outside += part);
        }
    }
    let outside: String = outside.split("`<script>alert(1)</script>`").collect();
    for bad in ["<script", " [x](", "@team", "http://"] {
        assert!(!outside.contains(bad), "{bad} in {outside}");
    }
}

#[test]
fn markdown_is_never_longer_than_a_comment() {
    let mut fixture = full();
    let one = fixture.assessment.findings[1].clone();
    fixture.assessment.findings = (0..5000)
        .map(|n| {
            let mut finding = one.clone();
            finding.rule = seawall_model::RuleId(format!("R{n}").into());
            finding.message = "x".repeat(2000).into();
            finding
        })
        .collect();
    let gap = fixture.assessment.coverage.gaps[0].clone();
    fixture.assessment.coverage.gaps = vec![
        seawall_model::Gap {
            reason: "y".repeat(9000),
            ..gap
        };
        50
    ];
    let text = fixture.render(Format::Markdown, &Display::default());
    assert!(text.chars().count() < 65_000, "{}", text.chars().count());
    assert!(text.contains("Cut to the length of a comment"));
}

#[test]
fn html() {
    let text = full().render(Format::Html, &Display::default());
    expect("full.html", &text);
    for fixture in [full(), hostile(), Fixture::empty()] {
        let text = fixture.render(Format::Html, &Display::default());
        assert_eq!(text.matches("<script").count(), 1, "only its own");
        for bad in [
            "src=",
            "href=\"http",
            "url(",
            "@import",
            " style=",
            " onclick",
            "<link",
            "<img",
        ] {
            assert!(!text.contains(bad), "{bad}");
        }
        for (open, close) in [
            ("<details", "</details>"),
            ("<div", "</div>"),
            ("<article", "</article>"),
            ("<p", "</p>"),
            ("<pre", "</pre>"),
            ("<span", "</span>"),
        ] {
            let opened = text
                .match_indices(open)
                .filter(|(at, _)| text[at + open.len()..].starts_with([' ', '>']))
                .count();
            assert_eq!(opened, text.matches(close).count(), "{open}");
        }
    }
}

#[test]
fn explaining() {
    let fixture = full();
    let display = Display::default();
    let context = fixture.context(&display);
    let mut out = Vec::new();
    explain::rule(&fixture.rules[0], &display, &mut out).unwrap();
    out.push(b'\n');
    out.extend(explain::markdown(&fixture.rules[0]).into_bytes());
    for id in ["9a01bf74", "2FD22C22E405"] {
        let found = explain::find(&context, id).unwrap();
        out.push(b'\n');
        explain::finding(found, &context, &mut out).unwrap();
        out.push(b'\n');
        out.extend(explain::finding_markdown(found, &context).into_bytes());
    }
    expect("explain.txt", &String::from_utf8(out).unwrap());
    assert_eq!(explain::find(&context, "W01"), Err(LookupError::NotAnId));
    assert_eq!(
        explain::find(&context, "ffffffff"),
        Err(LookupError::Unknown)
    );
}

#[test]
fn the_catalogue_is_json() {
    let mut out = Vec::new();
    seawall_report::catalogue(&full().rules, &mut out).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let schema = include_str!("../../../schema/seawall-report-v1.json");
    let mut schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let rules = schema["properties"]["rules"].clone();
    schema["properties"] = serde_json::json!({ "rules": rules });
    schema["required"] = serde_json::json!(["rules"]);
    let only = serde_json::json!({ "rules": value });
    assert_eq!(schema::validate(&schema, &only), Vec::<String>::new());
}

#[test]
fn the_worst_three_are_of_different_rules_and_assets() {
    let mut fixture = Fixture::empty();
    let at = seawall_model::Span::NONE;
    let one = |rule, severity, name: &str| {
        common::finding(
            rule,
            severity,
            common::deployment("a", name),
            "/x",
            at,
            rule,
            "",
        )
    };
    fixture.assessment.findings = vec![
        one("W01", Critical, "api"),
        one("W01", Critical, "web"),
        one("W06", Critical, "api"),
        one("W06", Critical, "web"),
        one("S01", High, "api"),
        one("S01", High, "web"),
    ];
    let text = fixture.render(Format::Terminal, &Display::default());
    let first: Vec<&str> = text
        .lines()
        .filter(|line| line.contains(" Deployment a/"))
        .collect();
    assert_eq!(first.len(), 3, "{text}");
    assert!(first[0].ends_with("W01 ×2"), "{text}");
    assert!(
        text.contains("… 3 more findings of the rules above"),
        "{text}"
    );
    assert!(first[0].contains("a/api: W01"), "{text}");
    assert!(first[1].contains("a/web: W06"), "{text}");
    assert!(first[2].contains("a/api: S01"), "{text}");
}

#[test]
fn files_are_written_whole() {
    let fixture = full();
    let display = Display::default();
    let path = std::env::temp_dir().join(format!("seawall-report-{}.json", std::process::id()));
    seawall_report::write_file(Format::Json, &fixture.context(&display), &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(saved::read(&bytes).unwrap().findings.len(), 11);
    let nowhere = path.join("below/a/file");
    let error = seawall_report::write_file(Format::Json, &fixture.context(&display), &nowhere);
    assert!(error.unwrap_err().to_string().contains("below/a/file"));
}

/// The full fixture as an answer to an earlier one, which knew some of its findings, one of
/// them as less severe, and some that are gone.
fn compared() -> Fixture {
    let mut fixture = full();
    let map = &fixture.map;
    let mut before = Baseline::of("main".to_owned(), &fixture.assessment, map);
    before.findings.remove(0);
    before.findings[0].severity = seawall_model::Severity::Info;
    before.percent = Some(97.0);
    before.gaps[0].reason = String::from("another reason");
    for (at, file) in [(1, "deploy/名前.yaml"), (2, "deploy/web.yaml")] {
        let mut gone = before.findings[at].clone();
        gone.id.0[0] ^= 1;
        gone.file = String::from(file);
        before.findings.push(gone);
    }
    let config = seawall_assessment::Config {
        fail_on: seawall_assessment::FailOn {
            severity: Some(High),
            path: false,
        },
        baseline: Some(before),
        ..Default::default()
    };
    fixture.assessment.decide(&config);
    fixture
}

#[test]
fn comparisons() {
    let fixture = compared();
    let display = Display::default();
    for (name, format) in [
        ("compared.txt", Format::Terminal),
        ("compared.md", Format::Markdown),
        ("compared.github.txt", Format::Github),
        ("compared.gitlab.json", Format::Gitlab),
        ("compared.csv", Format::Csv),
    ] {
        expect(name, &fixture.render(format, &display));
    }
    let html = fixture.render(Format::Html, &display);
    assert!(html.contains("<h2 id=\"comparison\">Since main</h2>"));
    let sarif: serde_json::Value =
        serde_json::from_str(&fixture.render(Format::Sarif, &display)).unwrap();
    let states: Vec<_> = sarif["runs"][0]["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|result| result["baselineState"].as_str())
        .collect();
    assert_eq!(states.iter().filter(|state| **state == "new").count(), 1);
    assert_eq!(
        states.iter().filter(|state| **state == "updated").count(),
        1
    );
    let junit = fixture.render(Format::Junit, &display);
    assert!(junit.contains("failures=\"2\""), "{junit}");

    // What is saved can be compared again, and then nothing is new.
    let text = fixture.render(Format::Json, &display);
    let schema = include_str!("../../../schema/seawall-report-v1.json");
    let errors = schema::validate(
        &serde_json::from_str(schema).unwrap(),
        &serde_json::from_str(&text).unwrap(),
    );
    assert!(errors.is_empty(), "{errors:#?}");
    let report = saved::read(text.as_bytes()).unwrap();
    let map = seawall_model::SourceMap::new();
    let mut again = seawall_report::restore(&report, &map);
    let before = seawall_report::baseline("before".to_owned(), &report);
    assert_eq!(
        Baseline::of("before".to_owned(), &again, &map).findings,
        before.findings
    );
    again.decide(&seawall_assessment::Config {
        baseline: Some(before),
        ..Default::default()
    });
    let comparison = again.comparison.unwrap();
    assert_eq!(comparison.counts().unchanged, again.findings.len());
    assert!(comparison.gone.is_empty() && comparison.new_gaps.is_empty());
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
