//! Parameters as typed: `key=value` words, or a JSON object, to the JSON that is asked for.
//!
//! The type of `key=value` comes from the software's JSON Schema when there is one. Whether the
//! value is *allowed* is not judged here: what does not fit its type stays text, so that the
//! master's one check names the field and the allowed values. Pure; start with [`read_parameters`].

use crate::failure::Failure;
use serde_json::Value;
use slapos_api::wire::JsonMap;

/// Reads the words after `--parameters`. `schema` is asked only when a word needs a type.
pub(crate) fn read_parameters(
    words: &[String],
    schema: impl FnOnce() -> Result<Option<JsonMap>, Failure>,
) -> Result<JsonMap, Failure> {
    if let [only] = words
        && only.trim_start().starts_with('{')
    {
        return read_object(only, "--parameters");
    }
    let schema = if words.iter().any(|word| needs_type(word)) {
        schema()?
    } else {
        None
    };
    let mut parameters = JsonMap::new();
    for word in words {
        let (key, value) = read_word(word, schema.as_ref())?;
        if parameters.insert(key.clone(), value).is_some() {
            return Err(Failure::usage(format!(
                "The parameter {key} is given twice."
            )));
        }
    }
    Ok(parameters)
}

/// Reads a JSON object; `source` is named when it is none.
pub(crate) fn read_object(text: &str, source: &str) -> Result<JsonMap, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::usage(format!("What {source} holds is no JSON object: {error}."))
            .with_hint(r#"write it as {"maxmemory": "64mb"}"#)
    })
}

fn needs_type(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(key, _)| !key.ends_with(':'))
}

fn read_word(word: &str, schema: Option<&JsonMap>) -> Result<(String, Value), Failure> {
    let Some((key, text)) = word.split_once('=').filter(|(key, _)| !key.is_empty()) else {
        return Err(
            Failure::usage(format!("The parameter {word:?} has no key=value form.")).with_hint(
                "write key=value, key:=JSON, or one JSON object; put SOFTWARE and NAME first",
            ),
        );
    };
    match key.strip_suffix(':') {
        Some(key) => {
            let value = serde_json::from_str(text).map_err(|error| {
                Failure::usage(format!("The parameter {key} is no JSON: {error}."))
                    .with_hint(format!("for plain text write {key}={text}"))
            })?;
            Ok((key.to_owned(), value))
        }
        None => Ok((key.to_owned(), read_typed(text, &types_of(schema, key)))),
    }
}

/// The JSON types that the schema allows for a key; none known means text.
fn types_of<'a>(schema: Option<&'a JsonMap>, key: &str) -> Vec<&'a str> {
    let property = schema
        .and_then(|schema| schema.get("properties"))
        .and_then(|properties| properties.get(key));
    match property.and_then(|property| property.get("type")) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The value as one of the types; text where text is allowed or nothing else fits.
fn read_typed(text: &str, types: &[&str]) -> Value {
    let as_text = || Value::String(text.to_owned());
    if types.is_empty() || types.contains(&"string") {
        return as_text();
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value) if types.iter().any(|name| is_of(&value, name)) => value,
        _ => as_text(),
    }
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(words: &[&str]) -> Result<Value, Failure> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let schema = json!({"properties": {
            "port": {"type": "integer"}, "ratio": {"type": "number"}, "on": {"type": "boolean"},
            "name": {"type": "string"}, "map": {"type": "object"}, "list": {"type": "array"},
            "maybe": {"type": ["integer", "null"]},
        }});
        let schema = schema.as_object().cloned();
        read_parameters(&words, || Ok(schema)).map(Value::Object)
    }

    #[test]
    fn parameters_take_their_type_from_the_schema() {
        let words = [
            "port=80",
            "ratio=0.5",
            "on=true",
            "name=80",
            "map={\"a\":1}",
            "list=[1]",
        ];
        assert_eq!(
            read(&words).unwrap(),
            json!({"port": 80, "ratio": 0.5, "on": true, "name": "80", "map": {"a": 1}, "list": [1]})
        );
        assert_eq!(read(&["maybe=null"]).unwrap(), json!({"maybe": null}));
    }

    #[test]
    fn parameters_that_do_not_fit_stay_text_for_the_master_to_judge() {
        assert_eq!(read(&["port=eighty"]).unwrap(), json!({"port": "eighty"}));
        assert_eq!(read(&["port=1.5"]).unwrap(), json!({"port": "1.5"}));
        assert_eq!(read(&["unknown=1"]).unwrap(), json!({"unknown": "1"}));
    }

    #[test]
    fn parameters_keep_what_is_after_the_first_equals_sign() {
        assert_eq!(read(&["name=a=b"]).unwrap(), json!({"name": "a=b"}));
        assert_eq!(read(&["name="]).unwrap(), json!({"name": ""}));
    }

    #[test]
    fn parameters_forced_to_json_do_not_ask_for_the_schema() {
        let words = ["a:={\"b\":[1,null]}".to_owned(), "c:=\"=\"".to_owned()];
        let read = read_parameters(&words, || Err(Failure::new("asked"))).unwrap();
        assert_eq!(
            Value::Object(read),
            json!({"a": {"b": [1, null]}, "c": "="})
        );
    }

    #[test]
    fn parameters_as_one_object_are_taken_as_they_are() {
        assert_eq!(
            read(&[" {\"port\": \"80\"}"]).unwrap(),
            json!({"port": "80"})
        );
    }

    #[test]
    fn parameters_that_cannot_be_read_say_what_to_write() {
        for (words, part) in [
            (&["my_db"][..], "key=value"),
            (&["=1"], "key=value"),
            (&["a:=x"], "a=x"),
            (&["{\"a\""], "JSON object"),
            (&["a=1", "a=2"], "twice"),
        ] {
            let failure = read(words).unwrap_err();
            assert_eq!(failure.exit, crate::failure::Exit::Usage);
            assert!(failure.to_string().contains(part), "{failure}");
        }
    }
}
