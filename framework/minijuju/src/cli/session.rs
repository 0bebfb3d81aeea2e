//! The model that a command is about, and the connection to its daemon, which is started where there is none.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Pid;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::args::Global;
use super::failure::Failure;
use super::output;
use crate::machine::processes::{variable, with_variables};
use crate::paths::{ENV_MODEL_UUID, Home, ModelPaths};
use crate::protocol::{Answer, Request};

/// How long a daemon may take to replay its journal and listen.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a daemon that was told to end, or was killed, may take to be gone.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// Exit code of a daemon that found another one running.
pub(crate) const ALREADY_RUNNING: i32 = 3;

/// A connection to the daemon of a model.
#[derive(Debug)]
pub(crate) struct Session {
    paths: ModelPaths,
    connection: BufReader<UnixStream>,
}

/// What the daemon says on the way to its final answer.
#[derive(Debug)]
pub(crate) enum News {
    /// For stderr.
    Progress(String),
    /// A record of the log.
    Log(crate::protocol::LogRecord),
}

/// How a request ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With a final answer.
    Answered(Result<Value, Failure>),
    /// The daemon has gone without one.
    Lost,
}

impl Session {
    /// Opens the model named on the command line, by `JUJU_MODEL`, or the current one.
    pub(crate) fn open(global: &Global) -> Result<Session, Failure> {
        let home = Home::from_env()?;
        let name = model_name(&home, global)?;
        Session::to(home.model(&name)?)
    }

    /// Opens a model, starting its daemon if it does not run.
    pub(crate) fn to(paths: ModelPaths) -> Result<Session, Failure> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let connection = match UnixStream::connect(paths.control_socket()) {
                Ok(connection) => connection,
                Err(_) => start_daemon(&paths)?,
            };
            let mut session = Session {
                paths: paths.clone(),
                connection: BufReader::new(connection),
            };
            // A daemon that is just dying still takes connections. A request is sent only to one that answers, or nobody
            // could tell whether it was read.
            match session.follow(&Request::Ping, |_| Ok(()))? {
                Ended::Answered(_) => return Ok(session),
                Ended::Lost if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
                Ended::Lost => return Err(not_started(&paths, "it does not answer")),
            }
        }
    }

    /// The model.
    pub(crate) fn paths(&self) -> &ModelPaths {
        &self.paths
    }

    /// Waits until the daemon, which has been told to end, is gone.
    pub(crate) fn await_end(mut self) -> Result<(), Failure> {
        let mut rest = String::new();
        // The daemon closes the connection, or is cut off, at its very end; the lock of a daemon goes with its process.
        let _ = self.connection.read_line(&mut rest);
        await_gone(
            || with_variables(&[(ENV_MODEL_UUID, self.paths.uuid())]).is_empty(),
            self.paths.name(),
        )
    }

    /// Sends a request and waits for its end; progress goes to stderr.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Value, Failure> {
        self.ask_with(request, |news| {
            if let News::Progress(text) = news {
                output::info(&text);
            }
            Ok(())
        })
    }

    /// The same with a typed answer.
    pub(crate) fn get<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, Failure> {
        Ok(serde_json::from_value(self.ask(request)?)?)
    }

    /// Sends a request and hands what comes before its end to `tell`.
    pub(crate) fn ask_with(
        &mut self,
        request: &Request,
        tell: impl FnMut(News) -> Result<(), Failure>,
    ) -> Result<Value, Failure> {
        match self.follow(request, tell)? {
            Ended::Answered(result) => result,
            Ended::Lost => Err(Failure::new(format!(
                "connection to the daemon of model {:?} lost; its log is {}",
                self.paths.name(),
                self.paths.daemon_log().display()
            ))),
        }
    }

    /// The same; a lost daemon is for the caller to handle.
    pub(crate) fn follow(
        &mut self,
        request: &Request,
        mut tell: impl FnMut(News) -> Result<(), Failure>,
    ) -> Result<Ended, Failure> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        if self.connection.get_mut().write_all(&line).is_err() {
            return Ok(Ended::Lost);
        }
        loop {
            let mut line = String::new();
            match self.connection.read_line(&mut line) {
                Err(_) | Ok(0) => return Ok(Ended::Lost),
                Ok(_) => {}
            }
            match serde_json::from_str(&line)? {
                Answer::Progress { text } => tell(News::Progress(text))?,
                Answer::Stdout { text } => output::data(&text)?,
                Answer::Log(record) => tell(News::Log(record))?,
                Answer::Done { code: 0, json } => return Ok(Ended::Answered(Ok(json))),
                Answer::Done { code, .. } => return Ok(Ended::Answered(Err(Failure::silent(code)))),
                Answer::Error { text, code } => return Ok(Ended::Answered(Err(Failure { text, code }))),
            }
        }
    }
}

/// Which model is meant.
pub(crate) fn model_name(home: &Home, global: &Global) -> Result<String, Failure> {
    let variable = || std::env::var("JUJU_MODEL").ok().filter(|name| !name.is_empty());
    match global.model.clone().or_else(variable) {
        Some(name) => Ok(short_name(&name).to_owned()),
        None => current_model(home)?.ok_or_else(|| Failure::new(NO_MODEL)),
    }
}

/// Juju's words for having no current model.
pub(crate) const NO_MODEL: &str = "No selected model.

Please use \"minijuju models\" to see models available to you,
or \"minijuju add-model <name>\" to add one.
You can set current model by running \"minijuju switch\"
or specify any other model on the command line using the \"-m\" option.
";

/// A model's name without controller and user.
pub(crate) fn short_name(name: &str) -> &str {
    let name = name.rsplit_once(':').map_or(name, |(_, name)| name);
    name.rsplit_once('/').map_or(name, |(_, name)| name)
}

/// The current model, if it still exists.
pub(crate) fn current_model(home: &Home) -> Result<Option<String>, Failure> {
    let name = match fs_err::read_to_string(home.current_model_file()) {
        Ok(name) => name.trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(name).filter(|name| home.model(name).is_ok()))
}

/// Makes a model the current one, or none.
pub(crate) fn set_current_model(home: &Home, name: Option<&str>) -> Result<(), Failure> {
    let file = home.current_model_file();
    let Some(name) = name else {
        return match fs_err::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        };
    };
    let temporary = file.with_extension(format!("new-{}", std::process::id()));
    fs_err::write(&temporary, format!("{name}\n"))?;
    Ok(fs_err::rename(temporary, file)?)
}

fn start_daemon(paths: &ModelPaths) -> Result<UnixStream, Failure> {
    if has_died(paths) {
        output::info(&format!(
            "The daemon of model {:?} had died; starting it again.",
            paths.name()
        ));
    }
    let deadline = Instant::now() + START_TIMEOUT;
    let mut child = spawn_daemon(paths)?;
    loop {
        if let Ok(connection) = UnixStream::connect(paths.control_socket()) {
            return Ok(connection);
        }
        match child.try_wait()? {
            // Another one runs: it is just starting, and will answer, or just ending, and ours can follow.
            Some(status) if status.code() == Some(ALREADY_RUNNING) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
                child = spawn_daemon(paths)?;
            }
            Some(_) => return Err(not_started(paths, &last_line(paths))),
            None if Instant::now() > deadline => return Err(not_started(paths, "it does not answer")),
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Waits, bounded, until a daemon is gone.
pub(crate) fn await_gone(is_gone: impl Fn() -> bool, model: &str) -> Result<(), Failure> {
    let deadline = Instant::now() + END_TIMEOUT;
    while !is_gone() {
        if Instant::now() > deadline {
            return Err(Failure::new(format!("the daemon of model {model:?} does not end")));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn not_started(paths: &ModelPaths, reason: &str) -> Failure {
    let name = paths.name();
    Failure::new(format!("cannot start the daemon of model {name:?}: {reason}"))
}

/// A daemon that ends in order takes its pid file along; one that is just starting is alive.
fn has_died(paths: &ModelPaths) -> bool {
    let Ok(text) = fs_err::read_to_string(paths.daemon_pid()) else {
        return false;
    };
    let pid = text.trim().parse().ok().and_then(Pid::from_raw);
    pid.and_then(|pid| variable(pid, ENV_MODEL_UUID)).as_deref() != Some(paths.uuid())
}

/// Starts a daemon that does not depend on us: it makes a session of its own when it begins.
fn spawn_daemon(paths: &ModelPaths) -> Result<Child, Failure> {
    let log = fs_err::OpenOptions::new()
        .create(true)
        .append(true)
        .open(paths.daemon_log())?
        .into_file();
    let program = std::env::current_exe()?;
    let mut command = Command::new(program);
    command
        .args(["daemon", "--model", paths.name()])
        .current_dir(paths.dir());
    command
        .env("MINIJUJU_HOME", Home::from_env()?.dir())
        .env(ENV_MODEL_UUID, paths.uuid());
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(command.spawn()?)
}

fn last_line(paths: &ModelPaths) -> String {
    let log = fs_err::read_to_string(paths.daemon_log()).unwrap_or_default();
    log.lines().next_back().map_or_else(
        || "it does not answer".to_owned(),
        |line| line.strip_prefix("ERROR ").unwrap_or(line).to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_controller_and_user() {
        for name in ["m", "ctrl:m", "admin/m", "ctrl:admin/m"] {
            assert_eq!(short_name(name), "m");
        }
    }

    #[test]
    fn a_daemon_that_takes_the_connection_and_dies_is_not_asked_twice() {
        use std::os::unix::net::UnixListener;
        let dir = tempfile::tempdir().unwrap();
        let model = Home::at(dir.path()).create_model("m").unwrap();
        fs_err::create_dir_all(model.runtime_dir()).unwrap();
        let listener = UnixListener::bind(model.control_socket()).unwrap();
        let daemon = std::thread::spawn(move || {
            // The first connection is dropped unanswered, as by a kill; the second belongs to the daemon that follows.
            drop(listener.accept().unwrap());
            let (stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let mut requests = Vec::new();
            while let Some(Ok(line)) = lines.next() {
                requests.push(line);
                let done = Answer::Done {
                    code: 0,
                    json: Value::Null,
                };
                writeln!(&stream, "{}", serde_json::to_string(&done).unwrap()).unwrap();
            }
            requests
        });
        let runtime = model.runtime_dir();
        let mut session = Session::to(model).unwrap();
        session.ask(&Request::Status).unwrap();
        drop(session);
        assert_eq!(
            daemon.join().unwrap(),
            [r#"{"command":"ping"}"#, r#"{"command":"status"}"#]
        );
        fs_err::remove_dir_all(runtime).unwrap();
    }

    #[test]
    fn what_a_daemon_said_last_is_told_without_its_mark() {
        let dir = tempfile::tempdir().unwrap();
        let model = Home::at(dir.path()).create_model("m").unwrap();
        assert_eq!(last_line(&model), "it does not answer");
        fs_err::write(model.daemon_log(), "started\nERROR cannot read journal\n").unwrap();
        assert_eq!(last_line(&model), "cannot read journal");
    }

    #[test]
    fn the_current_model_is_forgotten_when_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        assert_eq!(current_model(&home), Ok(None));
        home.create_model("a").unwrap();
        set_current_model(&home, Some("a")).unwrap();
        assert_eq!(current_model(&home), Ok(Some("a".to_owned())));
        assert_eq!(
            model_name(
                &home,
                &Global {
                    model: Some("c:b".into()),
                    ..Global::default()
                }
            ),
            Ok("b".to_owned())
        );
        set_current_model(&home, Some("gone")).unwrap();
        assert_eq!(current_model(&home), Ok(None));
        set_current_model(&home, None).unwrap();
        set_current_model(&home, None).unwrap();
    }
}
