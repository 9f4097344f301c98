//! Parsing one file: lines to sections and options, each with its place.
//!
//! Nothing is merged or substituted here. The table of rules is in docs/profile-language.md; they are applied line by line
//! with the current section, the open option and whether the last condition held as the only memory.

use foldhash::{HashMap, HashMapExt};
use std::borrow::Cow;

use crate::condition::World;
use crate::source::{Source, Span, small};
use crate::{Kind, condition};
use slapos_python::text::{dedent, is_space, lines, trim, trim_end, without_leading_blank_lines};

mod advice;
mod header;

/// The sections of one file whose conditions hold, in the order they first appear.
#[derive(Debug, Default)]
pub(crate) struct ParsedFile<'t> {
    pub(crate) sections: Vec<ParsedSection<'t>>,
    pub(crate) problems: Vec<Problem>,
}

#[derive(Debug)]
pub(crate) struct ParsedSection<'t> {
    pub(crate) name: &'t str,
    pub(crate) span: Span,
    pub(crate) options: Vec<ParsedOption<'t>>,
}

/// One option as written. Nearly every value is a piece of the text.
#[derive(Debug)]
pub(crate) struct ParsedOption<'t> {
    /// The name as written, with the `+` or `-` of an increment.
    pub(crate) key: &'t str,
    pub(crate) value: Cow<'t, str>,
    pub(crate) span: Span,
}

/// A line that is wrong.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    pub(crate) help: String,
    pub(crate) line: u32,
    /// From 1, in characters.
    pub(crate) column: u32,
    pub(crate) length: u32,
}

/// Parses the text of one file. Bad lines become problems; parsing goes on to find the others.
pub(crate) fn parse<'t>(text: &'t str, source: Source, world: &World<'_>) -> ParsedFile<'t> {
    let mut parser = Parser {
        source,
        world,
        file: ParsedFile::default(),
        by_name: HashMap::new(),
        by_key: HashMap::new(),
        current: None,
        open: None,
        is_block: false,
        condition_holds: true,
    };
    for (line, number) in lines(text).zip(1u32..) {
        if !parser.line(line, number) {
            break;
        }
    }
    let mut file = parser.file;
    for option in file
        .sections
        .iter_mut()
        .flat_map(|section| &mut section.options)
    {
        if option.value.starts_with(is_space) {
            let dedented = dedent(trim_end(&option.value));
            option.value = Cow::Owned(without_leading_blank_lines(&dedented).to_owned());
        }
    }
    file
}

struct Parser<'t, 'a> {
    source: Source,
    world: &'a World<'a>,
    file: ParsedFile<'t>,
    by_name: HashMap<&'t str, usize>,
    /// Index of an option in its section, by the index of the section and the name as written.
    by_key: HashMap<(usize, &'t str), usize>,
    /// Index of the section that options go to. A section whose condition fails does not become current.
    current: Option<usize>,
    /// Index of the option that a continuation line goes to.
    open: Option<usize>,
    /// Whether the open option began with an empty value, so that its lines keep their indentation.
    is_block: bool,
    condition_holds: bool,
}

impl<'t> Parser<'t, '_> {
    /// False when there is no sense in reading on.
    fn line(&mut self, line: &'t str, number: u32) -> bool {
        if line.starts_with(['#', ';']) {
            return true;
        }
        if line.chars().next().is_none_or(is_space)
            && let (Some(section), Some(option)) = (self.current, self.open)
        {
            if self.condition_holds {
                self.continuation(section, option, line, number);
            }
            return true;
        }
        if let Some(header) = header::read(line) {
            self.header(&header, number);
            return true;
        }
        let Some(section) = self.current else {
            if trim(line).is_empty() {
                return true;
            }
            self.missing_header(line, number);
            return false;
        };
        self.option(section, line, number);
        true
    }

    fn continuation(&mut self, section: usize, option: usize, written: &str, number: u32) {
        let option = &mut self.file.sections[section].options[option];
        let line = if self.is_block {
            trim_end(written)
        } else {
            trim(written)
        };
        if !self.is_block && line.is_empty() {
            return;
        }
        let value = option.value.to_mut();
        value.push('\n');
        value.push_str(line);
        if !line.is_empty() {
            option.span.end_line = number;
        }
        if option.span.value.0 == 0
            && let Some(column) = column_of(written, trim(line))
        {
            option.span.value = (number, column);
        }
    }

    fn header(&mut self, header: &header::Header<'t>, number: u32) {
        self.condition_holds = true;
        if !header.expression.is_empty() {
            match condition::holds(header.expression, self.world) {
                Ok(holds) => self.condition_holds = holds,
                Err(reason) => {
                    self.condition_holds = false;
                    self.bad_expression(header, &reason, number);
                }
            }
            if !self.condition_holds {
                return;
            }
        }
        let span = Span {
            source: self.source,
            line: number,
            end_line: number,
            column: small(header.name_column),
            length: small(header.name.chars().count()),
            value: (0, 0),
        };
        let next = self.file.sections.len();
        let index = *self.by_name.entry(header.name).or_insert(next);
        if index == next {
            self.file.sections.push(ParsedSection {
                name: header.name,
                span,
                options: Vec::new(),
            });
        }
        self.current = Some(index);
        self.open = None;
    }

    fn option(&mut self, section: usize, line: &'t str, number: u32) {
        let Some((key, value)) = split_option(line) else {
            // Only a header leaves no option open, and only then may blank lines come here.
            if !trim(line).is_empty() || self.open.is_some() {
                self.bad_line(line, number);
            }
            return;
        };
        if !self.condition_holds {
            return;
        }
        let value_column = column_of(line, trim(value));
        let span = Span {
            source: self.source,
            line: number,
            end_line: number,
            column: 1,
            length: small(key.chars().count()),
            value: value_column.map_or((0, 0), |column| (number, column)),
        };
        let options = &mut self.file.sections[section].options;
        let value = Cow::Borrowed(trim(value));
        self.is_block = value.is_empty();
        let index = *self.by_key.entry((section, key)).or_insert(options.len());
        let option = ParsedOption { key, value, span };
        match options.get_mut(index) {
            Some(earlier) => *earlier = option,
            None => options.push(option),
        }
        self.open = Some(index);
    }

    fn missing_header(&mut self, line: &str, number: u32) {
        let message = "text before the first section header".to_owned();
        let help = "begin with a header such as `[buildout]`".to_owned();
        self.problem(
            Kind::MissingSectionHeader,
            message,
            help,
            whole(line, number),
        );
    }

    fn bad_expression(&mut self, header: &header::Header<'_>, reason: &str, number: u32) {
        let message = format!("the condition of section `{}` {reason}", header.name);
        let help = "a condition is a Python expression such as `python3` or \
                    `platform.machine() == \"x86_64\"`, or a marker such as `python_version < \"3.11\"`";
        let shown = trim(header.expression);
        let indent = header.expression.chars().take_while(|c| is_space(*c));
        let column = header.expression_column + indent.count();
        let place = (number, column, shown.chars().count());
        self.problem(Kind::BadExpression, message, help.to_owned(), place);
    }

    fn bad_line(&mut self, line: &str, number: u32) {
        let (message, help) = advice::for_line(line);
        self.problem(Kind::ParseError, message, help, whole(line, number));
    }

    fn problem(&mut self, kind: Kind, message: String, help: String, place: (u32, usize, usize)) {
        // More than a report ever shows would only be memory for a hostile file to fill.
        if self.file.problems.len() < crate::limits::DIAGNOSTICS_MAX {
            let (line, column, length) = (place.0, small(place.1), small(place.2));
            self.file.problems.push(Problem {
                kind,
                message,
                help,
                line,
                column,
                length,
            });
        }
    }
}

/// The column of a piece of a line, from 1; none if the piece is empty.
fn column_of(line: &str, piece: &str) -> Option<u32> {
    let start = (piece.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
    let before = line.get(..start).filter(|_| !piece.is_empty())?;
    Some(small(before.chars().count() + 1))
}

/// Line, column and length of everything but the spaces around a line.
fn whole(line: &str, number: u32) -> (u32, usize, usize) {
    let indent = line.chars().take_while(|c| is_space(*c)).count();
    (number, indent + 1, trim(line).chars().count())
}

/// `name = value`, `name += value`, `name -= value`; the name keeps its sign. `=> x` is short for `<part-dependencies> = x`.
fn split_option(line: &str) -> Option<(&str, &str)> {
    if let Some(value) = line.strip_prefix("=>") {
        return Some(("<part-dependencies>", value));
    }
    let (written, value) = line.split_once('=')?;
    let is_name_char = |c: char| !is_space(c) && !matches!(c, '{' | '}' | '[' | ']' | ':');
    let is_name = |name: &str| !name.is_empty() && name.chars().all(is_name_char);
    let key = trim_end(written);
    // `x -` is a name and a sign; but `x - ` is not, the sign touches the `=`.
    let signed = || {
        written
            .strip_suffix(['+', '-'])
            .is_some_and(|bare| is_name(trim_end(bare)))
    };
    (is_name(key) || signed()).then_some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fetch, FetchFailure, Machine};

    fn parsed(text: &str) -> ParsedFile<'_> {
        let machine = Machine::linux("x86_64");
        let world = World {
            machine: &machine,
            fetch: &NoFiles,
        };
        parse(text, Source::File(0), &world)
    }

    struct NoFiles;

    impl Fetch for NoFiles {
        fn fetch(&self, _: &str) -> Result<String, FetchFailure> {
            Err(FetchFailure::NotFound)
        }
    }

    #[test]
    fn split_option_reads_names_and_signs() {
        assert_eq!(split_option("a = 1"), Some(("a", " 1")));
        assert_eq!(split_option("a += 1"), Some(("a +", " 1")));
        assert_eq!(split_option("a+= 1=2"), Some(("a+", " 1=2")));
        assert_eq!(split_option("a- = 1"), Some(("a-", " 1")));
        assert_eq!(split_option("<= m"), Some(("<", " m")));
        assert_eq!(split_option("=> b"), Some(("<part-dependencies>", " b")));
    }

    #[test]
    fn split_option_refuses_what_is_no_option() {
        for line in [
            "a b = 1",
            "= 1",
            "a : 1",
            "a",
            "a - = 1",
            "x.${:k} = 1",
            " a = 1",
            "",
        ] {
            assert_eq!(split_option(line), None, "{line:?}");
        }
    }

    #[test]
    fn parse_keeps_the_place_of_each_option() {
        let file = parsed("# c\n[a]\nx = 1\ny =\n  2\n\n  3\n\n[b]\n");
        let spans: Vec<_> = file.sections[0]
            .options
            .iter()
            .map(|o| (o.span.line, o.span.end_line))
            .collect();
        assert_eq!(spans, [(3, 3), (4, 7)]);
        assert_eq!(file.sections[1].span.line, 9);
    }

    #[test]
    fn parse_bad_lines_are_all_reported() {
        let file = parsed("[a]\n  x = 1\nno\ny z = 1\n[b c]\n");
        let lines: Vec<u32> = file.problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [2, 3, 4, 5]);
        assert!(file.problems[2].message.contains("`y z`"));
    }

    #[test]
    fn parse_text_before_a_header_stops_reading() {
        let file = parsed("x = 1\n[a]\nno\n");
        assert_eq!(file.problems.len(), 1);
        assert_eq!(file.problems[0].kind, Kind::MissingSectionHeader);
    }
}
