//! For tests: the recipes `vector:…` beside the real ones, and the answers of the genuine template recipes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;
use slapos_buildout::{
    Fetch, FetchFailure, LoadOptions, PartOptions, RecipeError, Recipes, Session, Typed, load,
};

use super::{Constructed, Installed, RecipeBook, World};
use crate::part_log::PartLog;
use crate::process::Guard;
use crate::record::Records;
use crate::work::{Site, Work};
use crate::{Cancel, file};

/// Files in memory.
pub(crate) struct Memory(BTreeMap<String, String>);

impl Memory {
    pub(crate) fn of(files: &Json, folder: &str) -> Memory {
        let files = files.as_object().expect("files").iter();
        let files = files.map(|(name, text)| {
            let text = text.as_str().expect("text").replace("@DIR@", folder);
            (format!("{folder}/{name}"), text)
        });
        Memory(files.collect())
    }
}

impl Fetch for Memory {
    fn fetch(&self, location: &str) -> Result<String, FetchFailure> {
        self.0.get(location).cloned().ok_or(FetchFailure::NotFound)
    }
}

/// `vector:location`, `vector:typed`, `vector:read`; any other does nothing.
pub(crate) struct VectorRecipes;

impl Recipes for VectorRecipes {
    fn construct(&self, recipe: &str, part: &mut PartOptions<'_, '_>) -> Result<(), RecipeError> {
        match recipe {
            "vector:location" => part.set("location", format!("/parts/{}", part.name()))?,
            "vector:typed" => {
                for option in part.keys() {
                    if let Some(key) = option.strip_prefix("py-") {
                        let text = part.required(&option)?;
                        let typed = Typed::from_marker(&format!("!py!{text}"));
                        part.set(key, typed.map_err(|e| e.to_string())?)?;
                    }
                }
            }
            "vector:read" => {
                for place in part.required("reads")?.split_whitespace() {
                    let (section, option) = place.split_once(':').ok_or("no colon")?;
                    let value = part.other(section, option)?;
                    part.set(&format!("read-{section}-{option}"), value)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The real recipes, and those of the vectors.
struct Both<'b, 'w>(&'b RecipeBook<'w>);

impl Recipes for Both<'_, '_> {
    fn construct(&self, recipe: &str, part: &mut PartOptions<'_, '_>) -> Result<(), RecipeError> {
        match recipe.starts_with("vector:") {
            true => VectorRecipes.construct(recipe, part),
            false => self.0.construct(recipe, part),
        }
    }
}

/// What a case gave: output, mode, owned paths, dependencies.
#[derive(Debug, PartialEq)]
struct Answer {
    output: String,
    mode: String,
    owned: Vec<String>,
    depends: Vec<String>,
}

#[test]
fn template_vectors_are_answered_as_by_the_genuine_recipes() {
    let text = include_str!("../../tests/vectors/templates.jsonl");
    let all: Vec<Json> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(all.len(), 101);
    let failures: Vec<String> = all
        .iter()
        .filter_map(|case| {
            let reason = check(case).err()?;
            Some(format!("{}: {reason}", case["id"]))
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} cases:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn check(case: &Json) -> Result<(), String> {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().canonicalize().expect("a path");
    let expect = &case["expect"];
    let result = answer(case, &folder);
    if let Some(error) = expect.get("error") {
        let message = match result {
            Ok(answer) => return Err(format!("gives {answer:?}, should fail with {error}")),
            Err(message) => message,
        };
        let mentions = error["mentions"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str);
        let lost: Vec<&str> = mentions
            .filter(|name| !message.contains(name.trim_matches('\'')))
            .collect();
        return if lost.is_empty() {
            Ok(())
        } else {
            Err(format!("`{message}` lacks {lost:?}"))
        };
    }
    let here = |value: &Json| {
        value
            .as_str()
            .expect("text")
            .replace("@DIR@", &folder.to_string_lossy())
    };
    let all = |value: &Json| {
        value
            .as_array()
            .into_iter()
            .flatten()
            .map(here)
            .collect::<Vec<_>>()
    };
    let wanted = Answer {
        output: here(&expect["output"]),
        mode: here(&expect["mode"]),
        owned: all(&expect["owned"]),
        depends: all(&expect["depends"]),
    };
    match result {
        Ok(answer) if answer == wanted => Ok(()),
        Ok(answer) => Err(format!("\n  engines: {wanted:?}\n  ours:    {answer:?}")),
        Err(message) => Err(message),
    }
}

fn answer(case: &Json, folder: &Path) -> Result<Answer, String> {
    let is_latin = case["encoding"].as_str() == Some("latin-1");
    write_files(case, folder, is_latin);
    let (one, depends) = constructed(case, folder)?;
    let installed = install(one, folder)?;
    let owned: Vec<String> = installed
        .owned
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let output = Path::new(owned.first().expect("owns its output"));
    let bytes = file::read_bytes(output).expect("is there");
    let metadata = fs_err::metadata(output).expect("is there");
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777;
    let output = match is_latin {
        true => bytes.into_iter().map(char::from).collect(),
        false => String::from_utf8(bytes).expect("UTF-8"),
    };
    Ok(Answer {
        output,
        mode: format!("{mode:04o}"),
        owned,
        depends,
    })
}

fn write_files(case: &Json, folder: &Path, is_latin: bool) {
    let place = folder.to_string_lossy();
    for (name, text) in case["files"].as_object().expect("files") {
        let text = text.as_str().expect("text").replace("@DIR@", &place);
        let path = folder.join(name);
        fs_err::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        let latin = |c: char| u8::try_from(u32::from(c)).expect("latin-1");
        let bytes = match is_latin && name != "buildout.cfg" {
            true => text.chars().map(latin).collect(),
            false => text.into_bytes(),
        };
        fs_err::write(path, bytes).expect("is written");
    }
}

/// The part and the sections that it read.
fn constructed(case: &Json, folder: &Path) -> Result<(Constructed, Vec<String>), String> {
    let place = folder.to_string_lossy();
    let files = Memory::of(&case["files"], &place);
    let entry = format!("{place}/buildout.cfg");
    let profile = load(&entry, &files, &LoadOptions::default()).map_err(|e| e.to_string())?;
    let records = Records::default();
    let book = RecipeBook::new(World {
        directory: folder.to_owned(),
        shared: None,
        path: "/usr/bin:/bin",
        cache: None,
        instance: None,
        records: &records,
        ports: RefCell::default(),
        cancel: crate::Cancel::default(),
    });
    let name = case["part"].as_str().expect("part");
    let both = Both(&book);
    let session = Session::new(&profile, &both).map_err(|e| e.to_string())?;
    session.get(name, "recipe").map_err(|e| e.to_string())?;
    let depends = session.dependencies(name).map_err(|e| e.to_string())?;
    drop(session);
    let one = book.into_parts().remove(name).expect("constructed");
    Ok((one, depends))
}

fn install(one: Constructed, folder: &Path) -> Result<Installed, String> {
    let (cancel, guard) = (Cancel::default(), Guard::default());
    let site = Site {
        jobserver: crate::jobserver::JobserverWhenNeeded::default(),
        network: crate::network::NetworkCut::default(),
        cache: None,
        jobs: 1,
        cancel: &cancel,
        guard: &guard,
        builds: folder,
        directory: folder,
    };
    let mut work = Work {
        site: &site,
        name: "t",
        log: PartLog::new(folder.join("log")),
        written: Vec::new(),
        tell: &|_| {},
        index: 1,
        total: 1,
    };
    one.part.install(&mut work).map_err(|e| format!("{e:?}"))
}
