//! The `.charm` archive: an ordinary zip of the charm's files.
//!
//! [`pack`] writes entries in one order, with one date and normal modes, so that the same files always give the same bytes.
//! [`unpack`] trusts nothing in the archive: not its names, not its links, not its sizes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use fs_err::os::unix::fs::OpenOptionsExt;
use zip::read::ZipArchive;
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

/// More files than any charm has.
const MAX_ENTRIES: usize = 200_000;
/// More bytes, unpacked, than any charm has.
const MAX_BYTES: u64 = 4 << 30;
/// Far more than a YAML file needs.
const MAX_TEXT_BYTES: u64 = 16 << 20;
/// A symbolic link's target is a path.
const MAX_LINK_BYTES: u64 = 4096;
/// Directories of version control systems stay out of a charm.
const LEFT_OUT: [&str; 4] = [".git", ".bzr", ".hg", ".svn"];

/// One member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path below the charm's root, with `/` between its parts.
    pub path: String,
    /// What is there.
    pub content: Content,
}

/// What a member of an archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A file with these bytes.
    Bytes {
        /// The content.
        bytes: Vec<u8>,
        /// Whether it can be run.
        executable: bool,
    },
    /// A file whose content is read from this path while packing; runnable if its owner may run it.
    File(PathBuf),
    /// A symbolic link with this target.
    Symlink(String),
    /// A directory.
    Directory,
}

/// An archive that cannot be written, or that must not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file system failed.
    #[error("cannot access charm archive: {0}")]
    Io(#[from] io::Error),
    /// Not a zip file, or a broken one.
    #[error("cannot read charm archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// A name that is absolute, climbs out or is not UTF-8.
    #[error("cannot use archive member {0:?}: not a path inside the charm")]
    Name(String),
    /// Two members of one name, or one inside another that is no directory.
    #[error("cannot use archive member {0:?}: the name is taken")]
    Duplicate(String),
    /// A symbolic link to an absolute path.
    #[error("symlink {link:?} is absolute: {target:?}")]
    AbsoluteLink {
        /// The link.
        link: String,
        /// Where it points.
        target: String,
    },
    /// A symbolic link to the outside.
    #[error("symlink {link:?} links out of charm: {target:?}")]
    OutwardLink {
        /// The link.
        link: String,
        /// Where it points.
        target: String,
    },
    /// A member that is no file, directory or link.
    #[error("file {what}: {path:?}")]
    Kind {
        /// What it is, as Juju says it.
        what: &'static str,
        /// The member.
        path: String,
    },
    /// More members or bytes than any charm has.
    #[error("cannot use charm archive: {0}")]
    TooLarge(String),
}

/// Writes a `.charm` file. Equal entries give equal bytes, in whatever order they come.
pub fn pack(entries: Vec<Entry>, out: &Path) -> Result<(), ArchiveError> {
    let mut sorted = BTreeMap::new();
    for entry in entries {
        let path = clean_name(&entry.path)?;
        if let Content::Symlink(target) = &entry.content {
            check_link(&path, target)?;
        }
        if sorted.insert(path.clone(), entry.content).is_some() {
            return Err(ArchiveError::Duplicate(path));
        }
    }
    let part = out.with_file_name(format!(
        ".{}.part",
        out.file_name().unwrap_or_default().to_string_lossy()
    ));
    let written = write_zip(&sorted, &part).and_then(|()| Ok(fs_err::rename(&part, out)?));
    if written.is_err() && part.exists() {
        fs_err::remove_file(&part)?;
    }
    written
}

/// Packs a directory; directories of version control systems are left out. Returns the members' paths.
pub fn pack_dir(dir: &Path, out: &Path) -> Result<Vec<PathBuf>, ArchiveError> {
    let mut entries = Vec::new();
    collect(dir, "", &mut entries)?;
    let mut paths: Vec<PathBuf> = entries.iter().map(|entry| PathBuf::from(&entry.path)).collect();
    paths.sort();
    pack(entries, out)?;
    Ok(paths)
}

/// Unpacks a `.charm` file into a directory and returns the paths of what it wrote, relative to it and sorted.
///
/// Files of the same names are replaced. Permission bits are the archive's; files below `hooks/` with the name of a
/// hook can be run by their owner afterwards.
pub fn unpack(archive: &Path, dir: &Path) -> Result<Vec<PathBuf>, ArchiveError> {
    let mut zip = open(archive)?;
    let plan = plan(&mut zip)?;
    fs_err::create_dir_all(dir)?;
    let mut manifest = Vec::new();
    for (path, member) in &plan {
        make_parents(dir, Path::new(path))?;
        match member.kind {
            Kind::File { mode } => write_file(&mut zip, member, &dir.join(path), hook_mode(path, mode))?,
            Kind::Directory { .. } => make_parents(dir, &Path::new(path).join("x"))?,
            Kind::Link { .. } => continue,
        }
        manifest.push(PathBuf::from(path));
    }
    // Links come after all files, so that no file is written through one.
    for (path, member) in &plan {
        if let Kind::Link { target } = &member.kind {
            remove_old(&dir.join(path))?;
            symlink(target, dir.join(path))?;
            manifest.push(PathBuf::from(path));
        }
    }
    for (path, member) in &plan {
        match &member.kind {
            Kind::Link { target } => check_real_target(dir, path, target)?,
            // Directories get their modes last: a read-only one can still be filled.
            Kind::Directory { mode } => {
                fs_err::set_permissions(dir.join(path), PermissionsExt::from_mode(mode | 0o700))?
            }
            Kind::File { .. } => {}
        }
    }
    manifest.sort();
    Ok(manifest)
}

/// Reads the named members, those that are there.
pub(crate) fn read_files(
    archive: &Path,
    names: &[&'static str],
) -> Result<BTreeMap<&'static str, Vec<u8>>, ArchiveError> {
    let mut zip = open(archive)?;
    let mut files = BTreeMap::new();
    for name in names {
        let Some(index) = zip.index_for_name(name) else {
            continue;
        };
        let member = zip.by_index(index)?;
        let mut bytes = Vec::new();
        member.take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_TEXT_BYTES {
            return Err(ArchiveError::TooLarge(format!(
                "{name} has more than {MAX_TEXT_BYTES} bytes"
            )));
        }
        files.insert(*name, bytes);
    }
    Ok(files)
}

fn open(archive: &Path) -> Result<ZipArchive<BufReader<File>>, ArchiveError> {
    Ok(ZipArchive::new(BufReader::new(
        fs_err::File::open(archive)?.into_file(),
    ))?)
}

fn write_zip(entries: &BTreeMap<String, Content>, out: &Path) -> Result<(), ArchiveError> {
    let file = fs_err::File::create(out)?.into_file();
    let mut zip = ZipWriter::new(BufWriter::new(file));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    for (path, content) in entries {
        match content {
            Content::Bytes { bytes, executable } => {
                zip.start_file(path, options.unix_permissions(file_mode(*executable)))?;
                zip.write_all(bytes)?;
            }
            Content::File(source) => {
                let mut file = fs_err::File::open(source)?;
                let metadata = file.metadata()?;
                let executable = metadata.permissions().mode() & 0o100 != 0;
                zip.start_file(
                    path,
                    options
                        .unix_permissions(file_mode(executable))
                        .large_file(metadata.len() >= u64::from(u32::MAX)),
                )?;
                io::copy(&mut file, &mut zip)?;
            }
            Content::Symlink(target) => zip.add_symlink(path, target, options.unix_permissions(0o777))?,
            Content::Directory => zip.add_directory(path, options.unix_permissions(0o755))?,
        }
    }
    let mut writer = zip.finish()?;
    writer.flush()?;
    writer.get_ref().sync_all()?;
    Ok(())
}

fn file_mode(executable: bool) -> u32 {
    if executable { 0o755 } else { 0o644 }
}

/// Lists a directory for packing.
fn collect(dir: &Path, prefix: &str, entries: &mut Vec<Entry>) -> Result<(), ArchiveError> {
    for item in fs_err::read_dir(dir)? {
        let item = item?;
        let name = item
            .file_name()
            .into_string()
            .map_err(|name| ArchiveError::Name(name.to_string_lossy().into_owned()))?;
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}/{name}")
        };
        let kind = item.file_type()?;
        if kind.is_dir() {
            if LEFT_OUT.contains(&name.as_str()) {
                continue;
            }
            entries.push(Entry {
                path: path.clone(),
                content: Content::Directory,
            });
            collect(&item.path(), &path, entries)?;
        } else if kind.is_symlink() {
            let target = fs_err::read_link(item.path())?;
            let target = target
                .to_str()
                .ok_or_else(|| ArchiveError::Name(path.clone()))?
                .to_owned();
            entries.push(Entry {
                path,
                content: Content::Symlink(target),
            });
        } else if kind.is_file() {
            entries.push(Entry {
                path,
                content: Content::File(item.path()),
            });
        } else {
            return Err(special(path, item.metadata()?.permissions().mode()));
        }
    }
    Ok(())
}

/// A member that may be unpacked.
struct Member {
    index: usize,
    size: u64,
    kind: Kind,
}

enum Kind {
    File { mode: u32 },
    Link { target: String },
    Directory { mode: u32 },
}

/// Looks at every member before anything is written.
fn plan(zip: &mut ZipArchive<BufReader<File>>) -> Result<BTreeMap<String, Member>, ArchiveError> {
    if zip.len() > MAX_ENTRIES {
        return Err(ArchiveError::TooLarge(format!("{} members", zip.len())));
    }
    let mut plan: BTreeMap<String, Member> = BTreeMap::new();
    let mut total = 0_u64;
    for index in 0..zip.len() {
        let (path, member) = examine(zip, index)?;
        total = total.saturating_add(member.size);
        if total > MAX_BYTES {
            return Err(ArchiveError::TooLarge(format!("more than {MAX_BYTES} bytes unpacked")));
        }
        if plan.insert(path.clone(), member).is_some() {
            return Err(ArchiveError::Duplicate(path));
        }
    }
    let leaves: BTreeSet<&str> = plan
        .iter()
        .filter(|(_, member)| !matches!(member.kind, Kind::Directory { .. }))
        .map(|(path, _)| path.as_str())
        .collect();
    for path in plan.keys() {
        let inside_leaf = path.match_indices('/').any(|(at, _)| leaves.contains(&path[..at]));
        if inside_leaf {
            return Err(ArchiveError::Duplicate(path.clone()));
        }
    }
    Ok(plan)
}

fn examine(zip: &mut ZipArchive<BufReader<File>>, index: usize) -> Result<(String, Member), ArchiveError> {
    const TYPE: u32 = 0o170_000;
    let member = zip.by_index(index)?;
    let raw = member.name()?.into_owned();
    let path = clean_name(raw.trim_end_matches('/'))?;
    let (mode, size) = (
        member
            .unix_mode()
            .unwrap_or(if raw.ends_with('/') { 0o755 } else { 0o644 }),
        member.size(),
    );
    let kind = match mode & TYPE {
        0o040_000 => Kind::Directory { mode: mode & 0o777 },
        _ if raw.ends_with('/') => Kind::Directory { mode: mode & 0o777 },
        0 | 0o100_000 => Kind::File { mode: mode & 0o777 },
        0o120_000 => {
            let mut target = String::new();
            if size > MAX_LINK_BYTES || member.take(MAX_LINK_BYTES).read_to_string(&mut target).is_err() {
                return Err(ArchiveError::Name(path));
            }
            check_link(&path, &target)?;
            Kind::Link { target }
        }
        _ => return Err(special(path, mode)),
    };
    Ok((path, Member { index, size, kind }))
}

fn special(path: String, mode: u32) -> ArchiveError {
    let what = match mode & 0o170_000 {
        0o010_000 => "is a named pipe",
        0o140_000 => "is a socket",
        0o020_000 | 0o060_000 => "is a device",
        _ => "has an unknown type",
    };
    ArchiveError::Kind { what, path }
}

/// A relative path without `..`, in one spelling.
fn clean_name(name: &str) -> Result<String, ArchiveError> {
    let refused = || ArchiveError::Name(name.to_owned());
    if name.contains(['\\', '\0']) {
        return Err(refused());
    }
    let mut parts = Vec::new();
    for part in Path::new(name).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str().ok_or_else(refused)?),
            Component::CurDir => {}
            _ => return Err(refused()),
        }
    }
    if parts.is_empty() {
        Err(refused())
    } else {
        Ok(parts.join("/"))
    }
}

/// The target, read from the link's directory, stays inside the charm.
fn check_link(link: &str, target: &str) -> Result<(), ArchiveError> {
    let outward = || ArchiveError::OutwardLink {
        link: link.to_owned(),
        target: target.to_owned(),
    };
    let mut depth = link.matches('/').count();
    for part in Path::new(target).components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir => depth = depth.checked_sub(1).ok_or_else(outward)?,
            _ => {
                return Err(ArchiveError::AbsoluteLink {
                    link: link.to_owned(),
                    target: target.to_owned(),
                });
            }
        }
    }
    if target.is_empty() { Err(outward()) } else { Ok(()) }
}

/// Makes the directories above a member; whatever else stands in their place, a link above all, goes.
fn make_parents(dir: &Path, path: &Path) -> Result<(), ArchiveError> {
    let mut place = dir.to_owned();
    for part in path.parent().into_iter().flat_map(Path::components) {
        place.push(part);
        match fs_err::symlink_metadata(&place) {
            Ok(metadata) if metadata.is_dir() => continue,
            Ok(_) => fs_err::remove_file(&place)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        fs_err::create_dir(&place)?;
    }
    Ok(())
}

fn write_file(
    zip: &mut ZipArchive<BufReader<File>>,
    member: &Member,
    path: &Path,
    mode: u32,
) -> Result<(), ArchiveError> {
    remove_old(path)?;
    let mut file = fs_err::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    let copied = io::copy(
        &mut zip.by_index(member.index)?.take(member.size.saturating_add(1)),
        &mut file,
    )?;
    if copied != member.size {
        return Err(ArchiveError::TooLarge(format!(
            "{:?} is not as large as the archive says",
            path.display()
        )));
    }
    fs_err::set_permissions(path, PermissionsExt::from_mode(mode))?; // whatever the umask is
    Ok(())
}

/// Takes a link back if it leads out of the charm by way of other links.
fn check_real_target(dir: &Path, path: &str, target: &str) -> Result<(), ArchiveError> {
    let place = dir.join(path);
    let root = fs_err::canonicalize(dir)?;
    match fs_err::canonicalize(&place) {
        Ok(real) if !real.starts_with(&root) => {
            fs_err::remove_file(&place)?;
            Err(ArchiveError::OutwardLink {
                link: path.to_owned(),
                target: target.to_owned(),
            })
        }
        _ => Ok(()), // a link to nothing leads nowhere
    }
}

/// Removes the file or link that an earlier version left; a directory is not replaced.
fn remove_old(path: &Path) -> Result<(), ArchiveError> {
    match fs_err::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(ArchiveError::Duplicate(path.to_string_lossy().into_owned())),
        Ok(_) => Ok(fs_err::remove_file(path)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Juju makes hooks runnable, even when the archive does not.
fn hook_mode(path: &str, mode: u32) -> u32 {
    match path.strip_prefix("hooks/") {
        Some(name) if is_hook_name(name) => mode | 0o100,
        _ => mode,
    }
}

fn is_hook_name(name: &str) -> bool {
    const UNIT: [&str; 18] = [
        "install",
        "start",
        "config-changed",
        "upgrade-charm",
        "stop",
        "remove",
        "update-status",
        "leader-elected",
        "leader-deposed",
        "leader-settings-changed",
        "collect-metrics",
        "meter-status-changed",
        "pre-series-upgrade",
        "post-series-upgrade",
        "secret-changed",
        "secret-expired",
        "secret-remove",
        "secret-rotate",
    ];
    const SUFFIXES: [&str; 8] = [
        "-relation-created",
        "-relation-joined",
        "-relation-changed",
        "-relation-departed",
        "-relation-broken",
        "-storage-attached",
        "-storage-detaching",
        "-pebble-ready",
    ];
    UNIT.contains(&name) || SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests;
