//! Files in memory, with the rules of the real file system that charms depend on.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::HostError;

/// The files and directories of a machine, by absolute path. The root always exists.
#[derive(Debug)]
pub(super) struct Files {
    nodes: BTreeMap<PathBuf, Node>,
    broken: BTreeMap<PathBuf, ErrorKind>,
}

#[derive(Debug, Clone)]
struct Node {
    mode: u32,
    /// `None` for a directory.
    content: Option<Vec<u8>>,
}

impl Node {
    fn dir(mode: u32) -> Node {
        Node {
            mode: mode & 0o7777,
            content: None,
        }
    }

    fn is_dir(&self) -> bool {
        self.content.is_none()
    }
}

impl Default for Files {
    fn default() -> Files {
        Files {
            nodes: BTreeMap::from([(PathBuf::from("/"), Node::dir(0o755))]),
            broken: BTreeMap::new(),
        }
    }
}

impl Files {
    pub(super) fn mode(&self, path: &Path) -> Option<u32> {
        self.nodes.get(path).map(|node| node.mode)
    }

    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.nodes
            .iter()
            .filter(|(_, node)| !node.is_dir())
            .map(|(path, _)| path.clone())
            .collect()
    }

    pub(super) fn break_path(&mut self, path: &Path, kind: ErrorKind) {
        self.broken.insert(path.to_owned(), kind);
    }

    pub(super) fn mend(&mut self, path: &Path) {
        self.broken.remove(path);
    }

    pub(super) fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, HostError> {
        absolute(path)?;
        match self.nodes.get(path) {
            None => Ok(None),
            Some(Node {
                content: Some(content), ..
            }) => Ok(Some(content.clone())),
            Some(_) => Err(failed("read", path, ErrorKind::IsADirectory)),
        }
    }

    pub(super) fn write(&mut self, path: &Path, content: &[u8], mode: u32) -> Result<bool, HostError> {
        absolute(path)?;
        let new = Node {
            mode: mode & 0o7777,
            content: Some(content.to_vec()),
        };
        match self.nodes.get(path) {
            Some(old) if old.is_dir() => return Err(failed("write", path, ErrorKind::IsADirectory)),
            Some(old) if old.mode == new.mode && old.content == new.content => return Ok(false),
            Some(_) | None => {}
        }
        self.check("write", path)?;
        self.create_parents(path)?;
        self.nodes.insert(path.to_owned(), new);
        Ok(true)
    }

    pub(super) fn create_dir(&mut self, path: &Path, mode: u32) -> Result<(), HostError> {
        absolute(path)?;
        self.check("create directory", path)?;
        self.create_parents(path)?;
        if self.nodes.get(path).is_some_and(|node| !node.is_dir()) {
            return Err(failed("create directory", path, ErrorKind::AlreadyExists));
        }
        self.nodes.insert(path.to_owned(), Node::dir(mode));
        Ok(())
    }

    fn create_parents(&mut self, path: &Path) -> Result<(), HostError> {
        for dir in path.ancestors().skip(1) {
            let node = self.nodes.entry(dir.to_owned()).or_insert_with(|| Node::dir(0o755));
            if !node.is_dir() {
                return Err(failed("create directory", dir, ErrorKind::NotADirectory));
            }
        }
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> Result<(), HostError> {
        absolute(from)?;
        absolute(to)?;
        self.check("rename", from)?;
        self.check("rename", to)?;
        self.check_rename(from, to)
            .map_err(|kind| failed("rename", from, kind))?;
        let moved: Vec<PathBuf> = self.below(from).cloned().collect();
        for path in moved {
            let place = match path.strip_prefix(from) {
                Ok(rest) if !rest.as_os_str().is_empty() => to.join(rest),
                Ok(_) | Err(_) => to.to_owned(),
            };
            if let Some(node) = self.nodes.remove(&path) {
                self.nodes.insert(place, node);
            }
        }
        Ok(())
    }

    /// The rules of `rename(2)`.
    fn check_rename(&self, from: &Path, to: &Path) -> Result<(), ErrorKind> {
        let source = self.nodes.get(from).ok_or(ErrorKind::NotFound)?;
        if from.parent().is_none() || (to != from && to.starts_with(from)) {
            return Err(ErrorKind::InvalidInput);
        }
        match to.parent().and_then(|parent| self.nodes.get(parent)) {
            None => return Err(ErrorKind::NotFound),
            Some(parent) if !parent.is_dir() => return Err(ErrorKind::NotADirectory),
            Some(_) => {}
        }
        match self.nodes.get(to) {
            Some(target) if source.is_dir() && !target.is_dir() => Err(ErrorKind::NotADirectory),
            Some(target) if !source.is_dir() && target.is_dir() => Err(ErrorKind::IsADirectory),
            Some(target) if target.is_dir() && from != to && self.below(to).count() > 1 => {
                Err(ErrorKind::DirectoryNotEmpty)
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn remove(&mut self, path: &Path) -> Result<(), HostError> {
        absolute(path)?;
        if path.parent().is_none() {
            return Err(failed("remove", path, ErrorKind::InvalidInput));
        }
        if self.nodes.contains_key(path) {
            self.check("remove", path)?;
        }
        self.nodes.retain(|other, _| !other.starts_with(path));
        Ok(())
    }

    pub(super) fn list(&self, path: &Path) -> Result<Vec<String>, HostError> {
        absolute(path)?;
        if self.nodes.get(path).is_some_and(|node| !node.is_dir()) {
            return Err(failed("list", path, ErrorKind::NotADirectory));
        }
        let children = self.below(path).filter(|other| other.parent() == Some(path));
        let mut names: Vec<String> = children
            .filter_map(|child| child.file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        Ok(names)
    }

    /// The path itself, if it exists, and all that is below it.
    fn below<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
        self.nodes.keys().filter(move |other| other.starts_with(path))
    }

    /// Fails if the test has broken this path or one above it.
    fn check(&self, action: &'static str, path: &Path) -> Result<(), HostError> {
        let broken = path.ancestors().find_map(|above| self.broken.get(above));
        broken.map_or(Ok(()), |kind| Err(failed(action, path, *kind)))
    }
}

fn absolute(path: &Path) -> Result<(), HostError> {
    if path.is_absolute() {
        Ok(())
    } else {
        Err(HostError::NotAbsolute { path: path.to_owned() })
    }
}

fn failed(action: &'static str, path: &Path, kind: ErrorKind) -> HostError {
    HostError::file(action, path)(io::Error::from(kind))
}
