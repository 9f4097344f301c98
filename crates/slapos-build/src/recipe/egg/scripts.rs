//! The scripts of eggs: Python files that know where the eggs are and call an entry point.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use slapos_buildout::{PartOptions, RecipeError, Value};

use crate::egg::WorkingSet;
use crate::file;
use crate::recipe::options;
use crate::work::{PartFailure, Work};

/// From here on the kernel cuts the first line of a script on some systems.
const INTERPRETER_BYTES_MAX: usize = 125;

/// Which scripts to write, and what is in each.
pub(super) struct Scripts {
    folder: PathBuf,
    directory: PathBuf,
    /// Name in the egg and name here; none is every script.
    chosen: Option<Vec<(String, String)>>,
    /// Further entry points: name, module, attributes.
    entry_points: Vec<(String, String, String)>,
    interpreter: Option<String>,
    initialization: String,
    arguments: String,
    extra_paths: Vec<PathBuf>,
    with_dependencies: bool,
    is_relative: bool,
}

impl Scripts {
    pub(super) fn of(part: &mut PartOptions<'_, '_>) -> Result<Scripts, RecipeError> {
        let directory = PathBuf::from(part.other("buildout", "directory")?.into_text());
        let chosen = part.get("scripts")?.map(Value::into_text).map(|text| {
            let words = text
                .split_whitespace()
                .map(|word| match word.split_once('=') {
                    Some((from, to)) => (from.to_owned(), to.to_owned()),
                    None => (word.to_owned(), word.to_owned()),
                });
            words.collect()
        });
        let mut entry_points = Vec::new();
        for word in options::text_or(part, "entry-points", "")?.split_whitespace() {
            entry_points.push(entry_point(word)?);
        }
        let extra: Vec<PathBuf> = options::text_or(part, "extra-paths", "")?
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| directory.join(line))
            .collect();
        if !extra.is_empty() {
            let lines: Vec<String> = extra
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            part.set("extra-paths", lines.join("\n"))?;
        }
        let relative = match options::text(part, "relative-paths")? {
            Some(_) => options::switch(part, "relative-paths", false)?,
            None => {
                part.find_other("buildout", "relative-paths")?
                    .map(Value::into_text)
                    .as_deref()
                    == Some("true")
            }
        };
        Ok(Scripts {
            folder: part.other("buildout", "bin-directory")?.into_text().into(),
            chosen,
            entry_points,
            interpreter: options::text(part, "interpreter")?,
            initialization: part
                .get("initialization")?
                .map(Value::into_text)
                .unwrap_or_default(),
            arguments: options::text_or(part, "arguments", "")?,
            extra_paths: extra,
            with_dependencies: options::switch(part, "dependent-scripts", false)?,
            is_relative: relative,
            directory,
        })
    }

    /// Writes the scripts; gives them.
    pub(super) fn write(
        &self,
        python: &Path,
        requirements: &[String],
        set: &WorkingSet,
        work: &mut Work<'_>,
    ) -> Result<Vec<PathBuf>, PartFailure> {
        let mut written = Vec::new();
        let head = self.head(python, set);
        let mut missing: Vec<&str> = self
            .chosen
            .iter()
            .flatten()
            .map(|(from, _)| from.as_str())
            .collect();
        for (name, module, attributes) in self.wanted(requirements, set) {
            let Some(to) = self.name_of(&name) else {
                continue;
            };
            missing.retain(|other| *other != name);
            let text = format!(
                "{head}import {module}\n\nif __name__ == '__main__':\n    sys.exit({module}.{attributes}({}))\n",
                self.arguments
            );
            self.put(to, &text, &mut written, work)?;
        }
        for egg in set
            .eggs
            .iter()
            .filter(|egg| self.is_asked(&egg.name, requirements))
        {
            for name in &egg.scripts {
                let Some(to) = self.name_of(name) else {
                    continue;
                };
                missing.retain(|other| other != name);
                let path = egg.path.join("EGG-SCRIPTS").join(name);
                let text = file::read_text(&path)
                    .map_err(|e| format!("reading {}: {e}", path.display()))?;
                let body = match text.split_once('\n') {
                    Some((first, rest)) if first.starts_with("#!") => rest,
                    _ => text.as_str(),
                };
                self.put(to, &format!("{head}{body}"), &mut written, work)?;
            }
        }
        if let Some(name) = missing.first() {
            return Err(format!(
                "none of {} has the script `{name}`",
                requirements.join(", ")
            )
            .into());
        }
        if let Some(name) = &self.interpreter {
            self.put(name, &format!("{head}{INTERPRETER}"), &mut written, work)?;
        }
        Ok(written)
    }

    fn put(
        &self,
        name: &str,
        text: &str,
        written: &mut Vec<PathBuf>,
        work: &mut Work<'_>,
    ) -> Result<(), PartFailure> {
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return Err(format!("`{name}` cannot be the name of a script").into());
        }
        let path = self.folder.join(name);
        work.write(&path, text.as_bytes(), 0o755)?;
        written.push(path);
        Ok(())
    }

    /// What a script is called here; none if it is not wanted.
    fn name_of<'s>(&'s self, name: &'s str) -> Option<&'s str> {
        match &self.chosen {
            None => Some(name),
            Some(chosen) => chosen
                .iter()
                .find(|(from, _)| from == name)
                .map(|(_, to)| to.as_str()),
        }
    }

    fn is_asked(&self, egg: &str, requirements: &[String]) -> bool {
        match self.with_dependencies {
            true => canonical(egg) != "setuptools",
            false => requirements
                .iter()
                .any(|text| canonical(name_in(text)) == canonical(egg)),
        }
    }

    fn wanted(&self, requirements: &[String], set: &WorkingSet) -> Vec<(String, String, String)> {
        let mut wanted = Vec::new();
        for egg in set
            .eggs
            .iter()
            .filter(|egg| self.is_asked(&egg.name, requirements))
        {
            for (name, value) in egg
                .entry_points
                .get("console_scripts")
                .into_iter()
                .flatten()
            {
                let target = value.split('[').next().unwrap_or_default().trim();
                if let Some((module, attributes)) = target.split_once(':') {
                    wanted.push((
                        name.clone(),
                        module.trim().to_owned(),
                        attributes.trim().to_owned(),
                    ));
                }
            }
        }
        wanted.extend(self.entry_points.iter().cloned());
        wanted
    }

    /// The first lines of every script.
    fn head(&self, python: &Path, set: &WorkingSet) -> String {
        let python = python.display().to_string();
        let mut text = match python.len() > INTERPRETER_BYTES_MAX {
            // A shell and Python both read this second line: the shell runs it, Python sees four words.
            true => format!("#!/bin/sh\n\"exec\" \"{python}\" \"$0\" \"$@\"\n"),
            false => format!("#!{python}\n"),
        };
        if self.is_relative {
            let up = self
                .folder
                .strip_prefix(&self.directory)
                .map_or(0, |below| below.components().count());
            let base = format!(
                "{}__file__{}",
                "os.path.dirname(".repeat(up + 1),
                ")".repeat(up + 1)
            );
            let base = base.replace("__file__", "os.path.abspath(os.path.realpath(__file__))");
            let _ = write!(text, "\nimport os\n\nbase = {base}\n");
        }
        text.push_str("\nimport sys\nsys.path[0:0] = [\n");
        for path in set
            .paths()
            .into_iter()
            .chain(self.extra_paths.iter().map(PathBuf::as_path))
        {
            let line = match path.strip_prefix(&self.directory) {
                Ok(below) if self.is_relative => format!("os.path.join(base, {})", quoted(below)),
                _ => quoted(path),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "    {line},");
        }
        text.push_str("]\n\n");
        if !self.initialization.trim().is_empty() {
            let _ = write!(text, "{}\n\n", self.initialization.trim_end());
        }
        text
    }
}

/// Python's options that matter in a script that stands for Python: a command, a module, a file, or a prompt.
const INTERPRETER: &str = "\
_rest = sys.argv[1:]
_prompts = not _rest
_loop = True
while _rest and _rest[0][:1] == '-' and _rest[0] != '-' and _loop:
    _option = _rest.pop(0)
    if _option == '-i':
        _prompts = True
    elif _option in ('-c', '-m'):
        _loop = False
        _argument, _rest = _rest[0], _rest[1:]
        if _option == '-m':
            import runpy
            sys.argv[1:] = _rest
            runpy.run_module(_argument, {}, '__main__', alter_sys=True)
        else:
            sys.argv[:] = ['-c'] + _rest
            exec(compile(_argument, '<string>', 'exec'))
if _loop and _rest:
    sys.argv[:] = _rest
    __file__ = _rest[0]
    sys.path[0:0] = [__import__('os').path.dirname(__file__)]
    with open(__file__, 'rb') as _file:
        _code = compile(_file.read(), __file__, 'exec')
    exec(_code)
if _prompts:
    import code
    code.interact(banner='', local=globals())
";

/// `name=module:attribute`.
fn entry_point(word: &str) -> Result<(String, String, String), RecipeError> {
    let is_dotted = |text: &str| {
        let is_name =
            |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_');
        text.split('.').all(is_name)
    };
    let parts = word.split_once('=').and_then(|(name, target)| {
        let (module, attributes) = target.split_once(':')?;
        let is_good = is_dotted(module) && is_dotted(attributes);
        is_good.then(|| (name.to_owned(), module.to_owned(), attributes.to_owned()))
    });
    parts.ok_or_else(|| format!("the entry point `{word}` is not `name=module:attribute`").into())
}

/// The name at the beginning of a requirement.
fn name_in(requirement: &str) -> &str {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let end = requirement
        .find(|c| !is_name(c))
        .unwrap_or(requirement.len());
    &requirement[..end]
}

fn canonical(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "-")
}

/// A path as a Python literal.
fn quoted(path: &Path) -> String {
    slapos_buildout::Typed::Str(path.display().to_string()).repr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_point_is_name_module_and_attribute() {
        let good = entry_point("a-b=c.d:e.f").unwrap();
        assert_eq!(good, ("a-b".into(), "c.d".into(), "e.f".into()));
        for bad in ["a", "a=b", "a=b:", "a=b:c;d", "a=:b", "a=b-c:d"] {
            assert!(entry_point(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn name_in_stops_at_extras_and_versions() {
        for text in ["a.b[x]>=1", "a.b ==2", "a.b", "a.b;python_version>'3'"] {
            assert_eq!(name_in(text), "a.b");
        }
    }
}
