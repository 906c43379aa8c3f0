//! Image references by the distribution grammar.
//!
//! `[registry/]path[:tag][@digest]`, with Docker's defaults: `nginx` is
//! `docker.io/library/nginx`. Source: distribution/reference (`regexp.go`, `normalize.go`).

/// An image reference, taken apart. Borrows from the text it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageReference<'t> {
    /// Registry host with port, defaulted: `docker.io`, `registry.example.com:5000`.
    pub registry: &'t str,
    /// Whether the path is one of Docker Hub's official images, which the text leaves out
    /// (`library/`).
    pub official: bool,
    /// Path in the registry as written: `nginx`, `team/app`.
    pub path: &'t str,
    /// The tag, if there is one.
    pub tag: Option<&'t str>,
    /// The digest, if there is one: `sha256:…`.
    pub digest: Option<&'t str>,
}

impl<'t> ImageReference<'t> {
    /// Reads a reference; `None` when it is not one, as the kubelet would refuse it.
    pub fn parse(text: &'t str) -> Option<Self> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return None;
        }
        let name_start = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest.get(name_start..)?.find(':') {
            Some(colon) => {
                let at = name_start + colon;
                (rest.get(..at)?, Some(rest.get(at + 1..)?))
            }
            None => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return None;
        }
        let (registry, path) = split_registry(name);
        if !is_registry(registry) || !path.split('/').all(is_path_component) {
            return None;
        }
        // 64 hexadecimal digits alone are an image id, not a name.
        if name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let official = registry == DOCKER_HUB && !path.contains('/');
        let length = registry.len() + path.len() + 1 + if official { "library/".len() } else { 0 };
        if length > 255 {
            return None;
        }
        Some(Self {
            registry,
            official,
            path,
            tag,
            digest,
        })
    }

    /// The last part of the path: `app` of `registry.example.com/team/app:1`.
    pub fn name(&self) -> &'t str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    /// Whether registry and path begin with an allowed prefix, at a `/` border:
    /// `registry.example.com/team` allows `registry.example.com/team/app`, not
    /// `registry.example.com/team-b/app`. A prefix without a registry is Docker Hub's.
    pub fn is_under(&self, prefix: &str) -> bool {
        let prefix = prefix.trim_end_matches('/');
        let (host, path) = prefix.split_once('/').unwrap_or((prefix, ""));
        let host = if host == "index.docker.io" {
            DOCKER_HUB
        } else {
            host
        };
        if !registry_matches(host, self.registry) {
            return false;
        }
        if path.is_empty() {
            return true;
        }
        let rest = if self.official {
            match path.strip_prefix("library") {
                Some("") => return true,
                Some(rest) => rest.strip_prefix('/').unwrap_or(path),
                None => return false,
            }
        } else {
            path
        };
        self.path
            .strip_prefix(rest)
            .is_some_and(|tail| tail.is_empty() || tail.starts_with('/'))
    }
}

const DOCKER_HUB: &str = "docker.io";

/// `*.example.com` matches one or more names in front of the domain.
fn registry_matches(pattern: &str, registry: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(domain) => registry
            .strip_suffix(domain)
            .is_some_and(|head| head.ends_with('.') && head.len() > 1),
        None => pattern == registry,
    }
}

fn split_registry(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|b| b.is_ascii_uppercase()) =>
        {
            let registry = if first == "index.docker.io" {
                DOCKER_HUB
            } else {
                first
            };
            let path = if registry == DOCKER_HUB {
                // `docker.io/library/nginx` and `nginx` are the same image.
                rest.strip_prefix("library/")
                    .filter(|p| !p.contains('/'))
                    .unwrap_or(rest)
            } else {
                rest
            };
            (registry, path)
        }
        _ => (
            DOCKER_HUB,
            name.strip_prefix("library/")
                .filter(|p| !p.contains('/'))
                .unwrap_or(name),
        ),
    }
}

fn is_registry(registry: &str) -> bool {
    let (host, port) = if registry.starts_with('[') {
        let Some((host, rest)) = registry.split_once(']') else {
            return false;
        };
        let address = host.strip_prefix('[').unwrap_or(host);
        if !address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':') {
            return false;
        }
        ("x", rest.strip_prefix(':'))
    } else {
        match registry.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (registry, None),
        }
    };
    let is_component = |part: &str| {
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = part.as_bytes();
        edge(bytes.first())
            && edge(bytes.last())
            && bytes
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || *b == b'-')
    };
    host.split('.').all(is_component)
        && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

/// `[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*`
fn is_path_component(part: &str) -> bool {
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = part.as_bytes();
    let edges = bytes.first().is_some_and(alphanumeric) && bytes.last().is_some_and(alphanumeric);
    edges
        && bytes.split(alphanumeric).all(|separator| {
            matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-')
        })
}

/// `[\w][\w.-]{0,127}`
fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=128).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'))
}

/// `algorithm:hex`, with an algorithm such as `sha256` and at least 32 hexadecimal digits.
fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return false;
    };
    let is_name = |part: &str| {
        part.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    algorithm.split(['-', '_', '+', '.']).all(is_name)
        && hex.len() >= 32
        && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(&str, &str, Option<&str>, bool)> {
        let image = ImageReference::parse(text)?;
        Some((
            image.registry,
            image.path,
            image.tag,
            image.digest.is_some(),
        ))
    }

    #[test]
    fn takes_references_apart_as_the_runtime_does() {
        let digest = format!("nginx@sha256:{}", "a".repeat(64));
        for (text, want) in [
            ("nginx", Some(("docker.io", "nginx", None, false))),
            (
                "library/nginx:1",
                Some(("docker.io", "nginx", Some("1"), false)),
            ),
            (
                "docker.io/library/nginx",
                Some(("docker.io", "nginx", None, false)),
            ),
            (
                "index.docker.io/a/b",
                Some(("docker.io", "a/b", None, false)),
            ),
            (
                "team/app:v1.2",
                Some(("docker.io", "team/app", Some("v1.2"), false)),
            ),
            ("localhost/app", Some(("localhost", "app", None, false))),
            (
                "localhost:5000/app",
                Some(("localhost:5000", "app", None, false)),
            ),
            (
                "reg.io:5000/a/b__c:x",
                Some(("reg.io:5000", "a/b__c", Some("x"), false)),
            ),
            (
                "[::1]:5000/app:1",
                Some(("[::1]:5000", "app", Some("1"), false)),
            ),
            // A tag, not a port: there is no slash after it.
            (
                "host:5000",
                Some(("docker.io", "host", Some("5000"), false)),
            ),
            (digest.as_str(), Some(("docker.io", "nginx", None, true))),
            ("Foo/bar", Some(("Foo", "bar", None, false))),
            ("Nginx", None),
            ("a//b", None),
            ("nginx:", None),
            ("nginx:-x", None),
            ("a_-b", None),
            ("a___b", None),
            ("-a", None),
            ("a-", None),
            ("nginx@sha256:abc", None),
            ("{{ .Values.image }}", None),
            ("", None),
        ] {
            assert_eq!(parts(text), want, "{text}");
        }
    }

    #[test]
    fn prefixes_end_at_a_slash() {
        for (image, prefix, want) in [
            ("nginx", "docker.io", true),
            ("nginx", "docker.io/library", true),
            ("nginx", "docker.io/library/nginx", true),
            ("nginx", "docker.io/team", false),
            ("reg.io/team/app:1", "reg.io/team", true),
            ("reg.io/team/app:1", "reg.io/team/", true),
            ("reg.io/team-b/app:1", "reg.io/team", false),
            ("reg.io.evil.com/app", "reg.io", false),
            ("a.azurecr.io/app", "*.azurecr.io", true),
            ("azurecr.io/app", "*.azurecr.io", false),
            ("evilazurecr.io/app", "*.azurecr.io", false),
        ] {
            let parsed = ImageReference::parse(image).unwrap();
            assert_eq!(parsed.is_under(prefix), want, "{image} under {prefix}");
        }
    }
}
