//! `-o junit`: JUnit XML. One suite per rule: each finding is a failed test, a rule that
//! found nothing is one passed test, accepted findings, gaps, and findings that a baseline
//! knows are skipped ones.

use crate::text::push_escaped;
use crate::view::View;
use seawall_assessment::Change;
use seawall_model::{Finding, Gap, RuleId};
use std::collections::BTreeMap;
use std::io;

#[derive(Default)]
struct Suite<'a> {
    open: Vec<&'a Finding>,
    /// Not failures, and why.
    skipped: Vec<(&'a Finding, String)>,
}

pub(crate) fn write(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let assessment = view.assessment;
    let mut suites: BTreeMap<&RuleId, Suite<'_>> = BTreeMap::new();
    for rule in assessment.assessed.keys() {
        suites.entry(rule).or_default();
    }
    let mut failures = 0;
    for (at, finding) in assessment.findings.iter().enumerate() {
        let suite = suites.entry(&finding.rule).or_default();
        if view.change(at) == Some(Change::Unchanged) {
            suite.skipped.push((finding, "there before".to_owned()));
        } else {
            suite.open.push(finding);
            failures += 1;
        }
    }
    for suppressed in &assessment.suppressed {
        let suite = suites.entry(&suppressed.finding.rule).or_default();
        let reason = format!("accepted: {}", suppressed.reason);
        suite.skipped.push((&suppressed.finding, reason));
    }
    let gaps = &assessment.coverage.gaps;
    let tests: usize = suites.values().map(Suite::tests).sum::<usize>() + gaps.len();
    let skipped: usize = suites.values().map(|suite| suite.skipped.len()).sum();
    let skipped = skipped + gaps.len();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuites name=\"seawall\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" \
         skipped=\"{skipped}\" time=\"0\">"
    )?;
    for (rule, suite) in &suites {
        suite.write(view, rule, out)?;
    }
    coverage(view, gaps, out)?;
    writeln!(out, "</testsuites>")
}

impl Suite<'_> {
    fn tests(&self) -> usize {
        (self.open.len() + self.skipped.len()).max(1)
    }

    fn write(&self, view: &View<'_>, id: &RuleId, out: &mut dyn io::Write) -> io::Result<()> {
        let name = match view.rule(id) {
            Some(rule) => format!("{id} {}", rule.title),
            None => id.to_string(),
        };
        writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" \
             time=\"0\">",
            attribute(&name),
            self.tests(),
            self.open.len(),
            self.skipped.len(),
        )?;
        if self.open.is_empty() && self.skipped.is_empty() {
            let subjects = view.assessment.assessed.get(id).copied().unwrap_or(0);
            let looked = format!("{} looked at", crate::text::count(subjects, "subject"));
            let name = attribute(&looked);
            let class = attribute(id.as_str());
            writeln!(
                out,
                "    <testcase classname=\"seawall.{class}\" name=\"{name}\" time=\"0\"/>"
            )?;
        }
        for finding in &self.open {
            case(view, finding, out)?;
            let message = attribute(&finding.message);
            let severity = finding.severity.name();
            write!(
                out,
                "      <failure type=\"{severity}\" message=\"{message}\">"
            )?;
            out.write_all(content(view, finding).as_bytes())?;
            writeln!(out, "</failure>\n    </testcase>")?;
        }
        for (finding, reason) in &self.skipped {
            case(view, finding, out)?;
            let reason = attribute(reason);
            writeln!(
                out,
                "      <skipped message=\"{reason}\"/>\n    </testcase>"
            )?;
        }
        writeln!(out, "  </testsuite>")
    }
}

fn case(view: &View<'_>, finding: &Finding, out: &mut dyn io::Write) -> io::Result<()> {
    let class = attribute(finding.rule.as_str());
    let name = attribute(&format!("{} {}", finding.asset, finding.locus.path));
    write!(
        out,
        "    <testcase classname=\"seawall.{class}\" name=\"{name}\" time=\"0\""
    )?;
    let span = finding.locus.span;
    if let Some(file) = view.file(span) {
        write!(out, " file=\"{}\"", attribute(&file.path))?;
        if span.line > 0 {
            write!(out, " line=\"{}\"", span.line)?;
        }
    }
    writeln!(out, ">")
}

fn content(view: &View<'_>, finding: &Finding) -> String {
    let mut lines = vec![format!("{}: {}", finding.asset, finding.message)];
    let place = view.place(finding.locus.span);
    if !place.is_empty() {
        lines.push(format!("at {place}"));
    }
    if let Some(cause) = view.cause(finding.locus.span) {
        let place = view.place(cause.span);
        let place = if place.is_empty() {
            place
        } else {
            format!(" ({place})")
        };
        lines.push(format!(
            "decided by {} of {}{place}",
            cause.key, cause.owner
        ));
    }
    if let Some(rule) = view.rule(&finding.rule) {
        lines.push(format!("why: {}", rule.why));
    }
    if !finding.remediation.is_empty() {
        lines.push(format!("fix: {}", finding.remediation));
    }
    lines.push(format!("id: {}", finding.id));
    let mut out = String::from("\n");
    for line in lines {
        push_escaped(&mut out, &crate::text::clean(&line));
        out.push('\n');
    }
    out
}

fn coverage(view: &View<'_>, gaps: &[Gap], out: &mut dyn io::Write) -> io::Result<()> {
    if gaps.is_empty() {
        return Ok(());
    }
    let n = gaps.len();
    writeln!(
        out,
        "  <testsuite name=\"coverage\" tests=\"{n}\" failures=\"0\" errors=\"0\" \
         skipped=\"{n}\" time=\"0\">"
    )?;
    for gap in gaps {
        let name = attribute(&gap.subject);
        write!(
            out,
            "    <testcase classname=\"seawall.coverage\" name=\"{name}\" time=\"0\""
        )?;
        if let Some(file) = view.file(gap.span) {
            write!(
                out,
                " file=\"{}\" line=\"{}\"",
                attribute(&file.path),
                gap.span.line
            )?;
        }
        let reason = format!("not covered, {}: {}", gap.kind.name(), gap.reason);
        writeln!(
            out,
            ">\n      <skipped message=\"{}\"/>\n    </testcase>",
            attribute(&reason)
        )?;
    }
    writeln!(out, "  </testsuite>")
}

/// An attribute's value: escaped, one line, no characters that XML 1.0 forbids.
fn attribute(value: &str) -> String {
    crate::text::escaped(&crate::text::clean(value))
}
