//! Just enough of Juju: three relations, goal state, leadership, and bags that change only when a hook succeeds.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use charm::juju::{Databag, ToolCall, ToolOutput, Transport, TransportError};
use charm::package::yaml;
use serde_json::{Value, json};

use super::Fuse;

pub(crate) type Shared = Rc<RefCell<Juju>>;
/// `(relation, is it the application's bag)` and what a hook writes there.
pub(crate) type Writes = Rc<RefCell<BTreeMap<(String, bool), BTreeMap<String, Option<String>>>>>;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Juju {
    pub(crate) units: BTreeMap<u32, Unit>,
    pub(crate) dying: BTreeSet<u32>,
    pub(crate) leader: u32,
    pub(crate) config: BTreeMap<String, Value>,
    /// The application's bag of the peer relation.
    pub(crate) shared: Databag,
    /// Another certificate authority than the first.
    pub(crate) authority: u32,
    /// What the authority answers to each unit; texts of no meaning if it is empty.
    pub(crate) certificates: BTreeMap<u32, Databag>,
    /// The network of the units' addresses, without the last number.
    pub(crate) network: String,
    pub(crate) has_authority: bool,
    pub(crate) has_client: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Unit {
    /// Own bags by relation.
    pub(crate) bags: BTreeMap<String, Databag>,
    pub(crate) status: String,
    pub(crate) ports: BTreeSet<String>,
    pub(crate) version: String,
    pub(crate) results: BTreeMap<String, String>,
    pub(crate) failure: Option<String>,
}

/// The number of an endpoint's one relation.
pub(crate) fn number(endpoint: &str) -> u32 {
    match endpoint {
        "cluster" => 0,
        "certificates" => 1,
        _ => 2,
    }
}

impl Juju {
    /// What a hook wrote becomes true.
    pub(crate) fn commit(&mut self, unit: u32, writes: Writes) {
        for ((relation, application), changes) in writes.take() {
            let bag = match application {
                true => &mut self.shared,
                false => self.units.get_mut(&unit).unwrap().bags.entry(relation).or_default(),
            };
            for (key, value) in changes {
                match value {
                    Some(value) => drop(bag.insert(key, value)),
                    None => drop(bag.remove(&key)),
                }
            }
        }
    }

    fn relation_ids(&self, endpoint: &str) -> Vec<String> {
        let exists = match endpoint {
            "certificates" => self.has_authority,
            "db" => self.has_client,
            _ => true,
        };
        exists
            .then(|| format!("{endpoint}:{}", number(endpoint)))
            .into_iter()
            .collect()
    }

    fn relation_units(&self, relation: &str, own: u32) -> Vec<String> {
        match relation.split(':').next() {
            Some("cluster") => self
                .units
                .keys()
                .filter(|unit| **unit != own)
                .map(|unit| format!("etcd/{unit}"))
                .collect(),
            Some("certificates") => vec!["easyrsa/0".into()],
            _ => vec!["client/0".into()],
        }
    }

    fn bag(&self, relation: &str, party: &str, own: u32) -> Databag {
        match party.strip_prefix("etcd/").map(|number| number.parse::<u32>().unwrap()) {
            Some(unit) => self
                .units
                .get(&unit)
                .and_then(|unit| unit.bags.get(relation))
                .cloned()
                .unwrap_or_default(),
            None if party == "easyrsa/0" => self.certificates(own),
            None => Databag::new(),
        }
    }

    /// The authority answers at once.
    fn certificates(&self, own: u32) -> Databag {
        if let Some(real) = self.certificates.get(&own) {
            return real.clone();
        }
        let n = self.authority;
        let key = |name: &str| format!("etcd_{own}.server.{name}");
        let entries = [
            ("ca".to_owned(), format!("CA {n}")),
            ("client.cert".to_owned(), format!("CLIENT CERT {n}")),
        ];
        let keys = [
            ("client.key".to_owned(), format!("CLIENT KEY {n}")),
            (key("key"), format!("SERVER KEY {own} {n}")),
        ];
        entries
            .into_iter()
            .chain(keys)
            .chain([(key("cert"), format!("SERVER CERT {own} {n}"))])
            .collect()
    }

    fn config(&self) -> Value {
        let defaults = json!({
            "port": 2379, "management_port": 2380, "heartbeat_interval": 100, "election_timeout": 1000,
            "snapshot_count": "auto", "bind_to_all_interfaces": true, "bind_with_insecure_http": false,
            "tls_cipher_suites": "",
        });
        let mut all = defaults.as_object().unwrap().clone();
        all.extend(self.config.clone());
        Value::Object(all)
    }

    pub(crate) fn address(&self, unit: u32) -> String {
        format!(
            "{}.{unit}",
            if self.network.is_empty() {
                "10.0.0"
            } else {
                &self.network
            }
        )
    }

    fn goal_state(&self) -> Value {
        let status = |unit: &u32| if self.dying.contains(unit) { "dying" } else { "active" };
        let units: BTreeMap<String, Value> = self
            .units
            .keys()
            .map(|unit| (format!("etcd/{unit}"), json!({ "status": status(unit) })))
            .collect();
        json!({ "units": units, "relations": {} })
    }
}

/// The tools of one hook.
pub(crate) struct FakeJuju {
    juju: Shared,
    unit: u32,
    fuse: Fuse,
    writes: Writes,
    calls: Rc<RefCell<Vec<String>>>,
}

impl FakeJuju {
    pub(crate) fn new(juju: Shared, unit: u32, fuse: Fuse) -> FakeJuju {
        FakeJuju {
            juju,
            unit,
            fuse,
            writes: Writes::default(),
            calls: Rc::default(),
        }
    }

    /// The tools that the hook asks, one entry for each call.
    pub(crate) fn calls(&self) -> Rc<RefCell<Vec<String>>> {
        self.calls.clone()
    }

    pub(crate) fn writes(&self) -> Writes {
        self.writes.clone()
    }

    fn change(&self, change: impl FnOnce(&mut Unit)) -> String {
        self.fuse.tick();
        self.juju.borrow_mut().units.get_mut(&self.unit).map(change);
        String::new()
    }

    fn relation_set(&self, args: &[&str], stdin: &str) -> String {
        self.fuse.tick();
        let changes: BTreeMap<String, Option<String>> = yaml::from_str("stdin", stdin).unwrap();
        let key = (args[1].to_owned(), args.contains(&"--app"));
        self.writes.borrow_mut().entry(key).or_default().extend(
            changes
                .into_iter()
                .map(|(key, value)| (key, value.filter(|value| !value.is_empty()))),
        );
        String::new()
    }

    fn answer(&self, tool: &str, args: &[&str], stdin: &str) -> Result<String, String> {
        let juju = self.juju.clone();
        let juju = || juju.borrow();
        let text = |value: Value| value.to_string();
        Ok(match (tool, args) {
            ("config-get", _) => text(juju().config()),
            ("is-leader", _) => text(json!(juju().leader == self.unit)),
            ("relation-ids", [endpoint]) => text(json!(juju().relation_ids(endpoint))),
            ("relation-list", ["--app", "-r", relation]) => text(json!(if relation.starts_with("cluster") {
                "etcd"
            } else {
                "other"
            })),
            ("relation-list", ["-r", relation]) => text(json!(juju().relation_units(relation, self.unit))),
            ("relation-get", ["-r", _, "--app", "-", "etcd"]) => text(json!(juju().shared)),
            ("relation-get", ["-r", relation, "-", party]) => text(json!(juju().bag(relation, party, self.unit))),
            ("relation-set", args) => self.relation_set(args, stdin),
            ("goal-state", _) => text(juju().goal_state()),
            ("network-get", _) => {
                let address = juju().address(self.unit);
                let addresses = json!([{ "addresses": [{ "value": address, "cidr": "" }] }]);
                text(json!({ "bind-addresses": addresses, "ingress-addresses": [address] }))
            }
            ("unit-get", _) => text(json!(juju().address(self.unit))),
            ("status-set", [status, "--", message]) => self.change(|unit| unit.status = format!("{status}: {message}")),
            ("application-version-set", ["--", version]) => self.change(|unit| unit.version = (*version).to_owned()),
            ("open-port", [port]) => self.change(|unit| unit.ports.extend([(*port).to_owned()])),
            ("close-port", [port]) => self.change(|unit| unit.ports.retain(|open| open != port)),
            ("action-set", [pair]) => self.change(|unit| {
                let (key, value) = pair.split_once('=').unwrap();
                unit.results.insert(key.to_owned(), value.to_owned());
            }),
            ("action-fail", ["--", text]) => self.change(|unit| unit.failure = Some((*text).to_owned())),
            ("juju-log", _) => String::new(),
            other => return Err(format!("unexpected call {other:?}")),
        })
    }
}

impl Transport for FakeJuju {
    fn call(&mut self, call: &ToolCall) -> Result<ToolOutput, TransportError> {
        let args: Vec<&str> = call
            .args
            .iter()
            .map(String::as_str)
            .filter(|arg| *arg != "--format=json")
            .collect();
        self.calls.borrow_mut().push(call.tool.clone());
        let stdin = String::from_utf8(call.stdin.clone().unwrap_or_default()).unwrap();
        Ok(match self.answer(&call.tool, &args, &stdin) {
            Ok(stdout) => ToolOutput::ok(stdout),
            Err(text) => ToolOutput::error(1, &text),
        })
    }

    fn name(&self) -> &'static str {
        "fake"
    }
}
