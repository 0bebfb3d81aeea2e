//! The observable rules of charms.reactive's bus (`charms/reactive/bus.py`, `flags.py`), one test each.

use crate::world::{self, World, changing, charm, done, idle, ran};
use reactive::{Context, DispatchError, Flag, Layer, Outcome, Result, always, hook, on_clear, on_set, when};

const A: Flag = Flag::new("a");
const B: Flag = Flag::new("b");
const C: Flag = Flag::new("c");

async fn set_a(ctx: &mut Context) -> Result<Outcome> {
    ctx.set(&A)?;
    done()
}

async fn set_b(ctx: &mut Context) -> Result<Outcome> {
    ctx.set(&B)?;
    done()
}

async fn clear_a(ctx: &mut Context) -> Result<Outcome> {
    ctx.clear(&A)?;
    done()
}

async fn fail(_: &mut Context) -> Result<Outcome> {
    Err(reactive::HandlerError::msg("no luck"))
}

idle!(one, two, three);

#[test]
fn hook_handlers_run_first() {
    let layer =
        Layer::new("l")
            .on(one, when(always()))
            .on(two, when(always()))
            .on_hook("install", three, when(always()));
    let report = World::new().hook(&charm(layer), "install").unwrap();
    assert_eq!(ran(&report), ["three", "one", "two"]);
}

#[test]
fn hook_handlers_run_in_their_hook_only() {
    let layer = Layer::new("l")
        .on_hook("install", one, when(always()))
        .on_hook("db-relation-{joined,changed}", two, when(always()))
        .on_hook("{endpoint}-relation-broken", three, when(always()));
    let (charm, world) = (charm(layer), World::new());
    for (hook, expected) in [
        ("install", vec!["one"]),
        ("start", vec![]),
        ("db-relation-joined", vec!["two"]),
        ("db-relation-changed", vec!["two"]),
        ("db-relation-broken", vec!["three"]),
    ] {
        assert_eq!(ran(&world.hook(&charm, hook).unwrap()), expected, "{hook}");
    }
}

#[test]
fn hook_handlers_do_not_run_after_ordinary_ones() {
    let layer = Layer::new("l")
        .on_hook("install", one, when(A))
        .on(set_a, when(always()).sets(A));
    let (charm, world) = (charm(layer), World::new());
    assert_eq!(ran(&world.hook(&charm, "install").unwrap()), ["set_a"]);
    assert_eq!(ran(&world.hook(&charm, "install").unwrap()), ["one", "set_a"]);
}

#[test]
fn hooks_in_conditions_run_among_the_ordinary_handlers() {
    let layer = Layer::new("l")
        .on(one, when(hook("install") & !A))
        .on(two, when(!hook("install")));
    let (charm, world) = (charm(layer), World::new());
    assert_eq!(ran(&world.hook(&charm, "install").unwrap()), ["one"]);
    assert_eq!(ran(&world.hook(&charm, "start").unwrap()), ["two"]);
}

#[test]
fn a_flag_set_is_seen_in_the_same_dispatch() {
    let layer = Layer::new("l")
        .on(one, when(A & B))
        .on(set_b, when(A).sets(B))
        .on(set_a, when(!A).sets(A));
    let report = World::new().hook(&charm(layer), "start").unwrap();
    assert_eq!(ran(&report), ["set_a", "set_b", "one"]);
}

#[test]
fn clearing_a_flag_tests_the_queued_again() {
    let layer = Layer::new("l")
        .on(clear_a, when(A).clears(A))
        .on(one, when(A))
        .on(two, when(B));
    let world = World::new();
    world.place(&A);
    world.place(&B);
    let report = world.hook(&charm(layer), "start").unwrap();
    assert_eq!(ran(&report), ["clear_a", "two"]);
}

#[test]
fn matching_handlers_run_again_in_every_hook() {
    let (charm, world) = (charm(Layer::new("l").on(one, when(A)).on(two, when(B))), World::new());
    world.place(&A);
    for hook in ["start", "update-status", "update-status"] {
        assert_eq!(ran(&world.hook(&charm, hook).unwrap()), ["one"]);
    }
}

#[test]
fn a_handler_runs_once_while_its_flags_stay() {
    let layer = Layer::new("l").on(one, when(A)).on(set_b, when(A).sets(B));
    let world = World::new();
    world.place(&A);
    assert_eq!(ran(&world.hook(&charm(layer), "start").unwrap()), ["one", "set_b"]);
}

#[test]
fn a_handler_runs_again_when_a_flag_of_its_condition_changed() {
    let layer = Layer::new("l")
        .on(one, when(A | B))
        .on(set_b, when(A & C).sets(B))
        .on_hook("start", changing([A, C], []), when(always()).sets([A, C]));
    let (charm, world) = (charm(layer), World::new());
    // The graph puts the producer of `b` before its consumer, so that one run is enough ...
    assert_eq!(ran(&world.hook(&charm, "start").unwrap())[1..], ["set_b", "one"]);
    // ... but in a cycle the consumer can be first, and is told.
    let layer = Layer::new("l")
        .on(one_sets_c, when(A | B).sets(C))
        .on(set_b, when(A & C).sets(B))
        .on_hook("start", set_a, when(always()).sets(A));
    let report = World::new().hook(&world::charm(layer), "start").unwrap();
    assert_eq!(ran(&report), ["set_a", "one_sets_c", "set_b", "one_sets_c"]);
}

async fn one_sets_c(ctx: &mut Context) -> Result<Outcome> {
    ctx.set(&C)?;
    done()
}

#[test]
fn triggers_act_at_once() {
    async fn handler(ctx: &mut Context) -> Result<Outcome> {
        ctx.set(&A)?;
        assert!(ctx.is_set(&B), "a trigger sets");
        assert!(!ctx.is_set(&C), "a trigger clears");
        ctx.clear(&A)?;
        assert!(ctx.is_set(&C), "a trigger on clearing");
        done()
    }
    let layer = Layer::new("l")
        .on_hook("start", handler, when(always()).sets(A).clears(A))
        .trigger(on_set(A).sets(B).clears(C))
        .trigger(on_clear(A).sets(C));
    let (charm, world) = (charm(layer), World::new());
    world.place(&C);
    world.hook(&charm, "start").unwrap();
    assert_eq!(world.flags(), ["b", "c"].map(String::from).into());
}

#[test]
fn triggers_act_on_changes_only() {
    let layer = Layer::new("l")
        .on_hook("start", set_a, when(always()).sets(A))
        .trigger(on_set(A).sets(B));
    let (charm, world) = (charm(layer), World::new());
    world.place(&A);
    world.hook(&charm, "start").unwrap();
    assert_eq!(world.flags(), ["a"].map(String::from).into());
}

#[test]
fn flags_are_kept_only_if_the_hook_succeeds() {
    let layer = |last| {
        let layer = Layer::new("l").on_hook("start", set_a, when(!A).sets(A));
        if last {
            layer.on(fail, when(A))
        } else {
            layer.on(one, when(A))
        }
    };
    let world = World::new();
    let error = world.hook(&charm(layer(true)), "start").unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot run handler `bus_rules::fail` of layer `l` (when a): no luck"
    );
    assert!(world.flags().is_empty());
    assert_eq!(
        ran(&world.hook(&charm(layer(false)), "start").unwrap()),
        ["set_a", "one"]
    );
    assert_eq!(world.flags(), ["a"].map(String::from).into());
}

#[test]
fn the_order_is_the_same_every_time() {
    let layer = || {
        Layer::new("l")
            .on(three, when(B))
            .on(two, when(A | B))
            .on(one, when(always()))
            .on(set_b, when(A).sets(B))
            .on(set_a, when(!A).sets(A))
    };
    for _ in 0..20 {
        let report = World::new().hook(&charm(layer()), "start").unwrap();
        assert_eq!(ran(&report), ["one", "set_a", "set_b", "three", "two"]);
    }
}

#[test]
fn handlers_that_enable_each_other_without_end_fail_the_hook() {
    let layer = Layer::new("l")
        .on(one, when(always()))
        .on(set_a, when(!A).sets(A))
        .on(clear_a, when(A).clears(A));
    let error = World::new().hook(&charm(layer), "start").unwrap_err();
    assert!(
        matches!(&error, DispatchError::Livelock { steps } if steps.len() == 2),
        "{error}"
    );
    assert_eq!(
        error.to_string(),
        "cannot settle: handlers enable each other without end: `l/bus_rules::set_a` (+a) -> `l/bus_rules::clear_a` (-a) -> `l/bus_rules::set_a`"
    );
}

#[test]
fn a_handler_that_enables_itself_without_end_is_named() {
    let toggle = async |ctx: &mut Context| {
        ctx.set(&A)?;
        ctx.clear(&A)?;
        done()
    };
    let layer = Layer::new("l").on(toggle, when(!A).sets(A).clears(A));
    let error = World::new().hook(&charm(layer), "start").unwrap_err();
    assert!(
        matches!(&error, DispatchError::Livelock { steps } if steps.len() == 1),
        "{error}"
    );
}
