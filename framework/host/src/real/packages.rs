//! Packages of the real machine, through `apt-get`.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::RealHost;
use crate::{Command, Host, HostError};

/// How long an installation may take; killing one in the middle does harm.
const TIMEOUT: Duration = Duration::from_secs(45 * 60);

/// Where packages ask whether they may start their services.
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// "No" to every question. The second line tells a leftover of ours from an administrator's own policy.
const POLICY_SCRIPT: &[u8] = b"#!/bin/sh\n# Written by a charm while it installs packages.\nexit 101\n";

/// Installs the packages that are missing.
pub(super) fn install(host: &RealHost, packages: &[&str]) -> Result<(), HostError> {
    let missing = missing(host, packages)?;
    if missing.is_empty() {
        return PolicyGuard::leftover(host).lift();
    }
    let guard = PolicyGuard::set(host)?;
    let command = apt_get()
        .args(["install", "--no-install-recommends", "--"])
        .args(missing);
    let mut output = host.run(&command)?;
    if !output.success() {
        // Perhaps an installation was interrupted, or the package lists are old. Whether mending works shows in the
        // second attempt, whose error is the one that counts.
        let _ = host.run(&with_defaults(Command::new("dpkg").args([
            "--configure",
            "-a",
            "--force-confold",
        ])));
        let _ = host.run(&apt_get().arg("update"));
        output = host.run(&command)?;
    }
    guard.lift()?;
    output.checked(&command).map(drop)
}

/// The packages that dpkg does not list as installed. One with a wanted version (`name=1.2`) always counts as missing.
fn missing<'a>(host: &RealHost, packages: &[&'a str]) -> Result<Vec<&'a str>, HostError> {
    let format = "--showformat=${Package} ${db:Status-Status}\\n";
    let query = Command::new("dpkg-query")
        .args(["--show", format, "--"])
        .args(packages.iter().copied());
    // It fails if it does not know one of the packages, and still prints the others.
    let text = host.run(&query)?.stdout_text();
    let installed: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_suffix(" installed"))
        .collect();
    Ok(packages
        .iter()
        .copied()
        .filter(|package| !installed.contains(package))
        .collect())
}

fn apt_get() -> Command {
    with_defaults(Command::new("apt-get").args([
        "--assume-yes",
        "--option=DPkg::Options::=--force-confold",
        "--option=DPkg::Lock::Timeout=600",
    ]))
}

fn with_defaults(command: Command) -> Command {
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("APT_LISTCHANGES_FRONTEND", "none")
        .timeout(TIMEOUT)
}

/// While this lives, packages do not start services. An administrator's own policy is left alone.
struct PolicyGuard<'a> {
    host: &'a RealHost,
    ours: bool,
}

impl PolicyGuard<'_> {
    fn set(host: &RealHost) -> Result<PolicyGuard<'_>, HostError> {
        let path = Path::new(POLICY);
        let ours = host.read(path)?.is_none_or(|content| content == POLICY_SCRIPT);
        if ours {
            host.write(path, POLICY_SCRIPT, 0o755)?;
        }
        Ok(PolicyGuard { host, ours })
    }

    /// What stays of a guard when the hook that installed the packages was killed.
    fn leftover(host: &RealHost) -> PolicyGuard<'_> {
        let content = host.read(Path::new(POLICY));
        let ours = matches!(content, Ok(Some(content)) if content == POLICY_SCRIPT);
        PolicyGuard { host, ours }
    }

    /// Ends the guard, and says if that failed.
    fn lift(mut self) -> Result<(), HostError> {
        if std::mem::take(&mut self.ours) {
            self.host.remove(Path::new(POLICY))
        } else {
            Ok(())
        }
    }
}

impl Drop for PolicyGuard<'_> {
    fn drop(&mut self) {
        if self.ours {
            // Reached only on the way out with another error, which is the one to report.
            let _ = self.host.remove(Path::new(POLICY));
        }
    }
}
