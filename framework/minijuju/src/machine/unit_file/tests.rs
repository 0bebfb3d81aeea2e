//! Unit files as they are met in the wild.

use super::*;

fn unit(texts: &[&str]) -> ServiceUnit {
    parse("a.service", texts, "host").unwrap()
}

#[track_caller]
fn refused(text: &str, part: &str) {
    let error = parse("a.service", &[text], "host").unwrap_err().to_string();
    assert!(error.contains(part), "{error}");
}

fn words(exec: &[Exec]) -> Vec<String> {
    exec.iter().map(|exec| exec.words.join("|")).collect()
}

const ETCD: &str = r#"
# etcd
[Unit]
Description=etcd of %n
After=network-online.target
StartLimitIntervalSec=0
StartLimitBurst=3

[Service]
Type=notify
User=etcd
ExecStartPre=-/bin/mkdir -p "/var/lib/etcd dir"
ExecStart=/usr/bin/etcd \
    --config-file=/etc/etcd/etcd.conf.yml \
    # a comment inside
    --name ${NAME}
Environment="NAME=a b" OTHER=x
EnvironmentFile=-/etc/default/etcd
Restart=on-abnormal
RestartSec=1min
TimeoutStopSec=5
KillSignal=SIGINT
LimitNOFILE=40000
SuccessExitStatus=2 SIGKILL

[Install]
WantedBy=multi-user.target
"#;

#[test]
fn a_unit_is_read_whole() {
    let unit = unit(&[ETCD]);
    assert_eq!(unit.description, "etcd of a.service");
    assert_eq!(unit.kind, Kind::Notify);
    assert_eq!(
        words(&unit.start),
        ["/usr/bin/etcd|--config-file=/etc/etcd/etcd.conf.yml|--name|${NAME}"]
    );
    assert_eq!(words(&unit.start_pre), ["/bin/mkdir|-p|/var/lib/etcd dir"]);
    assert!(unit.start_pre[0].ignore_failure && !unit.start[0].ignore_failure);
    assert_eq!(
        unit.environment,
        [("NAME".into(), "a b".into()), ("OTHER".into(), "x".into())]
    );
    assert_eq!(unit.environment_files, [(true, "/etc/default/etcd".into())]);
    assert_eq!(
        (unit.restart, unit.restart_delay),
        (Restart::OnAbnormal, Duration::from_secs(60))
    );
    assert_eq!(unit.start_limit, (Duration::ZERO, 3));
    assert_eq!((unit.stop_timeout, unit.kill_signal), (Duration::from_secs(5), 2));
    assert_eq!(unit.success_statuses, [2, -9]);
    assert_eq!(unit.wanted_by, ["multi-user.target"]);
    let notes = ["User=etcd", "LimitNOFILE=40000"].map(|s| format!("{s} is not honoured in a process machine"));
    assert_eq!(unit.notes, notes);
}

#[test]
fn a_drop_in_adds_and_an_empty_value_resets() {
    let drop_in = "[Service]\nExecStart=\nExecStart=/bin/b\nEnvironment=NAME=c\nEnvironmentFile=\nRestart=always\n";
    let unit = unit(&[ETCD, drop_in]);
    assert_eq!(words(&unit.start), ["/bin/b"]);
    assert_eq!(unit.environment.last().unwrap(), &("NAME".to_owned(), "c".to_owned()));
    assert_eq!(unit.environment_files, []);
    assert_eq!(unit.restart, Restart::Always);
}

#[test]
fn prefixes_and_several_commands_on_a_line() {
    let unit = unit(&["[Service]\nType=oneshot\nExecStart=-:/bin/a $X ; @/bin/b zero one\n"]);
    assert_eq!(words(&unit.start), ["/bin/a|$X", "/bin/b|one"]);
    assert!(unit.start[0].ignore_failure && unit.start[0].literal);
}

#[test]
fn bad_units_say_what_is_wrong() {
    refused("[Service]\nType=simple\n", "no ExecStart=");
    refused(
        "[Service]\nExecStart=/bin/a\nExecStart=/bin/b\n",
        "more than one ExecStart=",
    );
    refused("[Service]\nExecStart=/bin/a 'b\n", "ExecStart= value: /bin/a 'b");
    refused(
        "[Service]\nExecStart=/bin/a\nRestartSec=soon\n",
        "RestartSec= value: soon",
    );
    refused(
        "[Service]\nExecStart=/bin/a\nType=forking\n",
        "Type=forking is not supported",
    );
    refused(
        "[Service]\nExecStart=/bin/a\nType=oneshot\nRestart=always\n",
        "isn't allowed for Type=oneshot",
    );
}

#[test]
fn signals_have_names_and_numbers() {
    assert_eq!(
        [
            signal("SIGTERM"),
            signal("HUP"),
            signal("9"),
            signal("SIGX"),
            signal("99")
        ],
        [Some(15), Some(1), Some(9), None, None]
    );
    assert_eq!(signal_name(15), "TERM");
}
