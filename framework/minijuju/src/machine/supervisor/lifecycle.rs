//! What happens to a service: the way up, the way down, and the ends and deadlines on the way.
//!
//! Up: `start-pre` → main process → (`READY=1`) → `start-post` → running. Down: `stop` → signal → `stop-post` → signal → dead.
//! The names are systemd's sub-states, and so are the rules.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::super::exec::Extra;
use super::super::notify::{Message, NotifySocket};
use super::super::processes;
use super::super::service::{Ended, Job, JobFailure, Outcome, Phase, Service};
use super::super::unit_file::{Exec, KillMode, Kind, signal_name};
use super::{Event, Supervisor};

impl Supervisor {
    /// Begins a start, unless there were too many.
    pub(super) fn begin(&mut self, name: &str) {
        let fresh = self.catalog.load(name).ok().and_then(|loaded| loaded.unit.clone().ok());
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        if let Some(unit) = fresh {
            service.unit = unit;
        }
        if !service.may_start(Instant::now()) {
            service.result = Outcome::StartLimitHit;
            self.remark(Some(name), "Start request repeated too quickly.");
            return self.settle(name);
        }
        service.result = Outcome::Success;
        service.stop_requested = false;
        service.groups.clear();
        service.exec_main = (0, 0);
        service.exec_main_pid = 0;
        service.status_text.clear();
        let (kind, commands, limit) = (
            service.unit.kind,
            service.unit.start_pre.clone(),
            service.unit.start_timeout(),
        );
        if kind == Kind::Notify
            && let Err(error) = self.listen(name)
        {
            self.remark(Some(name), &format!("cannot make the notify socket: {error}"));
            return self.give_up(name, Outcome::Resources, Phase::FinalSigterm);
        }
        self.commands(name, Phase::StartPre, commands, Some(limit));
    }

    fn listen(&mut self, name: &str) -> std::io::Result<()> {
        self.notify_sockets += 1;
        let path = self
            .machine
            .socket()
            .with_extension(format!("n{}", self.notify_sockets));
        let (events, unit, socket) = (self.events.clone(), name.to_owned(), path.clone());
        let socket = NotifySocket::bind(path, move |message| {
            // When nobody listens any more, the machine is going down.
            let _ = events.send(Event::Notify {
                unit: unit.clone(),
                socket: socket.clone(),
                message,
            });
        })?;
        if let Some(service) = self.services.get_mut(name) {
            service.notify = Some(socket);
        }
        Ok(())
    }

    /// Runs the commands of a phase one after the other.
    fn commands(&mut self, name: &str, phase: Phase, commands: Vec<Exec>, limit: Option<std::time::Duration>) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        service.enter(phase, limit);
        service.queue = VecDeque::from(commands);
        self.next_command(name);
    }

    fn next_command(&mut self, name: &str) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        let is_main = service.phase == Phase::Start;
        let Some(exec) = service.queue.front().cloned() else {
            return self.commands_done(name);
        };
        match self.spawn(name, &exec) {
            Ok(pid) => {
                if let Some(service) = self.services.get_mut(name) {
                    if is_main {
                        service.set_main(pid);
                    } else {
                        service.control = Some(pid);
                    }
                }
            }
            Err(ended) => self.command_ended(name, ended),
        }
    }

    fn spawn(&mut self, name: &str, exec: &Exec) -> Result<Pid, Ended> {
        let Some(service) = self.services.get_mut(name) else {
            return Err(Ended::Exited(1));
        };
        let mut extra = Extra::new();
        if let Some(notify) = &service.notify {
            extra.insert("NOTIFY_SOCKET".into(), notify.path().to_string_lossy().into_owned());
        }
        if let Some(main) = service.main {
            extra.insert("MAINPID".into(), main.as_raw_nonzero().to_string());
        }
        match self.spawner.spawn(&service.unit, exec, &extra) {
            Ok(pid) => {
                let raw = pid.as_raw_nonzero().get();
                service.groups.insert(raw);
                self.children.insert(raw, name.to_owned());
                Ok(pid)
            }
            Err(error) => {
                self.remark(Some(name), &error.to_string());
                Err(Ended::Exited(error.status))
            }
        }
    }

    /// The running command of the phase has ended.
    fn command_ended(&mut self, name: &str, ended: Ended) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        let ignore = service.queue.pop_front().is_some_and(|exec| exec.ignore_failure);
        let outcome = match service.phase {
            _ if ignore => Outcome::Success,
            Phase::Start => ended.of_main(&service.unit),
            _ => ended.of_control(),
        };
        if outcome == Outcome::Success {
            return self.next_command(name);
        }
        self.remark(Some(name), &format!("Control process exited, {}", describe(ended)));
        match self.phase(name) {
            Phase::StartPre | Phase::StopPost => self.give_up(name, outcome, Phase::FinalSigterm),
            Phase::Reload => self.reload_done(name, Err(JobFailure::Failed(outcome))),
            _ => self.give_up(name, outcome, Phase::StopSigterm),
        }
    }

    fn commands_done(&mut self, name: &str) {
        match self.phase(name) {
            Phase::StartPre => self.start_main(name),
            Phase::Start => self.start_post(name),
            Phase::StartPost => self.started(name),
            Phase::Reload => self.reload_done(name, Ok(())),
            Phase::Stop => self.signal(name, Phase::StopSigterm),
            _ => self.signal(name, Phase::FinalSigterm),
        }
    }

    fn start_main(&mut self, name: &str) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        let (kind, commands, limit) = (
            service.unit.kind,
            service.unit.start.clone(),
            service.unit.start_timeout(),
        );
        let Some(exec) = commands.first().filter(|_| kind != Kind::Oneshot) else {
            return self.commands(name, Phase::Start, commands, Some(limit));
        };
        let spawned = self.spawn(name, exec);
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        match spawned {
            Ok(pid) => {
                service.set_main(pid);
                if kind == Kind::Notify {
                    service.enter(Phase::Start, Some(limit));
                } else {
                    self.start_post(name);
                }
            }
            Err(ended) => {
                service.exec_main = ended.code_and_status();
                if kind == Kind::Simple {
                    // It counts as started once forked, whatever comes of it.
                    service.finish(Job::Start, Ok(()));
                }
                self.give_up(name, Outcome::ExitCode, Phase::StopSigterm);
            }
        }
    }

    fn start_post(&mut self, name: &str) {
        let Some(service) = self.services.get(name) else { return };
        let (commands, limit) = (service.unit.start_post.clone(), service.unit.start_timeout());
        self.commands(name, Phase::StartPost, commands, Some(limit));
    }

    fn started(&mut self, name: &str) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        service.finish(Job::Start, Ok(()));
        let description = service.unit.description.clone();
        if service.main.is_some() {
            service.enter(Phase::Running, None);
        } else {
            self.main_ended_well(name);
        }
        self.remark(Some(name), &format!("Started {description}."));
    }

    fn main_ended_well(&mut self, name: &str) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        if service.unit.remain_after_exit {
            service.enter(Phase::Exited, None);
        } else {
            self.stop_commands(name);
        }
    }

    /// Runs `ExecReload`.
    pub(super) fn begin_reload(&mut self, name: &str) {
        let Some(service) = self.services.get(name) else { return };
        let (commands, limit) = (service.unit.reload.clone(), service.unit.start_timeout());
        self.commands(name, Phase::Reload, commands, Some(limit));
    }

    fn reload_done(&mut self, name: &str, result: Result<(), JobFailure>) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        service.queue.clear();
        service.finish(Job::Reload, result);
        service.enter(Phase::Running, None);
    }

    /// The first step of an orderly stop.
    pub(super) fn stop_commands(&mut self, name: &str) {
        let Some(service) = self.services.get(name) else { return };
        let (commands, limit) = (service.unit.stop.clone(), service.unit.stop_timeout);
        self.commands(name, Phase::Stop, commands, Some(limit));
    }

    fn give_up(&mut self, name: &str, outcome: Outcome, phase: Phase) {
        if let Some(service) = self.services.get_mut(name) {
            service.fail(outcome);
        }
        self.signal(name, phase);
    }

    /// Sends the signal of a stopping phase and waits for the processes to end.
    pub(super) fn signal(&mut self, name: &str, phase: Phase) {
        let pids = self.processes(name);
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        service.queue.clear();
        service.enter(phase, Some(service.unit.stop_timeout));
        let kill = matches!(phase, Phase::StopSigkill | Phase::FinalSigkill);
        let signal = if kill {
            Some(Signal::KILL)
        } else {
            Signal::from_named_raw(service.unit.kill_signal)
        };
        let everybody = match service.unit.kill_mode {
            KillMode::ControlGroup => true,
            KillMode::Mixed => kill,
            KillMode::Process => false,
        };
        for signal in signal.into_iter().chain([Signal::CONT]) {
            if everybody {
                processes::signal_groups(&service.groups, &pids, signal);
            } else {
                let own: Vec<Pid> = [service.main, service.control].into_iter().flatten().collect();
                processes::signal_all(&own, signal);
            }
        }
        self.check_gone(name);
    }

    /// Goes on with the way down if the processes waited for have ended.
    pub(super) fn check_gone(&mut self, name: &str) {
        let Some(service) = self.services.get(name).filter(|service| service.phase.is_signalling()) else {
            return;
        };
        let own = service.main.is_some() || service.control.is_some();
        if own || (service.unit.kill_mode != KillMode::Process && !self.processes(name).is_empty()) {
            return;
        }
        self.gone(name);
    }

    fn gone(&mut self, name: &str) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        if matches!(service.phase, Phase::FinalSigterm | Phase::FinalSigkill) {
            return self.dead(name);
        }
        let (commands, limit) = (service.unit.stop_post.clone(), service.unit.stop_timeout);
        self.commands(name, Phase::StopPost, commands, Some(limit));
    }

    /// The bottom: start again if somebody wants it, else stay.
    fn dead(&mut self, name: &str) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        service.notify = None;
        service.main = None;
        service.control = None;
        service.finish(Job::Stop, Ok(()));
        service.finish(Job::Reload, Err(JobFailure::Canceled));
        let result = service.result;
        let description = service.unit.description.clone();
        let again = std::mem::take(&mut service.start_again);
        let restart = service.wants_restart();
        match result {
            Outcome::Success => self.remark(Some(name), &format!("Stopped {description}.")),
            _ => self.remark(Some(name), &format!("Failed with result '{}'.", result.as_str())),
        }
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        if again && !self.shutting_down {
            service.enter(Phase::Dead, None);
            self.begin(name);
        } else if restart && !self.shutting_down {
            service.finish(Job::Start, Err(JobFailure::Failed(result)));
            service.enter(Phase::AutoRestart, Some(service.unit.restart_delay));
        } else {
            self.settle(name);
        }
    }

    /// Stays down.
    pub(super) fn settle(&mut self, name: &str) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        let failed = service.result != Outcome::Success;
        service.enter(if failed { Phase::Failed } else { Phase::Dead }, None);
        let failure = if failed {
            JobFailure::Failed(service.result)
        } else {
            JobFailure::Canceled
        };
        service.finish(Job::Start, Err(failure));
        if !self.shutting_down {
            self.remember(name, false);
        }
    }

    /// One of our children has ended.
    pub(super) fn child_ended(&mut self, name: &str, pid: Pid, ended: Ended) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        if service.main == Some(pid) {
            service.main = None;
            service.exec_main = ended.code_and_status();
            self.main_ended(name, ended);
        } else if service.control == Some(pid) {
            service.control = None;
            if service.phase.is_signalling() {
                self.check_gone(name);
            } else {
                self.command_ended(name, ended);
            }
        }
    }

    fn main_ended(&mut self, name: &str, ended: Ended) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        let ignore = service.unit.start.first().is_some_and(|exec| exec.ignore_failure);
        let outcome = if ignore {
            Outcome::Success
        } else {
            ended.of_main(&service.unit)
        };
        let (phase, kind) = (service.phase, service.unit.kind);
        let clean = outcome == Outcome::Success;
        if !clean {
            self.remark(Some(name), &format!("Main process exited, {}", describe(ended)));
        }
        match phase {
            Phase::Start if kind == Kind::Oneshot => self.command_ended(name, ended),
            Phase::Start => self.give_up(
                name,
                if clean { Outcome::Protocol } else { outcome },
                Phase::StopSigterm,
            ),
            Phase::StartPost if clean => {}
            Phase::Running if clean => self.main_ended_well(name),
            Phase::StartPost | Phase::Running | Phase::Reload => {
                if let Some(service) = self.services.get_mut(name) {
                    service.finish(Job::Reload, Err(JobFailure::Failed(outcome)));
                }
                self.give_up(name, outcome, Phase::StopSigterm);
            }
            _ => {
                if let Some(service) = self.services.get_mut(name) {
                    service.fail(outcome);
                }
                self.check_gone(name);
            }
        }
    }

    /// The deadline of the present phase has passed.
    pub(super) fn timed_out(&mut self, name: &str) {
        let phase = self.phase(name);
        if phase != Phase::AutoRestart {
            self.remark(Some(name), &format!("State '{}' timed out.", phase.sub_state()));
        }
        match phase {
            Phase::StartPre | Phase::Start | Phase::StartPost | Phase::Stop => {
                self.give_up(name, Outcome::Timeout, Phase::StopSigterm)
            }
            Phase::StopSigterm => self.give_up(name, Outcome::Timeout, Phase::StopSigkill),
            Phase::StopPost => self.give_up(name, Outcome::Timeout, Phase::FinalSigterm),
            Phase::FinalSigterm => self.give_up(name, Outcome::Timeout, Phase::FinalSigkill),
            Phase::StopSigkill | Phase::FinalSigkill => self.gone(name),
            Phase::Reload => self.reload_timed_out(name),
            Phase::AutoRestart => self.restart_now(name),
            _ => {}
        }
    }

    fn reload_timed_out(&mut self, name: &str) {
        if let Some(control) = self.services.get_mut(name).and_then(|service| service.control.take()) {
            // Gone in the meantime is as good.
            let _ = kill_process(control, Signal::KILL);
        }
        self.reload_done(name, Err(JobFailure::Failed(Outcome::Timeout)));
    }

    fn restart_now(&mut self, name: &str) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        service.restarts += 1;
        let count = service.restarts;
        self.remark(
            Some(name),
            &format!("Scheduled restart job, restart counter is at {count}."),
        );
        self.begin(name);
    }

    /// A service spoke; what an earlier run of it said does not count.
    pub(super) fn notified(&mut self, name: &str, socket: &Path, message: Message) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        if service.notify.as_ref().is_none_or(|notify| notify.path() != socket) {
            return;
        }
        if let Some(text) = message.status {
            service.status_text = text;
        }
        if let Some(main) = message
            .main_pid
            .and_then(Pid::from_raw)
            .filter(|pid| Some(*pid) != service.main)
        {
            // Its end is told to us only if it is (or becomes) our child.
            service.set_main(main);
            self.children.insert(main.as_raw_nonzero().get(), name.to_owned());
        }
        if message.ready && self.phase(name) == Phase::Start {
            self.start_post(name);
        }
    }

    fn phase(&self, name: &str) -> Phase {
        self.services.get(name).map_or(Phase::Dead, |service| service.phase)
    }
}

impl Service {
    fn set_main(&mut self, pid: Pid) {
        self.main = Some(pid);
        self.exec_main_pid = u32::try_from(pid.as_raw_nonzero().get()).unwrap_or_default();
    }
}

fn describe(ended: Ended) -> String {
    match ended {
        Ended::Exited(status) => format!("code=exited, status={status}"),
        Ended::Killed { signal, dumped } => {
            format!(
                "code={}, status={signal}/{}",
                if dumped { "dumped" } else { "killed" },
                signal_name(signal)
            )
        }
    }
}
