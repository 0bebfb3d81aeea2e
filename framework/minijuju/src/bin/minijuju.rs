//! minijuju: the command line of a Juju model on one machine, and (`minijuju daemon`) the model's daemon.

use std::io::Write as _;
use std::process::ExitCode;

use minijuju::daemon;
use minijuju::paths::Home;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match &arguments[..] {
        [command, option, model] if command == "daemon" && option == "--model" => run_daemon(model),
        _ => Err("usage: minijuju daemon --model <name>".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without stderr the exit status must do.
            let _nowhere = writeln!(std::io::stderr(), "ERROR {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_daemon(model: &str) -> Result<(), Box<dyn std::error::Error>> {
    Ok(daemon::run(&Home::from_env()?.model(model)?)?)
}
