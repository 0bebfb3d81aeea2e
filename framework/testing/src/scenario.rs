//! The declaration of a world.

use std::collections::BTreeMap;
use std::rc::Rc;

use host::SimulatedHost;
use juju::Databag;
use package::CharmInfo;
use reactive::Charm;
use store::Store;

use crate::{Hook, Outcome, ScenarioError, World};

/// The world in which a charm is run. Everything not said is as after a plain `juju deploy`: one unit, which leads.
#[derive(Clone)]
pub struct Scenario {
    pub(crate) charm: Charm,
    pub(crate) info: CharmInfo,
    pub(crate) application: String,
    pub(crate) number: u32,
    pub(crate) units: u32,
    pub(crate) leader: bool,
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) relations: Vec<RelationState>,
    pub(crate) resources: BTreeMap<String, String>,
    pub(crate) juju_version: String,
    pub(crate) host: Option<Rc<SimulatedHost>>,
    pub(crate) store: Option<Store>,
}

impl Scenario {
    /// One unit of this charm.
    pub fn new(charm: &Charm, info: CharmInfo) -> Scenario {
        Scenario {
            charm: charm.clone(),
            application: info.metadata.name.clone(),
            info,
            number: 0,
            units: 1,
            leader: true,
            config: BTreeMap::new(),
            relations: Vec::new(),
            resources: BTreeMap::new(),
            juju_version: "3.6.28".to_owned(),
            host: None,
            store: None,
        }
    }

    /// The name of the application, if not that of the charm.
    #[must_use]
    pub fn application(self, name: impl Into<String>) -> Scenario {
        Scenario {
            application: name.into(),
            ..self
        }
    }

    /// The number of the unit under test; 0 if not said.
    #[must_use]
    pub fn unit(self, number: u32) -> Scenario {
        Scenario {
            number,
            units: self.units.max(number + 1),
            ..self
        }
    }

    /// How many units the application has. Units that peer relations name are counted anyway.
    #[must_use]
    pub fn units(self, count: u32) -> Scenario {
        Scenario {
            units: self.units.max(count),
            ..self
        }
    }

    /// Whether the unit under test leads. If not, another unit does, so there must be one.
    #[must_use]
    pub fn leader(self, leads: bool) -> Scenario {
        Scenario { leader: leads, ..self }
    }

    /// Sets an option, as `juju config` would.
    #[must_use]
    pub fn config(mut self, option: &str, value: impl ToString) -> Scenario {
        self.config.insert(option.to_owned(), value.to_string());
        self
    }

    /// Adds a relation.
    #[must_use]
    pub fn relation(mut self, relation: RelationState) -> Scenario {
        if relation.application.is_none() {
            let named = relation.units.keys().max().map_or(0, |number| number + 1);
            self.units = self.units.max(named);
        }
        self.relations.push(relation);
        self
    }

    /// What `resource-get` prints for a resource; the file is up to the test, in [`Scenario::host`].
    #[must_use]
    pub fn resource(mut self, name: &str, path: &str) -> Scenario {
        self.resources.insert(name.to_owned(), path.to_owned());
        self
    }

    /// The version of Juju; `3.6.28` if not said.
    #[must_use]
    pub fn juju_version(self, version: impl Into<String>) -> Scenario {
        Scenario {
            juju_version: version.into(),
            ..self
        }
    }

    /// The machine of the unit under test, prepared by the test.
    #[must_use]
    pub fn host(self, host: Rc<SimulatedHost>) -> Scenario {
        Scenario {
            host: Some(host),
            ..self
        }
    }

    /// What the unit under test has kept from earlier hooks.
    #[must_use]
    pub fn store(self, store: Store) -> Scenario {
        Scenario {
            store: Some(store),
            ..self
        }
    }

    /// The world at rest: all hooks of all units have run, with no effect but the settings that the scenario gives.
    pub fn settled(self) -> Result<World, ScenarioError> {
        World::settled(self)
    }

    /// The world in which the unit under test is about to run `install`. The others are at rest.
    pub fn fresh(self) -> Result<World, ScenarioError> {
        World::fresh(self)
    }

    /// Runs the charm once, for this hook. See [`World::run`].
    ///
    /// Hooks that belong to the start of a unit (`install`, `start`, `leader-elected`, relation `created` and `joined`) run in
    /// the fresh world; what comes before them is taken as done without effect. All others run in the world at rest.
    pub fn run(self, hook: impl Into<Hook>) -> Result<Outcome, ScenarioError> {
        let hook = hook.into();
        let mut world = if hook.is_early() {
            self.fresh()?
        } else {
            self.settled()?
        };
        world.run(hook)
    }

    /// Runs an action in the world at rest.
    pub fn action(self, name: &str, params: serde_json::Value) -> Result<Outcome, ScenarioError> {
        self.settled()?.action(name, params)
    }
}

/// A relation of the application under test, and what everyone in it has written.
#[derive(Debug, Clone, Default)]
pub struct RelationState {
    pub(crate) endpoint: String,
    /// None = a peer relation.
    pub(crate) application: Option<String>,
    pub(crate) units: BTreeMap<u32, Databag>,
    pub(crate) application_bag: Databag,
    pub(crate) own: Databag,
    pub(crate) own_application: Databag,
}

impl RelationState {
    /// A relation of an endpoint with another application, which has no unit yet.
    pub fn new(endpoint: &str, application: &str) -> RelationState {
        RelationState {
            endpoint: endpoint.to_owned(),
            application: Some(application.to_owned()),
            ..Default::default()
        }
    }

    /// The peer relation of an endpoint. Its [`unit`](RelationState::unit)s are the other units of the application.
    pub fn peers(endpoint: &str) -> RelationState {
        RelationState {
            endpoint: endpoint.to_owned(),
            ..RelationState::default()
        }
    }

    /// A remote unit with its settings, on top of the addresses that Juju writes.
    #[must_use]
    pub fn unit<K: Into<String>, V: Into<String>>(
        mut self,
        number: u32,
        settings: impl IntoIterator<Item = (K, V)>,
    ) -> RelationState {
        self.units.insert(number, bag(settings));
        self
    }

    /// The settings of the remote application; for peers those of the own one.
    #[must_use]
    pub fn application<K: Into<String>, V: Into<String>>(
        mut self,
        settings: impl IntoIterator<Item = (K, V)>,
    ) -> RelationState {
        if self.application.is_some() {
            self.application_bag = bag(settings);
        } else {
            self.own_application = bag(settings);
        }
        self
    }

    /// What the unit under test wrote earlier.
    #[must_use]
    pub fn own<K: Into<String>, V: Into<String>>(
        mut self,
        settings: impl IntoIterator<Item = (K, V)>,
    ) -> RelationState {
        self.own = bag(settings);
        self
    }

    /// What the leader of the application under test wrote earlier.
    #[must_use]
    pub fn own_application<K: Into<String>, V: Into<String>>(
        mut self,
        settings: impl IntoIterator<Item = (K, V)>,
    ) -> RelationState {
        self.own_application = bag(settings);
        self
    }
}

fn bag<K: Into<String>, V: Into<String>>(settings: impl IntoIterator<Item = (K, V)>) -> Databag {
    settings
        .into_iter()
        .map(|(key, value)| (key.into(), value.into()))
        .collect()
}
