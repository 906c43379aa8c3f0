//! Template text to tokens, by the rules of Go's `text/template/parse`. A published crate
//! was tried first; it eats the white space after `{{- /* a comment */}}`, which joins
//! lines of YAML that Helm keeps apart, and drops what follows a stray `{{end}}`.

use super::ast::At;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Open,
    Close,
    Space,
    Pipe,
    Comma,
    Char,
    Assign,
    Declare,
    LeftParen,
    RightParen,
    Dot,
    Field,
    Variable,
    Identifier,
    Text2,
    RawText,
    Number,
    Rune,
    Bool,
    Eof,
}

/// A token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: At,
}

/// What is wrong with a template's text, and where.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) offset: u32,
    pub(crate) message: String,
}

pub(super) struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pos: usize,
    tokens: Vec<Token>,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_word(c: char) -> bool {
    // Go's isAlphaNumeric: letters, decimal digits, underscore.
    c == '_' || c.is_alphabetic() || c.is_ascii_digit()
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            pos: 0,
            tokens: Vec::with_capacity(text.len() / 6),
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.pos..).unwrap_or("")
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.pos + ahead).copied()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, SyntaxError> {
        Err(SyntaxError {
            offset: offset(self.pos),
            message: message.into(),
        })
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        self.tokens.push(Token {
            kind,
            at: At {
                start: offset(start),
                end: offset(end),
            },
        });
    }

    pub(super) fn run(mut self) -> Result<Vec<Token>, SyntaxError> {
        let mut start = 0; // of the text that was not yet emitted
        loop {
            let Some(found) = self.text.get(start..).and_then(|rest| rest.find("{{")) else {
                if start < self.text.len() {
                    self.push(Kind::Text, start, self.text.len());
                }
                self.push(Kind::Eof, self.text.len(), self.text.len());
                return Ok(self.tokens);
            };
            let open = start + found;
            self.pos = open + 2;
            let trims = self.byte(0) == Some(b'-') && self.byte(1).is_some_and(is_space);
            let before = self.text.get(start..open).unwrap_or("");
            let end = if trims {
                start + trim_end(before).len()
            } else {
                open
            };
            if end > start {
                self.push(Kind::Text, start, end);
            }
            let after = self.pos + if trims { 2 } else { 0 };
            if self
                .text
                .get(after..)
                .is_some_and(|rest| rest.starts_with("/*"))
            {
                self.pos = after;
                self.comment()?;
            } else {
                self.push(Kind::Open, open, self.pos);
                self.pos = after;
                self.action()?;
            }
            start = self.pos;
        }
    }

    /// Whether a closing delimiter stands here, and whether it trims.
    fn at_close(&self) -> Option<bool> {
        let rest = self.rest();
        if self.byte(0).is_some_and(is_space)
            && self.byte(1) == Some(b'-')
            && rest.get(2..).is_some_and(|rest| rest.starts_with("}}"))
        {
            return Some(true);
        }
        rest.starts_with("}}").then_some(false)
    }

    fn close(&mut self, trims: bool) {
        self.pos += if trims { 4 } else { 2 };
        if trims {
            let rest = self.rest();
            self.pos += rest.len() - trim_start(rest).len();
        }
    }

    fn comment(&mut self) -> Result<(), SyntaxError> {
        let Some(found) = self.rest().get(2..).and_then(|rest| rest.find("*/")) else {
            return self.fail("unclosed comment");
        };
        self.pos += 2 + found + 2;
        let Some(trims) = self.at_close() else {
            return self.fail("comment ends before closing delimiter");
        };
        self.close(trims);
        Ok(())
    }

    fn action(&mut self) -> Result<(), SyntaxError> {
        let mut parens = 0u32;
        loop {
            if let Some(trims) = self.at_close() {
                if parens > 0 {
                    return self.fail("unclosed left paren");
                }
                let start = self.pos;
                self.push(Kind::Close, start, start + if trims { 4 } else { 2 });
                self.close(trims);
                return Ok(());
            }
            let start = self.pos;
            let Some(c) = self.peek() else {
                return self.fail("unclosed action");
            };
            match c {
                ' ' | '\t' | '\r' | '\n' => {
                    while self.byte(0).is_some_and(is_space) && self.at_close().is_none() {
                        self.pos += 1;
                    }
                    if self.pos > start {
                        self.push(Kind::Space, start, self.pos);
                    }
                }
                '=' => self.single(Kind::Assign),
                ':' => {
                    if self.byte(1) != Some(b'=') {
                        return self.fail("expected :=");
                    }
                    self.pos += 2;
                    self.push(Kind::Declare, start, self.pos);
                }
                '|' => self.single(Kind::Pipe),
                ',' => self.single(Kind::Comma),
                '"' => self.quoted('"', Kind::Text2, "unterminated quoted string")?,
                '\'' => self.quoted('\'', Kind::Rune, "unterminated character constant")?,
                '`' => {
                    let Some(found) = self.rest().get(1..).and_then(|rest| rest.find('`')) else {
                        return self.fail("unterminated raw quoted string");
                    };
                    self.pos += found + 2;
                    self.push(Kind::RawText, start, self.pos);
                }
                '$' => {
                    self.pos += 1;
                    self.word()?;
                    self.push(Kind::Variable, start, self.pos);
                }
                '.' if !self.byte(1).is_some_and(|byte| byte.is_ascii_digit()) => {
                    self.pos += 1;
                    self.word()?;
                    let kind = if self.pos == start + 1 {
                        Kind::Dot
                    } else {
                        Kind::Field
                    };
                    self.push(kind, start, self.pos);
                }
                '.' | '+' | '-' | '0'..='9' => self.number()?,
                '(' => {
                    parens += 1;
                    self.single(Kind::LeftParen);
                }
                ')' => {
                    let Some(left) = parens.checked_sub(1) else {
                        return self.fail("unexpected right paren");
                    };
                    parens = left;
                    self.single(Kind::RightParen);
                }
                c if is_word(c) => {
                    self.word()?;
                    let word = self.text.get(start..self.pos).unwrap_or("");
                    let kind = match word {
                        "true" | "false" => Kind::Bool,
                        _ => Kind::Identifier,
                    };
                    self.push(kind, start, self.pos);
                }
                c if c.is_ascii_graphic() => self.single(Kind::Char),
                c => return self.fail(format!("unrecognized character in action: {c:?}")),
            }
        }
    }

    fn single(&mut self, kind: Kind) {
        let start = self.pos;
        self.pos += 1;
        self.push(kind, start, self.pos);
    }

    /// The rest of a field, variable or identifier, which must end at a terminator.
    fn word(&mut self) -> Result<(), SyntaxError> {
        while let Some(c) = self.peek().filter(|c| is_word(*c)) {
            self.pos += c.len_utf8();
        }
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => Ok(()),
            Some(_) if self.rest().starts_with("}}") => Ok(()),
            Some(c) => self.fail(format!("bad character U+{:04X} '{c}'", u32::from(c))),
        }
    }

    fn quoted(&mut self, quote: char, kind: Kind, error: &str) -> Result<(), SyntaxError> {
        let start = self.pos;
        let mut chars = self.rest().char_indices().skip(1);
        loop {
            match chars.next() {
                Some((_, '\\')) if chars.next().is_some_and(|(_, c)| c != '\n') => {}
                Some((at, c)) if c == quote => {
                    self.pos = start + at + 1;
                    self.push(kind, start, self.pos);
                    return Ok(());
                }
                None | Some((_, '\\' | '\n')) => return self.fail(error),
                Some(_) => {}
            }
        }
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        let start = self.pos;
        let accept = |this: &mut Self, set: &str| {
            let found = this
                .byte(0)
                .is_some_and(|byte| set.as_bytes().contains(&byte));
            this.pos += usize::from(found);
            found
        };
        accept(self, "+-");
        let mut digits = "0123456789_";
        let mut exponent = "eE";
        if accept(self, "0") {
            if accept(self, "xX") {
                (digits, exponent) = ("0123456789abcdefABCDEF_", "pP");
            } else if accept(self, "oO") {
                (digits, exponent) = ("01234567_", "");
            } else if accept(self, "bB") {
                (digits, exponent) = ("01_", "");
            }
        }
        while accept(self, digits) {}
        if accept(self, ".") {
            while accept(self, digits) {}
        }
        if accept(self, exponent) {
            accept(self, "+-");
            while accept(self, "0123456789_") {}
        }
        if self.peek().is_some_and(is_word) {
            let text = self.text.get(start..=self.pos).unwrap_or("");
            return self.fail(format!("bad number syntax: {text:?}"));
        }
        self.push(Kind::Number, start, self.pos);
        Ok(())
    }
}

fn trim_end(text: &str) -> &str {
    text.trim_end_matches([' ', '\t', '\r', '\n'])
}

fn trim_start(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\r', '\n'])
}

/// Template files are far below 4 GiB ([`crate::helm::limits`]).
fn offset(pos: usize) -> u32 {
    u32::try_from(pos).unwrap_or(u32::MAX)
}
