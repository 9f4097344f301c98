//! The original's record and signatures, against what the original wrote.

use serde_json::Value as Json;
use slapos_buildout::{LoadOptions, load};

use super::*;
use crate::recipe::vectors::{Memory, VectorRecipes};

fn cases(text: &str) -> Vec<Json> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("vectors are JSON lines"))
        .collect()
}

fn text_of(value: &Json) -> String {
    match value {
        Json::Object(map) => {
            let literal = map["py"].as_str().expect("py is text");
            match Typed::from_marker(&format!("!py!{literal}")).expect("a literal") {
                Typed::Str(text) => text,
                other => other.to_marker().expect("finite"),
            }
        }
        other => other.as_str().expect("text").to_owned(),
    }
}

#[test]
fn installed_vectors_are_written_and_read_as_by_the_engines() {
    let all = cases(include_str!("../tests/vectors/installed.jsonl"));
    assert_eq!(all.len(), 44);
    for case in all {
        let (id, expect) = (&case["id"], &case["expect"]);
        let text = match case.get("options").and_then(Json::as_object) {
            Some(options) => {
                let options = options
                    .iter()
                    .map(|(name, value)| (name.clone(), text_of(value)));
                write("part", &options.collect())
            }
            None => case["text"].as_str().expect("a text").to_owned(),
        };
        assert_eq!(text, expect["text"], "{id}");
        let read = serde_json::to_value(parse(&text)).expect("JSON");
        assert_eq!(read, expect["read"], "{id}");
    }
}

#[test]
fn signature_vectors_are_those_of_the_fork() {
    let all = cases(include_str!("../tests/vectors/signatures.jsonl"));
    assert_eq!(all.len(), 10);
    for case in all {
        let files = Memory::of(&case["files"], "/srv/case");
        let options = LoadOptions::default();
        let entry = format!("/srv/case/{}", case["main"].as_str().expect("main"));
        let profile = load(&entry, &files, &options).expect("loads");
        let session = Session::new(&profile, &VectorRecipes).expect("starts");
        let order = session.parts().expect("an order");
        let mut signatures = BTreeMap::new();
        for name in &order {
            let signature =
                signature("vector-1.0-py3.11.egg", name, &session, &signatures).expect("signs");
            signatures.insert(name.clone(), signature);
        }
        let expect = &case["expect"];
        assert_eq!(
            serde_json::to_value(&order).expect("JSON"),
            expect["order"],
            "{}",
            case["id"]
        );
        let ours = serde_json::to_value(&signatures).expect("JSON");
        assert_eq!(ours, expect["signatures"], "{}", case["id"]);
    }
}

#[test]
fn leftovers_keep_paths_and_ports_under_no_signature() {
    let original = parse(
        "[buildout]\nparts = gone\n[gone]\n__buildout_installed__ = /parts/a\n\t/parts/b\nport = 8080\n",
    );
    let records = leftovers(&original);
    assert_eq!(records.len(), 1);
    assert_eq!(
        records["gone"].owned,
        [PathBuf::from("/parts/a"), PathBuf::from("/parts/b")]
    );
    assert_eq!(
        (
            records["gone"].kept["port"].as_str(),
            records["gone"].signature.as_str()
        ),
        ("8080", "")
    );
}

#[test]
fn unchanged_holds_for_the_same_options_and_dependencies_only() {
    let text = "[buildout]\nparts = a\n[a]\nrecipe = vector:noop\nx = ${b:location}\n[b]\nrecipe = vector:location\n";
    let files = Memory::of(&serde_json::json!({"main.cfg": text}), "/srv/case");
    let profile = load("/srv/case/main.cfg", &files, &LoadOptions::default()).expect("loads");
    let session = Session::new(&profile, &VectorRecipes).expect("starts");
    let order = session.parts().expect("an order");
    let egg = "vector-1.0-py3.11.egg";
    let record = format!(
        "[a]\n__buildout_installed__ = /parts/a\n__buildout_signature__ = {egg} b:995abeff3e49cd07f1c37baa2042269a\n\
         recipe = vector:noop\nx = /parts/b\n\
         [b]\n__buildout_installed__ = \n__buildout_signature__ = {egg}\nlocation = /parts/b\nrecipe = vector:location\n"
    );
    let original = parse(&record);
    assert_eq!(
        unchanged(&original, &order, &session).expect("answers"),
        ["b", "a"]
    );
    for (old, new) in [("x = /parts/b", "x = /other"), ("b:9", "b:8")] {
        let original = parse(&record.replace(old, new));
        assert_eq!(
            unchanged(&original, &order, &session).expect("answers"),
            ["b"],
            "{new}"
        );
    }
}

/// Writes one section in the text form; options in order of name.
fn write(section: &str, options: &BTreeMap<String, String>) -> String {
    let mut text = format!("[{section}]\n");
    for (name, value) in options {
        text.push_str(&format!("{name} = {}\n", encode(value)));
    }
    text
}

/// Runs of blanks with a newline in them, and those at the ends, as placeholders.
fn encode(value: &str) -> String {
    let is_blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{b}' | '\u{c}');
    let mut out = String::new();
    let mut rest = value;
    while let Some(at) = rest.find(is_blank) {
        let (word, after) = rest.split_at(at);
        let length = after.find(|c| !is_blank(c)).unwrap_or(after.len());
        let (run, after) = after.split_at(length);
        let is_edge = after.is_empty() || (word.is_empty() && out.is_empty());
        out.push_str(word);
        match is_edge || run.contains('\n') {
            true => out.push_str(&encode_run(run)),
            false => out.push_str(run),
        }
        rest = after;
    }
    out.push_str(rest);
    if let Some(rest) = out.strip_prefix("\n\t") {
        out = format!("%(__buildout_space_n__)s{rest}");
    }
    match out.strip_suffix("\n\t") {
        Some(head) => format!("{head}%(__buildout_space_n__)s"),
        None => out,
    }
}

/// The first newline stays, with a tab that makes the next line a continuation.
fn encode_run(run: &str) -> String {
    let mut parts = run.splitn(2, '\n').map(|part| {
        let mut part = part.to_owned();
        for (placeholder, space) in SPACES {
            part = part.replace(space, placeholder);
        }
        part
    });
    let head = parts.next().unwrap_or_default();
    parts.fold(head, |head, tail| format!("{head}\n\t{tail}"))
}
