//! Places as editors count them: lines from 0, columns in UTF-16 units, files as `file:` URIs.

use std::ops::Range as Bytes;
use std::str::FromStr;

use lsp_types::{Location, Position, Range, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::syntax::Syntax;

/// Everything but `/` and what no URI gives a meaning.
const NOT_IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The path of a `file:` URI; other documents are not looked at.
pub(super) fn location_of(uri: &Uri) -> Option<String> {
    let rest = uri.as_str().strip_prefix("file://")?;
    let path = &rest[rest.find('/')?..];
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let path = percent_decode_str(path).decode_utf8().ok()?;
    Some(path.into_owned())
}

/// The URI of a path, or of a profile from the web the URL.
pub(super) fn uri_of(location: &str) -> Option<Uri> {
    if location.contains("://") {
        return Uri::from_str(location).ok();
    }
    let path = utf8_percent_encode(location, NOT_IN_PATH);
    Uri::from_str(&format!("file://{path}")).ok()
}

/// Bytes of a line as a range.
pub(super) fn range(syntax: &Syntax, line: usize, bytes: Bytes<usize>) -> Range {
    let text = syntax.lines.get(line).map_or("", String::as_str);
    Range {
        start: position(text, line, bytes.start),
        end: position(text, line, bytes.end),
    }
}

/// From the start of one line to the end of another.
pub(super) fn lines(syntax: &Syntax, from: usize, to: usize) -> Range {
    let last = syntax.lines.get(to).map_or("", String::as_str);
    Range {
        start: position("", from, 0),
        end: position(last, to, last.len()),
    }
}

pub(super) fn location(file: &str, range: Range) -> Option<Location> {
    let uri = uri_of(file)?;
    Some(Location { uri, range })
}

fn position(text: &str, line: usize, byte: usize) -> Position {
    let before = text.get(..byte).unwrap_or(text);
    let column: usize = before.chars().map(char::len_utf16).sum();
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Position::new(small(line), small(column))
}

/// The byte of a line at a column in UTF-16 units; the end if it is shorter.
pub(super) fn byte_at(text: &str, column: u32) -> usize {
    let mut left = column as usize;
    for (byte, c) in text.char_indices() {
        if left < c.len_utf16() {
            return byte;
        }
        left -= c.len_utf16();
    }
    text.len()
}

/// The byte of a line at a column in characters, from 1.
pub(super) fn byte_of_column(text: &str, column: u32) -> usize {
    let nth = (column.max(1) - 1) as usize;
    text.char_indices()
        .nth(nth)
        .map_or(text.len(), |(byte, _)| byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_and_paths_lead_to_each_other() {
        let path = "/srv/é x/a#b%.cfg";
        let uri = uri_of(path).unwrap();
        assert_eq!(uri.as_str(), "file:///srv/%C3%A9%20x/a%23b%25.cfg");
        assert_eq!(location_of(&uri).as_deref(), Some(path));
        let plain = Uri::from_str("file://localhost/a").unwrap();
        assert_eq!(location_of(&plain).as_deref(), Some("/a"));
        assert_eq!(location_of(&Uri::from_str("untitled:1").unwrap()), None);
        assert_eq!(location_of(&Uri::from_str("file:///%ff").unwrap()), None);
    }

    #[test]
    fn columns_are_counted_in_utf16() {
        let syntax = Syntax::read("[a]\né𝕏x = 1\n");
        let found = range(&syntax, 1, 2..7);
        assert_eq!((found.start.character, found.end.character), (1, 4));
        assert_eq!(byte_at("é𝕏x", 3), 6);
        assert_eq!(byte_at("é", 9), 2);
        assert_eq!(byte_of_column("é𝕏x", 3), 6);
    }
}
