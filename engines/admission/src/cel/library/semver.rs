//! Semantic versions: `semver("1.2.3")`. Their order is in `quantity`, which has the same
//! names for amounts.

use super::Entry;
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::{Eval, fault};
use crate::cel::value::{Opaque, Value};
use std::cmp::Ordering;

/// A semantic version. What was built how does not make another version.
#[derive(Debug, Clone)]
pub struct Semver(pub(super) semver::Version);

impl PartialEq for Semver {
    fn eq(&self, other: &Self) -> bool {
        self.0.cmp_precedence(&other.0).is_eq()
    }
}

impl Eq for Semver {}

pub(super) const FUNCTIONS: &[Entry] = &[
    ("semver", false, 1, 2, of),
    ("isSemver", false, 1, 2, is),
    ("major", true, 1, 1, |_, args| {
        number(args, |version| version.major)
    }),
    ("minor", true, 1, 1, |_, args| {
        number(args, |version| version.minor)
    }),
    ("patch", true, 1, 1, |_, args| {
        number(args, |version| version.patch)
    }),
];

impl Semver {
    fn parse(text: &str) -> Option<Self> {
        semver::Version::parse(text).ok().map(Self)
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

/// The order of versions.
pub(super) fn compare(a: &Semver, b: &Semver) -> Ordering {
    a.0.cmp_precedence(&b.0)
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

fn number(args: &[Value], of: fn(&semver::Version) -> u64) -> Eval<Value> {
    if let [Value::Opaque(opaque)] = args
        && let Opaque::Semver(version) = &**opaque
    {
        return Ok(Value::Int(of(&version.0).cast_signed()));
    }
    mismatch("a number of a version", args)
}
