//! Reads a file and prints what Kubernetes would see: `cargo run --example dump FILE`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use seawall_model::FileId;
use seawall_yaml::{Limits, parse, to_json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path)?;
        let stream = parse(&text, FileId(1), &Limits::default());
        for document in &stream.documents {
            println!("{}", to_json(&document.root));
            for notice in &document.notices {
                println!(
                    "  notice {}:{} {:?} {}",
                    notice.span.line, notice.span.column, notice.kind, notice.text
                );
            }
        }
        for problem in &stream.problems {
            println!(
                "  problem {}:{} {}",
                problem.span.line, problem.span.column, problem.message
            );
        }
    }
    Ok(())
}
