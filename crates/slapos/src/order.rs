//! Which of two words is the software and which the service's name.
//!
//! `slapos request SOFTWARE NAME` is the order to teach. The old client's order, NAME and then a
//! profile, is understood where there is no doubt. Where there is, nothing is guessed: the error
//! shows both forms. Everything here is pure; start with [`read_order`].

use crate::failure::Failure;
use slapos_api::wire::catalog::CatalogEntry;

/// What is asked for, and under which name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    /// Catalogue name, path or URL.
    pub(crate) software: String,
    /// The requester's name for the service.
    pub(crate) name: String,
}

/// Reads the two words in the order they were typed.
pub(crate) fn read_order(first: &str, second: &str) -> Result<Order, Failure> {
    match (is_location(first), is_location(second)) {
        (true, true) => Err(both_are_software(first, second)),
        (false, true) => Ok(order(second, first)),
        _ => Ok(order(first, second)),
    }
}

/// Once the catalogue is known: two different names of it are refused, since either could be meant.
pub(crate) fn check_order(order: &Order, catalog: &[CatalogEntry]) -> Result<(), Failure> {
    let bare = bare_name(&order.software);
    if bare != order.name && is_known(bare, catalog) && is_known(&order.name, catalog) {
        return Err(both_are_software(&order.software, &order.name));
    }
    Ok(())
}

/// A hint for an unknown software whose neighbour is a known one: the words were swapped.
pub(crate) fn swapped_hint(order: &Order, catalog: &[CatalogEntry]) -> Option<String> {
    let is_swapped = !is_location(&order.software)
        && !is_known(bare_name(&order.software), catalog)
        && is_known(bare_name(&order.name), catalog);
    is_swapped.then(|| {
        format!(
            "the software comes first: slapos request {} {}",
            order.name, order.software
        )
    })
}

/// Whether a word can only be the place of a profile: a URL, a path, or a profile's file.
pub(crate) fn is_location(word: &str) -> bool {
    word.contains("://")
        || word.starts_with("catalog:")
        || ["/", "./", "../", "~/"]
            .iter()
            .any(|start| word.starts_with(start))
        || word.ends_with(".cfg")
}

/// The catalogue name without its version.
pub(crate) fn bare_name(software: &str) -> &str {
    software.split_once('@').map_or(software, |(name, _)| name)
}

fn is_known(name: &str, catalog: &[CatalogEntry]) -> bool {
    catalog.iter().any(|entry| entry.name == name)
}

fn order(software: &str, name: &str) -> Order {
    Order {
        software: software.to_owned(),
        name: name.to_owned(),
    }
}

fn both_are_software(first: &str, second: &str) -> Failure {
    Failure::usage(format!(
        "Both {first} and {second} could be the software, so it is not clear which is asked for."
    ))
    .with_hint(format!(
        "write `slapos request {first} --name NAME` or `slapos request {second} --name NAME`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> CatalogEntry {
        serde_json::from_value(serde_json::json!({
            "name": name, "version": "1", "title": "", "summary": "",
            "url": format!("catalog:{name}/1/software.cfg"), "schema": {},
        }))
        .unwrap()
    }

    #[test]
    fn order_of_a_catalogue_name_is_software_first() {
        assert_eq!(
            read_order("redis", "my_db").unwrap(),
            order("redis", "my_db")
        );
        let versioned = read_order("redis@7.0.15", "my_db").unwrap();
        assert_eq!(versioned, order("redis@7.0.15", "my_db"));
    }

    #[test]
    fn order_of_the_old_client_is_understood_by_its_profile() {
        for profile in [
            "https://a.b/software.cfg",
            "/p/software.cfg",
            "software.cfg",
            "./mine",
        ] {
            assert_eq!(
                read_order("my_db", profile).unwrap(),
                order(profile, "my_db")
            );
            assert_eq!(
                read_order(profile, "my_db").unwrap(),
                order(profile, "my_db")
            );
        }
    }

    #[test]
    fn order_of_two_profiles_is_refused_with_both_forms() {
        let failure = read_order("./a.cfg", "./b.cfg").unwrap_err();
        assert_eq!(failure.exit, crate::failure::Exit::Usage);
        let text = failure.to_string();
        assert!(text.contains("request ./a.cfg --name"), "{text}");
        assert!(text.contains("request ./b.cfg --name"), "{text}");
    }

    #[test]
    fn order_of_two_catalogue_names_is_refused_but_one_twice_is_not() {
        let catalog = [entry("redis"), entry("nginx")];
        assert!(check_order(&order("redis", "nginx"), &catalog).is_err());
        assert!(check_order(&order("redis@1", "nginx"), &catalog).is_err());
        assert!(check_order(&order("redis", "redis"), &catalog).is_ok());
        assert!(check_order(&order("redis", "my_db"), &catalog).is_ok());
    }

    #[test]
    fn order_that_was_swapped_is_told_and_not_guessed() {
        let catalog = [entry("redis")];
        let hint = swapped_hint(&order("my_db", "redis"), &catalog).unwrap();
        assert_eq!(hint, "the software comes first: slapos request redis my_db");
        assert_eq!(swapped_hint(&order("reids", "my_db"), &catalog), None);
        assert_eq!(swapped_hint(&order("redis", "redis"), &catalog), None);
    }
}
