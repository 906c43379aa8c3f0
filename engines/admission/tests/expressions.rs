//! Expressions under attack: nothing panics, nothing runs for long, and what a file cannot
//! answer says so. Values are compared with the original in `tests/tests/cel_oracle.rs`.

use proptest::prelude::*;
use seawall_admission::cel::{Env, FaultKind, Machine, Program, Value, place};
use std::time::{Duration, Instant};

fn env() -> Env {
    Env {
        roots: vec!["object"],
        variables: Vec::new(),
    }
}

fn object() -> Value {
    Value::record([
        ("a", Value::Int(1)),
        ("l", Value::list((0..50).map(Value::Int).collect())),
        ("s", Value::text("héllo wörld ".repeat(20))),
    ])
}

/// The value, or the kind of failure.
fn run(source: &str) -> Result<Value, Option<FaultKind>> {
    let program = Program::compile(source, &env()).map_err(|_| None)?;
    let roots = [object()];
    let mut machine = Machine::new(&roots, &[], &[], None, 10_000_000);
    machine.run(&program).map_err(|fault| Some(fault.kind))
}

#[test]
fn what_takes_too_long_ends_soon() {
    let nested = |depth: usize| {
        let mut source = "0".to_owned();
        for level in 0..depth {
            source = format!("[1,2,3,4,5,6,7,8].map(v{level}, {source})");
        }
        source
    };
    let doubled = |depth: usize| {
        let mut source = "size(x)".to_owned();
        for _ in 0..depth {
            source = format!("cel.bind(x, x + x, {source})");
        }
        format!("cel.bind(x, \"0123456789\", {source})")
    };
    for source in [
        nested(30),
        doubled(60),
        "lists.range(1000000000).size()".to_owned(),
        "lists.range(9223372036854775807)".to_owned(),
        "object.s.replace('', object.s.replace('', object.s.replace('', object.s)))".to_owned(),
        "lists.range(900).all(a, lists.range(900).all(b, lists.range(900).all(c, true)))"
            .to_owned(),
        "lists.range(3000).map(x, object.s).join(object.s).matches('(a|b|ab)*c')".to_owned(),
        "lists.range(1000).map(x, '(' + string(x) + '|.){1,500}').exists(p, object.s.matches(p))"
            .to_owned(),
        "lists.range(900).map(x, lists.range(900)).flatten().distinct()".to_owned(),
        "lists.range(1000).sortBy(x, lists.range(1000).map(y, x + y).sum())".to_owned(),
    ] {
        let start = Instant::now();
        let outcome = run(&source);
        let took = start.elapsed();
        // Unoptimised code on a busy machine; released it is a tenth.
        assert!(took < Duration::from_secs(10), "{took:?}: {source}");
        let is_bounded = matches!(
            outcome,
            Ok(Value::Bool(_)) | Err(None | Some(FaultKind::Cost | FaultKind::Error))
        );
        assert!(is_bounded, "{source}: {outcome:?}");
    }
}

#[test]
fn deep_expressions_are_refused_and_not_recursed_into() {
    for depth in [50_usize, 199, 250, 10_000, 40_000] {
        for (open, middle, close) in [
            ("(", "1", ")"),
            ("[", "1", "]"),
            ("!", "true", ""),
            ("-", "object.a", ""),
            ("{1: ", "1", "}"),
            ("true ? 1 : ", "1", ""),
            ("dyn(", "1", ")"),
            ("", "object", ".a"),
            ("", "1", " + 1"),
            ("", "true", " && true"),
            ("", "object", "[0]"),
        ] {
            let source = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
            let _ = run(&source);
        }
    }
}

#[test]
fn errors_have_a_place() {
    for (source, want) in [
        ("1 +", (1, 4)),
        ("object.a ==\n  nothing", (2, 3)),
        ("'é' + x", (1, 7)),
        ("object.s.matches('(')", (1, 18)),
    ] {
        let error = Program::compile(source, &env()).expect_err(source);
        assert_eq!(place(source, error.offset), want, "{source}: {error:?}");
    }
}

#[test]
fn sides_that_decide_make_up_for_those_that_fail() {
    for (source, want) in [
        ("object.zz || true", Some(true)),
        ("object.zz && false", Some(false)),
        ("object.zz && true", None),
        ("[0, 1].exists(x, 1 / x == 1)", Some(true)),
        ("[0, 1].all(x, 1 / x == 1)", None),
        ("object.?a.?b.c.orValue(true)", Some(true)),
    ] {
        match run(source) {
            Ok(Value::Bool(truth)) => assert_eq!(Some(truth), want, "{source}"),
            other => assert!(want.is_none(), "{source}: {other:?}"),
        }
    }
}

const PIECES: [&str; 64] = [
    "object",
    ".a",
    ".?b",
    ".l",
    ".s",
    "[0]",
    "[?1]",
    "[object.a]",
    "1",
    "-1",
    "9223372036854775807",
    "1u",
    "1.5",
    "'x'",
    "''",
    "b'\\xff'",
    "null",
    "true",
    "[1, 2]",
    "{'a': 1}",
    " + ",
    " - ",
    " * ",
    " / ",
    " % ",
    " == ",
    " < ",
    " in ",
    " && ",
    " || ",
    " ? ",
    " : ",
    "!",
    "(",
    ")",
    ".all(x, ",
    ".map(x, ",
    ".exists_one(x, ",
    ".filter(x, x > ",
    ".sortBy(x, ",
    ".orValue(",
    ".optMap(x, ",
    "size(",
    "string(",
    "int(",
    "duration('",
    "timestamp('",
    "quantity('",
    ".format([",
    "'%s %d %.3f %x'",
    ".substring(",
    ".split(",
    ".replace(",
    ".matches('",
    "ip('",
    "cidr('",
    "url('",
    "semver('",
    ".slice(",
    "lists.range(",
    "math.bitShiftLeft(",
    "has(object.a",
    ", ",
    "'",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(source in "\\PC{0,60}") {
        let _ = run(&source);
    }

    #[test]
    fn no_heap_of_pieces_makes_it_panic(
        pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 1..14)
    ) {
        let _ = run(&pieces.concat());
    }

    #[test]
    fn no_argument_makes_a_function_panic(
        text in "\\PC{0,12}",
        other in "[-+0-9a-zA-Z.:/%\\[\\]@ ]{0,14}",
        a in any::<i64>(),
        b in -3_i64..20,
    ) {
        let (text, other) = (quoted(&text), quoted(&other));
        for source in [
            format!("{text}.substring({b})"),
            format!("{text}.substring({b}, {a})"),
            format!("{text}.charAt({b})"),
            format!("{text}.indexOf({other}, {b})"),
            format!("{text}.lastIndexOf({other}, {b})"),
            format!("{text}.lastIndexOf({other}, {a})"),
            format!("{text}.split({other}, {b})"),
            format!("{text}.replace({other}, {text}, {b})"),
            format!("{other}.format([{text}, {a}, 1.5])"),
            format!("{text}.matches({other})"),
            format!("{other}.findAll({text}, {b})"),
            format!("[1, 2, 3].slice({b}, {a})"),
            format!("math.bitShiftLeft({a}, {b}) + math.abs({a})"),
            format!("{a} / {b} + {a} % {b} - {a}"),
            format!("timestamp({a}).getFullYear() + int(timestamp({a}))"),
            format!("timestamp({other}) + duration({other})"),
            format!("duration({a}) - duration('{b}h')"),
            format!("quantity({other}).add({a}).sub(quantity({text}))"),
            format!("[ip({other}).family(), cidr({other}).prefixLength()]"),
            format!("[url({other}).getQuery(), url({other}).getEscapedPath()]"),
            format!("semver({other}, true).major()"),
            format!("format.qualifiedName().validate({other})"),
            format!("format.datetime().validate({other})"),
            format!("base64.decode({other}) + bytes({text})"),
            format!("[int({other}), int(double({other})), uint({a})]"),
            format!("string({a}.5e{b})"),
        ] {
            let _ = run(&source);
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
