//! The whole charm against a small Juju in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use charm::host::{Host, SimulatedHost};
use charm::juju::{Databag, HookContext, ToolCall, ToolOutput, Tools, Transport, TransportError, UnitName};
use charm::reactive::{Parts, dispatch};
use charm::store::Store;
use x509_parser::pem::parse_x509_pem;

/// What Juju knows, and what it was told.
#[derive(Default)]
struct World {
    leader: bool,
    /// Remote units of the relation `client:1`.
    clients: Vec<String>,
    /// Bags by relation and party.
    bags: BTreeMap<(String, String), Databag>,
    /// How many bags were written.
    writes: usize,
    status: String,
    results: BTreeMap<String, String>,
}

struct Agent {
    unit: String,
    world: Rc<RefCell<World>>,
}

impl Transport for Agent {
    fn call(&mut self, call: &ToolCall) -> std::result::Result<ToolOutput, TransportError> {
        let mut world = self.world.borrow_mut();
        let args: Vec<&str> = call
            .args
            .iter()
            .map(String::as_str)
            .filter(|arg| *arg != "--format=json")
            .collect();
        let text = match (call.tool.as_str(), args.as_slice()) {
            ("is-leader", _) => world.leader.to_string(),
            ("relation-ids", ["client"]) if world.clients.is_empty() => "[]".to_owned(),
            ("relation-ids", ["client"]) => r#"["client:1"]"#.to_owned(),
            ("relation-ids", ["replicas"]) => r#"["replicas:0"]"#.to_owned(),
            ("relation-list", ["--app", "-r", "client:1"]) => r#""etcd""#.to_owned(),
            ("relation-list", ["--app", ..]) => r#""easyrsa""#.to_owned(),
            ("relation-list", ["-r", "client:1"]) => serde_json::json!(world.clients).to_string(),
            ("relation-list", _) => "[]".to_owned(),
            ("relation-get", ["-r", id, .., party]) => {
                let bag = world.bags.get(&((*id).to_owned(), (*party).to_owned()));
                serde_json::json!(bag.cloned().unwrap_or_default()).to_string()
            }
            ("relation-set", ["-r", id, rest @ ..]) => {
                let party = if rest.contains(&"--app") { "easyrsa" } else { &self.unit };
                let changes: Databag = serde_json::from_slice(call.stdin.as_deref().unwrap()).unwrap();
                let bag = world.bags.entry(((*id).to_owned(), party.to_owned())).or_default();
                bag.extend(changes);
                bag.retain(|_, value| !value.is_empty());
                world.writes += 1;
                String::new()
            }
            ("status-set", args) => {
                world.status = args
                    .iter()
                    .filter(|arg| **arg != "--")
                    .copied()
                    .collect::<Vec<_>>()
                    .join(": ");
                String::new()
            }
            ("action-set", args) => {
                for (key, value) in args.iter().filter_map(|arg| arg.split_once('=')) {
                    world.results.insert(key.to_owned(), value.to_owned());
                }
                String::new()
            }
            ("config-get", _) => "{}".to_owned(),
            _ => String::new(),
        };
        Ok(ToolOutput::ok(text))
    }

    fn name(&self) -> &'static str {
        "test"
    }
}

/// A unit with a machine of its own.
struct Unit {
    name: &'static str,
    host: Rc<dyn Host>,
    store: Store,
    world: Rc<RefCell<World>>,
}

impl Unit {
    fn new(name: &'static str, world: &Rc<RefCell<World>>) -> Unit {
        Unit {
            name,
            host: Rc::new(SimulatedHost::new()),
            store: Store::memory().unwrap(),
            world: Rc::clone(world),
        }
    }

    /// Runs the charm and returns the status it shows.
    async fn run(&self, variables: &[(&str, &str)]) -> String {
        let base = [
            ("JUJU_UNIT_NAME", self.name),
            ("JUJU_MODEL_NAME", "test"),
            ("JUJU_MODEL_UUID", "0a6fd5ea-9d2a-4fb1-8dd4-000000000000"),
            ("JUJU_CHARM_DIR", "/charm"),
            ("JUJU_VERSION", "3.6.1"),
            ("JUJU_CONTEXT_ID", "context"),
            ("JUJU_AGENT_SOCKET_ADDRESS", "/socket"),
        ];
        let vars = base
            .iter()
            .chain(variables)
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let agent = Agent {
            unit: self.name.to_owned(),
            world: Rc::clone(&self.world),
        };
        let parts = Parts {
            hook: HookContext::from_vars(vars).unwrap(),
            tools: Tools::for_unit(Box::new(agent), UnitName::try_from(self.name).unwrap()),
            host: Rc::clone(&self.host),
            store: self.store.clone(),
        };
        dispatch(&crate::build().build().unwrap(), parts).await.unwrap();
        self.world.borrow().status.clone()
    }

    async fn hook(&self) -> String {
        self.run(&[
            ("JUJU_DISPATCH_PATH", "hooks/update-status"),
            ("JUJU_HOOK_NAME", "update-status"),
        ])
        .await
    }

    fn said(&self) -> Databag {
        self.world
            .borrow()
            .bags
            .get(&("client:1".to_owned(), self.name.to_owned()))
            .cloned()
            .unwrap_or_default()
    }
}

fn world() -> Rc<RefCell<World>> {
    Rc::new(RefCell::new(World {
        leader: true,
        ..World::default()
    }))
}

fn ask(world: &Rc<RefCell<World>>, unit: &str, sans: &str) {
    let mut world = world.borrow_mut();
    if !world.clients.iter().any(|client| client == unit) {
        world.clients.push(unit.to_owned());
    }
    let bag = [
        ("unit_name", unit.replace('/', "_")),
        ("common_name", "10.0.0.1".to_owned()),
        ("sans", sans.to_owned()),
    ];
    let bag = bag.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    world.bags.insert(("client:1".to_owned(), unit.to_owned()), bag);
}

/// Whether the certificate under `key` is signed by the one under `ca`.
fn is_signed(bag: &Databag, key: &str) -> bool {
    let (_, ca) = parse_x509_pem(bag["ca"].as_bytes()).unwrap();
    let (_, cert) = parse_x509_pem(bag[key].as_bytes()).unwrap();
    let (ca, cert) = (ca.parse_x509().unwrap(), cert.parse_x509().unwrap());
    cert.verify_signature(Some(ca.public_key())).is_ok()
}

#[tokio::test(flavor = "current_thread")]
async fn the_leader_answers_and_answers_the_same_again() {
    let world = world();
    let unit = Unit::new("easyrsa/0", &world);
    assert_eq!(unit.hook().await, "active: Certificate Authority ready");
    ask(&world, "etcd/0", r#"["10.0.0.1"]"#);
    ask(&world, "etcd/1", r#"["10.0.0.2"]"#);
    assert_eq!(
        unit.hook().await,
        "active: Certificate Authority ready, 2 certificates issued"
    );
    let said = unit.said();
    for key in ["client.cert", "etcd_0.server.cert", "etcd_1.server.cert"] {
        assert!(is_signed(&said, key), "{key}");
    }
    let writes = world.borrow().writes;
    unit.hook().await;
    assert_eq!(unit.said(), said);
    assert_eq!(world.borrow().writes, writes, "nothing is written twice");
}

#[tokio::test(flavor = "current_thread")]
async fn changed_names_get_a_new_certificate_and_nobody_elses_changes() {
    let world = world();
    let unit = Unit::new("easyrsa/0", &world);
    ask(&world, "etcd/0", r#"["10.0.0.1"]"#);
    ask(&world, "etcd/1", r#"["10.0.0.2"]"#);
    unit.hook().await;
    let before = unit.said();
    ask(&world, "etcd/0", r#"["10.0.0.1", "10.0.0.2"]"#);
    unit.hook().await;
    let after = unit.said();
    assert!(is_signed(&after, "etcd_0.server.cert"));
    let changed: Vec<&str> = after
        .keys()
        .filter(|key| before.get(*key) != after.get(*key))
        .map(String::as_str)
        .collect();
    assert_eq!(changed, ["etcd_0.server.cert", "etcd_0.server.key"]);
}

#[tokio::test(flavor = "current_thread")]
async fn answers_to_units_that_left_are_taken_back() {
    let world = world();
    let unit = Unit::new("easyrsa/0", &world);
    ask(&world, "etcd/0", r#"["10.0.0.1"]"#);
    ask(&world, "etcd/1", r#"["10.0.0.2"]"#);
    unit.hook().await;
    let before = unit.said();
    world.borrow_mut().clients.retain(|client| client != "etcd/0");
    unit.hook().await;
    let gone: Vec<String> = before
        .keys()
        .filter(|key| !unit.said().contains_key(*key))
        .cloned()
        .collect();
    assert_eq!(gone, ["etcd_0.server.cert", "etcd_0.server.key"]);
    assert_eq!(unit.said()["etcd_1.server.cert"], before["etcd_1.server.cert"]);
}

#[tokio::test(flavor = "current_thread")]
async fn other_units_stand_by_and_a_new_leader_without_the_key_blocks() {
    let world = world();
    let (first, second) = (Unit::new("easyrsa/0", &world), Unit::new("easyrsa/1", &world));
    ask(&world, "etcd/0", "[]");
    first.hook().await;
    world.borrow_mut().leader = false;
    assert_eq!(
        second.hook().await,
        "active: Standing by; easyrsa/0 is the certificate authority"
    );
    assert!(second.said().is_empty());
    world.borrow_mut().leader = true;
    let blocked = "blocked: The certificate authority's key is on easyrsa/0; copy /var/lib/easyrsa from there";
    assert_eq!(second.hook().await, blocked);
    assert!(second.said().is_empty());
    for name in ["ca.key", "ca.crt", "client.json"] {
        let path = std::path::Path::new("/var/lib/easyrsa").join(name);
        let bytes = first.host.read(&path).unwrap().unwrap();
        second.host.write(&path, &bytes, 0o600).unwrap();
    }
    assert_eq!(
        second.hook().await,
        "active: Certificate Authority ready, 1 certificate issued"
    );
    assert_eq!(second.said()["ca"], first.said()["ca"]);
    assert_eq!(second.said()["client.key"], first.said()["client.key"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_request_that_cannot_be_signed_does_not_hold_up_the_others() {
    let world = world();
    let unit = Unit::new("easyrsa/0", &world);
    ask(&world, "etcd/0", r#"["two words"]"#);
    ask(&world, "etcd/1", r#"["10.0.0.2"]"#);
    let status = unit.hook().await;
    assert!(
        status.starts_with("blocked: Request of etcd/0 refused: cannot use \"two words\""),
        "{status}"
    );
    assert!(unit.said().contains_key("etcd_1.server.cert"));
    assert!(!unit.said().contains_key("etcd_0.server.cert"));
}

#[tokio::test(flavor = "current_thread")]
async fn the_action_shows_the_root_certificate() {
    let world = world();
    let unit = Unit::new("easyrsa/0", &world);
    ask(&world, "etcd/0", "[]");
    unit.hook().await;
    let action = [
        ("JUJU_DISPATCH_PATH", "actions/get-root-ca"),
        ("JUJU_ACTION_NAME", "get-root-ca"),
        ("JUJU_ACTION_UUID", "1"),
        ("JUJU_ACTION_TAG", "action-1"),
    ];
    unit.run(&action).await;
    assert_eq!(world.borrow().results["ca"], unit.said()["ca"]);
}
