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
    /// Tool calls until it strikes.
    left: u64,
}

impl Faults {
    /// Arms a fault: kill the hook that makes the `at`-th tool call, counted from now over all matching hooks.
    pub(crate) fn arm_kill(&mut self, unit: String, hook: Option<String>, at: u64) {
        self.kills.push(Kill {
            unit,
            hook,
            left: at.max(1),
        });
    }

    /// Counts a tool call of this hook. Must the hook die now, before the call is answered? A fault strikes once.
    pub(crate) fn strikes(&mut self, unit: &str, hook: &str) -> bool {
        let matches = |k: &&mut Kill| k.unit == unit && k.hook.as_deref().is_none_or(|h| h == hook);
        self.kills
            .iter_mut()
            .filter(matches)
            .for_each(|kill| kill.left = kill.left.saturating_sub(1));
        let armed = self.kills.len();
        self.kills.retain(|kill| kill.left > 0);
        self.kills.len() < armed
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
        assert!(!faults.strikes("a/0", "install"));
        assert!(!faults.strikes("a/0", "start"));
        assert!(!faults.strikes("a/1", "install"));
        assert!(faults.strikes("a/0", "install"));
        assert!(!faults.strikes("a/0", "install"));
    }

    #[test]
    fn without_a_hook_the_calls_of_all_hooks_count() {
        let mut faults = Faults::default();
        faults.arm_kill("a/0".into(), None, 3);
        assert!(!faults.strikes("a/0", "install"));
        assert!(!faults.strikes("a/0", "install"));
        assert!(faults.strikes("a/0", "start"));
    }
}
