//! Bad input gets a clear error in Juju's wording, a non-zero exit code, and changes nothing.

use std::fs;

use serde_json::Value;

use crate::support::{Sandbox, charm};

/// The status without what moves by itself: times.
fn picture(sandbox: &Sandbox) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|key, _| key != "since" && key != "timestamp");
                map.values_mut().for_each(strip);
            }
            Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut status = sandbox.status();
    strip(&mut status);
    status
}

#[test]
fn bad_input_is_named_and_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.deploy_authority();
    sandbox.deploy_etcd("etcd", 1);
    sandbox.settled(&["easyrsa", "etcd"]);
    let before = picture(&sandbox);

    let broken = tempfile::tempdir().unwrap();
    fs::write(
        broken.path().join("metadata.yaml"),
        "name: broken\nsummary: s\ndescription: d\nprovides:\n  db: [oops\n",
    )
    .unwrap();
    let broken = broken.path().to_str().unwrap().to_owned();
    let etcd = charm("etcd").to_str().unwrap().to_owned();

    let cases: Vec<(Vec<&str>, Vec<&str>)> = vec![
        (
            vec!["deploy", "./nowhere.charm"],
            vec![r#"no charm was found at "./nowhere.charm""#],
        ),
        (vec!["deploy", &broken], vec!["metadata.yaml", ":5:"]),
        (
            vec!["deploy", &etcd, "etcd"],
            vec![r#"cannot add application "etcd": application already exists"#],
        ),
        (vec!["deploy", &etcd, "other", "--config", "prot=1"], vec!["prot"]),
        (vec!["deploy", &etcd, "other-1"], vec!["other-1"]),
        (vec!["config", "etcd", "prot=1"], vec!["prot"]),
        (vec!["config", "etcd", "port=many"], vec!["port", "many"]),
        (
            vec!["config", "etcd", "prot"],
            vec![r#"key "prot" not found in "etcd" application config or charm settings"#],
        ),
        (vec!["config", "nobody"], vec![r#"application "nobody" not found"#]),
        (vec!["integrate", "etcd:nothing", "easyrsa"], vec!["nothing"]),
        (
            vec!["integrate", "etcd:db", "easyrsa:client"],
            vec!["no relations found"],
        ),
        (
            vec!["integrate", "etcd", "nobody"],
            vec![r#"application "nobody" not found"#],
        ),
        (
            vec!["integrate", "etcd:certificates", "easyrsa:client"],
            vec!["already exists"],
        ),
        (vec!["add-unit", "nobody"], vec![r#"application "nobody" not found"#]),
        (
            vec!["remove-unit", "--no-prompt", "etcd/9"],
            vec![r#"unit "etcd/9" not found"#],
        ),
        (vec!["ssh", "etcd/9", "true"], vec!["etcd/9"]),
        (vec!["scp", "etcd/9:x", "."], vec!["etcd/9"]),
        (vec!["frobnicate"], vec!["frobnicate"]),
    ];
    for (words, texts) in cases {
        let (code, error) = sandbox.fails(&words);
        assert!(code == 1 || code == 2, "{words:?} exits with {code}");
        assert!(error.starts_with("ERROR "), "{words:?} says {error:?}");
        for text in texts {
            assert!(error.contains(text), "{words:?} does not say {text:?} but {error:?}");
        }
        assert!(!error.contains("panicked"), "{words:?} panicked: {error}");
    }
    assert_eq!(picture(&sandbox), before, "bad input changed the model");
}

#[test]
fn actions_that_cannot_be_scheduled_are_named() {
    let sandbox = Sandbox::with_etcd(1);
    let before = picture(&sandbox);
    let cases = [
        (
            vec!["run", "etcd/0", "frobnicate"],
            r#"action "frobnicate" not defined on unit "etcd/0""#,
        ),
        (vec!["run", "etcd/9", "health"], r#"unit "etcd/9" not found"#),
        (vec!["run", "etcd/0", "health", "surplus=1"], "validation failed"),
    ];
    for (words, text) in cases {
        let output = sandbox.run(&words);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.stdout.is_empty(),
            "{words:?} printed {}",
            String::from_utf8_lossy(&output.stdout)
        );
        assert!(error.contains(text), "{words:?} says {error:?}");
    }
    assert_eq!(picture(&sandbox), before, "bad input changed the model");
}

#[test]
fn a_charm_option_that_cannot_work_blocks_with_its_name_and_leaves_the_member_alone() {
    let sandbox = Sandbox::with_etcd(1);
    let pid = || {
        sandbox.ok(&[
            "ssh",
            "etcd/0",
            "systemctl",
            "show",
            "--property",
            "MainPID",
            "--value",
            "etcd",
        ])
    };
    let before = pid();
    sandbox.ok(&["config", "etcd", "port=70000"]);
    sandbox.ok(&["wait", "etcd", "--for", "idle", "--timeout", "60s"]);
    let status = sandbox.status();
    let workload = &status["applications"]["etcd"]["units"]["etcd/0"]["workload-status"];
    assert_eq!(workload["current"], "blocked", "{workload}");
    let message = workload["message"].as_str().unwrap();
    assert!(message.contains("port") && message.contains("70000"), "{message}");
    assert_eq!(pid(), before, "the running member was touched");
    sandbox.ok(&["config", "etcd", "--reset", "port"]);
    sandbox.settled(&["etcd"]);
    assert_eq!(pid(), before, "the running member was touched");
}
