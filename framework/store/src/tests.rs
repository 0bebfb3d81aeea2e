//! Tests of the store.

use std::process::{Command, Stdio};

use super::*;

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".unit-state.db");
    (dir, path)
}

#[test]
fn keeps_values_across_openings() {
    let (_dir, path) = scratch();
    let store = Store::open(&path).unwrap();
    assert!(store.set("a", &vec![1, 2]).unwrap());
    assert!(!store.set("a", &vec![1, 2]).unwrap());
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(store.get::<Vec<u8>>("a").unwrap(), Some(vec![1, 2]));
    assert!(store.unset("a").unwrap());
    assert!(!store.unset("a").unwrap());
    assert_eq!(store.get_raw("a").unwrap(), None);
}

#[test]
fn ranges_by_prefix() {
    let store = Store::memory().unwrap();
    for key in ["a.b", "a.c", "a_c", "ab", "a.", "a.é"] {
        store.set_raw(key, "1").unwrap();
    }
    let keys: Vec<String> = store.range("a.").unwrap().into_keys().collect();
    assert_eq!(keys, ["b", "c", "é"], "the prefix alone has no name below it");
}

#[test]
fn dropping_a_transaction_rolls_back() {
    let store = Store::memory().unwrap();
    store.set("kept", &1).unwrap();
    let transaction = store.begin().unwrap();
    store.set("kept", &2).unwrap();
    store.set("new", &3).unwrap();
    drop(transaction);
    assert_eq!(store.get("kept").unwrap(), Some(1));
    assert_eq!(store.get::<u8>("new").unwrap(), None);
    let transaction = store.begin().unwrap();
    store.set("new", &3).unwrap();
    transaction.commit().unwrap();
    assert_eq!(store.get("new").unwrap(), Some(3));
}

#[test]
fn the_file_is_private() {
    let (_dir, path) = scratch();
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    Store::open(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn opens_a_file_of_charmhelpers_and_keeps_what_it_finds() {
    let (_dir, path) = scratch();
    let python = Connection::open(&path).unwrap();
    // charmhelpers/core/unitdata.py, `Storage._init`
    python
        .execute_batch(
            "create table if not exists kv (key text, data text, primary key (key));
             create table if not exists kv_revisions (key text, revision integer, data text, primary key (key, revision));
             create table if not exists hooks (version integer primary key autoincrement, hook text, date text);
             insert into kv values ('reactive.states.etcd.registered', 'null');
             insert into kv values ('reactive.states.db.connected', '{\"relation\": \"db\", \"conversations\": []}');
             insert into kv values ('etcd.cluster-state', '\"new\"');
             insert into hooks (hook, date) values ('install', '2021-01-01T00:00:00');
             insert into kv_revisions values ('k', 1, '1');",
        )
        .unwrap();
    drop(python);
    let store = Store::open(&path).unwrap();
    let flags: Vec<String> = store.range("reactive.states.").unwrap().into_keys().collect();
    assert_eq!(flags, ["db.connected", "etcd.registered"]);
    assert_eq!(store.get("etcd.cluster-state").unwrap(), Some("new".to_owned()));
    store.set_raw("reactive.states.new", "null").unwrap();
    let count = |table: &str| -> i64 {
        let sql = format!("select count(*) from {table}");
        store.inner.connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("kv"), count("kv_revisions"), count("hooks")), (4, 1, 1));
}

#[test]
fn names_the_file_and_the_key_in_errors() {
    let (_dir, path) = scratch();
    std::fs::write(&path, "this is no database, whatever its name says").unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(error.to_string().contains(".unit-state.db"), "{error}");
    let store = Store::memory().unwrap();
    store.set("a", "text").unwrap();
    let error = store.get::<u8>("a").unwrap_err();
    assert_eq!(error.to_string(), "cannot convert the value of `a` in the unit state");
}

#[test]
fn another_process_waits_for_the_end_of_a_transaction() {
    let (_dir, path) = scratch();
    let store = Store::open(&path).unwrap();
    let transaction = store.begin().unwrap();
    store.set("a", &1).unwrap();
    let other = path.clone();
    let waiting = std::thread::spawn(move || {
        let store = Store::open(&other).unwrap();
        let transaction = store.begin().unwrap();
        let seen = store.get::<u8>("a").unwrap();
        transaction.commit().unwrap();
        seen
    });
    std::thread::sleep(Duration::from_millis(50));
    transaction.commit().unwrap();
    assert_eq!(waiting.join().unwrap(), Some(1));
}

#[test]
fn a_commit_is_durable_and_a_file_in_another_journal_mode_is_changed_back() {
    let (_dir, path) = scratch();
    let python = Connection::open(&path).unwrap();
    python
        .execute_batch("pragma journal_mode = wal; create table t (x)")
        .unwrap();
    drop(python);
    let store = Store::open(&path).unwrap();
    let connection = &store.inner.connection;
    let journal: String = connection
        .query_row("pragma journal_mode", [], |row| row.get(0))
        .unwrap();
    let synchronous: i64 = connection
        .query_row("pragma synchronous", [], |row| row.get(0))
        .unwrap();
    assert_eq!((journal.as_str(), synchronous), ("truncate", 2));
}

#[test]
fn opening_writes_once_and_a_quiet_hook_never() {
    let (_dir, path) = scratch();
    // SQLite counts the transactions that wrote, in the header of the file.
    let writes = || u32::from_be_bytes(std::fs::read(&path).unwrap()[24..28].try_into().unwrap());
    let store = Store::open(&path).unwrap();
    assert_eq!(writes(), 1, "three tables, one transaction");
    let quiet = |store: &Store| {
        let transaction = store.begin().unwrap();
        store.set("a", &1).unwrap();
        store.unset("b").unwrap();
        transaction.commit().unwrap();
    };
    quiet(&store);
    assert_eq!(writes(), 2);
    quiet(&store);
    quiet(&Store::open(&path).unwrap());
    assert_eq!(writes(), 2);
}

#[test]
fn a_provisional_commit_is_confirmed_or_taken_back() {
    let (_dir, path) = scratch();
    let store = Store::open(&path).unwrap();
    store.set("kept", &1).unwrap();
    store.set("gone", &1).unwrap();
    let change = |mark: &str| {
        let transaction = store.begin().unwrap();
        assert!(!store.has_changed());
        store.set("kept", &2).unwrap();
        store.set("kept", &3).unwrap();
        store.set("new", &3).unwrap();
        store.unset("gone").unwrap();
        assert!(store.has_changed());
        transaction.commit_provisionally(mark).unwrap();
    };
    let all = |store: &Store| store.range("").unwrap().into_iter().collect::<Vec<_>>();
    let pair = |key: &str, json: &str| (key.to_owned(), json.to_owned());

    change("one");
    let other = Store::open(&path).unwrap();
    assert_eq!(other.provisional().unwrap().as_deref(), Some("one"));
    let transaction = other.begin().unwrap();
    other.take_back().unwrap();
    assert!(!other.has_changed(), "what is taken back is nothing new");
    transaction.commit().unwrap();
    assert_eq!(all(&store), [pair("gone", "1"), pair("kept", "1")]);

    change("two");
    let transaction = store.begin().unwrap();
    store.confirm().unwrap();
    transaction.commit().unwrap();
    assert_eq!(store.provisional().unwrap(), None);
    assert_eq!(all(&store), [pair("kept", "3"), pair("new", "3")]);
}

/// What `charmhelpers/core/unitdata.py` does with the file in a hook: `Storage._init`, `get`, `set`, `hook_scope`, `flush`.
const UNITDATA: &str = r#"
import json, sqlite3, sys
conn = sqlite3.connect(sys.argv[1])
cursor = conn.cursor()
cursor.execute("create table if not exists kv (key text, data text, primary key (key))")
cursor.execute("create table if not exists kv_revisions (key text, revision integer, data text, primary key (key, revision))")
cursor.execute("create table if not exists hooks (version integer primary key autoincrement, hook text, date text)")
conn.commit()
row = cursor.execute("select data from kv where key=?", ["count"]).fetchone()
count = (json.loads(row[0]) if row else 0) + 1
cursor.execute("insert into hooks (hook, date) values (?, ?)", ("install", "2021-01-01T00:00:00"))
cursor.execute("insert or replace into kv (key, data) values (?, ?)", ("count", json.dumps(count)))
cursor.execute("insert or replace into kv (key, data) values (?, ?)", ("reactive.states.a.b", json.dumps(None)))
cursor.execute("insert into kv_revisions values (?, ?, ?)", ("count", cursor.lastrowid, json.dumps(count)))
conn.commit()
print(count)
"#;

#[test]
fn a_file_goes_from_python_to_us_and_back() {
    let (_dir, path) = scratch();
    let python = |script: &str| {
        let output = Command::new("python3").args(["-c", script]).arg(&path).output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    };
    if python("import sqlite3").is_none() {
        eprintln!("skipped: there is no python3 with sqlite3");
        return;
    }
    assert_eq!(python(UNITDATA).as_deref(), Some("1"));
    let store = Store::open(&path).unwrap();
    assert_eq!(store.get::<u8>("count").unwrap(), Some(1));
    let flags: Vec<String> = store.range("reactive.states.").unwrap().into_keys().collect();
    assert_eq!(flags, ["a.b"]);
    let transaction = store.begin().unwrap();
    store.set("count", &6).unwrap();
    transaction.commit_provisionally("mark").unwrap();
    drop(store);
    assert_eq!(python(UNITDATA).as_deref(), Some("7"));
    assert_eq!(Store::open(&path).unwrap().get::<u8>("count").unwrap(), Some(7));
}

const CRASH_FILE: &str = "STORE_TEST_CRASH_FILE";

/// Not a test of its own: the process that the next test kills.
#[test]
#[ignore = "started by `a_process_killed_in_a_transaction_leaves_no_trace`"]
fn write_and_wait_to_be_killed() {
    let Ok(path) = std::env::var(CRASH_FILE) else {
        return;
    };
    let store = Store::open(Path::new(&path)).unwrap();
    let _transaction = store.begin().unwrap();
    store.set("kept", &2).unwrap();
    // More than SQLite's page cache, so that uncommitted pages are in the file when the kill comes.
    let large = "x".repeat(64 * 1024);
    for i in 0..100 {
        store.set(&format!("new{i}"), &large).unwrap();
    }
    std::fs::write(format!("{path}.ready"), "").unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_process_killed_in_a_transaction_leaves_no_trace() {
    let (_dir, path) = scratch();
    Store::open(&path).unwrap().set("kept", &1).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::write_and_wait_to_be_killed", "--ignored"])
        .env(CRASH_FILE, &path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let ready = PathBuf::from(format!("{}.ready", path.display()));
    let was_ready = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        ready.exists()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(was_ready, "the child did not get to its transaction");
    let journal = PathBuf::from(format!("{}-journal", path.display()));
    assert!(journal.exists(), "the child was not in mid-transaction");
    let store = Store::open(&path).unwrap();
    assert_eq!(store.get("kept").unwrap(), Some(1));
    assert!(store.range("new").unwrap().is_empty());
    let transaction = store.begin().unwrap();
    store.set("kept", &3).unwrap();
    transaction.commit().unwrap();
}
