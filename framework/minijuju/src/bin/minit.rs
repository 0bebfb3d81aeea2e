//! The init of a process machine; as `systemctl` (by the program's name) the front to it.
//!
//! `minit` takes everything from its environment: `MINIJUJU_MODEL_UUID`, `MINIJUJU_MACHINE_ID`, `MINIJUJU_MACHINE_DIR` and
//! `MINIJUJU_MACHINE_SOCKET`. With `--detach` it goes on as a process of its own and returns at once.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use minijuju::machine;
use minijuju::paths::MachinePaths;

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
    if Path::new(&program).file_name().is_some_and(|name| name == "systemctl") {
        let code = machine::systemctl::main(&arguments, &juju::env::of_process().collect());
        return ExitCode::from(u8::try_from(code).unwrap_or(1));
    }
    match run(&program, &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // Without stderr the exit status must do.
            let _ = writeln!(std::io::stderr(), "minit: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(program: &str, arguments: &[String]) -> Result<(), String> {
    match arguments {
        [] => {
            let machine = MachinePaths::from_env().ok_or("the environment does not name a machine")?;
            machine::run_init(&machine).map_err(|error| error.to_string())
        }
        [option] if option == "--detach" => detach(program),
        _ => Err("usage: minit [--detach]".into()),
    }
}

/// The process started here is not waited for: with us gone it belongs to the system's init.
fn detach(program: &str) -> Result<(), String> {
    let program = std::env::current_exe().unwrap_or_else(|_| program.into());
    Command::new(program)
        .spawn()
        .map(|_child| ())
        .map_err(|error| error.to_string())
}
