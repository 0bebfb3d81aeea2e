//! Models: add, list, show, switch, destroy; and the version.

use std::io::{self, BufRead as _, Write as _};
use std::os::unix::net::UnixStream;

use model::Time;
use model::status::FullStatus;
use rustix::process::Signal;
use serde_json::{Map, Value, json};

use super::args::{AddModel, DestroyModel, Format, Global, ShowModel, Version};
use super::duration;
use super::failure::Failure;
use super::output;
use super::session::{Ended, NO_MODEL, News, Session, current_model, model_name, set_current_model, short_name};
use crate::daemon::JUJU_VERSION;
use crate::machine::processes::{signal_all, with_variables};
use crate::paths::{ENV_MODEL_UUID, Home, ModelPaths};
use crate::protocol::Request;

/// There is one controller, and it is not there.
const CONTROLLER: &str = "minijuju";
const CONTROLLER_UUID: &str = "6d696e69-6a75-4a75-8000-000000000000";
const CLOUD: &str = "localhost";
const OWNER: &str = "admin";
/// After so many dead daemons `destroy-model` gives up.
const DAEMONS_AT_MOST: usize = 10;

/// `add-model`
pub(crate) fn add(args: &AddModel) -> Result<(), Failure> {
    let home = Home::from_env()?;
    add_named(&home, short_name(&args.name), !args.no_switch).map(|_| ())
}

/// Adds a model with a running daemon.
pub(crate) fn add_named(home: &Home, name: &str, switch: bool) -> Result<Session, Failure> {
    let paths = home.create_model(name)?;
    let session = Session::to(paths)?;
    if switch {
        set_current_model(home, Some(name))?;
    }
    output::info(&format!("Added '{name}' model on {CLOUD} for user '{OWNER}'"));
    Ok(session)
}

/// `switch`
pub(crate) fn switch(target: Option<&str>) -> Result<(), Failure> {
    let home = Home::from_env()?;
    let current = current_model(&home)?.map(|name| full_name(&name));
    let Some(target) = target else {
        return output::data(&format!("{}\n", current.ok_or_else(|| Failure::new(NO_MODEL))?));
    };
    let name = short_name(target);
    home.model(name)?;
    let new = full_name(name);
    if current.as_deref() == Some(new.as_str()) {
        output::info(&format!("{new} (no change)"));
    } else {
        set_current_model(&home, Some(name))?;
        output::info(&format!("{} -> {new}", current.unwrap_or_default()));
    }
    Ok(())
}

fn full_name(name: &str) -> String {
    format!("{CONTROLLER}:{OWNER}/{name}")
}

/// `models`. Models whose daemon does not run are not woken up for this.
pub(crate) fn list(format: Format) -> Result<(), Failure> {
    let home = Home::from_env()?;
    let current = current_model(&home)?;
    let mut found = Vec::new();
    for name in home.models()? {
        let paths = home.model(&name)?;
        let status = status_if_running(&paths);
        found.push((paths, status));
    }
    if format != Format::Tabular {
        let models: Vec<Value> = found
            .iter()
            .map(|(paths, status)| Value::Object(facts(paths, status.as_ref(), true)))
            .collect();
        let mut value = json!({ "models": models });
        if let (Some(current), Some(map)) = (current, value.as_object_mut()) {
            map.insert("current-model".into(), current.into());
        }
        return output::formatted(format, &value);
    }
    if found.is_empty() {
        output::info(&format!(
            "There are no models hosted on controller {CONTROLLER:?}. To add one: minijuju add-model <name>"
        ));
        return Ok(());
    }
    let header = [
        "Model",
        "Cloud/Region",
        "Type",
        "Status",
        "Machines",
        "Units",
        "Access",
        "Last connection",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(
        found
            .iter()
            .map(|(paths, status)| row(paths, status.as_ref(), current.as_deref())),
    );
    output::data(&format!("Controller: {CONTROLLER}\n\n{}", output::table(&rows)))
}

fn row(paths: &ModelPaths, status: Option<&FullStatus>, current: Option<&str>) -> Vec<String> {
    let mark = if current == Some(paths.name()) { "*" } else { "" };
    let count = |count: Option<usize>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
    let units = status.map(|status| {
        status
            .applications
            .values()
            .map(|application| application.units.len())
            .sum()
    });
    vec![
        format!("{}{mark}", paths.name()),
        CLOUD.into(),
        "process".into(),
        if status.is_some() { "available" } else { "stopped" }.into(),
        count(status.map(|status| status.machines.len())),
        count(units),
        OWNER.into(),
        "just now".into(),
    ]
}

fn status_if_running(paths: &ModelPaths) -> Option<FullStatus> {
    UnixStream::connect(paths.control_socket()).ok()?;
    Session::to(paths.clone()).ok()?.get(&Request::Status).ok()
}

/// `show-model`
pub(crate) fn show(global: &Global, args: &ShowModel) -> Result<(), Failure> {
    let home = Home::from_env()?;
    let name = match &args.name {
        Some(name) => short_name(name).to_owned(),
        None => model_name(&home, global)?,
    };
    let mut session = Session::to(home.model(&name)?)?;
    let status: FullStatus = session.get(&Request::Status)?;
    let mut facts = facts(session.paths(), Some(&status), false);
    facts.insert(
        "users".into(),
        json!({ OWNER: { "access": "admin", "last-connection": "just now" } }),
    );
    let machines = status
        .machines
        .keys()
        .map(|number| (number.to_string(), json!({ "cores": 0 })));
    facts.insert("machines".into(), Value::Object(machines.collect()));
    output::formatted(args.format, &json!({ name: facts }))
}

fn facts(paths: &ModelPaths, status: Option<&FullStatus>, in_list: bool) -> Map<String, Value> {
    let current = status.map_or("suspended", |status| status.model.model_status.current.as_str());
    let mut facts = Map::new();
    let mut put = |key: &str, value: Value| facts.insert(key.to_owned(), value);
    put("name", format!("{OWNER}/{}", paths.name()).into());
    put("short-name", paths.name().into());
    put("model-uuid", paths.uuid().into());
    put("model-type", "iaas".into());
    put("controller-uuid", CONTROLLER_UUID.into());
    put("controller-name", CONTROLLER.into());
    put("is-controller", false.into());
    put("owner", OWNER.into());
    put("cloud", CLOUD.into());
    put("type", "process".into());
    put("life", "alive".into());
    put(
        "status",
        json!({ "current": current, "since": Time(paths.file().created_ms).status_text() }),
    );
    if in_list {
        put("access", OWNER.into());
        put("last-connection", "just now".into());
    }
    put("agent-version", JUJU_VERSION.into());
    facts
}

/// `destroy-model`
pub(crate) fn destroy(args: &DestroyModel) -> Result<(), Failure> {
    let home = Home::from_env()?;
    let name = short_name(&args.name);
    let paths = home.model(name)?;
    let timeout_ms = args
        .timeout
        .as_deref()
        .map(|text| duration::parse_millis("--timeout", text))
        .transpose()?;
    let session = match Session::to(paths.clone()) {
        Err(failure) if args.force => {
            output::info(&format!("WARNING {failure}"));
            confirm_destruction(name, None, args.no_prompt)?;
            return destroy_without_daemon(&home, &paths);
        }
        Err(failure) => {
            let text = format!("{failure}; with --force the model is removed without its daemon");
            return Err(Failure::new(text));
        }
        Ok(session) => session,
    };
    destroy_by_daemon(&home, session, args, timeout_ms)
}

fn destroy_by_daemon(
    home: &Home,
    mut session: Session,
    args: &DestroyModel,
    timeout_ms: Option<u64>,
) -> Result<(), Failure> {
    let paths = session.paths().clone();
    let status: FullStatus = session.get(&Request::Status)?;
    confirm_destruction(paths.name(), Some(&status), args.no_prompt)?;
    output::info("Destroying model");
    let request = Request::DestroyModel {
        force: args.force,
        timeout_ms,
    };
    // A daemon that dies half-way has recorded how far it came, and the next one goes on.
    for _ in 0..DAEMONS_AT_MOST {
        let ended = session.follow(&request, |news| {
            if let News::Progress(text) = news {
                output::info(&text);
            }
            Ok(())
        })?;
        match ended {
            Ended::Answered(Err(failure)) => return Err(failure),
            Ended::Answered(Ok(_)) => session.await_end()?,
            Ended::Lost if home.model(paths.name()).is_ok() => {
                session = Session::to(paths.clone())?;
                continue;
            }
            Ended::Lost => {}
        }
        forget(home, paths.name())?;
        output::info("Model destroyed.");
        return Ok(());
    }
    Err(Failure::new(format!(
        "the daemon of model {:?} dies again and again",
        paths.name()
    )))
}

fn forget(home: &Home, name: &str) -> Result<(), Failure> {
    let file = fs_err::read_to_string(home.current_model_file()).unwrap_or_default();
    if file.trim() == name {
        set_current_model(home, None)
    } else {
        Ok(())
    }
}

fn confirm_destruction(name: &str, status: Option<&FullStatus>, no_prompt: bool) -> Result<(), Failure> {
    if no_prompt {
        return Ok(());
    }
    output::info(&format!(
        "WARNING This command will destroy the {name:?} model and affect the following resources. It cannot be stopped.\n"
    ));
    if let Some(status) = status {
        let machines: Vec<String> = status.machines.keys().map(|number| format!("{number:?}")).collect();
        let applications: Vec<String> = status.applications.keys().map(|name| format!("{name:?}")).collect();
        for (kind, verb, names) in [
            ("machine", "destroyed", machines),
            ("application", "removed", applications),
        ] {
            let (count, list) = (names.len(), names.join(", "));
            match count {
                0 => {}
                1 => output::info(&format!(" - 1 {kind} will be {verb}\n  - {kind} list: {list}")),
                _ => output::info(&format!(" - {count} {kind}s will be {verb}\n  - {kind} list: {list}")),
            }
        }
        output::info("");
    }
    let answer = prompt("To continue, enter the name of the model to be unregistered: ")?;
    if answer == name {
        Ok(())
    } else {
        Err(Failure::new("destroying model: aborted"))
    }
}

/// `Continue [y/N]?`, as Juju asks before it removes things.
pub(crate) fn confirm(what: &str) -> Result<(), Failure> {
    let answer = prompt("Continue [y/N]? ")?;
    if matches!(answer.to_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(Failure::new(format!("{what}: aborted")))
    }
}

fn prompt(question: &str) -> Result<String, Failure> {
    io::stderr().write_all(question.as_bytes())?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// For a model whose daemon cannot start any more: everything that carries its mark ends, everything it has goes.
fn destroy_without_daemon(home: &Home, paths: &ModelPaths) -> Result<(), Failure> {
    let marks = [(ENV_MODEL_UUID, paths.uuid())];
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let left = with_variables(&marks);
        if left.is_empty() {
            break;
        }
        if std::time::Instant::now() > deadline {
            return Err(Failure::new(format!(
                "cannot end {} process(es) of model {:?}",
                left.len(),
                paths.name()
            )));
        }
        signal_all(&left, Signal::KILL);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    for dir in [paths.runtime_dir(), paths.dir().to_owned()] {
        match fs_err::remove_dir_all(dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    forget(home, paths.name())?;
    output::info("Model destroyed.");
    Ok(())
}

/// `version`
pub(crate) fn version(args: &Version) -> Result<(), Failure> {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let version = format!("{JUJU_VERSION}-ubuntu-{arch}");
    let value = if args.all {
        json!({ "version": version, "git-commit": "", "git-tree-state": "clean", "compiler": "rustc", "minijuju": env!("CARGO_PKG_VERSION") })
    } else {
        Value::from(version.clone())
    };
    match args.format {
        Format::Tabular if !args.all => output::data(&format!("{version}\n")),
        format => output::formatted(format, &value),
    }
}
