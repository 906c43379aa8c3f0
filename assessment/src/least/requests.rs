//! What was asked in a flow: methods and paths, and the few patterns that cover them.
//!
//! A path stays exact unless it is one of many alike: where a folder has several children that
//! look like ids, or very many children of any name, all below it is one pattern. That is wider
//! than what was seen, so it takes more to happen at the root, where it would mean everything.

use seawall_model::Str;
use seawall_network::Field;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Children of a folder that look like ids, above which it is one pattern.
const MOST_IDS: usize = 4;
/// Children of a folder of any name.
const MOST_CHILDREN: usize = 24;
/// The same at the root.
const MOST_AT_ROOT: usize = 100;
/// Characters that mean more than themselves in an expression.
const SPECIAL: &str = r"\.+*?()[]{}|^$";
/// Patterns that are kept of one flow before they are made fewer.
const MOST_PATTERNS: usize = 1_000;

/// Paths.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Path {
    /// This one.
    Exact(Str),
    /// All below a folder; it ends with a slash.
    Below(Str),
    /// All.
    Any,
}

/// Requests with a method and one of some paths.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Request {
    pub(super) method: Str,
    pub(super) path: Path,
}

/// What was asked in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// The line does not say; it may be no request at all.
    Anything,
    /// This.
    Request(Request),
    /// This, as the caller's own proxy saw it, before a route may have changed its path.
    Sent(Request),
    /// Something that the application does not have: nobody needs it.
    Nothing,
    /// The line is of the connection alone: where proxies look at requests other lines tell them.
    Elsewhere,
}

/// What was asked in a flow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Requests {
    /// Whether a line did not say what it asked, so that anything may be needed.
    is_anything: bool,
    /// Whether there were lines that left it to others to say what was asked.
    is_elsewhere: bool,
    all: BTreeSet<Request>,
    /// Methods of what is known from the callers' side alone.
    sent: BTreeSet<Str>,
}

impl Path {
    fn holds(&self, other: &Path) -> bool {
        match (self, other) {
            (Path::Any, _) => true,
            (Path::Below(folder), Path::Exact(path) | Path::Below(path)) => {
                path.starts_with(&**folder)
            }
            (Path::Exact(one), Path::Exact(other)) => one == other,
            _ => false,
        }
    }

    /// The path as an expression that matches it as a whole, with any query.
    pub(super) fn expression(&self) -> Option<String> {
        let escaped = |text: &str| {
            let mut expression = String::with_capacity(text.len());
            for c in text.chars() {
                if SPECIAL.contains(c) {
                    expression.push('\\');
                }
                expression.push(c);
            }
            expression
        };
        match self {
            Path::Exact(path) => Some(format!(r"^{}(\?.*)?$", escaped(path))),
            Path::Below(folder) => Some(format!("^{}.*$", escaped(folder))),
            Path::Any => None,
        }
    }

    /// A path that is one of them.
    pub(super) fn example(&self) -> String {
        match self {
            Path::Exact(path) => path.to_string(),
            Path::Below(folder) => format!("{folder}x"),
            Path::Any => "/".to_owned(),
        }
    }
}

impl Request {
    /// Reads what a log or a person wrote: the query is no part of a path.
    pub(super) fn read(method: &str, target: &str) -> Self {
        let path = target.split(['?', '#']).next().unwrap_or_default();
        let path = if path.starts_with('/') {
            Path::Exact(path.into())
        } else {
            Path::Any // `OPTIONS *`, `CONNECT host`
        };
        let method = method.into();
        Self { method, path }
    }

    /// As the network's policies look at one of them.
    pub(super) fn fields(&self) -> seawall_network::Request {
        let method = (Field::Method, self.method.clone());
        let path = (self.path != Path::Any).then(|| Str::from(self.path.example()));
        let path = path.map(|path| (Field::Path, path));
        [method].into_iter().chain(path).collect()
    }

    /// Whether all that another one is, is this.
    pub(super) fn holds(&self, other: &Request) -> bool {
        self.method == other.method && self.path.holds(&other.path)
    }
}

impl Requests {
    pub(super) fn add(&mut self, asked: &Asked) {
        match asked {
            Asked::Anything => self.is_anything = true,
            Asked::Request(request) => self.insert(request.clone()),
            Asked::Sent(request) => {
                self.insert(request.clone());
                self.sent.insert(request.method.clone());
            }
            Asked::Nothing => {}
            Asked::Elsewhere => self.is_elsewhere = true,
        }
        if self.is_anything || self.sent.len() > MOST_PATTERNS {
            *self = Self::anything();
        }
    }

    fn anything() -> Self {
        Self {
            is_anything: true,
            ..Self::default()
        }
    }

    /// Takes any path for what is known from the callers' side, where routes change paths.
    pub(super) fn forget_sent_paths(&mut self) {
        let sent = std::mem::take(&mut self.sent);
        self.all.extend(sent.into_iter().map(|method| Request {
            method,
            path: Path::Any,
        }));
    }

    pub(super) fn join(&mut self, other: &Requests) {
        self.is_anything |= other.is_anything;
        self.is_elsewhere |= other.is_elsewhere;
        for request in &other.all {
            self.insert(request.clone());
        }
        self.sent.extend(other.sent.iter().cloned());
        if self.is_anything {
            *self = Self::anything();
        }
    }

    fn insert(&mut self, request: Request) {
        if self.is_anything || is_below(&self.all, &request) {
            return;
        }
        self.all.insert(request);
        if self.all.len() > MOST_PATTERNS {
            self.all = fewer(&self.all);
            // Else every further line would be one too many again.
            self.is_anything = self.all.len() > MOST_PATTERNS / 2;
        }
    }

    /// The requests; `None` where anything may be needed.
    pub(super) fn known(&self) -> Option<&BTreeSet<Request>> {
        let is_untold = self.is_elsewhere && self.all.is_empty();
        (!self.is_anything && !is_untold).then_some(&self.all)
    }

    /// Whether none is known.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Keeps those that a test holds for.
    pub(super) fn retain(&mut self, test: impl FnMut(&Request) -> bool) {
        self.all.retain(test);
    }

    /// The patterns that cover them.
    pub(super) fn patterns(&self) -> BTreeSet<Request> {
        fewer(&self.all)
    }
}

/// Requests where what is below a folder with many children is one.
fn fewer(all: &BTreeSet<Request>) -> BTreeSet<Request> {
    let mut folders: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for request in all {
        for (folder, child) in folders_of(&request.path) {
            let children = folders.entry((&request.method, folder)).or_default();
            children.insert(child);
        }
    }
    let is_one = |method: &str, folder: &str| {
        let Some(children) = folders.get(&(method, folder)) else {
            return false;
        };
        let ids = children.iter().filter(|child| is_id(child)).count();
        if folder == "/" {
            children.len() > MOST_AT_ROOT
        } else {
            ids > MOST_IDS || children.len() > MOST_CHILDREN
        }
    };
    let few = all.iter().map(|request| {
        let mut folders = folders_of(&request.path);
        match folders.find(|(folder, _)| is_one(&request.method, folder)) {
            Some((folder, _)) => Request {
                method: request.method.clone(),
                path: Path::Below(folder.into()),
            },
            None => request.clone(),
        }
    });
    let few: BTreeSet<Request> = few.collect();
    let kept = few.iter().filter(|one| !is_below(&few, one)).cloned();
    kept.collect()
}

/// Whether requests have a folder that one is in.
fn is_below(all: &BTreeSet<Request>, one: &Request) -> bool {
    folders_of(&one.path).any(|(folder, _)| {
        let method = one.method.clone();
        let path = Path::Below(folder.into());
        let folder = Request { method, path };
        folder != *one && all.contains(&folder)
    })
}

/// The folders that a path is in, from the root down, each with its child on the way.
fn folders_of(path: &Path) -> impl Iterator<Item = (&str, &str)> {
    let text: &str = match path {
        Path::Exact(path) | Path::Below(path) => path,
        Path::Any => "",
    };
    let slashes = text.match_indices('/').map(|(at, _)| at + 1);
    slashes.filter_map(move |end| {
        let child = text.get(end..)?.split('/').next()?;
        Some((text.get(..end)?, child)).filter(|_| !child.is_empty())
    })
}

/// Whether a part of a path looks made: a number, a UUID, a key.
fn is_id(part: &str) -> bool {
    part.contains(|c: char| c.is_ascii_digit()) || part.len() > 24
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Path::Exact(path) => write!(f, "{} {path}", self.method),
            Path::Below(folder) => write!(f, "{} {folder}*", self.method),
            Path::Any => write!(f, "{}", self.method),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(lines: &[&str]) -> Vec<String> {
        let mut requests = Requests::default();
        for line in lines {
            let (method, target) = line.split_once(' ').unwrap();
            requests.add(&Asked::Request(Request::read(method, target)));
        }
        let patterns = requests.patterns();
        patterns.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn paths_stay_exact_unless_many_are_alike() {
        assert_eq!(
            patterns(&["GET /a?q=1", "GET /a?q=2", "POST /a/b", "OPTIONS *"]),
            ["GET /a", "OPTIONS", "POST /a/b"]
        );
        let few: Vec<String> = (0..4).map(|n| format!("GET /orders/{n}")).collect();
        let few: Vec<&str> = few.iter().map(String::as_str).collect();
        assert_eq!(patterns(&few), few);
        let many: Vec<String> = (0..5).map(|n| format!("GET /orders/{n}/items")).collect();
        let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
        many.extend(["GET /orders", "DELETE /orders/1"]);
        assert_eq!(
            patterns(&many),
            ["DELETE /orders/1", "GET /orders", "GET /orders/*"]
        );
        let names: Vec<String> = ('a'..='y').map(|c| format!("GET /api/{c}")).collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(patterns(&names), ["GET /api/*"]);
        names.pop();
        assert_eq!(patterns(&names).len(), 24);
    }

    #[test]
    fn a_route_may_change_what_callers_ask() {
        let mut requests = Requests::default();
        requests.add(&Asked::Sent(Request::read("GET", "/front/a")));
        requests.add(&Asked::Request(Request::read("POST", "/b")));
        requests.forget_sent_paths();
        let told: Vec<String> = requests
            .patterns()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(told, ["GET /front/a", "GET", "POST /b"]);
        requests.add(&Asked::Anything);
        assert_eq!(requests.known(), None);
    }

    #[test]
    fn the_root_is_one_pattern_last() {
        let ids: Vec<String> = (0..100).map(|n| format!("GET /{n}")).collect();
        let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        assert_eq!(patterns(&ids).len(), 100);
        ids.push("GET /more");
        assert_eq!(patterns(&ids), ["GET /*"]);
    }

    #[test]
    fn no_number_of_requests_is_too_many() {
        let mut requests = Requests::default();
        for number in 0..50_000 {
            let path = format!("/a/{number}/b");
            requests.add(&Asked::Request(Request::read("GET", &path)));
        }
        assert_eq!(
            requests.patterns().iter().next().unwrap().to_string(),
            "GET /a/*"
        );
        for number in 0..1_500 {
            let method = format!("M{number}");
            requests.add(&Asked::Request(Request::read(&method, "/")));
        }
        assert_eq!(requests.known(), None);
    }
}
