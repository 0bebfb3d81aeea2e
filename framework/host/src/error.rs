//! What can go wrong with a machine.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ServiceAction;

/// Something on the machine could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was being done, such as `read`.
        action: &'static str,
        /// To which path, as it is in the file system of this process.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A path of the machine was not absolute.
    #[error("cannot use {}: the path is not absolute", path.display())]
    NotAbsolute {
        /// The path.
        path: PathBuf,
    },
    /// There is no such program.
    #[error("cannot run {program}: no such program")]
    NoProgram {
        /// The program.
        program: String,
    },
    /// A program could not be started, or the connection to it failed.
    #[error("cannot {action} {program}: {source}")]
    Process {
        /// What was being done, such as `start`.
        action: &'static str,
        /// The program.
        program: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A program took too long and was killed, with everything it had started.
    #[error("cannot finish `{command}`: killed after {after:?}{}", suffix(stderr))]
    TimedOut {
        /// The command line.
        command: String,
        /// The time it had.
        after: Duration,
        /// The end of what it had written to standard error.
        stderr: String,
    },
    /// A program wrote more than can be kept, and was killed.
    #[error("cannot keep the output of `{command}`: more than {limit} bytes")]
    TooMuchOutput {
        /// The command line.
        command: String,
        /// The bound.
        limit: usize,
    },
    /// A program that had to succeed failed.
    #[error("cannot run `{command}`: {status}{}", suffix(stderr))]
    Failed {
        /// The command line.
        command: String,
        /// The exit status in words.
        status: String,
        /// The end of its standard error.
        stderr: String,
    },
    /// The service manager refused.
    #[error("cannot {} service {name}: {reason}", action.verb())]
    Service {
        /// The service.
        name: String,
        /// What was asked for.
        action: ServiceAction,
        /// The service manager's words.
        reason: String,
    },
    /// A service's name cannot be the name of a unit file.
    #[error("cannot use {name:?} as the name of a service")]
    ServiceName {
        /// The name.
        name: String,
    },
    /// This machine shares the file system of the host that runs it, and must not install packages there.
    #[error(
        "cannot install packages on a machine of the kind `process`: install {} on the host that runs it",
        packages.join(", ")
    )]
    SharedMachine {
        /// The packages that the host's administrator would have to install.
        packages: Vec<String>,
    },
}

impl HostError {
    /// An error of the file system.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HostError {
        let path = path.to_owned();
        move |source| HostError::File { action, path, source }
    }
}

/// `: text`, or nothing.
fn suffix(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}
