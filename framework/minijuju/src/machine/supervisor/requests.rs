//! What `systemctl` asks for.

use tokio::sync::oneshot;

use super::super::catalog::LoadError;
use super::super::processes;
use super::super::protocol::{InstallChange, Reply, Request, UnitError, UnitReport, Verb};
use super::super::service::{Job, JobFailure, Outcome, Phase, Service, Waiter};
use super::super::unit_file::{Kind, Restart, ServiceUnit};
use super::Supervisor;
use rustix::process::{Pid, Signal};

type Pending = oneshot::Receiver<Result<(), JobFailure>>;

impl Supervisor {
    /// Answers a request, now or when its jobs are done.
    pub(super) fn answer(&mut self, request: Request, reply: oneshot::Sender<Reply>) {
        let answer = match request {
            Request::Act { verb, units, no_block } => return self.act(verb, &units, no_block, reply),
            Request::Ping => Reply::default(),
            Request::Install { change, units } => self.install(change, &units),
            Request::Kill {
                units,
                signal,
                main_only,
            } => self.kill(&units, signal, main_only),
            Request::Query { units, log_lines } => self.query(units, log_lines),
            Request::Cat { units } => self.cat(&units),
            Request::DaemonReload => {
                self.catalog.reload();
                Reply::default()
            }
            Request::Shutdown => {
                self.shut_down();
                Reply::default()
            }
        };
        // Who hung up needs no answer.
        let _ = reply.send(answer);
    }

    fn act(&mut self, verb: Verb, units: &[String], no_block: bool, reply: oneshot::Sender<Reply>) {
        let mut answer = Reply::default();
        let mut pending = Vec::new();
        for name in units {
            if self.catalog.is_stale(name) {
                answer.warnings.push(stale(name));
            }
            let (waiter, result) = oneshot::channel();
            match self.request(verb, name, waiter) {
                Ok(()) => pending.push((name.clone(), result)),
                Err(error) => answer.errors.push(error),
            }
        }
        if no_block {
            pending.clear();
        }
        tokio::spawn(async move {
            answer.errors.extend(failures(pending).await);
            // Who hung up needs no answer.
            let _ = reply.send(answer);
        });
    }

    fn request(&mut self, verb: Verb, name: &str, waiter: Waiter) -> Result<(), UnitError> {
        let up = self.services.get(name).is_some_and(|service| !service.phase.is_down());
        match verb {
            Verb::Start => self.start(name, Some(waiter)),
            Verb::Stop => {
                self.known(name, |name| {
                    failed(5, name, &format!("Failed to stop {name}: Unit {name} not loaded."))
                })?;
                self.stop(name, Some(waiter));
                Ok(())
            }
            Verb::Restart => self.restart(name, "restart", waiter),
            Verb::TryRestart if up => self.restart(name, "try-restart", waiter),
            Verb::TryRestart => {
                self.known(name, |name| {
                    failed(
                        5,
                        name,
                        &format!("Failed to try-restart {name}: Unit {name} not found."),
                    )
                })?;
                let _ = waiter.send(Ok(()));
                Ok(())
            }
            Verb::Reload => self.reload(name, waiter),
            Verb::ReloadOrRestart => match self.services.get(name) {
                Some(service) if service.phase == Phase::Running && !service.unit.reload.is_empty() => {
                    self.reload(name, waiter)
                }
                _ => self.restart(name, "reload-or-restart", waiter),
            },
            Verb::ResetFailed => {
                let text = format!("Failed to reset failed state of unit {name}: Unit {name} not loaded.");
                self.known(name, |name| failed(1, name, &text))?;
                if let Some(service) = self.services.get_mut(name) {
                    service.reset_failed();
                }
                let _ = waiter.send(Ok(()));
                Ok(())
            }
        }
    }

    /// Starts a unit by hand, or at boot.
    pub(super) fn start(&mut self, name: &str, waiter: Option<Waiter>) -> Result<(), UnitError> {
        let unit = self.usable(name, "start")?;
        self.remember(name, true);
        let service = self
            .services
            .entry(name.to_owned())
            .or_insert_with(|| Service::new(unit));
        if service.phase.is_up() {
            if let Some(waiter) = waiter {
                let _ = waiter.send(Ok(()));
            }
            return Ok(());
        }
        service.waiters.extend(waiter.map(|waiter| (Job::Start, waiter)));
        service.restarts = 0;
        if service.phase.is_stopping() {
            service.start_again = true;
        } else if !service.phase.is_starting() {
            self.begin(name);
        }
        Ok(())
    }

    /// Stops a unit; nothing runs: done.
    pub(super) fn stop(&mut self, name: &str, waiter: Option<Waiter>) {
        self.remember_stopped(name);
        let Some(service) = self.services.get_mut(name) else {
            if let Some(waiter) = waiter {
                let _ = waiter.send(Ok(()));
            }
            return;
        };
        service.start_again = false;
        service.stop_requested = true;
        service.finish(Job::Start, Err(JobFailure::Canceled));
        service.waiters.extend(waiter.map(|waiter| (Job::Stop, waiter)));
        match service.phase {
            Phase::Dead | Phase::Failed => service.finish(Job::Stop, Ok(())),
            Phase::AutoRestart => {
                service.enter(Phase::Dead, None);
                service.finish(Job::Stop, Ok(()));
            }
            phase if phase.is_starting() => self.signal(name, Phase::StopSigterm),
            phase if phase.is_up() => self.stop_commands(name),
            _ => {}
        }
    }

    /// While the machine goes down, what runs is not forgotten until it is down.
    fn remember_stopped(&mut self, name: &str) {
        if !self.shutting_down {
            self.remember(name, false);
        }
    }

    fn restart(&mut self, name: &str, verb: &str, waiter: Waiter) -> Result<(), UnitError> {
        self.usable(name, verb)?;
        if self
            .services
            .get(name)
            .is_none_or(|service| service.phase.is_down() || service.phase == Phase::AutoRestart)
        {
            return self.start(name, Some(waiter));
        }
        self.stop(name, None);
        self.start(name, Some(waiter))
    }

    fn reload(&mut self, name: &str, waiter: Waiter) -> Result<(), UnitError> {
        let unit = self.usable(name, "reload")?;
        let Some(service) = self.services.get_mut(name).filter(|service| service.phase.is_up()) else {
            return Err(failed(1, name, &format!("{name} is not active, cannot reload.")));
        };
        if unit.reload.is_empty() {
            let text = format!("Failed to reload {name}: Job type reload is not applicable for unit {name}.");
            return Err(failed(1, name, &text));
        }
        service.waiters.push((Job::Reload, waiter));
        if service.phase != Phase::Reload {
            self.begin_reload(name);
        }
        Ok(())
    }

    fn usable(&mut self, name: &str, verb: &str) -> Result<ServiceUnit, UnitError> {
        let refuse = |code, reason: &str| Err(failed(code, name, &format!("Failed to {verb} {name}: {reason}")));
        if self.shutting_down {
            return refuse(1, "the machine is shutting down.");
        }
        match self.catalog.load(name).map(|loaded| loaded.unit.clone()) {
            Ok(Ok(unit)) => Ok(unit),
            Ok(Err(bad)) => {
                self.remark(Some(name), &bad.to_string());
                let hint = format!("See system logs and 'systemctl status {name}' for details.");
                refuse(1, &format!("Unit {name} has a bad unit file setting.\n{hint}"))
            }
            Err(LoadError::NotFound) => refuse(5, &format!("Unit {name} not found.")),
            Err(LoadError::Masked) => refuse(1, &format!("Unit {name} is masked.")),
            Err(LoadError::Io(error)) => refuse(1, &error.to_string()),
        }
    }

    /// Is there a unit file, or a service that was started from one?
    fn known(&mut self, name: &str, error: impl Fn(&str) -> UnitError) -> Result<(), UnitError> {
        match self.catalog.load(name) {
            Err(LoadError::NotFound) if !self.services.contains_key(name) => Err(error(name)),
            _ => Ok(()),
        }
    }

    fn install(&mut self, change: InstallChange, units: &[String]) -> Reply {
        let verb = match change {
            InstallChange::Enable => "enable",
            InstallChange::Disable => "disable",
            InstallChange::Mask => "mask",
            InstallChange::Unmask => "unmask",
        };
        let mut reply = Reply::default();
        for name in units {
            match self.catalog.install(change, name) {
                Ok(lines) => reply.output.extend(lines),
                Err(error) => reply
                    .errors
                    .push(failed(1, name, &format!("Failed to {verb} unit: {error}"))),
            }
            if change == InstallChange::Enable && self.catalog.unit_file_state(name) == "static" {
                reply.warnings.push(format!(
                    "The unit files have no installation config (WantedBy=, RequiredBy=): {name}"
                ));
            }
        }
        // As with systemd, these verbs reload what they changed.
        self.catalog.reload();
        reply
    }

    fn kill(&mut self, units: &[String], signal: i32, main_only: bool) -> Reply {
        let mut reply = Reply::default();
        for name in units {
            let text = format!("Failed to kill unit {name}: Unit {name} not loaded.");
            if let Err(error) = self.known(name, |name| failed(1, name, &text)) {
                reply.errors.push(error);
                continue;
            }
            let main: Vec<Pid> = self
                .services
                .get(name)
                .and_then(|service| service.main)
                .into_iter()
                .collect();
            let pids = if main_only { main } else { self.processes(name) };
            match Signal::from_named_raw(signal) {
                Some(signal) => processes::signal_all(&pids, signal),
                None => reply.errors.push(failed(
                    1,
                    name,
                    &format!("Failed to kill unit {name}: Invalid argument"),
                )),
            }
        }
        reply
    }

    fn query(&mut self, units: Vec<String>, log_lines: usize) -> Reply {
        let units = if units.is_empty() { self.all_names() } else { units };
        Reply {
            units: units.iter().map(|name| self.report(name, log_lines)).collect(),
            ..Reply::default()
        }
    }

    fn all_names(&self) -> Vec<String> {
        let mut names = self.catalog.enabled();
        names.extend(self.services.keys().cloned());
        names.into_iter().collect()
    }

    fn cat(&mut self, units: &[String]) -> Reply {
        let mut reply = Reply::default();
        for name in units {
            match self.catalog.texts(name) {
                Ok(texts) => reply
                    .output
                    .extend(texts.into_iter().map(|(path, text)| format!("# {path}\n{text}"))),
                Err(LoadError::NotFound) => reply
                    .errors
                    .push(failed(1, name, &format!("No files found for {name}."))),
                Err(error) => reply.errors.push(failed(1, name, &error.to_string())),
            }
        }
        reply
    }

    fn report(&mut self, name: &str, log_lines: usize) -> UnitReport {
        let mut report = UnitReport {
            id: name.to_owned(),
            description: name.to_owned(),
            unit_file_state: self.catalog.unit_file_state(name).to_owned(),
            need_daemon_reload: self.catalog.is_stale(name),
            active_state: Phase::Dead.active_state().into(),
            sub_state: Phase::Dead.sub_state().into(),
            result: Outcome::Success.as_str().into(),
            log: self.log_tail(name, log_lines),
            ..UnitReport::default()
        };
        match self.catalog.load(name) {
            Ok(loaded) => {
                report.fragment_path = loaded.fragment();
                report.drop_in_paths = loaded.drop_ins();
                match &loaded.unit {
                    Ok(unit) => describe_unit(&mut report, unit),
                    Err(bad) => (report.load_state, report.load_error) = ("bad-setting".into(), bad.to_string()),
                }
            }
            Err(LoadError::Masked) => report.load_state = "masked".into(),
            Err(LoadError::NotFound) => report.load_state = "not-found".into(),
            Err(LoadError::Io(error)) => (report.load_state, report.load_error) = ("error".into(), error.to_string()),
        }
        if let Some(service) = self.services.get(name) {
            describe_service(&mut report, service);
        }
        report
    }

    fn log_tail(&self, name: &str, lines: usize) -> Vec<String> {
        if lines == 0 {
            return Vec::new();
        }
        let text = fs_err::read(self.spawner.log_path(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let all: Vec<&str> = text.lines().collect();
        all.iter()
            .skip(all.len().saturating_sub(lines))
            .map(|line| (*line).to_owned())
            .collect()
    }
}

fn describe_unit(report: &mut UnitReport, unit: &ServiceUnit) {
    report.load_state = "loaded".into();
    report.description.clone_from(&unit.description);
    report.notes.clone_from(&unit.notes);
    report.kind = match unit.kind {
        Kind::Simple => "simple",
        Kind::Exec => "exec",
        Kind::Notify => "notify",
        Kind::Oneshot => "oneshot",
    }
    .into();
    report.restart = match unit.restart {
        Restart::No => "no",
        Restart::Always => "always",
        Restart::OnSuccess => "on-success",
        Restart::OnFailure => "on-failure",
        Restart::OnAbnormal => "on-abnormal",
        Restart::OnAbort => "on-abort",
        Restart::OnWatchdog => "on-watchdog",
    }
    .into();
}

fn describe_service(report: &mut UnitReport, service: &Service) {
    report.active_state = service.phase.active_state().into();
    report.sub_state = service.phase.sub_state().into();
    report.result = service.result.as_str().into();
    report.main_pid = service
        .main
        .map_or(0, |pid| u32::try_from(pid.as_raw_nonzero().get()).unwrap_or_default());
    report.exec_main_pid = service.exec_main_pid;
    (report.exec_main_code, report.exec_main_status) = service.exec_main;
    report.n_restarts = service.restarts;
    report.status_text.clone_from(&service.status_text);
    report.since = service.since;
}

async fn failures(pending: Vec<(String, Pending)>) -> Vec<UnitError> {
    let mut errors = Vec::new();
    for (name, result) in pending {
        match result.await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => errors.push(failed(1, &name, &job_failed(&name, failure))),
            // The supervisor ended: so did all jobs.
            Err(_) => errors.push(failed(1, &name, &job_failed(&name, JobFailure::Canceled))),
        }
    }
    errors
}

fn job_failed(name: &str, failure: JobFailure) -> String {
    let JobFailure::Failed(outcome) = failure else {
        return format!("Job for {name} canceled.");
    };
    let reason = match outcome {
        Outcome::ExitCode => " because the control process exited with error code",
        Outcome::Signal => " because a fatal signal was delivered to the control process",
        Outcome::CoreDump => " because a fatal signal was delivered causing the control process to dump core",
        Outcome::Timeout => " because a timeout was exceeded",
        Outcome::Protocol => " because the service did not take the steps required by its unit configuration",
        Outcome::Resources => " because of unavailable resources or another system error",
        Outcome::StartLimitHit => " because start of the service was attempted too often",
        Outcome::Success => "",
    };
    let mut text = format!("Job for {name} failed{reason}.\nSee \"systemctl status {name}\" for details.");
    if outcome == Outcome::StartLimitHit {
        text += &format!(
            "\nTo force a start use \"systemctl reset-failed {name}\"\nfollowed by \"systemctl start {name}\" again."
        );
    }
    text
}

fn failed(code: i32, unit: &str, text: &str) -> UnitError {
    UnitError {
        unit: unit.to_owned(),
        code,
        text: text.to_owned(),
    }
}

fn stale(name: &str) -> String {
    format!(
        "Warning: The unit file, source configuration file or drop-ins of {name} changed on disk. Run 'systemctl daemon-reload' to reload units."
    )
}
