//! The figures of `make bench`: a table on standard output and `target/bench.json`, one object per figure with `name`, `unit`,
//! `ours`, `peer` (each `median`, `min`, `max`, `n`; `peer` also `name`) and `ratio` (peer ÷ ours; null without a peer).
//!
//! `hook/update-status/*` is a quiet `update-status` of a healthy three-member unit, run in the unit's own hook context by its
//! agent, exactly as a hook is: the whole process from its start to its exit.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark fails where it meets the unexpected, and prints"
)]

#[path = "../tests/stories/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the stories use more of it than the benchmark")]
mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::Sandbox;

/// Counted runs, after one that is not counted.
const RUNS: usize = 20;

/// What one run of the hook cost.
struct Run {
    /// Wall time in milliseconds.
    wall: f64,
    /// The largest resident set in KiB.
    memory: f64,
    /// Hook-tool calls.
    calls: f64,
}

fn main() {
    let sandbox = Sandbox::with_etcd(3);
    measure(&sandbox);
    let runs: Vec<Run> = (0..RUNS).map(|_| measure(&sandbox)).collect();
    let figures = [
        figure("hook/update-status/wall", "ms", runs.iter().map(|run| run.wall)),
        figure(
            "hook/update-status/peak-memory",
            "KiB",
            runs.iter().map(|run| run.memory),
        ),
        figure(
            "hook/update-status/tool-calls",
            "calls",
            runs.iter().map(|run| run.calls),
        ),
    ];
    print(&figures);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench.json");
    fs::write(&path, serde_json::to_string_pretty(&figures).unwrap() + "\n").unwrap();
    println!("\nwritten to {}", path.display());
}

/// Runs `update-status` once in the hook context of etcd/0.
fn measure(sandbox: &Sandbox) -> Run {
    let script = "export JUJU_HOOK_NAME=update-status JUJU_DISPATCH_PATH=hooks/update-status; \
        begin=$EPOCHREALTIME; /usr/bin/time --format=%M --output=peak-memory ./dispatch >/dev/null || exit; end=$EPOCHREALTIME; \
        echo $(( ${end/./} - ${begin/./} )) $(cat peak-memory); rm peak-memory";
    let printed = sandbox.ok(&["exec", "--unit", "etcd/0", "--", script]);
    let fields: Vec<f64> = printed
        .split_whitespace()
        .map(|field| field.parse().expect("a number"))
        .collect();
    let last = sandbox
        .hooks()
        .into_iter()
        .rev()
        .find(|hook| hook["unit"] == "etcd/0")
        .expect("the run is recorded");
    let calls = last["tools"].as_array().map_or(0, Vec::len);
    assert!(calls > 0, "the hook called no tool: {last}");
    Run {
        wall: fields[0] / 1000.0,
        memory: fields[1],
        calls: calls as f64,
    }
}

/// One figure without a peer.
fn figure(name: &str, unit: &str, values: impl Iterator<Item = f64>) -> Value {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let n = values.len();
    let median = (values[(n - 1) / 2] + values[n / 2]) / 2.0;
    json!({
        "name": name,
        "unit": unit,
        "ours": { "median": median, "min": values[0], "max": values[n - 1], "n": n },
        "peer": null,
        "ratio": null,
    })
}

/// The table.
fn print(figures: &[Value]) {
    println!(
        "{:<34} {:>6} {:>10} {:>10} {:>10} {:>4}",
        "figure", "unit", "median", "min", "max", "n"
    );
    for figure in figures {
        let ours = &figure["ours"];
        let number = |key: &str| ours[key].as_f64().unwrap_or_default();
        println!(
            "{:<34} {:>6} {:>10.2} {:>10.2} {:>10.2} {:>4}",
            figure["name"].as_str().unwrap_or_default(),
            figure["unit"].as_str().unwrap_or_default(),
            number("median"),
            number("min"),
            number("max"),
            ours["n"]
        );
    }
}
