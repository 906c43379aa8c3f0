//! Fuzzing without a nightly compiler: inputs are changed at random, those that show
//! something new are kept and changed further.
//!
//! There is no coverage instrumentation. Instead a target says what it saw (which problems,
//! which kinds of values, …) as *features*, and a feature never seen before is news. That
//! finds less than libFuzzer in an hour, and it runs wherever the project builds.
//!
//! Usage: `cargo run --release -- TARGET [--seconds N] [--seed N] [FILE…]`. With files, each
//! is run once and reported (to look at a finding). Otherwise corpus and dictionary of the
//! target are changed until the time is over. A panic, a run of more than ten seconds or
//! more than 4 GB of memory ends it with exit code 1 and the input in `fuzz/findings/`.
//!
//! A new target is one file with a `TARGET` in it, and its line in `TARGETS`.

mod corpus;
mod dice;
mod mutate;
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

const TARGETS: &[Target] = &[yaml::TARGET];

/// Longest input that is made.
const LONGEST: usize = 20_000;
const PATIENCE: Duration = Duration::from_secs(10);
const MEMORY_KIB: u64 = 4 << 20;

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
    let mut report = start + Duration::from_secs(30);
    let mut seeds = seeds.into_iter();
    while Instant::now() < end {
        let input = seeds
            .next()
            .unwrap_or_else(|| mutate::next(&corpus, target.dictionary, &mut dice));
        *running.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), input.clone()));
        let mut features = HashSet::new();
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
        "{}: {runs} runs in {} s, {} features, {} inputs kept, nothing found",
        target.name,
        start.elapsed().as_secs(),
        seen.len(),
        corpus.len()
    );
    ExitCode::SUCCESS
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
