//! `hashlib`.

use std::cell::RefCell;
use std::rc::Rc;

use sha2::Digest as _;

use crate::error::{Outcome, type_error, value_error};
use crate::value::Value;

const NAMES: [&str; 6] = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];

pub(super) fn module() -> Value {
    let functions = NAMES.map(|name| {
        let make = Value::function(name, move |machine, arguments| {
            let [data, _] = arguments.bind(name, ["string", "usedforsecurity"], 0)?;
            let bytes = data.map_or(Ok(Vec::new()), |data| bytes_of(&data))?;
            machine.make(bytes.len())?;
            Ok(hash(name, bytes))
        });
        (name, make)
    });
    let new = Value::function("new", |_, arguments| {
        let [name, data] = arguments.bind("new", ["name", "string"], 1)?;
        let name = name.unwrap_or(Value::None).as_str("the name")?;
        let bytes = data.map_or(Ok(Vec::new()), |data| bytes_of(&data))?;
        match NAMES.into_iter().find(|known| **known == *name) {
            Some(name) => Ok(hash(name, bytes)),
            None => value_error(format!("unsupported hash type {name}")),
        }
    });
    Value::object(
        "module",
        functions.into_iter().chain([("new", new)]).collect(),
    )
}

fn bytes_of(value: &Value) -> Outcome<Vec<u8>> {
    match value {
        Value::Bytes(bytes) => Ok(bytes.to_vec()),
        Value::Str(_) => type_error("Strings must be encoded before hashing"),
        other => type_error(format!(
            "object supporting the buffer API required, not {}",
            other.type_name()
        )),
    }
}

/// The bytes are kept until the digest is asked for.
fn hash(name: &'static str, bytes: Vec<u8>) -> Value {
    let bytes = Rc::new(RefCell::new(bytes));
    let (for_hex, for_digest) = (Rc::clone(&bytes), Rc::clone(&bytes));
    let update = Value::function("update", move |machine, arguments| {
        let more = bytes_of(&arguments.one("update")?)?;
        machine.make(more.len())?;
        bytes.borrow_mut().extend(more);
        Ok(Value::None)
    });
    let hexdigest = Value::function("hexdigest", move |_, _| {
        Ok(Value::text(hex(&digest(name, &for_hex.borrow()))))
    });
    let digest = Value::function("digest", move |_, _| {
        Ok(Value::Bytes(Rc::from(digest(name, &for_digest.borrow()))))
    });
    Value::object(
        "HASH",
        vec![
            ("update", update),
            ("hexdigest", hexdigest),
            ("digest", digest),
            ("name", Value::text(name)),
        ],
    )
}

fn digest(name: &str, bytes: &[u8]) -> Vec<u8> {
    match name {
        "md5" => md5::Md5::digest(bytes).to_vec(),
        "sha1" => sha1::Sha1::digest(bytes).to_vec(),
        "sha224" => sha2::Sha224::digest(bytes).to_vec(),
        "sha384" => sha2::Sha384::digest(bytes).to_vec(),
        "sha512" => sha2::Sha512::digest(bytes).to_vec(),
        _ => sha2::Sha256::digest(bytes).to_vec(),
    }
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
