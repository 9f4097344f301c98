//! Our node on the genuine proxy: a whole life, with the proxy gone, silent and confused between.

use super::peer::{LIMIT, Peer};
use super::python::Python;
use crate::Outcome;
use crate::bench::process::{is_alive, list_naming, send};
use crate::bench::wait::{pause, wait_for};
use crate::command::{say, top};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long the node is answered nonsense: several of its polls.
const CONFUSED: Duration = Duration::from_secs(12);

/// Everything of one node, ended and removed at the end.
struct OurNode<'p> {
    program: &'p Path,
    dir: tempfile::TempDir,
    agent: Option<Child>,
}

/// Format, supply, build, ask, change, stop, destroy, remove.
pub(super) fn run(python: &Python, program: &Path) -> Outcome {
    let dir = tempfile::Builder::new().prefix("slap").tempdir();
    let dir = dir.map_err(|error| error.to_string())?;
    let mut proxy = Peer::start(python, None, &dir.path().join("proxy"), "")?;
    let node = OurNode::start(program, dir, &proxy)?;
    let release = node.release()?;
    let ask = |proxy: &Peer, more: &[&str], text: &str| {
        let mut words = vec!["request", "web", release.as_str()];
        words.extend(more);
        proxy.slapos_will_say(python, &words, text)
    };
    proxy.slapos_will_say(python, &["computer", "info", "comp"], "comp")?;
    proxy.slapos_says(python, &["supply", &release, "comp"], "Done.")?;
    let (hello, bye) = (["--parameters", "greeting=hello"], "greeting=bye");
    ask(&proxy, &hello, "'greeting': 'hello'")?;
    let pid = node.wait_service(true)?;
    node.survive(&mut proxy, pid)?;
    ask(&proxy, &["--parameters", bye], "'greeting': 'bye'")?;
    say("our node on the genuine proxy: built, asked, changed; the proxy's absence was survived");
    for (state, runs) in [("stopped", false), ("started", true)] {
        ask(&proxy, &["--parameters", bye, "--state", state], state)?;
        node.wait_service(runs)?;
    }
    ask(&proxy, &["--state", "destroyed"], "destroyed")?;
    node.wait_removed(&proxy)?;
    proxy.slapos_says(python, &["remove", &release, "comp"], "Done.")?;
    wait_for("the release to be removed", LIMIT, || {
        Ok((!node.has_release()).then_some(()))
    })?;
    say("our node on the genuine proxy: the whole life is as with the original");
    Ok(())
}

impl<'p> OurNode<'p> {
    fn start(program: &'p Path, dir: tempfile::TempDir, proxy: &Peer) -> Result<Self, String> {
        let mut node = Self {
            program,
            dir,
            agent: None,
        };
        let at = |name: &str| node.path(name).display().to_string();
        let text = format!(
            "[slapos]\ncomputer_id = comp\nmaster_url = {}\nsoftware_root = {}\n\
             instance_root = {}\npidfile_software = {}\n[slapformat]\npartition_amount = 2\n\
             create_tap = false\n",
            proxy.url(),
            at("soft"),
            at("inst"),
            at("sr.pid"),
        );
        std::fs::write(node.path("slapos.cfg"), text).map_err(|error| error.to_string())?;
        let mut command = node.command(&["node", "run"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        node.agent = Some(command.spawn().map_err(|error| error.to_string())?);
        Ok(node)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command of our program for this node, as nobody in particular: no users are made.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = if nix::unistd::geteuid().is_root() {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-user=1000", "--map-group=1000"]);
            command.arg(self.program);
            command
        } else {
            Command::new(self.program)
        };
        command.arg("--root").arg(self.path("root")).args(words);
        command.arg("--cfg").arg(self.path("slapos.cfg"));
        command
    }

    /// The test's release, with its own place filled in.
    fn release(&self) -> Result<String, String> {
        let (from, to) = (
            top().join("xtask/src/compat/slap/node-release"),
            self.path("release"),
        );
        std::fs::create_dir_all(&to).map_err(|error| error.to_string())?;
        for name in ["software.cfg", "instance.cfg.in"] {
            let text =
                std::fs::read_to_string(from.join(name)).map_err(|error| error.to_string())?;
            let text = text.replace("@HERE@", &to.display().to_string());
            std::fs::write(to.join(name), text).map_err(|error| error.to_string())?;
        }
        Ok(to.join("software.cfg").display().to_string())
    }

    fn has_release(&self) -> bool {
        let entries = std::fs::read_dir(self.path("soft")).into_iter().flatten();
        entries
            .flatten()
            .any(|entry| entry.path().join(".completed").exists())
    }

    /// The pid of the service, as the node itself says; none when it does not run.
    fn service(&self) -> Result<Option<u32>, String> {
        let mut command = self.command(&["--json", "node", "status"]);
        let output = command.output().map_err(|error| error.to_string())?;
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let pid = status["instances"][0]["processes"][0]["pid"].as_u64();
        Ok(pid.and_then(|pid| u32::try_from(pid).ok()))
    }

    fn wait_service(&self, is_wanted: bool) -> Result<u32, String> {
        let what = if is_wanted {
            "the service to run"
        } else {
            "the service to stop"
        };
        wait_for(what, LIMIT, || {
            let pid = self.service()?.filter(|pid| is_alive(*pid));
            Ok((pid.is_some() == is_wanted).then_some(pid.unwrap_or_default()))
        })
    }

    fn wait_removed(&self, proxy: &Peer) -> Outcome {
        wait_for("the partition to be free and empty", LIMIT, || {
            let is_empty = !self.path("inst/slappart0/etc").exists();
            Ok((is_empty && !proxy.told()?.contains(">web<")).then_some(()))
        })
    }

    /// The proxy dies; something that answers 500, 404, 408 and silence stands in its place; it
    /// comes back. The service runs all the time.
    fn survive(&self, proxy: &mut Peer, pid: u32) -> Outcome {
        proxy.kill();
        pause(Duration::from_secs(3));
        let count = confuse(proxy.address).map_err(|error| error.to_string())?;
        if count < 2 {
            return Err(format!(
                "the node asked only {count} times while its master was confused"
            ));
        }
        proxy.boot()?;
        match self.service()? {
            Some(now) if now == pid && is_alive(pid) => Ok(()),
            now => Err(format!(
                "the service was {pid} and is {now:?} after its master was away"
            )),
        }
    }
}

/// Answers nonsense in the proxy's place for a while: how often it was asked.
fn confuse(address: std::net::SocketAddr) -> std::io::Result<usize> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let end = std::time::Instant::now() + CONFUSED;
    let mut answers = ["500 X", "404 X", "408 X", "200 OK", ""]
        .into_iter()
        .cycle();
    let mut count = 0;
    while std::time::Instant::now() < end {
        let Ok((mut stream, _)) = listener.accept() else {
            pause(Duration::from_millis(50));
            continue;
        };
        count += 1;
        drop(stream.set_nonblocking(false));
        drop(stream.read(&mut [0; 4096]));
        let head = answers.next().unwrap_or_default();
        if !head.is_empty() {
            let text =
                format!("HTTP/1.1 {head}\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>");
            drop(stream.write_all(text.as_bytes()));
        }
    }
    Ok(count)
}

impl Drop for OurNode<'_> {
    fn drop(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            send(agent.id(), Signal::SIGTERM);
            drop(agent.wait());
        }
        // The supervisor and what it runs: all name a folder that nobody else has.
        for left in list_naming(&self.path("root").display().to_string()) {
            send(left.pid, Signal::SIGTERM);
        }
    }
}
