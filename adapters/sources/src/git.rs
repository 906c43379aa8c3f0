//! The files of a git revision, read through the `git` program.
//!
//! `git` is asked for three things: what the revision is called in full, what files it has,
//! and their contents (one `cat-file --batch` process for all). Nothing is checked out, and
//! no hook or filter of the repository runs.

use crate::tree::{Entry, Kind, Tree, join, normalise, parent};
use seawall_model::{SourceFile, SourceKind, Str};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Why a link is not followed.
const LINK: &str = "is a link, and links are not followed in a revision";

/// The files of one commit.
#[derive(Debug)]
pub struct Revision {
    commit: Str,
    /// Path (as the user would type it) to object id and size.
    files: BTreeMap<String, (String, u64)>,
    directories: BTreeSet<String>,
    links: BTreeSet<String>,
    reader: Mutex<CatFile>,
}

#[derive(Debug)]
struct CatFile {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Drop for CatFile {
    fn drop(&mut self) {
        // The process only reads; ending it cannot lose anything.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Why a revision cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitError(pub String);

impl std::fmt::Display for GitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for GitError {}

fn git(dir: &str) -> Command {
    let mut command = Command::new("git");
    // A repository must not be able to run anything by being looked at.
    command.args([
        "-C",
        dir,
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.hooksPath=/dev/null",
    ]);
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

fn output(mut command: Command) -> Result<Vec<u8>, GitError> {
    let output = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            GitError("the program `git` is needed to read a revision and was not found".to_owned())
        }
        _ => GitError(format!("cannot run git: {error}")),
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let message = String::from_utf8_lossy(&output.stderr);
    let first = message
        .lines()
        .next()
        .unwrap_or("git failed")
        .trim_start_matches("fatal: ");
    Err(GitError(first.to_owned()))
}

impl Revision {
    /// Opens a revision of the repository that `dir` is in. Paths stay relative to the
    /// working directory, as they are for files on disk.
    pub fn open(dir: &str, revision: &str) -> Result<Self, GitError> {
        if revision.starts_with('-') {
            return Err(GitError(format!("`{revision}` is not a revision")));
        }
        let mut command = git(dir);
        command.args(["rev-parse", "--verify", "--quiet", "--end-of-options"]);
        command.arg(format!("{revision}^{{commit}}"));
        let commit = output(command).map_err(|error| {
            if error.0 == "git failed" {
                GitError(format!("`{revision}` names no commit here"))
            } else {
                error
            }
        })?;
        let commit: Str = String::from_utf8_lossy(&commit).trim().into();
        let mut command = git(dir);
        command.args(["rev-parse", "--show-prefix"]);
        let prefix = String::from_utf8_lossy(&output(command)?).trim().to_owned();
        let mut command = git(dir);
        command.args([
            "ls-tree",
            "-r",
            "-z",
            "-l",
            "--full-tree",
            "--end-of-options",
            &commit,
        ]);
        let mut files = BTreeMap::new();
        let mut directories = BTreeSet::new();
        let mut links = BTreeSet::new();
        for entry in output(command)?.split(|byte| *byte == 0) {
            let Ok(entry) = std::str::from_utf8(entry) else {
                continue;
            };
            let Some((meta, path)) = entry.split_once('\t') else {
                continue;
            };
            let mut meta = meta.split_ascii_whitespace();
            let (Some(mode), Some("blob"), Some(id), Some(size)) =
                (meta.next(), meta.next(), meta.next(), meta.next())
            else {
                continue;
            };
            let path = join(dir, &relative(&prefix, path));
            if mode == "120000" {
                links.insert(path);
                continue;
            }
            let mut dir = parent(&path);
            while directories.insert(dir.to_owned()) && dir != "." && dir != "/" {
                dir = parent(dir);
            }
            files.insert(path, (id.to_owned(), size.parse().unwrap_or(u64::MAX)));
        }
        let mut command = git(dir);
        command
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command.stderr(Stdio::null());
        let mut child = command
            .spawn()
            .map_err(|error| GitError(format!("cannot run git: {error}")))?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(GitError("cannot talk to git".to_owned()));
        };
        let reader = CatFile {
            child,
            requests,
            answers: BufReader::new(answers),
        };
        Ok(Self {
            commit,
            files,
            directories,
            links,
            reader: Mutex::new(reader),
        })
    }

    /// The full hash of the commit.
    pub fn commit(&self) -> &str {
        &self.commit
    }
}

/// A path of the repository as seen from a directory of it (`prefix`, with a `/` at its end).
fn relative(prefix: &str, path: &str) -> String {
    let mut from = prefix.split('/').filter(|part| !part.is_empty()).peekable();
    let mut to = path.split('/').peekable();
    while from.peek().is_some() && from.peek() == to.peek() {
        from.next();
        to.next();
    }
    let up = from.map(|_| "..");
    up.chain(to).collect::<Vec<_>>().join("/")
}

impl CatFile {
    fn read(&mut self, id: &str) -> io::Result<Vec<u8>> {
        writeln!(self.requests, "{id}")?;
        self.requests.flush()?;
        let mut header = String::new();
        self.answers.read_line(&mut header)?;
        let size = header
            .split_ascii_whitespace()
            .nth(2)
            .and_then(|size| size.parse().ok());
        let Some(size): Option<usize> = size else {
            return Err(io::Error::other(format!("git cannot read object {id}")));
        };
        let mut bytes = vec![0; size];
        self.answers.read_exact(&mut bytes)?;
        self.answers.read_exact(&mut [0])?; // the line end after the contents
        Ok(bytes)
    }
}

impl Tree for Revision {
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        let (id, size) = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        if *size > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .read(id)
    }

    fn list(&self, dir: &str, _: &str) -> io::Result<Vec<(String, Entry)>> {
        if !self.directories.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let prefix = if dir == "." {
            String::new()
        } else {
            format!("{dir}/")
        };
        let mut names = Vec::new();
        let inside = |path: &str| {
            let rest = path.strip_prefix(&prefix)?;
            (!rest.is_empty() && rest != "." && !rest.contains('/')).then(|| rest.to_owned())
        };
        let start = || prefix.clone()..;
        let files = self.files.range(start()).map(|(path, _)| path);
        let files = files.map(|path| (path, Entry::File));
        let directories = self.directories.range(start());
        let directories = directories.map(|path| (path, Entry::Directory));
        let links = self.links.range(start());
        let links = links.map(|path| (path, Entry::LeftOut(LINK)));
        let below = |(path, _): &(&String, Entry)| path.starts_with(&prefix);
        for (path, entry) in files
            .take_while(below)
            .chain(directories.take_while(below))
            .chain(links.take_while(below))
        {
            names.extend(inside(path).map(|name| (name, entry)));
        }
        names.retain(|(name, _)| name != "..");
        names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(names)
    }

    fn kind(&self, path: &str) -> Option<Kind> {
        if self.files.contains_key(path) {
            Some(Kind::File)
        } else if self.directories.contains(path) {
            Some(Kind::Directory)
        } else {
            None
        }
    }

    fn canonical(&self, path: &str) -> io::Result<String> {
        self.kind(path)
            .map(|_| path.to_owned())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn source(&self, path: &str) -> SourceFile {
        SourceFile {
            path: path.into(),
            kind: SourceKind::GitRevision {
                commit: self.commit.clone(),
            },
        }
    }
}

/// Whether a file differs from what git has committed (one that git ignores never does): `None`
/// where it is in no repository,
/// or there is no git to ask.
pub fn is_uncommitted(path: &str) -> Option<bool> {
    let (dir, name) = match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((dir, name)) => (dir, name),
        None => (".", path),
    };
    let mut command = git(dir);
    command.args(["status", "--porcelain", "--", name]);
    output(command).ok().map(|said| !said.is_empty())
}

/// The directory to ask git in for a path that may be a file or may not exist on disk.
pub fn working_directory(path: &str) -> String {
    let mut dir = normalise(path);
    while !Path::new(&dir).is_dir() {
        let up = parent(&dir).to_owned();
        if up == dir {
            return ".".to_owned();
        }
        dir = up;
    }
    dir
}

#[cfg(test)]
mod tests {
    use super::relative;

    #[test]
    fn paths_are_seen_from_the_directory() {
        for (prefix, path, want) in [
            ("", "a/b.yaml", "a/b.yaml"),
            ("a/", "a/b.yaml", "b.yaml"),
            ("a/c/", "a/b.yaml", "../b.yaml"),
            ("x/y/", "a/b.yaml", "../../a/b.yaml"),
        ] {
            assert_eq!(relative(prefix, path), want);
        }
    }
}
