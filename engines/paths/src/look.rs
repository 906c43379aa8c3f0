//! What rules ask of a picture: which objects there are, what stands behind a Service, how the
//! control plane is set.

use crate::graph::Place;
use crate::picture::{Picture, Workload};
use crate::spot::{IdentityId, NamespaceId, WorkloadId};
use seawall_model::access::Identity;
use seawall_model::{Span, Str};
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;
use std::collections::HashSet;

impl<'s> Picture<'s> {
    /// Whether some object of a kind is there.
    pub(crate) fn has(&self, group: &str, kind: &str) -> bool {
        self.snapshot.of_kind(group, kind).next().is_some()
    }

    /// Whether nothing is missing from the input, and a service account is not in it.
    pub(crate) fn is_missing(&self, id: IdentityId) -> bool {
        self.missing.contains(&id)
    }

    /// The service accounts that only bindings and pods know of, in an input without gaps.
    /// Every namespace has the account `default`, and the control plane makes its own.
    pub(crate) fn missing_accounts(&self) -> HashSet<IdentityId> {
        if !self.snapshot.is_complete() {
            return HashSet::new();
        }
        let there = self.snapshot.of_kind("", "ServiceAccount");
        let there: HashSet<(&str, &str)> = there
            .map(|(_, object)| (object.namespace(), &*object.reference.name))
            .collect();
        let missing = self
            .identities
            .iter()
            .filter(|(_, identity)| match identity {
                Identity::ServiceAccount { namespace, name } => {
                    &**name != "default"
                        && &**namespace != "kube-system"
                        && !there.contains(&(&**namespace, &**name))
                }
                _ => false,
            });
        missing.map(|(number, _)| IdentityId(number)).collect()
    }

    /// The workloads behind a Service.
    pub(crate) fn behind(&self, namespace: &str, service: &str) -> Vec<WorkloadId> {
        let Some(space) = self.namespaces.find(&Str::from(namespace)) else {
            return Vec::new();
        };
        let services = self.snapshot.of_kind("", "Service");
        let selectors: Vec<LabelSelector> = services
            .filter(|(_, object)| {
                object.namespace() == namespace && &*object.reference.name == service
            })
            .filter_map(|(_, object)| selector(object))
            .collect();
        let behind = self.workload_ids().filter(|(_, workload)| {
            workload.namespace == NamespaceId(space)
                && selectors
                    .iter()
                    .any(|selector| selector.matches(&sorted(&workload.template.labels)))
        });
        behind.map(|(id, _)| id).collect()
    }

    /// The labels of a namespace, if it was seen.
    pub(crate) fn labels_of(&self, id: NamespaceId) -> Option<&'s [(Str, Str)]> {
        self.labels.get(&id).copied()
    }

    /// The workload that runs a component of the control plane: `kube-apiserver`.
    pub(crate) fn component(&self, name: &str) -> Option<&Workload<'s>> {
        let mut workloads = self.workload_ids();
        let is_it = |workload: &Workload<'_>| {
            let mut containers = workload.template.containers.iter();
            containers.any(|container| {
                let mut words = container.command.iter().chain(&container.args);
                words.any(|word| word.value.rsplit('/').next() == Some(name))
            })
        };
        workloads.find(|(_, one)| is_it(one)).map(|(_, one)| one)
    }

    /// A note about an object, without a change that takes it away.
    pub(crate) fn noted(object: &Object, note: impl Into<Str>) -> Place {
        Place {
            note: note.into(),
            object: object.reference.clone(),
            span: object.name_span,
            mend: None,
        }
    }
}

/// The value of a flag in a workload's arguments: `--flag=value`, empty for `--flag` alone.
pub(crate) fn flag<'w>(workload: &'w Workload<'_>, name: &str) -> Option<(&'w str, Span)> {
    let containers = workload.template.containers.iter();
    let mut words = containers.flat_map(|one| one.command.iter().chain(&one.args));
    words.find_map(|word| {
        let rest = word.value.trim_start_matches('-').strip_prefix(name)?;
        let value = rest.strip_prefix('=');
        (rest.is_empty() || value.is_some()).then(|| (value.unwrap_or(""), word.span))
    })
}

/// Labels in the order that selectors want.
pub(crate) fn sorted(labels: &[(Str, Str)]) -> Vec<(Str, Str)> {
    let mut labels = labels.to_vec();
    labels.sort_unstable();
    labels
}

/// Whether a selector of some object picks these labels. One that is not there picks all.
pub(crate) fn picks(selector: Option<&Node>, labels: &[(Str, Str)]) -> bool {
    selector.is_none_or(|node| {
        LabelSelector::read(node).is_some_and(|selector| selector.matches(labels))
    })
}

fn selector(service: &Object) -> Option<LabelSelector> {
    let node = service.body()?.at(&["spec", "selector"])?;
    LabelSelector::read_map(node).filter(|selector| !selector.requirements.is_empty())
}

/// The last part of an image's name, and its tag: `controller` and `v1.9.4`.
pub(crate) fn image(name: &str) -> (&str, &str) {
    let name = name.split('@').next().unwrap_or_default();
    let last = name.rsplit('/').next().unwrap_or_default();
    last.split_once(':').unwrap_or((last, ""))
}

/// A version of a tag as numbers: `v1.9.4` is 1, 9 and 4.
pub(crate) fn version(tag: &str) -> Option<(u32, u32, u32)> {
    let tag = tag.trim_start_matches('v');
    let tag = tag.split(['-', '+']).next().unwrap_or_default();
    let mut numbers = tag.split('.').map(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next()??, numbers.next()??);
    Some((major, minor, numbers.next().flatten().unwrap_or(0)))
}
