//! What templates say, and where those are refused that say nothing.

use super::read::read;
use super::run::Engine;
use super::scope::{Scope, Template};
use crate::helm::limits::Budget;
use crate::helm::places::Places;
use crate::helm::value::text::{Out, Text};
use crate::helm::value::{Map, MapKind, Value};
use std::collections::HashMap;
use std::rc::Rc;

/// What a template prints for `{a: 1, l: [x, y]}`, or why it does not.
fn printed(text: &str) -> String {
    let parsed = match read(text) {
        Ok(parsed) => parsed,
        Err(error) => return format!("{}: {}", error.offset, error.message),
    };
    let text = Rc::new(Text::from(text));
    let template = |program| Template {
        text: text.clone(),
        program: Rc::new(program),
    };
    let mut scope = Scope::default();
    for (name, program) in parsed.definitions {
        scope.define(name, template(program));
    }
    let mut places = Places::new("top");
    let mut engine = Engine {
        places: &mut places,
        scope: Rc::new(scope),
        includes: HashMap::new(),
        budget: Budget::new(),
        regexes: HashMap::new(),
    };
    let dot = Map::new(MapKind::Any);
    dot.set("a", Value::int(1));
    dot.set("l", Value::list(vec![Value::text("x"), Value::text("y")]));
    match engine.run(&template(parsed.main), &Value::map(dot), Out::default(), 0) {
        Ok(out) => out.finish().as_str().to_owned(),
        Err(fail) => {
            let at = fail.place().map(|(_, at)| at).unwrap_or_default();
            format!("{}-{}: {}", at.start, at.end, fail.message())
        }
    }
}

#[test]
fn markers_and_comments_take_what_they_should() {
    for (text, want) in [
        ("a \n {{- 1 -}} \t\r\n b", "a1b"),
        ("a {{-1}} b", "a -1 b"),
        ("a {{1}}} b", "a 1} b"),
        // A comment keeps the white space on the side that has no marker.
        ("a:\n{{- /* c */}}\nb", "a:\nb"),
        ("a:\n{{/* c */ -}}\nb", "a:\nb"),
        ("a {{/* {{ \" }} */}} b", "a  b"),
        ("a {{- /**/ -}} b{{/*/*/}}c", "abc"),
        ("é {{/* é */ -}} é{{ \"é\" }}", "é éé"),
        // No other white space is taken than these four.
        ("a\u{a0} {{- 1 -}} \u{a0}b", "a\u{a0}1\u{a0}b"),
        ("{{ \"}}\" }}{{ `{{` }}{{ '}' }}", "}}{{125"),
    ] {
        assert_eq!(printed(text), want, "{text}");
    }
}

#[test]
fn blocks_loops_and_variables() {
    for (text, want) in [
        ("{{ if .b }}1{{ else if .a }}2{{ else }}3{{ end }}", "2"),
        (
            "{{ with .b }}1{{ else with .a }}{{ . }}{{ else }}3{{ end }}",
            "1",
        ),
        ("{{ with $x := .a }}{{ $x }}{{ . }}{{ end }}{{ .a }}", "111"),
        ("{{ range .l }}{{ . }}{{ $.a }}{{ end }}{{ .a }}", "x1y11"),
        (
            "{{ range $i, $v := .l }}{{ $i }}{{ $v }}{{ else }}none{{ end }}",
            "0x1y",
        ),
        ("{{ range $k, $v := . }}{{ $k }} {{ end }}", "a l "),
        ("{{ range $v := .b }}{{ else }}none{{ end }}", "none"),
        (
            "{{ range 3 }}{{ . }}{{ end }}{{ range $i := 2 }}{{ $i }}{{ end }}",
            "01201",
        ),
        (
            "{{ range .l }}{{ break }}{{ end }}{{ range .l }}{{ continue }}!{{ end }}-",
            "-",
        ),
        (
            "{{ range .l }}{{ range 9 }}{{ if eq . 1 }}{{ break }}{{ end }}{{ . }}{{ end }}{{ . }}{{ end }}",
            "0x0y",
        ),
        (
            "{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 3 }}{{ $x }}{{ end }}{{ $x }}",
            "32",
        ),
        ("{{ $x := 1 }}{{ $x := add $x 1 }}{{ $x }}", "2"),
        ("{{ $x := 0 }}{{ range $x = .l }}{{ end }}{{ $x }}", "y"),
        (
            "{{ define \"t\" }}{{ . }}{{ end }}{{ template \"t\" .a }}{{ template \"t\" }}",
            "1<no value>",
        ),
        (
            "{{ block \"t\" .a }}{{ . }}{{ end }}{{ include \"t\" 2 }}",
            "12",
        ),
        (
            "{{ define \"t\" }}1{{ end }}{{ define \"t\" }} {{ end }}{{ template \"t\" }}",
            "1",
        ),
        ("{{ 1 | add 2 | printf \"%v-%v\" (index .l 1) }}", "y-3"),
        (
            "{{ (dict \"a\" (dict \"b\" 7)).a.b }}{{ (.b).c.d }}",
            "7<no value>",
        ),
        ("{{ 1 | }}{{ (.l | len | ) }}{{ 2|}}", "122"),
        ("{{ and 0 (fail \"no\") }}{{ or 1 (fail \"no\") }}", "01"),
        (
            "{{ 0x1F }} {{ 017 }} {{ 1_000 }} {{ 'a' }} {{ 1.5e1 }} {{ \"\\u00e9\\xc3\\xa9\\\\\\n\" }}",
            "31 15 1000 97 15 éé\\\n",
        ),
        // Not declared, but never run either.
        (
            "{{ if false }}{{ $x := 1 }}{{ else if false }}{{ $x }}{{ end }}ok",
            "ok",
        ),
        (
            "{{ $x := 1 }}{{ if false }}{{ $x := 2 }}{{ else }}{{ $x }}{{ end }}",
            "1",
        ),
        (
            "{{ if false }}{{ $x = 1 }}{{ end }}{{ if false }}{{ $y := $y }}{{ end }}ok",
            "ok",
        ),
    ] {
        assert_eq!(printed(text), want, "{text}");
    }
}

#[test]
fn what_is_no_template_is_refused_at_its_place() {
    let mut wrong = Vec::new();
    for (text, at) in [
        ("ab{{ end }}cd", 2),
        ("ab{{ else }}cd", 2),
        ("ab{{ if 1 }}cd", 2),
        ("{{ if 1 }}{{ else }}{{ else }}{{ end }}", 20),
        ("{{ range 1 }}{{ else if 1 }}{{ end }}", 13),
        ("{{ if 1 }}{{ else with 1 }}{{ end }}", 10),
        ("{{ if 1 }}{{ define \"a\" }}{{ end }}{{ end }}", 10),
        ("{{ define \"a\" }}{{ else }}{{ end }}", 16),
        ("{{ break }}", 0),
        ("{{ range 1 }}{{ else }}{{ continue }}{{ end }}", 23),
        (
            "{{ range 1 }}{{ block \"a\" . }}{{ break }}{{ end }}{{ end }}",
            30,
        ),
        (
            "{{ define \"a\" }}1{{ end }}{{ define \"a\" }}2{{ end }}",
            29,
        ),
        ("{{ block \"a\" }}{{ end }}", 3),
        ("{{ /* a */ }}", 0),
        ("{{/* a */ 1 }}", 0),
        ("{{/* a", 0),
        ("{{ 1", 0),
        ("{{ \"a }}", 3),
        ("{{ \"a\nb\" }}", 3),
        ("{{ \"\\q\" }}", 3),
        ("{{ nosuch 1 }}", 3),
        ("{{ $x }}", 3),
        ("{{ if $x := 1 }}{{ end }}{{ $x }}", 28),
        ("{{ $a, $b := 1 }}", 13),
        ("{{ range $a $b := 1 }}{{ end }}", 9),
        ("{{ range $a, := 1 }}{{ end }}", 9),
        ("{{ print\"a\" }}", 8),
        ("{{ print 1(2) }}", 10),
        ("{{ 1abc }}", 4),
        ("{{ .a..b }}", 5),
        ("{{ ..a }}", 3),
        ("{{ 1 | 2 }}", 7),
        ("{{ .a | . }}", 8),
        ("{{ | }}", 5),
        ("{{ 1 | | }}", 9),
        ("{{ ( 1 }}", 7),
        ("{{ 1\u{a0} }}", 4),
        ("{{ 99999999999999999999 }}", 23),
        ("{{ 18446744073709551615 }}", 3),
        ("{{ }}", 3),
        ("é\n{{ é ! }}", 9),
    ] {
        let error = read(text).err();
        let found = error.as_ref().map(|error| error.offset);
        if found != Some(at) {
            wrong.push(format!("{text}: {at} and not {error:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn failures_know_the_operand() {
    for (text, want) in [
        (
            "{{ print (.a.b.c) }}",
            "10-16: .b is asked of a whole number, which has no such name",
        ),
        (
            "{{ .l.x }}",
            "3-7: .x is asked of a list, which has no such name",
        ),
        ("{{ .b.c }}", "3-7: "),
        (
            "{{ (index .l 7).x }}",
            "4-9: index: there is no item 7 in a list",
        ),
        (
            "{{ (print \")\" 1).x }}",
            "3-18: .x is asked of a text, which has no such name",
        ),
        ("{{ .a | 1.5 | print }}", "8: "),
        ("{{ $x = 1 }}", "3-12: $x has no value here"),
        (
            "{{ if 0 }}{{ $x := 1 }}{{ else }}{{ $x }}{{ end }}",
            "36-38: $x has no value here",
        ),
        ("{{ (1) 2 }}", "3-6: this is no function"),
        ("{{ nil }}", "3-6: nil alone"),
        ("{{ len }}", "3-6: len takes"),
        ("{{ range true }}{{ end }}", "9-16: range needs"),
        (
            "{{ range $i, $j := 3 }}{{ end }}",
            "9-23: a loop over a number",
        ),
        (
            "{{ template \"no\" . }}",
            "0-21: no template is called \"no\"",
        ),
        ("{{ quote 1 | .a }}", "13-15: .a is no method"),
    ] {
        let found = printed(text);
        assert!(found.starts_with(want), "{text}: {found}");
    }
}
