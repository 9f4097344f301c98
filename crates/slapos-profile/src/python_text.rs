//! Text as Python sees it, which is how the language was defined: spaces and common indentation.
//!
//! The language's crate has the same for itself; these few are small, and held against it by the property test of syntax.rs.

/// Whether Python's `str.isspace` says so.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

pub(crate) fn trim_end(text: &str) -> &str {
    text.trim_end_matches(is_space)
}

/// `str.split()`
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// Cuts the indentation that all lines share; lines of spaces and tabs become empty.
pub(crate) fn dedent(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let mut margin: Option<&str> = None;
    for line in text.split('\n').filter(|line| indent(line) < line.len()) {
        let own = &line[..indent(line)];
        let shared = margin.map_or(own.len(), |margin| {
            let pairs = margin.bytes().zip(own.bytes());
            pairs.take_while(|(a, b)| a == b).count()
        });
        margin = Some(&own[..shared]);
    }
    let cut = margin.map_or(0, str::len);
    let kept = text.split('\n').map(|line| {
        if indent(line) == line.len() {
            ""
        } else {
            &line[cut..]
        }
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// Cuts the lines in front that hold nothing but space.
pub(crate) fn without_leading_blank_lines(text: &str) -> &str {
    let blank = text.len() - text.trim_start_matches(is_space).len();
    text[..blank]
        .rfind('\n')
        .map_or(text, |end| &text[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dedent_cuts_what_all_lines_share() {
        assert_eq!(dedent("\n    a\n      b\n  \n    c"), "\na\n  b\n\nc");
        assert_eq!(dedent("\n\ta\n  b"), "\n\ta\n  b");
    }

    #[test]
    fn without_leading_blank_lines_keeps_the_indent_of_the_first_line() {
        assert_eq!(without_leading_blank_lines("\n \n   a\n b"), "   a\n b");
    }
}
