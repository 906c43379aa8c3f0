//! What a team demands of its network, judged in every scan.
//!
//! A demand that does not hold is a finding like any other, so that it has evidence and an
//! identity, is compared with a baseline, and reaches every report. It fails the gate by
//! itself: whoever writes down a demand wants to know.

use crate::reach::{self, Assertion, Checked};
use seawall_model::{
    Area, Asset, Evidence, Finding, FindingId, Gap, GapKind, Locus, Outcome, Proof, Rule, RuleId,
    Severity, Span, Str,
};
use seawall_network::Network;
use std::borrow::Cow;

/// A demand, and where it is written.
#[derive(Debug, Clone)]
pub struct Demand {
    /// What is demanded.
    pub assertion: Assertion,
    /// The file it stands in.
    pub file: Str,
    /// Where.
    pub span: Span,
}

/// The rule that a demand breaks.
pub const ID: RuleId = RuleId::new("DEMAND-01");

pub(crate) fn rule() -> Rule {
    Rule {
        id: ID,
        title: Cow::Borrowed("a demand on the network does not hold"),
        severity: Severity::High,
        area: Area::Containers,
        why: Cow::Borrowed(
            "The team wrote down who must not reach whom, and somebody does: the policies and \
             meshes together say something else than was meant. That is the step sideways that \
             an attacker needs.",
        ),
        fix: Cow::Borrowed(
            "Look at the connection in the evidence, and close it where the deciding rule \
             stands; `seawall reach --from … --to …` proves it. If it is wanted, change the \
             demand.",
        ),
        references: Cow::Borrowed(&[]),
        aliases: Cow::Borrowed(&[]),
        since: "0.1.0",
    }
}

/// Tries all demands.
pub(crate) fn check(network: &Network<'_, '_>, demands: &[Demand]) -> Outcome {
    let mut outcome = Outcome::default();
    if demands.is_empty() {
        return outcome;
    }
    let assertions = demands.iter().map(|demand| &demand.assertion);
    for (demand, checked) in demands.iter().zip(reach::check_in(network, assertions)) {
        match checked {
            Ok(checked) => {
                *outcome.assessed.entry(ID).or_insert(0) += 1;
                outcome.findings.extend(broken(demand, &checked));
            }
            // Nothing holds because nobody was there to try.
            Err(unknown) => outcome.coverage.gaps.push(Gap {
                kind: GapKind::Unsupported,
                subject: demand.assertion.text.as_str().into(),
                span: demand.span,
                reason: format!(
                    "the demand was not tried: nobody here is `{}`",
                    unknown.word
                ),
                hint: "scan what it speaks of, too, or correct the name".to_owned(),
                units: 1,
            }),
        }
    }
    outcome
}

fn broken(demand: &Demand, checked: &Checked) -> Option<Finding> {
    let witness = checked.witness.as_ref()?;
    let (from, to, port) = (&witness.from, &witness.to, &witness.port);
    let message = match witness.verdict {
        reach::Verdict::Closed => format!("{from} does not reach {to} on {port}"),
        reach::Verdict::Some => format!("some requests of {from} reach {to} on {port}"),
        reach::Verdict::Open => format!("{from} reaches {to} on {port}"),
    };
    let message = Str::from(format!("`{}` does not hold: {message}", checked.text));
    let mut evidence = vec![Evidence {
        note: message.clone(),
        proof: Proof::Source(demand.span),
    }];
    for step in &witness.steps {
        let mut note = Str::from(step.said.as_str());
        for cite in &step.cites {
            evidence.push(Evidence {
                note,
                proof: Proof::Source(cite.span),
            });
            note = format!("{} {}", cite.object, cite.pointer).into();
        }
    }
    let asset = Asset::File(demand.file.clone());
    let path = format!("demands[{}]", checked.text);
    Some(Finding {
        id: FindingId::of(&ID, &asset, &path),
        rule: ID,
        severity: Severity::High,
        asset: asset.clone(),
        locus: Locus {
            pointer: String::new(),
            path,
            span: demand.span,
        },
        message,
        evidence,
        remediation: format!("Close the connection: seawall reach --from '{from}' --to '{to}'")
            .into(),
        affected: vec![asset],
    })
}
