//! `slapos.cookbook:publish` and `.serialised`: connection parameters for who ordered the instance.

use std::collections::BTreeMap;

use slapos_buildout::{PartOptions, RecipeError, Value};

use super::{Construction, Installed, Part, options};
use crate::work::{PartFailure, Work};

struct Publish {
    connection: BTreeMap<String, String>,
}

pub(super) fn construct(
    _: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    Ok(Box::new(Publish {
        connection: published(part)?,
    }))
}

pub(super) fn construct_serialised(
    _: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let text = serde_json::to_string(&published(part)?)
        .map_err(|e| format!("writing the connection parameters: {e}"))?;
    Ok(Box::new(Publish {
        connection: BTreeMap::from([("_".to_owned(), text)]),
    }))
}

fn published(part: &mut PartOptions<'_, '_>) -> Result<BTreeMap<String, String>, RecipeError> {
    let mut connection = BTreeMap::new();
    let extended = options::text_or(part, "-extends", "")?;
    for section in extended.split_whitespace() {
        for (name, value) in part.other_section(section)? {
            add(&mut connection, name, value);
        }
    }
    for name in part.keys() {
        if let Some(value) = part.get(&name)? {
            add(&mut connection, name, value);
        }
    }
    Ok(connection)
}

fn add(connection: &mut BTreeMap<String, String>, name: String, value: Value) {
    if name != "recipe" && !name.starts_with(['-', '_']) {
        connection.insert(name, value.into_text());
    }
}

impl Part for Publish {
    fn is_only_options(&self) -> bool {
        true
    }

    fn connection(&self) -> BTreeMap<String, String> {
        self.connection.clone()
    }

    fn install(&self, _: &mut Work<'_>) -> Result<Installed, PartFailure> {
        Ok(Installed::default())
    }
}
