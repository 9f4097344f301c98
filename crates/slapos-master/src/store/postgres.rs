//! PostgreSQL: a bounded number of connections, `SERIALIZABLE`, bounded retries.
//!
//! Entries of the event log are numbered under an advisory lock that is taken last and held until
//! the commit, so that a watcher who saw number n never finds a smaller one later. A change of
//! another master is noticed through LISTEN.

use super::event::EventRow;
use super::tx::Engine;
use super::{Job, Param, Published, Row, Shared, StoreError, Tx, schema};
use crate::limits::{POSTGRES_CONNECTIONS, SERIALIZE_RETRIES};
use ::postgres::error::SqlState;
use ::postgres::fallible_iterator::FallibleIterator;
use ::postgres::types::ToSql;
use ::postgres::{Client, NoTls, Statement};
use std::collections::HashMap;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

type Queue = Arc<Mutex<Receiver<Box<dyn Job>>>>;

/// The advisory lock that orders the event log: "slapos" in ASCII.
const LOG_LOCK: i64 = 0x0073_6c61_706f_7300;

/// The advisory lock that every transaction shares, and that one takes alone when its turn has come.
const TURN_LOCK: i64 = LOG_LOCK + 1;

/// Connects and starts the threads; they end when the store is dropped.
pub(super) fn start(
    url: &str,
    writes: Receiver<Box<dyn Job>>,
    reads: Receiver<Box<dyn Job>>,
    shared: Arc<Shared>,
) -> Result<(), StoreError> {
    migrate(url)?;
    let queues = [Arc::new(Mutex::new(writes)), Arc::new(Mutex::new(reads))];
    for index in 0..POSTGRES_CONNECTIONS {
        let mut worker = Worker {
            url: url.to_owned(),
            prepared: Some(Prepared::connect(url)?),
            shared: Arc::clone(&shared),
        };
        // Half of the connections serve changes, half serve readers.
        let queue = Arc::clone(&queues[index % 2]);
        spawn(format!("store-{index}"), move || worker.run(&queue))?;
    }
    let url = url.to_owned();
    spawn("store-listen".to_owned(), move || listen(&url, &shared))
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    std::thread::Builder::new()
        .name(name)
        .spawn(body)
        .map(drop)
        .map_err(|error| StoreError::Database(format!("cannot start a thread: {error}")))
}

fn migrate(url: &str) -> Result<(), StoreError> {
    let mut client = Client::connect(url, NoTls).map_err(|error| failed(&error))?;
    let mut tx = client.transaction().map_err(|error| failed(&error))?;
    // Two masters that start at once make the schema one after the other.
    tx.execute("SELECT pg_advisory_xact_lock($1)", &[&LOG_LOCK])
        .map_err(|error| failed(&error))?;
    let has_meta = tx
        .query_one("SELECT to_regclass('meta') IS NOT NULL", &[])
        .and_then(|row| row.try_get::<_, bool>(0))
        .map_err(|error| failed(&error))?;
    let found = if has_meta {
        tx.query_one("SELECT value FROM meta WHERE name = 'schema'", &[])
            .and_then(|row| row.try_get::<_, String>(0))
            .map_err(|error| failed(&error))?
            .parse()
            .unwrap_or(0)
    } else {
        0
    };
    if found == 0 {
        tx.batch_execute("CREATE SEQUENCE event_seq")
            .map_err(|error| failed(&error))?;
    }
    for statement in schema::statements_after(found)? {
        tx.batch_execute(statement)
            .map_err(|error| failed(&error))?;
    }
    tx.commit().map_err(|error| failed(&error))
}

struct Worker {
    url: String,
    prepared: Option<Prepared>,
    shared: Arc<Shared>,
}

impl Worker {
    fn run(&mut self, queue: &Queue) {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = next else { return };
            self.perform(job);
        }
    }

    fn perform(&mut self, mut job: Box<dyn Job>) {
        let mut attempt = 0;
        let outcome = loop {
            let outcome = match attempt {
                0 | 1 => self.attempt(job.as_mut()),
                _ => self.attempt_in_turn(job.as_mut()),
            };
            let is_retryable = matches!(outcome, Err(StoreError::Serialize(_)));
            attempt += 1;
            if !is_retryable || attempt > SERIALIZE_RETRIES {
                break outcome;
            }
        };
        if matches!(outcome, Err(StoreError::Database(_))) {
            let is_closed = self.prepared.as_ref().is_none_or(|p| p.client.is_closed());
            if is_closed {
                self.prepared = None;
            }
        }
        job.finish(outcome);
    }

    /// Those that failed twice take turns, or a crowd of them would fail each other for ever. The
    /// lock is the session's and is taken before the transaction begins, whose snapshot would
    /// otherwise be older than the turn. Every transaction of every master shares it, so the one
    /// whose turn it is runs alone and cannot fail by others.
    fn attempt_in_turn(&mut self, job: &mut dyn Job) -> Result<(), StoreError> {
        let turn = [Param::Int(TURN_LOCK)];
        self.connected()?
            .execute("SELECT pg_advisory_lock($1)", &turn)?;
        let outcome = self.attempt(job);
        let unlocked = self
            .connected()
            .and_then(|prepared| prepared.execute("SELECT pg_advisory_unlock($1)", &turn));
        // A connection that is gone has no lock any more; what it committed stands.
        if unlocked.is_err() {
            self.prepared = None;
        }
        outcome
    }

    fn connected(&mut self) -> Result<&mut Prepared, StoreError> {
        if self.prepared.is_none() {
            self.prepared = Some(Prepared::connect(&self.url)?);
        }
        self.prepared.as_mut().ok_or(StoreError::Closed)
    }

    /// Runs the closure once. `Ok` also when the closure itself said no: it has its own answer.
    fn attempt(&mut self, job: &mut dyn Job) -> Result<(), StoreError> {
        self.connected()?;
        let Some(prepared) = self.prepared.as_mut() else {
            return Err(StoreError::Closed);
        };
        // In one message: sharing the turns costs no way to the database and back.
        let begun = prepared.batch(&format!(
            "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT pg_advisory_xact_lock_shared({TURN_LOCK})"
        ));
        if begun.is_err() {
            drop(prepared.batch("ROLLBACK"));
            return begun;
        }
        let mut tx = Tx::new(
            Engine::Postgres(prepared),
            self.shared.clock.as_ref(),
            self.shared.random.as_ref(),
        );
        let is_kept = job.run(&mut tx);
        let failure = tx.failure.take();
        let events = std::mem::take(&mut tx.events);
        let notices = std::mem::take(&mut tx.notices);
        drop(tx);
        let result = if is_kept {
            let is_log_ahead = !events.is_empty();
            prepared
                .append(events)
                .and_then(|()| prepared.batch("COMMIT"))
                .map(|()| {
                    self.shared.publish(Published {
                        rows: notices,
                        is_log_ahead,
                    });
                })
        } else {
            match failure {
                Some(error @ StoreError::Serialize(_)) => Err(error),
                _ => prepared.batch("ROLLBACK"),
            }
        };
        if result.is_err() {
            drop(prepared.batch("ROLLBACK"));
        }
        result
    }
}

/// A connection with the statements that were prepared on it.
pub(super) struct Prepared {
    client: Client,
    statements: HashMap<&'static str, Statement>,
}

impl Prepared {
    fn connect(url: &str) -> Result<Self, StoreError> {
        let client = Client::connect(url, NoTls).map_err(|error| failed(&error))?;
        Ok(Self {
            client,
            statements: HashMap::new(),
        })
    }

    fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        self.client
            .batch_execute(sql)
            .map_err(|error| failed(&error))
    }

    fn statement(&mut self, sql: &'static str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).map_err(|error| failed(&error))?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    pub(super) fn execute(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
    ) -> Result<u64, StoreError> {
        let statement = self.statement(sql)?;
        self.client
            .execute(&statement, &as_sql(params))
            .map_err(|error| failed(&error))
    }

    pub(super) fn query(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        read: &mut dyn FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let statement = self.statement(sql)?;
        let rows = self
            .client
            .query(&statement, &as_sql(params))
            .map_err(|error| failed(&error))?;
        rows.iter().try_for_each(|row| read(&Row::Postgres(row)))
    }

    fn append(&mut self, events: Vec<EventRow>) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        self.execute("SELECT pg_advisory_xact_lock($1)", &[Param::Int(LOG_LOCK)])?;
        for mut event in events {
            let mut seq = 0;
            self.query("SELECT nextval('event_seq')", &[], &mut |row| {
                seq = row.int(0)?;
                Ok(())
            })?;
            event.seq = seq;
            self.execute(super::event::INSERT, &event.params())?;
        }
        self.batch("NOTIFY slapos_event")
    }
}

/// Tells the watchers of this master what another master wrote.
fn listen(url: &str, shared: &Shared) {
    // The store is being dropped when nobody listens to the changes any more.
    while !shared.changed.is_closed() {
        let Ok(mut client) = Client::connect(url, NoTls) else {
            std::thread::park_timeout(Duration::from_secs(1));
            continue;
        };
        if client.batch_execute("LISTEN slapos_event").is_err() {
            continue;
        }
        while !shared.changed.is_closed() && !client.is_closed() {
            let mut notifications = client.notifications();
            let mut waiting = notifications.timeout_iter(Duration::from_secs(1));
            if let Ok(Some(_)) = waiting.next() {
                shared.changed.send_modify(|count| *count += 1);
            }
        }
    }
}

fn as_sql<'a>(params: &'a [Param<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    params
        .iter()
        .map(|param| match param {
            Param::Text(text) => text as &(dyn ToSql + Sync),
            Param::Int(number) => number,
            Param::OptText(text) => text,
            Param::OptInt(number) => number,
        })
        .collect()
}

fn failed(error: &::postgres::Error) -> StoreError {
    let text = error
        .as_db_error()
        .map_or_else(|| error.to_string(), |cause| cause.message().to_owned());
    match error.code() {
        Some(code)
            if *code == SqlState::T_R_SERIALIZATION_FAILURE
                || *code == SqlState::T_R_DEADLOCK_DETECTED
                // Rules look before they insert, so this is another transaction that was faster.
                || *code == SqlState::UNIQUE_VIOLATION =>
        {
            StoreError::Serialize(text)
        }
        Some(code) if *code == SqlState::DISK_FULL => StoreError::Full,
        _ => StoreError::Database(text),
    }
}
