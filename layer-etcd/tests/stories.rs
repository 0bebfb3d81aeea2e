//! The layer as a whole, in one process: found, join, leave, lose, restart; and the same with a hook killed at any effect.

#![expect(clippy::unwrap_used, reason = "a test's helpers are tests too")]

mod support;

use std::path::Path;

use charm::host::{Host, ServiceAction};
use serde_json::json;
use support::World;

/// A cluster of so many units, at rest.
fn cluster(units: u32) -> World {
    let mut world = World::new(units);
    world.juju.borrow_mut().has_authority = true;
    for unit in 0..units {
        world.start(unit);
    }
    world.settle();
    world
}

#[test]
fn a_single_unit_founds_a_cluster_and_says_so() {
    let world = cluster(1);
    world.assert_converged();
    let juju = world.juju.borrow();
    assert_eq!(juju.units[&0].version, "3.4.23");
    assert!(juju.units[&0].ports.contains("2379/tcp"));
    assert_eq!(juju.units[&0].bags["cluster:0"]["db-ingress-address"], "10.0.0.0");
    let host = &world.machine(0).host;
    assert_eq!(host.mode(Path::new("/etc/ssl/etcd/server.key")), Some(0o600));
    assert!(
        world
            .machine(0)
            .config()
            .contains("initial-cluster-state: \"existing\""),
        "settled"
    );
}

#[test]
fn without_an_authority_the_unit_is_blocked() {
    let mut world = World::new(1);
    world.start(0);
    assert_eq!(world.status(0), "blocked: Missing relation to certificate authority.");
    assert!(world.etcd.clusters().is_empty());
}

#[test]
fn the_claim_is_not_acted_upon_in_the_hook_that_writes_it() {
    let mut world = World::new(1);
    world.juju.borrow_mut().has_authority = true;
    let hooks = ["install", "config-changed"];
    let claimed = hooks.map(|name| {
        world.hook(0, name).unwrap();
        (
            world.juju.borrow().shared.contains_key("etcd-claim"),
            world.etcd.clusters().is_empty(),
        )
    });
    let first = claimed.iter().find(|(claim, _)| *claim).expect("a claim");
    assert_eq!(*first, (true, true), "claimed, and nothing started yet");
}

#[test]
fn three_units_found_together() {
    let world = cluster(3);
    world.assert_converged();
    let claim = world.juju.borrow().shared["etcd-claim"].clone();
    assert!(
        ["etcd/0", "etcd/1", "etcd/2"].iter().all(|unit| claim.contains(unit)),
        "{claim}"
    );
    assert!(
        claim.contains(&format!("{:x}", world.etcd.clusters().keys().next().unwrap())),
        "the id was foretold"
    );
}

#[test]
fn a_unit_that_is_late_joins_later() {
    let mut world = World::new(3);
    world.juju.borrow_mut().has_authority = true;
    world.start(0);
    world.start(1);
    world.hook(0, "cluster-relation-joined").unwrap();
    assert!(world.status(0).contains("etcd/2"), "{}", world.status(0));
    world.machine(0).host.advance(std::time::Duration::from_secs(61));
    world.hook(0, "update-status").unwrap();
    world.hook(0, "cluster-relation-changed").unwrap();
    world.hook(1, "cluster-relation-changed").unwrap();
    world.hook(0, "cluster-relation-changed").unwrap();
    assert_eq!(world.members().len(), 2);
    world.start(2);
    world.settle();
    world.assert_converged();
}

#[test]
fn units_are_added_and_removed() {
    let mut world = cluster(1);
    world.add_units(2);
    world.start(1);
    world.start(2);
    world.settle();
    world.assert_converged();
    world.remove(0).unwrap();
    world.settle();
    world.assert_converged();
    let host = &world.machine(0).host;
    assert!(!host.exists(&world.machine(0).data_dir()), "the data is out of the way");
    assert!(
        host.paths()
            .iter()
            .any(|path| path.to_string_lossy().contains(".removed-")),
        "and kept"
    );
    assert!(!host.is_enabled("etcd"));
    world.remove(1).unwrap();
    world.settle();
    world.assert_converged();
    world.remove(2).unwrap();
    assert!(world.present().is_empty());
}

#[test]
fn a_unit_that_the_cluster_needs_does_not_go() {
    let mut world = cluster(3);
    world.machine(2).power_off();
    let refusal = world.remove(1).unwrap_err();
    assert!(
        refusal.contains("Unregistration failed") && refusal.contains("quorum"),
        "{refusal}"
    );
    assert_eq!(world.members().len(), 3);
    assert!(world.etcd.runs("https://10.0.0.1:2379"), "it still serves");
}

#[test]
fn a_lost_unit_is_pruned_by_the_leader() {
    let mut world = cluster(3);
    world.lose(2);
    world.hook(0, "cluster-relation-departed").unwrap();
    world.settle();
    world.assert_converged();
    assert_eq!(world.members().len(), 2);
}

#[test]
fn a_member_that_lost_its_data_does_not_start_over() {
    let mut world = cluster(3);
    let machine = world.machine(1);
    machine.power_off();
    machine
        .host
        .rename(&machine.data_dir(), Path::new("/elsewhere"))
        .unwrap();
    world.hook(1, "update-status").unwrap();
    assert!(
        world.status(1).starts_with("blocked: The data of this member is gone"),
        "{}",
        world.status(1)
    );
    assert!(!world.etcd.runs("https://10.0.0.1:2379"));
    let machine = world.machine(1);
    machine
        .host
        .rename(Path::new("/elsewhere"), &machine.data_dir())
        .unwrap();
    world.settle();
    world.assert_converged();
}

#[test]
fn a_member_that_was_removed_by_hand_joins_anew() {
    let mut world = cluster(3);
    let id = world.members().iter().find(|member| member.name == "etcd2").unwrap().id;
    let at = layer_etcd::etcd::Target {
        endpoint: "https://10.0.0.0:2379".into(),
        credentials: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime
        .block_on(layer_etcd::etcd::Etcd::remove(&world.etcd, &at, id))
        .unwrap();
    world.settle();
    world.settle();
    world.assert_converged();
    assert_ne!(
        world.members().iter().find(|member| member.name == "etcd2").unwrap().id,
        id
    );
}

#[test]
fn a_bad_option_blocks_and_leaves_the_member_alone() {
    let mut world = cluster(1);
    let before = world.machine(0).config();
    world
        .juju
        .borrow_mut()
        .config
        .insert("election_timeout".into(), json!(10));
    world.hook(0, "config-changed").unwrap();
    assert!(
        world.status(0).contains("election_timeout") && world.status(0).starts_with("blocked: "),
        "{}",
        world.status(0)
    );
    assert!(world.etcd.runs("https://10.0.0.0:2379"));
    assert_eq!(world.machine(0).config(), before);
}

#[test]
fn a_new_option_restarts_one_member_after_the_other() {
    let mut world = cluster(3);
    let restarts = |world: &World| {
        let count = |unit| {
            let actions = world.machine(unit).host.service_actions();
            actions
                .iter()
                .filter(|(_, action)| *action == ServiceAction::Restart)
                .count()
        };
        [count(0), count(1), count(2)]
    };
    let before = restarts(&world);
    world
        .juju
        .borrow_mut()
        .config
        .insert("heartbeat_interval".into(), json!(150));
    world.settle();
    world.assert_converged();
    assert_eq!(restarts(&world), before.map(|count| count + 1));
    assert!(world.machine(1).config().contains("heartbeat-interval: 150"));
    world.settle();
    assert_eq!(restarts(&world), before.map(|count| count + 1), "and not again");
}

#[test]
fn new_ports_reach_members_and_clients() {
    let mut world = cluster(3);
    world.juju.borrow_mut().has_client = true;
    world.juju.borrow_mut().config.insert("port".into(), json!(2400));
    world
        .juju
        .borrow_mut()
        .config
        .insert("management_port".into(), json!(2401));
    world.settle();
    world.assert_converged();
    let urls: Vec<String> = world
        .members()
        .into_iter()
        .flat_map(|member| member.peer_urls)
        .collect();
    assert!(urls.iter().all(|url| url.ends_with(":2401")), "{urls:?}");
    let juju = world.juju.borrow();
    for unit in 0..3 {
        let bag = &juju.units[&unit].bags["db:2"];
        assert_eq!(
            bag["connection_string"],
            "https://10.0.0.0:2400,https://10.0.0.1:2400,https://10.0.0.2:2400"
        );
        assert_eq!(bag["version"], "3.4.23");
        assert_eq!(*bag, juju.units[&0].bags["db:2"], "the same on every unit");
        assert!(juju.units[&unit].ports.contains("2400/tcp") && !juju.units[&unit].ports.contains("2379/tcp"));
    }
}

#[test]
fn actions_tell_and_fail() {
    let mut world = cluster(3);
    assert_eq!(world.hook(0, "actions/health").unwrap().action_failure, None);
    assert!(world.juju.borrow().units[&0].results["output"].ends_with("cluster is healthy"));
    world.hook(0, "actions/package-client-credentials").unwrap();
    let host = &world.machine(0).host;
    for name in ["etcd_credentials.tar.gz", "etcd_client_credentials.tar.gz"] {
        assert_eq!(host.mode(&Path::new("/home/ubuntu").join(name)), Some(0o600));
    }
    let command = world.juju.borrow().units[&0].results["command"].clone();
    assert_eq!(command, "juju scp etcd/0:/home/ubuntu/etcd_credentials.tar.gz .");
    world.machine(2).power_off();
    let failure = world.hook(0, "actions/health").unwrap().action_failure.unwrap();
    assert_eq!(failure, "cluster is degraded: etcd2 not healthy");
    assert!(world.juju.borrow().units[&0].results["result-map.message"].contains("etcd2) is unreachable"));
}

#[test]
fn health_without_quorum_names_every_endpoint() {
    let mut world = cluster(3);
    world.machine(1).power_off();
    world.machine(2).power_off();
    let failure = world.hook(0, "actions/health").unwrap().action_failure.unwrap();
    assert!(failure.contains("unavailable"), "{failure}");
    let output = world.juju.borrow().units[&0].results["output"].clone();
    for line in [
        "endpoint https://10.0.0.1:2379 is unreachable",
        "endpoint https://10.0.0.2:2379 is unreachable",
    ] {
        assert!(output.contains(line), "no {line:?} in {output}");
    }
}

#[test]
fn an_application_that_had_no_unit_left_founds_anew() {
    let mut world = cluster(1);
    world.remove(0).unwrap();
    world.add_units(2);
    world.juju.borrow_mut().leader = 1;
    world.start(1);
    world.start(2);
    world.settle();
    for unit in [1, 2] {
        assert_eq!(world.status(unit), "active: Healthy with 2 known peers");
    }
}

#[test]
fn a_claim_is_not_void_while_a_founder_is_on_its_way_out_or_a_member_is_left() {
    let mut world = cluster(2);
    world.add_units(1);
    world.juju.borrow_mut().leader = 2;
    let claim = world.juju.borrow().shared["etcd-claim"].clone();
    world.start(2);
    assert_eq!(world.juju.borrow().shared["etcd-claim"], claim, "there are members");
    world.juju.borrow_mut().units.remove(&0);
    world.hook(2, "update-status").unwrap();
    assert_eq!(world.juju.borrow().shared["etcd-claim"], claim, "there still is one");
}

#[test]
fn a_unit_on_its_way_out_asks_for_no_repair() {
    let mut world = cluster(3);
    world.juju.borrow_mut().dying.insert(2);
    world.hook(2, "certificates-relation-departed").unwrap();
    world.juju.borrow_mut().has_authority = false;
    world.hook(2, "certificates-relation-broken").unwrap();
    world.hook(2, "cluster-relation-departed").unwrap();
    assert_eq!(world.status(2), "maintenance: Leaving the cluster");
    world.hook(1, "certificates-relation-broken").unwrap();
    assert_eq!(
        world.status(1),
        "blocked: Missing relation to certificate authority.",
        "the relation was removed, not the unit"
    );
    world.juju.borrow_mut().has_authority = true;
    world.remove(2).unwrap();
    world.settle();
    world.assert_converged();
}

#[test]
fn clients_are_not_sent_to_a_port_that_waits_for_its_restart() {
    let mut world = cluster(3);
    world.juju.borrow_mut().has_client = true;
    world.settle();
    world.machine(2).power_off();
    world.juju.borrow_mut().config.insert("port".into(), json!(2400));
    world.hook(0, "config-changed").unwrap();
    assert!(world.status(0).starts_with("waiting: "), "{}", world.status(0));
    let juju = world.juju.borrow();
    let published = &juju.units[&0].bags["db:2"]["connection_string"];
    assert!(published.starts_with("https://10.0.0.0:2379,"), "{published}");
    assert!(juju.units[&0].ports.contains("2379/tcp"));
}

#[test]
fn a_restart_in_update_status_is_told_to_clients_at_once() {
    let mut world = cluster(3);
    world.juju.borrow_mut().has_client = true;
    world.settle();
    world.juju.borrow_mut().config.insert("port".into(), json!(2400));
    world.hook(0, "update-status").unwrap();
    let published = world.juju.borrow().units[&0].bags["db:2"]["connection_string"].clone();
    assert!(published.starts_with("https://10.0.0.0:2400,"), "{published}");
}

#[test]
fn a_quiet_update_status_asks_juju_ten_things_at_most() {
    let mut world = cluster(3);
    world.juju.borrow_mut().has_client = true;
    world.settle();
    for unit in 0..3 {
        world.hook(unit, "update-status").unwrap();
        assert!(world.calls.len() <= 10, "{:?}", world.calls);
        assert!(
            !world.calls.iter().any(|tool| tool == "network-get"),
            "{:?}",
            world.calls
        );
    }
    world.assert_converged();
}

#[test]
fn an_outage_is_looked_at_twice_before_it_is_announced_and_then_not_again() {
    let mut world = cluster(3);
    world.machine(2).power_off();
    let mut took = || {
        let began = world.machine(0).host.now();
        world.hook(0, "update-status").unwrap();
        let passed = world.machine(0).host.now().duration_since(began).unwrap();
        assert_eq!(world.status(0), "active: Degraded: 1 of 3 members not healthy (etcd2)");
        passed.as_secs()
    };
    assert_eq!((took(), took()), (3, 0));
}

/// Founding three, adding one, a restart and a removal.
fn story(world: &mut World) {
    world.juju.borrow_mut().has_authority = true;
    for unit in 0..3 {
        world.start(unit);
    }
    world.settle();
    world.add_units(1);
    world.start(3);
    world.settle();
    world
        .juju
        .borrow_mut()
        .config
        .insert("heartbeat_interval".into(), json!(150));
    world.settle();
    world.remove(0).unwrap();
    world.settle();
}

#[test]
fn a_hook_may_be_killed_anywhere() {
    support::quiet_kills();
    let mut whole = World::new(3);
    story(&mut whole);
    whole.assert_converged();
    let effects = whole.fuse.count();
    assert!(effects > 100, "{effects}");
    for effect in 1..=effects {
        let mut world = World::new(3);
        world.fuse.blow_at(effect);
        story(&mut world);
        world.settle();
        assert_eq!(world.killed, 1, "effect {effect}");
        world.assert_converged();
    }
}
