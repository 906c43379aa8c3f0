//! Trees to facts.
//!
//! The API server refuses an object whose field has the wrong type, so a wrong type is never
//! guessed at: the field counts as unset, and a gap says where and why. `null` is the same
//! as unset, as it is for the API.

use crate::object::anchor;
use crate::pod::{
    Container, ContainerKind, EnvFrom, EnvSource, EnvVar, Field, Hook, PodTemplate, Port,
    Resources, SecurityContext, Toleration, Volume, VolumeKind, VolumeMount,
};
use crate::reader::Reader;
use seawall_model::{GapKind, Span, Str};
use seawall_yaml::{Map, Node, Value};

/// How deep in a custom resource a pod template is looked for.
const TEMPLATE_SEARCH_DEPTH: u8 = 10;
/// How many pod templates one object may embed.
const MAX_TEMPLATES: usize = 256;

impl Reader<'_> {
    /// The pod templates of an object: where the built-in kinds have them, or wherever a
    /// custom resource embeds one.
    pub fn pod_templates(&mut self, root: &Node, group: &str, kind: &str) -> Vec<PodTemplate> {
        let pointer: Option<&[&str]> = match (group, kind) {
            ("", "Pod") => Some(&[]),
            ("", "PodTemplate") => Some(&["template"]),
            ("", "ReplicationController")
            | ("apps" | "extensions", "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet")
            | ("batch", "Job") => Some(&["spec", "template"]),
            ("batch", "CronJob") => Some(&["spec", "jobTemplate", "spec", "template"]),
            _ => None,
        };
        let mut templates = Vec::new();
        if let Some(path) = pointer {
            if let Some(holder) = root.at(path) {
                let pointer: String = path.iter().flat_map(|part| ["/", part]).collect();
                templates.extend(self.pod_template(holder, pointer.into()));
            }
            if templates.is_empty() {
                let reason = format!("{kind} has no pod spec: the API server would refuse it");
                self.gap(GapKind::Invalid, root.span, reason, 1);
                // Still a workload, so that it is counted and named.
                templates.push(PodTemplate {
                    span: Some(root.span),
                    ..PodTemplate::default()
                });
            }
            return templates;
        }
        if matches!(group, "" | "apps" | "batch" | "rbac.authorization.k8s.io") {
            return templates; // built-in kinds that make no pods
        }
        if is_pod_template(root) {
            // `spec` is the pod's itself, as in KServe's ServingRuntime; its labels are not.
            let template = self.pod_template(root, Str::from(""));
            templates.extend(template.map(|template| PodTemplate {
                labels: Vec::new(),
                annotations: Vec::new(),
                ..template
            }));
        }
        let mut pointer = String::new();
        self.search(root, &mut pointer, TEMPLATE_SEARCH_DEPTH, &mut templates);
        templates
    }

    /// Looks for embedded pod templates: a mapping with `spec.containers`, each with a name.
    fn search(&mut self, node: &Node, pointer: &mut String, depth: u8, to: &mut Vec<PodTemplate>) {
        if depth == 0 || to.len() >= MAX_TEMPLATES {
            return;
        }
        if !pointer.is_empty() && is_pod_template(node) {
            to.extend(self.pod_template(node, pointer.as_str().into()));
            return;
        }
        let length = pointer.len();
        match &node.value {
            Value::Map(map) => {
                for entry in map {
                    if length == 0 && matches!(&*entry.key, "status" | "metadata") {
                        continue;
                    }
                    pointer.push('/');
                    pointer.push_str(&escape(&entry.key));
                    self.search(&entry.value, pointer, depth - 1, to);
                    pointer.truncate(length);
                }
            }
            Value::Seq(items) => {
                for (index, item) in items.iter().enumerate() {
                    pointer.push('/');
                    pointer.push_str(&index.to_string());
                    self.search(item, pointer, depth - 1, to);
                    pointer.truncate(length);
                }
            }
            _ => {}
        }
    }

    /// Reads a pod template from the mapping that holds `metadata` and `spec`.
    fn pod_template(&mut self, holder: &Node, pointer: Str) -> Option<PodTemplate> {
        let holder_map = holder.as_map()?;
        let spec = self.submap(holder_map, "spec")?;
        let span = holder_map.get("spec").map(|node| node.span);
        let mut template = PodTemplate {
            pointer,
            span,
            ..PodTemplate::default()
        };
        if let Some(metadata) = self.submap(holder_map, "metadata") {
            let labels = self.texts_by_key(metadata, "labels");
            template.labels = labels
                .into_iter()
                .map(|(k, field)| (k, field.value))
                .collect();
            template.labels.sort_unstable();
            template.annotations = self.texts_by_key(metadata, "annotations");
        }
        template.host_network = self.boolean(spec, "hostNetwork");
        template.host_pid = self.boolean(spec, "hostPID");
        template.host_ipc = self.boolean(spec, "hostIPC");
        template.host_users = self.boolean(spec, "hostUsers");
        template.share_process_namespace = self.boolean(spec, "shareProcessNamespace");
        template.os_name = self.submap(spec, "os").and_then(|os| self.text(os, "name"));
        template.service_account_name = self
            .text(spec, "serviceAccountName")
            .or_else(|| self.text(spec, "serviceAccount"))
            .filter(|name| !name.value.is_empty());
        template.automount_token = self.boolean(spec, "automountServiceAccountToken");
        template.node_name = self
            .text(spec, "nodeName")
            .filter(|name| !name.value.is_empty());
        template.node_selector = self.texts_by_key(spec, "nodeSelector");
        template.runtime_class_name = self.text(spec, "runtimeClassName");
        template.priority_class_name = self.text(spec, "priorityClassName");
        template.restart_policy = self.text(spec, "restartPolicy");
        if let Some(context) = self.submap(spec, "securityContext") {
            let span = spec.get("securityContext").map(|node| node.span);
            template.security_context = self.security_context(context, span);
        }
        template.volumes = self.volumes(spec);
        for kind in [
            ContainerKind::Init,
            ContainerKind::Main,
            ContainerKind::Ephemeral,
        ] {
            let mut containers = self.each(spec, kind.field(), |this, index, node, map| {
                this.container(kind, index, node.span, map)
            });
            template.containers.reserve_exact(containers.len());
            template.containers.append(&mut containers);
        }
        template.host_aliases = spec
            .get("hostAliases")
            .filter(|node| node.as_seq().is_some_and(|items| !items.is_empty()))
            .map(|node| node.span);
        template.tolerations = self.tolerations(spec);
        template.image_pull_secrets = self
            .objects(spec, "imagePullSecrets")
            .into_iter()
            .filter_map(|(_, _, secret)| self.text(secret, "name"))
            .collect();
        let anti_affinity = self
            .submap(spec, "affinity")
            .is_some_and(|affinity| affinity.contains_key("podAntiAffinity"));
        template.spread = anti_affinity || spec.contains_key("topologySpreadConstraints");
        template.shrink();
        Some(template)
    }

    fn security_context(&mut self, map: &Map, span: Option<Span>) -> SecurityContext {
        let mut context = SecurityContext {
            span,
            ..SecurityContext::default()
        };
        context.privileged = self.boolean(map, "privileged");
        context.allow_privilege_escalation = self.boolean(map, "allowPrivilegeEscalation");
        context.read_only_root_filesystem = self.boolean(map, "readOnlyRootFilesystem");
        context.run_as_non_root = self.boolean(map, "runAsNonRoot");
        context.run_as_user = self.integer(map, "runAsUser");
        context.run_as_group = self.integer(map, "runAsGroup");
        context.fs_group = self.integer(map, "fsGroup");
        for item in self.items(map, "supplementalGroups") {
            match item.as_i64() {
                Some(value) => {
                    context.supplemental_groups.push(Field {
                        value,
                        span: item.span,
                    });
                }
                None => self.wrong_type("supplementalGroups", item, "whole number"),
            }
        }
        if let Some(capabilities) = self.submap(map, "capabilities") {
            context.capabilities_add = self.texts(capabilities, "add");
            context.capabilities_drop = self.texts(capabilities, "drop");
        }
        if let Some(profile) = self.submap(map, "seccompProfile") {
            context.seccomp_type = self.text(profile, "type");
        }
        if let Some(profile) = self.submap(map, "appArmorProfile") {
            context.app_armor_type = self.text(profile, "type");
        }
        if let Some(options) = self.submap(map, "seLinuxOptions") {
            context.selinux_type = self.text(options, "type");
            context.selinux_user = self.text(options, "user");
            context.selinux_role = self.text(options, "role");
        }
        context.proc_mount = self.text(map, "procMount");
        if let Some(options) = self.submap(map, "windowsOptions") {
            context.windows_host_process = self.boolean(options, "hostProcess");
        }
        for (_, _, sysctl) in self.objects(map, "sysctls") {
            context.sysctls.extend(self.text(sysctl, "name"));
        }
        context
    }

    fn container(&mut self, kind: ContainerKind, index: usize, span: Span, map: &Map) -> Container {
        let security_context = match self.submap(map, "securityContext") {
            Some(context) => {
                let span = map.get("securityContext").map(|node| node.span);
                self.security_context(context, span)
            }
            None => SecurityContext::default(),
        };
        Container {
            kind,
            index,
            name: self.name_of(map, "name"),
            name_span: anchor(map.get("name").map_or(span, |node| node.span)),
            span,
            image: self
                .text(map, "image")
                .filter(|image| !image.value.is_empty()),
            image_pull_policy: self.text(map, "imagePullPolicy"),
            command: self.texts(map, "command"),
            args: self.texts(map, "args"),
            env: self.env(map),
            env_from: self.env_from(map),
            ports: self.ports(map),
            security_context,
            mounts: self.mounts(map),
            resources: self.resources(map),
            hooks: self.hooks(map),
            restart_policy: self.text(map, "restartPolicy"),
        }
    }

    fn env(&mut self, container: &Map) -> Vec<EnvVar> {
        self.each(container, "env", |this, _, node, map| {
            let name = this.name_of(map, "name");
            let source = match this.submap(map, "valueFrom") {
                Some(from) => {
                    if let Some(secret) = this.submap(from, "secretKeyRef") {
                        EnvSource::Secret(this.name_of(secret, "name"), this.name_of(secret, "key"))
                    } else if let Some(config) = this.submap(from, "configMapKeyRef") {
                        let name = this.name_of(config, "name");
                        EnvSource::ConfigMap(name, this.name_of(config, "key"))
                    } else {
                        EnvSource::Other
                    }
                }
                None => EnvSource::Literal(this.text(map, "value").unwrap_or(Field {
                    value: Str::from(""),
                    span: node.span,
                })),
            };
            EnvVar {
                name,
                span: node.span,
                source,
            }
        })
    }

    fn env_from(&mut self, container: &Map) -> Vec<EnvFrom> {
        let mut sources = Vec::new();
        for (_, node, map) in self.objects(container, "envFrom") {
            for (field, secret) in [("secretRef", true), ("configMapRef", false)] {
                if let Some(reference) = self.submap(map, field) {
                    let name = self.name_of(reference, "name");
                    sources.push(EnvFrom {
                        name,
                        secret,
                        span: node.span,
                    });
                }
            }
        }
        sources
    }

    fn ports(&mut self, container: &Map) -> Vec<Port> {
        self.each(container, "ports", |this, _, _, map| Port {
            name: this.text(map, "name").map(|field| field.value),
            container_port: this.integer(map, "containerPort"),
            host_port: this.integer(map, "hostPort"),
            protocol: this.text(map, "protocol").map(|field| field.value),
        })
    }

    fn mounts(&mut self, container: &Map) -> Vec<VolumeMount> {
        self.each(container, "volumeMounts", |this, _, node, map| {
            VolumeMount {
                name: this.name_of(map, "name"),
                path: this.name_of(map, "mountPath"),
                read_only: this
                    .boolean(map, "readOnly")
                    .is_some_and(|field| field.value),
                bidirectional: this
                    .text(map, "mountPropagation")
                    .is_some_and(|field| &*field.value == "Bidirectional"),
                sub_path: this
                    .text(map, "subPath")
                    .or_else(|| this.text(map, "subPathExpr"))
                    .map(|field| field.value)
                    .filter(|path| !path.is_empty()),
                span: node.span,
            }
        })
    }

    fn resources(&mut self, container: &Map) -> Resources {
        let Some(map) = self.submap(container, "resources") else {
            return Resources::default();
        };
        let mut resources = Resources {
            span: container.get("resources").map(|node| node.span),
            ..Resources::default()
        };
        if let Some(requests) = self.submap(map, "requests") {
            resources.cpu_request = self.quantity(requests, "cpu");
            resources.memory_request = self.quantity(requests, "memory");
        }
        if let Some(limits) = self.submap(map, "limits") {
            resources.cpu_limit = self.quantity(limits, "cpu");
            resources.memory_limit = self.quantity(limits, "memory");
        }
        resources
    }

    fn hooks(&mut self, container: &Map) -> Vec<Hook> {
        let mut hooks = Vec::new();
        for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
            if let Some(probe) = self.submap(container, name) {
                let span = container.get(name).map_or(Span::NONE, |node| node.span);
                let host = self.hook_host(probe);
                let http = self.hook_http(probe);
                hooks.push(Hook {
                    name,
                    host,
                    http,
                    span,
                });
            }
        }
        if let Some(lifecycle) = self.submap(container, "lifecycle") {
            for name in ["postStart", "preStop"] {
                if let Some(handler) = self.submap(lifecycle, name) {
                    let span = lifecycle.get(name).map_or(Span::NONE, |node| node.span);
                    let host = self.hook_host(handler);
                    let http = self.hook_http(handler);
                    hooks.push(Hook {
                        name,
                        host,
                        http,
                        span,
                    });
                }
            }
        }
        hooks
    }

    fn hook_host(&mut self, handler: &Map) -> Option<(&'static str, Field<Str>)> {
        for action in ["httpGet", "tcpSocket"] {
            if let Some(map) = self.submap(handler, action)
                && let Some(host) = self.text(map, "host").filter(|host| !host.value.is_empty())
            {
                return Some((action, host));
            }
        }
        None
    }

    fn hook_http(&mut self, handler: &Map) -> Option<(Str, Str)> {
        let get = self.submap(handler, "httpGet")?;
        let path = get.get("path").and_then(Node::as_str).unwrap_or("/");
        let port = get.get("port")?;
        let number = port.as_i64().map(|number| number.to_string());
        let port = number.or_else(|| port.as_str().map(str::to_owned))?;
        Some((path.into(), port.into()))
    }

    fn tolerations(&mut self, spec: &Map) -> Vec<Toleration> {
        self.each(spec, "tolerations", |this, _, node, map| {
            let mut text = |key| this.text(map, key).map(|field| field.value);
            Toleration {
                key: text("key").filter(|key| !key.is_empty()),
                operator: text("operator"),
                effect: text("effect"),
                span: node.span,
            }
        })
    }

    fn volumes(&mut self, spec: &Map) -> Vec<Volume> {
        self.each(spec, "volumes", |this, index, node, map| {
            let source = map
                .iter()
                .find(|entry| &*entry.key != "name" && !entry.value.is_null());
            let kind = source.map_or(VolumeKind::Other, |entry| {
                entry
                    .value
                    .as_map()
                    .map_or(VolumeKind::Other, |map| this.volume_kind(&entry.key, map))
            });
            Volume {
                name: this.name_of(map, "name"),
                index,
                span: node.span,
                source: source.map(|entry| Field {
                    value: entry.key.clone(),
                    span: entry.key_span,
                }),
                kind,
            }
        })
    }

    fn volume_kind(&mut self, source: &str, map: &Map) -> VolumeKind {
        match source {
            "hostPath" => {
                let path = self.text(map, "path");
                let path = path.unwrap_or(Field {
                    value: Str::from(""),
                    span: Span::NONE,
                });
                VolumeKind::HostPath(path, self.text(map, "type").map(|field| field.value))
            }
            "secret" => VolumeKind::Secret(self.name_of(map, "secretName")),
            "configMap" => VolumeKind::ConfigMap(self.name_of(map, "name")),
            "persistentVolumeClaim" => VolumeKind::Claim(self.name_of(map, "claimName")),
            "csi" => VolumeKind::Csi(self.name_of(map, "driver")),
            "projected" => {
                let (mut secrets, mut config_maps, mut tokens) = (vec![], vec![], vec![]);
                for (_, _, source) in self.objects(map, "sources") {
                    if let Some(secret) = self.submap(source, "secret") {
                        secrets.push(self.name_of(secret, "name"));
                    }
                    if let Some(config) = self.submap(source, "configMap") {
                        config_maps.push(self.name_of(config, "name"));
                    }
                    if let Some(token) = self.submap(source, "serviceAccountToken") {
                        tokens.push(self.name_of(token, "audience"));
                    }
                }
                VolumeKind::Projected {
                    secrets,
                    config_maps,
                    tokens,
                }
            }
            _ => VolumeKind::Other,
        }
    }
}

fn is_pod_template(node: &Node) -> bool {
    let containers = node
        .at(&["spec", "containers"])
        .and_then(Node::as_seq)
        .unwrap_or_default();
    let named = |container: &Node| container.get("name").and_then(Node::as_str).is_some();
    !containers.is_empty()
        && containers.iter().all(named)
        && containers
            .iter()
            .any(|container| container.get("image").is_some())
}

/// Escapes a key for a JSON pointer (RFC 6901).
pub fn escape(key: &str) -> std::borrow::Cow<'_, str> {
    if key.contains(['~', '/']) {
        key.replace('~', "~0").replace('/', "~1").into()
    } else {
        key.into()
    }
}
