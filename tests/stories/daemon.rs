//! The daemon killed in the middle of a deployment: started again, it goes on and loses nothing.

use std::time::Duration;

use crate::support::{Cluster, Sandbox};

#[test]
fn a_daemon_killed_during_the_deployment_goes_on_and_loses_nothing() {
    let sandbox = Sandbox::new();
    sandbox.deploy_authority();
    sandbox.deploy_etcd("etcd", 3);
    // Wherever these moments fall: unpacking, installing, claiming, bootstrapping, settled.
    for pause in [150, 400, 700, 300, 1100, 500] {
        std::thread::sleep(Duration::from_millis(pause));
        sandbox.ok(&["kill-daemon"]);
        assert_eq!(sandbox.units("etcd").len(), 3, "the model lost units");
    }
    sandbox.settled(&["easyrsa", "etcd"]);
    let cluster = Cluster::of(&sandbox, "etcd");
    cluster.assert_whole();
    cluster.put("etcd/0", "/story/key", "before");
    sandbox.ok(&["kill-daemon"]);
    assert_eq!(
        cluster.get("etcd/1", "/story/key"),
        "before",
        "the members outlive the daemon"
    );
    cluster.assert_whole();
}
