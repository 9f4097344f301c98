//! The schema of both databases and how it grows: numbered migrations, never edited once released.
//!
//! TEXT and BIGINT only: facts are 0/1, times are microseconds since 1970, JSON is its text.

use super::StoreError;

/// Add a new one here, at the end; what is above was released and never changes.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
];

/// What brings a database at version `found` up to date.
///
/// # Errors
/// When the database is newer than this program.
pub(super) fn statements_after(found: i64) -> Result<&'static [&'static str], StoreError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    usize::try_from(found)
        .ok()
        .and_then(|found| MIGRATIONS.get(found..))
        .ok_or(StoreError::Newer { found, known })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_of_a_newer_database_are_refused() {
        assert_eq!(statements_after(0).unwrap().len(), MIGRATIONS.len());
        assert!(matches!(
            statements_after(99),
            Err(StoreError::Newer { found: 99, .. })
        ));
    }
}
