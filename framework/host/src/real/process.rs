//! Programs of the real machine: each in a process group of its own, with a deadline and bounded output.
//!
//! Two threads collect the outputs. The calling thread waits for them and for the program, whichever ends last; if the
//! program has ended but something it left in the background still holds its outputs, that is not waited for.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command as Process, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::command::tail;
use crate::{Command, HostError, Output};

/// The most that is kept of each output.
const OUTPUT_LIMIT: usize = 64 << 20;
/// How long the outputs are waited for when the program itself has ended.
const DRAIN: Duration = Duration::from_millis(500);
/// The longest pause between two looks at the program.
const PAUSE: Duration = Duration::from_millis(20);

/// Runs a prepared process to its end, or to its command's deadline.
pub(super) fn run(mut process: Process, command: &Command) -> Result<Output, HostError> {
    let failed = |action| {
        let program = command.program().to_owned();
        move |source| HostError::Process {
            action,
            program,
            source,
        }
    };
    process.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    process.stdin(if command.input().is_some() {
        Stdio::piped()
    } else {
        Stdio::null()
    });
    let mut child = spawn(&mut process).map_err(failed("start"))?;
    if let (Some(mut pipe), Some(bytes)) = (child.stdin.take(), command.input()) {
        let bytes = bytes.to_vec();
        // A program need not read its input, so a broken pipe is nothing to report.
        thread::spawn(move || pipe.write_all(&bytes));
    }
    let (sender, receiver) = mpsc::channel();
    let stdout = Capture::start(child.stdout.take(), sender.clone());
    let stderr = Capture::start(child.stderr.take(), sender);
    let end = wait(&mut child, &receiver, command.time_limit());
    if !matches!(end, Ok(End::Exited(_))) {
        kill(&mut child).map_err(failed("kill"))?;
    }
    match end.map_err(failed("wait for"))? {
        End::Exited(status) => {
            let (code, signal) = (status.code(), status.signal());
            Ok(Output {
                code,
                signal,
                stdout: stdout.take(),
                stderr: stderr.take(),
            })
        }
        End::TimedOut => Err(HostError::TimedOut {
            command: command.to_string(),
            after: command.time_limit(),
            stderr: tail(&stderr.take()),
        }),
        End::TooMuchOutput => Err(HostError::TooMuchOutput {
            command: command.to_string(),
            limit: OUTPUT_LIMIT,
        }),
    }
}

/// Starts the process. A program that was written a moment ago may still be open for writing in a process that was
/// forked meanwhile; that passes.
fn spawn(process: &mut Process) -> std::io::Result<Child> {
    for _ in 0..20 {
        match process.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => thread::sleep(PAUSE),
            result => return result,
        }
    }
    process.spawn()
}

/// How a program came to its end.
enum End {
    Exited(ExitStatus),
    TimedOut,
    TooMuchOutput,
}

/// What a collecting thread reports.
enum Event {
    Closed,
    TooMuch,
}

fn wait(child: &mut Child, events: &mpsc::Receiver<Event>, limit: Duration) -> std::io::Result<End> {
    let start = Instant::now();
    let mut open = 2;
    let mut exited: Option<(ExitStatus, Instant)> = None;
    let mut pause = Duration::from_micros(200);
    loop {
        if exited.is_none() {
            exited = child.try_wait()?.map(|status| (status, Instant::now()));
        }
        match exited {
            Some((status, when)) if open == 0 || when.elapsed() >= DRAIN => return Ok(End::Exited(status)),
            None if start.elapsed() >= limit => return Ok(End::TimedOut),
            Some(_) | None => {}
        }
        match events.recv_timeout(pause) {
            Ok(Event::Closed) => open -= 1,
            Ok(Event::TooMuch) => return Ok(End::TooMuchOutput),
            Err(RecvTimeoutError::Timeout) => pause = (pause * 2).min(PAUSE),
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(pause);
                pause = (pause * 2).min(PAUSE);
            }
        }
    }
}

/// Kills the program and everything that it has started within its group.
fn kill(child: &mut Child) -> std::io::Result<()> {
    if child.try_wait()?.is_some() {
        // Its number may already belong to somebody else.
        return Ok(());
    }
    match kill_process_group(Pid::from_child(child), Signal::KILL) {
        Ok(()) => child.wait().map(drop),
        Err(error) => Err(error.into()),
    }
}

/// Bytes that a thread collects from a pipe.
struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Capture {
    fn start<R: Read + Send + 'static>(pipe: Option<R>, sender: Sender<Event>) -> Capture {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let collected = Arc::clone(&bytes);
        thread::spawn(move || {
            let event = pipe.map_or(Event::Closed, |pipe| collect(pipe, &collected));
            // Nobody listens any more if the program was given up.
            let _ = sender.send(event);
        });
        Capture { bytes }
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn collect(mut pipe: impl Read, collected: &Mutex<Vec<u8>>) -> Event {
    let mut buffer = [0; 16 << 10];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return Event::Closed,
            Ok(count) => {
                let mut bytes = collected.lock().unwrap_or_else(PoisonError::into_inner);
                if bytes.len() + count > OUTPUT_LIMIT {
                    return Event::TooMuch;
                }
                bytes.extend_from_slice(&buffer[..count]);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Event::Closed,
        }
    }
}
