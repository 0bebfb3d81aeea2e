//! A model with the charm's units in it: what stays from run to run.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use host::SimulatedHost;
use juju::{ApplicationName, Databag, HookContext, Tools, UnitName, env};
use model::{Changes, Event, Exit, Model, Operation, Relation, Reply, Time};
use reactive::{Charm, Parts};
use store::Store;

use crate::transport::{Bench, HostFiles, InProcess, charm_dir};
use crate::{Hook, Outcome, ScenarioError};

type Result<T> = std::result::Result<T, ScenarioError>;

/// No world needs this many operations to come to rest.
const PATIENCE: usize = 10_000;

/// Where reactive keeps flags.
const FLAGS: &str = "reactive.states.";

/// What Juju writes into every unit's bag.
const ADDRESSES: [&str; 3] = ["egress-subnets", "ingress-address", "private-address"];

/// A world that lives on between runs. Made by [`Scenario::settled`](crate::Scenario::settled) or
/// [`Scenario::fresh`](crate::Scenario::fresh).
///
/// One unit is under test; every other unit of the model runs its hooks without effect, unless
/// [`converge`](World::converge) lets all units of the application run the charm.
pub struct World {
    model: Model,
    now: Time,
    charm: Charm,
    unit: UnitName,
    runs: u64,
    resources: BTreeMap<String, String>,
    pub(crate) seats: BTreeMap<UnitName, Seat>,
    /// Whether the scenario wants the unit under test to lead.
    pub(crate) leader: bool,
}

/// What a unit has on its machine.
#[derive(Clone)]
pub(crate) struct Seat {
    host: Rc<SimulatedHost>,
    store: Store,
}

impl Seat {
    pub(crate) fn new(host: Option<Rc<SimulatedHost>>, store: Option<Store>) -> Result<Seat> {
        let store = match store {
            Some(store) => store,
            None => Store::memory().map_err(ScenarioError::harness)?,
        };
        Ok(Seat {
            host: host.unwrap_or_else(|| Rc::new(SimulatedHost::new())),
            store: store.shared_with_juju(),
        })
    }
}

impl World {
    pub(crate) fn new(
        model: Model,
        now: Time,
        charm: Charm,
        unit: UnitName,
        resources: BTreeMap<String, String>,
    ) -> World {
        World {
            model,
            now,
            charm,
            unit,
            runs: 0,
            resources,
            seats: BTreeMap::new(),
            leader: true,
        }
    }

    /// The unit under test.
    pub fn unit(&self) -> &UnitName {
        &self.unit
    }

    /// Puts another unit of the application under test.
    pub fn look_at(&mut self, number: u32) -> Result<()> {
        let unit = UnitName::new(&self.unit.application(), number);
        if self.model.unit(&unit).is_none() {
            return Err(ScenarioError::impossible(format!("there is no unit {unit}")));
        }
        self.unit = unit;
        Ok(())
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The present time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Lets time pass.
    pub fn advance(&mut self, time: Duration) {
        self.now = self
            .now
            .plus_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    }

    /// Moves the clock to a later moment.
    pub(crate) fn wait_until(&mut self, time: Time) {
        self.now = self.now.max(time);
    }

    /// The machine of the unit under test.
    pub fn host(&mut self) -> Result<Rc<SimulatedHost>> {
        let unit = self.unit.clone();
        Ok(self.seat(&unit)?.host)
    }

    /// The kept state of the unit under test.
    pub fn store(&mut self) -> Result<Store> {
        let unit = self.unit.clone();
        Ok(self.seat(&unit)?.store)
    }

    /// Lets something happen: any event that the model takes.
    pub fn apply(&mut self, event: Event) -> Result<Reply> {
        let doing = format!("apply {event:?}");
        self.model
            .apply(self.now, event)
            .map_err(|source| ScenarioError::Refused { doing, source })
    }

    pub(crate) fn apply_for(&mut self, event: Event, doing: impl FnOnce() -> String) -> Result<()> {
        let result = self.model.apply(self.now, event);
        result
            .map(drop)
            .map_err(|source| ScenarioError::Refused { doing: doing(), source })
    }

    /// Sets an option of the application under test.
    pub fn set_config(&mut self, option: &str, value: impl ToString) -> Result<()> {
        let set = BTreeMap::from([(option.to_owned(), value.to_string())]);
        let event = Event::SetConfig {
            application: self.unit.application(),
            set,
            reset: Vec::new(),
        };
        self.apply_for(event, || format!("set option {option:?}"))
    }

    /// Gives the leadership to the unit under test, or to the first other unit.
    pub fn set_leader(&mut self, leads: bool) -> Result<()> {
        let application = self.unit.application();
        let other = self
            .model
            .units_of(&application)
            .map(|unit| &unit.name)
            .find(|unit| **unit != self.unit);
        let Some(unit) = if leads { Some(&self.unit) } else { other }.cloned() else {
            return Err(ScenarioError::impossible(format!(
                "unit {} is the only one that can lead",
                self.unit
            )));
        };
        self.apply_for(Event::SetLeader { unit: unit.clone() }, || {
            format!("make {unit} the leader")
        })
    }

    /// A remote unit (or sibling, for peers) writes to its bag of an endpoint's relation; an empty value deletes.
    pub fn remote_writes<K: Into<String>, V: Into<String>>(
        &mut self,
        endpoint: &str,
        unit: &str,
        settings: impl IntoIterator<Item = (K, V)>,
    ) -> Result<()> {
        let unit: UnitName = unit.parse()?;
        let number = self.relation_number(endpoint, &unit.application())?;
        let bag = settings
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        self.write_unit(&unit, number, &bag)
    }

    /// The leader of a remote application writes to the application's bag; an empty value deletes.
    pub fn remote_application_writes<K: Into<String>, V: Into<String>>(
        &mut self,
        endpoint: &str,
        application: &str,
        settings: impl IntoIterator<Item = (K, V)>,
    ) -> Result<()> {
        let application: ApplicationName = application.parse()?;
        let number = self.relation_number(endpoint, &application)?;
        let bag = settings
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        self.write_application(&application, number, &bag)
    }

    /// Treats the hook that failed as done.
    pub fn resolve(&mut self) -> Result<()> {
        let unit = self.unit.clone();
        self.apply_for(
            Event::Resolve {
                unit: unit.clone(),
                retry: false,
            },
            || format!("resolve {unit}"),
        )
    }

    /// Runs the charm for this hook.
    ///
    /// Hooks that are due before it are taken as done without effect; if none like it is due, something harmless that causes
    /// it happens first: for `config-changed` trust changes, for `update-status` time passes, for `start` the machine
    /// reboots, for a `changed` a remote unit writes and takes back, for a `departed` that unit goes.
    pub fn run(&mut self, hook: impl Into<Hook>) -> Result<Outcome> {
        runtime()?.block_on(self.run_async(hook))
    }

    /// [`World::run`] for tests that have a runtime.
    pub async fn run_async(&mut self, hook: impl Into<Hook>) -> Result<Outcome> {
        let hook = hook.into();
        let operation = self.reach(&hook)?;
        let unit = self.unit.clone();
        self.execute(&unit, operation).await
    }

    /// Runs an action.
    pub fn action(&mut self, name: &str, params: serde_json::Value) -> Result<Outcome> {
        runtime()?.block_on(self.action_async(name, params))
    }

    /// [`World::action`] for tests that have a runtime.
    pub async fn action_async(&mut self, name: &str, params: serde_json::Value) -> Result<Outcome> {
        let unit = self.unit.clone();
        let params = params.as_object().cloned().unwrap_or_default();
        let event = Event::EnqueueAction {
            units: vec![unit.to_string()],
            action: name.to_owned(),
            params,
        };
        let Reply::Enqueued { tasks, failures, .. } = self.apply(event)? else {
            return Err(ScenarioError::harness("the model did not schedule the action"));
        };
        let unreachable = |reason: String| ScenarioError::Unreachable {
            hook: format!("action {name:?}"),
            reason,
        };
        let Some((task, _)) = tasks.first() else {
            return Err(unreachable(failures.join("; ")));
        };
        let wanted = Operation::Action { task: *task };
        for _ in 0..PATIENCE {
            match self.model.next_operation(&unit, self.now) {
                Some(operation) if operation == wanted => return self.execute(&unit, operation).await,
                Some(operation) => self.pass(&unit, operation)?,
                None => break,
            }
        }
        Err(unreachable("the unit does not come to it".to_owned()))
    }

    /// Runs the charm for every hook that is due at the unit under test, until none is.
    pub fn play(&mut self) -> Result<Vec<Outcome>> {
        runtime()?.block_on(self.play_async())
    }

    /// [`World::play`] for tests that have a runtime.
    pub async fn play_async(&mut self) -> Result<Vec<Outcome>> {
        let unit = self.unit.clone();
        self.play_units(&[unit]).await
    }

    /// Runs the charm on every unit of the application, in turns, until nothing is due anywhere.
    pub fn converge(&mut self) -> Result<Vec<Outcome>> {
        runtime()?.block_on(self.converge_async())
    }

    /// [`World::converge`] for tests that have a runtime.
    pub async fn converge_async(&mut self) -> Result<Vec<Outcome>> {
        let application = self.unit.application();
        let units: Vec<UnitName> = self
            .model
            .units_of(&application)
            .map(|unit| unit.name.clone())
            .collect();
        self.play_units(&units).await
    }

    async fn play_units(&mut self, units: &[UnitName]) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        for _ in 0..PATIENCE {
            let due = units
                .iter()
                .find_map(|unit| Some((unit, self.model.next_operation(unit, self.now)?)));
            if let Some((unit, operation)) = due {
                outcomes.push(self.execute(unit, operation).await?);
            } else if !self.step_others(units)? {
                return Ok(outcomes);
            }
        }
        Err(ScenarioError::harness("the model does not come to rest"))
    }

    /// Runs the hooks of all units without effect until none is due; `but` stays where it is.
    pub(crate) fn settle(&mut self, but: Option<&UnitName>) -> Result<()> {
        for _ in 0..PATIENCE {
            if !self.step_others(but.map_or(&[], std::slice::from_ref))? {
                return Ok(());
            }
        }
        Err(ScenarioError::harness("the model does not come to rest"))
    }

    /// A reboot that a unit asked for, or else one operation without effect of a unit that is none of these; false if nothing
    /// is due.
    pub(crate) fn step_others(&mut self, but: &[UnitName]) -> Result<bool> {
        if self.reboot_wanted()? {
            return Ok(true);
        }
        let units: Vec<UnitName> = self.model.units().map(|unit| unit.name.clone()).collect();
        let others = units.iter().filter(|unit| !but.contains(unit));
        let due = others
            .into_iter()
            .find_map(|unit| Some((unit.clone(), self.model.next_operation(unit, self.now)?)));
        let Some((unit, operation)) = due else { return Ok(false) };
        self.pass(&unit, operation)?;
        Ok(true)
    }

    /// An operation that succeeds and does nothing.
    pub(crate) fn pass(&mut self, unit: &UnitName, operation: Operation) -> Result<()> {
        self.commit(unit, operation, Changes::default())
    }

    fn commit(&mut self, unit: &UnitName, operation: Operation, changes: Changes) -> Result<()> {
        let context_id = self.next_id(unit);
        let doing = || format!("run an operation of {unit}");
        let (unit_name, id) = (unit.clone(), context_id.clone());
        self.apply_for(
            Event::OperationStarted {
                unit: unit_name,
                operation,
                context_id: id,
            },
            doing,
        )?;
        let (stdout, stderr) = (Vec::new(), Vec::new());
        let unit = unit.clone();
        let exit = Exit::Code(0);
        self.apply_for(
            Event::OperationFinished {
                unit,
                context_id,
                exit,
                changes,
                stdout,
                stderr,
            },
            || "finish".to_owned(),
        )
    }

    /// A command that does nothing but make these changes.
    pub(crate) fn command(&mut self, unit: &UnitName, changes: Changes) -> Result<()> {
        let event = Event::EnqueueExec {
            units: vec![unit.to_string()],
            command: "true".to_owned(),
        };
        let Reply::Enqueued { tasks, .. } = self.apply(event)? else {
            return Err(ScenarioError::harness("the model did not schedule the command"));
        };
        let Some(task) = tasks.first().map(|(task, _)| *task) else {
            return Err(ScenarioError::impossible(format!("unit {unit} cannot write anything")));
        };
        self.commit(unit, Operation::Exec { task }, changes)?;
        match self.model.task(task).map(|task| task.message.as_str()) {
            Some("") | None => Ok(()),
            Some(message) => Err(ScenarioError::impossible(format!(
                "unit {unit} cannot write this: {message}"
            ))),
        }
    }

    fn next_id(&mut self, unit: &UnitName) -> String {
        self.runs += 1;
        format!("{unit}-run-{:032x}", self.runs)
    }

    fn seat(&mut self, unit: &UnitName) -> Result<Seat> {
        if !self.seats.contains_key(unit) {
            self.seats.insert(unit.clone(), Seat::new(None, None)?);
        }
        self.seats
            .get(unit)
            .cloned()
            .ok_or_else(|| ScenarioError::harness("no seat"))
    }

    /// One run of the charm, from the start of its process to the commit.
    async fn execute(&mut self, unit: &UnitName, operation: Operation) -> Result<Outcome> {
        let seat = self.seat(unit)?;
        let context_id = self.next_id(unit);
        let started = Event::OperationStarted {
            unit: unit.clone(),
            operation: operation.clone(),
            context_id: context_id.clone(),
        };
        self.apply_for(started, || format!("start {operation:?} of {unit}"))?;
        let context = self.model.open_context(unit, &operation, context_id);
        let hook = hook_context(&context.variables(&self.model), unit)?;
        let bench = Rc::new(RefCell::new(Bench {
            model: self.model.clone(),
            context,
            now: self.now,
            files: HostFiles {
                host: Rc::clone(&seat.host),
                resources: self.resources.clone(),
            },
            log: Vec::new(),
            calls: Vec::new(),
            killed: false,
        }));
        let tools = Tools::for_unit(Box::new(InProcess(Rc::clone(&bench))), unit.clone());
        let parts = Parts {
            hook,
            tools,
            host: Rc::clone(&seat.host) as Rc<dyn host::Host>,
            store: seat.store.clone(),
        };
        let result = reactive::dispatch(&self.charm, parts).await;
        let (context, log, calls, killed) = {
            let bench = bench.borrow();
            self.model = bench.model.clone();
            (
                bench.context.clone(),
                bench.log.clone(),
                bench.calls.clone(),
                bench.killed,
            )
        };
        let (exit, stderr) = match &result {
            _ if killed => (Exit::Killed, Vec::new()),
            Ok(_) => (Exit::Code(0), Vec::new()),
            Err(error) => (Exit::Code(1), format!("{error}\n").into_bytes()),
        };
        self.apply_for(context.finish(exit, Vec::new(), stderr), || {
            format!("finish {operation:?} of {unit}")
        })?;
        let (flags, values) = kept(&seat.store)?;
        let record = self.model.unit(unit);
        let refused = record.and_then(|unit| unit.failed_hook()).filter(|_| result.is_ok());
        Ok(Outcome {
            unit: unit.clone(),
            refused: refused.map(|failed| failed.reason.clone()),
            status: record.map_or_else(
                || model::Status::new("terminated", "", self.now),
                |unit| unit.workload.clone(),
            ),
            task: operation.task().and_then(|task| self.model.task(task)).cloned(),
            operation,
            result,
            flags,
            values,
            host: seat.host,
            calls,
            log,
            model: self.model.clone(),
        })
    }

    /// The number of the relation of an endpoint with an application; its own for peers.
    pub(crate) fn relation_number(&self, endpoint: &str, remote: &ApplicationName) -> Result<u32> {
        let own = self.unit.application();
        let mut relations = relations(&self.model, &own, endpoint);
        let found = relations.find(|relation| relation.remote_of(&own).is_some_and(|end| end.application == *remote));
        found.map(|relation| relation.number).ok_or_else(|| {
            ScenarioError::impossible(format!(
                "there is no relation of {endpoint:?} with application {remote}"
            ))
        })
    }
}

/// A runtime for one call. Handlers may use timers and sockets.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ScenarioError::harness)
}

fn hook_context(variables: &BTreeMap<String, String>, unit: &UnitName) -> Result<HookContext> {
    let dir = charm_dir(unit);
    let own = [env::CHARM_DIR, env::CHARM_DIR_OLD].map(|name| (name.to_owned(), dir.clone()));
    let all = variables
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .chain(own);
    HookContext::from_vars(all).map_err(ScenarioError::harness)
}

/// Flags and values as the store keeps them. What the framework keeps beside flags is not shown.
fn kept(store: &Store) -> Result<(BTreeSet<String>, BTreeMap<String, String>)> {
    let flags = store
        .range(FLAGS)
        .map_err(ScenarioError::harness)?
        .into_keys()
        .collect();
    let mut values = store.range("").map_err(ScenarioError::harness)?;
    values.retain(|key, _| !key.starts_with("reactive."));
    Ok((flags, values))
}

/// The relations of an endpoint, by number.
pub(crate) fn relations<'a>(
    model: &'a Model,
    own: &'a ApplicationName,
    endpoint: &'a str,
) -> impl Iterator<Item = &'a Relation> {
    let named = move |relation: &&Relation| {
        relation
            .endpoint_of(own)
            .is_some_and(|end| end.name.as_str() == endpoint)
    };
    model.relations_of(own).filter(named)
}

#[track_caller]
pub(crate) fn unit_bag(model: &Model, unit: &UnitName, endpoint: &str) -> Databag {
    let own = unit.application();
    let Some(relation) = relations(model, &own, endpoint).next() else {
        panic!("no relation of endpoint {endpoint:?}")
    };
    let mut bag = relation
        .units
        .get(unit)
        .map(|member| member.bag.settings.clone())
        .unwrap_or_default();
    bag.retain(|key, _| !ADDRESSES.contains(&key.as_str()));
    bag
}

#[track_caller]
pub(crate) fn application_bag(model: &Model, unit: &UnitName, endpoint: &str) -> Databag {
    let own = unit.application();
    let Some(relation) = relations(model, &own, endpoint).next() else {
        panic!("no relation of endpoint {endpoint:?}")
    };
    relation
        .applications
        .get(&own)
        .map(|bag| bag.settings.clone())
        .unwrap_or_default()
}
