//! `relation-ids`, `relation-list`, `relation-get`, `relation-set`, `relation-model-get`, and who may read what.

use super::{World, fails, fed, ok, unit};
use crate::event::Event;
use crate::operation::{HookRun, Operation};

#[test]
fn relation_ids() {
    let world = World::new();
    let (db, peers) = (world.db().number, world.peers().number);
    world.hook("server/0").check(&[
        ok("relation-ids db", &format!("db:{db}\n")),
        ok("relation-ids --format=json db", &format!("[\"db:{db}\"]\n")),
        ok("relation-ids cluster --format yaml", &format!("- cluster:{peers}\n")),
        ok("relation-ids certificates", ""),
        ok("relation-ids --format json nothing", "[]\n"),
        ok("relation-ids --format yaml nothing", "[]\n"),
        fails("relation-ids", 2, "no endpoint name specified"),
        fails("relation-ids db x y", 2, "unrecognized args: [\"x\" \"y\"]"),
        fails(
            "relation-ids --format foo db",
            2,
            "invalid value \"foo\" for option --format: unknown format \"foo\"",
        ),
    ]);
    world
        .db_changed("server/0", Some("client/0"))
        .check(&[ok("relation-ids", &format!("db:{db}\n"))]);
}

/// Relations are entered after `install`; before that the tools know none.
#[test]
fn a_unit_that_is_not_installed_knows_no_relation() {
    let mut world = World::new();
    world.apply(Event::AddUnits {
        application: "server".parse().unwrap(),
        count: 1,
    });
    let (address, hostname) = ("10.0.0.9".to_owned(), "host-5".to_owned());
    world.apply(Event::MachineStarted {
        machine: 5,
        address,
        hostname,
    });
    world.apply(Event::AgentStarted { unit: unit("server/3") });
    assert_eq!(world.next("server/3"), Some(Operation::Hook(HookRun::plain("install"))));
    let peers = world.peers().number;
    let not_found = format!("invalid value \"{peers}\" for option -r: relation not found");
    world
        .session("server/3", Operation::Hook(HookRun::plain("install")))
        .check(&[
            ok("relation-ids cluster", ""),
            ok("relation-ids db --format json", "[]\n"),
            fails(&format!("relation-list -r {peers}"), 2, &not_found),
        ]);
    world.settle();
    world
        .hook("server/3")
        .check(&[ok("relation-ids cluster", &format!("cluster:{peers}\n"))]);
}

#[test]
fn relation_list() {
    let world = World::new();
    let (db, peers) = (world.db().number, world.peers().number);
    world.hook("server/0").check(&[
        ok(&format!("relation-list -r {db}"), "client/0\nclient/1\n"),
        ok(
            &format!("relation-list -r db:{db} --format json"),
            "[\"client/0\",\"client/1\"]\n",
        ),
        ok(
            &format!("relation-list --relation=nonsense:{peers}"),
            "server/1\nserver/2\n",
        ),
        ok(&format!("relation-list -r{db} --app"), "client\n"),
        ok(&format!("relation-list --app --format=json -r {peers}"), "\"server\"\n"),
        fails("relation-list", 2, "no relation id specified"),
        fails(
            "relation-list -r 99",
            2,
            "invalid value \"99\" for option -r: relation not found",
        ),
        fails(
            "relation-list --relation x",
            2,
            "invalid value \"x\" for option --relation: invalid relation id",
        ),
        fails(&format!("relation-list -r {db} y"), 2, "unrecognized args: [\"y\"]"),
    ]);
    world
        .db_changed("client/1", Some("server/2"))
        .check(&[ok("relation-list", "server/0\nserver/1\nserver/2\n")]);
}

#[test]
fn relation_get_finds_its_target() {
    let mut world = World::new();
    let db = world.db().number;
    world.write(
        "client/0",
        &[&format!("relation-set -r {db} user=jim item10=a item9=b")],
    );
    world.write("client/0", &[&format!("relation-set -r {db} --app shared=yes")]);
    let bag = "egress-subnets: 10.0.0.4/32\ningress-address: 10.0.0.4\nitem9: b\nitem10: a\nprivate-address: 10.0.0.4\nuser: jim\n";
    let json = "{\"egress-subnets\":\"10.0.0.4/32\",\"ingress-address\":\"10.0.0.4\",\"item10\":\"a\",\"item9\":\"b\",\
                \"private-address\":\"10.0.0.4\",\"user\":\"jim\"}\n";
    world.db_changed("server/1", Some("client/0")).check(&[
        ok("relation-get", bag),
        ok("relation-get -", bag),
        ok("relation-get --format json", json),
        ok("relation-get user", "jim\n"),
        ok("relation-get user client/0", "jim\n"),
        ok("relation-get --format=yaml private-address client/1", "10.0.0.5\n"),
        ok("relation-get missing", ""),
        ok("relation-get missing --format json", "null\n"),
        ok("relation-get --app", "shared: \"yes\"\n"),
        ok("relation-get --app shared client", "yes\n"),
        ok("relation-get --app shared client/1", "yes\n"),
        fails(
            "relation-get - client",
            2,
            "expected unit name, got application name \"client\"",
        ),
        fails("relation-get - Bad/x", 2, "invalid unit name \"Bad/x\""),
        fails("relation-get user client/0 more", 2, "unrecognized args: [\"more\"]"),
        fails(
            "relation-get - client/7",
            1,
            &format!(
                "cannot read settings for unit \"client/7\" in relation \"{}\": settings not found",
                world.db().key()
            ),
        ),
    ]);
    world
        .db_changed("server/1", None)
        .check(&[ok("relation-get", "shared: \"yes\"\n"), ok("relation-get user", "")]);
    world.hook("server/1").check(&[
        fails("relation-get", 2, "no relation id specified"),
        fails(&format!("relation-get -r {db}"), 2, "no unit or application specified"),
        fails(
            &format!("relation-get -r {db} --app"),
            2,
            "no unit or application specified",
        ),
    ]);
}

#[test]
fn who_may_read_which_bag() {
    let mut world = World::new();
    let (db, peers) = (world.db().number, world.peers().number);
    world.write(
        "server/0",
        &[
            &format!("relation-set -r {db} --app k=v"),
            &format!("relation-set -r {peers} --app p=q"),
        ],
    );
    world.hook("server/0").check(&[
        ok(&format!("relation-get -r {db} --app - server"), "k: v\n"),
        ok(&format!("relation-get -r {peers} --app - server"), "p: q\n"),
        ok(
            &format!("relation-get -r {peers} private-address server/1"),
            "10.0.0.2\n",
        ),
        fails(&format!("relation-get -r {db} - server/1"), 1, "permission denied"),
    ]);
    world.hook("server/1").check(&[
        fails(&format!("relation-get -r {db} --app - server"), 1, "permission denied"),
        ok(&format!("relation-get -r {peers} --app - server"), "p: q\n"),
        ok(&format!("relation-get -r {db} private-address server/1"), "10.0.0.2\n"),
        fails(&format!("relation-get -r {db} --app - other"), 1, "permission denied"),
        fails(&format!("relation-get -r {db} - other/0"), 1, "permission denied"),
    ]);
    world
        .hook("client/1")
        .check(&[ok(&format!("relation-get -r {db} --app k server"), "v\n")]);
}

#[test]
fn relation_set_reads_pairs_and_files() {
    let world = World::new();
    let mut session = world.db_changed("server/0", Some("client/0"));
    session
        .files
        .files
        .insert("/charm/data.yaml".into(), b"a: 1.50\nb: ' x '\nc: yes\nd:\n".to_vec());
    session.check(&[
        ok("relation-set ' k = v ' empty= ''", ""),
        ok(
            "relation-get - server/0",
            "egress-subnets: 10.0.0.1/32\ningress-address: 10.0.0.1\nk: v\nprivate-address: 10.0.0.1\n",
        ),
        ok("relation-set private-address= ingress-address=", ""),
        ok("relation-set --file data.yaml c=no", ""),
        ok(
            "relation-get - server/0",
            "a: \"1.50\"\nb: ' x '\nc: \"no\"\negress-subnets: 10.0.0.1/32\nk: v\n",
        ),
        ok("relation-get a server/0 --format json", "\"1.50\"\n"),
        fed("relation-set --file -", "k: null\nz: \"line one\\nline two\"\n"),
        ok("relation-get z server/0", "line one\nline two\n"),
        ok("relation-get k server/0", ""),
        fed("relation-set --file -", ""),
        ok("relation-set", ""),
    ]);
    session.check(&[
        fails("relation-set a=1 a=2", 2, "key \"a\" specified more than once"),
        fails("relation-set word", 2, "expected \"key=value\", got \"word\""),
        fails("relation-set =x", 2, "expected \"key=value\", got \"=x\""),
        fails(
            "relation-set --file missing.yaml",
            1,
            "open /charm/missing.yaml: no such file or directory",
        ),
        fails("relation-set --bogus", 2, "option provided but not defined: --bogus"),
        fails("relation-set --file", 2, "option needs an argument: --file"),
        super::Case {
            stderr: "ERROR yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into string\n".into(),
            code: 1,
            ..fed("relation-set --file -", "a: [1]\n")
        },
        super::Case {
            stderr: "--format flag deprecated for command \"relation-set\"".into(),
            ..ok("relation-set --format json q=r", "")
        },
    ]);
    let edits = &session.changes().relations[&world.db().number].unit;
    assert_eq!(edits["q"].as_deref(), Some("r"));
    assert_eq!((&edits["k"], &edits["empty"]), (&None, &None), "an empty value deletes");
}

#[test]
fn relation_set_of_the_application_needs_leadership() {
    let world = World::new();
    let db = world.db().number;
    let mut leader = world.hook("server/0");
    leader.check(&[
        fails("relation-set --app k=v", 2, "no relation id specified"),
        ok(&format!("relation-set -r {db} --app k=v"), ""),
        ok(&format!("relation-get -r {db} --app k server"), "v\n"),
        ok(&format!("relation-set -r {db} --app=False unit=x"), ""),
    ]);
    assert_eq!(leader.changes().relations[&db].application.len(), 1);
    let mut follower = world.hook("server/1");
    follower.check(&[fails(
        &format!("relation-set -r {db} --app k=v"),
        1,
        "cannot write relation settings",
    )]);
    assert!(follower.changes().relations.is_empty());
}

#[test]
fn relation_model_get() {
    let world = World::new();
    let db = world.db().number;
    let uuid = world.model.uuid();
    world.hook("server/0").check(&[
        ok(&format!("relation-model-get -r {db}"), &format!("uuid: {uuid}\n")),
        ok(
            &format!("relation-model-get -r {db} --format json"),
            &format!("{{\"uuid\":\"{uuid}\"}}\n"),
        ),
        fails("relation-model-get", 2, "no relation id specified"),
    ]);
}

/// Settings of others do not move under a hook's hands; its own writes are seen at once.
#[test]
fn a_hook_sees_one_picture() {
    let mut world = World::new();
    let db = world.db().number;
    world.write("client/0", &[&format!("relation-set -r {db} v=1")]);
    let before = world.model.clone();
    let line = format!("relation-get -r {db} v client/0");
    let mut session = world.hook("server/1");
    session.check(&[ok(&line, "1\n")]);
    let context = session.context.clone();
    world.write("client/0", &[&format!("relation-set -r {db} v=2")]);
    assert_ne!(before, world.model);
    let mut later = world.hook("server/1");
    later.check(&[ok(&line, "2\n")]);
    later.context = context;
    later.check(&[ok(&line, "1\n")]);
}

/// The leader, and only the leader, is told of its own write to the peers' application bag.
#[test]
fn the_leader_hears_its_own_peer_write() {
    let mut world = World::new();
    let peers = world.peers().number;
    world.write("server/0", &[&format!("relation-set -r {peers} --app token=x")]);
    let heard = |name: &str| match world.next(name) {
        Some(Operation::Hook(hook)) => Some((hook.name, hook.relation.and_then(|run| run.remote_unit))),
        _ => None,
    };
    for name in ["server/0", "server/1"] {
        assert_eq!(heard(name), Some(("cluster-relation-changed".into(), None)), "{name}");
    }
    world.settle();
    world.write("server/0", &[&format!("relation-set -r {peers} own=x")]);
    assert_eq!(world.next("server/0"), None, "no hook for a write to the own unit bag");
    assert!(matches!(world.next("server/1"), Some(Operation::Hook(hook))
        if hook.relation.as_ref().is_some_and(|run| run.remote_unit == Some(unit("server/0")))));
}
