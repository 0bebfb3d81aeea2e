//! The conformance list of the hook tools: command line and standard input, then standard output, standard error and code.
//!
//! A [`World`] is a small model brought to rest by real events. A [`Session`] is one run in it; its cases are calls of the
//! same context, in order, so that what a call buffers is seen by the next.

mod data;
mod effects;
mod machine;
mod protocol;
mod relations;

use std::collections::BTreeMap;
use std::io;

use juju::wire::Request;
use juju::{ApplicationName, UnitName};
use package::{CharmInfo, Parts};
use serde_json::{Map, Value};

use crate::changes::{Changes, Effect};
use crate::context::{CallOutcome, Context, Files};
use crate::event::{Event, Exit, Reply};
use crate::operation::{HookRun, Operation, RelationRun, RelationStage};
use crate::state::{Model, NewModel};
use crate::time::Time;

const SERVER: &str = "\
name: server
summary: s
description: d
provides:
  db: {interface: kv}
requires:
  certificates: {interface: tls}
peers:
  cluster: {interface: server-peers}
extra-bindings:
  fast:
storage:
  data: {type: filesystem, multiple: {range: 0-1}}
resources:
  snap: {type: file, filename: server.snap}
";

const CONFIG: &str = "\
options:
  port: {type: int, default: 2379}
  name: {type: string}
  empty: {type: string, default: ''}
  debug: {type: boolean, default: false}
  ratio: {type: float, default: 1.5}
  label: {type: string, default: '<a&b>'}
";

const ACTIONS: &str = "\
backup:
  description: d
  params:
    path: {type: string}
    keep: {type: integer, default: 3}
    deep: {type: object}
noop:
  description: d
";

const CLIENT: &str = "\
name: client
summary: s
description: d
requires:
  database: {interface: kv}
";

/// Three servers and two clients, integrated, on five machines; `server/0` and `client/0` lead.
pub(super) struct World {
    pub(super) model: Model,
}

pub(super) const NOW: Time = Time(1_700_000_000_000);

impl World {
    pub(super) fn new() -> World {
        World::of_version("3.6.28")
    }

    pub(super) fn of_version(juju_version: &str) -> World {
        let model = Model::new(NewModel {
            name: "m".into(),
            uuid: "5e5f6a1e-5d8b-4c2c-8a2e-000000000001".into(),
            controller: "c".into(),
            cloud: "localhost".into(),
            juju_version: juju_version.into(),
            now: NOW,
        });
        let mut world = World { model };
        world.deploy(
            SERVER,
            "server",
            3,
            Parts {
                config: Some(CONFIG),
                actions: Some(ACTIONS),
                ..Parts::default()
            },
        );
        world.deploy(CLIENT, "client", 2, Parts::default());
        world.apply(Event::Integrate {
            a: "server:db".into(),
            b: "client:database".into(),
        });
        for machine in 0..5 {
            let (address, hostname) = (format!("10.0.0.{}", machine + 1), format!("host-{machine}"));
            world.apply(Event::MachineStarted {
                machine,
                address,
                hostname,
            });
        }
        for name in ["server/0", "server/1", "server/2", "client/0", "client/1"] {
            world.apply(Event::AgentStarted { unit: unit(name) });
        }
        world.settle();
        world
    }

    fn deploy(&mut self, metadata: &str, name: &str, units: u32, parts: Parts<'_>) {
        let charm = Box::new(CharmInfo::from_parts(Parts { metadata, ..parts }).unwrap());
        let application: ApplicationName = name.parse().unwrap();
        let url = format!("local:{name}-0");
        self.apply(Event::Deploy {
            charm,
            url,
            application,
            units,
            config: BTreeMap::new(),
            charm_id: name.into(),
        });
    }

    pub(super) fn apply(&mut self, event: Event) -> Reply {
        self.model
            .apply(NOW, event.clone())
            .unwrap_or_else(|error| panic!("{event:?}: {error}"))
    }

    /// Runs every hook that is due, with no effect, until there is none.
    pub(super) fn settle(&mut self) {
        for round in 0..200 {
            let names: Vec<UnitName> = self.model.units().map(|unit| unit.name.clone()).collect();
            let next = names
                .iter()
                .find_map(|name| Some((name.clone(), self.model.next_operation(name, NOW)?)));
            let Some((name, operation)) = next else { return };
            self.run(&name, operation, &format!("settle-{round}"), |_| {});
        }
        panic!("the model does not come to rest");
    }

    /// One whole operation: started, `body`, finished with success. Effects of the calls take place.
    pub(super) fn run(&mut self, unit: &UnitName, operation: Operation, id: &str, body: impl FnOnce(&mut Session<'_>)) {
        self.apply(Event::OperationStarted {
            unit: unit.clone(),
            operation: operation.clone(),
            context_id: id.into(),
        });
        let before = self.model.clone();
        let context = before.open_context(unit, &operation, id.into());
        let mut session = Session {
            model: &before,
            context,
            files: MemoryFiles::default(),
            effects: Vec::new(),
        };
        body(&mut session);
        let Session { context, effects, .. } = session;
        for effect in effects {
            self.apply(effect);
        }
        self.apply(context.finish(Exit::Code(0), Vec::new(), Vec::new()));
    }

    /// What a unit would run next.
    pub(super) fn next(&self, name: &str) -> Option<Operation> {
        self.model.next_operation(&unit(name), NOW)
    }

    /// A context that reads this world; nothing comes back to it.
    pub(super) fn session(&self, name: &str, operation: Operation) -> Session<'_> {
        let context = self.model.open_context(&unit(name), &operation, "ctx".into());
        Session {
            model: &self.model,
            context,
            files: MemoryFiles::default(),
            effects: Vec::new(),
        }
    }

    /// A session in a plain hook.
    pub(super) fn hook(&self, name: &str) -> Session<'_> {
        self.session(name, Operation::Hook(HookRun::plain("config-changed")))
    }

    /// A session in a hook of the relation between servers and clients, about this remote unit.
    pub(super) fn db_changed(&self, name: &str, remote: Option<&str>) -> Session<'_> {
        let own = unit(name).application();
        let relation = self.db();
        let run = RelationRun {
            stage: RelationStage::Changed,
            relation: relation.id_for(&own).unwrap(),
            remote_application: relation.remote_of(&own).unwrap().application.clone(),
            remote_unit: remote.map(unit),
            departing_unit: None,
        };
        self.session(name, Operation::Hook(HookRun::relation(run)))
    }

    /// A session in the action `backup`.
    pub(super) fn action(&mut self, name: &str, params: Value) -> Session<'_> {
        self.named_action(name, "backup", params)
    }

    /// A session in an action.
    pub(super) fn named_action(&mut self, name: &str, action: &str, params: Value) -> Session<'_> {
        let params: Map<String, Value> = params.as_object().cloned().unwrap_or_default();
        let reply = self.apply(Event::EnqueueAction {
            units: vec![name.into()],
            action: action.into(),
            params,
        });
        let Reply::Enqueued { tasks, failures, .. } = reply else {
            panic!("{reply:?}")
        };
        assert_eq!(failures, Vec::<String>::new());
        self.session(name, Operation::Action { task: tasks[0].0 })
    }

    pub(super) fn db(&self) -> &crate::state::Relation {
        self.model
            .relations()
            .find(|relation| relation.interface() == "kv")
            .unwrap()
    }

    pub(super) fn peers(&self) -> &crate::state::Relation {
        self.model.relations().find(|relation| relation.is_peer()).unwrap()
    }

    /// Writes settings as a unit would, in a command of its own.
    pub(super) fn write(&mut self, name: &str, lines: &[&str]) {
        let units = vec![name.to_owned()];
        let reply = self.apply(Event::EnqueueExec {
            units,
            command: "true".into(),
        });
        let Reply::Enqueued { tasks, .. } = reply else {
            panic!("{reply:?}")
        };
        let operation = Operation::Exec { task: tasks[0].0 };
        self.run(&unit(name), operation, &format!("write-{}", tasks[0].0), |session| {
            for line in lines {
                session.check(&[ok(line, "")]);
            }
        });
    }
}

pub(super) fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

/// One run and what its calls did.
pub(super) struct Session<'a> {
    pub(super) model: &'a Model,
    pub(super) context: Context,
    pub(super) files: MemoryFiles,
    pub(super) effects: Vec<Event>,
}

impl Session<'_> {
    /// Calls a tool as its client would, with the second call that brings standard input.
    pub(super) fn call(&mut self, line: &str, stdin: Option<&str>) -> Result<CallOutcome, String> {
        let mut words = split(line);
        let command_name = words.remove(0);
        let mut request = Request {
            context_id: self.context.id().to_owned(),
            dir: "/charm".into(),
            command_name,
            args: words,
            stdin: None,
            token: String::new(),
        };
        let mut answer = self.context.call(self.model, &request, &mut self.files);
        if let (Err(text), Some(stdin)) = (&answer, stdin) {
            assert_eq!(text, juju::wire::STDIN_REQUIRED);
            request.stdin = Some(stdin.as_bytes().to_vec());
            answer = self.context.call(self.model, &request, &mut self.files);
        }
        if let Ok(outcome) = &answer {
            self.effects.extend(outcome.effect.clone());
        }
        answer
    }

    #[track_caller]
    pub(super) fn check(&mut self, cases: &[Case]) {
        for case in cases {
            let outcome = self
                .call(case.line, case.stdin)
                .unwrap_or_else(|error| panic!("{}: {error}", case.line));
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            let response = outcome.response;
            let found = (text(response.stdout), text(response.stderr), response.code);
            let expected = (case.stdout.clone(), case.stderr.clone(), case.code);
            assert_eq!(found, expected, "{}", case.line);
        }
    }

    pub(super) fn changes(&self) -> &Changes {
        self.context.changes()
    }

    /// The effect of the last call that had one.
    pub(super) fn last_effect(&self) -> Option<&Effect> {
        match self.effects.last() {
            Some(Event::ToolEffect { effect, .. }) => Some(effect),
            _ => None,
        }
    }
}

/// One line of the list.
pub(super) struct Case {
    line: &'static str,
    stdin: Option<&'static str>,
    stdout: String,
    stderr: String,
    code: i64,
}

/// The tool succeeds and prints this.
pub(super) fn ok(line: &str, stdout: &str) -> Case {
    Case {
        line: leak(line),
        stdin: None,
        stdout: stdout.into(),
        stderr: String::new(),
        code: 0,
    }
}

/// The tool reads this standard input, succeeds and prints nothing.
pub(super) fn fed(line: &str, stdin: &'static str) -> Case {
    Case {
        stdin: Some(stdin),
        ..ok(line, "")
    }
}

/// The tool prints `ERROR <text>` and ends with this code.
pub(super) fn fails(line: &str, code: i64, text: &str) -> Case {
    Case {
        stderr: format!("ERROR {text}\n"),
        code,
        ..ok(line, "")
    }
}

/// Tests build some lines at run time; they live as long as the test.
fn leak(line: &str) -> &'static str {
    Box::leak(line.to_owned().into_boxed_str())
}

/// Words separated by blanks; single quotes keep blanks and make empty words.
fn split(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut quoted, mut open) = (false, false);
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                open = true;
            }
            ' ' if !quoted => {
                if open {
                    words.push(String::new());
                }
                open = false;
            }
            c => {
                open = true;
                if let Some(word) = words.last_mut() {
                    word.push(c);
                }
            }
        }
    }
    if !open {
        words.pop();
    }
    words
}

/// Files in memory, and one resource.
#[derive(Default)]
pub(super) struct MemoryFiles {
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

impl Files for MemoryFiles {
    fn read(&mut self, path: &str) -> io::Result<Vec<u8>> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        if path.starts_with("/forbidden/") {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.files.insert(path.to_owned(), content.to_vec());
        Ok(())
    }

    fn resource(&mut self, name: &str) -> Result<String, String> {
        match name {
            "snap" => Ok("/agents/unit-server-0/resources/server.snap".to_owned()),
            _ => Err(format!("resource {name:?} not found")),
        }
    }
}
