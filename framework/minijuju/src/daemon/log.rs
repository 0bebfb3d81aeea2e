//! The model's log: a file of JSON records that `debug-log` reads and follows.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use fs_err::os::unix::fs::OpenOptionsExt as _;
use fs_err::{File, OpenOptions};
use tokio::sync::mpsc::UnboundedSender;

use crate::paths::now_ms;
use crate::protocol::{Answer, Level, LogRecord};

/// Above this size the log becomes `model.log.1` and starts afresh.
const ROTATE_AT: u64 = 64 << 20;

/// The log and those who follow it.
#[derive(Debug)]
pub(crate) struct ModelLog {
    path: PathBuf,
    file: File,
    size: u64,
    followers: Vec<(Filter, UnboundedSender<Answer>)>,
}

impl ModelLog {
    /// Opens the log for appending.
    pub(crate) fn open(path: &Path) -> io::Result<ModelLog> {
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        let size = file.metadata()?.len();
        // A daemon killed while writing leaves half a line; it must not swallow the next one.
        let mut last = *b"\n";
        if size > 0 {
            file.seek(io::SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
        Ok(ModelLog {
            path: path.to_owned(),
            file,
            size,
            followers: Vec::new(),
        })
    }

    /// Adds a record. The log is no state of the model: a record that cannot be written goes to the daemon's stderr.
    pub(crate) fn write(&mut self, entity: &str, level: Level, module: &str, message: &str) {
        let record = LogRecord {
            time_ms: now_ms(),
            entity: entity.to_owned(),
            level,
            module: module.to_owned(),
            message: message.to_owned(),
        };
        if let Err(error) = self.store(&record) {
            let _nowhere_left = writeln!(io::stderr(), "cannot write {}: {error}: {message}", self.path.display());
        }
        self.followers.retain(|(filter, to)| {
            if to.is_closed() {
                return false;
            }
            !filter.passes(&record) || to.send(Answer::Log(record.clone())).is_ok()
        });
    }

    fn store(&mut self, record: &LogRecord) -> io::Result<()> {
        if self.size > ROTATE_AT {
            fs_err::rename(&self.path, self.path.with_extension("log.1"))?;
            self.file = OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(&self.path)?;
            self.size = 0;
        }
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.size += line.len() as u64;
        Ok(())
    }

    /// The records that pass the filter, oldest first: all of them, or the last `lines`.
    pub(crate) fn read(&self, filter: &Filter, lines: Option<usize>) -> io::Result<VecDeque<LogRecord>> {
        let mut records = VecDeque::new();
        for line in io::BufReader::new(File::open(&self.path)?).split(b'\n') {
            // Half a record is nobody's.
            let Ok(record) = serde_json::from_slice::<LogRecord>(&line?) else {
                continue;
            };
            if filter.passes(&record) {
                records.push_back(record);
                if lines.is_some_and(|most| records.len() > most) {
                    records.pop_front();
                }
            }
        }
        Ok(records)
    }

    /// Sends every further record that passes the filter, until the receiver is gone.
    pub(crate) fn follow(&mut self, filter: Filter, to: UnboundedSender<Answer>) {
        self.followers.push((filter, to));
    }
}

/// Which records someone wants.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    /// The least level.
    pub(crate) level: Level,
    /// Entities to show; empty = all.
    pub(crate) include: Vec<String>,
    /// Entities not to show.
    pub(crate) exclude: Vec<String>,
}

impl Filter {
    fn passes(&self, record: &LogRecord) -> bool {
        let is = |wanted: &String| entity_matches(wanted, &record.entity);
        record.level >= self.level
            && (self.include.is_empty() || self.include.iter().any(is))
            && !self.exclude.iter().any(is)
    }
}

/// `unit-foo-0`, `foo/0`, `foo` (all its units), or a prefix such as `unit-foo-*`.
fn entity_matches(wanted: &str, entity: &str) -> bool {
    if let Some(prefix) = wanted.strip_suffix('*') {
        return entity.starts_with(prefix);
    }
    let of_application = || {
        let number = entity.strip_prefix("unit-")?.strip_prefix(wanted)?.strip_prefix('-')?;
        Some(number.bytes().all(|b| b.is_ascii_digit()))
    };
    entity == wanted
        || entity.strip_prefix("unit-") == Some(wanted.replace('/', "-").as_str()) && wanted.contains('/')
        || of_application().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(level: Level, include: &[&str]) -> Filter {
        Filter {
            level,
            include: include.iter().map(|&s| s.to_owned()).collect(),
            exclude: Vec::new(),
        }
    }

    #[test]
    fn entities_are_named_in_four_ways() {
        for wanted in ["unit-my-app-0", "my-app/0", "my-app", "unit-my*"] {
            assert!(entity_matches(wanted, "unit-my-app-0"), "{wanted}");
        }
        for wanted in ["unit-my-app", "my", "my-app/1", "machine*"] {
            assert!(!entity_matches(wanted, "unit-my-app-0"), "{wanted}");
        }
    }

    #[test]
    fn records_are_kept_filtered_and_limited() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = ModelLog::open(&dir.path().join("model.log")).unwrap();
        for n in 0..5 {
            log.write("unit-a-0", Level::Info, "unit.a/0.juju-log", &format!("line {n}"));
            log.write("unit-b-0", Level::Debug, "unit.b/0.install", "noise");
        }
        fs_err::OpenOptions::new()
            .append(true)
            .open(dir.path().join("model.log"))
            .unwrap()
            .write_all(b"{\"torn")
            .unwrap();
        let mut log = ModelLog::open(&dir.path().join("model.log")).unwrap();
        log.write("unit-c-0", Level::Debug, "unit.c/0.juju-log", "after the torn line");
        assert_eq!(log.read(&filter(Level::Debug, &["c"]), None).unwrap().len(), 1);
        assert_eq!(log.read(&filter(Level::Info, &[]), None).unwrap().len(), 5);
        assert_eq!(log.read(&filter(Level::Debug, &["b/0"]), None).unwrap().len(), 5);
        let last = log.read(&filter(Level::Debug, &["a"]), Some(2)).unwrap();
        assert_eq!(
            last.iter().map(|r| r.message.as_str()).collect::<Vec<_>>(),
            ["line 3", "line 4"]
        );
    }

    #[test]
    fn a_follower_gets_only_what_passes_and_is_dropped_when_it_leaves() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = ModelLog::open(&dir.path().join("model.log")).unwrap();
        let (to, mut from) = tokio::sync::mpsc::unbounded_channel();
        log.follow(filter(Level::Warning, &[]), to);
        log.write("unit-a-0", Level::Info, "m", "quiet");
        log.write("unit-a-0", Level::Error, "m", "loud");
        assert!(matches!(from.try_recv(), Ok(Answer::Log(r)) if r.message == "loud"));
        drop(from);
        log.write("unit-a-0", Level::Error, "m", "nobody listens");
        assert!(log.followers.is_empty());
    }
}
