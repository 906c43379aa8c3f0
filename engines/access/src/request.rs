//! One request, and whether a rule allows it: token for token as the API server compares.
//!
//! There is no globbing. `*` counts as a whole word only; `pods/*` is a resource that nothing
//! has, while `*/exec` is the subresource `exec` of every resource, and `*` is everything.

use crate::role::Rule;
use seawall_model::Str;

/// What somebody wants to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Request {
    /// Something with a resource.
    Resource(ResourceRequest),
    /// Something with a path that is no resource.
    Path {
        /// The method, lower case: `get`.
        verb: Str,
        /// The path: `/healthz`.
        path: Str,
    },
}

/// Something with a resource, as the API server makes of a request before it asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ResourceRequest {
    /// The verb: `create`.
    pub verb: Str,
    /// API group; empty for the core group.
    pub group: Str,
    /// Plural name: `pods`.
    pub resource: Str,
    /// Subresource, or empty: `exec`.
    pub subresource: Str,
    /// Namespace, or empty for all of them and for what is in none.
    pub namespace: Str,
    /// Name, or empty. `list` and `watch` have one only where a field selector asks for it,
    /// `create` only for subresources, `deletecollection` never.
    pub name: Str,
}

impl Request {
    /// The verb.
    pub fn verb(&self) -> &str {
        match self {
            Request::Resource(of) => &of.verb,
            Request::Path { verb, .. } => verb,
        }
    }

    /// The namespace that it is in, or empty.
    pub fn namespace(&self) -> &str {
        match self {
            Request::Resource(of) => &of.namespace,
            Request::Path { .. } => "",
        }
    }
}

impl ResourceRequest {
    /// The same, about the Namespace object itself where a single one is meant: the API server
    /// takes it as being in itself, so what is given there counts.
    #[must_use]
    pub fn settled(mut self) -> Self {
        if self.is_of_one_namespace() && self.namespace.is_empty() {
            self.namespace = self.name.clone();
        }
        self
    }

    fn is_of_one_namespace(&self) -> bool {
        self.group.is_empty() && &*self.resource == "namespaces" && !self.name.is_empty()
    }
}

impl Rule {
    /// Whether it allows a request.
    pub fn allows(&self, request: &Request) -> bool {
        match request {
            Request::Resource(of) => {
                self.has_verb(&of.verb)
                    && self.has_group(&of.group)
                    && self.has_resource(&of.resource, &of.subresource)
                    && self.has_name(&of.name)
            }
            Request::Path { verb, path } => self.has_verb(verb) && self.has_path(path),
        }
    }

    /// Whether it speaks of a verb.
    pub fn has_verb(&self, verb: &str) -> bool {
        self.verbs.iter().any(|one| is_all_or(one, verb))
    }

    /// Whether it speaks of an API group.
    pub fn has_group(&self, group: &str) -> bool {
        self.groups.iter().any(|one| is_all_or(one, group))
    }

    /// Whether it speaks of a resource, or of a subresource of it.
    pub fn has_resource(&self, resource: &str, subresource: &str) -> bool {
        self.resources
            .iter()
            .any(|one| is_resource(one, resource, subresource))
    }

    /// Whether it speaks of a name; the empty one is that of a request without.
    pub fn has_name(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|one| &**one == name)
    }

    /// Whether it speaks of a path.
    pub fn has_path(&self, path: &str) -> bool {
        self.urls.iter().any(|one| is_path(one, path))
    }
}

fn is_all_or(one: &str, asked: &str) -> bool {
    one == "*" || one == asked
}

/// Whether a word of a rule means a resource: `*`, the very same, or `*/SUBRESOURCE`.
pub(crate) fn is_resource(one: &str, resource: &str, subresource: &str) -> bool {
    if one == "*" {
        return true;
    }
    if subresource.is_empty() {
        return one == resource;
    }
    // A slash in the resource's own name would be one; the API server joins them, too.
    let rest = one.strip_suffix(subresource);
    let parent = rest.and_then(|rest| rest.strip_suffix('/'));
    parent.is_some_and(|parent| parent == "*" || parent == resource)
}

/// Whether a word of a rule means a path.
pub(crate) fn is_path(one: &str, path: &str) -> bool {
    one == "*" || one == path || (one.ends_with('*') && path.starts_with(one.trim_end_matches('*')))
}
