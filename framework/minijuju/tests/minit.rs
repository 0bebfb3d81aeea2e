//! `minit` and its `systemctl` as real processes: starting, failing, restarting, notifying, stopping, and a killed init.

#![expect(clippy::unwrap_used, reason = "a test may end where something is wrong")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use minijuju::machine::{self, processes};
use minijuju::paths::{Home, MachinePaths};
use rustix::process::{Pid, Signal, kill_process};

const MINIT: &str = env!("CARGO_BIN_EXE_minit");
const PATIENCE: Duration = Duration::from_secs(20);

/// A machine with its init; both are gone with this value.
struct Machine {
    paths: MachinePaths,
    uuid: String,
    _dir: tempfile::TempDir,
}

impl Machine {
    fn new() -> Machine {
        let dir = tempfile::tempdir().unwrap();
        let model = Home::at(dir.path()).create_model("m").unwrap();
        std::fs::create_dir_all(model.runtime_dir()).unwrap();
        let machine = Machine {
            paths: model.machine("0"),
            uuid: model.uuid().to_owned(),
            _dir: dir,
        };
        machine.start_init();
        machine
    }

    fn start_init(&self) {
        machine::start(&self.paths, Path::new(MINIT), &BTreeMap::new()).unwrap();
    }

    fn unit(&self, name: &str, service: &str) {
        let text =
            format!("[Unit]\nDescription=The {name}\n[Service]\n{service}\n[Install]\nWantedBy=multi-user.target\n");
        std::fs::write(self.file(&format!("etc/systemd/system/{name}.service")), text).unwrap();
    }

    /// A script of the machine; what a unit names as `/tmp/<name>`.
    fn script(&self, name: &str, text: &str) {
        let path = self.file(&format!("tmp/{name}"));
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn file(&self, path: &str) -> PathBuf {
        self.paths.root().join(path)
    }

    fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.file(path)).unwrap_or_default()
    }

    fn systemctl(&self, line: &str) -> Output {
        let program = self.paths.bin().join("systemctl");
        Command::new(program)
            .args(line.split_whitespace())
            .envs(self.paths.environment())
            .output()
            .unwrap()
    }

    /// Exit status, stdout, stderr.
    #[track_caller]
    fn check(&self, line: &str, code: i32, out: &str, err: &str) {
        let output = self.systemctl(line);
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), &*stdout, &*stderr),
            (Some(code), out, err),
            "systemctl {line}"
        );
    }

    #[track_caller]
    fn ok(&self, line: &str) {
        let output = self.systemctl(line);
        assert!(
            output.status.success(),
            "systemctl {line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn property(&self, unit: &str, name: &str) -> String {
        let output = self.systemctl(&format!("show {unit} -p {name} --value"));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn main_pid(&self, unit: &str) -> Pid {
        Pid::from_raw(self.property(unit, "MainPID").parse().unwrap()).expect("a main process")
    }

    #[track_caller]
    fn until(&self, unit: &str, name: &str, wanted: &str) {
        eventually(&format!("{unit}: {name}={wanted}"), || {
            self.property(unit, name) == wanted
        });
    }

    fn init(&self) -> Pid {
        let marks = [("MINIJUJU_MODEL_UUID", self.uuid.as_str())];
        let found = processes::with_variables(&marks);
        let is_init = |pid: &Pid| processes::variable(*pid, "MINIJUJU_SERVICE").is_none();
        found.into_iter().find(is_init).expect("a running init")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let marks = [("MINIJUJU_MODEL_UUID", self.uuid.as_str())];
        while !processes::with_variables(&marks).is_empty() {
            processes::signal_all(&processes::with_variables(&marks), Signal::KILL);
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.paths.socket().parent().map(std::fs::remove_dir_all);
    }
}

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A zombie, whose environment is gone, does not live: not every container has an init that reaps.
fn lives(pid: Pid) -> bool {
    processes::variable(pid, "MINIJUJU_SERVICE").is_some()
}

#[test]
fn a_service_starts_in_its_environment_and_stops() {
    let m = Machine::new();
    m.script("run", "echo hello $A \"$1\"; env > env.txt; exec sleep 1000");
    std::fs::create_dir_all(m.file("etc/default")).unwrap();
    std::fs::write(m.file("etc/default/a"), "A=two words\n").unwrap();
    m.unit(
        "a",
        "EnvironmentFile=/etc/default/a\nExecStart=/tmp/run ${A}!\nWorkingDirectory=/tmp\nUser=nobody",
    );
    m.check("is-active a", 3, "inactive\n", "");
    m.ok("start a");
    m.check("is-active a", 0, "active\n", "");
    let pid = m.main_pid("a");
    eventually("the environment", || m.text("tmp/env.txt").contains("PWD="));
    let environment = m.text("tmp/env.txt");
    for variable in [
        format!("MINIJUJU_MODEL_UUID={}", m.uuid),
        "MINIJUJU_MACHINE_ID=0".into(),
        format!("CHARM_ROOT={}", m.paths.root().display()),
        format!("PWD={}", m.file("tmp").display()),
    ] {
        assert!(environment.contains(&variable), "{variable} not in {environment}");
    }
    assert!(!environment.contains("CARGO"), "{environment}");
    let log = std::fs::read_to_string(m.paths.log().join("a.log")).unwrap();
    assert!(log.contains("hello two words two words!\n"), "{log}");
    let status = String::from_utf8(m.systemctl("status a").stdout).unwrap();
    assert!(
        status.contains("User=nobody is not honoured in a process machine"),
        "{status}"
    );
    m.ok("stop a");
    assert!(!lives(pid));
    m.check("is-active a", 3, "inactive\n", "");
    assert_eq!(m.systemctl("status a").status.code(), Some(3));
}

#[test]
fn unknown_units_are_told_as_systemd_does() {
    let m = Machine::new();
    m.check(
        "start x",
        5,
        "",
        "Failed to start x.service: Unit x.service not found.\n",
    );
    m.check(
        "stop x",
        5,
        "",
        "Failed to stop x.service: Unit x.service not loaded.\n",
    );
    m.check("status x", 4, "", "Unit x.service could not be found.\n");
    m.check("is-active x", 3, "inactive\n", "");
    m.check(
        "is-enabled x",
        1,
        "",
        "Failed to get unit file state for x.service: No such file or directory\n",
    );
    m.check(
        "enable x",
        1,
        "",
        "Failed to enable unit: Unit file x.service does not exist.\n",
    );
    m.check(
        "show x -p LoadState,ActiveState",
        0,
        "LoadState=not-found\nActiveState=inactive\n",
        "",
    );
    m.unit("bad", "Type=forking\nExecStart=/bin/true");
    let output = m.systemctl("start bad");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(1) && text.contains("Unit bad.service has a bad unit file setting."),
        "{text}"
    );
    assert_eq!(m.property("bad", "LoadState"), "bad-setting");
}

#[test]
fn a_killed_service_is_restarted_after_its_delay() {
    let m = Machine::new();
    m.unit("a", "ExecStart=/bin/sleep 1000\nRestart=on-failure\nRestartSec=300ms");
    m.ok("start a");
    let first = m.main_pid("a");
    let killed = Instant::now();
    m.ok("kill -s KILL a");
    eventually(
        "another process",
        || !matches!(m.property("a", "MainPID"), pid if pid == "0" || pid == first.to_string()),
    );
    assert!(killed.elapsed() >= Duration::from_millis(300));
    m.check(
        "show a -p NRestarts -p ActiveState -p Result",
        0,
        "Result=success\nNRestarts=1\nActiveState=active\n",
        "",
    );
    // SIGTERM is a clean end: nothing is restarted.
    m.ok("kill a");
    m.until("a", "ActiveState", "inactive");
}

#[test]
fn too_many_restarts_end_in_failure() {
    let m = Machine::new();
    m.unit(
        "a",
        "ExecStart=/bin/sh -c 'exit 3'\nRestart=always\nRestartSec=10ms\nStartLimitBurst=3\nStartLimitIntervalSec=60",
    );
    m.ok("start a");
    m.until("a", "SubState", "failed");
    m.check("is-failed a", 0, "failed\n", "");
    m.check(
        "show a -p Result -p NRestarts -p ExecMainStatus",
        0,
        "Result=start-limit-hit\nNRestarts=3\nExecMainStatus=3\n",
        "",
    );
    let output = m.systemctl("start a");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(1) && text.contains("start of the service was attempted too often"),
        "{text}"
    );
    m.ok("reset-failed a");
    m.check("is-failed a", 1, "inactive\n", "");
    m.ok("start a");
}

#[test]
fn a_notify_service_is_started_when_it_says_so() {
    let m = Machine::new();
    const SAY: &str = "import os,socket\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n";
    let say = |text: &str| format!("{SAY}s.sendto(b\"{text}\",os.environ[\"NOTIFY_SOCKET\"])");
    m.script(
        "run",
        &format!(
            "sleep 0.5\npython3 -c '{}'\nexec sleep 1000",
            say("READY=1\\nSTATUS=fine")
        ),
    );
    m.unit("a", "Type=notify\nExecStart=/tmp/run");
    let begun = Instant::now();
    m.ok("start a");
    assert!(begun.elapsed() >= Duration::from_millis(500));
    assert_eq!(
        [m.property("a", "SubState"), m.property("a", "StatusText")],
        ["running", "fine"]
    );
    m.unit("late", "Type=notify\nExecStart=/bin/sleep 1000\nTimeoutStartSec=300ms");
    let output = m.systemctl("start late");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .starts_with("Job for late.service failed because a timeout was exceeded.")
    );
    assert_eq!(
        [m.property("late", "ActiveState"), m.property("late", "Result")],
        ["failed", "timeout"]
    );
    m.unit("mute", "Type=notify\nExecStart=/bin/true");
    m.systemctl("start mute");
    assert_eq!(m.property("mute", "Result"), "protocol");
    m.ok("start --no-block mute");
}

#[test]
fn a_oneshot_runs_all_its_commands_and_may_remain() {
    let m = Machine::new();
    m.unit("a", "Type=oneshot\nExecStart=/bin/sh -c 'echo 1 >> tmp/o'\nExecStart=-/bin/false\nExecStart=/bin/sh -c 'echo 2 >> tmp/o'");
    m.ok("start a");
    assert_eq!(
        (m.text("tmp/o").as_str(), m.property("a", "ActiveState").as_str()),
        ("1\n2\n", "inactive")
    );
    m.unit(
        "b",
        "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecStop=/bin/sh -c 'echo stopped > tmp/b'",
    );
    m.ok("start b");
    assert_eq!(
        [m.property("b", "ActiveState"), m.property("b", "SubState")],
        ["active", "exited"]
    );
    m.ok("stop b");
    assert_eq!(m.text("tmp/b"), "stopped\n");
    m.unit("c", "Type=oneshot\nExecStart=/bin/false");
    let output = m.systemctl("start c");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.starts_with("Job for c.service failed because the control process exited with error code."),
        "{text}"
    );
}

#[test]
fn a_stop_goes_through_all_steps_and_reaches_children() {
    let m = Machine::new();
    m.script("run", "trap 'echo term >> tmp/steps; exit 0' TERM\nsetsid sleep 1000 &\necho $! > tmp/child\nwhile :; do sleep 0.05; done");
    let say = |word: &str| format!("/bin/sh -c 'echo {word} >> tmp/steps'");
    let (pre, post, stop, after) = (say("pre"), say("post"), say("stop"), say("after"));
    m.unit(
        "a",
        &format!("ExecStartPre={pre}\nExecStart=/tmp/run\nExecStartPost={post}\nExecStop={stop}\nExecStopPost={after}\nExecReload={}", say("reload")),
    );
    m.ok("start a");
    eventually("the child", || !m.text("tmp/child").is_empty());
    let child = Pid::from_raw(m.text("tmp/child").trim().parse().unwrap()).unwrap();
    assert!(lives(child));
    m.ok("reload a");
    m.ok("stop a");
    assert!(!lives(child), "a process in its own session survived");
    assert_eq!(m.text("tmp/steps"), "pre\npost\nreload\nstop\nterm\nafter\n");
}

#[test]
fn what_ignores_sigterm_is_killed() {
    let m = Machine::new();
    m.script("run", "trap '' TERM\ntouch tmp/up\nwhile :; do sleep 0.05; done");
    m.unit("a", "ExecStart=/tmp/run\nTimeoutStopSec=300ms");
    m.ok("start a");
    eventually("the trap", || m.file("tmp/up").exists());
    let pid = m.main_pid("a");
    m.ok("stop a");
    assert!(!lives(pid));
    assert_eq!(
        [m.property("a", "ActiveState"), m.property("a", "Result")],
        ["failed", "timeout"]
    );
}

#[test]
fn restart_replaces_the_process_and_try_restart_needs_one() {
    let m = Machine::new();
    m.unit("a", "ExecStart=/bin/sleep 1000");
    m.ok("try-restart a");
    m.check("is-active a", 3, "inactive\n", "");
    m.ok("restart a");
    let first = m.main_pid("a");
    m.ok("reload-or-restart a");
    let second = m.main_pid("a");
    assert!(first != second && !lives(first));
    m.check(
        "reload a",
        1,
        "",
        "Failed to reload a.service: Job type reload is not applicable for unit a.service.\n",
    );
    m.unit("a", "ExecStart=/bin/sleep 2000");
    let output = m.systemctl("restart a");
    assert!(String::from_utf8_lossy(&output.stderr).contains("changed on disk. Run 'systemctl daemon-reload'"));
    m.ok("daemon-reload");
    m.ok("restart a");
    let command = std::fs::read_to_string(format!("/proc/{}/cmdline", m.main_pid("a").as_raw_nonzero())).unwrap();
    assert!(command.contains("2000"), "{command}");
}

#[test]
fn a_killed_init_comes_back_with_what_was_running() {
    let m = Machine::new();
    for name in ["a", "b", "c"] {
        m.unit(name, "ExecStart=/bin/sleep 1000");
    }
    m.ok("enable --now b");
    m.ok("enable c");
    m.ok("start a");
    let leftovers = [m.main_pid("a"), m.main_pid("b")];
    let init = m.init();
    kill_process(init, Signal::KILL).unwrap();
    eventually("the end of init", || !machine::is_alive(&m.paths));
    assert!(leftovers.iter().all(|pid| lives(*pid)), "services outlive their init");
    m.start_init();
    m.until("a", "ActiveState", "active");
    m.until("b", "ActiveState", "active");
    assert!(leftovers.iter().all(|pid| !lives(*pid)), "leftovers were not stopped");
    m.check("is-active c", 3, "inactive\n", "");
}

#[test]
fn after_an_orderly_end_only_what_is_enabled_starts() {
    let m = Machine::new();
    for name in ["a", "b"] {
        m.unit(name, "ExecStart=/bin/sleep 1000");
    }
    m.ok("start a");
    m.ok("enable b");
    let pid = m.main_pid("a");
    machine::stop(&m.paths).unwrap();
    assert!(!lives(pid));
    m.start_init();
    m.until("b", "ActiveState", "active");
    m.check("is-active a", 3, "inactive\n", "");
    m.check("is-enabled b", 0, "enabled\n", "");
    m.ok("disable --now b");
    m.check("is-active b", 3, "inactive\n", "");
    m.check("is-enabled b", 1, "disabled\n", "");
    m.check("start b --quiet", 0, "", "");
}

#[test]
fn a_second_init_refuses_the_machine() {
    let m = Machine::new();
    let output = Command::new(MINIT).envs(m.paths.environment()).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("another init runs this machine"));
    assert!(machine::is_alive(&m.paths));
}

#[test]
fn a_program_that_is_not_there_fails_as_its_type_says() {
    let m = Machine::new();
    m.unit("a", "ExecStart=/nowhere/x");
    m.ok("start a");
    m.until("a", "ActiveState", "failed");
    assert_eq!(m.property("a", "ExecMainStatus"), "203");
    m.unit("b", "Type=exec\nExecStart=/nowhere/x");
    assert_eq!(m.systemctl("start b").status.code(), Some(1));
}
