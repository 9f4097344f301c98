//! H: the HATEOAS pages.

use super::{C, Req, SR, Wire};
use serde_json::{Value as Json, json};
use slapos_api::slap::Value;

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn search(wire: &Wire, query: &str) -> super::Answer {
    wire.get(&format!(
        "/hateoas/?mode=search&query={}&select_list=title",
        encoded(query)
    ))
}

fn contents(wire: &Wire, query: &str) -> Vec<Json> {
    let answer = search(wire, query);
    answer.ok();
    answer.json()["_embedded"]["contents"]
        .as_array()
        .unwrap()
        .clone()
}

const SERVICES: &str = "portal_type:\"Instance Tree\" AND validation_state:validated";
const NODES: &str = "portal_type:\"Compute Node\" AND validation_state:validated";

#[test]
fn h01_h02_h10_the_root_is_found() {
    let wire = Wire::proxy();
    let moved = wire.get("/hateoas");
    assert_eq!(moved.status, 308);
    assert_eq!(moved.headers["location"], "/hateoas/");
    let root = wire.get("/hateoas/").json();
    let search = root["_links"]["raw_search"]["href"].as_str().unwrap();
    assert_eq!(
        search,
        "http://localhost/hateoas/?mode=search&query={query}&select_list={select_list}"
    );
    assert_eq!(wire.get("/getHateoasUrl").ok(), "http://localhost/hateoas/");
}

#[test]
fn h03_h04_services_and_nodes_are_listed() {
    let wire = Wire::formatted(2);
    wire.request(&Req::new("web 1")).ok();
    wire.request(&Req::new("site").shared()).ok();
    let titles: Vec<_> = contents(&wire, SERVICES)
        .iter()
        .map(|item| item["title"].clone())
        .collect();
    assert_eq!(titles, ["web 1", "site"]);
    let one = contents(&wire, &format!("{SERVICES} AND title:=\"web 1\""));
    assert_eq!(one[0]["url_string"], SR);
    assert!(contents(&wire, &format!("{SERVICES} AND title:=\"nope\"")).is_empty());
    assert_eq!(contents(&wire, NODES)[0]["reference"], C);
    assert_eq!(
        contents(&wire, &format!("{NODES} AND reference:=\"{C}\""))[0]["title"],
        C
    );
}

#[test]
fn h05_h06_other_queries_and_modes_are_refused() {
    let wire = Wire::proxy();
    assert_eq!(
        search(&wire, &format!("{SERVICES} AND title:=\"a\"b\"")).status,
        400
    );
    let answer = search(&wire, "portal_type:\"Person\"");
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("Unhandled query: "), "{}", answer.text);
    let answer = wire.get("/hateoas/?mode=bad");
    assert_eq!(answer.status, 400);
    assert!(
        answer.text.contains("Unhandled mode: bad"),
        "{}",
        answer.text
    );
}

#[test]
fn h07_h08_h09_a_page_is_reached_and_no_other_site_is() {
    let wire = Wire::formatted(1);
    let parameters = [("a", Value::text("é <&>"))];
    wire.request(&Req::new("web").parameters(&parameters)).ok();
    wire.request(&Req::new("site").shared()).ok();
    wire.publish(
        "part0",
        &Value::dict([("url", Value::text("http://x/"))]),
        "None",
    )
    .ok();
    let page = |title: &str| {
        let found = contents(&wire, &format!("{SERVICES} AND title:=\"{title}\""));
        let url = found[0]["relative_url"].as_str().unwrap().to_owned();
        let traverse = format!(
            "/hateoas/?mode=traverse&relative_url={}&view=slaposjs_view",
            encoded(&url)
        );
        let moved = wire.get(&traverse);
        assert_eq!(moved.status, 302);
        let page = wire.get(moved.headers["location"].to_str().unwrap());
        page.json()["_embedded"]["_view"].clone()
    };
    let web = page("web");
    assert_eq!(web["my_slap_state"]["default"], "started");
    assert_eq!(web["my_root_slave"]["default"], 0);
    let xml = web["my_text_content"]["default"].as_str().unwrap();
    assert!(
        xml.contains("<parameter id=\"a\">é &lt;&amp;&gt;</parameter>"),
        "{xml}"
    );
    let xml = web["my_connection_parameter_list"]["default"]
        .as_str()
        .unwrap();
    assert!(
        xml.contains("<parameter id=\"url\">http://x/</parameter>"),
        "{xml}"
    );
    let site = page("site");
    assert_eq!(site["my_slap_state"]["default"], "unused");
    assert_eq!(site["my_root_slave"]["default"], 1);
    for url in [
        "http://evil.example/",
        "//evil.example/",
        "/hateoas/services/../x",
    ] {
        let path = format!(
            "/hateoas/?mode=traverse&relative_url={}&view=v",
            encoded(url)
        );
        assert_eq!(wire.get(&path).status, 404, "{url}");
    }
    assert_eq!(wire.get("/hateoas/services/SOFTINST-none").status, 404);
    assert_eq!(json!(wire.get("/hateoas/computers/COMP-none").status), 404);
}
