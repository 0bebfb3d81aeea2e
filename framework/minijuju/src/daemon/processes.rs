//! Ending the processes of a model, a machine or a hook, whoever their parent is now.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::machine::processes::{signal_all, with_variables};

/// Ends all processes (except this one) that were started with these variables: asks, waits for `grace`, then kills, until
/// none is left. False if some survived ten more seconds of killing. Blocks.
pub(crate) fn end_all(variables: &[(&str, &str)], grace: Duration) -> bool {
    let started = Instant::now();
    let mut asked = BTreeSet::new();
    loop {
        let left = with_variables(variables);
        if left.is_empty() {
            return true;
        }
        let elapsed = started.elapsed();
        if elapsed > grace + Duration::from_secs(10) {
            return false;
        }
        if elapsed >= grace {
            signal_all(&left, Signal::KILL);
        } else {
            let unasked: Vec<Pid> = left
                .into_iter()
                .filter(|pid| asked.insert(pid.as_raw_nonzero()))
                .collect();
            signal_all(&unasked, Signal::TERM);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Kills a process group at once; a group that is gone already is no error.
pub(crate) fn kill_group(leader: u32) {
    if let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // The only other error is a group that exists no more.
        let _gone = kill_process_group(pid, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn stubborn_processes_are_ended_too() {
        let mark = format!("processes-test-{}", std::process::id());
        let script = "trap '' TERM; sleep 60 & wait; wait; wait";
        let mut child = Command::new("/bin/bash")
            .arg("-c")
            .arg(script)
            .env("MINIJUJU_TEST", &mark)
            .spawn()
            .unwrap();
        let reaper = std::thread::spawn(move || child.wait().unwrap());
        let deadline = Instant::now() + Duration::from_secs(10);
        while with_variables(&[("MINIJUJU_TEST", mark.as_str())]).len() < 2 {
            assert!(Instant::now() < deadline, "the child was never found");
        }
        assert!(end_all(&[("MINIJUJU_TEST", mark.as_str())], Duration::from_millis(200)));
        assert!(!reaper.join().unwrap().success());
    }
}
