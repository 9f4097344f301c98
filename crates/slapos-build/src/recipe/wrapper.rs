//! `slapos.cookbook:wrapper`: an executable that sets an environment and becomes the program.
//!
//! The hash of the files in `hash-files` stands in its text. Who starts it restarts it when its text changes, and so
//! when its configuration does; the name stays.

use std::fmt::Write as _;
use std::path::PathBuf;

use slapos_buildout::{PartOptions, RecipeError};

use super::{Construction, Installed, Part, options};
use crate::file;
use crate::work::{PartFailure, Work, failing};

struct Wrapper {
    path: PathBuf,
    words: Vec<String>,
    environment: Vec<(String, String)>,
    search_path: String,
    hashed: Vec<PathBuf>,
}

/// Options of the original that need a program of their own around the command.
const UNSUPPORTED: [&str; 7] = [
    "wait-for-files",
    "private-tmpfs",
    "reserve-cpu",
    "sig-ign",
    "redirect-signal",
    "redirect-stdout",
    "redirect-stderr",
];

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    for option in UNSUPPORTED {
        if options::text(part, option)?.is_some() {
            return Err(format!("the option `{option}` is not supported yet").into());
        }
    }
    let words = options::shell_words(&options::needed(part, "command-line")?)?;
    if words.is_empty() {
        return Err("`command-line` has no word".into());
    }
    let mut environment = Vec::new();
    for line in options::text_or(part, "environment", "")?.lines() {
        match line.split_once('=') {
            Some((name, value)) => {
                environment.push((variable(name.trim())?, value.trim().to_owned()));
            }
            None if line.trim().is_empty() => {}
            None => {
                return Err(
                    format!("the line `{}` of `environment` has no `=`", line.trim()).into(),
                );
            }
        }
    }
    environment.sort();
    let hashed = options::text_or(part, "hash-files", "")?;
    let path = PathBuf::from(options::needed(part, "wrapper-path")?);
    Ok(Box::new(Wrapper {
        path,
        words,
        environment,
        search_path: construction.world.path.to_owned(),
        hashed: hashed.split_whitespace().map(PathBuf::from).collect(),
    }))
}

fn variable(name: &str) -> Result<String, RecipeError> {
    let is_good = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if name.is_empty() || !is_good || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("`environment` has `{name}`, which is no name of a variable").into());
    }
    Ok(name.to_owned())
}

impl Wrapper {
    fn text(&self) -> Result<String, PartFailure> {
        let mut text = String::from("#!/bin/sh -e\n");
        for path in &self.hashed {
            let digest = file::digest_tree(path).map_err(failing("hashing", path))?;
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "# {} {}",
                digest,
                path.display().to_string().escape_debug()
            );
        }
        if !self.environment.iter().any(|(name, _)| name == "PATH") {
            let _ = writeln!(
                text,
                "export PATH={}",
                options::shell_quote(&self.search_path)
            );
        }
        for (name, value) in &self.environment {
            let _ = writeln!(text, "export {name}={}", options::shell_quote(value));
        }
        let words: Vec<String> = self
            .words
            .iter()
            .map(|word| options::shell_quote(word))
            .collect();
        let _ = writeln!(text, "exec {} \"$@\"", words.join(" "));
        Ok(text)
    }
}

impl Part for Wrapper {
    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        let text = self.text()?;
        work.write(&self.path, text.as_bytes(), 0o700)?;
        Ok(Installed::owning(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapper(hashed: Vec<PathBuf>) -> Wrapper {
        Wrapper {
            path: "/w".into(),
            words: vec!["/bin/p".into(), "it's".into()],
            environment: vec![("A".into(), "b c".into())],
            search_path: "/bin".into(),
            hashed,
        }
    }

    #[test]
    fn text_quotes_everything() {
        let text = wrapper(Vec::new()).text().unwrap();
        assert_eq!(
            text,
            "#!/bin/sh -e\nexport PATH=/bin\nexport A='b c'\nexec /bin/p 'it'\\''s' \"$@\"\n"
        );
    }

    #[test]
    fn text_changes_with_a_hashed_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c");
        fs_err::write(&file, "1").unwrap();
        let before = wrapper(vec![file.clone()]).text().unwrap();
        fs_err::write(&file, "2").unwrap();
        assert_ne!(wrapper(vec![file]).text().unwrap(), before);
    }

    #[test]
    fn variable_of_a_bad_name_is_refused() {
        assert!(variable("A_1").is_ok());
        for bad in ["", "1A", "A-B", "A;rm"] {
            assert!(variable(bad).is_err(), "{bad}");
        }
    }
}
