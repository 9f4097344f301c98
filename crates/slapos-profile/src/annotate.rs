//! Where each value comes from: every change of an option with its place, and what it overrode.
//!
//! The changes that hold come from the loaded profile, those that were overridden from the files as written.
//! Start with [`annotate`]; [`Stories`] answers for one option at a time.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use serde_json::{Map, Value as Json, json};
use slapos_buildout::{Fetch, FetchFailure, Origin, Profile, Report};

use crate::Question;
use crate::limits::{MACRO_DEPTH_MAX, STORY_STEPS_MAX};
use crate::resolve::{no_section, push_option};
use crate::syntax::Sign;
use crate::tree::Tree;
use slapos_python::text::trim;

mod story;

pub use story::{Change, Story};

/// The stories of all options.
#[derive(Debug, Default)]
pub struct Annotated {
    pub sections: BTreeMap<String, BTreeMap<String, Story>>,
}

/// The stories of all sections, or of one; inherited options are among them.
pub fn annotate(
    question: &Question,
    fetch: &dyn Fetch,
    section: Option<&str>,
) -> Result<Annotated, Report> {
    let (profile, tree) = question.explain(fetch)?;
    let stories = Stories::new(question, &profile, &tree);
    let names: Vec<&str> = match section {
        Some(name) if !profile.has_section(name) => return Err(no_section(name)),
        Some(name) => vec![name],
        None => profile.sections().collect(),
    };
    let mut annotated = Annotated::default();
    for name in names {
        let names = stories.options(name);
        let options = names.iter().map(|option| {
            let story = Story::clone(&stories.story(name, option));
            (option.clone(), story)
        });
        annotated
            .sections
            .insert(name.to_owned(), options.collect());
    }
    Ok(annotated)
}

/// Tells stories, each worked out once.
pub(crate) struct Stories<'a> {
    profile: &'a Profile,
    tree: &'a Tree,
    /// `[buildout]` as it is without any file.
    defaults: Option<Profile>,
    known: RefCell<HashMap<(String, String), Rc<Story>>>,
    names: RefCell<HashMap<String, Rc<BTreeSet<String>>>>,
}

impl<'a> Stories<'a> {
    pub(crate) fn new(question: &Question, profile: &'a Profile, tree: &'a Tree) -> Stories<'a> {
        Stories {
            profile,
            tree,
            defaults: question.without_files(),
            known: RefCell::default(),
            names: RefCell::default(),
        }
    }

    /// Names of the options of a section, those that it inherits among them.
    pub(crate) fn options(&self, section: &str) -> Rc<BTreeSet<String>> {
        self.options_within(section, &mut Vec::new())
    }

    fn options_within(&self, section: &str, open: &mut Vec<String>) -> Rc<BTreeSet<String>> {
        if let Some(known) = self.names.borrow().get(section) {
            return Rc::clone(known);
        }
        let mut names: BTreeSet<String> =
            self.profile.options(section).map(str::to_owned).collect();
        if open.len() < MACRO_DEPTH_MAX && !open.iter().any(|name| name == section) {
            open.push(section.to_owned());
            for parent in self.parents(section) {
                let inherited = self.options_within(&parent, open);
                names.extend(inherited.iter().filter(|name| *name != "<").cloned());
            }
            open.pop();
        }
        let names = Rc::new(names);
        // In a loop, which is an error anyway, what is kept may be less than all.
        let mut known = self.names.borrow_mut();
        known.insert(section.to_owned(), Rc::clone(&names));
        names
    }

    /// How the option of this section came to its value; empty if there is no such option.
    pub(crate) fn story(&self, section: &str, option: &str) -> Rc<Story> {
        self.story_within(section, option, &mut Vec::new())
    }

    fn story_within(&self, section: &str, option: &str, open: &mut Vec<String>) -> Rc<Story> {
        let key = (section.to_owned(), option.to_owned());
        if let Some(known) = self.known.borrow().get(&key) {
            return Rc::clone(known);
        }
        let own = self.own(section, option);
        let mut story = Story::default();
        let is_loop = open.iter().any(|name| name == section);
        if option != "<" && !is_loop && open.len() < MACRO_DEPTH_MAX {
            open.push(section.to_owned());
            for parent in self.parents(section) {
                let inherited = self.story_within(&parent, option, open);
                if !inherited.history.is_empty() {
                    story.replace(&inherited);
                }
            }
            open.pop();
        }
        if own.history.first().is_some_and(|first| first.sign == "=") {
            story.replace(&own);
        } else {
            story.history.extend(own.history);
            story.override_also(own.overrode);
        }
        let story = Rc::new(story);
        self.known.borrow_mut().insert(key, Rc::clone(&story));
        story
    }

    /// The sections that this one inherits from, the last one winning.
    pub(crate) fn parents(&self, section: &str) -> Vec<String> {
        if section == "buildout" {
            return Vec::new();
        }
        let list = self.profile.raw(section, "<").unwrap_or_default();
        let lines = list.split('\n').map(trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    }

    fn own(&self, section: &str, option: &str) -> Story {
        let history: Vec<Change> = self
            .profile
            .history(section, option)
            .into_iter()
            .map(|step| Change {
                section: section.to_owned(),
                sign: step.sign,
                value: step.value,
                origin: step.origin,
            })
            .collect();
        let places: BTreeSet<(&str, u32)> = history
            .iter()
            .map(|change| (change.origin.file.as_str(), change.origin.line))
            .collect();
        let mut overrode = self.overridden_default(section, option, &history);
        for step in self
            .tree
            .steps(section, option)
            .iter()
            .take(STORY_STEPS_MAX)
        {
            let change = self.written(section, *step);
            if !places.contains(&(change.origin.file.as_str(), change.origin.line)) {
                overrode.push(change);
            }
        }
        Story { history, overrode }
    }

    fn written(&self, section: &str, step: crate::tree::WrittenStep) -> Change {
        let (file, written) = self.tree.at(step);
        Change {
            section: section.to_owned(),
            sign: Sign::text(step.sign),
            value: file.syntax.value(written),
            origin: Origin {
                file: file.location.clone(),
                line: u32::try_from(written.line + 1).unwrap_or(u32::MAX),
                column: 1,
            },
        }
    }

    fn overridden_default(&self, section: &str, option: &str, history: &[Change]) -> Vec<Change> {
        let Some(defaults) = self.defaults.as_ref().filter(|_| section == "buildout") else {
            return Vec::new();
        };
        let (Some(value), Some(origin)) = (
            defaults.raw(section, option),
            defaults.origin(section, option),
        ) else {
            return Vec::new();
        };
        if history
            .iter()
            .any(|change| change.origin.file == origin.file)
        {
            return Vec::new();
        }
        let section = section.to_owned();
        vec![Change {
            section,
            sign: "=",
            value,
            origin,
        }]
    }
}

impl Annotated {
    /// `{"sections": {section: {option: story}}}`, a story as in [`Story::to_json`].
    pub fn to_json(&self) -> Json {
        let sections: Map<String, Json> = self
            .sections
            .iter()
            .map(|(name, options)| {
                let options = options
                    .iter()
                    .map(|(option, story)| (option.clone(), story.to_json()));
                (name.clone(), Json::Object(options.collect()))
            })
            .collect();
        json!({ "sections": sections })
    }

    /// The same for people.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for (name, options) in &self.sections {
            out.push_str(&format!("[{name}]\n"));
            for (option, story) in options {
                push_option(&mut out, option, &story.value());
                story.push_text(&mut out, name);
            }
            out.push('\n');
        }
        out
    }
}

/// A file without anything.
pub(crate) struct Nothing;

impl Fetch for Nothing {
    fn fetch(&self, _: &str) -> Result<String, FetchFailure> {
        Ok("[buildout]\n".to_owned())
    }
}
