//! `systemctl` of a process machine: the verbs that charms use, with systemd's output and exit statuses.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::protocol::{InstallChange, Reply, Request, UnitReport, Verb};
use super::systemctl_text as text;
use super::unit_file::signal;
use crate::paths::ENV_MACHINE_SOCKET;

/// How long an answer may take that needs no job: a booting `minit` stops leftovers first.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

const NO_UNITS: &str = "Too few arguments.";
const NOT_BOOTED: &str = "System has not been booted with systemd as init system (PID 1). Can't operate.";

/// Asks a machine's `minit` and waits for its reply.
pub fn ask(socket: &Path, request: &Request) -> io::Result<Reply> {
    let mut connection = UnixStream::connect(socket)?;
    if !matches!(request, Request::Act { .. }) {
        connection.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    }
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    connection.write_all(&line)?;
    let mut answer = String::new();
    if BufReader::new(connection).read_line(&mut answer)? == 0 {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the machine's init closed the connection",
        ));
    }
    Ok(serde_json::from_str(&answer)?)
}

/// Runs `systemctl` with the arguments after the program's name; gives the exit status.
pub fn main(arguments: &[String], environment: &BTreeMap<String, String>) -> i32 {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run(arguments, environment, &mut out, &mut err).unwrap_or(1);
    // With stdout or stderr closed there is nobody left to tell.
    let _ = io::stdout().write_all(&out);
    let _ = io::stderr().write_all(&err);
    code
}

fn run(
    arguments: &[String],
    environment: &BTreeMap<String, String>,
    out: &mut Vec<u8>,
    err: &mut Vec<u8>,
) -> io::Result<i32> {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(problem) => {
            writeln!(err, "{problem}")?;
            return Ok(1);
        }
    };
    if options.version {
        writeln!(out, "systemd 252 (minijuju)")?;
        return Ok(0);
    }
    let Some(socket) = environment.get(ENV_MACHINE_SOCKET).filter(|socket| !socket.is_empty()) else {
        writeln!(err, "{NOT_BOOTED}\nFailed to connect to bus: Host is down")?;
        return Ok(1);
    };
    let mut front = Front {
        socket: Path::new(socket),
        options: &options,
        out,
        err,
    };
    match front.verb() {
        Ok(code) => Ok(code),
        Err(error) => {
            writeln!(err, "Failed to connect to bus: {error}")?;
            Ok(1)
        }
    }
}

/// The command line, options anywhere.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    verb: String,
    units: Vec<String>,
    no_block: bool,
    quiet: bool,
    now: bool,
    value: bool,
    all: bool,
    no_legend: bool,
    version: bool,
    main_only: bool,
    properties: Vec<String>,
    signal: Option<String>,
    lines: Option<usize>,
    states: Vec<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Options, String> {
        let mut options = Options::default();
        let mut words = Vec::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if !argument.starts_with('-') || argument == "-" {
                words.push(argument.clone());
                continue;
            }
            let (name, attached) = split_option(argument);
            let mut value = || {
                let next = || rest.next().cloned();
                attached
                    .clone()
                    .or_else(next)
                    .ok_or_else(|| format!("systemctl: option '{name}' requires an argument"))
            };
            match name {
                "-p" | "--property" => options.properties.extend(value()?.split(',').map(str::to_owned)),
                "-P" => {
                    options.properties.extend(value()?.split(',').map(str::to_owned));
                    options.value = true;
                }
                "-s" | "--signal" => options.signal = Some(value()?),
                "--kill-whom" | "--kill-who" => options.main_only = value()? == "main",
                "-n" | "--lines" => options.lines = value()?.parse().ok(),
                "--state" => options.states.extend(value()?.split(',').map(str::to_owned)),
                "-t" | "--type" | "-o" | "--output" => drop(value()?),
                _ if !options.set(name) => return Err(format!("systemctl: unrecognized option '{argument}'")),
                _ => {}
            }
        }
        let mut words = words.into_iter();
        options.verb = words.next().unwrap_or_else(|| "list-units".into());
        options.units = words.map(|word| complete(&word)).collect();
        Ok(options)
    }

    /// Options without a value; several letters may stand together.
    fn set(&mut self, name: &str) -> bool {
        match name {
            "--no-block" => self.no_block = true,
            "--quiet" => self.quiet = true,
            "--now" => self.now = true,
            "--value" => self.value = true,
            "--all" => self.all = true,
            "--no-legend" | "--legend" => self.no_legend = true,
            "--version" => self.version = true,
            "--no-pager" | "--full" | "--system" | "--force" | "--plain" | "--wait" | "--no-reload"
            | "--no-ask-password" => {}
            _ if name.starts_with("--") => return false,
            _ => return name.len() > 1 && name[1..].chars().all(|letter| self.set_letter(letter)),
        }
        true
    }

    fn set_letter(&mut self, letter: char) -> bool {
        match letter {
            'q' => self.quiet = true,
            'a' => self.all = true,
            'l' | 'f' => {}
            _ => return false,
        }
        true
    }
}

/// `--x=y` and `-py` carry their value.
fn split_option(argument: &str) -> (&str, Option<String>) {
    if argument.starts_with("--") {
        return argument
            .split_once('=')
            .map_or((argument, None), |(name, value)| (name, Some(value.to_owned())));
    }
    let name = argument.get(..2).unwrap_or(argument);
    let takes_value = matches!(name, "-p" | "-P" | "-s" | "-n" | "-t" | "-o");
    if takes_value && argument.len() > 2 {
        (name, argument.get(2..).map(str::to_owned))
    } else {
        (argument, None)
    }
}

/// A name without a type is a service.
fn complete(name: &str) -> String {
    const TYPES: [&str; 9] = [
        ".service", ".socket", ".target", ".timer", ".mount", ".path", ".slice", ".device", ".scope",
    ];
    if TYPES.iter().any(|suffix| name.ends_with(suffix)) {
        name.to_owned()
    } else {
        format!("{name}.service")
    }
}

struct Front<'a> {
    socket: &'a Path,
    options: &'a Options,
    out: &'a mut Vec<u8>,
    err: &'a mut Vec<u8>,
}

impl Front<'_> {
    fn verb(&mut self) -> io::Result<i32> {
        match self.options.verb.as_str() {
            "start" => self.act(Verb::Start),
            "stop" => self.act(Verb::Stop),
            "restart" => self.act(Verb::Restart),
            "try-restart" | "condrestart" => self.act(Verb::TryRestart),
            "reload" => self.act(Verb::Reload),
            "reload-or-restart" | "force-reload" => self.act(Verb::ReloadOrRestart),
            "reset-failed" => self.act(Verb::ResetFailed),
            "enable" => self.install(InstallChange::Enable, Some(Verb::Start)),
            "disable" => self.install(InstallChange::Disable, Some(Verb::Stop)),
            "mask" => self.install(InstallChange::Mask, Some(Verb::Stop)),
            "unmask" => self.install(InstallChange::Unmask, None),
            "kill" => self.kill(),
            "cat" => self.with_units(|front| {
                front.simple(&Request::Cat {
                    units: front.options.units.clone(),
                })
            }),
            "daemon-reload" | "daemon-reexec" => self.simple(&Request::DaemonReload),
            "is-active" => self.check(
                3,
                |unit| unit.active_state.clone(),
                |unit| unit.active_state == "active",
            ),
            "is-failed" => self.check(
                1,
                |unit| unit.active_state.clone(),
                |unit| unit.active_state == "failed",
            ),
            "is-enabled" => self.is_enabled(),
            "is-system-running" => {
                writeln!(self.out, "running")?;
                Ok(0)
            }
            "status" => self.status(),
            "show" => self.show(),
            "list-units" => self.list(),
            other => {
                writeln!(self.err, "Unknown command verb {other}.")?;
                Ok(1)
            }
        }
    }

    fn with_units(&mut self, run: impl FnOnce(&mut Self) -> io::Result<i32>) -> io::Result<i32> {
        if self.options.units.is_empty() {
            writeln!(self.err, "{NO_UNITS}")?;
            return Ok(1);
        }
        run(self)
    }

    fn simple(&mut self, request: &Request) -> io::Result<i32> {
        let reply = ask(self.socket, request)?;
        for line in &reply.output {
            writeln!(self.out, "{}", line.trim_end())?;
        }
        self.complain(&reply)
    }

    fn act(&mut self, verb: Verb) -> io::Result<i32> {
        if verb == Verb::ResetFailed && self.options.units.is_empty() {
            let units = self
                .query(0)?
                .into_iter()
                .filter(|unit| unit.active_state == "failed")
                .map(|unit| unit.id)
                .collect();
            return self.act_on(verb, units);
        }
        self.with_units(|front| front.act_on(verb, front.options.units.clone()))
    }

    fn act_on(&mut self, verb: Verb, units: Vec<String>) -> io::Result<i32> {
        let reply = ask(
            self.socket,
            &Request::Act {
                verb,
                units,
                no_block: self.options.no_block,
            },
        )?;
        self.complain(&reply)
    }

    fn install(&mut self, change: InstallChange, now: Option<Verb>) -> io::Result<i32> {
        self.with_units(|front| {
            let units = front.options.units.clone();
            let reply = ask(
                front.socket,
                &Request::Install {
                    change,
                    units: units.clone(),
                },
            )?;
            if !front.options.quiet {
                for line in &reply.output {
                    writeln!(front.err, "{line}")?;
                }
            }
            match (front.complain(&reply)?, now) {
                (0, Some(verb)) if front.options.now => front.act_on(verb, units),
                (code, _) => Ok(code),
            }
        })
    }

    fn kill(&mut self) -> io::Result<i32> {
        self.with_units(|front| {
            let name = front.options.signal.as_deref().unwrap_or("TERM");
            let Some(signal) = signal(name) else {
                writeln!(front.err, "Failed to parse signal string {name}.")?;
                return Ok(1);
            };
            front.simple(&Request::Kill {
                units: front.options.units.clone(),
                signal,
                main_only: front.options.main_only,
            })
        })
    }

    fn query(&mut self, log_lines: usize) -> io::Result<Vec<UnitReport>> {
        Ok(ask(
            self.socket,
            &Request::Query {
                units: self.options.units.clone(),
                log_lines,
            },
        )?
        .units)
    }

    /// One word a unit; 0 if any passes.
    fn check(
        &mut self,
        code: i32,
        word: impl Fn(&UnitReport) -> String,
        passes: impl Fn(&UnitReport) -> bool,
    ) -> io::Result<i32> {
        self.with_units(|front| {
            let units = front.query(0)?;
            if !front.options.quiet {
                for unit in &units {
                    writeln!(front.out, "{}", word(unit))?;
                }
            }
            Ok(if units.iter().any(passes) { 0 } else { code })
        })
    }

    fn is_enabled(&mut self) -> io::Result<i32> {
        let missing: Vec<String> = self
            .query(0)?
            .into_iter()
            .filter(|unit| unit.unit_file_state.is_empty())
            .map(|unit| unit.id)
            .collect();
        if let Some(name) = missing.first() {
            writeln!(
                self.err,
                "Failed to get unit file state for {name}: No such file or directory"
            )?;
            return Ok(1);
        }
        self.check(
            1,
            |unit| unit.unit_file_state.clone(),
            |unit| matches!(unit.unit_file_state.as_str(), "enabled" | "static"),
        )
    }

    fn status(&mut self) -> io::Result<i32> {
        let units = self.query(self.options.lines.unwrap_or(10))?;
        let mut code = 0;
        for (index, unit) in units.iter().enumerate() {
            if unit.load_state == "not-found" && unit.active_state == "inactive" {
                writeln!(self.err, "Unit {} could not be found.", unit.id)?;
                code = 4;
                continue;
            }
            if index > 0 {
                writeln!(self.out)?;
            }
            self.out.extend(text::status(unit, crate::paths::now_ms()).into_bytes());
            if !matches!(unit.active_state.as_str(), "active" | "reloading") {
                code = 3;
            }
        }
        Ok(code)
    }

    fn show(&mut self) -> io::Result<i32> {
        let units = self.query(0)?;
        for (index, unit) in units.iter().enumerate() {
            if index > 0 {
                writeln!(self.out)?;
            }
            self.out
                .extend(text::show(unit, &self.options.properties, self.options.value).into_bytes());
        }
        Ok(0)
    }

    fn list(&mut self) -> io::Result<i32> {
        let mut units = self.query(0)?;
        units.retain(|unit| self.options.all || unit.active_state != "inactive");
        let wanted = |unit: &UnitReport| {
            let states = [&unit.load_state, &unit.active_state, &unit.sub_state];
            self.options.states.is_empty() || states.iter().any(|state| self.options.states.contains(state))
        };
        units.retain(wanted);
        self.out
            .extend(text::list(&units, !self.options.no_legend).into_bytes());
        Ok(0)
    }

    fn complain(&mut self, reply: &Reply) -> io::Result<i32> {
        for line in &reply.warnings {
            writeln!(self.err, "{line}")?;
        }
        for error in &reply.errors {
            writeln!(self.err, "{}", error.text)?;
        }
        Ok(reply.errors.last().map_or(0, |error| error.code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_stand_anywhere() {
        let options = parse("--no-block restart etcd -q a.socket").unwrap();
        assert_eq!(
            (options.verb.as_str(), options.no_block, options.quiet),
            ("restart", true, true)
        );
        assert_eq!(options.units, ["etcd.service", "a.socket"]);
        let options = parse("show -pMainPID,Result --property=SubState -p Id etcd --value").unwrap();
        assert_eq!(options.properties, ["MainPID", "Result", "SubState", "Id"]);
        assert!(options.value);
        assert_eq!(parse("kill -s HUP etcd").unwrap().signal.as_deref(), Some("HUP"));
        assert_eq!(parse("status etcd -n0 --no-pager -l").unwrap().lines, Some(0));
        assert_eq!(parse("").unwrap().verb, "list-units");
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert_eq!(
            parse("start --later x").unwrap_err(),
            "systemctl: unrecognized option '--later'"
        );
        assert_eq!(parse("start -x y").unwrap_err(), "systemctl: unrecognized option '-x'");
        assert_eq!(
            parse("kill x -s").unwrap_err(),
            "systemctl: option '-s' requires an argument"
        );
    }

    #[test]
    fn without_a_machine_it_fails_as_on_a_host_without_systemd() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = ["is-active".to_owned(), "x".to_owned()];
        assert_eq!(run(&arguments, &BTreeMap::new(), &mut out, &mut err).unwrap(), 1);
        assert!(String::from_utf8(err).unwrap().starts_with(NOT_BOOTED));
    }
}
