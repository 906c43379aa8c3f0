//! Which characters go-yaml lets in at all.

use crate::chunk::advance;
use crate::event::{Fault, Mark};

/// The text up to the first character that is refused, and that character's fault.
pub(crate) fn admit(text: &str, at: Mark) -> (&str, Option<Fault>) {
    let Some(end) = first_refused(text.as_bytes()) else {
        return (text, None);
    };
    // The bytes found start a character, so this cuts between two.
    let known = text.get(..end).unwrap_or_default();
    let code = text
        .get(end..)
        .and_then(|rest| rest.chars().next())
        .map_or(0, u32::from);
    let message = format!("control characters are not allowed, here U+{code:04X}");
    (
        known,
        Some(Fault {
            at: advance(at, known),
            message,
        }),
    )
}

/// The first byte of a character outside of tab, LF, CR, U+0020–7E, U+0085, U+00A0–FFFD and
/// beyond U+FFFF. The bytes are valid UTF-8.
fn first_refused(bytes: &[u8]) -> Option<usize> {
    const STRIDE: usize = 64;
    let mut start = 0;
    for chunk in bytes.chunks(STRIDE) {
        // No early exit, so that the compiler can look at many bytes at once.
        #[allow(clippy::needless_bitwise_bool)]
        let suspicious = chunk.iter().fold(false, |found, &b| {
            found | (b < 0x20 && b != b'\n' && b != b'\r' && b != b'\t') | (b >= 0x7f)
        });
        if suspicious {
            // A character may reach into the next stride.
            let until = (start + chunk.len() + 3).min(bytes.len());
            let window = bytes.get(start..until).unwrap_or_default();
            let found = (0..chunk.len()).find(|&i| is_refused(window.get(i..).unwrap_or_default()));
            if let Some(found) = found {
                return Some(start + found);
            }
        }
        start += chunk.len();
    }
    None
}

fn is_refused(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0..=8 | 0x0b | 0x0c | 0x0e..=0x1f | 0x7f, ..]
            | [0xc2, 0x80..=0x84 | 0x86..=0x9f, ..]
            | [0xef, 0xbf, 0xbe | 0xbf, ..]
    )
}

/// Whether go-yaml, which reads 512 bytes at a time, has come to a refused character by the
/// time it has used so many bytes. What it never reads cannot fail.
pub(crate) fn has_read(text: &str, refused: usize, used: usize) -> bool {
    const WINDOW: usize = 512;
    /// So far it looks ahead.
    const AHEAD: usize = 4;
    let mut read = 0;
    while read < used.saturating_add(AHEAD) {
        if read >= text.len() {
            return refused < text.len();
        }
        let end = read.saturating_add(WINDOW).min(text.len());
        // A character that is not all there waits for the next window.
        read = (read + 1..=end)
            .rev()
            .find(|&i| text.is_char_boundary(i))
            .unwrap_or(end);
    }
    refused < read
}
