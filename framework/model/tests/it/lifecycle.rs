//! The start of a unit, configuration, `update-status`, charm upgrades and reboots.

use model::{Changes, Effect, Event, Exit, Life, Operation};

use crate::support::{World, app, client_charm, server_charm, unit};

fn set_config(world: &mut World, option: &str, value: &str) {
    let set = [(option.to_owned(), value.to_owned())].into();
    world.apply(Event::SetConfig {
        application: app("server"),
        set,
        reset: Vec::new(),
    });
}

fn server(units: u32) -> World {
    let mut world = World::new();
    world.deploy(server_charm(), "server", units);
    world.settle();
    world
}

#[test]
fn a_unit_starts_in_the_documented_order() {
    let mut world = server(1);
    let expected = [
        "install",
        "cluster-relation-created",
        "leader-elected",
        "config-changed",
        "start",
    ];
    assert_eq!(world.take_log_of("server/0"), expected);
    assert_eq!(world.unit("server/0").workload.current, "unknown");
    assert_eq!(world.unit("server/0").agent.current, "idle");
}

#[test]
fn relations_made_before_the_unit_are_created_before_leadership_and_joined_after_start() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    world.deploy(client_charm(), "client", 1);
    world.integrate("server", "client");
    world.settle();
    let log = world.take_log();
    let of = |name: &str| -> Vec<&str> {
        log.iter()
            .filter_map(|line| line.strip_prefix(&format!("{name}: ")))
            .collect()
    };
    assert_eq!(
        of("server/0"),
        [
            "install",
            "cluster-relation-created",
            "db-relation-created",
            "leader-elected",
            "config-changed",
            "start",
            "db-relation-joined client/0",
            "db-relation-changed client/0"
        ]
    );
}

#[test]
fn others_hear_of_the_leader_settings_up_to_juju_3() {
    let mut world = server(2);
    let expected = [
        "install",
        "cluster-relation-created",
        "leader-settings-changed",
        "config-changed",
        "start",
    ];
    assert_eq!(world.take_log_of("server/1")[..5], expected);
    let mut world = World::with_version("4.0.15");
    world.deploy(server_charm(), "server", 2);
    world.settle();
    let expected = [
        "install",
        "cluster-relation-created",
        "config-changed",
        "start",
        "cluster-relation-joined server/0",
    ];
    assert_eq!(world.take_log_of("server/1")[..5], expected);
}

#[test]
fn config_changes_run_the_hook_only_when_a_value_differs() {
    let mut world = server(1);
    world.take_log();
    set_config(&mut world, "port", "2379");
    world.settle();
    assert!(world.take_log().is_empty(), "the same value as the default");
    set_config(&mut world, "port", "4001");
    set_config(&mut world, "debug", "true");
    world.settle();
    assert_eq!(world.take_log_of("server/0"), ["config-changed"]);
    world.apply(Event::SetConfig {
        application: app("server"),
        set: [].into(),
        reset: vec!["port".into(), "debug".into()],
    });
    world.settle();
    assert_eq!(world.take_log_of("server/0"), ["config-changed"]);
    world.apply(Event::Trust {
        application: app("server"),
        trust: true,
    });
    world.settle();
    assert_eq!(
        world.take_log_of("server/0"),
        ["config-changed"],
        "trust counts as configuration"
    );
}

#[test]
fn a_change_during_config_changed_runs_it_again() {
    let mut world = server(1);
    set_config(&mut world, "port", "1");
    let name = unit("server/0");
    let operation = world.model.next_operation(&name, world.now).unwrap();
    let context = world.start(&name, &operation);
    set_config(&mut world, "port", "2");
    world.finish(&name, &operation, &context);
    world.take_log();
    world.settle();
    assert_eq!(world.take_log_of("server/0"), ["config-changed"]);
}

#[test]
fn config_values_are_typed() {
    let mut world = server(1);
    set_config(&mut world, "port", "4001");
    set_config(&mut world, "channel", "");
    let config = world.model.application(&app("server")).unwrap().config();
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(text, r#"{"channel":"","debug":false,"port":4001}"#);
}

#[test]
fn update_status_comes_about_every_five_minutes_when_nothing_else_does() {
    let mut world = server(1);
    world.take_log();
    world.wait(200);
    assert!(world.take_log().is_empty());
    world.wait(165);
    assert_eq!(world.take_log_of("server/0"), ["update-status"]);
    let due = world.model.next_deadline().unwrap();
    assert!(due.0 > world.now.0 + 239_000 && due.0 < world.now.0 + 361_000);
    set_config(&mut world, "port", "1");
    world.now = due.plus_seconds(1);
    world.settle();
    assert_eq!(
        world.take_log_of("server/0"),
        ["config-changed"],
        "any hook while it is due counts as it"
    );
}

#[test]
fn the_agent_status_says_what_runs() {
    let mut world = server(1);
    let name = unit("server/0");
    world.now = world.now.plus_seconds(400);
    let operation = world.model.next_operation(&name, world.now).unwrap();
    let context = world.start(&name, &operation);
    assert_eq!(
        world.unit("server/0").agent.current,
        "idle",
        "update-status is not shown"
    );
    world.finish(&name, &operation, &context);
    set_config(&mut world, "port", "1");
    let operation = world.model.next_operation(&name, world.now).unwrap();
    world.start(&name, &operation);
    let agent = &world.unit("server/0").agent;
    assert_eq!(
        (agent.current.as_str(), agent.message.as_str()),
        ("executing", "running config-changed hook")
    );
}

#[test]
fn a_new_charm_runs_upgrade_and_config() {
    let mut world = server(1);
    world.take_log();
    let refresh = Event::Refresh {
        application: app("server"),
        charm: Box::new(server_charm()),
        url: "local:server-1".into(),
        charm_id: "other".into(),
    };
    world.apply(refresh);
    world.settle();
    assert_eq!(world.take_log_of("server/0"), ["upgrade-charm", "config-changed"]);
    assert_eq!(world.unit("server/0").charm_id, "other");
    assert_eq!(world.model.next_charm_revision("server"), 2);
}

#[test]
fn a_reboot_runs_start_again_and_a_killed_hook_after_it() {
    let mut world = server(1);
    world.take_log();
    set_config(&mut world, "port", "1");
    let name = unit("server/0");
    let operation = world.model.next_operation(&name, world.now).unwrap();
    let context_id = world.start(&name, &operation);
    world.apply(Event::ToolEffect {
        unit: name.clone(),
        effect: Effect::RebootNow,
    });
    world.react("server/0", "config-changed", Exit::Killed, Changes::default());
    world.finish(&name, &operation, &context_id);
    assert!(world.model.machine(0).unwrap().reboot_wanted);
    assert_eq!(
        world.model.next_operation(&name, world.now),
        None,
        "nothing runs before the boot"
    );
    world.settle();
    assert_eq!(
        world.take_log_of("server/0"),
        ["config-changed", "config-changed", "start"]
    );
    assert_eq!(world.model.machine(0).unwrap().boots, 2);
}

#[test]
fn a_moved_machine_gets_its_new_address_into_the_bags() {
    let mut world = server(2);
    let moved = Event::MachineStarted {
        machine: 1,
        address: "10.9.9.9".into(),
        hostname: "juju-1".into(),
    };
    world.apply(moved);
    world.settle();
    world.take_log();
    let peers = world.model.relation(0).unwrap();
    let bag = &peers.units[&unit("server/1")].bag.settings;
    assert_eq!(bag["private-address"], "10.9.9.9");
    assert_eq!(bag["egress-subnets"], "10.9.9.9/32");
}

#[test]
fn only_the_next_operation_can_be_started() {
    let mut world = server(1);
    let operation = Operation::Hook(model::HookRun::plain("install"));
    let text = world.refusal(Event::OperationStarted {
        unit: unit("server/0"),
        operation,
        context_id: "c".into(),
    });
    assert_eq!(
        text,
        "unit \"server/0\" cannot start install hook: not its next operation"
    );
}

#[test]
fn destroying_the_model_takes_everything_with_it() {
    let mut world = server(3);
    world.deploy(client_charm(), "client", 2);
    world.integrate("client", "server");
    world.settle();
    world.apply(Event::DestroyModel);
    world.settle();
    assert_eq!(world.model.life(), Life::Dead);
    assert_eq!(
        (
            world.model.units().count(),
            world.model.relations().count(),
            world.model.machines().count()
        ),
        (0, 0, 0)
    );
    let text = world.refusal(crate::support::deploy_event(server_charm(), "again", 1));
    assert_eq!(text, "model \"m\" is no longer alive");
}
