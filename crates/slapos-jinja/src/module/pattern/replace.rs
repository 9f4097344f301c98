//! `sub`, `subn`, `split`: a text with its findings taken out or replaced.

use std::rc::Rc;

use super::found::Found;
use super::{Pattern, findings};
use crate::arguments::Arguments;
use crate::error::{Outcome, value_error};
use crate::render::Machine;
use crate::value::Value;

/// The new text, and how many findings were replaced; `most` of zero is no limit.
pub(super) fn substituted(
    machine: &Machine<'_>,
    pattern: &Rc<Pattern>,
    by: &Value,
    (text, most): (&Rc<str>, i128),
) -> Outcome<(Value, usize)> {
    let (mut out, mut last) = (String::new(), 0);
    let found = findings(machine, pattern, text, most)?;
    let count = found.len();
    for found in found {
        let (from, to) = found.whole();
        out.push_str(text.get(last..from).unwrap_or_default());
        last = to;
        let new = match by {
            Value::Str(template) => expanded(template, &found)?,
            function => {
                let object = found.object(pattern.object());
                let new = machine.call(function, Arguments::of([object]))?;
                new.as_str("the replacement")?.to_string()
            }
        };
        machine.make(new.len())?;
        out.push_str(&new);
    }
    out.push_str(text.get(last..).unwrap_or_default());
    machine.make(out.len())?;
    Ok((Value::text(out), count))
}

/// The parts between the findings, with the groups of each.
pub(super) fn split(
    machine: &Machine<'_>,
    pattern: &Rc<Pattern>,
    text: &Rc<str>,
    most: i128,
) -> Outcome<Value> {
    let (mut parts, mut last) = (Vec::new(), 0);
    for found in findings(machine, pattern, text, most)? {
        let (from, to) = found.whole();
        parts.push(Value::text(text.get(last..from).unwrap_or_default()));
        parts.extend((1..found.places.len()).map(|at| found.value(at)));
        last = to;
    }
    parts.push(Value::text(text.get(last..).unwrap_or_default()));
    machine.make_values(parts.len())?;
    machine.make(text.len())?;
    Ok(Value::list(parts))
}

/// `\1`, `\g<1>`, `\g<name>`, `\n`.
pub(super) fn expanded(template: &str, found: &Found) -> Outcome<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = one(&rest[at + 1..], found, &mut out)?;
    }
    out.push_str(rest);
    Ok(out)
}

/// What stands behind a backslash; gives what is behind that.
fn one<'t>(rest: &'t str, found: &Found, out: &mut String) -> Outcome<&'t str> {
    let Some(c) = rest.chars().next() else {
        return value_error("bad escape (end of pattern)");
    };
    let named = rest.strip_prefix("g<");
    if let Some((name, after)) = named.and_then(|rest| rest.split_once('>')) {
        let at = match name.parse::<usize>() {
            Ok(at) => Some(at),
            Err(_) => found.pattern.group_of(name),
        };
        return match at.filter(|at| *at < found.places.len()) {
            Some(at) => {
                out.push_str(found.group(at).unwrap_or_default());
                Ok(after)
            }
            None => value_error(format!("there is no group {name}")),
        };
    }
    if c.is_ascii_digit() && c != '0' {
        let is_two = rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        let end = if is_two { 2 } else { 1 };
        let at: usize = rest[..end].parse().unwrap_or(usize::MAX);
        if at >= found.places.len() {
            return value_error(format!("invalid group reference {at}"));
        }
        out.push_str(found.group(at).unwrap_or_default());
        return Ok(&rest[end..]);
    }
    match c {
        '0' => out.push('\0'),
        'n' => out.push('\n'),
        't' => out.push('\t'),
        'r' => out.push('\r'),
        'a' => out.push('\u{7}'),
        'b' => out.push('\u{8}'),
        'f' => out.push('\u{c}'),
        'v' => out.push('\u{b}'),
        '\\' => out.push('\\'),
        c if c.is_ascii_alphabetic() => return value_error(format!("bad escape \\{c}")),
        c => out.extend(['\\', c]),
    }
    Ok(&rest[c.len_utf8()..])
}
