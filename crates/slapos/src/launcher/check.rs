//! What is looked at before anything runs, so that each common trouble has its own sentence.
//!
//! Errors stop `up`; notices are said and it goes on. What is judged is pure (`judge_…`), what is
//! read of the machine is around it.

use crate::atomic_file;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::limits::{FREE_BYTES_MIN, ROOT_BYTES_MAX};
use nix::sys::statvfs::statvfs;
use serde_json::{Map, Value};
use slapos_model::{Clock, Timestamp};
use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Something to say before the start that does not stop it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// `note` or `warning`.
    pub(crate) weight: &'static str,
    /// A sentence.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: Option<String>,
}

/// Makes the folders and looks at the machine.
pub(crate) fn prepare(folder: &Folder, clock: &dyn Clock) -> Result<Vec<Notice>, Failure> {
    let root = folder.root();
    judge_length(root)?;
    make_folders(folder)?;
    judge_space(root, free_bytes(root))?;
    let mut notices = Vec::new();
    if nix::unistd::geteuid().is_root() {
        check_searchable(root)?;
    } else {
        notices.push(no_root_notice());
    }
    if !has_compiler() {
        notices.push(no_compiler_notice());
    }
    notices.extend(judge_clock(clock.now(), authority_start(folder)));
    Ok(notices)
}

/// Writes `etc/node.json` when there is none, and the number of partitions when it was said.
pub(super) fn write_node_file(folder: &Folder, partitions: Option<u32>) -> Result<(), Failure> {
    let path = folder.node_file();
    let before = match fs_err::read(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::new(error.to_string())),
    };
    let mut settings: Map<String, Value> = match &before {
        Some(text) => serde_json::from_slice(text).map_err(|error| {
            Failure::new(format!("Cannot understand {}: {error}.", path.display()))
                .with_hint("correct it, or remove it to use the defaults")
        })?,
        None => Map::from_iter([("name".to_owned(), "local".into())]),
    };
    if let Some(count) = partitions {
        settings.insert("partitions".to_owned(), count.into());
    } else if before.is_some() {
        return Ok(());
    }
    let text = serde_json::to_vec_pretty(&settings)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
    atomic_file::write(&path, &text, 0o644).map_err(|error| cannot_write(folder.root(), &error))
}

fn judge_length(root: &Path) -> Result<(), Failure> {
    let length = root.as_os_str().as_bytes().len();
    if length <= ROOT_BYTES_MAX {
        return Ok(());
    }
    Err(Failure::new(format!(
        "The path {} is too long: it has {length} bytes, and services need sockets below it, so \
         it may have {ROOT_BYTES_MAX}.",
        root.display()
    ))
    .with_hint("choose a shorter folder with --root DIR"))
}

fn make_folders(folder: &Folder) -> Result<(), Failure> {
    let root = folder.root();
    let is_new = !root.exists();
    for path in [root.join("etc"), folder.log_dir()] {
        fs_err::create_dir_all(&path).map_err(|error| cannot_write(root, &error))?;
    }
    if is_new {
        // Users of partitions have to pass through, whatever the umask says.
        for path in [
            root.to_owned(),
            root.join("etc"),
            root.join("var"),
            folder.log_dir(),
        ] {
            fs_err::set_permissions(&path, Permissions::from_mode(0o755))
                .map_err(|error| cannot_write(root, &error))?;
        }
    }
    let probe = root.join(format!("var/.probe.{}", std::process::id()));
    fs_err::write(&probe, b"x")
        .and_then(|()| fs_err::remove_file(&probe))
        .map_err(|error| cannot_write(root, &error))
}

fn cannot_write(root: &Path, error: &io::Error) -> Failure {
    let root = root.display();
    match error.kind() {
        ErrorKind::PermissionDenied => Failure::new(format!("This user may not write in {root}."))
            .with_hint("choose a folder of yours with --root DIR, or run as its owner"),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Failure::new(format!("The disk of {root} is full."))
                .with_hint("make room on it, or choose a folder on another disk with --root DIR")
        }
        ErrorKind::ReadOnlyFilesystem => {
            Failure::new(format!("The disk of {root} is mounted read-only."))
                .with_hint("choose a folder on another disk with --root DIR")
        }
        _ => Failure::new(format!("Cannot use {root}: {error}."))
            .with_hint("--root DIR must name a folder, or a place where one can be made"),
    }
}

fn free_bytes(root: &Path) -> Option<u64> {
    let stat = statvfs(root).ok()?;
    Some(stat.blocks_available().saturating_mul(stat.fragment_size()))
}

fn judge_space(root: &Path, free: Option<u64>) -> Result<(), Failure> {
    match free {
        Some(free) if free < FREE_BYTES_MIN => Err(Failure::new(format!(
            "The disk of {} has only {} MB left; {} MB are needed to start.",
            root.display(),
            free / 1_048_576,
            FREE_BYTES_MIN / 1_048_576
        ))
        .with_hint("make room on it, or choose a folder on another disk with --root DIR")),
        // A file system that does not say counts as having room.
        _ => Ok(()),
    }
}

/// As root every partition has a user of its own, who must be able to reach its folder.
fn check_searchable(root: &Path) -> Result<(), Failure> {
    for folder in root.ancestors() {
        let mode = fs_err::metadata(folder)
            .map_err(|error| cannot_write(root, &error))?
            .permissions()
            .mode();
        if mode & 0o001 == 0 {
            let folder = folder.display();
            return Err(Failure::new(format!(
                "The users of partitions cannot reach {}: {folder} is closed to others.",
                root.display()
            ))
            .with_hint(format!(
                "chmod o+x {folder}, or choose another folder with --root DIR"
            )));
        }
    }
    Ok(())
}

fn no_root_notice() -> Notice {
    let uid = nix::unistd::geteuid();
    let user = nix::unistd::User::from_uid(uid).ok().flatten();
    let name = user.map_or_else(|| uid.to_string(), |user| user.name);
    Notice {
        weight: "note",
        message: format!(
            "Not root, so all partitions run as the current user ({name}) and can read each \
             other's files."
        ),
        hint: None,
    }
}

fn has_compiler() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["cc", "gcc", "clang"];
    std::env::split_paths(&path).any(|folder| names.iter().any(|name| folder.join(name).exists()))
}

fn no_compiler_notice() -> Notice {
    Notice {
        weight: "warning",
        message: "There is no C compiler (cc, gcc or clang), so most software cannot be built."
            .to_owned(),
        hint: Some("install one, on Debian: apt-get install build-essential".to_owned()),
    }
}

/// When the certificate authority of this SlapOS was made.
fn authority_start(folder: &Folder) -> Option<Timestamp> {
    let text = fs_err::read(folder.authority_file()).ok()?;
    let (_, pem) = x509_parser::pem::parse_x509_pem(&text).ok()?;
    let start = pem.parse_x509().ok()?.validity().not_before.timestamp();
    Some(Timestamp::from_micros(start.saturating_mul(1_000_000)))
}

fn judge_clock(now: Timestamp, start: Option<Timestamp>) -> Option<Notice> {
    let start = start.filter(|start| now < *start)?;
    Some(Notice {
        weight: "warning",
        message: format!(
            "The clock says {now}, which is before this SlapOS was made ({start}). Services go on \
             and nodes are still believed, but all dates will be wrong."
        ),
        hint: Some("set the clock of this machine, then run `slapos up` again".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judge_length_of_a_long_path_says_how_long_it_may_be() {
        let path = format!("/{}", "x".repeat(ROOT_BYTES_MAX));
        let failure = judge_length(Path::new(&path)).unwrap_err();
        assert!(failure.to_string().contains("may have 64"), "{failure}");
        assert!(judge_length(Path::new("/srv/slapos")).is_ok());
    }

    #[test]
    fn judge_space_of_a_full_disk_is_an_error() {
        let root = Path::new("/r");
        let failure = judge_space(root, Some(5 * 1_048_576)).unwrap_err();
        assert!(failure.to_string().contains("only 5 MB left"), "{failure}");
        assert!(judge_space(root, Some(FREE_BYTES_MIN)).is_ok());
        assert!(judge_space(root, None).is_ok());
    }

    #[test]
    fn judge_clock_before_the_authority_warns_and_goes_on() {
        let (early, late) = (Timestamp::from_micros(0), Timestamp::from_micros(1_000_000));
        let notice = judge_clock(early, Some(late)).unwrap();
        assert!(notice.message.contains("1970-01-01T00:00:00Z"));
        assert!(notice.message.contains("Services go on"));
        assert_eq!(judge_clock(late, Some(early)), None);
        assert_eq!(judge_clock(early, None), None);
    }

    #[test]
    fn cannot_write_has_a_sentence_for_each_trouble() {
        for (kind, part) in [
            (ErrorKind::PermissionDenied, "may not write"),
            (ErrorKind::StorageFull, "is full"),
            (ErrorKind::ReadOnlyFilesystem, "read-only"),
            (ErrorKind::NotADirectory, "must name a folder"),
        ] {
            let text = cannot_write(Path::new("/r"), &kind.into()).to_string();
            assert!(text.contains(part), "{text}");
            assert!(text.contains("hint: "), "{text}");
        }
    }

    #[test]
    fn write_node_file_keeps_what_a_person_wrote() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::find(Some(root.path())).unwrap();
        make_folders(&folder).unwrap();
        write_node_file(&folder, None).unwrap();
        let read = || -> Value {
            serde_json::from_slice(&fs_err::read(folder.node_file()).unwrap()).unwrap()
        };
        assert_eq!(read(), serde_json::json!({"name": "local"}));
        fs_err::write(folder.node_file(), r#"{"name": "edge"}"#).unwrap();
        write_node_file(&folder, Some(3)).unwrap();
        assert_eq!(read(), serde_json::json!({"name": "edge", "partitions": 3}));
        write_node_file(&folder, None).unwrap();
        assert_eq!(read(), serde_json::json!({"name": "edge", "partitions": 3}));
    }

    #[test]
    fn check_searchable_of_a_closed_folder_names_it() {
        let root = tempfile::tempdir().unwrap();
        fs_err::set_permissions(root.path(), Permissions::from_mode(0o700)).unwrap();
        let failure = check_searchable(root.path()).unwrap_err();
        let name = root.path().display().to_string();
        assert!(
            failure.to_string().contains(&format!("chmod o+x {name}")),
            "{failure}"
        );
        fs_err::set_permissions(root.path(), Permissions::from_mode(0o755)).unwrap();
        check_searchable(root.path()).unwrap();
    }
}
