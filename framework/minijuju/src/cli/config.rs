//! `config`: show, set and reset the options of an application.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::args::{Config, Format, Global};
use super::deploy::{settings_file, value_or_file};
use super::failure::Failure;
use super::output;
use super::session::Session;
use crate::protocol::Request;

/// `config`
pub(crate) fn config(global: &Global, args: Config) -> Result<(), Failure> {
    let wanted = wanted(&args)?;
    let application = args.application;
    let mut session = Session::open(global)?;
    match wanted {
        Wanted::All => output::formatted(args.format, &all(session.ask(&Request::ConfigGet { application })?)),
        Wanted::One(key) => {
            let config = all(session.ask(&Request::ConfigGet {
                application: application.clone(),
            })?);
            output::data(&one(&config, &application, &key, args.format)?)
        }
        Wanted::Change { mut set, reset } => {
            if let Some(trust) = set.remove("trust") {
                session.ask(&Request::Trust {
                    application: application.clone(),
                    trust: trust == "true",
                })?;
            }
            if set.is_empty() && reset.is_empty() {
                return Ok(());
            }
            session
                .ask(&Request::ConfigSet {
                    application,
                    set,
                    reset,
                })
                .map(|_| ())
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    One(String),
    Change {
        set: BTreeMap<String, String>,
        reset: Vec<String>,
    },
}

fn wanted(args: &Config) -> Result<Wanted, Failure> {
    let keys: Vec<&String> = args.items.iter().filter(|item| !item.contains('=')).collect();
    let mut set = match &args.file {
        Some(file) => settings_file(&args.application, file)?,
        None => BTreeMap::new(),
    };
    for (key, value) in args.items.iter().filter_map(|item| item.split_once('=')) {
        set.insert(key.to_owned(), value_or_file(value)?);
    }
    let reset = args.reset.clone();
    match keys[..] {
        [] if set.is_empty() && reset.is_empty() && args.file.is_none() => Ok(Wanted::All),
        [] => match reset.iter().find(|key| set.contains_key(*key)) {
            Some(key) => Err(Failure::usage(format!(
                "key {key:?} cannot be both set and reset in the same command"
            ))),
            None => Ok(Wanted::Change { set, reset }),
        },
        [key] if set.is_empty() && reset.is_empty() => Ok(Wanted::One(key.clone())),
        [_] => Err(Failure::usage("cannot get and set options at the same time")),
        _ => Err(Failure::usage("can only retrieve a single value, or all values")),
    }
}

/// Juju's shape: application, its own settings, charm, the charm's settings by name.
fn all(value: Value) -> Value {
    let part = |key: &str| value.get(key).cloned().unwrap_or_default();
    let trusted = part("trust").as_bool().unwrap_or(false);
    let trust = json!({
        "default": false,
        "description": "Does this application have access to trusted credentials",
        "source": if trusted { "user" } else { "default" },
        "type": "bool",
        "value": trusted,
    });
    let own = value
        .get("application-config")
        .cloned()
        .unwrap_or_else(|| json!({ "trust": trust }));
    let settings = part("settings").as_object().cloned().unwrap_or_default();
    let settings: BTreeMap<String, Value> = settings
        .into_iter()
        .map(|(name, setting)| (name, ordered(&setting)))
        .collect();
    json!({ "application": part("application"), "application-config": own, "charm": part("charm"), "settings": settings })
}

fn ordered(setting: &Value) -> Value {
    let keys = ["default", "description", "source", "type", "value"];
    let present = keys
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), setting.get(key)?.clone())));
    Value::Object(present.collect::<Map<String, Value>>())
}

fn one(config: &Value, application: &str, key: &str, format: Format) -> Result<String, Failure> {
    let setting = config["settings"]
        .get(key)
        .or_else(|| config["application-config"].get(key));
    let Some(setting) = setting else {
        return Err(Failure::new(format!(
            "key {key:?} not found in {application:?} application config or charm settings."
        )));
    };
    match setting.get("value") {
        Some(value) if format == Format::Json => output::render(Format::Json, value),
        None | Some(Value::Null) => Ok("\n".to_owned()),
        Some(Value::String(text)) => Ok(format!("{text}\n")),
        Some(other) => Ok(format!("{other}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(items: &[&str], reset: &[&str]) -> Config {
        let own = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        Config {
            application: "a".into(),
            items: own(items),
            reset: own(reset),
            file: None,
            format: Format::Yaml,
        }
    }

    fn config() -> Value {
        let port = json!({"type": "int", "value": 5, "default": 5, "source": "default", "description": "d"});
        all(
            json!({"application": "a", "charm": "c", "trust": true, "settings": {"port": port, "none": {"type": "string", "source": "unset"}}}),
        )
    }

    #[test]
    fn what_is_wanted_follows_from_the_arguments() {
        assert_eq!(wanted(&args(&[], &[])), Ok(Wanted::All));
        assert_eq!(wanted(&args(&["k"], &[])), Ok(Wanted::One("k".into())));
        let set = BTreeMap::from([("k".to_owned(), "a=b".to_owned())]);
        assert_eq!(
            wanted(&args(&["k=a=b"], &["x"])),
            Ok(Wanted::Change {
                set,
                reset: vec!["x".into()]
            })
        );
        for (items, reset) in [
            (vec!["a", "b"], vec![]),
            (vec!["a", "b=1"], vec![]),
            (vec!["a=1"], vec!["a"]),
            (vec!["a"], vec!["b"]),
        ] {
            assert_eq!(
                wanted(&args(&items, &reset)).unwrap_err().code,
                2,
                "{items:?} {reset:?}"
            );
        }
    }

    #[test]
    fn one_value_is_printed_bare() {
        assert_eq!(one(&config(), "a", "port", Format::Yaml), Ok("5\n".into()));
        assert_eq!(one(&config(), "a", "none", Format::Yaml), Ok("\n".into()));
        assert_eq!(one(&config(), "a", "trust", Format::Yaml), Ok("true\n".into()));
        let text = one(&config(), "a", "x", Format::Yaml).unwrap_err().text;
        assert_eq!(
            text,
            "key \"x\" not found in \"a\" application config or charm settings."
        );
    }

    #[test]
    fn all_values_have_jujus_shape() {
        let text = serde_json::to_string(&config()).unwrap();
        let expected = r#"{"application":"a","application-config":{"trust":{"default":false,"description":"Does this application have access to trusted credentials","source":"user","type":"bool","value":true}},"charm":"c","settings":{"none":{"source":"unset","type":"string"},"port":{"default":5,"description":"d","source":"default","type":"int","value":5}}}"#;
        assert_eq!(text, expected);
    }
}
