//! JSON beside the texts that the old wire carries: one rule each way, for whoever speaks it.
//!
//! Nothing is decided here. Start with [`text_of`] for what is sent and [`texts_of`] for what came.

use super::{Value, python_text};
use crate::wire::JsonMap;
use serde_json::Value as Json;

/// A value as the text that is sent: a text as it is, anything else as JSON.
#[must_use]
pub fn text_of(value: &Json) -> String {
    let text = value.as_str().map(str::to_owned);
    text.unwrap_or_else(|| value.to_string())
}

/// The entries of a document as texts; nothing is an empty one.
#[must_use]
pub fn texts_of(entries: &[(Value, Value)]) -> JsonMap {
    let pairs = entries.iter().map(|(key, value)| {
        let value = match value {
            Value::None => String::new(),
            other => python_text(other),
        };
        (python_text(key), value.into())
    });
    pairs.collect()
}

/// Parameters as an instance of ours is given them: where a client wrapped them all in one JSON
/// text under `_`, what that text holds.
#[must_use]
pub fn unwrapped(map: JsonMap) -> JsonMap {
    let inner = match (map.len(), map.get("_")) {
        (1, Some(Json::String(text))) => serde_json::from_str::<JsonMap>(text).ok(),
        _ => None,
    };
    inner.unwrap_or(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_of_keeps_texts_and_exact_numbers() {
        assert_eq!(text_of(&json!("a \"b\"")), "a \"b\"");
        let exact: Json = serde_json::from_str("[9007199254740993, null]").unwrap();
        assert_eq!(text_of(&exact), "[9007199254740993,null]");
    }

    #[test]
    fn unwrapped_opens_what_was_wrapped_alone_and_nothing_else() {
        let map = |value: Json| value.as_object().unwrap().clone();
        assert_eq!(
            unwrapped(map(json!({"_": "{\"a\": 1}"}))),
            map(json!({"a": 1}))
        );
        for plain in [
            json!({"_": "{\"a\": 1}", "b": "2"}),
            json!({"_": "[1]"}),
            json!({"_": 1}),
            json!({}),
        ] {
            assert_eq!(unwrapped(map(plain.clone())), map(plain));
        }
    }
}
