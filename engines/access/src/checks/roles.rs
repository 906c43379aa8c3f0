//! Rules of the user's own roles: wildcards and single dangers, by where they are given.

use super::dangers::{self, Danger};
use super::{Place, Scale, holders};
use crate::access::Access;
use crate::binding::Binding;
use crate::resources;
use crate::role::{Role, Rule};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use seawall_model::catalogue::RuleIndex;
use seawall_model::{Asset, Locus, Severity};

/// The rules that are about rules of roles.
const ABOUT_ROLES: [Id; 14] = [
    Id::R01,
    Id::R02,
    Id::R03,
    Id::R04,
    Id::R06,
    Id::R07,
    Id::R08,
    Id::R09,
    Id::R10,
    Id::R11,
    Id::R12,
    Id::R14,
    Id::R15,
    Id::R16,
];

pub(super) fn check(access: &Access, sink: &mut Sink) {
    for role in access.roles().filter(|role| !role.is_known) {
        sink.start_workload();
        sink.assess_all(&ABOUT_ROLES);
        let mut found: Vec<Found<'_>> = Vec::new();
        for rule in &role.rules {
            let bindings = access.bindings_of(role, rule);
            let places = bindings.iter().map(|one| Place::of(one.namespace.as_ref()));
            let place = places.max().unwrap_or(Place::Nowhere);
            // What a Role gives counts in its namespace, bound or not.
            let own = role.namespace.as_ref().map(|name| Place::of(Some(name)));
            let place = own.filter(|_| place != Place::Nowhere).unwrap_or(place);
            let at = At {
                rule,
                bindings,
                place,
                is_of_namespace: role.namespace.is_some(),
            };
            let before = found.len();
            found.extend(dangers::all(access.version()).filter_map(|danger| at.danger(danger)));
            let is_told = found.len() > before;
            found.extend(at.wildcard(is_told));
        }
        // One finding for each rule of the catalogue: the worst of what the role says.
        found.sort_by(|a, b| (a.id, b.severity).cmp(&(b.id, a.severity)));
        found.dedup_by_key(|one| one.id);
        let asset = Asset::Resource(role.reference.clone());
        for one in found {
            sink.add(&asset, one.draft(role));
        }
    }
}

/// A rule with where it is given.
struct At<'a> {
    rule: &'a Rule,
    bindings: Vec<&'a Binding>,
    place: Place,
    is_of_namespace: bool,
}

/// Something wrong with a rule.
struct Found<'a> {
    id: Id,
    severity: Severity,
    rule: &'a Rule,
    bindings: Vec<&'a Binding>,
    message: String,
    fix: String,
}

impl<'a> At<'a> {
    fn danger(&self, danger: &Danger) -> Option<Found<'a>> {
        let (verb, resource) = dangers::said(self.rule, danger)?;
        // What is in no namespace is not given in one.
        if danger.is_of_cluster && !self.counts_for_cluster() {
            return None;
        }
        let has_names = !self.rule.names.is_empty();
        let severity = if has_names {
            danger.named?
        } else {
            danger.scale.at(self.place)?
        };
        let severity = match self.place {
            Place::Nowhere => severity.min(Severity::Low),
            _ => severity,
        };
        let names = if has_names { ", for some names" } else { "" };
        let place = self.place.words();
        let what = danger.what;
        Some(Found {
            id: danger.id,
            severity,
            rule: self.rule,
            bindings: self.bindings.clone(),
            message: format!("`{verb}` on `{resource}` {what}{names}: {place}"),
            fix: fix_of(danger.id),
        })
    }

    fn counts_for_cluster(&self) -> bool {
        !self.is_of_namespace && matches!(self.place, Place::Everywhere | Place::Nowhere)
    }

    /// A wildcard over resources, groups or verbs. One over verbs alone says nothing more where
    /// something else is told of the rule.
    fn wildcard(&self, is_told: bool) -> Option<Found<'a>> {
        let has = |words: &[seawall_model::Str]| words.iter().any(|word| &**word == "*");
        let rule = self.rule;
        let (verbs, groups, all) = (has(&rule.verbs), has(&rule.groups), has(&rule.resources));
        if rule.resources.is_empty() || !rule.names.is_empty() || !(verbs || groups || all) {
            return None;
        }
        if verbs && all && rule.has_group("") {
            return self.everything();
        }
        // A controller that has all rights on its own custom resources is what it is for.
        let is_own = !groups && !rule.groups.iter().any(|group| resources::is_group(group));
        if is_own || (is_told && !all) {
            return None;
        }
        let of_core = all
            && rule.has_group("")
            && ["get", "list", "watch"]
                .iter()
                .any(|verb| rule.has_verb(verb));
        let scale = Scale {
            everywhere: if of_core || (all && verbs) {
                Severity::High
            } else {
                Severity::Medium
            },
            system: Severity::Medium,
            namespace: Some(if of_core {
                Severity::Medium
            } else {
                Severity::Low
            }),
        };
        let mut what: Vec<&str> = Vec::new();
        for (is, word) in [(verbs, "verbs"), (groups, "API groups"), (all, "resources")] {
            if is {
                what.push(word);
            }
        }
        let reads = if of_core { ", Secrets among them" } else { "" };
        let place = self.place.words();
        Some(Found {
            id: Id::R03,
            severity: scale.at(self.place)?,
            rule,
            bindings: self.bindings.clone(),
            message: format!("`*` for {}{reads}: {place}", what.join(" and ")),
            fix: fix_of(Id::R03),
        })
    }

    fn everything(&self) -> Option<Found<'a>> {
        let scale = Scale {
            everywhere: Severity::Critical,
            system: Severity::Critical,
            namespace: Some(Severity::High),
        };
        let place = self.place.words();
        Some(Found {
            id: Id::R01,
            severity: scale.at(self.place)?,
            rule: self.rule,
            bindings: self.bindings.clone(),
            message: format!("every verb on every resource: {place}"),
            fix: fix_of(Id::R01),
        })
    }
}

impl Found<'_> {
    fn draft(self, role: &Role) -> Draft {
        // The place among the rules may change; what is wrong with the role stays.
        let locus = Locus {
            pointer: self.rule.pointer(),
            path: format!("/rules[{}]", self.id.text()),
            span: self.rule.span,
        };
        let message = format!("{}: {}", role.reference, self.message);
        let mut draft = Draft::new(self.id, locus, message, self.fix).severity(self.severity);
        for (note, proof) in holders(&self.bindings) {
            draft = draft.evidence(note, proof);
        }
        draft
    }
}

/// What the catalogue says to do.
pub(super) fn fix_of(id: Id) -> String {
    let rule = crate::rules::catalogue().get(id.index());
    rule.map(|rule| rule.fix.to_string()).unwrap_or_default()
}
