//! Clients of services that speak HTTP.

use super::line::{answer, expect};
use super::release::Talk;
use crate::drill::client;
use serde_json::Value;
use std::process::Command;

type Answer = Result<String, String>;

/// A page that says what its parameter says.
pub(super) fn helloworld(talk: &Talk<'_>) -> Answer {
    page(talk, ["Hello, world!", "Hello from the drill"])
}

/// The same with HTML.
pub(super) fn nginx(talk: &Talk<'_>) -> Answer {
    let said = ["<h1>It works</h1>", "<h1>Page of the drill</h1>"];
    page(talk, said).map(|_| said[usize::from(talk.is_changed)].to_owned())
}

/// The page at its URL, which says one text and another after the change.
fn page(talk: &Talk<'_>, says: [&str; 2]) -> Answer {
    let page = client::read_page(talk.published("url")?)?;
    expect(page, says[usize::from(talk.is_changed)])
}

/// `curl` through the proxy: both servers in turn, and one alone after the change.
pub(super) fn haproxy(talk: &Talk<'_>) -> Answer {
    let url = talk.published("url")?;
    let ask = || curl(&[url]);
    let heard = [ask()?, ask()?, ask()?, ask()?];
    let first = heard.iter().filter(|text| *text == "first").count();
    let second = heard.iter().filter(|text| *text == "second").count();
    let wanted = if talk.is_changed { (0, 4) } else { (2, 2) };
    if (first, second) != wanted {
        return Err(format!("four requests were answered {heard:?}"));
    }
    expect(curl(&[talk.published("stats_url")?])?, "server1")?;
    Ok(heard.join(", "))
}

/// The answer of an application, and of another one after the change.
pub(super) fn waitress(talk: &Talk<'_>) -> Answer {
    page(talk, ["It works.", "Hello from the drill"])
}

/// What `waitress` serves after the change.
pub(super) const APPLICATION: &str = "def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'Hello from the drill']
";

/// Starts the Python of a notebook over the interface; the change takes the terminals away.
pub(super) fn jupyterlab(talk: &Talk<'_>) -> Answer {
    let api = talk.published("api_url")?;
    let login = format!("Authorization: token {}", talk.published("token")?);
    if curl(&[&format!("{api}/status")]).is_ok() {
        return Err("it answers without the token".to_owned());
    }
    let ask = |path: &str| curl(&["-H", &login, &format!("{api}/{path}")]);
    expect(ask("status")?, "started")?;
    if ask("terminals").is_ok() == talk.is_changed {
        return Err(format!("terminals are there: {}", !talk.is_changed));
    }
    let start = ["-H", &login, "-d", "{\"name\": \"python3\"}"];
    let kernels = format!("{api}/kernels");
    expect(
        curl(&[&start[..], &[kernels.as_str()]].concat())?,
        "python3",
    )?;
    ask("")
}

/// A file goes there and comes back; the change lets everybody read it.
pub(super) fn dufs(talk: &Talk<'_>) -> Answer {
    let (url, login) = (talk.published("url")?, login(talk)?);
    let file = talk.ground.path().join("upload");
    std::fs::write(&file, "hello from the drill").map_err(|error| error.to_string())?;
    let place = format!("{url}drill.txt");
    if !talk.is_changed {
        curl(&["-u", &login, "-T", &file.display().to_string(), &place])?;
    }
    match curl(&[&place]) {
        Ok(_) if !talk.is_changed => return Err("it gives files without a password".to_owned()),
        Err(error) if talk.is_changed => return Err(error),
        _ => {}
    }
    expect(curl(&["-u", &login, &place])?, "hello from the drill")
}

/// Deploys a flow that serves a page; the change lets everybody see it.
pub(super) fn node_red(talk: &Talk<'_>) -> Answer {
    let (url, login) = (talk.published("url")?, login(talk)?);
    if !talk.is_changed {
        let ask = format!(
            "client_id=node-red-admin&grant_type=password&scope=*&username={}&password={}",
            talk.published("user")?,
            talk.published("password")?
        );
        let said = curl(&["-d", &ask, &format!("{url}auth/token")])?;
        let said: Value = serde_json::from_str(&said).map_err(|error| error.to_string())?;
        let token = said["access_token"].as_str().unwrap_or_default().to_owned();
        let bearer = format!("Authorization: Bearer {token}");
        let flow = [
            "-H",
            &bearer,
            "-H",
            "Content-Type: application/json",
            "-d",
            FLOW,
        ];
        curl(&[&flow[..], &[format!("{url}flows").as_str()]].concat())?;
    }
    let page = format!("{url}drill");
    match curl(&[&page]) {
        Ok(_) if !talk.is_changed => return Err("a flow is open without a password".to_owned()),
        Err(error) if talk.is_changed => return Err(error),
        _ => {}
    }
    expect(curl(&["-u", &login, &page])?, "hello from a flow")
}

const FLOW: &str = r#"[{"id":"drill","type":"tab","label":"drill"},
  {"id":"in","type":"http in","z":"drill","url":"/drill","method":"get","wires":[["text"]]},
  {"id":"text","type":"template","z":"drill","field":"payload","template":"hello from a flow","wires":[["out"]]},
  {"id":"out","type":"http response","z":"drill","statusCode":"200","wires":[]}]"#;

fn login(talk: &Talk<'_>) -> Answer {
    Ok(format!(
        "{}:{}",
        talk.published("user")?,
        talk.published("password")?
    ))
}

fn curl(words: &[&str]) -> Answer {
    let base = [
        "--silent",
        "--show-error",
        "--fail",
        "--max-time",
        "10",
        "--noproxy",
        "*",
    ];
    answer(Command::new("curl").args(base).args(words))
}
