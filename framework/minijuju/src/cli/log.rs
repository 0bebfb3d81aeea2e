//! `debug-log`: the model's log.

use std::io::{self, IsTerminal as _};

use model::Time;

use super::args::{DebugLog, Global};
use super::failure::Failure;
use super::output;
use super::session::{News, Session};
use crate::protocol::{Level, LogRecord, Request};

/// What is shown when nothing is said.
const DEFAULT_LINES: u64 = 10;
/// `--limit 0`.
const MOST_LINES: u64 = 10_000;

/// `debug-log`
pub(crate) fn debug_log(global: &Global, args: DebugLog) -> Result<(), Failure> {
    if args.tail && args.no_tail {
        return Err(Failure::usage("setting --tail and --no-tail not valid"));
    }
    let level = match &args.level {
        Some(name) => Some(Level::parse(name).ok_or_else(|| {
            Failure::usage(format!(
                "level value {name:?} is not one of \"TRACE\", \"DEBUG\", \"INFO\", \"WARNING\", \"ERROR\""
            ))
        })?),
        None => None,
    };
    let extent = Extent::of(&args, io::stdout().is_terminal());
    let filters_modules = !args.include_module.is_empty() || !args.exclude_module.is_empty();
    let request = Request::DebugLog {
        // The daemon knows nothing of modules: then all is fetched, and cut here.
        replay: extent.lines.is_none() || filters_modules,
        lines: extent.lines.unwrap_or(0),
        follow: extent.follow && !filters_modules,
        level,
        include: args.include.clone(),
        exclude: args.exclude.clone(),
    };
    let colours = args.color || output::colours();
    let mut session = Session::open(global)?;
    if !filters_modules {
        return session
            .ask_with(&request, |news| show(news, &args, colours))
            .map(|_| ());
    }
    let mut records = Vec::new();
    session.ask_with(&request, |news| {
        if let News::Log(record) = news
            && has_module(&record, &args)
        {
            records.push(record);
        }
        Ok(())
    })?;
    let skipped = extent.lines.map_or(0, |lines| {
        records
            .len()
            .saturating_sub(usize::try_from(lines).unwrap_or(usize::MAX))
    });
    records
        .into_iter()
        .skip(skipped)
        .try_for_each(|record| show(News::Log(record), &args, colours))
}

/// How much of the log, and whether to go on.
#[derive(Debug, PartialEq, Eq)]
struct Extent {
    /// `None` = from the beginning.
    lines: Option<u64>,
    follow: bool,
}

impl Extent {
    fn of(args: &DebugLog, terminal: bool) -> Extent {
        let limited = args.limit.map(|limit| if limit == 0 { MOST_LINES } else { limit });
        let lines = match (limited, args.replay) {
            (Some(limit), _) => Some(limit),
            (None, true) => None,
            (None, false) => Some(args.lines.unwrap_or(DEFAULT_LINES)),
        };
        Extent {
            lines,
            follow: args.tail || (terminal && limited.is_none() && !args.no_tail),
        }
    }
}

fn has_module(record: &LogRecord, args: &DebugLog) -> bool {
    let below = |module: &String| record.module == *module || record.module.starts_with(&format!("{module}."));
    (args.include_module.is_empty() || args.include_module.iter().any(below)) && !args.exclude_module.iter().any(below)
}

fn show(news: News, args: &DebugLog, colours: bool) -> Result<(), Failure> {
    match news {
        News::Progress(text) => {
            output::info(&text);
            Ok(())
        }
        News::Log(record) => output::data(&line(&record, args.date, args.ms, colours)),
    }
}

fn line(record: &LogRecord, date: bool, ms: bool, colours: bool) -> String {
    let time = Time(record.time_ms);
    let text = if date { time.iso_text() } else { time.clock_text() };
    let fraction = if ms {
        format!(".{:03}", record.time_ms % 1000)
    } else {
        String::new()
    };
    let level = record.level.as_str();
    let level = match (record.level, colours) {
        (Level::Error, true) => format!("\x1b[31m{level}\x1b[0m"),
        (Level::Warning, true) => format!("\x1b[33m{level}\x1b[0m"),
        _ => level.to_owned(),
    };
    format!(
        "{}: {}{fraction} {level} {} {}\n",
        record.entity,
        text.trim_end_matches('Z'),
        record.module,
        record.message
    )
}

#[cfg(test)]
mod tests {
    use super::super::args::{Cli, Command};
    use super::*;
    use clap::Parser as _;

    fn args(line: &str) -> DebugLog {
        let words = ["minijuju", "debug-log"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(words).unwrap().command {
            Command::DebugLog(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn how_much_is_shown_and_whether_it_goes_on() {
        for (line, terminal, lines, follow) in [
            ("", true, Some(10), true),
            ("", false, Some(10), false),
            ("--limit 5", true, Some(5), false),
            ("--limit 0", true, Some(10_000), false),
            ("-n 3", true, Some(3), true),
            ("--replay", false, None, false),
            ("--replay --tail", false, None, true),
            ("--replay --no-tail", true, None, false),
        ] {
            assert_eq!(Extent::of(&args(line), terminal), Extent { lines, follow }, "{line}");
        }
    }

    #[test]
    fn lines_are_jujus() {
        let record = LogRecord {
            time_ms: 1_704_164_645_678,
            entity: "unit-foo-0".into(),
            level: Level::Info,
            module: "unit.foo/0.juju-log".into(),
            message: "text".into(),
        };
        assert_eq!(
            line(&record, false, false, true),
            "unit-foo-0: 03:04:05 INFO unit.foo/0.juju-log text\n"
        );
        assert_eq!(
            line(&record, true, true, false),
            "unit-foo-0: 2024-01-02 03:04:05.678 INFO unit.foo/0.juju-log text\n"
        );
        assert!(
            has_module(&record, &args("--include-module unit")) && !has_module(&record, &args("--include-module uni"))
        );
        assert!(!has_module(&record, &args("--exclude-module unit.foo/0")));
    }
}
