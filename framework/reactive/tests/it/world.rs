//! A world for dispatches: a store that outlives hooks and a Juju that answers from a table.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use host::SimulatedHost;
use juju::{Event, Hook, HookContext, ToolCall, ToolOutput, Tools, Transport, TransportError};
use reactive::{Charm, Context, DispatchError, Flag, Layer, Outcome, Parts, Report, Result, dispatch};
use store::Store;

/// The answers of Juju's tools by their names; a tool that is not here answers nothing.
pub(crate) type Answers = Rc<RefCell<BTreeMap<String, String>>>;

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) answers: Answers,
    pub(crate) calls: Rc<RefCell<Vec<ToolCall>>>,
}

impl World {
    pub(crate) fn new() -> World {
        let defaults = [
            ("config-get", "{}"),
            ("is-leader", "false"),
            ("relation-ids", "[]"),
            ("relation-list", "[]"),
            ("relation-list --app", "null"),
            ("relation-get", "{}"),
        ];
        let answers = defaults.map(|(tool, answer)| (tool.to_owned(), answer.to_owned()));
        World {
            store: Store::memory().unwrap(),
            answers: Rc::new(RefCell::new(answers.into())),
            calls: Rc::default(),
        }
    }

    pub(crate) fn answer(&self, tool: &str, text: &str) {
        self.answers.borrow_mut().insert(tool.to_owned(), text.to_owned());
    }

    /// Runs a hook. The calls of the hook before are forgotten.
    pub(crate) fn hook(&self, charm: &Charm, name: &str) -> std::result::Result<Report, DispatchError> {
        let vars = [
            ("JUJU_RELATION_ID", "db:1"),
            ("JUJU_RELATION", "db"),
            ("JUJU_REMOTE_APP", "app"),
            ("JUJU_REMOTE_UNIT", "app/0"),
            ("JUJU_DEPARTING_UNIT", "app/0"),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let hook = Hook::parse(name, &vars.into()).unwrap();
        self.dispatch(charm, Event::Hook(hook))
    }

    pub(crate) fn action(&self, charm: &Charm, name: &str) -> std::result::Result<Report, DispatchError> {
        let name = name.to_owned();
        self.dispatch(charm, Event::Action { name, task: "1".into() })
    }

    fn dispatch(&self, charm: &Charm, event: Event) -> std::result::Result<Report, DispatchError> {
        self.calls.borrow_mut().clear();
        let transport = Table {
            answers: Rc::clone(&self.answers),
            calls: Rc::clone(&self.calls),
        };
        let parts = Parts {
            hook: context(event),
            tools: Tools::new(Box::new(transport)),
            host: Rc::new(SimulatedHost::new()),
            store: self.store.clone(),
        };
        block_on(dispatch(charm, parts))
    }

    /// The flags in the store.
    pub(crate) fn flags(&self) -> BTreeSet<String> {
        self.store.range("reactive.states.").unwrap().into_keys().collect()
    }

    pub(crate) fn place(&self, flag: &Flag) {
        self.store.set_raw(&format!("reactive.states.{flag}"), "null").unwrap();
    }

    /// The tools called in the last hook, `tool argument …`.
    pub(crate) fn called(&self) -> Vec<String> {
        let line = |call: &ToolCall| {
            let mut words = vec![call.tool.clone()];
            words.extend(call.args.iter().cloned());
            words.join(" ")
        };
        self.calls.borrow().iter().map(line).collect()
    }

    pub(crate) fn called_tools(&self) -> Vec<String> {
        self.calls.borrow().iter().map(|call| call.tool.clone()).collect()
    }
}

fn context(event: Event) -> HookContext {
    HookContext {
        unit: "etcd/0".parse().unwrap(),
        event,
        model_name: "m".into(),
        model_uuid: "00000000-0000-4000-8000-000000000000".into(),
        charm_dir: "/charm".into(),
        juju_version: "3.6.0".into(),
        context_id: "etcd/0-x-1".into(),
        machine_id: Some("0".into()),
    }
}

struct Table {
    answers: Answers,
    calls: Rc<RefCell<Vec<ToolCall>>>,
}

impl Transport for Table {
    fn call(&mut self, call: &ToolCall) -> std::result::Result<ToolOutput, TransportError> {
        self.calls.borrow_mut().push(call.clone());
        let answers = self.answers.borrow();
        let wants_application = call.args.iter().any(|arg| arg == "--app");
        let key = if wants_application {
            "relation-list --app"
        } else {
            &call.tool
        };
        let output = match answers.get(key).map(String::as_str) {
            Some("fail") => ToolOutput::error(1, "no"),
            answer => ToolOutput::ok(answer.unwrap_or_default()),
        };
        Ok(output)
    }

    fn name(&self) -> &'static str {
        "table"
    }
}

/// Handlers of tests do not wait for anything outside.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = TaskContext::from_waker(Waker::noop());
    for _ in 0..1_000_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
    panic!("the future does not end");
}

pub(crate) fn charm(layer: Layer) -> Charm {
    Charm::builder("test").layer(layer).build().unwrap()
}

/// The names of the handlers that ran, without their module.
pub(crate) fn ran(report: &Report) -> Vec<String> {
    let name = |id: &str| id.rsplit([':', '/']).next().unwrap_or(id).to_owned();
    report.handlers().into_iter().map(name).collect()
}

pub(crate) fn done() -> Result<Outcome> {
    Ok(Outcome::Done)
}

/// Defines handlers that do nothing.
macro_rules! idle {
    ($($name:ident),* $(,)?) => {$(
        async fn $name(_: &mut reactive::Context) -> reactive::Result<reactive::Outcome> {
            Ok(reactive::Outcome::Done)
        }
    )*};
}

/// A handler that sets and clears.
pub(crate) fn changing(
    sets: impl IntoIterator<Item = Flag>,
    clears: impl IntoIterator<Item = Flag>,
) -> impl AsyncFn(&mut Context) -> Result<Outcome> + 'static {
    let sets: Vec<Flag> = sets.into_iter().collect();
    let clears: Vec<Flag> = clears.into_iter().collect();
    async move |ctx: &mut Context| {
        sets.iter().try_for_each(|flag| ctx.set(flag))?;
        clears.iter().try_for_each(|flag| ctx.clear(flag))?;
        done()
    }
}

pub(crate) use idle;
