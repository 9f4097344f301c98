//! What the fuzz targets of the wire do with their bytes: functions from bytes to nothing that must not panic, take
//! long, or take much memory.
//!
//! `cargo xtask fuzz TARGET` builds and runs one. The functions are plain, so that a crash is repeated in a test by
//! calling them. Start with [`marshal`], [`parameters`] and `call` in call.rs.

use slapos_api::slap::{
    Value, python_repr, python_text, read, read_instance_xml, texts_of, write, write_instance_xml,
};
use std::collections::BTreeMap;

#[cfg(feature = "master")]
mod call;

#[cfg(feature = "master")]
pub use call::call;

/// Reads a value; what can be read can be written, and is read back as it is.
pub fn marshal(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let value = match read(text) {
        Ok(value) => value,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    drop((python_text(&value), python_repr(&value)));
    drop(texts_of(value.as_dict().unwrap_or_default()));
    // A text may hold characters that only Python lets through.
    let Ok(written) = write(&value) else { return };
    let again = read(&written).expect("what was written is read");
    assert_eq!(write(&again).as_ref(), Ok(&written), "{text:?}");
    assert!(is_same(&again, &value), "{text:?}");
}

/// Apart from the order of keys, which the writer chooses, and numbers that are none.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Dict(one), Value::Dict(other)) => one.len() == other.len(),
        (Value::Object { class, .. }, Value::Object { class: other, .. }) => class == other,
        (Value::List(one), Value::List(other)) | (Value::Tuple(one), Value::Tuple(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_same(one, other))
        }
        (Value::Float(one), Value::Float(other)) => one == other || one.is_nan() && other.is_nan(),
        (one, other) => one == other,
    }
}

/// Reads parameters; what can be read is the same after it was written.
pub fn parameters(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(found) = read_instance_xml(text) else {
        return;
    };
    let texts = found.into_iter();
    let texts: BTreeMap<String, String> = texts
        .map(|(key, value)| (key, value.unwrap_or_default()))
        .collect();
    let again = read_instance_xml(&write_instance_xml(&texts)).expect("what was written is read");
    let again: BTreeMap<String, String> = again
        .into_iter()
        .map(|(key, value)| (key, value.unwrap_or_default()))
        .collect();
    assert_eq!(again, texts, "{text:?}");
}
