//! `slapos.recipe.template:jinja2`: a Jinja template with a context of options and sections.
//!
//! Context lines are `type name expression`, with the types raw, key, section, json, jsonkey and import. The template
//! is rendered when the part is constructed, so that a mistake in it is found before anything is installed; one that
//! another part has yet to bring is rendered when this part is installed.

use std::path::{Path, PathBuf};

use slapos_buildout::{PartOptions, RecipeError, Typed, Value};
use slapos_jinja::{Extension, Given, Load, Settings};

use super::template::{TextOrigin, default_mode};
use super::{Construction, Installed, Part, options};
use crate::file;
use crate::work::{PartFailure, Work, failing};

mod imports;

use imports::Imports;

/// A template with all that it is given.
struct Jinja {
    output: PathBuf,
    origin: TextOrigin,
    context: Vec<(String, Datum)>,
    imports: Imports,
    extensions: Vec<Extension>,
    mode: Option<u32>,
    /// A marker: what exists is rendered never again.
    once: Option<PathBuf>,
    /// None while a part that makes the template is not installed.
    rendered: Option<String>,
}

/// A value of the context as data, which can go to another thread.
#[derive(Debug, Clone, PartialEq)]
enum Datum {
    Text(String),
    Typed(Typed),
    Json(String),
    Section(Vec<(String, Value)>),
    Module(String),
}

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let output = match options::text(part, "output")? {
        Some(output) => output,
        None => options::needed(part, "rendered")?,
    };
    let mut jinja = Jinja {
        output: PathBuf::from(output),
        origin: TextOrigin::of_part(part)?,
        context: context(part)?,
        imports: Imports::of_part(part)?,
        extensions: extensions(part)?,
        mode: options::mode(part)?,
        once: options::text(part, "once")?.map(PathBuf::from),
        rendered: None,
    };
    let is_made_later = |path: &Path| !path.exists() && made_by_another(part, path);
    let is_complete = !jinja
        .origin
        .local()
        .into_iter()
        .chain(jinja.imports.paths())
        .any(is_made_later);
    if is_complete {
        let text = jinja.origin.read(construction.world)?;
        jinja.rendered = Some(jinja.render(&text)?);
    }
    Ok(Box::new(jinja))
}

/// Whether the path lies below what some section that this part reads says it will make.
fn made_by_another(part: &PartOptions<'_, '_>, path: &Path) -> bool {
    let session = part.session();
    let names = session.dependencies(part.name()).unwrap_or_default();
    names.iter().any(|name| {
        let is_part = session.find(name, "recipe").ok().flatten().is_some();
        let places = ["location", "target", "output", "rendered", "destination"];
        let mut places = places
            .iter()
            .filter_map(|option| session.find(name, option).ok().flatten());
        is_part
            && places
                .any(|place| !place.as_text().is_empty() && path.starts_with(&*place.as_text()))
    })
}

fn extensions(part: &mut PartOptions<'_, '_>) -> Result<Vec<Extension>, RecipeError> {
    let names = options::text_or(part, "extensions", "")?;
    let mut extensions = Vec::new();
    for name in names.split_whitespace() {
        match Extension::of(name) {
            Some(extension) => extensions.push(extension),
            // These are part of the language by now.
            None if matches!(name, "jinja2.ext.with_" | "jinja2.ext.autoescape") => {}
            None => return Err(format!("the extension `{name}` is not built in; there are jinja2.ext.do and jinja2.ext.loopcontrols").into()),
        }
    }
    Ok(extensions)
}

fn context(part: &mut PartOptions<'_, '_>) -> Result<Vec<(String, Datum)>, RecipeError> {
    let lines = options::text_or(part, "context", "")?;
    let mut context: Vec<(String, Datum)> = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (kind, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim_start();
        let (name, expression) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        if name.is_empty() {
            return Err(format!(
                "the context line `{line}` is not of the form `type name expression`"
            )
            .into());
        }
        if slapos_jinja::is_global(name) {
            return Err(
                format!("the context name `{name}` would hide the function of that name").into(),
            );
        }
        if context.iter().any(|(there, _)| there == name) {
            return Err(format!("the context has `{name}` twice").into());
        }
        context.push((name.to_owned(), datum(part, kind, expression.trim())?));
    }
    Ok(context)
}

fn datum(
    part: &mut PartOptions<'_, '_>,
    kind: &str,
    expression: &str,
) -> Result<Datum, RecipeError> {
    match kind {
        "raw" => Ok(Datum::Text(expression.to_owned())),
        "json" => json(expression.to_owned()),
        "key" => Ok(match key(part, expression)? {
            Value::Text(text) => Datum::Text(text),
            Value::Typed(typed) => Datum::Typed(typed),
        }),
        "jsonkey" => json(key(part, expression)?.into_text()),
        "section" => Ok(Datum::Section(part.other_section(expression)?.into_iter().collect())),
        "import" if Given::module(expression).is_some() => Ok(Datum::Module(expression.to_owned())),
        "import" => Err(format!(
            "the Python module `{expression}` is not built in for templates; those that are: {}",
            slapos_jinja::module_names().join(", ")
        )
        .into()),
        _ => Err(format!(
            "the context type `{kind}` is not known; there are raw, key, section, json, jsonkey, import"
        )
        .into()),
    }
}

fn json(text: String) -> Result<Datum, RecipeError> {
    Given::json(&text).map_err(|reason| format!("a value of the context: {reason}"))?;
    Ok(Datum::Json(text))
}

/// `section:option`, or `:option` of the part itself.
pub(super) fn key(part: &mut PartOptions<'_, '_>, expression: &str) -> Result<Value, RecipeError> {
    let Some((section, option)) = expression.split_once(':') else {
        return Err(format!("the key `{expression}` is not of the form section:option").into());
    };
    if section.is_empty() {
        let value = part.get(option)?;
        return value.ok_or_else(|| format!("the part has no option `{option}`").into());
    }
    Ok(part.other(section, option)?)
}

impl Datum {
    fn given(&self) -> Result<Given, String> {
        let of_value = |value: &Value| match value {
            Value::Text(text) => Given::text(text),
            Value::Typed(typed) => Given::typed(typed),
        };
        Ok(match self {
            Datum::Text(text) => Given::text(text),
            Datum::Typed(typed) => Given::typed(typed),
            Datum::Json(text) => Given::json(text)?,
            Datum::Section(pairs) => Given::dict(
                pairs
                    .iter()
                    .map(|(name, value)| (name.clone(), of_value(value))),
            ),
            Datum::Module(name) => {
                Given::module(name).ok_or_else(|| format!("there is no module {name}"))?
            }
        })
    }
}

impl Jinja {
    fn render(&self, template: &str) -> Result<String, String> {
        let context = self
            .context
            .iter()
            .map(|(name, datum)| Ok((name.clone(), datum.given()?)));
        let name = match self.origin.local() {
            Some(path) => path.display().to_string(),
            None => "the template".to_owned(),
        };
        let settings = Settings {
            name: &name,
            extensions: &self.extensions,
            templates: &self.imports as &dyn Load,
        };
        let context = context.collect::<Result<Vec<_>, String>>()?;
        slapos_jinja::render(template, context, &settings).map_err(|e| format!("rendering {e}"))
    }
}

impl Part for Jinja {
    fn inputs(&self) -> Vec<String> {
        let mut inputs = vec![format!("{:?}", self.mode)];
        match (&self.once, &self.rendered) {
            (Some(_), _) => {}
            (None, Some(text)) => inputs.push(file::sha256(text.as_bytes())),
            // The signatures of the parts that bring the template stand for it.
            (None, None) => inputs.push(format!("{:?}", self.context)),
        }
        inputs
    }

    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        if self.once.as_ref().is_some_and(|marker| marker.exists()) {
            return Ok(Installed::default());
        }
        let text = match &self.rendered {
            Some(text) => text.clone(),
            None => self.render(&self.origin.read_local()?)?,
        };
        let mode = self.mode.unwrap_or_else(|| default_mode(&text));
        let bytes = self.origin.encoding().encode(&text)?;
        work.write(&self.output, &bytes, mode)?;
        if let Some(marker) = &self.once {
            fs_err::write(marker, "").map_err(failing("writing the marker", marker))?;
            return Ok(Installed::default());
        }
        Ok(Installed::owning(&self.output))
    }
}
