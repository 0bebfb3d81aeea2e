//! The owner of all services of a machine: one task, one event at a time.
//!
//! Events are requests from the socket, messages of services, ends of children (collected on SIGCHLD; orphans come to
//! `minit` as well, since it is their subreaper) and deadlines. What an event does to a service is in [`lifecycle`], what a
//! request asks for in [`requests`].

mod lifecycle;
mod requests;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use super::SERVICE_VARIABLE;
use super::catalog::Catalog;
use super::exec::Spawner;
use super::notify::Message;
use super::processes;
use super::protocol::{Reply, Request};
use super::service::{Ended, Service};
use super::state::StateFile;
use crate::paths::{ENV_MACHINE_ID, ENV_MODEL_UUID, MachinePaths};

/// How long leftovers of a killed `minit` may take to end when asked.
const LEFTOVER_GRACE: Duration = Duration::from_secs(5);
/// The longest sleep of the loop; deadlines come earlier.
const IDLE: Duration = Duration::from_secs(3600);

/// What the supervisor is told from outside.
#[derive(Debug)]
pub(crate) enum Event {
    /// A request and where the reply goes.
    Request(Request, oneshot::Sender<Reply>),
    /// A service spoke at its notify socket.
    Notify {
        unit: String,
        socket: PathBuf,
        message: Message,
    },
}

/// The services of a machine.
#[derive(Debug)]
pub(crate) struct Supervisor {
    machine: MachinePaths,
    catalog: Catalog,
    spawner: Spawner,
    state: StateFile,
    services: BTreeMap<String, Service>,
    /// Our children and the services they belong to.
    children: BTreeMap<i32, String>,
    events: mpsc::UnboundedSender<Event>,
    notify_sockets: u64,
    shutting_down: bool,
}

impl Supervisor {
    pub(crate) fn new(
        machine: &MachinePaths,
        hostname: &str,
        events: mpsc::UnboundedSender<Event>,
    ) -> std::io::Result<Supervisor> {
        Ok(Supervisor {
            machine: machine.clone(),
            catalog: Catalog::new(&machine.root(), hostname),
            spawner: Spawner::new(machine, juju::env::of_process()),
            state: StateFile::open(&machine.dir().join("minit.json"))?,
            services: BTreeMap::new(),
            children: BTreeMap::new(),
            events,
            notify_sockets: 0,
            shutting_down: false,
        })
    }

    /// Starts what should run, then serves events until the machine is shut down.
    pub(crate) async fn run(mut self, mut events: mpsc::UnboundedReceiver<Event>) -> std::io::Result<()> {
        let mut children = signal(SignalKind::child())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        self.stop_leftovers().await;
        self.boot()?;
        while !self.is_finished() {
            let deadline = self.next_deadline();
            tokio::select! {
                _ = children.recv() => self.collect_children(),
                _ = terminate.recv() => self.shut_down(),
                _ = interrupt.recv() => self.shut_down(),
                Some(event) = events.recv() => self.handle(event),
                () = tokio::time::sleep_until(deadline.into()) => self.check_deadlines(),
            }
        }
        self.state.update(|state| {
            state.clean = true;
            state.started.clear();
        })
    }

    /// Ends what a killed `minit` left: nobody would restart or reap it.
    async fn stop_leftovers(&self) {
        let model = self.model();
        let find = || {
            let marks = [(ENV_MODEL_UUID, model.as_str()), (ENV_MACHINE_ID, self.machine.id())];
            let mut found = processes::with_variables(&marks);
            found.retain(|pid| processes::variable(*pid, SERVICE_VARIABLE).is_some());
            found
        };
        let leftovers = find();
        if leftovers.is_empty() {
            return;
        }
        self.remark(
            None,
            &format!("stopping {} leftover process(es) of an earlier init", leftovers.len()),
        );
        processes::signal_all(&leftovers, Signal::TERM);
        let deadline = Instant::now() + LEFTOVER_GRACE;
        while !find().is_empty() {
            if Instant::now() > deadline {
                processes::signal_all(&find(), Signal::KILL);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// After an orderly end: what is enabled. After a kill: what was running.
    fn boot(&mut self) -> std::io::Result<()> {
        let state = self.state.get().clone();
        let names = if state.clean {
            self.catalog.enabled()
        } else {
            state.started
        };
        self.state.update(|state| state.clean = false)?;
        for name in names {
            if let Err(error) = self.start(&name, None) {
                self.remark(Some(&name), &error.text);
            }
        }
        Ok(())
    }

    fn shut_down(&mut self) {
        if self.shutting_down {
            return;
        }
        self.remark(None, "shutting down");
        self.shutting_down = true;
        for name in self.names() {
            self.stop(&name, None);
        }
    }

    fn is_finished(&self) -> bool {
        self.shutting_down && self.services.values().all(|service| service.phase.is_down())
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Request(request, reply) => self.answer(request, reply),
            Event::Notify { unit, socket, message } => self.notified(&unit, &socket, message),
        }
    }

    fn collect_children(&mut self) {
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            let Some(ended) = Ended::from_status(status) else {
                continue;
            };
            if let Some(name) = self.children.remove(&pid.as_raw_nonzero().get()) {
                self.child_ended(&name, pid, ended);
            }
        }
        // An orphan that ended may have been the last that a stopping service waited for.
        for name in self.names() {
            self.check_gone(&name);
        }
    }

    fn next_deadline(&self) -> Instant {
        let deadlines = self.services.values().filter_map(|service| service.deadline);
        deadlines.min().unwrap_or_else(|| Instant::now() + IDLE)
    }

    fn check_deadlines(&mut self) {
        let now = Instant::now();
        for name in self.names() {
            if self
                .services
                .get(&name)
                .and_then(|service| service.deadline)
                .is_some_and(|deadline| deadline <= now)
            {
                self.timed_out(&name);
            }
        }
    }

    fn names(&self) -> Vec<String> {
        self.services.keys().cloned().collect()
    }

    fn model(&self) -> String {
        self.machine.environment().remove(ENV_MODEL_UUID).unwrap_or_default()
    }

    /// The living processes of a service: those that carry its mark and those in its groups.
    fn processes(&self, name: &str) -> Vec<Pid> {
        let model = self.model();
        let mut found = processes::with_variables(&[
            (ENV_MODEL_UUID, &model),
            (ENV_MACHINE_ID, self.machine.id()),
            (SERVICE_VARIABLE, name),
        ]);
        let groups = self
            .services
            .get(name)
            .map(|service| service.groups.clone())
            .unwrap_or_default();
        found.extend(processes::in_groups(&groups));
        found.sort_by_key(|pid| pid.as_raw_nonzero());
        found.dedup();
        found
    }

    /// Writes a line of our own: to the service's log if it is about one, and to `minit`'s.
    fn remark(&self, unit: Option<&str>, text: &str) {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        let time = OffsetDateTime::now_utc().format(format).unwrap_or_default();
        let subject = unit.map(|unit| format!("{unit}: ")).unwrap_or_default();
        let line = format!("{time} minit: {subject}{text}\n");
        // With a full disk there is no place to complain.
        let _ = std::io::stderr().write_all(line.as_bytes());
        if let Some(unit) = unit {
            let log = fs_err::OpenOptions::new()
                .create(true)
                .append(true)
                .open(self.spawner.log_path(unit));
            let _ = log.and_then(|mut log| log.write_all(line.as_bytes()));
        }
    }

    fn remember(&mut self, name: &str, started: bool) {
        let update = self.state.update(|state| {
            if started {
                state.started.insert(name.to_owned());
            } else {
                state.started.remove(name);
            }
        });
        if let Err(error) = update {
            self.remark(Some(name), &format!("cannot save the state: {error}"));
        }
    }
}
