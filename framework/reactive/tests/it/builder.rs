//! What the builder refuses, and what it warns of.

use reactive::{
    Charm, Context, Flag, GraphWarning, Layer, Mistake, Outcome, Result, always, flags, on_clear, on_set, when,
};

use crate::world::{charm, done, idle};

const A: Flag = Flag::new("a");
const B: Flag = Flag::new("b");
const C: Flag = Flag::new("c");

idle!(one, two);

async fn set_a(ctx: &mut Context) -> Result<Outcome> {
    ctx.set(&A)?;
    done()
}

#[track_caller]
fn mistakes(layer: Layer, expected: &[&str]) {
    let error = Charm::builder("c").layer(layer).build().map(|_| ()).unwrap_err();
    let texts: Vec<String> = error.mistakes.iter().map(Mistake::to_string).collect();
    assert_eq!(texts, expected);
    assert_eq!(
        error.to_string(),
        format!("cannot build charm `c`: {}", texts.join("; "))
    );
}

#[test]
fn every_mistake_is_reported_by_name() {
    mistakes(
        Layer::new("l").on(one, when(A)).on(one, when(B)),
        &["handler `l/builder::one` is declared twice"],
    );
    mistakes(
        Layer::new("l").action("x", one).action("x", two),
        &["action `x` is declared by `l/builder::one` and by `l/builder::two`"],
    );
    mistakes(
        Layer::new("l").action("Big Action", one),
        &["handler `l/builder::one` is for action `Big Action`, which is no name of an action"],
    );
    mistakes(
        Layer::new("l")
            .on_hook("instal", one, when(A))
            .on(two, when(reactive::hook("x-relation-join"))),
        &[
            "handler `l/builder::one` names hook `instal`: juju has no hook `instal`",
            "handler `l/builder::two` names hook `x-relation-join`: juju has no hook `x-relation-join`",
        ],
    );
    mistakes(
        Layer::new("l").on(one, when(always()).sets(Flag::named("a b"))),
        &["handler `l/builder::one` names flag `a b`, which is empty or has blanks"],
    );
    mistakes(
        Layer::new("l")
            .on(one, when(always()).sets(flags::leader()))
            .trigger(on_set(A).clears(flags::joined("db"))),
        &[
            "handler `l/builder::one` changes flag `leadership.is_leader`, which is managed by the framework",
            "trigger on_set(a) changes flag `endpoint.db.joined`, which is managed by the framework",
        ],
    );
    mistakes(
        Layer::new("l")
            .trigger(on_set(A).sets(B))
            .trigger(on_set(B).clears(A))
            .trigger(on_clear(A).sets(A)),
        &["triggers set and clear flag `a` without end"],
    );
    let error = Charm::builder("c")
        .port(1_u8)
        .port(2_u8)
        .build()
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.mistakes, [Mistake::DuplicatePort { port: "u8" }]);
}

#[test]
fn warnings() {
    let layer = Layer::new("l")
        .on(one, when(A & !B))
        .on(two, when(C & !C & flags::leader()))
        .on(set_a, when(B | !A).sets([A, C]));
    let charm = charm(layer);
    let never_set = GraphWarning::NeverSet {
        flag: B,
        readers: vec!["l/builder::one".into(), "l/builder::set_a".into()],
    };
    let never_runs = GraphWarning::NeverRuns {
        handler: "l/builder::two".into(),
        condition: C & !C & flags::leader(),
    };
    assert_eq!(charm.warnings(), [never_set.clone(), never_runs]);
    assert_eq!(
        never_set.to_string(),
        "flag `b` is never set, but read by `l/builder::one`, `l/builder::set_a`"
    );
}
