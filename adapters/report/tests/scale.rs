//! How long 100,000 findings take, by format:
//! `cargo test --release -p seawall-report --test scale -- --ignored --nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod common;

use common::{Fixture, deployment, finding};
use seawall_model::{CauseId, Severity, Span};
use seawall_report::{Display, Format, saved};
use std::time::Instant;

const FINDINGS: u32 = 100_000;
const FILES: u32 = 2_000;

fn many() -> Fixture {
    let mut fixture = Fixture::empty();
    let object = include_str!("sources/deploy/api.yaml").replace("---\n", "");
    let text = format!("{object}---\n").repeat(6);
    let unit = u32::try_from(text.len() / 6).unwrap();
    let lines = u32::try_from(object.lines().count() + 1).unwrap();
    let at = u32::try_from(object.find("privileged: yes").unwrap()).unwrap() + 12;
    let line = u32::try_from(object[..at as usize].lines().count()).unwrap();
    let files: Vec<_> = (0..FILES)
        .map(|n| fixture.text(&format!("dir/sub/{n}.yaml"), &text))
        .collect();
    fixture.assessment.findings = (0..FINDINGS)
        .map(|n| {
            let copy = n % 6;
            let span = Span {
                // Ranked findings jump from file to file.
                file: files[(n * 7919 % FILES) as usize],
                start: unit * copy + at,
                end: unit * copy + at + 3,
                line: line + lines * copy,
                column: 25,
                cause: CauseId::NONE,
            };
            let rule = ["W01", "W02", "W12", "R01"][(n % 4) as usize];
            let asset = deployment("payments", &format!("api-{n}"));
            let path = "/spec/template/spec/containers[app]/securityContext/privileged";
            finding(
                rule,
                Severity::High,
                asset,
                path,
                span,
                "container app runs privileged",
                "set it to false",
            )
        })
        .collect();
    fixture.assessment.coverage.looked_at = 1;
    fixture
}

#[test]
#[ignore = "measures; run it in release"]
fn one_hundred_thousand_findings() {
    let fixture = many();
    for format in Format::ALL {
        for verbose in [0, 2] {
            if verbose > 0 && format != Format::Terminal {
                continue;
            }
            let display = Display {
                verbose,
                ..Display::default()
            };
            let start = Instant::now();
            let text = fixture.render(format, &display);
            println!(
                "{format:>8} -v{verbose} {:>5} ms {:>10} bytes",
                start.elapsed().as_millis(),
                text.len()
            );
            if format == Format::Json {
                let start = Instant::now();
                let read = saved::read(text.as_bytes()).unwrap();
                assert_eq!(read.findings.len(), FINDINGS as usize);
                println!("    read      {:>5} ms", start.elapsed().as_millis());
            }
        }
    }
}
