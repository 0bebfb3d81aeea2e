//! The daemon dies, finds damage, fills its disk: what was acknowledged stays.

use minijuju::protocol::Request;
use serde_json::json;

use crate::world::World;
use crate::{active, deploy, exec, message, set_config};

#[test]
fn a_killed_daemon_loses_nothing_and_does_nothing_twice() {
    let mut world = World::new();
    deploy(&world, 1);
    world.wait(active());
    let unit = "[Service]\nExecStart=/bin/sleep 1000\n";
    let dir = world.model().machine("0").root().join("etc/systemd/system");
    fs_err::write(dir.join("sleeper.service"), unit).unwrap();
    let task = exec(
        &world,
        "demo/0",
        "systemctl daemon-reload && systemctl start sleeper && systemctl is-active sleeper",
    );
    assert_eq!(task["results"]["stdout"], json!("active\n"), "{task}");
    let services = world.processes_of("0");
    assert!(services >= 2, "the machine has an init and a service");

    // The hook waits for a file, so the daemon dies in its middle.
    set_config(&world, "hold", "true");
    let held = world.dir().join("holding");
    world.until("the hook is held", || held.exists());
    let hook_pid = fs_err::read_to_string(&held).unwrap();
    world.kill_daemon();
    assert!(world.processes() > services, "the hook outlives the daemon");
    fs_err::write(world.dir().join("release"), "").unwrap();
    fs_err::remove_file(&held).unwrap();
    // Damage that a dying daemon can leave: half an event.
    world.append_to_journal("0123abcd {\"seq\":99");
    world.start_daemon();
    assert!(
        !std::path::Path::new(&format!("/proc/{}", hook_pid.trim()))
            .join("cwd")
            .exists(),
        "the old hook is gone"
    );
    world.wait(active());
    assert_eq!(
        world.processes_of("0"),
        services,
        "the machine went on with the same services"
    );
    let hooks = world.trace("demo/0");
    assert_eq!(hooks.iter().filter(|hook| *hook == "install").count(), 1, "{hooks:?}");
    assert_eq!(
        exec(&world, "demo/0", "relation-get -r $(relation-ids cluster) held demo/0")["results"]["stdout"],
        json!("true\n")
    );

    assert!(world.second_daemon_error().contains("already has a daemon"));
    world.done(Request::Shutdown);
    world.until_daemon_ends();
    world.start_daemon();
    world.wait(active());
}

#[test]
fn a_damaged_journal_is_refused() {
    let mut world = World::new();
    deploy(&world, 1);
    world.wait(active());
    world.kill_daemon();
    let journal = world.model().journal();
    let content = fs_err::read_to_string(&journal).unwrap();
    fs_err::write(&journal, content.replacen("\"seq\":3", "\"seq\":4", 1)).unwrap();
    let error = world.second_daemon_error();
    assert!(
        error.contains("line 3 is damaged: its checksum does not match"),
        "{error}"
    );
    fs_err::write(&journal, content).unwrap();
    world.start_daemon();
    world.wait(active());
}

#[test]
fn a_long_journal_becomes_a_snapshot() {
    let mut world = World::new();
    deploy(&world, 1);
    world.wait(active());
    for n in 0..1100 {
        world.done(Request::Expose {
            application: "demo".into(),
            exposed: n % 2 == 0,
        });
    }
    world.done(Request::Expose {
        application: "demo".into(),
        exposed: true,
    });
    let lines = fs_err::read_to_string(world.model().journal()).unwrap().lines().count();
    assert!(lines < 1000, "{lines}");
    world.kill_daemon();
    world.start_daemon();
    world.wait(active());
    let status = world.done(Request::Status);
    assert_eq!(status["applications"]["demo"]["exposed"], json!(true));
    assert_eq!(message(&world, "demo/0"), "hello; peers:");
}

#[test]
fn a_journal_that_cannot_be_written_stops_the_model_and_loses_nothing_acknowledged() {
    let mut world = World::new();
    deploy(&world, 1);
    world.wait(active());
    world.kill_daemon();
    // Files of this daemon cannot grow beyond 200 KiB: the nearest to a full disk that needs no privileges.
    world.start_daemon_with_limit(200);
    world.wait(active());
    let value = |n: usize| format!("{n}").repeat(60_000);
    let mut acknowledged = 0;
    let error = loop {
        let set = [("greeting".to_owned(), value(acknowledged + 1))].into();
        match world.try_done(Request::ConfigSet {
            application: "demo".into(),
            set,
            reset: vec![],
        }) {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 9, "the limit was never reached");
    };
    assert!(error.starts_with("cannot write journal: "), "{error}");
    let error = world.error(Request::Expose {
        application: "demo".into(),
        exposed: true,
    });
    assert!(error.contains("is closed: an earlier write failed"), "{error}");
    world.done(Request::Status);
    world.done(Request::Shutdown);
    world.until_daemon_ends();

    world.start_daemon();
    world.wait(active());
    let config = world.done(Request::ConfigGet {
        application: "demo".into(),
    });
    assert_eq!(config["settings"]["greeting"]["value"], json!(value(acknowledged)));
    world.done(Request::Expose {
        application: "demo".into(),
        exposed: true,
    });
}

#[test]
fn a_daemon_that_is_killed_over_and_over_gets_there_in_the_end() {
    let mut world = World::new();
    deploy(&world, 2);
    for n in 0..20 {
        set_config(&world, "greeting", &format!("greeting {n}"));
        // From the middle of the first machines to long after the last hook.
        std::thread::sleep(std::time::Duration::from_millis(n * 13));
        world.kill_daemon();
        world.start_daemon();
        let config = world.done(Request::ConfigGet {
            application: "demo".into(),
        });
        assert_eq!(
            config["settings"]["greeting"]["value"],
            json!(format!("greeting {n}")),
            "acknowledged is kept"
        );
    }
    world.wait(active());
    assert_eq!(message(&world, "demo/0"), "greeting 19; peers: demo/1=here");
    assert_eq!(message(&world, "demo/1"), "greeting 19; peers: demo/0=here");
    for unit in ["demo/0", "demo/1"] {
        let hooks = world.trace(unit);
        let last_install = hooks.iter().rposition(|hook| hook == "install").unwrap();
        let first_start = hooks.iter().position(|hook| hook == "start").unwrap();
        assert!(
            last_install < first_start,
            "an installed unit is not installed again: {hooks:?}"
        );
    }
    world.done(Request::DestroyModel {
        force: false,
        timeout_ms: Some(60_000),
    });
    assert_eq!(world.processes(), 0);
}
