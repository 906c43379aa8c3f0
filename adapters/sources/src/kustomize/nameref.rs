//! Following renamed objects: every field that names another object by its old name gets
//! the new one.

use super::Fail;
use super::fields;
use super::ids::{Gvk, Id, NOT_A_NAMESPACE, split_api_version};
use super::resource::{Previous, Resource};
use super::specs::BackReference;
use super::value::{self, text, text_at};
use seawall_model::Str;
use seawall_yaml::Node;
use std::collections::{HashMap, HashSet};

/// What is known of a possible target before any reference changes.
struct Candidate {
    id: Id,
    original_namespace: Str,
    api_version: Str,
    previous: Vec<Previous>,
    prefixes: Vec<Str>,
    suffixes: Vec<Str>,
}

impl Candidate {
    fn was_called(&self, name: &str) -> bool {
        self.previous.iter().any(|p| &*p.name == name)
    }

    fn was_kind(&self, gvk: &Gvk) -> bool {
        let (group, version) = split_api_version(&self.api_version);
        (gvk.group.is_empty() || gvk.group == group)
            && (gvk.version.is_empty() || gvk.version == version)
            && self
                .previous
                .iter()
                .any(|p| gvk.kind.is_empty() || gvk.kind == *p.kind)
    }
}

/// Updates all name references.
pub(super) fn fix(resources: &mut [Resource], references: &[BackReference]) -> Result<(), Fail> {
    for resource in &*resources {
        blank_subject(resource)?;
    }
    if resources
        .iter()
        .all(|resource| resource.previous.is_empty())
    {
        return Ok(()); // nothing was ever renamed
    }
    let candidates: Vec<Candidate> = resources
        .iter()
        .map(|resource| Candidate {
            id: resource.id(),
            original_namespace: resource.original_id().effective_namespace().into(),
            api_version: resource.api_version(),
            previous: resource.previous.clone(),
            prefixes: resource.prefixes.clone(),
            suffixes: resource.suffixes.clone(),
        })
        .collect();
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, candidate) in candidates.iter().enumerate() {
        let mut names: Vec<&str> = candidate.previous.iter().map(|p| &*p.name).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            by_name.entry(name).or_default().push(index);
        }
    }
    for (index, resource) in resources.iter_mut().enumerate() {
        let Some(me) = candidates.get(index) else {
            break;
        };
        let original = resource.original_id();
        let namespaces = binding_namespaces(&resource.node);
        let span = resource.span();
        let role = role_ref(&resource.node);
        for reference in references {
            for spec in &*reference.referrers {
                if !spec.gvk.selects(&original) {
                    continue;
                }
                let search = Search {
                    candidates: &candidates,
                    by_name: &by_name,
                    me,
                    namespaces: &namespaces,
                    target: &reference.target,
                    role: spec
                        .path
                        .ends_with("roleRef/name")
                        .then_some(role.as_ref())
                        .flatten(),
                };
                // The specification has chosen by the first identity; now only the path counts.
                fields::at_path(&mut resource.node, &spec.path, &mut |node| search.set(node))
                    .map_err(|message| Fail::new(span, format!("{}: {message}", me.id)))?;
            }
        }
    }
    Ok(())
}

/// The namespaces of the service accounts that a role binding names.
fn binding_namespaces(node: &Node) -> HashSet<String> {
    if text_at(node, &["kind"]) != "RoleBinding" {
        return HashSet::new();
    }
    node.get("subjects")
        .and_then(Node::as_seq)
        .into_iter()
        .flatten()
        .filter(|subject| text_at(subject, &["kind"]) == "ServiceAccount")
        .filter_map(|subject| subject.get("namespace"))
        .map(|namespace| text(namespace).into_owned())
        .collect()
}

/// Kustomize stops on a service account whose namespace is given but no text.
fn blank_subject(resource: &Resource) -> Result<(), Fail> {
    if text_at(&resource.node, &["kind"]) != "RoleBinding" {
        return Ok(());
    }
    for subject in resource
        .node
        .get("subjects")
        .and_then(Node::as_seq)
        .into_iter()
        .flatten()
    {
        if let Some(namespace) = subject.get("namespace")
            && namespace.as_str().is_none()
            && text_at(subject, &["kind"]) == "ServiceAccount"
        {
            let message = format!("{}: the namespace of a subject is blank", resource.id());
            return Err(Fail::new(namespace.span, message));
        }
    }
    Ok(())
}

fn role_ref(node: &Node) -> Option<Gvk> {
    let role = node.get("roleRef")?;
    Some(Gvk {
        group: text(role.get("apiGroup")?).into_owned().into(),
        version: "".into(),
        kind: text(role.get("kind")?).into_owned().into(),
    })
}

struct Search<'c> {
    candidates: &'c [Candidate],
    by_name: &'c HashMap<&'c str, Vec<usize>>,
    me: &'c Candidate,
    namespaces: &'c HashSet<String>,
    target: &'c Gvk,
    role: Option<&'c Gvk>,
}

impl Search<'_> {
    fn set(&self, node: &mut Node) -> Result<(), String> {
        if node.is_null() {
            return Ok(());
        }
        if node.as_map().is_some() {
            return self.set_mapping(node);
        }
        if node.as_seq().is_none() {
            return self.set_scalar(node);
        }
        let changes = node.as_seq().into_iter().flatten().any(|item| {
            let name = if item.as_map().is_some() {
                text_at(item, &["name"])
            } else {
                text(item)
            };
            self.by_name.contains_key(&*name)
                || item.as_seq().is_some()
                || (item.as_map().is_some() && item.get("name").is_none())
        });
        if !changes {
            return Ok(());
        }
        for item in node.as_seq_mut().into_iter().flatten() {
            if item.is_null() {
                continue;
            }
            if item.as_map().is_some() {
                self.set_mapping(item)?;
            } else if item.as_seq().is_none() {
                self.set_scalar(item)?;
            } else {
                return Err("a name reference must be a string or a mapping".to_owned());
            }
        }
        Ok(())
    }

    fn set_scalar(&self, node: &mut Node) -> Result<(), String> {
        let name = text(node).into_owned();
        let Some(found) = self.find(&name, None, false)? else {
            return Ok(());
        };
        if *found.id.name != *name {
            *node = value::string(found.id.name.clone(), node.span);
        }
        Ok(())
    }

    fn set_mapping(&self, node: &mut Node) -> Result<(), String> {
        let Some(name) = node.get("name") else {
            return Err("there is no name in a reference".to_owned());
        };
        let (name, span) = (text(name).into_owned(), name.span);
        let namespace = node.get("namespace").map(|n| text(n).into_owned());
        let Some(found) = self.find(&name, namespace.as_deref(), true)? else {
            return Ok(());
        };
        if *found.id.name == *name && found.id.namespace.is_empty() {
            return Ok(());
        }
        let Some(map) = node.as_map_mut() else {
            return Ok(());
        };
        if *found.id.name != *name {
            map.insert("name", span, value::string(found.id.name.clone(), span));
        }
        if !found.id.namespace.is_empty() && namespace.as_deref() != Some(&*found.id.namespace) {
            let span = map.get("namespace").map_or(span, |n| n.span);
            map.insert(
                "namespace",
                span,
                value::string(found.id.namespace.clone(), span),
            );
        }
        Ok(())
    }

    /// The one object that a reference means.
    fn find(
        &self,
        name: &str,
        namespace: Option<&str>,
        in_mapping: bool,
    ) -> Result<Option<&Candidate>, String> {
        let Some(indices) = self.by_name.get(name) else {
            return Ok(None);
        };
        let within_reach = |c: &&Candidate| {
            self.me.id.cluster
                || c.id.cluster
                || c.id.effective_namespace() == self.me.id.effective_namespace()
                || self.namespaces.contains(&*c.id.namespace)
        };
        let mut found: Vec<&Candidate> = indices
            .iter()
            .filter_map(|i| self.candidates.get(*i))
            .filter(within_reach)
            .collect();
        if let Some(namespace) = namespace {
            // First by where the targets were, and if that names none, by where they are.
            // "Names none" is asked of everything within reach, not only of this name.
            let was_any = self
                .candidates
                .iter()
                .filter(|c| within_reach(c))
                .any(|c| &*c.original_namespace == namespace && namespace != NOT_A_NAMESPACE);
            if was_any {
                found.retain(|c| &*c.original_namespace == namespace);
            } else {
                found.retain(|c| c.id.effective_namespace() == namespace && !c.id.cluster);
            }
        }
        found.retain(|c| c.was_called(name) && c.was_kind(self.target));
        if let Some(role) = self.role {
            found.retain(|c| c.was_kind(role));
        }
        found.retain(|c| {
            self.me.id.cluster
                || c.id.cluster
                || &*c.id.kind == "ServiceAccount"
                || c.id.effective_namespace() == self.me.id.effective_namespace()
        });
        if found.len() != 1 {
            found.retain(|c| same_affixes(self.me, c, true));
            if found.len() > 1 {
                found.retain(|c| same_affixes(self.me, c, false));
            }
        }
        let Some(first) = found.first().copied() else {
            return Ok(None);
        };
        let same = found.iter().all(|c| {
            c.id.name == first.id.name && (!in_mapping || c.id.namespace == first.id.namespace)
        });
        if !same {
            let ids: Vec<String> = found.iter().take(4).map(|c| c.id.to_string()).collect();
            return Err(format!("the name {name} could mean {}", ids.join(" or ")));
        }
        Ok(Some(first))
    }
}

/// Whether two objects went through the same name prefixes and suffixes lately.
fn same_affixes(a: &Candidate, b: &Candidate, empty_is_any: bool) -> bool {
    let same = |x: &[Str], y: &[Str]| {
        if empty_is_any && (x.is_empty() || y.is_empty()) {
            return true;
        }
        let (short, long) = if x.len() > y.len() { (y, x) } else { (x, y) };
        if short.is_empty() {
            long.is_empty()
        } else {
            long.ends_with(short)
        }
    };
    same(&a.prefixes, &b.prefixes) && same(&a.suffixes, &b.suffixes)
}
