//! What happens around a tool: the agent's checks, standard input, output files, help, and the process's variables.

use juju::wire::{Request, STDIN_REQUIRED};

use super::{Case, MemoryFiles, World, fails, ok, unit};
use crate::event::{Event, Exit};
use crate::operation::{HookRun, Operation, RelationRun, RelationStage};

#[test]
fn bad_requests_are_refused_in_juju_s_order() {
    let world = World::new();
    let mut session = world.hook("server/0");
    let mut refuse = |request: Request| {
        session
            .context
            .call(&world.model, &request, &mut MemoryFiles::default())
            .unwrap_err()
    };
    let empty = Request {
        token: "t".into(),
        ..Request::default()
    };
    assert_eq!(refuse(empty.clone()), "bad request: token does not match");
    let request = Request {
        token: String::new(),
        ..empty
    };
    assert_eq!(refuse(request.clone()), "bad request: command not specified");
    let request = Request {
        command_name: "no-such-tool".into(),
        ..request
    };
    assert_eq!(refuse(request.clone()), "bad request: Dir is not absolute");
    let request = Request {
        dir: "/charm".into(),
        ..request
    };
    assert_eq!(refuse(request.clone()), "bad request: wrong context ID; got \"\"");
    let request = Request {
        context_id: "ctx".into(),
        ..request
    };
    assert_eq!(refuse(request), "bad request: unknown command: no-such-tool");
}

#[test]
fn standard_input_is_asked_for_and_nothing_has_happened_then() {
    let world = World::new();
    let mut session = world.db_changed("server/0", Some("client/0"));
    assert_eq!(
        session.call("relation-set --file - a=1", None).unwrap_err(),
        STDIN_REQUIRED
    );
    assert!(session.changes().relations.is_empty());
    assert!(session.call("relation-set --file - a=1", Some("b: 2")).is_ok());
    assert_eq!(session.changes().relations[&world.db().number].unit.len(), 2);
    assert_eq!(session.call("state-set --file -", None).unwrap_err(), STDIN_REQUIRED);
}

#[test]
fn output_goes_to_a_file() {
    let world = World::new();
    let mut session = world.hook("server/0");
    session.check(&[
        ok("config-get -o out.txt port", ""),
        ok("config-get --output /tmp/all.json --format json port", ""),
        fails(
            "config-get -o /forbidden/x port",
            1,
            "open /forbidden/x: permission denied",
        ),
    ]);
    assert_eq!(session.files.files["/charm/out.txt"], b"2379\n");
    assert_eq!(session.files.files["/tmp/all.json"], b"2379\n");
}

#[test]
fn help_and_the_option_grammar() {
    let world = World::new();
    let help = "Usage: config-get [options] [<key>]\n\nSummary:\nPrint application configuration.\n";
    world.hook("server/0").check(&[
        ok("config-get --help", help),
        ok("config-get -h", help),
        ok("config-get -- port", "2379\n"),
        ok("config-get port --format=json", "2379\n"),
        fails("config-get -x", 2, "option provided but not defined: -x"),
        fails("config-get --format", 2, "option needs an argument: --format"),
        fails(
            "config-get --all=perhaps",
            2,
            "invalid value \"perhaps\" for option --all: strconv.ParseBool: parsing \"perhaps\": invalid syntax",
        ),
    ]);
}

#[test]
fn tools_come_and_go_with_versions() {
    let new = World::of_version("4.0.15");
    let error = new.hook("server/0").call("leader-get", None).unwrap_err();
    assert_eq!(error, "bad request: unknown command: leader-get");
    let old = World::of_version("2.9.52");
    let error = old.hook("server/0").call("secret-ids", None).unwrap_err();
    assert_eq!(error, "bad request: unknown command: secret-ids");
}

#[test]
fn secrets_and_storage_say_what_they_cannot_do() {
    let world = World::new();
    world.hook("server/0").check(&[
        fails("secret-add a=b", 1, "secrets are not supported by this model"),
        fails("secret-ids --format json", 1, "secrets are not supported by this model"),
        ok("storage-list", ""),
        ok("storage-list --format json data", "[]\n"),
        fails("storage-get", 2, "no storage instance specified"),
        fails(
            "storage-get -s nonsense",
            2,
            "invalid value \"nonsense\" for option -s: invalid storage ID \"nonsense\"",
        ),
        fails(
            "storage-get -s data/0",
            2,
            "invalid value \"data/0\" for option -s: storage not found",
        ),
        fails("storage-add", 2, "storage add requires a storage directive"),
        fails("storage-add data=1G,2", 2, "only count can be specified for \"data\""),
        fails("storage-add data", 1, "storage is not supported by this model"),
        ok("resource-get snap", "/agents/unit-server-0/resources/server.snap"),
        fails("resource-get", 2, "missing required resource name"),
        fails("resource-get a b", 2, "unrecognized args: [\"b\"]"),
        fails(
            "resource-get other",
            1,
            "could not download resource: resource \"other\" not found",
        ),
    ]);
}

#[test]
fn finishing_hands_the_buffers_over() {
    let world = World::new();
    let mut session = world.hook("server/0");
    session.check(&[ok("open-port 80", ""), ok("state-set k=", "")]);
    let changes = session.changes().clone();
    let event = session.context.finish(Exit::Code(3), b"out".to_vec(), b"err".to_vec());
    let expected = Event::OperationFinished {
        unit: unit("server/0"),
        context_id: "ctx".into(),
        exit: Exit::Code(3),
        changes,
        stdout: b"out".to_vec(),
        stderr: b"err".to_vec(),
    };
    assert_eq!(event, expected);
}

#[test]
fn variables_of_hooks() {
    let world = World::new();
    let vars = world.hook("server/1").context.variables(&world.model);
    let expected = [
        ("JUJU_CONTEXT_ID", "ctx"),
        ("JUJU_HOOK_NAME", "config-changed"),
        ("JUJU_DISPATCH_PATH", "hooks/config-changed"),
        ("JUJU_UNIT_NAME", "server/1"),
        ("JUJU_MODEL_NAME", "m"),
        ("JUJU_MODEL_UUID", world.model.uuid()),
        ("JUJU_VERSION", "3.6.28"),
        ("JUJU_MACHINE_ID", "1"),
        ("JUJU_PRINCIPAL_UNIT", ""),
        ("JUJU_AVAILABILITY_ZONE", ""),
        ("JUJU_CHARM_NO_PROXY", ""),
        ("JUJU_SLA", "unsupported"),
        ("CLOUD_API_VERSION", ""),
        ("LANG", "C.UTF-8"),
        ("TERM", "tmux-256color"),
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("APT_LISTCHANGES_FRONTEND", "none"),
    ];
    for (name, value) in expected {
        assert_eq!(vars.get(name).map(String::as_str), Some(value), "{name}");
    }
    for name in [
        "HOME",
        "USER",
        "PATH",
        "JUJU_RELATION",
        "JUJU_REMOTE_UNIT",
        "JUJU_ACTION_NAME",
    ] {
        assert_eq!(vars.get(name), None, "{name}");
    }
}

#[test]
fn variables_of_relation_hooks() {
    let world = World::new();
    let db = world.db().number;
    let vars = world
        .db_changed("server/0", Some("client/1"))
        .context
        .variables(&world.model);
    assert_eq!(vars["JUJU_HOOK_NAME"], "db-relation-changed");
    assert_eq!(vars["JUJU_RELATION"], "db");
    assert_eq!(vars["JUJU_RELATION_ID"], format!("db:{db}"));
    assert_eq!(
        (vars["JUJU_REMOTE_APP"].as_str(), vars["JUJU_REMOTE_UNIT"].as_str()),
        ("client", "client/1")
    );
    assert_eq!(vars.get("JUJU_DEPARTING_UNIT"), None);
    let vars = world.db_changed("server/0", None).context.variables(&world.model);
    assert_eq!(
        vars["JUJU_REMOTE_UNIT"], "",
        "set but empty for hooks about the application"
    );
    let run = RelationRun {
        stage: RelationStage::Departed,
        relation: format!("db:{db}").parse().unwrap(),
        remote_application: "client".parse().unwrap(),
        remote_unit: Some(unit("client/1")),
        departing_unit: Some(unit("client/1")),
    };
    let session = world.session("server/0", Operation::Hook(HookRun::relation(run)));
    assert_eq!(
        session.context.variables(&world.model)["JUJU_DEPARTING_UNIT"],
        "client/1"
    );
}

#[test]
fn variables_of_actions_and_commands() {
    let mut world = World::new();
    let session = world.action("server/0", serde_json::json!({}));
    let task = session.context.operation().task().unwrap();
    let vars = session.context.variables(session.model);
    assert_eq!(
        vars["JUJU_ACTION_UUID"],
        task.to_string(),
        "a small number in spite of its name"
    );
    assert_eq!(vars["JUJU_ACTION_TAG"], format!("action-{task}"));
    assert_eq!(
        (vars["JUJU_ACTION_NAME"].as_str(), vars["JUJU_HOOK_NAME"].as_str()),
        ("backup", "")
    );
    assert_eq!(vars["JUJU_DISPATCH_PATH"], "actions/backup");
    let reply = world.apply(Event::EnqueueExec {
        units: vec!["server/0".into()],
        command: "ls".into(),
    });
    let crate::event::Reply::Enqueued { tasks, .. } = reply else {
        panic!("{reply:?}")
    };
    let vars = world
        .session("server/0", Operation::Exec { task: tasks[0].0 })
        .context
        .variables(&world.model);
    assert_eq!(
        (vars["JUJU_ACTION_NAME"].as_str(), vars["JUJU_HOOK_NAME"].as_str()),
        ("juju-exec", "")
    );
    assert_eq!(vars.get("JUJU_DISPATCH_PATH"), None);
}

/// The note on a format that means nothing has no newline, and the tool goes on.
#[test]
fn juju_log_ignores_its_format() {
    let world = World::new();
    let note = "--format flag deprecated for command \"juju-log\"".to_owned();
    world.hook("server/0").check(&[Case {
        stderr: note,
        ..ok("juju-log --format json x", "")
    }]);
}
