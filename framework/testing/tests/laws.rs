//! What charms may rely on, with the smallest charm that shows it.

use host::Host;
use juju::{Bag, EndpointName};
use model::Event;
use package::{CharmInfo, Parts};
use reactive::{Charm, Context, Flag, HandlerError, Layer, Outcome, Result, flags, when};
use testing::{Hook, RelationState, Scenario, ScenarioError};

const INSTALLED: Flag = Flag::new("tiny.installed");
const TOLD: Flag = Flag::new("tiny.told");
const SEED: Flag = Flag::new("tiny.seed");
const STOPPED: Flag = Flag::new("tiny.stopped");

const METADATA: &str = "\
name: tiny
summary: s
description: d
provides:
  db: {interface: kv}
requires:
  upstream: {interface: kv, limit: 1}
peers:
  cluster: {interface: tiny-peers}
resources:
  blob: {type: file, filename: blob.bin}
";

const CONFIG: &str = "options: {port: {type: int, default: 80}, fail: {type: boolean, default: false}}\n";

const ACTIONS: &str = "\
greet:
  description: d
  params: {whom: {type: string, default: world}}
break: {description: d}
";

fn info() -> CharmInfo {
    let parts = Parts {
        metadata: METADATA,
        config: Some(CONFIG),
        actions: Some(ACTIONS),
        ..Parts::default()
    };
    CharmInfo::from_parts(parts).expect("the files of the charm are right")
}

fn charm() -> Charm {
    let layer = Layer::new("tiny")
        .on_hook("stop", stop, when(INSTALLED).sets(STOPPED).clears(INSTALLED))
        .on(install, when(!INSTALLED & !STOPPED).sets(INSTALLED))
        .on(seed, when(INSTALLED & flags::leader() & !SEED).sets(SEED))
        .on(tell, when(INSTALLED & flags::joined("db")).sets(TOLD))
        .action("greet", greet)
        .action("break", fail);
    Charm::builder("tiny")
        .layer(layer)
        .build()
        .expect("the declarations of the charm are right")
}

fn scenario() -> Scenario {
    Scenario::new(&charm(), info())
}

async fn install(ctx: &mut Context) -> Result {
    ctx.host().write("/etc/tiny".as_ref(), b"here", 0o644)?;
    let count: u64 = ctx.kv().get("installs")?.unwrap_or(0);
    ctx.kv().set("installs", &(count + 1))?;
    ctx.set(&INSTALLED)?;
    Ok(Outcome::Waiting("for a client".into()))
}

async fn stop(ctx: &mut Context) -> Result {
    ctx.host().remove("/etc/tiny".as_ref())?;
    ctx.clear(&INSTALLED)?;
    ctx.set(&STOPPED)?;
    Ok(Outcome::Done)
}

/// The leader leaves a token for its peers.
async fn seed(ctx: &mut Context) -> Result {
    for relation in ctx.relations("cluster")? {
        ctx.tools()
            .relation_set(&relation.id, Bag::Application, "token", Some("t"));
        ctx.set(&SEED)?;
    }
    Ok(Outcome::Done)
}

/// Every client is told the port; then, if asked to, everything goes wrong.
async fn tell(ctx: &mut Context) -> Result {
    let port = ctx.config_int("port")?.to_string();
    for relation in ctx.relations("db")? {
        ctx.tools().relation_set(&relation.id, Bag::Unit, "port", Some(&port));
    }
    ctx.kv().set("port", &port)?;
    ctx.set(&TOLD)?;
    if ctx.config_bool("fail")? {
        return Err(HandlerError::msg("asked to fail"));
    }
    ctx.tools().open_port(
        format!("{port}/tcp")
            .parse()
            .map_err(|_| HandlerError::msg("no port"))?,
    )?;
    Ok(Outcome::Active(format!("serving on {port}")))
}

async fn greet(ctx: &mut Context) -> Result {
    let whom = ctx
        .tools()
        .action_get()?
        .get("whom")
        .and_then(|whom| whom.as_str().map(str::to_owned))
        .unwrap_or_default();
    ctx.tools().action_set("greeting", &format!("hello {whom}"))?;
    Ok(Outcome::Done)
}

async fn fail(_: &mut Context) -> Result {
    Err(HandlerError::msg("no way"))
}

fn with_client() -> Scenario {
    scenario().relation(RelationState::new("db", "client").unit(0, [("name", "x")]))
}

#[test]
fn a_run_shows_what_the_charm_did() {
    let outcome = with_client().config("port", 2380).run("config-changed").unwrap();
    assert_eq!(outcome.handlers(), ["tiny/install", "tiny/seed", "tiny/tell"]);
    assert_eq!(
        (outcome.status.current.as_str(), outcome.status.message.as_str()),
        ("waiting", "for a client")
    );
    assert_eq!(outcome.unit_bag("db")["port"], "2380");
    assert_eq!(outcome.application_bag("cluster")["token"], "t");
    assert_eq!(outcome.ports(), ["2380/tcp"]);
    assert!(outcome.has("tiny.installed") && outcome.has("tiny.told"));
    assert_eq!(outcome.values["installs"], "1");
    assert_eq!(outcome.host.read("/etc/tiny".as_ref()).unwrap().unwrap(), b"here");
    assert!(outcome.calls.iter().any(|call| call.tool == "relation-set"));
    assert_eq!(outcome.refused, None);
}

#[test]
fn flags_values_and_files_survive_from_run_to_run() {
    let mut world = with_client().settled().unwrap();
    world.run("config-changed").unwrap();
    let outcome = world.run("update-status").unwrap();
    assert_eq!(outcome.handlers(), ["tiny/tell"]);
    assert_eq!(
        (outcome.status.current.as_str(), outcome.values["installs"].as_str()),
        ("active", "1")
    );
    world.set_config("port", 81).unwrap();
    assert_eq!(world.run("config-changed").unwrap().unit_bag("db")["port"], "81");
    let last = world.run("stop").unwrap();
    assert!(!last.has("tiny.installed") && last.has("tiny.stopped"));
    assert!(!last.host.exists("/etc/tiny".as_ref()));
}

#[test]
fn a_failing_handler_leaves_nothing_behind() {
    let mut world = with_client().settled().unwrap();
    let good = world.run("config-changed").unwrap();
    let good = (
        good.flags.clone(),
        good.values.clone(),
        good.unit_bag("db"),
        world.run("update-status").unwrap().status,
    );
    world.set_config("fail", true).unwrap();
    world.set_config("port", 81).unwrap();
    let outcome = world.run("config-changed").unwrap();
    assert!(
        outcome.error().to_string().ends_with("asked to fail"),
        "{}",
        outcome.error()
    );
    assert_eq!(
        (
            &outcome.flags,
            &outcome.values,
            &outcome.unit_bag("db"),
            &outcome.status
        ),
        (&good.0, &good.1, &good.2, &good.3)
    );
    assert_eq!(outcome.ports(), ["80/tcp"]);
    assert!(
        outcome
            .log
            .iter()
            .any(|line| line.level == "ERROR" && line.message.contains("asked to fail"))
    );

    let other = world.run("update-status").unwrap_err();
    assert!(matches!(other, ScenarioError::InError { .. }), "{other}");
    world.set_config("fail", false).unwrap();
    let again = world.run("config-changed").unwrap();
    assert_eq!(
        (again.unit_bag("db")["port"].as_str(), again.status.current.as_str()),
        ("81", "active")
    );
}

#[test]
fn a_first_run_that_fails_leaves_no_flag_at_all() {
    let outcome = with_client().config("fail", true).run("config-changed").unwrap();
    assert!(outcome.result.is_err() && outcome.flags.is_empty() && outcome.values.is_empty());
    assert!(outcome.unit_bag("db").is_empty() && outcome.application_bag("cluster").is_empty());
    assert_eq!(outcome.status.current, "unknown");
}

#[test]
fn every_kind_of_hook_can_be_reached() {
    for hook in [
        "install",
        "start",
        "leader-elected",
        "config-changed",
        "update-status",
        "upgrade-charm",
        "stop",
        "remove",
        "db-relation-created",
        "db-relation-joined",
        "db-relation-changed",
        "db-relation-departed",
        "db-relation-broken",
        "cluster-relation-created",
        "cluster-relation-changed",
    ] {
        let outcome = with_client().run(hook).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(outcome.operation.hook().map(|run| run.name.as_str()), Some(hook));
        outcome.report();
    }
    let about = |hook: Hook| {
        let relation = RelationState::new("db", "client")
            .unit(0, [("a", "b")])
            .unit(2, [("c", "d")])
            .application([("e", "f")]);
        let outcome = scenario().relation(relation).run(hook).unwrap();
        outcome
            .operation
            .hook()
            .and_then(|run| run.relation.clone())
            .and_then(|run| run.remote_unit)
            .map(|unit| unit.to_string())
    };
    assert_eq!(
        about(Hook::named("db-relation-joined").about("client/2")).as_deref(),
        Some("client/2")
    );
    assert_eq!(
        about(Hook::named("db-relation-changed").about("client/0")).as_deref(),
        Some("client/0")
    );
    assert_eq!(
        about(Hook::named("db-relation-departed").about("client/0")).as_deref(),
        Some("client/0")
    );
    assert_eq!(about(Hook::named("db-relation-changed").about_application()), None);
}

#[test]
fn settings_of_everyone_are_there() {
    async fn look(ctx: &mut Context) -> Result {
        let endpoint: EndpointName = "cluster".parse()?;
        let id = ctx.tools().relation_ids(&endpoint)?.remove(0);
        let mut seen = Vec::new();
        for unit in ["tiny/0", "tiny/1", "tiny/2"] {
            let bag = ctx.tools().relation_get(&id, &juju::Party::Unit(unit.parse()?))?;
            seen.push(bag.get("n").cloned().unwrap_or_default());
        }
        let shared = ctx
            .tools()
            .relation_get(&id, &juju::Party::Application("tiny".parse()?))?;
        seen.push(shared.get("s").cloned().unwrap_or_default());
        Ok(Outcome::Active(seen.join(" ")))
    }
    let charm = Charm::builder("tiny")
        .layer(Layer::new("tiny").on(look, when(reactive::always())))
        .build()
        .unwrap();
    let peers = RelationState::peers("cluster")
        .unit(1, [("n", "one")])
        .unit(2, [("n", "two")])
        .own([("n", "me")]);
    let scenario = Scenario::new(&charm, info())
        .leader(false)
        .relation(peers.application([("s", "all")]));
    assert_eq!(scenario.run("update-status").unwrap().status.message, "me one two all");
}

#[test]
fn actions_run_and_fail() {
    let outcome = scenario().action("greet", serde_json::json!({"whom": "you"})).unwrap();
    let task = outcome.task.as_ref().unwrap();
    assert_eq!(
        (task.status.as_str(), task.results["greeting"].as_str()),
        ("completed", Some("hello you"))
    );
    let outcome = scenario().action("break", serde_json::json!({})).unwrap();
    let task = outcome.task.as_ref().unwrap();
    assert_eq!((task.status.as_str(), task.message.as_str()), ("failed", "no way"));
    assert!(scenario().action("nonsense", serde_json::json!({})).is_err());
}

#[test]
fn a_whole_life_can_be_played() {
    let mut world = scenario().leader(false).units(3).fresh().unwrap();
    let hooks = |outcomes: &[testing::Outcome]| -> Vec<String> {
        outcomes
            .iter()
            .filter_map(|outcome| Some(outcome.operation.hook()?.name.clone()))
            .collect()
    };
    let played = hooks(&world.play().unwrap());
    assert_eq!(
        played[..3],
        ["install", "cluster-relation-created", "leader-settings-changed"]
    );
    assert_eq!(played[3..5], ["config-changed", "start"]);
    assert!(!played.contains(&"leader-elected".to_owned()));
    let seeded = |world: &testing::World| {
        let model = world.model();
        let peers = model.relations().find(|relation| relation.is_peer()).unwrap();
        peers
            .applications
            .values()
            .any(|bag| bag.settings.contains_key("token"))
    };
    assert!(!seeded(&world));
    world.set_leader(true).unwrap();
    let played = hooks(&world.converge().unwrap());
    assert!(played.contains(&"leader-elected".to_owned()), "{played:?}");
    assert!(seeded(&world));
}

#[track_caller]
fn refused(result: std::result::Result<testing::World, ScenarioError>, text: &str) {
    let error = result.err().expect("an impossible world was accepted");
    assert!(error.to_string().contains(text), "{error}");
}

#[test]
fn impossible_worlds_are_refused() {
    let client = || RelationState::new("db", "client").unit(0, [("a", "b")]);
    refused(scenario().leader(false).settled(), "unit tiny/0 must lead");
    refused(scenario().config("prot", 1).settled(), "prot");
    refused(scenario().config("port", "many").settled(), "port");
    refused(
        scenario().relation(RelationState::new("nowhere", "client")).settled(),
        "has no endpoint \"nowhere\"",
    );
    refused(
        scenario().relation(RelationState::peers("db")).settled(),
        "\"db\" is no peer endpoint",
    );
    refused(
        scenario().relation(RelationState::new("cluster", "x")).settled(),
        "is a peer endpoint",
    );
    refused(
        scenario().relation(client()).relation(client()).settled(),
        "already exists",
    );
    refused(
        scenario()
            .relation(RelationState::peers("cluster").unit(0, [("a", "b")]))
            .settled(),
        "given with own()",
    );
    let alone = RelationState::new("db", "client").application([("a", "b")]);
    refused(
        scenario().relation(alone).settled(),
        "no unit that could have written them",
    );
    refused(
        scenario().relation(client().own([("a", "b")])).fresh(),
        "before its install hook",
    );
    let two = |name: &str| RelationState::new("upstream", name).unit(0, [("a", "b")]);
    refused(
        scenario().relation(two("x")).relation(two("y")).settled(),
        "maximum relation limit of 1",
    );
    assert!(matches!(
        scenario().run("nonsense").unwrap_err(),
        ScenarioError::Unreachable { .. }
    ));
    assert!(matches!(
        scenario().run("db-relation-changed").unwrap_err(),
        ScenarioError::Unreachable { .. }
    ));
    assert!(matches!(
        scenario().settled().unwrap().run("install").unwrap_err(),
        ScenarioError::Unreachable { .. }
    ));
}

/// A hook that the machine's reboot ends is run again, and nothing of it is kept.
#[test]
fn a_reboot_in_the_middle_repeats_the_hook() {
    async fn reboot(ctx: &mut Context) -> Result {
        let rebooted: Flag = Flag::named("tiny.rebooted");
        if !ctx.host().exists("/rebooted".as_ref()) {
            ctx.host().write("/rebooted".as_ref(), b"", 0o644)?;
            ctx.set(&rebooted)?;
            ctx.tools().run(&juju::ToolCall::new("juju-reboot", ["--now"]))?;
            ctx.tools().is_leader()?;
        }
        Ok(Outcome::Active("up".into()))
    }
    let layer = Layer::new("tiny").on(reboot, when(reactive::always()).sets(Flag::named("tiny.rebooted")));
    let charm = Charm::builder("tiny").layer(layer).build().unwrap();
    let mut world = Scenario::new(&charm, info()).settled().unwrap();
    let killed = world.run("update-status").unwrap();
    assert!(killed.result.is_err() && killed.flags.is_empty());
    assert!(killed.model.machine_of(world.unit()).unwrap().reboot_wanted);
    let again = world.run("update-status").unwrap();
    assert_eq!((again.report().runs.len(), again.status.message.as_str()), (1, "up"));
}

#[test]
fn a_commit_that_juju_refuses_is_told() {
    async fn open(ctx: &mut Context) -> Result {
        ctx.tools()
            .run(&juju::ToolCall::new("open-port", ["--endpoints", "nowhere", "80"]))?;
        Ok(Outcome::Done)
    }
    let charm = Charm::builder("tiny")
        .layer(Layer::new("tiny").on(open, when(reactive::always())))
        .build()
        .unwrap();
    let outcome = Scenario::new(&charm, info()).run("update-status").unwrap();
    assert!(outcome.result.is_ok());
    let reason = outcome.refused.unwrap();
    assert!(
        reason.contains("endpoint \"nowhere\" for unit \"tiny/0\" not found"),
        "{reason}"
    );
}

#[test]
fn a_refused_commit_leaves_no_flag_to_the_next_run() {
    async fn open(ctx: &mut Context) -> Result {
        if !ctx.config_bool("fail")? {
            ctx.set(&TOLD)?;
            return Ok(Outcome::Done);
        }
        ctx.tools()
            .run(&juju::ToolCall::new("open-port", ["--endpoints", "nowhere", "80"]))?;
        ctx.set(&TOLD)?;
        Ok(Outcome::Done)
    }
    let charm = Charm::builder("tiny")
        .layer(Layer::new("tiny").on(open, when(!TOLD).sets(TOLD)))
        .build()
        .unwrap();
    let scenario = Scenario::new(&charm, info()).config("fail", true);
    let mut world = scenario.settled().unwrap();
    assert!(world.run("update-status").unwrap().refused.is_some());
    world.set_config("fail", false).unwrap();
    let again = world.run("update-status").unwrap();
    assert_eq!((again.report().runs.len(), again.refused), (1, None));
    assert!(again.flags.contains("tiny.told"));
    assert!(world.run("update-status").unwrap().report().runs.is_empty());
}

/// Events of the model are open to tests.
#[test]
fn any_event_can_happen() {
    let mut world = with_client().settled().unwrap();
    world
        .apply(Event::RemoveRelation {
            endpoints: vec!["tiny:db".into(), "client:db".into()],
            force: false,
        })
        .unwrap();
    let hooks: Vec<String> = world
        .play()
        .unwrap()
        .iter()
        .filter_map(|outcome| outcome.operation.hook().map(|run| run.name.clone()))
        .collect();
    // The last is Juju's word to the leader about its own write to the peers' application bag.
    assert_eq!(
        hooks,
        ["db-relation-departed", "db-relation-broken", "cluster-relation-changed"]
    );
    let error = world.apply(Event::RemoveRelation {
        endpoints: vec!["tiny:db".into(), "client:db".into()],
        force: false,
    });
    assert!(error.is_err());
}
