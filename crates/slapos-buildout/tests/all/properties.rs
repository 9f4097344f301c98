//! Properties that hold for any text: the parser never panics, substitution ends.

use proptest::prelude::*;
use slapos_buildout::{Session, Typed};

use crate::world::{VectorRecipes, load_files, load_text};

/// Loads and evaluates everything; only panics and endless work can fail.
fn evaluate(files: &[(&str, &str)]) {
    let Ok(profile) = load_files(files) else {
        return;
    };
    let Ok(session) = Session::new(&profile, &VectorRecipes) else {
        return;
    };
    let _ = session.parts().map_err(|report| report.to_string());
    for section in profile.sections() {
        let _ = session
            .section(section)
            .map_err(|report| report.to_string());
    }
}

/// Lines that look like the language, in any order.
fn line() -> impl Strategy<Value = String> {
    let name = "[abcx]";
    prop_oneof![
        Just("[buildout]".to_owned()),
        Just("extends = main.cfg b.cfg".to_owned()),
        Just("extends = b.cfg".to_owned()),
        name.prop_map(|section| format!("[{section}]")),
        ("[a-c]", "(linux|windows|1 <|python3 and )").prop_map(|(s, c)| format!("[{s}:{c}]")),
        "[abc]( m)?".prop_map(|parent| format!("<= {parent}")),
        (
            name,
            "( ?[+-])?",
            "(\\$|\\$\\$|\\{|\\}|[abc]|:|!py!|\\$\\{[abc]?:[abcx]\\}){0,6}"
        )
            .prop_map(|(option, sign, value)| format!("{option}{sign}= {value}")),
        "[ \t]{0,3}\\PC{0,12}",
        (name, name).prop_map(|(a, b)| format!("parts = {a} {b}")),
        "recipe = vector:(noop|location|set|typed|read)",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_loaded_or_refused(text in any::<String>()) {
        evaluate(&[("main.cfg", &text)]);
        let with_header = format!("[buildout]\nparts = a\n[a]\n{text}");
        evaluate(&[("main.cfg", &with_header)]);
    }

    #[test]
    fn any_lines_of_the_language_are_evaluated_to_an_end(
        main in prop::collection::vec(line(), 0..24),
        other in prop::collection::vec(line(), 0..12),
    ) {
        evaluate(&[("main.cfg", &main.join("\n")), ("b.cfg", &other.join("\n"))]);
    }

    #[test]
    fn any_condition_is_answered_or_refused(text in "[ -~]{0,40}") {
        let _ = load_text(&format!("[buildout]\nparts =\n[a:{text}]\n"));
    }

    #[test]
    fn any_marker_is_read_or_refused_and_what_is_read_is_written_again(text in "\\PC{0,40}") {
        if let Ok(value) = Typed::from_marker(&format!("!py!{text}"))
            && let Ok(marker) = value.to_marker()
        {
            prop_assert_eq!(Typed::from_marker(&marker).unwrap(), value);
        }
    }

    #[test]
    fn any_string_survives_the_marker(text in any::<String>()) {
        let value = Typed::Str(text);
        let marker = value.to_marker().unwrap();
        prop_assert_eq!(Typed::from_marker(&marker).unwrap(), value);
    }
}
