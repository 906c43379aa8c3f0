//! Chores of the house, started with `cargo xtask`.
//!
//! `tidy` holds the invariants of `ARCHITECTURE.md`: it reads `cargo metadata` and the files
//! of the repository, and says in one line each what breaks the house and what to do. The
//! same checks run as a test of this package, so that `cargo test` holds them too.

mod exceptions;
mod house;
mod lexer;
mod note;
mod paths;
mod tidy;

use house::House;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  tidy   check the invariants of the house (ARCHITECTURE.md)
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["tidy"] => tell_tidy(),
        [] | ["help" | "-h" | "--help"] => say(USAGE, ExitCode::SUCCESS),
        [unknown, ..] => {
            let text = format!("no command or option `{unknown}`\n\n{USAGE}");
            say(&text, ExitCode::from(2))
        }
    }
}

fn tell_tidy() -> ExitCode {
    let house = match House::load() {
        Ok(house) => house,
        Err(error) => {
            return say(
                &format!("cannot read the house: {error}\n"),
                ExitCode::from(2),
            );
        }
    };
    let notes = tidy::check(&house);
    let mut text = String::new();
    for note in &notes {
        let _ = writeln!(text, "{note}");
    }
    let code = if notes.is_empty() {
        text.push_str("tidy\n");
        ExitCode::SUCCESS
    } else {
        let _ = writeln!(text, "\n{} to put right", notes.len());
        ExitCode::FAILURE
    };
    say(&text, code)
}

/// Prints; a reader that has gone away is no error.
fn say(text: &str, code: ExitCode) -> ExitCode {
    let _ = io::stdout().lock().write_all(text.as_bytes());
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_is_tidy() {
        let house = House::load().unwrap();
        let notes = tidy::check(&house);
        let text: Vec<String> = notes.iter().map(ToString::to_string).collect();
        assert!(notes.is_empty(), "\n{}\n", text.join("\n"));
    }

    #[test]
    fn the_real_house_is_seen() {
        // A check that sees nothing passes always.
        let house = House::load().unwrap();
        assert!(
            house
                .packages
                .iter()
                .any(|package| package.dir == "core/model")
        );
        assert!(
            house
                .rust
                .iter()
                .any(|source| source.path == "core/model/src/lib.rs")
        );
        assert!(house.files.contains_key("Cargo.toml"));
        assert!(!house.files.keys().any(|path| path.starts_with("target/")));
    }
}
