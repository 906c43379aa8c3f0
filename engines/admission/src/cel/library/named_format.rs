//! Named formats: `format.dns1123Label().validate(name)`.

use super::Entry;
use super::encoders::decoded;
use super::url::is_uri;
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::Eval;
use crate::cel::time::Timestamp;
use crate::cel::value::{Opaque, Value};
use seawall_model::calendar::is_date;

/// One of the formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedFormat(&'static str);

const NAMES: [&str; 13] = [
    "dns1123Label",
    "dns1123Subdomain",
    "dns1035Label",
    "qualifiedName",
    "dns1123LabelPrefix",
    "dns1123SubdomainPrefix",
    "dns1035LabelPrefix",
    "labelValue",
    "uri",
    "uuid",
    "byte",
    "date",
    "datetime",
];

pub(super) const FUNCTIONS: &[Entry] = &[
    ("format.named", false, 1, 1, named),
    ("validate", true, 2, 2, validate),
    ("format.dns1123Label", false, 0, 0, |_, _| Ok(constant(0))),
    ("format.dns1123Subdomain", false, 0, 0, |_, _| {
        Ok(constant(1))
    }),
    ("format.dns1035Label", false, 0, 0, |_, _| Ok(constant(2))),
    ("format.qualifiedName", false, 0, 0, |_, _| Ok(constant(3))),
    ("format.dns1123LabelPrefix", false, 0, 0, |_, _| {
        Ok(constant(4))
    }),
    ("format.dns1123SubdomainPrefix", false, 0, 0, |_, _| {
        Ok(constant(5))
    }),
    ("format.dns1035LabelPrefix", false, 0, 0, |_, _| {
        Ok(constant(6))
    }),
    ("format.labelValue", false, 0, 0, |_, _| Ok(constant(7))),
    ("format.uri", false, 0, 0, |_, _| Ok(constant(8))),
    ("format.uuid", false, 0, 0, |_, _| Ok(constant(9))),
    ("format.byte", false, 0, 0, |_, _| Ok(constant(10))),
    ("format.date", false, 0, 0, |_, _| Ok(constant(11))),
    ("format.datetime", false, 0, 0, |_, _| Ok(constant(12))),
];

fn constant(index: usize) -> Value {
    let name = NAMES.get(index).copied().unwrap_or("uri");
    Value::opaque(Opaque::Format(NamedFormat(name)))
}

fn named(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::String(name)] = args else {
        return mismatch("format.named", args);
    };
    let index = NAMES.iter().position(|known| *known == &**name);
    Ok(index.map_or(Value::Optional(None), |index| Value::some(constant(index))))
}

fn validate(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::Opaque(opaque), Value::String(text)] = args else {
        return mismatch("validate", args);
    };
    let Opaque::Format(format) = &**opaque else {
        return mismatch("validate", args);
    };
    machine.charge(1 + text.len())?;
    let problems = problems(format.0, text);
    if problems.is_empty() {
        return Ok(Value::Optional(None));
    }
    let problems = problems.into_iter().map(Value::text).collect();
    Ok(Value::some(Value::list(problems)))
}

fn is_lower(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

/// Letters at both ends, inner signs between them.
fn is_word(text: &str, end: fn(u8) -> bool, inner: fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().copied().is_some_and(end)
        && bytes.last().copied().is_some_and(end)
        && bytes.iter().copied().all(|b| end(b) || inner(b))
}

fn label(text: &str) -> Vec<String> {
    let mut problems = too_long(text, 63);
    if !is_word(text, is_lower, |b| b == b'-') {
        problems.push(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \
             '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
             '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
                .to_owned(),
        );
    }
    problems
}

fn label_1035(text: &str) -> Vec<String> {
    let mut problems = too_long(text, 63);
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts || !is_word(text, is_lower, |b| b == b'-') {
        problems.push(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start \
             with an alphabetic character, and end with an alphanumeric character (e.g. \
             'my-name',  or 'abc-123', regex used for validation is \
             '[a-z]([-a-z0-9]*[a-z0-9])?')"
                .to_owned(),
        );
    }
    problems
}

fn subdomain(text: &str) -> Vec<String> {
    let mut problems = too_long(text, 253);
    let is_valid = text
        .split('.')
        .all(|part| is_word(part, is_lower, |b| b == b'-'));
    if !is_valid {
        problems.push(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
             '-' or '.', and must start and end with an alphanumeric character (e.g. \
             'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
                .to_owned(),
        );
    }
    problems
}

fn too_long(text: &str, most: usize) -> Vec<String> {
    if text.len() > most {
        vec![format!("must be no more than {most} bytes")]
    } else {
        Vec::new()
    }
}

/// A name that something is going to be appended to may end with a dash.
fn masked(text: &str) -> String {
    match text.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => format!("{rest}a"),
        _ => text.to_owned(),
    }
}

fn is_name_part(text: &str) -> bool {
    is_word(
        text,
        |b| b.is_ascii_alphanumeric(),
        |b| matches!(b, b'-' | b'_' | b'.'),
    )
}

fn qualified_name(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let name = match text.split_once('/') {
        Some((prefix, name)) => {
            if name.contains('/') {
                return vec!["a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')".to_owned()];
            }
            if prefix.is_empty() {
                problems.push("prefix part must be non-empty".to_owned());
            } else {
                problems.extend(
                    subdomain(prefix)
                        .into_iter()
                        .map(|problem| format!("prefix part {problem}")),
                );
            }
            name
        }
        None => text,
    };
    if name.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    }
    if name.len() > 63 {
        problems.push("name part must be no more than 63 bytes".to_owned());
    }
    if !is_name_part(name) {
        problems.push("name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')".to_owned());
    }
    problems
}

fn label_value(text: &str) -> Vec<String> {
    let mut problems = too_long(text, 63);
    if !text.is_empty() && !is_name_part(text) {
        problems.push("a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')".to_owned());
    }
    problems
}

fn is_uuid(text: &str) -> bool {
    let mut digits = 0;
    for c in text.chars() {
        match c {
            '-' if matches!(digits, 8 | 12 | 16 | 20) => {}
            c if c.is_ascii_hexdigit() => digits += 1,
            _ => return false,
        }
    }
    digits == 32 && !text.contains("--")
}

fn is_day(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut number = |length: usize| -> Option<i64> {
        let part = parts.next()?;
        (part.len() == length && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse().ok())?
    };
    let (year, month, day) = (number(4), number(2), number(2));
    match (year, month, day, parts.next()) {
        (Some(year), Some(month), Some(day), None) => is_date(year, month, day),
        _ => false,
    }
}

fn problems(format: &str, text: &str) -> Vec<String> {
    let unless = |is_valid: bool, problem: &str| {
        if is_valid {
            Vec::new()
        } else {
            vec![problem.to_owned()]
        }
    };
    match format {
        "dns1123Label" => label(text),
        "dns1123LabelPrefix" => label(&masked(text)),
        "dns1035Label" => label_1035(text),
        "dns1035LabelPrefix" => label_1035(&masked(text)),
        "dns1123Subdomain" => subdomain(text),
        "dns1123SubdomainPrefix" => subdomain(&masked(text)),
        "qualifiedName" => qualified_name(text),
        "labelValue" => label_value(text),
        "uri" => unless(
            is_uri(text),
            &format!("parse \"{text}\": invalid URI for request"),
        ),
        "uuid" => unless(is_uuid(text), "does not match the UUID format"),
        "byte" => unless(
            !text.is_empty() && decoded(text, false).is_some(),
            "invalid base64",
        ),
        "date" => unless(is_day(text), "invalid date"),
        _ => unless(
            Timestamp::parse(&text.to_ascii_uppercase()).is_some(),
            "invalid datetime",
        ),
    }
}
