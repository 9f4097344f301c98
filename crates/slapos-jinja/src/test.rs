//! Tests, `value is name`; [`TESTS`] is the table.

use crate::arguments::Arguments;
use crate::ast::Comparison;
use crate::error::{ErrorKind, Outcome, fail};
use crate::filter;
use crate::render::Machine;
use crate::value::{Value, are_same, compare_by, floor_divide};

/// Whether it holds of its first argument.
type Test = fn(&Machine<'_>, Arguments) -> Outcome<bool>;

const TESTS: &[(&str, Test)] = &[
    ("!=", |machine, given| {
        compared(machine, Comparison::NotEqual, given)
    }),
    ("<", |machine, given| {
        compared(machine, Comparison::Less, given)
    }),
    ("<=", |machine, given| {
        compared(machine, Comparison::LessEqual, given)
    }),
    ("==", |machine, given| {
        compared(machine, Comparison::Equal, given)
    }),
    (">", |machine, given| {
        compared(machine, Comparison::Greater, given)
    }),
    (">=", |machine, given| {
        compared(machine, Comparison::GreaterEqual, given)
    }),
    ("boolean", |_, given| {
        Ok(matches!(given.one("boolean")?, Value::Bool(_)))
    }),
    ("callable", |_, given| {
        Ok(given.one("callable")?.is_callable())
    }),
    ("defined", |_, given| {
        Ok(!matches!(given.one("defined")?, Value::Undefined(_)))
    }),
    ("divisibleby", divisible_by),
    ("eq", |machine, given| {
        compared(machine, Comparison::Equal, given)
    }),
    ("equalto", |machine, given| {
        compared(machine, Comparison::Equal, given)
    }),
    ("escaped", |_, given| given.one("escaped").map(|_| false)),
    ("even", |_, given| Ok(half(given, "even")? == 0)),
    ("false", |_, given| {
        Ok(matches!(given.one("false")?, Value::Bool(false)))
    }),
    ("filter", |machine, given| {
        Ok(filter::is_known(&given.one("filter")?.to_text(machine)?))
    }),
    ("float", |_, given| {
        Ok(matches!(given.one("float")?, Value::Float(_)))
    }),
    ("ge", |machine, given| {
        compared(machine, Comparison::GreaterEqual, given)
    }),
    ("greaterthan", |machine, given| {
        compared(machine, Comparison::Greater, given)
    }),
    ("gt", |machine, given| {
        compared(machine, Comparison::Greater, given)
    }),
    ("in", |machine, given| {
        compared(machine, Comparison::In, given)
    }),
    ("integer", |_, given| {
        Ok(matches!(given.one("integer")?, Value::Int(_)))
    }),
    ("iterable", |_, given| {
        Ok(given.one("iterable")?.is_iterable())
    }),
    ("le", |machine, given| {
        compared(machine, Comparison::LessEqual, given)
    }),
    ("lessthan", |machine, given| {
        compared(machine, Comparison::Less, given)
    }),
    ("lower", |machine, given| {
        is_unchanged(machine, &given.one("lower")?, str::to_lowercase)
    }),
    ("lt", |machine, given| {
        compared(machine, Comparison::Less, given)
    }),
    ("mapping", |_, given| {
        Ok(matches!(given.one("mapping")?, Value::Dict(_)))
    }),
    ("ne", |machine, given| {
        compared(machine, Comparison::NotEqual, given)
    }),
    ("none", |_, given| {
        Ok(matches!(given.one("none")?, Value::None))
    }),
    ("number", |_, given| Ok(is_number(&given.one("number")?))),
    ("odd", |_, given| Ok(half(given, "odd")? == 1)),
    ("sameas", same_as),
    ("sequence", |_, given| {
        Ok(given.one("sequence")?.has_length())
    }),
    ("string", |_, given| {
        Ok(matches!(given.one("string")?, Value::Str(_)))
    }),
    ("test", |machine, given| {
        let name = given.one("test")?.to_text(machine)?;
        Ok(found(&name).is_some())
    }),
    ("true", |_, given| {
        Ok(matches!(given.one("true")?, Value::Bool(true)))
    }),
    ("undefined", |_, given| {
        Ok(matches!(given.one("undefined")?, Value::Undefined(_)))
    }),
    ("upper", |machine, given| {
        is_unchanged(machine, &given.one("upper")?, str::to_uppercase)
    }),
];

fn found(name: &str) -> Option<Test> {
    let found = TESTS.iter().find(|(known, _)| *known == name);
    found.map(|(_, test)| *test)
}

/// Whether a test holds; the value is the first argument.
pub(crate) fn apply(machine: &Machine<'_>, name: &str, arguments: Arguments) -> Outcome<bool> {
    match found(name) {
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
