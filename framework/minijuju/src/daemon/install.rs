//! A unit's agent on its machine: its directories, its hook tools and its charm.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use package::ArchiveError;

use super::files::remove_if_there;
use crate::journal::replace;
use crate::paths::MachinePaths;

/// Names the charm that is completely unpacked.
const MARKER: &str = "charm-id";
/// Lists the files that came out of the archive.
const MANIFEST: &str = "charm-manifest.json";

/// The agent could not be installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The file system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The list of files.
    #[error("cannot read the charm's manifest: {0}")]
    Manifest(#[from] serde_json::Error),
}

/// Which charm a unit has on disk, if it has one completely.
pub(crate) fn unpacked(machine: &MachinePaths, tag: &str) -> Option<String> {
    fs_err::read_to_string(machine.agent(tag).join(MARKER)).ok()
}

/// Links the hook tools of a unit. May be repeated.
pub(crate) fn link_tools(machine: &MachinePaths, tag: &str, names: &[&str], jujuc: &Path) -> io::Result<()> {
    let dir = machine.tools(tag);
    fs_err::create_dir_all(&dir)?;
    for name in names {
        let link = dir.join(name);
        if std::fs::read_link(&link).is_ok_and(|target| target == jujuc) {
            continue;
        }
        remove_if_there(&link)?;
        symlink(jujuc, &link)?;
    }
    Ok(())
}

/// Unpacks a charm over what the unit has. May be interrupted and repeated. Blocks.
pub(crate) fn unpack(machine: &MachinePaths, tag: &str, archive: &Path, id: &str) -> Result<(), InstallError> {
    if unpacked(machine, tag).as_deref() == Some(id) {
        return Ok(());
    }
    let charm = machine.charm(tag);
    fs_err::create_dir_all(&charm)?;
    // From here on the unit has no whole charm, until the marker is written again.
    remove_if_there(&machine.agent(tag).join(MARKER))?;
    let list = machine.agent(tag).join(MANIFEST);
    let before: BTreeSet<PathBuf> = match fs_err::read(&list) {
        Ok(text) => serde_json::from_slice(&text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
        Err(error) => return Err(error.into()),
    };
    replace_running_programs(&charm, &before)?;
    let now: BTreeSet<PathBuf> = package::unpack(archive, &charm)?.into_iter().collect();
    // Both lists count until the old files are gone, or an interruption would forget some.
    replace(&list, &serde_json::to_vec(&before.union(&now).collect::<Vec<_>>())?)?;
    remove_old(&charm, before.difference(&now))?;
    replace(&list, &serde_json::to_vec(&now)?)?;
    Ok(replace(&machine.agent(tag).join(MARKER), id.as_bytes())?)
}

/// A program that is being executed cannot be written to; removing it first leaves the running copy alone.
fn replace_running_programs(charm: &Path, files: &BTreeSet<PathBuf>) -> io::Result<()> {
    for file in files {
        let path = charm.join(file);
        if path.symlink_metadata().is_ok_and(|found| found.is_file()) {
            fs_err::remove_file(path)?;
        }
    }
    Ok(())
}

/// Files go first; a directory goes only if nothing else is in it.
fn remove_old<'a>(charm: &Path, old: impl Iterator<Item = &'a PathBuf>) -> io::Result<()> {
    let mut dirs = Vec::new();
    for path in old.map(|path| charm.join(path)) {
        match path.symlink_metadata() {
            Ok(found) if found.is_dir() => dirs.push(path),
            Ok(_) => fs_err::remove_file(path)?,
            Err(_) => {}
        }
    }
    dirs.sort();
    for dir in dirs.iter().rev() {
        match std::fs::remove_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::Home;
    use package::{Content, Entry};

    fn archive(path: &Path, files: &[(&str, &str)]) {
        let entry = |(path, text): &(&str, &str)| Entry {
            path: (*path).to_owned(),
            content: Content::Bytes {
                bytes: text.as_bytes().to_vec(),
                executable: true,
            },
        };
        package::pack(files.iter().map(entry).collect(), path).unwrap();
    }

    #[test]
    fn a_charm_is_unpacked_once_and_replaced_by_another() {
        let dir = tempfile::tempdir().unwrap();
        let machine = Home::at(dir.path()).create_model("m").unwrap().machine("0");
        let (one, two) = (dir.path().join("1"), dir.path().join("2"));
        archive(
            &one,
            &[("metadata.yaml", "1"), ("hooks/install", "1"), ("old/file", "1")],
        );
        archive(&two, &[("metadata.yaml", "2"), ("hooks/install", "2")]);
        let charm = machine.charm("unit-a-0");
        let read = |name: &str| fs_err::read_to_string(charm.join(name)).unwrap();

        unpack(&machine, "unit-a-0", &one, "one").unwrap();
        fs_err::write(charm.join("made-by-the-charm"), "x").unwrap();
        fs_err::write(charm.join("metadata.yaml"), "edited").unwrap();
        unpack(&machine, "unit-a-0", &one, "one").unwrap();
        assert_eq!(
            read("metadata.yaml"),
            "edited",
            "what is there already is not unpacked again"
        );

        unpack(&machine, "unit-a-0", &two, "two").unwrap();
        assert_eq!(read("metadata.yaml"), "2");
        assert_eq!(read("made-by-the-charm"), "x");
        assert!(!charm.join("old/file").exists());
        assert_eq!(unpacked(&machine, "unit-a-0").as_deref(), Some("two"));
    }

    #[test]
    fn tools_are_links_that_follow_the_program() {
        let dir = tempfile::tempdir().unwrap();
        let machine = Home::at(dir.path()).create_model("m").unwrap().machine("0");
        for program in ["/bin/true", "/bin/false"] {
            link_tools(&machine, "unit-a-0", &["config-get"], Path::new(program)).unwrap();
            assert_eq!(
                fs_err::read_link(machine.tools("unit-a-0").join("config-get")).unwrap(),
                Path::new(program)
            );
        }
    }
}
