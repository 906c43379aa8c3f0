//! Cilium's selectors: labels of a pod, of its namespace, and what Cilium itself knows of it,
//! all under one roof.

use super::super::read::{At, Read};
use crate::reach::Bits;
use crate::selection::{NAME_LABEL, Selection};
use seawall_model::Str;
use seawall_snapshot::LabelSelector;
use seawall_snapshot::selector::{Operator, Requirement};

/// Endpoints as Cilium's selectors choose them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Endpoints {
    spaces: LabelSelector,
    pods: LabelSelector,
    /// What must hold of the service account's name.
    account: LabelSelector,
    /// Something that is no pod, by its reserved label.
    reserved: Option<Str>,
    /// Whether a label is asked for that no pod has.
    is_nobody: bool,
    /// Whether a label is asked for that the input does not know.
    is_guess: bool,
}

const NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// The label that a policy's own namespace takes the place of.
const OVERWRITTEN: &str = "k8s:io.kubernetes.pod.namespace";
const NAMESPACE_LABELS: &str = "io.cilium.k8s.namespace.labels.";
const ACCOUNT: &str = "io.cilium.k8s.policy.serviceaccount";
const CLUSTER: &str = "io.cilium.k8s.policy.cluster";

impl Endpoints {
    /// The endpoints that a policy holds: of its own namespace, which overwrites the one that
    /// the selector's labels name. What its expressions say of namespaces counts beside that.
    pub(super) fn held(at: &At<'_>, namespace: Option<&str>) -> Read<Self> {
        let mut endpoints = Self::read(at)?;
        let Some(namespace) = namespace else {
            return Ok(endpoints);
        };
        let labels = at.map("matchLabels")?;
        if let Some(other) = labels.and_then(|labels| labels.get(OVERWRITTEN)) {
            let other = other.node.as_str().unwrap_or_default();
            let names_it = |r: &Requirement| {
                &*r.key == NAME_LABEL
                    && matches!(&r.operator, Operator::In(names) if matches!(&names[..], [one] if **one == *other))
            };
            let requirements = &mut endpoints.spaces.requirements;
            if let Some(place) = requirements.iter().position(names_it) {
                requirements.remove(place);
            }
        }
        endpoints.pin(namespace);
        Ok(endpoints)
    }

    /// The endpoints that a rule speaks of: of the policy's namespace, unless the selector says
    /// something about namespaces.
    pub(super) fn peers(at: &At<'_>, namespace: Option<&str>) -> Read<Self> {
        let mut endpoints = Self::read(at)?;
        if let Some(namespace) = namespace
            && endpoints.spaces.requirements.is_empty()
            && endpoints.reserved.is_none()
        {
            endpoints.pin(namespace);
        }
        Ok(endpoints)
    }

    fn pin(&mut self, namespace: &str) {
        self.spaces.requirements.push(Requirement {
            key: NAME_LABEL.into(),
            operator: Operator::In(vec![namespace.into()]),
        });
    }

    fn read(at: &At<'_>) -> Read<Self> {
        let selector = at.selector()?;
        let mut endpoints = Self::default();
        for requirement in selector.requirements {
            endpoints.sort(requirement);
        }
        Ok(endpoints)
    }

    /// Puts a requirement where it belongs. Keys may begin with the source of the label.
    fn sort(&mut self, requirement: Requirement) {
        let (source, key) = match requirement.key.split_once([':']) {
            Some((source, key)) => (source, Str::from(key)),
            None => ("any", requirement.key.clone()),
        };
        let asks_for_it = matches!(requirement.operator, Operator::In(_) | Operator::Exists);
        match source {
            "reserved" if asks_for_it => self.reserved = Some(key),
            "reserved" => {}
            "k8s" | "any" => self.sort_known(key, requirement.operator),
            _ => self.is_nobody |= asks_for_it,
        }
    }

    fn sort_known(&mut self, key: Str, operator: Operator) {
        // Cilium's short way to name something reserved.
        let to = if &*key == NAMESPACE {
            (&mut self.spaces, NAME_LABEL.into())
        } else if let Some(label) = key.strip_prefix(NAMESPACE_LABELS) {
            (&mut self.spaces, label.into())
        } else if &*key == ACCOUNT {
            (&mut self.account, key)
        } else if &*key == CLUSTER {
            // The cluster's name is not in the input; all pods of the picture are of one.
            self.is_guess |= !matches!(operator, Operator::Exists);
            return;
        } else {
            (&mut self.pods, key)
        };
        to.0.requirements.push(Requirement {
            key: to.1,
            operator,
        });
    }

    /// Adds the chosen endpoints to sets: those that surely are, and those that may be.
    pub(crate) fn choose(
        &self,
        selection: &Selection<'_, '_>,
        surely: &mut Bits,
        perhaps: &mut Bits,
    ) {
        let places = selection.places();
        if self.is_nobody {
            return;
        }
        match self.reserved.as_deref() {
            Some("host" | "remote-node" | "kube-apiserver") => {
                surely.add(&places.hosts);
                return;
            }
            Some("world" | "world-ipv4" | "world-ipv6") => {
                surely.insert_range(places.first_region(), places.len());
                return;
            }
            Some("ingress") => {
                perhaps.insert(places.controller());
                return;
            }
            Some(_) => return,
            None => {}
        }
        let chosen = selection.across(&self.spaces, &self.pods);
        let (mut sure, mut may) = (chosen.surely.clone(), chosen.perhaps.clone());
        if !self.account.requirements.is_empty() {
            for set in [&mut sure, &mut may] {
                self.keep_accounts(selection, set);
            }
        }
        if self.is_guess {
            may.add(&sure);
        } else {
            surely.add(&sure);
        }
        perhaps.add(&may);
    }

    fn keep_accounts(&self, selection: &Selection<'_, '_>, set: &mut Bits) {
        let all: Vec<usize> = set.iter().collect();
        for place in all {
            let endpoint = selection.world().endpoints.get(place);
            let fits = endpoint.is_some_and(|endpoint| {
                let account = Str::from(endpoint.template.service_account());
                self.account.matches(&[(Str::from(ACCOUNT), account)])
            });
            if !fits && place < selection.places().endpoints() {
                set.remove(place);
            }
        }
    }
}
