//! One module for each command.

mod access;
mod cluster;
mod demo;
mod diff;
mod dump;
mod explain;
mod fix;
mod generate;
mod judge;
mod least;
mod paths;
mod rbac;
mod reach;
mod render;
mod review;
mod rules;
mod scan;
mod watch;

use crate::args::{Access, Arguments, Command, ConfigCommand, Generate, Rules};
use crate::config::Config;
use crate::exit::{Exit, Failure, complain};
use clap::CommandFactory;
use seawall_assessment::least::{Asked, Kind};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Runs a command and says how it went.
pub(crate) fn run(arguments: Arguments) -> Exit {
    let Arguments { command, global } = arguments;
    let outcome = match command {
        Command::Scan(scan) => scan::run(&scan, &global),
        Command::Diff(diff) => diff::run(&diff, &global),
        Command::Demo(demo) => demo::run(&demo, &global),
        Command::Watch(watch) => watch::run(&watch, &global),
        Command::Rbac(rbac) => rbac::run(&rbac),
        Command::Dump(dump) => dump::run(&dump, &global),
        Command::Render(render) => render::run(&render, &global),
        Command::Reach(asked) => reach::run(&asked, &global),
        Command::Paths(asked) => paths::run(&asked, &global),
        Command::Blast(asked) => reach::blast(&asked, &global),
        Command::WhoCan(asked) => access::who_can(&asked, &global),
        Command::Access(Access::Review(asked)) => review::run(&asked, &global),
        Command::WhatCan(asked) => access::what_can(&asked, &global),
        Command::Fix(fix) => fix::run(&fix, &global),
        Command::Explain(explain) => explain::run(&explain, &global),
        Command::Rules(Rules::List { json }) => rules::list(json),
        Command::Rules(Rules::Techniques) => rules::techniques(),
        Command::Generate(Generate::Vap { only, mode }) => generate::vap(&only, &mode, &global),
        Command::Generate(Generate::Netpol { flows, egress }) => {
            let kind = Kind::Netpol;
            least::run(&flows, Asked { kind, egress }, &global)
        }
        Command::Generate(Generate::Cnp { flows, egress }) => {
            let kind = Kind::Cnp;
            least::run(&flows, Asked { kind, egress }, &global)
        }
        Command::Generate(Generate::Authz { flows }) => {
            least::run(&flows, Asked::inward(Kind::Authz), &global)
        }
        Command::Generate(Generate::Linkerd { flows }) => {
            least::run(&flows, Asked::inward(Kind::Linkerd), &global)
        }
        Command::Config(ConfigCommand::Show { judge }) => {
            Config::load(&judge, None).and_then(|config| show(&config))
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "seawall", &mut script);
            print(&script)
        }
        Command::Man => {
            let mut page = Vec::new();
            match clap_mangen::Man::new(Arguments::command()).render(&mut page) {
                Ok(()) => print(&page),
                Err(error) => Err(Failure::write("the manual page", &error)),
            }
        }
    };
    outcome.unwrap_or_else(|failure| {
        complain(&failure.message, &failure.hint);
        failure.exit
    })
}

fn show(config: &Config) -> Result<Exit, Failure> {
    let mut text = String::new();
    for (name, value, origin) in config.show() {
        let value = if value.is_empty() { "none" } else { &value };
        let _ = writeln!(text, "{name:<20} {value:<24} {origin}");
    }
    print(text.as_bytes())
}

/// Writes to standard output. A reader that has gone away is no error.
pub(crate) fn print(bytes: &[u8]) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::write("standard output", &error))
        }
        _ => Ok(Exit::Clean),
    }
}
