//! Makes a charm package, or an unpacked charm directory, of this binary and its assets.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use package::{ArchiveError, Content, Entry};

use crate::Assets;

/// Why a charm cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The running binary cannot be read.
    #[error("cannot read this program: {0}")]
    Program(#[source] std::io::Error),
    /// Two files of one name.
    #[error("cannot pack `{0}` twice")]
    Duplicate(String),
    /// A file of the unpacked charm cannot be written.
    #[error("cannot write {path:?}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The archive cannot be made.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
}

/// The files of a packed charm.
pub(crate) fn entries(name: &str, assets: &Assets) -> Result<Vec<Entry>, PackError> {
    let program = std::env::current_exe()
        .and_then(std::fs::read)
        .map_err(PackError::Program)?;
    let dispatch = format!("#!/bin/sh\nexec \"${{JUJU_CHARM_DIR:-.}}/bin/{name}\" \"$@\"\n");
    let texts = [
        ("metadata.yaml", assets.metadata),
        ("config.yaml", assets.config),
        ("actions.yaml", assets.actions),
        ("manifest.yaml", assets.manifest),
    ];
    let mut entries: Vec<Entry> = texts
        .into_iter()
        .filter(|(_, text)| !text.trim().is_empty())
        .map(|(path, text)| entry(path, text.as_bytes().to_vec(), false))
        .collect();
    entries.push(entry("dispatch", dispatch.into_bytes(), true));
    entries.push(entry(&format!("bin/{name}"), program, true));
    for (path, bytes) in assets.files {
        if entries.iter().any(|known| known.path == *path) {
            return Err(PackError::Duplicate((*path).to_owned()));
        }
        entries.push(entry(path, bytes.to_vec(), false));
    }
    Ok(entries)
}

fn entry(path: &str, bytes: Vec<u8>, executable: bool) -> Entry {
    Entry {
        path: path.to_owned(),
        content: Content::Bytes { bytes, executable },
    }
}

/// Writes the files below a directory. Each is replaced by a rename, so that a charm that runs from there goes on.
pub(crate) fn write_dir(entries: &[Entry], dir: &Path) -> Result<(), PackError> {
    for Entry { path, content } in entries {
        if let Content::Bytes { bytes, executable } = content {
            let path = dir.join(path);
            let mode = if *executable { 0o755 } else { 0o644 };
            write(&path, bytes, mode).map_err(|source| PackError::Write { path, source })?;
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = path.with_file_name(name);
    if fresh.exists() {
        std::fs::remove_file(&fresh)?;
    }
    let mut file = std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(mode)
        .open(&fresh)?;
    file.write_all(bytes)?;
    drop(file);
    std::fs::rename(&fresh, path)
}
