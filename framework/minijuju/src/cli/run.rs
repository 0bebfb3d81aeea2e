//! `run` and `exec`, and the commands that look at tasks afterwards.

use std::io::{self, IsTerminal as _};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::args::{Exec, Format, Global, Run, ShowTask, Waiting};
use super::duration;
use super::failure::Failure;
use super::output;
use super::session::{News, Session};
use super::tasks;
use crate::protocol::{OperationReport, Request, TaskReport};

/// How long `run` and `exec` wait unless told.
const DEFAULT_WAIT_MS: u64 = 60_000;
/// How long `--watch` waits: as long as it takes.
const FOREVER_MS: u64 = 365 * 24 * 3600 * 1000;

/// `run`
pub(crate) fn run(global: &Global, args: Run) -> Result<(), Failure> {
    let wait_ms = args.waiting.millis()?;
    let words = Words::parse(&args.words)?;
    let mut params = match &args.params {
        Some(file) => package::yaml::from_str(&file.display().to_string(), &fs_err::read_to_string(file)?)?,
        None => Map::new(),
    };
    for (key, value) in &words.arguments {
        let value = if args.string_args {
            Value::from(value.as_str())
        } else {
            yaml_value(key, value)?
        };
        insert(&mut params, key, value)?;
    }
    let mut session = Session::open(global)?;
    let request = Request::Run {
        units: words.units,
        action: words.action,
        params,
        wait_ms: None,
    };
    let done = operate(&mut session, &request, wait_ms, global.quiet)?;
    show(&done, wait_ms.is_some(), args.format, tasks::plain_action)
}

/// `exec`
pub(crate) fn exec(global: &Global, args: Exec) -> Result<(), Failure> {
    let wait_ms = args.waiting.millis()?;
    if args.command.is_empty() {
        return Err(Failure::usage("no commands specified"));
    }
    if args.unit.is_empty() && args.application.is_empty() && args.machine.is_empty() && !args.all {
        return Err(Failure::usage(
            "You must specify a target, either through --all, --machine, --application or --unit",
        ));
    }
    let mut session = Session::open(global)?;
    let request = Request::Exec {
        units: args.unit,
        applications: args.application,
        machines: args.machine,
        all: args.all,
        command: shell_command(&args.command),
        wait_ms: None,
    };
    let done = operate(&mut session, &request, wait_ms, global.quiet)?;
    show(&done, wait_ms.is_some(), args.format, |tasks| {
        Ok(tasks::plain_command(tasks))
    })
}

impl Waiting {
    /// `None` = in the background.
    fn millis(&self) -> Result<Option<u64>, Failure> {
        match (&self.wait, self.background) {
            (Some(_), true) => Err(Failure::usage("cannot specify both --wait and --background")),
            (Some(text), false) => duration::parse_millis("--wait", text).map(Some),
            (None, true) => Ok(None),
            (None, false) => Ok(Some(DEFAULT_WAIT_MS)),
        }
    }
}

/// Schedules an operation and waits for it unless it is to run in the background. Nothing scheduled is an error, as in Juju 4
/// (Juju 3 says the same words and exits with 0, which hides the mistake from scripts).
fn operate(
    session: &mut Session,
    request: &Request,
    wait_ms: Option<u64>,
    quiet: bool,
) -> Result<OperationReport, Failure> {
    let scheduled: OperationReport = session.get(request)?;
    if scheduled.tasks.is_empty() {
        output::info(&format!(
            "Operation {} failed to schedule any tasks:\n{}",
            scheduled.id,
            scheduled.errors.join("\n")
        ));
        return Err(Failure::silent(1));
    }
    if !scheduled.errors.is_empty() {
        output::info(&format!(
            "Some actions could not be scheduled:\n{}\n",
            scheduled.errors.join("\n")
        ));
    }
    let Some(wait_ms) = wait_ms else {
        output::info(&background_text(&scheduled));
        return Ok(scheduled);
    };
    if !quiet {
        output::info(&running_text(&scheduled));
    }
    let log = scheduled.tasks.len() == 1 && io::stderr().is_terminal() && !quiet;
    let request = Request::ShowOperation {
        operation: scheduled.id.clone(),
        wait_ms: Some(wait_ms),
    };
    let done = session.ask_with(&request, |news| {
        if let (News::Progress(text), true) = (news, log) {
            output::info(&text);
        }
        Ok(())
    })?;
    Ok(serde_json::from_value(done)?)
}

fn running_text(scheduled: &OperationReport) -> String {
    let count = scheduled.tasks.len();
    let mut text = format!(
        "Running operation {} with {count} task{}\n",
        scheduled.id,
        if count == 1 { "" } else { "s" }
    );
    for task in &scheduled.tasks {
        text.push_str(&format!("  - task {} on {}\n", task.id, tag(&task.unit)));
    }
    for task in &scheduled.tasks {
        text.push_str(&format!("\nWaiting for task {}...", task.id));
    }
    text
}

fn background_text(scheduled: &OperationReport) -> String {
    let id = &scheduled.id;
    let operation = format!("Check operation status with 'minijuju show-operation {id}'");
    match &scheduled.tasks[..] {
        [task] => {
            let task = &task.id;
            format!(
                "Scheduled operation {id} with task {task}\n{operation}\nCheck task status with 'minijuju show-task {task}'"
            )
        }
        tasks => {
            let lines: String = tasks
                .iter()
                .map(|task| format!("  - task {} on {}\n", task.id, tag(&task.unit)))
                .collect();
            format!(
                "Scheduled operation {id} with {} tasks\n{lines}{operation}\nCheck task status with 'minijuju show-task <id>'",
                tasks.len()
            )
        }
    }
}

fn tag(unit: &str) -> String {
    format!("unit-{}", unit.replace('/', "-"))
}

fn show(
    done: &OperationReport,
    waited: bool,
    format: Format,
    plain: impl Fn(&[TaskReport]) -> Result<String, Failure>,
) -> Result<(), Failure> {
    let (over, waiting): (Vec<_>, Vec<_>) = done.tasks.iter().cloned().partition(|task| task.completed_ms.is_some());
    if !waited {
        return background(&done.tasks);
    }
    if !over.is_empty() {
        match format {
            Format::Tabular => output::data(&plain(&over)?)?,
            other => output::formatted(other, &tasks::by_unit(&over))?,
        }
    }
    if !waiting.is_empty() {
        let units: Vec<String> = waiting.iter().map(|task| format!("unit {}", task.unit)).collect();
        return Err(Failure::new(format!(
            "timed out waiting for results from: {}",
            units.join(", ")
        )));
    }
    tasks::failed(&over)
}

/// What goes to stdout when nobody waits: for several tasks, which is whose.
fn background(tasks: &[TaskReport]) -> Result<(), Failure> {
    if tasks.len() < 2 {
        return Ok(());
    }
    let ids = tasks.iter().map(|task| (task.unit.clone(), json!({ "id": task.id })));
    output::formatted(Format::Yaml, &Value::Object(ids.collect()))
}

/// What was typed after `run`.
#[derive(Debug, PartialEq, Eq)]
struct Words {
    units: Vec<String>,
    action: String,
    arguments: Vec<(String, String)>,
}

impl Words {
    fn parse(words: &[String]) -> Result<Words, Failure> {
        let count = words.iter().take_while(|word| is_unit(word)).count();
        let (units, rest) = words.split_at(count);
        let Some((action, arguments)) = rest.split_first() else {
            return Err(Failure::usage(if units.is_empty() {
                "no unit specified"
            } else {
                "no action specified"
            }));
        };
        if !is_action(action) {
            return Err(Failure::usage(format!("invalid unit or action name {action:?}")));
        }
        if units.is_empty() {
            return Err(Failure::usage("no unit specified"));
        }
        let application = |unit: &String| unit.split('/').next().unwrap_or_default().to_owned();
        if units.iter().any(|unit| application(unit) != application(&units[0])) {
            return Err(Failure::usage("all units must be of the same application"));
        }
        let arguments = arguments
            .iter()
            .map(|argument| split_argument(argument))
            .collect::<Result<_, _>>()?;
        Ok(Words {
            units: units.to_vec(),
            action: action.clone(),
            arguments,
        })
    }
}

fn is_unit(word: &str) -> bool {
    match word.strip_suffix("/leader") {
        Some(application) => application.parse::<juju::ApplicationName>().is_ok(),
        None => word.parse::<juju::UnitName>().is_ok(),
    }
}

fn is_action(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && word
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
}

fn split_argument(argument: &str) -> Result<(String, String), Failure> {
    let (key, value) = argument.split_once('=').ok_or_else(|| {
        Failure::usage(format!(
            "argument {argument:?} must be of the form key.key.key...=value"
        ))
    })?;
    for part in key.split('.') {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let inner = part.chars().all(|c| edge(Some(c)) || c == '-');
        if !(inner && edge(part.chars().next()) && edge(part.chars().next_back())) {
            let rule =
                "must start and end with lowercase alphanumeric, and contain only lowercase alphanumeric and hyphens";
            return Err(Failure::usage(format!("key {part:?} {rule}")));
        }
    }
    Ok((key.to_owned(), value.to_owned()))
}

fn yaml_value(key: &str, text: &str) -> Result<Value, Failure> {
    if text.is_empty() {
        Ok(Value::from(""))
    } else {
        Ok(package::yaml::from_str(key, text)?)
    }
}

/// `a.b=1` goes below `a`; what stands in the way is replaced.
fn insert(params: &mut Map<String, Value>, key: &str, value: Value) -> Result<(), Failure> {
    match key.split_once('.') {
        None => {
            params.insert(key.to_owned(), value);
            Ok(())
        }
        Some((first, rest)) => {
            let below = params.entry(first).or_insert_with(|| json!({}));
            if !below.is_object() {
                *below = json!({});
            }
            match below.as_object_mut() {
                Some(below) => insert(below, rest, value),
                None => Err(Failure::new(format!("cannot set {key:?}"))),
            }
        }
    }
}

/// One word goes to bash as it is; several are quoted.
fn shell_command(words: &[String]) -> String {
    match words {
        [only] => only.clone(),
        several => several.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\"'\"'"))
    }
}

/// `show-task`
pub(crate) fn show_task(global: &Global, args: &ShowTask) -> Result<(), Failure> {
    let request = Request::ShowTask {
        task: args.id.clone(),
        wait_ms: args.millis()?,
    };
    let task: TaskReport = args.ask(global, &request)?;
    match args.format.unwrap_or(Format::Tabular) {
        Format::Tabular => output::data(&tasks::plain_action(&[task])?),
        format => output::formatted(format, &tasks::task(&task)),
    }
}

/// `show-operation`
pub(crate) fn show_operation(global: &Global, args: &ShowTask) -> Result<(), Failure> {
    let request = Request::ShowOperation {
        operation: args.id.clone(),
        wait_ms: args.millis()?,
    };
    let operation: OperationReport = args.ask(global, &request)?;
    output::formatted(args.format.unwrap_or(Format::Yaml), &tasks::operation(&operation))
}

impl ShowTask {
    /// The task's own log is progress only for someone who watches; in the result it stands anyway.
    fn ask<T: DeserializeOwned>(&self, global: &Global, request: &Request) -> Result<T, Failure> {
        let value = Session::open(global)?.ask_with(request, |news| {
            if let (News::Progress(text), true) = (news, self.watch) {
                output::info(&text);
            }
            Ok(())
        })?;
        Ok(serde_json::from_value(value)?)
    }

    fn millis(&self) -> Result<Option<u64>, Failure> {
        match &self.wait {
            Some(text) => duration::parse_millis("--wait", text).map(Some),
            None => Ok(self.watch.then_some(FOREVER_MS)),
        }
    }
}

/// `operations`
pub(crate) fn operations(global: &Global, format: Format) -> Result<(), Failure> {
    let operations: Vec<OperationReport> = Session::open(global)?.get(&Request::Operations)?;
    if format != Format::Tabular {
        let mut all = Map::new();
        for operation in &operations {
            all.extend(tasks::operation(operation).as_object().cloned().unwrap_or_default());
        }
        return output::formatted(format, &Value::Object(all));
    }
    if operations.is_empty() {
        output::info("no matching operations");
        return Ok(());
    }
    let mut rows = vec![
        ["ID", "Status", "Started", "Finished", "Task IDs", "Summary"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(operations.iter().map(row));
    output::data(&output::table(&rows))
}

fn row(operation: &OperationReport) -> Vec<String> {
    let time = |time: Option<u64>| time.map(|time| model::Time(time).iso_text()).unwrap_or_default();
    let started = operation.tasks.iter().filter_map(|task| task.started_ms).min();
    let finished: Option<Vec<u64>> = operation.tasks.iter().map(|task| task.completed_ms).collect();
    let ids: Vec<&str> = operation.tasks.iter().map(|task| task.id.as_str()).collect();
    vec![
        operation.id.clone(),
        operation.status.clone(),
        time(started),
        time(finished.and_then(|times| times.into_iter().max())),
        ids.join(","),
        operation.summary.clone(),
    ]
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
