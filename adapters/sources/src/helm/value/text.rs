//! Text that remembers where its pieces come from.
//!
//! A rendered manifest is text, but a finding in it must point at the template's line and
//! at the values key behind it. So every string a template makes can carry marks: from this
//! byte on, the text stands at that place and was decided by that key. Functions that cut
//! and join text carry marks along; what a function computes anew has none and gets the
//! place of the action that prints it.

use std::rc::Rc;

/// Longest text a template may make.
pub(crate) const MAX_TEXT: usize = 16 << 20;

/// What is said when one would be longer.
pub(crate) const TOO_LONG: &str = "a template function makes more than 16 MiB of text";

/// How the cause of an [`Origin`] decided the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub(crate) enum How {
    /// The text stands inside an `if`, `with` or `range` that the key decided.
    #[default]
    Around,
    /// The key's value was printed.
    Printed,
    /// The text is an element of a printed map or list: its container is the key above.
    Element,
}

/// Where a piece of text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Origin {
    /// A file of the rendering ([`crate::helm::places`]); 0 when unknown.
    pub(crate) file: u32,
    /// First byte in that file.
    pub(crate) start: u32,
    /// One past the last byte of the action that made the text; 0 when the text itself
    /// stands in the file, byte by byte.
    pub(crate) end: u32,
    /// The values key that decided it ([`crate::helm::places`]); 0 when none did.
    pub(crate) cause: u32,
    /// How it did.
    pub(crate) how: How,
}

impl Origin {
    /// The origin `by` bytes further on.
    fn advance(self, by: u32) -> Self {
        if self.file != 0 && self.end == 0 {
            Self {
                start: self.start.saturating_add(by),
                ..self
            }
        } else {
            self
        }
    }

    /// This origin, with what it does not know taken from `base`.
    fn or(self, base: Origin) -> Self {
        let mut out = self;
        if out.file == 0 {
            (out.file, out.start, out.end) = (base.file, base.start, base.end);
        }
        if out.cause == 0 {
            (out.cause, out.how) = (base.cause, base.how);
        }
        out
    }

    /// An origin that only knows the key whose value was printed.
    pub(crate) fn of(cause: u32) -> Self {
        Self {
            cause,
            how: How::Printed,
            ..Self::default()
        }
    }
}

/// From byte `at` on, up to the next mark, text has this origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mark {
    pub(crate) at: u32,
    pub(crate) origin: Origin,
}

/// Immutable text with marks.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    whole: Rc<str>,
    marks: Option<Rc<[Mark]>>,
    /// It would have been longer than a text may be.
    cut: bool,
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self {
            whole: Rc::from(text),
            marks: None,
            cut: false,
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self {
            whole: Rc::from(text),
            marks: None,
            cut: false,
        }
    }
}

impl From<Rc<str>> for Text {
    fn from(text: Rc<str>) -> Self {
        Self {
            whole: text,
            marks: None,
            cut: false,
        }
    }
}

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        &self.whole
    }

    pub(crate) fn rc(&self) -> Rc<str> {
        self.whole.clone()
    }

    /// Whether it knows anything about its origin.
    pub(crate) fn is_marked(&self) -> bool {
        self.marks.is_some()
    }

    /// Whether nobody else has it.
    pub(crate) fn is_new(&self) -> bool {
        Rc::strong_count(&self.whole) == 1
    }

    /// Whether it would have been longer than a text may be.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    pub(crate) fn marks(&self) -> &[Mark] {
        self.marks.as_deref().unwrap_or(&[])
    }

    /// The same text, all of it from this key, unless it knows better.
    pub(crate) fn caused_by(&self, cause: u32) -> Text {
        if self.marks.is_some() || cause == 0 {
            return self.clone();
        }
        self.with_origin(Origin::of(cause))
    }

    /// The same text with one origin.
    pub(crate) fn with_origin(&self, origin: Origin) -> Text {
        Text {
            whole: self.whole.clone(),
            marks: Some(Rc::from([Mark { at: 0, origin }])),
            cut: self.cut,
        }
    }

    /// The first key that any piece was decided by.
    pub(crate) fn first_cause(&self) -> u32 {
        self.marks()
            .iter()
            .map(|mark| mark.origin.cause)
            .find(|cause| *cause != 0)
            .unwrap_or(0)
    }

    /// Where a byte comes from.
    pub(crate) fn origin_at(&self, at: u32) -> Origin {
        origin_at(self.marks(), at)
    }

    /// Bytes `start..end` with their marks; empty when they are no char boundaries.
    pub(crate) fn slice(&self, start: usize, end: usize) -> Text {
        if start == 0 && end == self.whole.len() {
            return self.clone();
        }
        if self.marks.is_none() {
            return Text::from(self.whole.get(start..end).unwrap_or(""));
        }
        let mut out = Out::default();
        out.push_slice(self, start, end, Origin::default());
        out.finish()
    }
}

/// Where a byte comes from, by marks sorted by offset.
pub(crate) fn origin_at(marks: &[Mark], at: u32) -> Origin {
    let next = marks.partition_point(|mark| mark.at <= at);
    let mark = next.checked_sub(1).and_then(|index| marks.get(index));
    mark.map_or_else(Origin::default, |mark| mark.origin.advance(at - mark.at))
}

/// Text in the making.
#[derive(Debug, Default)]
pub(crate) struct Out {
    text: String,
    marks: Vec<Mark>,
    full: bool,
}

impl Out {
    /// Whether something was left out because the text got too long.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// Adds text of one origin.
    pub(crate) fn push(&mut self, text: &str, origin: Origin) {
        if text.is_empty() {
            return;
        }
        if self.text.len() + text.len() > MAX_TEXT {
            self.full = true;
            return;
        }
        let at = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        let known = match self.marks.last() {
            Some(last) => last.origin.advance(at - last.at) == origin,
            None => origin == Origin::default(),
        };
        if !known {
            self.marks.push(Mark { at, origin });
        }
        self.text.push_str(text);
    }

    /// Adds marked text; what it does not know comes from `base`.
    pub(crate) fn push_text(&mut self, text: &Text, base: Origin) {
        self.push_slice(text, 0, text.whole.len(), base);
    }

    /// Adds a part of marked text.
    pub(crate) fn push_slice(&mut self, text: &Text, start: usize, end: usize, base: Origin) {
        let marks = text.marks();
        if marks.is_empty() {
            self.push(text.whole.get(start..end).unwrap_or(""), base);
            return;
        }
        let mut at = start;
        let offset = u32::try_from(start).unwrap_or(u32::MAX);
        let mut next = marks.partition_point(|mark| mark.at <= offset);
        while at < end {
            let until = marks
                .get(next)
                .map_or(end, |mark| (mark.at as usize).min(end));
            let origin = text.origin_at(u32::try_from(at).unwrap_or(u32::MAX));
            self.push(text.whole.get(at..until).unwrap_or(""), origin.or(base));
            at = until.max(at + 1);
            next += 1;
        }
    }

    pub(crate) fn finish(self) -> Text {
        let marks = if self.marks.is_empty() {
            None
        } else {
            Some(Rc::from(self.marks))
        };
        Text {
            whole: Rc::from(self.text),
            marks,
            cut: self.full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_and_joins_keep_their_places() {
        let linear = |start| Origin {
            file: 1,
            start,
            ..Origin::default()
        };
        let mut out = Out::default();
        out.push("name: ", linear(10));
        out.push("redis", Origin::of(7));
        out.push("\n", linear(30));
        let text = out.finish();
        assert_eq!(text.as_str(), "name: redis\n");
        assert_eq!(text.origin_at(4), linear(14));
        assert_eq!(text.origin_at(8).cause, 7);
        let part = text.slice(4, 12);
        assert_eq!(part.as_str(), ": redis\n");
        assert_eq!(part.origin_at(0), linear(14));
        assert_eq!(part.origin_at(7), linear(30));
        let mut outer = Out::default();
        outer.push_text(
            &part,
            Origin {
                file: 2,
                start: 5,
                end: 9,
                cause: 3,
                how: How::Around,
            },
        );
        let outer = outer.finish();
        assert_eq!(
            outer.origin_at(0),
            Origin {
                cause: 3,
                ..linear(14)
            }
        );
        assert_eq!(outer.origin_at(2).cause, 7);
        assert_eq!((outer.origin_at(2).file, outer.origin_at(2).start), (2, 5));
    }
}
