//! The smallest ClusterRole that a scan needs.

use crate::wanted;
use std::fmt::Write as _;

/// What an identity should be able to do.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    /// Read what these rules need; what all need when empty.
    pub rules: Vec<String>,
    /// Read the values of Secrets, too.
    pub secrets: bool,
    /// Keep watching.
    pub watch: bool,
}

impl Rights {
    /// The role as YAML, without a binding.
    pub fn cluster_role(&self) -> String {
        let verbs = if self.watch {
            "[list, watch]"
        } else {
            "[list]"
        };
        let mut text = String::from(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  \
             name: seawall-scan\nrules:\n",
        );
        let mut rule = |group: &str, plurals: &[&str]| {
            let plurals: Vec<String> = plurals.iter().map(|p| quoted(p)).collect();
            let _ = write!(
                text,
                "  - apiGroups: [{}]\n    resources: [{}]\n    verbs: {verbs}\n",
                quoted(group),
                plurals.join(", ")
            );
        };
        for (group, mut plurals) in wanted::of_rules(&self.rules) {
            if self.secrets && group.is_empty() {
                plurals.push("secrets");
                plurals.sort_unstable();
            }
            rule(group, &plurals);
        }
        if !self.secrets {
            text.push_str(
                "# Secrets are left out: to list them is to read them. A scan without this right \
                 says so\n# and misses nothing that it judges.\n",
            );
        }
        text.push_str(
            "# Custom resources may embed pods: a scan names the groups that it could not list.\n",
        );
        text
    }
}

fn quoted(text: &str) -> String {
    if text.is_empty() || text == "*" {
        format!("\"{text}\"")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_check_needs_one_right() {
        let rights = Rights {
            rules: vec!["N09".to_owned()],
            ..Rights::default()
        };
        let role = rights.cluster_role();
        assert!(
            role.contains(
                "rules:\n  - apiGroups: [\"\"]\n    resources: [services]\n    verbs: [list]\n#"
            ),
            "{role}"
        );
    }

    #[test]
    fn secrets_are_asked_for_by_name_only() {
        assert!(!Rights::default().cluster_role().contains("secrets,"));
        let rights = Rights {
            secrets: true,
            watch: true,
            ..Rights::default()
        };
        let role = rights.cluster_role();
        assert!(role.contains("secrets, serviceaccounts"), "{role}");
        assert!(role.contains("[list, watch]"));
    }
}
