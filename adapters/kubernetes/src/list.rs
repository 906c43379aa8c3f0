//! One resource, page by page.

use crate::discovery::{Resource, encoded, is_gone};
use crate::origin;
use crate::scan::Progress;
use crate::server::{self, Failure, METADATA, Server};
use crate::wanted::{self, How};
use seawall_model::{Gap, GapKind, SourceMap, Span};
use seawall_snapshot::{Keep, Object};
use seawall_yaml::Node;
use std::time::Duration;

/// Objects of a page: with managed fields and status, 200 pods are 3 MB of text and some 20 MB
/// as trees. Where they are too large together, pages get shorter.
const PAGE: u32 = 200;
/// No list has more pages; a server that goes on for ever is cut off.
const MOST_PAGES: u32 = 100_000;

/// What a list gave.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) objects: Vec<Object>,
    /// The trees, when they are asked for instead.
    pub(crate) nodes: Vec<Node>,
    pub(crate) gaps: Vec<Gap>,
    /// Where the list ended, for a watch that goes on from there.
    pub(crate) resource_version: String,
    /// What was listed, and how.
    pub(crate) from: Option<(Resource, How)>,
    /// Whether it came to its end.
    pub(crate) complete: bool,
    /// Whether the server answered at all.
    pub(crate) answered: bool,
    /// Whether the group's server does not answer in time.
    pub(crate) hangs: bool,
    /// A resource that may not be listed, and that no check reads.
    pub(crate) unread: Option<String>,
}

/// What is asked of a server.
pub(crate) struct Question<'a> {
    pub(crate) server: &'a Server,
    pub(crate) map: &'a SourceMap,
    pub(crate) progress: &'a Progress,
    pub(crate) namespace: Option<&'a str>,
    /// Whether to keep nothing but the trees.
    pub(crate) nodes: bool,
    /// Else how much to keep beside the facts.
    pub(crate) keep: Keep,
    /// Whether objects are named with their resource versions.
    pub(crate) versioned: bool,
}

/// Lists a resource.
pub(crate) async fn list(
    question: &Question<'_>,
    resource: &Resource,
    how: How,
    patience: Duration,
) -> Listed {
    let mut listed = Listed::default();
    let mut limit = PAGE;
    let mut restarted = false;
    let mut next = String::new();
    for _ in 0..MOST_PAGES {
        match page(question, resource, how, limit, &next, patience).await {
            Ok(page) => {
                listed.answered = true;
                next = take(page, question, resource, &mut listed);
                if next.is_empty() {
                    listed.complete = true;
                    return listed;
                }
            }
            Err(Failure::Large) if limit > 1 => limit = (limit / 10).max(1),
            // The token is too old: the list begins again, once.
            Err(failure) if failure.code() == 410 && !next.is_empty() && !restarted => {
                restarted = true;
                next.clear();
                listed = Listed::default();
            }
            Err(failure) => {
                listed.hangs = matches!(failure, Failure::Slow(_));
                // What went away between discovery and now hides nothing.
                let judged = wanted::is_judged(&resource.group, &resource.plural);
                if failure.code() == 403 && !judged {
                    listed.unread = Some(resource.name());
                } else if !is_gone(&failure) {
                    let rest = !next.is_empty();
                    listed
                        .gaps
                        .push(gap(resource, question.namespace, &failure, rest));
                }
                return listed;
            }
        }
    }
    listed
}

async fn page(
    question: &Question<'_>,
    resource: &Resource,
    how: How,
    limit: u32,
    next: &str,
    patience: Duration,
) -> Result<Node, Failure> {
    let mut path = format!("{}?limit={limit}", resource.path(question.namespace));
    if !next.is_empty() {
        path.push_str("&continue=");
        path.push_str(&encoded(next));
    }
    let accept = match how {
        How::Metadata => METADATA,
        _ => server::JSON,
    };
    let bytes = question.server.get(&path, accept, patience).await?;
    server::parse(&bytes).ok_or_else(|| {
        Failure::Connection("the answer is not the JSON of an API server, or is cut off".to_owned())
    })
}

/// Takes the items of a page and returns what asks for the next one.
fn take(
    mut page: Node,
    question: &Question<'_>,
    resource: &Resource,
    listed: &mut Listed,
) -> String {
    let text = |key| {
        let value = page.at(&["metadata", key]).and_then(Node::as_str);
        value.unwrap_or_default().to_owned()
    };
    let next = text("continue");
    listed.resource_version = text("resourceVersion");
    let items = page
        .as_map_mut()
        .and_then(|map| map.get_mut("items"))
        .and_then(Node::as_seq_mut)
        .map(std::mem::take)
        .unwrap_or_default();
    question.progress.add_objects(items.len());
    for item in items {
        let node = origin::settle(
            item,
            resource,
            &question.server.name,
            question.versioned,
            question.map,
        );
        if question.nodes {
            listed.nodes.push(node);
        } else {
            let object = origin::read(&node, question.map, &mut listed.gaps, question.keep);
            listed.objects.extend(object);
        }
    }
    next
}

/// What could not be listed, and what it would take.
fn gap(resource: &Resource, namespace: Option<&str>, failure: &Failure, rest: bool) -> Gap {
    let name = resource.name();
    let place = namespace.map_or_else(String::new, |n| format!(" in namespace {n}"));
    let judged = wanted::is_judged(&resource.group, &resource.plural);
    let (kind, reason, hint) = match failure {
        Failure::Status { code: 403, .. } => (
            GapKind::Forbidden,
            format!("this identity may not list {name}{place}"),
            format!("needs list on {name}{place}; `seawall rbac` prints the whole role"),
        ),
        Failure::Slow(_) => (
            GapKind::Remote,
            format!("{name} cannot be listed: {}", failure.reason()),
            match &*resource.group {
                "" => String::new(),
                group => format!("is the server behind {group} running? `kubectl get apiservices`"),
            },
        ),
        Failure::Large => (
            GapKind::Unreadable,
            format!("{name}: one object is too large: {}", failure.reason()),
            String::new(),
        ),
        _ => (
            GapKind::Remote,
            format!(
                "{}{name} cannot be listed: {}",
                if rest { "the rest of " } else { "" },
                failure.reason()
            ),
            String::new(),
        ),
    };
    Gap {
        kind,
        subject: format!("{name}{place}").into(),
        span: Span::NONE,
        reason,
        hint,
        units: u32::from(judged),
    }
}
