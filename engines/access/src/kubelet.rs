//! What a request to the kubelet is to the authorizer: a path becomes a subresource of the
//! node.
//!
//! The kubelet asks for a fine subresource first, where it has one for the path, and for
//! `proxy` after it. Everything that it does not know is `proxy`, `exec` and `run` among it,
//! and the verb is that of the HTTP method: who may `get nodes/proxy` runs commands in every
//! pod of the node, through a WebSocket.

use crate::request::{Request, ResourceRequest};
use seawall_model::{KubernetesVersion, Str};

/// The first version that asks for fine subresources.
const FINE_SINCE: KubernetesVersion = KubernetesVersion::new(33);

/// The requests of which one has to be allowed, for a method and a path of a node's kubelet.
pub fn requests(version: KubernetesVersion, method: &str, path: &str, node: &Str) -> Vec<Request> {
    let verb = match method.to_ascii_uppercase().as_str() {
        "POST" => "create",
        "GET" => "get",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "",
    };
    let subresources = subresources(version, path).into_iter();
    let request = |subresource: &str| {
        Request::Resource(ResourceRequest {
            verb: verb.into(),
            resource: "nodes".into(),
            subresource: subresource.into(),
            name: node.clone(),
            ..ResourceRequest::default()
        })
    };
    subresources.map(request).collect()
}

/// The subresources of which one has to be allowed.
pub fn subresources(version: KubernetesVersion, path: &str) -> Vec<&'static str> {
    let is_below = |parent: &str| {
        let rest = path.strip_prefix(parent);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let of = |table: &[(&str, &'static str)]| {
        let found = table.iter().find(|(parent, _)| is_below(parent));
        found.map(|(_, subresource)| *subresource)
    };
    let fine = of(&[
        ("/allocatedPods", "pods"),
        ("/pods", "pods"),
        ("/runningpods", "pods"),
        ("/healthz", "healthz"),
        ("/configz", "configz"),
    ]);
    let coarse = of(&[
        ("/stats", "stats"),
        ("/metrics", "metrics"),
        ("/logs", "log"),
        ("/checkpoint", "checkpoint"),
        ("/statusz", "statusz"),
        ("/flagz", "configz"),
    ]);
    let fine = fine.filter(|_| version >= FINE_SINCE);
    fine.into_iter()
        .chain([coarse.unwrap_or("proxy")])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_subresources() {
        for (path, minor, want) in [
            ("/stats/summary", 37, &["stats"][..]),
            ("/metrics", 37, &["metrics"]),
            ("/metrics/cadvisor", 37, &["metrics"]),
            ("/metricsx", 37, &["proxy"]),
            ("/logs/", 37, &["log"]),
            ("/checkpoint/a/b/c", 37, &["checkpoint"]),
            ("/pods", 37, &["pods", "proxy"]),
            ("/pods", 32, &["proxy"]),
            ("/runningpods/", 37, &["pods", "proxy"]),
            ("/healthz/ping", 37, &["healthz", "proxy"]),
            ("/configz", 33, &["configz", "proxy"]),
            ("/configz", 32, &["proxy"]),
            ("/exec/ns/pod/c", 37, &["proxy"]),
            ("/run/ns/pod/c", 37, &["proxy"]),
            ("/containerLogs/ns/pod/c", 37, &["proxy"]),
            ("/", 37, &["proxy"]),
        ] {
            assert_eq!(
                subresources(KubernetesVersion::new(minor), path),
                want,
                "{path} at 1.{minor}"
            );
        }
        let node = Str::from("n1");
        let asked = requests(KubernetesVersion::NEWEST, "GET", "/exec/a/b/c", &node);
        assert!(asked.iter().all(|request| request.verb() == "get"));
    }
}
