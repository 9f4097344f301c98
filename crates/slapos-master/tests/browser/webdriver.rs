//! A small WebDriver client: a real Chromium, driven through chromedriver over plain HTTP.
//!
//! Only what these tests do. Chromium's folder is fresh for each browser, and both programs end
//! with the value. Start with [`Browser::start`].

use serde_json::{Value, json};
use slapos_testkit::wait_until;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// So long that reaching it is a bug, also on a loaded machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(40);

/// The name under which the protocol hands out elements (W3C WebDriver, 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--window-size=1280,900",
];

/// The keys that are pressed here (W3C WebDriver, 17.4.2).
pub(crate) const TAB: &str = "\u{e004}";
/// Enter.
pub(crate) const ENTER: &str = "\u{e007}";

/// A browser with one window.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    /// Held open: a driver that cannot write would end.
    _output: ChildStdout,
    _profile: TempDir,
}

impl Browser {
    /// Starts chromedriver on a free port, and Chromium by it.
    pub(crate) fn start() -> Self {
        let started = Command::new("chromedriver")
            .args(["--port=0", "--log-level=SEVERE"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut driver = started.unwrap_or_else(|error| {
            panic!(
                "cannot start chromedriver ({error}); the tests of the panel need a real browser: \
                 apt-get install chromium chromium-driver"
            )
        });
        let mut output = driver.stdout.take().expect("it was piped");
        let port = read_port(&mut output).expect("chromedriver says its port");
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
            _output: output,
            _profile: profile,
        };
        browser.open_session();
        browser
    }

    fn open_session(&mut self) {
        let mut args: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        let profile = self._profile.path().display();
        args.push(format!("--user-data-dir={profile}"));
        let options = json!({"args": args, "binary": chromium()});
        let wanted = json!({"capabilities": {"alwaysMatch":
            {"browserName": "chrome", "goog:chromeOptions": options}}});
        let answer = self
            .call("POST", "/session", &wanted)
            .unwrap_or_else(|error| {
                panic!(
                    "chromedriver cannot start Chromium ({error}): \
                 apt-get install chromium chromium-driver"
                )
            });
        let id = answer["sessionId"].as_str().expect("a session has an id");
        self.session = format!("/session/{id}");
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) fn open(&self, url: &str) {
        self.command("url", &json!({"url": url}));
    }

    /// The address that is open.
    pub(crate) fn url(&self) -> String {
        self.eval("location.href").as_str().unwrap().to_owned()
    }

    /// The value of an expression in the page.
    pub(crate) fn eval(&self, expression: &str) -> Value {
        let script = format!("return ({expression});");
        self.command("execute/sync", &json!({"script": script, "args": []}))
    }

    /// The text of the first element that matches; none when there is none.
    pub(crate) fn text(&self, css: &str) -> Option<String> {
        let query = format!("document.querySelector({})?.innerText ?? null", json!(css));
        self.eval(&query).as_str().map(str::to_owned)
    }

    /// Waits until an element's text holds `part`.
    pub(crate) fn wait_for(&self, css: &str, part: &str) -> String {
        wait_until(&format!("`{part}` in {css}"), LIMIT, || {
            self.text(css).filter(|text| text.contains(part))
        })
    }

    /// Clicks as a person does: the element must be there and not be covered.
    pub(crate) fn click(&self, css: &str) {
        let element = self.find(css);
        self.command(&format!("element/{element}/click"), &json!({}));
    }

    /// Replaces what stands in a field.
    pub(crate) fn fill(&self, css: &str, text: &str) {
        let element = self.find(css);
        self.command(&format!("element/{element}/clear"), &json!({}));
        self.command(&format!("element/{element}/value"), &json!({"text": text}));
    }

    /// Presses a key where the focus is.
    pub(crate) fn press(&self, key: &str) {
        let keys = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": keys}]});
        self.command("actions", &actions);
    }

    /// Light or dark, as the system would ask for.
    pub(crate) fn prefer_scheme(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// The size of the window's inside.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1,
                          "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size);
    }

    /// Writes what is seen, the whole page, into a file below the target folder.
    pub(crate) fn picture(&self, name: &str) -> PathBuf {
        let ask = json!({"format": "png", "captureBeyondViewport": true});
        let answer = self.devtools("Page.captureScreenshot", ask);
        let bytes = decode(answer["data"].as_str().expect("a picture is text"));
        assert!(bytes.starts_with(b"\x89PNG"), "a picture is a PNG");
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panel");
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join(format!("{name}.png"));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn devtools(&self, command: &str, params: Value) -> Value {
        self.command(
            "goog/cdp/execute",
            &json!({"cmd": command, "params": params}),
        )
    }

    fn find(&self, css: &str) -> String {
        wait_until(&format!("element {css}"), LIMIT, || {
            let ask = json!({"using": "css selector", "value": css});
            let found = self
                .call("POST", &format!("{}/element", self.session), &ask)
                .ok()?;
            found[ELEMENT].as_str().map(str::to_owned)
        })
    }

    fn command(&self, command: &str, body: &Value) -> Value {
        let path = format!("{}/{command}", self.session);
        self.call("POST", &path, body)
            .unwrap_or_else(|error| panic!("{command} {body}: {error}"))
    }

    /// One call on a connection of its own.
    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let text = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(|e| e.to_string())?;
        // One command never takes so long; a driver that hangs must not hang the test.
        stream
            .set_read_timeout(Some(LIMIT))
            .map_err(|e| e.to_string())?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
            self.port,
            text.len()
        )
        .map_err(|error| error.to_string())?;
        let body = read_body(&mut BufReader::new(stream)).map_err(|e| e.to_string())?;
        let mut body: Value = serde_json::from_slice(&body).map_err(|e| e.to_string())?;
        let value = body["value"].take();
        match value["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", value["message"])),
            None => Ok(value),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // Ends Chromium; when that fails, ending its driver does.
            drop(self.call("DELETE", &self.session, &json!({})));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

/// The body of an answer; its length is in its head, the connection stays open after it.
fn read_body(answer: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        answer.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body)?;
    Ok(body)
}

/// Where Debian puts it; elsewhere chromedriver looks for its Chromium by itself.
fn chromium() -> Value {
    let known = Path::new("/usr/bin/chromium");
    if known.exists() {
        json!(known)
    } else {
        Value::Null
    }
}

/// `… started successfully on port 40123.`, which no end of line follows.
fn read_port(output: &mut impl Read) -> Option<u16> {
    let mut said = Vec::new();
    let mut byte = [0_u8; 1];
    while output.read(&mut byte).ok()? == 1 {
        said.push(byte[0]);
        let text = String::from_utf8_lossy(&said);
        if let Some((_, rest)) = text.split_once("successfully on port ")
            && let Some((port, _)) = rest.split_once('.')
        {
            return port.parse().ok();
        }
    }
    None
}

/// Base 64 (RFC 4648, 4), which is how pictures travel.
fn decode(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| *byte != b'=')
        .map(digit)
        .collect();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for chunk in digits.chunks(4) {
        let mut word = [0_u32; 4];
        for (place, digit) in word.iter_mut().zip(chunk) {
            *place = u32::from(*digit);
        }
        let all = word[0] << 18 | word[1] << 12 | word[2] << 6 | word[3];
        let [_, first, second, third] = all.to_be_bytes();
        bytes.extend(&[first, second, third][..chunk.len() - 1]);
    }
    bytes
}

#[test]
fn base64_reads_as_in_the_rfc() {
    for (text, bytes) in [
        ("", ""),
        ("Zg==", "f"),
        ("Zm8=", "fo"),
        ("Zm9v", "foo"),
        ("Zm9vYg==", "foob"),
    ] {
        assert_eq!(decode(text), bytes.as_bytes());
    }
}
