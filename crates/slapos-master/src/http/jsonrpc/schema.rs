//! What each method takes and gives, as JSON Schema (draft 7) made from a table.
//!
//! Add a new method here; a test holds that each has a route and that no body but the described
//! one is accepted.

use serde_json::{Map, Value as Json, json};
use std::sync::OnceLock;

/// A method of this wire.
pub(super) struct Method {
    pub(super) name: &'static str,
    /// `name*` is required, `name` is not; after a colon the kind, a text when left out.
    input: &'static [&'static str],
    output: Output,
    compiled: OnceLock<Result<(jsonschema::Validator, jsonschema::Validator), String>>,
}

/// What a method gives.
#[derive(Debug, Clone, Copy)]
enum Output {
    /// `{type: "success", title}`.
    Success,
    /// An instance.
    Instance,
    /// An instance, or that it is not ready.
    InstanceOrNotReady,
    /// These fields.
    Fields(&'static [&'static str]),
    /// `result_list` of objects with these fields.
    List(&'static [&'static str]),
    /// These fields at least.
    Open(&'static [&'static str]),
}

const fn method(name: &'static str, input: &'static [&'static str], output: Output) -> Method {
    Method {
        name,
        input,
        output,
        compiled: OnceLock::new(),
    }
}

const INSTANCE: &[&str] = &[
    "title*",
    "instance_guid*",
    "software_release_uri*",
    "software_type*",
    "state*:instance_state",
    "connection_parameters*:object",
    "parameters*:object",
    "shared*:boolean",
    "root_instance_title*",
    "ip_list*:pairs",
    "full_ip_list*:pairs",
    "sla_parameters*:object",
    "computer_guid*",
    "compute_partition_id*",
    "processing_timestamp*:integer",
    "access_status_message*",
];

const CERTIFICATE: Output = Output::Fields(&["key*", "certificate*"]);

/// All methods.
pub(super) static METHODS: [Method; 25] = [
    method(
        "slapos.get.v0.hateoas_url",
        &[],
        Output::Fields(&["hateoas_url*"]),
    ),
    method(
        "slapos.post.v0.software_installation",
        &[
            "computer_guid*",
            "software_release_uri*",
            "state:installation_wish",
        ],
        Output::Success,
    ),
    method(
        "slapos.allDocs.v0.compute_node_software_installation_list",
        &["computer_guid*"],
        Output::List(&["software_release_uri*", "state*:installation_wish"]),
    ),
    method(
        "slapos.put.v0.software_installation_reported_state",
        &[
            "computer_guid*",
            "software_release_uri*",
            "reported_state*:installation_report",
        ],
        Output::Success,
    ),
    method(
        "slapos.put.v0.software_installation_error",
        &["computer_guid*", "software_release_uri*", "message*"],
        Output::Success,
    ),
    method(
        "slapos.put.v0.compute_node_format",
        &["computer_guid*", "compute_partition_list*:partitions"],
        Output::Success,
    ),
    method(
        "slapos.put.v0.compute_node_bang",
        &["computer_guid*", "message*"],
        Output::Success,
    ),
    method(
        "slapos.post.v0.compute_node_usage",
        &["computer_guid*", "tioxml*"],
        Output::Success,
    ),
    method(
        "slapos.post.v0.compute_node_certificate",
        &["computer_guid*"],
        CERTIFICATE,
    ),
    method(
        "slapos.remove.v0.compute_node_certificate",
        &["computer_guid*"],
        Output::Success,
    ),
    method(
        "slapos.get.v0.compute_node_status",
        &["computer_guid*"],
        Output::Open(&["text*"]),
    ),
    method(
        "slapos.allDocs.v0.compute_node_instance_list",
        &["computer_guid*"],
        Output::List(&[
            "title*",
            "instance_guid*",
            "state*:instance_state",
            "compute_partition_id",
            "software_release_uri",
        ]),
    ),
    method(
        "slapos.allDocs.WIP.compute_node_list",
        &[],
        Output::List(&["computer_guid*"]),
    ),
    method(
        "slapos.get.v0.software_instance",
        &["instance_guid*"],
        Output::Instance,
    ),
    method(
        "slapos.get.v0.compute_partition",
        &["computer_guid*", "compute_partition_id*"],
        Output::Instance,
    ),
    method(
        "slapos.get.v0.instance_tree",
        &["title*:title"],
        Output::InstanceOrNotReady,
    ),
    method(
        "slapos.allDocs.v0.instance_tree_list",
        &[],
        Output::List(&["title*"]),
    ),
    method(
        "slapos.allDocs.v0.instance_node_instance_list",
        &["instance_guid*"],
        Output::List(&[
            "title*",
            "instance_guid*",
            "software_type*",
            "state*:instance_state",
            "parameters*:object",
            "compute_partition_id",
            "software_release_uri",
        ]),
    ),
    method(
        "slapos.post.v0.software_instance",
        &[
            "title*:title",
            "software_release_uri*",
            "software_type*",
            "parameters:object",
            "state:instance_state",
            "shared:boolean",
            "sla_parameters:sla",
        ],
        Output::InstanceOrNotReady,
    ),
    method(
        "slapos.put.v0.software_instance_reported_state",
        &["instance_guid*", "reported_state*:instance_report"],
        Output::Success,
    ),
    method(
        "slapos.put.v0.software_instance_connection_parameter",
        &["instance_guid*", "connection_parameter_dict*:object"],
        Output::Success,
    ),
    method(
        "slapos.put.v0.software_instance_title",
        &["instance_guid*", "title*:title"],
        Output::Success,
    ),
    method(
        "slapos.put.v0.software_instance_bang",
        &["instance_guid*", "message*"],
        Output::Success,
    ),
    method(
        "slapos.put.v0.software_instance_error",
        &["instance_guid*", "message*"],
        Output::Success,
    ),
    method(
        "slapos.get.v0.software_instance_certificate",
        &["instance_guid*"],
        CERTIFICATE,
    ),
];

impl Method {
    /// Is the body as it should be? The first fault in words, as the original words it.
    pub(super) fn check_input(&self, json: &Json) -> Result<(), String> {
        let (input, _) = self.validators()?;
        input.validate(json).map_err(|fault| words(&fault))
    }

    /// Is the answer as it should be?
    pub(super) fn check_output(&self, json: &Json) -> Result<(), String> {
        let (_, output) = self.validators()?;
        output.validate(json).map_err(|fault| words(&fault))
    }

    fn validators(&self) -> Result<&(jsonschema::Validator, jsonschema::Validator), String> {
        let compile = || {
            let validator = |schema: &Json| {
                jsonschema::validator_for(schema)
                    .map_err(|error| format!("the schema of {} is damaged: {error}", self.name))
            };
            let input = validator(&object(self.input, false))?;
            Ok((input, validator(&self.output.schema())?))
        };
        let compiled = self.compiled.get_or_init(compile);
        compiled.as_ref().map_err(Clone::clone)
    }
}

impl Output {
    fn schema(self) -> Json {
        match self {
            Self::Success => object(&["type*:success", "title*"], false),
            Self::Instance => object(INSTANCE, false),
            Self::InstanceOrNotReady => {
                let not_ready = object(&["message*", "status*:integer", "name*"], false);
                json!({"oneOf": [object(INSTANCE, false), not_ready]})
            }
            Self::Fields(fields) => object(fields, false),
            Self::Open(fields) => object(fields, true),
            Self::List(fields) => {
                let list = json!({"type": "array", "items": object(fields, false)});
                json!({"type": "object", "required": ["result_list"],
                    "additionalProperties": false, "properties": {"result_list": list}})
            }
        }
    }
}

fn object(fields: &[&str], is_open: bool) -> Json {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for field in fields {
        let (name, kind) = field.split_once(':').unwrap_or((field, "string"));
        let bare = name.trim_end_matches('*');
        if bare != name {
            required.push(bare);
        }
        properties.insert(bare.to_owned(), kind_schema(kind));
    }
    json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
        "additionalProperties": is_open, "required": required, "properties": properties})
}

fn kind_schema(kind: &str) -> Json {
    match kind {
        "title" => json!({"type": "string", "maxLength": 200}),
        "success" => json!({"type": "string", "const": "success"}),
        "instance_state" | "instance_report" => {
            json!({"type": "string", "enum": ["started", "stopped", "destroyed"]})
        }
        "installation_wish" => json!({"type": "string", "enum": ["available", "destroyed"]}),
        "installation_report" => {
            json!({"type": "string", "enum": ["available", "destroyed", "building"]})
        }
        "pairs" => json!({"type": "array",
            "items": {"type": "array", "items": {"type": "string"}}}),
        "sla" => json!({"type": "object", "additionalProperties": {"type": "string"},
            "properties": {"retention_delay": {"type": "number"}}}),
        "partitions" => partitions_schema(),
        other => json!({"type": other}),
    }
}

fn partitions_schema() -> Json {
    let address = json!({"type": "object", "required": ["ip-address"], "properties": {
        "ip-address": {"type": "string"}, "netmask": {"type": "string"},
        "network-interface": {"type": "string"}, "gateway-ip-address": {"type": "string"},
        "network-address": {"type": "string"}}});
    json!({"type": "array", "items": {"type": "object", "required": ["partition_id"],
        "properties": {"partition_id": {"type": "string"},
            "ip_list": {"type": "array", "items": address}}}})
}

/// A fault as the original's library words it, for the kinds that clients meet.
fn words(fault: &jsonschema::ValidationError<'_>) -> String {
    use jsonschema::error::ValidationErrorKind as Kind;
    let python = |json: &Json| json.to_string().replace('"', "'");
    let instance = fault.instance();
    match fault.kind() {
        Kind::Type { kind } => {
            let kind = match kind {
                jsonschema::error::TypeKind::Single(kind) => kind.to_string(),
                other => format!("{other:?}"),
            };
            format!("{} is not of type '{kind}'", python(instance))
        }
        Kind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let options: Vec<String> = options.iter().map(&python).collect();
            format!(
                "{} is not one of [{}]",
                python(instance),
                options.join(", ")
            )
        }
        Kind::Required { property } => format!("{} is a required property", python(property)),
        Kind::MaxLength { .. } => format!("{} is too long", python(instance)),
        _ => fault.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str) -> &'static Method {
        METHODS.iter().find(|method| method.name == name).unwrap()
    }

    #[test]
    fn every_schema_compiles() {
        for method in &METHODS {
            method.validators().unwrap();
        }
    }

    #[test]
    fn j02_j07_j08_faults_are_worded_as_by_the_original() {
        let fault = |name: &str, json: Json| find(name).check_input(&json).unwrap_err();
        assert_eq!(
            fault("slapos.get.v0.hateoas_url", json!({"x": 1})),
            "Additional properties are not allowed ('x' was unexpected)"
        );
        let ask = |more: Json| {
            let mut json = json!({"title": "a", "software_release_uri": "b", "software_type": "c"});
            json.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            fault("slapos.post.v0.software_instance", json)
        };
        assert_eq!(
            ask(json!({"sla_parameters": {"computer_guid": 1}})),
            "1 is not of type 'string'"
        );
        assert_eq!(
            ask(json!({"shared": "yes"})),
            "'yes' is not of type 'boolean'"
        );
        assert!(ask(json!({"title": "x".repeat(201)})).ends_with("is too long"));
        assert_eq!(
            ask(json!({"state": "bad"})),
            "'bad' is not one of ['started', 'stopped', 'destroyed']"
        );
        assert_eq!(
            fault("slapos.get.v0.software_instance", json!({})),
            "'instance_guid' is a required property"
        );
    }
}
