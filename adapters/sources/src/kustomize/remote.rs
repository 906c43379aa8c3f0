//! What Kustomize takes for the address of a git repository.

/// Whether a path names a repository, and is thus not looked for on disk.
pub(super) fn is_repository(path: &str) -> bool {
    if path.starts_with('/') {
        return false;
    }
    let path = path.split('?').next().unwrap_or(path);
    let Some((host, rest)) = host(path) else {
        return false;
    };
    repository(host, rest)
}

/// The kind of host and what follows it.
fn host(path: &str) -> Option<(Host, &str)> {
    let path = strip(path, "git::").unwrap_or(path);
    let mut scheme = "";
    let mut rest = path;
    for prefix in ["ssh://", "https://", "http://", "file://"] {
        if let Some(tail) = strip(path, prefix) {
            scheme = prefix;
            rest = tail;
            break;
        }
    }
    let user = user(rest);
    let rest = rest.get(user..)?;
    let lower = rest.get(..11).unwrap_or(rest).to_ascii_lowercase();
    let github = lower == "github.com/" || lower == "github.com:";
    let scp = scheme.is_empty() && (user > 0 || github);
    if scheme.is_empty() && !scp {
        return None;
    }
    if scheme == "file://" {
        return Some((Host::File, rest));
    }
    let slash = rest.find('/');
    let separator = if scp {
        match (rest.find(':'), slash) {
            (Some(colon), Some(slash)) if colon > 0 && colon < slash => Some(colon),
            (colon, None) => colon,
            (_, slash) => slash,
        }
    } else {
        slash
    };
    match separator.and_then(|at| rest.split_at_checked(at + 1)) {
        Some((_, tail)) => Some((Host::Net, tail)),
        None if github => Some((Host::Net, "")),
        None if rest.is_empty() => None,
        None => Some((Host::Net, "")),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Host {
    File,
    Net,
}

fn strip<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

/// Length of a leading `user@`.
fn user(text: &str) -> usize {
    let Some((name, _)) = text.split_once('@') else {
        return 0;
    };
    let mut bytes = name.bytes();
    let ok = bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if ok { name.len() + 1 } else { 0 }
}

/// Whether the part behind the host names a repository.
fn repository(host: Host, path: &str) -> bool {
    let (repo, inside) = if let Some(at) = path.find("_git/") {
        let tail = path.get(at + 5..).unwrap_or_default();
        (path, tail.split_once('/').map_or("", |(_, inside)| inside))
    } else if let Some((repo, inside)) = path.split_once("//") {
        (repo, inside)
    } else if let Some(at) = path.find(".git") {
        (path, path.get(at + 4..).unwrap_or_default())
    } else if host == Host::File {
        (path, "")
    } else {
        let mut parts = path.splitn(3, '/');
        match (parts.next(), parts.next()) {
            (Some(_), Some(_)) => (path, parts.next().unwrap_or_default()),
            _ => return false,
        }
    };
    let inside = crate::tree::normalise(inside.trim_start_matches('/'));
    !repo.is_empty() && inside.split('/').next() != Some("..")
}

#[cfg(test)]
mod tests {
    use super::is_repository;

    #[test]
    fn addresses() {
        for yes in [
            "github.com/org/repo",
            "github.com/org/repo/path?ref=v1",
            "https://github.com/org/repo//path?ref=main",
            "git@github.com:org/repo.git",
            "git::https://example.com/a/b.git",
            "ssh://git@example.com/a/b",
            "https://example.com/org/repo",
            "file:///srv/repo",
            "org-123@github.com:a/b",
        ] {
            assert!(is_repository(yes), "{yes}");
        }
        for no in [
            "../base",
            "base",
            "/abs",
            "gitlab.com/org/repo",
            "deployment.yaml",
            "https://example.com",
            "github.com/org",
            "a@b/c@d",
        ] {
            assert!(!is_repository(no), "{no}");
        }
    }
}
