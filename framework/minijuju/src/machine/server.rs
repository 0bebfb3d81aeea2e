//! `minit` itself: one per machine, its socket, and the loop that serves it.

use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use super::protocol::Request;
use super::supervisor::{Event, Supervisor};
use crate::paths::MachinePaths;

/// How long a predecessor may take to go after it has stopped to answer.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// Runs the init of a machine until it is shut down.
pub fn run(machine: &MachinePaths) -> io::Result<()> {
    // Fails only for a leader of a process group, who has its own session or is meant to stay in ours.
    let _ = rustix::process::setsid();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let _lock = lock(&machine.dir().join("minit.lock"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (events, received) = mpsc::unbounded_channel();
        let supervisor = Supervisor::new(machine, &hostname(), events.clone())?;
        let listener = listen(machine.socket())?;
        let accepting = tokio::spawn(accept(listener, events));
        let result = supervisor.run(received).await;
        accepting.abort();
        remove(machine.socket())?;
        result
    })
}

/// Held as long as `minit` lives; a second one for the same machine ends here, unless the first is just about to end.
fn lock(path: &Path) -> io::Result<fs_err::File> {
    let file = fs_err::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
            Err(error) => {
                let error = io::Error::from(error);
                return Err(io::Error::new(
                    error.kind(),
                    format!("another init runs this machine: {error}"),
                ));
            }
        }
    }
}

fn listen(socket: &Path) -> io::Result<UnixListener> {
    remove(socket)?;
    if let Some(parent) = socket.parent() {
        fs_err::create_dir_all(parent)?;
    }
    UnixListener::bind(socket)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen at {}: {error}", socket.display())))
}

fn remove(socket: &Path) -> io::Result<()> {
    match fs_err::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn accept(listener: UnixListener, events: mpsc::UnboundedSender<Event>) {
    loop {
        match listener.accept().await {
            Ok((connection, _)) => {
                tokio::spawn(serve(connection, events.clone()));
            }
            // Out of descriptors: some will be free again.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// One request, one reply. A client that speaks nonsense or hangs up gets nothing.
async fn serve(connection: UnixStream, events: mpsc::UnboundedSender<Event>) -> io::Result<()> {
    let (reader, mut writer) = connection.into_split();
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line).await?;
    let request: Request = serde_json::from_str(&line)?;
    let (reply, answer) = oneshot::channel();
    if events.send(Event::Request(request, reply)).is_err() {
        return Ok(());
    }
    if let Ok(reply) = answer.await {
        let mut line = serde_json::to_vec(&reply)?;
        line.push(b'\n');
        writer.write_all(&line).await?;
    }
    Ok(())
}

fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "localhost".into(), |name| name.trim().to_owned())
}
