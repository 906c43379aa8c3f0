//! URLs and paths, as far as templates reach.

use std::fmt::Write as _;

/// A URL in the parts that Sprig shows.
#[derive(Debug, Default)]
pub(crate) struct Url {
    pub(crate) scheme: String,
    pub(crate) opaque: String,
    pub(crate) userinfo: Option<String>,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) fragment: String,
}

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let fail = |why: &str| Err(format!("{text:?}: {why}"));
        if text.chars().any(|c| c.is_ascii_control()) {
            return fail("there is a control character in it");
        }
        let mut url = Self::default();
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        url.fragment = unescape(fragment).ok_or("a percent sign begins no escape")?;
        let mut rest = rest;
        if let Some((scheme, after)) = rest.split_once(':')
            && !scheme.contains(['/', '?'])
        {
            let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
            if scheme.is_empty() {
                return fail("nothing stands before its first colon");
            }
            if valid {
                url.scheme = scheme.to_ascii_lowercase();
                rest = after;
            } else if scheme.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
                return fail("there is a colon before the first slash");
            }
        }
        if let Some((path, query)) = rest.split_once('?') {
            query.clone_into(&mut url.query);
            rest = path;
        }
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                rest.clone_into(&mut url.opaque);
                return Ok(url);
            }
            if rest
                .split('/')
                .next()
                .is_some_and(|first| first.contains(':'))
            {
                return fail("there is a colon before the first slash");
            }
        }
        if (!url.scheme.is_empty() || !rest.starts_with("///"))
            && let Some(authority) = rest.strip_prefix("//")
        {
            let end = authority.find('/').unwrap_or(authority.len());
            let (authority, path) = authority.split_at(end);
            rest = path;
            let host = match authority.rsplit_once('@') {
                Some((user, host)) => {
                    url.userinfo = Some(user.to_owned());
                    host
                }
                None => authority,
            };
            if host.contains(' ') {
                return fail("there is a space in its host");
            }
            if let Some((_, port)) = host.rsplit_once(':')
                && !host.ends_with(']')
                && !port.bytes().all(|byte| byte.is_ascii_digit())
            {
                return fail(&format!("{port:?} is no port"));
            }
            url.host = unescape(host).ok_or("a percent sign begins no escape")?;
        }
        match unescape(rest) {
            Some(path) => url.path = path,
            None => return fail("a percent sign begins no escape"),
        }
        Ok(url)
    }

    fn hostname(&self) -> &str {
        if let Some(rest) = self.host.strip_prefix('[') {
            return rest.split(']').next().unwrap_or(rest);
        }
        match self.host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => &self.host,
        }
    }

    /// The entries of the map that `urlParse` gives.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&'static str, String)> {
        [
            ("scheme", self.scheme.clone()),
            ("host", self.host.clone()),
            ("hostname", self.hostname().to_owned()),
            ("path", self.path.clone()),
            ("query", self.query.clone()),
            ("opaque", self.opaque.clone()),
            ("fragment", self.fragment.clone()),
            ("userinfo", self.userinfo.clone().unwrap_or_default()),
        ]
        .into_iter()
    }

    /// `URL.String`.
    pub(crate) fn join(&self) -> String {
        let mut out = String::new();
        if !self.scheme.is_empty() {
            out.push_str(&self.scheme);
            out.push(':');
        }
        if self.opaque.is_empty() {
            let authority = !self.host.is_empty() || self.userinfo.is_some();
            if authority || !self.scheme.is_empty() && !self.path.is_empty() {
                out.push_str("//");
            }
            if let Some(user) = &self.userinfo {
                out.push_str(user);
                out.push('@');
            }
            out.push_str(&self.host);
            if !self.path.is_empty() && !self.path.starts_with('/') && !self.host.is_empty() {
                out.push('/');
            }
            if out.is_empty()
                && self
                    .path
                    .split('/')
                    .next()
                    .is_some_and(|first| first.contains(':'))
            {
                out.push_str("./");
            }
            out.push_str(&escape(&self.path, "$&+,/:;=@-_.~!*'()"));
        } else {
            out.push_str(&self.opaque);
        }
        if !self.query.is_empty() {
            out.push('?');
            out.push_str(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push('#');
            out.push_str(&escape(&self.fragment, "$&+,/:;=?@!()*'-_.~"));
        }
        out
    }
}

fn escape(text: &str, keep: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || keep.contains(c) && c.is_ascii() {
            out.push(c);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// `url.QueryEscape`.
pub(crate) fn query_escape(text: &str) -> String {
    escape(text, "-_.~ ").replace(' ', "+")
}

fn unescape(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let high = char::from(bytes.next()?).to_digit(16)?;
        let low = char::from(bytes.next()?).to_digit(16)?;
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    Some(crate::helm::value::convert::text_of(&out))
}

/// `path.Base`.
pub(crate) fn base(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return "/".to_owned();
    }
    trimmed.rsplit('/').next().unwrap_or(trimmed).to_owned()
}

/// `path.Dir`.
pub(crate) fn dir(path: &str) -> String {
    let end = path.rfind('/').map_or(0, |at| at + 1);
    clean(path.get(..end).unwrap_or(""))
}

/// `path.Clean`.
pub(crate) fn clean(path: &str) -> String {
    crate::tree::normalise(path)
}

/// `path.Ext`.
pub(crate) fn ext(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or(path);
    last.rfind('.')
        .and_then(|at| last.get(at..))
        .unwrap_or("")
        .to_owned()
}
