//! `config.yaml`: the options an operator can set, with their types and defaults.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::yaml::{self, YamlError};

/// The options of a charm by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigOptions(pub BTreeMap<String, OptionSpec>);

/// One option.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OptionSpec {
    /// What values it takes.
    #[serde(rename = "type", default)]
    pub type_: OptionType,
    /// The value while nobody has set one; `None` leaves the option unset.
    #[serde(default)]
    pub default: Option<Value>,
    /// What it is for.
    #[serde(default)]
    pub description: String,
}

/// The types of options.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptionType {
    /// Any text.
    #[default]
    String,
    /// A whole number of 64 bits.
    Int,
    /// A number.
    Float,
    /// True or false.
    Boolean,
    /// The URI of a secret.
    Secret,
}

/// A config file or a value that Juju would refuse.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// Not YAML, or of the wrong shape.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// No `options` in it.
    #[error("invalid config: empty configuration")]
    Empty,
    /// A type that Juju does not know.
    #[error("invalid config: option {option:?} has unknown type {type_:?}")]
    UnknownType {
        /// The option.
        option: String,
        /// What stands in the file.
        type_: String,
    },
    /// A default of the wrong type.
    #[error("invalid config default: {0}")]
    Default(Box<ConfigError>),
    /// No such option.
    #[error("unknown option {0:?}")]
    UnknownOption(String),
    /// A value of the wrong type.
    #[error("option {option:?} expected {expected}, got {got}")]
    Value {
        /// The option.
        option: String,
        /// The type it has.
        expected: OptionType,
        /// The value as given, quoted if it is text.
        got: String,
    },
}

impl ConfigOptions {
    /// Parses and checks the text of `config.yaml`.
    pub fn parse(file: &str, text: &str) -> Result<ConfigOptions, ConfigError> {
        let raw: Option<RawConfig> = yaml::from_str(file, text)?;
        let options = raw.and_then(|raw| raw.options).ok_or(ConfigError::Empty)?;
        options
            .into_iter()
            .map(|(name, raw)| raw.check(&name).map(|spec| (name, spec)))
            .collect::<Result<_, _>>()
            .map(ConfigOptions)
    }

    /// The option of that name.
    pub fn get(&self, name: &str) -> Result<&OptionSpec, ConfigError> {
        self.0
            .get(name)
            .ok_or_else(|| ConfigError::UnknownOption(name.to_owned()))
    }

    /// Reads the text that an operator gave for an option, by the option's type.
    pub fn validate(&self, name: &str, text: &str) -> Result<Value, ConfigError> {
        let spec = self.get(name)?;
        spec.type_
            .parse(text)
            .ok_or_else(|| spec.type_.mismatch(name, &Value::from(text)))
    }

    /// Checks a typed value, as a YAML settings file gives it.
    pub fn validate_value(&self, name: &str, value: &Value) -> Result<Value, ConfigError> {
        let spec = self.get(name)?;
        spec.type_.accept(value).ok_or_else(|| spec.type_.mismatch(name, value))
    }

    /// The defaults of the options that have one.
    pub fn defaults(&self) -> Map<String, Value> {
        self.0
            .iter()
            .filter_map(|(name, spec)| spec.default.clone().map(|value| (name.clone(), value)))
            .collect()
    }
}

impl OptionType {
    /// Reads text as this type, in the spellings that Juju takes.
    fn parse(self, text: &str) -> Option<Value> {
        match self {
            OptionType::String => Some(Value::from(text)),
            OptionType::Int => text.parse::<i64>().ok().map(Value::from),
            OptionType::Float => text
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite())
                .map(Value::from),
            OptionType::Boolean => parse_bool(text).map(Value::from),
            OptionType::Secret => is_secret_uri(text).then(|| Value::from(text)),
        }
    }

    /// Takes a value that already has a type.
    fn accept(self, value: &Value) -> Option<Value> {
        match (self, value) {
            (OptionType::String, Value::String(_)) | (OptionType::Boolean, Value::Bool(_)) => Some(value.clone()),
            (OptionType::Int, Value::Number(number)) => whole(number).map(Value::from),
            (OptionType::Float, Value::Number(number)) => number.as_f64().map(Value::from),
            (OptionType::Secret, Value::String(text)) => is_secret_uri(text).then(|| value.clone()),
            _ => None,
        }
    }

    fn mismatch(self, option: &str, got: &Value) -> ConfigError {
        ConfigError::Value {
            option: option.to_owned(),
            expected: self,
            got: got.to_string(),
        }
    }
}

impl fmt::Display for OptionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OptionType::String => "string",
            OptionType::Int => "int",
            OptionType::Float => "float",
            OptionType::Boolean => "boolean",
            OptionType::Secret => "secret",
        })
    }
}

/// A JSON number that is whole, also when it was written as `2.0`.
fn whole(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
        format!("{float:.0}").parse().ok()
    })
}

/// The spellings of Go's `strconv.ParseBool`.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// `secret:<20 characters>`, optionally with a model in front of the id, or empty.
fn is_secret_uri(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let Some(rest) = text.strip_prefix("secret:") else {
        return false;
    };
    let id = rest.rsplit('/').next().unwrap_or(rest);
    id.len() == 20
        && id
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'v').contains(&byte))
}

#[derive(Deserialize)]
struct RawConfig {
    options: Option<BTreeMap<String, RawOption>>,
}

#[derive(Deserialize)]
struct RawOption {
    #[serde(rename = "type")]
    type_: Option<String>,
    default: Option<Value>,
    description: Option<String>,
}

impl RawOption {
    fn check(self, name: &str) -> Result<OptionSpec, ConfigError> {
        let type_ = match self.type_.as_deref() {
            None | Some("" | "string") => OptionType::String,
            Some("int") => OptionType::Int,
            Some("float") => OptionType::Float,
            Some("boolean") => OptionType::Boolean,
            Some("secret") => OptionType::Secret,
            Some(other) => {
                return Err(ConfigError::UnknownType {
                    option: name.to_owned(),
                    type_: other.to_owned(),
                });
            }
        };
        let default = match self.default {
            None | Some(Value::Null) => None,
            Some(value) => Some(
                type_
                    .accept(&value)
                    .ok_or_else(|| ConfigError::Default(Box::new(type_.mismatch(name, &value))))?,
            ),
        };
        Ok(OptionSpec {
            type_,
            default,
            description: self.description.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const OPTIONS: &str = "options:\n  port: {type: int, default: 2379}\n  channel: {default: auto, description: d}\n  tls: {type: boolean}\n  rate: {type: float, default: 1}\n  empty: {type: string, default: ''}\n  key: {type: secret}\n";

    fn options() -> ConfigOptions {
        ConfigOptions::parse("config.yaml", OPTIONS).unwrap()
    }

    #[track_caller]
    fn error(text: &str) -> String {
        ConfigOptions::parse("config.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn types_and_defaults() {
        let options = options();
        assert_eq!(options.0["port"].default, Some(json!(2379)));
        assert_eq!(options.0["channel"].type_, OptionType::String);
        assert_eq!(options.0["tls"].default, None);
        assert_eq!(options.0["rate"].default, Some(json!(1.0)));
        assert_eq!(options.defaults().len(), 4);
        let json = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<ConfigOptions>(&json).unwrap(), options);
    }

    #[test]
    fn files_that_juju_refuses() {
        assert_eq!(error(""), "invalid config: empty configuration");
        assert_eq!(error("other: 1"), "invalid config: empty configuration");
        assert_eq!(
            error("options: {x: {type: int, default: a}}"),
            "invalid config default: option \"x\" expected int, got \"a\""
        );
        assert_eq!(
            error("options: {x: {default: 5}}"),
            "invalid config default: option \"x\" expected string, got 5"
        );
        assert_eq!(
            error("options: {x: {type: list}}"),
            "invalid config: option \"x\" has unknown type \"list\""
        );
    }

    #[test]
    fn an_empty_options_map_is_fine() {
        assert_eq!(
            ConfigOptions::parse("config.yaml", "options: {}").unwrap(),
            ConfigOptions::default()
        );
    }

    #[test]
    fn what_operators_type_is_read_by_the_type() {
        let options = options();
        assert_eq!(options.validate("port", "-5").unwrap(), json!(-5));
        assert_eq!(options.validate("tls", "T").unwrap(), json!(true));
        assert_eq!(options.validate("rate", "2.5").unwrap(), json!(2.5));
        assert_eq!(options.validate("channel", "").unwrap(), json!(""));
        assert_eq!(
            options.validate("key", "secret:abcdefghijklmnopqr01").unwrap(),
            json!("secret:abcdefghijklmnopqr01")
        );
        let text = |name: &str, value: &str| options.validate(name, value).unwrap_err().to_string();
        assert_eq!(text("port", "5.5"), "option \"port\" expected int, got \"5.5\"");
        assert_eq!(text("tls", "yes"), "option \"tls\" expected boolean, got \"yes\"");
        assert_eq!(text("rate", "NaN"), "option \"rate\" expected float, got \"NaN\"");
        assert_eq!(
            text("key", "secret:short"),
            "option \"key\" expected secret, got \"secret:short\""
        );
        assert_eq!(text("prot", "1"), "unknown option \"prot\"");
    }

    #[test]
    fn typed_values_are_checked() {
        let options = options();
        assert_eq!(options.validate_value("port", &json!(5)).unwrap(), json!(5));
        assert_eq!(options.validate_value("port", &json!(2.0)).unwrap(), json!(2));
        assert!(options.validate_value("port", &json!("5")).is_err());
        assert!(options.validate_value("channel", &json!(true)).is_err());
    }
}
