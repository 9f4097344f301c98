//! The server without a pipe: documents are opened, questions asked, answers compared.
//!
//! Here is the small world, and what is asked about a place; conversation.rs has the rest.

use std::collections::BTreeMap;

use lsp_server::RequestId;
use serde_json::json;
use slapos_buildout::{FILE_BYTES_MAX, Fetch, FetchFailure};

use super::*;

mod conversation;

/// Files of a folder that is the workspace, and of one that is not.
struct Files(BTreeMap<&'static str, &'static str>);

impl Fetch for Files {
    fn fetch(&self, location: &str) -> Result<String, FetchFailure> {
        let found = self.0.get(location).map(|text| (*text).to_owned());
        found.ok_or(FetchFailure::NotFound)
    }
}

impl Source for Files {}

const MAIN: &str = "[buildout]
extends = base.cfg
parts = app
[app]
<= common
recipe = r
path = ${tool:location}/bin:${:home}
home = ${dirs:home}
[dirs]
home = /home/é
";
const BASE: &str = "[common]
kind = from base
[tool]
recipe = r
[dirs]
home = /old
user = ${app:home}
";

fn server() -> Server {
    let files = Files(BTreeMap::from([
        ("/w/base.cfg", BASE),
        ("/w/main.cfg", "[buildout]\n"),
        (
            "/w/far.cfg",
            "[buildout]\nextends = ../lib/lib.cfg\n[x]\n<= far\n",
        ),
        ("/lib/lib.cfg", "[far]\n"),
    ]));
    let params = json!({ "capabilities": {}, "rootUri": "file:///w" });
    let params = serde_json::from_value(params).unwrap();
    let mut server = Server::new(Box::new(files), Machine::linux("x86_64"), &params);
    open(&mut server, "main.cfg", MAIN);
    server
}

fn open(server: &mut Server, name: &str, text: &str) {
    let document = json!({ "uri": format!("file:///w/{name}"), "languageId": "ini", "version": 1, "text": text });
    let params = json!({ "textDocument": document });
    server.notice(Notification::new("textDocument/didOpen".to_owned(), params));
}

fn change(server: &mut Server, name: &str, text: &str) {
    let document = json!({ "uri": format!("file:///w/{name}"), "version": 2 });
    let params = json!({ "textDocument": document, "contentChanges": [{ "text": text }] });
    server.notice(Notification::new(
        "textDocument/didChange".to_owned(),
        params,
    ));
}

/// Asks about a place of a document; gives the result, or the error's message.
fn ask(server: &mut Server, method: &str, at: (&str, u32, u32), more: Json) -> Json {
    let (name, line, character) = at;
    let mut params = json!({
        "textDocument": { "uri": format!("file:///w/{name}") },
        "position": { "line": line, "character": character },
    });
    if let (Json::Object(params), Json::Object(more)) = (&mut params, more) {
        params.extend(more);
    }
    let request = Request::new(RequestId::from(1), method.to_owned(), params);
    let response = serde_json::to_value(server.answer(request)).unwrap();
    match response.get("error") {
        Some(error) => error["message"].clone(),
        None => response["result"].clone(),
    }
}

fn definition(server: &mut Server, line: u32, character: u32) -> Vec<(String, u64)> {
    let found = ask(
        server,
        "textDocument/definition",
        ("main.cfg", line, character),
        json!({}),
    );
    let places = found.as_array().cloned().unwrap_or_default();
    let short = |place: &Json| {
        let uri = place["uri"].as_str().unwrap();
        let line = place["range"]["start"]["line"].as_u64().unwrap();
        (uri.rsplit('/').next().unwrap().to_owned(), line)
    };
    places.iter().map(short).collect()
}

fn labels(server: &mut Server, at: (&str, u32, u32)) -> Vec<String> {
    let found = ask(server, "textDocument/completion", at, json!({}));
    let items = found.as_array().cloned().unwrap_or_default();
    items
        .iter()
        .map(|item| item["label"].as_str().unwrap().to_owned())
        .collect()
}

fn place(name: &str, line: u64) -> (String, u64) {
    (name.to_owned(), line)
}

#[test]
fn definition_of_each_subject_is_where_it_is_written() {
    let mut server = server();
    assert_eq!(definition(&mut server, 1, 12), [place("base.cfg", 0)]);
    assert_eq!(definition(&mut server, 2, 9), [place("main.cfg", 3)]);
    assert_eq!(definition(&mut server, 4, 5), [place("base.cfg", 0)]);
    // In ${tool:location} the section; the option is no one's but the recipe's.
    assert_eq!(definition(&mut server, 6, 10), [place("base.cfg", 2)]);
    assert_eq!(definition(&mut server, 6, 16), []);
    // ${:home}, and of a section in two files the one that wins first.
    assert_eq!(definition(&mut server, 6, 32), [place("main.cfg", 7)]);
    assert_eq!(
        definition(&mut server, 7, 10),
        [place("main.cfg", 8), place("base.cfg", 4)]
    );
    assert_eq!(definition(&mut server, 7, 15), [place("main.cfg", 9)]);
}

#[test]
fn hover_shows_the_value_and_where_it_is_from() {
    let mut server = server();
    let mut hover = |line, character| {
        let found = ask(
            &mut server,
            "textDocument/hover",
            ("main.cfg", line, character),
            json!({}),
        );
        found["contents"]["value"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let text = hover(7, 15);
    assert!(text.contains("```\n/home/é\n```"), "{text}");
    assert!(
        text.contains("`=` /w/main.cfg:10") && text.contains("over `=` /old (/w/base.cfg:6)"),
        "{text}"
    );
    assert!(hover(6, 1).contains("@@tool:location@@/bin:/home/é"));
    assert!(hover(6, 16).contains("Only the recipe `r` would compute it"));
    assert!(hover(3, 2).contains("Inherits from `common`"));
    assert_eq!(hover(0, 11), "");
}

#[test]
fn completion_offers_sections_and_options_where_they_fit() {
    let mut server = server();
    let text = format!("{MAIN}x = ${{di\ny = ${{dirs:}}\nz = ${{:\n[new]\n<= \nhome = $${{\n");
    change(&mut server, "main.cfg", &text);
    let sections = labels(&mut server, ("main.cfg", 10, 8));
    assert_eq!(sections, ["app", "buildout", "common", "new", "tool"]);
    assert_eq!(
        labels(&mut server, ("main.cfg", 11, 11)),
        ["home", "user", "x", "y", "z"]
    );
    assert_eq!(
        labels(&mut server, ("main.cfg", 12, 7)),
        ["home", "user", "x", "y", "z"]
    );
    assert!(labels(&mut server, ("main.cfg", 14, 3)).contains(&"common".to_owned()));
    assert_eq!(
        labels(&mut server, ("main.cfg", 15, 10)),
        Vec::<String>::new()
    );
    // Options that a macro has and that a recipe would publish.
    let app = labels(&mut server, ("main.cfg", 5, 0));
    assert_eq!(app, ["home", "kind", "location", "path", "recipe"]);
}

#[test]
fn rename_changes_every_mention_in_both_files() {
    let mut server = server();
    let prepared = ask(
        &mut server,
        "textDocument/prepareRename",
        ("main.cfg", 3, 2),
        json!({}),
    );
    assert_eq!(prepared["placeholder"], "app");
    let edit = ask(
        &mut server,
        "textDocument/rename",
        ("main.cfg", 3, 2),
        json!({ "newName": "web" }),
    );
    let places = |name: &str| -> Vec<(u64, u64)> {
        let edits = edit["changes"][format!("file:///w/{name}")]
            .as_array()
            .unwrap();
        let start = |edit: &Json| {
            let start = &edit["range"]["start"];
            (
                start["line"].as_u64().unwrap(),
                start["character"].as_u64().unwrap(),
            )
        };
        edits.iter().map(start).collect()
    };
    assert_eq!(places("main.cfg"), [(2, 8), (3, 1)]);
    assert_eq!(places("base.cfg"), [(6, 9)]);
}

#[test]
fn rename_that_would_break_something_is_refused() {
    let mut server = server();
    let mut rename = |at, new: &str| {
        let answer = ask(
            &mut server,
            "textDocument/rename",
            at,
            json!({ "newName": new }),
        );
        answer.as_str().unwrap_or_default().to_owned()
    };
    assert!(rename(("main.cfg", 3, 2), "tool").contains("already"));
    assert!(rename(("main.cfg", 3, 2), "a b").contains("cannot be referred to"));
    assert!(rename(("main.cfg", 0, 3), "x").contains("of the language itself"));
    assert!(rename(("main.cfg", 9, 1), "x").contains("only sections"));
    assert!(rename(("far.cfg", 3, 4), "near").contains("outside of the workspace"));
}

#[test]
fn rename_by_halves_is_refused() {
    let mut server = server();
    let mut rename = |text: &str| {
        change(&mut server, "main.cfg", text);
        let new = json!({ "newName": "web" });
        ask(&mut server, "textDocument/rename", ("main.cfg", 2, 2), new)
    };
    // A file that is not there may have the section too.
    let unread = rename("[buildout]\nextends = base.cfg none.cfg\n[app]\n");
    assert!(
        unread
            .as_str()
            .unwrap()
            .contains("/w/none.cfg cannot be read")
    );
    // Recipes are told sections by their bare names.
    let bare = rename("[buildout]\nextends = base.cfg\n[app]\n[x]\nenvironment =\n  app\n");
    assert!(bare.as_str().unwrap().contains("/w/main.cfg:6: "), "{bare}");
    let context = rename("[buildout]\nextends = base.cfg\n[app]\n[x]\ncontext = key a app:home\n");
    assert!(context.as_str().unwrap().contains("/w/main.cfg:5: "));
    // A reference, the name of a recipe and a piece of a longer word are not.
    let good = rename(
        "[buildout]\nextends = base.cfg\n[app]\n[x]\nrecipe = app\ny = /app ${app:x}app-1\n",
    );
    assert_eq!(good["changes"].as_object().unwrap().len(), 2);
}

#[test]
fn rename_of_a_section_of_versions_changes_the_option_that_names_it() {
    let mut server = server();
    let text = "[buildout]\nversions = pins\n[pins]\na = 1\n";
    change(&mut server, "main.cfg", text);
    let new = json!({ "newName": "fixed" });
    let edit = ask(&mut server, "textDocument/rename", ("main.cfg", 2, 2), new);
    let edits = edit["changes"]["file:///w/main.cfg"].as_array().unwrap();
    let lines: Vec<_> = edits
        .iter()
        .map(|edit| &edit["range"]["start"]["line"])
        .collect();
    assert_eq!(lines, [&json!(1), &json!(2)]);
}
