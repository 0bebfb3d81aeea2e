//! What `minit` must remember to go on after it was killed: which services should be running.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The state file of a machine's `minit`.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    state: State,
}

/// The content of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// `minit` ended by itself, after it stopped all services: the next start is a boot.
    pub(crate) clean: bool,
    /// Units that were asked to run, and not asked to stop since.
    pub(crate) started: BTreeSet<String>,
}

impl StateFile {
    /// Reads the file; absent is a machine that never ran.
    pub(crate) fn open(path: &Path) -> std::io::Result<StateFile> {
        let state = match fs_err::read(path) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => State {
                clean: true,
                started: BTreeSet::new(),
            },
            Err(error) => return Err(error),
        };
        Ok(StateFile {
            path: path.to_owned(),
            state,
        })
    }

    pub(crate) fn get(&self) -> &State {
        &self.state
    }

    /// Changes the state; it is on disk when this returns.
    pub(crate) fn update(&mut self, change: impl FnOnce(&mut State)) -> std::io::Result<()> {
        let mut state = self.state.clone();
        change(&mut state);
        if state == self.state && self.path.exists() {
            return Ok(());
        }
        let temporary = self.path.with_extension("new");
        let mut file = fs_err::File::create(&temporary)?;
        file.write_all(&serde_json::to_vec(&state)?)?;
        file.sync_all()?;
        fs_err::rename(&temporary, &self.path)?;
        self.state = state;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_found_by_the_next_reader() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("minit.json");
        let mut file = StateFile::open(&path).unwrap();
        assert!(file.get().clean);
        file.update(|state| {
            state.clean = false;
            state.started.insert("a.service".into());
        })
        .unwrap();
        assert_eq!(StateFile::open(&path).unwrap().get(), file.get());
        fs_err::write(&path, "{").unwrap();
        assert!(StateFile::open(&path).is_err());
    }
}
