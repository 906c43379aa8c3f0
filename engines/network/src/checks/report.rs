//! Where checks put what they find: several of them speak about one object.

use crate::rules::Id;
use crate::sink::{Draft, Sink};
use seawall_model::{Asset, Gap, GapKind, Span};
use seawall_snapshot::Object;

/// What checks found, until it is put in order: several checks speak about one object.
#[derive(Debug, Default)]
pub(crate) struct Report {
    found: Vec<(Asset, Draft)>,
    counts: Vec<(Id, u64)>,
    gaps: Vec<Gap>,
    /// How many workloads are named as affected.
    named: usize,
}

/// How many workloads findings may name together. Ten thousand policies for the whole mesh
/// would name all of it ten thousand times.
const MAX_NAMED: usize = 1_000_000;

impl Report {
    /// Adds a finding about an object.
    pub(crate) fn add(&mut self, object: &Object, draft: Draft) {
        self.add_to(Asset::Resource(object.reference.clone()), draft);
    }

    /// Adds a finding about a workload.
    pub(crate) fn add_to(&mut self, asset: Asset, draft: Draft) {
        let is_full = self.named > MAX_NAMED;
        self.named += draft.affected_count();
        let draft = if is_full { draft.affects_none() } else { draft };
        self.found.push((asset, draft));
    }

    /// Counts subjects that rules were applied to.
    pub(crate) fn assess(&mut self, ids: &[Id], subjects: usize) {
        let subjects = subjects as u64;
        self.counts.extend(ids.iter().map(|id| (*id, subjects)));
    }

    /// Counts one subject for each of several rules.
    pub(crate) fn assess_each(&mut self, ids: &[Id]) {
        self.assess(ids, 1);
    }

    /// Adds something that was not found out, and hides nothing by it.
    pub(crate) fn gap(&mut self, subject: &str, span: Span, reason: &str, hint: &str) {
        self.gaps.push(Gap {
            kind: GapKind::Remote,
            subject: subject.into(),
            span,
            reason: reason.to_owned(),
            hint: hint.to_owned(),
            units: 0,
        });
    }

    /// Hands everything in, object by object.
    pub(crate) fn hand_in(mut self, sink: &mut Sink) {
        if self.named > MAX_NAMED {
            self.gap(
                "service meshes",
                Span::NONE,
                "there are too many findings to name all that each of them affects",
                "look at the first ones, and scan again",
            );
        }
        for (id, subjects) in self.counts {
            sink.assess(id, subjects);
        }
        for gap in self.gaps {
            sink.gap(gap);
        }
        self.found.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut last: Option<Asset> = None;
        for (asset, draft) in self.found {
            if last.as_ref() != Some(&asset) {
                sink.start_workload();
            }
            sink.add(&asset, draft);
            last = Some(asset);
        }
    }
}
