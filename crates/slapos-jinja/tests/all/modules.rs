//! What the modules that a profile may give to a template answer.

use slapos_jinja::ErrorKind;

use crate::{error, text};

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
