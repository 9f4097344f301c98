//! `Match`: what a pattern has found, with places counted in characters as Python counts them.

use std::rc::Rc;

use super::Pattern;
use super::replace::expanded;
use crate::arguments::Arguments;
use crate::error::{ErrorKind, Outcome, failure};
use crate::value::{Dict, Key, Value};

/// Where a group was found, in bytes; none if it took no part.
pub(super) type Place = Option<(usize, usize)>;

/// One finding.
pub(super) struct Found {
    pub(super) text: Rc<str>,
    /// The whole first.
    pub(super) places: Vec<Place>,
    pub(super) pattern: Rc<Pattern>,
}

impl Found {
    /// Begin and end of the whole, in bytes.
    pub(super) fn whole(&self) -> (usize, usize) {
        self.places.first().copied().flatten().unwrap_or_default()
    }

    pub(super) fn group(&self, at: usize) -> Option<&str> {
        let (from, to) = self.places.get(at).copied().flatten()?;
        self.text.get(from..to)
    }

    pub(super) fn value(&self, at: usize) -> Value {
        self.group(at).map_or(Value::None, Value::text)
    }

    /// Characters before a byte.
    fn characters(&self, byte: usize) -> usize {
        self.text
            .get(..byte)
            .map_or(0, |before| before.chars().count())
    }

    /// The number of the group that a call names.
    fn number(&self, group: &Value) -> Outcome<usize> {
        let found = match group {
            Value::Str(name) => self.pattern.group_of(name),
            other => usize::try_from(other.as_int("the group")?).ok(),
        };
        found
            .filter(|at| *at < self.places.len())
            .ok_or_else(|| failure(ErrorKind::Index, "no such group"))
    }

    /// `start` and `end` of a group, in characters; -1 if it took no part.
    fn span(&self, group: Option<Value>) -> Outcome<(Value, Value)> {
        let at = group.map_or(Ok(0), |group| self.number(&group))?;
        Ok(match self.places[at] {
            Some((from, to)) => (
                Value::size(self.characters(from)),
                Value::size(self.characters(to)),
            ),
            None => (Value::Int(-1), Value::Int(-1)),
        })
    }

    /// The groups besides the whole, with something in place of those that took no part.
    fn groups(&self, default: &Value) -> impl Iterator<Item = Value> {
        (1..self.places.len()).map(|at| match self.group(at) {
            Some(text) => Value::text(text),
            None => default.clone(),
        })
    }

    /// As the template gets it.
    pub(super) fn object(self, pattern: Value) -> Value {
        let last = self
            .places
            .iter()
            .enumerate()
            .skip(1)
            .filter_map(|(at, place)| place.map(|(_, end)| (end, std::cmp::Reverse(at))));
        // The group that was closed last; of those that end together the outer one, which begins first.
        let last = last.max().map(|(_, at)| at.0);
        let last_name = last.and_then(|at| self.pattern.name_of(at));
        let last_name = last_name.map_or(Value::None, Value::text);
        let text = Value::Str(Rc::clone(&self.text));
        let it = Rc::new(self);
        let method = |name: &'static str, run: Method| {
            let it = Rc::clone(&it);
            let call = Value::function(name, move |machine, arguments| {
                machine.make(it.text.len())?;
                run(&it, arguments)
            });
            (name, call)
        };
        let mut attributes: Vec<(&str, Value)> = METHODS
            .iter()
            .map(|(name, run)| method(name, *run))
            .collect();
        attributes.extend([
            ("string", text),
            ("re", pattern),
            ("lastindex", last.map_or(Value::None, Value::size)),
            ("lastgroup", last_name),
        ]);
        Value::object("Match", attributes)
    }
}

/// What a method of a finding does.
type Method = fn(&Found, Arguments) -> Outcome<Value>;

const METHODS: &[(&str, Method)] = &[
    ("group", group),
    ("__getitem__", |it, arguments| {
        let group = arguments.one("__getitem__")?;
        Ok(it.value(it.number(&group)?))
    }),
    ("groups", |it, arguments| {
        let [default] = arguments.bind("groups", ["default"], 0)?;
        let default = default.unwrap_or(Value::None);
        Ok(Value::tuple(it.groups(&default).collect()))
    }),
    ("groupdict", |it, arguments| {
        let [default] = arguments.bind("groupdict", ["default"], 0)?;
        let default = default.unwrap_or(Value::None);
        let pairs = it.pattern.names().map(|(at, name)| {
            let value = it.group(at).map_or_else(|| default.clone(), Value::text);
            (Key::text(name), (Value::text(name), value))
        });
        Ok(Value::dict(pairs.collect::<Dict>()))
    }),
    ("start", |it, arguments| {
        let [group] = arguments.bind("start", ["group"], 0)?;
        Ok(it.span(group)?.0)
    }),
    ("end", |it, arguments| {
        let [group] = arguments.bind("end", ["group"], 0)?;
        Ok(it.span(group)?.1)
    }),
    ("span", |it, arguments| {
        let [group] = arguments.bind("span", ["group"], 0)?;
        let (start, end) = it.span(group)?;
        Ok(Value::tuple(vec![start, end]))
    }),
    ("expand", |it, arguments| {
        let template = arguments.one("expand")?.as_str("the template")?;
        Ok(Value::text(expanded(&template, it)?))
    }),
];

fn group(it: &Found, arguments: Arguments) -> Outcome<Value> {
    arguments.no_names("group")?;
    let found: Outcome<Vec<Value>> = arguments
        .plain
        .iter()
        .map(|group| Ok(it.value(it.number(group)?)))
        .collect();
    let mut found = found?;
    Ok(match found.len() {
        0 => it.value(0),
        1 => found.remove(0),
        _ => Value::tuple(found),
    })
}
