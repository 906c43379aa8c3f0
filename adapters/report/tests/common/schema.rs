//! A small JSON Schema validator: exactly the keywords that our schema uses. Unknown
//! keywords fail, so that nothing stands unchecked; properties that the schema does not
//! name fail too, so that no field stands undocumented.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub)]

use serde_json::Value;

pub fn validate(schema: &Value, value: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    check(schema, schema, value, "", &mut errors);
    errors
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
    let mut named = named_properties(root, schema);
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$id" | "title" | "description" | "$defs" => {}
            "$ref" => check(root, resolve(root, rule), value, at, errors),
            "const" => ensure(rule == value, at, "is not the constant", errors),
            "enum" => {
                ensure(
                    rule.as_array().unwrap().contains(value),
                    at,
                    "is not in the enum",
                    errors,
                );
            }
            "type" => {
                let types = rule
                    .as_array()
                    .cloned()
                    .unwrap_or_else(|| vec![rule.clone()]);
                let ok = types.iter().any(|t| is_type(t.as_str().unwrap(), value));
                ensure(ok, at, &format!("is not a {rule}"), errors);
            }
            "minimum" => {
                let ok = value.as_f64().is_none_or(|n| n >= rule.as_f64().unwrap());
                ensure(ok, at, "is too small", errors);
            }
            "maximum" => {
                let ok = value.as_f64().is_none_or(|n| n <= rule.as_f64().unwrap());
                ensure(ok, at, "is too large", errors);
            }
            "pattern" => {
                assert_eq!(rule, "^[0-9a-f]{32}$", "teach the validator this pattern");
                let ok = value.as_str().is_some_and(|s| {
                    s.len() == 32
                        && s.bytes()
                            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
                });
                ensure(ok, at, "does not match", errors);
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    let name = name.as_str().unwrap();
                    ensure(
                        value.get(name).is_some(),
                        at,
                        &format!("has no {name}"),
                        errors,
                    );
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        check(root, rule, value, &format!("{at}/{name}"), errors);
                    }
                }
            }
            "additionalProperties" => {
                for (name, value) in value.as_object().unwrap() {
                    check(root, rule, value, &format!("{at}/{name}"), errors);
                    named.push(name.clone());
                }
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, value, &format!("{at}/{index}"), errors);
                }
            }
            "oneOf" => {
                let fitting = rule.as_array().unwrap().iter().filter(|option| {
                    let mut errors = Vec::new();
                    check(root, option, value, at, &mut errors);
                    errors.is_empty()
                });
                ensure(fitting.count() == 1, at, "does not fit exactly one", errors);
            }
            other => panic!("unknown keyword {other}"),
        }
    }
    if !named.is_empty() {
        for name in value.as_object().into_iter().flat_map(|map| map.keys()) {
            ensure(
                named.contains(name),
                at,
                &format!("has an undocumented {name}"),
                errors,
            );
        }
    }
}

fn named_properties(root: &Value, schema: &Value) -> Vec<String> {
    let own = schema.get("properties").and_then(Value::as_object);
    let mut named: Vec<String> = own
        .into_iter()
        .flat_map(|map| map.keys().cloned())
        .collect();
    if let Some(reference) = schema.get("$ref").filter(|_| !named.is_empty()) {
        named.extend(named_properties(root, resolve(root, reference)));
    }
    named
}

fn resolve<'s>(root: &'s Value, reference: &Value) -> &'s Value {
    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
    root.pointer(pointer)
        .unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

fn is_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        other => panic!("unknown type {other}"),
    }
}

fn ensure(ok: bool, at: &str, what: &str, errors: &mut Vec<String>) {
    if !ok {
        errors.push(format!("{at} {what}"));
    }
}
