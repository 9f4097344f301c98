//! Parameters against the JSON Schema of their release, with errors that name the field.

use super::AppError;
use serde_json::{Map, Value};
use slapos_model::{Parameters, closest};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Compiled schemas by the release's identity: compiling costs a hundred times a check. Bounded by
/// the number of releases in the catalogue; replaced when the schema's text changes.
#[derive(Debug, Default)]
pub struct Schemas {
    compiled: Mutex<HashMap<String, (String, Arc<jsonschema::Validator>)>>,
}

impl Schemas {
    /// Checks parameters; sealed ones cannot be looked into and are left to the reader.
    ///
    /// # Errors
    /// The first fault, by field and with what is allowed.
    pub fn check(&self, url: &str, schema: &str, given: &Parameters) -> Result<(), AppError> {
        let sealed = given
            .iter()
            .any(|(_, value)| !matches!(value, slapos_model::Value::Plain(_)));
        let validator = self.compile(url, schema)?;
        let instance = Value::Object(given.plain_map());
        let mut faults = validator.iter_errors(&instance);
        let fault = faults.find(|fault| !(sealed && is_required(fault)));
        let Some(fault) = fault else { return Ok(()) };
        let field = field_of(&fault.instance_path().to_string());
        Err(explain(&fault, &field, schema))
    }

    fn compile(&self, url: &str, schema: &str) -> Result<Arc<jsonschema::Validator>, AppError> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((text, validator)) = compiled.get(url)
            && text == schema
        {
            return Ok(Arc::clone(validator));
        }
        let unusable = |cause: String| {
            AppError::invalid(
                "software",
                format!("the schema of {url} cannot be used: {cause}"),
            )
        };
        let json: Value =
            serde_json::from_str(schema).map_err(|error| unusable(error.to_string()))?;
        let validator =
            jsonschema::validator_for(&json).map_err(|error| unusable(error.to_string()))?;
        let validator = Arc::new(validator);
        compiled.insert(url.to_owned(), (schema.to_owned(), Arc::clone(&validator)));
        Ok(validator)
    }
}

fn is_required(fault: &jsonschema::ValidationError<'_>) -> bool {
    matches!(
        fault.kind(),
        jsonschema::error::ValidationErrorKind::Required { .. }
    )
}

/// `/a/b` → `parameters.a.b`.
fn field_of(pointer: &str) -> String {
    let mut field = "parameters".to_owned();
    for part in pointer.split('/').filter(|part| !part.is_empty()) {
        field.push('.');
        field.push_str(&part.replace("~1", "/").replace("~0", "~"));
    }
    field
}

fn explain(fault: &jsonschema::ValidationError<'_>, field: &str, schema: &str) -> AppError {
    use jsonschema::error::ValidationErrorKind as Kind;
    let known = known_keys(schema);
    match fault.kind() {
        Kind::AdditionalProperties { unexpected } if field == "parameters" => {
            let name = unexpected.first().map_or("", String::as_str);
            let error = AppError::invalid(
                &format!("parameters.{name}"),
                format!("`{name}` is not a parameter of this software"),
            );
            let names = known.keys().cloned().collect::<Vec<_>>().join(", ");
            match closest(name, known.keys().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean `{near}`? it has: {names}")),
                None => error.hint(format!("it has: {names}")),
            }
        }
        _ => {
            let error = AppError::invalid(field, format!("{field}: {fault}"));
            match known
                .get(field.trim_start_matches("parameters."))
                .and_then(allowed)
            {
                Some(allowed) => error.hint(format!("allowed: {allowed}")),
                None => error,
            }
        }
    }
}

fn known_keys(schema: &str) -> Map<String, Value> {
    serde_json::from_str::<Value>(schema)
        .ok()
        .and_then(|schema| schema.get("properties").and_then(Value::as_object).cloned())
        .unwrap_or_default()
}

/// What a property's schema allows, for people.
fn allowed(property: &Value) -> Option<String> {
    let mut words = Vec::new();
    if let Some(values) = property.get("enum").and_then(Value::as_array) {
        let values: Vec<_> = values.iter().map(ToString::to_string).collect();
        words.push(values.join(", "));
    } else if let Some(kind) = property.get("type").and_then(Value::as_str) {
        words.push(format!("a value of type {kind}"));
    }
    for (key, word) in [
        ("pattern", "that matches"),
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("maxLength", "of at most this many characters:"),
    ] {
        if let Some(value) = property.get(key) {
            words.push(format!(
                "{word} {}",
                value.as_str().map_or(value.to_string(), str::to_owned)
            ));
        }
    }
    if let Some(examples) = property.get("examples").and_then(Value::as_array) {
        let examples: Vec<_> = examples.iter().map(ToString::to_string).collect();
        words.push(format!("for example {}", examples.join(", ")));
    }
    Some(words.join(", ")).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object", "additionalProperties": false, "properties": {
        "maxmemory": {"type": "string", "pattern": "^[0-9]+(kb|mb|gb)$", "examples": ["64mb"]},
        "policy": {"type": "string", "enum": ["noeviction", "allkeys-lru"]},
        "databases": {"type": "integer", "minimum": 1, "maximum": 64}}}"#;

    fn check(parameters: &str) -> Result<(), AppError> {
        let given = Parameters::parse(parameters).unwrap();
        Schemas::default().check("catalog:x", SCHEMA, &given)
    }

    #[test]
    fn parameters_that_fit_are_accepted() {
        assert_eq!(check(r#"{"maxmemory": "64mb", "databases": 16}"#), Ok(()));
        assert_eq!(check("{}"), Ok(()));
    }

    #[test]
    fn parameters_unknown_key_suggests_the_nearest() {
        let error = check(r#"{"maxmemroy": "64mb"}"#).unwrap_err();
        assert_eq!(error.field.as_deref(), Some("parameters.maxmemroy"));
        assert!(error.hint.unwrap().contains("did you mean `maxmemory`"));
    }

    #[test]
    fn parameters_wrong_value_names_field_and_allowed() {
        let error = check(r#"{"policy": "random"}"#).unwrap_err();
        assert_eq!(error.field.as_deref(), Some("parameters.policy"));
        assert!(
            error
                .hint
                .unwrap()
                .contains(r#""noeviction", "allkeys-lru""#)
        );
        let error = check(r#"{"maxmemory": "lots"}"#).unwrap_err();
        assert!(error.hint.unwrap().contains("for example \"64mb\""));
        let error = check(r#"{"databases": 65}"#).unwrap_err();
        assert!(error.message.contains("parameters.databases"), "{error}");
    }

    #[test]
    fn parameters_sealed_value_is_not_looked_into() {
        let sealed = r#"{"maxmemory": {"$sealed": {"reader": "COMP-1", "data": "AA"}}}"#;
        assert_eq!(check(sealed), Ok(()));
    }
}
