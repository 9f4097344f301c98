//! What is wanted: groups (one per partition) of programs, as the node agent asks for them.
//!
//! These types are the wire format and the format on disk of this crate. Adding a field needs
//! `#[serde(default)]`, so that an older file or agent is still understood. Nothing in a
//! specification is inherited from the supervisor: not the environment, not the folder.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::limits;

/// All programs of one partition and whether they should run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// Name of the group, usually the partition's. Letters, digits and `._@+:-`.
    pub name: String,
    /// Whether the programs should run.
    pub wanted: Wanted,
    /// The programs; names are unique within the group.
    pub programs: Vec<ProgramSpec>,
}

/// Whether a group should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// Every program runs (or has ended well, for [`ProgramKind::Run`]).
    Running,
    /// No process of the group is left.
    Stopped,
}

/// One program of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramSpec {
    /// Name within the group. Letters, digits and `._@+:-`.
    pub name: String,
    /// What to do when it ends.
    pub kind: ProgramKind,
    /// Program file (a path with a slash, there is no search) and its arguments.
    pub command: Vec<String>,
    /// Working folder, entered as the program's user.
    pub directory: PathBuf,
    /// User to run as; `None` keeps the supervisor's. Only root can switch.
    #[serde(default)]
    pub user: Option<User>,
    /// The whole environment. Only `SLAPOS_PROGRAM` is added, by which strays are recognised.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// A value that changes when the program must be restarted. It alone decides: a specification
    /// that changes without its digest is used at the next start.
    pub digest: String,
    /// Signal that asks the process group to end.
    #[serde(default)]
    pub stop_signal: Signal,
    /// Milliseconds from the stop signal to SIGKILL.
    #[serde(default = "default_stop_timeout_ms")]
    pub stop_timeout_ms: u64,
    /// Resource limits, clamped to what this machine allows; clamping is reported in the status.
    #[serde(default)]
    pub limits: ProgramLimits,
    /// How much output is kept.
    #[serde(default)]
    pub log: LogSpec,
}

/// What to do when a program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgramKind {
    /// Started once; repeated with back-off until it ends with 0 (`etc/run`). Daemons that it
    /// leaves behind belong to it and are stopped with it.
    Run,
    /// Kept running for ever (`etc/service`).
    Service,
}

/// A user by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups; all others are dropped.
    #[serde(default)]
    pub groups: Vec<u32>,
}

/// Signals that may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)] // The names are the documentation.
pub enum Signal {
    #[default]
    Term,
    Int,
    Quit,
    Hup,
    Kill,
    Usr1,
    Usr2,
    Winch,
    Stop,
    Cont,
}

/// Resource limits of one program; `None` keeps the supervisor's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramLimits {
    /// Open files.
    #[serde(default)]
    pub open_files: Option<u64>,
    /// Processes of the program's user.
    #[serde(default)]
    pub processes: Option<u64>,
    /// Size of a core file in bytes; without it no core files are written.
    #[serde(default)]
    pub core_bytes: Option<u64>,
    /// Largest file written, in bytes.
    #[serde(default)]
    pub file_bytes: Option<u64>,
    /// Address space in bytes.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
}

/// How much output of a program is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSpec {
    /// Bytes of one file before it is rotated.
    pub bytes_max: u64,
    /// Files, the one being written included; at least 1.
    pub files_max: u32,
}

/// Why a specification is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A name could not be a file name on its own.
    #[error(
        "the name {0:?} cannot be used: 1 to {max} letters, digits or _.@+:- that do not start with a dot or a dash are needed",
        max = limits::NAME_BYTES_MAX
    )]
    Name(String),
    /// A field of a program is out of its range.
    #[error("program {program:?}: {what}")]
    Program {
        /// Name of the program.
        program: String,
        /// What is wrong, and what is allowed.
        what: String,
    },
    /// The group as a whole cannot be right.
    #[error("group {group:?}: {what}")]
    Group {
        /// Name of the group.
        group: String,
        /// What is wrong, and what is allowed.
        what: String,
    },
}

impl GroupSpec {
    /// Checks names, sizes and ranges; both sides of the socket call it.
    pub fn check(&self) -> Result<(), SpecError> {
        check_name(&self.name)?;
        let refuse = |what: String| SpecError::Group {
            group: self.name.clone(),
            what,
        };
        if self.programs.len() > limits::PROGRAMS_PER_GROUP_MAX {
            let (n, max) = (self.programs.len(), limits::PROGRAMS_PER_GROUP_MAX);
            return Err(refuse(format!("{n} programs, at most {max} are allowed")));
        }
        let mut names = std::collections::BTreeSet::new();
        for program in &self.programs {
            program.check()?;
            if !names.insert(&program.name) {
                return Err(refuse(format!(
                    "two programs are called {:?}",
                    program.name
                )));
            }
        }
        Ok(())
    }
}

impl ProgramSpec {
    /// A program with every default: the supervisor's own user, an empty environment, `TERM`.
    pub fn new(name: impl Into<String>, kind: ProgramKind, command: Vec<String>) -> Self {
        Self {
            name: name.into(),
            kind,
            command,
            directory: PathBuf::from("/"),
            user: None,
            environment: BTreeMap::new(),
            digest: String::new(),
            stop_signal: Signal::default(),
            stop_timeout_ms: limits::STOP_TIMEOUT_MS_DEFAULT,
            limits: ProgramLimits::default(),
            log: LogSpec::default(),
        }
    }

    fn check(&self) -> Result<(), SpecError> {
        check_name(&self.name)?;
        match self.fault() {
            None => Ok(()),
            Some(what) => Err(SpecError::Program {
                program: self.name.clone(),
                what,
            }),
        }
    }

    /// The first thing that is wrong with the fields other than the name.
    fn fault(&self) -> Option<String> {
        let command = self.command.first().map(String::as_str).unwrap_or_default();
        let environment = self.environment.iter();
        if !command.contains('/') {
            return Some(format!("command {command:?} needs a path with a slash"));
        }
        if self.command.iter().any(|word| word.contains('\0')) {
            return Some("the command holds a NUL byte".to_owned());
        }
        if self.directory.as_os_str().as_encoded_bytes().contains(&0) {
            return Some("the folder's name holds a NUL byte".to_owned());
        }
        for (name, value) in environment {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return Some(format!(
                    "environment variable {name:?} has a forbidden character"
                ));
            }
        }
        if self.digest.len() > limits::DIGEST_BYTES_MAX || !self.digest.is_ascii() {
            return Some(format!(
                "the digest is not {} ASCII bytes",
                limits::DIGEST_BYTES_MAX
            ));
        }
        if self.stop_timeout_ms > limits::STOP_TIMEOUT_MS_MAX {
            return Some(format!(
                "stop_timeout_ms is over {}",
                limits::STOP_TIMEOUT_MS_MAX
            ));
        }
        let log = self.log;
        if log.bytes_max < 4096 || log.bytes_max > limits::LOG_BYTES_MAX {
            return Some(format!(
                "log.bytes_max is not 4096 to {}",
                limits::LOG_BYTES_MAX
            ));
        }
        if log.files_max == 0 || log.files_max > limits::LOG_FILES_MAX {
            return Some(format!(
                "log.files_max is not 1 to {}",
                limits::LOG_FILES_MAX
            ));
        }
        None
    }
}

impl Default for LogSpec {
    fn default() -> Self {
        Self {
            bytes_max: limits::LOG_BYTES_DEFAULT,
            files_max: limits::LOG_FILES_DEFAULT,
        }
    }
}

impl Signal {
    /// The signal's number on this system.
    pub fn number(self) -> i32 {
        match self {
            Self::Term => libc::SIGTERM,
            Self::Int => libc::SIGINT,
            Self::Quit => libc::SIGQUIT,
            Self::Hup => libc::SIGHUP,
            Self::Kill => libc::SIGKILL,
            Self::Usr1 => libc::SIGUSR1,
            Self::Usr2 => libc::SIGUSR2,
            Self::Winch => libc::SIGWINCH,
            Self::Stop => libc::SIGSTOP,
            Self::Cont => libc::SIGCONT,
        }
    }
}

/// Names become file names and cgroup names, so they must not be able to point elsewhere.
pub(crate) fn check_name(name: &str) -> Result<(), SpecError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_.@+:-".contains(c);
    let is_good = !name.is_empty()
        && name.len() <= limits::NAME_BYTES_MAX
        && !name.starts_with(['.', '-'])
        && name.chars().all(is_allowed);
    if is_good {
        Ok(())
    } else {
        Err(SpecError::Name(name.to_owned()))
    }
}

fn default_stop_timeout_ms() -> u64 {
    limits::STOP_TIMEOUT_MS_DEFAULT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(name: &str) -> ProgramSpec {
        ProgramSpec::new(name, ProgramKind::Service, vec!["/bin/true".into()])
    }

    fn group(programs: Vec<ProgramSpec>) -> GroupSpec {
        GroupSpec {
            name: "slappart0".into(),
            wanted: Wanted::Running,
            programs,
        }
    }

    #[test]
    fn check_name_that_could_leave_its_folder_is_refused() {
        for name in [
            "",
            ".",
            "..",
            "a/b",
            ".hidden",
            "-x",
            "a b",
            "ä",
            &"x".repeat(101),
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["a", "redis-on-watch", "x_1.2@3+4:5"] {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
        }
    }

    #[test]
    fn check_two_programs_of_one_name_are_refused() {
        assert!(group(vec![program("a"), program("b")]).check().is_ok());
        let error = group(vec![program("a"), program("a")]).check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "group \"slappart0\": two programs are called \"a\""
        );
    }

    #[test]
    fn check_fields_out_of_range_are_refused() {
        type Change = fn(&mut ProgramSpec);
        let changes: [Change; 8] = [
            |p| p.command = vec![],
            |p| p.command = vec!["true".into()],
            |p| p.command.push("a\0b".into()),
            |p| drop(p.environment.insert("A=B".into(), "1".into())),
            |p| p.digest = "x".repeat(129),
            |p| p.stop_timeout_ms = u64::MAX,
            |p| p.log.bytes_max = 0,
            |p| p.log.files_max = 0,
        ];
        for (n, change) in changes.iter().enumerate() {
            let mut bad = program("a");
            change(&mut bad);
            assert!(group(vec![bad]).check().is_err(), "change {n}");
        }
    }

    #[test]
    fn program_of_an_older_agent_gets_the_defaults() {
        let text =
            r#"{"name":"a","kind":"service","command":["/bin/true"],"directory":"/","digest":"1"}"#;
        let read: ProgramSpec = serde_json::from_str(text).unwrap();
        let mut expected = program("a");
        expected.digest = "1".into();
        assert_eq!(read, expected);
    }

    #[test]
    fn underscore_is_a_letter_of_names() {
        assert_eq!(check_name("slappart0_redis"), Ok(()));
    }
}
