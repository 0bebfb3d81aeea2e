//! A model in memory for the layer's tests: units with simulated machines, one simulated etcd world, and a Juju that keeps
//! bags, leadership and goal state. Any hook can be killed between two of its effects, as by SIGKILL.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "each test uses a part of it"
)]

pub(crate) mod juju;
pub(crate) mod machine;
pub(crate) mod tls;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::rc::Rc;

use charm::juju::{HookContext, Tools};
use charm::reactive::{Charm, Parts, Report, dispatch};
use charm::store::Store;
use layer_etcd::etcd::simulated::Simulated;
use layer_etcd::etcd::{EtcdPort, Member};

use juju::{Juju, Shared, Unit};
use machine::Machine;

/// What a killed hook unwinds with.
struct Killed;

/// Counts effects, and kills at one of them.
#[derive(Clone, Default)]
pub(crate) struct Fuse {
    count: Rc<Cell<u64>>,
    blow_at: Rc<Cell<Option<u64>>>,
}

impl Fuse {
    /// One effect is about to happen.
    pub(crate) fn tick(&self) {
        self.count.set(self.count.get() + 1);
        if self.blow_at.get() == Some(self.count.get()) {
            panic_any(Killed);
        }
    }

    /// Kills at this effect, counted from the beginning of the world.
    pub(crate) fn blow_at(&self, effect: u64) {
        self.blow_at.set(Some(effect));
    }

    /// Whether it has killed since there were so many effects.
    fn has_blown(&self, before: u64) -> bool {
        self.blow_at
            .get()
            .is_some_and(|at| before < at && at <= self.count.get())
    }

    /// How many effects there were.
    pub(crate) fn count(&self) -> u64 {
        self.count.get()
    }
}

/// The model.
pub(crate) struct World {
    pub(crate) juju: Shared,
    pub(crate) etcd: Simulated,
    pub(crate) fuse: Fuse,
    pub(crate) killed: u32,
    /// The tools that the last hook asked.
    pub(crate) calls: Vec<String>,
    charm: Charm,
    runtime: tokio::runtime::Runtime,
    machines: BTreeMap<u32, Machine>,
    stores: BTreeMap<u32, Store>,
    hooks: u64,
}

impl World {
    /// A model with so many units, related to an authority; unit 0 leads.
    pub(crate) fn new(units: u32) -> World {
        let (etcd, fuse) = (Simulated::new(), Fuse::default());
        let port = EtcdPort::new(machine::Fused(etcd.clone(), fuse.clone()));
        let mut world = World {
            charm: Charm::builder("etcd")
                .layer(layer_etcd::layer())
                .port(port)
                .build()
                .unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            juju: Rc::new(RefCell::new(Juju::default())),
            etcd,
            fuse,
            killed: 0,
            calls: Vec::new(),
            machines: BTreeMap::new(),
            stores: BTreeMap::new(),
            hooks: 0,
        };
        world.add_units(units);
        world
    }

    /// Adds units, none of which has run a hook.
    pub(crate) fn add_units(&mut self, count: u32) {
        for _ in 0..count {
            let number = u32::try_from(self.machines.len()).unwrap();
            self.machines
                .insert(number, Machine::new(number, self.etcd.clone(), self.fuse.clone()));
            self.stores.insert(number, Store::memory().unwrap());
            self.juju.borrow_mut().units.insert(number, Unit::default());
        }
    }

    pub(crate) fn machine(&self, unit: u32) -> &Machine {
        &self.machines[&unit]
    }

    /// Runs a hook; one that is killed is run again, as Juju does.
    pub(crate) fn hook(&mut self, unit: u32, name: &str) -> Result<Report, String> {
        match self.once(unit, name) {
            Some(result) => result,
            None => {
                self.killed += 1;
                self.once(unit, name).expect("a hook is killed only once")
            }
        }
    }

    /// Runs a hook; `None` if it was killed.
    fn once(&mut self, unit: u32, name: &str) -> Option<Result<Report, String>> {
        self.machine(unit).restart_dead_services();
        let before = self.fuse.count();
        self.hooks += 1;
        let hook = context(unit, name, self.hooks);
        let transport = juju::FakeJuju::new(self.juju.clone(), unit, self.fuse.clone());
        let store = self.stores[&unit].clone();
        let (writes, calls) = (transport.writes(), transport.calls());
        let parts = Parts {
            tools: Tools::for_unit(Box::new(transport), hook.unit.clone()),
            host: Rc::new(self.machine(unit).clone()),
            hook,
            store,
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| self.runtime.block_on(dispatch(&self.charm, parts))));
        self.calls = calls.take();
        match outcome {
            Ok(Ok(report)) => {
                self.juju.borrow_mut().commit(unit, writes);
                Some(Ok(report))
            }
            // The framework turns a panic of a handler into an error and keeps nothing: as good as a kill.
            Ok(Err(_)) if self.fuse.has_blown(before) => None,
            Ok(Err(error)) => Some(Err(error.to_string())),
            Err(payload) if payload.is::<Killed>() => None,
            Err(payload) => std::panic::resume_unwind(payload),
        }
    }

    /// Runs the hooks of a unit's start.
    pub(crate) fn start(&mut self, unit: u32) {
        for name in ["install", "config-changed", "start"] {
            self.hook(unit, name).unwrap();
        }
    }

    /// Runs hooks on all units until the model has come to rest.
    pub(crate) fn settle(&mut self) {
        for _ in 0..12 {
            let before = self.juju.borrow().clone();
            for unit in self.present() {
                self.hook(unit, "cluster-relation-changed").unwrap();
            }
            if *self.juju.borrow() == before {
                return;
            }
        }
    }

    /// Removes a unit properly.
    pub(crate) fn remove(&mut self, unit: u32) -> Result<Report, String> {
        self.juju.borrow_mut().dying.insert(unit);
        let report = self.hook(unit, "stop")?;
        self.forget(unit);
        Ok(report)
    }

    /// The unit and its machine are gone, without any hook.
    pub(crate) fn lose(&mut self, unit: u32) {
        self.machine(unit).power_off();
        self.forget(unit);
    }

    fn forget(&mut self, unit: u32) {
        let mut juju = self.juju.borrow_mut();
        juju.dying.remove(&unit);
        juju.units.remove(&unit);
        if juju.leader == unit {
            juju.leader = juju.units.keys().next().copied().unwrap_or_default();
        }
    }

    pub(crate) fn present(&self) -> Vec<u32> {
        self.juju.borrow().units.keys().copied().collect()
    }

    pub(crate) fn status(&self, unit: u32) -> String {
        self.juju.borrow().units[&unit].status.clone()
    }

    /// The members of the one cluster there is.
    pub(crate) fn members(&self) -> Vec<Member> {
        let clusters = self.etcd.clusters();
        assert_eq!(clusters.len(), 1, "{clusters:?}");
        clusters.into_values().next().unwrap()
    }

    /// Every unit is a voter of one cluster that never lost its quorum, and says so.
    #[track_caller]
    pub(crate) fn assert_converged(&self) {
        let members = self.members();
        let names: BTreeSet<String> = members.iter().map(|member| member.name.clone()).collect();
        let expected: BTreeSet<String> = self.present().iter().map(|unit| format!("etcd{unit}")).collect();
        assert_eq!(names, expected);
        assert!(
            members.iter().all(|member| !member.is_learner && member.has_started()),
            "{members:?}"
        );
        assert!(!self.etcd.lost_quorum(), "the cluster lost its quorum");
        let plural = if expected.len() == 1 { "" } else { "s" };
        for unit in self.present() {
            assert_eq!(
                self.status(unit),
                format!("active: Healthy with {} known peer{plural}", expected.len())
            );
        }
    }
}

pub(crate) fn context(unit: u32, hook: &str, number: u64) -> HookContext {
    let mut vars = vec![
        ("JUJU_UNIT_NAME", format!("etcd/{unit}")),
        ("JUJU_CHARM_DIR", "/charm".to_owned()),
        ("JUJU_MODEL_NAME", "m".to_owned()),
        ("JUJU_MODEL_UUID", "a8cbf0f0-0000-4000-8000-000000000000".to_owned()),
        ("JUJU_VERSION", "3.6.0".to_owned()),
        ("JUJU_CONTEXT_ID", format!("etcd/{unit}-{hook}-{number}")),
    ];
    match hook.strip_prefix("actions/") {
        Some(action) => {
            vars.push(("JUJU_ACTION_NAME", action.to_owned()));
            vars.push(("JUJU_ACTION_UUID", number.to_string()));
            vars.push(("JUJU_DISPATCH_PATH", hook.to_owned()));
        }
        None => {
            vars.push(("JUJU_HOOK_NAME", hook.to_owned()));
            vars.push(("JUJU_DISPATCH_PATH", format!("hooks/{hook}")));
        }
    }
    if let Some(endpoint) = hook.split("-relation-").next().filter(|endpoint| *endpoint != hook) {
        vars.push(("JUJU_RELATION_ID", format!("{endpoint}:{}", juju::number(endpoint))));
        vars.push(("JUJU_REMOTE_APP", "etcd".to_owned()));
        vars.push(("JUJU_REMOTE_UNIT", "etcd/99".to_owned()));
    }
    HookContext::from_vars(vars.into_iter().map(|(name, value)| (name.to_owned(), value))).unwrap()
}

/// Keeps killed hooks from printing; every other panic is told.
pub(crate) fn quiet_kills() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<Killed>() {
            default(info);
        }
    }));
}
