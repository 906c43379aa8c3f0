//! Is this name and value a credential? Shared by variables, arguments and ConfigMaps.
//!
//! A value is judged by its own shape first (a private key, a known token, a password in a
//! URL), then by the name it goes under. References to a credential that is elsewhere,
//! placeholders, paths and switches are none. What is returned never holds the value.

/// What kind of credential a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A password everybody tries first.
    Default,
    /// A password.
    Password,
    /// A token or key, by its name.
    Token,
    /// A password inside a URL or a connection string.
    Url,
    /// A private key.
    PrivateKey,
    /// A token of a known issuer.
    Known(&'static str),
}

impl Credential {
    /// What to call it.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Credential::Default => "a password that everybody tries first",
            Credential::Password => "a password in plain text",
            Credential::Token => "a token or key in plain text",
            Credential::Url => "a password inside a connection string",
            Credential::PrivateKey => "a private key",
            Credential::Known(issuer) => issuer,
        }
    }
}

/// How known tokens begin, how long they are at least, and what they are.
const KNOWN: &[(&str, usize, &str)] = &[
    ("ghp_", 36, "a GitHub token"),
    ("gho_", 36, "a GitHub token"),
    ("ghs_", 36, "a GitHub token"),
    ("github_pat_", 40, "a GitHub token"),
    ("glpat-", 20, "a GitLab token"),
    ("xoxb-", 24, "a Slack token"),
    ("xoxp-", 24, "a Slack token"),
    ("sk_live_", 24, "a Stripe key"),
    ("SG.", 60, "a SendGrid key"),
    ("hvs.", 24, "a Vault token"),
    ("npm_", 36, "an npm token"),
    ("AIza", 35, "a Google API key"),
    ("dop_v1_", 60, "a DigitalOcean token"),
    ("sk-ant-", 40, "an Anthropic key"),
    ("sk-proj-", 40, "an OpenAI key"),
];

/// Judges a value by its shape and its name.
pub(crate) fn judge(name: &str, value: &str) -> Option<Credential> {
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    by_shape(value).or_else(|| by_name(name, value))
}

/// Judges a value whatever its name is.
pub(crate) fn by_shape(value: &str) -> Option<Credential> {
    if value.contains("-----BEGIN ") && value.contains("PRIVATE KEY-----") {
        return Some(Credential::PrivateKey);
    }
    if let Some((_, _, what)) = KNOWN.iter().find(|(prefix, length, _)| {
        value.starts_with(prefix)
            && value.len() >= *length
            && value
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
    }) {
        return Some(Credential::Known(what));
    }
    if value.contains('\n') {
        return None;
    }
    in_url(value).or_else(|| in_pairs(value))
}

/// `scheme://user:password@host`.
fn in_url(value: &str) -> Option<Credential> {
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#', ' ', '"', '\'']).next()?;
    let (userinfo, _) = authority.rsplit_once('@')?;
    let (_, password) = userinfo.split_once(':')?;
    is_literal(password).then_some(Credential::Url)
}

/// `Server=x;Password=y;` as database drivers read it.
fn in_pairs(value: &str) -> Option<Credential> {
    if !value.contains(';') {
        return None;
    }
    value.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let key = key.trim().to_ascii_lowercase();
        let secret = matches!(&*key, "password" | "pwd" | "accountkey" | "sharedaccesskey");
        (secret && is_literal(value.trim())).then_some(Credential::Url)
    })
}

/// Whether a piece of text stands for itself and not for something to be put in.
fn is_literal(text: &str) -> bool {
    !text.is_empty() && !is_reference(text) && !is_placeholder(text)
}

/// Text that is replaced before the program sees it, or that names a place.
fn is_reference(text: &str) -> bool {
    const MARKS: [&str; 5] = ["$(", "${", "{{", "<path:", "ENC["];
    const PREFIXES: [&str; 14] = [
        "$",
        "vault:",
        "ref+",
        "secretref",
        "op://",
        "arn:",
        "sm://",
        "ssm:",
        "gcp:",
        "aws:",
        "azurekeyvault:",
        "akvs:",
        "k8s:",
        "@Microsoft.KeyVault",
    ];
    MARKS.iter().any(|mark| text.contains(mark))
        || PREFIXES.iter().any(|prefix| text.starts_with(prefix))
        || (text.starts_with("projects/") && text.contains("/secrets/"))
        || (text.starts_with('%') && text.ends_with('%') && text.len() > 2)
}

/// Text that somebody has to fill in, or that says that there is nothing.
fn is_placeholder(text: &str) -> bool {
    const WORDS: [&str; 16] = [
        "none",
        "null",
        "nil",
        "undefined",
        "n/a",
        "na",
        "todo",
        "tbd",
        "xxx",
        "dummy",
        "fake",
        "placeholder",
        "redacted",
        "unused",
        "empty",
        "not-used",
    ];
    let lower = text.to_ascii_lowercase();
    (text.starts_with('<') && text.ends_with('>'))
        || (text.starts_with("__") && text.ends_with("__"))
        || (text.starts_with('[') && text.ends_with(']'))
        || text
            .bytes()
            .all(|b| matches!(b, b'*' | b'.' | b'x' | b'X' | b'-' | b'_'))
        || WORDS.contains(&&*lower)
        || [
            "your-",
            "your_",
            "<your",
            "replace",
            "insert-",
            "insert_",
            "my-secret-here",
        ]
        .iter()
        .any(|start| lower.starts_with(start))
}

/// What a name says about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Password,
    Token,
}

/// Whether a name has any word in it that counts. Nearly none has.
fn may_be_named(name: &str) -> bool {
    const PARTS: [&[u8]; 5] = [b"pass", b"pwd", b"secret", b"token", b"key"];
    let has = |part: &[u8]| {
        name.as_bytes()
            .windows(part.len())
            .any(|window| window.eq_ignore_ascii_case(part))
    };
    PARTS.into_iter().any(has)
}

/// Judges a name by its last words, so that TOKEN_TTL and PASSWORD_FILE are neither.
fn named(name: &str) -> Option<Named> {
    if !may_be_named(name) {
        return None;
    }
    let words = words(name);
    let mut words = words.as_slice();
    // PASSWORD_1 is a password, too.
    while let [head @ .., last] = words
        && last.bytes().all(|b| b.is_ascii_digit())
    {
        words = head;
    }
    let (last, before) = words.split_last()?;
    let before = before.last().map_or("", String::as_str);
    // What the first word asks for is a switch.
    if words.len() > 1
        && words.first().is_some_and(|first| {
            matches!(
                first.as_str(),
                "enable"
                    | "disable"
                    | "use"
                    | "allow"
                    | "require"
                    | "skip"
                    | "generate"
                    | "random"
                    | "has"
                    | "is"
                    | "no"
                    | "num"
                    | "max"
                    | "min"
                    | "show"
                    | "hide"
                    | "validate"
            )
        })
    {
        return None;
    }
    let last = last.as_str();
    if matches!(last, "password" | "passwd" | "passphrase")
        || last.ends_with("password")
        || last.ends_with("passwd")
        || (matches!(last, "pass" | "pwd") && words.len() > 1)
    {
        return Some(Named::Password);
    }
    let key = last == "key"
        && matches!(
            before,
            "api"
                | "private"
                | "secret"
                | "encryption"
                | "signing"
                | "auth"
                | "master"
                | "account"
                | "app"
                | "session"
                | "cookie"
                | "jwt"
                | "hmac"
        )
        || last == "key" && before == "access" && words.iter().any(|word| word == "secret");
    let whole = matches!(
        last,
        "secret" | "token" | "apikey" | "secretkey" | "privatekey"
    ) || [
        "apikey",
        "secretkey",
        "accesstoken",
        "authtoken",
        "clientsecret",
    ]
    .iter()
    .any(|end| last.ends_with(end));
    // A Secret's name, not its content.
    let reference = last == "secret"
        && matches!(
            before,
            "pull"
                | "tls"
                | "ssl"
                | "cert"
                | "certs"
                | "certificate"
                | "ca"
                | "existing"
                | "k8s"
                | "kubernetes"
                | "webhook"
                | "kube"
                | "image"
                | "registry"
        );
    (key || whole && !reference).then_some(Named::Token)
}

/// The words of a name, lower case: `dbPassword` and `DB_PASSWORD` are both db, password.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut previous_lower = false;
    for ch in name.chars() {
        let boundary = !ch.is_ascii_alphanumeric();
        if (boundary || (ch.is_ascii_uppercase() && previous_lower)) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if !boundary {
            word.push(ch.to_ascii_lowercase());
        }
        previous_lower = ch.is_ascii_lowercase() || ch.is_ascii_digit();
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Passwords that are tried first everywhere.
const DEFAULTS: &[&str] = &[
    "password",
    "passw0rd",
    "passwd",
    "pass",
    "pass123",
    "password1",
    "password123",
    "admin",
    "admin123",
    "adminadmin",
    "administrator",
    "root",
    "toor",
    "rootpassword",
    "rootpass",
    "secret",
    "secretpassword",
    "changeme",
    "changeit",
    "change-me",
    "change_me",
    "changethis",
    "default",
    "guest",
    "test",
    "test123",
    "testing",
    "123",
    "1234",
    "12345",
    "123456",
    "1234567",
    "12345678",
    "123456789",
    "1234567890",
    "qwerty",
    "letmein",
    "welcome",
    "postgres",
    "mysql",
    "mariadb",
    "mongo",
    "mongodb",
    "redis",
    "rabbitmq",
    "rabbit",
    "elastic",
    "minio",
    "minio123",
    "minioadmin",
    "grafana",
    "prom-operator",
    "bitnami",
    "example",
    "user",
    "demo",
    "sample",
    "foobar",
    "mypassword",
    "my-password",
    "supersecret",
    "topsecret",
    "s3cr3t",
    "yoursecurepassword",
    "super_secret",
];

fn by_name(name: &str, value: &str) -> Option<Credential> {
    let named = named(name)?;
    let switch = matches!(
        &*value.to_ascii_lowercase(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "enabled" | "disabled"
    );
    let place = ["/", "./", "../", "~/", "file:"]
        .iter()
        .any(|start| value.starts_with(start))
        || value.contains("://");
    if switch || place || !is_literal(value) || value.contains(char::is_whitespace) {
        return None;
    }
    let is_default = DEFAULTS
        .iter()
        .any(|known| value.eq_ignore_ascii_case(known));
    match named {
        Named::Password if is_default => Some(Credential::Default),
        Named::Password => (!names_an_object(value)).then_some(Credential::Password),
        Named::Token if is_default => None,
        Named::Token => looks_random(value).then_some(Credential::Token),
    }
}

/// Whether a value reads like the name of a Secret: lower-case words with dashes, one of
/// which says so.
fn names_an_object(value: &str) -> bool {
    let dns = value
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b));
    dns && value.contains('-')
        && value.split(['-', '.']).any(|word| {
            matches!(
                word,
                "secret"
                    | "secrets"
                    | "credentials"
                    | "creds"
                    | "tls"
                    | "cert"
                    | "certs"
                    | "token"
                    | "key"
                    | "keys"
                    | "auth"
                    | "config"
                    | "ca"
            )
        })
}

/// Whether a value could be a token: long enough, and not just words.
fn looks_random(value: &str) -> bool {
    if value.len() < 8 || value.bytes().all(|b| b.is_ascii_digit()) || names_an_object(value) {
        return false;
    }
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let upper = value.bytes().any(|b| b.is_ascii_uppercase());
    let lower = value.bytes().any(|b| b.is_ascii_lowercase());
    let words = value
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b"-_.".contains(&b))
        || value
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b"-_.".contains(&b));
    !words && (digits > 1 || (upper && lower && value.len() >= 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_told_from_what_only_looks_like_one() {
        // Assembled here, so that no scanner takes this file for a leak.
        let token = format!("ghp_{}", "a1B2".repeat(9));
        let url = format!("postgres://app:{}@db/shop", "hunter2x");
        let pairs = format!("Server=db;User=sa;Password={};", "Hunter2x");
        for (name, value, want) in [
            ("DB_PASSWORD", "hunter2x", Some(Credential::Password)),
            ("dbPassword", "hunter2x", Some(Credential::Password)),
            ("PGPASSWORD", "123456", Some(Credential::Default)),
            ("MYSQL_ROOT_PASSWORD", "changeme", Some(Credential::Default)),
            ("PASSWORD_1", "hunter2x", Some(Credential::Password)),
            ("API_KEY", "9f8e7d6c5b4a39281706", Some(Credential::Token)),
            (
                "AWS_SECRET_ACCESS_KEY",
                "wJalrXUtnFEMI/K7MDENG/bPx",
                Some(Credential::Token),
            ),
            (
                "ANYTHING",
                token.as_str(),
                Some(Credential::Known("a GitHub token")),
            ),
            ("DATABASE_URL", url.as_str(), Some(Credential::Url)),
            ("CONNECTION", pairs.as_str(), Some(Credential::Url)),
            ("DB_PASSWORD", "", None),
            ("DB_PASSWORD", "$(OTHER)", None),
            ("DB_PASSWORD", "vault:secret/data/db#password", None),
            ("DB_PASSWORD", "<password>", None),
            ("DB_PASSWORD", "/run/secrets/db", None),
            ("DB_PASSWORD_FILE", "/run/secrets/db", None),
            ("PASSWORD_MIN_LENGTH", "12", None),
            ("TOKEN_TTL", "3600s", None),
            ("ENABLE_TOKEN", "true", None),
            ("PWD", "app", None),
            ("TLS_SECRET", "shop-tls", None),
            ("CLIENT_SECRET", "oidc-client-secret", None),
            ("API_TOKEN", "example-token", None),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", None),
            (
                "DATABASE_URL",
                "postgres://app:$(DB_PASSWORD)@db/shop",
                None,
            ),
            ("HOMEPAGE", "https://example.com/a:b@c", None),
            ("IMAGE_PULL_SECRET", "regcred1", None),
        ] {
            assert_eq!(judge(name, value), want, "{name}");
        }
    }
}
