//! Our reading and writing of marshalled values, with the package's own beside it (check M09).

use super::python::Python;
use crate::Outcome;
use crate::command::{say, top};
use slapos_api::slap::{read, write};
use std::process::Command;

/// Values of one run.
const COUNT: usize = 3000;

/// What the package writes is read and written again by ours: the same bytes.
pub(super) fn compare(python: &Python) -> Outcome {
    let mut command: Command = python.command("python");
    command
        .arg(top().join("xtask/src/compat/slap/marshal.py"))
        .args(["20261125", &COUNT.to_string()]);
    let output = command.output();
    let output = output.map_err(|error| format!("cannot run the marshaller: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut count = 0;
    for line in text.lines() {
        let theirs = decode(line).ok_or("the marshaller printed something else")?;
        let value = read(&theirs).map_err(|error| format!("{error} in {theirs}"))?;
        let ours = write(&value).map_err(|error| format!("{error} in {theirs}"))?;
        if ours != theirs {
            return Err(format!("theirs: {theirs}\nours:   {ours}"));
        }
        count += 1;
    }
    if count != COUNT {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the marshaller wrote {count} values: {error}"));
    }
    say(&format!(
        "{count} values are written by ours as by the package"
    ));
    Ok(())
}

fn decode(line: &str) -> Option<String> {
    let digits = line.as_bytes();
    let bytes = digits.chunks(2).map(|pair| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok()
    });
    String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()
}
