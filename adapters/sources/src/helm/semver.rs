//! Semantic versions and their ranges: what `Masterminds/semver` v3 says.

use super::error::Result as Run;
use super::funcs::Args;
use super::value::object::Object;
use super::value::{Data, UintKind, Value};
use std::cmp::Ordering;
use std::fmt;
use std::fmt::Write as _;

/// A version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    major: u64,
    minor: u64,
    patch: u64,
    pre: String,
    metadata: String,
    original: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

const INVALID: &str = "invalid semantic version";

fn is_identifiers(text: &str) -> bool {
    text.split('.').all(|part| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

/// Cuts `-pre+metadata` off; nothing when either is malformed.
fn suffixes(text: &str) -> Option<(&str, &str, &str)> {
    let (text, metadata) = match text.split_once('+') {
        Some((text, metadata)) => (text, Some(metadata)),
        None => (text, None),
    };
    let (core, pre) = match text.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (text, None),
    };
    let valid = pre.is_none_or(is_identifiers) && metadata.is_none_or(is_identifiers);
    valid.then_some((core, pre.unwrap_or(""), metadata.unwrap_or("")))
}

impl Version {
    /// `semver.NewVersion`, which fills in what is missing.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > 256 {
            return Err("version string is too long (max 256 bytes)".to_owned());
        }
        let invalid = || INVALID.to_owned();
        let plain = text.strip_prefix('v').unwrap_or(text);
        let (core, pre, metadata) = suffixes(plain).ok_or_else(invalid)?;
        let parts: Vec<&str> = core.split('.').collect();
        if parts.len() > 3
            || parts
                .iter()
                .any(|p| p.is_empty() || !p.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err(invalid());
        }
        let number = |at: usize| -> Result<u64, String> {
            parts
                .get(at)
                .map_or(Ok(0), |part| part.parse())
                .map_err(|_| "error parsing version segment: value out of range".to_owned())
        };
        let leading_zero = pre.split('.').any(|part| {
            part.len() > 1 && part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit())
        });
        if leading_zero {
            return Err("version segment starts with 0".to_owned());
        }
        Ok(Self {
            major: number(0)?,
            minor: number(1)?,
            patch: number(2)?,
            pre: pre.to_owned(),
            metadata: metadata.to_owned(),
            original: text.to_owned(),
        })
    }

    fn compare(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| compare_pre(&self.pre, &other.pre))
    }

    /// A method of `*semver.Version`.
    pub(crate) fn method(&self, name: &str, args: &mut Args) -> Run<Option<Value>> {
        let number = |value: u64| Some(Data::Uint(value, UintKind::Uint64).into());
        let text = |text: &str| Some(Value::text(text.to_owned()));
        let made = |major, minor, patch| {
            let mut next = Self {
                major,
                minor,
                patch,
                pre: String::new(),
                metadata: String::new(),
                original: String::new(),
            };
            let prefix = if self.original.starts_with('v') {
                "v"
            } else {
                ""
            };
            next.original = format!("{prefix}{next}");
            Some(Value::object(Object::Version(next)))
        };
        let compared = |args: &Args| -> Run<Ordering> {
            args.count(name, 1)?;
            match &args.any(0).data {
                Data::Object(object) => match &**object {
                    Object::Version(other) => Ok(self.compare(other)),
                    _ => Err("wrong type for value; expected *semver.Version".into()),
                },
                _ => Err("wrong type for value; expected *semver.Version".into()),
            }
        };
        Ok(match name {
            "Major" => number(self.major),
            "Minor" => number(self.minor),
            "Patch" => number(self.patch),
            "Prerelease" => text(&self.pre),
            "Metadata" => text(&self.metadata),
            "Original" => text(&self.original),
            "String" => text(&self.to_string()),
            "IncPatch" if self.pre.is_empty() => {
                made(self.major, self.minor, self.patch.saturating_add(1))
            }
            "IncPatch" => made(self.major, self.minor, self.patch),
            "IncMinor" => made(self.major, self.minor.saturating_add(1), 0),
            "IncMajor" => made(self.major.saturating_add(1), 0, 0),
            "Compare" => Some(Value::int(match compared(args)? {
                Ordering::Less => -1,
                Ordering::Equal => 0,
                Ordering::Greater => 1,
            })),
            "Equal" => Some(Value::bool(compared(args)? == Ordering::Equal)),
            "LessThan" => Some(Value::bool(compared(args)? == Ordering::Less)),
            "LessThanEqual" => Some(Value::bool(compared(args)? != Ordering::Greater)),
            "GreaterThan" => Some(Value::bool(compared(args)? == Ordering::Greater)),
            "GreaterThanEqual" => Some(Value::bool(compared(args)? != Ordering::Less)),
            _ => None,
        })
    }
}

fn compare_pre(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut x, mut y) = (a.split('.'), b.split('.'));
    loop {
        let order = match (x.next(), y.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(x), Some(y)) => match (x.parse::<u64>(), y.parse::<u64>()) {
                (Ok(x), Ok(y)) => x.cmp(&y),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => x.cmp(y),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Ranges: alternatives of conditions.
#[derive(Debug)]
pub(crate) struct Constraints(Vec<Vec<Constraint>>);

#[derive(Debug)]
struct Constraint {
    operator: &'static str,
    version: Version,
    dirty: bool,
    minor_dirty: bool,
    patch_dirty: bool,
}

const OPERATORS: [&str; 12] = [
    "!=", ">=", "=>", "<=", "=<", "~>", "=", ">", "<", "~", "^", "",
];

/// A version with wildcards at the start of a text, and its length.
fn pattern(text: &str) -> Option<usize> {
    let part = |text: &str| -> usize {
        text.find(|c: char| !(c.is_ascii_digit() || "|xX*".contains(c)))
            .unwrap_or(text.len())
    };
    let mut at = usize::from(text.starts_with('v'));
    let first = part(text.get(at..)?);
    if first == 0 {
        return None;
    }
    at += first;
    for _ in 0..2 {
        let Some(rest) = text.get(at..).and_then(|rest| rest.strip_prefix('.')) else {
            break;
        };
        let length = part(rest);
        if length == 0 {
            break;
        }
        at += 1 + length;
    }
    for start in ['-', '+'] {
        let Some(rest) = text.get(at..).and_then(|rest| rest.strip_prefix(start)) else {
            continue;
        };
        let length = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.'))
            .unwrap_or(rest.len());
        let length = rest.get(..length).unwrap_or("").trim_end_matches('.').len();
        if length > 0 {
            at += 1 + length;
        }
    }
    Some(at)
}

/// `1.2 - 2.3` as `>= 1.2, <= 2.3`.
fn rewrite_ranges(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit() || "xX*v".contains(c)) {
        let (before, from) = rest.split_at(at);
        let Some(length) = pattern(from) else {
            let next = from.chars().next().map_or(1, char::len_utf8);
            out.push_str(before);
            out.push_str(from.get(..next).unwrap_or(""));
            rest = from.get(next..).unwrap_or("");
            continue;
        };
        let (low, after) = from.split_at(length);
        let blank = after.trim_start();
        let high = blank
            .strip_prefix('-')
            .filter(|_| blank.len() < after.len());
        let high = high
            .filter(|high| high.starts_with(char::is_whitespace))
            .map(str::trim_start);
        if let Some((high, length)) = high.and_then(|high| Some((high, pattern(high)?))) {
            let (high, after) = high.split_at(length);
            out.push_str(before);
            let _ = write!(out, ">= {low}, <= {high} ");
            rest = after;
        } else {
            out.push_str(before);
            out.push_str(low);
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

impl Constraints {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > 512 {
            return Err("constraint string is too long (max 512 bytes)".to_owned());
        }
        let rewritten = rewrite_ranges(text);
        rewritten
            .split("||")
            .map(all_of)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(crate) fn check(&self, version: &Version) -> bool {
        self.0.iter().any(|all| {
            let pre = all
                .iter()
                .any(|constraint| !constraint.version.pre.is_empty());
            all.iter().all(|constraint| constraint.check(version, pre))
        })
    }
}

/// Conditions separated by commas or blanks.
fn all_of(text: &str) -> Result<Vec<Constraint>, String> {
    let improper = || format!("improper constraint: {text:?}");
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let operator = OPERATORS
            .iter()
            .find(|operator| rest.starts_with(**operator));
        let operator = operator.ok_or_else(improper)?;
        let after = rest.get(operator.len()..).unwrap_or("").trim_start();
        let length = pattern(after).ok_or_else(improper)?;
        let (version, after) = after.split_at(length);
        out.push(Constraint::parse(operator, version).ok_or_else(improper)?);
        let next = after.trim_start();
        if next.is_empty() {
            return Ok(out);
        }
        rest = match next.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if next.len() < after.len() => next,
            None => return Err(improper()),
        };
    }
}

impl Constraint {
    fn parse(operator: &'static str, text: &str) -> Option<Self> {
        let plain = text.strip_prefix('v').unwrap_or(text);
        let (core, pre, _) = suffixes(plain)?;
        let mut parts = core.split('.');
        let is_x = |part: Option<&str>| part.is_none_or(|part| matches!(part, "x" | "X" | "*"));
        let (major, minor, patch) = (parts.next(), parts.next(), parts.next());
        let pre = if pre.is_empty() {
            String::new()
        } else {
            format!("-{pre}")
        };
        let mut out = Self {
            operator,
            version: Version::parse("0.0.0").ok()?,
            dirty: true,
            minor_dirty: false,
            patch_dirty: false,
        };
        let version = if is_x(major) {
            format!("0.0.0{pre}")
        } else if is_x(minor) {
            out.minor_dirty = true;
            format!("{}.0.0{pre}", major?)
        } else if is_x(patch) {
            out.patch_dirty = true;
            format!("{}.{}.0{pre}", major?, minor?)
        } else {
            out.dirty = false;
            text.to_owned()
        };
        out.version = Version::parse(&version).ok()?;
        Some(out)
    }

    fn check(&self, v: &Version, include_pre: bool) -> bool {
        let c = &self.version;
        if !v.pre.is_empty() && !include_pre {
            return false;
        }
        let order = v.compare(c);
        match self.operator {
            "!=" => self.not_equal(v, order),
            ">" => self.greater(v, order),
            "<" => order == Ordering::Less,
            ">=" | "=>" => order != Ordering::Less,
            "<=" | "=<" if !self.dirty => order != Ordering::Greater,
            "<=" | "=<" => {
                v.major < c.major || v.major == c.major && (v.minor <= c.minor || self.minor_dirty)
            }
            "^" => self.caret(v, order),
            "~" | "~>" => self.tilde(v, order),
            _ if self.dirty => self.tilde(v, order),
            _ => order == Ordering::Equal,
        }
    }

    fn not_equal(&self, v: &Version, order: Ordering) -> bool {
        let c = &self.version;
        if self.dirty {
            if c.major != v.major || c.minor != v.minor && !self.minor_dirty {
                return true;
            }
            if self.minor_dirty {
                return false;
            }
            if c.patch != v.patch && !self.patch_dirty {
                return true;
            }
            if self.patch_dirty {
                return compare_pre(&v.pre, &c.pre) != Ordering::Equal;
            }
        }
        order != Ordering::Equal
    }

    fn greater(&self, v: &Version, order: Ordering) -> bool {
        let c = &self.version;
        if !self.dirty || v.major != c.major {
            return if self.dirty {
                v.major > c.major
            } else {
                order == Ordering::Greater
            };
        }
        if self.minor_dirty {
            return false;
        }
        if self.patch_dirty {
            return v.minor > c.minor;
        }
        order == Ordering::Greater
    }

    fn tilde(&self, v: &Version, order: Ordering) -> bool {
        let c = &self.version;
        if order == Ordering::Less {
            return false;
        }
        let zero = c.major == 0 && c.minor == 0 && c.patch == 0;
        if zero && !self.minor_dirty && !self.patch_dirty {
            return true;
        }
        v.major == c.major && (v.minor == c.minor || self.minor_dirty)
    }

    fn caret(&self, v: &Version, order: Ordering) -> bool {
        let c = &self.version;
        if order == Ordering::Less {
            return false;
        }
        if c.major > 0 || self.minor_dirty {
            return v.major == c.major;
        }
        if v.major > 0 {
            return false;
        }
        if c.minor > 0 || self.patch_dirty {
            return v.minor == c.minor;
        }
        v.minor == 0 && c.patch == v.patch
    }
}

/// `chartutil.IsCompatibleRange`.
pub(crate) fn in_range(constraint: &str, version: &str) -> bool {
    match (Constraints::parse(constraint), Version::parse(version)) {
        (Ok(constraints), Ok(version)) => constraints.check(&version),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::in_range;

    #[test]
    fn ranges_are_masterminds_ranges() {
        for (constraint, version, want) in [
            (">=1.21-0", "v1.37.0", true),
            (">=1.21-0", "1.20.9", false),
            (">= 1.19.0-0 < 1.22.0-0", "1.21.4-gke.1", true),
            ("^1.2.3", "1.9.9", true),
            ("~1.2", "1.3.0", false),
            ("1.2 - 1.4.5", "1.4.5", true),
            ("1.2 - 1.4.5", "1.4.6", false),
            ("1.x || >=3", "3.1.0", true),
            ("*", "1.0.0", true),
            ("*", "1.0.0-beta", false),
            ("17.x.x", "17.3.1", true),
            ("!=1.2.x", "1.2.3", false),
            ("=>1, =<2", "1.5.0", true),
            (">1.2", "1.2.9", false),
            ("<=1.2", "1.2.9", true),
        ] {
            assert_eq!(
                in_range(constraint, version),
                want,
                "{version} in {constraint}"
            );
        }
    }
}
