//! Go's literals: quoted strings, character constants, numbers.

use super::ast::ExprKind;

/// `strconv.Unquote` for `"…"` and `` `…` ``. Bytes that are no UTF-8 become U+FFFD.
pub(crate) fn unquote(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('`') {
        // Go drops carriage returns from raw strings.
        return Some(raw.strip_suffix('`')?.replace('\r', ""));
    }
    let body = literal.strip_prefix('"')?.strip_suffix('"')?;
    if !body.contains('\\') {
        return Some(body.to_owned());
    }
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        let (unit, after) = unit(rest, '"')?;
        match unit {
            Unit::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Unit::Byte(byte) => bytes.push(byte),
        }
        rest = after;
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A character constant.
pub(super) fn rune(literal: &str) -> Option<i64> {
    let body = literal.strip_prefix('\'')?.strip_suffix('\'')?;
    let (unit, rest) = unit(body, '\'')?;
    rest.is_empty().then(|| match unit {
        Unit::Char(c) => i64::from(u32::from(c)),
        Unit::Byte(byte) => i64::from(byte),
    })
}

enum Unit {
    Char(char),
    Byte(u8),
}

fn unit(text: &str, quote: char) -> Option<(Unit, &str)> {
    let mut chars = text.chars();
    let first = chars.next()?;
    if first != '\\' {
        return Some((Unit::Char(first), chars.as_str()));
    }
    let simple = |c| Some((Unit::Char(c), ()));
    let kind = chars.next()?;
    let digits = |count: usize, radix: u32, rest: &str| -> Option<u32> {
        u32::from_str_radix(rest.get(..count)?, radix).ok()
    };
    let rest = chars.as_str();
    let (unit, ()) = match kind {
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        '\\' => simple('\\'),
        c if c == quote => simple(c),
        'x' => {
            let byte = u8::try_from(digits(2, 16, rest)?).ok()?;
            return Some((Unit::Byte(byte), rest.get(2..)?));
        }
        'u' => {
            return Some((
                Unit::Char(char::from_u32(digits(4, 16, rest)?)?),
                rest.get(4..)?,
            ));
        }
        'U' => {
            return Some((
                Unit::Char(char::from_u32(digits(8, 16, rest)?)?),
                rest.get(8..)?,
            ));
        }
        '0'..='7' => {
            let from = text.get(1..)?;
            let byte = u8::try_from(digits(3, 8, from)?).ok()?;
            return Some((Unit::Byte(byte), from.get(3..)?));
        }
        _ => None,
    }?;
    Some((unit, rest))
}

/// A number as `{{ 1 }}` means it: an `int` when it has no fraction, else a `float64`.
pub(super) fn number(literal: &str) -> Result<ExprKind, String> {
    let hex = literal
        .trim_start_matches(['+', '-'])
        .to_ascii_lowercase()
        .starts_with("0x");
    let float = if hex {
        literal.contains(['p', 'P', '.'])
    } else {
        literal.contains(['.', 'e', 'E'])
    };
    if !float {
        if let Some(value) = parse_int(literal) {
            return Ok(ExprKind::Int(value));
        }
        return Err(format!("bad number syntax: {literal:?}"));
    }
    let plain = literal.replace('_', "");
    let value = if hex {
        hex_float(&plain)
    } else {
        plain.parse().ok()
    };
    match value {
        Some(value) => Ok(ExprKind::Float(value)),
        None => Err(format!("bad number syntax: {literal:?}")),
    }
}

/// `0x1.8p3`: a hexadecimal mantissa times a power of two.
fn hex_float(text: &str) -> Option<f64> {
    let (negative, body) = match text.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let body = body.get(2..)?.to_ascii_lowercase();
    let (mantissa, exponent) = body.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = u64::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?;
    let places = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    let exponent: i32 = exponent.parse().ok()?;
    // Exact as long as the mantissa fits 53 bits, which is all that anybody writes.
    #[allow(clippy::cast_precision_loss)]
    let value = digits as f64 * 2f64.powi(exponent.checked_sub(places)?);
    Some(if negative { -value } else { value })
}

/// `strconv.ParseInt(text, 0, 64)`: prefixes, legacy octal, underscores between digits.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, body) = if let Some(body) = lower.strip_prefix("0x") {
        (16, body)
    } else if let Some(body) = lower.strip_prefix("0o") {
        (8, body)
    } else if let Some(body) = lower.strip_prefix("0b") {
        (2, body)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, lower.get(1..)?)
    } else {
        (10, lower.as_str())
    };
    if body.is_empty() || body.starts_with(['+', '-']) || body.contains("__") || body.ends_with('_')
    {
        return None;
    }
    let value = i128::from_str_radix(&body.replace('_', ""), radix).ok()?;
    i64::try_from(if negative { -value } else { value }).ok()
}
