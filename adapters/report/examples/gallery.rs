//! Shows the hand-made answer of the tests in one format:
//! `cargo run -p seawall-report --example gallery -- terminal 80 color vv`.
#![allow(clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use seawall_report::{Display, Format};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut display = Display::default();
    let mut format = Format::Terminal;
    let mut fixture = common::full();
    for word in &words {
        match word.as_str() {
            "color" => display.color = true,
            "links" => display.hyperlinks = true,
            "quiet" => display.quiet = true,
            "v" => display.verbose = 1,
            "vv" => display.verbose = 2,
            "hostile" => fixture = common::hostile(),
            "empty" => fixture = common::Fixture::empty(),
            "noframe" => fixture.assessment.frameworks.clear(),
            other => match other.parse() {
                Ok(width) => display.width = width,
                Err(_) => {
                    format = other
                        .parse()
                        .or_else(|_| {
                            other.parse().map(|severity| {
                                display.severity = severity;
                                format
                            })
                        })
                        .unwrap();
                }
            },
        }
    }
    let mut out = std::io::stdout().lock();
    seawall_report::write(format, &fixture.context(&display), &mut out).unwrap();
}
