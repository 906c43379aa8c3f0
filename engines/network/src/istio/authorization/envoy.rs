//! A rule as istiod writes it into the filters of Envoy: in a sidecar, a gateway or a
//! waypoint.
//!
//! For requests everything counts. For bytes a rule of ALLOW that asks for anything of a
//! request is dropped as a whole; one of DENY or CUSTOM loses only what asks for it, and so
//! keeps out more than it says.

use super::identity::{Identity, TrustDomains};
use super::policy::{Check, Clause, Key, Rule, Word};
use crate::request::{Block, Condition, Field, Pattern};

/// What is settled when a rule is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    /// Who the peer is; `None` is nobody, in plaintext.
    pub identity: Option<&'a Identity>,
    /// The port of the pod.
    pub port: u16,
    /// Whether it is requests, or bytes.
    pub is_http: bool,
    /// Whether the policy only ever opens: its rules may be dropped but never widened.
    pub is_allow: bool,
    /// The policy's namespace.
    pub namespace: &'a str,
    /// The mesh's own trust domains.
    pub domains: &'a TrustDomains,
}

/// What can't be part of a filter.
struct Unfit;

/// When a rule matches; `None` where it is dropped.
pub(super) fn matches(rule: &Rule, setting: &Setting<'_>) -> Option<Condition> {
    let is_unknown = |check: &Check| matches!(check.key, Key::Unknown(_)) && check.asks();
    if rule.checks().any(is_unknown) {
        return None;
    }
    let one_of = |clauses: &[Clause]| -> Result<Condition, Unfit> {
        if clauses.is_empty() {
            return Ok(Condition::Always);
        }
        let all: Result<Vec<_>, _> = clauses.iter().map(|c| clause(c, setting)).collect();
        Ok(Condition::any(all?))
    };
    let when: Result<Vec<_>, _> = rule.when.iter().map(|c| clause(c, setting)).collect();
    let parts = [
        one_of(&rule.from),
        one_of(&rule.to),
        when.map(Condition::all),
    ];
    let parts: Result<Vec<_>, Unfit> = parts.into_iter().collect();
    parts.ok().map(Condition::all)
}

fn clause(clause: &Clause, setting: &Setting<'_>) -> Result<Condition, Unfit> {
    let all: Result<Vec<_>, _> = clause.checks.iter().map(|c| check(c, setting)).collect();
    all.map(Condition::all)
}

fn check(check: &Check, setting: &Setting<'_>) -> Result<Condition, Unfit> {
    let one_of = |words: &[Word]| -> Result<Option<Condition>, Unfit> {
        let mut kept = Vec::new();
        for word in words {
            match value(&check.key, word, setting) {
                Ok(condition) => kept.push(condition),
                Err(Unfit) if setting.is_allow => return Err(Unfit),
                Err(Unfit) => {}
            }
        }
        Ok((!kept.is_empty()).then(|| Condition::any(kept)))
    };
    let is_one = one_of(&check.values)?.unwrap_or(Condition::Always);
    let is_none = one_of(&check.not_values)?.map_or(Condition::Always, Condition::negated);
    Ok(Condition::all([is_one, is_none]))
}

fn value(key: &Key, word: &Word, setting: &Setting<'_>) -> Result<Condition, Unfit> {
    if key.is_http() && !setting.is_http {
        return Err(Unfit);
    }
    let text = &*word.text;
    let block = |field| {
        Block::read(text)
            .map(|b| Condition::is(field, Pattern::Block(b)))
            .ok_or(Unfit)
    };
    let is = |field, pattern| Ok(Condition::is(field, pattern));
    match key {
        key if key.is_identity() => {
            let (domains, namespace) = (setting.domains, setting.namespace);
            let fits = |one| domains.fits(key, text, namespace, one);
            Ok(Condition::settled(setting.identity.is_some_and(fits)))
        }
        Key::Ports => match text.parse::<u16>() {
            Ok(port) => Ok(Condition::settled(port == setting.port)),
            Err(_) => Err(Unfit),
        },
        Key::IpBlocks => block(Field::SourceIp),
        Key::RemoteIpBlocks => block(Field::RemoteIp),
        Key::DestinationIp => block(Field::DestinationIp),
        Key::Hosts => is(Field::Host, Pattern::read(text).lower()),
        Key::Methods => is(Field::Method, Pattern::read(text)),
        Key::Paths => is(Field::Path, Pattern::read_path(text)),
        Key::Header(name) => is(Field::Header(name.clone()), Pattern::read(text)),
        Key::Claim(name) => is(Field::Claim(name.clone()), Pattern::read(text)),
        Key::RequestPrincipals => Ok(request_principal(text)),
        Key::ServerName => is(Field::ServerName, Pattern::read(text)),
        Key::Filter(key) => is(Field::Other(key.clone()), Pattern::read(text)),
        // Identities are dealt with.
        _ => Err(Unfit),
    }
}

/// Issuer and subject, apart at the last slash: an issuer is mostly a URL.
fn request_principal(text: &str) -> Condition {
    let split = text.rsplit_once('/');
    let issuer = split.map_or(text, |(issuer, _)| issuer);
    let (issuer, subject) = if text == "*" {
        (Pattern::any(), Pattern::any())
    } else if text.starts_with('*') {
        match split {
            Some((_, subject)) => (Pattern::read(issuer), Pattern::Exact(subject.into())),
            None => (Pattern::any(), Pattern::read(text)),
        }
    } else if text.ends_with('*') {
        match split {
            Some((_, subject)) => (Pattern::Exact(issuer.into()), Pattern::read(subject)),
            None => (Pattern::read(text), Pattern::any()),
        }
    } else {
        let subject = split.map_or("", |(_, subject)| subject);
        (
            Pattern::Exact(issuer.into()),
            Pattern::Exact(subject.into()),
        )
    };
    Condition::all([
        Condition::is(Field::Issuer, issuer),
        Condition::is(Field::Subject, subject),
    ])
}
