//! `printf`, `print` and `println`. What they say of a verb that does not fit is output that
//! charts print, so the words for it are the original's.

mod quote;

pub(crate) use quote::go_quote;

use super::value::convert::{display, format_float, strval};
use super::value::text::{Origin, Out, Text};
use super::value::{Data, Value};
use quote::go_syntax;

/// Go refuses wider fields, too.
const MAX_WIDTH: i64 = 1_000_000;

/// `fmt.Sprint`: a space between operands that are both no text.
pub(crate) fn sprint(args: &[Value]) -> Text {
    let mut out = Out::default();
    let mut before_is_text = true;
    for arg in args {
        let is_text = matches!(arg.data, Data::Text(_));
        if !is_text && !before_is_text {
            out.push(" ", Origin::default());
        }
        out.push_text(&shown(arg), Origin::default());
        before_is_text = is_text;
    }
    out.finish()
}

/// `fmt.Sprintln`: a space between all operands, and a line end.
pub(crate) fn sprintln(args: &[Value]) -> Text {
    let mut out = Out::default();
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            out.push(" ", Origin::default());
        }
        out.push_text(&shown(arg), Origin::default());
    }
    out.push("\n", Origin::default());
    out.finish()
}

/// What `%v` prints, with its key.
fn shown(value: &Value) -> Text {
    match &value.data {
        Data::Text(text) => text.caused_by(value.cause),
        _ => Text::from(display(value)).caused_by(value.cause),
    }
}

#[derive(Default)]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

struct Printer<'a> {
    format: std::iter::Peekable<std::str::Chars<'a>>,
    args: &'a [Value],
    next: usize,
    reordered: bool,
    good_index: bool,
    out: Out,
}

/// `fmt.Sprintf`. What `%s` and `%v` print keeps its marks.
pub(crate) fn sprintf(format: &Text, args: &[Value]) -> Text {
    let mut printer = Printer {
        format: format.as_str().chars().peekable(),
        args,
        next: 0,
        reordered: false,
        good_index: true,
        out: Out::default(),
    };
    let base = format.origin_at(0);
    while let Some(c) = printer.format.next() {
        if c == '%' {
            printer.verb();
        } else {
            printer.out.push(c.encode_utf8(&mut [0; 4]), base);
        }
    }
    if !printer.reordered && printer.next < args.len() {
        let extra: Vec<String> = args
            .iter()
            .skip(printer.next)
            .map(|arg| {
                if arg.is_nil() {
                    "<nil>".to_owned()
                } else {
                    format!("{}={}", arg.type_name(), display(arg))
                }
            })
            .collect();
        printer.plain(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    printer.out.finish()
}

impl Printer<'_> {
    fn plain(&mut self, text: &str) {
        self.out.push(text, Origin::default());
    }

    fn number(&mut self) -> Option<i64> {
        let mut value: Option<i64> = None;
        while let Some(digit) = self.format.peek().and_then(|c| c.to_digit(10)) {
            self.format.next();
            value = Some(
                value
                    .unwrap_or(0)
                    .saturating_mul(10)
                    .saturating_add(i64::from(digit)),
            );
        }
        value
    }

    /// `[n]` before a verb, a width or a precision.
    fn index(&mut self) {
        if self.format.peek() != Some(&'[') {
            return;
        }
        self.reordered = true;
        self.format.next();
        let number = self.number();
        let closed = self.format.next_if_eq(&']').is_some();
        match number.and_then(|number| usize::try_from(number).ok()) {
            Some(number) if closed && number >= 1 && number <= self.args.len() => {
                self.next = number - 1;
            }
            _ => self.good_index = false,
        }
    }

    /// The argument of a `*`.
    fn star(&mut self) -> Option<i64> {
        let arg = self.args.get(self.next)?;
        self.next += 1;
        match arg.data {
            Data::Int(value, _) if value.abs() <= MAX_WIDTH => Some(value),
            _ => None,
        }
    }

    fn verb(&mut self) {
        let mut flags = Flags::default();
        self.good_index = true;
        while let Some(flag) = self.format.next_if(|c| "#0+- ".contains(*c)) {
            match flag {
                '#' => flags.sharp = true,
                '0' => flags.zero = true,
                '+' => flags.plus = true,
                '-' => flags.minus = true,
                _ => flags.space = true,
            }
        }
        self.index();
        if self.format.next_if_eq(&'*').is_some() {
            match self.star() {
                Some(width) => {
                    flags.minus |= width < 0;
                    flags.width = usize::try_from(width.abs()).ok();
                }
                None => self.plain("%!(BADWIDTH)"),
            }
        } else if let Some(width) = self.number() {
            if width > MAX_WIDTH {
                self.plain("%!(BADWIDTH)");
            } else {
                flags.width = usize::try_from(width).ok();
            }
        }
        if self.format.next_if_eq(&'.').is_some() {
            self.index();
            if self.format.next_if_eq(&'*').is_some() {
                match self.star() {
                    Some(precision) => flags.precision = usize::try_from(precision).ok(),
                    None => self.plain("%!(BADPREC)"),
                }
            } else {
                let precision = self.number().unwrap_or(0);
                if precision > MAX_WIDTH {
                    self.plain("%!(BADPREC)");
                } else {
                    flags.precision = usize::try_from(precision).ok();
                }
            }
        }
        self.index();
        if flags.minus {
            flags.zero = false;
        }
        let Some(verb) = self.format.next() else {
            self.plain("%!(NOVERB)");
            return;
        };
        if verb == '%' {
            self.plain("%");
            return;
        }
        if !self.good_index {
            self.plain(&format!("%!{verb}(BADINDEX)"));
            return;
        }
        let Some(arg) = self.args.get(self.next) else {
            self.plain(&format!("%!{verb}(MISSING)"));
            return;
        };
        self.next += 1;
        self.operand(arg, verb, &flags);
    }

    fn operand(&mut self, arg: &Value, verb: char, flags: &Flags) {
        if matches!(verb, 's' | 'v') && !flags.sharp {
            let plain_text = match &arg.data {
                Data::Text(text) => Some(text.caused_by(arg.cause)),
                Data::Object(object) => match (object.display(), verb) {
                    (Some(text), _) => Some(text),
                    (None, 's') if object.type_name() == "[]uint8" => Some(strval(arg)),
                    (None, _) => None,
                },
                _ => None,
            };
            if let Some(text) = plain_text {
                let end = match flags.precision {
                    Some(count) => text
                        .as_str()
                        .char_indices()
                        .nth(count)
                        .map_or(text.as_str().len(), |(at, _)| at),
                    None => text.as_str().len(),
                };
                let text = text.slice(0, end);
                let fill = flags
                    .width
                    .unwrap_or(0)
                    .saturating_sub(text.as_str().chars().count());
                let fill = if flags.zero { "0" } else { " " }.repeat(fill);
                if !flags.minus {
                    self.plain(&fill);
                }
                self.out.push_text(&text, Origin::default());
                if flags.minus {
                    self.plain(&fill);
                }
                return;
            }
        }
        let text = Text::from(format_operand(arg, verb, flags, 0)).caused_by(arg.first_cause());
        self.out.push_text(&text, Origin::default());
    }
}

fn format_operand(arg: &Value, verb: char, flags: &Flags, depth: u32) -> String {
    if depth > super::value::convert::MAX_DEPTH {
        return String::new();
    }
    match verb {
        'T' => return pad(arg.type_name(), flags),
        'v' if flags.sharp => return pad(go_syntax(arg), flags),
        _ => {}
    }
    match &arg.data {
        Data::Invalid | Data::Nil => match verb {
            'v' => pad("<nil>".to_owned(), flags),
            _ => format!("%!{verb}(<nil>)"),
        },
        Data::Bool(truth) => match verb {
            't' | 'v' => pad(truth.to_string(), flags),
            _ => bad(arg, verb),
        },
        Data::Int(_, super::value::IntKind::Duration) if matches!(verb, 'v' | 's') => {
            pad(display(arg), flags)
        }
        Data::Int(value, _) => {
            integer(i128::from(*value), verb, flags).unwrap_or_else(|| bad(arg, verb))
        }
        Data::Uint(value, _) => {
            integer(i128::from(*value), verb, flags).unwrap_or_else(|| bad(arg, verb))
        }
        Data::Float(value) => float(*value, verb, flags).unwrap_or_else(|| bad(arg, verb)),
        Data::Text(text) => string(text.as_str(), verb, flags).unwrap_or_else(|| bad(arg, verb)),
        Data::List(list) => {
            let items: Vec<String> = list
                .items()
                .iter()
                .map(|item| format_operand(item, verb, flags, depth + 1))
                .collect();
            format!("[{}]", items.join(" "))
        }
        Data::Map(map) => {
            let items: Vec<String> = map
                .entries()
                .iter()
                .map(|(key, item)| {
                    let key = string(key, verb, flags)
                        .unwrap_or_else(|| bad(&Value::text(key.clone()), verb));
                    format!("{key}:{}", format_operand(item, verb, flags, depth + 1))
                })
                .collect();
            format!("map[{}]", items.join(" "))
        }
        Data::Object(_) => match verb {
            'v' | 's' => pad(display(arg), flags),
            'x' | 'X' | 'q' => string(strval(arg).as_str(), verb, flags).unwrap_or_default(),
            _ => bad(arg, verb),
        },
    }
}

/// What Go prints for a verb that does not fit.
fn bad(arg: &Value, verb: char) -> String {
    format!("%!{verb}({}={})", arg.type_name(), display(arg))
}

fn pad(text: String, flags: &Flags) -> String {
    let fill = flags
        .width
        .unwrap_or(0)
        .saturating_sub(text.chars().count());
    if fill == 0 {
        return text;
    }
    if flags.minus {
        return format!("{text}{}", " ".repeat(fill));
    }
    format!("{}{text}", if flags.zero { "0" } else { " " }.repeat(fill))
}

fn integer(value: i128, verb: char, flags: &Flags) -> Option<String> {
    let size = value.unsigned_abs();
    let (digits, prefix) = match verb {
        'd' | 'v' => (size.to_string(), ""),
        'b' => (format!("{size:b}"), if flags.sharp { "0b" } else { "" }),
        'o' => (format!("{size:o}"), if flags.sharp { "0" } else { "" }),
        'O' => (format!("{size:o}"), "0o"),
        'x' => (format!("{size:x}"), if flags.sharp { "0x" } else { "" }),
        'X' => (format!("{size:X}"), if flags.sharp { "0X" } else { "" }),
        'c' | 'q' => {
            let c = u32::try_from(value)
                .ok()
                .and_then(char::from_u32)
                .unwrap_or('\u{fffd}');
            let text = if verb == 'c' {
                c.to_string()
            } else {
                match c {
                    '\'' => "'\\''".to_owned(),
                    '"' => "'\"'".to_owned(),
                    c => {
                        let quoted = go_quote(&c.to_string());
                        format!("'{}'", quoted.trim_matches('"'))
                    }
                }
            };
            return Some(pad(text, flags));
        }
        'U' => return Some(pad(format!("U+{size:04X}"), flags)),
        _ => return None,
    };
    let sign = match (value < 0, flags.plus, flags.space) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    };
    let mut digits = digits;
    if let Some(precision) = flags.precision {
        if precision == 0 && value == 0 {
            return Some(pad(
                String::new(),
                &Flags {
                    zero: false,
                    ..clone(flags)
                },
            ));
        }
        digits = format!("{digits:0>precision$}");
    } else if flags.zero {
        let width = flags.width.unwrap_or(0).saturating_sub(sign.len());
        digits = format!("{digits:0>width$}");
    }
    Some(pad(
        format!("{sign}{prefix}{digits}"),
        &Flags {
            zero: false,
            ..clone(flags)
        },
    ))
}

fn clone(flags: &Flags) -> Flags {
    Flags { ..*flags }
}

fn float(value: f64, verb: char, flags: &Flags) -> Option<String> {
    let (kind, precision, upper) = match verb {
        'v' | 'g' => ('g', flags.precision, false),
        'G' => ('g', flags.precision, true),
        'e' => ('e', Some(flags.precision.unwrap_or(6)), false),
        'E' => ('e', Some(flags.precision.unwrap_or(6)), true),
        'f' | 'F' => ('f', Some(flags.precision.unwrap_or(6)), false),
        _ => return None,
    };
    let mut text = format_float(value, kind, precision);
    if upper {
        text = text.to_uppercase();
    }
    if !text.starts_with(['-', '+']) {
        if flags.plus {
            text.insert(0, '+');
        } else if flags.space {
            text.insert(0, ' ');
        }
    }
    if flags.zero && value.is_finite() {
        let (sign, digits) = match text.strip_prefix(['-', '+', ' ']) {
            Some(digits) => text.split_at(text.len() - digits.len()),
            None => ("", text.as_str()),
        };
        let width = flags.width.unwrap_or(0).saturating_sub(sign.len());
        return Some(format!("{sign}{digits:0>width$}"));
    }
    Some(pad(
        text,
        &Flags {
            zero: false,
            ..clone(flags)
        },
    ))
}

fn string(text: &str, verb: char, flags: &Flags) -> Option<String> {
    let cut = match flags.precision {
        Some(count) => text.chars().take(count).collect::<String>(),
        None => text.to_owned(),
    };
    let shown = match verb {
        's' | 'v' => cut,
        'q' if flags.sharp && !cut.contains('`') && !cut.contains(char::is_control) => {
            format!("`{cut}`")
        }
        'q' => go_quote(&cut),
        'x' | 'X' => {
            let bytes = super::value::convert::bytes_of(&cut);
            let hex: Vec<String> = bytes
                .iter()
                .map(|byte| {
                    if verb == 'x' {
                        format!("{byte:02x}")
                    } else {
                        format!("{byte:02X}")
                    }
                })
                .collect();
            hex.join(if flags.space { " " } else { "" })
        }
        _ => return None,
    };
    Some(pad(shown, flags))
}
