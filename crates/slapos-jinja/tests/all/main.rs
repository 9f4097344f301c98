//! Tests of the template language from outside.

// A test that cannot go on is to end there; clippy knows tests only by their attribute.
#![allow(clippy::unwrap_used)]

mod bounds;
mod docs;
mod filters;
mod language;
mod modules;
mod values;

use slapos_buildout::Typed;
use slapos_jinja::{Extension, Given, Load, NoTemplates, Settings, TemplateError, render};

fn given() -> Vec<(String, Given)> {
    let conf = "!py!{'name': 'n', 'port': 80, 'list': ['b', 'a'], 'none': None, 'items': 7}";
    let conf = Typed::from_marker(conf).expect("a literal");
    let mut context = vec![("conf".to_owned(), Given::typed(&conf))];
    for (name, module) in [
        ("re", "re"),
        ("url", "urllib.parse"),
        ("json", "json"),
        ("itertools", "itertools"),
    ] {
        context.push((name.to_owned(), Given::module(module).expect("is built in")));
    }
    context
}

/// Renders with some names in the context, the modules among them.
fn with(template: &str, templates: &dyn Load) -> Result<String, TemplateError> {
    let extensions = [Extension::Do, Extension::LoopControls];
    let settings = Settings {
        name: "t",
        extensions: &extensions,
        templates,
    };
    render(template, given(), &settings)
}

fn text(template: &str) -> String {
    with(template, &NoTemplates).unwrap_or_else(|error| panic!("{template}: {error}"))
}

fn error(template: &str) -> TemplateError {
    with(template, &NoTemplates).expect_err(template)
}
