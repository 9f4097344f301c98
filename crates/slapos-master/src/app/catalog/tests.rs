//! What every release that ships has: a schema that says what it means, documentation of all that it names.

use super::*;
use serde_json::Value;

/// Each release with its schema, its files and its connection parameters.
struct Shipped {
    row: ReleaseRow,
    schema: Value,
    files: BTreeMap<String, String>,
    connection: BTreeMap<String, String>,
}

fn all() -> Vec<Shipped> {
    let rows = shipped().unwrap();
    assert!(rows.len() > 10);
    rows.into_iter()
        .map(|row| Shipped {
            schema: serde_json::from_str(&row.schema).unwrap(),
            files: serde_json::from_str(&row.files).unwrap(),
            connection: serde_json::from_str(&row.connection).unwrap(),
            row,
        })
        .collect()
}

impl Shipped {
    fn properties(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.schema["properties"].as_object().unwrap().iter()
    }

    /// The first column of the table below a heading of the documentation.
    fn documented(&self, heading: &str) -> Vec<String> {
        let readme = &self.row.readme;
        let from = readme
            .split(&format!("\n## {heading}\n"))
            .nth(1)
            .unwrap_or_else(|| panic!("{} documents no {heading}", self.row.url));
        let section = from.split("\n## ").next().unwrap_or_default();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        let mut names: Vec<String> = rows
            .filter_map(|row| Some(row.split_once('`')?.0.to_owned()))
            .collect();
        names.sort();
        names
    }
}

#[test]
fn shipped_releases_are_whole() {
    for release in all() {
        let row = &release.row;
        assert!(row.url.starts_with("catalog:"), "{}", row.url);
        assert!(
            !row.title.is_empty() && !row.summary.is_empty(),
            "{}",
            row.url
        );
        assert!(!release.connection.is_empty(), "{}", row.url);
        for heading in ["Order", "How to talk to it"] {
            let title = format!("\n## {heading}\n");
            assert!(row.readme.contains(&title), "{}: {heading}", row.url);
        }
    }
}

#[test]
fn shipped_names_have_one_default_version() {
    let mut defaults: BTreeMap<String, u32> = BTreeMap::new();
    for release in all() {
        *defaults.entry(release.row.name).or_default() += u32::from(release.row.is_default);
    }
    assert!(defaults.values().all(|count| *count == 1), "{defaults:?}");
}

#[test]
fn shipped_schemas_describe_and_limit_every_parameter_and_take_their_own_defaults() {
    for release in all() {
        let url = &release.row.url;
        let validator = jsonschema::draft202012::new(&release.schema).unwrap();
        assert_eq!(
            release.schema["additionalProperties"],
            Value::Bool(false),
            "{url}"
        );
        let mut defaults = serde_json::Map::new();
        for (name, schema) in release.properties() {
            for field in ["title", "description", "default", "examples", "type"] {
                assert!(schema.get(field).is_some(), "{url}: {name} has no {field}");
            }
            let bound = match schema["type"].as_str() {
                Some("integer") => schema.get("minimum").and(schema.get("maximum")),
                Some("string") => ["maxLength", "pattern", "enum"]
                    .into_iter()
                    .find_map(|field| schema.get(field)),
                Some("array") => schema.get("maxItems"),
                Some("object") => schema.get("maxProperties"),
                _ => Some(&Value::Null),
            };
            assert!(bound.is_some(), "{url}: {name} has no limit");
            defaults.insert(name.clone(), schema["default"].clone());
            for example in schema["examples"].as_array().into_iter().flatten() {
                let given = serde_json::json!({ name.as_str(): example });
                assert!(validator.is_valid(&given), "{url}: {given}");
            }
        }
        assert!(validator.is_valid(&Value::Object(defaults)), "{url}");
    }
}

#[test]
fn shipped_documentation_names_every_parameter_connection_value_and_promise() {
    for release in all() {
        let url = &release.row.url;
        let mut parameters: Vec<String> =
            release.properties().map(|(name, _)| name.clone()).collect();
        parameters.sort();
        assert_eq!(release.documented("Parameters"), parameters, "{url}");
        let connection: Vec<String> = release.connection.keys().cloned().collect();
        assert_eq!(release.documented("Connection"), connection, "{url}");
        let instance = &release.files["instance.cfg"];
        let mut promises: Vec<String> = instance
            .split("\n[promise-")
            .skip(1)
            .filter_map(|section| {
                let name = section
                    .lines()
                    .find_map(|line| line.strip_prefix("name = "));
                name.map(str::to_owned)
            })
            .collect();
        promises.sort();
        assert_eq!(release.documented("Promises"), promises, "{url}");
    }
}

#[test]
fn shipped_instances_publish_what_the_entry_says() {
    for release in all() {
        let instance = &release.files["instance.cfg"];
        let publish = instance.split("\n[publish]\n").nth(1).unwrap();
        let mut published: Vec<&str> = publish
            .lines()
            .take_while(|line| !line.starts_with('['))
            .filter_map(|line| Some(line.split_once(" = ")?.0))
            .filter(|name| *name != "recipe")
            .collect();
        published.sort_unstable();
        let said: Vec<&str> = release.connection.keys().map(String::as_str).collect();
        assert_eq!(published, said, "{}", release.row.url);
    }
}
