//! `seawall watch`: findings as they appear and go.

use super::{cluster, judge, print};
use crate::args::{Global, Watch};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use seawall_assessment::assess;
use seawall_kubernetes::{Access, Options, Seen};
use seawall_model::{Finding, FindingId, KubernetesVersion, SourceMap};
use seawall_report::clean;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// What a line tells of a finding.
type Told = BTreeMap<FindingId, String>;

pub(crate) fn run(watch: &Watch, global: &Global) -> Result<Exit, Failure> {
    let config = Config::load(&watch.judge, None)?;
    let map = Arc::new(SourceMap::new());
    let mut settings = judge::settings(&config, None, &map)?;
    let options = Options {
        access: Access {
            context: watch.part.context.clone(),
            kubeconfig: None,
        },
        namespace: watch.part.namespace.clone(),
        rules: cluster::rules(&config),
        ..Options::default()
    };
    let mut before: Option<Told> = None;
    let mut failure = None;
    let mut ticker = Some(cluster::watch(&options.progress, global));
    let mut see = |seen: &Seen<'_>| {
        drop(ticker.take());
        if config.kubernetes_version.value.is_none() {
            settings.kubernetes_version = seen.version.map(|v| v.min(KubernetesVersion::NEWEST));
        }
        let assessment = assess(seen.snapshot, seen.coverage.clone(), &map, &settings);
        let shown = assessment
            .findings
            .iter()
            .filter(|finding| finding.severity >= config.severity.value);
        let now: Told = shown.map(|finding| (finding.id, line(finding))).collect();
        let text = match &before {
            Some(before) => difference(before, &now),
            None => first(seen, &now, assessment.coverage.missed(), global),
        };
        before = Some(now);
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

fn first(seen: &Seen<'_>, now: &Told, missed: u64, global: &Global) -> String {
    let mut text = String::new();
    if global.verbose > 0 {
        for line in now.values() {
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
        now.len()
    );
    text
}

/// What is new, with a plus, and what is gone, with a minus.
fn difference(before: &Told, now: &Told) -> String {
    let mut text = String::new();
    for (id, line) in before {
        if !now.contains_key(id) {
            let _ = writeln!(text, "- {line}");
        }
    }
    for (id, line) in now {
        if before.get(id) != Some(line) {
            let _ = writeln!(text, "+ {line}");
        }
    }
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
