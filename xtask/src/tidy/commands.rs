//! The first two commands of the README work, and CI runs its test command.

use crate::house::House;
use crate::note::Note;

const CHECK: &str = "commands";
const README: &str = "README.md";
const CI: &str = ".ci/run";
/// Without it a plain `cargo run` asks back: xtask is a binary too.
const DEFAULT: &str = "default-members = [\"cli\"]";

pub(super) fn check(house: &House) -> Vec<Note> {
    let blocks = blocks(house.text(README));
    let mut notes = Vec::new();
    let mut expect = |number: usize, start: &str, what: &str| {
        let first = blocks.get(number).and_then(|block| block.commands.first());
        let found = first.filter(|command| command.starts_with(start)).copied();
        if found.is_none() {
            let line = blocks.get(number).map_or(0, |block| block.line);
            let text = format!("code block {} has to {what}: `{start} …`", number + 1);
            notes.push(Note::new(CHECK, README, line, text));
        }
        found
    };
    expect(0, "cargo run ", "do the main job");
    let test = expect(1, "cargo test ", "run the tests");
    if let Some(test) = test
        && !house.text(CI).lines().any(|line| line == test)
    {
        let text = format!("does not run the README's test command, add the line `{test}`");
        notes.push(Note::new(CHECK, CI, 0, text));
    }
    if !house.text("Cargo.toml").lines().any(|line| line == DEFAULT) {
        let text = format!("`cargo run` does not know which binary is meant, add `{DEFAULT}`");
        notes.push(Note::new(CHECK, "Cargo.toml", 0, text));
    }
    for block in &blocks {
        for command in &block.commands {
            for path in paths(command).filter(|path| !house.has(path)) {
                let text = format!("`{command}` names {path}, which is not there; correct it");
                notes.push(Note::new(CHECK, README, block.line, text));
            }
        }
    }
    notes
}

/// A code block for a shell.
struct Block<'a> {
    line: usize,
    commands: Vec<&'a str>,
}

/// The blocks marked `sh`, and the commands after `$ ` in those marked `console`.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, Block<'_>)> = None;
    for (number, line) in text.lines().enumerate() {
        if let Some(mark) = line.strip_prefix("```") {
            open = match open.take() {
                Some((_, block)) => {
                    blocks.push(block);
                    None
                }
                None => Some((
                    mark,
                    Block {
                        line: number + 1,
                        commands: Vec::new(),
                    },
                )),
            };
        } else if let Some((mark, block)) = &mut open {
            let command = match *mark {
                "sh" => Some(line),
                "console" => line.strip_prefix("$ "),
                _ => None,
            };
            block
                .commands
                .extend(command.filter(|line| !line.is_empty() && !line.starts_with('#')));
        }
    }
    blocks.retain(|block| !block.commands.is_empty());
    blocks
}

/// Words that are paths into the examples.
fn paths(command: &str) -> impl Iterator<Item = &str> {
    let words = command
        .split_whitespace()
        .map(|word| word.rsplit('=').next().unwrap_or(word));
    words
        .filter(|word| word.starts_with("examples/"))
        .map(|word| word.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::made_up::house;

    const GOOD: &str = "```sh\ncargo run --release -- scan examples/\n```\n\n```sh\ncargo test --workspace\n```\n\n```console\n$ seawall scan examples/shop\n1 finding\n```\n";
    const RUN: &str = "set -e\ncargo test --workspace\n";

    fn notes(readme: &str, ci: &str) -> Vec<String> {
        let files = [
            (README, readme),
            (CI, ci),
            ("Cargo.toml", DEFAULT),
            ("examples/shop/a.yaml", ""),
        ];
        check(&house(&files))
            .into_iter()
            .map(|note| note.text)
            .collect()
    }

    #[test]
    fn good_is_silent() {
        assert_eq!(notes(GOOD, RUN), Vec::<String>::new());
    }

    #[test]
    fn the_first_two_commands_are_asked_for() {
        assert_eq!(notes("nothing\n", RUN).len(), 2);
        assert_eq!(notes(&GOOD.replace("cargo run", "make run"), RUN).len(), 1);
    }

    #[test]
    fn ci_runs_the_very_line() {
        assert_eq!(notes(GOOD, "cargo test --workspace --locked\n").len(), 1);
        assert_eq!(notes(GOOD, "# cargo test --workspace\n").len(), 1);
    }

    #[test]
    fn cargo_run_means_seawall() {
        let files = [
            (README, GOOD),
            (CI, RUN),
            ("Cargo.toml", ""),
            ("examples/shop/a.yaml", ""),
        ];
        assert_eq!(check(&house(&files)).len(), 1);
    }

    #[test]
    fn paths_have_to_be_there() {
        assert_eq!(
            notes(&GOOD.replace("examples/shop", "examples/none"), RUN).len(),
            1
        );
    }
}
