//! `actions`: what an application can be asked to do.

use std::collections::BTreeMap;

use package::ActionSpec;
use serde_json::{Map, Value, json};

use super::args::{Actions, Format, Global};
use super::failure::Failure;
use super::output;
use super::session::Session;
use crate::protocol::Request;

/// `actions`
pub(crate) fn list(global: &Global, args: &Actions) -> Result<(), Failure> {
    let request = Request::Actions {
        application: args.application.clone(),
    };
    let actions: BTreeMap<String, ActionSpec> = Session::open(global)?.get(&request)?;
    let format = args
        .format
        .unwrap_or(if args.schema { Format::Yaml } else { Format::Tabular });
    if format != Format::Tabular {
        return output::formatted(format, &as_value(&actions, args.schema));
    }
    if actions.is_empty() {
        output::info(&format!("No actions defined for {}.", args.application));
        return Ok(());
    }
    let mut rows = vec![vec!["Action".to_owned(), "Description".to_owned()]];
    rows.extend(
        actions
            .iter()
            .map(|(name, action)| vec![name.clone(), first_line(&action.description)]),
    );
    output::data(&output::table(&rows))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

fn as_value(actions: &BTreeMap<String, ActionSpec>, schema: bool) -> Value {
    let entries = actions.iter().map(|(name, action)| {
        let value = if schema {
            output::sorted(full(name, action))
        } else {
            json!(action.description)
        };
        (name.clone(), value)
    });
    Value::Object(entries.collect())
}

fn full(name: &str, action: &ActionSpec) -> Value {
    let mut map: Map<String, Value> = action.schema.clone();
    map.entry("title").or_insert_with(|| {
        if action.title.is_empty() {
            json!(name)
        } else {
            json!(action.title)
        }
    });
    map.entry("description").or_insert_with(|| json!(action.description));
    if action.parallel {
        map.insert("parallel".into(), json!(true));
    }
    if !action.execution_group.is_empty() {
        map.insert("execution-group".into(), json!(action.execution_group));
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_or_schemas() {
        let spec = ActionSpec {
            description: "Back up\nall data.".into(),
            title: "backup".into(),
            parallel: false,
            execution_group: String::new(),
            schema: json!({"type": "object", "properties": {"x": {"type": "string"}}})
                .as_object()
                .unwrap()
                .clone(),
        };
        let actions = BTreeMap::from([("backup".to_owned(), spec)]);
        assert_eq!(as_value(&actions, false), json!({"backup": "Back up\nall data."}));
        let text = serde_json::to_string(&as_value(&actions, true)).unwrap();
        let expected = r#"{"backup":{"description":"Back up\nall data.","properties":{"x":{"type":"string"}},"title":"backup","type":"object"}}"#;
        assert_eq!(text, expected);
        assert_eq!(first_line("Back up\nall data."), "Back up");
    }
}
