//! Adapter: granit's events as ours.

use crate::build::Events;
use crate::event::{Event, Fault, Mark, Properties};
use granit_parser::{Event as G, Marker, Parser, ScalarStyle, StrInput};
use std::borrow::Cow;

pub(crate) struct Granit<'a> {
    parser: Parser<'a, StrInput<'a>>,
    base: Mark,
}

impl<'a> Granit<'a> {
    pub(crate) fn new(text: &'a str, base: Mark) -> Self {
        Self {
            parser: Parser::new_from_str(text),
            base,
        }
    }

    fn mark(&self, marker: Marker) -> Mark {
        Mark {
            offset: self.base.offset + marker.byte_offset().unwrap_or(0),
            line: self.base.line + u32::try_from(marker.line()).unwrap_or(1).saturating_sub(1),
            column: u32::try_from(marker.col()).unwrap_or(0),
        }
    }
}

impl<'a> Events<'a> for Granit<'a> {
    fn next_event(&mut self) -> Result<Event<'a>, Fault> {
        loop {
            let (event, span) = match self.parser.next_event() {
                None => return Ok(Event::StreamEnd),
                Some(Ok(pair)) => pair,
                Some(Err(error)) => {
                    let at = self.mark(*error.marker());
                    return Err(Fault {
                        at,
                        message: error.info().to_string(),
                    });
                }
            };
            let at = self.mark(span.start);
            let end = self.mark(span.end).offset;
            let name = |id: usize| -> Option<&'a str> {
                (id > 0).then(|| &*Box::leak(id.to_string().into_boxed_str()))
            };
            return Ok(match event {
                G::StreamStart => continue,
                G::StreamEnd => Event::StreamEnd,
                G::DocumentStart(..) => Event::DocumentStart { at },
                G::DocumentEnd => Event::DocumentEnd,
                G::Alias(id) => Event::Alias {
                    name: name(id).unwrap_or(""),
                    at,
                    end,
                },
                G::Scalar(text, style, anchor, tag) => {
                    let tag: Cow<'a, str> = tag.map_or(Cow::Borrowed(""), |t| {
                        Cow::Owned(format!("{}{}", t.handle(), t.suffix()))
                    });
                    Event::Scalar {
                        implicit: (tag.is_empty() && style == ScalarStyle::Plain) || tag == "!",
                        properties: Properties {
                            anchor: name(anchor),
                            tag,
                        },
                        absent: text.is_empty() && at.offset == end,
                        text,
                        at,
                        end,
                    }
                }
                G::SequenceStart(_, anchor, _) => Event::SequenceStart {
                    properties: Properties {
                        anchor: name(anchor),
                        tag: Cow::Borrowed(""),
                    },
                    at,
                },
                G::MappingStart(_, anchor, _) => Event::MappingStart {
                    properties: Properties {
                        anchor: name(anchor),
                        tag: Cow::Borrowed(""),
                    },
                    at,
                },
                G::SequenceEnd | G::MappingEnd => Event::End { end: at.offset },
                _ => continue,
            });
        }
    }
}
