//! A saved report as a baseline, or as an answer that can be compared and told again.

use crate::saved::{self, SavedReport};
use seawall_assessment::{Assessment, Baseline, Inventory, Known, KnownGap, Suppressed};
use seawall_model::{
    Asset, Cause, CauseId, Coverage, Evidence, FileId, Finding, FindingId, Gap, Locus, Proof,
    ResourceRef, RuleId, SourceFile, SourceKind, SourceMap, Span,
};
use std::borrow::Cow;

/// A saved report as something to compare with.
pub fn baseline(name: String, report: &SavedReport) -> Baseline {
    let known = |finding: &saved::Finding| {
        let place = finding.locus.location.as_ref();
        Some(Known {
            id: id(&finding.id)?,
            rule: rule(&finding.rule),
            severity: finding.severity,
            asset: asset(&finding.asset),
            path: finding.locus.path.clone(),
            message: finding.message.clone(),
            file: place.map_or_else(String::new, |place| place.file.clone()),
            line: place.map_or(0, |place| place.line),
        })
    };
    let gap = |gap: &saved::Gap| KnownGap {
        kind: gap.kind,
        subject: gap.subject.clone(),
        reason: gap.reason.clone(),
    };
    Baseline {
        name,
        findings: report.findings.iter().filter_map(known).collect(),
        gaps: report.coverage.gaps.iter().map(gap).collect(),
        percent: report.coverage.percent,
        roots: Default::default(),
        // Reports hold no picture.
        pairs: None,
        snapshot: None,
    }
}

/// A saved report as an answer; frameworks and notices are left out. The gate is not asked
/// again: [`Assessment::decide`] does that. Entries with an identity that no Seawall wrote
/// are left out.
pub fn restore(report: &SavedReport, map: &SourceMap) -> Assessment {
    let restorer = Restorer { map };
    let findings = report.findings.iter();
    let suppressed = report.suppressed.iter();
    Assessment {
        findings: findings.filter_map(|f| restorer.finding(f)).collect(),
        suppressed: suppressed
            .filter_map(|suppressed| {
                Some(Suppressed {
                    finding: restorer.finding(&suppressed.finding)?,
                    reason: suppressed.reason.clone(),
                    span: restorer.span(suppressed.location.as_ref()),
                })
            })
            .collect(),
        coverage: Coverage {
            looked_at: report.coverage.looked_at,
            gaps: report
                .coverage
                .gaps
                .iter()
                .map(|gap| Gap {
                    kind: gap.kind,
                    subject: gap.subject.as_str().into(),
                    span: restorer.span(gap.location.as_ref()),
                    reason: gap.reason.clone(),
                    hint: gap.hint.clone(),
                    units: gap.units,
                })
                .collect(),
        },
        assessed: report
            .assessed
            .iter()
            .map(|(id, n)| (rule(id), *n))
            .collect(),
        inventory: Inventory {
            objects: report.inventory.objects,
            workloads: report.inventory.workloads,
            charts: report.inventory.charts,
            overlays: report.inventory.overlays,
        },
        ..Assessment::default()
    }
}

struct Restorer<'m> {
    map: &'m SourceMap,
}

impl Restorer<'_> {
    fn finding(&self, saved: &saved::Finding) -> Option<Finding> {
        let evidence = saved.evidence.iter().map(|evidence| Evidence {
            note: evidence.note.as_str().into(),
            proof: match &evidence.proof {
                saved::Proof::Source { location } => Proof::Source(self.span(location.as_ref())),
                saved::Proof::Object { object } => Proof::Object(resource(object)),
                // The text is not one of ours any more: it was read from a file.
                saved::Proof::ApiDefault { .. } => Proof::Source(Span::NONE),
            },
        });
        Some(Finding {
            id: id(&saved.id)?,
            rule: rule(&saved.rule),
            severity: saved.severity,
            asset: asset(&saved.asset),
            locus: Locus {
                pointer: saved.locus.pointer.clone(),
                path: saved.locus.path.clone(),
                span: self.span(saved.locus.location.as_ref()),
            },
            message: saved.message.as_str().into(),
            evidence: evidence.collect(),
            remediation: saved.remediation.as_str().into(),
            affected: saved.affected.iter().map(asset).collect(),
        })
    }

    fn span(&self, location: Option<&saved::Location>) -> Span {
        let Some(location) = location else {
            return Span::NONE;
        };
        let cause = location.values_key.as_ref().map(|key| Cause {
            owner: key.owner.as_str().into(),
            key: key.key.as_str().into(),
            span: self.plain_span(key.location.as_ref()),
            direct: key.direct,
        });
        Span {
            cause: cause.map_or(CauseId::NONE, |cause| self.map.add_cause(cause)),
            ..self.plain_span(Some(location))
        }
    }

    fn plain_span(&self, location: Option<&saved::Location>) -> Span {
        let Some(location) = location else {
            return Span::NONE;
        };
        Span {
            file: self.file(location),
            start: location.start_byte,
            end: location.end_byte,
            line: location.line,
            column: location.column,
            cause: CauseId::NONE,
        }
    }

    /// The text may be another one by now, so it is not read again.
    fn file(&self, location: &saved::Location) -> FileId {
        self.map.add_file(SourceFile {
            path: location.file.as_str().into(),
            kind: SourceKind::Generated,
        })
    }
}

fn id(text: &str) -> Option<FindingId> {
    text.parse().ok()
}

fn rule(id: &str) -> RuleId {
    RuleId(Cow::Owned(id.to_owned()))
}

fn asset(asset: &saved::Asset) -> Asset {
    match asset {
        saved::Asset::Resource(object) => Asset::Resource(resource(object)),
        saved::Asset::File { path } => Asset::File(path.as_str().into()),
        saved::Asset::ValuesKey { chart, key } => Asset::ValuesKey {
            chart: chart.as_str().into(),
            key: key.as_str().into(),
        },
    }
}

fn resource(object: &saved::Resource) -> ResourceRef {
    ResourceRef {
        group: object.group.as_str().into(),
        kind: object.kind.as_str().into(),
        namespace: object.namespace.as_deref().map(Into::into),
        name: object.name.as_str().into(),
    }
}
