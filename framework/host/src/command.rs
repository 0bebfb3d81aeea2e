//! A program to run, and what came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::HostError;

/// How long a program may take unless its command says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// A program to run: `host::Command::new("etcdctl").args(["endpoint", "health"]).timeout(Duration::from_secs(5))`.
///
/// Standard input is empty unless given. Its `Debug` output names the environment's variables without their values and
/// the input's length without its bytes, as both can hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    program: String,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    env_clear: bool,
    dir: Option<PathBuf>,
    stdin: Option<Vec<u8>>,
    timeout: Duration,
}

impl Command {
    /// A program by name (found on `PATH`) or by absolute path.
    pub fn new(program: impl Into<String>) -> Command {
        Command {
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            env_clear: false,
            dir: None,
            stdin: None,
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Command {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Command {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Command {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Gives the program no variables but those set with [`Command::env`], before or after this call.
    #[must_use]
    pub fn env_clear(mut self) -> Command {
        self.env_clear = true;
        self
    }

    /// Runs the program in this directory of the machine.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Command {
        self.dir = Some(dir.into());
        self
    }

    /// Gives the program this standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Command {
        self.stdin = Some(bytes.into());
        self
    }

    /// Kills the program, with everything it has started, after this time (60 s if not called).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Command {
        self.timeout = timeout;
        self
    }

    /// The program.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The arguments.
    pub fn arguments(&self) -> &[String] {
        &self.args
    }

    /// The variables that are set for this command.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// Whether the program gets no other variables.
    pub fn clears_variables(&self) -> bool {
        self.env_clear
    }

    /// The directory in which it runs.
    pub fn directory(&self) -> Option<&Path> {
        self.dir.as_deref()
    }

    /// Its standard input.
    pub fn input(&self) -> Option<&[u8]> {
        self.stdin.as_deref()
    }

    /// The time it has.
    pub fn time_limit(&self) -> Duration {
        self.timeout
    }
}

/// The command line: program and arguments joined with spaces.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        self.args.iter().try_for_each(|arg| write!(f, " {arg}"))
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("line", &self.to_string())
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("env_clear", &self.env_clear)
            .field("dir", &self.dir)
            .field("stdin_length", &self.stdin.as_ref().map(Vec::len))
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// What came of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// The exit code; `None` if a signal ended the program.
    pub code: Option<i32>,
    /// The signal that ended the program.
    pub signal: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// A success with this standard output.
    pub fn ok(stdout: impl Into<Vec<u8>>) -> Output {
        Output {
            code: Some(0),
            stdout: stdout.into(),
            ..Output::default()
        }
    }

    /// A failure with this exit code and standard error.
    pub fn failed(code: i32, stderr: impl Into<Vec<u8>>) -> Output {
        Output {
            code: Some(code),
            stderr: stderr.into(),
            ..Output::default()
        }
    }

    /// Whether the program ended with exit code 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// Standard output as text; what is not UTF-8 is replaced.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text; what is not UTF-8 is replaced.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// The exit status in words: `exit status 1`, `killed by signal 9`.
    pub fn status(&self) -> String {
        match (self.code, self.signal) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => "ended in an unknown way".to_owned(),
        }
    }

    /// This output if it is a success, else an error that names the command and the end of its standard error.
    pub fn checked(self, command: &Command) -> Result<Output, HostError> {
        if self.success() {
            return Ok(self);
        }
        let (command, status) = (command.to_string(), self.status());
        Err(HostError::Failed {
            command,
            status,
            stderr: tail(&self.stderr),
        })
    }
}

/// The last part of a program's standard error, for error messages.
pub(crate) fn tail(stderr: &[u8]) -> String {
    const KEPT: usize = 2000;
    let start = stderr.len().saturating_sub(KEPT);
    let text = String::from_utf8_lossy(&stderr[start..]);
    let text = text.trim();
    if start > 0 {
        format!("… {text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_what_can_be_secret() {
        let command = Command::new("tool")
            .arg("a")
            .env("PASSWORD", "hunter2")
            .stdin("key material");
        let text = format!("{command:?}");
        assert!(text.contains("PASSWORD") && text.contains("tool a"), "{text}");
        assert!(!text.contains("hunter2") && !text.contains("key material"), "{text}");
    }

    #[test]
    fn checked_output_names_the_command() {
        let command = Command::new("tool").args(["a", "b"]);
        assert_eq!(Output::ok("x").checked(&command).expect("a success").stdout_text(), "x");
        let error = Output::failed(3, " bad thing\n")
            .checked(&command)
            .expect_err("a failure");
        assert_eq!(error.to_string(), "cannot run `tool a b`: exit status 3: bad thing");
        let killed = Output {
            signal: Some(9),
            ..Output::default()
        }
        .checked(&command)
        .expect_err("a failure");
        assert_eq!(killed.to_string(), "cannot run `tool a b`: killed by signal 9");
    }

    #[test]
    fn long_errors_keep_their_end() {
        let text = format!("{}the end", "x".repeat(5000));
        let kept = tail(text.as_bytes());
        assert!(
            kept.starts_with('…') && kept.ends_with("the end") && kept.len() < 2100,
            "{kept}"
        );
    }
}
