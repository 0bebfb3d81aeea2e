//! Unit files: the text of a service and its drop-ins, read into a [`ServiceUnit`].
//!
//! What `minit` cannot honour (users, resource limits, sandboxing, dependencies) is kept as a note, which `systemctl status`
//! shows; what it cannot read makes the unit a bad one, as with systemd.

use std::time::Duration;

use super::timespan;
use super::words;

/// A service as its unit files describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUnit {
    /// `etcd.service`
    pub name: String,
    /// `Description=`, or the name.
    pub description: String,
    /// `Type=`
    pub kind: Kind,
    /// `ExecStart=`; several only with `Type=oneshot`.
    pub start: Vec<Exec>,
    /// `ExecStartPre=` (and `ExecCondition=`, treated alike).
    pub start_pre: Vec<Exec>,
    /// `ExecStartPost=`
    pub start_post: Vec<Exec>,
    /// `ExecReload=`
    pub reload: Vec<Exec>,
    /// `ExecStop=`
    pub stop: Vec<Exec>,
    /// `ExecStopPost=`
    pub stop_post: Vec<Exec>,
    /// `Environment=`, in order.
    pub environment: Vec<(String, String)>,
    /// `EnvironmentFile=`; true = may be absent.
    pub environment_files: Vec<(bool, String)>,
    /// `WorkingDirectory=`; true = may be absent.
    pub working_directory: Option<(bool, String)>,
    /// `StandardOutput=`
    pub output: OutputTo,
    /// `Restart=`
    pub restart: Restart,
    /// `RestartSec=`
    pub restart_delay: Duration,
    /// `StartLimitIntervalSec=` and `StartLimitBurst=`; a zero in either switches the limit off.
    pub start_limit: (Duration, u32),
    /// `TimeoutStartSec=`, if set; see [`ServiceUnit::start_timeout`].
    pub start_timeout: Option<Duration>,
    /// `TimeoutStopSec=`
    pub stop_timeout: Duration,
    /// `KillSignal=`
    pub kill_signal: i32,
    /// `KillMode=`
    pub kill_mode: KillMode,
    /// `SuccessExitStatus=`: more clean exit statuses.
    pub success_statuses: Vec<i32>,
    /// `RestartPreventExitStatus=`
    pub restart_prevent_statuses: Vec<i32>,
    /// `RemainAfterExit=`
    pub remain_after_exit: bool,
    /// `WantedBy=` and `RequiredBy=`; empty: the unit is static.
    pub wanted_by: Vec<String>,
    /// Settings that are not honoured.
    pub notes: Vec<String>,
}

/// `Type=`: when a service counts as started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// At once.
    Simple,
    /// Once the program was executed.
    Exec,
    /// Once it said `READY=1`.
    Notify,
    /// Once it has ended well.
    Oneshot,
}

/// `Restart=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "systemd's own words")]
pub enum Restart {
    No,
    Always,
    OnSuccess,
    OnFailure,
    OnAbnormal,
    OnAbort,
    OnWatchdog,
}

/// `KillMode=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillMode {
    /// Signal all processes of the service.
    ControlGroup,
    /// Signal the main process; kill all in the end.
    Mixed,
    /// Signal the main process only.
    Process,
}

/// `StandardOutput=`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputTo {
    /// The machine's `log/<name>.log`.
    Log,
    /// Nowhere.
    Null,
    /// A file below the machine's root; true = emptied first.
    File(bool, String),
}

/// One command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exec {
    /// Program and arguments, variables not yet expanded.
    pub words: Vec<String>,
    /// `-`: failure is no failure.
    pub ignore_failure: bool,
    /// `:`: no expansion of variables.
    pub literal: bool,
}

/// Why a unit cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadUnit(pub String);

struct Assignment {
    section: String,
    key: String,
    value: String,
}

/// Reads a unit: its file and its drop-ins, in the order they apply.
pub fn parse(name: &str, texts: &[&str], hostname: &str) -> Result<ServiceUnit, BadUnit> {
    let mut unit = ServiceUnit::empty(name);
    for text in texts {
        for assignment in assignments(text, &mut unit.notes) {
            let value = words::specifiers(&assignment.value, name, hostname);
            unit.assign(&assignment.section, &assignment.key, &value)?;
        }
    }
    unit.check()?;
    Ok(unit)
}

fn assignments(text: &str, notes: &mut Vec<String>) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut section = String::new();
    for line in logical_lines(text) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((key, value)) = line.split_once('=') {
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            found.push(Assignment {
                section: section.clone(),
                key,
                value,
            });
        } else {
            notes.push(format!("missing '=', ignoring line: {line}"));
        }
    }
    found
}

/// Lines with continuations joined, without comments and empty ones.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut pending = String::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with(['#', ';']) || (line.is_empty() && pending.is_empty()) {
            continue;
        }
        match line.strip_suffix('\\') {
            Some(begin) => {
                pending.push_str(begin);
                pending.push(' ');
            }
            None => {
                pending.push_str(line);
                lines.push(std::mem::take(&mut pending));
            }
        }
    }
    if !pending.trim().is_empty() {
        lines.push(pending);
    }
    lines
}

impl ServiceUnit {
    /// How long a start may take: 90 s, and any time for `Type=oneshot`, unless the unit says otherwise.
    pub fn start_timeout(&self) -> Duration {
        self.start_timeout.unwrap_or(match self.kind {
            Kind::Oneshot => timespan::INFINITY,
            _ => Duration::from_secs(90),
        })
    }

    fn empty(name: &str) -> ServiceUnit {
        ServiceUnit {
            name: name.to_owned(),
            description: name.to_owned(),
            kind: Kind::Simple,
            start: Vec::new(),
            start_pre: Vec::new(),
            start_post: Vec::new(),
            reload: Vec::new(),
            stop: Vec::new(),
            stop_post: Vec::new(),
            environment: Vec::new(),
            environment_files: Vec::new(),
            working_directory: None,
            output: OutputTo::Log,
            restart: Restart::No,
            restart_delay: Duration::from_millis(100),
            start_limit: (Duration::from_secs(10), 5),
            start_timeout: None,
            stop_timeout: Duration::from_secs(90),
            kill_signal: 15,
            kill_mode: KillMode::ControlGroup,
            success_statuses: Vec::new(),
            restart_prevent_statuses: Vec::new(),
            remain_after_exit: false,
            wanted_by: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn assign(&mut self, section: &str, key: &str, value: &str) -> Result<(), BadUnit> {
        match section {
            "Unit" => self.assign_unit(key, value),
            "Service" => self.assign_service(key, value),
            "Install" => {
                if matches!(key, "WantedBy" | "RequiredBy") {
                    list(&mut self.wanted_by, value, |v| {
                        v.split_whitespace().map(str::to_owned).collect()
                    });
                }
                Ok(())
            }
            _ => {
                self.note(format!("section [{section}], {key}="));
                Ok(())
            }
        }
    }

    fn assign_unit(&mut self, key: &str, value: &str) -> Result<(), BadUnit> {
        match key {
            "Description" => value.clone_into(&mut self.description),
            "StartLimitIntervalSec" | "StartLimitInterval" => self.start_limit.0 = span(key, value)?,
            "StartLimitBurst" => self.start_limit.1 = number(key, value)?,
            // Order and weak dependencies change nothing on a machine whose other services are always there.
            "Documentation" | "After" | "Before" | "Wants" | "DefaultDependencies" => {}
            _ => self.note(format!("{key}={value}")),
        }
        Ok(())
    }

    fn assign_service(&mut self, key: &str, value: &str) -> Result<(), BadUnit> {
        match key {
            "ExecStart" | "ExecStartPre" | "ExecCondition" | "ExecStartPost" | "ExecReload" | "ExecStop"
            | "ExecStopPost" => {
                return self.assign_exec(key, value);
            }
            "Type" => self.kind = kind(value)?,
            "Environment" => self.assign_environment(value)?,
            "EnvironmentFile" => list(&mut self.environment_files, value, |v| vec![optional(v)]),
            "WorkingDirectory" => self.working_directory = (!value.is_empty()).then(|| optional(value)),
            "StandardOutput" => self.output = self.output_to(value),
            "Restart" => self.restart = restart(value)?,
            "RestartSec" => self.restart_delay = span(key, value)?,
            "StartLimitIntervalSec" | "StartLimitInterval" | "StartLimitBurst" => return self.assign_unit(key, value),
            "TimeoutSec" => {
                self.stop_timeout = timeout(key, value)?;
                self.start_timeout = Some(self.stop_timeout);
            }
            "TimeoutStartSec" => self.start_timeout = Some(timeout(key, value)?),
            "TimeoutStopSec" => self.stop_timeout = timeout(key, value)?,
            "KillSignal" => self.kill_signal = signal(value).ok_or_else(|| bad(key, value))?,
            "KillMode" => self.kill_mode = kill_mode(value)?,
            "SuccessExitStatus" => statuses(&mut self.success_statuses, key, value)?,
            "RestartPreventExitStatus" => statuses(&mut self.restart_prevent_statuses, key, value)?,
            "RemainAfterExit" => self.remain_after_exit = boolean(key, value)?,
            "StandardError" | "SyslogIdentifier" | "NotifyAccess" | "OOMScoreAdjust" | "SendSIGKILL" => {}
            _ => self.note(format!("{key}={value}")),
        }
        Ok(())
    }

    fn assign_exec(&mut self, key: &str, value: &str) -> Result<(), BadUnit> {
        let target = match key {
            "ExecStart" => &mut self.start,
            "ExecStartPre" | "ExecCondition" => &mut self.start_pre,
            "ExecStartPost" => &mut self.start_post,
            "ExecReload" => &mut self.reload,
            "ExecStop" => &mut self.stop,
            _ => &mut self.stop_post,
        };
        if value.is_empty() {
            target.clear();
            return Ok(());
        }
        let words = words::split(value).ok_or_else(|| bad(key, value))?;
        // A lone `;` separates commands.
        for words in words.split(|word| word == ";") {
            target.push(exec(words).ok_or_else(|| bad(key, value))?);
        }
        Ok(())
    }

    fn assign_environment(&mut self, value: &str) -> Result<(), BadUnit> {
        if value.is_empty() {
            self.environment.clear();
        }
        for word in words::split(value).ok_or_else(|| bad("Environment", value))? {
            let (name, value) = word.split_once('=').ok_or_else(|| bad("Environment", &word))?;
            self.environment.push((name.to_owned(), value.to_owned()));
        }
        Ok(())
    }

    fn output_to(&mut self, value: &str) -> OutputTo {
        let file = |prefix| value.strip_prefix(prefix).map(str::to_owned);
        if value == "null" {
            OutputTo::Null
        } else if let Some(path) = file("truncate:") {
            OutputTo::File(true, path)
        } else if let Some(path) = file("append:").or_else(|| file("file:")) {
            OutputTo::File(false, path)
        } else {
            OutputTo::Log
        }
    }

    fn note(&mut self, setting: String) {
        self.notes
            .push(format!("{setting} is not honoured in a process machine"));
    }

    fn check(&mut self) -> Result<(), BadUnit> {
        match (self.start.len(), self.kind) {
            (0, _) if self.kind != Kind::Oneshot || self.stop.is_empty() => {
                Err(BadUnit("Service has no ExecStart=, ExecStop=, or SuccessAction=. Refusing.".into()))
            }
            (0 | 1, _) | (_, Kind::Oneshot) => Ok(()),
            _ => Err(BadUnit(
                "Service has more than one ExecStart= setting, which is only allowed for Type=oneshot services. Refusing.".into(),
            )),
        }?;
        let never = matches!(self.restart, Restart::Always | Restart::OnSuccess);
        if self.kind == Kind::Oneshot && never {
            return Err(BadUnit(
                "Service has Restart= set to either always or on-success, which isn't allowed for Type=oneshot services. Refusing."
                    .into(),
            ));
        }
        Ok(())
    }
}

fn bad(key: &str, value: &str) -> BadUnit {
    BadUnit(format!("Failed to parse {key}= value: {value}"))
}

fn list<T>(target: &mut Vec<T>, value: &str, read: impl Fn(&str) -> Vec<T>) {
    if value.is_empty() {
        target.clear()
    } else {
        target.extend(read(value))
    }
}

fn optional(value: &str) -> (bool, String) {
    match value.strip_prefix('-') {
        Some(rest) => (true, rest.to_owned()),
        None => (false, value.to_owned()),
    }
}

fn exec(words: &[String]) -> Option<Exec> {
    let (first, arguments) = words.split_first()?;
    let program = first.trim_start_matches(['-', '@', ':', '+', '!']);
    let prefix = first.strip_suffix(program)?;
    // `@` takes the second word for argv[0]; processes here keep their own name.
    let arguments = if prefix.contains('@') {
        arguments.get(1..)?
    } else {
        arguments
    };
    let words = [&[program.to_owned()], arguments].concat();
    (!program.is_empty()).then(|| Exec {
        words,
        ignore_failure: prefix.contains('-'),
        literal: prefix.contains(':'),
    })
}

fn span(key: &str, value: &str) -> Result<Duration, BadUnit> {
    timespan::parse(value).ok_or_else(|| bad(key, value))
}

/// For the time-outs, zero means none.
fn timeout(key: &str, value: &str) -> Result<Duration, BadUnit> {
    span(key, value).map(|span| if span.is_zero() { timespan::INFINITY } else { span })
}

fn number(key: &str, value: &str) -> Result<u32, BadUnit> {
    value.parse().map_err(|_| bad(key, value))
}

fn boolean(key: &str, value: &str) -> Result<bool, BadUnit> {
    match value {
        "yes" | "true" | "on" | "1" => Ok(true),
        "no" | "false" | "off" | "0" => Ok(false),
        _ => Err(bad(key, value)),
    }
}

fn kind(value: &str) -> Result<Kind, BadUnit> {
    match value {
        "simple" | "idle" => Ok(Kind::Simple),
        "exec" => Ok(Kind::Exec),
        "notify" => Ok(Kind::Notify),
        "oneshot" => Ok(Kind::Oneshot),
        "forking" | "dbus" | "notify-reload" => {
            Err(BadUnit(format!("Type={value} is not supported in a process machine")))
        }
        _ => Err(bad("Type", value)),
    }
}

fn restart(value: &str) -> Result<Restart, BadUnit> {
    Ok(match value {
        "no" => Restart::No,
        "always" => Restart::Always,
        "on-success" => Restart::OnSuccess,
        "on-failure" => Restart::OnFailure,
        "on-abnormal" => Restart::OnAbnormal,
        "on-abort" => Restart::OnAbort,
        "on-watchdog" => Restart::OnWatchdog,
        _ => return Err(bad("Restart", value)),
    })
}

fn kill_mode(value: &str) -> Result<KillMode, BadUnit> {
    match value {
        "control-group" => Ok(KillMode::ControlGroup),
        "mixed" => Ok(KillMode::Mixed),
        "process" | "none" => Ok(KillMode::Process),
        _ => Err(bad("KillMode", value)),
    }
}

fn statuses(target: &mut Vec<i32>, key: &str, value: &str) -> Result<(), BadUnit> {
    if value.is_empty() {
        target.clear();
    }
    for word in value.split_whitespace() {
        // A signal is kept as a negative number.
        let status = word.parse().ok().or_else(|| signal(word).map(|signal| -signal));
        target.push(status.ok_or_else(|| bad(key, word))?);
    }
    Ok(())
}

const SIGNALS: [(&str, i32); 24] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("WINCH", 28),
    ("IO", 29),
    ("SYS", 31),
];

/// A signal's number by name (`SIGTERM`, `TERM`) or number.
pub fn signal(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse::<i32>() {
        return SIGNALS.iter().any(|(_, known)| *known == number).then_some(number);
    }
    let name = text.strip_prefix("SIG").unwrap_or(text);
    SIGNALS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, number)| *number)
}

/// A signal's name without `SIG`.
pub fn signal_name(number: i32) -> String {
    SIGNALS
        .iter()
        .find(|(_, known)| *known == number)
        .map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned())
}

#[cfg(test)]
mod tests;
