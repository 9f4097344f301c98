//! `slapos profile …` from outside: exit codes, JSON, files that change, and a conversation with the language server.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value as Json, json};

use crate::program::World;

const SOFTWARE: &str = "[buildout]
extends = base.cfg
parts = app
[app]
recipe = slapos.recipe.build:download
url = https://example.org/${versions:app}.tar.gz
path = ${tool:location}/bin
";
const BASE: &str = "[versions]
app = 1.0
[tool]
recipe = slapos.recipe.cmmi
";

fn world() -> World {
    let world = World::new();
    fs_err::write(world.path().join("software.cfg"), SOFTWARE).unwrap();
    fs_err::write(world.path().join("base.cfg"), BASE).unwrap();
    world
}

fn json_of(world: &World, words: &[&str]) -> Json {
    let ran = world.run(words);
    assert_eq!(ran.code, Some(0), "{}", ran.shown());
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn profile_resolve_prints_sections_order_and_what_recipes_compute() {
    let found = json_of(&world(), &["profile", "resolve", "software.cfg", "--json"]);
    assert_eq!(
        found["sections"]["app"]["url"],
        "https://example.org/1.0.tar.gz"
    );
    assert_eq!(found["sections"]["app"]["path"], "@@tool:location@@/bin");
    assert_eq!(found["order"], json!(["tool", "app"]));
    assert_eq!(found["computed"], json!(["tool:location"]));
    assert_eq!(
        found["sections"]["buildout"]["bin-directory"],
        "[WORLD]/bin"
    );
}

#[test]
fn profile_resolve_takes_assignments_a_section_and_raw() {
    let world = world();
    let words = [
        "profile",
        "resolve",
        "software.cfg",
        "--section",
        "app",
        "--json",
    ];
    let found = json_of(
        &world,
        &[&words[..], &["versions:app=2.0", "app:more+=x"]].concat(),
    );
    assert_eq!(
        found["sections"]["app"]["url"],
        "https://example.org/2.0.tar.gz"
    );
    assert_eq!(found["sections"].as_object().unwrap().len(), 1);
    let raw = json_of(&world, &[&words[..], &["--raw"]].concat());
    assert_eq!(raw["sections"]["app"]["path"], "${tool:location}/bin");
}

#[test]
fn profile_resolve_of_a_broken_profile_is_exit_code_1_with_the_place() {
    let world = world();
    let broken = SOFTWARE.replace("versions:app", "versions:ap");
    fs_err::write(world.path().join("broken.cfg"), broken).unwrap();
    let ran = world.run(&["profile", "resolve", "broken.cfg", "--json"]);
    assert_eq!(ran.code, Some(1));
    let found: Json = serde_json::from_str(&ran.stdout).unwrap();
    let first = &found["diagnostics"][0];
    assert_eq!(
        (&first["kind"], &first["line"]),
        (&json!("missing-option"), &json!(6))
    );
    assert!(ran.stderr.contains("did you mean `app`?"), "{}", ran.stderr);
    assert_eq!(
        world.run(&["profile", "resolve", "software.cfg", "x"]).code,
        Some(2)
    );
    assert_eq!(world.run(&["profile", "resolve", "none.cfg"]).code, Some(1));
}

#[test]
fn profile_query_and_annotate_tell_where_a_value_is_from() {
    let world = world();
    let ran = world.run(&["profile", "query", "software.cfg", "app:url"]);
    assert_eq!(ran.stdout, "https://example.org/1.0.tar.gz\n");
    let found = json_of(
        &world,
        &["profile", "query", "software.cfg", "versions:app", "--json"],
    );
    assert_eq!(
        (&found["file"], &found["line"]),
        (&json!("[WORLD]/base.cfg"), &json!(2))
    );
    let words = [
        "profile",
        "annotate",
        "software.cfg",
        "--section",
        "app",
        "app:url=x",
    ];
    let told = world.run(&words).stdout;
    assert!(
        told.contains("over [WORLD]/software.cfg:6: = https://"),
        "{told}"
    );
}

#[test]
fn profile_graph_draws_in_three_forms() {
    let world = world();
    let dot = world.run(&["profile", "graph", "software.cfg"]).stdout;
    assert!(dot.contains("\"app\" -> \"tool\";"), "{dot}");
    let svg = world
        .run(&["profile", "graph", "software.cfg", "--format", "svg"])
        .stdout;
    assert!(
        svg.starts_with("<svg ") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
    let found = json_of(&world, &["profile", "graph", "software.cfg", "--json"]);
    assert_eq!(found["nodes"].as_array().unwrap().len(), 3);
}

#[test]
fn profile_lint_fails_for_errors_and_for_warnings_when_asked() {
    let world = world();
    let ran = world.run(&["profile", "lint", "software.cfg"]);
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.stdout
            .contains("software.cfg:6:1: warning[unpinned-source]"),
        "{}",
        ran.stdout
    );
    let denied = world.run(&[
        "profile",
        "lint",
        "software.cfg",
        "--deny-warnings",
        "--json",
    ]);
    assert_eq!(denied.code, Some(1));
    let found: Json = serde_json::from_str(&denied.stdout).unwrap();
    assert_eq!(
        (&found["errors"], &found["warnings"]),
        (&json!(0), &json!(1))
    );
}

#[test]
fn profile_diff_is_silent_about_a_copy_in_another_folder() {
    let world = world();
    let other = world.path().join("other");
    fs_err::create_dir(&other).unwrap();
    fs_err::write(other.join("software.cfg"), SOFTWARE).unwrap();
    fs_err::write(other.join("base.cfg"), BASE).unwrap();
    let words = [
        "profile",
        "diff",
        "software.cfg",
        "other/software.cfg",
        "--exit-code",
    ];
    let same = world.run(&words);
    assert_eq!((same.code, same.stdout.as_str()), (Some(0), ""));
    fs_err::write(other.join("base.cfg"), BASE.replace("1.0", "1.1")).unwrap();
    let changed = world.run(&words);
    assert_eq!(changed.code, Some(1));
    assert!(
        changed.stdout.contains("- app = 1.0\n+ app = 1.1\n"),
        "{}",
        changed.stdout
    );
}

#[test]
fn profile_fmt_checks_first_and_then_writes() {
    let world = world();
    let file = world.path().join("ugly.cfg");
    fs_err::write(&file, "[a]\nx=1\n[b]\n").unwrap();
    let checked = world.run(&["profile", "fmt", "--check", "ugly.cfg"]);
    assert_eq!(
        (checked.code, checked.stdout.as_str()),
        (Some(1), "ugly.cfg\n")
    );
    assert_eq!(fs_err::read_to_string(&file).unwrap(), "[a]\nx=1\n[b]\n");
    assert_eq!(world.run(&["profile", "fmt", "ugly.cfg"]).code, Some(0));
    assert_eq!(
        fs_err::read_to_string(&file).unwrap(),
        "[a]\nx = 1\n\n[b]\n"
    );
    assert_eq!(
        world.run(&["profile", "fmt", "--check", "ugly.cfg"]).code,
        Some(0)
    );
    fs_err::write(&file, "{% if x %}\n").unwrap();
    let refused = world.run(&["profile", "fmt", "ugly.cfg"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("ugly.cfg: line 1 "),
        "{}",
        refused.stderr
    );
}

#[test]
fn profile_fmt_of_standard_input_prints_it_or_says_why_not() {
    let world = world();
    let given = |words: &[&str], text: &str| {
        let mut command = world.command(&[&["profile", "fmt", "-"], words].concat());
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = piped.stderr(Stdio::piped()).spawn().unwrap();
        let mut input = program.stdin.take().unwrap();
        // A program that refuses early reads no further.
        drop(input.write_all(text.as_bytes()));
        drop(input);
        let output = program.wait_with_output().unwrap();
        let words = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let code = output.status.code();
        (code, words(output.stdout), words(output.stderr))
    };
    let (code, text, _) = given(&[], "[a]\nx=1\n");
    assert_eq!((code, text.as_str()), (Some(0), "[a]\nx = 1\n"));
    let (code, text, _) = given(&["--json"], "[a]\nx=1\n");
    let found: Json = serde_json::from_str(&text).unwrap();
    let row = json!({ "file": "-", "changed": true, "error": null, "text": "[a]\nx = 1\n" });
    assert_eq!((code, &found["files"][0]), (Some(0), &row));
    assert_eq!(given(&["--check"], "[a]\nx=1\n").0, Some(1));
    let (code, text, told) = given(&["--json"], "no\n");
    let found: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, &found["files"][0]["changed"]),
        (Some(1), &json!(false))
    );
    assert!(told.contains("line 1 "), "{told}");
    // One byte more than the language takes: nothing of it is printed.
    let longest = format!("[a]\n{}", "#\n".repeat((2 << 20) - 2));
    assert_eq!(
        given(&["--check"], &longest),
        (Some(0), String::new(), String::new())
    );
    let long = format!("{longest}\n");
    let (code, text, told) = given(&[], &long);
    assert_eq!((code, text.as_str()), (Some(1), ""));
    assert!(told.contains("more than 4194304 bytes"), "{told}");
}

#[test]
fn profile_fmt_of_what_is_no_regular_file_is_refused_at_once() {
    let world = world();
    let pipe = world.path().join("pipe.cfg");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let long = format!("[a]\n{}", "#\n".repeat(2 << 20));
    fs_err::write(world.path().join("long.cfg"), long).unwrap();
    let ran = world.run(&["profile", "fmt", "pipe.cfg", "long.cfg", "."]);
    assert_eq!(ran.code, Some(1), "{}", ran.shown());
    assert!(ran.stderr.contains("pipe.cfg: it is not a regular file"));
    assert!(ran.stderr.contains("long.cfg: it has more than 4194304"));
    assert_eq!(
        world.run(&["profile", "fmt", "-", "long.cfg"]).code,
        Some(2)
    );
}

/// An editor that talks to the program over pipes.
struct Editor {
    program: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    next: u64,
}

impl Editor {
    fn start(world: &World) -> Editor {
        let mut command = world.command(&["profile", "lsp"]);
        let mut program = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Editor {
            input: program.stdin.take().unwrap(),
            output: BufReader::new(program.stdout.take().unwrap()),
            program,
            next: 0,
        }
    }

    fn send(&mut self, message: &Json) {
        let text = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.input.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Json) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Asks, and reads until the answer comes.
    fn ask(&mut self, method: &str, params: Json) -> Json {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        self.read_until(|message| message["id"] == id)["result"].clone()
    }

    fn read_until(&mut self, is_meant: impl Fn(&Json) -> bool) -> Json {
        loop {
            let message = self.read();
            if is_meant(&message) {
                return message;
            }
        }
    }

    fn read(&mut self) -> Json {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(
                self.output.read_line(&mut line).unwrap() > 0,
                "the server is gone"
            );
            match line.trim_end().split_once(": ") {
                Some(("Content-Length", number)) => length = number.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut text = vec![0; length];
        self.output.read_exact(&mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

#[test]
fn profile_lsp_holds_a_whole_conversation() {
    let world = world();
    let uri = |name: &str| format!("file://{}/{name}", world.path().display());
    let mut editor = Editor::start(&world);
    let hello = editor.ask(
        "initialize",
        json!({ "capabilities": {}, "rootUri": uri("") }),
    );
    assert_eq!(
        hello["capabilities"]["renameProvider"]["prepareProvider"],
        true
    );
    editor.tell("initialized", json!({}));
    let text = SOFTWARE.replace("tool:location", "tol:location");
    let document =
        json!({ "uri": uri("software.cfg"), "languageId": "ini", "version": 1, "text": text });
    editor.tell("textDocument/didOpen", json!({ "textDocument": document }));
    let told = editor.read_until(|message| message["method"] == "textDocument/publishDiagnostics");
    let errors = |told: &Json| -> Vec<Json> {
        let all = told["params"]["diagnostics"].as_array().unwrap().iter();
        all.filter(|found| found["severity"] == 1)
            .cloned()
            .collect()
    };
    assert_eq!(errors(&told)[0]["code"], "missing-section");
    assert!(
        errors(&told)[0]["message"]
            .as_str()
            .unwrap()
            .contains("did you mean `tool`?")
    );

    let document = json!({ "uri": uri("software.cfg"), "version": 2 });
    let change = json!({ "textDocument": document, "contentChanges": [{ "text": SOFTWARE }] });
    editor.tell("textDocument/didChange", change);
    let told = editor.read_until(|message| message["method"] == "textDocument/publishDiagnostics");
    assert_eq!(errors(&told), Vec::<Json>::new());

    let at = |line: u32, character: u32| json!({ "textDocument": { "uri": uri("software.cfg") }, "position": { "line": line, "character": character } });
    let found = editor.ask("textDocument/definition", at(5, 38));
    assert_eq!(found[0]["uri"], uri("base.cfg"));
    assert_eq!(found[0]["range"]["start"]["line"], 1);
    let hover = editor.ask("textDocument/hover", at(5, 1));
    assert!(
        hover["contents"]["value"]
            .as_str()
            .unwrap()
            .contains("https://example.org/1.0.tar.gz")
    );
    let items = editor.ask("textDocument/completion", at(6, 9));
    assert!(
        items
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["label"] == "tool")
    );
    let mut rename = at(6, 10);
    rename["newName"] = json!("tools");
    let edit = editor.ask("textDocument/rename", rename);
    assert_eq!(edit["changes"][uri("base.cfg")][0]["newText"], "tools");
    assert_eq!(edit["changes"].as_object().unwrap().len(), 2);
    let outline = editor.ask("textDocument/documentSymbol", at(0, 0));
    assert_eq!(outline[1]["name"], "app");

    editor.ask("shutdown", json!(null));
    editor.tell("exit", json!(null));
    assert!(editor.program.wait().unwrap().success());
}

/// The examples of docs/profile-tools.md: files from `ini` blocks whose first line names them, then each `console` block.
#[test]
fn profile_examples_of_the_documentation_give_what_it_shows() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/profile-tools.md");
    let text = fs_err::read_to_string(path).unwrap();
    let world = World::new();
    for block in blocks(&text, "ini") {
        let (name, body) = block.strip_prefix("# ").unwrap().split_once('\n').unwrap();
        fs_err::write(world.path().join(name), body).unwrap();
    }
    let examples = blocks(&text, "console");
    assert!(examples.len() > 7);
    for example in examples {
        let (command, expect) = example
            .strip_prefix("$ slapos ")
            .unwrap()
            .split_once('\n')
            .unwrap();
        let words: Vec<&str> = command.split(' ').collect();
        let shown = world.run(&words).stdout.replace("[WORLD]", "/srv/demo");
        assert_eq!(shown, expect, "{command}");
    }
}

fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("\n```{language}\n");
    let pieces = text.split(&start).skip(1);
    pieces
        .map(|piece| piece.split("```").next().unwrap_or_default())
        .collect()
}
