//! Typed values against the answers of Nexedi's fork: 73 values and texts.

use serde_json::Value as Json;
use slapos_buildout::{Typed, Value};

use crate::world::cases;

/// Texts that the original evaluates as code; here they are refused. docs/profile-language.md gives the reason.
const REFUSED: [&str; 4] = ["loads-22", "loads-23", "loads-24", "loads-25"];

#[test]
fn typed_vectors_are_answered_as_by_the_fork() {
    let all = cases(include_str!("../vectors/typed.jsonl"));
    assert_eq!(all.len(), 73);
    let mut failures = Vec::new();
    for case in &all {
        let id = case["id"].as_str().expect("id");
        match (check(case), REFUSED.contains(&id)) {
            (Err(reason), false) => failures.push(format!("{id}: {reason}")),
            (Ok(()), true) => failures.push(format!("{id} is listed as an exception but agrees")),
            _ => {}
        }
    }
    assert!(
        failures.is_empty(),
        "{} cases:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn typed_texts_that_are_code_are_refused() {
    let documented = include_str!("../../../../docs/profile-language.md");
    for case in cases(include_str!("../vectors/typed.jsonl")) {
        let id = case["id"].as_str().expect("id");
        if REFUSED.contains(&id) {
            let text = case["text"].as_str().expect("text");
            let reason = Typed::from_marker(text).expect_err(text).reason;
            assert!(
                reason.contains("only literals are read") || reason.contains("lambda"),
                "{reason}"
            );
            assert!(documented.contains(id), "{id}");
        }
    }
}

fn check(case: &Json) -> Result<(), String> {
    let expect = &case["expect"];
    let read = match (case["text"].as_str(), case["value"].as_str()) {
        (Some(text), _) => Typed::from_marker(text),
        // The value is an expression of Python that makes it; power is written out here.
        (None, Some("10**20")) => Typed::from_marker("!py!100000000000000000000"),
        (None, Some(value)) if value.starts_with("float(") => {
            let number = if value.contains("inf") {
                f64::INFINITY
            } else {
                f64::NAN
            };
            Typed::Float(number)
                .to_marker()
                .and_then(|marker| Typed::from_marker(&marker))
        }
        (None, value) => Typed::from_marker(&format!("!py!{}", value.expect("value"))),
    };
    let value = match (read, expect.get("error")) {
        (Ok(value), None) => value,
        (Err(_), Some(_)) => return Ok(()),
        (Ok(value), Some(error)) => return Err(format!("is {value:?}, not {error}")),
        (Err(error), None) => return Err(error.to_string()),
    };
    same("repr", &expect["loads"], &value.repr())?;
    same(
        "type",
        expect.get("type").unwrap_or(&Json::Null),
        value.type_name(),
    )?;
    let marker = value.to_marker().map_err(|error| error.to_string())?;
    if let Some(dumps) = expect.get("dumps") {
        same("marker", dumps, &marker)?;
    }
    let again = Typed::from_marker(&marker).map_err(|error| error.to_string())?;
    if again == value {
        Ok(())
    } else {
        Err(format!("{value:?} reads back as {again:?}"))
    }
}

fn same(what: &str, wanted: &Json, ours: &str) -> Result<(), String> {
    match wanted.as_str() {
        Some(wanted) if wanted != ours => Err(format!("{what} is {ours}, not {wanted}")),
        _ => Ok(()),
    }
}

#[test]
fn typed_marker_is_what_a_value_inserts_as_text() {
    let value = Value::from(Typed::List(vec![Typed::Str("$;".to_owned())]));
    assert_eq!(value.as_text(), r"!py!['\x24\x3b']");
    assert_eq!(Value::from(Typed::Str("x".to_owned())), Value::from("x"));
}
