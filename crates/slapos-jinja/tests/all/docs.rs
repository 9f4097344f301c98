//! The templates of docs/profile-language.md: each `jinja` block, and the `text` block below it.
//!
//! `UPDATE_DOCS=1` writes what is rendered into the document, for somebody to read before it is kept.

use slapos_jinja::{Extension, Given, NoTemplates, Settings, render};

/// What the document says that its templates get.
fn context(text: &str) -> Vec<(String, Given)> {
    let json = text.split("\n```json\n").nth(1).unwrap();
    let json = json.split("```").next().unwrap();
    let given: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap();
    let values = given.into_iter().map(|(name, value)| {
        let value = Given::json(&value.to_string()).unwrap();
        (name, value)
    });
    let modules = [
        ("json", "json"),
        ("re", "re"),
        ("urllib", "urllib.parse"),
        ("itertools", "itertools"),
    ];
    let modules = modules.map(|(name, module)| (name.to_owned(), Given::module(module).unwrap()));
    values.chain(modules).collect()
}

#[test]
fn templates_of_the_document_give_what_it_shows() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = path.join("../../docs/profile-language.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let extensions = [Extension::Do, Extension::LoopControls];
    let settings = Settings {
        name: "t",
        extensions: &extensions,
        templates: &NoTemplates,
    };
    let mut pieces = text.split("\n```jinja\n");
    let mut out = pieces.next().unwrap().to_owned();
    let mut count = 0;
    for piece in pieces {
        let (template, rest) = piece.split_once("```\n\n```text\n").unwrap();
        let (_, rest) = rest.split_once("```").unwrap();
        let rendered = render(template, context(&text), &settings);
        let rendered = rendered.unwrap_or_else(|error| panic!("{template}: {error}"));
        let rendered = rendered.trim_start_matches('\n');
        out.push_str(&format!(
            "\n```jinja\n{template}```\n\n```text\n{rendered}\n```{rest}"
        ));
        count += 1;
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &out).unwrap();
    }
    assert!(count > 5, "{count} templates");
    let differs = text.lines().zip(out.lines()).find(|(old, new)| old != new);
    assert_eq!(differs, None);
    assert_eq!(text.len(), out.len());
}
