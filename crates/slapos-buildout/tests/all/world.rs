//! A small world to load profiles from: files in memory, the recipes of the vectors.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value as Json;
use slapos_buildout::{
    Fetch, FetchFailure, LoadOptions, Machine, PartOptions, Profile, RecipeError, Recipes, Report,
    Typed, load,
};

/// The folder that `@DIR@` of the vectors stands for.
pub(crate) const FOLDER: &str = "/srv/case";

/// Files by location; counts how often each is asked for.
#[derive(Default)]
pub(crate) struct Files {
    texts: BTreeMap<String, String>,
    pub(crate) asked: RefCell<Vec<String>>,
}

impl Files {
    /// Files of [`FOLDER`], or at a URL if the name is one.
    pub(crate) fn of(files: &[(&str, &str)]) -> Files {
        let location = |name: &str| {
            if name.contains("://") {
                name.to_owned()
            } else {
                format!("{FOLDER}/{name}")
            }
        };
        let texts = files
            .iter()
            .map(|(name, text)| (location(name), (*text).to_owned()));
        Files {
            texts: texts.collect(),
            asked: RefCell::default(),
        }
    }
}

impl Fetch for Files {
    fn fetch(&self, location: &str) -> Result<String, FetchFailure> {
        self.asked.borrow_mut().push(location.to_owned());
        // As a file system would: `a/../b` is `b`.
        let mut parts: Vec<&str> = Vec::new();
        let (root, path) = location.split_at(location.find("://").map_or(0, |at| at + 3));
        for part in path.split('/') {
            match part {
                "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        let found = self.texts.get(&format!("{root}{}", parts.join("/")));
        found.cloned().ok_or(FetchFailure::NotFound)
    }
}

/// The machine on which the engines answered.
pub(crate) fn machine() -> Machine {
    Machine {
        release: "6.1.0-28-amd64".to_owned(),
        os_release: [("ID", "debian"), ("VERSION_ID", "12")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..Machine::linux("x86_64")
    }
}

pub(crate) fn load_options() -> LoadOptions {
    LoadOptions {
        machine: machine(),
        ..LoadOptions::default()
    }
}

/// Loads `main.cfg` of these files.
pub(crate) fn load_files(files: &[(&str, &str)]) -> Result<Profile, Report> {
    load(
        &format!("{FOLDER}/main.cfg"),
        &Files::of(files),
        &load_options(),
    )
}

/// Loads one file.
pub(crate) fn load_text(text: &str) -> Result<Profile, Report> {
    load_files(&[("main.cfg", text)])
}

/// The recipes `vector:…` of the vectors' README; any other does nothing.
pub(crate) struct VectorRecipes;

impl Recipes for VectorRecipes {
    fn construct(&self, recipe: &str, part: &mut PartOptions<'_, '_>) -> Result<(), RecipeError> {
        match recipe {
            "vector:location" => {
                let location = format!("/parts/{}", part.name());
                part.set("location", location)?;
            }
            "vector:set" => {
                for key in keys_with(part, "set-") {
                    let value = part.required(&format!("set-{key}"))?;
                    part.set(&key, value)?;
                }
            }
            "vector:typed" => {
                for key in keys_with(part, "py-") {
                    let text = part.required(&format!("py-{key}"))?;
                    let value = Typed::from_marker(&format!("!py!{text}"));
                    part.set(&key, value.map_err(|error| error.to_string())?)?;
                }
            }
            "vector:read" => {
                for place in part.required("reads")?.split_whitespace() {
                    let (section, option) = place.split_once(':').ok_or("no colon")?;
                    let value = part.other(section, option)?;
                    part.set(&format!("read-{section}-{option}"), value)?;
                }
            }
            "vector:refuse" => return Err("this recipe refuses everything".into()),
            _ => {}
        }
        Ok(())
    }
}

fn keys_with(part: &PartOptions<'_, '_>, prefix: &str) -> Vec<String> {
    let keys = part.keys();
    keys.iter()
        .filter_map(|key| key.strip_prefix(prefix))
        .map(str::to_owned)
        .collect()
}

/// The cases of a file of vectors.
pub(crate) fn cases(text: &str) -> Vec<Json> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("vectors are JSON lines"))
        .collect()
}

/// Names that a message must hold. The engines quote some; ours quote otherwise.
pub(crate) fn mentions(error: &Json) -> Vec<String> {
    let all = error["mentions"].as_array().into_iter().flatten();
    all.filter_map(Json::as_str)
        .map(|name| name.trim_matches('\'').to_owned())
        .collect()
}
