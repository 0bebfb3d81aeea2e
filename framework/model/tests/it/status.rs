//! `juju status` and `juju config` as people and tools see them.

use model::{Changes, Effect, Event, Exit, OpenedPort, PortRange};

use crate::support::{World, app, client_charm, server_charm, unit};

fn set_status(world: &mut World, name: &str, status: &str, message: &str) {
    let effect = Effect::StatusSet {
        status: status.into(),
        message: message.into(),
    };
    world.apply(Event::ToolEffect {
        unit: unit(name),
        effect,
    });
}

fn world() -> World {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 2);
    world.deploy(client_charm(), "client", 1);
    world.integrate("server", "client");
    let range = |from: u16| OpenedPort {
        range: PortRange {
            protocol: "tcp".into(),
            from,
            to: from,
        },
        endpoint: "".into(),
    };
    let ports = Changes {
        open_ports: [range(2379), range(2380)].into(),
        ..Changes::default()
    };
    world.react("server/0", "start", Exit::Code(0), ports);
    world.settle();
    world
}

#[test]
fn the_table_is_laid_out_as_juju_does() {
    let mut world = world();
    set_status(&mut world, "server/0", "active", "healthy");
    set_status(&mut world, "server/1", "waiting", "for the leader");
    let effect = Effect::ApplicationVersionSet {
        version: "3.5.17-with-a-long-name".into(),
    };
    world.apply(Event::ToolEffect {
        unit: unit("server/0"),
        effect,
    });
    let status = world.model.status(model::Time(1_700_000_000_000));
    let expected = "\
Model  Controller  Cloud/Region         Version  SLA          Timestamp
m      minijuju    localhost/localhost  3.6.28   unsupported  22:13:20Z

App     Version          Status   Scale  Charm   Channel  Rev  Exposed  Message
client                   unknown      1  client             0  no
server  3.5.17-with-...  waiting      2  server             0  no       for the leader

Unit       Workload  Agent  Machine  Public address  Ports          Message
client/0*  unknown   idle   2        10.0.0.3
server/0*  active    idle   0        10.0.0.1        2379,2380/tcp  healthy
server/1   waiting   idle   1        10.0.0.2                       for the leader

Machine  State    Address   Inst id  Base          AZ  Message
0        started  10.0.0.1  juju-0   ubuntu@22.04      Running
1        started  10.0.0.2  juju-1   ubuntu@22.04      Running
2        started  10.0.0.3  juju-2   ubuntu@22.04      Running
";
    assert_eq!(status.tabular(), expected);
    let relations = "
Integration provider  Requirer        Interface  Type     Message
server:cluster        server:cluster  etcd       peer
server:db             client:etcd     etcd       regular
";
    assert_eq!(status.tabular_with_relations(), format!("{expected}{relations}"));
}

#[test]
fn the_json_has_what_tools_read() {
    let mut world = world();
    set_status(&mut world, "server/0", "active", "");
    let status = world.model.status(world.now);
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!(json["model"]["type"], "iaas");
    assert_eq!(json["model"]["region"], "localhost");
    let server = &json["applications"]["server"];
    assert_eq!(server["charm"], "local:server-0");
    assert_eq!(
        (&server["charm-origin"], &server["charm-name"]),
        (&"local".into(), &"server".into())
    );
    assert_eq!(server["charm-rev"], 0);
    assert_eq!(
        server["base"],
        serde_json::json!({"name": "ubuntu", "channel": "22.04"})
    );
    assert_eq!(server["exposed"], false);
    assert!(server.get("life").is_none());
    let related = serde_json::json!([{"related-application": "client", "interface": "etcd", "scope": "global"}]);
    assert_eq!(server["relations"]["db"], related);
    assert_eq!(server["relations"]["cluster"][0]["related-application"], "server");
    let unit = &server["units"]["server/0"];
    assert_eq!(unit["leader"], true);
    assert!(server["units"]["server/1"].get("leader").is_none());
    assert_eq!(unit["machine"], "0");
    assert_eq!(unit["open-ports"], serde_json::json!(["2379/tcp", "2380/tcp"]));
    assert_eq!(unit["workload-status"]["current"], "active");
    assert!(unit["workload-status"].get("message").is_none());
    assert_eq!(unit["juju-status"]["version"], "3.6.28");
    assert_eq!(json["machines"]["0"]["juju-status"]["current"], "started");
    assert_eq!(json["machines"]["0"]["instance-id"], "juju-0");
    let text = serde_json::to_string(&status).unwrap();
    let mut again: model::status::FullStatus = serde_json::from_str(&text).unwrap();
    again.relations.clone_from(&status.relations);
    assert_eq!(again, status);
}

#[test]
fn a_model_on_its_way_shows_where_it_is() {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    let status = world.model.status(world.now);
    let unit = &status.applications["server"].units["server/0"];
    assert_eq!(unit.workload_status.message, "waiting for machine");
    assert_eq!(unit.juju_status.current, "allocating");
    assert_eq!(status.machines[&0].instance_id, "pending");
    assert!(status.tabular().contains("    0/1  server"), "{}", status.tabular());
    while world.machines() {}
    let operation = world
        .model
        .next_operation(&crate::support::unit("server/0"), world.now)
        .unwrap();
    world.start(&crate::support::unit("server/0"), &operation);
    let table = world.model.status(world.now).tabular();
    assert!(table.contains("(install) installing charm software"), "{table}");
    assert!(table.contains("executing"));
}

#[test]
fn the_most_severe_unit_speaks_for_the_application() {
    let mut world = world();
    let shown = |world: &World| {
        let application = world.model.application(&app("server")).unwrap();
        world.model.shown_application_status(application).current
    };
    set_status(&mut world, "server/0", "active", "");
    set_status(&mut world, "server/1", "blocked", "");
    assert_eq!(shown(&world), "blocked");
    world.react("server/0", "config-changed", Exit::Code(1), Changes::default());
    world.apply(Event::Trust {
        application: app("server"),
        trust: true,
    });
    world.settle();
    assert_eq!(shown(&world), "error");
    world.apply(Event::RemoveApplication {
        application: app("server"),
        force: false,
    });
    assert_eq!(world.model.status(world.now).applications["server"].life, "dying");
}

#[test]
fn since_changes_only_with_the_status() {
    let mut world = world();
    set_status(&mut world, "server/0", "active", "a");
    let since = world.unit("server/0").workload.since;
    world.now = world.now.plus_seconds(60);
    set_status(&mut world, "server/0", "active", "a");
    assert_eq!(world.unit("server/0").workload.since, since);
    set_status(&mut world, "server/0", "active", "b");
    assert_eq!(world.unit("server/0").workload.since, world.now);
}

#[test]
fn an_empty_model_shows_itself_only() {
    let world = World::new();
    let status = world.model.status(world.now);
    assert!(status.is_empty());
    assert_eq!(status.tabular().lines().count(), 2);
}

#[test]
fn config_says_where_each_value_comes_from() {
    let mut world = world();
    let set = [("port".to_owned(), "4001".to_owned())].into();
    world.apply(Event::SetConfig {
        application: app("server"),
        set,
        reset: Vec::new(),
    });
    let json = serde_json::to_value(world.model.config_view(&app("server")).unwrap()).unwrap();
    assert_eq!(
        (&json["application"], &json["charm"]),
        (&"server".into(), &"server".into())
    );
    let port = serde_json::json!(
        {"default": 2379, "description": "The port", "source": "user", "type": "int", "value": 4001}
    );
    assert_eq!(json["settings"]["port"], port);
    assert_eq!(json["settings"]["debug"]["source"], "default");
    let unset = serde_json::json!({"description": "", "source": "unset", "type": "string"});
    assert_eq!(json["settings"]["channel"], unset);
    assert_eq!(json["application-config"]["trust"]["value"], false);
    assert!(world.model.config_view(&app("nope")).is_none());
}
