//! What the original left: its record `.installed.cfg`, and the signatures in it.
//!
//! A folder that buildout installed is taken over: a part whose options, dependencies and files are still the same
//! counts as installed, any other is installed again, and what is no longer wanted is removed. Ours is written in a file
//! of its own; the original's is left as it was.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use slapos_buildout::{Report, Session, Typed, Value};
use slapos_cache::{Digests, HashKind};

use crate::evaluate::Wanted;
use crate::file;
use crate::record::{Record, Records};

/// Sections of options.
pub(crate) type Sections = BTreeMap<String, BTreeMap<String, String>>;

const INSTALLED: &str = "__buildout_installed__";
const SIGNATURE: &str = "__buildout_signature__";
/// White space that a value could not keep, and what stands for it.
const SPACES: [(&str, char); 5] = [
    ("%(__buildout_space__)s", ' '),
    ("%(__buildout_space_n__)s", '\n'),
    ("%(__buildout_space_r__)s", '\r'),
    ("%(__buildout_space_f__)s", '\u{c}'),
    ("%(__buildout_space_v__)s", '\u{b}'),
];

/// The record in a folder; none if there is none.
pub(crate) fn read(folder: &Path) -> io::Result<Option<Sections>> {
    match file::read_text(&folder.join(".installed.cfg")) {
        Ok(text) => Ok(Some(parse(&text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads the text form. Lines that mean nothing are skipped: it was written by a machine.
pub(crate) fn parse(text: &str) -> Sections {
    let mut sections = Sections::new();
    let (mut section, mut option): (Option<String>, Option<String>) = (None, None);
    for line in text.lines() {
        let is_more = line.starts_with([' ', '\t', '\u{b}', '\u{c}']);
        if let (true, Some(section), Some(option)) = (is_more, &section, &option) {
            let value = sections
                .entry(section.clone())
                .or_default()
                .entry(option.clone())
                .or_default();
            value.push('\n');
            value.push_str(line.trim());
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            sections.entry(name.0.to_owned()).or_default();
            (section, option) = (Some(name.0.to_owned()), None);
        } else if let (Some(section), Some((name, value))) = (&section, line.split_once('='))
            && !line.starts_with(['#', ';'])
        {
            let name = name.trim().to_owned();
            let options = sections.entry(section.clone()).or_default();
            options.insert(name.clone(), value.trim().to_owned());
            option = Some(name);
        }
    }
    for value in sections.values_mut().flat_map(BTreeMap::values_mut) {
        for (placeholder, space) in SPACES {
            *value = value.replace(placeholder, space.encode_utf8(&mut [0; 4]));
        }
    }
    sections
}

/// The signature that the original gives a part: the eggs of its recipe, and a hash over each section it refers to.
///
/// `signatures` has those of the parts before it, which enter the hashes.
pub(crate) fn signature(
    eggs: &str,
    section: &str,
    session: &Session<'_>,
    signatures: &BTreeMap<String, String>,
) -> Result<String, Report> {
    let mut text = eggs.to_owned();
    for name in session.dependencies(section)? {
        let mut options = session.section(&name)?;
        if let Some(signature) = signatures.get(&name) {
            options.insert(SIGNATURE.to_owned(), Value::from(signature.as_str()));
        }
        let mut digests = Digests::default();
        for (option, value) in options {
            let value = match value {
                Value::Text(text) => Typed::Str(text).repr(),
                Value::Typed(typed) => typed.repr(),
            };
            digests.update(format!("{}\0{value}\0", Typed::Str(option).repr()).as_bytes());
        }
        let hashes = digests.finish();
        let md5 = hashes.iter().find(|hash| hash.kind() == HashKind::Md5);
        text.push_str(&format!(" {name}:{}", md5.map_or("", |hash| hash.hex())));
    }
    Ok(text)
}

/// Records of everything the original installed, under an empty signature, so that it is replaced or removed.
pub(crate) fn leftovers(original: &Sections) -> BTreeMap<String, Record> {
    let parts = original.iter().filter(|(name, _)| *name != "buildout");
    let records = parts.enumerate().map(|(index, (name, options))| {
        let owned = options.get(INSTALLED).map_or("", String::as_str).lines();
        let port = options
            .get("port")
            .map(|port| ("port".to_owned(), port.clone()));
        let record = Record {
            recipe: options.get("recipe").cloned().unwrap_or_default(),
            index,
            owned: owned
                .filter(|path| path.starts_with('/'))
                .map(PathBuf::from)
                .collect(),
            kept: port.into_iter().collect(),
            ..Record::default()
        };
        (name.clone(), record)
    });
    records.collect()
}

/// The parts that are still as the original installed them.
pub(crate) fn unchanged(
    original: &Sections,
    order: &[String],
    session: &Session<'_>,
) -> Result<Vec<String>, Report> {
    let mut signatures = BTreeMap::new();
    let mut same = Vec::new();
    for name in order {
        let Some(old) = original.get(name) else {
            continue;
        };
        let recorded = old.get(SIGNATURE).map_or("", String::as_str);
        let is_egg = |word: &&str| {
            word.rsplit_once(':')
                .is_none_or(|(_, hash)| hash.len() != 32)
        };
        let eggs: Vec<&str> = recorded.split(' ').take_while(is_egg).collect();
        let now = signature(&eggs.join(" "), name, session, &signatures)?;
        let mut options = session.stored_section(name)?;
        options.insert(SIGNATURE.to_owned(), now.clone());
        if now == recorded
            && old
                .iter()
                .filter(|(k, _)| *k != INSTALLED)
                .eq(options.iter())
        {
            same.push(name.clone());
        }
        signatures.insert(name.clone(), now);
    }
    Ok(same)
}

impl Wanted {
    /// Puts our signature on the parts that the original installed just as they are wanted.
    pub(crate) fn take_over(&self, records: &mut Records) {
        for name in &self.taken_over {
            if let (Some(one), Some(record)) = (self.parts.get(name), records.parts.get_mut(name))
                && record.signature.is_empty()
            {
                record.recipe.clone_from(&one.recipe);
                record.signature.clone_from(&one.signature);
            }
        }
    }
}

#[cfg(test)]
#[path = "original_tests.rs"]
mod tests;
