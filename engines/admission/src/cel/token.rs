//! Text to tokens, after the grammar of the language definition.

use super::fault::CompileError;

/// A piece of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Ident(String),
    /// A name in backquotes.
    Quoted(String),
    Int(i64),
    /// An integer that is only in range with a minus before it.
    TooLarge,
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// Words that are no names.
pub(crate) const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

const SIGNS: [&str; 26] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", "{", "}", ".", ",", "-", "!",
    "?", ":", "+", "*", "/", "%", "=", ";",
];

/// All tokens with their byte offsets, `End` last.
pub(crate) fn tokens(source: &str) -> Result<Vec<(Token, u32)>, CompileError> {
    let mut lexer = Lexer { source, at: 0 };
    let mut all = Vec::new();
    loop {
        lexer.skip_blank();
        let start = lexer.offset();
        let token = lexer.next()?;
        let is_end = token == Token::End;
        all.push((token, start));
        if is_end {
            return Ok(all);
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn offset(&self) -> u32 {
        u32::try_from(self.at).unwrap_or(u32::MAX)
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, CompileError> {
        Err(CompileError::new(self.offset(), message))
    }

    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(['\t', ' ', '\r', '\n', '\u{c}']);
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with("//") {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn next(&mut self) -> Result<Token, CompileError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(Token::End);
        };
        if let Some(token) = self.literal()? {
            return Ok(token);
        }
        let next_is_digit = rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        if first.is_ascii_digit() || (first == '.' && next_is_digit) {
            return self.number();
        }
        if first.is_ascii_alphabetic() || first == '_' {
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            let word = rest.get(..end).unwrap_or_default();
            self.at += end;
            return Ok(Token::Ident(word.to_owned()));
        }
        if first == '`' {
            let Some(end) = rest.get(1..).and_then(|text| text.find('`')) else {
                return self.error("a quoted name has no end");
            };
            let name = rest.get(1..=end).unwrap_or_default();
            let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_.-/ ".contains(c);
            if name.is_empty() || !name.chars().all(is_allowed) {
                return self.error("a quoted name has only letters, digits, `_`, `.`, `-`, `/`");
            }
            self.at += end + 2;
            return Ok(Token::Quoted(name.to_owned()));
        }
        for sign in SIGNS {
            if rest.starts_with(sign) {
                if matches!(sign, "=" | ";") {
                    break;
                }
                self.at += sign.len();
                return Ok(Token::Sign(sign));
            }
        }
        self.error(format!("unexpected character `{}`", first.escape_default()))
    }

    /// A text or bytes literal, if one starts here.
    fn literal(&mut self) -> Result<Option<Token>, CompileError> {
        let rest = self.rest();
        let prefix_length = rest
            .bytes()
            .take(2)
            .take_while(|b| matches!(b, b'r' | b'R' | b'b' | b'B'))
            .count();
        let prefix = rest
            .get(..prefix_length)
            .unwrap_or_default()
            .to_ascii_lowercase();
        let body = rest.get(prefix_length..).unwrap_or_default();
        let quote = match body.as_bytes().first() {
            Some(b'"') if body.starts_with("\"\"\"") => "\"\"\"",
            Some(b'\'') if body.starts_with("'''") => "'''",
            Some(b'"') => "\"",
            Some(b'\'') => "'",
            _ => return Ok(None),
        };
        if prefix == "rr" || prefix == "bb" {
            return self.error("a literal has each prefix once");
        }
        let (raw, bytes) = (prefix.contains('r'), prefix.contains('b'));
        self.at += prefix_length + quote.len();
        let mut out: Vec<u8> = Vec::new();
        loop {
            let rest = self.rest();
            if rest.starts_with(quote) {
                self.at += quote.len();
                break;
            }
            let Some(c) = rest.chars().next() else {
                return self.error("a text has no end");
            };
            if c == '\n' && quote.len() == 1 {
                return self.error("a text has no end on its line");
            }
            self.at += c.len_utf8();
            if c == '\\' && !raw {
                self.escape(bytes, &mut out)?;
            } else {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        if bytes {
            return Ok(Some(Token::Bytes(out)));
        }
        match String::from_utf8(out) {
            Ok(text) => Ok(Some(Token::String(text))),
            Err(_) => self.error("a text is not Unicode"),
        }
    }

    fn escape(&mut self, bytes: bool, out: &mut Vec<u8>) -> Result<(), CompileError> {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else {
            return self.error("a text has no end");
        };
        let simple = match c {
            'a' => Some(7),
            'b' => Some(8),
            'f' => Some(12),
            'n' => Some(10),
            'r' => Some(13),
            't' => Some(9),
            'v' => Some(11),
            '\\' | '\'' | '"' | '`' | '?' => u8::try_from(c).ok(),
            _ => None,
        };
        if let Some(byte) = simple {
            out.push(byte);
            self.at += 1;
            return Ok(());
        }
        let (skip, digits, radix) = match c {
            'x' | 'X' => (1, 2, 16),
            'u' if !bytes => (1, 4, 16),
            'U' if !bytes => (1, 8, 16),
            '0'..='3' => (0, 3, 8),
            _ => return self.error(format!("unknown escape `\\{}`", c.escape_default())),
        };
        let code = rest
            .get(skip..skip + digits)
            .filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|text| u32::from_str_radix(text, radix).ok());
        let Some(code) = code else {
            return self.error(format!("the escape `\\{c}` needs {digits} digits"));
        };
        self.at += skip + digits;
        if bytes {
            out.push(u8::try_from(code).unwrap_or(u8::MAX));
            return Ok(());
        }
        let Some(character) = char::from_u32(code) else {
            return self.error("an escape names no character");
        };
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn number(&mut self) -> Result<Token, CompileError> {
        let rest = self.rest();
        if rest.starts_with("0x") || rest.starts_with("0X") {
            let digits = rest.get(2..).unwrap_or_default();
            let end = digits
                .find(|c: char| !c.is_ascii_hexdigit())
                .unwrap_or(digits.len());
            return self.integer(digits.get(..end).unwrap_or_default(), 16, end + 2);
        }
        let bytes = rest.as_bytes();
        let run = |from: usize| {
            bytes
                .iter()
                .skip(from)
                .take_while(|b| b.is_ascii_digit())
                .count()
        };
        let mut end = run(0);
        let mut is_double = false;
        if bytes.get(end) == Some(&b'.') && run(end + 1) > 0 {
            is_double = true;
            end += 1 + run(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let digits = run(end + 1 + sign);
            if digits > 0 {
                is_double = true;
                end += 1 + sign + digits;
            }
        }
        let text = rest.get(..end).unwrap_or_default();
        if !is_double {
            return self.integer(text, 10, end);
        }
        match text.parse() {
            Ok(number) => {
                self.at += end;
                Ok(Token::Double(number))
            }
            Err(_) => self.error(format!("`{text}` is no number")),
        }
    }

    fn integer(&mut self, digits: &str, radix: u32, end: usize) -> Result<Token, CompileError> {
        let Ok(number) = u64::from_str_radix(digits, radix) else {
            return self.error("an integer does not fit 64 bits");
        };
        let is_unsigned = matches!(self.rest().as_bytes().get(end), Some(b'u' | b'U'));
        let token = if is_unsigned {
            Token::Uint(number)
        } else if let Ok(number) = i64::try_from(number) {
            Token::Int(number)
        } else if number == i64::MIN.unsigned_abs() {
            Token::TooLarge
        } else {
            return self.error("an integer does not fit 64 bits");
        };
        self.at += end + usize::from(is_unsigned);
        Ok(token)
    }
}
