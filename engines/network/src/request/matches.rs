//! Matches of the Gateway API's routes: which requests they fit, and how exact they are. Of all
//! that fit a request the most exact one counts.

use super::{Condition, Field, Pattern, Test};
use seawall_yaml::Node;

/// How exact a match is, hosts aside: length of the path (a regular expression counts as
/// longest) or of gRPC's service, length of gRPC's method, whether there is a method, how many
/// headers and parameters.
pub(crate) type MatchRank = (usize, usize, bool, usize, usize);

fn text<'s>(node: &'s Node, key: &str) -> Option<&'s str> {
    let text = node.get(key).and_then(Node::as_str);
    text.filter(|text| !text.is_empty())
}

fn items<'s>(node: &'s Node, key: &str) -> &'s [Node] {
    node.get(key).and_then(Node::as_seq).unwrap_or_default()
}

fn exactly(field: Field, value: &str) -> Condition {
    Condition::is(field, Pattern::Exact(value.into()))
}

/// A path and all below it, part by part: `/a` is no beginning of `/ab`.
pub(crate) fn below(path: &str) -> Condition {
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Condition::Always;
    }
    Condition::Is(Test {
        field: Field::Path,
        patterns: vec![
            Pattern::Exact(path.into()),
            Pattern::beginning(&format!("{path}/")),
        ],
    })
}

/// A path that a regular expression matches: what it matches as a whole for certain; what has a
/// piece that it matches as some implementations read it.
pub(crate) fn like(path: &str) -> Condition {
    let is = |patterns: Option<Vec<Pattern>>| {
        let patterns = patterns?;
        let field = Field::Path;
        Some(Condition::Is(Test { field, patterns }))
    };
    let piece = is(Pattern::read_regex(&format!("(?i).*(?:{path}).*")));
    let Some((whole, piece)) = is(Pattern::read_regex(path)).zip(piece) else {
        return Condition::unknown(format!("path ~ {path}"));
    };
    let read = Condition::unknown("reading of expressions that takes a piece");
    Condition::any([whole, Condition::all([piece, read])])
}

/// A rule without matches is for every request.
pub(crate) fn every_http() -> (MatchRank, Condition) {
    ((1, 0, false, 0, 0), Condition::Always)
}

/// A match of requests; `None` where the controller refuses it.
pub(crate) fn http(node: &Node) -> Option<(MatchRank, Condition)> {
    let mut parts = Vec::new();
    let mut length = 1;
    if let Some(path) = node.get("path").filter(|path| !path.is_null()) {
        let value = text(path, "value").unwrap_or("/");
        let is_regex = text(path, "type") == Some("RegularExpression");
        if !is_regex && !value.starts_with('/') {
            return None;
        }
        match text(path, "type") {
            Some("Exact") => {
                length = value.len();
                parts.push(exactly(Field::Path, value));
            }
            Some("RegularExpression") => {
                length = usize::MAX;
                parts.push(like(value));
            }
            _ => {
                length = value.trim_end_matches('/').len().max(1);
                parts.push(below(value));
            }
        }
    }
    let method = text(node, "method");
    parts.extend(method.map(|method| exactly(Field::Method, method)));
    let (headers, conditions) = headers(node);
    parts.extend(conditions);
    let query = items(node, "queryParams");
    for one in query {
        let (name, value) = (text(one, "name"), text(one, "value"));
        let (name, value) = (name.unwrap_or_default(), value.unwrap_or_default());
        parts.push(Condition::unknown(format!("query {name} = {value}")));
    }
    let rank = (length, 0, method.is_some(), headers, query.len());
    Some((rank, Condition::all(parts)))
}

fn headers(node: &Node) -> (usize, Vec<Condition>) {
    let all = items(node, "headers");
    let read = |one: &Node| {
        let name = text(one, "name").unwrap_or_default().to_ascii_lowercase();
        let value = text(one, "value").unwrap_or_default();
        if text(one, "type") == Some("RegularExpression") {
            return Condition::unknown(format!("header {name} ~ {value}"));
        }
        exactly(Field::Header(name.into()), value)
    };
    (all.len(), all.iter().map(read).collect())
}

fn post() -> Condition {
    exactly(Field::Method, "POST")
}

/// The same for gRPC, whose requests are POST.
pub(crate) fn every_grpc() -> (MatchRank, Condition) {
    ((0, 0, false, 0, 0), post())
}

/// A match of requests of gRPC.
pub(crate) fn grpc(node: &Node) -> (MatchRank, Condition) {
    let part = |key: &str| node.get("method").and_then(|method| text(method, key));
    let (service, method) = (part("service"), part("method"));
    let path = match (service, method) {
        (Some(service), Some(method)) => below(&format!("/{service}/{method}")),
        (Some(service), None) => {
            Condition::is(Field::Path, Pattern::beginning(&format!("/{service}/")))
        }
        (None, Some(method)) => Condition::unknown(format!("method {method} of gRPC")),
        (None, None) => Condition::Always,
    };
    let (headers, conditions) = headers(node);
    let length = |part: Option<&str>| part.map_or(0, str::len);
    let rank = (length(service), length(method), false, headers, 0);
    let parts = [post(), path].into_iter().chain(conditions);
    (rank, Condition::all(parts))
}
