//! Changes to inputs.

use crate::LONGEST;
use crate::dice::Dice;

/// An input made of those that are kept.
pub fn next(corpus: &[Vec<u8>], dictionary: &[&str], dice: &mut Dice) -> Vec<u8> {
    if corpus.is_empty() {
        return Vec::new();
    }
    // The younger half is rarer yet, so it is worth more.
    let from = if dice.roll(2) == 0 {
        corpus.len() / 2
    } else {
        0
    };
    let mut input = corpus[from + dice.roll(corpus.len() - from)].clone();
    for _ in 0..1 << dice.roll(5) {
        change(&mut input, corpus, dictionary, dice);
    }
    input.truncate(LONGEST);
    input
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], dictionary: &[&str], dice: &mut Dice) {
    let at = dice.roll(input.len() + 1);
    let end = (at + 1 + dice.roll(64)).min(input.len());
    match dice.roll(9) {
        0 if at < input.len() => input[at] ^= 1 << dice.roll(8),
        1 if at < input.len() => {
            input[at] = b"\n\n  \t-:?#,[]{}&*!|>'\"%@`\\<~\x00\xff"[dice.roll(29)]
        }
        2 if at < end => {
            input.drain(at..end);
        }
        3 if at < end => {
            // A piece again, elsewhere or many times.
            let piece = input[at..end].to_vec();
            let to = dice.roll(input.len() + 1);
            let times = if dice.roll(8) == 0 {
                1 << dice.roll(9)
            } else {
                1
            };
            if piece.len() * times < LONGEST {
                input.splice(to..to, piece.repeat(times));
            }
        }
        4 | 5 if !dictionary.is_empty() => {
            let word = dictionary[dice.roll(dictionary.len())].as_bytes();
            input.splice(at..at, word.iter().copied());
        }
        6 => {
            // A piece of another input.
            let other = &corpus[dice.roll(corpus.len())];
            let start = dice.roll(other.len() + 1);
            let stop = (start + dice.roll(200)).min(other.len());
            input.splice(at..at, other[start..stop].iter().copied());
        }
        7 => {
            // A line somewhere else, or indented otherwise.
            let mut lines: Vec<Vec<u8>> = input
                .split_inclusive(|&b| b == b'\n')
                .map(<[u8]>::to_vec)
                .collect();
            if lines.is_empty() {
                return;
            }
            let line = lines.remove(dice.roll(lines.len()));
            let to = dice.roll(lines.len() + 1);
            let indented = [vec![b' '; dice.roll(5)], line].concat();
            lines.insert(to, indented);
            *input = lines.concat();
        }
        _ => input.insert(at, dice.roll(256) as u8),
    }
}
