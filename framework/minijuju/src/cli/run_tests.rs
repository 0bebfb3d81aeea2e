//! What can be typed after `run` and `exec`.

use super::*;

fn own(words: &str) -> Vec<String> {
    words.split_whitespace().map(str::to_owned).collect()
}

#[track_caller]
fn refused(words: &str, text: &str) {
    let failure = Words::parse(&own(words)).unwrap_err();
    assert_eq!((failure.text.as_str(), failure.code), (text, 2), "{words}");
}

#[test]
fn units_come_first_then_the_action_then_its_arguments() {
    let words = Words::parse(&own("etcd/0 etcd/leader back-up a.b=c=d x=")).unwrap();
    assert_eq!(words.units, ["etcd/0", "etcd/leader"]);
    assert_eq!(words.action, "back-up");
    assert_eq!(
        words.arguments,
        [("a.b".into(), "c=d".into()), ("x".into(), String::new())]
    );
}

#[test]
fn mistakes_are_told_in_jujus_words() {
    refused("backup", "no unit specified");
    refused("etcd/0", "no action specified");
    refused("etcd/0 Backup", "invalid unit or action name \"Backup\"");
    refused("etcd/x backup", "invalid unit or action name \"etcd/x\"");
    refused("etcd/0 other/0 backup", "all units must be of the same application");
    refused(
        "etcd/0 backup x",
        "argument \"x\" must be of the form key.key.key...=value",
    );
    let rule = "must start and end with lowercase alphanumeric, and contain only lowercase alphanumeric and hyphens";
    refused("etcd/0 backup a.B=1", &format!("key \"B\" {rule}"));
    refused("etcd/0 backup a.=1", &format!("key \"\" {rule}"));
}

#[test]
fn values_are_yaml_and_dots_nest() {
    let mut params = json!({"a": {"x": 1}, "b": 2}).as_object().unwrap().clone();
    for (key, text) in [("a.y", "5"), ("b.c", "true"), ("s", "\"5\""), ("e", "")] {
        insert(&mut params, key, yaml_value(key, text).unwrap()).unwrap();
    }
    assert_eq!(
        Value::Object(params),
        json!({"a": {"x": 1, "y": 5}, "b": {"c": true}, "s": "5", "e": ""})
    );
}

#[test]
fn several_words_are_quoted_one_is_not() {
    assert_eq!(shell_command(&own("ls")), "ls");
    assert_eq!(shell_command(&["echo $A | cat".to_owned()]), "echo $A | cat");
    let words = ["echo", "a b", "it's", "", "-x=/y"].map(str::to_owned);
    assert_eq!(shell_command(&words), "echo 'a b' 'it'\"'\"'s' '' -x=/y");
}

#[test]
fn waiting_and_background_exclude_each_other() {
    let waiting = |wait: Option<&str>, background| {
        Waiting {
            wait: wait.map(str::to_owned),
            background,
            utc: false,
        }
        .millis()
    };
    assert_eq!(waiting(None, false), Ok(Some(60_000)));
    assert_eq!(waiting(Some("5.0s"), false), Ok(Some(5_000)));
    assert_eq!(waiting(None, true), Ok(None));
    assert_eq!(
        waiting(Some("5s"), true).unwrap_err().text,
        "cannot specify both --wait and --background"
    );
}

#[test]
fn stderr_says_what_is_awaited() {
    let task = |id: &str, unit: &str| TaskReport {
        id: id.into(),
        operation: "1".into(),
        unit: unit.into(),
        status: "pending".into(),
        message: String::new(),
        results: Map::new(),
        log: Vec::new(),
        enqueued_ms: 0,
        started_ms: None,
        completed_ms: None,
    };
    let mut report = OperationReport {
        id: "1".into(),
        summary: String::new(),
        status: "pending".into(),
        action: "x".into(),
        parameters: Map::new(),
        tasks: vec![task("2", "foo/0")],
        errors: Vec::new(),
        timed_out: false,
    };
    assert_eq!(
        running_text(&report),
        "Running operation 1 with 1 task\n  - task 2 on unit-foo-0\n\nWaiting for task 2..."
    );
    assert!(background_text(&report).starts_with("Scheduled operation 1 with task 2\nCheck operation status with"));
    report.tasks.push(task("3", "foo/1"));
    assert!(
        running_text(&report)
            .starts_with("Running operation 1 with 2 tasks\n  - task 2 on unit-foo-0\n  - task 3 on unit-foo-1\n")
    );
}
