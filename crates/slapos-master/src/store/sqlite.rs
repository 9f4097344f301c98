//! SQLite: one writer thread that puts all waiting closures into one commit, a few readers.
//!
//! One closure that fails takes nothing of the others with it; all are answered after the one commit
//! (WAL, `synchronous=FULL`: on the disk).

use super::event::EventRow;
use super::tx::Engine;
use super::{Job, Param, Published, Row, Shared, StoreError, Tx, schema};
use crate::limits::{COMMIT_BATCH_MAX, READERS};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

type Queue = Receiver<Box<dyn Job>>;

/// Opens the file and starts the threads; they end when the store is dropped.
pub(super) fn start(
    path: &Path,
    writes: Queue,
    reads: Queue,
    shared: Arc<Shared>,
) -> Result<(), StoreError> {
    let connection = open(path)?;
    migrate(&connection)?;
    let next_seq = last_seq(&connection)? + 1;
    let reads = Arc::new(Mutex::new(reads));
    for index in 0..READERS {
        let (connection, reads, shared) = (open(path)?, Arc::clone(&reads), Arc::clone(&shared));
        spawn(format!("store-read-{index}"), move || {
            read_loop(&connection, &reads, &shared);
        })?;
    }
    let mut writer = Writer {
        connection,
        next_seq,
        shared,
    };
    spawn("store-write".to_owned(), move || writer.run(&writes))
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    std::thread::Builder::new()
        .name(name)
        .spawn(body)
        .map(drop)
        .map_err(|error| StoreError::Database(format!("cannot start a thread: {error}")))
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path).map_err(|error| failed(&error))?;
    connection
        .busy_timeout(Duration::from_secs(10))
        .map_err(|error| failed(&error))?;
    connection.set_prepared_statement_cache_capacity(256);
    // Otherwise SQLite plans a statement anew each time that a parameter of it changes, in case
    // another plan were better: half of the writer's time, measured.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(|error| failed(&error))?;
    refuse_foreign(&connection, path)?;
    // 4 MiB of page cache a connection: the master's memory goal is 15 MiB in all.
    connection
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;
             PRAGMA cache_size=-4096; PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=4000;",
        )
        .map_err(|error| failed(&error))?;
    Ok(connection)
}

/// A database of another program is not ours to write into, not even its mode.
fn refuse_foreign(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let count = "SELECT count(*), count(CASE name WHEN 'meta' THEN 1 END) FROM sqlite_master
                 WHERE type = 'table'";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (tables, ours): (i64, i64) = connection
        .query_row(count, [], read)
        .map_err(|error| failed(&error))?;
    match tables > 0 && ours == 0 {
        true => Err(StoreError::Foreign(path.display().to_string())),
        false => Ok(()),
    }
}

fn migrate(connection: &Connection) -> Result<(), StoreError> {
    connection
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(|error| failed(&error))?;
    let has_meta = connection
        .query_row(
            "SELECT count(*) FROM sqlite_master WHERE name = 'meta'",
            [],
            |row| row.get::<_, i64>(0),
        )
        .map_err(|error| failed(&error))?;
    let found = if has_meta == 0 {
        0
    } else {
        connection
            .query_row("SELECT value FROM meta WHERE name = 'schema'", [], |row| {
                row.get::<_, String>(0)
            })
            .map_err(|error| failed(&error))?
            .parse()
            .unwrap_or(0)
    };
    for statement in schema::statements_after(found)? {
        // Only a key of this very type is the row's own number to SQLite; any other is an index
        // more to write.
        let statement = statement.replace("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY");
        connection
            .execute_batch(&statement)
            .map_err(|error| failed(&error))?;
    }
    connection
        .execute_batch("COMMIT")
        .map_err(|error| failed(&error))
}

fn last_seq(connection: &Connection) -> Result<i64, StoreError> {
    connection
        .query_row("SELECT coalesce(max(seq), 0) FROM event", [], |row| {
            row.get(0)
        })
        .map_err(|error| failed(&error))
}

struct Writer {
    connection: Connection,
    next_seq: i64,
    shared: Arc<Shared>,
}

impl Writer {
    fn run(&mut self, queue: &Queue) {
        while let Ok(first) = queue.recv() {
            let mut batch = vec![first];
            while batch.len() < COMMIT_BATCH_MAX {
                match queue.try_recv() {
                    Ok(job) => batch.push(job),
                    Err(_) => break,
                }
            }
            self.commit(batch);
        }
    }

    fn commit(&mut self, mut batch: Vec<Box<dyn Job>>) {
        let mut published = Published::default();
        let seq_before = self.next_seq;
        let changes_before = self.connection.total_changes();
        let outcome = self.perform(&mut batch, &mut published);
        if self.connection.total_changes() != changes_before {
            self.shared.version.fetch_add(1, Ordering::SeqCst);
        }
        if let Err(error) = &outcome {
            tracing::error!(%error, "commit failed");
            self.next_seq = seq_before;
            if !self.connection.is_autocommit() {
                drop(self.connection.execute_batch("ROLLBACK"));
            }
        }
        // Before the answers: whoever was answered and then watches sees only what comes after.
        if outcome.is_ok() {
            self.shared.publish(published);
        }
        for job in batch {
            job.finish(outcome.clone());
        }
    }

    /// First as if every closure kept its changes, which nearly all do: a savepoint copies each
    /// page that is changed below it, a tenth of the writer's time (measured). When one fails that
    /// had changed something, all start again with a savepoint each.
    fn perform(
        &mut self,
        batch: &mut [Box<dyn Job>],
        published: &mut Published,
    ) -> Result<(), StoreError> {
        let seq_before = self.next_seq;
        self.run_sql("BEGIN IMMEDIATE")?;
        if self.run_together(batch, published)? {
            return self.run_sql("COMMIT");
        }
        self.run_sql("ROLLBACK")?;
        self.next_seq = seq_before;
        *published = Published::default();
        self.run_sql("BEGIN IMMEDIATE")?;
        for job in batch {
            self.run_sql("SAVEPOINT job")?;
            if !self.run_job(job.as_mut(), published)? {
                self.run_sql("ROLLBACK TO job")?;
            }
            self.run_sql("RELEASE job")?;
        }
        self.run_sql("COMMIT")
    }

    /// False when a closure failed and left changes behind.
    fn run_together(
        &mut self,
        batch: &mut [Box<dyn Job>],
        published: &mut Published,
    ) -> Result<bool, StoreError> {
        for job in batch {
            let before = self.connection.total_changes();
            let is_kept = self.run_job(job.as_mut(), published)?;
            if !is_kept && self.connection.total_changes() != before {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Runs one closure and appends its events; false when its changes must not stay.
    fn run_job(
        &mut self,
        job: &mut dyn Job,
        published: &mut Published,
    ) -> Result<bool, StoreError> {
        let mut tx = Tx::new(
            Engine::Sqlite(&self.connection),
            self.shared.clock.as_ref(),
            self.shared.random.as_ref(),
        );
        let is_kept = job.run(&mut tx);
        let (events, notices) = (
            std::mem::take(&mut tx.events),
            std::mem::take(&mut tx.notices),
        );
        drop(tx);
        // A full disk or an I/O error ends the whole transaction, not only one closure's part.
        if self.connection.is_autocommit() {
            return Err(StoreError::Full);
        }
        if is_kept {
            self.append(events, published)?;
            published.rows.extend(notices);
        }
        Ok(is_kept)
    }

    fn append(
        &mut self,
        events: Vec<EventRow>,
        published: &mut Published,
    ) -> Result<(), StoreError> {
        for mut event in events {
            event.seq = self.next_seq;
            self.next_seq += 1;
            execute(&self.connection, super::event::INSERT, &event.params())?;
            published.rows.push(event);
        }
        Ok(())
    }

    fn run_sql(&self, sql: &'static str) -> Result<(), StoreError> {
        execute(&self.connection, sql, &[]).map(drop)
    }
}

fn read_loop(connection: &Connection, queue: &Mutex<Queue>, shared: &Shared) {
    loop {
        // The lock is held while waiting: the readers take turns, which costs nothing.
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = next else { return };
        let outcome = execute(connection, "BEGIN", &[]).map(drop);
        if outcome.is_ok() {
            let mut tx = Tx::new(
                Engine::Sqlite(connection),
                shared.clock.as_ref(),
                shared.random.as_ref(),
            );
            job.run(&mut tx);
        }
        // Nothing that a reader did is ever kept.
        if !connection.is_autocommit() {
            drop(execute(connection, "ROLLBACK", &[]));
        }
        job.finish(outcome);
    }
}

pub(super) fn execute(
    connection: &Connection,
    sql: &'static str,
    params: &[Param<'_>],
) -> Result<u64, StoreError> {
    let mut statement = connection
        .prepare_cached(&numbered(sql))
        .map_err(|error| failed(&error))?;
    // A statement with RETURNING has rows to step over; `execute` refuses those.
    if statement.column_count() > 0 {
        let mut rows = statement
            .query(rusqlite::params_from_iter(params))
            .map_err(|error| failed(&error))?;
        let mut count = 0;
        while rows.next().map_err(|error| failed(&error))?.is_some() {
            count += 1;
        }
        return Ok(count);
    }
    let count = statement
        .execute(rusqlite::params_from_iter(params))
        .map_err(|error| failed(&error))?;
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}

pub(super) fn query(
    connection: &Connection,
    sql: &'static str,
    params: &[Param<'_>],
    read: &mut dyn FnMut(&Row<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare_cached(&numbered(sql))
        .map_err(|error| failed(&error))?;
    let mut rows = statement
        .query(rusqlite::params_from_iter(params))
        .map_err(|error| failed(&error))?;
    while let Some(row) = rows.next().map_err(|error| failed(&error))? {
        read(&Row::Sqlite(row))?;
    }
    Ok(())
}

thread_local! {
    /// What [`numbered`] made, by the place of the text. Bounded by the queries of the program.
    static NUMBERED: RefCell<HashMap<(*const u8, usize), Rc<str>>> = RefCell::default();
}

/// `$1` is a *name* to SQLite and would be numbered by first appearance; `?1` is the number.
fn numbered(sql: &'static str) -> Rc<str> {
    NUMBERED.with_borrow_mut(|known| {
        let made = known.entry((sql.as_ptr(), sql.len()));
        Rc::clone(made.or_insert_with(|| sql.replace('$', "?").into()))
    })
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Text(text) | Self::OptText(Some(text)) => {
                ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))
            }
            Self::Int(number) | Self::OptInt(Some(number)) => {
                ToSqlOutput::Owned(Value::Integer(*number))
            }
            Self::OptText(None) | Self::OptInt(None) => ToSqlOutput::Owned(Value::Null),
        })
    }
}

fn failed(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        _ => StoreError::Database(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_of_another_programs_database_changes_no_byte_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("proxy.db");
        let other = Connection::open(&path).unwrap();
        // As the Python proxy names its tables; any other program's are refused alike.
        other
            .execute_batch("CREATE TABLE software18 (url TEXT, state TEXT)")
            .unwrap();
        drop(other);
        let before = std::fs::read(&path).unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Foreign(_)), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
