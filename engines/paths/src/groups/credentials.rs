//! E. Rights that are as good as credentials.

use super::{Rights, Row, covers, loose};
use crate::acts::Act;
use crate::graph::{Because, Ease, Needs};
use crate::picture::Picture;
use crate::spot::{Able, Effect, IdentityId, NameId, NamespaceId, Scope, SecretId, Spot};
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
    // Since 1.36 also in a narrow way, that is as wide as the old one where it is for all.
    step(Id::IMPERSONATE_USER, Needs::two(Spot::May(Act::BeUserNarrowly, Scope::All, *name), Spot::Able(Able::ActAsUser, Scope::All)), Spot::Identity(*user), Ease::Easy, Because::Nature) <--
        version(v), if *v >= 36,
        may(act, scope, name), if *act == Act::BeUserNarrowly && *scope == Scope::All,
        user(known, user), if covers(*name, *known);
    step(Id::IMPERSONATE_SA, Needs::two(Spot::May(Act::BeAccountNarrowly, *scope, *any), Spot::Able(Able::ActAsAccount, Scope::All)), Spot::Accounts(*scope), Ease::Easy, Because::Nature) <--
        version(v), if *v >= 36,
        may(act, scope, any), if *act == Act::BeAccountNarrowly && *any == NameId::ANY;
    step(Id::IMPERSONATE_SA, Needs::two(Spot::May(Act::BeAccountNarrowly, *scope, *name), Spot::Able(Able::ActAsAccount, Scope::All)), Spot::Identity(*account), Ease::Easy, Because::Nature) <--
        version(v), if *v >= 36,
        may(act, scope, name), if *act == Act::BeAccountNarrowly,
        account(name, space, account),
        is_in(space, scope);
    relation version(u16);
    step(Id::IMPERSONATE_GROUP, Needs::two(Spot::Able(Able::BeUser, Scope::All), Spot::Able(Able::BeGroup, Scope::All)), Spot::Admin(Scope::All), Ease::Easy, Because::Nature);
    step(Id::IMPERSONATE_GROUP, Needs::two(Spot::Able(Able::BeUser, Scope::All), Spot::May(Act::ImpersonateGroups, Scope::All, *name)), Spot::Identity(*group), Ease::Easy, Because::Nature) <--
        may(act, scope, name), if *act == Act::ImpersonateGroups && *scope == Scope::All,
        group(name, group);

    // IMPERSONATE_UID_EXTRA: what authorizers and policies outside of RBAC decide by.
    step(Id::IMPERSONATE_UID_EXTRA, Needs::two(Spot::May(*act, Scope::All, *name), Spot::Able(Able::BeUser, Scope::All)), Spot::Effect(Effect::Evasion, Scope::All), Ease::Skilled, Because::Nature) <--
        may(act, scope, name), if *scope == Scope::All && matches!(act, Act::ImpersonateUids | Act::ImpersonateScopes);

    // BOOTSTRAP_CREATE: a token that may ask for a kubelet's certificate, which is approved.
    relation bootstraps(Spot, Because);
    relation system(NamespaceId);
    step(Id::BOOTSTRAP_CREATE, Needs::one(Spot::May(Act::CreateSecrets, *scope, *any)), Spot::Able(Able::BeKubelet, Scope::All), Ease::Easy, *because) <--
        bootstraps(_, because),
        system(space),
        is_in(space, scope),
        may(act, scope, any), if *act == Act::CreateSecrets && *any == NameId::ANY;

    // CSR_KUBELET: approved by oneself, or by itself.
    step(Id::CSR_KUBELET, Needs::all(KUBELET), Spot::Able(Able::BeKubelet, Scope::All), Ease::Easy, Because::Nature) <--
        signs(able), if *able == Able::ApproveKubelets;
    step(Id::CSR_KUBELET, Needs::one(*group), Spot::Able(Able::BeKubelet, Scope::All), Ease::Easy, *because) <--
        bootstraps(group, because);

    // CSR_SIGN, PODCERT_SIGN: certificates that somebody trusts.
    relation signs(Able);
    step(Id::CSR_SIGN, Needs::two(Spot::Able(Able::WriteCertificate, Scope::All), Spot::Able(Able::Sign, Scope::All)), Spot::Effect(Effect::Traffic, Scope::All), Ease::Skilled, Because::Nature) <--
        signs(able), if *able == Able::Sign;
    step(Id::PODCERT_SIGN, Needs::two(Spot::Able(Able::WritePodCertificate, *scope), Spot::Able(Able::Sign, Scope::All)), Spot::Effect(Effect::Traffic, *scope), Ease::Skilled, Because::Nature) <--
        version(v), if *v >= 37,
        signs(able), if *able == Able::Sign,
        may(act, scope, _), if matches!(act, Act::UpdatePodCertificateStatus | Act::PatchPodCertificateStatus);
    step(Id::PODCERT_SIGN, Needs::two(Spot::Able(Able::WriteTrust, Scope::All), Spot::Able(Able::Attest, Scope::All)), Spot::Effect(Effect::Traffic, Scope::All), Ease::Skilled, Because::Nature) <--
        version(v), if *v >= 37,
        signs(able), if *able == Able::Attest;

    // CONFIGMAP_READ_CRED, PODSPEC_READ_CRED: passwords where nobody guards them.
    relation config_map(NameId, NamespaceId, Spot, Because);
    relation pod_spec(NamespaceId, Spot, Because);
    step(Id::CONFIGMAP_READ_CRED, Needs::one(Spot::May(*act, *scope, *name)), *beyond, Ease::Easy, *because) <--
        config_map(object, space, beyond, because),
        is_in(space, scope),
        may(act, scope, name), if covers(*name, *object) && matches!(act, Act::GetConfigMaps | Act::ListConfigMaps);
    step(Id::PODSPEC_READ_CRED, Needs::one(Spot::May(*act, *scope, *any)), *beyond, Ease::Easy, *because) <--
        pod_spec(space, beyond, because),
        is_in(space, scope),
        may(act, scope, any), if *any == NameId::ANY && matches!(act, Act::GetPods | Act::ListPods);
}

/// What it takes to make a certificate for any kubelet.
const KUBELET: [Spot; 4] = [
    Spot::Able(Able::AskCertificate, Scope::All),
    Spot::Able(Able::WriteApproval, Scope::All),
    Spot::Able(Able::ApproveKubelets, Scope::All),
    Spot::Able(Able::FetchCertificate, Scope::All),
];

/// What it takes to make a certificate for any user.
const CERTIFICATE: [Spot; 4] = [
    Spot::Able(Able::AskCertificate, Scope::All),
    Spot::Able(Able::WriteApproval, Scope::All),
    Spot::Able(Able::ApproveClients, Scope::All),
    Spot::Able(Able::FetchCertificate, Scope::All),
];

/// The steps of this group.
pub(super) fn rows(picture: &mut Picture<'_>, rights: &Rights) -> Vec<Row> {
    let system = picture.namespace("kube-system");
    let config_map = loose::config_maps(picture);
    let pod_spec = loose::pod_specs(picture);
    let namespaces = picture.namespaces.iter();
    let mut rules = Credentials {
        version: vec![(picture.version,)],
        system: vec![(system,)],
        bootstraps: bootstraps(picture),
        signs: signs(rights),
        config_map,
        pod_spec,
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

/// Groups of bootstrap tokens that may ask for kubelets' certificates and get them unasked.
fn bootstraps(picture: &Picture<'_>) -> Vec<(Spot, Because)> {
    const ASKS: &str = "system:node-bootstrapper";
    const APPROVED: &str = "system:certificates.k8s.io:certificatesigningrequests:nodeclient";
    let has = |group: &Identity, role: &str| {
        let mut bindings = (0u32..).zip(picture.bindings);
        let bound = bindings.find(|(_, bound)| {
            let set = picture.sets.get(bound.set.0 as usize);
            bound.subject == *group && set.is_some_and(|set| &*set.role.name == role)
        });
        bound.map(|(number, _)| number)
    };
    let groups = picture.identities.iter().filter(|(_, identity)| {
        matches!(identity, Identity::Group(name) if name.starts_with("system:bootstrappers"))
    });
    let trusted = groups.filter_map(|(number, group)| {
        has(group, ASKS)?;
        let because = Because::Binding(has(group, APPROVED)?);
        Some((Spot::Identity(IdentityId(number)), because))
    });
    trusted.collect()
}

/// What somebody may do for signers: without it there is no step to tell of.
fn signs(rights: &Rights) -> Vec<(Able,)> {
    let table = [
        (Act::ApproveSigners, Able::ApproveKubelets),
        (Act::SignSigners, Able::Sign),
        (Act::AttestSigners, Able::Attest),
    ];
    let has = |act: Act| rights.may.iter().any(|(one, ..)| *one == act);
    let known = table.into_iter().filter(|(act, _)| has(*act));
    known.map(|(_, able)| (able,)).collect()
}
