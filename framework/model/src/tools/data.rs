//! What a tool prints: a small tree that remembers the differences between Go values which the formats show.

use std::collections::BTreeMap;

use serde_json::Value;

/// A value on its way to a charm.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    /// No value at all (Go's untyped nil).
    Nil,
    /// A map that was never made: `{}` in YAML, `null` in JSON.
    NilMap,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction, or one that is too large for an [`Data::Int`].
    Float(f64),
    /// A text.
    Text(String),
    /// A list of texts, which smart prints line by line.
    Strings(Vec<String>),
    /// Any other list.
    List(Vec<Data>),
    /// A map; its keys are sorted by the writer.
    Map(BTreeMap<String, Data>),
    /// A structure: fields in declared order.
    Struct(Vec<(&'static str, Data)>),
    /// A value that reads differently in JSON than in smart and YAML.
    Split {
        /// For `--format json`.
        json: Box<Data>,
        /// For the other formats.
        yaml: Box<Data>,
    },
}

impl Data {
    /// A text.
    pub(crate) fn text(text: impl Into<String>) -> Data {
        Data::Text(text.into())
    }

    /// A map of texts, such as a databag.
    pub(crate) fn bag<'a>(entries: impl IntoIterator<Item = (&'a String, &'a String)>) -> Data {
        Data::Map(
            entries
                .into_iter()
                .map(|(k, v)| (k.clone(), Data::Text(v.clone())))
                .collect(),
        )
    }
}

impl From<&Value> for Data {
    fn from(value: &Value) -> Data {
        match value {
            Value::Null => Data::Nil,
            Value::Bool(on) => Data::Bool(*on),
            Value::Number(number) => match number.as_i64() {
                Some(int) => Data::Int(int),
                None => Data::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => Data::Text(text.clone()),
            Value::Array(items) => Data::List(items.iter().map(Data::from).collect()),
            Value::Object(map) => Data::Map(map.iter().map(|(k, v)| (k.clone(), Data::from(v))).collect()),
        }
    }
}
