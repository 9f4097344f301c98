//! Running what a life needs, and saying what was wrong with it.

use crate::Outcome;
use crate::bench::wait::wait_for;
use crate::command::top;
use crate::served::Served;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// Runs a command; all that it printed, when it ended as it should and said what it should.
pub(super) fn expect(command: &mut Command, status: i32, text: &str) -> Result<String, String> {
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

pub(super) fn words_of(output: &Output) -> String {
    let (out, error) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(error)
}

pub(super) fn write(path: &Path, text: &str) -> Outcome {
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// The test's release, with its own place filled in.
pub(super) fn copy_release(to: &Path) -> Outcome {
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

pub(super) fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    Ok(address.port())
}

/// Starts the genuine proxy, which says nothing, and waits until its port answers.
pub(super) fn start_original(command: &mut Command, port: u16) -> Result<Served, String> {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null());
    let child = silent
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot start the genuine proxy: {error}"))?;
    let mut served = Served::from(child);
    wait_for("the genuine proxy", Duration::from_secs(60), || {
        served.check()?;
        Ok(TcpStream::connect(("127.0.0.1", port)).ok().map(drop))
    })?;
    Ok(served)
}

/// Starts a server and waits for its word that it listens.
pub(super) fn start_server(command: &mut Command) -> Result<Served, String> {
    let served = Served::start(command)?;
    match served.line.contains("listening on") {
        true => Ok(served),
        false => Err(format!("our server did not start: {}", served.line)),
    }
}
