//! What a handler sees of the world.

use std::any::{Any, TypeId, type_name};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use host::Host;
use juju::{ApplicationName, EndpointName, HookContext, LogLevel, RelationId, Tools, UnitName};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::Store;

use crate::charm::Charm;
use crate::flags::Managed;
use crate::layer::Handler;
use crate::state::{Change, State};
use crate::{Flag, HandlerError, Outcome, Result};

/// The ports that a dispatch works on.
pub struct Parts {
    /// Why the charm runs.
    pub hook: HookContext,
    /// Juju.
    pub tools: Tools,
    /// The machine.
    pub host: Rc<dyn Host>,
    /// The unit's state. A transaction must not be open.
    pub store: Store,
}

/// The world as handlers see it: flags, values, Juju, the machine, and the charm's own ports.
pub struct Context {
    pub(crate) hook: HookContext,
    pub(crate) tools: Tools,
    pub(crate) store: Store,
    pub(crate) state: State,
    pub(crate) running: Option<Rc<Handler>>,
    /// The last status sent in this hook.
    pub(crate) sent: Option<Outcome>,
    /// What the running handler did against its declaration, or what failed where it could not be told.
    pub(crate) offence: RefCell<Option<Offence>>,
    charm: Charm,
    host: Rc<dyn Host>,
}

/// Something that fails the dispatch although the handler may return success.
#[derive(Debug)]
pub(crate) enum Offence {
    Undeclared { flag: Flag, set: bool },
    Unnamed { flag: Flag },
    Tool(juju::ToolError),
}

/// A relation of an endpoint and who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The relation.
    pub id: RelationId,
    /// The application at the other end; none while Juju does not tell.
    pub application: Option<ApplicationName>,
    /// The remote units, as Juju lists them.
    pub units: Vec<UnitName>,
}

impl Context {
    pub(crate) fn new(charm: &Charm, mut parts: Parts) -> Context {
        parts.tools.set_unit(parts.hook.unit.clone());
        Context {
            hook: parts.hook,
            tools: parts.tools,
            store: parts.store,
            state: State::default(),
            running: None,
            sent: None,
            offence: RefCell::new(None),
            charm: charm.clone(),
            host: parts.host,
        }
    }

    /// Why the charm runs.
    pub fn hook(&self) -> &HookContext {
        &self.hook
    }

    /// The unit.
    pub fn unit(&self) -> &UnitName {
        &self.hook.unit
    }

    /// Juju's hook tools.
    pub fn tools(&mut self) -> &mut Tools {
        &mut self.tools
    }

    /// The machine.
    pub fn host(&self) -> Rc<dyn Host> {
        Rc::clone(&self.host)
    }

    /// Whether a flag is set. A managed flag is only known if a condition or trigger of the charm names it; asking for
    /// another fails the dispatch.
    pub fn is_set(&self, flag: &Flag) -> bool {
        if Managed::of(flag).is_some() && !self.charm.managed().contains_key(flag) {
            self.offend(Offence::Unnamed { flag: flag.clone() });
        }
        self.state.is_set(flag)
    }

    /// Sets a flag, which the handler must have declared, and pulls the triggers on it.
    pub fn set(&mut self, flag: &Flag) -> Result<()> {
        self.change(flag, true)
    }

    /// Clears a flag, which the handler must have declared, and pulls the triggers on it.
    pub fn clear(&mut self, flag: &Flag) -> Result<()> {
        self.change(flag, false)
    }

    /// The unit's own values, kept if the hook succeeds.
    pub fn kv(&mut self) -> Kv<'_> {
        Kv { store: &self.store }
    }

    /// The value of a configuration option; none if it has none.
    pub fn config(&mut self, option: &str) -> Result<Option<Value>> {
        let options = self.tools.config()?;
        Ok(options.get(option).filter(|value| !value.is_null()).cloned())
    }

    /// The value of a string option. An option without a value is an error that names it.
    pub fn config_str(&mut self, option: &str) -> Result<String> {
        self.option(option, "a string", |value| value.as_str().map(str::to_owned))
    }

    /// The value of an integer option.
    pub fn config_int(&mut self, option: &str) -> Result<i64> {
        // Juju's JSON of an integer option may be a float that is whole.
        self.option(option, "an integer", |value| value.as_i64().or_else(|| whole(value)))
    }

    /// The value of a boolean option.
    pub fn config_bool(&mut self, option: &str) -> Result<bool> {
        self.option(option, "a boolean", Value::as_bool)
    }

    /// Whether this unit is Juju's leader.
    pub fn is_leader(&mut self) -> Result<bool> {
        Ok(self.tools.is_leader()?)
    }

    /// The relations of an endpoint, in Juju's order.
    pub fn relations(&mut self, endpoint: &str) -> Result<Vec<Relation>> {
        let endpoint = EndpointName::try_from(endpoint)?;
        let ids = self.tools.relation_ids(&endpoint)?;
        let relation = |id: RelationId| {
            Ok(Relation {
                application: self.tools.relation_application(&id)?,
                units: self.tools.relation_units(&id)?,
                id,
            })
        };
        ids.into_iter().map(relation).collect()
    }

    /// A port that the charm was built with.
    pub fn port<P: 'static>(&self) -> Result<Rc<P>> {
        self.charm
            .ports()
            .get()
            .ok_or_else(|| HandlerError::msg(format!("charm has no port of type `{}`", type_name::<P>())))
    }

    /// Writes to the unit's log.
    pub fn log(&mut self, level: LogLevel, text: impl AsRef<str>) {
        let result = self.tools.log(level, text.as_ref());
        self.note(result);
    }

    /// Shows a status at once, such as the progress of something slow.
    pub fn status(&mut self, outcome: Outcome) {
        let result = self.send(outcome);
        self.note(result);
    }

    /// Sends a status unless it is the one last sent in this hook.
    pub(crate) fn send(&mut self, outcome: Outcome) -> std::result::Result<(), juju::ToolError> {
        if let Some((status, text)) = outcome.status()
            && self.sent.as_ref() != Some(&outcome)
        {
            self.tools.status_set(status, text)?;
            self.sent = Some(outcome);
        }
        Ok(())
    }

    fn change(&mut self, flag: &Flag, set: bool) -> Result<()> {
        let Some(handler) = &self.running else {
            return Err(HandlerError::msg(format!("cannot change `{flag}` outside a handler")));
        };
        let declared = match set {
            true => handler.when.may_set(),
            false => handler.when.may_clear(),
        };
        if !declared.contains(flag) {
            let verb = if set { "set" } else { "clear" };
            let text = format!("handler `{}` does not declare to {verb} `{flag}`", handler.id());
            self.offend(Offence::Undeclared {
                flag: flag.clone(),
                set,
            });
            return Err(HandlerError::msg(text));
        }
        if self.charm.is_recomputed(flag) {
            self.state.place(flag, set);
        } else {
            let flag = flag.clone();
            self.state.apply(Change { flag, set }, self.charm.triggers());
        }
        Ok(())
    }

    fn option<T>(&mut self, option: &str, form: &str, read: impl Fn(&Value) -> Option<T>) -> Result<T> {
        match self.config(option)? {
            None => Err(HandlerError::msg(format!("config option `{option}` has no value"))),
            Some(value) => read(&value)
                .ok_or_else(|| HandlerError::msg(format!("config option `{option}` is not {form}: {value}"))),
        }
    }

    fn note(&self, result: std::result::Result<(), juju::ToolError>) {
        if let Err(error) = result {
            self.offend(Offence::Tool(error));
        }
    }

    /// Remembers the first offence.
    fn offend(&self, offence: Offence) {
        self.offence.borrow_mut().get_or_insert(offence);
    }
}

fn whole(value: &Value) -> Option<i64> {
    let float = value.as_f64()?;
    let exact = float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0;
    exact.then_some(float as i64)
}

/// The unit's own values by key. Keys that start with `reactive.` belong to the framework.
pub struct Kv<'a> {
    store: &'a Store,
}

impl Kv<'_> {
    /// The value of a key.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        Ok(self.store.get(key)?)
    }

    /// Sets the value of a key.
    pub fn set<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<()> {
        refuse_reserved(key)?;
        self.store.set(key, value)?;
        Ok(())
    }

    /// Removes a key.
    pub fn remove(&mut self, key: &str) -> Result<()> {
        refuse_reserved(key)?;
        self.store.unset(key)?;
        Ok(())
    }
}

fn refuse_reserved(key: &str) -> Result<()> {
    match key.starts_with("reactive.") {
        true => Err(HandlerError::msg(format!(
            "cannot change `{key}`: `reactive.` is reserved"
        ))),
        false => Ok(()),
    }
}

/// The charm's ports by type.
#[derive(Clone, Default)]
pub(crate) struct Ports(BTreeMap<TypeId, Rc<dyn Any>>);

impl Ports {
    /// Adds a port; false if there is one of this type.
    pub(crate) fn add<P: 'static>(&mut self, port: P) -> bool {
        self.0.insert(TypeId::of::<P>(), Rc::new(port)).is_none()
    }

    fn get<P: 'static>(&self) -> Option<Rc<P>> {
        let port = Rc::clone(self.0.get(&TypeId::of::<P>())?);
        port.downcast().ok()
    }
}
