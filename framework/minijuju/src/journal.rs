//! The event journal: what happened to a model, on disk before anything is done about it.
//!
//! `journal` holds one entry a line, `<crc32> {"seq":n,"event":…}`, synced to disk before [`Journal::append`] returns.
//! `snapshot` holds the state after entry `seq` in the same form, replaced by rename; entries up to that number are
//! skipped when the journal is read, so that dying between the two steps of [`Journal::compact`] does no harm. A last
//! line that was not written completely never took effect and is cut off; damage anywhere else is refused.

use std::io::{self, Seek as _, Write as _};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use fs_err::os::unix::fs::OpenOptionsExt as _;
use fs_err::{File, OpenOptions};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A line does not match its checksum, is out of sequence, or is no entry.
    #[error("cannot read journal {path}: line {line} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system refused to read.
    #[error("cannot read journal: {0}")]
    Read(#[source] io::Error),
    /// The operating system refused to write.
    #[error("cannot write journal: {0}")]
    Write(#[source] io::Error),
    /// An earlier write failed.
    #[error("journal {0} is closed: an earlier write failed; free some space and restart the daemon")]
    Closed(PathBuf),
    /// A value has no JSON form.
    #[error("cannot write journal: {0}")]
    Encode(#[source] serde_json::Error),
}

/// An open journal of events of type `E` on top of snapshots of type `S`.
#[derive(Debug)]
pub struct Journal<S, E> {
    file: File,
    snapshot: PathBuf,
    seq: u64,
    since_snapshot: usize,
    closed: bool,
    types: PhantomData<fn(S, E)>,
}

/// What an opened journal contained.
#[derive(Debug)]
pub struct Loaded<S, E> {
    /// The last snapshot.
    pub snapshot: Option<S>,
    /// The events after it, oldest first.
    pub events: Vec<E>,
}

#[derive(Serialize, Deserialize)]
struct Entry<T> {
    seq: u64,
    event: T,
}

impl<S: Serialize + DeserializeOwned, E: Serialize + DeserializeOwned> Journal<S, E> {
    /// Opens, or creates, the journal, and reads all of it.
    pub fn open(journal: &Path, snapshot: &Path) -> Result<(Self, Loaded<S, E>), JournalError> {
        let loaded: Option<Entry<S>> = read_snapshot(snapshot)?;
        let (snapshot_seq, state) = loaded.map_or((0, None), |e| (e.seq, Some(e.event)));
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(journal)
            .map_err(JournalError::Read)?;
        let content = fs_err::read(journal).map_err(JournalError::Read)?;
        let (entries, good) = parse::<E>(journal, &content)?;
        if good < content.len() {
            file.set_len(good as u64).map_err(JournalError::Write)?;
            file.sync_all().map_err(JournalError::Write)?;
        }
        file.seek(io::SeekFrom::End(0)).map_err(JournalError::Read)?;
        sync_parent(journal).map_err(JournalError::Write)?;
        let (seq, events) = continue_from(snapshot_seq, entries).map_err(|(line, reason)| JournalError::Damaged {
            path: journal.to_owned(),
            line,
            reason,
        })?;
        let since_snapshot = events.len();
        let this = Journal {
            file,
            snapshot: snapshot.to_owned(),
            seq,
            since_snapshot,
            closed: false,
            types: PhantomData,
        };
        Ok((
            this,
            Loaded {
                snapshot: state,
                events,
            },
        ))
    }

    /// Writes an event and returns when it is on disk. After a failure nothing is accepted any more, because what
    /// reached the disk is unknown.
    pub fn append(&mut self, event: &E) -> Result<(), JournalError> {
        if self.closed {
            return Err(JournalError::Closed(self.file.path().to_owned()));
        }
        let line = encode(&Entry {
            seq: self.seq + 1,
            event,
        })?;
        if let Err(e) = self.file.write_all(&line).and_then(|()| self.file.sync_data()) {
            self.closed = true;
            return Err(JournalError::Write(e));
        }
        self.seq += 1;
        self.since_snapshot += 1;
        Ok(())
    }

    /// Events since the last snapshot.
    #[must_use]
    pub fn since_snapshot(&self) -> usize {
        self.since_snapshot
    }

    /// True after a failed write.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Replaces the journal by a snapshot of the state that it leads to.
    pub fn compact(&mut self, state: &S) -> Result<(), JournalError> {
        if self.closed {
            return Err(JournalError::Closed(self.file.path().to_owned()));
        }
        let text = encode(&Entry {
            seq: self.seq,
            event: state,
        })?;
        replace(&self.snapshot, &text).map_err(JournalError::Write)?;
        let truncated = self
            .file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .and_then(|()| self.file.sync_all());
        if let Err(e) = truncated {
            self.closed = true;
            return Err(JournalError::Write(e));
        }
        self.since_snapshot = 0;
        Ok(())
    }
}

/// Replaces a file's content so that it is either the old or the new one, whatever happens. Only the owner can read it.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs_err::rename(&temporary, path)?;
    sync_parent(path)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn read_snapshot<S: DeserializeOwned>(path: &Path) -> Result<Option<Entry<S>>, JournalError> {
    let content = match fs_err::read(path) {
        Ok(content) => content,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(JournalError::Read(e)),
    };
    let line = content.strip_suffix(b"\n").unwrap_or(&content);
    decode(line).map(Some).map_err(|bad| JournalError::Damaged {
        path: path.to_owned(),
        line: 1,
        reason: bad.reason,
    })
}

/// The entries of a journal and how many of its bytes are good.
fn parse<E: DeserializeOwned>(path: &Path, content: &[u8]) -> Result<(Vec<Entry<E>>, usize), JournalError> {
    let mut entries = Vec::new();
    let mut good = 0;
    for (number, line) in content.split_inclusive(|b| *b == b'\n').enumerate() {
        let last = good + line.len() == content.len();
        let decoded = line
            .strip_suffix(b"\n")
            .ok_or_else(|| Bad::torn("it has no end"))
            .and_then(decode);
        match decoded {
            Ok(entry) => entries.push(entry),
            // What is whole and yet unknown was written by another version, and has taken effect: it is not for us to drop.
            Err(bad) if last && bad.torn => break,
            Err(Bad { reason, .. }) => {
                return Err(JournalError::Damaged {
                    path: path.to_owned(),
                    line: number + 1,
                    reason,
                });
            }
        }
        good += line.len();
    }
    Ok((entries, good))
}

/// The events after the snapshot and the number of the last one. Numbers must not jump; an error has its line.
fn continue_from<E>(snapshot_seq: u64, entries: Vec<Entry<E>>) -> Result<(u64, Vec<E>), (usize, String)> {
    let mut seq = snapshot_seq;
    let mut events = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        if entry.seq <= snapshot_seq {
            continue;
        }
        if entry.seq != seq + 1 {
            return Err((index + 1, format!("entry {} follows entry {seq}", entry.seq)));
        }
        seq = entry.seq;
        events.push(entry.event);
    }
    Ok((seq, events))
}

fn encode<T: Serialize>(entry: &Entry<T>) -> Result<Vec<u8>, JournalError> {
    let json = serde_json::to_vec(entry).map_err(JournalError::Encode)?;
    let mut line = format!("{:08x} ", crc32(&json)).into_bytes();
    line.extend_from_slice(&json);
    line.push(b'\n');
    Ok(line)
}

/// Why a line is no entry.
struct Bad {
    reason: String,
    /// It was not written completely.
    torn: bool,
}

impl Bad {
    fn torn(reason: &str) -> Bad {
        Bad {
            reason: reason.to_owned(),
            torn: true,
        }
    }
}

fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<Entry<T>, Bad> {
    let (sum, json) = line.split_at_checked(9).ok_or_else(|| Bad::torn("it is too short"))?;
    let wanted = std::str::from_utf8(sum)
        .ok()
        .and_then(|s| u32::from_str_radix(s.trim_end(), 16).ok())
        .ok_or_else(|| Bad::torn("it has no checksum"))?;
    if wanted != crc32(json) {
        return Err(Bad::torn("its checksum does not match"));
    }
    serde_json::from_slice(json).map_err(|e| Bad {
        reason: e.to_string(),
        torn: false,
    })
}

const CRC_TABLE: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut value = i as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                0xEDB8_8320 ^ (value >> 1)
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[i] = value;
        i += 1;
    }
    table
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, b| {
        CRC_TABLE[((crc ^ u32::from(*b)) & 0xFF) as usize] ^ (crc >> 8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Numbers = Journal<Vec<u32>, u32>;

    fn open(dir: &Path) -> Result<(Numbers, Loaded<Vec<u32>, u32>), JournalError> {
        Journal::open(&dir.join("journal"), &dir.join("snapshot"))
    }

    #[test]
    fn checksum_is_the_usual_crc32() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn events_are_read_back_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, loaded) = open(dir.path()).unwrap();
        assert!(loaded.snapshot.is_none() && loaded.events.is_empty());
        for n in 1..=3 {
            journal.append(&n).unwrap();
        }
        drop(journal);
        assert_eq!(open(dir.path()).unwrap().1.events, [1, 2, 3]);
    }

    #[test]
    fn a_torn_last_line_is_cut_off_and_the_journal_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path()).unwrap();
        journal.append(&1).unwrap();
        journal.append(&2).unwrap();
        let path = dir.path().join("journal");
        let whole = fs_err::read(&path).unwrap();
        for cut in 1..whole.len() / 2 {
            fs_err::write(&path, &whole[..whole.len() - cut]).unwrap();
            let (mut journal, loaded) = open(dir.path()).unwrap();
            assert_eq!(loaded.events, [1]);
            journal.append(&7).unwrap();
            assert_eq!(open(dir.path()).unwrap().1.events, [1, 7]);
        }
    }

    #[test]
    fn a_last_line_that_is_whole_but_unknown_is_refused_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path()).unwrap();
        journal.append(&1).unwrap();
        let path = dir.path().join("journal");
        let mut text = fs_err::read(&path).unwrap();
        let unknown = Entry { seq: 2, event: "new" };
        text.extend(encode(&unknown).unwrap());
        fs_err::write(&path, &text).unwrap();
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("line 2 is damaged: invalid type"), "{error}");
        assert_eq!(fs_err::read(&path).unwrap(), text);
    }

    #[test]
    fn damage_in_the_middle_is_refused_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path()).unwrap();
        for n in 1..=3 {
            journal.append(&n).unwrap();
        }
        let path = dir.path().join("journal");
        let text = fs_err::read_to_string(&path).unwrap();
        fs_err::write(&path, text.replacen("\"event\":2", "\"event\":9", 1)).unwrap();
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("line 2 is damaged: its checksum does not match"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_line_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path()).unwrap();
        for n in 1..=3 {
            journal.append(&n).unwrap();
        }
        let path = dir.path().join("journal");
        let text = fs_err::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        fs_err::write(&path, format!("{}\n{}\n", lines[0], lines[2])).unwrap();
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("entry 3 follows entry 1"), "{error}");
    }

    #[test]
    fn a_snapshot_replaces_what_it_covers_even_if_truncation_was_lost() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path()).unwrap();
        journal.append(&1).unwrap();
        journal.append(&2).unwrap();
        let before = fs_err::read(dir.path().join("journal")).unwrap();
        journal.compact(&vec![1, 2]).unwrap();
        assert_eq!(journal.since_snapshot(), 0);
        journal.append(&3).unwrap();
        let after = fs_err::read(dir.path().join("journal")).unwrap();
        fs_err::write(dir.path().join("journal"), [before, after].concat()).unwrap();
        let (_, loaded) = open(dir.path()).unwrap();
        assert_eq!(loaded.snapshot, Some(vec![1, 2]));
        assert_eq!(loaded.events, [3]);
    }

    #[test]
    fn a_failed_write_closes_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path()).unwrap();
        // Every write to this device fails with "no space left".
        journal.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert!(matches!(journal.append(&1), Err(JournalError::Write(_))));
        assert!(journal.is_closed());
        assert!(matches!(journal.append(&2), Err(JournalError::Closed(_))));
    }
}
