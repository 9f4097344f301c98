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
    let serving =
        std::thread::spawn(move || serve(&ours, Box::new(files), Machine::linux("x86_64")).is_ok());
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

/// A web of one page that says each time that it gives a copy, and counts.
struct Web(Rc<std::cell::Cell<usize>>);

impl Fetch for Web {
    fn fetch(&self, location: &str) -> Result<String, FetchFailure> {
        if !location.starts_with("http://") {
            return Err(FetchFailure::NotFound);
        }
        self.0.set(self.0.get() + 1);
        Ok("[common]\n".to_owned())
    }
}

impl Source for Web {
    fn take_warnings(&self) -> Vec<String> {
        vec![format!("{} copies", self.0.get())]
    }
}

#[test]
fn save_asks_the_disk_again_and_not_the_web_and_warnings_are_logged() {
    let asked = Rc::new(std::cell::Cell::new(0));
    let params = serde_json::from_value(json!({ "capabilities": {} })).unwrap();
    let web = Box::new(Web(Rc::clone(&asked)));
    let mut server = Server::new(web, Machine::linux("x86_64"), &params);
    open(
        &mut server,
        "a.cfg",
        "[buildout]\nextends = http://h/x.cfg\n",
    );
    server.tell();
    assert_eq!(asked.get(), 1);
    let saved = json!({ "textDocument": { "uri": "file:///w/a.cfg" } });
    server.notice(Notification::new("textDocument/didSave".to_owned(), saved));
    assert_eq!(count(&server.tell(), "a.cfg"), Some(0));
    assert_eq!(asked.get(), 1);
    let logs = server.logs();
    assert_eq!(logs[0].method, "window/logMessage");
    assert_eq!(logs[0].params, json!({ "type": 2, "message": "1 copies" }));
}

#[test]
fn analyses_are_kept_of_open_documents_only() {
    let mut server = server();
    for number in 0..20 {
        let name = format!("other-{number}.cfg");
        ask(&mut server, "textDocument/hover", (&name, 0, 0), json!({}));
    }
    ask(
        &mut server,
        "textDocument/hover",
        ("main.cfg", 0, 0),
        json!({}),
    );
    assert_eq!(server.analyses.len(), 1);
}

#[test]
fn text_of_a_document_that_is_too_long_is_not_kept_and_the_disk_does_not_stand_in() {
    let mut server = server();
    change(&mut server, "main.cfg", &"#".repeat(FILE_BYTES_MAX + 1));
    let told = server.tell();
    let found = &told[0].params["diagnostics"][0];
    assert_eq!(found["code"], "fetch-failed");
    assert!(found["message"].as_str().unwrap().contains("bytes"));
    let options = json!({ "options": { "tabSize": 2, "insertSpaces": true } });
    let refused = ask(
        &mut server,
        "textDocument/formatting",
        ("main.cfg", 0, 0),
        options,
    );
    assert!(refused.as_str().unwrap().contains("cannot be read"));
}

#[test]
fn formatting_gives_what_fmt_writes_whatever_ends_the_lines() {
    let mut server = server();
    let options = json!({ "options": { "tabSize": 2, "insertSpaces": true } });
    for (text, end) in [
        ("[a]\r\nx = 1\r\n", (2, 0)),
        ("\u{feff}[a]\nx = 1\n", (2, 0)),
        ("[a]\nx = \u{1d54f}", (1, 6)),
        ("[a]\rx = 1\r", (2, 0)),
    ] {
        change(&mut server, "main.cfg", text);
        let edits = ask(
            &mut server,
            "textDocument/formatting",
            ("main.cfg", 0, 0),
            options.clone(),
        );
        let wanted = crate::format::format(text).unwrap();
        assert_ne!(wanted, text);
        assert_eq!(edits[0]["newText"], wanted, "{text:?}");
        let (line, character) = end;
        assert_eq!(
            edits[0]["range"]["end"],
            json!({ "line": line, "character": character }),
            "{text:?}"
        );
    }
    change(&mut server, "main.cfg", "[a]\nx = 1\n");
    let none = ask(
        &mut server,
        "textDocument/formatting",
        ("main.cfg", 0, 0),
        options,
    );
    assert_eq!(none, json!([]));
}
