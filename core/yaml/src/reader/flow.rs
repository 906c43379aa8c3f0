//! Collections in brackets.

use super::names::Found;
use super::{Due, Open, Reader, Start, wrong};
use crate::event::{Event, Fault, Properties};

impl<'a> Reader<'a> {
    /// Opens the bracket that stands here.
    pub(super) fn open_bracket(&mut self, found: Found<'a>) -> Result<(), Fault> {
        let at = found.start.mark;
        let properties = found.used()?;
        if self.place.byte() == b'[' {
            self.ready
                .push_back(Event::SequenceStart { properties, at });
            self.push(Open::Items { first: true })?;
        } else {
            self.ready.push_back(Event::MappingStart { properties, at });
            self.push(Open::Pairs {
                first: true,
                due: Due::Key,
            })?;
        }
        self.brackets += 1;
        self.indicator();
        Ok(())
    }

    fn close_bracket(&mut self) -> Result<(), Fault> {
        self.indicator();
        self.brackets -= 1;
        self.close();
        if self.in_flow() {
            Ok(())
        } else {
            self.closed()
        }
    }

    /// Goes to the next entry; `false` if the bracket closes instead.
    fn entry(&mut self, first: bool, bracket: u8, neither: &str) -> Result<bool, Fault> {
        self.skip()?;
        if !first && !self.place.at_stop() && self.place.byte() != bracket {
            if self.place.byte() != b',' {
                return self.place.fault(neither);
            }
            self.indicator();
            self.skip()?;
        }
        if self.place.at_stop() {
            return self.place.fault(wrong::OPEN_BRACKET);
        }
        if self.place.byte() == bracket {
            self.close_bracket()?;
            return Ok(false);
        }
        Ok(true)
    }

    /// The next item of `[…]`.
    pub(super) fn items(&mut self, first: bool) -> Result<(), Fault> {
        if let Some(Open::Items { first }) = self.open.last_mut() {
            *first = false;
        }
        if !self.entry(first, b']', wrong::NO_COMMA_IN_LIST)? {
            return Ok(());
        }
        if self.place.byte() == b'?' {
            let start = self.start();
            self.indicator();
            self.open_pair(start, Due::Asked)?;
            return Ok(());
        }
        self.around.keyless &= self.brackets > 1;
        if self.flow_word(true)? {
            self.indicator();
        }
        Ok(())
    }

    fn open_pair(&mut self, start: Start, due: Due) -> Result<(), Fault> {
        self.ready.push_back(Event::MappingStart {
            properties: Properties::default(),
            at: start.mark,
        });
        self.push(Open::Pair { due })
    }

    /// Announces the pair of which this is the key, if it is in a list.
    pub(super) fn pair_before(&mut self, start: Start, is_key: bool) -> Result<(), Fault> {
        if is_key && matches!(self.open.last(), Some(Open::Items { .. })) {
            self.open_pair(start, Due::Value)?;
        }
        Ok(())
    }

    /// The next piece of `{…}`.
    pub(super) fn pairs(&mut self, first: bool, due: Due) -> Result<(), Fault> {
        if due != Due::Key {
            return self.rest_of_pair(due, b'}');
        }
        if let Some(Open::Pairs { first, .. }) = self.open.last_mut() {
            *first = false;
        }
        if !self.entry(first, b'}', wrong::NO_COMMA_IN_MAPPING)? {
            return Ok(());
        }
        if self.place.byte() == b'?' {
            self.indicator();
            self.expect(Due::Asked);
            return Ok(());
        }
        self.around.keyless &= self.brackets > 1;
        self.expect(Due::NoValue);
        if self.flow_word(true)? {
            self.indicator();
            self.expect(Due::Value);
        }
        Ok(())
    }

    /// The next piece of a pair in a list.
    pub(super) fn pair(&mut self, due: Due) -> Result<(), Fault> {
        if due == Due::Key {
            self.close();
            return Ok(());
        }
        self.rest_of_pair(due, b']')
    }

    /// What a pair waits for after its start; a bracket ends it, or a comma.
    fn rest_of_pair(&mut self, due: Due, bracket: u8) -> Result<(), Fault> {
        self.skip()?;
        let colon = self.place.byte() == b':' && !self.place.at_stop();
        if due == Due::Colon && colon {
            self.indicator();
            self.expect(Due::Value);
            return Ok(());
        }
        let over = self.place.byte() == bracket || self.place.byte() == b',';
        self.expect(if due == Due::Asked {
            Due::Colon
        } else {
            Due::Key
        });
        match due {
            Due::Asked if over || colon => self.absent(self.place.mark()),
            Due::Value if over => self.absent(self.place.mark()),
            Due::Asked | Due::Value => {
                self.flow_word(false)?;
            }
            Due::Key | Due::Colon | Due::NoValue => self.absent(self.place.mark()),
        }
        Ok(())
    }
}
