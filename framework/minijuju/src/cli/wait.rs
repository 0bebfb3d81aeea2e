//! `wait` and `wait-for`: until the model is as wanted, with live progress that names what is missing.

use std::time::{Duration, Instant};

use super::args::{Global, Wait, WaitFor as WaitForArgs};
use super::duration;
use super::failure::Failure;
use super::output;
use super::progress::Progress;
use super::session::{Ended, News, Session};
use crate::protocol::{Request, WaitFor};

/// Status words that can be waited for besides `active`.
const WORDS: [&str; 6] = ["blocked", "waiting", "maintenance", "error", "terminated", "unknown"];

/// `wait`
pub(crate) fn wait(global: &Global, args: &Wait) -> Result<(), Failure> {
    let conditions = conditions(args)?;
    let timeout = duration::parse("--timeout", &args.timeout)?;
    let took = until(global, &conditions, timeout)?;
    if !global.quiet {
        output::info(&format!("{} after {:.1} s", describe(args), took.as_secs_f64()));
    }
    Ok(())
}

fn describe(args: &Wait) -> String {
    let what = if args.entities.is_empty() {
        "everything".to_owned()
    } else {
        args.entities.join(", ")
    };
    format!("{what}: {}", args.state)
}

fn conditions(args: &Wait) -> Result<Vec<WaitFor>, Failure> {
    let is_unit = |entity: &str| entity.contains('/');
    let mut conditions = Vec::new();
    if let Some(count) = args.units {
        if args.entities.is_empty() || args.entities.iter().any(|entity| is_unit(entity)) {
            return Err(Failure::usage("--units needs the names of applications"));
        }
        conditions.extend(args.entities.iter().map(|application| WaitFor::Units {
            application: application.clone(),
            count,
        }));
    }
    if args.entities.is_empty() {
        conditions.push(match args.state.as_str() {
            "active" => WaitFor::Active { application: None },
            "idle" => WaitFor::Idle { application: None },
            other => {
                return Err(Failure::usage(format!(
                    "--for {other} needs the names of applications or units"
                )));
            }
        });
    }
    for entity in &args.entities {
        let (application, entity) = (Some(entity.clone()), entity.clone());
        conditions.push(match args.state.as_str() {
            "active" if !is_unit(&entity) => WaitFor::Active { application },
            "idle" if !is_unit(&entity) => WaitFor::Idle { application },
            "idle" => return Err(Failure::usage("--for idle needs the names of applications")),
            "removed" => WaitFor::Gone { entity },
            status if status == "active" || WORDS.contains(&status) => WaitFor::Status {
                entity,
                status: status.to_owned(),
            },
            other => {
                return Err(Failure::usage(format!(
                    "cannot wait for {other:?}: use active, idle, removed or a workload status"
                )));
            }
        });
    }
    Ok(conditions)
}

/// Waits; a daemon that dies meanwhile is started again.
fn until(global: &Global, conditions: &[WaitFor], timeout: Duration) -> Result<Duration, Failure> {
    let begun = Instant::now();
    let mut progress = Progress::start(global.quiet);
    loop {
        let mut session = Session::open(global)?;
        let left = timeout.saturating_sub(begun.elapsed());
        let timeout_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        let request = Request::Wait {
            conditions: conditions.to_vec(),
            timeout_ms,
        };
        let ended = session.follow(&request, |news| {
            if let News::Progress(text) = news {
                progress.tell(&text);
            }
            Ok(())
        })?;
        match ended {
            Ended::Answered(result) => return result.map(|_| begun.elapsed()),
            Ended::Lost if left.is_zero() => return Err(Failure::new("timed out: the daemon was lost")),
            Ended::Lost => {}
        }
    }
}

/// `wait-for`
pub(crate) fn wait_for(global: &Global, args: &WaitForArgs) -> Result<(), Failure> {
    let timeout = duration::parse("--timeout", &args.timeout)?;
    let conditions = query(args)?;
    until(global, &conditions, timeout)?;
    if args.summary {
        output::data(&format!("{} {:?} is as wanted\n", args.kind, args.name))?;
    }
    Ok(())
}

/// What the usual queries ask for.
fn query(args: &WaitForArgs) -> Result<Vec<WaitFor>, Failure> {
    let entity = args.name.clone();
    let status_key = match args.kind.as_str() {
        "application" => "status",
        "unit" => "workload-status",
        "model" => return Ok(Vec::new()),
        other => {
            return Err(Failure::usage(format!(
                "wait-for {other:?} is not supported by minijuju: use application, unit or model"
            )));
        }
    };
    let Some(text) = &args.query else {
        return Ok(vec![WaitFor::Status {
            entity,
            status: "active".into(),
        }]);
    };
    let mut conditions = Vec::new();
    for term in text.split("&&") {
        let not_understood = || {
            Failure::usage(format!(
                "cannot understand query {text:?}: use terms such as {status_key}==\"active\""
            ))
        };
        let (key, value) = term.split_once("==").ok_or_else(not_understood)?;
        let value = value.trim().trim_matches(['"', '\'']);
        match (key.trim(), value) {
            ("life", "alive") => {}
            ("life", "dead") => conditions.push(WaitFor::Gone { entity: entity.clone() }),
            (key, status) if key == status_key => {
                conditions.push(WaitFor::Status {
                    entity: entity.clone(),
                    status: status.to_owned(),
                });
            }
            ("name", name) if name == entity => {}
            _ => return Err(not_understood()),
        }
    }
    Ok(conditions)
}

#[cfg(test)]
mod tests {
    use super::super::args::{Cli, Command};
    use super::*;
    use clap::Parser as _;

    fn parsed(line: &str) -> Result<Vec<WaitFor>, Failure> {
        match Cli::try_parse_from(["minijuju"].into_iter().chain(line.split_whitespace()))
            .unwrap()
            .command
        {
            Command::Wait(args) => conditions(&args),
            Command::WaitFor(args) => query(&args),
            other => panic!("{other:?}"),
        }
    }

    fn status(entity: &str, status: &str) -> WaitFor {
        WaitFor::Status {
            entity: entity.into(),
            status: status.into(),
        }
    }

    #[test]
    fn wait_takes_applications_units_and_states() {
        let etcd = || Some("etcd".to_owned());
        for (line, expected) in [
            ("wait", vec![WaitFor::Active { application: None }]),
            ("wait --for idle", vec![WaitFor::Idle { application: None }]),
            ("wait etcd", vec![WaitFor::Active { application: etcd() }]),
            ("wait etcd/0 --for active", vec![status("etcd/0", "active")]),
            ("wait etcd --for blocked", vec![status("etcd", "blocked")]),
            (
                "wait etcd/1 --for removed",
                vec![WaitFor::Gone {
                    entity: "etcd/1".into(),
                }],
            ),
            (
                "wait etcd --units 3",
                vec![
                    WaitFor::Units {
                        application: "etcd".into(),
                        count: 3,
                    },
                    WaitFor::Active { application: etcd() },
                ],
            ),
        ] {
            assert_eq!(parsed(line), Ok(expected), "{line}");
        }
        for line in [
            "wait --for removed",
            "wait --units 3",
            "wait etcd/0 --units 3",
            "wait etcd --for lunch",
            "wait a/0 --for idle",
        ] {
            assert_eq!(parsed(line).unwrap_err().code, 2, "{line}");
        }
    }

    #[test]
    fn the_usual_queries_are_understood() {
        assert_eq!(parsed("wait-for application etcd"), Ok(vec![status("etcd", "active")]));
        let query = "wait-for unit etcd/0 --query life==\"alive\"&&workload-status==\"blocked\"";
        assert_eq!(parsed(query), Ok(vec![status("etcd/0", "blocked")]));
        assert!(
            parsed("wait-for unit etcd/0 --query len(x)==3")
                .unwrap_err()
                .text
                .starts_with("cannot understand query")
        );
        assert_eq!(parsed("wait-for machine 0").unwrap_err().code, 2);
    }
}
