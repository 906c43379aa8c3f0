//! Which dangerous pods the namespaces of the picture let in: facts for other engines.
//!
//! A few pods, each with one dangerous thing, are put to everything that was seen and would be
//! asked: Pod Security, admission policies in force, webhooks. What refuses a pod must refuse
//! it for that thing: a demand that a careful pod does not meet either can be met by whoever
//! creates the pod.
//!
//! **Invariant:** what cannot be asked does not refuse. A pod then counts as let in, and the
//! fact says that this is not certain.

use crate::cluster::Cluster;
use crate::namespace::Mode;
use crate::namespaces::{Judged, Namespaces};
use crate::pod_security::evaluate;
use crate::policy::{Voice, voices, webhooks_on_pods};
use seawall_model::access::Authorizer;
use seawall_model::fact::{PodSecurityLevel, PodShape};
use seawall_model::{Fact, FileId, KubernetesVersion, Outcome, SourceMap, Span, Str};
use seawall_snapshot::{Keep, Object, ScopeId, Snapshot, object};
use seawall_yaml::{Limits, Node, parse};
use std::collections::BTreeMap;

/// Adds what every namespace lets in.
pub(crate) fn check(
    snapshot: &Snapshot,
    namespaces: &Namespaces<'_>,
    cluster: &Cluster,
    version: KubernetesVersion,
    authorizer: Option<&dyn Authorizer>,
    outcome: &mut Outcome,
) {
    let namespaces: Vec<&Judged<'_>> = namespaces.all().collect();
    let groups: Vec<Vec<Object>> = namespaces
        .iter()
        .map(|judged| {
            let shapes = PodShape::ALL.into_iter();
            shapes
                .map(|shape| pod(shape, judged.name(), judged.object.scope))
                .collect::<Option<_>>()
                .unwrap_or_default()
        })
        .collect();
    let careful: Vec<&Object> = groups.iter().filter_map(|group| group.first()).collect();
    let webhooks = webhooks_on_pods(snapshot, &careful);
    let voices = voices(snapshot, &groups, authorizer);
    // A namespace may be in several renderings.
    let mut admitted: BTreeMap<(Str, PodShape), bool> = BTreeMap::new();
    let all = namespaces.iter().zip(&groups).zip(&voices).zip(&webhooks);
    for (((judged, pods), voices), has_webhook) in all {
        for ((shape, pod), voice) in PodShape::ALL.into_iter().zip(pods).zip(voices) {
            let by_labels = pod_security(judged, pod, cluster, version);
            let voice = (*voice).max(by_labels);
            if voice == Voice::Refuses {
                continue;
            }
            let is_certain = voice == Voice::Admits && !has_webhook;
            let key = (Str::from(judged.name()), shape);
            *admitted.entry(key).or_default() |= is_certain;
        }
    }
    let facts = admitted
        .into_iter()
        .map(|((namespace, shape), is_certain)| Fact::Admits {
            namespace,
            shape,
            is_certain,
        });
    outcome.facts.extend(facts);
}

/// What a namespace's labels, or the cluster's configuration, say about a pod.
fn pod_security(
    judged: &Judged<'_>,
    pod: &Object,
    cluster: &Cluster,
    version: KubernetesVersion,
) -> Voice {
    if cluster.exempts(judged.name()) {
        return Voice::Admits;
    }
    let enforce = judged.labels.policy.enforce;
    let is_refused = enforce.level != PodSecurityLevel::Privileged
        && pod.templates().iter().any(|template| {
            !evaluate(template, enforce.level, enforce.version.at(version)).is_empty()
        });
    let is_known = judged.labels.level_label(Mode::Enforce).is_some() || cluster.source.is_some();
    match (is_refused, is_known) {
        (true, _) => Voice::Refuses,
        (false, true) => Voice::Admits,
        // The API server's own default lets everything in, but it may have another one.
        (false, false) => Voice::Unknown,
    }
}

/// A pod of a shape, careful in everything else.
fn pod(shape: PodShape, namespace: &str, scope: ScopeId) -> Option<Object> {
    const CONFINED: &str = "allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true";
    let of_container = match shape {
        PodShape::Capability => "capabilities: {drop: [ALL], add: [SYS_ADMIN]}",
        PodShape::Privileged => "privileged: true",
        _ => CONFINED,
    };
    let of_pod = match shape {
        PodShape::HostNetwork => "hostNetwork: true",
        PodShape::HostPid => "hostPID: true",
        PodShape::HostIpc => "hostIPC: true",
        PodShape::HostPath => "volumes: [{name: node, hostPath: {path: /}}]",
        _ => "enableServiceLinks: false",
    };
    let mounts = match shape {
        PodShape::HostPath => "volumeMounts: [{name: node, mountPath: /node}]",
        _ => "volumeMounts: []",
    };
    let user = match shape {
        PodShape::Root => "runAsUser: 0",
        _ => "runAsNonRoot: true, runAsUser: 65534, runAsGroup: 65534",
    };
    let text = format!(
        "apiVersion: v1
kind: Pod
metadata:
  name: careful
  labels: {{app: careful, app.kubernetes.io/name: careful}}
spec:
  automountServiceAccountToken: false
  securityContext: {{{user}, seccompProfile: {{type: RuntimeDefault}}}}
  {of_pod}
  containers:
    - name: careful
      image: registry.example/careful:1.0@sha256:{digest}
      imagePullPolicy: Always
      resources:
        requests: {{cpu: 10m, memory: 16Mi, ephemeral-storage: 16Mi}}
        limits: {{cpu: 10m, memory: 16Mi, ephemeral-storage: 16Mi}}
      securityContext: {{{of_container}}}
      {mounts}
",
        digest = "0".repeat(64),
    );
    let stream = parse(&text, FileId::UNKNOWN, &Limits::default());
    let mut root = stream.documents.into_iter().next()?.root;
    let metadata = root.as_map_mut()?.get_mut("metadata")?.as_map_mut()?;
    let name = Node::string(namespace, Span::NONE);
    metadata.insert("namespace", Span::NONE, name);
    let map = SourceMap::new();
    object::read_keeping(&root, scope, &map, &mut Vec::new(), Keep::Trees)
}
