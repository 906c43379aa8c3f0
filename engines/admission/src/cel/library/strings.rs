//! Texts, the language's extension in its second version.

use super::Entry;
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::{Eval, fault};
use crate::cel::value::Value;

pub(super) const FUNCTIONS: &[Entry] = &[
    ("charAt", true, 2, 2, char_at),
    ("join", true, 1, 2, join),
    ("lowerAscii", true, 1, 1, |machine, args| {
        changed(machine, "lowerAscii", args, |text| {
            text.to_ascii_lowercase()
        })
    }),
    ("upperAscii", true, 1, 1, |machine, args| {
        changed(machine, "upperAscii", args, str::to_ascii_uppercase)
    }),
    ("trim", true, 1, 1, |machine, args| {
        changed(machine, "trim", args, |text| text.trim().to_owned())
    }),
    ("strings.quote", false, 1, 1, |machine, args| {
        changed(machine, "strings.quote", args, quoted)
    }),
    ("replace", true, 3, 4, replace),
    ("split", true, 2, 3, split),
    ("substring", true, 2, 3, substring),
];

/// The byte offset of a character, or the end.
fn byte_at(text: &str, character: usize) -> usize {
    text.char_indices()
        .nth(character)
        .map_or(text.len(), |(at, _)| at)
}

fn out_of_range(index: i64) -> Box<crate::cel::fault::Fault> {
    fault(format!("index out of range: {index}"))
}

fn char_at(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::String(text), Value::Int(index)] = args else {
        return mismatch("charAt", args);
    };
    machine.charge(text.len() / 10)?;
    let at = usize::try_from(*index).map_err(|_| out_of_range(*index))?;
    match text.chars().nth(at) {
        Some(character) => Ok(Value::text(character.to_string())),
        None if text.chars().count() == at => Ok(Value::text("")),
        None => Err(out_of_range(*index)),
    }
}

/// The place of a part in a text, in characters.
pub(super) fn index(
    machine: &mut Machine<'_>,
    text: &str,
    part: &str,
    offset: Option<i64>,
    from_end: bool,
) -> Eval<Value> {
    machine.charge((text.len() + part.len()) / 10)?;
    let number = |at: usize| Value::Int(i64::try_from(at).unwrap_or(i64::MAX));
    let length = text.chars().count();
    let start = match offset {
        Some(offset) => usize::try_from(offset).map_err(|_| out_of_range(offset))?,
        None if from_end => length.saturating_sub(1),
        None => 0,
    };
    if part.is_empty() {
        let place = if from_end && offset.is_none() {
            length
        } else {
            start.min(length)
        };
        return Ok(number(place));
    }
    if start >= length {
        return Ok(Value::Int(-1));
    }
    let found = if from_end {
        let limit = byte_at(text, start + part.chars().count());
        text.get(..limit).unwrap_or(text).rfind(part)
    } else {
        let from = byte_at(text, start);
        text.get(from..)
            .and_then(|rest| rest.find(part))
            .map(|at| at + from)
    };
    Ok(match found {
        Some(at) => number(text.get(..at).unwrap_or_default().chars().count()),
        None => Value::Int(-1),
    })
}

fn join(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let (list, separator) = match args {
        [Value::List(list)] => (list, ""),
        [Value::List(list), Value::String(separator)] => (list, &**separator),
        _ => return mismatch("join", args),
    };
    let mut joined = String::new();
    for (position, item) in list.iter().enumerate() {
        let Value::String(text) = &item else {
            return mismatch("join", &[item]);
        };
        machine.charge(1 + (text.len() + separator.len()) / 10)?;
        if position > 0 {
            joined.push_str(separator);
        }
        joined.push_str(text);
    }
    Ok(Value::text(joined))
}

fn changed(
    machine: &mut Machine<'_>,
    name: &str,
    args: &[Value],
    how: fn(&str) -> String,
) -> Eval<Value> {
    let [Value::String(text)] = args else {
        return mismatch(name, args);
    };
    machine.charge(text.len() / 10)?;
    Ok(Value::text(how(text)))
}

/// A text in quotation marks, as an expression would have it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn replace(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let (text, old, new, most) = match args {
        [Value::String(text), Value::String(old), Value::String(new)] => {
            (text, old, new, usize::MAX)
        }
        [
            Value::String(text),
            Value::String(old),
            Value::String(new),
            Value::Int(most),
        ] => (text, old, new, usize::try_from(*most).unwrap_or(usize::MAX)),
        _ => return mismatch("replace", args),
    };
    machine.charge(text.len() / 10)?;
    let count = text.matches(&**old).take(most).count();
    machine.charge((text.len() + count.saturating_mul(new.len())) / 10)?;
    Ok(Value::text(text.replacen(&**old, new, count)))
}

fn split(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let (text, separator, most) = match args {
        [Value::String(text), Value::String(separator)] => (text, separator, -1),
        [
            Value::String(text),
            Value::String(separator),
            Value::Int(most),
        ] => (text, separator, *most),
        _ => return mismatch("split", args),
    };
    machine.charge(text.len() / 10)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if most == 0 {
        return Ok(Value::list(Vec::new()));
    }
    let mut parts = Vec::new();
    if separator.is_empty() {
        let mut rest = &**text;
        while !rest.is_empty() {
            machine.charge(1)?;
            let end = if parts.len() + 1 == most {
                rest.len()
            } else {
                rest.chars().next().map_or(rest.len(), char::len_utf8)
            };
            let (part, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            parts.push(Value::text(part));
            rest = after;
        }
        return Ok(Value::list(parts));
    }
    for part in text.splitn(most, &**separator) {
        machine.charge(1)?;
        parts.push(Value::text(part));
    }
    Ok(Value::list(parts))
}

fn substring(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let (text, start, end) = match args {
        [Value::String(text), Value::Int(start)] => (text, *start, None),
        [Value::String(text), Value::Int(start), Value::Int(end)] => (text, *start, Some(*end)),
        _ => return mismatch("substring", args),
    };
    machine.charge(text.len() / 10)?;
    if let Some(end) = end
        && start > end
    {
        return Err(fault(format!(
            "invalid substring range. start: {start}, end: {end}"
        )));
    }
    let length = text.chars().count();
    let place = |index: i64| {
        usize::try_from(index)
            .ok()
            .filter(|at| *at <= length)
            .map(|at| byte_at(text, at))
            .ok_or_else(|| out_of_range(index))
    };
    let from = place(start)?;
    let to = match end {
        Some(end) => place(end)?,
        None => text.len(),
    };
    Ok(Value::text(text.get(from..to).unwrap_or_default()))
}
