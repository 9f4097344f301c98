//! What is read, what is refused, and that writing and reading are inverse.

use super::*;
use crate::slap::{read_instance_xml, write, write_instance_xml};

fn inner(text: &str) -> Result<Value, SlapError> {
    read(&format!("<marshal>{text}</marshal>"))
}

#[test]
fn m02_double_escapes_read_back() {
    let value = inner("<string>a&amp;amp;&amp;lt;b&amp;gt;&#233;</string>").unwrap();
    assert_eq!(value, Value::text("a&<b>é"));
}

#[test]
fn m05_references_are_resolved() {
    let text = "<list id=\"i2\"><list id=\"i3\"><int>1</int></list><reference id=\"i3\"/></list>";
    let one = Value::List(vec![Value::int(1)]);
    assert_eq!(inner(text).unwrap(), Value::List(vec![one.clone(), one]));
}

#[test]
fn m06_other_spellings_are_accepted() {
    assert_eq!(
        inner("<unicode>a&amp;lt;</unicode>").unwrap(),
        Value::text("a<")
    );
    assert_eq!(inner("<long>5</long>").unwrap(), Value::int(5));
    let text = "<?xml version=\"1.0\"?>\n<m:marshal xmlns:m=\"urn:x\">\n <m:tuple>\n\
                <m:int>1</m:int> </m:tuple></m:marshal>\n";
    assert_eq!(read(text).unwrap(), Value::Tuple(vec![Value::int(1)]));
}

#[test]
fn m07_what_is_no_value_is_refused() {
    for text in [
        "",
        "<junk",
        "<marshal/>",
        "<marshal></marshal>",
        "<marshal><what/></marshal>",
        "<marshal><int>1</int><int>2</int></marshal>",
        "<marshal><int>x</int></marshal>",
        "<marshal><code>eA==</code></marshal>",
        "<marshal><reference id=\"i9\"/></marshal>",
        "<marshal><list id=\"i2\"><reference id=\"i2\"/></list></marshal>",
        "<marshal><dictionary id=\"i2\"><int>1</int></dictionary></marshal>",
        "<marshal>text</marshal>",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    let object = |module: &str, class: &str| {
        inner(&format!(
            "<object id=\"i2\" module=\"{module}\" class=\"{class}\"><tuple/><dictionary id=\"i3\"/></object>"
        ))
    };
    assert!(object("slapos.slap.slap", "Computer").is_ok());
    assert!(matches!(object("os", "Computer"), Err(SlapError::Class(_))));
    assert!(matches!(
        object("slapos.slap.slap", "Popen"),
        Err(SlapError::Class(_))
    ));
}

#[test]
fn read_entities_of_a_document_type_are_refused() {
    let bomb = "<!DOCTYPE m [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>\
                <marshal><string>&b;</string></marshal>";
    assert!(read(bomb).is_err());
    assert!(inner("<string>&b;</string>").is_err());
}

#[test]
fn read_references_that_double_are_bounded() {
    let mut text = "<list id=\"i1\"><int>1</int></list>".to_owned();
    for level in 2..60 {
        let before = level - 1;
        text = format!(
            "{text}<list id=\"i{level}\"><reference id=\"i{before}\"/><reference id=\"i{before}\"/></list>"
        );
    }
    let result = inner(&format!("<list id=\"i0\">{text}</list>"));
    assert_eq!(result, Err(SlapError::TooLarge("of too many values")));
}

#[test]
fn read_references_to_a_long_text_are_bounded() {
    let long = "x".repeat(1_000_000);
    let again = "<reference id=\"i1\"/>".repeat(100);
    let list = format!("<list id=\"i1\"><string>{long}</string></list>");
    let result = inner(&format!("<list id=\"i0\">{list}{again}</list>"));
    assert_eq!(result, Err(SlapError::TooLarge("of too much text")));
    // Neither are the copies that are kept for them.
    let (mut text, levels) = (format!("<string>{long}</string>"), 2..40);
    for level in levels.clone() {
        text = format!("<list id=\"i{level}\">{text}</list>");
    }
    let again: String = levels
        .map(|id| format!("<reference id=\"i{id}\"/>"))
        .collect();
    let result = inner(&format!("<list id=\"i0\">{text}{again}</list>"));
    assert_eq!(result, Err(SlapError::TooLarge("of too much text")));
}

#[test]
fn read_references_make_nothing_deeper_than_its_limit() {
    let nested = |id: &str, depth: usize, inside: &str| {
        let (open, close) = ("<tuple>".repeat(depth), "</tuple>".repeat(depth));
        format!("<list id=\"{id}\">{open}{inside}{close}</list>")
    };
    let two = |depth: usize| {
        let second = nested("i2", depth, "<reference id=\"i1\"/>");
        inner(&format!("<tuple>{}{second}</tuple>", nested("i1", 30, "")))
    };
    // A tuple, a list, so many tuples; then a list and thirty tuples.
    assert!(two(MARSHAL_DEPTH_MAX - 2 - 31).is_ok());
    let one_more = two(MARSHAL_DEPTH_MAX - 2 - 30);
    assert_eq!(one_more, Err(SlapError::TooLarge("nested too deeply")));
}

#[test]
fn read_deep_nesting_is_refused() {
    let text = format!(
        "{}{}",
        "<tuple>".repeat(100_000),
        "</tuple>".repeat(100_000)
    );
    assert_eq!(inner(&text), Err(SlapError::TooLarge("nested too deeply")));
}

fn any_value() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::int),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(Value::Float),
        "[ -~\n\té€😀]{0,20}".prop_map(Value::Text),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Tuple),
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            prop::collection::btree_map("[a-z]{0,8}", inner, 0..6).prop_map(Value::dict),
        ]
    })
}

/// A document in which containers are named and named ones stand again.
fn any_document() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        (0..6).prop_map(|id| format!("<reference id=\"i{id}\"/>")),
        "[ a-z&é]{0,9}".prop_map(|text| {
            let text = text.replace('&', "&amp;amp;");
            format!("<string>{text}</string>")
        }),
        any::<i32>().prop_map(|number| format!("<int>{number}</int>")),
        Just("<none/>".to_owned()),
    ];
    let inside = leaf.prop_recursive(20, 120, 5, |inner| {
        let items = prop::collection::vec(inner, 0..5);
        (items, 0..6, "(list|set|tuple)")
            .prop_map(|(items, id, tag)| format!("<{tag} id=\"i{id}\">{}</{tag}>", items.concat()))
    });
    inside.prop_map(|inside| format!("<marshal>{inside}</marshal>"))
}

/// Another text made of a text: pieces of it cut out, said again or put elsewhere, bytes changed.
fn mutated(text: &str, cuts: &[(usize, usize, usize, u8)]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for &(from, to, at, byte) in cuts {
        let length = bytes.len().max(1);
        let (from, to, at) = (from % length, to % length, at % length);
        let piece = bytes.get(from.min(to)..from.max(to)).unwrap_or_default();
        let piece = piece.to_vec();
        match byte % 3 {
            0 => drop(bytes.drain(from.min(to)..from.max(to))),
            1 => drop(bytes.splice(at..at, piece)),
            _ => bytes
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|one| *one = byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn any_cuts() -> impl proptest::strategy::Strategy<Value = Vec<(usize, usize, usize, u8)>> {
    let number = 0..10_000_usize;
    let cut = (
        number.clone(),
        number.clone(),
        number,
        proptest::num::u8::ANY,
    );
    proptest::collection::vec(cut, 1..6)
}

/// How many values and bytes of text it holds.
fn size(value: &Value) -> (usize, usize) {
    let sum = |items: &[Value]| {
        let sizes = items.iter().map(size);
        sizes.fold((1, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    };
    match value {
        Value::Text(text) => (1, text.len()),
        Value::Tuple(items) | Value::List(items) | Value::Set(items) => sum(items),
        Value::Dict(entries) => {
            let flat: Vec<Value> = entries
                .iter()
                .flat_map(|(k, v)| [k.clone(), v.clone()])
                .collect();
            sum(&flat)
        }
        Value::Object {
            arguments, state, ..
        } => {
            let parts = [Value::Tuple(arguments.clone()), Value::Dict(state.clone())];
            sum(&parts)
        }
        _ => (1, 0),
    }
}

/// Whatever is read is within the limits, and can be told again unless XML has no form for it.
fn check_read(text: &str) -> Result<(), proptest::test_runner::TestCaseError> {
    if let Ok(value) = read(text) {
        let (values, bytes) = size(&value);
        proptest::prop_assert!(values <= MARSHAL_VALUES_MAX && bytes <= MARSHAL_TEXT_BYTES_MAX);
        proptest::prop_assert!(height(&value) <= MARSHAL_DEPTH_MAX);
        if let Ok(told) = write(&value) {
            proptest::prop_assert_eq!(read(&told).is_ok(), true);
        }
    }
    Ok(())
}

proptest::proptest! {
    #[test]
    fn read_any_bytes_never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        check_read(&String::from_utf8_lossy(&bytes))?;
        check_read(&format!("<marshal>{}</marshal>", String::from_utf8_lossy(&bytes)))?;
    }

    #[test]
    fn read_any_document_and_what_is_made_of_it_stays_within_limits(
        text in any_document(),
        cuts in any_cuts(),
    ) {
        check_read(&text)?;
        check_read(&mutated(&text, &cuts))?;
    }

    #[test]
    fn read_what_is_made_of_a_written_value_stays_within_limits(
        value in any_value(),
        cuts in any_cuts(),
    ) {
        check_read(&mutated(&write(&value).unwrap(), &cuts))?;
    }

    #[test]
    fn read_instance_xml_of_anything_never_panics(
        pairs in proptest::collection::btree_map("[a-z&\"é]{0,6}", "[ -~é\n]{0,9}", 0..6),
        cuts in any_cuts(),
    ) {
        let text = write_instance_xml(&pairs);
        let read_back = read_instance_xml(&text).unwrap();
        proptest::prop_assert_eq!(read_back.len(), pairs.len());
        let other = mutated(&text, &cuts);
        if let Ok(found) = read_instance_xml(&other) {
            let bytes = found.iter().map(|(key, value)| {
                key.len() + value.as_ref().map_or(0, String::len)
            });
            proptest::prop_assert!(bytes.sum::<usize>() <= other.len());
        }
    }

    #[test]
    fn m09_writing_and_reading_are_inverse(value in any_value()) {
        let text = write(&value).unwrap();
        proptest::prop_assert!(text.is_ascii());
        proptest::prop_assert_eq!(read(&text).unwrap(), value);
    }

    #[test]
    fn read_any_text_never_panics(text in "(<|>|/|marshal|int|string|list|id=\"i2\"|&amp;|&|a|1){0,60}") {
        let _ = read(&text);
    }
}
