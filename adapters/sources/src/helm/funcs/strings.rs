//! Sprig's functions on text. Those that cut and join keep marks.

use super::{Args, Builtin, MANY, bounded, f, w};
use crate::helm::encoding;
use crate::helm::error::{Fail, Result};
use crate::helm::fmt::{go_quote, sprint};
use crate::helm::template::run::Engine;
use crate::helm::value::convert::{bytes_of, join, strslice, strval, text_of};
use crate::helm::value::text::{Origin, Out, Text};
use crate::helm::value::{Data, List, ListKind, Map, MapKind, Value};
use std::rc::Rc;

pub(super) const TABLE: &[Builtin] = &[
    f("hello", 0, 0, |_, _| Ok(Value::text("Hello!"))),
    f("trim", 1, 1, |_, a| trimmed(&a.text(0)?, str::trim)),
    f("trimall", 2, 2, |_, a| trim_set(a)),
    f("trimAll", 2, 2, |_, a| trim_set(a)),
    f("trimSuffix", 2, 2, |_, a| {
        let suffix = a.text(0)?;
        trimmed(&a.text(1)?, |text| {
            text.strip_suffix(suffix.as_str()).unwrap_or(text)
        })
    }),
    f("trimPrefix", 2, 2, |_, a| {
        let prefix = a.text(0)?;
        trimmed(&a.text(1)?, |text| {
            text.strip_prefix(prefix.as_str()).unwrap_or(text)
        })
    }),
    f("upper", 1, 1, |_, a| {
        each(&a.text(0)?, |text| text.chars().map(upper).collect())
    }),
    f("lower", 1, 1, |_, a| {
        each(&a.text(0)?, |text| text.chars().map(lower).collect())
    }),
    f("substr", 3, 3, |_, a| substring(a)),
    f("trunc", 2, 2, |_, a| {
        let (count, text) = (a.int(0)?, a.text(1)?);
        let len = i64::try_from(text.as_str().len()).unwrap_or(i64::MAX);
        if count < 0 && len + count > 0 {
            return Ok(Value::text(cut(&text, len + count, len)));
        }
        if count >= 0 && len > count {
            return Ok(Value::text(cut(&text, 0, count)));
        }
        Ok(Value::text(text))
    }),
    f("repeat", 2, 2, |_, a| {
        let text = a.text(1)?;
        if a.int(0)? < 0 {
            return Err(Fail::new("a text cannot be repeated less than zero times"));
        }
        let count = bounded(a.int(0)?, text.as_str().len())?;
        if !text.is_marked() || text.as_str().is_empty() {
            return Ok(Value::text(text.as_str().repeat(count)));
        }
        let mut out = Out::default();
        for _ in 0..count {
            out.push_text(&text, Origin::default());
        }
        Ok(Value::text(out.finish()))
    }),
    f("nospace", 1, 1, |_, a| {
        let text = a.text(0)?;
        each(&text, |text| {
            text.chars().filter(|c| !c.is_whitespace()).collect()
        })
    }),
    f("contains", 2, 2, |_, a| {
        Ok(Value::bool(
            a.text(1)?.as_str().contains(a.text(0)?.as_str()),
        ))
    }),
    f("hasPrefix", 2, 2, |_, a| {
        Ok(Value::bool(
            a.text(1)?.as_str().starts_with(a.text(0)?.as_str()),
        ))
    }),
    f("hasSuffix", 2, 2, |_, a| {
        Ok(Value::bool(
            a.text(1)?.as_str().ends_with(a.text(0)?.as_str()),
        ))
    }),
    w("quote", 0, MANY, |_, a| {
        Ok(Value::text(quoted(a, |text| go_quote(text.as_str()))))
    }),
    w("squote", 0, MANY, |_, a| {
        Ok(Value::text(quoted(a, |text| {
            format!("'{}'", text.as_str())
        })))
    }),
    w("cat", 0, MANY, |_, a| {
        let pieces: Vec<Text> = a.all().iter().filter(|v| !v.is_nil()).map(shown).collect();
        Ok(Value::text(join(&pieces, " ")))
    }),
    f("indent", 2, 2, |_, a| Ok(Value::text(indented(a, "")?))),
    f("nindent", 2, 2, |_, a| Ok(Value::text(indented(a, "\n")?))),
    f("replace", 3, 3, |_, a| replace(a)),
    f("plural", 3, 3, |_, a| {
        Ok(Value::text(if a.int(2)? == 1 {
            a.text(0)?
        } else {
            a.text(1)?
        }))
    }),
    w("toString", 1, 1, |_, a| Ok(Value::text(strval(&a.any(0))))),
    w("toStrings", 1, 1, |_, a| {
        Ok(Value::texts(strslice(&a.any(0))))
    }),
    w("join", 2, 2, |_, a| {
        let pieces = strslice(&a.any(1));
        let separator = a.text(0)?;
        bounded(
            i64::try_from(pieces.len()).unwrap_or(i64::MAX),
            separator.as_str().len(),
        )?;
        Ok(Value::text(join(&pieces, separator.as_str())))
    }),
    w("sortAlpha", 1, 1, |e, a| {
        let value = a.any(0);
        // Every text is compared with some others, as many as the number of all has bits.
        let bits = u64::from(a.length().max(1).ilog2());
        let weight = e.budget.weight(&value);
        e.budget.read(weight.saturating_mul(bits))?;
        if crate::helm::value::convert::items(&value).is_none() {
            return Ok(Value::texts([strval(&value)]));
        }
        let mut texts = strslice(&value);
        texts.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        if let Data::List(list) = &value.data
            && list.kind() == ListKind::Text
        {
            // Go sorts a `[]string` in place.
            list.replace(texts.into_iter().map(Value::text).collect());
            return Ok(value);
        }
        Ok(Value::texts(texts))
    }),
    f("split", 2, 2, |e, a| {
        let (separator, text) = (a.text(0)?, a.text(1)?);
        Ok(numbered(pieces(e, &text, separator.as_str(), -1)?))
    }),
    f("splitn", 3, 3, |e, a| {
        let (separator, text) = (a.text(0)?, a.text(2)?);
        Ok(numbered(pieces(e, &text, separator.as_str(), a.int(1)?)?))
    }),
    f("splitList", 2, 2, |e, a| {
        let (separator, text) = (a.text(0)?, a.text(1)?);
        Ok(Value::texts(pieces(e, &text, separator.as_str(), -1)?))
    }),
    f("b64enc", 1, 1, |_, a| {
        Ok(Value::text(encoding::base64(&bytes_of(
            a.text(0)?.as_str(),
        ))))
    }),
    f("b64dec", 1, 1, |_, a| {
        Ok(Value::text(match encoding::unbase64(a.text(0)?.as_str()) {
            Ok(bytes) => text_of(&bytes),
            Err(at) => format!("illegal base64 data at input byte {at}"),
        }))
    }),
    f("b32enc", 1, 1, |_, a| {
        Ok(Value::text(encoding::base32(&bytes_of(
            a.text(0)?.as_str(),
        ))))
    }),
    f("b32dec", 1, 1, |_, a| {
        Ok(Value::text(match encoding::unbase32(a.text(0)?.as_str()) {
            Ok(bytes) => text_of(&bytes),
            Err(at) => format!("illegal base32 data at input byte {at}"),
        }))
    }),
];

/// `unicode.ToUpper`: one character for one, so `ß` stays.
pub(super) fn upper(c: char) -> char {
    let mut made = c.to_uppercase();
    match (made.next(), made.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// `unicode.ToLower`.
pub(super) fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// The argument's text, as `%v` prints it, with its marks.
fn shown(value: &Value) -> Text {
    match value.data {
        Data::Text(_) => strval(value),
        _ => sprint(std::slice::from_ref(value)),
    }
}

/// Bytes `start..end`, moved to char boundaries where Go would cut a character in two.
pub(super) fn cut(text: &Text, start: i64, end: i64) -> Text {
    let boundary = |at: i64| -> usize {
        let at = usize::try_from(at).unwrap_or(0).min(text.as_str().len());
        text.as_str().floor_char_boundary(at)
    };
    text.slice(boundary(start), boundary(end))
}

/// What is left of a text by trimming its ends.
#[allow(clippy::unnecessary_wraps)] // ends the closures of the table
fn trimmed(text: &Text, trim: impl Fn(&str) -> &str) -> Result<Value> {
    let left = trim(text.as_str());
    let start = left.as_ptr() as usize - text.as_str().as_ptr() as usize;
    Ok(Value::text(text.slice(start, start + left.len())))
}

fn trim_set(args: &Args) -> Result<Value> {
    let set = args.text(0)?;
    trimmed(&args.text(1)?, |text| {
        text.trim_matches(|c| set.as_str().contains(c))
    })
}

/// A new text of one origin.
#[allow(clippy::unnecessary_wraps)] // ends the closures of the table
fn each(text: &Text, make: impl Fn(&str) -> String) -> Result<Value> {
    Ok(Value::text(
        Text::from(make(text.as_str())).caused_by(text.first_cause()),
    ))
}

fn substring(args: &Args) -> Result<Value> {
    let (start, end, text) = (args.int(0)?, args.int(1)?, args.text(2)?);
    let len = i64::try_from(text.as_str().len()).unwrap_or(i64::MAX);
    let (from, to) = if start < 0 {
        (0, end)
    } else if end < 0 || end > len {
        (start, len)
    } else {
        (start, end)
    };
    if from > to || to > len || to < 0 {
        return Err(Fail::new(format!(
            "bytes {from} to {to} are not all in the text"
        )));
    }
    Ok(Value::text(cut(&text, from, to)))
}

fn quoted(args: &Args, quote: impl Fn(&Text) -> String) -> Text {
    let pieces: Vec<Text> = args
        .all()
        .iter()
        .filter(|value| !value.is_nil())
        .map(|value| {
            let text = shown(value);
            let first = text
                .marks()
                .iter()
                .map(|mark| mark.origin)
                .find(|o| o.cause != 0);
            let quoted = Text::from(quote(&text));
            match first.or_else(|| text.marks().first().map(|mark| mark.origin)) {
                Some(origin) => quoted.with_origin(origin),
                None => quoted,
            }
        })
        .collect();
    join(&pieces, " ")
}

fn indented(args: &Args, before: &str) -> Result<Text> {
    let text = args.text(1)?;
    if args.int(0)? < 0 {
        return Err(Fail::new("a text cannot be repeated less than zero times"));
    }
    let lines = text.as_str().matches('\n').count() + 1;
    let pad = " ".repeat(bounded(args.int(0)?, lines)?);
    let mut out = Out::default();
    out.push(before, Origin::default());
    let mut start = 0;
    for line in text.as_str().split_inclusive('\n') {
        let at = u32::try_from(start).unwrap_or(u32::MAX);
        let mut origin = text.origin_at(at);
        if origin.end == 0 && origin.file != 0 {
            // The padding has no byte of its own: it stands where its line does.
            origin.end = origin.start + 1;
        }
        out.push(&pad, origin);
        out.push_slice(&text, start, start + line.len(), Origin::default());
        start += line.len();
    }
    if text.as_str().is_empty() || text.as_str().ends_with('\n') {
        out.push(&pad, Origin::default());
    }
    Ok(out.finish())
}

fn replace(args: &Args) -> Result<Value> {
    let (old, new, text) = (args.text(0)?, args.text(1)?, args.text(2)?);
    let mut out = Out::default();
    let mut start = 0;
    let spots: Vec<usize> = if old.as_str().is_empty() {
        text.as_str()
            .char_indices()
            .map(|(at, _)| at)
            .chain([text.as_str().len()])
            .collect()
    } else {
        text.as_str()
            .match_indices(old.as_str())
            .map(|(at, _)| at)
            .collect()
    };
    if spots.is_empty() {
        return Ok(Value::text(text));
    }
    for at in spots {
        if out.is_full() {
            break;
        }
        out.push_slice(&text, start, at, Origin::default());
        let around = text.origin_at(u32::try_from(at).unwrap_or(u32::MAX));
        let around = if around.end == 0 {
            Origin {
                end: around.start + 1,
                ..around
            }
        } else {
            around
        };
        let base = if around.file == 0 {
            Origin { end: 0, ..around }
        } else {
            around
        };
        out.push_text(&new, base);
        start = at + old.as_str().len();
    }
    out.push_slice(&text, start, text.as_str().len(), Origin::default());
    Ok(Value::text(out.finish()))
}

/// `strings.SplitN`: all pieces when `count` is negative, none when it is zero.
fn pieces(engine: &mut Engine<'_>, text: &Text, separator: &str, count: i64) -> Result<Vec<Text>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let whole = text.as_str();
    let mut out = Vec::new();
    let mut start = 0;
    while out.len() + 1 < most {
        let rest = whole.get(start..).unwrap_or_default();
        let (found, next) = if separator.is_empty() {
            // One character each; the last one is what is left.
            match rest.chars().next().map(char::len_utf8) {
                Some(first) if first < rest.len() => (first, first),
                _ => break,
            }
        } else {
            match rest.find(separator) {
                Some(found) => (found, found + separator.len()),
                None => break,
            }
        };
        engine
            .budget
            .piece(&mut out, text.slice(start, start + found))?;
        start += next;
    }
    if !(separator.is_empty() && whole.is_empty()) {
        engine
            .budget
            .piece(&mut out, text.slice(start, whole.len()))?;
    }
    Ok(out)
}

/// `map[string]string{"_0": …, "_1": …}`.
fn numbered(pieces: Vec<Text>) -> Value {
    let entries = pieces
        .into_iter()
        .enumerate()
        .map(|(index, piece)| (Rc::from(format!("_{index}")), Value::text(piece)));
    Value::map(Map::from_entries(entries.collect(), MapKind::Text))
}

/// A nil `[]string`.
pub(super) fn nil_texts() -> Value {
    Data::List(List::nil(ListKind::Text)).into()
}
