//! Zip archives: the same rules as for tar, and a bound on what an entry really unpacks to.

use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use fs_err as fs;
use zip::ZipArchive;
use zip::read::ZipFile;

use super::{Budget, Kept, check_parents, inside, put_file, put_link, refused, time_of};
use crate::limits;

/// The bits of a mode that say what kind of file it is, and the kind that is a link.
const KIND: u32 = 0o170_000;
const LINK: u32 = 0o120_000;

/// Unpacks into an empty folder.
pub(super) fn unpack(file: fs::File, into: &Path) -> io::Result<()> {
    let mut archive = ZipArchive::new(io::BufReader::new(file)).map_err(refused)?;
    let mut budget = Budget::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(refused)?;
        budget.take(entry.size())?;
        unpack_entry(&mut entry, into)?;
    }
    match archive.is_empty() {
        true => Err(refused("it is an empty zip archive")),
        false => Ok(()),
    }
}

fn unpack_entry(entry: &mut ZipFile<'_, impl Read>, into: &Path) -> io::Result<()> {
    let name = entry.name().map_err(refused)?.into_owned();
    let Some(inside) = inside(Path::new(&name))? else {
        return Ok(());
    };
    if entry.is_dir() {
        check_parents(into, &inside)?;
        return fs::create_dir_all(into.join(inside));
    }
    let mode = entry.unix_mode();
    if mode.is_some_and(|mode| mode & KIND == LINK) {
        let mut target = String::new();
        entry
            .take(limits::LINK_BYTES_MAX)
            .read_to_string(&mut target)?;
        return put_link(Path::new(&target), into, &inside);
    }
    let kept = Kept {
        mode,
        modified: entry.last_modified().and_then(modified),
    };
    let size = entry.size();
    // What the directory of the archive says is not what comes: a byte more is a lie.
    let mut bounded = entry.take(size + 1);
    put_file(&mut bounded, (into, &inside), &kept)?;
    match bounded.limit() {
        0 => Err(refused(format!("{name} is larger than it says"))),
        _ => Ok(()),
    }
}

/// A time of the archive, which has no zone: taken as UTC, so that it is the same everywhere.
fn modified(time: zip::DateTime) -> Option<SystemTime> {
    let (year, month, day) = (
        u64::from(time.year()),
        u64::from(time.month()),
        u64::from(time.day()),
    );
    // Years begin in March here, so that the leap day is the last of one; never before 1980.
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    let seconds = u64::from(time.hour()) * 3600 + u64::from(time.minute()) * 60;
    time_of(days * 86_400 + seconds + u64::from(time.second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modified_counts_days_as_the_calendar_does() {
        let at = |year, month, day| {
            let time = zip::DateTime::from_date_and_time(year, month, day, 1, 2, 4).unwrap();
            let since = modified(time)
                .unwrap()
                .duration_since(SystemTime::UNIX_EPOCH);
            since.unwrap().as_secs() - 3724
        };
        assert_eq!(at(1980, 1, 1), 315_532_800);
        assert_eq!(at(2000, 2, 29), 951_782_400);
        assert_eq!(at(2026, 12, 31), 1_798_675_200);
    }
}
