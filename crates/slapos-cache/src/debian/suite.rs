//! Which suites there are to ask: the machine's own release first, then the others of the same archives.

use std::path::Path;

use super::apt::{AptError, machine_archives};

/// Debian's releases that its archive serves, newest first; sid has no updates and no security.
const CODE_NAMES: [&str; 5] = ["sid", "forky", "trixie", "bookworm", "bullseye"];

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// One release with its updates and security fixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suite {
    /// The code name.
    pub(super) name: String,
    /// Lines for apt's list of sources.
    pub(super) lines: Vec<String>,
}

/// The suites, in the order to ask them.
pub(super) fn of_this_machine(watch: &mut dyn FnMut(u64) -> bool) -> Result<Vec<Suite>, AptError> {
    let suites = suites_of(&machine_archives(watch)?, Path::new(KEYRING).exists());
    if suites.is_empty() {
        Err(AptError::NoArchive)
    } else {
        Ok(suites)
    }
}

/// From the machine's (archive, release) pairs.
fn suites_of(archives: &[(String, String)], has_keyring: bool) -> Vec<Suite> {
    let main = archives
        .iter()
        .find(|(_, release)| CODE_NAMES.contains(&release.as_str()));
    let Some((main_uri, own)) = main else {
        return Vec::new();
    };
    let security_uri = archives
        .iter()
        .find(|(_, release)| release.strip_suffix("-security") == Some(own))
        .map(|(uri, _)| uri);
    let signed_by = if has_keyring {
        format!("[signed-by={KEYRING}] ")
    } else {
        String::new()
    };
    let line = |uri: &str, release: &str| format!("deb-src {signed_by}{uri} {release} main");
    let suite = |name: &str| {
        let mut lines = vec![line(main_uri, name)];
        if name != "sid" {
            lines.push(line(main_uri, &format!("{name}-updates")));
            lines.extend(security_uri.map(|uri| line(uri, &format!("{name}-security"))));
        }
        Suite {
            name: name.to_owned(),
            lines,
        }
    };
    let others = CODE_NAMES.iter().rev().copied().filter(|name| name != own);
    std::iter::once(own.as_str())
        .chain(others)
        .map(suite)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archives(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(uri, release)| ((*uri).to_owned(), (*release).to_owned()))
            .collect()
    }

    #[test]
    fn suites_of_a_machine_begin_with_its_own() {
        let suites = suites_of(
            &archives(&[
                ("http://s/", "bookworm-security"),
                ("http://m/", "bookworm"),
            ]),
            false,
        );
        assert_eq!(suites[0].name, "bookworm");
        assert_eq!(
            suites[0].lines,
            [
                "deb-src http://m/ bookworm main",
                "deb-src http://m/ bookworm-updates main",
                "deb-src http://s/ bookworm-security main",
            ]
        );
        assert_eq!(suites.len(), CODE_NAMES.len());
        let sid = suites.iter().find(|suite| suite.name == "sid").unwrap();
        assert_eq!(sid.lines.len(), 1);
    }

    #[test]
    fn suites_of_a_machine_that_is_not_debian_are_none() {
        assert_eq!(suites_of(&archives(&[("http://m/", "noble")]), true), []);
    }
}
