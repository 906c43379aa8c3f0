//! What an attacker can have: the words that attack rules speak in.
//!
//! A spot is something held: code that runs in a workload, an identity, a right, a node. An
//! attack step gives one spot to whoever has all that it needs. Hubs ([`Spot::Pods`],
//! [`Spot::Secrets`], [`Spot::Accounts`]) stand for all of a kind in a scope, so that a right
//! over a thousand pods is one step and not a thousand.
//!
//! Spots are numbers, `Copy` and small: a large cluster has a million steps.

use crate::acts::Act;

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) struct $name(pub(crate) u32);

    )*};
}

numbers! {
    /// A workload, by its top owner.
    WorkloadId,
    /// A namespace.
    NamespaceId,
    /// A service account, user or group.
    IdentityId,
    /// A Secret, seen or only named.
    SecretId,
    /// A node, or the one that stands for those nobody saw.
    NodeId,
    /// A name that a rule of a role gives; [`NameId::ANY`] is all of them.
    NameId,
    /// A piece of the input that proves something.
    PlaceId,
    /// Something beyond the cluster: a role of a cloud, another cluster.
    BeyondId,
}

impl WorkloadId {
    /// Its place in the list of workloads.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl PlaceId {
    /// Its place in the list of places.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl NameId {
    /// All names.
    pub(crate) const ANY: NameId = NameId(0);
}

/// Where a right counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// In the whole cluster.
    All,
    /// In a namespace.
    In(NamespaceId),
}

/// One of several rights that serve the same purpose, for rules that need more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Able {
    /// Starts pods with a specification of one's own choice.
    StartPods,
    /// Writes Secrets.
    WriteSecrets,
    /// Reads Secrets.
    ReadSecrets,
    /// Writes RoleBindings.
    WriteBindings,
    /// Writes ClusterRoleBindings.
    WriteClusterBindings,
    /// May refer to a role in a binding that is worth a namespace.
    BindAdmin,
    /// May refer to `cluster-admin` in a binding.
    BindClusterAdmin,
    /// Writes Roles.
    WriteRoles,
    /// May write more into a Role than one has.
    EscalateRoles,
    /// Writes ClusterRoles.
    WriteClusterRoles,
    /// May write more into a ClusterRole than one has.
    EscalateClusterRoles,
    /// Asks for a certificate.
    AskCertificate,
    /// Writes an approval under a certificate request.
    WriteApproval,
    /// May approve for the signer of client certificates.
    ApproveClients,
    /// Fetches an issued certificate.
    FetchCertificate,
    /// Impersonates users.
    BeUser,
    /// Impersonates groups.
    BeGroup,
    /// Changes a namespace's labels.
    LabelNamespace,
    /// Makes namespaces.
    MakeNamespaces,
    /// Makes persistent volumes.
    MakeVolumes,
    /// Drives pods from where they are.
    EvictPods,
    /// Marks nodes so that nothing is scheduled there.
    MarkNodes,
    /// Writes a mutating admission policy.
    WriteMutations,
    /// Writes the binding of a mutating admission policy.
    BindMutations,
    /// Makes service accounts.
    MakeAccounts,
    /// Takes admission policies away, or what binds them.
    RemovePolicies,
    /// Takes validating webhooks away.
    RemoveWebhooks,
    /// Changes the subjects of RoleBindings.
    ChangeBindings,
    /// Changes Roles that are there.
    ChangeRoles,
    /// May refer to a Role in a binding.
    BindRoles,
    /// May approve for the signer of kubelets' certificates.
    ApproveKubelets,
    /// Writes what a certificate request is answered with.
    WriteCertificate,
    /// May sign for some signer.
    Sign,
    /// Writes what a pod's certificate request is answered with.
    WritePodCertificate,
    /// Writes bundles of certificates that pods trust.
    WriteTrust,
    /// May vouch for bundles of some signer.
    Attest,
    /// Has the certificate of any kubelet.
    BeKubelet,
    /// Has root on some node.
    HaveNode,
    /// Impersonates users in the narrow way, for all that they do.
    ActAsUser,
    /// Impersonates service accounts in the narrow way, for all that they do.
    ActAsAccount,
    /// Sends the traffic of Services elsewhere.
    RedirectServices,
}

/// What else an attacker gains: nothing that leads on by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// Reads or redirects traffic of others.
    Traffic,
    /// Stays, or comes back.
    Persistence,
    /// Is not seen.
    Evasion,
    /// Stops what runs.
    Disruption,
    /// Reads memory that other processes share.
    Memory,
    /// Reads and changes what an application keeps.
    Data,
}

/// Something an attacker can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Spot {
    /// A connection to the internet, which everybody has.
    Internet,
    /// A way to send something to a workload's ports.
    Door(WorkloadId),
    /// Code that runs in a workload's containers.
    Workload(WorkloadId),
    /// The credentials of an identity.
    Identity(IdentityId),
    /// What a role gives where it is bound.
    Permissions(u32),
    /// A right.
    May(Act, Scope, NameId),
    /// One of several rights that serve one purpose.
    Able(Able, Scope),
    /// Code in any pod of a scope.
    Pods(Scope),
    /// Any service account of a scope.
    Accounts(Scope),
    /// The content of any Secret of a scope.
    Secrets(Scope),
    /// The content of a Secret.
    Secret(SecretId),
    /// Root on a node.
    Node(NodeId),
    /// Root on any node of one's choice.
    Nodes,
    /// Every file of a node, to read.
    Files(NodeId),
    /// What the kubelet keeps on a node for its pods: their tokens, Secrets and ConfigMaps.
    Volumes(NodeId),
    /// Code in any pod of a node.
    PodsOf(NodeId),
    /// A connection to a port of the nodes, from a pod.
    Inside(u16),
    /// Every right of a scope; of the whole cluster: its administration.
    Admin(Scope),
    /// Something beyond the cluster.
    Beyond(BeyondId),
    /// A gain that leads no further.
    Effect(Effect, Scope),
}
