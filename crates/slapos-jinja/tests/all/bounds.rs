//! Hostile templates: bounded time, memory and depth, and never a panic.

use proptest::prelude::*;
use slapos_jinja::{ErrorKind, Extension, Given, NoTemplates, Settings, render};

fn kind_of(template: &str) -> Option<ErrorKind> {
    let extensions = [Extension::Do];
    let settings = Settings {
        name: "t",
        extensions: &extensions,
        templates: &NoTemplates,
    };
    let context = vec![("x".to_owned(), Given::text("a"))];
    render(template, context, &settings)
        .err()
        .map(|error| error.kind)
}

#[test]
fn render_of_what_never_ends_is_stopped() {
    for template in [
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ 'a' * 10**12 }}",
        "{{ 2 ** 500 }}",
        "{% for i in range(10**12) %}{% endfor %}",
        "{% set l = [1] %}{% for i in range(80) %}{% do l.extend(l) %}{% endfor %}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%.70000f' % 1.0 }}",
        "{{ '%.70000d' % 1 }}",
        "{{ '{:.70000f}'.format(1.0) }}",
    ] {
        assert_eq!(kind_of(template), Some(ErrorKind::Limit), "{template}");
    }
    assert!(kind_of("{% set l = [] %}{% do l.append(l) %}{{ l }}").is_none());
    assert_eq!(
        kind_of("{% set l = [] %}{% do l.append(l) %}{{ dumps(l) }}"),
        Some(ErrorKind::Value)
    );
    assert_eq!(
        kind_of("{% set l = [] %}{% do l.append(l) %}{{ l|tojson }}"),
        Some(ErrorKind::Value)
    );
}

#[test]
fn render_of_deep_nesting_is_refused() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("-", ""),
        ("{'a':", "}"),
        ("not ", ""),
        ("x.", ""),
    ] {
        let template = format!("{{{{ {}1{} }}}}", open.repeat(30_000), close.repeat(30_000));
        assert!(kind_of(&template).is_some() || open == "not ", "{open}");
    }
    let template = format!(
        "{}{}",
        "{% if x %}".repeat(5_000),
        "{% endif %}".repeat(5_000)
    );
    assert_eq!(kind_of(&template), Some(ErrorKind::Limit));
    let sum = format!("{{{{ {}1 }}}}", "1+".repeat(100_000));
    assert_eq!(kind_of(&sum), Some(ErrorKind::Limit));
}

/// Pieces that templates are made of, so that random ones get past the parser.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", " ", "\n", "if ", "else", "endif", "for ",
        " in ", "endfor", "set ", "macro ", "endmacro", "x", "y", "=", "(", ")", "[", "]", "{",
        "}", ":", ",", ".", "|", "join", "list", "'a'", "1", "2.5", "%", "**", "//", "~", "range",
        "loop", ".items()", ".split()", ".format(", "is ", "defined", "not ", "raw", "endraw", "é",
        "\\", "\"", "dumps(", "sort", "map(", "none", "do ", "call ", "endcall", "import ", "as ",
        "[1:]",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn render_of_anything_never_panics(pieces in prop::collection::vec(piece(), 0..40)) {
        let _ = kind_of(&pieces.concat());
    }

    #[test]
    fn render_of_any_text_without_braces_is_that_text(text in "[a-z \n${}]{0,40}") {
        let has_tags = text.contains("{{");
        let settings = Settings { name: "t", extensions: &[], templates: &NoTemplates };
        if let (false, Ok(out)) = (has_tags, render(&text, Vec::new(), &settings)) {
            prop_assert_eq!(out, text.strip_suffix('\n').unwrap_or(&text));
        }
    }

    #[test]
    fn render_of_dumps_reads_back(text in "\\PC{0,20}", n in any::<i64>()) {
        let template = "{{ dumps([x, n]) }}";
        let settings = Settings { name: "t", extensions: &[], templates: &NoTemplates };
        let number = Given::json(&n.to_string()).expect("a number");
        let context = vec![("x".to_owned(), Given::text(&text)), ("n".to_owned(), number)];
        let marker = render(template, context, &settings).expect("renders");
        let typed = slapos_buildout::Typed::from_marker(&marker).expect("reads back");
        let expected = slapos_buildout::Typed::List(vec![
            slapos_buildout::Typed::Str(text),
            slapos_buildout::Typed::Int(n.into()),
        ]);
        prop_assert_eq!(typed, expected);
    }
}
