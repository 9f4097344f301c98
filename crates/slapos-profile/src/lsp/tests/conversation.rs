//! What the server tells by itself, whole documents, and a conversation from greeting to end.

use super::*;

/// How many problems are told of a document.
fn count(told: &[Notification], name: &str) -> Option<usize> {
    let of = |told: &&Notification| told.params["uri"] == format!("file:///w/{name}");
    let told = told.iter().find(of)?;
    Some(told.params["diagnostics"].as_array()?.len())
}

#[test]
fn problems_follow_the_buffer_and_not_the_disk() {
    let mut server = server();
    assert_eq!(count(&server.tell(), "main.cfg"), Some(0));
    assert!(server.tell().is_empty());
    change(
        &mut server,
        "main.cfg",
        &MAIN.replace("${dirs:home}", "${dirs:hom}"),
    );
    let told = server.tell();
    let found = &told[0].params["diagnostics"][0];
    assert_eq!(
        (&found["code"], &found["severity"]),
        (&json!("missing-option"), &json!(1))
    );
    let range =
        json!({ "start": { "line": 7, "character": 7 }, "end": { "line": 7, "character": 18 } });
    assert_eq!(found["range"], range);
}

#[test]
fn problems_of_an_extended_buffer_are_told_of_who_extends_it() {
    let mut server = server();
    // What is typed into the extended file counts for the one that extends it.
    open(&mut server, "base.cfg", "[common]\nno\n");
    let told = server.tell();
    assert_eq!(
        (count(&told, "main.cfg"), count(&told, "base.cfg")),
        (Some(1), Some(1))
    );
    let main = told
        .iter()
        .find(|n| n.params["uri"] == "file:///w/main.cfg")
        .unwrap();
    let found = &main.params["diagnostics"][0];
    assert_eq!(
        found["range"]["start"],
        json!({ "line": 1, "character": 10 })
    );
    let close = json!({ "textDocument": { "uri": "file:///w/base.cfg" } });
    server.notice(Notification::new("textDocument/didClose".to_owned(), close));
    assert_eq!(count(&server.tell(), "main.cfg"), Some(0));
}

#[test]
fn outline_has_sections_with_their_options() {
    let mut server = server();
    let found = ask(
        &mut server,
        "textDocument/documentSymbol",
        ("main.cfg", 0, 0),
        json!({}),
    );
    assert_eq!(found[1]["name"], "app");
    assert_eq!(found[1]["children"][2]["name"], "path");
    assert_eq!(found[1]["range"]["end"]["line"], 7);
}

#[test]
fn formatting_gives_the_whole_text_or_says_why_not() {
    let mut server = server();
    let options = json!({ "options": { "tabSize": 2, "insertSpaces": true } });
    change(&mut server, "main.cfg", "[a]\nx=1\n[b]\n");
    let edits = ask(
        &mut server,
        "textDocument/formatting",
        ("main.cfg", 0, 0),
        options.clone(),
    );
    assert_eq!(edits[0]["newText"], "[a]\nx = 1\n\n[b]\n");
    assert_eq!(
        edits[0]["range"]["end"],
        json!({ "line": 3, "character": 0 })
    );
    change(&mut server, "main.cfg", "[a]\nno\n");
    let refused = ask(
        &mut server,
        "textDocument/formatting",
        ("main.cfg", 0, 0),
        options,
    );
    assert!(refused.as_str().unwrap().starts_with("line 2 "));
}

#[test]
fn answer_of_what_cannot_be_understood_is_an_error() {
    let mut server = server();
    let mut code = |method: &str, params: Json| {
        let request = Request::new(RequestId::from(1), method.to_owned(), params);
        let response = serde_json::to_value(server.answer(request)).unwrap();
        response["error"]["code"].as_i64()
    };
    assert_eq!(code("textDocument/hover", json!(1)), Some(-32602));
    assert_eq!(code("workspace/nothing", json!({})), Some(-32601));
    // Places beyond the text, and documents that are no files, have no answer and are no error.
    let far = json!({ "textDocument": { "uri": "file:///w/main.cfg" }, "position": { "line": 9999, "character": 9 } });
    assert_eq!(code("textDocument/hover", far), None);
    let other = json!({ "textDocument": { "uri": "untitled:1" }, "position": { "line": 0, "character": 0 } });
    assert_eq!(code("textDocument/definition", other), None);
}

#[test]
fn serve_greets_tells_problems_and_ends_when_asked() {
    let (ours, theirs) = Connection::memory();
    let files = Files(BTreeMap::new());
    let serving = std::thread::spawn(move || {
        let files: Box<dyn Fetch> = Box::new(files);
        serve(&ours, files, Machine::linux("x86_64")).is_ok()
    });
    let ask = |id: i32, method: &str, params: Json| {
        let request = Request::new(RequestId::from(id), method.to_owned(), params);
        theirs.sender.send(request.into()).unwrap();
    };
    let tell = |method: &str, params: Json| {
        let notification = Notification::new(method.to_owned(), params);
        theirs.sender.send(notification.into()).unwrap();
    };
    let next = || serde_json::to_value(theirs.receiver.recv().unwrap()).unwrap();
    ask(1, "initialize", json!({ "capabilities": {} }));
    assert_eq!(next()["result"]["capabilities"]["hoverProvider"], true);
    tell("initialized", json!({}));
    let document =
        json!({ "uri": "file:///a.cfg", "languageId": "ini", "version": 1, "text": "no\n" });
    tell("textDocument/didOpen", json!({ "textDocument": document }));
    let told = next();
    assert_eq!(
        told["params"]["diagnostics"][0]["code"],
        "missing-section-header"
    );
    ask(2, "shutdown", json!(null));
    assert_eq!(next()["id"], 2);
    tell("exit", json!(null));
    assert!(serving.join().unwrap());
}
