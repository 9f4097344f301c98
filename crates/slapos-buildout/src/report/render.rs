//! How a diagnostic looks on a terminal: kind, place, the line underlined, help, chain.

use std::fmt;

use super::{Diagnostic, Link};

/// Characters of a line that are shown; minified text would fill the screen.
const SHOWN_CHARS_MAX: usize = 200;

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "error[{}]: {}", self.kind, self.message)?;
        let gutter = " ".repeat(self.line.max(1).to_string().len());
        if let Some(file) = &self.file {
            write!(out, "\n{gutter}--> {file}")?;
            if self.line > 0 {
                write!(out, ":{}", self.line)?;
            }
            if self.column > 0 {
                write!(out, ":{}", self.column)?;
            }
        }
        if let Some(source) = self.source_line.as_deref().filter(|_| self.line > 0) {
            write_source(out, self, source, &gutter)?;
        }
        if let Some(help) = &self.help {
            write!(out, "\n{gutter} = help: {help}")?;
        }
        self.chain
            .iter()
            .try_for_each(|link| write_link(out, link, &gutter))
    }
}

fn write_source(
    out: &mut fmt::Formatter<'_>,
    diagnostic: &Diagnostic,
    source: &str,
    gutter: &str,
) -> fmt::Result {
    // Every character of the line becomes one column, so that the underline fits below it.
    let shown: String = source
        .chars()
        .take(SHOWN_CHARS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    write!(
        out,
        "\n{gutter} |\n{} | {}",
        diagnostic.line,
        shown.trim_end()
    )?;
    let before = (diagnostic.column.max(1) - 1) as usize;
    if diagnostic.column == 0 || before >= SHOWN_CHARS_MAX {
        return Ok(());
    }
    let width = (diagnostic.length.max(1) as usize).min(SHOWN_CHARS_MAX - before);
    write!(
        out,
        "\n{gutter} | {}{}",
        " ".repeat(before),
        "^".repeat(width)
    )
}

fn write_link(out: &mut fmt::Formatter<'_>, link: &Link, gutter: &str) -> fmt::Result {
    write!(out, "\n{gutter} = {}", link.text)?;
    match &link.file {
        Some(file) if link.line > 0 => write!(out, " ({file}:{})", link.line),
        Some(file) => write!(out, " ({file})"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Report};
    use super::*;

    #[test]
    fn display_shows_place_underline_help_and_chain() {
        let diagnostic = Diagnostic {
            file: Some("/srv/a.cfg".to_owned()),
            line: 12,
            column: 5,
            length: 9,
            source_line: Some("y = ${a:nope}".to_owned()),
            chain: vec![Link {
                text: "needed by section `b`".to_owned(),
                file: Some("/srv/b.cfg".to_owned()),
                line: 3,
            }],
            ..Diagnostic::new(Kind::MissingOption, "section `a` has no option `nope`")
                .with_help("did you mean `note`?")
        };
        let expect = "error[missing-option]: section `a` has no option `nope`
  --> /srv/a.cfg:12:5
   |
12 | y = ${a:nope}
   |     ^^^^^^^^^
   = help: did you mean `note`?
   = needed by section `b` (/srv/b.cfg:3)";
        assert_eq!(Report::one(diagnostic).to_string(), expect);
    }

    #[test]
    fn display_without_a_place_is_one_line() {
        let diagnostic = Diagnostic::new(Kind::TooLarge, "too many files");
        assert_eq!(diagnostic.to_string(), "error[too-large]: too many files");
    }

    #[test]
    fn display_of_a_column_beyond_the_line_does_not_fail() {
        let diagnostic = Diagnostic {
            file: Some("a".to_owned()),
            line: 1,
            column: u32::MAX,
            length: u32::MAX,
            source_line: Some("\t\u{1}x".to_owned()),
            ..Diagnostic::new(Kind::ParseError, "m")
        };
        assert!(diagnostic.to_string().contains("1 |   x"));
    }
}
