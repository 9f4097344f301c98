//! The genuine `slapos proxy start` on the other side: started, stopped, asked by the genuine client.

use super::python::Python;
use crate::Outcome;
use crate::bench::wait::wait_for;
use crate::bench::world::free_address;
use slapos_api::slap::{SlapClient, SlapTrust, Value, write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(super) const LIMIT: Duration = Duration::from_secs(120);

/// A proxy in a folder of its own: the original's, or ours.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) dir: PathBuf,
    command: Vec<String>,
    child: Option<Child>,
}

impl Peer {
    /// Writes its configuration, with what is added to it, and starts it.
    pub(super) fn start(
        python: &Python,
        ours: Option<&Path>,
        dir: &Path,
        more: &str,
    ) -> Result<Self, String> {
        let address = free_address()?;
        std::fs::create_dir_all(dir).map_err(|error| error.to_string())?;
        let program = ours.map_or_else(
            || PathBuf::from(python.command("slapos").get_program()),
            Path::to_owned,
        );
        let (cfg, port) = (dir.join("proxy.cfg"), address.port());
        let text = format!(
            "[slapos]\ncomputer_id = comp\nmaster_url = http://127.0.0.1:{port}/\n[slapproxy]\n\
             host = 127.0.0.1\nport = {port}\ndatabase_uri = {}/proxy.db\n{more}",
            dir.display()
        );
        std::fs::write(&cfg, text).map_err(|error| error.to_string())?;
        // The original's proxy does not say by itself where its pages are.
        let client = format!(
            "[slapos]\nmaster_url = http://127.0.0.1:{port}/\n\
             master_rest_url = http://127.0.0.1:{port}/hateoas\n"
        );
        std::fs::write(dir.join("client.cfg"), client).map_err(|error| error.to_string())?;
        let words = ["proxy", "start", "--cfg"].map(str::to_owned);
        let mut command = vec![program.display().to_string()];
        command.extend(words);
        command.push(cfg.display().to_string());
        let mut peer = Self {
            address,
            dir: dir.to_owned(),
            command,
            child: None,
        };
        peer.boot()?;
        Ok(peer)
    }

    /// Starts it again.
    pub(super) fn boot(&mut self) -> Outcome {
        let mut command = Command::new(&self.command[0]);
        command
            .args(&self.command[1..])
            .current_dir(&self.dir)
            .env("PYTHONWARNINGS", "ignore")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.child = Some(command.spawn().map_err(|error| error.to_string())?);
        wait_for("a proxy to listen", LIMIT, || {
            Ok(TcpStream::connect(self.address).is_ok().then_some(()))
        })
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(super) fn client(&self) -> Result<SlapClient, String> {
        SlapClient::new(&self.url(), SlapTrust::default()).map_err(|error| error.to_string())
    }

    /// All that it tells its node, as text.
    pub(super) fn told(&self) -> Result<String, String> {
        let read = self.client()?.read_node("comp", None);
        let (document, _) = read
            .map_err(|error| error.to_string())?
            .ok_or("it says that nothing changed")?;
        write(&document).map_err(|error| error.to_string())
    }

    /// Partitions slappart0, slappart1…
    pub(super) fn offer(&self, count: usize) -> Outcome {
        let partition = |index: usize| {
            Value::dict([
                ("reference", Value::text(format!("slappart{index}"))),
                ("tap", Value::dict([("name", Value::text("tap"))])),
                ("address_list", Value::List(vec![])),
            ])
        };
        let document = Value::dict([
            ("reference", Value::text("comp")),
            ("address", Value::text("127.0.0.1")),
            ("netmask", Value::text("255.0.0.0")),
            (
                "partition_list",
                Value::List((0..count).map(partition).collect()),
            ),
        ]);
        let told = self.client()?.offer(&document);
        told.map_err(|error| error.to_string())
    }

    /// The genuine client: its status and all that it printed.
    pub(super) fn slapos(&self, python: &Python, words: &[&str]) -> Result<(i32, String), String> {
        let mut command = python.command("slapos");
        command
            .args(words)
            .arg("--cfg")
            .arg(self.dir.join("client.cfg"));
        let output = command.output().map_err(|error| error.to_string())?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok((output.status.code().unwrap_or(-1), text))
    }

    /// The same, which has to succeed and to say that.
    pub(super) fn slapos_says(&self, python: &Python, words: &[&str], text: &str) -> Outcome {
        let (status, said) = self.slapos(python, words)?;
        if status == 0 && said.contains(text) {
            return Ok(());
        }
        Err(format!(
            "slapos {}: {status}, without `{text}`\n{said}",
            words.join(" ")
        ))
    }

    /// Again and again until it says that.
    pub(super) fn slapos_will_say(&self, python: &Python, words: &[&str], text: &str) -> Outcome {
        let mut last = String::new();
        wait_for(
            &format!("`slapos {}` to say `{text}`", words.join(" ")),
            LIMIT,
            || {
                let (status, said) = self.slapos(python, words)?;
                let is_said = status == 0 && said.contains(text);
                last = said;
                Ok(is_said.then_some(()))
            },
        )
        .map_err(|error| format!("{error}\n{last}"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}
