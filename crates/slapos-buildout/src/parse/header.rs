//! Section headers: `[name]`, `[name : condition]`, with a comment behind.

use slapos_python::text::{is_space, trim_end};

/// A header line, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) name: &'a str,
    /// Character column of the name, from 1.
    pub(super) name_column: usize,
    /// Between `:` and the last `]`, spaces kept; empty if there is none.
    pub(super) expression: &'a str,
    /// Character column of the expression, from 1.
    pub(super) expression_column: usize,
}

/// None if the line is no header.
///
/// A condition may hold brackets but neither `#` nor `;` (written `\x23` and `\x3b`), so a comment begins at the first of these.
pub(super) fn read(line: &str) -> Option<Header<'_>> {
    let rest = line.strip_prefix('[')?.trim_start_matches(is_space);
    let name_length = rest.find(|c: char| is_space(c) || "#[]:;{}".contains(c))?;
    let (name, after) = rest.split_at(name_length);
    if name.is_empty() {
        return None;
    }
    let after = after.trim_start_matches(is_space);
    let code = &after[..after.find(['#', ';']).unwrap_or(after.len())];
    let inside = trim_end(code).strip_suffix(']')?;
    let start = line.len() - after.len();
    let column = |end: usize| line[..end].chars().count() + 1;
    let name_column = column(line.len() - rest.len());
    match inside.strip_prefix(':') {
        Some(expression) => Some(Header {
            name,
            name_column,
            expression,
            expression_column: column(start + 1),
        }),
        None if inside.is_empty() => Some(Header {
            name,
            name_column,
            expression: "",
            expression_column: 0,
        }),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: Option<(&str, &str)>) {
        let read = read(line);
        assert_eq!(
            read.as_ref().map(|h| (h.name, h.expression)),
            expect,
            "{line:?}"
        );
    }

    #[test]
    fn read_of_headers_gives_name_and_condition() {
        check("[a]", Some(("a", "")));
        check("[ a ]  # why ]", Some(("a", "")));
        check("[a]; x", Some(("a", "")));
        check("[a:linux]", Some(("a", "linux")));
        check("[a : x[0] == 1 ] # c", Some(("a", " x[0] == 1 ")));
        check("[été]", Some(("été", "")));
        check("[a:]", Some(("a", "")));
    }

    #[test]
    fn read_of_other_lines_is_none() {
        for line in [
            "[a] x", "[a b]", "[]", "[", "[a", "a]", " [a]", "[:x]", "[a#]", "[a[b]]",
        ] {
            check(line, None);
        }
    }

    #[test]
    fn read_columns_count_characters() {
        let header = read("[é : oui]").unwrap();
        assert_eq!((header.name_column, header.expression_column), (2, 5));
        assert_eq!(read("[  é]").unwrap().name_column, 4);
    }
}
