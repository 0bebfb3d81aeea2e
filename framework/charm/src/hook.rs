//! The hook mode: one dispatch, from the process's environment to its exit code.

use std::io::Write;
use std::process::ExitCode;
use std::rc::Rc;

use host::RealHost;
use juju::{ContextError, Event, HookContext, LogLevel, Tools, TransportError};
use reactive::{CharmBuilder, DispatchError, GraphError, Parts, Report};
use store::{Store, StoreError};

/// The unit's state, where charmhelpers keeps it too.
const STATE_FILE: &str = ".unit-state.db";

/// Why a hook fails.
#[derive(Debug, thiserror::Error)]
enum HookError {
    #[error("cannot read the hook's environment: {0}")]
    Context(#[from] ContextError),
    #[error("cannot reach Juju: {0}")]
    Transport(#[from] TransportError),
    #[error("{0}")]
    Graph(#[from] GraphError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] std::io::Error),
    #[error("{0}")]
    Dispatch(#[from] DispatchError),
}

/// Runs the hook that the environment describes.
pub(crate) fn run(build: fn() -> CharmBuilder) -> ExitCode {
    let vars: Vec<(String, String)> = juju::env::of_process().collect();
    match dispatch(vars, build) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(vars: Vec<(String, String)>, build: fn() -> CharmBuilder) -> Result<ExitCode, HookError> {
    let hook = HookContext::from_vars(vars.iter().cloned())?;
    let transport = juju::transport_from_env(vars.iter().cloned())?;
    let mut tools = Tools::for_unit(transport, hook.unit.clone());
    let prepared = prepare(&hook, build);
    let (charm, store, runtime) = prepared.inspect_err(|error| {
        // Dispatch logs its own failures; this is for those before it.
        let _ = tools.log(LogLevel::Error, &error.to_string());
    })?;
    let is_action = matches!(hook.event, Event::Action { .. });
    let host = Rc::new(RealHost::from_vars(vars));
    let parts = Parts {
        hook,
        tools,
        host,
        store,
    };
    let report = runtime.block_on(reactive::dispatch(&charm, parts))?;
    // What an action prints becomes part of its results.
    if !is_action {
        trace(&report);
    }
    Ok(ExitCode::SUCCESS)
}

fn prepare(
    hook: &HookContext,
    build: fn() -> CharmBuilder,
) -> Result<(reactive::Charm, Store, tokio::runtime::Runtime), HookError> {
    let charm = build().build()?;
    let store = Store::open(&hook.charm_dir.join(STATE_FILE))?.shared_with_juju();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(HookError::Runtime)?;
    Ok((charm, store, runtime))
}

/// Juju puts a hook's output into the model's log.
fn trace(report: &Report) {
    // A closed standard output must not fail a hook that has committed.
    let _ = writeln!(std::io::stdout().lock(), "{report}");
}

fn complain(error: &HookError) {
    // There is nobody left to tell that standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "ERROR {error}");
}
