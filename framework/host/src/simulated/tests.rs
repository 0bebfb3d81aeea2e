//! The machine in memory behaves like the real one.

use std::io::ErrorKind;

use super::*;
use crate::ActiveState;

fn p(path: &str) -> &Path {
    Path::new(path)
}

#[test]
fn files_have_content_and_mode() {
    let host = SimulatedHost::new();
    assert_eq!(host.read(p("/a/b")).expect("no error"), None);
    assert!(host.write(p("/a/b"), b"x", 0o600).expect("a write"));
    assert!(!host.write(p("/a/b"), b"x", 0o600).expect("unchanged"));
    assert!(host.write(p("/a/b"), b"x", 0o644).expect("another mode"));
    assert!(host.write(p("/a/b"), b"y", 0o644).expect("another content"));
    assert_eq!(host.read(p("/a/b")).expect("a file").as_deref(), Some(&b"y"[..]));
    assert_eq!((host.mode(p("/a")), host.mode(p("/a/b"))), (Some(0o755), Some(0o644)));
    assert!(
        host.read(p("/a")).is_err() && host.write(p("/a"), b"", 0o644).is_err(),
        "a directory"
    );
    assert!(host.write(p("/a/b/c"), b"", 0o644).is_err(), "a file is in the way");
    assert!(host.write(p("relative"), b"", 0o644).is_err());
    assert_eq!(host.paths(), [p("/a/b")]);
}

#[test]
fn directories() {
    let host = SimulatedHost::new();
    host.create_dir(p("/d/e"), 0o700).expect("a directory");
    host.write(p("/d/e/f"), b"", 0o644).expect("a write");
    host.write(p("/d/a"), b"", 0o644).expect("a write");
    assert_eq!(host.list(p("/d")).expect("a list"), ["a", "e"]);
    assert!(host.list(p("/nowhere")).expect("no error").is_empty());
    assert!(host.list(p("/d/a")).is_err());
    host.create_dir(p("/d/e"), 0o750).expect("it exists");
    assert_eq!(host.mode(p("/d/e")), Some(0o750));
    assert_eq!(host.list(p("/d/e")).expect("a list"), ["f"], "and keeps what it holds");
    host.remove(p("/d")).expect("a tree");
    host.remove(p("/d")).expect("gone is fine");
    assert!(!host.exists(p("/d/e/f")) && host.exists(p("/")));
    assert!(host.remove(p("/")).is_err());
}

#[test]
fn renaming_follows_the_rules() {
    let host = SimulatedHost::new();
    host.write(p("/old/x/y"), b"1", 0o600).expect("a write");
    host.write(p("/full/z"), b"2", 0o600).expect("a write");
    host.create_dir(p("/empty"), 0o755).expect("a directory");
    let kind = |from: &str, to: &str| match host.rename(p(from), p(to)) {
        Ok(()) => None,
        Err(HostError::File { source, .. }) => Some(source.kind()),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(kind("/nowhere", "/x"), Some(ErrorKind::NotFound));
    assert_eq!(kind("/old", "/nowhere/x"), Some(ErrorKind::NotFound));
    assert_eq!(kind("/old", "/old/x/new"), Some(ErrorKind::InvalidInput));
    assert_eq!(kind("/old", "/full"), Some(ErrorKind::DirectoryNotEmpty));
    assert_eq!(kind("/old", "/full/z"), Some(ErrorKind::NotADirectory));
    assert_eq!(kind("/full/z", "/empty"), Some(ErrorKind::IsADirectory));
    assert_eq!(kind("/old", "/old"), None);
    assert_eq!(kind("/old", "/empty"), None);
    assert!(!host.exists(p("/old")) && !host.exists(p("/old/x/y")));
    assert_eq!(host.read(p("/empty/x/y")).expect("moved").as_deref(), Some(&b"1"[..]));
    assert_eq!(kind("/empty/x/y", "/full/z"), None);
    assert_eq!(host.read(p("/full/z")).expect("replaced").as_deref(), Some(&b"1"[..]));
}

#[test]
fn broken_paths_refuse_changes() {
    let host = SimulatedHost::new();
    host.write(p("/data/a"), b"1", 0o600).expect("a write");
    host.break_path(p("/data"), ErrorKind::StorageFull);
    assert!(host.write(p("/data/a"), b"2", 0o600).is_err());
    assert!(host.rename(p("/data/a"), p("/b")).is_err() && host.remove(p("/data/a")).is_err());
    assert_eq!(
        host.read(p("/data/a")).expect("still readable").as_deref(),
        Some(&b"1"[..])
    );
    host.mend(p("/data"));
    assert!(host.write(p("/data/a"), b"2", 0o600).expect("a write"));
}

#[test]
fn commands_are_recorded_and_answered() {
    let host = SimulatedHost::new();
    host.answer("tool", Output::failed(1, "general"));
    host.answer("tool status", Output::ok("first"));
    host.answer("tool status", Output::ok("then"));
    let run = |line: &str| {
        let mut words = line.split(' ');
        let command = Command::new(words.next().unwrap_or_default()).args(words);
        host.run(&command)
            .map(|output| output.stdout_text() + &output.stderr_text())
    };
    assert_eq!(run("tool").expect("an answer"), "general");
    assert_eq!(run("tool statusx").expect("an answer"), "general");
    for text in ["first", "then", "then"] {
        assert_eq!(run("tool status -v").expect("an answer"), text);
    }
    assert_eq!(
        run("other").expect_err("unknown").to_string(),
        "cannot run other: no such program"
    );
    assert_eq!(host.command_lines().len(), 6);
    assert_eq!(host.commands()[2].arguments(), ["status", "-v"]);
}

#[test]
fn functions_play_programs_and_may_use_the_machine() {
    let host = SimulatedHost::new();
    let mut count = 0;
    host.program("save", move |host, command| {
        count += 1;
        host.write(p("/backup"), command.input().unwrap_or_default(), 0o600)?;
        host.run(&Command::new("inner"))?;
        Ok(Output::ok(count.to_string()))
    });
    host.program("inner", |_, _| Ok(Output::default()));
    for expected in ["1", "2"] {
        let output = host.run(&Command::new("/opt/bin/save").stdin("data")).expect("it runs");
        assert_eq!(output.stdout_text(), expected);
    }
    assert_eq!(host.read(p("/backup")).expect("a file").as_deref(), Some(&b"data"[..]));
    assert_eq!(host.which("save"), Some("/usr/bin/save".into()));
    assert_eq!(host.which("nothing"), None);
    host.write(p("/snap/bin/etcd"), b"", 0o755).expect("a write");
    assert_eq!(host.which("etcd"), Some("/snap/bin/etcd".into()));
}

#[test]
fn services_run_through_their_states() {
    let host = SimulatedHost::new();
    let active = |name: &str| host.service_state(name).expect("a state").active;
    let error = host
        .service("etcd", ServiceAction::Start)
        .expect_err("unknown")
        .to_string();
    assert_eq!(error, "cannot start service etcd: Unit etcd.service not found.");
    assert!(host.write_unit_file("etcd", "[Service]").expect("written"));
    assert!(!host.write_unit_file("etcd", "[Service]").expect("unchanged"));
    assert_eq!(active("etcd"), ActiveState::Inactive);
    assert!(host.service("etcd", ServiceAction::Reload).is_err(), "not running");

    host.service("etcd", ServiceAction::Start).expect("started");
    let first = host.service_state("etcd").expect("a state");
    assert_eq!((first.active, first.result.as_str()), (ActiveState::Active, "success"));
    host.service("etcd", ServiceAction::Start).expect("nothing to do");
    assert_eq!(
        host.service_state("etcd").expect("a state"),
        first,
        "it keeps its process"
    );
    host.service("etcd", ServiceAction::Restart).expect("restarted");
    assert_ne!(host.service_state("etcd").expect("a state").main_pid, first.main_pid);
    host.service("etcd.service", ServiceAction::Reload).expect("reloaded");

    host.crash_service("etcd", "signal");
    let crashed = host.service_state("etcd").expect("a state");
    assert_eq!(
        (crashed.active, crashed.main_pid, crashed.result.as_str()),
        (ActiveState::Failed, None, "signal")
    );
    host.service("etcd", ServiceAction::StartNoBlock).expect("asked for");
    assert_eq!(active("etcd"), ActiveState::Activating);
    host.sleep(Duration::from_millis(1));
    assert_eq!(active("etcd"), ActiveState::Active);
    host.service("etcd", ServiceAction::Stop).expect("stopped");
    assert_eq!(active("etcd"), ActiveState::Inactive);

    host.fail_service("etcd", Some("exit-code"));
    assert!(host.service("etcd", ServiceAction::Start).is_err());
    assert_eq!(host.service_state("etcd").expect("a state").result, "exit-code");
    host.service("etcd", ServiceAction::StartNoBlock).expect("asked for");
    host.advance(Duration::from_secs(1));
    assert_eq!(active("etcd"), ActiveState::Failed);
    host.fail_service("etcd", None);
    host.service("etcd", ServiceAction::Start).expect("started");
}

#[test]
fn services_are_enabled_logged_and_watched() {
    let host = SimulatedHost::new();
    host.add_service("cron");
    host.watch_services(|host, name, action| {
        host.write(p("/seen"), format!("{name} {action:?}").as_bytes(), 0o644)
            .expect("a write");
        host.service("cron", ServiceAction::Enable)
            .expect("not told to the watcher again");
    });
    host.service("cron", ServiceAction::Start).expect("started");
    assert_eq!(
        host.read(p("/seen")).expect("a file").as_deref(),
        Some(&b"cron Start"[..])
    );
    assert!(host.is_enabled("cron"));
    host.service("cron", ServiceAction::Disable).expect("disabled");
    let actions: Vec<ServiceAction> = host.service_actions().into_iter().map(|(_, action)| action).collect();
    use ServiceAction::{Disable, Enable, Start};
    assert_eq!(actions, [Start, Enable, Disable, Enable]);
}

#[test]
fn packages_clock_and_name() {
    let host = SimulatedHost::new();
    let handle = host.clone();
    host.fail_packages(Some("no network"));
    let error = host.install_packages(&["a"]).expect_err("refused").to_string();
    assert_eq!(error, "cannot run `apt-get install a`: exit status 100: no network");
    host.fail_packages(None);
    host.install_packages(&["b", "a"]).expect("installed");
    host.fail_packages(Some("no network"));
    host.install_packages(&["a"]).expect("it is there");
    assert_eq!(
        handle.packages().into_iter().collect::<Vec<_>>(),
        ["a", "b"],
        "handles share the machine"
    );
    let start = host.now();
    host.sleep(Duration::from_secs(5));
    assert_eq!(host.now(), start + Duration::from_secs(5));
    host.set_now(start);
    assert_eq!(handle.now(), start);
    host.set_hostname("m0");
    assert_eq!(host.hostname(), "m0");
}
