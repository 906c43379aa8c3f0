//! Sets of texts as policies write them: exact, a prefix, a suffix, anything; and sets of
//! addresses. Intersection and inclusion of the four have closed forms, so that questions
//! about policies get exact answers without an automaton. Templates and regular expressions
//! are asked about texts that are known.

use super::expression;
use core::net::IpAddr;
use seawall_model::Str;
use std::collections::HashSet;

/// A set of texts or addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    /// This text.
    Exact(Str),
    /// Texts with this beginning and this end, which may overlap; both empty is every text.
    Affix {
        /// The beginning.
        prefix: Str,
        /// The end.
        suffix: Str,
    },
    /// A path with `{*}` for one part and `{**}` for several.
    Template(Str),
    /// Texts that a regular expression matches as a whole.
    Regex(Str),
    /// Addresses.
    Block(Block),
}

/// A block of addresses. IPv4 and IPv6 have nothing in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block {
    /// Whether it is of IPv6.
    pub is_v6: bool,
    /// Its first address.
    pub first: u128,
    /// Its last address.
    pub last: u128,
}

impl Block {
    /// Reads an address or a block.
    pub fn read(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let (is_v6, bits, width) = match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(four) => (false, u128::from(four.to_bits()), 32),
            IpAddr::V6(six) => (true, six.to_bits(), 128),
        };
        let length = length.unwrap_or(width);
        let free = width.checked_sub(length)?;
        let mask = 1_u128.checked_shl(free).map_or(u128::MAX, |bit| bit - 1);
        let first = bits & !mask;
        Some(Self {
            is_v6,
            first,
            last: first | mask,
        })
    }

    /// Whether it holds every address of its kind.
    pub fn is_everything(&self) -> bool {
        let all = if self.is_v6 {
            u128::MAX
        } else {
            u128::from(u32::MAX)
        };
        self.first == 0 && self.last == all
    }

    fn meets(&self, other: &Block) -> Option<Block> {
        let first = self.first.max(other.first);
        let last = self.last.min(other.last);
        (self.is_v6 == other.is_v6 && first <= last).then_some(Block {
            is_v6: self.is_v6,
            first,
            last,
        })
    }

    fn address(&self, at: u128) -> Str {
        let four = u32::try_from(at).ok().filter(|_| !self.is_v6);
        let address = match four {
            Some(four) => IpAddr::V4(four.into()),
            None => IpAddr::V6(at.into()),
        };
        address.to_string().into()
    }
}

impl Pattern {
    /// Every text.
    pub fn any() -> Self {
        Pattern::Affix {
            prefix: "".into(),
            suffix: "".into(),
        }
    }

    /// Texts with this beginning.
    pub fn beginning(text: &str) -> Self {
        Pattern::Affix {
            prefix: text.into(),
            suffix: "".into(),
        }
    }

    /// Reads a regular expression that must match as a whole, as Envoy reads it: one of several
    /// sets. `None` where it is no expression, or a large one.
    pub fn read_regex(text: &str) -> Option<Vec<Self>> {
        expression::read(text)
    }

    /// The same texts in large and small letters; `None` where that is too large.
    pub(crate) fn in_any_case(&self) -> Option<Vec<Self>> {
        match self {
            Pattern::Exact(text) => expression::read_in_any_case(text, ""),
            Pattern::Affix { prefix, .. } => expression::read_in_any_case(prefix, ".*"),
            _ => None,
        }
    }

    /// Whether a path that a regular expression does not match may fit it once there is a query
    /// behind.
    pub(crate) fn may_hold_a_query(text: &str) -> bool {
        expression::may_ask(text)
    }

    /// Whether it is one of those that are only asked about texts that are known.
    pub(super) fn is_opaque(&self) -> bool {
        matches!(self, Pattern::Template(_) | Pattern::Regex(_))
    }

    /// Reads a value as Istio does: `*` is every text, a star in front means an end, else a
    /// star at the end means a beginning; any other star is itself.
    pub fn read(text: &str) -> Self {
        if let Some(suffix) = text.strip_prefix('*') {
            return Pattern::Affix {
                prefix: "".into(),
                suffix: suffix.into(),
            };
        }
        match text.strip_suffix('*') {
            Some(prefix) => Pattern::Affix {
                prefix: prefix.into(),
                suffix: "".into(),
            },
            None => Pattern::Exact(text.into()),
        }
    }

    /// Reads a path, which may be a template.
    pub fn read_path(text: &str) -> Self {
        if text.contains("{*}") || text.contains("{**}") {
            return Pattern::Template(text.into());
        }
        Self::read(text)
    }

    /// The same in lower case, for what is compared without regard to it.
    #[must_use]
    pub fn lower(self) -> Self {
        let low = |text: Str| Str::from(text.to_lowercase());
        match self {
            Pattern::Exact(text) => Pattern::Exact(low(text)),
            Pattern::Affix { prefix, suffix } => Pattern::Affix {
                prefix: low(prefix),
                suffix: low(suffix),
            },
            other => other,
        }
    }

    /// Whether a text (or an address, written out) is in the set.
    pub fn holds(&self, text: &str) -> bool {
        match self {
            Pattern::Exact(exact) => &**exact == text,
            Pattern::Affix { prefix, suffix } => {
                text.starts_with(&**prefix) && text.ends_with(&**suffix)
            }
            Pattern::Template(template) => template_holds(template, text),
            Pattern::Regex(regex) => expression::matches(regex, text),
            Pattern::Block(block) => {
                Block::read(text).is_some_and(|one| block.meets(&one) == Some(one))
            }
        }
    }

    /// The texts that are in both; `None` where there are none. Templates and expressions are
    /// left to [`Pattern::holds`]: with one, the answer is the other set, which is too many.
    pub fn meets(&self, other: &Pattern) -> Option<Pattern> {
        match (self, other) {
            (Pattern::Template(_) | Pattern::Regex(_), other)
            | (other, Pattern::Template(_) | Pattern::Regex(_)) => Some(other.clone()),
            (Pattern::Block(one), Pattern::Block(two)) => one.meets(two).map(Pattern::Block),
            (Pattern::Exact(text), other) | (other, Pattern::Exact(text)) => {
                other.holds(text).then(|| Pattern::Exact(text.clone()))
            }
            (
                Pattern::Affix { prefix, suffix },
                Pattern::Affix {
                    prefix: begin,
                    suffix: end,
                },
            ) => Some(Pattern::Affix {
                prefix: longer(prefix, begin, |text, part| text.starts_with(part))?,
                suffix: longer(suffix, end, |text, part| text.ends_with(part))?,
            }),
            (Pattern::Block(_), _) | (_, Pattern::Block(_)) => None,
        }
    }

    /// A text of this set that is in none of the others; `None` where the others cover it.
    /// Exact but for templates and expressions, which may make it `None` although there is one.
    pub fn without(&self, others: &[Pattern]) -> Option<Str> {
        let free = |text: Str| (!others.iter().any(|other| other.holds(&text))).then_some(text);
        match self {
            Pattern::Exact(text) => free(text.clone()),
            // A text with a letter in the middle that no pattern has begins with what a pattern
            // asks only if the prefix does, and ends so only if the suffix does: what covers
            // it, covers the whole set.
            Pattern::Affix { prefix, suffix } => {
                let short = format!("{prefix}{suffix}");
                let short = (!short.is_empty()).then(|| free(short.into())).flatten();
                let middle = unused(others);
                short.or_else(|| free(format!("{prefix}{middle}{suffix}").into()))
            }
            Pattern::Template(template) => {
                let one = template.replace("{**}", "x/y").replace("{*}", "x");
                free(one.into())
            }
            Pattern::Regex(_) => None,
            Pattern::Block(block) => free_address(block, others),
        }
    }
}

fn longer(one: &Str, two: &Str, holds: fn(&str, &str) -> bool) -> Option<Str> {
    if holds(one, two) {
        Some(one.clone())
    } else if holds(two, one) {
        Some(two.clone())
    } else {
        None
    }
}

/// A letter that stands in none of the patterns.
fn unused(others: &[Pattern]) -> char {
    let texts = others.iter().flat_map(|other| match other {
        Pattern::Exact(text) | Pattern::Template(text) | Pattern::Regex(text) => [&**text, ""],
        Pattern::Affix { prefix, suffix } => [&**prefix, &**suffix],
        Pattern::Block(_) => ["", ""],
    });
    let used: HashSet<char> = texts.flat_map(str::chars).collect();
    let letters = ('a'..='z').chain('0'..='9').chain('\u{e0}'..=char::MAX);
    let mut free = letters.filter(|letter| !used.contains(letter));
    free.next().unwrap_or('a')
}

fn free_address(block: &Block, others: &[Pattern]) -> Option<Str> {
    let mut taken: Vec<Block> = others
        .iter()
        .filter_map(|other| match other {
            Pattern::Block(other) => block.meets(other),
            _ => None,
        })
        .collect();
    taken.sort_unstable_by_key(|taken| taken.first);
    let mut next = block.first;
    for one in taken {
        if one.first > next {
            break;
        }
        if one.last >= next {
            next = one.last.checked_add(1)?;
        }
    }
    (next <= block.last).then(|| block.address(next))
}

/// Whether a path is made by a template: `{*}` is one letter or more of one part, `{**}` any
/// letters, slashes among them, or none. So Envoy reads them.
fn template_holds(template: &str, path: &str) -> bool {
    // Where in the path the template so far may end.
    let mut ends: Vec<bool> = (0..=path.len()).map(|at| at == 0).collect();
    let mut rest = template;
    while !rest.is_empty() {
        let (next, after) = step(rest, path, &ends);
        ends = next;
        rest = after;
    }
    ends.last().copied().unwrap_or(false)
}

/// Takes the first piece of a template: where it may end, and what is left of the template.
fn step<'t>(template: &'t str, path: &str, ends: &[bool]) -> (Vec<bool>, &'t str) {
    let letters = path.as_bytes();
    let mut next = vec![false; ends.len()];
    let wildcard = [("{**}", true), ("{*}", false)]
        .into_iter()
        .find_map(|(word, any)| template.strip_prefix(word).map(|after| (any, after)));
    if let Some((any, after)) = wildcard {
        let mut is_open = false;
        for (at, slot) in next.iter_mut().enumerate() {
            let letter = at.checked_sub(1).and_then(|before| letters.get(before));
            let goes_on = is_open && letter.is_some_and(|letter| any || *letter != b'/');
            let starts = ends.get(at).copied().unwrap_or(false);
            *slot = goes_on || (any && starts);
            is_open = goes_on || starts;
        }
        return (next, after);
    }
    let length = template
        .find("{*")
        .filter(|at| *at > 0)
        .unwrap_or(template.len());
    let (literal, after) = template.split_at(length);
    for (at, _) in ends.iter().enumerate().filter(|(_, ends)| **ends) {
        let fits = path.get(at..).is_some_and(|rest| rest.starts_with(literal));
        if let Some(slot) = next.get_mut(at + literal.len()).filter(|_| fits) {
            *slot = true;
        }
    }
    (next, after)
}
