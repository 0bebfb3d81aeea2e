//! The unit's state between hooks: keys and JSON values in one SQLite file.
//!
//! The file has the schema of charmhelpers' `.unit-state.db` (tables `kv`, `kv_revisions` and `hooks`), so a charm on
//! this framework can take over the file of a Python charm, and go back. A hook opens one [`Transaction`] with
//! [`Store::begin`]; what it wrote is there for the next hook if, and only if, [`Transaction::commit`] was reached.
//! Dropping the transaction, or dying, leaves the file as it was.
//!
//! A hook's state is here, the rest of what it decides is with Juju, and nothing commits both in one moment. Therefore
//! there is [`Transaction::commit_provisionally`]: the next hook, which can ask Juju, calls [`Store::confirm`] or
//! [`Store::take_back`].
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

// Rollback is SQLite's: the journal next to the file is replayed by whoever opens it next. It is a rollback journal and no
// write-ahead log because Python charms open the same file. A commit ends with the journal's truncation, which SQLite
// syncs; its default, the journal's removal, it would not sync, and a loss of power could bring the journal back, and so
// undo a hook that Juju has taken as done. One connection lives behind an `Rc`, so a `Store` is a cheap handle.

mod error;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use error::StoreError;

/// How long a hook waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// What a commit survives, see the notes on top. A file that another program put into the mode of a write-ahead log is
/// changed back.
const DURABILITY: &str = "pragma journal_mode = truncate; pragma synchronous = full;";

/// Where the last hook's commit waits for confirmation.
const PROVISIONAL: &str = "reactive.provisional";

const TABLES: &str =
    "select count(*) from sqlite_master where type = 'table' and name in ('kv', 'kv_revisions', 'hooks')";
const SCHEMA: &str = "
    begin immediate;
    create table if not exists kv (key text, data text, primary key (key));
    create table if not exists kv_revisions (key text, revision integer, data text, primary key (key, revision));
    create table if not exists hooks (version integer primary key autoincrement, hook text, date text);
    commit;
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
    /// Whether the state is that of a unit of Juju, and Juju has a part of every hook's commit.
    shared: Cell<bool>,
    /// While a transaction is open: what the keys that it changed held before.
    before: RefCell<BTreeMap<String, Option<String>>>,
}

/// A commit that can still be taken back.
#[derive(Debug, Serialize, Deserialize)]
struct Provisional {
    mark: String,
    before: BTreeMap<String, Option<String>>,
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
            connection.execute_batch(DURABILITY)?;
            create_tables(&connection)?;
            Ok(connection)
        });
        let path = path.to_owned();
        match prepared {
            Ok(connection) => Ok(Store {
                inner: Rc::new(Inner {
                    connection,
                    path,
                    shared: Cell::new(false),
                    before: RefCell::default(),
                }),
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
        self.inner.before.take();
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
        let old = self.get_raw(key)?;
        if old.as_deref() == Some(json) {
            return Ok(false);
        }
        self.remember(key, old);
        self.inner
            .connection
            .prepare("insert or replace into kv (key, data) values (?1, ?2)")
            .and_then(|mut statement| statement.execute([key, json]))
            .map_err(|source| self.failure("write", key, source))?;
        Ok(true)
    }

    /// Removes a key; true if it was there.
    pub fn unset(&self, key: &str) -> Result<bool, StoreError> {
        let Some(old) = self.get_raw(key)? else {
            return Ok(false);
        };
        self.remember(key, Some(old));
        self.inner
            .connection
            .prepare("delete from kv where key = ?1")
            .and_then(|mut statement| statement.execute([key]))
            .map(|removed| removed > 0)
            .map_err(|source| self.failure("remove", key, source))
    }

    /// Says that the rest of every commit is with Juju, so that commits are to be provisional. A process that runs one
    /// hook of a unit says so; a test without Juju does not.
    #[must_use]
    pub fn shared_with_juju(self) -> Store {
        self.inner.shared.set(true);
        self
    }

    /// Whether [`Store::shared_with_juju`] was said.
    pub fn is_shared_with_juju(&self) -> bool {
        self.inner.shared.get()
    }

    /// Whether the open transaction has changed anything since it began, or since the last call of [`Store::confirm`] or
    /// [`Store::take_back`].
    pub fn has_changed(&self) -> bool {
        !self.inner.before.borrow().is_empty()
    }

    /// The mark of the last commit if that was provisional and is neither confirmed nor taken back.
    pub fn provisional(&self) -> Result<Option<String>, StoreError> {
        Ok(self.get::<Provisional>(PROVISIONAL)?.map(|commit| commit.mark))
    }

    /// Makes a provisional commit a plain one. To be called at the start of a transaction.
    pub fn confirm(&self) -> Result<(), StoreError> {
        self.unset(PROVISIONAL)?;
        self.inner.before.take();
        Ok(())
    }

    /// Gives every key that a provisional commit changed the value that it had before. To be called at the start of a
    /// transaction.
    pub fn take_back(&self) -> Result<(), StoreError> {
        let commit: Option<Provisional> = self.get(PROVISIONAL)?;
        for (key, value) in commit.into_iter().flat_map(|commit| commit.before) {
            match value {
                Some(json) => self.set_raw(&key, &json)?,
                None => self.unset(&key)?,
            };
        }
        self.confirm()
    }

    /// Remembers the first value of a key in this transaction.
    fn remember(&self, key: &str, old: Option<String>) {
        self.inner.before.borrow_mut().entry(key.to_owned()).or_insert(old);
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
    /// Makes the writes durable, but so that [`Store::take_back`] can undo them. The mark is what one finds again in
    /// [`Store::provisional`].
    pub fn commit_provisionally(self, mark: &str) -> Result<(), StoreError> {
        let commit = Provisional {
            mark: mark.to_owned(),
            before: self.store.inner.before.take(),
        };
        self.store.set(PROVISIONAL, &commit)?;
        self.commit()
    }

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

/// Creates what is missing, in one transaction: each costs several waits for the disk.
fn create_tables(connection: &Connection) -> Result<(), rusqlite::Error> {
    let tables: i64 = connection.query_row(TABLES, [], |row| row.get(0))?;
    match tables {
        3 => Ok(()),
        _ => connection.execute_batch(SCHEMA),
    }
}

/// Makes sure that the file is there and that only its owner can read it.
fn secure(path: &Path) -> std::io::Result<()> {
    // Opening and closing the file would end all locks on it that this process has through another connection.
    if std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o777 == 0o600) {
        return Ok(());
    }
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

#[cfg(test)]
mod tests;
