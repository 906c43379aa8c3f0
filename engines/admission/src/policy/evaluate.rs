//! One policy on one object.

use super::definition::{Expression, Policy, Validation};
use super::place;
use crate::cel::{Fault, FaultKind, Machine, Value};
use seawall_model::Span;
use seawall_model::access::Authorizer;

/// The API server's bounds for the expressions of one policy, and for its conditions.
const POLICY_LIMIT: u64 = 10_000_000;
const CONDITIONS_LIMIT: u64 = 2_500_000;

/// The longest message, in bytes; the API server's own bound.
const LONGEST: usize = 5_120;

/// What a policy says about an object.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    /// Whether its conditions let it say anything.
    pub(super) is_meant: bool,
    /// Demands that are not met: their index and what to tell.
    pub(super) violations: Vec<(usize, String)>,
    /// Expressions without a value.
    pub(super) failures: Vec<Failure>,
    /// Steps taken.
    pub(super) steps: u64,
}

/// An expression without a value.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: FaultKind,
    /// The validation that it belongs to; `None` for a condition.
    pub(super) validation: Option<usize>,
    pub(super) span: Span,
    pub(super) message: String,
}

/// Judges an object. `roots` is what expressions are given; at most `limit` steps are taken.
pub(super) fn judge(
    policy: &Policy,
    roots: &[Value],
    authorizer: Option<&dyn Authorizer>,
    is_secret: bool,
    limit: u64,
) -> Judgement {
    let mut judgement = Judgement {
        is_meant: true,
        ..Judgement::default()
    };
    if !policy.conditions.is_empty() {
        conditions(policy, roots, authorizer, limit, &mut judgement);
        if !judgement.is_meant || !judgement.failures.is_empty() {
            return judgement;
        }
    }
    let limit = limit.saturating_sub(judgement.steps).min(POLICY_LIMIT);
    let mut machine = Machine::new(
        roots,
        &policy.variable_names,
        &policy.variables,
        authorizer,
        limit,
    );
    for (index, validation) in policy.validations.iter().enumerate() {
        match machine.run(&validation.expression.program) {
            Ok(Value::Bool(true)) => {}
            Ok(Value::Bool(false)) => {
                let message = message(&mut machine, validation, is_secret);
                judgement.violations.push((index, message));
            }
            Ok(other) => {
                let fault = not_a_bool(&other);
                let failure = failure(policy, &validation.expression, Some(index), &fault);
                judgement.failures.push(failure);
            }
            Err(fault) => {
                let failure = failure(policy, &validation.expression, Some(index), &fault);
                judgement.failures.push(failure);
                if fault.kind == FaultKind::Cost {
                    break;
                }
            }
        }
    }
    judgement.steps += limit - machine.left();
    judgement
}

/// One condition that is false excuses the object; otherwise one that fails is a failure.
fn conditions(
    policy: &Policy,
    roots: &[Value],
    authorizer: Option<&dyn Authorizer>,
    limit: u64,
    judgement: &mut Judgement,
) {
    let limit = limit.min(CONDITIONS_LIMIT);
    let mut machine = Machine::new(roots, &[], &[], authorizer, limit);
    for condition in &policy.conditions {
        match machine.run(&condition.program) {
            Ok(Value::Bool(true)) => {}
            Ok(Value::Bool(false)) => {
                judgement.is_meant = false;
                judgement.failures.clear();
                break;
            }
            Ok(other) => {
                let fault = not_a_bool(&other);
                let failure = failure(policy, condition, None, &fault);
                judgement.failures.push(failure);
            }
            Err(fault) => {
                let failure = failure(policy, condition, None, &fault);
                judgement.failures.push(failure);
            }
        }
    }
    judgement.steps += limit - machine.left();
}

fn not_a_bool(value: &Value) -> Fault {
    let (kind, message) = match value {
        Value::Unknown(what) => (FaultKind::Unanswerable, (*what).to_owned()),
        other => (
            FaultKind::Error,
            format!("the expression gives a {}, not a bool", other.type_name()),
        ),
    };
    Fault {
        kind,
        message,
        offset: 0,
        variable: None,
    }
}

fn failure(
    policy: &Policy,
    expression: &Expression,
    validation: Option<usize>,
    fault: &Fault,
) -> Failure {
    let variable = fault.variable.as_ref().and_then(|name| {
        let index = policy
            .variable_names
            .iter()
            .position(|known| known == name)?;
        let program = policy.variables.get(index)?;
        Some((program.source(), *policy.variable_spans.get(index)?))
    });
    let (source, span) = variable.unwrap_or((expression.program.source(), expression.span));
    let (span, _) = place::within(span, source, fault.offset);
    let message = match &fault.variable {
        Some(name) => format!("{} (in variables.{name})", fault.message),
        None => fault.message.clone(),
    };
    Failure {
        kind: fault.kind,
        validation,
        span,
        message,
    }
}

/// What a demand that is not met tells.
fn message<'p>(machine: &mut Machine<'p>, validation: &'p Validation, is_secret: bool) -> String {
    // A message may quote the object, and an object of this kind is not to be quoted.
    let expression = validation
        .message_expression
        .as_ref()
        .filter(|_| !is_secret);
    if let Some(expression) = expression
        && let Ok(Value::String(text)) = machine.run(&expression.program)
    {
        let text = text.trim();
        if !text.is_empty() && !text.contains('\n') && text.len() <= LONGEST {
            return without_stop(text);
        }
    }
    match &validation.message {
        Some(message) => without_stop(message),
        None => format!(
            "failed expression: {}",
            one_line(validation.expression.program.source())
        ),
    }
}

fn without_stop(text: &str) -> String {
    let text = one_line(text);
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}

/// A text on one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
