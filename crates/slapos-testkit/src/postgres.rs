//! A real PostgreSQL of its own for a test: a cluster in a temporary folder, reached by a socket.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A running cluster; ends with the value.
#[derive(Debug)]
pub struct Postgres {
    dir: TempDir,
    bin: PathBuf,
    user: Option<nix::unistd::User>,
}

impl Postgres {
    /// Makes and starts a cluster. It refuses to run as root, so then an unprivileged user of the
    /// machine runs it.
    ///
    /// # Panics
    /// When PostgreSQL is not there (`apt-get install postgresql`) or does not start.
    #[must_use]
    pub fn start() -> Self {
        let bin = find_bin().expect("PostgreSQL is needed: apt-get install postgresql");
        // Socket paths are at most 107 bytes: a short folder.
        let dir = tempfile::Builder::new()
            .prefix("pg")
            .tempdir_in("/tmp")
            .expect("a folder");
        let is_root = nix::unistd::geteuid().is_root();
        let user = is_root.then(|| {
            let find = |name| nix::unistd::User::from_name(name).ok().flatten();
            find("postgres")
                .or_else(|| find("nobody"))
                .expect("a user to run PostgreSQL as")
        });
        if let Some(user) = &user {
            chown(dir.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("chown");
        }
        let cluster = Self { dir, bin, user };
        let data = cluster.data();
        cluster.run(
            "initdb",
            &["-D", &data, "-A", "trust", "-U", "slapos", "--no-sync"],
        );
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c max_connections=300",
            cluster.dir.path().display()
        );
        let log = format!("{data}/log.txt");
        cluster.run(
            "pg_ctl",
            &["-D", &data, "-w", "-l", &log, "-o", &options, "start"],
        );
        cluster
    }

    /// Makes an empty database and answers how to connect to it.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn create_database(&self, name: &str) -> String {
        let socket = self.dir.path().display().to_string();
        self.run("createdb", &["-h", &socket, "-U", "slapos", name]);
        format!("host={socket} user=slapos dbname={name}")
    }

    fn data(&self) -> String {
        self.dir.path().join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.bin.join(program));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        if let Some(user) = &self.user {
            use std::os::unix::process::CommandExt;
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        // The server that pg_ctl leaves behind keeps its output open, so nothing may wait for it.
        let status = command
            .stdout(Stdio::null())
            .status()
            .expect("run PostgreSQL");
        assert!(status.success(), "{program} {arguments:?} failed: {status}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "stop"]);
    }
}

/// The programs of the newest PostgreSQL of the machine.
fn find_bin() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| Path::new(bin).join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop()
}
