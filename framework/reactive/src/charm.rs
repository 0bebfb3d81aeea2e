//! A charm: layers put together and checked.

use std::any::type_name;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::check::{self, GraphError, GraphWarning, Mistake};
use crate::context::Ports;
use crate::flags::Managed;
use crate::graph::Graph;
use crate::layer::{self, Handler, Kind};
use crate::state::Triggers;
use crate::{Flag, Layer};

/// A charm whose layers fit together. A clone is a handle to the same charm.
///
/// ```
/// use reactive::{Charm, Context, Flag, Layer, Outcome, Result, when};
/// const INSTALLED: Flag = Flag::new("hello.installed");
/// async fn install(ctx: &mut Context) -> Result {
///     ctx.set(&INSTALLED)?;
///     Ok(Outcome::Active("hello".into()))
/// }
/// let layer = Layer::new("hello").on(install, when(!INSTALLED).sets(INSTALLED));
/// let charm = Charm::builder("hello").layer(layer).build()?;
/// assert!(charm.warnings().is_empty());
/// # Ok::<(), reactive::GraphError>(())
/// ```
#[derive(Clone)]
pub struct Charm(Rc<Inner>);

struct Inner {
    name: &'static str,
    handlers: Vec<Rc<Handler>>,
    triggers: Triggers,
    ports: Ports,
    graph: Graph,
    /// Only wanted by the tool, and the dearest part of a charm: made when somebody asks.
    warnings: OnceCell<Vec<GraphWarning>>,
    managed: BTreeMap<Flag, Managed>,
    recomputed: BTreeSet<Flag>,
    watchers: BTreeMap<Flag, Vec<usize>>,
    eager: Vec<usize>,
}

impl Charm {
    /// Starts a charm.
    pub fn builder(name: &'static str) -> CharmBuilder {
        CharmBuilder {
            name,
            layers: Vec::new(),
            ports: Ports::default(),
            mistakes: Vec::new(),
        }
    }

    /// The charm's name.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Who enables whom.
    pub fn graph(&self) -> &Graph {
        &self.0.graph
    }

    /// What is likely wrong, but does not keep the charm from running.
    pub fn warnings(&self) -> &[GraphWarning] {
        let warnings = || check::warnings(self.handlers(), self.triggers());
        self.0.warnings.get_or_init(warnings)
    }

    /// The names of the charm's actions, sorted.
    pub fn actions(&self) -> Vec<&'static str> {
        let name = |h: &Rc<Handler>| match h.kind {
            Kind::Action(name) => Some(name),
            _ => None,
        };
        let mut names: Vec<_> = self.handlers().iter().filter_map(name).collect();
        names.sort_unstable();
        names
    }

    /// The endpoints that conditions, triggers and hook patterns name, sorted.
    pub fn endpoints(&self) -> BTreeSet<String> {
        let of_flag = |managed: &Managed| match managed {
            Managed::Joined(endpoint) | Managed::RelationEvent { endpoint, .. } => Some(endpoint.clone()),
            _ => None,
        };
        let mut found: BTreeSet<String> = self.managed().values().filter_map(of_flag).collect();
        for handler in self.handlers() {
            if let Kind::Hook(pattern) = &handler.kind {
                found.extend(pattern.endpoints());
            }
            let patterns = handler.condition().hooks();
            found.extend(patterns.into_iter().flat_map(|p| p.endpoints()));
        }
        found
    }

    /// The configuration options that conditions and triggers name, sorted.
    pub fn config_options(&self) -> BTreeSet<String> {
        let option = |managed: &Managed| match managed {
            Managed::ConfigChanged(Some(option)) | Managed::ConfigSet(option) => Some(option.clone()),
            _ => None,
        };
        self.managed().values().filter_map(option).collect()
    }

    pub(crate) fn handlers(&self) -> &[Rc<Handler>] {
        &self.0.handlers
    }

    pub(crate) fn triggers(&self) -> &Triggers {
        &self.0.triggers
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.0.ports
    }

    /// The managed flags that conditions and triggers name.
    pub(crate) fn managed(&self) -> &BTreeMap<Flag, Managed> {
        &self.0.managed
    }

    /// Whether the flag belongs to start handlers alone.
    pub(crate) fn is_recomputed(&self, flag: &Flag) -> bool {
        self.0.recomputed.contains(flag)
    }

    pub(crate) fn recomputed(&self) -> &BTreeSet<Flag> {
        &self.0.recomputed
    }

    /// The handlers whose condition has the flag.
    pub(crate) fn watchers(&self, flag: &Flag) -> &[usize] {
        self.0.watchers.get(flag).map_or(&[], Vec::as_slice)
    }

    /// The handlers that may be ready although none of the flags of their condition is set.
    pub(crate) fn eager(&self) -> &[usize] {
        &self.0.eager
    }
}

/// Collects layers and ports; mistakes are kept until [`build`](CharmBuilder::build).
#[must_use]
pub struct CharmBuilder {
    name: &'static str,
    layers: Vec<Layer>,
    ports: Ports,
    mistakes: Vec<Mistake>,
}

impl CharmBuilder {
    /// Adds a layer.
    pub fn layer(mut self, layer: Layer) -> CharmBuilder {
        self.layers.push(layer);
        self
    }

    /// Adds a port that handlers get with [`Context::port`](crate::Context::port).
    pub fn port<P: 'static>(mut self, port: P) -> CharmBuilder {
        if !self.ports.add(port) {
            self.mistakes.push(Mistake::DuplicatePort { port: type_name::<P>() });
        }
        self
    }

    /// Puts the layers together; all mistakes are reported at once, by name.
    pub fn build(self) -> Result<Charm, GraphError> {
        let mut handlers = Vec::new();
        let mut triggers = Vec::new();
        for layer in self.layers {
            handlers.extend(layer.handlers);
            triggers.extend(layer.triggers);
        }
        layer::number_closures(&mut handlers);
        let handlers: Vec<Rc<Handler>> = handlers.into_iter().map(Rc::new).collect();
        let mut mistakes = self.mistakes;
        mistakes.extend(check::mistakes(&handlers, &triggers));
        if !mistakes.is_empty() {
            return Err(GraphError {
                charm: self.name.to_owned(),
                mistakes,
            });
        }
        let table = Triggers::new(&triggers);
        let (watchers, eager) = index(&handlers);
        Ok(Charm(Rc::new(Inner {
            name: self.name,
            graph: Graph::new(self.name, &handlers, &table),
            warnings: OnceCell::new(),
            managed: managed(&handlers, &table),
            recomputed: recomputed(&handlers, &table),
            triggers: table,
            ports: self.ports,
            handlers,
            watchers,
            eager,
        })))
    }
}

/// Who watches a flag, and who does not need any flag to be set.
fn index(handlers: &[Rc<Handler>]) -> (BTreeMap<Flag, Vec<usize>>, Vec<usize>) {
    let mut watchers: BTreeMap<Flag, Vec<usize>> = BTreeMap::new();
    let mut eager = Vec::new();
    for (i, handler) in handlers.iter().enumerate() {
        let condition = handler.condition();
        for flag in condition.flags() {
            watchers.entry(flag).or_default().push(i);
        }
        let waits = matches!(handler.kind, Kind::Start | Kind::Action(_));
        if !waits && (condition.holds(&|_| false, "") || !condition.hooks().is_empty()) {
            eager.push(i);
        }
    }
    (watchers, eager)
}

fn managed(handlers: &[Rc<Handler>], triggers: &Triggers) -> BTreeMap<Flag, Managed> {
    let of_conditions = handlers.iter().flat_map(|h| h.condition().flags());
    let of_triggers = triggers.iter().map(|(cause, _)| cause.flag.clone());
    of_conditions
        .chain(of_triggers)
        .filter_map(|flag| Managed::of(&flag).map(|managed| (flag, managed)))
        .collect()
}

/// The flags that start handlers set and that nobody else changes.
fn recomputed(handlers: &[Rc<Handler>], triggers: &Triggers) -> BTreeSet<Flag> {
    let mut own = BTreeSet::new();
    let mut foreign: BTreeSet<Flag> = BTreeSet::new();
    for handler in handlers {
        let effects = handler.when.may_set().iter().chain(handler.when.may_clear());
        match handler.kind {
            Kind::Start => own.extend(handler.when.may_set().iter().cloned()),
            _ => foreign.extend(effects.cloned()),
        }
    }
    let triggered = triggers.iter().flat_map(|(_, effects)| effects);
    foreign.extend(triggered.map(|change| change.flag.clone()));
    own.difference(&foreign).cloned().collect()
}
