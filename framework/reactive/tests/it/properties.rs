//! What holds for any charm: made-up charms with random conditions and effects.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use proptest::prelude::*;
use reactive::{
    Charm, Condition, Context, DispatchError, Flag, HandlerError, Layer, Outcome, Report, Result, always, on_clear,
    on_set, when,
};

use crate::world::{World, done};

const FLAGS: usize = 6;

/// A handler as data.
#[derive(Clone, Debug)]
struct Plan {
    condition: Condition,
    sets: Vec<usize>,
    clears: Vec<usize>,
}

/// A charm as data.
#[derive(Clone, Debug)]
struct Blueprint {
    handlers: Vec<Plan>,
    /// Cause, whether it is set, effect, whether it is set.
    triggers: Vec<(usize, bool, usize, bool)>,
    placed: Vec<usize>,
}

fn flag(i: usize) -> Flag {
    Flag::named(format!("f{i}"))
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        8 => (0..FLAGS).prop_map(|i| Condition::from(flag(i))),
        1 => Just(always()),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            inner.prop_map(|c| !c),
            pair.clone().prop_map(|(a, b)| a & b),
            pair.prop_map(|(a, b)| a | b),
        ]
    })
}

fn positive() -> impl Strategy<Value = Condition> {
    let leaf = (0..FLAGS).prop_map(|i| Condition::from(flag(i)));
    leaf.prop_recursive(2, 4, 2, |inner| {
        let pair = (inner.clone(), inner);
        prop_oneof![pair.clone().prop_map(|(a, b)| a & b), pair.prop_map(|(a, b)| a | b)]
    })
}

fn some_flags(most: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..FLAGS, 0..=most)
}

fn blueprint() -> impl Strategy<Value = Blueprint> {
    let plan = (condition(), some_flags(2), some_flags(2)).prop_map(|(condition, sets, clears)| Plan {
        condition,
        sets,
        clears,
    });
    let trigger = (0..FLAGS, any::<bool>(), 0..FLAGS, any::<bool>());
    let parts = (
        prop::collection::vec(plan, 0..10),
        prop::collection::vec(trigger, 0..3),
        some_flags(3),
    );
    parts.prop_map(|(handlers, triggers, placed)| Blueprint {
        handlers,
        triggers,
        placed,
    })
}

/// A charm that only ever sets flags.
fn monotone() -> impl Strategy<Value = Blueprint> {
    let plan = (positive(), some_flags(2)).prop_map(|(condition, sets)| Plan {
        condition,
        sets,
        clears: Vec::new(),
    });
    let parts = (prop::collection::vec(plan, 1..10), some_flags(3));
    parts.prop_map(|(handlers, placed)| Blueprint {
        handlers,
        triggers: Vec::new(),
        placed,
    })
}

/// What the handlers of a built charm share with the test.
#[derive(Clone, Default)]
struct Watch {
    /// How many runs are left before a handler fails.
    budget: Rc<RefCell<Option<usize>>>,
    /// Handlers that ran although their condition was false.
    early: Rc<RefCell<Vec<usize>>>,
}

impl Watch {
    fn handler(&self, number: usize, plan: &Plan) -> impl AsyncFn(&mut Context) -> Result<Outcome> + 'static {
        let (watch, plan) = (self.clone(), plan.clone());
        async move |ctx: &mut Context| {
            if !plan.condition.holds(&|flag| ctx.is_set(flag), ctx.hook().hook_name()) {
                watch.early.borrow_mut().push(number);
            }
            // Half of the effects come before the crash: those must not be kept.
            plan.sets.iter().try_for_each(|i| ctx.set(&flag(*i)))?;
            match &mut *watch.budget.borrow_mut() {
                Some(0) => return Err(HandlerError::msg("stopped")),
                Some(left) => *left -= 1,
                None => {}
            }
            plan.clears.iter().try_for_each(|i| ctx.clear(&flag(*i)))?;
            done()
        }
    }
}

/// Builds the charm; none if its triggers are endless, which the builder refuses.
fn build(blueprint: &Blueprint, watch: &Watch) -> Option<Charm> {
    let flags = |numbers: &[usize]| numbers.iter().map(|i| flag(*i)).collect::<Vec<Flag>>();
    let mut layer = Layer::new("l");
    for (number, plan) in blueprint.handlers.iter().enumerate() {
        let declaration = when(plan.condition.clone())
            .sets(flags(&plan.sets))
            .clears(flags(&plan.clears));
        layer = layer.on(watch.handler(number, plan), declaration);
    }
    for (cause, when_set, effect, set) in &blueprint.triggers {
        let trigger = if *when_set {
            on_set(flag(*cause))
        } else {
            on_clear(flag(*cause))
        };
        let effect = flag(*effect);
        layer = layer.trigger(if *set {
            trigger.sets(effect)
        } else {
            trigger.clears(effect)
        });
    }
    Charm::builder("c").layer(layer).build().ok()
}

fn world(blueprint: &Blueprint) -> World {
    let world = World::new();
    blueprint.placed.iter().for_each(|i| world.place(&flag(*i)));
    world
}

fn outcome(blueprint: &Blueprint) -> Option<(std::result::Result<Report, String>, BTreeSet<String>)> {
    let charm = build(blueprint, &Watch::default())?;
    let world = world(blueprint);
    let result = world.hook(&charm, "start").map_err(|error| error.to_string());
    Some((result, world.flags()))
}

/// The numbers of the handlers in the order they ran; the builder numbers closures from the second on.
fn numbers(report: &Report) -> Vec<usize> {
    let number = |id: &str| id.rsplit_once('#').map_or(1, |(_, n)| n.parse().unwrap());
    report.handlers().into_iter().map(|id| number(id) - 1).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_dispatch_ends_settled_or_as_a_livelock(blueprint in blueprint()) {
        let watch = Watch::default();
        let Some(charm) = build(&blueprint, &watch) else { return Ok(()) };
        let world = world(&blueprint);
        let before = world.flags();
        match world.hook(&charm, "start") {
            Ok(report) => {
                let after = world.flags();
                let order = numbers(&report);
                for (number, plan) in blueprint.handlers.iter().enumerate() {
                    let is_ready = plan.condition.holds(&|flag| after.contains(flag.as_str()), "start");
                    let watched = plan.condition.flags();
                    let last_run = order.iter().rposition(|n| *n == number);
                    let last_change = report.runs.iter().rposition(|run| {
                        run.changes.iter().any(|change| watched.contains(&change.flag))
                    });
                    // Ready handlers have seen the last change of what they watch. A run that changed what its own
                    // condition reads is followed by another.
                    let settled = match (last_run, last_change) {
                        (None, _) => false,
                        (Some(run), Some(change)) => run > change,
                        (Some(_), None) => true,
                    };
                    prop_assert!(!is_ready || settled, "handler {} is ready and did not run", number);
                }
            }
            Err(DispatchError::Livelock { steps }) => {
                prop_assert!(!steps.is_empty());
                prop_assert_eq!(world.flags(), before);
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
        prop_assert!(watch.early.borrow().is_empty(), "{:?} ran early", watch.early);
    }

    #[test]
    fn the_same_input_gives_the_same_run(blueprint in blueprint()) {
        prop_assert_eq!(outcome(&blueprint), outcome(&blueprint));
    }

    #[test]
    fn the_order_of_ranks_has_every_handler_once(blueprint in blueprint()) {
        if let Some(charm) = build(&blueprint, &Watch::default()) {
            let names: BTreeSet<String> = charm.graph().order().map(|node| node.id()).collect();
            prop_assert_eq!(names.len(), blueprint.handlers.len());
        }
    }

    #[test]
    fn stopped_anywhere_and_run_again_it_ends_the_same(blueprint in monotone(), stop in 0_usize..12) {
        let (expected, flags) = outcome(&blueprint).unwrap();
        let watch = Watch::default();
        let charm = build(&blueprint, &watch).unwrap();
        let world = world(&blueprint);
        let before = world.flags();
        *watch.budget.borrow_mut() = Some(stop);
        if world.hook(&charm, "start").is_err() {
            prop_assert_eq!(world.flags(), before, "nothing is kept of the stopped hook");
        }
        *watch.budget.borrow_mut() = None;
        prop_assert!(world.hook(&charm, "start").is_ok());
        prop_assert_eq!(world.flags(), flags);
        prop_assert!(expected.is_ok());
    }

    #[test]
    fn a_monotone_charm_ends_the_same_in_any_order_of_declaration(
        (blueprint, shuffled) in monotone().prop_flat_map(|blueprint| {
            let shuffled = Just(blueprint.handlers.clone()).prop_shuffle();
            (Just(blueprint), shuffled)
        })
    ) {
        let (_, flags) = outcome(&blueprint).unwrap();
        let other = Blueprint { handlers: shuffled, ..blueprint };
        prop_assert_eq!(outcome(&other).unwrap().1, flags);
    }
}
