//! What is read, what is refused, and that writing and reading are inverse.

use super::*;
use crate::slap::write;

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

proptest::proptest! {
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
