//! Tokens of Python expressions.

use crate::typed::{Integer, Typed};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Literal(Typed),
    Name(String),
    /// An operator or bracket.
    Sign(&'static str),
}

/// Longest first, so that `<=` is not read as `<`.
const SIGNS: [&str; 28] = [
    "//", "**", "<=", ">=", "==", "!=", "(", ")", "[", "]", "{", "}", ",", ":", ".", "<", ">", "+",
    "-", "*", "/", "%", "=", "~", "|", "&", "^", "@",
];

/// All tokens, or what is wrong. A `#` outside of a string begins a comment.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut rest = text.trim_start_matches(is_blank);
    let mut all = Vec::new();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (token, after) = next(rest)?;
        all.push(token);
        rest = after.trim_start_matches(is_blank);
    }
    Ok(all)
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}' | '\n' | '\r')
}

fn next(text: &str) -> Result<(Token, &str), String> {
    let first = text.chars().next().unwrap_or(' ');
    let second = text.chars().nth(1).unwrap_or(' ');
    if first.is_ascii_digit() || (first == '.' && second.is_ascii_digit()) {
        return number(text);
    }
    let word_length = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    let (word, after) = text.split_at(word_length);
    if after.starts_with(['\'', '"']) && is_string_prefix(word) {
        return string(word, after);
    }
    if !word.is_empty() {
        return Ok((Token::Name(word.to_owned()), after));
    }
    let sign = SIGNS.iter().find(|sign| text.starts_with(**sign));
    let sign = sign.ok_or_else(|| format!("has the character `{first}` where none belongs"))?;
    Ok((Token::Sign(sign), &text[sign.len()..]))
}

fn is_string_prefix(word: &str) -> bool {
    matches!(
        word.to_ascii_lowercase().as_str(),
        "" | "b" | "u" | "r" | "br" | "rb"
    )
}

fn number(text: &str) -> Result<(Token, &str), String> {
    let bad = |shown: &str| format!("has `{shown}`, which is no number");
    let radix = match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => Some(16),
        Some("0o") => Some(8),
        Some("0b") => Some(2),
        _ => None,
    };
    if let Some(radix) = radix {
        let end = text[2..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let (digits, after) = text[2..].split_at(end.unwrap_or(text.len() - 2));
        let value = i128::from_str_radix(&digits.replace('_', ""), radix);
        let value = value.map_err(|_| bad(&text[..2 + digits.len()]))?;
        return Ok((Token::Literal(Typed::Int(Integer::from(value))), after));
    }
    let (shown, after) = text.split_at(decimal_length(text));
    let digits = shown.replace('_', "");
    let is_imaginary = after.starts_with(['j', 'J']);
    let after = if is_imaginary { &after[1..] } else { after };
    if after.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        return Err(bad(shown));
    }
    let literal = if is_imaginary {
        Typed::Complex(0.0, digits.parse().map_err(|_| bad(shown))?)
    } else if digits.bytes().all(|b| b.is_ascii_digit()) {
        Typed::Int(Integer::from_digits(&digits).ok_or_else(|| bad(shown))?)
    } else {
        Typed::Float(digits.parse().map_err(|_| bad(shown))?)
    };
    Ok((Token::Literal(literal), after))
}

/// Bytes of `12`, `1_000`, `1.5`, `.5`, `1e-3`.
fn decimal_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        let run = bytes[from..]
            .iter()
            .take_while(|b| b.is_ascii_digit() || **b == b'_')
            .count();
        from + run
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

fn string<'a>(prefix: &str, text: &'a str) -> Result<(Token, &'a str), String> {
    let prefix = prefix.to_ascii_lowercase();
    let (is_bytes, is_raw) = (prefix.contains('b'), prefix.contains('r'));
    let quote = text.chars().next().unwrap_or('"');
    let body = &text[1..];
    if body.starts_with(quote) && body[1..].starts_with(quote) {
        return Err("has a triple-quoted string, which is not understood here".to_owned());
    }
    let end = closing_quote(body, quote).ok_or("has a string without an end")?;
    let (inside, after) = (&body[..end], &body[end + 1..]);
    let literal = if is_bytes {
        let is_ascii = inside.is_ascii();
        let text = unescape(inside, is_raw, true)?;
        let bytes: Option<Vec<u8>> = text
            .chars()
            .map(|c| u8::try_from(u32::from(c)).ok())
            .collect();
        let bytes = bytes.filter(|_| is_ascii).ok_or("has bytes beyond 255")?;
        Typed::Bytes(bytes)
    } else {
        Typed::Str(unescape(inside, is_raw, false)?)
    };
    Ok((Token::Literal(literal), after))
}

/// Where the string ends; a backslash protects the character behind it.
fn closing_quote(body: &str, quote: char) -> Option<usize> {
    let mut is_protected = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if is_protected => is_protected = false,
            '\\' => is_protected = true,
            '\n' => return None,
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

fn unescape(text: &str, is_raw: bool, is_bytes: bool) -> Result<String, String> {
    if is_raw {
        return Ok(text.to_owned());
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let (c, after) = escape(&rest[at + 1..], is_bytes)?;
        match c {
            Ok(c) => out.push(c),
            Err(verbatim) => out.push_str(verbatim),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The character of one escape, or the text to keep; and what follows it.
type Escaped<'a> = (Result<char, &'a str>, &'a str);

/// Reads behind a backslash.
fn escape(text: &str, is_bytes: bool) -> Result<Escaped<'_>, String> {
    let Some(first) = text.chars().next() else {
        return Ok((Err("\\"), text));
    };
    let after = &text[first.len_utf8()..];
    let simple = match first {
        'n' => Some('\n'),
        't' => Some('\t'),
        'r' => Some('\r'),
        '\\' | '\'' | '"' => Some(first),
        'a' => Some('\u{7}'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'v' => Some('\u{b}'),
        _ => None,
    };
    if let Some(c) = simple {
        return Ok((Ok(c), after));
    }
    let digits = match first {
        'x' => 2,
        'u' if !is_bytes => 4,
        'U' if !is_bytes => 8,
        '0'..='7' => return octal(text),
        _ => return Ok((Ok('\\'), text)),
    };
    let hex = after
        .get(..digits)
        .and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let c = hex.and_then(char::from_u32);
    let c = c.ok_or_else(|| format!("has the bad escape `\\{first}`"))?;
    Ok((Ok(c), &after[digits..]))
}

fn octal(text: &str) -> Result<Escaped<'_>, String> {
    let length = text
        .bytes()
        .take(3)
        .take_while(|b| (b'0'..=b'7').contains(b))
        .count();
    let code = u32::from_str_radix(&text[..length], 8)
        .ok()
        .and_then(char::from_u32);
    let code = code.ok_or("has a bad octal escape")?;
    Ok((Ok(code), &text[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Typed {
        match tokens(text).unwrap().as_slice() {
            [Token::Literal(literal)] => literal.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tokens_of_numbers() {
        assert_eq!(literal("1_000"), Typed::Int(Integer::from(1000)));
        assert_eq!(literal("0x1F"), Typed::Int(Integer::from(31)));
        assert_eq!(literal("1.5e-3"), Typed::Float(0.0015));
        assert_eq!(literal(".5"), Typed::Float(0.5));
        assert_eq!(literal("3j"), Typed::Complex(0.0, 3.0));
        for bad in ["1x", "01", "0x", "1e", "1_a"] {
            assert!(tokens(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tokens_of_strings_are_unescaped() {
        assert_eq!(
            literal(r"'a\x24\n\'\101\é'"),
            Typed::Str("a$\n'A\\é".to_owned())
        );
        assert_eq!(literal(r#"r"a\n""#), Typed::Str("a\\n".to_owned()));
        assert_eq!(literal(r"b'\xff'"), Typed::Bytes(vec![255]));
        for bad in [
            "'a", "'''a'''", r"'\xg0'", "b'é'", "'a\n'", r"'\u12'", "f'a'x$",
        ] {
            assert!(tokens(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tokens_of_operators_are_the_longest() {
        let signs = tokens("a<=b//c # d").unwrap();
        assert_eq!(signs[1], Token::Sign("<="));
        assert_eq!(signs[3], Token::Sign("//"));
        assert_eq!(signs.len(), 5);
    }
}
