//! The Juju leader changing while the cluster is being made: never two clusters.

use std::time::Duration;

use crate::support::{Cluster, Sandbox, eventually};

#[test]
fn leadership_that_moves_between_deploy_and_bootstrap_makes_one_cluster() {
    let sandbox = Sandbox::new();
    sandbox.deploy_authority();
    sandbox.settled(&["easyrsa"]);
    sandbox.deploy_etcd("etcd", 3);
    let units = ["etcd/0", "etcd/1", "etcd/2"];
    eventually("the first leader", Duration::from_secs(60), || {
        let status = sandbox.status();
        let units = status["applications"]["etcd"]["units"].as_object()?.clone();
        units.values().any(|unit| unit["leader"] == true).then_some(())
    });
    // Leadership goes round while the units install, get certificates, claim and bootstrap. A unit whose agent does not run yet
    // cannot lead.
    let moved = (0..12).filter(|turn| {
        let output = sandbox.run(&["skew-leader", units[turn % 3]]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() || error.contains("its agent is not started"),
            "{error}"
        );
        std::thread::sleep(Duration::from_millis(250));
        output.status.success()
    });
    assert!(moved.count() >= 4, "leadership hardly moved");
    sandbox.settled(&["etcd"]);
    Cluster::of(&sandbox, "etcd").assert_whole();
}

#[test]
fn a_new_leader_of_a_running_cluster_starts_no_second_one() {
    let sandbox = Sandbox::with_etcd(3);
    let cluster = Cluster::of(&sandbox, "etcd");
    let before = cluster.ids();
    let leader = sandbox.leader("etcd");
    let next = cluster.units().into_iter().find(|unit| *unit != leader).unwrap();
    sandbox.ok(&["skew-leader", &next]);
    sandbox.settled(&["etcd"]);
    sandbox.ok(&["add-unit", "etcd"]);
    sandbox.settled_at("etcd", 4);
    sandbox.ok(&["remove-unit", "--no-prompt", &leader]);
    sandbox.settled_at("etcd", 3);
    cluster.assert_whole();
    assert_eq!(cluster.ids(), before);
}
