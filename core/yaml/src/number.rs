//! Numbers as Go's `strconv` and `encoding/json` read and write them.

/// `strconv.ParseInt(text, 0, 64)`: the base is in the prefix.
pub(crate) fn parse_int_any_base(text: &str) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    signed(negative, parse_uint_any_base(digits)?)
}

/// `strconv.ParseInt(text, base, 64)`.
pub(crate) fn parse_int(text: &str, base: u32) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    signed(negative, parse_digits(digits, base)?)
}

/// `strconv.ParseUint(text, 0, 64)`.
pub(crate) fn parse_uint_any_base(text: &str) -> Option<u64> {
    match text.as_bytes() {
        [b'0'] => Some(0),
        [b'0', b'b' | b'B', _, ..] => parse_digits(text.get(2..)?, 2),
        [b'0', b'o' | b'O', _, ..] => parse_digits(text.get(2..)?, 8),
        [b'0', b'x' | b'X', _, ..] => parse_digits(text.get(2..)?, 16),
        [b'0', _, ..] => parse_digits(text.get(1..)?, 8),
        _ => parse_digits(text, 10),
    }
}

fn split_sign(text: &str) -> (bool, &str) {
    if let Some(rest) = text.strip_prefix('-') {
        (true, rest)
    } else {
        (false, text.strip_prefix('+').unwrap_or(text))
    }
}

fn signed(negative: bool, magnitude: u64) -> Option<i64> {
    if negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

fn parse_digits(text: &str, base: u32) -> Option<u64> {
    // Rust's own parser would take a sign.
    if !text.as_bytes().first()?.is_ascii_alphanumeric() {
        return None;
    }
    u64::from_str_radix(text, base).ok()
}

/// A float by go-yaml's pattern `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
/// Too large is no float, as in Go.
pub(crate) fn parse_yaml_float(text: &str) -> Option<f64> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => (body.get(..at)?, Some(body.get(at + 1..)?)),
        None => (body, None),
    };
    let digits = |s: &str| s.bytes().all(|c| c.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    if let Some(exponent) = exponent {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        if exponent.is_empty() || !digits(exponent) {
            return None;
        }
    }
    text.parse().ok().filter(|float: &f64| float.is_finite())
}

/// `strconv.ParseFloat` of text that starts with a dot. Go also takes underscores here,
/// where they follow and precede a digit.
pub(crate) fn parse_dot_float(text: &str) -> Option<f64> {
    if !text.contains('_') {
        return parse_yaml_float(text);
    }
    let digit = |c: char| c.is_ascii_digit();
    let between = text.match_indices('_').all(|(at, _)| {
        let (before, after) = text.split_at(at);
        before.ends_with(digit) && after.get(1..).is_some_and(|after| after.starts_with(digit))
    });
    let plain = between.then(|| text.replace('_', ""))?;
    parse_yaml_float(&plain)
}

/// A float's shortest digits and its decimal exponent: `0.d1d2d3… × 10^exponent`.
fn shortest(scientific: &str) -> (String, i32) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    (digits, exponent.parse::<i32>().unwrap_or(0) + 1)
}

fn fixed(digits: &str, point: i32, out: &mut String) {
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    if point <= 0 {
        out.push_str("0.");
        out.extend((0..-point).map(|_| '0'));
        out.push_str(digits);
    } else if point >= count {
        out.push_str(digits);
        out.extend((count..point).map(|_| '0'));
    } else {
        let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
        out.push_str(whole);
        out.push('.');
        out.push_str(fraction);
    }
}

/// `d.ddde±XX`; Go's JSON drops the leading zero of a negative one-digit exponent.
fn exponential(digits: &str, point: i32, json: bool, out: &mut String) {
    let (first, rest) = digits.split_at(digits.len().min(1));
    out.push_str(first);
    if !rest.is_empty() {
        out.push('.');
        out.push_str(rest);
    }
    let exponent = point - 1;
    out.push('e');
    out.push(if exponent < 0 { '-' } else { '+' });
    let magnitude = exponent.abs();
    if magnitude < 10 && !(json && exponent < 0) {
        out.push('0');
    }
    out.push_str(&magnitude.to_string());
}

/// A finite float as `encoding/json` writes it.
pub(crate) fn json_float(float: f64, out: &mut String) {
    if float.is_sign_negative() {
        out.push('-');
    }
    let magnitude = float.abs();
    if magnitude == 0.0 {
        out.push('0');
        return;
    }
    let (digits, point) = shortest(&format!("{magnitude:e}"));
    if (1e-6..1e21).contains(&magnitude) {
        fixed(&digits, point, out);
    } else {
        exponential(&digits, point, true, out);
    }
}

/// `strconv.FormatFloat(float, 'g', -1, 64)` with go-yaml's names for the others.
pub(crate) fn yaml_float(float: f64, out: &mut String) {
    general(float, &format!("{:e}", float.abs()), out);
}

/// `strconv.FormatFloat(float, 'g', -1, 32)`: how `sigs.k8s.io/yaml` writes a float key.
pub(crate) fn key_float(float: f64, out: &mut String) {
    #[allow(clippy::cast_possible_truncation)] // the loss is the original's
    let narrow = float as f32;
    general(f64::from(narrow), &format!("{:e}", narrow.abs()), out);
}

fn general(float: f64, scientific: &str, out: &mut String) {
    if float.is_nan() {
        out.push_str(".nan");
        return;
    }
    if float.is_infinite() {
        out.push_str(if float < 0.0 { "-.inf" } else { ".inf" });
        return;
    }
    if float.is_sign_negative() {
        out.push('-');
    }
    if float == 0.0 {
        out.push('0');
        return;
    }
    let (digits, point) = shortest(scientific);
    // Go decides with a precision of six digits, whatever the shortest form has.
    let exponent = point - 1;
    if (-4..6).contains(&exponent) {
        fixed(&digits, point, out);
    } else {
        exponential(&digits, point, false, out);
    }
}
