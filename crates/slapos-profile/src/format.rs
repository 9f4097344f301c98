//! A profile written well: one space around signs, two of indentation, one empty line before a header.
//!
//! Comments stay where they are and nothing that the language reads changes; a text that cannot be read is left alone.
//! Formatting twice gives the same as once. Whatever is formatted is read again and compared before it is given out.

use std::collections::HashMap;

use thiserror::Error;

use crate::syntax::{LineKind, Sign, Syntax, Written};
use slapos_python::text::{dedent, trim, trim_end};

/// Why a text is not formatted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormatError {
    #[error("line {line} is neither header, option nor continuation; mend it first: {text}")]
    BadLine {
        /// From 1.
        line: usize,
        text: String,
    },
    /// Cannot happen as far as is known; the text is then left as it is.
    #[error("formatting would change what the profile means; please report this with the profile")]
    Changed,
}

/// The text written well.
pub fn format(text: &str) -> Result<String, FormatError> {
    let syntax = Syntax::read(text);
    if let Some(line) = syntax.kinds.iter().position(|kind| *kind == LineKind::Bad) {
        let text = trim(&syntax.lines[line]).chars().take(80).collect();
        return Err(FormatError::BadLine {
            line: line + 1,
            text,
        });
    }
    let mut writer = Writer {
        syntax: &syntax,
        doubles: doubles(&syntax),
        out: Vec::new(),
    };
    let mut line = 0;
    while line < syntax.lines.len() {
        line = writer.write(line);
    }
    let mut formatted = writer.out.join("\n");
    if !formatted.is_empty() {
        formatted.push('\n');
    }
    match meaning(&Syntax::read(&formatted)) == meaning(&syntax) {
        true => Ok(formatted),
        false => Err(FormatError::Changed),
    }
}

struct Writer<'a> {
    syntax: &'a Syntax,
    /// For each option whether its name and sign must stay as they are spelled.
    doubles: Vec<bool>,
    out: Vec<String>,
}

impl Writer<'_> {
    /// Writes what begins on a line; gives the next line.
    fn write(&mut self, line: usize) -> usize {
        match self.syntax.kinds[line] {
            LineKind::Header(header) => {
                self.header(header);
                line + 1
            }
            LineKind::Option(option) => {
                let written = &self.syntax.options[option];
                self.option(option, written);
                written.end_line + 1
            }
            LineKind::Comment => {
                self.out.push(trim_end(&self.syntax.lines[line]).to_owned());
                line + 1
            }
            // Empty lines behind the last text of a value are not part of it.
            LineKind::Blank | LineKind::Continuation(_) | LineKind::Bad => {
                self.blank();
                line + 1
            }
        }
    }

    /// One empty line, and none at the start.
    fn blank(&mut self) {
        if self.out.last().is_some_and(|last| !last.is_empty()) {
            self.out.push(String::new());
        }
    }

    fn header(&mut self, header: usize) {
        self.gap();
        let place = &self.syntax.headers[header];
        let line = &self.syntax.lines[place.line];
        let name = self.syntax.section_name(header);
        let condition = condition(self.syntax, header);
        let mut text = match condition.is_empty() {
            true => format!("[{name}]"),
            false => format!("[{name}:{condition}]"),
        };
        let comment = trim(&line[place.end + 1..]);
        if !comment.is_empty() {
            text.push_str("  ");
            text.push_str(comment);
        }
        self.out.push(text);
    }

    /// An empty line before the comments that stand right above a header, if there is something above them.
    fn gap(&mut self) {
        let is_comment = |line: &&String| line.starts_with(['#', ';']);
        let comments = self.out.iter().rev().take_while(is_comment).count();
        let place = self.out.len() - comments;
        // Comments at the very top, and comments inside of a value, stay with what is above.
        if place > 0 && !self.out[place - 1].is_empty() {
            self.out.insert(place, String::new());
        }
    }

    fn option(&mut self, number: usize, written: &Written) {
        let syntax = self.syntax;
        let first = &syntax.lines[written.line];
        let value = trim(&first[written.value..]);
        let key = match self.doubles[number] {
            true => format!("{}=", &first[..written.value - 1].trim_end()),
            false => spelled(syntax, written),
        };
        let line = format!("{key} {value}");
        self.out.push(trim_end(&line).to_owned());
        match syntax.is_block(written) {
            true => self.block(written),
            false => self.lines(written),
        }
    }

    /// Lines that are read without their indentation; empty ones among them mean nothing.
    fn lines(&mut self, written: &Written) {
        for line in written.line + 1..=written.end_line {
            let text = trim(&self.syntax.lines[line]);
            if self.syntax.kinds[line] == LineKind::Comment {
                self.out.push(trim_end(&self.syntax.lines[line]).to_owned());
            } else if !text.is_empty() {
                self.out.push(format!("  {text}"));
            }
        }
    }

    /// Lines that keep their indentation to each other.
    fn block(&mut self, written: &Written) {
        let below: Vec<&str> = self.syntax.below(written).map(trim_end).collect();
        let dedented = dedent(&below.join("\n"));
        let mut texts = dedented.split('\n');
        let mut is_first = true;
        for line in written.line + 1..=written.end_line {
            if self.syntax.kinds[line] == LineKind::Comment {
                self.out.push(trim_end(&self.syntax.lines[line]).to_owned());
                continue;
            }
            let text = texts.next().unwrap_or_default();
            // Empty lines in front are not part of the value.
            if text.is_empty() && is_first {
                continue;
            }
            is_first = false;
            let line = if text.is_empty() {
                String::new()
            } else {
                format!("  {text}")
            };
            self.out.push(line);
        }
    }
}

/// `name =`, `name +=`, `<=`, as people write them.
fn spelled(syntax: &Syntax, written: &Written) -> String {
    let name = &syntax.lines[written.line][written.name.clone()];
    match (name, written.sign) {
        ("<", Sign::Set) => "<=".to_owned(),
        ("=>", Sign::Set) if written.value == 2 => "=>".to_owned(),
        (name, sign) => format!("{name} {}", sign.text()),
    }
}

/// `x +=` and `x+=` are two changes to the language, where each spelled twice is one; and signs may be piled up.
fn doubles(syntax: &Syntax) -> Vec<bool> {
    let key = |written: &Written| &syntax.lines[written.line][written.key.clone()];
    let mut spellings: HashMap<(&str, &str, Sign), Vec<&str>> = HashMap::new();
    for written in &syntax.options {
        let name = (
            syntax.section_of(written),
            syntax.name(written),
            written.sign,
        );
        spellings.entry(name).or_default().push(key(written));
    }
    let is_double = |written: &Written| {
        let name = (
            syntax.section_of(written),
            syntax.name(written),
            written.sign,
        );
        let known = &spellings[&name];
        let is_mixed = known.iter().any(|other| *other != known[0]);
        let tail = key(written).trim_start_matches(syntax.name(written));
        let is_piled = written.sign != Sign::Set && tail.trim().chars().count() != 1;
        is_mixed || is_piled
    };
    syntax.options.iter().map(is_double).collect()
}

/// A condition without what means nothing around it.
///
/// Of all that looks empty only these two characters do to a marker and to an expression alike; to a condition
/// of nothing else they are an error too.
fn condition(syntax: &Syntax, header: usize) -> &str {
    let written = syntax.condition(header);
    match written.trim_matches([' ', '\t']) {
        "" => written,
        condition => condition,
    }
}

/// What the language reads of a file, in the order written.
fn meaning(syntax: &Syntax) -> Vec<(String, String, String, String)> {
    let headers = (0..syntax.headers.len()).map(|header| {
        let (name, condition) = (syntax.section_name(header), condition(syntax, header));
        let line = syntax.headers[header].line;
        (
            line,
            (
                name.to_owned(),
                condition.to_owned(),
                String::new(),
                String::new(),
            ),
        )
    });
    let options = syntax.options.iter().map(|written| {
        let name = syntax.name(written).to_owned();
        let value = syntax.value(written);
        (
            written.line,
            (String::new(), written.sign.text().to_owned(), name, value),
        )
    });
    let mut all: Vec<_> = headers.chain(options).collect();
    all.sort_by_key(|(line, _)| *line);
    all.into_iter().map(|(_, read)| read).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;

    use super::*;
    use crate::random::{One, profile, question};
    use crate::resolve::raw;

    /// What the language itself makes of a text; none if it refuses it.
    fn read(text: &str) -> Option<serde_json::Value> {
        let profile = question().load(&One(text.to_owned())).ok()?;
        raw(&profile, None).ok().map(|raw| raw.to_json())
    }

    #[test]
    fn random_profiles_are_often_good_ones() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let texts = (0..300).map(|_| profile().new_tree(&mut runner).unwrap().current());
        let good = texts.filter(|text| format(text).is_ok() && read(text).is_some());
        assert!(good.count() > 60);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn format_never_changes_the_meaning_and_is_stable(text in profile()) {
            if let Ok(formatted) = format(&text) {
                prop_assert_eq!(read(&formatted), read(&text));
                prop_assert_eq!(format(&formatted), Ok(formatted.clone()));
                let comments = |text: &str| text.split(['\n', '\r']).filter(|line| line.starts_with(['#', ';'])).count();
                prop_assert_eq!(comments(&formatted), comments(&text));
            } else {
                // Only what the language refuses too, or would if the condition that fails here held.
                prop_assert!(read(&text).is_none() || text.contains("python2"), "{}", text);
            }
        }
    }

    fn check(text: &str, expect: &str) {
        assert_eq!(format(text).as_deref(), Ok(expect), "{text:?}");
        assert_eq!(format(expect).as_deref(), Ok(expect), "again: {expect:?}");
    }

    #[test]
    fn format_writes_signs_and_headers_one_way() {
        check(
            "[ a ]# c\nx=1\ny+=2\nz  -=3\n<=m\n",
            "[a]  # c\nx = 1\ny += 2\nz -= 3\n<= m\n",
        );
        check("[a : python3 ]\nx =\n", "[a:python3]\nx =\n");
    }

    #[test]
    fn format_keeps_what_is_wrong_about_a_condition() {
        // To the language each is an error, and none would be without what looks like an empty end.
        for condition in [
            ": ",
            ":python3\u{1e}",
            ":\u{85}python3",
            ":'a' == 'a'\u{2028}",
        ] {
            let text = format!("[a{condition}]\nx = 1\n");
            assert_eq!(read(&text), None, "{text:?}");
            check(&text, &text);
        }
    }

    #[test]
    fn format_keeps_the_shape_of_a_block() {
        let text = "[a]\nx =\n\n\tif y:\n\t  z\n# no part of it\n\n\tend\n\n\n\n[b]\n";
        check(
            text,
            "[a]\nx =\n  if y:\n    z\n# no part of it\n\n  end\n\n[b]\n",
        );
    }

    #[test]
    fn format_of_continued_lines_drops_what_means_nothing() {
        check(
            "[a]\nx = 1\n\n      2\n#c\n 3\n",
            "[a]\nx = 1\n  2\n#c\n  3\n",
        );
    }

    #[test]
    fn format_puts_one_empty_line_before_a_header_and_its_comment() {
        check(
            "# top\n[a]\nx = 1\n# of b\n[b]\n",
            "# top\n[a]\nx = 1\n\n# of b\n[b]\n",
        );
        check("\n\n[a]\n\n\n[b]\r\n", "[a]\n\n[b]\n");
    }

    #[test]
    fn format_leaves_spellings_that_are_two_changes() {
        check("[a]\nx += 1\nx+= 2\n", "[a]\nx += 1\nx+= 2\n");
    }

    #[test]
    fn format_of_a_bad_line_is_refused_with_its_number() {
        let error = format("[a]\nx = 1\nno\n").unwrap_err();
        assert!(error.to_string().starts_with("line 3 "), "{error}");
    }
}
