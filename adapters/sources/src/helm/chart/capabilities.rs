//! `.Capabilities`, as Helm has it without a cluster.

use crate::helm::value::Value;
use crate::helm::value::object::{Field, Object, Struct};
use std::rc::Rc;

/// The Kubernetes version that Helm's own client was made for.
pub(crate) const KUBE_VERSION: &str = "v1.37.0";

/// The API versions that Helm's own client knows.
const API_VERSIONS: [&str; 57] = [
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1beta1",
    "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "lifecycle.k8s.io/v1alpha1",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1beta1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storagemigration.k8s.io/v1",
    "storagemigration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
];

/// A Kubernetes version as Helm takes it from `--kube-version`: `v1.2.3`.
pub(crate) fn kube_version(text: &str) -> String {
    let plain = text.trim().trim_start_matches('v');
    let core = plain.split(['-', '+']).next().unwrap_or(plain);
    let mut parts: Vec<&str> = core.split('.').filter(|part| !part.is_empty()).collect();
    while parts.len() < 3 {
        parts.push("0");
    }
    let suffix = plain.get(core.len()..).unwrap_or("");
    format!("v{}{suffix}", parts.join("."))
}

/// `.Capabilities` for a Kubernetes version, with further API versions.
pub(crate) fn value(version: &str, further: &[String]) -> Value {
    let field = |name, value: &str| Field {
        name,
        json: "",
        omit_empty: false,
        value: Value::text(value),
    };
    let mut parts = version.trim_start_matches('v').split('.');
    let (major, minor) = (parts.next().unwrap_or("1"), parts.next().unwrap_or("0"));
    let kube = Value::object(Object::Struct(Struct {
        type_name: "chartutil.KubeVersion",
        fields: vec![
            field("Version", version),
            field("Major", major),
            field("Minor", minor),
        ],
        methods: &[("String", "Version"), ("GitVersion", "Version")],
        pointer: false,
    }));
    let known = API_VERSIONS
        .iter()
        .copied()
        .chain(further.iter().map(String::as_str));
    let versions: Rc<[Rc<str>]> = known.map(Rc::from).collect();
    let helm = Value::object(Object::Struct(Struct {
        type_name: "version.BuildInfo",
        fields: vec![
            Field {
                json: "version",
                ..field("Version", "v3.22.0")
            },
            Field {
                json: "git_commit",
                omit_empty: true,
                ..field("GitCommit", "")
            },
            Field {
                json: "git_tree_state",
                omit_empty: true,
                ..field("GitTreeState", "")
            },
            Field {
                json: "go_version",
                omit_empty: true,
                ..field("GoVersion", "go1.26.8")
            },
        ],
        methods: &[],
        pointer: false,
    }));
    let hold = |name, value| Field {
        name,
        json: "",
        omit_empty: false,
        value,
    };
    Value::object(Object::Struct(Struct {
        type_name: "*chartutil.Capabilities",
        fields: vec![
            hold("KubeVersion", kube),
            hold("APIVersions", Value::object(Object::Versions(versions))),
            hold("HelmVersion", helm),
        ],
        methods: &[],
        pointer: true,
    }))
}
