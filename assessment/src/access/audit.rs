//! Audit logs of API servers: who did what, line by line.
//!
//! A log is long and says the same again and again: what is kept is each request once. Of
//! creations the name is left out, as the authorizer did not know it.

use seawall_access::{Request, ResourceRequest};
use seawall_model::access::Identity;
use seawall_model::{FileId, Str};
use seawall_yaml::{Limits, Node, parse};
use std::collections::BTreeMap;

/// Requests that are kept: a large cluster has some ten thousand.
const MOST: usize = 300_000;

/// A request that somebody sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seen {
    /// Who.
    pub who: Identity,
    /// Their groups, sorted.
    pub groups: Vec<Str>,
    /// What.
    pub request: Request,
}

/// What a log says.
#[derive(Debug, Default)]
pub struct Audit {
    /// Requests that were allowed, and how often.
    pub requests: BTreeMap<Seen, u64>,
    /// Events that were read.
    pub events: u64,
    /// Requests that were refused: nobody needs a right for them.
    pub refused: u64,
    /// Lines that are no event.
    pub wrong: u64,
    /// The first of them, by number.
    pub first_wrong: Option<u64>,
    /// Requests beyond what is kept.
    pub beyond: u64,
    /// The first and the last time, as written.
    pub window: Option<(String, String)>,
    lines: u64,
}

impl Audit {
    /// Takes a line.
    pub fn take(&mut self, line: &str) {
        self.lines += 1;
        if line.trim().is_empty() {
            return;
        }
        let stream = parse(line, FileId::UNKNOWN, &Limits::default());
        let root = stream.documents.first().map(|document| &document.root);
        let event = root.filter(|root| text(root, &["kind"]) == Some("Event"));
        if event.and_then(|event| self.event(event)).is_none() {
            self.wrong += 1;
            self.first_wrong.get_or_insert(self.lines);
        }
    }

    /// Takes an event; `None` where it misses what every event has.
    fn event(&mut self, event: &Node) -> Option<()> {
        let verb = Str::from(text(event, &["verb"])?);
        let user = text(event, &["user", "username"])?;
        self.events += 1;
        self.time(event);
        if text(event, &["stage"]) == Some("RequestReceived") {
            return Some(()); // nothing was decided yet
        }
        let decision = text(event, &["annotations", "authorization.k8s.io/decision"]);
        let code = event.at(&["responseStatus", "code"]).and_then(Node::as_i64);
        if decision == Some("forbid") || (decision.is_none() && matches!(code, Some(401 | 403))) {
            self.refused += 1;
            return Some(());
        }
        let (who, groups) = (Identity::of_user(user), groups(event, "user"));
        let (who, groups) = match text(event, &["impersonatedUser", "username"]) {
            Some(other) => {
                let request = impersonation(other);
                self.keep(Seen {
                    who,
                    groups,
                    request,
                });
                (
                    Identity::of_user(other),
                    self::groups(event, "impersonatedUser"),
                )
            }
            None => (who, groups),
        };
        let request = request(event, verb)?;
        self.keep(Seen {
            who,
            groups,
            request,
        });
        Some(())
    }

    fn keep(&mut self, seen: Seen) {
        if let Some(count) = self.requests.get_mut(&seen) {
            *count += 1;
        } else if self.requests.len() < MOST {
            self.requests.insert(seen, 1);
        } else {
            self.beyond += 1;
        }
    }

    fn time(&mut self, event: &Node) {
        let Some(time) = text(event, &["requestReceivedTimestamp"]) else {
            return;
        };
        match &mut self.window {
            None => self.window = Some((time.to_owned(), time.to_owned())),
            Some((first, last)) => {
                if time < first.as_str() {
                    time.clone_into(first);
                }
                if time > last.as_str() {
                    time.clone_into(last);
                }
            }
        }
    }
}

fn request(event: &Node, verb: Str) -> Option<Request> {
    let Some(object) = event.get("objectRef").filter(|object| !object.is_null()) else {
        let path = text(event, &["requestURI"])?;
        let path = path.split('?').next().unwrap_or(path);
        return Some(Request::Path {
            verb,
            path: path.into(),
        });
    };
    let field = |key| Str::from(text(object, &[key]).unwrap_or_default());
    let subresource = field("subresource");
    let has_name = match &*verb {
        "create" => !subresource.is_empty(),
        "deletecollection" => false,
        _ => true,
    };
    Some(Request::Resource(ResourceRequest {
        verb,
        group: field("apiGroup"),
        resource: field("resource"),
        namespace: field("namespace"),
        name: if has_name {
            field("name")
        } else {
            Str::from("")
        },
        subresource,
    }))
}

/// What it took to be somebody else, in the old way.
fn impersonation(other: &str) -> Request {
    let (resource, namespace, name) = match Identity::of_user(other) {
        Identity::ServiceAccount { namespace, name } => ("serviceaccounts", namespace, name),
        _ => ("users", Str::from(""), other.into()),
    };
    Request::Resource(ResourceRequest {
        verb: "impersonate".into(),
        resource: resource.into(),
        namespace,
        name,
        ..ResourceRequest::default()
    })
}

fn groups(event: &Node, user: &str) -> Vec<Str> {
    let list = event.at(&[user, "groups"]).and_then(Node::as_seq);
    let texts = list.into_iter().flatten().filter_map(Node::as_str);
    let mut groups: Vec<Str> = texts.map(Str::from).collect();
    groups.sort_unstable();
    groups
}

fn text<'n>(node: &'n Node, path: &[&str]) -> Option<&'n str> {
    node.at(path).and_then(Node::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_requests() {
        let mut audit = Audit::default();
        for line in [
            r#"{"kind":"Event","stage":"ResponseComplete","verb":"create","user":{"username":"ann"},"objectRef":{"resource":"pods","namespace":"a","name":"new"},"responseStatus":{"code":201}}"#,
            r#"{"kind":"Event","stage":"ResponseComplete","verb":"get","requestURI":"/metrics?x=1","user":{"username":"ann","groups":["devs"]}}"#,
            r#"{"kind":"Event","stage":"ResponseComplete","verb":"get","user":{"username":"ann"},"objectRef":{"resource":"secrets"},"responseStatus":{"code":403}}"#,
            r#"{"kind":"Event","stage":"ResponseComplete","verb":"list","user":{"username":"ann"},"impersonatedUser":{"username":"system:serviceaccount:a:b"},"objectRef":{"resource":"pods"}}"#,
            "nonsense",
            "",
        ] {
            audit.take(line);
        }
        let told: Vec<String> = audit
            .requests
            .keys()
            .map(|seen| format!("{} {}", seen.who, super::super::in_words(&seen.request)))
            .collect();
        let want = [
            "ServiceAccount a/b list pods",
            "User ann create pods in a",
            "User ann impersonate serviceaccounts b in a",
            "User ann get /metrics",
        ];
        assert_eq!(told, want);
        assert_eq!((audit.events, audit.refused, audit.wrong), (4, 1, 1));
        assert_eq!(audit.first_wrong, Some(5));
    }
}
