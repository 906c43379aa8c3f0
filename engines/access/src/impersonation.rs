//! May somebody act as somebody else?
//!
//! The old way (`impersonate`) allows everything that the other may do. Since 1.36 there are
//! narrow ways besides it, one for each kind of identity: `impersonate:MODE` on the identity
//! and `impersonate-on:MODE:VERB` on what is to be done, both of which are needed. Nobody
//! becomes `system:masters` in a narrow way, nor a service account with more groups than its own.

use crate::access::Access;
use crate::guard::Actor;
use crate::request::{Request, ResourceRequest};
use crate::right::Right;
use seawall_model::access::Identity;
use seawall_model::{KubernetesVersion, Str};

/// The first version in which the narrow ways are on.
const NARROW_SINCE: KubernetesVersion = KubernetesVersion::new(36);

/// API group of identities in the narrow ways; in the old one it is the core group.
const IDENTITIES: &str = "authentication.k8s.io";

/// How somebody acts as somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `impersonate`: with all their rights.
    Full,
    /// As the node that the pod of a service account is on.
    AssociatedNode,
    /// As any node.
    ArbitraryNode,
    /// As a service account.
    ServiceAccount,
    /// As any other user, with groups and further fields.
    UserInfo,
}

impl Mode {
    /// The narrow ways, in the order in which the API server tries them.
    pub const NARROW: [Mode; 4] = [
        Mode::AssociatedNode,
        Mode::ArbitraryNode,
        Mode::ServiceAccount,
        Mode::UserInfo,
    ];

    /// The verb on the identity.
    pub fn verb(self) -> &'static str {
        match self {
            Mode::Full => "impersonate",
            Mode::AssociatedNode => "impersonate:associated-node",
            Mode::ArbitraryNode => "impersonate:arbitrary-node",
            Mode::ServiceAccount => "impersonate:serviceaccount",
            Mode::UserInfo => "impersonate:user-info",
        }
    }

    /// The verb on what is to be done.
    pub fn verb_on(self, verb: &str) -> Str {
        let mode = self.verb().strip_prefix("impersonate:").unwrap_or_default();
        format!("impersonate-on:{mode}:{verb}").into()
    }

    /// Whether it is a way to be this user.
    fn is_for(self, wanted: &Wanted, own_node: Option<&str>) -> bool {
        let is_bare = wanted.groups.is_empty() && wanted.uid.is_empty() && wanted.extra.is_empty();
        let node = node_of(&wanted.user);
        let is_account = matches!(
            Identity::of_user(&wanted.user),
            Identity::ServiceAccount { .. }
        );
        match self {
            Mode::Full => true,
            Mode::AssociatedNode => is_bare && node.is_some() && node == own_node,
            Mode::ArbitraryNode => is_bare && node.is_some(),
            Mode::ServiceAccount => is_bare && is_account,
            Mode::UserInfo => node.is_none() && !is_account,
        }
    }
}

/// Whom somebody wants to be.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The user.
    pub user: Str,
    /// Groups that are asked for.
    pub groups: Vec<Str>,
    /// The uid that is asked for, or empty.
    pub uid: Str,
    /// Further fields that are asked for: key and value.
    pub extra: Vec<(Str, Str)>,
}

/// The way in which somebody acts as somebody else.
#[derive(Debug)]
pub struct Impersonation<'a> {
    /// Which.
    pub mode: Mode,
    /// The rights that it takes.
    pub rights: Vec<Right<'a>>,
}

impl Access {
    /// The way in which somebody may do something as somebody else, if there is one. `own_node`
    /// is the node of the pod that a service account's token is bound to.
    pub fn may_impersonate(
        &self,
        who: Actor<'_>,
        own_node: Option<&str>,
        wanted: &Wanted,
        to_do: &Request,
    ) -> Option<Impersonation<'_>> {
        let narrow = Mode::NARROW
            .iter()
            .filter(|_| self.version() >= NARROW_SINCE);
        let mut modes = narrow.chain([&Mode::Full]);
        modes.find_map(|mode| {
            let is_it = mode.is_for(wanted, own_node);
            let rights = is_it.then(|| self.by(*mode, who, wanted, to_do))??;
            Some(Impersonation {
                mode: *mode,
                rights,
            })
        })
    }

    fn by(
        &self,
        mode: Mode,
        who: Actor<'_>,
        wanted: &Wanted,
        to_do: &Request,
    ) -> Option<Vec<Right<'_>>> {
        let mut rights = Vec::new();
        let asked = requests(mode, wanted, to_do)?;
        for request in asked {
            rights.push(self.allows(who.identity, who.groups, &request)?);
        }
        Some(rights)
    }
}

/// All that has to be allowed; `None` where the API server refuses whatever is allowed.
fn requests(mode: Mode, wanted: &Wanted, to_do: &Request) -> Option<Vec<Request>> {
    let is_narrow = mode != Mode::Full;
    let is_bad_group = |group: &Str| group.is_empty() || &**group == "system:masters";
    let is_bad_field = |(key, value): &(Str, Str)| value.is_empty() || !is_prefixed(key);
    if is_narrow
        && (wanted.groups.iter().any(is_bad_group) || wanted.extra.iter().any(is_bad_field))
    {
        return None;
    }
    let people = if is_narrow { IDENTITIES } else { "" };
    let about = |group: &str, resource: &str, namespace: &str, name: &str| ResourceRequest {
        verb: mode.verb().into(),
        group: group.into(),
        resource: resource.into(),
        namespace: namespace.into(),
        name: name.into(),
        ..ResourceRequest::default()
    };
    let mut asked = Vec::new();
    asked.push(
        match (Identity::of_user(&wanted.user), node_of(&wanted.user)) {
            (Identity::ServiceAccount { namespace, name }, _) => {
                about(people, "serviceaccounts", &namespace, &name)
            }
            // For all nodes at once: the answer is kept for all of them.
            (_, Some(_)) if mode == Mode::AssociatedNode => about(people, "nodes", "", "*"),
            (_, Some(node)) if is_narrow => about(people, "nodes", "", node),
            _ => about(people, "users", "", &wanted.user),
        },
    );
    if !wanted.uid.is_empty() {
        asked.push(about(IDENTITIES, "uids", "", &wanted.uid));
    }
    asked.extend(
        wanted
            .groups
            .iter()
            .map(|group| about(people, "groups", "", group)),
    );
    asked.extend(wanted.extra.iter().map(|(key, value)| ResourceRequest {
        subresource: key.clone(),
        ..about(IDENTITIES, "userextras", "", value)
    }));
    let mut asked: Vec<Request> = asked.into_iter().map(Request::Resource).collect();
    if is_narrow {
        let mut on = to_do.clone();
        match &mut on {
            Request::Resource(of) => of.verb = mode.verb_on(&of.verb),
            Request::Path { verb, .. } => *verb = mode.verb_on(verb),
        }
        asked.push(on);
    }
    Some(asked)
}

/// The node that a user of this name is.
fn node_of(user: &str) -> Option<&str> {
    user.strip_prefix("system:node:")
        .filter(|node| is_subdomain(node))
}

/// Whether a key of a further field is one that the narrow ways take: `example.com/team`.
fn is_prefixed(key: &str) -> bool {
    let fits =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/-._~%!$&'()*+,;=:".contains(c);
    key.split_once('/').is_some_and(|(domain, path)| {
        is_subdomain(domain) && !path.is_empty() && path.chars().all(fits)
    })
}

fn is_subdomain(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_part =
        |part: &str| !part.is_empty() && part.chars().all(fits) && part.trim_matches('-') == part;
    name.len() <= 253 && name.split('.').all(is_part)
}
