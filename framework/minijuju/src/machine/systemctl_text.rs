//! What `systemctl` prints: `status`, `show` and `list-units`.

use std::fmt::Write as _;

use time::OffsetDateTime;
use time::macros::format_description;

use super::protocol::UnitReport;
use super::unit_file::signal_name;

/// `systemctl status` of one unit.
pub(crate) fn status(unit: &UnitReport, now_ms: u64) -> String {
    let mut text = String::new();
    let dot = match unit.active_state.as_str() {
        "failed" => '×',
        "inactive" => '○',
        _ => '●',
    };
    line(&mut text, format_args!("{dot} {} - {}", unit.id, unit.description));
    line(&mut text, format_args!("     Loaded: {}", loaded(unit)));
    if !unit.drop_in_paths.is_empty() {
        line(
            &mut text,
            format_args!("    Drop-In: {}", unit.drop_in_paths.join(", ")),
        );
    }
    line(
        &mut text,
        format_args!("     Active: {}{}", active(unit), since(unit, now_ms)),
    );
    if unit.main_pid != 0 {
        line(&mut text, format_args!("   Main PID: {}", unit.main_pid));
    } else if unit.exec_main_pid != 0 && unit.exec_main_code != 0 {
        line(
            &mut text,
            format_args!("   Main PID: {} ({})", unit.exec_main_pid, ended(unit)),
        );
    }
    if unit.n_restarts > 0 {
        line(&mut text, format_args!("   Restarts: {}", unit.n_restarts));
    }
    if !unit.status_text.is_empty() {
        line(&mut text, format_args!("     Status: \"{}\"", unit.status_text));
    }
    for note in &unit.notes {
        line(&mut text, format_args!("       Note: {note}"));
    }
    if unit.need_daemon_reload {
        line(
            &mut text,
            format_args!("    Warning: the unit file changed on disk; run 'systemctl daemon-reload'"),
        );
    }
    if !unit.log.is_empty() {
        line(&mut text, format_args!("\n{}", unit.log.join("\n")));
    }
    text
}

/// `systemctl show` of one unit: all properties, or only some; with or without their names.
pub(crate) fn show(unit: &UnitReport, wanted: &[String], only_values: bool) -> String {
    let mut text = String::new();
    for (name, value) in properties(unit) {
        if !wanted.is_empty() && !wanted.iter().any(|property| property == name) {
            continue;
        }
        if only_values {
            line(&mut text, format_args!("{value}"));
        } else {
            line(&mut text, format_args!("{name}={value}"));
        }
    }
    text
}

/// `systemctl list-units`.
pub(crate) fn list(units: &[UnitReport], legend: bool) -> String {
    let width = units.iter().map(|unit| unit.id.len()).chain([4]).max().unwrap_or(4);
    let mut text = String::new();
    if legend {
        line(
            &mut text,
            format_args!(
                "  {:width$} {:9} {:12} {:12} DESCRIPTION",
                "UNIT", "LOAD", "ACTIVE", "SUB"
            ),
        );
    }
    for unit in units {
        let dot = if unit.active_state == "failed" { '●' } else { ' ' };
        let (load, active, sub) = (&unit.load_state, &unit.active_state, &unit.sub_state);
        line(
            &mut text,
            format_args!(
                "{dot} {:width$} {load:9} {active:12} {sub:12} {}",
                unit.id, unit.description
            ),
        );
    }
    if legend {
        line(&mut text, format_args!("\n{} loaded units listed.", units.len()));
    }
    text
}

/// In the order in which systemd names them.
fn properties(unit: &UnitReport) -> Vec<(&'static str, String)> {
    vec![
        ("Type", unit.kind.clone()),
        ("Restart", unit.restart.clone()),
        ("MainPID", unit.main_pid.to_string()),
        ("StatusText", unit.status_text.clone()),
        ("Result", unit.result.clone()),
        ("NRestarts", unit.n_restarts.to_string()),
        ("ExecMainPID", unit.exec_main_pid.to_string()),
        ("ExecMainCode", unit.exec_main_code.to_string()),
        ("ExecMainStatus", unit.exec_main_status.to_string()),
        ("Id", unit.id.clone()),
        ("Names", unit.id.clone()),
        ("Description", unit.description.clone()),
        ("LoadState", unit.load_state.clone()),
        ("ActiveState", unit.active_state.clone()),
        ("SubState", unit.sub_state.clone()),
        ("FragmentPath", unit.fragment_path.clone()),
        ("DropInPaths", unit.drop_in_paths.join(" ")),
        ("UnitFileState", unit.unit_file_state.clone()),
        ("StateChangeTimestamp", timestamp(unit.since)),
        (
            "NeedDaemonReload",
            if unit.need_daemon_reload { "yes" } else { "no" }.to_owned(),
        ),
        ("LoadError", unit.load_error.clone()),
    ]
}

fn loaded(unit: &UnitReport) -> String {
    match unit.load_state.as_str() {
        "loaded" => format!("loaded ({}; {})", unit.fragment_path, unit.unit_file_state),
        "masked" => format!("masked (Reason: Unit {} is masked.)", unit.id),
        "not-found" => format!("not-found (Reason: Unit {} not found.)", unit.id),
        other => format!("{other} (Reason: {})", unit.load_error),
    }
}

fn active(unit: &UnitReport) -> String {
    match (unit.active_state.as_str(), unit.result.as_str()) {
        (state @ ("failed" | "activating"), result) if result != "success" => format!(
            "{state} ({}) (Result: {result})",
            if state == "failed" { "Result" } else { &unit.sub_state }
        )
        .replace("(Result) ", ""),
        (state, _) => format!("{state} ({})", unit.sub_state),
    }
}

fn ended(unit: &UnitReport) -> String {
    let status = unit.exec_main_status;
    match unit.exec_main_code {
        1 => format!("code=exited, status={status}"),
        2 => format!("code=killed, signal={}", signal_name(status)),
        _ => format!("code=dumped, signal={}", signal_name(status)),
    }
}

fn since(unit: &UnitReport, now_ms: u64) -> String {
    if unit.since == 0 {
        return String::new();
    }
    let seconds = now_ms.saturating_sub(unit.since) / 1000;
    let ago = match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, s) => format!("{m}min {s}s"),
        (0, h, m, _) => format!("{h}h {m}min"),
        (d, h, _, _) => format!("{d} day {h}h"),
    };
    format!(" since {}; {ago} ago", timestamp(unit.since))
}

fn timestamp(ms: u64) -> String {
    let format = format_description!("[weekday repr:short] [year]-[month]-[day] [hour]:[minute]:[second] UTC");
    let time = i64::try_from(ms / 1000)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    time.filter(|_| ms > 0)
        .and_then(|time| time.format(format).ok())
        .unwrap_or_default()
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{arguments}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> UnitReport {
        UnitReport {
            id: "etcd.service".into(),
            description: "etcd".into(),
            load_state: "loaded".into(),
            active_state: "active".into(),
            sub_state: "running".into(),
            result: "success".into(),
            unit_file_state: "enabled".into(),
            fragment_path: "/etc/systemd/system/etcd.service".into(),
            main_pid: 7,
            since: 1_700_000_000_000,
            log: vec!["one".into(), "two".into()],
            notes: vec!["User=x is not honoured".into()],
            ..UnitReport::default()
        }
    }

    #[test]
    fn a_running_unit_shows_what_is_known() {
        let expected = "● etcd.service - etcd\n     Loaded: loaded (/etc/systemd/system/etcd.service; enabled)\n     \
            Active: active (running) since Tue 2023-11-14 22:13:20 UTC; 1min 5s ago\n   Main PID: 7\n       \
            Note: User=x is not honoured\n\none\ntwo\n";
        assert_eq!(status(&report(), 1_700_000_065_000), expected);
    }

    #[test]
    fn a_failed_unit_says_why() {
        let mut unit = report();
        unit.active_state = "failed".into();
        unit.result = "exit-code".into();
        (
            unit.main_pid,
            unit.exec_main_pid,
            unit.exec_main_code,
            unit.exec_main_status,
        ) = (0, 7, 1, 3);
        let text = status(&unit, 1_700_000_000_000);
        assert!(text.contains("Active: failed (Result: exit-code) since"), "{text}");
        assert!(text.contains("Main PID: 7 (code=exited, status=3)"), "{text}");
    }

    #[test]
    fn show_gives_the_properties_asked_for() {
        let wanted = ["ActiveState", "MainPID"].map(str::to_owned);
        assert_eq!(show(&report(), &wanted, false), "MainPID=7\nActiveState=active\n");
        assert_eq!(show(&report(), &wanted, true), "7\nactive\n");
        assert!(show(&report(), &[], false).contains("\nUnitFileState=enabled\n"));
    }

    #[test]
    fn the_list_lines_up() {
        let text = list(&[report()], true);
        let expected = "  UNIT         LOAD      ACTIVE       SUB          DESCRIPTION\n  \
            etcd.service loaded    active       running      etcd\n\n1 loaded units listed.\n";
        assert_eq!(text, expected);
    }
}
