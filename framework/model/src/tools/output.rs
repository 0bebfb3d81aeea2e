//! Printing: `--format smart|json|yaml` and `-o FILE`, as described in the hook protocol.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::data::Data;
use super::gnuflag::{Flags, Parsed};
use super::gotext::{float_json, quote};
use super::yaml;

/// The formats that a tool offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Formats {
    /// `smart` (the default), `json` and `yaml`.
    Smart,
    /// `yaml` (the default) and `json`.
    Yaml,
}

impl Formats {
    fn names(self) -> &'static [&'static str] {
        match self {
            Formats::Smart => &["json", "smart", "yaml"],
            Formats::Yaml => &["json", "yaml"],
        }
    }

    fn default_name(self) -> &'static str {
        match self {
            Formats::Smart => "smart",
            Formats::Yaml => "yaml",
        }
    }
}

/// Adds the output options to a tool's options.
pub(crate) fn with_output(flags: Flags<'_>, formats: Formats) -> Flags<'_> {
    let check = move |name: &str| {
        if formats.names().contains(&name) {
            Ok(())
        } else {
            Err(format!("unknown format {}", quote(name)))
        }
    };
    flags.checked(&["format"], check).text(&["o", "output"])
}

/// The name of the chosen format.
pub(crate) fn chosen(parsed: &Parsed, formats: Formats) -> String {
    parsed
        .value("format")
        .unwrap_or_else(|| formats.default_name())
        .to_owned()
}

/// The bytes that a tool prints for a value.
pub(crate) fn render(data: &Data, format: &str) -> Vec<u8> {
    let mut text = match format {
        "json" => {
            let mut out = String::new();
            json(data, &mut out);
            out
        }
        "yaml" => yaml_text(data),
        _ => return smart(data).into_bytes(),
    };
    if !text.is_empty() {
        text.push('\n');
    }
    text.into_bytes()
}

fn yaml_text(data: &Data) -> String {
    if *data == Data::Nil {
        String::new()
    } else {
        yaml::to_string(data)
    }
}

fn smart(data: &Data) -> String {
    match data {
        Data::Nil => String::new(),
        Data::Text(text) if text.is_empty() => String::new(),
        Data::Text(text) => format!("{text}\n"),
        Data::Strings(items) => items.iter().fold(String::new(), |all, item| all + item + "\n"),
        Data::Bool(true) => "True\n".to_owned(),
        Data::Bool(false) => "False\n".to_owned(),
        Data::Split { yaml, .. } => smart(yaml),
        other => yaml_text(other) + "\n",
    }
}

/// Writes JSON as `encoding/json` does: one line, sorted keys, HTML characters escaped.
fn json(data: &Data, out: &mut String) {
    match data {
        Data::Nil | Data::NilMap => out.push_str("null"),
        Data::Bool(on) => out.push_str(if *on { "true" } else { "false" }),
        Data::Int(int) => drop(write!(out, "{int}")),
        Data::Float(float) => out.push_str(&float_json(*float)),
        Data::Text(text) => json_text(text, out),
        Data::Strings(items) => json_list(items, |item, out| json_text(item, out), out),
        Data::List(items) => json_list(items, json, out),
        Data::Map(map) => json_map(map, out),
        Data::Struct(fields) => json_fields(fields.iter().map(|(key, value)| (*key, value)), out),
        Data::Split { json: inner, .. } => json(inner, out),
    }
}

fn json_map(map: &BTreeMap<String, Data>, out: &mut String) {
    json_fields(map.iter().map(|(key, value)| (key.as_str(), value)), out);
}

fn json_fields<'a>(fields: impl Iterator<Item = (&'a str, &'a Data)>, out: &mut String) {
    out.push('{');
    for (index, (key, value)) in fields.enumerate() {
        if index > 0 {
            out.push(',');
        }
        json_text(key, out);
        out.push(':');
        json(value, out);
    }
    out.push('}');
}

fn json_list<T>(items: &[T], write: impl Fn(&T, &mut String), out: &mut String) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(']');
}

fn json_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(data: Data, smart: &str, yaml: &str, json: &str) {
        let all = ["smart", "yaml", "json"].map(|format| String::from_utf8(render(&data, format)).unwrap());
        assert_eq!(all, [smart, yaml, json], "{data:?}");
    }

    #[test]
    fn every_kind_of_value_in_every_format() {
        check(Data::Nil, "", "", "null\n");
        check(Data::NilMap, "{}\n", "{}\n", "null\n");
        check(Data::text("a b"), "a b\n", "a b\n", "\"a b\"\n");
        check(Data::text(""), "", "\"\"\n", "\"\"\n");
        check(Data::text("1"), "1\n", "\"1\"\n", "\"1\"\n");
        check(
            Data::Strings(vec!["a".into(), "b".into()]),
            "a\nb\n",
            "- a\n- b\n",
            "[\"a\",\"b\"]\n",
        );
        check(Data::Strings(vec![]), "", "[]\n", "[]\n");
        check(Data::Bool(true), "True\n", "true\n", "true\n");
        check(Data::Bool(false), "False\n", "false\n", "false\n");
        check(Data::Int(5), "5\n", "5\n", "5\n");
        check(Data::Float(1.5), "1.5\n", "1.5\n", "1.5\n");
        check(Data::from(&json!({})), "{}\n", "{}\n", "{}\n");
        check(
            Data::from(&json!({"item10": "x", "item9": [1]})),
            "item9:\n- 1\nitem10: x\n",
            "item9:\n- 1\nitem10: x\n",
            "{\"item10\":\"x\",\"item9\":[1]}\n",
        );
    }

    #[test]
    fn json_escapes_like_go() {
        let data = Data::text("<a&b>\u{1}\u{2028}é\t\"\\");
        let text = String::from_utf8(render(&data, "json")).unwrap();
        assert_eq!(text, "\"\\u003ca\\u0026b\\u003e\\u0001\\u2028é\\t\\\"\\\\\"\n");
    }

    #[test]
    fn fields_of_structures_keep_their_order() {
        let data = Data::Struct(vec![("z", Data::Int(1)), ("a", Data::Int(2))]);
        check(data, "z: 1\na: 2\n", "z: 1\na: 2\n", "{\"z\":1,\"a\":2}\n");
    }
}
