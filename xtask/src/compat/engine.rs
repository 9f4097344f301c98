//! The genuine engine, zc.buildout 3.0.1 from PyPI, in one long-lived Python process.
//!
//! It is installed once into a private environment below the target folder, and asked over a pipe: one JSON object a
//! line. Never in here: what is asked and how answers compare. Start with [`Engine::start`].

use crate::venv;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What is installed. Later setuptools have no `pkg_resources`, which 3.0.1 imports.
const PACKAGES: [&str; 3] = ["zc.buildout==3.0.1", "setuptools<69", "wheel"];

/// The program that answers.
const SCRIPT: &str = include_str!("engine.py");

/// A running engine.
#[derive(Debug)]
pub(crate) struct Engine {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// The environment with the engine, made now if it is not there yet.
pub(crate) fn environment() -> Result<PathBuf, String> {
    venv::ensure("zc.buildout-3.0.1", Path::new("python3"), &PACKAGES)
}

impl Engine {
    /// Starts it; `scratch` is a folder of its own for the program.
    pub(crate) fn start(scratch: &Path) -> Result<Engine, String> {
        let python = environment()?.join("bin/python");
        let script = scratch.join("engine.py");
        std::fs::write(&script, SCRIPT).map_err(|error| error.to_string())?;
        let mut child = Command::new(&python)
            .arg(&script)
            // Profiles are UTF-8 whatever the locale; sets print in the same order each time.
            .env("PYTHONUTF8", "1")
            .env("PYTHONHASHSEED", "0")
            .env("HOME", "/nonexistent")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", python.display()))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        match (input, output) {
            (Some(input), Some(output)) => Ok(Engine {
                child,
                input,
                output: BufReader::new(output),
            }),
            _ => Err("the engine has no pipes".to_owned()),
        }
    }

    /// What it knows of this machine.
    pub(crate) fn machine(&mut self) -> Result<Value, String> {
        self.ask(&json!("machine"))
    }

    /// One question, one answer.
    pub(crate) fn ask(&mut self, question: &Value) -> Result<Value, String> {
        let died = |error: &dyn std::fmt::Display| format!("the engine died: {error}");
        writeln!(self.input, "{question}").map_err(|error| died(&error))?;
        let mut line = String::new();
        self.output
            .read_line(&mut line)
            .map_err(|error| died(&error))?;
        serde_json::from_str(&line).map_err(|error| died(&error))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It holds nothing that could be lost.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
