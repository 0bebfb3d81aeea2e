//! Faults that operators and tests inject, and the record of hooks that were run.

use std::collections::VecDeque;

use crate::protocol::HookRun;

/// How many hook runs are remembered.
const REMEMBERED: usize = 10_000;

/// Armed faults and the last hook runs.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    kills: Vec<Kill>,
    runs: VecDeque<HookRun>,
}

#[derive(Debug)]
struct Kill {
    unit: String,
    hook: Option<String>,
    at: u64,
}

impl Faults {
    /// Arms a fault: kill the next matching hook at its `at`-th tool call.
    pub(crate) fn arm_kill(&mut self, unit: String, hook: Option<String>, at: u64) {
        self.kills.push(Kill { unit, hook, at });
    }

    /// Must this hook die now, at its `call`-th tool call? A fault strikes once.
    pub(crate) fn strikes(&mut self, unit: &str, hook: &str, call: u64) -> bool {
        let matches = |k: &Kill| k.unit == unit && k.at == call && k.hook.as_deref().is_none_or(|h| h == hook);
        match self.kills.iter().position(matches) {
            Some(index) => {
                self.kills.remove(index);
                true
            }
            None => false,
        }
    }

    /// Remembers a finished run.
    pub(crate) fn record(&mut self, run: HookRun) {
        if self.runs.len() == REMEMBERED {
            self.runs.pop_front();
        }
        self.runs.push_back(run);
    }

    /// The remembered runs, of one unit or of all.
    pub(crate) fn runs(&self, unit: Option<&str>) -> Vec<HookRun> {
        self.runs
            .iter()
            .filter(|run| unit.is_none_or(|u| run.unit == u))
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_strikes_once_at_the_named_call_of_the_named_hook() {
        let mut faults = Faults::default();
        faults.arm_kill("a/0".into(), Some("install".into()), 2);
        assert!(!faults.strikes("a/0", "install", 1));
        assert!(!faults.strikes("a/0", "start", 2));
        assert!(!faults.strikes("a/1", "install", 2));
        assert!(faults.strikes("a/0", "install", 2));
        assert!(!faults.strikes("a/0", "install", 2));
        faults.arm_kill("a/0".into(), None, 1);
        assert!(faults.strikes("a/0", "anything", 1));
    }
}
