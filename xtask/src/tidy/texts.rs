//! What must stand in every source file, and what must stand in none.

use super::Source;

/// Faults of all files.
pub(super) fn check(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(check_one).collect()
}

fn check_one(source: &Source) -> Vec<String> {
    let path = source.path.display();
    let mut faults = Vec::new();
    let is_code = !source
        .path
        .components()
        .any(|part| part.as_os_str() == "vectors");
    if is_code && !source.text.starts_with("//!") {
        faults.push(format!(
            "{path}:1: has no module head (`//!`: what it owns, what it never does)"
        ));
    }
    for (number, line) in (1..).zip(source.text.lines()) {
        let open = ["TO", "DO"].concat();
        if line.contains(&open)
            && !line.contains(&format!("{open}(#"))
            && !path.to_string().contains("tidy")
        {
            faults.push(format!(
                "{path}:{number}: {open} without the number of an issue"
            ));
        }
        if line.contains(&["#[ig", "nore"].concat()) {
            faults.push(format!("{path}:{number}: an ignored test is no test"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_file_without_head_is_a_fault() {
        let source = |text: &str| Source {
            krate: "a".to_owned(),
            path: "crates/a/src/lib.rs".into(),
            text: text.to_owned(),
        };
        assert!(check_one(&source("//! Head.\n")).is_empty());
        assert_eq!(check_one(&source("fn a() {}\n")).len(), 1);
    }
}
