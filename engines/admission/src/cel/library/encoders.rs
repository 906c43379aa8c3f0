//! `base64.encode` and `base64.decode`.

use super::Entry;
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::{Eval, fault};
use crate::cel::value::Value;

pub(super) const FUNCTIONS: &[Entry] = &[
    ("base64.encode", false, 1, 1, encode),
    ("base64.decode", false, 1, 1, decode),
];

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::Bytes(bytes)] = args else {
        return mismatch("base64.encode", args);
    };
    machine.charge(bytes.len() / 5)?;
    Ok(Value::text(encoded(bytes)))
}

/// Bytes in base64.
pub(crate) fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            if position > chunk.len() {
                text.push('=');
                continue;
            }
            let index = (group >> (18 - 6 * position)) & 63;
            let letter = ALPHABET.get(index as usize).copied().unwrap_or(b'=');
            text.push(char::from(letter));
        }
    }
    text
}

fn decode(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [Value::String(text)] = args else {
        return mismatch("base64.decode", args);
    };
    machine.charge(text.len() / 5)?;
    match decoded(text, true) {
        Some(bytes) => Ok(Value::Bytes(bytes.into())),
        None => Err(fault("illegal base64 data")),
    }
}

/// The bytes behind the standard alphabet; padding may be left out when it is optional.
pub(super) fn decoded(text: &str, padding_is_optional: bool) -> Option<Vec<u8>> {
    let text: Vec<u8> = text
        .bytes()
        .filter(|b| !matches!(b, b'\r' | b'\n'))
        .collect();
    let body: &[u8] = match text.as_slice() {
        [body @ .., b'=', b'='] | [body @ .., b'='] if text.len().is_multiple_of(4) => body,
        all => all,
    };
    if body.len() % 4 == 1 || (!padding_is_optional && !text.len().is_multiple_of(4)) {
        return None;
    }
    let mut bytes = Vec::with_capacity(body.len() / 4 * 3 + 2);
    for chunk in body.chunks(4) {
        let mut group = 0_u32;
        for position in 0..4 {
            let value = match chunk.get(position) {
                Some(letter) => ALPHABET.iter().position(|known| known == letter)?,
                None => 0,
            };
            group = group << 6 | u32::try_from(value).ok()?;
        }
        let [_, a, b, c] = group.to_be_bytes();
        bytes.extend([a, b, c].into_iter().take(chunk.len().saturating_sub(1)));
    }
    Some(bytes)
}
