//! What is wrong with what is given.
//!
//! A finding is where somebody would mend it: at the rule of a role, or at the binding where
//! the role is one that the API server makes. Wildcards over resources are one finding (R03,
//! or R01 where they are everything); single dangers speak where a rule names them. What the
//! API server makes for itself is silent.

mod bindings;
mod dangers;
mod roles;

use crate::access::Access;
use crate::binding::Binding;
use crate::sink::Sink;
use seawall_model::access::Identity;
use seawall_model::{Proof, Severity, Str};

pub(crate) fn check(access: &Access, sink: &mut Sink) {
    roles::check(access, sink);
    bindings::check(access, sink);
}

/// Where a right counts, the harmless first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Nowhere yet: nobody is bound.
    Nowhere,
    /// In a namespace.
    Namespace,
    /// In a namespace of the cluster's own components.
    System,
    /// Everywhere.
    Everywhere,
}

impl Place {
    fn of(namespace: Option<&Str>) -> Self {
        match namespace {
            None => Place::Everywhere,
            Some(name) if is_system(name) => Place::System,
            Some(_) => Place::Namespace,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Place::Nowhere => "nobody is bound to it here",
            Place::Namespace => "in its namespace",
            Place::System => "in a namespace of the cluster's own components",
            Place::Everywhere => "in all namespaces",
        }
    }
}

/// Namespaces whose service accounts and ConfigMaps are those of the cluster.
fn is_system(namespace: &str) -> bool {
    matches!(namespace, "kube-system" | "kube-public" | "kube-node-lease")
}

/// How bad something is by where it counts; `None` is silent.
#[derive(Debug, Clone, Copy)]
struct Scale {
    everywhere: Severity,
    system: Severity,
    namespace: Option<Severity>,
}

impl Scale {
    fn at(self, place: Place) -> Option<Severity> {
        match place {
            Place::Everywhere => Some(self.everywhere),
            Place::System => Some(self.system),
            Place::Namespace => self.namespace,
            // It waits for a binding.
            Place::Nowhere => self.namespace.map(|severity| severity.min(Severity::Low)),
        }
    }
}

/// Who has it by a binding: `ServiceAccount shop/web by RoleBinding shop/web`.
fn holders(bindings: &[&Binding]) -> Vec<(String, Proof)> {
    const FEW: usize = 4;
    let mut told: Vec<(String, Proof)> = Vec::new();
    let all = bindings.iter().flat_map(|binding| {
        let subjects = binding.subjects.iter();
        subjects.map(move |subject| (*binding, subject))
    });
    let mut left = 0_usize;
    for (binding, subject) in all {
        if told.len() < FEW {
            let note = format!("{} has it by {}", subject.identity, binding.reference);
            told.push((note, Proof::Source(subject.span)));
        } else {
            left += 1;
        }
    }
    if left > 0
        && let Some((note, _)) = told.last_mut()
    {
        *note = format!("{note}, and {left} more have it");
    }
    told
}

/// Subjects in a few words: `ServiceAccount ci/runner and 2 more`.
fn subjects(binding: &Binding) -> String {
    let first = binding.subjects.first();
    let first = first.map_or_else(|| "nobody".to_owned(), |one| one.identity.to_string());
    match binding.subjects.len() {
        0 | 1 => first,
        n => format!("{first} and {} more", n - 1),
    }
}

/// Whether it is an identity of the cluster itself.
fn is_of_cluster(identity: &Identity) -> bool {
    match identity {
        Identity::ServiceAccount { namespace, .. } => is_system(namespace),
        Identity::User(name) => name.starts_with("system:") && &**name != "system:anonymous",
        Identity::Group(name) => matches!(&**name, "system:masters" | "system:nodes"),
    }
}
