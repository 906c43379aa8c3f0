//! The rights that attack rules ask for. Each is put to the access engine once for all.

use seawall_model::access::Action;

macro_rules! acts {
    ($($name:ident = $verb:literal $group:literal $resource:literal $sub:literal $place:ident,)*) => {
        /// A right that some attack needs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Act {
            $(
                #[doc = concat!("`", $verb, " ", $resource, "/", $sub, "`")]
                $name,
            )*
            /// Writes a custom resource that some controller acts on, by its place among
            /// [`Picture::customs`](crate::picture::Picture).
            Custom(Write, u16),
        }

        impl Act {
            /// All of them but those on custom resources.
            pub(crate) const ALL: &'static [Act] = &[$(Act::$name,)*];

            /// As rules of roles say it; what a custom resource is called, a picture knows.
            pub(crate) const fn action(self) -> Option<Action<'static>> {
                match self {
                    $(Act::$name => Some(Action {
                        verb: $verb,
                        group: $group,
                        resource: $resource,
                        subresource: $sub,
                    }),)*
                    Act::Custom(..) => None,
                }
            }

            /// Whether its objects are in namespaces; of a custom resource a picture knows.
            pub(crate) const fn is_namespaced(self) -> bool {
                match self {
                    $(Act::$name => acts!(@ $place),)*
                    Act::Custom(..) => true,
                }
            }
        }
    };
    (@ namespaced) => { true };
    (@ cluster) => { false };
}

/// How a custom resource is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Write {
    Create,
    Update,
    Patch,
}

impl Write {
    /// All of them.
    pub(crate) const ALL: [Write; 3] = [Write::Create, Write::Update, Write::Patch];

    /// The verb.
    pub(crate) const fn verb(self) -> &'static str {
        match self {
            Write::Create => "create",
            Write::Update => "update",
            Write::Patch => "patch",
        }
    }
}

acts! {
    // Everything.
    Everything = "*" "*" "*" "" namespaced,
    // Code in pods that run.
    CreateExec = "create" "" "pods" "exec" namespaced,
    GetExec = "get" "" "pods" "exec" namespaced,
    CreateAttach = "create" "" "pods" "attach" namespaced,
    GetAttach = "get" "" "pods" "attach" namespaced,
    CreatePortForward = "create" "" "pods" "portforward" namespaced,
    GetPortForward = "get" "" "pods" "portforward" namespaced,
    GetPodProxy = "get" "" "pods" "proxy" namespaced,
    CreatePodProxy = "create" "" "pods" "proxy" namespaced,
    GetServiceProxy = "get" "" "services" "proxy" namespaced,
    CreateServiceProxy = "create" "" "services" "proxy" namespaced,
    UpdateEphemeral = "update" "" "pods" "ephemeralcontainers" namespaced,
    PatchEphemeral = "patch" "" "pods" "ephemeralcontainers" namespaced,
    UpdatePods = "update" "" "pods" "" namespaced,
    PatchPods = "patch" "" "pods" "" namespaced,
    GetNodeProxy = "get" "" "nodes" "proxy" cluster,
    CreateNodeProxy = "create" "" "nodes" "proxy" cluster,
    CreateCheckpoint = "create" "" "nodes" "checkpoint" cluster,
    // Workloads.
    CreatePods = "create" "" "pods" "" namespaced,
    CreateControllers = "create" "" "replicationcontrollers" "" namespaced,
    UpdateControllers = "update" "" "replicationcontrollers" "" namespaced,
    PatchControllers = "patch" "" "replicationcontrollers" "" namespaced,
    CreateDeployments = "create" "apps" "deployments" "" namespaced,
    UpdateDeployments = "update" "apps" "deployments" "" namespaced,
    PatchDeployments = "patch" "apps" "deployments" "" namespaced,
    CreateDaemonSets = "create" "apps" "daemonsets" "" namespaced,
    UpdateDaemonSets = "update" "apps" "daemonsets" "" namespaced,
    PatchDaemonSets = "patch" "apps" "daemonsets" "" namespaced,
    CreateStatefulSets = "create" "apps" "statefulsets" "" namespaced,
    UpdateStatefulSets = "update" "apps" "statefulsets" "" namespaced,
    PatchStatefulSets = "patch" "apps" "statefulsets" "" namespaced,
    CreateReplicaSets = "create" "apps" "replicasets" "" namespaced,
    UpdateReplicaSets = "update" "apps" "replicasets" "" namespaced,
    PatchReplicaSets = "patch" "apps" "replicasets" "" namespaced,
    CreateJobs = "create" "batch" "jobs" "" namespaced,
    CreateCronJobs = "create" "batch" "cronjobs" "" namespaced,
    UpdateCronJobs = "update" "batch" "cronjobs" "" namespaced,
    PatchCronJobs = "patch" "batch" "cronjobs" "" namespaced,
    DeletePods = "delete" "" "pods" "" namespaced,
    DeleteAllPods = "deletecollection" "" "pods" "" namespaced,
    CreateEviction = "create" "" "pods" "eviction" namespaced,
    UpdatePodStatus = "update" "" "pods" "status" namespaced,
    PatchPodStatus = "patch" "" "pods" "status" namespaced,
    CreatePodBinding = "create" "" "pods" "binding" namespaced,
    UpdateNodes = "update" "" "nodes" "" cluster,
    PatchNodes = "patch" "" "nodes" "" cluster,
    UpdateNodeStatus = "update" "" "nodes" "status" cluster,
    PatchNodeStatus = "patch" "" "nodes" "status" cluster,
    DeleteNodes = "delete" "" "nodes" "" cluster,
    CreateNodes = "create" "" "nodes" "" cluster,
    CreatePriorityClasses = "create" "scheduling.k8s.io" "priorityclasses" "" cluster,
    // Credentials.
    GetSecrets = "get" "" "secrets" "" namespaced,
    ListSecrets = "list" "" "secrets" "" namespaced,
    WatchSecrets = "watch" "" "secrets" "" namespaced,
    CreateSecrets = "create" "" "secrets" "" namespaced,
    UpdateSecrets = "update" "" "secrets" "" namespaced,
    PatchSecrets = "patch" "" "secrets" "" namespaced,
    CreateToken = "create" "" "serviceaccounts" "token" namespaced,
    CreateAccounts = "create" "" "serviceaccounts" "" namespaced,
    CreateCsr = "create" "certificates.k8s.io" "certificatesigningrequests" "" cluster,
    GetCsr = "get" "certificates.k8s.io" "certificatesigningrequests" "" cluster,
    WatchCsr = "watch" "certificates.k8s.io" "certificatesigningrequests" "" cluster,
    ListCsr = "list" "certificates.k8s.io" "certificatesigningrequests" "" cluster,
    UpdateApproval = "update" "certificates.k8s.io" "certificatesigningrequests" "approval" cluster,
    PatchApproval = "patch" "certificates.k8s.io" "certificatesigningrequests" "approval" cluster,
    UpdateCsrStatus = "update" "certificates.k8s.io" "certificatesigningrequests" "status" cluster,
    PatchCsrStatus = "patch" "certificates.k8s.io" "certificatesigningrequests" "status" cluster,
    ApproveSigners = "approve" "certificates.k8s.io" "signers" "" cluster,
    SignSigners = "sign" "certificates.k8s.io" "signers" "" cluster,
    ImpersonateUsers = "impersonate" "" "users" "" cluster,
    ImpersonateGroups = "impersonate" "" "groups" "" cluster,
    ImpersonateAccounts = "impersonate" "" "serviceaccounts" "" namespaced,
    GetConfigMaps = "get" "" "configmaps" "" namespaced,
    ListConfigMaps = "list" "" "configmaps" "" namespaced,
    GetLogs = "get" "" "pods" "log" namespaced,
    GetNodeLogs = "get" "" "nodes" "log" cluster,
    CreateNodeClient = "create" "certificates.k8s.io" "certificatesigningrequests" "nodeclient" cluster,
    // Authorization.
    CreateBindings = "create" "rbac.authorization.k8s.io" "rolebindings" "" namespaced,
    UpdateBindings = "update" "rbac.authorization.k8s.io" "rolebindings" "" namespaced,
    PatchBindings = "patch" "rbac.authorization.k8s.io" "rolebindings" "" namespaced,
    CreateClusterBindings = "create" "rbac.authorization.k8s.io" "clusterrolebindings" "" cluster,
    UpdateClusterBindings = "update" "rbac.authorization.k8s.io" "clusterrolebindings" "" cluster,
    PatchClusterBindings = "patch" "rbac.authorization.k8s.io" "clusterrolebindings" "" cluster,
    BindClusterRoles = "bind" "rbac.authorization.k8s.io" "clusterroles" "" namespaced,
    BindRoles = "bind" "rbac.authorization.k8s.io" "roles" "" namespaced,
    CreateRoles = "create" "rbac.authorization.k8s.io" "roles" "" namespaced,
    UpdateRoles = "update" "rbac.authorization.k8s.io" "roles" "" namespaced,
    PatchRoles = "patch" "rbac.authorization.k8s.io" "roles" "" namespaced,
    EscalateRoles = "escalate" "rbac.authorization.k8s.io" "roles" "" namespaced,
    CreateClusterRoles = "create" "rbac.authorization.k8s.io" "clusterroles" "" cluster,
    UpdateClusterRoles = "update" "rbac.authorization.k8s.io" "clusterroles" "" cluster,
    PatchClusterRoles = "patch" "rbac.authorization.k8s.io" "clusterroles" "" cluster,
    EscalateClusterRoles = "escalate" "rbac.authorization.k8s.io" "clusterroles" "" cluster,
    // Admission, extension and the cluster's own objects.
    CreateMutatingWebhooks = "create" "admissionregistration.k8s.io" "mutatingwebhookconfigurations" "" cluster,
    UpdateMutatingWebhooks = "update" "admissionregistration.k8s.io" "mutatingwebhookconfigurations" "" cluster,
    PatchMutatingWebhooks = "patch" "admissionregistration.k8s.io" "mutatingwebhookconfigurations" "" cluster,
    CreateVolumes = "create" "" "persistentvolumes" "" cluster,
    UpdateNamespaces = "update" "" "namespaces" "" namespaced,
    PatchNamespaces = "patch" "" "namespaces" "" namespaced,
    CreateNamespaces = "create" "" "namespaces" "" cluster,
    // Admission policies and webhooks.
    UpdatePolicies = "update" "admissionregistration.k8s.io" "validatingadmissionpolicies" "" cluster,
    PatchPolicies = "patch" "admissionregistration.k8s.io" "validatingadmissionpolicies" "" cluster,
    DeletePolicies = "delete" "admissionregistration.k8s.io" "validatingadmissionpolicies" "" cluster,
    UpdatePolicyBindings = "update" "admissionregistration.k8s.io" "validatingadmissionpolicybindings" "" cluster,
    PatchPolicyBindings = "patch" "admissionregistration.k8s.io" "validatingadmissionpolicybindings" "" cluster,
    DeletePolicyBindings = "delete" "admissionregistration.k8s.io" "validatingadmissionpolicybindings" "" cluster,
    CreateValidatingWebhooks = "create" "admissionregistration.k8s.io" "validatingwebhookconfigurations" "" cluster,
    UpdateValidatingWebhooks = "update" "admissionregistration.k8s.io" "validatingwebhookconfigurations" "" cluster,
    PatchValidatingWebhooks = "patch" "admissionregistration.k8s.io" "validatingwebhookconfigurations" "" cluster,
    DeleteValidatingWebhooks = "delete" "admissionregistration.k8s.io" "validatingwebhookconfigurations" "" cluster,
    CreateMutations = "create" "admissionregistration.k8s.io" "mutatingadmissionpolicies" "" cluster,
    UpdateMutations = "update" "admissionregistration.k8s.io" "mutatingadmissionpolicies" "" cluster,
    PatchMutations = "patch" "admissionregistration.k8s.io" "mutatingadmissionpolicies" "" cluster,
    CreateMutationBindings = "create" "admissionregistration.k8s.io" "mutatingadmissionpolicybindings" "" cluster,
    UpdateMutationBindings = "update" "admissionregistration.k8s.io" "mutatingadmissionpolicybindings" "" cluster,
    PatchMutationBindings = "patch" "admissionregistration.k8s.io" "mutatingadmissionpolicybindings" "" cluster,
    // Extensions and the cluster's own settings.
    CreateApiServices = "create" "apiregistration.k8s.io" "apiservices" "" cluster,
    UpdateApiServices = "update" "apiregistration.k8s.io" "apiservices" "" cluster,
    PatchApiServices = "patch" "apiregistration.k8s.io" "apiservices" "" cluster,
    UpdateDefinitions = "update" "apiextensions.k8s.io" "customresourcedefinitions" "" cluster,
    PatchDefinitions = "patch" "apiextensions.k8s.io" "customresourcedefinitions" "" cluster,
    UpdateConfigMaps = "update" "" "configmaps" "" namespaced,
    PatchConfigMaps = "patch" "" "configmaps" "" namespaced,
    UpdateLeases = "update" "coordination.k8s.io" "leases" "" namespaced,
    PatchLeases = "patch" "coordination.k8s.io" "leases" "" namespaced,
    DeleteEvents = "delete" "" "events" "" namespaced,
    DeleteAllEvents = "deletecollection" "" "events" "" namespaced,
    CreateResourceClaims = "create" "resource.k8s.io" "resourceclaims" "" namespaced,
    // Network and storage.
    UpdateVolumes = "update" "" "persistentvolumes" "" cluster,
    PatchVolumes = "patch" "" "persistentvolumes" "" cluster,
    CreateSnapshotContents = "create" "snapshot.storage.k8s.io" "volumesnapshotcontents" "" cluster,
    CreateSecretProviders = "create" "secrets-store.csi.x-k8s.io" "secretproviderclasses" "" namespaced,
    CreateEndpoints = "create" "" "endpoints" "" namespaced,
    UpdateEndpoints = "update" "" "endpoints" "" namespaced,
    PatchEndpoints = "patch" "" "endpoints" "" namespaced,
    CreateEndpointSlices = "create" "discovery.k8s.io" "endpointslices" "" namespaced,
    UpdateEndpointSlices = "update" "discovery.k8s.io" "endpointslices" "" namespaced,
    PatchEndpointSlices = "patch" "discovery.k8s.io" "endpointslices" "" namespaced,
    CreateServices = "create" "" "services" "" namespaced,
    UpdateServices = "update" "" "services" "" namespaced,
    PatchServices = "patch" "" "services" "" namespaced,
    UpdateServiceStatus = "update" "" "services" "status" namespaced,
    PatchServiceStatus = "patch" "" "services" "status" namespaced,
    CreateIngresses = "create" "networking.k8s.io" "ingresses" "" namespaced,
    UpdateIngresses = "update" "networking.k8s.io" "ingresses" "" namespaced,
    PatchIngresses = "patch" "networking.k8s.io" "ingresses" "" namespaced,
    UpdateNetworkPolicies = "update" "networking.k8s.io" "networkpolicies" "" namespaced,
    PatchNetworkPolicies = "patch" "networking.k8s.io" "networkpolicies" "" namespaced,
    DeleteNetworkPolicies = "delete" "networking.k8s.io" "networkpolicies" "" namespaced,
    CreateRoutes = "create" "gateway.networking.k8s.io" "httproutes" "" namespaced,
    // Identities.
    GetPods = "get" "" "pods" "" namespaced,
    ListPods = "list" "" "pods" "" namespaced,
    CreateBareBinding = "create" "" "bindings" "" namespaced,
    ImpersonateUids = "impersonate" "authentication.k8s.io" "uids" "" cluster,
    ImpersonateScopes = "impersonate" "authentication.k8s.io" "userextras" "scopes" cluster,
    BeUserNarrowly = "impersonate:user-info" "authentication.k8s.io" "users" "" cluster,
    BeAccountNarrowly = "impersonate:serviceaccount" "authentication.k8s.io" "serviceaccounts" "" namespaced,
    CreateAsUser = "impersonate-on:user-info:create" "*" "*" "" namespaced,
    CreateAsAccount = "impersonate-on:serviceaccount:create" "*" "*" "" namespaced,
    UpdatePodCertificateStatus = "update" "certificates.k8s.io" "podcertificaterequests" "status" namespaced,
    PatchPodCertificateStatus = "patch" "certificates.k8s.io" "podcertificaterequests" "status" namespaced,
    AttestSigners = "attest" "certificates.k8s.io" "signers" "" cluster,
    CreateTrustBundles = "create" "certificates.k8s.io" "clustertrustbundles" "" cluster,
    UpdateTrustBundles = "update" "certificates.k8s.io" "clustertrustbundles" "" cluster,
    PatchTrustBundles = "patch" "certificates.k8s.io" "clustertrustbundles" "" cluster,
}
