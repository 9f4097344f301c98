//! One option: its value, and how it came to it. Nothing else is evaluated.

use serde_json::{Map, Value as Json};
use slapos_buildout::{Fetch, Report, Session, Value};

use crate::Question;
use crate::annotate::{Stories, Story};
use crate::resolve::{NoRecipes, value_json};

/// The answer.
#[derive(Debug)]
pub struct Answer {
    pub section: String,
    pub option: String,
    pub value: Value,
    /// Whether only a recipe would compute it.
    pub is_computed: bool,
    pub story: Story,
}

/// The value of `option` in `section`.
pub fn query(
    question: &Question,
    fetch: &dyn Fetch,
    section: &str,
    option: &str,
) -> Result<Answer, Report> {
    let (profile, tree) = question.explain(fetch)?;
    let recipes = NoRecipes::default();
    let session = Session::new(&profile, &recipes)?;
    let found = session.find(section, option)?;
    let is_computed = found.is_none();
    let value = match found {
        Some(value) => value,
        None => session.get(section, option)?,
    };
    let story = Stories::new(question, &profile, &tree).story(section, option);
    Ok(Answer {
        section: section.to_owned(),
        option: option.to_owned(),
        value,
        is_computed,
        story: Story::clone(&story),
    })
}

impl Answer {
    /// `{"section", "option", "value", "computed", "raw", "file", "line", "column", "history", "overrode"}`.
    pub fn to_json(&self) -> Json {
        let mut object = Map::new();
        object.insert("section".to_owned(), self.section.clone().into());
        object.insert("option".to_owned(), self.option.clone().into());
        object.insert("value".to_owned(), value_json(&self.value));
        object.insert("computed".to_owned(), self.is_computed.into());
        if let Json::Object(mut story) = self.story.to_json() {
            if let Some(raw) = story.shift_remove("value") {
                object.insert("raw".to_owned(), raw);
            }
            object.extend(story);
        }
        Json::Object(object)
    }

    /// The value alone, so that a script can take it.
    pub fn to_text(&self) -> String {
        format!("{}\n", self.value.as_text())
    }
}
