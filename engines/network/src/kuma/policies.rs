//! Whom a port lets in, and whether it takes plaintext: MeshTrafficPermission, MeshTLS, and
//! TrafficPermission of old.
//!
//! In 2.x, `from` names callers by tags; of all items that fit a caller the last one decides,
//! sorted by how exactly their policies choose the destination, but not across items that no
//! caller fits at once ([`readings`]). `rules` name them by SPIFFE
//! ids: whatever refuses goes before whatever allows, and who is not named is refused. What
//! only logs (`AllowWithShadowDeny`) allows. TrafficPermissions count where no
//! MeshTrafficPermission chooses the port; of several the one whose destination is most exact.

mod read;

use super::membership::{Inbound, Member, Tags};
use super::{Caller, ControlPlane, Edition, GROUP, cite};
use crate::selection::Certainty;
use crate::why::Cite;
use crate::world::World;
use seawall_model::{Span, Str};
use seawall_snapshot::Object;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// How many ways to read a caller are tried.
const MOST_READINGS: usize = 256;

/// Whether plaintext is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// It is not.
    Strict,
    /// It is.
    Permissive,
}

/// Pairs of tags.
type Pairs = Vec<(Str, Str)>;

/// What a policy chooses.
#[derive(Debug)]
enum Target<'s> {
    Mesh {
        has_sidecars: bool,
    },
    Tags(Pairs),
    Dataplane {
        name: Option<&'s str>,
        labels: Option<Pairs>,
        section: Option<&'s str>,
    },
    Other,
}

/// How exactly a policy chooses: the last in this order counts.
type Rank<'s> = (u8, u8, bool, bool, Reverse<&'s str>);

/// A policy with a target.
#[derive(Debug)]
struct Policy<'s> {
    object: &'s Object,
    mesh: Str,
    /// The namespace whose pods it is for; `None` is all.
    namespace: Option<&'s str>,
    target: Target<'s>,
    rank: Rank<'s>,
}

/// An item of `from`.
#[derive(Debug)]
struct Item {
    tags: Pairs,
    is_allow: bool,
    pointer: String,
    span: Span,
}

/// A match of `rules`.
#[derive(Debug)]
struct Match<'s> {
    id: Option<(bool, &'s str)>,
    has_name: bool,
    pointer: String,
    span: Span,
}

#[derive(Debug)]
struct Permission<'s> {
    policy: Policy<'s>,
    items: Vec<Item>,
    has_rules: bool,
    allowed: Vec<Match<'s>>,
    denied: Vec<Match<'s>>,
}

#[derive(Debug)]
struct Tls<'s> {
    policy: Policy<'s>,
    /// Modes of `from`, which 3.0 has not, and of `rules`.
    modes: Vec<(bool, Mode, String, Span)>,
}

/// A TrafficPermission.
#[derive(Debug)]
struct Old<'s> {
    object: &'s Object,
    mesh: Str,
    sources: Vec<Pairs>,
    destinations: Vec<Pairs>,
}

/// All policies.
#[derive(Debug)]
pub struct Policies<'s> {
    permissions: Vec<Permission<'s>>,
    tls: Vec<Tls<'s>>,
    old: Vec<Old<'s>>,
    /// Tags that policies name.
    named: BTreeMap<Str, BTreeSet<Str>>,
}

/// Whether a caller is let in, and what decided.
#[derive(Debug)]
pub(crate) struct Decision<'s> {
    pub(crate) is_allowed: bool,
    pub(crate) because: Vec<Cite<'s>>,
}

impl<'s> Policies<'s> {
    /// Reads them off a world.
    pub(crate) fn new(world: &World<'s>, control_plane: &ControlPlane) -> Self {
        let of = |kind: &str| world.of_kind(GROUP, kind).iter().copied();
        let mut permissions: Vec<Permission<'s>> = of("MeshTrafficPermission")
            .map(|object| read::permission(object, control_plane))
            .collect();
        permissions.sort_by(|a, b| a.policy.rank.cmp(&b.policy.rank));
        let mut tls: Vec<Tls<'s>> = of("MeshTLS")
            .map(|object| read::mtls(object, control_plane))
            .collect();
        tls.sort_by(|a, b| a.policy.rank.cmp(&b.policy.rank));
        let old: Vec<Old<'s>> = of("TrafficPermission").map(read::old).collect();
        let mut named: BTreeMap<Str, BTreeSet<Str>> = BTreeMap::new();
        let items = permissions
            .iter()
            .flat_map(|one| &one.items)
            .map(|item| &item.tags);
        for (key, value) in items
            .chain(old.iter().flat_map(|one| &one.sources))
            .flatten()
        {
            named.entry(key.clone()).or_default().insert(value.clone());
        }
        Self {
            permissions,
            tls,
            old,
            named,
        }
    }

    /// The tags that policies name: callers that differ in others only are the same to them.
    pub(crate) fn named(&self, tags: &Tags) -> Tags {
        let mut kept = Tags::new();
        for (key, values) in tags {
            let Some(named) = self.named.get(key) else {
                continue;
            };
            let any = named.contains(ANY);
            let values = values.iter().filter(|value| any || named.contains(*value));
            let values: BTreeSet<Str> = values.cloned().collect();
            if !values.is_empty() {
                kept.insert(key.clone(), values);
            }
        }
        kept
    }

    /// The mode that MeshTLS sets for a port.
    pub(crate) fn mode(
        &self,
        member: &Member<'_>,
        inbound: &Inbound,
        edition: Edition,
    ) -> Option<(Mode, Cite<'s>)> {
        let mut found: Option<(Mode, Cite<'s>)> = None;
        for one in &self.tls {
            let chooses = one.policy.chooses(member, inbound, edition);
            for (is_from, mode, pointer, span) in &one.modes {
                let counts = match chooses {
                    Certainty::Yes => true,
                    Certainty::Perhaps => *mode == Mode::Permissive,
                    Certainty::No => false,
                };
                if counts && !(*is_from && edition == Edition::Three) {
                    found = Some((*mode, cite(one.policy.object, pointer, *span)));
                }
            }
        }
        found
    }

    /// What `rules` say about a caller.
    pub(crate) fn by_rules(
        &self,
        member: &Member<'_>,
        inbound: &Inbound,
        caller: &Caller,
        edition: Edition,
    ) -> Decision<'s> {
        let mut allowed = None;
        let mut chosen = Vec::new();
        for one in &self.permissions {
            let chooses = one.policy.chooses(member, inbound, edition);
            if chooses == Certainty::No {
                continue;
            }
            chosen.push(cite(
                one.policy.object,
                "/spec",
                one.policy.object.name_span,
            ));
            let made = |found: &Match<'_>| cite(one.policy.object, &found.pointer, found.span);
            let mut denied = one.denied.iter();
            let denies = |found: &&Match<'_>| found.fits(caller) == Certainty::Yes;
            if let Some(found) = denied.find(denies).filter(|_| chooses == Certainty::Yes) {
                return Decision {
                    is_allowed: false,
                    because: vec![made(found)],
                };
            }
            let allows = |found: &&Match<'_>| found.fits(caller) != Certainty::No;
            let found = one.allowed.iter().find(allows);
            allowed = allowed.or(found.map(|found| Cite {
                is_assumed: found.fits(caller) == Certainty::Perhaps,
                ..made(found)
            }));
        }
        Decision {
            is_allowed: allowed.is_some(),
            because: allowed.map_or(chosen, |cite| vec![cite]),
        }
    }

    /// What `from` says about a caller, else TrafficPermissions.
    pub(crate) fn by_tags(
        &self,
        member: &Member<'_>,
        inbound: &Inbound,
        caller: &Caller,
    ) -> Decision<'s> {
        let chosen: Vec<(&Permission<'s>, Certainty)> = self
            .permissions
            .iter()
            .map(|one| (one, one.policy.chooses(member, inbound, Edition::Two)))
            .filter(|(_, chooses)| *chooses != Certainty::No)
            .collect();
        if chosen.iter().any(|(one, _)| one.has_rules) {
            return self.by_rules(member, inbound, caller, Edition::Two);
        }
        if !chosen.iter().any(|(_, chooses)| *chooses == Certainty::Yes) {
            let old = self.by_old(member, inbound, caller);
            if old.is_allowed || chosen.is_empty() {
                return old;
            }
        }
        let items = chosen.iter().flat_map(|(one, chooses)| {
            one.items
                .iter()
                .map(move |item| (one.policy.object, item, *chooses))
        });
        // Whom a policy only perhaps chooses it does not keep out.
        let items: Vec<(&'s Object, &Item, Certainty)> = items
            .filter(|(_, item, chooses)| *chooses == Certainty::Yes || item.is_allow)
            .collect();
        let mut refused = Vec::new();
        for reading in readings(&items, &caller.tags) {
            let fits = |(_, item, _): &&(&'s Object, &Item, Certainty)| {
                item.tags.iter().all(|pair| reading.contains(&pair))
            };
            let last = items.iter().rev().find(fits);
            let made = last.map(|(object, item, chooses)| Cite {
                is_assumed: *chooses == Certainty::Perhaps,
                ..cite(object, &item.pointer, item.span)
            });
            if last.is_some_and(|(_, item, _)| item.is_allow) {
                return Decision {
                    is_allowed: true,
                    because: made.into_iter().collect(),
                };
            }
            refused.extend(made);
        }
        if refused.is_empty() {
            let policies = chosen.iter().map(|(one, _)| one.policy.object);
            refused.extend(policies.map(|object| cite(object, "/spec", object.name_span)));
        }
        Decision {
            is_allowed: false,
            because: refused,
        }
    }

    fn by_old(&self, member: &Member<'_>, inbound: &Inbound, caller: &Caller) -> Decision<'s> {
        let of_mesh = self.old.iter().filter(|one| one.mesh == member.mesh);
        let ranked = of_mesh.filter_map(|one| {
            let fitting = one.destinations.iter().filter(|pairs| {
                let mut tags = inbound.tags.iter();
                tags.any(|tags| is_selected(pairs, |key| tags.get(key).map(|v| &**v)))
            });
            let exact = |pairs: &Pairs| pairs.iter().filter(|(_, value)| &**value != ANY).count();
            let rank = fitting.map(|pairs| (exact(pairs), pairs.len())).max()?;
            (rank.1 > 0).then_some((rank, one))
        });
        let ranked: Vec<_> = ranked.collect();
        let best = ranked.iter().map(|(rank, _)| *rank).max();
        // Of equal ones the younger counts; which that is, files do not say.
        let deciding = ranked.iter().filter(|(rank, _)| Some(*rank) == best);
        let deciding: Vec<&Old<'s>> = deciding.map(|(_, one)| *one).collect();
        let allows = |one: &&&Old<'s>| {
            one.sources.iter().any(|pairs| {
                pairs.iter().all(|(key, value)| {
                    let own = caller.tags.get(key);
                    own.is_some_and(|own| &**value == ANY || own.contains(value))
                })
            })
        };
        let made = |one: &Old<'s>| cite(one.object, "/spec", one.object.name_span);
        match deciding.iter().find(allows) {
            Some(one) => Decision {
                is_allowed: true,
                because: vec![made(one)],
            },
            None => Decision {
                is_allowed: false,
                because: deciding.into_iter().map(made).collect(),
            },
        }
    }
}

/// Any value.
const ANY: &str = "*";

/// Whether tags are those of a selector; a star is any value.
fn is_selected<'t>(pairs: &Pairs, of: impl Fn(&str) -> Option<&'t str>) -> bool {
    let fits =
        |(key, value): &(Str, Str)| of(key).is_some_and(|own| &**value == ANY || own == &**value);
    pairs.iter().all(fits)
}

/// The ways to read a caller, each with the tags that count in it.
///
/// The control plane takes together what some caller can fit at once, as much as there is at a
/// time, and makes rules of the tags that are named there. So a caller is read once for each such
/// group, and what only others name of its tags is not seen: one of the readings that is let in
/// is enough. In a group a tag has one value. (`BuildRules` of Kuma, by cliques.)
fn readings<'t>(items: &'t [(&Object, &Item, Certainty)], tags: &Tags) -> Vec<Vec<&'t (Str, Str)>> {
    let is_own = |pair: &&(Str, Str)| tags.get(&pair.0).is_some_and(|own| own.contains(&pair.1));
    let all = items.iter().map(|(_, item, _)| &item.tags);
    let mut by_key: BTreeMap<&str, BTreeSet<&'t (Str, Str)>> = BTreeMap::new();
    for pair in all.clone().flatten() {
        by_key.entry(&pair.0).or_default().insert(pair);
    }
    let count = by_key.values().try_fold(1_usize, |product, pairs| {
        let product = product.checked_mul(pairs.len());
        product.filter(|product| *product <= MOST_READINGS)
    });
    if count.is_none() {
        // Too many: each item by itself, which fits more.
        let fitting = all.filter(|tags| tags.iter().all(|pair| is_own(&pair)));
        return fitting.map(|tags| tags.iter().collect()).collect();
    }
    let mut whole: Vec<Vec<&(Str, Str)>> = vec![Vec::new()];
    for pairs in by_key.into_values() {
        let longer = whole.iter().flat_map(|one| {
            pairs.iter().map(|pair| {
                let mut one = one.clone();
                one.push(*pair);
                one
            })
        });
        whole = longer.collect();
    }
    let group = |one: Vec<&'t (Str, Str)>| {
        let (within, beyond): (Vec<_>, Vec<_>) = all
            .clone()
            .partition(|tags| tags.iter().all(|pair| one.contains(&pair)));
        let named: BTreeSet<&(Str, Str)> = within.into_iter().flatten().collect();
        let is_apart = |tags: &&Pairs| {
            let mut tags = tags.iter();
            tags.any(|(key, value)| named.iter().any(|(k, v)| k == key && v != value))
        };
        // What more would go with these makes another group.
        let is_whole = beyond.iter().all(is_apart);
        is_whole.then(|| named.into_iter().filter(is_own).collect())
    };
    whole.into_iter().filter_map(group).collect()
}

impl Match<'_> {
    /// Whether it is about a caller. What name TLS asks for, nobody knows beforehand.
    fn fits(&self, caller: &Caller) -> Certainty {
        let by_id = match self.id {
            None => Certainty::Yes,
            Some((is_exact, value)) => {
                let each = caller.ids.iter().map(|id| {
                    if is_exact {
                        id.is(value)
                    } else {
                        id.begins(value)
                    }
                });
                let certain = |want: Certainty| each.clone().any(|one| one == want);
                if certain(Certainty::Yes) {
                    Certainty::Yes
                } else if certain(Certainty::Perhaps) {
                    Certainty::Perhaps
                } else {
                    Certainty::No
                }
            }
        };
        match by_id {
            Certainty::Yes if self.has_name => Certainty::Perhaps,
            other => other,
        }
    }
}

impl Policy<'_> {
    /// Whether it is for a port of a pod.
    fn chooses(&self, member: &Member<'_>, inbound: &Inbound, edition: Edition) -> Certainty {
        let is_near = self.namespace.is_none_or(|name| name == &*member.namespace);
        if self.mesh != member.mesh || !is_near {
            return Certainty::No;
        }
        let yes = |truth: bool| if truth { Certainty::Yes } else { Certainty::No };
        match &self.target {
            Target::Mesh { has_sidecars } => yes(*has_sidecars),
            // 3.0 knows no tags.
            Target::Tags(_) if edition == Edition::Three => Certainty::No,
            Target::Tags(pairs) => yes(inbound
                .tags
                .iter()
                .any(|tags| is_selected(pairs, |key| tags.get(key).map(|value| &**value)))),
            Target::Dataplane {
                name,
                labels,
                section,
            } => {
                let number = inbound.port.to_string();
                let is_section = section.is_none_or(|section| {
                    inbound.name.as_deref() == Some(section) || number == section
                });
                if !is_section {
                    return Certainty::No;
                }
                if let Some(name) = name {
                    let is_pod = member.name.starts_with(name) || name.starts_with(&*member.name);
                    let is_read = edition == Edition::Two && is_pod;
                    return if is_read {
                        Certainty::Perhaps
                    } else {
                        Certainty::No
                    };
                }
                let mut sum = Certainty::Yes;
                for (key, value) in labels.iter().flatten() {
                    let is_unknown = matches!(
                        &**key,
                        "kuma.io/display-name" | "kuma.io/workload" | "kuma.io/zone"
                    );
                    match member.label(key) {
                        Some(own) if own == &**value => {}
                        None if is_unknown => sum = Certainty::Perhaps,
                        _ => return Certainty::No,
                    }
                }
                sum
            }
            Target::Other => Certainty::No,
        }
    }
}
