//! `deploy` and `refresh`: which charm, with which options.

use std::collections::BTreeMap;
use std::path::Path;

use package::CharmInfo;
use serde_json::{Map, Value};

use super::args::{Deploy, Elsewhere, Global, Refresh};
use super::failure::Failure;
use super::models;
use super::output;
use super::session::{Session, current_model};
use crate::paths::Home;
use crate::protocol::{Deployed, Request};

/// The model that `deploy` adds when there is none at all.
const FIRST_MODEL: &str = "default";

/// `deploy`
pub(crate) fn deploy(global: &Global, args: Deploy) -> Result<(), Failure> {
    args.elsewhere.check()?;
    let info = find_charm(&args.charm)?;
    let application = args.application.clone().unwrap_or_else(|| info.metadata.name.clone());
    if info.metadata.subordinate && args.num_units.is_some() {
        return Err(Failure::new(
            "cannot use --num-units or --to with subordinate application",
        ));
    }
    let mut config = settings(&application, &args.config)?;
    // As with Juju, trust can be given as if it were an option.
    let trust = args.trust || config.remove("trust").is_some_and(|value| value == "true");
    let mut session = open_or_add(global)?;
    let request = Request::Deploy {
        charm: std::path::absolute(&args.charm)?,
        application: args.application,
        units: args.num_units,
        config,
    };
    let deployed: Deployed = session.get(&request)?;
    output::info(&format!(
        "Located local charm {:?}, revision {}",
        deployed.charm, deployed.revision
    ));
    let base = if deployed.base.is_empty() {
        String::new()
    } else {
        format!(" on {}", deployed.base)
    };
    let (charm, revision) = (&deployed.charm, deployed.revision);
    output::info(&format!(
        "Deploying {:?} from local charm {charm:?}, revision {revision}{base}",
        deployed.application
    ));
    if trust {
        session.ask(&Request::Trust {
            application: deployed.application,
            trust,
        })?;
    }
    Ok(())
}

/// `refresh`
pub(crate) fn refresh(global: &Global, args: Refresh) -> Result<(), Failure> {
    args.elsewhere.check()?;
    find_charm(&args.path)?;
    let set = settings(&args.application, &args.config)?;
    let mut session = Session::open(global)?;
    let request = Request::Refresh {
        application: args.application.clone(),
        charm: std::path::absolute(&args.path)?,
    };
    let deployed: Deployed = session.get(&request)?;
    output::info(&format!(
        "Added local charm {:?}, revision {}, to the model",
        deployed.charm, deployed.revision
    ));
    if !set.is_empty() {
        session.ask(&Request::ConfigSet {
            application: args.application.clone(),
            set,
            reset: Vec::new(),
        })?;
    }
    if args.trust {
        session.ask(&Request::Trust {
            application: args.application,
            trust: true,
        })?;
    }
    Ok(())
}

/// Somebody's very first command may be `deploy`: then it makes a model.
fn open_or_add(global: &Global) -> Result<Session, Failure> {
    let home = Home::from_env()?;
    let named = global.model.is_some() || std::env::var_os("JUJU_MODEL").is_some_and(|name| !name.is_empty());
    if !named && current_model(&home)?.is_none() && home.models()?.is_empty() {
        return models::add_named(&home, FIRST_MODEL, true);
    }
    Session::open(global)
}

impl Elsewhere {
    /// Says what has no effect here; refuses what would be missed.
    fn check(&self) -> Result<(), Failure> {
        let unsupported = [
            ("--resource", &self.resource),
            ("--storage", &self.storage),
            ("--attach-storage", &self.attach_storage),
            ("--overlay", &self.overlay),
        ];
        if let Some((option, _)) = unsupported.iter().find(|(_, values)| !values.is_empty()) {
            return Err(Failure::usage(format!("{option} is not supported by minijuju")));
        }
        let ignored = [
            ("--base", self.base.is_some()),
            ("--channel", self.channel.is_some()),
            ("--revision", self.revision.is_some()),
            ("--constraints", !self.constraints.is_empty()),
            ("--to", !self.to.is_empty()),
            ("--bind", self.bind.is_some()),
        ];
        for (option, _) in ignored.iter().filter(|(_, given)| *given) {
            output::info(&format!("WARNING {option} has no effect in minijuju"));
        }
        Ok(())
    }
}

/// Juju's rules for what is a path and what is a charm.
fn find_charm(charm: &str) -> Result<CharmInfo, Failure> {
    let path = Path::new(charm);
    if !charm.starts_with(['.', '/']) {
        return Err(not_a_path(charm));
    }
    if !path.exists() {
        return Err(Failure::new(format!("no charm was found at {charm:?}")));
    }
    let info = if path.is_dir() {
        CharmInfo::from_dir(path)
    } else {
        CharmInfo::from_archive(path)
    };
    info.map_err(|error| Failure::new(format!("invalid charm or bundle provided at {charm:?}: {error}")))
}

fn not_a_path(charm: &str) -> Failure {
    if !Path::new(charm).exists() {
        return Failure::new(format!(
            "charm or bundle {charm:?} not found: there is no Charmhub here, only local charms: minijuju deploy ./{charm}"
        ));
    }
    Failure::new(format!(
        "The charm or bundle {charm:?} is ambiguous.\nTo deploy a local charm or bundle, run `minijuju deploy ./{charm}`.\n\
        To deploy a charm or bundle from CharmHub, run `juju deploy ch:{charm}`."
    ))
}

/// Options from `--config`: files first, then `key=value`, whatever their order.
pub(crate) fn settings(application: &str, items: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut settings = BTreeMap::new();
    for file in items.iter().filter(|item| !item.contains('=')) {
        settings.extend(settings_file(application, Path::new(file))?);
    }
    for item in items {
        if let Some((key, value)) = item.split_once('=') {
            settings.insert(key.to_owned(), value_or_file(value)?);
        }
    }
    Ok(settings)
}

/// `@file` stands for the file's content.
pub(crate) fn value_or_file(value: &str) -> Result<String, Failure> {
    match value.strip_prefix('@') {
        None => Ok(value.to_owned()),
        Some(file) => {
            fs_err::read_to_string(file).map_err(|error| Failure::new(format!("cannot read option from file: {error}")))
        }
    }
}

/// A YAML file of options, below the application's name or at the top.
pub(crate) fn settings_file(application: &str, file: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let label = file.display().to_string();
    let text = fs_err::read_to_string(file)?;
    let mut all: Map<String, Value> = package::yaml::from_str(&label, &text)?;
    // `juju config --format yaml` writes more than that around it.
    let below = all.remove(application).or_else(|| all.remove("settings"));
    let own = match below {
        Some(Value::Object(own)) => own,
        Some(_) => return Err(Failure::new(format!("{label}: no settings found for {application:?}"))),
        None => all,
    };
    own.into_iter()
        .map(|(key, value)| setting(&label, key, value))
        .collect()
}

fn setting(label: &str, key: String, value: Value) -> Result<(String, String), Failure> {
    let text = match value {
        Value::String(text) => text,
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Null => String::new(),
        Value::Object(mut map) => return setting(label, key, map.remove("value").unwrap_or_default()),
        Value::Array(_) => return Err(Failure::new(format!("{label}: option {key:?} is a list"))),
    };
    Ok((key, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_as_juju_does() {
        assert_eq!(
            find_charm("./nowhere.charm").unwrap_err().text,
            "no charm was found at \"./nowhere.charm\""
        );
        assert!(
            find_charm("etcd")
                .unwrap_err()
                .text
                .contains("there is no Charmhub here")
        );
        let text = find_charm("src").unwrap_err().text;
        assert!(
            text.starts_with("The charm or bundle \"src\" is ambiguous.\nTo deploy a local"),
            "{text}"
        );
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.charm");
        fs_err::write(&file, "no zip").unwrap();
        let text = find_charm(file.to_str().unwrap()).unwrap_err().text;
        assert!(
            text.starts_with(&format!("invalid charm or bundle provided at {file:?}")),
            "{text}"
        );
    }

    #[test]
    fn a_yaml_mistake_is_located() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("metadata.yaml"), "name: x\nsummary: [\n").unwrap();
        let text = find_charm(dir.path().to_str().unwrap()).unwrap_err().text;
        assert!(
            text.contains("metadata.yaml:2:") || text.contains("metadata.yaml:3:"),
            "{text}"
        );
    }

    #[test]
    fn options_come_from_files_and_arguments() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.yaml");
        let value = dir.path().join("v");
        fs_err::write(&file, "app:\n  port: 1\n  on: yes\n  name: x\nother:\n  port: 9\n").unwrap();
        fs_err::write(&value, "two\nlines\n").unwrap();
        let items = [
            "name=a=b".to_owned(),
            file.display().to_string(),
            format!("text=@{}", value.display()),
        ];
        let expected = [("name", "a=b"), ("on", "true"), ("port", "1"), ("text", "two\nlines\n")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(settings("app", &items).unwrap(), BTreeMap::from(expected));
        fs_err::write(&file, "port: 2\n").unwrap();
        assert_eq!(settings_file("app", &file).unwrap()["port"], "2");
        fs_err::write(&file, "port: [1]\n").unwrap();
        assert!(
            settings_file("app", &file)
                .unwrap_err()
                .text
                .contains("option \"port\" is a list")
        );
    }
}
