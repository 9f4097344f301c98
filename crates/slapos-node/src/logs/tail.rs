//! The files of one log request, and reading on from a cursor.

use crate::atomic_file::open_foreign;
use crate::desire::is_file_name;
use crate::layout::Layout;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use slapos_api::limits::LOG_CHUNK_BYTES_MAX;
use slapos_api::wire::log::{LogChunk, LogWanted};
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How far a file was read: its inode and a position.
type Place = (u64, u64);

/// The files that a request is about.
pub(super) struct Source {
    folder: PathBuf,
    /// Name shown and the file's name, without the suffix of a rotated one.
    logs: Vec<(String, String)>,
}

impl Source {
    pub(super) fn find(layout: &Layout, wanted: &LogWanted) -> Result<Self, String> {
        match (&wanted.partition, &wanted.software) {
            (Some(partition), _) => {
                Self::of_partition(layout, partition, wanted.service.as_deref())
            }
            (None, Some(url)) => {
                let file = layout.build_log(url);
                let name = file
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned());
                Ok(Self {
                    folder: file.parent().unwrap_or(Path::new("/")).to_path_buf(),
                    logs: vec![(String::new(), name.unwrap_or_default())],
                })
            }
            (None, None) => Err("neither a partition nor a release was named".to_owned()),
        }
    }

    fn of_partition(
        layout: &Layout,
        partition: &str,
        service: Option<&str>,
    ) -> Result<Self, String> {
        if !is_file_name(partition) {
            return Err(format!("{partition:?} is not the name of a partition"));
        }
        let folder = layout.instance_log().join(partition);
        let mut names: Vec<String> = fs_err::read_dir(&folder)
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(".log").map(str::to_owned))
            .collect();
        names.sort();
        if let Some(service) = service {
            if !names.iter().any(|name| name == service) {
                return Err(format!(
                    "{service} has no log in {partition}; these have: {}",
                    names.join(", ")
                ));
            }
            names.retain(|name| name == service);
        }
        let is_several = names.len() > 1;
        let shown = |name: &str| {
            if is_several {
                name.to_owned()
            } else {
                String::new()
            }
        };
        Ok(Self {
            logs: names
                .iter()
                .map(|name| (shown(name), format!("{name}.log")))
                .collect(),
            folder,
        })
    }

    pub(super) fn read(&self, wanted: &LogWanted) -> Result<LogChunk, String> {
        let mut places = match &wanted.after {
            Some(cursor) => parse_cursor(cursor)?,
            None => BTreeMap::new(),
        };
        let share = (LOG_CHUNK_BYTES_MAX / 2) / self.logs.len().max(1);
        let mut text = String::new();
        for (shown, file) in &self.logs {
            let path = self.folder.join(file);
            let before = places.get(file).copied();
            let lines = match (&wanted.after, before) {
                // From the end, when nobody read this file before.
                (None, _) => last_lines(&path, wanted.lines, share),
                (Some(_), before) => lines_after(&path, before, share),
            };
            let (bytes, place) = lines.map_err(|error| error.to_string())?;
            if let Some(place) = place {
                places.insert(file.clone(), place);
            }
            for line in String::from_utf8_lossy(&bytes).split_inclusive('\n') {
                if !shown.is_empty() {
                    text.push_str(shown);
                    text.push_str(": ");
                }
                text.push_str(line);
            }
        }
        while text.len() > LOG_CHUNK_BYTES_MAX {
            text.pop();
        }
        Ok(LogChunk {
            text,
            cursor: show_cursor(&places),
        })
    }

    /// Waits until something in the folder changes, at most until `deadline`.
    pub(super) fn wait(&self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        // A change between reading and watching is found a second later.
        let left = left.min(Duration::from_secs(1));
        let watched = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).and_then(|i| {
            let what =
                AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
            i.add_watch(&self.folder, what).map(|_| i)
        });
        let millis = u16::try_from(left.as_millis()).unwrap_or(1000);
        match &watched {
            Ok(inotify) => {
                let mut set = [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)];
                let _ = poll(&mut set, PollTimeout::from(millis));
            }
            Err(_) => {
                let _ = poll(&mut [], PollTimeout::from(millis.min(250)));
            }
        }
    }
}

fn open(path: &Path) -> std::io::Result<Option<(fs_err::File, u64, u64)>> {
    // The builder owns the folder of its log, so what lies there is not believed.
    let Some(file) = open_foreign(path)? else {
        return Ok(None);
    };
    let facts = file.metadata()?;
    Ok(Some((file, facts.ino(), facts.len())))
}

fn read_from(file: &mut fs_err::File, at: u64, max: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(u64::try_from(max).unwrap_or(u64::MAX))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn last_lines(path: &Path, lines: u32, max: usize) -> std::io::Result<(Vec<u8>, Option<Place>)> {
    let Some((mut file, inode, size)) = open(path)? else {
        return Ok((Vec::new(), None));
    };
    let start = size.saturating_sub(u64::try_from(max).unwrap_or(u64::MAX));
    let bytes = read_from(&mut file, start, max)?;
    let lines = usize::try_from(lines).unwrap_or(usize::MAX);
    let end = bytes
        .len()
        .saturating_sub(usize::from(bytes.last() == Some(&b'\n')));
    let mut ends = bytes[..end]
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, b)| **b == b'\n');
    let first = match lines.checked_sub(1) {
        None => bytes.len(),
        Some(skip) => match ends.nth(skip) {
            Some((index, _)) => index + 1,
            // The first line of a cut beginning is cut as well.
            None if start > 0 => bytes.iter().position(|b| *b == b'\n').map_or(0, |i| i + 1),
            None => 0,
        },
    };
    let place = (inode, start + length(&bytes));
    Ok((bytes[first..].to_vec(), Some(place)))
}

fn lines_after(
    path: &Path,
    before: Option<Place>,
    max: usize,
) -> std::io::Result<(Vec<u8>, Option<Place>)> {
    let Some((mut file, inode, size)) = open(path)? else {
        return Ok((Vec::new(), before));
    };
    let (known, at) = before.unwrap_or((inode, 0));
    if known == inode {
        // A file that became shorter was begun again.
        let at = if at > size { 0 } else { at };
        let bytes = read_from(&mut file, at, max)?;
        let place = (inode, at + length(&bytes));
        return Ok((bytes, Some(place)));
    }
    if let Some((mut old, size)) = find_rotated(path, known)?
        && at < size
    {
        let bytes = read_from(&mut old, at, max)?;
        let place = (known, at + length(&bytes));
        return Ok((bytes, Some(place)));
    }
    let bytes = read_from(&mut file, 0, max)?;
    let place = (inode, length(&bytes));
    Ok((bytes, Some(place)))
}

/// The rotated file with this inode, beside the current one.
fn find_rotated(path: &Path, inode: u64) -> std::io::Result<Option<(fs_err::File, u64)>> {
    let Some(folder) = path.parent() else {
        return Ok(None);
    };
    let prefix = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let prefix = format!("{}.", prefix.unwrap_or_default());
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(&prefix) {
            continue;
        }
        if entry.metadata().is_ok_and(|facts| facts.ino() == inode)
            && let Some((file, found, size)) = open(&entry.path())?
            && found == inode
        {
            return Ok(Some((file, size)));
        }
    }
    Ok(None)
}

/// `name=inode-position` joined by `;`.
fn show_cursor(places: &BTreeMap<String, Place>) -> String {
    let places = places.iter();
    let texts: Vec<String> = places
        .map(|(name, (inode, at))| format!("{name}={inode}-{at}"))
        .collect();
    texts.join(";")
}

fn parse_cursor(cursor: &str) -> Result<BTreeMap<String, Place>, String> {
    let mut places = BTreeMap::new();
    for part in cursor.split(';').filter(|part| !part.is_empty()) {
        let place = part.rsplit_once('=').and_then(|(name, place)| {
            let (inode, at) = place.split_once('-')?;
            Some((name.to_owned(), (inode.parse().ok()?, at.parse().ok()?)))
        });
        let (name, place) = place.ok_or_else(|| format!("{cursor:?} is not a cursor of a log"))?;
        places.insert(name, place);
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::super::LogReader;
    use super::*;
    use fs_err as fs;
    use std::io::Write;

    struct World {
        root: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            let world = Self {
                root: tempfile::tempdir().unwrap(),
            };
            fs::create_dir_all(world.folder()).unwrap();
            world
        }
        fn folder(&self) -> PathBuf {
            self.root.path().join("var/log/instance/slappart0")
        }
        fn append(&self, name: &str, text: &str) {
            let path = self.folder().join(name);
            let mut file = fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        fn read(&self, wanted: LogWanted) -> Result<LogChunk, String> {
            LogReader::new(&Layout::new(self.root.path())).read(&wanted)
        }
    }

    fn wanted(lines: u32, after: Option<&str>) -> LogWanted {
        LogWanted {
            request: "r".to_owned(),
            partition: Some("slappart0".to_owned()),
            software: None,
            service: None,
            lines,
            after: after.map(str::to_owned),
            wait_ms: 0,
        }
    }

    #[test]
    fn log_last_lines_then_only_what_is_new() {
        let world = World::new();
        world.append("redis.log", "one\ntwo\nthree\n");
        let first = world.read(wanted(2, None)).unwrap();
        assert_eq!(first.text, "two\nthree\n");
        let none = world.read(wanted(2, Some(&first.cursor))).unwrap();
        assert_eq!(none.text, "");
        world.append("redis.log", "four\n");
        let next = world.read(wanted(2, Some(&first.cursor))).unwrap();
        assert_eq!(next.text, "four\n");
    }

    #[test]
    fn log_rotated_in_between_loses_nothing() {
        let world = World::new();
        world.append("redis.log", "one\n");
        let first = world.read(wanted(10, None)).unwrap();
        world.append("redis.log", "two\n");
        fs::rename(
            world.folder().join("redis.log"),
            world.folder().join("redis.log.1"),
        )
        .unwrap();
        world.append("redis.log", "three\n");
        let second = world.read(wanted(10, Some(&first.cursor))).unwrap();
        let third = world.read(wanted(10, Some(&second.cursor))).unwrap();
        assert_eq!(second.text + &third.text, "two\nthree\n");
    }

    #[test]
    fn log_of_several_services_names_them() {
        let world = World::new();
        world.append("a.log", "x\n");
        world.append("b.log", "y\n");
        assert_eq!(world.read(wanted(5, None)).unwrap().text, "a: x\nb: y\n");
        let one = LogWanted {
            service: Some("b".to_owned()),
            ..wanted(5, None)
        };
        assert_eq!(world.read(one).unwrap().text, "y\n");
        let other = LogWanted {
            service: Some("c".to_owned()),
            ..wanted(5, None)
        };
        assert!(world.read(other).unwrap_err().contains("these have: a, b"));
    }

    #[test]
    fn log_of_a_partition_called_badly_is_refused() {
        let world = World::new();
        let bad = LogWanted {
            partition: Some("../../etc".to_owned()),
            ..wanted(5, None)
        };
        assert!(world.read(bad).is_err());
        assert!(world.read(wanted(5, Some("garbage"))).is_err());
    }

    #[test]
    fn log_that_is_a_link_is_refused() {
        let world = World::new();
        fs::write(world.root.path().join("secret"), "secret\n").unwrap();
        let link = world.folder().join("redis.log");
        std::os::unix::fs::symlink(world.root.path().join("secret"), link).unwrap();
        assert!(world.read(wanted(5, None)).is_err());
    }

    #[test]
    fn log_long_is_bounded() {
        let world = World::new();
        world.append("redis.log", &"0123456789\n".repeat(100_000));
        let chunk = world.read(wanted(1_000_000, None)).unwrap();
        assert!(chunk.text.len() <= LOG_CHUNK_BYTES_MAX);
        assert!(chunk.text.starts_with('0') && chunk.text.ends_with('\n'));
    }

    #[test]
    fn log_followed_answers_when_text_comes() {
        let world = World::new();
        world.append("redis.log", "one\n");
        let first = world.read(wanted(1, None)).unwrap();
        let follow = LogWanted {
            wait_ms: 20_000,
            ..wanted(1, Some(&first.cursor))
        };
        let reader = LogReader::new(&Layout::new(world.root.path()));
        let following = std::thread::spawn(move || reader.read(&follow).unwrap());
        world.append("redis.log", "two\n");
        assert_eq!(following.join().unwrap().text, "two\n");
    }
}
