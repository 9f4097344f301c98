//! What templates of profiles do, beyond the vectors of the genuine recipe (tests of slapos-build run those).

use slapos_buildout::Typed;
use slapos_jinja::{
    ErrorKind, Extension, Given, Load, NoTemplates, Settings, TemplateError, render,
};

fn given() -> Vec<(String, Given)> {
    let conf = "!py!{'name': 'n', 'port': 80, 'list': ['b', 'a'], 'none': None, 'items': 7}";
    let conf = Typed::from_marker(conf).expect("a literal");
    let mut context = vec![("conf".to_owned(), Given::typed(&conf))];
    for (name, module) in [
        ("re", "re"),
        ("url", "urllib.parse"),
        ("json", "json"),
        ("itertools", "itertools"),
    ] {
        context.push((name.to_owned(), Given::module(module).expect("is built in")));
    }
    context
}

fn with(template: &str, templates: &dyn Load) -> Result<String, TemplateError> {
    let extensions = [Extension::Do, Extension::LoopControls];
    let settings = Settings {
        name: "t",
        extensions: &extensions,
        templates,
    };
    render(template, given(), &settings)
}

fn text(template: &str) -> String {
    with(template, &NoTemplates).unwrap_or_else(|error| panic!("{template}: {error}"))
}

fn error(template: &str) -> TemplateError {
    with(template, &NoTemplates).expect_err(template)
}

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
fn render_of_modules_gives_what_python_gives() {
    assert_eq!(
        text(r#"{{ re.sub("(a)(?P<n>b)?", "<\\g<n>\\1>", "ab-a") }}"#),
        "<ba>-<a>"
    );
    assert_eq!(
        text(
            r#"{{ re.match("(\\d+)-(\\d+)", "12-34x").groups() }}{{ re.findall("[a-z]", "a1b") }}"#
        ),
        "('12', '34')['a', 'b']"
    );
    assert_eq!(
        text(r#"{{ url.urlparse("https://u:p@H.example:8443/a;b?q#f") }}"#),
        "('https', 'u:p@H.example:8443', '/a', 'b', 'q', 'f')".to_owned()
    );
    assert_eq!(
        text(
            r#"{{ url.urljoin("http://h/a/b", "../c?d") }} {{ url.quote_plus("a b/é") }} {{ url.unquote("a%20%C3%A9") }}"#
        ),
        "http://h/c?d a+b%2F%C3%A9 a é"
    );
    assert_eq!(
        text(r#"{{ json.dumps({"b": [1.0, None], "a": "é<"}, indent=1, sort_keys=True) }}"#),
        "{\n \"a\": \"\\u00e9<\",\n \"b\": [\n  1.0,\n  null\n ]\n}"
    );
    assert_eq!(
        text(
            r#"{{ json.loads('{"z": 1, "a": [true]}') }}{{ json.dumps([1, {"a": 2}], separators=(",", ":")) }}"#
        ),
        "{'z': 1, 'a': [True]}[1,{\"a\":2}]"
    );
    assert_eq!(
        text(
            "{% set c = itertools.count(5) %}{{ next(c) }}{{ next(c) }}{{ itertools.islice(c, 2)|list }}"
        ),
        "56[7, 8]"
    );
}

#[test]
fn render_of_formats_is_pythons() {
    assert_eq!(
        text("{{ '%-5s|%5.2f|%03d|%x|%e' % ('ab', 3.14159, 7, 255, 12345.678) }}"),
        "ab   | 3.14|007|ff|1.234568e+04"
    );
    assert_eq!(
        text("{{ '%s %s' % ('a', None) }}{{ '%d%%' % 5 }}{{ '%r' % 'x' }}"),
        "a None5%'x'"
    );
    assert_eq!(
        text("{{ '{0[k]} {0.k} {1!r:>5} {x:,}'.format({'k': 1}, 'a', x=1234567) }}"),
        "1 1   'a' 1,234,567"
    );
    assert_eq!(error("{{ '%s' % (1, 2) }}").kind, ErrorKind::Type);
    assert_eq!(error("{{ '%(a)s' % {} }}").kind, ErrorKind::Key);
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
fn render_of_values_within_themselves_prints_dots() {
    assert_eq!(
        text("{% set a = [1] %}{% do a.append(a) %}{% do a.append((a,)) %}{{ a }}"),
        "[1, [...], ([...],)]"
    );
    assert_eq!(
        text("{% set d = {} %}{% do d.update(d=d, l=[d]) %}{{ d }}{% set l = [[]] * 2 %}{{ l }}"),
        "{'d': {...}, 'l': [{...}]}[[], []]"
    );
}

#[test]
fn render_of_numbers_is_pythons() {
    for (template, expected) in [
        (
            "{{ 1.0 // 0.1 }} {{ 5 % inf }} {{ -5 % inf }} {{ 5 // inf }}",
            "9.0 5.0 inf 0.0",
        ),
        (
            "{{ 7.5 // 2 }} {{ -7.5 // 2 }} {{ -7.5 % 2 }} {{ 7.5 % -2 }}",
            "3.0 -4.0 0.5 -0.5",
        ),
        (
            "{{ 1e300 % 7 }} {{ -1e300 // 7e299 }} {{ 0.0 // -3 }}",
            "1.0 -2.0 -0.0",
        ),
        (
            "{{ divmod(1.0, 0.1) }} {{ divmod(-7, 2) }}",
            "(9.0, 0.09999999999999995) (-4, 1)",
        ),
        ("{{ 2 ** -1 }} {{ 0 ** 0 }} {{ (-2.0) ** 3 }}", "0.5 1 -8.0"),
        (
            "{{ abs(-3) }} {{ -(-7) }} {{ 'abcdef'|truncate(4, true, '..', 0) }}",
            "3 7 ab..",
        ),
        (
            "{{ ['a']|map('upper')|list }} {{ enumerate('ab', 5)|list }}",
            "['A'] [(5, 'a'), (6, 'b')]",
        ),
    ] {
        let template = format!("{{% set inf = float('inf') %}}{template}");
        assert_eq!(text(&template), expected, "{template}");
    }
    for (template, kind) in [
        ("{{ 0 ** -1 }}", ErrorKind::ZeroDivision),
        ("{{ 0.0 ** -1.5 }}", ErrorKind::ZeroDivision),
        ("{{ divmod(1.0, 0) }}", ErrorKind::ZeroDivision),
        ("{{ (-8) ** 0.5 }}", ErrorKind::Unsupported),
    ] {
        assert_eq!(error(template).kind, kind, "{template}");
    }
}

#[test]
fn render_of_integers_beyond_128_bits_is_refused() {
    let least = "{% set most = 2 ** 126 - 1 + 2 ** 126 %}{% set least = -most - 1 %}";
    for used in [
        "-least",
        "abs(least)",
        "least|abs",
        "least // -1",
        "most + 1",
        "'a'|truncate(most)",
        "enumerate('ab', most)|list",
    ] {
        let error = error(&format!("{least}{{{{ {used} }}}}"));
        assert_eq!(error.kind, ErrorKind::Limit, "{used}");
        assert!(error.message.contains("128 bits"), "{used}: {error}");
    }
    // None of these computes with what it is given.
    for used in [
        "itertools.repeat(1, least)|list",
        "[1].insert(least, 2)",
        "[1].index(1, least)",
        "'a'.find('a', least)",
        "'abc'[least:most]",
        "itertools.islice('abc', most)|list",
        "'a'.ljust(least)",
        "range(least, most)[3]",
        "range(least, most, most)|list",
        "most in range(least, most, 7)",
    ] {
        text(&format!("{least}{{{{ {used} }}}}"));
    }
    let nothing = error(&format!("{least}{{{{ [1][least] }}}}"));
    assert_eq!(nothing.kind, ErrorKind::Undefined, "{nothing}");
}

#[test]
fn render_of_keys_tells_ranges_and_complex_numbers_from_tuples() {
    for (template, expected) in [
        ("{{ {range(5): 1, (0, 5, 1): 2}|length }}", "2"),
        (
            "{{ {range(0): 1, range(3, 3): 2}|length }}{{ {range(0, 3, 2): 1, range(0, 4, 2): 2} }}",
            "1{range(0, 3, 2): 2}",
        ),
        ("{{ {complex(1, 2): 1, (1.0, 2.0): 2}|length }}", "2"),
        (
            "{{ {complex(1, 0): 1, 1: 2, 1.0: 3, true: 4}|length }}",
            "1",
        ),
        ("{{ {frozenset([1, 2]): 1}[frozenset([2, 1])] }}", "1"),
        (
            "{{ {1: 'a', 2: 'b'} == {2: 'b', 1.0: 'a'} }}{{ frozenset([1]) == set([1]) }}",
            "TrueTrue",
        ),
    ] {
        assert_eq!(text(template), expected, "{template}");
    }
}

#[test]
fn render_of_sets_and_lists_is_pythons() {
    for (template, expected) in [
        (
            "{{ set([1, 2, 3]).symmetric_difference([3, 4]) }}",
            "{1, 2, 4}",
        ),
        (
            "{{ set([1, 2]).union([2], [3]) }}{{ set([1, 2, 3]).difference([1], [2]) }}",
            "{1, 2, 3}{3}",
        ),
        (
            "{{ set([1, 2, 3]) - set([2]) }}{{ (frozenset([1, 2]) - set([2])) }}",
            "{1, 3}frozenset({1})",
        ),
        (
            "{% set s = set([1]) %}{% do s.update([2], [3]) %}{{ s }}{{ s.issuperset([1, 2]) }}",
            "{1, 2, 3}True",
        ),
        (
            "{% set s = set([1, 2]) %}{% do s.intersection_update([2, 3]) %}{{ s }}",
            "{2}",
        ),
        (
            "{% set s = set([1]) %}{{ s.union(map(s.add, [5])) }}{{ s }}",
            "{1, 5, None}{1, 5}",
        ),
        (
            "{{ sorted([3, 1, 2], reverse=true) }}{{ [[2, 'a'], [1, 'b'], [2, 'c']]|sort(attribute=0, reverse=true) }}",
            "[3, 2, 1][[2, 'a'], [2, 'c'], [1, 'b']]",
        ),
        (
            "{{ 3 in range(0, 9, 3) }}{{ 4 in range(0, 9, 3) }}{{ 2 in (1, 2) }}{{ 'a' in ['b'] }}",
            "TrueFalseTrueFalse",
        ),
        (
            "{{ 'x'.ljust(3, '-') }}{{ 'x'.center(4) }}{{ 'a\tb'.expandtabs(4) }}",
            "x-- x  a   b",
        ),
        (
            "{{ ' a\x1cb '.split() }}{{ '\x1c'.isspace() }}{{ '\x1f1 '|int }}",
            "['a', 'b']True1",
        ),
    ] {
        assert_eq!(text(template), expected, "{template}");
    }
    for template in [
        "{{ 'x'.ljust(3, '--') }}",
        "{{ 'x'.center(3, '') }}",
        "{{ 'x'.rjust(1, 'ab') }}",
    ] {
        assert_eq!(error(template).kind, ErrorKind::Type, "{template}");
    }
}

#[test]
fn render_of_json_honours_its_arguments() {
    for (template, expected) in [
        ("{{ json.dumps([1, set([2])], default=list) }}", "[1, [2]]"),
        (
            "{{ json.dumps({'a': 1, (1, 2): 2}, skipkeys=true) }}",
            "{\"a\": 1}",
        ),
        (
            "{{ json.dumps({1: float('nan'), none: true}, cls=none) }}",
            "{\"1\": NaN, \"null\": true}",
        ),
        (
            "{{ json.dumps({'b': 1, 'a': 2}, sort_keys=true, separators=none) }}",
            "{\"a\": 2, \"b\": 1}",
        ),
    ] {
        assert_eq!(text(template), expected, "{template}");
    }
    for (template, kind) in [
        (
            "{{ json.dumps(float('inf'), allow_nan=false) }}",
            ErrorKind::Value,
        ),
        ("{{ json.dumps(1, cls=int) }}", ErrorKind::Unsupported),
        (
            "{{ json.dumps({'a': 1, 2: 2}, sort_keys=true) }}",
            ErrorKind::Type,
        ),
        ("{{ json.dumps([set()]) }}", ErrorKind::Type),
    ] {
        assert_eq!(error(template).kind, kind, "{template}");
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

#[test]
fn render_of_sorting_needs_an_order_only_between_what_differs() {
    for (template, expected) in [
        ("{{ [none, none]|sort }}", "[None, None]"),
        (
            "{{ [(1, none), (1, none)]|sort }}",
            "[(1, None), (1, None)]",
        ),
        (
            "{{ ['b', 'A', 'a']|sort }}{{ ['b', 'A']|sort(case_sensitive=true) }}",
            "['A', 'a', 'b']['A', 'b']",
        ),
        (
            "{{ 15|round(-1) }} {{ round(25, -1) }} {{ round(-25, -1) }} {{ round(5, -9) }}",
            "20 20 -20 0",
        ),
        ("{{ '\\101\\60' }}", "A0"),
        ("{{ 'odd' is test }}{{ 'nope' is test }}", "TrueFalse"),
    ] {
        assert_eq!(text(template), expected, "{template}");
    }
    for template in ["{{ [1, 'a']|sort }}", "{{ [none, 1]|sort }}"] {
        assert_eq!(error(template).kind, ErrorKind::Type, "{template}");
    }
    assert_eq!(error("{{ 1 +}}").kind, ErrorKind::Syntax);
}

#[test]
fn render_of_regular_expressions_is_pythons() {
    for (template, expected) in [
        ("re.match('b|ab', 'ab').group()", "ab"),
        ("re.fullmatch('a|ab', 'ab').group()", "ab"),
        ("re.match('b', 'ab')", "None"),
        ("re.search('é', 'aéé').span()", "(1, 2)"),
        ("re.search('(?P<x>b)', 'éab').start('x')", "2"),
        ("re.search('(b)?(a)', 'éa').span(1)", "(-1, -1)"),
        ("re.search('(b)?(a)', 'éa').groups('-')", "('-', 'a')"),
        ("re.findall('(b)?(a)', 'aba')", "[('', 'a'), ('b', 'a')]"),
        ("re.findall('x*', 'axb')", "['', 'x', '', '']"),
        ("re.findall('a|', 'ba')", "['', 'a', '']"),
        ("re.sub('x*', '-', 'abxd')", "-a-b--d-"),
        ("re.split('x*', 'axbc')", "['', 'a', '', 'b', 'c', '']"),
        ("re.sub('A', 'b', 'aaa', 2, re.I)", "bba"),
        ("re.subn('a', 'b', 'aa')", "('bb', 2)"),
        ("re.match('A', 'a', re.I).end()", "1"),
        ("re.search('a$', 'a\\n').end()", "1"),
        ("re.search('a\\\\Z', 'a\\n')", "None"),
        ("re.search('\\\\\\\\Z', '\\\\Z').group()", "\\Z"),
        ("re.match('[[a&&b]+', 'a&[').group()", "a&["),
        ("re.match('{x}', '{x}').group()", "{x}"),
        ("re.match(re.compile('A', re.I), 'a').group()", "a"),
        ("re.compile('(a)(?P<b>b)').groupindex", "{'b': 2}"),
        ("re.match('(?P<k>a)(b)?', 'a')['k']", "a"),
        ("re.match('(a(b))', 'ab').lastindex", "1"),
        ("re.sub('(?P<n>a)', '<\\\\g<n>>', 'ba')", "b<a>"),
        ("re.match('a', 'a').nope is defined", "False"),
    ] {
        assert_eq!(
            text(&format!("{{{{ {template} }}}}")),
            expected,
            "{template}"
        );
    }
    for template in [
        "re.match('\\\\h', 'a')",
        "re.match('a', 'a', 256)",
        "re.sub('a', '\\\\1', 'a')",
    ] {
        assert_eq!(
            error(&format!("{{{{ {template} }}}}")).kind,
            ErrorKind::Value,
            "{template}"
        );
    }
}
