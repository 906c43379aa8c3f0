//! Who sets a field: the pod or one of its containers.

use seawall_model::{Locus, Span};
use seawall_snapshot::extract::escape;
use seawall_snapshot::pod::SecurityContext;
use seawall_snapshot::{Container, PodTemplate};
use std::fmt;

/// The pod as a whole, or a container.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject<'a> {
    Pod(&'a PodTemplate),
    Container(&'a PodTemplate, &'a Container),
}

impl<'a> Subject<'a> {
    /// The pod and all its containers: init, main and ephemeral ones.
    pub(super) fn all(pod: &'a PodTemplate) -> impl Iterator<Item = Subject<'a>> {
        std::iter::once(Subject::Pod(pod)).chain(Self::containers(pod))
    }

    /// All containers.
    pub(super) fn containers(pod: &'a PodTemplate) -> impl Iterator<Item = Subject<'a>> {
        pod.containers
            .iter()
            .map(move |container| Subject::Container(pod, container))
    }

    pub(super) fn context(self) -> &'a SecurityContext {
        match self {
            Subject::Pod(pod) => &pod.security_context,
            Subject::Container(_, container) => &container.security_context,
        }
    }

    /// A place in the security context, set at `span` or unset.
    pub(super) fn locus(self, rest: &str, span: Option<Span>) -> Locus {
        let rest = format!("securityContext/{rest}");
        match self {
            Subject::Pod(pod) => pod.locus(&rest, span),
            Subject::Container(pod, container) => pod.container_locus(container, &rest, span),
        }
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Pod(_) => f.write_str("pod"),
            Subject::Container(_, container) => write!(f, "container \"{}\"", container.name),
        }
    }
}

/// The place of an annotation of the pods.
pub(super) fn annotation_locus(pod: &PodTemplate, key: &str, span: Span) -> Locus {
    Locus {
        pointer: format!("{}/metadata/annotations/{}", pod.pointer, escape(key)),
        path: format!("pod/metadata/annotations/{}", escape(key)),
        span,
    }
}

/// `"a", "b"`: quoted and joined, each once, in order of the alphabet.
pub(super) fn quoted<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let mut texts: Vec<&str> = texts.collect();
    texts.sort_unstable();
    texts.dedup();
    let quoted: Vec<String> = texts
        .into_iter()
        .map(|text| format!("\"{text}\""))
        .collect();
    quoted.join(", ")
}
