//! Services of the real machine, through `systemctl` on `PATH`.
//!
//! These are all the command lines that are used; a stand-in for systemd has to understand no others (`N` is the
//! service's name):
//!
//! ```text
//! systemctl start|stop|restart|reload|enable|disable N.service
//! systemctl start --no-block N.service
//! systemctl show --property=ActiveState,MainPID,Result N.service
//! systemctl show --property=NeedDaemonReload N.service
//! systemctl daemon-reload
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::RealHost;
use crate::command::tail;
use crate::{ActiveState, Command, Host, HostError, ServiceAction, ServiceState};

/// How long `systemctl` may take. systemd itself gives services 90 seconds to start or to stop, so twice that for both.
const TIMEOUT: Duration = Duration::from_secs(200);

pub(super) fn act(host: &RealHost, name: &str, action: ServiceAction) -> Result<(), HostError> {
    let unit = unit(name)?;
    let no_block = (action == ServiceAction::StartNoBlock).then_some("--no-block");
    let command = systemctl([action.verb()]).args(no_block).arg(unit);
    let output = host.run(&command)?;
    if output.success() {
        return Ok(());
    }
    let words = tail(&output.stderr);
    let reason = if words.is_empty() { output.status() } else { words };
    Err(HostError::Service {
        name: name.to_owned(),
        action,
        reason,
    })
}

/// Writes the unit's file. The service manager is asked to read it if it changed, or if it did not read an earlier change
/// (as when a hook was killed between the two).
pub(super) fn write_unit_file(host: &RealHost, name: &str, content: &str) -> Result<bool, HostError> {
    let unit = unit(name)?;
    let path = PathBuf::from("/etc/systemd/system").join(&unit);
    let changed = host.write(&path, content.as_bytes(), 0o644)?;
    if changed
        || show(host, &unit, "NeedDaemonReload")?
            .get("NeedDaemonReload")
            .is_some_and(|need| need == "yes")
    {
        let reload = systemctl(["daemon-reload"]);
        host.run(&reload)?.checked(&reload)?;
    }
    Ok(changed)
}

pub(super) fn state(host: &RealHost, name: &str) -> Result<ServiceState, HostError> {
    let properties = show(host, &unit(name)?, "ActiveState,MainPID,Result")?;
    let get = |name: &str| properties.get(name).map_or("", String::as_str);
    let active = match get("ActiveState") {
        "active" | "reloading" | "refreshing" => ActiveState::Active,
        "activating" => ActiveState::Activating,
        "failed" => ActiveState::Failed,
        _ => ActiveState::Inactive,
    };
    let main_pid = get("MainPID").parse().ok().filter(|pid| *pid != 0);
    Ok(ServiceState {
        active,
        main_pid,
        result: get("Result").to_owned(),
    })
}

fn show(host: &RealHost, unit: &str, properties: &str) -> Result<BTreeMap<String, String>, HostError> {
    let command = systemctl(["show"]).arg(format!("--property={properties}")).arg(unit);
    let text = host.run(&command)?.checked(&command)?.stdout_text();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn systemctl<const N: usize>(args: [&str; N]) -> Command {
    Command::new("systemctl").args(args).timeout(TIMEOUT)
}

/// The unit's name, checked, as it becomes an argument and a file name.
fn unit(name: &str) -> Result<String, HostError> {
    let name = name.strip_suffix(".service").unwrap_or(name);
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":-_.@".contains(c);
    if name.is_empty() || name.starts_with(['-', '.']) || !name.chars().all(allowed) {
        return Err(HostError::ServiceName { name: name.to_owned() });
    }
    Ok(format!("{name}.service"))
}
