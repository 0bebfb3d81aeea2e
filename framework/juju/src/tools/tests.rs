//! The typed calls against a script: what is asked, how often, and what is made of the answers.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::json;

use super::*;
use crate::transport::{ScriptedTransport, ToolOutput, TransportError};

type Log = Rc<RefCell<Vec<ToolCall>>>;

/// Tools of unit `me/0` over a script of command lines and their outputs.
fn tools(script: &[(&str, &str)]) -> (Tools, Log) {
    let mut transport = ScriptedTransport::new();
    for (line, stdout) in script {
        transport.answer(line, stdout);
    }
    let log = transport.log();
    (Tools::for_unit(Box::new(transport), name("me/0")), log)
}

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a valid name")
}

fn bag(pairs: &[(&str, &str)]) -> Databag {
    pairs
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

/// The calls as command lines, with standard input after `<`.
fn lines(log: &Log) -> Vec<String> {
    let line = |call: &ToolCall| {
        let mut line = std::iter::once(&call.tool)
            .chain(&call.args)
            .cloned()
            .collect::<Vec<_>>()
            .join(" ");
        if let Some(stdin) = &call.stdin {
            line.push_str(" < ");
            line.push_str(String::from_utf8_lossy(stdin).trim_end());
        }
        line
    };
    log.borrow().iter().map(line).collect()
}

const OWN: &str = "relation-get --format=json -r db:1 - me/0";
const OWN_APP: &str = "relation-get --format=json -r db:1 --app - me";
const SET: &str = "relation-set -r db:1 --file -";
const SET_APP: &str = "relation-set -r db:1 --app --file -";

fn own_unit() -> Party {
    Party::Unit(name("me/0"))
}

#[test]
fn reads_are_asked_once() {
    let (mut tools, log) = tools(&[
        ("config-get --format=json", r#"{"port":2379,"x":"y"}"#),
        ("is-leader --format=json", "false\n"),
        ("relation-ids --format=json db", r#"["db:10","db:9"]"#),
        ("relation-list --format=json -r db:9", r#"["a/10","a/2"]"#),
        ("relation-list --format=json --app -r db:9", r#""a""#),
        ("relation-get --format=json -r db:9 - a/2", r#"{"k":"v"}"#),
        ("unit-get --format=json private-address", r#""10.0.0.1""#),
        (
            "goal-state --format=json",
            r#"{"units":{"me/0":{"status":"active","since":"now"}},"relations":{}}"#,
        ),
        ("resource-get snap", "/var/r/snap"),
        (
            "storage-get --format=json -s data/0",
            r#"{"kind":"filesystem","location":"/srv"}"#,
        ),
        ("action-get --format=json", "{}"),
    ]);
    for _ in 0..2 {
        assert_eq!(tools.config().expect("config")["port"], json!(2379));
        assert!(!tools.is_leader().expect("an answer"));
        assert_eq!(tools.relation_ids(&name("db")).expect("ids"), ["db:9", "db:10"]);
        assert_eq!(tools.relation_units(&name("db:9")).expect("units"), ["a/2", "a/10"]);
        assert_eq!(
            tools.relation_application(&name("db:9")).expect("an application"),
            Some(name("a"))
        );
        let read = tools
            .relation_get(&name("db:9"), &Party::Unit(name("a/2")))
            .expect("a bag");
        assert_eq!(read, bag(&[("k", "v")]));
        assert_eq!(tools.unit_get("private-address").expect("an address"), "10.0.0.1");
        assert_eq!(
            tools.goal_state().expect("a goal").units[&name("me/0")].status,
            "active"
        );
        assert_eq!(
            tools.resource_get("snap").expect("a file"),
            PathBuf::from("/var/r/snap")
        );
        assert_eq!(
            tools.storage_get("data/0").expect("storage").location,
            PathBuf::from("/srv")
        );
        assert!(tools.action_get().expect("parameters").is_empty());
    }
    assert_eq!((log.borrow().len(), tools.call_count()), (11, 11));
    assert_eq!(tools.calls()[0].tool, "config-get");
}

#[test]
fn confirming_leadership_asks_again_and_updates_the_cache() {
    let mut script = ScriptedTransport::new();
    script
        .answer("is-leader --format=json", "true")
        .answer("is-leader --format=json", "false");
    let mut tools = Tools::new(Box::new(script));
    assert!(tools.is_leader().expect("an answer"));
    assert!(tools.is_leader().expect("an answer"));
    assert!(!tools.confirm_leader().expect("an answer"));
    assert!(!tools.is_leader().expect("an answer"));
}

#[test]
fn null_and_nothing_mean_empty() {
    for nothing in ["null\n", "", "\n"] {
        let (mut tools, _) = tools(&[
            ("config-get --format=json", nothing),
            ("relation-ids --format=json db", nothing),
            ("relation-list --format=json -r db:1", nothing),
            ("relation-list --format=json --app -r db:1", nothing),
            (OWN, nothing),
            ("network-get --format=json db", nothing),
            ("goal-state --format=json", nothing),
            ("opened-ports --format=json", nothing),
            ("storage-list --format=json", nothing),
            ("state-get --format=json", nothing),
            ("leader-get --format=json", nothing),
            ("action-get --format=json", nothing),
        ]);
        assert!(tools.config().expect("config").is_empty());
        assert!(tools.relation_ids(&name("db")).expect("ids").is_empty());
        assert!(tools.relation_units(&name("db:1")).expect("units").is_empty());
        assert_eq!(tools.relation_application(&name("db:1")).expect("an answer"), None);
        assert!(
            tools
                .relation_get(&name("db:1"), &own_unit())
                .expect("a bag")
                .is_empty()
        );
        assert_eq!(tools.network_get("db").expect("a network"), NetworkInfo::default());
        assert_eq!(tools.goal_state().expect("a goal"), GoalState::default());
        assert!(tools.opened_ports().expect("ports").is_empty());
        assert!(tools.storage_list(None).expect("storage").is_empty());
        assert_eq!(tools.state_get("k").expect("state"), None);
        assert!(tools.leader_get().expect("settings").is_empty());
        assert!(tools.action_get().expect("parameters").is_empty());
    }
    let (mut tools, _) = tools(&[("is-leader --format=json", "null")]);
    assert!(tools.is_leader().is_err(), "leadership is never unknown");
}

#[test]
fn own_bags_show_buffered_writes() {
    let (mut tools, _) = tools(&[
        (OWN, r#"{"keep":"1","change":"2","drop":"3"}"#),
        (OWN_APP, "{}"),
        ("relation-get --format=json -r db:1 - me/1", r#"{"theirs":"x"}"#),
    ]);
    let id = name("db:1");
    tools.relation_set(&id, Bag::Unit, "change", Some("22"));
    tools.relation_set(&id, Bag::Unit, "drop", None);
    tools.relation_set(&id, Bag::Unit, "new", Some("4"));
    tools.relation_set(&id, Bag::Unit, "empty", Some(""));
    tools.relation_set(&id, Bag::Application, "app", Some("5"));
    let unit = tools.relation_get(&id, &own_unit()).expect("a bag");
    assert_eq!(unit, bag(&[("keep", "1"), ("change", "22"), ("new", "4")]));
    let app = tools.relation_get(&id, &Party::Application(name("me"))).expect("a bag");
    assert_eq!(app, bag(&[("app", "5")]));
    let sibling = tools.relation_get(&id, &Party::Unit(name("me/1"))).expect("a bag");
    assert_eq!(sibling, bag(&[("theirs", "x")]), "another unit's bag is not ours");
}

#[test]
fn flush_sends_only_what_differs_one_call_a_bag() {
    let (mut tools, log) = tools(&[
        (OWN, r#"{"same":"1","change":"2","drop":"3"}"#),
        (OWN_APP, r#"{"same":"1"}"#),
        (SET, ""),
        (SET_APP, ""),
    ]);
    let id = name("db:1");
    for (key, value) in [
        ("same", Some("1")),
        ("change", Some("22")),
        ("drop", None),
        ("absent", None),
        ("new", Some("a\n\"b\"")),
    ] {
        tools.relation_set(&id, Bag::Unit, key, value);
    }
    tools.relation_set(&id, Bag::Application, "k", Some("first"));
    tools.relation_set(&id, Bag::Application, "k", Some("last"));
    assert!(log.borrow().is_empty(), "nothing is sent before the flush");
    tools.flush().expect("a flush");
    let unit = format!(r#"{SET} < {{"change": "22", "drop": "", "new": "a\n\"b\""}}"#);
    let app = format!(r#"{SET_APP} < {{"k": "last"}}"#);
    assert_eq!(lines(&log), [OWN, &unit, OWN_APP, &app]);
    assert!(!tools.has_buffered_writes());
    let after = tools.relation_get(&id, &own_unit()).expect("a bag");
    assert_eq!(after, bag(&[("same", "1"), ("change", "22"), ("new", "a\n\"b\"")]));
    tools.flush().expect("a flush");
    assert_eq!(log.borrow().len(), 4, "neither a second flush nor a read asks again");
}

#[test]
fn flush_of_unchanged_bags_writes_nothing_and_reads_once() {
    let (mut tools, log) = tools(&[(OWN, r#"{"k":"v"}"#)]);
    for _ in 0..3 {
        tools.relation_set(&name("db:1"), Bag::Unit, "k", Some("v"));
        tools.relation_set(&name("db:1"), Bag::Unit, "absent", None);
        tools.flush().expect("a flush");
    }
    assert_eq!(lines(&log), [OWN]);
}

#[test]
fn a_bag_that_was_read_is_not_read_again_before_writing() {
    let (mut tools, log) = tools(&[(OWN, "{}"), (SET, "")]);
    tools.relation_get(&name("db:1"), &own_unit()).expect("a bag");
    tools.relation_set(&name("db:1"), Bag::Unit, "k", Some("v"));
    tools.flush().expect("a flush");
    assert_eq!(lines(&log), [OWN.to_owned(), format!(r#"{SET} < {{"k": "v"}}"#)]);
}

#[test]
fn a_failed_flush_keeps_what_was_not_sent() {
    let mut script = ScriptedTransport::new();
    script.answer(OWN, "{}").answer(SET, "").answer(OWN_APP, "{}");
    script
        .fail(SET_APP, 1, "cannot write relation settings")
        .answer(SET_APP, "");
    let log = script.log();
    let mut tools = Tools::for_unit(Box::new(script), name("me/0"));
    tools.relation_set(&name("db:1"), Bag::Unit, "a", Some("1"));
    tools.relation_set(&name("db:1"), Bag::Application, "b", Some("2"));
    let error = tools.flush().expect_err("a failure");
    assert_eq!(
        error.to_string(),
        "cannot run `relation-set -r db:1 --app --file -`: exit status 1: cannot write relation settings"
    );
    assert!(tools.has_buffered_writes());
    tools.flush().expect("a second try");
    let sets = lines(&log)
        .into_iter()
        .filter(|line| line.starts_with("relation-set"))
        .count();
    assert_eq!(sets, 3, "the unit's bag once, the application's twice");
}

#[test]
fn without_the_units_name_writes_are_sent_whole_and_reading_them_is_an_error() {
    let mut script = ScriptedTransport::new();
    script.answer(SET, "").answer(OWN, r#"{"k":"v"}"#);
    let log = script.log();
    let mut tools = Tools::new(Box::new(script));
    tools.relation_set(&name("db:1"), Bag::Unit, "k", Some("v"));
    assert!(matches!(
        tools.relation_get(&name("db:1"), &own_unit()),
        Err(ToolError::UnknownUnit)
    ));
    tools.flush().expect("a flush");
    assert_eq!(lines(&log), [format!(r#"{SET} < {{"k": "v"}}"#)]);
    tools.set_unit(name("me/0"));
    assert_eq!(
        tools.relation_get(&name("db:1"), &own_unit()).expect("a bag"),
        bag(&[("k", "v")])
    );
}

#[test]
fn a_denied_read_is_the_tools_error() {
    let mut script = ScriptedTransport::new();
    script.fail(OWN_APP, 1, "permission denied");
    let mut tools = Tools::for_unit(Box::new(script), name("me/0"));
    let error = tools
        .relation_get(&name("db:1"), &Party::Application(name("me")))
        .expect_err("a denial");
    assert!(error.is_permission_denied(), "{error}");
    assert_eq!(
        (error.exit_code(), error.stderr()),
        (Some(1), Some("permission denied"))
    );
}

#[test]
fn answers_that_make_no_sense_are_errors() {
    let (mut tools, _) = tools(&[
        (OWN, r#"{"k":[1]}"#),
        ("config-get --format=json", "{"),
        ("relation-ids --format=json db", r#"["db"]"#),
        ("relation-list --format=json --app -r db:1", r#""A b""#),
        (
            "network-get --format=json db",
            r#"{"bind-addresses":[{"addresses":[{"value":"host"}]}]}"#,
        ),
        ("opened-ports --format=json", r#"["x"]"#),
        ("resource-get r", "not a path"),
        ("unit-get --format=json private-address", "10.0.0.1"),
    ]);
    let error = tools
        .relation_get(&name("db:1"), &own_unit())
        .expect_err("no string")
        .to_string();
    assert_eq!(
        error,
        format!("cannot read the answer of `{OWN}`: the value of \"k\" is no string: [1]")
    );
    assert!(tools.config().is_err());
    assert!(tools.relation_ids(&name("db")).is_err());
    assert!(tools.relation_application(&name("db:1")).is_err());
    assert!(
        tools
            .network_get("db")
            .expect_err("no address")
            .to_string()
            .ends_with(r#""host" is no address"#)
    );
    assert!(tools.opened_ports().is_err());
    assert!(tools.resource_get("r").is_err());
    assert!(tools.unit_get("private-address").is_err());
}

#[test]
fn networks() {
    let (mut tools, log) = tools(&[(
        "network-get --format=json db",
        r#"{"bind-addresses":[{"mac-address":"","interface-name":"eth0",
            "addresses":[{"hostname":"","value":"10.0.0.5","cidr":"10.0.0.0/24"},{"address":"fe80::1"}]}],
            "egress-subnets":["10.0.0.5/32"],"ingress-addresses":["10.0.0.5","name.example"]}"#,
    )]);
    for _ in 0..2 {
        let info = tools.network_get("db").expect("a network");
        assert_eq!(
            info.bind_addresses,
            ["10.0.0.5", "fe80::1"].map(name::<std::net::IpAddr>)
        );
        assert_eq!(info.ingress_addresses, ["10.0.0.5", "name.example"]);
        assert_eq!(info.egress_subnets, ["10.0.0.5/32"]);
    }
    assert_eq!(log.borrow().len(), 1);
}

/// A transport that accepts everything.
struct Yes(Log);

impl Transport for Yes {
    fn call(&mut self, call: &ToolCall) -> Result<ToolOutput, TransportError> {
        self.0.borrow_mut().push(call.clone());
        Ok(ToolOutput::default())
    }

    fn name(&self) -> &'static str {
        "yes"
    }
}

#[test]
fn effects_are_sent_at_once_as_these_command_lines() {
    let log = Log::default();
    let mut tools = Tools::new(Box::new(Yes(Rc::clone(&log))));
    let all = (|| {
        tools.status_set(WorkloadStatus::Active, "")?;
        tools.status_set(WorkloadStatus::Blocked, "-x needs")?;
        tools.application_status_set(WorkloadStatus::Waiting, "m")?;
        tools.application_version_set("3.5")?;
        tools.log(LogLevel::Warning, "text")?;
        tools.log(LogLevel::Info, "")?;
        tools.open_port(PortRange::tcp(2379))?;
        tools.close_port("10-20/udp".parse().expect("a range"))?;
        tools.action_set("a.b", "c")?;
        tools.action_fail("no")?;
        tools.action_log("half")?;
        tools.leader_set([("a", "1"), ("b", "")])?;
        tools.leader_set([])?;
        tools.state_set("k", "v")?;
        tools.state_delete("k")?;
        tools.reboot(true)?;
        tools.reboot(false)
    })();
    all.expect("all accepted");
    assert_eq!(
        lines(&log),
        [
            "status-set active",
            "status-set blocked -- -x needs",
            "status-set --application waiting -- m",
            "application-version-set -- 3.5",
            "juju-log --log-level WARNING -- text",
            "open-port 2379/tcp",
            "close-port 10-20/udp",
            "action-set a.b=c",
            "action-fail -- no",
            "action-log -- half",
            "leader-set a=1 b=",
            r#"state-set --file - < {"k": "v"}"#,
            "state-delete -- k",
            "juju-reboot --now",
            "juju-reboot",
        ]
    );
    let shown: Vec<_> = tools.calls().iter().filter(|call| call.tool == "action-set").collect();
    assert_eq!(shown[0].args, ["a.b=<hidden>"]);
}

#[test]
fn state_is_read_once_and_follows_writes() {
    let (mut tools, log) = tools(&[
        ("state-get --format=json", r#"{"a":"1"}"#),
        ("state-set --file -", ""),
        ("state-delete -- a", ""),
    ]);
    assert_eq!(tools.state_get("a").expect("state").as_deref(), Some("1"));
    tools.state_set("b", "").expect("a write");
    tools.state_delete("a").expect("a deletion");
    assert_eq!(tools.state_get("a").expect("state"), None);
    assert_eq!(
        tools.state_get("b").expect("state").as_deref(),
        Some(""),
        "state keeps empty values"
    );
    assert_eq!(log.borrow().len(), 3);
}

#[test]
fn leader_settings_are_read_again_after_a_write() {
    let mut script = ScriptedTransport::new();
    script
        .answer("leader-get --format=json", "{}")
        .answer("leader-get --format=json", r#"{"a":"1"}"#);
    script.answer("leader-set a=1", "");
    let mut tools = Tools::new(Box::new(script));
    assert!(tools.leader_get().expect("settings").is_empty());
    tools.leader_set([("a", "1")]).expect("a write");
    assert_eq!(tools.leader_get().expect("settings"), bag(&[("a", "1")]));
}

#[test]
fn the_raw_door_gives_bytes() {
    let (mut tools, _) = tools(&[("secret-get x", "\u{1}")]);
    assert_eq!(tools.run(&ToolCall::new("secret-get", ["x"])).expect("an answer"), [1]);
    let error = tools
        .run(&ToolCall::new("nope", [""; 0]))
        .expect_err("not in the script");
    assert_eq!(error.to_string(), "cannot run `nope`: no scripted answer to `nope`");
}
