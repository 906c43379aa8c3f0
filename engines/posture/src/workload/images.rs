//! W34, W35, W36, W38: images by their reference.

use super::{Subject, who};
use crate::image::ImageReference;
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::words::{counted, list};
use seawall_model::{Proof, Str};
use seawall_snapshot::{Container, Field};

/// Tags that by their name move with every build.
const FLOATING: &[&str] = &[
    "stable",
    "master",
    "main",
    "trunk",
    "head",
    "edge",
    "nightly",
    "dev",
    "develop",
    "devel",
    "development",
    "snapshot",
    "unstable",
    "canary",
    "testing",
    "current",
    "prod",
    "production",
    "staging",
    "release",
];

pub(super) fn check(s: &Subject<'_>, sink: &mut Sink) {
    sink.assess(Id::W35, 1);
    let mut unpinned: Vec<(&Container, &Field<Str>)> = Vec::new();
    for c in &s.template.containers {
        let Some(image) = &c.image else { continue };
        let Some(reference) = ImageReference::parse(&image.value) else {
            continue;
        };
        sink.assess_all(&[Id::W34, Id::W38]);
        allowed(s, c, image, &reference, sink);
        if reference.digest.is_some() {
            continue;
        }
        match reference.tag {
            None | Some("latest") => latest(s, c, image, &reference, sink),
            Some(tag) if is_floating(tag) => {
                if !floating(s, c, image, tag, sink) {
                    unpinned.push((c, image));
                }
            }
            Some(_) => unpinned.push((c, image)),
        }
    }
    let Some((first, image)) = unpinned.first() else {
        return;
    };
    let mut names: Vec<&str> = unpinned.iter().map(|(_, image)| &*image.value).collect();
    names.sort_unstable();
    names.dedup();
    let mut locus = s.in_container(first, "image", Some(image.span));
    let head = locus
        .path
        .split_once("pod/")
        .map_or("", |(head, _)| head)
        .to_owned();
    locus.path = format!("{head}pod/containers[*]/image");
    let message = format!(
        "{} named by tag only",
        counted("image", &names) + if names.len() == 1 { " is" } else { " are" }
    );
    let fix = "Add the digest: image: name:tag@sha256:…".to_owned();
    sink.add(s.asset, Draft::new(Id::W35, locus, message, fix));
}

fn is_floating(tag: &str) -> bool {
    FLOATING
        .iter()
        .any(|floating| tag.eq_ignore_ascii_case(floating))
}

fn latest(
    s: &Subject<'_>,
    c: &Container,
    image: &Field<Str>,
    reference: &ImageReference<'_>,
    sink: &mut Sink,
) {
    let locus = s.in_container(c, "image", Some(image.span));
    let message = match reference.tag {
        Some(tag) => format!(
            "{} runs `{}`: the tag `{tag}` is whatever was pushed last",
            who(c),
            image.value
        ),
        None => format!(
            "{} runs `{}` without a tag, which means `latest`",
            who(c),
            image.value
        ),
    };
    let fix = format!(
        "Name a version of `{}`, best with its digest",
        reference.path
    );
    let mut draft = Draft::new(Id::W34, locus, message, fix);
    if reference.tag.is_none() {
        draft = draft.evidence(
            "a missing tag is `latest`",
            Proof::ApiDefault("tag: latest"),
        );
    }
    let cached = c
        .image_pull_policy
        .as_ref()
        .filter(|policy| &*policy.value != "Always");
    draft = draft.maybe(cached.map(|policy| {
        (
            format!(
                "with imagePullPolicy {} nodes keep different builds of it",
                policy.value
            ),
            Proof::Source(policy.span),
        )
    }));
    sink.add(s.asset, draft);
}

/// W38. False when the pull policy makes it harmless.
fn floating(
    s: &Subject<'_>,
    c: &Container,
    image: &Field<Str>,
    tag: &str,
    sink: &mut Sink,
) -> bool {
    let policy = c.image_pull_policy.as_ref();
    if policy.is_some_and(|policy| &*policy.value == "Always") {
        return false;
    }
    let locus = s.in_container(c, "image", Some(image.span));
    let message = format!(
        "{} runs the floating tag {}, and nodes that have one never ask for a newer one",
        who(c),
        list(&[tag])
    );
    let fix = "Name a version or digest; as long as the tag floats set imagePullPolicy: Always";
    let draft = Draft::new(Id::W38, locus, message, fix.to_owned());
    let claim = match policy {
        Some(policy) => (
            format!("imagePullPolicy is {}", policy.value),
            Proof::Source(policy.span),
        ),
        None => (
            "imagePullPolicy is IfNotPresent for every tag but latest".to_owned(),
            Proof::ApiDefault("imagePullPolicy: IfNotPresent"),
        ),
    };
    sink.add(s.asset, draft.maybe(Some(claim)));
    true
}

fn allowed(
    s: &Subject<'_>,
    c: &Container,
    image: &Field<Str>,
    reference: &ImageReference<'_>,
    sink: &mut Sink,
) {
    let registries = &s.config.allowed_registries;
    if registries.is_empty() {
        return;
    }
    sink.assess(Id::W36, 1);
    if registries.iter().any(|prefix| reference.is_under(prefix)) {
        return;
    }
    let locus = s.in_container(c, "image", Some(image.span));
    let message = format!(
        "{} runs an image from `{}`, which is not allowed",
        who(c),
        reference.registry
    );
    let fix = format!("Mirror `{}` to one of {}", image.value, list(registries));
    sink.add(s.asset, Draft::new(Id::W36, locus, message, fix));
}
