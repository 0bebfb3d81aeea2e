//! Files of the real machine: every change is atomic, and on disk before the call returns.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use crate::HostError;

/// The bits of a mode that `chmod` sets.
const MODE_BITS: u32 = 0o7777;
/// The mode of directories that are created on the way.
const PARENT_MODE: u32 = 0o755;

pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, HostError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(HostError::file("read", path)(error)),
    }
}

pub(super) fn write(path: &Path, content: &[u8], mode: u32) -> Result<bool, HostError> {
    let failed = || HostError::file("write", path);
    let mode = mode & MODE_BITS;
    if has_content(path, content).map_err(failed())? {
        return set_mode(path, mode).map_err(failed());
    }
    let dir = parent(path).map_err(failed())?;
    create_parents(dir)?;
    replace(path, dir, content, mode).map_err(failed())?;
    Ok(true)
}

/// Whether there is a regular file with exactly this content.
fn has_content(path: &Path, content: &[u8]) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_file() && meta.len() == content.len() as u64 => Ok(fs::read(path)? == content),
        Ok(_) => Ok(false),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Puts a new file in the place of an old one. The new one has its final mode before it has any content.
fn replace(path: &Path, dir: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let permissions = Permissions::from_mode(mode);
    let mut temporary = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(permissions.clone())
        .tempfile_in(dir)?;
    // The process's umask may have taken bits away.
    temporary.as_file().set_permissions(permissions)?;
    temporary.write_all(content)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path)?;
    sync_dir(dir)
}

/// Gives the file or directory this mode, and says whether it had another.
fn set_mode(path: &Path, mode: u32) -> io::Result<bool> {
    if fs::metadata(path)?.mode() & MODE_BITS == mode {
        return Ok(false);
    }
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    File::open(path).and_then(|file| file.sync_all())?;
    Ok(true)
}

pub(super) fn create_dir(path: &Path, mode: u32) -> Result<(), HostError> {
    let failed = || HostError::file("create directory", path);
    let mode = mode & MODE_BITS;
    if let Some(dir) = path.parent() {
        create_parents(dir)?;
    }
    make_dir(path, mode)
        .and_then(|()| set_mode(path, mode))
        .map_err(failed())?;
    Ok(())
}

/// Creates the directory with at most this mode, unless it is there.
fn make_dir(path: &Path, mode: u32) -> io::Result<()> {
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync_dir),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Creates the missing directories of a path, each with mode 0755 whatever the umask.
fn create_parents(dir: &Path) -> Result<(), HostError> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(above) = dir.parent() {
        create_parents(above)?;
    }
    let made = make_dir(dir, PARENT_MODE).and_then(|()| set_mode(dir, PARENT_MODE));
    made.map(drop).map_err(HostError::file("create directory", dir))
}

pub(super) fn rename(from: &Path, to: &Path) -> Result<(), HostError> {
    let rename = || {
        fs::rename(from, to)?;
        sync_dir(parent(to)?)?;
        sync_dir(parent(from)?)
    };
    rename().map_err(HostError::file("rename", from))
}

/// Removes a file or tree; never the machine's root itself.
pub(super) fn remove(path: &Path, root: &Path) -> Result<(), HostError> {
    let remove = || {
        if path == root || path.parent().is_none() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "this is the machine's root"));
        }
        if fs::symlink_metadata(path)?.is_dir() {
            fs::remove_dir_all(path)?
        } else {
            fs::remove_file(path)?
        }
        sync_dir(parent(path)?)
    };
    match remove() {
        Err(error) if !is_absent(&error) => Err(HostError::file("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn list(path: &Path) -> Result<Vec<String>, HostError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(HostError::file("list", path)(error)),
    };
    let name = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let names: io::Result<Vec<String>> = entries.map(name).collect();
    let mut names = names.map_err(HostError::file("list", path))?;
    names.sort();
    Ok(names)
}

/// Makes what happened to the names in a directory survive a loss of power.
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn parent(path: &Path) -> io::Result<&Path> {
    path.parent()
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "this is the machine's root"))
}

/// Whether an error says that there is no such file, also because what should be a directory is a file.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
