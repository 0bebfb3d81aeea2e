//! The typed calls of `juju::Tools` against the meaning that the model gives to the tools: both ends agree.

use std::path::PathBuf;

use juju::{Bag, EndpointName, LogLevel, Party, PortRange, UnitName, WorkloadStatus};
use package::{CharmInfo, Parts};
use reactive::{Charm, Context, Layer, Outcome, Result, always, when};
use testing::{RelationState, Scenario};

const METADATA: &str = "\
name: tiny
summary: s
description: d
provides: {db: {interface: kv}}
peers: {cluster: {interface: tiny-peers}}
resources: {blob: {type: file, filename: blob.bin}}
";

const CONFIG: &str =
    "options: {port: {type: int, default: 80}, none: {type: string}, text: {type: string, default: '<&>'}}\n";

/// A scenario whose charm does nothing but call `handler` in every hook.
macro_rules! scenario {
    ($handler:expr) => {{
        let layer = Layer::new("tiny").on($handler, when(always()));
        let charm = Charm::builder("tiny")
            .layer(layer)
            .build()
            .expect("the declarations of the charm are right");
        let parts = Parts {
            metadata: METADATA,
            config: Some(CONFIG),
            ..Parts::default()
        };
        Scenario::new(
            &charm,
            CharmInfo::from_parts(parts).expect("the files of the charm are right"),
        )
        .units(2)
        .relation(
            RelationState::new("db", "client")
                .unit(0, [("k", "v")])
                .application([("shared", "yes")]),
        )
    }};
}

#[test]
fn queries() {
    async fn ask(ctx: &mut Context) -> Result {
        let tools = ctx.tools();
        let config = tools.config()?;
        assert_eq!(
            (config["port"].as_i64(), config["text"].as_str(), config.get("none")),
            (Some(80), Some("<&>"), None)
        );
        assert!(tools.is_leader()? && tools.confirm_leader()?);
        let network = tools.network_get("db")?;
        assert_eq!(network.bind_addresses, ["10.0.0.1".parse::<std::net::IpAddr>()?]);
        assert_eq!(
            (&network.ingress_addresses[0], &network.egress_subnets[0]),
            (&"10.0.0.1".into(), &"10.0.0.1/32".into())
        );
        assert!(tools.network_get("nowhere").is_err());
        assert_eq!(tools.unit_get("private-address")?, "10.0.0.1");
        let goal = tools.goal_state()?;
        assert_eq!(
            goal.units.keys().map(UnitName::as_str).collect::<Vec<_>>(),
            ["tiny/0", "tiny/1"]
        );
        assert_eq!(goal.relations["db"]["client"].status, "joined");
        assert_eq!(tools.storage_list(None)?, Vec::<String>::new());
        assert_eq!(tools.resource_get("blob")?, PathBuf::from("/blob"));
        assert!(tools.resource_get("other").is_err());
        Ok(Outcome::Done)
    }
    scenario!(ask)
        .resource("blob", "/blob")
        .run("update-status")
        .unwrap()
        .report();
}

#[test]
fn relations() {
    async fn relate(ctx: &mut Context) -> Result {
        let tools = ctx.tools();
        let id = tools.relation_ids(&EndpointName::try_from("db")?)?.remove(0);
        assert_eq!(tools.relation_units(&id)?, [UnitName::try_from("client/0")?]);
        assert_eq!(tools.relation_application(&id)?, Some("client".parse()?));
        assert_eq!(tools.relation_get(&id, &Party::Unit("client/0".parse()?))?["k"], "v");
        assert_eq!(
            tools.relation_get(&id, &Party::Application("client".parse()?))?["shared"],
            "yes"
        );
        assert!(
            tools
                .relation_get(&id, &Party::Unit("tiny/1".parse()?))
                .is_err_and(|error| error.is_permission_denied())
        );
        tools.relation_set(&id, Bag::Unit, "odd", Some(" a: 'b'\n\t\"c\\\u{1f600}\u{7f} "));
        tools.relation_set(&id, Bag::Unit, "private-address", None);
        tools.relation_set(&id, Bag::Application, "number", Some("0123"));
        tools.flush()?;
        assert_eq!(
            tools.relation_get(&id, &Party::Application("tiny".parse()?))?["number"],
            "0123"
        );
        Ok(Outcome::Done)
    }
    let outcome = scenario!(relate).run("update-status").unwrap();
    outcome.report();
    assert_eq!(outcome.unit_bag("db")["odd"], " a: 'b'\n\t\"c\\\u{1f600}\u{7f} ");
    assert_eq!(outcome.application_bag("db")["number"], "0123");
    let own = outcome
        .model
        .relations()
        .find(|relation| !relation.is_peer())
        .unwrap()
        .units[&outcome.unit]
        .bag
        .clone();
    assert!(!own.settings.contains_key("private-address") && own.settings.contains_key("ingress-address"));
}

#[test]
fn effects() {
    async fn act(ctx: &mut Context) -> Result {
        let tools = ctx.tools();
        tools.status_set(WorkloadStatus::Maintenance, "-- working")?;
        tools.application_status_set(WorkloadStatus::Active, "all well")?;
        tools.application_version_set("3.5")?;
        tools.log(LogLevel::Warning, "--odd text")?;
        tools.open_port(PortRange::tcp(2379))?;
        tools.open_port("icmp".parse()?)?;
        tools.open_port("100-200/udp".parse()?)?;
        tools.close_port("100-200/udp".parse()?)?;
        assert_eq!(tools.opened_ports()?, ["icmp".parse()?, PortRange::tcp(2379)]);
        tools.state_set("k", "= v ")?;
        assert_eq!(
            (tools.state_get("k")?.as_deref(), tools.state_get("none")?),
            (Some("= v "), None)
        );
        tools.state_set("gone", "x")?;
        tools.state_delete("gone")?;
        tools.leader_set([("a", "1"), ("b", "")])?;
        assert_eq!(
            tools.leader_get()?.into_iter().collect::<Vec<_>>(),
            [("a".to_owned(), "1".to_owned())]
        );
        Ok(Outcome::Done)
    }
    let outcome = scenario!(act).run("update-status").unwrap();
    outcome.report();
    assert_eq!(
        (outcome.status.current.as_str(), outcome.status.message.as_str()),
        ("maintenance", "-- working")
    );
    let unit = outcome.model.unit(&outcome.unit).unwrap();
    assert_eq!(
        (
            unit.workload_version.as_str(),
            unit.charm_state["k"].as_str(),
            unit.charm_state.contains_key("gone")
        ),
        ("3.5", "= v ", false)
    );
    let application = outcome.model.application(&outcome.unit.application()).unwrap();
    assert_eq!(
        application.status.as_ref().map(|status| status.message.as_str()),
        Some("all well")
    );
    assert_eq!(outcome.ports(), ["icmp", "2379/tcp"]);
    assert!(
        outcome
            .log
            .iter()
            .any(|line| (line.level, line.message.as_str()) == ("WARNING", "--odd text"))
    );
}
