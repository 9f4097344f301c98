//! References in a text: `${section:option}`, and `$$`, which protects what follows it.

use crate::Kind;

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    /// `${…}`, brackets included; may be no good reference.
    Reference(&'a str),
    /// `$$`
    Dollars,
}

/// Whether substituting can change the text.
pub(crate) fn has_reference(text: &str) -> bool {
    text.contains("${")
}

/// Cuts a text into pieces. A `${` without `}`, or with `$$` before the `}`, is text.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let parts = text.split("$$").enumerate();
    parts.flat_map(|(index, part)| {
        let dollars = (index > 0).then_some(Piece::Dollars);
        dollars.into_iter().chain(Part {
            rest: part,
            reference: None,
        })
    })
}

/// The reference that the text is, and nothing besides.
pub(crate) fn only(text: &str) -> Option<&str> {
    let mut pieces = pieces(text);
    match (pieces.next(), pieces.next()) {
        (Some(Piece::Reference(reference)), None) => Some(reference),
        _ => None,
    }
}

/// Byte ranges of the references of a text, brackets included; in one pass, whatever the text.
pub fn references(text: &str) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut end = 0;
    pieces(text).filter_map(move |piece| {
        let (written, is_reference) = match piece {
            Piece::Text(written) => (written, false),
            Piece::Reference(written) => (written, true),
            Piece::Dollars => ("$$", false),
        };
        let start = end;
        end += written.len();
        is_reference.then_some(start..end)
    })
}

/// A text without `$$`.
struct Part<'a> {
    rest: &'a str,
    reference: Option<&'a str>,
}

impl<'a> Iterator for Part<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if let Some(reference) = self.reference.take() {
            return Some(Piece::Reference(reference));
        }
        if self.rest.is_empty() {
            return None;
        }
        let found = self.rest.find("${").and_then(|start| {
            let length = self.rest[start..].find('}')? + 1;
            Some((start, start + length))
        });
        let Some((start, end)) = found else {
            return Some(Piece::Text(std::mem::take(&mut self.rest)));
        };
        let (text, reference) = (&self.rest[..start], &self.rest[start..end]);
        self.rest = &self.rest[end..];
        if text.is_empty() {
            return Some(Piece::Reference(reference));
        }
        self.reference = Some(reference);
        Some(Piece::Text(text))
    }
}

/// Section (empty for the own one) and option of a reference, or what kind of bad reference it is.
pub(crate) fn parse(reference: &str) -> Result<(&str, &str), Kind> {
    let inside = reference.strip_prefix("${").unwrap_or(reference);
    let inside = inside.strip_suffix('}').unwrap_or(inside);
    let (section, option) = inside.split_once(':').ok_or(Kind::SubstitutionNoColon)?;
    if option.contains(':') {
        return Err(Kind::SubstitutionTooManyColons);
    }
    let is_name = |name: &str| {
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-'))
    };
    let is_option = !option.is_empty() && is_name(option);
    // An own reference with a bad option is called a bad section by the original, because its section is empty.
    if !is_name(section) || (section.is_empty() && !is_option) {
        return Err(Kind::SubstitutionBadSection);
    }
    if is_option {
        Ok((section, option))
    } else {
        Err(Kind::SubstitutionBadOption)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_text_are_its_references_and_the_rest() {
        let all: Vec<_> = pieces("a${b:c}$$${d}e${f").collect();
        let expect = [
            Piece::Text("a"),
            Piece::Reference("${b:c}"),
            Piece::Dollars,
            Piece::Reference("${d}"),
            Piece::Text("e${f"),
        ];
        assert_eq!(all, expect);
    }

    #[test]
    fn pieces_behind_dollars_are_protected() {
        assert!(!pieces("$${a:b} ${a$$b}").any(|piece| matches!(piece, Piece::Reference(_))));
    }

    #[test]
    fn only_is_a_reference_without_anything_besides() {
        assert_eq!(only("${a:b}"), Some("${a:b}"));
        for text in [
            "",
            "a",
            "${a:b",
            " ${a:b}",
            "${a:b}\n",
            "${a:b}${a:b}",
            "$${a:b}",
            "${a:b}$$",
        ] {
            assert_eq!(only(text), None, "{text}");
        }
    }

    #[test]
    fn parse_tells_each_kind_of_bad_reference() {
        assert_eq!(parse("${a.b-c_d:x y}"), Ok(("a.b-c_d", "x y")));
        assert_eq!(parse("${:x}"), Ok(("", "x")));
        assert_eq!(parse("${x}"), Err(Kind::SubstitutionNoColon));
        assert_eq!(parse("${a:b:c}"), Err(Kind::SubstitutionTooManyColons));
        assert_eq!(parse("${a/b:c}"), Err(Kind::SubstitutionBadSection));
        assert_eq!(parse("${a:b/c}"), Err(Kind::SubstitutionBadOption));
        assert_eq!(parse("${a:}"), Err(Kind::SubstitutionBadOption));
    }
}
