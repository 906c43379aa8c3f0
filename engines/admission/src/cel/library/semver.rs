//! Semantic versions: `semver("1.2.3")`. Their order is in `quantity`, which has the same
//! names for amounts.

use super::Entry;
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::{Eval, fault};
use crate::cel::value::{Opaque, Value};
use std::cmp::Ordering;

/// A semantic version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Semver {
    numbers: [u64; 3],
    pre: Vec<String>,
    build: Vec<String>,
}

pub(super) const FUNCTIONS: &[Entry] = &[
    ("semver", false, 1, 2, of),
    ("isSemver", false, 1, 2, is),
    ("major", true, 1, 1, |_, args| number(args, 0)),
    ("minor", true, 1, 1, |_, args| number(args, 1)),
    ("patch", true, 1, 1, |_, args| number(args, 2)),
];

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn has_leading_zero(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0')
}

impl Semver {
    fn parse(text: &str) -> Option<Self> {
        let (text, build) = match text.split_once('+') {
            Some((text, build)) => (text, Some(build)),
            None => (text, None),
        };
        let (core, pre) = match text.split_once('-') {
            Some((core, pre)) => (core, Some(pre)),
            None => (text, None),
        };
        let mut numbers = [0; 3];
        let mut parts = core.split('.');
        for number in &mut numbers {
            let part = parts.next()?;
            if !is_number(part) || has_leading_zero(part) {
                return None;
            }
            *number = part.parse().ok()?;
        }
        if parts.next().is_some() {
            return None;
        }
        let words = |text: Option<&str>| -> Vec<String> {
            text.map(|text| text.split('.').map(str::to_owned).collect())
                .unwrap_or_default()
        };
        let (pre, build) = (words(pre), words(build));
        let is_valid = pre.iter().chain(&build).all(|word| is_identifier(word))
            && !pre
                .iter()
                .any(|word| is_number(word) && has_leading_zero(word));
        is_valid.then_some(Self {
            numbers,
            pre,
            build,
        })
    }

    /// `v1.2` and `01.2.3`, too.
    fn normalized(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let mut parts: Vec<String> = text.splitn(3, '.').map(str::to_owned).collect();
        for part in &mut parts {
            if part.len() > 1 {
                let trimmed = part.trim_start_matches('0');
                *part = if trimmed.starts_with(|c: char| c.is_ascii_digit()) {
                    trimmed.to_owned()
                } else {
                    format!("0{trimmed}")
                };
            }
        }
        if parts.len() < 3 && parts.last().is_some_and(|last| last.contains(['+', '-'])) {
            return None;
        }
        parts.resize(3, "0".to_owned());
        Self::parse(&parts.join("."))
    }
}

/// The order of versions; what was built how does not count.
pub(super) fn compare(a: &Semver, b: &Semver) -> Ordering {
    a.numbers.cmp(&b.numbers).then_with(|| {
        match (a.pre.is_empty(), b.pre.is_empty()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {}
        }
        for (a, b) in a.pre.iter().zip(&b.pre) {
            let order = match (is_number(a), is_number(b)) {
                (true, true) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => a.cmp(b),
            };
            if order.is_ne() {
                return order;
            }
        }
        a.pre.len().cmp(&b.pre.len())
    })
}

/// The version as it is written.
pub(super) fn shown(version: &Semver) -> String {
    let [major, minor, patch] = version.numbers;
    let mut text = format!("{major}.{minor}.{patch}");
    if !version.pre.is_empty() {
        text.push('-');
        text.push_str(&version.pre.join("."));
    }
    if !version.build.is_empty() {
        text.push('+');
        text.push_str(&version.build.join("."));
    }
    text
}

fn read(machine: &mut Machine<'_>, name: &str, args: &[Value]) -> Eval<Option<Semver>> {
    let (text, normalize) = match args {
        [Value::String(text)] => (text, false),
        [Value::String(text), Value::Bool(normalize)] => (text, *normalize),
        _ => return mismatch(name, args),
    };
    machine.charge(text.len() / 10)?;
    Ok(if normalize {
        Semver::normalized(text)
    } else {
        Semver::parse(text)
    })
}

fn of(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match read(machine, "semver", args)? {
        Some(version) => Ok(Value::opaque(Opaque::Semver(version))),
        None => Err(fault("not a semantic version")),
    }
}

fn is(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    Ok(Value::Bool(read(machine, "isSemver", args)?.is_some()))
}

fn number(args: &[Value], index: usize) -> Eval<Value> {
    let found = match args {
        [Value::Opaque(opaque)] => match &**opaque {
            Opaque::Semver(version) => version.numbers.get(index),
            _ => None,
        },
        _ => None,
    };
    match found {
        Some(number) => Ok(Value::Int(number.cast_signed())),
        None => mismatch("a number of a version", args),
    }
}
