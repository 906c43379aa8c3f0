//! Semantic versions and ranges of them, as charts write them.
//!
//! Versions and their order are the `semver` crate's. Its ranges are Cargo's, though: they
//! know neither alternatives nor hyphens, and read `1.2` and pre-releases differently. Here
//! every condition becomes an interval in the order of versions. No version is smaller than
//! one with the pre-release `0`, so `1.3.0-0` is where everything that is 1.2 ends.

use super::error::Result as Run;
use super::funcs::Args;
use super::value::object::Object;
use super::value::{Data, UintKind, Value};
use semver::{BuildMetadata, Prerelease};
use std::cmp::Ordering;
use std::fmt;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::ops::RangeBounds as _;

/// Longest version and longest range that are read.
const MAX_VERSION: usize = 256;
const MAX_RANGE: usize = 512;

/// A version and how it was written.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    parsed: semver::Version,
    original: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parsed.fmt(f)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.parsed == other.parsed && self.original == other.original
    }
}

/// The order of versions alone; build metadata does not count.
#[derive(Debug, Clone)]
struct Point(semver::Version);

impl PartialEq for Point {
    fn eq(&self, other: &Self) -> bool {
        self.0.cmp_precedence(&other.0).is_eq()
    }
}

impl PartialOrd for Point {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.0.cmp_precedence(&other.0))
    }
}

/// Numbers of which the last may be missing or wildcards, and what follows them.
struct Pattern {
    numbers: [Option<u64>; 3],
    pre: Prerelease,
    metadata: BuildMetadata,
}

impl Pattern {
    /// Reads a whole text; nothing when it is no version at all.
    fn parse(text: &str, wildcards: bool) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (text, metadata) = text
            .split_once('+')
            .map_or((text, None), |(a, b)| (a, Some(b)));
        let (core, pre) = text
            .split_once('-')
            .map_or((text, None), |(a, b)| (a, Some(b)));
        let given = |text: Option<&str>| text.is_none_or(|text| !text.is_empty());
        if !given(pre) || !given(metadata) {
            return None;
        }
        let mut numbers = [None; 3];
        let mut known = true;
        let mut parts = core.split('.');
        for number in &mut numbers {
            match parts.next() {
                None => break,
                Some("x" | "X" | "*") if wildcards => known = false,
                Some(part) if part.bytes().all(|digit| digit.is_ascii_digit()) => {
                    // What follows a wildcard is one, too.
                    *number = Some(part.parse().ok()?).filter(|_| known);
                }
                Some(_) => return None,
            }
        }
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            numbers,
            pre: Prerelease::new(pre.unwrap_or("")).ok()?,
            metadata: BuildMetadata::new(metadata.unwrap_or("")).ok()?,
        })
    }

    /// The smallest version that it stands for.
    fn version(&self) -> semver::Version {
        let [major, minor, patch] = self.numbers.map(Option::unwrap_or_default);
        semver::Version {
            major,
            minor,
            patch,
            pre: self.pre.clone(),
            build: self.metadata.clone(),
        }
    }

    /// Where the versions end that have its numbers, but for the last one or the last two.
    fn end(&self, major: bool) -> Point {
        let [first, second, _] = self.numbers.map(Option::unwrap_or_default);
        if major {
            start_of(first.saturating_add(1), 0, 0)
        } else {
            start_of(first, second.saturating_add(1), 0)
        }
    }
}

/// Before all versions with these numbers, pre-releases among them.
fn start_of(major: u64, minor: u64, patch: u64) -> Point {
    Point(semver::Version {
        pre: Prerelease::new("0").unwrap_or_default(),
        ..semver::Version::new(major, minor, patch)
    })
}

impl Version {
    /// Reads a version; what is missing is zero.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_VERSION {
            return Err(format!("a version has at most {MAX_VERSION} bytes"));
        }
        let pattern = Pattern::parse(text, false)
            .filter(|pattern| pattern.numbers.first().is_some_and(Option::is_some))
            .ok_or_else(|| format!("{text:?} is no semantic version"))?;
        Ok(Self {
            parsed: pattern.version(),
            original: text.to_owned(),
        })
    }

    /// The version after this one, written as this one is.
    fn next(&self, major: u64, minor: u64, patch: u64) -> Value {
        let parsed = semver::Version::new(major, minor, patch);
        let v = if self.original.starts_with('v') {
            "v"
        } else {
            ""
        };
        let original = format!("{v}{parsed}");
        Value::object(Object::Version(Self { parsed, original }))
    }

    /// A method that templates can call.
    pub(crate) fn method(&self, name: &str, args: &mut Args) -> Run<Option<Value>> {
        let number = |value: u64| Data::Uint(value, UintKind::Uint64).into();
        let version = &self.parsed;
        let (major, minor, patch) = (version.major, version.minor, version.patch);
        let order = |args: &Args| -> Run<Ordering> {
            args.count(name, 1)?;
            match &args.any(0).data {
                Data::Object(object) => match &**object {
                    Object::Version(other) => Ok(version.cmp_precedence(&other.parsed)),
                    _ => Err(args.wrong(0, "a version, as `semver` gives it")),
                },
                _ => Err(args.wrong(0, "a version, as `semver` gives it")),
            }
        };
        let value = match name {
            "Major" => number(major),
            "Minor" => number(minor),
            "Patch" => number(patch),
            "Prerelease" => Value::text(version.pre.as_str()),
            "Metadata" => Value::text(version.build.as_str()),
            "Original" => Value::text(self.original.as_str()),
            "String" => Value::text(self.to_string()),
            // A pre-release comes before the version whose numbers it has.
            "IncPatch" if !version.pre.is_empty() => self.next(major, minor, patch),
            "IncPatch" => self.next(major, minor, patch.saturating_add(1)),
            "IncMinor" => self.next(major, minor.saturating_add(1), 0),
            "IncMajor" => self.next(major.saturating_add(1), 0, 0),
            "Compare" => Value::int(order(args)? as i64),
            "Equal" => Value::bool(order(args)?.is_eq()),
            "LessThan" => Value::bool(order(args)?.is_lt()),
            "LessThanEqual" => Value::bool(order(args)?.is_le()),
            "GreaterThan" => Value::bool(order(args)?.is_gt()),
            "GreaterThanEqual" => Value::bool(order(args)?.is_ge()),
            _ => return Ok(None),
        };
        Ok(Some(value))
    }
}

/// A range: alternatives, each of conditions that must all hold.
#[derive(Debug)]
pub(crate) struct Constraints(Vec<Vec<Condition>>);

/// An interval that a version must be in, or must not be in.
#[derive(Debug)]
struct Condition {
    interval: (Bound<Point>, Bound<Point>),
    outside: bool,
    /// It names a pre-release, so its neighbours may let pre-releases in.
    names_pre: bool,
    /// Only versions with this pre-release count as in the interval.
    only_pre: Option<Prerelease>,
}

impl Condition {
    fn new(operator: &str, pattern: &Pattern) -> Self {
        let low = Point(pattern.version());
        let [major, minor, patch] = pattern.numbers;
        let any = major.is_none();
        let open_minor = !any && minor.is_none();
        let open_patch = minor.is_some() && patch.is_none();
        let partial = any || patch.is_none();
        let zero = low.0.major == 0 && low.0.minor == 0 && low.0.patch == 0;
        let mut only_pre = None;
        let interval = match operator {
            ">=" | "=>" => (Included(low), Unbounded),
            "<" => (Unbounded, Excluded(low)),
            ">" if open_minor || open_patch => (Included(pattern.end(open_minor)), Unbounded),
            ">" => (Excluded(low), Unbounded),
            "<=" | "=<" if partial => (Unbounded, Excluded(pattern.end(open_minor))),
            "<=" | "=<" => (Unbounded, Included(low)),
            "^" => {
                let end = match low.0 {
                    ref v if v.major > 0 || open_minor => pattern.end(true),
                    ref v if v.minor > 0 || open_patch => pattern.end(false),
                    ref v => start_of(0, 0, v.patch.saturating_add(1)),
                };
                (Included(low), Excluded(end))
            }
            "!=" if open_minor || open_patch => {
                only_pre = open_patch.then(|| pattern.pre.clone());
                let start = start_of(low.0.major, low.0.minor, 0);
                (Included(start), Excluded(pattern.end(open_minor)))
            }
            "" | "=" | "!=" if !partial || operator == "!=" => {
                (Included(low.clone()), Included(low))
            }
            // `~`, and `=` of a part: the same numbers. Of nothing, everything.
            _ if zero && !open_minor && !open_patch => (Included(low), Unbounded),
            _ => (Included(low), Excluded(pattern.end(open_minor))),
        };
        Self {
            interval,
            outside: operator == "!=",
            names_pre: !pattern.pre.is_empty(),
            only_pre,
        }
    }

    fn holds(&self, version: &Point) -> bool {
        let same = self
            .only_pre
            .as_ref()
            .is_none_or(|pre| *pre == version.0.pre);
        (self.interval.contains(version) && same) != self.outside
    }
}

impl Constraints {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_RANGE {
            return Err(format!("a range of versions has at most {MAX_RANGE} bytes"));
        }
        let alternatives = text.split("||").map(all_of).collect::<Option<_>>();
        alternatives
            .map(Self)
            .ok_or_else(|| format!("{text:?} is no range of versions"))
    }

    pub(crate) fn check(&self, version: &Version) -> bool {
        let point = Point(version.parsed.clone());
        self.0.iter().any(|all| {
            let pre = version.parsed.pre.is_empty() || all.iter().any(|one| one.names_pre);
            pre && all.iter().all(|one| one.holds(&point))
        })
    }
}

/// Conditions parted by commas or blanks; `1.2 - 1.4` are two.
fn all_of(text: &str) -> Option<Vec<Condition>> {
    const OPERATORS: [&str; 11] = ["!=", ">=", "=>", "<=", "=<", "~>", "=", ">", "<", "~", "^"];
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let mut operators = OPERATORS.into_iter();
        let operator = operators
            .find(|known| rest.starts_with(known))
            .unwrap_or("");
        let (pattern, mut after) = pattern_first(rest.get(operator.len()..)?.trim_start())?;
        if operator.is_empty()
            && after.starts_with(char::is_whitespace)
            && let Some(high) = after.trim_start().strip_prefix('-')
            && high.starts_with(char::is_whitespace)
        {
            let (high, beyond) = pattern_first(high.trim_start())?;
            out.push(Condition::new(">=", &pattern));
            out.push(Condition::new("<=", &high));
            after = beyond;
        } else {
            out.push(Condition::new(operator, &pattern));
        }
        let next = after.trim_start();
        rest = match next.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if next.is_empty() => return Some(out),
            None if next.len() < after.len() => next,
            None => return None,
        };
    }
}

/// The pattern at the start of a text, and what follows it.
fn pattern_first(text: &str) -> Option<(Pattern, &str)> {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "*.-+".contains(c)))
        .unwrap_or(text.len());
    let (pattern, rest) = text.split_at_checked(end)?;
    let pattern = Pattern::parse(pattern, true)?;
    Some((pattern, rest))
}

/// Whether a range that can be read has a version that can be read.
pub(crate) fn in_range(constraint: &str, version: &str) -> bool {
    match (Constraints::parse(constraint), Version::parse(version)) {
        (Ok(constraints), Ok(version)) => constraints.check(&version),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Constraints, Version, in_range};

    #[test]
    fn ranges_of_versions() {
        for (constraint, version, want) in [
            (">=1.21-0", "v1.37.0", true),
            (">=1.21-0", "1.20.9", false),
            (">= 1.19.0-0 < 1.22.0-0", "1.21.4-gke.1", true),
            ("^1.2.3", "1.9.9", true),
            ("^1.2.3", "2.0.0", false),
            ("^0.2", "0.3.0", false),
            ("^0.0.3", "0.0.4", false),
            ("^0", "0.9.0", true),
            ("~1.2", "1.3.0", false),
            ("~1", "1.9.0", true),
            ("~1.2.3-0", "1.3.0-beta", false),
            ("1.2 - 1.4.5", "1.4.5", true),
            ("1.2 - 1.4.5", "1.4.6", false),
            ("1.2 - 1.4, !=1.3.1", "1.4.9", true),
            ("1.2 - 1.4, !=1.3.1", "1.3.1", false),
            ("1.x || >=3", "3.1.0", true),
            ("*", "1.0.0", true),
            ("*", "1.0.0-beta", false),
            ("17.x.x", "17.3.1", true),
            ("!=1.2.x", "1.2.3", false),
            ("!=1.x", "2.0.0", true),
            ("=>1, =<2", "1.5.0", true),
            (">1.2", "1.2.9", false),
            (">1.2", "1.3.0", true),
            (">1", "1.9.0", false),
            ("<=1.2", "1.2.9", true),
            ("<=1", "2.0.0", false),
            ("1.2.3+a", "1.2.3+b", true),
            ("1.2.3-beta.2", "1.2.3-beta.11", false),
            (">1.2.3-beta.2", "1.2.3-beta.11", true),
        ] {
            assert_eq!(
                in_range(constraint, version),
                want,
                "{version} in {constraint}"
            );
        }
    }

    #[test]
    fn what_is_no_version_and_no_range() {
        for text in [
            "", "v", "1.2.3.4", "1..2", "x", "1.x", "1.2.3-", "1.2.3-01", "a", "1.2.3+",
        ] {
            assert!(Version::parse(text).is_err(), "{text}");
        }
        for text in [
            "", "1 ||", ">", "a", "1 - ", "1,2,", "1.2.3.4", ">1 - 2", "==",
        ] {
            assert!(Constraints::parse(text).is_err(), "{text}");
        }
    }
}
