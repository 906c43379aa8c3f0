//! Violations as findings.

use super::definition::{Binding, Policy};
use super::evaluate::one_line;
use super::target::Target;
use seawall_model::{Asset, CauseId, Finding, Locus, Proof, RuleId, Severity, Span, Str};
use seawall_yaml::{Node, Value};

/// The longest piece of an expression that is shown, in bytes.
const LONGEST: usize = 200;

/// A violation on its way to being a finding.
pub(super) struct Violation<'v> {
    pub(super) policy: &'v Policy,
    pub(super) binding: &'v Binding,
    pub(super) target: &'v Target<'v>,
    /// Which demand is not met; `None` when a condition failed.
    pub(super) validation: Option<usize>,
    pub(super) message: String,
    /// Where an expression failed, when that is why.
    pub(super) failed_at: Option<Span>,
}

impl Violation<'_> {
    /// The finding under a rule.
    pub(super) fn finding(&self, rule: RuleId, severity: Severity, is_own: bool) -> Finding {
        let locus = self.locus(is_own);
        let policy = self.policy;
        let who = if self.target.pointer.is_empty() {
            String::new()
        } else {
            "its pods: ".to_owned()
        };
        let message = if is_own {
            format!("{who}{}", self.message)
        } else {
            format!(
                "{who}the policy {} refuses it here: {}",
                policy.name, self.message
            )
        };
        let fix = match policy.notes.fix.as_deref() {
            Some(fix) => one_line(fix),
            None => format!("Change it so that the policy {} is met", policy.name),
        };
        let asset = Asset::Resource(self.target.asset.clone());
        let mut finding = Finding::new(rule, severity, asset, locus, message, fix);
        if let Some(validation) = self.validation.and_then(|at| policy.validations.get(at)) {
            let source = one_line(validation.expression.program.source());
            let mut end = LONGEST.min(source.len());
            end = source.floor_char_boundary(end);
            let more = if end < source.len() { "…" } else { "" };
            let note = format!(
                "the policy {} demands {}{more}",
                policy.name,
                source.get(..end).unwrap_or_default()
            );
            let span = validation.expression.span;
            finding = finding.with_evidence(note, Proof::Source(span));
        }
        if let Some(span) = self.failed_at {
            finding = finding.with_evidence("here the expression fails", Proof::Source(span));
        }
        if self.binding.span.is_known() {
            let binding = self.binding;
            let note = format!("the binding {} makes it apply here", binding.name);
            finding = finding.with_evidence(note, Proof::Source(binding.span));
        }
        finding
    }

    /// The field that the demand speaks of, as deep as the object has it.
    fn locus(&self, is_own: bool) -> Locus {
        let fields = self
            .validation
            .and_then(|at| self.policy.validations.get(at))
            .map(|validation| validation.fields.as_slice())
            .unwrap_or_default();
        let object = self.target.seen();
        let best = fields
            .iter()
            .map(|field| deepest(object, field))
            .max_by_key(|(path, _)| path.len());
        let (path, span) = best.unwrap_or((&[], Span::NONE));
        let named = self.target.object.name_span;
        let span = if span.is_known() && path.len() > 1 {
            span
        } else {
            Span {
                cause: CauseId::NONE,
                ..named
            }
        };
        let pointer: String = path
            .iter()
            .flat_map(|key| ["/".to_owned(), key.replace('~', "~0").replace('/', "~1")])
            .collect();
        let pointer = format!("{}{pointer}", self.target.pointer);
        // Two demands may speak of one field.
        let demand = match self.validation {
            Some(0) => String::new(),
            Some(at) => format!("#{at}"),
            None => "#condition".to_owned(),
        };
        let policy = if is_own {
            String::new()
        } else {
            format!("{}:", self.policy.name)
        };
        Locus {
            path: format!("{policy}{pointer}{demand}"),
            pointer,
            span,
        }
    }
}

/// How much of a path an object has, and where that stands.
fn deepest<'p>(object: &Node, path: &'p [Str]) -> (&'p [Str], Span) {
    let mut current = object;
    let mut found = 0;
    for key in path {
        match &current.value {
            Value::Map(map) => match map.get(key) {
                // What nobody wrote has no place.
                Some(next) if next.span.is_known() => current = next,
                _ => break,
            },
            _ => break,
        }
        found += 1;
    }
    (path.get(..found).unwrap_or_default(), current.span)
}
