//! E. Rights that are as good as credentials.

use super::{Rights, Row};
use crate::acts::Act;
use crate::graph::{Because, Ease, Needs};
use crate::picture::Picture;
use crate::spot::{Able, IdentityId, NameId, NamespaceId, Scope, SecretId, Spot};
use crate::techniques::Id;
use seawall_model::access::Identity;

ascent::ascent! {
    /// What reading, writing and asking for credentials leads to.
    struct Credentials;
    relation may(Act, Scope, NameId);
    relation is_in(NamespaceId, Scope);
    relation namespace(NamespaceId);
    relation secret(NameId, NamespaceId, SecretId);
    relation account(NameId, NamespaceId, IdentityId);
    relation user(NameId, IdentityId);
    relation group(NameId, IdentityId);
    relation step(Id, Needs, Spot, Ease, Because);

    // SECRET_LIST: a list returns contents; limited to names it answers for these only.
    relation lists(Act);
    lists(Act::ListSecrets);
    lists(Act::WatchSecrets);
    step(Id::SECRET_LIST, Needs::one(Spot::May(*act, *scope, *any)), Spot::Secrets(*scope), Ease::Easy, Because::Nature) <--
        lists(act),
        may(act, scope, any), if *any == NameId::ANY;
    step(Id::SECRET_LIST, Needs::one(Spot::May(*act, *scope, *name)), Spot::Secret(*secret), Ease::Easy, Because::Nature) <--
        lists(act),
        may(act, scope, name),
        secret(name, space, secret),
        is_in(space, scope);

    // SECRET_GET: without a list names have to be known; they stand in pods.
    step(Id::SECRET_GET, Needs::one(Spot::May(Act::GetSecrets, *scope, *any)), Spot::Secrets(*scope), Ease::Skilled, Because::Nature) <--
        may(act, scope, any), if *act == Act::GetSecrets && *any == NameId::ANY;
    step(Id::SECRET_GET, Needs::one(Spot::May(Act::GetSecrets, *scope, *name)), Spot::Secret(*secret), Ease::Easy, Because::Nature) <--
        may(act, scope, name), if *act == Act::GetSecrets,
        secret(name, space, secret),
        is_in(space, scope);

    // TOKEN_REQUEST and IMPERSONATE_SA: any account that the rule covers.
    relation becomes(Act, Id);
    becomes(Act::CreateToken, Id::TOKEN_REQUEST);
    becomes(Act::ImpersonateAccounts, Id::IMPERSONATE_SA);
    step(*technique, Needs::one(Spot::May(*act, *scope, *any)), Spot::Accounts(*scope), Ease::Easy, Because::Nature) <--
        becomes(act, technique),
        may(act, scope, any), if *any == NameId::ANY;
    step(*technique, Needs::one(Spot::May(*act, *scope, *name)), Spot::Identity(*account), Ease::Easy, Because::Nature) <--
        becomes(act, technique),
        may(act, scope, name),
        account(name, space, account),
        is_in(space, scope);

    // TOKEN_SECRET_CREATE: written, filled, read back, all in one namespace.
    step(Id::TOKEN_SECRET_CREATE, Needs::two(Spot::Able(Able::WriteSecrets, Scope::In(*space)), Spot::Able(Able::ReadSecrets, Scope::In(*space))), Spot::Accounts(Scope::In(*space)), Ease::Easy, Because::Nature) <--
        namespace(space);
    step(Id::TOKEN_SECRET_CREATE, Needs::two(Spot::Able(Able::WriteSecrets, Scope::In(*space)), Spot::Able(Able::StartPods, Scope::In(*space))), Spot::Accounts(Scope::In(*space)), Ease::Easy, Because::Nature) <--
        namespace(space);

    // CSR_CLIENT: asked for, approved, fetched; for any user but those in system:masters.
    step(Id::CSR_CLIENT, Needs::all(CERTIFICATE), Spot::Admin(Scope::All), Ease::Easy, Because::Nature);

    // IMPERSONATE_USER, IMPERSONATE_GROUP: a group needs a user to be named, any one.
    step(Id::IMPERSONATE_USER, Needs::one(Spot::May(Act::ImpersonateUsers, Scope::All, *any)), Spot::Identity(*user), Ease::Easy, Because::Nature) <--
        may(act, scope, any), if *act == Act::ImpersonateUsers && *scope == Scope::All && *any == NameId::ANY,
        user(_, user);
    step(Id::IMPERSONATE_USER, Needs::one(Spot::May(Act::ImpersonateUsers, Scope::All, *name)), Spot::Identity(*user), Ease::Easy, Because::Nature) <--
        may(act, scope, name), if *act == Act::ImpersonateUsers && *scope == Scope::All,
        user(name, user);
    step(Id::IMPERSONATE_GROUP, Needs::two(Spot::Able(Able::BeUser, Scope::All), Spot::Able(Able::BeGroup, Scope::All)), Spot::Admin(Scope::All), Ease::Easy, Because::Nature);
    step(Id::IMPERSONATE_GROUP, Needs::two(Spot::Able(Able::BeUser, Scope::All), Spot::May(Act::ImpersonateGroups, Scope::All, *name)), Spot::Identity(*group), Ease::Easy, Because::Nature) <--
        may(act, scope, name), if *act == Act::ImpersonateGroups && *scope == Scope::All,
        group(name, group);
}

/// What it takes to make a certificate for any user.
const CERTIFICATE: [Spot; 4] = [
    Spot::Able(Able::AskCertificate, Scope::All),
    Spot::Able(Able::WriteApproval, Scope::All),
    Spot::Able(Able::ApproveClients, Scope::All),
    Spot::Able(Able::FetchCertificate, Scope::All),
];

/// The steps of this group.
pub(super) fn rows(picture: &Picture<'_>, rights: &Rights) -> Vec<Row> {
    let namespaces = picture.namespaces.iter();
    let mut rules = Credentials {
        may: rights.may.clone(),
        is_in: rights.is_in.clone(),
        namespace: namespaces
            .map(|(number, _)| (NamespaceId(number),))
            .collect(),
        ..Credentials::default()
    };
    for (number, (namespace, name)) in picture.secrets.iter() {
        if let Some(name) = picture.names.find(name) {
            rules
                .secret
                .push((NameId(name), *namespace, SecretId(number)));
        }
    }
    for (number, identity) in picture.identities.iter() {
        let id = IdentityId(number);
        match identity {
            Identity::ServiceAccount { namespace, name } => {
                let known = picture
                    .names
                    .find(name)
                    .zip(picture.namespaces.find(namespace));
                if let Some((name, namespace)) = known {
                    rules
                        .account
                        .push((NameId(name), NamespaceId(namespace), id));
                }
            }
            // Without a name in a rule the number of all names does: it is only to be one.
            Identity::User(name) => {
                rules
                    .user
                    .push((NameId(picture.names.find(name).unwrap_or(0)), id));
            }
            Identity::Group(name) => {
                if let Some(name) = picture.names.find(name) {
                    rules.group.push((NameId(name), id));
                }
            }
        }
    }
    rules.run();
    rules.step
}
