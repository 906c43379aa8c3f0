//! The order in which go-yaml v2 writes keys: letters after everything else, runs of
//! digits by their number.

/// Sorts by go-yaml's `keyList.Less`. That relation is no order (`10` < `1a` < `2` < `10`),
/// so the standard sort, which may panic on such, is out; this one takes what it gets.
pub(crate) fn sort_natural<T>(items: Vec<T>, key: &impl Fn(&T) -> &str) -> Vec<T> {
    if items.len() < 2 {
        return items;
    }
    let mut left = items;
    let right = left.split_off(left.len() / 2);
    let mut left = sort_natural(left, key).into_iter().peekable();
    let mut right = sort_natural(right, key).into_iter().peekable();
    let mut merged = Vec::with_capacity(left.len() + right.len());
    loop {
        let next = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) if less(key(b), key(a)) => right.next(),
            (Some(_), _) => left.next(),
            (None, _) => right.next(),
        };
        match next {
            Some(item) => merged.push(item),
            None => return merged,
        }
    }
}

/// Whether a key stands before another. The first character that differs decides: a letter
/// comes after anything else, two letters by themselves, and otherwise the numbers that
/// start there are compared, then how many digits they have, then the characters.
fn less(a: &str, b: &str) -> bool {
    let pairs = a.char_indices().zip(b.chars());
    let Some(((at, x), y)) = pairs.into_iter().find(|((_, x), y)| x != y) else {
        return a.len() < b.len();
    };
    if is_letter(x) || is_letter(y) {
        return is_letter(y) && (!is_letter(x) || x < y);
    }
    let (same, x_rest) = a.split_at_checked(at).unwrap_or((a, ""));
    let y_rest = b.get(at..).unwrap_or_default();
    // A zero within a number counts, a leading one does not.
    let number = same.trim_start_matches(|c: char| !c.is_ascii_digit());
    let number = number.rsplit(|c: char| !c.is_ascii_digit()).next();
    let within = number.is_some_and(|digits| digits.contains(|c| c != '0'));
    let start = i64::from((x == '0' || y == '0') && within);
    let rank = |rest: &str, c: char| (number_at(rest, start), c);
    rank(x_rest, x) < rank(y_rest, y)
}

/// The number that a text starts with, continued from what stands before, and the count of
/// its digits.
fn number_at(text: &str, start: i64) -> (i64, usize) {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let digits = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
    let number = digits.bytes().fold(start, |number, digit| {
        // Wraps as the original's 64 bits do.
        number
            .wrapping_mul(10)
            .wrapping_add(i64::from(digit - b'0'))
    });
    (number, digits.len())
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() && (c.is_ascii() || !c.is_numeric())
}
