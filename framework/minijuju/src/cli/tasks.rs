//! Tasks and operations as `run`, `exec`, `show-task` and `show-operation` print them.

use model::Time;
use serde_json::{Map, Value, json};

use super::args::Format;
use super::failure::Failure;
use super::output::{render, sorted};
use crate::protocol::{OperationReport, TaskReport};

/// Keys of results that are told in another way in plain output.
const OUTPUT_KEYS: [&str; 5] = ["return-code", "stdout", "stderr", "stdout-encoding", "stderr-encoding"];

/// The map of one task, keys sorted; without `unit` level around it.
pub(crate) fn task(task: &TaskReport) -> Value {
    let mut map = outcome(task);
    map.insert("id".into(), json!(task.id));
    map.insert("unit".into(), json!(task.unit));
    sorted(Value::Object(map))
}

/// The result map of `run` and `exec`: by unit, one task each.
pub(crate) fn by_unit(tasks: &[TaskReport]) -> Value {
    sorted(Value::Object(
        tasks.iter().map(|report| (report.unit.clone(), task(report))).collect(),
    ))
}

/// `show-operation`: by id, one operation.
pub(crate) fn operation(report: &OperationReport) -> Value {
    let mut map = Map::new();
    map.insert("summary".into(), json!(report.summary));
    map.insert("status".into(), json!(report.status));
    if !report.errors.is_empty() {
        map.insert("fail".into(), json!(report.errors.join("\n")));
    }
    map.insert(
        "action".into(),
        json!({ "name": report.action, "parameters": sorted(Value::Object(report.parameters.clone())) }),
    );
    map.insert("timing".into(), operation_timing(report));
    let tasks = report.tasks.iter().map(|task| {
        let mut map = outcome(task);
        map.insert("host".into(), json!(task.unit));
        (task.id.clone(), sorted(Value::Object(map)))
    });
    map.insert("tasks".into(), Value::Object(tasks.collect()));
    json!({ report.id.clone(): map })
}

fn outcome(task: &TaskReport) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("status".into(), json!(task.status));
    if !task.message.is_empty() {
        map.insert("message".into(), json!(task.message));
    }
    if !task.results.is_empty() {
        map.insert("results".into(), Value::Object(task.results.clone()));
    }
    if !task.log.is_empty() {
        let lines = task
            .log
            .iter()
            .map(|(time, text)| format!("{} {text}", Time(*time).go_text()));
        map.insert("log".into(), lines.collect());
    }
    map.insert(
        "timing".into(),
        timing(Some(task.enqueued_ms), task.started_ms, task.completed_ms),
    );
    map
}

fn timing(enqueued: Option<u64>, started: Option<u64>, completed: Option<u64>) -> Value {
    let times = [("enqueued", enqueued), ("started", started), ("completed", completed)];
    let known = times
        .into_iter()
        .filter_map(|(key, time)| Some((key.to_owned(), json!(Time(time?).go_text()))));
    Value::Object(known.collect())
}

fn operation_timing(report: &OperationReport) -> Value {
    let enqueued = report.tasks.iter().map(|task| task.enqueued_ms).min();
    let started = report.tasks.iter().filter_map(|task| task.started_ms).min();
    let completed: Option<Vec<u64>> = report.tasks.iter().map(|task| task.completed_ms).collect();
    timing(enqueued, started, completed.and_then(|times| times.into_iter().max()))
}

/// Results of an action for people.
pub(crate) fn plain_action(tasks: &[TaskReport]) -> Result<String, Failure> {
    plain(tasks, action_text)
}

/// Results of a command for people; several targets are headed by their names.
pub(crate) fn plain_command(tasks: &[TaskReport]) -> String {
    if let [only] = tasks {
        return command_text(only);
    }
    let mut tasks: Vec<&TaskReport> = tasks.iter().collect();
    tasks.sort_by_key(|task| natural(&task.unit));
    tasks
        .into_iter()
        .map(|task| format!("{}:\n{}\n", task.unit, command_text(task)))
        .collect()
}

fn plain(tasks: &[TaskReport], text: impl Fn(&TaskReport) -> Result<String, Failure>) -> Result<String, Failure> {
    if let [only] = tasks {
        return text(only);
    }
    let mut map = Map::new();
    for task in tasks {
        let mut entry = Map::new();
        entry.insert("id".into(), json!(task.id));
        entry.insert("output".into(), json!(text(task)?));
        entry.insert("status".into(), json!(task.status));
        if !task.message.is_empty() {
            entry.insert("message".into(), json!(task.message));
        }
        map.insert(task.unit.clone(), Value::Object(entry));
    }
    render(Format::Yaml, &Value::Object(map))
}

fn action_text(task: &TaskReport) -> Result<String, Failure> {
    let mut text = String::new();
    if task.status == "failed" {
        text.push_str(&format!("Action id {} failed: {}\n", task.id, task.message));
    }
    let own: Map<String, Value> = task
        .results
        .clone()
        .into_iter()
        .filter(|(key, _)| !OUTPUT_KEYS.contains(&key.as_str()))
        .collect();
    if own.is_empty() && !has_output(task) {
        if task.status != "failed" {
            text.push_str(&format!("Task {} {}\n", task.id, task.status));
        }
    } else if !own.is_empty() {
        text.push_str(&render(Format::Yaml, &sorted(Value::Object(own)))?);
    }
    text.push('\n');
    for key in ["stdout", "stderr"] {
        if let Some(output) = result(task, key).filter(|output| !output.trim_matches('\n').is_empty()) {
            text.push_str(output.trim_matches('\n'));
            text.push('\n');
        }
    }
    Ok(text)
}

fn has_output(task: &TaskReport) -> bool {
    ["stdout", "stderr"]
        .into_iter()
        .any(|key| result(task, key).is_some_and(|output| !output.is_empty()))
}

fn command_text(task: &TaskReport) -> String {
    let outputs = ["stdout", "stderr"]
        .into_iter()
        .filter_map(|key| result(task, key))
        .filter(|output| !output.is_empty());
    let mut text: String = outputs
        .map(|output| {
            if output.ends_with('\n') {
                output.to_owned()
            } else {
                format!("{output}\n")
            }
        })
        .collect();
    // Without a result there is a reason: cancelled, or killed.
    if task.results.is_empty() && !task.message.is_empty() {
        text.push_str(&format!("{}\n", task.message));
    }
    text
}

fn result<'a>(task: &'a TaskReport, key: &str) -> Option<&'a str> {
    task.results.get(key)?.as_str()
}

/// The error of `run` and `exec` if processes of tasks have failed.
pub(crate) fn failed(tasks: &[TaskReport]) -> Result<(), Failure> {
    let codes = tasks
        .iter()
        .filter_map(|task| Some((&task.id, return_code(task).filter(|code| *code != 0)?)));
    let lines: Vec<String> = codes
        .map(|(id, code)| format!(" - id \"{id}\" with return code {code}\n"))
        .collect();
    match lines.len() {
        0 => Ok(()),
        count => {
            let noun = if count == 1 { "task" } else { "tasks" };
            Err(Failure::new(format!(
                "the following {noun} failed:\n{}\nuse 'minijuju show-task' to inspect the failure",
                lines.concat()
            )))
        }
    }
}

fn return_code(task: &TaskReport) -> Option<i64> {
    let code = task.results.get("return-code")?;
    code.as_i64().or_else(|| code.as_str()?.parse().ok())
}

/// `etcd/10` comes after `etcd/9`.
fn natural(unit: &str) -> (String, u64) {
    let (name, number) = unit.rsplit_once('/').unwrap_or((unit, "0"));
    (name.to_owned(), number.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(unit: &str, status: &str, message: &str, results: Value) -> TaskReport {
        TaskReport {
            id: "2".into(),
            operation: "1".into(),
            unit: unit.into(),
            status: status.into(),
            message: message.into(),
            results: results.as_object().unwrap().clone(),
            log: vec![(1_704_164_645_000, "hello".into())],
            enqueued_ms: 1_704_164_644_000,
            started_ms: Some(1_704_164_645_000),
            completed_ms: None,
        }
    }

    #[test]
    fn the_result_map_is_jujus() {
        let task = report("a/0", "running", "", json!({"z": {"y": "1"}, "return-code": 0}));
        let expected = concat!(
            r#"{"a/0":{"id":"2","log":["2024-01-02 03:04:05 +0000 UTC hello"],"results":{"return-code":0,"z":{"y":"1"}},"#,
            r#""status":"running","timing":{"enqueued":"2024-01-02 03:04:04 +0000 UTC","started":"2024-01-02 03:04:05 +0000 UTC"},"unit":"a/0"}}"#
        );
        assert_eq!(serde_json::to_string(&by_unit(&[task])).unwrap(), expected);
    }

    #[track_caller]
    fn action(status: &str, message: &str, results: Value, expected: &str) {
        assert_eq!(
            plain_action(&[report("a/0", status, message, results)]).unwrap(),
            expected
        );
    }

    #[test]
    fn plain_output_of_an_action() {
        action(
            "completed",
            "",
            json!({"b": "x", "a": {"c": "v"}, "return-code": 0}),
            "a:\n  c: v\nb: x\n\n",
        );
        action(
            "completed",
            "",
            json!({"stdout": "\nout\n", "stderr": "err", "return-code": 0}),
            "\nout\nerr\n",
        );
        action("completed", "", json!({}), "Task 2 completed\n\n");
        action("completed", "", json!({"return-code": 0}), "Task 2 completed\n\n");
        action(
            "failed",
            "no",
            json!({"a": "1"}),
            "Action id 2 failed: no\na: \"1\"\n\n",
        );
    }

    #[test]
    fn several_units_are_a_map() {
        let tasks = [
            report("a/0", "completed", "", json!({"x": "v"})),
            report("a/1", "failed", "no", json!({})),
        ];
        let text = plain_action(&tasks).unwrap();
        let value: Value = package::yaml::from_str("x", &text).unwrap();
        assert_eq!(
            value["a/0"],
            json!({"id": "2", "output": "x: v\n\n", "status": "completed"})
        );
        assert_eq!(value["a/1"]["message"], "no");
    }

    #[test]
    fn plain_output_of_a_command() {
        let one = report(
            "a/10",
            "completed",
            "",
            json!({"stdout": "out", "stderr": "err\n", "return-code": 0}),
        );
        assert_eq!(plain_command(std::slice::from_ref(&one)), "out\nerr\n");
        let two = report("a/9", "completed", "", json!({"stdout": "x\n", "return-code": 0}));
        assert_eq!(plain_command(&[one, two]), "a/9:\nx\n\na/10:\nout\nerr\n\n");
    }

    #[test]
    fn only_a_failed_process_is_an_error() {
        let good = report("a/0", "failed", "action-fail", json!({"return-code": 0}));
        assert_eq!(failed(std::slice::from_ref(&good)), Ok(()));
        let bad = report("a/1", "failed", "", json!({"return-code": 3}));
        let text = failed(&[good, bad]).unwrap_err().text;
        assert_eq!(
            text,
            "the following task failed:\n - id \"2\" with return code 3\n\nuse 'minijuju show-task' to inspect the failure"
        );
    }

    #[test]
    fn an_operation_has_its_tasks_below_it() {
        let report = OperationReport {
            id: "1".into(),
            summary: "s".into(),
            status: "running".into(),
            action: "x".into(),
            parameters: Map::new(),
            tasks: vec![report("a/0", "running", "", json!({}))],
            errors: vec!["unit \"a/9\" not found".into()],
            timed_out: false,
        };
        let value = operation(&report);
        assert_eq!(value["1"]["tasks"]["2"]["host"], "a/0");
        assert_eq!(value["1"]["fail"], "unit \"a/9\" not found");
        assert_eq!(value["1"]["timing"]["started"], "2024-01-02 03:04:05 +0000 UTC");
        assert_eq!(value["1"]["timing"]["completed"], Value::Null);
    }
}
