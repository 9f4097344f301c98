//! The filter `wordwrap`: lines of at most some width, by the rules of Python's `textwrap`.
//!
//! A line is cut into pieces that stay whole: spaces, words, the parts of a hyphenated word and dashes between words.
//! Pieces fill lines one after the other. Start with [`wordwrap`].

use std::rc::Rc;

use slapos_python::text::{is_space, split_lines};

use crate::arguments::Arguments;
use crate::error::{Outcome, value_error};
use crate::render::Machine;
use crate::value::Value;

/// `s | wordwrap(width, break_long_words, wrapstring, break_on_hyphens)`
pub(super) fn wordwrap(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let names = [
        "s",
        "width",
        "break_long_words",
        "wrapstring",
        "break_on_hyphens",
    ];
    let [value, width, long, end, hyphens] = arguments.bind("wordwrap", names, 1)?;
    let text = value.unwrap_or(Value::None).to_text(machine)?;
    let width = width.map_or(Ok(79), |width| width.as_int("width"))?;
    let truth = |flag: Option<Value>| flag.map_or(Ok(true), |flag| flag.is_true());
    let end = match end {
        None | Some(Value::None) => Rc::from("\n"),
        Some(end) => end.to_text(machine)?,
    };
    let rule = Rule {
        width: usize::try_from(width).unwrap_or(0),
        breaks_long_words: truth(long)?,
        breaks_at_hyphens: truth(hyphens)?,
    };
    let mut out = String::new();
    for (at, (line, _)) in split_lines(&text).enumerate() {
        if rule.width == 0 {
            return value_error(format!("invalid width {width} (must be > 0)"));
        }
        let rows = rule.wrap(line);
        machine.make_values(rows.len())?;
        machine.make(rows.len().saturating_mul(end.len()))?;
        if at > 0 {
            out.push_str(&end);
        }
        out.push_str(&rows.join(&end));
    }
    Ok(Value::text(out))
}

struct Rule {
    /// In characters.
    width: usize,
    breaks_long_words: bool,
    breaks_at_hyphens: bool,
}

impl Rule {
    fn wrap(&self, line: &str) -> Vec<String> {
        let line: Vec<char> = line.chars().collect();
        let mut pieces = self.pieces(&line);
        pieces.reverse();
        let mut rows: Vec<String> = Vec::new();
        while let Some(next) = pieces.last() {
            if !rows.is_empty() && is_blank(next) {
                pieces.pop();
            }
            let (mut row, mut used) = (Vec::new(), 0);
            while let Some(piece) = pieces.pop_if(|piece| used + piece.len() <= self.width) {
                used += piece.len();
                row.push(piece);
            }
            if pieces.last().is_some_and(|piece| piece.len() > self.width) {
                self.cut(&mut pieces, &mut row, self.width - used);
            }
            row.pop_if(|piece| is_blank(piece));
            if !row.is_empty() {
                rows.push(row.concat().iter().collect());
            }
        }
        rows
    }

    /// Takes what there is room for of a piece that no line is long enough for.
    fn cut<'a>(&self, pieces: &mut Vec<&'a [char]>, row: &mut Vec<&'a [char]>, room: usize) {
        if !self.breaks_long_words {
            if row.is_empty() {
                row.extend(pieces.pop());
            }
            return;
        }
        let Some(piece) = pieces.last_mut() else {
            return;
        };
        let hyphen = piece[..room].iter().rposition(|c| *c == '-');
        let hyphen = hyphen.filter(|at| piece[..*at].iter().any(|c| *c != '-'));
        let end = match hyphen.filter(|_| self.breaks_at_hyphens) {
            Some(at) => at + 1,
            None => room,
        };
        let (taken, rest) = piece.split_at(end);
        row.push(taken);
        *piece = rest;
    }

    fn pieces<'a>(&self, line: &'a [char]) -> Vec<&'a [char]> {
        let mut pieces = Vec::new();
        let mut at = 0;
        while let Some(first) = line.get(at) {
            let same = |c: &char| is_gap(*c) == is_gap(*first);
            let end = match self.breaks_at_hyphens && !is_gap(*first) {
                true => word_end(line, at),
                false => at + line[at..].iter().take_while(|c| same(c)).count(),
            };
            pieces.push(&line[at..end]);
            at = end;
        }
        pieces
    }
}

/// Where the piece that begins at `start`, and not with a space, ends.
fn word_end(line: &[char], start: usize) -> usize {
    if let Some(end) = dash_end(line, start) {
        return end;
    }
    for end in start + 1..line.len() {
        if is_part_end(line, end) {
            return end + 1;
        }
        if is_gap(line[end]) || dash_end(line, end).is_some() {
            return end;
        }
    }
    line.len()
}

/// The end of a dash of several hyphens between two words.
fn dash_end(line: &[char], at: usize) -> Option<usize> {
    // Asked first, so that a row of hyphens is counted once and not from each of them.
    if !is_ending(*line.get(at.checked_sub(1)?)?) {
        return None;
    }
    let length = line[at..].iter().take_while(|c| **c == '-').count();
    let after = *line.get(at + length)?;
    (length > 1 && is_word(after)).then_some(at + length)
}

/// Whether there is a hyphen between two parts of a word, each of two letters at least.
fn is_part_end(line: &[char], at: usize) -> bool {
    let is = |at: Option<usize>, kind: fn(char) -> bool| {
        at.and_then(|at| line.get(at)).is_some_and(|c| kind(*c))
    };
    let (before, after) = (|n| at.checked_sub(n), |n| at.checked_add(n));
    let is_hyphen = |c| c == '-';
    let two = is(before(2), is_letter) && is(before(1), is_letter);
    let one = is(before(3), is_letter) && is(before(2), is_hyphen) && is(before(1), is_ending);
    let next = is(after(2), is_letter) || is(after(2), is_hyphen) && is(after(3), is_letter);
    line[at] == '-' && (two || one) && is(after(1), is_letter) && next
}

/// What `textwrap` cuts at: of spaces only those of ASCII.
fn is_gap(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

fn is_blank(piece: &[char]) -> bool {
    piece.iter().copied().all(is_space)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What a word may end with.
fn is_ending(c: char) -> bool {
    is_word(c) || "!\"'&.,?".contains(c)
}

fn is_letter(c: char) -> bool {
    is_word(c) && !c.is_numeric()
}
