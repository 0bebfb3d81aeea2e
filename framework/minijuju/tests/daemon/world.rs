//! One model of one test: its directory, its daemon, and the certainty that nothing of it stays.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use minijuju::machine::processes::{signal_all, with_variables};
use minijuju::paths::{ENV_MACHINE_ID, ENV_MODEL_UUID, Home, ModelPaths};
use minijuju::protocol::{Answer, LogRecord, Request, WaitFor};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

/// No single request or wait takes longer.
const LIMIT: Duration = Duration::from_secs(90);

/// A model with a running daemon; dropping it destroys the model, also when the test fails.
pub(crate) struct World {
    dir: TempDir,
    model: ModelPaths,
    daemon: Option<Child>,
}

impl World {
    pub(crate) fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let model = Home::at(&dir.path().join("home")).create_model("test").unwrap();
        let mut world = World {
            dir,
            model,
            daemon: None,
        };
        world.start_daemon();
        world
    }

    /// A place for the files of the test.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn model(&self) -> &ModelPaths {
        &self.model
    }

    fn daemon_command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_minijuju"));
        command
            .args(["daemon", "--model", "test"])
            .env("MINIJUJU_HOME", self.dir.path().join("home"))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn start_daemon(&mut self) {
        self.start(self.daemon_command());
    }

    /// A daemon whose files (and those of its children) cannot grow beyond so many KiB.
    pub(crate) fn start_daemon_with_limit(&mut self, kib: u32) {
        let mut command = Command::new("/bin/bash");
        let script = format!(
            "trap '' XFSZ; ulimit -f {kib}; exec {} daemon --model test",
            env!("CARGO_BIN_EXE_minijuju")
        );
        command
            .arg("-c")
            .arg(script)
            .env("MINIJUJU_HOME", self.dir.path().join("home"))
            .stdin(Stdio::null());
        self.start(command);
    }

    fn start(&mut self, mut command: Command) {
        let log = fs_err::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.model.daemon_log())
            .unwrap()
            .into_file();
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        self.daemon = Some(child);
        self.until("the daemon answers", || self.answers());
    }

    /// Whether the daemon answers; that a connection succeeds can be the last sign of its predecessor.
    fn answers(&self) -> bool {
        let Ok(mut stream) = UnixStream::connect(self.model.control_socket()) else {
            return false;
        };
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut line = String::new();
        let asked = stream
            .write_all(b"{\"command\":\"ping\"}\n")
            .and_then(|()| BufReader::new(stream).read_line(&mut line));
        asked.is_ok() && line.contains("done")
    }

    pub(crate) fn kill_daemon(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
    }

    pub(crate) fn until_daemon_ends(&mut self) {
        let Some(mut daemon) = self.daemon.take() else { return };
        self.until("the daemon ends", || daemon.try_wait().unwrap().is_some());
    }

    /// Starts a daemon that must refuse to run, and returns its complaint.
    pub(crate) fn second_daemon_error(&self) -> String {
        let mut child = self
            .daemon_command()
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if started.elapsed() > LIMIT {
                child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut text = String::new();
        child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        assert!(!child.wait().unwrap().success(), "{text}");
        text
    }

    pub(crate) fn append_to_journal(&self, text: &str) {
        let mut journal = fs_err::OpenOptions::new()
            .append(true)
            .open(self.model.journal())
            .unwrap();
        journal.write_all(text.as_bytes()).unwrap();
    }

    /// The answers to a request as they come.
    pub(crate) fn open(&self, request: &Request) -> impl Iterator<Item = Answer> + use<> {
        let mut stream = self.connect();
        stream
            .write_all(format!("{}\n", serde_json::to_string(request).unwrap()).as_bytes())
            .unwrap();
        BufReader::new(stream)
            .lines()
            .map(|line| serde_json::from_str(&line.expect("an answer in time")).unwrap())
    }

    /// All answers to a request, up to the final one.
    fn ask(&self, request: &Request) -> Result<(Vec<Answer>, Value), String> {
        let mut answers = Vec::new();
        for answer in self.open(request) {
            match answer {
                Answer::Done { code: 0, json } => return Ok((answers, json)),
                Answer::Done { code, .. } => panic!("{request:?} ended with {code}"),
                Answer::Error { text, .. } => return Err(text),
                other => answers.push(other),
            }
        }
        panic!("{request:?} had no final answer:\n{}", self.daemon_log());
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.model.control_socket()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    pub(crate) fn done(&self, request: Request) -> Value {
        match self.ask(&request) {
            Ok((_, json)) => json,
            Err(text) => panic!("{request:?}: {text}\n{}", self.daemon_log()),
        }
    }

    pub(crate) fn try_done(&self, request: Request) -> Result<Value, String> {
        self.ask(&request).map(|(_, json)| json)
    }

    pub(crate) fn error(&self, request: Request) -> String {
        match self.ask(&request) {
            Ok((_, json)) => panic!("{request:?} should fail: {json}"),
            Err(text) => text,
        }
    }

    pub(crate) fn log(&self, request: Request) -> Vec<LogRecord> {
        let (answers, _) = self.ask(&request).unwrap();
        let records = answers.into_iter().filter_map(|answer| match answer {
            Answer::Log(record) => Some(record),
            _ => None,
        });
        records.collect()
    }

    /// What the daemon says to a line that is no request.
    pub(crate) fn raw(&self, line: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(line.as_bytes()).unwrap();
        let mut text = String::new();
        BufReader::new(stream).read_line(&mut text).unwrap();
        text
    }

    pub(crate) fn wait(&self, conditions: Vec<WaitFor>) {
        let request = Request::Wait {
            conditions,
            timeout_ms: 60_000,
        };
        if let Err(text) = self.ask(&request) {
            panic!(
                "{text}\ndaemon.log:\n{}\nmodel.log:\n{}",
                self.daemon_log(),
                self.model_log()
            );
        }
    }

    /// The hooks that a unit has run, in their order.
    pub(crate) fn trace(&self, unit: &str) -> Vec<String> {
        self.trace_in("", unit)
    }

    /// The same for a charm that was written in a directory below.
    pub(crate) fn trace_in(&self, dir: &str, unit: &str) -> Vec<String> {
        let text = fs_err::read_to_string(self.dir().join(dir).join("trace")).unwrap();
        let of_unit = text
            .lines()
            .filter_map(|line| line.strip_prefix(unit)?.strip_prefix(' '));
        of_unit.map(str::to_owned).collect()
    }

    fn daemon_log(&self) -> String {
        fs_err::read_to_string(self.model.daemon_log()).unwrap_or_default()
    }

    fn model_log(&self) -> String {
        fs_err::read_to_string(self.model.model_log()).unwrap_or_default()
    }

    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let started = Instant::now();
        while !holds() {
            assert!(
                started.elapsed() < LIMIT,
                "waited too long until {what}\n{}",
                self.daemon_log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How many processes of the model there are, the daemon not counted.
    pub(crate) fn processes(&self) -> usize {
        with_variables(&[(ENV_MODEL_UUID, self.model.uuid())]).len()
    }

    /// Kills everything on a machine.
    pub(crate) fn kill_processes_of(&self, machine: &str) {
        kill_all(&[(ENV_MODEL_UUID, self.model.uuid()), (ENV_MACHINE_ID, machine)]);
    }

    /// How many processes of a machine there are.
    pub(crate) fn processes_of(&self, machine: &str) -> usize {
        with_variables(&[(ENV_MODEL_UUID, self.model.uuid()), (ENV_MACHINE_ID, machine)]).len()
    }
}

/// Kills all processes with these variables, and waits until they are gone.
fn kill_all(variables: &[(&str, &str)]) {
    let started = Instant::now();
    loop {
        let left = with_variables(variables);
        if left.is_empty() || started.elapsed() > Duration::from_secs(10) {
            return;
        }
        signal_all(&left, Signal::KILL);
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            // It may have ended by itself.
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        kill_all(&[(ENV_MODEL_UUID, self.model.uuid())]);
        // Absent after a test that destroyed its model.
        let _ = fs_err::remove_dir_all(self.model.runtime_dir());
    }
}

/// A JSON string's text.
pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}
