//! Whatever happens, the same events give the same model, an error changes nothing, and the model survives its own text.

use std::collections::BTreeMap;

use model::{Changes, Effect, Event, Exit, Model, Operation, Time};
use serde_json::json;

use crate::support::{World, app, client_charm, deploy_event, edits, relation_set, server_charm, unit};

/// A small generator of numbers that are always the same for a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[usize::try_from(self.roll(choices.len() as u64)).unwrap()]
    }

    fn number(&mut self, sides: u32) -> u32 {
        u32::try_from(self.roll(u64::from(sides))).unwrap()
    }
}

const UNITS: [&str; 6] = ["server/0", "server/1", "server/2", "client/0", "client/1", "ghost/0"];
const APPLICATIONS: [&str; 3] = ["server", "client", "ghost"];

/// An event that a user might cause, sensible or not.
fn user_event(dice: &mut Dice) -> Event {
    let application = app(dice.pick(&APPLICATIONS));
    let one = dice.pick(&UNITS);
    let force = dice.roll(4) == 0;
    match dice.roll(15) {
        0 => deploy_event(server_charm(), "server", dice.number(4)),
        1 => deploy_event(client_charm(), "client", dice.number(3)),
        2 => Event::Integrate {
            a: dice.pick(&["server", "server:db", "client:etcd"]).into(),
            b: "client".into(),
        },
        3 => Event::Integrate {
            a: "server:juju-info".into(),
            b: "client:info".into(),
        },
        4 if dice.roll(4) == 0 => Event::RemoveRelation {
            endpoints: vec![dice.roll(6).to_string()],
            force,
        },
        5 => Event::AddUnits { application, count: 1 },
        6 => Event::RemoveUnits {
            units: vec![unit(one), unit(dice.pick(&UNITS))],
            force,
        },
        7 if dice.roll(3) == 0 => Event::RemoveApplication { application, force },
        8 => {
            let set = [(
                dice.pick(&["port", "debug", "nope"]).to_owned(),
                dice.roll(3).to_string(),
            )]
            .into();
            Event::SetConfig {
                application,
                set,
                reset: vec![],
            }
        }
        9 => Event::EnqueueAction {
            units: vec![one.into(), "server/leader".into()],
            action: dice.pick(&["health", "backup", "nope"]).into(),
            params: json!({"keep": 1}).as_object().cloned().unwrap(),
        },
        10 if dice.roll(2) == 0 => Event::EnqueueExec {
            units: vec![one.into()],
            command: "true".into(),
        },
        11 => Event::CancelTask { task: dice.roll(20) },
        12 => Event::Resolve {
            unit: unit(one),
            retry: force,
        },
        13 => Event::SetLeader { unit: unit(one) },
        _ => Event::Expose {
            application,
            exposed: force,
        },
    }
}

/// An event from the world: machines, agents, tools.
fn world_event(dice: &mut Dice) -> Event {
    let machine = dice.number(8);
    let one = unit(dice.pick(&UNITS));
    match dice.roll(10) {
        0..=3 => Event::MachineStarted {
            machine,
            address: format!("10.0.{}.{machine}", dice.roll(2)),
            hostname: "h".into(),
        },
        4 | 5 => Event::AgentStarted { unit: one },
        6 => Event::ToolEffect {
            unit: one,
            effect: match dice.roll(4) {
                0 => Effect::StatusSet {
                    status: "active".into(),
                    message: dice.roll(3).to_string(),
                },
                1 => Effect::LeaderSet {
                    settings: edits(&[("k", &dice.roll(3).to_string())]),
                },
                2 => Effect::RebootNow,
                _ => Effect::ActionLog { message: "half".into() },
            },
        },
        7 if dice.roll(4) == 0 => Event::MachineRemoved { machine },
        8 if dice.roll(4) == 0 => Event::MachineFailed {
            machine,
            message: "no".into(),
        },
        9 if dice.roll(4) == 0 => Event::AgentRestarted,
        _ => Event::AgentStarted { unit: one },
    }
}

/// What the agents do: start what is next, or end what runs, well or badly.
fn agent_event(dice: &mut Dice, model: &Model, now: Time) -> Option<Event> {
    let units: Vec<_> = model.units().collect();
    let chosen = units.get(usize::try_from(dice.roll(units.len().max(1) as u64)).unwrap())?;
    let unit = chosen.name.clone();
    if let Some(running) = chosen.running() {
        let exit = match dice.roll(16) {
            0 => Exit::Code(1),
            1 => Exit::Killed,
            2 => Exit::MissingScript,
            _ => Exit::Code(0),
        };
        let value = dice.roll(5).to_string();
        let changes = match dice.roll(8) {
            0 => relation_set(dice.number(2), &[("k", &value)], &[]),
            1 => relation_set(dice.number(2), &[], &[("k", &value)]),
            2 => Changes {
                charm_state: edits(&[("s", &value)]),
                reboot: dice.roll(5) == 0,
                ..Changes::default()
            },
            _ => Changes::default(),
        };
        let (context_id, stdout) = (running.context_id.clone(), vec![0xff, 7]);
        return Some(Event::OperationFinished {
            unit,
            context_id,
            exit,
            changes,
            stdout,
            stderr: Vec::new(),
        });
    }
    let operation = match dice.roll(20) {
        0 => Operation::Action { task: dice.roll(9) },
        _ => model.next_operation(&unit, now)?,
    };
    Some(Event::OperationStarted {
        unit,
        operation,
        context_id: now.0.to_string(),
    })
}

/// A random history; every event is checked as it is applied.
fn history(seed: u64, events: usize) -> (Model, Model, Vec<(Time, Event)>) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut world = World::new();
    if !seed.is_multiple_of(4) {
        world.deploy(server_charm(), "server", 2);
        world.deploy(client_charm(), "client", 1);
        world.settle();
    }
    let (first, mut model, mut now) = (world.model.clone(), world.model, world.now);
    let mut journal = Vec::new();
    for _ in 0..events {
        now = now.plus_millis(dice.roll(20_000));
        let event = match dice.roll(12) {
            0 => user_event(&mut dice),
            1 => world_event(&mut dice),
            _ => match agent_event(&mut dice, &model, now) {
                Some(event) => event,
                None => continue,
            },
        };
        let before = model.clone();
        if model.apply(now, event.clone()).is_err() {
            assert_eq!(model, before, "an error has changed the model: {event:?}");
        }
        check_invariants(&model, now);
        journal.push((now, event));
    }
    (first, model, journal)
}

/// What must hold at every moment.
fn check_invariants(model: &Model, now: Time) {
    for unit in model.units() {
        assert!(model.machine(unit.machine).is_some(), "{} has no machine", unit.name);
        assert!(
            model.application(&unit.name.application()).is_some(),
            "{} has no application",
            unit.name
        );
        let known = unit.uniter.relations.keys();
        known.for_each(|number| {
            assert!(
                model.relation(*number).is_some(),
                "{} knows relation {number}",
                unit.name
            )
        });
    }
    if model.next_deadline().is_some_and(|deadline| deadline <= now) {
        let ready = model
            .units()
            .any(|unit| model.next_operation(&unit.name, now).is_some());
        assert!(ready, "a deadline has passed and there is nothing to run");
    }
    for relation in model.relations() {
        for end in &relation.endpoints {
            assert!(
                model.application(&end.application).is_some(),
                "{} has no application",
                relation.key()
            );
        }
        for name in relation.units.keys().filter(|name| relation.in_scope(name)) {
            assert!(
                model.unit(name).is_some(),
                "{name} is gone and still in {}",
                relation.key()
            );
        }
    }
    for application in model.applications() {
        let leader = application.leader.as_ref();
        assert!(
            leader.is_none_or(|leader| model.unit(leader).is_some()),
            "{} is led by a ghost",
            application.name
        );
    }
}

/// The histories would prove little if most events were refused or nothing ever ran.
#[test]
fn histories_are_eventful() {
    let (mut hooks, mut refused, mut total) = (BTreeMap::<String, usize>::new(), 0, 0);
    for seed in 1..=40 {
        let (mut model, _, journal) = history(seed, 400);
        for (at, event) in journal {
            total += 1;
            if let Event::OperationStarted { operation, .. } = &event {
                let name = operation.hook().map_or("task", |hook| hook.name.as_str());
                *hooks.entry(name.to_owned()).or_default() += 1;
            }
            refused += usize::from(model.apply(at, event).is_err());
        }
    }
    for stage in ["created", "joined", "changed", "departed", "broken"] {
        let count = hooks.get(&format!("db-relation-{stage}"));
        assert!(count.is_some_and(|count| *count >= 5), "{stage}: {hooks:?}");
    }
    for name in [
        "install",
        "start",
        "stop",
        "remove",
        "leader-elected",
        "config-changed",
        "update-status",
        "task",
    ] {
        assert!(hooks.get(name).is_some_and(|count| *count >= 10), "{name}: {hooks:?}");
    }
    assert!(refused > 200 && refused * 2 < total, "{refused} of {total} refused");
}

#[test]
fn the_same_events_give_the_same_model() {
    for seed in 1..=40 {
        let (mut again, model, journal) = history(seed, 400);
        for (at, event) in journal {
            let text = serde_json::to_string(&event).unwrap();
            let read: Event = serde_json::from_str(&text).unwrap();
            assert_eq!(read, event, "an event does not survive the journal");
            let _refused = again.apply(at, read);
        }
        assert_eq!(again, model, "seed {seed}");
    }
}

#[test]
fn a_model_survives_its_own_text() {
    for seed in 100..=120 {
        let (_, model, _) = history(seed, 300);
        let text = serde_json::to_string(&model).unwrap();
        let read: Model = serde_json::from_str(&text).unwrap();
        assert_eq!(read, model, "seed {seed}");
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}

#[test]
fn whatever_happened_the_model_can_be_destroyed() {
    for seed in 200..=230 {
        let (_, model, journal) = history(seed, 300);
        let mut world = World::new();
        world.model = model;
        world.now = journal.last().map_or(world.now, |(at, _)| *at);
        world.apply(Event::AgentRestarted);
        world.apply(Event::DestroyModel);
        for _ in 0..12 {
            world.wait(600);
        }
        assert_eq!(
            world.model.life(),
            model::Life::Dead,
            "seed {seed}: {}",
            world.model.status(world.now).tabular()
        );
    }
}
