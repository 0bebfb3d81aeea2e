//! The two halves of a commit: the store's, and Juju's after the process has ended.

use crate::world::{World, changing, charm, done, ran};
use juju::{Bag, RelationId};
use reactive::{Charm, Context, Flag, HandlerError, Layer, Outcome, Result, always, when};
use store::Store;

const A: Flag = Flag::new("a");
const B: Flag = Flag::new("b");

/// What the tests' Juju says when it has committed the run of the tests' context id.
const COMMITTED: &str = r#"{"reactive.commit": "etcd/0-x-1"}"#;

/// Writes to a relation, once.
async fn publish(ctx: &mut Context) -> Result<Outcome> {
    let relation: RelationId = "db:1".parse()?;
    ctx.tools().relation_set(&relation, Bag::Unit, "port", Some("1"));
    let count = ctx.kv().get::<u32>("count")?.unwrap_or(0);
    ctx.kv().set("count", &(count + 1))?;
    ctx.set(&A)?;
    done()
}

fn publishing() -> Charm {
    charm(Layer::new("l").on(publish, when(!A).sets(A)))
}

fn shared() -> World {
    World {
        store: Store::memory().unwrap().shared_with_juju(),
        ..World::new()
    }
}

#[test]
fn what_juju_has_committed_stays() {
    let (world, charm) = (shared(), publishing());
    assert_eq!(ran(&world.hook(&charm, "start").unwrap()), ["publish"]);
    let called = world.called_tools();
    let at = |tool: &str| called.iter().position(|called| called == tool).unwrap();
    assert!(at("relation-set") < at("state-set"), "{called:?}");
    world.answer("state-get", COMMITTED);
    assert!(world.hook(&charm, "start").unwrap().runs.is_empty());
    assert_eq!(world.called_tools(), ["state-get"]);
    assert!(world.hook(&charm, "start").unwrap().runs.is_empty());
    assert!(
        world.called_tools().is_empty(),
        "a quiet hook after a quiet hook asks nothing"
    );
    assert_eq!(world.store.get("count").unwrap(), Some(1));
}

#[test]
fn what_juju_has_not_committed_is_taken_back_and_done_again() {
    let (world, charm) = (shared(), publishing());
    world.hook(&charm, "start").unwrap();
    // Killed after the commit, before its exit: the relation data is lost.
    world.answer("state-get", r#"{"reactive.commit": "an older run"}"#);
    let report = world.hook(&charm, "start").unwrap();
    assert_eq!(ran(&report), ["publish"]);
    assert_eq!(
        world.store.get("count").unwrap(),
        Some(1),
        "counted from the state before"
    );
    let called = world.called();
    assert!(called.iter().any(|call| call.starts_with("relation-set")), "{called:?}");
    let log = called.iter().find(|call| call.starts_with("juju-log")).unwrap();
    assert!(log.contains("juju has not committed that run"), "{log}");
}

#[test]
fn a_failing_hook_leaves_the_question_open() {
    async fn fails(ctx: &mut Context) -> Result<Outcome> {
        match ctx.config_bool("fail")? {
            true => Err(HandlerError::msg("no")),
            false => done(),
        }
    }
    let world = shared();
    let charm = charm(Layer::new("l").on(publish, when(!A).sets(A)).on(fails, when(always())));
    world.answer("config-get", r#"{"fail": false}"#);
    world.hook(&charm, "start").unwrap();
    world.answer("config-get", r#"{"fail": true}"#);
    world.answer("state-get", "{}");
    world.hook(&charm, "start").unwrap_err();
    assert!(world.store.provisional().unwrap().is_some());
    world.answer("config-get", r#"{"fail": false}"#);
    assert_eq!(ran(&world.hook(&charm, "start").unwrap()), ["publish", "fails"]);
}

#[test]
fn a_store_of_its_own_commits_for_good() {
    let (world, charm) = (World::new(), publishing());
    world.hook(&charm, "start").unwrap();
    assert!(!world.called_tools().contains(&"state-set".to_owned()));
    assert!(world.hook(&charm, "start").unwrap().runs.is_empty());
}

#[test]
fn an_action_whose_followers_fail_says_so() {
    async fn fails(_: &mut Context) -> Result<Outcome> {
        Err(HandlerError::msg("disk full"))
    }
    let world = World::new();
    let charm = charm(
        Layer::new("l")
            .action_with("reset", changing([B], []), when(always()).sets(B))
            .on(fails, when(B)),
    );
    let report = world.action(&charm, "reset").unwrap();
    let reason = report.action_failure.unwrap();
    assert!(reason.ends_with("(when b): disk full"), "{reason}");
    assert!(
        world
            .called()
            .iter()
            .any(|call| call.starts_with("action-fail") && call.ends_with("disk full"))
    );
    assert!(world.flags().is_empty());
}
