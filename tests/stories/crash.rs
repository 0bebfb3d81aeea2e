//! SIGKILL of the charm process at every hook-tool call of the hooks that bootstrap and that join: the hook runs again and
//! converges to the same cluster. One application per call, several at a time, in one model.

use crate::support::{Cluster, Sandbox};

/// How many applications run side by side.
const AT_A_TIME: usize = 4;

/// The hooks of one unit, with the number of tool calls of each, that were run before the unit became a member; taken from an
/// undisturbed run.
fn calls_until_member(sandbox: &Sandbox, unit: &str) -> u64 {
    let hooks = sandbox.hooks();
    let calls = hooks
        .iter()
        .filter(|hook| hook["unit"] == unit && hook["exit"] == "0")
        .filter_map(|hook| hook["tool-calls"].as_u64());
    calls.sum()
}

#[test]
fn a_kill_at_any_tool_call_of_the_bootstrap_leaves_one_member_and_one_cluster() {
    let sandbox = Sandbox::with_etcd(1);
    let calls = calls_until_member(&sandbox, "etcd/0");
    assert!(calls > 10, "the bootstrap made only {calls} tool calls");
    let points: Vec<u64> = (1..=calls).collect();
    for batch in points.chunks(AT_A_TIME) {
        let applications: Vec<String> = batch.iter().map(|call| format!("boot-{}", name(*call))).collect();
        for (application, call) in applications.iter().zip(batch) {
            sandbox.ok(&["kill-hook", &format!("{application}/0"), "--at", &call.to_string()]);
            sandbox.deploy_etcd(application, 1);
        }
        finish(&sandbox, &applications);
    }
}

#[test]
fn a_kill_at_any_tool_call_of_a_join_leaves_two_members_and_one_cluster() {
    let sandbox = Sandbox::with_etcd(1);
    sandbox.ok(&["add-unit", "etcd"]);
    sandbox.settled_at("etcd", 2);
    let calls = calls_until_member(&sandbox, "etcd/1");
    assert!(calls > 10, "the join made only {calls} tool calls");
    let points: Vec<u64> = (1..=calls).collect();
    for batch in points.chunks(AT_A_TIME) {
        let applications: Vec<String> = batch.iter().map(|call| format!("join-{}", name(*call))).collect();
        for application in &applications {
            sandbox.deploy_etcd(application, 1);
        }
        sandbox.settled(&applications.iter().map(String::as_str).collect::<Vec<_>>());
        for (application, call) in applications.iter().zip(batch) {
            sandbox.ok(&["kill-hook", &format!("{application}/1"), "--at", &call.to_string()]);
            sandbox.ok(&["add-unit", application]);
        }
        finish(&sandbox, &applications);
    }
}

/// Waits for the applications, checks each cluster, and removes them.
fn finish(sandbox: &Sandbox, applications: &[String]) {
    sandbox.settled(&applications.iter().map(String::as_str).collect::<Vec<_>>());
    for application in applications {
        Cluster::of(sandbox, application).assert_whole();
        sandbox.ok(&["remove-application", "--no-prompt", application]);
    }
    let mut words = vec!["wait"];
    words.extend(applications.iter().map(String::as_str));
    words.extend(["--for", "removed", "--timeout", "120s"]);
    sandbox.ok(&words);
}

/// A number in letters, since an application's name may not end in a dash and digits.
fn name(number: u64) -> String {
    number
        .to_string()
        .bytes()
        .map(|digit| char::from(digit - b'0' + b'a'))
        .collect()
}
