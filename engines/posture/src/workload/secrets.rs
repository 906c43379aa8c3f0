//! W32 and W33: credentials in the pod spec, and Secrets that end in the environment.

use super::credentials::{Credential, by_shape, judge};
use super::{Subject, who};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::words::{counted, list};
use seawall_model::{Severity, Str};
use seawall_snapshot::Container;
use seawall_snapshot::Field;
use seawall_snapshot::pod::EnvSource;

pub(super) fn check(s: &Subject<'_>, sink: &mut Sink) {
    sink.assess(Id::W33, 1);
    for c in &s.template.containers {
        sink.assess(Id::W32, 1);
        variables(s, c, sink);
        no_password(s, c, sink);
        arguments(s, c, sink);
    }
    from_secrets(s, sink);
}

fn variables(s: &Subject<'_>, c: &Container, sink: &mut Sink) {
    for (index, variable) in c.env.iter().enumerate() {
        let EnvSource::Literal(field) = &variable.source else {
            continue;
        };
        let Some(credential) = judge(&variable.name, &field.value) else {
            continue;
        };
        let mut locus = s.in_container(c, &format!("env/{index}/value"), Some(field.span));
        let head = s.in_container(c, "", None).path;
        locus.path = format!("{head}/env[{}]", variable.name);
        let message = format!(
            "variable `{}` of {} holds {}",
            variable.name,
            who(c),
            credential.what()
        );
        let fix = format!(
            "Move the value of `{}` to a Secret, best mounted as a file, and change it",
            variable.name
        );
        sink.add(
            s.asset,
            Draft::new(Id::W32, locus, message, fix).severity(severity(credential)),
        );
    }
}

/// A database that its variables tell to let people in without a password.
fn no_password(s: &Subject<'_>, c: &Container, sink: &mut Sink) {
    for (index, variable) in c.env.iter().enumerate() {
        let EnvSource::Literal(field) = &variable.source else {
            continue;
        };
        let value = field.value.trim().to_ascii_lowercase();
        let on = !matches!(&*value, "" | "no" | "false" | "0");
        // What would be the password, if another variable sets one.
        let password = match &*variable.name {
            "POSTGRES_HOST_AUTH_METHOD" if value == "trust" => None,
            "MYSQL_ALLOW_EMPTY_PASSWORD"
            | "MARIADB_ALLOW_EMPTY_PASSWORD"
            | "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD"
                if on =>
            {
                Some("ROOT_PASSWORD")
            }
            "ALLOW_EMPTY_PASSWORD" if on => Some("PASSWORD"),
            _ => continue,
        };
        let set = |password: &str| {
            c.env_from.iter().any(|from| from.secret)
                || c.env
                    .iter()
                    .any(|other| other.name.contains(password) && !other.name.contains("EMPTY"))
        };
        if password.is_some_and(set) {
            continue;
        }
        let mut locus = s.in_container(c, &format!("env/{index}/value"), Some(field.span));
        let head = s.in_container(c, "", None).path;
        locus.path = format!("{head}/env[{}]", variable.name);
        let message = format!(
            "variable `{}` of {} lets everybody in without a password",
            variable.name,
            who(c)
        );
        let fix = format!(
            "Remove `{}` and take the password from a Secret",
            variable.name
        );
        sink.add(s.asset, Draft::new(Id::W32, locus, message, fix));
    }
}

fn severity(credential: Credential) -> Severity {
    match credential {
        Credential::Token => Severity::Medium,
        _ => Severity::High,
    }
}

/// Options such as `--password=…`, `--password …`, and values that are credentials by shape.
fn arguments(s: &Subject<'_>, c: &Container, sink: &mut Sink) {
    for (list, words) in [("command", &c.command), ("args", &c.args)] {
        let mut previous: Option<&Field<Str>> = None;
        for (index, word) in words.iter().enumerate() {
            let found = option(word, previous);
            previous = Some(word);
            let Some((name, credential)) = found else {
                continue;
            };
            let locus = s.in_container(c, &format!("{list}/{index}"), Some(word.span));
            let message = match name {
                Some(name) => {
                    format!("option `{name}` of {} holds {}", who(c), credential.what())
                }
                None => format!("an argument of {} is {}", who(c), credential.what()),
            };
            let fix = "Let the program read it from a file or from a variable that a Secret sets, \
                       and change it"
                .to_owned();
            let draft = Draft::new(Id::W32, locus, message, fix).severity(severity(credential));
            sink.add(s.asset, draft);
        }
    }
}

fn option<'a>(
    word: &'a Field<Str>,
    previous: Option<&'a Field<Str>>,
) -> Option<(Option<&'a str>, Credential)> {
    let text = &*word.value;
    if text.contains('\n') {
        // A script: only a private key in it is beyond doubt.
        return by_shape(text).map(|credential| (None, credential));
    }
    if text.starts_with('-')
        && let Some((name, value)) = text.split_once('=')
    {
        return judge(name, value).map(|credential| (Some(name), credential));
    }
    if let Some(previous) = previous.map(|field| &*field.value)
        && previous.starts_with("--")
        && !previous.contains('=')
        && !text.starts_with('-')
    {
        return judge(previous, text).map(|credential| (Some(previous), credential));
    }
    by_shape(text).map(|credential| (None, credential))
}

/// W33: one finding per workload, with the Secrets that end in an environment.
fn from_secrets(s: &Subject<'_>, sink: &mut Sink) {
    let mut names: Vec<&str> = Vec::new();
    let mut first = None;
    for c in &s.template.containers {
        let single = c.env.iter().filter_map(|variable| match &variable.source {
            EnvSource::Secret(name, _) => Some((&**name, variable.span)),
            _ => None,
        });
        let whole = c
            .env_from
            .iter()
            .filter(|from| from.secret)
            .map(|from| (&*from.name, from.span));
        for (name, span) in single.chain(whole) {
            if first.is_none() {
                first = Some((c, span));
            }
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let Some((c, span)) = first else { return };
    let mut locus = s.in_container(c, "env", Some(span));
    let head = locus
        .path
        .split_once("pod/")
        .map_or("", |(head, _)| head)
        .to_owned();
    locus.path = format!("{head}pod/containers[*]/env");
    let message = format!(
        "{} {} the environment",
        counted("Secret", &names),
        if names.len() == 1 {
            "ends in"
        } else {
            "end in"
        }
    );
    let fix = format!(
        "Mount {} as a volume and let the program read the files",
        list(&names)
    );
    sink.add(s.asset, Draft::new(Id::W33, locus, message, fix));
}
