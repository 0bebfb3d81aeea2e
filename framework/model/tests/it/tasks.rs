//! Actions and commands.

use model::{Changes, Effect, Event, Exit, Operation, Reply, TaskStatus};
use serde_json::{Map, Value, json};

use crate::support::{World, app, relation_set, server_charm, unit};

fn world(units: u32) -> World {
    let mut world = World::new();
    world.deploy(server_charm(), "server", units);
    world.settle();
    world.take_log();
    world
}

fn action(units: &[&str], name: &str, params: Value) -> Event {
    let params = match params {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    Event::EnqueueAction {
        units: units.iter().map(|unit| (*unit).to_owned()).collect(),
        action: name.into(),
        params,
    }
}

fn exec(unit: &str) -> Event {
    Event::EnqueueExec {
        units: vec![unit.to_owned()],
        command: "false".into(),
    }
}

fn run(world: &mut World, name: &str, exit: Exit, changes: Changes) -> Value {
    world.react("server/0", name, exit, changes);
    let event = if name == "juju-exec" {
        exec("server/0")
    } else {
        action(&["server/0"], name, json!({"keep": 1}))
    };
    let Reply::Enqueued { tasks, .. } = world.apply(event) else {
        panic!("not enqueued")
    };
    world.settle();
    world.model.task_view(tasks[0].0).unwrap()
}

fn failed_action(message: &str) -> Changes {
    let results = json!({"outer": {"inner": "1"}}).as_object().cloned().unwrap();
    Changes {
        action_failed: Some(message.to_owned()),
        action_results: results,
        ..Changes::default()
    }
}

#[test]
fn operations_and_tasks_share_one_counter() {
    let mut world = world(2);
    let reply = world.apply(action(&["server/0", "server/leader", "server/1"], "health", json!({})));
    let tasks = vec![(2, unit("server/0")), (3, unit("server/0")), (4, unit("server/1"))];
    assert_eq!(
        reply,
        Reply::Enqueued {
            operation: 1,
            tasks,
            failures: vec![]
        }
    );
    let Reply::Enqueued { operation, .. } = world.apply(exec("server/0")) else {
        panic!("not enqueued")
    };
    assert_eq!(operation, 5);
}

#[test]
fn a_result_has_what_the_process_said() {
    let mut world = world(1);
    let view = run(&mut world, "health", Exit::Code(0), Changes::default());
    assert_eq!(view["status"], "completed");
    assert_eq!(view["results"], json!({"return-code": 0, "stdout": "out\n"}));
    let keys: Vec<&String> = view.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "results", "status", "timing", "unit"]);
    assert!(view["timing"]["completed"].as_str().unwrap().ends_with(" +0000 UTC"));
}

#[test]
fn action_fail_with_exit_0_fails_the_task_and_commits() {
    let mut world = world(1);
    let mut changes = failed_action("too bad");
    changes.relations = relation_set(0, &[("k", "v")], &[]).relations;
    let view = run(&mut world, "backup", Exit::Code(0), changes);
    assert_eq!(
        (&view["status"], &view["message"]),
        (&json!("failed"), &json!("too bad"))
    );
    assert_eq!(view["results"]["return-code"], 0);
    assert_eq!(view["results"]["outer"]["inner"], "1");
    assert_eq!(
        world.model.relation(0).unwrap().units[&unit("server/0")].bag.settings["k"],
        "v"
    );
}

#[test]
fn an_exit_code_replaces_the_message_and_drops_the_changes() {
    let mut world = world(1);
    let mut changes = failed_action("too bad");
    changes.relations = relation_set(0, &[("k", "v")], &[]).relations;
    let view = run(&mut world, "backup", Exit::Code(2), changes);
    assert_eq!(
        (&view["status"], &view["message"]),
        (&json!("failed"), &json!("exit status 2"))
    );
    assert_eq!(
        view["results"]["outer"]["inner"], "1",
        "action-set is reported all the same"
    );
    assert!(
        !world.model.relation(0).unwrap().units[&unit("server/0")]
            .bag
            .settings
            .contains_key("k")
    );
    assert!(
        !world.unit("server/0").is_in_error(),
        "a failed action is no failed hook"
    );
}

#[test]
fn a_command_that_fails_is_completed_and_commits() {
    let mut world = world(1);
    let view = run(
        &mut world,
        "juju-exec",
        Exit::Code(3),
        relation_set(0, &[("k", "v")], &[]),
    );
    assert_eq!(
        (&view["status"], &view["results"]["return-code"]),
        (&json!("completed"), &json!(3))
    );
    assert_eq!(
        world.model.relation(0).unwrap().units[&unit("server/0")].bag.settings["k"],
        "v"
    );
}

#[test]
fn a_commit_that_fails_fails_the_action_but_keeps_the_code() {
    let mut world = world(2);
    world.apply(Event::SetLeader { unit: unit("server/1") });
    world.settle();
    let view = run(&mut world, "health", Exit::Code(0), relation_set(0, &[], &[("k", "v")]));
    assert_eq!(
        (&view["status"], &view["message"]),
        (&json!("failed"), &json!("committing requested changes failed"))
    );
    assert_eq!(view["results"]["return-code"], 0);
    assert_eq!(view["results"]["stderr"], "\"server/0\" is not leader of \"server\"\n");
}

#[test]
fn a_missing_script_is_not_implemented() {
    let mut world = world(1);
    let view = run(&mut world, "health", Exit::MissingScript, Changes::default());
    assert_eq!(view["message"], "action not implemented on unit \"server/0\"");
    assert!(view["results"].get("return-code").is_none());
}

#[test]
fn what_cannot_be_scheduled_says_why() {
    let mut world = world(1);
    assert_eq!(
        world.refusal(action(&["server/0"], "nope", json!({}))),
        "action \"nope\" not defined on unit \"server/0\""
    );
    assert_eq!(
        world.refusal(action(&["server/9"], "health", json!({}))),
        "unit \"server/9\" not found"
    );
    assert_eq!(
        world.refusal(action(&["x/leader"], "health", json!({}))),
        "application \"x\" not found"
    );
    let text = world.refusal(action(&["server/0"], "backup", json!({})));
    assert!(text.starts_with("validation failed: (root)"), "{text}");
    let text = world.refusal(action(&["server/0"], "backup", json!({"keep": "x"})));
    assert!(text.starts_with("validation failed: (root).keep : "), "{text}");
    let reply = world.apply(action(&["server/0", "server/7"], "health", json!({})));
    let failures = vec!["unit \"server/7\" not found".to_owned()];
    assert_eq!(
        reply,
        Reply::Enqueued {
            operation: 1,
            tasks: vec![(2, unit("server/0"))],
            failures
        }
    );
}

#[test]
fn defaults_are_filled_in_when_enqueued() {
    let mut world = world(1);
    world.apply(action(&["server/0"], "backup", json!({"keep": 3})));
    let model::TaskKind::Action { parameters, .. } = &world.model.task(2).unwrap().kind else {
        panic!("no action")
    };
    assert_eq!(Value::Object(parameters.clone()), json!({"keep": 3, "target": "/tmp"}));
}

#[test]
fn actions_run_between_install_and_start_but_not_before_install_nor_before_a_queued_hook() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    while world.machines() {}
    world.apply(action(&["server/0"], "health", json!({})));
    world.settle();
    let expected = [
        "install",
        "cluster-relation-created",
        "leader-elected",
        "health",
        "config-changed",
        "start",
    ];
    assert_eq!(world.take_log_of("server/0"), expected);
    world.apply(Event::Trust {
        application: app("server"),
        trust: true,
    });
    world.apply(action(&["server/0"], "health", json!({})));
    world.settle();
    assert_eq!(world.take_log_of("server/0"), ["health", "config-changed"]);
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    let name = unit("server/0");
    while world.unit("server/0").uniter.config_seen.is_none() {
        assert!(world.machines() || world.step_unit(&name));
    }
    world.apply(action(&["server/0"], "health", json!({})));
    world.take_log();
    world.settle();
    assert_eq!(world.take_log_of("server/0"), ["start", "health"]);
}

#[test]
fn actions_run_while_a_hook_is_in_error_even_install() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    world.react("server/0", "install", Exit::Code(1), Changes::default());
    world.settle();
    let view = run(&mut world, "health", Exit::Code(0), Changes::default());
    assert_eq!(view["status"], "completed");
    assert!(world.unit("server/0").is_in_error());
    assert_eq!(world.take_log_of("server/0"), ["install", "health"]);
}

#[test]
fn tasks_can_be_cancelled_before_and_while_they_run() {
    let mut world = world(1);
    world.apply(action(&["server/0", "server/0"], "health", json!({})));
    world.apply(Event::CancelTask { task: 3 });
    let name = unit("server/0");
    let operation = world.model.next_operation(&name, world.now).unwrap();
    assert_eq!(operation, Operation::Action { task: 2 });
    let context = world.start(&name, &operation);
    world.apply(Event::CancelTask { task: 2 });
    assert_eq!(world.model.task(2).unwrap().status, TaskStatus::Aborting);
    world.react("server/0", "health", Exit::Killed, Changes::default());
    world.finish(&name, &operation, &context);
    let status = |id: u64| world.model.task(id).unwrap().status;
    assert_eq!((status(2), status(3)), (TaskStatus::Aborted, TaskStatus::Cancelled));
    assert_eq!(
        world.refusal(Event::CancelTask { task: 3 }),
        "task 3 is already cancelled"
    );
    assert_eq!(world.refusal(Event::CancelTask { task: 9 }), "task \"9\" not found");
}

#[test]
fn a_task_that_was_running_at_a_restart_fails_and_is_not_run_again() {
    let mut world = world(1);
    world.apply(action(&["server/0"], "health", json!({})));
    let name = unit("server/0");
    world.start(&name, &Operation::Action { task: 2 });
    world.apply(Event::AgentRestarted);
    let view = world.model.task_view(2).unwrap();
    assert_eq!(
        (&view["status"], &view["message"]),
        (&json!("failed"), &json!("action terminated"))
    );
    assert_eq!(world.model.next_operation(&name, world.now), None);
}

#[test]
fn progress_is_kept_with_its_time() {
    let mut world = world(1);
    let say = Event::ToolEffect {
        unit: unit("server/0"),
        effect: Effect::ActionLog { message: "half".into() },
    };
    assert_eq!(world.refusal(say.clone()), "not running an action");
    world.apply(action(&["server/0"], "health", json!({})));
    world.start(&unit("server/0"), &Operation::Action { task: 2 });
    world.apply(say);
    let view = world.model.task_view(2).unwrap();
    assert!(view["log"][0].as_str().unwrap().ends_with(" +0000 UTC half"));
    assert_eq!(view["status"], "running");
}

#[test]
fn an_operation_shows_all_its_tasks() {
    let mut world = world(2);
    world.apply(action(&["server/1", "server/0"], "health", json!({})));
    assert_eq!(world.model.operation_status(1), Some(TaskStatus::Pending));
    world.react("server/1", "health", Exit::Code(1), Changes::default());
    world.settle();
    let view = world.model.operation_view(1).unwrap();
    assert_eq!(
        view.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["server/0", "server/1"]
    );
    let shown = world.model.show_operation(1).unwrap();
    assert_eq!(shown["1"]["status"], "failed");
    assert_eq!(shown["1"]["tasks"]["2"]["host"], "server/1");
    assert_eq!(shown["1"]["action"]["name"], "health");
}

#[test]
fn output_that_is_not_text_is_coded() {
    let mut world = world(1);
    world.apply(action(&["server/0"], "health", json!({})));
    let name = unit("server/0");
    let context_id = world.start(&name, &Operation::Action { task: 2 });
    let finished = Event::OperationFinished {
        unit: name,
        context_id,
        exit: Exit::Code(0),
        changes: Changes::default(),
        stdout: vec![0xff, 0xfe],
        stderr: b"a\r\nb\n".to_vec(),
    };
    let text = serde_json::to_string(&finished).unwrap();
    assert_eq!(
        serde_json::from_str::<Event>(&text).unwrap(),
        finished,
        "and survives the journal"
    );
    world.apply(finished);
    let results = &world.model.task_view(2).unwrap()["results"];
    let expected = json!({"return-code": 0, "stderr": "a\nb\n", "stdout": "//4=", "stdout-encoding": "base64"});
    assert_eq!(results, &expected);
}

#[test]
fn tasks_of_a_removed_unit_are_over() {
    let mut world = world(1);
    world.apply(action(&["server/0"], "health", json!({})));
    world.apply(Event::MachineRemoved { machine: 0 });
    assert_eq!(world.model.task(2).unwrap().status, TaskStatus::Cancelled);
}
