//! `re`, over a regular-expression engine with look-around and back-references and a bound on its work.
//!
//! [`METHODS`] is the table, of the module as of a compiled pattern. translate.rs has what is written otherwise,
//! found.rs the object `Match`, replace.rs `sub` and `split`.

use std::cell::OnceCell;
use std::rc::Rc;

use fancy_regex::{Captures, Regex, RegexBuilder};

use crate::arguments::Arguments;
use crate::error::{ErrorKind, Failure, Outcome, failure, type_error};
use crate::limits;
use crate::render::Machine;
use crate::value::{Dict, Key, Value};
use found::Found;
use translate::{Flags, translated};

mod found;
mod replace;
mod translate;

/// A pattern, compiled in the ways that it is asked for.
pub(super) struct Pattern {
    text: Rc<str>,
    flags: i128,
    /// As the engine reads it.
    inner: String,
    anywhere: Regex,
    /// At the place where the search begins.
    here: OnceCell<Regex>,
    /// There, and with nothing behind.
    whole: OnceCell<Regex>,
    /// There, where an empty finding does not count.
    more: OnceCell<Regex>,
}

const FLAGS: [(&str, i128); 10] = [
    ("I", 2),
    ("IGNORECASE", 2),
    ("M", 8),
    ("MULTILINE", 8),
    ("S", 16),
    ("DOTALL", 16),
    ("U", 32),
    ("UNICODE", 32),
    ("X", 64),
    ("VERBOSE", 64),
];

/// A method of a compiled pattern. A function of the module has the pattern before, and `flags` behind its arguments.
struct Method {
    name: &'static str,
    /// Its arguments, and how many of them must be there.
    arguments: (&'static [&'static str], usize),
    run: fn(&Machine<'_>, &Rc<Pattern>, Given) -> Outcome<Value>,
}

/// What a method gets, in the order of its arguments.
type Given = Vec<Option<Value>>;

const STRING: (&[&str], usize) = (&["string"], 1);

const METHODS: &[Method] = &[
    Method {
        name: "match",
        arguments: STRING,
        run: |machine, pattern, given| find(machine, pattern, pattern.here()?, given),
    },
    Method {
        name: "fullmatch",
        arguments: STRING,
        run: |machine, pattern, given| find(machine, pattern, pattern.whole()?, given),
    },
    Method {
        name: "search",
        arguments: STRING,
        run: |machine, pattern, given| find(machine, pattern, &pattern.anywhere, given),
    },
    Method {
        name: "findall",
        arguments: STRING,
        run: find_all,
    },
    Method {
        name: "finditer",
        arguments: STRING,
        run: |machine, pattern, given| {
            let found = findings(machine, pattern, &text(&given, 0)?, 0)?;
            let all = found.into_iter().map(|one| one.object(pattern.object()));
            Value::list(all.collect()).iter(machine).map(Value::Iter)
        },
    },
    Method {
        name: "split",
        arguments: (&["string", "maxsplit"], 1),
        run: |machine, pattern, given| {
            replace::split(machine, pattern, &text(&given, 0)?, number(&given, 1)?)
        },
    },
    Method {
        name: "sub",
        arguments: (&["repl", "string", "count"], 2),
        run: |machine, pattern, given| {
            let by = given[0].clone().unwrap_or(Value::None);
            let within = (&text(&given, 1)?, number(&given, 2)?);
            Ok(replace::substituted(machine, pattern, &by, within)?.0)
        },
    },
    Method {
        name: "subn",
        arguments: (&["repl", "string", "count"], 2),
        run: |machine, pattern, given| {
            let by = given[0].clone().unwrap_or(Value::None);
            let within = (&text(&given, 1)?, number(&given, 2)?);
            let (text, count) = replace::substituted(machine, pattern, &by, within)?;
            Ok(Value::tuple(vec![text, Value::size(count)]))
        },
    },
];

pub(super) fn module() -> Value {
    let functions = METHODS.iter().map(|method| {
        let call = Value::function(method.name, move |machine, arguments| {
            let (own, needed) = method.arguments;
            let names: Vec<&str> = ["pattern"]
                .into_iter()
                .chain(own.iter().copied())
                .chain(["flags"])
                .collect();
            let mut given = arguments.bind_all(method.name, &names, needed + 1)?;
            let flags = given.pop().flatten();
            let pattern = given.remove(0).unwrap_or(Value::None);
            let pattern = Pattern::of(machine, &pattern, flags)?;
            (method.run)(machine, &pattern, given)
        });
        (method.name, call)
    });
    let compile = Value::function("compile", |machine, arguments| {
        let [pattern, flags] = arguments.bind("compile", ["pattern", "flags"], 1)?;
        let pattern = pattern.unwrap_or(Value::None);
        Ok(Pattern::of(machine, &pattern, flags)?.object())
    });
    let flags = FLAGS.map(|(name, flag)| (name, Value::Int(flag)));
    let others = [
        ("compile", compile),
        ("escape", Value::function("escape", escape)),
    ];
    Value::object("module", functions.chain(others).chain(flags).collect())
}

fn escape(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let text = arguments.one("escape")?.as_str("the pattern")?;
    machine.make(text.len().saturating_mul(2))?;
    let is_special = |c: char| "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(c);
    let escaped = text
        .chars()
        .flat_map(|c| is_special(c).then_some('\\').into_iter().chain([c]));
    Ok(Value::text(escaped.collect::<String>()))
}

impl Pattern {
    /// Compiles a text, or finds what was compiled.
    fn of(machine: &Machine<'_>, value: &Value, flags: Option<Value>) -> Outcome<Rc<Pattern>> {
        let flags = flags.map_or(Ok(0), |flags| flags.as_int("flags"))?;
        if let Value::Object(object) = value
            && object.kind == "Pattern"
        {
            if flags != 0 {
                return type_error("cannot process flags argument with a compiled pattern");
            }
            let known = object.attributes.borrow().get("flags").cloned();
            let text = object.attributes.borrow().get("pattern").cloned();
            return Pattern::of(machine, &text.unwrap_or(Value::None), known);
        }
        let text = value.as_str("the pattern")?;
        // Compiling takes far longer than reading.
        machine.spend(100 + text.len() as u64)?;
        machine.make(text.len().saturating_mul(100))?;
        let inner = translated(&text, Flags::of(flags)?)?;
        Ok(Rc::new(Pattern {
            anywhere: built(&inner, &text)?,
            here: OnceCell::new(),
            whole: OnceCell::new(),
            more: OnceCell::new(),
            text,
            flags,
            inner,
        }))
    }

    fn here(&self) -> Outcome<&Regex> {
        self.once(&self.here, ("\\G(?:", ")"))
    }

    fn whole(&self) -> Outcome<&Regex> {
        self.once(&self.whole, ("\\G(?:", ")\\z"))
    }

    fn more(&self) -> Outcome<&Regex> {
        self.once(&self.more, ("\\G(?:", ")(?!\\G)"))
    }

    fn once<'p>(&self, slot: &'p OnceCell<Regex>, around: (&str, &str)) -> Outcome<&'p Regex> {
        if let Some(regex) = slot.get() {
            return Ok(regex);
        }
        let (before, after) = around;
        let regex = built(&format!("{before}{}{after}", self.inner), &self.text)?;
        Ok(slot.get_or_init(|| regex))
    }

    /// Numbers and names of the groups that have a name.
    fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        let names = self.anywhere.capture_names().enumerate();
        names.filter_map(|(at, name)| Some((at, name?)))
    }

    fn group_of(&self, name: &str) -> Option<usize> {
        self.names()
            .find(|(_, known)| *known == name)
            .map(|(at, _)| at)
    }

    fn name_of(&self, group: usize) -> Option<&str> {
        self.names()
            .find(|(at, _)| *at == group)
            .map(|(_, name)| name)
    }

    /// As the template gets it.
    fn object(self: &Rc<Self>) -> Value {
        let methods = METHODS.iter().map(|method| {
            let pattern = Rc::clone(self);
            let call = Value::function(method.name, move |machine, arguments| {
                let (names, needed) = method.arguments;
                let given = arguments.bind_all(method.name, names, needed)?;
                (method.run)(machine, &pattern, given)
            });
            (method.name, call)
        });
        let index = self.names().map(|(at, name)| {
            let pair = (Value::text(name), Value::size(at));
            (Key::text(name), pair)
        });
        let others = [
            ("pattern", Value::Str(Rc::clone(&self.text))),
            ("flags", Value::Int(self.flags | 32)),
            ("groups", Value::size(self.anywhere.captures_len() - 1)),
            ("groupindex", Value::dict(index.collect::<Dict>())),
        ];
        Value::object("Pattern", methods.chain(others).collect())
    }
}

fn built(pattern: &str, shown: &str) -> Outcome<Regex> {
    RegexBuilder::new(pattern)
        .backtrack_limit(limits::BACKTRACK_MAX)
        .build()
        .map_err(|error| failure(ErrorKind::Value, format!("the pattern `{shown}`: {error}")))
}

fn text(given: &Given, at: usize) -> Outcome<Rc<str>> {
    let value = given.get(at).cloned().flatten().unwrap_or(Value::None);
    value.as_str("the string")
}

fn number(given: &Given, at: usize) -> Outcome<i128> {
    let value = given.get(at).cloned().flatten();
    value.map_or(Ok(0), |n| n.as_int("the count"))
}

fn failed(error: &fancy_regex::Error) -> Box<Failure> {
    failure(ErrorKind::Limit, format!("matching a pattern: {error}"))
}

fn found(pattern: &Rc<Pattern>, text: &Rc<str>, captures: &Captures<'_, str>) -> Found {
    let places = (0..captures.len()).map(|at| {
        let group = captures.get(at)?;
        Some((group.start(), group.end()))
    });
    Found {
        text: Rc::clone(text),
        places: places.collect(),
        pattern: Rc::clone(pattern),
    }
}

fn find(
    machine: &Machine<'_>,
    pattern: &Rc<Pattern>,
    regex: &Regex,
    given: Given,
) -> Outcome<Value> {
    let text = text(&given, 0)?;
    machine.spend(1 + text.len() as u64 / 16)?;
    let captures = regex.captures(&*text).map_err(|error| failed(&error))?;
    Ok(captures.map_or(Value::None, |captures| {
        found(pattern, &text, &captures).object(pattern.object())
    }))
}

fn find_all(machine: &Machine<'_>, pattern: &Rc<Pattern>, given: Given) -> Outcome<Value> {
    let all = findings(machine, pattern, &text(&given, 0)?, 0)?;
    // A group that took no part is an empty text here.
    let group = |one: &Found, at: usize| Value::text(one.group(at).unwrap_or_default());
    let values = all.iter().map(|one| match one.places.len() {
        1 => group(one, 0),
        2 => group(one, 1),
        count => Value::tuple((1..count).map(|at| group(one, at)).collect()),
    });
    Ok(Value::list(values.collect()))
}

/// All findings from left to right, as Python goes: behind an empty one it looks at the same place for one that is not
/// empty, and an empty one may follow another finding at once. `most` of zero is no limit.
fn findings(
    machine: &Machine<'_>,
    pattern: &Rc<Pattern>,
    text: &Rc<str>,
    most: i128,
) -> Outcome<Vec<Found>> {
    machine.spend(1 + text.len() as u64 / 16)?;
    let most = usize::try_from(most).ok().filter(|most| *most > 0);
    let (mut all, mut at, mut was_empty) = (Vec::new(), 0, false);
    while at <= text.len() && most.is_none_or(|most| all.len() < most) {
        let mut captures = None;
        if was_empty {
            captures = search(pattern.more()?, text, at)?;
            if captures.is_none() {
                let Some(next) = text.get(at..).and_then(|rest| rest.chars().next()) else {
                    break;
                };
                at += next.len_utf8();
            }
        }
        if captures.is_none() {
            captures = search(&pattern.anywhere, text, at)?;
        }
        let Some(captures) = captures else { break };
        let one = found(pattern, text, &captures);
        let (from, to) = one.whole();
        machine.make_values(2 + one.places.len())?;
        (at, was_empty) = (to, from == to);
        all.push(one);
    }
    Ok(all)
}

fn search<'t>(regex: &Regex, text: &'t str, at: usize) -> Outcome<Option<Captures<'t, str>>> {
    let found = regex.captures_from_pos(text, at);
    found.map_err(|error| failed(&error))
}
