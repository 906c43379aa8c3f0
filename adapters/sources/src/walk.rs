//! Which files a directory holds.
//!
//! Whatever looks like a manifest and is not read (a link out of the directory, a pipe, a name
//! that is no text) is a gap. Nothing but regular files is ever opened, ignore files included:
//! opening a pipe waits for whoever writes to it, and a device may have no end.

use crate::kustomize;
use crate::load::Request;
use crate::plan::is_manifest;
use crate::tree::{self, Entry, LEADS_OUT, Tree, join, normalise};
use ignore::{DirEntry, WalkBuilder};
use seawall_model::{Gap, GapKind, Span};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Deepest nesting of directories in what is not a disk.
const MAX_DEPTH: u8 = 64;

/// Longest file of patterns that is taken for one.
const MAX_PATTERNS: u64 = 1 << 20;

/// The files whose patterns say what is left out.
const IGNORE_FILES: [&str; 3] = [".gitignore", ".ignore", ".git/info/exclude"];

/// Collects the files below a directory, and what is left out.
pub(crate) fn walk(
    request: &Request,
    tree: &dyn Tree,
    dir: &str,
    found: &mut BTreeSet<String>,
    gaps: &mut Vec<Gap>,
) {
    if request.revision.is_none() && !request.embedded {
        Walk { dir, found, gaps }.disk(!request.no_ignore);
    } else {
        walk_tree(tree, dir, MAX_DEPTH, found, gaps);
    }
}

struct Walk<'a> {
    dir: &'a str,
    found: &'a mut BTreeSet<String>,
    gaps: &'a mut Vec<Gap>,
}

/// What a walk obeys.
#[derive(Clone, Copy)]
struct Rules {
    hidden: bool,
    patterns: bool,
    parents: bool,
}

impl Walk<'_> {
    fn disk(&mut self, ignoring: bool) {
        let root = Path::new(self.dir);
        let mut rules = Rules {
            hidden: ignoring,
            patterns: ignoring,
            parents: ignoring,
        };
        if ignoring {
            let above = std::fs::canonicalize(root).unwrap_or_default();
            let above: Vec<_> = above.ancestors().skip(1).filter_map(odd).collect();
            rules.parents = above.is_empty();
            let here = odd(root);
            rules.patterns = here.is_none();
            for file in above.iter().chain(&here) {
                self.not_obeyed(file);
            }
        }
        let mut aside = self.below(root, rules);
        aside.sort_unstable();
        for (directory, file) in aside {
            self.not_obeyed(&file);
            let rules = Rules {
                patterns: false,
                ..rules
            };
            self.below(&directory, rules);
        }
    }

    /// One walk. Directories whose patterns cannot be read are put aside, each with the file.
    fn below(&mut self, from: &Path, rules: Rules) -> Vec<(PathBuf, PathBuf)> {
        let root = std::fs::canonicalize(self.dir).unwrap_or_default();
        let aside = Arc::new(Mutex::new(Vec::new()));
        let put = Arc::clone(&aside);
        let keep = move |entry: &DirEntry| {
            let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
            if !(rules.patterns && is_dir && entry.depth() > 0) {
                return true;
            }
            let Some(file) = odd(entry.path()) else {
                return true;
            };
            let mut put = put.lock().unwrap_or_else(PoisonError::into_inner);
            put.push((entry.path().to_owned(), file));
            false
        };
        let walker = WalkBuilder::new(from)
            .hidden(rules.hidden)
            .ignore(rules.patterns)
            .git_ignore(rules.patterns)
            .git_exclude(rules.patterns)
            .git_global(false) // the same result for every user of a repository
            .parents(rules.patterns && rules.parents)
            .require_git(false)
            .follow_links(false)
            .filter_entry(keep)
            .build();
        for entry in walker {
            match entry {
                Ok(entry) => self.entry(&entry, &root),
                Err(error) => self.gaps.push(unreadable(self.dir, &error.to_string())),
            }
        }
        let mut aside = aside.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *aside)
    }

    fn entry(&mut self, entry: &DirEntry, root: &Path) {
        let Some(kind) = entry.file_type().filter(|kind| !kind.is_dir()) else {
            return;
        };
        let Some(path) = entry.path().to_str().map(normalise) else {
            let shown = entry.path().to_string_lossy();
            self.gaps.push(unreadable(&shown, "the path is not UTF-8"));
            return;
        };
        let wanted = is_wanted(&path);
        if kind.is_symlink() {
            match tree::link(entry.path(), root) {
                // It is walked under its own name; only what would otherwise be missed for
                // its name (a file without a manifest's extension) matters here.
                Entry::File => {
                    let target = std::fs::canonicalize(entry.path()).unwrap_or_default();
                    if !target.to_str().is_some_and(is_wanted) {
                        self.found.insert(path);
                    }
                }
                Entry::LeftOut(LEADS_OUT) if wanted || entry.path().is_dir() => {
                    self.gaps.push(link_out(&path));
                }
                Entry::LeftOut(why) if wanted && !entry.path().is_dir() => {
                    self.gaps.push(left_out(&path, why));
                }
                Entry::LeftOut(_) | Entry::Directory => {}
            }
        } else if kind.is_file() {
            self.found.insert(path);
        } else if wanted {
            self.gaps.push(left_out(&path, tree::SPECIAL));
        }
    }

    fn not_obeyed(&mut self, file: &Path) {
        let reason = format!(
            "it is no regular file, or larger than {} MiB: what it would leave out is scanned",
            MAX_PATTERNS >> 20
        );
        self.gaps.push(Gap {
            units: 0,
            ..gap(&file.to_string_lossy(), reason)
        });
    }
}

/// The file of patterns in a directory that must not be opened, if there is one.
fn odd(directory: &Path) -> Option<PathBuf> {
    IGNORE_FILES
        .iter()
        .map(|name| directory.join(name))
        .find(|file| {
            std::fs::metadata(file)
                .is_ok_and(|found| !found.is_file() || found.len() > MAX_PATTERNS)
        })
}

/// Whether a file of this name would be read.
fn is_wanted(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    is_manifest(name) || kustomize::FILE_NAMES.contains(&name)
}

fn walk_tree(
    tree: &dyn Tree,
    dir: &str,
    depth: u8,
    found: &mut BTreeSet<String>,
    gaps: &mut Vec<Gap>,
) {
    let names = match tree.list(dir, dir) {
        Ok(names) => names,
        Err(error) => {
            gaps.push(unreadable(dir, &error.to_string()));
            return;
        }
    };
    for (name, entry) in names {
        let path = join(dir, &name);
        match entry {
            Entry::File => {
                found.insert(path);
            }
            Entry::LeftOut(why) if is_wanted(&path) => gaps.push(left_out(&path, why)),
            Entry::LeftOut(_) => {}
            Entry::Directory if name.starts_with('.') => {}
            Entry::Directory if depth > 0 => walk_tree(tree, &path, depth - 1, found, gaps),
            Entry::Directory => gaps.push(unreadable(&path, "directories are nested too deeply")),
        }
    }
}

fn link_out(path: &str) -> Gap {
    Gap {
        hint: "scan what it leads to, too".to_owned(),
        ..left_out(path, LEADS_OUT)
    }
}

fn left_out(path: &str, why: &str) -> Gap {
    gap(path, format!("it {why}"))
}

fn unreadable(subject: &str, reason: &str) -> Gap {
    gap(subject, format!("cannot be read: {reason}"))
}

fn gap(subject: &str, reason: String) -> Gap {
    Gap {
        kind: GapKind::Unreadable,
        subject: normalise(subject).into(),
        span: Span::NONE,
        reason,
        hint: String::new(),
        units: 1,
    }
}
