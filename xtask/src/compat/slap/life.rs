//! A whole life with the genuine client and node: from registration to the last usage report.
//!
//! Every step is a command of the package from PyPI; what it must print or leave behind is checked
//! after it. Start with `steps.rs`.

mod command;
mod measure;
mod steps;

use super::python::Python;
use crate::Outcome;
use crate::served::Served;
use command::{copy_release, expect, free_port, start_original, start_server, words_of, write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// On what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The genuine `slapos proxy start`, to be measured beside ours.
    Original,
    /// `slapos proxy start`: no certificates.
    Proxy,
    /// `slapos master run`: client, node and partitions by certificate.
    Master,
}

/// A server and the package's two programs.
pub(crate) struct Life<'p> {
    python: &'p Python,
    side: Side,
    // Before the folder: it ends before its files go.
    _server: Served,
    dir: tempfile::TempDir,
    port: u16,
    computer: String,
}

impl Drop for Life<'_> {
    fn drop(&mut self) {
        // What the node's supervisor still runs ends with it.
        drop(self.supervisorctl("shutdown"));
    }
}

impl<'p> Life<'p> {
    /// Starts the server and makes both programs known to it.
    pub(crate) fn start(python: &'p Python, program: &Path, side: Side) -> Result<Self, String> {
        let dir = tempfile::Builder::new().prefix("slap").tempdir();
        let dir = dir.map_err(|error| error.to_string())?;
        let port = free_port()?;
        for name in ["release", "soft", "inst", "lib"] {
            std::fs::create_dir(dir.path().join(name)).map_err(|error| error.to_string())?;
        }
        copy_release(&dir.path().join("release"))?;
        let proxy = format!(
            "[slapos]\ncomputer_id = COMP-TEST\n[slapproxy]\nhost = 127.0.0.1\nport = {port}\n\
             database_uri = {}\n",
            dir.path().join("lib/proxy.db").display()
        );
        write(&dir.path().join("proxy.cfg"), &proxy)?;
        let server = start_side(python, program, side, (dir.path(), port))?;
        let mut life = Self {
            python,
            side,
            dir,
            _server: server,
            port,
            computer: "COMP-TEST".to_owned(),
        };
        life.join()?;
        Ok(life)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn release(&self) -> String {
        self.path("release/software.cfg").display().to_string()
    }

    /// Registration, where there is any, and the node's configuration.
    fn join(&mut self) -> Outcome {
        let (plain, tls) = (
            format!("http://127.0.0.1:{}", self.port),
            format!("https://127.0.0.1:{}", self.port),
        );
        let mut identity = String::new();
        let url = match self.side {
            Side::Original | Side::Proxy => {
                let client = format!("[slapos]\nmaster_url = {plain}\n");
                std::fs::create_dir(self.path("client")).map_err(|error| error.to_string())?;
                write(&self.path("client/slapos-client.cfg"), &client)?;
                plain
            }
            Side::Master => {
                let token = std::fs::read_to_string(self.path("root/var/master/owner.token"));
                let token = token.map_err(|error| format!("the owner's token: {error}"))?;
                identity = self.register(&plain, &tls, token.trim())?;
                tls
            }
        };
        self.configure(&url, &identity)
    }

    /// The node's configuration, and what it is to offer.
    fn configure(&self, url: &str, identity: &str) -> Outcome {
        let at = |name: &str| self.path(name).display().to_string();
        let node = format!(
            "[slapos]\ncomputer_id = {}\nmaster_url = {url}\n{identity}root_check = False\n\
             software_root = {}\ninstance_root = {}\npidfile_software = {}\n\
             pidfile_instance = {}\npidfile_report = {}\n[slapformat]\ninterface_name = lo\n\
             partition_amount = 3\ncomputer_xml = {}\nalter_user = false\nalter_network = false\n\
             create_tap = false\nipv4_local_network = 127.0.0.0/8\ninput_definition_file = {}\n\
             partition_base_name = slappart\nuser_base_name = slapuser\nsoftware_user = root\n",
            self.computer,
            at("soft"),
            at("inst"),
            at("sr.pid"),
            at("cp.pid"),
            at("ur.pid"),
            at("computer.xml"),
            at("definition.cfg"),
        );
        write(&self.path("node.cfg"), &node)?;
        let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
        let mut definition = "[computer]\naddress = 127.0.0.1/255.255.255.255\n".to_owned();
        for index in 0..3 {
            definition.push_str(&format!(
                "[partition_{index}]\naddress = 127.0.0.1/255.255.255.255\n\
                 pathname = slappart{index}\nuser = {user}\nnetwork_interface = lo\n"
            ));
        }
        write(&self.path("definition.cfg"), &definition)
    }

    /// `configure client` and `node register`; what a node's configuration says of its identity.
    fn register(&mut self, plain: &str, tls: &str, token: &str) -> Result<String, String> {
        let web = ["--master-url", tls, "--master-url-web", plain];
        let client = self.path("client/slapos-client.cfg");
        let mut bad = self.python.command("slapos");
        bad.args(["configure", "client", "--token", "bad"])
            .args(web);
        bad.arg("--cfg").arg(&client);
        expect(&mut bad, 1, "Access denied to the SlapOS Master")?;
        let mut good = self.python.command("slapos");
        good.args(["configure", "client", "--token", token])
            .args(web);
        good.arg("--cfg").arg(&client);
        expect(&mut good, 0, "")?;
        let cfg = self.path("registered/slapos.cfg");
        let mut node = self.python.command("slapos");
        node.args(["node", "register", "mynode", "--token", token])
            .args(web);
        node.args(["--interface-name", "lo", "--partition-number", "3", "--cfg"])
            .arg(&cfg);
        node.arg("--software-root").arg(self.path("soft"));
        node.arg("--instance-root").arg(self.path("inst"));
        expect(
            &mut node,
            0,
            "Node has successfully been configured as COMP-",
        )?;
        let text = std::fs::read_to_string(&cfg).map_err(|error| error.to_string())?;
        let find = |key: &str| find_setting(&text, key);
        self.computer = find("computer_id")?;
        let mut identity = String::new();
        for key in ["key_file", "cert_file", "certificate_repository_path"] {
            identity.push_str(&format!("{key} = {}\n", find(key)?));
        }
        Ok(identity)
    }

    fn client(&self, words: &[&str], status: i32, text: &str) -> Outcome {
        let mut command = self.python.command("slapos");
        command
            .args(words)
            .arg("--cfg")
            .arg(self.path("client/slapos-client.cfg"));
        expect(&mut command, status, text).map(drop)
    }

    fn node(&self, words: &[&str], status: i32) -> Outcome {
        self.node_output(words, status).map(drop)
    }

    fn node_output(&self, words: &[&str], status: i32) -> Result<String, String> {
        // Formatting looks at who owns what; the rest refuses to be root.
        let mut command = match words {
            ["format", ..] => self.python.command("slapos"),
            _ => self.python.unprivileged("slapos"),
        };
        command
            .arg("node")
            .args(words)
            .arg("--cfg")
            .arg(self.path("node.cfg"));
        expect(&mut command, status, "")
    }

    fn supervisorctl(&self, word: &str) -> Result<String, String> {
        let mut command = self.python.unprivileged("supervisorctl");
        command
            .arg("-c")
            .arg(self.path("inst/etc/supervisord.conf"))
            .arg(word);
        let output = command.output().map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A script with `slap` connected as a person; what it is given on standard input.
    fn library(&self, script: &str, input: &str) -> Result<String, String> {
        use std::io::Write;
        let (scheme, key, cert) = match self.side {
            Side::Original | Side::Proxy => ("http", String::new(), String::new()),
            Side::Master => (
                "https",
                self.path("client/client.key").display().to_string(),
                self.path("client/client.crt").display().to_string(),
            ),
        };
        let head = format!(
            "import slapos.slap\nslap = slapos.slap.slap()\n\
             slap.initializeConnection('{scheme}://127.0.0.1:{}', {key:?} or None, {cert:?} or None)\n",
            self.port
        );
        let mut command = self.python.command("python");
        command.arg("-c").arg(head + script);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut stdin = child
            .stdin
            .take()
            .ok_or("the script has no standard input")?;
        stdin
            .write_all(input.as_bytes())
            .map_err(|error| error.to_string())?;
        drop(stdin);
        let output = child
            .wait_with_output()
            .map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("the script failed:\n{}", words_of(&output)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The server of a side, in its folder and on its port.
fn start_side(
    python: &Python,
    program: &Path,
    side: Side,
    (dir, port): (&Path, u16),
) -> Result<Served, String> {
    let mut command = match side {
        Side::Original => python.command("slapos"),
        Side::Proxy | Side::Master => Command::new(program),
    };
    match side {
        Side::Original | Side::Proxy => command
            .args(["proxy", "start", "--cfg"])
            .arg(dir.join("proxy.cfg")),
        Side::Master => command.arg("--root").arg(dir.join("root")).args([
            "master",
            "run",
            "--listen",
            &format!("127.0.0.1:{port}"),
        ]),
    };
    match side {
        Side::Original => start_original(&mut command, port),
        Side::Proxy | Side::Master => start_server(&mut command),
    }
}

/// A value of a configuration file.
fn find_setting(text: &str, key: &str) -> Result<String, String> {
    let line = text.lines().find(|line| line.starts_with(key));
    let value = line.and_then(|line| line.split_once('='));
    value
        .map(|(_, value)| value.trim().to_owned())
        .ok_or_else(|| format!("the registered configuration has no {key}"))
}
