//! Rename of a section, over the document and the files it extends that are in the workspace.
//!
//! Nothing is renamed by halves: the whole is refused if a file outside of the workspace has the section too, if a file
//! cannot be read, or if a value has the bare name, which may be for a recipe to look up.

use std::collections::HashMap;

use lsp_types::{
    PrepareRenameResponse, RenameParams, TextDocumentPositionParams, TextEdit, Uri, WorkspaceEdit,
};

use super::Server;
use super::place::{range, uri_of};
use super::subject::{What, at, mentions_in};
use crate::syntax::{LineKind, names};
use crate::tree::TreeFile;

/// Names that the language itself uses.
const FIXED: [&str; 2] = ["buildout", "versions"];

pub(super) fn prepare(
    server: &mut Server,
    params: TextDocumentPositionParams,
) -> Option<PrepareRenameResponse> {
    let analysis = server.analysis_of(&params.text_document.uri)?;
    let subject = at(&analysis, params.position)?;
    let What::Section(name) = subject.what else {
        return None;
    };
    if FIXED.contains(&name.as_str()) || !analysis.sections().contains(name.as_str()) {
        return None;
    }
    Some(PrepareRenameResponse::RangeWithPlaceholder {
        range: range(analysis.syntax()?, subject.line, subject.bytes),
        placeholder: name,
    })
}

#[allow(clippy::mutable_key_type)]
pub(super) fn answer(server: &mut Server, params: RenameParams) -> Result<WorkspaceEdit, String> {
    let place = params.text_document_position;
    let analysis = server
        .analysis_of(&place.text_document.uri)
        .ok_or("this document is no file")?;
    let subject = at(&analysis, place.position).ok_or("there is no name of a section here")?;
    let What::Section(old) = subject.what else {
        return Err("only sections can be renamed".to_owned());
    };
    let new = params.new_name.trim();
    check(&old, new)?;
    if analysis.sections().contains(new) {
        return Err(format!("there is a section `{new}` already"));
    }
    if let Some(unread) = analysis.tree.unread.first() {
        return Err(format!(
            "{unread} cannot be read, and may have `{old}` too; see to it first"
        ));
    }
    let mut changes = HashMap::new();
    for file in &analysis.tree.files {
        if let Some((uri, edits)) = changes_of(server, &analysis.location, file, (&old, new))? {
            changes.insert(uri, edits);
        }
    }
    Ok(WorkspaceEdit::new(changes))
}

/// What changes in one file; an error if it has the name where it must not be changed.
fn changes_of(
    server: &Server,
    here: &str,
    file: &TreeFile,
    (old, new): (&str, &str),
) -> Result<Option<(Uri, Vec<TextEdit>)>, String> {
    let location = &file.location;
    if let Some(line) = bare(file, old) {
        return Err(format!(
            "{location}:{}: a value has the bare name `{old}`, by which a recipe may look for the section; \
             change it by hand first",
            line + 1
        ));
    }
    let edits = edits(file, old, new);
    if edits.is_empty() {
        return Ok(None);
    }
    if location != here && !server.is_in_workspace(location) {
        return Err(format!(
            "`{old}` is also in {location}, which is outside of the workspace"
        ));
    }
    let uri = uri_of(location).ok_or("a file has a name that editors cannot hold")?;
    Ok(Some((uri, edits)))
}

fn check(old: &str, new: &str) -> Result<(), String> {
    if FIXED.contains(&old) {
        return Err(format!("`{old}` is a name of the language itself"));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match !new.is_empty() && new.chars().all(is_name) {
        true => Ok(()),
        false => Err(format!(
            "`{new}` cannot be referred to: a name has English letters, digits, `.`, `_` and `-`"
        )),
    }
}

fn edits(file: &TreeFile, old: &str, new: &str) -> Vec<TextEdit> {
    let syntax = &file.syntax;
    (0..syntax.lines.len())
        .flat_map(|line| {
            let named = mentions_in(syntax, line).into_iter();
            let same = named.filter(|(name, _)| name == old);
            same.map(move |(_, bytes)| TextEdit::new(range(syntax, line, bytes), new.to_owned()))
        })
        .collect()
}

/// The first line with a value that has the name where the language itself does not look for a section.
fn bare(file: &TreeFile, name: &str) -> Option<usize> {
    let syntax = &file.syntax;
    (0..syntax.lines.len()).find(|line| {
        let (LineKind::Option(_) | LineKind::Continuation(_)) = syntax.kinds[*line] else {
            return false;
        };
        let Some(written) = syntax.option_at(*line) else {
            return false;
        };
        // A recipe is named by its egg.
        if syntax.name(written) == "recipe" {
            return false;
        }
        let text = &syntax.lines[*line];
        let start = if *line == written.line {
            written.value
        } else {
            0
        };
        let mut found = names(text, start).into_iter();
        let known = mentions_in(syntax, *line);
        found.any(|word| {
            &text[word.clone()] == name && !known.iter().any(|(_, bytes)| *bytes == word)
        })
    })
}

impl Server {
    fn is_in_workspace(&self, location: &str) -> bool {
        self.roots.iter().any(|root| {
            let root = root.strip_suffix('/').unwrap_or(root);
            let inside = location.strip_prefix(root);
            inside.is_some_and(|rest| rest.starts_with('/')) && !location.contains("/../")
        })
    }
}
