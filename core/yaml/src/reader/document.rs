//! Where documents start and end.

use super::{Reader, Stage, wrong};
use crate::event::{Event, Fault};

impl Reader<'_> {
    /// The next step outside of all collections.
    pub(super) fn document(&mut self) -> Result<(), Fault> {
        match self.stage {
            Stage::Start => {
                self.skip()?;
                let at = self.place.mark();
                if self.place.at_end() {
                    self.ready.push_back(Event::StreamEnd);
                    return Ok(());
                }
                let explicit = self.place.at_stop() && !self.place.is_boundary(b'.');
                if explicit {
                    self.directives()?;
                    self.place.pos += 3;
                    self.last_end = self.place.offset();
                    self.fresh = false;
                }
                self.ready.push_back(Event::DocumentStart { at });
                self.stage = Stage::Root { explicit };
            }
            Stage::Root { explicit } => {
                self.stage = Stage::Content;
                self.skip()?;
                let at = self.place.mark();
                if !self.place.at_stop() {
                    return self.node(0, false);
                }
                if self.place.is_boundary(b'.') && !explicit {
                    return self.no_start();
                }
                self.absent(at);
            }
            Stage::Content => {
                self.skip()?;
                if self.place.is_boundary(b'.') {
                    self.place.pos += 3;
                    self.fresh = false;
                } else {
                    self.glance()?;
                }
                self.ready.push_back(Event::DocumentEnd);
                self.stage = Stage::End;
            }
            Stage::End => {
                self.skip()?;
                while self.place.is_boundary(b'.') {
                    self.place.pos += 3;
                    self.skip()?;
                }
                let at = self.place.mark();
                let over = self.place.at_end();
                self.ready.push_back(if over {
                    Event::StreamEnd
                } else {
                    Event::DocumentStart { at }
                });
                self.stage = Stage::After;
            }
            Stage::After => self.ready.push_back(Event::StreamEnd),
        }
        Ok(())
    }

    /// What follows the first document is ignored, but the original has a look at it: at one
    /// piece, or, where the row may still make a key of something, at all pieces until that
    /// is known.
    fn glance(&mut self) -> Result<(), Fault> {
        let here = self.place.clone();
        let result = self.glances();
        self.seen = self.seen.max(self.place.offset());
        self.brackets = 0;
        if result.is_ok() {
            self.place = here;
        }
        result
    }

    fn glances(&mut self) -> Result<(), Fault> {
        let root = self
            .head
            .filter(|start| start.fresh && self.is_near(*start));
        let mut key = root;
        if root.is_none() && self.fresh && self.starts_key() {
            key = Some(self.start());
        }
        let opening = self.place.pos;
        while !self.place.at_end() && !self.place.at_boundary() {
            if self.place.at_stop() {
                return self.directive().map(|_| ());
            }
            if let Some(start) = key
                && !self.in_flow()
                && self.place.indicator(b':')
                && self.is_near(start)
            {
                return match root {
                    Some(_) => self.place.fault(wrong::NO_PAIR_HERE),
                    None => Ok(()),
                };
            }
            // These leave nothing that could still be a key.
            let closes = matches!(self.place.byte(), b']' | b'}');
            let settles = match (self.in_flow(), closes) {
                (false, closes) => closes || self.place.byte() == b',',
                (true, closes) => {
                    closes && root.is_none() && is_empty(self.place.slice(opening, self.place.pos))
                }
            };
            self.piece_ahead()?;
            if settles || key.is_none_or(|start| !self.is_near(start)) {
                return Ok(());
            }
            let brackets = self.brackets;
            self.skip()?;
            self.brackets = brackets;
        }
        Ok(())
    }

    fn starts_key(&self) -> bool {
        matches!(
            self.place.byte(),
            b'&' | b'!' | b'*' | b'\'' | b'"' | b'[' | b'{'
        ) || self.starts_plain()
    }

    /// One piece of what is ignored, whatever it means.
    fn piece_ahead(&mut self) -> Result<(), Fault> {
        match self.place.byte() {
            b'-' | b'?' | b':' if !self.in_flow() && self.place.gap_ahead(1) => {
                if !self.fresh {
                    return self.place.fault(wrong::NO_BLOCK_HERE);
                }
                self.place.pos += 1;
            }
            b'-' if self.place.gap_ahead(1) => self.place.pos += 1,
            b'[' | b'{' => {
                self.place.pos += 1;
                self.brackets += 1;
                self.fresh = false;
            }
            b']' | b'}' => {
                self.place.pos += 1;
                self.brackets = self.brackets.saturating_sub(1);
                self.fresh = false;
            }
            b',' => {
                self.place.pos += 1;
                self.fresh = true;
            }
            b'?' | b':' if self.in_flow() => self.place.pos += 1,
            b'&' | b'*' => {
                self.name()?;
            }
            b'!' => {
                self.tag_parts()?;
                self.fresh = false;
            }
            b'\'' | b'"' => {
                self.quoted()?;
            }
            b'|' | b'>' if !self.in_flow() => {
                self.literal(0)?;
            }
            _ if self.starts_plain() => {
                self.plain(0)?;
            }
            _ => return self.no_start(),
        }
        Ok(())
    }

    /// No value starts here.
    pub(super) fn no_start<T>(&self) -> Result<T, Fault> {
        self.place.fault(&wrong::no_value(self.place.byte()))
    }
}

/// Whether nothing stands behind a bracket.
fn is_empty(opened: &str) -> bool {
    let inside = opened.strip_prefix(['[', '{']);
    inside.is_some_and(|inside| inside.trim().is_empty())
}
