//! A charm as a process: packed by itself, run by hook tools that are shell scripts.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use package::CharmInfo;
use tempfile::TempDir;

/// The charm of `examples/hello`, which cargo builds with the tests.
fn hello() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let path = exe.parent().and_then(Path::parent).unwrap().join("examples/hello");
    assert!(
        path.exists(),
        "{path:?} is not built: run `cargo build -p charm --examples`"
    );
    path
}

/// A unit's machine: the unpacked charm and the hook tools, which note how they are called.
struct Unit {
    dir: TempDir,
}

impl Unit {
    fn new() -> Unit {
        let unit = Unit {
            dir: tempfile::tempdir().unwrap(),
        };
        let output = Command::new(hello())
            .arg("pack")
            .arg("--dir")
            .arg(unit.charm())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        fs::create_dir(unit.tools()).unwrap();
        unit.tool("config-get", r#"{"name": "world"}"#);
        for tool in ["status-set", "juju-log", "action-set", "action-fail"] {
            unit.tool(tool, "");
        }
        unit
    }

    fn charm(&self) -> PathBuf {
        self.dir.path().join("charm")
    }

    fn tools(&self) -> PathBuf {
        self.dir.path().join("tools")
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.dir.path().join("calls")).unwrap_or_default()
    }

    fn tool(&self, name: &str, answer: &str) {
        let calls = self.dir.path().join("calls");
        let script = format!("#!/bin/sh\necho {name} \"$@\" >> {calls:?}\ncat <<'END'\n{answer}\nEND\n");
        let path = self.tools().join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs `dispatch` as a unit agent does. The list of calls starts anew.
    fn dispatch(&self, path: &str, vars: &[(&str, &str)]) -> Output {
        let _ = fs::remove_file(self.dir.path().join("calls"));
        let search = format!("{}:/usr/bin:/bin", self.tools().display());
        Command::new(self.charm().join("dispatch"))
            .current_dir(self.charm())
            .env_clear()
            .env("PATH", search)
            .env("JUJU_DISPATCH_PATH", path)
            .env("JUJU_CHARM_DIR", self.charm())
            .env("JUJU_UNIT_NAME", "hello/0")
            .env("JUJU_MODEL_NAME", "m")
            .env("JUJU_MODEL_UUID", "6ad8f2a0-5b5d-4a7e-8d8b-d2f6a5c6b1e1")
            .env("JUJU_VERSION", "3.6.0")
            .env("JUJU_CONTEXT_ID", "hello/0-install-1")
            .env("CHARM_ROOT", self.dir.path())
            .env("CHARM_HOOK_TRANSPORT", "exec")
            .envs(vars.iter().copied())
            .output()
            .unwrap()
    }

    fn hook(&self, name: &str) -> Output {
        self.dispatch(&format!("hooks/{name}"), &[("JUJU_HOOK_NAME", name)])
    }

    fn action(&self, name: &str) -> Output {
        self.dispatch(
            &format!("actions/{name}"),
            &[("JUJU_ACTION_NAME", name), ("JUJU_ACTION_UUID", "1")],
        )
    }
}

#[test]
fn a_hook_sets_the_status_and_keeps_its_flags() {
    let unit = Unit::new();
    let output = unit.hook("install");
    assert!(output.status.success(), "{output:?}");
    assert!(unit.calls().contains("status-set active"), "{}", unit.calls());
    assert!(unit.calls().contains("hello, world"), "{}", unit.calls());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("ran hello/greet: active: hello, world +hello.greeted"),
        "{text}"
    );
    let state = unit.charm().join(".unit-state.db");
    assert_eq!(fs::metadata(state).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(unit.hook("start").status.success());
    assert!(
        !unit.calls().contains("status-set"),
        "greeted already: {}",
        unit.calls()
    );
    unit.tool("config-get", r#"{"name": "moon"}"#);
    assert!(unit.hook("config-changed").status.success());
    assert!(unit.calls().contains("hello, moon"), "{}", unit.calls());
}

#[test]
fn a_failing_hook_says_what_failed_and_keeps_nothing() {
    let unit = Unit::new();
    unit.tool("config-get", r#"{"name": 5}"#);
    let output = unit.hook("install");
    assert_eq!(output.status.code(), Some(1));
    let expected = "cannot run handler `greet` of layer `hello` (when !hello.greeted): \
                    config option `name` is not a string: 5";
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text, format!("ERROR {expected}\n"));
    assert!(unit.calls().contains(expected), "{}", unit.calls());
    unit.tool("config-get", r#"{"name": "world"}"#);
    assert!(unit.hook("install").status.success());
    assert!(unit.calls().contains("hello, world"));
}

#[test]
fn a_hook_that_was_killed_before_its_exit_is_done_again() {
    let unit = Unit::new();
    unit.tool("state-set", "");
    assert!(unit.hook("install").status.success());
    assert!(unit.calls().contains("state-set --file -"), "{}", unit.calls());
    // To Juju, the first run has never happened.
    unit.tool("state-get", "{}");
    let again = unit.hook("install");
    assert!(again.status.success(), "{again:?}");
    assert!(unit.calls().contains("hello, world"), "{}", unit.calls());
    unit.tool("state-get", r#"{"reactive.commit": "hello/0-install-1"}"#);
    assert!(unit.hook("install").status.success());
    assert!(!unit.calls().contains("hello, world"), "{}", unit.calls());
}

#[test]
fn an_environment_that_is_no_hook_is_refused() {
    let unit = Unit::new();
    let output = unit.dispatch("hooks/install", &[("JUJU_UNIT_NAME", "not a unit")]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("ERROR cannot read the hook's environment: "), "{text}");
}

#[test]
fn an_action_answers_or_fails_with_exit_code_0() {
    let unit = Unit::new();
    unit.tool("action-get", r#"{"to": "moon"}"#);
    let output = unit.action("wave");
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(unit.calls().contains("waved-to=moon"), "{}", unit.calls());
    unit.tool("action-get", "{}");
    let output = unit.action("wave");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        unit.calls().contains("cannot wave: parameter `to` is missing"),
        "{}",
        unit.calls()
    );
}

#[test]
fn a_packed_charm_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("hello.charm");
    let output = Command::new(hello())
        .args(["pack", "-o"])
        .arg(&archive)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let info = CharmInfo::from_archive(&archive).unwrap();
    assert_eq!(info.metadata.name.to_string(), "hello");
    assert_eq!((info.config.0.len(), info.actions.0.len()), (1, 1));
    let unpacked = dir.path().join("unpacked");
    package::unpack(&archive, &unpacked).unwrap();
    for program in ["dispatch", "bin/hello"] {
        let mode = fs::metadata(unpacked.join(program)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "{program}");
    }
    assert_eq!(
        fs::read(unpacked.join("bin/hello")).unwrap(),
        fs::read(hello()).unwrap()
    );
    assert_eq!(
        fs::read_to_string(unpacked.join("dispatch")).unwrap(),
        "#!/bin/sh\nexec \"${JUJU_CHARM_DIR:-.}/bin/hello\" \"$@\"\n"
    );
}

#[test]
fn the_default_archive_is_named_after_the_charm() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(hello())
        .arg("pack")
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(dir.path().join("hello.charm").exists());
}

#[test]
fn the_tool_shows_and_checks() {
    let run = |arguments: &[&str]| {
        let output = Command::new(hello()).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, graph) = run(&["graph", "--format", "dot"]);
    assert_eq!(code, Some(0));
    assert!(
        graph.starts_with("digraph \"hello\" {") && graph.contains("hello/greet\\n!hello.greeted"),
        "{graph}"
    );
    assert_eq!(
        run(&["check", "--deny-warnings"]),
        (Some(0), "hello: 2 handlers, 1 actions, 0 warnings\n".into())
    );
    let (code, help) = run(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(help.contains("Usage: hello"), "{help}");
    assert_eq!(run(&[]).0, Some(2));
    assert_eq!(run(&["nonsense"]).0, Some(2));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = Command::new(hello())
        .arg("graph")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Nobody will ever read.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn help_names_the_program_as_it_was_called() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("hello-charm");
    std::os::unix::fs::symlink(hello(), &other).unwrap();
    let output = Command::new(&other).args(["pack", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("Usage: hello-charm pack"), "{help}");
}
