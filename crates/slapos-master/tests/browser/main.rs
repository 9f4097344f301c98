//! The panel in a real Chromium, before a real master and a node that reports: what a person sees
//! and does. Pictures of every page are left in `target/tmp/panel/`.

// The lint's exception for tests does not reach the functions that tests share.
#![allow(clippy::unwrap_used)]

mod webdriver;
mod world;

use serde_json::json;
use slapos_api::wire::instance::InstanceRequest;
use slapos_testkit::wait_until;
use webdriver::{Browser, ENTER, LIMIT, TAB};
use world::{Node, World};

/// A mark that is gone when a page was loaded again.
const MARK: &str = "(window.mark = 'same page')";

fn is_same_page(browser: &Browser) -> bool {
    browser.eval("window.mark ?? null") == "same page"
}

/// The page listens: whatever is reported from now on must show up by itself.
fn wait_until_live(browser: &Browser) {
    wait_until("the page to listen", LIMIT, || {
        (browser.eval("document.body.dataset.watching ?? null") == "yes").then_some(())
    });
}

fn log_in(world: &World) -> Browser {
    let browser = Browser::start();
    browser.open(&world.link());
    assert_eq!(
        browser.url(),
        world.page("/"),
        "the token leaves the address"
    );
    browser
}

/// Some services in all kinds of states.
fn populate(world: &World, node: &Node) {
    let owner = world.owner();
    for (software, name) in [
        ("redis", "my_db"),
        ("nginx", "site"),
        ("helloworld", "hello"),
    ] {
        let ask = InstanceRequest {
            name: name.to_owned(),
            software: software.to_owned(),
            parameters: (name == "my_db").then(|| {
                let parameters = json!({"maxmemory": "128mb", "appendonly": true});
                parameters.as_object().unwrap().clone()
            }),
            ..InstanceRequest::default()
        };
        owner.request_instance(&ask).unwrap();
    }
    node.says_software("my_db", json!({"state": "available"}));
    node.says_running("my_db", ("kept", "listening on 127.0.0.1:6379"));
    node.says_software(
        "site",
        json!({"state": "building", "progress": {"part": "nginx",
        "index": 3, "total": 5, "step": "compile", "seconds": 41}}),
    );
    node.says_software("hello", json!({"state": "failed",
        "message": "part hello failed at compile\nhello.c:3:1: error: expected ‘;’\nmake: *** [all] Error 1"}));
}

#[test]
fn panel_whole_life_of_a_service() {
    let (world, browser) = (World::start(), Browser::start());
    let node = world.node();
    browser.open(&world.page("/"));
    browser.wait_for("h1", "Log in");
    browser.open(&world.link());
    browser.wait_for(".empty", "No services yet");
    assert_eq!(browser.url(), world.page("/"));

    browser.click(".empty a.primary");
    browser.wait_for("h1", "Request a service");
    browser.click("a[aria-label^='Request redis']");
    request_with_mistakes(&browser);
    watch_it_become_green(&browser, &node);
    stop_start_destroy(&browser, &node, &world);
}

fn request_with_mistakes(browser: &Browser) {
    browser.wait_for("main h1", "Request Redis");
    browser.fill("#name", "my_db");
    browser.fill("#p-maxmemory", "lots");
    // The browser itself sees that the value does not fit the pattern…
    browser.click("form button.primary");
    assert_eq!(
        browser.eval("document.querySelector('#p-maxmemory').validity.patternMismatch"),
        true
    );
    // …and so does the master, whatever the browser lets through.
    browser.eval("(document.querySelector('main form').noValidate = true)");
    browser.click("form button.primary");
    let error = browser.wait_for("#error-maxmemory", "lots");
    assert!(
        error.contains("allowed") && error.contains("64mb"),
        "{error}"
    );
    assert_eq!(browser.eval("document.activeElement.id"), "p-maxmemory");
    assert_eq!(
        browser.eval("document.querySelector('#name').value"),
        "my_db"
    );
    browser.picture("request-error");
    browser.fill("#p-maxmemory", "128mb");
    browser.click("form button.primary");
    browser.wait_for("h1", "my_db");
}

fn watch_it_become_green(browser: &Browser, node: &Node) {
    wait_until_live(browser);
    browser.eval(MARK);
    browser.click("#logs details:first-of-type summary");
    browser.wait_for(
        "#logs details:first-of-type pre",
        "Ready to accept connections <tcp>",
    );
    browser.wait_for("#logs details:first-of-type pre", "one line more");
    node.says_software(
        "my_db",
        json!({"state": "building", "progress": {"part": "redis",
        "index": 2, "total": 4, "step": "compile", "seconds": 41}}),
    );
    browser.wait_for("#state", "building");
    browser.wait_for("main", "part 2 of 4: redis, compile");
    node.says_software("my_db", json!({"state": "available"}));
    node.says_running("my_db", ("broken", "nothing listens on 127.0.0.1:6379"));
    browser.wait_for("#state", "starting");
    browser.wait_for("#promise-port-listening", "nothing listens");
    browser.wait_for(".why li:first-child", "port-listening");
    node.says_running("my_db", ("kept", "listening"));
    browser.wait_for("#state", "started");
    browser.wait_for("#promises-title", "3 of 3 kept");
    browser.wait_for("#events", "as asked");
    let secret = browser.text(".secret").unwrap();
    assert!(!secret.contains("hunter2"), "{secret}");
    browser.click(".secret summary");
    browser.wait_for(".secret", "hunter2");
    assert!(is_same_page(browser), "all of that without a reload");
    assert_eq!(
        browser.eval("document.querySelector('#logs details').open"),
        true
    );
}

fn stop_start_destroy(browser: &Browser, node: &Node, world: &World) {
    browser.click("#stop");
    browser.wait_for("#state", "stopping");
    wait_until_live(browser);
    browser.eval(MARK);
    node.says("my_db", "stopped");
    browser.wait_for("#state", "stopped");
    assert!(is_same_page(browser));
    browser.click("#start");
    node.wait_asked("my_db", "started");
    node.says_running("my_db", ("kept", "listening"));
    browser.wait_for("#state", "started");
    browser.click("a.danger");
    browser.wait_for("h1", "Destroy my_db?");
    browser.picture("destroy");
    browser.click("#destroy");
    browser.wait_for(".service", "destroying");
    wait_until_live(browser);
    node.says("my_db", "destroyed");
    browser.wait_for(".empty", "No services yet");
    assert!(world.owner().list_instances().unwrap().items.is_empty());
    browser.click(".out button");
    browser.wait_for("h1", "Log in");
}

#[test]
fn panel_events_keep_focus_and_typed_text() {
    let world = World::start();
    let node = world.node();
    populate(&world, &node);
    let browser = log_in(&world);
    wait_until_live(&browser);
    browser.eval(MARK);
    let focused = "document.activeElement?.closest('.service')?.innerText ?? null";
    browser.eval("document.querySelectorAll('.service h3 a')[0].focus()");
    node.says_running("my_db", ("broken", "refused"));
    browser.wait_for(".services", "degraded");
    node.says_software(
        "site",
        json!({"state": "building", "progress": {"part": "nginx",
        "index": 4, "total": 5, "step": "install", "seconds": 90}}),
    );
    browser.wait_for(".services", "part 4 of 5");
    assert!(
        browser.eval(focused).is_string(),
        "the focus stays on its link"
    );
    assert!(is_same_page(&browser));
}

#[test]
fn panel_looks_well_in_light() {
    look_at_every_page(("light", 1280, "light"));
}

#[test]
fn panel_looks_well_in_dark() {
    look_at_every_page(("dark", 1280, "dark"));
}

#[test]
fn panel_looks_well_on_a_phone() {
    look_at_every_page(("phone", 360, "light"));
}

fn look_at_every_page((look, width, scheme): (&str, u32, &str)) {
    let world = World::start();
    let node = world.node();
    populate(&world, &node);
    node.says_running("my_db", ("broken", "nothing listens on 127.0.0.1:6379"));
    node.says_running("my_db", ("kept", "listening on 127.0.0.1:6379"));
    let browser = log_in(&world);
    let id = |name: &str| world.owner().find_instance(name).unwrap().id;
    let pages = [
        ("home", "/".to_owned()),
        ("service", format!("/services/{}", id("my_db"))),
        ("failed", format!("/services/{}", id("hello"))),
        ("building", format!("/services/{}", id("site"))),
        ("edit", format!("/services/{}/edit", id("my_db"))),
        ("logs", format!("/services/{}/logs", id("my_db"))),
        ("request", "/request".to_owned()),
        ("order", "/request/redis".to_owned()),
        ("nodes", "/nodes".to_owned()),
        ("catalog", "/catalog/redis".to_owned()),
    ];
    browser.resize(width, 800);
    browser.prefer_scheme(scheme);
    for (name, path) in &pages {
        browser.open(&world.page(path));
        assert_fits(&browser, width, path);
        assert_scheme(&browser, scheme);
        browser.picture(&format!("{name}-{look}"));
    }
}

/// No part of the page is wider than the window.
fn assert_fits(browser: &Browser, width: u32, path: &str) {
    let wide = browser.eval("document.documentElement.scrollWidth");
    assert!(
        wide.as_u64().unwrap() <= u64::from(width),
        "{path} is {wide} wide at {width}"
    );
}

fn assert_scheme(browser: &Browser, scheme: &str) {
    let back = browser.eval("getComputedStyle(document.body).backgroundColor");
    let wanted = if scheme == "dark" {
        "rgb(14, 17, 24)"
    } else {
        "rgb(244, 246, 250)"
    };
    assert_eq!(back, wanted);
}

#[test]
fn panel_is_used_by_keyboard_alone() {
    let world = World::start();
    let node = world.node();
    populate(&world, &node);
    let browser = log_in(&world);
    browser.press(TAB);
    assert_eq!(
        browser.eval("document.activeElement.innerText"),
        "Skip to the content"
    );
    browser.press(ENTER);
    tab_to(&browser, "Request a service");
    tab_to(&browser, "my_db");
    browser.press(ENTER);
    browser.wait_for("h1", "my_db");
    tab_to(&browser, "Stop");
    let outline = browser.eval("getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, "solid", "the focus is seen");
    browser.press(ENTER);
    browser.wait_for("#state", "stopping");
    tab_to(&browser, "Destroy…");
}

/// Presses Tab until the focus is on something of that text.
fn tab_to(browser: &Browser, text: &str) {
    let mut seen = Vec::new();
    for _ in 0..60 {
        let now = browser.eval("document.activeElement.innerText ?? ''");
        if now == text {
            return;
        }
        seen.push(now);
        browser.press(TAB);
    }
    panic!("Tab does not reach `{text}`, but: {seen:?}");
}
