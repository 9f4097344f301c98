//! A server that a chore starts for itself, and that ends with it.
//!
//! Start with [`Served::start`]. Never in here: what is asked of it.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A server, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Served {
    child: Child,
    /// The first line that it said, with its end.
    pub(crate) line: String,
}

impl Served {
    /// Starts it and waits for its first line, which tells that it serves, and where.
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run {command:?}: {error}"))?;
        let mut served = Self::from(child);
        let output = served.child.stdout.take();
        let mut output = BufReader::new(output.ok_or("a server without output")?);
        output
            .read_line(&mut served.line)
            .map_err(|error| format!("{command:?}: {error}"))?;
        Ok(served)
    }

    /// An error when it has ended already.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(Some(status)) => Err(format!("the server ended: {status}")),
            Ok(None) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The member `url` of the JSON object that the first line is.
    pub(crate) fn url(&self) -> Result<String, String> {
        let said: Value = serde_json::from_str(&self.line)
            .map_err(|error| format!("a server that says {:?}: {error}", self.line))?;
        let url = said["url"].as_str();
        url.map(str::to_owned)
            .ok_or_else(|| format!("a server that says no URL: {:?}", self.line))
    }
}

/// One that says nothing of itself.
impl From<Child> for Served {
    fn from(child: Child) -> Self {
        let line = String::new();
        Self { child, line }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself, which who asked it has noticed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
