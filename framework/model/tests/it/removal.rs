//! How relations, units and applications go.

use model::{Changes, Event, Exit, Life};

use crate::support::{World, app, client_charm, server_charm, unit};

fn world(servers: u32, clients: u32) -> World {
    let mut world = World::new();
    world.deploy(server_charm(), "server", servers);
    world.deploy(client_charm(), "client", clients);
    world.integrate("server", "client");
    world.settle();
    world.take_log();
    world
}

fn remove_unit(world: &mut World, name: &str, force: bool) {
    world.apply(Event::RemoveUnits {
        units: vec![unit(name)],
        force,
    });
}

#[test]
fn a_removed_relation_departs_and_breaks_on_both_sides() {
    let mut world = world(1, 2);
    world.apply(Event::RemoveRelation {
        endpoints: vec!["server:db".into(), "client:etcd".into()],
        force: false,
    });
    world.settle();
    let log = world.take_log();
    let of = |name: &str| -> Vec<&str> {
        log.iter()
            .filter_map(|line| line.strip_prefix(&format!("{name}: ")))
            .collect()
    };
    let departed = |unit: &str| format!("db-relation-departed {unit} (leaving: {unit})");
    assert_eq!(
        of("server/0"),
        [departed("client/0"), departed("client/1"), "db-relation-broken".into()]
    );
    let expected = [
        "etcd-relation-departed server/0 (leaving: server/0)",
        "etcd-relation-broken",
    ];
    assert_eq!(of("client/0"), expected);
    assert_eq!(world.model.relations().count(), 1, "only the peer relation is left");
}

#[test]
fn a_removed_unit_runs_relations_then_stop_then_remove() {
    let mut world = world(2, 1);
    remove_unit(&mut world, "server/1", false);
    world.settle();
    let log = world.take_log();
    let of = |name: &str| -> Vec<&str> {
        log.iter()
            .filter_map(|line| line.strip_prefix(&format!("{name}: ")))
            .collect()
    };
    assert_eq!(
        of("server/1"),
        [
            "db-relation-departed client/0 (leaving: server/1)",
            "db-relation-broken",
            "cluster-relation-departed server/0 (leaving: server/1)",
            "stop",
            "remove"
        ]
    );
    assert_eq!(of("client/0"), ["etcd-relation-departed server/1 (leaving: server/1)"]);
    assert_eq!(
        of("server/0"),
        ["cluster-relation-departed server/1 (leaving: server/1)"]
    );
    assert!(world.model.unit(&unit("server/1")).is_none());
    assert!(world.model.machine(1).is_none());
}

#[test]
fn peers_hear_of_a_departure_only_when_the_unit_is_gone() {
    let mut world = world(2, 0);
    remove_unit(&mut world, "server/1", false);
    let (leaving, staying) = (unit("server/1"), unit("server/0"));
    while world.model.unit(&leaving).is_some() {
        assert_eq!(world.model.next_operation(&staying, world.now), None);
        assert!(world.step_unit(&leaving));
    }
    assert!(world.model.next_operation(&staying, world.now).is_some());
}

#[test]
fn the_leader_s_successor_is_elected_when_it_is_dead() {
    let mut world = world(3, 0);
    assert_eq!(world.model.leader(&app("server")), Some(&unit("server/0")));
    remove_unit(&mut world, "server/0", false);
    while world.model.unit(&unit("server/0")).is_some() {
        assert_eq!(world.model.leader(&app("server")), Some(&unit("server/0")));
        assert!(world.step_unit(&unit("server/0")));
    }
    assert_eq!(world.model.leader(&app("server")), Some(&unit("server/1")));
    world.take_log();
    world.settle();
    let log = world.take_log();
    assert!(log.contains(&"server/1: leader-elected".to_owned()), "{log:?}");
    assert!(!log.iter().any(|line| line == "server/2: leader-elected"));
}

#[test]
fn a_unit_that_never_started_goes_at_once_without_hooks() {
    let mut world = world(1, 1);
    world.apply(Event::AddUnits {
        application: app("server"),
        count: 1,
    });
    remove_unit(&mut world, "server/1", false);
    assert!(world.model.unit(&unit("server/1")).is_none());
    assert_eq!(world.model.machine(2).unwrap().life, Life::Dying);
    world.settle();
    assert!(world.take_log().is_empty());
}

#[test]
fn a_unit_removed_during_install_runs_remove_but_not_stop() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    while world.machines() {}
    let name = unit("server/0");
    let operation = world.model.next_operation(&name, world.now).unwrap();
    let context = world.start(&name, &operation);
    remove_unit(&mut world, "server/0", false);
    assert!(world.model.unit(&name).is_some(), "a running hook is waited for");
    world.finish(&name, &operation, &context);
    world.settle();
    assert_eq!(world.take_log_of("server/0"), ["install", "remove"]);
    assert!(world.model.unit(&name).is_none());
}

#[test]
fn a_unit_in_error_waits_for_its_hook_and_force_does_not() {
    let mut world = world(1, 1);
    for _ in 0..3 {
        world.react("server/0", "config-changed", Exit::Code(1), Changes::default());
    }
    let set = [("port".to_owned(), "1".to_owned())].into();
    world.apply(Event::SetConfig {
        application: app("server"),
        set,
        reset: Vec::new(),
    });
    world.settle();
    remove_unit(&mut world, "server/0", false);
    world.settle();
    assert!(world.unit("server/0").is_in_error());
    world.take_log();
    world.react("server/0", "stop", Exit::Code(1), Changes::default());
    remove_unit(&mut world, "server/0", true);
    world.settle();
    let expected = [
        "db-relation-departed client/0 (leaving: server/0)",
        "db-relation-broken",
        "stop",
        "remove",
    ];
    assert_eq!(world.take_log_of("server/0"), expected);
    assert!(world.model.unit(&unit("server/0")).is_none());
}

#[test]
fn a_removed_application_takes_its_units_relations_and_peers_with_it() {
    let mut world = world(2, 1);
    world.apply(Event::RemoveApplication {
        application: app("server"),
        force: false,
    });
    world.settle();
    assert!(world.model.application(&app("server")).is_none());
    assert_eq!(world.model.relations().count(), 0);
    let log = world.take_log();
    let of = |name: &str| -> Vec<&str> {
        log.iter()
            .filter_map(|line| line.strip_prefix(&format!("{name}: ")))
            .collect()
    };
    assert_eq!(
        of("server/0")[..2],
        [
            "db-relation-departed client/0 (leaving: server/0)",
            "db-relation-broken"
        ]
    );
    assert_eq!(of("server/0")[of("server/0").len() - 2..], ["stop", "remove"]);
    assert!(
        !log.iter()
            .any(|line| line.contains("cluster-relation-broken") || line.contains("leader-elected"))
    );
    assert_eq!(of("client/0").last(), Some(&"etcd-relation-broken"));
}

#[test]
fn an_application_without_units_goes_at_once() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 0);
    world.apply(Event::RemoveApplication {
        application: app("server"),
        force: false,
    });
    assert_eq!(
        (world.model.applications().count(), world.model.relations().count()),
        (0, 0)
    );
}

#[test]
fn a_lost_machine_takes_its_unit_with_it_and_others_hear_of_it() {
    let mut world = world(2, 1);
    world.apply(Event::MachineRemoved { machine: 0 });
    assert!(world.model.unit(&unit("server/0")).is_none());
    assert_eq!(world.model.leader(&app("server")), Some(&unit("server/1")));
    world.settle();
    let log = world.take_log();
    assert!(log.contains(&"client/0: etcd-relation-departed server/0 (leaving: server/0)".to_owned()));
    assert!(log.contains(&"server/1: cluster-relation-departed server/0 (leaving: server/0)".to_owned()));
    assert!(log.contains(&"server/1: leader-elected".to_owned()));
}

#[test]
fn a_dying_unit_still_leaves_when_its_relation_goes_too() {
    let mut world = world(1, 1);
    remove_unit(&mut world, "client/0", false);
    world.apply(Event::RemoveRelation {
        endpoints: vec!["server".into(), "client".into()],
        force: false,
    });
    world.settle();
    assert_eq!(world.model.relations().count(), 1);
    assert!(world.model.unit(&unit("client/0")).is_none());
    let expected = [
        "db-relation-departed client/0 (leaving: client/0)",
        "db-relation-broken",
    ];
    assert_eq!(world.take_log_of("server/0"), expected);
}

#[test]
fn forced_removal_of_a_relation_does_not_wait_for_units_in_error() {
    let mut world = world(1, 1);
    world.react("client/0", "etcd-relation-departed", Exit::Code(1), Changes::default());
    world.apply(Event::RemoveRelation {
        endpoints: vec!["1".into()],
        force: false,
    });
    world.settle();
    assert!(world.model.relation(1).is_some());
    world.apply(Event::RemoveRelation {
        endpoints: vec!["1".into()],
        force: true,
    });
    assert!(world.model.relation(1).is_none());
    assert!(!world.unit("client/0").is_in_error());
}

#[test]
fn force_does_not_wait_for_a_machine_that_has_failed() {
    let mut world = world(2, 0);
    world.apply(Event::MachineFailed {
        machine: 1,
        message: "lost".into(),
    });
    remove_unit(&mut world, "server/1", false);
    assert!(world.model.unit(&unit("server/1")).is_some());
    remove_unit(&mut world, "server/1", true);
    assert!(world.model.unit(&unit("server/1")).is_none());
}

#[test]
fn forced_removal_of_a_relation_leaves_strangers_alone() {
    let mut world = world(1, 1);
    world.deploy(server_charm(), "other", 1);
    world.react("other/0", "install", Exit::Code(1), Changes::default());
    world.settle();
    world.apply(Event::RemoveRelation {
        endpoints: vec!["1".into()],
        force: true,
    });
    assert!(world.unit("other/0").is_in_error());
    assert!(world.unit("other/0").uniter.relations.is_empty());
}

#[test]
fn an_alive_unit_leads_rather_than_a_dying_one() {
    let mut world = world(3, 0);
    remove_unit(&mut world, "server/1", false);
    remove_unit(&mut world, "server/0", false);
    while world.model.unit(&unit("server/0")).is_some() {
        assert!(world.step_unit(&unit("server/0")));
    }
    assert!(world.model.unit(&unit("server/1")).is_some());
    assert_eq!(world.model.leader(&app("server")), Some(&unit("server/2")));
}

#[test]
fn changed_follows_joined_even_when_the_unit_is_to_go() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    world.deploy(client_charm(), "client", 1);
    world.settle();
    world.integrate("server", "client");
    let server = unit("server/0");
    world.step_unit(&unit("client/0"));
    world.step_unit(&server);
    world.step_unit(&server);
    world.apply(Event::RemoveUnits {
        units: vec![server],
        force: false,
    });
    world.take_log();
    world.settle();
    let expected = [
        "db-relation-changed client/0",
        "db-relation-departed client/0 (leaving: server/0)",
        "db-relation-broken",
        "stop",
        "remove",
    ];
    assert_eq!(world.take_log_of("server/0"), expected);
}
