//! The order in which go-yaml v2 writes keys: letters after everything else, runs of
//! digits by their number.

use std::cmp::Ordering;

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

fn less(a: &str, b: &str) -> bool {
    // Equal starts decide nothing, but how many digits they end with does.
    let mut same = 0;
    for (x, y) in a.chars().zip(b.chars()) {
        if x != y {
            return less_from(a, b, same, x, y);
        }
        same += x.len_utf8();
    }
    a.len() < b.len()
}

fn less_from(a: &str, b: &str, at: usize, x: char, y: char) -> bool {
    match (is_letter(x), is_letter(y)) {
        (true, true) => return x < y,
        (false, false) => {}
        (_, y_is_letter) => return y_is_letter,
    }
    let mut start = 0i64;
    if x == '0' || y == '0' {
        let before = a.get(..at).unwrap_or_default();
        let digits = before.chars().rev().take_while(char::is_ascii_digit);
        // A zero within a number counts, a leading one does not.
        start = i64::from(digits.into_iter().any(|c| c != '0'));
    }
    let (x_number, x_digits) = number(start, a.get(at..).unwrap_or_default());
    let (y_number, y_digits) = number(start, b.get(at..).unwrap_or_default());
    match x_number.cmp(&y_number).then(x_digits.cmp(&y_digits)) {
        Ordering::Less => true,
        Ordering::Greater => false,
        Ordering::Equal => x < y,
    }
}

fn number(start: i64, text: &str) -> (i64, usize) {
    let digits = text.bytes().take_while(u8::is_ascii_digit);
    digits.fold((start, 0), |(number, count), digit| {
        // Wraps as Go's int64 does.
        (
            number
                .wrapping_mul(10)
                .wrapping_add(i64::from(digit - b'0')),
            count + 1,
        )
    })
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() && (c.is_ascii() || !c.is_numeric())
}
