//! Which component a container runs, and with which flags.

use super::flags::Flags;
use crate::image::ImageReference;
use seawall_model::{Span, Str};
use seawall_snapshot::{Container, Field};

/// A component whose flags we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    ApiServer,
    ControllerManager,
    Scheduler,
    Etcd,
    Kubelet,
    Proxy,
}

impl Program {
    /// The binary's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Program::ApiServer => "kube-apiserver",
            Program::ControllerManager => "kube-controller-manager",
            Program::Scheduler => "kube-scheduler",
            Program::Etcd => "etcd",
            Program::Kubelet => "kubelet",
            Program::Proxy => "kube-proxy",
        }
    }

    const ALL: [Program; 6] = [
        Program::ApiServer,
        Program::ControllerManager,
        Program::Scheduler,
        Program::Etcd,
        Program::Kubelet,
        Program::Proxy,
    ];

    fn of_binary(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        Self::ALL.into_iter().find(|program| program.name() == name)
    }

    /// What hyperkube calls it.
    fn of_hyperkube(word: &str) -> Option<Self> {
        Self::of_binary(word).or_else(|| {
            Self::ALL
                .into_iter()
                .find(|p| p.name().strip_prefix("kube-") == Some(word))
        })
    }
}

/// What a container's command line says.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// No component of the control plane.
    Nothing,
    /// A component, but behind a shell.
    Hidden(Program, Span),
    /// A component with its flags, and the place of its name.
    Command(Program, Flags<'a>, Span),
}

/// A word of the command line with its JSON pointer below the container.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) list: &'static str,
    pub(super) index: usize,
    pub(super) span: Span,
}

fn words(c: &Container) -> impl Iterator<Item = Word<'_>> {
    fn of<'a>(list: &'static str, fields: &'a [Field<Str>]) -> impl Iterator<Item = Word<'a>> {
        fields.iter().enumerate().map(move |(index, field)| Word {
            text: &field.value,
            list,
            index,
            span: field.span,
        })
    }
    of("command", &c.command).chain(of("args", &c.args))
}

/// Recognises a component.
pub(super) fn of(c: &Container) -> Found<'_> {
    let mut rest = words(c);
    let Some(first) = rest.next() else {
        return Found::Nothing;
    };
    let base = first.text.rsplit('/').next().unwrap_or(first.text);
    if matches!(base, "sh" | "bash" | "ash" | "dash" | "busybox") {
        return behind_shell(c);
    }
    if let Some(program) = Program::of_binary(first.text) {
        return Found::Command(program, Flags::read(rest), first.span);
    }
    if base == "hyperkube" {
        let Some(word) = rest.next() else {
            return Found::Nothing;
        };
        return match Program::of_hyperkube(word.text) {
            Some(program) => Found::Command(program, Flags::read(rest), word.span),
            None => Found::Nothing,
        };
    }
    if matches!(base, "go-runner" | "tini" | "dumb-init") {
        // Their own flags come first.
        for word in rest.by_ref() {
            if let Some(program) = Program::of_binary(word.text) {
                return Found::Command(program, Flags::read(rest), word.span);
            }
            if !word.text.starts_with('-') {
                return Found::Nothing;
            }
        }
        return Found::Nothing;
    }
    by_image(c)
}

/// Flags only: the image's entry point is the component.
fn by_image(c: &Container) -> Found<'_> {
    let flags_only = c.command.is_empty() && c.args.iter().all(|arg| arg.value.starts_with('-'));
    let Some(image) = c.image.as_ref().filter(|_| flags_only) else {
        return Found::Nothing;
    };
    let program = ImageReference::parse(&image.value).and_then(|reference| {
        let name = reference.name();
        let name = ["-amd64", "-arm64"]
            .iter()
            .find_map(|a| name.strip_suffix(a))
            .unwrap_or(name);
        Program::of_binary(name)
    });
    match program {
        Some(program) => Found::Command(program, Flags::read(words(c)), image.span),
        None => Found::Nothing,
    }
}

/// A script that runs a component: `exec kube-apiserver --flag …`.
fn behind_shell(c: &Container) -> Found<'_> {
    for word in words(c).skip(1) {
        for line in word.text.split(['\n', ';', '&', '|']) {
            let mut parts = line.split_whitespace().peekable();
            parts.next_if(|part| *part == "exec");
            let program = parts.next().and_then(Program::of_binary);
            let runs = parts
                .next()
                .is_some_and(|part| part.starts_with("--") || part == "\\");
            if let Some(program) = program.filter(|_| runs) {
                return Found::Hidden(program, word.span);
            }
        }
    }
    Found::Nothing
}
