//! `config-get`, `is-leader`, `leader-get`, `leader-set`, `state-*`, `action-get`, `credential-get`.

use serde_json::json;

use super::{Case, World, fails, fed, ok};
use crate::changes::Effect;
use crate::event::Event;

#[test]
fn config_get() {
    let world = World::new();
    let all = "debug: false\nempty: \"\"\nlabel: <a&b>\nport: 2379\nratio: 1.5\n";
    let json = "{\"debug\":false,\"empty\":\"\",\"label\":\"\\u003ca\\u0026b\\u003e\",\"port\":2379,\"ratio\":1.5}\n";
    let null = json.replace("\"port\"", "\"name\":null,\"port\"");
    world.hook("server/0").check(&[
        ok("config-get", all),
        ok("config-get --format=yaml", all),
        ok("config-get --format=json", json),
        ok("config-get --all --format=json", &null),
        ok(
            "config-get -a",
            "debug: false\nempty: \"\"\nlabel: <a&b>\nname: null\nport: 2379\nratio: 1.5\n",
        ),
        ok("config-get port", "2379\n"),
        ok("config-get debug", "False\n"),
        ok("config-get debug --format yaml", "false\n"),
        ok("config-get empty", ""),
        ok("config-get empty --format json", "\"\"\n"),
        ok("config-get empty --format yaml", "\"\"\n"),
        ok("config-get ratio --format json", "1.5\n"),
        ok("config-get name", ""),
        ok("config-get name --format json", "null\n"),
        ok("config-get no-such-option", ""),
        ok("config-get no-such-option --format=json", "null\n"),
        ok("config-get trust --format=json", "null\n"),
        fails(
            "config-get --all port",
            2,
            "cannot use argument --all together with key \"port\"",
        ),
        fails("config-get port other", 2, "unrecognized args: [\"other\"]"),
        fails(
            "config-get --format xml",
            2,
            "invalid value \"xml\" for option --format: unknown format \"xml\"",
        ),
    ]);
}

#[test]
fn config_does_not_move_under_a_hook() {
    let mut world = World::new();
    let mut early = world.hook("server/0");
    early.check(&[ok("config-get port", "2379\n")]);
    let context = early.context.clone();
    let set = [("port".to_owned(), "4001".to_owned())].into();
    world.apply(Event::SetConfig {
        application: "server".parse().unwrap(),
        set,
        reset: vec![],
    });
    let mut session = world.hook("server/0");
    session.check(&[ok("config-get port", "4001\n")]);
    session.context = context;
    session.check(&[ok("config-get port", "2379\n")]);
}

#[test]
fn is_leader() {
    let mut world = World::new();
    world.hook("server/0").check(&[
        ok("is-leader", "True\n"),
        ok("is-leader --format json", "true\n"),
        ok("is-leader --format=yaml", "true\n"),
        fails("is-leader x", 2, "unrecognized args: [\"x\"]"),
    ]);
    let mut follower = world.hook("server/1");
    follower.check(&[
        ok("is-leader", "False\n"),
        ok("is-leader --format json", "false\n"),
        ok("is-leader --format yaml", "false\n"),
    ]);
    let denied = follower.context.clone();
    world.apply(Event::SetLeader {
        unit: super::unit("server/1"),
    });
    let mut session = world.hook("server/1");
    session.check(&[ok("is-leader", "True\n")]);
    session.context = denied;
    session.check(&[ok("is-leader", "False\n")]);
}

#[test]
fn leader_settings() {
    let mut world = World::new();
    world.write("server/0", &["leader-set token=abc n=1"]);
    let mut leader = world.hook("server/0");
    leader.check(&[
        ok("leader-get", "\"n\": \"1\"\ntoken: abc\n"),
        ok("leader-get -", "\"n\": \"1\"\ntoken: abc\n"),
        ok("leader-get --format json", "{\"n\":\"1\",\"token\":\"abc\"}\n"),
        ok("leader-get token", "abc\n"),
        ok("leader-get missing", ""),
        ok("leader-get missing --format json", "null\n"),
        fails("leader-get a=b", 2, "invalid key \"a=b\""),
        fails("leader-get a b", 2, "unrecognized args: [\"b\"]"),
        ok("leader-set token= new=1", ""),
        fails("leader-set word", 2, "expected \"key=value\", got \"word\""),
        fails("leader-set a=1 a=2", 2, "key \"a\" specified more than once"),
    ]);
    let settings = [("new".to_owned(), Some("1".to_owned())), ("token".to_owned(), None)].into();
    assert_eq!(leader.last_effect(), Some(&Effect::LeaderSet { settings }));
    let text = "cannot write leadership settings: cannot write settings: not the leader";
    world
        .hook("server/1")
        .check(&[ok("leader-get token", "abc\n"), fails("leader-set a=b", 1, text)]);
    world
        .hook("client/0")
        .check(&[ok("leader-get", "{}\n"), ok("leader-get --format=json", "{}\n")]);
}

#[test]
fn state() {
    let mut world = World::new();
    let mut session = world.hook("server/0");
    session.check(&[
        ok("state-get", "{}\n"),
        ok("state-get --format json", "null\n"),
        ok("state-get --format yaml -", "{}\n"),
        ok("state-get missing", ""),
        ok("state-get missing --format json", "\"\"\n"),
        ok("state-get missing --format yaml", "\"\"\n"),
        fails("state-get --strict missing", 1, "\"missing\" not found"),
        ok("state-set a=1 ' b = c ' empty=", ""),
        ok("state-get", "a: \"1\"\nb: c\nempty: \"\"\n"),
        ok("state-get --format json", "{\"a\":\"1\",\"b\":\"c\",\"empty\":\"\"}\n"),
        ok("state-get --strict empty --format json", "\"\"\n"),
        fed("state-set --file -", "file: true\na: 2\n"),
        ok("state-get a", "2\n"),
        ok("state-get file", "true\n"),
        ok("state-delete a", ""),
        ok("state-delete no-such-key", ""),
        ok("state-delete", ""),
        fails("state-get --strict a", 1, "\"a\" not found"),
        ok("state-set", ""),
        fails("state-delete a b", 2, "unrecognized args: [\"b\"]"),
        fails("state-get a b", 2, "unrecognized args: [\"b\"]"),
        fails("state-set word", 2, "expected \"key=value\", got \"word\""),
        fails(
            &format!("state-set {}=1", "k".repeat(257)),
            1,
            "max allowed key length (256) exceeded",
        ),
        fails(
            &format!("state-set k={}", "v".repeat(65537)),
            1,
            "max allowed value length (65536) exceeded",
        ),
    ]);
    world.write("server/0", &["state-set kept= other=x"]);
    world.hook("server/0").check(&[
        ok("state-get --format json", "{\"kept\":\"\",\"other\":\"x\"}\n"),
        ok("state-delete kept", ""),
        ok("state-get --format json", "{\"other\":\"x\"}\n"),
    ]);
    world.hook("server/1").check(&[ok("state-get --format json", "null\n")]);
}

#[test]
fn action_get() {
    let mut world = World::new();
    let outside = "not running an action";
    world.hook("server/0").check(&[
        fails("action-get", 1, outside),
        fails("action-set a=b", 1, outside),
        fails("action-fail", 1, outside),
        fails("action-log x", 1, outside),
    ]);
    world
        .action("server/0", json!({"path": "/x y", "deep": {"a": {"b": [1, "two"]}}}))
        .check(&[
            ok(
                "action-get",
                "deep:\n  a:\n    b:\n    - 1\n    - two\nkeep: 3\npath: /x y\n",
            ),
            ok(
                "action-get --format json",
                "{\"deep\":{\"a\":{\"b\":[1,\"two\"]}},\"keep\":3,\"path\":\"/x y\"}\n",
            ),
            ok("action-get keep", "3\n"),
            ok("action-get path", "/x y\n"),
            ok("action-get deep.a", "b:\n- 1\n- two\n"),
            ok("action-get deep.a.b --format json", "[1,\"two\"]\n"),
            ok("action-get missing", ""),
            ok("action-get missing --format json", "null\n"),
            ok("action-get path.deeper --format json", "null\n"),
            fails("action-get a b", 2, "unrecognized args: [\"b\"]"),
        ]);
}

#[test]
fn an_action_without_parameters_has_an_empty_map() {
    let mut world = World::new();
    world.named_action("server/0", "noop", json!({})).check(&[
        ok("action-get", "{}\n"),
        ok("action-get --format json", "{}\n"),
        ok("action-get --format yaml", "{}\n"),
        ok("action-get x", ""),
    ]);
}

#[test]
fn action_results() {
    let mut world = World::new();
    let mut session = world.action("server/0", json!({}));
    session.check(&[
        ok("action-get deep --format json", "null\n"),
        ok("action-set outfile.size=10G foo.bar=2", ""),
        ok("action-set foo.baz.val=3 foo.bar.zab=4 foo.baz=1 'text= kept as it is '", ""),
        ok("action-set", ""),
        fails("action-set word", 2, "argument \"word\" must be of the form key...=value"),
        fails("action-set stdout=x", 2, "cannot set reserved action key \"stdout\""),
        fails("action-set a.stderr-encoding=x", 2, "cannot set reserved action key \"stderr-encoding\""),
        fails(
            "action-set Key=x",
            2,
            "key \"Key\" must start and end with lowercase alphanumeric, and contain only lowercase alphanumeric and hyphens",
        ),
        fails(
            "action-set good=1 a..b=x",
            2,
            "key \"\" must start and end with lowercase alphanumeric, and contain only lowercase alphanumeric and hyphens",
        ),
    ]);
    let expected = json!({
        "outfile": {"size": "10G"}, "foo": {"bar": {"zab": "4"}, "baz": "1"}, "text": " kept as it is ",
    });
    assert_eq!(json!(session.changes().action_results), expected);
}

#[test]
fn action_fail_and_log() {
    let mut world = World::new();
    let mut session = world.action("server/0", json!({}));
    session.check(&[ok("action-fail", "")]);
    assert_eq!(
        session.changes().action_failed.as_deref(),
        Some("action failed without reason given, check action for errors")
    );
    session.check(&[
        ok("action-fail 'no space'", ""),
        ok("action-fail -- -dash", ""),
        fails("action-fail a b", 2, "unrecognized args: [\"b\"]"),
        ok("action-log one two", ""),
        fails("action-log", 2, "no message specified"),
        fails("juju-reboot", 1, "juju-reboot is not supported when running an action."),
    ]);
    assert_eq!(session.changes().action_failed.as_deref(), Some("-dash"));
    assert_eq!(
        session.last_effect(),
        Some(&Effect::ActionLog {
            message: "one two".into()
        })
    );
}

#[test]
fn credential_get() {
    let denied = |line: &str| fails(line, 1, "cannot access cloud credentials: permission denied");
    let cases: [Case; 3] = [
        denied("credential-get"),
        denied("credential-get --format json"),
        fails("credential-get x", 2, "unrecognized args: [\"x\"]"),
    ];
    World::new().hook("server/0").check(&cases);
}
