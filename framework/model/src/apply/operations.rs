//! Hooks, actions and commands: what their start and their end do to the model.

use juju::UnitName;

use crate::changes::Changes;
use crate::error::ModelError;
use crate::event::{Exit, Reply};
use crate::operation::{HookRun, Operation, RelationRun, RelationStage};
use crate::resolver;
use crate::state::{ConfigSeen, FailedHook, LocalRelation, Model, Running, Seen, Status, TaskStatus, Unit};
use crate::time::Time;

const RETRY_FIRST: u64 = 5;
const RETRY_LONGEST: u64 = 300;

/// How a run ended: the fields of [`Event::OperationFinished`](crate::Event::OperationFinished).
pub(super) struct Outcome {
    pub(super) exit: Exit,
    pub(super) changes: Changes,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

impl Model {
    /// The agent starts its next operation.
    pub(super) fn operation_started(
        &mut self,
        at: Time,
        name: &UnitName,
        operation: Operation,
        context_id: String,
    ) -> Result<Reply, ModelError> {
        if !self.units.contains_key(name) {
            return Err(ModelError::no_unit(name));
        }
        if self.next_operation(name, at).as_ref() != Some(&operation) {
            return Err(ModelError::NotNext {
                unit: name.clone(),
                what: self.describe(&operation),
            });
        }
        match &operation {
            Operation::Hook(hook) => self.prepare_hook(at, name, hook),
            Operation::Action { task } | Operation::Exec { task } => self.task_started(at, *task),
        }
        let seen = operation.hook().map_or(Seen::Nothing, |hook| self.seen_by(name, hook));
        let executing = self
            .executing_status(&operation)
            .map(|message| Status::new("executing", message, at));
        if let Some(unit) = self.units.get_mut(name) {
            unit.agent = executing.unwrap_or_else(|| unit.agent.clone());
            unit.uniter.running = Some(Running {
                operation,
                context_id,
                since: at,
                seen,
                reboot_now: false,
            });
        }
        Ok(Reply::Done)
    }

    /// What was started has ended.
    pub(super) fn operation_finished(
        &mut self,
        at: Time,
        name: &UnitName,
        context_id: &str,
        outcome: Outcome,
    ) -> Result<Reply, ModelError> {
        let unit = self.units.get_mut(name).ok_or_else(|| ModelError::no_unit(name))?;
        let running = unit.uniter.running.take_if(|running| running.context_id == context_id);
        let running = running.ok_or_else(|| ModelError::NotRunning {
            unit: name.clone(),
            context_id: context_id.to_owned(),
        })?;
        match running.operation {
            Operation::Hook(hook) => self.hook_finished(at, name, hook, running.seen, running.reboot_now, outcome),
            Operation::Action { task } | Operation::Exec { task } => self.task_finished(at, name, task, outcome),
        }
        self.set_agent_idle(at, name);
        Ok(Reply::Done)
    }

    /// `juju resolve`.
    pub(super) fn resolve(&mut self, at: Time, name: &UnitName, retry: bool) -> Result<Reply, ModelError> {
        let unit = self.units.get_mut(name).ok_or_else(|| ModelError::no_unit(name))?;
        let idle = unit.uniter.running.is_none();
        let failed = unit.uniter.failed.as_mut().filter(|_| idle);
        let failed = failed.ok_or_else(|| ModelError::NotInError(name.clone()))?;
        failed.retry_at = at;
        if !retry {
            self.give_up_failed_hook(at, name);
        }
        Ok(Reply::Done)
    }

    fn hook_finished(
        &mut self,
        at: Time,
        name: &UnitName,
        hook: HookRun,
        seen: Seen,
        reboot_now: bool,
        outcome: Outcome,
    ) {
        match outcome.exit {
            Exit::Killed => {
                self.requeue(name, hook);
                if reboot_now {
                    self.want_reboot(name);
                }
            }
            Exit::MissingScript => self.hook_done(at, name, &hook, seen),
            Exit::Code(0) => match self.check_changes(name, &outcome.changes) {
                Ok(()) => {
                    self.refresh_addresses(name, &hook, &seen);
                    self.commit(name, &outcome.changes);
                    self.hook_done(at, name, &hook, seen);
                }
                Err(reason) => self.hook_failed_or_forced(at, name, hook, seen, reason),
            },
            Exit::Code(code) => self.hook_failed_or_forced(at, name, hook, seen, format!("exit status {code}")),
        }
    }

    /// Forced removal goes on although a hook fails.
    fn hook_failed_or_forced(&mut self, at: Time, name: &UnitName, hook: HookRun, seen: Seen, reason: String) {
        if self.units.get(name).is_some_and(|unit| unit.force) {
            self.hook_done(at, name, &hook, seen);
        } else {
            self.hook_failed(at, name, hook, reason);
        }
    }

    /// Keeps a failed hook for its next attempt: after 5 s, then twice as long each time, up to 5 min.
    pub(super) fn hook_failed(&mut self, at: Time, name: &UnitName, hook: HookRun, reason: String) {
        let Some(unit) = self.units.get_mut(name) else { return };
        let failures = unit
            .uniter
            .failed
            .as_ref()
            .map_or(0, |failed| failed.failures)
            .saturating_add(1);
        let doublings = failures.saturating_sub(1).min(6);
        let wait = (RETRY_FIRST << doublings).min(RETRY_LONGEST);
        unit.uniter.failed = Some(FailedHook {
            hook,
            failures,
            at,
            retry_at: at.plus_seconds(wait),
            reason,
        });
    }

    /// Runs a hook again as the next thing, without an error.
    pub(super) fn requeue(&mut self, name: &UnitName, hook: HookRun) {
        if let Some(unit) = self.units.get_mut(name) {
            unit.uniter.failed = None;
            unit.uniter.queued = Some(hook);
        }
    }

    pub(super) fn want_reboot(&mut self, name: &UnitName) {
        let number = self.units.get(name).map(|unit| unit.machine);
        if let Some(machine) = number.and_then(|number| self.machines.get_mut(&number)) {
            machine.reboot_wanted = true;
        }
    }

    /// What a hook changes before its process starts: scopes, what the charm is told of members, statuses.
    fn prepare_hook(&mut self, at: Time, name: &UnitName, hook: &HookRun) {
        if hook
            .relation
            .as_ref()
            .is_some_and(|run| run.stage == RelationStage::Created)
        {
            self.enter_all_scopes(name);
        }
        let charm_id = self
            .applications
            .get(&name.application())
            .map(|application| application.charm_id.clone());
        let Some(unit) = self.units.get_mut(name) else { return };
        unit.uniter.queued = None;
        match hook.name.as_str() {
            "install" if !unit.workload_set => {
                unit.workload = Status::new("maintenance", "installing charm software", at);
            }
            "leader-elected" => unit.uniter.leader = true,
            "stop" => unit.workload = Status::new("maintenance", "stopping charm software", at),
            "remove" => unit.workload = Status::new("maintenance", "cleaning up prior to charm deletion", at),
            "upgrade-charm" => unit.charm_id = charm_id.unwrap_or_default(),
            _ => {}
        }
        if let Some(run) = &hook.relation {
            prepare_members(unit, run);
        }
    }

    /// A unit enters all its Alive relations at once, when it is about to be told of the first.
    fn enter_all_scopes(&mut self, name: &UnitName) {
        let application = name.application();
        let entering: Vec<u32> = self
            .relations_of(&application)
            .filter(|relation| relation.life.is_alive() && !relation.in_scope(name))
            .map(|relation| relation.number)
            .collect();
        for relation in entering {
            self.enter_scope(name, relation);
        }
    }

    /// What the charm gets to see in a hook that starts now.
    pub(super) fn seen_by(&self, name: &UnitName, hook: &HookRun) -> Seen {
        let application = self.applications.get(&name.application());
        match (&hook.relation, hook.name.as_str(), application) {
            (None, "config-changed", Some(_)) => self.config_now(name).map_or(Seen::Nothing, Seen::Config),
            (None, "leader-settings-changed", Some(application)) => {
                Seen::LeaderSettings(application.leader_settings.version)
            }
            (Some(run), _, _) if run.stage == RelationStage::Changed => Seen::Bag(self.bag_version(run)),
            _ => Seen::Nothing,
        }
    }

    /// What `config-changed` would show now.
    pub(crate) fn config_now(&self, name: &UnitName) -> Option<ConfigSeen> {
        let application = self.applications.get(&name.application())?;
        let address = self.machine_of(name).and_then(|machine| machine.address.clone());
        Some(ConfigSeen {
            config: application.config(),
            trust: application.trust,
            address,
        })
    }

    fn bag_version(&self, run: &RelationRun) -> u64 {
        let Some(relation) = self.relations.get(&run.relation.number()) else {
            return 0;
        };
        match &run.remote_unit {
            Some(unit) => relation.units.get(unit).map_or(0, |member| member.bag.version),
            None => relation
                .applications
                .get(&run.remote_application)
                .map_or(0, |bag| bag.version),
        }
    }

    /// What a hook changes once it is over: what the charm has been told, and which hook must follow directly.
    pub(super) fn hook_done(&mut self, at: Time, name: &UnitName, hook: &HookRun, seen: Seen) {
        let seed = resolver::update_status_seed(&self.uuid, name);
        let Some(unit) = self.units.get_mut(name) else { return };
        let uniter = &mut unit.uniter;
        uniter.failed = None;
        match (hook.name.as_str(), seen) {
            ("install", _) => uniter.installed = true,
            ("config-changed", Seen::Config(config)) => {
                uniter.config_seen = Some(config);
                uniter.queued = (!uniter.started).then(|| HookRun::plain("start"));
            }
            ("leader-settings-changed", Seen::LeaderSettings(version)) => uniter.leader_settings_seen = Some(version),
            ("upgrade-charm", _) => uniter.queued = Some(HookRun::plain("config-changed")),
            ("start", _) => {
                uniter.started = true;
                uniter.rebooted = false;
                if !unit.workload_set {
                    unit.workload = Status::new("unknown", "", at);
                }
            }
            ("stop", _) => {
                uniter.stopped = true;
                unit.workload = Status::new("maintenance", "", at);
            }
            ("remove", _) => {
                uniter.removed = true;
                unit.workload = Status::new("terminated", "", at);
            }
            (_, seen) => {
                if let Some(run) = &hook.relation {
                    let local = uniter.relations.entry(run.relation.number()).or_default();
                    relation_hook_done(local, run, &seen);
                }
            }
        }
        resolver::schedule_update_status(&mut unit.uniter, at, seed);
        if let Some(run) = hook.relation.as_ref().filter(|run| run.stage == RelationStage::Broken) {
            self.leave_scope(name, run.relation.number());
        }
    }

    pub(super) fn set_agent_idle(&mut self, at: Time, name: &UnitName) {
        if let Some(unit) = self
            .units
            .get_mut(name)
            .filter(|unit| unit.agent.current == "executing")
        {
            unit.agent = Status::new("idle", "", at);
        }
    }

    /// The message of the `executing` status; none for `update-status`, which is not shown.
    fn executing_status(&self, operation: &Operation) -> Option<String> {
        match operation {
            Operation::Hook(hook) if hook.name == "update-status" => None,
            _ => Some(format!("running {}", self.describe(operation))),
        }
    }

    fn describe(&self, operation: &Operation) -> String {
        match operation {
            Operation::Hook(hook) => match hook.relation.as_ref().and_then(|run| run.remote_unit.as_ref()) {
                Some(unit) => format!("{} hook for {unit}", hook.name),
                None => format!("{} hook", hook.name),
            },
            Operation::Action { task } | Operation::Exec { task } => {
                let name = self.tasks.get(task).map_or("unknown", |task| task.kind.name());
                format!("action {name}")
            }
        }
    }

    fn task_started(&mut self, at: Time, id: u64) {
        if let Some(task) = self.tasks.get_mut(&id) {
            task.status = TaskStatus::Running;
            task.started = Some(at);
        }
    }
}

/// In `joined` the remote unit is a member already, in `departed` no longer.
fn prepare_members(unit: &mut Unit, run: &RelationRun) {
    let local = unit.uniter.relations.entry(run.relation.number()).or_default();
    match (&run.remote_unit, run.stage) {
        (Some(remote), RelationStage::Joined) => {
            local.members.entry(remote.clone()).or_insert(0);
        }
        (Some(remote), RelationStage::Departed) => {
            local.members.remove(remote);
        }
        _ => {}
    }
}

fn relation_hook_done(local: &mut LocalRelation, run: &RelationRun, seen: &Seen) {
    match (run.stage, &run.remote_unit, seen) {
        (RelationStage::Created, ..) => local.created = true,
        (RelationStage::Joined, Some(remote), _) => local.changed_pending = Some(remote.clone()),
        (RelationStage::Changed, Some(remote), Seen::Bag(version)) => {
            local.changed_pending.take_if(|pending| pending == remote);
            if let Some(known) = local.members.get_mut(remote) {
                *known = *version;
            }
        }
        (RelationStage::Changed, None, Seen::Bag(version)) => local.application_version = *version,
        (RelationStage::Broken, ..) => local.broken = true,
        _ => {}
    }
}
