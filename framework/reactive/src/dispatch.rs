//! One run of the charm: from the facts to the commit.

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use juju::{Event, LogLevel};
use store::{Store, Transaction};

use crate::charm::Charm;
use crate::context::{Context, Offence, Parts};
use crate::flags::Managed;
use crate::layer::{Answer, Handler, Kind};
use crate::managed::{self, Facts};
use crate::queue::{Next, Phase, Queue};
use crate::report::{DispatchError, Report, Run};
use crate::state::State;
use crate::{Flag, HandlerError, Outcome, Result as HandlerResult};

/// Where Juju keeps the mark of the last hook that changed the unit's state, with the rest of what that hook decided.
const COMMIT_KEY: &str = "reactive.commit";
/// Where flags are kept, as charms.reactive does.
const FLAG_PREFIX: &str = "reactive.states.";

/// Runs the charm's handlers for one hook or action and keeps what they did, or nothing.
///
/// In this order: managed flags are looked up; start handlers run; triggers are pulled on what differs from the last
/// successful hook; the hook's own handlers run; ordinary handlers run until none is ready. Then relation data is
/// flushed, the worst outcome is sent as status, and flags and values are committed. For an action, its handler runs in the
/// place of the hook's, and only those ordinary handlers follow that watch a flag it changed.
///
/// Juju takes its part of the commit when the process has ended well, after the store's. If it does not (the process is
/// killed in between, or Juju refuses), the next dispatch finds that out and takes the store's part back, given that the
/// store is [shared with Juju](Store::shared_with_juju).
///
/// A failure is also written to the unit's log, at level error.
pub async fn dispatch(charm: &Charm, parts: Parts) -> Result<Report, DispatchError> {
    let store = parts.store.clone();
    let mut ctx = Context::new(charm, parts);
    let result = dispatch_in(charm, &mut ctx, &store).await;
    if let Err(error) = &result {
        // The error itself goes to the caller; that it cannot be logged too must not hide it.
        let _ = ctx.tools.log(LogLevel::Error, &error.to_string());
    }
    result
}

async fn dispatch_in(charm: &Charm, ctx: &mut Context, store: &Store) -> Result<Report, DispatchError> {
    let transaction = store.begin()?;
    reconcile(ctx)?;
    let kept = load(charm, store)?;
    ctx.state = State::new(kept.clone());
    let report = run(charm, ctx, &kept).await?;
    if report.action_failure.is_none() {
        commit(ctx, transaction)?;
    }
    Ok(report)
}

/// Makes the state that of the last hook which Juju has committed too.
fn reconcile(ctx: &mut Context) -> Result<(), DispatchError> {
    let Some(mark) = ctx.store.provisional()? else {
        return Ok(());
    };
    let asked = ctx.tools.state_get(COMMIT_KEY);
    let committed = asked.map_err(tool("ask which hook was the last to be committed"))?;
    if committed.is_some_and(|committed| committed == mark) {
        return Ok(ctx.store.confirm()?);
    }
    let text = format!("taking flags and values back that `{mark}` changed: juju has not committed that run");
    ctx.tools
        .log(LogLevel::Warning, &text)
        .map_err(tool("write to the log"))?;
    Ok(ctx.store.take_back()?)
}

/// Commits the store so that it can be taken back if Juju does not commit the rest.
fn commit(ctx: &mut Context, transaction: Transaction) -> Result<(), DispatchError> {
    if !ctx.store.is_shared_with_juju() || !ctx.store.has_changed() {
        return Ok(transaction.commit()?);
    }
    let mark = &ctx.hook.context_id;
    match ctx.tools.state_set(COMMIT_KEY, mark) {
        Ok(()) => Ok(transaction.commit_provisionally(mark)?),
        // Before Juju 2.8 there is nothing to compare with.
        Err(error) if error.is_unknown_tool() => Ok(transaction.commit()?),
        Err(error) => Err(tool("say which hook changes the unit's state")(error)),
    }
}

async fn run(charm: &Charm, ctx: &mut Context, kept: &BTreeSet<Flag>) -> Result<Report, DispatchError> {
    let facts = managed::look_up(charm, &ctx.hook, &mut ctx.tools, &ctx.store)?;
    facts.set.iter().for_each(|flag| ctx.state.place(flag, true));
    run_start_handlers(charm, ctx).await?;
    let hook_name = ctx.hook.hook_name().to_owned();
    let mut queue = Queue::new(charm, &hook_name);
    match ctx.hook.event.clone() {
        Event::Hook(_) => {
            managed::pull_triggers(charm, &mut ctx.state, &ctx.store)?;
            ctx.state.take_changes();
            queue.start(Phase::Hook, &ctx.state);
            settle(charm, ctx, &mut queue).await?;
            queue.start(Phase::Ordinary, &ctx.state);
            settle(charm, ctx, &mut queue).await?;
            finish(charm, ctx, Some(&facts), kept, queue)
        }
        Event::Action { name, .. } => {
            ctx.state.take_changes();
            queue.enter(Phase::Ordinary);
            if let Err(reason) = run_action(charm, ctx, &mut queue, &name).await? {
                return fail_action(ctx, queue, reason.to_string());
            }
            // What follows belongs to the action. Nothing has been sent yet, so the operator gets to know why instead
            // of an exit status.
            if let Err(error) = settle(charm, ctx, &mut queue).await {
                return fail_action(ctx, queue, error.to_string());
            }
            finish(charm, ctx, None, kept, queue)
        }
    }
}

fn tool(doing: &'static str) -> impl FnOnce(juju::ToolError) -> DispatchError {
    move |source| DispatchError::Tool {
        doing: doing.to_owned(),
        source: Box::new(source),
    }
}

/// Start handlers by rank, each once.
async fn run_start_handlers(charm: &Charm, ctx: &mut Context) -> Result<(), DispatchError> {
    let graph = charm.graph();
    let is_start = |index: &usize| charm.handlers()[*index].kind == Kind::Start;
    let by_rank = (0..charm.handlers().len()).map(|rank| graph.handler_at(rank));
    for index in by_rank.filter(is_start) {
        let handler = &charm.handlers()[index];
        if ctx.state.holds(handler.condition(), ctx.hook.hook_name()) {
            call(ctx, handler).await?;
        }
    }
    Ok(())
}

/// Runs what is ready until nothing is.
async fn settle(charm: &Charm, ctx: &mut Context, queue: &mut Queue<'_>) -> Result<(), DispatchError> {
    while let Some(next) = queue.next(&ctx.state) {
        let run = call(ctx, &charm.handlers()[next.handler]).await?;
        queue.ran(next, run)?;
    }
    Ok(())
}

/// Runs the action's handler; the inner error is the action's failure, the outer one the dispatch's.
async fn run_action(
    charm: &Charm,
    ctx: &mut Context,
    queue: &mut Queue<'_>,
    name: &str,
) -> Result<HandlerResult<()>, DispatchError> {
    let is_it = |handler: &Rc<Handler>| matches!(handler.kind, Kind::Action(n) if n == name);
    let Some(index) = charm.handlers().iter().position(is_it) else {
        return Err(DispatchError::UnknownAction {
            action: name.to_owned(),
        });
    };
    let handler = &charm.handlers()[index];
    if !ctx.state.holds(handler.condition(), "") {
        let text = format!("cannot run action `{name}` now: it needs {}", handler.condition());
        return Ok(Err(HandlerError::msg(text)));
    }
    match call(ctx, handler).await {
        Ok(run) => queue.ran(Next::first(index), run).map(Ok),
        Err(DispatchError::Handler { error, .. }) => Ok(Err(error)),
        Err(other) => Ok(Err(HandlerError::from(other))),
    }
}

/// Runs one handler. What it does against its declaration fails the dispatch, even if it hides the error.
async fn call(ctx: &mut Context, handler: &Rc<Handler>) -> Result<Run, DispatchError> {
    ctx.running = Some(Rc::clone(handler));
    let answer = Guarded(handler.call(ctx)).await;
    ctx.running = None;
    if let Some(offence) = ctx.offence.take() {
        return Err(charge(handler, offence));
    }
    Ok(Run {
        handler: handler.id(),
        outcome: answer.map_err(|error| failure(handler, error))?,
        changes: ctx.state.take_changes(),
    })
}

fn failure(handler: &Handler, error: HandlerError) -> DispatchError {
    DispatchError::Handler {
        layer: handler.layer.to_owned(),
        handler: handler.name.clone(),
        condition: Box::new(handler.condition().clone()),
        error,
    }
}

fn charge(handler: &Handler, offence: Offence) -> DispatchError {
    let id = handler.id();
    match offence {
        Offence::Undeclared { flag, set } => DispatchError::Undeclared { handler: id, flag, set },
        Offence::Unnamed { flag } => DispatchError::Unnamed { handler: id, flag },
        Offence::Tool(error) => failure(handler, error.into()),
    }
}

/// A handler's future whose panics are errors.
struct Guarded<'a>(Answer<'a>);

impl Future for Guarded<'_> {
    type Output = HandlerResult<Outcome>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        // A panic ends the dispatch without a commit, so nobody sees state that it left half changed.
        let polled = catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx)));
        polled.unwrap_or_else(|payload| {
            let text = payload
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| payload.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            Poll::Ready(Err(HandlerError::msg(format!("panicked: {text}"))))
        })
    }
}

/// The flags of the last successful hook. What is looked up or recomputed does not count, nor do the leftovers of
/// another framework under such names.
fn load(charm: &Charm, store: &Store) -> Result<BTreeSet<Flag>, DispatchError> {
    let kept = store.range(FLAG_PREFIX)?.into_keys().map(Flag::named);
    Ok(kept.filter(|flag| is_kept(charm, flag)).collect())
}

fn is_kept(charm: &Charm, flag: &Flag) -> bool {
    Managed::of(flag).is_none() && !charm.is_recomputed(flag)
}

/// Flushes, sends the status and writes the flags; the commit is the caller's.
fn finish(
    charm: &Charm,
    ctx: &mut Context,
    facts: Option<&Facts>,
    kept: &BTreeSet<Flag>,
    queue: Queue<'_>,
) -> Result<Report, DispatchError> {
    let now: BTreeSet<Flag> = ctx
        .state
        .flags()
        .iter()
        .filter(|flag| is_kept(charm, flag))
        .cloned()
        .collect();
    let set: Vec<Flag> = now.difference(kept).cloned().collect();
    let cleared: Vec<Flag> = kept.difference(&now).cloned().collect();
    ctx.tools.flush().map_err(tool("send the relation data"))?;
    let worst = queue.outcomes().max_by_key(|outcome| outcome.severity());
    if let Some(worst) = worst.cloned() {
        ctx.send(worst).map_err(tool("set the status"))?;
    }
    for flag in &set {
        ctx.store.set_raw(&format!("{FLAG_PREFIX}{flag}"), "null")?;
    }
    for flag in &cleared {
        ctx.store.unset(&format!("{FLAG_PREFIX}{flag}"))?;
    }
    if let Some(facts) = facts {
        managed::remember(charm, facts, &ctx.state, &ctx.store)?;
    }
    Ok(Report {
        set,
        cleared,
        ..report(ctx, queue)
    })
}

fn fail_action(ctx: &mut Context, queue: Queue<'_>, reason: String) -> Result<Report, DispatchError> {
    ctx.tools
        .action_fail(&reason)
        .map_err(tool("report that the action failed"))?;
    Ok(Report {
        action_failure: Some(reason),
        ..report(ctx, queue)
    })
}

fn report(ctx: &Context, queue: Queue<'_>) -> Report {
    Report {
        status: ctx.sent.clone(),
        evaluations: queue.evaluations,
        tool_calls: ctx.tools.call_count(),
        runs: queue.into_runs(),
        ..Report::default()
    }
}
