//! `seawall watch`: findings as they appear and go.

use super::{cluster, judge, print};
use crate::args::{Global, Watch};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use seawall_assessment::{Follower, Judged, Part, part_of};
use seawall_kubernetes::{Access, Options, Seen};
use seawall_model::{Finding, FindingId, KubernetesVersion, Severity, SourceMap};
use seawall_report::clean;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

pub(crate) fn run(watch: &Watch, global: &Global) -> Result<Exit, Failure> {
    let config = Config::load(&watch.judge, None)?;
    let map = Arc::new(SourceMap::new());
    let mut settings = judge::settings(&config, None, &map)?;
    // They rest on everything at once: one change would judge all of it again.
    settings.paths = None;
    let options = Options {
        access: Access {
            context: watch.part.context.clone(),
            kubeconfig: None,
        },
        namespace: watch.part.namespace.clone(),
        rules: cluster::rules(&config),
        ..Options::default()
    };
    let mut told = Told::default();
    let mut follower: Option<Follower<'_>> = None;
    let mut failure = None;
    let mut ticker = Some(cluster::watch(&options.progress, global));
    let mut see = |seen: &Seen<'_>| {
        drop(ticker.take());
        let text = if let Some(follower) = &mut follower {
            let changed = seen.changed.iter().map(AsRef::as_ref);
            told.replace(follower.next(seen.snapshot, changed), config.severity.value)
        } else {
            if config.kubernetes_version.value.is_none() {
                settings.kubernetes_version =
                    seen.version.map(|v| v.min(KubernetesVersion::NEWEST));
            }
            let coverage = seen.coverage.clone();
            let (started, answer) =
                Follower::start(seen.snapshot, coverage, &map, settings.clone());
            follower = Some(started);
            let missed = answer.coverage.missed();
            told.replace(Judged::Everything(answer), config.severity.value);
            first(seen, &told, missed, global)
        };
        match print(text.as_bytes()) {
            Ok(_) => true,
            Err(error) => {
                failure = Some(error);
                false
            }
        }
    };
    seawall_kubernetes::watch(&options, &map, &mut see).map_err(cluster::failed)?;
    failure.map_or(Ok(Exit::Clean), Err)
}

/// The lines of findings that were printed: by part of the answer, by finding.
#[derive(Debug, Default)]
struct Told(BTreeMap<Part, Lines>);

type Lines = BTreeMap<FindingId, String>;

impl Told {
    /// Takes what was judged again in the place of what was said before; gives what is new,
    /// with a plus, and what is gone, with a minus.
    fn replace(&mut self, judged: Judged, least: Severity) -> String {
        let (before, findings) = match judged {
            Judged::Everything(answer) => (std::mem::take(&mut self.0), answer.findings),
            Judged::Parts(parts, findings) => {
                let parts = parts.into_iter();
                let before = parts.filter_map(|part| self.0.remove_entry(&part));
                (before.collect(), findings)
            }
        };
        let mut now: BTreeMap<Part, Lines> = BTreeMap::new();
        for finding in findings.iter().filter(|finding| finding.severity >= least) {
            let lines = now.entry(part_of(finding)).or_default();
            lines.insert(finding.id, line(finding));
        }
        let mut text = String::new();
        for (space, lines) in &before {
            let now = now.get(space);
            for (id, line) in lines {
                if now.is_none_or(|now| !now.contains_key(id)) {
                    let _ = writeln!(text, "- {line}");
                }
            }
        }
        for (space, lines) in &now {
            let before = before.get(space);
            for (id, line) in lines {
                if before.and_then(|before| before.get(id)) != Some(line) {
                    let _ = writeln!(text, "+ {line}");
                }
            }
        }
        self.0.append(&mut now);
        text
    }

    fn lines(&self) -> impl Iterator<Item = &String> {
        self.0.values().flat_map(BTreeMap::values)
    }
}

fn first(seen: &Seen<'_>, told: &Told, missed: u64, global: &Global) -> String {
    let mut text = String::new();
    if global.verbose > 0 {
        for line in told.lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    let unread = match missed {
        0 => String::new(),
        n => format!(", {n} kinds of objects could not be read"),
    };
    let _ = writeln!(
        text,
        "watching {}: {} objects, {} findings{unread}",
        clean(seen.cluster),
        seen.snapshot.len(),
        told.lines().count()
    );
    text
}

fn line(finding: &Finding) -> String {
    let text = format!(
        "{} {} {}: {}",
        finding.severity.name().to_ascii_uppercase(),
        finding.rule,
        finding.asset,
        finding.message
    );
    clean(&text).into_owned()
}
