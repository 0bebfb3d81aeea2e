//! The programs as people and scripts use them: one charm, from `deploy` to `destroy-model`, and daemons that die.

#![expect(clippy::unwrap_used, reason = "a test may end where something is wrong")]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use minijuju::machine::processes::{signal_all, variable, with_variables};
use minijuju::paths::Home;
use rustix::process::Signal;
use serde_json::Value;

const MINIJUJU: &str = env!("CARGO_BIN_EXE_minijuju");

const CHARM: [(&str, &str); 5] = [
    (
        "metadata.yaml",
        "name: tiny\nsummary: s\ndescription: d\nprovides:\n  web: {interface: http}\nrequires:\n  site: {interface: http}\n\
         peers:\n  ring: {interface: ring}\n",
    ),
    (
        "config.yaml",
        "options:\n  port: {type: int, default: 80, description: p}\n  text: {type: string, default: '', description: t}\n",
    ),
    (
        "actions.yaml",
        "greet:\n  description: Say hello\n  params:\n    name: {type: string, default: you}\nboom:\n  description: Exits 3\n",
    ),
    (
        "manifest.yaml",
        "bases:\n- {name: ubuntu, channel: 22.04/stable, architectures: [amd64]}\n",
    ),
    (
        "dispatch",
        r#"#!/bin/bash
case "$JUJU_DISPATCH_PATH" in
hooks/install)
    printf '[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n' > "$CHARM_ROOT/etc/systemd/system/tiny.service"
    systemctl daemon-reload && systemctl enable --now tiny ;;
hooks/start) status-set active ready ;;
hooks/ring-relation-created) relation-set -r "$JUJU_RELATION_ID" hello="$JUJU_UNIT_NAME" ;;
hooks/config-changed) [ "$(config-get text)" != bad ] ;;
actions/greet) action-log thinking; action-set result.greeting="hello $(action-get name)" ;;
actions/boom) echo out; echo err >&2; exit 3 ;;
esac
"#,
    ),
];

/// A state directory of its own, with a charm beside it. Everything started from it ends with this value.
struct Sandbox {
    dir: tempfile::TempDir,
}

impl Sandbox {
    fn new() -> Sandbox {
        let dir = tempfile::tempdir().unwrap();
        let charm = dir.path().join("charm");
        std::fs::create_dir(&charm).unwrap();
        for (name, text) in CHARM {
            std::fs::write(charm.join(name), text).unwrap();
        }
        std::fs::set_permissions(charm.join("dispatch"), std::fs::Permissions::from_mode(0o755)).unwrap();
        Sandbox { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command
            .args(["60", MINIJUJU])
            .args(arguments)
            .current_dir(self.dir.path());
        command
            .env("MINIJUJU_HOME", self.path("home"))
            .env_remove("JUJU_MODEL")
            .stdin(Stdio::null());
        command
    }

    fn try_run(&self, line: &str) -> Output {
        self.command(&line.split_whitespace().collect::<Vec<_>>())
            .output()
            .unwrap()
    }

    /// Exit code, stdout, stderr.
    fn run(&self, line: &str) -> (i32, String, String) {
        let output = self.try_run(line);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code().unwrap(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    /// The stdout of a command that works.
    #[track_caller]
    fn ok(&self, line: &str) -> String {
        let (code, out, err) = self.run(line);
        assert_eq!(code, 0, "{line}: {err}");
        out
    }

    #[track_caller]
    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.ok(line)).unwrap()
    }

    #[track_caller]
    fn fails(&self, line: &str, code: i32, error: &str) {
        let (got, _, err) = self.run(line);
        assert!(got == code && err.ends_with(error), "{line}: {got} {err}");
    }

    fn uuids(&self) -> Vec<(String, PathBuf)> {
        let home = Home::at(&self.path("home"));
        let models = home.models().unwrap_or_default();
        let paths = models.iter().filter_map(|name| home.model(name).ok());
        paths
            .map(|paths| (paths.uuid().to_owned(), paths.runtime_dir()))
            .collect()
    }

    fn deployed(units: u32) -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.ok(&format!("deploy ./charm -n {units}"));
        sandbox.ok("wait --timeout 30s");
        sandbox
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for (uuid, runtime_dir) in self.uuids() {
            while !with_variables(&[("MINIJUJU_MODEL_UUID", &uuid)]).is_empty() {
                signal_all(&with_variables(&[("MINIJUJU_MODEL_UUID", &uuid)]), Signal::KILL);
                std::thread::sleep(Duration::from_millis(5));
            }
            let _ = std::fs::remove_dir_all(runtime_dir);
        }
    }
}

#[test]
fn a_first_deploy_makes_a_model_and_the_last_command_leaves_nothing() {
    let s = Sandbox::new();
    s.fails("status", 1, "using the \"-m\" option.\n\n");
    let (code, out, err) = s.run("deploy ./charm -n 2 --config port=81");
    let expected = "Added 'default' model on localhost for user 'admin'\nLocated local charm \"tiny\", revision 0\n\
        Deploying \"tiny\" from local charm \"tiny\", revision 0 on ubuntu@22.04/stable\n";
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", expected));
    let (code, out, err) = s.run("wait tiny --units 2 --timeout 30s");
    assert!(
        code == 0 && out.is_empty() && err.contains("waiting for tiny/0: ") && err.contains("tiny: active after"),
        "{err}"
    );
    let status = s.json("status --format json");
    assert_eq!(
        status["applications"]["tiny"]["units"]["tiny/0"]["workload-status"]["current"],
        "active"
    );
    assert!(s.ok("status tiny/1").contains("tiny/1"));
    assert!(!s.ok("status tiny/1").contains("tiny/0"));
    assert!(
        s.ok("status --relations")
            .contains("tiny:ring             tiny:ring  ring       peer")
    );
    let (uuid, runtime_dir) = s.uuids().remove(0);
    assert_eq!(s.ok("ssh tiny/0 systemctl is-active tiny"), "active\n");
    let (code, _, err) = s.run("destroy-model default --no-prompt");
    assert!(
        code == 0 && err.starts_with("Destroying model\n") && err.ends_with("Model destroyed.\n"),
        "{err}"
    );
    // The daemon answers before it ends.
    for _ in 0..200 {
        if with_variables(&[("MINIJUJU_MODEL_UUID", &uuid)]).is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(with_variables(&[("MINIJUJU_MODEL_UUID", &uuid)]), []);
    assert!(!runtime_dir.exists() && s.uuids().is_empty());
    assert_eq!(s.json("models --format json"), serde_json::json!({"models": []}));
}

#[test]
fn options_and_actions_answer_as_jujus() {
    let s = Sandbox::deployed(2);
    assert_eq!(s.ok("config tiny port"), "80\n");
    s.ok("config tiny port=99");
    assert_eq!(
        s.json("config tiny --format json")["settings"]["port"]["source"],
        "user"
    );
    s.ok("config tiny --reset port");
    assert_eq!(s.ok("config tiny port"), "80\n");
    s.fails(
        "config tiny x",
        1,
        "ERROR key \"x\" not found in \"tiny\" application config or charm settings.\n",
    );
    assert_eq!(
        s.ok("actions tiny"),
        "Action  Description\nboom    Exits 3\ngreet   Say hello\n"
    );
    assert_eq!(s.ok("run tiny/0 greet"), "result:\n  greeting: hello you\n\n");
    let run = s.json("run --format json tiny/leader greet name=bob");
    let task = run.as_object().unwrap().values().next().unwrap();
    assert_eq!(
        (&task["status"], &task["results"]["result"]["greeting"]),
        (&"completed".into(), &"hello bob".into())
    );
    assert_eq!(
        s.json("run tiny/0 tiny/1 greet --format json")
            .as_object()
            .unwrap()
            .len(),
        2
    );
    let (code, out, err) = s.run("run tiny/0 boom");
    assert_eq!(
        (code, out.as_str()),
        (1, "Action id 9 failed: exit status 3\n\nout\nerr\n")
    );
    assert!(err.ends_with("ERROR the following task failed:\n - id \"9\" with return code 3\n\nuse 'minijuju show-task' to inspect the failure\n"));
    let (code, out, err) = s.run("run tiny/0 nosuch");
    assert!(
        code == 1 && out.is_empty() && err.contains("action \"nosuch\" not defined on unit \"tiny/0\""),
        "{err}"
    );
    s.fails("run tiny/0 Boom", 2, "ERROR invalid unit or action name \"Boom\"\n");
    let (code, out, err) = s.run("run tiny/0 greet --background");
    assert!(
        code == 0 && out.is_empty() && err.starts_with("Scheduled operation"),
        "{err}"
    );
    let exec = s.json("exec --format json --unit tiny/0 -- echo a b");
    assert_eq!(exec["tiny/0"]["results"]["stdout"], "a b\n");
    s.fails("exec --unit tiny/0 exit 4", 1, "to inspect the failure\n");
    let shown = s.json("show-unit tiny/0 --format json");
    let relation = &shown["tiny/0"]["relation-info"][0];
    assert_eq!(
        (&relation["endpoint"], &relation["local-unit"]["data"]["hello"]),
        (&"ring".into(), &"tiny/0".into())
    );
    assert_eq!(relation["related-units"]["tiny/1"]["data"]["hello"], "tiny/1");
}

#[test]
fn files_and_commands_reach_machines() {
    let s = Sandbox::deployed(1);
    std::fs::write(s.path("f"), "text\n").unwrap();
    s.ok("scp -- f tiny/0:g");
    assert_eq!(s.ok("ssh tiny/0 cat g"), "text\n");
    s.ok("scp tiny/0:/etc/systemd/system/tiny.service ./unit");
    assert!(
        std::fs::read_to_string(s.path("unit"))
            .unwrap()
            .starts_with("[Service]")
    );
    let output = s.command(&["ssh", "tiny/0", "pwd; exit 7"]).output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("/root/home/ubuntu\n"));
    s.fails("ssh nope/0 true", 1, "ERROR unit \"nope/0\" not found\n");
    let log = s.ok("debug-log --replay");
    assert!(
        log.lines()
            .any(|line| line.starts_with("unit-tiny-0: ") && line.contains("\"install\"")),
        "{log}"
    );
    assert_eq!(s.ok("debug-log --limit 2").lines().count(), 2);
}

#[test]
fn a_failed_hook_is_resolved_and_removal_asks() {
    let s = Sandbox::deployed(1);
    s.ok("config tiny text=bad");
    s.ok("wait tiny --for error --timeout 30s");
    s.ok("config tiny text=good");
    s.ok("resolved tiny/0");
    s.ok("wait --timeout 30s");
    s.fails("resolved tiny/0", 1, "ERROR unit \"tiny/0\" is not in an error state\n");
    s.ok("add-unit tiny");
    s.ok("wait tiny --units 2 --timeout 30s");
    s.fails("remove-unit tiny/1", 1, "Continue [y/N]? ERROR unit removal: aborted\n");
    assert_eq!(s.ok("remove-unit --no-prompt tiny/1"), "will remove unit tiny/1\n");
    s.ok("wait tiny/1 --for removed --timeout 30s");
    s.ok("wait-for unit tiny/0 --timeout 30s");
    s.ok("wait --timeout 30s");
    let (_, sockets) = s.uuids().remove(0);
    assert!(sockets.join("unit-tiny-0").exists() && !sockets.join("unit-tiny-1").exists());
    let mut child = s
        .command(&["destroy-model", "default"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"default\n").unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_model_that_a_failed_hook_keeps_from_being_removed_says_so() {
    let s = Sandbox::deployed(1);
    s.ok("config tiny text=bad");
    s.ok("wait tiny --for error --timeout 30s");
    s.fails(
        "destroy-model default --no-prompt --timeout 500ms",
        1,
        "ERROR timed out waiting for model to be removed: 1 machine(s), 1 application(s) left; not removed before they are \
         resolved: tiny/0 (hook failed: \"config-changed\"); --force removes the model without hooks\n",
    );
    let (code, _, err) = s.run("destroy-model default --no-prompt --force");
    assert_eq!(code, 0, "{err}");
}

#[test]
fn a_model_is_chosen_by_option_variable_and_switch() {
    let s = Sandbox::new();
    s.ok("add-model --no-switch a");
    s.ok("add-model b");
    s.fails("add-model a", 1, "ERROR model \"a\" already exists\n");
    assert_eq!(s.ok("switch"), "minijuju:admin/b\n");
    let name = |line: &str| s.json(line)["model"]["name"].clone();
    assert_eq!(name("status --format json"), "b");
    assert_eq!(name("status --model minijuju:admin/a --format json"), "a");
    let output = s
        .command(&["status", "--format", "json"])
        .env("JUJU_MODEL", "a")
        .output()
        .unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["model"]["name"],
        "a"
    );
    s.fails("status -m c", 1, "ERROR model \"c\" not found\n");
    let (_, _, err) = s.run("switch a");
    assert_eq!(err, "minijuju:admin/b -> minijuju:admin/a\n");
    assert_eq!(s.json("models --format json")["current-model"], "a");
    assert_eq!(s.json("show-model --format json b")["b"]["short-name"], "b");
}

#[test]
fn a_killed_daemon_loses_nothing_and_comes_back_by_itself() {
    let s = Sandbox::deployed(1);
    let service = || s.ok("ssh tiny/0 systemctl show tiny -p MainPID --value");
    let pid = service();
    let mut waiting = s
        .command(&["wait", "tiny", "--units", "2", "--timeout", "50s"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(200));
    s.ok("kill-daemon");
    s.ok("add-unit tiny");
    assert!(waiting.wait().unwrap().success(), "wait goes on with the next daemon");
    assert_eq!(service(), pid, "services outlive the daemon");
    s.ok("kill-daemon");
    let mut both = [s.command(&["status"]), s.command(&["status"])]
        .map(|mut command| command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    for child in &mut both {
        assert!(
            child.wait().unwrap().success(),
            "two commands may start a daemon at once"
        );
    }
    let (uuid, _) = s.uuids().remove(0);
    let daemons = || {
        let mut found = with_variables(&[("MINIJUJU_MODEL_UUID", &uuid)]);
        found.retain(|pid| variable(*pid, "MINIJUJU_MACHINE_ID").is_none());
        found.len()
    };
    // The one that lost the race ends by itself.
    for _ in 0..200 {
        if daemons() == 1 {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(daemons(), 1);
    s.ok("exec --background --unit tiny/0 sleep 20");
    let mut destroying = s
        .command(&["destroy-model", "default", "--no-prompt"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    s.ok("kill-daemon");
    assert!(
        destroying.wait().unwrap().success(),
        "destroy-model goes on with the next daemon"
    );
    assert_eq!(s.uuids(), []);
}

#[test]
fn faults_strike_and_are_recorded() {
    let s = Sandbox::deployed(1);
    s.ok("kill-hook tiny/0 config-changed --at 1");
    s.ok("config tiny port=7");
    s.ok("wait --timeout 30s");
    let hooks = s.json("hooks tiny/0 --format json");
    let exits: Vec<&str> = hooks
        .as_array()
        .unwrap()
        .iter()
        .filter(|hook| hook["hook"] == "config-changed")
        .map(|hook| hook["exit"].as_str().unwrap())
        .collect();
    assert!(exits.windows(2).any(|pair| pair == ["killed", "0"]), "{exits:?}");
    s.fails("kill-hook tiny/9", 1, "ERROR unit \"tiny/9\" not found\n");
}

#[test]
fn a_broken_model_can_still_be_destroyed_by_force() {
    let s = Sandbox::deployed(1);
    s.ok("kill-daemon");
    let (uuid, _) = s.uuids().remove(0);
    let dir = s.path("home/models/default");
    std::fs::write(dir.join("journal"), "nonsense\n").unwrap();
    std::fs::write(dir.join("snapshot"), "nonsense\n").unwrap();
    let (code, _, err) = s.run("status");
    assert!(
        code == 1 && err.contains("ERROR cannot start the daemon of model \"default\": cannot read "),
        "{err}"
    );
    s.fails(
        "destroy-model default --no-prompt",
        1,
        "; with --force the model is removed without its daemon\n",
    );
    s.ok("destroy-model default --force --no-prompt");
    assert_eq!(with_variables(&[("MINIJUJU_MODEL_UUID", &uuid)]), []);
    assert!(!dir.exists());
}
