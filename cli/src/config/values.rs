//! What a setting's text means; a word that means nothing gets a suggestion.

use super::Output;
use crate::exit::Failure;
use crate::{policies, suggest};
use seawall_assessment::FailOn;
use seawall_assessment::{find_rule, selectable_words};
use seawall_model::{Area, Framework, KubernetesVersion, Severity};
use std::path::PathBuf;

pub(super) fn output(text: &str) -> Result<Output, Failure> {
    let (name, file) = match text.split_once('=') {
        Some((_, "")) => {
            return Err(Failure::usage(
                format!("`{text}` names no file"),
                "-o json=report.json",
            ));
        }
        Some((name, file)) => (name, Some(PathBuf::from(file))),
        None => (text, None),
    };
    let format = name
        .parse()
        .map_err(|error: seawall_report::UnknownFormat| Failure::usage(error.to_string(), ""))?;
    Ok(Output { format, file })
}

pub(super) fn severity(text: &str) -> Result<Severity, Failure> {
    text.parse().map_err(|_| {
        let names = Severity::ALL.map(Severity::name);
        let hint = suggest::hint(
            text,
            names.into_iter(),
            &format!("use {}", names.join(", ")),
        );
        Failure::usage(format!("unknown severity `{text}`"), hint)
    })
}

/// A severity, `path`, both, or `none`.
pub(super) fn gate(text: &str) -> Result<FailOn, Failure> {
    let mut gate = FailOn::default();
    for word in text.split(',').map(str::trim) {
        match word {
            "none" => {}
            "path" => gate.path = true,
            word => gate.severity = Some(severity(word)?),
        }
    }
    Ok(gate)
}

pub(super) fn percent(text: &str) -> Result<Option<f64>, Failure> {
    let number: Option<f64> = text.trim_end_matches('%').parse().ok();
    match number {
        Some(number) if (0.0..=100.0).contains(&number) => Ok(Some(number)),
        _ => Err(Failure::usage(
            format!("`{text}` is not a percentage"),
            "use 0 to 100",
        )),
    }
}

pub(super) fn version_of(text: &str) -> Result<Option<KubernetesVersion>, Failure> {
    let version: KubernetesVersion =
        text.parse()
            .map_err(|error: seawall_model::version::UnknownVersion| {
                Failure::usage(error.to_string(), "")
            })?;
    if version > KubernetesVersion::NEWEST {
        return Err(Failure::usage(
            format!("{version} is newer than this seawall knows"),
            format!("use {} or `latest`", KubernetesVersion::NEWEST),
        ));
    }
    Ok(Some(version))
}

pub(super) fn framework(text: &str) -> Result<Framework, Failure> {
    Framework::ALL
        .into_iter()
        .find(|framework| framework.name() == text)
        .ok_or_else(|| {
            let names = Framework::ALL.map(Framework::name);
            let hint = suggest::hint(
                text,
                names.into_iter(),
                &format!("use {}", names.join(", ")),
            );
            Failure::usage(format!("unknown framework `{text}`"), hint)
        })
}

pub(super) fn rule(text: &str) -> Result<String, Failure> {
    // Which policies there are is known when they have been read.
    if text.starts_with(policies::PREFIX) {
        return Ok(text.to_owned());
    }
    let known = find_rule(text).is_some()
        || Area::ALL
            .iter()
            .any(|area| area.name().eq_ignore_ascii_case(text));
    if known {
        return Ok(text.to_owned());
    }
    let words = selectable_words();
    let hint = suggest::hint(
        text,
        words.iter().map(String::as_str),
        "`seawall rules list` shows all rules",
    );
    Err(Failure::usage(format!("no rule or area `{text}`"), hint))
}
