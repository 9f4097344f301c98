//! `slapos.cookbook:urlparse`: the pieces of a URL as options, cut as Python's `urlparse` cuts.

use slapos_buildout::{PartOptions, RecipeError};

use super::{Construction, Installed, Part, options};
use crate::work::{PartFailure, Work};

struct Parsed;

pub(super) fn construct(
    _: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let url = options::needed(part, "url")?;
    for (name, value) in pieces(&url)? {
        part.set(name, options::literal(&value))?;
    }
    Ok(Box::new(Parsed))
}

impl Part for Parsed {
    fn is_only_options(&self) -> bool {
        true
    }

    fn install(&self, _: &mut Work<'_>) -> Result<Installed, PartFailure> {
        Ok(Installed::default())
    }
}

fn pieces(url: &str) -> Result<[(&'static str, String); 9], String> {
    let (scheme, rest) = match url.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_lowercase(), rest),
        _ => (String::new(), url),
    };
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    // Parameters are those of the last segment.
    let last = path.rfind('/').map_or(0, |at| at + 1);
    let (path, parameters) = match path[last..].split_once(';') {
        Some((name, parameters)) => (&path[..last + name.len()], parameters),
        None => (path, ""),
    };
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let (host, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').unwrap_or(port)),
        None => host.split_once(':').unwrap_or((host, "")),
    };
    if !port.is_empty() && port.parse::<u16>().is_err() {
        return Err(format!("`url` is `{url}`, and `{port}` is no port"));
    }
    let text = str::to_owned;
    Ok([
        ("scheme", scheme),
        ("username", text(user)),
        ("password", text(password)),
        ("host", host.to_lowercase()),
        ("port", text(port)),
        ("path", text(path.trim_matches('/'))),
        ("params", text(parameters)),
        ("query", text(query)),
        ("fragment", text(fragment)),
    ])
}

fn is_scheme(text: &str) -> bool {
    let is_rest = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(is_rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(url: &str) -> Vec<String> {
        pieces(url)
            .unwrap()
            .into_iter()
            .map(|(_, value)| value)
            .collect()
    }

    #[test]
    fn pieces_are_those_of_python() {
        let all = values("HTTP://u:p%40@Host.x:80/a/b;c?d=e#f");
        assert_eq!(
            all,
            ["http", "u", "p%40", "host.x", "80", "a/b", "c", "d=e", "f"]
        );
        let all = values("mysql://[2001:db8::1]:3306/db");
        assert_eq!(
            all,
            ["mysql", "", "", "2001:db8::1", "3306", "db", "", "", ""]
        );
        let all = values("/only/path/");
        assert_eq!(all, ["", "", "", "", "", "only/path", "", "", ""]);
        assert!(pieces("http://h:port/").is_err());
    }
}
