//! Every hook tool, by the name that it is called by: a thin client of the unit's agent.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let name = arguments.next().unwrap_or_default();
    ExitCode::from(juju::client::jujuc_main(&name, arguments, std::env::vars()))
}
