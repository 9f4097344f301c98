//! Names that every template has: Python's functions and types, and those that the recipe adds.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::arguments::Arguments;
use crate::ast::Comparison;
use crate::error::{ErrorKind, Outcome, fail, type_error, value_error};
use crate::filter::sorted;
use crate::method::{dict::merged, set::set_from, text};
use crate::render::Machine;
use crate::value::{Dict, Nest, Value, binary, divided, fitting, float_to_int, floor_divide, lazy};
use crate::{format, module};

/// Types, which are called too.
const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "complex",
    "dict",
    "enumerate",
    "filter",
    "float",
    "frozenset",
    "int",
    "list",
    "map",
    "range",
    "reversed",
    "set",
    "str",
    "tuple",
    "zip",
];
const FUNCTIONS: &[&str] = &[
    "abs",
    "all",
    "any",
    "assert",
    "bin",
    "callable",
    "chr",
    "cycler",
    "divmod",
    "dumps",
    "format",
    "hex",
    "isinstance",
    "iter",
    "joiner",
    "len",
    "max",
    "min",
    "namespace",
    "next",
    "oct",
    "ord",
    "pow",
    "repr",
    "round",
    "sorted",
    "sum",
];

/// Whether a context may not use this name, because it would hide a function of Python that the recipe gives.
#[must_use]
pub fn is_global(name: &str) -> bool {
    // What jinja2 itself brings may be hidden.
    let is_jinjas = matches!(name, "namespace" | "cycler" | "joiner");
    !is_jinjas && (TYPES.contains(&name) || FUNCTIONS.contains(&name) || name == "six")
}

/// All of them.
pub(crate) fn all() -> HashMap<&'static str, Value> {
    let types = TYPES.iter().map(|name| (*name, Value::Type(name)));
    let functions = FUNCTIONS.iter().map(|name| {
        (
            *name,
            Value::function(name, |machine, arguments| call(machine, name, arguments)),
        )
    });
    let six = module::module("six").map(|six| ("six", six));
    types.chain(functions).chain(six).collect()
}

/// Calls one of the functions.
pub(crate) fn call(machine: &Machine<'_>, name: &str, arguments: Arguments) -> Outcome<Value> {
    match name {
        "max" | "min" => return extreme(machine, name, arguments),
        "sorted" => {
            let [items, key, reverse] = arguments.bind(name, ["iterable", "key", "reverse"], 1)?;
            let items = items.unwrap_or(Value::None).items(machine)?;
            let reverse = reverse.map_or(Ok(false), |flag| flag.is_true())?;
            let key = key.filter(|key| !matches!(key, Value::None));
            return sorted(machine, items, key, reverse).map(Value::list);
        }
        "sum" => {
            let [items, start] = arguments.bind(name, ["iterable", "start"], 1)?;
            let mut total = start.unwrap_or(Value::Int(0));
            for item in items.unwrap_or(Value::None).items(machine)? {
                total = binary(machine, crate::ast::Operator::Add, total, item)?;
            }
            return Ok(total);
        }
        "assert" => {
            let [holds, message] = arguments.bind(name, ["condition", "message"], 1)?;
            if holds.unwrap_or(Value::None).is_true()? {
                return Ok(Value::text(""));
            }
            let message = message.map_or(Ok(Rc::from("the assertion does not hold")), |m| {
                m.to_text(machine)
            })?;
            return fail(ErrorKind::Assertion, message.to_string());
        }
        "namespace" => {
            let names = merged(machine, arguments)?;
            return Ok(Value::Namespace(Rc::new(RefCell::new(Nest::new(names)))));
        }
        "cycler" => return Ok(cycler(arguments.plain)),
        "joiner" => return joiner(arguments),
        "divmod" => {
            let [a, b] = arguments.bind(name, ["a", "b"], 2)?;
            let (a, b) = (a.unwrap_or(Value::None), b.unwrap_or(Value::None));
            return div_mod(&a, &b);
        }
        "pow" => {
            let [a, b] = arguments.bind(name, ["base", "exp"], 2)?;
            let (a, b) = (a.unwrap_or(Value::None), b.unwrap_or(Value::None));
            return binary(machine, crate::ast::Operator::Power, a, b);
        }
        "round" => return round(arguments),
        "format" => {
            let [value, spec] = arguments.bind(name, ["value", "format_spec"], 1)?;
            let spec = spec.map_or(Ok(Rc::from("")), |spec| spec.as_str("format_spec"))?;
            return format::with_spec(machine, &value.unwrap_or(Value::None), &spec)
                .map(Value::text);
        }
        "isinstance" => {
            let [value, kinds] = arguments.bind(name, ["obj", "class_or_tuple"], 2)?;
            return is_instance(
                machine,
                &value.unwrap_or(Value::None),
                &kinds.unwrap_or(Value::None),
            )
            .map(Value::Bool);
        }
        "next" => {
            let [iterator, default] = arguments.bind(name, ["iterator", "default"], 1)?;
            let Value::Iter(iterator) = iterator.unwrap_or(Value::None) else {
                return type_error("next() needs an iterator; make one with iter()");
            };
            return match iterator.next(machine)?.or(default) {
                Some(item) => Ok(item),
                None => value_error("the iterator is at its end (StopIteration)"),
            };
        }
        _ => {}
    }
    of_one(machine, name, arguments.one(name)?)
}

fn div_mod(a: &Value, b: &Value) -> Outcome<Value> {
    let has_float = matches!(a, Value::Float(_)) || matches!(b, Value::Float(_));
    if let (true, Some(a), Some(b)) = (has_float, a.as_float(), b.as_float()) {
        if b == 0.0 {
            return fail(ErrorKind::ZeroDivision, "float floor division by zero");
        }
        let (quotient, rest) = divided(a, b);
        return Ok(Value::tuple(vec![
            Value::Float(quotient),
            Value::Float(rest),
        ]));
    }
    let (quotient, rest) = floor_divide(a.as_int("a")?, b.as_int("b")?)?;
    Ok(Value::tuple(vec![Value::Int(quotient), Value::Int(rest)]))
}

fn of_one(machine: &Machine<'_>, name: &str, value: Value) -> Outcome<Value> {
    let whole = |prefix: &str, digits: &dyn Fn(u128) -> String| {
        let n = value.as_int("the value")?;
        let sign = if n < 0 { "-" } else { "" };
        Ok(Value::text(format!(
            "{sign}{prefix}{}",
            digits(n.unsigned_abs())
        )))
    };
    match name {
        "len" => match value.length() {
            Some(length) => Ok(Value::size(length)),
            None => {
                let kind = value.defined()?.type_name();
                type_error(format!("object of type '{kind}' has no len()"))
            }
        },
        "abs" => match value.defined()? {
            Value::Float(n) => Ok(Value::Float(n.abs())),
            other => Ok(Value::Int(fitting(
                other.as_int("the value of abs()")?.checked_abs(),
            )?)),
        },
        "all" | "any" => {
            let wanted = name == "any";
            for item in value.items(machine)? {
                if item.is_true()? == wanted {
                    return Ok(Value::Bool(wanted));
                }
            }
            Ok(Value::Bool(!wanted))
        }
        "repr" => Ok(Value::text(value.defined()?.repr(machine)?)),
        "dumps" => {
            let typed = value.defined()?.to_typed(machine)?;
            match typed.to_marker() {
                Ok(marker) => Ok(Value::text(marker)),
                Err(error) => value_error(format!("dumps(): {error}")),
            }
        }
        "callable" => Ok(Value::Bool(value.is_callable())),
        "chr" => match u32::try_from(value.as_int("the value")?)
            .ok()
            .and_then(char::from_u32)
        {
            Some(c) => Ok(Value::text(c.encode_utf8(&mut [0; 4]))),
            None => value_error("chr() arg not in range(0x110000)"),
        },
        "ord" => {
            let text = value.as_str("the value")?;
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => Ok(Value::Int(i128::from(u32::from(c)))),
                _ => type_error(format!(
                    "ord() expected a character, but string of length {} found",
                    text.chars().count()
                )),
            }
        }
        "bin" => whole("0b", &|n| format!("{n:b}")),
        "oct" => whole("0o", &|n| format!("{n:o}")),
        "hex" => whole("0x", &|n| format!("{n:x}")),
        "iter" => value.iter(machine).map(Value::Iter),
        _ => type_error(format!("there is no function `{name}`")),
    }
}

fn extreme(machine: &Machine<'_>, name: &str, mut arguments: Arguments) -> Outcome<Value> {
    let mut take = |wanted: &str| {
        let at = arguments
            .named
            .iter()
            .position(|(name, _)| &**name == wanted)?;
        Some(arguments.named.remove(at).1)
    };
    let (key, default) = (take("key"), take("default"));
    let items = match arguments.plain.len() {
        1 => arguments.one(name)?.items(machine)?,
        _ => arguments.plain,
    };
    let sign = if name == "max" {
        Comparison::Greater
    } else {
        Comparison::Less
    };
    let mut best: Option<(Value, Value)> = None;
    for item in items {
        let by = match &key {
            Some(key) if !matches!(key, Value::None) => {
                machine.call(key, Arguments::of([item.clone()]))?
            }
            _ => item.clone(),
        };
        let is_better = match &best {
            None => true,
            Some((best, _)) => crate::value::compare_by(machine, sign, &by, best)?,
        };
        if is_better {
            best = Some((by, item));
        }
    }
    match best.map(|(_, item)| item).or(default) {
        Some(item) => Ok(item),
        None => value_error(format!("{name}() arg is an empty sequence")),
    }
}

fn cycler(items: Vec<Value>) -> Value {
    let at = Rc::new(std::cell::Cell::new(0_usize));
    let items = Rc::new(items);
    let (next_at, next_items) = (Rc::clone(&at), Rc::clone(&items));
    let next = Value::function("next", move |_, _| {
        let now = next_at.get();
        next_at.set((now + 1) % next_items.len().max(1));
        next_items
            .get(now)
            .cloned()
            .map_or_else(|| type_error("at least one item has to be provided"), Ok)
    });
    let reset_at = Rc::clone(&at);
    let reset = Value::function("reset", move |_, _| {
        reset_at.set(0);
        Ok(Value::None)
    });
    Value::object("Cycler", vec![("next", next), ("reset", reset)])
}

fn joiner(arguments: Arguments) -> Outcome<Value> {
    let [separator] = arguments.bind("joiner", ["sep"], 0)?;
    let separator = separator.unwrap_or_else(|| Value::text(", "));
    let used = std::cell::Cell::new(false);
    Ok(Value::function("joiner", move |_, _| {
        Ok(match used.replace(true) {
            true => separator.clone(),
            false => Value::text(""),
        })
    }))
}

fn round(arguments: Arguments) -> Outcome<Value> {
    let [value, digits] = arguments.bind("round", ["number", "ndigits"], 1)?;
    let value = value.unwrap_or(Value::None).defined()?;
    let digits = match digits {
        None | Some(Value::None) => None,
        Some(digits) => Some(digits.as_int("ndigits")?),
    };
    match (value, digits) {
        (Value::Float(n), None) => match float_to_int(n.round_ties_even()) {
            Some(n) => Ok(Value::Int(n)),
            None => value_error("cannot convert float to integer"),
        },
        (Value::Float(n), Some(digits)) => Ok(Value::Float(round_float(n, digits))),
        (other, _) => Ok(Value::Int(other.as_int("the number")?)),
    }
}

/// Rounded as its decimal digits say, halves to even where they are exact.
pub(crate) fn round_float(n: f64, digits: i128) -> f64 {
    if digits >= 0 {
        let digits = usize::try_from(digits.min(300)).unwrap_or(0);
        return format::rounded(n, digits).parse().unwrap_or(n);
    }
    let scale = 10f64.powi(
        i32::try_from(digits.max(-300))
            .unwrap_or(0)
            .saturating_neg(),
    );
    (n / scale).round_ties_even() * scale
}

fn is_instance(machine: &Machine<'_>, value: &Value, kinds: &Value) -> Outcome<bool> {
    let kinds = kinds
        .sequence(machine)?
        .unwrap_or_else(|| vec![kinds.clone()]);
    let name = value.type_name();
    for kind in kinds {
        let Value::Type(kind) = kind else {
            return type_error("isinstance() needs a type, or a tuple of types");
        };
        if kind == name || (kind == "int" && name == "bool") || kind == "object" {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Calls a type.
pub(crate) fn construct(
    machine: &Machine<'_>,
    name: &'static str,
    arguments: Arguments,
) -> Outcome<Value> {
    match name {
        "dict" => return merged(machine, arguments).map(Value::dict),
        "int" => return int(machine, arguments),
        "range" => return range(arguments),
        "zip" => return zip(machine, arguments),
        "map" | "filter" => return mapped(machine, name, arguments),
        "enumerate" => {
            let [items, start] = arguments.bind(name, ["iterable", "start"], 1)?;
            let iter = items.unwrap_or(Value::None).iter(machine)?;
            let mut at = Some(start.map_or(Ok(0), |start| start.as_int("start"))?);
            return Ok(lazy(move |machine| {
                let Some(item) = iter.next(machine)? else {
                    return Ok(None);
                };
                machine.make_values(2)?;
                // The count fails when it is wanted beyond its end, as that of Python never does.
                let here = fitting(at)?;
                at = here.checked_add(1);
                Ok(Some(Value::tuple(vec![Value::Int(here), item])))
            }));
        }
        "complex" => {
            let [re, im] = arguments.bind(name, ["real", "imag"], 0)?;
            let part = |value: Option<Value>| value.map_or(Some(0.0), |value| value.as_float());
            return match (part(re), part(im)) {
                (Some(re), Some(im)) => Ok(Value::Complex(re, im)),
                _ => type_error("complex() needs numbers"),
            };
        }
        "str" => {
            let [value, encoding, _] = arguments.bind(name, ["object", "encoding", "errors"], 0)?;
            return match (value, encoding) {
                (None, _) => Ok(Value::text("")),
                (Some(Value::Bytes(bytes)), Some(encoding)) => {
                    text::decode(&bytes, &encoding.as_str("encoding")?)
                }
                (Some(value), _) => Ok(Value::Str(value.to_text(machine)?)),
            };
        }
        "bytes" => return bytes(machine, arguments),
        _ => {}
    }
    let [value] = arguments.bind(name, ["value"], 0)?;
    let items = |value: Option<Value>| value.map_or(Ok(Vec::new()), |value| value.items(machine));
    let members =
        |value: Option<Value>| value.map_or(Ok(Dict::new()), |value| set_from(machine, &value));
    Ok(match name {
        "bool" => Value::Bool(value.map_or(Ok(false), |value| value.is_true())?),
        "float" => match value {
            None => Value::Float(0.0),
            Some(Value::Str(text)) => match parse_float(&text) {
                Some(n) => Value::Float(n),
                None => {
                    let shown = Value::Str(text).repr(machine)?;
                    return value_error(format!("could not convert string to float: {shown}"));
                }
            },
            Some(other) => match other.as_float() {
                Some(n) => Value::Float(n),
                None => {
                    let kind = other.defined()?.type_name();
                    return type_error(format!(
                        "float() argument must be a string or a real number, not '{kind}'"
                    ));
                }
            },
        },
        "list" => Value::list(items(value)?),
        "tuple" => Value::tuple(items(value)?),
        "set" => Value::set(members(value)?),
        "frozenset" => Value::frozen_set(members(value)?),
        "reversed" => {
            let mut items = items(value)?.into_iter().rev();
            lazy(move |_| Ok(items.next()))
        }
        other => return type_error(format!("cannot create '{other}' instances")),
    })
}

fn int(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [value, base] = arguments.bind("int", ["x", "base"], 0)?;
    let base = base.map_or(Ok(10), |base| base.as_int("base"))?;
    match value.unwrap_or(Value::Int(0)).defined()? {
        Value::Str(text) => match parse_int(&text, base) {
            Some(n) => Ok(Value::Int(n)),
            None => {
                let shown = Value::Str(text).repr(machine)?;
                value_error(format!(
                    "invalid literal for int() with base {base}: {shown}"
                ))
            }
        },
        Value::Float(n) => match float_to_int(n) {
            Some(n) => Ok(Value::Int(n)),
            None => value_error("cannot convert float to integer"),
        },
        other => match other.as_int("") {
            Ok(n) => Ok(Value::Int(n)),
            Err(_) => {
                let kind = other.type_name();
                type_error(format!(
                    "int() argument must be a string, a bytes-like object or a real number, not '{kind}'"
                ))
            }
        },
    }
}

/// As `int(text, base)` reads it.
pub(crate) fn parse_int(text: &str, base: i128) -> Option<i128> {
    let text = slapos_python::text::trim(text);
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let prefixed = |prefix: &str| lower.strip_prefix(prefix).map(str::to_owned);
    let (base, digits) = match base {
        16 => (16, prefixed("0x").unwrap_or(lower)),
        8 => (8, prefixed("0o").unwrap_or(lower)),
        2 => (2, prefixed("0b").unwrap_or(lower)),
        0 => match (prefixed("0x"), prefixed("0o"), prefixed("0b")) {
            (Some(digits), _, _) => (16, digits),
            (_, Some(digits), _) => (8, digits),
            (_, _, Some(digits)) => (2, digits),
            _ => (10, lower),
        },
        base => (
            u32::try_from(base)
                .ok()
                .filter(|base| (2..=36).contains(base))?,
            lower,
        ),
    };
    let is_grouped = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    if is_grouped || digits.starts_with(['+', '-']) {
        return None;
    }
    i128::from_str_radix(&digits.replace('_', ""), base)
        .ok()
        .map(|n| n * sign)
}

/// As `float(text)` reads it.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let text = slapos_python::text::trim(text).replace('_', "");
    match text.to_ascii_lowercase().trim_start_matches(['+', '-']) {
        "infinity" | "inf" | "nan" => {}
        plain if !plain.starts_with(|c: char| c.is_ascii_digit() || c == '.') => return None,
        _ => {}
    }
    text.parse().ok()
}

fn range(arguments: Arguments) -> Outcome<Value> {
    let bounds: Vec<i128> = arguments
        .plain
        .iter()
        .map(|n| n.as_int("a bound"))
        .collect::<Outcome<_>>()?;
    match *bounds.as_slice() {
        [stop] => Ok(Value::Range(0, stop, 1)),
        [start, stop] => Ok(Value::Range(start, stop, 1)),
        [_, _, 0] => value_error("range() arg 3 must not be zero"),
        [start, stop, step] => Ok(Value::Range(start, stop, step)),
        _ => type_error("range expected 1 to 3 arguments"),
    }
}

fn zip(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let iters = arguments
        .plain
        .iter()
        .map(|items| items.iter(machine))
        .collect::<Outcome<Vec<_>>>()?;
    Ok(lazy(move |machine| {
        machine.make_values(iters.len())?;
        let mut row = Vec::with_capacity(iters.len());
        for iter in &iters {
            match iter.next(machine)? {
                Some(item) => row.push(item),
                None => return Ok(None),
            }
        }
        Ok((!row.is_empty()).then(|| Value::tuple(row)))
    }))
}

/// `map` and `filter`.
fn mapped(machine: &Machine<'_>, name: &'static str, mut arguments: Arguments) -> Outcome<Value> {
    if arguments.plain.len() < 2 {
        return type_error(format!("{name}() must have at least two arguments"));
    }
    let function = arguments.plain.remove(0);
    let iters = arguments
        .plain
        .iter()
        .map(|items| items.iter(machine))
        .collect::<Outcome<Vec<_>>>()?;
    Ok(lazy(move |machine| {
        loop {
            machine.make_values(iters.len())?;
            let mut row = Vec::with_capacity(iters.len());
            for iter in &iters {
                match iter.next(machine)? {
                    Some(item) => row.push(item),
                    None => return Ok(None),
                }
            }
            if name == "map" {
                return machine.call(&function, Arguments::of(row)).map(Some);
            }
            let item = row[0].clone();
            let holds = match function {
                Value::None => item.clone(),
                _ => machine.call(&function, Arguments::of(row))?,
            };
            if holds.is_true()? {
                return Ok(Some(item));
            }
        }
    }))
}

fn bytes(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [value, encoding] = arguments.bind("bytes", ["source", "encoding"], 0)?;
    match (value, encoding) {
        (None, _) => Ok(Value::Bytes(Rc::from([]))),
        (Some(Value::Bytes(bytes)), _) => Ok(Value::Bytes(bytes)),
        (Some(Value::Str(source)), Some(encoding)) => {
            text::call(machine, &source, "encode", Arguments::of([encoding]))
        }
        (Some(Value::Str(_)), None) => type_error("string argument without an encoding"),
        (Some(value), _) => {
            let items = value.items(machine)?;
            let bytes = items
                .iter()
                .map(|item| Ok(u8::try_from(item.as_int("a byte")?).ok()));
            match bytes.collect::<Outcome<Option<Vec<u8>>>>()? {
                Some(bytes) => Ok(Value::Bytes(Rc::from(bytes))),
                None => value_error("bytes must be in range(0, 256)"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_int_reads_what_python_reads() {
        for (text, base, n) in [
            (" 7 ", 10, Some(7)),
            ("0x1F", 16, Some(31)),
            ("0b11", 0, Some(3)),
            ("1_0", 10, Some(10)),
        ] {
            assert_eq!(parse_int(text, base), n, "{text}");
        }
        for text in ["", "1.5", "--1", "_1", "x"] {
            assert_eq!(parse_int(text, 10), None, "{text}");
        }
    }

    #[test]
    fn is_global_holds_for_what_the_recipe_gives() {
        assert!(is_global("len") && is_global("six") && is_global("dumps"));
        assert!(!is_global("namespace") && !is_global("name"));
    }
}
