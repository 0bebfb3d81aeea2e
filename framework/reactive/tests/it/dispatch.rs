//! What dispatch does beyond the rules of the original: managed flags, actions, status, commit, errors.

use std::collections::BTreeSet;

use crate::world::{World, changing, charm, done, idle, ran};
use juju::{Bag, RelationId};
use reactive::{
    Charm, Condition, Context, Flag, HandlerError, Layer, Outcome, Result, always, flags, on_clear, on_set, when,
};

const A: Flag = Flag::new("a");
const B: Flag = Flag::new("b");
const C: Flag = Flag::new("c");

idle!(one, two, three);

async fn set_a(ctx: &mut Context) -> Result<Outcome> {
    ctx.set(&A)?;
    done()
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(String::from).into()
}

#[test]
fn an_undeclared_effect_is_an_error_even_if_the_handler_hides_it() {
    async fn hides(ctx: &mut Context) -> Result<Outcome> {
        let _ = ctx.clear(&A);
        done()
    }
    let world = World::new();
    world.place(&A);
    let error = world
        .hook(&charm(Layer::new("l").on(hides, when(A).sets(A))), "start")
        .unwrap_err();
    assert!(error.to_string().ends_with("does not declare to clear `a`"), "{error}");
    assert!(error.to_string().contains("hides"), "{error}");
    assert_eq!(world.flags(), names(["a"]));
}

#[test]
fn a_panic_is_an_error_and_nothing_is_kept() {
    async fn panics(ctx: &mut Context) -> Result<Outcome> {
        ctx.set(&A)?;
        ctx.kv().set("k", &1)?;
        panic!("index {} out of range", 7);
    }
    let world = World::new();
    let error = world
        .hook(&charm(Layer::new("l").on(panics, when(always()).sets(A))), "start")
        .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("(when always): panicked: index 7 out of range"),
        "{error}"
    );
    assert!(world.flags().is_empty());
    assert_eq!(world.store.get::<u8>("k").unwrap(), None);
}

#[test]
fn a_failure_is_logged() {
    async fn fails(_: &mut Context) -> Result<Outcome> {
        Err(HandlerError::msg("disk full").context("cannot write"))
    }
    let world = World::new();
    world
        .hook(&charm(Layer::new("l").on(fails, when(!A))), "start")
        .unwrap_err();
    let log = world.called().pop().unwrap();
    assert!(log.starts_with("juju-log"), "{log}");
    assert!(log.contains("of layer `l` (when !a): cannot write: disk full"), "{log}");
}

#[test]
fn values_are_kept_with_the_flags() {
    async fn counts(ctx: &mut Context) -> Result<Outcome> {
        let count = ctx.kv().get::<u32>("count")?.unwrap_or(0);
        ctx.kv().set("count", &(count + 1))?;
        assert!(ctx.kv().set("reactive.config", &0).is_err());
        done()
    }
    let (charm, world) = (charm(Layer::new("l").on(counts, when(always()))), World::new());
    world.hook(&charm, "start").unwrap();
    world.hook(&charm, "start").unwrap();
    assert_eq!(world.store.get("count").unwrap(), Some(2));
}

async fn writes(ctx: &mut Context) -> Result<Outcome> {
    let relation: RelationId = "db:1".parse()?;
    ctx.tools().relation_set(&relation, Bag::Unit, "k", Some("v"));
    Ok(Outcome::Active("ready".into()))
}

#[test]
fn relation_data_goes_out_before_the_status() {
    let (charm, world) = (charm(Layer::new("l").on(writes, when(always()))), World::new());
    let report = world.hook(&charm, "start").unwrap();
    let tools = world.called_tools();
    assert_eq!(tools[tools.len() - 2..], ["relation-set", "status-set"]);
    assert_eq!(report.tool_calls, tools.len() as u64);
    assert_eq!(report.status, Some(Outcome::Active("ready".into())));
}

#[test]
fn a_hook_that_cannot_send_its_relation_data_keeps_nothing() {
    let layer = Layer::new("l").on(writes, when(always())).on(set_a, when(!A).sets(A));
    let world = World::new();
    world.answer("relation-set", "fail");
    let error = world.hook(&charm(layer), "start").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot send the relation data: cannot run `relation-set"),
        "{error}"
    );
    assert!(world.flags().is_empty());
    assert!(!world.called_tools().contains(&"status-set".to_owned()));
}

#[test]
fn a_failed_handler_sends_no_relation_data() {
    async fn fails(_: &mut Context) -> Result<Outcome> {
        Err(HandlerError::msg("no"))
    }
    let layer = Layer::new("l").on(writes, when(always())).on(fails, when(always()));
    let world = World::new();
    world.hook(&charm(layer), "start").unwrap_err();
    assert!(!world.called_tools().contains(&"relation-set".to_owned()));
}

#[test]
fn the_worst_outcome_becomes_the_status() {
    fn says(outcome: Outcome) -> impl AsyncFn(&mut Context) -> Result<Outcome> + 'static {
        async move |_: &mut Context| Ok(outcome.clone())
    }
    #[track_caller]
    fn check(outcomes: &[Outcome], expected: Option<Outcome>) {
        let add = |layer: Layer, outcome: &Outcome| layer.on(says(outcome.clone()), when(always()));
        let layer = outcomes.iter().fold(Layer::new("l"), add);
        assert_eq!(World::new().hook(&charm(layer), "start").unwrap().status, expected);
    }
    let active = |text: &str| Outcome::Active(text.into());
    let waiting = Outcome::Waiting("w".into());
    let maintenance = Outcome::Maintenance("m".into());
    let blocked = Outcome::Blocked("b".into());
    check(&[Outcome::Done], None);
    check(&[active("x"), Outcome::Done, active("y")], Some(active("y")));
    check(&[waiting.clone(), active("x")], Some(waiting.clone()));
    check(&[waiting.clone(), maintenance.clone()], Some(maintenance.clone()));
    check(&[blocked.clone(), maintenance, waiting, active("x")], Some(blocked));
}

#[test]
fn progress_is_shown_at_once_and_not_repeated() {
    async fn works(ctx: &mut Context) -> Result<Outcome> {
        ctx.status(Outcome::Maintenance("installing".into()));
        ctx.status(Outcome::Maintenance("installing".into()));
        Ok(Outcome::Maintenance("installing".into()))
    }
    let world = World::new();
    world
        .hook(&charm(Layer::new("l").on(works, when(always()))), "start")
        .unwrap();
    assert_eq!(world.called_tools(), ["status-set"]);
}

#[test]
fn a_reason_to_wait_that_others_removed_does_not_count() {
    async fn waits(ctx: &mut Context) -> Result<Outcome> {
        ctx.set(&B)?;
        Ok(Outcome::Waiting("for a".into()))
    }
    async fn arrives(ctx: &mut Context) -> Result<Outcome> {
        ctx.set(&A)?;
        Ok(Outcome::Active("here".into()))
    }
    let layer = Layer::new("l")
        .on(waits, when(!A).sets(B))
        .on(arrives, when(B & !A).sets(A));
    let report = World::new().hook(&charm(layer), "start").unwrap();
    assert_eq!(report.status, Some(Outcome::Active("here".into())));
    // Its own change does not silence a handler.
    async fn blocks(ctx: &mut Context) -> Result<Outcome> {
        ctx.set(&A)?;
        Ok(Outcome::Blocked("no".into()))
    }
    let report = World::new()
        .hook(&charm(Layer::new("l").on(blocks, when(!A).sets(A))), "start")
        .unwrap();
    assert_eq!(report.status, Some(Outcome::Blocked("no".into())));
}

#[test]
fn leadership_is_looked_up_in_every_hook_and_not_kept() {
    let layer = Layer::new("l")
        .on(one, when(flags::leader()))
        .on(two, when(!flags::leader()));
    let (charm, world) = (charm(layer), World::new());
    assert_eq!(ran(&world.hook(&charm, "start").unwrap()), ["two"]);
    world.answer("is-leader", "true");
    assert_eq!(ran(&world.hook(&charm, "start").unwrap()), ["one"]);
    assert!(world.flags().is_empty());
}

#[test]
fn only_what_conditions_name_is_asked() {
    let (quiet, world) = (charm(Layer::new("l").on(one, when(A))), World::new());
    assert_eq!(world.hook(&quiet, "start").unwrap().tool_calls, 0);
    let layer = Layer::new("l").on(one, when(flags::joined("db") & flags::changed("proxy")));
    world.hook(&charm(layer), "start").unwrap();
    let called = world.called();
    assert!(
        called.len() == 1 && called[0].contains("relation-ids") && called[0].contains("db"),
        "{called:?}"
    );
}

#[test]
fn endpoints() {
    let layer = Layer::new("l")
        .on(one, when(flags::joined("db")))
        .on(two, when(flags::changed("db") | flags::departed("db")))
        .on(three, when(flags::broken("db") | flags::changed("other")));
    let (charm, world) = (charm(layer), World::new());
    world.answer("relation-ids", r#"["db:1"]"#);
    assert!(
        ran(&world.hook(&charm, "start").unwrap()).is_empty(),
        "a relation without units"
    );
    world.answer("relation-list", r#"["app/0"]"#);
    assert_eq!(ran(&world.hook(&charm, "start").unwrap()), ["one"]);
    assert_eq!(ran(&world.hook(&charm, "db-relation-changed").unwrap()), ["one", "two"]);
    assert_eq!(ran(&world.hook(&charm, "db-relation-joined").unwrap()), ["one"]);
    world.answer("relation-list", "[]");
    assert_eq!(ran(&world.hook(&charm, "db-relation-departed").unwrap()), ["two"]);
    assert_eq!(ran(&world.hook(&charm, "db-relation-broken").unwrap()), ["three"]);
}

#[test]
fn config_changes_are_against_the_last_successful_hook() {
    async fn fails_once(ctx: &mut Context) -> Result<Outcome> {
        match ctx.config_str("mood")?.as_str() {
            "bad" => Err(HandlerError::msg("bad mood")),
            _ => done(),
        }
    }
    let layer = Layer::new("l")
        .on(one, when(flags::config_changed("port")))
        .on(two, when(flags::any_config_changed()))
        .on(three, when(flags::config_changed("unset")))
        .on(fails_once, when(always()));
    let (charm, world) = (charm(layer), World::new());
    world.answer("config-get", r#"{"port": 1, "mood": "good"}"#);
    let first = world.hook(&charm, "install").unwrap();
    assert_eq!(ran(&first), ["one", "two", "three", "fails_once"], "everything is new");
    assert_eq!(ran(&world.hook(&charm, "start").unwrap()), ["fails_once"]);
    world.answer("config-get", r#"{"port": 2, "mood": "bad"}"#);
    world.hook(&charm, "config-changed").unwrap_err();
    world.answer("config-get", r#"{"port": 2, "mood": "good"}"#);
    assert_eq!(
        ran(&world.hook(&charm, "config-changed").unwrap()),
        ["one", "two", "fails_once"]
    );
    assert_eq!(ran(&world.hook(&charm, "start").unwrap()), ["fails_once"]);
}

#[test]
fn options_with_a_value() {
    let condition = |option| Condition::from(flags::config_set(option));
    let layer = Layer::new("l")
        .on(one, when(condition("a") & condition("b")))
        .on(two, when(condition("c") | condition("d")));
    let world = World::new();
    world.answer("config-get", r#"{"a": "x", "b": 0, "c": "", "d": false}"#);
    assert_eq!(ran(&world.hook(&charm(layer), "start").unwrap()), ["one"]);
}

#[test]
fn config_is_typed_and_errors_name_the_option() {
    async fn reads(ctx: &mut Context) -> Result<Outcome> {
        assert_eq!(ctx.config_str("s")?, "x");
        assert_eq!((ctx.config_int("i")?, ctx.config_int("f")?), (5, 7));
        assert!(ctx.config_bool("b")?);
        assert_eq!(ctx.config("none")?, None);
        let message = |error: HandlerError| error.to_string();
        assert_eq!(
            ctx.config_str("none").map_err(message),
            Err("config option `none` has no value".into())
        );
        assert_eq!(
            ctx.config_int("s").map_err(message),
            Err("config option `s` is not an integer: \"x\"".into())
        );
        done()
    }
    let world = World::new();
    world.answer("config-get", r#"{"s": "x", "i": 5, "f": 7.0, "b": true, "none": null}"#);
    world
        .hook(&charm(Layer::new("l").on(reads, when(always()))), "start")
        .unwrap();
}

#[test]
fn triggers_on_facts_fire_when_the_fact_changes() {
    let layer = Layer::new("l")
        .on(one, when(A | B | C))
        .trigger(on_set(flags::leader()).sets(A))
        .trigger(on_clear(flags::leader()).sets(B))
        .trigger(on_set(flags::config_changed("port")).sets(C));
    let (charm, world) = (charm(layer), World::new());
    let reset = || ["a", "b", "c"].map(|f| world.store.unset(&format!("reactive.states.{f}")).unwrap());
    let check = |leader: &str, config: &str, expected: BTreeSet<String>| {
        world.answer("is-leader", leader);
        world.answer("config-get", config);
        world.hook(&charm, "start").unwrap();
        assert_eq!(world.flags(), expected);
        reset();
    };
    check("false", r#"{"port":1}"#, names(["c"]));
    check("true", r#"{"port":1}"#, names(["a"]));
    check("true", r#"{"port":1}"#, names([]));
    check("true", r#"{"port":2}"#, names(["c"]));
    check("false", r#"{"port":2}"#, names(["b"]));
    check("false", r#"{"port":2}"#, names([]));
}

#[test]
fn flags_of_start_handlers_are_recomputed() {
    async fn observes(ctx: &mut Context) -> Result<()> {
        if ctx.is_leader()? {
            ctx.set(&A)?;
        }
        Ok(())
    }
    let layer = Layer::new("l")
        .at_start(observes, when(always()).sets(A))
        .on(one, when(A))
        .on(two, when(!A))
        .trigger(on_set(A).sets(B))
        .trigger(on_clear(A).sets(C));
    let (charm, world) = (charm(layer), World::new());
    assert_eq!(ran(&world.hook(&charm, "start").unwrap()), ["two"]);
    world.answer("is-leader", "true");
    assert_eq!(ran(&world.hook(&charm, "start").unwrap()), ["one"]);
    assert_eq!(
        world.flags(),
        names(["b"]),
        "the trigger acts, the flag itself is not kept"
    );
    world.store.unset("reactive.states.b").unwrap();
    world.hook(&charm, "start").unwrap();
    assert_eq!(world.flags(), names([]), "no change, no trigger");
    world.answer("is-leader", "false");
    assert_eq!(ran(&world.hook(&charm, "start").unwrap()), ["two"]);
    assert_eq!(world.flags(), names(["c"]));
}

#[test]
fn a_flag_of_a_start_handler_that_others_clear_is_kept() {
    async fn asks(ctx: &mut Context) -> Result<()> {
        ctx.set(&A)
    }
    async fn clear_a(ctx: &mut Context) -> Result<Outcome> {
        ctx.clear(&A)?;
        done()
    }
    let layer = Layer::new("l")
        .at_start(asks, when(reactive::hook("install")).sets(A))
        .on_hook("stop", clear_a, when(A).clears(A));
    let (charm, world) = (charm(layer), World::new());
    world.hook(&charm, "install").unwrap();
    world.hook(&charm, "start").unwrap();
    assert_eq!(world.flags(), names(["a"]));
    world.hook(&charm, "stop").unwrap();
    assert!(world.flags().is_empty());
}

#[test]
fn start_handlers_of_other_layers_come_after_those_they_read() {
    async fn reads_a(ctx: &mut Context) -> Result<()> {
        ctx.set(&B)
    }
    async fn computes_a(ctx: &mut Context) -> Result<()> {
        ctx.set(&A)
    }
    let inner = Layer::new("inner").at_start(computes_a, when(always()).sets(A));
    let layer = Layer::new("l")
        .at_start(reads_a, when(A).sets(B))
        .include(inner)
        .on(one, when(B));
    assert_eq!(ran(&World::new().hook(&charm(layer), "start").unwrap()), ["one"]);
}

#[test]
fn reading_a_managed_flag_that_nobody_names_is_an_error() {
    async fn reads(ctx: &mut Context) -> Result<Outcome> {
        let _ = ctx.is_set(&flags::joined("db"));
        done()
    }
    let error = World::new()
        .hook(&charm(Layer::new("l").on(reads, when(always()))), "start")
        .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("reads the managed flag `endpoint.db.joined`, which no condition or trigger names")
    );
}

#[test]
fn flags_of_another_framework_stay_in_the_store() {
    let layer = Layer::new("l")
        .on(set_a, when(!A).sets(A))
        .on(one, when(flags::leader()));
    let (charm, world) = (charm(layer), World::new());
    world.place(&Flag::new("snap.installed.etcd"));
    world.place(&flags::leader());
    let report = world.hook(&charm, "upgrade-charm").unwrap();
    assert_eq!(
        ran(&report),
        ["set_a"],
        "a kept `leadership.is_leader` is no leadership"
    );
    assert_eq!(report.set, [A]);
    assert_eq!(
        world.flags(),
        names(["a", "leadership.is_leader", "snap.installed.etcd"])
    );
}

#[test]
fn an_action_is_followed_by_the_watchers_of_what_it_changed() {
    async fn reset(ctx: &mut Context) -> Result<Outcome> {
        ctx.tools().action_set("answer", "42")?;
        ctx.clear(&A)?;
        done()
    }
    let layer = Layer::new("l")
        .on(one, when(always()))
        .on(set_a, when(!A).sets(A))
        .on(two, when(B))
        .action_with("reset", reset, when(always()).clears(A))
        .action("idle", three);
    let (charm, world) = (charm(layer), World::new());
    world.place(&A);
    world.place(&B);
    assert_eq!(ran(&world.action(&charm, "reset").unwrap()), ["reset", "set_a"]);
    assert_eq!(world.called_tools(), ["action-set"]);
    assert_eq!(ran(&world.action(&charm, "idle").unwrap()), ["three"]);
    let error = world.action(&charm, "none").unwrap_err();
    assert_eq!(error.to_string(), "charm has no action `none`");
}

#[test]
fn a_failed_action_says_why_and_keeps_nothing() {
    async fn fails(ctx: &mut Context) -> Result<Outcome> {
        ctx.set(&A)?;
        ctx.kv().set("k", &1)?;
        let relation: RelationId = "db:1".parse()?;
        ctx.tools().relation_set(&relation, Bag::Unit, "k", Some("v"));
        Err(HandlerError::msg("no quorum").context("cannot restore"))
    }
    async fn cheats(ctx: &mut Context) -> Result<Outcome> {
        let _ = ctx.set(&A);
        done()
    }
    let layer = Layer::new("l")
        .action_with("restore", fails, when(always()).sets(A))
        .action("cheat", cheats)
        .action_with("guarded", three, when(B));
    let (charm, world) = (charm(layer), World::new());
    let report = world.action(&charm, "restore").unwrap();
    assert_eq!(report.action_failure.as_deref(), Some("cannot restore: no quorum"));
    assert_eq!(world.called(), ["action-fail -- cannot restore: no quorum"]);
    assert!(world.flags().is_empty());
    assert_eq!(world.store.get::<u8>("k").unwrap(), None);
    let failure = world.action(&charm, "cheat").unwrap().action_failure.unwrap();
    assert!(failure.contains("does not declare to set `a`"), "{failure}");
    let failure = world.action(&charm, "guarded").unwrap().action_failure;
    assert_eq!(failure.as_deref(), Some("cannot run action `guarded` now: it needs b"));
}

#[test]
fn an_action_does_not_use_up_news() {
    let layer = Layer::new("l")
        .on(one, when(flags::config_changed("port")))
        .action("idle", two);
    let (charm, world) = (charm(layer), World::new());
    world.hook(&charm, "install").unwrap();
    world.answer("config-get", r#"{"port": 2}"#);
    assert_eq!(ran(&world.action(&charm, "idle").unwrap()), ["two"]);
    assert_eq!(ran(&world.hook(&charm, "config-changed").unwrap()), ["one"]);
}

#[test]
fn ports_are_found_by_type() {
    struct Clock(u32);
    async fn reads(ctx: &mut Context) -> Result<Outcome> {
        assert_eq!(ctx.port::<Clock>()?.0, 7);
        let error = ctx.port::<String>().unwrap_err();
        assert!(error.to_string().contains("String"), "{error}");
        done()
    }
    let layer = Layer::new("l").on(reads, when(always()));
    let charm = Charm::builder("c").layer(layer).port(Clock(7)).build().unwrap();
    World::new().hook(&charm, "start").unwrap();
}

#[test]
fn relations_of_an_endpoint() {
    async fn reads(ctx: &mut Context) -> Result<Outcome> {
        let relations = ctx.relations("db")?;
        assert_eq!(relations.len(), 1);
        assert_eq!(relations[0].id.to_string(), "db:1");
        assert_eq!(relations[0].application.as_ref().map(|a| a.as_str()), Some("app"));
        assert_eq!(relations[0].units.len(), 2);
        assert!(ctx.relations("Not A Name").is_err());
        done()
    }
    let world = World::new();
    world.answer("relation-ids", r#"["db:1"]"#);
    world.answer("relation-list", r#"["app/0", "app/1"]"#);
    world.answer("relation-list --app", r#""app""#);
    world
        .hook(&charm(Layer::new("l").on(reads, when(always()))), "start")
        .unwrap();
}

#[test]
fn work_grows_with_what_changed_not_with_the_charm() {
    let flag = |i: usize| Flag::named(format!("f{i}"));
    let add = |layer: Layer, i: usize| layer.on(changing([], []), when(flag(i)));
    let layer = (0..1000).fold(Layer::new("l"), add).on_hook(
        "start",
        changing([flag(500)], []),
        when(always()).sets(flag(500)),
    );
    let (charm, world) = (charm(layer), World::new());
    let report = world.hook(&charm, "start").unwrap();
    assert_eq!(report.runs.len(), 2);
    assert_eq!(report.evaluations, 2, "the hook's handler and the one watcher");
    let report = world.hook(&charm, "update-status").unwrap();
    assert_eq!((report.runs.len(), report.evaluations), (1, 1));
}
