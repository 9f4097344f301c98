//! One value and its JSON form; how deep and of what kind a JSON value is.
//!
//! Limits and names of parameters are the module's above.

use super::{ParameterError, Value};
use serde_json::Value as Json;

pub(super) fn read_value(key: &str, json: Json) -> Result<Value, ParameterError> {
    let Json::Object(outer) = &json else {
        return Ok(Value::Plain(json));
    };
    let Some(seal) = outer.get("$sealed") else {
        return Ok(Value::Plain(json));
    };
    let text = |name: &str| seal.get(name).and_then(Json::as_str).map(str::to_owned);
    match (outer.len(), text("reader"), text("data")) {
        (1, Some(reader), Some(data)) => Ok(Value::Sealed { reader, data }),
        _ => Err(ParameterError::BadSeal(key.to_owned())),
    }
}

pub(super) fn write_value(value: &Value) -> Json {
    match value {
        Value::Plain(json) => json.clone(),
        Value::Sealed { reader, data } => {
            serde_json::json!({"$sealed": {"reader": reader, "data": data}})
        }
    }
}

pub(super) fn depth_exceeds(json: &Json, left: usize) -> bool {
    if left == 0 {
        return true;
    }
    match json {
        Json::Array(items) => items.iter().any(|item| depth_exceeds(item, left - 1)),
        Json::Object(map) => map.values().any(|item| depth_exceeds(item, left - 1)),
        _ => false,
    }
}

pub(super) fn kind_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}
