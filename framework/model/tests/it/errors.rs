//! Events that are refused, with Juju's words; the driver checks each time that nothing has changed.

use model::Event;

use crate::support::{World, app, charm, client_charm, deploy_event, server_charm, unit};

fn world() -> World {
    let mut world = World::new();
    world.deploy(server_charm(), "server", 1);
    world.deploy(client_charm(), "client", 1);
    world
}

fn integrate(a: &str, b: &str) -> Event {
    Event::Integrate {
        a: a.into(),
        b: b.into(),
    }
}

fn set(option: &str, value: &str) -> Event {
    let set = [
        ("port".to_owned(), "1".to_owned()),
        (option.to_owned(), value.to_owned()),
    ]
    .into();
    Event::SetConfig {
        application: app("server"),
        set,
        reset: Vec::new(),
    }
}

#[test]
fn names_that_are_not_there() {
    let mut world = world();
    let remove = Event::RemoveUnits {
        units: vec![unit("server/0"), unit("foo/9")],
        force: true,
    };
    assert_eq!(world.refusal(remove), "unit \"foo/9\" not found");
    assert_eq!(
        world.refusal(Event::AddUnits {
            application: app("x"),
            count: 1
        }),
        "application \"x\" not found"
    );
    let remove = Event::RemoveApplication {
        application: app("x"),
        force: false,
    };
    assert_eq!(world.refusal(remove), "application \"x\" not found");
    assert_eq!(world.refusal(integrate("x", "server")), "application \"x\" not found");
    assert_eq!(
        world.refusal(integrate("server:nope", "client")),
        "application \"server\" has no \"nope\" relation"
    );
    assert_eq!(
        world.refusal(Event::MachineRemoved { machine: 7 }),
        "machine 7 not found"
    );
}

#[test]
fn an_application_name_that_is_taken() {
    let mut world = world();
    let text = world.refusal(deploy_event(server_charm(), "server", 1));
    let expected = "cannot add application \"server\": application already exists: \ndeploy application using an alias name:\n    \
                    juju deploy <application> <alias>\nor use remove-application to remove the existing one and try again.";
    assert_eq!(text, expected);
}

#[test]
fn relations_that_do_not_fit() {
    let mut world = world();
    world.deploy(server_charm(), "other", 1);
    assert_eq!(world.refusal(integrate("server:db", "other:db")), "no relations found");
    assert_eq!(
        world.refusal(integrate("server:proxy", "client:etcd")),
        "no relations found"
    );
    assert_eq!(
        world.refusal(integrate("server:cluster", "client:etcd")),
        "no relations found"
    );
    assert_eq!(world.refusal(integrate("server", "server")), "no relations found");
    let two = "name: two\nsummary: s\ndescription: d\nrequires:\n  a: {interface: etcd}\n  b: {interface: etcd}\n";
    world.deploy(charm(two, None, None), "two", 1);
    let text = "ambiguous relation: \"server two\" could refer to \"two:a server:db\"; \"two:b server:db\"";
    assert_eq!(world.refusal(integrate("server", "two")), text);
}

#[test]
fn relations_that_exist_or_exceed_the_limit() {
    let mut world = world();
    world.deploy(server_charm(), "other", 1);
    world.integrate("server", "client");
    let key = "client:etcd server:db";
    assert_eq!(
        world.refusal(integrate("server", "client")),
        format!("cannot add relation {key:?}: relation {key} already exists")
    );
    let text = "cannot add relation \"client:etcd other:db\": establishing a new relation for client:etcd would exceed its \
                maximum relation limit of 1";
    assert_eq!(world.refusal(integrate("other", "client")), text);
}

#[test]
fn relations_that_cannot_be_removed() {
    let mut world = world();
    let remove = |names: &[&str]| Event::RemoveRelation {
        endpoints: names.iter().map(|name| (*name).to_owned()).collect(),
        force: false,
    };
    assert_eq!(
        world.refusal(remove(&["server", "client"])),
        "relation \"client:etcd server:db\" not found"
    );
    assert_eq!(world.refusal(remove(&["77"])), "relation \"77\" not found");
    assert_eq!(
        world.refusal(remove(&["0"])),
        "cannot destroy relation \"server:cluster\": is a peer relation"
    );
}

#[test]
fn options_that_are_unknown_or_of_the_wrong_type() {
    let mut world = world();
    assert_eq!(world.refusal(set("nope", "1")), "unknown option \"nope\"");
    assert_eq!(
        world.refusal(set("port", "abc")),
        "option \"port\" expected int, got \"abc\""
    );
    assert_eq!(
        world.refusal(set("debug", "maybe")),
        "option \"debug\" expected boolean, got \"maybe\""
    );
    let reset = Event::SetConfig {
        application: app("server"),
        set: [].into(),
        reset: vec!["nope".into()],
    };
    assert_eq!(world.refusal(reset), "unknown option \"nope\"");
    let Event::Deploy {
        charm,
        url,
        units,
        charm_id,
        ..
    } = deploy_event(server_charm(), "b", 1)
    else {
        panic!("deploy")
    };
    let config = [("nope".to_owned(), "1".to_owned())].into();
    let deploy = Event::Deploy {
        charm,
        url,
        application: app("b"),
        units,
        config,
        charm_id,
    };
    assert_eq!(world.refusal(deploy), "unknown option \"nope\"");
}

#[test]
fn nothing_is_added_to_what_goes() {
    let mut world = world();
    world.settle();
    world.apply(Event::RemoveApplication {
        application: app("client"),
        force: false,
    });
    let text = "cannot add relation \"client:etcd server:db\": application \"client\" is not alive";
    assert_eq!(world.refusal(integrate("server", "client")), text);
    let text = "cannot add unit to application \"client\": application is not alive";
    assert_eq!(
        world.refusal(Event::AddUnits {
            application: app("client"),
            count: 1
        }),
        text
    );
}

#[test]
fn a_refresh_must_not_break_a_relation() {
    let mut world = world();
    world.integrate("server", "client");
    let poor = charm("name: server\nsummary: s\ndescription: d\n", None, None);
    let refresh = |charm: package::CharmInfo| Event::Refresh {
        application: app("server"),
        charm: Box::new(charm),
        url: "local:server-1".into(),
        charm_id: "x".into(),
    };
    let text = world.refusal(refresh(poor));
    assert!(text.contains("would break relation \"server:cluster\""), "{text}");
    let text = world.refusal(refresh(client_charm()));
    assert!(text.contains("charm name \"client\" is not \"server\""), "{text}");
}

#[test]
fn a_subordinate_charm_is_refused() {
    let mut world = world();
    let metadata = "name: sub\nsummary: s\ndescription: d\nsubordinate: true\nrequires:\n  host: {interface: juju-info, \
                    scope: container}\n";
    let text = world.refusal(deploy_event(charm(metadata, None, None), "sub", 0));
    assert_eq!(
        text,
        "cannot deploy charm \"sub\": subordinate charms are not supported"
    );
}

#[test]
fn a_charm_that_needs_storage_or_containers_is_refused_and_optional_storage_is_not() {
    let mut world = world();
    let head = "name: server\nsummary: s\ndescription: d\n";
    let storage = format!("{head}storage:\n  data: {{type: filesystem}}\n");
    let text = "cannot deploy charm \"server\": it requires storage \"data\", and storage is not supported";
    assert_eq!(world.refusal(deploy_event(charm(&storage, None, None), "a", 0)), text);
    let refresh = Event::Refresh {
        application: app("server"),
        charm: Box::new(charm(&storage, None, None)),
        url: "local:server-1".into(),
        charm_id: "x".into(),
    };
    assert_eq!(world.refusal(refresh), text);
    let pods = format!("{head}containers:\n  web: {{resource: image}}\nresources:\n  image: {{type: oci-image}}\n");
    assert_eq!(
        world.refusal(deploy_event(charm(&pods, None, None), "a", 0)),
        "cannot deploy charm \"server\": it is for Kubernetes, and this model has machines"
    );
    let optional = format!("{head}storage:\n  data: {{type: filesystem, multiple: {{range: 0-1}}}}\n");
    world.apply(deploy_event(charm(&optional, None, None), "a", 0));
}
