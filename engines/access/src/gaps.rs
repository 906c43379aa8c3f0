//! What could not be read or judged, told once for each kind of trouble of an object.

use seawall_model::{Gap, GapKind, ResourceRef, Span};

/// More gaps than this are counted, not listed: a hostile input must not fill a report.
const MOST: usize = 1000;

/// Collects gaps.
#[derive(Debug, Default, Clone)]
pub(crate) struct Gaps {
    list: Vec<Gap>,
    dropped: u32,
}

impl Gaps {
    /// The API server would refuse an object, or a part of it.
    pub(crate) fn invalid(&mut self, of: &ResourceRef, span: Span, reason: String) {
        self.add(GapKind::Invalid, of, span, reason, "");
    }

    /// What an answer rests on was not seen.
    pub(crate) fn unseen(&mut self, of: &ResourceRef, span: Span, reason: String, hint: &str) {
        self.add(GapKind::Unsupported, of, span, reason, hint);
    }

    fn add(&mut self, kind: GapKind, of: &ResourceRef, span: Span, reason: String, hint: &str) {
        if self.list.len() >= MOST {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        self.list.push(Gap {
            kind,
            subject: of.to_string().into(),
            span,
            reason,
            hint: hint.to_owned(),
            // The object itself was read and is counted by others.
            units: 0,
        });
    }

    /// The picture as a whole misses something.
    pub(crate) fn whole(&mut self, kind: GapKind, reason: String, hint: &str) {
        self.list.push(Gap {
            kind,
            subject: "access".into(),
            span: Span::NONE,
            reason,
            hint: hint.to_owned(),
            units: 0,
        });
    }

    /// All of them.
    pub(crate) fn finish(mut self) -> Vec<Gap> {
        if self.dropped > 0 {
            let reason = format!("{} more of these", self.dropped);
            self.whole(GapKind::Invalid, reason, "");
        }
        self.list
    }
}
