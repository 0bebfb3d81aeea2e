//! Faults on purpose, and the record of hooks that shows what came of them.

use model::Time;
use rustix::process::{Pid, Signal, kill_process};

use super::args::{Format, Global, Hooks};
use super::failure::Failure;
use super::output;
use super::session::{Session, await_gone, model_name};
use crate::machine::processes::variable;
use crate::paths::{ENV_MODEL_UUID, Home};
use crate::protocol::{HookRun, Request};

/// `kill-daemon`. A daemon that does not run is not started for this.
pub(crate) fn kill_daemon(global: &Global) -> Result<(), Failure> {
    let home = Home::from_env()?;
    let paths = home.model(&model_name(&home, global)?)?;
    let none = || Failure::new(format!("the daemon of model {:?} does not run", paths.name()));
    let text = fs_err::read_to_string(paths.daemon_pid()).map_err(|_| none())?;
    let pid = text.trim().parse().ok().and_then(Pid::from_raw).ok_or_else(none)?;
    // The number may belong to somebody else by now.
    let is_ours = || variable(pid, ENV_MODEL_UUID).as_deref() == Some(paths.uuid());
    if !is_ours() {
        return Err(none());
    }
    kill_process(pid, Signal::KILL)?;
    // Its sockets are closed only when it is a zombie or gone; its environment goes earlier.
    await_gone(|| has_ended(pid), paths.name())?;
    Ok(())
}

/// Whether a process has closed its files: it is gone, or only waits to be reaped.
fn has_ended(pid: Pid) -> bool {
    let stat = fs_err::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    // The name, in brackets, may hold anything; the state is the word behind it.
    stat.rsplit_once(')')
        .is_none_or(|(_, rest)| matches!(rest.trim_start().chars().next(), Some('Z' | 'X') | None))
}

/// `hooks`
pub(crate) fn hooks(global: &Global, args: Hooks) -> Result<(), Failure> {
    let mut session = Session::open(global)?;
    let value = session.ask(&Request::Hooks { unit: args.unit })?;
    if args.format != Format::Tabular {
        return output::formatted(args.format, &value);
    }
    let runs: Vec<HookRun> = serde_json::from_value(value)?;
    if runs.is_empty() {
        output::info("No hooks to display.");
        return Ok(());
    }
    let mut rows = vec![
        ["Time", "Unit", "Hook", "Duration", "Tools", "Exit"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(runs.into_iter().map(row));
    output::data(&output::table(&rows))
}

fn row(run: HookRun) -> Vec<String> {
    let duration = format!("{}.{:01}ms", run.duration_us / 1000, run.duration_us % 1000 / 100);
    let time = Time(run.started_ms).clock_text();
    vec![
        time,
        run.unit,
        run.hook,
        duration,
        run.tools.len().to_string(),
        run.exit,
    ]
}
