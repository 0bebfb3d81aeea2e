//! The life of relations: created, joined, changed, departed, broken, and whose writes give hooks to whom.

use model::{Changes, Event, Exit};

use crate::support::{World, app, charm, client_charm, edits, relation_set, server_charm, unit};

/// A server with peers and a client, related and at rest. The peer relation is 0, the other 1.
fn related(servers: u32, clients: u32) -> World {
    let mut world = World::new();
    world.deploy(server_charm(), "server", servers);
    world.deploy(client_charm(), "client", clients);
    world.settle();
    assert_eq!(world.integrate("server:db", "client:etcd"), 1);
    world.settle();
    world.take_log();
    world
}

/// Lets a unit make changes in its next hook, which is a change of configuration.
fn write(world: &mut World, name: &str, changes: Changes) {
    let command = Event::EnqueueExec {
        units: vec![name.to_owned()],
        command: "relation-set".into(),
    };
    world.apply(command);
    world.react(name, "juju-exec", Exit::Code(0), changes);
    world.settle();
}

fn hooks(world: &mut World) -> Vec<String> {
    world
        .take_log()
        .into_iter()
        .filter(|line| !line.ends_with("juju-exec"))
        .collect()
}

#[test]
fn a_relation_made_later_is_created_joined_and_changed_per_unit() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    world.deploy(client_charm(), "client", 2);
    world.settle();
    world.take_log();
    world.integrate("server", "client");
    world.settle();
    let expected = [
        "db-relation-created",
        "db-relation-joined client/0",
        "db-relation-changed client/0",
        "db-relation-joined client/1",
        "db-relation-changed client/1",
    ];
    assert_eq!(world.take_log_of("server/0"), expected);
}

#[test]
fn without_remote_units_only_created_runs() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    world.deploy(client_charm(), "client", 0);
    world.settle();
    world.take_log();
    world.integrate("server", "client");
    world.settle();
    assert_eq!(world.take_log(), ["server/0: db-relation-created"]);
}

#[test]
fn the_scope_is_entered_with_addresses_before_created() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    let name = unit("server/0");
    loop {
        while world.machines() {}
        let operation = world.model.next_operation(&name, world.now).unwrap();
        let context = world.start(&name, &operation);
        if operation.hook().unwrap().name == "cluster-relation-created" {
            break;
        }
        assert!(!world.model.relation(0).unwrap().in_scope(&name));
        world.finish(&name, &operation, &context);
    }
    let relation = world.model.relation(0).unwrap();
    let bag = serde_json::to_string(&relation.units[&name].bag.settings).unwrap();
    let expected = r#"{"egress-subnets":"10.0.0.1/32","ingress-address":"10.0.0.1","private-address":"10.0.0.1"}"#;
    assert_eq!(bag, expected);
}

#[test]
fn peers_alone_get_created_only_and_together_joined_and_changed() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    world.settle();
    assert!(!world.take_log().iter().any(|line| line.contains("joined")));
    world.apply(Event::AddUnits {
        application: app("server"),
        count: 1,
    });
    world.settle();
    let log = world.take_log();
    let own: Vec<&String> = log.iter().filter(|line| line.starts_with("server/0")).collect();
    assert_eq!(
        own,
        [
            "server/0: cluster-relation-joined server/1",
            "server/0: cluster-relation-changed server/1"
        ]
    );
}

#[test]
fn a_write_gives_one_changed_to_each_remote_unit_and_none_to_the_writer() {
    let mut world = related(1, 2);
    write(&mut world, "server/0", relation_set(1, &[("k", "v")], &[]));
    let expected = [
        "client/0: etcd-relation-changed server/0",
        "client/1: etcd-relation-changed server/0",
    ];
    assert_eq!(hooks(&mut world), expected);
    write(&mut world, "server/0", relation_set(1, &[("k", "v")], &[]));
    assert!(
        hooks(&mut world).is_empty(),
        "a write that changes nothing gives no hook"
    );
    write(&mut world, "server/0", relation_set(1, &[("k", "")], &[]));
    assert_eq!(hooks(&mut world).len(), 2);
    assert!(
        !world.model.relation(1).unwrap().units[&unit("server/0")]
            .bag
            .settings
            .contains_key("k")
    );
}

#[test]
fn many_writes_become_one_changed() {
    let mut world = related(1, 1);
    let server = unit("server/0");
    for round in 0..3 {
        world.apply(Event::EnqueueExec {
            units: vec!["server/0".into()],
            command: "x".into(),
        });
        world.react(
            "server/0",
            "juju-exec",
            Exit::Code(0),
            relation_set(1, &[("k", &round.to_string())], &[]),
        );
        world.step_unit(&server);
    }
    world.settle();
    assert_eq!(hooks(&mut world), ["client/0: etcd-relation-changed server/0"]);
}

#[test]
fn an_application_bag_gives_a_hook_without_unit_before_joined_and_changed() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    world.deploy(client_charm(), "client", 0);
    world.settle();
    world.integrate("server", "client");
    world.settle();
    write(&mut world, "server/0", relation_set(1, &[], &[("k", "v")]));
    world.apply(Event::AddUnits {
        application: app("client"),
        count: 1,
    });
    world.settle();
    let log = world.take_log_of("client/0");
    let tail = [
        "etcd-relation-changed",
        "etcd-relation-joined server/0",
        "etcd-relation-changed server/0",
    ];
    assert_eq!(log[log.len() - 3..], tail);
}

#[test]
fn an_application_bag_of_a_normal_relation_tells_the_other_side_only() {
    let mut world = related(2, 1);
    write(&mut world, "server/0", relation_set(1, &[], &[("k", "v")]));
    assert_eq!(hooks(&mut world), ["client/0: etcd-relation-changed"]);
}

#[test]
fn the_leader_hears_of_its_own_write_to_the_peers_bag() {
    let mut world = related(2, 0);
    write(&mut world, "server/0", relation_set(0, &[], &[("k", "v")]));
    assert_eq!(
        hooks(&mut world),
        [
            "server/0: cluster-relation-changed",
            "server/1: cluster-relation-changed"
        ]
    );
    write(&mut world, "server/0", relation_set(0, &[("k", "v")], &[]));
    assert_eq!(
        hooks(&mut world),
        ["server/1: cluster-relation-changed server/0"],
        "but not of its own unit bag"
    );
}

#[test]
fn members_are_there_from_joined_on_and_not_in_departed() {
    let mut world = related(1, 1);
    let server = unit("server/0");
    assert_eq!(world.model.relation_members(&server, 1), [unit("client/0")]);
    world.apply(Event::RemoveUnits {
        units: vec![unit("client/0")],
        force: false,
    });
    loop {
        if let Some(operation) = world.model.next_operation(&server, world.now) {
            assert_eq!(operation.hook().unwrap().name, "db-relation-departed");
            world.start(&server, &operation);
            break;
        }
        assert!(world.step());
    }
    assert!(world.model.relation_members(&server, 1).is_empty());
    let bag = &world.model.relation(1).unwrap().units[&unit("client/0")].bag.settings;
    assert!(bag.contains_key("private-address"), "the bag stays readable");
}

#[test]
fn the_implicit_endpoint_runs_hooks_on_the_requiring_side_only() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    world.deploy(client_charm(), "client", 1);
    world.settle();
    world.take_log();
    let number = world.integrate("server:juju-info", "client:info");
    world.settle();
    let expected = [
        "client/0: info-relation-created",
        "client/0: info-relation-joined server/0",
        "client/0: info-relation-changed server/0",
    ];
    assert_eq!(world.take_log(), expected);
    world.apply(Event::RemoveRelation {
        endpoints: vec![number.to_string()],
        force: false,
    });
    world.settle();
    let expected = [
        "client/0: info-relation-departed server/0 (leaving: server/0)",
        "client/0: info-relation-broken",
    ];
    assert_eq!(world.take_log(), expected);
    assert!(world.model.relation(number).is_none());
}

#[test]
fn numbers_are_never_given_out_again() {
    let mut world = related(1, 1);
    world.apply(Event::RemoveRelation {
        endpoints: vec!["server".into(), "client".into()],
        force: false,
    });
    world.settle();
    assert_eq!(world.integrate("server", "client"), 2);
    world.apply(Event::RemoveUnits {
        units: vec![unit("client/0")],
        force: false,
    });
    world.settle();
    world.apply(Event::AddUnits {
        application: app("client"),
        count: 1,
    });
    assert_eq!(world.unit("client/1").machine, 2);
    world.apply(Event::RemoveApplication {
        application: app("client"),
        force: false,
    });
    world.settle();
    world.deploy(client_charm(), "client", 1);
    assert_eq!(world.unit("client/2").machine, 3);
}

#[test]
fn non_peer_relations_come_before_peer_relations() {
    let mut world = related(2, 1);
    for name in ["server/1", "client/0"] {
        world.apply(Event::EnqueueExec {
            units: vec![name.into()],
            command: "x".into(),
        });
    }
    world.react(
        "server/1",
        "juju-exec",
        Exit::Code(0),
        relation_set(0, &[("a", "1")], &[]),
    );
    world.react(
        "client/0",
        "juju-exec",
        Exit::Code(0),
        relation_set(1, &[("a", "1")], &[]),
    );
    world.step_unit(&unit("server/1"));
    world.step_unit(&unit("client/0"));
    world.take_log();
    world.settle();
    let expected = ["db-relation-changed client/0", "cluster-relation-changed server/1"];
    assert_eq!(world.take_log_of("server/0"), expected);
}

#[test]
fn a_relation_that_goes_before_the_charm_heard_of_it_leaves_no_trace() {
    let mut world = World::new();
    let three = charm(
        "name: three\nsummary: s\ndescription: d\nprovides:\n  a: {interface: i}\n  b: {interface: etcd}\n",
        None,
        None,
    );
    let needs_i = charm(
        "name: needs\nsummary: s\ndescription: d\nrequires:\n  i: {interface: i}\n",
        None,
        None,
    );
    world.deploy(three, "three", 1);
    world.deploy(needs_i, "needs", 1);
    world.deploy(client_charm(), "client", 1);
    world.settle();
    world.take_log();
    world.integrate("three", "needs");
    let second = world.integrate("three", "client");
    let name = unit("three/0");
    world.step_unit(&name);
    assert!(
        world.model.relation(second).unwrap().in_scope(&name),
        "all scopes are entered at once"
    );
    world.apply(Event::RemoveRelation {
        endpoints: vec![second.to_string()],
        force: false,
    });
    assert!(world.model.relation(second).is_none());
    world.settle();
    assert!(
        !world
            .take_log()
            .iter()
            .any(|line| line.contains("b-relation") || line.contains("etcd-relation"))
    );
}

#[test]
fn edits_set_and_delete() {
    let mut world = related(1, 1);
    write(&mut world, "client/0", relation_set(1, &[("a", "1"), ("b", "2")], &[]));
    let mut changes = edits(&[("b", "3")]);
    changes.insert("a".into(), None);
    let changes = model::RelationChanges {
        unit: changes,
        ..Default::default()
    };
    write(
        &mut world,
        "client/0",
        Changes {
            relations: [(1, changes)].into(),
            ..Default::default()
        },
    );
    let bag = &world.model.relation(1).unwrap().units[&unit("client/0")].bag.settings;
    assert_eq!((bag.get("a"), bag["b"].as_str()), (None, "3"));
}
