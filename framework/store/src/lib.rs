//! The unit's state between hooks: keys and JSON values in one SQLite file.
//!
//! The file has the schema of charmhelpers' `.unit-state.db` (tables `kv`, `kv_revisions` and `hooks`), so a charm on
//! this framework can take over the file of a Python charm, and go back. A hook opens one [`Transaction`] with
//! [`Store::begin`]; what it wrote is there for the next hook if, and only if, [`Transaction::commit`] was reached.
//! Dropping the transaction, or dying, leaves the file as it was.
//!
//! ```
//! # fn main() -> Result<(), store::StoreError> {
//! let store = store::Store::memory()?;
//! let transaction = store.begin()?;
//! store.set("etcd.members", &3)?;
//! transaction.commit()?;
//! assert_eq!(store.get::<u32>("etcd.members")?, Some(3));
//! # Ok(())
//! # }
//! ```

// Rollback is SQLite's: the journal next to the file is replayed by whoever opens it next. We keep its default journal
// mode because Python charms open the same file. One connection lives behind an `Rc`, so a `Store` is a cheap handle.

use std::collections::BTreeMap;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long a hook waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

const SCHEMA: &str = "
    create table if not exists kv (key text, data text, primary key (key));
    create table if not exists kv_revisions (key text, revision integer, data text, primary key (key, revision));
    create table if not exists hooks (version integer primary key autoincrement, hook text, date text);
";

/// Keys and JSON values of one unit. Clones share the same connection and the same open transaction.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Rc<Inner>,
}

#[derive(Debug)]
struct Inner {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens the file, or makes it with mode 0600; what is already in it is kept.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        secure(path).map_err(|source| StoreError::File {
            path: path.to_owned(),
            source,
        })?;
        let connection = Connection::open(path);
        Store::prepare(connection, path)
    }

    /// A store that lives as long as its last handle; for tests.
    pub fn memory() -> Result<Store, StoreError> {
        Store::prepare(Connection::open_in_memory(), Path::new(":memory:"))
    }

    fn prepare(connection: Result<Connection, rusqlite::Error>, path: &Path) -> Result<Store, StoreError> {
        let prepared = connection.and_then(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        });
        let path = path.to_owned();
        match prepared {
            Ok(connection) => Ok(Store {
                inner: Rc::new(Inner { connection, path }),
            }),
            Err(source) => Err(StoreError::Open {
                path,
                source: Box::new(source),
            }),
        }
    }

    /// Starts the transaction of a hook. Only one can be open; another process waits for its end.
    pub fn begin(&self) -> Result<Transaction, StoreError> {
        self.batch("begin immediate")?;
        Ok(Transaction {
            store: self.clone(),
            open: true,
        })
    }

    /// The JSON text stored under a key.
    pub fn get_raw(&self, key: &str) -> Result<Option<String>, StoreError> {
        let connection = &self.inner.connection;
        connection
            .prepare("select data from kv where key = ?1")
            .and_then(|mut statement| statement.query_row([key], |row| row.get(0)).optional())
            .map_err(|source| self.failure("read", key, source))
    }

    /// Stores a JSON text under a key; true if that changed something.
    pub fn set_raw(&self, key: &str, json: &str) -> Result<bool, StoreError> {
        if self.get_raw(key)?.as_deref() == Some(json) {
            return Ok(false);
        }
        self.inner
            .connection
            .prepare("insert or replace into kv (key, data) values (?1, ?2)")
            .and_then(|mut statement| statement.execute([key, json]))
            .map_err(|source| self.failure("write", key, source))?;
        Ok(true)
    }

    /// Removes a key; true if it was there.
    pub fn unset(&self, key: &str) -> Result<bool, StoreError> {
        self.inner
            .connection
            .prepare("delete from kv where key = ?1")
            .and_then(|mut statement| statement.execute([key]))
            .map(|removed| removed > 0)
            .map_err(|source| self.failure("remove", key, source))
    }

    /// All keys that go on after `prefix`, without it, and their JSON texts.
    pub fn range(&self, prefix: &str) -> Result<BTreeMap<String, String>, StoreError> {
        let read = || -> Result<BTreeMap<String, String>, rusqlite::Error> {
            let mut statement = self.inner.connection.prepare(
                "select substr(key, length(?1) + 1), data from kv \
                 where key > ?1 and key < ?1 || char(1114111)",
            )?;
            let rows = statement.query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        read().map_err(|source| self.failure("list", prefix, source))
    }

    /// The value stored under a key.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let Some(json) = self.get_raw(key)? else {
            return Ok(None);
        };
        serde_json::from_str(&json)
            .map(Some)
            .map_err(|source| StoreError::Value {
                key: key.to_owned(),
                source,
            })
    }

    /// Stores a value under a key; true if that changed something.
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<bool, StoreError> {
        let json = serde_json::to_string(value).map_err(|source| StoreError::Value {
            key: key.to_owned(),
            source,
        })?;
        self.set_raw(key, &json)
    }

    fn batch(&self, sql: &'static str) -> Result<(), StoreError> {
        let result = self.inner.connection.execute_batch(sql);
        result.map_err(|source| self.failure("run", sql, source))
    }

    fn failure(&self, verb: &'static str, subject: &str, source: rusqlite::Error) -> StoreError {
        StoreError::Access {
            verb,
            subject: subject.to_owned(),
            path: self.inner.path.clone(),
            source: Box::new(source),
        }
    }
}

/// The writes of one hook: all of them after [`commit`](Transaction::commit), none if it is dropped before.
#[derive(Debug)]
#[must_use = "dropping a transaction takes its writes back"]
pub struct Transaction {
    store: Store,
    open: bool,
}

impl Transaction {
    /// Makes the writes durable.
    pub fn commit(mut self) -> Result<(), StoreError> {
        self.store.batch("commit")?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.open {
            // If this fails the connection is unusable, and SQLite rolls back when it is closed.
            let _ = self.store.batch("rollback");
        }
    }
}

/// Makes sure that the file is there and that only its owner can read it.
fn secure(path: &Path) -> std::io::Result<()> {
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)?;
    let permissions = std::fs::Permissions::from_mode(0o600);
    if file.metadata()?.permissions().mode() & 0o777 != 0o600 {
        file.set_permissions(permissions)?;
    }
    Ok(())
}

/// Why the unit's state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be made or its mode set.
    #[error("cannot prepare the unit state file {path:?}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file is no database of ours.
    #[error("cannot open the unit state {path:?}")]
    Open {
        /// The file.
        path: PathBuf,
        /// SQLite's answer.
        source: Box<rusqlite::Error>,
    },
    /// A statement failed.
    #[error("cannot {verb} `{subject}` in the unit state {path:?}")]
    Access {
        /// What was being done.
        verb: &'static str,
        /// The key, prefix or statement.
        subject: String,
        /// The file.
        path: PathBuf,
        /// SQLite's answer.
        source: Box<rusqlite::Error>,
    },
    /// The value is not of the expected form.
    #[error("cannot convert the value of `{key}` in the unit state")]
    Value {
        /// The key.
        key: String,
        /// What does not fit.
        source: serde_json::Error,
    },
}

#[cfg(test)]
mod tests;
