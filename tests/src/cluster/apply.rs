//! Asking a test's API server: requests as the administrator, and manifests applied.

use super::base64;
use super::certificates::Certificates;
use http::{Request, header};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use seawall_model::FileId;
use seawall_yaml::{Limits, to_json};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// Kind, plural, and whether its objects are in namespaces, by `apiVersion`.
type Known = HashMap<String, Vec<(String, String, bool)>>;

/// The API server, asked by somebody who may do everything.
#[derive(Clone)]
pub struct Api {
    runtime: Arc<Runtime>,
    client: Client,
    known: Arc<Mutex<Known>>,
}

impl Api {
    pub(super) fn new(certificates: &Certificates, port: u16, token: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let text = format!(
            "{{current-context: x, contexts: [{{name: x, context: {{cluster: x, user: x}}}}], \
             users: [{{name: x, user: {{token: {token}}}}}], \
             clusters: [{{name: x, cluster: {{server: 'https://127.0.0.1:{port}', \
             certificate-authority-data: {}}}}}]}}",
            base64(&certificates.ca),
        );
        let client = runtime.block_on(async {
            let kubeconfig = Kubeconfig::from_yaml(&text).unwrap();
            let options = KubeConfigOptions::default();
            let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
                .await
                .unwrap();
            config.default_retry = false;
            Client::try_from(config).unwrap()
        });
        Self {
            runtime: Arc::new(runtime),
            client,
            known: Arc::default(),
        }
    }

    /// The status and the text of an answer; status 0 when there is none.
    pub fn ask(&self, method: &str, path: &str, kind: &str, body: Vec<u8>) -> (u16, String) {
        self.ask_with(method, path, &[("content-type", kind)], body)
    }

    /// The same with more to say in the header, such as whom to impersonate.
    pub fn ask_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> (u16, String) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).unwrap();
        self.runtime.block_on(async {
            let Ok(response) = self.client.send(request).await else {
                return (0, String::new());
            };
            let status = response.status().as_u16();
            let bytes = response.into_body().collect_bytes().await;
            let bytes = bytes.unwrap_or_default();
            (status, String::from_utf8_lossy(&bytes).into_owned())
        })
    }

    /// The status and the JSON of an answer.
    pub fn json(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let bytes = if body.is_null() {
            Vec::new()
        } else {
            serde_json::to_vec(body).unwrap()
        };
        let (status, text) = self.ask(method, path, "application/json", bytes);
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub fn get_text(&self, path: &str) -> String {
        self.ask("GET", path, "application/json", Vec::new()).1
    }

    pub fn wait_for(&self, path: &str) {
        let start = Instant::now();
        while self.json("GET", path, &Value::Null).0 != 200 {
            assert!(start.elapsed() < Duration::from_mins(1), "{path}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The `default` service account of a namespace, which a controller would make.
    pub fn account(&self, namespace: &str) {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": namespace},
        });
        self.apply_one(&account).unwrap();
    }

    /// Applies all objects of a text (server-side apply), namespaces and CRDs first, and
    /// returns what the server refused, as `Kind namespace/name: why`.
    pub fn apply(&self, text: &str) -> Vec<String> {
        let stream = seawall_yaml::parse(text, FileId::UNKNOWN, &Limits::default());
        assert!(stream.problems.is_empty(), "{:?}", stream.problems);
        let objects: Vec<Value> = stream
            .documents
            .iter()
            .map(|document| serde_json::from_str(&to_json(&document.root)).unwrap())
            .collect();
        self.apply_all(objects)
    }

    pub fn apply_all(&self, objects: Vec<Value>) -> Vec<String> {
        let rank = |object: &Value| match object["kind"].as_str().unwrap() {
            "Namespace" => 0,
            "CustomResourceDefinition" => 1,
            "ServiceAccount" => 2,
            _ => 3,
        };
        let mut objects = objects;
        objects.sort_by_key(rank);
        let mut refused = Vec::new();
        for object in &objects {
            if let Err(why) = self.apply_one(object) {
                let metadata = &object["metadata"];
                refused.push(format!(
                    "{} {}/{}: {why}",
                    object["kind"].as_str().unwrap(),
                    metadata["namespace"].as_str().unwrap_or_default(),
                    metadata["name"].as_str().unwrap_or_default(),
                ));
            } else if object["kind"] == "Namespace" {
                self.account(object["metadata"]["name"].as_str().unwrap());
            } else if object["kind"] == "CustomResourceDefinition" {
                let spec = &object["spec"];
                let version = spec["versions"][0]["name"].as_str().unwrap();
                let group = spec["group"].as_str().unwrap();
                let plural = spec["names"]["plural"].as_str().unwrap();
                self.wait_for(&format!("/apis/{group}/{version}/{plural}"));
            }
        }
        refused
    }

    /// Makes the server take objects of kinds that it does not serve: a definition without a
    /// schema for each.
    pub fn define(&self, objects: &[Value]) {
        for object in objects {
            if self.collection(object).is_ok() {
                continue;
            }
            let kind = object["kind"].as_str().unwrap();
            let (group, version) = object["apiVersion"]
                .as_str()
                .unwrap()
                .split_once('/')
                .unwrap();
            let singular = kind.to_lowercase();
            let plural = match singular.strip_suffix('y') {
                Some(stem) if !stem.ends_with('a') => format!("{stem}ies"),
                _ => format!("{singular}s"),
            };
            let namespaced = object["metadata"]["namespace"].is_string();
            let definition = json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {
                    "name": format!("{plural}.{group}"),
                    "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
                },
                "spec": {
                    "group": group,
                    "scope": if namespaced { "Namespaced" } else { "Cluster" },
                    "names": {"plural": plural, "singular": singular, "kind": kind},
                    "versions": [{
                        "name": version, "served": true, "storage": true,
                        "schema": {"openAPIV3Schema": {
                            "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                        }},
                    }],
                },
            });
            assert_eq!(self.apply_all(vec![definition]), Vec::<String>::new());
        }
    }

    fn apply_one(&self, object: &Value) -> Result<(), String> {
        let path = self.path(object)?;
        let (status, answer) = self.ask(
            "PATCH",
            &format!("{path}?fieldManager=seawall-tests&force=true"),
            "application/apply-patch+yaml",
            serde_json::to_vec(object).unwrap(),
        );
        if (200..300).contains(&status) {
            return Ok(());
        }
        let answer: Value = serde_json::from_str(&answer).unwrap_or(Value::String(answer));
        let message = answer["message"].as_str().map(str::to_owned);
        Err(format!(
            "{status} {}",
            message.unwrap_or(answer.to_string())
        ))
    }

    /// Where an object lives on the server.
    pub fn path(&self, object: &Value) -> Result<String, String> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let collection = self.collection(object)?;
        Ok(format!("{collection}/{name}"))
    }

    /// Where objects of its kind are created.
    pub fn collection(&self, object: &Value) -> Result<String, String> {
        let version = object["apiVersion"].as_str().unwrap();
        let kind = object["kind"].as_str().unwrap();
        let root = if version.contains('/') {
            "/apis"
        } else {
            "/api"
        };
        let mut known = self.known.lock().unwrap();
        // A CRD may have come since the last time.
        let has_kind = |known: &Known| {
            let of_version = known.get(version)?;
            of_version.iter().find(|(k, _, _)| k == kind).cloned()
        };
        if has_kind(&known).is_none() {
            let (_, list) = self.json("GET", &format!("{root}/{version}"), &Value::Null);
            let resources = list["resources"].as_array().cloned().unwrap_or_default();
            let resources = resources
                .iter()
                .filter(|r| !r["name"].as_str().unwrap().contains('/'))
                .map(|r| {
                    (
                        r["kind"].as_str().unwrap().to_owned(),
                        r["name"].as_str().unwrap().to_owned(),
                        r["namespaced"] == true,
                    )
                })
                .collect();
            known.insert(version.to_owned(), resources);
        }
        let Some((_, plural, namespaced)) = has_kind(&known) else {
            return Err(format!("the server does not serve {version} {kind}"));
        };
        Ok(if namespaced {
            let namespace = object["metadata"]["namespace"].as_str();
            let namespace = namespace.unwrap_or("default");
            format!("{root}/{version}/namespaces/{namespace}/{plural}")
        } else {
            format!("{root}/{version}/{plural}")
        })
    }
}
