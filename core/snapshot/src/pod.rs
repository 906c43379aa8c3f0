//! The security facts of a pod template: what a verdict can depend on, each with its place.
//!
//! Field names follow the Kubernetes API (core/v1). An absent field is `None`; API defaults
//! are applied by the accessor methods, never written into the facts, so that a finding can
//! say "unset" and mean it.

use seawall_model::{CauseId, Locus, Span, Str};

/// A value with the place that set it.
#[derive(Debug, Clone, PartialEq)]
pub struct Field<T> {
    /// The value.
    pub value: T,
    /// Where it is set.
    pub span: Span,
}

/// A pod's metadata and spec, wherever it is embedded.
#[derive(Debug, Clone, Default)]
pub struct PodTemplate {
    /// JSON pointer of the object that holds `metadata` and `spec`: empty for a Pod,
    /// `/spec/template` for a Deployment.
    pub pointer: Str,
    /// Place of the pod spec.
    pub span: Option<Span>,
    /// Labels of the pods, sorted by key.
    pub labels: Vec<(Str, Str)>,
    /// Annotations of the pods, in source order.
    pub annotations: Vec<(Str, Field<Str>)>,
    /// `hostNetwork`.
    pub host_network: Option<Field<bool>>,
    /// `hostPID`.
    pub host_pid: Option<Field<bool>>,
    /// `hostIPC`.
    pub host_ipc: Option<Field<bool>>,
    /// `hostUsers`: false puts the pod into a user namespace.
    pub host_users: Option<Field<bool>>,
    /// `shareProcessNamespace`.
    pub share_process_namespace: Option<Field<bool>>,
    /// `os.name`.
    pub os_name: Option<Field<Str>>,
    /// `serviceAccountName`, or the deprecated `serviceAccount`.
    pub service_account_name: Option<Field<Str>>,
    /// `automountServiceAccountToken`.
    pub automount_token: Option<Field<bool>>,
    /// `nodeName`.
    pub node_name: Option<Field<Str>>,
    /// `nodeSelector` keys and values.
    pub node_selector: Vec<(Str, Field<Str>)>,
    /// `runtimeClassName`.
    pub runtime_class_name: Option<Field<Str>>,
    /// `priorityClassName`.
    pub priority_class_name: Option<Field<Str>>,
    /// `restartPolicy`.
    pub restart_policy: Option<Field<Str>>,
    /// `securityContext` of the pod.
    pub security_context: SecurityContext,
    /// `volumes`.
    pub volumes: Vec<Volume>,
    /// Init, main and ephemeral containers, in that order.
    pub containers: Vec<Container>,
    /// `hostAliases`, when there are any.
    pub host_aliases: Option<Span>,
    /// `tolerations`.
    pub tolerations: Vec<Toleration>,
    /// Names of `imagePullSecrets`.
    pub image_pull_secrets: Vec<Field<Str>>,
    /// Whether `affinity.podAntiAffinity` or `topologySpreadConstraints` is set.
    pub spread: bool,
}

/// A container's or a pod's `securityContext`; fields that only one of them has stay `None`
/// on the other.
#[derive(Debug, Clone, Default)]
pub struct SecurityContext {
    /// Place of the context; `None` when there is none.
    pub span: Option<Span>,
    /// `privileged` (container).
    pub privileged: Option<Field<bool>>,
    /// `allowPrivilegeEscalation` (container).
    pub allow_privilege_escalation: Option<Field<bool>>,
    /// `readOnlyRootFilesystem` (container).
    pub read_only_root_filesystem: Option<Field<bool>>,
    /// `runAsNonRoot`.
    pub run_as_non_root: Option<Field<bool>>,
    /// `runAsUser`.
    pub run_as_user: Option<Field<i64>>,
    /// `runAsGroup`.
    pub run_as_group: Option<Field<i64>>,
    /// `fsGroup` (pod).
    pub fs_group: Option<Field<i64>>,
    /// `supplementalGroups` (pod).
    pub supplemental_groups: Vec<Field<i64>>,
    /// `capabilities.add` (container).
    pub capabilities_add: Vec<Field<Str>>,
    /// `capabilities.drop` (container).
    pub capabilities_drop: Vec<Field<Str>>,
    /// `seccompProfile.type`.
    pub seccomp_type: Option<Field<Str>>,
    /// `appArmorProfile.type`.
    pub app_armor_type: Option<Field<Str>>,
    /// `seLinuxOptions.type`.
    pub selinux_type: Option<Field<Str>>,
    /// `seLinuxOptions.user`.
    pub selinux_user: Option<Field<Str>>,
    /// `seLinuxOptions.role`.
    pub selinux_role: Option<Field<Str>>,
    /// `procMount` (container).
    pub proc_mount: Option<Field<Str>>,
    /// `windowsOptions.hostProcess`.
    pub windows_host_process: Option<Field<bool>>,
    /// Names of `sysctls` (pod).
    pub sysctls: Vec<Field<Str>>,
}

/// Which list a container is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContainerKind {
    /// `initContainers`; with `restartPolicy: Always` a sidecar.
    Init,
    /// `containers`.
    Main,
    /// `ephemeralContainers`.
    Ephemeral,
}

impl ContainerKind {
    /// The field name of the list.
    pub fn field(self) -> &'static str {
        match self {
            ContainerKind::Init => "initContainers",
            ContainerKind::Main => "containers",
            ContainerKind::Ephemeral => "ephemeralContainers",
        }
    }
}

/// One container.
#[derive(Debug, Clone)]
pub struct Container {
    /// Which list it is in.
    pub kind: ContainerKind,
    /// Its index in that list.
    pub index: usize,
    /// Its name.
    pub name: Str,
    /// Place of its name, or of the container when it has none.
    pub name_span: Span,
    /// Place of the container.
    pub span: Span,
    /// `image`.
    pub image: Option<Field<Str>>,
    /// `imagePullPolicy`.
    pub image_pull_policy: Option<Field<Str>>,
    /// `command`.
    pub command: Vec<Field<Str>>,
    /// `args`.
    pub args: Vec<Field<Str>>,
    /// `env`.
    pub env: Vec<EnvVar>,
    /// `envFrom`.
    pub env_from: Vec<EnvFrom>,
    /// `ports`.
    pub ports: Vec<Port>,
    /// `securityContext`.
    pub security_context: SecurityContext,
    /// `volumeMounts`.
    pub mounts: Vec<VolumeMount>,
    /// `resources`.
    pub resources: Resources,
    /// Probes and lifecycle hooks.
    pub hooks: Vec<Hook>,
    /// `restartPolicy` of an init container.
    pub restart_policy: Option<Field<Str>>,
}

/// One environment variable.
#[derive(Debug, Clone)]
pub struct EnvVar {
    /// Its name.
    pub name: Str,
    /// Place of the entry.
    pub span: Span,
    /// Where its value comes from.
    pub source: EnvSource,
}

/// Where an environment variable's value comes from.
#[derive(Debug, Clone)]
pub enum EnvSource {
    /// A literal, possibly empty.
    Literal(Field<Str>),
    /// `secretKeyRef`: Secret name and key.
    Secret(Str, Str),
    /// `configMapKeyRef`: ConfigMap name and key.
    ConfigMap(Str, Str),
    /// `fieldRef`, `resourceFieldRef` and whatever comes.
    Other,
}

/// One `envFrom` entry.
#[derive(Debug, Clone)]
pub struct EnvFrom {
    /// Name of the Secret or ConfigMap.
    pub name: Str,
    /// Whether it is a Secret.
    pub secret: bool,
    /// Place of the entry.
    pub span: Span,
}

/// One container port.
#[derive(Debug, Clone)]
pub struct Port {
    /// `name`, if any.
    pub name: Option<Str>,
    /// `containerPort`.
    pub container_port: Option<Field<i64>>,
    /// `hostPort`.
    pub host_port: Option<Field<i64>>,
    /// `protocol`; `None` means TCP.
    pub protocol: Option<Str>,
}

/// One `volumeMounts` entry.
#[derive(Debug, Clone)]
pub struct VolumeMount {
    /// The volume's name.
    pub name: Str,
    /// `mountPath`.
    pub path: Str,
    /// `readOnly`.
    pub read_only: bool,
    /// `mountPropagation: Bidirectional`.
    pub bidirectional: bool,
    /// `subPath` or `subPathExpr`: the part of the volume that is mounted.
    pub sub_path: Option<Str>,
    /// Place of the entry.
    pub span: Span,
}

/// Requests and limits, each as written.
#[derive(Debug, Clone, Default)]
pub struct Resources {
    /// `requests.cpu`.
    pub cpu_request: Option<Field<Str>>,
    /// `limits.cpu`.
    pub cpu_limit: Option<Field<Str>>,
    /// `requests.memory`.
    pub memory_request: Option<Field<Str>>,
    /// `limits.memory`.
    pub memory_limit: Option<Field<Str>>,
    /// Place of `resources`.
    pub span: Option<Span>,
}

/// A probe or a lifecycle hook.
#[derive(Debug, Clone)]
pub struct Hook {
    /// `livenessProbe`, `readinessProbe`, `startupProbe`, `postStart` or `preStop`.
    pub name: &'static str,
    /// `host` of its `httpGet` or `tcpSocket`, and which of the two has it.
    pub host: Option<(&'static str, Field<Str>)>,
    /// Path and port, by number or name, of its `httpGet`.
    pub http: Option<(Str, Str)>,
    /// Place of the hook.
    pub span: Span,
}

/// One toleration.
#[derive(Debug, Clone)]
pub struct Toleration {
    /// `key`; `None` with operator `Exists` tolerates everything.
    pub key: Option<Str>,
    /// `operator`.
    pub operator: Option<Str>,
    /// `effect`.
    pub effect: Option<Str>,
    /// Place of the entry.
    pub span: Span,
}

/// One volume.
#[derive(Debug, Clone)]
pub struct Volume {
    /// Its name.
    pub name: Str,
    /// Its index in the list.
    pub index: usize,
    /// Place of the volume.
    pub span: Span,
    /// The source's field name (`hostPath`, `emptyDir`, …) with its place. A volume without
    /// a source is an `emptyDir`: the API server defaults it.
    pub source: Option<Field<Str>>,
    /// What Seawall knows of the source.
    pub kind: VolumeKind,
}

/// The facts of a volume source.
#[derive(Debug, Clone)]
pub enum VolumeKind {
    /// `hostPath`: path and type.
    HostPath(Field<Str>, Option<Str>),
    /// `secret`: name of the Secret.
    Secret(Str),
    /// `configMap`: name of the ConfigMap.
    ConfigMap(Str),
    /// `persistentVolumeClaim`: claim name.
    Claim(Str),
    /// `projected`.
    Projected {
        /// Names of projected Secrets.
        secrets: Vec<Str>,
        /// Names of projected ConfigMaps.
        config_maps: Vec<Str>,
        /// Audiences of projected service-account tokens; empty text is the API server.
        tokens: Vec<Str>,
    },
    /// `csi`: driver name.
    Csi(Str),
    /// Any other source.
    Other,
}

impl SecurityContext {
    fn shrink(&mut self) {
        self.supplemental_groups.shrink_to_fit();
        self.capabilities_add.shrink_to_fit();
        self.capabilities_drop.shrink_to_fit();
        self.sysctls.shrink_to_fit();
    }
}

impl PodTemplate {
    /// Gives back what lists have room for and do not need. They grow in steps, and a cluster
    /// has ten thousand pods.
    pub(crate) fn shrink(&mut self) {
        self.labels.shrink_to_fit();
        self.annotations.shrink_to_fit();
        self.node_selector.shrink_to_fit();
        self.volumes.shrink_to_fit();
        self.tolerations.shrink_to_fit();
        self.image_pull_secrets.shrink_to_fit();
        self.security_context.shrink();
        self.containers.shrink_to_fit();
        for container in &mut self.containers {
            container.command.shrink_to_fit();
            container.args.shrink_to_fit();
            container.env.shrink_to_fit();
            container.env_from.shrink_to_fit();
            container.ports.shrink_to_fit();
            container.mounts.shrink_to_fit();
            container.hooks.shrink_to_fit();
            container.security_context.shrink();
        }
    }

    /// JSON pointer of the pod spec.
    pub fn spec_pointer(&self) -> String {
        format!("{}/spec", self.pointer)
    }

    /// Whether the pod says that it runs Windows.
    pub fn is_windows(&self) -> bool {
        self.os_name
            .as_ref()
            .is_some_and(|os| &*os.value == "windows")
    }

    /// Whether the pod runs in a user namespace of its own.
    pub fn has_user_namespace(&self) -> bool {
        self.host_users.as_ref().is_some_and(|users| !users.value)
    }

    /// The service account's name with the API default.
    pub fn service_account(&self) -> &str {
        self.service_account_name
            .as_ref()
            .map_or("default", |name| &name.value)
    }

    /// A place in the pod spec that is set at `span` (or, when unset, belongs there).
    /// `rest` is the path below the spec: `hostNetwork`, `securityContext/runAsUser`.
    pub fn locus(&self, rest: &str, span: Option<Span>) -> Locus {
        Locus {
            pointer: format!("{}/spec/{rest}", self.pointer),
            path: format!("pod/{rest}"),
            span: span.unwrap_or_else(|| enclosing(self.span.unwrap_or(Span::NONE))),
        }
    }

    /// A place in a container; the identity names the container instead of counting.
    pub fn container_locus(&self, c: &Container, rest: &str, span: Option<Span>) -> Locus {
        let list = c.kind.field();
        let slash = if rest.is_empty() { "" } else { "/" };
        Locus {
            pointer: format!("{}/spec/{list}/{}{slash}{rest}", self.pointer, c.index),
            path: format!("pod/{list}[{}]{slash}{rest}", c.name),
            span: span.unwrap_or_else(|| enclosing(c.span)),
        }
    }

    /// A place in a volume.
    pub fn volume_locus(&self, v: &Volume, rest: &str, span: Option<Span>) -> Locus {
        let slash = if rest.is_empty() { "" } else { "/" };
        Locus {
            pointer: format!("{}/spec/volumes/{}{slash}{rest}", self.pointer, v.index),
            path: format!("pod/volumes[{}]{slash}{rest}", v.name),
            span: span.unwrap_or_else(|| enclosing(v.span)),
        }
    }
}

impl Volume {
    /// The source's field name with the API default.
    pub fn source_name(&self) -> &str {
        self.source
            .as_ref()
            .map_or("emptyDir", |source| &source.value)
    }
}

/// The place of the thing that lacks a field. The values key behind that thing did not
/// decide the lack, so it is left out.
fn enclosing(span: Span) -> Span {
    Span {
        cause: CauseId::NONE,
        ..span
    }
}
