//! stdout and stderr: data in its formats, information lines, colours.

use std::io::{self, IsTerminal as _, Write as _};

use serde_json::Value;

use super::args::Format;
use super::failure::Failure;

/// Writes to stdout as is. A closed pipe ends the program quietly, as it does `juju`.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::silent(0)),
        other => Ok(other?),
    }
}

/// Writes a line to stderr.
pub(crate) fn info(text: &str) {
    // With stderr closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes data as YAML or JSON.
pub(crate) fn formatted(format: Format, value: &Value) -> Result<(), Failure> {
    data(&render(format, value)?)
}

/// Data as YAML or JSON: one line each for JSON, keys as they come.
pub(crate) fn render(format: Format, value: &Value) -> Result<String, Failure> {
    Ok(match format {
        Format::Json => format!("{}\n", serde_json::to_string(value)?),
        Format::Yaml | Format::Tabular => {
            let mut text = package::yaml::to_string(value)?;
            if !text.ends_with('\n') {
                text.push('\n');
            }
            text
        }
    })
}

/// Sorts the keys of all maps, as Go does with maps.
pub(crate) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// Rows in columns, two blanks between them, nothing behind the last.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Are colours wanted on stdout?
pub(crate) fn colours() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value: std::ffi::OsString| !value.is_empty());
    io::stdout().is_terminal() && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Status words with their colours: green, yellow, red.
pub(crate) fn paint_statuses(text: &str) -> String {
    const COLOURS: [(&str, &[&str]); 3] = [
        ("32", &["active", "idle", "started", "running"]),
        (
            "33",
            &[
                "waiting",
                "maintenance",
                "allocating",
                "executing",
                "pending",
                "terminated",
            ],
        ),
        ("31", &["blocked", "error", "lost", "down", "failed"]),
    ];
    let colour = |word: &str| {
        COLOURS
            .iter()
            .find(|(_, words)| words.contains(&word))
            .map(|(colour, _)| *colour)
    };
    let paint = |word: &str| match colour(word) {
        Some(colour) => format!("\x1b[{colour}m{word}\x1b[0m"),
        None => word.to_owned(),
    };
    // Only what stands in a column of its own: two blanks behind it, or the end of the line.
    let line = |line: &str| {
        line.split("  ")
            .map(|cell| paint_cell(cell, paint))
            .collect::<Vec<_>>()
            .join("  ")
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn paint_cell(cell: &str, paint: impl Fn(&str) -> String) -> String {
    let word = cell.trim_matches(' ');
    if word.is_empty() {
        cell.to_owned()
    } else {
        cell.replacen(word, &paint(word), 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_one_line_and_yaml_many() {
        let value = json!({"b": 1, "a": {"x": "5", "y": ["no"]}});
        assert_eq!(
            render(Format::Json, &sorted(value.clone())).unwrap(),
            "{\"a\":{\"x\":\"5\",\"y\":[\"no\"]},\"b\":1}\n"
        );
        let yaml = render(Format::Yaml, &value).unwrap();
        let back: Value = package::yaml::from_str("x", &yaml).unwrap();
        assert_eq!(back, value);
    }

    #[test]
    fn columns_line_up() {
        let rows = [["App", "Status"], ["a-long-name", "active"], ["b", ""]];
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
            .collect();
        assert_eq!(table(&rows), "App          Status\na-long-name  active\nb\n");
    }

    #[test]
    fn only_whole_cells_are_painted() {
        let text = "etcd/0*  active   idle  all active now\netcd/1   blocked";
        let expected =
            "etcd/0*  \x1b[32mactive\x1b[0m   \x1b[32midle\x1b[0m  all active now\netcd/1   \x1b[31mblocked\x1b[0m";
        assert_eq!(paint_statuses(text), expected);
    }
}
