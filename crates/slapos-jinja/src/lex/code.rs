//! Tokens inside of `{{ }}` and `{% %}`.

use std::rc::Rc;

use slapos_python::text::is_space;

use super::{Lexer, Token, syntax};
use crate::error::Outcome;

/// Longer ones first.
const SIGNS: [&str; 24] = [
    "**", "//", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}",
    ">", "<", "=", ".", ":", "|",
];
const MORE_SIGNS: [&str; 2] = [",", ";"];

impl Lexer<'_> {
    /// Tokens up to the end; a `}}` that closes dictionaries is not the end.
    pub(super) fn code(&mut self, end: &'static str, token: Token) -> Outcome<()> {
        let mut open: Vec<&'static str> = Vec::new();
        loop {
            let rest = self.rest();
            let space = rest.len() - rest.trim_start_matches(is_space).len();
            self.advance(space);
            let rest = self.rest();
            if open.is_empty() {
                for (control, strips) in [("-", true), ("+", false), ("", false)] {
                    // `+` would only undo a setting that profiles cannot make, and statements have it alone.
                    if control == "+" && end != "%}" {
                        continue;
                    }
                    let tail = rest.strip_prefix(control).unwrap_or("");
                    if tail.starts_with(end) && rest.starts_with(control) {
                        self.push(token);
                        self.advance(control.len() + end.len());
                        if strips {
                            self.skip_space();
                        }
                        return Ok(());
                    }
                }
            }
            let Some(first) = rest.chars().next() else {
                return Err(syntax(format!(
                    "the template ends where `{end}` was expected"
                )));
            };
            match first {
                '"' | '\'' => self.string(first)?,
                '0'..='9' => self.number()?,
                c if c.is_alphabetic() || c == '_' => {
                    let is_part = |c: char| c.is_alphanumeric() || c == '_';
                    let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                    let name = Rc::from(&rest[..length]);
                    self.push(Token::Name(name));
                    self.advance(length);
                }
                c => self.sign(c, &mut open)?,
            }
        }
    }

    fn sign(&mut self, first: char, open: &mut Vec<&'static str>) -> Outcome<()> {
        let rest = self.rest();
        let mut signs = SIGNS.iter().chain(&MORE_SIGNS);
        let Some(sign) = signs.find(|sign| rest.starts_with(**sign)) else {
            return Err(syntax(format!(
                "the character `{first}` means nothing here"
            )));
        };
        match *sign {
            "(" => open.push(")"),
            "[" => open.push("]"),
            "{" => open.push("}"),
            ")" | "]" | "}" => match open.pop() {
                Some(expected) if expected == *sign => {}
                Some(expected) => {
                    return Err(syntax(format!(
                        "there is a `{sign}` where `{expected}` was expected"
                    )));
                }
                None => return Err(syntax(format!("there is a `{sign}` that closes nothing"))),
            },
            _ => {}
        }
        self.push(Token::Sign(sign));
        self.advance(sign.len());
        Ok(())
    }

    fn string(&mut self, quote: char) -> Outcome<()> {
        let mut text = String::new();
        let mut chars = self.rest()[1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                _ if c == quote => {
                    self.push(Token::Str(Rc::from(text)));
                    self.advance(1 + at + 1);
                    return Ok(());
                }
                '\\' => escape(&mut chars, &mut text)?,
                c => text.push(c),
            }
        }
        Err(syntax("a string is not closed"))
    }

    fn number(&mut self) -> Outcome<()> {
        let rest = self.rest();
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
            let head = rest.get(..2).unwrap_or("").to_ascii_lowercase();
            if head == prefix {
                let digits = rest[2..].find(|c: char| !c.is_digit(radix) && c != '_');
                let length = digits.unwrap_or(rest.len() - 2);
                let text = rest[2..2 + length].replace('_', "");
                let value = i128::from_str_radix(&text, radix);
                let value = value.map_err(|_| syntax(format!("`{head}{text}` is no number")))?;
                self.push(Token::Int(value));
                self.advance(2 + length);
                return Ok(());
            }
        }
        let digits = |text: &str| {
            text.find(|c: char| !c.is_ascii_digit() && c != '_')
                .unwrap_or(text.len())
        };
        let whole = digits(rest);
        let mut length = whole;
        let fraction = rest[length..].strip_prefix('.').map_or(0, digits);
        let is_after_dot = matches!(self.out.last().map(|l| &l.token), Some(Token::Sign(".")));
        if fraction > 0 && !is_after_dot {
            length += 1 + fraction;
        }
        let exponent = rest[length..].strip_prefix(['e', 'E']);
        if let Some(tail) = exponent {
            let sign = usize::from(tail.starts_with(['+', '-']));
            let digits = digits(&tail[sign..]);
            if digits > 0 {
                length += 1 + sign + digits;
            }
        }
        let text = rest[..length].replace('_', "");
        let bad = |_| syntax(format!("`{text}` is no number, or too large"));
        let token = if length == whole {
            Token::Int(text.parse().map_err(|_| bad(()))?)
        } else {
            Token::Float(text.parse().map_err(|_| bad(()))?)
        };
        self.push(token);
        self.advance(length);
        Ok(())
    }
}

fn escape(chars: &mut std::str::CharIndices<'_>, text: &mut String) -> Outcome<()> {
    let Some((_, c)) = chars.next() else {
        return Ok(());
    };
    let mut code = |digits: usize| {
        let mut value = 0;
        for _ in 0..digits {
            let digit = chars.next().and_then(|(_, c)| c.to_digit(16));
            value = value * 16
                + digit.ok_or_else(|| syntax("a `\\x` or `\\u` of a string is not complete"))?;
        }
        char::from_u32(value).ok_or_else(|| syntax("a `\\u` of a string is no character"))
    };
    match c {
        'n' => text.push('\n'),
        't' => text.push('\t'),
        'r' => text.push('\r'),
        'a' => text.push('\u{7}'),
        'b' => text.push('\u{8}'),
        'f' => text.push('\u{c}'),
        'v' => text.push('\u{b}'),
        '\n' => {}
        '0'..='7' => {
            // Up to three octal digits.
            let mut value = c.to_digit(8).unwrap_or(0);
            for _ in 0..2 {
                let more = chars.as_str().chars().next();
                let Some(digit) = more.and_then(|c| c.to_digit(8)) else {
                    break;
                };
                value = value * 8 + digit;
                chars.next();
            }
            text.extend(char::from_u32(value));
        }
        '\\' | '\'' | '"' => text.push(c),
        'x' => text.push(code(2)?),
        'u' => text.push(code(4)?),
        'U' => text.push(code(8)?),
        c => text.extend(['\\', c]),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Token, lex};

    fn tokens(code: &str) -> Vec<Token> {
        let all = lex(&format!("{{{{ {code} }}}}"), "t").unwrap();
        let inner = &all[1..all.len() - 2];
        inner.iter().map(|lexeme| lexeme.token.clone()).collect()
    }

    #[test]
    fn code_reads_numbers_as_python_does() {
        assert_eq!(tokens("0x1f"), [Token::Int(31)]);
        assert_eq!(tokens("1_000"), [Token::Int(1000)]);
        assert_eq!(tokens("1e3"), [Token::Float(1000.0)]);
        assert_eq!(tokens("1.5"), [Token::Float(1.5)]);
        let dot = [
            Token::Name("a".into()),
            Token::Sign("."),
            Token::Int(1),
            Token::Sign("."),
            Token::Int(2),
        ];
        assert_eq!(tokens("a.1.2"), dot);
    }

    #[test]
    fn code_reads_strings_with_escapes() {
        assert_eq!(
            tokens(r#""a\n\x41\u00e9\d""#),
            [Token::Str("a\nA\u{e9}\\d".into())]
        );
    }

    #[test]
    fn code_takes_closing_braces_of_a_dictionary() {
        let all = lex("{{ {'a': {}}}}x", "t").unwrap();
        assert_eq!(all[all.len() - 2].token, Token::Text("x".into()));
        assert!(lex("{{ (] }}", "t").is_err());
        assert!(lex("{{ a", "t").is_err());
    }
}
