//! What filters over text give; each answer is that of jinja2 3.1.6.

use slapos_jinja::ErrorKind;

use crate::{error, text};

#[test]
fn render_of_filters_over_text_is_jinjas() {
    for (template, expect) in [
        (
            "{{ 'the quick brown fox'|wordwrap(9) }}",
            "the quick\nbrown fox",
        ),
        ("{{ 'abcdefghij kl'|wordwrap(4) }}", "abcd\nefgh\nij\nkl"),
        ("{{ 'abcdefghij kl'|wordwrap(4, false) }}", "abcdefghij\nkl"),
        (
            "{{ 'well-known and x-ray-like'|wordwrap(6) }}",
            "well-\nknown\nand\nx-ray-\nlike",
        ),
        (
            "{{ 'well-known and x-ray-like'|wordwrap(6, true, none, false) }}",
            "well-k\nnown\nand x-\nray-li\nke",
        ),
        ("{{ 'well-known'|wordwrap(3) }}", "wel\nl-k\nnow\nn"),
        (
            "{{ 'a -- b--c---d e'|wordwrap(3) }}",
            "a\n--\nb--\nc\n---\nd e",
        ),
        (
            "{{ 'one  two   three'|wordwrap(5, wrapstring='|') }}",
            "one|two|three",
        ),
        (
            "{{ '  lead\\n\\n tail  \\r\\nx'|wordwrap(4) }}",
            "lead\n\ntail\nx",
        ),
        (
            "{{ 'ab\\x1ecd\\x1fef gh\\u2028i'|wordwrap(5) }}",
            "ab\ncd\u{1f}ef\ngh\ni",
        ),
        (
            "{{ '---abc-d1-ef \\u00e9\\u00e9-\\u00e9\\u00e9'|wordwrap(4) }}",
            "---a\nbc-\nd1-\nef\néé-\néé",
        ),
        ("{{ 'abc def'|wordwrap(3) }}", "abc\ndef"),
        ("{{ ''|wordwrap(0) }}", ""),
        ("{{ 'a\\x1eb\\n\\n'|indent(2) }}", "a\n  b\n\n"),
        ("{{ ''|indent(2, true) }}", "  "),
        ("{{ '\\na'|indent(1, true, true) }}", " \n a"),
        ("{{ 'a\\r\\nb'|indent('> ') }}", "a\n> b"),
        ("{{ 'a\\x1cb-c'|title }}", "A\u{1c}B-C"),
        (
            "{{ 'a<!-- > --> <b >c\\x1d d</b> e < f'|striptags }}",
            "a c d e < f",
        ),
        ("{{ 'a <!-- b> c'|striptags }}", "a <!-- b> c"),
        (
            "{{ [0, 1, 1.9, -5, 999, 1000, 1234567, '1024', true]|map('filesizeformat')|join(' ') }}",
            "0 Bytes 1 Byte 1 Bytes -5 Bytes 999 Bytes 1.0 kB 1.2 MB 1.0 kB 1 Byte",
        ),
        (
            "{{ [1024, 1535, 1048576, 2000000000000000000, 3e27, 9e30]|map('filesizeformat', true)|join(' ') }}",
            "1.0 KiB 1.5 KiB 1.0 MiB 1.7 EiB 2481.5 YiB 7444625.5 YiB",
        ),
        (
            "{{ {'a': 1, 'b': none, 'c': '<'}|xmlattr }}",
            " a=\"1\" c=\"&lt;\"",
        ),
        ("{{ {'a': 1, 'c': 2}|xmlattr(false) }}", "a=\"1\" c=\"2\""),
        ("{{\u{1f}1\u{1c}}}", "1"),
    ] {
        assert_eq!(text(template), expect, "{template}");
    }
}

#[test]
fn render_of_filters_over_text_refuses_what_jinja_refuses() {
    for template in [
        "{{ 'a'|wordwrap(0) }}",
        "{{ {'a b': 1}|xmlattr }}",
        "{{ 'x'|filesizeformat }}",
    ] {
        assert_eq!(error(template).kind, ErrorKind::Value, "{template}");
    }
    let template = "{{ 'a\nb'|indent(9999999999999999) }}";
    assert_eq!(error(template).kind, ErrorKind::Limit);
}
