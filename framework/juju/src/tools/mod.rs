//! Hook tools as typed calls.
//!
//! [`Tools`] stands between a charm and its [`Transport`]: what is read is asked for once per hook (a hook sees one
//! picture of the model anyway), and what is written to relations is collected until [`Tools::flush`]. Everything else
//! goes to the agent at once. The methods are in one file per family: `relation`, `queries`, `effects`, `actions`.

mod actions;
mod effects;
mod error;
mod queries;
mod relation;
#[cfg(test)]
mod tests;
mod types;
mod yaml;

pub use error::ToolError;
pub use relation::{Bag, Databag, Party};
pub use types::{
    GoalState, GoalStatus, LogLevel, NetworkInfo, PortRange, PortRangeError, Protocol, StorageInfo, WorkloadStatus,
};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::names::{ApplicationName, EndpointName, RelationId, UnitName};
use crate::transport::{ToolCall, Transport};

/// One call that was made, for reports. Values that can be secret are hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// How long the answer took.
    pub duration: Duration,
}

/// The hook tools of one hook or action.
pub struct Tools {
    transport: Box<dyn Transport>,
    unit: Option<UnitName>,
    calls: Vec<CallRecord>,
    cache: Cache,
    writes: relation::Writes,
}

/// What has been read in this hook.
#[derive(Default)]
struct Cache {
    config: Option<Map<String, Value>>,
    leader: Option<bool>,
    relation_ids: BTreeMap<EndpointName, Vec<RelationId>>,
    relation_units: BTreeMap<RelationId, Vec<UnitName>>,
    relation_applications: BTreeMap<RelationId, Option<ApplicationName>>,
    bags: BTreeMap<(RelationId, Party), Databag>,
    networks: BTreeMap<String, NetworkInfo>,
    unit_settings: BTreeMap<String, String>,
    goal_state: Option<GoalState>,
    action_params: Option<Map<String, Value>>,
    resources: BTreeMap<String, PathBuf>,
    storage: BTreeMap<String, StorageInfo>,
    state: Option<BTreeMap<String, String>>,
    leader_settings: Option<Databag>,
}

impl Tools {
    /// Tools over a transport. Which bags are the unit's own is asked from the transport; if it does not know, as
    /// transports for tests may not, use [`Tools::for_unit`].
    pub fn new(transport: Box<dyn Transport>) -> Tools {
        let unit = transport.unit();
        Tools {
            transport,
            unit,
            calls: Vec::new(),
            cache: Cache::default(),
            writes: relation::Writes::default(),
        }
    }

    /// Tools over a transport, for this unit.
    pub fn for_unit(transport: Box<dyn Transport>, unit: UnitName) -> Tools {
        Tools {
            unit: Some(unit),
            ..Tools::new(transport)
        }
    }

    /// Says which unit this is; [`Tools::for_unit`] for tools that exist already.
    pub fn set_unit(&mut self, unit: UnitName) {
        self.unit = Some(unit);
    }

    /// The way to the tools, such as `rpc`.
    pub fn transport_name(&self) -> &'static str {
        self.transport.name()
    }

    /// How many calls have been made so far.
    pub fn call_count(&self) -> u64 {
        self.calls.len() as u64
    }

    /// The calls made so far, in order.
    pub fn calls(&self) -> &[CallRecord] {
        &self.calls
    }

    /// Calls any tool with any arguments and gives its standard output: the raw door beside the typed calls, for tools
    /// that have none. Nothing is cached.
    pub fn run(&mut self, call: &ToolCall) -> Result<Vec<u8>, ToolError> {
        let start = Instant::now();
        let answer = self.transport.call(call);
        let args = error::hide_values(call);
        self.calls.push(CallRecord {
            tool: call.tool.clone(),
            args: args.clone(),
            duration: start.elapsed(),
        });
        match answer {
            Ok(output) if output.code == 0 => Ok(output.stdout),
            Ok(output) => Err(ToolError::failed(call, args, &output)),
            Err(source) => Err(ToolError::Transport {
                tool: call.tool.clone(),
                args,
                source,
            }),
        }
    }

    /// Calls a tool for its effect.
    fn command<A: Into<String>>(&mut self, tool: &str, args: impl IntoIterator<Item = A>) -> Result<(), ToolError> {
        self.run(&ToolCall::new(tool, args)).map(drop)
    }

    /// Calls a tool for its text.
    fn text<A: Into<String>>(&mut self, tool: &str, args: impl IntoIterator<Item = A>) -> Result<String, ToolError> {
        let call = ToolCall::new(tool, args);
        let stdout = self.run(&call)?;
        String::from_utf8(stdout).map_err(|error| ToolError::output(&call, error.to_string()))
    }

    /// Calls a tool with `--format=json` and reads its answer; `null` and nothing at all are `None`.
    fn json<T: DeserializeOwned>(&mut self, tool: &str, args: &[&str]) -> Result<Option<T>, ToolError> {
        let call = json_call(tool, args);
        let stdout = self.run(&call)?;
        if stdout.trim_ascii().is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(&stdout).map_err(|error| ToolError::output(&call, error.to_string()))
    }
}

/// The call that [`Tools::json`] makes.
fn json_call(tool: &str, args: &[&str]) -> ToolCall {
    ToolCall::new(tool, std::iter::once(&"--format=json").chain(args).copied())
}

impl std::fmt::Debug for Tools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tools")
            .field("transport", &self.transport.name())
            .field("unit", &self.unit)
            .field("calls", &self.calls.len())
            .finish_non_exhaustive()
    }
}
