//! Properties (`&anchor`, `!tag`), aliases and directives.

use super::{Reader, Start, wrong};
use crate::build::fault;
use crate::event::{Fault, Properties};
use std::borrow::Cow;

/// What `!!` stands for unless a directive says otherwise.
const CORE: &str = "tag:yaml.org,2002:";

/// What a `%` says.
pub(super) enum Directive<'a> {
    /// `%YAML 1.1`
    Version(u32, u32),
    /// `%TAG !e! tag:example.com,2000:`
    Handle(&'a str, Cow<'a, str>),
}

/// Properties as far as they are read, and where.
#[derive(Debug, Clone)]
pub(super) struct Found<'a> {
    pub properties: Properties<'a>,
    pub start: Start,
    /// The position where the last of them ends; `None`: there are none.
    pub end: Option<usize>,
    /// The tag has a handle that nothing is known of, which only matters if it is used.
    unknown: Option<Box<Fault>>,
}

impl<'a> Found<'a> {
    pub(super) fn none(start: Start) -> Self {
        Self {
            properties: Properties::default(),
            start,
            end: None,
            unknown: None,
        }
    }

    /// The properties, to be used.
    pub(super) fn used(self) -> Result<Properties<'a>, Fault> {
        match self.unknown {
            Some(fault) => Err(*fault),
            None => Ok(self.properties),
        }
    }

    /// These and later ones, if no kind is there twice.
    pub(super) fn with(&self, later: &Self) -> Option<Self> {
        if later.end.is_none() {
            return Some(self.clone());
        }
        if self.end.is_none() {
            return Some(later.clone());
        }
        let (ours, theirs) = (&self.properties, &later.properties);
        let twice = ours.anchor.is_some() && theirs.anchor.is_some()
            || !ours.tag.is_empty() && !theirs.tag.is_empty();
        (!twice).then(|| Self {
            properties: Properties {
                anchor: ours.anchor.or(theirs.anchor),
                tag: if ours.tag.is_empty() {
                    theirs.tag.clone()
                } else {
                    ours.tag.clone()
                },
            },
            start: self.start,
            end: later.end,
            unknown: self.unknown.clone().or_else(|| later.unknown.clone()),
        })
    }
}

impl<'a> Reader<'a> {
    /// The properties that stand here on one row, each kind once.
    pub(super) fn properties(&mut self) -> Result<Found<'a>, Fault> {
        let mut found = Found::none(self.start());
        loop {
            match self.place.byte() {
                b'&' if found.properties.anchor.is_none() => {
                    found.properties.anchor = Some(self.name()?);
                }
                b'!' if found.properties.tag.is_empty() => self.tag(&mut found)?,
                _ => return Ok(found),
            }
            found.end = Some(self.place.pos);
            self.fresh = false;
            self.last_end = self.place.offset();
            self.place.blanks();
        }
    }

    /// The name of an anchor or alias.
    pub(super) fn name(&mut self) -> Result<&'a str, Fault> {
        let start = self.place.mark();
        self.place.pos += 1;
        let name = self.place.word();
        let ends = self.place.gap_ahead(0)
            || matches!(
                self.place.byte(),
                b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`'
            );
        if name.is_empty() || !ends {
            return fault(start, wrong::NO_ANCHOR_NAME);
        }
        self.fresh = false;
        self.last_end = self.place.offset();
        Ok(name)
    }

    /// A tag with its handle resolved.
    fn tag(&mut self, found: &mut Found<'a>) -> Result<(), Fault> {
        let start = self.place.mark();
        let (handle, suffix) = self.tag_parts()?;
        let prefix = match (handle, self.handles.get(handle)) {
            ("", _) => "",
            ("!", _) if suffix.is_empty() => "!",
            (_, Some(prefix)) => prefix.as_ref(),
            ("!", None) => "!",
            ("!!", None) => CORE,
            _ => {
                found.unknown = Some(Box::new(Fault {
                    at: start,
                    message: wrong::unknown_handle(handle),
                }));
                handle
            }
        };
        found.properties.tag = match (prefix, suffix.is_empty()) {
            ("", _) => suffix,
            ("!", true) => Cow::Borrowed("!"),
            _ => Cow::Owned(format!("{prefix}{suffix}")),
        };
        Ok(())
    }

    /// `!<uri>`, `!e!suffix` or `!suffix`: the handle and what stands behind it.
    pub(super) fn tag_parts(&mut self) -> Result<(&'a str, Cow<'a, str>), Fault> {
        let start = self.place.mark();
        let from = self.place.pos;
        self.place.pos += 1;
        let mut handle = "!";
        let mut may_end = true;
        if self.place.byte() == b'<' {
            self.place.pos += 1;
            (handle, may_end) = ("", false);
        } else {
            self.place.word();
            if self.place.byte() == b'!' {
                self.place.pos += 1;
                (handle, may_end) = (self.place.slice(from, self.place.pos), false);
            } else {
                self.place.pos = from + 1;
            }
        }
        let suffix = self.uri()?;
        if suffix.is_empty() && !may_end {
            return fault(start, wrong::NO_TAG_NAME);
        }
        if handle.is_empty() {
            if self.place.byte() != b'>' {
                return fault(start, wrong::OPEN_TAG);
            }
            self.place.pos += 1;
        }
        if !self.place.gap_ahead(0) {
            return fault(start, wrong::NO_SPACE_AFTER_TAG);
        }
        Ok((handle, suffix))
    }

    /// Characters of a URI, `%C3%A9` decoded.
    fn uri(&mut self) -> Result<Cow<'a, str>, Fault> {
        const SIGNS: &[u8] = b"-_;/?:@&=+$,.!~*'()[]";
        let mut decoded: Option<Vec<u8>> = None;
        let from = self.place.pos;
        loop {
            let byte = self.place.byte();
            if byte == b'%' {
                let code = self.place.slice(self.place.pos + 1, self.place.pos + 3);
                let hex = code.len() == 2 && code.bytes().all(|b| b.is_ascii_hexdigit());
                let Some(octet) = u8::from_str_radix(code, 16).ok().filter(|_| hex) else {
                    return self.place.fault(wrong::NO_HEX_IN_TAG);
                };
                let before = self.place.slice(from, self.place.pos).as_bytes();
                decoded.get_or_insert_with(|| before.to_vec()).push(octet);
                self.place.pos += 3;
            } else if byte.is_ascii_alphanumeric() || SIGNS.contains(&byte) {
                if let Some(decoded) = &mut decoded {
                    decoded.push(byte);
                }
                self.place.pos += 1;
            } else {
                break;
            }
        }
        match decoded.map(String::from_utf8) {
            None => Ok(Cow::Borrowed(self.place.slice(from, self.place.pos))),
            Some(Ok(uri)) => Ok(Cow::Owned(uri)),
            Some(Err(_)) => self.place.fault(wrong::TAG_NOT_UTF8),
        }
    }

    /// Directives up to the `---` that must follow.
    pub(super) fn directives(&mut self) -> Result<(), Fault> {
        let mut versioned = false;
        while self.place.pos == self.place.row && self.place.byte() == b'%' {
            let at = self.place.mark();
            let message = match self.directive()? {
                Directive::Version(..) if versioned => wrong::TWO_VERSIONS,
                Directive::Version(1, 1) => {
                    versioned = true;
                    ""
                }
                Directive::Version(..) => wrong::OTHER_VERSION,
                Directive::Handle(handle, prefix) => match self.handles.insert(handle, prefix) {
                    Some(_) => wrong::SAME_HANDLE,
                    None => "",
                },
            };
            if !message.is_empty() {
                return fault(at, message);
            }
            self.skip()?;
        }
        if self.place.is_boundary(b'-') {
            return Ok(());
        }
        self.place.fault(wrong::NO_START)
    }

    /// The directive that stands here.
    pub(super) fn directive(&mut self) -> Result<Directive<'a>, Fault> {
        let at = self.place.mark();
        self.place.pos += 1;
        let name = self.place.word();
        if !self.place.gap_ahead(0) {
            return fault(at, wrong::NO_DIRECTIVE);
        }
        self.place.blanks();
        let directive = match name {
            "YAML" => self.version()?,
            "TAG" => self.handle()?,
            _ => return fault(at, wrong::NO_DIRECTIVE),
        };
        self.last_end = self.place.offset();
        self.place.blanks();
        if self.place.byte() == b'#' {
            self.place.rest_of_row();
        }
        if !self.place.at_end() && self.place.row_end() == 0 {
            return fault(at, wrong::AFTER_DIRECTIVE);
        }
        self.fresh = false;
        Ok(directive)
    }

    fn version(&mut self) -> Result<Directive<'a>, Fault> {
        let start = self.place.mark();
        let mut numbers = [0u32; 2];
        for (i, number) in numbers.iter_mut().enumerate() {
            if i > 0 {
                if self.place.byte() != b'.' {
                    return fault(start, wrong::NO_VERSION);
                }
                self.place.pos += 1;
            }
            let from = self.place.pos;
            while self.place.byte().is_ascii_digit() {
                self.place.pos += 1;
            }
            let digits = self.place.slice(from, self.place.pos);
            match digits.len() {
                1..=9 => *number = digits.parse().unwrap_or(u32::MAX),
                _ => return fault(start, wrong::NO_VERSION),
            }
        }
        let [major, minor] = numbers;
        Ok(Directive::Version(major, minor))
    }

    fn handle(&mut self) -> Result<Directive<'a>, Fault> {
        let start = self.place.mark();
        let from = self.place.pos;
        if self.place.byte() != b'!' {
            return fault(start, wrong::NO_HANDLE);
        }
        self.place.pos += 1;
        self.place.word();
        if self.place.byte() == b'!' {
            self.place.pos += 1;
        } else if self.place.pos > from + 1 {
            return fault(start, wrong::NO_HANDLE);
        }
        let handle = self.place.slice(from, self.place.pos);
        if !matches!(self.place.byte(), b' ' | b'\t') {
            return fault(start, wrong::NO_HANDLE);
        }
        self.place.blanks();
        let prefix = self.uri()?;
        if prefix.is_empty() {
            return fault(start, wrong::NO_HANDLE);
        }
        if !self.place.gap_ahead(0) {
            return fault(start, wrong::NO_HANDLE);
        }
        Ok(Directive::Handle(handle, prefix))
    }
}
