//! F. Rights over rights, and guardrails that their holders take away.

use super::{Rights, Row};
use crate::acts::Act;
use crate::graph::{Because, Ease, Needs};
use crate::picture::Picture;
use crate::spot::{Able, IdentityId, NameId, NamespaceId, Scope, Spot};
use crate::techniques::Id;
use seawall_model::access::Identity;

ascent::ascent! {
    /// What rights over rights lead to.
    struct Authorization;
    relation may(Act, Scope, NameId);
    relation namespace(NamespaceId);
    /// The group that may do everything.
    relation masters(IdentityId);
    relation step(Id, Needs, Spot, Ease, Because);

    // WILDCARD_ADMIN: every verb on every resource.
    step(Id::WILDCARD_ADMIN, Needs::one(Spot::May(Act::Everything, *scope, NameId::ANY)), Spot::Admin(*scope), Ease::Given, Because::Nature) <--
        may(act, scope, name), if *act == Act::Everything && *name == NameId::ANY;
    step(Id::WILDCARD_ADMIN, Needs::one(Spot::Identity(*group)), Spot::Admin(Scope::All), Ease::Given, Because::Nature) <--
        masters(group);

    // ROLE_BIND: the role and the right to give it away.
    step(Id::ROLE_BIND, Needs::two(Spot::Able(Able::WriteClusterBindings, Scope::All), Spot::Able(Able::BindClusterAdmin, Scope::All)), Spot::Admin(Scope::All), Ease::Easy, Because::Nature);
    step(Id::ROLE_BIND, Needs::two(Spot::Able(Able::WriteBindings, Scope::In(*space)), Spot::Able(Able::BindAdmin, Scope::In(*space))), Spot::Admin(Scope::In(*space)), Ease::Easy, Because::Nature) <--
        namespace(space);

    // ROLE_ESCALATE: whoever writes a role that they have, or one and its binding.
    step(Id::ROLE_ESCALATE, Needs::two(Spot::Able(Able::WriteRoles, Scope::In(*space)), Spot::Able(Able::EscalateRoles, Scope::In(*space))), Spot::Admin(Scope::In(*space)), Ease::Easy, Because::Nature) <--
        namespace(space);

    // AGGREGATION_INJECT: a ClusterRole with a label is in `admin`, `edit` or `view`.
    step(Id::AGGREGATION_INJECT, Needs::two(Spot::Able(Able::WriteClusterRoles, Scope::All), Spot::Able(Able::EscalateClusterRoles, Scope::All)), Spot::Admin(Scope::All), Ease::Easy, Because::Nature);

    // NS_LABEL_PSA: the guardrail goes, and the pod comes.
    step(Id::NS_LABEL_PSA, Needs::two(Spot::Able(Able::LabelNamespace, Scope::In(*space)), Spot::Able(Able::StartPods, Scope::In(*space))), Spot::Nodes, Ease::Easy, Because::Nature) <--
        namespace(space);
}

/// The steps of this group.
pub(super) fn rows(picture: &Picture<'_>, rights: &Rights) -> Vec<Row> {
    let namespaces = picture.namespaces.iter();
    let masters = Identity::Group("system:masters".into());
    let masters = picture.identities.find(&masters).map(IdentityId);
    let mut rules = Authorization {
        may: rights.may.clone(),
        namespace: namespaces
            .map(|(number, _)| (NamespaceId(number),))
            .collect(),
        masters: masters.into_iter().map(|group| (group,)).collect(),
        ..Authorization::default()
    };
    rules.run();
    rules.step
}
