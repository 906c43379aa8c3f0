//! F. Rights over rights, and guardrails that their holders take away.

use super::{Rights, Row, covers};
use crate::acts::Act;
use crate::graph::{Because, Ease, Needs};
use crate::look::flag;
use crate::picture::Picture;
use crate::spot::{Able, Effect, IdentityId, NameId, NamespaceId, Scope, Spot};
use crate::techniques::Id;
use seawall_model::access::{Identity, PermissionSet};
use seawall_model::{Fact, Str};
use seawall_yaml::Node;
use std::collections::{BTreeSet, HashSet};

const RBAC: &str = "rbac.authorization.k8s.io";

ascent::ascent! {
    /// What rights over rights lead to.
    struct Authorization;
    relation may(Act, Scope, NameId);
    relation is_in(NamespaceId, Scope);
    relation namespace(NamespaceId);
    relation step(Id, Needs, Spot, Ease, Because);

    // WILDCARD_ADMIN: every verb on every resource.
    relation masters(IdentityId);
    step(Id::WILDCARD_ADMIN, Needs::one(Spot::May(Act::Everything, *scope, NameId::ANY)), Spot::Admin(*scope), Ease::Given, Because::Nature) <--
        may(act, scope, name), if *act == Act::Everything && *name == NameId::ANY;
    step(Id::WILDCARD_ADMIN, Needs::one(Spot::Identity(*group)), Spot::Admin(Scope::All), Ease::Given, Because::Nature) <--
        masters(group);

    // ROLE_BIND: a binding of one's own, and the right to give the role away.
    step(Id::ROLE_BIND, Needs::two(Spot::Able(Able::WriteClusterBindings, Scope::All), Spot::Able(Able::BindClusterAdmin, Scope::All)), Spot::Admin(Scope::All), Ease::Easy, Because::Nature);
    step(Id::ROLE_BIND, Needs::two(Spot::Able(Able::WriteBindings, Scope::In(*space)), Spot::Able(Able::BindAdmin, Scope::In(*space))), Spot::Admin(Scope::In(*space)), Ease::Easy, Because::Nature) <--
        namespace(space);
    // A binding that is there keeps its role and takes more subjects.
    relation rebinds(Act);
    rebinds(Act::UpdateBindings);
    rebinds(Act::PatchBindings);
    rebinds(Act::UpdateClusterBindings);
    rebinds(Act::PatchClusterBindings);
    /// A binding by its name, the right to refer to its role, that role's name, what it gives.
    relation binding(NameId, Scope, Act, NameId, u32);
    /// A place, and a scope that it lies in.
    relation inside(Scope, Scope);
    inside(Scope::All, Scope::All);
    inside(Scope::In(*space), *scope) <-- is_in(space, scope);
    step(Id::ROLE_BIND, Needs::two(Spot::May(*act, *scope, *name), Spot::May(*refer, *wide, *role)), Spot::Permissions(*set), Ease::Easy, Because::Nature) <--
        binding(bound, place, refer, known, set),
        rebinds(act), if is_of(*act, *place),
        inside(place, scope),
        may(act, scope, name), if covers(*name, *bound),
        inside(place, wide),
        // Who may bind any role has it easier.
        may(refer, wide, role), if covers(*role, *known) && (*role != NameId::ANY || *place != Scope::All);
    // With a role that somebody has already: what it gives is known.
    step(Id::ROLE_BIND, Needs::two(Spot::May(*act, *scope, *any), Spot::May(*refer, *wide, *role)), Spot::Permissions(*set), Ease::Easy, Because::Nature) <--
        may(refer, wide, role), if *role != NameId::ANY,
        binding(_, place, refer, role, set), if within(*place, *wide),
        inside(place, scope),
        may(act, scope, any), if matches!((act, place), (Act::CreateBindings, Scope::In(_)) | (Act::CreateClusterBindings, Scope::All));

    // BINDING_ADD_SUBJECT: no more rights, but more holders.
    step(Id::BINDING_ADD_SUBJECT, Needs::one(Spot::May(*act, *scope, *name)), Spot::Effect(Effect::Persistence, *scope), Ease::Easy, Because::Nature) <--
        rebinds(act),
        may(act, scope, name);

    // ROLE_ESCALATE: whoever changes a role that they have, or makes one and binds it.
    /// A Role by its name, what it gives and where; a ClusterRole likewise.
    relation role(NameId, u32, NamespaceId);
    relation cluster_role(NameId, u32, Scope);
    relation changes(Act, Act);
    changes(Act::UpdateRoles, Act::EscalateRoles);
    changes(Act::PatchRoles, Act::EscalateRoles);
    step(Id::ROLE_ESCALATE, Needs::all([Spot::May(*act, *scope, *name), Spot::May(*escalate, *wide, *other), Spot::Permissions(*set), Spot::Internet]), Spot::Admin(Scope::In(*space)), Ease::Easy, Because::Nature) <--
        role(known, set, space),
        changes(act, escalate),
        is_in(space, scope),
        may(act, scope, name), if covers(*name, *known),
        is_in(space, wide),
        may(escalate, wide, other), if covers(*other, *known);
    relation changes_cluster(Act);
    changes_cluster(Act::UpdateClusterRoles);
    changes_cluster(Act::PatchClusterRoles);
    /// The right to change ClusterRoles, and the right to write more into them.
    relation grows(Act, NameId, NameId);
    grows(act, name, other) <--
        changes_cluster(act),
        may(act, Scope::All, name),
        may(Act::EscalateClusterRoles, Scope::All, other);
    step(Id::ROLE_ESCALATE, Needs::all([Spot::May(*act, Scope::All, *name), Spot::May(Act::EscalateClusterRoles, Scope::All, *other), Spot::Permissions(*set), Spot::Internet]), Spot::Admin(*place), Ease::Easy, Because::Nature) <--
        grows(act, name, other), if *name != NameId::ANY || *other != NameId::ANY,
        cluster_role(known, set, place), if covers(*name, *known) && covers(*other, *known);
    // Who may so with all of them has one of them: the right is in no namespace.
    step(Id::ROLE_ESCALATE, Needs::two(Spot::May(*act, Scope::All, *name), Spot::May(Act::EscalateClusterRoles, Scope::All, *other)), Spot::Admin(Scope::All), Ease::Easy, Because::Nature) <--
        grows(act, name, other), if *name == NameId::ANY && *other == NameId::ANY;
    step(Id::ROLE_ESCALATE, Needs::all([Spot::Able(Able::WriteRoles, Scope::In(*space)), Spot::Able(Able::EscalateRoles, Scope::In(*space)), Spot::Able(Able::WriteBindings, Scope::In(*space)), Spot::Able(Able::BindRoles, Scope::In(*space))]), Spot::Admin(Scope::In(*space)), Ease::Easy, Because::Nature) <--
        namespace(space);

    // AGGREGATION_INJECT: a ClusterRole with a label is in the role that collects them.
    relation collects(u32, Scope);
    step(Id::AGGREGATION_INJECT, Needs::all([Spot::Able(Able::WriteClusterRoles, Scope::All), Spot::Able(Able::EscalateClusterRoles, Scope::All), Spot::Permissions(*set), Spot::Internet]), Spot::Admin(*scope), Ease::Easy, Because::Nature) <--
        collects(set, scope);

    // DANGLING_ROLE: the rights wait for whoever makes the account, or the role.
    relation dangling_account(NameId, NamespaceId, IdentityId, u32);
    step(Id::DANGLING_ROLE, Needs::two(Spot::Able(Able::MakeAccounts, Scope::In(*space)), Spot::Able(Able::StartPods, Scope::In(*space))), Spot::Identity(*account), Ease::Easy, Because::Binding(*binding)) <--
        dangling_account(_, space, account, binding);
    step(Id::DANGLING_ROLE, Needs::two(Spot::Able(Able::MakeAccounts, Scope::In(*space)), Spot::May(Act::CreateToken, *scope, *name)), Spot::Identity(*account), Ease::Easy, Because::Binding(*binding)) <--
        dangling_account(known, space, account, binding),
        is_in(space, scope),
        may(act, scope, name), if *act == Act::CreateToken && covers(*name, *known);
    relation dangling_role(NamespaceId, Spot, Because);
    step(Id::DANGLING_ROLE, Needs::all([Spot::Able(Able::WriteRoles, Scope::In(*space)), Spot::Able(Able::EscalateRoles, Scope::In(*space)), *subject, Spot::Internet]), Spot::Admin(Scope::In(*space)), Ease::Easy, *because) <--
        dangling_role(space, subject, because);

    // CONTROLLER_SA_TAKEOVER: accounts of the controllers may do what controllers do.
    relation controllers(NamespaceId, Ease);
    step(Id::CONTROLLER_SA_TAKEOVER, Needs::one(Spot::Accounts(Scope::In(*space))), Spot::Admin(Scope::All), *ease, Because::Nature) <--
        controllers(space, ease);

    // NS_LABEL_PSA: the guardrail goes, and the pod comes.
    relation refuses(NamespaceId, Ease);
    step(Id::NS_LABEL_PSA, Needs::two(Spot::Able(Able::LabelNamespace, Scope::In(*space)), Spot::Able(Able::StartPods, Scope::In(*space))), Spot::Nodes, *ease, Because::Nature) <--
        refuses(space, ease);
}

/// Whether a right of one scope counts in another.
fn within(place: Scope, right: Scope) -> bool {
    right == Scope::All || right == place
}

/// Whether an act is on the kind of binding that gives something there.
fn is_of(act: Act, place: Scope) -> bool {
    let is_cluster = matches!(act, Act::UpdateClusterBindings | Act::PatchClusterBindings);
    is_cluster == (place == Scope::All)
}

/// The steps of this group.
pub(super) fn rows(picture: &mut Picture<'_>, rights: &Rights) -> Vec<Row> {
    let dangling_role = dangling_roles(picture);
    let system = picture.namespace("kube-system");
    let namespaces = picture.namespaces.iter();
    let masters = Identity::Group("system:masters".into());
    let masters = picture.identities.find(&masters).map(IdentityId);
    let mut rules = Authorization {
        may: rights.may.clone(),
        is_in: rights.is_in.clone(),
        namespace: namespaces
            .map(|(number, _)| (NamespaceId(number),))
            .collect(),
        masters: masters.into_iter().map(|group| (group,)).collect(),
        refuses: refuses(picture),
        dangling_account: dangling_accounts(picture),
        dangling_role,
        controllers: controllers(picture)
            .map(|ease| (system, ease))
            .into_iter()
            .collect(),
        ..Authorization::default()
    };
    let collecting = collecting(picture);
    for (number, set) in (0u32..).zip(picture.sets) {
        let is_cluster = &*set.role.kind == "ClusterRole";
        let scope = picture.scope_of(set);
        let name = role_name(picture, set);
        match scope {
            Scope::In(space) if !is_cluster => rules.role.push((name, number, space)),
            _ => rules.cluster_role.push((name, number, scope)),
        }
        if is_cluster && collecting.contains(&*set.role.name) {
            rules.collects.push((number, scope));
        }
    }
    for bound in picture.bindings {
        let Some(set) = picture.sets.get(bound.set.0 as usize) else {
            continue;
        };
        let name = picture.names.find(&bound.binding.name).unwrap_or(0);
        let refer = match &*set.role.kind {
            "ClusterRole" => Act::BindClusterRoles,
            _ => Act::BindRoles,
        };
        rules.binding.push((
            NameId(name),
            picture.scope_of(set),
            refer,
            role_name(picture, set),
            bound.set.0,
        ));
    }
    rules.run();
    rules.step
}

fn role_name(picture: &Picture<'_>, set: &PermissionSet) -> NameId {
    NameId(picture.names.find(&set.role.name).unwrap_or(0))
}

/// Names of ClusterRoles that collect the rules of others.
fn collecting<'s>(picture: &Picture<'s>) -> HashSet<&'s str> {
    let roles = picture.snapshot.of_kind(RBAC, "ClusterRole");
    let collecting = roles.map(|(_, object)| object).filter(|object| {
        let rule = object.body().and_then(|body| body.get("aggregationRule"));
        rule.is_some_and(|rule| !rule.is_null())
    });
    let own = collecting.map(|object| &*object.reference.name);
    own.chain(["admin", "edit", "view"]).collect()
}

/// Namespaces that refuse a pod that is as good as its node. A label is easily changed; an
/// admission policy may refuse the pod all the same.
fn refuses(picture: &Picture<'_>) -> Vec<(NamespaceId, Ease)> {
    const GROUP: &str = "admissionregistration.k8s.io";
    let kinds = [
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    ];
    let has_policies = kinds.iter().any(|kind| picture.has(GROUP, kind));
    let ease = if has_policies {
        Ease::Lucky
    } else {
        Ease::Easy
    };
    let admits: BTreeSet<&str> = picture
        .facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Admits {
                namespace, shape, ..
            } if super::workloads::AS_GOOD_AS_THE_NODE.contains(shape) => Some(&**namespace),
            _ => None,
        })
        .collect();
    let refusing = picture.namespaces.iter().filter(|(number, name)| {
        !admits.contains(&***name) && picture.labels_of(NamespaceId(*number)).is_some()
    });
    refusing
        .map(|(number, _)| (NamespaceId(number), ease))
        .collect()
}

/// Service accounts that are not there, with bindings that wait for them.
fn dangling_accounts(picture: &Picture<'_>) -> Vec<(NameId, NamespaceId, IdentityId, u32)> {
    let mut all = Vec::new();
    for (number, bound) in (0u32..).zip(picture.bindings) {
        let Identity::ServiceAccount { namespace, name } = &bound.subject else {
            continue;
        };
        let id = picture.identities.find(&bound.subject).map(IdentityId);
        let space = picture.namespaces.find(namespace);
        if let (Some(id), Some(space)) = (id, space)
            && picture.is_missing(id)
        {
            let name = NameId(picture.names.find(name).unwrap_or(0));
            all.push((name, NamespaceId(space), id, number));
        }
    }
    all
}

/// Bindings whose Role is not there, with those who wait for it.
fn dangling_roles(picture: &mut Picture<'_>) -> Vec<(NamespaceId, Spot, Because)> {
    let snapshot = picture.snapshot;
    if !snapshot.is_complete() {
        return Vec::new();
    }
    let roles = snapshot.of_kind(RBAC, "Role");
    let roles: HashSet<(&str, &str)> = roles
        .map(|(_, object)| (object.namespace(), &*object.reference.name))
        .collect();
    let mut all = Vec::new();
    for (_, object) in snapshot.of_kind(RBAC, "RoleBinding") {
        let text = |path: &[&str]| object.body().and_then(|body| body.at(path)?.as_str());
        let name = text(&["roleRef", "name"]).unwrap_or("");
        let is_role = text(&["roleRef", "kind"]) == Some("Role");
        if !is_role || roles.contains(&(object.namespace(), name)) {
            continue;
        }
        let space = picture.namespace(object.namespace());
        let note = format!(
            "{} refers to Role {name}, which is not there",
            object.reference
        );
        let place = picture.place(Picture::noted(object, note));
        for subject in object.items(&["subjects"]) {
            if let Some(identity) = identity(subject, object.namespace()) {
                let id = IdentityId(picture.identities.number(&identity));
                all.push((space, Spot::Identity(id), Because::Place(place)));
            }
        }
    }
    all
}

fn identity(subject: &Node, own: &str) -> Option<Identity> {
    let text = |key| subject.get(key).and_then(Node::as_str);
    let name = Str::from(text("name")?);
    Some(match text("kind")? {
        "User" => Identity::of_user(&name),
        "Group" => Identity::Group(name),
        _ => Identity::ServiceAccount {
            namespace: text("namespace").unwrap_or(own).into(),
            name,
        },
    })
}

/// How sure it is that each controller has an account of its own; without it none of them is
/// there to be taken.
fn controllers(picture: &Picture<'_>) -> Option<Ease> {
    let Some(manager) = picture.component("kube-controller-manager") else {
        return Some(Ease::Skilled);
    };
    let own = flag(manager, "use-service-account-credentials");
    own.filter(|(value, _)| *value != "false")
        .map(|_| Ease::Easy)
}
