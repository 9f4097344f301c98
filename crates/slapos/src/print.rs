//! What goes to standard output: lines, JSON and tables, with colour only where it is wanted.
//!
//! A closed pipe (`slapos service list | head -1`) ends the command without a word: every write
//! gives [`Failure::quiet`] then. Nothing else in the binary writes to standard output.

use crate::failure::Failure;
use serde::Serialize;
use std::io::{BufWriter, ErrorKind, IsTerminal, Write};

/// Prints one line.
pub(crate) fn line(text: impl AsRef<str>) -> Result<(), Failure> {
    let mut line = text.as_ref().to_owned();
    line.push('\n');
    raw(line.as_bytes())
}

/// Prints bytes as they are.
pub(crate) fn raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::quiet(),
        _ => Failure::new(format!("cannot write to standard output: {error}")),
    })
}

/// Prints one JSON object on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    // Written as it is made: the text of a large answer is nowhere whole.
    let mut stdout = BufWriter::new(std::io::stdout().lock());
    let written = serde_json::to_writer(&mut stdout, value).map_err(std::io::Error::from);
    let written = written.and_then(|()| stdout.write_all(b"\n").and_then(|()| stdout.flush()));
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::quiet(),
        _ => Failure::new(format!("cannot write the answer as JSON: {error}")),
    })
}

/// Prints rows in columns under a heading; a terminal shows the heading dim.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    let text = align(heading, rows);
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    if has_colour() {
        raw(format!("\u{1b}[2m{first}\u{1b}[0m\n{rest}").as_bytes())
    } else {
        raw(text.as_bytes())
    }
}

/// A state in its colour: green for as asked, red for broken, yellow for on the way.
pub(crate) fn state(word: &str) -> String {
    if has_colour() {
        format!("\u{1b}[{}m{word}\u{1b}[0m", colour_of(word))
    } else {
        word.to_owned()
    }
}

/// Whether a person looks at standard output as it happens.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
}

fn has_colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !refused
}

fn colour_of(word: &str) -> u8 {
    match word {
        "started" | "available" | "kept" | "online" => 32,
        "failed" | "broken" | "check-broken" | "degraded" | "offline" => 31,
        "stopped" | "destroyed" => 2,
        _ => 33,
    }
}

/// Rows as text in columns, two spaces apart; nothing after the last one.
fn align(heading: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = heading.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let heading = heading.iter().map(|cell| (*cell).to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&heading).chain(rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width + 2 - cell.chars().count().min(*width)));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn align_puts_cells_under_their_heading() {
        let rows = vec![vec!["my_database".into(), "started".into()]];
        assert_eq!(
            align(&["name", "state"], &rows),
            "name         state\nmy_database  started\n"
        );
    }

    #[test]
    fn colour_of_a_broken_thing_is_red() {
        assert_eq!(colour_of("degraded"), 31);
        assert_eq!(colour_of("started"), 32);
        assert_eq!(colour_of("building"), 33);
    }
}
