//! The three servers: the original from PyPI, our proxy, our master.
//!
//! Each in a folder of its own, on loopback, killed and removed at the end.

use super::super::load::{Answer, call};
use super::super::process::{cpu_us, process_ticks, pss_kib};
use super::super::wait::wait_for;
use super::super::world::{free_address, make_folder};
use super::form::{Call, full_information};
use crate::compat::slap::python::Python;
use slapos_api::{Client, Credential};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `slapos proxy start` from PyPI.
    Theirs,
    /// `slapos proxy start` of ours.
    Ours,
    /// `slapos master run`: asked with a person's token, checked at each call.
    Master,
}

/// A running server.
pub(super) struct Side {
    pub(super) kind: Kind,
    pub(super) address: SocketAddr,
    pub(super) token: Option<String>,
    program: PathBuf,
    dir: tempfile::TempDir,
    child: Option<Child>,
}

impl Side {
    /// Starts one below `place`.
    pub(super) fn start(kind: Kind, program: &Path, place: &Path) -> Result<Self, String> {
        let program = match kind {
            Kind::Theirs => {
                let command = Python::ensure()?.command("slapos");
                PathBuf::from(command.get_program())
            }
            _ => program.to_owned(),
        };
        let mut side = Self {
            kind,
            address: free_address()?,
            token: None,
            program,
            dir: make_folder(place)?,
            child: None,
        };
        let (port, dir) = (side.address.port(), side.dir.path().display());
        let text = format!(
            "[slapos]\ncomputer_id = BENCH\nmaster_url = http://127.0.0.1:{port}/\n[slapproxy]\n\
             host = 127.0.0.1\nport = {port}\ndatabase_uri = {dir}/proxy.db\n"
        );
        let path = side.dir.path().join("slapos.cfg");
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        side.boot()?;
        if kind == Kind::Master {
            let path = side.dir.path().join("root/var/master/owner.token");
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
            side.token = Some(text.trim().to_owned());
        }
        Ok(side)
    }

    /// Starts the program and waits until its port accepts: milliseconds.
    pub(super) fn boot(&mut self) -> Result<f64, String> {
        let mut command = Command::new(&self.program);
        let cfg = self.dir.path().join("slapos.cfg");
        match self.kind {
            Kind::Theirs => command.args(["-q", "proxy", "start", "--cfg"]).arg(cfg),
            Kind::Ours => command.args(["proxy", "start", "--cfg"]).arg(cfg),
            Kind::Master => command
                .arg("--root")
                .arg(self.dir.path().join("root"))
                .args(["master", "run", "--listen", &self.address.to_string()]),
        };
        command
            .current_dir(self.dir.path())
            .env("PYTHONWARNINGS", "ignore")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let start = Instant::now();
        let child = command.spawn();
        self.child = Some(child.map_err(|error| format!("cannot start {command:?}: {error}"))?);
        while TcpStream::connect(self.address).is_err() {
            if start.elapsed() > Duration::from_secs(60) {
                return Err(format!("{:?} does not listen after a minute", self.kind));
            }
            super::super::wait::pause(Duration::from_micros(200));
        }
        Ok(start.elapsed().as_secs_f64() * 1000.0)
    }

    /// `kill -9`, and waits for the end.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// CPU time. The original answers each call in a thread that ends with it, whose time only the
    /// process as a whole knows, in hundredths of a second.
    pub(super) fn cpu_ms(&self) -> f64 {
        if self.kind == Kind::Theirs {
            return f64::from(u32::try_from(process_ticks(self.pid())).unwrap_or(u32::MAX)) * 10.0;
        }
        f64::from(u32::try_from(cpu_us(self.pid())).unwrap_or(u32::MAX)) / 1000.0
    }

    pub(super) fn pss_mib(&self) -> Result<f64, String> {
        let kib = pss_kib(self.pid())?;
        Ok(f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0)
    }

    pub(super) fn ask(&self) -> Call<'_> {
        Call {
            address: self.address,
            token: self.token.as_deref(),
        }
    }

    /// One call that has to succeed.
    pub(super) fn call(&self, request: &[u8]) -> Result<Answer, String> {
        let answer = call(self.address, request)?;
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        Err(format!("{:?} answers {}: {text}", self.kind, answer.status))
    }

    /// A node that offers so many partitions and is ordered the release.
    pub(super) fn offer(&self, computer: &str, partitions: usize) -> Result<(), String> {
        self.call(&self.ask().format(computer, partitions))?;
        self.call(&self.ask().supply(computer)).map(drop)
    }

    /// How many of the names the node is not told of.
    pub(super) fn count_missing(&self, computer: &str, names: &[String]) -> Result<usize, String> {
        let answer = self.call(&self.ask().get(&full_information(computer), ""))?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let told: std::collections::HashSet<&str> = text.split(['<', '>']).collect();
        Ok(names
            .iter()
            .filter(|name| !told.contains(name.as_str()))
            .count())
    }

    /// The owner's client of our master.
    pub(super) fn client(&self) -> Result<Client, String> {
        let credential = Credential::Token(self.token.clone().unwrap_or_default());
        let client = Client::new(&format!("http://{}", self.address), credential, None);
        client.map_err(|error| error.to_string())
    }

    /// Waits until the server has written all that it will: its CPU time stands still.
    pub(super) fn settle(&self) -> Result<(), String> {
        let mut before = self.cpu_ms();
        wait_for("the server to be quiet", Duration::from_secs(30), || {
            let now = self.cpu_ms();
            let is_quiet = now - before < 0.5;
            before = now;
            Ok(is_quiet.then_some(()))
        })
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        self.kill();
    }
}
