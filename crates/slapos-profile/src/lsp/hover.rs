//! Hover: the value that an option comes to and where it is from; of a section what it is.

use lsp_types::{Hover, HoverContents, HoverParams, MarkupContent, MarkupKind};
use slapos_buildout::Session;

use super::Server;
use super::analysis::Analysis;
use super::place::range;
use super::subject::{What, at};
use crate::limits::HOVER_CHARS_MAX;
use crate::place::origin_text;
use crate::resolve::NoRecipes;

pub(super) fn answer(server: &mut Server, params: HoverParams) -> Option<Hover> {
    let place = params.text_document_position_params;
    let analysis = server.analysis_of(&place.text_document.uri)?;
    let subject = at(&analysis, place.position)?;
    let value = match &subject.what {
        What::Section(section) => section_text(&analysis, section)?,
        What::Option { section, option } => option_text(&analysis, section, option)?,
        What::File(file) => match analysis.tree.file(file) {
            Some(_) => file.clone(),
            None => format!("{file}\n\nThis file cannot be read."),
        },
    };
    let syntax = analysis.syntax()?;
    Some(Hover {
        contents: HoverContents::Markup(MarkupContent {
            kind: MarkupKind::Markdown,
            value,
        }),
        range: Some(range(syntax, subject.line, subject.bytes)),
    })
}

fn option_text(analysis: &Analysis, section: &str, option: &str) -> Option<String> {
    let profile = analysis.loaded.as_ref().ok()?;
    let recipes = NoRecipes::default();
    let value = Session::new(profile, &recipes).and_then(|session| session.get(section, option));
    let mut text = format!("`{section}:{option}`\n\n");
    match value {
        Ok(value) => text.push_str(&block(&value.as_text())),
        Err(report) => text.push_str(&format!("{}\n", report.first().message)),
    }
    let stories = analysis.stories()?;
    let story = stories.story(section, option);
    if story.history.is_empty() {
        let recipe = profile.raw(section, "recipe").unwrap_or_default();
        text.push_str(&format!("Only the recipe `{recipe}` would compute it.\n"));
    }
    for change in story.history.iter().rev() {
        let from = match change.section == section {
            true => String::new(),
            false => format!(", inherited from `{}`", change.section),
        };
        let place = origin_text(&change.origin);
        text.push_str(&format!("- `{}` {place}{from}\n", change.sign));
    }
    for change in story.overrode.iter().rev().take(5) {
        let place = origin_text(&change.origin);
        let first: String = change
            .value
            .chars()
            .take_while(|c| *c != '\n')
            .take(60)
            .collect();
        text.push_str(&format!("- over `{}` {first} ({place})\n", change.sign));
    }
    Some(text)
}

fn section_text(analysis: &Analysis, section: &str) -> Option<String> {
    let headers = analysis.tree.headers(section);
    if headers.is_empty() {
        return None;
    }
    let mut text = format!("`[{section}]`\n\n");
    if let Some(stories) = analysis.stories() {
        let recipe = stories.story(section, "recipe").value();
        text.push_str(&match recipe.is_empty() {
            true => "Plain data, no recipe.\n".to_owned(),
            false => format!("Recipe `{recipe}`.\n"),
        });
        let parents = stories.parents(section);
        if !parents.is_empty() {
            text.push_str(&format!("Inherits from `{}`.\n", parents.join("`, `")));
        }
        text.push('\n');
    }
    for (file, header) in headers.into_iter().rev() {
        let line = file.syntax.headers[header].line + 1;
        text.push_str(&format!("- {}:{line}\n", file.location));
    }
    Some(text)
}

/// A text as it is, whatever it holds.
fn block(text: &str) -> String {
    let mut shown: String = text.chars().take(HOVER_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    let mut fence = "```".to_owned();
    while shown.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}\n{shown}\n{fence}\n\n")
}
