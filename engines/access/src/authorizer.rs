//! The answers to questions of other engines, in words.

use crate::access::Access;
use crate::request::{Request, ResourceRequest};
use crate::right::Right;
use seawall_model::Str;
use seawall_model::access::{
    AccessAnswer, AccessQuestion, AccessSubject, AccessTarget, Authorizer, Identity,
};

/// The group that no rule can refuse anything.
pub const MASTERS: &str = "system:masters";

impl Authorizer for Access {
    fn ask(&self, question: &AccessQuestion) -> AccessAnswer {
        let AccessSubject::Identity(identity) = &question.subject else {
            let reason = "who sends the request is not known".to_owned();
            return AccessAnswer::Unknown { reason };
        };
        let groups = identity.groups();
        if groups.iter().any(|group| &**group == MASTERS) {
            let reason = format!("{MASTERS} may do everything");
            return AccessAnswer::Allowed { reason };
        }
        if let Some(right) = self.allows(identity, &groups, &request(question)) {
            let reason = in_words(&right);
            return AccessAnswer::Allowed { reason };
        }
        match self.doubt(identity, &groups) {
            Some(reason) => AccessAnswer::Unknown { reason },
            None => AccessAnswer::NotAllowed {
                reason: format!("no rule that {identity} has allows it"),
            },
        }
    }
}

impl Access {
    /// Why a right of somebody may exist that was not seen.
    pub fn doubt(&self, identity: &Identity, groups: &[Str]) -> Option<String> {
        let is_them = |subject: &Identity| {
            subject == identity || matches!(subject, Identity::Group(name) if groups.contains(name))
        };
        for one in self.dangling() {
            let binding = self.all_bindings().get(one.at);
            let mut subjects = binding.into_iter().flat_map(|binding| &binding.subjects);
            if subjects.any(|subject| is_them(&subject.identity)) {
                return Some(format!(
                    "{} gives {identity} {}, which is not in the input",
                    one.binding, one.role
                ));
            }
        }
        if !self.is_complete() {
            return Some("a cluster may have bindings that are not in the input".to_owned());
        }
        let unread = |kind| !self.has_read(kind);
        (unread("ClusterRoleBinding") || unread("RoleBinding"))
            .then(|| "not all bindings of the cluster could be read".to_owned())
    }

    /// Whether bindings of a kind were in the picture.
    fn has_read(&self, kind: &str) -> bool {
        let mut bindings = self.all_bindings().iter();
        bindings.any(|one| !one.is_default && &*one.reference.kind == kind)
    }
}

fn request(question: &AccessQuestion) -> Request {
    match &question.target {
        AccessTarget::Path(path) => Request::Path {
            verb: question.verb.clone(),
            path: path.clone(),
        },
        AccessTarget::Resource {
            group,
            resource,
            subresource,
            namespace,
            name,
        } => Request::Resource(ResourceRequest {
            verb: question.verb.clone(),
            group: group.clone(),
            resource: resource.clone(),
            subresource: subresource.clone(),
            namespace: namespace.clone(),
            name: name.clone(),
        }),
    }
}

fn in_words(right: &Right<'_>) -> String {
    format!(
        "{} gives {} {}, whose {} allows it",
        right.bound.binding,
        right.bound.subject,
        right.role.reference,
        right.rule.pointer()
    )
}
