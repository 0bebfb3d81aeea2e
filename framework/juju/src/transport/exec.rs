//! Hook tools as programs on `PATH`: slower than the socket, but sure to fit the agent that put them there.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::connection::failed;
use super::{ToolCall, ToolOutput, Transport, TransportError, unit_of};
use crate::names::UnitName;

/// How long a tool may take; see the socket's limit of the same length.
const TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// The hook-tool programs. They get exactly the variables that the transport was made from.
pub struct ExecTransport {
    vars: BTreeMap<String, String>,
    unit: Option<UnitName>,
    timeout: Duration,
}

impl ExecTransport {
    /// The programs on the `PATH` of these variables.
    pub fn from_vars<I: IntoIterator<Item = (String, String)>>(vars: I) -> ExecTransport {
        let vars: BTreeMap<String, String> = vars.into_iter().collect();
        ExecTransport {
            unit: unit_of(&vars),
            vars,
            timeout: TIMEOUT,
        }
    }

    /// The same programs with another patience.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> ExecTransport {
        ExecTransport { timeout, ..self }
    }

    /// Whether the hook tools seem to be there at all.
    pub(super) fn has_tools(&self) -> bool {
        self.find("config-get").is_some()
    }

    fn find(&self, tool: &str) -> Option<PathBuf> {
        let path = self.vars.get("PATH")?;
        let executable = |file: &PathBuf| {
            file.metadata()
                .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        };
        std::env::split_paths(path).map(|dir| dir.join(tool)).find(executable)
    }

    fn spawn(&self, call: &ToolCall) -> Result<Child, TransportError> {
        let program = self.find(&call.tool).ok_or_else(|| TransportError::NoProgram {
            tool: call.tool.clone(),
        })?;
        let mut command = Command::new(program);
        command
            .args(&call.args)
            .env_clear()
            .envs(&self.vars)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.stdin(if call.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        let mut tries = 20;
        loop {
            match command.spawn() {
                // The program was written a moment ago, and a process forked meanwhile still holds it open.
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && tries > 0 => {
                    tries -= 1;
                    thread::sleep(Duration::from_millis(10));
                }
                result => return result.map_err(failed(&format!("start hook tool {:?}", call.tool))),
            }
        }
    }
}

impl Transport for ExecTransport {
    fn call(&mut self, call: &ToolCall) -> Result<ToolOutput, TransportError> {
        let deadline = Instant::now() + self.timeout;
        let mut child = self.spawn(call)?;
        let output = communicate(&mut child, call, deadline);
        if output.is_err() {
            // It may have ended by itself; either way it must not be left behind.
            let _ = child.kill();
            let _ = child.wait();
        }
        output?.ok_or(TransportError::Timeout(self.timeout))
    }

    fn name(&self) -> &'static str {
        "exec"
    }

    fn unit(&self) -> Option<UnitName> {
        self.unit.clone()
    }
}

impl fmt::Debug for ExecTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecTransport")
            .field("unit", &self.unit)
            .field("path", &self.vars.get("PATH"))
            .finish()
    }
}

/// One of the two outputs, complete.
enum Stream {
    Out(io::Result<Vec<u8>>),
    Err(io::Result<Vec<u8>>),
}

/// Feeds and reads the program to its end; `None` if the deadline came first, and then the program has been killed.
fn communicate(child: &mut Child, call: &ToolCall, deadline: Instant) -> Result<Option<ToolOutput>, TransportError> {
    let (sender, receiver) = mpsc::channel();
    if let (Some(mut pipe), Some(bytes)) = (child.stdin.take(), call.stdin.clone()) {
        // A tool need not read its input, so a broken pipe is nothing to report.
        thread::spawn(move || pipe.write_all(&bytes));
    }
    read_to_end(child.stdout.take(), sender.clone(), Stream::Out);
    read_to_end(child.stderr.take(), sender, Stream::Err);
    let Some((stdout, stderr)) = collect(&receiver, deadline).map_err(failed("read a hook tool's output"))? else {
        return abandon(child);
    };
    let Some(status) = wait(child, deadline).map_err(failed("wait for a hook tool"))? else {
        return abandon(child);
    };
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1);
    Ok(Some(ToolOutput {
        code: i64::from(code),
        stdout,
        stderr,
    }))
}

fn abandon(child: &mut Child) -> Result<Option<ToolOutput>, TransportError> {
    child
        .kill()
        .and_then(|()| child.wait())
        .map_err(failed("kill a hook tool"))?;
    Ok(None)
}

fn read_to_end<R: Read + Send + 'static>(
    pipe: Option<R>,
    sender: Sender<Stream>,
    wrap: fn(io::Result<Vec<u8>>) -> Stream,
) {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut bytes));
        // Nobody listens any more if the deadline has passed.
        let _ = sender.send(wrap(read.map(|_| bytes)));
    });
}

fn collect(receiver: &Receiver<Stream>, deadline: Instant) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Stream::Out(bytes)) => stdout = bytes?,
            Ok(Stream::Err(bytes)) => stderr = bytes?,
            Err(_) => return Ok(None),
        }
    }
    Ok(Some((stdout, stderr)))
}

/// Waits for a program that has closed its outputs and so is about to end.
fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_micros(100);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}
