//! `seawall fix`: changes of the user's files that were proved.
//!
//! What to change is the engines' word, how it is written the sources', whether it holds the
//! assessment's; here they meet ([`world`]), and the user is asked ([`ask`]).

mod ask;
mod candidate;
mod choose;
mod find;
mod live;
mod patch;
mod told;
mod world;

use super::{cluster, print};
use crate::args::{Fix, Global};
use crate::config::Config;
use crate::exit::{Exit, Failure, complain};
use patch::Patch;
use seawall_assessment::fixes::search;
use seawall_report::fixes::{Change, Extent, Line, State};
use seawall_sources::git;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use world::World;

/// How often what was changed is looked at for more.
const ROUNDS: usize = 3;

pub(crate) fn run(fix: &Fix, global: &Global) -> Result<Exit, Failure> {
    let judge = fix.judge();
    let config = Config::load(&judge, Some(&fix.source.reading))?;
    if fix.source.rev.is_some() {
        return Err(Failure::usage(
            "a revision is not changed",
            "leave --rev out: fix changes the files as they are now",
        ));
    }
    let paths = &fix.source.paths;
    if fix.interactive && paths.iter().any(|path| path == "-") {
        return Err(Failure::usage(
            "--interactive asks on standard input, which `-` reads",
            "write the objects to a file first",
        ));
    }
    if fix.write && cluster::is_meant(&fix.source) {
        return Err(Failure::usage(
            "a cluster is not changed",
            "leave --write out: fix prints the patches, and -o DIR writes them to files",
        ));
    }
    if let Some(directory) = &fix.output {
        seawall_report::is_free(Path::new(directory)).map_err(|error| {
            Failure::usage(error.to_string(), "name a directory that is not there")
        })?;
    }
    let mut world = World::new(fix, config, global)?;
    if world.is_empty() {
        return Err(Failure {
            exit: Exit::Incomplete,
            message: format!("nothing to fix in {}: no object was read", paths.join(", ")),
            hint: "`seawall scan` says what could not be read".to_owned(),
        });
    }
    let chosen = world.choose(&fix.finding)?;
    let mut candidates = world.candidates(&chosen);
    if fix.interactive {
        ask::decide(&mut candidates)?;
    }
    if fix.safe {
        for candidate in &mut candidates {
            candidate.leave_out();
        }
    }
    let first: Vec<usize> = world.plan(candidates);
    let mut proved = search(first, &mut |changes| world.try_together(changes));
    // What the changes make possible: a level that all workloads meet by now.
    for _ in 0..ROUNDS {
        let more = world.look_again(&proved, fix.finding.is_empty());
        if more.is_empty() {
            break;
        }
        let all: Vec<usize> = proved.changes.iter().copied().chain(more).collect();
        let again = search(all, &mut |changes| world.try_together(changes));
        proved.changes = again.changes;
        proved.why.extend(again.why);
        proved.trials += again.trials;
    }
    world.settle(&proved);
    let texts = world.texts(&proved.changes)?;
    let files: Vec<Change<'_>> = texts
        .iter()
        .filter_map(|(path, new)| {
            let old = world.original(path)?;
            Some(Change { path, old, new })
        })
        .collect();
    let lines: Vec<Line> = world.lines(chosen.len());
    let mut exit = Exit::Clean;
    let mut written = false;
    if fix.write || fix.interactive {
        let ready = fix.write || ask::write(&files)?;
        if ready {
            exit = write(&files, fix.force)?;
            written = exit == Exit::Clean;
        }
    } else {
        let mut out = Vec::new();
        seawall_report::fixes::diff(&files, &mut out)
            .map_err(|error| Failure::write("the changes", &error))?;
        print(&out)?;
    }
    let patches = world.patches(&proved.changes);
    tell_patches(&patches, fix)?;
    if !global.quiet {
        let verbose = global.verbose > 0;
        let extent = Extent {
            files: files.len(),
            patches: patches.len(),
            written,
        };
        let mut text = seawall_report::fixes::summary(&lines, extent, verbose);
        if verbose {
            let _ = writeln!(text, "\neverything was judged {} times", proved.trials + 1);
        }
        crate::exit::say(&text);
    }
    let named = !fix.finding.is_empty();
    let is_left = |line: &Line| !matches!(line.state, State::Fixed | State::Uncovered);
    if named && exit == Exit::Clean && lines.iter().any(is_left) {
        return Ok(Exit::Findings);
    }
    Ok(exit)
}

/// Writes the files, each whole or not at all. One with changes that git does not know is
/// left alone, unless the user wants it.
fn write(files: &[Change<'_>], force: bool) -> Result<Exit, Failure> {
    let mut exit = Exit::Clean;
    for file in files {
        if !force && git::is_uncommitted(file.path) == Some(true) {
            complain(
                &format!(
                    "{}: not changed, git has not committed it as it is",
                    file.path
                ),
                "commit it first, or use --force",
            );
            exit = Exit::Usage;
            continue;
        }
        let now = std::fs::read(file.path).map_err(|error| Failure::write(file.path, &error))?;
        if now != file.old.as_bytes() {
            complain(
                &format!(
                    "{}: not changed, somebody else has changed it meanwhile",
                    file.path
                ),
                "run it again",
            );
            exit = Exit::Usage;
            continue;
        }
        seawall_report::write_text(Path::new(file.path), file.new)
            .map_err(|error| Failure::write(file.path, &error))?;
    }
    Ok(exit)
}

/// Prints patches as the lines that send them, or writes them to files and prints those lines.
fn tell_patches(patches: &[Patch], fix: &Fix) -> Result<(), Failure> {
    let context = fix.source.reading.context.as_deref();
    let mut text = String::new();
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for patch in patches {
        let Some(directory) = &fix.output else {
            let _ = writeln!(text, "{}{}", patch.head(), patch.line(None, context));
            continue;
        };
        let name = patch.file();
        let mut file = format!("{name}.yaml");
        let mut number = 1;
        while files.contains_key(&file) {
            number += 1;
            file = format!("{name}_{number}.yaml");
        }
        let path = Path::new(directory).join(&file);
        let line = patch.line(Some(&path.to_string_lossy()), context);
        let _ = writeln!(text, "{line}");
        files.insert(file, patch.text(&line));
    }
    if let Some(directory) = fix.output.as_deref().filter(|_| !files.is_empty()) {
        seawall_report::write_directory(Path::new(directory), &files)
            .map_err(|error| Failure::write(directory, &error))?;
    }
    print(text.as_bytes())?;
    Ok(())
}
