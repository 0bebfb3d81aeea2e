//! The daemon as a user of its socket sees it, with real processes and a charm of shell scripts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod charm;
mod recovery;
mod world;

use std::time::{Duration, Instant};

use minijuju::protocol::{Answer, Level, Request, WaitFor};
use serde_json::{Map, Value, json};

use world::{World, text};

fn active() -> Vec<WaitFor> {
    vec![WaitFor::Active { application: None }]
}

fn deploy(world: &World, units: u32) {
    let deployed = world.done(Request::Deploy {
        charm: charm::write(world.dir()),
        application: Some("demo".into()),
        units: Some(units),
        config: [("greeting".to_owned(), "hello".to_owned())].into(),
    });
    assert_eq!(
        deployed,
        json!({"charm": "demo", "revision": 0, "application": "demo", "base": "ubuntu@22.04/stable"})
    );
}

fn set_config(world: &World, key: &str, value: &str) {
    let set = [(key.to_owned(), value.to_owned())].into();
    world.done(Request::ConfigSet {
        application: "demo".into(),
        set,
        reset: vec![],
    });
}

fn exec(world: &World, unit: &str, command: &str) -> Value {
    let request = Request::Exec {
        units: vec![unit.into()],
        applications: vec![],
        machines: vec![],
        all: false,
        command: command.into(),
        wait_ms: Some(30_000),
    };
    let report = world.done(request);
    assert_eq!(report["timed_out"], json!(false), "{report}");
    report["tasks"][0].clone()
}

fn message(world: &World, unit: &str) -> String {
    let status = world.done(Request::Status);
    text(&status["applications"]["demo"]["units"][unit]["workload-status"]["message"])
}

#[test]
fn units_come_up_talk_to_each_other_and_follow_their_configuration() {
    let world = World::new();
    deploy(&world, 2);
    world.wait(active());
    // Each unit has the other's words out of the peer relation.
    assert_eq!(message(&world, "demo/0"), "hello; peers: demo/1=here");
    assert_eq!(message(&world, "demo/1"), "hello; peers: demo/0=here");

    set_config(&world, "greeting", "good evening");
    world.wait(active());
    assert_eq!(message(&world, "demo/0"), "good evening; peers: demo/1=here");
    let config = world.done(Request::ConfigGet {
        application: "demo".into(),
    });
    assert_eq!(config["settings"]["greeting"]["value"], json!("good evening"));
    assert_eq!(config["settings"]["greeting"]["source"], json!("user"));
    let error = world.error(Request::ConfigSet {
        application: "demo".into(),
        set: [("nonsense".to_owned(), "1".to_owned())].into(),
        reset: vec![],
    });
    assert!(error.contains("nonsense"), "{error}");

    let leads = |unit: &str| text(&exec(&world, unit, "is-leader")["results"]["stdout"]) == "True\n";
    let leader = if leads("demo/0") { "demo/0" } else { "demo/1" };
    let hooks = world.done(Request::Hooks {
        unit: Some(leader.into()),
    });
    let names: Vec<String> = hooks.as_array().unwrap().iter().map(|run| text(&run["hook"])).collect();
    assert_eq!(
        names[..5],
        [
            "install",
            "cluster-relation-created",
            "leader-elected",
            "config-changed",
            "start"
        ]
    );
    assert!(hooks[0]["tools"].as_array().unwrap().len() >= 2, "{hooks}");

    let log = world.log(Request::DebugLog {
        replay: true,
        lines: 0,
        follow: false,
        level: Some(Level::Debug),
        include: vec!["demo/0".into()],
        exclude: vec![],
    });
    let has = |level: Level, module: &str, message: &str| {
        log.iter()
            .any(|r| r.level == level && r.module == module && r.message == message && r.entity == "unit-demo-0")
    };
    assert!(has(Level::Debug, "unit.demo/0.install", "to stdout"), "{log:?}");
    assert!(has(Level::Warning, "unit.demo/0.install", "to stderr"));
    assert!(has(
        Level::Info,
        "unit.demo/0.juju-log",
        "installing in the hook's environment"
    ));
}

#[test]
fn actions_and_commands_run_in_the_hook_environment() {
    let world = World::new();
    deploy(&world, 1);
    world.wait(active());

    let run = |action: &str, params: Value| {
        let params: Map<String, Value> = params.as_object().cloned().unwrap_or_default();
        world.done(Request::Run {
            units: vec!["demo/leader".into()],
            action: action.into(),
            params,
            wait_ms: Some(30_000),
        })
    };
    let report = run("greet", json!({"name": "world"}));
    assert_eq!(report["status"], json!("completed"), "{report}");
    assert_eq!(report["tasks"][0]["unit"], json!("demo/0"));
    assert_eq!(report["tasks"][0]["results"]["greeting"], json!("hello world"));
    assert_eq!(report["tasks"][0]["results"]["stdout"], json!("said it\n"));
    assert_eq!(report["tasks"][0]["results"]["return-code"], json!(0));
    assert_eq!(report["tasks"][0]["log"][0][1], json!("about to speak"));

    let report = run("break", json!({}));
    assert_eq!(
        (&report["status"], &report["tasks"][0]["message"]),
        (&json!("failed"), &json!("no such luck"))
    );
    let report = run("unknown", json!({}));
    assert_eq!(
        report["errors"],
        json!(["action \"unknown\" not defined on unit \"demo/0\""])
    );

    let task = exec(
        &world,
        "demo/0",
        "echo $JUJU_UNIT_NAME in ${PWD#$CHARM_ROOT}; config-get greeting; exit 3",
    );
    assert_eq!(
        task["results"]["stdout"],
        json!("demo/0 in /var/lib/juju/agents/unit-demo-0/charm\nhello\n")
    );
    assert_eq!(
        (&task["results"]["return-code"], &task["status"]),
        (&json!(3), &json!("completed"))
    );
    assert_eq!(
        world.done(Request::ShowTask {
            task: text(&task["id"]),
            wait_ms: None
        })["results"],
        task["results"]
    );
    assert!(
        world
            .error(Request::ShowTask {
                task: "99".into(),
                wait_ms: None
            })
            .contains("not found")
    );

    // A task that takes too long is cancelled, and its process is gone.
    let request = Request::Exec {
        units: vec!["demo/0".into()],
        applications: vec![],
        machines: vec![],
        all: false,
        command: "exec sleep 300".into(),
        wait_ms: Some(300),
    };
    let report = world.done(request);
    assert_eq!(report["timed_out"], json!(true));
    let id = text(&report["tasks"][0]["id"]);
    world.done(Request::CancelTask {
        tasks: vec![id.clone()],
    });
    let task = world.done(Request::ShowTask {
        task: id,
        wait_ms: Some(20_000),
    });
    assert_eq!(task["status"], json!("aborted"));

    let target = world.done(Request::Target {
        target: "demo/0".into(),
    });
    assert!(text(&target["address"]).starts_with("127."), "{target}");
    assert!(
        world
            .error(Request::Target {
                target: "demo/7".into()
            })
            .contains("not found")
    );
}

#[test]
fn a_failed_hook_stops_its_unit_until_it_is_resolved() {
    let world = World::new();
    deploy(&world, 1);
    world.wait(active());
    set_config(&world, "fail", "true");
    world.wait(vec![WaitFor::Status {
        entity: "demo".into(),
        status: "error".into(),
    }]);
    let status = world.done(Request::Status);
    let unit = &status["applications"]["demo"]["units"]["demo/0"];
    assert_eq!(
        unit["workload-status"]["message"],
        json!("hook failed: \"config-changed\"")
    );
    // What the failed hook wrote was dropped, and commands still run.
    let task = exec(
        &world,
        "demo/0",
        "relation-get -r $(relation-ids cluster) failed demo/0",
    );
    assert_eq!(task["results"].get("stdout"), None, "{task}");

    let error = world.error(Request::Wait {
        conditions: active(),
        timeout_ms: 200,
    });
    assert_eq!(
        error,
        "timed out waiting for: demo/0: error (hook failed: \"config-changed\")"
    );
    world.done(Request::Resolve {
        units: vec![],
        all: true,
        retry: false,
    });
    world.wait(active());
    let error = world.error(Request::Resolve {
        units: vec!["demo/0".into()],
        all: false,
        retry: true,
    });
    assert_eq!(error, "unit \"demo/0\" is not in an error state");
}

#[test]
fn a_hook_killed_at_a_tool_call_is_run_again_from_the_start() {
    let world = World::new();
    deploy(&world, 1);
    world.wait(active());
    world.done(Request::KillHook {
        unit: "demo/0".into(),
        hook: Some("config-changed".into()),
        at: 2,
    });
    set_config(&world, "greeting", "again");
    world.wait(active());
    assert_eq!(message(&world, "demo/0"), "again; peers:");
    let hooks = world.done(Request::Hooks { unit: None });
    let runs: Vec<(String, usize)> = hooks
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .take(2)
        .rev()
        .map(|run| (text(&run["exit"]), run["tools"].as_array().unwrap().len()))
        .collect();
    assert_eq!(runs[0], ("killed".to_owned(), 2));
    assert_eq!(runs[1].0, "0");
    assert!(
        world
            .error(Request::KillHook {
                unit: "demo/9".into(),
                hook: None,
                at: 1
            })
            .contains("not found")
    );
}

#[test]
fn removed_units_leave_through_their_hooks_and_nothing_stays() {
    let world = World::new();
    deploy(&world, 2);
    world.wait(active());
    let machine = world.model().machine("1");
    assert!(machine.root().is_dir());
    world.done(Request::SkewLeader { unit: "demo/1".into() });
    world.wait(active());
    assert_eq!(
        exec(&world, "demo/1", "is-leader")["results"]["stdout"],
        json!("True\n")
    );

    world.done(Request::RemoveUnit {
        units: vec!["demo/1".into()],
        force: false,
    });
    world.wait(vec![
        WaitFor::Gone {
            entity: "demo/1".into(),
        },
        WaitFor::Active { application: None },
    ]);
    assert!(!machine.dir().exists() && !machine.socket().exists());
    assert_eq!(message(&world, "demo/0"), "hello; peers:");
    let hooks = world.trace("demo/1");
    assert_eq!(
        hooks[hooks.len() - 3..],
        ["cluster-relation-departed", "stop", "remove"]
    );
    assert_eq!(world.processes_of("1"), 0);

    world.done(Request::AddUnit {
        application: "demo".into(),
        count: 1,
    });
    world.wait(vec![
        WaitFor::Units {
            application: "demo".into(),
            count: 2,
        },
        WaitFor::Active {
            application: Some("demo".into()),
        },
    ]);
    world.done(Request::DestroyModel {
        force: false,
        timeout_ms: Some(60_000),
    });
    assert!(!world.model().dir().exists() && !world.model().runtime_dir().exists());
    assert_eq!(world.processes(), 0);
}

#[test]
fn a_reboot_ends_everything_on_the_machine_and_starts_it_again() {
    let world = World::new();
    deploy(&world, 1);
    world.wait(active());
    let before = exec(&world, "demo/0", "sleep 1000 > /dev/null 2>&1 & echo $!");
    let survivor = text(&before["results"]["stdout"]);
    set_config(&world, "reboot", "true");
    world.wait(active());
    assert!(
        !std::path::Path::new(&format!("/proc/{}/exe", survivor.trim())).exists(),
        "a reboot ends all processes"
    );
    let hooks = world.trace("demo/0");
    let end: Vec<&str> = hooks.iter().rev().take(3).rev().map(String::as_str).collect();
    // Killed in config-changed, which is run again as the first thing; the unit was started, so it is started again.
    assert!(
        end.contains(&"start") && end.iter().filter(|hook| **hook == "config-changed").count() == 2,
        "{hooks:?}"
    );
}

#[test]
fn a_machine_whose_init_has_died_gets_another_before_its_next_hook() {
    let world = World::new();
    deploy(&world, 1);
    world.wait(active());
    world.kill_processes_of("0");
    assert_eq!(world.processes_of("0"), 0);
    let task = exec(&world, "demo/0", "systemctl is-active nothing; config-get greeting");
    assert_eq!(task["results"]["stdout"], json!("inactive\nhello\n"), "{task}");
}

#[test]
fn another_charm_replaces_the_files_of_the_first() {
    let world = World::new();
    deploy(&world, 1);
    world.wait(active());
    let charm = charm::write(&world.dir().join("second"));
    fs_err::remove_file(charm.join("actions/break")).unwrap();
    fs_err::write(charm.join("new-file"), "new").unwrap();
    let refreshed = world.done(Request::Refresh {
        application: "demo".into(),
        charm,
    });
    assert_eq!(refreshed["revision"], json!(1));
    world.wait(active());
    let task = exec(&world, "demo/0", "cat new-file; ls actions");
    assert_eq!(task["results"]["stdout"], json!("newgreet\n"));
    let hooks = world.trace_in("second", "demo/0");
    assert_eq!(hooks[..2], ["upgrade-charm", "config-changed"]);
    assert!(
        world
            .error(Request::Refresh {
                application: "nobody".into(),
                charm: world.dir().join("charm")
            })
            .contains("not found")
    );
}

#[test]
fn clients_see_progress_and_can_follow_the_log() {
    let world = World::new();
    let charm = charm::write(world.dir());
    let follow = Request::DebugLog {
        replay: true,
        lines: 0,
        follow: true,
        level: None,
        include: vec!["demo".into()],
        exclude: vec![],
    };
    let mut followed = world.open(&follow);
    world.done(Request::Deploy {
        charm,
        application: None,
        units: Some(1),
        config: Default::default(),
    });
    let mut waiting = world.open(&Request::Wait {
        conditions: active(),
        timeout_ms: 60_000,
    });
    let mut progress = Vec::new();
    while let Answer::Progress { text } = waiting.next().unwrap() {
        progress.push(text);
    }
    assert!(
        progress
            .iter()
            .any(|text| text == "waiting for demo/0: executing (install)"),
        "{progress:?}"
    );
    exec(&world, "demo/0", "juju-log -l WARNING 'for the followers'");
    let found = followed.find(|answer| matches!(answer, Answer::Log(record) if record.message == "for the followers"));
    let Some(Answer::Log(record)) = found else {
        panic!("the record never came")
    };
    assert_eq!(
        (record.level, record.module.as_str()),
        (Level::Warning, "unit.demo/0.juju-log")
    );
}

#[test]
fn bad_requests_and_a_forced_end_do_no_harm() {
    let world = World::new();
    assert!(world.raw("nonsense\n").contains("cannot understand the request"));
    assert!(
        world
            .error(Request::Integrate {
                a: "x".into(),
                b: "y".into()
            })
            .contains("not found")
    );
    let missing = Request::Deploy {
        charm: "/nowhere.charm".into(),
        application: None,
        units: None,
        config: Default::default(),
    };
    assert_eq!(world.error(missing), "no charm was found at \"/nowhere.charm\"");
    deploy(&world, 1);
    set_config(&world, "hold", "true");
    let started = Instant::now();
    world.done(Request::DestroyModel {
        force: true,
        timeout_ms: None,
    });
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(world.processes(), 0);
    assert!(!world.model().dir().exists() && !world.model().runtime_dir().exists());
}
