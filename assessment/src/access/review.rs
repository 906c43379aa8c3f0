//! What is given beside what is used: bindings that nobody used, rules that give more than was
//! needed, and the least roles that would do.

use super::audit::{Audit, Seen};
use super::propose::{Proposal, propose};
use seawall_access::{Access, Binding, Config, Request, Right, check_access};
use seawall_model::access::Identity;
use seawall_model::{Asset, Finding, Gap, KubernetesVersion, ResourceRef, Span, Str};
use seawall_snapshot::Snapshot;
use std::collections::{BTreeMap, BTreeSet};

/// What a review finds.
#[derive(Debug, Default)]
pub struct Review {
    /// The bindings of the input, the worst first: unused before over-broad.
    pub bindings: Vec<Reviewed>,
    /// The least roles for each account and user that was seen.
    pub proposals: Vec<Proposal>,
    /// Requests that were allowed, and that nothing in the input allows: who, and what.
    pub unexplained: Vec<String>,
    /// What may be missing.
    pub gaps: Vec<Gap>,
}

/// A binding with what was used of it.
#[derive(Debug)]
pub struct Reviewed {
    /// The binding.
    pub binding: ResourceRef,
    /// Where it stands.
    pub span: Span,
    /// Whom it names.
    pub subjects: Vec<Identity>,
    /// The role that it gives.
    pub role: String,
    /// Different requests that were seen and that it allows.
    pub used: usize,
    /// What nobody used of it.
    pub unneeded: Vec<Unneeded>,
    /// What is dangerous about it, by rule: `R02 reads Secrets`.
    pub dangers: Vec<String>,
}

/// A rule that gives more than was used.
#[derive(Debug)]
pub struct Unneeded {
    /// The rule, as a JSON pointer into its role.
    pub rule: String,
    /// The role that it stands in.
    pub role: String,
    /// Where it stands.
    pub span: Option<Span>,
    /// What nobody used: `list, watch secrets`; all of it where nothing was.
    pub what: String,
    /// Whether nothing of it was used.
    pub is_all: bool,
}

/// Compares what is given with what was used.
pub fn review(snapshot: &Snapshot, version: KubernetesVersion, audit: &Audit) -> Review {
    let config = Config {
        kubernetes_version: version,
    };
    let access = Access::of(snapshot, config.kubernetes_version);
    let findings = check_access(&access).findings;
    let by_subject = by_subject(audit);
    let mut review = Review {
        gaps: super::gaps(&access),
        ..Review::default()
    };
    for binding in access.all_bindings() {
        if !binding.is_known {
            let seen = seen_of(binding, &by_subject);
            review
                .bindings
                .push(reviewed(&access, binding, &seen, &findings));
        }
    }
    review.bindings.sort_by_cached_key(|one| {
        let is_used = one.used > 0;
        (is_used, one.dangers.is_empty(), one.binding.clone())
    });
    for seen in audit.requests.keys() {
        let is_master = seen.groups.iter().any(|group| &**group == super::MASTERS);
        // Nodes have an authorizer of their own.
        let is_node = seen.groups.iter().any(|group| &**group == "system:nodes");
        if !is_master
            && !is_node
            && access
                .allows(&seen.who, &seen.groups, &seen.request)
                .is_none()
        {
            let what = super::in_words(&seen.request);
            review.unexplained.push(format!("{} {what}", seen.who));
        }
    }
    review.proposals = proposals(snapshot, &access, &by_subject);
    review
}

/// Requests by whom a binding may name: users, accounts and groups.
fn by_subject(audit: &Audit) -> BTreeMap<Identity, Vec<&Seen>> {
    let mut by: BTreeMap<Identity, Vec<&Seen>> = BTreeMap::new();
    for seen in audit.requests.keys() {
        by.entry(seen.who.clone()).or_default().push(seen);
        for group in &seen.groups {
            let group = Identity::Group(group.clone());
            by.entry(group).or_default().push(seen);
        }
    }
    by
}

fn seen_of<'a>(binding: &Binding, by: &BTreeMap<Identity, Vec<&'a Seen>>) -> Vec<&'a Seen> {
    let subjects: BTreeSet<&Identity> = binding.subjects.iter().map(|one| &one.identity).collect();
    let seen = subjects.into_iter().filter_map(|subject| by.get(subject));
    seen.flatten().copied().collect()
}

fn reviewed(access: &Access, binding: &Binding, seen: &[&Seen], findings: &[Finding]) -> Reviewed {
    let in_place = |seen: &&&Seen| {
        let namespace = binding.namespace.as_deref();
        namespace.is_none_or(|name| name == seen.request.namespace())
    };
    let seen: Vec<&Seen> = seen.iter().filter(in_place).copied().collect();
    let rights = access.rights_by(binding);
    let mut used: BTreeSet<&Request> = BTreeSet::new();
    let mut unneeded = Vec::new();
    for right in &rights {
        let uses: BTreeSet<&Request> = seen
            .iter()
            .map(|seen| &seen.request)
            .filter(|request| right.rule.allows(request))
            .collect();
        unneeded.extend(left_over(right, &uses));
        used.extend(uses);
    }
    let mut dangers = BTreeSet::new();
    let roles: BTreeSet<&ResourceRef> = rights.iter().map(|right| &right.role.reference).collect();
    for finding in findings {
        let Asset::Resource(asset) = &finding.asset else {
            continue;
        };
        if *asset == binding.reference || roles.contains(asset) {
            dangers.insert(format!("{} {}", finding.rule, finding.message));
        }
    }
    Reviewed {
        binding: binding.reference.clone(),
        span: binding.span,
        subjects: binding
            .subjects
            .iter()
            .map(|one| one.identity.clone())
            .collect(),
        role: binding.role.to_string(),
        used: used.len(),
        unneeded,
        dangers: dangers.into_iter().collect(),
    }
}

/// What a rule gives and nobody used: verbs, then resources.
fn left_over(right: &Right<'_>, uses: &BTreeSet<&Request>) -> Option<Unneeded> {
    let rule = right.rule;
    let what = if rule.urls.is_empty() {
        &rule.resources
    } else {
        &rule.urls
    };
    let join = |texts: &[&str]| texts.join(", ");
    let plain = |texts: &[Str]| -> Vec<String> { texts.iter().map(ToString::to_string).collect() };
    let unneeded = |text: String, is_all: bool| Unneeded {
        rule: rule.pointer(),
        role: right.role.reference.to_string(),
        span: Some(rule.span).filter(Span::is_known),
        what: text,
        is_all,
    };
    if uses.is_empty() {
        let text = format!(
            "{} {}",
            plain(&rule.verbs).join(", "),
            plain(what).join(", ")
        );
        return Some(unneeded(text, true));
    }
    let mut left = Vec::new();
    let verbs: BTreeSet<&str> = uses.iter().map(|request| request.verb()).collect();
    if rule.verbs.iter().any(|verb| &**verb == "*") {
        let used: Vec<&str> = verbs.into_iter().collect();
        left.push(format!("verbs other than {}", join(&used)));
    } else {
        let unused: Vec<&str> = rule
            .verbs
            .iter()
            .map(|verb| &**verb)
            .filter(|verb| !verbs.contains(verb))
            .collect();
        if !unused.is_empty() {
            left.push(format!("the verbs {}", join(&unused)));
        }
    }
    let is_used = |word: &str| {
        uses.iter().any(|request| match request {
            Request::Resource(of) => word_means(word, &of.resource, &of.subresource),
            Request::Path { path, .. } => {
                word == "*" || path.starts_with(word.trim_end_matches('*'))
            }
        })
    };
    if what.iter().any(|word| &**word == "*") {
        let used: BTreeSet<String> = uses.iter().map(|request| target(request)).collect();
        let used: Vec<&str> = used.iter().map(String::as_str).collect();
        left.push(format!("resources other than {}", join(&used)));
    } else {
        let unused: Vec<&str> = what
            .iter()
            .map(|word| &**word)
            .filter(|word| !is_used(word))
            .collect();
        if !unused.is_empty() {
            left.push(join(&unused));
        }
    }
    (!left.is_empty()).then(|| unneeded(left.join("; "), false))
}

fn word_means(word: &str, resource: &str, subresource: &str) -> bool {
    match word.split_once('/') {
        None => subresource.is_empty() && word == resource,
        Some((parent, sub)) => sub == subresource && (parent == "*" || parent == resource),
    }
}

fn target(request: &Request) -> String {
    match request {
        Request::Path { path, .. } => path.to_string(),
        Request::Resource(of) if of.subresource.is_empty() => of.resource.to_string(),
        Request::Resource(of) => format!("{}/{}", of.resource, of.subresource),
    }
}

/// The least roles for everybody who was seen and whom a binding of the input names.
fn proposals(
    snapshot: &Snapshot,
    access: &Access,
    by_subject: &BTreeMap<Identity, Vec<&Seen>>,
) -> Vec<Proposal> {
    let mut bindings: BTreeMap<&Identity, Vec<&Binding>> = BTreeMap::new();
    for binding in access.all_bindings().iter().filter(|one| !one.is_known) {
        for subject in &binding.subjects {
            // Who is in a group is not known, and what another does there is no reason.
            if !matches!(subject.identity, Identity::Group(_)) {
                let of = bindings.entry(&subject.identity).or_default();
                of.push(binding);
            }
        }
    }
    let mut proposals = Vec::new();
    for (subject, replaced) in bindings {
        let seen = by_subject.get(subject).map_or(&[][..], Vec::as_slice);
        // What everybody may do, or what a group gives, needs no role of their own.
        let is_needed = |seen: &&&Seen| {
            let rights = access.rights(&seen.who, &seen.groups);
            let mut others = rights
                .iter()
                .filter(|right| right.bound.subject != *subject);
            !others.any(|right| allows_there(right, &seen.request))
        };
        let needed: Vec<&Seen> = seen.iter().filter(is_needed).copied().collect();
        proposals.extend(propose(snapshot, access, subject, &replaced, &needed));
    }
    proposals
}

fn allows_there(right: &Right<'_>, request: &Request) -> bool {
    let namespace = right.set.namespace.as_deref();
    namespace.is_none_or(|name| name == request.namespace()) && right.rule.allows(request)
}
