//! Paths and URLs of profiles: how a name in `extends` becomes the location of a file.
//!
//! Joining is textual, for folders and URLs alike, so that a profile means the same on disk and over HTTP.

/// Whether this is `scheme://…`, and no path.
pub fn is_url(name: &str) -> bool {
    let Some((scheme, _)) = name.split_once("://") else {
        return false;
    };
    let is_scheme_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-');
    !scheme.is_empty() && scheme.chars().all(is_scheme_char)
}

/// The folder of a file, or the URL up to its last `/`; no slash at the end.
pub fn base_of(location: &str) -> &str {
    match location.rfind('/') {
        Some(0) => "/",
        Some(end) => &location[..end],
        None => "",
    }
}

/// Where `name` is, as written in a file whose base is `base`.
///
/// Each leading `../` takes one part off the base; a `..` further on stays as it is.
pub fn join(base: &str, name: &str) -> String {
    if is_url(name) || name.starts_with('/') {
        return name.to_owned();
    }
    let (mut base, mut name) = (base, name);
    while let Some(rest) = name.strip_prefix("../") {
        let Some(parent) = parent_of(base) else { break };
        (base, name) = (parent, rest);
    }
    match base {
        "" => name.to_owned(),
        "/" => format!("/{name}"),
        base => format!("{base}/{name}"),
    }
}

/// None where there is nothing left to take off: the root, the host of a URL, an unknown folder.
fn parent_of(base: &str) -> Option<&str> {
    let floor = if is_url(base) {
        let host = base.find("://")? + 3;
        host + base[host..].find('/')?
    } else {
        0
    };
    match base.rfind('/')? {
        0 if base == "/" => None,
        0 => Some("/"),
        end if end >= floor => Some(&base[..end]),
        _ => None,
    }
}

/// The location without `.`, empty and `..` parts; two spellings of one file compare equal.
pub(crate) fn normalised(location: &str) -> String {
    let (root, path) = split_root(location);
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if !root.is_empty() => {}
            part => parts.push(part),
        }
    }
    format!("{root}{}", parts.join("/"))
}

fn split_root(location: &str) -> (&str, &str) {
    if is_url(location) {
        let host = location.find("://").map_or(0, |at| at + 3);
        let path = location[host..]
            .find('/')
            .map_or(location.len(), |at| host + at + 1);
        return location.split_at(path);
    }
    location.split_at(usize::from(location.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_takes_leading_dots_off_the_base() {
        assert_eq!(join("/a/b", "c.cfg"), "/a/b/c.cfg");
        assert_eq!(join("/a/b", "../../c.cfg"), "/c.cfg");
        assert_eq!(join("/a/b", "d/../c.cfg"), "/a/b/d/../c.cfg");
        assert_eq!(join("/a", "/c.cfg"), "/c.cfg");
        assert_eq!(join("http://h/a/b", "../c.cfg"), "http://h/a/c.cfg");
        assert_eq!(join("http://h/a", "/c.cfg"), "/c.cfg");
        assert_eq!(join("/a", "ftp://h/c.cfg"), "ftp://h/c.cfg");
    }

    #[test]
    fn join_never_leaves_the_host_or_the_root() {
        assert_eq!(join("/a", "../../c.cfg"), "/../c.cfg");
        assert_eq!(join("http://h/a", "../../../c"), "http://h/../../c");
    }

    #[test]
    fn base_of_drops_the_last_part() {
        assert_eq!(base_of("/a/b.cfg"), "/a");
        assert_eq!(base_of("/b.cfg"), "/");
        assert_eq!(base_of("http://h/a/b.cfg"), "http://h/a");
        assert_eq!(base_of("b.cfg"), "");
    }

    #[test]
    fn normalised_spellings_of_one_file_are_equal() {
        assert_eq!(normalised("/a/./b/../c.cfg"), "/a/c.cfg");
        assert_eq!(normalised("/../c.cfg"), "/c.cfg");
        assert_eq!(normalised("http://h/a//b/../c"), "http://h/a/c");
        assert_eq!(normalised("../a"), "../a");
    }

    #[test]
    fn is_url_needs_a_scheme() {
        assert!(is_url("http://h/x") && is_url("git+ssh://h"));
        assert!(!is_url("/a://b") && !is_url("://b") && !is_url("a/b"));
    }
}
