//! The command line: Juju's commands, texts and exit codes, spoken to the daemon of a model.
//!
//! [`main`] is the program. `args` is what can be typed, `session` finds the model and starts its daemon, `failure` is what
//! comes after `ERROR`, `output` what goes to stdout; each other module is a family of commands.

mod actions;
mod args;
mod config;
mod deploy;
mod duration;
mod failure;
mod faults;
mod log;
mod models;
mod output;
mod progress;
mod remove;
mod run;
mod scp;
mod session;
mod ssh;
mod status;
mod tasks;
mod usage;
mod wait;

use std::ffi::OsString;

use clap::Parser as _;

use crate::daemon::DaemonError;
use crate::protocol::Request;
use args::{Cli, Command, Global};
use failure::Failure;
use session::Session;
use usage::usage;

/// Runs `minijuju` with its arguments (the program's name first) and gives the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let result = match Cli::try_parse_from(arguments) {
        Ok(cli) => run(cli),
        Err(error) => usage(&error),
    };
    let failure = match result {
        Ok(()) => return 0,
        Err(failure) => failure,
    };
    if !failure.text.is_empty() {
        output::info(&format!("ERROR {failure}"));
    }
    u8::try_from(failure.code).unwrap_or(1)
}

fn run(cli: Cli) -> Result<(), Failure> {
    let global = &cli.global;
    match cli.command {
        Command::AddModel(args) => models::add(&args),
        Command::Models(args) => models::list(args.format),
        Command::ShowModel(args) => models::show(global, &args),
        Command::Switch(args) => models::switch(args.target.as_deref()),
        Command::DestroyModel(args) => models::destroy(&args),
        Command::Deploy(args) => deploy::deploy(global, args),
        Command::Refresh(args) => deploy::refresh(global, args),
        Command::Integrate(args) => change(global, &Request::Integrate { a: args.a, b: args.b }),
        Command::RemoveRelation(args) => change(
            global,
            &Request::RemoveRelation {
                endpoints: args.endpoints,
                force: args.force,
            },
        ),
        Command::AddUnit(args) if args.num_units == 0 => Err(Failure::usage("--num-units must be a positive integer")),
        Command::AddUnit(args) => change(
            global,
            &Request::AddUnit {
                application: args.application,
                count: args.num_units,
            },
        ),
        Command::RemoveUnit(args) => remove::units(global, args),
        Command::RemoveApplication(args) => remove::applications(global, args),
        Command::Config(args) => config::config(global, args),
        Command::Trust(args) => change(
            global,
            &Request::Trust {
                application: args.application,
                trust: !args.remove,
            },
        ),
        Command::Expose(args) => change(
            global,
            &Request::Expose {
                application: args.application,
                exposed: true,
            },
        ),
        Command::Unexpose(args) => change(
            global,
            &Request::Expose {
                application: args.application,
                exposed: false,
            },
        ),
        Command::Actions(args) => actions::list(global, &args),
        Command::Run(args) => run::run(global, args),
        Command::Exec(args) => run::exec(global, args),
        Command::ShowTask(args) => run::show_task(global, &args),
        Command::ShowOperation(args) => run::show_operation(global, &args),
        Command::Operations(args) => run::operations(global, args.format),
        Command::CancelTask(args) => change(global, &Request::CancelTask { tasks: args.ids }),
        Command::Status(args) => status::status(global, &args),
        Command::Machines(args) => status::machines(global, args.format),
        Command::ShowUnit(args) => status::show_unit(global, &args),
        Command::Resolved(args) => change(
            global,
            &Request::Resolve {
                units: args.units,
                all: args.all,
                retry: !args.no_retry,
            },
        ),
        Command::Ssh(args) => ssh::ssh(global, &args),
        Command::Scp(args) => scp::scp(global, &args),
        Command::DebugLog(args) => log::debug_log(global, args),
        Command::Wait(args) => wait::wait(global, &args),
        Command::WaitFor(args) => wait::wait_for(global, &args),
        Command::Version(args) => models::version(&args),
        Command::KillHook(args) => change(
            global,
            &Request::KillHook {
                unit: args.unit,
                hook: args.hook,
                at: args.at,
            },
        ),
        Command::SkewLeader(args) => change(global, &Request::SkewLeader { unit: args.unit }),
        Command::KillDaemon => faults::kill_daemon(global),
        Command::Hooks(args) => faults::hooks(global, args),
        Command::Daemon => daemon(global),
    }
}

/// A request without an answer worth printing.
fn change(global: &Global, request: &Request) -> Result<(), Failure> {
    Session::open(global)?.ask(request).map(|_| ())
}

fn daemon(global: &Global) -> Result<(), Failure> {
    // Only a group leader cannot have a session of its own; then it was started by hand, to be watched.
    let _ = rustix::process::setsid();
    let home = crate::paths::Home::from_env()?;
    let name = session::model_name(&home, global)?;
    crate::daemon::run(&home.model(&name)?).map_err(|error| match error {
        DaemonError::Running(_) => Failure {
            text: error.to_string(),
            code: session::ALREADY_RUNNING,
        },
        other => other.into(),
    })
}

#[cfg(test)]
mod tests;
