//! Unit agents: each runs what the model says comes next, one thing at a time, and lets its hook tools speak to the model.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use juju::UnitName;
use juju::wire::ExecResponse;
use model::context::Context;
use model::{Event, Exit, Operation, TaskKind, TaskStatus, Time, Unit};
use tokio::task::AbortHandle;

use super::controller::{Controller, RETRY};
use super::files::{self, AgentFiles};
use super::process::{self, End, Ended, Stream};
use super::script::{self, Program, Surroundings};
use super::tools::{self, ToolRequest};
use super::{Message, install, note, processes};
use crate::paths::{now_ms, random_hex};
use crate::protocol::{HookRun, Level};

const OPERATION_LOGGER: &str = "juju.worker.uniter.operation";

/// Something that is running for a unit.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) machine: u32,
    context: Context,
    /// Hook or action name, `juju-exec` for commands.
    name: String,
    /// The process group; `None` until the process has been started.
    group: Option<u32>,
    /// How its script was found, for the log.
    via: &'static str,
    /// The tools it called, in order.
    tools: Vec<String>,
    started_ms: u64,
    killed: bool,
    server: AbortHandle,
}

impl Run {
    fn kill(&mut self) {
        self.killed = true;
        if let Some(group) = self.group {
            processes::kill_group(group);
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Controller {
    /// Unpacks charms for units that have none, on machines that are up.
    pub(crate) fn reconcile_units(&mut self) {
        let new: Vec<UnitName> = self
            .model
            .units()
            .filter(|unit| !unit.agent_started)
            .map(|unit| unit.name.clone())
            .collect();
        for unit in new {
            self.unpack_charm(&unit);
        }
    }

    fn unpack_charm(&mut self, name: &UnitName) {
        let Some(unit) = self.model.unit(name) else { return };
        let Some(application) = self.model.application(&name.application()) else {
            return;
        };
        let resting = self.resting.get(name).is_some_and(|until| *until > self.now);
        if resting || self.unpacking.contains(name) || !self.machines.is_ready(unit.machine) {
            return;
        }
        let (machine, id) = (self.machine_paths(unit.machine), application.charm_id.clone());
        let (archive, jujuc) = (self.paths.charm(&id), self.programs.jujuc.clone());
        let (tag, names) = (name.tag(), model::tools::names(self.model.juju_version()));
        let (to_self, unit) = (self.to_self.clone(), name.clone());
        self.resting.remove(name);
        self.unpacking.insert(name.clone());
        tokio::task::spawn_blocking(move || {
            let result = install::link_tools(&machine, &tag, &names, &jujuc)
                .map_err(install::InstallError::from)
                .and_then(|()| install::unpack(&machine, &tag, &archive, &id))
                .map_err(|error| error.to_string());
            // Without a controller there is no one left to tell.
            let _ended = to_self.send(Message::CharmReady { unit, result });
        });
    }

    /// A unit's charm is on disk.
    pub(crate) fn charm_ready(&mut self, name: &UnitName, result: Result<(), String>) {
        self.unpacking.remove(name);
        match result {
            Ok(()) if self.model.unit(name).is_some_and(|unit| !unit.agent_started) => {
                self.report(Event::AgentStarted { unit: name.clone() });
            }
            Ok(()) => {}
            Err(message) => {
                self.log(
                    &name.tag(),
                    Level::Error,
                    "juju.worker.uniter",
                    &format!("cannot install charm: {message}"),
                );
                self.resting.insert(name.clone(), Instant::now() + RETRY);
            }
        }
    }

    /// Kills what was cancelled, what asked for it, and what belongs to units and machines that are to go.
    pub(crate) fn kill_unwanted_runs(&mut self) {
        let model = &self.model;
        for (name, run) in self.running.iter_mut().filter(|(_, run)| !run.killed) {
            let unit = model.unit(name);
            let forgotten = unit
                .and_then(Unit::running)
                .is_none_or(|running| running.context_id != run.context.id());
            let rebooting = unit.and_then(Unit::running).is_some_and(|running| running.reboot_now);
            let task = run.context.operation().task().and_then(|task| model.task(task));
            let cancelled = task.is_some_and(|task| task.status == TaskStatus::Aborting);
            let machine_goes = model
                .machine(run.machine)
                .is_none_or(|machine| !machine.life.is_alive());
            if forgotten || rebooting || cancelled || machine_goes {
                run.kill();
            }
        }
    }

    /// Starts everything that can be started: one thing a unit, and one unit a machine at a time.
    pub(crate) fn start_operations(&mut self) {
        let names: Vec<UnitName> = self
            .model
            .units()
            .filter(|unit| unit.agent_started)
            .map(|unit| unit.name.clone())
            .collect();
        for name in names {
            // What has nothing to run ends at once, and the next follows.
            while self.is_free(&name) {
                let Some(operation) = self.model.next_operation(&name, Time(now_ms())) else {
                    break;
                };
                if !self.start_operation(&name, operation) {
                    break;
                }
            }
        }
    }

    fn is_free(&self, name: &UnitName) -> bool {
        let Some(unit) = self.model.unit(name) else {
            return false;
        };
        let Some(machine) = self.model.machine(unit.machine) else {
            return false;
        };
        self.machines.is_ready(machine.number)
            && !machine.reboot_wanted
            && !self.unpacking.contains(name)
            && self.resting.get(name).is_none_or(|until| *until <= self.now)
            && !self.running.values().any(|run| run.machine == machine.number)
            && !self.is_closed()
    }

    /// True if it is over already, so that the unit may go on.
    fn start_operation(&mut self, name: &UnitName, operation: Operation) -> bool {
        let Some(machine) = self.model.unit(name).map(|unit| unit.machine) else {
            return false;
        };
        if !self.machine_answers(machine) || !self.has_charm_for(name, machine, &operation) {
            return false;
        }
        let what = self.operation_name(&operation);
        let context_id = match random_hex(16) {
            Ok(random) => format!("{name}-{what}-{random}"),
            Err(error) => {
                note(&format!("no context for {name}: {error}"));
                self.resting.insert(name.clone(), Instant::now() + RETRY);
                return false;
            }
        };
        let started = Event::OperationStarted {
            unit: name.clone(),
            operation: operation.clone(),
            context_id: context_id.clone(),
        };
        if let Err(error) = self.apply(started) {
            note(&format!("{what} of {name} was not started: {error}"));
            self.resting.insert(name.clone(), Instant::now() + RETRY);
            return false;
        }
        let context = self.model.open_context(name, &operation, context_id);
        match self.launch(name, machine, &operation, context, what) {
            None => false,
            Some((context, exit)) => {
                self.report(context.finish(exit, Vec::new(), Vec::new()));
                true
            }
        }
    }

    fn operation_name(&self, operation: &Operation) -> String {
        let task = operation.task().and_then(|task| self.model.task(task));
        operation
            .hook()
            .map(|hook| hook.name.clone())
            .or(task.map(|task| task.kind.name().to_owned()))
            .unwrap_or_default()
    }

    /// The new charm is unpacked just before its `upgrade-charm`; a charm whose unpacking was interrupted before anything.
    fn has_charm_for(&mut self, name: &UnitName, machine: u32, operation: &Operation) -> bool {
        let upgrade = operation.hook().is_some_and(|hook| hook.name == "upgrade-charm");
        let wanted = self
            .model
            .application(&name.application())
            .map(|application| application.charm_id.clone());
        let ready = match install::unpacked(&self.machine_paths(machine), &name.tag()) {
            None => false,
            Some(id) => !upgrade || Some(id) == wanted,
        };
        if !ready {
            self.unpack_charm(name);
        }
        ready
    }

    /// Finds the program and starts it. Without a process the context comes back, with how the run ended.
    fn launch(
        &mut self,
        name: &UnitName,
        machine: u32,
        operation: &Operation,
        context: Context,
        what: String,
    ) -> Option<(Context, Exit)> {
        let charm = self.machine_paths(machine).charm(&name.tag());
        let program = match self.program(operation, &charm, &what) {
            Ok(Program::Missing) => {
                let text = format!("skipped {what:?} hook (missing)");
                self.log(&name.tag(), Level::Info, OPERATION_LOGGER, &text);
                return Some((context, Exit::MissingScript));
            }
            Ok(program) => program,
            Err(error) => {
                self.log_failure(name, &what, "script", &error.to_string());
                return Some((context, Exit::Code(126)));
            }
        };
        let environment = self.environment(name, machine, &context);
        let (started, started_ms) = (Instant::now(), now_ms());
        let listening = listen(&self.paths.agent_socket(&name.tag()));
        let spawned = listening.and_then(|listener| Ok((listener, process::start(&program, &charm, &environment)?)));
        let (listener, child) = match spawned {
            Ok(spawned) => spawned,
            Err(error) => {
                self.log_failure(name, &what, "script", &format!("cannot start it: {error}"));
                let code = if error.kind() == io::ErrorKind::NotFound {
                    127
                } else {
                    126
                };
                return Some((context, Exit::Code(code)));
            }
        };
        let id = context.id().to_owned();
        let server = tokio::task::spawn_local(tools::serve(listener, name.clone(), id.clone(), self.to_self.clone()));
        let run = Run {
            machine,
            context,
            name: what.clone(),
            group: child.id(),
            via: via(&program),
            tools: Vec::new(),
            started_ms,
            killed: false,
            server: server.abort_handle(),
        };
        self.running.insert(name.clone(), run);
        self.watch(name.clone(), id, what, operation.task().is_some(), child, started);
        None
    }

    fn environment(&self, name: &UnitName, machine: u32, context: &Context) -> BTreeMap<String, String> {
        let around = Surroundings {
            machine: &self.machine_paths(machine),
            address: self
                .model
                .machine(machine)
                .and_then(|machine| machine.address.as_deref())
                .unwrap_or_default(),
            tag: &name.tag(),
            socket: &self.paths.agent_socket(&name.tag()),
            path: &self.programs.path,
        };
        script::environment(context.variables(&self.model), &around)
    }

    fn program(
        &self,
        operation: &Operation,
        charm: &std::path::Path,
        what: &str,
    ) -> Result<Program, script::ScriptError> {
        match operation {
            Operation::Hook(_) => script::find(charm, &format!("hooks/{what}")),
            Operation::Action { .. } => script::find(charm, &format!("actions/{what}")),
            Operation::Exec { task } => match self.model.task(*task).map(|task| &task.kind) {
                Some(TaskKind::Exec { command }) => Ok(Program::Shell(command.clone())),
                _ => Ok(Program::Missing),
            },
        }
    }

    /// Logs the output and reports the end, beside the controller.
    fn watch(
        &self,
        unit: UnitName,
        context_id: String,
        what: String,
        collect: bool,
        child: tokio::process::Child,
        started: Instant,
    ) {
        let (log, to_self) = (self.log.clone(), self.to_self.clone());
        tokio::task::spawn_local(async move {
            let (tag, module) = (unit.tag(), format!("unit.{unit}.{what}"));
            let line = |stream: Stream, text: &str| {
                let level = if stream == Stream::Stdout {
                    Level::Debug
                } else {
                    Level::Warning
                };
                log.borrow_mut().write(&tag, level, &module, text);
            };
            let result = process::watch(child, started, collect, line).await;
            // Without a controller there is no one left to tell.
            let _ended = to_self.send(Message::Ended {
                unit,
                context_id,
                result,
            });
        });
    }

    /// A hook tool: the model answers, and what takes place at once is on disk before the answer leaves. True if the model
    /// has changed.
    pub(crate) fn tool_call(&mut self, call: ToolRequest) -> bool {
        let ToolRequest {
            unit,
            context_id,
            request,
            reply,
        } = call;
        let Some(run) = self.running.get_mut(&unit).filter(|run| run.context.id() == context_id) else {
            // Nobody waits for an answer that cannot be sent.
            let _gone = reply.send(Err(format!(
                "bad request: wrong context ID; got {:?}",
                request.context_id
            )));
            return false;
        };
        run.tools.push(request.command_name.clone());
        if self.faults.strikes(unit.as_str(), &run.name) {
            run.kill();
            return false;
        }
        let outcome = run.context.call(&self.model, &request, &mut AgentFiles);
        let changed = outcome.as_ref().is_ok_and(|outcome| outcome.effect.is_some());
        let answer = outcome.map(|outcome| {
            for line in &outcome.log {
                let level = Level::parse(line.level).unwrap_or(Level::Info);
                self.log(&unit.tag(), level, &format!("unit.{unit}.juju-log"), &line.message);
            }
            match outcome.effect.map(|effect| self.apply(effect)) {
                None | Some(Ok(_)) => outcome.response,
                Some(Err(error)) => ExecResponse {
                    code: 1,
                    stdout: Vec::new(),
                    stderr: format!("ERROR {error}\n").into_bytes(),
                },
            }
        });
        // The tool may have been killed meanwhile.
        let _gone = reply.send(answer);
        changed
    }

    /// A process has ended: what its context buffered goes to the model.
    pub(crate) fn operation_ended(&mut self, name: &UnitName, context_id: &str, result: io::Result<Ended>) {
        if self.running.get(name).is_none_or(|run| run.context.id() != context_id) {
            return;
        }
        let Some(run) = self.running.remove(name) else { return };
        let ended = result.unwrap_or_else(|error| {
            note(&format!("cannot wait for {context_id}: {error}"));
            Ended {
                end: End::Killed,
                stdout: Vec::new(),
                stderr: Vec::new(),
                duration: Duration::ZERO,
            }
        });
        let (exit, text) = match ended.end {
            End::Code(code) => (
                Exit::Code(code),
                if code == 0 {
                    "0".to_owned()
                } else {
                    format!("exit status {code}")
                },
            ),
            End::Killed => (Exit::Killed, "killed".to_owned()),
        };
        self.log_end(name, &run, &ended, exit, &text);
        self.faults.record(HookRun {
            unit: name.to_string(),
            hook: run.name.clone(),
            started_ms: run.started_ms,
            duration_us: u64::try_from(ended.duration.as_micros()).unwrap_or(u64::MAX),
            tools: run.tools.clone(),
            exit: text,
        });
        self.report(run.context.clone().finish(exit, ended.stdout, ended.stderr));
    }

    fn log_end(&self, name: &UnitName, run: &Run, ended: &Ended, exit: Exit, text: &str) {
        let what = &run.name;
        if run.context.operation().hook().is_some() {
            if exit == Exit::Code(0) {
                let text = format!("ran {what:?} hook (via {})", run.via);
                self.log(&name.tag(), Level::Info, OPERATION_LOGGER, &text);
            } else {
                self.log_failure(name, what, run.via, text);
            }
        }
        let text = format!(
            "{what}: {} tool calls, {} ms, ended with {text}",
            run.tools.len(),
            ended.duration.as_millis()
        );
        self.log(&name.tag(), Level::Debug, OPERATION_LOGGER, &text);
    }

    fn log_failure(&self, name: &UnitName, what: &str, via: &str, reason: &str) {
        let text = format!("hook {what:?} (via {via}) failed: {reason}");
        self.log(&name.tag(), Level::Error, OPERATION_LOGGER, &text);
    }

    /// Ends all runs in good order, so that the next daemon simply starts them again.
    pub(crate) fn stop_runs(&mut self) {
        let runs: BTreeMap<UnitName, Run> = std::mem::take(&mut self.running);
        for mut run in runs.into_values() {
            run.kill();
            self.report(run.context.clone().finish(Exit::Killed, Vec::new(), Vec::new()));
        }
    }
}

/// The socket of one context.
fn listen(socket: &std::path::Path) -> io::Result<tokio::net::UnixListener> {
    if let Some(dir) = socket.parent() {
        files::make_private_dir(dir)?;
    }
    files::bind(socket)
}

fn via(program: &Program) -> &'static str {
    match program {
        Program::Script(path) if path.ends_with("dispatch") => "hook dispatching script: dispatch",
        _ => "explicit, bespoke hook script",
    }
}
