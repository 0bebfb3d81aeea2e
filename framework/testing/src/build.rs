//! From a declaration to a world, by real events only.

use std::collections::BTreeMap;

use juju::{ApplicationName, Databag, UnitName};
use model::{Changes, Edits, Event, Model, NewModel, RelationChanges, Time};
use package::{CharmInfo, Endpoint, Metadata, Parts, Role};

use crate::world::{Seat, World};
use crate::{RelationState, Scenario, ScenarioError};

type Result<T> = std::result::Result<T, ScenarioError>;

/// When every world begins.
const BEGIN: Time = Time(1_700_000_000_000);

impl World {
    /// Everything at rest.
    pub(crate) fn settled(scenario: Scenario) -> Result<World> {
        let relations = scenario.relations.clone();
        let mut world = World::deployed(scenario)?;
        world.start_agents()?;
        world.settle(None)?;
        for relation in &relations {
            world.write_others(relation)?;
            world.write_own(relation)?;
        }
        world.settle(None)?;
        Ok(world)
    }

    /// Everything at rest but the unit under test, which is about to run `install`.
    pub(crate) fn fresh(scenario: Scenario) -> Result<World> {
        let relations = scenario.relations.clone();
        let mut world = World::deployed(scenario)?;
        world.start_agents()?;
        let unit = world.unit().clone();
        world.settle(Some(&unit))?;
        for relation in &relations {
            if !relation.own.is_empty() || (world.leader && !relation.own_application.is_empty()) {
                return Err(ScenarioError::impossible(format!(
                    "unit {unit} cannot have written to relation {:?} before its install hook",
                    relation.endpoint
                )));
            }
            world.write_others(relation)?;
        }
        world.settle(Some(&unit))?;
        Ok(world)
    }

    /// The model with all applications, units and relations; no agent is up.
    fn deployed(scenario: Scenario) -> Result<World> {
        let application: ApplicationName = scenario.application.parse()?;
        let unit = UnitName::new(&application, scenario.number);
        check(&scenario, &unit)?;
        let model = Model::new(NewModel {
            name: "testing".to_owned(),
            uuid: "7e571a60-0000-4000-8000-000000000001".to_owned(),
            controller: "testing".to_owned(),
            cloud: "localhost".to_owned(),
            juju_version: scenario.juju_version.clone(),
            now: BEGIN,
        });
        let mut world = World::new(
            model,
            BEGIN,
            scenario.charm.clone(),
            unit.clone(),
            scenario.resources.clone(),
        );
        world.leader = scenario.leader;
        if scenario.host.is_some() || scenario.store.is_some() {
            let seat = Seat::new(scenario.host.clone(), scenario.store.clone())?;
            world.seats.insert(unit, seat);
        }
        world.deploy(&scenario.info, &application, scenario.units, scenario.config.clone())?;
        world.deploy_others(&scenario, &application)?;
        world.start_machines()?;
        Ok(world)
    }

    fn deploy(
        &mut self,
        info: &CharmInfo,
        application: &ApplicationName,
        units: u32,
        config: BTreeMap<String, String>,
    ) -> Result<()> {
        let event = Event::Deploy {
            charm: Box::new(info.clone()),
            url: format!("local:{}-0", info.metadata.name),
            application: application.clone(),
            units,
            config,
            charm_id: info.metadata.name.clone(),
        };
        self.apply_for(event, || format!("deploy {application}"))
    }

    /// The applications at the far ends, each with a charm made up of the endpoints that it needs.
    fn deploy_others(&mut self, scenario: &Scenario, own: &ApplicationName) -> Result<()> {
        let mut others: BTreeMap<&str, Vec<&RelationState>> = BTreeMap::new();
        for relation in &scenario.relations {
            if let Some(name) = &relation.application {
                others.entry(name).or_default().push(relation);
            }
        }
        for (name, relations) in others {
            let application: ApplicationName = name.parse()?;
            let info = counterpart(name, &relations, &scenario.info.metadata)?;
            let numbers: Vec<u32> = relations
                .iter()
                .flat_map(|relation| relation.units.keys().copied())
                .collect();
            let count = numbers.iter().max().map_or(0, |number| number + 1);
            self.deploy(&info, &application, count, BTreeMap::new())?;
            let gaps: Vec<UnitName> = (0..count)
                .filter(|number| !numbers.contains(number))
                .map(|number| UnitName::new(&application, number))
                .collect();
            if !gaps.is_empty() {
                self.apply_for(
                    Event::RemoveUnits {
                        units: gaps,
                        force: true,
                    },
                    || format!("remove units of {name}"),
                )?;
            }
            for relation in relations {
                let (a, b) = (
                    format!("{own}:{}", relation.endpoint),
                    format!("{name}:{}", relation.endpoint),
                );
                self.apply_for(
                    Event::Integrate {
                        a: a.clone(),
                        b: b.clone(),
                    },
                    || format!("integrate {a} {b}"),
                )?;
            }
        }
        Ok(())
    }

    /// Agents come up so that the right unit leads: the first one of an application does.
    fn start_agents(&mut self) -> Result<()> {
        let own = self.unit().clone();
        let mut units: Vec<UnitName> = self.model().units().map(|unit| unit.name.clone()).collect();
        let leader = self.leader;
        units.sort_by_key(|unit| (*unit == own) != leader);
        for unit in units {
            self.apply_for(Event::AgentStarted { unit: unit.clone() }, || {
                format!("start the agent of {unit}")
            })?;
        }
        Ok(())
    }

    /// The settings of everyone but the unit under test.
    fn write_others(&mut self, state: &RelationState) -> Result<()> {
        let own = self.unit().application();
        let remote = state
            .application
            .as_deref()
            .map_or(Ok(own.clone()), ApplicationName::try_from)?;
        let number = self.relation_number(&state.endpoint, &remote)?;
        for (unit, bag) in &state.units {
            self.write_unit(&UnitName::new(&remote, *unit), number, bag)?;
        }
        self.write_application(&remote, number, &state.application_bag)?;
        if !self.leader {
            self.write_application(&own, number, &state.own_application)?;
        }
        Ok(())
    }

    fn write_own(&mut self, state: &RelationState) -> Result<()> {
        let own = self.unit().clone();
        let remote = state
            .application
            .as_deref()
            .map_or(Ok(own.application()), ApplicationName::try_from)?;
        let number = self.relation_number(&state.endpoint, &remote)?;
        self.write_unit(&own, number, &state.own)?;
        if self.leader {
            self.write_application(&own.application(), number, &state.own_application)?;
        }
        Ok(())
    }

    /// Writes to a unit's bag.
    pub(crate) fn write_unit(&mut self, unit: &UnitName, relation: u32, bag: &Databag) -> Result<()> {
        let changes = RelationChanges {
            unit: edits(bag),
            application: Edits::new(),
        };
        self.write(unit, relation, changes)
    }

    /// Writes to an application's bag, as its leader.
    pub(crate) fn write_application(
        &mut self,
        application: &ApplicationName,
        relation: u32,
        bag: &Databag,
    ) -> Result<()> {
        if bag.is_empty() {
            return Ok(());
        }
        let leader = self.model().leader(application).cloned().ok_or_else(|| {
            ScenarioError::impossible(format!(
                "application {application} has settings but no unit that could have written them"
            ))
        })?;
        let changes = RelationChanges {
            unit: Edits::new(),
            application: edits(bag),
        };
        self.write(&leader, relation, changes)
    }

    /// Commits relation settings in a command of their own, as `juju exec` would.
    fn write(&mut self, unit: &UnitName, relation: u32, changes: RelationChanges) -> Result<()> {
        if changes == RelationChanges::default() {
            return Ok(());
        }
        let changes = Changes {
            relations: BTreeMap::from([(relation, changes)]),
            ..Changes::default()
        };
        self.command(unit, changes)
    }
}

fn edits(bag: &Databag) -> Edits {
    bag.iter()
        .map(|(key, value)| (key.clone(), Some(value.clone())))
        .collect()
}

/// What can be seen to be wrong without a model.
fn check(scenario: &Scenario, unit: &UnitName) -> Result<()> {
    if !scenario.leader && scenario.units < 2 {
        return Err(ScenarioError::impossible(format!(
            "unit {unit} must lead, as it is the only unit of its application; add another with units(2)"
        )));
    }
    for relation in &scenario.relations {
        let endpoint = endpoint(&scenario.info.metadata, &relation.endpoint)?;
        if (endpoint.role == Role::Peer) != relation.application.is_none() {
            let kind = if endpoint.role == Role::Peer {
                "a peer endpoint: use RelationState::peers"
            } else {
                "no peer endpoint"
            };
            return Err(ScenarioError::impossible(format!("{:?} is {kind}", relation.endpoint)));
        }
        if relation.application.is_none() && relation.units.contains_key(&scenario.number) {
            return Err(ScenarioError::impossible(format!(
                "unit {unit} is under test; its settings are given with own()"
            )));
        }
    }
    Ok(())
}

/// The endpoint of that name.
fn endpoint<'a>(metadata: &'a Metadata, name: &str) -> Result<&'a Endpoint> {
    let mut maps = [&metadata.provides, &metadata.requires, &metadata.peers].into_iter();
    maps.find_map(|map| map.get(name))
        .ok_or_else(|| ScenarioError::impossible(format!("charm {:?} has no endpoint {name:?}", metadata.name)))
}

/// A charm that can stand at the far end of these relations; its endpoints have the names of ours.
fn counterpart(name: &str, relations: &[&RelationState], ours: &Metadata) -> Result<CharmInfo> {
    let mut metadata = serde_json::json!({"name": name, "summary": "made up", "description": "made up"});
    for relation in relations {
        let ours = endpoint(ours, &relation.endpoint)?;
        let role = if ours.role == Role::Provider {
            "requires"
        } else {
            "provides"
        };
        metadata[role][&relation.endpoint] = serde_json::json!({"interface": ours.interface});
    }
    let text = metadata.to_string(); // JSON is YAML
    CharmInfo::from_parts(Parts {
        metadata: &text,
        ..Parts::default()
    })
    .map_err(ScenarioError::harness)
}
