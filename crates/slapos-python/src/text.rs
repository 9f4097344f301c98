//! Text as Python sees it: what counts as a space, as a line, as common indentation.
//!
//! The language was defined by Python's functions; these differ from Rust's in a few characters.

/// Whether Python's `str.isspace` and `\s` say so.
#[must_use]
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// `str.strip()`
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// `str.rstrip()`
#[must_use]
pub fn trim_end(text: &str) -> &str {
    text.trim_end_matches(is_space)
}

/// `str.split()`
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// Lines without their ends; `\n`, `\r\n` and a lone `\r` each end one, as in a file that Python reads as text.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let line = &rest[..end];
        let after = &rest[end..];
        rest = after
            .strip_prefix("\r\n")
            .unwrap_or_else(|| after.get(1..).unwrap_or(""));
        Some(line)
    })
}

/// `str.splitlines()`: each line without its end and with it. More characters end a line in a text than in a file.
pub fn split_lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_end =
        |c| matches!(c, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let line = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        let after = &rest[line.len()..];
        let end = match after.starts_with("\r\n") {
            true => 2,
            false => after.chars().next().map_or(0, char::len_utf8),
        };
        let whole = &rest[..line.len() + end];
        rest = &rest[whole.len()..];
        Some((line, whole))
    })
}

/// `textwrap.dedent`: cuts the indentation that all lines share; lines of spaces and tabs become empty.
#[must_use]
pub fn dedent(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let is_blank = |line: &str| indent(line) == line.len();
    let mut margin: Option<&str> = None;
    for line in text.split('\n').filter(|line| !is_blank(line)) {
        let own = &line[..indent(line)];
        margin = Some(margin.map_or(own, |margin| common_prefix(margin, own)));
    }
    let cut = margin.map_or(0, str::len);
    let kept = text
        .split('\n')
        .map(|line| if is_blank(line) { "" } else { &line[cut..] });
    kept.collect::<Vec<_>>().join("\n")
}

fn common_prefix<'a>(one: &'a str, other: &str) -> &'a str {
    // Both hold only spaces and tabs, so bytes are characters.
    let length = one
        .bytes()
        .zip(other.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    &one[..length]
}

/// Cuts the lines in front that hold nothing but space.
#[must_use]
pub fn without_leading_blank_lines(text: &str) -> &str {
    let blank = text.len() - text.trim_start_matches(is_space).len();
    text[..blank]
        .rfind('\n')
        .map_or(text, |end| &text[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_each_kind_of_newline() {
        let all: Vec<&str> = lines("a\r\nb\rc\n\nd").collect();
        assert_eq!(all, ["a", "b", "c", "", "d"]);
        assert_eq!(lines("a\n").count(), 1);
        assert_eq!(lines("").count(), 0);
    }

    #[test]
    fn split_lines_ends_them_where_python_does() {
        let all: Vec<_> = split_lines("a\r\nb\u{1e}\u{2028}c\u{1f}d\u{85}").collect();
        assert_eq!(
            all,
            [
                ("a", "a\r\n"),
                ("b", "b\u{1e}"),
                ("", "\u{2028}"),
                ("c\u{1f}d", "c\u{1f}d\u{85}")
            ]
        );
        assert_eq!(split_lines("\r").count(), 1);
        assert_eq!(split_lines("").count(), 0);
    }

    #[test]
    fn dedent_cuts_what_all_lines_share() {
        assert_eq!(dedent("\n    a\n      b\n  \n    c"), "\na\n  b\n\nc");
        assert_eq!(dedent("\n\ta\n  b"), "\n\ta\n  b");
        assert_eq!(dedent(""), "");
    }

    #[test]
    fn without_leading_blank_lines_keeps_the_indent_of_the_first_line() {
        assert_eq!(without_leading_blank_lines("\n \n   a\n b"), "   a\n b");
        assert_eq!(without_leading_blank_lines("  a"), "  a");
    }

    #[test]
    fn words_are_split_at_any_space() {
        assert_eq!(
            words(" a\tb\n\u{1f}c ").collect::<Vec<_>>(),
            ["a", "b", "c"]
        );
    }
}
