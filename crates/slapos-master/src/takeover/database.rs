//! The proxy's SQLite file: which version it has, and its rows by column name.
//!
//! Opened for reading only, all tables in one transaction. Nothing is believed about columns: each
//! version of the proxy has its own, and what is absent is none.

use super::TakeoverError;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Rows of one table; a proxy with as many is a proxy no more.
const ROWS_MAX: usize = 200_000;

/// A row: column → text; a column that is NULL is not in it.
pub(super) type Row = BTreeMap<String, String>;

/// The open file.
#[derive(Debug)]
pub(super) struct ProxyFile {
    path: PathBuf,
    connection: Connection,
    tables: Vec<String>,
    /// Version of the tables.
    pub(super) schema: u32,
}

impl ProxyFile {
    /// Opens it.
    pub(super) fn open(path: &Path) -> Result<Self, TakeoverError> {
        let failed = |error: rusqlite::Error| TakeoverError::Read {
            path: path.to_owned(),
            cause: error.to_string(),
        };
        let foreign = |cause: &str| TakeoverError::Foreign {
            path: path.to_owned(),
            cause: cause.to_owned(),
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.execute_batch("BEGIN").map_err(failed)?;
        let tables = list_tables(&connection).map_err(failed)?;
        if tables.iter().any(|name| name == "meta") {
            return Err(foreign("it is a database of this program already"));
        }
        let versions = tables.iter().filter_map(|name| {
            let digits = name.strip_prefix("partition")?;
            digits.parse::<u32>().ok()
        });
        let schema = versions
            .max()
            .ok_or_else(|| foreign("it has no table `partition` with a version"))?;
        Ok(Self {
            path: path.to_owned(),
            connection,
            tables,
            schema,
        })
    }

    /// All rows of a table of that version; none when there is no such table.
    pub(super) fn rows(&self, name: &str) -> Result<Vec<Row>, TakeoverError> {
        let table = format!("{name}{}", self.schema);
        if !self.tables.contains(&table) {
            return Ok(Vec::new());
        }
        let failed = |error: rusqlite::Error| TakeoverError::Read {
            path: self.path.clone(),
            cause: format!("{table}: {error}"),
        };
        // The name is one of the file's own tables and ends in a number.
        let sql = format!("SELECT * FROM \"{}\"", table.replace('"', "\"\""));
        let mut statement = self.connection.prepare(&sql).map_err(failed)?;
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.query([]).map_err(failed)?;
        let mut read = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            if read.len() == ROWS_MAX {
                return Err(self.damaged(&table, format!("over {ROWS_MAX} rows")));
            }
            let mut texts = Row::new();
            for (index, column) in columns.iter().enumerate() {
                if let Some(text) = text_of(row.get_ref(index).map_err(failed)?) {
                    texts.insert(column.clone(), text);
                }
            }
            read.push(texts);
        }
        Ok(read)
    }

    /// A row that cannot be understood.
    pub(super) fn damaged(&self, row: &str, cause: impl std::fmt::Display) -> TakeoverError {
        TakeoverError::Damaged {
            path: self.path.clone(),
            row: row.to_owned(),
            cause: cause.to_string(),
        }
    }
}

fn list_tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}

fn text_of(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            Some(String::from_utf8_lossy(text).into_owned())
        }
    }
}
