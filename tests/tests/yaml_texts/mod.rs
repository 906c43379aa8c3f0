//! Texts to read: made up ones that like the edges of YAML, and files. The made up ones are
//! the same in every run.

// Test code, though not inside of test functions: it may fail as it likes.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

use crate::Case;
use std::path::Path;

/// xorshift64*: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

/// The seeds of one run. `YAML_SEEDS=START+COUNT` asks for others, and for more.
fn seeds(count: u64) -> std::ops::Range<u64> {
    let wanted = std::env::var("YAML_SEEDS").unwrap_or_default();
    let parsed = wanted
        .split_once('+')
        .and_then(|(start, count)| Some((start.parse::<u64>().ok()?, count.parse::<u64>().ok()?)));
    let (start, count) = parsed.unwrap_or((0, count));
    start..start + count
}

fn case(name: String, text: &str) -> Case {
    Case {
        name,
        bytes: text.as_bytes().to_vec(),
    }
}

/// Plain scalars that mean more than they say.
#[rustfmt::skip]
const SCALARS: &[&str] = &[
    "y", "Y", "yes", "Yes", "YES", "yEs", "n", "N", "no", "No", "NO", "nO", "on", "On", "ON", "oN",
    "off", "Off", "OFF", "oFF", "true", "True", "TRUE", "tRue", "false", "False", "FALSE", "~",
    "null", "Null", "NULL", "nULL", "", "<<", "=", "0", "-0", "+0", "00", "007", "0777", "-0777",
    "+0777", "08", "09", "0o7", "0o17", "-0o17", "0O17", "0x1F", "0X1f", "-0x1f", "+0x1f", "0x",
    "0xg", "0b1", "0b101", "-0b101", "+0b101", "0B1", "0b", "0b2", "0b-1", "0b+1", "-0b-1", "0o8",
    "1", "-1", "+1", "1_000", "1__000", "_1", "1_", "0x_1", "0b_1", "0_7", "+_1", "1_0.5_0",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "18446744073709551615", "18446744073709551616", "-18446744073709551615", "1.0", "1.", ".5",
    "-.5", "+.5", ".", "-.", "+.", "..", "...", "1.5", "1e3", "1E3", "1e+3", "1e-3", "1.e3", "e3",
    ".e3", ".5e3", "1e", "1e+", "1e400", "-1e400", "1e-400", "1_0e1_0", ".5_0", "._5", ".5_",
    ".1__0", ".0x1", "0x1p4", "0x1.8p1", ".inf", ".Inf", ".INF", ".iNF", "+.inf", "-.inf", "+.Inf",
    "-.INF", "inf", "Infinity", "+Inf", "nan", ".nan", ".NaN", ".NAN", "-.nan", "NaN", "1e20",
    "1e21", "1e22", "123456789012345678901234567890", "0.1", "0.000001", "0.0000001", "1e-7",
    "123456.789", "1234567.0", "12345678.9", "1.7976931348623157e308", "5e-324",
    "3.4028235677973366e38", "1e39", "16777217.0", "0.30000000000000004", "100000.0", "1000000.0",
    "9007199254740993.0", "2001-12-14", "2001-1-2", "2001-13-14", "2001-02-30", "2004-02-29",
    "1900-02-29", "2000-02-29", "2001-12-14T21:59:43.10-05:00", "2001-12-14t21:59:43.10Z",
    "2001-12-14 21:59:43.10", "2001-12-14   21:59:43", "2001-12-14 21:59:43.10 -5",
    "2001-12-14T21:59:43", "2001-12-14T1:2:3Z", "2001-12-14T24:00:00Z", "2001-12-14T23:59:60Z",
    "2001-12-14T21:59:43,5Z", "2001-12-14T21:59:43.Z", "2001-12-14T21:59:43+24:60",
    "2001-12-14T21:59:43+25:00", "2001-12-14T21:59:43+0500", "20011-12-14", "201-12-14",
    "2001-12-14x", "1:30", "12:30:45", "190:20:30", "1:60", "-1:30", "+1:30", "1:30.5",
    "190:20:30.15", "1_0:30", "a:b", "a: b", "a:", ":", ":a", ": a", "-", "- a", "-a", "--", "---",
    "--- a", "-1a", "?", "? a", "?a", "a?", "#a", "a#b", "a #b", "&a", "&a b", "*a", "!a", "!a b",
    "! 5", "!!str 5", "!!str", "!!int 5", "!!int a", "!!int 5.0", "!!int \"5\"", "!!float 5",
    "!!float 5.5", "!!float a", "!!float 18446744073709551615", "!!float .inf", "!!bool yes",
    "!!bool \"yes\"", "!!bool a", "!!null ~", "!!null \"\"", "!!null a", "!!binary aGVsbG8=",
    "!!binary aGVsbG8", "!!binary \"aGVs bG8=\"", "!!binary /w==", "!!binary gIGC",
    "!!timestamp 2001-12-14", "!!timestamp x", "!!timestamp \"2001-12-14\"", "!!merge <<",
    "!!seq a", "!!map {a: b}", "!!seq [a]", "!!foo a", "!<tag:yaml.org,2002:int> 5", "!<x> 5",
    "!x!y 5", "!!int &a 5", "&a !!int 5", "&a &b 5", "!!str !!int 5", "%a", "@a", "`a", "|", ">",
    "|a", "'a'", "'a''b'", "'a", "\"a\"", "\"a", "\"\\x41\"", "\"\\u0041\\U0001F600\"",
    "\"\\ud83d\"", "\"\\q\"", "\"\\/\"", "\"a\\\tb\"", "\"\\N\\_\\L\\P\"",
    "\"\\0\\a\\b\\e\\f\\v\\r\\n\\t\"", "\"a b\"c", "'a' b", "[a]", "[a, b", "{a: b}", "{a}",
    "{a: b", "{a:b}", "{a:1}", "{\"a\":1}", "{a: }", "{: a}", "{? a : b}", "{? a}", "[? a : b]",
    "[a: b]", "[a: b, c: d]", "[: a]", "[? ]", "[a,]", "[,a]", "[,]", "{a,}", "{,}",
    "[[a], {b: c}]", "{[a]: b}", "{{a: b}: c}", "{{ .Values.a }}", "{{- if .x }}", "a b c", "a  b",
    "caf\u{e9}", "\u{65e5}\u{672c}", "\u{1f600}", "a\u{a0}b", "\u{feff}a", "a\u{feff}",
    "a\u{2028}b", "a\u{85}b", "a\u{7f}b", "a\u{1}b", "a\u{fffe}b", "a\tb", "\ta", "a\t", "a\\b",
    "<a&b>", "a\u{2029} b", "a\rb", "a,b", "a]b", "a}b",
];

/// Each scalar in every place that a scalar can have.
pub(crate) fn scalars() -> Vec<Case> {
    #[rustfmt::skip]
    const PLACES: &[&str] = &[
        "@", "a: @", "a: @\nb: 1", "- @", "- @\n- 1", "[@]", "[@, 1]", "{a: @}", "{@: a}", "@: a",
        "? @\n: a", "- @: b\n  c: d", "a: [@, {b: @}]", "a: '@'", "a: \"@\"", "a: |\n  @\n  x",
        "a: >-\n  @\n  x", "a: x\n  @", "a:\n  @\nb: c", "a: &x @\nb: *x\n*x : y", "a:\n- @\n- @",
        "!!str @", "a: !!int @", "a: !!float @", "a: !!bool @", "a: !!null @", "a: !!timestamp @",
        "a: !!binary @", "a: ! @", "a: !x @", "--- @\n", "a: @ # c", "<<: @\na: 1", "{<<: @, a: 1}",
        "{\"a\": @}", "{\"a\": \"@\"}", "a: b\n@", "a: b\n@: c", "- a\n@", " @", "@\n...\nrest",
    ];
    let mut cases = Vec::new();
    for place in PLACES {
        for scalar in SCALARS {
            let text = place.replace('@', scalar);
            cases.push(case(format!("{scalar:?} in {place:?}"), &text));
        }
    }
    cases
}

// No two of these make a circle in go-yaml's order of keys, as 16, 1e+06 and 2 do: it
// then writes them in any order.
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "a", "b", "name", "a1", "a10", "a2", "a02", "A", "1", "10", "2", "x-y", "x.y", "x_y", "on",
    "y", "1.5", "0x10", "true", "a b", "'q'", "\"d\"", "\"\"",
    "caf\u{e9}", "b2b", "b10b", "-a", "&k k", "!!str 3", ".inf",
    "a\u{a0}", "app.kubernetes.io/name", "kube/9", "kube/10", "_", "\u{65e5}",
];

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "text", "\"quoted text\"", "'single'", "yes", "0777", "1.0", "[]", "{}", "~", "",
    "a longer piece of plain text that goes on and on until it reaches beyond the eighty columns that go-yaml folds at",
    "\"a longer piece of \\\"quoted\\\" text: it goes on and on until it reaches   beyond the eighty columns at which it folds\"",
    "'it''s # a longer piece of text that has to be quoted, and it goes on and on   until it is beyond the eighty columns of it'",
    "\"two\\nlines\"", "\"two\\nlines\\n\"", "\" lead\\nlines\"", "\"trail \\nlines \"", "\"\\n\"",
    "\"\\n\\n\"", "\"a\\n\\n\\nb\\n\\n\"", "\"tab\\there\\n\"", "\"\\ttab\"", "\"cr\\rlf\\r\\n\"",
    "\"nel\\u0085x\"", "\"ls\\u2028x\"", "\"ls\\u2028x\\n y\"", "\"\\u2028\"",
    "\"\\u0085\\u0085 \\u0085\"", "\"bom\\ufeff\"", "\"\\U0001F600 smile\"", "\"del\\x7f\"",
    "\"\\xa0\"", "\"- dash\"", "\"? q\"", "\"a: b\"", "\"a #b\"", "\"trailing \"", "\" leading\"",
    "\"#x\"", "\"&x\"", "\"%x\"", "\"@x\"", "\"null\"", "\"0x1F\"", "\"1_000\"", "\"12:30\"",
    "\"2001-12-14\"", "\"<<\"", "\"=\"", "\"---\"", "\"...\"", "\"--- a\"", "\"-\"", "\"?\"",
    "\":\"", "\"a:\"", "\":a\"", "\"{\"", "\"a,b\"", "\"''\"", "|\n@  literal\n@   more\n@  end",
    "|-\n@  literal\n\n@  end\n", "|+\n@  literal\n\n",
    ">\n@  folded\n@  lines\n\n@  par\n@    more\n@  end\n", ">-\n@  folded\n@  lines",
    "|2\n@   indented\n@  less", "|1\n@ x\n@  y", ">+\n\n@  x\n\n\n", "|\n", "|\n\n\n@  late",
    "|\n@  tab\there\n@  \tlead", "plain\n@  over\n@  lines", "plain\n\n@  over\n\n\n@  lines",
    "\"quoted\n@  over\n\n@  lines \\\n@   end\"", "'single\n@  over  \n\n@  lines'",
    "&v anchored", "*x", "!!str 5", "!!binary aGk=", "!foo bar", "# comment", "1e3 # comment",
    "\"a\" # c", "-5", "1e-9", "123456789.25", "12345678901234567890", "1e+25", "-0.0",
    "\u{65e5}\u{672c}\u{8a9e}", "a\tb", "a  b", "http://x.y/z?a=b&c=d#e", "{a: 1, b: [x, y]}",
    "[a, [b, c], {d: e}]", "[a,\n@  b,\n@  c]", "{a: 1,\n@ b: 2\n@}", "{\"a\":1,\"b\":[1,2]}",
    "[\n@ a\n@]",
];

struct Tree {
    dice: Dice,
    out: String,
}

impl Tree {
    fn node(&mut self, depth: usize, indent: usize, inline: bool) {
        let pad = " ".repeat(indent);
        match self.dice.roll(if depth > 4 { 6 } else { 12 }) {
            0..6 => {
                let word = self.dice.pick(WORDS).replace('@', &pad);
                self.out.push_str(&word);
                self.out.push('\n');
            }
            6..9 => self.mapping(depth, indent, inline),
            9..11 => self.sequence(depth, indent, inline),
            _ => {
                let anchor = self
                    .dice
                    .pick(&["&v ", "&w ", "*x", "*y", "&v !!map ", "!!seq &w "]);
                self.out.push_str(anchor);
                if anchor.starts_with('*') {
                    self.out.push('\n');
                } else {
                    self.mapping(depth, indent, false);
                }
            }
        }
    }

    fn mapping(&mut self, depth: usize, indent: usize, inline: bool) {
        let step = if depth == 0 || inline {
            0
        } else {
            self.dice.roll(4)
        };
        let inner = indent + step;
        if !inline {
            self.out.push('\n');
        }
        for i in 0..=self.dice.roll(5) {
            let pad = if inline && i == 0 { step } else { inner };
            self.out.push_str(&" ".repeat(pad));
            let key = self.dice.pick(KEYS);
            if self.dice.roll(25) == 0 {
                let odd = self
                    .dice
                    .pick(&["<<: *x\n", "<<: [*x, {a: 1}]\n", "<<: {b: 1}\n"]);
                self.out.push_str(odd);
                continue;
            }
            if self.dice.roll(20) == 0 {
                self.out.push_str("? ");
                self.out.push_str(key);
                self.out.push('\n');
                self.out.push_str(&" ".repeat(inner));
            } else {
                self.out.push_str(key);
            }
            self.out.push_str(": ");
            let deeper = usize::from(self.dice.roll(3) > 0);
            self.node(depth + 1, inner + deeper, false);
        }
    }

    fn sequence(&mut self, depth: usize, indent: usize, inline: bool) {
        if !inline {
            self.out.push('\n');
        }
        for i in 0..=self.dice.roll(4) {
            if !(inline && i == 0) {
                self.out.push_str(&" ".repeat(indent));
            }
            self.out.push_str("- ");
            self.node(depth + 1, indent + 2, true);
        }
    }
}

/// Texts that are mostly well-formed.
pub(crate) fn trees(count: u64) -> Vec<Case> {
    seeds(count)
        .map(|seed| {
            let mut tree = Tree {
                dice: Dice::new(seed),
                out: String::new(),
            };
            for part in 0..=tree.dice.roll(3) {
                if part > 0 {
                    let separator = tree.dice.pick(&[
                        "---\n",
                        "--- # c\n",
                        "---\n---\n",
                        "...\n",
                        "---  \n",
                        "---\t\n",
                        "---\n",
                        "--- x\n",
                    ]);
                    tree.out.push_str(separator);
                }
                match tree.dice.roll(8) {
                    0 => tree.sequence(0, 0, true),
                    1 => tree.node(0, 0, true),
                    _ => {
                        tree.out.push_str("x: &x {k: 1, m: [a]}\ny: &y [b]");
                        tree.mapping(0, 0, false);
                    }
                }
            }
            let text = match tree.dice.roll(6) {
                0 => tree.out.replace('\n', "\r\n"),
                1 => tree.out.trim_end().to_owned(),
                2 => format!("\u{feff}{}", tree.out),
                _ => tree.out,
            };
            case(format!("tree {seed}"), &text)
        })
        .collect()
}

#[rustfmt::skip]
const PIECES: &[&str] = &[
    "\n", "\n", "\n", "\n", "\n  ", "\n  ", "\n    ", "\n ", " ", " ", "  ", "\t", "a", "b", "a: ",
    "b: ", "a:", "- ", "- ", "-", "? ", ": ", ":", "[", "]", "{", "}", ",", ", ", "#", " # c",
    "&x ", "*x", "*x ", "!", "!!str ", "!!int ", "!x ", "|", ">", "|-\n", "|+\n", ">\n", ">2\n",
    "'", "'", "\"", "\"", "\\", "\\n", "\\\n", "''", "%YAML 1.1\n", "%YAML 1.2\n",
    "%TAG !e! tag:e,1:\n", "!e!x ", "---", "---\n", "\n---\n", "...", "\n...\n", "<<: ",
    "<<: *x\n", "<<: [*x, {b: 1}]\n", "1", "0x1f", "yes", "~", ".5", "@", "`", "%", "{{", "}}",
    "\r\n", "\r", "\u{85}", "\u{2028}", "\u{feff}", "\u{e9}", "\u{1f600}", "a: 1\n",
    "b: &x {c: 1}\n", "- x\n", "text and more", "\u{7f}", "\0", "a\n", "\n\n", "? a\n: b\n",
    "- - a\n", "- a: b\n  c: d\n", "key: |\n  text\n", "\"a\": ", "[a, b]", "{a: b}", "null",
];

/// Texts that are mostly malformed.
pub(crate) fn soup(count: u64) -> Vec<Case> {
    seeds(count)
        .map(|seed| {
            let mut dice = Dice::new(seed + 1_000_000);
            let length = 1 + dice.roll(if seed % 4 == 0 { 40 } else { 12 });
            let text: String = (0..length).map(|_| dice.pick(PIECES)).collect();
            case(format!("soup {seed}"), &text)
        })
        .collect()
}

/// All YAML and JSON files under a folder.
pub(crate) fn files(folder: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let path = entry.path();
            let kind = entry.file_type().expect("a type");
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file()
                && path
                    .extension()
                    .is_some_and(|e| e == "yaml" || e == "yml" || e == "json")
            {
                let bytes = std::fs::read(&path).expect("a readable file");
                cases.push(Case {
                    name: path.display().to_string(),
                    bytes,
                });
            }
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

/// Files with a few things changed.
pub(crate) fn mutations(cases: &[Case], count: u64) -> Vec<Case> {
    if cases.is_empty() {
        return Vec::new();
    }
    seeds(count)
        .map(|seed| {
            let mut dice = Dice::new(seed + 2_000_000);
            let case = &cases[dice.roll(cases.len())];
            let mut bytes = case.bytes.clone();
            for _ in 0..=dice.roll(3) {
                let at = dice.roll(bytes.len() + 1);
                match dice.roll(5) {
                    0 if at < bytes.len() => {
                        bytes.remove(at);
                    }
                    1 if at < bytes.len() => {
                        let odd = b"\n :-#\t'\"{[&*\\|\x01";
                        bytes[at] = odd[dice.roll(odd.len())];
                    }
                    2 => {
                        let end = (at + 1 + dice.roll(40)).min(bytes.len());
                        bytes.drain(at.min(end)..end);
                    }
                    3 => {
                        // A line twice, somewhere else.
                        let lines: Vec<&[u8]> = bytes.split_inclusive(|&b| b == b'\n').collect();
                        if !lines.is_empty() {
                            let line = lines[dice.roll(lines.len())].to_vec();
                            let before: usize = lines[..dice.roll(lines.len())]
                                .iter()
                                .map(|l| l.len())
                                .sum();
                            bytes.splice(before..before, line);
                        }
                    }
                    _ => {
                        let piece = dice.pick(PIECES).as_bytes().to_vec();
                        bytes.splice(at..at, piece);
                    }
                }
            }
            Case {
                name: format!("{} changed by {seed}", case.name),
                bytes,
            }
        })
        .collect()
}
