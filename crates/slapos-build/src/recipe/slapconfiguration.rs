//! `slapos.cookbook:slapconfiguration` and its variants: what the node and the master know, as options.
//!
//! Nothing is asked over the network: the agent hands in what it has. A parameter is read as `configuration.<key>`:
//! text as it is, a number in decimal, a switch as `true` or `false`, anything else as JSON; `configuration` is the
//! whole, typed. `.serialised` takes the JSON in the parameter `_`, if there is one; `.jsonschema` also fills in the
//! defaults of the schema.

use std::path::Path;

use serde_json::{Map, Value as Json};
use slapos_buildout::{Integer, PartOptions, RecipeError, Typed, Value};

use super::{Construction, Installed, Part, options};
use crate::InstanceInstall;
use crate::file;
use crate::work::{PartFailure, Work};

struct Facts;

impl Part for Facts {
    fn is_only_options(&self) -> bool {
        true
    }

    fn install(&self, _: &mut Work<'_>) -> Result<Installed, PartFailure> {
        Ok(Installed::default())
    }
}

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let install = instance(construction)?;
    publish_facts(part, install)?;
    publish_parameters(part, &install.parameters)?;
    Ok(Box::new(Facts))
}

pub(super) fn construct_serialised(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let install = instance(construction)?;
    publish_facts(part, install)?;
    publish_parameters(part, &unwrapped(&install.parameters)?)?;
    Ok(Box::new(Facts))
}

pub(super) fn construct_jsonschema(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let install = instance(construction)?;
    publish_facts(part, install)?;
    let mut parameters = unwrapped(&install.parameters)?;
    let path = options::needed(part, "jsonschema")?;
    let text = file::read_text(Path::new(&path))
        .map_err(|e| format!("reading the schema of the parameters: {e}"))?;
    let schema: Json = serde_json::from_str(&text)
        .map_err(|e| format!("reading the schema of the parameters {path}: {e}"))?;
    if options::switch(part, "set-default", true)? {
        fill_defaults(&schema, &mut parameters);
    }
    publish_parameters(part, &parameters)?;
    Ok(Box::new(Facts))
}

fn instance<'c>(construction: &Construction<'c>) -> Result<&'c InstanceInstall, RecipeError> {
    let why = "this recipe belongs in an instance's profile, not in a software's";
    construction.world.instance.ok_or_else(|| why.into())
}

fn publish_facts(
    part: &mut PartOptions<'_, '_>,
    install: &InstanceInstall,
) -> Result<(), RecipeError> {
    let or_default = |text: &str, default: &str| {
        if text.is_empty() {
            default.to_owned()
        } else {
            text.to_owned()
        }
    };
    let software_type = match install.software_type.as_str() {
        "" | "RootSoftwareInstance" => "default",
        other => other,
    };
    let root_title = or_default(&install.root_instance_title, &install.instance_title);
    for (option, value) in [
        ("slap-software-type", software_type),
        ("slap-computer-id", &install.computer_id),
        ("slap-computer-partition-id", &install.partition_id),
        ("slap-software-release-url", &install.software_release_url),
        ("instance-title", &install.instance_title),
        ("root-instance-title", &root_title),
        ("root-instance-short-title", &root_title),
        ("instance-guid", &install.instance_guid),
        ("instance-state", &install.requested_state),
        // The smallest as text, so that it stays the same however the list is ordered.
        (
            "ipv4-random",
            install.ipv4.iter().min().map_or("", String::as_str),
        ),
        (
            "ipv6-random",
            install.ipv6.iter().min().map_or("", String::as_str),
        ),
    ] {
        part.set(option, options::literal(value))?;
    }
    let set = |list: &[String]| Typed::Set(list.iter().cloned().map(Typed::Str).collect());
    part.set("ipv4", set(&install.ipv4))?;
    part.set("ipv6", set(&install.ipv6))?;
    part.set("slave-instance-list", Typed::List(Vec::new()))?;
    Ok(())
}

fn publish_parameters(
    part: &mut PartOptions<'_, '_>,
    parameters: &Map<String, Json>,
) -> Result<(), RecipeError> {
    for (name, value) in parameters {
        part.set(
            &format!("configuration.{name}"),
            options::literal(&as_text(value)),
        )?;
    }
    let value = Value::from(typed(&Json::Object(parameters.clone())));
    part.set("configuration", value)?;
    Ok(())
}

/// The object in the parameter `_`, or the parameters themselves where there is none.
fn unwrapped(parameters: &Map<String, Json>) -> Result<Map<String, Json>, RecipeError> {
    let Some(wrapped) = parameters.get("_") else {
        return Ok(parameters.clone());
    };
    let parsed = match wrapped {
        Json::String(text) => {
            serde_json::from_str(text).map_err(|e| format!("the parameter `_` is not JSON: {e}"))?
        }
        other => other.clone(),
    };
    match parsed {
        Json::Object(map) => Ok(map),
        _ => Err("the parameter `_` is not a JSON object".into()),
    }
}

/// `default` of each property that is not given, also inside of objects that are.
fn fill_defaults(schema: &Json, values: &mut Map<String, Json>) {
    let Some(properties) = schema.get("properties").and_then(Json::as_object) else {
        return;
    };
    for (name, property) in properties {
        if !values.contains_key(name)
            && let Some(default) = property.get("default")
        {
            values.insert(name.clone(), default.clone());
        }
        if let Some(Json::Object(inner)) = values.get_mut(name) {
            fill_defaults(property, inner);
        }
    }
}

fn as_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

fn typed(value: &Json) -> Typed {
    match value {
        Json::Null => Typed::None,
        Json::Bool(flag) => Typed::Bool(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Typed::Int(Integer::from(integer)),
            (None, Some(float)) if float.is_finite() => Typed::Float(float),
            _ => Typed::Str(number.to_string()),
        },
        Json::String(text) => Typed::Str(text.clone()),
        Json::Array(items) => Typed::List(items.iter().map(typed).collect()),
        Json::Object(map) => Typed::Dict(
            map.iter()
                .map(|(name, value)| (Typed::Str(name.clone()), typed(value)))
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Map<String, Json> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn fill_defaults_keeps_what_is_given() {
        let schema: Json = serde_json::from_str(
            r#"{"properties": {"a": {"default": 1}, "b": {"default": 2}, "c": {}, "d": {"properties": {"e": {"default": 3}}}}}"#,
        )
        .unwrap();
        let mut values = object(r#"{"b": 7, "d": {}}"#);
        fill_defaults(&schema, &mut values);
        assert_eq!(values, object(r#"{"a": 1, "b": 7, "d": {"e": 3}}"#));
    }

    #[test]
    fn unwrapped_takes_the_object_in_the_underscore() {
        let inner = object(r#"{"a": 1}"#);
        assert_eq!(unwrapped(&object(r#"{"_": "{\"a\": 1}"}"#)).unwrap(), inner);
        assert_eq!(unwrapped(&inner).unwrap(), inner);
        assert!(unwrapped(&object(r#"{"_": "["}"#)).is_err());
    }

    #[test]
    fn as_text_of_each_kind_is_what_a_template_wants() {
        let text = |json: &str| as_text(&serde_json::from_str(json).unwrap());
        assert_eq!(text("true"), "true");
        assert_eq!(text("1.50"), "1.50");
        assert_eq!(text("\"a b\""), "a b");
        assert_eq!(text("{\"a\":[1]}"), "{\"a\":[1]}");
    }
}
