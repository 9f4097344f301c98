//! `re`, over a regular-expression engine with look-around and back-references and a bound on its work.

use std::rc::Rc;

use fancy_regex::{Captures, Regex, RegexBuilder};

use crate::arguments::Arguments;
use crate::error::{ErrorKind, Outcome, failure, type_error, value_error};
use crate::limits;
use crate::render::Machine;
use crate::value::Value;

const FLAGS: [(&str, i128); 8] = [
    ("I", 2),
    ("IGNORECASE", 2),
    ("M", 8),
    ("MULTILINE", 8),
    ("S", 16),
    ("DOTALL", 16),
    ("X", 64),
    ("VERBOSE", 64),
];
const NAMES: [&str; 7] = [
    "match",
    "search",
    "fullmatch",
    "findall",
    "split",
    "sub",
    "finditer",
];

pub(super) fn module() -> Value {
    let functions = NAMES.map(|name| {
        let call = Value::function(name, move |machine, mut arguments: Arguments| {
            if arguments.plain.is_empty() {
                return type_error(format!("re.{name}() needs a pattern"));
            }
            let pattern = arguments.plain.remove(0);
            let flags = arguments
                .named
                .iter()
                .position(|(name, _)| &**name == "flags");
            let flags = flags.map_or(Value::Int(0), |at| arguments.named.remove(at).1);
            let regex = compile(&pattern, &flags)?;
            call(machine, &regex, name, arguments)
        });
        (name, call)
    });
    let compile = Value::function("compile", |_, arguments| {
        let [pattern, flags] = arguments.bind("compile", ["pattern", "flags"], 1)?;
        let regex = Rc::new(compile(
            &pattern.unwrap_or(Value::None),
            &flags.unwrap_or(Value::Int(0)),
        )?);
        let methods = NAMES.map(|name| {
            let regex = Rc::clone(&regex);
            (
                name,
                Value::function(name, move |machine, arguments| {
                    call(machine, &regex, name, arguments)
                }),
            )
        });
        Ok(Value::object("Pattern", methods.to_vec()))
    });
    let escape = Value::function("escape", |_, arguments| {
        let text = arguments.one("escape")?.as_str("the pattern")?;
        let is_special = |c: char| "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(c);
        let escaped = text
            .chars()
            .flat_map(|c| is_special(c).then_some('\\').into_iter().chain([c]));
        Ok(Value::text(escaped.collect::<String>()))
    });
    let flags = FLAGS.map(|(name, flag)| (name, Value::Int(flag)));
    let others = [("compile", compile), ("escape", escape)];
    Value::object(
        "module",
        functions.into_iter().chain(others).chain(flags).collect(),
    )
}

fn compile(pattern: &Value, flags: &Value) -> Outcome<Regex> {
    let pattern = pattern.as_str("the pattern")?;
    let flags = flags.as_int("flags")?;
    let letters: String = [(2, 'i'), (8, 'm'), (16, 's'), (64, 'x')]
        .into_iter()
        .filter_map(|(flag, letter)| (flags & flag != 0).then_some(letter))
        .collect();
    let text = match letters.is_empty() {
        true => pattern.to_string(),
        false => format!("(?{letters}){pattern}"),
    };
    // Python writes the end of the text as \Z.
    let text = text.replace("\\Z", "\\z");
    let built = RegexBuilder::new(&text)
        .backtrack_limit(limits::BACKTRACK_MAX)
        .build();
    built.map_err(|error| {
        failure(
            ErrorKind::Value,
            format!("the pattern `{pattern}`: {error}"),
        )
    })
}

fn call(machine: &Machine<'_>, regex: &Regex, name: &str, arguments: Arguments) -> Outcome<Value> {
    match name {
        "sub" => {
            let [by, text, count] = arguments.bind(name, ["repl", "string", "count"], 2)?;
            let text = text.unwrap_or(Value::None).as_str("the string")?;
            let count = count.map_or(Ok(0), |n| n.as_int("count"))?;
            substitute(machine, regex, &by.unwrap_or(Value::None), &text, count)
        }
        "split" => {
            let [text, most] = arguments.bind(name, ["string", "maxsplit"], 1)?;
            let text = text.unwrap_or(Value::None).as_str("the string")?;
            let most = most.map_or(Ok(0), |n| n.as_int("maxsplit"))?;
            split(machine, regex, &text, most)
        }
        _ => {
            let [text] = arguments.bind(name, ["string"], 1)?;
            let text = text.unwrap_or(Value::None).as_str("the string")?;
            find(machine, regex, name, &text)
        }
    }
}

fn failed(error: &fancy_regex::Error) -> Box<crate::error::Failure> {
    failure(ErrorKind::Limit, format!("matching a pattern: {error}"))
}

fn find(machine: &Machine<'_>, regex: &Regex, name: &str, text: &str) -> Outcome<Value> {
    machine.spend(1 + text.len() as u64 / 16)?;
    if matches!(name, "findall" | "finditer") {
        let mut all = Vec::new();
        for captures in regex.captures_iter(text) {
            let captures = captures.map_err(|e| failed(&e))?;
            machine.make_values(2 + captures.len())?;
            all.push(match (name, captures.len()) {
                ("finditer", _) => match_object(regex, &captures),
                (_, 1) => group(&captures, 0),
                (_, 2) => group(&captures, 1),
                (_, n) => Value::tuple((1..n).map(|at| group(&captures, at)).collect()),
            });
        }
        // A group that took no part is an empty text in findall.
        let emptied = all.into_iter().map(|found| match found {
            Value::None => Value::text(""),
            other => other,
        });
        return Ok(Value::list(emptied.collect()));
    }
    let found = regex.captures(text).map_err(|e| failed(&e))?;
    let fits = |captures: &Captures<'_, str>| {
        captures.get(0).is_some_and(|whole| match name {
            "match" => whole.start() == 0,
            "fullmatch" => whole.start() == 0 && whole.end() == text.len(),
            _ => true,
        })
    };
    Ok(found
        .filter(fits)
        .map_or(Value::None, |captures| match_object(regex, &captures)))
}

fn group(captures: &Captures<'_, str>, at: usize) -> Value {
    captures
        .get(at)
        .map_or(Value::None, |found| Value::text(found.as_str()))
}

fn match_object(regex: &Regex, captures: &Captures<'_, str>) -> Value {
    let groups: Rc<[Value]> = (0..captures.len()).map(|at| group(captures, at)).collect();
    let names: Vec<(String, Value)> = regex
        .capture_names()
        .enumerate()
        .filter_map(|(at, name)| Some((name?.to_owned(), groups.get(at)?.clone())))
        .collect();
    let (all, named) = (Rc::clone(&groups), names.clone());
    let group = Value::function("group", move |_, arguments| {
        let wanted = match arguments.plain.is_empty() {
            true => vec![Value::Int(0)],
            false => arguments.plain,
        };
        let found = wanted.iter().map(|at| match at {
            Value::Str(name) => named
                .iter()
                .find(|(known, _)| **known == **name)
                .map(|(_, value)| value.clone()),
            at => usize::try_from(at.as_int("").ok()?)
                .ok()
                .and_then(|at| all.get(at).cloned()),
        });
        match found.collect::<Option<Vec<_>>>() {
            Some(mut found) if found.len() == 1 => Ok(found.remove(0)),
            Some(found) => Ok(Value::tuple(found)),
            None => value_error("no such group"),
        }
    });
    let groups = Value::function("groups", move |_, _| {
        Ok(Value::tuple(groups.iter().skip(1).cloned().collect()))
    });
    let groupdict = Value::function("groupdict", move |_, _| {
        let pairs = names.iter().map(|(name, value)| {
            (
                crate::value::Key::text(name),
                (Value::text(name), value.clone()),
            )
        });
        Ok(Value::dict(pairs.collect()))
    });
    let ends = captures
        .get(0)
        .map_or((0, 0), |whole| (whole.start(), whole.end()));
    let number = |name: &'static str, n: usize| {
        (name, Value::function(name, move |_, _| Ok(Value::size(n))))
    };
    Value::object(
        "Match",
        vec![
            ("group", group),
            ("groups", groups),
            ("groupdict", groupdict),
            number("start", ends.0),
            number("end", ends.1),
        ],
    )
}

fn substitute(
    machine: &Machine<'_>,
    regex: &Regex,
    by: &Value,
    text: &str,
    count: i128,
) -> Outcome<Value> {
    let (mut out, mut last, mut done) = (String::new(), 0, 0);
    for captures in regex.captures_iter(text) {
        let captures = captures.map_err(|e| failed(&e))?;
        let Some(whole) = captures.get(0).filter(|_| count <= 0 || done < count) else {
            break;
        };
        done += 1;
        machine.spend(1)?;
        out.push_str(&text[last..whole.start()]);
        last = whole.end();
        let new = match by {
            Value::Str(template) => expanded(template, &captures)?,
            function => {
                let found = match_object(regex, &captures);
                machine
                    .call(function, Arguments::of([found]))?
                    .as_str("the replacement")?
                    .to_string()
            }
        };
        machine.make(new.len())?;
        out.push_str(&new);
    }
    out.push_str(&text[last..]);
    machine.make(out.len())?;
    Ok(Value::text(out))
}

/// `\1`, `\g<1>`, `\g<name>`, `\n`.
fn expanded(template: &str, captures: &Captures<'_, str>) -> Outcome<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else {
            return value_error("bad escape (end of pattern)");
        };
        if let Some((name, after)) = rest
            .strip_prefix("g<")
            .and_then(|rest| rest.split_once('>'))
        {
            let found = match name.parse::<usize>() {
                Ok(at) => captures.get(at),
                Err(_) => captures.name(name),
            };
            out.push_str(found.map_or("", |found| found.as_str()));
            rest = after;
        } else if c.is_ascii_digit() {
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len())
                .min(2);
            let at: usize = rest[..end].parse().unwrap_or(usize::MAX);
            if at >= captures.len() {
                return value_error(format!("invalid group reference {at}"));
            }
            out.push_str(captures.get(at).map_or("", |found| found.as_str()));
            rest = &rest[end..];
        } else {
            match c {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                '\\' => out.push('\\'),
                c if c.is_ascii_alphabetic() => return value_error(format!("bad escape \\{c}")),
                c => out.extend(['\\', c]),
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn split(machine: &Machine<'_>, regex: &Regex, text: &str, most: i128) -> Outcome<Value> {
    let (mut parts, mut last, mut done) = (Vec::new(), 0, 0);
    for captures in regex.captures_iter(text) {
        let captures = captures.map_err(|e| failed(&e))?;
        let Some(whole) = captures.get(0).filter(|_| most <= 0 || done < most) else {
            break;
        };
        done += 1;
        machine.make_values(2 * captures.len())?;
        parts.push(Value::text(&text[last..whole.start()]));
        parts.extend((1..captures.len()).map(|at| group(&captures, at)));
        last = whole.end();
    }
    parts.push(Value::text(&text[last..]));
    Ok(Value::list(parts))
}
