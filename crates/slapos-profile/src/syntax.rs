//! One file as written: every line with what it is, nothing evaluated. What formatting, linting and editors look at.
//!
//! The same rules as the language's parser, except that every condition counts as true, so that nothing is left out.
//! A property test holds the two against each other. Lines and columns count from 0 here, columns in bytes of the line.

use std::ops::Range;

pub(crate) use slapos_buildout::references;
use slapos_python::text::{dedent, is_space, lines, trim, trim_end, without_leading_blank_lines};

/// A file, line by line.
#[derive(Debug, Default)]
pub(crate) struct Syntax {
    /// Without their ends.
    pub(crate) lines: Vec<String>,
    pub(crate) kinds: Vec<LineKind>,
    pub(crate) headers: Vec<Header>,
    pub(crate) options: Vec<Written>,
}

/// What a line is; the number is that of its header or option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineKind {
    Comment,
    /// Nothing but space, and part of no value.
    Blank,
    Header(usize),
    Option(usize),
    /// May be blank.
    Continuation(usize),
    /// Nothing that the language knows.
    Bad,
}

/// `[name:condition]  # comment`
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) line: usize,
    pub(crate) name: Range<usize>,
    pub(crate) condition: Range<usize>,
    /// From the closing bracket on.
    pub(crate) end: usize,
}

/// What a line does to an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sign {
    Set,
    Add,
    Remove,
}

/// `name += value` and the lines that continue it.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) header: usize,
    pub(crate) line: usize,
    /// The last line with text.
    pub(crate) end_line: usize,
    /// The name and its sign as written.
    pub(crate) key: Range<usize>,
    /// Without the sign.
    pub(crate) name: Range<usize>,
    pub(crate) sign: Sign,
    /// Where the value begins on the first line.
    pub(crate) value: usize,
}

impl Sign {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Sign::Set => "=",
            Sign::Add => "+=",
            Sign::Remove => "-=",
        }
    }
}

impl Syntax {
    pub(crate) fn read(text: &str) -> Syntax {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut syntax = Syntax::default();
        // The option that a line below continues; none right behind a header.
        let mut open = None;
        for line in lines(text) {
            let kind = syntax.kind(line, open);
            match kind {
                LineKind::Header(_) => open = None,
                LineKind::Option(option) => open = Some(option),
                LineKind::Continuation(option) if !trim(line).is_empty() => {
                    syntax.options[option].end_line = syntax.lines.len();
                }
                _ => {}
            }
            syntax.lines.push(line.to_owned());
            syntax.kinds.push(kind);
        }
        syntax
    }

    fn kind(&mut self, line: &str, open: Option<usize>) -> LineKind {
        if line.starts_with(['#', ';']) {
            return LineKind::Comment;
        }
        if let Some(option) = open.filter(|_| line.chars().next().is_none_or(is_space)) {
            return LineKind::Continuation(option);
        }
        let number = self.lines.len();
        if let Some(header) = read_header(line, number) {
            self.headers.push(header);
            return LineKind::Header(self.headers.len() - 1);
        }
        if trim(line).is_empty() {
            return LineKind::Blank;
        }
        let header = self.headers.len().checked_sub(1);
        match header.and_then(|header| read_option(line, number, header)) {
            Some(option) => {
                self.options.push(option);
                LineKind::Option(self.options.len() - 1)
            }
            None => LineKind::Bad,
        }
    }

    pub(crate) fn section_name(&self, header: usize) -> &str {
        let header = &self.headers[header];
        &self.lines[header.line][header.name.clone()]
    }

    pub(crate) fn condition(&self, header: usize) -> &str {
        let header = &self.headers[header];
        &self.lines[header.line][header.condition.clone()]
    }

    /// The name without its sign; that which `=>` is short for.
    pub(crate) fn name(&self, option: &Written) -> &str {
        match &self.lines[option.line][option.name.clone()] {
            "=>" if option.value == 2 => "<part-dependencies>",
            name => name,
        }
    }

    /// The section that an option is in.
    pub(crate) fn section_of(&self, option: &Written) -> &str {
        self.section_name(option.header)
    }

    /// Whether the value begins below the name, so that its lines keep their indentation.
    pub(crate) fn is_block(&self, option: &Written) -> bool {
        trim(&self.lines[option.line][option.value..]).is_empty()
    }

    /// The lines below the first that are part of the value, comments left out.
    pub(crate) fn below(&self, option: &Written) -> impl Iterator<Item = &str> {
        let lines = option.line + 1..=option.end_line;
        lines
            .filter(|line| self.kinds[*line] != LineKind::Comment)
            .map(|line| self.lines[line].as_str())
    }

    /// The value as the language reads it, before anything is merged.
    pub(crate) fn value(&self, option: &Written) -> String {
        let is_block = self.is_block(option);
        let mut value = trim(&self.lines[option.line][option.value..]).to_owned();
        for line in self.below(option) {
            let line = if is_block { trim_end(line) } else { trim(line) };
            if is_block || !line.is_empty() {
                value.push('\n');
                value.push_str(line);
            }
        }
        if !value.starts_with(is_space) {
            return value;
        }
        without_leading_blank_lines(&dedent(trim_end(&value))).to_owned()
    }

    /// The option that holds a line.
    pub(crate) fn option_at(&self, line: usize) -> Option<&Written> {
        match self.kinds.get(line)? {
            LineKind::Option(option) | LineKind::Continuation(option) => self.options.get(*option),
            _ => None,
        }
    }

    /// The header above a line, or on it.
    pub(crate) fn header_at(&self, line: usize) -> Option<usize> {
        self.headers
            .partition_point(|header| header.line <= line)
            .checked_sub(1)
    }

    /// The words of every `extends` of `[buildout]`, each with its line and columns.
    pub(crate) fn extends(&self) -> Vec<(usize, Range<usize>)> {
        let mut found = Vec::new();
        let is_extends =
            |o: &&Written| self.name(o) == "extends" && self.section_of(o) == "buildout";
        for option in self.options.iter().filter(is_extends) {
            for line in option.line..=option.end_line {
                if self.kinds[line] == LineKind::Comment {
                    continue;
                }
                let start = if line == option.line { option.value } else { 0 };
                found.extend(words(&self.lines[line], start).map(|word| (line, word)));
            }
        }
        found
    }
}

/// Byte ranges of the words of a line from `start` on.
pub(crate) fn words(line: &str, start: usize) -> impl Iterator<Item = Range<usize>> {
    let mut at = start;
    std::iter::from_fn(move || {
        let rest = line.get(at..)?;
        let begin = at + rest.find(|c| !is_space(c))?;
        let end = line[begin..]
            .find(is_space)
            .map_or(line.len(), |n| begin + n);
        at = end;
        Some(begin..end)
    })
}

/// Byte ranges of what could be names in a line from `start` on, outside of references: recipes are told sections this way.
pub(crate) fn names(line: &str, start: usize) -> Vec<Range<usize>> {
    let is_end = |c: char| is_space(c) || ",:;=\"'()[]<>|&".contains(c);
    let mut found = Vec::new();
    let mut begin = start;
    let whole = line.len()..line.len();
    for reference in references(line).chain([whole]) {
        if reference.start < begin {
            continue;
        }
        let mut at = begin;
        for word in line[begin..reference.start].split(is_end) {
            found.extend((!word.is_empty()).then_some(at..at + word.len()));
            // What ends a word may take several bytes.
            let end = at + word.len();
            at = end + line[end..].chars().next().map_or(0, char::len_utf8);
        }
        begin = reference.end;
    }
    found
}

fn read_header(line: &str, number: usize) -> Option<Header> {
    let inside = line.strip_prefix('[')?.trim_start_matches(is_space);
    let start = line.len() - inside.len();
    let length = inside.find(|c: char| is_space(c) || "#[]:;{}".contains(c))?;
    let name = start..start + length;
    if name.is_empty() {
        return None;
    }
    let after = line[name.end..].trim_start_matches(is_space);
    let from = line.len() - after.len();
    let code = &after[..after.find(['#', ';']).unwrap_or(after.len())];
    let code = trim_end(code).strip_suffix(']')?;
    let end = from + code.len();
    let condition = match code.strip_prefix(':') {
        Some(_) => from + 1..end,
        None if code.is_empty() => end..end,
        None => return None,
    };
    Some(Header {
        line: number,
        name,
        condition,
        end,
    })
}

fn read_option(line: &str, number: usize, header: usize) -> Option<Written> {
    let new = |key: Range<usize>, name, sign, value| Written {
        header,
        line: number,
        end_line: number,
        key,
        name,
        sign,
        value,
    };
    // Short for `<part-dependencies> =`.
    if line.starts_with("=>") {
        return Some(new(0..2, 0..2, Sign::Set, 2));
    }
    let equal = line.find('=')?;
    let written = &line[..equal];
    let key = trim_end(written);
    let is_name = |name: &str| {
        let is_bad = |c: char| is_space(c) || matches!(c, '{' | '}' | '[' | ']' | ':');
        !name.is_empty() && !name.chars().any(is_bad)
    };
    let bare = written.strip_suffix(['+', '-']).map(trim_end);
    if !is_name(key) && !bare.is_some_and(is_name) {
        return None;
    }
    let name = key.trim_end_matches([' ', '+', '-']);
    let sign = match key.chars().last() {
        Some('+') if !name.is_empty() => Sign::Add,
        Some('-') if !name.is_empty() => Sign::Remove,
        _ => Sign::Set,
    };
    let name = if sign == Sign::Set { key } else { name };
    Some(new(0..key.len(), 0..name.len(), sign, equal + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_tells_what_each_line_is() {
        let syntax =
            Syntax::read("# c\n[a: linux ] ; x\n\nx += 1\n# in\n\n  2\n[b]\n  bad\n=> c\n");
        let kinds = &syntax.kinds;
        assert_eq!(kinds[0], LineKind::Comment);
        assert_eq!(kinds[1], LineKind::Header(0));
        assert_eq!(kinds[2], LineKind::Blank);
        assert_eq!(kinds[3], LineKind::Option(0));
        assert_eq!(kinds[5], LineKind::Continuation(0));
        assert_eq!(kinds[8], LineKind::Bad);
        assert_eq!(syntax.condition(0), " linux ");
        let option = &syntax.options[0];
        assert_eq!((syntax.name(option), option.sign), ("x", Sign::Add));
        assert_eq!(option.end_line, 6);
        assert_eq!(syntax.value(option), "1\n2");
        assert_eq!(syntax.section_of(&syntax.options[1]), "b");
        assert_eq!(syntax.header_at(6), Some(0));
        assert_eq!(syntax.header_at(0), None);
    }

    #[test]
    fn extends_gives_each_word_with_its_place() {
        let syntax = Syntax::read("[buildout]\nextends = a b\n# no\n  ../c\n");
        let found: Vec<&str> = syntax
            .extends()
            .into_iter()
            .map(|(line, word)| &syntax.lines[line][word])
            .collect();
        assert_eq!(found, ["a", "b", "../c"]);
    }

    #[test]
    fn names_are_the_words_outside_of_references() {
        let line = "x = a,${b:c}d é(e) ${f";
        let found: Vec<&str> = names(line, 3).into_iter().map(|r| &line[r]).collect();
        assert_eq!(found, ["a", "d", "é", "e", "${f"]);
    }

    #[test]
    fn references_leave_out_what_is_protected() {
        let line = "a ${b:c} $${d:e} ${f ${g:h} $$${i:j} ${k$$}";
        let found: Vec<&str> = references(line).map(|r| &line[r]).collect();
        assert_eq!(found, ["${b:c}", "${f ${g:h}", "${i:j}"]);
    }

    #[test]
    fn references_of_a_long_line_of_openings_are_found_in_one_pass() {
        // Looking for the end of each anew would take minutes.
        let line = "${".repeat(1 << 20);
        assert_eq!(references(&line).count(), 0);
    }
}
