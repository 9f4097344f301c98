//! Sizes as a ratchet: today's worst of each crate is written down and may only fall.
//!
//! Nobody has to split code for a count; but what is long does not get longer unnoticed. Test
//! modules are not counted.

use super::Source;
use crate::command::top;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest file and longest function of a crate, in lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Worst {
    file: usize,
    function: usize,
}

/// Faults, and with `update` the new figures where they fell or a crate is new.
pub(super) fn check(sources: &[Source], update: bool) -> Result<Vec<String>, String> {
    let path = top().join("xtask/sizes.toml");
    let kept: BTreeMap<String, Worst> = match std::fs::read_to_string(&path) {
        Ok(text) => toml::from_str(&text).map_err(|error| format!("xtask/sizes.toml: {error}"))?,
        Err(_) => BTreeMap::new(),
    };
    let today = measure(sources);
    if update {
        let lowered = today
            .iter()
            .map(|(krate, now)| {
                let before = kept.get(krate).copied().unwrap_or(*now);
                let file = now.file.min(before.file);
                (
                    krate.clone(),
                    Worst {
                        file,
                        function: now.function.min(before.function),
                    },
                )
            })
            .collect::<BTreeMap<_, _>>();
        let text = toml::to_string(&lowered).map_err(|error| error.to_string())?;
        std::fs::write(&path, text).map_err(|error| error.to_string())?;
    }
    Ok(compare(&kept, &today, update))
}

fn compare(
    kept: &BTreeMap<String, Worst>,
    today: &BTreeMap<String, Worst>,
    update: bool,
) -> Vec<String> {
    let mut faults = Vec::new();
    for (krate, now) in today {
        match kept.get(krate) {
            None if update => {}
            None => faults.push(format!(
                "{krate} is not in xtask/sizes.toml: run `cargo xtask tidy --update`"
            )),
            Some(before) => {
                for (what, now, before) in [
                    ("file", now.file, before.file),
                    ("function", now.function, before.function),
                ] {
                    if now > before {
                        faults.push(format!(
                            "{krate}: its longest {what} has {now} lines, it had {before}"
                        ));
                    }
                }
            }
        }
    }
    faults
}

fn measure(sources: &[Source]) -> BTreeMap<String, Worst> {
    let mut worst: BTreeMap<String, Worst> = BTreeMap::new();
    for source in sources.iter().filter(|source| {
        source
            .path
            .components()
            .any(|part| part.as_os_str() == "src")
    }) {
        let code = source
            .text
            .split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap_or_default();
        let entry = worst.entry(source.krate.clone()).or_default();
        entry.file = entry.file.max(code.lines().count());
        entry.function = entry.function.max(longest_function(code));
    }
    worst
}

/// From a line with `fn ` to the closing brace at the same indentation, which rustfmt guarantees.
fn longest_function(code: &str) -> usize {
    let lines: Vec<&str> = code.lines().collect();
    let mut longest = 0;
    for (start, line) in lines.iter().enumerate() {
        let body = line.trim_start();
        let is_function = body.starts_with("fn ")
            || body.contains(" fn ")
                && (body.starts_with("pub")
                    || body.starts_with("async")
                    || body.starts_with("unsafe"));
        if !is_function {
            continue;
        }
        let indent = &line[..line.len() - body.len()];
        let close = format!("{indent}}}");
        let length = lines[start..]
            .iter()
            .position(|line| *line == close)
            .map_or(1, |length| length + 1);
        longest = longest.max(length);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_function_counts_to_its_closing_brace() {
        assert_eq!(longest_function("fn a() {\n    b();\n}\nfn c() {}\n"), 3);
        assert_eq!(
            longest_function("impl A {\n    pub fn b() {\n        c();\n    }\n}\n"),
            3
        );
    }

    #[test]
    fn sizes_growth_is_a_fault_and_shrinking_is_not() {
        let worst = |file| BTreeMap::from([("a".to_owned(), Worst { file, function: 5 })]);
        assert!(compare(&worst(10), &worst(9), false).is_empty());
        assert_eq!(compare(&worst(10), &worst(11), false).len(), 1);
    }
}
