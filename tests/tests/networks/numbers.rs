//! Clusters out of numbers that look random.

use serde_json::{Value, json};

/// The ports that rules and questions are about.
pub(crate) const PORTS: [u16; 6] = [53, 80, 81, 443, 8080, 9000];

/// Numbers that look random and are the same on every run.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// A number below a bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound as u64).expect("small")
    }

    /// One of several.
    pub(crate) fn one<T: Clone>(&mut self, of: &[T]) -> T {
        let index = self.below(of.len());
        of.get(index).expect("in it").clone()
    }

    /// Whether a chance of so many in ten comes up.
    pub(crate) fn chance(&mut self, of_ten: usize) -> bool {
        self.below(10) < of_ten
    }

    /// A list of so many items at most.
    pub(crate) fn list(&mut self, most: usize, item: impl Fn(&mut Self) -> Value) -> Value {
        let length = self.below(most + 1);
        (0..length).map(|_| item(self)).collect()
    }

    /// Some of the labels that are possible.
    pub(crate) fn labels(&mut self, keys: &[&str], values: &[&str]) -> Value {
        let mut labels = json!({});
        for key in keys {
            if self.chance(6) {
                labels[*key] = json!(self.one(values));
            }
        }
        labels
    }

    /// A selector for such labels.
    pub(crate) fn selector(&mut self, keys: &[&str], values: &[&str]) -> Value {
        let mut selector = json!({});
        if self.chance(5) {
            selector["matchLabels"] = json!({self.one(keys): self.one(values)});
        }
        if self.chance(3) {
            let operator = self.one(&["In", "NotIn", "Exists", "DoesNotExist"]);
            let key = self.one(keys);
            let mut expression = json!({"key": key, "operator": operator});
            if operator.ends_with("In") {
                expression["values"] = json!([self.one(values), self.one(values)]);
            }
            selector["matchExpressions"] = json!([expression]);
        }
        selector
    }

    /// A selector for pods.
    pub(crate) fn pods(&mut self) -> Value {
        self.selector(&["app", "tier"], &["a", "b", "c"])
    }

    /// A selector for namespaces.
    pub(crate) fn spaces(&mut self) -> Value {
        self.selector(&["team", "env"], &["red", "blue"])
    }

    fn peer(&mut self) -> Value {
        match self.below(5) {
            0 => json!({"podSelector": self.pods()}),
            1 => json!({"namespaceSelector": self.spaces()}),
            2 => json!({"namespaceSelector": self.spaces(), "podSelector": self.pods()}),
            3 => json!({"ipBlock": {"cidr": self.one(&["20.0.0.0/8", "0.0.0.0/0", "8.8.8.8/32"])}}),
            _ => json!({"ipBlock": {"cidr": self.one(&["20.0.0.0/8", "0.0.0.0/0"]),
                                    "except": ["20.1.0.0/16"]}}),
        }
    }

    fn port(&mut self) -> Value {
        let protocol = self.one(&["TCP", "UDP", "SCTP"]);
        match self.below(5) {
            0 => json!({"protocol": protocol}),
            1 => json!({"port": self.one(&PORTS)}),
            2 => {
                let first = self.one(&PORTS);
                let last = first + u16::try_from(self.below(500)).expect("small");
                json!({"protocol": protocol, "port": first, "endPort": last})
            }
            3 => json!({"protocol": protocol, "port": self.one(&["web", "dns"])}),
            _ => json!({"protocol": protocol, "port": self.one(&PORTS)}),
        }
    }

    /// A NetworkPolicy as the API server has it, in one of the namespaces n0 to n2.
    pub(crate) fn network_policy(&mut self, index: usize) -> Value {
        let rule = |way: &'static str| {
            move |numbers: &mut Self| {
                let mut rule = json!({});
                if numbers.chance(8) {
                    rule[way] = numbers.list(2, Self::peer);
                }
                if numbers.chance(6) {
                    rule["ports"] = numbers.list(2, Self::port);
                }
                rule
            }
        };
        let types = [
            json!(["Ingress"]),
            json!(["Egress"]),
            json!(["Ingress", "Egress"]),
        ];
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": format!("policy-{index}"),
                         "namespace": format!("n{}", self.below(3))},
            "spec": {"podSelector": self.pods(), "policyTypes": self.one(&types),
                     "ingress": self.list(2, rule("from")), "egress": self.list(2, rule("to"))},
        })
    }
}

/// Without the rules of a direction that `policyTypes` leaves out. Kubernetes ignores them;
/// Cilium heeds them, and others refuse the policy.
pub(crate) fn only_of_types(mut policy: Value) -> Value {
    let types = policy["spec"]["policyTypes"].clone();
    let spec = policy["spec"].as_object_mut().expect("a spec");
    for (name, key) in [("Ingress", "ingress"), ("Egress", "egress")] {
        if !types.as_array().expect("types").contains(&json!(name)) {
            spec.remove(key);
        }
    }
    policy
}
