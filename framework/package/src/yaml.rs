//! YAML in and out, with errors that say in which file, line and column they are.
//!
//! The only place that knows which YAML library is used.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// YAML that cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    /// The text is not YAML, or not of the expected shape.
    #[error("{}", located(file, *line, *column, message))]
    Parse {
        /// Which file, as the caller calls it.
        file: String,
        /// Line from 1; 0 when unknown.
        line: u64,
        /// Column from 1; 0 when unknown.
        column: u64,
        /// What is wrong there.
        message: String,
    },
    /// A value that YAML cannot express.
    #[error("cannot write yaml: {0}")]
    Write(String),
}

fn located(file: &str, line: u64, column: u64, message: &str) -> String {
    if line == 0 {
        format!("{file}: {message}")
    } else {
        format!("{file}:{line}:{column}: {message}")
    }
}

/// Reads one YAML document; `file` names it in errors.
pub fn from_str<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, YamlError> {
    // As Juju's YAML library: 0755 without quotes is an octal number.
    let options = serde_saphyr::options! { legacy_octal_numbers: true, with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let location = error.location();
        YamlError::Parse {
            file: file.to_owned(),
            line: location.map_or(0, |l| l.line()),
            column: location.map_or(0, |l| l.column()),
            message: plain_message(&error),
        }
    })
}

/// Writes a value as a YAML document.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, YamlError> {
    serde_saphyr::to_string(value).map_err(|error| YamlError::Write(error.to_string()))
}

/// The library's message in one line, without the excerpt of the source that it draws below it.
fn plain_message(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    if first.starts_with("budget breached") {
        return "too large, or expands to something too large".to_owned();
    }
    let end = HINTS.iter().filter_map(|hint| first.find(hint)).min();
    first[..end.unwrap_or(first.len())].to_owned()
}

/// What the library adds for programmers, or what is in the location already.
const HINTS: [&str; 3] = [" at line ", ", set ", "; use "];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn errors_say_where() {
        let error = from_str::<BTreeMap<String, u32>>("config.yaml", "a: 1\nb: x\n")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("config.yaml:2:4: "), "{error}");
        let error = from_str::<BTreeMap<String, u32>>("config.yaml", "a: [1\n")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("config.yaml:") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn scalars_are_what_juju_reads_them_as() {
        let text = "{a: 0755, b: '0755', c: yes, d: off, e: 1.10, f: ~, n: x, g: 22.04/stable}";
        let value: serde_json::Value = from_str("f", text).unwrap();
        let expected = serde_json::json!({"a": 493, "b": "0755", "c": true, "d": false, "e": 1.1, "f": null, "n": "x", "g": "22.04/stable"});
        assert_eq!(value, expected);
    }

    #[test]
    fn duplicate_keys_are_refused() {
        let error = from_str::<BTreeMap<String, u32>>("f", "a: 1\na: 2\n")
            .unwrap_err()
            .to_string();
        assert_eq!(error, "f:2:1: duplicate mapping key: a");
    }

    #[test]
    fn what_is_too_large_or_too_deep_is_refused_in_words_for_people() {
        let error = |text: &str| from_str::<serde_json::Value>("f", text).unwrap_err().to_string();
        assert_eq!(error("a: 1\n---\nb: 2\n"), "f:3:1: multiple YAML documents detected");
        assert!(error(&"[".repeat(100_000)).contains("recursion limit exceeded"));
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let alias = format!("*a{}", level - 1);
            laughs += &format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 9].join(", "));
        }
        let text = error(&laughs);
        assert!(text.ends_with("too large, or expands to something too large"), "{text}");
    }

    #[test]
    fn yes_and_on_survive_a_round_trip_as_text() {
        let value: BTreeMap<String, String> = [("on".to_owned(), "yes".to_owned())].into();
        let text = to_string(&value).unwrap();
        assert_eq!(from_str::<BTreeMap<String, String>>("f", &text).unwrap(), value);
    }
}
