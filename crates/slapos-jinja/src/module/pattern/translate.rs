//! Python's way of writing a regular expression, as the engine here reads it.
//!
//! The two agree in most; what differs is written otherwise in one walk over the pattern: `\Z`, the `$` that a line break
//! may follow, a `[` and `&&` in a class, a brace that repeats nothing. What only the engine knows is refused.

use crate::error::{Outcome, value_error};

/// Flags of `re`, those that change something here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) ignores_case: bool,
    pub(super) is_multiline: bool,
    pub(super) dot_is_all: bool,
    pub(super) is_verbose: bool,
}

impl Flags {
    /// `re.I | re.M` and so on.
    pub(super) fn of(number: i128) -> Outcome<Flags> {
        // `re.UNICODE` is how texts are anyway.
        if number & !(2 | 8 | 16 | 32 | 64) != 0 {
            return value_error("only the flags I, M, S, X and U of `re` are built in");
        }
        Ok(Flags {
            ignores_case: number & 2 != 0,
            is_multiline: number & 8 != 0,
            dot_is_all: number & 16 != 0,
            is_verbose: number & 64 != 0,
        })
    }

    fn letters(self) -> String {
        let all = [
            (self.ignores_case, 'i'),
            (self.is_multiline, 'm'),
            (self.dot_is_all, 's'),
            (self.is_verbose, 'x'),
        ];
        all.into_iter()
            .filter_map(|(is_on, letter)| is_on.then_some(letter))
            .collect()
    }
}

/// The pattern as the engine reads it, with its flags in front.
pub(super) fn translated(pattern: &str, flags: Flags) -> Outcome<String> {
    let (mut flags, mut rest) = (flags, pattern);
    // Flags for the whole pattern may only stand in front, since Python 3.11.
    while let Some((letters, after)) = leading_flags(rest) {
        flags.ignores_case |= letters.contains('i');
        flags.is_multiline |= letters.contains('m');
        flags.dot_is_all |= letters.contains('s');
        flags.is_verbose |= letters.contains('x');
        rest = after;
    }
    let mut out = String::with_capacity(rest.len() + 8);
    let letters = flags.letters();
    if !letters.is_empty() {
        out.push_str(&format!("(?{letters})"));
    }
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '\\' => escape(rest, &mut out)?,
            '[' => class(rest, &mut out),
            '$' if !flags.is_multiline => {
                out.push_str("(?=\\n?\\z)");
                &rest[1..]
            }
            '{' => brace(rest, &mut out),
            '#' if flags.is_verbose => {
                let end = rest.find('\n').unwrap_or(rest.len());
                &rest[end..]
            }
            c => {
                out.push(c);
                &rest[c.len_utf8()..]
            }
        };
    }
    Ok(out)
}

fn leading_flags(pattern: &str) -> Option<(&str, &str)> {
    let (letters, after) = pattern.strip_prefix("(?")?.split_once(')')?;
    let is_flags = !letters.is_empty() && letters.chars().all(|c| "imsxu".contains(c));
    is_flags.then_some((letters, after))
}

/// Behind a backslash, outside of a class.
fn escape<'p>(rest: &'p str, out: &mut String) -> Outcome<&'p str> {
    let Some(c) = rest[1..].chars().next() else {
        return value_error("bad escape (end of pattern)");
    };
    match c {
        'Z' => out.push_str("\\z"),
        // The engine knows more than Python: those are mistakes in a pattern of Python.
        c if c.is_ascii_alphabetic() && !"AbBdDsSwWafnrtvxuU".contains(c) => {
            return value_error(format!("bad escape \\{c}"));
        }
        c => out.extend(['\\', c]),
    }
    Ok(&rest[1 + c.len_utf8()..])
}

/// A class, in which `[` and doubled signs mean themselves.
fn class<'p>(rest: &'p str, out: &mut String) -> &'p str {
    out.push('[');
    let mut at = 1;
    if rest[at..].starts_with('^') {
        out.push('^');
        at += 1;
    }
    if rest[at..].starts_with(']') {
        out.push_str("\\]");
        at += 1;
    }
    while let Some(c) = rest[at..].chars().next() {
        at += c.len_utf8();
        match c {
            ']' => {
                out.push(']');
                break;
            }
            '\\' => {
                out.push('\\');
                if let Some(next) = rest[at..].chars().next() {
                    out.push(next);
                    at += next.len_utf8();
                }
            }
            '[' | '&' | '~' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    &rest[at..]
}

/// A brace that repeats, or means itself.
fn brace<'p>(rest: &'p str, out: &mut String) -> &'p str {
    let repeats = rest[1..].split_once('}').filter(|(inside, _)| {
        let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        match inside.split_once(',') {
            Some((from, to)) => is_number(from) && is_number(to),
            None => !inside.is_empty() && is_number(inside),
        }
    });
    match repeats {
        Some((inside, after)) => {
            let zero = if inside.starts_with(',') { "0" } else { "" };
            out.push_str(&format!("{{{zero}{inside}}}"));
            after
        }
        None => {
            out.push_str("\\{");
            &rest[1..]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn translated_writes_otherwise_what_the_engine_reads_otherwise() {
        for (pattern, expected) in [
            ("a\\Z", "a\\z"),
            ("\\\\Z", "\\\\Z"),
            ("a$", "a(?=\\n?\\z)"),
            ("[$[&&]\\$", "[$\\[\\&\\&]\\$"),
            ("[]a][^]]", "[\\]a][^\\]]"),
            ("{a}b{,2}c{1}", "\\{a}b{0,2}c{1}"),
            ("(?i)a(?m)", "(?i)a(?m)"),
        ] {
            let found = translated(pattern, Flags::default()).ok();
            assert_eq!(found.as_deref(), Some(expected), "{pattern}");
        }
        let multiline = Flags::of(8).expect("a flag");
        assert_eq!(
            translated("^a$", multiline).ok().as_deref(),
            Some("(?m)^a$")
        );
        assert!(translated("\\h", Flags::default()).is_err() && Flags::of(256).is_err());
    }
}
