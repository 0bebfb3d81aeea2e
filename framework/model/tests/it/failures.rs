//! Hooks that fail, are killed, or whose commit fails.

use model::{Changes, Event, Exit, OpenedPort, PortRange, Time};

use crate::support::{World, app, client_charm, relation_set, server_charm, unit};

fn failing(exit: Exit, changes: Changes) -> World {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    world.react("server/0", "install", exit, changes);
    world.settle();
    world
}

fn reason(world: &World, name: &str) -> String {
    world.unit(name).failed_hook().unwrap().reason.clone()
}

#[test]
fn a_failed_hook_is_retried_after_5_seconds_and_twice_as_long_each_time() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    for _ in 0..9 {
        world.react("server/0", "install", Exit::Code(1), Changes::default());
    }
    let mut waits = Vec::new();
    for _ in 0..9 {
        world.settle();
        let failed = world.unit("server/0").failed_hook().unwrap();
        waits.push((failed.retry_at.0 - failed.at.0) / 1000);
        assert_eq!(world.model.next_deadline(), Some(failed.retry_at));
        world.now = failed.retry_at;
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    world.take_log();
    world.settle();
    assert_eq!(world.take_log_of("server/0")[0], "install");
    assert!(!world.unit("server/0").is_in_error());
    world.react("server/0", "config-changed", Exit::Code(1), Changes::default());
    world.apply(Event::Trust {
        application: app("server"),
        trust: true,
    });
    world.settle();
    let failed = world.unit("server/0").failed_hook().unwrap();
    assert_eq!(
        failed.retry_at.0 - failed.at.0,
        5000,
        "the timer starts afresh after a success"
    );
}

#[test]
fn nothing_else_runs_before_the_retry() {
    let mut world = failing(Exit::Code(3), Changes::default());
    assert_eq!(reason(&world, "server/0"), "exit status 3");
    world.apply(Event::Trust {
        application: app("server"),
        trust: true,
    });
    world.take_log();
    world.wait(4);
    assert!(world.take_log().is_empty());
    world.wait(2);
    assert_eq!(world.take_log_of("server/0")[0], "install");
}

#[test]
fn an_error_shows_as_workload_status_while_the_agent_is_idle() {
    let world = failing(Exit::Code(1), Changes::default());
    let unit = world.unit("server/0");
    let shown = world.model.workload_status(unit);
    assert_eq!(
        (shown.current.as_str(), shown.message.as_str()),
        ("error", "hook failed: \"install\"")
    );
    assert_eq!(unit.agent.current, "idle");
    assert_eq!(unit.workload.message, "installing charm software");
}

#[test]
fn resolve_retries_now_or_treats_as_done() {
    let mut world = failing(Exit::Code(1), Changes::default());
    world.react("server/0", "install", Exit::Code(1), Changes::default());
    world.take_log();
    world.apply(Event::Resolve {
        unit: unit("server/0"),
        retry: true,
    });
    world.settle();
    assert_eq!(world.take_log(), ["server/0: install"]);
    world.apply(Event::Resolve {
        unit: unit("server/0"),
        retry: false,
    });
    world.settle();
    assert_eq!(world.take_log_of("server/0")[0], "cluster-relation-created");
    let text = world.refusal(Event::Resolve {
        unit: unit("server/0"),
        retry: true,
    });
    assert_eq!(text, "unit \"server/0\" is not in an error state");
}

#[test]
fn a_killed_hook_runs_again_at_once_and_is_no_error() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    world.react("server/0", "install", Exit::Killed, Changes::default());
    let killed_once = Time(world.now.0 + 10_000);
    world.settle();
    assert!(world.now < killed_once);
    assert_eq!(
        world.take_log_of("server/0")[..3],
        ["install", "install", "cluster-relation-created"]
    );
}

#[test]
fn a_missing_script_counts_as_success_without_a_commit() {
    let mut world = failing(
        Exit::MissingScript,
        Changes {
            reboot: true,
            ..Changes::default()
        },
    );
    assert!(world.take_log_of("server/0").contains(&"start".to_owned()));
    assert!(!world.model.machine(0).unwrap().reboot_wanted);
}

#[test]
fn a_failed_hook_drops_its_changes() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 2);
    world.react(
        "server/0",
        "config-changed",
        Exit::Code(1),
        relation_set(0, &[("k", "v")], &[]),
    );
    world.settle();
    let bag = |world: &World| {
        world.model.relation(0).unwrap().units[&unit("server/0")]
            .bag
            .settings
            .clone()
    };
    assert!(!bag(&world).contains_key("k"));
    world.react(
        "server/0",
        "config-changed",
        Exit::Code(0),
        relation_set(0, &[("k", "v")], &[]),
    );
    world.wait(6);
    assert_eq!(bag(&world)["k"], "v");
}

#[test]
fn an_application_bag_needs_leadership_at_the_commit() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 2);
    let name = unit("server/0");
    while world.unit("server/0").uniter.config_seen.is_none() {
        assert!(world.machines() || world.step_unit(&name));
    }
    let operation = world.model.next_operation(&name, world.now).unwrap();
    assert_eq!(operation.hook().unwrap().name, "start");
    let context = world.start(&name, &operation);
    world.apply(Event::SetLeader { unit: unit("server/1") });
    world.react(
        "server/0",
        "start",
        Exit::Code(0),
        relation_set(0, &[("k", "v")], &[("k", "v")]),
    );
    world.finish(&name, &operation, &context);
    assert_eq!(reason(&world, "server/0"), "\"server/0\" is not leader of \"server\"");
    let relation = world.model.relation(0).unwrap();
    assert!(relation.applications[&app("server")].settings.is_empty());
    assert!(
        !relation.units[&name].bag.settings.contains_key("k"),
        "nothing of it was committed"
    );
}

#[test]
fn a_commit_fails_on_ports_and_oversize_state() {
    let port = |endpoint: &str, from: u16, to: u16| OpenedPort {
        range: PortRange {
            protocol: "tcp".into(),
            from,
            to,
        },
        endpoint: endpoint.into(),
    };
    let ports = |list: &[OpenedPort]| Changes {
        open_ports: list.iter().cloned().collect(),
        ..Changes::default()
    };
    let world = failing(Exit::Code(0), ports(&[port("nope", 80, 80)]));
    assert_eq!(
        reason(&world, "server/0"),
        "open port range: endpoint \"nope\" for unit \"server/0\" not found"
    );
    let world = failing(Exit::Code(0), ports(&[port("", 80, 90), port("", 85, 85)]));
    let text = "cannot open 80-90/tcp (unit \"server/0\"): port range conflicts with 85/tcp (unit \"server/0\")";
    assert_eq!(reason(&world, "server/0"), text);
    let state = [("k".to_owned(), Some("x".repeat(2 * 1024 * 1024)))].into();
    let world = failing(
        Exit::Code(0),
        Changes {
            charm_state: state,
            ..Changes::default()
        },
    );
    assert_eq!(reason(&world, "server/0"), "max allowed size (2097152) exceeded");
}

#[test]
fn ports_open_and_close_by_endpoint() {
    let port = |endpoint: &str| OpenedPort {
        range: PortRange {
            protocol: "tcp".into(),
            from: 80,
            to: 80,
        },
        endpoint: endpoint.into(),
    };
    let open = |list: &[OpenedPort]| Changes {
        open_ports: list.iter().cloned().collect(),
        ..Changes::default()
    };
    let mut world = failing(Exit::Code(0), open(&[port("db"), port("proxy")]));
    assert_eq!(world.unit("server/0").ports.len(), 2);
    let close = Changes {
        close_ports: [port("db")].into(),
        ..Changes::default()
    };
    world.react("server/0", "config-changed", Exit::Code(0), close);
    world.apply(Event::Trust {
        application: app("server"),
        trust: true,
    });
    world.settle();
    assert_eq!(world.unit("server/0").ports, [port("proxy")].into());
    world.react("server/0", "config-changed", Exit::Code(0), open(&[port("")]));
    world.apply(Event::Trust {
        application: app("server"),
        trust: false,
    });
    world.settle();
    assert_eq!(world.unit("server/0").ports, [port("")].into());
}

#[test]
fn a_restart_of_the_driver_fails_the_running_hook_and_retries_it_at_once() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    world.deploy(client_charm(), "client", 1);
    while world.machines() {}
    let name = unit("server/0");
    let operation = world.model.next_operation(&name, world.now).unwrap();
    let context_id = world.start(&name, &operation);
    world.apply(Event::AgentRestarted);
    assert!(world.unit("server/0").is_in_error());
    assert_eq!(world.model.next_operation(&name, world.now), Some(operation));
    let (stdout, stderr) = Default::default();
    let late = Event::OperationFinished {
        unit: name,
        context_id: context_id.clone(),
        exit: Exit::Code(0),
        changes: Changes::default(),
        stdout,
        stderr,
    };
    let text = world.refusal(late);
    assert_eq!(text, format!("unit \"server/0\" is not running context {context_id:?}"));
}
