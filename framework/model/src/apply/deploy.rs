//! New applications and new units.

use std::collections::{BTreeMap, BTreeSet};

use juju::{ApplicationName, UnitName};
use package::CharmInfo;

use super::integrate::own_endpoints;
use crate::error::ModelError;
use crate::event::Reply;
use crate::state::{Application, Life, Machine, MachineState, Model, Relation, RelationEndpoint, Status, Unit, Uniter};
use crate::state::{VersionedBag, revision_of};
use crate::time::Time;

/// The fields of [`Event::Deploy`](crate::Event::Deploy).
pub(super) struct Deploy {
    pub(super) charm: CharmInfo,
    pub(super) url: String,
    pub(super) application: ApplicationName,
    pub(super) units: u32,
    pub(super) config: BTreeMap<String, String>,
    pub(super) charm_id: String,
}

/// Refuses a charm that needs what this model does not have; without it, its hooks would fail in odd ways.
pub(super) fn check_supported(charm: &CharmInfo) -> Result<(), ModelError> {
    let metadata = &charm.metadata;
    let mut storage = metadata.storage.iter().filter(|(_, spec)| spec.count.min > 0);
    let lacking = if metadata.subordinate {
        "subordinate charms are not supported".to_owned()
    } else if !metadata.containers.is_empty() {
        "it is for Kubernetes, and this model has machines".to_owned()
    } else if let Some((name, _)) = storage.next() {
        format!("it requires storage {name:?}, and storage is not supported")
    } else {
        return Ok(());
    };
    let text = format!("cannot deploy charm {:?}: {lacking}", metadata.name);
    Err(ModelError::Deploy(text))
}

impl Model {
    /// `juju deploy`: the application, its peer relations, its units with a machine each.
    pub(super) fn deploy(&mut self, at: Time, deploy: Deploy) -> Result<Reply, ModelError> {
        self.check_alive()?;
        let name = deploy.application.clone();
        if self.applications.contains_key(&name) {
            return Err(ModelError::ApplicationExists { name: name.to_string() });
        }
        check_supported(&deploy.charm)?;
        let peers = own_endpoints(&name, &deploy.charm)?
            .into_iter()
            .filter(|endpoint| endpoint.role == package::Role::Peer);
        let peers: Vec<RelationEndpoint> = peers.collect();
        let (settings, trust) = super::config::parse(&deploy.charm.config, &deploy.config)?;
        self.count_charm(&deploy.charm.metadata.name, &deploy.url);
        let application = Application {
            name: name.clone(),
            charm: deploy.charm,
            charm_url: deploy.url,
            charm_id: deploy.charm_id,
            life: Life::Alive,
            force: false,
            exposed: false,
            trust: trust.unwrap_or(false),
            settings,
            status: None,
            workload_version: String::new(),
            leader: None,
            leader_settings: VersionedBag::default(),
        };
        self.applications.insert(name.clone(), application);
        for peer in peers {
            self.new_relation(at, vec![peer]);
        }
        Ok(Reply::UnitsAdded(self.new_units(at, &name, deploy.units)))
    }

    /// `juju add-unit`.
    pub(super) fn add_units(&mut self, at: Time, name: &ApplicationName, count: u32) -> Result<Reply, ModelError> {
        let application = self
            .applications
            .get(name)
            .ok_or_else(|| ModelError::no_application(name))?;
        if !application.life.is_alive() {
            return Err(ModelError::NotAlive {
                what: format!("cannot add unit to application {:?}: application", name.as_str()),
            });
        }
        Ok(Reply::UnitsAdded(self.new_units(at, name, count)))
    }

    pub(super) fn check_alive(&self) -> Result<(), ModelError> {
        if self.life.is_alive() {
            Ok(())
        } else {
            Err(ModelError::ModelNotAlive(self.name.clone()))
        }
    }

    /// Remembers that a revision of a local charm is taken.
    pub(super) fn count_charm(&mut self, charm: &str, url: &str) {
        let next = revision_of(url).unwrap_or(0).saturating_add(1);
        let counter = self.counters.charm.entry(charm.to_owned()).or_default();
        *counter = (*counter).max(next);
    }

    /// Adds a relation with a number of its own and an empty bag for each application.
    pub(super) fn new_relation(&mut self, at: Time, endpoints: Vec<RelationEndpoint>) -> u32 {
        let number = self.counters.relation;
        self.counters.relation += 1;
        let bags = endpoints
            .iter()
            .map(|endpoint| (endpoint.application.clone(), VersionedBag::default()));
        let relation = Relation {
            number,
            life: Life::Alive,
            since: at,
            units: BTreeMap::new(),
            applications: bags.collect(),
            endpoints,
        };
        self.relations.insert(number, relation);
        number
    }

    fn new_units(&mut self, at: Time, application: &ApplicationName, count: u32) -> Vec<UnitName> {
        (0..count).map(|_| self.new_unit(at, application)).collect()
    }

    fn new_unit(&mut self, at: Time, application: &ApplicationName) -> UnitName {
        let counter = self.counters.unit.entry(application.clone()).or_default();
        let name = UnitName::new(application, *counter);
        *counter += 1;
        let charm_id = self
            .applications
            .get(application)
            .map(|application| application.charm_id.clone());
        let unit = Unit {
            name: name.clone(),
            machine: self.new_machine(at),
            charm_id: charm_id.unwrap_or_default(),
            life: Life::Alive,
            force: false,
            agent_started: false,
            workload: Status::new("waiting", "waiting for machine", at),
            workload_set: false,
            agent: Status::new("allocating", "", at),
            workload_version: String::new(),
            ports: BTreeSet::new(),
            charm_state: BTreeMap::new(),
            uniter: Uniter::default(),
        };
        self.units.insert(name.clone(), unit);
        name
    }

    fn new_machine(&mut self, at: Time) -> u32 {
        let number = self.counters.machine;
        self.counters.machine += 1;
        let machine = Machine {
            number,
            life: Life::Alive,
            state: MachineState::Pending,
            address: None,
            hostname: None,
            reboot_wanted: false,
            boots: 0,
            added: at,
            status: Status::new("pending", "", at),
            agent: Status::new("pending", "", at),
        };
        self.machines.insert(number, machine);
        number
    }
}
