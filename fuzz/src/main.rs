//! Fuzzing without a nightly compiler: inputs are changed at random, those that show
//! something new are kept and changed further.
//!
//! There is no coverage instrumentation. Instead a target says what it saw (which problems,
//! which kinds of values, …) as *features*, and a feature never seen before is news. That
//! finds less than libFuzzer in an hour, and it runs wherever the project builds.
//!
//! Usage: `cargo run --release -- TARGET [--seconds N] [--seed N] [FILE…]`. With files, each
//! is run once and reported (to look at a finding). Otherwise corpus and dictionary of the
//! target are changed until the time is over. A panic, a run that never ends or one that
//! takes more than 2 GB of memory ends it with exit code 1 and the input in
//! `fuzz/findings/`; a run that takes more than two seconds of CPU time goes there, too, and
//! is counted. When the process itself dies (a stack overflow), the input is in
//! `fuzz/target/TARGET.running`.
//!
//! A new target is one file with a `TARGET` in it, and its line in `TARGETS`.

mod bundle;
mod config;
mod corpus;
mod demands;
mod dice;
mod flows;
mod kustomize;
mod mutate;
mod news;
mod scan;
mod templates;
mod yaml;

use dice::Dice;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Something to throw inputs at.
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Inputs to start from.
    pub corpus: fn() -> Vec<Vec<u8>>,
    /// Pieces that mean something to it.
    pub dictionary: &'static [&'static str],
    /// Runs one input; panics on a defect. Puts what it saw into the set.
    pub run: fn(&[u8], &mut HashSet<u64>),
}

const TARGETS: &[Target] = &[
    yaml::TARGET,
    templates::TARGET,
    kustomize::TARGET,
    config::TARGET,
    scan::TARGET,
    flows::TARGET,
    demands::TARGET,
];

/// Longest input that is made.
const LONGEST: usize = 20_000;
/// CPU time for one input, of all threads together.
const SLOW: Duration = Duration::from_secs(2);
/// Time on the clock, after which an input will hardly end.
const PATIENCE: Duration = Duration::from_secs(60);
const MEMORY_KIB: u64 = 2 << 20;

struct Arguments {
    target: &'static Target,
    seconds: u64,
    seed: u64,
    files: Vec<PathBuf>,
}

fn arguments() -> Result<Arguments, String> {
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    let usage = format!(
        "usage: seawall-fuzz {} [--seconds N] [--seed N] [FILE…]",
        names.join("|")
    );
    let mut words = std::env::args().skip(1);
    let name = words.next().ok_or(&usage)?;
    let target = TARGETS
        .iter()
        .find(|target| target.name == name)
        .ok_or(&usage)?;
    let mut arguments = Arguments {
        target,
        seconds: 60,
        seed: 1,
        files: Vec::new(),
    };
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|n| n.parse().ok()).ok_or(&usage);
        match word.as_str() {
            "--seconds" => arguments.seconds = number()?,
            "--seed" => arguments.seed = number()?,
            _ if word.starts_with("--") => return Err(usage),
            _ => arguments.files.push(PathBuf::from(word)),
        }
    }
    Ok(arguments)
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    if arguments.files.is_empty() {
        fuzz(&arguments)
    } else {
        replay(&arguments)
    }
}

fn replay(arguments: &Arguments) -> ExitCode {
    for path in &arguments.files {
        let input =
            std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let start = Instant::now();
        (arguments.target.run)(&input, &mut HashSet::new());
        println!("{}: fine, {:?}", path.display(), start.elapsed());
    }
    ExitCode::SUCCESS
}

/// The input that runs now, for the watch to save.
type Running = Arc<Mutex<Option<(Instant, Vec<u8>)>>>;

fn fuzz(arguments: &Arguments) -> ExitCode {
    let target = arguments.target;
    let running: Running = Arc::default();
    watch(target.name, running.clone());
    let mut dice = Dice::new(arguments.seed);
    let mut seen = HashSet::new();
    let mut corpus = Vec::new();
    let start = Instant::now();
    let end = start + Duration::from_secs(arguments.seconds);
    let seeds = (target.corpus)();
    println!("{}: {} inputs to start from", target.name, seeds.len());
    let mut runs = 0u64;
    let mut slow = 0u64;
    let record = running_file(target.name);
    let mut report = start + Duration::from_secs(30);
    let mut seeds = seeds.into_iter();
    while Instant::now() < end {
        let input = seeds
            .next()
            .unwrap_or_else(|| mutate::next(&corpus, target.dictionary, &mut dice));
        *running.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), input.clone()));
        let _ = std::fs::write(&record, &input);
        let mut features = HashSet::new();
        let (began, before) = (Instant::now(), cpu_time());
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            (target.run)(&input, &mut features);
        }));
        *running.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if result.is_err() {
            println!(
                "panic after {runs} runs: {}",
                save(target.name, &input).display()
            );
            return ExitCode::FAILURE;
        }
        // Reading the CPU time costs more than most runs.
        if began.elapsed() > SLOW / 2 && cpu_time().saturating_sub(before) > SLOW {
            slow += 1;
            println!("slow, {:?}: {}", began.elapsed(), save(target.name, &input).display());
        }
        runs += 1;
        let before = seen.len();
        seen.extend(features);
        if (seen.len() > before || corpus.is_empty()) && input.len() <= LONGEST {
            corpus.push(input);
        }
        if Instant::now() > report {
            report += Duration::from_secs(30);
            println!(
                "{:4} s: {runs} runs, {} features, {} inputs kept",
                start.elapsed().as_secs(),
                seen.len(),
                corpus.len()
            );
        }
    }
    println!(
        "{}: {runs} runs in {} s, {} features, {} inputs kept, {slow} slow, no panic",
        target.name,
        start.elapsed().as_secs(),
        seen.len(),
        corpus.len()
    );
    let _ = std::fs::remove_file(record);
    if slow > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Where the input that runs now is, for a process that dies without a word.
fn running_file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let _ = std::fs::create_dir_all(&folder);
    folder.join(format!("{name}.running"))
}

/// What this process has used of the processors, in steps of a hundredth of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may hold blanks.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|n| n.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

/// Ends the process when a run takes too long or too much.
fn watch(name: &'static str, running: Running) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let held = running.lock().unwrap_or_else(PoisonError::into_inner);
            let Some((start, input)) = &*held else {
                continue;
            };
            let slow = start.elapsed() > PATIENCE;
            if slow || memory_kib() > MEMORY_KIB {
                let what = if slow { "too slow" } else { "too much memory" };
                println!("{what}: {}", save(name, input).display());
                std::process::exit(1);
            }
        }
    });
}

fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

fn save(name: &str, input: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("findings");
    let path = folder.join(format!("{name}-{:016x}", dice::hash(input)));
    if let Err(error) = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, input))
    {
        println!("cannot save to {}: {error}\n{input:?}", path.display());
    }
    path
}
