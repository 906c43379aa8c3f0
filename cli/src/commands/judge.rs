//! From what was loaded to reports and an exit code.

use crate::args::Global;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::{color, demands, ignore_file, policies};
use seawall_assessment::paths;
use seawall_assessment::{Assessment, Baseline, Date, Verdict, assess, catalogue};
use seawall_model::calendar::date_of;
use seawall_model::{SourceMap, SourceText};
use seawall_report::{Context, Display, Format, Header};
use seawall_sources::load::Loaded;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Judges, reports, and says what the exit code is.
pub(crate) fn tell(
    loaded: &Loaded,
    targets: &[String],
    config: &Config,
    baseline: Option<Baseline>,
    map: &SourceMap,
    global: &Global,
    start: Instant,
) -> Result<Exit, Failure> {
    let mut config = config.clone();
    if config.kubernetes_version.value.is_none() {
        config.kubernetes_version.value = loaded.kubernetes_version;
    }
    let settings = settings(&config, baseline, map)?;
    let assessment = assess(&loaded.snapshot, loaded.coverage.clone(), map, &settings);
    let answer = Answer {
        assessment: &assessment,
        targets,
        files: loaded.files,
        map,
        text: &demands::Texts::new(&loaded.text, &settings.demands, map),
    };
    report(&answer, &config, global, start)
}

/// An answer with what it takes to tell it.
pub(crate) struct Answer<'a> {
    pub(crate) assessment: &'a Assessment,
    pub(crate) targets: &'a [String],
    pub(crate) files: u64,
    pub(crate) map: &'a SourceMap,
    pub(crate) text: &'a dyn SourceText,
}

/// Writes all reports that were asked for.
pub(crate) fn report(
    answer: &Answer<'_>,
    config: &Config,
    global: &Global,
    start: Instant,
) -> Result<Exit, Failure> {
    let rules = if answer.assessment.rules.is_empty() {
        catalogue()
    } else {
        answer.assessment.rules.clone()
    };
    for output in &config.output.value {
        let to_file = output.file.is_some();
        let header = Header {
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            targets: answer.targets.to_vec(),
            kubernetes_version: version(config).to_string(),
            elapsed: Some(start.elapsed()),
            files: answer.files,
        };
        let display = Display {
            severity: config.severity.value,
            verbose: global.verbose,
            quiet: global.quiet,
            color: !to_file && global.color.enabled(),
            width: if to_file { 80 } else { color::width() },
            hyperlinks: !to_file && global.color.enabled() && io::stdout().is_terminal(),
        };
        let context = Context {
            assessment: answer.assessment,
            map: answer.map,
            text: answer.text,
            rules: &rules,
            header: &header,
            display: &display,
        };
        if let Some(file) = &output.file {
            seawall_report::write_file(output.format, &context, file)
                .map_err(|error| Failure::write(&file.display().to_string(), &error))?;
            continue;
        }
        let mut out = BufWriter::new(io::stdout().lock());
        let written = seawall_report::write(output.format, &context, &mut out);
        match written.and_then(|()| out.flush()) {
            // The reader has seen enough (`| head`): the verdict still counts.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(Failure::write("standard output", &error));
            }
            _ => {}
        }
    }
    Ok(match answer.assessment.gate.verdict {
        Verdict::Pass => Exit::Clean,
        Verdict::Findings => Exit::Findings,
        Verdict::Incomplete => Exit::Incomplete,
    })
}

/// Runs the assessment with the user's settings.
pub(crate) fn judge(
    loaded: &Loaded,
    config: &Config,
    baseline: Option<Baseline>,
    map: &SourceMap,
) -> Result<Assessment, Failure> {
    let settings = settings(config, baseline, map)?;
    Ok(assess(
        &loaded.snapshot,
        loaded.coverage.clone(),
        map,
        &settings,
    ))
}

/// The user's settings as the assessment takes them.
pub(crate) fn settings(
    config: &Config,
    baseline: Option<Baseline>,
    map: &SourceMap,
) -> Result<seawall_assessment::Config, Failure> {
    Ok(seawall_assessment::Config {
        kubernetes_version: config.kubernetes_version.value,
        only: config.only.value.clone(),
        skip: config.skip.value.clone(),
        frameworks: config.frameworks.value.clone(),
        suppressions: ignore_file::load(config, map)?,
        fail_on: config.fail_on.value,
        min_coverage: config.min_coverage.value,
        today: Some(today()),
        allowed_registries: config.allowed_registries.value.clone(),
        policies: policies::load(config, map)?,
        demands: demands::load(config, map)?,
        with_map: config
            .output
            .value
            .iter()
            .any(|output| output.format == Format::Html),
        paths: Some(paths::Question::default()),
        baseline,
    })
}

fn version(config: &Config) -> seawall_model::KubernetesVersion {
    config
        .kubernetes_version
        .value
        .unwrap_or(seawall_model::KubernetesVersion::NEWEST)
}

/// Today in UTC.
fn today() -> Date {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let days = i64::try_from(seconds / 86_400).unwrap_or(0);
    let (year, month, day) = date_of(days);
    Date {
        year: u16::try_from(year).unwrap_or(u16::MAX),
        month: u8::try_from(month).unwrap_or(1),
        day: u8::try_from(day).unwrap_or(1),
    }
}
