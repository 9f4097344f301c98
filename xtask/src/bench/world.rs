//! A private SlapOS: `slapos up` in a folder of its own, stopped and removed at the end.
//!
//! It has its own port and, as root, its own users, so that it never meets a SlapOS that somebody
//! uses on the same machine. Start with [`World::start`].

mod command;
mod users;

use super::process::{self, send};
use super::wait::wait_for;
use nix::sys::signal::Signal;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use serde_json::Value;
use slapos_api::wire::instance::{InstanceRequest, InstanceView};
use slapos_api::{Client, Credential};
use slapos_supervise::GroupStatus;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Making the users of fifty partitions on a busy machine takes its time.
const READY: Duration = Duration::from_secs(180);

/// How long everything may take to stop.
const STOP: Duration = Duration::from_secs(90);

/// The first build of helloworld: two seconds of compiling, on a machine that does other things.
const FIRST_GREEN: Duration = Duration::from_secs(180);

/// A running SlapOS.
#[derive(Debug)]
pub(crate) struct World {
    program: PathBuf,
    dir: tempfile::TempDir,
    up: Child,
    users: Option<String>,
    partitions: u32,
    /// Where its master listens.
    pub(crate) address: SocketAddr,
    /// The token of its owner.
    pub(crate) token: String,
    /// A client of its master as the owner.
    pub(crate) client: Client,
}

type View = Result<InstanceView, String>;

/// The processes that stay up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pids {
    /// `slapos up`.
    pub(crate) up: u32,
    /// `slapos master run`.
    pub(crate) master: u32,
    /// `slapos node run`.
    pub(crate) node: u32,
    /// `slapos internal supervise`.
    pub(crate) supervisor: u32,
}

impl Pids {
    /// With their names.
    pub(crate) fn all(self) -> [(&'static str, u32); 4] {
        [
            ("up", self.up),
            ("master", self.master),
            ("node", self.node),
            ("supervisor", self.supervisor),
        ]
    }
}

impl World {
    /// Starts one below `place` and waits until its node offers all partitions. `name` is 1 to 8
    /// letters, the beginning of its users' names.
    pub(crate) fn start(
        program: &Path,
        place: &Path,
        name: &str,
        partitions: u32,
    ) -> Result<Self, String> {
        let dir = make_folder(place)?;
        let users = nix::unistd::geteuid()
            .is_root()
            .then(|| format!("{name}{}x", std::process::id()));
        write_settings(dir.path(), users.as_deref())?;
        let address = free_address()?;
        let mut up = start_up(program, dir.path(), address, partitions)?;
        let root = dir.path().to_owned();
        let token = match wait_for("slapos up", READY, || look_for_token(&root, &mut up)) {
            Ok(token) => token,
            Err(error) => {
                stop_up(program, &root, &mut up);
                users::remove(users.as_deref(), partitions);
                return Err(format!("{error}: {}", last_words(&root)));
            }
        };
        let credential = Credential::Token(token.clone());
        let client = Client::new(&format!("http://{address}"), credential, None)
            .map_err(|error| error.to_string())?;
        let world = Self {
            program: program.to_owned(),
            dir,
            up,
            users,
            partitions,
            address,
            token,
            client,
        };
        world.wait_node()?;
        Ok(world)
    }

    fn wait_node(&self) -> Result<(), String> {
        let wanted = usize::try_from(self.partitions).unwrap_or(usize::MAX);
        wait_for("the node's partitions", READY, || {
            let nodes = self
                .client
                .list_nodes()
                .map_err(|error| error.to_string())?;
            let is_ready = nodes
                .items
                .iter()
                .any(|node| node.name == "local" && node.online && node.partitions.len() == wanted);
            Ok((is_ready && self.pids().is_ok()).then_some(()))
        })
        .map_err(|error| format!("{error}: {}", last_words(self.root())))
    }

    /// Its folder.
    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    /// The processes that stay up, as they are now.
    pub(crate) fn pids(&self) -> Result<Pids, String> {
        let path = self.root().join("var/up.json");
        let text = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let file: Value = serde_json::from_slice(&text)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let pid = |role: &str| {
            file[role]["pid"]
                .as_u64()
                .and_then(|pid| u32::try_from(pid).ok())
                .ok_or_else(|| format!("{} has no {role}", path.display()))
        };
        Ok(Pids {
            up: pid("up")?,
            master: pid("master")?,
            node: pid("node")?,
            supervisor: listener_pid(&self.supervise_dir())?,
        })
    }

    /// The supervisor's private folder.
    pub(crate) fn supervise_dir(&self) -> PathBuf {
        self.root().join("var/supervise")
    }

    /// What the supervisor says.
    pub(crate) fn groups(&self) -> Result<Vec<GroupStatus>, String> {
        slapos_supervise::Client::connect(&self.supervise_dir())
            .and_then(|mut client| client.status())
            .map_err(|error| error.to_string())
    }

    /// Waits until a service keeps all its promises, the first time with its build.
    pub(crate) fn wait_green(&self, name: &str) -> Result<InstanceView, String> {
        self.wait_green_within(name, FIRST_GREEN)
    }

    /// The same with another limit.
    pub(crate) fn wait_green_within(&self, name: &str, limit: Duration) -> View {
        let mut last = String::new();
        wait_for(&format!("{name} to be green"), limit, || {
            let view = self
                .client
                .find_instance(name)
                .map_err(|error| error.to_string())?;
            last = format!("{}: {}", view.state, view.message.as_deref().unwrap_or("-"));
            if view.state == "failed" {
                return Err(format!("{name} failed: {last}"));
            }
            Ok((view.state == "started" && view.promises.total > 0).then_some(view))
        })
        .map_err(|error| format!("{error} ({last})"))
    }
}

/// A helloworld of that name.
pub(crate) fn helloworld(name: &str) -> InstanceRequest {
    InstanceRequest {
        name: name.to_owned(),
        software: "helloworld".to_owned(),
        ..InstanceRequest::default()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        stop_up(&self.program, self.dir.path(), &mut self.up);
        users::remove(self.users.as_deref(), self.partitions);
    }
}

/// The pid of whoever listens on a supervisor's socket: the kernel knows, a file may be stale.
pub(crate) fn listener_pid(dir: &Path) -> Result<u32, String> {
    // A socket's address holds 107 bytes; through the folder's descriptor any path fits.
    let folder = std::fs::File::open(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let path = format!("/proc/self/fd/{}/supervise.sock", folder.as_raw_fd());
    let stream =
        UnixStream::connect(path).map_err(|error| format!("no supervisor answers: {error}"))?;
    let peer = getsockopt(&stream, PeerCredentials)
        .map_err(|error| format!("cannot ask who the supervisor is: {error}"))?;
    u32::try_from(peer.pid()).map_err(|error| error.to_string())
}

/// A folder whose parents others can enter: partitions have users of their own.
pub(crate) fn make_folder(place: &Path) -> Result<tempfile::TempDir, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", place.display());
    let dir = tempfile::Builder::new()
        .prefix("slapos-")
        .tempdir_in(place)
        .map_err(failed)?;
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).map_err(failed)?;
    Ok(dir)
}

fn write_settings(root: &Path, users: Option<&str>) -> Result<(), String> {
    let mut settings = serde_json::json!({"name": "local"});
    if let Some(users) = users {
        settings["user_base_name"] = users.into();
        settings["software_user"] = format!("{users}s").into();
    }
    let path = root.join("etc/node.json");
    std::fs::create_dir_all(root.join("etc"))
        .and_then(|()| std::fs::write(&path, settings.to_string()))
        .map_err(|error| format!("{}: {error}", path.display()))
}

pub(crate) fn free_address() -> Result<SocketAddr, String> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(|error| format!("no free port: {error}"))
}

fn start_up(
    program: &Path,
    root: &Path,
    address: SocketAddr,
    partitions: u32,
) -> Result<Child, String> {
    let log = |name: &str| std::fs::File::create(root.join(name)).map(Stdio::from);
    let start = || {
        Command::new(program)
            .args(["up", "--json", "--listen", &address.to_string()])
            .args(["--partitions", &partitions.to_string()])
            .arg("--root")
            .arg(root)
            .stdin(Stdio::null())
            .stdout(log("up.out")?)
            .stderr(log("up.err")?)
            .spawn()
    };
    start().map_err(|error: std::io::Error| format!("cannot start {}: {error}", program.display()))
}

/// The token, once the first object was printed.
fn look_for_token(root: &Path, up: &mut Child) -> Result<Option<String>, String> {
    if let Ok(Some(status)) = up.try_wait() {
        return Err(format!("slapos up ended ({status})"));
    }
    let said = std::fs::read_to_string(root.join("up.out")).unwrap_or_default();
    if !said.contains('\n') {
        return Ok(None);
    }
    let path = root.join("var/master/owner.token");
    let token =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Some(token.trim().to_owned()))
}

fn last_words(root: &Path) -> String {
    let mut words = String::new();
    for name in ["up.out", "up.err", "var/log/node.log", "var/log/master.log"] {
        let text = std::fs::read_to_string(root.join(name)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        for line in lines.into_iter().rev() {
            words.push_str(&format!("\n  {name}: {line}"));
        }
    }
    words
}

/// Stops everything, also when `up` itself was killed or hangs.
fn stop_up(program: &Path, root: &Path, up: &mut Child) {
    send(up.id(), Signal::SIGTERM);
    let ended = wait_for("slapos up to end", STOP, || {
        Ok(up.try_wait().ok().flatten())
    });
    if ended.is_err() {
        // It cannot refuse.
        let _ = up.kill();
        let _ = up.wait();
    }
    // Says that nothing runs, in the usual case.
    let down = Command::new(program)
        .args(["down", "--root"])
        .arg(root)
        .stdin(Stdio::null())
        .output();
    drop(down);
    let text = root.display().to_string();
    for left in process::list_naming(&text) {
        if left.pid != std::process::id() {
            crate::command::say(&format!(
                "left behind, ended: {} {:?}",
                left.pid, left.words
            ));
            send(left.pid, Signal::SIGKILL);
        }
    }
}
