//! From the model to the status.

use std::collections::BTreeMap;

use package::{Role, Scope};

use super::{
    ApplicationStatus, BaseStatus, ControllerStatus, FullStatus, MachineStatus, ModelStatus, RelatedApplication,
    RelationStatus, StatusInfo, UnitStatus,
};
use crate::state::{Application, Life, Machine, Model, Relation, RelationEndpoint, Status, Unit};
use crate::time::Time;

/// From the one that matters most to the one that matters least.
const SEVERITY: [&str; 7] = [
    "error",
    "blocked",
    "maintenance",
    "waiting",
    "active",
    "terminated",
    "unknown",
];

impl Model {
    /// The status of the whole model; times are UTC.
    pub fn status(&self, now: Time) -> FullStatus {
        FullStatus {
            model: self.model_status(),
            machines: self
                .machines()
                .map(|machine| (machine.number, self.machine_status(machine)))
                .collect(),
            applications: self
                .applications()
                .map(|application| (application.name.to_string(), self.application_status(application)))
                .collect(),
            controller: ControllerStatus {
                timestamp: now.clock_text(),
            },
            relations: self.relations().map(relation_status).collect(),
        }
    }

    /// The workload status as shown: an unresolved failure covers what the charm said.
    pub fn workload_status(&self, unit: &Unit) -> Status {
        match unit.uniter.failed.as_ref().filter(|_| unit.uniter.running.is_none()) {
            Some(failed) => Status::new("error", format!("hook failed: {:?}", failed.hook.name), failed.at),
            None => unit.workload.clone(),
        }
    }

    /// What the leader set, or else the most severe status of the units.
    pub fn shown_application_status(&self, application: &Application) -> Status {
        let units = self.units_of(&application.name).map(|unit| self.workload_status(unit));
        let derived = units.min_by_key(|status| severity(&status.current));
        let unknown = || Status::new("unknown", "", self.created);
        application.status.clone().or(derived).unwrap_or_else(unknown)
    }

    fn model_status(&self) -> ModelStatus {
        let (cloud, region) = match self.cloud.split_once('/') {
            Some((cloud, region)) => (cloud.to_owned(), Some(region.to_owned())),
            None => (self.cloud.clone(), None),
        };
        let current = if self.life.is_alive() {
            "available"
        } else {
            "destroying"
        };
        ModelStatus {
            name: self.name.clone(),
            kind: "iaas".to_owned(),
            controller: self.controller.clone(),
            cloud,
            region,
            version: self.juju_version.clone(),
            model_status: info(&Status::new(current, "", self.created), Life::Alive),
            sla: self.has_leader_settings().then(|| "unsupported".to_owned()),
        }
    }

    fn machine_status(&self, machine: &Machine) -> MachineStatus {
        let unit = self.units_on(machine.number).next();
        let application = unit.and_then(|unit| self.application(&unit.name.application()));
        let mut agent = info(&machine.agent, machine.life);
        if machine.is_started() {
            agent.version.clone_from(&self.juju_version);
        }
        MachineStatus {
            juju_status: agent,
            hostname: machine.hostname.clone(),
            dns_name: machine.address.clone(),
            ip_addresses: machine.address.iter().cloned().collect(),
            instance_id: machine.hostname.clone().unwrap_or_else(|| "pending".to_owned()),
            machine_status: info(&machine.status, Life::Alive),
            modification_status: info(&Status::new("idle", "", machine.added), Life::Alive),
            base: application.and_then(base),
        }
    }

    fn application_status(&self, application: &Application) -> ApplicationStatus {
        let name = &application.name;
        ApplicationStatus {
            charm: application.charm_url.clone(),
            base: base(application),
            charm_origin: "local".to_owned(),
            charm_name: application.charm_name().to_owned(),
            charm_rev: application.charm_revision(),
            charm_version: application.charm.version.clone(),
            exposed: application.exposed,
            life: life_text(application.life),
            application_status: info(&self.shown_application_status(application), Life::Alive),
            relations: self.related(application),
            units: self
                .units_of(name)
                .map(|unit| (unit.name.to_string(), self.unit_status(unit)))
                .collect(),
            version: application.workload_version.clone(),
            endpoint_bindings: bindings(application),
        }
    }

    fn related(&self, application: &Application) -> BTreeMap<String, Vec<RelatedApplication>> {
        let mut related: BTreeMap<String, Vec<RelatedApplication>> = BTreeMap::new();
        for relation in self.relations_of(&application.name) {
            let ends = (
                relation.endpoint_of(&application.name),
                relation.remote_of(&application.name),
            );
            if let (Some(own), Some(remote)) = ends {
                related
                    .entry(own.name.to_string())
                    .or_default()
                    .push(RelatedApplication {
                        related_application: remote.application.to_string(),
                        interface: own.interface.clone(),
                        scope: scope(own).to_owned(),
                    });
            }
        }
        related.values_mut().for_each(|list| list.sort());
        related
    }

    fn unit_status(&self, unit: &Unit) -> UnitStatus {
        let mut agent = info(&unit.agent, unit.life);
        if unit.agent_started {
            agent.version.clone_from(&self.juju_version);
        }
        let mut ports: Vec<String> = unit.ports.iter().map(|port| port.range.to_string()).collect();
        ports.dedup();
        UnitStatus {
            workload_status: info(&self.workload_status(unit), Life::Alive),
            juju_status: agent,
            leader: self.is_leader(&unit.name),
            machine: unit.machine.to_string(),
            open_ports: ports,
            public_address: self.machine(unit.machine).and_then(|machine| machine.address.clone()),
        }
    }
}

fn severity(status: &str) -> usize {
    SEVERITY
        .iter()
        .position(|known| *known == status)
        .unwrap_or(SEVERITY.len())
}

fn info(status: &Status, life: Life) -> StatusInfo {
    StatusInfo {
        current: status.current.clone(),
        message: status.message.clone(),
        since: status.since.status_text(),
        version: String::new(),
        life: life_text(life),
    }
}

fn life_text(life: Life) -> String {
    if life.is_alive() {
        String::new()
    } else {
        life.as_str().to_owned()
    }
}

fn base(application: &Application) -> Option<BaseStatus> {
    let base = application.charm.manifest.as_ref()?.bases.first()?;
    Some(BaseStatus {
        name: base.name.clone(),
        channel: base.track().to_owned(),
    })
}

/// Without spaces of its own, everything is in `alpha`.
fn bindings(application: &Application) -> BTreeMap<String, String> {
    let metadata = &application.charm.metadata;
    let endpoints = metadata.endpoints().map(|(name, _)| name.to_owned());
    let names = endpoints
        .chain(metadata.extra_bindings.keys().cloned())
        .chain([String::new()]);
    names.map(|name| (name, "alpha".to_owned())).collect()
}

fn scope(endpoint: &RelationEndpoint) -> &'static str {
    match endpoint.scope {
        Scope::Global => "global",
        Scope::Container => "container",
    }
}

fn relation_status(relation: &Relation) -> RelationStatus {
    let end = |role: Role| {
        let wanted = relation
            .endpoints
            .iter()
            .find(|endpoint| endpoint.role == role || endpoint.role == Role::Peer);
        wanted.map(ToString::to_string).unwrap_or_default()
    };
    RelationStatus {
        provider: end(Role::Provider),
        requirer: end(Role::Requirer),
        interface: relation.interface().to_owned(),
        kind: if relation.is_peer() { "peer" } else { "regular" }.to_owned(),
        message: life_text(relation.life),
    }
}
