//! Finding processes by a variable in their environment, whoever their parent is now, and signalling them.
//!
//! It plays the part of control groups: every process of a model carries the model's UUID, every process of a machine the
//! machine's number, every process of a service the unit's name.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long the start of a program may leave a process without an environment.
const EXEC_PATIENCE_MS: u32 = 10;

/// All living processes (zombies are not) of this user whose environment has all these variables with these values, in
/// ascending order, without the calling process.
#[must_use]
pub fn with_variables(variables: &[(&str, &str)]) -> Vec<Pid> {
    let wanted: Vec<Vec<u8>> = variables
        .iter()
        .map(|(name, value)| format!("{name}={value}").into_bytes())
        .collect();
    let has_all = |pid: &Pid| {
        environment(*pid).is_some_and(|environment| {
            wanted.iter().all(|variable| {
                environment
                    .split(|byte| *byte == 0)
                    .any(|found| found == variable.as_slice())
            })
        })
    };
    all().into_iter().filter(has_all).collect()
}

/// A variable in the environment that a process was started with.
#[must_use]
pub fn variable(pid: Pid, name: &str) -> Option<String> {
    let prefix = format!("{name}=");
    let environment = environment(pid)?;
    let found = environment
        .split(|byte| *byte == 0)
        .find_map(|entry| entry.strip_prefix(prefix.as_bytes()));
    found.map(|value| String::from_utf8_lossy(value).into_owned())
}

/// Sends a signal to each; a process that is gone already is fine.
pub fn signal_all(pids: &[Pid], signal: Signal) {
    for pid in pids {
        // The only other failure is a process of somebody else, which the search cannot have returned.
        let _ = kill_process(*pid, signal);
    }
}

/// All living processes in these process groups.
pub(crate) fn in_groups(groups: &BTreeSet<i32>) -> Vec<Pid> {
    if groups.is_empty() {
        return Vec::new();
    }
    all()
        .into_iter()
        .filter(|pid| group_of_living(*pid).is_some_and(|group| groups.contains(&group)))
        .collect()
}

/// Sends a signal to the whole of these groups at once, and to these processes where they are in none of them.
pub(crate) fn signal_groups(groups: &BTreeSet<i32>, pids: &[Pid], signal: Signal) {
    for group in groups.iter().filter_map(|group| Pid::from_raw(*group)) {
        // A group without members is gone, which is fine.
        let _ = kill_process_group(group, signal);
    }
    let others: Vec<Pid> = pids
        .iter()
        .copied()
        .filter(|pid| group_of_living(*pid).is_some_and(|group| !groups.contains(&group)))
        .collect();
    signal_all(&others, signal);
}

/// All processes but ourselves, in ascending order.
fn all() -> Vec<Pid> {
    let own = rustix::process::getpid();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw));
    let mut pids: Vec<Pid> = pids.filter(|pid| *pid != own).collect();
    pids.sort_by_key(|pid| pid.as_raw_nonzero());
    pids
}

/// A zombie's environment reads as empty, somebody else's cannot be read. That of a process which is just becoming another
/// program reads as empty too, for a moment: it is looked at again.
fn environment(pid: Pid) -> Option<Vec<u8>> {
    for _ in 0..EXEC_PATIENCE_MS {
        let environment = std::fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).ok()?;
        // Neither zombies nor the kernel's own threads have a program.
        if !environment.is_empty() || std::fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero())).is_err() {
            return Some(environment);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Some(Vec::new())
}

/// The process group; `None` for zombies and those gone. The fields stand behind the name, which may hold anything.
fn group_of_living(pid: Pid) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let group = fields.nth(1)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    #[test]
    fn a_process_is_found_by_its_mark_and_by_its_group() {
        let mark = format!("{}-{:p}", std::process::id(), &0);
        let mut child = Command::new("sleep")
            .arg("60")
            .env("MJ_TEST_MARK", &mark)
            .process_group(0)
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        let group = BTreeSet::from([pid.as_raw_nonzero().get()]);
        assert_eq!(with_variables(&[("MJ_TEST_MARK", &mark)]), [pid]);
        assert_eq!(variable(pid, "MJ_TEST_MARK"), Some(mark.clone()));
        assert_eq!(in_groups(&group), [pid]);
        signal_groups(&group, &[pid], Signal::KILL);
        child.wait().unwrap();
        assert_eq!(with_variables(&[("MJ_TEST_MARK", &mark)]), []);
        assert_eq!(in_groups(&group), []);
    }
}
