//! Text and bytes: what makes and prints them.

use std::rc::Rc;

use crate::arguments::Arguments;
use crate::error::{Outcome, type_error, value_error};
use crate::format as formatting;
use crate::method::bytes as codec;
use crate::render::Machine;
use crate::value::Value;

pub(super) fn str(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [value, encoding, errors] = arguments.bind("str", ["object", "encoding", "errors"], 0)?;
    let is_decoded = encoding.is_some() || errors.is_some();
    match value {
        None => Ok(Value::text("")),
        Some(Value::Bytes(bytes)) if is_decoded => {
            let given = [encoding.unwrap_or_else(|| Value::text("utf-8"))];
            let given = given.into_iter().chain(errors);
            codec::decode(&bytes, Arguments::of(given))
        }
        Some(value) if is_decoded => {
            let kind = value.defined()?.type_name();
            type_error(format!(
                "decoding to str: need a bytes-like object, {kind} found"
            ))
        }
        Some(value) => Ok(Value::Str(value.to_text(machine)?)),
    }
}

pub(super) fn bytes(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [value, encoding, errors] = arguments.bind("bytes", ["source", "encoding", "errors"], 0)?;
    match (value, encoding) {
        (None, _) => Ok(Value::Bytes(Rc::from([]))),
        (Some(Value::Bytes(bytes)), _) => Ok(Value::Bytes(bytes)),
        (Some(Value::Str(source)), Some(encoding)) => {
            machine.make(source.len())?;
            let given = [encoding].into_iter().chain(errors);
            codec::encode(&source, Arguments::of(given))
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

pub(super) fn repr(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let value = arguments.one("repr")?.defined()?;
    Ok(Value::text(value.repr(machine)?))
}

/// The text that a profile reads as the typed value.
pub(super) fn dumps(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let typed = arguments.one("dumps")?.defined()?.to_typed(machine)?;
    match typed.to_marker() {
        Ok(marker) => Ok(Value::text(marker)),
        Err(error) => value_error(format!("dumps(): {error}")),
    }
}

pub(super) fn format(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [value, spec] = arguments.bind("format", ["value", "format_spec"], 1)?;
    let spec = spec.map_or(Ok(Rc::from("")), |spec| spec.as_str("format_spec"))?;
    let value = value.unwrap_or(Value::None);
    formatting::with_spec(machine, &value, &spec).map(Value::text)
}

pub(super) fn chr(_: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let n = arguments.one("chr")?.as_int("the value")?;
    match u32::try_from(n).ok().and_then(char::from_u32) {
        Some(c) => Ok(Value::text(c.encode_utf8(&mut [0; 4]))),
        None => value_error("chr() arg not in range(0x110000)"),
    }
}

pub(super) fn ord(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let value = arguments.one("ord")?;
    let text = value.as_str("the value")?;
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(Value::Int(i128::from(u32::from(c)))),
        _ => {
            let length = value.counted_length(machine)?.unwrap_or(0);
            type_error(format!(
                "ord() expected a character, but string of length {length} found"
            ))
        }
    }
}
