//! What can go wrong with the unit's state.

use std::path::PathBuf;

/// Why the unit's state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be made or its mode set.
    #[error("cannot prepare the unit state file {path:?}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file is no database of ours.
    #[error("cannot open the unit state {path:?}")]
    Open {
        /// The file.
        path: PathBuf,
        /// SQLite's answer.
        source: Box<rusqlite::Error>,
    },
    /// A statement failed.
    #[error("cannot {verb} `{subject}` in the unit state {path:?}")]
    Access {
        /// What was being done.
        verb: &'static str,
        /// The key, prefix or statement.
        subject: String,
        /// The file.
        path: PathBuf,
        /// SQLite's answer.
        source: Box<rusqlite::Error>,
    },
    /// The value is not of the expected form.
    #[error("cannot convert the value of `{key}` in the unit state")]
    Value {
        /// The key.
        key: String,
        /// What does not fit.
        source: serde_json::Error,
    },
}
