//! Which fields of which kinds Kustomize touches by default: field specifications.
//!
//! The tables are facts taken from Kustomize v5.7.1's defaults, in a notation of our own:
//! a line is `KINDS PATH`; `KINDS` is a comma-separated list of `[group/][version:]Kind` or
//! `*`; a path that starts with `@` is below the pod spec of each kind; a `+` at the end of a path
//! creates what is missing.

use super::ids::{Gvk, Str2};
use std::sync::{Arc, OnceLock};

/// One field of one kind (or of all, when the [`Gvk`] is empty).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FieldSpec {
    pub(super) gvk: Gvk,
    pub(super) path: Str2,
    pub(super) create: bool,
}

/// Who is referred to by name, and from which fields.
#[derive(Debug, Clone)]
pub(super) struct BackReference {
    pub(super) target: Gvk,
    pub(super) referrers: Arc<Vec<FieldSpec>>,
}

/// All field specifications that apply to a build step.
#[derive(Debug, Clone, Default)]
pub(super) struct Config {
    pub(super) name_prefix: Arc<Vec<FieldSpec>>,
    pub(super) name_suffix: Arc<Vec<FieldSpec>>,
    pub(super) namespace: Arc<Vec<FieldSpec>>,
    pub(super) common_labels: Arc<Vec<FieldSpec>>,
    pub(super) labels: Arc<Vec<FieldSpec>>,
    pub(super) template_labels: Arc<Vec<FieldSpec>>,
    pub(super) annotations: Arc<Vec<FieldSpec>>,
    pub(super) var_reference: Arc<Vec<FieldSpec>>,
    pub(super) images: Arc<Vec<FieldSpec>>,
    pub(super) replicas: Arc<Vec<FieldSpec>>,
    pub(super) name_reference: Arc<Vec<BackReference>>,
}

const NAME: &str = "* metadata/name";

const NAMESPACE: &str = "\
Namespace metadata/name+
apiregistration.k8s.io/:APIService spec/service/namespace+
apiextensions.k8s.io/:CustomResourceDefinition spec/conversion/webhook/clientConfig/service/namespace";

const SELECTORS: &str = "\
v1:Service,v1:ReplicationController spec/selector+
Deployment,ReplicaSet,DaemonSet,apps/:StatefulSet spec/selector/matchLabels+
apps/:Deployment,apps/:StatefulSet @affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels
apps/:Deployment,apps/:StatefulSet @affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels
apps/:Deployment,apps/:StatefulSet @affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels
apps/:Deployment,apps/:StatefulSet @affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels
apps/:Deployment,apps/:StatefulSet @topologySpreadConstraints/labelSelector/matchLabels
batch/:Job,policy/:PodDisruptionBudget spec/selector/matchLabels
batch/:CronJob spec/jobTemplate/spec/selector/matchLabels
networking.k8s.io/:NetworkPolicy spec/podSelector/matchLabels
networking.k8s.io/:NetworkPolicy spec/ingress/from/podSelector/matchLabels
networking.k8s.io/:NetworkPolicy spec/egress/to/podSelector/matchLabels";

const TEMPLATE_LABELS: &str = "\
* metadata/labels+
v1:ReplicationController,Deployment,ReplicaSet,DaemonSet,apps/:StatefulSet,batch/:Job spec/template/metadata/labels+
apps/:StatefulSet spec/volumeClaimTemplates[]/metadata/labels+
batch/:CronJob spec/jobTemplate/metadata/labels+
batch/:CronJob spec/jobTemplate/spec/template/metadata/labels+";

const ANNOTATIONS: &str = "\
* metadata/annotations+
v1:ReplicationController,Deployment,ReplicaSet,DaemonSet,StatefulSet,batch/:Job spec/template/metadata/annotations+
batch/:CronJob spec/jobTemplate/metadata/annotations+
batch/:CronJob spec/jobTemplate/spec/template/metadata/annotations+";

const IMAGES: &str = "\
* spec/containers[]/image+
* spec/initContainers[]/image+
* spec/volumes[]/image/reference+
* spec/template/spec/containers[]/image+
* spec/template/spec/initContainers[]/image+
* spec/template/spec/volumes[]/image/reference+";

const REPLICAS: &str = "Deployment,ReplicationController,ReplicaSet,StatefulSet spec/replicas+";

const PODS: &str = "CronJob,DaemonSet,Deployment,Job,Pod,ReplicaSet,StatefulSet";
const VARS: &str = "\
$ @containers/args
$ @containers/command
$ @containers/env/value
$ @containers/volumeMounts/mountPath
$ @initContainers/args
$ @initContainers/command
$ @initContainers/env/value
$ @initContainers/volumeMounts/mountPath
CronJob spec/jobTemplate/spec/template/volumes/nfs/server
DaemonSet,Deployment,Job,Pod,ReplicaSet @volumes/nfs/server
Deployment spec/template/metadata/annotations
Ingress spec/rules/host
Ingress spec/tls/hosts
Ingress spec/tls/secretName
Service spec/ports/port
Service spec/ports/targetPort
StatefulSet spec/volumeClaimTemplates/spec/nfs/server
PersistentVolume spec/nfs/server
* metadata/labels
* metadata/annotations";

const MOUNTERS: &str = "v1:Pod,PodTemplate,Deployment,ReplicaSet,DaemonSet,StatefulSet,Job,CronJob";
const RUNNERS: &str = "Pod,StatefulSet,Deployment,ReplicationController,CronJob,Job,DaemonSet";
const SCALED: &str = "HorizontalPodAutoscaler spec/scaleTargetRef/name";

/// Target kind, the kinds that `$` stands for, and the fields that name it.
const NAME_REFERENCES: &[(&str, &str, &str)] = &[
    ("Deployment", "", SCALED),
    ("ReplicationController", "", SCALED),
    ("ReplicaSet", "", SCALED),
    ("StatefulSet", "", SCALED),
    (
        "v1:ConfigMap",
        MOUNTERS,
        "\
$ @volumes/configMap/name
$ @containers/env/valueFrom/configMapKeyRef/name
$ @initContainers/env/valueFrom/configMapKeyRef/name
$ @containers/envFrom/configMapRef/name
$ @initContainers/envFrom/configMapRef/name
$ @volumes/projected/sources/configMap/name
Node spec/configSource/configMap
Role,ClusterRole rules/resourceNames
Ingress metadata/annotations/nginx.ingress.kubernetes.io\\/fastcgi-params-configmap",
    ),
    (
        "v1:Secret",
        MOUNTERS,
        "\
$ @volumes/secret/secretName
$ @containers/env/valueFrom/secretKeyRef/name
$ @initContainers/env/valueFrom/secretKeyRef/name
$ @containers/envFrom/secretRef/name
$ @initContainers/envFrom/secretRef/name
$ @imagePullSecrets/name
$ @volumes/projected/sources/secret/name
Ingress spec/tls/secretName
Ingress metadata/annotations/ingress.kubernetes.io\\/auth-secret
Ingress metadata/annotations/nginx.ingress.kubernetes.io\\/auth-secret
Ingress metadata/annotations/nginx.ingress.kubernetes.io\\/auth-tls-secret
ServiceAccount imagePullSecrets/name
StorageClass parameters/secretName
StorageClass parameters/adminSecretName
StorageClass parameters/userSecretName
StorageClass parameters/secretRef
Role,ClusterRole rules/resourceNames
serving.knative.dev/v1:Service spec/template/spec/containers/env/valueFrom/secretKeyRef/name
PersistentVolume spec/azureFile/secretName",
    ),
    (
        "v1:Service",
        "",
        "\
apps/:StatefulSet spec/serviceName
Ingress spec/rules/http/paths/backend/serviceName
Ingress spec/backend/serviceName
Ingress spec/rules/http/paths/backend/service/name
Ingress spec/defaultBackend/service/name
apiregistration.k8s.io/:APIService spec/service/name
admissionregistration.k8s.io/:ValidatingWebhookConfiguration,admissionregistration.k8s.io/:MutatingWebhookConfiguration webhooks/clientConfig/service",
    ),
    (
        "rbac.authorization.k8s.io/:Role",
        "",
        "rbac.authorization.k8s.io/:RoleBinding roleRef/name",
    ),
    (
        "rbac.authorization.k8s.io/:ClusterRole",
        "",
        "rbac.authorization.k8s.io/:RoleBinding,rbac.authorization.k8s.io/:ClusterRoleBinding roleRef/name",
    ),
    (
        "v1:ServiceAccount",
        RUNNERS,
        "\
rbac.authorization.k8s.io/:RoleBinding,rbac.authorization.k8s.io/:ClusterRoleBinding subjects
$ @serviceAccountName",
    ),
    ("v1:PersistentVolumeClaim", RUNNERS, "$ @volumes/persistentVolumeClaim/claimName"),
    (
        "v1:PersistentVolume",
        "",
        "\
PersistentVolumeClaim spec/volumeName
ClusterRole rules/resourceNames",
    ),
    (
        "storage.k8s.io/v1:StorageClass",
        "",
        "\
PersistentVolume,PersistentVolumeClaim spec/storageClassName
StatefulSet spec/volumeClaimTemplates/spec/storageClassName",
    ),
    ("scheduling.k8s.io/v1:PriorityClass", RUNNERS, "$ @priorityClassName"),
    (
        "admissionregistration.k8s.io/:ValidatingAdmissionPolicy",
        "",
        "admissionregistration.k8s.io/:ValidatingAdmissionPolicyBinding spec/policyName",
    ),
];

fn gvk(text: &'static str) -> Gvk {
    let (version, kind) = text.split_once(':').unwrap_or(("", text));
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let kind = if kind == "*" { "" } else { kind };
    Gvk {
        group: group.into(),
        version: version.into(),
        kind: kind.into(),
    }
}

/// Where a kind keeps its pod spec.
fn pod_spec(kind: &str) -> &'static str {
    match kind {
        "Pod" => "spec",
        "PodTemplate" => "template/spec",
        "CronJob" => "spec/jobTemplate/spec/template/spec",
        _ => "spec/template/spec",
    }
}

fn table(text: &'static str, dollar: &'static str) -> Vec<FieldSpec> {
    let mut specs = Vec::new();
    for line in text.lines() {
        let Some((kinds, path)) = line.split_once(' ') else {
            continue;
        };
        let kinds = if kinds == "$" { dollar } else { kinds };
        let (path, create) = match path.strip_suffix('+') {
            Some(path) => (path, true),
            None => (path, false),
        };
        for kind in kinds.split(',') {
            let gvk = gvk(kind);
            let path: Str2 = match path.strip_prefix('@') {
                Some(rest) => format!("{}/{rest}", pod_spec(&gvk.kind)).into(),
                None => path.into(),
            };
            specs.push(FieldSpec { gvk, path, create });
        }
    }
    sort_specs(&mut specs);
    specs
}

/// Kustomize's order of kinds: what others need first, webhooks last.
pub(super) const ORDER_FIRST: &[&str] = &[
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
/// See [`ORDER_FIRST`].
pub(super) const ORDER_LAST: &[&str] = &[
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// Where a kind stands in an order: negative before, positive behind all kinds not named.
pub(super) fn rank<S: AsRef<str>>(kind: &str, first: &[S], last: &[S]) -> i64 {
    let at = |list: &[S]| {
        list.iter()
            .rposition(|k| k.as_ref() == kind)
            .and_then(|i| i64::try_from(i).ok())
    };
    let length = i64::try_from(first.len()).unwrap_or(i64::MAX);
    // A kind in both lists is ranked by the later one, as Kustomize's map is filled.
    match (at(last), at(first)) {
        (Some(index), _) => index + 1,
        (None, Some(index)) => index - length,
        (None, None) => 0,
    }
}

fn sort_key(gvk: &Gvk) -> (i64, String) {
    let or = |text: &str, none: &str| {
        if text.is_empty() {
            none.to_owned()
        } else {
            text.to_owned()
        }
    };
    let text = format!(
        "{}_{}_{}",
        or(&gvk.group, "~G"),
        or(&gvk.version, "~V"),
        or(&gvk.kind, "~K")
    );
    (rank(&gvk.kind, ORDER_FIRST, ORDER_LAST), text)
}

fn sort_specs(specs: &mut [FieldSpec]) {
    specs.sort_by_cached_key(|spec| sort_key(&spec.gvk));
}

/// Adds `incoming` to `specs`; a field that is there already must agree on `create`.
pub(super) fn merge_specs(
    specs: &mut Arc<Vec<FieldSpec>>,
    incoming: &[FieldSpec],
) -> Result<(), String> {
    for spec in incoming {
        let known = specs
            .iter()
            .find(|s| s.path == spec.path && s.gvk.is_selected_by(&spec.gvk));
        match known {
            Some(known) if known.create != spec.create => {
                return Err(format!(
                    "conflicting field specifications for {}",
                    spec.path
                ));
            }
            Some(_) => {}
            None => Arc::make_mut(specs).push(spec.clone()),
        }
    }
    Ok(())
}

/// Whether a list is one of the default ones, in which no entry hides another.
fn is_default(specs: &Arc<Vec<FieldSpec>>) -> bool {
    let d = Config::defaults();
    [
        &d.name_prefix,
        &d.name_suffix,
        &d.namespace,
        &d.common_labels,
        &d.labels,
        &d.template_labels,
        &d.annotations,
        &d.var_reference,
        &d.images,
        &d.replicas,
    ]
    .into_iter()
    .any(|list| Arc::ptr_eq(list, specs))
}

impl Config {
    /// What Kustomize does without any configuration.
    pub(super) fn defaults() -> &'static Config {
        static DEFAULTS: OnceLock<Config> = OnceLock::new();
        DEFAULTS.get_or_init(|| {
            let mut common_labels = table(SELECTORS, "");
            common_labels.extend(table(TEMPLATE_LABELS, ""));
            sort_specs(&mut common_labels);
            let mut references: Vec<BackReference> = NAME_REFERENCES
                .iter()
                .map(|(target, dollar, text)| BackReference {
                    target: gvk(target),
                    referrers: Arc::new(table(text, dollar)),
                })
                .collect();
            references.sort_by_cached_key(|reference| sort_key(&reference.target));
            Config {
                name_prefix: Arc::new(table(NAME, "")),
                name_suffix: Arc::new(table(NAME, "")),
                namespace: Arc::new(table(NAMESPACE, "")),
                common_labels: Arc::new(common_labels),
                labels: Arc::default(),
                template_labels: Arc::new(table(TEMPLATE_LABELS, "")),
                annotations: Arc::new(table(ANNOTATIONS, "")),
                var_reference: Arc::new(table(VARS, PODS)),
                images: Arc::new(table(IMAGES, "")),
                replicas: Arc::new(table(REPLICAS, "")),
                name_reference: Arc::new(references),
            }
        })
    }

    /// Adds another configuration to this one.
    ///
    /// Even into an empty one it goes entry by entry: an entry for all kinds is dropped when
    /// one for some kind with the same path stands before it. That looks like a mistake, but
    /// users rely on it to narrow down what gets a name prefix.
    pub(super) fn merge(&mut self, other: &Config) -> Result<(), String> {
        for (mine, theirs) in [
            (&mut self.name_prefix, &other.name_prefix),
            (&mut self.name_suffix, &other.name_suffix),
            (&mut self.namespace, &other.namespace),
            (&mut self.common_labels, &other.common_labels),
            (&mut self.labels, &other.labels),
            (&mut self.template_labels, &other.template_labels),
            (&mut self.annotations, &other.annotations),
            (&mut self.var_reference, &other.var_reference),
            (&mut self.images, &other.images),
            (&mut self.replicas, &other.replicas),
        ] {
            if Arc::ptr_eq(mine, theirs) || theirs.is_empty() {
                continue; // most kustomizations only have the defaults
            }
            if mine.is_empty() && is_default(theirs) {
                mine.clone_from(theirs);
                continue;
            }
            merge_specs(mine, theirs)?;
            if !mine.is_sorted_by_key(|spec| sort_key(&spec.gvk)) {
                sort_specs(Arc::<Vec<FieldSpec>>::make_mut(mine));
            }
        }
        if Arc::ptr_eq(&self.name_reference, &other.name_reference)
            || other.name_reference.is_empty()
        {
            return Ok(());
        }
        if self.name_reference.is_empty() {
            self.name_reference.clone_from(&other.name_reference);
            return Ok(());
        }
        let references = Arc::make_mut(&mut self.name_reference);
        for reference in &*other.name_reference {
            if let Some(known) = references.iter_mut().find(|r| r.target == reference.target) {
                if !Arc::ptr_eq(&known.referrers, &reference.referrers) {
                    merge_specs(&mut known.referrers, &reference.referrers)?;
                }
            } else {
                references.push(reference.clone());
            }
        }
        references.sort_by_cached_key(|reference| sort_key(&reference.target));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_have_as_many_entries_as_kustomize_has() {
        let config = Config::defaults();
        assert_eq!(config.namespace.len(), 3);
        assert_eq!(config.common_labels.len(), 22 + 10);
        assert_eq!(config.template_labels.len(), 10);
        assert_eq!(config.annotations.len(), 9);
        assert_eq!(config.var_reference.len(), 72);
        assert_eq!(config.images.len(), 6);
        assert_eq!(config.replicas.len(), 4);
        let find = |kind: &str| {
            config
                .name_reference
                .iter()
                .find(|r| r.target.kind == kind)
                .unwrap()
                .referrers
                .len()
        };
        assert_eq!(find("ConfigMap"), 52);
        assert_eq!(find("ServiceAccount"), 9);
    }

    #[test]
    fn merging_the_defaults_with_themselves_changes_nothing() {
        let mut config = Config::defaults().clone();
        config.merge(Config::defaults()).unwrap();
        assert_eq!(config.common_labels.len(), 32);
    }
}
