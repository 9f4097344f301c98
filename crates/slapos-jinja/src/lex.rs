//! From the text of a template to tokens: text, and what stands between `{{ }}` and `{% %}`.
//!
//! Comments and raw blocks end here, and so does the control of white space (`{%-`, `-%}`). One newline at the end of
//! the template is dropped, and every newline counts as `\n`, as in the original.

use std::rc::Rc;

use slapos_python::text::{is_space, trim_end};

use crate::error::{ErrorKind, Failure, Outcome, failure};

mod code;

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Text(Rc<str>),
    PrintBegin,
    PrintEnd,
    BlockBegin,
    BlockEnd,
    Name(Rc<str>),
    Str(Rc<str>),
    Int(i128),
    Float(f64),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// A token with its line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lexeme {
    pub(crate) token: Token,
    pub(crate) line: u32,
}

/// Splits a template; the last token is [`Token::End`].
pub(crate) fn lex(template: &str, name: &str) -> Outcome<Vec<Lexeme>> {
    let mut text = template.replace("\r\n", "\n").replace('\r', "\n");
    if text.ends_with('\n') {
        text.pop();
    }
    let mut lexer = Lexer {
        text: &text,
        at: 0,
        line: 1,
        out: Vec::new(),
    };
    lexer.root().map_err(|mut error| {
        error.place = Some((name.to_owned(), lexer.line));
        error
    })?;
    let line = lexer.line;
    lexer.out.push(Lexeme {
        token: Token::End,
        line,
    });
    Ok(lexer.out)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    out: Vec<Lexeme>,
}

fn syntax(message: impl Into<String>) -> Box<Failure> {
    failure(ErrorKind::Syntax, message)
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn advance(&mut self, bytes: usize) {
        let passed = &self.text.as_bytes()[self.at..self.at + bytes];
        let lines = passed.iter().filter(|b| **b == b'\n').count();
        self.line += u32::try_from(lines).unwrap_or(u32::MAX);
        self.at += bytes;
    }

    fn push(&mut self, token: Token) {
        let line = self.line;
        self.out.push(Lexeme { token, line });
    }

    /// Text up to the next `{{`, `{%` or `{#`.
    fn root(&mut self) -> Outcome<()> {
        while self.at < self.text.len() {
            let rest = self.rest();
            let next = rest
                .match_indices('{')
                .map(|(at, _)| at)
                .find(|at| matches!(rest.as_bytes().get(at + 1), Some(b'{' | b'%' | b'#')));
            let Some(length) = next else {
                self.data(rest.len(), false);
                return Ok(());
            };
            let opening = &rest.as_bytes()[length + 1..];
            let kind = opening.first().copied().unwrap_or(b'{');
            let control = opening.get(1).copied();
            self.data(length, control == Some(b'-'));
            // `+` would only undo a setting that profiles cannot make.
            let is_sign = matches!(control, Some(b'-' | b'+'));
            let opening = if is_sign { 3 } else { 2 };
            match kind {
                b'#' => self.comment()?,
                b'%' if self.is_raw(opening) => self.raw()?,
                b'%' => {
                    self.advance(opening);
                    self.push(Token::BlockBegin);
                    self.code("%}", Token::BlockEnd)?;
                }
                _ => {
                    self.advance(opening);
                    self.push(Token::PrintBegin);
                    self.code("}}", Token::PrintEnd)?;
                }
            }
        }
        Ok(())
    }

    fn data(&mut self, length: usize, strips: bool) {
        let text = &self.text[self.at..self.at + length];
        let kept = if strips { trim_end(text) } else { text };
        if !kept.is_empty() {
            let token = Token::Text(Rc::from(kept));
            self.push(token);
        }
        self.advance(length);
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.advance(rest.len() - rest.trim_start_matches(is_space).len());
    }

    fn comment(&mut self) -> Outcome<()> {
        let Some(end) = self.rest().find("#}") else {
            return Err(syntax("a comment `{#` is not closed"));
        };
        let strips = self.rest()[..end].ends_with('-') && end > 2;
        self.advance(end + 2);
        if strips {
            self.skip_space();
        }
        Ok(())
    }

    fn is_raw(&self, opening: usize) -> bool {
        let rest = self.rest()[opening..].trim_start_matches(is_space);
        let after = rest
            .strip_prefix("raw")
            .map(|rest| rest.trim_start_matches(is_space));
        after.is_some_and(|rest| rest.starts_with("%}") || rest.starts_with("-%}"))
    }

    fn raw(&mut self) -> Outcome<()> {
        let unclosed = || syntax("a `{% raw %}` is not closed");
        let begin = self.rest().find("%}").ok_or_else(unclosed)?;
        let strips = self.rest()[..begin].ends_with('-');
        self.advance(begin + 2);
        if strips {
            self.skip_space();
        }
        let mut from = 0;
        loop {
            let found = self.rest()[from..].find("{%").ok_or_else(unclosed)? + from;
            let inside = &self.rest()[found + 2..];
            let (inner, strips) = match inside.strip_prefix('-') {
                Some(inner) => (inner, true),
                None => (inside.strip_prefix('+').unwrap_or(inside), false),
            };
            let after = inner
                .trim_start_matches(is_space)
                .strip_prefix("endraw")
                .map(|rest| rest.trim_start_matches(is_space));
            let end = after.and_then(|rest| {
                let tail = rest.strip_prefix("-%}").map(|rest| (rest, true));
                tail.or_else(|| rest.strip_prefix("%}").map(|rest| (rest, false)))
            });
            if let Some((tail, strips_after)) = end {
                let length = self.rest().len() - tail.len();
                self.data(found, strips);
                self.advance(length - found);
                if strips_after {
                    self.skip_space();
                }
                return Ok(());
            }
            from = found + 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(template: &str) -> String {
        let all = lex(template, "t").unwrap();
        let texts = all.into_iter().filter_map(|lexeme| match lexeme.token {
            Token::Text(text) => Some(text.to_string()),
            _ => None,
        });
        texts.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn lex_strips_where_a_minus_stands() {
        assert_eq!(texts("a \n{%- x -%}\n b"), "a|b");
        assert_eq!(texts("a {#- c -#} b"), "a|b");
        assert_eq!(
            texts("a {% raw -%} {{ x }} {%- endraw %} b"),
            "a |{{ x }}| b"
        );
        assert_eq!(texts("a\r\nb\n\n"), "a\nb\n");
    }

    #[test]
    fn lex_tells_the_line_of_an_unclosed_comment() {
        let error = lex("a\n\n{# b", "t").unwrap_err();
        assert_eq!(error.place, Some(("t".to_owned(), 3)));
    }
}
