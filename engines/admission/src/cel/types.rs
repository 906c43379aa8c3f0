//! What the text of an expression alone says about types. Objects of the API have no type
//! here, so this finds what is wrong whatever the object: `1 + "a"`, a condition that is a
//! number.

use super::ast::{How, Operator};
use super::compile::{Code, Op};
use super::fault::CompileError;

/// The type of a piece of code, where it is certain.
pub(crate) fn of(code: &Code) -> Option<&'static str> {
    match &code.op {
        Op::Constant(value) => Some(value.type_name()),
        Op::Has(..) | Op::Not(_) | Op::And(_) | Op::Or(_) => Some("bool"),
        Op::List(_) => Some("list"),
        Op::Map(_) => Some("map"),
        Op::Negate(operand) => of(operand),
        Op::Binary(operator, sides) => match operator {
            Operator::Add
            | Operator::Subtract
            | Operator::Multiply
            | Operator::Divide
            | Operator::Modulo => of(&sides.0).filter(|left| is_arithmetic(left)),
            _ => Some("bool"),
        },
        Op::Choice(parts) => {
            let (yes, no) = (of(&parts.1)?, of(&parts.2)?);
            (yes == no).then_some(yes)
        }
        Op::Fold(body) => match body.how {
            How::All | How::Exists | How::ExistsOne => Some("bool"),
            How::List | How::Filter | How::SortBy => Some("list"),
            How::Map | How::Entries => Some("map"),
            How::OptMap | How::OptFlatMap => Some("optional_type"),
        },
        Op::Bind(parts) => of(&parts.1),
        Op::Call(_, name, _) => of_call(name),
        _ => None,
    }
}

/// Whether a piece of code is certainly a piece of something without a type: one of the roots
/// that `is_root` names, a field or item of it, or what an optional one of those holds.
pub(crate) fn is_untyped(code: &Code, is_root: &dyn Fn(usize) -> bool) -> bool {
    match &code.op {
        Op::Root(slot) => is_root(*slot),
        Op::Select(operand, _, false) => is_untyped(operand, is_root),
        Op::Index(parts, false) => is_untyped(&parts.0, is_root),
        Op::Call(_, name, args) if matches!(&**name, "orValue" | "value") => {
            args.first().is_some_and(|of| is_optional(of, is_root))
        }
        _ => false,
    }
}

/// Whether it is an optional one of those: `object.?a`, `object.?a.b`.
fn is_optional(code: &Code, is_root: &dyn Fn(usize) -> bool) -> bool {
    let inner = match &code.op {
        Op::Select(operand, _, optional) => Some((&**operand, *optional)),
        Op::Index(parts, optional) => Some((&parts.0, *optional)),
        _ => None,
    };
    inner.is_some_and(|(inner, optional)| {
        is_optional(inner, is_root) || (optional && is_untyped(inner, is_root))
    })
}

/// Numbers keep their type; what texts and times do depends on the other side, too.
fn is_arithmetic(name: &str) -> bool {
    matches!(
        name,
        "int" | "uint" | "double" | "string" | "list" | "bytes"
    )
}

fn of_call(name: &str) -> Option<&'static str> {
    Some(match name {
        "contains" | "startsWith" | "endsWith" | "matches" | "isSorted" | "bool" | "isURL"
        | "isIP" | "isCIDR" | "isQuantity" | "isSemver" | "sets.contains" | "sets.equivalent"
        | "sets.intersects" | "hasValue" | "isInteger" | "isGreaterThan" | "isLessThan"
        | "allowed" | "errored" => "bool",
        "size" | "int" | "indexOf" | "lastIndexOf" | "compareTo" => "int",
        "string" | "join" | "lowerAscii" | "upperAscii" | "trim" | "replace" | "substring"
        | "charAt" | "base64.encode" | "strings.quote" => "string",
        "double" => "double",
        "uint" => "uint",
        "bytes" | "base64.decode" => "bytes",
        "split" | "findAll" | "reverse" | "slice" | "lists.range" | "flatten" | "distinct"
        | "sort" => "list",
        "timestamp" => "google.protobuf.Timestamp",
        "duration" => "google.protobuf.Duration",
        "type" => "type",
        _ => return None,
    })
}

/// Refuses what cannot work whatever the object. In the arguments of `format()` lists may be
/// `mixed`.
pub(crate) fn check(code: &Code, mixed: bool) -> Result<(), CompileError> {
    let truth = |part: &Code, what: &str| match of(part) {
        None | Some("bool") => Ok(()),
        Some(other) => Err(CompileError::new(
            part.at,
            format!("{what} must be a bool, this is {}", article(other)),
        )),
    };
    match &code.op {
        Op::Not(operand) => truth(operand, "the operand of `!`"),
        Op::And(all) => all
            .iter()
            .try_for_each(|part| truth(part, "a side of `&&`")),
        Op::Or(all) => all
            .iter()
            .try_for_each(|part| truth(part, "a side of `||`")),
        Op::Choice(parts) => {
            truth(&parts.0, "the condition of `?`")?;
            alike([&parts.1, &parts.2].into_iter(), "the sides of `:`")
        }
        Op::List(_) | Op::Map(_) if mixed => Ok(()),
        Op::List(items) => {
            let plain = items.iter().filter(|(_, optional)| !optional);
            alike(plain.map(|(item, _)| item), "the items of a list")
        }
        Op::Map(entries) => {
            let plain = entries.iter().filter(|(.., optional)| !optional);
            alike(entries.iter().map(|(key, ..)| key), "the keys of a mapping")?;
            alike(plain.map(|(_, value, _)| value), "the values of a mapping")
        }
        Op::Fold(body) => {
            if let Some(filter) = &body.filter {
                truth(filter, "the filter")?;
            }
            match body.how {
                How::All | How::Exists | How::ExistsOne | How::Filter => {
                    truth(&body.body, "the predicate")
                }
                _ => Ok(()),
            }?;
            match of(&body.range) {
                None | Some("list" | "map" | "optional_type") => Ok(()),
                Some(other) => Err(CompileError::new(
                    body.range.at,
                    format!("expression of type '{other}' cannot be range of a comprehension"),
                )),
            }
        }
        Op::Binary(operator, sides) => {
            let (Some(left), Some(right)) = (of(&sides.0), of(&sides.1)) else {
                return Ok(());
            };
            if fits(*operator, left, right) {
                return Ok(());
            }
            Err(CompileError::new(
                code.at,
                format!("found no matching overload for ({left}, {right})"),
            ))
        }
        _ => Ok(()),
    }
}

/// The API server refuses lists and mappings of mixed types that are written out.
fn alike<'c>(parts: impl Iterator<Item = &'c Code>, what: &str) -> Result<(), CompileError> {
    let mut first = None;
    for part in parts {
        let Some(found) = of(part) else { continue };
        let want = *first.get_or_insert(found);
        if want != found {
            let message = format!("{what} must have one type: here are {want} and {found}");
            return Err(CompileError::new(part.at, message));
        }
    }
    Ok(())
}

fn article(name: &str) -> String {
    let an = name.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {name}", if an { "an" } else { "a" })
}

fn fits(operator: Operator, left: &str, right: &str) -> bool {
    let number = |name: &str| matches!(name, "int" | "uint" | "double");
    let time = |name: &str| name.starts_with("google.protobuf.");
    let same = left == right;
    if left == "null_type" && same {
        return operator != Operator::In; // fails when it runs
    }
    match operator {
        Operator::Equal | Operator::NotEqual => same || left == "null_type" || right == "null_type",
        Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => {
            (number(left) && number(right))
                || (same && !matches!(left, "list" | "map" | "null_type" | "type"))
        }
        Operator::Add => {
            (time(left) && time(right))
                || (same && (number(left) || matches!(left, "string" | "bytes" | "list")))
        }
        Operator::Subtract => (time(left) && time(right)) || (same && number(left)),
        Operator::Multiply | Operator::Divide => same && number(left),
        Operator::Modulo => same && matches!(left, "int" | "uint"),
        Operator::In => matches!(right, "list" | "map"),
    }
}
