//! Directives, anchors, aliases and tags.

use super::scanner::Scanner;
use super::token::Kind;
use crate::build::fault;
use crate::event::{Fault, Mark};
use std::borrow::Cow;

impl<'a> Scanner<'a> {
    /// `%YAML 1.1` or `%TAG !e! tag:example.com,2000:`.
    pub(super) fn directive(&mut self) -> Result<(), Fault> {
        let at = self.cursor.mark();
        self.cursor.skip();
        let name = self.cursor.read_name();
        if name.is_empty() {
            return fault(at, "could not find expected directive name");
        }
        if !self.cursor.is_blank_break_or_end(0) {
            return fault(at, "found unexpected non-alphabetical character");
        }
        self.cursor.skip_blanks();
        match name {
            "YAML" => {
                let start = self.cursor.pos;
                self.version_number(at)?;
                if self.cursor.byte(0) != b'.' {
                    return fault(at, "did not find expected digit or '.' character");
                }
                self.cursor.skip();
                self.version_number(at)?;
                let version = self.cursor.since(start);
                self.push_text(Kind::VersionDirective, at, Cow::Borrowed(version), "");
            }
            "TAG" => {
                let handle = self.tag_handle(true, at)?;
                if !self.cursor.is_blank() {
                    return fault(at, "did not find expected whitespace");
                }
                self.cursor.skip_blanks();
                let prefix = self.tag_uri("", false, at)?;
                if !self.cursor.is_blank_break_or_end(0) {
                    return fault(at, "did not find expected whitespace or line break");
                }
                self.push_text(Kind::TagDirective, at, prefix, handle);
            }
            _ => return fault(at, "found unknown directive name"),
        }
        self.cursor.skip_blanks();
        self.cursor.skip_comment();
        if !self.cursor.is_break_or_end() {
            return fault(at, "did not find expected comment or line break");
        }
        self.cursor.skip_break();
        Ok(())
    }

    fn version_number(&mut self, at: Mark) -> Result<(), Fault> {
        let start = self.cursor.pos;
        while self.cursor.byte(0).is_ascii_digit() {
            self.cursor.skip();
        }
        match self.cursor.pos - start {
            0 => fault(at, "did not find expected version number"),
            1 | 2 => Ok(()),
            _ => fault(at, "found extremely long version number"),
        }
    }

    pub(super) fn anchor(&mut self, kind: Kind) -> Result<(), Fault> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let at = self.cursor.mark();
        self.cursor.skip();
        let name = self.cursor.read_name();
        let ended = self.cursor.is_blank_break_or_end(0)
            || matches!(
                self.cursor.byte(0),
                b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`'
            );
        if name.is_empty() || !ended {
            return fault(at, "did not find expected alphabetic or numeric character");
        }
        self.push_text(kind, at, Cow::Borrowed(name), "");
        Ok(())
    }

    pub(super) fn tag(&mut self) -> Result<(), Fault> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let at = self.cursor.mark();
        let (handle, suffix) = if self.cursor.byte(1) == b'<' {
            // `!<tag:example.com,2000:x>`, taken as it is.
            self.cursor.skip_bytes(2);
            let suffix = self.tag_uri("", false, at)?;
            if self.cursor.byte(0) != b'>' {
                return fault(at, "did not find the expected '>'");
            }
            self.cursor.skip();
            ("", suffix)
        } else {
            let handle = self.tag_handle(false, at)?;
            if handle.len() > 1 && handle.ends_with('!') {
                (handle, self.tag_uri("", false, at)?)
            } else {
                // It was no handle but the start of a local tag, `!local`, or `!` alone.
                let head = handle.get(1..).unwrap_or_default();
                let suffix = self.tag_uri(head, true, at)?;
                if suffix.is_empty() {
                    ("", Cow::Borrowed("!"))
                } else {
                    ("!", suffix)
                }
            }
        };
        if !self.cursor.is_blank_break_or_end(0) {
            return fault(at, "did not find expected whitespace or line break");
        }
        self.push_text(Kind::Tag, at, suffix, handle);
        Ok(())
    }

    fn tag_handle(&mut self, directive: bool, at: Mark) -> Result<&'a str, Fault> {
        if self.cursor.byte(0) != b'!' {
            return fault(at, "did not find expected '!'");
        }
        let start = self.cursor.pos;
        self.cursor.skip();
        let name = self.cursor.read_name();
        if self.cursor.byte(0) == b'!' {
            self.cursor.skip();
        } else if directive && !name.is_empty() {
            return fault(at, "did not find expected '!'");
        }
        Ok(self.cursor.since(start))
    }

    /// The rest of a tag after its `head`. `found` says whether there was anything before.
    fn tag_uri(&mut self, head: &'a str, found: bool, at: Mark) -> Result<Cow<'a, str>, Fault> {
        let start = self.cursor.pos - head.len();
        let mut bytes = head.as_bytes().to_vec();
        let mut escaped = false;
        loop {
            match self.cursor.byte(0) {
                b'%' => {
                    self.uri_escape(&mut bytes, at)?;
                    escaped = true;
                }
                c if c.is_ascii_alphanumeric() || b"_-;/?:@&=+$,.!~*'()[]".contains(&c) => {
                    bytes.push(c);
                    self.cursor.skip();
                }
                _ => break,
            }
        }
        if self.cursor.pos == start + head.len() && !found {
            return fault(at, "did not find expected tag URI");
        }
        if escaped {
            return Ok(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()));
        }
        Ok(Cow::Borrowed(self.cursor.since(start)))
    }

    /// `%C3%A9`: the bytes of one character.
    fn uri_escape(&mut self, bytes: &mut Vec<u8>, at: Mark) -> Result<(), Fault> {
        let mut wanted = None;
        loop {
            let [high, low] = [self.cursor.byte(1), self.cursor.byte(2)].map(hex);
            let (b'%', Some(high), Some(low)) = (self.cursor.byte(0), high, low) else {
                return fault(at, "did not find URI escaped octet");
            };
            let octet = (high << 4) | low;
            let left = match wanted {
                None => match octet {
                    0..=0x7f => 1,
                    0xc0..=0xdf => 2,
                    0xe0..=0xef => 3,
                    0xf0..=0xf7 => 4,
                    _ => return fault(at, "found an incorrect leading UTF-8 octet"),
                },
                Some(_) if octet & 0xc0 != 0x80 => {
                    return fault(at, "found an incorrect trailing UTF-8 octet");
                }
                Some(left) => left,
            };
            bytes.push(octet);
            self.cursor.skip_bytes(3);
            if left == 1 {
                return Ok(());
            }
            wanted = Some(left - 1);
        }
    }
}

pub(super) fn hex(digit: u8) -> Option<u8> {
    Some(match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => return None,
    })
}
