//! The masters that the simulated nodes live by: one on SQLite, or several on one PostgreSQL.
//!
//! Each is the shipped program in a folder of its own, on loopback, killed and removed at the end.

use super::super::process::{cpu_us, pss_kib};
use super::super::wait::wait_for;
use super::super::world::{free_address, make_folder};
use slapos_testkit::Postgres;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The masters and their database.
#[derive(Debug)]
pub(super) struct Hosts {
    pub(super) masters: Vec<Host>,
    pub(super) token: String,
    _postgres: Option<Postgres>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) address: SocketAddr,
    program: PathBuf,
    dir: tempfile::TempDir,
    database: Option<String>,
    child: Option<Child>,
}

impl Hosts {
    /// Starts `count` of them; more than one share a PostgreSQL.
    pub(super) fn start(
        program: &Path,
        place: &Path,
        (count, is_postgres): (usize, bool),
    ) -> Result<Self, String> {
        let postgres = (is_postgres || count > 1).then(Postgres::start);
        let database = postgres.as_ref().map(|one| one.create_database("bench"));
        let mut masters: Vec<Host> = Vec::new();
        for _ in 0..count {
            let mut host = Host {
                address: free_address()?,
                program: program.to_owned(),
                dir: make_folder(place)?,
                database: database.clone(),
                child: None,
            };
            if let Some(first) = masters.first() {
                first.share_with(&host)?;
            }
            host.boot()?;
            masters.push(host);
        }
        let path = masters[0].folder().join("owner.token");
        let token = std::fs::read_to_string(&path);
        let token = token.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self {
            masters,
            token: token.trim().to_owned(),
            _postgres: postgres,
        })
    }

    /// CPU time of all masters, in seconds; the database is not counted.
    pub(super) fn cpu_seconds(&self) -> f64 {
        let used = self.masters.iter().map(|host| cpu_us(host.pid()));
        Duration::from_micros(used.sum()).as_secs_f64()
    }

    /// Proportional memory of the largest.
    pub(super) fn pss_mib(&self) -> Result<f64, String> {
        let mut most = 0;
        for host in &self.masters {
            most = most.max(pss_kib(host.pid())?);
        }
        Ok(f64::from(u32::try_from(most).unwrap_or(u32::MAX)) / 1024.0)
    }

    /// `kill -9` for all of them.
    pub(super) fn kill(&mut self) {
        self.masters.iter_mut().for_each(Host::kill);
    }

    /// Starts them again.
    pub(super) fn boot(&mut self) -> Result<(), String> {
        self.masters.iter_mut().try_for_each(Host::boot)
    }
}

impl Host {
    fn folder(&self) -> PathBuf {
        self.dir.path().join("root/var/master")
    }

    /// One authority and one owner for all: what an operator copies to a second machine.
    fn share_with(&self, other: &Self) -> Result<(), String> {
        let (from, to) = (self.folder(), other.folder());
        let copy = || {
            std::fs::create_dir_all(to.join("pki"))?;
            std::fs::copy(from.join("owner.token"), to.join("owner.token"))?;
            for entry in std::fs::read_dir(from.join("pki"))? {
                let entry = entry?;
                std::fs::copy(entry.path(), to.join("pki").join(entry.file_name()))?;
            }
            Ok(())
        };
        copy().map_err(|error: std::io::Error| format!("{}: {error}", to.display()))
    }

    fn boot(&mut self) -> Result<(), String> {
        let log = self.dir.path().join("log");
        let log = std::fs::File::options().create(true).append(true).open(log);
        let log = log.map_err(|error| format!("no log of a master: {error}"))?;
        let mut command = Command::new(&self.program);
        command
            .arg("--root")
            .arg(self.dir.path().join("root"))
            .args(["master", "run", "--listen", &self.address.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(database) = &self.database {
            command.env("SLAPOS_DATABASE", database);
        }
        let child = command.spawn();
        self.child = Some(child.map_err(|error| format!("cannot start {command:?}: {error}"))?);
        let address = self.address;
        wait_for("the master to listen", Duration::from_secs(60), || {
            Ok(TcpStream::connect(address).ok())
        })
        .map(drop)
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// The end of what it logged.
    pub(super) fn last_words(&self) -> String {
        let text = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
    }
}
