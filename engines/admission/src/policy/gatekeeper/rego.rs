//! Programs in Rego: compiled once, run for each object.

use super::{calls, negation};
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, Value};
use std::num::NonZeroU32;
use std::time::Duration;

/// The longest program, in bytes, and how deep its brackets may nest: the parser's time
/// grows with the power of the depth.
const LONGEST: usize = 256 * 1024;
const DEEPEST: usize = 32;

/// How long a program may run on one object. Time, because the interpreter counts no steps.
const LONGEST_RUN: Duration = Duration::from_secs(1);

/// A program that tells violations.
#[derive(Debug, Clone)]
pub(super) struct Program {
    engine: Engine,
    rule: String,
    reads_inventory: bool,
}

/// Why a program can't run, and where: line and column from 1.
#[derive(Debug)]
pub(super) struct Wrong {
    /// Which of the libraries it is in; `None` for the program itself.
    pub(super) library: Option<usize>,
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) message: String,
}

impl Program {
    /// Reads a program with its libraries. `is_v1` tells the language's version.
    pub(super) fn compile(main: &str, libraries: &[&str], is_v1: bool) -> Result<Self, Wrong> {
        let all = std::iter::once((None, main));
        let libraries = libraries.iter().enumerate();
        let all: Vec<(Option<usize>, &str)> = all
            .chain(libraries.map(|(at, text)| (Some(at), *text)))
            .collect();
        for (library, text) in &all {
            bounded(text).map_err(|wrong| Wrong {
                library: *library,
                ..wrong
            })?;
        }
        let (engine, package) = engine_of(all.iter().copied(), is_v1)?;
        let modules = modules_of(&engine).map_err(|error| Wrong::told(None, &error))?;
        if let Some(call) = calls::recursion(&modules) {
            return Err(Wrong {
                library: call.library,
                line: call.line,
                column: call.column,
                message: format!("rules may not depend on themselves: {}", call.shown),
            });
        }
        let hoisted: Vec<Option<String>> = modules.iter().map(negation::hoisted).collect();
        let (engine, _) = if hoisted.iter().any(Option::is_some) {
            let texts = all.iter().zip(&hoisted);
            let texts = texts.map(|((at, text), new)| (*at, new.as_deref().unwrap_or(text)));
            engine_of(texts, is_v1)?
        } else {
            (engine, String::new())
        };
        let rule = format!("{package}.violation");
        let has_rule = engine
            .has_declared_rule_rooted_at("rego", "violation")
            .unwrap_or(false);
        if !has_rule {
            return Err(Wrong {
                library: None,
                line: 1,
                column: 1,
                message: "there is no rule `violation`, which would say what is wrong".to_owned(),
            });
        }
        Ok(Self {
            engine,
            rule,
            reads_inventory: main.contains("inventory"),
        })
    }

    /// Whether it may ask about other objects (`data.inventory`).
    pub(super) fn reads_inventory(&self) -> bool {
        self.reads_inventory
    }

    /// The program with what it may know about other objects.
    pub(super) fn with_inventory(&self, inventory: &Value) -> Result<Self, String> {
        let mut program = self.clone();
        let added = program.engine.add_data(inventory.clone());
        added.map_err(|error| one_line(&format!("{error:#}")))?;
        Ok(program)
    }

    /// The messages of the violations that it sees in an input.
    pub(super) fn violations(&mut self, input: Value) -> Result<Vec<String>, String> {
        self.engine.set_input(input);
        let result = self.engine.eval_rule(self.rule.clone());
        let _ = self.engine.take_prints();
        let result = result.map_err(|error| one_line(&format!("{error:#}")))?;
        let Ok(found) = result.as_set() else {
            return Ok(Vec::new());
        };
        let message = |violation: &Value| match &violation["msg"] {
            Value::String(text) => text.to_string(),
            _ => "the policy gives no message".to_owned(),
        };
        Ok(found.iter().map(message).collect())
    }
}

/// An interpreter with these texts, and the package of the first.
fn engine_of<'t>(
    texts: impl Iterator<Item = (Option<usize>, &'t str)>,
    is_v1: bool,
) -> Result<(Engine, String), Wrong> {
    let mut engine = Engine::new();
    engine.set_rego_v0(!is_v1);
    // As OPA has it: a function that fails has no value.
    engine.set_strict_builtin_errors(false);
    engine.set_gather_prints(true);
    engine.set_execution_timer_config(ExecutionTimerConfig {
        limit: LONGEST_RUN,
        check_interval: NonZeroU32::new(1_000).unwrap_or(NonZeroU32::MIN),
    });
    engine.clear_policy_length_config();
    let mut package = String::new();
    for (library, text) in texts {
        let name = library.map_or_else(|| "rego".to_owned(), |at| format!("libs {at}"));
        let added = engine
            .add_policy(name, text.to_owned())
            .map_err(|error| Wrong::told(library, &format!("{error:#}")))?;
        if library.is_none() {
            package = added;
        }
    }
    Ok((engine, package))
}

/// The syntax trees of what an interpreter was given, in that order.
fn modules_of(engine: &Engine) -> Result<Vec<serde_json::Value>, String> {
    let text = engine.get_ast_as_json().map_err(|e| format!("{e:#}"))?;
    serde_json::from_str(&text).map_err(|e| e.to_string())
}

impl Wrong {
    /// What the interpreter says: a place, a piece of the source, a message.
    fn told(library: Option<usize>, error: &str) -> Self {
        let place = error
            .lines()
            .find_map(|line| line.trim_start().strip_prefix("--> "));
        let mut numbers = place
            .unwrap_or_default()
            .rsplit(':')
            .map_while(|n| n.trim().parse::<u32>().ok());
        let column = numbers.next().unwrap_or(1);
        Self {
            library,
            line: numbers.next().unwrap_or(1),
            column,
            message: one_line(error),
        }
    }
}

/// The message of an error without the picture around it.
fn one_line(error: &str) -> String {
    let message = error
        .lines()
        .find_map(|line| line.trim().strip_prefix("error: "))
        .unwrap_or_else(|| error.lines().next().unwrap_or_default());
    message.trim().trim_end_matches('.').to_owned()
}

/// Refuses what the parser would take too long for.
fn bounded(text: &str) -> Result<(), Wrong> {
    let wrong = |line: usize, message: String| Wrong {
        library: None,
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: 1,
        message,
    };
    if text.len() > LONGEST {
        let message = format!("the program is longer than {} KiB", LONGEST / 1024);
        return Err(wrong(1, message));
    }
    let mut depth = 0_usize;
    for (number, line) in text.lines().enumerate() {
        for byte in line.bytes() {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEEPEST {
                let message = format!("brackets nest deeper than {DEEPEST}");
                return Err(wrong(number + 1, message));
            }
        }
    }
    Ok(())
}
