//! Go to definition: of a section its headers, of an option the places that make its value, of a name in `extends` the file.

use lsp_types::{GotoDefinitionParams, GotoDefinitionResponse, Location, Range};

use super::Server;
use super::analysis::Analysis;
use super::place::{location, range};
use super::subject::{What, at};

pub(super) fn answer(
    server: &mut Server,
    params: GotoDefinitionParams,
) -> Option<GotoDefinitionResponse> {
    let place = params.text_document_position_params;
    let analysis = server.analysis_of(&place.text_document.uri)?;
    let subject = at(&analysis, place.position)?;
    let found = match subject.what {
        What::File(file) => location(&file, Range::default()).into_iter().collect(),
        What::Section(section) => headers(&analysis, &section),
        What::Option { section, option } => changes(&analysis, &section, &option),
    };
    (!found.is_empty()).then_some(GotoDefinitionResponse::Array(found))
}

/// The one that has the last word first.
fn headers(analysis: &Analysis, section: &str) -> Vec<Location> {
    let headers = analysis.tree.headers(section).into_iter().rev();
    headers
        .filter_map(|(file, header)| {
            let place = &file.syntax.headers[header];
            location(
                &file.location,
                range(&file.syntax, place.line, place.name.clone()),
            )
        })
        .collect()
}

/// The last change first. As long as the profile is broken, everything that is written about the option.
fn changes(analysis: &Analysis, section: &str, option: &str) -> Vec<Location> {
    if let Some(stories) = analysis.stories() {
        let story = stories.story(section, option);
        let places = story.history.iter().rev().filter_map(|change| {
            let file = analysis.tree.file(&change.origin.file)?;
            let line = (change.origin.line as usize).checked_sub(1)?;
            let written = file.syntax.option_at(line)?;
            let place = range(&file.syntax, written.line, written.name.clone());
            location(&file.location, place)
        });
        return places.collect();
    }
    let steps = analysis.tree.steps(section, option).iter().rev();
    steps
        .filter_map(|step| {
            let (file, written) = analysis.tree.at(*step);
            let place = range(&file.syntax, written.line, written.name.clone());
            location(&file.location, place)
        })
        .collect()
}
