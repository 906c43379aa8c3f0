//! Label selectors, as `metav1.LabelSelector` defines them.

use seawall_model::Str;
use seawall_yaml::Node;

/// A label selector. The empty selector matches everything; *no* selector is the caller's
/// case (it usually matches nothing).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelSelector {
    /// All of these must hold.
    pub requirements: Vec<Requirement>,
}

/// One requirement of a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Label key.
    pub key: Str,
    /// What must hold of its value.
    pub operator: Operator,
}

/// What must hold of a label's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// The label is there with one of these values.
    In(Vec<Str>),
    /// The label is absent or has none of these values.
    NotIn(Vec<Str>),
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
}

impl LabelSelector {
    /// Reads a `LabelSelector` object (`matchLabels`, `matchExpressions`). An unknown
    /// operator makes the whole selector `None`: the API server would refuse it.
    pub fn read(node: &Node) -> Option<Self> {
        let mut requirements = Vec::new();
        if let Some(labels) = node.get("matchLabels").and_then(Node::as_map) {
            requirements.extend(equalities(labels));
        }
        for expression in node
            .get("matchExpressions")
            .and_then(Node::as_seq)
            .unwrap_or_default()
        {
            let key = Str::from(expression.get("key")?.as_str()?);
            let values = || -> Vec<Str> {
                let values = expression
                    .get("values")
                    .and_then(Node::as_seq)
                    .unwrap_or_default();
                values
                    .iter()
                    .filter_map(Node::as_str)
                    .map(Str::from)
                    .collect()
            };
            let operator = match expression.get("operator")?.as_str()? {
                "In" => Operator::In(values()),
                "NotIn" => Operator::NotIn(values()),
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                _ => return None,
            };
            requirements.push(Requirement { key, operator });
        }
        Some(Self { requirements })
    }

    /// Reads a plain map selector, as Services and ReplicationControllers have it.
    pub fn read_map(node: &Node) -> Option<Self> {
        Some(Self {
            requirements: equalities(node.as_map()?).collect(),
        })
    }

    /// Whether labels (sorted by key) meet every requirement.
    pub fn matches(&self, labels: &[(Str, Str)]) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels
                .binary_search_by(|(key, _)| key.as_ref().cmp(&requirement.key))
                .ok()
                .and_then(|index| labels.get(index))
                .map(|(_, value)| value);
            match (&requirement.operator, value) {
                (Operator::In(values), Some(value)) => values.contains(value),
                (Operator::NotIn(values), Some(value)) => !values.contains(value),
                (Operator::Exists, value) => value.is_some(),
                (Operator::DoesNotExist, value) => value.is_none(),
                (Operator::In(_), None) => false,
                (Operator::NotIn(_), None) => true,
            }
        })
    }
}

fn equalities(labels: &seawall_yaml::Map) -> impl Iterator<Item = Requirement> + '_ {
    labels.iter().filter_map(|entry| {
        let value = Str::from(entry.value.as_str()?);
        Some(Requirement {
            key: entry.key.clone(),
            operator: Operator::In(vec![value]),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Vec<(Str, Str)> {
        pairs
            .iter()
            .map(|(k, v)| (Str::from(*k), Str::from(*v)))
            .collect()
    }

    fn requirement(key: &str, operator: Operator) -> LabelSelector {
        LabelSelector {
            requirements: vec![Requirement {
                key: key.into(),
                operator,
            }],
        }
    }

    #[test]
    fn operators_treat_absent_labels_as_upstream_does() {
        let pod = labels(&[("app", "web"), ("tier", "front")]);
        let web = || vec![Str::from("web")];
        for (selector, want) in [
            (LabelSelector::default(), true),
            (requirement("app", Operator::In(web())), true),
            (requirement("app", Operator::NotIn(web())), false),
            (requirement("none", Operator::In(web())), false),
            (requirement("none", Operator::NotIn(web())), true),
            (requirement("tier", Operator::Exists), true),
            (requirement("tier", Operator::DoesNotExist), false),
            (requirement("none", Operator::DoesNotExist), true),
        ] {
            assert_eq!(selector.matches(&pod), want, "{selector:?}");
        }
    }
}
