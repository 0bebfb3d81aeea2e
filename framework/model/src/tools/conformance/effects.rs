//! `status-get`, `status-set`, `application-version-set`, `juju-log`, `juju-reboot`.

use super::{NOW, Session, World, fails, ok, unit};
use crate::changes::Effect;
use crate::context::LogLine;
use crate::event::{Event, Exit};

#[test]
fn status_set() {
    let world = World::new();
    let mut session = world.hook("server/0");
    let usage = "expected one of [maintenance blocked waiting active]";
    session.check(&[
        ok("status-set active", ""),
        ok("status-set blocked 'needs a relation'", ""),
        ok("status-set --application=False waiting -- -odd", ""),
        fails("status-set", 2, "invalid args, require <status> [message]"),
        fails("status-set error", 2, &format!("invalid status \"error\", {usage}")),
        fails("status-set Active", 2, &format!("invalid status \"Active\", {usage}")),
        fails("status-set active one two", 2, "unrecognized args: [\"two\"]"),
    ]);
    assert_eq!(session.effects.len(), 3);
    assert_eq!(
        session.last_effect(),
        Some(&Effect::StatusSet {
            status: "waiting".into(),
            message: "-odd".into()
        })
    );
    session.check(&[ok("status-set --application=True active ready", "")]);
    let expected = Effect::ApplicationStatusSet {
        status: "active".into(),
        message: "ready".into(),
    };
    assert_eq!(session.last_effect(), Some(&expected));
    world.hook("server/1").check(&[
        fails("status-set --application active", 1, "this unit is not the leader"),
        ok("status-set active", ""),
    ]);
}

#[test]
fn status_get() {
    let mut world = World::new();
    world.write("server/0", &["status-set active fine"]);
    world.write("server/1", &["status-set blocked 'a: b'"]);
    world.write("server/2", &["status-set waiting"]);
    world.hook("server/0").check(&[
        ok("status-get", "active\n"),
        ok("status-get --format json", "{\"status\":\"active\"}\n"),
        ok("status-get --format yaml", "status: active\n"),
        ok("status-get --include-data", "message: fine\nstatus: active\nstatus-data: {}\n"),
        ok(
            "status-get --include-data --format=json --application=false",
            "{\"message\":\"fine\",\"status\":\"active\",\"status-data\":{}}\n",
        ),
        ok("status-get --application", "blocked\n"),
        ok(
            "status-get --application --format json",
            "{\"application-status\":{\"status\":\"blocked\",\"units\":{\"server/0\":{\"status\":\"active\"},\
             \"server/1\":{\"status\":\"blocked\"},\"server/2\":{\"status\":\"waiting\"}}}}\n",
        ),
        ok(
            "status-get --application=True --include-data",
            "application-status:\n  message: 'a: b'\n  status: blocked\n  status-data: {}\n  units:\n    server/0:\n      \
             message: fine\n      status: active\n      status-data: {}\n    server/1:\n      message: 'a: b'\n      \
             status: blocked\n      status-data: {}\n    server/2:\n      message: \"\"\n      status: waiting\n      \
             status-data: {}\n",
        ),
        fails("status-get x", 2, "unrecognized args: [\"x\"]"),
    ]);
    world.hook("server/1").check(&[
        ok("status-get", "blocked\n"),
        fails(
            "status-get --application",
            1,
            "finding application status: this unit is not the leader",
        ),
    ]);
    world.write("server/0", &["status-set --application active 'all well'"]);
    world
        .hook("server/0")
        .check(&[ok("status-get --application", "active\n")]);
}

#[test]
fn status_of_a_unit_whose_hook_failed() {
    let mut world = World::new();
    let set = [("port".to_owned(), "1".to_owned())].into();
    world.apply(Event::SetConfig {
        application: "server".parse().unwrap(),
        set,
        reset: vec![],
    });
    let operation = world.next("server/0").unwrap();
    world.apply(Event::OperationStarted {
        unit: unit("server/0"),
        operation: operation.clone(),
        context_id: "c".into(),
    });
    let context = world.model.open_context(&unit("server/0"), &operation, "c".into());
    world.apply(context.finish(Exit::Code(1), vec![], vec![]));
    world.action("server/0", serde_json::json!({})).check(&[
        ok("status-get", "error\n"),
        ok(
            "status-get --include-data --format json",
            "{\"message\":\"hook failed: \\\"config-changed\\\"\",\"status\":\"error\",\"status-data\":{\"hook\":\"config-changed\"}}\n",
        ),
    ]);
}

#[test]
fn status_stays_when_the_hook_fails_and_settings_do_not() {
    let mut world = World::new();
    let set = [("port".to_owned(), "1".to_owned())].into();
    world.apply(Event::SetConfig {
        application: "server".parse().unwrap(),
        set,
        reset: vec![],
    });
    let operation = world.next("server/0").unwrap();
    world.apply(Event::OperationStarted {
        unit: unit("server/0"),
        operation: operation.clone(),
        context_id: "c".into(),
    });
    let before = world.model.clone();
    let context = before.open_context(&unit("server/0"), &operation, "c".into());
    let mut session = Session {
        model: &before,
        context,
        files: Default::default(),
        effects: vec![],
    };
    let db = world.db().number;
    session.check(&[
        ok("status-set blocked x", ""),
        ok(&format!("relation-set -r {db} k=v"), ""),
        ok("state-set s=1", ""),
    ]);
    let Session { context, effects, .. } = session;
    for effect in effects {
        world.apply(effect);
    }
    world.apply(context.finish(Exit::Code(1), vec![], vec![]));
    assert_eq!(world.model.unit(&unit("server/0")).unwrap().workload.current, "blocked");
    let mut session = world.hook("server/0");
    session.check(&[
        ok(&format!("relation-get -r {db} k server/0"), ""),
        ok("state-get s", ""),
    ]);
}

#[test]
fn application_version_set() {
    let world = World::new();
    let mut session = world.hook("server/1");
    session.check(&[
        fails("application-version-set", 2, "no version specified"),
        fails("application-version-set 1 2", 2, "unrecognized args: [\"2\"]"),
        ok("application-version-set 3.5.1", ""),
        ok("application-version-set -- -odd-", ""),
    ]);
    assert_eq!(
        session.last_effect(),
        Some(&Effect::ApplicationVersionSet {
            version: "-odd-".into()
        })
    );
    session.check(&[ok("application-version-set ''", "")]);
    assert_eq!(
        session.last_effect(),
        Some(&Effect::ApplicationVersionSet { version: String::new() })
    );
    session.check(&[fails(
        "application-version-set --now 1",
        2,
        "option provided but not defined: --now",
    )]);
}

#[test]
fn juju_log() {
    let world = World::new();
    let mut session = world.hook("server/0");
    let mut said = |line: &str| -> Vec<(&'static str, String)> {
        let log = session.call(line, None).unwrap().log;
        log.into_iter()
            .map(|LogLine { level, message }| (level, message))
            .collect()
    };
    assert_eq!(said("juju-log hello world"), [("INFO", "hello world".into())]);
    assert_eq!(said("juju-log -l ERROR x"), [("ERROR", "x".into())]);
    assert_eq!(said("juju-log --log-level warning -- --x"), [("WARNING", "--x".into())]);
    assert_eq!(said("juju-log --debug x"), [("DEBUG", "x".into())]);
    assert_eq!(
        said("juju-log -l LOUD x"),
        [
            ("WARNING", "Specified log level of \"LOUD\" is not valid".into()),
            ("INFO", "x".into())
        ]
    );
    session.check(&[fails("juju-log", 2, "no message specified"), ok("juju-log x", "")]);
    let mut session = world.db_changed("server/0", Some("client/0"));
    let log = session.call("juju-log x", None).unwrap().log;
    assert_eq!(log[0].message, format!("db:{}: x", world.db().number));
}

#[test]
fn juju_reboot() {
    let world = World::new();
    let mut session = world.hook("server/0");
    session.check(&[
        ok("juju-reboot", ""),
        fails("juju-reboot x", 2, "unrecognized args: [\"x\"]"),
    ]);
    assert!(session.changes().reboot && session.effects.is_empty());
    session.check(&[ok("juju-reboot --now", "")]);
    assert_eq!(session.last_effect(), Some(&Effect::RebootNow));
}

#[test]
fn goal_state() {
    let mut world = World::new();
    world.write("server/0", &["status-set active"]);
    let since = NOW.iso_text();
    let line = |indent: &str, status: &str| format!("{indent}  status: {status}\n{indent}  since: {since}\n");
    let yaml = format!(
        "units:\n  server/0:\n{}  server/1:\n{}  server/2:\n{}relations:\n  db:\n    client:\n{}    client/0:\n{}    client/1:\n{}",
        line("  ", "active"),
        line("  ", "unknown"),
        line("  ", "unknown"),
        line("    ", "joined"),
        line("    ", "unknown"),
        line("    ", "unknown"),
    );
    world.hook("server/0").check(&[
        ok("goal-state", &yaml),
        ok("goal-state --format yaml", &yaml),
        fails(
            "goal-state --format smart",
            2,
            "invalid value \"smart\" for option --format: unknown format \"smart\"",
        ),
        fails("goal-state x", 2, "unrecognized args: [\"x\"]"),
    ]);
    let entry = |status: &str| format!("{{\"status\":\"{status}\",\"since\":\"{since}\"}}");
    let json = format!(
        "{{\"units\":{{\"client/0\":{0},\"client/1\":{0}}},\"relations\":{{\"database\":{{\"server\":{1},\"server/0\":{2},\
         \"server/1\":{0},\"server/2\":{0}}}}}}}\n",
        entry("unknown"),
        entry("joined"),
        entry("active"),
    );
    world.hook("client/0").check(&[ok("goal-state --format=json", &json)]);
    world.apply(Event::RemoveRelation {
        endpoints: vec!["server:db".into(), "client:database".into()],
        force: false,
    });
    world.apply(Event::RemoveUnits {
        units: vec![unit("server/2")],
        force: false,
    });
    world.settle();
    let units: Vec<String> = world.model.units().map(|unit| unit.name.to_string()).collect();
    assert!(!units.contains(&"server/2".to_owned()), "{units:?}");
    let yaml = format!(
        "units:\n  server/0:\n{}  server/1:\n{}relations: {{}}\n",
        line("  ", "active"),
        line("  ", "unknown"),
    );
    world.hook("server/1").check(&[ok("goal-state", &yaml)]);
}
