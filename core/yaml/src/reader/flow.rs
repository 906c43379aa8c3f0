//! The part of the grammar inside of `[]` and `{}`.

use super::grammar::{Reader, State, Step, after};
use super::token::Kind;
use crate::build::fault;
use crate::event::{Event, Fault, Properties};

impl<'a> Reader<'a> {
    /// The comma between two entries of a flow collection.
    fn flow_separator(&mut self, first: bool, expected: &str) -> Result<(), Fault> {
        if first {
            return Ok(());
        }
        let (kind, at, _) = self.scanner.peek()?;
        if kind != Kind::FlowEntry {
            return fault(at, expected);
        }
        self.scanner.take();
        Ok(())
    }

    pub(super) fn flow_sequence_entry(&mut self, first: bool) -> Step<'a> {
        if self.scanner.peek()?.0 != Kind::FlowSequenceEnd {
            self.flow_separator(first, "did not find expected ',' or ']'")?;
            let (kind, at, _) = self.scanner.peek()?;
            if kind == Kind::Key {
                self.scanner.take();
                self.state = State::FlowSequenceEntryMappingKey;
                return Ok(Event::MappingStart {
                    properties: Properties::default(),
                    at,
                });
            }
            if kind != Kind::FlowSequenceEnd {
                self.states.push(State::FlowSequenceEntry);
                return self.node(false, false);
            }
        }
        self.end_flow()
    }

    fn end_flow(&mut self) -> Step<'a> {
        let (_, _, end) = self.scanner.peek()?;
        self.pop();
        self.scanner.take();
        Ok(Event::End { end })
    }

    pub(super) fn flow_sequence_entry_mapping_key(&mut self) -> Step<'a> {
        let (kind, at, end) = self.scanner.peek()?;
        if matches!(kind, Kind::Value | Kind::FlowEntry | Kind::FlowSequenceEnd) {
            // The original skips this token, too, which makes `[? : x]` an error.
            self.scanner.take();
            return self.absent(State::FlowSequenceEntryMappingValue, after(at, end));
        }
        self.states.push(State::FlowSequenceEntryMappingValue);
        self.node(false, false)
    }

    pub(super) fn flow_sequence_entry_mapping_value(&mut self) -> Step<'a> {
        let (mut kind, mut at, _) = self.scanner.peek()?;
        if kind == Kind::Value {
            self.scanner.take();
            (kind, at, _) = self.scanner.peek()?;
            if !matches!(kind, Kind::FlowEntry | Kind::FlowSequenceEnd) {
                self.states.push(State::FlowSequenceEntryMappingEnd);
                return self.node(false, false);
            }
        }
        self.absent(State::FlowSequenceEntryMappingEnd, at)
    }

    pub(super) fn flow_mapping_key(&mut self, first: bool) -> Step<'a> {
        if self.scanner.peek()?.0 != Kind::FlowMappingEnd {
            self.flow_separator(first, "did not find expected ',' or '}'")?;
            let (kind, ..) = self.scanner.peek()?;
            if kind == Kind::Key {
                self.scanner.take();
                let (kind, at, _) = self.scanner.peek()?;
                if matches!(kind, Kind::Value | Kind::FlowEntry | Kind::FlowMappingEnd) {
                    return self.absent(State::FlowMappingValue, at);
                }
                self.states.push(State::FlowMappingValue);
                return self.node(false, false);
            }
            if kind != Kind::FlowMappingEnd {
                self.states.push(State::FlowMappingEmptyValue);
                return self.node(false, false);
            }
        }
        self.end_flow()
    }

    pub(super) fn flow_mapping_value(&mut self) -> Step<'a> {
        let (mut kind, mut at, _) = self.scanner.peek()?;
        if kind == Kind::Value {
            self.scanner.take();
            (kind, at, _) = self.scanner.peek()?;
            if !matches!(kind, Kind::FlowEntry | Kind::FlowMappingEnd) {
                self.states.push(State::FlowMappingKey);
                return self.node(false, false);
            }
        }
        self.absent(State::FlowMappingKey, at)
    }
}
