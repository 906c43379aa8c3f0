//! Which of several matches at one place picks a request: the most exact one that fits. That is
//! found when a request is asked about, and not before: a place may have thousands of them.

use crate::request::matches::MatchRank;
use crate::request::{Condition, Request};
use seawall_model::Str;
use std::ops::Range;
use std::sync::Arc;

/// How exact a match is: the length of its path, whether that is exact, and the rest.
pub(super) type Rank = (usize, bool, MatchRank);

/// A match of a route.
#[derive(Debug)]
pub(super) struct Match {
    /// The hosts that it is for; empty is all.
    pub(super) hosts: Vec<Str>,
    /// How exact it is; `None` where its place among the others is not known.
    pub(super) rank: Option<Rank>,
    /// The requests that it fits, hosts aside.
    pub(super) requests: Condition,
}

/// Matches of one place.
#[derive(Debug, Clone)]
pub(crate) struct Picks {
    all: Arc<[Match]>,
    /// Those of them that are meant.
    own: Range<usize>,
}

impl Picks {
    /// Matches at one place, of which so many belong to each of several rules.
    pub(super) fn split(all: Vec<Match>, counts: impl Iterator<Item = usize>) -> Vec<Self> {
        let all: Arc<[Match]> = all.into();
        let mut start = 0;
        let rule = |count| {
            let own = start..start + count;
            start = own.end;
            let all = Arc::clone(&all);
            Self { all, own }
        };
        counts.map(rule).collect()
    }

    fn own(&self) -> &[Match] {
        self.all.get(self.own.clone()).unwrap_or_default()
    }

    /// The requests that the matches fit, whether or not another one is more exact.
    pub(super) fn requests(&self) -> Condition {
        Condition::any(self.own().iter().map(|one| one.requests.clone()))
    }

    /// What must hold of a request, of which this is known, for one of the matches to pick it.
    pub(super) fn given(&self, request: &Request) -> Condition {
        Condition::any(self.own().iter().map(|one| self.left(one, request)))
    }

    /// What those that are more exact leave a match. Hosts that are not written alike are not
    /// compared: who asks for no host in particular may mean either.
    fn left(&self, one: &Match, request: &Request) -> Condition {
        let requests = one.requests.given(request);
        if requests == Condition::Never {
            return requests;
        }
        let mut before: Vec<(&Match, Condition)> = Vec::new();
        for other in self.all.iter() {
            let is_before = match (&other.rank, &one.rank) {
                (Some(other), Some(own)) => other > own,
                _ => !std::ptr::eq(other, one),
            };
            if is_before {
                let taken = other.requests.given(request);
                let is_known = other.rank.is_some() && one.rank.is_some();
                let order =
                    (!is_known).then(|| Condition::unknown("order of routes that puts it first"));
                before.push((other, Condition::all([taken].into_iter().chain(order))));
            }
        }
        before.retain(|(_, taken)| *taken != Condition::Never);
        let at_host = |host: Option<&Str>| {
            let beside = before.iter().filter(|(other, _)| match host {
                Some(host) => other.hosts.contains(host),
                None => other.hosts.is_empty(),
            });
            let taken = Condition::any(beside.map(|(_, taken)| taken.clone()));
            Condition::all([requests.clone(), taken.negated()])
        };
        if one.hosts.is_empty() {
            return at_host(None);
        }
        Condition::any(one.hosts.iter().map(|host| at_host(Some(host))))
    }
}
