//! Bindings as the API server reads them: who is given which role, where.

use crate::gaps::Gaps;
use crate::role::GROUP;
use seawall_model::access::Identity;
use seawall_model::{ResourceRef, Span, Str};
use seawall_snapshot::{Object, ScopeId};
use seawall_yaml::{Node, Value};

/// Somebody a binding names.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Who.
    pub identity: Identity,
    /// Its place in the binding.
    pub index: u32,
    /// Where it stands.
    pub span: Span,
}

/// A RoleBinding or ClusterRoleBinding.
#[derive(Debug, Clone)]
pub struct Binding {
    /// Its name as written.
    pub reference: ResourceRef,
    /// Which rendering it is in.
    pub scope: ScopeId,
    /// The namespace that it gives rights in; `None` for everywhere.
    pub namespace: Option<Str>,
    /// Where it stands.
    pub span: Span,
    /// Whether the role is a ClusterRole.
    pub is_cluster_role: bool,
    /// Name of the role.
    pub role: Str,
    /// Where the role is named.
    pub role_span: Span,
    /// To whom.
    pub subjects: Vec<Subject>,
    /// Whether the API server makes it, and the input does not have it.
    pub is_default: bool,
    /// Whether it is one that the API server makes, written in the input or not.
    pub is_known: bool,
}

impl Binding {
    /// The binding that an object is, if it is one.
    pub(crate) fn read(object: &Object, gaps: &mut Gaps) -> Option<Self> {
        let reference = &object.reference;
        let namespace = match &*reference.kind {
            "RoleBinding" => Some(Str::from(object.namespace())),
            "ClusterRoleBinding" => None,
            _ => return None,
        };
        let body = object.body()?;
        let role = body.get("roleRef");
        let role_span = role.map_or(object.name_span, |role| role.span);
        let field = |key| role.and_then(|role| text(role, key));
        let (kind, name) = (field("kind"), field("name"));
        let group = field("apiGroup").filter(|group| !group.is_empty());
        let is_cluster_role = match (kind.as_deref(), &namespace) {
            (Some("ClusterRole"), _) => true,
            (Some("Role"), Some(_)) => false,
            _ => {
                let why = format!(
                    "{reference} names no role that it can bind: the API server would refuse it"
                );
                gaps.invalid(reference, role_span, why);
                return None;
            }
        };
        if group.as_deref().is_some_and(|group| group != GROUP) {
            let why = format!(
                "roleRef of {reference} is of another API group: the API server would refuse it"
            );
            gaps.invalid(reference, role_span, why);
            return None;
        }
        let mut subjects = Vec::new();
        for (index, node) in object.items(&["subjects"]).iter().enumerate() {
            match subject(node, namespace.as_ref()) {
                Ok(identity) => subjects.push(Subject {
                    identity,
                    index: u32::try_from(index).unwrap_or(u32::MAX),
                    span: node.span,
                }),
                Err(why) => {
                    let why = format!("subject {index} of {reference} {why}: it gets nothing");
                    gaps.invalid(reference, node.span, why);
                }
            }
        }
        Some(Self {
            reference: reference.clone(),
            scope: object.scope,
            namespace,
            span: object.name_span,
            is_cluster_role,
            role: name.unwrap_or_default(),
            role_span,
            subjects,
            is_default: false,
            is_known: false,
        })
    }
}

/// Who a subject is. Names are taken as they are: the API server compares texts.
fn subject(node: &Node, namespace: Option<&Str>) -> Result<Identity, String> {
    let name = text(node, "name").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| "has no name".to_owned())?;
    let group = text(node, "apiGroup").unwrap_or_default();
    match text(node, "kind").as_deref() {
        Some("User") if is_ours(&group) => Ok(Identity::of_user(&name)),
        Some("Group") if is_ours(&group) => Ok(Identity::Group(name)),
        Some("ServiceAccount") if group.is_empty() => {
            let own = text(node, "namespace").filter(|own| !own.is_empty());
            let namespace = own.or_else(|| namespace.cloned());
            let namespace =
                namespace.ok_or_else(|| format!("(ServiceAccount {name}) has no namespace"))?;
            let account = Identity::ServiceAccount { namespace, name };
            // The API server compares the names of users, and so do we.
            Ok(Identity::of_user(&account.user_name().unwrap_or_default()))
        }
        Some(kind @ ("User" | "Group" | "ServiceAccount")) => {
            Err(format!("({kind} {name}) is of the API group `{group}`"))
        }
        Some(kind) => Err(format!("is of a kind that is no subject, `{kind}`")),
        None => Err("has no kind".to_owned()),
    }
}

fn is_ours(group: &str) -> bool {
    group.is_empty() || group == GROUP
}

fn text(node: &Node, key: &str) -> Option<Str> {
    match &node.get(key)?.value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}
