//! `slapos catalog …`: what can be asked for by name.

use crate::cli::Context;
use crate::client_file::connect;
use crate::failure::{Exit, Outcome};
use crate::print;
use clap::Subcommand;
use serde_json::Value;
use slapos_api::wire::JsonMap;
use slapos_api::wire::catalog::CatalogEntry;

const EXAMPLES: &str = "\
Examples:
  slapos catalog list
  slapos catalog show redis
  slapos request redis my_db           Ask for one of them";

/// Look at the software that can be asked for by name.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all of it.
    List,
    /// Show one: its parameters, what it publishes, and its documentation.
    Show {
        /// Its name, or name@version.
        name: String,
    },
}

/// Runs it.
pub(crate) fn run(context: &Context, args: Args) -> Outcome {
    let client = connect(&context.folder)?;
    match args.action {
        Action::List => {
            let list = client.list_catalog()?;
            if context.json {
                print::json(&list)?;
            } else {
                let rows: Vec<Vec<String>> = list.items.iter().map(row).collect();
                print::table(&["NAME", "VERSION", "TITLE"], &rows)?;
            }
        }
        Action::Show { name } => {
            let entry = client.find_catalog_entry(&name)?;
            if context.json {
                print::json(&entry)?;
            } else {
                print::raw(page(&entry).as_bytes())?;
            }
        }
    }
    Ok(Exit::Done)
}

fn row(entry: &CatalogEntry) -> Vec<String> {
    vec![
        entry.name.clone(),
        entry.version.clone(),
        entry.title.clone(),
    ]
}

fn page(entry: &CatalogEntry) -> String {
    let mut text = format!(
        "{} {}: {}\n{}\nurl: {}\n",
        entry.name, entry.version, entry.title, entry.summary, entry.url
    );
    let parameters = entry.schema.get("properties").and_then(Value::as_object);
    if let Some(parameters) = parameters.filter(|all| !all.is_empty()) {
        text.push_str("\nparameters:\n");
        for (name, schema) in parameters {
            text.push_str(&parameter(name, schema));
        }
    }
    if !entry.connection.is_empty() {
        text.push_str("\nconnection:\n");
        for (name, meaning) in &entry.connection {
            text.push_str(&format!("  {name}: {meaning}\n"));
        }
    }
    if !entry.readme.is_empty() {
        text.push_str(&format!("\n{}\n", entry.readme.trim_end()));
    }
    text
}

/// `  maxmemory (string, default "64mb"): what it is`.
fn parameter(name: &str, schema: &Value) -> String {
    let empty = JsonMap::new();
    let schema = schema.as_object().unwrap_or(&empty);
    let mut facts = Vec::new();
    match schema.get("type") {
        Some(Value::String(one)) => facts.push(one.clone()),
        Some(other) => facts.push(other.to_string()),
        None => {}
    }
    for (key, words) in [
        ("default", "default"),
        ("enum", "one of"),
        ("minimum", "from"),
        ("maximum", "to"),
        ("pattern", "as"),
    ] {
        facts.extend(schema.get(key).map(|value| format!("{words} {value}")));
    }
    let described = ["description", "title"]
        .iter()
        .find_map(|key| schema.get(*key).and_then(Value::as_str))
        .unwrap_or_default();
    format!("  {name} ({}): {described}\n", facts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameter_shows_type_default_and_allowed_values() {
        let schema = json!({"type": "string", "default": "64mb", "enum": ["64mb", "1gb"],
            "description": "Memory."});
        assert_eq!(
            parameter("maxmemory", &schema),
            "  maxmemory (string, default \"64mb\", one of [\"64mb\",\"1gb\"]): Memory.\n"
        );
    }
}
