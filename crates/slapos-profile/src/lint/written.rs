//! What one file alone shows: things written twice, comments that are none.

use std::collections::HashMap;

use super::{Collector, Rule};
use crate::syntax::{LineKind, Sign, Written};
use crate::tree::{Tree, TreeFile};

pub(super) fn check(tree: &Tree, findings: &mut Collector<'_>) {
    for file in &tree.files {
        duplicate_options(file, findings);
        duplicate_sections(file, findings);
        duplicate_extends(file, findings);
        comments_in_values(file, findings);
        text_behind_markers(file, findings);
    }
}

/// Of two lines that begin the same way in a section, the language keeps the later one and says nothing.
fn duplicate_options(file: &TreeFile, findings: &mut Collector<'_>) {
    let syntax = &file.syntax;
    let mut last: HashMap<(&str, &str), &Written> = HashMap::new();
    for written in syntax
        .options
        .iter()
        .filter(|written| file.holds[written.header])
    {
        let key = &syntax.lines[written.line][written.key.clone()];
        let section = syntax.section_of(written);
        if let Some(earlier) = last.insert((section, key), written) {
            let name = syntax.name(written);
            let (sign, later) = (written.sign.text(), written.line + 1);
            let message = format!(
                "`{name} {sign}` of section `{section}` is written again on line {later}; this value is lost"
            );
            let help = match written.sign {
                Sign::Set => "remove one of the two",
                _ => "write all lines below one of the two",
            };
            let warning = (Rule::DuplicateOption, message, help);
            findings.warn(file, earlier.line, warning);
        }
    }
}

/// Two headers with the same name and condition: whoever reads the first one misses the second.
fn duplicate_sections(file: &TreeFile, findings: &mut Collector<'_>) {
    let syntax = &file.syntax;
    let mut first: HashMap<(&str, &str), usize> = HashMap::new();
    for (header, place) in syntax.headers.iter().enumerate() {
        let key = (syntax.section_name(header), syntax.condition(header).trim());
        let earlier = *first.entry(key).or_insert(place.line);
        if earlier != place.line {
            let message = format!(
                "section `{}` is opened a second time, first on line {}",
                key.0,
                earlier + 1
            );
            let warning = (Rule::DuplicateSection, message, "move its options there");
            findings.warn(file, place.line, warning);
        }
    }
}

fn duplicate_extends(file: &TreeFile, findings: &mut Collector<'_>) {
    let syntax = &file.syntax;
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (line, word) in syntax.extends() {
        let name = &syntax.lines[line][word];
        if let Some(earlier) = first.insert(name, line) {
            let message = format!("`{name}` is extended already, on line {}", earlier + 1);
            let help = "remove one of the two; the last place decides what it overrides";
            findings.warn(file, line, (Rule::DuplicateExtends, message, help));
        }
    }
}

/// `x = 1 # one` has the value `1 # one`.
fn comments_in_values(file: &TreeFile, findings: &mut Collector<'_>) {
    let syntax = &file.syntax;
    for written in &syntax.options {
        let first = &syntax.lines[written.line][written.value..];
        let is_one_line = written.line == written.end_line;
        let has_comment = first.contains(" # ") || first.contains(" ; ") && !first.contains("; do");
        if is_one_line && has_comment && !looks_like_command(syntax.name(written)) {
            let message = format!(
                "the value of `{}` holds what looks like a comment; there are none behind an option",
                syntax.name(written)
            );
            let help = "put the comment on a line of its own, with `#` in the first column";
            findings.warn(file, written.line, (Rule::CommentInValue, message, help));
        }
    }
}

/// Shell lines hold `;` and `#` by right.
fn looks_like_command(name: &str) -> bool {
    let shell = [
        "command",
        "configure",
        "build",
        "install",
        "make",
        "script",
        "inline",
        "environment",
    ];
    shell.iter().any(|word| name.contains(word))
}

/// A typed value ends with its first line; what follows is ignored.
fn text_behind_markers(file: &TreeFile, findings: &mut Collector<'_>) {
    let syntax = &file.syntax;
    for written in &syntax.options {
        let first = slapos_python::text::trim(&syntax.lines[written.line][written.value..]);
        let has_more = (written.line + 1..=written.end_line)
            .any(|line| matches!(syntax.kinds[line], LineKind::Continuation(_)));
        if first.starts_with("!py") && has_more {
            let message = format!(
                "the typed value of `{}` ends with its first line; the lines below are ignored",
                syntax.name(written)
            );
            let help = "write the whole literal on one line";
            findings.warn(file, written.line, (Rule::LostText, message, help));
        }
    }
}
