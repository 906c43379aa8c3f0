//! Bindings: to roles that the API server makes, to everybody, to people, to what is missing.

use super::dangers;
use super::roles::fix_of;
use super::{Place, Scale, is_of_cluster, subjects};
use crate::access::Access;
use crate::authorizer::MASTERS;
use crate::binding::{Binding, Subject};
use crate::role::{Role, Rule};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use seawall_model::access::Identity;
use seawall_model::{Asset, Locus, Proof, Severity, Span, Str};
use std::collections::{BTreeMap, BTreeSet};

/// In so many namespaces an identity may have rights before it is told.
const MANY: usize = 5;

/// Roles of the API server that are made to be bound by anybody, or give next to nothing.
const HARMLESS: [&str; 12] = [
    "view",
    "system:aggregate-to-view",
    "system:auth-delegator",
    "system:basic-user",
    "system:discovery",
    "system:monitoring",
    "system:node-bootstrapper",
    "system:node-problem-detector",
    "system:public-info-viewer",
    "system:service-account-issuer-discovery",
    "system:cluster-trust-bundle-discovery",
    "system:heapster",
];

pub(super) fn check(access: &Access, sink: &mut Sink) {
    let dangling: BTreeSet<usize> = access.dangling().iter().map(|one| one.at).collect();
    let mut spread: BTreeMap<&Identity, Spread<'_>> = BTreeMap::new();
    for (at, binding) in access.all_bindings().iter().enumerate() {
        if binding.is_known {
            continue;
        }
        let one = One {
            access,
            binding,
            roles: access.roles_of(binding),
            asset: Asset::Resource(binding.reference.clone()),
        };
        sink.start_workload();
        sink.assess_all(&[Id::R01, Id::R05, Id::R13, Id::R19]);
        one.role_of_the_server(sink);
        for subject in &binding.subjects {
            one.masters(subject, sink);
            one.everybody(subject, sink);
            one.person(subject, sink);
            if let Some(namespace) = &binding.namespace {
                let spread = spread.entry(&subject.identity).or_default();
                spread.namespaces.insert(namespace);
                spread.first.get_or_insert((binding, subject));
            }
        }
        if access.is_complete() {
            sink.assess(Id::R17, 1);
            one.missing(dangling.contains(&at), sink);
        }
    }
    for (identity, spread) in spread {
        spread.tell(identity, sink);
    }
}

/// A binding of the user's.
struct One<'a> {
    access: &'a Access,
    binding: &'a Binding,
    roles: Vec<&'a Role>,
    asset: Asset,
}

impl One<'_> {
    fn place(&self) -> Place {
        Place::of(self.binding.namespace.as_ref())
    }

    fn locus_of_role(&self) -> Locus {
        Locus {
            pointer: "/roleRef".to_owned(),
            path: "/roleRef".to_owned(),
            span: self.binding.role_span,
        }
    }

    fn locus_of(subject: &Subject) -> Locus {
        Locus {
            pointer: format!("/subjects/{}", subject.index),
            path: format!("/subjects[{}]", subject.identity),
            span: subject.span,
        }
    }

    /// A role of the API server is what it is: binding it is the decision.
    fn role_of_the_server(&self, sink: &mut Sink) {
        let is_known = self.roles.iter().all(|role| role.is_known);
        let is_for_cluster = |one: &Subject| is_of_cluster(&one.identity);
        let subjects = &self.binding.subjects;
        if !is_known || self.roles.is_empty() || subjects.iter().all(is_for_cluster) {
            return;
        }
        let name = &*self.binding.role;
        let scale = match name {
            "cluster-admin" => Scale {
                everywhere: Severity::Critical,
                system: Severity::Critical,
                namespace: Some(Severity::High),
            },
            // With them one is any service account there.
            "admin" | "edit" => Scale {
                everywhere: Severity::Critical,
                system: Severity::Critical,
                namespace: None,
            },
            name if HARMLESS.contains(&name) => return,
            _ => return self.role_of_a_component(sink),
        };
        let Some(severity) = scale.at(self.place()) else {
            return;
        };
        let place = self.place().words();
        let why = match name {
            "cluster-admin" => "everything",
            _ => "being every service account",
        };
        let who = super::subjects(self.binding);
        let message = format!("ClusterRole {name} gives {who} {why}, {place}");
        let draft = Draft::new(Id::R01, self.locus_of_role(), message, fix_of(Id::R01));
        let draft = self.with_subjects(draft.severity(severity));
        sink.add(&self.asset, draft);
    }

    /// A role that is made for a component of the cluster, given to somebody else.
    fn role_of_a_component(&self, sink: &mut Sink) {
        let name = &self.binding.role;
        let scope = self.binding.scope;
        let rules = self
            .access
            .rules_named(scope, None, name)
            .unwrap_or_default();
        let mut told = BTreeSet::new();
        for danger in dangers::all(self.access.version()) {
            let is_bound_in_one = self.binding.namespace.is_some();
            if danger.is_of_cluster && is_bound_in_one {
                continue;
            }
            let says =
                |rule: &&&Rule| rule.names.is_empty() && dangers::said(rule, danger).is_some();
            let Some(severity) = danger.scale.at(self.place()) else {
                continue;
            };
            if rules.iter().find(says).is_none() || !told.insert(danger.id) {
                continue;
            }
            let (what, place) = (danger.what, self.place().words());
            let who = subjects(self.binding);
            let message =
                format!("ClusterRole {name} is of a component; bound to {who} it {what}, {place}");
            let draft = Draft::new(danger.id, self.locus_of_role(), message, fix_of(danger.id));
            sink.add(&self.asset, self.with_subjects(draft.severity(severity)));
        }
    }

    fn with_subjects(&self, mut draft: Draft) -> Draft {
        for (note, proof) in super::holders(&[self.binding]) {
            draft = draft.evidence(note, proof);
        }
        draft
    }

    fn masters(&self, subject: &Subject, sink: &mut Sink) {
        if !matches!(&subject.identity, Identity::Group(name) if &**name == MASTERS) {
            return;
        }
        let message = format!(
            "{} names {MASTERS}, which needs no role",
            self.binding.reference
        );
        let draft = Draft::new(Id::R05, Self::locus_of(subject), message, fix_of(Id::R05));
        sink.add(&self.asset, draft);
    }

    fn everybody(&self, subject: &Subject, sink: &mut Sink) {
        let Some(crowd) = Crowd::of(&subject.identity) else {
            return;
        };
        let weight = self.weight();
        let Some(severity) = crowd.severity(weight) else {
            return;
        };
        let place = self.place().words();
        let (who, role) = (crowd.words(), &self.binding.role);
        let what = match weight {
            Weight::Nothing => "looks around",
            Weight::Reads => "reads",
            Weight::Changes => "changes things, or reads Secrets",
        };
        let message = format!("{who} {what} by `{role}`, {place}");
        let draft = Draft::new(Id::R13, Self::locus_of(subject), message, fix_of(Id::R13));
        sink.add(&self.asset, draft.severity(severity));
    }

    /// How much the binding gives.
    fn weight(&self) -> Weight {
        let namespace = self.binding.namespace.as_ref();
        let of = namespace.filter(|_| !self.binding.is_cluster_role);
        let rules = self
            .access
            .rules_named(self.binding.scope, of, &self.binding.role);
        let name = &*self.binding.role;
        let is_harmless = self.roles.iter().all(|role| role.is_known);
        if is_harmless && name != "view" && HARMLESS.contains(&name) {
            return Weight::Nothing;
        }
        let weight = |rule: &&Rule| weight_of(rule);
        let rules = rules.unwrap_or_default();
        rules.iter().map(weight).max().unwrap_or(Weight::Nothing)
    }

    /// A person by name: no identity of the cluster, and no mail address of a cloud's machine.
    fn person(&self, subject: &Subject, sink: &mut Sink) {
        let Identity::User(name) = &subject.identity else {
            return;
        };
        if name.starts_with("system:") || name.ends_with(".gserviceaccount.com") {
            return;
        }
        let (binding, role) = (&self.binding.reference, &self.binding.role);
        let message = format!("{binding} gives `{role}` to User {name} by name");
        let draft = Draft::new(Id::R19, Self::locus_of(subject), message, fix_of(Id::R19));
        sink.add(&self.asset, draft);
    }

    fn missing(&self, no_role: bool, sink: &mut Sink) {
        let binding = &self.binding.reference;
        if no_role {
            let kind = if self.binding.is_cluster_role {
                "ClusterRole"
            } else {
                "Role"
            };
            let message = format!(
                "{binding} binds {kind} {}, which is not there",
                self.binding.role
            );
            let draft = Draft::new(Id::R17, self.locus_of_role(), message, fix_of(Id::R17));
            sink.add(&self.asset, draft);
        }
        let accounts = self.access.accounts();
        if accounts.is_empty() {
            return; // they could not be read: every namespace has one
        }
        for subject in &self.binding.subjects {
            let Identity::ServiceAccount { namespace, name } = &subject.identity else {
                continue;
            };
            if accounts.contains(&(namespace.clone(), name.clone())) {
                continue;
            }
            let message = format!("{binding} names {}, which is not there", subject.identity);
            let draft = Draft::new(Id::R17, Self::locus_of(subject), message, fix_of(Id::R17));
            sink.add(&self.asset, draft.severity(Severity::Low));
        }
    }
}

/// How much a rule gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Nothing,
    Reads,
    Changes,
}

fn weight_of(rule: &Rule) -> Weight {
    if rule.resources.is_empty() {
        let is_plain = |url: &Str| &**url != "*" && !url.starts_with("/logs");
        return if rule.urls.iter().all(is_plain) {
            Weight::Nothing
        } else {
            Weight::Reads
        };
    }
    let reads = |verb: &Str| matches!(&**verb, "get" | "list" | "watch");
    let is_review = |word: &Str| word.ends_with("reviews");
    if rule.resources.iter().all(is_review) {
        return Weight::Nothing;
    }
    let is_secret = rule.has_group("") && rule.has_resource("secrets", "") && rule.names.is_empty();
    match rule.verbs.iter().all(reads) && !is_secret {
        // The cluster's address and certificate, which a node asks for before it has a name.
        true if rule.names.iter().any(|name| &**name == "cluster-info") => Weight::Nothing,
        true => Weight::Reads,
        false => Weight::Changes,
    }
}

/// Many that one subject means.
#[derive(Debug, Clone, Copy)]
enum Crowd {
    Strangers,
    Users,
    Accounts,
}

impl Crowd {
    fn of(identity: &Identity) -> Option<Self> {
        match identity {
            Identity::User(name) if &**name == "system:anonymous" => Some(Crowd::Strangers),
            Identity::Group(name) => match &**name {
                "system:unauthenticated" => Some(Crowd::Strangers),
                "system:authenticated" => Some(Crowd::Users),
                "system:serviceaccounts" => Some(Crowd::Accounts),
                _ => None,
            },
            _ => None,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Crowd::Strangers => "everybody, without a name,",
            Crowd::Users => "every user and service account",
            Crowd::Accounts => "every service account",
        }
    }

    fn severity(self, weight: Weight) -> Option<Severity> {
        match (self, weight) {
            (_, Weight::Nothing) => None,
            (Crowd::Strangers, Weight::Changes) => Some(Severity::Critical),
            (Crowd::Strangers, Weight::Reads) | (_, Weight::Changes) => Some(Severity::High),
            (_, Weight::Reads) => Some(Severity::Medium),
        }
    }
}

/// The namespaces that bindings give an identity rights in.
#[derive(Default)]
struct Spread<'a> {
    namespaces: BTreeSet<&'a Str>,
    first: Option<(&'a Binding, &'a Subject)>,
}

impl Spread<'_> {
    fn tell(self, identity: &Identity, sink: &mut Sink) {
        let Some((binding, subject)) = self.first else {
            return;
        };
        // A group is people's; what the cluster itself runs is where it has to be.
        let is_account = matches!(identity, Identity::ServiceAccount { .. });
        if !is_account || self.namespaces.len() <= MANY || is_of_cluster(identity) {
            return;
        }
        let few: Vec<&str> = self
            .namespaces
            .iter()
            .take(3)
            .map(|name| &***name)
            .collect();
        let count = self.namespaces.len();
        let message = format!(
            "{identity} has rights in {count} namespaces: {}, …",
            few.join(", ")
        );
        let asset = Asset::Resource(binding.reference.clone());
        let locus = Locus {
            path: format!("/subjects[{identity}]/namespaces"),
            ..One::locus_of(subject)
        };
        sink.start_workload();
        let note = format!("{} is one of the bindings", binding.reference);
        let draft = Draft::new(Id::R19, locus, message, fix_of(Id::R19));
        let proof = Proof::Source(if binding.span.is_known() {
            binding.span
        } else {
            Span::NONE
        });
        sink.add(&asset, draft.severity(Severity::Info).evidence(note, proof));
    }
}
