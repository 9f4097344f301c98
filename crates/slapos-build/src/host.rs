//! The recipe host: recipes that are not built in run unchanged, in a Python of their own.
//!
//! Start at [`construct`]. One child process serves a run: it constructs recipes while the profile is evaluated,
//! asking the engine for every section it reads; each install is a fork of it. So a recipe that raises, crashes,
//! hangs or floods is an error of its part. What goes over the wire is listed in channel.rs, the other end is
//! host.py, what a constructor may ask is ask.rs, what is done with the constructed part is part.rs.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value as Json, json};
use slapos_buildout::{Report, Session};

use crate::process::{Guard, end_group, group_of};
use crate::{Cancel, file, limits, own};

mod ask;
mod channel;
mod load;
mod part;

pub(crate) use load::construct;
pub(crate) use part::{has_uninstall, uninstall};

use channel::{Channel, Lost};

const PROGRAM: &str = include_str!("host/host.py");

/// The way to the child process, which is started when the first part needs it.
pub(crate) struct Host {
    /// `buildout:directory`.
    directory: PathBuf,
    path: String,
    guard: Guard,
    cancel: Cancel,
    running: Mutex<Option<Running>>,
}

/// A child process that lives.
struct Running {
    child: Child,
    channel: Channel,
    /// What it printed lately.
    output: Arc<Mutex<Vec<u8>>>,
    loaded: BTreeSet<PathBuf>,
}

impl Host {
    pub(crate) fn new(directory: &Path, path: &str, cancel: Cancel) -> Host {
        Host {
            directory: directory.to_owned(),
            path: path.to_owned(),
            guard: Guard::default(),
            cancel,
            running: Mutex::default(),
        }
    }

    /// The host's own folder.
    fn folder(&self) -> PathBuf {
        own::folder(&self.directory).join("host")
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the child if it does not run, and adds folders of eggs to its path.
    fn load(&self, python: &Path, paths: &[&Path]) -> Result<(), String> {
        let mut running = self.lock();
        if running.is_none() {
            *running = Some(self.start(python, paths)?);
        }
        let Some(host) = running.as_mut() else {
            return Ok(());
        };
        let fresh: Vec<&Path> = paths
            .iter()
            .copied()
            .filter(|path| !host.loaded.contains(*path))
            .collect();
        if fresh.is_empty() {
            return Ok(());
        }
        host.loaded
            .extend(fresh.iter().map(|path| path.to_path_buf()));
        let message = json!({"do": "paths", "paths": fresh});
        host.channel
            .send(&message)
            .map_err(|e| format!("telling the recipe host: {e}"))
    }

    fn start(&self, python: &Path, paths: &[&Path]) -> Result<Running, String> {
        let broken = |error: std::io::Error| {
            format!(
                "starting the recipe host with {}: {error}",
                python.display()
            )
        };
        let mut running = self.spawn(python).map_err(broken)?;
        running
            .loaded
            .extend(paths.iter().map(|path| path.to_path_buf()));
        running
            .channel
            .send(&json!({ "paths": paths }))
            .map_err(broken)?;
        let limit = limits::HOST_START_TIMEOUT;
        let why = match running.channel.wait(limit, &self.cancel) {
            Ok(message) if message["done"] == "start" => return Ok(running),
            Err(Lost::Silent) => format!("it was not ready within {} s", limit.as_secs()),
            Err(Lost::Stopped) => "it was stopped as asked".to_owned(),
            Err(Lost::Gone) => "its process ended".to_owned(),
            Ok(_) | Err(Lost::Flood | Lost::Garbage) => "it is another program".to_owned(),
        };
        end_group(&mut running.child, &self.guard);
        let why = with_output(why, &taken(&running.output));
        let python = python.display();
        Err(format!(
            "the recipe host did not start with {python}: {why}"
        ))
    }

    fn spawn(&self, python: &Path) -> std::io::Result<Running> {
        let folder = self.folder();
        let (home, temporary) = (folder.join("home"), folder.join("tmp"));
        fs_err::create_dir_all(&home)?;
        fs_err::create_dir_all(&temporary)?;
        let program = folder.join("host.py");
        file::write_if_changed(&program, PROGRAM.as_bytes(), 0o644)?;
        let (mine, theirs) = UnixStream::pair()?;
        let (reader, writer) = std::io::pipe()?;
        let environment = BTreeMap::from([
            ("PATH", self.path.clone().into()),
            ("HOME", home.into_os_string()),
            ("TMPDIR", temporary.into_os_string()),
            ("LANG", "C.UTF-8".into()),
        ]);
        let child = Command::new(python)
            // No code of the user's home or of the current folder, no bytecode beside the eggs.
            .args(["-I", "-B", "-u"])
            .arg(&program)
            .current_dir(&self.directory)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .spawn()?;
        self.guard.add(group_of(&child));
        let output = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&output);
        std::thread::spawn(move || keep_end(reader, &kept));
        Ok(Running {
            child,
            channel: Channel::new(mine),
            output,
            loaded: BTreeSet::new(),
        })
    }

    /// Sends one message to the child.
    fn send(&self, message: &Json) -> Result<(), Lost> {
        let mut running = self.lock();
        let host = running.as_mut().ok_or(Lost::Gone)?;
        host.channel.send(message).map_err(|_| Lost::Gone)
    }

    /// The child's next message. The lock is held for this one only: constructors run inside of each other.
    fn receive(&self, patience: Duration) -> Result<Json, Lost> {
        let mut running = self.lock();
        let host = running.as_mut().ok_or(Lost::Gone)?;
        host.channel.wait(patience, &self.cancel)
    }

    /// What the child printed since it was asked last.
    fn take_output(&self) -> Vec<u8> {
        self.lock()
            .as_ref()
            .map(|host| taken(&host.output))
            .unwrap_or_default()
    }

    /// Ends the child; whoever needs one next gets another.
    fn stop(&self) {
        if let Some(mut running) = self.lock().take() {
            end_group(&mut running.child, &self.guard);
        }
    }

    /// Gives the child what the profile came to, for recipes that read more while they install.
    pub(crate) fn freeze(&self, session: &Session<'_>, parts: &[String]) -> Result<(), Report> {
        if self.lock().is_none() {
            return Ok(());
        }
        let mut sections = serde_json::Map::new();
        let mut ahead: Vec<String> = vec!["buildout".to_owned()];
        ahead.extend(parts.iter().cloned());
        while let Some(name) = ahead.pop() {
            if sections.contains_key(&name) {
                continue;
            }
            let options = session.section(&name)?;
            let options = options
                .iter()
                .map(|(key, value)| (key.clone(), ask::to_json(value)));
            sections.insert(name.clone(), Json::Object(options.collect()));
            ahead.extend(session.dependencies(&name)?);
        }
        // A child that is gone says so to the first part that needs it.
        let _ = self.send(&json!({"do": "freeze", "sections": sections}));
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Keeps the end of what a process prints.
fn keep_end(mut pipe: impl std::io::Read, kept: &Mutex<Vec<u8>>) {
    let mut chunk = [0; 16 << 10];
    while let Ok(n) = pipe.read(&mut chunk) {
        if n == 0 {
            return;
        }
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&chunk[..n]);
        let excess = kept.len().saturating_sub(limits::HOST_OUTPUT_BYTES_MAX);
        kept.drain(..excess);
    }
}

fn taken(output: &Mutex<Vec<u8>>) -> Vec<u8> {
    std::mem::take(&mut *output.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Why something failed, with what was printed.
fn with_output(why: String, output: &[u8]) -> String {
    match String::from_utf8_lossy(output).trim() {
        "" => why,
        text => format!("{why}\n{}", end_of(text)),
    }
}

/// The end of a traceback: the last lines say most.
fn end_of(text: &str) -> String {
    let text = text.trim();
    let count = text.chars().count();
    match count.checked_sub(limits::HOST_TRACEBACK_CHARS) {
        None | Some(0) => text.to_owned(),
        Some(skipped) => format!("…{}", text.chars().skip(skipped).collect::<String>()),
    }
}
