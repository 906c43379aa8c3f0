//! Base64, base32, hexadecimal, SHA-1 and Adler-32: small, and not worth a crate each.

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Base 2^`bits`, padded to groups of `group` letters.
fn encode(bytes: &[u8], alphabet: &[u8], bits: u32, group: usize) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    let (mut buffer, mut held) = (0u32, 0u32);
    let mask = (1u32 << bits) - 1;
    let letter = |index: u32| char::from(alphabet.get(index as usize).copied().unwrap_or(b'A'));
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        held += 8;
        while held >= bits {
            held -= bits;
            out.push(letter((buffer >> held) & mask));
        }
        buffer &= (1 << held) - 1;
    }
    if held > 0 {
        out.push(letter((buffer << (bits - held)) & mask));
    }
    while !out.len().is_multiple_of(group) {
        out.push('=');
    }
    out
}

/// The inverse; line breaks are skipped. An error is the offset of the first wrong byte.
fn decode(text: &str, alphabet: &[u8], bits: u32, group: usize) -> Result<Vec<u8>, usize> {
    let kept: Vec<(usize, u8)> = text
        .bytes()
        .enumerate()
        .filter(|(_, byte)| !matches!(byte, b'\r' | b'\n'))
        .collect();
    let end = kept
        .iter()
        .position(|(_, byte)| *byte == b'=')
        .unwrap_or(kept.len());
    let (body, padding) = kept.split_at(end);
    let wrong = |from: &[(usize, u8)]| from.first().map_or(text.len(), |(at, _)| *at);
    if !kept.len().is_multiple_of(group) {
        let whole = kept.len() / group * group;
        return Err(wrong(kept.get(whole..).unwrap_or(&[])));
    }
    if padding.len() >= group || padding.iter().any(|(_, byte)| *byte != b'=') {
        return Err(wrong(padding));
    }
    let mut out = Vec::with_capacity(body.len());
    let (mut buffer, mut held) = (0u32, 0u32);
    for (at, byte) in body {
        let value = alphabet.iter().position(|known| known == byte).ok_or(*at)?;
        buffer = (buffer << bits) | u32::try_from(value).unwrap_or(0);
        held += bits;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((buffer >> held) & 0xff).unwrap_or(0));
        }
        buffer &= (1 << held) - 1;
    }
    Ok(out)
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    encode(bytes, BASE64, 6, 4)
}

pub(crate) fn unbase64(text: &str) -> Result<Vec<u8>, usize> {
    decode(text, BASE64, 6, 4)
}

pub(crate) fn base32(bytes: &[u8]) -> String {
    encode(bytes, BASE32, 5, 8)
}

pub(crate) fn unbase32(text: &str) -> Result<Vec<u8>, usize> {
    decode(text, BASE32, 5, 8)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

pub(crate) fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1u32, 0u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    (b << 16) | a
}

/// SHA-1, for `sha1sum` only: nothing here relies on it.
#[allow(clippy::many_single_char_names)] // the standard's own names
pub(crate) fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut state = [
        0x6745_2301u32,
        0xEFCD_AB89,
        0x98BA_DCFE,
        0x1032_5476,
        0xC3D2_E1F0,
    ];
    let mut data = bytes.to_vec();
    data.push(0x80);
    while data.len() % 64 != 56 {
        data.push(0);
    }
    data.extend_from_slice(&(bytes.len() as u64 * 8).to_be_bytes());
    for block in data.chunks_exact(64) {
        let mut words: Vec<u32> = block
            .chunks_exact(4)
            .map(|word| {
                word.iter()
                    .fold(0, |all, byte| (all << 8) | u32::from(*byte))
            })
            .collect();
        for at in 16..80 {
            let word = |back: usize| words.get(at - back).copied().unwrap_or(0);
            let next = (word(3) ^ word(8) ^ word(14) ^ word(16)).rotate_left(1);
            words.push(next);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (at, word) in words.iter().enumerate() {
            let (mix, constant) = match at / 20 {
                0 => ((b & c) | (!b & d), 0x5A82_7999u32),
                1 => (b ^ c ^ d, 0x6ED9_EBA1),
                2 => ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC),
                _ => (b ^ c ^ d, 0xCA62_C1D6),
            };
            let next = a
                .rotate_left(5)
                .wrapping_add(mix)
                .wrapping_add(e)
                .wrapping_add(constant)
                .wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (sum, part) in state.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(part);
        }
    }
    let mut out = [0; 20];
    for (slot, byte) in out
        .iter_mut()
        .zip(state.iter().flat_map(|word| word.to_be_bytes()))
    {
        *slot = byte;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        assert_eq!(base64(b"hello"), "aGVsbG8=");
        assert_eq!(unbase64("aGVsbG8="), Ok(b"hello".to_vec()));
        assert_eq!(unbase64("aGVs\nbG8="), Ok(b"hello".to_vec()));
        assert!(unbase64("a").is_err());
        assert_eq!(base32(b"hello"), "NBSWY3DP");
        assert_eq!(unbase32("NBSWY3DP"), Ok(b"hello".to_vec()));
        assert_eq!(
            hex(&sha1(b"abc")),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
    }
}
