//! Forwarding between the genuine proxy and ours, in both directions, and the move from one to ours.

use super::peer::{LIMIT, Peer};
use super::python::Python;
use crate::Outcome;
use crate::bench::wait::wait_for;
use crate::command::say;
use std::path::Path;
use std::process::Command;

const RELEASE: &str = "http://sr.example.org/far/software.cfg";
const EXACT: &str = r#"_={"n":9007199254740993,"u":"é<&\"","e":""}"#;

/// Both directions.
pub(super) fn forward(python: &Python, program: &Path) -> Outcome {
    for (near, far, words) in [
        (Some(program), None, "ours to theirs"),
        (None, Some(program), "theirs to ours"),
    ] {
        let dir = tempfile::Builder::new().prefix("slap").tempdir();
        let dir = dir.map_err(|error| error.to_string())?;
        let mut far = Peer::start(python, far, &dir.path().join("far"), "")?;
        far.offer(2)?;
        let more = format!(
            "[multimaster/{}]\nsoftware_release_list =\n  {RELEASE}\n",
            far.url()
        );
        let near_dir = dir.path().join("near");
        let near_peer = Peer::start(python, near, &near_dir, &more)?;
        near_peer.offer(1)?;
        one_direction(python, &near_peer, &mut far, near.is_some())
            .map_err(|error| format!("forwarding, {words}: {error}"))?;
        say(&format!(
            "forwarding, {words}: parameters, values, states, destruction are as wanted"
        ));
    }
    Ok(())
}

fn one_direction(python: &Python, near: &Peer, far: &mut Peer, is_ours: bool) -> Outcome {
    let ask = |more: &[&'static str]| {
        let mut words = vec!["request", "db", RELEASE, "--parameters", EXACT];
        words.extend(more);
        words
    };
    near.slapos_says(python, &ask(&[]), "started")?;
    let told = far.told()?;
    if !told.contains(">user_db<") || !told.contains("9007199254740993") {
        return Err(format!(
            "the far proxy was not asked as it should be:\n{told}"
        ));
    }
    publish(far)?;
    near.slapos_says(python, &ask(&[]), "'url': 'http://far/'")?;
    near.slapos_says(python, &ask(&["--state", "stopped"]), "stopped")?;
    expect_told(far, ">stopped<")?;
    far.kill();
    let (status, said) = near.slapos(python, &ask(&["--state", "destroyed"]))?;
    if status == 0 {
        return Err(format!("a silent master is no matter: {said}"));
    }
    far.boot()?;
    if is_ours {
        // Nobody asks again: ours kept it.
        wait_for("the far proxy to be told of the end", LIMIT, || {
            Ok(far.told()?.contains(">destroyed<").then_some(()))
        })?;
    } else {
        near.slapos_says(python, &ask(&["--state", "destroyed"]), "destroyed")?;
    }
    expect_told(far, ">destroyed<")
}

fn expect_told(far: &Peer, text: &str) -> Outcome {
    let told = far.told()?;
    match told.contains(text) {
        true => Ok(()),
        false => Err(format!("the far proxy does not say `{text}`:\n{told}")),
    }
}

fn publish(far: &Peer) -> Outcome {
    use slapos_api::slap::{Value, write};
    let values = write(&Value::dict([("url", Value::text("http://far/"))]));
    let values = values.map_err(|error| error.to_string())?;
    let form = [
        ("computer_id", "comp"),
        // The first that is offered holds the first that was asked for, on either side.
        ("computer_partition_id", "slappart0"),
        ("connection_xml", &values),
    ];
    let told = far
        .client()?
        .post("setComputerPartitionConnectionXml", &form);
    told.map_err(|error| error.to_string())
}

const NAMED: [&str; 2] = ["--parameters", "name=you"];

/// A proxy of the original with a tree, a share and values; taken over; asked the same.
pub(super) fn take_over(python: &Python, program: &Path) -> Outcome {
    let dir = tempfile::Builder::new().prefix("slap").tempdir();
    let dir = dir.map_err(|error| error.to_string())?;
    let mut theirs = Peer::start(python, None, &dir.path().join("theirs"), "")?;
    theirs.offer(4)?;
    theirs.slapos_says(python, &["supply", RELEASE, "comp"], "Done.")?;
    let asked = [
        vec!["request", "db", RELEASE, "--parameters", EXACT],
        vec!["request", "web", RELEASE, "--state", "stopped"],
        [&["request", "site", RELEASE, "--slave"], &NAMED[..]].concat(),
    ];
    for words in &asked {
        theirs.slapos_says(python, words, "")?;
    }
    publish(&theirs)?;
    ask_for_a_child(&theirs)?;
    let before = theirs.slapos(python, &["service", "list"])?;
    let (their_told, source) = (theirs.told()?, theirs.dir.join("proxy.db"));
    theirs.kill();
    let at = dir.path().join("ours");
    std::fs::create_dir(&at).map_err(|error| error.to_string())?;
    let into = at.join("proxy.db");
    import_thrice(program, &source, &into)?;
    let ours = Peer::start(python, Some(program), &at, "")?;
    let after = ours.slapos(python, &["service", "list"])?;
    if after != before {
        return Err(format!(
            "the list of services is another after the move:\n{before:?}\n{after:?}"
        ));
    }
    for words in &asked {
        ours.slapos_says(python, words, "")?;
    }
    compare(&their_told, &ours.told()?)?;
    say("a genuine proxy's tree, share, values and states were taken over");
    Ok(())
}

/// Dry, for real, and again: the first says what the second does, the third finds all there.
fn import_thrice(program: &Path, source: &Path, into: &Path) -> Outcome {
    let import = |more: &[&str]| {
        let mut command = Command::new(program);
        command.args(["--json", "master", "import", "--from-proxy"]);
        command.arg(source).arg("--into").arg(into).args(more);
        let output = command.output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        match output.status.success() {
            true => Ok(text),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    };
    let (dry, wet, again) = (import(&["--dry-run"])?, import(&[])?, import(&[])?);
    if dry.replace("\"dry_run\":true", "\"dry_run\":false") != wet {
        return Err(format!("a dry run says something else:\n{dry}\n{wet}"));
    }
    if wet.contains("\"left\"") || again.contains("\"taken\"") {
        return Err(format!("not all is taken over, once:\n{wet}\n{again}"));
    }
    Ok(())
}

fn ask_for_a_child(peer: &Peer) -> Outcome {
    let ask = slapos_api::slap::SlapRequest {
        release: RELEASE.to_owned(),
        title: "kid".to_owned(),
        state: "started".to_owned(),
        seat: Some(("comp".to_owned(), "slappart0".to_owned())),
        ..Default::default()
    };
    let asked = peer.client()?.request_instance(&ask);
    asked.map(drop).map_err(|error| error.to_string())
}

/// What a node is told must be the same but for the times.
fn compare(theirs: &str, ours: &str) -> Outcome {
    let parts = |text: &str| -> Vec<String> {
        let words = text.split(['<', '>']).map(str::to_owned);
        let is_time = |word: &String| word.parse::<f64>().is_ok_and(|number| number > 1e9);
        let mut words: Vec<String> = words.filter(|word| !is_time(word)).collect();
        words.retain(|word| !word.contains(" id=\"i"));
        words.sort();
        words
    };
    let (theirs, ours) = (parts(theirs), parts(ours));
    let missing: Vec<&String> = theirs.iter().filter(|word| !ours.contains(word)).collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(format!("after the move the node is not told: {missing:?}")),
    }
}
