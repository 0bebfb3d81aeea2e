//! What came of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use host::SimulatedHost;
use juju::{Databag, ToolCall, UnitName};
use model::{LogLine, Model, Operation, Status, Task};
use reactive::{DispatchError, Report};

/// What one run of the charm did, and the state after it.
#[derive(Debug)]
pub struct Outcome {
    /// The unit that ran.
    pub unit: UnitName,
    /// What it ran.
    pub operation: Operation,
    /// What the handlers did, or why nothing was kept.
    pub result: Result<Report, DispatchError>,
    /// Why Juju refused the commit although the charm succeeded, such as a port that is taken.
    pub refused: Option<String>,
    /// The workload status.
    pub status: Status,
    /// The flags that are set and kept, sorted.
    pub flags: BTreeSet<String>,
    /// The charm's own values, as JSON texts.
    pub values: BTreeMap<String, String>,
    /// The unit's machine.
    pub host: Rc<SimulatedHost>,
    /// The calls of hook tools, in order.
    pub calls: Vec<ToolCall>,
    /// What was written to the unit's log.
    pub log: Vec<LogLine>,
    /// The action's task, if this was one.
    pub task: Option<Task>,
    /// The whole model.
    pub model: Model,
}

impl Outcome {
    /// The report of a run that succeeded.
    ///
    /// # Panics
    ///
    /// If it did not; the message says why.
    #[track_caller]
    pub fn report(&self) -> &Report {
        match &self.result {
            Ok(report) => report,
            Err(error) => panic!("{:?} failed: {error}", self.operation),
        }
    }

    /// The error of a run that failed.
    ///
    /// # Panics
    ///
    /// If it succeeded.
    #[track_caller]
    pub fn error(&self) -> &DispatchError {
        match &self.result {
            Err(error) => error,
            Ok(report) => panic!("{:?} succeeded:\n{report}", self.operation),
        }
    }

    /// The names of the handlers that ran, in order.
    #[track_caller]
    pub fn handlers(&self) -> Vec<&str> {
        self.report().handlers()
    }

    /// Whether a flag is set and kept.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.contains(flag)
    }

    /// What the unit has written to the first relation of an endpoint, without the addresses that Juju writes.
    #[track_caller]
    pub fn unit_bag(&self, endpoint: &str) -> Databag {
        crate::world::unit_bag(&self.model, &self.unit, endpoint)
    }

    /// What the unit's application has written to the first relation of an endpoint.
    #[track_caller]
    pub fn application_bag(&self, endpoint: &str) -> Databag {
        crate::world::application_bag(&self.model, &self.unit, endpoint)
    }

    /// The unit's open ports: `2379/tcp`.
    pub fn ports(&self) -> Vec<String> {
        let unit = self.model.unit(&self.unit);
        let ports: BTreeSet<_> = unit
            .into_iter()
            .flat_map(|unit| &unit.ports)
            .map(|port| &port.range)
            .collect();
        ports.into_iter().map(ToString::to_string).collect()
    }
}
