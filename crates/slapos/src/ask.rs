//! Asking the master for a service: from words to one idempotent request.
//!
//! Shared by `request` and `up --request`. The catalogue is looked at only to give parameters
//! their types and to tell a swapped order; what is allowed is for the master to say.

use crate::command::parameter_args::ParameterArgs;
use crate::failure::Failure;
use crate::order::{Order, bare_name, check_order, is_location, swapped_hint};
use slapos_api::wire::JsonMap;
use slapos_api::wire::catalog::CatalogEntry;
use slapos_api::wire::instance::{InstanceRequest, InstanceView};
use slapos_api::{Client, ErrorCode};
use std::path::Path;

/// Everything that can be asked of a service.
#[derive(Debug, Default)]
pub(crate) struct Ask {
    /// Its parameters, as typed.
    pub(crate) parameters: ParameterArgs,
    /// `started`, `stopped`, `destroyed`.
    pub(crate) state: Option<String>,
    /// Software type.
    pub(crate) software_type: Option<String>,
    /// The only node where it may run.
    pub(crate) node: Option<String>,
    /// A share of an instance.
    pub(crate) shared: bool,
}

/// Creates or gets the service.
pub(crate) fn ask(client: &Client, order: &Order, ask: &Ask) -> Result<InstanceView, Failure> {
    let catalog = if is_location(&order.software) {
        Vec::new()
    } else {
        client.list_catalog()?.items
    };
    check_order(order, &catalog)?;
    let request = InstanceRequest {
        name: order.name.clone(),
        software: absolute(&order.software)?,
        software_type: ask.software_type.clone(),
        parameters: ask
            .parameters
            .read(|| schema_of(client, &order.software, &catalog))?,
        filter: ask.node.as_ref().map(|node| {
            let mut filter = JsonMap::new();
            filter.insert("node".to_owned(), node.clone().into());
            filter
        }),
        state: ask.state.clone(),
        shared: ask.shared,
        ..InstanceRequest::default()
    };
    client.request_instance(&request).map_err(|error| {
        let is_unknown = error
            .refusal()
            .is_some_and(|body| matches!(body.code, ErrorCode::NotFound | ErrorCode::Invalid));
        let hint = swapped_hint(order, &catalog).filter(|_| is_unknown);
        let failure = Failure::from(error);
        match hint {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    })
}

/// The schema of a catalogue name's parameters. An unknown name has none: the master says so.
fn schema_of(
    client: &Client,
    software: &str,
    catalog: &[CatalogEntry],
) -> Result<Option<JsonMap>, Failure> {
    let named = |entry: &&CatalogEntry| entry.name == software || entry.url == software;
    if let Some(entry) = catalog.iter().find(named) {
        return Ok(Some(entry.schema.clone()));
    }
    if is_location(software) && !software.starts_with("catalog:") {
        return Ok(None);
    }
    let name = match software.strip_prefix("catalog:") {
        Some(path) => path.splitn(3, '/').take(2).collect::<Vec<_>>().join("@"),
        None if catalog
            .iter()
            .any(|entry| entry.name == bare_name(software)) =>
        {
            software.to_owned()
        }
        None => return Ok(None),
    };
    match client.find_catalog_entry(&name) {
        Ok(entry) => Ok(Some(entry.schema)),
        Err(error) if error.refusal().is_some() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A relative path is one of this folder; the node has another.
pub(crate) fn absolute(software: &str) -> Result<String, Failure> {
    let is_path =
        is_location(software) && !software.contains("://") && !software.starts_with("catalog:");
    if !is_path || software.starts_with('/') {
        return Ok(software.to_owned());
    }
    let path = Path::new(software);
    let real = fs_err::canonicalize(path).map_err(|error| {
        Failure::usage(format!(
            "There is no profile {}: {}",
            path.display(),
            error.kind()
        ))
        .with_hint("name a profile's path or URL, or a software of `slapos catalog list`")
    })?;
    real.into_os_string()
        .into_string()
        .map_err(|path| Failure::usage(format!("The path {} is not UTF-8.", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_leaves_names_and_urls_as_they_are() {
        for software in [
            "redis",
            "redis@7",
            "https://a/b.cfg",
            "/p/a.cfg",
            "catalog:a/1/b.cfg",
        ] {
            assert_eq!(absolute(software).unwrap(), software);
        }
    }

    #[test]
    fn absolute_of_a_missing_relative_path_says_so() {
        let failure = absolute("./nowhere/software.cfg").unwrap_err();
        assert!(
            failure.to_string().contains("./nowhere/software.cfg"),
            "{failure}"
        );
        assert!(failure.hint.is_some());
    }
}
