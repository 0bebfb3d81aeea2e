//! The one owner of the model: every message passes here, every event is journalled here, and after each the world is
//! compared with the model.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use juju::UnitName;
use model::{Event, Life, Model, ModelError, NewModel, Reply, Time};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::agents::Run;
use super::faults::Faults;
use super::log::ModelLog;
use super::machines::Machines;
use super::waits::Waiter;
use super::{DaemonError, JUJU_VERSION, Message, Programs, note, store};
use crate::journal::{Journal, JournalError};
use crate::paths::{ENV_MODEL_UUID, ModelPaths, now_ms};
use crate::protocol::{Answer, Level};

/// The journal is replaced by a snapshot after so many events.
const SNAPSHOT_EVERY: usize = 1000;
/// What could not be done is tried again after so long.
pub(crate) const RETRY: Duration = Duration::from_secs(5);

/// An entry of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Recorded {
    at: Time,
    event: Event,
}

/// An event was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// The model refused it.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It could not be made durable.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The state of the daemon.
#[derive(Debug)]
pub(crate) struct Controller {
    pub(crate) paths: ModelPaths,
    pub(crate) programs: Programs,
    pub(crate) model: Model,
    journal: Journal<Model, Recorded>,
    pub(crate) log: Rc<RefCell<ModelLog>>,
    pub(crate) to_self: UnboundedSender<Message>,
    pub(crate) machines: Machines,
    /// What is running now, by unit.
    pub(crate) running: BTreeMap<UnitName, Run>,
    /// Units whose charm is being unpacked.
    pub(crate) unpacking: BTreeSet<UnitName>,
    /// Units that could not be helped, until when.
    pub(crate) resting: BTreeMap<UnitName, Instant>,
    pub(crate) waiters: Vec<Waiter>,
    pub(crate) faults: Faults,
    pub(crate) ending: Option<Ending>,
    /// The moment of the present round: what is due is decided once a round, or a deadline could fall between two looks.
    pub(crate) now: Instant,
}

/// How the daemon ends.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Machines and state stay.
    Stop { answers: Option<UnboundedSender<Answer>> },
    /// Nothing stays; those who asked are told.
    Destroy { answers: Vec<UnboundedSender<Answer>> },
}

impl Controller {
    /// Reads the journal, or begins it, and clears up after a predecessor that was killed.
    pub(crate) fn load(
        paths: ModelPaths,
        programs: Programs,
        log: Rc<RefCell<ModelLog>>,
        to_self: UnboundedSender<Message>,
    ) -> Result<Controller, DaemonError> {
        let (mut journal, loaded) = Journal::<Model, Recorded>::open(&paths.journal(), &paths.snapshot())?;
        let mut model = match loaded.snapshot {
            Some(model) => model,
            None => {
                let model = new_model(&paths);
                journal.compact(&model)?;
                model
            }
        };
        let replayed = loaded.events.len();
        for Recorded { at, event } in loaded.events {
            model.apply(at, event)?;
        }
        note(&format!(
            "daemon {} of model {} started, {replayed} events replayed",
            std::process::id(),
            paths.name()
        ));
        store::sweep(&paths)?;
        let mut this = Controller {
            paths,
            programs,
            model,
            journal,
            log,
            to_self,
            machines: Machines::default(),
            running: BTreeMap::new(),
            unpacking: BTreeSet::new(),
            resting: BTreeMap::new(),
            waiters: Vec::new(),
            faults: Faults::default(),
            ending: None,
            now: Instant::now(),
        };
        this.recover()?;
        Ok(this)
    }

    /// Ends the hooks of a killed predecessor and tells the model that they run no more.
    fn recover(&mut self) -> Result<(), DaemonError> {
        for context in self
            .model
            .units()
            .filter_map(|unit| unit.running())
            .map(|running| &running.context_id)
        {
            let marks = [
                (ENV_MODEL_UUID, self.paths.uuid()),
                ("JUJU_CONTEXT_ID", context.as_str()),
            ];
            if !super::processes::end_all(&marks, Duration::ZERO) {
                note(&format!("some processes of {context} cannot be killed"));
            }
        }
        if self.model.units().next().is_some() {
            self.apply(Event::AgentRestarted).map_err(|error| match error {
                ApplyError::Model(error) => DaemonError::Replay(error),
                ApplyError::Journal(error) => DaemonError::Journal(error),
            })?;
        }
        Ok(())
    }

    /// Works until the daemon has to end, and ends it.
    pub(crate) async fn run(mut self, mut messages: UnboundedReceiver<Message>) {
        let mut changed = true;
        loop {
            if changed {
                self.reconcile();
            }
            if self.ending.is_some() {
                break;
            }
            let message = tokio::select! {
                message = messages.recv() => message,
                () = tokio::time::sleep(self.until_wakeup()) => None,
            };
            changed = message.is_none_or(|message| self.handle(message));
        }
        self.end();
    }

    /// Deals with a message; false if nothing can follow from it.
    fn handle(&mut self, message: Message) -> bool {
        match message {
            Message::Tool(request) => return self.tool_call(request),
            Message::Request { request, answers } => self.request(request, answers),
            Message::Ended {
                unit,
                context_id,
                result,
            } => self.operation_ended(&unit, &context_id, result),
            Message::MachineReady { number, result } => self.machine_ready(number, result),
            Message::MachineGone { number, result } => self.machine_gone(number, result),
            Message::CharmReady { unit, result } => self.charm_ready(&unit, result),
            Message::CharmStored { order, result, answers } => self.charm_stored(order, *result, &answers),
            Message::Terminate => self.ending = Some(Ending::Stop { answers: None }),
        }
        true
    }

    /// The only way to change the model: applied, then on disk, and only then may anything follow from it.
    pub(crate) fn apply(&mut self, event: Event) -> Result<Reply, ApplyError> {
        if self.journal.is_closed() {
            return Err(JournalError::Closed(self.paths.journal()).into());
        }
        let at = Time(now_ms());
        let reply = self.model.apply(at, event.clone())?;
        if let Err(error) = self.journal.append(&Recorded { at, event }) {
            // The model in memory is ahead of the disk by this event; the closed journal keeps it from being acted upon.
            note(&error.to_string());
            return Err(error.into());
        }
        if self.journal.since_snapshot() >= SNAPSHOT_EVERY
            && let Err(error) = self.journal.compact(&self.model)
        {
            note(&format!("no snapshot was made: {error}"));
        }
        Ok(reply)
    }

    /// Applies news from the world. The model may have moved on meanwhile; then the news is of no interest.
    pub(crate) fn report(&mut self, event: Event) {
        if let Err(error) = self.apply(event) {
            note(&format!("event not applied: {error}"));
        }
    }

    /// Starts whatever the model wants and the world does not have. Without a journal nothing may be started.
    fn reconcile(&mut self) {
        self.now = Instant::now();
        if !self.journal.is_closed() {
            self.reconcile_machines();
            self.reconcile_units();
            self.kill_unwanted_runs();
            self.start_operations();
            if self.model.life() == Life::Dead {
                self.destroy_when_empty();
            }
        }
        self.check_waiters();
    }

    /// How long nothing needs to be done unless a message comes.
    fn until_wakeup(&self) -> Duration {
        let model = self.model.next_deadline().map(|at| {
            // What is overdue now waits for something else, which will come as a message; a second is only for safety.
            let left = at.0.saturating_sub(now_ms());
            if left == 0 {
                Duration::from_secs(1)
            } else {
                Duration::from_millis(left)
            }
        });
        let waiters = self.waiters.iter().filter_map(|waiter| waiter.deadline());
        let others = waiters
            .chain(self.resting.values().copied())
            .chain(self.machines.retries());
        let others = others
            .filter(|at| *at > self.now)
            .map(|at| at.saturating_duration_since(Instant::now()))
            .min();
        let wakeup = model
            .into_iter()
            .chain(others)
            .min()
            .unwrap_or(Duration::from_secs(3600));
        // Rounded up, or the last millisecond before a deadline would be spent in circles.
        wakeup + Duration::from_millis(1)
    }

    /// Adds a record to the model's log.
    pub(crate) fn log(&self, entity: &str, level: Level, module: &str, message: &str) {
        self.log.borrow_mut().write(entity, level, module, message);
    }

    /// Is the journal beyond use?
    pub(crate) fn is_closed(&self) -> bool {
        self.journal.is_closed()
    }
}

fn new_model(paths: &ModelPaths) -> Model {
    Model::new(NewModel {
        name: paths.name().to_owned(),
        uuid: paths.uuid().to_owned(),
        controller: "minijuju".to_owned(),
        cloud: "localhost".to_owned(),
        juju_version: JUJU_VERSION.to_owned(),
        now: Time(paths.file().created_ms),
    })
}
