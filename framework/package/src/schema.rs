//! The part of JSON Schema (draft 4) that actions use, with the messages of Juju's validator.
//!
//! Known: `type`, `properties`, `required`, `additionalProperties`, `default`, `enum`, `minimum` and `maximum` with their
//! exclusive forms, `minLength`, `maxLength`, `items`, `minItems`, `maxItems`. Other keys are annotations to us.

use serde_json::{Map, Value};

/// Adds the defaults of absent properties, at every depth that is reached.
pub fn insert_defaults(schema: &Map<String, Value>, value: &mut Value) {
    let (Some(Value::Object(properties)), Value::Object(object)) = (schema.get("properties"), value) else {
        return;
    };
    for (name, property) in properties {
        let Value::Object(property) = property else { continue };
        match (object.get_mut(name), property.get("default")) {
            (Some(present), _) => insert_defaults(property, present),
            (None, Some(default)) => {
                object.insert(name.clone(), default.clone());
            }
            (None, None) => insert_nested(property, name, object),
        }
    }
}

/// An absent object with defaults inside comes to be.
fn insert_nested(property: &Map<String, Value>, name: &str, object: &mut Map<String, Value>) {
    let mut nested = Value::Object(Map::new());
    insert_defaults(property, &mut nested);
    if nested.as_object().is_some_and(|map| !map.is_empty()) {
        object.insert(name.to_owned(), nested);
    }
}

/// Everything that is wrong with a value, in the order of the schema.
pub fn validate(schema: &Map<String, Value>, value: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    check("(root)", schema, value, &mut errors);
    errors
}

fn check(path: &str, schema: &Map<String, Value>, value: &Value, errors: &mut Vec<String>) {
    let mut complain = |text: String| errors.push(format!("{path} : {text}, given {}", sorted(value)));
    if let Some(expected) = schema.get("type").filter(|expected| !has_type(expected, value)) {
        complain(format!("must be of type {}", type_names(expected)));
        return;
    }
    if let Some(Value::Array(allowed)) = schema.get("enum")
        && !allowed.iter().any(|one| same(one, value))
    {
        let list: Vec<String> = allowed.iter().map(sorted).collect();
        complain(format!("must match one of the enum values [{}]", list.join(",")));
    }
    check_number(schema, value, &mut complain);
    check_length(schema, value, &mut complain);
    match value {
        Value::Object(object) => check_object(path, schema, object, value, errors),
        Value::Array(items) => {
            if let Some(Value::Object(item_schema)) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    check(&format!("{path}.{index}"), item_schema, item, errors);
                }
            }
        }
        _ => {}
    }
}

fn check_object(
    path: &str,
    schema: &Map<String, Value>,
    object: &Map<String, Value>,
    value: &Value,
    errors: &mut Vec<String>,
) {
    for name in schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if !object.contains_key(name) {
            errors.push(format!(
                "{path} : {name:?} property is missing and required, given {}",
                sorted(value)
            ));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, item) in object {
        let described = properties
            .and_then(|properties| properties.get(name))
            .and_then(Value::as_object);
        match (described, schema.get("additionalProperties")) {
            (Some(property), _) => check(&format!("{path}.{name}"), property, item, errors),
            (None, Some(Value::Bool(false))) => {
                errors.push(format!(
                    "{path} : additional property {name:?} is not allowed, given {}",
                    sorted(value)
                ));
            }
            (None, Some(Value::Object(other))) => check(&format!("{path}.{name}"), other, item, errors),
            (None, _) => {}
        }
    }
}

fn check_number(schema: &Map<String, Value>, value: &Value, complain: &mut impl FnMut(String)) {
    let Some(number) = value.as_f64() else { return };
    let exclusive = |key: &str| schema.get(key).and_then(Value::as_bool).unwrap_or(false);
    if let Some(limit) = schema.get("minimum").and_then(Value::as_f64) {
        match exclusive("exclusiveMinimum") {
            true if number <= limit => complain(format!("must be greater than {limit}")),
            false if number < limit => complain(format!("must be greater than or equal to {limit}")),
            _ => {}
        }
    }
    if let Some(limit) = schema.get("maximum").and_then(Value::as_f64) {
        match exclusive("exclusiveMaximum") {
            true if number >= limit => complain(format!("must be lower than {limit}")),
            false if number > limit => complain(format!("must be lower than or equal to {limit}")),
            _ => {}
        }
    }
}

fn check_length(schema: &Map<String, Value>, value: &Value, complain: &mut impl FnMut(String)) {
    let limit = |key: &str| {
        schema
            .get(key)
            .and_then(Value::as_u64)
            .and_then(|limit| usize::try_from(limit).ok())
    };
    match value {
        Value::String(text) => {
            let length = text.chars().count();
            if let Some(min) = limit("minLength").filter(|min| length < *min) {
                complain(format!("string length must be greater or equal to {min}"));
            }
            if let Some(max) = limit("maxLength").filter(|max| length > *max) {
                complain(format!("string length must be lower or equal to {max}"));
            }
        }
        Value::Array(items) => {
            if let Some(min) = limit("minItems").filter(|min| items.len() < *min) {
                complain(format!("array must have at least {min} items"));
            }
            if let Some(max) = limit("maxItems").filter(|max| items.len() > *max) {
                complain(format!("array must have at the most {max} items"));
            }
        }
        _ => {}
    }
}

const TYPES: [&str; 7] = ["string", "boolean", "object", "array", "null", "number", "integer"];

/// The first `type` in a schema, or in the schemas inside it, that no value has.
pub(crate) fn unknown_type(schema: &Map<String, Value>) -> Option<&Value> {
    let own = match schema.get("type") {
        Some(Value::Array(names)) => names.iter().collect(),
        one => Vec::from_iter(one),
    };
    let is_known = |name: &&Value| name.as_str().is_some_and(|name| TYPES.contains(&name));
    let properties = schema.get("properties").and_then(Value::as_object);
    let inner = [schema.get("items"), schema.get("additionalProperties")];
    let inner = inner
        .into_iter()
        .flatten()
        .chain(properties.into_iter().flat_map(Map::values));
    own.into_iter()
        .find(|name| !is_known(name))
        .or_else(|| inner.filter_map(Value::as_object).find_map(unknown_type))
}

/// `type` is one name or a list of names.
fn has_type(expected: &Value, value: &Value) -> bool {
    match expected {
        Value::String(name) => is_of_type(name, value),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .any(|name| is_of_type(name, value)),
        _ => true,
    }
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => false,
    }
}

fn type_names(expected: &Value) -> String {
    match expected {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("/"),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

/// Equality in which `1` and `1.0` are the same number.
fn same(a: &Value, b: &Value) -> bool {
    a == b || matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a == b)
}

/// Compact JSON with sorted keys.
fn sorted(value: &Value) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn errors(schema: &Value, value: &Value) -> String {
        validate(schema.as_object().unwrap(), value).join("; ")
    }

    #[test]
    fn types_and_missing_properties() {
        let schema = json!({"type": "object", "properties": {"outfile": {"type": "string"}, "quality": {"type": "integer", "minimum": 0, "maximum": 9}}, "required": ["outfile"]});
        assert_eq!(errors(&schema, &json!({"outfile": "x", "quality": 9})), "");
        assert_eq!(
            errors(&schema, &json!({"outfile": 5})),
            "(root).outfile : must be of type string, given 5"
        );
        assert_eq!(
            errors(&schema, &json!({"outfile": "o", "quality": "two"})),
            r#"(root).quality : must be of type integer, given "two""#
        );
        assert_eq!(
            errors(&schema, &json!({"quality": 5})),
            r#"(root) : "outfile" property is missing and required, given {"quality":5}"#
        );
        assert_eq!(
            errors(&schema, &json!({"outfile": "o", "quality": 10})),
            "(root).quality : must be lower than or equal to 9, given 10"
        );
        assert_eq!(
            errors(&schema, &json!({"outfile": "o", "quality": -1})),
            "(root).quality : must be greater than or equal to 0, given -1"
        );
    }

    #[test]
    fn additional_properties_are_allowed_unless_refused() {
        let mut schema = json!({"type": "object", "properties": {"outfile": {"type": "string"}}});
        assert_eq!(errors(&schema, &json!({"oufile": 5})), "");
        schema["additionalProperties"] = json!(false);
        assert_eq!(
            errors(&schema, &json!({"oufile": 5})),
            r#"(root) : additional property "oufile" is not allowed, given {"oufile":5}"#
        );
        schema["additionalProperties"] = json!({"type": "string"});
        assert_eq!(
            errors(&schema, &json!({"oufile": 5})),
            "(root).oufile : must be of type string, given 5"
        );
    }

    #[test]
    fn enums_lists_and_lengths() {
        let schema = json!({"properties": {"util": {"enum": ["rsync", "scp"]}, "n": {"enum": [1, 2]}, "s": {"type": "string", "minLength": 2, "maxLength": 3}, "l": {"type": "array", "items": {"type": "integer"}, "maxItems": 2}}});
        assert_eq!(
            errors(&schema, &json!({"util": "scp", "n": 2.0, "s": "ab", "l": [1, 2]})),
            ""
        );
        assert_eq!(
            errors(&schema, &json!({"util": "cp"})),
            r#"(root).util : must match one of the enum values ["rsync","scp"], given "cp""#
        );
        assert_eq!(
            errors(&schema, &json!({"s": "a"})),
            r#"(root).s : string length must be greater or equal to 2, given "a""#
        );
        assert_eq!(
            errors(&schema, &json!({"l": [1, "x"]})),
            r#"(root).l.1 : must be of type integer, given "x""#
        );
        assert_eq!(
            errors(&schema, &json!({"l": [1, 2, 3]})),
            "(root).l : array must have at the most 2 items, given [1,2,3]"
        );
    }

    #[test]
    fn exclusive_limits_and_lists_of_types() {
        let schema =
            json!({"properties": {"n": {"type": ["integer", "null"], "minimum": 0, "exclusiveMinimum": true}}});
        assert_eq!(errors(&schema, &json!({"n": null})), "");
        assert_eq!(
            errors(&schema, &json!({"n": 0})),
            "(root).n : must be greater than 0, given 0"
        );
        assert_eq!(
            errors(&schema, &json!({"n": "x"})),
            r#"(root).n : must be of type integer/null, given "x""#
        );
    }

    #[test]
    fn defaults_are_inserted_at_every_depth_and_never_overwrite() {
        let schema = json!({"properties": {"a": {"default": 1}, "b": {"type": "object", "properties": {"c": {"default": "x"}}}, "d": {"type": "string"}}});
        let mut value = json!({"a": 2});
        insert_defaults(schema.as_object().unwrap(), &mut value);
        assert_eq!(value, json!({"a": 2, "b": {"c": "x"}}));
        let mut value = json!({"b": {"c": "y"}});
        insert_defaults(schema.as_object().unwrap(), &mut value);
        assert_eq!(value, json!({"a": 1, "b": {"c": "y"}}));
    }
}
