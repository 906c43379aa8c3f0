//! What a user asks about rights, answered as plain values: who can do something, and what
//! somebody can do.
//!
//! What the input does not tell stands beside every answer. [`review()`] compares what is given
//! with what an audit log saw used.

mod audit;
mod propose;
mod review;

pub use audit::{Audit, Seen};
pub use propose::Proposal;
pub use review::{Review, Reviewed, Unneeded, review};

use seawall_access::{Access, Breadth, Request, ResourceRequest, Right, resources};
use seawall_model::access::Identity;
use seawall_model::{Gap, GapKind, KubernetesVersion, Span, Str};
use seawall_snapshot::Snapshot;
use std::collections::{BTreeMap, BTreeSet};

pub use seawall_access::{Grant, MASTERS};

/// A question: who can do this?
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// The verb.
    pub verb: String,
    /// What to: `pods`, `pod`, `po`, `deployments.apps`, `pods/exec`, `/healthz`.
    pub what: String,
    /// The object's name, if one is meant.
    pub name: Option<String>,
    /// The namespace, if one is meant.
    pub namespace: Option<String>,
}

/// Who can do something.
#[derive(Debug)]
pub struct WhoCan {
    /// The question in words: `get pods/exec in shop`.
    pub question: String,
    /// The rights that allow it, by subject.
    pub grants: Vec<Grant>,
    /// What may be missing.
    pub gaps: Vec<Gap>,
}

/// Somebody's right.
#[derive(Debug)]
pub struct Allowed {
    /// How they come to have it.
    pub grant: Grant,
    /// Verbs of the rule.
    pub verbs: Vec<Str>,
    /// API groups of the rule.
    pub groups: Vec<Str>,
    /// Resources of the rule.
    pub resources: Vec<Str>,
    /// Paths of the rule.
    pub urls: Vec<Str>,
}

/// What somebody can do.
#[derive(Debug)]
pub struct WhatCan {
    /// Who.
    pub subject: Identity,
    /// Their groups.
    pub groups: Vec<Str>,
    /// Whether nothing is refused them, whatever roles say.
    pub is_master: bool,
    /// Their rights: everywhere first, then by namespace.
    pub rights: Vec<Allowed>,
    /// What may be missing.
    pub gaps: Vec<Gap>,
}

/// A word that means no resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownResource {
    /// The word.
    pub word: String,
    /// What is known.
    pub known: Vec<String>,
}

/// Who can do something in a picture.
pub fn who_can(
    snapshot: &Snapshot,
    version: KubernetesVersion,
    question: &Question,
) -> Result<WhoCan, UnknownResource> {
    let access = Access::of(snapshot, version);
    let request = request(snapshot, &access, question)?;
    let breadth = Breadth {
        any_namespace: question.namespace.is_none(),
        any_name: true,
    };
    let rights = access.who_can(&request, breadth);
    let mut grants: Vec<Grant> = rights.iter().map(Right::grant).collect();
    let order = |grant: &Grant| {
        let binding = (grant.binding.clone(), grant.rule.clone());
        (
            grant.is_default,
            grant.subject.clone(),
            grant.namespace.clone(),
            binding,
        )
    };
    grants.sort_by_cached_key(order);
    Ok(WhoCan {
        question: in_words(&request),
        grants,
        gaps: gaps(&access),
    })
}

/// What somebody can do in a picture.
pub fn what_can(snapshot: &Snapshot, version: KubernetesVersion, subject: &Identity) -> WhatCan {
    let access = Access::of(snapshot, version);
    let groups = subject.groups();
    let rights = access.rights(subject, &groups);
    // One rule in one place is one right, whichever of the bindings gives it.
    let mut seen = BTreeSet::new();
    let mut rights: Vec<Allowed> = rights
        .iter()
        .map(|right| Allowed {
            grant: right.grant(),
            verbs: right.rule.verbs.to_vec(),
            groups: right.rule.groups.to_vec(),
            resources: right.rule.resources.to_vec(),
            urls: right.rule.urls.to_vec(),
        })
        .filter(|one| {
            let grant = &one.grant;
            let binding = (grant.subject.clone(), grant.binding.clone());
            let rule = (
                grant.role.clone(),
                grant.rule.clone(),
                grant.rule_span.map(|s| s.start),
            );
            seen.insert((binding, rule, grant.namespace.clone()))
        })
        .collect();
    rights.sort_by_cached_key(|one| {
        let grant = &one.grant;
        let binding = (grant.binding.clone(), grant.role.clone());
        (
            grant.is_default,
            grant.namespace.clone(),
            binding,
            number(&grant.rule),
        )
    });
    let mut gaps = gaps(&access);
    if let Identity::ServiceAccount { namespace, name } = subject
        && !access
            .accounts()
            .contains(&(namespace.clone(), name.clone()))
        && !rights
            .iter()
            .any(|one| one.grant.is_default && one.grant.subject == *subject)
    {
        let reason = format!("{subject} itself is not in the input");
        gaps.push(gap(GapKind::Unsupported, "access", reason));
    }
    WhatCan {
        is_master: groups.iter().any(|group| &**group == MASTERS),
        subject: subject.clone(),
        groups,
        rights,
        gaps,
    }
}

/// Who a word means: `sa:NS/NAME`, `ServiceAccount NS/NAME`, `user:NAME`, `group:NAME`, or the
/// name of a user.
pub fn read_subject(word: &str) -> Option<Identity> {
    let of = |prefixes: &[&str]| {
        let mut prefixes = prefixes.iter();
        prefixes
            .find_map(|prefix| word.strip_prefix(prefix))
            .map(str::trim)
    };
    if let Some(account) = of(&["sa:", "serviceaccount:", "ServiceAccount "]) {
        let (namespace, name) = account.split_once(['/', ':'])?;
        return (!namespace.is_empty() && !name.is_empty()).then(|| Identity::ServiceAccount {
            namespace: namespace.into(),
            name: name.into(),
        });
    }
    if let Some(group) = of(&["group:", "Group "]) {
        return (!group.is_empty()).then(|| Identity::Group(group.into()));
    }
    let user = of(&["user:", "User "]).unwrap_or(word);
    (!user.is_empty()).then(|| Identity::of_user(user))
}

/// The place of a rule, as a number: `/rules/10` is behind `/rules/9`.
fn number(rule: &str) -> u32 {
    let last = rule.rsplit('/').next();
    last.and_then(|last| last.parse().ok()).unwrap_or(0)
}

fn request(
    snapshot: &Snapshot,
    access: &Access,
    question: &Question,
) -> Result<Request, UnknownResource> {
    let verb = Str::from(&*question.verb);
    if question.what.starts_with('/') {
        let path = Str::from(&*question.what);
        return Ok(Request::Path { verb, path });
    }
    let (word, subresource) = match question.what.split_once('/') {
        Some((word, subresource)) => (word, subresource),
        None => (&*question.what, ""),
    };
    let (group, resource) = meant(snapshot, access, word)?;
    let text = |text: &Option<String>| Str::from(text.as_deref().unwrap_or_default());
    let request = ResourceRequest {
        verb,
        group,
        resource,
        subresource: subresource.into(),
        namespace: text(&question.namespace),
        name: text(&question.name),
    };
    Ok(Request::Resource(request.settled()))
}

/// The group and the plural name that a word means: of Kubernetes, of a custom resource, or as
/// some rule has it.
fn meant(snapshot: &Snapshot, access: &Access, word: &str) -> Result<(Str, Str), UnknownResource> {
    if let Some(known) = resources::find(word) {
        return Ok((known.group.into(), known.plural.into()));
    }
    let lower = word.to_ascii_lowercase();
    let mut known: BTreeSet<String> = BTreeSet::new();
    for (_, definition) in snapshot.of_kind("apiextensions.k8s.io", "CustomResourceDefinition") {
        // A definition is called PLURAL.GROUP.
        let Some((plural, group)) = definition.reference.name.split_once('.') else {
            continue;
        };
        if lower == plural || lower == *definition.reference.name || format!("{lower}s") == plural {
            return Ok((group.into(), plural.into()));
        }
        known.insert(plural.to_owned());
    }
    if let Some((plural, group)) = lower.split_once('.') {
        return Ok((group.into(), plural.into()));
    }
    if lower == "*" {
        return Ok(("*".into(), "*".into()));
    }
    for rule in access.roles().flat_map(|role| &role.rules) {
        let speaks = |one: &Str| one.split('/').next() == Some(&*lower);
        let group = rule.groups.iter().find(|group| &***group != "*");
        if let (true, Some(group)) = (rule.resources.iter().any(speaks), group) {
            return Ok((group.clone(), (*lower).into()));
        }
    }
    known.extend(resources::names().map(str::to_owned));
    Err(UnknownResource {
        word: word.to_owned(),
        known: known.into_iter().collect(),
    })
}

fn in_words(request: &Request) -> String {
    let of = match request {
        Request::Path { verb, path } => return format!("{verb} {path}"),
        Request::Resource(of) => of,
    };
    let with = |sign: &str, word: &str| {
        if word.is_empty() {
            String::new()
        } else {
            format!("{sign}{word}")
        }
    };
    let group = if &*of.group == "*" { "" } else { &*of.group };
    let is_of_namespace = &*of.resource == "namespaces";
    let namespace = if is_of_namespace { "" } else { &*of.namespace };
    [
        of.verb.to_string(),
        with(" ", &of.resource),
        with(".", group),
        with("/", &of.subresource),
        with(" ", &of.name),
        with(" in ", namespace),
    ]
    .concat()
}

/// What an answer may miss.
fn gaps(access: &Access) -> Vec<Gap> {
    let mut gaps = access.gaps().to_vec();
    if !access.is_complete() {
        let reason = "a cluster may have bindings, groups and roles that are not in the input";
        gaps.push(gap(GapKind::Unsupported, "access", reason.to_owned()));
    }
    gaps
}

fn gap(kind: GapKind, subject: &str, reason: String) -> Gap {
    Gap {
        kind,
        subject: subject.into(),
        span: Span::NONE,
        reason,
        hint: String::new(),
        units: 0,
    }
}

/// Grants by subject, in their order.
pub fn by_subject(grants: &[Grant]) -> BTreeMap<&Identity, Vec<&Grant>> {
    let mut by: BTreeMap<&Identity, Vec<&Grant>> = BTreeMap::new();
    for grant in grants {
        by.entry(&grant.subject).or_default().push(grant);
    }
    by
}
