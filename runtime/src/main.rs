//! The `nexus` program: see `nexus --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nexus::cli::main()
}
