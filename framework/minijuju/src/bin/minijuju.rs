//! The command line of minijuju; as `minijuju daemon` the daemon of a model.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(minijuju::cli::main(std::env::args_os()))
}
