//! What hubs stand for, and rights that serve one purpose: steps that are none.

use super::{Rights, Row};
use crate::acts::Act;
use crate::graph::{Because, Ease, Needs, Step};
use crate::picture::Picture;
use crate::spot::{Able, IdentityId, NameId, NamespaceId, NodeId, Scope, SecretId, Spot};
use crate::techniques::Id;
use seawall_model::access::Identity;

/// All of them.
pub(super) fn steps(picture: &Picture<'_>, rights: &Rights, rows: &[Row]) -> Vec<Step> {
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
            && !picture.is_missing(IdentityId(number))
        {
            let hub = Spot::Accounts(Scope::In(NamespaceId(namespace)));
            give(hub, Spot::Identity(IdentityId(number)));
        }
    }
    let any = Spot::Able(Able::HaveNode, Scope::All);
    for (number, _) in picture.nodes.iter() {
        give(Spot::Node(NodeId(number)), any);
    }
    give(Spot::Nodes, any);
    // A kubelet may ask for the tokens and read the Secrets of the pods on its node.
    let kubelet = Spot::Able(Able::BeKubelet, Scope::All);
    if rows.iter().any(|(_, _, gives, _, _)| *gives == kubelet) {
        for (_, workload) in picture.workload_ids() {
            give(kubelet, Spot::Identity(workload.account));
        }
        let mounted = rows.iter().filter(|row| row.0 == Id::POD_MOUNTED_SECRET);
        for (_, _, secret, _, _) in mounted {
            give(kubelet, *secret);
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
        Able::ApproveKubelets => KUBELET_SIGNERS.contains(&&**name),
        Able::BindClusterAdmin => &**name == "cluster-admin",
        Able::BindAdmin => matches!(&**name, "cluster-admin" | "admin" | "edit"),
        Able::ApproveClients => CLIENT_SIGNERS.contains(&&**name),
        Able::BeGroup => &**name == "system:masters",
        // Any user will do to name a group; any signer is trusted by somebody.
        Able::BeUser | Able::Sign | Able::Attest => true,
        _ => false,
    };
    serves.then_some(scope)
}

/// Signers whose certificates the API server takes, as rules of roles name them.
const CLIENT_SIGNERS: [&str; 2] = ["kubernetes.io/kube-apiserver-client", "kubernetes.io/*"];

/// Those whose certificates are kubelets'.
const KUBELET_SIGNERS: [&str; 2] = [
    "kubernetes.io/kube-apiserver-client-kubelet",
    "kubernetes.io/*",
];

/// Rights that a rule needs in one namespace together with others: who has them everywhere has
/// them there.
const IN_EACH_NAMESPACE: [Able; 12] = [
    Able::ChangeBindings,
    Able::ChangeRoles,
    Able::BindRoles,
    Able::MakeAccounts,
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
    (Act::UpdateBindings, Able::ChangeBindings),
    (Act::PatchBindings, Able::ChangeBindings),
    (Act::CreateClusterBindings, Able::WriteClusterBindings),
    (Act::UpdateClusterBindings, Able::WriteClusterBindings),
    (Act::PatchClusterBindings, Able::WriteClusterBindings),
    (Act::BindRoles, Able::BindRoles),
    (Act::BindClusterRoles, Able::BindAdmin),
    (Act::BindClusterRoles, Able::BindClusterAdmin),
    (Act::CreateRoles, Able::WriteRoles),
    (Act::UpdateRoles, Able::ChangeRoles),
    (Act::PatchRoles, Able::ChangeRoles),
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
    (Act::CreateMutations, Able::WriteMutations),
    (Act::CreateMutationBindings, Able::BindMutations),
    (Act::CreateTrustBundles, Able::WriteTrust),
    (Act::CreateEndpointSlices, Able::RedirectServices),
    (Act::CreateEndpoints, Able::RedirectServices),
    (Act::CreateServices, Able::RedirectServices),
    (Act::UpdateMutations, Able::WriteMutations),
    (Act::UpdateMutationBindings, Able::BindMutations),
    (Act::UpdateTrustBundles, Able::WriteTrust),
    (Act::UpdateEndpointSlices, Able::RedirectServices),
    (Act::UpdateEndpoints, Able::RedirectServices),
    (Act::UpdateServices, Able::RedirectServices),
    (Act::PatchMutations, Able::WriteMutations),
    (Act::PatchMutationBindings, Able::BindMutations),
    (Act::PatchTrustBundles, Able::WriteTrust),
    (Act::PatchEndpointSlices, Able::RedirectServices),
    (Act::PatchEndpoints, Able::RedirectServices),
    (Act::PatchServices, Able::RedirectServices),
    (Act::DeletePolicies, Able::RemovePolicies),
    (Act::DeletePolicyBindings, Able::RemovePolicies),
    (Act::DeleteValidatingWebhooks, Able::RemoveWebhooks),
    (Act::UpdatePolicies, Able::RemovePolicies),
    (Act::UpdatePolicyBindings, Able::RemovePolicies),
    (Act::UpdateValidatingWebhooks, Able::RemoveWebhooks),
    (Act::PatchPolicies, Able::RemovePolicies),
    (Act::PatchPolicyBindings, Able::RemovePolicies),
    (Act::PatchValidatingWebhooks, Able::RemoveWebhooks),
    (Act::UpdateCsrStatus, Able::WriteCertificate),
    (Act::UpdatePodCertificateStatus, Able::WritePodCertificate),
    (Act::PatchCsrStatus, Able::WriteCertificate),
    (Act::PatchPodCertificateStatus, Able::WritePodCertificate),
    (Act::ApproveSigners, Able::ApproveKubelets),
    (Act::SignSigners, Able::Sign),
    (Act::AttestSigners, Able::Attest),
    (Act::CreateNamespaces, Able::MakeNamespaces),
    (Act::CreateVolumes, Able::MakeVolumes),
    (Act::CreateAccounts, Able::MakeAccounts),
    (Act::CreateAsUser, Able::ActAsUser),
    (Act::CreateAsAccount, Able::ActAsAccount),
];
