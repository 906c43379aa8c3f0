//! The least that somebody needs: roles made of what they were seen to do.
//!
//! What is proposed is proved before anybody sees it: its text is read again and put into the
//! picture in the place of the bindings that it replaces, and every request that was seen is
//! asked again. Names are kept where they matter (Secrets, ConfigMaps, service accounts) and
//! are few; the name of a pod says nothing about tomorrow.

use super::audit::Seen;
use seawall_access::{Access, Binding, Request, ResourceRequest, role::GROUP};
use seawall_model::access::Identity;
use seawall_model::{FileId, ResourceRef, SourceMap, Span, Str};
use seawall_snapshot::{Change, ScopeId, Snapshot, object};
use seawall_yaml::{Limits, Map, Node, parse, to_yaml};
use std::collections::{BTreeMap, BTreeSet};

/// Resources whose names are kept.
const NAMED: [&str; 3] = ["secrets", "configmaps", "serviceaccounts"];
/// So many names at most.
const FEW: usize = 8;
/// From so many namespaces on a right that was given everywhere stays given everywhere.
const MANY: usize = 5;

/// Roles for somebody, in the place of what they have.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// For whom.
    pub subject: Identity,
    /// Roles and bindings.
    pub yaml: String,
    /// The bindings that they replace for this subject.
    pub replaces: Vec<ResourceRef>,
    /// How many of the requests that were seen stay allowed by it.
    pub proved: usize,
    /// Requests that would not be: none, else the proposal is not to be used.
    pub lost: Vec<String>,
}

/// What a rule is made of: group, resource with subresource, names.
type Thing = (Str, Str, Vec<Str>);

/// What things of one rule have in common: whether they are paths, group, names, verbs.
type Alike<'a> = (bool, &'a Str, &'a [Str], &'a BTreeSet<Str>);

/// Makes the least roles for somebody; `None` where nothing was seen that needs one.
pub(super) fn propose(
    snapshot: &Snapshot,
    access: &Access,
    subject: &Identity,
    replaced: &[&Binding],
    needed: &[&Seen],
) -> Option<Proposal> {
    let was_everywhere = replaced.iter().any(|binding| binding.namespace.is_none());
    let places = places(needed, was_everywhere);
    if places.is_empty() {
        return None;
    }
    let mut documents = Vec::new();
    for (namespace, rules) in &places {
        documents.extend(objects(subject, namespace.as_ref(), rules));
    }
    let yaml = documents
        .iter()
        .map(to_yaml)
        .collect::<Vec<_>>()
        .join("---\n");
    let (proved, lost) = prove(snapshot, access, replaced, needed, &yaml);
    let mut replaces: Vec<ResourceRef> = replaced
        .iter()
        .map(|binding| binding.reference.clone())
        .collect();
    replaces.sort_unstable();
    replaces.dedup();
    Some(Proposal {
        subject: subject.clone(),
        yaml,
        replaces,
        proved,
        lost,
    })
}

/// Rules by place: verbs of each thing. `None` is everywhere.
type Places = BTreeMap<Option<Str>, BTreeMap<Thing, BTreeSet<Str>>>;

fn places(needed: &[&Seen], was_everywhere: bool) -> Places {
    // Who does the same in many namespaces does it everywhere.
    let mut spread: BTreeMap<(Str, Str, Str), BTreeSet<&Str>> = BTreeMap::new();
    for of in resources(needed) {
        if !of.namespace.is_empty() {
            let key = (of.group.clone(), full(of), of.verb.clone());
            spread.entry(key).or_default().insert(&of.namespace);
        }
    }
    let is_everywhere = |of: &ResourceRequest| {
        let key = (of.group.clone(), full(of), of.verb.clone());
        of.namespace.is_empty()
            || (was_everywhere && spread.get(&key).is_some_and(|names| names.len() >= MANY))
    };
    let mut names: BTreeMap<(Option<Str>, Str, Str), BTreeSet<Str>> = BTreeMap::new();
    let place = |of: &ResourceRequest| (!is_everywhere(of)).then(|| of.namespace.clone());
    for of in resources(needed) {
        let key = (place(of), of.group.clone(), full(of));
        names.entry(key).or_default().insert(of.name.clone());
    }
    let mut places = Places::new();
    for seen in needed {
        match &seen.request {
            Request::Path { verb, path } => {
                let rules = places.entry(None).or_default();
                // A path stands where a resource would; it has a slash in front.
                let thing = (Str::from(""), path.clone(), Vec::new());
                rules.entry(thing).or_default().insert(verb.clone());
            }
            Request::Resource(of) => {
                let key = (place(of), of.group.clone(), full(of));
                let named = names.get(&key);
                let named = named.filter(|names| {
                    NAMED.contains(&&*of.resource) && names.len() <= FEW && !names.contains("")
                });
                let named = named.map(|names| names.iter().cloned().collect());
                let thing = (of.group.clone(), full(of), named.unwrap_or_default());
                let rules = places.entry(place(of)).or_default();
                rules.entry(thing).or_default().insert(of.verb.clone());
            }
        }
    }
    places
}

fn resources<'a>(needed: &[&'a Seen]) -> impl Iterator<Item = &'a ResourceRequest> {
    needed.iter().filter_map(|seen| match &seen.request {
        Request::Resource(of) => Some(of),
        Request::Path { .. } => None,
    })
}

/// Resource and subresource, as rules write them.
fn full(of: &ResourceRequest) -> Str {
    if of.subresource.is_empty() {
        of.resource.clone()
    } else {
        format!("{}/{}", of.resource, of.subresource).into()
    }
}

/// A role with its binding.
fn objects(
    subject: &Identity,
    namespace: Option<&Str>,
    things: &BTreeMap<Thing, BTreeSet<Str>>,
) -> [Node; 2] {
    // Things of one group with the same verbs are one rule.
    let mut rules: BTreeMap<Alike<'_>, Vec<&Str>> = BTreeMap::new();
    for ((group, resource, names), verbs) in things {
        let is_path = resource.starts_with('/');
        let key = (is_path, group, names.as_slice(), verbs);
        rules.entry(key).or_default().push(resource);
    }
    let rules = rules
        .iter()
        .map(|((is_path, group, names, verbs), resources)| {
            let list = |texts: &mut dyn Iterator<Item = &Str>| {
                Node::seq(texts.map(|one| text(one)).collect(), Span::NONE)
            };
            let resources = list(&mut resources.iter().copied());
            let verbs = list(&mut verbs.iter());
            if *is_path {
                return map(vec![("nonResourceURLs", resources), ("verbs", verbs)]);
            }
            let group = Node::seq(vec![text(group)], Span::NONE);
            let mut fields = vec![
                ("apiGroups", group),
                ("resources", resources),
                ("verbs", verbs),
            ];
            if !names.is_empty() {
                fields.push(("resourceNames", list(&mut names.iter())));
            }
            map(fields)
        });
    let rules = Node::seq(rules.collect(), Span::NONE);
    let (role, binding) = match namespace {
        Some(_) => ("Role", "RoleBinding"),
        None => ("ClusterRole", "ClusterRoleBinding"),
    };
    let name = name_for(subject);
    let head = |kind: &str| {
        let mut metadata = vec![("name", text(&name))];
        if let Some(namespace) = namespace {
            metadata.push(("namespace", text(namespace)));
        }
        vec![
            ("apiVersion", text(&format!("{GROUP}/v1"))),
            ("kind", text(kind)),
            ("metadata", map(metadata)),
        ]
    };
    let mut role_fields = head(role);
    role_fields.push(("rules", rules));
    let mut binding_fields = head(binding);
    binding_fields.push((
        "roleRef",
        map(vec![
            ("apiGroup", text(GROUP)),
            ("kind", text(role)),
            ("name", text(&name)),
        ]),
    ));
    let who = match subject {
        Identity::ServiceAccount { namespace, name } => vec![
            ("kind", text("ServiceAccount")),
            ("namespace", text(namespace)),
            ("name", text(name)),
        ],
        Identity::User(name) => vec![
            ("apiGroup", text(GROUP)),
            ("kind", text("User")),
            ("name", text(name)),
        ],
        Identity::Group(name) => vec![
            ("apiGroup", text(GROUP)),
            ("kind", text("Group")),
            ("name", text(name)),
        ],
    };
    binding_fields.push(("subjects", Node::seq(vec![map(who)], Span::NONE)));
    [map(role_fields), map(binding_fields)]
}

/// What the roles are called.
fn name_for(subject: &Identity) -> String {
    let who = match subject {
        Identity::ServiceAccount { namespace, name } => format!("{namespace}-{name}"),
        Identity::User(name) | Identity::Group(name) => name.to_string(),
    };
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let who: String = who
        .to_lowercase()
        .chars()
        .map(|c| if fits(c) { c } else { '-' })
        .take(50)
        .collect();
    format!("least-{}", who.trim_matches('-'))
}

fn text(text: &str) -> Node {
    Node::string(text, Span::NONE)
}

fn map(fields: Vec<(&str, Node)>) -> Node {
    let mut map = Map::default();
    for (key, value) in fields {
        map.insert(key, Span::NONE, value);
    }
    Node::map(map, Span::NONE)
}

/// Puts the text into the picture, takes out what it replaces, and asks again.
fn prove(
    snapshot: &Snapshot,
    before: &Access,
    replaced: &[&Binding],
    needed: &[&Seen],
    yaml: &str,
) -> (usize, Vec<String>) {
    let mut changes: Vec<Change> = replaced
        .iter()
        .map(|binding| Change::Remove(binding.scope, binding.reference.clone()))
        .collect();
    let (sources, mut gaps) = (SourceMap::new(), Vec::new());
    for document in parse(yaml, FileId::UNKNOWN, &Limits::default()).documents {
        let read = object::read(&document.root, ScopeId::PLAIN, &sources, &mut gaps);
        changes.extend(read.map(|object| Change::Put(Box::new(object))));
    }
    let after = Access::of(&snapshot.clone().apply(changes), before.version());
    let mut lost = Vec::new();
    let mut proved = 0;
    for seen in needed {
        if after
            .allows(&seen.who, &seen.groups, &seen.request)
            .is_some()
        {
            proved += 1;
        } else {
            lost.push(super::in_words(&seen.request));
        }
    }
    (proved, lost)
}
