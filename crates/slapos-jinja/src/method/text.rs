//! Methods of strings.

use std::rc::Rc;

use slapos_python::text as python;

use super::bytes;
use crate::arguments::Arguments;
use crate::error::{ErrorKind, Outcome, fail, type_error, value_error};
use crate::render::Machine;
use crate::value::Value;
use crate::{format, limits};

pub(super) const NAMES: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
    "zfill",
];
pub(crate) fn call(
    machine: &Machine<'_>,
    text: &Rc<str>,
    name: &str,
    arguments: Arguments,
) -> Outcome<Value> {
    machine.spend(1 + text.len() as u64 / 64)?;
    machine.make(text.len())?;
    match name {
        "format" => return format::braces(machine, text, &arguments),
        "format_map" => {
            let pairs = arguments.one(name)?.pairs(machine)?.unwrap_or_default();
            let named = pairs
                .into_iter()
                .map(|(key, value)| Ok((key.as_str("a key")?, value)));
            let arguments = Arguments {
                named: named.collect::<Outcome<_>>()?,
                ..Arguments::default()
            };
            return format::braces(machine, text, &arguments);
        }
        "join" => return join(machine, text, &arguments.one(name)?),
        "encode" => return bytes::encode(text, arguments),
        "replace" => return replace(machine, text, arguments),
        "startswith" | "endswith" => return begins_or_ends(text, name == "startswith", arguments),
        "split" | "rsplit" => {
            let [separator, most] = arguments.bind(name, ["sep", "maxsplit"], 0)?;
            let most = most.map_or(Ok(-1), |n| n.as_int("maxsplit"))?;
            return split(machine, text, separator.as_ref(), (most, name == "rsplit"));
        }
        "splitlines" => return split_lines(machine, text, arguments),
        "strip" | "lstrip" | "rstrip" => return strip(text, name, arguments),
        "partition" | "rpartition" => return partition(text, name, arguments),
        "find" | "rfind" | "index" | "rindex" => return find(text, name, arguments),
        "count" => {
            let [wanted, start, end] = arguments.bind(name, ["sub", "start", "end"], 1)?;
            let wanted = wanted.unwrap_or(Value::None).as_str("the text")?;
            let (_, part) = between(text, start.as_ref(), end.as_ref())?;
            return Ok(match wanted.is_empty() {
                true => Value::size(part.chars().count() + 1),
                false => Value::size(part.matches(&*wanted).count()),
            });
        }
        "removeprefix" | "removesuffix" => {
            let fix = arguments.one(name)?.as_str("the text")?;
            let rest = match name {
                "removeprefix" => text.strip_prefix(&*fix),
                _ => text.strip_suffix(&*fix),
            };
            return Ok(Value::text(rest.unwrap_or(text)));
        }
        "ljust" | "rjust" | "center" | "zfill" => return padded(machine, text, name, arguments),
        "expandtabs" => {
            let [size] = arguments.bind(name, ["tabsize"], 0)?;
            let size = size.map_or(Ok(8), |n| n.as_int("tabsize"))?;
            let size = usize::try_from(size.max(0))
                .ok()
                .filter(|size| *size <= limits::WIDTH_MAX);
            let Some(size) = size else {
                return fail(ErrorKind::Limit, "expandtabs(): the size is too large");
            };
            machine.make(text.matches('\t').count().saturating_mul(size))?;
            return Ok(Value::text(expand_tabs(text, size)));
        }
        _ => {}
    }
    arguments.none(name)?;
    if let Some(rest) = name.strip_prefix("is") {
        return is(text, rest);
    }
    Ok(Value::text(match name {
        "lower" | "casefold" => text.to_lowercase(),
        "upper" => text.to_uppercase(),
        "capitalize" => capitalized(text),
        "swapcase" => text.chars().map(swapped).collect(),
        "title" => title(text),
        _ => return type_error(format!("a str has no method `{name}`")),
    }))
}

pub(crate) fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first
            .to_uppercase()
            .chain(chars.as_str().to_lowercase().chars())
            .collect(),
        None => String::new(),
    }
}

fn swapped(c: char) -> char {
    let other = match c.is_uppercase() {
        true => c.to_lowercase().next(),
        false => c.to_uppercase().next(),
    };
    other.unwrap_or(c)
}

fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_inside = false;
    for c in text.chars() {
        match is_inside {
            true => out.extend(c.to_lowercase()),
            false => out.extend(c.to_uppercase()),
        }
        is_inside = c.is_alphabetic();
    }
    out
}

fn is(text: &str, what: &str) -> Outcome<Value> {
    let all = |test: fn(char) -> bool| !text.is_empty() && text.chars().all(test);
    let cased = |wanted: fn(char) -> bool, other: fn(char) -> bool| {
        text.chars().any(wanted) && !text.chars().any(other)
    };
    Ok(Value::Bool(match what {
        "alnum" => all(char::is_alphanumeric),
        "alpha" => all(char::is_alphabetic),
        "ascii" => text.is_ascii(),
        "decimal" | "digit" => all(|c| c.is_ascii_digit()),
        "numeric" => all(char::is_numeric),
        "space" => all(python::is_space),
        "identifier" => {
            let is_start = |c: char| c.is_alphabetic() || c == '_';
            text.starts_with(is_start) && all(|c| c.is_alphanumeric() || c == '_')
        }
        "lower" => cased(char::is_lowercase, char::is_uppercase),
        "upper" => cased(char::is_uppercase, char::is_lowercase),
        "title" => text.chars().any(char::is_alphabetic) && title(text) == text,
        _ => return type_error(format!("a str has no method `is{what}`")),
    }))
}

fn join(machine: &Machine<'_>, separator: &str, items: &Value) -> Outcome<Value> {
    let mut out = String::new();
    for (at, item) in items.items(machine)?.iter().enumerate() {
        let Value::Str(text) = item else {
            let kind = item.clone().defined()?.type_name();
            return type_error(format!(
                "sequence item {at}: expected str instance, {kind} found"
            ));
        };
        machine.make(separator.len() + text.len())?;
        if at > 0 {
            out.push_str(separator);
        }
        out.push_str(text);
    }
    Ok(Value::text(out))
}

fn replace(machine: &Machine<'_>, text: &str, arguments: Arguments) -> Outcome<Value> {
    let [old, new, count] = arguments.bind("replace", ["old", "new", "count"], 2)?;
    let old = old.unwrap_or(Value::None).as_str("the old text")?;
    let new = new.unwrap_or(Value::None).as_str("the new text")?;
    let count = count.map_or(Ok(-1), |n| n.as_int("count"))?;
    let all = if old.is_empty() {
        text.chars().count() + 1
    } else {
        text.matches(&*old).count()
    };
    let most = usize::try_from(count).unwrap_or(all).min(all);
    machine.make(text.len().saturating_add(most.saturating_mul(new.len())))?;
    Ok(Value::text(text.replacen(&*old, &new, most)))
}

fn begins_or_ends(text: &str, begins: bool, arguments: Arguments) -> Outcome<Value> {
    let [wanted, start, end] = arguments.bind("startswith", ["prefix", "start", "end"], 1)?;
    let wanted = wanted.unwrap_or(Value::None);
    let (_, part) = between(text, start.as_ref(), end.as_ref())?;
    let any = match &wanted {
        Value::Tuple(items) => items.to_vec(),
        other => vec![other.clone()],
    };
    for one in any {
        let one = one.as_str("the text")?;
        if (begins && part.starts_with(&*one)) || (!begins && part.ends_with(&*one)) {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

/// A part of the text by its character indexes; gives the first one too.
fn between<'t>(
    text: &'t str,
    start: Option<&Value>,
    end: Option<&Value>,
) -> Outcome<(usize, &'t str)> {
    if start.is_none() && end.is_none() {
        return Ok((0, text));
    }
    let length = i128::try_from(text.chars().count()).unwrap_or(0);
    let place = |bound: Option<&Value>, default: i128| -> Outcome<usize> {
        let at = match bound {
            None | Some(Value::None) => default,
            Some(value) => value.as_int("an index")?,
        };
        let at = if at < 0 {
            at.saturating_add(length)
        } else {
            at
        };
        Ok(usize::try_from(at.clamp(0, length)).unwrap_or(0))
    };
    let (start, end) = (place(start, 0)?, place(end, length)?);
    let at = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
    let (from, to) = (at(start), at(end.max(start)));
    Ok((start, &text[from..to]))
}

/// `split` and `rsplit`; `most` below zero is no limit.
fn split(
    machine: &Machine<'_>,
    text: &str,
    separator: Option<&Value>,
    (most, from_right): (i128, bool),
) -> Outcome<Value> {
    // Each part is a text of its own and a value.
    let parts = match separator {
        Some(Value::Str(separator)) if !separator.is_empty() => text.matches(&**separator).count(),
        _ => python::words(text).count(),
    };
    machine.make_values((parts + 1).saturating_mul(2))?;
    let limit = usize::try_from(most).map_or(usize::MAX, |n| n.saturating_add(1));
    let parts: Vec<String> = match separator {
        None | Some(Value::None) => match from_right {
            false => split_space(text, limit),
            true => {
                let reversed: String = text.chars().rev().collect();
                let parts = split_space(&reversed, limit);
                let mut parts: Vec<String> = parts
                    .iter()
                    .map(|part| part.chars().rev().collect())
                    .collect();
                parts.reverse();
                parts
            }
        },
        Some(separator) => {
            let separator = separator.as_str("the separator")?;
            if separator.is_empty() {
                return value_error("empty separator");
            }
            match from_right {
                false => text.splitn(limit, &*separator).map(str::to_owned).collect(),
                true => {
                    let mut parts: Vec<String> = text
                        .rsplitn(limit, &*separator)
                        .map(str::to_owned)
                        .collect();
                    parts.reverse();
                    parts
                }
            }
        }
    };
    Ok(Value::list(parts.iter().map(Value::text).collect()))
}

fn split_space(text: &str, limit: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.trim_start_matches(python::is_space);
    while !rest.is_empty() {
        if parts.len() + 1 >= limit {
            parts.push(python::trim_end(rest).to_owned());
            return parts;
        }
        let end = rest.find(python::is_space).unwrap_or(rest.len());
        parts.push(rest[..end].to_owned());
        rest = rest[end..].trim_start_matches(python::is_space);
    }
    parts
}

fn split_lines(machine: &Machine<'_>, text: &str, arguments: Arguments) -> Outcome<Value> {
    let [keeps] = arguments.bind("splitlines", ["keepends"], 0)?;
    let keeps = keeps.map_or(Ok(false), |flag| flag.is_true())?;
    let mut lines = Vec::new();
    for (line, whole) in python::split_lines(text) {
        machine.make_values(2)?;
        lines.push(Value::text(if keeps { whole } else { line }));
    }
    Ok(Value::list(lines))
}

fn strip(text: &str, name: &str, arguments: Arguments) -> Outcome<Value> {
    let [chars] = arguments.bind(name, ["chars"], 0)?;
    let chars = match chars {
        None | Some(Value::None) => None,
        Some(chars) => Some(chars.as_str("the characters")?),
    };
    let is_gone = |c: char| match &chars {
        Some(chars) => chars.contains(c),
        None => python::is_space(c),
    };
    let mut rest = text;
    if name != "rstrip" {
        rest = rest.trim_start_matches(is_gone);
    }
    if name != "lstrip" {
        rest = rest.trim_end_matches(is_gone);
    }
    Ok(Value::text(rest))
}

fn partition(text: &str, name: &str, arguments: Arguments) -> Outcome<Value> {
    let separator = arguments.one(name)?.as_str("the separator")?;
    if separator.is_empty() {
        return value_error("empty separator");
    }
    let parts = match name {
        "partition" => text.split_once(&*separator),
        _ => text.rsplit_once(&*separator),
    };
    let parts = match parts {
        Some((before, after)) => [before, &*separator, after],
        None if name == "partition" => [text, "", ""],
        None => ["", "", text],
    };
    Ok(Value::tuple(parts.into_iter().map(Value::text).collect()))
}

fn find(text: &str, name: &str, arguments: Arguments) -> Outcome<Value> {
    let [wanted, start, end] = arguments.bind(name, ["sub", "start", "end"], 1)?;
    let wanted = wanted.unwrap_or(Value::None).as_str("the text")?;
    let (first, part) = between(text, start.as_ref(), end.as_ref())?;
    let found = match name.starts_with('r') {
        true => part.rfind(&*wanted),
        false => part.find(&*wanted),
    };
    match found {
        Some(at) => Ok(Value::size(first + part[..at].chars().count())),
        None if name.ends_with("find") => Ok(Value::Int(-1)),
        None => value_error("substring not found"),
    }
}

fn padded(machine: &Machine<'_>, text: &str, name: &str, arguments: Arguments) -> Outcome<Value> {
    let [width, fill] = arguments.bind(name, ["width", "fillchar"], 1)?;
    let width = width.unwrap_or(Value::None).as_int("the width")?.max(0);
    let width = match usize::try_from(width) {
        Ok(width) if width <= limits::WIDTH_MAX => width,
        _ => return value_error("the width is too large"),
    };
    let fill = fill.map_or(Ok(Rc::from(" ")), |fill| fill.as_str("the fill character"))?;
    if fill.chars().count() != 1 {
        return type_error("The fill character must be exactly one character long");
    }
    let room = width.saturating_sub(text.chars().count());
    machine.make(room.saturating_mul(fill.len()))?;
    let filled = |n: usize| fill.repeat(n);
    Ok(Value::text(match name {
        "ljust" => format!("{text}{}", filled(room)),
        "rjust" => format!("{}{text}", filled(room)),
        "center" => {
            // Python puts the odd one to the left if the width is odd.
            let left = room / 2 + (room & width & 1);
            format!("{}{text}{}", filled(left), filled(room - left))
        }
        _ => {
            let (sign, digits) = match text.chars().next() {
                Some(sign @ ('+' | '-')) => (sign.to_string(), &text[1..]),
                _ => (String::new(), text),
            };
            format!("{sign}{}{digits}", "0".repeat(room))
        }
    }))
}

fn expand_tabs(text: &str, size: usize) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for c in text.chars() {
        match c {
            '\t' if size > 0 => {
                let room = size - column % size;
                out.extend(std::iter::repeat_n(' ', room));
                column += room;
            }
            '\t' => {}
            c => {
                out.push(c);
                column = if c == '\n' { 0 } else { column + 1 };
            }
        }
    }
    out
}
