//! The panel's pages over a whole router, without a socket: what is shown, who gets in, and what a
//! form of another site cannot do.

use crate::store::catalog::{ReleaseRow, upsert};
use crate::store::{Database, StoreError};
use crate::{MasterConfig, bootstrap, owner_token_path};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use slapos_model::{Clock, RandomSource};
use slapos_testkit::{FakeClock, SeededRandom};
use std::sync::Arc;
use tower_service::Service;

const SCHEMA: &str = r#"{"type": "object", "additionalProperties": false, "properties": {
    "maxmemory": {"type": "string", "title": "Memory", "pattern": "^[0-9]+(kb|mb|gb)$",
                  "examples": ["64mb"], "default": "100mb"},
    "policy": {"type": "string", "enum": ["noeviction", "allkeys-lru"]},
    "motto": {"type": "string"}}}"#;

/// A master without a socket, and somebody at its panel.
struct Desk {
    runtime: tokio::runtime::Runtime,
    router: Router,
    token: String,
    _dir: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = MasterConfig {
            dir: dir.path().to_owned(),
            listen: "127.0.0.1:0".parse().unwrap(),
            database: Database::Sqlite(dir.path().join("master.sqlite")),
            proxy: None,
            beside: None,
        };
        let clock: Arc<dyn Clock> = Arc::new(FakeClock::new());
        let random: Arc<dyn RandomSource> = Arc::new(SeededRandom::new(1));
        let prepared = bootstrap(&config, &clock, &random).unwrap();
        let row = ReleaseRow {
            url: "catalog:demo/1.0/software.cfg".to_owned(),
            name: "demo".to_owned(),
            version: "1.0".to_owned(),
            title: "Demo".to_owned(),
            summary: "Shows <things>".to_owned(),
            schema: SCHEMA.to_owned(),
            connection: r#"{"url": "Where it is"}"#.to_owned(),
            readme: "# Demo\n\nA <b>bold</b> demo.".to_owned(),
            files: "{}".to_owned(),
            is_default: true,
        };
        prepared
            .store
            .write_blocking(move |tx| -> Result<(), StoreError> { upsert(tx, &row) })
            .unwrap();
        let token = std::fs::read_to_string(owner_token_path(dir.path())).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let router = runtime
            .block_on(crate::router(prepared, clock, random))
            .unwrap();
        Self {
            runtime,
            router,
            token: token.trim().to_owned(),
            _dir: dir,
        }
    }

    fn send(&self, request: Request<Body>) -> Answer {
        let mut router = self.router.clone();
        self.runtime.block_on(async move {
            let response = router.call(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let bytes = to_bytes(body, usize::MAX).await.unwrap();
            Answer {
                status: parts.status,
                headers: parts.headers,
                text: String::from_utf8(bytes.to_vec()).unwrap(),
            }
        })
    }

    fn cookie(&self) -> String {
        format!("slapos_session={}", self.token)
    }

    fn get(&self, path: &str) -> Answer {
        let request = Request::get(path)
            .header("cookie", self.cookie())
            .header("accept", "text/html");
        self.send(request.body(Body::empty()).unwrap())
    }

    fn post(&self, path: &str, form: &str) -> Answer {
        self.post_from(path, form, "same-origin")
    }

    fn post_from(&self, path: &str, form: &str, site: &str) -> Answer {
        let request = Request::post(path)
            .header("cookie", self.cookie())
            .header("sec-fetch-site", site)
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form.to_owned())).unwrap())
    }

    /// Requests a service and answers the address of its page.
    fn request(&self, form: &str) -> String {
        let answer = self.post("/request/demo", form);
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        answer.header(header::LOCATION).to_owned()
    }
}

#[test]
fn login_link_sets_the_cookie_and_leaves_the_address() {
    let desk = Desk::new();
    let link = Request::get(format!("/?token={}", desk.token));
    let answer = desk.send(link.body(Body::empty()).unwrap());
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header(header::LOCATION), "/");
    let wanted = format!(
        "slapos_session={}; Path=/; HttpOnly; SameSite=Strict",
        desk.token
    );
    assert_eq!(answer.header(header::SET_COOKIE), wanted);
}

#[test]
fn login_unknown_token_is_refused_without_a_cookie() {
    let desk = Desk::new();
    for token in [
        "slapos_wrong",
        "",
        "a%0d%0aSet-Cookie:b",
        "a%3B%20Domain%3Dx",
    ] {
        let link = Request::get(format!("/?token={token}"));
        let answer = desk.send(link.body(Body::empty()).unwrap());
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{token}");
        assert!(answer.text.contains("not valid"), "{token}");
        assert!(!answer.headers.contains_key(header::SET_COOKIE), "{token}");
    }
}

#[test]
fn login_old_link_does_not_log_out() {
    let desk = Desk::new();
    let answer = desk.get("/?token=slapos_old");
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
}

#[test]
fn login_form_and_logout_change_the_cookie() {
    let desk = Desk::new();
    let answer = desk.post("/login", &format!("token=+{}+", desk.token));
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(answer.header(header::SET_COOKIE).contains(&desk.token));
    let answer = desk.post("/logout", "");
    assert!(answer.header(header::SET_COOKIE).contains("Max-Age=0"));
}

#[test]
fn page_without_session_says_how_to_get_in() {
    let desk = Desk::new();
    for path in [
        "/",
        "/nodes",
        "/request",
        "/request/demo",
        "/services/x",
        "/catalog/demo",
    ] {
        let answer = desk.send(Request::get(path).body(Body::empty()).unwrap());
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(answer.text.contains("slapos up"), "{path}");
    }
}

#[test]
fn every_page_is_whole_and_guarded() {
    let desk = Desk::new();
    let service = desk.request("name=my_db");
    let pages = [
        "/",
        "/request",
        "/request/demo",
        "/catalog/demo@1.0",
        "/nodes",
    ]
    .map(str::to_owned);
    let of_service = ["", "/edit", "/destroy", "/logs"].map(|rest| format!("{service}{rest}"));
    for path in pages.iter().chain(&of_service) {
        let answer = desk.get(path);
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        for (mark, count) in [
            ("<h1", 1),
            ("<main", 1),
            ("<title>", 1),
            ("class=\"skip\"", 1),
        ] {
            assert_eq!(answer.text.matches(mark).count(), count, "{mark} in {path}");
        }
        assert!(!answer.text.contains(" style="), "{path}");
        assert!(!answer.text.contains("<script>"), "{path}");
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        assert!(policy.starts_with("default-src 'self'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(answer.header(header::REFERRER_POLICY), "no-referrer");
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    }
}

#[test]
fn every_input_has_a_label() {
    let desk = Desk::new();
    let text = desk.get("/request/demo").text;
    let inputs: Vec<_> = ["<input id=\"", "<select id=\"", "<textarea id=\""]
        .iter()
        .flat_map(|start| text.split(*start).skip(1))
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert!(inputs.len() >= 4, "{inputs:?}");
    for id in inputs {
        assert!(text.contains(&format!("<label for=\"{id}\"")), "{id}");
    }
}

#[test]
fn post_from_another_site_changes_nothing() {
    let desk = Desk::new();
    let service = desk.request("name=my_db");
    let state = format!("{service}/state");
    for (path, form) in [
        (state.as_str(), "state=stopped"),
        ("/request/demo", "name=other"),
        ("/login", "token=x"),
        ("/logout", ""),
    ] {
        for site in ["cross-site", "same-site"] {
            let answer = desk.post_from(path, form, site);
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} from {site}");
            assert!(!answer.headers.contains_key(header::SET_COOKIE));
        }
    }
    assert!(desk.get(&service).text.contains("value=\"stopped\""));
    assert!(!desk.get("/").text.contains("other"));
}

#[test]
fn request_wrong_value_is_said_at_its_field() {
    let desk = Desk::new();
    let answer = desk.post("/request/demo", "name=my_db&p.maxmemory=lots&p.policy=");
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let error = answer.text.split("id=\"error-maxmemory\"").nth(1).unwrap();
    let error = error.split("</p>").next().unwrap();
    assert!(error.contains("lots") && error.contains("64mb"), "{error}");
    assert!(
        answer.text.contains("value=\"lots\""),
        "what was typed stays"
    );
    assert!(answer.text.contains("value=\"my_db\""));
    let answer = desk.post("/request/demo", "name=&p.policy=noeviction");
    assert!(answer.text.contains("id=\"error-name\""), "{}", answer.text);
    let answer = desk.post("/request/demo", "name=ab&p.policy=random");
    assert!(
        answer.text.contains("id=\"error-policy\""),
        "{}",
        answer.text
    );
}

#[test]
fn request_sent_twice_makes_one_service_and_a_taken_name_is_refused() {
    let desk = Desk::new();
    let first = desk.request("name=my_db&p.maxmemory=64mb");
    assert_eq!(desk.request("name=my_db&p.maxmemory=64mb"), first);
    let answer = desk.post("/request/demo", "name=my_db&p.maxmemory=32mb");
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.text.contains("have a service named"),
        "{}",
        answer.text
    );
    assert!(desk.get(&first).text.contains("64mb"));
}

#[test]
fn edit_shows_what_stands_and_changes_it() {
    let desk = Desk::new();
    let service = desk.request("name=my_db&p.maxmemory=64mb&p.policy=allkeys-lru");
    let edit = format!("{service}/edit");
    let form = desk.get(&edit).text;
    assert!(form.contains("value=\"64mb\""));
    assert!(form.contains("value=\"allkeys-lru\" selected"));
    let answer = desk.post(&edit, "p.maxmemory=no&p.policy=");
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let answer = desk.post(&edit, "p.maxmemory=32mb&p.policy=");
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let page = desk.get(&service).text;
    assert!(page.contains("32mb") && !page.contains("allkeys-lru"));
}

#[test]
fn service_is_stopped_started_and_destroyed_by_its_buttons() {
    let desk = Desk::new();
    let service = desk.request("name=my_db");
    let state = format!("{service}/state");
    assert_eq!(
        desk.post(&state, "state=stopped").status,
        StatusCode::SEE_OTHER
    );
    assert!(desk.get(&service).text.contains("id=\"start\""));
    assert_eq!(
        desk.post(&state, "state=started").status,
        StatusCode::SEE_OTHER
    );
    assert!(desk.get(&service).text.contains("id=\"stop\""));
    assert!(
        desk.get(&format!("{service}/destroy"))
            .text
            .contains("cannot be undone")
    );
    let answer = desk.post(&state, "state=destroyed");
    assert_eq!(answer.header(header::LOCATION), "/");
    assert!(desk.get("/").text.contains("No services yet"));
}

#[test]
fn text_of_people_is_escaped_everywhere() {
    let desk = Desk::new();
    let service = desk.request("name=my_db&p.motto=%3Cscript%3Ealert(1)%3C/script%3E%22");
    for path in [service.clone(), format!("{service}/edit")] {
        let text = desk.get(&path).text;
        assert!(!text.contains("<script>"), "{path}");
        assert!(text.contains("alert(1)"), "{path}");
    }
    let docs = desk.get("/catalog/demo").text;
    assert!(!docs.contains("<b>bold") && docs.contains("bold"));
}

#[test]
fn waiting_service_says_why_first() {
    let desk = Desk::new();
    let page = desk.get(&desk.request("name=my_db")).text;
    assert!(page.contains("class=\"badge busy\""));
    assert!(page.contains("no free partition"), "{page}");
    let home = desk.get("/").text;
    assert!(home.contains("my_db was requested"), "{home}");
}

#[test]
fn assets_are_named_by_content_and_kept() {
    let desk = Desk::new();
    let text = desk.get("/").text;
    for (attribute, kind) in [
        ("src=\"/static/", "text/javascript"),
        ("href=\"/static/", "text/css"),
    ] {
        let name = text.split(attribute).find(|rest| {
            let end = if kind == "text/css" {
                ".css\""
            } else {
                ".js\""
            };
            rest.split_whitespace().next().unwrap().contains(end)
        });
        let path = format!("/static/{}", name.unwrap().split('"').next().unwrap());
        let answer = desk.send(Request::get(&path).body(Body::empty()).unwrap());
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.header(header::CONTENT_TYPE).starts_with(kind));
        assert!(answer.header(header::CACHE_CONTROL).contains("immutable"));
    }
    assert_eq!(desk.get("/static/panel.css").status, StatusCode::NOT_FOUND);
}

#[test]
fn unknown_address_is_a_page_for_people_and_json_for_programs() {
    let desk = Desk::new();
    let page = desk.get("/nothing/here");
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.text.contains("<h1>"));
    let call = desk.send(Request::get("/v1/nothing").body(Body::empty()).unwrap());
    assert_eq!(call.status, StatusCode::NOT_FOUND);
    assert!(call.text.starts_with('{'), "{}", call.text);
    let unknown = desk.get("/services/nothing");
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert!(unknown.text.contains("All services"));
}
