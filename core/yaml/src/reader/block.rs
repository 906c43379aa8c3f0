//! Collections of the block style, which live by indentation.

use super::names::Found;
use super::place::Place;
use super::{Around, Due, Open, Reader, Stage, Start, wrong};
use crate::build::fault;
use crate::event::{Event, Fault, Mark, Properties};
use std::borrow::Cow;

/// Something that may be a key: a scalar or an alias.
enum Word<'a> {
    Scalar {
        text: Cow<'a, str>,
        end: usize,
        plain: bool,
    },
    Alias {
        name: &'a str,
        at: Mark,
        end: usize,
    },
}

impl<'a> Reader<'a> {
    /// The next entry of a list.
    pub(super) fn list(&mut self, column: usize, hanging: bool) -> Result<(), Fault> {
        self.skip()?;
        let here = self.place.column();
        if self.place.at_stop() || here < column {
            self.close();
            return Ok(());
        }
        if here > column || !self.fresh || !self.place.indicator(b'-') {
            if hanging {
                self.close(); // and the mapping sees to it
                return Ok(());
            }
            return self.place.fault(wrong::NO_ITEM);
        }
        self.indicator();
        self.fresh = true;
        self.value(column, false)
    }

    /// The next piece of a mapping.
    pub(super) fn map(&mut self, column: usize, due: Due) -> Result<(), Fault> {
        match due {
            Due::Asked => {
                self.expect(Due::Colon);
                self.fresh = true;
                return self.value(column, true);
            }
            Due::Value => {
                self.expect(Due::Key);
                return self.value(column, true);
            }
            Due::Key | Due::Colon | Due::NoValue => {}
        }
        self.skip()?;
        let here = self.place.column();
        let over = self.place.at_stop() || here < column;
        if due == Due::Colon {
            if !over && here == column && self.fresh && self.place.indicator(b':') {
                self.indicator();
                self.fresh = true;
                self.expect(Due::Value);
            } else {
                self.absent(self.place.mark());
                self.expect(Due::Key);
            }
            return Ok(());
        }
        if over {
            self.close();
            return Ok(());
        }
        let starts = here == column && self.fresh;
        if !starts || self.place.indicator(b'-') || self.place.indicator(b':') {
            return self.place.fault(wrong::NO_KEY);
        }
        if self.place.indicator(b'?') {
            self.indicator();
            self.expect(Due::Asked);
            return Ok(());
        }
        self.key(column)
    }

    /// A key that must be one, by its indentation.
    fn key(&mut self, column: usize) -> Result<(), Fault> {
        let start = self.start();
        let found = self.properties()?;
        if found.end.is_some() && self.place.indicator(b':') {
            self.bare(found)?;
        } else if matches!(self.place.byte(), b'[' | b'{') {
            return self.bracket(found, column);
        } else {
            let Some(word) = self.word(column + 1)? else {
                if self.place.gap_ahead(0) {
                    return fault(start.mark, wrong::NO_COLON);
                }
                return self.no_start();
            };
            if !self.colon_follows() || !self.is_near(start) {
                return fault(start.mark, wrong::NO_COLON);
            }
            self.say(word, found)?;
        }
        self.colon();
        Ok(())
    }

    /// Over the `:` after a key.
    fn colon(&mut self) {
        self.indicator();
        self.fresh = false;
        self.expect(Due::Value);
    }

    /// The item after a `-`, or the value after a `:` (or key after a `?`), of a collection
    /// in this column. A list may hang below a key.
    fn value(&mut self, column: usize, may_hang: bool) -> Result<(), Fault> {
        let behind = self.place.mark();
        self.skip()?;
        let here = self.place.column();
        if self.place.at_stop() || here < column || here == column && !self.is_literal() {
            if may_hang && self.hangs(column) {
                return self.hang(column, Properties::default(), self.place.mark());
            }
            self.absent(behind);
            return Ok(());
        }
        self.node(column + 1, may_hang)
    }

    /// A block scalar may start in the column of what it belongs to: it cannot be a key.
    fn is_literal(&self) -> bool {
        matches!(self.place.byte(), b'|' | b'>')
    }

    fn hangs(&self, column: usize) -> bool {
        !self.place.at_stop() && self.place.column() == column && self.place.indicator(b'-')
    }

    fn hang(&mut self, column: usize, properties: Properties<'a>, at: Mark) -> Result<(), Fault> {
        self.ready
            .push_back(Event::SequenceStart { properties, at });
        self.push(Open::List {
            column,
            hanging: true,
        })
    }

    /// A node that starts here, indented by `floor` at least. Properties may stand on rows
    /// of their own before it.
    pub(super) fn node(&mut self, floor: usize, may_hang: bool) -> Result<(), Fault> {
        if self.open.is_empty() || !self.is_simple_value(floor)? {
            return self.any_node(floor, may_hang);
        }
        Ok(())
    }

    /// Reads a scalar without properties behind its key or dash, which nearly all values
    /// are; `false` when something else stands here.
    fn is_simple_value(&mut self, floor: usize) -> Result<bool, Fault> {
        if self.fresh {
            return Ok(false);
        }
        let start = self.start();
        let Some(word) = self.word(floor)? else {
            return Ok(false);
        };
        if self.colon_follows() && !self.fresh {
            return self.place.fault(wrong::NO_PAIR_HERE);
        }
        self.say(word, Found::none(start))?;
        Ok(true)
    }

    fn any_node(&mut self, floor: usize, may_hang: bool) -> Result<(), Fault> {
        let mut above = Found::none(self.start());
        loop {
            let before = self.place.clone();
            let found = self.properties()?;
            if found.end.is_none() {
                return self.content(floor, above, found, before);
            }
            let row = self.place.row;
            self.skip()?;
            let least = floor - usize::from(floor > 0 && self.is_literal());
            let over = self.place.at_stop() || self.place.column() < least;
            if row == self.place.row && !over {
                return self.content(floor, above, found, before);
            }
            let Some(both) = above.with(&found) else {
                return self.twice(above, before, found.start);
            };
            if over {
                return match floor.checked_sub(1) {
                    Some(column) if may_hang && self.hangs(column) => {
                        let at = both.start.mark;
                        self.hang(column, both.used()?, at)
                    }
                    _ => self.bare(both),
                };
            }
            above = both;
        }
    }

    /// What stands behind properties: those on rows `above`, and those `found` on this row.
    fn content(
        &mut self,
        floor: usize,
        above: Found<'a>,
        found: Found<'a>,
        row: Place<'a>,
    ) -> Result<(), Fault> {
        let start = found.start;
        if self.open.is_empty() {
            self.head = Some(start);
        }
        let before = self.place.clone();
        let both = above.with(&found);
        match self.place.byte() {
            b'-' if self.place.gap_ahead(1) => {
                if !self.fresh {
                    return self.place.fault(wrong::NO_LIST_HERE);
                }
                let column = self.place.column();
                self.ready.push_back(Event::SequenceStart {
                    at: above.end.map_or(start, |_| above.start).mark,
                    properties: above.used()?,
                });
                return self.push(Open::List {
                    column,
                    hanging: false,
                });
            }
            b'?' if self.place.gap_ahead(1) => {
                if !self.fresh {
                    return self.place.fault(wrong::NO_ASKED_KEY_HERE);
                }
                return self.open_map(above, start);
            }
            b':' if self.place.gap_ahead(1) => {
                if found.end.is_some() && start.fresh && self.is_near(start) {
                    self.open_map(above, start)?;
                    self.bare(found)?;
                    self.colon();
                    return Ok(());
                }
                return self.place.fault(if self.fresh {
                    wrong::NOTHING_BEFORE_COLON
                } else {
                    wrong::NO_PAIR_HERE
                });
            }
            b'[' | b'{' => {
                return match both {
                    Some(both) => self.bracket(both, floor),
                    None => self.twice(above, row, start),
                };
            }
            b'|' | b'>' => {
                let Some(both) = both else {
                    return self.twice(above, row, start);
                };
                self.head = None;
                let (text, end) = self.literal(floor)?;
                return self.scalar(both, Cow::Owned(text), end, false);
            }
            _ => {}
        }
        let Some(word) = self.word(floor)? else {
            return match (both, self.place.byte()) {
                (None, _) => self.twice(above, row, start),
                (Some(both), _) if both.end.is_none() => self.no_start(),
                (Some(both), b',' | b']' | b'}' | b'&' | b'!') => self.bare(both),
                _ => self.no_start(),
            };
        };
        if self.colon_follows() && !self.fresh {
            if start.fresh && self.is_near(start) {
                self.open_map(above, start)?;
                self.say(word, found)?;
                self.colon();
                return Ok(());
            }
            if both.is_some() || !self.open.is_empty() {
                return self.place.fault(wrong::NO_PAIR_HERE);
            }
        }
        let Some(both) = both else {
            return self.twice(above, row, start);
        };
        if both.end.is_some() && matches!(word, Word::Alias { .. }) {
            // An alias has no properties: they are a value of their own.
            self.place = before;
            return self.bare(both);
        }
        self.say(word, both)
    }

    /// Properties of the same kind twice: the later ones, which stand on a row of their own,
    /// belong to something else.
    fn twice(&mut self, above: Found<'a>, row: Place<'a>, start: Start) -> Result<(), Fault> {
        if self.open.is_empty() {
            self.head = Some(start);
            self.place = row;
            self.fresh = start.fresh;
            return self.bare(above);
        }
        fault(start.mark, wrong::ONE_MORE_PROPERTY)
    }

    fn open_map(&mut self, above: Found<'a>, start: Start) -> Result<(), Fault> {
        let at = above.end.map_or(start, |_| above.start).mark;
        self.ready.push_back(Event::MappingStart {
            at,
            properties: above.used()?,
        });
        // Columns of YAML, which are not those of the whole text on its first row.
        let column = self.column_of(start);
        self.push(Open::Map {
            column,
            due: Due::Key,
        })
    }

    fn column_of(&self, start: Start) -> usize {
        let behind = self.place.offset() - start.mark.offset;
        let from = self.place.pos - behind;
        self.place.slice(start.row, from).chars().count()
    }

    /// A scalar or alias, if one starts here.
    fn word(&mut self, floor: usize) -> Result<Option<Word<'a>>, Fault> {
        Ok(Some(match self.place.byte() {
            b'*' => {
                let at = self.place.mark();
                let name = self.name()?;
                let end = self.place.offset();
                Word::Alias { name, at, end }
            }
            b'\'' | b'"' => {
                let text = self.quoted()?;
                let end = self.place.pos;
                Word::Scalar {
                    text,
                    end,
                    plain: false,
                }
            }
            _ if self.starts_plain() => {
                let (text, end) = self.plain(floor)?;
                Word::Scalar {
                    text,
                    end,
                    plain: true,
                }
            }
            _ => return Ok(None),
        }))
    }

    /// Hands a word on, with its properties.
    fn say(&mut self, word: Word<'a>, found: Found<'a>) -> Result<(), Fault> {
        match word {
            Word::Scalar { text, end, plain } => self.scalar(found, text, end, plain)?,
            Word::Alias { .. } if found.end.is_some() => {
                return fault(found.start.mark, wrong::PROPERTIES_OF_ALIAS);
            }
            Word::Alias { name, at, end } => self.ready.push_back(Event::Alias { name, at, end }),
        }
        Ok(())
    }

    /// Opens brackets in the block style.
    fn bracket(&mut self, found: Found<'a>, floor: usize) -> Result<(), Fault> {
        self.around = Around {
            floor,
            start: found.start,
            keyless: found.end.is_none() || found.start.row != self.place.row,
        };
        self.open_bracket(found)
    }

    /// After the last bracket: it is the end of a value, not of a key.
    pub(super) fn closed(&mut self) -> Result<(), Fault> {
        self.fresh = false;
        if self.around.keyless {
            self.head = None;
        }
        self.place.blanks();
        if !self.place.indicator(b':') {
            return Ok(());
        }
        let start = self.around.start;
        if self.open.is_empty() && self.around.keyless && start.fresh {
            self.ready.push_back(Event::DocumentEnd);
            self.stage = Stage::End;
            return Ok(());
        }
        if start.fresh && self.is_near(start) {
            return fault(start.mark, wrong::KEY_IS_COLLECTION);
        }
        self.place.fault(wrong::NO_PAIR_HERE)
    }

    /// A value in brackets that may be a key where `key` says so, and whether it is one.
    pub(super) fn flow_word(&mut self, may_be_key: bool) -> Result<bool, Fault> {
        let mut found = Found::none(self.start());
        loop {
            let more = self.properties()?;
            if more.end.is_none() {
                break;
            }
            self.skip()?;
            let Some(both) = found.with(&more) else {
                return fault(more.start.mark, wrong::ONE_MORE_PROPERTY);
            };
            found = both;
        }
        if self.place.at_stop() {
            return self.place.fault(wrong::OPEN_BRACKET);
        }
        if matches!(self.place.byte(), b'[' | b'{') {
            self.open_bracket(found)?;
            return Ok(false);
        }
        let start = found.start;
        let Some(word) = self.word(self.around.floor)? else {
            if found.end.is_none() || !matches!(self.place.byte(), b':' | b',' | b'?' | b']' | b'}')
            {
                return self.no_start();
            }
            let is_key = may_be_key && self.colon_follows() && self.is_near(start);
            self.pair_before(start, is_key)?;
            self.bare(found)?;
            return Ok(is_key);
        };
        let is_key = may_be_key && self.colon_follows() && self.is_near(start);
        self.pair_before(start, is_key)?;
        self.say(word, found)?;
        Ok(is_key)
    }
}
