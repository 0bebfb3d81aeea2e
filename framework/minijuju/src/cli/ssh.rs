//! `ssh`: a command, or a shell, in the environment of a unit's machine. There is no network in between.

use std::io::{self, IsTerminal as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus};

use super::args::{Global, Ssh};
use super::failure::Failure;
use super::session::Session;
use crate::protocol::{Request, Target};

/// Options of OpenSSH that take a value.
const WITH_VALUE: &str = "BbcDEeFIiJLlmOopQRSWw";
/// What a shell keeps of the caller's environment.
const KEPT: [&str; 5] = ["TERM", "COLORTERM", "LANG", "TZ", "NO_COLOR"];

/// `ssh`. The exit code is the command's own.
pub(crate) fn ssh(global: &Global, args: &Ssh) -> Result<(), Failure> {
    let (target, words) = args
        .words
        .split_first()
        .ok_or_else(|| Failure::usage("no target name specified"))?;
    let command = command_words(words);
    let target = find(&mut Session::open(global)?, target)?;
    let mut shell = shell(&target);
    if command.is_empty() {
        interactive(&mut shell, &target);
    } else {
        // As with ssh, the far side's shell reads the words again.
        shell.arg("-c").arg(command.join(" "));
    }
    let status = shell
        .status()
        .map_err(|error| Failure::new(format!("cannot run bash: {error}")))?;
    match exit_code(status) {
        0 => Ok(()),
        code => Err(Failure::silent(code)),
    }
}

/// Where `[user@]<unit or machine>` lives.
pub(crate) fn find(session: &mut Session, target: &str) -> Result<Target, Failure> {
    let target = target.rsplit_once('@').map_or(target, |(_, target)| target);
    session.get(&Request::Target {
        target: target.to_owned(),
    })
}

/// The words behind ssh's own options.
fn command_words(words: &[String]) -> &[String] {
    let mut rest = words;
    while let Some((first, others)) = rest.split_first() {
        if first == "--" {
            return others;
        }
        let Some(letters) = first.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            return rest;
        };
        let takes_next = letters.len() == 1 && WITH_VALUE.contains(letters);
        rest = if takes_next {
            others.get(1..).unwrap_or_default()
        } else {
            others
        };
    }
    rest
}

fn shell(target: &Target) -> Command {
    let mut shell = Command::new("/bin/bash");
    shell.env_clear();
    shell.envs(std::env::vars_os().filter(|(name, _)| KEPT.iter().any(|kept| name == kept)));
    shell
        .envs(&target.env)
        .envs([("USER", "ubuntu"), ("LOGNAME", "ubuntu"), ("SHELL", "/bin/bash")]);
    shell.current_dir(target.root.join("home/ubuntu"));
    let programs = target.root.join("usr/local/bin");
    if let Some(path) = target.env.get("PATH").filter(|_| programs.is_dir()) {
        shell.env("PATH", format!("{}:{path}", programs.display()));
    }
    shell
}

fn interactive(shell: &mut Command, target: &Target) {
    if io::stdin().is_terminal() {
        shell
            .args(["--noprofile", "--norc", "-i"])
            .env("PS1", format!("ubuntu@machine-{}:\\w\\$ ", target.machine));
    }
    // The name by which a shell knows that it is one.
    shell.arg0("bash");
}

fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_of_ssh_are_skipped() {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (line, command) in [
            ("ls -l", "ls -l"),
            ("-v -o X=y -p 22 ls -l", "ls -l"),
            ("-oX=y -- ls", "ls"),
            ("-t", ""),
            ("-o", ""),
            ("", ""),
            ("- x", "- x"),
        ] {
            assert_eq!(command_words(&words(line)), words(command), "{line}");
        }
    }
}
