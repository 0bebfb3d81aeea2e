//! Charms brought into the model: read, checked and copied, beside the controller.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use package::CharmInfo;

use crate::paths::{ModelPaths, random_hex};

/// What a charm is being stored for.
#[derive(Debug, Clone)]
pub(crate) enum Order {
    /// A new application.
    Deploy {
        application: Option<String>,
        units: Option<u32>,
        config: BTreeMap<String, String>,
    },
    /// Another charm for an application.
    Refresh { application: String },
}

/// A charm that waits in the store for its revision.
#[derive(Debug)]
pub(crate) struct Stored {
    /// What it declares.
    pub(crate) info: CharmInfo,
    /// Where its archive lies for now.
    pub(crate) archive: PathBuf,
}

impl Stored {
    /// Gives the archive its final place.
    pub(crate) fn settle(&self, paths: &ModelPaths, id: &str) -> io::Result<()> {
        fs_err::rename(&self.archive, paths.charm(id))
    }
}

/// Reads and checks a charm, a directory or an archive, and copies it into the model's store. Blocks.
pub(crate) fn bring(paths: &ModelPaths, charm: &Path) -> Result<Stored, String> {
    let found = match charm.metadata() {
        Ok(found) if charm.is_absolute() => found,
        Ok(_) => return Err(format!("cannot deploy {:?}: not an absolute path", charm.display())),
        Err(_) => return Err(format!("no charm was found at {:?}", charm.display())),
    };
    let invalid =
        |error: &dyn std::fmt::Display| format!("invalid charm or bundle provided at {:?}: {error}", charm.display());
    let info = if found.is_dir() {
        CharmInfo::from_dir(charm)
    } else {
        CharmInfo::from_archive(charm)
    };
    let info = info.map_err(|e| invalid(&e))?;
    if info.manifest.as_ref().is_none_or(|m| m.bases.is_empty()) {
        return Err("charm does not define any bases".to_owned());
    }
    let archive = copy(paths, charm, found.is_dir()).map_err(|e| format!("cannot store charm: {e}"))?;
    Ok(Stored { info, archive })
}

fn copy(paths: &ModelPaths, charm: &Path, is_dir: bool) -> Result<PathBuf, Box<dyn std::error::Error>> {
    fs_err::create_dir_all(paths.charms_dir())?;
    let archive = paths.charms_dir().join(format!(".incoming-{}", random_hex(8)?));
    if is_dir {
        package::pack_dir(charm, &archive)?;
    } else {
        fs_err::copy(charm, &archive)?;
        fs_err::File::open(&archive)?.sync_all()?;
    }
    Ok(archive)
}

/// Removes what an interrupted `bring` has left.
pub(crate) fn sweep(paths: &ModelPaths) -> io::Result<()> {
    let entries = match fs_err::read_dir(paths.charms_dir()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(".incoming-") {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::Home;

    #[test]
    fn a_path_without_charm_is_told_in_jujus_words() {
        let dir = tempfile::tempdir().unwrap();
        let model = Home::at(dir.path()).create_model("m").unwrap();
        let missing = dir.path().join("x.charm");
        assert_eq!(
            bring(&model, &missing).unwrap_err(),
            format!("no charm was found at {missing:?}")
        );
        fs_err::write(&missing, "no zip").unwrap();
        assert!(
            bring(&model, &missing)
                .unwrap_err()
                .starts_with("invalid charm or bundle provided at ")
        );
    }

    #[test]
    fn a_directory_becomes_an_archive_and_leftovers_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let model = Home::at(dir.path()).create_model("m").unwrap();
        let charm = dir.path().join("charm");
        fs_err::create_dir_all(&charm).unwrap();
        fs_err::write(charm.join("metadata.yaml"), "name: x\nsummary: s\ndescription: d\n").unwrap();
        assert_eq!(bring(&model, &charm).unwrap_err(), "charm does not define any bases");
        let manifest = "bases:\n- name: ubuntu\n  channel: 22.04/stable\n  architectures: [amd64]\n";
        fs_err::write(charm.join("manifest.yaml"), manifest).unwrap();
        let stored = bring(&model, &charm).unwrap();
        stored.settle(&model, "x-0").unwrap();
        assert_eq!(CharmInfo::from_archive(&model.charm("x-0")).unwrap(), stored.info);
        bring(&model, &charm).unwrap();
        sweep(&model).unwrap();
        assert_eq!(fs_err::read_dir(model.charms_dir()).unwrap().count(), 1);
    }
}
