//! Questions about access: `authorizer.serviceAccount(…).group(…).resource(…).check(…)`. They
//! are put to whoever knows RBAC, through a trait of the shared vocabulary.

use super::Entry;
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::{Eval, fault, unanswerable};
use crate::cel::value::{Opaque, Value};
use seawall_model::Str;
use seawall_model::access::{AccessAnswer, AccessQuestion, AccessSubject, AccessTarget, Identity};

/// A question under construction, or its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// `authorizer`, with the request that is being judged.
    Start(AccessSubject, Option<AccessTarget>),
    /// `.group(…)`.
    Group(AccessSubject, Str),
    /// `.resource(…)` and `.path(…)`.
    Check(AccessSubject, AccessTarget),
    /// `.check(…)`.
    Decision {
        /// Whether it is allowed.
        allowed: bool,
        /// Why.
        reason: String,
    },
}

pub(super) const FUNCTIONS: &[Entry] = &[
    ("path", true, 2, 2, path),
    ("group", true, 2, 2, group),
    ("serviceAccount", true, 3, 3, service_account),
    ("resource", true, 2, 2, resource),
    ("subresource", true, 2, 2, |_, args| {
        set("subresource", args, |target, text| {
            if let AccessTarget::Resource { subresource, .. } = target {
                *subresource = text;
            }
        })
    }),
    ("namespace", true, 2, 2, |_, args| {
        set("namespace", args, |target, text| {
            if let AccessTarget::Resource { namespace, .. } = target {
                *namespace = text;
            }
        })
    }),
    ("name", true, 2, 2, |_, args| {
        set("name", args, |target, text| {
            if let AccessTarget::Resource { name, .. } = target {
                *name = text;
            }
        })
    }),
    // RBAC does not look at selectors.
    ("fieldSelector", true, 2, 2, |_, args| {
        set("fieldSelector", args, |_, _| {})
    }),
    ("labelSelector", true, 2, 2, |_, args| {
        set("labelSelector", args, |_, _| {})
    }),
    ("check", true, 2, 2, check),
    ("allowed", true, 1, 1, |_, args| {
        decision("allowed", args, |allowed, _| Value::Bool(allowed))
    }),
    ("reason", true, 1, 1, |_, args| {
        decision("reason", args, |_, reason| Value::text(reason))
    }),
    ("errored", true, 1, 1, |_, args| {
        decision("errored", args, |_, _| Value::Bool(false))
    }),
    ("error", true, 1, 1, |_, args| {
        decision("error", args, |_, _| Value::text(""))
    }),
];

impl Asked {
    /// The name of its type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Asked::Start(..) => "kubernetes.authorization.Authorizer",
            Asked::Group(..) => "kubernetes.authorization.GroupCheck",
            Asked::Check(_, AccessTarget::Path(_)) => "kubernetes.authorization.PathCheck",
            Asked::Check(..) => "kubernetes.authorization.ResourceCheck",
            Asked::Decision { .. } => "kubernetes.authorization.Decision",
        }
    }

    /// `authorizer.requestResource`.
    pub(crate) fn field(&self, field: &str) -> Option<Value> {
        match self {
            Asked::Start(subject, Some(target)) if field == "requestResource" => {
                let asked = Asked::Check(subject.clone(), target.clone());
                Some(Value::opaque(Opaque::Authorizer(asked)))
            }
            _ => None,
        }
    }
}

fn asked(value: Option<&Value>) -> Option<&Asked> {
    match value {
        Some(Value::Opaque(opaque)) => match &**opaque {
            Opaque::Authorizer(asked) => Some(asked),
            _ => None,
        },
        _ => None,
    }
}

fn wrapped(asked: Asked) -> Value {
    Value::opaque(Opaque::Authorizer(asked))
}

fn path(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match (asked(args.first()), args.get(1)) {
        (Some(Asked::Start(subject, _)), Some(Value::String(path))) => {
            if path.trim().is_empty() {
                return Err(fault("path must not be empty"));
            }
            let target = AccessTarget::Path(path.clone());
            Ok(wrapped(Asked::Check(subject.clone(), target)))
        }
        _ => mismatch("path", args),
    }
}

fn group(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match (asked(args.first()), args.get(1)) {
        (Some(Asked::Start(subject, _)), Some(Value::String(group))) => {
            Ok(wrapped(Asked::Group(subject.clone(), group.clone())))
        }
        _ => mismatch("group", args),
    }
}

fn service_account(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match (asked(args.first()), args.get(1), args.get(2)) {
        (
            Some(Asked::Start(_, target)),
            Some(Value::String(namespace)),
            Some(Value::String(name)),
        ) => {
            let is_name = |text: &str, signs: &[u8]| {
                !text.is_empty()
                    && text
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || signs.contains(&b))
            };
            if !is_name(name, b"-.") {
                return Err(fault("Invalid service account name"));
            }
            if !is_name(namespace, b"-") {
                return Err(fault("Invalid service account namespace"));
            }
            let subject = AccessSubject::Identity(Identity::ServiceAccount {
                namespace: namespace.clone(),
                name: name.clone(),
            });
            Ok(wrapped(Asked::Start(subject, target.clone())))
        }
        _ => mismatch("serviceAccount", args),
    }
}

fn resource(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match (asked(args.first()), args.get(1)) {
        (Some(Asked::Group(subject, group)), Some(Value::String(resource))) => {
            if resource.trim().is_empty() {
                return Err(fault("resource must not be empty"));
            }
            let empty = || Str::from("");
            let target = AccessTarget::Resource {
                group: group.clone(),
                resource: resource.clone(),
                subresource: empty(),
                namespace: empty(),
                name: empty(),
            };
            Ok(wrapped(Asked::Check(subject.clone(), target)))
        }
        _ => mismatch("resource", args),
    }
}

fn set(name: &str, args: &[Value], how: fn(&mut AccessTarget, Str)) -> Eval<Value> {
    match (asked(args.first()), args.get(1)) {
        (
            Some(Asked::Check(subject, target @ AccessTarget::Resource { .. })),
            Some(Value::String(text)),
        ) => {
            let mut target = target.clone();
            how(&mut target, text.clone());
            Ok(wrapped(Asked::Check(subject.clone(), target)))
        }
        _ => mismatch(name, args),
    }
}

fn check(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let (Some(Asked::Check(subject, target)), Some(Value::String(verb))) =
        (asked(args.first()), args.get(1))
    else {
        return mismatch("check", args);
    };
    // The API server counts a check like this, too.
    machine.charge(350_000)?;
    if *subject == AccessSubject::Requester {
        return Err(unanswerable(
            "authorizer cannot be answered from these files: who sends the request is not known",
        ));
    }
    let Some(authorizer) = machine.authorizer() else {
        return Err(unanswerable(
            "authorizer cannot be answered from these files",
        ));
    };
    let question = AccessQuestion {
        subject: subject.clone(),
        verb: verb.clone(),
        target: target.clone(),
    };
    let (allowed, reason) = match authorizer.ask(&question) {
        AccessAnswer::Allowed { reason } => (true, reason),
        AccessAnswer::NotAllowed { reason } => (false, reason),
        AccessAnswer::Unknown { reason } => {
            return Err(unanswerable(format!(
                "authorizer cannot be answered from these files: {reason}"
            )));
        }
    };
    Ok(wrapped(Asked::Decision { allowed, reason }))
}

fn decision(name: &str, args: &[Value], how: fn(bool, &str) -> Value) -> Eval<Value> {
    match asked(args.first()) {
        Some(Asked::Decision { allowed, reason }) => Ok(how(*allowed, reason)),
        _ => mismatch(name, args),
    }
}
