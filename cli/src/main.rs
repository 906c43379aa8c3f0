//! The binary `seawall`.

use std::process::ExitCode;

fn main() -> ExitCode {
    seawall_cli::main()
}
