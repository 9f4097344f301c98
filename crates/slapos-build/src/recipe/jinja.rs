//! `slapos.recipe.template:jinja2`: a Jinja template with a context of options and sections.
//!
//! Context lines are `type name expression`, with the types raw, key, section, json and jsonkey. An undefined name is
//! an error. Python modules (`import`) and methods of Python objects are not there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use minijinja::value::Value as Jinja;
use minijinja::{Environment, UndefinedBehavior};
use slapos_buildout::{PartOptions, RecipeError, Typed, Value};

use super::template::{Rendered, default_mode, template_text};
use super::{Construction, Part, options};

pub(super) fn construct(
    _: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let output = match options::text(part, "output")? {
        Some(output) => output,
        None => options::needed(part, "rendered")?,
    };
    let template = template_text(part)?;
    let context = context(part)?;
    let text = render(&template, context)?;
    let mode = options::mode(part)?.unwrap_or_else(|| default_mode(&text));
    Ok(Box::new(Rendered {
        output: PathBuf::from(output),
        text,
        mode,
    }))
}

fn render(template: &str, context: Vec<(String, Jinja)>) -> Result<String, RecipeError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_recursion_limit(100);
    let context = Jinja::from(context.into_iter().collect::<BTreeMap<_, _>>());
    environment
        .render_str(template, context)
        .map_err(|error| RecipeError::Refused(format!("rendering the template: {error}")))
}

fn context(part: &mut PartOptions<'_, '_>) -> Result<Vec<(String, Jinja)>, RecipeError> {
    let lines = options::text_or(part, "context", "")?;
    let mut context = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (kind, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim_start();
        let (name, expression) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let value = value_of(part, kind, expression.trim())?;
        if context.iter().any(|(there, _)| there == name) {
            return Err(format!("the context has `{name}` twice").into());
        }
        context.push((name.to_owned(), value));
    }
    Ok(context)
}

fn value_of(
    part: &mut PartOptions<'_, '_>,
    kind: &str,
    expression: &str,
) -> Result<Jinja, RecipeError> {
    match kind {
        "raw" => Ok(Jinja::from(expression)),
        "json" => from_json(expression),
        "key" => Ok(from_value(&key(part, expression)?)),
        "jsonkey" => from_json(&key(part, expression)?.as_text()),
        "section" => {
            let section = part.other_section(expression)?;
            Ok(mapping(section.iter().map(|(name, value)| (name.clone(), from_value(value)))))
        }
        _ => Err(format!(
            "the context type `{kind}` is not built in; those that are: raw, key, section, json, jsonkey"
        )
        .into()),
    }
}

/// `section:option`, or `:option` of the part itself.
fn key(part: &mut PartOptions<'_, '_>, expression: &str) -> Result<Value, RecipeError> {
    let Some((section, option)) = expression.split_once(':') else {
        return Err(format!("the key `{expression}` is not of the form section:option").into());
    };
    if section.is_empty() {
        let value = part.get(option)?;
        return value.ok_or_else(|| format!("the part has no option `{option}`").into());
    }
    Ok(part.other(section, option)?)
}

fn from_json(text: &str) -> Result<Jinja, RecipeError> {
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|e| format!("reading JSON of the context: {e}"))?;
    Ok(from_json_value(&value))
}

fn from_json_value(value: &serde_json::Value) -> Jinja {
    match value {
        serde_json::Value::Null => Jinja::from(()),
        serde_json::Value::Bool(flag) => Jinja::from(*flag),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Jinja::from(integer),
            (None, Some(float)) => Jinja::from(float),
            _ => Jinja::from(number.to_string()),
        },
        serde_json::Value::String(text) => Jinja::from(text.as_str()),
        serde_json::Value::Array(items) => items.iter().map(from_json_value).collect(),
        serde_json::Value::Object(map) => mapping(
            map.iter()
                .map(|(name, value)| (name.clone(), from_json_value(value))),
        ),
    }
}

/// In the order of names, whatever the order they were written in.
fn mapping(pairs: impl Iterator<Item = (String, Jinja)>) -> Jinja {
    Jinja::from(pairs.collect::<BTreeMap<_, _>>())
}

fn key_text(key: &Typed) -> String {
    match key {
        Typed::Str(text) => text.clone(),
        other => other.repr(),
    }
}

fn from_value(value: &Value) -> Jinja {
    match value {
        Value::Text(text) => Jinja::from(text.as_str()),
        Value::Typed(typed) => from_typed(typed),
    }
}

fn from_typed(typed: &Typed) -> Jinja {
    match typed {
        Typed::None => Jinja::from(()),
        Typed::Bool(flag) => Jinja::from(*flag),
        Typed::Int(integer) => match integer.to_i64() {
            Some(small) => Jinja::from(small),
            None => Jinja::from(typed.repr()),
        },
        Typed::Float(float) => Jinja::from(*float),
        Typed::Str(text) => Jinja::from(text.as_str()),
        Typed::List(items) | Typed::Tuple(items) | Typed::Set(items) | Typed::FrozenSet(items) => {
            items.iter().map(from_typed).collect()
        }
        Typed::Dict(pairs) => mapping(
            pairs
                .iter()
                .map(|(name, value)| (key_text(name), from_typed(value))),
        ),
        Typed::Complex(..) | Typed::Bytes(_) | Typed::ByteArray(_) => Jinja::from(typed.repr()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn render_of_an_unknown_name_is_an_error() {
        let context = vec![("a".to_owned(), Jinja::from(true))];
        let text = render("{{ 'yes' if a else 'no' }}", context.clone()).unwrap();
        assert_eq!(text, "yes");
        assert!(render("{{ b }}", context.clone()).is_err());
        assert!(render("{% for %}", context).is_err());
    }

    #[test]
    fn from_json_keeps_types() {
        let value = from_json(r#"{"b": [1, 2.5, null], "a": "x"}"#).unwrap();
        let context = vec![("v".to_owned(), value)];
        let text = render(
            "{% for k in v %}{{ k }}{% endfor %}{{ v.b[0] + 1 }}",
            context,
        )
        .unwrap();
        assert_eq!(text, "ab2");
    }
}
