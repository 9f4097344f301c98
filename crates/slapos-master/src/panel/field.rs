//! JSON Schema → the fields of a form: a pure decision.
//!
//! What HTML can say (required, bounds, pattern, choices) is said, so that the browser helps while
//! typing; the rules are checked by `app` all the same. What no widget fits becomes a box of JSON.

use super::show::{is_secret_key, plain};
use serde_json::Value;
use slapos_api::wire::JsonMap;
use std::collections::BTreeMap;

/// How a value is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    /// A line of text.
    #[default]
    Text,
    /// A line that is not shown.
    Password,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// One of a few.
    Choice,
    /// Anything, written as JSON.
    Json,
}

/// One of a few values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// What is sent; empty leaves the parameter out.
    pub(super) value: String,
    /// What is read.
    pub(super) label: String,
    /// Is it the standing one?
    pub(super) is_chosen: bool,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Field {
    /// The parameter.
    pub(super) key: String,
    /// What it is called.
    pub(super) label: String,
    /// What it does.
    pub(super) description: String,
    /// How it is asked for.
    pub(super) kind: Kind,
    /// Must it be given?
    pub(super) is_required: bool,
    /// What stands in it.
    pub(super) value: String,
    /// Choices of [`Kind::Choice`].
    pub(super) choices: Vec<Choice>,
    /// What it is when it is left out.
    pub(super) default: Option<String>,
    /// An example.
    pub(super) placeholder: String,
    /// HTML attributes: `min`, `max`, `pattern`…
    pub(super) limits: Vec<(&'static str, String)>,
    /// What is wrong with it.
    pub(super) error: Option<String>,
    /// What would be right.
    pub(super) hint: Option<String>,
}

impl Field {
    pub(super) fn is_json(&self) -> bool {
        self.kind == Kind::Json
    }

    pub(super) fn is_choice(&self) -> bool {
        self.kind == Kind::Choice
    }

    pub(super) fn input_type(&self) -> &'static str {
        match self.kind {
            Kind::Password => "password",
            Kind::Integer | Kind::Number => "number",
            _ => "text",
        }
    }

    /// The elements that describe the input, for those who hear the page.
    pub(super) fn described_by(&self) -> String {
        let mut ids = Vec::new();
        if self.error.is_some() {
            ids.push(format!("error-{}", self.key));
        }
        if !self.description.is_empty() || self.default.is_some() {
            ids.push(format!("about-{}", self.key));
        }
        ids.join(" ")
    }
}

/// The fields of a schema; `given` holds what was typed before, by key.
pub(super) fn fields(schema: &JsonMap, given: &BTreeMap<String, String>) -> Vec<Field> {
    let required = |key: &str| {
        let list = schema.get("required").and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|name| name.as_str() == Some(key)))
    };
    let build = |(key, property): (&String, &Value)| {
        let value = given.get(key).cloned().unwrap_or_default();
        build(key, property, required(key), value)
    };
    properties(schema)
        .into_iter()
        .flatten()
        .map(build)
        .collect()
}

/// The properties of a schema.
pub(super) fn properties(schema: &JsonMap) -> Option<&JsonMap> {
    schema.get("properties").and_then(Value::as_object)
}

/// Parameters as they stand, as a person would have typed them.
pub(super) fn typed(schema: &JsonMap, parameters: &JsonMap) -> BTreeMap<String, String> {
    let properties = properties(schema);
    let text = |(key, value): (&String, &Value)| {
        let kind = properties
            .and_then(|known| known.get(key))
            .map_or(Kind::Json, |property| kind_of(key, property));
        let text = match (kind, value) {
            (Kind::Json, value) => value.to_string(),
            // A sealed value, or one from before the schema changed, is kept as it is.
            (_, Value::Object(_) | Value::Array(_)) => value.to_string(),
            (_, value) => plain(value),
        };
        (key.clone(), text)
    };
    parameters.iter().map(text).collect()
}

/// How a property is asked for.
pub(super) fn kind_of(key: &str, property: &Value) -> Kind {
    if property.get("enum").is_some_and(Value::is_array) {
        return Kind::Choice;
    }
    let is_hidden = property.get("writeOnly") == Some(&Value::Bool(true))
        || property.get("format").and_then(Value::as_str) == Some("password")
        || is_secret_key(key);
    match property.get("type").and_then(Value::as_str) {
        Some("string") if is_hidden => Kind::Password,
        Some("string") => Kind::Text,
        Some("integer") => Kind::Integer,
        Some("number") => Kind::Number,
        Some("boolean") => Kind::Choice,
        _ => Kind::Json,
    }
}

fn build(key: &str, property: &Value, is_required: bool, value: String) -> Field {
    let text = |name: &str| property.get(name).and_then(Value::as_str);
    let kind = if value.starts_with("{\"$sealed\"") {
        // No other widget would bring a sealed value back whole.
        Kind::Json
    } else {
        kind_of(key, property)
    };
    let default = property.get("default").map(|value| match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => plain(other),
    });
    let examples = property.get("examples").and_then(Value::as_array);
    let example = examples.and_then(|list| list.first()).map(plain);
    Field {
        label: text("title").unwrap_or(key).to_owned(),
        description: text("description").unwrap_or_default().to_owned(),
        choices: choices(property, is_required, default.as_deref(), &value),
        placeholder: default.clone().or(example).unwrap_or_default(),
        limits: limits(kind, property),
        key: key.to_owned(),
        kind,
        is_required,
        value,
        default,
        error: None,
        hint: None,
    }
}

fn choices(property: &Value, required: bool, default: Option<&str>, now: &str) -> Vec<Choice> {
    let values: Vec<String> = match property.get("enum").and_then(Value::as_array) {
        Some(values) => values.iter().map(plain).collect(),
        None if property.get("type").and_then(Value::as_str) == Some("boolean") => {
            vec!["true".to_owned(), "false".to_owned()]
        }
        None => return Vec::new(),
    };
    let none = match default {
        Some(default) => format!("as usual ({default})"),
        None if required => "choose…".to_owned(),
        None => "not set".to_owned(),
    };
    let first = Choice {
        value: String::new(),
        label: none,
        is_chosen: now.is_empty(),
    };
    let others = values.into_iter().map(|value| Choice {
        is_chosen: value == now,
        label: match value.as_str() {
            "true" => "yes".to_owned(),
            "false" => "no".to_owned(),
            other => other.to_owned(),
        },
        value,
    });
    std::iter::once(first).chain(others).collect()
}

fn limits(kind: Kind, property: &Value) -> Vec<(&'static str, String)> {
    let mut limits = Vec::new();
    let mut take = |attribute: &'static str, name: &str| {
        if let Some(value) = property.get(name).filter(|value| value.is_number()) {
            limits.push((attribute, value.to_string()));
        }
    };
    match kind {
        Kind::Integer | Kind::Number => {
            take("min", "minimum");
            take("max", "maximum");
            let step = if kind == Kind::Integer { "1" } else { "any" };
            limits.push(("step", step.to_owned()));
        }
        Kind::Text | Kind::Password => {
            take("minlength", "minLength");
            take("maxlength", "maxLength");
            if let Some(pattern) = property.get("pattern").and_then(Value::as_str) {
                limits.push(("pattern", anchored(pattern)));
            }
        }
        Kind::Choice | Kind::Json => {}
    }
    limits
}

/// A schema's pattern matches anywhere, an input's must match the whole.
fn anchored(pattern: &str) -> String {
    let is_whole = pattern.starts_with('^') && pattern.ends_with('$') && !pattern.contains('|');
    if is_whole {
        pattern.to_owned()
    } else {
        format!("[\\s\\S]*(?:{pattern})[\\s\\S]*")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> JsonMap {
        let schema = json!({"type": "object", "required": ["site"], "properties": {
            "maxmemory": {"type": "string", "title": "Memory", "description": "How much",
                          "pattern": "^[0-9]+mb$", "examples": ["64mb"], "maxLength": 9},
            "databases": {"type": "integer", "minimum": 1, "maximum": 64, "default": 16},
            "ratio": {"type": "number"},
            "policy": {"enum": ["noeviction", "allkeys-lru"], "default": "noeviction"},
            "appendonly": {"type": "boolean"},
            "password": {"type": "string"},
            "site": {"type": "object"}}});
        schema.as_object().unwrap().clone()
    }

    fn field(key: &str, given: &[(&str, &str)]) -> Field {
        let given = given
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let all = fields(&schema(), &given);
        all.into_iter().find(|field| field.key == key).unwrap()
    }

    #[test]
    fn fields_keep_the_order_of_the_schema() {
        let keys: Vec<_> = fields(&schema(), &BTreeMap::new())
            .into_iter()
            .map(|field| field.key)
            .collect();
        let wanted = [
            "maxmemory",
            "databases",
            "ratio",
            "policy",
            "appendonly",
            "password",
            "site",
        ];
        assert_eq!(keys, wanted);
    }

    #[test]
    fn field_of_a_text_carries_what_html_can_check() {
        let field = field("maxmemory", &[("maxmemory", "1mb")]);
        assert_eq!((field.kind, field.label.as_str()), (Kind::Text, "Memory"));
        assert_eq!(
            (field.value.as_str(), field.placeholder.as_str()),
            ("1mb", "64mb")
        );
        assert!(field.limits.contains(&("maxlength", "9".to_owned())));
        assert!(field.limits.contains(&("pattern", "^[0-9]+mb$".to_owned())));
    }

    #[test]
    fn field_of_a_number_has_bounds_and_step() {
        let field = field("databases", &[]);
        assert_eq!(field.kind, Kind::Integer);
        let wanted = [("min", "1"), ("max", "64"), ("step", "1")];
        assert_eq!(
            field.limits,
            wanted.map(|(name, value)| (name, value.to_owned()))
        );
        assert_eq!(field.default.as_deref(), Some("16"));
    }

    #[test]
    fn field_of_a_few_values_is_a_choice_with_the_default_first() {
        let field = field("policy", &[("policy", "allkeys-lru")]);
        let labels: Vec<_> = field
            .choices
            .iter()
            .map(|choice| choice.label.as_str())
            .collect();
        assert_eq!(
            labels,
            ["as usual (noeviction)", "noeviction", "allkeys-lru"]
        );
        assert!(field.choices[2].is_chosen && !field.choices[0].is_chosen);
        assert_eq!(self::field("appendonly", &[]).choices[1].label, "yes");
    }

    #[test]
    fn field_of_anything_else_is_json_and_of_a_secret_is_hidden() {
        let site = field("site", &[]);
        assert_eq!((site.kind, site.is_required), (Kind::Json, true));
        assert_eq!(field("password", &[]).kind, Kind::Password);
    }

    #[test]
    fn pattern_that_matches_anywhere_stays_so() {
        assert_eq!(anchored("a"), "[\\s\\S]*(?:a)[\\s\\S]*");
        assert_eq!(anchored("^a|b$"), "[\\s\\S]*(?:^a|b$)[\\s\\S]*");
    }

    #[test]
    fn typed_parameters_are_as_a_person_writes_them() {
        let parameters = json!({"maxmemory": "64mb", "databases": 3, "site": {"a": [1]},
                                "other": "x"});
        let typed = typed(&schema(), parameters.as_object().unwrap());
        assert_eq!(typed["maxmemory"], "64mb");
        assert_eq!(typed["databases"], "3");
        assert_eq!(typed["site"], r#"{"a":[1]}"#);
        assert_eq!(typed["other"], r#""x""#);
    }
}
