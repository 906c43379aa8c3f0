//! `seawall dump`: a cluster as files.

use super::cluster;
use crate::args::{Dump, Global};
use crate::exit::{Exit, Failure, complain};
use seawall_kubernetes::{Access, Options};
use seawall_model::{KubernetesVersion, SourceMap};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn run(dump: &Dump, global: &Global) -> Result<Exit, Failure> {
    let options = Options {
        access: Access {
            context: dump.part.context.clone(),
            kubeconfig: None,
        },
        namespace: dump.part.namespace.clone(),
        ..Options::default()
    };
    let directory = Path::new(&dump.output);
    seawall_report::is_free(directory)
        .map_err(|error| Failure::usage(error.to_string(), "name a directory that is not there"))?;
    let map = Arc::new(SourceMap::new());
    let ticker = cluster::watch(&options.progress, global);
    let read = seawall_kubernetes::dump(&options, &map);
    drop(ticker);
    let dumped = read.map_err(cluster::failed)?;
    seawall_report::write_directory(directory, &dumped.files)
        .map_err(|error| Failure::write(&dump.output, &error))?;
    let mut said = format!(
        "{} objects of {} in {}, {} credentials replaced\nscan it: seawall scan {}",
        dumped.objects,
        seawall_report::clean(&dumped.cluster),
        seawall_report::clean(&dump.output),
        dumped.redacted,
        seawall_report::clean(&dump.output),
    );
    if let Some(version) = dumped.version {
        let version = version.min(KubernetesVersion::NEWEST);
        let _ = write!(said, " --kubernetes-version {version}");
    }
    said.push('\n');
    if !global.quiet {
        super::print(said.as_bytes())?;
        for gap in &dumped.coverage.gaps {
            complain(&format!("not dumped: {}", gap.reason), &gap.hint);
        }
    }
    Ok(if dumped.coverage.missed() == 0 {
        Exit::Clean
    } else {
        Exit::Incomplete
    })
}
