//! What can be wrong with a charm before it runs, each by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::flags::Managed;
use crate::layer::{Handler, Kind, Trigger};
use crate::state::{Change, Triggers};
use crate::{Condition, Flag};

/// A charm cannot be built; all its mistakes.
#[derive(Debug, thiserror::Error)]
pub struct GraphError {
    /// The charm.
    pub charm: String,
    /// What is wrong, in the order of declaration.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot build charm `{}`: ", self.charm)?;
        for (i, mistake) in self.mistakes.iter().enumerate() {
            let separator = if i > 0 { "; " } else { "" };
            write!(f, "{separator}{mistake}")?;
        }
        Ok(())
    }
}

/// One mistake in the declarations of a charm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// The same function is declared twice in one layer for the same purpose.
    #[error("handler `{handler}` is declared twice")]
    DuplicateHandler {
        /// The handler.
        handler: String,
    },
    /// Two handlers for one action.
    #[error("action `{action}` is declared by `{first}` and by `{second}`")]
    DuplicateAction {
        /// The action.
        action: String,
        /// The first handler.
        first: String,
        /// The second handler.
        second: String,
    },
    /// An action with a name that Juju refuses.
    #[error("handler `{handler}` is for action `{action}`, which is no name of an action")]
    MisnamedAction {
        /// The handler.
        handler: String,
        /// The name.
        action: String,
    },
    /// A hook pattern that no hook of Juju can match.
    #[error("handler `{handler}` names hook `{pattern}`: {problem}")]
    MisnamedHook {
        /// The handler.
        handler: String,
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A flag without a usable name.
    #[error("{place} names flag `{flag}`, which is empty or has blanks")]
    MisnamedFlag {
        /// The handler or trigger.
        place: String,
        /// The name.
        flag: String,
    },
    /// Somebody wants to change a flag that the framework manages.
    #[error("{place} changes flag `{flag}`, which is managed by the framework")]
    ManagedFlag {
        /// The handler or trigger.
        place: String,
        /// The flag.
        flag: Flag,
    },
    /// Triggers that set and clear a flag without end.
    #[error("triggers set and clear flag `{flag}` without end")]
    EndlessTriggers {
        /// The flag.
        flag: Flag,
    },
    /// Two ports of one type.
    #[error("port `{port}` is given twice")]
    DuplicatePort {
        /// The type.
        port: &'static str,
    },
}

/// Something that is likely wrong with a charm that can run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphWarning {
    /// A flag that is read, but neither set by anybody nor managed.
    #[error("flag `{flag}` is never set, but read by {readers}", readers = list(.readers))]
    NeverSet {
        /// The flag.
        flag: Flag,
        /// The handlers and triggers that read it.
        readers: Vec<String>,
    },
    /// A handler whose condition cannot hold.
    #[error("handler `{handler}` can never run: {condition}")]
    NeverRuns {
        /// The handler.
        handler: String,
        /// Its condition.
        condition: Condition,
    },
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// All mistakes, handlers first.
pub(crate) fn mistakes(handlers: &[Rc<Handler>], triggers: &[Trigger]) -> Vec<Mistake> {
    let mut found = duplicates(handlers);
    for handler in handlers {
        found.extend(misnamed_hooks(handler));
        let place = format!("handler `{}`", handler.id());
        let changed = handler.when.may_set().iter().chain(handler.when.may_clear());
        found.extend(bad_flags(&place, handler.condition().flags().iter(), changed));
        if let Kind::Action(action) = handler.kind
            && !is_action_name(action)
        {
            found.push(Mistake::MisnamedAction {
                handler: handler.id(),
                action: action.to_owned(),
            });
        }
    }
    for trigger in triggers {
        let verb = if trigger.when_set { "set" } else { "clear" };
        let place = format!("trigger on_{verb}({})", trigger.flag);
        let changed = trigger.sets.iter().chain(&trigger.clears);
        found.extend(bad_flags(&place, [&trigger.flag].into_iter(), changed));
    }
    found.extend(endless(&Triggers::new(triggers)));
    found
}

fn duplicates(handlers: &[Rc<Handler>]) -> Vec<Mistake> {
    let mut seen: Vec<(String, &Kind)> = Vec::new();
    let mut actions: BTreeMap<&str, String> = BTreeMap::new();
    let mut found = Vec::new();
    for handler in handlers {
        let id = handler.id();
        if let Kind::Action(action) = handler.kind {
            if let Some(first) = actions.insert(action, id.clone()) {
                found.push(Mistake::DuplicateAction {
                    action: action.to_owned(),
                    first,
                    second: id,
                });
            }
        } else if seen.contains(&(id.clone(), &handler.kind)) {
            found.push(Mistake::DuplicateHandler { handler: id });
        } else {
            seen.push((id, &handler.kind));
        }
    }
    found
}

fn misnamed_hooks(handler: &Handler) -> Vec<Mistake> {
    let mut patterns = handler.condition().hooks();
    if let Kind::Hook(pattern) = &handler.kind {
        patterns.push(pattern);
    }
    let mistake = |pattern: &&crate::HookPattern| {
        Some(Mistake::MisnamedHook {
            handler: handler.id(),
            pattern: pattern.to_string(),
            problem: pattern.mistake()?,
        })
    };
    patterns.iter().filter_map(mistake).collect()
}

fn bad_flags<'a>(
    place: &str,
    read: impl Iterator<Item = &'a Flag>,
    changed: impl Iterator<Item = &'a Flag> + Clone,
) -> Vec<Mistake> {
    let misnamed = |flag: &&Flag| !flag.is_valid();
    let mut found: Vec<Mistake> = read
        .chain(changed.clone())
        .filter(misnamed)
        .map(|flag| Mistake::MisnamedFlag {
            place: place.to_owned(),
            flag: flag.to_string(),
        })
        .collect();
    let managed = changed.filter(|flag| Managed::of(flag).is_some());
    found.extend(managed.map(|flag| Mistake::ManagedFlag {
        place: place.to_owned(),
        flag: flag.clone(),
    }));
    found
}

/// Juju: a lower-case letter, then letters, digits and hyphens, not ending in one; parts may be joined by dots.
fn is_action_name(name: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && !part.ends_with('-')
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    name.split('.').all(part)
}

/// A flag that is both set and cleared in one cycle of triggers.
fn endless(triggers: &Triggers) -> Vec<Mistake> {
    let mut nodes: BTreeMap<&Change, NodeIndex> = BTreeMap::new();
    let mut graph: DiGraph<&Change, ()> = DiGraph::new();
    for (cause, effects) in triggers.iter() {
        let from = *nodes.entry(cause).or_insert_with(|| graph.add_node(cause));
        for effect in effects {
            let to = *nodes.entry(effect).or_insert_with(|| graph.add_node(effect));
            graph.add_edge(from, to, ());
        }
    }
    let mut found = BTreeSet::new();
    for cycle in tarjan_scc(&graph) {
        let members: Vec<&Change> = cycle.iter().map(|i| graph[*i]).collect();
        let set = members.iter().filter(|change| change.set);
        let cleared = |flag: &Flag| members.iter().any(|c| !c.set && c.flag == *flag);
        found.extend(set.filter(|c| cleared(&c.flag)).map(|c| c.flag.clone()));
    }
    let mistake = |flag| Mistake::EndlessTriggers { flag };
    found.into_iter().map(mistake).collect()
}

/// All warnings.
pub(crate) fn warnings(handlers: &[Rc<Handler>], triggers: &Triggers) -> Vec<GraphWarning> {
    let set = possible(handlers, triggers);
    let mut readers: BTreeMap<Flag, Vec<String>> = BTreeMap::new();
    let mut read = |flag: &Flag, reader: String| {
        if !set.contains(flag) && Managed::of(flag).is_none() {
            readers.entry(flag.clone()).or_default().push(reader);
        }
    };
    for handler in handlers {
        handler
            .condition()
            .flags()
            .iter()
            .for_each(|flag| read(flag, handler.id()));
    }
    for (cause, _) in triggers.iter() {
        let verb = if cause.set { "on_set" } else { "on_clear" };
        read(&cause.flag, verb.to_owned());
    }
    let never_set = readers
        .into_iter()
        .map(|(flag, readers)| GraphWarning::NeverSet { flag, readers });
    let stuck = handlers.iter().filter(|h| !can_hold(h.condition(), &set));
    let never_runs = stuck.map(|handler| GraphWarning::NeverRuns {
        handler: handler.id(),
        condition: handler.condition().clone(),
    });
    never_set.chain(never_runs).collect()
}

/// The flags that somebody can set.
fn possible(handlers: &[Rc<Handler>], triggers: &Triggers) -> BTreeSet<Flag> {
    let by_handlers = handlers.iter().flat_map(|h| h.when.may_set());
    let by_triggers = triggers.iter().flat_map(|(_, effects)| effects);
    let by_triggers = by_triggers.filter(|change| change.set).map(|change| &change.flag);
    by_handlers.chain(by_triggers).cloned().collect()
}

/// Conditions of more flags than this are taken to be satisfiable.
const MOST_FLAGS: usize = 14;

fn can_hold(condition: &Condition, possible: &BTreeSet<Flag>) -> bool {
    let settable = |flag: &Flag| possible.contains(flag) || Managed::of(flag).is_some();
    let flags: Vec<Flag> = condition.flags().into_iter().filter(settable).collect();
    if flags.len() > MOST_FLAGS {
        return true;
    }
    let mut names = vec![String::new()];
    names.extend(condition.hooks().iter().map(|pattern| pattern.example()));
    names.iter().any(|name| {
        (0..1_usize << flags.len()).any(|bits| {
            let is_set = |flag: &Flag| {
                flags
                    .iter()
                    .position(|f| f == flag)
                    .is_some_and(|i| bits & (1 << i) != 0)
            };
            condition.holds(&is_set, name)
        })
    })
}
