//! The database of a Python proxy, told from one of ours.
//!
//! Its state is not taken over yet, and nothing is ever written into it.

use crate::failure::Failure;
use std::io::Read;
use std::path::Path;

/// The file of an original's proxy is not ours to write into.
pub(super) fn refuse_foreign_database(path: &Path) -> Result<(), Failure> {
    let unreadable =
        |error: std::io::Error| Failure::new(format!("cannot read {}: {error}", path.display()));
    let mut head = Vec::new();
    match std::fs::File::open(path) {
        Ok(file) => file
            .take(FOREIGN_BYTES)
            .read_to_end(&mut head)
            .map_err(unreadable)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(error)),
    };
    // Every table of the original has a number in its name; ours have none.
    let is_foreign = head
        .windows(11)
        .any(|name| name == b"partition18" || name == b"partition17")
        || head
            .windows(22)
            .any(|text| text == b"forwarded_partition_re");
    if is_foreign {
        return Err(Failure::new(format!(
            "{} is the database of a Python `slapos proxy`",
            path.display()
        ))
        .with_hint(
            "name another file with --database-uri FILE; taking its state over is not built yet",
        ));
    }
    Ok(())
}

/// The schema of a small database is in its first pages.
const FOREIGN_BYTES: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_of_a_python_proxy_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("proxy.db");
        assert!(refuse_foreign_database(&path).is_ok());
        std::fs::write(&path, b"SQLite format 3\0 CREATE TABLE instance").unwrap();
        assert!(refuse_foreign_database(&path).is_ok());
        std::fs::write(&path, b"SQLite format 3\0 CREATE TABLE partition18").unwrap();
        let failure = refuse_foreign_database(&path).unwrap_err();
        assert!(failure.to_string().contains("Python"), "{failure}");
    }
}
