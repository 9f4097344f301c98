//! One transaction of either database: what every rule of the master works on.
//!
//! SQL is written once with `$1` placeholders. Events are kept aside until the closure has
//! succeeded, so that an entry of the log is never seen before the change that it tells of.

use super::StoreError;
use super::event::EventRow;
use slapos_model::{Clock, RandomSource, Timestamp};

/// A value for a placeholder.
#[derive(Debug, Clone, Copy)]
pub enum Param<'a> {
    /// TEXT.
    Text(&'a str),
    /// BIGINT.
    Int(i64),
    /// TEXT or NULL.
    OptText(Option<&'a str>),
    /// BIGINT or NULL.
    OptInt(Option<i64>),
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}
impl<'a> From<&'a String> for Param<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}
impl From<i64> for Param<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}
impl From<bool> for Param<'_> {
    fn from(fact: bool) -> Self {
        Self::Int(i64::from(fact))
    }
}
impl From<Timestamp> for Param<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Int(at.as_micros())
    }
}
impl<'a> From<Option<&'a str>> for Param<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::OptText(text)
    }
}
impl<'a> From<&'a Option<String>> for Param<'a> {
    fn from(text: &'a Option<String>) -> Self {
        Self::OptText(text.as_deref())
    }
}
impl From<Option<i64>> for Param<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::OptInt(number)
    }
}

/// Values for `$1`, `$2`…
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::store::Param::from($value)),*] };
}

/// One row of an answer, columns counted from 0.
#[derive(Debug)]
pub enum Row<'r> {
    /// Of SQLite.
    Sqlite(&'r rusqlite::Row<'r>),
    /// Of PostgreSQL.
    Postgres(&'r postgres::Row),
}

impl Row<'_> {
    /// A TEXT column.
    ///
    /// # Errors
    /// When it is NULL or something else.
    pub fn text(&self, column: usize) -> Result<String, StoreError> {
        match self {
            Self::Sqlite(row) => row.get(column).map_err(|error| damaged(&error)),
            Self::Postgres(row) => row.try_get(column).map_err(|error| damaged(&error)),
        }
    }

    /// A TEXT column that may be NULL.
    ///
    /// # Errors
    /// When it is something else.
    pub fn opt_text(&self, column: usize) -> Result<Option<String>, StoreError> {
        match self {
            Self::Sqlite(row) => row.get(column).map_err(|error| damaged(&error)),
            Self::Postgres(row) => row.try_get(column).map_err(|error| damaged(&error)),
        }
    }

    /// A BIGINT column.
    ///
    /// # Errors
    /// When it is NULL or something else.
    pub fn int(&self, column: usize) -> Result<i64, StoreError> {
        match self {
            Self::Sqlite(row) => row.get(column).map_err(|error| damaged(&error)),
            Self::Postgres(row) => row.try_get(column).map_err(|error| damaged(&error)),
        }
    }

    /// A BIGINT column that may be NULL.
    ///
    /// # Errors
    /// When it is something else.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self {
            Self::Sqlite(row) => row.get(column).map_err(|error| damaged(&error)),
            Self::Postgres(row) => row.try_get(column).map_err(|error| damaged(&error)),
        }
    }

    /// A time column.
    ///
    /// # Errors
    /// When it is NULL or no number.
    pub fn time(&self, column: usize) -> Result<Timestamp, StoreError> {
        self.int(column).map(Timestamp::from_micros)
    }
}

fn damaged(error: &dyn std::error::Error) -> StoreError {
    StoreError::Damaged(error.to_string())
}

/// The connection below a transaction.
pub(super) enum Engine<'c> {
    Sqlite(&'c rusqlite::Connection),
    Postgres(&'c mut super::postgres::Prepared),
}

/// A transaction, with the time and randomness that rules may use.
pub struct Tx<'c> {
    engine: Engine<'c>,
    /// The time of the change: one for all that a closure writes.
    now: Timestamp,
    clock: &'c dyn Clock,
    random: &'c dyn RandomSource,
    pub(super) events: Vec<EventRow>,
    pub(super) notices: Vec<EventRow>,
    /// The database's own failure, which a closure may have wrapped in an error of its own.
    pub(super) failure: Option<StoreError>,
}

impl std::fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tx")
    }
}

impl<'c> Tx<'c> {
    pub(super) fn new(
        engine: Engine<'c>,
        clock: &'c dyn Clock,
        random: &'c dyn RandomSource,
    ) -> Self {
        let (events, notices) = (Vec::new(), Vec::new());
        Self {
            engine,
            now: clock.now(),
            clock,
            random,
            events,
            notices,
            failure: None,
        }
    }

    /// When this change happens.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The clock, for ids.
    #[must_use]
    pub fn clock(&self) -> &'c dyn Clock {
        self.clock
    }

    /// Randomness, for ids and secrets.
    #[must_use]
    pub fn random(&self) -> &'c dyn RandomSource {
        self.random
    }

    /// Appends to the event log with this change.
    pub fn record(&mut self, mut event: EventRow) {
        event.at = self.now;
        self.events.push(event);
    }

    /// Tells the watchers when this change is kept; not in the log.
    pub fn notice(&mut self, mut event: EventRow) {
        event.at = self.now;
        self.notices.push(event);
    }

    /// Runs a statement; answers how many rows it touched.
    ///
    /// # Errors
    /// The database's.
    pub fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        let result = match &mut self.engine {
            Engine::Sqlite(connection) => super::sqlite::execute(connection, sql, params),
            Engine::Postgres(connection) => connection.execute(sql, params),
        };
        self.note(result)
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// The database's, or the first of `read`.
    pub fn query<T>(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut items = Vec::new();
        let mut push = |row: &Row<'_>| {
            items.push(read(row)?);
            Ok(())
        };
        let result = match &mut self.engine {
            Engine::Sqlite(connection) => super::sqlite::query(connection, sql, params, &mut push),
            Engine::Postgres(connection) => connection.query(sql, params, &mut push),
        };
        self.note(result)?;
        Ok(items)
    }

    /// The first row of a query, if there is one.
    ///
    /// # Errors
    /// As [`Tx::query`].
    pub fn query_first<T>(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.query(sql, params, read)?.into_iter().next())
    }

    fn note<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &result {
            self.failure = Some(error.clone());
        }
        result
    }
}
