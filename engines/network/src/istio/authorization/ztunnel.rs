//! A rule as istiod writes it for ztunnel, which knows nothing of requests.
//!
//! What asks for something of a request is left out. In ALLOW the rule goes with it. In DENY
//! the rest of the clause stays; a clause of which nothing stays never matches, and with it
//! the whole rule never does: the policy is there and denies nothing. Trust domains are left
//! out without a word, in ALLOW too, so that a rule may let in more than it says.

use super::identity::Identity;
use super::policy::{Check, Clause, Key, Rule, Word};
use crate::request::{Block, Condition, Field, Pattern};

/// What is settled when a rule is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    /// Who the peer is; `None` is nobody, in plaintext.
    pub identity: Option<&'a Identity>,
    /// The port of the pod.
    pub port: u16,
    /// The policy's namespace.
    pub namespace: &'a str,
}

/// What ztunnel makes of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// As it is written.
    Kept,
    /// It lets nobody in.
    Dropped,
    /// It denies more than it says.
    Widened,
    /// It denies nobody.
    Dead,
}

/// Whether a check asks for something that ztunnel does not know, and says so.
pub(crate) fn is_unsupported(check: &Check, is_when: bool) -> bool {
    let by_key = match check.key {
        Key::Principals | Key::Namespaces | Key::IpBlocks | Key::Ports | Key::DestinationIp => {
            false
        }
        // In `when` these two count as unknown; in a source accounts are known and trust
        // domains forgotten.
        Key::ServiceAccounts | Key::TrustDomains => is_when,
        _ => true,
    };
    by_key && (is_when || !check.values.is_empty() || !check.not_values.is_empty())
}

/// What ztunnel makes of a rule of ALLOW or DENY.
pub(crate) fn fate(rule: &Rule, is_allow: bool) -> Fate {
    let sources = rule.from.iter().chain(&rule.to);
    let in_sources = sources
        .flat_map(|c| &c.checks)
        .any(|c| is_unsupported(c, false));
    let in_when = rule
        .when
        .iter()
        .flat_map(|c| &c.checks)
        .any(|c| is_unsupported(c, true));
    let has_unsupported = in_sources || in_when;
    if is_allow && has_unsupported {
        return Fate::Dropped;
    }
    let dead =
        |clauses: &[Clause]| !clauses.is_empty() && clauses.iter().all(|c| is_empty(c, false));
    if dead(&rule.from) || dead(&rule.to) || rule.when.iter().any(|c| is_empty(c, true)) {
        return if is_allow { Fate::Dropped } else { Fate::Dead };
    }
    if has_unsupported {
        Fate::Widened
    } else {
        Fate::Kept
    }
}

/// Whether nothing of a clause reaches ztunnel.
fn is_empty(clause: &Clause, is_when: bool) -> bool {
    let reaches = |check: &Check| {
        let is_known = check.key != Key::ServiceAccounts || !is_when;
        is_known && reaches(check)
    };
    !clause.checks.iter().any(reaches)
}

fn reaches(check: &Check) -> bool {
    let mut words = check.values.iter().chain(&check.not_values);
    match check.key {
        Key::Principals | Key::Namespaces | Key::ServiceAccounts => words.next().is_some(),
        Key::IpBlocks | Key::DestinationIp => words.any(|word| Block::read(&word.text).is_some()),
        Key::Ports => words.any(|word| word.text.parse::<u16>().is_ok()),
        _ => false,
    }
}

/// When a rule matches; `None` where it is dropped.
pub(super) fn matches(rule: &Rule, is_allow: bool, setting: &Setting<'_>) -> Option<Condition> {
    match fate(rule, is_allow) {
        Fate::Dropped => return None,
        Fate::Dead => return Some(Condition::Never),
        Fate::Kept | Fate::Widened => {}
    }
    let one_of = |clauses: &[Clause]| {
        if clauses.is_empty() {
            return Condition::Always;
        }
        // A clause of which nothing is left matches nothing.
        let whole = clauses.iter().filter(|clause| !is_empty(clause, false));
        Condition::any(whole.map(|one| clause(one, setting)))
    };
    let when = rule.when.iter().map(|one| clause(one, setting));
    let when = Condition::all(when.collect::<Vec<_>>());
    Some(Condition::all([one_of(&rule.to), one_of(&rule.from), when]))
}

fn clause(clause: &Clause, setting: &Setting<'_>) -> Condition {
    let kept = clause.checks.iter().filter(|check| reaches(check));
    Condition::all(kept.map(|one| check(one, setting)).collect::<Vec<_>>())
}

fn check(check: &Check, setting: &Setting<'_>) -> Condition {
    let one_of = |words: &[Word]| {
        let kept: Vec<_> = words
            .iter()
            .filter_map(|word| value(&check.key, word, setting))
            .collect();
        (!kept.is_empty()).then(|| Condition::any(kept))
    };
    let is_one = one_of(&check.values).unwrap_or(Condition::Always);
    let is_none = one_of(&check.not_values).map_or(Condition::Always, Condition::negated);
    Condition::all([is_one, is_none])
}

/// Whether a word of a policy of a namespace fits an identity; one that ztunnel does not know
/// fits none.
pub(super) fn fits(key: &Key, word: &str, namespace: &str, identity: &Identity) -> bool {
    match key {
        // Most policies name one account as it is, and everybody is asked about.
        Key::Principals if !word.contains('*') && !word.ends_with(&*identity.service_account) => {
            false
        }
        Key::Principals => Pattern::read(word).holds(&identity.principal()),
        Key::Namespaces => Pattern::read(word).holds(&identity.namespace),
        Key::ServiceAccounts => super::identity::service_account_fits(word, namespace, identity),
        _ => false,
    }
}

fn value(key: &Key, word: &Word, setting: &Setting<'_>) -> Option<Condition> {
    let text = &*word.text;
    let block = |field| Some(Condition::is(field, Pattern::Block(Block::read(text)?)));
    match key {
        Key::Principals | Key::Namespaces | Key::ServiceAccounts => {
            let fits = |one| fits(key, text, setting.namespace, one);
            Some(Condition::settled(setting.identity.is_some_and(fits)))
        }
        Key::Ports => text
            .parse::<u16>()
            .ok()
            .map(|p| Condition::settled(p == setting.port)),
        Key::IpBlocks => block(Field::SourceIp),
        Key::DestinationIp => block(Field::DestinationIp),
        _ => None,
    }
}
