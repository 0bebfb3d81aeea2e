//! The one YAML document that this crate writes: a flat map of strings for `--file -`.

use std::collections::BTreeMap;
use std::fmt::Write;

/// The map as one line that is JSON as well as YAML. `None` is written as the empty string, which deletes.
///
/// A JSON writer would not do: YAML folds some characters that JSON leaves alone inside quotes (U+0085, U+2028,
/// U+2029) and refuses others (U+007F and more), so these are escaped too. Characters above U+FFFF stay as they are,
/// because YAML has no surrogate pairs.
pub(super) fn map(values: &BTreeMap<String, Option<String>>) -> String {
    let mut text = String::from("{");
    for (index, (key, value)) in values.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        quote(&mut text, key);
        text.push_str(": ");
        quote(&mut text, value.as_deref().unwrap_or(""));
    }
    text.push_str("}\n");
    text
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_json_with_everything_unsafe_escaped() {
        let value = "a\"\\\n\r\t\0\u{1b}\u{7f}\u{85}\u{2028}\u{feff}é\u{1f600}/";
        let values = BTreeMap::from([("k".to_owned(), Some(value.to_owned())), ("x: y".to_owned(), None)]);
        let text = map(&values);
        let back: BTreeMap<String, String> = serde_json::from_str(&text).expect("JSON");
        assert_eq!(back["k"], value);
        assert_eq!(back["x: y"], "");
        let allowed = |c: char| matches!(c, ' '..='~' | '\u{a0}'..) && !('\u{2028}'..='\u{2029}').contains(&c);
        assert!(text.trim_end().chars().all(allowed), "{text}");
        assert!(text.ends_with("}\n") && text.matches('\n').count() == 1);
    }

    #[test]
    fn an_empty_map_is_still_a_map() {
        assert_eq!(map(&BTreeMap::new()), "{}\n");
    }
}
