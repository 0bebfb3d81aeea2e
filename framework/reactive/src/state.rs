//! The flags of one dispatch: what is set, and every change with the triggers it pulled.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::layer::Trigger;
use crate::{Condition, Flag};

/// A flag that was clear is set, or the other way round.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Change {
    /// The flag.
    pub flag: Flag,
    /// Whether it is set now.
    pub set: bool,
}

impl fmt::Display for Change {
    /// `+flag` or `-flag`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.set { '+' } else { '-' }, self.flag)
    }
}

/// What follows a change at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Triggers {
    follow: BTreeMap<Change, Vec<Change>>,
}

impl Triggers {
    /// Collects triggers; several on one change act in the order of declaration.
    pub(crate) fn new(triggers: &[Trigger]) -> Triggers {
        let mut follow: BTreeMap<Change, Vec<Change>> = BTreeMap::new();
        for trigger in triggers {
            let cause = Change {
                flag: trigger.flag.clone(),
                set: trigger.when_set,
            };
            let change = |set: bool| {
                move |flag: &Flag| Change {
                    flag: flag.clone(),
                    set,
                }
            };
            let effects = follow.entry(cause).or_default();
            effects.extend(trigger.sets.iter().map(change(true)));
            effects.extend(trigger.clears.iter().map(change(false)));
        }
        Triggers { follow }
    }

    /// What a change causes directly.
    pub(crate) fn of(&self, change: &Change) -> &[Change] {
        self.follow.get(change).map_or(&[], Vec::as_slice)
    }

    /// All causes with their direct effects.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Change, &Vec<Change>)> {
        self.follow.iter()
    }

    /// The changes and all that they can cause.
    pub(crate) fn closure(&self, changes: impl IntoIterator<Item = Change>) -> BTreeSet<Change> {
        let mut open: Vec<Change> = changes.into_iter().collect();
        let mut all = BTreeSet::new();
        while let Some(change) = open.pop() {
            if all.insert(change.clone()) {
                open.extend(self.of(&change).iter().cloned());
            }
        }
        all
    }
}

/// The set flags and the journal of changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    set: BTreeSet<Flag>,
    journal: Vec<Change>,
    taken: usize,
}

impl State {
    /// The state a dispatch starts from; not a change.
    pub(crate) fn new(set: BTreeSet<Flag>) -> State {
        State {
            set,
            ..State::default()
        }
    }

    pub(crate) fn is_set(&self, flag: &Flag) -> bool {
        self.set.contains(flag)
    }

    pub(crate) fn flags(&self) -> &BTreeSet<Flag> {
        &self.set
    }

    pub(crate) fn holds(&self, condition: &Condition, hook_name: &str) -> bool {
        condition.holds(&|flag| self.is_set(flag), hook_name)
    }

    /// Sets or clears a flag without pulling triggers.
    pub(crate) fn place(&mut self, flag: &Flag, set: bool) {
        match set {
            true => self.set.insert(flag.clone()),
            false => self.set.remove(flag),
        };
    }

    /// Makes a change and pulls its triggers, depth first. Nothing happens if the flag is already so.
    pub(crate) fn apply(&mut self, change: Change, triggers: &Triggers) {
        let mut open = vec![change];
        while let Some(change) = open.pop() {
            if self.is_set(&change.flag) == change.set {
                continue;
            }
            self.place(&change.flag, change.set);
            open.extend(triggers.of(&change).iter().rev().cloned());
            self.journal.push(change);
        }
    }

    /// Pulls the triggers of a change that has been placed.
    pub(crate) fn pull(&mut self, change: &Change, triggers: &Triggers) {
        for effect in triggers.of(change) {
            self.apply(effect.clone(), triggers);
        }
    }

    /// The changes since the last call.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        let new = self.journal[self.taken..].to_vec();
        self.taken = self.journal.len();
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{on_clear, on_set};

    const A: Flag = Flag::new("a");
    const B: Flag = Flag::new("b");
    const C: Flag = Flag::new("c");

    fn change(flag: &Flag, set: bool) -> Change {
        Change {
            flag: flag.clone(),
            set,
        }
    }

    #[test]
    fn triggers_act_at_once_and_in_chains() {
        let triggers = Triggers::new(&[on_set(A).sets(B), on_set(B).clears(C), on_clear(C).sets(C)]);
        let mut state = State::new(BTreeSet::from([C]));
        state.apply(change(&A, true), &triggers);
        let expected = [change(&A, true), change(&B, true), change(&C, false), change(&C, true)];
        assert_eq!(state.take_changes(), expected);
        assert_eq!(state.flags(), &BTreeSet::from([A, B, C]));
    }

    #[test]
    fn setting_a_set_flag_is_no_change() {
        let triggers = Triggers::new(&[on_set(A).clears(B)]);
        let mut state = State::new(BTreeSet::from([A, B]));
        state.apply(change(&A, true), &triggers);
        assert!(state.take_changes().is_empty());
        assert!(state.is_set(&B));
    }

    #[test]
    fn closure_ends() {
        let triggers = Triggers::new(&[on_set(A).sets(B), on_set(B).sets(A).clears(C)]);
        let all = triggers.closure([change(&A, true)]);
        assert_eq!(
            all,
            BTreeSet::from([change(&A, true), change(&B, true), change(&C, false)])
        );
    }
}
