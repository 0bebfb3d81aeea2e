//! One service: its state, and the rules of systemd that decide what an exit means and whether to start again.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitStatus};
use tokio::sync::oneshot;

use super::notify::NotifySocket;
use super::unit_file::{Exec, Restart, ServiceUnit};
use crate::paths::now_ms;

/// A service that was spoken of.
#[derive(Debug)]
pub(crate) struct Service {
    /// The unit as it was at the last start.
    pub(crate) unit: ServiceUnit,
    pub(crate) phase: Phase,
    /// Unix milliseconds of the last change of the active state; 0 = never.
    pub(crate) since: u64,
    /// When the present phase has lasted too long, or a restart is due.
    pub(crate) deadline: Option<Instant>,
    pub(crate) result: Outcome,
    pub(crate) main: Option<Pid>,
    pub(crate) control: Option<Pid>,
    /// Commands of the present phase still to run; the first is the running one.
    pub(crate) queue: VecDeque<Exec>,
    /// The process groups made since the last start.
    pub(crate) groups: BTreeSet<i32>,
    pub(crate) exec_main_pid: u32,
    /// Code and status of the last main process as `waitid` names them.
    pub(crate) exec_main: (i32, i32),
    pub(crate) restarts: u32,
    starts: VecDeque<Instant>,
    /// Somebody asked for it to stop: no automatic restart.
    pub(crate) stop_requested: bool,
    /// Start again once stopped.
    pub(crate) start_again: bool,
    pub(crate) waiters: Vec<(Job, Waiter)>,
    pub(crate) notify: Option<NotifySocket>,
    pub(crate) status_text: String,
}

/// Who waits for a job.
pub(crate) type Waiter = oneshot::Sender<Result<(), JobFailure>>;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    Start,
    Stop,
    Reload,
}

/// Why a job failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobFailure {
    Failed(Outcome),
    Canceled,
}

/// systemd's sub-states of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Dead,
    StartPre,
    Start,
    StartPost,
    Running,
    Exited,
    Reload,
    Stop,
    StopSigterm,
    StopSigkill,
    StopPost,
    FinalSigterm,
    FinalSigkill,
    Failed,
    AutoRestart,
}

impl Phase {
    pub(crate) fn sub_state(self) -> &'static str {
        match self {
            Phase::Dead => "dead",
            Phase::StartPre => "start-pre",
            Phase::Start => "start",
            Phase::StartPost => "start-post",
            Phase::Running => "running",
            Phase::Exited => "exited",
            Phase::Reload => "reload",
            Phase::Stop => "stop",
            Phase::StopSigterm => "stop-sigterm",
            Phase::StopSigkill => "stop-sigkill",
            Phase::StopPost => "stop-post",
            Phase::FinalSigterm => "final-sigterm",
            Phase::FinalSigkill => "final-sigkill",
            Phase::Failed => "failed",
            Phase::AutoRestart => "auto-restart",
        }
    }

    pub(crate) fn active_state(self) -> &'static str {
        match self {
            Phase::Dead => "inactive",
            Phase::Failed => "failed",
            Phase::Running | Phase::Exited => "active",
            Phase::Reload => "reloading",
            Phase::StartPre | Phase::Start | Phase::StartPost | Phase::AutoRestart => "activating",
            _ => "deactivating",
        }
    }

    pub(crate) fn is_starting(self) -> bool {
        matches!(self, Phase::StartPre | Phase::Start | Phase::StartPost)
    }

    pub(crate) fn is_up(self) -> bool {
        matches!(self, Phase::Running | Phase::Exited | Phase::Reload)
    }

    pub(crate) fn is_down(self) -> bool {
        matches!(self, Phase::Dead | Phase::Failed)
    }

    pub(crate) fn is_stopping(self) -> bool {
        self.active_state() == "deactivating"
    }

    /// Only waiting for processes to end.
    pub(crate) fn is_signalling(self) -> bool {
        matches!(
            self,
            Phase::StopSigterm | Phase::StopSigkill | Phase::FinalSigterm | Phase::FinalSigkill
        )
    }
}

/// `Result=`: how the last run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    ExitCode,
    Signal,
    CoreDump,
    Timeout,
    Protocol,
    Resources,
    StartLimitHit,
}

impl Outcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::ExitCode => "exit-code",
            Outcome::Signal => "signal",
            Outcome::CoreDump => "core-dump",
            Outcome::Timeout => "timeout",
            Outcome::Protocol => "protocol",
            Outcome::Resources => "resources",
            Outcome::StartLimitHit => "start-limit-hit",
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Exited(i32),
    Killed { signal: i32, dumped: bool },
}

impl Ended {
    /// `None` if it has not ended but was stopped or continued.
    pub(crate) fn from_status(status: WaitStatus) -> Option<Ended> {
        let core = status.as_raw() & 0x80 != 0;
        let killed = |signal| Ended::Killed { signal, dumped: core };
        status
            .exit_status()
            .map(Ended::Exited)
            .or_else(|| status.terminating_signal().map(killed))
    }

    /// Code and status as in `siginfo`.
    pub(crate) fn code_and_status(self) -> (i32, i32) {
        match self {
            Ended::Exited(status) => (1, status),
            Ended::Killed { signal, dumped } => (if dumped { 3 } else { 2 }, signal),
        }
    }

    /// What the end of the main process means: exit 0 and the polite signals are clean, and what the unit declares so.
    pub(crate) fn of_main(self, unit: &ServiceUnit) -> Outcome {
        const POLITE: [i32; 4] = [1, 2, 13, 15];
        match self {
            Ended::Exited(status) if status == 0 || unit.success_statuses.contains(&status) => Outcome::Success,
            Ended::Killed { signal, .. } if POLITE.contains(&signal) || unit.success_statuses.contains(&-signal) => {
                Outcome::Success
            }
            other => other.of_control(),
        }
    }

    /// What the end of any other command means: only exit 0 is clean.
    pub(crate) fn of_control(self) -> Outcome {
        match self {
            Ended::Exited(0) => Outcome::Success,
            Ended::Exited(_) => Outcome::ExitCode,
            Ended::Killed { dumped: true, .. } => Outcome::CoreDump,
            Ended::Killed { .. } => Outcome::Signal,
        }
    }
}

impl Service {
    pub(crate) fn new(unit: ServiceUnit) -> Service {
        Service {
            unit,
            phase: Phase::Dead,
            since: 0,
            deadline: None,
            result: Outcome::Success,
            main: None,
            control: None,
            queue: VecDeque::new(),
            groups: BTreeSet::new(),
            exec_main_pid: 0,
            exec_main: (0, 0),
            restarts: 0,
            starts: VecDeque::new(),
            stop_requested: false,
            start_again: false,
            waiters: Vec::new(),
            notify: None,
            status_text: String::new(),
        }
    }

    /// Goes to a phase, which may last `limit`.
    pub(crate) fn enter(&mut self, phase: Phase, limit: Option<Duration>) {
        if phase.active_state() != self.phase.active_state() {
            self.since = now_ms();
        }
        self.phase = phase;
        self.deadline = limit.map(|limit| Instant::now() + limit);
    }

    /// The first thing that went wrong is the result.
    pub(crate) fn fail(&mut self, outcome: Outcome) {
        if self.result == Outcome::Success {
            self.result = outcome;
        }
    }

    /// Counts a start; false: there were too many lately.
    pub(crate) fn may_start(&mut self, now: Instant) -> bool {
        let (interval, burst) = self.unit.start_limit;
        if interval.is_zero() || burst == 0 {
            return true;
        }
        self.starts.retain(|start| now.duration_since(*start) < interval);
        if self.starts.len() >= usize::try_from(burst).unwrap_or(usize::MAX) {
            return false;
        }
        self.starts.push_back(now);
        true
    }

    /// Forgets failure and counters.
    pub(crate) fn reset_failed(&mut self) {
        self.starts.clear();
        self.restarts = 0;
        self.result = Outcome::Success;
        if self.phase == Phase::Failed {
            self.enter(Phase::Dead, None);
        }
    }

    /// Is it to be started again by itself, now that it has ended with the present result?
    pub(crate) fn wants_restart(&self) -> bool {
        let (code, status) = self.exec_main;
        let marker = if code == 1 { status } else { -status };
        if self.stop_requested || (code != 0 && self.unit.restart_prevent_statuses.contains(&marker)) {
            return false;
        }
        let abnormal = matches!(self.result, Outcome::Signal | Outcome::CoreDump | Outcome::Timeout);
        match self.unit.restart {
            Restart::No | Restart::OnWatchdog => false,
            Restart::Always => true,
            Restart::OnSuccess => self.result == Outcome::Success,
            Restart::OnFailure => self.result != Outcome::Success,
            Restart::OnAbnormal => abnormal,
            Restart::OnAbort => matches!(self.result, Outcome::Signal | Outcome::CoreDump),
        }
    }

    /// Tells those who wait for jobs of one kind.
    pub(crate) fn finish(&mut self, job: Job, result: Result<(), JobFailure>) {
        let (done, rest) = std::mem::take(&mut self.waiters)
            .into_iter()
            .partition(|(waiting, _)| *waiting == job);
        self.waiters = rest;
        let done: Vec<(Job, Waiter)> = done;
        for (_, waiter) in done {
            // Who went away needs no answer.
            let _ = waiter.send(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::unit_file;
    use super::*;

    fn service(settings: &str) -> Service {
        let text = format!("[Service]\nExecStart=/bin/a\n{settings}");
        Service::new(unit_file::parse("a.service", &[&text], "host").unwrap())
    }

    #[test]
    fn only_polite_ends_are_clean() {
        let service = service("SuccessExitStatus=143 KILL");
        let killed = |signal| Ended::Killed { signal, dumped: false };
        for (ended, outcome) in [
            (Ended::Exited(0), Outcome::Success),
            (Ended::Exited(1), Outcome::ExitCode),
            (Ended::Exited(143), Outcome::Success),
            (killed(15), Outcome::Success),
            (killed(9), Outcome::Success),
            (killed(10), Outcome::Signal),
            (
                Ended::Killed {
                    signal: 6,
                    dumped: true,
                },
                Outcome::CoreDump,
            ),
        ] {
            assert_eq!(ended.of_main(&service.unit), outcome, "{ended:?}");
        }
        assert_eq!(killed(15).of_control(), Outcome::Signal);
    }

    #[test]
    fn restart_follows_the_table_of_systemd() {
        use Outcome::{ExitCode, Signal, Success, Timeout};
        for (policy, restarts) in [
            ("no", vec![]),
            ("always", vec![Success, ExitCode, Signal, Timeout]),
            ("on-success", vec![Success]),
            ("on-failure", vec![ExitCode, Signal, Timeout]),
            ("on-abnormal", vec![Signal, Timeout]),
            ("on-abort", vec![Signal]),
        ] {
            for result in [Success, ExitCode, Signal, Timeout] {
                let mut service = service(&format!("Restart={policy}"));
                service.result = result;
                assert_eq!(
                    service.wants_restart(),
                    restarts.contains(&result),
                    "{policy} {result:?}"
                );
                service.stop_requested = true;
                assert!(!service.wants_restart());
            }
        }
        let mut prevented = service("Restart=always\nRestartPreventExitStatus=3 KILL");
        for (exec_main, restart) in [((1, 3), false), ((2, 9), false), ((1, 9), true), ((2, 3), true)] {
            prevented.exec_main = exec_main;
            assert_eq!(prevented.wants_restart(), restart, "{exec_main:?}");
        }
    }

    #[test]
    fn starts_are_limited_in_an_interval() {
        let mut service = service("StartLimitBurst=2\nStartLimitIntervalSec=10");
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(
            [0, 1, 2, 11, 12].map(|second| service.may_start(at(second))),
            [true, true, false, true, true]
        );
        service.reset_failed();
        assert!(service.may_start(at(12)));
    }
}
