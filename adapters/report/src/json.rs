//! `-o json`: the whole answer, streamed. One line per finding, so that plain text tools
//! can count and compare.

use crate::saved::{self, SCHEMA};
use crate::view::{View, exit_code};
use seawall_assessment::fixes::repairable;
use seawall_assessment::reach::Difference;
use seawall_assessment::{Change, Comparison, ControlStatus, Known, Suppressed, Verdict};
use seawall_model::{Asset, Finding, Framework, Gap, Proof, ResourceRef, Rule, SourceKind, Span};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::ser::Formatter;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

pub(crate) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Findings => "findings",
        Verdict::Incomplete => "incomplete",
    }
}

pub(crate) fn status_name(status: ControlStatus) -> &'static str {
    match status {
        ControlStatus::Pass => "pass",
        ControlStatus::Fail => "fail",
        ControlStatus::NotAssessed => "not-assessed",
    }
}

pub(crate) fn write(view: &View<'_>, mut out: &mut dyn io::Write) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Lines::breaking(2));
    Report(view)
        .serialize(&mut serializer)
        .map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// The report as it is written: [`saved::SavedReport`] without holding all of it.
struct Report<'v, 'a>(&'v View<'a>);

impl Serialize for Report<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let view = self.0;
        let assessment = view.assessment;
        let inventory = &assessment.inventory;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", SCHEMA)?;
        map.serialize_entry(
            "tool",
            &saved::Tool {
                name: "seawall".to_owned(),
                version: view.header.tool_version.clone(),
            },
        )?;
        map.serialize_entry("targets", &view.header.targets)?;
        map.serialize_entry("kubernetesVersion", &view.header.kubernetes_version)?;
        map.serialize_entry(
            "inventory",
            &saved::Inventory {
                files: view.header.files,
                objects: inventory.objects,
                workloads: inventory.workloads,
                charts: inventory.charts,
                overlays: inventory.overlays,
            },
        )?;
        map.serialize_entry("summary", &summary(view))?;
        map.serialize_entry("gate", &gate(view))?;
        map.serialize_entry("coverage", &coverage(view))?;
        if let Some(found) = &assessment.comparison {
            map.serialize_entry("comparison", &comparison(view, found))?;
        }
        let assessed: BTreeMap<&str, u64> = assessment
            .assessed
            .iter()
            .map(|(rule, n)| (rule.as_str(), *n))
            .collect();
        map.serialize_entry("assessed", &assessed)?;
        map.serialize_entry("frameworks", &Each(|| frameworks(view)))?;
        map.serialize_entry("rules", &Each(|| fired(view).into_iter().map(rule)))?;
        map.serialize_entry(
            "findings",
            &Each(|| {
                let findings = assessment.findings.iter().enumerate();
                findings.map(|(at, found)| saved::Finding {
                    change: view.change(at).map(change),
                    ..finding(view, found)
                })
            }),
        )?;
        map.serialize_entry(
            "suppressed",
            &Each(|| assessment.suppressed.iter().map(|s| suppressed(view, s))),
        )?;
        map.serialize_entry(
            "suppressionNotices",
            &Each(|| {
                assessment
                    .suppression_notices
                    .iter()
                    .map(|notice| saved::Notice {
                        message: notice.message.clone(),
                        location: location(view, notice.span),
                    })
            }),
        )?;
        map.end()
    }
}

/// A sequence whose items are made one at a time.
pub(crate) struct Each<F>(pub(crate) F);

impl<F, I> Serialize for Each<F>
where
    F: Fn() -> I,
    I: Iterator,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

fn summary(view: &View<'_>) -> saved::Summary {
    let named = |n: &'static str, count: u64| (n.to_owned(), count);
    saved::Summary {
        findings: view.assessment.findings.len() as u64,
        suppressed: view.assessment.suppressed.len() as u64,
        by_severity: View::by_severity(view.assessment.findings.iter())
            .map(|(s, n)| named(s.name(), n))
            .into(),
        by_area: view
            .by_area(view.assessment.findings.iter())
            .map(|(a, n)| named(a.name(), n))
            .into(),
    }
}

fn gate(view: &View<'_>) -> saved::Gate {
    let gate = &view.assessment.gate;
    saved::Gate {
        verdict: gate.verdict,
        exit_code: exit_code(gate.verdict),
        fail_on: gate.fail_on.severity,
        fail_on_path: gate.fail_on.path,
        paths: gate.paths as u64,
        min_coverage: gate.min_coverage,
        failing: gate.failing as u64,
        broken_demands: gate.broken as u64,
    }
}

fn coverage(view: &View<'_>) -> saved::Coverage {
    let coverage = &view.assessment.coverage;
    saved::Coverage {
        percent: coverage.percent(),
        looked_at: coverage.looked_at,
        missed: coverage.missed(),
        gaps: coverage.gaps.iter().map(|g| gap(view, g)).collect(),
    }
}

fn gap(view: &View<'_>, gap: &Gap) -> saved::Gap {
    saved::Gap {
        kind: gap.kind,
        subject: gap.subject.to_string(),
        reason: gap.reason.clone(),
        hint: gap.hint.clone(),
        units: gap.units,
        location: location(view, gap.span),
    }
}

fn frameworks<'v>(view: &'v View<'_>) -> impl Iterator<Item = saved::FrameworkResult> + 'v {
    view.assessment
        .frameworks
        .iter()
        .map(|result| saved::FrameworkResult {
            id: result.framework,
            title: result.framework.title().to_owned(),
            controls: result
                .controls
                .iter()
                .map(|control| saved::Control {
                    id: control.control.to_owned(),
                    title: control.title.to_owned(),
                    status: control.status,
                    rules: control.rules.iter().map(ToString::to_string).collect(),
                    findings: control.findings as u64,
                    subjects: control.subjects,
                })
                .collect(),
        })
}

/// The catalogue's rules that have findings, suppressed ones included, by id.
pub(crate) fn fired<'a>(view: &View<'a>) -> Vec<&'a Rule> {
    let open = view.assessment.findings.iter();
    let all = open.chain(view.assessment.suppressed.iter().map(|s| &s.finding));
    let ids: BTreeSet<&str> = all.map(|finding| finding.rule.as_str()).collect();
    ids.into_iter()
        .filter_map(|id| view.rule_by_name(id))
        .collect()
}

/// A catalogue as a JSON list, for tools that want to know every rule.
pub fn catalogue(rules: &[Rule], out: &mut dyn io::Write) -> io::Result<()> {
    let told = |of: &Rule| saved::Rule {
        repair: Some(repairable(&of.id).name().to_owned()),
        ..rule(of)
    };
    let rules: Vec<saved::Rule> = rules.iter().map(told).collect();
    serde_json::to_writer_pretty(&mut *out, &rules)?;
    out.write_all(b"\n")
}

fn rule(rule: &Rule) -> saved::Rule {
    saved::Rule {
        id: rule.id.to_string(),
        title: rule.title.to_string(),
        severity: rule.severity,
        area: rule.area,
        why: rule.why.to_string(),
        fix: rule.fix.to_string(),
        references: references(rule),
        aliases: rule.aliases.iter().map(ToString::to_string).collect(),
        since: rule.since.to_owned(),
        repair: None,
    }
}

fn references(rule: &Rule) -> Vec<saved::Reference> {
    rule.references
        .iter()
        .map(|reference| saved::Reference {
            framework: Framework::clone(&reference.framework),
            control: reference.control.to_owned(),
        })
        .collect()
}

/// What a comparison calls a finding.
pub(crate) fn change(change: Change) -> saved::Change {
    match change {
        Change::New => saved::Change::New,
        Change::Worse(_) => saved::Change::Worse,
        Change::Unchanged => saved::Change::Unchanged,
    }
}

fn comparison(view: &View<'_>, comparison: &Comparison) -> saved::Comparison {
    let gaps = &view.assessment.coverage.gaps;
    let counts = comparison.counts();
    saved::Comparison {
        baseline: comparison.baseline.clone(),
        new: counts.new as u64,
        worse: counts.worse as u64,
        unchanged: counts.unchanged as u64,
        gone: comparison.gone.iter().map(known).collect(),
        unseen: comparison.unseen.iter().map(known).collect(),
        percent_before: comparison.percent_before,
        new_gaps: comparison
            .new_gaps
            .iter()
            .filter_map(|at| gaps.get(*at))
            .map(|found| gap(view, found))
            .collect(),
        closed_gaps: comparison
            .closed_gaps
            .iter()
            .map(|gap| saved::KnownGap {
                kind: gap.kind,
                subject: gap.subject.clone(),
                reason: gap.reason.clone(),
            })
            .collect(),
        reach: comparison.reach.as_ref().map(|change| saved::Reach {
            opened: change.opened.iter().map(difference).collect(),
            closed: change.closed.iter().map(difference).collect(),
        }),
    }
}

fn difference(one: &Difference) -> saved::Difference {
    saved::Difference {
        to: one.to.clone(),
        ports: one.ports.clone(),
        from: one.from.clone(),
    }
}

fn known(known: &Known) -> saved::Known {
    saved::Known {
        id: known.id.to_string(),
        rule: known.rule.to_string(),
        severity: known.severity,
        asset: asset(&known.asset),
        path: known.path.clone(),
        message: known.message.clone(),
        file: known.file.clone(),
        line: known.line,
    }
}

pub(crate) fn finding(view: &View<'_>, finding: &Finding) -> saved::Finding {
    let rule = view.rule(&finding.rule);
    saved::Finding {
        change: None,
        id: finding.id.to_string(),
        rule: finding.rule.to_string(),
        severity: finding.severity,
        area: rule.map(|rule| rule.area),
        asset: asset(&finding.asset),
        locus: saved::Locus {
            pointer: finding.locus.pointer.clone(),
            path: finding.locus.path.clone(),
            location: location(view, finding.locus.span),
        },
        message: finding.message.to_string(),
        evidence: finding
            .evidence
            .iter()
            .map(|evidence| saved::Evidence {
                note: evidence.note.to_string(),
                proof: match &evidence.proof {
                    Proof::Source(span) => saved::Proof::Source {
                        location: location(view, *span),
                    },
                    Proof::Object(object) => saved::Proof::Object {
                        object: resource(object),
                    },
                    Proof::ApiDefault(default) => saved::Proof::ApiDefault {
                        default: (*default).to_owned(),
                    },
                },
            })
            .collect(),
        remediation: finding.remediation.to_string(),
        references: rule.map(references).unwrap_or_default(),
        affected: finding.affected.iter().map(asset).collect(),
    }
}

fn suppressed(view: &View<'_>, suppressed: &Suppressed) -> saved::Suppressed {
    saved::Suppressed {
        finding: finding(view, &suppressed.finding),
        reason: suppressed.reason.clone(),
        location: location(view, suppressed.span),
    }
}

fn resource(resource: &ResourceRef) -> saved::Resource {
    saved::Resource {
        group: resource.group.to_string(),
        kind: resource.kind.to_string(),
        namespace: resource.namespace.as_ref().map(ToString::to_string),
        name: resource.name.to_string(),
    }
}

fn asset(asset: &Asset) -> saved::Asset {
    match asset {
        Asset::Resource(object) => saved::Asset::Resource(resource(object)),
        Asset::File(path) => saved::Asset::File {
            path: path.to_string(),
        },
        Asset::ValuesKey { chart, key } => saved::Asset::ValuesKey {
            chart: chart.to_string(),
            key: key.to_string(),
        },
    }
}

/// A place with the values key behind it.
pub(crate) fn location(view: &View<'_>, span: Span) -> Option<saved::Location> {
    let mut found = plain_location(view, span)?;
    found.values_key = view.cause(span).map(|cause| {
        Box::new(saved::ValuesKey {
            owner: cause.owner.to_string(),
            key: cause.key.to_string(),
            direct: cause.direct,
            location: plain_location(view, cause.span),
        })
    });
    Some(found)
}

fn plain_location(view: &View<'_>, span: Span) -> Option<saved::Location> {
    let file = view.file(span)?;
    let end = view.sources.end(span);
    let (source, commit) = match &file.kind {
        SourceKind::File => (None, None),
        SourceKind::Stdin => (Some("stdin"), None),
        SourceKind::GitRevision { commit } => (Some("git"), Some(commit.to_string())),
        SourceKind::Generated => (Some("generated"), None),
        SourceKind::Embedded => (Some("embedded"), None),
        SourceKind::Cluster => (Some("cluster"), None),
    };
    Some(saved::Location {
        file: file.path.to_string(),
        source: source.map(str::to_owned),
        commit,
        line: span.line,
        column: span.column,
        end_line: end.map(|end| end.line),
        end_column: end.map(|end| end.column),
        start_byte: span.start,
        end_byte: span.end,
        values_key: None,
    })
}

/// Breaks lines in the outer levels only: one line per key, one line per finding.
pub(crate) struct Lines {
    broken: usize,
    depth: usize,
    filled: bool,
}

impl Lines {
    /// Breaks the lines of this many outer levels.
    pub(crate) fn breaking(broken: usize) -> Self {
        Self {
            broken,
            depth: 0,
            filled: false,
        }
    }

    fn open<W: ?Sized + io::Write>(&mut self, out: &mut W, brace: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.filled = false;
        out.write_all(brace)
    }

    fn next<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        self.indent(out, self.depth)
    }

    fn indent<W: ?Sized + io::Write>(&self, out: &mut W, by: usize) -> io::Result<()> {
        if self.depth > self.broken {
            return Ok(());
        }
        out.write_all(b"\n")?;
        (0..by).try_for_each(|_| out.write_all(b"  "))
    }

    fn close<W: ?Sized + io::Write>(&mut self, out: &mut W, brace: &[u8]) -> io::Result<()> {
        if self.filled {
            self.indent(out, self.depth.saturating_sub(1))?;
        }
        self.depth = self.depth.saturating_sub(1);
        self.filled = true;
        out.write_all(brace)
    }
}

impl Formatter for Lines {
    fn begin_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(out, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(out, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(if self.depth > self.broken {
            b":"
        } else {
            b": "
        })
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }
}
