//! Services as a small state machine.
//!
//! ```text
//!              start               crash
//!  inactive ──────────▶ active ──────────▶ failed
//!     ▲  │ start --no-block ▲ time passes     │
//!     │  └──▶ activating ───┘                 │ start, restart
//!     └──────────── stop ◀────────────────────┘ as from inactive
//! ```
//!
//! A start that the test wants to fail ends in `failed`, at once or, without waiting, when time passes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::{ActiveState, HostError, ServiceAction, ServiceState};

/// All services of a machine.
#[derive(Debug, Default)]
pub(super) struct Services {
    known: BTreeMap<String, Service>,
    log: Vec<(String, ServiceAction)>,
    last_pid: u32,
}

#[derive(Debug, Clone)]
struct Service {
    /// Exists without a unit file of the charm.
    declared: bool,
    enabled: bool,
    active: ActiveState,
    main_pid: Option<u32>,
    result: String,
    /// The result that the test wants starts to end with.
    failure: Option<String>,
}

impl Default for Service {
    fn default() -> Service {
        let (active, result) = (ActiveState::Inactive, "success".to_owned());
        Service {
            declared: false,
            enabled: false,
            active,
            main_pid: None,
            result,
            failure: None,
        }
    }
}

/// The place of a charm's unit file.
pub(super) fn unit_path(name: &str) -> PathBuf {
    PathBuf::from(format!("/etc/systemd/system/{}.service", short(name)))
}

fn short(name: &str) -> &str {
    name.strip_suffix(".service").unwrap_or(name)
}

impl Services {
    fn get(&mut self, name: &str) -> &mut Service {
        self.known.entry(short(name).to_owned()).or_default()
    }

    pub(super) fn add(&mut self, name: &str) {
        self.get(name).declared = true;
    }

    pub(super) fn fail(&mut self, name: &str, result: Option<&str>) {
        self.get(name).failure = result.map(str::to_owned);
    }

    pub(super) fn crash(&mut self, name: &str, result: &str) {
        let service = self.get(name);
        (service.active, service.main_pid, service.result) = (ActiveState::Failed, None, result.to_owned());
    }

    pub(super) fn log(&self) -> Vec<(String, ServiceAction)> {
        self.log.clone()
    }

    pub(super) fn is_enabled(&self, name: &str) -> bool {
        self.known.get(short(name)).is_some_and(|service| service.enabled)
    }

    pub(super) fn state(&self, name: &str) -> ServiceState {
        let service = self.known.get(short(name)).cloned().unwrap_or_default();
        ServiceState {
            active: service.active,
            main_pid: service.main_pid,
            result: service.result,
        }
    }

    /// Does something to a service, which must have a unit file or have been declared.
    pub(super) fn act(&mut self, name: &str, action: ServiceAction, has_file: bool) -> Result<(), HostError> {
        let refused = |reason: String| HostError::Service {
            name: name.to_owned(),
            action,
            reason,
        };
        self.last_pid += 1;
        let pid = 1000 + self.last_pid;
        let service = self.get(name);
        if !has_file && !service.declared {
            return Err(refused(format!("Unit {}.service not found.", short(name))));
        }
        let running = service.active == ActiveState::Active;
        match action {
            ServiceAction::Start if running => {}
            ServiceAction::Start | ServiceAction::Restart => service.start(pid).map_err(refused)?,
            ServiceAction::StartNoBlock if running => {}
            ServiceAction::StartNoBlock => {
                (service.active, service.main_pid) = (ActiveState::Activating, Some(pid));
            }
            ServiceAction::Stop => {
                (service.active, service.main_pid, service.result) =
                    (ActiveState::Inactive, None, "success".to_owned());
            }
            ServiceAction::Reload if running => {}
            ServiceAction::Reload => return Err(refused("the service is not active".to_owned())),
            ServiceAction::Enable => service.enabled = true,
            ServiceAction::Disable => service.enabled = false,
        }
        self.log.push((short(name).to_owned(), action));
        Ok(())
    }

    /// Ends all starts that nobody waits for.
    pub(super) fn settle(&mut self) {
        for service in self
            .known
            .values_mut()
            .filter(|service| service.active == ActiveState::Activating)
        {
            let pid = service.main_pid.unwrap_or_default();
            // How it ended is in the service's state.
            let _ = service.start(pid);
        }
    }
}

impl Service {
    fn start(&mut self, pid: u32) -> Result<(), String> {
        match &self.failure {
            None => {
                (self.active, self.main_pid, self.result) = (ActiveState::Active, Some(pid), "success".to_owned());
                Ok(())
            }
            Some(result) => {
                (self.active, self.main_pid, self.result) = (ActiveState::Failed, None, result.clone());
                Err(format!("the service failed with result '{result}'"))
            }
        }
    }
}
