//! Tests, `value is name`.
//!
//! [`COMPARISONS`], [`KINDS`] and [`OTHERS`] are the tables; a new test is one line in one of them. Start with [`apply`].

use crate::arguments::Arguments;
use crate::ast::Comparison;
use crate::error::{ErrorKind, Outcome, fail};
use crate::filter;
use crate::render::Machine;
use crate::value::{Value, are_same, compare_by, floor_divide};

/// Tests that are operators too.
const COMPARISONS: &[(&str, Comparison)] = &[
    ("!=", Comparison::NotEqual),
    ("<", Comparison::Less),
    ("<=", Comparison::LessEqual),
    ("==", Comparison::Equal),
    (">", Comparison::Greater),
    (">=", Comparison::GreaterEqual),
    ("eq", Comparison::Equal),
    ("equalto", Comparison::Equal),
    ("ge", Comparison::GreaterEqual),
    ("greaterthan", Comparison::Greater),
    ("gt", Comparison::Greater),
    ("in", Comparison::In),
    ("le", Comparison::LessEqual),
    ("lessthan", Comparison::Less),
    ("lt", Comparison::Less),
    ("ne", Comparison::NotEqual),
];

/// Whether it holds of a value.
type Kind = fn(&Value) -> bool;

/// Tests of what a value is, which need nothing but the value.
const KINDS: &[(&str, Kind)] = &[
    ("boolean", |value| matches!(value, Value::Bool(_))),
    ("callable", Value::is_callable),
    ("defined", |value| !matches!(value, Value::Undefined(_))),
    // Nothing is: that is for templates that make HTML.
    ("escaped", |_| false),
    ("false", |value| matches!(value, Value::Bool(false))),
    ("float", |value| matches!(value, Value::Float(_))),
    ("integer", |value| matches!(value, Value::Int(_))),
    ("iterable", Value::is_iterable),
    ("mapping", |value| matches!(value, Value::Dict(_))),
    ("none", |value| matches!(value, Value::None)),
    ("number", is_number),
    ("sequence", Value::has_length),
    ("string", |value| matches!(value, Value::Str(_))),
    ("true", |value| matches!(value, Value::Bool(true))),
    ("undefined", |value| matches!(value, Value::Undefined(_))),
];

/// Whether it holds of its first argument.
type Test = fn(&Machine<'_>, Arguments) -> Outcome<bool>;

const OTHERS: &[(&str, Test)] = &[
    ("divisibleby", divisible_by),
    ("even", |_, given| Ok(half(given, "even")? == 0)),
    ("filter", |machine, given| {
        Ok(filter::is_known(&given.one("filter")?.to_text(machine)?))
    }),
    ("lower", |machine, given| {
        is_unchanged(machine, &given.one("lower")?, str::to_lowercase)
    }),
    ("odd", |_, given| Ok(half(given, "odd")? == 1)),
    ("sameas", same_as),
    ("test", |machine, given| {
        let name = given.one("test")?.to_text(machine)?;
        Ok(is_known(&name))
    }),
    ("upper", |machine, given| {
        is_unchanged(machine, &given.one("upper")?, str::to_uppercase)
    }),
];

fn found<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    let found = table.iter().find(|(known, _)| *known == name);
    found.map(|(_, test)| *test)
}

fn is_known(name: &str) -> bool {
    found(COMPARISONS, name).is_some()
        || found(KINDS, name).is_some()
        || found(OTHERS, name).is_some()
}

/// Whether a test holds; the value is the first argument.
pub(crate) fn apply(machine: &Machine<'_>, name: &str, arguments: Arguments) -> Outcome<bool> {
    if let Some(sign) = found(COMPARISONS, name) {
        return compared(machine, sign, arguments);
    }
    if let Some(is_so) = found(KINDS, name) {
        return Ok(is_so(&arguments.one(name)?));
    }
    match found(OTHERS, name) {
        Some(test) => test(machine, arguments),
        None => fail(ErrorKind::Syntax, format!("there is no test `{name}`")),
    }
}

fn compared(machine: &Machine<'_>, sign: Comparison, arguments: Arguments) -> Outcome<bool> {
    let [left, right] = arguments.bind("a comparison", ["a", "b"], 2)?;
    let (left, right) = (left.unwrap_or(Value::None), right.unwrap_or(Value::None));
    compare_by(machine, sign, &left, &right)
}

fn divisible_by(_: &Machine<'_>, arguments: Arguments) -> Outcome<bool> {
    let [value, by] = arguments.bind("divisibleby", ["value", "num"], 2)?;
    let value = value.unwrap_or(Value::None).as_int("the value")?;
    let by = by.unwrap_or(Value::None).as_int("the divisor")?;
    Ok(floor_divide(value, by)?.1 == 0)
}

fn same_as(_: &Machine<'_>, arguments: Arguments) -> Outcome<bool> {
    let [value, other] = arguments.bind("sameas", ["value", "other"], 2)?;
    let (value, other) = (value.unwrap_or(Value::None), other.unwrap_or(Value::None));
    Ok(are_same(&value, &other))
}

fn half(arguments: Arguments, name: &str) -> Outcome<i128> {
    let value = arguments.one(name)?.as_int("the value")?;
    Ok(floor_divide(value, 2)?.1)
}

fn is_number(value: &Value) -> bool {
    matches!(
        value,
        Value::Int(_) | Value::Bool(_) | Value::Float(_) | Value::Complex(..)
    )
}

fn is_unchanged(machine: &Machine<'_>, value: &Value, change: fn(&str) -> String) -> Outcome<bool> {
    let text = value.to_text(machine)?;
    let has_letters = text.chars().any(char::is_alphabetic);
    Ok(has_letters && change(&text) == *text)
}
