//! TOML: laid out as Helm lays it out, read as far as charts need. What cannot be written or
//! read is told in the text or under the key `Error`, which charts print.

use super::value::convert::{MAX_DEPTH, map_of};
use super::value::text::{MAX_TEXT, TOO_LONG};
use super::value::{Data, Value};
use std::fmt::Write as _;
use std::rc::Rc;

/// `toToml`.
pub(crate) fn encode(value: &Value) -> Result<String, String> {
    let Some(_) = value.as_map() else {
        return Err("toml: top-level values must be Go maps or structs".to_owned());
    };
    let mut out = String::new();
    table(value, &[], &mut out)?;
    Ok(out)
}

fn table(value: &Value, path: &[String], out: &mut String) -> Result<(), String> {
    if path.len() > MAX_DEPTH as usize {
        return Err("toml: nested too deep".to_owned());
    }
    if out.len() > MAX_TEXT {
        return Err(TOO_LONG.to_owned());
    }
    let Some(map) = value.as_map() else {
        return Ok(());
    };
    let entries = map.entries();
    let pad = "  ".repeat(path.len());
    for (key, item) in &entries {
        if item.is_nil() || is_table(item) || is_tables(item) {
            continue;
        }
        out.push_str(&pad);
        out.push_str(&quote_key(key));
        out.push_str(" = ");
        inline(item, 0, out)?;
        out.push('\n');
    }
    for (key, item) in &entries {
        let mut below = path.to_vec();
        below.push(quote_key(key));
        let pad = "  ".repeat(path.len());
        if is_table(item) {
            if !out.is_empty() {
                out.push('\n');
            }
            let _ = writeln!(out, "{pad}[{}]", below.join("."));
            table(item, &below, out)?;
        } else if let (true, Data::List(list)) = (is_tables(item), &item.data) {
            for item in list.items() {
                if !out.is_empty() {
                    out.push('\n');
                }
                let _ = writeln!(out, "{pad}[[{}]]", below.join("."));
                table(&item, &below, out)?;
            }
        }
    }
    Ok(())
}

fn is_table(value: &Value) -> bool {
    value.as_map().is_some()
}

fn is_tables(value: &Value) -> bool {
    match &value.data {
        Data::List(list) => list.len() > 0 && list.items().iter().all(is_table),
        _ => false,
    }
}

fn quote_key(key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if bare { key.to_owned() } else { quote(key) }
}

fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c.is_ascii_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn inline(value: &Value, depth: u32, out: &mut String) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("toml: nested too deep".to_owned());
    }
    if out.len() > MAX_TEXT {
        return Err(TOO_LONG.to_owned());
    }
    match &value.data {
        Data::Text(text) => out.push_str(&quote(text.as_str())),
        Data::Float(value) => {
            let text = format!("{value}");
            out.push_str(&text);
            if value.is_finite() && !text.contains('.') {
                out.push_str(".0");
            }
        }
        Data::List(list) => {
            out.push('[');
            for (index, item) in list.items().iter().enumerate() {
                if item.is_nil() {
                    return Err("toml: cannot encode array with nil element".to_owned());
                }
                if index > 0 {
                    out.push_str(", ");
                }
                inline(item, depth + 1, out)?;
            }
            out.push(']');
        }
        Data::Map(map) => {
            out.push('{');
            let entries = map.entries();
            for (index, (key, item)) in entries.iter().filter(|(_, v)| !v.is_nil()).enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                out.push_str(&quote_key(key));
                out.push_str(" = ");
                inline(item, depth + 1, out)?;
            }
            out.push('}');
        }
        _ => out.push_str(&super::value::convert::display(value)),
    }
    Ok(())
}

/// `fromToml`: tables, dotted keys, strings, numbers, truths, arrays, inline tables.
pub(crate) fn decode(text: &str) -> Result<Value, String> {
    let root = map_of([]);
    let mut current = root.clone();
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
    };
    loop {
        reader.blank(true);
        let Some(c) = reader.peek() else {
            return Ok(root);
        };
        if c == '[' {
            let array = reader
                .text
                .get(reader.at..)
                .is_some_and(|rest| rest.starts_with("[["));
            reader.at += if array { 2 } else { 1 };
            let path = reader.key()?;
            reader.expect(if array { "]]" } else { "]" })?;
            current = open(&root, &path, array)?;
        } else {
            let path = reader.key()?;
            reader.expect("=")?;
            let value = reader.value()?;
            let (last, before) = path.split_last().ok_or("toml: empty key")?;
            let table = open(&current, before, false)?;
            let map = table.as_map().ok_or("toml: key is not a table")?;
            map.set(last.as_str(), value);
        }
        reader.blank(false);
        match reader.peek() {
            None | Some('\n') => {}
            Some(c) => return Err(format!("toml: unexpected {c:?}")),
        }
    }
}

/// The table at a path below another, made when it is not there.
fn open(root: &Value, path: &[String], array: bool) -> Result<Value, String> {
    let mut at = root.clone();
    for (index, key) in path.iter().enumerate() {
        let map = at.as_map().ok_or("toml: key is not a table")?.clone();
        let last = index + 1 == path.len();
        at = match map.get(key).map(|value| value.data) {
            Some(Data::List(list)) => {
                if last && array {
                    let mut items = list.items();
                    items.push(map_of([]));
                    list.replace(items);
                }
                list.items()
                    .last()
                    .cloned()
                    .ok_or("toml: empty array of tables")?
            }
            Some(data) => data.into(),
            None => {
                let made = map_of([]);
                let value = if last && array {
                    Value::list(vec![made.clone()])
                } else {
                    made.clone()
                };
                map.set(Rc::from(key.as_str()), value);
                made
            }
        };
    }
    Ok(at)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn blank(&mut self, lines: bool) {
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\r' => {
                    self.next();
                }
                '\n' if lines => {
                    self.next();
                }
                '#' => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.next();
                    }
                }
                _ => return,
            }
        }
    }

    fn expect(&mut self, what: &str) -> Result<(), String> {
        self.blank(false);
        if self
            .text
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(what))
        {
            self.at += what.len();
            return Ok(());
        }
        Err(format!("toml: expected {what:?}"))
    }

    fn key(&mut self) -> Result<Vec<String>, String> {
        let mut path = Vec::new();
        loop {
            self.blank(false);
            if let Some('"' | '\'') = self.peek() {
                path.push(self.string()?);
            } else {
                let start = self.at;
                let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                while self.peek().is_some_and(bare) {
                    self.next();
                }
                if self.at == start {
                    return Err("toml: expected a key".to_owned());
                }
                path.push(self.text.get(start..self.at).unwrap_or("").to_owned());
            }
            self.blank(false);
            if self.peek() != Some('.') {
                return Ok(path);
            }
            self.next();
        }
    }

    fn string(&mut self) -> Result<String, String> {
        let rest = self.text.get(self.at..).unwrap_or("");
        let quote = rest.chars().next().unwrap_or('"');
        let triple: String = std::iter::repeat_n(quote, 3).collect();
        let long = rest.starts_with(&triple);
        self.at += if long { 3 } else { 1 };
        if long && self.peek() == Some('\n') {
            self.next();
        }
        let mut out = String::new();
        loop {
            if long
                && self
                    .text
                    .get(self.at..)
                    .is_some_and(|rest| rest.starts_with(&triple))
            {
                self.at += 3;
                return Ok(out);
            }
            match self.next() {
                Some(c) if c == quote && !long => return Ok(out),
                Some('\\') if quote == '"' => match self.next() {
                    Some('n') => out.push('\n'),
                    Some('t') => out.push('\t'),
                    Some('r') => out.push('\r'),
                    Some('b') => out.push('\u{8}'),
                    Some('f') => out.push('\u{c}'),
                    Some(c @ ('"' | '\\')) => out.push(c),
                    Some(c @ ('u' | 'U')) => {
                        let count = if c == 'u' { 4 } else { 8 };
                        let digits = self.text.get(self.at..self.at + count).unwrap_or("");
                        let code = u32::from_str_radix(digits, 16)
                            .ok()
                            .and_then(char::from_u32);
                        out.push(code.ok_or("toml: invalid escape")?);
                        self.at += count;
                    }
                    Some('\n') if long => {
                        while self.peek().is_some_and(char::is_whitespace) {
                            self.next();
                        }
                    }
                    _ => return Err("toml: invalid escape".to_owned()),
                },
                Some('\n') if !long => return Err("toml: line break in a string".to_owned()),
                Some(c) => out.push(c),
                None => return Err("toml: unexpected end of a string".to_owned()),
            }
        }
    }

    fn value(&mut self) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > 200 {
            return Err("toml: nested too deep".to_owned());
        }
        self.blank(false);
        let value = match self.peek() {
            Some('"' | '\'') => Value::text(self.string()?),
            Some('[') => {
                self.next();
                let mut items = Vec::new();
                loop {
                    self.blank(true);
                    if self.peek() == Some(']') {
                        self.next();
                        break;
                    }
                    items.push(self.value()?);
                    self.blank(true);
                    match self.next() {
                        Some(',') => {}
                        Some(']') => break,
                        _ => return Err("toml: expected a comma or array terminator".to_owned()),
                    }
                }
                Value::list(items)
            }
            Some('{') => {
                self.next();
                let table = map_of([]);
                self.blank(true);
                while self.peek() != Some('}') {
                    let path = self.key()?;
                    self.expect("=")?;
                    let value = self.value()?;
                    let (last, before) = path.split_last().ok_or("toml: empty key")?;
                    let below = open(&table, before, false)?;
                    below
                        .as_map()
                        .ok_or("toml: key is not a table")?
                        .set(last.as_str(), value);
                    self.blank(true);
                    if self.peek() == Some(',') {
                        self.next();
                        self.blank(true);
                    } else if self.peek() != Some('}') {
                        return Err(
                            "toml: expected a comma or an inline table terminator".to_owned()
                        );
                    }
                }
                self.next();
                table
            }
            _ => self.bare()?,
        };
        self.depth -= 1;
        Ok(value)
    }

    fn bare(&mut self) -> Result<Value, String> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|c| !matches!(c, ',' | ']' | '}' | '\n' | '\r' | '#' | ' ' | '\t'))
        {
            self.next();
        }
        let word = self.text.get(start..self.at).unwrap_or("");
        match word {
            "true" => return Ok(Value::bool(true)),
            "false" => return Ok(Value::bool(false)),
            "inf" | "+inf" => return Ok(Value::float(f64::INFINITY)),
            "-inf" => return Ok(Value::float(f64::NEG_INFINITY)),
            "nan" | "+nan" | "-nan" => return Ok(Value::float(f64::NAN)),
            _ => {}
        }
        if let Some(value) = super::template::literal::parse_int(word) {
            return Ok(Value::int64(value));
        }
        if let Ok(value) = word.replace('_', "").parse() {
            return Ok(Value::float(value));
        }
        let layouts = [
            "2006-01-02T15:04:05Z07:00",
            "2006-01-02T15:04:05",
            "2006-01-02",
        ];
        match layouts
            .iter()
            .find_map(|layout| super::time::parse(layout, word))
        {
            Some(at) => Ok(Value::object(super::value::object::Object::Time(at))),
            None => Err(format!("toml: expected value but found {word:?}")),
        }
    }
}
