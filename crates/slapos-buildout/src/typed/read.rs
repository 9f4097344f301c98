//! Reading a typed value: the marker, then a literal.

use super::{Typed, are_equal};
use crate::python::{self, Arithmetic, Expr};

/// The reason of an error fits behind "it". Python's name of the error is given, for those who know the original.
pub(super) fn from_marker(text: &str) -> Result<Typed, String> {
    let marked = text
        .strip_prefix("!py")
        .and_then(|rest| rest.split_once('!'));
    let (version, data) =
        marked.ok_or("is not of the form `!py!` and a literal (AttributeError)")?;
    if !version.is_empty() {
        let version: String = version.chars().take(20).collect();
        return Err(format!("is of the unknown version `{version}` (KeyError)"));
    }
    let data = data.split('\n').next().unwrap_or("");
    let expression = python::parse(data).map_err(|reason| format!("{reason} (SyntaxError)"))?;
    literal(expression)
}

fn literal(expression: Expr) -> Result<Typed, String> {
    let all = |items: Vec<Expr>| {
        items
            .into_iter()
            .map(literal)
            .collect::<Result<Vec<_>, _>>()
    };
    match expression {
        Expr::Literal(value) => Ok(value),
        Expr::List(items) => Ok(Typed::List(all(items)?)),
        Expr::Tuple(items) => Ok(Typed::Tuple(all(items)?)),
        Expr::Set(items) => Ok(Typed::Set(distinct(all(items)?)?)),
        Expr::Dict(pairs) => {
            let pairs = pairs
                .into_iter()
                .map(|(key, value)| Ok((literal(key)?, literal(value)?)));
            dict(pairs.collect::<Result<_, String>>()?)
        }
        Expr::Positive(value) => number(literal(*value)?),
        Expr::Negative(value) => negated(literal(*value)?),
        Expr::Arithmetic(left, sign, right) => complex(literal(*left)?, sign, literal(*right)?),
        Expr::Call(function, arguments) => match *function {
            Expr::Name(name) => construct(&name, arguments),
            _ => Err("calls what is no constructor; only literals are read".to_owned()),
        },
        Expr::Name(name) => Err(format!(
            "has the name `{name}`, which means nothing here (NameError)"
        )),
        _ => Err("is more than a literal; only literals are read".to_owned()),
    }
}

fn number(value: Typed) -> Result<Typed, String> {
    match value {
        Typed::Int(_) | Typed::Float(_) | Typed::Complex(..) => Ok(value),
        _ => Err("has a sign before what is no number".to_owned()),
    }
}

fn negated(value: Typed) -> Result<Typed, String> {
    match value {
        Typed::Int(n) => Ok(Typed::Int(n.negated())),
        Typed::Float(n) => Ok(Typed::Float(-n)),
        Typed::Complex(real, imaginary) => Ok(Typed::Complex(-real, -imaginary)),
        _ => Err("has a sign before what is no number".to_owned()),
    }
}

/// `1+3j`, which is how complex numbers are written; nothing else is computed.
fn complex(left: Typed, sign: Arithmetic, right: Typed) -> Result<Typed, String> {
    let real = match &left {
        Typed::Int(n) => Some(n.to_f64()),
        Typed::Float(n) => Some(*n),
        _ => None,
    };
    match (real, sign, right) {
        (Some(real), Arithmetic::Add, Typed::Complex(_, imaginary)) => {
            Ok(Typed::Complex(real, imaginary))
        }
        (Some(real), Arithmetic::Subtract, Typed::Complex(_, imaginary)) => {
            Ok(Typed::Complex(real, -imaginary))
        }
        _ => Err("computes; only literals are read".to_owned()),
    }
}

/// `set()`, `frozenset([…])`, `bytearray(b'…')`, `dict(a=1)` and the like.
fn construct(name: &str, arguments: Vec<(Option<String>, Expr)>) -> Result<Typed, String> {
    const NAMES: [&str; 8] = [
        "bytearray",
        "complex",
        "dict",
        "frozenset",
        "list",
        "set",
        "str",
        "tuple",
    ];
    if !NAMES.contains(&name) {
        return Err(format!(
            "has the name `{name}`, which means nothing here (NameError)"
        ));
    }
    if name == "dict" {
        return construct_dict(arguments);
    }
    let bad = || format!("gives `{name}` what it does not take");
    let mut values = Vec::new();
    for (keyword, value) in arguments {
        if keyword.is_some() {
            return Err(bad());
        }
        values.push(literal(value)?);
    }
    if name == "complex" {
        return construct_complex(&values).ok_or_else(bad);
    }
    let argument = values.pop();
    if !values.is_empty() {
        return Err(bad());
    }
    match (name, argument) {
        ("str", None) => Ok(Typed::Str(String::new())),
        ("str", Some(Typed::Str(text))) => Ok(Typed::Str(text)),
        ("str", Some(value)) => Ok(Typed::Str(value.repr_lossy())),
        ("bytearray", None) => Ok(Typed::ByteArray(Vec::new())),
        ("bytearray", Some(Typed::Bytes(bytes) | Typed::ByteArray(bytes))) => {
            Ok(Typed::ByteArray(bytes))
        }
        ("bytearray", Some(_)) => Err(bad()),
        (name, argument) => {
            let items = argument
                .map_or(Some(Vec::new()), items_of)
                .ok_or_else(bad)?;
            Ok(match name {
                "set" => Typed::Set(distinct(items)?),
                "frozenset" => Typed::FrozenSet(distinct(items)?),
                "tuple" => Typed::Tuple(items),
                _ => Typed::List(items),
            })
        }
    }
}

fn construct_complex(values: &[Typed]) -> Option<Typed> {
    let real = |value: &Typed| match value {
        Typed::Int(n) => Some(n.to_f64()),
        Typed::Float(n) => Some(*n),
        _ => None,
    };
    match values {
        [] => Some(Typed::Complex(0.0, 0.0)),
        [Typed::Complex(r, i)] => Some(Typed::Complex(*r, *i)),
        [one] => Some(Typed::Complex(real(one)?, 0.0)),
        [one, two] => Some(Typed::Complex(real(one)?, real(two)?)),
        _ => None,
    }
}

fn construct_dict(arguments: Vec<(Option<String>, Expr)>) -> Result<Typed, String> {
    let mut pairs = Vec::new();
    for (keyword, value) in arguments {
        match (keyword, literal(value)?) {
            (Some(key), value) => pairs.push((Typed::Str(key), value)),
            (None, Typed::Dict(given)) if pairs.is_empty() => pairs = given,
            (None, Typed::List(given) | Typed::Tuple(given)) if pairs.is_empty() => {
                for pair in given {
                    match items_of(pair).map(<[Typed; 2]>::try_from) {
                        Some(Ok([key, value])) => pairs.push((key, value)),
                        _ => return Err("gives `dict` what is no pair".to_owned()),
                    }
                }
            }
            _ => return Err("gives `dict` what it does not take".to_owned()),
        }
    }
    dict(pairs)
}

fn items_of(value: Typed) -> Option<Vec<Typed>> {
    value.into_items()
}

impl Typed {
    /// The members, characters, keys or bytes that Python goes through; none for what has no parts.
    pub(crate) fn into_items(self) -> Option<Vec<Typed>> {
        items(self)
    }
}

fn items(value: Typed) -> Option<Vec<Typed>> {
    match value {
        Typed::List(all) | Typed::Tuple(all) | Typed::Set(all) | Typed::FrozenSet(all) => Some(all),
        Typed::Dict(pairs) => Some(pairs.into_iter().map(|(key, _)| key).collect()),
        Typed::Str(text) => Some(text.chars().map(|c| Typed::Str(c.to_string())).collect()),
        Typed::Bytes(bytes) | Typed::ByteArray(bytes) => Some(
            bytes
                .into_iter()
                .map(|b| Typed::Int(u32::from(b).into()))
                .collect(),
        ),
        _ => None,
    }
}

/// Members of a set: hashable, each once. Sets of profiles are small; a large one is refused because comparing is quadratic.
fn distinct(items: Vec<Typed>) -> Result<Vec<Typed>, String> {
    const ITEMS_MAX: usize = 5_000;
    if items.len() > ITEMS_MAX {
        return Err(format!(
            "has a set or dictionary of more than {ITEMS_MAX} members"
        ));
    }
    let mut kept: Vec<Typed> = Vec::with_capacity(items.len());
    for item in items {
        if !is_hashable(&item) {
            return Err(format!("uses a {} as a key (TypeError)", item.type_name()));
        }
        if !kept.iter().any(|other| are_equal(other, &item)) {
            kept.push(item);
        }
    }
    Ok(kept)
}

fn dict(pairs: Vec<(Typed, Typed)>) -> Result<Typed, String> {
    let keys = distinct(pairs.iter().map(|(key, _)| key.clone()).collect())?;
    let last = |key: &Typed| pairs.iter().rev().find(|(other, _)| are_equal(other, key));
    let values = keys.into_iter().filter_map(|key| {
        let value = last(&key)?.1.clone();
        Some((key, value))
    });
    Ok(Typed::Dict(values.collect()))
}

fn is_hashable(value: &Typed) -> bool {
    match value {
        Typed::List(_) | Typed::Dict(_) | Typed::Set(_) | Typed::ByteArray(_) => false,
        Typed::Tuple(all) => all.iter().all(is_hashable),
        _ => true,
    }
}
