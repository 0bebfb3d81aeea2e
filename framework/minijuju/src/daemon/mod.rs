//! The daemon of one model: makes what the [`model::Model`] says true, and answers the command line.
//!
//! One `controller` task owns the model and everything that happens passes through it one after the other, as a
//! `Message`; each event is in the journal before anything follows from it. After every message the controller compares
//! the model with what is real and starts what is missing (`machines`, `agents`); slow work is done beside it and
//! reports back. So it does not matter where the daemon was killed: it reads its journal and compares again.

mod agents;
mod control;
mod controller;
mod faults;
mod files;
mod install;
mod log;
mod machines;
mod process;
mod processes;
mod reports;
mod requests;
mod script;
mod store;
mod teardown;
mod tools;
mod views;
mod waits;

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use fs_err::File;
use juju::UnitName;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use crate::journal::JournalError;
use crate::paths::ModelPaths;
use crate::protocol::{Answer, Request};
use controller::Controller;
use log::ModelLog;

/// The version of Juju that new models play.
pub const JUJU_VERSION: &str = "3.6.28";

/// How long a lock may be held by what is no daemon any more.
const LOCK_PATIENCE: Duration = Duration::from_millis(300);

/// Why a daemon could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another daemon has the model.
    #[error("model {0:?} already has a daemon")]
    Running(String),
    /// `jujuc` or `minit` is not beside this program.
    #[error("cannot find {0:?}: it must be beside the minijuju program")]
    Incomplete(PathBuf),
    /// The journal is broken or cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An event of the journal does not apply: it was written by a program with other rules.
    #[error("cannot replay the journal: {0}")]
    Replay(#[from] model::ModelError),
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What the controller is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// The command line wants something.
    Request {
        request: Request,
        answers: UnboundedSender<Answer>,
    },
    /// A hook calls a tool.
    Tool(tools::ToolRequest),
    /// A hook, action or command has ended.
    Ended {
        unit: UnitName,
        context_id: String,
        result: io::Result<process::Ended>,
    },
    /// A machine was made, found again or rebooted.
    MachineReady { number: u32, result: Result<(), String> },
    /// A machine is no more.
    MachineGone { number: u32, result: Result<(), String> },
    /// A charm was unpacked for a unit.
    CharmReady { unit: UnitName, result: Result<(), String> },
    /// A charm was read and stored for `deploy` or `refresh`.
    CharmStored {
        order: store::Order,
        result: Box<Result<store::Stored, String>>,
        answers: UnboundedSender<Answer>,
    },
    /// The daemon must end.
    Terminate,
}

/// The programs that the daemon starts or links to.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// The hook tools.
    pub(crate) jujuc: PathBuf,
    /// A machine's init.
    pub(crate) minit: PathBuf,
    /// `PATH` of the daemon.
    pub(crate) path: String,
}

impl Programs {
    fn find() -> Result<Programs, DaemonError> {
        let own = std::env::current_exe()?;
        let beside = |name: &str| {
            let path = own.with_file_name(name);
            if path.is_file() {
                Ok(path)
            } else {
                Err(DaemonError::Incomplete(path))
            }
        };
        let path = std::env::var("PATH")
            .unwrap_or_else(|_| "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into());
        Ok(Programs {
            jujuc: beside("jujuc")?,
            minit: beside("minit")?,
            path,
        })
    }
}

/// Runs the daemon of a model until it is told to end or the model is destroyed. Its stdout and stderr are its log.
pub fn run(paths: &ModelPaths) -> Result<(), DaemonError> {
    let _lock = lock(paths)?;
    // The terminal that started the daemon may close. Who leads a process group already stays where it is.
    let _stays = rustix::process::setsid();
    let programs = Programs::find()?;
    fs_err::write(paths.daemon_pid(), format!("{}\n", std::process::id()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, serve(paths.clone(), programs))?;
    // Work in other threads (a machine that stops slowly) must not hold up the end: the next daemon takes it up again.
    runtime.shutdown_background();
    match fs_err::remove_file(paths.daemon_pid()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Locks the model for the life of the process. A predecessor that was killed while it started a program may live on in that
/// program's first moments, lock included; so a refusal counts only if it lasts.
fn lock(paths: &ModelPaths) -> Result<File, DaemonError> {
    let lock = File::create(paths.lock())?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
            Err(Errno::WOULDBLOCK) => return Err(DaemonError::Running(paths.name().to_owned())),
            other => {
                other.map_err(io::Error::from)?;
                return Ok(lock);
            }
        }
    }
}

async fn serve(paths: ModelPaths, programs: Programs) -> Result<(), DaemonError> {
    files::make_private_dir(&paths.runtime_dir())?;
    let log = Rc::new(RefCell::new(ModelLog::open(&paths.model_log())?));
    let (to_controller, messages) = unbounded_channel();
    let controller = Controller::load(paths.clone(), programs, log, to_controller.clone())?;
    let listener = files::bind(&paths.control_socket())?;
    watch_signals(to_controller.clone())?;
    let (stop, stopped) = oneshot::channel();
    let control = tokio::task::spawn_local(control::serve(listener, to_controller, stopped));
    controller.run(messages).await;
    // The last answers must reach their readers before the process is gone.
    let _all_connections_ended = stop.send(());
    let _slow_reader = tokio::time::timeout(Duration::from_secs(1), control).await;
    Ok(())
}

fn watch_signals(controller: UnboundedSender<Message>) -> io::Result<()> {
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind)?;
        let controller = controller.clone();
        tokio::task::spawn_local(async move {
            while signals.recv().await.is_some() && controller.send(Message::Terminate).is_ok() {}
        });
    }
    Ok(())
}

/// A line in the daemon's own log.
pub(crate) fn note(text: &str) {
    let _no_one_to_tell = writeln!(
        io::stderr(),
        "{} {text}",
        model::Time(crate::paths::now_ms()).iso_text()
    );
}
