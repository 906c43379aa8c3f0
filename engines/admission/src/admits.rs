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
use crate::policy::{GROUP, Voice, voices, webhooks_on_pods};
use seawall_model::access::Authorizer;
use seawall_model::fact::{PodSecurityLevel, PodShape};
use seawall_model::{Fact, FileId, KubernetesVersion, Outcome, SourceMap, Span, Str};
use seawall_snapshot::{Keep, Object, ScopeId, Snapshot, object};
use seawall_yaml::{Limits, Node, parse};
use std::collections::BTreeMap;
use std::sync::LazyLock;

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
    let pods = &**PODS;
    let voices = if has_asked(snapshot) {
        ask(snapshot, &namespaces, pods, authorizer)
    } else {
        vec![vec![Voice::Admits; pods.len()]; namespaces.len()]
    };
    // A namespace may be in several renderings.
    let mut admitted: BTreeMap<(Str, PodShape), bool> = BTreeMap::new();
    for (judged, voices) in namespaces.iter().zip(&voices) {
        for ((shape, pod), voice) in PodShape::ALL.into_iter().zip(pods).zip(voices) {
            let by_labels = pod_security(judged, &pod.object, cluster, version);
            let voice = (*voice).max(by_labels);
            if voice == Voice::Refuses {
                continue;
            }
            let key = (Str::from(judged.name()), shape);
            *admitted.entry(key).or_default() |= voice == Voice::Admits;
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

/// Whether there is anybody to ask besides Pod Security.
fn has_asked(snapshot: &Snapshot) -> bool {
    const ASKED: [&str; 2] = [
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    ];
    let mut asked = ASKED.iter().flat_map(|kind| snapshot.of_kind(GROUP, kind));
    asked.next().is_some()
}

/// What policies and webhooks say about the pods in each of the namespaces.
fn ask(
    snapshot: &Snapshot,
    namespaces: &[&Judged<'_>],
    pods: &[Pod],
    authorizer: Option<&dyn Authorizer>,
) -> Vec<Vec<Voice>> {
    let groups: Vec<Vec<Object>> = namespaces
        .iter()
        .map(|judged| {
            let there = |pod: &Pod| pod.inside(judged.name(), judged.object.scope);
            pods.iter()
                .map(there)
                .collect::<Option<_>>()
                .unwrap_or_default()
        })
        .collect();
    let careful: Vec<&Object> = groups.iter().filter_map(|group| group.first()).collect();
    let webhooks = webhooks_on_pods(snapshot, &careful);
    let mut voices = voices(snapshot, &groups, authorizer);
    for (voices, has_webhook) in voices.iter_mut().zip(webhooks) {
        for voice in voices.iter_mut().filter(|_| has_webhook) {
            *voice = Voice::Unknown.max(*voice);
        }
    }
    voices
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

/// A pod that nobody has written.
struct Pod {
    tree: Node,
    object: Object,
}

impl Pod {
    /// A pod of a shape, careful in everything else.
    fn of(shape: PodShape) -> Option<Self> {
        let stream = parse(&text(shape), FileId::UNKNOWN, &Limits::default());
        let tree = stream.documents.into_iter().next()?.root;
        let object = read(&tree, ScopeId::PLAIN)?;
        Some(Self { tree, object })
    }

    /// The same in a namespace of a rendering.
    fn inside(&self, namespace: &str, scope: ScopeId) -> Option<Object> {
        let mut tree = self.tree.clone();
        let metadata = tree.as_map_mut()?.get_mut("metadata")?.as_map_mut()?;
        let name = Node::string(namespace, Span::NONE);
        metadata.insert("namespace", Span::NONE, name);
        read(&tree, scope)
    }
}

fn read(tree: &Node, scope: ScopeId) -> Option<Object> {
    object::read_keeping(tree, scope, &SourceMap::new(), &mut Vec::new(), Keep::Trees)
}

/// A pod of each shape, in the order of shapes.
static PODS: LazyLock<Vec<Pod>> = LazyLock::new(|| {
    let pods: Option<_> = PodShape::ALL.into_iter().map(Pod::of).collect();
    pods.unwrap_or_default()
});

fn text(shape: PodShape) -> String {
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
    format!(
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
    )
}
