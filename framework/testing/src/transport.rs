//! The way from a charm to the hook tools without leaving the process.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::rc::Rc;

use host::{Host, SimulatedHost};
use juju::wire::{Request, STDIN_REQUIRED};
use juju::{ToolCall, ToolOutput, Transport, TransportError, UnitName};
use model::{Context, Effect, Event, Files, LogLine, Model, Time};

/// What one run works on: the model, the run's context, and a record of what happened.
pub(crate) struct Bench {
    pub(crate) model: Model,
    pub(crate) context: Context,
    pub(crate) now: Time,
    pub(crate) files: HostFiles,
    pub(crate) log: Vec<LogLine>,
    pub(crate) calls: Vec<ToolCall>,
    /// `juju-reboot --now` was called: the process is as good as dead.
    pub(crate) killed: bool,
}

/// The tools' files are the machine's.
pub(crate) struct HostFiles {
    pub(crate) host: Rc<SimulatedHost>,
    pub(crate) resources: BTreeMap<String, String>,
}

impl Files for HostFiles {
    fn read(&mut self, path: &str) -> io::Result<Vec<u8>> {
        let content = self.host.read(Path::new(path)).map_err(io::Error::other)?;
        content.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        self.host
            .write(Path::new(path), content, 0o644)
            .map(drop)
            .map_err(io::Error::other)
    }

    fn resource(&mut self, name: &str) -> Result<String, String> {
        self.resources
            .get(name)
            .cloned()
            .ok_or_else(|| format!("resource {name:?} not found"))
    }
}

/// Hands calls to [`Context::call`] and applies what takes place at once.
pub(crate) struct InProcess(pub(crate) Rc<RefCell<Bench>>);

impl Transport for InProcess {
    fn call(&mut self, call: &ToolCall) -> Result<ToolOutput, TransportError> {
        self.0.borrow_mut().call(call)
    }

    fn name(&self) -> &'static str {
        "in-process"
    }

    fn unit(&self) -> Option<UnitName> {
        Some(self.0.borrow().context.unit().clone())
    }
}

impl Bench {
    fn call(&mut self, call: &ToolCall) -> Result<ToolOutput, TransportError> {
        let refused = |text: String| TransportError::Refused { text };
        if self.killed {
            return Err(refused("hook killed by juju-reboot --now".to_owned()));
        }
        self.calls.push(call.clone());
        let mut request = Request {
            context_id: self.context.id().to_owned(),
            dir: charm_dir(self.context.unit()),
            command_name: call.tool.clone(),
            args: call.args.clone(),
            stdin: None,
            token: String::new(),
        };
        let mut answer = self.context.call(&self.model, &request, &mut self.files);
        if answer.as_ref().is_err_and(|text| text == STDIN_REQUIRED) {
            request.stdin = Some(call.stdin.clone().unwrap_or_default());
            answer = self.context.call(&self.model, &request, &mut self.files);
        }
        let outcome = answer.map_err(refused)?;
        self.log.extend(outcome.log);
        if let Some(effect) = outcome.effect {
            self.killed |= matches!(
                &effect,
                Event::ToolEffect {
                    effect: Effect::RebootNow,
                    ..
                }
            );
            if let Err(error) = self.model.apply(self.now, effect) {
                return Ok(ToolOutput::error(1, &error.to_string()));
            }
        }
        let response = outcome.response;
        Ok(ToolOutput {
            code: response.code,
            stdout: response.stdout,
            stderr: response.stderr,
        })
    }
}

/// Where a unit's charm is.
pub(crate) fn charm_dir(unit: &UnitName) -> String {
    format!("/var/lib/juju/agents/{}/charm", unit.tag())
}
