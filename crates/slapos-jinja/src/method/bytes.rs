//! Methods of bytes, and the way between bytes and text.

use std::rc::Rc;

use super::Method;
use crate::arguments::Arguments;
use crate::error::{Outcome, type_error, value_error};
use crate::module::hex;
use crate::value::Value;

pub(super) const METHODS: &[(&str, Method<Rc<[u8]>>)] = &[
    ("decode", |_, bytes, arguments| decode(bytes, arguments)),
    ("endswith", |_, bytes, arguments| {
        let end = arguments.one("endswith")?;
        Ok(Value::Bool(bytes.ends_with(part(&end)?)))
    }),
    ("hex", |machine, bytes, arguments| {
        arguments.none("hex")?;
        machine.make(bytes.len().saturating_mul(2))?;
        Ok(Value::text(hex(bytes)))
    }),
    ("startswith", |_, bytes, arguments| {
        let start = arguments.one("startswith")?;
        Ok(Value::Bool(bytes.starts_with(part(&start)?)))
    }),
    ("strip", |machine, bytes, arguments| {
        arguments.none("strip")?;
        machine.make(bytes.len())?;
        Ok(Value::Bytes(Rc::from(bytes.trim_ascii())))
    }),
];

fn part(value: &Value) -> Outcome<&[u8]> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        other => type_error(format!(
            "a bytes-like object is required, not '{}'",
            other.type_name()
        )),
    }
}

/// What stands for what cannot be encoded or decoded.
#[derive(Clone, Copy)]
enum OnError {
    Fail,
    Skip,
    Replace,
}

/// Encodings that are built in.
#[derive(Clone, Copy)]
enum Codec {
    Utf8,
    Ascii,
    Latin1,
}

/// The encoding with its name, and what to do with errors.
fn settings(function: &str, arguments: Arguments) -> Outcome<(Codec, Rc<str>, OnError)> {
    let [encoding, errors] = arguments.bind(function, ["encoding", "errors"], 0)?;
    let name = encoding.map_or(Ok(Rc::from("utf-8")), |name| name.as_str("the encoding"))?;
    let codec = match name.to_lowercase().replace('_', "-").as_str() {
        "utf-8" | "utf8" => Codec::Utf8,
        "ascii" | "us-ascii" => Codec::Ascii,
        "latin-1" | "latin1" | "iso-8859-1" => Codec::Latin1,
        other => return value_error(format!("the encoding `{other}` is not built in")),
    };
    let errors = errors.map_or(Ok(Rc::from("strict")), |name| name.as_str("errors"))?;
    let on_error = match &*errors {
        "strict" => OnError::Fail,
        "ignore" => OnError::Skip,
        "replace" => OnError::Replace,
        other => return value_error(format!("the error handler `{other}` is not built in")),
    };
    Ok((codec, name, on_error))
}

/// `text.encode(encoding, errors)`
pub(crate) fn encode(text: &str, arguments: Arguments) -> Outcome<Value> {
    let (codec, name, on_error) = settings("encode", arguments)?;
    let limit = match codec {
        Codec::Utf8 => return Ok(Value::Bytes(Rc::from(text.as_bytes()))),
        Codec::Ascii => 0x80,
        Codec::Latin1 => 0x100,
    };
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match (u8::try_from(u32::from(c)), on_error) {
            (Ok(byte), _) if u32::from(byte) < limit => bytes.push(byte),
            (_, OnError::Skip) => {}
            (_, OnError::Replace) => bytes.push(b'?'),
            (_, OnError::Fail) => {
                return value_error(format!(
                    "'{name}' codec can't encode a character of the text"
                ));
            }
        }
    }
    Ok(Value::Bytes(Rc::from(bytes)))
}

/// `bytes.decode(encoding, errors)`
pub(crate) fn decode(bytes: &[u8], arguments: Arguments) -> Outcome<Value> {
    let (codec, name, on_error) = settings("decode", arguments)?;
    let mut text = String::with_capacity(bytes.len());
    let mut add = |good: &str, has_bad: bool| {
        text.push_str(good);
        match on_error {
            OnError::Fail if has_bad => {
                return value_error(format!("'{name}' codec can't decode the bytes"));
            }
            OnError::Replace if has_bad => text.push(char::REPLACEMENT_CHARACTER),
            _ => {}
        }
        Ok(())
    };
    match codec {
        Codec::Utf8 => {
            for chunk in bytes.utf8_chunks() {
                add(chunk.valid(), !chunk.invalid().is_empty())?;
            }
        }
        Codec::Ascii => {
            for chunk in bytes.chunk_by(|a, b| a.is_ascii() && b.is_ascii()) {
                let good = std::str::from_utf8(chunk).ok().filter(|_| chunk.is_ascii());
                add(good.unwrap_or_default(), good.is_none())?;
            }
        }
        Codec::Latin1 => text.extend(bytes.iter().copied().map(char::from)),
    }
    Ok(Value::text(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_of_what_is_no_text_does_as_errors_say() {
        let decoded = |bytes: &[u8], encoding: &str, errors: &str| {
            let arguments = [encoding, errors].map(Value::text);
            match decode(bytes, Arguments::of(arguments)) {
                Ok(Value::Str(text)) => Some(text.to_string()),
                _ => None,
            }
        };
        let bytes = b"a\xffb\xc3\xa9";
        assert_eq!(decoded(bytes, "utf-8", "strict"), None);
        assert_eq!(decoded(bytes, "utf-8", "ignore").as_deref(), Some("abé"));
        assert_eq!(
            decoded(bytes, "utf-8", "replace").as_deref(),
            Some("a\u{fffd}bé")
        );
        assert_eq!(decoded(bytes, "us-ascii", "strict"), None);
        assert_eq!(decoded(bytes, "us-ascii", "ignore").as_deref(), Some("ab"));
        assert_eq!(decoded(b"\xe9", "latin_1", "strict").as_deref(), Some("é"));
    }
}
