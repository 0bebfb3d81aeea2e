//! The driver of the scenarios.

use std::collections::{BTreeMap, VecDeque};

use juju::{ApplicationName, UnitName};
use model::{
    Changes, Edits, Event, Exit, Life, Model, ModelError, NewModel, Operation, RelationChanges, Reply, Time, Unit,
};
use package::{CharmInfo, Parts};

const MOST_STEPS: usize = 5000;

/// A model, a clock, and what every process does when it is run.
pub(crate) struct World {
    pub(crate) model: Model,
    pub(crate) now: Time,
    log: Vec<String>,
    reactions: BTreeMap<(String, String), VecDeque<(Exit, Changes)>>,
    contexts: u64,
}

pub(crate) fn unit(name: &str) -> UnitName {
    UnitName::try_from(name).unwrap()
}

pub(crate) fn app(name: &str) -> ApplicationName {
    ApplicationName::try_from(name).unwrap()
}

/// A server: `db` provided, `cluster` among peers, two options, two actions.
pub(crate) fn server_charm() -> CharmInfo {
    charm(
        "name: server\nsummary: s\ndescription: d\nprovides:\n  db: {interface: etcd}\n  proxy: {interface: etcd-proxy}\n\
         peers:\n  cluster: {interface: etcd}\n",
        Some(
            "options:\n  port: {type: int, default: 2379, description: The port}\n  channel: {type: string}\n  \
             debug: {type: boolean, default: false}\n",
        ),
        Some(
            "health:\n  description: Health\nbackup:\n  params:\n    target: {type: string, default: /tmp}\n    keep: {type: \
             integer}\n  required: [keep]\n  additionalProperties: false\n",
        ),
    )
}

/// A client of it, with one relation at most, and no peers.
pub(crate) fn client_charm() -> CharmInfo {
    charm(
        "name: client\nsummary: s\ndescription: d\nrequires:\n  etcd: {interface: etcd, limit: 1}\n  info: {interface: \
         juju-info}\n",
        None,
        None,
    )
}

pub(crate) fn charm(metadata: &str, config: Option<&str>, actions: Option<&str>) -> CharmInfo {
    let manifest = Some("bases:\n- {name: ubuntu, channel: '22.04', architectures: [amd64]}\n");
    CharmInfo::from_parts(Parts {
        metadata,
        config,
        actions,
        manifest,
        version: None,
    })
    .unwrap()
}

pub(crate) fn deploy_event(charm: CharmInfo, application: &str, units: u32) -> Event {
    let url = format!("local:{}-0", charm.metadata.name);
    let charm_id = format!("{}-id", charm.metadata.name);
    Event::Deploy {
        charm: Box::new(charm),
        url,
        application: app(application),
        units,
        config: BTreeMap::new(),
        charm_id,
    }
}

pub(crate) fn edits(pairs: &[(&str, &str)]) -> Edits {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned())))
        .collect()
}

/// Changes of the unit's bag and the application's bag in one relation.
pub(crate) fn relation_set(relation: u32, unit: &[(&str, &str)], application: &[(&str, &str)]) -> Changes {
    let changes = RelationChanges {
        unit: edits(unit),
        application: edits(application),
    };
    Changes {
        relations: [(relation, changes)].into(),
        ..Changes::default()
    }
}

impl World {
    pub(crate) fn new() -> World {
        World::with_version("3.6.28")
    }

    pub(crate) fn with_version(version: &str) -> World {
        let now = Time(1_700_000_000_000);
        let new = NewModel {
            name: "m".to_owned(),
            uuid: "6cb1f0b4-0000-4000-8000-000000000001".to_owned(),
            controller: "minijuju".to_owned(),
            cloud: "localhost/localhost".to_owned(),
            juju_version: version.to_owned(),
            now,
        };
        World {
            model: Model::new(new),
            now,
            log: Vec::new(),
            reactions: BTreeMap::new(),
            contexts: 0,
        }
    }

    pub(crate) fn apply(&mut self, event: Event) -> Reply {
        self.try_apply(event).unwrap()
    }

    /// Applies an event; if it is refused, checks that nothing has changed.
    pub(crate) fn try_apply(&mut self, event: Event) -> Result<Reply, ModelError> {
        let before = self.model.clone();
        let result = self.model.apply(self.now, event);
        if result.is_err() {
            assert_eq!(self.model, before);
        }
        result
    }

    pub(crate) fn refusal(&mut self, event: Event) -> String {
        self.try_apply(event).unwrap_err().to_string()
    }

    pub(crate) fn deploy(&mut self, charm: CharmInfo, application: &str, units: u32) {
        self.apply(deploy_event(charm, application, units));
    }

    pub(crate) fn integrate(&mut self, a: &str, b: &str) -> u32 {
        match self.apply(Event::Integrate {
            a: a.to_owned(),
            b: b.to_owned(),
        }) {
            Reply::Related(number) => number,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn unit(&self, name: &str) -> &Unit {
        self.model.unit(&unit(name)).unwrap()
    }

    /// What a process will do the next time that it is run; otherwise it exits with 0 and changes nothing.
    pub(crate) fn react(&mut self, unit: &str, name: &str, exit: Exit, changes: Changes) {
        self.reactions
            .entry((unit.to_owned(), name.to_owned()))
            .or_default()
            .push_back((exit, changes));
    }

    /// The hooks run since the last call, as `unit: hook [remote unit]`.
    pub(crate) fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    /// The hooks of one unit since the last call; those of others are dropped.
    pub(crate) fn take_log_of(&mut self, unit: &str) -> Vec<String> {
        let prefix = format!("{unit}: ");
        self.take_log()
            .iter()
            .filter_map(|line| line.strip_prefix(&prefix))
            .map(str::to_owned)
            .collect()
    }

    /// Runs everything that can run now, unit by unit.
    pub(crate) fn settle(&mut self) {
        for _ in 0..MOST_STEPS {
            if !self.step() {
                return;
            }
        }
        panic!(
            "does not come to rest: {:?}",
            &self.log[self.log.len().saturating_sub(20)..]
        );
    }

    pub(crate) fn step(&mut self) -> bool {
        if self.machines() {
            return true;
        }
        let names: Vec<UnitName> = self.model.units().map(|unit| unit.name.clone()).collect();
        names.iter().any(|name| self.step_unit(name))
    }

    /// Starts, reboots and removes machines, and starts agents.
    pub(crate) fn machines(&mut self) -> bool {
        let pending = self
            .model
            .machines()
            .find(|machine| machine.life == Life::Alive && (!machine.is_started() || machine.reboot_wanted));
        if let Some(machine) = pending.map(|machine| machine.number) {
            let (address, hostname) = (format!("10.0.0.{}", machine + 1), format!("juju-{machine}"));
            self.apply(Event::MachineStarted {
                machine,
                address,
                hostname,
            });
            return true;
        }
        let leaving = self
            .model
            .machines()
            .find(|machine| machine.life != Life::Alive)
            .map(|machine| machine.number);
        if let Some(machine) = leaving {
            self.apply(Event::MachineRemoved { machine });
            return true;
        }
        let silent = self
            .model
            .units()
            .find(|unit| !unit.agent_started)
            .map(|unit| unit.name.clone());
        if let Some(unit) = silent {
            self.apply(Event::AgentStarted { unit });
            return true;
        }
        false
    }

    pub(crate) fn step_unit(&mut self, name: &UnitName) -> bool {
        let Some(operation) = self.model.next_operation(name, self.now) else {
            return false;
        };
        let context_id = self.start(name, &operation);
        self.finish(name, &operation, &context_id);
        true
    }

    pub(crate) fn start(&mut self, name: &UnitName, operation: &Operation) -> String {
        self.contexts += 1;
        let context_id = format!("{name}-{}", self.contexts);
        self.log.push(format!("{name}: {}", self.describe(operation)));
        self.now = self.now.plus_millis(100);
        let event = Event::OperationStarted {
            unit: name.clone(),
            operation: operation.clone(),
            context_id: context_id.clone(),
        };
        self.apply(event);
        context_id
    }

    pub(crate) fn finish(&mut self, name: &UnitName, operation: &Operation, context_id: &str) {
        let script = operation
            .hook()
            .map_or_else(|| self.describe(operation), |hook| hook.name.clone());
        let reaction = self
            .reactions
            .get_mut(&(name.to_string(), script))
            .and_then(VecDeque::pop_front);
        let (exit, changes) = reaction.unwrap_or((Exit::Code(0), Changes::default()));
        self.now = self.now.plus_millis(100);
        let context_id = context_id.to_owned();
        let (stdout, stderr) = if operation.task().is_some() {
            (b"out".to_vec(), Vec::new())
        } else {
            Default::default()
        };
        self.apply(Event::OperationFinished {
            unit: name.clone(),
            context_id,
            exit,
            changes,
            stdout,
            stderr,
        });
    }

    fn describe(&self, operation: &Operation) -> String {
        match operation {
            Operation::Hook(hook) => {
                let run = hook.relation.as_ref();
                let remote = run
                    .and_then(|run| run.remote_unit.as_ref())
                    .map(|unit| format!(" {unit}"));
                let leaving = run
                    .and_then(|run| run.departing_unit.as_ref())
                    .map(|unit| format!(" (leaving: {unit})"));
                format!(
                    "{}{}{}",
                    hook.name,
                    remote.unwrap_or_default(),
                    leaving.unwrap_or_default()
                )
            }
            Operation::Action { task } | Operation::Exec { task } => {
                self.model.task(*task).unwrap().kind.name().to_owned()
            }
        }
    }

    /// Lets time pass and runs what is due then.
    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus_seconds(seconds);
        self.settle();
    }
}
