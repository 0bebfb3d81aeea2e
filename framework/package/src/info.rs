//! A charm as Juju sees it: all of its files read and checked together.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::actions::{ActionError, Actions};
use crate::archive::{self, ArchiveError};
use crate::config::{ConfigError, ConfigOptions};
use crate::manifest::Manifest;
use crate::metadata::{Metadata, MetadataError};
use crate::yaml::YamlError;

/// The files that Juju reads at the root of a charm.
const FILES: [&str; 5] = [
    "metadata.yaml",
    "config.yaml",
    "actions.yaml",
    "manifest.yaml",
    "version",
];
const VERSION_BYTES: usize = 100;

/// Everything Juju reads from a charm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CharmInfo {
    /// `metadata.yaml`.
    pub metadata: Metadata,
    /// `config.yaml`; empty when there is none.
    pub config: ConfigOptions,
    /// `actions.yaml`; empty when there is none.
    pub actions: Actions,
    /// `manifest.yaml`.
    pub manifest: Option<Manifest>,
    /// The first line of `version`.
    pub version: Option<String>,
}

/// The texts of a charm's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parts<'a> {
    /// `metadata.yaml`.
    pub metadata: &'a str,
    /// `config.yaml`.
    pub config: Option<&'a str>,
    /// `actions.yaml`.
    pub actions: Option<&'a str>,
    /// `manifest.yaml`.
    pub manifest: Option<&'a str>,
    /// `version`.
    pub version: Option<&'a str>,
}

/// A charm that cannot be read, or that Juju would refuse.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// There is no charm: the one file that must be there is not.
    #[error("cannot read charm: \"metadata.yaml\" not found in {:?}", .0.display())]
    NoMetadata(PathBuf),
    /// A file that is not text.
    #[error("cannot read charm: {0} is not valid UTF-8")]
    NotText(&'static str),
    /// The file system failed.
    #[error("cannot read charm: {0}")]
    Io(#[from] std::io::Error),
    /// The archive is broken.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// `metadata.yaml` is wrong.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// `config.yaml` is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `actions.yaml` is wrong.
    #[error(transparent)]
    Actions(#[from] ActionError),
    /// `manifest.yaml` is wrong.
    #[error(transparent)]
    Manifest(#[from] YamlError),
}

impl CharmInfo {
    /// Reads an unpacked charm.
    pub fn from_dir(dir: &Path) -> Result<CharmInfo, PackageError> {
        let texts = read_all(|name| match fs_err::read(dir.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        })?;
        CharmInfo::from_texts(&texts, dir)
    }

    /// Reads a `.charm` file without unpacking it.
    pub fn from_archive(path: &Path) -> Result<CharmInfo, PackageError> {
        let mut files = archive::read_files(path, &FILES)?;
        let texts = read_all(|name| Ok(files.remove(name)))?;
        CharmInfo::from_texts(&texts, path)
    }

    /// Reads a charm from the texts of its files.
    pub fn from_parts(parts: Parts<'_>) -> Result<CharmInfo, PackageError> {
        let metadata = Metadata::parse("metadata.yaml", parts.metadata)?;
        let config = parts
            .config
            .map(|text| ConfigOptions::parse("config.yaml", text))
            .transpose()?
            .unwrap_or_default();
        let actions = parts
            .actions
            .map(|text| Actions::parse("actions.yaml", text, &metadata.name))
            .transpose()?
            .unwrap_or_default();
        let manifest = parts
            .manifest
            .map(|text| Manifest::parse("manifest.yaml", text))
            .transpose()?;
        metadata.check_format(manifest.as_ref().is_some_and(|manifest| !manifest.bases.is_empty()))?;
        Ok(CharmInfo {
            metadata,
            config,
            actions,
            manifest,
            version: parts.version.and_then(version_line),
        })
    }

    fn from_texts(texts: &[Option<String>; 5], place: &Path) -> Result<CharmInfo, PackageError> {
        let [metadata, config, actions, manifest, version] = texts;
        let metadata = metadata
            .as_deref()
            .ok_or_else(|| PackageError::NoMetadata(place.to_owned()))?;
        CharmInfo::from_parts(Parts {
            metadata,
            config: config.as_deref(),
            actions: actions.as_deref(),
            manifest: manifest.as_deref(),
            version: version.as_deref(),
        })
    }
}

/// Reads the known files in the order of [`FILES`].
fn read_all(
    mut read: impl FnMut(&'static str) -> Result<Option<Vec<u8>>, PackageError>,
) -> Result<[Option<String>; 5], PackageError> {
    let mut texts = [const { None }; 5];
    for (slot, name) in texts.iter_mut().zip(FILES) {
        *slot = read(name)?
            .map(|bytes| String::from_utf8(bytes).map_err(|_| PackageError::NotText(name)))
            .transpose()?;
    }
    Ok(texts)
}

/// The first line, at most 100 bytes of it, without the mark that some build tools put in front.
fn version_line(text: &str) -> Option<String> {
    let line = text.lines().next()?.trim();
    let line = line.strip_prefix("revision-id: ").unwrap_or(line);
    let end = (0..=line.len().min(VERSION_BYTES))
        .rev()
        .find(|at| line.is_char_boundary(*at))?;
    (end > 0).then(|| line[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::pack_dir;

    const METADATA: &str = "name: a\nsummary: s\ndescription: d\n";

    fn charm(files: &[(&str, &str)]) -> tempfile::TempDir {
        let temp = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs_err::write(temp.path().join(name), text).unwrap();
        }
        temp
    }

    #[test]
    fn a_directory_and_its_archive_read_the_same() {
        let dir = charm(&[
            ("metadata.yaml", METADATA),
            ("config.yaml", "options: {p: {type: int, default: 1}}"),
            ("actions.yaml", "go: {}"),
            (
                "manifest.yaml",
                "bases: [{name: ubuntu, channel: '22.04', architectures: [amd64]}]",
            ),
            ("version", "revision-id: abc-dirty\nmore"),
        ]);
        let out = tempfile::tempdir().unwrap();
        let archive = out.path().join("a.charm");
        pack_dir(dir.path(), &archive).unwrap();
        let info = CharmInfo::from_dir(dir.path()).unwrap();
        assert_eq!(CharmInfo::from_archive(&archive).unwrap(), info);
        assert_eq!(info.version.as_deref(), Some("abc-dirty"));
        assert_eq!(info.manifest.as_ref().unwrap().bases.len(), 1);
        let json = serde_json::to_string(&info).unwrap();
        assert_eq!(serde_json::from_str::<CharmInfo>(&json).unwrap(), info);
    }

    #[test]
    fn only_metadata_must_be_there() {
        let info = CharmInfo::from_dir(charm(&[("metadata.yaml", METADATA)]).path()).unwrap();
        assert_eq!(
            (info.config, info.actions, info.manifest, info.version),
            (ConfigOptions::default(), Actions::default(), None, None)
        );
        let error = CharmInfo::from_dir(charm(&[]).path()).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot read charm: \"metadata.yaml\" not found in "),
            "{error}"
        );
    }

    #[test]
    fn the_manifest_decides_the_format() {
        let parts = Parts {
            metadata: "name: a\nsummary: s\ndescription: d\nseries: [jammy]\n",
            manifest: Some("bases: [{name: ubuntu, channel: '22.04'}]"),
            ..Parts::default()
        };
        let error = CharmInfo::from_parts(parts).unwrap_err().to_string();
        assert_eq!(error, "metadata v2 manifest.yaml with series slice not valid");
    }

    #[test]
    fn versions_are_one_short_line() {
        assert_eq!(version_line(""), None);
        assert_eq!(version_line("1.0\n2.0"), Some("1.0".to_owned()));
        assert_eq!(version_line(&"é".repeat(80)).unwrap().len(), 100);
        assert_eq!(version_line(&format!("x{}", "é".repeat(80))).unwrap().len(), 99);
    }
}
