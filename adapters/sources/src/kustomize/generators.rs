//! ConfigMaps and Secrets made from literals and files.

use super::Fail;
use super::decode::Text;
use super::kust::{Generator, Options};
use super::resource::{Behavior, Resource, meta_map};
use super::store::{Root, Store};
use super::value;
use seawall_model::{Span, Str};
use seawall_yaml::{Map, Node, Value};

/// Adds the options of the whole kustomization to those of one generator, which win.
pub(super) fn options(local: Option<&Options>, global: Option<&Options>) -> Options {
    let mut result = local.cloned().unwrap_or_default();
    let Some(global) = global else { return result };
    for (mine, theirs) in [
        (&mut result.labels, &global.labels),
        (&mut result.annotations, &global.annotations),
    ] {
        for (key, text) in theirs {
            if mine.iter().all(|(k, _)| k != key) {
                mine.push((key.clone(), text.clone()));
            }
        }
        mine.sort_by(|a, b| a.0.cmp(&b.0));
    }
    result.disable_hash |= global.disable_hash;
    result.immutable |= global.immutable;
    result
}

/// Makes the object of one generator.
pub(super) fn generate(
    store: &Store<'_>,
    root: &Root,
    generator: &Generator,
    secret: bool,
    options: &Options,
) -> Result<Resource, Fail> {
    let Some(name) = &generator.name else {
        return Err(Fail::new(
            generator.span,
            "a generator must have a name".to_owned(),
        ));
    };
    let span = generator.span;
    let kind = if secret { "Secret" } else { "ConfigMap" };
    let mut metadata = Map::default();
    metadata.insert(
        "name",
        name.span,
        value::string(name.value.clone(), name.span),
    );
    if let Some(namespace) = &generator.namespace {
        let node = value::string(namespace.value.clone(), namespace.span);
        metadata.insert("namespace", namespace.span, node);
    }
    let mut object = Map::default();
    object.insert("apiVersion", span, value::string("v1", span));
    object.insert("kind", span, value::string(kind, span));
    object.insert("metadata", span, Node::map(metadata, span));
    if secret {
        let node = match &generator.ty {
            Some(ty) => value::string(ty.value.clone(), ty.span),
            None => value::string("Opaque", span),
        };
        object.insert("type", span, node);
    }
    let mut data = Map::default();
    let mut binary = Map::default();
    for (key, bytes, place) in sources(store, root, generator)? {
        if data.contains_key(&key) || binary.contains_key(&key) {
            let message = format!("{kind} {} has the key {key} twice", &**name);
            return Err(Fail::new(place, message));
        }
        match (secret, String::from_utf8(bytes)) {
            (false, Ok(text)) => data.insert(key, place, value::string(text, place)),
            (false, Err(error)) => {
                binary.insert(
                    key,
                    place,
                    value::string(base64(&error.into_bytes()), place),
                );
            }
            (true, bytes) => {
                let bytes = bytes.map_or_else(std::string::FromUtf8Error::into_bytes, String::into);
                data.insert(key, place, value::string(base64(&bytes), place));
            }
        }
    }
    if secret || !data.is_empty() {
        object.insert("data", span, Node::map(data, span));
    }
    if !binary.is_empty() {
        object.insert("binaryData", span, Node::map(binary, span));
    }
    let mut node = Node::map(object, span);
    for (field, pairs) in [
        ("labels", &options.labels),
        ("annotations", &options.annotations),
    ] {
        for (key, text) in pairs {
            if let Some(map) = meta_map(&mut node, field) {
                let value = value::string(text.value.clone(), text.span);
                map.insert(key.clone(), text.span, value);
            }
        }
    }
    if options.immutable
        && let Some(map) = node.as_map_mut()
    {
        map.insert("immutable", span, Node::new(Value::Bool(true), span));
    }
    let mut resource = Resource::new(node);
    resource.needs_hash = !options.disable_hash;
    resource.behavior = match generator.behavior.as_deref() {
        Some("merge") => Behavior::Merge,
        Some("replace") => Behavior::Replace,
        _ => Behavior::Create,
    };
    Ok(resource)
}

type Pair = (Str, Vec<u8>, Span);

fn sources(store: &Store<'_>, root: &Root, generator: &Generator) -> Result<Vec<Pair>, Fail> {
    let mut pairs = Vec::new();
    for path in &generator.envs {
        let bytes = store.bytes(root, path)?;
        env_file(&bytes, path, &mut pairs)?;
    }
    for literal in &generator.literals {
        let Some((key, text)) = literal.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            let message = "a literal must have the form key=value".to_owned();
            return Err(Fail::new(literal.span, message));
        };
        pairs.push((key.into(), unquoted(text).as_bytes().to_vec(), literal.span));
    }
    for file in &generator.files {
        let (key, path) = match file.matches('=').count() {
            0 => (
                file.trim_end_matches('/')
                    .rsplit('/')
                    .next()
                    .unwrap_or_default(),
                &**file,
            ),
            1 => file.split_once('=').unwrap_or_default(),
            _ => {
                let message = "a file source must have the form [key=]path".to_owned();
                return Err(Fail::new(file.span, message));
            }
        };
        if key.is_empty() || path.is_empty() {
            let message = "a file source must have the form [key=]path".to_owned();
            return Err(Fail::new(file.span, message));
        }
        let path = Text {
            value: path.into(),
            span: file.span,
        };
        pairs.push((key.into(), store.bytes(root, &path)?, file.span));
    }
    Ok(pairs)
}

fn env_file(bytes: &[u8], path: &Text, pairs: &mut Vec<Pair>) -> Result<(), Fail> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(Fail::new(path.span, format!("{} is not UTF-8", &**path)));
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
        if line.len() > 64 * 1024 {
            return Err(Fail::new(
                path.span,
                format!("{} has a line that is too long", &**path),
            ));
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, text) = line.split_once('=').unwrap_or((line, ""));
        if !key.is_empty() {
            pairs.push((key.into(), text.as_bytes().to_vec(), path.span));
        }
    }
    Ok(())
}

/// Text without one pair of quotes around it.
fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        if text.len() >= 2
            && let Some(inner) = text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote))
        {
            return inner;
        }
    }
    text
}

/// Base64 in lines of 70 characters when it is longer than one, as Kustomize writes it.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len() / 3 * 4 + 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4_u32 {
            let digit = DIGITS
                .get((bits >> (18 - 6 * i) & 63) as usize)
                .copied()
                .unwrap_or(b'=');
            let used = i as usize <= chunk.len();
            text.push(if used { char::from(digit) } else { '=' });
        }
    }
    if text.len() < 70 {
        return text;
    }
    let mut lines = String::with_capacity(text.len() + text.len() / 70 + 1);
    for (index, c) in text.chars().enumerate() {
        lines.push(c);
        if (index + 1) % 70 == 0 {
            lines.push('\n');
        }
    }
    if !lines.ends_with('\n') {
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_broken_into_lines() {
        assert_eq!(base64(b""), "");
        assert_eq!(base64(b"a"), "YQ==");
        assert_eq!(base64(b"ab"), "YWI=");
        assert_eq!(base64(b"abc"), "YWJj");
        let long = base64(&[b'x'; 60]);
        assert_eq!(long.lines().next().map(str::len), Some(70));
        assert!(long.ends_with('\n'));
    }

    #[test]
    fn quotes_come_off_once() {
        assert_eq!(unquoted("\"a\""), "a");
        assert_eq!(unquoted("'a"), "'a");
        assert_eq!(unquoted("\""), "\"");
        assert_eq!(unquoted("''"), "");
    }
}
