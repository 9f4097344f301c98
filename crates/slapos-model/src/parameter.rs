//! Parameters and connection values: JSON as its writer wrote it, or sealed to a reader.
//!
//! Numbers keep their digits (no float is ever made of them), keys keep their order. A sealed
//! value is opaque to the master: it stores and forwards it. On the wire and in the store a sealed
//! value is the object `{"$sealed": {"reader": "…", "data": "…"}}`; the key `$sealed` is therefore
//! reserved at the top of a value.

mod json;

use crate::limits::{PARAMETERS_BYTES_MAX, PARAMETERS_DEPTH_MAX};
use json::{depth_exceeds, kind_of, read_value, write_value};
use serde_json::{Map, Value as Json};

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Readable by whoever may read the instance.
    Plain(Json),
    /// Readable by the owner of `reader`'s private key only.
    Sealed {
        /// Whose key it is sealed to.
        reader: String,
        /// The sealed bytes, in base 64.
        data: String,
    },
}

/// Named values in the order they were given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters(Vec<(String, Value)>);

/// Why a set of parameters is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// Not a JSON object.
    #[error("parameters must be a JSON object such as {{\"key\": \"value\"}}, this is {0}")]
    NotAnObject(&'static str),
    /// Not JSON at all.
    #[error("parameters are not valid JSON: {0}")]
    NotJson(String),
    /// Over the limit.
    #[error("parameters have {0} bytes of JSON, the limit is {PARAMETERS_BYTES_MAX}")]
    TooLarge(usize),
    /// Over the limit.
    #[error("parameter `{0}` is nested deeper than {PARAMETERS_DEPTH_MAX} levels")]
    TooDeep(String),
    /// The reserved key with something else below it.
    #[error("parameter `{0}`: `$sealed` must hold `reader` and `data`, both texts")]
    BadSeal(String),
}

impl Parameters {
    /// Reads the text form.
    ///
    /// # Errors
    /// When it is no JSON object or is over a limit.
    pub fn parse(text: &str) -> Result<Self, ParameterError> {
        if text.len() > PARAMETERS_BYTES_MAX {
            return Err(ParameterError::TooLarge(text.len()));
        }
        let json: Json = serde_json::from_str(text)
            .map_err(|error| ParameterError::NotJson(error.to_string()))?;
        match json {
            Json::Object(map) => Self::from_map(map),
            other => Err(ParameterError::NotAnObject(kind_of(&other))),
        }
    }

    /// Takes a JSON object of somebody else's, which may be of any size.
    ///
    /// # Errors
    /// When it is over a limit or badly sealed.
    pub fn from_stranger(map: Map<String, Json>) -> Result<Self, ParameterError> {
        let parameters = Self::from_map(map)?;
        match parameters.to_text().len() {
            bytes if bytes > PARAMETERS_BYTES_MAX => Err(ParameterError::TooLarge(bytes)),
            _ => Ok(parameters),
        }
    }

    /// Takes a JSON object.
    ///
    /// # Errors
    /// When a value is nested too deep or badly sealed.
    pub fn from_map(map: Map<String, Json>) -> Result<Self, ParameterError> {
        let mut values = Vec::with_capacity(map.len());
        for (key, json) in map {
            if depth_exceeds(&json, PARAMETERS_DEPTH_MAX) {
                return Err(ParameterError::TooDeep(key));
            }
            let value = read_value(&key, json)?;
            values.push((key, value));
        }
        Ok(Self(values))
    }

    /// The same as one JSON object, seals in their wire form.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Json> {
        self.0
            .iter()
            .map(|(key, value)| (key.clone(), write_value(value)))
            .collect()
    }

    /// The text form that is stored and compared.
    #[must_use]
    pub fn to_text(&self) -> String {
        Json::Object(self.to_map()).to_string()
    }

    /// The readable values alone, as a JSON object: what a schema can check.
    #[must_use]
    pub fn plain_map(&self) -> Map<String, Json> {
        self.0
            .iter()
            .filter_map(|(key, value)| match value {
                Value::Plain(json) => Some((key.clone(), json.clone())),
                Value::Sealed { .. } => None,
            })
            .collect()
    }

    /// The value of a key.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// All keys and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_digits_and_order() {
        let text = r#"{"z":123456789012345678901234567890,"a":1.10,"m":{"b":null,"a":[]}}"#;
        assert_eq!(Parameters::parse(text).unwrap().to_text(), text);
    }

    #[test]
    fn parameters_sealed_value_is_opaque_and_reads_back() {
        let text = r#"{"password":{"$sealed":{"reader":"COMP-1","data":"AAEC"}},"port":1}"#;
        let parameters = Parameters::parse(text).unwrap();
        assert!(matches!(
            parameters.find("password"),
            Some(Value::Sealed { .. })
        ));
        assert_eq!(parameters.to_text(), text);
        assert!(!parameters.plain_map().contains_key("password"));
    }

    #[test]
    fn parameters_that_are_no_object_are_refused() {
        assert_eq!(
            Parameters::parse("[1]"),
            Err(ParameterError::NotAnObject("a list"))
        );
        assert!(matches!(
            Parameters::parse("{"),
            Err(ParameterError::NotJson(_))
        ));
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(80), "]".repeat(80));
        assert_eq!(
            Parameters::parse(&deep),
            Err(ParameterError::TooDeep("a".to_owned()))
        );
        let seal = r#"{"a":{"$sealed":1}}"#;
        assert_eq!(
            Parameters::parse(seal),
            Err(ParameterError::BadSeal("a".to_owned()))
        );
    }

    proptest::proptest! {
        #[test]
        fn parameters_any_text_never_panics(text in ".{0,200}") {
            let _ = Parameters::parse(&text);
        }
    }
}
