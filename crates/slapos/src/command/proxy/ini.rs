//! The configuration language of the Python SlapOS: sections, keys, `%(key)s`.
//!
//! As Python's `ConfigParser` reads it: keys in lower case, a value goes on in lines that are
//! indented, `#` and `;` begin comments at the start of a line, `[DEFAULT]` holds for all sections.

use crate::failure::Failure;
use std::collections::BTreeMap;
use std::path::Path;

/// How often a value may lead to another.
const DEPTH_MAX: usize = 10;

/// A read file.
#[derive(Debug, Default)]
pub(crate) struct Ini {
    sections: BTreeMap<String, BTreeMap<String, String>>,
}

/// A line that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LineError {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) cause: &'static str,
}

impl Ini {
    /// Reads a file.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(format!(
                "cannot read the configuration {}: {error}",
                path.display()
            ))
            .with_hint("name the file with --cfg FILE")
        })?;
        Self::parse(&text).map_err(|error| {
            let (path, line, cause) = (path.display(), error.line, error.cause);
            Failure::new(format!("{path}:{line}: {cause}"))
        })
    }

    /// Reads a text.
    pub(crate) fn parse(text: &str) -> Result<Self, LineError> {
        let mut ini = Self::default();
        let (mut section, mut key): (Option<String>, Option<String>) = (None, None);
        for (index, raw) in text.lines().enumerate() {
            let line = raw.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            let fault = |cause| LineError {
                line: index + 1,
                cause,
            };
            if raw.starts_with([' ', '\t'])
                && let (Some(section), Some(key)) = (&section, &key)
            {
                let values = ini.sections.entry(section.clone()).or_default();
                let value = values.entry(key.clone()).or_default();
                value.push('\n');
                value.push_str(line);
                continue;
            }
            if let Some(name) = line.strip_prefix('[') {
                let name = name.split_once(']').ok_or(fault("a section has no `]`"))?.0;
                ini.sections.entry(name.to_owned()).or_default();
                (section, key) = (Some(name.to_owned()), None);
                continue;
            }
            let section = section
                .as_ref()
                .ok_or(fault("a key is before any section"))?;
            let at = line.find(['=', ':']).ok_or(fault("a line has no `=`"))?;
            let name = line[..at].trim().to_lowercase();
            let values = ini.sections.entry(section.clone()).or_default();
            values.insert(name.clone(), line[at + 1..].trim().to_owned());
            key = Some(name);
        }
        Ok(ini)
    }

    /// A value of a section, what it refers to filled in; empty ones count as absent.
    pub(crate) fn find(&self, section: &str, key: &str) -> Result<Option<String>, Failure> {
        let Some(raw) = self.raw(section, key) else {
            return Ok(None);
        };
        let value = self.filled(section, raw, DEPTH_MAX);
        let value = value.map_err(|cause| Failure::new(format!("[{section}] {key}: {cause}")))?;
        Ok(Some(value).filter(|value| !value.is_empty()))
    }

    /// The same, taken from [slapos] where the section says nothing, as the original does.
    pub(crate) fn find_or_general(
        &self,
        section: &str,
        key: &str,
    ) -> Result<Option<String>, Failure> {
        match self.find(section, key)? {
            Some(own) => Ok(Some(own)),
            None => self.find("slapos", key),
        }
    }

    fn raw(&self, section: &str, key: &str) -> Option<&str> {
        let of = |section: &str| self.sections.get(section)?.get(key).map(String::as_str);
        of(section).or_else(|| of("DEFAULT"))
    }

    fn filled(&self, section: &str, raw: &str, depth: usize) -> Result<String, String> {
        if depth == 0 {
            return Err("its references go round".to_owned());
        }
        let (mut result, mut rest) = (String::new(), raw);
        while let Some((before, after)) = rest.split_once('%') {
            result.push_str(before);
            if let Some(after) = after.strip_prefix('%') {
                result.push('%');
                rest = after;
                continue;
            }
            let inner = after
                .strip_prefix('(')
                .and_then(|text| text.split_once(")s"));
            let (key, after) = inner.ok_or("a `%` stands alone; write `%%` for one")?;
            let value = self.raw(section, &key.to_lowercase());
            let value = value.ok_or_else(|| format!("there is no `{key}` to refer to"))?;
            result.push_str(&self.filled(section, value, depth - 1)?);
            rest = after;
        }
        result.push_str(rest);
        Ok(result.trim_start().to_owned())
    }

    /// The names of all sections.
    pub(crate) fn sections(&self) -> impl Iterator<Item = &str> {
        self.sections.keys().map(String::as_str)
    }

    /// The keys of a section.
    pub(crate) fn keys(&self, section: &str) -> impl Iterator<Item = &str> {
        let values = self.sections.get(section).into_iter();
        values.flat_map(|values| values.keys().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ini_values_go_on_in_indented_lines() {
        let ini = Ini::parse("[A]\nKey = one\n  two\n# no\nother: x\n").unwrap();
        assert_eq!(ini.find("A", "key").unwrap().as_deref(), Some("one\ntwo"));
        assert_eq!(ini.find("A", "other").unwrap().as_deref(), Some("x"));
        assert_eq!(ini.find("B", "other").unwrap(), None);
    }

    #[test]
    fn ini_references_are_filled_and_rounds_refused() {
        let text = "[DEFAULT]\nbase = /x\n[A]\nk = %(base)s/y%%\nr = %(r)s\nz = 5%\n";
        let ini = Ini::parse(text).unwrap();
        assert_eq!(ini.find("A", "k").unwrap().as_deref(), Some("/x/y%"));
        assert!(ini.find("A", "r").is_err());
        assert!(ini.find("A", "z").is_err());
    }

    #[test]
    fn ini_faults_name_their_line() {
        assert_eq!(Ini::parse("[A]\n\njunk\n").unwrap_err().line, 3);
        assert_eq!(Ini::parse("a = b\n").unwrap_err().line, 1);
    }
}
