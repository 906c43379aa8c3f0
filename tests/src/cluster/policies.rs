//! Admission policies in a test's API server: when they are active, and what the check of
//! their types says.

use super::Cluster;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long the server may take for what it does in a second or two.
const PATIENCE: Duration = Duration::from_mins(1);

impl Cluster {
    /// Starts the controller that checks types in policies. A server alone does not.
    pub fn check_policy_types(&mut self) {
        let program = super::program().expect("the server runs");
        let kubeconfig = self.kubeconfig().display().to_string();
        self.part(&program, "policystatus", &[kubeconfig]);
    }

    /// Waits until the server applies all policies that were created before.
    pub fn wait_for_policies(&self) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("marker-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let group = "admissionregistration.k8s.io/v1";
        let objects = vec![
            json!({
                "apiVersion": group, "kind": "ValidatingAdmissionPolicy",
                "metadata": {"name": name},
                "spec": {
                    "matchConstraints": {"resourceRules": [{
                        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                        "resources": ["configmaps"], "resourceNames": [name],
                    }]},
                    "validations": [{"expression": "false"}],
                },
            }),
            json!({
                "apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding",
                "metadata": {"name": name},
                "spec": {"policyName": name, "validationActions": ["Deny"]},
            }),
        ];
        assert_eq!(self.api.apply_all(objects), Vec::<String>::new());
        // The server learns of policies, and of bindings, in the order of their creation.
        let path = "/api/v1/namespaces/default/configmaps?dryRun=All";
        let marker = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
        });
        let start = Instant::now();
        while self.api.json("POST", path, &marker).0 == 201 {
            assert!(start.elapsed() < PATIENCE, "policies do not become active");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the check of types says about policies that were created: name and warnings of
    /// each that has some.
    pub fn policy_type_warnings<'p>(
        &self,
        policies: impl Iterator<Item = &'p Value>,
    ) -> Vec<(String, Value)> {
        let mut warnings = Vec::new();
        let start = Instant::now();
        for policy in policies {
            let path = self.api.path(policy).unwrap();
            let checked = loop {
                let (_, now) = self.api.json("GET", &path, &Value::Null);
                if now["status"]["observedGeneration"] == now["metadata"]["generation"] {
                    break now["status"]["typeChecking"]["expressionWarnings"].clone();
                }
                assert!(start.elapsed() < PATIENCE, "{path} is not checked: {now}");
                std::thread::sleep(Duration::from_millis(50));
            };
            if !checked.is_null() {
                let name = policy["metadata"]["name"].as_str().unwrap();
                warnings.push((name.to_owned(), checked));
            }
        }
        warnings
    }
}
