//! The commands of `seawall`: arguments to configuration to sources to assessment to report.
//! No logic of its own.

mod args;
mod color;
mod commands;
mod config;
mod demands;
mod exit;
mod ignore_file;
mod policies;
mod progress;
mod suggest;

use clap::Parser;
use exit::Exit;
use std::path::Path;
use std::process::ExitCode;

/// The program: reads the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        // The place is enough to find the bug; the payload could hold a piece of the input,
        // and with it a secret.
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        exit::complain(&format!("internal error at {place}"), INTERNAL_HINT);
    }));
    let outcome = std::panic::catch_unwind(|| {
        let arguments = match args::Arguments::try_parse() {
            Ok(arguments) => arguments,
            Err(error) => {
                // Help and version are printed by clap on standard output.
                let code = if error.use_stderr() {
                    Exit::Usage
                } else {
                    Exit::Clean
                };
                let _ = error.print();
                return code;
            }
        };
        commands::run(arguments)
    });
    outcome.unwrap_or(Exit::Internal).into()
}

const INTERNAL_HINT: &str = "this is a bug in seawall: please report it with the command you ran";

/// What `seawall config show` says for the text of a `seawall.yaml`: each setting, its value
/// and where it comes from; or the complaint.
pub fn settings(text: &[u8]) -> Result<Vec<(&'static str, String, String)>, String> {
    let mut config = config::Config::default();
    config
        .read_text(Path::new(config::FILE_NAME), text)
        .map(|()| config.show())
        .map_err(|failure| failure.message)
}

/// The accepted findings in the text of a `.seawallignore.yaml`, or the complaint.
pub fn accepted(text: &[u8]) -> Result<Vec<seawall_assessment::Suppression>, String> {
    ignore_file::read(
        Path::new(ignore_file::FILE_NAME),
        text,
        seawall_model::FileId(1),
    )
    .map_err(|failure| failure.message)
}
