//! Sockets and directories that belong to one user, and the files that hook tools open in the agent.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use tokio::net::UnixListener;

/// A file that a hook tool reads may be so large.
const MAX_FILE: u64 = 64 << 20;

/// A directory that only this user can enter. One that is somebody else's is refused: its sockets would be theirs.
pub(crate) fn make_private_dir(dir: &Path) -> io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(io::Error::new(
                error.kind(),
                format!("cannot create {}: {error}", dir.display()),
            ));
        }
        Err(_) => {}
    }
    let found = fs_err::symlink_metadata(dir)?;
    if !found.is_dir() || found.uid() != rustix::process::getuid().as_raw() {
        let text = format!("cannot use {}: it is not a directory of this user", dir.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    fs_err::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
}

/// Listens at a path in a private directory; a stale socket there is removed.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    remove_if_there(path)?;
    UnixListener::bind(path).map_err(|e| io::Error::new(e.kind(), format!("cannot listen on {}: {e}", path.display())))
}

/// Removes a file; absent is fine.
pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    absent_is_fine(fs_err::remove_file(path))
}

/// Removes a directory and all in it; absent is fine.
pub(crate) fn remove_tree(dir: &Path) -> io::Result<()> {
    match absent_is_fine(fs_err::remove_dir_all(dir)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // Workloads may leave directories that even their owner cannot enter.
            open_up(dir);
            absent_is_fine(fs_err::remove_dir_all(dir))
        }
        other => other,
    }
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn open_up(dir: &Path) {
    // What cannot be opened up cannot be removed, and that attempt reports it.
    let _reported_later = fs_err::set_permissions(dir, std::fs::Permissions::from_mode(0o700));
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            open_up(&entry.path());
        }
    }
}

/// Files that hook tools name: they are opened here, in the agent.
#[derive(Debug)]
pub(crate) struct AgentFiles;

impl model::context::Files for AgentFiles {
    fn read(&mut self, path: &str) -> io::Result<Vec<u8>> {
        let found = std::fs::metadata(path)?;
        // Reading a pipe or device could block the whole model.
        if !found.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        if found.len() > MAX_FILE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        std::fs::read(path)
    }

    fn write(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        match std::fs::metadata(path) {
            Ok(found) if !found.is_file() => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
            _ => std::fs::write(path, content),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_with_closed_directories_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        fs_err::create_dir_all(&inner).unwrap();
        fs_err::write(inner.join("f"), "x").unwrap();
        fs_err::set_permissions(&inner, std::fs::Permissions::from_mode(0o000)).unwrap();
        remove_tree(&dir.path().join("a")).unwrap();
        assert!(!dir.path().join("a").exists());
        remove_tree(&dir.path().join("a")).unwrap();
    }

    #[test]
    fn only_regular_files_are_opened_for_tools() {
        use model::context::Files as _;
        assert!(AgentFiles.read("/dev/zero").is_err());
        assert!(AgentFiles.write("/dev/null", b"x").is_err());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        AgentFiles.write(path.to_str().unwrap(), b"x").unwrap();
        assert_eq!(AgentFiles.read(path.to_str().unwrap()).unwrap(), b"x");
    }

    #[test]
    fn private_directories_are_made_and_reused() {
        let dir = tempfile::tempdir().unwrap();
        let private = dir.path().join("p");
        make_private_dir(&private).unwrap();
        fs_err::set_permissions(&private, std::fs::Permissions::from_mode(0o755)).unwrap();
        make_private_dir(&private).unwrap();
        assert_eq!(fs_err::metadata(&private).unwrap().mode() & 0o777, 0o700);
        fs_err::write(dir.path().join("file"), "").unwrap();
        assert!(make_private_dir(&dir.path().join("file")).is_err());
    }
}
