//! What statements and calls of templates do, beyond the vectors of the genuine recipe (tests of slapos-build run those).

use slapos_jinja::{ErrorKind, Load};

use crate::{error, text, with};

#[test]
fn render_of_loops_leaves_and_goes_on_where_told() {
    assert_eq!(
        text(
            "{% for i in range(9) %}{% if i == 1 %}{% continue %}{% elif i > 3 %}{% break %}{% endif %}{{ i }}{% endfor %}"
        ),
        "023"
    );
    assert_eq!(
        text(
            "{% for i in [1,2] recursive %}{{ i }}{% if i == 2 and loop.depth0 == 0 %}({{ loop([5, 6]) }}){% endif %}{% endfor %}"
        ),
        "12(56)"
    );
    assert_eq!(
        text(
            "{% for i in 'ab' %}{{ loop.previtem|default('-') }}{{ loop.nextitem|default('+') }}{% endfor %}"
        ),
        "-ba+"
    );
    assert_eq!(
        text("{% for i in [1,1,2] %}{% if loop.changed(i) %}{{ i }}{% endif %}{% endfor %}"),
        "12"
    );
    assert_eq!(
        text("{% for (a, b), c in [((1, 2), 3)] %}{{ a + b + c }}{% endfor %}"),
        "6"
    );
}

#[test]
fn render_of_names_keeps_to_their_scopes() {
    assert_eq!(
        text("{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}"),
        "2"
    );
    assert_eq!(
        text("{% set x = 1 %}{% for i in [0] %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}"),
        "21"
    );
    assert_eq!(
        text("{% macro m() %}{{ x }}{% endmacro %}{% set x = 3 %}{{ m() }}"),
        "3"
    );
    assert_eq!(
        text("{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }}"),
        "3False"
    );
    assert_eq!(
        text("{% set x %}{% set y = 1 %}a{{ y }}{% endset %}{{ x }}{{ y is defined }}"),
        "a1False"
    );
}

#[test]
fn render_of_objects_changes_them_in_place() {
    assert_eq!(
        text("{% set a = [] %}{% set b = a %}{% do b.append(1) %}{{ a }}{{ a is sameas b }}"),
        "[1]True"
    );
    assert_eq!(
        text(
            "{% set d = {'k': [1]} %}{% for v in d.values() %}{% do v.append(2) %}{% endfor %}{{ d }}"
        ),
        "{'k': [1, 2]}"
    );
    assert_eq!(
        text("{% for i in range(2) %}{% set l = [] %}{% do l.append(i) %}{{ l }}{% endfor %}"),
        "[0][1]"
    );
    assert_eq!(
        text("{{ conf.pop('port') }}{{ 'port' in conf }}"),
        "80False"
    );
    // The method goes before the key of that name; an index takes the key.
    assert_eq!(
        text("{{ conf.items() is iterable }}{{ conf['items'] }}"),
        "True7"
    );
}

#[test]
fn render_of_other_templates_shares_what_it_says() {
    #[derive(Debug)]
    struct Lib;
    impl Load for Lib {
        fn load(&self, name: &str) -> Option<Result<String, String>> {
            let text = match name {
                "lib" => {
                    "{% set seen = [] %}{% macro add(x) %}{% do seen.append(x) %}{{ seen|length }}{% endmacro %}{% set _hidden = 1 %}"
                }
                "part" => "[{{ x }}{{ conf.port }}]",
                "bad" => "\n\n{{ nope }}",
                _ => return None,
            };
            Some(Ok(text.to_owned()))
        }
    }
    let text = |template: &str| with(template, &Lib).expect(template);
    assert_eq!(
        text(
            "{% import 'lib' as a %}{% import 'lib' as b %}{{ a.add(1) }}{{ b.add(2) }}{{ a._hidden is defined }}"
        ),
        "12False"
    );
    assert_eq!(text("{% set x = 5 %}{% include 'part' %}"), "[580]");
    assert_eq!(
        text("{% include 'nope' ignore missing %}{% include ['nope', 'lib'] %}"),
        ""
    );
    assert_eq!(
        with("{% import 'nope' as n %}", &Lib)
            .expect_err("lost")
            .kind,
        ErrorKind::NotFound
    );
}

#[test]
fn render_of_what_is_wrong_says_what_and_where() {
    for (template, kind) in [
        ("\n{{ 1 + 'a' }}", ErrorKind::Type),
        ("\n{{ conf.nope.x }}", ErrorKind::Undefined),
        ("\n{{ [1]|nofilter }}", ErrorKind::Syntax),
        ("\n{{ 1 / 0 }}", ErrorKind::ZeroDivision),
        ("\n{{ int('x') }}", ErrorKind::Value),
        ("\n{% for x in 5 %}{% endfor %}", ErrorKind::Type),
        ("\n{{ dumps(len) }}", ErrorKind::Value),
        ("\n{% set a.b = 1 %}", ErrorKind::Syntax),
        ("\n{% endif %}", ErrorKind::Syntax),
        ("\n{{ ''.__class__.__mro__ }}", ErrorKind::Undefined),
    ] {
        let error = error(template);
        assert_eq!((error.kind, error.line), (kind, 2), "{template}: {error}");
    }
}

#[test]
fn render_of_calls_ignores_no_argument() {
    for template in [
        "{{ range(3, start=1) }}",
        "{{ zip([1], strict=2) }}",
        "{{ map(int, ['1'], x=1) }}",
        "{{ max([1], nothing=1) }}",
        "{{ max() }}",
        "{{ max(1, 2, default=3) }}",
        "{{ cycler(a=1) }}",
        "{{ cycler() }}",
        "{{ cycler(1).next(2) }}",
        "{{ joiner()(1) }}",
        "{{ {}.items(1) }}",
        "{{ {}.clear(1) }}",
        "{{ [].clear(1) }}",
        "{{ int(5, 10) }}",
        "{{ str('a', 'utf-8') }}",
    ] {
        assert_eq!(error(template).kind, ErrorKind::Type, "{template}");
    }
    for (template, expected) in [
        ("{{ [1, 2, 1].index(1, 1) }}", "2"),
        ("{{ [1, 2, 1].index(1, -1, 9) }}", "2"),
        ("{{ [1, 2, 1].index(2, -9) }}", "1"),
        ("{{ str('aé'.encode(), 'ascii', 'ignore') }}", "a"),
        ("{{ bytes('aé', 'ascii', errors='replace') }}", "b'a?'"),
        ("{{ min([3, 1], default=0) }}{{ min([], default=0) }}", "10"),
        ("{{ any([0, 1]) }}{{ all(iter([1, 0])) }}", "TrueFalse"),
    ] {
        assert_eq!(text(template), expected, "{template}");
    }
    assert_eq!(error("{{ [1, 2].index(2, 0, 1) }}").kind, ErrorKind::Value);
}

#[test]
fn render_of_blocks_and_includes_hides_what_jinja2_hides() {
    for (template, expected) in [
        (
            "{% for x in [1] %}{% block b %}{{ x is defined }}{% endblock %}{% endfor %}",
            "False",
        ),
        (
            "{% for x in [1] %}{% block b scoped %}{{ x }}{% endblock %}{% endfor %}",
            "1",
        ),
        ("{% set x = 1 %}{% block b %}{{ x }}{% endblock %}", "1"),
    ] {
        assert_eq!(text(template), expected, "{template}");
    }
    #[derive(Debug)]
    struct Others;
    impl Load for Others {
        fn load(&self, name: &str) -> Option<Result<String, String>> {
            let text = match name {
                "b" => "{{ loop is defined }}{{ x }}",
                "c" => "{% import 'd' as d %}{% set own = d.z %}",
                "d" => "{% set z = 1 %}{% set _z = 2 %}",
                _ => return None,
            };
            Some(Ok(text.to_owned()))
        }
    }
    for (template, expected) in [
        ("{% for x in [7] %}{% include 'b' %}{% endfor %}", "False7"),
        (
            "{% import 'c' as c %}{{ c.own }}{{ c.d is defined }}",
            "1False",
        ),
    ] {
        let found = with(template, &Others);
        assert_eq!(found.as_deref(), Ok(expected), "{template}");
    }
    let private = with("{% from 'd' import _z %}", &Others);
    assert_eq!(private.map_err(|error| error.kind), Err(ErrorKind::Syntax));
}

#[test]
fn render_of_break_and_continue_leaves_through_filters_and_else() {
    for word in ["break", "continue"] {
        for (template, expected) in [
            (
                "{% for i in [1,2] %}{% filter upper %}a{% LEAVE %}b{% endfilter %}c{% endfor %}",
                "",
            ),
            (
                "{% for i in [1,2] %}{% set x %}a{% LEAVE %}{% endset %}c{% endfor %}",
                "",
            ),
            (
                "{% for j in [1,2] %}{{ j }}{% for i in [] %}{% else %}{% LEAVE %}b{% endfor %}c{% endfor %}",
                if word == "break" { "1" } else { "12" },
            ),
            // No turn came to its end.
            (
                "{% for i in [1,2] %}{% LEAVE %}{% else %}e{% endfor %}",
                "e",
            ),
        ] {
            let template = template.replace("LEAVE", word);
            assert_eq!(text(&template), expected, "{template}");
        }
    }
}

#[test]
fn render_of_macros_takes_no_more_than_they_mention() {
    let macros = "{% macro m(a) %}{{ a }}{% endmacro %}{% macro r(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}";
    for call in ["m(1, 2)", "m(1, z=2)", "m(1, a=2)", "m(a=1, caller=2)"] {
        let template = format!("{macros}{{{{ {call} }}}}");
        assert_eq!(error(&template).kind, ErrorKind::Type, "{call}");
    }
    let called = format!("{macros}{{% call m(1) %}}x{{% endcall %}}");
    assert_eq!(error(&called).kind, ErrorKind::Type);
    assert_eq!(
        text(&format!("{macros}{{{{ r(1, 2, x=3) }}}}{{{{ r(1) }}}}")),
        "(2,){'x': 3}(){}"
    );
}
