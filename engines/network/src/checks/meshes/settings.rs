//! What control planes were told, as rendered manifests have it: flags, environment, webhooks.
//!
//! Charts write a setting into the arguments of a container, into one long script, or into its
//! environment; the values that it came from are not there any more.

use super::{Report, place};
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::World;
use seawall_model::Span;
use seawall_snapshot::pod::{Container, EnvSource};
use seawall_yaml::Node;

/// What a container is told by `-name=value`, as an argument or on a line of a script.
pub(super) fn flag<'c>(container: &'c Container, name: &str) -> Option<(&'c str, Span)> {
    words(container).find_map(|(text, span)| {
        let mut lines = text.lines();
        lines.find_map(|line| Some((value_of(line, name)?, span)))
    })
}

/// Whether the command of a container, or a script in it, has a text.
pub(super) fn runs(container: &Container, text: &str) -> bool {
    words(container).any(|(word, _)| word.contains(text))
}

fn words(container: &Container) -> impl Iterator<Item = (&str, Span)> {
    let words = container.command.iter().chain(&container.args);
    words.map(|field| (&*field.value, field.span))
}

fn value_of<'t>(line: &'t str, name: &str) -> Option<&'t str> {
    let line = line.trim().trim_end_matches('\\').trim_end();
    let rest = line.trim_start_matches('-');
    if rest.len() == line.len() {
        return None;
    }
    let value = rest.strip_prefix(name)?.strip_prefix('=')?;
    Some(value.trim_matches(['"', '\'']))
}

/// The literal value of a variable of a container.
pub(super) fn variable<'c>(container: &'c Container, name: &str) -> Option<(&'c str, Span)> {
    container
        .env
        .iter()
        .find_map(|variable| match &variable.source {
            EnvSource::Literal(field) if &*variable.name == name => {
                Some((&*field.value, field.span))
            }
            _ => None,
        })
}

/// Says of the webhooks that put proxies into pods when a failure of theirs lets pods past
/// them, once for each configuration.
pub(super) fn injectors(
    world: &World<'_>,
    id: Id,
    is_injector: impl Fn(&str) -> bool,
    fix: &str,
    report: &mut Report,
) {
    let kind = "MutatingWebhookConfiguration";
    let objects = world.of_kind("admissionregistration.k8s.io", kind);
    for object in objects.iter().copied() {
        let hooks = object.items(&["webhooks"]).iter().enumerate();
        let name = |hook: &Node| {
            hook.get("name")
                .and_then(Node::as_str)
                .is_some_and(&is_injector)
        };
        let mut own = hooks.filter(|(_, hook)| name(hook)).peekable();
        if own.peek().is_none() {
            continue;
        }
        report.assess(&[id], 1);
        let lenient = own.find_map(|(index, hook)| {
            let policy = hook.get("failurePolicy")?;
            (policy.as_str() == Some("Ignore")).then_some((index, policy.span))
        });
        let Some((index, span)) = lenient else {
            continue;
        };
        let message = "pods start without a proxy while the injector does not answer".to_owned();
        let pointer = format!("/webhooks/{index}/failurePolicy");
        let locus = place(object, &pointer, Some(span));
        report.add(object, Draft::new(id, locus, message, fix.to_owned()));
    }
}
