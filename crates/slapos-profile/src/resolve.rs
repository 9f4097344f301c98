//! What a profile comes to: every section with its values, and the parts in the order to install them.
//!
//! No recipe runs. What only a recipe would compute reads `@@section:option@@` and is listed as computed.
//! A section that nothing listed in `buildout:parts` needs may fail without harm, as in a build: it is told apart.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value as Json, json};
use slapos_buildout::{
    Diagnostic, Kind, PartOptions, Profile, RecipeError, Recipes, Report, Session, Value,
};

use crate::place::diagnostics_json;

/// Options of a section by name.
pub type Options = BTreeMap<String, Value>;

/// The answer.
#[derive(Debug, Default)]
pub struct Resolved {
    pub sections: BTreeMap<String, Options>,
    /// All parts that were instantiated, referenced ones first.
    pub order: Vec<String>,
    /// `section:option` of what only a recipe would compute.
    pub computed: BTreeSet<String>,
    /// Sections that no part needs and that cannot be expanded.
    pub unresolved: BTreeMap<String, Report>,
}

/// Recipes that publish nothing; whoever reads what they would have published gets a mark.
#[derive(Debug, Default)]
pub(crate) struct NoRecipes {
    computed: RefCell<BTreeSet<String>>,
}

impl Recipes for NoRecipes {
    fn construct(&self, _: &str, _: &mut PartOptions<'_, '_>) -> Result<(), RecipeError> {
        Ok(())
    }

    fn stand_in(&self, section: &str, option: &str) -> Option<String> {
        let name = format!("{section}:{option}");
        let mark = format!("@@{name}@@");
        self.computed.borrow_mut().insert(name);
        Some(mark)
    }
}

/// Resolves the profile, or only `section` and what it needs. An error if the profile cannot be used.
pub fn resolve(profile: &Profile, section: Option<&str>) -> Result<Resolved, Report> {
    let recipes = NoRecipes::default();
    let session = Session::new(profile, &recipes)?;
    let mut resolved = Resolved::default();
    match section {
        Some(section) => {
            let options = session.section(section)?;
            resolved.sections.insert(section.to_owned(), options);
            resolved.order = session.instantiated();
        }
        None => {
            resolved.order = session.parts()?;
            for (section, found) in session.all_sections() {
                let section = section.to_owned();
                match found {
                    Ok(options) => drop(resolved.sections.insert(section, options)),
                    Err(report) => drop(resolved.unresolved.insert(section, report)),
                }
            }
        }
    }
    drop(session);
    resolved.computed = recipes.computed.into_inner();
    Ok(resolved)
}

/// The merged texts before macros and references. The order is that of [`resolve`], empty if that fails.
pub fn raw(profile: &Profile, section: Option<&str>) -> Result<Resolved, Report> {
    let names: Vec<&str> = match section {
        Some(section) if !profile.has_section(section) => return Err(no_section(section)),
        Some(section) => vec![section],
        None => profile.sections().collect(),
    };
    let mut resolved = Resolved {
        order: order_of(profile).unwrap_or_default(),
        ..Resolved::default()
    };
    for name in names {
        let options = profile.options(name).filter_map(|option| {
            let text = profile.raw(name, option)?;
            Some((option.to_owned(), Value::Text(text)))
        });
        resolved.sections.insert(name.to_owned(), options.collect());
    }
    Ok(resolved)
}

fn order_of(profile: &Profile) -> Result<Vec<String>, Report> {
    Session::new(profile, &NoRecipes::default())?.parts()
}

pub(crate) fn no_section(section: &str) -> Report {
    Diagnostic::new(
        Kind::MissingSection,
        format!("there is no section `{section}`"),
    )
    .into()
}

impl Resolved {
    /// What is serialized, as one value in memory.
    pub fn to_json(&self) -> Json {
        json!(self)
    }

    /// The same for people, in the form of a profile.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for (name, options) in &self.sections {
            out.push_str(&format!("[{name}]\n"));
            for (option, value) in options {
                push_option(&mut out, option, &value.as_text());
            }
            out.push('\n');
        }
        if self.order.is_empty() {
            out.push_str("# no parts\n");
        }
        for (number, part) in self.order.iter().enumerate() {
            out.push_str(&format!("# part {}: {part}\n", number + 1));
        }
        out
    }
}

/// `{"sections": {section: {option: value}}, "order": [part…], "computed": ["section:option"…]}`, and
/// `"unresolved": {section: [diagnostic…]}`. A typed value is `{"py": its repr, "type": its Python type}`.
///
/// Written straight from the values: a large profile as a tree of JSON would need its memory twice.
impl Serialize for Resolved {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let unresolved: Map<String, Json> = self
            .unresolved
            .iter()
            .map(|(name, report)| (name.clone(), diagnostics_json(report)))
            .collect();
        let mut object = to.serialize_map(Some(4))?;
        object.serialize_entry("sections", &Sections(&self.sections))?;
        object.serialize_entry("order", &self.order)?;
        object.serialize_entry("computed", &self.computed)?;
        object.serialize_entry("unresolved", &unresolved)?;
        object.end()
    }
}

struct Sections<'a>(&'a BTreeMap<String, Options>);

impl Serialize for Sections<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(
            self.0
                .iter()
                .map(|(name, options)| (name, Section(options))),
        )
    }
}

struct Section<'a>(&'a Options);

impl Serialize for Section<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, Shown(value))))
    }
}

struct Shown<'a>(&'a Value);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Text(text) => to.serialize_str(text),
            typed => value_json(typed).serialize(to),
        }
    }
}

/// One line, or a block below the name.
pub(crate) fn push_option(out: &mut String, option: &str, text: &str) {
    if !text.contains('\n') {
        out.push_str(format!("{option} = {text}").trim_end());
        out.push('\n');
        return;
    }
    out.push_str(&format!("{option} =\n"));
    for line in text.split('\n') {
        out.push_str(format!("  {line}").trim_end());
        out.push('\n');
    }
}

/// A string, or `{"py", "type"}` of a typed value.
pub fn value_json(value: &Value) -> Json {
    match value {
        Value::Text(text) => Json::from(text.as_str()),
        Value::Typed(typed) => json!({ "py": typed.repr(), "type": typed.type_name() }),
    }
}
