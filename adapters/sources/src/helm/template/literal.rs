//! Quoted text and whole numbers, as templates write them.

/// One past the closing quote of what begins at `start`: `"…"`, `'…'` or `` `…` ``. Nothing
/// when it is never closed, or not on the same line where that is needed.
pub(super) fn quoted_end(text: &str, start: usize) -> Option<usize> {
    let mut chars = text.get(start..)?.char_indices();
    let (_, quote) = chars.next()?;
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Some(start + at + 1),
            _ if quote == '`' => {}
            '\n' => return None,
            '\\' if chars.next()?.1 == '\n' => return None,
            _ => {}
        }
    }
    None
}

/// What a quoted text means; nothing where an escape is wrong. Raw bytes that do not make
/// characters become U+FFFD.
pub(crate) fn unquote(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('`') {
        // Carriage returns do not count in raw text.
        return Some(raw.strip_suffix('`')?.replace('\r', ""));
    }
    let body = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut parts = body.split('\\');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    while let Some(part) = parts.next() {
        if part.is_empty() {
            // Two backslashes: what is after the second is no escape.
            bytes.push(b'\\');
            bytes.extend_from_slice(parts.next()?.as_bytes());
            continue;
        }
        let used = escape(part, &mut bytes)?;
        bytes.extend_from_slice(part.get(used..)?.as_bytes());
    }
    Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Adds what an escape stands for, and says how much of the text after its backslash is
/// part of it.
fn escape(text: &str, out: &mut Vec<u8>) -> Option<usize> {
    const LETTERS: [(u8, u8); 8] = [
        (b'"', b'"'),
        (b'a', 7),
        (b'b', 8),
        (b't', b'\t'),
        (b'n', b'\n'),
        (b'v', 11),
        (b'f', 12),
        (b'r', b'\r'),
    ];
    let first = *text.as_bytes().first()?;
    if let Some((_, byte)) = LETTERS.iter().find(|(letter, _)| *letter == first) {
        out.push(*byte);
        return Some(1);
    }
    let (digits, radix) = match first {
        b'0'..=b'7' => (0..3, 8),
        b'x' => (1..3, 16),
        b'u' => (1..5, 16),
        b'U' => (1..9, 16),
        _ => return None,
    };
    let used = digits.end;
    let digits = text.get(digits)?;
    if !digits.bytes().all(|digit| digit.is_ascii_alphanumeric()) {
        return None;
    }
    let code = u32::from_str_radix(digits, radix).ok()?;
    if first.eq_ignore_ascii_case(&b'u') {
        let c = char::from_u32(code)?;
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        out.push(u8::try_from(code).ok()?);
    }
    Some(used)
}

/// A whole number with its base written before it, if it is not ten: `0x1f`, `0o17`, `017`,
/// `0b1`; digits may be parted by `_`.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    let (sign, size) = match text.as_bytes().first()? {
        b'-' => (-1, text.get(1..)?),
        b'+' => (1, text.get(1..)?),
        _ => (1, text),
    };
    let (radix, digits) = match size.get(..2) {
        Some("0x" | "0X") => (16, size.get(2..)?),
        Some("0o" | "0O") => (8, size.get(2..)?),
        Some("0b" | "0B") => (2, size.get(2..)?),
        Some(_) if size.starts_with('0') => (8, size.get(1..)?),
        _ => (10, size),
    };
    let plain = |c: char| c == '_' || c.is_digit(radix);
    if !digits.chars().all(plain) || digits.contains("__") || digits.ends_with('_') {
        return None;
    }
    let value = i128::from_str_radix(&digits.replace('_', ""), radix).ok()?;
    i64::try_from(sign * value).ok()
}
