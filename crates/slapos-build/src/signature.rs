//! The signature of a part: over everything that can change what it installs.

use std::collections::BTreeMap;

use crate::file;

/// Changes when the engine installs the same options differently, so that everything is installed again.
const ENGINE: &str = "1";

/// Texts on the way to a signature.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    texts: Vec<String>,
}

impl Signature {
    /// Over recipe, options and the kind of machine.
    ///
    /// Where the profile lies does not matter, so its folder counts as the reference that gives it.
    pub(crate) fn of(recipe: &str, mut options: BTreeMap<String, String>) -> Signature {
        const BASE: &str = "_profile_base_location_";
        let base = options.remove(BASE).filter(|base| !base.is_empty());
        let mut texts = vec![
            ENGINE.to_owned(),
            std::env::consts::ARCH.to_owned(),
            recipe.to_owned(),
        ];
        for (name, value) in options {
            let value = match &base {
                Some(base) => value.replace(base.as_str(), "${:_profile_base_location_}"),
                None => value,
            };
            texts.push(format!("{name}={value}"));
        }
        Signature { texts }
    }

    /// Adds texts; their order is kept.
    pub(crate) fn add_all(&mut self, texts: Vec<String>) {
        self.texts.extend(texts);
    }

    /// 64 hex digits.
    pub(crate) fn finish(self) -> String {
        let mut bytes = Vec::new();
        for text in self.texts {
            // With lengths no text can pretend to be two others.
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        file::sha256(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(pairs: &[(&str, &str)]) -> String {
        let options = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Signature::of("r", options).finish()
    }

    #[test]
    fn finish_of_another_option_is_another() {
        assert_ne!(sign(&[("a", "1")]), sign(&[("a", "2")]));
        assert_ne!(sign(&[("a", "1"), ("b", "2")]), sign(&[("a", "1b=2")]));
    }

    #[test]
    fn finish_does_not_depend_on_where_the_profile_lies() {
        let at = |base: &str| {
            sign(&[
                ("_profile_base_location_", base),
                ("url", &format!("{base}/x.tar")),
            ])
        };
        assert_eq!(at("/a"), at("/b/c"));
    }
}
