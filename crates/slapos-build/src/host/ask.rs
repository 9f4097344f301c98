//! What a constructor may ask of the engine, and the values that cross.
//!
//! Every answer comes from the session that evaluates the profile, so what a recipe reads becomes a dependency of
//! its part, and a section that it reads is evaluated, recipes and all, before the answer goes back.

use serde_json::{Value as Json, json};
use slapos_buildout::{Kind, PartOptions, Report, Typed, Value};
use slapos_cache::{Hash, HashKind, Source};

use crate::recipe::Construction;

/// One constructor's questions.
pub(super) struct Asked<'a, 's, 'p> {
    pub(super) construction: &'a Construction<'a>,
    pub(super) part: &'a mut PartOptions<'s, 'p>,
    /// Which eggs the recipe is made of; part of the signature that it may ask for.
    pub(super) versions: Vec<String>,
    /// The last error of the profile: its report shows the place, which no exception can.
    pub(super) report: Option<Report>,
    /// Sources without a hash.
    pub(super) unpinned: Vec<String>,
}

/// Why an answer is an error.
enum Refusal {
    Report(Report),
    Text(String),
}

impl From<Report> for Refusal {
    fn from(report: Report) -> Refusal {
        Refusal::Report(report)
    }
}

impl From<String> for Refusal {
    fn from(text: String) -> Refusal {
        Refusal::Text(text)
    }
}

impl Asked<'_, '_, '_> {
    /// The answer to a message, ready to be sent.
    pub(super) fn answer(&mut self, message: &Json) -> Json {
        match self.value(message) {
            Ok(value) => json!({ "value": value }),
            Err(Refusal::Text(text)) => json!({ "error": text }),
            Err(Refusal::Report(report)) => {
                let kind = match report.kind() {
                    Kind::MissingSection => "section",
                    Kind::MissingOption => "option",
                    _ => "user",
                };
                let text = report.first().message.clone();
                self.report = Some(report);
                json!({"error": text, "kind": kind})
            }
        }
    }

    fn value(&mut self, message: &Json) -> Result<Json, Refusal> {
        let text = |name: &str| message[name].as_str().unwrap_or_default();
        let (section, option) = (text("section"), text("option"));
        match text("ask") {
            "get" => self.get(section, option),
            "keys" => {
                let mut keys: Vec<String> = self.part.other_section(section)?.into_keys().collect();
                keys.extend(self.implied(section).map(|(name, _)| name.to_owned()));
                Ok(json!(keys))
            }
            "depend" => {
                self.part.find_other(section, "recipe")?;
                Ok(Json::Null)
            }
            "sections" => {
                let names = self.part.session().profile().sections();
                Ok(json!(names.collect::<Vec<_>>()))
            }
            "set" => {
                let value = from_json(&message["value"])?;
                self.part.set(option, value)?;
                Ok(Json::Null)
            }
            "remove" => {
                self.part.remove(option)?;
                Ok(Json::Null)
            }
            // The original's `_sub` leaves `$$` as it is.
            "substitute" => {
                let text = text("text").replace("$$", "$$$$");
                Ok(self.part.substitute(&text)?.into())
            }
            "signature" => {
                let mut signature = self.construction.signature.clone();
                signature.add_all(self.versions.clone());
                Ok(signature.finish().into())
            }
            "download" => self.download(message),
            other => Err(format!("the engine does not know the question `{other}`").into()),
        }
    }

    fn get(&mut self, section: &str, option: &str) -> Result<Json, Refusal> {
        let value = self.part.find_other(section, option)?;
        let implied = self.implied(section).find(|(name, _)| *name == option);
        Ok(match (value, implied) {
            (Some(value), _) => to_json(&value),
            (None, Some((_, value))) => value.into(),
            (None, None) => Json::Null,
        })
    }

    /// Where shared parts live is known to the engine and not to the profile.
    fn implied(&self, section: &str) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let shared = self.construction.world.shared;
        let shared = shared.filter(|_| section == "buildout");
        shared
            .map(|folder| ("shared-part-list", folder.to_string_lossy().into_owned()))
            .into_iter()
    }

    fn download(&mut self, message: &Json) -> Result<Json, Refusal> {
        let source = match wanted(message)? {
            Wanted::Local(path) => return Ok(path.into()),
            Wanted::Source(source) => source,
        };
        let found = self.construction.world.fetch(&source)?;
        if !found.pinned {
            self.unpinned.extend(source.urls.first().cloned());
        }
        Ok(found.path.to_string_lossy().into_owned().into())
    }
}

/// What a recipe wants downloaded.
pub(super) enum Wanted {
    Local(String),
    Source(Source),
}

pub(super) fn wanted(message: &Json) -> Result<Wanted, String> {
    let url = message["url"].as_str().unwrap_or_default();
    let md5 = message["md5"].as_str().filter(|text| !text.is_empty());
    let hashes = match md5 {
        Some(text) => vec![Hash::new(HashKind::Md5, text).map_err(|error| error.to_string())?],
        None => Vec::new(),
    };
    let local = url.strip_prefix("file://").unwrap_or(url);
    if hashes.is_empty() && local.starts_with('/') {
        return match std::path::Path::new(local).exists() {
            true => Ok(Wanted::Local(local.to_owned())),
            false => Err(format!("the file {local} is not there")),
        };
    }
    let unpinned = hashes.is_empty();
    let mut source = Source {
        unpinned,
        ..Source::new(url, hashes)
    };
    source
        .urls
        .extend(message["alternate"].as_str().map(str::to_owned));
    Ok(Wanted::Source(source))
}

/// Text as it is, everything else as a literal.
pub(super) fn to_json(value: &Value) -> Json {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Typed(typed) => json!({ "py": typed.repr() }),
    }
}

fn from_json(json: &Json) -> Result<Value, String> {
    if let Some(text) = json.as_str() {
        return Ok(Value::Text(text.to_owned()));
    }
    let literal = json["py"].as_str().unwrap_or_default();
    Typed::from_marker(&format!("!py!{literal}"))
        .map(Value::from)
        .map_err(|error| format!("{error}; an option is a text or a literal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_json_takes_text_and_literals_and_nothing_else() {
        let read = |text: &str| from_json(&serde_json::from_str::<Json>(text).unwrap());
        assert_eq!(read("\"a\"").unwrap(), Value::Text("a".to_owned()));
        let value = read(r#"{"py": "{'a': [1, b'x']}"}"#).unwrap();
        assert_eq!(to_json(&value)["py"], "{'a': [1, b'x']}");
        for bad in [
            r#"{"py": "open('x')"}"#,
            r#"{"py": "<object>"}"#,
            "1",
            "null",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn wanted_of_a_local_file_is_that_file_unless_it_has_a_hash() {
        let here = json!({"url": "/etc/passwd"});
        assert!(matches!(wanted(&here), Ok(Wanted::Local(_))));
        let hashed = json!({"url": "/etc/passwd", "md5": "0".repeat(32)});
        assert!(matches!(wanted(&hashed), Ok(Wanted::Source(_))));
        assert!(wanted(&json!({"url": "/not/there"})).is_err());
        assert!(wanted(&json!({"url": "/etc/passwd", "md5": "xyz"})).is_err());
    }
}
