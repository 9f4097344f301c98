//! A whole life with the genuine client and node: from registration to the last usage report.
//!
//! Every step is a command of the package from PyPI; what it must print or leave behind is checked
//! after it. Start with [`Life::run`].

use super::python::Python;
use crate::Outcome;
use crate::command::{say, top};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// On what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// `slapos proxy start`: no certificates.
    Proxy,
    /// `slapos master run`: client, node and partitions by certificate.
    Master,
}

/// Values that a float, a careless reader or a second encoding would break.
const EXACT: &str = r#"{"n":12345678901234567890.10,"big":9007199254740993,"u":"é€😀","e":"","z":null,"d":{"a":[{"b":{}}]},"x":"&<>\"'"}"#;

/// A server of ours and the package's two programs.
pub(super) struct Life<'p> {
    python: &'p Python,
    side: Side,
    dir: tempfile::TempDir,
    server: Child,
    port: u16,
    computer: String,
}

impl Drop for Life<'_> {
    fn drop(&mut self) {
        // What the node's supervisor still runs ends with it.
        drop(self.supervisorctl("shutdown"));
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

impl<'p> Life<'p> {
    /// Starts the server and makes both programs known to it.
    pub(super) fn start(python: &'p Python, program: &Path, side: Side) -> Result<Self, String> {
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
        let mut command = Command::new(program);
        match side {
            Side::Proxy => command
                .args(["proxy", "start", "--cfg"])
                .arg(dir.path().join("proxy.cfg")),
            Side::Master => command.arg("--root").arg(dir.path().join("root")).args([
                "master",
                "run",
                "--listen",
                &format!("127.0.0.1:{port}"),
            ]),
        };
        let server = start_server(&mut command)?;
        let mut life = Self {
            python,
            side,
            dir,
            server,
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
            Side::Proxy => {
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
        let find = |key: &str| {
            let line = text.lines().find(|line| line.starts_with(key));
            let value = line.and_then(|line| line.split_once('='));
            value
                .map(|(_, value)| value.trim().to_owned())
                .ok_or_else(|| format!("the registered configuration has no {key}"))
        };
        self.computer = find("computer_id")?;
        let mut identity = String::new();
        for key in ["key_file", "cert_file", "certificate_repository_path"] {
            identity.push_str(&format!("{key} = {}\n", find(key)?));
        }
        Ok(identity)
    }

    /// The whole life.
    pub(super) fn run(&self) -> Outcome {
        self.format_and_supply()?;
        self.ask_with_a_child()?;
        self.share()?;
        self.break_and_mend()?;
        self.stop_bang_and_start()?;
        self.destroy()?;
        say(&format!(
            "{:?}: the whole life is as with the original",
            self.side
        ));
        Ok(())
    }

    fn format_and_supply(&self) -> Outcome {
        self.client(&["request", "early", &self.release()], self.no_room(), "")?;
        self.node(&["format", "--now"], 0)?;
        self.client(&["computer", "list"], 0, &self.computer)?;
        self.client(
            &["computer", "info", &self.computer],
            0,
            "Computer Reference: ",
        )?;
        self.client(&["computer", "info", "COMP-NONE"], 2, "")?;
        self.client(&["supply", &self.release(), &self.computer], 0, "Done.")?;
        self.node(&["software", "--now"], 0)?;
        let built = std::fs::read_dir(self.path("soft")).map_err(|error| error.to_string())?;
        let built = built.filter_map(Result::ok);
        if !built
            .into_iter()
            .any(|entry| entry.path().join(".completed").exists())
        {
            return Err("the node built no release".to_owned());
        }
        Ok(())
    }

    /// What finds no room: refused by a proxy, asked to wait by a master.
    fn no_room(&self) -> i32 {
        match self.side {
            Side::Proxy => 1,
            Side::Master => 2,
        }
    }

    fn request(&self, name: &str, more: &[&str], text: &str) -> Outcome {
        let release = self.release();
        let mut words = vec!["request", name, &release];
        words.extend(more);
        self.client(&words, 0, text)
    }

    fn ask_with_a_child(&self) -> Outcome {
        if self.side == Side::Master {
            self.request("early", &["--state", "destroyed"], "")?;
            self.node(&["report", "--now"], 0)?;
        }
        let exact = format!("_={EXACT}");
        self.request(
            "web",
            &["--parameters", "child=kid", &exact],
            "State is : started.",
        )?;
        // Asks for the child; the child publishes; its requester is told and takes it.
        for _ in 0..3 {
            self.node(&["instance", "--now"], 0)?;
        }
        self.client(&["service", "list"], 0, "\"web\"")?;
        self.client(
            &["service", "info", "nope"],
            2,
            "Instance nope does not exist.",
        )?;
        let script = format!(
            "import sys\nown = slap.registerOpenOrder().request({:?}, 'web', partition_parameter_kw={{'child': 'kid', '_': sys.stdin.read()}})\n\
             d = own.getConnectionParameterDict()\nassert d['child'] == 'kid', d\nassert d['root'] == 'web', d\n\
             sys.stdin = None\nprint(d['_'], end='')",
            self.release()
        );
        let answered = self.library(&script, EXACT)?;
        if answered != EXACT {
            return Err(format!(
                "a parameter came back changed:\n{EXACT}\n{answered}"
            ));
        }
        Ok(())
    }

    fn share(&self) -> Outcome {
        self.request(
            "site",
            &["--slave", "--parameters", "name=you"],
            "State is : started.",
        )?;
        self.node(&["instance", "--now"], 0)?;
        self.request(
            "site",
            &["--slave", "--parameters", "name=you"],
            "'hello': 'you'",
        )?;
        self.request("site", &["--slave", "--state", "destroyed"], "")
    }

    fn web(&self, more: &[&str]) -> Outcome {
        let mut words = vec!["--parameters"];
        words.extend(more);
        self.request("web", &words, "")
    }

    fn break_and_mend(&self) -> Outcome {
        self.web(&["child=kid", "broken=yes"])?;
        // 2 is a promise that failed.
        self.node(&["instance", "--now"], 2)?;
        if self.side == Side::Master {
            self.client(&["service", "info", "web"], 0, "\"status\": \"red\"")?;
        }
        self.web(&["child=kid"])?;
        self.node(&["instance", "--now"], 0)?;
        if self.side == Side::Master {
            self.client(&["service", "info", "web"], 0, "\"status\": \"green\"")?;
        }
        Ok(())
    }

    fn stop_bang_and_start(&self) -> Outcome {
        let keep = ["--parameters", "child=kid"];
        self.request(
            "web",
            &[keep[0], keep[1], "--state", "stopped"],
            "State is : stopped.",
        )?;
        self.node(&["instance", "--now"], 0)?;
        self.check_runs(false)?;
        self.request(
            "web",
            &[keep[0], keep[1], "--state", "started"],
            "State is : started.",
        )?;
        self.node(&["instance", "--now"], 0)?;
        self.check_runs(true)?;
        self.node(&["bang", "-m", "hello"], 0)?;
        let banged = self.node_output(&["instance", "--now"], 0)?;
        if !banged.contains("Processing Computer Partition slappart0") {
            return Err("a bang led to nothing".to_owned());
        }
        self.node(&["report", "--now"], 0)
    }

    /// The root's service runs, or does not, by the word of the node's supervisor.
    fn check_runs(&self, is_wanted: bool) -> Outcome {
        let status = self.supervisorctl("status")?;
        let mut lines = status.lines();
        let runs = lines.any(|line| line.contains("slappart0") && line.contains("RUNNING"));
        if runs == is_wanted {
            return Ok(());
        }
        Err(format!(
            "the service runs: {runs}, wanted: {is_wanted}\n{status}"
        ))
    }

    fn destroy(&self) -> Outcome {
        self.request("web", &["--state", "destroyed"], "State is : destroyed.")?;
        for _ in 0..3 {
            self.node(&["instance", "--now"], 0)?;
            self.node(&["report", "--now"], 0)?;
        }
        self.client(&["service", "list"], 0, "{}")?;
        let left =
            std::fs::read_dir(self.path("inst/slappart0")).map_err(|error| error.to_string())?;
        let left = left.filter_map(Result::ok);
        if left.into_iter().any(|entry| entry.file_name() == "etc") {
            return Err("the destroyed instance left its files".to_owned());
        }
        self.client(&["remove", &self.release(), &self.computer], 0, "Done.")?;
        self.node(&["software", "--now"], 0)
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
            Side::Proxy => ("http", String::new(), String::new()),
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

/// Runs a command; all that it printed, when it ended as it should and said what it should.
fn expect(command: &mut Command, status: i32, text: &str) -> Result<String, String> {
    let line = format!("{command:?}").replace('"', "");
    let output = command
        .output()
        .map_err(|error| format!("cannot run {line}: {error}"))?;
    let words = words_of(&output);
    if output.status.code() != Some(status) {
        return Err(format!("{line}: {}, not {status}\n{words}", output.status));
    }
    if !words.contains(text) {
        return Err(format!("{line} does not say `{text}`:\n{words}"));
    }
    Ok(words)
}

fn words_of(output: &Output) -> String {
    let (out, error) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(error)
}

fn write(path: &Path, text: &str) -> Outcome {
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// The test's release, with its own place filled in.
fn copy_release(to: &Path) -> Outcome {
    let from = top().join("xtask/src/compat/slap/release");
    for name in ["software.cfg", "instance.cfg.in"] {
        let text = std::fs::read_to_string(from.join(name));
        let text = text.map_err(|error| format!("{name}: {error}"))?;
        write(
            &to.join(name),
            &text.replace("@HERE@", &to.display().to_string()),
        )?;
    }
    Ok(())
}

fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    Ok(address.port())
}

/// Starts a server and waits for its word that it listens.
fn start_server(command: &mut Command) -> Result<Child, String> {
    command.stdout(Stdio::piped()).stdin(Stdio::null());
    let mut child = command
        .spawn()
        .map_err(|error| format!("cannot start our server: {error}"))?;
    let stdout = child
        .stdout
        .take()
        .ok_or("our server has no standard output")?;
    let mut line = String::new();
    BufReader::new(stdout)
        .read_line(&mut line)
        .map_err(|error| error.to_string())?;
    if line.contains("listening on") {
        return Ok(child);
    }
    drop(child.kill());
    drop(child.wait());
    Err(format!("our server did not start: {line}"))
}
