//! Secrets never leave: what a source line holds is masked before anybody sees it.
//!
//! Reports quote the user's files, and these may hold credentials right beside the line
//! that a finding is about. Masking errs on the safe side: a value is hidden when its key
//! sounds like a credential, when it stands in a `Secret`, or when it has the shape of a
//! known token. The mask has always the same length, so that it does not tell the value's.

use std::ops::Range;

/// What stands for a masked value.
pub(crate) const MASK: &str = "••••••";

/// Words in a key that make its value a credential.
const KEYS: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "accesskey",
    "access_key",
    "privatekey",
    "private_key",
    "credential",
    "dsn",
];

/// Keys that sound like credentials and only name, mount or switch them.
const HARMLESS: [&str; 22] = [
    "secretname",
    "secretkeyref",
    "secretref",
    "secrets",
    "imagepullsecrets",
    "envfrom",
    "automountserviceaccounttoken",
    "serviceaccounttoken",
    "bootstraptoken",
    "existingsecret",
    "secretstore",
    "secretstoreref",
    "tokenttl",
    "tokenexpirationseconds",
    "tokenreview",
    "enable-bootstrap-token-auth",
    "token-auth-file",
    "secretproviderclass",
    "tokenrequests",
    "pullsecret",
    "pullsecrets",
    "passwordsecret",
];

/// How well-known tokens begin, and how long they are at least.
const SHAPES: [(&str, usize); 14] = [
    ("AKIA", 16),
    ("ASIA", 16),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("xoxb-", 16),
    ("xoxp-", 16),
    ("eyJ", 20),
    ("AIza", 30),
    ("sk_live_", 16),
    ("hvs.", 16),
    ("npm_", 20),
];

/// What is this long and has no blanks may be a token.
const LONG_TOKEN: usize = 16;

/// Pieces of a line that must be masked: sorted, not overlapping. `context` is what is
/// known from the lines around.
pub(crate) fn secrets_in(line: &str, context: Context) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if context.inside_block {
        push_value(&mut found, line, 0);
    }
    // The rest of something long whose beginning, and key, was cut off.
    let tail = token_len(line);
    if context.cut_left && tail >= LONG_TOKEN {
        found.push(0..tail);
    }
    if let Some((key, value)) = key_and_value(line) {
        let named = context.secret_object && !is_metadata(key) || sounds_secret(key);
        let env = key.eq_ignore_ascii_case("value") && (context.secret_name || context.any_value);
        if named || env {
            push_value(&mut found, line, value);
        }
    } else if context.secret_object {
        push_value(&mut found, line, 0);
    }
    inline_pairs(line, context.any_value, &mut found);
    shapes(line, &mut found);
    userinfo(line, &mut found);
    merge(found)
}

/// Masks one more piece.
pub(crate) fn with(mut masks: Vec<Range<usize>>, more: Range<usize>) -> Vec<Range<usize>> {
    masks.push(more);
    merge(masks)
}

/// Sorted, and what overlaps or touches as one.
pub(crate) fn merge(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in found {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// What the lines around say about a line.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Context {
    /// It stands in the data of an object of kind `Secret`.
    pub(crate) secret_object: bool,
    /// A neighbouring `name:` sounds like a credential.
    pub(crate) secret_name: bool,
    /// It continues a block scalar or a PEM block that is a secret.
    pub(crate) inside_block: bool,
    /// Its beginning was cut off.
    pub(crate) cut_left: bool,
    /// Nobody knows the names that belong to values, so every `value:` is one.
    pub(crate) any_value: bool,
}

/// Whether a key's name says that its value is a credential.
pub(crate) fn sounds_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let flat: String = key
        .chars()
        .filter(|c| !matches!(c, '_' | '-' | '.'))
        .collect();
    if HARMLESS.iter().any(|word| flat == *word || key == *word) {
        return false;
    }
    // `passwordKey`, `tokenSecretName`, `secretNamespace`, `token_file` point elsewhere.
    let points_elsewhere = [
        "name",
        "namespace",
        "ref",
        "file",
        "path",
        "enabled",
        "mode",
        "type",
    ]
    .iter()
    .any(|tail| flat.ends_with(tail));
    !points_elsewhere && KEYS.iter().any(|word| key.contains(word))
}

/// The key of a `key: value` line (also `- key: value` and `"key": value`), and where its
/// value starts.
pub(crate) fn key_and_value(line: &str) -> Option<(&str, usize)> {
    let indent = line.len() - line.trim_start_matches([' ', '\t', '-', '{', ',']).len();
    let rest = line.get(indent..)?;
    let (key, colon) = if let Some(quoted) = rest.strip_prefix('"') {
        let end = quoted.find('"')?;
        let after = quoted.get(end + 1..)?;
        let blanks = after.len() - after.trim_start().len();
        after.trim_start().starts_with(':').then_some(())?;
        (quoted.get(..end)?, indent + end + 2 + blanks)
    } else {
        let end = rest.find(':')?;
        let key = rest.get(..end)?;
        (!key.contains([' ', '"', '\''])).then_some(())?;
        (key, indent + end)
    };
    let value = line.get(colon + 1..)?;
    (value.is_empty() || value.starts_with([' ', '\t', '"', '[', '{'])).then_some(())?;
    Some((key, colon + 1 + value.len() - value.trim_start().len()))
}

fn is_metadata(key: &str) -> bool {
    matches!(
        key,
        "apiVersion"
            | "kind"
            | "metadata"
            | "name"
            | "namespace"
            | "type"
            | "immutable"
            | "data"
            | "stringData"
            | "labels"
            | "annotations"
            | "items"
            | "generateName"
    )
}

/// Adds the scalar at `from`, unless it is nothing to hide.
fn push_value(found: &mut Vec<Range<usize>>, line: &str, from: usize) {
    let Some(rest) = line.get(from..) else { return };
    let lead = rest.len() - rest.trim_start().len();
    let from = from + lead;
    let rest = rest.trim();
    let value = match rest.as_bytes().first() {
        Some(b'"') => rest
            .get(1..)
            .map(|body| body.get(..quoted_len(body)).unwrap_or(body)),
        Some(b'\'') => rest
            .get(1..)
            .and_then(|r| r.find('\''))
            .and_then(|end| rest.get(1..=end)),
        _ => Some(
            rest.split(" #")
                .next()
                .unwrap_or(rest)
                .trim_end_matches([',', '}', ']']),
        ),
    };
    let quoted = matches!(rest.as_bytes().first(), Some(b'"' | b'\''));
    let value = value.unwrap_or(rest);
    let from = from + usize::from(quoted && value != rest);
    let harmless = value.is_empty()
        || matches!(
            value,
            "true" | "false" | "null" | "~" | "|" | ">" | "|-" | ">-" | "|+" | ">+"
        )
        || value.starts_with("{{")
        || value.starts_with("$(")
        || value.starts_with("${")
        || value.starts_with(['{', '[', '&', '*']);
    if !harmless {
        found.push(from..from + value.len());
    }
}

/// Bytes before the quote that ends a double-quoted scalar.
fn quoted_len(body: &str) -> usize {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    body.len()
}

/// `"password":"x"` and `--password=x` inside a longer line.
fn inline_pairs(line: &str, any_value: bool, found: &mut Vec<Range<usize>>) {
    for (at, c) in line.char_indices() {
        if c != '=' && c != ':' {
            continue;
        }
        let head = line.get(..at).unwrap_or("").trim_end_matches(['"', '\'']);
        let start = head
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')))
            .map_or(0, |at| at + 1);
        let key = head.get(start..).unwrap_or("").trim_start_matches('-');
        if !(sounds_secret(key) || any_value && c == ':' && key == "value") {
            continue;
        }
        let from = at + 1;
        let Some(rest) = line.get(from..) else {
            continue;
        };
        let blanks = rest.len() - rest.trim_start().len();
        if c == '=' && blanks > 0 {
            continue;
        }
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let skip = usize::from(quote.is_some());
        let body = rest.get(skip..).unwrap_or("");
        let end = match quote {
            Some('"') => quoted_len(body),
            Some(quote) => body.find(quote).unwrap_or(body.len()),
            None => body
                .find([' ', ',', '}', ']', '"', '\'', '&', ';'])
                .unwrap_or(body.len()),
        };
        push_value(
            found,
            line.get(..from + blanks + skip + end).unwrap_or(line),
            from + blanks + skip,
        );
    }
}

fn shapes(line: &str, found: &mut Vec<Range<usize>>) {
    for (prefix, least) in SHAPES {
        for (at, _) in line.match_indices(prefix) {
            let before = line.get(..at).and_then(|head| head.chars().next_back());
            if before.is_some_and(|c| c.is_ascii_alphanumeric()) {
                continue;
            }
            let len = token_len(line.get(at..).unwrap_or(""));
            if len >= least {
                found.push(at..at + len);
            }
        }
    }
    if let Some(at) = line.find("PRIVATE KEY-----") {
        let end = at + "PRIVATE KEY-----".len();
        if line.len() > end {
            found.push(end..line.len());
        }
    }
}

fn token_len(text: &str) -> usize {
    text.find(|c: char| {
        !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+' | '='))
    })
    .unwrap_or(text.len())
}

/// The password of `scheme://user:password@host`.
fn userinfo(line: &str, found: &mut Vec<Range<usize>>) {
    for (at, sep) in line.match_indices("://") {
        let from = at + sep.len();
        let rest = line.get(from..).unwrap_or("");
        let end = rest.find([' ', '/', '"', '\'', '?']).unwrap_or(rest.len());
        let Some(host) = rest.get(..end).and_then(|authority| authority.rfind('@')) else {
            continue;
        };
        if let Some(colon) = rest.get(..host).and_then(|user| user.find(':'))
            && colon + 1 < host
        {
            found.push(from + colon + 1..from + host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(line: &str, context: Context) -> String {
        let mut out = line.to_owned();
        for range in secrets_in(line, context).into_iter().rev() {
            out.replace_range(range, "*");
        }
        out
    }

    #[test]
    fn credentials_are_hidden_and_nothing_else() {
        let none = Context::default();
        for (line, expected) in [
            ("  password: hunter2", "  password: *"),
            (
                "  - DB_PASSWORD: \"hunter2\" # old",
                "  - DB_PASSWORD: \"*\" # old",
            ),
            ("  apiKey: 'x y'", "  apiKey: '*'"),
            (
                "  automountServiceAccountToken: true",
                "  automountServiceAccountToken: true",
            ),
            ("  secretName: db", "  secretName: db"),
            ("  passwordSecretName: db", "  passwordSecretName: db"),
            (
                "  password: {{ .Values.db.password }}",
                "  password: {{ .Values.db.password }}",
            ),
            ("  password: true", "  password: true"),
            ("  - --admin-password=hunter2", "  - --admin-password=*"),
            (
                "  args: [\"--token=abc\", \"--v=2\"]",
                "  args: [\"--token=*\", \"--v=2\"]",
            ),
            (
                "{\"user\":\"a\",\"password\":\"p\",\"x\":1}",
                "{\"user\":\"a\",\"password\":\"*\",\"x\":1}",
            ),
            (
                "  url: postgres://app:s3cret@db:5432/x",
                "  url: postgres://app:*@db:5432/x",
            ),
            ("  id: AKIAIOSFODNN7EXAMPLE", "  id: *"),
            ("  image: nginx:1.27", "  image: nginx:1.27"),
            (
                "-----BEGIN RSA PRIVATE KEY-----MIIE",
                "-----BEGIN RSA PRIVATE KEY-----*",
            ),
        ] {
            assert_eq!(masked(line, none), expected);
        }
    }

    #[test]
    fn the_lines_around_count() {
        let object = Context {
            secret_object: true,
            ..Context::default()
        };
        assert_eq!(masked("  user: YWRtaW4=", object), "  user: *");
        assert_eq!(masked("kind: Secret", object), "kind: Secret");
        let name = Context {
            secret_name: true,
            ..Context::default()
        };
        assert_eq!(masked("    value: hunter2", name), "    value: *");
        let block = Context {
            inside_block: true,
            ..Context::default()
        };
        assert_eq!(masked("    MIIEowIBAAKCAQEA", block), "    *");
        let cut = Context {
            cut_left: true,
            ..Context::default()
        };
        assert_eq!(masked("abcdefghijklmnopqrstuvwxyz\", x", cut), "*\", x");
    }
}
