//! The real machine in a directory, with scripts in the place of the system's programs.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::Instant;

use tempfile::TempDir;

use super::*;
use crate::ActiveState;

/// A machine in a directory. `bin` beside its root comes first on `PATH`.
struct Machine {
    dir: TempDir,
    host: RealHost,
}

impl Machine {
    fn new() -> Machine {
        let dir = tempfile::tempdir().expect("a directory");
        let (root, bin) = (dir.path().join("root"), dir.path().join("bin"));
        fs::create_dir(&root).expect("a directory");
        fs::create_dir(&bin).expect("a directory");
        let path = format!("{}:{DEFAULT_PATH}", bin.display());
        let vars = [
            ("CHARM_ROOT", root.display().to_string()),
            ("PATH", path),
            ("GREETING", "hello".to_owned()),
        ];
        let host = RealHost::from_vars(vars.map(|(name, value)| (name.to_owned(), value)));
        Machine { dir, host }
    }

    /// The same, but the directory plays a machine of its own, where packages may be installed.
    fn whole() -> Machine {
        let mut machine = Machine::new();
        machine.host.shared = false;
        let policy = machine.host.resolve(p("/usr/sbin/policy-rc.d"));
        machine
            .host
            .vars
            .insert("POLICY".to_owned(), policy.display().to_string());
        machine.program(
            "dpkg-query",
            "echo present installed; echo removed config-files; exit 1",
        );
        machine.program("dpkg", LOGGING);
        machine.program("apt-get", LOGGING);
        machine
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.dir.path().join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file");
    }

    /// What scripts have appended to the file `log` beside the root.
    fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.host.resolve(Path::new(path))).expect("a file").mode() & 0o7777
    }
}

fn p(path: &str) -> &Path {
    Path::new(path)
}

#[test]
fn paths_are_below_the_root_and_stay_there() {
    let host = RealHost::from_vars([("CHARM_ROOT".to_owned(), "/m/root/".to_owned())]);
    for (path, place) in [
        ("/etc/x", "/m/root/etc/x"),
        ("/", "/m/root"),
        ("/m/root/etc/x", "/m/root/etc/x"),
        ("/../../etc", "/m/root/etc"),
        ("/m/root/../../etc", "/m/root/etc"),
        ("/a/./b/../c", "/m/root/a/c"),
    ] {
        assert_eq!(host.resolve(p(path)), p(place), "{path}");
        assert_eq!(
            host.resolve(&host.resolve(p(path))),
            p(place),
            "resolving twice is resolving once"
        );
    }
    for root in ["", "/"] {
        let host = RealHost::from_vars([("CHARM_ROOT".to_owned(), root.to_owned())]);
        assert_eq!(host.resolve(p("/etc/x")), p("/etc/x"));
    }
    assert_eq!(RealHost::from_vars([]).root(), p("/"));
    assert!(matches!(host.read(p("etc/x")), Err(HostError::NotAbsolute { .. })));
}

#[test]
fn files_are_written_only_when_they_differ() {
    let Machine { host, .. } = &Machine::new();
    let file = p("/etc/app/secret.key");
    assert_eq!(host.read(file).expect("no error"), None);
    assert!(!host.exists(file));
    assert!(host.write(file, b"one", 0o600).expect("a write"));
    assert!(!host.write(file, b"one", 0o600).expect("no write"));
    let before = fs::metadata(host.resolve(file)).expect("a file").ino();
    assert!(host.write(file, b"one", 0o640).expect("another mode"));
    assert!(
        host.write(file, b"two", 0o640)
            .expect("another content of the same length")
    );
    assert_ne!(
        fs::metadata(host.resolve(file)).expect("a file").ino(),
        before,
        "replaced, not overwritten"
    );
    assert_eq!(host.read(file).expect("no error").as_deref(), Some(&b"two"[..]));
    assert!(host.exists(file));
    assert_eq!(
        host.list(p("/etc/app")).expect("a list"),
        ["secret.key"],
        "nothing temporary stays"
    );
}

#[test]
fn modes_are_exact() {
    let machine = Machine::new();
    let host = &machine.host;
    host.write(p("/a/b/file"), b"", 0o666).expect("a write");
    host.create_dir(p("/a/private"), 0o700).expect("a directory");
    host.create_dir(p("/x/y/open"), 0o777).expect("a directory");
    assert_eq!(machine.mode("/a/b/file"), 0o666, "whatever the umask");
    assert_eq!(["/a", "/a/b", "/x/y"].map(|dir| machine.mode(dir)), [0o755; 3]);
    assert_eq!((machine.mode("/a/private"), machine.mode("/x/y/open")), (0o700, 0o777));
    host.create_dir(p("/a/private"), 0o750).expect("it exists");
    assert_eq!(machine.mode("/a/private"), 0o750);
    assert!(host.create_dir(p("/a/b/file"), 0o755).is_err(), "a file is in the way");
    let error = host
        .write(p("/a/b/file/below"), b"", 0o644)
        .expect_err("a file is in the way")
        .to_string();
    assert!(
        error.starts_with("cannot create directory ") && error.contains("/a/b/file: "),
        "{error}"
    );
    assert!(host.write(p("/a/b"), b"", 0o644).is_err(), "a directory is in the way");
}

#[test]
fn links_are_replaced_not_followed() {
    let machine = Machine::new();
    let (host, outside) = (&machine.host, machine.dir.path().join("outside"));
    fs::create_dir(&outside).expect("a directory");
    fs::write(outside.join("file"), "keep").expect("a file");
    symlink(outside.join("file"), host.resolve(p("/link"))).expect("a link");
    symlink(&outside, host.resolve(p("/dir-link"))).expect("a link");
    assert!(
        host.write(p("/link"), b"keep", 0o644).expect("a write"),
        "a link is not the file"
    );
    host.write(p("/link"), b"new", 0o644).expect("a write");
    host.remove(p("/dir-link")).expect("a removal");
    assert_eq!(fs::read_to_string(outside.join("file")).expect("a file"), "keep");
}

#[test]
fn names_are_listed_renamed_and_removed() {
    let Machine { host, .. } = &Machine::new();
    for name in ["b", "a", ".hidden"] {
        host.write(&p("/data").join(name), name.as_bytes(), 0o644)
            .expect("a write");
    }
    assert_eq!(host.list(p("/data")).expect("a list"), [".hidden", "a", "b"]);
    assert!(host.list(p("/nowhere")).expect("no error").is_empty());
    assert!(host.list(p("/data/a")).is_err(), "a file is no directory");
    host.rename(p("/data/a"), p("/data/b")).expect("it replaces");
    assert_eq!(host.read(p("/data/b")).expect("a file").as_deref(), Some(&b"a"[..]));
    host.rename(p("/data"), p("/data.old")).expect("a whole directory");
    assert!(host.rename(p("/data"), p("/x")).is_err(), "it is gone");
    host.remove(p("/data.old")).expect("a tree");
    host.remove(p("/data.old")).expect("that it is gone is fine");
    host.remove(p("/data.old/b")).expect("so is that its directory is gone");
    assert!(host.list(p("/")).expect("a list").is_empty());
    assert!(
        host.remove(p("/")).is_err() && host.remove(p("/x/..")).is_err(),
        "never the root"
    );
    assert!(host.root().exists());
}

#[test]
fn programs_get_arguments_variables_input_and_directory() {
    let machine = Machine::new();
    let host = &machine.host;
    machine.program("tool", r#"echo "$1|$GREETING|$EXTRA|$(pwd)"; cat; echo oh >&2; exit 3"#);
    host.create_dir(p("/work"), 0o755).expect("a directory");
    let command = Command::new("tool")
        .arg("a b")
        .env("EXTRA", "x")
        .dir("/work")
        .stdin("input");
    let output = host.run(&command).expect("it runs");
    let dir = host.resolve(p("/work"));
    assert_eq!(output.stdout_text(), format!("a b|hello|x|{}\ninput", dir.display()));
    assert_eq!(
        (output.code, output.stderr_text().as_str(), output.success()),
        (Some(3), "oh\n", false)
    );
    let bare = host
        .run(&Command::new("tool").env("EXTRA", "x").env_clear())
        .expect("it runs");
    assert!(bare.stdout_text().starts_with("||x|"), "{}", bare.stdout_text());
    let unread = Command::new("true").stdin(vec![0; 1 << 20]);
    assert!(host.run(&unread).expect("it runs").success());
    machine.program("suicide", "kill -15 $$");
    assert_eq!(
        host.run(&Command::new("suicide")).expect("it runs").status(),
        "killed by signal 15"
    );
}

#[test]
fn programs_are_found_below_the_root_first() {
    let machine = Machine::new();
    let host = &machine.host;
    assert_eq!(host.which("no-such-program-anywhere"), None);
    assert_eq!(host.which("../bin/tool"), None);
    let error = host.run(&Command::new("no-such-program-anywhere")).expect_err("none");
    assert_eq!(
        error.to_string(),
        "cannot run no-such-program-anywhere: no such program"
    );
    host.write(p("/opt/bin/etcd"), b"#!/bin/sh\necho own", 0o755)
        .expect("a write");
    host.write(p("/usr/bin/env"), b"#!/bin/sh\necho own env", 0o755)
        .expect("a write");
    host.write(p("/usr/bin/true"), b"not executable", 0o644)
        .expect("a write");
    assert_eq!(host.which("env"), Some(host.resolve(p("/usr/bin/env"))));
    assert_ne!(host.which("true"), Some(host.resolve(p("/usr/bin/true"))));
    for (program, text) in [("/opt/bin/etcd", "own\n"), ("env", "own env\n")] {
        assert_eq!(host.run(&Command::new(program)).expect("it runs").stdout_text(), text);
    }
    assert!(host.run(&Command::new("/bin/true")).expect("the host's").success());
    assert!(matches!(
        host.run(&Command::new("./x")),
        Err(HostError::NotAbsolute { .. })
    ));
}

#[test]
fn what_takes_too_long_is_killed_with_its_children() {
    let machine = Machine::new();
    let pid_file = machine.dir.path().join("pid");
    machine.program(
        "slow",
        &format!("sleep 300 & echo $! > {}; echo waiting >&2; wait", pid_file.display()),
    );
    let start = Instant::now();
    let command = Command::new("slow").timeout(Duration::from_secs(2));
    let error = machine.host.run(&command).expect_err("too slow").to_string();
    assert_eq!(error, "cannot finish `slow`: killed after 2s: waiting");
    assert!(start.elapsed() < Duration::from_secs(20));
    let pid = fs::read_to_string(pid_file).expect("the program has started its child");
    let stat = format!("/proc/{}/stat", pid.trim());
    let deadline = Instant::now() + Duration::from_secs(20);
    let runs = || fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z "));
    while runs() {
        assert!(Instant::now() < deadline, "the child still runs");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn background_children_are_not_waited_for() {
    let machine = Machine::new();
    machine.program("daemon", "sleep 5 & echo started");
    let start = Instant::now();
    let output = machine.host.run(&Command::new("daemon")).expect("it runs");
    assert_eq!(output.stdout_text(), "started\n");
    assert!(start.elapsed() < Duration::from_secs(4));
}

#[test]
fn endless_output_is_cut_off() {
    let machine = Machine::new();
    machine.program("noisy", "exec cat /dev/zero");
    let error = machine
        .host
        .run(&Command::new("noisy"))
        .expect_err("too much")
        .to_string();
    assert_eq!(error, "cannot keep the output of `noisy`: more than 67108864 bytes");
}

/// A `systemctl` that logs its arguments and knows one service.
const SYSTEMCTL: &str = r#"
dir=$(dirname "$(dirname "$0")")
echo "$*" >> "$dir/log"
case "$*" in
*no-such*) echo "Failed: Unit no-such.service not found." >&2; exit 5;;
"show --property=ActiveState,MainPID,Result etcd.service") cat "$dir/state";;
"show --property=NeedDaemonReload etcd.service") cat "$dir/need" 2>/dev/null;;
esac
exit 0"#;

#[test]
fn services_are_driven_by_these_command_lines() {
    let machine = Machine::new();
    machine.program("systemctl", SYSTEMCTL);
    let host = &machine.host;
    for action in [
        ServiceAction::Start,
        ServiceAction::StartNoBlock,
        ServiceAction::Stop,
        ServiceAction::Restart,
        ServiceAction::Enable,
        ServiceAction::Disable,
        ServiceAction::Reload,
    ] {
        host.service("etcd", action).expect("done");
    }
    let verbs = [
        "start",
        "start --no-block",
        "stop",
        "restart",
        "enable",
        "disable",
        "reload",
    ];
    assert_eq!(machine.log(), verbs.map(|verb| format!("{verb} etcd.service")));
    let error = host
        .service("no-such", ServiceAction::Start)
        .expect_err("unknown")
        .to_string();
    assert_eq!(
        error,
        "cannot start service no-such: Failed: Unit no-such.service not found."
    );
    for name in ["", "../x", "-x", ".x", "a b", "x;y"] {
        assert!(
            matches!(
                host.service(name, ServiceAction::Stop),
                Err(HostError::ServiceName { .. })
            ),
            "{name:?}"
        );
    }
}

#[test]
fn unit_files_are_announced_when_they_changed_or_were_not_read() {
    let machine = Machine::new();
    machine.program("systemctl", SYSTEMCTL);
    let host = &machine.host;
    let reloads = || machine.log().iter().filter(|line| *line == "daemon-reload").count();
    assert!(host.write_unit_file("etcd", "[Service]\n").expect("written"));
    let text = fs::read_to_string(host.root().join("etc/systemd/system/etcd.service")).expect("a file");
    assert_eq!((text.as_str(), reloads()), ("[Service]\n", 1));
    assert!(!host.write_unit_file("etcd", "[Service]\n").expect("unchanged"));
    assert_eq!(reloads(), 1);
    fs::write(machine.dir.path().join("need"), "NeedDaemonReload=yes\n").expect("a file");
    assert!(!host.write_unit_file("etcd", "[Service]\n").expect("unchanged"));
    assert_eq!(reloads(), 2, "the change before had not been read");
}

#[test]
fn service_states_are_understood() {
    let machine = Machine::new();
    machine.program("systemctl", SYSTEMCTL);
    for (word, active) in [
        ("active", ActiveState::Active),
        ("reloading", ActiveState::Active),
        ("activating", ActiveState::Activating),
        ("deactivating", ActiveState::Inactive),
        ("inactive", ActiveState::Inactive),
        ("failed", ActiveState::Failed),
    ] {
        let text = format!("Result=exit-code\nMainPID=42\nActiveState={word}\n");
        fs::write(machine.dir.path().join("state"), text).expect("a file");
        let state = machine.host.service_state("etcd").expect("a state");
        assert_eq!(
            state,
            ServiceState {
                active,
                main_pid: Some(42),
                result: "exit-code".into()
            }
        );
    }
    fs::write(machine.dir.path().join("state"), "MainPID=0\nActiveState=inactive\n").expect("a file");
    assert_eq!(machine.host.service_state("etcd").expect("a state").main_pid, None);
}

#[test]
fn a_shared_machine_installs_nothing() {
    let machine = Machine::new();
    for program in ["apt-get", "dpkg-query", "dpkg"] {
        machine.program(program, r#"echo called >> "$(dirname "$(dirname "$0")")/log""#);
    }
    let error = machine
        .host
        .install_packages(&["etcd-server", "snapd"])
        .expect_err("refused")
        .to_string();
    assert_eq!(
        error,
        "cannot install packages on a machine of the kind `process`: install etcd-server, snapd on the host that runs it"
    );
    assert!(machine.log().is_empty());
    machine.host.install_packages(&[]).expect("nothing to do");
}

/// A program that logs what the policy for starting services says, the frontend, its name and its arguments.
const LOGGING: &str = r#"
sh "$POLICY" 2>/dev/null
echo "$? $DEBIAN_FRONTEND $(basename "$0") $*" >> "$(dirname "$(dirname "$0")")/log""#;

const APT: &str = "apt-get --assume-yes --option=DPkg::Options::=--force-confold --option=DPkg::Lock::Timeout=600";

#[test]
fn missing_packages_are_installed_without_starting_services() {
    let machine = Machine::whole();
    machine.host.install_packages(&["present"]).expect("nothing to do");
    assert!(machine.log().is_empty(), "what is installed is not installed again");
    machine
        .host
        .install_packages(&["removed", "present", "new", "present=1.2"])
        .expect("installed");
    let line = format!("101 noninteractive {APT} install --no-install-recommends -- removed new present=1.2");
    assert_eq!(machine.log(), [line]);
    assert!(
        !machine.host.exists(p("/usr/sbin/policy-rc.d")),
        "the policy is gone afterwards"
    );
}

#[test]
fn a_failed_installation_is_mended_and_tried_again() {
    let machine = Machine::whole();
    machine.program(
        "apt-get",
        &format!("{LOGGING}\ncase \"$*\" in *install*) echo no >&2; exit 100;; esac"),
    );
    let error = machine
        .host
        .install_packages(&["new"])
        .expect_err("refused")
        .to_string();
    assert!(
        error.ends_with("install --no-install-recommends -- new`: exit status 100: no"),
        "{error}"
    );
    let install = format!("101 noninteractive {APT} install --no-install-recommends -- new");
    let expected = [
        install.clone(),
        "101 noninteractive dpkg --configure -a --force-confold".to_owned(),
        format!("101 noninteractive {APT} update"),
        install,
    ];
    assert_eq!(machine.log(), expected);
    assert!(
        !machine.host.exists(p("/usr/sbin/policy-rc.d")),
        "the policy is gone also after a failure"
    );
}

#[test]
fn an_administrators_policy_stays_and_a_leftover_of_ours_goes() {
    let policy = p("/usr/sbin/policy-rc.d");
    let machine = Machine::whole();
    machine
        .host
        .write(policy, b"#!/bin/sh\nexit 7\n", 0o755)
        .expect("a write");
    machine.host.install_packages(&["new"]).expect("installed");
    assert!(machine.log()[0].starts_with("7 "), "{:?}", machine.log());
    assert!(machine.host.exists(policy));

    let machine = Machine::whole();
    machine
        .host
        .write(
            policy,
            b"#!/bin/sh\n# Written by a charm while it installs packages.\nexit 101\n",
            0o755,
        )
        .expect("a write");
    let leftover = machine.host.read(policy).expect("no error").expect("a file");
    machine.host.install_packages(&["new"]).expect("installed");
    assert!(!machine.host.exists(policy));
    // The hook was killed when the packages were there already, before it could take its policy back.
    machine.host.write(policy, &leftover, 0o755).expect("a write");
    machine.host.install_packages(&["present"]).expect("nothing to do");
    assert!(!machine.host.exists(policy));
}

#[test]
fn host_names_and_clock() {
    let machine = Machine::new();
    assert!(!machine.host.hostname().is_empty());
    machine
        .host
        .write(p("/etc/hostname"), b"machine-7\n", 0o644)
        .expect("a write");
    assert_eq!(machine.host.hostname(), "machine-7");
    let before = machine.host.now();
    machine.host.sleep(Duration::from_millis(5));
    assert!(machine.host.now() > before);
}
