//! W29–W31: the service account and its token.

use super::Subject;
use crate::index::account_automounts;
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use seawall_model::{Fact, Proof, ResourceRef, Severity};
use seawall_snapshot::Object;
use seawall_snapshot::pod::VolumeKind;

/// Audiences that the API server accepts; an empty one means it.
fn is_api_audience(audience: &str) -> bool {
    audience.is_empty() || audience.contains("kubernetes.default.svc")
}

pub(super) fn check(s: &Subject<'_>, copy: bool, sink: &mut Sink) {
    let name = s.template.service_account();
    let namespace = s.namespace();
    let account = s.index.account(s.workload.scope, namespace, name);
    let pod = s.template.automount_token.as_ref();
    let by_account = account.and_then(account_automounts);
    let automounted = pod.map_or(by_account.unwrap_or(true), |field| field.value);
    let projected = s.template.volumes.iter().any(|volume| match &volume.kind {
        VolumeKind::Projected { tokens, .. } => {
            let mut mounts = s.template.containers.iter().flat_map(|c| &c.mounts);
            tokens.iter().any(|token| is_api_audience(token))
                && mounts.any(|mount| mount.name == volume.name)
        }
        _ => false,
    });
    if !copy {
        sink.fact(Fact::RunsAs {
            workload: s.workload.owner.clone(),
            service_account: name.into(),
            token_mounted: automounted || projected,
        });
    }
    // Without any image it is a fragment that something else completes; where a custom kind's
    // `spec` is the pod's itself, its operator chooses the account.
    let fragment = s.template.containers.iter().all(|c| c.image.is_none());
    if fragment || (s.template.pointer.is_empty() && &*s.workload.owner.kind != "Pod") {
        return;
    }
    sink.assess(Id::W31, 1);
    if account.is_none() && name != "default" {
        missing(s, name, sink);
        return;
    }
    if name == "default" {
        sink.assess(Id::W30, 1);
        if automounted {
            default_account(s, account, sink);
        }
    } else if account.is_some() {
        sink.assess(Id::W29, 1);
        if automounted {
            unused_token(s, name, account, sink);
        }
    }
}

fn default_account(s: &Subject<'_>, account: Option<&Object>, sink: &mut Sink) {
    let span = s
        .template
        .service_account_name
        .as_ref()
        .map(|field| field.span);
    let locus = s.at("serviceAccountName", span);
    let fix = "Set automountServiceAccountToken: false on the pod, or name a service account of \
               its own"
        .to_owned();
    let bound = s.index.bound(s.workload.scope, s.namespace(), "default");
    let message = match bound {
        Some(_) => "the pod carries the token of the namespace's default service account, which \
                    has rights of its own"
            .to_owned(),
        None => "the pod carries a token of the default service account without asking for it"
            .to_owned(),
    };
    let default = "automountServiceAccountToken: true";
    let mut draft = Draft::new(Id::W30, locus, message, fix);
    draft = match s.template.automount_token.as_ref() {
        Some(field) => draft.evidence("the pod asks for the token", Proof::Source(field.span)),
        None => draft.evidence("nothing switches the token off", Proof::ApiDefault(default)),
    };
    if let Some(binding) = bound {
        draft = draft.severity(Severity::Medium).evidence(
            "a binding gives it rights",
            Proof::Object(binding.reference.clone()),
        );
    }
    draft = draft.maybe(account.map(|account| {
        (
            "the account does not switch it off either".to_owned(),
            Proof::Source(account.name_span),
        )
    }));
    sink.add(s.asset, draft);
}

fn unused_token(s: &Subject<'_>, name: &str, account: Option<&Object>, sink: &mut Sink) {
    let Some(account) = account else { return };
    // Without its namespace's bindings in the input nothing is known about rights.
    if s.index.may_be_bound(s.namespace(), name) || speaks_to_the_api(s) {
        return;
    }
    let span = s
        .template
        .automount_token
        .as_ref()
        .map(|field| field.span)
        .or_else(|| {
            s.template
                .service_account_name
                .as_ref()
                .map(|field| field.span)
        });
    let locus = s.at("automountServiceAccountToken", span);
    let message = format!(
        "the pod carries an API token of service account `{name}`, to which nothing here gives \
         any right"
    );
    let fix =
        format!("Set automountServiceAccountToken: false on the pod or on ServiceAccount `{name}`");
    let draft = Draft::new(Id::W29, locus, message, fix).evidence(
        "no binding of the input names the account",
        Proof::Source(account.name_span),
    );
    sink.add(s.asset, draft);
}

/// Whether something says that the token is used: to log in somewhere, or because the
/// program is one that works through the API, whose rights are elsewhere then.
fn speaks_to_the_api(s: &Subject<'_>) -> bool {
    const PROGRAMS: [&str; 4] = ["kubectl", "controller", "operator", "ztunnel"];
    let annotated = s.template.annotations.iter().any(|(key, _)| {
        key.starts_with("vault.hashicorp.com/") || key.starts_with("vault.security.banzaicloud.io/")
    });
    let in_words = |text: &str| PROGRAMS.iter().any(|program| text.contains(program));
    annotated
        || in_words(&s.workload.owner.name)
        || s.template.containers.iter().any(|c| {
            c.image.as_ref().is_some_and(|image| in_words(&image.value))
                || c.command.first().is_some_and(|word| in_words(&word.value))
                || c.env.iter().any(|variable| {
                    variable.name.starts_with("KUBERNETES_") || &*variable.name == "VAULT_ADDR"
                })
        })
}

/// W31: other accounts of the namespace are in the input, this one is not.
fn missing(s: &Subject<'_>, name: &str, sink: &mut Sink) {
    let Some(space) = s.index.at(s.workload.scope, s.namespace()) else {
        return;
    };
    // Some of the environment's accounts are here; an operator may make others.
    if space.accounts.is_empty()
        || space.custom_resources
        || s.index.may_have_account(s.namespace(), name)
    {
        return;
    }
    let Some(field) = &s.template.service_account_name else {
        return;
    };
    let locus = s.at("serviceAccountName", Some(field.span));
    let known: Vec<&str> = space.accounts.keys().copied().collect();
    let message = format!("service account `{name}` is not among those of its namespace");
    let fix = format!("Create ServiceAccount `{name}`, or correct serviceAccountName");
    let draft = Draft::new(Id::W31, locus, message, fix).maybe(known.first().map(|first| {
        let reference = ResourceRef {
            group: "".into(),
            kind: "ServiceAccount".into(),
            namespace: s.namespace().map(Into::into),
            name: (*first).into(),
        };
        (
            format!("the namespace has {}", crate::words::list(&known)),
            Proof::Object(reference),
        )
    }));
    sink.add(s.asset, draft);
}
