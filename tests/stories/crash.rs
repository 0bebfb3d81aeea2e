//! SIGKILL of the charm process at every hook-tool call of the hooks that bootstrap and that join: the hook runs again and
//! converges to the same cluster. One application for each call, several at a time, in one model.

use serde_json::Value;

use crate::support::{Cluster, Sandbox};

/// How many applications run side by side.
const AT_A_TIME: usize = 8;

/// How often a point is tried until the kill takes place.
const ROUNDS: usize = 3;

/// The last hooks before a unit is a member: the one that starts etcd, and the one that prepares it (writes the claim, or says
/// that the unit is ready).
const HOOKS: usize = 2;

/// A moment at which a hook dies.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Point {
    /// The hook's name.
    hook: String,
    /// Which tool call, counted over all runs of hooks of that name.
    call: usize,
}

/// Every tool call of the hooks that made the unit a member, taken from an undisturbed run. A member opens its port.
fn points(sandbox: &Sandbox, unit: &str) -> Vec<Point> {
    let runs: Vec<Value> = sandbox.hooks().into_iter().filter(|run| run["unit"] == unit).collect();
    let tools = |run: &Value| run["tools"].as_array().cloned().unwrap_or_default();
    let member = runs
        .iter()
        .position(|run| tools(run).iter().any(|tool| tool == "open-port"));
    let member = member.expect("a hook that opens the port");
    let mut points = Vec::new();
    for index in member.saturating_sub(HOOKS - 1)..=member {
        let hook = runs[index]["hook"].as_str().unwrap().to_owned();
        let earlier = runs[..index].iter().filter(|run| run["hook"] == runs[index]["hook"]);
        let earlier: usize = earlier.map(|run| tools(run).len()).sum();
        let calls = tools(&runs[index]).len();
        points.extend((1..=calls).map(|call| Point {
            hook: hook.clone(),
            call: earlier + call,
        }));
    }
    assert!(points.len() > 20, "only {points:?}");
    points
}

/// Arms the kill.
fn arm(sandbox: &Sandbox, unit: &str, point: &Point) {
    sandbox.ok(&["kill-hook", unit, &point.hook, "--at", &point.call.to_string()]);
}

#[test]
fn a_kill_at_any_tool_call_of_the_bootstrap_leaves_one_member_and_one_cluster() {
    let sandbox = Sandbox::with_etcd(1);
    let points = points(&sandbox, "etcd/0");
    let prepare = |applications: &[&str]| applications.iter().for_each(|name| sandbox.deploy_etcd_alone(name, 1));
    kill_at_each(&sandbox, "boot", points, 0, prepare, |application, point| {
        arm(&sandbox, &format!("{application}/0"), point);
        sandbox.certify(application);
    });
}

#[test]
fn a_kill_at_any_tool_call_of_a_join_leaves_two_members_and_one_cluster() {
    let sandbox = Sandbox::with_etcd(1);
    sandbox.ok(&["add-unit", "etcd"]);
    sandbox.settled_at("etcd", 2);
    let points = points(&sandbox, "etcd/1");
    let prepare = |applications: &[&str]| {
        applications.iter().for_each(|name| sandbox.deploy_etcd(name, 1));
        sandbox.settled(applications);
    };
    kill_at_each(&sandbox, "join", points, 1, prepare, |application, point| {
        sandbox.ok(&["add-unit", application]);
        arm(&sandbox, &format!("{application}/1"), point);
    });
}

/// Runs an application for every point, and again for those where events came together, so that the unit made fewer calls and
/// lived. Each must end as one whole cluster, whether its hook was killed or not.
#[track_caller]
fn kill_at_each(
    sandbox: &Sandbox,
    prefix: &str,
    mut points: Vec<Point>,
    unit: u32,
    prepare: impl Fn(&[&str]),
    start: impl Fn(&str, &Point),
) {
    let all = points.len();
    let mut number = 0;
    for _ in 0..ROUNDS {
        let mut lived = Vec::new();
        for batch in points.chunks(AT_A_TIME) {
            let names: Vec<String> = (number..).take(batch.len()).map(|index| name(prefix, index)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            number += batch.len();
            prepare(&names);
            for (name, point) in names.iter().zip(batch) {
                start(name, point);
            }
            let killed = finish(sandbox, &names, unit);
            lived.extend(
                batch
                    .iter()
                    .zip(killed)
                    .filter(|(_, killed)| !killed)
                    .map(|(point, _)| point.clone()),
            );
        }
        points = lived;
    }
    assert!(
        points.len() * 5 <= all,
        "of {all} kills these did not take place: {points:?}"
    );
}

/// Waits for the applications, checks each cluster, and removes them; for each whether a hook of its unit was killed.
#[track_caller]
fn finish(sandbox: &Sandbox, applications: &[&str], unit: u32) -> Vec<bool> {
    sandbox.settled(applications);
    let hooks = sandbox.hooks();
    for application in applications {
        sandbox.settled_at(application, unit + 1);
        Cluster::of(sandbox, application).assert_whole();
        sandbox.ok(&["remove-application", "--no-prompt", application]);
    }
    sandbox.ok(&[&["wait"], applications, &["--for", "removed", "--timeout", "120s"]].concat());
    let killed = |application: &&str| {
        let unit = format!("{application}/{unit}");
        hooks
            .iter()
            .any(|run| run["unit"] == unit.as_str() && run["exit"] == "killed")
    };
    applications.iter().map(killed).collect()
}

/// A name of an application: letters only, since it may not end in a dash and digits.
fn name(prefix: &str, index: usize) -> String {
    let letter = |number: usize| char::from(b'a' + u8::try_from(number % 26).unwrap_or_default());
    format!("{prefix}-{}{}", letter(index / 26), letter(index))
}
