//! What a handler needs, as a value: it is evaluated, printed, and turned into the edges of the graph.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::{BitAnd, BitOr, Not};

use crate::flag::{Flag, IntoFlags};
use crate::pattern::HookPattern;

/// An expression over flags and hooks.
///
/// ```
/// use reactive::{Condition, Flag, hook};
/// const A: Flag = Flag::new("a");
/// const B: Flag = Flag::new("b");
/// const C: Flag = Flag::new("c");
/// assert_eq!((A & !(B | C)).to_string(), "a & !(b | c)");
/// assert_eq!((hook("install") | A).to_string(), "hook(install) | a");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// True when the flag is set.
    Flag(Flag),
    /// True in the hooks that match.
    Hook(HookPattern),
    /// True when the inner condition is false.
    Not(Box<Condition>),
    /// True when all are; without any, always.
    All(Vec<Condition>),
    /// True when one of them is; without any, never.
    Any(Vec<Condition>),
}

/// A condition that always holds.
pub fn always() -> Condition {
    Condition::All(Vec::new())
}

/// A condition that holds in the hooks that match `pattern`, see [`HookPattern`].
pub fn hook(pattern: impl Into<HookPattern>) -> Condition {
    Condition::Hook(pattern.into())
}

/// How a flag occurs in a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Polarity {
    /// Setting the flag can make the condition true.
    pub positive: bool,
    /// Clearing the flag can make the condition true.
    pub negative: bool,
}

impl Condition {
    /// Whether the condition holds, given the flags that are set and the hook's name (empty in an action).
    pub fn holds(&self, is_set: &dyn Fn(&Flag) -> bool, hook_name: &str) -> bool {
        match self {
            Condition::Flag(flag) => is_set(flag),
            Condition::Hook(pattern) => pattern.matches(hook_name),
            Condition::Not(inner) => !inner.holds(is_set, hook_name),
            Condition::All(inner) => inner.iter().all(|c| c.holds(is_set, hook_name)),
            Condition::Any(inner) => inner.iter().any(|c| c.holds(is_set, hook_name)),
        }
    }

    /// The flags whose change can change the condition.
    pub fn flags(&self) -> BTreeSet<Flag> {
        self.polarities().into_keys().collect()
    }

    /// The flags of the condition and which of their changes can make it true.
    pub fn polarities(&self) -> BTreeMap<Flag, Polarity> {
        let mut found = BTreeMap::new();
        self.collect(true, &mut found);
        found
    }

    /// The hook patterns in the condition.
    pub fn hooks(&self) -> Vec<&HookPattern> {
        match self {
            Condition::Flag(_) => Vec::new(),
            Condition::Hook(pattern) => vec![pattern],
            Condition::Not(inner) => inner.hooks(),
            Condition::All(inner) | Condition::Any(inner) => inner.iter().flat_map(Condition::hooks).collect(),
        }
    }

    fn collect(&self, positive: bool, found: &mut BTreeMap<Flag, Polarity>) {
        match self {
            Condition::Flag(flag) => {
                let polarity = found.entry(flag.clone()).or_default();
                polarity.positive |= positive;
                polarity.negative |= !positive;
            }
            Condition::Hook(_) => {}
            Condition::Not(inner) => inner.collect(!positive, found),
            Condition::All(inner) | Condition::Any(inner) => {
                inner.iter().for_each(|c| c.collect(positive, found));
            }
        }
    }

    fn and(self, other: Condition) -> Condition {
        let mut parts = match self {
            Condition::All(parts) => parts,
            one => vec![one],
        };
        match other {
            Condition::All(more) => parts.extend(more),
            one => parts.push(one),
        }
        Condition::All(parts)
    }

    fn or(self, other: Condition) -> Condition {
        let mut parts = match self {
            Condition::Any(parts) => parts,
            one => vec![one],
        };
        match other {
            Condition::Any(more) => parts.extend(more),
            one => parts.push(one),
        }
        Condition::Any(parts)
    }
}

impl From<Flag> for Condition {
    fn from(flag: Flag) -> Condition {
        Condition::Flag(flag)
    }
}

impl From<&Flag> for Condition {
    fn from(flag: &Flag) -> Condition {
        Condition::Flag(flag.clone())
    }
}

impl From<&Condition> for Condition {
    fn from(condition: &Condition) -> Condition {
        condition.clone()
    }
}

macro_rules! operators {
    ($($operand:ty),*) => {$(
        impl<R: Into<Condition>> BitAnd<R> for $operand {
            type Output = Condition;
            fn bitand(self, other: R) -> Condition {
                Condition::from(self).and(other.into())
            }
        }
        impl<R: Into<Condition>> BitOr<R> for $operand {
            type Output = Condition;
            fn bitor(self, other: R) -> Condition {
                Condition::from(self).or(other.into())
            }
        }
        impl Not for $operand {
            type Output = Condition;
            fn not(self) -> Condition {
                match Condition::from(self) {
                    Condition::Not(inner) => *inner,
                    other => Condition::Not(Box::new(other)),
                }
            }
        }
    )*};
}

operators!(Flag, &Flag, Condition, &Condition);

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Flag(flag) => write!(f, "{flag}"),
            Condition::Hook(pattern) => write!(f, "hook({pattern})"),
            Condition::Not(inner) => match &**inner {
                Condition::All(parts) if parts.is_empty() => f.write_str("never"),
                Condition::All(_) | Condition::Any(_) => write!(f, "!({inner})"),
                _ => write!(f, "!{inner}"),
            },
            Condition::All(parts) if parts.is_empty() => f.write_str("always"),
            Condition::Any(parts) if parts.is_empty() => f.write_str("never"),
            Condition::All(parts) => join(f, parts, " & "),
            Condition::Any(parts) => join(f, parts, " | "),
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, parts: &[Condition], separator: &str) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(separator)?;
        }
        match part {
            Condition::Any(inner) if !inner.is_empty() => write!(f, "({part})")?,
            _ => write!(f, "{part}")?,
        }
    }
    Ok(())
}

/// What a handler declares: the condition it runs under and the flags that it may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    condition: Condition,
    sets: Vec<Flag>,
    clears: Vec<Flag>,
}

/// Starts the declaration of a handler; see [`Layer`](crate::Layer).
pub fn when(condition: impl Into<Condition>) -> When {
    When {
        condition: condition.into(),
        sets: Vec::new(),
        clears: Vec::new(),
    }
}

impl When {
    /// Flags that the handler may set.
    #[must_use]
    pub fn sets(mut self, flags: impl IntoFlags) -> When {
        self.sets.extend(flags.into_flags());
        self
    }

    /// Flags that the handler may clear.
    #[must_use]
    pub fn clears(mut self, flags: impl IntoFlags) -> When {
        self.clears.extend(flags.into_flags());
        self
    }

    /// The condition.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// The flags that may be set.
    pub fn may_set(&self) -> &[Flag] {
        &self.sets
    }

    /// The flags that may be cleared.
    pub fn may_clear(&self) -> &[Flag] {
        &self.clears
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Flag = Flag::new("a");
    const B: Flag = Flag::new("b");
    const C: Flag = Flag::new("c");

    #[track_caller]
    fn check(condition: Condition, set: &[Flag], expected: bool) {
        assert_eq!(
            condition.holds(&|flag| set.contains(flag), "install"),
            expected,
            "{condition} with {set:?}"
        );
    }

    #[test]
    fn truth() {
        check(A & B, &[A], false);
        check(A & B, &[A, B], true);
        check(A | B, &[B], true);
        check(A | B, &[C], false);
        check(!A, &[], true);
        check(!(A | B), &[B], false);
        check(A & !(B | C), &[A], true);
        check(always(), &[], true);
        check(!always(), &[A], false);
        check(hook("install") & A, &[A], true);
        check(hook("{start,stop}"), &[], false);
    }

    #[test]
    fn operators_mix() {
        let (a, b) = (A, B);
        let condition = A & C;
        for text in [
            (&a & &b).to_string(),
            (&a & b.clone()).to_string(),
            (a.clone() & &b).to_string(),
        ] {
            assert_eq!(text, "a & b");
        }
        assert_eq!((&condition | &b).to_string(), "(a & c) | b".replace(['(', ')'], ""));
        assert_eq!((b | condition.clone()).to_string(), "b | a & c");
        assert_eq!((condition & (A | B) & !&a).to_string(), "a & c & (a | b) & !a");
    }

    #[test]
    fn display() {
        for (condition, text) in [
            (always(), "always"),
            (!always(), "never"),
            (!!Condition::from(A), "a"),
            (!(A & B), "!(a & b)"),
            (!hook("stop"), "!hook(stop)"),
            ((A | B) & C, "(a | b) & c"),
            (A & B | C, "a & b | c"),
        ] {
            assert_eq!(condition.to_string(), text);
        }
    }

    #[test]
    fn polarity_follows_negation() {
        let found = (A & !(B & !C) & !A).polarities();
        let polarity = |positive, negative| Polarity { positive, negative };
        assert_eq!(found[&A], polarity(true, true));
        assert_eq!(found[&B], polarity(false, true));
        assert_eq!(found[&C], polarity(true, false));
    }
}
