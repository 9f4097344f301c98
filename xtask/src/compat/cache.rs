//! `cargo xtask compat cache`: slapos.libnetworkcache from PyPI beside `slapos cache`.
//!
//! The genuine client writes into and reads from our server (checks K01 to K10 and K13 of the old wire, in cache.py),
//! ours reads what it wrote, and writes into the server of the package's own tests. All on loopback.

use super::slap::program;
use crate::Outcome;
use crate::command::{run as run_program, said, say, top};
use crate::served::Served;
use crate::venv;
use std::path::Path;
use std::process::{Command, Stdio};

/// The second for Python 3.12 and later, where `pkg_resources` does not come by itself.
const PACKAGES: &[&str] = &["slapos.libnetworkcache==0.30", "setuptools<69"];

/// Who is asked for what, in turn.
pub(super) fn run() -> Outcome {
    run_program("cargo", &["build", "--package", "slapos", "--locked"])?;
    let folder = venv::ensure("libnetworkcache", Path::new("python3"), PACKAGES)?;
    let dir = tempfile::Builder::new().prefix("cache").tempdir();
    let dir = dir.map_err(|error| error.to_string())?;
    let world = World {
        python: folder.join("bin/python"),
        program: program(),
        dir: dir.path(),
    };
    world.make_keys()?;
    world.theirs_on_ours()?;
    world.ours_on_theirs()
}

struct World<'w> {
    python: std::path::PathBuf,
    program: std::path::PathBuf,
    dir: &'w Path,
}

impl World<'_> {
    /// Keys of both sides and of a stranger; ours signs in both ways, as an operator that serves both.
    fn make_keys(&self) -> Outcome {
        for name in ["ours-rsa", "theirs", "stranger"] {
            let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
            let words = "req -x509 -newkey rsa:1024 -nodes -days 36500 -subj /CN=test -keyout";
            let mut command = self.command("openssl");
            let words = words.split(' ').chain([&*key, "-out", &*certificate]);
            said(command.args(words))?;
        }
        self.ours(&["cache", "key", "ours"])?;
        self.join("ours.key", "ours-rsa.key")?;
        self.join("ours.pub", "ours-rsa.crt")
    }

    /// Adds a file to the end of another.
    fn join(&self, to: &str, from: &str) -> Outcome {
        let read = |name: &str| std::fs::read_to_string(self.dir.join(name));
        let text = read(to).and_then(|text| Ok(text + &read(from)?));
        text.and_then(|text| std::fs::write(self.dir.join(to), text))
            .map_err(|error| format!("{to}: {error}"))
    }

    fn theirs_on_ours(&self) -> Outcome {
        let server = Served::start(&mut self.command_of_ours(&[
            "cache",
            "serve",
            "--json",
            "--listen=127.0.0.1:0",
            "--store=served",
            "--trust=theirs.crt",
            "--trust=ours.pub",
            "--writer-address=127.0.0.1",
        ]))?;
        let url = server.url()?;
        std::fs::write(self.dir.join("a"), "of ours").map_err(|error| error.to_string())?;
        self.ours_puts(&url)?;
        let told = said(self.script().args(["client", &url, "served"]))?;
        say(told.trim());
        for wire in [url.clone(), old_wire(&url)] {
            self.ours_finds("http://h/theirs", &wire, "theirs.crt")?;
        }
        say("ours reads what the genuine client wrote, on both wires (K13)");
        Ok(())
    }

    fn ours_on_theirs(&self) -> Outcome {
        let mut script = self.script();
        script.args(["server", "tree"]);
        let server = Served::start(&mut script)?;
        let url = server.url()?;
        let wire = old_wire(&url);
        // Twice: known content is not sent again, which this server does not take.
        for _ in 0..2 {
            self.ours_puts(&wire)?;
        }
        self.ours_finds("http://h/ours", &wire, "ours.pub")?;
        let told = said(self.script().args(["reader", &url]))?;
        say(told.trim());
        Ok(())
    }

    fn ours_puts(&self, to: &str) -> Result<String, String> {
        let (key, url) = ("--key=ours.key", "--url=http://h/ours");
        self.ours(&["cache", "put", "a", key, url, "--to", to])
    }

    /// What is there under this URL and signed by this key comes, into a fresh store; nothing by a stranger's.
    fn ours_finds(&self, url: &str, wire: &str, trust: &str) -> Outcome {
        let store = tempfile::tempdir_in(self.dir).map_err(|error| error.to_string())?;
        let store = format!("--store={}", store.path().display());
        let find = |trust: &str| {
            let (cache, trust) = (format!("--cache={wire}"), format!("--trust={trust}"));
            self.ours(&[
                "cache",
                "find",
                url,
                "--no-debian",
                "--get",
                &store,
                &cache,
                &trust,
            ])
        };
        if find("stranger.crt").is_ok() {
            return Err(format!("{url} came from {wire} by a stranger's signature"));
        }
        find(trust).map(|_| ())
    }

    fn ours(&self, words: &[&str]) -> Result<String, String> {
        said(&mut self.command_of_ours(words))
    }

    fn command_of_ours(&self, words: &[&str]) -> Command {
        let mut command = self.command(&self.program);
        command.args(words);
        command
    }

    fn script(&self) -> Command {
        let mut command = self.command(&self.python);
        command.arg(top().join("xtask/src/compat/cache.py"));
        command
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.dir)
            .env("HOME", self.dir)
            .stdin(Stdio::null());
        command
    }
}

fn old_wire(url: &str) -> String {
    format!("{url}/shacache,{url}/shadir")
}
