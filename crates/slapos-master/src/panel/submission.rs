//! A form that was sent → parameters: a pure decision, the way back of `field.rs`.
//!
//! Only what cannot be a value at all is refused here (JSON that is none); whether a value is
//! allowed is for the rules of `app` to say.

use super::field::{Kind, kind_of, properties};
use serde_json::{Number, Value};
use slapos_api::wire::JsonMap;
use std::collections::BTreeMap;

/// What stands before a parameter's key in a form, so that none can be taken for another field.
pub(super) const PREFIX: &str = "p.";

/// A form as it was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Submission {
    /// Everything but the parameters.
    pub(super) plain: BTreeMap<String, String>,
    /// What was typed, by parameter.
    pub(super) typed: BTreeMap<String, String>,
}

/// A parameter that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// Which.
    pub(super) key: String,
    /// Why.
    pub(super) message: String,
}

impl Submission {
    /// From the pairs of a form.
    pub(super) fn new(pairs: Vec<(String, String)>) -> Self {
        let mut submission = Self::default();
        for (name, value) in pairs {
            match name.strip_prefix(PREFIX) {
                Some(key) => submission.typed.insert(key.to_owned(), value),
                None => submission.plain.insert(name, value),
            };
        }
        submission
    }

    /// A field that is no parameter, without the spaces around it.
    pub(super) fn field(&self, name: &str) -> &str {
        self.plain.get(name).map_or("", |value| value.trim())
    }

    /// The parameters that were meant; an empty field leaves its parameter out.
    pub(super) fn parameters(&self, schema: &JsonMap) -> Result<JsonMap, Unreadable> {
        let known = properties(schema);
        let mut parameters = JsonMap::new();
        for (key, text) in &self.typed {
            if text.trim().is_empty() {
                continue;
            }
            let property = known.and_then(|known| known.get(key));
            let value = read(key, property, text).map_err(|message| Unreadable {
                key: key.clone(),
                message,
            })?;
            parameters.insert(key.clone(), value);
        }
        Ok(in_order(parameters, known))
    }
}

/// In the order of the schema, so that asking again in another order is asking for the same.
fn in_order(mut parameters: JsonMap, known: Option<&JsonMap>) -> JsonMap {
    let mut ordered = JsonMap::new();
    for key in known.into_iter().flat_map(JsonMap::keys) {
        if let Some(value) = parameters.shift_remove(key) {
            ordered.insert(key.clone(), value);
        }
    }
    ordered.extend(parameters);
    ordered
}

fn read(key: &str, property: Option<&Value>, text: &str) -> Result<Value, String> {
    let kind = property.map_or(Kind::Json, |property| kind_of(key, property));
    if let Some(sealed) = sealed(text) {
        return Ok(sealed);
    }
    match kind {
        Kind::Text | Kind::Password => Ok(Value::String(text.replace("\r\n", "\n"))),
        // What is no number is handed on as the text it is, for the schema to say so.
        Kind::Integer | Kind::Number => Ok(serde_json::from_str::<Number>(text.trim())
            .map_or_else(|_| Value::String(text.to_owned()), Value::Number)),
        Kind::Choice => Ok(chosen(property, text)),
        Kind::Json => serde_json::from_str(text).map_err(|error| {
            format!("this is no JSON ({error}); write for example {{\"key\": \"value\"}}")
        }),
    }
}

/// A sealed value stands in a form as the JSON that it is; nobody types that by chance.
fn sealed(text: &str) -> Option<Value> {
    if !text.starts_with("{\"$sealed\"") {
        return None;
    }
    serde_json::from_str(text).ok()
}

fn chosen(property: Option<&Value>, text: &str) -> Value {
    let values = property.and_then(|property| property.get("enum")?.as_array());
    if let Some(values) = values {
        let same = values
            .iter()
            .find(|value| super::show::plain(value) == text);
        return same
            .cloned()
            .unwrap_or_else(|| Value::String(text.to_owned()));
    }
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        other => Value::String(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parameters(pairs: &[(&str, &str)]) -> Result<Value, Unreadable> {
        let schema = json!({"properties": {
            "memory": {"type": "string"}, "databases": {"type": "integer"},
            "level": {"enum": [1, "two"]}, "sync": {"type": "boolean"},
            "site": {"type": "object"}}});
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let submission = Submission::new(pairs);
        submission
            .parameters(schema.as_object().unwrap())
            .map(Value::Object)
    }

    #[test]
    fn submission_reads_every_kind_in_the_order_of_the_schema() {
        let read = parameters(&[
            ("p.site", r#"{"a": [1.50]}"#),
            ("p.sync", "true"),
            ("p.level", "1"),
            ("p.databases", "123456789012345678901234567890"),
            ("p.memory", "64mb"),
            ("name", "my_db"),
        ]);
        let wanted = r#"{"memory":"64mb","databases":123456789012345678901234567890,"level":1,"sync":true,"site":{"a":[1.50]}}"#;
        assert_eq!(read.unwrap().to_string(), wanted);
    }

    #[test]
    fn submission_empty_field_leaves_the_parameter_out() {
        assert_eq!(
            parameters(&[("p.memory", " "), ("p.sync", "")]),
            Ok(json!({}))
        );
    }

    #[test]
    fn submission_wrong_number_is_left_to_the_schema() {
        assert_eq!(
            parameters(&[("p.databases", "many")]),
            Ok(json!({"databases": "many"}))
        );
        assert_eq!(
            parameters(&[("p.level", "three")]),
            Ok(json!({"level": "three"}))
        );
    }

    #[test]
    fn submission_broken_json_names_the_field() {
        let error = parameters(&[("p.site", "{")]).unwrap_err();
        assert_eq!(error.key, "site");
        assert!(error.message.contains("no JSON"), "{}", error.message);
    }

    #[test]
    fn submission_sealed_value_comes_back_as_it_was() {
        let sealed = r#"{"$sealed":{"reader":"COMP-1","data":"AA"}}"#;
        let read = parameters(&[("p.memory", sealed)]).unwrap();
        assert_eq!(read["memory"].to_string(), sealed);
    }
}
