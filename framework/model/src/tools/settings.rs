//! Settings on the command line (`key=value`) and in files (`--file`): how Juju reads them.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_saphyr::options::DuplicateKeyPolicy;

use super::gotext::quote;
use super::invocation::{Failure, ToolResult, usage};

/// Key and value pairs.
pub(crate) type Settings = BTreeMap<String, String>;

/// Reads `key=value` arguments. Keys and values are trimmed; an empty argument is skipped.
pub(crate) fn parse_pairs(args: &[String]) -> ToolResult<Settings> {
    let mut settings = Settings::new();
    for arg in args.iter().filter(|arg| !arg.is_empty()) {
        let Some((key, value)) = arg.split_once('=') else {
            return usage(format!("expected \"key=value\", got {}", quote(arg)));
        };
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() {
            return usage(format!("expected \"key=value\", got \"={value}\""));
        }
        if settings.insert(key.to_owned(), value.to_owned()).is_some() {
            return usage(format!("key {} specified more than once", quote(key)));
        }
    }
    Ok(settings)
}

/// Reads a YAML map of scalars. A scalar of any type counts by its text, null as empty; nothing at all is an empty map.
pub(crate) fn parse_file(text: &str) -> ToolResult<Settings> {
    if text.trim().is_empty() {
        return Ok(Settings::new());
    }
    let map: Option<BTreeMap<String, Option<String>>> = read(text).map_err(|error| refusal(text, &error))?;
    Ok(map
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| (key, value.unwrap_or_default()))
        .collect())
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, serde_saphyr::Error> {
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::LastWins };
    serde_saphyr::from_str_with_options(text, options)
}

/// The error in the words of yaml.v2: a value of the wrong kind if the text is YAML at all, else the syntax error.
fn refusal(text: &str, error: &serde_saphyr::Error) -> Failure {
    let line = error.location().map_or(1, |location| location.line());
    Failure::Run(match read::<Value>(text) {
        Ok(Value::Object(map)) => {
            let kind = map.values().find_map(collection).unwrap_or("!!map");
            format!("yaml: unmarshal errors:\n  line {line}: cannot unmarshal {kind} into string")
        }
        Ok(other) => {
            let kind = collection(&other).map_or_else(|| scalar(&other), str::to_owned);
            format!("yaml: unmarshal errors:\n  line {line}: cannot unmarshal {kind} into map[string]string")
        }
        Err(_) => format!(
            "yaml: line {line}: {}",
            error.to_string().lines().next().unwrap_or_default()
        ),
    })
}

fn collection(value: &Value) -> Option<&'static str> {
    match value {
        Value::Array(_) => Some("!!seq"),
        Value::Object(_) => Some("!!map"),
        _ => None,
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => format!("!!str `{text}`"),
        Value::Bool(on) => format!("!!bool `{on}`"),
        Value::Number(number) if number.is_f64() => format!("!!float `{number}`"),
        other => format!("!!int `{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(args: &[&str]) -> Result<Vec<(String, String)>, Failure> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        parse_pairs(&args).map(|settings| settings.into_iter().collect())
    }

    #[test]
    fn pairs_are_trimmed_and_checked() {
        assert_eq!(
            pairs(&[" a = b c ", "", "d="]).unwrap(),
            [("a".into(), "b c".into()), ("d".into(), String::new())]
        );
        assert_eq!(pairs(&["a=b=c"]).unwrap(), [("a".into(), "b=c".into())]);
        for (arg, text) in [
            ("x", "expected \"key=value\", got \"x\""),
            ("=x", "expected \"key=value\", got \"=x\""),
        ] {
            assert_eq!(pairs(&[arg]), Err(Failure::Usage(text.into())));
        }
        assert_eq!(
            pairs(&["a=1", "a=2"]),
            Err(Failure::Usage("key \"a\" specified more than once".into()))
        );
    }

    #[track_caller]
    fn file(text: &str, expected: &[(&str, &str)]) {
        let settings = parse_file(text).unwrap();
        let expected: Settings = expected
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        assert_eq!(settings, expected, "{text:?}");
    }

    #[test]
    fn scalars_count_by_their_text() {
        file(
            "a: 1\nb: 1.50\nc: true\nd: yes\ne: 0x1F\nf: 2001-01-01\ng: ~\nh:\ni: ''\nj: ' s '\n12: n\n",
            &[
                ("a", "1"),
                ("b", "1.50"),
                ("c", "true"),
                ("d", "yes"),
                ("e", "0x1F"),
                ("f", "2001-01-01"),
                ("g", ""),
                ("h", ""),
                ("i", ""),
                ("j", " s "),
                ("12", "n"),
            ],
        );
        file("", &[]);
        file("{}", &[]);
        file("# nothing\n", &[]);
        file(
            "{\"a\":\"x\\u003c\\ny\",\"b\":null,\"c\":7}",
            &[("a", "x<\ny"), ("b", ""), ("c", "7")],
        );
        file("k: |-\n  one\n  two\n", &[("k", "one\ntwo")]);
    }

    /// Certificates are long and have many lines; whoever writes JSON escapes as JSON does.
    #[test]
    fn long_and_odd_texts_come_through() {
        let pem = format!(
            "-----BEGIN-----\n{}-----END-----\n",
            "0123456789abcdef/+==\n".repeat(20_000)
        );
        let odd = "a: b # c\t\u{1}é\u{1f600}\\\"' %@`{}[]&*!|>-?,";
        let json = serde_json::json!({"pem": pem, "odd": odd}).to_string();
        let settings = parse_file(&json).unwrap();
        assert_eq!(
            (settings["pem"].as_str(), settings["odd"].as_str()),
            (pem.as_str(), odd)
        );
        let escaped = parse_file("{\"a\": \"\\u007f\\u0085\\u2028\\ufeff\\u0000\"}").unwrap();
        assert_eq!(escaped["a"], "\u{7f}\u{85}\u{2028}\u{feff}\0");
        assert_eq!(parse_file("{\"a\": \"x\\/y\"}").unwrap()["a"], "x/y");
        assert_eq!(parse_file("{\"a\": \"\\ud83d\\ude00\"}").unwrap()["a"], "\u{1f600}");
    }

    #[test]
    fn what_is_no_map_of_scalars_is_refused() {
        for (text, reason) in [
            (
                "a: [1]",
                "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into string",
            ),
            ("a: 1\nb:\n  c: d\n", "cannot unmarshal !!map into string"),
            ("[1]", "cannot unmarshal !!seq into map[string]string"),
            (
                "word",
                "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `word` into map[string]string",
            ),
            ("a: [", "yaml: line "),
        ] {
            let Err(Failure::Run(found)) = parse_file(text) else {
                panic!("{text:?} was read")
            };
            assert!(found.contains(reason), "{text:?}: {found}");
        }
    }
}
