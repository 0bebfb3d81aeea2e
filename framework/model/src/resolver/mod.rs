//! What a unit's agent has to run next: Juju's uniter as a function of the model.

mod relations;
mod schedule;

use juju::UnitName;

use crate::operation::{HookRun, Operation};
use crate::state::{Application, Life, Machine, Model, Unit};
use crate::time::Time;

pub(crate) use schedule::{schedule_update_status, update_status_seed};

/// The endpoint that every application provides without saying so. Its provider runs no hooks.
pub(crate) const IMPLICIT: &str = "juju-info";

/// A unit with what surrounds it.
struct View<'a> {
    model: &'a Model,
    unit: &'a Unit,
    application: &'a Application,
}

impl Model {
    /// What a unit has to run now; nothing while it is running something, or is not able to.
    ///
    /// The order is that of Juju's uniter: what only it can know first (created relations, leadership), then tasks, then the
    /// hook that is queued or has failed, then teardown or the ordinary course of a unit's life.
    pub fn next_operation(&self, name: &UnitName, now: Time) -> Option<Operation> {
        let view = self.view(name)?;
        if !view.can_run() {
            return None;
        }
        if view.is_settled()
            && let Some(hook) = view.before_tasks()
        {
            return Some(Operation::Hook(hook));
        }
        view.task().or_else(|| view.hook(now).map(Operation::Hook))
    }

    /// When `next_operation` may give something new although no event has happened: a retry, or `update-status`.
    pub fn next_deadline(&self) -> Option<Time> {
        let views = self.units.keys().filter_map(|name| self.view(name));
        views.filter(View::can_run).filter_map(|view| view.deadline()).min()
    }

    /// Whether a Dying unit has run everything it has to.
    pub(crate) fn is_torn_down(&self, name: &UnitName) -> bool {
        self.view(name).is_some_and(|view| {
            let idle = view.unit.uniter.running.is_none() && view.is_settled();
            view.unit.life != Life::Alive && idle && view.teardown().is_none()
        })
    }

    /// Whether a unit's charm has been told of a relation, or is about to be.
    pub(crate) fn knows_relation(&self, name: &UnitName, number: u32) -> bool {
        let Some(unit) = self.units.get(name) else { return false };
        let uniter = &unit.uniter;
        let about = |hook: &HookRun| {
            hook.relation
                .as_ref()
                .is_some_and(|run| run.relation.number() == number)
        };
        uniter.relations.get(&number).is_some_and(|local| local.created)
            || uniter.queued.as_ref().is_some_and(about)
            || uniter.failed.as_ref().is_some_and(|failed| about(&failed.hook))
            || uniter
                .running
                .as_ref()
                .and_then(|running| running.operation.hook())
                .is_some_and(about)
    }

    fn view(&self, name: &UnitName) -> Option<View<'_>> {
        let unit = self.units.get(name)?;
        Some(View {
            model: self,
            unit,
            application: self.applications.get(&name.application())?,
        })
    }
}

impl View<'_> {
    fn can_run(&self) -> bool {
        let ready = |machine: &Machine| machine.is_started() && !machine.reboot_wanted;
        self.unit.agent_started
            && self.unit.uniter.running.is_none()
            && self.model.machines.get(&self.unit.machine).is_some_and(ready)
    }

    /// No hook is queued, and none waits to be resolved.
    fn is_settled(&self) -> bool {
        self.unit.uniter.queued.is_none() && self.unit.uniter.failed.is_none()
    }

    /// Hooks that go before tasks.
    fn before_tasks(&self) -> Option<HookRun> {
        let uniter = &self.unit.uniter;
        if !self.unit.life.is_alive() || !uniter.installed {
            return None;
        }
        let start_again = uniter.rebooted.then(|| HookRun::plain("start"));
        start_again
            .or_else(|| self.relation_created())
            .or_else(|| self.leadership())
    }

    fn leadership(&self) -> Option<HookRun> {
        let uniter = &self.unit.uniter;
        if self.model.is_leader(&self.unit.name) {
            return (!uniter.leader).then(|| HookRun::plain("leader-elected"));
        }
        let unseen = uniter.leader_settings_seen != Some(self.application.leader_settings.version);
        (unseen && self.model.has_leader_settings()).then(|| HookRun::plain("leader-settings-changed"))
    }

    /// The oldest task: between hooks once `install` is done, and even while a hook is in error; never before a queued hook.
    fn task(&self) -> Option<Operation> {
        let uniter = &self.unit.uniter;
        if uniter.queued.is_some() || !(uniter.installed || uniter.failed.is_some()) {
            return None;
        }
        let mut pending = self
            .model
            .tasks
            .values()
            .filter(|task| task.unit == self.unit.name && task.is_pending());
        pending.next().map(|task| task.operation())
    }

    fn hook(&self, now: Time) -> Option<HookRun> {
        let uniter = &self.unit.uniter;
        if let Some(hook) = &uniter.queued {
            return Some(hook.clone());
        }
        if let Some(failed) = &uniter.failed {
            return (failed.retry_at <= now).then(|| failed.hook.clone());
        }
        if !self.unit.life.is_alive() {
            return self.teardown();
        }
        if !uniter.installed {
            return Some(HookRun::plain("install"));
        }
        if self.unit.charm_id != self.application.charm_id {
            return Some(HookRun::plain("upgrade-charm"));
        }
        if uniter.config_seen != self.model.config_now(&self.unit.name) {
            return Some(HookRun::plain("config-changed"));
        }
        self.relation_hook().or_else(|| self.update_status(now))
    }

    /// The way out: all relations, then `stop` if it was started, then `remove` if it was installed.
    fn teardown(&self) -> Option<HookRun> {
        let uniter = &self.unit.uniter;
        let stop = (uniter.started && !uniter.stopped).then(|| HookRun::plain("stop"));
        let remove = (uniter.installed && !uniter.removed).then(|| HookRun::plain("remove"));
        self.relation_hook().or(stop).or(remove)
    }

    fn update_status(&self, now: Time) -> Option<HookRun> {
        let due = self.unit.uniter.update_status_at.is_some_and(|at| at <= now);
        due.then(|| HookRun::plain("update-status"))
    }

    fn deadline(&self) -> Option<Time> {
        match &self.unit.uniter.failed {
            Some(failed) => Some(failed.retry_at),
            None => self.unit.uniter.update_status_at.filter(|_| self.unit.life.is_alive()),
        }
    }
}
