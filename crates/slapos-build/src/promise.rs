//! What a partition promises: the specification that a promise runner reads.
//!
//! In `etc/promise` of a partition an executable file is a promise of its own (exit 0 keeps it, its output
//! is the message); a `*.json` file holds a built-in check. Both become a [`PromiseSpec`].
//! On the wire and in the file it is one flat object, `{"check": "port", "host": …, "port": …}`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits;

/// One promise of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Flat", into = "Flat")]
pub struct PromiseSpec {
    /// The file's name in `etc/promise`, without `.json`.
    pub name: String,
    pub check: Check,
    /// Seconds from the end of one run to the start of the next.
    pub period_s: u32,
    /// Seconds after which a run is killed and counts as a broken check.
    pub timeout_s: u32,
    /// Seconds after the start of the service in which a failure counts as pending.
    pub grace_s: u32,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// Something listens at a TCP port.
    Port { host: String, port: u16 },
    /// Something listens at a UNIX socket.
    Socket { path: PathBuf },
    /// A GET answers with this status, and with this text in its body if there is one.
    Url {
        url: String,
        status: u16,
        text: Option<String>,
    },
    /// A TCP service answers what was sent, each line of it ended with CR and LF, with this text.
    Answer {
        host: String,
        port: u16,
        send: Option<String>,
        text: String,
    },
    /// The program of this name in `etc/run` or `etc/service` runs.
    Process { process: String },
    /// The file was changed less than this many seconds ago.
    FileFresh { path: PathBuf, max_age_s: u64 },
    /// The file is absent, empty or not empty.
    FileState { path: PathBuf, state: FileState },
    /// The file system of this path has this many bytes free for the partition's user.
    DiskFree { path: PathBuf, min_bytes: u64 },
    /// The command ends with exit code 0. Words, no shell; run in the partition's folder.
    Command { command: Vec<String> },
    /// The executable in `etc/promise` ends with exit code 0.
    Executable { path: PathBuf },
}

/// The states of [`Check::FileState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileState {
    Absent,
    Empty,
    NotEmpty,
}

/// Why a file in `etc/promise` is no promise.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PromiseSpecError {
    #[error(
        "reading a promise: `{0}` is not a check; they are port, socket, url, answer, process, \
         file_fresh, file_state, disk_free, command, executable"
    )]
    UnknownCheck(String),
    #[error("reading a promise: the check `{check}` needs `{field}`")]
    Missing { check: String, field: &'static str },
    #[error("reading a promise: the check `{check}` does not know `{field}`")]
    Unexpected { check: String, field: &'static str },
    #[error("reading the promise `{name}`: {reason}")]
    NotJson { name: String, reason: String },
}

impl PromiseSpec {
    /// A promise with the usual period, time-out and grace.
    #[must_use]
    pub fn new(name: impl Into<String>, check: Check) -> PromiseSpec {
        PromiseSpec {
            name: name.into(),
            check,
            period_s: limits::PROMISE_PERIOD_S,
            timeout_s: limits::PROMISE_TIMEOUT_S,
            grace_s: limits::PROMISE_GRACE_S,
        }
    }

    /// Reads the text of `etc/promise/<name>.json`; the file's name wins over a name inside.
    pub fn parse(name: &str, text: &str) -> Result<PromiseSpec, PromiseSpecError> {
        let not_json = |reason| PromiseSpecError::NotJson {
            name: name.to_owned(),
            reason,
        };
        let mut flat: Flat = serde_json::from_str(text).map_err(|e| not_json(e.to_string()))?;
        flat.name = name.to_owned();
        PromiseSpec::try_from(flat)
    }

    /// The text of such a file, which ends with a newline.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// The flat form. A tagged enum would not do: with numbers of any size serde cannot buffer them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Flat {
    #[serde(default)]
    name: String,
    check: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    send: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    process: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<FileState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command: Option<Vec<String>>,
    #[serde(default = "default_period")]
    period_s: u32,
    #[serde(default = "default_timeout")]
    timeout_s: u32,
    #[serde(default = "default_grace")]
    grace_s: u32,
}

fn default_period() -> u32 {
    limits::PROMISE_PERIOD_S
}
fn default_timeout() -> u32 {
    limits::PROMISE_TIMEOUT_S
}
fn default_grace() -> u32 {
    limits::PROMISE_GRACE_S
}

impl TryFrom<Flat> for PromiseSpec {
    type Error = PromiseSpecError;

    fn try_from(flat: Flat) -> Result<PromiseSpec, PromiseSpecError> {
        let (name, period_s) = (flat.name.clone(), flat.period_s.max(1));
        let (timeout_s, grace_s) = (flat.timeout_s.max(1), flat.grace_s);
        Ok(PromiseSpec {
            name,
            check: check_of(flat)?,
            period_s,
            timeout_s,
            grace_s,
        })
    }
}

/// Takes the fields that the check needs, and refuses those it does not know.
fn check_of(mut flat: Flat) -> Result<Check, PromiseSpecError> {
    let kind = std::mem::take(&mut flat.check);
    let lacks = |field| PromiseSpecError::Missing {
        check: kind.clone(),
        field,
    };
    let check = match kind.as_str() {
        "port" => Check::Port {
            host: flat.host.take().unwrap_or_else(|| "127.0.0.1".to_owned()),
            port: flat.port.take().ok_or_else(|| lacks("port"))?,
        },
        "socket" => Check::Socket {
            path: flat.path.take().ok_or_else(|| lacks("path"))?,
        },
        "url" => Check::Url {
            url: flat.url.take().ok_or_else(|| lacks("url"))?,
            status: flat.status.take().unwrap_or(200),
            text: flat.text.take(),
        },
        "answer" => answer_of(&mut flat).map_err(lacks)?,
        "process" => Check::Process {
            process: flat.process.take().ok_or_else(|| lacks("process"))?,
        },
        "file_fresh" => Check::FileFresh {
            path: flat.path.take().ok_or_else(|| lacks("path"))?,
            max_age_s: flat.max_age_s.take().ok_or_else(|| lacks("max_age_s"))?,
        },
        "file_state" => Check::FileState {
            path: flat.path.take().ok_or_else(|| lacks("path"))?,
            state: flat.state.take().ok_or_else(|| lacks("state"))?,
        },
        "disk_free" => Check::DiskFree {
            path: flat.path.take().ok_or_else(|| lacks("path"))?,
            min_bytes: flat.min_bytes.take().ok_or_else(|| lacks("min_bytes"))?,
        },
        "command" => Check::Command {
            command: flat
                .command
                .take()
                .filter(|words| !words.is_empty())
                .ok_or_else(|| lacks("command"))?,
        },
        "executable" => Check::Executable {
            path: flat.path.take().ok_or_else(|| lacks("path"))?,
        },
        _ => return Err(PromiseSpecError::UnknownCheck(kind)),
    };
    match flat.left_over() {
        Some(field) => Err(PromiseSpecError::Unexpected { check: kind, field }),
        None => Ok(check),
    }
}

/// The check `answer`, or the field that it lacks.
fn answer_of(flat: &mut Flat) -> Result<Check, &'static str> {
    Ok(Check::Answer {
        host: flat.host.take().unwrap_or_else(|| "127.0.0.1".to_owned()),
        port: flat.port.take().ok_or("port")?,
        send: flat.send.take(),
        text: flat.text.take().ok_or("text")?,
    })
}

impl Flat {
    /// The fields of the check `answer`, and its name.
    fn put_answer(&mut self, answer: Check) -> &'static str {
        if let Check::Answer {
            host,
            port,
            send,
            text,
        } = answer
        {
            (self.host, self.port) = (Some(host), Some(port));
            (self.send, self.text) = (send, Some(text));
        }
        "answer"
    }

    /// The name of a field that no check took.
    fn left_over(&self) -> Option<&'static str> {
        [
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("url", self.url.is_some()),
            ("status", self.status.is_some()),
            ("text", self.text.is_some()),
            ("send", self.send.is_some()),
            ("process", self.process.is_some()),
            ("path", self.path.is_some()),
            ("max_age_s", self.max_age_s.is_some()),
            ("state", self.state.is_some()),
            ("min_bytes", self.min_bytes.is_some()),
            ("command", self.command.is_some()),
        ]
        .into_iter()
        .find_map(|(name, is_set)| is_set.then_some(name))
    }
}

impl From<PromiseSpec> for Flat {
    fn from(spec: PromiseSpec) -> Flat {
        let mut flat = Flat {
            name: spec.name,
            period_s: spec.period_s,
            timeout_s: spec.timeout_s,
            grace_s: spec.grace_s,
            ..Flat::default()
        };
        let kind = match spec.check {
            Check::Port { host, port } => {
                (flat.host, flat.port) = (Some(host), Some(port));
                "port"
            }
            Check::Socket { path } => {
                flat.path = Some(path);
                "socket"
            }
            Check::Url { url, status, text } => {
                (flat.url, flat.status, flat.text) = (Some(url), Some(status), text);
                "url"
            }
            answer @ Check::Answer { .. } => flat.put_answer(answer),
            Check::Process { process } => {
                flat.process = Some(process);
                "process"
            }
            Check::FileFresh { path, max_age_s } => {
                (flat.path, flat.max_age_s) = (Some(path), Some(max_age_s));
                "file_fresh"
            }
            Check::FileState { path, state } => {
                (flat.path, flat.state) = (Some(path), Some(state));
                "file_state"
            }
            Check::DiskFree { path, min_bytes } => {
                (flat.path, flat.min_bytes) = (Some(path), Some(min_bytes));
                "disk_free"
            }
            Check::Command { command } => {
                flat.command = Some(command);
                "command"
            }
            Check::Executable { path } => {
                flat.path = Some(path);
                "executable"
            }
        };
        kind.clone_into(&mut flat.check);
        flat
    }
}

#[cfg(test)]
mod tests;
