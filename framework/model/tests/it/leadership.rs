//! Who leads, who hears of it, and who may write what.

use model::{Effect, Event};

use crate::support::{World, app, edits, server_charm, unit};

fn three() -> World {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 3);
    world.settle();
    world.take_log();
    world
}

#[test]
fn the_first_agent_leads() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 2);
    assert_eq!(world.model.leader(&app("server")), None);
    for machine in [0, 1] {
        world.apply(Event::MachineStarted {
            machine,
            address: "10.0.0.1".into(),
            hostname: "h".into(),
        });
    }
    world.apply(Event::AgentStarted { unit: unit("server/1") });
    world.apply(Event::AgentStarted { unit: unit("server/0") });
    assert_eq!(world.model.leader(&app("server")), Some(&unit("server/1")));
}

#[test]
fn leadership_moves_with_one_hook_and_back_with_another() {
    let mut world = three();
    world.apply(Event::SetLeader { unit: unit("server/2") });
    world.settle();
    assert_eq!(world.take_log(), ["server/2: leader-elected"]);
    world.apply(Event::SetLeader { unit: unit("server/2") });
    world.settle();
    assert!(world.take_log().is_empty());
    world.apply(Event::SetLeader { unit: unit("server/0") });
    world.settle();
    assert_eq!(world.take_log(), ["server/0: leader-elected"]);
}

#[test]
fn leadership_lost_before_the_hook_skips_it() {
    let mut world = three();
    world.apply(Event::SetLeader { unit: unit("server/1") });
    world.apply(Event::SetLeader { unit: unit("server/2") });
    world.settle();
    assert_eq!(world.take_log(), ["server/2: leader-elected"]);
}

#[test]
fn leader_settings_reach_the_others() {
    let mut world = three();
    let set = Event::ToolEffect {
        unit: unit("server/0"),
        effect: Effect::LeaderSet {
            settings: edits(&[("k", "v")]),
        },
    };
    world.apply(set.clone());
    world.settle();
    assert_eq!(
        world.take_log(),
        ["server/1: leader-settings-changed", "server/2: leader-settings-changed"]
    );
    world.apply(set);
    world.settle();
    assert!(world.take_log().is_empty(), "the same settings again");
    assert_eq!(
        world
            .model
            .application(&app("server"))
            .unwrap()
            .leader_settings
            .settings["k"],
        "v"
    );
}

#[test]
fn a_restarted_agent_has_forgotten_the_leader_settings() {
    let mut world = three();
    world.apply(Event::AgentRestarted);
    world.settle();
    assert_eq!(
        world.take_log(),
        ["server/1: leader-settings-changed", "server/2: leader-settings-changed"]
    );
}

#[test]
fn only_the_leader_writes_for_the_application() {
    let mut world = three();
    let effect = Effect::LeaderSet {
        settings: edits(&[("k", "v")]),
    };
    let text = world.refusal(Event::ToolEffect {
        unit: unit("server/1"),
        effect,
    });
    assert_eq!(
        text,
        "cannot write leadership settings: cannot write settings: not the leader"
    );
    let effect = Effect::ApplicationStatusSet {
        status: "active".into(),
        message: String::new(),
    };
    let text = world.refusal(Event::ToolEffect {
        unit: unit("server/1"),
        effect: effect.clone(),
    });
    assert_eq!(text, "this unit is not the leader");
    world.apply(Event::ToolEffect {
        unit: unit("server/0"),
        effect,
    });
    let application = world.model.application(&app("server")).unwrap();
    assert_eq!(world.model.shown_application_status(application).current, "active");
}

#[test]
fn a_unit_without_agent_cannot_lead() {
    let mut world = three();
    world.apply(Event::AddUnits {
        application: app("server"),
        count: 1,
    });
    let text = world.refusal(Event::SetLeader { unit: unit("server/3") });
    assert_eq!(text, "unit \"server/3\" cannot lead: its agent is not started");
}
