//! The main job: three members, a client charm, five members, a killed etcd, three again.

use std::time::Duration;

use crate::support::{Cluster, Sandbox, charm, eventually};

#[test]
fn three_members_grow_to_five_survive_a_kill_and_shrink_to_three() {
    let sandbox = Sandbox::with_etcd(3);
    let cluster = Cluster::of(&sandbox, "etcd");
    cluster.assert_whole();
    let units = cluster.units();
    cluster.put(&units[0], "/story/key", "kept");
    assert_eq!(cluster.get(&units[2], "/story/key"), "kept");
    let first_ids = cluster.ids();

    sandbox.ok(&["add-unit", "etcd", "-n", "2"]);
    sandbox.settled_at("etcd", 5);
    cluster.assert_whole();

    cluster.kill_etcd(&units[1]);
    cluster.assert_whole();

    sandbox.ok(&["remove-unit", "--no-prompt", "etcd/3", "etcd/4"]);
    sandbox.settled_at("etcd", 3);
    cluster.assert_whole();
    assert_eq!(cluster.ids(), first_ids, "the cluster changed its identity");
    for unit in cluster.units() {
        assert_eq!(cluster.get(&unit, "/story/key"), "kept");
    }
    let status = sandbox.status();
    let application = &status["applications"]["etcd"];
    assert_eq!(application["application-status"]["current"], "active");
    for unit in application["units"].as_object().unwrap().values() {
        assert_eq!(unit["workload-status"]["message"], "Healthy with 3 known peers");
        assert_eq!(unit["open-ports"][0], "2379/tcp");
    }
    assert!(application["version"].as_str().unwrap().starts_with("3."));
}

#[test]
fn a_client_charm_reads_and_writes_with_the_certificate_it_was_given() {
    let sandbox = Sandbox::with_etcd(1);
    sandbox.ok(&["deploy", charm("etcd-client").to_str().unwrap(), "client"]);
    sandbox.ok(&["integrate", "client", "etcd"]);
    sandbox.settled(&["client"]);
    let status = sandbox.status();
    let message = status["applications"]["client"]["units"]["client/0"]["workload-status"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.contains("1 endpoint"),
        "the client shows what it read: {message}"
    );

    sandbox.ok(&["add-unit", "etcd", "-n", "2"]);
    sandbox.settled_at("etcd", 3);
    eventually(
        "the client to hear of all three endpoints",
        Duration::from_secs(30),
        || {
            let status = sandbox.status();
            let message = status["applications"]["client"]["units"]["client/0"]["workload-status"]["message"]
                .as_str()?
                .to_owned();
            message.contains("3 endpoints").then_some(())
        },
    );
    let cluster = Cluster::of(&sandbox, "etcd");
    cluster.assert_whole();
    assert!(
        !cluster.get("etcd/2", "/etcd-client/client/0").is_empty(),
        "the client wrote its key"
    );
}

#[test]
fn the_health_action_tells_health_and_fails_when_the_cluster_is_not() {
    let sandbox = Sandbox::with_etcd(3);
    let result = sandbox.ok(&["run", "etcd/0", "health", "--format", "json"]);
    let result: serde_json::Value = serde_json::from_str(&result).unwrap();
    assert_eq!(result["etcd/0"]["status"], "completed");
    let output = result["etcd/0"]["results"]["output"].as_str().unwrap();
    assert!(output.contains("healthy"), "{output}");
    assert_eq!(
        result["etcd/0"]["results"]["result-map"]["message"].as_str(),
        Some(output)
    );

    for unit in ["etcd/1", "etcd/2"] {
        sandbox.ok(&["ssh", unit, "systemctl", "stop", "etcd"]);
    }
    let result = sandbox.ok(&["run", "etcd/0", "health", "--format", "json"]);
    let result: serde_json::Value = serde_json::from_str(&result).unwrap();
    assert_eq!(
        result["etcd/0"]["status"], "failed",
        "two of three members are down: {result}"
    );
    assert!(!result["etcd/0"]["message"].as_str().unwrap().is_empty());
}

#[test]
fn both_names_of_the_credentials_are_private_and_work() {
    let sandbox = Sandbox::with_etcd(1);
    sandbox.ok(&["run", "etcd/0", "generate-client-certificates"]);
    let modes = sandbox.ok(&[
        "ssh",
        "etcd/0",
        "stat",
        "--format=%a",
        "etcd_credentials.tar.gz",
        "etcd_client_credentials.tar.gz",
    ]);
    assert_eq!(modes.split_whitespace().collect::<Vec<_>>(), ["600", "600"]);
    Cluster::of(&sandbox, "etcd").put("etcd/0", "/story/key", "written with the credentials");
}
