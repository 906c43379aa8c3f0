//! Files by path. One trait, so that a directory, a git revision and the files embedded in
//! the program are read by the same code.

use std::io;
use std::path::Path;

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
}

/// What a directory's listing says of one name in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A regular file, or a link to one inside of the root.
    File,
    /// A directory.
    Directory,
    /// Something that is not read, and why: a link out of the root, a pipe, a device.
    LeftOut(&'static str),
}

impl From<Kind> for Entry {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::File => Self::File,
            Kind::Directory => Self::Directory,
        }
    }
}

/// Why a link is not followed.
pub(crate) const LEADS_OUT: &str = "is a link out of what is read";
/// Why a link is not followed.
pub(crate) const LEADS_NOWHERE: &str = "is a link that leads nowhere or in a circle";
/// Why a link is not followed.
pub(crate) const LEADS_TO_DIRECTORY: &str = "is a link to a directory, which is not followed";
/// Why something is not opened.
pub(crate) const SPECIAL: &str = "is neither a file nor a directory";

/// Read-only access to files. Paths use `/` and are normalised ([`normalise`]) before they
/// come here; they may start with `../` or `/` where the underlying store allows it.
pub trait Tree: Sync {
    /// The bytes of a file, refused with [`io::ErrorKind::FileTooLarge`] above `limit` bytes.
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>>;
    /// The bytes of a file from its beginning, for one of at least so many; `None` for
    /// others, and where files are only to be had as a whole.
    fn open_large(&self, path: &str, least: u64) -> io::Result<Option<Box<dyn Large>>> {
        let _ = (path, least);
        Ok(None)
    }
    /// The names directly in a directory, sorted bytewise, with what they are. Links are
    /// followed only to files, and only when they stay below `root`.
    fn list(&self, dir: &str, root: &str) -> io::Result<Vec<(String, Entry)>>;
    /// What stands at a path; `None` when nothing does.
    fn kind(&self, path: &str) -> Option<Kind>;
    /// Whether the path itself is a link.
    fn is_link(&self, path: &str) -> bool {
        let _ = path;
        false
    }
    /// The path with links resolved.
    fn canonical(&self, path: &str) -> io::Result<String>;
    /// How a path is shown to the user and which kind of source it is.
    fn source(&self, path: &str) -> seawall_model::SourceFile;
}

/// A file that is read piece by piece.
pub trait Large: io::Read + io::Seek {}

impl<T: io::Read + io::Seek> Large for T {}

/// `dir/path` with `.`, `..` and double slashes resolved by text alone. A leading `..` that
/// has nothing to cancel stays.
pub fn join(dir: &str, path: &str) -> String {
    if path.starts_with('/') {
        return normalise(path);
    }
    normalise(&format!("{dir}/{path}"))
}

/// A path without `.`, inner `..` and double slashes; `.` for the empty path.
pub fn normalise(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if absolute => {}
                _ => parts.push(".."),
            },
            name => parts.push(name),
        }
    }
    let joined = parts.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// The directory part of a normalised path; `.` when there is none.
pub fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((dir, _)) => dir,
        None => ".",
    }
}

/// What a link on disk is worth below a root.
pub(crate) fn link(path: &Path, root: &Path) -> Entry {
    let Ok(target) = std::fs::canonicalize(path) else {
        return Entry::LeftOut(LEADS_NOWHERE);
    };
    if !target.starts_with(root) {
        return Entry::LeftOut(LEADS_OUT);
    }
    match std::fs::metadata(&target) {
        Ok(metadata) if metadata.is_file() => Entry::File,
        // It could lead round in circles.
        Ok(metadata) if metadata.is_dir() => Entry::LeftOut(LEADS_TO_DIRECTORY),
        Ok(_) => Entry::LeftOut(SPECIAL),
        Err(_) => Entry::LeftOut(LEADS_NOWHERE),
    }
}

/// Files on disk. Relative paths are relative to the working directory.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Tree for Disk {
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        use std::io::Read;
        // Before it is opened: opening a pipe waits for whoever writes to it.
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        let file = std::fs::File::open(path)?;
        if metadata.len() > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        // One byte more than allowed tells a file at the limit from one above it; the size
        // in the metadata is not trusted, since the file may grow while it is read.
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }

    fn open_large(&self, path: &str, least: u64) -> io::Result<Option<Box<dyn Large>>> {
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() || metadata.len() < least {
            return Ok(None);
        }
        Ok(Some(Box::new(std::fs::File::open(path)?)))
    }

    fn list(&self, dir: &str, root: &str) -> io::Result<Vec<(String, Entry)>> {
        let root = std::fs::canonicalize(root)?;
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let found = match entry.file_name().into_string() {
                Err(name) => {
                    let shown = name.to_string_lossy().into_owned();
                    names.push((shown, Entry::LeftOut("has a name that is not UTF-8")));
                    continue;
                }
                Ok(name) if kind.is_symlink() => (name, link(&entry.path(), &root)),
                Ok(name) if kind.is_dir() => (name, Entry::Directory),
                Ok(name) if kind.is_file() => (name, Entry::File),
                Ok(name) => (name, Entry::LeftOut(SPECIAL)),
            };
            names.push(found);
        }
        names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(names)
    }

    fn kind(&self, path: &str) -> Option<Kind> {
        let metadata = std::fs::metadata(path).ok()?;
        if metadata.is_dir() {
            Some(Kind::Directory)
        } else if metadata.is_file() {
            Some(Kind::File)
        } else {
            None
        }
    }

    fn is_link(&self, path: &str) -> bool {
        std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
    }

    fn canonical(&self, path: &str) -> io::Result<String> {
        let path = std::fs::canonicalize(path)?;
        path.into_os_string()
            .into_string()
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "path is not UTF-8"))
    }

    fn source(&self, path: &str) -> seawall_model::SourceFile {
        seawall_model::SourceFile {
            path: path.into(),
            kind: seawall_model::SourceKind::File,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_by_text() {
        for (dir, path, want) in [
            ("a/b", "../c", "a/c"),
            ("a", "../../c", "../c"),
            (".", "./x//y", "x/y"),
            ("a", "/etc", "/etc"),
            ("a", "..", "."),
            ("/", "..", "/"),
        ] {
            assert_eq!(join(dir, path), want, "{dir} + {path}");
        }
    }
}
