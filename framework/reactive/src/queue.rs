//! Which handler is next: candidates by rank, tested again before they run.

use std::collections::BTreeMap;

use crate::charm::Charm;
use crate::layer::Kind;
use crate::report::{DispatchError, Run, Step};
use crate::state::{Change, State};

/// As many runs of one handler in one dispatch are a livelock; charms.reactive stops after as many rounds.
const MOST_RUNS: usize = 100;

/// Which handlers take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Those bound to this hook.
    Hook,
    /// The ordinary ones.
    Ordinary,
}

/// The candidates of a phase and the history of the dispatch.
pub(crate) struct Queue<'a> {
    charm: &'a Charm,
    hook_name: &'a str,
    phase: Phase,
    /// By rank: the last run that made it a candidate.
    candidates: BTreeMap<usize, Option<usize>>,
    history: Vec<Past>,
    /// How often each handler ran.
    counts: BTreeMap<usize, usize>,
    pub(crate) evaluations: u64,
}

/// A run of a handler.
struct Past {
    handler: usize,
    /// The run that enabled it.
    cause: Option<usize>,
    run: Run,
    /// What it answered no longer matters: others have since made its condition false.
    stale: bool,
}

/// A handler that is to run.
pub(crate) struct Next {
    pub(crate) handler: usize,
    cause: Option<usize>,
}

impl Next {
    /// A handler that nothing enabled, such as an action's.
    pub(crate) fn first(handler: usize) -> Next {
        Next { handler, cause: None }
    }
}

impl<'a> Queue<'a> {
    pub(crate) fn new(charm: &'a Charm, hook_name: &'a str) -> Queue<'a> {
        Queue {
            charm,
            hook_name,
            phase: Phase::Hook,
            candidates: BTreeMap::new(),
            history: Vec::new(),
            counts: BTreeMap::new(),
            evaluations: 0,
        }
    }

    /// Starts a phase with all handlers that may be ready: those that need no flag, and the watchers of set flags.
    pub(crate) fn start(&mut self, phase: Phase, state: &State) {
        self.enter(phase);
        for handler in self.charm.eager() {
            self.add(*handler, None);
        }
        for flag in state.flags() {
            for handler in self.charm.watchers(flag) {
                self.add(*handler, None);
            }
        }
    }

    /// Starts a phase without candidates.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.candidates.clear();
    }

    /// The next handler whose condition holds.
    pub(crate) fn next(&mut self, state: &State) -> Option<Next> {
        while let Some((rank, cause)) = self.candidates.pop_first() {
            let handler = self.charm.graph().handler_at(rank);
            self.evaluations += 1;
            if state.holds(self.charm.handlers()[handler].condition(), self.hook_name) {
                return Some(Next { handler, cause });
            }
            self.outdate(handler, cause);
        }
        None
    }

    /// Records a run and makes the watchers of what it changed candidates.
    pub(crate) fn ran(&mut self, next: Next, run: Run) -> Result<(), DispatchError> {
        let index = self.history.len();
        let changes = run.changes.clone();
        self.history.push(Past {
            handler: next.handler,
            cause: next.cause,
            run,
            stale: false,
        });
        let count = self.counts.entry(next.handler).or_default();
        *count += 1;
        if *count >= MOST_RUNS {
            return Err(self.livelock(index));
        }
        self.changed(&changes, Some(index));
        Ok(())
    }

    fn changed(&mut self, changes: &[Change], cause: Option<usize>) {
        for change in changes {
            for handler in self.charm.watchers(&change.flag) {
                self.add(*handler, cause);
            }
        }
    }

    fn add(&mut self, handler: usize, cause: Option<usize>) {
        let belongs = match (&self.charm.handlers()[handler].kind, self.phase) {
            (Kind::Hook(pattern), Phase::Hook) => pattern.matches(self.hook_name),
            (Kind::Ordinary, Phase::Ordinary) => true,
            _ => false,
        };
        if belongs {
            self.candidates.insert(self.charm.graph().rank(handler), cause);
        }
    }

    /// If another handler made the condition false, what the handler said it waits for is no longer true.
    fn outdate(&mut self, handler: usize, cause: Option<usize>) {
        let by_itself = cause.is_none_or(|run| self.history[run].handler == handler);
        let last = self.history.iter_mut().rev().find(|past| past.handler == handler);
        if let Some(past) = last
            && !by_itself
        {
            past.stale = true;
        }
    }

    /// The causes of a run, back to where the same handler ran before.
    fn livelock(&self, last: usize) -> DispatchError {
        let handler = self.history[last].handler;
        let mut steps = Vec::new();
        let mut at = self.history[last].cause;
        while let Some(index) = at {
            let past = &self.history[index];
            steps.push(Step {
                handler: past.run.handler.clone(),
                changes: past.run.changes.clone(),
            });
            at = (past.handler != handler).then_some(past.cause).flatten();
        }
        steps.reverse();
        DispatchError::Livelock { steps }
    }

    /// The last answer of each handler, in the order they were given. A reason to wait does not count if it is stale.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = &crate::Outcome> {
        let is_last = |(index, past): &(usize, &Past)| {
            let later = &self.history[index + 1..];
            let counts = !past.stale || past.run.outcome.severity() < 2;
            counts && later.iter().all(|other| other.handler != past.handler)
        };
        self.history
            .iter()
            .enumerate()
            .filter(is_last)
            .map(|(_, past)| &past.run.outcome)
    }

    pub(crate) fn into_runs(self) -> Vec<Run> {
        self.history.into_iter().map(|past| past.run).collect()
    }
}
