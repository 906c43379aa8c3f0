//! The catalogue of attack techniques: one entry for each way to get from one thing to the
//! next, by what it is called, why it works and what takes it away.
//!
//! The rules that find them stand in `groups`, under the same names. Techniques are told by
//! `seawall explain`, and each step of a path names its own.

mod authorization;
mod cloud;
mod credentials;
mod entries;
mod escapes;
mod execution;
mod extension;
mod host_paths;
mod identity;
mod nodes;
mod objects;
mod operators;
mod workloads;

use seawall_model::catalogue::{Entry, mitre};
use seawall_model::{Area, Reference, Rule, Severity};
use std::sync::LazyLock;

seawall_model::rule_ids! {
    catalogue;
    // A. Entry points.
    ENTRY_LB = "ENTRY_LB",
    ENTRY_INGRESS = "ENTRY_INGRESS",
    ENTRY_NODEPORT = "ENTRY_NODEPORT",
    ENTRY_HOSTNET = "ENTRY_HOSTNET",
    ENTRY_VULN_RCE = "ENTRY_VULN_RCE",
    ENTRY_UNAUTH_APP = "ENTRY_UNAUTH_APP",
    ENTRY_ANON_RBAC = "ENTRY_ANON_RBAC",
    ENTRY_ANY_AUTHENTICATED = "ENTRY_ANY_AUTHENTICATED",
    ENTRY_KUBELET_ANON = "ENTRY_KUBELET_ANON",
    ENTRY_ETCD_OPEN = "ENTRY_ETCD_OPEN",
    ENTRY_LEAKED_CRED = "ENTRY_LEAKED_CRED",
    ENTRY_COMPROMISED_POD = "ENTRY_COMPROMISED_POD",
    // B. Identities.
    POD_SA_TOKEN = "POD_SA_TOKEN",
    POD_MOUNTED_SECRET = "POD_MOUNTED_SECRET",
    SECRET_IS_SA_TOKEN = "SECRET_IS_SA_TOKEN",
    SECRET_IS_KUBECONFIG = "SECRET_IS_KUBECONFIG",
    SECRET_IS_CLOUD_KEY = "SECRET_IS_CLOUD_KEY",
    SECRET_IS_BOOTSTRAP = "SECRET_IS_BOOTSTRAP",
    SECRET_IS_CA = "SECRET_IS_CA",
    IDENTITY_HAS_PERM = "IDENTITY_HAS_PERM",
    GROUP_MEMBER = "GROUP_MEMBER",
    // C. Code in pods that run.
    POD_EXEC = "POD_EXEC",
    POD_ATTACH_API = "POD_ATTACH_API",
    POD_PORTFORWARD = "POD_PORTFORWARD",
    POD_PROXY = "POD_PROXY",
    POD_EPHEMERAL = "POD_EPHEMERAL",
    POD_PATCH_IMAGE = "POD_PATCH_IMAGE",
    NODE_PROXY = "NODE_PROXY",
    NODE_CHECKPOINT = "NODE_CHECKPOINT",
    SHARED_VOLUME = "SHARED_VOLUME",
    // D. Workloads.
    POD_CREATE_NODE = "POD_CREATE_NODE",
    POD_CREATE_SA = "POD_CREATE_SA",
    POD_CREATE_SECRET = "POD_CREATE_SECRET",
    WORKLOAD_UPDATE = "WORKLOAD_UPDATE",
    STEAL_PODS = "STEAL_PODS",
    CRONJOB_PERSIST = "CRONJOB_PERSIST",
    STATIC_POD = "STATIC_POD",
    MIRROR_POD_KUBELET_CRED = "MIRROR_POD_KUBELET_CRED",
    POD_BINDING = "POD_BINDING",
    PRIORITY_PREEMPT = "PRIORITY_PREEMPT",
    POD_LABEL_HIJACK = "POD_LABEL_HIJACK",
    // E. Credentials.
    SECRET_LIST = "SECRET_LIST",
    SECRET_GET = "SECRET_GET",
    TOKEN_REQUEST = "TOKEN_REQUEST",
    TOKEN_SECRET_CREATE = "TOKEN_SECRET_CREATE",
    CSR_CLIENT = "CSR_CLIENT",
    IMPERSONATE_USER = "IMPERSONATE_USER",
    IMPERSONATE_GROUP = "IMPERSONATE_GROUP",
    IMPERSONATE_SA = "IMPERSONATE_SA",
    IMPERSONATE_UID_EXTRA = "IMPERSONATE_UID_EXTRA",
    BOOTSTRAP_CREATE = "BOOTSTRAP_CREATE",
    CSR_SIGN = "CSR_SIGN",
    CSR_KUBELET = "CSR_KUBELET",
    PODCERT_SIGN = "PODCERT_SIGN",
    CONFIGMAP_READ_CRED = "CONFIGMAP_READ_CRED",
    PODSPEC_READ_CRED = "PODSPEC_READ_CRED",
    // F. Authorization.
    ROLE_ESCALATE = "ROLE_ESCALATE",
    ROLE_BIND = "ROLE_BIND",
    AGGREGATION_INJECT = "AGGREGATION_INJECT",
    WILDCARD_ADMIN = "WILDCARD_ADMIN",
    NS_LABEL_PSA = "NS_LABEL_PSA",
    BINDING_ADD_SUBJECT = "BINDING_ADD_SUBJECT",
    DANGLING_ROLE = "DANGLING_ROLE",
    CONTROLLER_SA_TAKEOVER = "CONTROLLER_SA_TAKEOVER",
    // G. Admission and extensions.
    WEBHOOK_MUTATE = "WEBHOOK_MUTATE",
    WEBHOOK_VALIDATE = "WEBHOOK_VALIDATE",
    WEBHOOK_ENDPOINT_TAMPER = "WEBHOOK_ENDPOINT_TAMPER",
    MAP_MUTATE = "MAP_MUTATE",
    POLICY_REMOVE = "POLICY_REMOVE",
    NS_LABEL_NETPOL = "NS_LABEL_NETPOL",
    NS_CREATE_FRESH = "NS_CREATE_FRESH",
    APISERVICE_HIJACK = "APISERVICE_HIJACK",
    CRD_CONVERSION = "CRD_CONVERSION",
    REQHEADER_CM = "REQHEADER_CM",
    COREDNS_CM = "COREDNS_CM",
    KUBEADM_CM = "KUBEADM_CM",
    AWS_AUTH_CM = "AWS_AUTH_CM",
    CM_TAINT = "CM_TAINT",
    LEASE_HIJACK = "LEASE_HIJACK",
    EVENT_DELETE = "EVENT_DELETE",
    DRA_ADMIN = "DRA_ADMIN",
    // H. Network, storage, nodes.
    PV_HOSTPATH = "PV_HOSTPATH",
    PV_CLAIMREF = "PV_CLAIMREF",
    SNAPSHOT_STEAL = "SNAPSHOT_STEAL",
    CSI_INLINE = "CSI_INLINE",
    ENDPOINT_REDIRECT = "ENDPOINT_REDIRECT",
    SERVICE_EXTERNALIP = "SERVICE_EXTERNALIP",
    INGRESS_SNIPPET = "INGRESS_SNIPPET",
    INGRESS_ADMISSION_RCE = "INGRESS_ADMISSION_RCE",
    NETPOL_DELETE = "NETPOL_DELETE",
    GATEWAY_ATTACH = "GATEWAY_ATTACH",
    NODE_LABEL = "NODE_LABEL",
    NODE_ADDR_SPOOF = "NODE_ADDR_SPOOF",
    NODE_CREATE_FAKE = "NODE_CREATE_FAKE",
    // I. Operators.
    OP_ARGO_WF = "OP_ARGO_WF",
    OP_ARGOCD_APP = "OP_ARGOCD_APP",
    OP_FLUX = "OP_FLUX",
    OP_TEKTON = "OP_TEKTON",
    OP_HELM_K3S = "OP_HELM_K3S",
    OP_OLM = "OP_OLM",
    OP_CROSSPLANE = "OP_CROSSPLANE",
    OP_CAPI = "OP_CAPI",
    OP_KARPENTER = "OP_KARPENTER",
    OP_KUBEVIRT = "OP_KUBEVIRT",
    OP_KYVERNO = "OP_KYVERNO",
    OP_GATEKEEPER_MUT = "OP_GATEKEEPER_MUT",
    OP_ISTIO = "OP_ISTIO",
    OP_CERTMANAGER = "OP_CERTMANAGER",
    OP_ESO = "OP_ESO",
    OP_VSO_SPC = "OP_VSO_SPC",
    OP_VELERO = "OP_VELERO",
    OP_PROMETHEUS = "OP_PROMETHEUS",
    OP_KEDA = "OP_KEDA",
    OP_KNATIVE = "OP_KNATIVE",
    OP_SPARK_ETC = "OP_SPARK_ETC",
    OP_RANCHER = "OP_RANCHER",
    OP_SEALEDSECRETS = "OP_SEALEDSECRETS",
    // J. Out of a container.
    CE_PRIV_MOUNT = "CE_PRIV_MOUNT",
    CE_PRIV_NSENTER = "CE_PRIV_NSENTER",
    CE_NSENTER_CAPS = "CE_NSENTER_CAPS",
    CE_SYS_PTRACE = "CE_SYS_PTRACE",
    CE_PROC_ROOT = "CE_PROC_ROOT",
    CE_MODULE_LOAD = "CE_MODULE_LOAD",
    CE_CGROUP_RELEASE = "CE_CGROUP_RELEASE",
    CE_SYS_ADMIN_MISC = "CE_SYS_ADMIN_MISC",
    CE_DAC_READ = "CE_DAC_READ",
    CE_BPF = "CE_BPF",
    CE_RAWIO = "CE_RAWIO",
    CE_DEV_BLOCK = "CE_DEV_BLOCK",
    CE_NET_ADMIN_HOST = "CE_NET_ADMIN_HOST",
    CE_NET_RAW = "CE_NET_RAW",
    CE_HOSTIPC = "CE_HOSTIPC",
    CE_HOSTPROCESS = "CE_HOSTPROCESS",
    CE_PROCMOUNT = "CE_PROCMOUNT",
    CE_UNCONFINED_KERNEL = "CE_UNCONFINED_KERNEL",
    CE_RUNTIME_CVE = "CE_RUNTIME_CVE",
    CE_GITREPO = "CE_GITREPO",
    // J2. By a path of the node.
    HP_ALL = "HP_ALL",
    HP_ETC = "HP_ETC",
    HP_ETC_SHADOW = "HP_ETC_SHADOW",
    HP_ROOT = "HP_ROOT",
    HP_ROOT_KUBE = "HP_ROOT_KUBE",
    HP_ETC_KUBERNETES = "HP_ETC_KUBERNETES",
    HP_VAR_LIB_KUBELET = "HP_VAR_LIB_KUBELET",
    HP_VAR_LIB_KUBELET_PKI = "HP_VAR_LIB_KUBELET_PKI",
    HP_VAR_LIB_KUBELET_PLUGINS = "HP_VAR_LIB_KUBELET_PLUGINS",
    HP_VAR_LIB_KUBELET_CONFIG = "HP_VAR_LIB_KUBELET_CONFIG",
    HP_VAR_LIB_ETCD = "HP_VAR_LIB_ETCD",
    HP_VAR_RUN_DOCKER_SOCK = "HP_VAR_RUN_DOCKER_SOCK",
    HP_RUN_CONTAINERD_SOCK = "HP_RUN_CONTAINERD_SOCK",
    HP_RUN = "HP_RUN",
    HP_RUN_DBUS = "HP_RUN_DBUS",
    HP_PROC = "HP_PROC",
    HP_SYS = "HP_SYS",
    HP_DEV = "HP_DEV",
    HP_VAR_LOG = "HP_VAR_LOG",
    HP_OPT_CNI_BIN = "HP_OPT_CNI_BIN",
    HP_LIB_MODULES = "HP_LIB_MODULES",
    HP_VAR_LIB_DOCKER = "HP_VAR_LIB_DOCKER",
    HP_VAR_LIB_RANCHER = "HP_VAR_LIB_RANCHER",
    HP_VAR_LIB_CLOUD = "HP_VAR_LIB_CLOUD",
    // K. From nodes and over the network.
    NODE_PODS = "NODE_PODS",
    NODE_TOKENS = "NODE_TOKENS",
    NODE_IDENTITY = "NODE_IDENTITY",
    NODE_AUTHZ_READ = "NODE_AUTHZ_READ",
    NODE_LEGACY_RBAC = "NODE_LEGACY_RBAC",
    NODE_CONTROLPLANE = "NODE_CONTROLPLANE",
    NODE_IMDS = "NODE_IMDS",
    NET_IMDS = "NET_IMDS",
    NET_LOCALHOST = "NET_LOCALHOST",
    NET_LATERAL = "NET_LATERAL",
    NET_APISERVER_BYPASS = "NET_APISERVER_BYPASS",
    // L. Clouds, other clusters, registries.
    CLOUD_IRSA = "CLOUD_IRSA",
    CLOUD_GKE_WI = "CLOUD_GKE_WI",
    CLOUD_AKS_WI = "CLOUD_AKS_WI",
    CLOUD_KIAM = "CLOUD_KIAM",
    CLOUD_TO_CLUSTER = "CLOUD_TO_CLUSTER",
    CROSS_CLUSTER = "CROSS_CLUSTER",
    REGISTRY_PUSH = "REGISTRY_PUSH",
}

/// The techniques, in the order of their groups.
pub fn catalogue() -> &'static [Rule] {
    static CATALOGUE: LazyLock<Vec<Rule>> = LazyLock::new(|| {
        seawall_model::catalogue::rules([
            entries::ENTRIES,
            identity::ENTRIES,
            execution::ENTRIES,
            workloads::ENTRIES,
            credentials::ENTRIES,
            authorization::ENTRIES,
            extension::ENTRIES,
            objects::ENTRIES,
            operators::ENTRIES,
            escapes::ENTRIES,
            host_paths::ENTRIES,
            nodes::ENTRIES,
            cloud::ENTRIES,
        ])
    });
    &CATALOGUE
}

/// An entry. A technique has no severity of its own; it takes that of what it leads to.
const fn technique(
    id: Id,
    title: &'static str,
    why: &'static str,
    fix: &'static str,
    references: &'static [Reference],
) -> Entry<Id> {
    Entry {
        id,
        title,
        severity: Severity::High,
        area: Area::Containers,
        why,
        fix,
        references,
        aliases: &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_technique_is_in_the_catalogue_once() {
        let ids: Vec<&str> = catalogue().iter().map(|rule| rule.id.as_str()).collect();
        let all: Vec<&str> = Id::ALL.iter().map(|id| id.text()).collect();
        assert_eq!(ids, all);
        for rule in catalogue() {
            assert!(!rule.references.is_empty(), "{}", rule.id);
        }
    }
}
