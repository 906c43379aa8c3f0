//! Addresses of the web: `url("https://…")`. They are read as Go's `url.ParseRequestURI`
//! does: an absolute address or an absolute path.

use super::Entry;
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::{Eval, fault};
use crate::cel::value::{Key, Opaque, Value};
use std::collections::BTreeMap;

/// An address in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    scheme: String,
    host: String,
    path: String,
    query: String,
    rest: String,
}

pub(super) const FUNCTIONS: &[Entry] = &[
    ("url", false, 1, 1, of),
    ("isURL", false, 1, 1, is),
    ("getScheme", true, 1, 1, |_, args| {
        part("getScheme", args, |url| url.scheme.clone())
    }),
    ("getHost", true, 1, 1, |_, args| {
        part("getHost", args, |url| url.host.clone())
    }),
    ("getHostname", true, 1, 1, |_, args| {
        part("getHostname", args, |url| {
            let (name, _) = split_host(&url.host);
            name.trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned()
        })
    }),
    ("getPort", true, 1, 1, |_, args| {
        part("getPort", args, |url| split_host(&url.host).1.to_owned())
    }),
    ("getEscapedPath", true, 1, 1, |_, args| {
        part("getEscapedPath", args, |url| escaped(&url.path))
    }),
    ("getQuery", true, 1, 1, query),
];

/// Host and port.
fn split_host(host: &str) -> (&str, &str) {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (name, port),
        _ => (host, ""),
    }
}

/// A text without its percent signs.
fn unescaped(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            b'+' if plus_is_space => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A path with percent signs where they are needed.
fn escaped(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@!'()*%[]".contains(&byte);
        if is_plain {
            text.push(char::from(byte));
        } else {
            text.push('%');
            for digit in [byte >> 4, byte & 15] {
                let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                text.push(digit.to_ascii_uppercase());
            }
        }
    }
    text
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        return match inner.rsplit_once(']') {
            Some((address, port)) => {
                !address.is_empty()
                    && (port.is_empty()
                        || port
                            .strip_prefix(':')
                            .is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit())))
            }
            None => false,
        };
    }
    if let Some((name, port)) = host.split_once(':')
        && (name.contains(':') || !port.bytes().all(|b| b.is_ascii_digit()))
    {
        return false;
    }
    let is_allowed =
        |b: u8| b.is_ascii_alphanumeric() || b >= 0x80 || b"-_.~!$&'()*+,;=:[]<>\"%".contains(&b);
    host.bytes().all(is_allowed) && unescaped(host, false).is_some()
}

impl Url {
    /// Reads an absolute address or path.
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.bytes().any(|b| b < 0x20 || b == 0x7f) {
            return None;
        }
        let (scheme, rest) = match text.find(':') {
            Some(at) => {
                let word = text.get(..at)?;
                let is_scheme = word.starts_with(|c: char| c.is_ascii_alphabetic())
                    && word
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
                if is_scheme {
                    (word.to_ascii_lowercase(), text.get(at + 1..)?)
                } else if at == 0 {
                    return None;
                } else {
                    (String::new(), text)
                }
            }
            None => (String::new(), text),
        };
        if text == "*" {
            let path = "*".to_owned();
            return Some(Self {
                scheme,
                path,
                ..Self::empty()
            });
        }
        let (rest, fragment) = match rest.split_once('#') {
            Some((rest, fragment)) => (rest, fragment),
            None => (rest, ""),
        };
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, query),
            None => (rest, ""),
        };
        if !rest.starts_with('/') {
            // `mailto:x` is opaque; a relative path is refused.
            return (!scheme.is_empty()).then(|| Self {
                scheme,
                query: query.to_owned(),
                rest: format!("{rest}#{fragment}"),
                ..Self::empty()
            });
        }
        let has_host = rest.starts_with("//") && (!scheme.is_empty() || !rest.starts_with("///"));
        let (authority, path) = match rest.strip_prefix("//").filter(|_| has_host) {
            Some(rest) => match rest.find('/') {
                Some(at) => (rest.get(..at)?, rest.get(at..)?),
                None => (rest, ""),
            },
            None => ("", rest),
        };
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (user, host),
            None => ("", authority),
        };
        let is_user = |b: u8| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&b);
        let is_valid = is_host(host)
            && user.bytes().all(is_user)
            && unescaped(user, false).is_some()
            && unescaped(path, false).is_some();
        is_valid.then(|| Self {
            scheme,
            host: host.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            rest: format!("{user}#{fragment}"),
        })
    }

    fn empty() -> Self {
        Self {
            scheme: String::new(),
            host: String::new(),
            path: String::new(),
            query: String::new(),
            rest: String::new(),
        }
    }
}

/// Whether a text is an absolute address or path, for `format.uri()`.
pub(super) fn is_uri(text: &str) -> bool {
    Url::parse(text).is_some()
}

fn of(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::String(text)] = args else {
        return mismatch("url", args);
    };
    machine.charge(text.len() / 10)?;
    match Url::parse(text) {
        Some(url) => Ok(Value::opaque(Opaque::Url(url))),
        None => Err(fault(format!(
            "URL parse error during conversion from string: \"{text}\""
        ))),
    }
}

fn is(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::String(text)] = args else {
        return mismatch("isURL", args);
    };
    machine.charge(text.len() / 10)?;
    Ok(Value::Bool(Url::parse(text).is_some()))
}

fn url(args: &[Value]) -> Option<&Url> {
    match args {
        [Value::Opaque(opaque)] => match &**opaque {
            Opaque::Url(url) => Some(url),
            _ => None,
        },
        _ => None,
    }
}

fn part(name: &str, args: &[Value], how: fn(&Url) -> String) -> Eval<Value> {
    match url(args) {
        Some(url) => Ok(Value::text(how(url))),
        None => mismatch(name, args),
    }
}

fn query(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let Some(url) = url(args) else {
        return mismatch("getQuery", args);
    };
    machine.charge(url.query.len() / 10)?;
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for pair in url.query.split('&') {
        if pair.is_empty() || pair.contains(';') {
            continue;
        }
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if let (Some(key), Some(value)) = (unescaped(key, true), unescaped(value, true)) {
            found.entry(key).or_default().push(Value::text(value));
        }
    }
    let entries = found
        .into_iter()
        .map(|(key, values)| (Key::String(key.into()), Value::list(values)))
        .collect();
    Ok(Value::map(entries))
}
