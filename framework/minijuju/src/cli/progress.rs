//! Live progress on stderr: one line that rewrites itself on a terminal, else a line now and then while it changes.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(250);
/// The least time between two lines where they cannot be rewritten.
const BETWEEN_LINES: Duration = Duration::from_secs(2);
const SPINNER: [char; 4] = ['|', '/', '-', '\\'];

/// Something that is being waited for. Dropping it wipes the line.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Nothing,
    Lines {
        last: String,
        told: Option<Instant>,
    },
    Line {
        state: Arc<Mutex<State>>,
        ticker: Option<JoinHandle<()>>,
    },
}

#[derive(Debug)]
struct State {
    text: String,
    begun: Instant,
    over: bool,
}

impl Progress {
    /// Shows progress the way stderr can take it.
    pub(crate) fn start(quiet: bool) -> Progress {
        let shown = if quiet {
            Shown::Nothing
        } else if io::stderr().is_terminal() {
            let state = Arc::new(Mutex::new(State {
                text: String::new(),
                begun: Instant::now(),
                over: false,
            }));
            let ticker = std::thread::spawn({
                let state = Arc::clone(&state);
                move || tick(&state)
            });
            Shown::Line {
                state,
                ticker: Some(ticker),
            }
        } else {
            Shown::Lines {
                last: String::new(),
                told: None,
            }
        };
        Progress { shown }
    }

    /// Says what is awaited now.
    pub(crate) fn tell(&mut self, text: &str) {
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Lines { last, told } if last == text || told.is_some_and(|at| at.elapsed() < BETWEEN_LINES) => {}
            Shown::Lines { last, told } => {
                text.clone_into(last);
                *told = Some(Instant::now());
                write(&format!("{text}\n"));
            }
            Shown::Line { state, .. } => text.clone_into(&mut lock(state).text),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Line { state, ticker } = &mut self.shown {
            lock(state).over = true;
            if let Some(ticker) = ticker.take() {
                ticker.thread().unpark();
                // A ticker that panicked has nothing more to show.
                let _ = ticker.join();
            }
            write("\r\x1b[K");
        }
    }
}

fn tick(state: &Mutex<State>) {
    for spinner in SPINNER.iter().cycle() {
        let state = lock(state);
        if state.over {
            return;
        }
        if !state.text.is_empty() {
            write(&line(*spinner, state.begun.elapsed(), &state.text, width()));
        }
        drop(state);
        std::thread::park_timeout(TICK);
    }
}

fn line(spinner: char, elapsed: Duration, text: &str, width: usize) -> String {
    let line = format!("{spinner} {:>3}s  {text}", elapsed.as_secs());
    let room = width.saturating_sub(1);
    let shown: String = if line.chars().count() <= room {
        line
    } else {
        line.chars().take(room.saturating_sub(1)).chain(['…']).collect()
    };
    format!("\r\x1b[K{shown}")
}

fn width() -> usize {
    rustix::termios::tcgetwinsize(io::stderr())
        .map_or(80, |size| usize::from(size.ws_col))
        .max(20)
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write(text: &str) {
    let mut err = io::stderr().lock();
    // With stderr closed there is nobody to tell.
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_to_the_terminal() {
        let elapsed = Duration::from_secs(5);
        assert_eq!(line('|', elapsed, "waiting for a", 80), "\r\x1b[K|   5s  waiting for a");
        let cut = line('|', elapsed, "waiting for a", 12);
        assert_eq!(cut, "\r\x1b[K|   5s  wa…");
    }
}
