//! A YAML writer that prints what Juju's (gopkg.in/yaml.v2 2.4) prints, byte for byte.
//!
//! Path: [`to_string`] → `Writer::node` → mappings, sequences, scalars. How a text is written is decided by
//! [`style`] (does it read back as text? may it stand bare?) and done by one function a style. Lines of text are
//! folded after column 80 as the original does. Keys are sorted so that numbers inside them count (`item9` before `item10`).

use std::cmp::Ordering;

use super::data::Data;
use super::gotext::float_g;
use super::yaml_scalar::{Style, style};

/// Lines longer than this are broken at the next blank.
const WIDTH: usize = 80;

/// Keys longer than this are written in the explicit `? key` form.
const SIMPLE_KEY: usize = 128;

/// The document, without a final newline.
pub(crate) fn to_string(data: &Data) -> String {
    let mut writer = Writer {
        out: String::new(),
        column: 0,
    };
    writer.node(data, 0, Place::Root);
    writer.out.truncate(writer.out.trim_end_matches('\n').len());
    writer.out
}

/// Where a node stands; decides how its first line begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    /// Behind `key:`.
    Value,
    /// Behind `- `.
    Item,
}

struct Writer {
    out: String,
    column: usize,
}

impl Writer {
    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column = if c == '\n' { 0 } else { self.column + 1 };
    }

    fn put_str(&mut self, text: &str) {
        text.chars().for_each(|c| self.put(c));
    }

    fn new_line(&mut self, indent: usize) {
        self.put('\n');
        for _ in 0..indent {
            self.put(' ');
        }
    }

    /// Writes a node whose block content starts at column `indent`.
    fn node(&mut self, data: &Data, indent: usize, place: Place) {
        match data {
            Data::Split { yaml, .. } => self.node(yaml, indent, place),
            Data::Map(map) if !map.is_empty() => {
                let mut entries: Vec<(&str, &Data)> = map.iter().map(|(k, v)| (k.as_str(), v)).collect();
                entries.sort_by(|(a, _), (b, _)| natural(a, b));
                self.mapping(&entries, indent, place);
            }
            Data::Struct(fields) if !fields.is_empty() => {
                let entries: Vec<(&str, &Data)> = fields.iter().map(|(k, v)| (*k, v)).collect();
                self.mapping(&entries, indent, place);
            }
            Data::List(items) if !items.is_empty() => self.sequence(items, indent, place),
            Data::Strings(items) if !items.is_empty() => {
                let items: Vec<Data> = items.iter().map(Data::text).collect();
                self.sequence(&items, indent, place);
            }
            scalar => {
                if place == Place::Value {
                    self.put(' ');
                }
                self.scalar(scalar, indent);
            }
        }
    }

    fn mapping(&mut self, entries: &[(&str, &Data)], indent: usize, place: Place) {
        for (index, (key, value)) in entries.iter().enumerate() {
            if index > 0 || place == Place::Value {
                self.new_line(indent);
            }
            self.key(key, indent);
            // A list keeps the indentation of the key that it belongs to.
            let inner = if is_sequence(value) { indent } else { indent + 2 };
            self.node(value, inner, Place::Value);
        }
    }

    fn key(&mut self, key: &str, indent: usize) {
        if key.len() > SIMPLE_KEY || key.contains('\n') {
            self.put_str("? ");
            self.text(key, indent + 2, false);
            self.new_line(indent);
        } else {
            self.text(key, indent + 2, true);
        }
        self.put(':');
    }

    fn sequence(&mut self, items: &[Data], indent: usize, place: Place) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 || place == Place::Value {
                self.new_line(indent);
            }
            self.put_str("- ");
            self.node(item, indent + 2, Place::Item);
        }
    }

    fn scalar(&mut self, data: &Data, indent: usize) {
        match data {
            Data::Nil => self.put_str("null"),
            Data::Bool(on) => self.put_str(if *on { "true" } else { "false" }),
            Data::Int(int) => self.put_str(&int.to_string()),
            Data::Float(float) => self.put_str(&float_g(*float)),
            Data::Text(text) => self.text(text, indent.max(2), false),
            Data::List(_) | Data::Strings(_) => self.put_str("[]"),
            Data::NilMap | Data::Map(_) | Data::Struct(_) => self.put_str("{}"),
            Data::Split { yaml, .. } => self.scalar(yaml, indent),
        }
    }

    /// Writes a text; continuation lines start at column `indent`. A key never spans lines.
    fn text(&mut self, text: &str, indent: usize, is_key: bool) {
        match style(text, is_key) {
            Style::Plain => self.plain(text, indent, !is_key),
            Style::Single => self.single_quoted(text, indent, !is_key),
            Style::Double => self.double_quoted(text, indent, !is_key),
            Style::Literal => self.literal(text, indent),
        }
    }

    fn plain(&mut self, text: &str, indent: usize, fold: bool) {
        let mut after_space = false;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == ' ' && fold && !after_space && self.column > WIDTH && chars.peek() != Some(&' ') {
                self.new_line(indent);
            } else {
                self.put(c);
            }
            after_space = c == ' ';
        }
    }

    fn single_quoted(&mut self, text: &str, indent: usize, fold: bool) {
        self.put('\'');
        let mut after_space = false;
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, c)| *c);
            let may_fold = fold && !after_space && self.column > WIDTH && at > 0;
            if c == ' ' && may_fold && next.is_some_and(|c| c != ' ') {
                self.new_line(indent);
            } else {
                if c == '\'' {
                    self.put('\'');
                }
                self.put(c);
            }
            after_space = c == ' ';
        }
        self.put('\'');
    }

    fn double_quoted(&mut self, text: &str, indent: usize, fold: bool) {
        self.put('"');
        let mut after_space = false;
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, c)| *c);
            if let Some(escape) = super::yaml_scalar::escape(c) {
                self.put_str(&escape);
                after_space = false;
                continue;
            }
            if c == ' ' && fold && !after_space && self.column > WIDTH && at > 0 && next.is_some() {
                self.new_line(indent);
                if next == Some(' ') {
                    self.put('\\');
                }
            } else {
                self.put(c);
            }
            after_space = c == ' ';
        }
        self.put('"');
    }

    /// A block `|` with the chomping mark that keeps the final newlines as they are.
    fn literal(&mut self, text: &str, indent: usize) {
        self.put('|');
        if text.starts_with([' ', '\n']) {
            self.put('2');
        }
        if !text.ends_with('\n') {
            self.put('-');
        } else if text == "\n" || text.ends_with("\n\n") {
            self.put('+');
        }
        let mut lines: Vec<&str> = text.split('\n').collect();
        if text.ends_with('\n') {
            lines.pop();
        }
        for line in lines {
            if line.is_empty() {
                self.put('\n');
            } else {
                self.new_line(indent);
                self.put_str(line);
            }
        }
    }
}

fn is_sequence(data: &Data) -> bool {
    match data {
        Data::List(items) => !items.is_empty(),
        Data::Strings(items) => !items.is_empty(),
        Data::Split { yaml, .. } => is_sequence(yaml),
        _ => false,
    }
}

/// The order of yaml.v2: letters after everything else, runs of digits by their number.
fn natural(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut in_digits = false;
    for i in 0..a.len().min(b.len()) {
        if a[i] == b[i] {
            in_digits = a[i].is_numeric();
            continue;
        }
        return match (a[i].is_alphabetic(), b[i].is_alphabetic()) {
            (true, true) => a[i].cmp(&b[i]),
            (true, false) => {
                if in_digits {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (false, true) => {
                if in_digits {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (false, false) => by_number(&a, &b, i),
        };
    }
    a.len().cmp(&b.len())
}

/// Compares two keys that first differ at `i`, where neither has a letter.
fn by_number(a: &[char], b: &[char], i: usize) -> Ordering {
    let zero = a[i] == '0' || b[i] == '0';
    let significant = zero
        && a[..i]
            .iter()
            .rev()
            .take_while(|c| c.is_ascii_digit())
            .any(|c| *c != '0');
    let start = u128::from(significant);
    let read = |chars: &[char]| {
        let digits = chars[i..].iter().take_while(|c| c.is_ascii_digit());
        digits.fold((start, 0usize), |(number, len), c| {
            (
                number
                    .saturating_mul(10)
                    .saturating_add(u128::from(c.to_digit(10).unwrap_or(0))),
                len + 1,
            )
        })
    };
    let ((an, al), (bn, bl)) = (read(a), read(b));
    an.cmp(&bn).then(al.cmp(&bl)).then(a[i].cmp(&b[i]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(value: serde_json::Value, expected: &str) {
        assert_eq!(to_string(&Data::from(&value)), expected);
    }

    #[test]
    fn collections_nest_as_the_original_does() {
        check(
            json!({"b": {"c": 1}, "a": ["p", ["q", "r"], {"x": 1, "y": [2]}]}),
            "a:\n- p\n- - q\n  - r\n- x: 1\n  \"y\":\n  - 2\nb:\n  c: 1",
        );
        check(
            json!({"m": {}, "l": [], "n": null, "deep": {"l": ["i"]}}),
            "deep:\n  l:\n  - i\nl: []\nm: {}\n\"n\": null",
        );
        check(json!([]), "[]");
    }

    #[test]
    fn keys_sort_naturally() {
        check(
            json!({"item10": 1, "item9": 2, "a-b": 3, "ab": 4, "a1": 5, "01": 6, "1": 7}),
            "\"1\": 7\n\"01\": 6\na-b: 3\na1: 5\nab: 4\nitem9: 2\nitem10: 1",
        );
    }

    #[test]
    fn literal_blocks_keep_their_final_newlines() {
        check(json!({"k": "a\nb"}), "k: |-\n  a\n  b");
        check(json!({"k": "a\n\nb\n", "l": 1}), "k: |\n  a\n\n  b\nl: 1");
        check(json!({"k": "a\n\n", "l": 1}), "k: |+\n  a\n\nl: 1");
        check(json!({"k": " a\nb"}), "k: |2-\n   a\n  b");
        check(json!(["a\nb"]), "- |-\n  a\n  b");
        check(json!("a\nb"), "|-\n  a\n  b");
    }

    #[test]
    fn long_lines_fold_after_column_eighty() {
        let long = format!("{} tail more", "x".repeat(85));
        check(json!({"k": long}), &format!("k: {}\n  tail more", "x".repeat(85)));
        let quoted = format!("{}: tail", "x".repeat(85));
        check(json!({"k": quoted}), &format!("k: '{}:\n  tail'", "x".repeat(85)));
    }

    #[test]
    fn numbers_and_truth_values() {
        check(
            json!({"a": 1.0, "b": 1.5, "c": 1e20, "d": true, "e": -3}),
            "a: 1\nb: 1.5\nc: 1e+20\nd: true\ne: -3",
        );
    }
}
