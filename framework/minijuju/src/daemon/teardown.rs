//! The end: of the daemon, or of the whole model.

use std::io;
use std::time::Duration;

use model::{Event, Life};
use tokio::sync::mpsc::UnboundedSender;

use super::controller::{Controller, Ending};
use super::files::{remove_if_there, remove_tree};
use super::requests::{Refusal, finish};
use super::waits::{Goal, Waiter, destroyed};
use super::{note, processes};
use crate::paths::ENV_MODEL_UUID;
use crate::protocol::Answer;

impl Controller {
    /// `destroy-model`: by the units' own removal, or by force.
    pub(crate) fn destroy_model(&mut self, force: bool, timeout_ms: Option<u64>, answers: UnboundedSender<Answer>) {
        if force {
            self.ending = Some(Ending::Destroy { answers: vec![answers] });
            return;
        }
        if self.model.life() == Life::Alive
            && let Err(error) = self.apply(Event::DestroyModel)
        {
            finish(&answers, Err(error.into()));
            return;
        }
        self.waiters.push(Waiter::new(Goal::Destroyed, answers, timeout_ms));
    }

    /// A dead model is removed; those who wait for it are told afterwards.
    pub(crate) fn destroy_when_empty(&mut self) {
        if self.ending.is_none() {
            self.ending = Some(Ending::Destroy { answers: Vec::new() });
        }
    }

    /// Ends what has to end.
    pub(crate) fn end(mut self) {
        match self.ending.take() {
            Some(Ending::Destroy { answers }) => {
                let outcome = self.tear_down();
                for waiting in answers {
                    match &outcome {
                        Ok(()) => destroyed(&waiting),
                        Err(text) => finish(
                            &waiting,
                            Err(Refusal {
                                text: text.clone(),
                                code: 1,
                            }),
                        ),
                    }
                }
            }
            Some(Ending::Stop { answers }) => {
                self.stop_runs();
                if let Err(error) = remove_if_there(&self.paths.control_socket()) {
                    note(&error.to_string());
                }
                note("daemon stopped");
                if let Some(answers) = answers {
                    destroyed(&answers);
                }
            }
            None => {}
        }
    }

    /// The model is gone with the renaming; should the rest be interrupted, it is done when the next model is added.
    fn remove_files(&self) -> io::Result<()> {
        remove_tree(&self.paths.runtime_dir())?;
        fs_err::rename(self.paths.dir(), self.paths.removed_dir())?;
        remove_tree(&self.paths.removed_dir())
    }

    fn tear_down(&mut self) -> Result<(), String> {
        self.running.clear();
        let marks = [(ENV_MODEL_UUID, self.paths.uuid())];
        if !processes::end_all(&marks, Duration::from_millis(500)) {
            return Err("some processes of the model cannot be killed".to_owned());
        }
        self.remove_files()
            .map_err(|error| format!("cannot remove the model: {error}"))
    }
}
