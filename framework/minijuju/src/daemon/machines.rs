//! Process machines: made, found again after a restart, rebooted and removed, as the model wants it.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use model::{Event, Life, MachineState};

use super::controller::{Controller, RETRY};
use super::files::remove_tree;
use super::{Message, note, processes};
use crate::machine;
use crate::paths::{ENV_MACHINE_ADDRESS, ENV_MACHINE_ID, ENV_MODEL_UUID, MachinePaths};
use crate::protocol::Level;

/// What this daemon knows of the machines.
#[derive(Debug, Default)]
pub(crate) struct Machines {
    known: BTreeMap<u32, Work>,
}

/// What is being done about a machine. A machine that is not listed has not been looked at yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Preparing,
    Rebooting,
    Ready,
    Removing,
    /// It went wrong; not before this moment again.
    Resting(Instant),
}

impl Machines {
    /// Is its init there, so that hooks can run?
    pub(crate) fn is_ready(&self, number: u32) -> bool {
        self.known.get(&number) == Some(&Work::Ready)
    }

    /// When failed work is due again.
    pub(crate) fn retries(&self) -> impl Iterator<Item = Instant> {
        self.known.values().filter_map(|work| match work {
            Work::Resting(until) => Some(*until),
            _ => None,
        })
    }

    fn wants_work(&self, number: u32, now: Instant) -> bool {
        match self.known.get(&number) {
            None => true,
            Some(Work::Resting(until)) => *until <= now,
            Some(_) => false,
        }
    }
}

impl Controller {
    /// The places of a machine.
    pub(crate) fn machine_paths(&self, number: u32) -> MachinePaths {
        self.paths.machine(&number.to_string())
    }

    /// Makes, reboots and removes machines.
    pub(crate) fn reconcile_machines(&mut self) {
        let machines: Vec<model::Machine> = self.model.machines().cloned().collect();
        for machine in machines {
            let number = machine.number;
            let busy = self.running.values().any(|run| run.machine == number);
            if machine.life != Life::Alive {
                let at_rest = self.machines.is_ready(number) || self.machines.wants_work(number, self.now);
                if at_rest && !busy && !self.is_unpacking_on(number) {
                    self.remove_machine(number);
                }
            } else if machine.reboot_wanted && self.machines.is_ready(number) {
                if !busy {
                    self.reboot_machine(number);
                }
            } else if self.machines.wants_work(number, self.now) {
                self.prepare_machine(number);
            }
        }
    }

    fn is_unpacking_on(&self, number: u32) -> bool {
        self.model
            .units_on(number)
            .any(|unit| self.unpacking.contains(&unit.name))
    }

    fn prepare_machine(&mut self, number: u32) {
        self.machines.known.insert(number, Work::Preparing);
        self.start_machine_work(number, |_| Ok(()));
    }

    /// Everything on the machine ends, then its init is started afresh.
    fn reboot_machine(&mut self, number: u32) {
        self.machines.known.insert(number, Work::Rebooting);
        self.log(
            &format!("machine-{number}"),
            Level::Info,
            "juju.worker.reboot",
            "rebooting",
        );
        let uuid = self.paths.uuid().to_owned();
        self.start_machine_work(number, move |machine| stop_everything(machine, &uuid));
    }

    /// Does `before`, then starts the machine's init, in another thread.
    fn start_machine_work(
        &self,
        number: u32,
        before: impl FnOnce(&MachinePaths) -> Result<(), String> + Send + 'static,
    ) {
        let (paths, programs) = (self.machine_paths(number), self.programs.clone());
        let address = address(self.paths.uuid(), number);
        let to_self = self.to_self.clone();
        tokio::task::spawn_blocking(move || {
            let environment = BTreeMap::from([
                ("PATH".to_owned(), programs.path),
                (ENV_MACHINE_ADDRESS.to_owned(), address),
            ]);
            let result = before(&paths).and_then(|()| {
                machine::start(&paths, &programs.minit, &environment).map_err(|error| error.to_string())
            });
            // Without a controller there is no one left to tell.
            let _ended = to_self.send(Message::MachineReady { number, result });
        });
    }

    /// A machine is up.
    pub(crate) fn machine_ready(&mut self, number: u32, result: Result<(), String>) {
        let rebooted = self.machines.known.get(&number) == Some(&Work::Rebooting);
        let state = self.model.machine(number).map(|machine| machine.state);
        match result {
            Ok(()) => {
                self.machines.known.insert(number, Work::Ready);
                if rebooted || matches!(state, Some(MachineState::Pending | MachineState::Failed)) {
                    let (address, hostname) = (address(self.paths.uuid(), number), hostname(self.paths.uuid(), number));
                    self.report(Event::MachineStarted {
                        machine: number,
                        address,
                        hostname,
                    });
                }
            }
            Err(message) => {
                self.log(
                    &format!("machine-{number}"),
                    Level::Error,
                    "juju.worker.provisioner",
                    &message,
                );
                self.machines
                    .known
                    .insert(number, Work::Resting(Instant::now() + RETRY));
                if state == Some(MachineState::Pending) {
                    self.report(Event::MachineFailed {
                        machine: number,
                        message,
                    });
                }
            }
        }
    }

    /// If the init of a machine has died, it is started again before a hook needs it.
    pub(crate) fn machine_answers(&mut self, number: u32) -> bool {
        let answers = UnixStream::connect(self.machine_paths(number).socket()).is_ok();
        if !answers {
            self.log(
                &format!("machine-{number}"),
                Level::Warning,
                "juju.worker.machiner",
                "init is gone; starting it again",
            );
            self.prepare_machine(number);
        }
        answers
    }

    fn remove_machine(&mut self, number: u32) {
        self.machines.known.insert(number, Work::Removing);
        let (machine, uuid) = (self.machine_paths(number), self.paths.uuid().to_owned());
        let to_self = self.to_self.clone();
        tokio::task::spawn_blocking(move || {
            let result = stop_everything(&machine, &uuid)
                .and_then(|()| remove_tree(machine.dir()).map_err(|error| error.to_string()))
                .and_then(|()| super::files::remove_if_there(machine.socket()).map_err(|error| error.to_string()));
            // Without a controller there is no one left to tell.
            let _ended = to_self.send(Message::MachineGone { number, result });
        });
    }

    /// A machine is no more.
    pub(crate) fn machine_gone(&mut self, number: u32, result: Result<(), String>) {
        match result {
            Ok(()) => {
                self.machines.known.remove(&number);
                self.report(Event::MachineRemoved { machine: number });
                if let Err(error) = self.sweep_agent_sockets() {
                    note(&error.to_string());
                }
            }
            Err(message) => {
                self.log(
                    &format!("machine-{number}"),
                    Level::Error,
                    "juju.worker.provisioner",
                    &message,
                );
                self.machines
                    .known
                    .insert(number, Work::Resting(Instant::now() + RETRY));
            }
        }
    }
}

impl Controller {
    /// Removes the socket directories of units that are no more.
    fn sweep_agent_sockets(&self) -> std::io::Result<()> {
        let tags: BTreeSet<String> = self.model.units().map(|unit| unit.name.tag()).collect();
        for entry in fs_err::read_dir(self.paths.runtime_dir())? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("unit-") && !tags.contains(name.as_ref()) {
                remove_tree(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// Stops the services in their order, then whatever else was started on the machine.
fn stop_everything(machine: &MachinePaths, uuid: &str) -> Result<(), String> {
    if let Err(error) = machine::stop(machine) {
        note(&error.to_string());
    }
    let marks = [(ENV_MODEL_UUID, uuid), (ENV_MACHINE_ID, machine.id())];
    if processes::end_all(&marks, Duration::from_secs(2)) {
        Ok(())
    } else {
        Err(format!("some processes of machine {} cannot be killed", machine.id()))
    }
}

/// A loopback address of the machine's own: `127.a.b.n`, with `a` and `b` from the model's UUID.
pub(crate) fn address(uuid: &str, number: u32) -> String {
    let mut hash: u32 = 0x811C_9DC5;
    for byte in uuid.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    // Never 127.0.x.y, where the host's own names live; n runs from 1 to 254, then b goes on.
    let (a, b) = (1 + (hash >> 8) % 254, (hash + number / 254) % 256);
    format!("127.{a}.{b}.{}", number % 254 + 1)
}

/// The machine's host name, as Juju makes it.
fn hostname(uuid: &str, number: u32) -> String {
    let short: String = uuid.chars().filter(char::is_ascii_hexdigit).collect();
    format!("juju-{}-{number}", &short[short.len().saturating_sub(6)..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn every_machine_has_an_address_of_its_own() {
        let uuid = "6f1f3a5e-8d3c-4c0b-8a52-0f3f6d6f0c11";
        let all: BTreeSet<String> = (0..2000).map(|n| address(uuid, n)).collect();
        assert_eq!(all.len(), 2000);
        for text in all {
            let parsed: Ipv4Addr = text.parse().unwrap();
            assert!(
                parsed.is_loopback() && parsed.octets()[1] != 0 && !matches!(parsed.octets()[3], 0 | 255),
                "{text}"
            );
        }
    }

    #[test]
    fn host_names_are_jujus() {
        assert_eq!(hostname("6f1f3a5e-8d3c-4c0b-8a52-0f3f6d6f0c11", 3), "juju-6f0c11-3");
    }
}
