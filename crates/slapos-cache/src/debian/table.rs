//! The table of one suite: hash → where the file is, as sorted lines that are searched on disk.
//!
//! `<hash> <URI>` a line, for MD5 and SHA-256 alike; a hash may have several lines. About 10 MB a suite;
//! a look-up reads some twenty blocks of it.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::apt::{Apt, AptError};

/// An open table.
#[derive(Debug)]
pub(super) struct Table {
    file: fs::File,
    length: u64,
}

impl Table {
    pub(super) fn open(path: &Path) -> io::Result<Table> {
        let file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Table { file, length })
    }

    /// The URIs of the files with this hash.
    pub(super) fn find(&mut self, hex: &str) -> io::Result<Vec<String>> {
        let start = self.lower_bound(hex)?;
        self.file.seek(SeekFrom::Start(start))?;
        let mut uris = Vec::new();
        for line in BufReader::new(&mut self.file).lines() {
            let line = line?;
            match line.split_once(' ') {
                Some((hash, uri)) if hash == hex => uris.push(uri.to_owned()),
                // Binary search may stop a line early.
                Some((hash, _)) if hash < hex => {}
                _ => break,
            }
        }
        Ok(uris)
    }

    /// Where the line begins before which every line is smaller.
    fn lower_bound(&mut self, hex: &str) -> io::Result<u64> {
        let (mut low, mut high) = (0, self.length);
        while low < high {
            let middle = low + (high - low) / 2;
            let (begin, line) = self.line_after(middle)?;
            match line.split_once(' ') {
                Some((hash, _)) if hash < hex => low = (begin + line.len() as u64 + 1).min(high),
                _ => high = middle,
            }
        }
        // The search may end inside of the last smaller line.
        Ok(self.line_after(low)?.0)
    }

    /// The first line that begins at or behind an offset, and where.
    fn line_after(&mut self, offset: u64) -> io::Result<(u64, String)> {
        let from = offset.saturating_sub(1);
        self.file.seek(SeekFrom::Start(from))?;
        let mut reader = BufReader::with_capacity(1024, (&mut self.file).take(64 << 10));
        let mut begin = from;
        if offset > 0 {
            let mut rest = Vec::new();
            begin += reader.read_until(b'\n', &mut rest)? as u64;
        }
        let mut line = String::new();
        reader.read_line(&mut line)?;
        line.truncate(line.trim_end().len());
        Ok((begin, line))
    }
}

/// Writes the table of these indexes, whole or not at all.
pub(super) fn make(apt: &Apt, indexes: &[(String, PathBuf)], path: &Path) -> Result<(), AptError> {
    let mut lines = Vec::new();
    for (uri, file) in indexes {
        lines_of(&apt.read_index(file)?, uri, &mut lines);
    }
    lines.sort_unstable();
    lines.dedup();
    let io_error = |source| AptError::Io {
        doing: "writing the table",
        path: path.to_owned(),
        source,
    };
    save(path, &lines).map_err(io_error)
}

fn save(path: &Path, lines: &[String]) -> io::Result<()> {
    crate::file::replace(path, |file| {
        lines.iter().try_for_each(|line| writeln!(file, "{line}"))
    })
}

/// Lines for the upstream tarballs of an index. A stanza names its folder after its files, so it is read whole first.
fn lines_of(index: &str, uri: &str, lines: &mut Vec<String>) {
    for stanza in index.split("\n\n") {
        let Some(folder) = stanza
            .lines()
            .find_map(|line| line.strip_prefix("Directory: "))
        else {
            continue;
        };
        let mut is_list = false;
        for line in stanza.lines() {
            if !line.starts_with(' ') {
                is_list = matches!(line.trim_end(), "Files:" | "Checksums-Sha256:");
                continue;
            }
            let mut words = line.split_whitespace();
            let (Some(hash), Some(_), Some(file)) = (words.next(), words.next(), words.next())
            else {
                continue;
            };
            if is_list && is_upstream(file) {
                lines.push(format!("{hash} {}", join(uri, folder.trim(), file)));
            }
        }
    }
}

/// Tarballs of the makers, and those of Debian's own packages.
fn is_upstream(file: &str) -> bool {
    file.contains(".tar.") && !file.contains(".debian.tar.") && !file.ends_with(".asc")
}

fn join(uri: &str, folder: &str, file: &str) -> String {
    let escaped = format!("{folder}/{file}")
        .replace('+', "%2b")
        .replace('~', "%7e");
    format!("{}/{escaped}", uri.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "Package: a\nFiles:\n 11 5 a_1.dsc\n 22 6 a_1+ds.orig.tar.gz\n 33 7 a_1-1.debian.tar.xz\n\
        Checksums-Sha256:\n 44 6 a_1+ds.orig.tar.gz\n 55 1 a_1.orig.tar.gz.asc\nDirectory: pool/a\nSection: x\n\n\
        Package: b\nDirectory: pool/b\nFiles:\n 66 6 b_1.tar.xz\n";

    #[test]
    fn lines_of_an_index_join_each_tarball_with_its_folder() {
        let mut lines = Vec::new();
        lines_of(INDEX, "http://m/debian/", &mut lines);
        assert_eq!(
            lines,
            [
                "22 http://m/debian/pool/a/a_1%2bds.orig.tar.gz",
                "44 http://m/debian/pool/a/a_1%2bds.orig.tar.gz",
                "66 http://m/debian/pool/b/b_1.tar.xz",
            ]
        );
    }

    #[test]
    fn find_gives_every_line_of_a_hash_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t");
        let mut lines: Vec<String> = (0..3000)
            .map(|n| format!("{:06x} http://m/{n}", n * 7))
            .collect();
        lines.push("000007 http://m/again".to_owned());
        lines.sort();
        save(&path, &lines).unwrap();
        let mut table = Table::open(&path).unwrap();
        for n in 0..3000 {
            let found = table.find(&format!("{:06x}", n * 7)).unwrap();
            assert_eq!(found.len(), if n == 1 { 2 } else { 1 }, "{n}");
            assert!(found.contains(&format!("http://m/{n}")));
        }
        for absent in ["000001", "ffffff", "", "0"] {
            assert_eq!(
                table.find(absent).unwrap(),
                Vec::<String>::new(),
                "{absent}"
            );
        }
    }

    #[test]
    fn find_in_an_empty_table_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t");
        save(&path, &[]).unwrap();
        assert_eq!(
            Table::open(&path).unwrap().find("00").unwrap(),
            Vec::<String>::new()
        );
    }
}
