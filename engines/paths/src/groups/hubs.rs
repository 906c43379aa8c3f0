//! What hubs stand for, and rights that serve one purpose: steps that are none.

use super::Rights;
use crate::acts::Act;
use crate::graph::{Because, Ease, Needs, Step};
use crate::picture::Picture;
use crate::spot::{Able, IdentityId, NameId, NamespaceId, NodeId, Scope, SecretId, Spot};
use seawall_model::access::Identity;

/// All of them.
pub(super) fn steps(picture: &Picture<'_>, rights: &Rights) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut give = |needs: Spot, gives: Spot| {
        steps.push(Step {
            technique: None,
            needs: Needs::one(needs),
            gives,
            ease: Ease::Given,
            because: Because::Nature,
        });
    };
    for (number, _) in picture.namespaces.iter() {
        let scope = Scope::In(NamespaceId(number));
        for hub in [Spot::Pods, Spot::Secrets, Spot::Accounts] {
            give(hub(Scope::All), hub(scope));
            give(Spot::Admin(scope), hub(scope));
        }
        give(Spot::Admin(scope), Spot::Able(Able::StartPods, scope));
        for able in IN_EACH_NAMESPACE {
            give(Spot::Able(able, Scope::All), Spot::Able(able, scope));
        }
    }
    for (id, port) in &picture.inside {
        give(Spot::Workload(*id), Spot::Inside(*port));
    }
    for (number, _) in picture.nodes.iter() {
        let node = NodeId(number);
        for hub in [Spot::Files, Spot::PodsOf] {
            give(Spot::Node(node), hub(node));
        }
        give(Spot::Files(node), Spot::Volumes(node));
        give(Spot::Nodes, Spot::Node(node));
    }
    for (id, workload) in picture.workload_ids() {
        give(
            Spot::Pods(Scope::In(workload.namespace)),
            Spot::Workload(id),
        );
    }
    for (number, (namespace, _)) in picture.secrets.iter() {
        let hub = Spot::Secrets(Scope::In(*namespace));
        give(hub, Spot::Secret(SecretId(number)));
    }
    for (number, identity) in picture.identities.iter() {
        if let Identity::ServiceAccount { namespace, .. } = identity
            && let Some(namespace) = picture.namespaces.find(namespace)
        {
            let hub = Spot::Accounts(Scope::In(NamespaceId(namespace)));
            give(hub, Spot::Identity(IdentityId(number)));
        }
    }
    for (act, scope, name) in &rights.may {
        for (_, able) in PURPOSES.iter().filter(|(purpose, _)| purpose == act) {
            if let Some(counts) = scope_for(picture, *able, *scope, *name) {
                give(Spot::May(*act, *scope, *name), Spot::Able(*able, counts));
            }
        }
    }
    steps
}

/// Where a right serves a purpose. One that is limited to names serves it only if one of them
/// is enough.
fn scope_for(picture: &Picture<'_>, able: Able, scope: Scope, name: NameId) -> Option<Scope> {
    if name == NameId::ANY {
        return Some(scope);
    }
    let name = picture.names.get(name.0)?;
    let serves = match able {
        Able::LabelNamespace => {
            let namespace = picture.namespaces.find(name)?;
            return Some(Scope::In(NamespaceId(namespace)));
        }
        Able::BindClusterAdmin => &**name == "cluster-admin",
        Able::BindAdmin => matches!(&**name, "cluster-admin" | "admin" | "edit"),
        Able::ApproveClients => CLIENT_SIGNERS.contains(&&**name),
        Able::BeGroup => &**name == "system:masters",
        // Any user will do to name a group.
        Able::BeUser => true,
        _ => false,
    };
    serves.then_some(scope)
}

/// Signers whose certificates the API server takes, as rules of roles name them.
const CLIENT_SIGNERS: [&str; 2] = ["kubernetes.io/kube-apiserver-client", "kubernetes.io/*"];

/// Rights that a rule needs in one namespace together with others: who has them everywhere has
/// them there.
const IN_EACH_NAMESPACE: [Able; 8] = [
    Able::StartPods,
    Able::WriteSecrets,
    Able::ReadSecrets,
    Able::WriteBindings,
    Able::BindAdmin,
    Able::WriteRoles,
    Able::EscalateRoles,
    Able::LabelNamespace,
];

/// Which right serves which purpose.
const PURPOSES: &[(Act, Able)] = &[
    (Act::CreatePods, Able::StartPods),
    (Act::CreateControllers, Able::StartPods),
    (Act::CreateDeployments, Able::StartPods),
    (Act::CreateDaemonSets, Able::StartPods),
    (Act::CreateStatefulSets, Able::StartPods),
    (Act::CreateReplicaSets, Able::StartPods),
    (Act::CreateJobs, Able::StartPods),
    (Act::CreateCronJobs, Able::StartPods),
    (Act::CreateSecrets, Able::WriteSecrets),
    (Act::UpdateSecrets, Able::WriteSecrets),
    (Act::PatchSecrets, Able::WriteSecrets),
    (Act::GetSecrets, Able::ReadSecrets),
    (Act::ListSecrets, Able::ReadSecrets),
    (Act::WatchSecrets, Able::ReadSecrets),
    (Act::CreateBindings, Able::WriteBindings),
    (Act::UpdateBindings, Able::WriteBindings),
    (Act::PatchBindings, Able::WriteBindings),
    (Act::CreateClusterBindings, Able::WriteClusterBindings),
    (Act::UpdateClusterBindings, Able::WriteClusterBindings),
    (Act::PatchClusterBindings, Able::WriteClusterBindings),
    (Act::BindClusterRoles, Able::BindAdmin),
    (Act::BindClusterRoles, Able::BindClusterAdmin),
    (Act::CreateRoles, Able::WriteRoles),
    (Act::UpdateRoles, Able::WriteRoles),
    (Act::PatchRoles, Able::WriteRoles),
    (Act::EscalateRoles, Able::EscalateRoles),
    (Act::CreateClusterRoles, Able::WriteClusterRoles),
    (Act::UpdateClusterRoles, Able::WriteClusterRoles),
    (Act::PatchClusterRoles, Able::WriteClusterRoles),
    (Act::EscalateClusterRoles, Able::EscalateClusterRoles),
    (Act::CreateCsr, Able::AskCertificate),
    (Act::UpdateApproval, Able::WriteApproval),
    (Act::PatchApproval, Able::WriteApproval),
    (Act::ApproveSigners, Able::ApproveClients),
    (Act::GetCsr, Able::FetchCertificate),
    (Act::ListCsr, Able::FetchCertificate),
    (Act::WatchCsr, Able::FetchCertificate),
    (Act::ImpersonateUsers, Able::BeUser),
    (Act::ImpersonateGroups, Able::BeGroup),
    (Act::UpdateNamespaces, Able::LabelNamespace),
    (Act::PatchNamespaces, Able::LabelNamespace),
    (Act::DeletePods, Able::EvictPods),
    (Act::DeleteAllPods, Able::EvictPods),
    (Act::CreateEviction, Able::EvictPods),
    (Act::UpdatePodStatus, Able::EvictPods),
    (Act::PatchPodStatus, Able::EvictPods),
    (Act::DeleteNodes, Able::EvictPods),
    (Act::UpdateNodes, Able::MarkNodes),
    (Act::PatchNodes, Able::MarkNodes),
    (Act::UpdateNodeStatus, Able::MarkNodes),
    (Act::PatchNodeStatus, Able::MarkNodes),
];
