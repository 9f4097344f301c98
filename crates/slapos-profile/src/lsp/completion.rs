//! Completion: sections and options in `${…}`, sections behind `<`, in `parts` and `<part-dependencies>`, options of a section.

use lsp_types::{CompletionItem, CompletionItemKind, CompletionParams, CompletionResponse};

use super::Server;
use super::analysis::Analysis;
use super::place::byte_at;
use crate::limits::COMPLETIONS_MAX;
use crate::syntax::{LineKind, Syntax};
use slapos_python::text::is_space;

pub(super) fn answer(server: &mut Server, params: CompletionParams) -> Option<CompletionResponse> {
    let place = params.text_document_position;
    let analysis = server.analysis_of(&place.text_document.uri)?;
    let syntax = analysis.syntax()?;
    let line = place.position.line as usize;
    let text = syntax.lines.get(line).map_or("", String::as_str);
    let before = &text[..byte_at(text, place.position.character)];
    let mut items = offered(&analysis, syntax, line, before);
    items.truncate(COMPLETIONS_MAX);
    Some(CompletionResponse::Array(items))
}

fn offered(analysis: &Analysis, syntax: &Syntax, line: usize, before: &str) -> Vec<CompletionItem> {
    let own = section_at(syntax, line);
    if let Some(inside) = open_reference(before) {
        return match inside.split_once(':') {
            None => sections(analysis, own),
            Some(("", _)) => options(analysis, own),
            Some((section, _)) => options(analysis, section),
        };
    }
    if is_list_of_sections(syntax, line, before) {
        return sections(analysis, own);
    }
    let is_name = !before.starts_with(is_space)
        && !before.contains('=')
        && !before.starts_with(['[', '#', ';']);
    match is_name && !own.is_empty() {
        true => options(analysis, own),
        false => Vec::new(),
    }
}

/// The text behind a `${` that is not closed and not protected by `$$`.
fn open_reference(before: &str) -> Option<&str> {
    let last = before.rsplit("$$").next().unwrap_or(before);
    let (_, inside) = last.rsplit_once("${")?;
    (!inside.contains('}')).then_some(inside)
}

fn is_list_of_sections(syntax: &Syntax, line: usize, before: &str) -> bool {
    if before.starts_with("<=") || before.starts_with("=>") {
        return true;
    }
    let Some(LineKind::Option(option) | LineKind::Continuation(option)) = syntax.kinds.get(line)
    else {
        return false;
    };
    let written = &syntax.options[*option];
    let is_value = line > written.line || before.len() >= written.value;
    let is_parts = syntax.name(written) == "parts" && syntax.section_of(written) == "buildout";
    is_value && (is_parts || matches!(syntax.name(written), "<" | "<part-dependencies>"))
}

/// The section that a line is in; empty above the first header.
fn section_at(syntax: &Syntax, line: usize) -> &str {
    let header = syntax.header_at(line);
    header.map_or("", |header| syntax.section_name(header))
}

fn sections(analysis: &Analysis, own: &str) -> Vec<CompletionItem> {
    let names = analysis.sections().into_iter().filter(|name| *name != own);
    names
        .map(|name| item(name, CompletionItemKind::MODULE, None))
        .collect()
}

fn options(analysis: &Analysis, section: &str) -> Vec<CompletionItem> {
    let mut names = analysis.options(section);
    if section == "buildout"
        && let Ok(profile) = &analysis.loaded
    {
        names.extend(profile.options(section).map(str::to_owned));
    }
    // Nearly every recipe publishes it, and profiles refer to it more than to anything else.
    if names.contains("recipe") {
        names.insert("location".to_owned());
    }
    let items = names.iter().map(|name| {
        let value = analysis.tree.steps(section, name).last().map(|step| {
            let (file, written) = analysis.tree.at(*step);
            let value = file.syntax.value(written);
            value.chars().take_while(|c| *c != '\n').take(60).collect()
        });
        item(name, CompletionItemKind::PROPERTY, value)
    });
    items.collect()
}

fn item(name: &str, kind: CompletionItemKind, detail: Option<String>) -> CompletionItem {
    CompletionItem {
        label: name.to_owned(),
        kind: Some(kind),
        detail,
        ..CompletionItem::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_reference_is_the_text_behind_the_last_one() {
        assert_eq!(open_reference("x = ${a:b} ${c"), Some("c"));
        assert_eq!(open_reference("x = ${a:"), Some("a:"));
        assert_eq!(open_reference("x = ${a:b}"), None);
        assert_eq!(open_reference("x = $${a"), None);
        assert_eq!(open_reference("x"), None);
    }
}
