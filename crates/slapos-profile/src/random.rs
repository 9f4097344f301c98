//! Random profiles for the property tests of this crate: lines as people and machines write them, odd ones among them.

use std::path::Path;

use proptest::prelude::*;
use slapos_buildout::{Fetch, FetchFailure, Machine};

use crate::Question;

/// One file at any location.
pub(crate) struct One(pub(crate) String);

impl Fetch for One {
    fn fetch(&self, _: &str) -> Result<String, FetchFailure> {
        Ok(self.0.clone())
    }
}

/// A question about that file.
pub(crate) fn question() -> Question {
    Question::new("main.cfg", Path::new("/srv"), Machine::linux("x86_64"))
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("x-y".to_owned()),
        Just("été".to_owned()),
        Just("<".to_owned()),
        Just("1.2".to_owned()),
    ]
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => Just(""),
        6 => Just(" "),
        1 => Just("   "),
        1 => Just("\t"),
        1 => Just("\u{a0}"),
        1 => Just("\u{1f}"),
    ]
}

fn word() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just(""),
        Just("1"),
        Just("two words"),
        Just("${a:b}"),
        Just("$${x}"),
        Just("# no comment"),
        Just("k=v"),
        Just("[a]"),
        Just("é "),
    ]
}

fn line() -> impl Strategy<Value = String> {
    let header = (space(), name(), space(), condition(), space(), comment()).prop_map(
        |(a, name, b, condition, c, comment)| format!("[{a}{name}{b}{condition}]{c}{comment}"),
    );
    let sign = prop_oneof![4 => Just("="), 2 => Just("+="), 1 => Just("-="), 1 => Just("+ ="), 1 => Just("-+=")];
    let option = (name(), space(), sign, space(), word())
        .prop_map(|(name, a, sign, b, word)| format!("{name}{a}{sign}{b}{word}"));
    let indent = prop_oneof![
        Just(" "),
        Just("  "),
        Just("    "),
        Just("\t"),
        Just(" \t"),
        Just("\u{a0}")
    ];
    let more =
        (indent, word(), space()).prop_map(|(indent, word, end)| format!("{indent}{word}{end}"));
    prop_oneof![
        3 => header,
        6 => option,
        8 => more,
        2 => space().prop_map(str::to_owned),
        2 => comment().prop_map(str::to_owned),
        1 => Just("=> b".to_owned()),
    ]
}

fn condition() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        80 => Just(""),
        10 => Just(":python3"),
        10 => Just(": linux and bits64 "),
        10 => Just(":python2"),
        10 => Just(":python_version < \"3.12\""),
        // Errors, and rare so that most profiles are good.
        1 => Just(":python_version < \"3.12\"\u{c}"),
        1 => Just(":python3\u{1e}"),
        1 => Just(":\u{2028}python3"),
        1 => Just(": "),
    ]
}

fn comment() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just(""), Just("# c"), Just("; c  "), Just("#")]
}

/// A text that begins with a header and may be refused by the language all the same.
pub(crate) fn profile() -> impl Strategy<Value = String> {
    let end = prop_oneof![8 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r")];
    let lines = proptest::collection::vec((line(), end), 0..25);
    (name(), lines).prop_map(|(first, lines)| {
        let mut text = format!("[{first}]\n");
        for (line, end) in lines {
            text.push_str(&line);
            text.push_str(end);
        }
        text
    })
}
